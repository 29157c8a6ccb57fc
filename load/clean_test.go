package load

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/internal/spool"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/memory"
	"stocktake/load/store/storetest"
)

var cleanTime = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func leftoversOf(t testing.TB, s store.Store, spools string) []Leftover {
	t.Helper()
	found, err := Leftovers(t.Context(), s, spools, cleanTime)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// named writes leftovers as "kind name", with a mark where they are to be kept.
func named(found []Leftover) (names []string) {
	for _, f := range found {
		name := string(f.Kind) + " " + f.Name
		if f.Keep {
			name += " (keep)"
		}
		names = append(names, name)
	}
	return names
}

// A process ends at each call of publishing. What Clean removes is of no use to
// anybody: readers and the next run find what they would have found.
func TestCleanAfterEveryCall(t *testing.T) {
	_, files := bases(t)
	for i, sc := range scenarios {
		for _, late := range []bool{false, true} {
			for at := int64(0); ; at++ {
				where := fmt.Sprintf("%s, call %d, late %t", sc.name, at, late)
				s := memory.New()
				for j := range i {
					if _, err := Publish(t.Context(), s, scenarios[j].publication(t, files[j], readStateOf(t, s), Hooks{})); err != nil {
						t.Fatal(err)
					}
				}
				if left := leftoversOf(t, s, ""); len(left) > 0 {
					t.Fatalf("%s: before it %q are left", where, named(left))
				}
				_, err := Publish(t.Context(), &storetest.Broken{Store: s, At: at, Late: late}, sc.publication(t, files[i], readStateOf(t, s), Hooks{}))
				if err == nil {
					break
				}
				if !errors.Is(err, storetest.ErrDead) {
					t.Fatal(err)
				}
				checkClean(t, where, s, sc)
			}
		}
	}
}

func checkClean(t *testing.T, where string, s *memory.Store, sc scenario) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := leftoversOf(t, s, "")
	if err := Clean(t.Context(), s, left); err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(named(left), func(name string) bool { return !strings.HasSuffix(name, " (keep)") })
	if got := named(leftoversOf(t, s, "")); !slices.Equal(got, want) {
		t.Errorf("%s: Clean leaves %q of %q, want %q", where, got, named(left), want)
	}
	if committed := head.Run == sc.run; !committed && len(want) > 0 {
		t.Errorf("%s: nothing is committed, and %q are kept", where, want)
	}
	if err := Recover(t.Context(), s, Hooks{}); err != nil {
		t.Fatalf("%s: Recover after Clean: %v", where, err)
	}
	if got := named(leftoversOf(t, s, "")); len(got) > 0 {
		t.Errorf("%s: after Clean and Recover %q are left", where, got)
	}
	st, after := readStateOf(t, s), sc.before
	if st.Head != head {
		t.Errorf("%s: head is %v, want %v", where, st.Head, head)
	}
	if head.Run == sc.run {
		after = sc.after
	}
	for _, table := range st.Tables {
		if table.WrittenBy != runOf(after[table.Table]) {
			t.Errorf("%s: %s is of %s, want %s", where, table.Table, table.WrittenBy, runOf(after[table.Table]))
		}
	}
	for run := range chainOf(t, s) {
		if r, err := VerifyRun(t.Context(), s, run); err != nil || r.Bad() > 0 {
			t.Errorf("%s: VerifyRun(%s) = %+v, %v, want nothing bad", where, run, r, err)
		}
	}
}

// runOf is the scenario's run whose files have a value.
func runOf(value int) string { return fmt.Sprint("run-", value) }

// chainOf returns all committed runs.
func chainOf(t *testing.T, s store.Store) map[string]bool {
	t.Helper()
	runs := map[string]bool{}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for run := head.Run; run != ""; {
		m, err := ReadManifest(t.Context(), s, run)
		if err != nil {
			t.Fatal(err)
		}
		runs[run], run = true, m.Parent
	}
	return runs
}

// TestCleanLocal: on a disk what is staged names its run.
func TestCleanLocal(t *testing.T) {
	roots, files := bases(t)
	root := filepath.Join(t.TempDir(), "warehouse")
	copyDir(t, roots[3], root)
	s := openLocal(t, root)
	before := tree(t, root)
	sc := scenarios[3]
	broken := &storetest.Broken{Store: s, At: 5} // the note, three files, the manifest
	if _, err := Publish(t.Context(), broken, sc.publication(t, files[3], readStateOf(t, s), Hooks{})); !errors.Is(err, storetest.ErrDead) {
		t.Fatal(err)
	}
	left := leftoversOf(t, s, "")
	want := []string{
		"staged snapshots/a/v1/snapshot_date=2026-11-22/a.parquet", "staged snapshots/c/v1/snapshot_date=2026-11-22/c.parquet",
		"staged events/stocktake_coverage/v1/event_date=2026-11-22/run-4.parquet", "note runs/pending/run-4", "manifest runs/run-4.json",
	}
	if got := named(left); !slices.Equal(got, want) {
		t.Errorf("left over: %q, want %q", got, want)
	}
	for _, f := range left {
		if f.Run != "run-4" || f.Size == 0 || f.Why == "" {
			t.Errorf("%+v: want its run, size and reason", f)
		}
	}
	if err := Clean(t.Context(), s, left); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, root); !slices.Equal(after, before) {
		t.Errorf("after Clean the warehouse has %q, want %q", after, before)
	}
}

func TestLeftoversOfDamage(t *testing.T) {
	roots, _ := bases(t)
	manifests := []string{"manifest runs/run-1.json", "manifest runs/run-2.json", "manifest runs/run-3.json", "manifest runs/run-4.json"}
	orphan := &Manifest{Run: "run-0", Date: "2026-11-20", StartedAt: cleanTime, Tables: []ManifestTable{{
		Table: "a", Version: 1, Path: "snapshots/a/v1/snapshot_date=2026-11-20/a.parquet", Bytes: 1, SHA256: strings.Repeat("0", 64), WrittenBy: "run-0",
		Staged: &store.Staged{Run: "run-0", Name: "snapshots/a/v1/snapshot_date=2026-11-20/a.parquet", Size: 1, SHA256: strings.Repeat("0", 64)},
	}}}
	put := func(t *testing.T, s store.Store, m *Manifest) {
		text, err := m.Format()
		if err == nil {
			err = s.Put(t.Context(), manifestPath(m.Run), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, s store.Store, name string) {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		turn func(t *testing.T, s *local.Store)
		want []string
	}{
		{"nothing", func(*testing.T, *local.Store) {}, nil},
		{"a manifest outside the chain", func(t *testing.T, s *local.Store) { put(t, s, orphan) }, []string{"manifest runs/run-0.json"}},
		{"a manifest that Drop has written", func(t *testing.T, s *local.Store) {
			m := *orphan
			m.Tables = slices.Clone(m.Tables)
			m.Tables[0].Staged = nil
			put(t, s, &m)
		}, nil},
		{"a broken chain", func(t *testing.T, s *local.Store) { put(t, s, orphan); remove(t, s, "runs/run-3.json") }, nil},
		{"no pointer", func(t *testing.T, s *local.Store) { put(t, s, orphan); remove(t, s, "runs/HEAD") }, nil},
		{"a note in a broken chain", func(t *testing.T, s *local.Store) {
			put(t, s, orphan)
			remove(t, s, "runs/run-3.json")
			if err := s.Put(t.Context(), pendingPrefix+"run-0", nil); err != nil {
				t.Fatal(err)
			}
		}, []string{"note runs/pending/run-0", "manifest runs/run-0.json"}},
		{"a damaged manifest", func(t *testing.T, s *local.Store) {
			if err := s.Put(t.Context(), "runs/run-3.json", []byte("{")); err != nil {
				t.Fatal(err)
			}
		}, []string{"manifest runs/run-3.json (keep)"}},
		{"a manifest under another name", func(t *testing.T, s *local.Store) {
			text, err := s.Get(t.Context(), "runs/run-2.json")
			if err == nil {
				err = s.Put(t.Context(), "runs/copy.json", text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, []string{"manifest runs/copy.json (keep)"}},
		{"a file that nobody names", func(t *testing.T, s *local.Store) {
			if err := s.Put(t.Context(), "snapshots/a/v1/snapshot_date=2026-11-01/a.parquet", []byte("x")); err != nil {
				t.Fatal(err)
			}
		}, []string{"snapshot snapshots/a/v1/snapshot_date=2026-11-01/a.parquet (keep)"}},
		{"a probe that was cut off", func(t *testing.T, s *local.Store) {
			name := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stage(t.Context(), "probe", "runs/probe-x", store.File{Path: name, Size: 1}); err != nil {
				t.Fatal(err)
			}
		}, []string{"staged runs/probe-x"}},
	} {
		root := filepath.Join(t.TempDir(), "warehouse")
		copyDir(t, roots[4], root)
		s := openLocal(t, root)
		test.turn(t, s)
		left := leftoversOf(t, s, "")
		if got := named(left); !slices.Equal(got, test.want) {
			t.Errorf("%s: left over %q, want %q", test.name, got, test.want)
		}
		if err := Clean(t.Context(), s, left); err != nil {
			t.Fatal(err)
		}
		kept := slices.DeleteFunc(slices.Clone(test.want), func(name string) bool { return !strings.HasSuffix(name, "(keep)") })
		if got := named(leftoversOf(t, s, "")); !slices.Equal(got, kept) {
			t.Errorf("%s: after Clean %q are left over, want %q", test.name, got, kept)
		}
		have := listed(t, s, "runs/")
		for _, m := range manifests {
			if _, name, _ := strings.Cut(m, " "); !slices.Contains(have, name) && !strings.Contains(test.name, "broken chain") {
				t.Errorf("%s: Clean has removed %s", test.name, name)
			}
		}
	}
}

func TestLeftoversOfSpools(t *testing.T) {
	s := memory.New()
	if _, err := s.SwapHead(t.Context(), store.Head{}, "20261121T030000Z-000001"); err != nil {
		t.Fatal(err)
	}
	head := "20261121T030000Z-000001"
	root := t.TempDir()
	begin := func(run, parent string, age time.Duration) string {
		dir := filepath.Join(root, run)
		sp, err := spool.Create(dir, spool.Meta{RunID: run, Parent: parent, StartedAt: cleanTime.Add(-age)})
		if err == nil {
			err = sp.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	write := func(name, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	can := begin("20261122T030000Z-000002", head, 3*time.Hour)
	want := map[string]string{
		can: "can be resumed until 2026-11-23T03:00:00Z",
		begin("20261120T030000Z-000003", head, ResumeWithin+time.Second): "more than a day ago",
		begin("20261122T030000Z-000004", "20261120T030000Z-000000", 0):   "another one was committed since",
		begin(head, "", 27*time.Hour):                                    "is committed",
		filepath.Join(root, "20261122T030000Z-000005"):                   "format_version 99",
		filepath.Join(root, "20261122T030000Z-000006"):                   "a removal that was cut off",
	}
	write(filepath.Join(root, "20261122T030000Z-000005", "meta.json"), `{"format_version":99}`)
	write(filepath.Join(root, "20261122T030000Z-000006", "tables", "rows"), "x")
	write(filepath.Join(root, "mine", "notes.txt"), "x")
	write(filepath.Join(root, "20261122T030000Z-000007"), "x")
	left := leftoversOf(t, s, root)
	got := map[string]string{}
	for _, f := range left {
		got[f.Name] = f.Why
		if f.Kind != LeftoverSpool || !strings.Contains(f.Why, want[f.Name]) || want[f.Name] == "" || f.Size == 0 || f.Since.IsZero() || f.Keep != (f.Name == can) {
			t.Errorf("%+v: want a spool with its size and time, because %q", f, want[f.Name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("left over: %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if err := Clean(t.Context(), s, left); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"20261122T030000Z-000002", "20261122T030000Z-000007", "mine"}; !slices.Equal(names, want) {
		t.Errorf("Clean leaves %q, want %q", names, want)
	}
	if left := leftoversOf(t, s, filepath.Join(root, "none")); len(left) > 0 {
		t.Errorf("without a folder of spools %q are left over", named(left))
	}
}

// A cleaning that ends at any call is gone on with by the next one.
func TestCleanIsCutOff(t *testing.T) {
	_, files := bases(t)
	for at := int64(0); ; at++ {
		s := memory.New()
		sc := scenarios[0]
		dying := &storetest.Broken{Store: s, At: int64(len(sc.tables)) + 3} // the commit
		if _, err := Publish(t.Context(), dying, sc.publication(t, files[0], readStateOf(t, s), Hooks{})); !errors.Is(err, storetest.ErrDead) {
			t.Fatal(err)
		}
		left := leftoversOf(t, s, "")
		err := Clean(t.Context(), &storetest.Broken{Store: s, At: at, Late: true}, left)
		if err == nil {
			if at != int64(len(left)) || at < 5 {
				t.Errorf("Clean makes %d calls for %q, want one for each", at, named(left))
			}
			return
		}
		if !errors.Is(err, storetest.ErrDead) {
			t.Fatal(err)
		}
		if err := Clean(t.Context(), s, leftoversOf(t, s, "")); err != nil {
			t.Fatal(err)
		}
		if got := append(named(leftoversOf(t, s, "")), listed(t, s, "runs/")...); len(got) > 0 {
			t.Errorf("cut off at call %d: the next one leaves %q", at, got)
		}
	}
}
