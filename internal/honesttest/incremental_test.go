package honesttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"

	"stocktake/extract"
	"stocktake/internal/sim"
)

const (
	weaknesses = "aws_inspector2_findings"
	threats    = "aws_guardduty_findings"
)

// findingsWorld is a company of which nothing but findings is collected that are
// read by what has changed.
func findingsWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, t.TempDir(), company)
	w.only(weaknesses, threats)
	return w
}

// told are the findings that the administrator is told of now, by ARN, with the
// time of the last change.
func told(t *testing.T, w *world, table string) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	for _, region := range w.size.regions {
		cfg := w.org.Config(t.Context())
		keys := w.org.Keys(w.org.SecurityAccount())
		cfg.Region, cfg.Credentials = region, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
		if table == weaknesses {
			eachPage(t, inspector2.NewListFindingsPaginator(inspector2.NewFromConfig(cfg), &inspector2.ListFindingsInput{}), func(o *inspector2.ListFindingsOutput) {
				for _, f := range o.Findings {
					found[*f.FindingArn] = f.UpdatedAt.UTC()
				}
			})
			continue
		}
		client := guardduty.NewFromConfig(cfg)
		eachPage(t, guardduty.NewListDetectorsPaginator(client, &guardduty.ListDetectorsInput{}), func(o *guardduty.ListDetectorsOutput) {
			for _, id := range o.DetectorIds {
				eachPage(t, guardduty.NewListFindingsPaginator(client, &guardduty.ListFindingsInput{DetectorId: &id}), func(o *guardduty.ListFindingsOutput) {
					if len(o.FindingIds) == 0 {
						return
					}
					described, err := client.GetFindings(t.Context(), &guardduty.GetFindingsInput{DetectorId: &id, FindingIds: o.FindingIds})
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range described.Findings {
						at, err := time.Parse(time.RFC3339, *f.UpdatedAt)
						if err != nil {
							t.Fatal(err)
						}
						found[*f.Arn] = at.UTC()
					}
				})
			}
		})
	}
	return found
}

func eachPage[Out, O any](t *testing.T, pager extract.Pager[Out, O], use func(*Out)) {
	t.Helper()
	err := extract.EachPage(t.Context(), pager, func(o *Out) error { use(o); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// keptRow is a finding in the warehouse.
type keptRow struct {
	updated, confirmed time.Time
	run                string
}

func keptRows(t *testing.T, w *world, table string) map[string]keptRow {
	t.Helper()
	rows := map[string]keptRow{}
	for _, row := range read(t, w.open(t)).rows("SELECT arn, updated_at, last_confirmed_at, run_id FROM " + table) {
		updated, _ := row[1].(time.Time)
		confirmed, _ := row[2].(time.Time)
		rows[row[0].(string)] = keptRow{updated.UTC(), confirmed.UTC(), row[3].(string)}
	}
	return rows
}

// askedSince is from which change on findings are asked for, by region; the zero
// time is that of all of them.
func askedSince(t *testing.T, calls []asked) map[string]time.Time {
	t.Helper()
	since := map[string]time.Time{}
	note := func(table, region string, at time.Time) {
		if was, ok := since[table+" "+region]; ok && !was.Equal(at) {
			t.Errorf("%s in %s is asked for since %s and since %s", table, region, was, at)
		}
		since[table+" "+region] = at
	}
	for _, c := range calls {
		switch in := c.input.(type) {
		case *inspector2.ListFindingsInput:
			at := time.Time{}
			if f := in.FilterCriteria.UpdatedAt; len(f) > 0 {
				at = f[0].StartInclusive.UTC()
			}
			note(weaknesses, c.Region, at)
		case *guardduty.ListFindingsInput:
			at := time.Time{}
			if f, ok := in.FindingCriteria.Criterion["updatedAt"]; ok {
				at = time.UnixMilli(*f.GreaterThanOrEqual).UTC()
			}
			note(threats, c.Region, at)
		}
	}
	return since
}

// step runs, and checks from which change on every region is asked for.
func step(t *testing.T, w *world, exit int, want time.Time) string {
	t.Helper()
	stop := listenInputs(w)
	result := w.run(t)
	since := askedSince(t, stop())
	if result.Exit != exit {
		t.Errorf("run of %s: exit %d, want %d", w.now, result.Exit, exit)
	}
	if len(since) != 2*len(w.size.regions) {
		t.Errorf("run of %s: asked for %v, want both tables in each region", w.now, slices.Sorted(maps.Keys(since)))
	}
	for what, at := range since {
		if !at.Equal(want) {
			t.Errorf("run of %s: %s is asked for since %s, want %s", w.now, what, at, want)
		}
	}
	return result.RunID
}

// sameFindings compares the warehouse with what the administrator is told.
func sameFindings(t *testing.T, w *world, table string) {
	t.Helper()
	got, want := map[string]time.Time{}, told(t, w, table)
	for arn, row := range keptRows(t, w, table) {
		got[arn] = row.updated
	}
	if !maps.EqualFunc(got, want, time.Time.Equal) || len(want) == 0 {
		t.Errorf("%s: got %d findings, the administrator is told of %d; some differ", table, len(got), len(want))
	}
}

// TestIncremental: after the first run only changes are asked for, what has not
// changed stays and is confirmed, and what AWS has deleted goes with the next
// full pull.
func TestIncremental(t *testing.T) {
	t.Parallel()
	w := findingsWorld(t)
	first, firstRun := w.now, step(t, w, 0, time.Time{})
	for _, table := range []string{weaknesses, threats} {
		sameFindings(t, w, table)
	}
	w.advance(2 * day)
	second, secondRun := w.now, step(t, w, 0, first.Add(-extract.Overlap))
	for _, table := range []string{weaknesses, threats} {
		sameFindings(t, w, table)
		changed, same := 0, 0
		for arn, row := range keptRows(t, w, table) {
			switch {
			case row.run == secondRun:
				changed++
			case row.run != firstRun || !row.confirmed.Equal(second) || row.updated.After(first):
				t.Errorf("%s: %s is of run %s, changed at %s and confirmed at %s; want one of the first run that was confirmed at %s", table, arn, row.run, row.updated, row.confirmed, second)
			default:
				same++
			}
		}
		if changed == 0 || same == 0 {
			t.Errorf("%s: %d findings are read again and %d are not, want some of both", table, changed, same)
		}
	}
	checkPulls(t, w, second, first)

	w.org.Resize(sim.Any, sim.Sizes{Findings: 4, ImageFindings: 1}) // most are gone
	w.advance(day)
	step(t, w, 0, second.Add(-extract.Overlap))
	now, gone := told(t, w, weaknesses), 0
	for arn := range keptRows(t, w, weaknesses) {
		if _, ok := now[arn]; !ok {
			gone++
		}
	}
	if gone == 0 {
		t.Error("nothing is kept that AWS has deleted, though no full pull was made")
	}
	w.advance(first.Add(w.file.FullPull).Sub(w.now))
	step(t, w, 0, time.Time{})
	for _, table := range []string{weaknesses, threats} {
		sameFindings(t, w, table)
	}
	checkPulls(t, w, w.now, w.now)
}

// checkPulls compares the marks in coverage.
func checkPulls(t *testing.T, w *world, until, full time.Time) {
	t.Helper()
	sql := fmt.Sprintf("SELECT table_name, account_id, region, read_until, full_pull_at FROM stocktake_coverage WHERE outcome = 'ok' AND (read_until IS DISTINCT FROM TIMESTAMP '%s' OR full_pull_at IS DISTINCT FROM TIMESTAMP '%s')",
		until.Format(time.DateTime), full.Format(time.DateTime))
	for _, row := range read(t, w.open(t)).rows(sql) {
		t.Errorf("coverage has %v, want read until %s, and everything at %s", row, until, full)
	}
}

// TestIncrementalNewMember: of an account that is new nothing is known yet, so
// its administrator is asked for everything.
func TestIncrementalNewMember(t *testing.T) {
	t.Parallel()
	w := findingsWorld(t)
	every := w.file
	w.file = w.load(t, w.organizationYAML(w.members[0]))
	w.only(weaknesses, threats)
	step(t, w, 0, time.Time{})
	w.advance(day)
	w.file = every
	full := w.now
	step(t, w, 0, time.Time{})
	for _, table := range []string{weaknesses, threats} {
		sameFindings(t, w, table)
	}
	w.advance(day)
	step(t, w, 0, full.Add(-extract.Overlap))
}

// TestIncrementalFailure: a pull that fails leaves rows and marks as they were.
func TestIncrementalFailure(t *testing.T) {
	t.Parallel()
	w := findingsWorld(t)
	first := w.now
	step(t, w, 0, time.Time{})
	before := keptRows(t, w, weaknesses)
	w.advance(2 * day)
	for _, region := range w.size.regions {
		w.org.Throttle(sim.Rule{Account: w.org.SecurityAccount(), Region: region, Service: "inspector2", Operation: "ListFindings"}, w.file.Retry.MaxAttempts)
	}
	step(t, w, 3, first.Add(-extract.Overlap))
	if got := keptRows(t, w, weaknesses); !maps.Equal(got, before) {
		t.Errorf("%s: got %d findings, want the %d as they were", weaknesses, len(got), len(before))
	}
	sameFindings(t, w, threats)
	w.advance(time.Hour)
	stop := listenInputs(w)
	w.run(t)
	for what, at := range askedSince(t, stop()) {
		want := w.now.Add(-time.Hour - extract.Overlap)
		if what[:len(weaknesses)] == weaknesses {
			want = first.Add(-extract.Overlap)
		}
		if !at.Equal(want) {
			t.Errorf("the next run asks for %s since %s, want %s", what, at, want)
		}
	}
	for _, table := range []string{weaknesses, threats} {
		sameFindings(t, w, table)
	}
}
