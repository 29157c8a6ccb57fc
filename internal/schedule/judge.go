package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stocktake/internal/alert"
)

// problemsShown bounds what an alert and the history say of a source.
const problemsShown = 5

// judgeRun opens and closes the alerts of a job. What did not run says nothing
// of whether it would.
func (s *Scheduler) judgeRun(r Record) {
	alerts := &s.state.Alerts
	switch r.Result {
	case Failed, Crashed:
		s.changed = alerts.Begin(s.runFailed(r)) || s.changed
	case Incomplete:
		s.changed = alerts.End(alert.RunFailed, r.Job, r.Ended, published(r)) || s.changed
		s.changed = alerts.Begin(runIncomplete(r)) || s.changed
	case Complete:
		for _, kind := range []alert.Kind{alert.RunFailed, alert.RunIncomplete} {
			s.changed = alerts.End(kind, r.Job, r.Ended, published(r)) || s.changed
		}
	}
}

func published(r Record) string {
	return fmt.Sprintf("Run %s of job %s was published at %s and is %s.", r.Report.Run, r.Job, clock(r.Ended), r.Result)
}

func (s *Scheduler) runFailed(r Record) alert.Condition {
	c := alert.Condition{Kind: alert.RunFailed, Subject: r.Job, Since: r.Began}
	what := fmt.Sprintf("The run of job %s that was due at %s %s: %s.", r.Job, clock(r.Due), r.Result, strings.TrimSuffix(r.Reason, "."))
	if r.Result == Crashed {
		c.What = what
		c.Advice = "`stocktake runs` shows whether it was published before. Find out what ended the process: the system's log says whether memory was short or the machine was restarted."
	} else {
		c.What = what + " Nothing of it was published."
		c.Advice = "Look at the log of `stocktake schedule` at that time, and remove the cause."
	}
	for _, j := range s.jobs {
		if j.Name == r.Job {
			c.Advice += fmt.Sprintf(" The next regular time is %s; `stocktake run` does not have to wait for it.", clock(j.times.next(later(r.Due, r.Began))))
		}
	}
	return c
}

func runIncomplete(r Record) alert.Condition {
	c := alert.Condition{Kind: alert.RunIncomplete, Subject: r.Job, Since: r.Began, Advice: "`stocktake query coverage` lists every unit that is not complete, with the reason."}
	var b strings.Builder
	fmt.Fprintf(&b, "Run %s of job %s is published, but not complete. What could not be read keeps its last good rows.", r.Report.Run, r.Job)
	if r.Reason != "" {
		fmt.Fprintf(&b, "\n%s", r.Reason)
	}
	first := ""
	for _, source := range r.Report.Sources {
		if !source.Complete {
			describe(&b, &c, source)
		}
		for _, p := range source.Problems {
			if first == "" {
				first = p.Advice
			}
		}
	}
	if first != "" {
		c.Advice = first + " " + c.Advice
	}
	c.What = b.String()
	return c
}

// describe adds what is not complete in a source, and the accounts.
func describe(b *strings.Builder, c *alert.Condition, source SourceReport) {
	fmt.Fprintf(b, "\nSource %s:", source.Source)
	if len(source.Problems) == 0 {
		b.WriteString(" nothing of it was collected")
	}
	for i, p := range source.Problems {
		for _, account := range p.Accounts {
			if at, found := slices.BinarySearch(c.Accounts, account); !found {
				c.Accounts = slices.Insert(c.Accounts, at, account)
			}
		}
		if i < problemsShown {
			fmt.Fprintf(b, "\n- %s", oneLine(p.What))
		}
	}
	if more := len(source.Problems) - problemsShown; more > 0 {
		fmt.Fprintf(b, "\n- and %d more", more)
	}
}

// minCalls is how many calls it takes to say that a source fails or works.
const minCalls = 20

// judgeCalls looks at the calls of a source in the last day. Too few of them say
// nothing, in either direction.
func (s *Scheduler) judgeCalls(report SourceReport, source *sourceState, r Record) {
	var calls, failed int64
	for _, sample := range source.Samples {
		calls, failed = calls+sample.Calls, failed+sample.Failed
	}
	if calls < minCalls {
		return
	}
	what := fmt.Sprintf("%d of %d calls (%.0f %%) of source %s in the 24 hours before %s failed", failed, calls, 100*float64(failed)/float64(calls), report.Source, clock(r.Ended))
	if float64(failed) < s.o.FailedCalls*float64(calls) {
		s.changed = s.state.Alerts.End(alert.SourceFailing, report.Source, r.Ended, what+": it is no longer too many.") || s.changed
		return
	}
	c := alert.Condition{
		Kind: alert.SourceFailing, Subject: report.Source, Since: r.Began,
		Advice: "Check the credentials and roles of the source: `stocktake plan` shows which accounts can be entered, `stocktake query coverage` what was refused.",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, in runs of job %s.", what, r.Job)
	if len(report.Problems) > 0 {
		describe(&b, &c, report)
	}
	c.What = b.String()
	s.changed = s.state.Alerts.Begin(c) || s.changed
}

// judgeAge opens and closes the alerts of sources that nobody has completely
// read for too long. It holds also when nothing runs at all.
func (s *Scheduler) judgeAge(now time.Time) {
	for name, source := range s.state.Sources {
		last := later(source.LastComplete, source.Since)
		since := last.Add(s.o.Stale)
		if now.Before(since) {
			s.changed = s.state.Alerts.End(alert.Stale, name, now, lastComplete(name, source)) || s.changed
			continue
		}
		s.changed = s.state.Alerts.Begin(alert.Condition{
			Kind: alert.Stale, Subject: name, Since: since,
			What:   lastComplete(name, source) + fmt.Sprintf(" That is longer ago than %s.", spell(s.o.Stale)),
			Advice: "`stocktake schedule status` shows whether runs take place, fail or are not complete; `stocktake query coverage` shows which units are in the way.",
		}) || s.changed
	}
}

func lastComplete(name string, source *sourceState) string {
	if source.LastComplete.IsZero() {
		return fmt.Sprintf("Source %s has had no complete run since it was first scheduled at %s.", name, clock(source.Since))
	}
	return fmt.Sprintf("The last complete run of source %s, %s, ended at %s.", name, source.LastCompleteRun, clock(source.LastComplete))
}
