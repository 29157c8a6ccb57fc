// Package accesstest holds the rights that package access asks for to what AWS
// would let through, on a simulated organization whose roles have them and
// nothing else: with them a run is complete, and what one of them is said to
// decide is what is lost without it.
package accesstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/access"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
)

const (
	runner     = "arn:aws:iam::%s:user/svc-inventory" // the base identity
	externalID = "example-external-id"
)

var monday = time.Date(2026, time.November, 23, 6, 0, 0, 0, time.UTC)

// company is an organization that many runs share: each has roles of its own.
type company struct {
	org  *sim.Organization
	file *config.File

	root     string // of the organization's units
	store    string // of its users
	workload string // an ordinary account

	mu    sync.Mutex
	roles int
	asked map[string]map[string]bool // actions by name of the role that asked
}

// found founds a company, and reads a configuration of it that collects everything.
var found = sync.OnceValues(func() (*company, error) {
	c := &company{asked: map[string]map[string]bool{}}
	c.org = sim.New(sim.Options{Seed: 7, Accounts: 9, Regions: []string{"us-east-1", "eu-west-1"}, Scale: 0.05, Sizes: sim.Sizes{Instances: 8, NetworkInterfaces: 10}, Now: monday, FindingAggregator: true})
	cfg := c.org.Config(context.Background())
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c.org.Keys(c.org.Management()), nil })
	roots, err := organizations.NewFromConfig(cfg).ListRoots(context.Background(), &organizations.ListRootsInput{})
	if err != nil {
		return nil, err
	}
	c.root = aws.ToString(roots.Roots[0].Id)
	instances, err := ssoadmin.NewFromConfig(cfg).ListInstances(context.Background(), &ssoadmin.ListInstancesInput{})
	if err != nil {
		return nil, err
	}
	c.store = aws.ToString(instances.Instances[0].IdentityStoreId)
	c.workload = c.org.Accounts()[5].ID
	c.org.Hook(func(_ context.Context, call sim.Call) error {
		_, session, assumed := strings.Cut(call.CallerARN, ":assumed-role/")
		if !assumed {
			return nil
		}
		role, _, _ := strings.Cut(session, "/")
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[role] == nil {
			c.asked[role] = map[string]bool{}
		}
		for _, action := range call.Actions {
			c.asked[role][action] = true
		}
		return nil
	})
	c.file, err = c.load()
	return c, err
})

func theCompany(t *testing.T) *company {
	t.Helper()
	c, err := found()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// load reads the configuration as users write it.
func (c *company) load() (*config.File, error) {
	dir, err := os.MkdirTemp("", "accesstest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "stocktake.yaml")
	text := fmt.Sprintf(`warehouse: warehouse
retry: {max_attempts: 2, max_backoff: 1ms}
sources:
  - name: acme
    organization:
      discovery: {role_arn: "arn:aws:iam::%s:role/discovery", external_id: %s}
      member_role: member
      external_id: %[2]s
      accounts: {units: [%s]}
    organization_views: [resource_explorer]
    regions: all
    home_region: us-east-1
    collect: ["*", aws_cloudtrail_events, aws_cloudwatch_metric_data]
`, c.org.Management(), externalID, c.root)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return nil, err
	}
	f, err := config.Load(name, nil)
	if err != nil {
		return nil, err
	}
	f.Rates = map[string]config.Rate{}
	unlimited := config.Rate{PerSecond: 1e6, Burst: 1e6}
	for _, c := range all.Collectors {
		for _, call := range c.AllCalls() { // some keep a slower rate than that of their service
			f.Rates[c.Service.Name+":"+call.Operation] = unlimited
		}
	}
	for _, d := range extract.Discovery {
		f.Rates[d.Service.Name+":"+d.Operation] = unlimited
	}
	return f, nil
}

// source is a copy of the configuration's source, to be changed.
func (c *company) source() *config.Source {
	s := c.file.Sources[0]
	o := *s.Organization
	s.Organization = &o
	return &s
}

// needsOf are the rights of a source.
func needsOf(t *testing.T, s *config.Source) access.Needs {
	t.Helper()
	n, err := access.Of(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// without returns the needs but for those of an action.
func without(needs []access.Need, action string) []access.Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n access.Need) bool { return n.Action == action })
}

// role is what IAM makes of the documents. The simulated one knows no resources,
// and no condition but the external ID.
func role(t *testing.T, name string, policies []access.Document, trust access.Document) sim.Role {
	t.Helper()
	r := sim.Role{Name: name, Allow: []string{}}
	for _, d := range policies {
		for _, s := range d.Statement {
			if s.Effect != "Allow" || !slices.Equal(s.Resource, []string{"*"}) || len(s.Condition)+len(s.Principal) > 0 {
				t.Fatalf("statement %+v: want one that allows actions on all resources", s)
			}
			r.Allow = append(r.Allow, s.Action...)
		}
	}
	if len(trust.Statement) != 1 {
		t.Fatalf("trust policy %+v: want one statement", trust)
	}
	s := trust.Statement[0]
	ids := s.Condition["StringEquals"]["sts:ExternalId"]
	if s.Effect != "Allow" || !slices.Equal(s.Action, []string{"sts:AssumeRole"}) || len(s.Condition) != 1 || len(s.Condition["StringEquals"]) != 1 || len(ids) != 1 {
		t.Fatalf("statement %+v: want one that lets principals with one external ID in", s)
	}
	r.Trusts, r.ExternalID = s.Principal["AWS"], ids[0]
	return r
}

// place is a unit's part of a table.
type place struct{ table, account, region string }

// journal is what a run left behind.
type journal struct {
	tables map[place]spool.TableResult
	asked  map[string]bool // actions
	err    error           // of finding accounts and regions
	spool  *spool.Spool
}

// run reads the organization with roles that have the given rights. only
// narrows the tables; nil is all of the source's.
func (c *company) run(t *testing.T, s *config.Source, discovery, member []access.Document, only map[string]bool) *journal {
	t.Helper()
	c.mu.Lock()
	c.roles++
	names := [2]string{fmt.Sprintf("discovery-%d", c.roles), fmt.Sprintf("member-%d", c.roles)}
	c.mu.Unlock()
	trust, err := access.Trust(access.TrustOptions{
		Principals: []string{fmt.Sprintf(runner, c.org.BaseAccount())}, ExternalIDs: []string{externalID},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.org.PutRole(c.org.Management(), role(t, names[0], discovery, trust))
	for _, a := range c.org.Accounts() { // the management account too, which StackSets pass by
		c.org.PutRole(a.ID, role(t, names[1], member, trust))
	}
	hop := func(account, name string) []config.Hop {
		return []config.Hop{{RoleARN: fmt.Sprintf("arn:aws:iam::%s:role/%s", account, name), ExternalID: externalID}}
	}
	if s.Organization != nil {
		s.Organization.Discovery = &config.Discovery{Hops: hop(c.org.Management(), names[0])}
		s.Organization.MemberRole = names[1]
	}
	for i := range s.Roles {
		s.Roles[i].Hops = hop(s.Roles[i].Account, names[1])
	}

	file := *c.file
	file.Sources = []config.Source{*s}
	j := &journal{tables: map[place]spool.TableResult{}, asked: map[string]bool{}}
	if j.spool, err = spool.Create(t.TempDir(), spool.Meta{RunID: "run-1", Date: "2026-11-23", StartedAt: monday}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.spool.Close(); err != nil {
			t.Errorf("close spool: %v", err)
		}
	})
	run := &extract.Run{
		ID: "run-1", Config: &file, Collectors: all.Collectors, Streams: all.Streams, OnlyTables: only,
		Observer: silent{}, Now: func() time.Time { return monday },
		Base: func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
			cfg := c.org.Config(ctx)
			if region != "" {
				cfg.Region = region
			}
			return cfg, nil
		},
	}
	if err := run.Prepare(); err != nil {
		t.Fatal(err)
	}
	plan, err := run.Plan(t.Context(), extract.Previous{})
	if j.err = err; err == nil {
		for _, p := range plan.Units {
			if p.Preset != nil && p.Preset.Kind != outcome.Skipped {
				for _, table := range p.Tables {
					j.tables[place{table, p.Unit.Account, p.Unit.Region}] = spool.TableResult{Table: table, Outcome: *p.Preset}
				}
			}
		}
		if err := run.Extract(t.Context(), plan, j.spool); err != nil {
			t.Fatal(err)
		}
	}
	for u, err := range j.spool.Units() {
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range u.Tables {
			j.tables[place{result.Table, u.ID.Account, u.ID.Region}] = result
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		for action := range c.asked[name] {
			j.asked[action] = true
		}
	}
	return j
}

// silent observes nothing.
type silent struct{}

func (silent) Discovering(string)         {}
func (silent) Planned(*extract.Plan)      {}
func (silent) UnitDone(spool.Unit)        {}
func (silent) AccountDone(string, string) {}

// complete reports outcomes that leave nothing to be wished for.
func complete(k outcome.Kind) bool {
	return k == outcome.OK || k == outcome.NotEnabled || k == outcome.Unavailable
}

// missing returns the columns that rows of a result say they lack. It fails
// the test where such a column has a value.
func (j *journal) missing(t *testing.T, result spool.TableResult) map[string]bool {
	t.Helper()
	lacking := map[string]bool{}
	if result.File == "" {
		return lacking
	}
	rows, err := j.spool.Rows(result)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		for {
			batch, err := run.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			lack(t, result.Table, batch, lacking)
			batch.Release()
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return lacking
}

func lack(t *testing.T, table string, batch arrow.RecordBatch, lacking map[string]bool) {
	t.Helper()
	index := batch.Schema().FieldIndices("not_collected")
	if len(index) != 1 {
		t.Fatalf("table %s: got %d columns not_collected, want 1", table, len(index))
	}
	list := batch.Column(index[0]).(*array.List)
	names := list.ListValues().(*array.String)
	for row := range int(batch.NumRows()) {
		if list.IsNull(row) {
			continue
		}
		from, to := list.ValueOffsets(row)
		for i := from; i < to; i++ {
			name := names.Value(int(i))
			lacking[name] = true
			column := batch.Schema().FieldIndices(name)
			if len(column) != 1 || !batch.Column(column[0]).IsNull(row) {
				t.Errorf("table %s: row %d has a value in %s, which it says was not collected", table, row, name)
			}
		}
	}
}
