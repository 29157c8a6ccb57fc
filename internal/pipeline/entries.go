package pipeline

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"stocktake/extract"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/load"
)

// book is what the run knows of each table: who was asked with what outcome.
type book struct {
	*places
	order   int                                                    // of the unit that is entered, in the plan
	units   map[string][]numbered                                  // finished units with rows to load
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
	b.places.add(table, b.order, e)
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
	b := &book{places: newPlaces(), units: map[string][]numbered{}, touched: map[string]bool{}, mark: r.Mark}
	asked := map[xxh3.Uint128]int{}
	for i, p := range plan.Units {
		b.order = i
		b.planned(p)
		if p.Preset == nil {
			asked[p.Unit.ID().Hash()] = i
		}
	}
	for u, err := range s.Units() {
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		if i, ok := asked[u.ID.Hash()]; ok {
			delete(asked, u.ID.Hash())
			b.order = i
			b.done(plan.Units[i], u)
		}
	}
	for _, i := range asked {
		return nil, fmt.Errorf("unit %v is planned and not in the journal", plan.Units[i].Unit.ID())
	}
	b.order = len(plan.Units)
	b.unasked(r, previous)
	b.sort()
	return b, nil
}

// numbered is a unit and its number in the plan.
type numbered struct {
	order int
	load.Unit
}

// unitsOf are the units with rows of a table, in the order of the plan.
func (b *book) unitsOf(table string) []load.Unit {
	list := b.units[table]
	slices.SortFunc(list, func(a, b numbered) int { return cmp.Compare(a.order, b.order) })
	units := make([]load.Unit, len(list))
	for i, u := range list {
		units[i] = u.Unit
	}
	return units
}

// blank is the entry of a unit of which nothing is known yet.
func blank(u *extract.Unit) load.Entry {
	return load.Entry{Source: u.Source, Account: u.Account, Region: u.Region, CollectedAccount: u.Account, CollectedRegion: u.AskedRegion()}
}

// covered are the places that a unit covers and no other source collects.
func covered(p *extract.Planned, table string) []spool.Place {
	if len(p.Taken) == 0 {
		return p.Unit.Covers
	}
	return slices.DeleteFunc(slices.Clone(p.Unit.Covers), func(place spool.Place) bool { return p.IsTaken(table, place) })
}

// planned enters what is known without asking.
func (b *book) planned(p *extract.Planned) {
	u := p.Unit
	for _, t := range p.Taken {
		e := blank(u)
		e.Outcome = t.Outcome()
		b.enter(t.Table, e, u.Collector, []spool.Place{t.Place})
	}
	for _, t := range p.Skipped {
		e := blank(u)
		e.Outcome = extract.NotAsked
		b.enter(t, e, u.Collector, covered(p, t))
	}
	for _, t := range p.Tables {
		if p.Preset != nil {
			e := blank(u)
			e.Outcome = *p.Preset
			b.enter(t, e, u.Collector, covered(p, t))
		}
	}
}

// done enters what the journal says of a unit.
func (b *book) done(p *extract.Planned, done spool.Unit) {
	for _, r := range done.Tables {
		e := blank(p.Unit)
		e.Outcome, e.StartedAt, e.EndedAt = r.Outcome, done.StartedAt, done.EndedAt
		e.Mark, e.Incremental = r.Mark, r.Incremental
		e.Calls, e.FailedCalls, e.Retries, e.Throttles = r.Calls, r.FailedCalls, r.Retries, r.Throttles
		b.enter(r.Table, e, p.Unit.Collector, covered(p, r.Table))
		if r.File != "" || r.Duplicates > 0 {
			b.units[r.Table] = append(b.units[r.Table], numbered{b.order, load.Unit{ID: done.ID, CollectedRegion: done.CollectedRegion, Result: r}})
		}
	}
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
