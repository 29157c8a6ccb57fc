package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
)

var testTime = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// items is a small table of assets.
func items() *schema.Schema {
	return rowtest.Parse(`{"table":"test_items","version":1,"minor":0,"description":"Items.","key":["name"],"columns":[
		{"name":"name","type":"utf8","source":"A"},{"name":"value","type":"int64","source":"A"},{"name":"parts","type":"list<utf8>","source":"A"}]}`)
}

// item is a row of items.
type item struct {
	account, region, name string
	value                 int64
	source, run           string
	at                    time.Time
}

func (i item) place() spool.Place { return spool.Place{Account: i.account, Region: i.region} }

func itemBatch(sc *arrow.Schema, rows []item) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	for _, r := range rows {
		for i, f := range b.Fields() {
			text := map[string]string{"partition": "aws", "account_id": r.account, "region": r.region, "name": r.name, "source": r.source, "run_id": r.run}
			switch name := sc.Field(i).Name; name {
			case "value":
				f.(*array.Int64Builder).Append(r.value)
			case "extracted_at":
				f.(*array.TimestampBuilder).Append(arrow.Timestamp(r.at.UnixMicro()))
			case "parts":
				l := f.(*array.ListBuilder)
				l.Append(true)
				for n := range r.value % 3 {
					l.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprint("part ", n))
				}
			default:
				if v, ok := text[name]; ok {
					f.(*array.StringBuilder).Append(v)
				} else {
					f.AppendNull()
				}
			}
		}
	}
	return b.NewRecordBatch()
}

// readItems reads a file back.
func readItems(t testing.TB, sch *schema.Schema, path string) []item {
	t.Helper()
	return itemsOf(readFile(t, sch, path))
}

func itemsOf(recs []arrow.RecordBatch) []item {
	var out []item
	for _, rec := range recs {
		text := func(name string, row int) string { return textAt(rec, rec.Schema().FieldIndices(name)[0], row) }
		for i := range int(rec.NumRows()) {
			out = append(out, item{
				account: strings.Clone(text("account_id", i)), region: strings.Clone(text("region", i)), name: strings.Clone(text("name", i)),
				value:  rec.Column(rec.Schema().FieldIndices("value")[0]).(*array.Int64).Value(i),
				source: strings.Clone(text("source", i)), run: strings.Clone(text("run_id", i)),
				at: time.UnixMicro(int64(rec.Column(rec.Schema().FieldIndices("extracted_at")[0]).(*array.Timestamp).Value(i))).UTC(),
			})
		}
	}
	return out
}

// readFile reads all rows of a file under a schema.
func readFile(t testing.TB, sch *schema.Schema, path string) []arrow.RecordBatch {
	t.Helper()
	recs, err := readRecords(sch, path)
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

func readRecords(sch *schema.Schema, path string) ([]arrow.RecordBatch, error) {
	f, err := openStored(path, sch.Arrow())
	if err != nil {
		return nil, err
	}
	defer f.close()
	var groups []int
	var starts []int64
	for g := range f.file.NumRowGroups() {
		groups, starts = append(groups, g), append(starts, 0)
	}
	var out []arrow.RecordBatch
	for n, err := range f.rowsOf(context.Background(), groups, starts) {
		if err != nil {
			return nil, err
		}
		out = append(out, n.rec)
	}
	return out, nil
}

func jsonLines(t testing.TB, recs ...arrow.RecordBatch) []string {
	t.Helper()
	var b bytes.Buffer
	for _, r := range recs {
		if err := array.RecordToJSON(r, &b); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func newSpool(t testing.TB) *spool.Spool {
	t.Helper()
	s, err := spool.Create(filepath.Join(t.TempDir(), "spool"), spool.Meta{RunID: "run"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// spoolUnit spools groups of rows as one unit, each group as a sorted run.
func spoolUnit(t testing.TB, s *spool.Spool, sch *schema.Schema, id spool.UnitID, kind outcome.Kind, runs ...arrow.RecordBatch) Unit {
	t.Helper()
	w := s.Writer(id, sch)
	for _, rec := range runs {
		if err := errors.Join(w.Append(rec), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	u := Unit{ID: id, CollectedRegion: id.Region, Result: spool.TableResult{Table: sch.Table, Schema: sch.ID(), Outcome: outcome.Outcome{Kind: kind}}}
	u.Result.Keep(f)
	return u
}

func entry(source, account, region, match, collected string, kind outcome.Kind) Entry {
	e := Entry{Source: source, Account: account, Region: region, Match: spool.Place{Account: account, Region: region}, CollectedAccount: collected, CollectedRegion: region, Outcome: outcome.Outcome{Kind: kind}}
	if match != "" {
		e.Match.Region = match
	}
	return e
}

// model is the naive loading of one table, written without regard to order or
// size.
type model struct {
	now      time.Time
	maxAge   time.Duration
	entries  []Entry
	units    []modelUnit
	previous []item
}

type modelUnit struct {
	Unit
	rows []item // in the order in which they came
}

type modelResult struct {
	rows                              []item
	entryRows, carried, aged, doubles []int64
	from                              []string
	discarded                         map[spool.UnitID]int64
	dropped                           map[string]int64 // source/account/region
}

// specificity of a match, or -1.
func specificity(m, p spool.Place) int {
	n := 0
	for _, pair := range [][2]string{{m.Account, p.Account}, {m.Region, p.Region}} {
		switch pair[0] {
		case pair[1]:
			n++
		case "*":
		default:
			return -1
		}
	}
	if n == 1 && m.Account == p.Account {
		return 2 // an account says more than a region
	}
	return []int{0, 1, 3}[n]
}

func (m model) load() modelResult {
	n := len(m.entries)
	r := modelResult{entryRows: make([]int64, n), carried: make([]int64, n), aged: make([]int64, n), doubles: make([]int64, n), from: make([]string, n), discarded: map[spool.UnitID]int64{}, dropped: map[string]int64{}}
	type owned struct {
		item
		entry        int
		fresh, owner bool
		unit, order  int
	}
	var all []owned
	for u, unit := range m.units {
		if unit.Result.Outcome.Kind.Rows() != outcome.Replaced {
			continue
		}
		// The spool keeps the last of each key, and counts the others.
		last := map[string]int{}
		for i, row := range unit.rows {
			last[row.account+"/"+row.region+"/"+row.name] = i
		}
		for i, row := range unit.rows {
			best, at := -1, -1
			for e, x := range m.entries {
				if s := specificity(x.Match, row.place()); x.Source == unit.ID.Source && x.CollectedAccount == unit.ID.Account && x.CollectedRegion == unit.ID.Region && x.Outcome.Kind.Rows() == outcome.Replaced && s > best {
					best, at = s, e
				}
			}
			double := last[row.account+"/"+row.region+"/"+row.name] != i
			switch {
			case at < 0:
				r.discarded[unit.ID]++
			case double:
				r.doubles[at]++
			default:
				all = append(all, owned{row, at, true, row.account == unit.ID.Account, u, i})
			}
		}
	}
	for i, row := range m.previous {
		at := -1
		for e, x := range m.entries {
			if specificity(x.Match, row.place()) < 0 || m.overruled(e, row.place()) {
				continue
			}
			if at < 0 || x.Outcome.Kind.Rows() < m.entries[at].Outcome.Kind.Rows() ||
				x.Outcome.Kind.Rows() == m.entries[at].Outcome.Kind.Rows() && x.Source == row.source && m.entries[at].Source != row.source {
				at = e
			}
		}
		if at < 0 {
			r.dropped[row.source+"/"+row.account+"/"+row.region]++
			continue
		}
		switch m.entries[at].Outcome.Kind.Rows() {
		case outcome.Replaced:
			continue
		case outcome.Carried:
			if m.now.Sub(row.at) > m.maxAge {
				r.aged[at]++
				continue
			}
		}
		all = append(all, owned{row, at, false, false, 0, i})
	}
	slices.SortStableFunc(all, func(a, b owned) int {
		yes := func(b bool) int { return map[bool]int{true: 0, false: 1}[b] }
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.region, b.region), strings.Compare(a.name, b.name),
			cmp.Compare(yes(a.fresh), yes(b.fresh)), cmp.Compare(yes(a.owner), yes(b.owner)), cmp.Compare(a.unit, b.unit), -cmp.Compare(a.order, b.order))
	})
	newest := make([]time.Time, n)
	for i, row := range all {
		if i > 0 && row.account == all[i-1].account && row.region == all[i-1].region && row.name == all[i-1].name {
			if row.fresh {
				r.doubles[row.entry]++
			}
			continue
		}
		r.rows = append(r.rows, row.item)
		r.entryRows[row.entry]++
		if !row.fresh {
			r.carried[row.entry]++
			if row.at.After(newest[row.entry]) {
				newest[row.entry], r.from[row.entry] = row.at, row.run
			}
		}
	}
	return r
}

// overruled reports whether the source has an entry that says more about the
// place, or one that says as much and has the stronger effect.
func (m model) overruled(e int, p spool.Place) bool {
	x := m.entries[e]
	for i, y := range m.entries {
		s, own := specificity(y.Match, p), specificity(x.Match, p)
		if y.Source == x.Source && (s > own || s == own && y.Outcome.Kind.Rows() < x.Outcome.Kind.Rows() || s == own && i < e && y.Outcome.Kind.Rows() == x.Outcome.Kind.Rows()) {
			return true
		}
	}
	return false
}

const admin = "999999999999"

// randomRun makes the entries and units of a run: accounts that are asked
// themselves, and members that an administrator's view covers.
func randomRun(t testing.TB, rng *rand.Rand, s *spool.Spool, sch *schema.Schema, run string, at time.Time) ([]Entry, []modelUnit) {
	kinds := []outcome.Kind{outcome.OK, outcome.OK, outcome.OK, outcome.Partial, outcome.NotEnabled, outcome.Denied, outcome.Throttled, outcome.Skipped}
	sources := []string{"one", "two"}
	regions := []string{"eu-west-1", "us-east-1"}
	var entries []Entry
	var units []modelUnit
	value := int64(0)
	makeRows := func(source string, n int, places ...spool.Place) []item {
		var rows []item
		for range n {
			p := places[rng.IntN(len(places))]
			value++
			rows = append(rows, item{p.Account, p.Region, fmt.Sprint("item-", rng.IntN(8)), value, source, run, at})
		}
		return rows
	}
	addUnit := func(id spool.UnitID, kind outcome.Kind, rows []item) {
		var runs []arrow.RecordBatch
		for left := rows; len(left) > 0; {
			n := 1 + rng.IntN(len(left))
			runs = append(runs, itemBatch(sch.Arrow(), left[:n]))
			left = left[n:]
		}
		units = append(units, modelUnit{spoolUnit(t, s, sch, id, kind, runs...), rows})
	}
	for a := range 5 {
		account := fmt.Sprintf("%012d", a)
		for _, region := range regions {
			if rng.IntN(6) == 0 {
				continue // out of scope in this run
			}
			source, kind := sources[rng.IntN(2)], kinds[rng.IntN(len(kinds))]
			entries = append(entries, entry(source, account, region, "", account, kind))
			if kind.Rows() == outcome.Replaced && kind != outcome.NotEnabled {
				places := []spool.Place{{Account: account, Region: region}}
				if rng.IntN(4) == 0 { // it also sees what others own
					places = append(places, spool.Place{Account: fmt.Sprintf("%012d", rng.IntN(6)), Region: region})
				}
				addUnit(spool.UnitID{Source: source, Collector: "c", Account: account, Region: region}, kind, makeRows(source, rng.IntN(12), places...))
			}
		}
	}
	for _, region := range regions {
		if rng.IntN(3) == 0 {
			continue
		}
		source := sources[rng.IntN(2)]
		var places []spool.Place
		for a := range 7 {
			account := fmt.Sprintf("%012d", a)
			places = append(places, spool.Place{Account: account, Region: region}, spool.Place{Account: account, Region: "ap-south-1"})
			switch rng.IntN(4) {
			case 0:
				e := entry(source, account, region, "*", admin, kinds[rng.IntN(len(kinds))])
				entries = append(entries, e)
			case 1:
				e := entry(source, account, region, "", admin, kinds[rng.IntN(len(kinds))])
				entries = append(entries, e)
			}
		}
		if rng.IntN(4) == 0 {
			e := entry(source, "*", region, "", admin, outcome.OK)
			entries = append(entries, e)
		}
		addUnit(spool.UnitID{Source: source, Collector: "admin", Account: admin, Region: region}, outcome.OK, makeRows(source, rng.IntN(30), places...))
	}
	return entries, units
}

func TestTableAgainstModel(t *testing.T) {
	sch := items()
	const maxAge = 60 * time.Hour
	for seed := uint64(0); seed < 25; seed += uint64(stride()) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var previous *Previous
		var before []item
		dir := t.TempDir()
		for day := range 5 {
			run, now := fmt.Sprintf("run-%d", day), testTime.AddDate(0, 0, day)
			s := newSpool(t)
			entries, units := randomRun(t, rng, s, sch, run, now)
			in := TableInput{Schema: sch, Spool: s, Entries: entries, Previous: previous, Now: now, MaxAge: maxAge, Staging: filepath.Join(dir, run), RunID: run, Version: "test"}
			for _, u := range units {
				in.Units = append(in.Units, u.Unit)
			}
			got, err := Table(t.Context(), in)
			if err != nil {
				t.Fatalf("seed %d day %d: %v", seed, day, err)
			}
			want := model{now, maxAge, entries, units, before}.load()
			rows := readItems(t, sch, got.File.Path)
			if !slices.Equal(rows, want.rows) {
				t.Fatalf("seed %d day %d: rows\ngot  %v\nwant %v", seed, day, rows, want.rows)
			}
			compareResult(t, fmt.Sprintf("seed %d day %d", seed, day), got, want)
			previous, before = &Previous{got.File.Path, run}, rows
		}
	}
}

func compareResult(t *testing.T, at string, got TableOutput, want modelResult) {
	t.Helper()
	n := len(want.entryRows)
	sum := int64(0)
	for i, e := range got.Entries {
		sum += e.Rows
		if i >= n {
			continue
		}
		w := EntryResult{Entry: e.Entry, Rows: want.entryRows[i], CarriedRows: want.carried[i], CarriedFromRun: want.from[i], AgedOut: want.aged[i], Duplicates: want.doubles[i]}
		if !reflect.DeepEqual(e, w) {
			t.Errorf("%s: entry %d\ngot  %+v\nwant %+v", at, i, e, w)
		}
	}
	if sum != got.File.Rows {
		t.Errorf("%s: entries have %d rows, the file %d", at, sum, got.File.Rows)
	}
	dropped := map[string]int64{}
	for _, e := range got.Entries[n:] {
		var rows int64
		if _, err := fmt.Sscanf(e.Outcome.Message, "%d rows dropped", &rows); err != nil || e.Outcome.Kind != outcome.OutOfScope {
			t.Errorf("%s: entry %+v, want one that is out of scope and says how many rows were dropped", at, e)
		}
		dropped[e.Source+"/"+e.Account+"/"+e.Region] = rows
	}
	if !reflect.DeepEqual(dropped, want.dropped) {
		t.Errorf("%s: out of scope %v, want %v", at, dropped, want.dropped)
	}
	if !reflect.DeepEqual(got.Discarded, want.discarded) {
		t.Errorf("%s: discarded %v, want %v", at, got.Discarded, want.discarded)
	}
}

// Every type goes through spool, merge, Parquet, and through being carried,
// without a change.
func TestEveryTypeComesThrough(t *testing.T) {
	sch := rowtest.Every()
	sc := sch.Arrow()
	rng := rand.New(rand.NewPCG(7, 1))
	s := newSpool(t)
	id := spool.UnitID{Source: "one", Collector: "c", Account: admin, Region: "eu-west-1"}
	u := spoolUnit(t, s, sch, id, outcome.OK, rowtest.Random(sc, rng, 3000), rowtest.Random(sc, rng, 3000))
	all := entry("one", "*", "*", "", admin, outcome.OK)
	all.CollectedRegion = "eu-west-1"
	in := TableInput{Schema: sch, Spool: s, Units: []Unit{u}, Entries: []Entry{all}, Now: testTime, Staging: t.TempDir(), RunID: "run-1", Version: "test"}
	first, err := Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows(u.Result)
	if err != nil {
		t.Fatal(err)
	}
	spooled := map[string]bool{}
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		for {
			rec, err := run.Next()
			if err != nil {
				break
			}
			for _, l := range jsonLines(t, rec) {
				spooled[l] = true
			}
		}
	}
	written := jsonLines(t, readFile(t, sch, first.File.Path)...)
	if int64(len(written)) != first.File.Rows || first.File.Rows+first.Entries[0].Duplicates != u.Result.Rows+u.Result.Duplicates {
		t.Fatalf("%d rows read, %d in the file and %d duplicates, of %d and %d in the spool", len(written), first.File.Rows, first.Entries[0].Duplicates, u.Result.Rows, u.Result.Duplicates)
	}
	for _, l := range written {
		if !spooled[l] {
			t.Fatalf("a row of the file is not one that was spooled:\n%s", l)
		}
	}
	in.Units, in.Previous, in.Entries[0].Outcome.Kind, in.Staging = nil, &Previous{first.File.Path, "run-1"}, outcome.Skipped, t.TempDir()
	second, err := Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if carried := jsonLines(t, readFile(t, sch, second.File.Path)...); !slices.Equal(carried, written) {
		t.Fatal("rows that were carried differ from those that were written")
	}
}

func TestCarriedRowsOfAnOlderMinor(t *testing.T) {
	older := items()
	newer := rowtest.Parse(strings.NewReplacer(`"minor": 0`, `"minor": 1`).Replace(string(older.Format())))
	newer.Columns = slices.Insert(newer.Columns, 1, schema.Column{Name: "added", Type: "struct", Source: "A", Since: 1, Fields: []schema.Column{{Name: "x", Type: "json", Source: "A"}}})
	s := newSpool(t)
	id := spool.UnitID{Source: "one", Collector: "c", Account: "000000000001", Region: "eu-west-1"}
	row := item{"000000000001", "eu-west-1", "a", 2, "one", "run-1", testTime}
	u := spoolUnit(t, s, older, id, outcome.OK, itemBatch(older.Arrow(), []item{row}))
	in := TableInput{Schema: older, Spool: s, Units: []Unit{u}, Entries: []Entry{entry("one", id.Account, id.Region, "", id.Account, outcome.OK)}, Now: testTime, Staging: t.TempDir(), RunID: "run-1", Version: "test"}
	first, err := Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Schema, in.Units, in.Previous, in.Staging = newer, nil, &Previous{first.File.Path, "run-1"}, t.TempDir()
	in.Entries[0].Outcome.Kind = outcome.Denied
	second, err := Table(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := readItems(t, newer, second.File.Path); !slices.Equal(got, []item{row}) {
		t.Fatalf("carried rows %v, want %v", got, row)
	}
	in.Schema, in.Previous, in.Staging = older, &Previous{second.File.Path, "run-2"}, t.TempDir()
	if _, err := Table(t.Context(), in); err == nil || !strings.Contains(err.Error(), "column added: the schema does not have it") {
		t.Fatalf("loading rows of a newer minor: %v, want an error that names the column", err)
	}
}

func TestTableFails(t *testing.T) {
	sch := items()
	s := newSpool(t)
	id := spool.UnitID{Source: "one", Collector: "c", Account: "000000000001", Region: "eu-west-1"}
	u := spoolUnit(t, s, sch, id, outcome.OK, itemBatch(sch.Arrow(), []item{{"000000000001", "eu-west-1", "a", 2, "one", "run-1", testTime}}))
	good := TableInput{Schema: sch, Spool: s, Units: []Unit{u}, Entries: []Entry{entry("one", id.Account, id.Region, "", id.Account, outcome.OK)}, Now: testTime, RunID: "run-1", Version: "test"}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	notParquet := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(notParquet, []byte("not Parquet at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		ctx  context.Context
		bend func(*TableInput)
		want string
	}{
		{"cancelled", cancelled, func(*TableInput) {}, "context canceled"},
		{"damaged spool file", t.Context(), func(in *TableInput) { in.Units[0].Result.Checksum = "0" }, "the file is damaged"},
		{"lost spool file", t.Context(), func(in *TableInput) { in.Units[0].Result.File = "tables/none" }, "no such file"},
		{"lost previous file", t.Context(), func(in *TableInput) { in.Previous = &Previous{"/nowhere/x", "run-0"} }, "read rows of run run-0"},
		{"previous file that is not Parquet", t.Context(), func(in *TableInput) { in.Previous = &Previous{notParquet, "run-0"} }, "read rows of run run-0"},
		{"no room", t.Context(), func(in *TableInput) { in.Staging = notParquet }, "create staging directory"},
	} {
		in := good
		in.Units, in.Staging = slices.Clone(good.Units), t.TempDir()
		test.bend(&in)
		if _, err := Table(test.ctx, in); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), sch.ID()) {
			t.Errorf("%s: %v, want an error of %s with %q", test.name, err, sch.ID(), test.want)
		}
		if left, err := filepath.Glob(filepath.Join(in.Staging, "*")); err != nil || len(left) != 0 {
			t.Errorf("%s: %q is left in the staging directory, %v", test.name, left, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	const accounts, regions, rows = 10, 5, 11_000
	s := newSpool(b)
	rng := rand.New(rand.NewPCG(1, 2))
	in := TableInput{Schema: sch, Spool: s, Now: testTime, RunID: "run-1", Version: "test"}
	for a := range accounts {
		for r := range regions {
			id := spool.UnitID{Source: "one", Collector: "c", Account: fmt.Sprintf("%012d", a), Region: fmt.Sprint("region-", r)}
			n := rows / accounts / regions
			rec := rowtest.Instances(sc, rng, []rowtest.Place{{Account: id.Account, Region: id.Region}}, (a*regions+r)*n, n, 300, "run-1", testTime)
			in.Units = append(in.Units, spoolUnit(b, s, sch, id, outcome.OK, rec))
			in.Entries = append(in.Entries, entry("one", id.Account, id.Region, "", id.Account, outcome.OK))
		}
	}
	run := func(b *testing.B, in TableInput) {
		in.Staging = b.TempDir()
		rowtest.Measure(b, rows, func() {
			out, err := Table(context.Background(), in)
			if err != nil {
				b.Fatal(err)
			}
			if out.File.Rows != rows {
				b.Fatalf("%d rows, want %d", out.File.Rows, rows)
			}
		})
	}
	b.Run("fresh", func(b *testing.B) { run(b, in) })
	in.Staging = b.TempDir()
	out, err := Table(context.Background(), in)
	if err != nil {
		b.Fatal(err)
	}
	carried := in
	carried.Units, carried.Previous, carried.Entries = nil, &Previous{out.File.Path, "run-1"}, slices.Clone(in.Entries)
	for i := range carried.Entries {
		carried.Entries[i].Outcome.Kind = outcome.Denied
	}
	b.Run("carried", func(b *testing.B) { run(b, carried) })
	b.Run("verify", func(b *testing.B) {
		rowtest.Measure(b, rows, func() {
			if err := verifyWritten(out.File, target{schema: sch, arrow: sc}); err != nil {
				b.Fatal(err)
			}
		})
	})
}
