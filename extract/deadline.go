package extract

import (
	"context"
	"errors"
	"slices"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// ErrDeadline is why a run ends before its work is done when it has taken as
// long as it may.
var ErrDeadline = errors.New("the run has taken as long as max_duration allows")

// until returns a context that ends at the run's deadline, for that reason. It
// carries no deadline of its own: one would make calls fail ahead of time that
// merely would have to wait for their rate.
func (r *Run) until(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Deadline.IsZero() {
		return ctx, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		// The run's clock decides; timers, which may not keep to it, only wake.
		for left := r.Deadline.Sub(r.now()); left > 0; left = r.Deadline.Sub(r.now()) {
			timer := time.NewTimer(left)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
		end(ErrDeadline)
	}()
	return ctx, func() { end(nil) }
}

// late reports whether ctx ended because the run's deadline passed.
func late(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrDeadline) }

// tooLate is the outcome of what the deadline left no time for.
var tooLate = outcome.Outcome{
	Kind: outcome.Failed, Code: "deadline", Message: "max_duration ended the run before this was finished",
	Advice: "Raise max_duration, ask for fewer tables or regions in one run, or see in stocktake_units which units are slow or throttled.",
}

// cutOff reports whether the deadline passed before a unit was finished.
func cutOff(u spool.Unit) bool {
	return slices.ContainsFunc(u.Tables, func(t spool.TableResult) bool {
		return t.Outcome.Kind == tooLate.Kind && t.Outcome.Code == tooLate.Code
	})
}

// leave journals a unit that the deadline left no time to begin. Where the run
// that this one resumes has asked, what it was told stands.
func (r *Run) leave(p *Planned) error {
	if p.earlier {
		return nil
	}
	now := r.now()
	entry := spool.Unit{ID: p.Unit.ID(), CollectedRegion: p.Unit.AskedRegion(), Partition: p.Unit.Partition, StartedAt: now, EndedAt: now}
	for _, t := range p.Tables {
		entry.Tables = append(entry.Tables, spool.TableResult{Table: t, Schema: r.plans[t].Schema.ID(), Outcome: tooLate, Covers: p.Unit.covers()})
	}
	return r.record(entry)
}
