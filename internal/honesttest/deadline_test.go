package honesttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stocktake/extract"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load"
)

// clock stands still until the run's deadline is to pass.
type clock struct {
	start  time.Time
	passed atomic.Bool
}

func (c *clock) now() time.Time {
	if c.passed.Load() {
		return c.start.Add(day)
	}
	return c.start
}

// deadline gives the world's next run a time limit, which passes with the clock.
func (w *world) deadline(o *pipeline.Options) *clock {
	c := &clock{start: w.now}
	w.file.MaxDuration = time.Millisecond
	o.Now = c.now
	return c
}

// lastUnit is an observer that lets the deadline pass when all units but one
// are done.
type lastUnit struct {
	*recorder
	clock *clock
	left  atomic.Int64
}

func (l *lastUnit) Planned(p *extract.Plan) {
	l.recorder.Planned(p)
	_, units := p.Size()
	l.left.Store(int64(units) - 1)
}

func (l *lastUnit) UnitDone(u spool.Unit) {
	l.recorder.UnitDone(u)
	if l.left.Add(-1) == 0 {
		l.clock.passed.Store(true)
	}
}

// hang lets a call of an operation wait until the run gives it up, from the
// given one on.
func hang(w *world, account, service, region, operation string, from int) {
	var calls counter
	w.org.Hook(func(ctx context.Context, c sim.Call) error {
		if c.Account != account || c.Service != service || region != "" && c.Region != region || c.Operation != operation || calls.next() < from {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
}

// TestDeadline: a unit that hangs costs its own rows, and no others.
func TestDeadline(t *testing.T) {
	for _, c := range []struct {
		name, service, operation, region string
		page, from                       int
		tables                           string // of the unit that hangs
		decided                          string // the one among them whose outcome was known before
	}{
		{name: "first call", service: "ec2", operation: "DescribeVolumes", region: east, tables: volumes},
		{name: "between two pages", service: "ec2", operation: "DescribeNetworkInterfaces", region: east, page: 1, from: 1, tables: "aws_ec2_network_interfaces"},
		{name: "detail of a row", service: "s3", operation: "GetBucketPolicy", tables: buckets},
		{name: "second list of several", service: "ecr", operation: "DescribeImages", region: east, tables: "aws_ecr_*", decided: "aws_ecr_image_scan_findings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := organization.world(t, c.page)
			account := w.members[0]
			hang(w, account, c.service, c.region, c.operation, c.from)
			result := w.run(t, func(o *pipeline.Options) { o.Observer = &lastUnit{recorder: w.seen, clock: w.deadline(o)} })
			r := read(t, w.open(t))
			wants := []want{{table: c.tables, account: account, region: c.region, kinds: is(outcome.Failed), code: "deadline", rows: carried}}
			if c.decided != "" { // Inspector scans the registry
				wants = slices.Insert(wants, 0, want{table: c.decided, account: account, region: c.region, kinds: is(outcome.NotEnabled), rows: none})
			}
			(&checking{t: t, result: result, first: organization.first, before: organization.rows, after: r.stored(), wants: wants}).check()
			checkCoverageTables(t, r, result, organization.first)
			if result.Exit != 3 {
				t.Errorf("exit: got %d, want 3", result.Exit)
			}
			for row := range result.Coverage {
				if row.ErrorCode == "deadline" && !strings.Contains(row.Advice, "max_duration") {
					t.Errorf("%v: got advice %q, want one with max_duration", idOf(row), row.Advice)
				}
			}
		})
	}
}

// TestDeadlineLeavesUnits: units that were not begun are told apart from those
// that are empty, and nothing is asked for them.
func TestDeadlineLeavesUnits(t *testing.T) {
	t.Parallel()
	w := organization.world(t, 0)
	w.file.Concurrency.Accounts, w.file.Concurrency.Units = 1, 1
	made := 0
	result := w.run(t, func(o *pipeline.Options) {
		c := w.deadline(o)
		w.org.Hook(func(ctx context.Context, call sim.Call) error {
			if call.Service != "ec2" || call.Operation != "DescribeVolumes" || call.Account != w.members[1] {
				return nil
			}
			made = w.org.CallsTotal()
			c.passed.Store(true)
			<-ctx.Done()
			return ctx.Err()
		})
	})
	if got := w.org.CallsTotal(); got != made || made == 0 {
		t.Errorf("got %d calls, want the %d before the deadline", got, made)
	}
	r := read(t, w.open(t))
	(&checking{t: t, result: result, first: organization.first, before: organization.rows, after: r.stored(), wants: []want{{kinds: outcome.Kinds}}}).check()
	checkCoverageTables(t, r, result, organization.first)
	first := map[coverageID]load.CoverageRow{}
	for row := range organization.first.Coverage {
		first[idOf(row)] = row
	}
	late, done := 0, 0
	for row := range result.Coverage {
		was := first[idOf(row)]
		switch {
		case row.Outcome == outcome.Failed && row.ErrorCode == "deadline":
			late++
		case row.Outcome == was.Outcome && row.Rows == was.Rows:
			done++
		default:
			t.Errorf("%v: got %s %q with %d rows, want %s with %d, or that the deadline passed", idOf(row), row.Outcome, row.ErrorCode, row.Rows, was.Outcome, was.Rows)
		}
	}
	if late == 0 || done == 0 || result.Exit != 3 {
		t.Errorf("got %d units after the deadline, %d before it and exit %d, want some of each and 3", late, done, result.Exit)
	}
	if got, want := r.number("SELECT count(*) FROM stocktake_units"), int64(len(w.seen.units)); got != want {
		t.Errorf("stocktake_units: got %d rows, want %d, one for each unit of the plan", got, want)
	}
}

// TestDeadlineBeforeUnits: a run that has no time left to collect anything
// publishes nothing.
func TestDeadlineBeforeUnits(t *testing.T) {
	for _, operation := range []string{"ListAccounts", "ListRegions", "ListDelegatedAdministrators"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			w := organization.world(t, 0)
			o := w.options(t)
			c := w.deadline(&o)
			w.org.Hook(func(ctx context.Context, call sim.Call) error {
				if call.Operation != operation {
					return nil
				}
				c.passed.Store(true)
				<-ctx.Done()
				return ctx.Err()
			})
			result, err := pipeline.Run(t.Context(), o)
			var interrupted *pipeline.Interrupted
			if err == nil || !strings.Contains(err.Error(), "max_duration") || !errors.Is(err, extract.ErrDeadline) || errors.As(err, &interrupted) {
				t.Errorf("got %+v, %v, want an error about max_duration", result, err)
			}
			head, err := o.Store.Head(t.Context())
			if err != nil || head.Run != organization.first.RunID {
				t.Errorf("head: got %v, %v, want %s", head, err, organization.first.RunID)
			}
		})
	}
}

// TestDeadlineAndInterrupt: a run that is stopped publishes nothing, also when
// its deadline has passed, and can go on.
func TestDeadlineAndInterrupt(t *testing.T) {
	t.Parallel()
	want, _ := undisturbedRun(t)
	w := newWorld(t, t.TempDir(), smallCompany)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o := w.options(t)
	c := w.deadline(&o)
	hung := false
	w.org.Hook(func(ctx context.Context, call sim.Call) error {
		if hung || call.Service != "ec2" || call.Operation != "DescribeVolumes" || call.Account != w.members[0] || call.Region != east {
			return nil
		}
		hung = true
		c.passed.Store(true)
		<-ctx.Done()
		stop()
		return ctx.Err()
	})
	result, err := pipeline.Run(ctx, o)
	var interrupted *pipeline.Interrupted
	if !errors.As(err, &interrupted) {
		t.Fatalf("got %+v, %v, want an Interrupted error", result, err)
	}
	if result := w.run(t, resume); result.Exit != 0 {
		t.Errorf("resumed: exit %d, want 0", result.Exit)
	}
	sameContents(t, read(t, w.open(t)).contents(), want)
}

// TestDeadlineWhileResuming: what AWS told the run that was stopped stands
// where the deadline left no time to ask again.
func TestDeadlineWhileResuming(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), tiny)
	w.source("acme").Collect = crashTables
	account := w.members[0]
	w.org.Deny(sim.Rule{Account: account, Operation: "DescribeVolumes"})
	w.org.Deny(sim.Rule{Account: account, Operation: "DescribeSubnets"})
	interrupt(t, w, -1, "writing tables")
	w.file.Concurrency.Units = 1
	result := w.run(t, resume, func(o *pipeline.Options) {
		c := w.deadline(o)
		w.org.Hook(func(ctx context.Context, call sim.Call) error {
			if call.Service != "ec2" {
				return nil
			}
			c.passed.Store(true)
			<-ctx.Done()
			return ctx.Err()
		})
	})
	denied := 0
	for row := range result.Coverage {
		switch want := outcome.Denied; {
		case row.AccountID != account && row.Outcome != outcome.OK:
			t.Errorf("%v: got %s, want %s", idOf(row), row.Outcome, outcome.OK)
		case row.AccountID == account && row.Outcome != want:
			t.Errorf("%v: got %s (%s), want %s as before", idOf(row), row.Outcome, row.ErrorCode, want)
		case row.AccountID == account:
			denied++
		}
	}
	if denied != len(crashTables) || result.Exit != 3 {
		t.Errorf("got %d tables denied and exit %d, want %d and 3", denied, result.Exit, len(crashTables))
	}
}
