package load

import (
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// Entry is what a run knows of one place of a table: a row of coverage. The
// entries of a table decide what becomes of each row that the warehouse holds.
type Entry struct {
	Source           string
	Account          string // as coverage shows them
	Region           string
	Match            spool.Place // which rows it speaks for; "*" stands for any account or region
	CollectedAccount string      // who was asked; with Source and CollectedRegion this names the unit
	CollectedRegion  string
	Outcome          outcome.Outcome
	Calls            int64
	FailedCalls      int64
	Retries          int64
	Throttles        int64
	StartedAt        time.Time
	EndedAt          time.Time
	Mark             spool.Mark // of tables that are read by time: how far that is now
	Incremental      bool       // the fresh rows are what changed; the others of the place are confirmed
}

// EntryResult is what became of the rows of an entry. The Rows of all entries
// of a table add up to the rows of its file.
type EntryResult struct {
	Entry
	Rows           int64 // in the file, carried ones included
	CarriedRows    int64 // of those: read by an earlier run
	CarriedFromRun string
	AgedOut        int64 // carried before, and now too old
	Duplicates     int64
}

// anyPlace stands for every account or region in a place that is matched.
const anyPlace = "*"

// index finds entries by place.
type index struct {
	entries  []Entry
	bySource map[string]map[spool.Place][]int
	sources  []string // in the order of the entries
}

func newIndex(entries []Entry) *index {
	x := &index{entries: entries, bySource: map[string]map[spool.Place][]int{}}
	for i, e := range entries {
		places := x.bySource[e.Source]
		if places == nil {
			places = map[spool.Place][]int{}
			x.bySource[e.Source] = places
			x.sources = append(x.sources, e.Source)
		}
		places[e.Match] = append(places[e.Match], i)
	}
	return x
}

// candidates are the places that speak for p, the most specific first.
func candidates(p spool.Place) [4]spool.Place {
	return [4]spool.Place{p, {Account: p.Account, Region: anyPlace}, {Account: anyPlace, Region: p.Region}, {Account: anyPlace, Region: anyPlace}}
}

// find returns the entry of a source that speaks for a place: of the most
// specific ones the first that accept likes.
func (x *index) find(source string, p spool.Place, accept func(Entry) bool) (int, bool) {
	for _, c := range candidates(p) {
		for _, i := range x.bySource[source][c] {
			if accept(x.entries[i]) {
				return i, true
			}
		}
	}
	return 0, false
}

// stored decides about a row that the warehouse holds, which came through
// source. Within a source the most specific entries speak for a place; over
// all, one that replaces rows has the last word, then one that carries them:
// fresh rows of a place stand for all that was known of it.
func (x *index) stored(source string, p spool.Place) (int, bool) {
	best, found := 0, false
	for _, s := range x.sources {
		i, ok := x.strongest(s, p)
		if !ok {
			continue
		}
		effect := x.entries[i].Outcome.Rows()
		if old := x.entries[best].Outcome.Rows(); !found || effect < old || effect == old && s == source {
			best, found = i, true
		}
	}
	return best, found
}

// strongest returns the most specific entry of a source, and of several such
// the one whose effect comes first.
func (x *index) strongest(source string, p spool.Place) (best int, found bool) {
	for _, c := range candidates(p) {
		for _, i := range x.bySource[source][c] {
			if !found || x.entries[i].Outcome.Rows() < x.entries[best].Outcome.Rows() {
				best, found = i, true
			}
		}
		if found {
			return best, true
		}
	}
	return 0, false
}

// fresh finds the entry that a row of a unit counts for. Rows of a place whose
// walk did not finish have none.
func (x *index) fresh(u Unit, p spool.Place) (int, bool) {
	region := u.CollectedRegion
	if region == "" {
		region = u.ID.Region
	}
	return x.find(u.ID.Source, p, func(e Entry) bool {
		return e.CollectedAccount == u.ID.Account && e.CollectedRegion == region && e.Outcome.Rows() == outcome.Replaced
	})
}
