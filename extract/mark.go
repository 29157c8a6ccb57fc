package extract

import (
	"context"
	"time"

	"stocktake/internal/spool"
)

// marks are how far earlier runs have read, of tables that are read by time.
type marks map[markKey]marked

type markKey struct{ source, table, account, region string }

type marked struct {
	by string // account that was asked
	spool.Mark
}

// marks finds them in the coverage. Most tables have none.
func (p Previous) marks() marks {
	m := marks{}
	for _, c := range p.Coverage {
		if !c.Mark.Until.IsZero() {
			m[markKey{c.Source, c.Table, c.Account, c.Region}] = marked{c.CollectedAccount, c.Mark}
		}
	}
	return m
}

// Mark returns how far a table has been read in a place; the zero Mark where it
// has not.
func (r *Run) Mark(source, table string, p Place) spool.Mark {
	return r.marks[markKey{source, table, p.Account, p.Region}].Mark
}

// mark returns how far earlier runs have read all that the unit speaks for: one
// place that they did not have, or had from another account, makes it nothing.
func (u *Unit) mark(table string) (least spool.Mark) {
	places := u.Covers
	if len(places) == 0 {
		places = []Place{{Account: u.Account, Region: u.Region}}
	}
	for i, p := range places {
		m, ok := u.run.marks[markKey{u.Source, table, p.Account, p.Region}]
		if !ok || m.by != u.Account {
			return spool.Mark{}
		}
		if i == 0 || m.Until.Before(least.Until) {
			least.Until = m.Until
		}
		if i == 0 || m.Full.Before(least.Full) {
			least.Full = m.Full
		}
	}
	return least
}

// Since returns until when earlier runs have read a table; the collector asks
// for what came or changed later, with an overlap of its own. The zero time
// means that it asks for everything, or for as much as its first run takes. So
// it does where the last full pull of an incremental table is older than the
// configuration wants: what AWS deletes does not show among the changes.
func (u *Unit) Since(table string) time.Time {
	s := u.sinks[table]
	if s == nil {
		return time.Time{}
	}
	return s.since.Until
}

// Reached records until when the unit has read a table. It counts once the run
// is published and the table's outcome is a good one.
func (u *Unit) Reached(table string, until time.Time) {
	if s := u.sinks[table]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reached = until.UTC()
	}
}

// Whole records that the unit has asked for all rows of a table after all, though
// earlier runs had read it: what it has not found is no longer there.
func (u *Unit) Whole(table string) {
	if s := u.sinks[table]; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.since = spool.Mark{}
	}
}

// begin finds from which mark a table is read on.
func (u *Unit) begin(s *sink) {
	m := u.mark(s.table.Name)
	if s.plan.Schema.Incremental && u.started.Sub(m.Full) >= u.run.Config.FullPull {
		m = spool.Mark{}
	}
	s.since = m
}

// mark returns how far the table has been read now.
func (s *sink) mark(started time.Time) (m spool.Mark, incremental bool) {
	if s.reached.IsZero() {
		return spool.Mark{}, false
	}
	m = spool.Mark{Until: s.reached, Full: s.since.Full}
	if s.since.Until.IsZero() {
		m.Full = started.UTC()
	}
	return m, s.plan.Schema.Incremental && !s.since.Until.IsZero()
}

// windowPages is when a pull begins anew at the time it has come to. A token
// that AWS no longer takes then costs one window and not the whole pull.
const windowPages = 200

// Overlap is what a pull of changes asks for again: changes may show late.
const Overlap = 15 * time.Minute

// Later returns the later of two times.
func Later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// InWindows reads pages that are sorted by time, the oldest first, in windows:
// open returns the pager of what is at or after a time, which is zero for all,
// and use takes a page and returns the newest time in it. Rows at the seam of
// two windows come twice.
func InWindows[Out, O any](ctx context.Context, open func(from time.Time) Pager[Out, O], use func(*Out) (newest time.Time, err error)) error {
	for from := (time.Time{}); ; {
		newest := from
		pager := open(from)
		for pages := 0; pager.HasMorePages() && (pages < windowPages || !newest.After(from)); pages++ {
			out, err := pager.NextPage(ctx)
			if err != nil {
				return err
			}
			at, err := use(out)
			if err != nil {
				return err
			}
			newest = Later(newest, at)
			if probing(ctx) != nil {
				return nil
			}
		}
		if !pager.HasMorePages() {
			return nil
		}
		from = newest
	}
}
