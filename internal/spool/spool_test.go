package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/schema"
)

var (
	testTime = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	testMeta = Meta{RunID: "run-1", Date: "2026-11-22", ConfigHash: "c", Parent: "run-0", Program: "stocktake test", StartedAt: testTime}
	here     = UnitID{Source: "org", Collector: "ec2", Account: "111111111111", Region: "eu-west-1"}
	home     = rowtest.Place{Account: here.Account, Region: here.Region}
	away     = rowtest.Place{Account: "222222222222", Region: "eu-west-1"}
)

func create(t testing.TB) *Spool {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "spool"), testMeta)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func lines(t testing.TB, rec arrow.RecordBatch) []string {
	t.Helper()
	var b bytes.Buffer
	if err := array.RecordToJSON(rec, &b); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// write spools batches as one file.
func write(t testing.TB, s *Spool, id UnitID, sch *schema.Schema, batches ...arrow.RecordBatch) TableResult {
	t.Helper()
	w := s.Writer(id, sch)
	for _, b := range batches {
		if err := w.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := TableResult{Table: sch.Table, Schema: sch.ID(), Outcome: outcome.Outcome{Kind: outcome.OK}}
	r.Keep(f)
	return r
}

// read returns the rows of each run of a file.
func read(t testing.TB, s *Spool, r TableResult) [][]string {
	t.Helper()
	rows, err := s.Rows(r)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			rec, err := run.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, lines(t, rec)...)
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
		out = append(out, got)
	}
	return out
}

func TestRowsComeBackSorted(t *testing.T) {
	sch := rowtest.Every()
	sc := sch.Arrow()
	s := create(t)
	order, err := rowmerge.NewOrder(sc, SortColumns(sch))
	if err != nil {
		t.Fatal(err)
	}
	seeds := uint64(30)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		var batches []arrow.RecordBatch
		total := int64(0)
		for range 1 + rng.IntN(4) {
			batches = append(batches, rowtest.Random(sc, rng, rng.IntN(300)))
			total += batches[len(batches)-1].NumRows()
		}
		dropped := int64(0)
		ranges := order.Sort(batches, func(int, int) { dropped++ })
		g, err := rowmerge.NewGatherer(sc, batches)
		if err != nil {
			t.Fatal(err)
		}
		want, err := g.Gather(ranges)
		if err != nil {
			t.Fatal(err)
		}
		r := write(t, s, here, sch, batches...)
		if total == 0 {
			continue
		}
		if r.Rows != want.NumRows() || r.Duplicates != dropped || len(r.Runs) != 1 {
			t.Fatalf("seed %d: %d rows, %d duplicates, %d runs, want %d, %d, 1", seed, r.Rows, r.Duplicates, len(r.Runs), want.NumRows(), dropped)
		}
		if got := read(t, s, r); !slices.Equal(got[0], lines(t, want)) {
			t.Fatalf("seed %d: rows differ\ngot  %q\nwant %q", seed, got[0], lines(t, want))
		}
	}
}

func TestManyRuns(t *testing.T) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	s := create(t)
	rng := rand.New(rand.NewPCG(1, 1))
	w := s.Writer(here, sch)
	const batch, count = 2000, 8
	for i := range count {
		if err := w.Append(rowtest.Instances(sc, rng, []rowtest.Place{home, away}, i*batch, batch, 200, "r", testTime)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			if err := w.Flush(); err != nil { // as another writer's Append does
				t.Fatal(err)
			}
		}
	}
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := TableResult{Table: sch.Table, Schema: sch.ID()}
	r.Keep(f)
	if r.Rows != batch*count || len(r.Runs) != count/2 || !r.Mixed {
		t.Fatalf("%d rows in %d runs, mixed %v, want %d in %d, true", r.Rows, len(r.Runs), r.Mixed, batch*count, count/2)
	}
	if r.Bytes <= readAtOnce {
		t.Fatalf("the file has %d bytes: the test wants one of more than %d", r.Bytes, readAtOnce)
	}
	rows, err := s.Rows(r)
	if err != nil {
		t.Fatal(err)
	}
	var runs []*Run
	for i := range rows.Runs() {
		run, err := rows.Run(i)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	if rows.file == nil {
		t.Fatal("a large file is not open while its runs are read")
	}
	total := int64(0)
	for _, run := range runs {
		for {
			rec, err := run.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec.NumRows() > blockRows {
				t.Errorf("a batch of %d rows, want at most %d", rec.NumRows(), blockRows)
			}
			total += rec.NumRows()
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if total != batch*count || rows.file != nil {
		t.Fatalf("%d rows, file left open: %v, want %d and a closed file", total, rows.file != nil, batch*count)
	}
}

func TestMixed(t *testing.T) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	s := create(t)
	instances := func(first, n int, places ...rowtest.Place) arrow.RecordBatch {
		return rowtest.Instances(sc, rand.New(rand.NewPCG(1, uint64(first))), places, first, n, 0, "r", testTime)
	}
	for _, test := range []struct {
		name    string
		batches []arrow.RecordBatch
		mixed   bool
		in      []PlaceCount
		dropped int64
	}{
		{"no rows", nil, false, nil, 0},
		{"its own rows", []arrow.RecordBatch{instances(0, 5, home)}, false, nil, 0},
		{"its own rows twice", []arrow.RecordBatch{instances(0, 5, home), instances(0, 5, home)}, false, nil, 5},
		{"rows of another account", []arrow.RecordBatch{instances(0, 5, home), instances(9, 1, away)}, true, nil, 0},
		{"rows of another account twice", []arrow.RecordBatch{instances(0, 2, away), instances(0, 2, away), instances(5, 1, home), instances(5, 1, home)}, true,
			[]PlaceCount{{Place(home), 1}, {Place(away), 2}}, 3},
	} {
		r := write(t, s, here, sch, test.batches...)
		if r.Mixed != test.mixed || !reflect.DeepEqual(r.DuplicateIn, test.in) || r.Duplicates != test.dropped {
			t.Errorf("%s: mixed %v, duplicates %d in %v, want %v, %d in %v", test.name, r.Mixed, r.Duplicates, r.DuplicateIn, test.mixed, test.dropped, test.in)
		}
		if (r.File == "") != (len(test.batches) == 0) {
			t.Errorf("%s: file %q", test.name, r.File)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	s := create(t)
	rec := rowtest.Instances(sc, rand.New(rand.NewPCG(1, 1)), []rowtest.Place{home}, 0, 5000, 2000, "r", testTime)
	size := rowmerge.Size(rec)
	var writers []*Writer
	for held := int64(0); held < 3*memoryLimit; held += size {
		w := s.Writer(here, sch)
		writers = append(writers, w)
		if err := w.Append(rec); err != nil {
			t.Fatal(err)
		}
		if got := s.memory.held.Load(); got > memoryLimit {
			t.Fatalf("%d bytes are held after Append, want at most %d", got, memoryLimit)
		}
	}
	for _, w := range writers {
		f, err := w.Close()
		if err != nil || f.Rows != rec.NumRows() {
			t.Fatalf("Close = %d rows, %v, want %d", f.Rows, err, rec.NumRows())
		}
	}
	if got := s.memory.held.Load(); got != 0 {
		t.Fatalf("%d bytes are held when all writers are closed", got)
	}
}

func TestManyWritersAtOnce(t *testing.T) {
	sch := rowtest.Every()
	sc := sch.Arrow()
	s := create(t)
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			errs[i] = func() error {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				id := here
				id.Account = fmt.Sprint(i)
				w := s.Writer(id, sch)
				for range 5 {
					if err := w.Append(rowtest.Random(sc, rng, 50)); err != nil {
						return err
					}
					if other := s.memory.largest(); other != nil {
						if err := other.Flush(); err != nil {
							return err
						}
					}
				}
				f, err := w.Close()
				if err != nil {
					return err
				}
				r := TableResult{Table: sch.Table}
				r.Keep(f)
				if err := s.Commit(Unit{ID: id, Tables: []TableResult{r}}); err != nil {
					return err
				}
				return s.verify(r)
			}()
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := unitIDs(t, s); len(got) != len(errs) {
		t.Fatalf("%d units in the journal, want %d", len(got), len(errs))
	}
}

func TestWriterRefuses(t *testing.T) {
	s := create(t)
	wide, every := rowtest.Wide(), rowtest.Every()
	rng := rand.New(rand.NewPCG(1, 1))
	rec := rowtest.Random(every.Arrow(), rng, 3)
	w := s.Writer(here, wide)
	if err := w.Append(rec); err == nil || !strings.Contains(err.Error(), "columns are not the schema's") {
		t.Errorf("Append of another table's rows: %v, want an error", err)
	}
	w = s.Writer(here, every)
	if err := w.Append(rec); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(rec); err == nil {
		t.Error("Append after Close: no error")
	}
	if _, err := w.Close(); err == nil {
		t.Error("Close after Close: no error")
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := create(t)
	sch := rowtest.Every()
	for _, flush := range []bool{false, true} {
		w := s.Writer(here, sch)
		if err := w.Append(rowtest.Random(sch.Arrow(), rand.New(rand.NewPCG(1, 1)), 50)); err != nil {
			t.Fatal(err)
		}
		if flush {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.Dir(), tablesName, "*", "*"))
	if info, err := os.Stat(filepath.Join(s.Dir(), sharedName)); err != nil || info.Size() != 0 {
		t.Fatalf("the shared file: %v, %v, want it empty", info, err)
	}
	if err != nil || len(files) != 0 || s.memory.held.Load() != 0 {
		t.Fatalf("Abort leaves %q and %d bytes held, %v, want nothing", files, s.memory.held.Load(), err)
	}
}

func unitIDs(t testing.TB, s *Spool) []UnitID {
	t.Helper()
	var ids []UnitID
	for u, err := range s.Units() {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	return ids
}

func unit(n int, message string) Unit {
	return Unit{ID: UnitID{"org", "ec2", fmt.Sprintf("%012d", n), "eu-west-1"}, StartedAt: testTime, EndedAt: testTime.Add(time.Second),
		Tables: []TableResult{{Table: "aws_ec2_volumes", Schema: "aws_ec2_volumes.v1", Outcome: outcome.Outcome{Kind: outcome.OK, Message: message}, Covers: []Place{{"*", "*"}}}}}
}

func commit(t testing.TB, s *Spool, units ...Unit) {
	t.Helper()
	for _, u := range units {
		if err := s.Commit(u); err != nil {
			t.Fatal(err)
		}
	}
}

func collect(t testing.TB, s *Spool) []Unit {
	t.Helper()
	var units []Unit
	for u, err := range s.Units() {
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	return units
}

func TestLastLineOfAUnitHolds(t *testing.T) {
	s := create(t)
	commit(t, s, unit(1, "first"), unit(2, "first"), unit(1, "second"))
	want := []Unit{unit(2, "first"), unit(1, "second")}
	if got := collect(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("Units = %+v, want %+v", got, want)
	}
	for range s.Units() {
		break // leaving the loop early ends it
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, lost, err := Open(s.Dir())
	if err != nil || len(lost) != 0 {
		t.Fatalf("Open: lost %v, %v", lost, err)
	}
	commit(t, again, unit(2, "third"))
	want = []Unit{unit(1, "second"), unit(2, "third")}
	if got := collect(t, again); !reflect.DeepEqual(got, want) {
		t.Errorf("Units after Open = %+v, want %+v", got, want)
	}
	m := testMeta
	m.FormatVersion = FormatVersion
	if !reflect.DeepEqual(again.Meta(), m) {
		t.Errorf("Meta = %+v, want %+v", again.Meta(), m)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// tear makes a spool whose journal is the first bytes of a longer one.
func tear(t *testing.T, journal []byte) string {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "spool"), testMeta)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), os.WriteFile(filepath.Join(s.Dir(), journalName), journal, 0o600)); err != nil {
		t.Fatal(err)
	}
	return s.Dir()
}

func TestTornLastLine(t *testing.T) {
	s := create(t)
	commit(t, s, unit(1, "one"))
	first, err := os.ReadFile(filepath.Join(s.Dir(), journalName))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, unit(2, "two"))
	whole, err := os.ReadFile(filepath.Join(s.Dir(), journalName))
	if err != nil {
		t.Fatal(err)
	}
	for n := len(first); n <= len(whole); n++ {
		again, _, err := Open(tear(t, whole[:n]))
		if err != nil {
			t.Fatalf("Open of a journal of %d bytes: %v", n, err)
		}
		want := []UnitID{unit(1, "").ID}
		if n == len(whole) {
			want = append(want, unit(2, "").ID)
		}
		if got := unitIDs(t, again); !slices.Equal(got, want) {
			t.Fatalf("a journal of %d bytes: units %v, want %v", n, got, want)
		}
		commit(t, again, unit(3, "three")) // the next line follows the last whole one
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		again, _, err = Open(again.Dir())
		if err != nil {
			t.Fatalf("Open after a line was added to %d bytes: %v", n, err)
		}
		if got := unitIDs(t, again); !slices.Equal(got, append(want, unit(3, "").ID)) {
			t.Fatalf("a line added to %d bytes: units %v, want %v and 3", n, got, want)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	s := create(t)
	commit(t, s, unit(1, "one"), unit(2, "two"))
	good, err := os.ReadFile(filepath.Join(s.Dir(), journalName))
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.IndexByte(good, '\n') + 1
	for _, test := range []struct {
		name    string
		journal string
		meta    string
		want    string
	}{
		{"a broken line in the middle", "{\n" + string(good), "", journalName + ":1: read journal line"},
		{"a broken second line", string(good[:second]) + "x\n" + string(good[second:]), "", journalName + ":2: read journal line"},
		{"an unknown key", `{"id":{"collector":"c"},"x":1}` + "\n", "", `journal.jsonl:1: read journal line: json: unknown field "x"`},
		{"a line without a unit", "{}\n", "", "id.collector"},
		{"two units in a line", `{"id":{"collector":"c"}} {}` + "\n", "", "text after the unit"},
		{"another format", "", `{"format_version":99,"run_id":"r"}`, "format_version 99: expected 2"},
		{"no run", "", `{"format_version":2}`, "run_id"},
		{"no JSON", "", `x`, "read spool meta"},
	} {
		dir := tear(t, []byte(test.journal))
		if test.meta != "" {
			if err := os.WriteFile(filepath.Join(dir, metaName), []byte(test.meta), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: Open: %v, want an error that names the file and has %q", test.name, err, test.want)
		}
	}
}

// Rows of most units stand in a shared file, and those of large ones in their
// own: both may be damaged.
func TestDamagedFiles(t *testing.T) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	change := func(r TableResult, data []byte) []byte {
		data[r.Offset+r.Bytes/2] ^= 1
		return data
	}
	truncate := func(r TableResult, data []byte) []byte { return data[:r.Offset+10] }
	for _, test := range []struct {
		name   string
		rows   int
		damage func(r TableResult, data []byte) []byte // nil removes the file
	}{
		{"changed in the shared file", 20, change},
		{"truncated in the shared file", 20, truncate},
		{"changed in its own file", 4000, change},
		{"truncated in its own file", 4000, truncate},
		{"missing", 4000, nil},
	} {
		s := create(t)
		rng := rand.New(rand.NewPCG(1, 1))
		good, bad := unit(1, ""), unit(2, "")
		good.Tables = []TableResult{write(t, s, good.ID, sch, rowtest.Instances(sc, rng, []rowtest.Place{home}, 0, 20, 0, "r", testTime))}
		bad.Tables = []TableResult{write(t, s, bad.ID, sch, rowtest.Instances(sc, rng, []rowtest.Place{home}, 0, test.rows, 1000, "r", testTime))}
		commit(t, s, good, bad)
		r := bad.Tables[0]
		if own := r.Bytes > readAtOnce; own != (test.rows > 1000) || own == (r.File == sharedName) {
			t.Fatalf("%s: %d bytes in %s", test.name, r.Bytes, r.File)
		}
		name := filepath.Join(s.Dir(), r.File)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), os.Remove(name)); err != nil {
			t.Fatal(err)
		}
		if test.damage != nil {
			if err := os.WriteFile(name, test.damage(r, data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		again, lost, err := Open(s.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(lost, []UnitID{bad.ID}) || !slices.Equal(unitIDs(t, again), []UnitID{good.ID}) {
			t.Errorf("%s: lost %v and found %v, want %v and %v", test.name, lost, unitIDs(t, again), bad.ID, good.ID)
		}
		if _, err := again.Rows(r); err == nil || !strings.Contains(err.Error(), "spool file") {
			t.Errorf("%s: Rows: %v, want an error that names the spool file", test.name, err)
		}
		// What is collected again does not overwrite what is whole.
		write(t, again, bad.ID, sch, rowtest.Instances(sc, rng, []rowtest.Place{home}, 0, 20, 0, "r", testTime))
		if got := read(t, again, good.Tables[0]); len(got[0]) != 20 {
			t.Errorf("%s: %d rows of the whole unit, want 20", test.name, len(got[0]))
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindAndRemove(t *testing.T) {
	root := t.TempDir()
	if found, err := Find(filepath.Join(root, "nothing")); err != nil || len(found) != 0 {
		t.Fatalf("Find where nothing is = %v, %v", found, err)
	}
	var want []string
	for _, name := range []string{"a", "b"} {
		s, err := Create(filepath.Join(root, name), testMeta)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want = append(want, s.Dir())
	}
	if err := os.Mkdir(filepath.Join(root, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(root); err != nil || !slices.Equal(found, want) {
		t.Fatalf("Find = %v, %v, want %v", found, err, want)
	}
	if _, err := Create(want[0], testMeta); err == nil {
		t.Error("Create where a spool is: no error")
	}
	for range 2 {
		if err := Remove(want[0]); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := Find(root); err != nil || !slices.Equal(found, want[1:]) {
		t.Fatalf("Find after Remove = %v, %v, want %v", found, err, want[1:])
	}
}

func FuzzJournal(f *testing.F) {
	good, err := json.Marshal(unit(1, "one"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(good, '\n'))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, journal []byte) {
		dir := tear(t, journal)
		s, _, err := Open(dir)
		if err != nil {
			if !strings.Contains(err.Error(), journalName+":") {
				t.Errorf("Open: %v, want an error that names file and line", err)
			}
			return
		}
		defer s.Close()
		before := unitIDs(t, s)
		commit(t, s, unit(7, "seven"))
		if after := unitIDs(t, s); len(after) == 0 || after[len(after)-1] != unit(7, "").ID || len(after) > len(before)+1 {
			t.Errorf("units %v after one was added to %v", after, before)
		}
	})
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte(`{"format_version":2,"run_id":"r"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseMeta(text); err == nil && (m.FormatVersion != FormatVersion || m.RunID == "") {
			t.Errorf("parseMeta(%q) = %+v", text, m)
		}
	})
}

// A file that passes its checksum was written by a spool, but one that does not
// may be anything: reading a block of it must fail and not end the process.
func FuzzBlock(f *testing.F) {
	f.Add(appendBlock(nil, []byte("some message, some message")))
	f.Add([]byte("0123456789"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= blockHeader {
			copy(data[6:8], "\x00\x00") // a size that fits into memory
		}
		r := &blockReader{in: bytes.NewReader(data), left: int64(len(data))}
		message, err := r.next()
		if err != nil {
			return
		}
		again := &blockReader{in: bytes.NewReader(appendBlock(nil, message)), left: int64(len(appendBlock(nil, message)))}
		if got, err := again.next(); err != nil || !bytes.Equal(got, message) {
			t.Errorf("a block of %q reads as %q, %v", message, got, err)
		}
	})
}

func BenchmarkSpool(b *testing.B) {
	sch := rowtest.Wide()
	sc := sch.Arrow()
	for _, n := range []int{20, 1000, 11000} {
		rec := rowtest.Instances(sc, rand.New(rand.NewPCG(1, 2)), []rowtest.Place{home}, 0, n, 300, "r", testTime)
		b.Run(fmt.Sprint(n, " rows"), func(b *testing.B) {
			s := create(b)
			rowtest.Measure(b, n, func() { write(b, s, here, sch, rec) })
		})
	}
}
