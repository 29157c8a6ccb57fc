package pipeline

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/load"
)

// places keeps the entries of all tables and what became of their rows, packed:
// a large organization has half a million, of few texts and fewer outcomes.
type places struct {
	tables   map[string][]place
	texts    texts
	outcomes []outcome.Outcome
	ids      map[string]uint32 // of outcomes, by all that they say
}

// place is a load.EntryResult, with texts and outcomes by number.
type place struct {
	order                                                      uint32 // of the plan
	source, account, region, collectedAccount, collectedRegion uint32
	outcome, carriedFrom                                       uint32
	calls, failedCalls, retries, throttles                     uint32
	anyAccount, anyRegion, incremental                         bool
	started, ended                                             int64 // microseconds; 0 is never
	rows, carried, agedOut, duplicates                         int64
	mark                                                       *spool.Mark
}

// texts numbers texts.
type texts struct {
	all []string
	ids map[string]uint32
}

func (t *texts) id(s string) uint32 {
	id, ok := t.ids[s]
	if !ok {
		id = uint32(len(t.all))
		t.all = append(t.all, s)
		t.ids[s] = id
	}
	return id
}

func newPlaces() *places {
	return &places{tables: map[string][]place{}, texts: texts{ids: map[string]uint32{}}, ids: map[string]uint32{}}
}

func (p *places) outcomeID(o outcome.Outcome) uint32 {
	key := strings.Join(append([]string{string(o.Kind), o.Code, o.Message, o.MissingAction, o.Advice}, o.Columns...), "\x00")
	id, ok := p.ids[key]
	if !ok {
		id = uint32(len(p.outcomes))
		p.outcomes = append(p.outcomes, o)
		p.ids[key] = id
	}
	return id
}

// everywhere stands for any account or region in what an entry speaks for.
const everywhere = "*"

func (p *places) pack(order int, r load.EntryResult) place {
	packed := place{
		order: uint32(order), source: p.texts.id(r.Source), account: p.texts.id(r.Account), region: p.texts.id(r.Region),
		collectedAccount: p.texts.id(r.CollectedAccount), collectedRegion: p.texts.id(r.CollectedRegion),
		outcome: p.outcomeID(r.Outcome), carriedFrom: p.texts.id(r.CarriedFromRun),
		calls: uint32(r.Calls), failedCalls: uint32(r.FailedCalls), retries: uint32(r.Retries), throttles: uint32(r.Throttles),
		anyAccount: r.Match.Account == everywhere, anyRegion: r.Match.Region == everywhere, incremental: r.Incremental,
		started: micro(r.StartedAt), ended: micro(r.EndedAt),
		rows: r.Rows, carried: r.CarriedRows, agedOut: r.AgedOut, duplicates: r.Duplicates,
	}
	if r.Mark != (spool.Mark{}) {
		packed.mark = &r.Mark
	}
	return packed
}

func (p *places) unpack(packed *place) load.EntryResult {
	text := func(id uint32) string { return p.texts.all[id] }
	r := load.EntryResult{
		Entry: load.Entry{
			Source: text(packed.source), Account: text(packed.account), Region: text(packed.region),
			CollectedAccount: text(packed.collectedAccount), CollectedRegion: text(packed.collectedRegion), Outcome: p.outcomes[packed.outcome],
			Calls: int64(packed.calls), FailedCalls: int64(packed.failedCalls), Retries: int64(packed.retries), Throttles: int64(packed.throttles),
			StartedAt: instant(packed.started), EndedAt: instant(packed.ended), Incremental: packed.incremental,
		},
		Rows: packed.rows, CarriedRows: packed.carried, CarriedFromRun: text(packed.carriedFrom), AgedOut: packed.agedOut, Duplicates: packed.duplicates,
	}
	r.Match = spool.Place{Account: r.Account, Region: r.Region}
	if packed.anyAccount {
		r.Match.Account = everywhere
	}
	if packed.anyRegion {
		r.Match.Region = everywhere
	}
	if packed.mark != nil {
		r.Mark = *packed.mark
	}
	return r
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is a time of so many microseconds; 0 is the zero time.
func instant(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}

func (p *places) add(table string, order int, e load.Entry) {
	p.tables[table] = append(p.tables[table], p.pack(order, load.EntryResult{Entry: e}))
}

// sort puts the entries into the order of the plan.
func (p *places) sort() {
	for table, list := range p.tables {
		slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(a.order, b.order) })
		p.tables[table] = slices.Clip(list)
	}
}

// entries of a table, in their order.
func (p *places) entries(table string) []load.Entry {
	entries := make([]load.Entry, len(p.tables[table]))
	for i := range entries {
		entries[i] = p.unpack(&p.tables[table][i]).Entry
	}
	return entries
}

// settle takes what became of the entries, and those that came with their rows.
func (p *places) settle(table string, results []load.EntryResult) {
	list := make([]place, len(results))
	for i, r := range results {
		list[i] = p.pack(i, r)
	}
	p.tables[table] = list
}

// names are the tables, by name.
func (p *places) names() []string { return slices.Sorted(maps.Keys(p.tables)) }

// coverage returns the rows of stocktake_coverage of a run, by table.
func (p *places) coverage(run string) iter.Seq[load.CoverageRow] {
	return func(yield func(load.CoverageRow) bool) {
		for _, table := range p.names() {
			for i := range p.tables[table] {
				if !yield(p.unpack(&p.tables[table][i]).Coverage(run, table)) {
					return
				}
			}
		}
	}
}
