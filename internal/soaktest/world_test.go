//go:build linux

package soaktest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load/store"
)

const (
	east = "us-east-1"
	west = "eu-west-1"
	day  = 24 * time.Hour
)

// monday is when the first run of a warehouse starts.
var monday = time.Date(2026, time.November, 23, 6, 0, 0, 0, time.UTC)

// company is an organization that lives on from one run to the next.
type company struct {
	seed     int64
	accounts int
}

// at returns the company as it is at a time.
func (c company) at(now time.Time) *sim.Organization {
	return sim.New(sim.Options{Seed: c.seed, Accounts: c.accounts, Regions: []string{east, west}, Scale: 0.03, Now: now})
}

// members are the accounts that have no part in finding the others.
func (c company) members() []string {
	var ids []string
	org := c.at(monday)
	for _, a := range org.Accounts() {
		if a.ID != org.Management() && a.ID != org.BaseAccount() {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// config reads a configuration as users write it, in a directory that holds the
// spools too.
func (c company) config(t *testing.T, dir string) *config.File {
	t.Helper()
	org := c.at(monday)
	arn, discoveryID := org.DiscoveryRole()
	role, memberID := org.MemberRole()
	return loadConfig(t, dir, fmt.Sprintf(`warehouse: warehouse
retry: {max_attempts: 2, max_backoff: 1ms}
carry: {max_age: 2160h}
sources:
  - name: acme
    organization:
      discovery: {role_arn: %q, external_id: %q, session_name: inventory}
      member_role: %s
      external_id: %q
      session_name: inventory
    regions: all
    home_region: us-east-1
    collect: ["*"]
`, arn, discoveryID, role, memberID))
}

const configName = "stocktake.yaml"

func loadConfig(t *testing.T, dir, text string) *config.File {
	t.Helper()
	name := filepath.Join(dir, configName)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	unlimited(f)
	return f
}

// unlimited lets calls be as fast as they can.
func unlimited(f *config.File) {
	f.Rates = map[string]config.Rate{}
	none := config.Rate{PerSecond: 1e6, Burst: 1e6}
	for _, c := range all.Collectors {
		for _, call := range c.AllCalls() { // some keep a slower rate than that of their service
			f.Rates[c.Service.Name+":"+call.Operation] = none
		}
	}
	for _, d := range extract.Discovery {
		f.Rates[d.Service.Name+":"+d.Operation] = none
	}
}

// options are those of a run that collects from the organization at a time.
func options(file *config.File, s store.Store, org *sim.Organization, now time.Time) pipeline.Options {
	base := func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
		cfg := org.Config(ctx)
		if region != "" {
			cfg.Region = region
		}
		cfg.APIOptions = append(cfg.APIOptions, impatient(file.Retry.MaxAttempts))
		return cfg, nil
	}
	return pipeline.Options{
		Config: file, Store: s, Collectors: all.Collectors, Streams: all.Streams, Base: base,
		Observer: quiet{}, Now: func() time.Time { return now }, Program: "test",
	}
}

// impatient makes clients try again without a wait: those that adapt to being
// throttled take seconds over it.
func impatient(attempts int) func(*middleware.Stack) error {
	retryer := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.RateLimiter = attempts, ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
	return func(stack *middleware.Stack) error {
		_, err := stack.Finalize.Swap("Retry", retry.NewAttemptMiddleware(retryer, smithyhttp.RequestCloner))
		return err
	}
}

// quiet is an observer that has no use for what it is told.
type quiet struct{}

func (quiet) Step(string)                {}
func (quiet) Discovering(string)         {}
func (quiet) Planned(*extract.Plan)      {}
func (quiet) UnitDone(spool.Unit)        {}
func (quiet) AccountDone(string, string) {}
