package pipeline

import (
	"fmt"
	"slices"

	"stocktake/extract"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/load"
)

// book is what the run knows of each table: who was asked with what outcome.
type book struct {
	entries map[string][]load.Entry
	units   map[string][]load.Unit                                 // finished units with rows to load
	touched map[string]bool                                        // some place is not merely kept
	mark    func(source, table string, p extract.Place) spool.Mark // of earlier runs
}

// enter adds an outcome for the places of a unit.
func (b *book) enter(table string, e load.Entry, c *extract.Collector, covers []spool.Place) {
	if e.Outcome.Kind != outcome.Skipped || e.Outcome.Code != extract.NotAsked.Code {
		b.touched[table] = true
	}
	e.Outcome.Advice = extract.Advise(e.Outcome)
	switch {
	case c.AnyAccount:
		e.Match = spool.Place{Account: "*", Region: "*"}
	case len(covers) > 0:
		b.enterView(table, e, c, covers)
		return
	case c.AnyRegion:
		e.Match = spool.Place{Account: e.Account, Region: "*"}
	default:
		e.Match = spool.Place{Account: e.Account, Region: e.Region}
	}
	b.add(table, e)
}

// add keeps the mark of a place that was not read this time. Where its rows
// leave the warehouse the next run begins anew.
func (b *book) add(table string, e load.Entry) {
	if e.Outcome.Kind.Rows() != outcome.Replaced {
		e.Mark = b.mark(e.Source, table, spool.Place{Account: e.Account, Region: e.Region})
	}
	b.entries[table] = append(b.entries[table], e)
}

// enterView adds an entry for each place that an administrator's view covers.
// The calls stand with the account that was asked.
func (b *book) enterView(table string, e load.Entry, c *extract.Collector, covers []spool.Place) {
	counted := false
	for _, place := range covers {
		member := e
		member.Account, member.Region, member.Match = place.Account, place.Region, place
		if c.AnyRegion {
			member.Match.Region = "*"
		}
		if counted || place.Account != e.CollectedAccount {
			member.Calls, member.FailedCalls, member.Retries, member.Throttles = 0, 0, 0, 0
		} else {
			counted = true
		}
		b.add(table, member)
	}
}

// newBook puts together the plan, the journal, and what earlier runs cover of
// sources that this one does not ask.
func newBook(r *extract.Run, plan *extract.Plan, s *spool.Spool, previous extract.Previous) (*book, error) {
	b := &book{entries: map[string][]load.Entry{}, units: map[string][]load.Unit{}, touched: map[string]bool{}, mark: r.Mark}
	journal := map[spool.UnitID]spool.Unit{}
	for u, err := range s.Units() {
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		journal[u.ID] = u
	}
	for _, p := range plan.Units {
		if err := b.planned(p, journal); err != nil {
			return nil, err
		}
	}
	b.unasked(r, previous)
	return b, nil
}

func (b *book) planned(p *extract.Planned, journal map[spool.UnitID]spool.Unit) error {
	u := p.Unit
	blank := load.Entry{Source: u.Source, Account: u.Account, Region: u.Region, CollectedAccount: u.Account, CollectedRegion: u.AskedRegion()}
	covers := func(table string) []spool.Place {
		return slices.DeleteFunc(slices.Clone(u.Covers), func(place spool.Place) bool { return p.IsTaken(table, place) })
	}
	for _, t := range p.Taken {
		e := blank
		e.Outcome = t.Outcome()
		b.enter(t.Table, e, u.Collector, []spool.Place{t.Place})
	}
	for _, t := range p.Skipped {
		e := blank
		e.Outcome = extract.NotAsked
		b.enter(t, e, u.Collector, covers(t))
	}
	if p.Preset != nil {
		for _, t := range p.Tables {
			e := blank
			e.Outcome = *p.Preset
			b.enter(t, e, u.Collector, covers(t))
		}
		return nil
	}
	done, ok := journal[u.ID()]
	if !ok {
		return fmt.Errorf("unit %v is planned and not in the journal", u.ID())
	}
	for _, r := range done.Tables {
		e := blank
		e.Outcome, e.StartedAt, e.EndedAt = r.Outcome, done.StartedAt, done.EndedAt
		e.Mark, e.Incremental = r.Mark, r.Incremental
		e.Calls, e.FailedCalls, e.Retries, e.Throttles = r.Calls, r.FailedCalls, r.Retries, r.Throttles
		b.enter(r.Table, e, u.Collector, covers(r.Table))
		b.units[r.Table] = append(b.units[r.Table], load.Unit{ID: done.ID, CollectedRegion: done.CollectedRegion, Result: r})
	}
	return nil
}

// unasked keeps the places of sources that are configured and not asked.
func (b *book) unasked(r *extract.Run, previous extract.Previous) {
	collectors := map[string]*extract.Collector{}
	for _, c := range r.Collectors {
		for _, t := range c.Tables {
			collectors[t.Name] = c
		}
	}
	for i := range r.Config.Sources {
		s := &r.Config.Sources[i]
		if r.Asks(s) {
			continue
		}
		tables, err := extract.Select(r.Collectors, r.Streams, s.Collect)
		for _, c := range previous.Coverage {
			if err != nil || c.Source != s.Name || !tables[c.Table] || c.Outcome == outcome.OutOfScope {
				continue
			}
			b.enter(c.Table, load.Entry{
				Source: c.Source, Account: c.Account, Region: c.Region,
				CollectedAccount: c.CollectedAccount, CollectedRegion: c.CollectedRegion, Outcome: extract.NotAsked,
			}, collectors[c.Table], nil)
		}
	}
}

// tables are those that the configuration asks for, whether or not this run does.
func (b *book) tables() []string {
	var names []string
	for t := range b.entries {
		names = append(names, t)
	}
	slices.Sort(names)
	return names
}
