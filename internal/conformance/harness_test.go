// Package conformance holds every collector to the same promises. It knows the
// list of collectors and what any of them owes; it knows no collector by name,
// so a new one is held to all of it by being in the list.
package conformance

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/fakeaws"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/schemas"
)

const (
	home  = "us-east-1"
	other = "eu-south-1"

	identityStore = "d-1234567890"

	metricNamespace = "AWS/EC2"
	metricName      = "CPUUtilization"

	attempts = 4 // of a call, the first one included
)

// scene is what a run meets.
type scene struct {
	collectors []*extract.Collector
	regions    []string // home when empty
	hooks      []fakeaws.Hook
	items      func(*fakeaws.Call) int
	cancelAt   int // attempt at which the run is cancelled
}

// result is what a run left behind.
type result struct {
	scene scene
	run   *extract.Run
	plan  *extract.Plan
	fake  *fakeaws.AWS
	spool *spool.Spool
	units []spool.Unit
	first int            // attempts of discovery, before the collectors'
	of    map[string]int // those by operation
	err   error
}

// play runs the collectors in a scene, on a clock of its own: retries cost no time.
func play(t *testing.T, s scene) *result {
	t.Helper()
	r := prepare(t, s)
	synctest.Test(t, func(t *testing.T) { r.extract(t) })
	if problems := r.fake.Problems(); len(problems) > 0 {
		t.Fatalf("the fake cannot fill outputs; teach it in values_test.go: %q", problems)
	}
	for u, err := range r.spool.Units() {
		if err != nil {
			t.Fatalf("read journal: %v", err)
		}
		r.units = append(r.units, u)
	}
	return r
}

func prepare(t *testing.T, s scene) *result {
	t.Helper()
	if s.regions == nil {
		s.regions = []string{home}
	}
	r := &result{scene: s}
	r.fake = fakeaws.New(fakeaws.Options{Values: values(s.collectors[0]), Items: s.items, Hooks: []fakeaws.Hook{r.hook}})
	var err error
	if r.spool, err = spool.Create(t.TempDir(), spool.Meta{RunID: "run-1", Date: "2026-11-22", StartedAt: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.spool.Close(); err != nil {
			t.Errorf("close spool: %v", err)
		}
	})
	r.run = &extract.Run{
		ID: "run-1", Config: configuration(s), Collectors: s.collectors, Observer: silent{},
		Base: func(context.Context, *config.Keys, string) (aws.Config, error) {
			cfg := r.fake.Config(home)
			cfg.APIOptions = append(cfg.APIOptions, plainRetries)
			return cfg, nil
		},
	}
	if err := r.run.Prepare(); err != nil {
		t.Fatalf("prepare: %v", err)
	}
	return r
}

// plainRetries takes the place of the adaptive retryer, whose waits round down
// to nothing: a bubble's clock, which moves only when all sleep, would stand.
func plainRetries(stack *middleware.Stack) error {
	retryer := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.RateLimiter = attempts, ratelimit.None })
	_, err := stack.Finalize.Swap("Retry", retry.NewAttemptMiddleware(retryer, smithyhttp.RequestCloner))
	return err
}

// configuration is of one account, reached with the credentials as they are.
func configuration(s scene) *config.File {
	rates := map[string]config.Rate{}
	var tables []string
	for _, c := range s.collectors {
		for _, call := range c.AllCalls() {
			rates[c.Service.Name+":"+call.Operation] = config.Rate{PerSecond: 1e6, Burst: 1e6}
		}
		for _, t := range c.Tables {
			tables = append(tables, t.Name)
		}
	}
	return &config.File{
		Sources: []config.Source{{
			Name: "test", Activate: true, Keys: &config.Keys{}, Collect: tables, HomeRegion: home,
			Regions: config.Regions{Names: s.regions}, IdentityStore: &config.IdentityStore{ID: identityStore, Region: home},
		}},
		Concurrency: config.Concurrency{Accounts: 1, Units: 1, PerService: 4, S3: 4},
		Rates:       rates,
		FullPull:    7 * 24 * time.Hour,
		CloudTrail:  config.CloudTrail{LookBack: time.Hour},
		Metrics: config.Metrics{LookBack: time.Hour, Namespaces: map[string]config.Namespace{
			metricNamespace: {Period: time.Minute, Metrics: map[string][]string{metricName: {"Average"}}},
		}},
		Retry: config.Retry{MaxAttempts: attempts, MaxBackoff: time.Second, Timeout: time.Minute},
	}
}

// hook applies the scene's hooks to what the collectors call: discovery is not
// under test here.
func (r *result) hook(c *fakeaws.Call) error {
	if r.plan == nil {
		return nil
	}
	seen := *c
	seen.N -= r.first
	seen.Of -= r.of[c.Service+c.Operation]
	for _, h := range r.scene.hooks {
		if err := h(&seen); err != nil {
			return err
		}
	}
	return nil
}

func (r *result) extract(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	plan, err := r.run.Plan(ctx, extract.Previous{})
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	r.of = map[string]int{}
	for _, c := range r.fake.Calls() {
		r.first++
		r.of[c.Service+c.Operation]++
	}
	whole := *plan // extracting takes the units
	r.plan = &whole
	if n := r.scene.cancelAt; n > 0 {
		r.scene.hooks = append(r.scene.hooks, fakeaws.At(n, cancel))
	}
	r.err = r.run.Extract(ctx, plan, r.spool)
}

// calls are the attempts of the collectors.
func (r *result) calls() []*fakeaws.Call { return r.fake.Calls()[r.first:] }

// table returns what the journal says of a table, in the region of its unit.
func (r *result) table(t *testing.T, region, name string) spool.TableResult {
	t.Helper()
	for _, u := range r.units {
		for _, table := range u.Tables {
			if table.Table == name && (u.ID.Region == region || region == "") {
				return table
			}
		}
	}
	t.Fatalf("table %s, region %q: no unit in the journal has it: %+v", name, region, r.units)
	return spool.TableResult{}
}

// files are the sizes of the files of rows in the spool, empty ones left out.
func (r *result) files(t *testing.T) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(filepath.Join(r.spool.Dir(), "tables"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > 0 {
			found[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatalf("list spool: %v", err)
	}
	return found
}

// rows loads a table as a run does, and reads it back.
func (r *result) rows(t *testing.T, table string) []row {
	t.Helper()
	in := load.TableInput{Spool: r.spool, Now: time.Unix(0, 0), Staging: t.TempDir(), RunID: "run-1", Version: "test"}
	var err error
	if in.Schema, err = schemas.Newest(table); err != nil {
		t.Fatal(err)
	}
	for _, u := range r.units {
		for _, result := range u.Tables {
			if result.Table != table {
				continue
			}
			in.Units = append(in.Units, load.Unit{ID: u.ID, CollectedRegion: u.CollectedRegion, Result: result})
			places := result.Covers
			if places == nil {
				places = []spool.Place{{Account: u.ID.Account, Region: u.ID.Region}}
			}
			for _, p := range places {
				in.Entries = append(in.Entries, load.Entry{
					Source: u.ID.Source, Account: p.Account, Region: p.Region, Match: p,
					CollectedAccount: u.ID.Account, CollectedRegion: u.CollectedRegion, Outcome: result.Outcome,
				})
			}
		}
	}
	if in.Schema.EventTime != "" {
		return readEvents(t, in)
	}
	out, err := load.Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Discarded) > 0 {
		t.Errorf("table %s: load discards rows that the unit does not speak for: %v", table, out.Discarded)
	}
	return readParquet(t, out.File.Path, in.Schema)
}

// readEvents loads an event table as a run does, and reads all its days back.
func readEvents(t *testing.T, in load.TableInput) []row {
	t.Helper()
	out, err := load.Events(t.Context(), in, false)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, f := range out.Files {
		rows = append(rows, readParquet(t, f.File.Path, in.Schema)...)
	}
	return rows
}

// silent observes nothing.
type silent struct{}

func (silent) Discovering(string)         {}
func (silent) Planned(*extract.Plan)      {}
func (silent) UnitDone(spool.Unit)        {}
func (silent) AccountDone(string, string) {}

// each runs a test for every collector.
func each(t *testing.T, test func(t *testing.T, c *extract.Collector)) {
	for _, c := range all.Collectors {
		t.Run(c.Name, func(t *testing.T) { test(t, c) })
	}
}

// one is a scene of one collector.
func one(c *extract.Collector, hooks ...fakeaws.Hook) scene {
	return scene{collectors: []*extract.Collector{c}, hooks: hooks}
}

// operations are the distinct operations of the walk, as declared, but for those
// that need not be sent.
func operations(c *extract.Collector) []string {
	var names []string
	for _, call := range c.Calls {
		if call.Instead == "" && !call.Hint && !slices.Contains(names, call.Operation) {
			names = append(names, call.Operation)
		}
	}
	return names
}

// standIn is the operation that is called where the other is refused, "" where
// there is none.
func standIn(c *extract.Collector, operation string) string {
	for _, call := range c.Calls {
		if call.Instead == operation {
			return call.Operation
		}
	}
	return ""
}

// needs are the tables that cannot be had without the operation, those below
// them included.
func needs(c *extract.Collector, operation string) map[string]bool {
	return affected(c, operation, func(call extract.Call) bool { return !call.Optional() })
}

// touches are all tables that take something from the operation, and those
// below them.
func touches(c *extract.Collector, operation string) map[string]bool {
	return affected(c, operation, func(extract.Call) bool { return true })
}

func affected(c *extract.Collector, operation string, counts func(extract.Call) bool) map[string]bool {
	tables := map[string]bool{}
	for _, call := range c.Calls {
		if call.Operation != operation || !counts(call) {
			continue
		}
		table := call.Table
		if table == "" {
			table = c.Tables[0].Name
		}
		tables[table] = true
	}
	for range c.Tables {
		for _, t := range c.Tables {
			if tables[t.Parent] {
				tables[t.Name] = true
			}
		}
	}
	return tables
}

// details are the columns of each table that a refusal of the operation leaves empty.
func details(c *extract.Collector, operation string) map[string][]string {
	columns := map[string][]string{}
	for _, call := range c.Calls {
		if call.Operation == operation && call.Optional() {
			table := call.Table
			if table == "" {
				table = c.Tables[0].Name
			}
			columns[table] = append(columns[table], c.Leaves(call)...)
		}
	}
	return columns
}

// wantOutcome compares the outcome of a table, and that it has rows only where
// its outcome lets it.
func wantOutcome(t *testing.T, got spool.TableResult, want outcome.Kind, rows int64) {
	t.Helper()
	if got.Outcome.Kind != want || got.Rows != rows {
		t.Errorf("table %s: got outcome %+v with %d rows, want %s with %d", got.Table, got.Outcome, got.Rows, want, rows)
	}
	if (got.File != "") != (rows > 0) {
		t.Errorf("table %s: got file %q for %d rows", got.Table, got.File, rows)
	}
}
