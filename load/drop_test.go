package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"stocktake/load/store"
	"stocktake/load/store/memory"
)

// mortal ends a process at one of its changes of the destination or the disk.
type mortal struct {
	mu   sync.Mutex
	at   int
	late bool // the change takes place
	n    int
	what string
}

var errMortal = errors.New("the process has ended")

func (m *mortal) do(what string, f func() error) error {
	m.mu.Lock()
	n := m.n
	m.n++
	if n == m.at {
		m.what = what
	}
	m.mu.Unlock()
	switch {
	case n < m.at:
		return f()
	case n == m.at && m.late:
		return errors.Join(errMortal, f())
	}
	return errMortal
}

func (m *mortal) change(what string) error { return m.do(what, func() error { return nil }) }

// inbox is a destination that only takes: it has four methods, and does not say
// whether an upload that is gone was finished.
type inbox struct {
	to   *memory.Store
	life *mortal
}

func newInbox(to *memory.Store) inbox { return inbox{to, &mortal{at: 1 << 30}} }

func (b inbox) Stage(ctx context.Context, run, name string, from store.File) (st store.Staged, err error) {
	err = b.life.do("stage "+name, func() (err error) { st, err = b.to.Stage(ctx, run, name, from); return err })
	return st, err
}

func (b inbox) Finish(ctx context.Context, st store.Staged) error {
	return b.life.do("finish "+st.Name, func() error {
		left, err := b.to.Unfinished(ctx, st.Name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(left, func(s store.Staged) bool { return s.Token == st.Token }) {
			return errors.New("the upload is gone")
		}
		return b.to.Finish(ctx, st)
	})
}

func (b inbox) Discard(ctx context.Context, st store.Staged) error {
	return b.life.do("discard "+st.Name, func() error { return b.to.Discard(ctx, st) })
}

func (b inbox) Put(ctx context.Context, name string, data []byte) error {
	return b.life.do("put "+name, func() error { return b.to.Put(ctx, name, data) })
}

// dropFiles makes the files of a run of two tables and one of events.
func dropFiles(t testing.TB, dir string, value int) map[string]TableFile {
	t.Helper()
	return scenario{value: value, tables: []string{"a", "b"}}.files(t, filepath.Join(dir, fmt.Sprint(value)))
}

func dropPublication(files map[string]TableFile, run string) Publication {
	e := files[eventTable.Table]
	return Publication{
		Manifest: Manifest{Run: run, Date: "2026-11-22", Program: "stocktake test"},
		Tables:   []TableFile{files["a"], files["b"]}, Events: []EventFile{{e.Schema, "2026-11-22", e.File}},
	}
}

// dropped files, by their names at the destination.
func dropNames(run string) map[string]string {
	return map[string]string{
		"snapshots/a/v1/snapshot_date=2026-11-22/a.parquet": "a", "snapshots/b/v1/snapshot_date=2026-11-22/b.parquet": "b",
		"events/stocktake_coverage/v1/event_date=2026-11-22/" + run + ".parquet": eventTable.Table,
	}
}

// holds says which of a run's files the destination has, whole.
func holds(t *testing.T, s *memory.Store, run string, files map[string]TableFile) (have []string) {
	t.Helper()
	for name, table := range dropNames(run) {
		if data, err := s.Get(t.Context(), name); err == nil && sum(data) == files[table].File.SHA256 {
			have = append(have, table)
		}
	}
	slices.Sort(have)
	return have
}

var wholeDrop = []string{"a", "b", eventTable.Table}

func uploads(t *testing.T, s *memory.Store) (tokens []string) {
	t.Helper()
	for _, prefix := range []string{"snapshots/", "events/"} {
		left, err := s.Unfinished(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range left {
			tokens = append(tokens, st.Token)
		}
	}
	slices.Sort(tokens)
	return tokens
}

func hasManifest(t *testing.T, s *memory.Store, run string) bool {
	t.Helper()
	m, err := ReadManifest(t.Context(), s, run)
	if err != nil {
		return false
	}
	for _, f := range append(m.Tables, m.Events...) {
		if f.Staged != nil || f.Current != "" || f.WrittenBy != run {
			t.Errorf("manifest of %s: %+v, want a file that is finished, and not in current", run, f)
		}
	}
	if m.Parent != "" || len(m.Tables) != 2 || len(m.Events) != 1 {
		t.Errorf("manifest of %s: parent %q, %d tables, %d files of events, want none, 2 and 1", run, m.Parent, len(m.Tables), len(m.Events))
	}
	return true
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDrop(t *testing.T) {
	dir := t.TempDir()
	s := memory.New()
	journal := filepath.Join(dir, "journal")
	var cleaned []string
	for value, run := range []string{"run-0", "run-1"} { // twice a day
		files := dropFiles(t, dir, value)
		p := dropPublication(files, run)
		p.Hooks.Cleanup = func(_ context.Context, run string) error { cleaned = append(cleaned, run); return nil }
		m, err := Drop(t.Context(), newInbox(s), journal, p)
		if err != nil || m.Run != run || m.CommittedAt.IsZero() {
			t.Fatalf("Drop: %+v, %v", m, err)
		}
		if got := holds(t, s, run, files); !slices.Equal(got, wholeDrop) || !hasManifest(t, s, run) {
			t.Errorf("Drop of %s has left %v, want all with a manifest", run, got)
		}
		if r, err := VerifyRun(t.Context(), s, run); err != nil || r.Bad() > 0 || len(r.Files) != 3 {
			t.Errorf("VerifyRun(%s) = %+v, %v, want nothing bad", run, r, err)
		}
		if left := append(uploads(t, s), entriesOf(t, journal)...); len(left) > 0 {
			t.Errorf("Drop of %s has left over %q", run, left)
		}
	}
	if want := []string{"run-0", "run-1"}; !slices.Equal(cleaned, want) {
		t.Errorf("cleaned up after %v, want %v", cleaned, want)
	}
	if head, err := s.Head(t.Context()); err != nil || head.Run != "" || len(listed(t, s, "current/")) > 0 {
		t.Errorf("Drop has made a pointer %v or current, %v", head, err)
	}
	if lost, err := RecoverDrop(t.Context(), newInbox(s), filepath.Join(dir, "none"), Hooks{}); err != nil || len(lost) > 0 {
		t.Errorf("RecoverDrop without a journal: %v, %v", lost, err)
	}
}

// The process ends at each change of the destination or of the disk, on a day
// that another run was dropped on before.
func TestDropIsCutOff(t *testing.T) {
	dir := t.TempDir()
	old, new := dropFiles(t, dir, 1), dropFiles(t, dir, 2)
	for _, late := range []bool{false, true} {
		for at := 0; ; at++ {
			s := memory.New()
			journal := filepath.Join(t.TempDir(), "journal")
			if _, err := Drop(t.Context(), newInbox(s), journal, dropPublication(old, "run-1")); err != nil {
				t.Fatal(err)
			}
			life := &mortal{at: at, late: late}
			_, err := dropUnder(t, s, life, journal, dropPublication(new, "run-2"))
			if err == nil {
				if at < 14 {
					t.Errorf("Drop makes %d changes, want more", at)
				}
				break
			}
			where := fmt.Sprintf("cut off at %q (%d), late %t", life.what, at, late)
			if !errors.Is(err, errMortal) {
				t.Fatalf("%s: %v", where, err)
			}
			checkDropCutOff(t, where, s, journal, err, old, new)
		}
	}
}

// dropUnder drops with a journal that ends with the process, too.
func dropUnder(t *testing.T, s *memory.Store, life *mortal, journal string, p Publication) (*Manifest, error) {
	t.Helper()
	j := openDropJournal(journal, p.Manifest.Run)
	j.change = life.change
	return (&dropping{store: inbox{s, life}, journal: j}).drop(t.Context(), p)
}

func checkDropCutOff(t *testing.T, where string, s *memory.Store, journal string, dropErr error, old, new map[string]TableFile) {
	t.Helper()
	seen := hasManifest(t, s, "run-2")
	if got := holds(t, s, "run-2", new); seen && !slices.Equal(got, wholeDrop) {
		t.Errorf("%s: the manifest is there, and the destination has only %v", where, got)
	}
	j := openDropJournal(journal, "run-2")
	_, err := j.committed()
	committed := err == nil
	if got := holds(t, s, "run-2", new); !committed && !seen && len(got) > 0 {
		t.Errorf("%s: nothing is committed, and the destination has %v", where, got)
	}
	var unfinished *UnfinishedError
	if told := errors.As(dropErr, &unfinished); committed && !told && !strings.Contains(where, ".commit") {
		t.Errorf("%s: %v, want an error that says that the run is committed", where, dropErr)
	}
	journaled, err := j.staged()
	if err != nil {
		t.Fatal(err)
	}
	var leaked []string // made, and the process ended before it could note them
	for _, token := range uploads(t, s) {
		if !slices.ContainsFunc(journaled, func(st store.Staged) bool { return st.Token == token }) {
			leaked = append(leaked, token)
		}
	}
	if len(leaked) > 0 && (committed || len(leaked) > len(wholeDrop)) {
		t.Errorf("%s: uploads %v are not in the journal", where, leaked)
	}
	for range 2 {
		lost, err := RecoverDrop(t.Context(), newInbox(s), journal, Hooks{})
		if err != nil || len(lost) > 0 {
			t.Fatalf("%s: RecoverDrop: %v, %v", where, lost, err)
		}
	}
	want, of, files := committed || seen, "run-1", old
	if want {
		of, files = "run-2", new
	}
	if got := holds(t, s, of, files); !slices.Equal(got, wholeDrop) || hasManifest(t, s, "run-2") != want {
		t.Errorf("%s: after RecoverDrop the destination has %v of %s, manifest %t, want all, %t", where, got, of, !want, want)
	}
	if got := uploads(t, s); !slices.Equal(got, leaked) {
		t.Errorf("%s: after RecoverDrop uploads %v are left, want those that nobody knows of: %v", where, got, leaked)
	}
	if got := entriesOf(t, journal); len(got) > 0 {
		t.Errorf("%s: after RecoverDrop the journal has %q", where, got)
	}
}

// The recovery of a commit ends at each change, too. Uploads that a rule of the
// bucket has aborted meanwhile are made again.
func TestRecoverDropIsCutOff(t *testing.T) {
	dir := t.TempDir()
	files := dropFiles(t, dir, 1)
	for _, expired := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			for at := 0; ; at++ {
				s := memory.New()
				journal := filepath.Join(t.TempDir(), "journal")
				cutAtFinish(t, s, journal, files)
				if expired {
					expireUploads(t, s)
				}
				life := &mortal{at: at, late: late}
				j := openDropJournal(journal, "run-1")
				j.change = life.change
				lost, err := (&dropping{store: inbox{s, life}, journal: j}).recover(t.Context())
				if err == nil {
					if at < 6 {
						t.Errorf("recovery makes %d changes, want more", at)
					}
					break
				}
				where := fmt.Sprintf("recovery cut off at %q (%d), late %t, uploads aborted %t", life.what, at, late, expired)
				if !errors.Is(err, errMortal) || lost != nil {
					t.Fatalf("%s: %v, %v", where, lost, err)
				}
				if hasManifest(t, s, "run-1") && !slices.Equal(holds(t, s, "run-1", files), wholeDrop) {
					t.Errorf("%s: the manifest is there, and only %v", where, holds(t, s, "run-1", files))
				}
				if lost, err := RecoverDrop(t.Context(), newInbox(s), journal, Hooks{}); err != nil || len(lost) > 0 {
					t.Fatalf("%s: RecoverDrop: %v, %v", where, lost, err)
				}
				if got := holds(t, s, "run-1", files); !slices.Equal(got, wholeDrop) || !hasManifest(t, s, "run-1") {
					t.Errorf("%s: after RecoverDrop the destination has %v, want all with a manifest", where, got)
				}
				if got := entriesOf(t, journal); len(got) > 0 {
					t.Errorf("%s: after RecoverDrop the journal has %q", where, got)
				}
			}
		}
	}
}

// cutAtFinish drops a run whose process ends before it finishes the first file.
func cutAtFinish(t *testing.T, s *memory.Store, journal string, files map[string]TableFile) {
	t.Helper()
	life := &mortal{at: 2*len(wholeDrop) + 2} // each upload and its line, the commit and its name
	_, err := dropUnder(t, s, life, journal, dropPublication(files, "run-1"))
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) || !strings.HasPrefix(life.what, "finish ") {
		t.Fatalf("cut off at %q: %v, want it at the first file to finish", life.what, err)
	}
}

func expireUploads(t *testing.T, s *memory.Store) {
	t.Helper()
	for _, token := range uploads(t, s) {
		if err := s.Discard(t.Context(), store.Staged{Token: token}); err != nil {
			t.Fatal(err)
		}
	}
}

// A run that cannot be finished is told once, and does not stand in the way.
func TestDropIsLost(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"gone":    os.Remove,
		"another": func(file string) error { return os.WriteFile(file, []byte("x"), 0o600) },
	} {
		dir := t.TempDir()
		files := dropFiles(t, dir, 1)
		s := memory.New()
		journal := filepath.Join(dir, "journal")
		cutAtFinish(t, s, journal, files)
		first := uploads(t, s)[0] // of b, or of what came before it
		if err := s.Discard(t.Context(), store.Staged{Token: first}); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := lose(f.File.Path); err != nil {
				t.Fatal(err)
			}
		}
		cleaned := false
		hooks := Hooks{Cleanup: func(context.Context, string) error { cleaned = true; return nil }}
		lost, err := RecoverDrop(t.Context(), newInbox(s), journal, hooks)
		if err != nil || len(lost) != 1 || lost[0].Run != "run-1" || !strings.Contains(lost[0].Error(), "is gone too") || cleaned {
			t.Errorf("%s: RecoverDrop: %v, %v, want that run-1 is lost", name, lost, err)
		}
		if left := append(uploads(t, s), entriesOf(t, journal)...); len(left) > 0 || hasManifest(t, s, "run-1") {
			t.Errorf("%s: left over %q, manifest %t, want nothing", name, left, hasManifest(t, s, "run-1"))
		}
		if lost, err := RecoverDrop(t.Context(), newInbox(s), journal, hooks); err != nil || len(lost) > 0 {
			t.Errorf("%s: RecoverDrop again: %v, %v, want nothing", name, lost, err)
		}
	}
}

// hiccup fails the first time that a file is finished.
type hiccup struct {
	inbox
	failed *bool
}

func (h hiccup) Finish(ctx context.Context, st store.Staged) error {
	if strings.Contains(st.Name, "/a/") && !*h.failed {
		*h.failed = true
		return errors.New("the connection was lost")
	}
	return h.inbox.Finish(ctx, st)
}

func TestDropFinishesWithAnotherUpload(t *testing.T) {
	dir := t.TempDir()
	files := dropFiles(t, dir, 1)
	s := memory.New()
	journal := filepath.Join(dir, "journal")
	failed := false
	if _, err := Drop(t.Context(), hiccup{newInbox(s), &failed}, journal, dropPublication(files, "run-1")); err != nil || !failed {
		t.Fatalf("Drop: %v, failed %t", err, failed)
	}
	if got := holds(t, s, "run-1", files); !slices.Equal(got, wholeDrop) || !hasManifest(t, s, "run-1") {
		t.Errorf("the destination has %v, want all with a manifest", got)
	}
	if left := append(uploads(t, s), entriesOf(t, journal)...); len(left) > 0 {
		t.Errorf("left over: %q, want the first upload of a to be aborted", left)
	}
}

func TestDropRefuses(t *testing.T) {
	files := dropFiles(t, t.TempDir(), 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		bend func(p *Publication)
		want string
	}{
		{"a parent", t.Context(), func(p *Publication) { p.Head.Run = "run-0" }, "builds on run run-0"},
		{"tables of a parent", t.Context(), func(p *Publication) { p.Kept = []ManifestTable{{}} }, "builds on"},
		{"a table twice", t.Context(), func(p *Publication) { p.Tables = append(p.Tables, p.Tables[0]) }, "found twice"},
		{"a bad run", t.Context(), func(p *Publication) { p.Manifest.Run = "../x" }, "expected the ID of a run"},
		{"a file is gone", t.Context(), func(p *Publication) {
			p.Tables = slices.Clone(p.Tables)
			p.Tables[0].File.Path += ".gone"
		}, "no such file"},
		{"interrupted", cancelled, func(*Publication) {}, "canceled"},
	} {
		s := memory.New()
		journal := filepath.Join(t.TempDir(), "journal")
		p := dropPublication(files, "run-1")
		test.bend(&p)
		if _, err := Drop(test.ctx, newInbox(s), journal, p); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.want)
		}
		left := slices.Concat(uploads(t, s), entriesOf(t, journal), listed(t, s, "snapshots/"), listed(t, s, "runs/"))
		if len(left) > 0 {
			t.Errorf("%s: left over %q", test.name, left)
		}
	}
}

func TestDropJournalIsDamaged(t *testing.T) {
	for file, c := range map[string]struct{ text, want string }{
		"run-1.commit": {"{", "read the journal of a commit"},
		"run-2.commit": {`{"manifest":{"format_version":1,"run":"run-1","date":"2026-11-22"}}`, "expected run-2"},
		"run-3.commit": {`{"manifest":{"format_version":1,"run":"run-3","date":"2026-11-22","tables":[{"table":"a","version":1,"path":"snapshots/a.parquet","bytes":1,"sha256":"` + strings.Repeat("0", 64) + `","written_by":"run-3"}]}}`, "found no upload"},
		"run-4.staged": {"{}\n", "run-4.staged:1: name"},
		"run-5.staged": {`{"run":"run-5","name":"snapshots/a.parquet"}` + "\nx\n", "run-5.staged:2: read upload"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		lost, err := RecoverDrop(t.Context(), newInbox(memory.New()), dir, Hooks{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) || len(lost) > 0 {
			t.Errorf("%s with %q: %v, %v, want an error with %q", file, c.text, lost, err, c.want)
		}
		if got := entriesOf(t, dir); !slices.Equal(got, []string{file}) {
			t.Errorf("%s with %q: the journal has %q, want it as it was", file, c.text, got)
		}
	}
}

func FuzzDropJournal(f *testing.F) {
	f.Add([]byte(`{"run":"r","name":"snapshots/a.parquet","size":1,"sha256":"x","token":"1"}` + "\ntorn"))
	f.Add([]byte(`{"manifest":{"format_version":1,"run":"r","date":"2026-11-22"},"files":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if staged, err := parseStaged(text); err == nil {
			for _, st := range staged {
				if store.CheckName(st.Name) != nil {
					t.Errorf("parseStaged accepts the name %q", st.Name)
				}
			}
		}
		c, err := parseDropCommit(text)
		if err != nil {
			return
		}
		j := openDropJournal(t.TempDir(), c.Manifest.Run)
		if err := j.commit(*c); err != nil {
			t.Fatalf("commit of what was parsed: %v", err)
		}
		again, err := j.committed()
		if err != nil || !reflect.DeepEqual(again.Manifest, c.Manifest) || !maps.Equal(again.Files, c.Files) {
			t.Errorf("committed = %+v, %v, want %+v", again, err, c)
		}
	})
}
