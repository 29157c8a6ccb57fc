package schedule

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
)

var nightly = config.Job{Name: "nightly", Cron: "30 2 * * *", TimeZone: "UTC"}

// history is what became of a job's due times, one word each.
func (w *world) history(job string) string {
	w.t.Helper()
	state, err := readState(w.options.State)
	if err != nil {
		w.t.Fatal(err)
	}
	var words []string
	for _, r := range state.Jobs[job].History {
		word := r.Due.Format("02T15:04") + " " + string(r.Result)
		if r.MadeUp {
			word += " made up"
		}
		if r.Report != nil && r.Report.Resumed {
			word += " resumed"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// TestRestart is what a process finds after it was away.
func TestRestart(t *testing.T) {
	day := "2027-03-01T"
	for _, c := range []struct {
		name string
		do   func(w *world)
		want string // of the nightly job
	}{
		{"the first start makes up nothing", func(w *world) {
			until(w.t, day+"03:00:00Z")
			w.start()
		}, ""},
		{"a night within catch_up", func(w *world) {
			w.start()
			w.end()
			until(w.t, day+"08:29:00Z")
			w.start()
		}, "01T02:30 complete made up"},
		{"a night past catch_up", func(w *world) {
			w.start()
			w.end()
			until(w.t, day+"08:31:00Z")
			w.start()
		}, "01T02:30 missed"},
		{"stopped, and begun again too late", func(w *world) {
			w.start()
			until(w.t, day+"02:40:00Z")
			w.end()
			until(w.t, day+"09:00:00Z")
			w.start()
		}, "01T02:30 stopped"},
		{"stopped twice", func(w *world) {
			w.start()
			until(w.t, day+"02:40:00Z")
			w.end()
			w.start()
			until(w.t, day+"02:50:00Z")
			w.end()
			w.start()
		}, "01T02:30 stopped, 01T02:30 stopped made up, 01T02:30 complete made up resumed"},
		{"killed twice: what kills it is not asked for a third time", func(w *world) {
			w.start()
			until(w.t, day+"02:40:00Z")
			w.kill()
			w.start()
			until(w.t, day+"02:50:00Z")
			w.kill()
			w.start()
		}, "01T02:30 crashed, 01T02:30 crashed made up"},
		{"cut off, and the next night is due", func(w *world) {
			w.start()
			until(w.t, day+"02:40:00Z")
			w.kill()
			until(w.t, "2027-03-02T02:31:00Z")
			w.start()
		}, "01T02:30 crashed, 02T02:30 complete"},
		{"another time of day: the earlier one was not missed", func(w *world) {
			until(w.t, day+"03:00:00Z")
			w.start()
			w.end()
			until(w.t, day+"05:00:00Z")
			w.options.Jobs[0].Cron = "0 4 * * *"
			w.start()
		}, ""},
		{"killed, and made up before anything was saved", func(w *world) {
			w.start()
			until(w.t, day+"02:40:00Z")
			w.kill()
			w.work = func(context.Context, Attempt) (Report, error) { return Report{}, &Skip{"locked"} }
			w.start()
		}, "01T02:30 crashed, 01T02:30 skipped made up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, day+"00:00:00Z")
				w := newWorld(t, nightly)
				c.do(w)
				time.Sleep(time.Hour)
				w.end()
				if got := w.history("nightly"); got != c.want {
					t.Errorf("history: got %q, want %q\n%s", got, c.want, w.log.String())
				}
			})
		})
	}
}

// TestStopQueued: a job that waits when the process is stopped is not lost.
func TestStopQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		second := nightly
		second.Name = "second"
		w := newWorld(t, nightly, second)
		s := w.start()
		until(t, "2027-03-01T02:35:00Z")
		if v := s.View(); len(v.Running) != 1 || v.Running[0].Job != "nightly" || v.Jobs[1].Waiting == nil {
			t.Errorf("view: got %+v, want nightly running and second waiting", v)
		}
		w.end()
		w.start()
		time.Sleep(2 * time.Hour)
		w.end()
		if got, want := w.history("nightly"), "01T02:30 stopped, 01T02:30 complete made up resumed"; got != want {
			t.Errorf("nightly: got %q, want %q", got, want)
		}
		if got, want := w.history("second"), "01T02:30 complete made up"; got != want {
			t.Errorf("second: got %q, want %q", got, want)
		}
	})
}

// TestApart: a job waits for no job that it may run together with, and keeps its
// turn before later ones that would be in its way.
func TestApart(t *testing.T) {
	events := config.Job{Name: "events", Cron: "*/15 * * * *", TimeZone: "UTC"}
	all := config.Job{Name: "all", Cron: "40 2 * * *", TimeZone: "UTC"}
	apart := func(a, b config.Job) bool {
		return a.Name != b.Name && a.Name != "all" && b.Name != "all"
	}
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T02:20:00Z")
		w := newWorld(t, nightly, events, all)
		w.options.Apart = apart
		w.work = func(ctx context.Context, a Attempt) (Report, error) {
			return work(ctx, a, map[string]time.Duration{"nightly": time.Hour, "events": 5 * time.Minute, "all": 20 * time.Minute}[a.Job.Name])
		}
		s := w.start()
		until(t, "2027-03-01T02:32:00Z")
		v := s.View()
		if _, nightly := v.RunOf("nightly"); !nightly || len(v.Running) != 2 {
			t.Errorf("at 02:32: got %+v, want nightly and events running", v.Running)
		}
		until(t, "2027-03-01T02:50:00Z") // all waits for nightly, and events for all
		if v := s.View(); len(v.Running) != 1 || v.Jobs[1].Waiting == nil || v.Jobs[2].Waiting == nil {
			t.Errorf("at 02:50: got %+v, want nightly running alone, events and all waiting", v)
		}
		until(t, "2027-03-01T04:01:00Z")
		w.end()
		for job, want := range map[string]string{
			"nightly": "01T02:30 complete",
			"all":     "01T02:40 complete",
			"events":  "01T02:30 complete, 01T02:45 skipped, 01T03:00 skipped, 01T03:15 skipped, 01T03:30 skipped, 01T03:45 complete, 01T04:00 stopped",
		} {
			if got := w.history(job); got != want {
				t.Errorf("%s: got %q, want %q\n%s", job, got, want, w.log.String())
			}
		}
	})
}

// TestCrashTogether: of several runs that a killed process leaves each is made up.
func TestCrashTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		events := nightly
		events.Name = "events"
		w := newWorld(t, nightly, events)
		w.options.Apart = func(a, b config.Job) bool { return a.Name != b.Name }
		w.start()
		until(t, "2027-03-01T02:40:00Z")
		w.kill()
		w.start()
		until(t, "2027-03-01T04:00:00Z")
		w.end()
		for _, job := range []string{"nightly", "events"} {
			if got, want := w.history(job), "01T02:30 crashed, 01T02:30 complete made up resumed"; got != want {
				t.Errorf("%s: got %q, want %q", job, got, want)
			}
		}
	})
}

// TestResumeFirst: a run that was cut off goes on before others, which would
// drop what it had collected, and knows since when it had.
func TestResumeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		other := config.Job{Name: "early", Cron: "45 2 * * *", TimeZone: "UTC"}
		w := newWorld(t, other, nightly)
		var order []string
		w.work = func(ctx context.Context, a Attempt) (Report, error) {
			order = append(order, a.Job.Name+a.CutOff.Format(" 15:04"))
			return work(ctx, a, 40*time.Minute)
		}
		w.start()
		until(t, "2027-03-01T02:40:00Z")
		w.end()
		w.start()
		until(t, "2027-03-01T02:50:00Z")
		w.kill()
		w.start()
		until(t, "2027-03-01T06:00:00Z")
		w.end()
		if want := []string{"nightly 00:00", "nightly 02:30", "nightly 02:30", "early 00:00"}; !slices.Equal(order, want) {
			t.Errorf("order, with the time that is gone on from: got %q, want %q", order, want)
		}
	})
}

// TestStop: a run may end well although it was asked to stop, and nothing new
// begins.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		w.work = func(ctx context.Context, a Attempt) (Report, error) {
			<-ctx.Done()
			time.Sleep(48 * time.Hour) // publishing, past the next night
			return complete(a), nil
		}
		s := w.start()
		until(t, "2027-03-01T03:00:00Z")
		if err := s.Ready(); err != nil {
			t.Errorf("ready while a run goes on: got %v, want nothing", err)
		}
		go w.end()
		time.Sleep(time.Minute)
		if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("ready while stopping: got %v, want an error that says so", err)
		}
		if err := s.Alive(); err != nil {
			t.Errorf("alive while stopping: got %v, want nothing", err)
		}
		time.Sleep(72 * time.Hour)
		if got, want := w.history("nightly"), "01T02:30 complete"; got != want {
			t.Errorf("history: got %q, want %q", got, want)
		}
		if err := s.Alive(); err == nil {
			t.Error("alive after the end: got nothing, want an error")
		}
	})
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		w.options.Channels = []alert.Channel{noted{w, nil}}
		w.work = func(context.Context, Attempt) (Report, error) { return Report{}, errors.New("disk full") }
		for _, c := range []struct{ at, want string }{
			{"2027-03-01T00:00:00Z", ""}, {"2027-03-01T02:40:00Z", "failed"}, {"2027-03-01T02:50:00Z", ""}, {"2027-03-02T02:30:00Z", "failed"}, {"2027-03-04T00:00:00Z", ""},
		} {
			until(t, c.at)
			s, err := Open(w.options)
			if err != nil {
				t.Fatal(err)
			}
			records, err := s.Once(t.Context())
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range records {
				got = append(got, string(r.Result))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("once at %s: got %q, want %q", c.at, got, c.want)
			}
		}
		if got := strings.Count(w.log.String(), `msg=TOLD about="job nightly failed"`); got != 1 {
			t.Errorf("alerts of the failure: got %d, want 1\n%s", got, w.log.String())
		}
	})
}

// TestAlertsAcrossRestarts: each condition is told once when it begins and once
// when it ends, whatever happens to the process.
func TestAlertsAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		w.options.Channels = []alert.Channel{noted{w, nil}}
		results := map[int]func(Attempt) (Report, error){
			1: func(Attempt) (Report, error) { return Report{}, errors.New("disk full") },
			2: func(a Attempt) (Report, error) { return incomplete(a), nil },
			3: func(a Attempt) (Report, error) { return incomplete(a), nil },
			4: func(Attempt) (Report, error) { return Report{}, &Skip{"locked"} },
		}
		w.work = func(_ context.Context, a Attempt) (Report, error) {
			if result := results[a.Due.Day()]; result != nil {
				return result(a)
			}
			return complete(a), nil
		}
		for range 6 {
			for range 4 {
				w.start()
				time.Sleep(3 * time.Hour)
				w.end()
				time.Sleep(3 * time.Hour)
			}
		}
		var told []string
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "TOLD") {
				at, rest, _ := strings.Cut(strings.TrimPrefix(line, `at="`), `"`)
				_, rest, _ = strings.Cut(rest, `about="`)
				about, _, _ := strings.Cut(rest, `"`)
				told = append(told, at[:5]+" "+about)
			}
		}
		want := []string{
			"03-01 job nightly failed",
			"03-02 job nightly works again", "03-02 job nightly is not complete", "03-02 calls of source acme fail", "03-02 source acme is out of date",
			"03-05 job nightly is complete again", "03-05 calls of source acme succeed again", "03-05 source acme is up to date again",
		}
		slices.Sort(told)
		slices.Sort(want)
		if !slices.Equal(told, want) {
			t.Errorf("told:\n got %q\nwant %q\n%s", told, want, w.log.String())
		}
	})
}

// TestAlertTexts: what happened, since when, where, and what to do.
func TestAlertTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		w.work = func(_ context.Context, a Attempt) (Report, error) {
			if a.Due.Day() == 2 {
				return Report{}, errors.New("write tables: disk full")
			}
			return incomplete(a), nil
		}
		s := w.start()
		until(t, "2027-03-02T23:00:00Z")
		defer w.end()
		for _, c := range []struct {
			kind alert.Kind
			want []string
		}{
			{alert.RunFailed, []string{"job nightly", "due at 2027-03-02 02:30 UTC", "disk full", "Nothing of it was published.", "next regular time is 2027-03-03 02:30 UTC"}},
			{alert.RunIncomplete, []string{"Run of-0301T0230", "Source acme", "aws_ec2_volumes denied", "Allow ec2:DescribeVolumes.", "[111122223333 222233334444]"}},
			{alert.SourceFailing, []string{"30 of 50 calls (60 %) of source acme", "aws_ec2_volumes denied", "[111122223333 222233334444]", "stocktake plan"}},
			{alert.Stale, []string{"Source acme has had no complete run since it was first scheduled at 2027-03-01 00:00 UTC", "longer ago than 36h", "schedule status"}},
		} {
			found := false
			for _, open := range s.View().Alerts {
				if open.Kind != c.kind {
					continue
				}
				found = true
				text := fmt.Sprintf("%s %s %v", open.What, open.Advice, open.Accounts)
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("%s: got\n%s\nwant %q in it", c.kind, text, want)
					}
				}
			}
			if !found {
				t.Errorf("%s: got no such alert, want one", c.kind)
			}
		}
	})
}

// TestReconfigured: alerts of what is gone end, with a reason.
func TestReconfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		w.work = func(context.Context, Attempt) (Report, error) { return Report{}, errors.New("disk full") }
		w.start()
		until(t, "2027-03-03T00:00:00Z")
		w.end()
		w.options.Jobs = []config.Job{{Name: "daily", Cron: "@daily", TimeZone: "UTC"}}
		w.options.Sources = []string{"umbrella"}
		w.options.Channels = []alert.Channel{noted{w, nil}}
		s := w.start()
		time.Sleep(time.Minute)
		v := s.View()
		w.end()
		if len(v.Alerts) != 0 || len(v.Jobs) != 1 || v.Jobs[0].Name != "daily" || len(v.Sources) != 1 || v.Sources[0].Name != "umbrella" {
			t.Errorf("view: got %+v, want one job, one source and no alert", v)
		}
		for _, want := range []string{"job nightly works again", "source acme is up to date again"} {
			if !strings.Contains(w.log.String(), want) {
				t.Errorf("told: got\n%s\nwant %q", w.log.String(), want)
			}
		}
	})
}

func TestSpeaksFor(t *testing.T) {
	all := config.Job{Name: "all"}
	narrow := config.Job{Name: "narrow", Collect: []string{"network"}}
	tables := config.Job{Name: "tables", Collect: []string{"*"}}
	one := config.Job{Name: "one", Collect: []string{"aws_cloudwatch_metric_data"}}
	other := config.Job{Name: "other", Sources: []string{"umbrella"}}
	for _, c := range []struct {
		jobs []config.Job
		job  string
		want bool
	}{
		{[]config.Job{all, narrow}, "all", true},
		{[]config.Job{all, narrow}, "narrow", false},
		{[]config.Job{narrow}, "narrow", true},
		{[]config.Job{narrow, other}, "narrow", true},
		{[]config.Job{narrow, tables, one}, "narrow", false},
		{[]config.Job{narrow, tables, one}, "tables", true},
		{[]config.Job{narrow, tables, one}, "one", false},
		{[]config.Job{narrow, one}, "narrow", true},
	} {
		s := &Scheduler{o: Options{Sources: []string{"acme", "umbrella"}, Breadth: func(j config.Job) int { return map[string]int{"tables": 100, "narrow": 20, "one": 1}[j.Name] }}}
		for _, j := range c.jobs {
			s.jobs = append(s.jobs, job{Job: j})
		}
		if got := s.speaksFor(c.job, "acme"); got != c.want {
			t.Errorf("%s of %v speaks for acme: got %t, want %t", c.job, c.jobs, got, c.want)
		}
	}
}

// TestUnwritable: a state that cannot be written is seen, and written later.
func TestUnwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		w := newWorld(t, nightly)
		s := w.start()
		until(t, "2027-03-01T02:00:00Z")
		// A folder in its place stands for a full disk.
		if err := os.Rename(w.options.State, w.options.State+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(w.options.State, 0o755); err != nil {
			t.Fatal(err)
		}
		until(t, "2027-03-01T02:35:00Z")
		if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "write the state") || s.View().Unsaved == "" {
			t.Errorf("ready: got %v, want that the state cannot be written", err)
		}
		if err := os.Remove(w.options.State); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if err := s.Ready(); err != nil {
			t.Errorf("ready again: got %v, want nothing", err)
		}
		until(t, "2027-03-01T04:00:00Z")
		w.end()
		if got, want := w.history("nightly"), "01T02:30 complete"; got != want {
			t.Errorf("history: got %q, want %q", got, want)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	j := &jobState{}
	for i := range 3 * historyLength {
		j.add(Record{Due: time.Unix(int64(i), 0), Result: Complete})
	}
	if len(j.History) != historyLength || j.History[historyLength-1].Due.Unix() != 3*historyLength-1 || j.Totals[Complete] != 3*historyLength {
		t.Errorf("history: got %d records up to %s and %d in total, want the last %d of %d", len(j.History), j.History[len(j.History)-1].Due, j.Totals[Complete], historyLength, 3*historyLength)
	}
}

func TestDamagedState(t *testing.T) {
	good := `{"version":1,"jobs":{"nightly":{"cron":"30 2 * * *","time_zone":"UTC","handled":"2027-03-01T00:00:00Z"}},"sources":{},"alerts":{}}`
	for _, c := range []struct{ text, want string }{
		{good, ""},
		{good[:60], "move it away"},
		{"", "move it away"},
		{"null", "move it away"},
		{`{"version":2}`, "a newer stocktake has written it"},
		{`{"version":0}`, "expected 1"},
		{`{"version":1,"jobs":{"nightly":null}}`, `job "nightly"`},
		{`{"version":1,"jobs":{"nightly":{}}}`, `job "nightly"`},
		{`{"version":1,"sources":{"acme":null}}`, `source "acme"`},
		{`{"version":1,"alerts":{"entries":[null]}}`, "an alert is null"},
		{good + good, "move it away"},
	} {
		path := filepath.Join(t.TempDir(), "schedule.json")
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Options{State: path, Jobs: []config.Job{nightly}, Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("state %s: got error %v, want one with %q and the path", c.text, err, c.want)
		}
		if err == nil {
			s.Close()
			continue
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != c.text {
			t.Errorf("state %s: got it replaced by %q, %v, want it left alone", c.text, text, err)
		}
	}
}

func FuzzState(f *testing.F) {
	f.Add(`{"version":1,"jobs":{"nightly":{"cron":"","time_zone":"","handled":"2027-03-01T00:00:00Z","cut":{},"history":[{}]}},"going_on":[{"job":"nightly"}]}`)
	f.Add(`{"version":1,"sources":{"acme":{"since":"2027-03-01T00:00:00Z","samples":[{}]}},"alerts":{"entries":[{"alert":"stale"}]}}`)
	jobs, err := parseJobs([]config.Job{nightly})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &Scheduler{o: Options{Sources: []string{"acme"}, Log: slog.New(slog.DiscardHandler)}, jobs: jobs, state: &state{}}
		if err := s.state.parse([]byte(text)); err != nil {
			return
		}
		now := instant(t, "2027-03-01T00:00:00Z")
		s.configure(now)
		s.noteCrashes(now)
		s.look(now, true, false)
		s.View()
	})
}

func TestTwoProcesses(t *testing.T) {
	w := newWorld(t, nightly)
	first, err := Open(w.options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(w.options)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("second process: got %v, want a LockedError with process %d", err, os.Getpid())
	}
	if _, err := Status(w.options.State, w.options.Jobs); err != nil {
		t.Errorf("status while a process runs: got %v, want nothing", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := Open(w.options)
	if err != nil {
		t.Fatalf("after the first has ended: got %v, want nothing", err)
	}
	third.Close()
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2027-03-01T00:00:00Z")
		job := nightly
		job.Jitter = time.Hour
		w := newWorld(t, job)
		v, err := Status(w.options.State, w.options.Jobs)
		if err != nil || len(v.Jobs) != 1 || !v.Jobs[0].NextDue.Equal(instant(t, "2027-03-01T02:30:00Z")) {
			t.Errorf("before the first start: got %+v, %v, want the next due time", v, err)
		}
		w.start()
		until(t, "2027-03-04T00:00:00Z")
		w.end()
		v, err = Status(w.options.State, w.options.Jobs)
		if err != nil || len(v.Jobs[0].History) != 3 || v.Jobs[0].Totals[Complete] != 3 || v.Sources[0].LastCompleteRun != "of-0303T0230" ||
			v.Sources[0].Calls != 150 || v.Jobs[0].Last == nil || v.Jobs[0].Last.Run != "of-0303T0230" {
			t.Errorf("after three nights: got %+v, %v, want three complete runs", v, err)
		}
		if late := v.Jobs[0].NextStart.Sub(v.Jobs[0].NextDue); late <= 0 || late >= time.Hour {
			t.Errorf("next start: got %s after the due time, want within the jitter", late)
		}
		if _, err := Status(w.options.State, []config.Job{{Name: "x", Cron: "never"}}); err == nil || !strings.Contains(err.Error(), `job "x"`) {
			t.Errorf("status of a wrong cron: got %v, want an error that names the job", err)
		}
	})
}

// TestKilled kills a process in the middle of a run, as the system does when
// memory is short.
func TestKilled(t *testing.T) {
	if path := os.Getenv("STOCKTAKE_TEST_SCHEDULE"); path != "" {
		runUntilKilled(t, path)
	}
	path := filepath.Join(t.TempDir(), "schedule.json")
	job := config.Job{Name: "nightly", Cron: "* * * * *", TimeZone: "UTC"}
	due := time.Now().UTC().Truncate(time.Minute)
	before := &state{Version: stateVersion, Jobs: map[string]*jobState{"nightly": {Cron: job.Cron, TimeZone: "UTC", Handled: due.Add(-time.Minute)}}}
	if err := before.write(path); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "STOCKTAKE_TEST_SCHEDULE="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if killed := child.Process.Kill(); err != nil || line != "running\n" || killed != nil {
		t.Fatalf("child: got %q, %v, %v, want it running and killed", line, err, killed)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("child: got a regular end, want it killed")
	}
	s, err := Open(Options{State: path, Jobs: []config.Job{job}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if v := s.View(); len(v.Running) > 0 || len(v.Jobs[0].History) != 1 || v.Jobs[0].History[0].Result != Crashed || s.state.Jobs["nightly"].Cut == nil {
		t.Errorf("after the kill: got %+v, want one crashed run that may be made up", v)
	}
	if v := s.View(); len(v.Alerts) != 1 || !strings.Contains(v.Alerts[0].What, "job nightly") || !strings.Contains(v.Alerts[0].Advice, "shows whether it was published") {
		t.Errorf("after the kill: got alerts %+v, want one that claims nothing of what was published", v.Alerts)
	}
}

func runUntilKilled(t *testing.T, path string) {
	s, err := Open(Options{
		State: path, Jobs: []config.Job{{Name: "nightly", Cron: "* * * * *", TimeZone: "UTC"}}, CatchUp: time.Hour, Stale: time.Hour, Log: slog.New(slog.DiscardHandler),
		Run: func(ctx context.Context, _ Attempt) (Report, error) {
			fmt.Println("running")
			<-ctx.Done()
			return Report{}, ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Loop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
