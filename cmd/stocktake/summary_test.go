package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/load"
)

// covered is a row of coverage.
func covered(kind outcome.Kind, table, account, region string, edit ...func(*load.CoverageRow)) load.CoverageRow {
	r := load.CoverageRow{Outcome: kind, TableName: table, AccountID: account, Region: region}
	for _, e := range edit {
		e(&r)
	}
	return r
}

func needs(action string) func(*load.CoverageRow) {
	return func(r *load.CoverageRow) { r.ErrorCode, r.MissingAction = "AccessDenied", action }
}

func code(text string) func(*load.CoverageRow) {
	return func(r *load.CoverageRow) { r.ErrorCode = text }
}

func empty(columns ...string) func(*load.CoverageRow) {
	return func(r *load.CoverageRow) { r.IncompleteColumns = columns }
}

func rows(fresh, carried int64) func(*load.CoverageRow) {
	return func(r *load.CoverageRow) { r.Rows, r.CarriedRows = fresh, carried }
}

func advice(text string) func(*load.CoverageRow) {
	return func(r *load.CoverageRow) { r.Advice = text }
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name     string
		coverage []load.CoverageRow
		want     []string
	}{
		{"nothing", nil, nil},
		{"what is complete", []load.CoverageRow{
			covered(outcome.OK, "a", "1", "r"), covered(outcome.NotEnabled, "a", "2", "r"), covered(outcome.RegionDisabled, "a", "3", "r"),
			covered(outcome.Unavailable, "a", "4", "r"), covered(outcome.Skipped, "a", "5", "r"), covered(outcome.OutOfScope, "a", "6", "r"),
		}, nil},
		{"one place", []load.CoverageRow{covered(outcome.Denied, "a", "1", "r", needs("x:A"))}, []string{"a denied in 1 region of account 1: needs x:A"}},
		{"regions of an account", []load.CoverageRow{
			covered(outcome.Denied, "a", "1", "r", needs("x:A"), rows(0, 2)), covered(outcome.Denied, "a", "1", "s", needs("x:A"), rows(0, 3)),
		}, []string{"a denied in 2 regions of account 1: needs x:A; 5 earlier rows stand in"}},
		{"a global table of accounts", []load.CoverageRow{
			covered(outcome.Throttled, "a", "1", "global", code("Throttling")), covered(outcome.Throttled, "a", "2", "global", code("Throttling")),
		}, []string{"a throttled in 2 accounts: Throttling"}},
		{"no reason known", []load.CoverageRow{covered(outcome.Failed, "a", "1", "global")}, []string{"a failed in account 1"}},
		{"three tables", []load.CoverageRow{
			covered(outcome.Failed, "c", "1", "r", code("deadline")), covered(outcome.Failed, "a", "1", "r", code("deadline")), covered(outcome.Failed, "b", "1", "s", code("deadline")),
		}, []string{"a, b, c failed in 2 regions of account 1: deadline"}},
		{"four tables", []load.CoverageRow{
			covered(outcome.Failed, "d", "1", "r"), covered(outcome.Failed, "c", "1", "r"), covered(outcome.Failed, "a", "1", "r"), covered(outcome.Failed, "b", "1", "r"),
		}, []string{"a, b and 2 more tables failed in 1 region of account 1"}},
		{"columns", []load.CoverageRow{
			covered(outcome.Partial, "a", "1", "r", needs("x:A"), empty("policy", "tags"), rows(7, 0)),
			covered(outcome.Partial, "a", "2", "r", needs("x:A"), empty("policy", "tags")),
			covered(outcome.Partial, "a", "3", "r", needs("x:A"), empty("policy")),
		}, []string{
			"a partial in 1 region of 2 accounts: needs x:A; without it policy, tags stay NULL",
			"a partial in 1 region of account 3: needs x:A; without it policy stay NULL",
		}},
		{"groups by every reason, the most widespread first", []load.CoverageRow{
			covered(outcome.Denied, "z", "1", "r", needs("x:Z")),
			covered(outcome.Denied, "a", "1", "r", needs("x:A")),
			covered(outcome.Blocked, "a", "1", "s", needs("x:A")),
			covered(outcome.Failed, "b", "1", "r", code("timeout")), covered(outcome.Failed, "c", "1", "r", code("timeout")),
			covered(outcome.Failed, "b", "1", "s", code("timeout"), advice("other")),
			covered(outcome.Throttled, "d", "1", "r", code("SlowDown")), covered(outcome.Throttled, "d", "2", "r", code("SlowDown")),
		}, []string{
			"d throttled in 1 region of 2 accounts: SlowDown",
			"b, c failed in 1 region of account 1: timeout",
			"a denied in 1 region of account 1: needs x:A",
			"a blocked in 1 region of account 1: needs x:A",
			"b failed in 1 region of account 1: timeout",
			"z denied in 1 region of account 1: needs x:Z",
		}},
	} {
		var got []string
		for _, f := range failures(slices.Values(c.coverage)) {
			got = append(got, f.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v:\ngot  %s\nwant %s", c.name, c.coverage, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

func TestReport(t *testing.T) {
	coverage := []load.CoverageRow{
		covered(outcome.Denied, "a", "1", "r", needs("x:A"), advice("Allow x:A."), rows(0, 3)),
		covered(outcome.OK, "a", "2", "r", rows(5, 0)), covered(outcome.OK, "b", "2", "r", rows(6, 0)), covered(outcome.Skipped, "b", "3", "r", rows(0, 1)),
	}
	result := &pipeline.Result{
		RunID: "r1", Date: "2026-11-22", Exit: exitIncomplete, Duration: 1234567 * time.Microsecond, Calls: 40, Throttles: 2, Coverage: slices.Values(coverage),
	}
	complete := *result
	complete.Exit, complete.Coverage = exitComplete, slices.Values(coverage[1:3])
	for _, c := range []struct {
		result *pipeline.Result
		want   string
	}{
		{result, `
run r1: published, not complete, 11 rows (4 carried), 40 calls, 2 throttles, 1.23s
tables by account and region: ok 2, denied 1, skipped 1
  a denied in 1 region of account 1: needs x:A; 3 earlier rows stand in
    Allow x:A.
ask ` + "`stocktake query coverage`" + ` for all of it
`},
		{&complete, `
run r1: complete, 11 rows (0 carried), 40 calls, 2 throttles, 1.23s
tables by account and region: ok 2
`},
	} {
		r := reportOf(c.result)
		var out bytes.Buffer
		r.print(&out)
		if out.String() != c.want {
			t.Errorf("report of exit %d: got\n%s\nwant\n%s", c.result.Exit, &out, c.want)
		}
		if r.Complete != (c.result.Exit == exitComplete) || r.Date != c.result.Date {
			t.Errorf("report of exit %d: got complete %t of %s", c.result.Exit, r.Complete, r.Date)
		}
	}
}
