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
	rows    map[string][]finished                                  // of which units there are rows to load
	touched map[string]bool                                        // some place is not merely kept
	mark    func(source, table string, p extract.Place) spool.Mark // of earlier runs

	asked      map[xxh3.Uint128]int     // the number in the plan of each unit that the journal has yet to tell of
	special    map[int]*extract.Planned // those of them that speak for others, or leave places to other sources
	collectors map[string]*extract.Collector
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

// newBook enters what is known before anybody is asked: what the plan leaves out,
// and what earlier runs cover of sources that this one does not ask.
func newBook(r *extract.Run, plan *extract.Plan, previous extract.Previous) *book {
	b := &book{
		places: newPlaces(), rows: map[string][]finished{}, touched: map[string]bool{}, mark: r.Mark,
		asked: map[xxh3.Uint128]int{}, special: map[int]*extract.Planned{}, collectors: map[string]*extract.Collector{},
	}
	for _, c := range r.Collectors {
		b.collectors[c.Name] = c
	}
	for i, p := range plan.Units {
		b.order = i
		b.planned(p)
		if p.Preset != nil {
			continue
		}
		b.asked[p.Unit.ID().Hash()] = i
		if len(p.Unit.Covers) > 0 || len(p.Left().Taken) > 0 {
			b.special[i] = p
		}
	}
	b.order = len(plan.Units)
	b.unasked(r, previous)
	return b
}

// read enters what the journal says of the units that were asked.
func (b *book) read(s *spool.Spool) error {
	for u, err := range s.Units() {
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		id := u.ID.Hash()
		if i, ok := b.asked[id]; ok {
			delete(b.asked, id)
			b.order = i
			b.done(id, u)
		}
	}
	if n := len(b.asked); n > 0 {
		return fmt.Errorf("%d units are planned and not in the journal", n)
	}
	b.asked, b.special = nil, nil
	b.sort()
	return nil
}

// finished is a unit with rows of a table: its number in the plan, and what the
// journal finds it by.
type finished struct {
	order int
	id    xxh3.Uint128
}

// unitsOf reads the units with rows of a table, in the order of the plan.
func (b *book) unitsOf(table string, s *spool.Spool) ([]load.Unit, error) {
	list := b.rows[table]
	slices.SortFunc(list, func(a, b finished) int { return cmp.Compare(a.order, b.order) })
	units := make([]load.Unit, len(list))
	for i, f := range list {
		u, err := s.Unit(f.id)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		at := slices.IndexFunc(u.Tables, func(r spool.TableResult) bool { return r.Table == table })
		units[i] = load.Unit{ID: u.ID, CollectedRegion: u.CollectedRegion, Result: u.Tables[at]}
	}
	return units, nil
}

// blank is the entry of a unit of which nothing is known yet.
func blank(u *extract.Unit) load.Entry {
	return load.Entry{Source: u.Source, Account: u.Account, Region: u.Region, CollectedAccount: u.Account, CollectedRegion: u.AskedRegion()}
}

// covered are the places that a unit covers and no other source collects.
func covered(p *extract.Planned, table string) []spool.Place {
	if len(p.Left().Taken) == 0 {
		return p.Unit.Covers
	}
	return slices.DeleteFunc(slices.Clone(p.Unit.Covers), func(place spool.Place) bool { return p.IsTaken(table, place) })
}

// planned enters what is known without asking.
func (b *book) planned(p *extract.Planned) {
	u := p.Unit
	for _, t := range p.Left().Taken {
		e := blank(u)
		e.Outcome = t.Outcome()
		b.enter(t.Table, e, u.Collector, []spool.Place{t.Place})
	}
	for _, t := range p.Left().Skipped {
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
func (b *book) done(id xxh3.Uint128, done spool.Unit) {
	for _, r := range done.Tables {
		e := load.Entry{
			Source: done.ID.Source, Account: done.ID.Account, Region: done.ID.Region,
			CollectedAccount: done.ID.Account, CollectedRegion: done.CollectedRegion,
		}
		var covers []spool.Place
		if p := b.special[b.order]; p != nil {
			covers = covered(p, r.Table)
		}
		e.Outcome, e.StartedAt, e.EndedAt = r.Outcome, done.StartedAt, done.EndedAt
		e.Mark, e.Incremental = r.Mark, r.Incremental
		e.Calls, e.FailedCalls, e.Retries, e.Throttles = r.Calls, r.FailedCalls, r.Retries, r.Throttles
		b.enter(r.Table, e, b.collectors[done.ID.Collector], covers)
		if r.File != "" || r.Duplicates > 0 {
			b.rows[r.Table] = append(b.rows[r.Table], finished{b.order, id})
		}
	}
}

// unasked keeps the places of sources that are configured and not asked.
func (b *book) unasked(r *extract.Run, previous extract.Previous) {
	of := map[string]*extract.Collector{}
	for _, c := range r.Collectors {
		for _, t := range c.Tables {
			of[t.Name] = c
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
			}, of[c.Table], nil)
		}
	}
}
