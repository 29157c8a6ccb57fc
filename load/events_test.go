package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

// timedItems are items whose extracted_at stands for the time of an event.
func timedItems() *schema.Schema {
	return rowtest.Parse(`{"table":"test_events","version":1,"minor":0,"description":"Items.","key":["name"],"event_time":"extracted_at","columns":[
		{"name":"name","type":"utf8","source":"A"},{"name":"value","type":"int64","source":"A"}]}`)
}

func TestEvents(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		name  string
		kind  outcome.Kind
		empty bool
		rows  []time.Duration // before the run's day
		files []string        // date and values
	}{
		{"days", outcome.OK, false, []time.Duration{0, day, 1, 3*time.Hour - time.Nanosecond, 3 * time.Hour, 2 * day}, []string{"2026-11-20 [5]", "2026-11-21 [1]", "2026-11-22 [0 2 3 4]"}},
		{"midnight", outcome.OK, false, []time.Duration{3 * time.Hour, 3*time.Hour + time.Microsecond}, []string{"2026-11-21 [1]", "2026-11-22 [0]"}},
		{"no rows", outcome.OK, false, nil, nil},
		{"no rows, first run", outcome.OK, true, nil, []string{"2026-11-22 []"}},
		{"rows, first run", outcome.OK, true, []time.Duration{day}, []string{"2026-11-21 [0]"}},
		{"denied", outcome.Denied, false, []time.Duration{0}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			sch, s := timedItems(), newSpool(t)
			var rows []item
			for i, before := range test.rows {
				rows = append(rows, item{"000000000001", "eu-west-1", fmt.Sprint("item-", i), int64(i), "one", "run-1", testTime.Add(-before)})
			}
			unit := spoolUnit(t, s, sch, spool.UnitID{Source: "one", Collector: "c", Account: "000000000001", Region: "eu-west-1"}, test.kind, itemBatch(sch.Arrow(), rows))
			dir := filepath.Join(t.TempDir(), "staging")
			out, err := Events(t.Context(), TableInput{
				Schema: sch, Spool: s, Units: []Unit{unit}, Entries: []Entry{entry("one", "000000000001", "eu-west-1", "", "000000000001", test.kind)},
				Now: testTime, Staging: dir, RunID: "run-1", Version: "test",
			}, test.empty)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			total := int64(0)
			for _, f := range out.Files {
				values := []int64{}
				for _, r := range readItems(t, sch, f.File.Path) {
					values = append(values, r.value)
				}
				files = append(files, fmt.Sprint(f.Date, " ", values))
				total += f.File.Rows
			}
			if !slices.Equal(files, test.files) {
				t.Errorf("files %q, want %q", files, test.files)
			}
			if len(out.Entries) != 1 || out.Entries[0].Rows != total {
				t.Errorf("entries %+v, want one with %d rows", out.Entries, total)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != len(out.Files) {
				t.Errorf("%d files in the staging directory (%v), want %d", len(left), err, len(out.Files))
			}
		})
	}
}

// Findings that have not changed are confirmed by a pull of what has, and
// carried by a pull that failed.
func TestIncremental(t *testing.T) {
	sch := rowtest.Parse(`{"table":"test_items","version":1,"minor":0,"description":"Items.","key":["name"],"incremental":true,"columns":[
		{"name":"name","type":"utf8","source":"A"},{"name":"value","type":"int64","source":"A"},{"name":"parts","type":"list<utf8>","source":"A"}]}`)
	const account, region = "000000000001", "eu-west-1"
	var previous *Previous
	for day, test := range []struct {
		name        string
		kind        outcome.Kind
		incremental bool
		rows        string   // names that are read
		want        []string // name, day of its value, day of its confirmation
		carried     int64
	}{
		{"full", outcome.OK, false, "abc", []string{"a 0 0", "b 0 0", "c 0 0"}, 0},
		{"changes", outcome.OK, true, "bd", []string{"a 0 1", "b 1 1", "c 0 1", "d 1 1"}, 0},
		{"no changes", outcome.OK, true, "", []string{"a 0 2", "b 1 2", "c 0 2", "d 1 2"}, 0},
		{"failed", outcome.Throttled, false, "", []string{"a 0 2", "b 1 2", "c 0 2", "d 1 2"}, 4},
		{"failed again, up to the age", outcome.Throttled, false, "", []string{"a 0 2", "b 1 2", "c 0 2", "d 1 2"}, 4},
		{"changes after that", outcome.OK, true, "a", []string{"a 5 5", "b 1 5", "c 0 5", "d 1 5"}, 0},
		{"full again", outcome.OK, false, "bc", []string{"b 6 6", "c 6 6"}, 0},
	} {
		now := testTime.AddDate(0, 0, day)
		dayOf := func(micro int64) int64 { return (micro - testTime.UnixMicro()) / (24 * time.Hour).Microseconds() }
		s := newSpool(t)
		var rows []item
		for _, name := range test.rows {
			rows = append(rows, item{account, region, string(name), int64(day), "one", fmt.Sprint("run-", day), now})
		}
		batch := itemBatch(sch.Arrow(), rows)
		columns := batch.Columns()
		confirmed, read := batch.Schema().FieldIndices("last_confirmed_at")[0], batch.Schema().FieldIndices("extracted_at")[0]
		columns[confirmed] = columns[read]
		batch = array.NewRecordBatch(batch.Schema(), columns, batch.NumRows())
		e := entry("one", account, region, "", account, test.kind)
		e.Incremental, e.StartedAt = test.incremental, now
		out, err := Table(t.Context(), TableInput{
			Schema: sch, Spool: s, Units: []Unit{spoolUnit(t, s, sch, spool.UnitID{Source: "one", Collector: "c", Account: account, Region: region}, test.kind, batch)},
			Entries: []Entry{e}, Previous: previous, Now: now, MaxAge: 60 * time.Hour, Staging: filepath.Join(t.TempDir(), "staging"), RunID: fmt.Sprint("run-", day), Version: "test",
		})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var got []string
		for _, rec := range readFile(t, sch, out.File.Path) {
			for i, r := range itemsOf([]arrow.RecordBatch{rec}) {
				got = append(got, fmt.Sprint(r.name, " ", r.value, " ", dayOf(int64(rec.Column(confirmed).(*array.Timestamp).Value(i)))))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: rows %q, want %q", test.name, got, test.want)
		}
		if r := out.Entries[0]; r.Rows != int64(len(test.want)) || r.CarriedRows != test.carried || r.Duplicates != 0 || r.AgedOut != 0 {
			t.Errorf("%s: entry %+v, want %d rows, %d of them carried", test.name, r, len(test.want), test.carried)
		}
		previous = &Previous{out.File.Path, fmt.Sprint("run-", day)}
	}
}

// A file of before a table became incremental has no last_confirmed_at: its rows
// were confirmed when they were read.
func TestBecomesIncremental(t *testing.T) {
	const columns = `"columns":[{"name":"name","type":"utf8","source":"A"},{"name":"value","type":"int64","source":"A"},{"name":"parts","type":"list<utf8>","source":"A"}]}`
	before := rowtest.Parse(`{"table":"test_items","version":1,"minor":0,"description":"Items.","key":["name"],` + columns)
	after := rowtest.Parse(`{"table":"test_items","version":1,"minor":1,"description":"Items.","key":["name"],"incremental":true,` + columns)
	const account, region = "000000000001", "eu-west-1"
	run := func(sch *schema.Schema, previous *Previous, day int, kind outcome.Kind, names string) TableOutput {
		t.Helper()
		now := testTime.AddDate(0, 0, day)
		s := newSpool(t)
		var rows []item
		for _, name := range names {
			rows = append(rows, item{account, region, string(name), int64(day), "one", fmt.Sprint("run-", day), now})
		}
		e := entry("one", account, region, "", account, kind)
		e.StartedAt = now
		out, err := Table(t.Context(), TableInput{
			Schema: sch, Spool: s, Units: []Unit{spoolUnit(t, s, sch, spool.UnitID{Source: "one", Collector: "c", Account: account, Region: region}, kind, itemBatch(sch.Arrow(), rows))},
			Entries: []Entry{e}, Previous: previous, Now: now, MaxAge: 60 * time.Hour, Staging: filepath.Join(t.TempDir(), "staging"), RunID: fmt.Sprint("run-", day), Version: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := run(before, nil, 0, outcome.OK, "ab")
	carried := run(after, &Previous{first.File.Path, "run-0"}, 1, outcome.Throttled, "")
	if e := carried.Entries[0]; e.CarriedRows != 2 || e.AgedOut != 0 {
		t.Errorf("carried: got %+v, want 2 rows", e)
	}
	for _, rec := range readFile(t, after, carried.File.Path) {
		for i := range int(rec.NumRows()) {
			at := rec.Column(rec.Schema().FieldIndices("last_confirmed_at")[0]).(*array.Timestamp)
			if !at.IsValid(i) || int64(at.Value(i)) != testTime.UnixMicro() {
				t.Errorf("row %d: got last_confirmed_at %v, want when it was read", i, at.ValueStr(i))
			}
		}
	}
	for name, previous := range map[string]*Previous{"at once": {first.File.Path, "run-0"}, "after it was carried": {carried.File.Path, "run-1"}} {
		if e := run(after, previous, 3, outcome.Throttled, "").Entries[0]; e.CarriedRows != 0 || e.AgedOut != 2 {
			t.Errorf("too old, %s: got %+v, want 2 rows aged out", name, e)
		}
	}
}
