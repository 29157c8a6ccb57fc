package extract

import (
	"cmp"
	"slices"
	"strings"

	"stocktake/internal/spool"
)

// journaled is what the journal says of a unit.
type journaled struct {
	final  bool
	covers []spool.Place
}

func samePlaces(a, b []spool.Place) bool {
	order := func(p, q spool.Place) int {
		return cmp.Or(strings.Compare(p.Account, q.Account), strings.Compare(p.Region, q.Region))
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

// byAccount groups what is to be asked by the account that is asked. What takes
// longest comes first, so that a run does not end with all waiting for one.
func (r *Run) byAccount(plan *Plan, done map[spool.UnitID]journaled) [][]*Planned {
	var order [][]*Planned
	at := map[string]int{}
	for _, p := range plan.Units {
		entry, found := done[p.Unit.ID()]
		// What an account said for itself does not stand for a view of others.
		p.earlier = found && samePlaces(entry.covers, p.Unit.covers())
		p.Done = p.earlier && entry.final
		if p.Preset != nil || p.Done {
			continue
		}
		key := p.Unit.Source + " " + p.Unit.Account
		i, ok := at[key]
		if !ok {
			i = len(order)
			at[key] = i
			order = append(order, nil)
		}
		order[i] = append(order[i], p)
	}
	for _, units := range order {
		slices.SortStableFunc(units, func(a, b *Planned) int {
			return cmp.Or(cmp.Compare(a.turn(), b.turn()), cmp.Compare(r.slowness[b.Unit.Collector], r.slowness[a.Unit.Collector]))
		})
	}
	slices.SortStableFunc(order, func(a, b []*Planned) int { return cmp.Compare(a[0].turn(), b[0].turn()) })
	return order
}

// turn is 0 for units that read for more accounts than their own, else 1.
func (p *Planned) turn() int {
	scope := p.Unit.Collector.Scope
	if scope == Organization || scope == IdentityCenter || len(p.Unit.Covers) > 0 {
		return 0
	}
	return 1
}

// slowness is the time in seconds that a row of a collector takes at the rate of
// its slowest call, a page being taken for a hundred rows.
func (g *Gate) slowness(c *Collector) float64 {
	slowest := 0.0
	for _, call := range c.Calls {
		rows := max(call.Batch, 1)
		if call.Per == "" {
			rows = 100
		}
		limit, _ := g.limit(c.Service.Name, call.Operation)
		slowest = max(slowest, 1/(limit.PerSecond*float64(rows)))
	}
	return slowest
}
