// Package schedule knows when jobs are due, what became of each due time, and
// when someone has to be told. It keeps that in one file, so that a process that
// is restarted, stopped or killed goes on where it was. It must not know AWS, nor
// what a run does, nor how anything is printed: it is given a function to run.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
)

// Options are what a schedule is made of.
type Options struct {
	State       string // path of the file that is kept
	Jobs        []config.Job
	Sources     []string // all that are configured; a job without sources asks them
	CatchUp     time.Duration
	Stale       time.Duration // age of a source's last complete run that someone is told of
	FailedCalls float64       // share of a source's calls in a day that someone is told of
	Channels    []alert.Channel
	Origin      string // which installation alerts come from
	Log         *slog.Logger

	// Breadth is how many tables a job collects; nil tells only jobs that collect
	// all from others.
	Breadth func(config.Job) int

	// Apart reports whether two jobs may run at the same time; nil is never.
	Apart func(a, b config.Job) bool

	// Run does a job. An error is a run of which nothing was published; a *Skip
	// is one that did not take place. When ctx ends it stops.
	Run func(ctx context.Context, a Attempt) (Report, error)
}

// Attempt is what Run is asked for.
type Attempt struct {
	Job config.Job
	Due time.Time
	// CutOff is when the first attempt at this due time began, of which the last
	// one was cut off: what was collected since may be gone on with. It is zero
	// where there was none.
	CutOff time.Time
}

// Report is what a run that was published came to.
type Report struct {
	Run      string         `json:"run"`
	Complete bool           `json:"complete"`
	ExitCode int            `json:"exit_code"`
	Resumed  bool           `json:"resumed,omitempty"` // it went on with a run that was cut off
	Problem  string         `json:"problem,omitempty"` // what is left to do although it is published
	Bytes    int64          `json:"bytes,omitempty"`   // of the files it wrote; 0 where that is not known
	Sources  []SourceReport `json:"sources,omitempty"`
}

// SourceReport is what a run came to for one source.
type SourceReport struct {
	Source      string           `json:"source"`
	Complete    bool             `json:"complete"`
	Units       map[string]int64 `json:"units"` // by outcome
	Rows        int64            `json:"rows"`
	Calls       int64            `json:"calls"`
	FailedCalls int64            `json:"failed_calls"`
	Throttles   int64            `json:"throttles"`
	Problems    []Problem        `json:"problems,omitempty"` // the most widespread first
}

// Problem is a group of units that are not complete for the same reason.
type Problem struct {
	What     string   `json:"what"` // in plain words
	Advice   string   `json:"advice,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
}

// Skip is the error of a run that did not take place.
type Skip struct{ Reason string }

func (s *Skip) Error() string { return s.Reason }

// grace is how late a run may begin and still count as on time.
const grace = time.Minute

// pulse is how often the loop looks at the clock at least: timers do not see a
// clock that is set, nor a machine that sleeps.
const pulse = time.Minute

// Scheduler runs jobs when they are due.
type Scheduler struct {
	o        Options
	jobs     []job
	channels []string
	lock     *os.File

	mu       sync.Mutex // guards what follows; only the loop changes it
	state    *state
	queue    []queued
	stopping bool
	changed  bool      // since the state was written
	unsaved  error     // why it could not be written
	beat     time.Time // when the loop last looked at the clock
}

// job is a job with its times.
type job struct {
	config.Job
	times times
}

// start is when the job begins for a due time.
func (j job) start(due time.Time) time.Time { return due.Add(delay(j.Name, due, j.Jitter)) }

// after returns the first due time after handled whose start is still to come.
func (j job) after(handled, now time.Time) time.Time {
	due := j.times.next(handled)
	for !due.IsZero() && !j.start(due).After(now) {
		due = j.times.next(due)
	}
	return due
}

// queued is a due time that waits for its run.
type queued struct {
	job     job
	due     time.Time
	madeUp  bool
	cutOff  time.Time
	crashes int
}

func parseJobs(jobs []config.Job) ([]job, error) {
	var parsed []job
	for _, c := range jobs {
		t, err := parseTimes(c.Cron, c.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("job %q: %w", c.Name, err)
		}
		parsed = append(parsed, job{c, t})
	}
	return parsed, nil
}

// Open reads the state, or begins one, and keeps other processes from it until
// Close. A run that the state shows as going on was cut off: it is recorded.
func Open(o Options) (*Scheduler, error) {
	jobs, err := parseJobs(o.Jobs)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.State), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the schedule's state: %w", err)
	}
	s := &Scheduler{o: o, jobs: jobs}
	for _, c := range o.Channels {
		s.channels = append(s.channels, c.Name())
	}
	if s.lock, err = lock(o.State + ".lock"); err != nil {
		return nil, err
	}
	if s.state, err = readState(o.State); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	now := time.Now().UTC()
	s.configure(now)
	s.noteCrashes(now)
	if err := s.state.write(o.State); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// Close lets other processes keep the state.
func (s *Scheduler) Close() error { return s.lock.Close() }

// configure makes the state fit the configuration. A job whose times have
// changed begins anew: it has not missed what was not asked for.
func (s *Scheduler) configure(now time.Time) {
	jobs, sources := map[string]*jobState{}, map[string]*sourceState{}
	for _, j := range s.jobs {
		have := s.state.Jobs[j.Name]
		if have == nil {
			have = &jobState{}
		}
		if have.Cron != j.Cron || have.TimeZone != j.TimeZone {
			have.Cron, have.TimeZone, have.Handled = j.Cron, j.TimeZone, now
		}
		jobs[j.Name] = have
		for _, name := range s.asked(j.Job) {
			if sources[name] = s.state.Sources[name]; sources[name] == nil {
				sources[name] = &sourceState{Since: now}
			}
		}
	}
	s.state.Jobs, s.state.Sources = jobs, sources
	for _, e := range s.state.Alerts.Entries {
		_, isJob := jobs[e.Subject]
		_, isSource := sources[e.Subject]
		switch ofJob := e.Kind == alert.RunFailed || e.Kind == alert.RunIncomplete; {
		case ofJob && !isJob:
			s.state.Alerts.End(e.Kind, e.Subject, now, "The job is no longer configured.")
		case !ofJob && !isSource:
			s.state.Alerts.End(e.Kind, e.Subject, now, "No job asks the source any longer.")
		}
	}
}

// asked returns the sources of a job.
func (s *Scheduler) asked(j config.Job) []string {
	if len(j.Sources) == 0 {
		return s.o.Sources
	}
	return j.Sources
}

// noteCrashes records the runs that the last process left.
func (s *Scheduler) noteCrashes(now time.Time) {
	left := s.state.Running
	s.state.Running = nil
	for _, r := range left {
		s.noteCrash(r, now)
	}
}

// noteCrash records a run that was cut off. It may be made up once: what has
// ended the process twice would do so again.
func (s *Scheduler) noteCrash(r *Running, now time.Time) {
	j := s.state.Jobs[r.Job]
	if j == nil {
		return
	}
	record := Record{
		Job: r.Job, Due: r.Due, Began: r.Began, Result: Crashed, MadeUp: r.MadeUp,
		Reason: "the process ended in the middle of the run, which was noticed at " + clock(now),
	}
	j.add(record)
	j.Cut = nil
	if r.Crashes == 0 {
		j.Cut = &cut{Due: r.Due, First: r.First, Crashes: 1}
	}
	s.judgeRun(record)
	s.o.Log.Warn("run crashed", "job", r.Job, "due", clock(r.Due), "reason", record.Reason)
}

// Loop runs jobs until ctx ends. Then it begins no more, waits for those that
// go on to stop, and returns nil.
func (s *Scheduler) Loop(ctx context.Context) error {
	_, err := s.loop(ctx, false)
	return err
}

// Once runs what is due now, tells what is to be told, and returns what became
// of it.
func (s *Scheduler) Once(ctx context.Context) ([]Record, error) { return s.loop(ctx, true) }

// ended is how a run came out.
type ended struct {
	job    string
	report Report
	err    error
	at     time.Time
}
