// Package honesttest holds the whole program to two promises, on a simulated
// organization: what was not collected never looks like zero, and a reader
// never sees half a run. It knows the pipeline, the controls of the simulation
// and what a reader finds in the warehouse; it knows no collector's walk.
package honesttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

const (
	program = "test"
	east    = "us-east-1"
	west    = "eu-west-1"
)

// monday is when the first run starts.
var monday = time.Date(2026, time.November, 23, 6, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// size is how large a company is.
type size struct {
	accounts, page int
	regions        []string
}

// company is large enough to have four ordinary accounts besides the central ones.
var company = size{accounts: 7, regions: []string{east, west}}

// world is a company, and a warehouse of it.
type world struct {
	dir     string
	size    size
	org     *sim.Organization
	file    *config.File
	members []string // ordinary accounts
	now     time.Time
	seen    *recorder
	all     []*recorder         // of all runs
	heard   *wire               // what the world's clients got in secret
	stack   []func(*aws.Config) // additions to the client stack
	listens bool                // to inputs

	collectors []*extract.Collector
}

// newWorld founds a company; dir holds the warehouse. When the test ends, what
// its runs have left is swept for secrets.
func newWorld(t *testing.T, dir string, s size) *world {
	t.Helper()
	w, err := foundWorld(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	w.sweep(t)
	return w
}

// sweep keeps what the world's clients get in secret, to look for it when the
// test ends.
func (w *world) sweep(t *testing.T) {
	w.heard = &wire{secrets: map[string]string{}}
	w.stack = append(w.stack, w.heard.tap)
	t.Cleanup(func() {
		for _, leak := range w.leaks(t) {
			t.Error(leak)
		}
	})
}

func foundWorld(dir string, s size) (*world, error) {
	w := &world{dir: dir, size: s, now: monday, collectors: all.Collectors}
	w.org = sim.New(sim.Options{Seed: 7, Accounts: s.accounts, Regions: s.regions, Scale: 0.05, PageSize: s.page, Now: monday})
	for _, a := range w.org.Accounts() {
		if !slices.Contains([]string{w.org.Management(), w.org.SecurityAccount(), w.org.BaseAccount()}, a.ID) {
			w.members = append(w.members, a.ID)
		}
	}
	var err error
	w.file, err = w.parse(w.organizationYAML(""))
	return w, err
}

// load reads a configuration with other sources.
func (w *world) load(t *testing.T, sources string) *config.File {
	t.Helper()
	f, err := w.parse(sources)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// parse reads a configuration as users write it.
func (w *world) parse(sources string) (*config.File, error) {
	text := "warehouse: warehouse\nretry: {max_attempts: 3, max_backoff: 1ms}\nsources:\n" + sources
	name := filepath.Join(w.dir, "stocktake.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return nil, err
	}
	f, err := config.Load(name, nil)
	if err != nil {
		return nil, err
	}
	f.Rates = map[string]config.Rate{}
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

var unlimited = config.Rate{PerSecond: 1e6, Burst: 1e6}

// organizationYAML is the source "acme": the organization, without an account.
func (w *world) organizationYAML(without string) string {
	arn, discoveryID := w.org.DiscoveryRole()
	role, memberID := w.org.MemberRole()
	accounts := ""
	if without != "" {
		accounts = fmt.Sprintf("      accounts: {exclude: [%q]}\n", without)
	}
	return fmt.Sprintf(`  - name: acme
    organization:
      discovery: {role_arn: %q, external_id: %q, session_name: inventory}
      member_role: %s
      external_id: %q
      session_name: inventory
%s    regions: all
    home_region: us-east-1
    collect: ["*"]
`, arn, discoveryID, role, memberID, accounts)
}

// soloYAML is the source "solo": one account by its role.
func (w *world) soloYAML(account string) string {
	role, id := w.org.MemberRole()
	return fmt.Sprintf(`  - name: solo
    role: {role_arn: "arn:aws:iam::%s:role/%s", external_id: %q, session_name: inventory}
    regions: all
    home_region: us-east-1
    collect: [ec2, network, rds, s3, security_hub, "aws_iam_*", aws_lambda_functions, aws_ecr_repositories, eks]
`, account, role, id)
}

// source returns a source of the configuration, to be changed.
func (w *world) source(name string) *config.Source {
	i := slices.IndexFunc(w.file.Sources, func(s config.Source) bool { return s.Name == name })
	return &w.file.Sources[i]
}

func (w *world) warehouse() string { return w.file.Warehouse }

func (w *world) open(t *testing.T, options ...local.Option) *local.Store {
	t.Helper()
	s, err := local.Open(w.warehouse(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options are those of an ordinary run.
func (w *world) options(t *testing.T) pipeline.Options {
	t.Helper()
	return w.optionsFor(w.open(t))
}

func (w *world) optionsFor(s store.Store) pipeline.Options {
	w.seen = &recorder{}
	w.all = append(w.all, w.seen)
	now := w.now
	return pipeline.Options{
		Config: w.file, Store: s, Collectors: w.collectors, Streams: all.Streams, Base: w.base(),
		Observer: w.seen, Now: func() time.Time { return now }, Program: program,
	}
}

func (w *world) base() extract.Base {
	return func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
		cfg := w.org.Config(ctx)
		if region != "" {
			cfg.Region = region
		}
		for _, add := range w.stack {
			add(&cfg)
		}
		return cfg, nil
	}
}

// run runs with options that change may alter; it has to succeed.
func (w *world) run(t *testing.T, change ...func(*pipeline.Options)) *pipeline.Result {
	t.Helper()
	o := w.options(t)
	for _, c := range change {
		c(&o)
	}
	result, err := pipeline.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("run of %s: %v", w.now.Format(time.DateTime), err)
	}
	return result
}

// recorder is an observer that keeps what it is told.
type recorder struct {
	mu    sync.Mutex
	units []spool.Unit
	log   []byte
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = fmt.Appendf(r.log, format+"\n", args...)
}

func (r *recorder) Discovering(source string) { r.note("discovering %s", source) }

func (r *recorder) Planned(p *extract.Plan) {
	for _, s := range p.Sources {
		for _, a := range s.Accounts {
			r.note("account %s %s %v %v %v", a.ID, a.Name, a.Regions, a.Failed, a.NoRegions)
		}
	}
}

func (r *recorder) UnitDone(u spool.Unit) {
	r.note("unit %+v", u)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units = append(r.units, u)
}

func (r *recorder) AccountDone(source, account string) { r.note("done %s %s", source, account) }

func (r *recorder) Step(name string) { r.note("step %s", name) }

// template is a warehouse after an undisturbed run, made once and copied.
type template struct {
	size   size
	config func(w *world) string // sources

	once  sync.Once
	dir   string
	first *pipeline.Result
	rows  stored
}

// Templates by what their configuration has.
var (
	organization    = &template{size: company, config: func(w *world) string { return w.organizationYAML("") }}
	twoSources      = &template{size: company, config: func(w *world) string { return w.organizationYAML(w.members[3]) + w.soloYAML(w.members[3]) }}
	noAdministrator = &template{size: company, config: func(w *world) string { return w.organizationYAML(w.org.SecurityAccount()) }}
	// The users live in another region than the one where global services are asked.
	usersAbroad = &template{size: size{accounts: 4, regions: []string{west, east}}, config: func(w *world) string { return w.organizationYAML("") }}
)

// world returns a company whose warehouse had a first, undisturbed run, on the
// day after it. Its AWS answers in pages of the given size.
func (tp *template) world(t *testing.T, page int) *world {
	t.Helper()
	tp.once.Do(func() {
		tp.dir = filepath.Join(scratch, fmt.Sprintf("template-%p", tp))
		if err := os.MkdirAll(tp.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, tp.dir, tp.size)
		w.file = w.load(t, tp.config(w))
		first := w.run(t)
		tp.rows = read(t, w.open(t)).stored()
		tp.first = first
	})
	if tp.first == nil {
		t.Fatal("the undisturbed run failed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "warehouse"), os.DirFS(filepath.Join(tp.dir, "warehouse"))); err != nil {
		t.Fatal(err)
	}
	s := tp.size
	s.page = page
	w := newWorld(t, dir, s)
	w.file = w.load(t, tp.config(w))
	w.now = monday.Add(day)
	return w
}

// scratch outlives single tests; TestMain removes it.
var scratch string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if dir := os.Getenv(childVariable); dir != "" {
		return child(dir)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "honesttest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}
