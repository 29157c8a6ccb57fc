package schedule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"stocktake/internal/alert"
	"stocktake/internal/config"
)

func (s *Scheduler) loop(ctx context.Context, once bool) (records []Record, err error) {
	runs, told := make(chan ended), make(chan []alert.Delivery)
	telling, stop := false, ctx.Done()
	for first := true; ; first = false {
		if ctx.Err() != nil {
			stop = nil // it has been noticed
		}
		s.look(time.Now().UTC(), first || !once, ctx.Err() != nil)
		running := s.begin(ctx, runs)
		telling = telling || s.tell(ctx, told)
		err := s.save()
		if !running && !telling && (once || ctx.Err() != nil) {
			return records, err
		}
		timer := time.NewTimer(s.wait(time.Now()))
		select {
		case <-stop:
		case e := <-runs:
			records = append(records, s.end(ctx, e))
		case made := <-told:
			telling = false
			s.settle(made, time.Now().UTC())
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look notes what the time has brought: due times, and sources without a
// complete run for too long.
func (s *Scheduler) look(now time.Time, due, stopping bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat, s.stopping = now, stopping
	if due && !stopping {
		for _, j := range s.jobs {
			s.lookAt(j, now)
		}
	}
	s.judgeAge(now)
}

// lookAt queues the newest due time of a job. Those before it are missed, and so
// is the newest when it is too late for it.
func (s *Scheduler) lookAt(j job, now time.Time) {
	state := s.state.Jobs[j.Name]
	at := slices.IndexFunc(s.queue, func(q queued) bool { return q.job.Name == j.Name })
	from := state.Handled
	if at >= 0 {
		from = s.queue[at].due
	}
	var due []time.Time
	for next := j.times.next(from); !next.IsZero() && !j.start(next).After(now); next = j.times.next(next) {
		due = append(due, next)
	}
	if len(due) == 0 {
		if at < 0 {
			s.lookAtCut(j, now)
		}
		return
	}
	state.Cut = nil // the newer time stands in for it
	for _, missed := range due[:len(due)-1] {
		s.note(state, Record{Job: j.Name, Due: missed, Result: Missed, Reason: "no process was there to run it, and a newer time was due as well"})
	}
	newest := due[len(due)-1]
	late := now.Sub(j.start(newest))
	running := s.state.running(j.Name)
	switch {
	case late > max(s.o.CatchUp, grace):
		s.note(state, Record{Job: j.Name, Due: newest, Result: Missed, Reason: fmt.Sprintf("no process was there to run it for %s, and catch_up is %s", spell(late), spell(s.o.CatchUp))})
	case running != nil:
		s.note(state, Record{Job: j.Name, Due: newest, Result: Skipped, Reason: fmt.Sprintf("the run that was due at %s still went on, since %s", clock(running.Due), clock(running.Began))})
	case at >= 0:
		s.note(state, Record{Job: j.Name, Due: s.queue[at].due, Result: Skipped, Reason: s.inTheWay(j) + " until the next time came"})
		s.queue[at] = queued{job: j, due: newest}
	default:
		s.queue = append(s.queue, queued{job: j, due: newest, madeUp: late > grace})
	}
}

// lookAtCut queues the run that was cut off, once, while it is not too late.
func (s *Scheduler) lookAtCut(j job, now time.Time) {
	state := s.state.Jobs[j.Name]
	c := state.Cut
	switch {
	case c == nil:
	case now.Sub(j.start(c.Due)) > s.o.CatchUp:
		state.Cut, s.changed = nil, true
	default:
		// First of all: another run would drop what it had collected.
		s.queue = slices.Insert(s.queue, 0, queued{job: j, due: c.Due, madeUp: true, cutOff: c.First, crashes: c.Crashes})
	}
}

func (s *Scheduler) inTheWay(j job) string {
	for _, r := range s.state.Running {
		if !s.apart(s.job(r.Job), j.Job) {
			return fmt.Sprintf("job %s went on, since %s,", r.Job, clock(r.Began))
		}
	}
	return "other jobs went on"
}

// job returns a job by its name; what goes on is configured.
func (s *Scheduler) job(name string) config.Job {
	return s.jobs[slices.IndexFunc(s.jobs, func(j job) bool { return j.Name == name })].Job
}

func (s *Scheduler) apart(a, b config.Job) bool { return s.o.Apart != nil && s.o.Apart(a, b) }

// note records a due time that no run came of.
func (s *Scheduler) note(state *jobState, r Record) {
	state.add(r)
	state.Handled, s.changed = later(state.Handled, r.Due), true
	s.o.Log.Warn("run "+string(r.Result), "job", r.Job, "due", clock(r.Due), "reason", r.Reason)
}

// begin starts the runs of the queue that nothing is in the way of, and reports
// whether any goes on. What waits keeps its turn.
func (s *Scheduler) begin(ctx context.Context, runs chan<- ended) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		var before []config.Job
		for _, r := range s.state.Running {
			before = append(before, s.job(r.Job))
		}
		s.queue = slices.DeleteFunc(s.queue, func(q queued) bool {
			free := !slices.ContainsFunc(before, func(b config.Job) bool { return !s.apart(b, q.job.Job) })
			before = append(before, q.job.Job)
			if free {
				s.start(ctx, q, runs)
			}
			return free
		})
	}
	return len(s.state.Running) > 0
}

func (s *Scheduler) start(ctx context.Context, q queued, runs chan<- ended) {
	state := s.state.Jobs[q.job.Name]
	state.Handled, state.Cut = later(state.Handled, q.due), nil
	r := &Running{Job: q.job.Name, Due: q.due, Began: time.Now().UTC(), First: q.cutOff, MadeUp: q.madeUp, Crashes: q.crashes}
	if r.First.IsZero() {
		r.First = r.Began
	}
	s.state.Running = append(s.state.Running, r)
	s.changed = true
	s.write() // before anything happens that a crash would have to tell of
	s.o.Log.Info("run begins", "job", q.job.Name, "due", clock(q.due), "made_up", q.madeUp, "resume", !q.cutOff.IsZero())
	go func() {
		report, err := s.o.Run(ctx, Attempt{Job: q.job.Job, Due: q.due, CutOff: q.cutOff})
		runs <- ended{q.job.Name, report, err, time.Now().UTC()}
	}()
}

// end records how the run came out.
func (s *Scheduler) end(ctx context.Context, e ended) Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.running(e.job)
	state := s.state.Jobs[r.Job]
	s.state.Running = slices.DeleteFunc(s.state.Running, func(o *Running) bool { return o == r })
	s.changed = true
	record := Record{Job: r.Job, Due: r.Due, Began: r.Began, Ended: e.at, MadeUp: r.MadeUp}
	var skip *Skip
	switch {
	case errors.As(e.err, &skip):
		record.Result, record.Reason = Skipped, oneLine(skip.Reason)
	case e.err != nil && ctx.Err() != nil:
		record.Result, record.Reason = Stopped, oneLine(e.err.Error())
		state.Cut = &cut{Due: r.Due, First: r.First, Crashes: r.Crashes}
	case e.err != nil:
		record.Result, record.Reason = Failed, oneLine(e.err.Error())
	default:
		record.Result, record.Reason, record.Report = Incomplete, oneLine(e.report.Problem), &e.report
		if e.report.Complete {
			record.Result = Complete
		}
		s.count(e.report, record)
	}
	s.judgeRun(record)
	state.add(withoutAccounts(record))
	level := s.o.Log.Info
	if record.Result != Complete {
		level = s.o.Log.Warn
	}
	level("run "+string(record.Result), "job", r.Job, "due", clock(r.Due), "run", e.report.Run, "seconds", e.at.Sub(r.Began).Seconds(), "reason", record.Reason)
	return record
}

// withoutAccounts keeps long lists out of the history.
func withoutAccounts(r Record) Record {
	if r.Report == nil {
		return r
	}
	report := *r.Report
	report.Sources = slices.Clone(report.Sources)
	for i := range report.Sources {
		source := &report.Sources[i]
		source.Problems = slices.Clone(source.Problems[:min(len(source.Problems), problemsShown)])
		for p := range source.Problems {
			source.Problems[p].Accounts = nil
		}
	}
	r.Report = &report
	return r
}

// day is how far back failing calls are counted.
const day = 24 * time.Hour

// count adds a report to what is known of its sources.
func (s *Scheduler) count(report Report, r Record) {
	for _, in := range report.Sources {
		source := s.state.Sources[in.Source]
		if source == nil {
			continue
		}
		source.LastRun = r.Ended
		source.Calls += in.Calls
		source.FailedCalls += in.FailedCalls
		source.Throttles += in.Throttles
		source.Samples = append(slices.DeleteFunc(source.Samples, func(old sample) bool { return r.Ended.Sub(old.At) > day }), sample{r.Ended, in.Calls, in.FailedCalls})
		if in.Complete && s.speaksFor(r.Job, in.Source) {
			source.LastComplete, source.LastCompleteRun = r.Ended, report.Run
		}
		s.judgeCalls(in, source, r)
	}
}

// speaksFor reports whether a complete run of the job is one of the whole source.
// One of fewer of its tables than another job asks for is not.
func (s *Scheduler) speaksFor(name, source string) bool {
	breadth := s.breadth(s.job(name))
	return !slices.ContainsFunc(s.jobs, func(j job) bool {
		return slices.Contains(s.asked(j.Job), source) && s.breadth(j.Job) > breadth
	})
}

func (s *Scheduler) breadth(j config.Job) int {
	switch {
	case len(j.Collect) == 0:
		return math.MaxInt
	case s.o.Breadth == nil:
		return 0
	}
	return s.o.Breadth(j)
}

// tell delivers what is pending, and reports whether there is any.
func (s *Scheduler) tell(ctx context.Context, told chan<- []alert.Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Alerts.Forget(s.channels) {
		s.changed = true
	}
	pending := s.state.Alerts.Pending(time.Now(), s.channels, s.o.Origin)
	if len(pending) == 0 || s.stopping {
		return false
	}
	go func() { told <- alert.Deliver(ctx, s.o.Channels, pending) }()
	return true
}

// settle notes what was told and what was not.
func (s *Scheduler) settle(made []alert.Delivery, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range made {
		s.state.Alerts.Settle(d, now)
		s.changed = true
		if d.Err != nil {
			s.o.Log.Error("alert not delivered", "channel", d.Channel, "alert", d.Message.Title, "error", d.Err)
			continue
		}
		s.o.Log.Info("alert delivered", "channel", d.Channel, "alert", d.Message.Title)
	}
}

// save writes the state where it has changed, and tries again where that failed.
func (s *Scheduler) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed {
		s.write()
	}
	return s.unsaved
}

func (s *Scheduler) write() {
	s.unsaved = s.state.write(s.o.State)
	s.changed = s.unsaved != nil
	if s.unsaved != nil {
		s.o.Log.Error("state not written: after a restart the schedule would not know what it has done", "error", s.unsaved)
	}
}

// wait is how long nothing is due.
func (s *Scheduler) wait(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := now.Truncate(pulse).Add(pulse)
	for _, j := range s.jobs {
		if start := j.start(j.after(s.state.Jobs[j.Name].Handled, now)); start.After(now) && start.Before(next) {
			next = start
		}
	}
	return next.Sub(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// spell writes a duration without its zeros.
func spell(d time.Duration) string {
	text := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// oneLine keeps a record readable.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if runes := []rune(text); len(runes) > 1000 {
		return string(runes[:1000]) + " …"
	}
	return text
}
