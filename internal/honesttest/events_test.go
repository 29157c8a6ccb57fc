package honesttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go/middleware"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/load/store/local"
)

const (
	events     = "aws_cloudtrail_events"
	metricData = "aws_cloudwatch_metric_data"
)

// only narrows a world to tables, and to their collectors: binding the others
// takes time.
func (w *world) only(tables ...string) {
	w.source("acme").Collect = tables
	w.collectors = nil
	for _, t := range tables {
		if c := collectorOf[t]; !slices.Contains(w.collectors, c) {
			w.collectors = append(w.collectors, c)
		}
	}
}

// advance moves the clocks of the world and of its AWS.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.org.Advance(d)
}

// asked is a call with its input.
type asked struct {
	sim.Call
	input any
}

type askedKey struct{}

// listenInputs keeps what is asked from now on, each call once however often it
// is repeated, until the function that it returns is called.
func listenInputs(w *world) (stop func() []asked) {
	var mu sync.Mutex
	var heard []asked
	stopped := false
	if !w.listens {
		w.listens = true
		w.stack = append(w.stack, func(cfg *aws.Config) {
			cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
				return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Asked", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					return next.HandleInitialize(middleware.WithStackValue(ctx, askedKey{}, in.Parameters), in)
				}), middleware.After)
			})
		})
	}
	w.org.Hook(func(ctx context.Context, c sim.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if !stopped && c.Attempt == 1 {
			heard = append(heard, asked{c, middleware.GetStackValue(ctx, askedKey{})})
		}
		return nil
	})
	return func() []asked {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		return heard
	}
}

// happening is an event, or another row that has a time.
type happening struct {
	account, region, id string
	at                  time.Time
}

func (h happening) String() string {
	return h.account + " " + h.region + " " + h.id + " " + h.at.UTC().Format(time.RFC3339)
}

// happened is what a region of an account has to tell of a time, as AWS tells
// it to anybody who asks.
func happened(t *testing.T, w *world, account, region string, from, to time.Time) []happening {
	t.Helper()
	cfg := w.org.Config(t.Context())
	keys := w.org.Keys(account)
	cfg.Region, cfg.Credentials = region, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
	pager := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(cfg), &cloudtrail.LookupEventsInput{StartTime: &from, EndTime: &to})
	var found []happening
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if aws.ToString(e.ReadOnly) == "false" {
				found = append(found, happening{account, region, *e.EventId, e.EventTime.UTC()})
			}
		}
	}
	return found
}

// readUntil is how far the coverage says that a table has been read, by place.
func readUntil(t *testing.T, r *reader, table string) map[string]time.Time {
	t.Helper()
	until := map[string]time.Time{}
	for _, row := range r.rows("SELECT account_id, region, read_until FROM stocktake_coverage WHERE table_name = '" + table + "'") {
		if at, ok := row[2].(time.Time); ok {
			until[row[0].(string)+" "+row[1].(string)] = at.UTC()
		}
	}
	return until
}

// checkEvents compares the view with what has happened since a time, up to where
// coverage says that it has been read. What is newer than late need not be there
// yet.
func checkEvents(t *testing.T, w *world, since time.Time, late time.Duration) (rows int) {
	t.Helper()
	r := read(t, w.open(t))
	got := map[string]int{}
	for _, row := range r.rows("SELECT account_id, region, event_id, event_time FROM " + events) {
		got[happening{row[0].(string), row[1].(string), row[2].(string), row[3].(time.Time)}.String()]++
		rows++
	}
	until := readUntil(t, r, events)
	if len(until) == 0 {
		t.Errorf("coverage says of no place how far %s has been read", events)
	}
	var problems []string
	for place, to := range until {
		account, region, _ := strings.Cut(place, " ")
		for _, h := range happened(t, w, account, region, since, to) {
			n := got[h.String()]
			delete(got, h.String())
			if n > 1 || n == 0 && !h.at.After(to.Add(-late)) {
				problems = append(problems, fmt.Sprintf("%s shows %d times, and %s is read until %s", h, n, place, to))
			}
		}
	}
	for h, n := range got {
		problems = append(problems, fmt.Sprintf("%s shows %d times, and has not happened", h, n))
	}
	slices.Sort(problems)
	for _, p := range problems[:min(len(problems), 5)] {
		t.Error(p)
	}
	if len(problems) > 5 {
		t.Errorf("and %d more", len(problems)-5)
	}
	return rows
}

// eventWorld is a small company of which nothing but events is collected.
func eventWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t, dir, smallCompany)
	w.only(events)
	return w
}

// delayed holds events back that are newer than a while.
func delayed(w *world, late time.Duration) {
	w.stack = append(w.stack, func(cfg *aws.Config) {
		cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Late", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleInitialize(ctx, in)
				if o, ok := out.Result.(*cloudtrail.LookupEventsOutput); ok {
					shown := w.org.Now().Add(-late)
					o.Events = slices.DeleteFunc(o.Events, func(e types.Event) bool { return e.EventTime.After(shown) })
				}
				return out, meta, err
			}), middleware.Before)
		})
	})
}

// TestEvents: over days of runs that are far apart or close together, no event
// is lost, none shows twice, and each run asks for what is new and a little more.
func TestEvents(t *testing.T) {
	t.Parallel()
	const late, overlap = 15 * time.Minute, 30 * time.Minute
	w := eventWorld(t, t.TempDir())
	delayed(w, late)
	since := w.now.Add(-w.file.CloudTrail.LookBack)
	first, last := w.now, since.Add(overlap)
	rows := 0
	for _, pause := range []time.Duration{0, 6 * time.Hour, 5 * time.Minute, day, 3*day + time.Hour, 10 * time.Minute, 90 * time.Second, 23*time.Hour + 59*time.Minute} {
		w.advance(pause)
		stop := listenInputs(w)
		if result := w.run(t); result.Exit != 0 {
			t.Fatalf("run of %s: exit %d", w.now, result.Exit)
		}
		from := map[string]time.Time{}
		for _, c := range stop() {
			if in, ok := c.input.(*cloudtrail.LookupEventsInput); ok {
				place := c.Account + " " + c.Region
				if from[place].IsZero() || in.StartTime.Before(from[place]) {
					from[place] = *in.StartTime
				}
			}
		}
		if len(from) == 0 {
			t.Errorf("run of %s: events are not asked for", w.now)
		}
		for place, at := range from {
			if want := last.Add(-overlap); !at.Equal(want) {
				t.Errorf("run of %s: %s is asked for events since %s, want %s", w.now, place, at, want)
			}
		}
		n := checkEvents(t, w, since, late)
		if n < rows || n == 0 {
			t.Errorf("run of %s: got %d events after %d", w.now, n, rows)
		}
		rows, last = n, w.now
		r := read(t, w.open(t))
		sql := fmt.Sprintf("SELECT count(*) FROM stocktake_coverage WHERE table_name = '%s' AND (read_until <> TIMESTAMP '%s' OR full_pull_at <> TIMESTAMP '%s' OR read_until IS NULL OR full_pull_at IS NULL)",
			events, w.now.Format(time.DateTime), first.Format(time.DateTime))
		if got := r.number(sql); got != 0 {
			t.Errorf("%s: got %d, want 0", sql, got)
		}
	}
	checkEventFiles(t, w, events, "event_time", int64(rows))
}

// checkEventFiles checks that rows lie with their day, and that some have been
// read again.
func checkEventFiles(t *testing.T, w *world, table, eventTime string, rows int64) {
	t.Helper()
	r := read(t, w.open(t))
	files, err := filepath.Glob(filepath.Join(w.warehouse(), "events", table, "v1", "event_date=*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of %s: got %v, %v", table, files, err)
	}
	days, stored := map[string]bool{}, int64(0)
	for _, name := range files {
		date := strings.TrimPrefix(filepath.Base(filepath.Dir(name)), "event_date=")
		days[date] = true
		if got := r.number(fmt.Sprintf("SELECT count(*) FROM read_parquet('%s', hive_partitioning = false) WHERE strftime(%s, '%%Y-%%m-%%d') <> '%s'", name, eventTime, date)); got != 0 {
			t.Errorf("%s: %d rows are of another day", name, got)
		}
		stored += r.number("SELECT count(*) FROM read_parquet('" + name + "')")
	}
	if len(days) < 2 || stored <= rows {
		t.Errorf("%s: got days %v with %d rows of which the view shows %d, want several days, and rows that were read again", table, days, stored, rows)
	}
}

// TestMetricData: every series has a point for each period since the first run's
// look back, and each once.
func TestMetricData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), tiny)
	w.only(metricData)
	since, first := w.now.Add(-w.file.Metrics.LookBack), w.now
	for _, pause := range []time.Duration{0, 2 * time.Hour, 7 * time.Minute, 26 * time.Hour, 3 * time.Minute} {
		w.advance(pause)
		if result := w.run(t); result.Exit != 0 {
			t.Fatalf("run of %s: exit %d", w.now, result.Exit)
		}
	}
	r := read(t, w.open(t))
	wrong := fmt.Sprintf(`SELECT * FROM (
		SELECT account_id, region, namespace, metric_name, dimension_key, statistic, period, count(*) AS n, count(DISTINCT timestamp) AS times,
		       epoch(min(timestamp))::BIGINT AS first, epoch(max(timestamp))::BIGINT AS last, %d AS since, %d AS now
		FROM %s GROUP BY ALL)
		WHERE n <> times OR n <> (last - first) // period + 1 OR first > since OR last < now - now %% period - period`, since.Unix(), w.now.Unix(), metricData)
	for i, row := range r.rows(wrong) {
		t.Errorf("%v: expected a point for each period since %s, each once", row, since)
		if i == 4 {
			break
		}
	}
	rows := r.number("SELECT count(*) FROM " + metricData)
	if got := r.number(fmt.Sprintf("SELECT count(*) FROM (SELECT DISTINCT account_id, region, namespace FROM %s)", metricData)); got < 3 {
		t.Errorf("got %d rows of %d namespaces, want more of them", rows, got)
	}
	for place, until := range readUntil(t, r, metricData) {
		if until.After(w.now) || until.Before(w.now.Add(-time.Hour)) {
			t.Errorf("%s: read until %s in a run of %s", place, until, w.now)
		}
	}
	if got := r.number(fmt.Sprintf("SELECT count(*) FROM stocktake_coverage WHERE table_name = '%s' AND full_pull_at = TIMESTAMP '%s'", metricData, first.Format(time.DateTime))); got == 0 {
		t.Errorf("coverage does not know that everything was asked for at %s", first)
	}
	checkEventFiles(t, w, metricData, "timestamp", rows)
}

// TestEventsOfFailedUnit: a unit that AWS refuses keeps its mark, and its events
// come with the next good run.
func TestEventsOfFailedUnit(t *testing.T) {
	for _, c := range []struct {
		name         string
		break_, mend func(w *world, account, role string)
		kind         outcome.Kind
	}{
		{
			"denied",
			func(w *world, account, role string) {
				w.org.Permit(account, role, "account:*", "ec2:*", "sts:*")
			},
			func(w *world, account, role string) { w.org.Permit(account, role, "*") },
			outcome.Denied,
		},
		{
			"throttled",
			func(w *world, account, _ string) {
				w.org.Throttle(sim.Rule{Account: account, Region: east, Service: "cloudtrail", Operation: "LookupEvents"}, w.file.Retry.MaxAttempts)
			},
			func(*world, string, string) {},
			outcome.Throttled,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := eventWorld(t, t.TempDir())
			since, first := w.now.Add(-w.file.CloudTrail.LookBack), w.now
			account := w.members[0]
			role, _ := w.org.MemberRole()
			w.run(t)
			shown := "SELECT count(*) FROM " + events + " WHERE account_id = '" + account + "' AND region = '" + east + "'"
			before := read(t, w.open(t)).number(shown)
			w.advance(2 * day)
			c.break_(w, account, role)
			if result := w.run(t); result.Exit != 3 {
				t.Errorf("exit: got %d, want 3", result.Exit)
			}
			checkEvents(t, w, since, 0)
			r := read(t, w.open(t))
			if got := r.number(shown); got != before || got == 0 {
				t.Errorf("%s: got %d, want %d as before, and some", shown, got, before)
			}
			until := readUntil(t, r, events)
			if got := until[account+" "+east]; !got.Equal(first) {
				t.Errorf("the unit that failed is read until %s, want %s as before", got, first)
			}
			if got := until[w.members[1]+" "+east]; !got.Equal(w.now) {
				t.Errorf("another unit is read until %s, want %s", got, w.now)
			}
			if got := r.keys(fmt.Sprintf("SELECT DISTINCT outcome FROM stocktake_coverage WHERE table_name = '%s' AND account_id = '%s' AND region = '%s'", events, account, east)); !slices.Equal(got, []string{string(c.kind)}) {
				t.Errorf("outcome: got %v, want %s", got, c.kind)
			}
			c.mend(w, account, role)
			w.advance(5 * time.Hour)
			if result := w.run(t); result.Exit != 0 {
				t.Errorf("mended: exit %d, want 0", result.Exit)
			}
			checkEvents(t, w, since, 0)
			r = read(t, w.open(t))
			if got := r.number(shown); got <= before {
				t.Errorf("mended: got %d events after %d", got, before)
			}
			if got := readUntil(t, r, events)[account+" "+east]; !got.Equal(w.now) {
				t.Errorf("mended: read until %s, want %s", got, w.now)
			}
		})
	}
}

// TestEventsCrash ends a run before each change of the disk: without the commit
// no mark moves, and no reader sees a new event.
func TestEventsCrash(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	found := func(dir string) *world {
		w := newWorld(t, dir, tiny)
		w.only(events)
		return w
	}
	w := found(base)
	since, first := w.now.Add(-w.file.CloudTrail.LookBack), w.now
	w.run(t)
	committed := 0
	for at := 0; ; at++ {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "warehouse"), os.DirFS(filepath.Join(base, "warehouse"))); err != nil {
			t.Fatal(err)
		}
		w := found(dir)
		w.advance(30 * time.Hour)
		var changes counter
		o := w.options(t)
		o.Store = w.open(t, local.BeforeChange(func(string) error {
			if changes.next() < at {
				return nil
			}
			return errDead
		}))
		_, err := pipeline.Run(t.Context(), o)
		if err == nil {
			if at < 20 || committed == 0 || committed == at {
				t.Errorf("a run makes %d changes of the disk, %d of them after the commit; want more, and some of both", at, committed)
			}
			return
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("run that ends at change %d: %v", at, err)
		}
		checkEvents(t, w, since, 0)
		var marks []time.Time
		for _, until := range readUntil(t, read(t, w.open(t)), events) {
			marks = append(marks, until)
		}
		slices.SortFunc(marks, time.Time.Compare)
		if marks = slices.CompactFunc(marks, time.Time.Equal); len(marks) != 1 || !marks[0].Equal(first) && !marks[0].Equal(w.now) {
			t.Errorf("after change %d: read until %v, want %s or %s everywhere", at, marks, first, w.now)
		} else if marks[0].Equal(w.now) {
			committed++
		} else if committed > 0 {
			t.Errorf("after change %d: the commit is gone", at)
		}
		w.advance(time.Hour)
		if result := w.run(t); result.Exit != 0 {
			t.Errorf("the next run has exit %d", result.Exit)
		}
		checkEvents(t, w, since, 0)
		checkNothingLeft(t, fmt.Sprintf("after change %d", at), w)
		if t.Failed() {
			t.Fatalf("at change %d", at)
		}
	}
}

// TestEventsResumed: units that were finished before a run was stopped are read
// until then, and the next run goes on from there.
func TestEventsResumed(t *testing.T) {
	for name, lookups := range map[string]int{"some units finished": 4, "all units finished": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := eventWorld(t, t.TempDir())
			w.file.Concurrency.Accounts, w.file.Concurrency.Units = 1, 1
			since := w.now.Add(-w.file.CloudTrail.LookBack)
			w.run(t)
			w.advance(6 * time.Hour)
			stopped := w.now
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var calls counter
			w.org.Hook(func(_ context.Context, c sim.Call) error {
				if c.Operation == "LookupEvents" && calls.next() == lookups {
					stop()
				}
				return nil
			})
			o := w.options(t)
			o.Observer = stopping{w.seen, "writing tables", stop}
			if result, err := pipeline.Run(ctx, o); !errors.As(err, new(*pipeline.Interrupted)) {
				t.Fatalf("got %+v, %v, want an Interrupted error", result, err)
			}
			checkEvents(t, w, since, 0)
			w.advance(3 * time.Hour)
			w.run(t, resume)
			checkEvents(t, w, since, 0)
			early, late := 0, 0
			for place, until := range readUntil(t, read(t, w.open(t)), events) {
				switch {
				case until.Equal(stopped):
					early++
				case until.Equal(w.now):
					late++
				default:
					t.Errorf("%s is read until %s, want %s or %s", place, until, stopped, w.now)
				}
			}
			if early == 0 || (late == 0) != (lookups == 1000) {
				t.Errorf("%d units are read until the run was stopped, %d until it went on", early, late)
			}
			w.advance(day)
			w.run(t)
			checkEvents(t, w, since, 0)
			for place, until := range readUntil(t, read(t, w.open(t)), events) {
				if !until.Equal(w.now) {
					t.Errorf("%s is read until %s, want %s", place, until, w.now)
				}
			}
		})
	}
}

// TestEventsOnRequest: tables that may cost much are collected where they, or a
// stream that has them, are named, and by no pattern.
func TestEventsOnRequest(t *testing.T) {
	for _, c := range []struct {
		collect string
		want    []string
	}{
		{"*", nil},
		{"aws_cloudtrail_*", nil},
		{"aws_cloudwatch_*", nil},
		{"cloudtrail", []string{events}},
		{"audit", []string{events}},
		{"metrics", []string{metricData}},
		{events, []string{events}},
		{metricData, []string{metricData}},
	} {
		tables, err := extract.Select(all.Collectors, all.Streams, []string{c.collect})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{events, metricData} {
			if got, want := tables[table], slices.Contains(c.want, table); got != want {
				t.Errorf("collect %q: %s is collected: %t, want %t", c.collect, table, got, want)
			}
		}
	}
}
