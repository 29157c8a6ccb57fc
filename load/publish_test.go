package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stocktake/internal/outcome"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/storetest"
)

// A warehouse for these tests: tables whose rows all have one value, so that
// a reader can tell which run a file is of.

func namedTable(name string) *schema.Schema {
	sch := *items()
	sch.Table = name
	return &sch
}

// valueFile writes a file of a table, all of whose rows have a value.
func valueFile(t testing.TB, dir, table string, value int) TableFile {
	t.Helper()
	sch := namedTable(table)
	s, err := spool.Create(filepath.Join(dir, "spool-"+table), spool.Meta{RunID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := spool.UnitID{Source: "one", Collector: "c", Account: "000000000001", Region: "eu-west-1"}
	var rows []item
	for i := range value%3 + 1 { // files of a size differ in content, too
		rows = append(rows, item{id.Account, id.Region, fmt.Sprint("item-", i), int64(value), "one", "r", testTime})
	}
	in := TableInput{Schema: sch, Spool: s, Units: []Unit{spoolUnit(t, s, sch, id, outcome.OK, itemBatch(sch.Arrow(), rows))},
		Entries: []Entry{entry("one", id.Account, id.Region, "", id.Account, outcome.OK)}, Now: testTime, Staging: filepath.Join(dir, "staging"), RunID: "r", Version: "test"}
	out, err := Table(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return TableFile{sch, out.File}
}

// fileValue reads which run a file is of.
func fileValue(path string) (int, error) {
	recs, err := readRecords(items(), path)
	if err != nil {
		return 0, err
	}
	rows := itemsOf(recs)
	if len(rows) == 0 {
		return 0, fmt.Errorf("%s has no rows", path)
	}
	for _, r := range rows {
		if r.value != rows[0].value || len(rows) != int(r.value)%3+1 {
			return 0, fmt.Errorf("%s has %d rows, of values %d and %d", path, len(rows), rows[0].value, r.value)
		}
	}
	return int(rows[0].value), nil
}

// scenario is a run to publish on top of earlier ones.
type scenario struct {
	name   string
	run    string
	date   string
	value  int
	tables []string // that it writes
	kept   []string
	before map[string]int // what a reader sees of each table
	after  map[string]int
}

var scenarios = []scenario{
	{"first run", "run-1", "2026-11-21", 1, []string{"a", "b"}, nil, map[string]int{}, map[string]int{"a": 1, "b": 1}},
	{"rerun of the day", "run-2", "2026-11-21", 2, []string{"a", "b", "c"}, nil, map[string]int{"a": 1, "b": 1}, map[string]int{"a": 2, "b": 2, "c": 2}},
	{"rerun of a part of the day", "run-3", "2026-11-21", 3, []string{"a"}, []string{"b", "c"}, map[string]int{"a": 2, "b": 2, "c": 2}, map[string]int{"a": 3, "b": 2, "c": 2}},
	{"next day", "run-4", "2026-11-22", 4, []string{"a", "c"}, []string{"b"}, map[string]int{"a": 3, "b": 2, "c": 2}, map[string]int{"a": 4, "b": 2, "c": 4}},
	{"a table leaves", "run-5", "2026-11-23", 5, []string{"a", "b"}, nil, map[string]int{"a": 4, "b": 2, "c": 4}, map[string]int{"a": 5, "b": 5}},
}

// eventTable is where each run of the scenarios adds a file.
var eventTable = EventTable{CoverageTable, 1}

// held is a lease that no one takes.
type held struct{}

func (held) Check(context.Context) error { return nil }
func (held) Release() error              { return nil }

// publication prepares a run; its files are made once for all tests of it.
func (sc scenario) publication(t testing.TB, files map[string]TableFile, st *State, hooks Hooks) Publication {
	t.Helper()
	p := Publication{Manifest: Manifest{Run: sc.run, Date: sc.date, Program: "stocktake test", Sources: []ManifestSource{{"one", []string{"000000000001"}}}}, Head: st.Head, Leases: []store.Lease{held{}}, Hooks: hooks}
	for _, table := range sc.tables {
		p.Tables = append(p.Tables, files[table])
	}
	for _, table := range sc.kept {
		kept, ok := st.Manifest.Find(table + ".v1")
		if !ok {
			t.Fatalf("%s: table %s is not in the state", sc.name, table)
		}
		p.Kept = append(p.Kept, kept)
	}
	e := files[eventTable.Table]
	p.Events = []EventFile{{e.Schema, sc.date, e.File}}
	return p
}

func (sc scenario) files(t testing.TB, dir string) map[string]TableFile {
	t.Helper()
	files := map[string]TableFile{}
	for _, table := range append([]string{eventTable.Table}, sc.tables...) {
		files[table] = valueFile(t, dir, table, sc.value)
	}
	return files
}

func openLocal(t testing.TB, root string, options ...local.Option) *local.Store {
	t.Helper()
	s, err := local.Open(root, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readStateOf(t testing.TB, s store.Store) *State {
	t.Helper()
	st, err := ReadState(context.Background(), s, eventTable)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// seen is what a reader of the manifest sees.
func seen(t testing.TB, st *State) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, table := range st.Tables {
		v, err := fileValue(table.Location.Path)
		if err != nil {
			t.Fatal(err)
		}
		got[table.Table] = v
	}
	return got
}

// seenCurrent is what a reader of current/ sees who resolves the link once.
func seenCurrent(t testing.TB, root string) map[string]int {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "current"))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]int{}
	}
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range files {
		v, err := fileValue(f)
		if err != nil {
			t.Fatal(err)
		}
		got[strings.TrimSuffix(filepath.Base(f), ".parquet")] = v
	}
	return got
}

// checkPlain checks what readers see who know nothing of manifests: current as
// a whole, and each file of the day by itself, are of before or of after.
func (sc scenario) checkPlain(t testing.TB, root string) {
	t.Helper()
	if got := seenCurrent(t, root); !maps.Equal(got, sc.before) && !maps.Equal(got, sc.after) {
		t.Errorf("current shows %v, want %v or %v", got, sc.before, sc.after)
	}
	files, err := filepath.Glob(filepath.Join(root, "snapshots", "*", "v1", "snapshot_date="+sc.date, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		table := strings.TrimSuffix(filepath.Base(f), ".parquet")
		v, err := fileValue(f)
		if err != nil || v != sc.before[table] && v != sc.after[table] {
			t.Errorf("%s is of run %d, %v, want %d or %d", f, v, err, sc.before[table], sc.after[table])
		}
	}
}

// bases makes, for each scenario, the warehouse that it begins with.
func bases(t testing.TB) (roots []string, files []map[string]TableFile) {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "base")
	openLocal(t, root)
	for i, sc := range scenarios {
		copied := filepath.Join(dir, fmt.Sprint("base-", i))
		copyDir(t, root, copied)
		roots = append(roots, copied)
		made := sc.files(t, filepath.Join(dir, sc.run))
		files = append(files, made)
		s := openLocal(t, root)
		if _, err := Publish(context.Background(), s, sc.publication(t, made, readStateOf(t, s), Hooks{})); err != nil {
			t.Fatalf("%s: %v", sc.name, err)
		}
	}
	return roots, files
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// tree lists what a warehouse holds.
func tree(t testing.TB, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil || strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, ".leases") {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(p)
			out = append(out, name+" -> "+to)
			return err
		}
		data, err := os.ReadFile(p)
		out = append(out, name+" "+sum(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "warehouse")
	s := openLocal(t, root)
	if st := readStateOf(t, s); st.Manifest != nil || st.Head.Run != "" || len(st.Tables) != 0 {
		t.Fatalf("the state of an empty warehouse is %+v", st)
	}
	for i, sc := range scenarios {
		var calls []string
		hooks := Hooks{
			AfterCommit: func(_ context.Context, m *Manifest) error { calls = append(calls, "after "+m.Run); return nil },
			Cleanup:     func(_ context.Context, run string) error { calls = append(calls, "clean "+run); return nil },
		}
		st := readStateOf(t, s)
		if got := seen(t, st); !maps.Equal(got, sc.before) {
			t.Fatalf("%s: before it %v, want %v", sc.name, got, sc.before)
		}
		m, err := Publish(t.Context(), s, sc.publication(t, sc.files(t, filepath.Join(dir, sc.run)), st, hooks))
		if err != nil {
			t.Fatalf("%s: %v", sc.name, err)
		}
		if want := []string{"after " + sc.run, "clean " + sc.run}; !slices.Equal(calls, want) {
			t.Errorf("%s: hooks %q, want %q", sc.name, calls, want)
		}
		st = readStateOf(t, s)
		if got := seen(t, st); !maps.Equal(got, sc.after) || st.Head.Run != sc.run || m.Run != sc.run || st.Manifest.Parent != m.Parent {
			t.Errorf("%s: after it %v of run %s, want %v of run %s", sc.name, got, st.Head.Run, sc.after, sc.run)
		}
		if got := seenCurrent(t, root); !maps.Equal(got, sc.after) {
			t.Errorf("%s: current shows %v, want %v", sc.name, got, sc.after)
		}
		if got := st.Events[0].Paths; len(got) != i+1 {
			t.Errorf("%s: event files %q, want %d", sc.name, got, i+1)
		}
		if left := leftovers(t, root); len(left) != 0 {
			t.Errorf("%s: left over: %q", sc.name, left)
		}
	}
	for i, want := range []string{"run-2", "run-3", "", "", ""} {
		m, err := ReadManifest(t.Context(), s, scenarios[i].run)
		if err != nil || m.SupersededBy != want {
			t.Errorf("manifest of %s: superseded by %q, %v, want %q", scenarios[i].run, m.SupersededBy, err, want)
		}
	}
}

// leftovers are files that are there only while a run is being published.
func leftovers(t testing.TB, root string) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{".staging/*", "runs/pending/*", ".generations/.*", "*.new", ".*.new", "*/.*.new"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	// A process that was killed while it wrote a few bytes leaves these.
	return slices.DeleteFunc(out, func(name string) bool {
		return strings.HasSuffix(name, "runs/.HEAD.new") || strings.Contains(name, "runs/pending/.")
	})
}

// stride leaves out cases of a long loop in short tests.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// crash publishes a scenario in a process that ends somewhere, and checks what
// others see and do then.
func crash(t *testing.T, sc scenario, base string, files map[string]TableFile, open func(root string) store.Store) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "warehouse")
	copyDir(t, base, root)
	p := sc.publication(t, files, readStateOf(t, openLocal(t, root)), Hooks{})
	_, err := Publish(context.Background(), open(root), p)
	if err == nil && len(leftovers(t, root)) > 0 {
		t.Fatal("Publish in a process that ends: no error")
	}
	sc.checkPlain(t, root)
	fresh := openLocal(t, root)
	st := readStateOf(t, fresh)
	want := sc.before
	committed := st.Head.Run == sc.run
	if committed {
		want = sc.after
	}
	if got := seen(t, st); !maps.Equal(got, want) {
		t.Errorf("after the crash a reader sees %v, want %v", got, want)
	}
	var unfinished *UnfinishedError
	if errors.As(err, &unfinished) && !committed {
		t.Errorf("Publish: %v, but the run is not committed", err)
	}
	hooked := 0
	hooks := Hooks{AfterCommit: func(context.Context, *Manifest) error { hooked++; return nil }}
	pending, err := filepath.Glob(filepath.Join(root, "runs", "pending", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Recover(context.Background(), fresh, hooks); err != nil {
		t.Fatalf("Recover: %v", err)
	}
	if want := map[bool]int{true: 1}[committed && len(pending) > 0]; hooked != want {
		t.Errorf("Recover ran what follows a commit %d times, want %d", hooked, want)
	}
	st = readStateOf(t, fresh)
	if got, current := seen(t, st), seenCurrent(t, root); !maps.Equal(got, want) || !maps.Equal(current, want) {
		t.Errorf("after Recover a reader sees %v and current %v, want %v", got, current, want)
	}
	for _, table := range st.Tables {
		if !table.Finished {
			t.Errorf("after Recover table %s is not finished", table.Table)
		}
	}
	if report, err := VerifyRun(context.Background(), fresh, st.Head.Run); st.Head.Run != "" && (err != nil || report.Bad() > 0) {
		t.Errorf("VerifyRun after Recover: %+v, %v", report, err)
	}
	before := tree(t, root)
	if err := Recover(context.Background(), fresh, hooks); err != nil {
		t.Fatalf("Recover again: %v", err)
	}
	if after := tree(t, root); !slices.Equal(before, after) {
		t.Errorf("Recover again changed the warehouse:\nfrom %q\nto   %q", before, after)
	}
	if !committed {
		if _, err := Publish(context.Background(), fresh, sc.publication(t, files, st, Hooks{})); err != nil {
			t.Fatalf("Publish after Recover: %v", err)
		}
		if got := seen(t, readStateOf(t, fresh)); !maps.Equal(got, sc.after) {
			t.Errorf("after a second attempt a reader sees %v, want %v", got, sc.after)
		}
	}
	if left := leftovers(t, root); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

// The process ends at each call of the store, before or after its effect.
func TestCrashAtEveryCall(t *testing.T) {
	roots, files := bases(t)
	for i, sc := range scenarios {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %v", sc.name, late), func(t *testing.T) {
				root := filepath.Join(t.TempDir(), "warehouse")
				copyDir(t, roots[i], root)
				whole := &storetest.Broken{Store: openLocal(t, root), At: 1 << 40}
				if _, err := Publish(t.Context(), whole, sc.publication(t, files[i], readStateOf(t, whole), Hooks{})); err != nil {
					t.Fatal(err)
				}
				for k := 0; k < whole.Calls(); k += stride() {
					t.Run(fmt.Sprint("call ", k), func(t *testing.T) {
						crash(t, sc, roots[i], files[i], func(root string) store.Store {
							return &storetest.Broken{Store: openLocal(t, root), At: int64(k), Late: late}
						})
					})
				}
			})
		}
	}
}

// The process ends before each single change of the disk.
func TestCrashAtEveryChange(t *testing.T) {
	roots, files := bases(t)
	for i, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			ending := func(root string, at int) (*local.Store, *failing) {
				d := &failing{at: at}
				return openLocal(t, root, local.BeforeChange(d.change)), d
			}
			root := filepath.Join(t.TempDir(), "warehouse")
			copyDir(t, roots[i], root)
			whole, d := ending(root, 1<<40)
			if _, err := Publish(t.Context(), whole, sc.publication(t, files[i], readStateOf(t, whole), Hooks{})); err != nil {
				t.Fatal(err)
			}
			for k := 0; k < d.count(); k += stride() {
				t.Run(fmt.Sprint("change ", k), func(t *testing.T) {
					crash(t, sc, roots[i], files[i], func(root string) store.Store {
						s, _ := ending(root, k)
						return s
					})
				})
			}
		})
	}
}

func TestPublishFails(t *testing.T) {
	roots, files := bases(t)
	sc, base, made := scenarios[3], roots[3], files[3]
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		bend func(p *Publication)
		want string
	}{
		{"another run was committed", t.Context(), func(p *Publication) { p.Head.Run = "run-2" }, store.ErrConflict.Error()},
		{"an earlier day", t.Context(), func(p *Publication) { p.Manifest.Date = "2026-11-20" }, "before 2026-11-21"},
		{"the same run again", t.Context(), func(p *Publication) { p.Manifest.Run = p.Head.Run }, "it is committed"},
		{"a file is gone", t.Context(), func(p *Publication) { p.Tables[0].File.Path += ".gone" }, "no such file"},
		{"a file is another", t.Context(), func(p *Publication) { p.Tables[0].File.Bytes++ }, "bytes, expected"},
		{"a table twice", t.Context(), func(p *Publication) { p.Tables = append(p.Tables, p.Tables[0]) }, "found twice"},
		{"a bad run ID", t.Context(), func(p *Publication) { p.Manifest.Run = "../x" }, "name"},
		{"interrupted", cancelled, func(*Publication) {}, "canceled"},
	} {
		root := filepath.Join(t.TempDir(), "warehouse")
		copyDir(t, base, root)
		s := openLocal(t, root)
		before := tree(t, root)
		p := sc.publication(t, made, readStateOf(t, s), Hooks{})
		test.bend(&p)
		if _, err := Publish(test.ctx, s, p); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.want)
		}
		if after := tree(t, root); !slices.Equal(before, after) {
			t.Errorf("%s: the warehouse changed from %q to %q", test.name, before, after)
		}
		if left := leftovers(t, root); len(left) != 0 {
			t.Errorf("%s: left over: %q", test.name, left)
		}
	}

	// After the commit a failure is told, and the next command goes on.
	root := filepath.Join(t.TempDir(), "warehouse")
	copyDir(t, base, root)
	s := openLocal(t, root)
	fail := true
	hooks := Hooks{AfterCommit: func(context.Context, *Manifest) error {
		if fail {
			return broken
		}
		return nil
	}}
	_, err := Publish(t.Context(), s, sc.publication(t, made, readStateOf(t, s), hooks))
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) || !errors.Is(err, broken) || unfinished.Run != sc.run {
		t.Fatalf("Publish whose hook fails: %v, want an UnfinishedError of %s", err, sc.run)
	}
	if err := Recover(t.Context(), s, hooks); !errors.Is(err, broken) {
		t.Errorf("Recover whose hook fails: %v, want %v", err, broken)
	}
	fail = false
	if err := Recover(t.Context(), s, hooks); err != nil || len(leftovers(t, root)) != 0 {
		t.Errorf("Recover: %v, left over %q", err, leftovers(t, root))
	}
}

// lostAnswer is a store whose swap takes place and whose answer gets lost.
type lostAnswer struct{ store.Store }

func (l lostAnswer) SwapHead(ctx context.Context, old store.Head, run string) (store.Head, error) {
	_, err := l.Store.SwapHead(ctx, old, run)
	return store.Head{}, errors.Join(errors.New("the connection was lost"), err)
}

func TestCommitWhoseAnswerIsLost(t *testing.T) {
	roots, files := bases(t)
	sc := scenarios[1]
	s := openLocal(t, roots[1])
	if _, err := Publish(t.Context(), lostAnswer{s}, sc.publication(t, files[1], readStateOf(t, s), Hooks{})); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, readStateOf(t, s)); !maps.Equal(got, sc.after) {
		t.Errorf("a reader sees %v, want %v", got, sc.after)
	}
}

func TestVerifyRun(t *testing.T) {
	roots, _ := bases(t)
	root := roots[4] // four runs are published: the last three of them have files of their own
	s := openLocal(t, root)
	statuses := func(run string) map[string]FileStatus {
		t.Helper()
		r, err := VerifyRun(t.Context(), s, run)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]FileStatus{}
		for _, f := range r.Files {
			out[f.Table] = f.Status
			if (f.Problem != "") != (f.Status == FileDamaged || f.Status == FileMissing) {
				t.Errorf("run %s: %+v: want a problem where the file is bad", run, f)
			}
		}
		return out
	}
	want := func(run string, want map[string]FileStatus) {
		t.Helper()
		if got := statuses(run); !reflect.DeepEqual(got, want) {
			t.Errorf("VerifyRun(%s) = %v, want %v", run, got, want)
		}
	}
	want("run-1", map[string]FileStatus{"a.v1": FileSuperseded, "b.v1": FileSuperseded, eventTable.Table + ".v1": FileOK})
	want("run-2", map[string]FileStatus{"a.v1": FileSuperseded, "b.v1": FileOK, "c.v1": FileOK, eventTable.Table + ".v1": FileOK})
	want("run-3", map[string]FileStatus{"a.v1": FileOK, "b.v1": FileOK, "c.v1": FileOK, eventTable.Table + ".v1": FileOK})
	want("run-4", map[string]FileStatus{"a.v1": FileOK, "b.v1": FileOK, "c.v1": FileOK, eventTable.Table + ".v1": FileOK})

	m, err := ReadManifest(t.Context(), s, "run-3")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := m.Find("a.v1")
	b, _ := m.Find("b.v1")
	name := filepath.Join(root, a.Path)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	// Not in place: the file may be linked elsewhere.
	if err := errors.Join(os.Remove(name), os.WriteFile(name, data, 0o600), os.Remove(filepath.Join(root, b.Path))); err != nil {
		t.Fatal(err)
	}
	want("run-3", map[string]FileStatus{"a.v1": FileDamaged, "b.v1": FileMissing, "c.v1": FileOK, eventTable.Table + ".v1": FileOK})
	want("run-1", map[string]FileStatus{"a.v1": FileDamaged, "b.v1": FileMissing, eventTable.Table + ".v1": FileOK})
	if _, err := VerifyRun(t.Context(), s, "run-9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("VerifyRun of no run: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestManifestRefuses(t *testing.T) {
	good := func() *Manifest {
		return &Manifest{Run: "run-1", Date: "2026-11-22", Tables: []ManifestTable{{Table: "a", Version: 1, SchemaHash: "h", Path: "snapshots/a/v1/snapshot_date=2026-11-22/a.parquet", Current: "a.parquet", Rows: 1, Bytes: 2, SHA256: strings.Repeat("0", 64), WrittenBy: "run-1"}}}
	}
	if _, err := good().Format(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		bend func(m *Manifest)
		want string
	}{
		{"no run", func(m *Manifest) { m.Run = "" }, `run ""`},
		{"a path for a run", func(m *Manifest) { m.Run = "a/b" }, `run "a/b"`},
		{"bad parent", func(m *Manifest) { m.Parent = "a/b" }, "parent"},
		{"bad successor", func(m *Manifest) { m.SupersededBy = "a/b" }, "superseded_by"},
		{"bad date", func(m *Manifest) { m.Date = "today" }, `date "today"`},
		{"bad table", func(m *Manifest) { m.Tables[0].Table = "A" }, `table "A"`},
		{"bad version", func(m *Manifest) { m.Tables[0].Version = 0 }, "version 0.0"},
		{"negative rows", func(m *Manifest) { m.Tables[0].Rows = -1 }, "rows -1"},
		{"no bytes", func(m *Manifest) { m.Tables[0].Bytes = 0 }, "bytes 0"},
		{"bad checksum", func(m *Manifest) { m.Tables[0].SHA256 = "x" }, `sha256 "x"`},
		{"no writer", func(m *Manifest) { m.Tables[0].WrittenBy = "" }, "written_by"},
		{"path out of the warehouse", func(m *Manifest) { m.Tables[0].Path = "snapshots/../../x" }, "clean relative path"},
		{"path elsewhere", func(m *Manifest) { m.Tables[0].Path = "runs/HEAD" }, "begin with snapshots/ or events/"},
		{"current elsewhere", func(m *Manifest) { m.Tables[0].Current = "../x" }, "current"},
		{"a path twice", func(m *Manifest) { m.Events = m.Tables }, "found twice"},
		{"staged as another", func(m *Manifest) { m.Tables[0].Staged = &store.Staged{Run: "run-1", Name: "snapshots/b"} }, "staged"},
	} {
		m := good()
		test.bend(m)
		if _, err := m.Format(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                           "read manifest",
		`{"format_version":2}`:       "format_version 2: expected 1",
		`{"format_version":1}`:       "run",
		`{"format_version":1,"x":1}`: `unknown field "x"`,
		`{"format_version":1}}`:      "after",
		`{"format_version":1} {}`:    "after",
	} {
		if _, err := ParseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseManifest(%s): %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format_version":1,"run":"r","date":"2026-11-22","tables":[{"table":"a","version":1,"path":"snapshots/a.parquet","bytes":1,"sha256":"` + strings.Repeat("0", 64) + `","written_by":"r"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		again, err := m.Format()
		if err != nil {
			t.Fatalf("Format of what was parsed: %v", err)
		}
		m2, err := ParseManifest(again)
		if err != nil || !reflect.DeepEqual(m, m2) {
			t.Errorf("ParseManifest(Format) = %+v, %v, want %+v", m2, err, m)
		}
	})
}

// The child of TestKill publishes one run after the other until it is killed,
// and says before each change of the disk, and after each commit, that it comes.
func TestKillChild(t *testing.T) {
	root := os.Getenv("STOCKTAKE_KILL_ROOT")
	if root == "" {
		t.Skip("it is run by TestKill")
	}
	ctx := context.Background()
	s := openLocal(t, root, local.BeforeChange(func(string) error { fmt.Println("change"); return nil }))
	lease, err := s.Lock(ctx, store.Commit, store.Holder{Host: "test", PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if err := Recover(ctx, s, Hooks{}); err != nil {
		t.Fatal(err)
	}
	for {
		st := readStateOf(t, s)
		n := 1
		if st.Manifest != nil {
			n = st.Manifest.ExitCode + 1 // the tests' counter of runs
		}
		sc := killScenario(n)
		p := sc.publication(t, sc.files(t, t.TempDir()), st, Hooks{})
		p.Manifest.ExitCode = n
		if _, err := Publish(ctx, s, p); err != nil {
			t.Fatal(err)
		}
		fmt.Println("committed", n)
	}
}

// killScenario is the n-th run: three a day, and table c only once a day.
func killScenario(n int) scenario {
	sc := scenario{run: fmt.Sprintf("run-%06d", n), date: fmt.Sprintf("2026-11-%02d", n/3%28+1), value: n, tables: []string{"a", "b"}}
	if n >= 3*28 {
		sc.date = fmt.Sprintf("2027-%02d-%02d", n/3/28, n/3%28+1)
	}
	if n%3 == 0 || n == 1 {
		sc.tables = append(sc.tables, "c")
	} else {
		sc.kept = []string{"c"}
	}
	return sc
}

// TestKill kills a process that publishes at random moments, and reads while it
// goes on.
func TestKill(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	root := filepath.Join(t.TempDir(), "warehouse")
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	acknowledged := 0
	for round := range rounds {
		acknowledged = max(acknowledged, killOnce(t, root, 1+rng.IntN(150)))
		s := openLocal(t, root)
		st := readStateOf(t, s)
		n := checkKilled(t, st, seen(t, st))
		if n < acknowledged {
			t.Fatalf("round %d: the last commit is run %d, and run %d was acknowledged", round, n, acknowledged)
		}
		lease, err := s.Lock(t.Context(), store.Snapshots, store.Holder{})
		if err != nil {
			t.Fatalf("round %d: the lock of a killed process: %v", round, err)
		}
		if err := Recover(t.Context(), s, Hooks{}); err != nil {
			t.Fatalf("round %d: Recover: %v", round, err)
		}
		if err := lease.Release(); err != nil {
			t.Fatal(err)
		}
		if got, want := seenCurrent(t, root), seen(t, readStateOf(t, s)); !maps.Equal(got, want) || len(leftovers(t, root)) > 0 {
			t.Fatalf("round %d: current shows %v and the manifest %v; left over %q", round, got, want, leftovers(t, root))
		}
	}
}

// checkKilled checks that all tables are of one state, and returns its number.
func checkKilled(t *testing.T, st *State, got map[string]int) int {
	t.Helper()
	if st.Manifest == nil {
		return 0
	}
	n := st.Manifest.ExitCode
	c := n - n%3
	if n < 3 {
		c = 1
	}
	if want := map[string]int{"a": n, "b": n, "c": c}; !maps.Equal(got, want) {
		t.Fatalf("a reader of run %d sees %v, want %v", n, got, want)
	}
	return n
}

// killOnce starts the child, kills it after some changes of the disk, and
// returns the last run that it has acknowledged.
func killOnce(t *testing.T, root string, changes int) (acknowledged int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.count=1")
	child.Env = append(os.Environ(), "STOCKTAKE_KILL_ROOT="+root)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "change":
			if changes--; changes == 0 {
				killed = true
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		case strings.HasPrefix(line, "committed "):
			if _, err := fmt.Sscanf(line, "committed %d", &acknowledged); err != nil {
				t.Fatal(err)
			}
		default:
			t.Log("child:", line)
		}
	}
	if err := child.Wait(); err == nil || !killed {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}

// Readers meet no half of a run while runs are published.
func TestReadersWhilePublishing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "warehouse")
	s := openLocal(t, root)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for n := 1; n <= 12; n++ {
				sc := killScenario(n)
				p := sc.publication(t, sc.files(t, filepath.Join(root+".made", sc.run)), readStateOf(t, s), Hooks{})
				p.Manifest.ExitCode = n
				if _, err := Publish(context.Background(), s, p); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	reader := openLocal(t, root)
	for reads := 0; ; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d reads", reads)
			return
		default:
		}
		st, err := ReadState(t.Context(), reader)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		var gone error
		for _, table := range st.Tables {
			v, err := fileValue(table.Location.Path)
			if err != nil {
				gone = errors.Join(gone, err)
			}
			got[table.Table] = v
		}
		head, err := reader.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head != st.Head {
			continue // what was read may have been replaced meanwhile
		}
		if gone != nil {
			// A file that was staged has got its name.
			if !errors.Is(gone, fs.ErrNotExist) {
				t.Fatal(gone)
			}
			continue
		}
		checkKilled(t, st, got)
	}
}
