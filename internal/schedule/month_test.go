package schedule

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
)

var update = flag.Bool("update", false, "write what the tests get as what they want")

// world is where a schedule runs in a test: its state, what runs do, and a log
// of everything, by the clock of a synctest bubble.
type world struct {
	t       *testing.T
	options Options
	log     bytes.Buffer
	logging sync.Mutex

	// work is what a run does; nil is 40 minutes and complete.
	work func(ctx context.Context, a Attempt) (Report, error)

	stop func()
	done chan error
}

func newWorld(t *testing.T, jobs ...config.Job) *world {
	w := &world{t: t}
	w.options = Options{
		State: filepath.Join(t.TempDir(), "schedule.json"), Jobs: jobs, Sources: []string{"acme"},
		CatchUp: 6 * time.Hour, Stale: 36 * time.Hour, FailedCalls: 0.3, Origin: "the test",
		Log: slog.New(slog.NewTextHandler(locked{w}, &slog.HandlerOptions{ReplaceAttr: brief})),
		Run: func(ctx context.Context, a Attempt) (Report, error) {
			if w.work == nil {
				return work(ctx, a, 40*time.Minute)
			}
			return w.work(ctx, a)
		},
	}
	return w
}

// locked lets several goroutines write the log.
type locked struct{ w *world }

func (l locked) Write(p []byte) (int, error) {
	l.w.logging.Lock()
	defer l.w.logging.Unlock()
	return l.w.log.Write(p)
}

func brief(_ []string, a slog.Attr) slog.Attr {
	switch {
	case a.Key == slog.TimeKey:
		return slog.String("at", a.Value.Time().UTC().Format("01-02 15:04:05"))
	case a.Key == slog.LevelKey:
		return slog.Attr{}
	case a.Value.String() == "" || a.Value.String() == "false":
		return slog.Attr{}
	}
	return a
}

func (w *world) start() *Scheduler {
	w.t.Helper()
	s, err := Open(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop, w.done = stop, make(chan error, 1)
	go func() { w.done <- errors.Join(s.Loop(ctx), s.Close()) }()
	return s
}

// end stops the process as SIGTERM does.
func (w *world) end() {
	w.t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Errorf("stop: got %v, want nothing", err)
	}
}

// kill leaves the state as SIGKILL would.
func (w *world) kill() {
	w.t.Helper()
	text, err := os.ReadFile(w.options.State)
	if err != nil {
		w.t.Fatal(err)
	}
	w.logging.Lock()
	logged := w.log.Len()
	w.logging.Unlock()
	w.end()
	w.log.Truncate(logged) // what it said while it stopped was not said
	if err := os.WriteFile(w.options.State, text, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func until(t *testing.T, text string) { time.Sleep(time.Until(instant(t, text))) }

// work takes its time and reads everything.
func work(ctx context.Context, a Attempt, takes time.Duration) (Report, error) {
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return Report{}, errors.New("the run was stopped")
	}
	return complete(a), nil
}

func complete(a Attempt) Report {
	return Report{
		Run: "of-" + a.Due.Format("0102T1504"), Complete: true, Resumed: !a.CutOff.IsZero(), Bytes: 1000,
		Sources: []SourceReport{{Source: "acme", Complete: true, Units: map[string]int64{"ok": 10}, Rows: 100, Calls: 50, FailedCalls: 1}},
	}
}

func incomplete(a Attempt) Report {
	r := complete(a)
	r.Complete, r.ExitCode = false, 3
	source := &r.Sources[0]
	source.Complete, source.Units, source.FailedCalls = false, map[string]int64{"ok": 4, "denied": 6}, 30
	source.Problems = []Problem{{What: "aws_ec2_volumes denied in 2 accounts: needs ec2:DescribeVolumes", Advice: "Allow ec2:DescribeVolumes.", Accounts: []string{"222233334444", "111122223333"}}}
	return r
}

// noted is a channel whose deliveries are in the log.
type noted struct {
	w      *world
	refuse func() bool
}

func (n noted) Name() string { return "test" }

func (n noted) Send(_ context.Context, m alert.Message) error {
	if n.refuse != nil && n.refuse() {
		return errors.New("connection refused")
	}
	n.w.options.Log.Info("TOLD", "about", m.Title, "since", clock(m.Since))
	return nil
}

// TestMonth is March 2027 of three jobs: with the clocks put forward on the 28th,
// nights that fail, overlap, are locked out, crash, are stopped and are missed.
// The golden file tells what ran when, and who was told.
func TestMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			config.Job{Name: "nightly", Cron: "30 2 * * *", TimeZone: "Europe/Berlin", Jitter: 10 * time.Minute},
			config.Job{Name: "network", Cron: "0 6,18 * * *", TimeZone: "UTC", Collect: []string{"network"}},
			config.Job{Name: "weekly", Cron: "0 4 * * mon", TimeZone: "America/New_York"},
		)
		mailDown := func() bool { return time.Now().Before(instant(t, "2027-03-03T02:00:00Z")) }
		w.options.Channels = []alert.Channel{noted{w, mailDown}}
		w.work = func(ctx context.Context, a Attempt) (Report, error) {
			if a.Job.Name == "network" {
				return work(ctx, a, 5*time.Minute)
			}
			switch a.Due.Format("01-02") + a.Job.Name {
			case "03-03nightly":
				return incomplete(a), nil
			case "03-04nightly":
				return Report{}, errors.New("write tables: disk full\nclose spool: disk full")
			case "03-08nightly":
				return work(ctx, a, 13*time.Hour) // network is due twice and weekly once
			case "03-10nightly":
				return Report{}, &Skip{"the warehouse is locked by process 7 on host2"}
			case "03-23nightly":
				return work(ctx, a, 30*time.Hour)
			}
			return work(ctx, a, 40*time.Minute)
		}
		until(t, "2027-03-01T00:00:00Z")
		w.start()
		until(t, "2027-03-12T02:00:00Z") // the nightly run goes on
		w.kill()
		until(t, "2027-03-12T03:00:00Z")
		w.start()
		until(t, "2027-03-14T00:00:00Z")
		w.end()
		until(t, "2027-03-17T05:00:00Z") // three nights and five times of network are missed
		w.start()
		until(t, "2027-03-20T01:50:00Z") // the nightly run goes on
		w.end()
		until(t, "2027-03-20T02:10:00Z")
		w.start()
		until(t, "2027-04-01T00:00:00Z")
		w.end()
		golden(t, w.log.String())

		state, err := readState(w.options.State)
		if err != nil {
			t.Fatal(err)
		}
		nights := map[string]int{}
		for _, r := range state.Jobs["nightly"].History {
			if r.Result != Crashed && r.Result != Stopped {
				nights[r.Due.In(berlin(t)).Format(time.DateOnly)]++
			}
		}
		for night := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC); night.Month() == time.March; night = night.AddDate(0, 0, 1) {
			if got := nights[night.Format(time.DateOnly)]; got != 1 {
				t.Errorf("night of %s: got %d results, want 1", night.Format(time.DateOnly), got)
			}
		}
	})
}

// TestAutumn: the night on which clocks show 02:30 twice has one run, also with a
// restart in between.
func TestAutumn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-10-22T12:00:00Z")
		w := newWorld(t, config.Job{Name: "nightly", Cron: "30 2 * * *", TimeZone: "Europe/Berlin"})
		w.start()
		until(t, "2026-10-25T01:20:00Z") // 02:20 for the second time
		w.end()
		w.start()
		until(t, "2026-10-27T12:00:00Z")
		w.end()
		if got, want := w.history("nightly"), "23T00:30 complete, 24T00:30 complete, 25T00:30 complete, 26T01:30 complete, 27T01:30 complete"; got != want {
			t.Errorf("history: got %q, want %q", got, want)
		}
	})
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func golden(t *testing.T, got string) {
	t.Helper()
	path := filepath.Join("testdata", t.Name()+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have, expected := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(have), len(expected)) {
		if i >= len(have) || i >= len(expected) || have[i] != expected[i] {
			t.Fatalf("%s, line %d (-update writes it):\n got %s\nwant %s", path, i+1, lineOf(have, i), lineOf(expected, i))
		}
	}
}

func lineOf(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}
