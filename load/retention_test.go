package load

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/load/store"
	"stocktake/load/store/memory"
	"stocktake/load/store/storetest"
)

func day(t testing.TB, date string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestKeepDays(t *testing.T) {
	year := func(from string, days int) (dates []string) {
		for i := range days {
			dates = append(dates, day(t, from).AddDate(0, 0, i).Format(time.DateOnly))
		}
		return dates
	}
	for _, test := range []struct {
		name  string
		keep  Keep
		dates []string
		want  []string
	}{
		{"none", Keep{Daily: 3}, nil, nil},
		{"one", Keep{Monthly: 1}, []string{"2026-11-22"}, []string{"2026-11-22"}},
		{"fewer than are kept", Keep{7, 7, 7}, []string{"2026-11-21", "2026-11-22"}, []string{"2026-11-21", "2026-11-22"}},
		{"newest days", Keep{Daily: 2}, year("2026-11-01", 10), []string{"2026-11-09", "2026-11-10"}},
		{"days without snapshots do not count", Keep{Daily: 2}, []string{"2024-02-29", "2026-01-01", "2026-11-22"}, []string{"2026-01-01", "2026-11-22"}},
		{"in any order, and twice", Keep{Daily: 2}, []string{"2026-11-22", "2026-11-20", "2026-11-22", "2026-11-21"}, []string{"2026-11-21", "2026-11-22"}},
		{"newest of each week", Keep{Weekly: 3}, year("2026-11-01", 22), []string{"2026-11-08", "2026-11-15", "2026-11-22"}},
		{"the week is not over", Keep{Weekly: 2}, year("2026-11-01", 18), []string{"2026-11-15", "2026-11-18"}},
		{"weeks without snapshots do not count", Keep{Weekly: 2}, []string{"2026-09-01", "2026-09-02", "2026-11-22"}, []string{"2026-09-02", "2026-11-22"}},
		{"newest of each month", Keep{Monthly: 3}, year("2026-08-15", 100), []string{"2026-09-30", "2026-10-31", "2026-11-22"}},
		{"same month of another year", Keep{Monthly: 2}, []string{"2025-11-22", "2026-11-21", "2026-11-22"}, []string{"2025-11-22", "2026-11-22"}},
		{"same day of another year", Keep{Daily: 3}, []string{"2024-11-22", "2025-11-22", "2026-11-22"}, []string{"2024-11-22", "2025-11-22", "2026-11-22"}},
		{"same week of another year", Keep{Weekly: 2}, []string{"2025-11-19", "2026-11-18"}, []string{"2025-11-19", "2026-11-18"}},
		// 2026 has 53 ISO weeks; the last one goes on in 2027.
		{"a week over the end of the year", Keep{Weekly: 2}, year("2026-12-20", 15), []string{"2026-12-27", "2027-01-03"}},
		{"week 53 and week 1", Keep{Weekly: 3}, year("2026-12-27", 10), []string{"2026-12-27", "2027-01-03", "2027-01-05"}},
		// 29 to 31 December 2025 are in the first week of 2026.
		{"the first week begins in December", Keep{Weekly: 2}, year("2025-12-27", 8), []string{"2025-12-28", "2026-01-03"}},
		{"leap day", Keep{Monthly: 2}, year("2028-02-01", 40), []string{"2028-02-29", "2028-03-11"}},
		{"leap day is a day", Keep{Daily: 2}, year("2028-02-27", 4), []string{"2028-02-29", "2028-03-01"}},
		{"rules add up", Keep{3, 2, 2}, year("2026-10-01", 53), []string{"2026-10-31", "2026-11-15", "2026-11-20", "2026-11-21", "2026-11-22"}},
	} {
		var days []time.Time
		for _, d := range test.dates {
			days = append(days, day(t, d))
		}
		var got []string
		for d := range test.keep.days(days) {
			got = append(got, d.Format(time.DateOnly))
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v of %v keeps %v, want %v", test.name, test.keep, test.dates, got, test.want)
		}
	}
}

// Night after night, what stays is what a single pass over all days would leave
// of those that are kept longest.
func TestKeepDaysOneByOne(t *testing.T) {
	keep := Keep{7, 4, 12}
	var have []time.Time
	for d := day(t, "2024-01-01"); d.Before(day(t, "2027-03-01")); d = d.AddDate(0, 0, 1) {
		have = slices.Collect(maps.Keys(keep.days(append(have, d))))
		if len(have) > 7+4+12 {
			t.Fatalf("%s: %d days stay, want %d at most", d.Format(time.DateOnly), len(have), 7+4+12)
		}
	}
	months := map[string]bool{}
	for _, d := range have {
		months[d.Format("2006-01")] = true
	}
	if len(months) != 12 || !months["2026-04"] || !months["2027-02"] {
		t.Errorf("after three years %d months have snapshots: %v, want the last 12", len(months), slices.Sorted(maps.Keys(months)))
	}
}

func TestKeepOld(t *testing.T) {
	file := func(table string, version int, date string) string {
		return fmt.Sprintf("snapshots/%s/v%d/snapshot_date=%s/%s.parquet", table, version, date, table)
	}
	var files []store.Info
	for _, name := range []string{
		file("a", 1, "2026-11-19"), file("a", 1, "2026-11-20"), file("a", 1, "2026-11-21"), file("a", 2, "2026-11-21"), file("a", 2, "2026-11-22"),
		file("b", 1, "2026-01-01"), file("b", 1, "2026-01-02"), file("b", 1, "2026-01-03"), // no longer collected
		file("c", 1, "2026-11-20"), file("c", 1, "2026-11-21"), file("c", 1, "2026-11-22"),
		file("d", 1, "2026-02-30"), // not of ours
		"snapshots/README.txt", "snapshots/d/v1/snapshot_date=2020-01-01/x/d.parquet",
	} {
		files = append(files, store.Info{Name: name, Size: 1})
	}
	last := &Manifest{Tables: []ManifestTable{{Path: file("a", 2, "2026-11-22")}, {Path: file("c", 1, "2026-11-20")}}}
	got := map[string][]string{}
	for date, old := range (Keep{Daily: 2}).old(files, last) {
		for _, f := range old {
			got[date] = append(got[date], f.Name)
		}
	}
	want := map[string][]string{
		"2026-01-01": {file("b", 1, "2026-01-01")},
		"2026-11-19": {file("a", 1, "2026-11-19")},
		"2026-11-20": {file("a", 1, "2026-11-20")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("old files are %v, want %v", got, want)
	}
}

// madeFiles are the files of runs, made once for several warehouses.
type madeFiles struct {
	dir   string
	files map[int]map[string]TableFile
}

// history publishes runs on several days, and returns the table files that a
// retention of two days and two months leaves.
func history(t testing.TB, s store.Store, made *madeFiles) (left []string) {
	t.Helper()
	for n, date := range []string{"2026-09-30", "2026-10-30", "2026-10-31", "2026-11-20", "2026-11-20", "2026-11-21", "2026-11-22"} {
		sc := scenario{run: fmt.Sprint("run-", n+1), date: date, value: n + 1, tables: []string{"a", "b"}}
		if n > 2 { // b is not asked for any more
			sc.tables, sc.kept = []string{"a"}, []string{"b"}
		}
		if made.files[n] == nil {
			made.files[n] = sc.files(t, filepath.Join(made.dir, sc.run))
		}
		if _, err := Publish(t.Context(), s, sc.publication(t, made.files[n], readStateOf(t, s), Hooks{})); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a/v1/snapshot_date=2026-10-31/a", "a/v1/snapshot_date=2026-11-21/a", "a/v1/snapshot_date=2026-11-22/a",
		"b/v1/snapshot_date=2026-09-30/b", "b/v1/snapshot_date=2026-10-30/b", "b/v1/snapshot_date=2026-10-31/b"} {
		left = append(left, "snapshots/"+name+".parquet")
	}
	return left
}

var twoDaysTwoMonths = Keep{Daily: 2, Monthly: 2}

func listed(t testing.TB, s store.Store, prefix string) (names []string) {
	t.Helper()
	found, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		names = append(names, f.Name)
	}
	return names
}

// verified returns the statuses of a run's tables.
func verified(t testing.TB, s store.Store, run string) map[string]FileStatus {
	t.Helper()
	r, err := VerifyRun(t.Context(), s, run)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]FileStatus{}
	for _, f := range r.Files {
		got[f.Table] = f.Status
		if bad := f.Status == FileDamaged || f.Status == FileMissing; bad != (f.Problem != "") {
			t.Errorf("run %s: %+v: want a problem where the file is bad", run, f)
		}
	}
	return got
}

func TestRetain(t *testing.T) {
	made := &madeFiles{t.TempDir(), map[int]map[string]TableFile{}}
	for name, s := range map[string]store.Store{
		"local":  openLocal(t, filepath.Join(t.TempDir(), "warehouse")),
		"memory": memory.New(),
	} {
		t.Run(name, func(t *testing.T) {
			want := history(t, s, made)
			before := listed(t, s, "snapshots/")
			events, current := listed(t, s, "events/"), listed(t, s, "current/")
			var bytes int64
			infos, err := s.List(t.Context(), "snapshots/")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range infos {
				if !slices.Contains(want, f.Name) {
					bytes += f.Size
				}
			}
			removed, err := Retain(t.Context(), s, twoDaysTwoMonths)
			if err != nil {
				t.Fatal(err)
			}
			// b keeps two days, and October and September.
			if got := listed(t, s, "snapshots/"); !slices.Equal(got, want) {
				t.Errorf("Retain leaves %q of %q, want %q", got, before, want)
			}
			if report := (Removed{[]string{"2026-09-30", "2026-10-30", "2026-11-20"}, 3, bytes}); !reflect.DeepEqual(removed, report) || bytes == 0 {
				t.Errorf("Retain reports %+v, want %+v", removed, report)
			}
			if got := append(listed(t, s, "events/"), listed(t, s, "current/")...); !slices.Equal(got, append(events, current...)) {
				t.Errorf("events and current are %q, want %q", got, append(events, current...))
			}
			again, err := Retain(t.Context(), s, twoDaysTwoMonths)
			if err != nil || !reflect.DeepEqual(again, Removed{}) {
				t.Errorf("Retain again removes %+v, %v, want nothing", again, err)
			}
			coverage := eventTable.Table + ".v1"
			for run, want := range map[string]map[string]FileStatus{
				"run-1": {"a.v1": FileRemoved, "b.v1": FileOK, coverage: FileOK},
				"run-2": {"a.v1": FileRemoved, "b.v1": FileOK, coverage: FileOK},
				"run-4": {"a.v1": FileRemoved, "b.v1": FileOK, coverage: FileOK}, // superseded, and then removed
				"run-5": {"a.v1": FileRemoved, "b.v1": FileOK, coverage: FileOK},
				"run-6": {"a.v1": FileOK, "b.v1": FileOK, coverage: FileOK},
				"run-7": {"a.v1": FileOK, "b.v1": FileOK, coverage: FileOK},
			} {
				if got := verified(t, s, run); !maps.Equal(got, want) {
					t.Errorf("VerifyRun(%s) = %v, want %v", run, got, want)
				}
			}
			// What is gone for another reason is missing.
			if err := s.Delete(t.Context(), "snapshots/b/v1/snapshot_date=2026-09-30/b.parquet"); err != nil {
				t.Fatal(err)
			}
			if got := verified(t, s, "run-1"); got["b.v1"] != FileMissing || got["a.v1"] != FileRemoved {
				t.Errorf("VerifyRun(run-1) after a file was lost = %v, want b missing and a removed", got)
			}
			// A second table joins the note of a date.
			if _, err := Retain(t.Context(), s, Keep{Daily: 1}); err != nil {
				t.Fatal(err)
			}
			if got := verified(t, s, "run-2"); got["a.v1"] != FileRemoved || got["b.v1"] != FileRemoved {
				t.Errorf("VerifyRun(run-2) after both files were removed = %v, want that", got)
			}
			st := readStateOf(t, s)
			if got := listed(t, s, "snapshots/"); len(got) != len(st.Tables) {
				t.Errorf("with one day %q are left, want the %d files of the last commit", got, len(st.Tables))
			}
		})
	}
}

func TestRetainRefuses(t *testing.T) {
	empty := memory.New()
	if got, err := Retain(t.Context(), empty, Keep{Daily: 1}); err != nil || got.Files != 0 {
		t.Errorf("Retain of an empty warehouse: %+v, %v", got, err)
	}
	for _, keep := range []Keep{{}, {Daily: -1, Weekly: 4}} {
		if _, err := Retain(t.Context(), empty, keep); err == nil || !strings.Contains(err.Error(), "at least one") {
			t.Errorf("Retain(%+v): %v, want an error", keep, err)
		}
	}
}

// A retention that ends at any call is gone on with by the next one, and in
// between no file counts as lost.
func TestRetainIsCutOff(t *testing.T) {
	made := &madeFiles{t.TempDir(), map[int]map[string]TableFile{}}
	for _, late := range []bool{false, true} {
		for at := int64(0); ; at++ {
			s := memory.New()
			want := history(t, s, made)
			broken := &storetest.Broken{Store: s, At: at, Late: late}
			_, err := Retain(t.Context(), broken, twoDaysTwoMonths)
			if err == nil {
				if at < 4 {
					t.Errorf("Retain makes %d calls, want more", at)
				}
				break
			}
			if !errors.Is(err, storetest.ErrDead) {
				t.Fatal(err)
			}
			for n := 1; n <= 7; n++ {
				r, err := VerifyRun(t.Context(), s, fmt.Sprint("run-", n))
				if err != nil || r.Bad() > 0 {
					t.Errorf("cut off at call %d, late %t: VerifyRun(run-%d) = %+v, %v, want nothing bad", at, late, n, r, err)
				}
			}
			if _, err := Retain(t.Context(), s, twoDaysTwoMonths); err != nil {
				t.Fatal(err)
			}
			if got := listed(t, s, "snapshots/"); !slices.Equal(got, want) {
				t.Errorf("cut off at call %d, late %t: the next one leaves %q, want %q", at, late, got, want)
			}
		}
	}
}
