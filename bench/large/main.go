// Command large runs stocktake over a simulated organization whose AWS answers
// late and enforces its request rates, with every table but those on request,
// and prints what it took against the least that latency, rates and the
// configured concurrency allow. It fails where a unit is lost or a target
// missed. The simulated organization lives in the same process, so its memory
// and its work count too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load/store/local"
)

// Targets: wall time against the least possible, and peak memory.
const (
	timeTarget   = 1.3
	memoryTarget = 400 << 20
)

const configuration = `warehouse: %s
sources:
  - name: org
    organization: {discovery: {role_arn: %q, external_id: %q}, member_role: %q, external_id: %q}
    regions: all
    collect: ["*"]
concurrency: {accounts: %d, units: %d}
`

type bench struct {
	dir               string
	accounts, regions int
	scale             float64
	latency           time.Duration
	inAccounts, units int // concurrency

	file *config.File
	org  *sim.Organization
	all  int
	done atomic.Int64 // units
	wait atomic.Int64 // what the units have to wait for answers, in nanoseconds
	free bool         // time is printed and not judged

	mu           sync.Mutex
	longest, sum time.Duration // that the calls of the accounts take at the least
}

func main() {
	b := &bench{}
	flag.StringVar(&b.dir, "dir", "", "folder to work in")
	flag.IntVar(&b.accounts, "accounts", 200, "accounts of the organization")
	flag.IntVar(&b.regions, "regions", 17, "regions that each of them has enabled")
	flag.Float64Var(&b.scale, "scale", 1, "factor on the number of resources")
	flag.DurationVar(&b.latency, "latency", 50*time.Millisecond, "how late each answer comes")
	flag.IntVar(&b.inAccounts, "concurrency-accounts", 16, "accounts at the same time")
	flag.IntVar(&b.units, "concurrency-units", 384, "units at the same time")
	flag.BoolVar(&b.free, "any-time", false, "print how long it took and do not judge it")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "large:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context) error {
	file, err := b.configure()
	if err != nil {
		return err
	}
	b.file = file
	s, err := local.Open(filepath.Join(b.dir, "warehouse"))
	if err != nil {
		return err
	}
	pipeline.Economize()
	began := time.Now()
	result, err := pipeline.Run(ctx, pipeline.Options{
		Config: file, Store: s, Collectors: all.Collectors, Streams: all.Streams, Observer: b, Program: "bench",
		Base: func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
			cfg := b.org.Config(ctx)
			if region != "" {
				cfg.Region = region
			}
			return cfg, nil
		},
	})
	if err != nil {
		return err
	}
	return b.report(result, time.Since(began))
}

func (b *bench) configure() (*config.File, error) {
	b.org = sim.New(sim.Options{
		Seed: 1, Accounts: b.accounts, Regions: sim.Regions("aws", b.regions), Scale: b.scale, Now: time.Now(), EnforceRates: true,
		Latency: func(string, string) time.Duration { return b.latency },
	})
	role, discoveryID := b.org.DiscoveryRole()
	member, memberID := b.org.MemberRole()
	path := filepath.Join(b.dir, "large.yaml")
	text := fmt.Sprintf(configuration, filepath.Join(b.dir, "warehouse"), role, discoveryID, member, memberID, b.inAccounts, b.units)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return config.Load(path, func(string) error { return nil })
}

// report prints what the run came to.
func (b *bench) report(r *pipeline.Result, wall time.Duration) error {
	outcomes := map[outcome.Kind]int{}
	rows := int64(0)
	for c := range r.Coverage {
		outcomes[c.Outcome]++
		rows += c.Rows
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	least := b.least()
	ratio := wall.Seconds() / least.Seconds()
	fmt.Printf("%d accounts × %d regions, %d tables, latency %v: %d units, %d calls, %d rows, %.1f MB written\n",
		b.accounts, b.regions, tables(), b.latency, b.done.Load(), r.Calls, rows, float64(r.Bytes)/1e6)
	fmt.Printf("wall %.1f s, least possible %.1f s: %.2f times\npeak memory %d MB\nthrottled %d calls\noutcomes %v\n", wall.Seconds(), least.Seconds(), ratio, peak>>20, r.Throttles, outcomes)
	var errs []error
	for kind := range outcomes {
		switch kind {
		case outcome.OK, outcome.NotEnabled, outcome.RegionDisabled, outcome.Unavailable, outcome.Skipped: // suspended accounts
		default:
			for c := range r.Coverage {
				if c.Outcome == kind {
					errs = append(errs, fmt.Errorf("%s of %s in %s: %s %s %s", c.TableName, c.AccountID, c.Region, c.Outcome, c.ErrorCode, c.ErrorMessage))
					break
				}
			}
		}
	}
	if done := int(b.done.Load()); done != b.all {
		errs = append(errs, fmt.Errorf("%d of %d units came to an end", done, b.all))
	}
	if ratio > timeTarget && !b.free {
		errs = append(errs, fmt.Errorf("took %.2f times the least possible, want %.1f at most", ratio, timeTarget))
	}
	if peak > memoryTarget {
		errs = append(errs, fmt.Errorf("peak memory %d MB, want %d at most", peak>>20, memoryTarget>>20))
	}
	return errors.Join(errs...)
}

// least is what no program can be faster than: the calls of the slowest bucket
// at the rate that AWS allows, those of all accounts where only some are read at
// once, and the answers that the units wait for.
func (b *bench) least() time.Duration {
	return max(b.longest, b.sum/time.Duration(b.inAccounts), time.Duration(b.wait.Load())/time.Duration(b.units))
}

func tables() (n int) {
	for _, c := range all.Collectors {
		n += len(c.Tables) - len(c.OnRequest)
	}
	return n
}

// peakMemory of the process (VmHWM), in bytes.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	return kib << 10, nil
}

// The bench is an observer that counts units.

func (b *bench) Discovering(string) {}
func (b *bench) Step(name string)   { fmt.Fprintln(os.Stderr, name) }

func (b *bench) Planned(p *extract.Plan) { _, b.all = p.Size() }

// UnitDone counts how long the unit has waited at the least: its calls come one
// after the other, but for those that the configuration lets go at once.
func (b *bench) UnitDone(u spool.Unit) {
	b.done.Add(1)
	calls := int64(0)
	for _, t := range u.Tables {
		calls += t.Calls
	}
	at := int64(b.file.Concurrency.PerService)
	if strings.HasPrefix(u.ID.Collector, "aws_s3_") {
		at = int64(b.file.Concurrency.S3)
	}
	b.wait.Add((calls + at - 1) / at * int64(b.latency))
}

// AccountDone takes the account out of what the simulated organization counts: of
// a large one that is more than a run holds.
func (b *bench) AccountDone(_, account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	least := b.org.LeastTime(account)
	b.longest, b.sum = max(b.longest, least), b.sum+least
	b.org.Forget(account)
}
