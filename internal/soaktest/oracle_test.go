//go:build linux

package soaktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stocktake/internal/outcome"
)

// judge compares a warehouse after a run with the one that an undisturbed run
// of the same organization leaves, and with itself before the run. Each place
// either is as undisturbed, or coverage says that it was not collected, and its
// rows are those from before.
func judge(got, want, before *contents) []string {
	j := &judgement{got: got, want: want, before: before}
	for p := range want.coverage {
		if _, ok := got.coverage[p]; !ok {
			j.say("%s: coverage says nothing, undisturbed it is %s", p, want.coverage[p].outcome)
		}
	}
	for p, c := range got.coverage {
		j.place(p, c)
	}
	for name, tb := range got.tables {
		for p := range tb.rows {
			if _, ok := got.coverage[p]; !ok {
				j.say("%s: has %d rows that coverage does not speak for", p, len(tb.rows[p]))
			}
		}
		if want.tables[name] == nil {
			j.say("table %s: undisturbed it does not exist", name)
		}
	}
	for name := range want.tables {
		if got.tables[name] == nil {
			j.say("table %s: is missing", name)
		}
	}
	slices.Sort(j.problems)
	return j.problems
}

var (
	authoritative = []outcome.Kind{outcome.OK, outcome.Partial, outcome.NotEnabled, outcome.RegionDisabled, outcome.Unavailable}
	notCollected  = []outcome.Kind{outcome.Denied, outcome.Throttled, outcome.CredentialsExpired, outcome.Failed}
)

type judgement struct {
	got, want, before *contents
	problems          []string
}

func (j *judgement) say(format string, args ...any) {
	j.problems = append(j.problems, fmt.Sprintf(format, args...))
}

func (c *contents) rows(p place) []row {
	if c == nil || c.tables[p.table] == nil {
		return nil
	}
	return c.tables[p.table].rows[p]
}

func (j *judgement) place(p place, c covered) {
	rows := j.got.rows(p)
	if int64(len(rows)) != c.rows {
		j.say("%s: coverage counts %d rows, the table has %d", p, c.rows, len(rows))
	}
	if c.run != j.got.run {
		j.say("%s: coverage is of run %s, expected %s", p, c.run, j.got.run)
	}
	undisturbed, known := j.want.coverage[p]
	switch {
	case !known:
		j.say("%s: coverage says %s, and undisturbed nothing is known of it", p, c.outcome)
	case c.outcome == outcome.Partial && (undisturbed.outcome == outcome.OK || undisturbed.outcome == outcome.Partial):
		j.explained(p, c)
		j.fresh(p, c, rows, true)
	case slices.Contains(authoritative, c.outcome):
		if c.outcome != undisturbed.outcome {
			j.say("%s: coverage says %s (%s), undisturbed %s", p, c.outcome, c.message, undisturbed.outcome)
		}
		j.fresh(p, c, rows, false)
	case slices.Contains(notCollected, c.outcome):
		j.explained(p, c)
		j.kept(p, c, rows)
	default:
		j.say("%s: coverage says %s (%s), which no fault explains", p, c.outcome, c.code)
	}
}

// explained expects of what was not collected that coverage says why, and what
// to do.
func (j *judgement) explained(p place, c covered) {
	if c.message == "" || c.text == "" || c.code == "" {
		j.say("%s: coverage says %s with code %q, message %q, advice %q", p, c.outcome, c.code, c.message, c.text)
	}
}

// fresh expects the rows of the undisturbed run, read by this one; of a partial
// place, up to columns that the row names.
func (j *judgement) fresh(p place, c covered, rows []row, partial bool) {
	want := j.want.rows(p)
	if len(rows) != len(want) {
		j.say("%s: %d rows, undisturbed %d", p, len(rows), len(want))
		return
	}
	tb := j.got.tables[p.table]
	for i, r := range rows {
		if r.run != j.got.run && !(tb.incremental && j.stood(p, r)) {
			j.say("%s: row %q is of run %s, expected %s", p, r.key, r.run, j.got.run)
		}
		if r.asked != "" && r.asked != c.asked {
			j.say("%s: row %q was asked of %s, coverage says %s", p, r.key, r.asked, c.asked)
		}
		if problem := tb.differ(r, want[i], partial); problem != "" {
			j.say("%s: row %q: %s", p, r.key, problem)
			return
		}
	}
}

// stood reports whether a row was there before: where only changes are asked for,
// what has not changed is that of the run that read it, and is confirmed. The
// time of that is a column, and compared like the others.
func (j *judgement) stood(p place, r row) bool {
	return slices.ContainsFunc(j.before.rows(p), func(was row) bool { return was.key == r.key && was.run == r.run && was.extracted == r.extracted })
}

// kept expects the rows of before, all but touched.
func (j *judgement) kept(p place, c covered, rows []row) {
	before := j.before.rows(p)
	if len(rows) != len(before) || c.carried != int64(len(before)) {
		j.say("%s: %s with %d rows, %d of them carried; before there were %d", p, c.outcome, len(rows), c.carried, len(before))
		return
	}
	for i, r := range rows {
		if r.run != before[i].run || r.extracted != before[i].extracted || r.asked != before[i].asked {
			j.say("%s: carried row %q is of run %s, extracted at %s; before %s, %s", p, r.key, r.run, r.extracted, before[i].run, before[i].extracted)
		}
		if problem := j.got.tables[p.table].differ(r, before[i], false); problem != "" {
			j.say("%s: carried row %q: %s", p, r.key, problem)
			return
		}
	}
}

// differ says in which column two rows differ; where missing columns are
// allowed, only a row that names them may lack them.
func (tb *table) differ(got, want row, missing bool) string {
	var lacks []string
	named := slices.Index(tb.columns, "not_collected")
	if missing && named >= 0 && got.values[named] != nil {
		lacks = strings.Split(strings.Trim(text(got.values[named]), "[]"), ", ")
	}
	for i, column := range tb.columns {
		switch {
		case len(lacks) > 0 && i == named:
		case slices.Contains(lacks, column):
			if got.values[i] != nil {
				return fmt.Sprintf("column %s is not collected and holds %.200q", column, got.values[i])
			}
		case got.values[i] != want.values[i]:
			return fmt.Sprintf("column %s: got %.200q, want %.200q", column, text(got.values[i]), text(want.values[i]))
		}
	}
	return ""
}

// same expects that nothing has changed.
func same(got, before *contents) []string {
	if got == nil || before == nil {
		if got != before {
			return []string{fmt.Sprintf("there is a state: %t, before: %t", got != nil, before != nil)}
		}
		return nil
	}
	j := &judgement{got: got, before: before}
	if got.run != before.run || !maps.Equal(got.coverage, before.coverage) {
		j.say("run %s with %d entries of coverage, before %s with %d", got.run, len(got.coverage), before.run, len(before.coverage))
	}
	for name, tb := range before.tables {
		for p, rows := range tb.rows {
			j.kept(p, covered{carried: int64(len(rows))}, got.rows(p))
		}
		if got.tables[name] == nil || len(got.tables[name].rows) != len(tb.rows) {
			j.say("table %s: has other places than before", name)
		}
	}
	return j.problems
}

// outcomes counts the places by outcome.
func (c *contents) outcomes() map[outcome.Kind]int {
	n := map[outcome.Kind]int{}
	for _, said := range c.coverage {
		n[said.outcome]++
	}
	return n
}

// reasons are the different messages of places that were not collected.
func (c *contents) reasons() []string {
	seen := map[string]bool{}
	for _, said := range c.coverage {
		if slices.Contains(notCollected, said.outcome) {
			seen[said.code+": "+said.message] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
