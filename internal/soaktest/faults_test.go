//go:build linux

package soaktest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// small is a company whose runs take no time.
var small = company{seed: 7, accounts: 3}

// plain is a warehouse of the small company in a folder, after one run.
type plain struct {
	dir    string
	file   *config.File
	before *contents
	files  map[string]string // what readers may see, with checksums
}

// nextDay is when runs after the first one start.
var nextDay = monday.Add(day)

// firstDay is a warehouse after one run, made once and copied, and what a
// second one leaves that nothing hinders.
var firstDay struct {
	sync.Once
	plain
	next *contents
}

func newPlain(t *testing.T) *plain {
	t.Helper()
	first := &firstDay
	first.Do(func() {
		dir, err := os.MkdirTemp(scratch, "first-")
		if err != nil {
			t.Fatal(err)
		}
		p := plain{dir: dir}
		p.file = small.config(t, p.dir)
		p.run(t, monday)
		p.before, p.files = read(t, p.store(t)), visible(t, p.file.Warehouse)
		r := &round{company: small, now: nextDay}
		first.next, first.plain = r.undisturbed(t), p
	})
	if first.next == nil {
		t.Fatal("the first run failed")
	}
	p := &plain{dir: t.TempDir(), before: first.before, files: first.files}
	p.file = small.config(t, p.dir)
	p.restore(t)
	return p
}

// restore makes the warehouse what it was after the first run.
func (p *plain) restore(t *testing.T) {
	t.Helper()
	warehouse := filepath.Join(p.dir, "warehouse")
	if err := errors.Join(os.RemoveAll(warehouse), os.CopyFS(warehouse, os.DirFS(firstDay.file.Warehouse))); err != nil {
		t.Fatal(err)
	}
}

func (p *plain) store(t *testing.T) store.Store {
	t.Helper()
	s, err := local.Open(p.file.Warehouse)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run is one that has to succeed.
func (p *plain) run(t *testing.T, now time.Time) {
	t.Helper()
	if _, err := pipeline.Run(t.Context(), options(p.file, p.store(t), small.at(now), now)); err != nil {
		t.Fatal(err)
	}
}

func (p *plain) job() job {
	return job{Dir: p.dir, Seed: small.seed, Accounts: small.accounts, Now: nextDay}
}

// attempt runs a job that is to fail, and returns what it says.
func (p *plain) attempt(t *testing.T, j job) (said string, failed bool) {
	t.Helper()
	c, stderr := j.command(t)
	if err := c.Run(); err != nil {
		return fmt.Sprintf("%s (%v)", strings.TrimSpace(stderr.String()), err), true
	}
	return "", false
}

// intact checks that readers see what they saw before.
func (p *plain) intact(t *testing.T, after string) {
	t.Helper()
	got := visible(t, p.file.Warehouse)
	for name, sum := range p.files {
		if got[name] != sum {
			t.Errorf("after %s: %s has checksum %q, before %q", after, name, got[name], sum)
		}
	}
	for name := range got {
		if p.files[name] == "" {
			t.Errorf("after %s: %s is new", after, name)
		}
	}
}

// answers checks that queries answer as before.
func (p *plain) answers(t *testing.T) {
	t.Helper()
	for _, problem := range same(read(t, p.store(t)), p.before) {
		t.Error(problem)
	}
}

// visible is what stands in a warehouse, but for what stocktake keeps for
// itself, with checksums.
func visible(t *testing.T, root string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || e.IsDir() {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			sums[rel], err = os.Readlink(name)
			return err
		}
		data, err := os.ReadFile(name)
		sums[rel] = sumOf(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// TestFilesTooLarge lets a process write files of no more than some size, which
// hits it where it writes its first larger one: the meta of the spool, the
// journal, rows, tables, the manifest.
func TestFilesTooLarge(t *testing.T) {
	t.Parallel()
	p := newPlain(t)
	stages := map[string]bool{}
	for size := int64(1); ; size *= 3 {
		j := p.job()
		j.FileSize = size
		said, failed := p.attempt(t, j)
		if !failed {
			break
		}
		where := fmt.Sprintf("a run with files of %d bytes", size)
		if !strings.Contains(said, "file too large") || !strings.Contains(said, p.dir) {
			t.Errorf("%s: says %q, want the file and that it is too large", where, said)
		}
		stages[strings.Join(strings.Fields(said)[:2], " ")] = true
		p.intact(t, where)
		if len(stages) == 1 {
			p.answers(t)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("the errors begin with %q", slices.Sorted(maps.Keys(stages)))
	// The one that got through has left what an undisturbed one does.
	for _, problem := range judge(read(t, p.store(t)), firstDay.next, p.before) {
		t.Error(problem)
	}
	checkWhole(t, p.store(t))
	if len(stages) < 3 {
		t.Errorf("the errors are all of %v, want those of three stages or more", stages)
	}
}

// TestDiskFull gives the spool file systems of several sizes.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	p := newPlain(t)
	full := 0
	for size := int64(4 << 10); ; size *= 3 {
		j := p.job()
		j.DiskSize = size
		said, failed := p.attempt(t, j)
		if strings.Contains(said, cannotMount) || strings.Contains(said, "operation not permitted") {
			t.Skipf("no file system can be mounted here: %s", said)
		}
		if !failed {
			break
		}
		full++
		where := fmt.Sprintf("a run with a disk of %d bytes", size)
		if !strings.Contains(said, "no space left on device") || !strings.Contains(said, p.file.Spool) {
			t.Errorf("%s: says %q, want the file and that there is no space", where, said)
		}
		p.intact(t, where)
		if full == 1 {
			p.answers(t)
		}
		if t.Failed() {
			return
		}
	}
	if full < 3 {
		t.Errorf("the disk was full for %d sizes, want more", full)
	}
}

// TestReadOnly runs as a user who may not write to the warehouse.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	p := newPlain(t)
	if err := os.Chmod(filepath.Dir(p.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(p.dir, configName), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{p.file.Warehouse, filepath.Join(p.file.Warehouse, "runs")} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(name, info.Mode()) })
	}
	j := p.job()
	j.Forgotten = true
	said, failed := p.attempt(t, j)
	if !failed || !strings.Contains(said, "permission denied") || !strings.Contains(said, p.file.Warehouse) {
		t.Errorf("a run without the right to write: failed: %t, says %q, want the path and that permission is denied", failed, said)
	}
	p.intact(t, "a run without the right to write")
	p.answers(t)
}

// damage is something that a user, or a disk, does to a warehouse or a spool.
type damage struct {
	name string
	do   func(t *testing.T, p *plain)
	run  func(*pipeline.Options) // of the run that meets it
	want []string                // parts of the error
	undo bool                    // nothing can be read until the file is back
}

func resume(o *pipeline.Options) { o.Resume = true }

var damages = []damage{
	{
		name: "the warehouse is below a file",
		do: func(t *testing.T, p *plain) {
			below := filepath.Join(p.dir, "file")
			write(t, below, nil)
			p.file.Warehouse = filepath.Join(below, "warehouse")
		},
		want: []string{"file", "not a directory"},
	},
	{
		name: "the pointer to the last commit is cut off",
		do:   func(t *testing.T, p *plain) { write(t, p.path("runs/HEAD"), []byte("20261123T06")) },
		want: []string{"runs/HEAD", `"20261123T06"`, "expected the ID of a run"},
		undo: true,
	},
	{
		name: "the pointer to the last commit is empty",
		do:   func(t *testing.T, p *plain) { write(t, p.path("runs/HEAD"), nil) },
		want: []string{"runs/HEAD", "expected the ID of a run"},
		undo: true,
	},
	{
		name: "the pointer leads to a run that there never was",
		do:   func(t *testing.T, p *plain) { write(t, p.path("runs/HEAD"), []byte("20990101T000000Z-000000\n")) },
		want: []string{"20990101T000000Z-000000"},
		undo: true,
	},
	{
		name: "the manifest is cut off",
		do:   func(t *testing.T, p *plain) { shorten(t, p.manifest(), 100) },
		want: []string{"runs/{run}.json", "read manifest"},
		undo: true,
	},
	{
		name: "the manifest is of a later version",
		do:   func(t *testing.T, p *plain) { edit(t, p.manifest(), `"format_version": 1`, `"format_version": 99`) },
		want: []string{"runs/{run}.json", "format_version 99: expected 1", "another version of the program"},
		undo: true,
	},
	{
		name: "a file of the last commit is cut off",
		do:   func(t *testing.T, p *plain) { p.each(t, "aws_ec2_volumes", func(name string) { shorten(t, name, 10) }) },
		want: []string{"aws_ec2_volumes", "snapshots/aws_ec2_volumes/v1/snapshot_date=2026-11-23/aws_ec2_volumes.parquet"},
		undo: true,
	},
	{
		name: "the coverage of the last commit is damaged",
		do:   func(t *testing.T, p *plain) { p.each(t, load.CoverageTable, func(name string) { flip(t, name) }) },
		want: []string{"read the coverage of the last run"},
		undo: true,
	},
	{
		name: "no run was stopped",
		do:   func(*testing.T, *plain) {},
		run:  resume,
		want: []string{"there is no stopped run in {spool}", "run without --resume"},
	},
	{
		name: "the spool is of another version",
		do: func(t *testing.T, p *plain) {
			edit(t, filepath.Join(p.stop(t), "meta.json"), fmt.Sprintf(`"format_version": %d`, spool.FormatVersion), `"format_version": 99`)
		},
		run:  resume,
		want: []string{"meta.json", fmt.Sprintf("format_version 99: expected %d", spool.FormatVersion), "another version of the program"},
	},
	{
		name: "the configuration was edited",
		do: func(t *testing.T, p *plain) {
			p.stop(t)
			edit(t, filepath.Join(p.dir, configName), "regions: all", "regions: [us-east-1]")
			p.file = reload(t, p.dir)
		},
		run:  resume,
		want: []string{"the configuration has changed since", "run without --resume"},
	},
	{
		name: "the program was changed",
		do:   func(t *testing.T, p *plain) { p.stop(t) },
		run:  func(o *pipeline.Options) { o.Resume, o.Program = true, "later" },
		want: []string{"it is of stocktake test and this is later", "run without --resume"},
	},
}

// TestDamage expects of each damage an error that says where it is, that
// nothing else is touched, and that the next run is fine once it is mended, or
// without --resume.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := newPlain(t)
			warehouse := p.file.Warehouse
			d.do(t, p)
			damaged := visible(t, warehouse)
			said := p.meet(t, d.run)
			for _, part := range d.want {
				part = strings.NewReplacer("{run}", p.before.run, "{spool}", p.file.Spool).Replace(part)
				if !strings.Contains(said, part) {
					t.Errorf("the run says %q, want it to say %q", said, part)
				}
			}
			if got := visible(t, warehouse); !maps.Equal(got, damaged) {
				t.Errorf("the run has changed the warehouse from %v to %v", damaged, got)
			}
			p.file.Warehouse = warehouse
			if d.undo {
				p.restore(t)
			} else {
				p.intact(t, d.name)
				p.answers(t)
			}
			p.run(t, nextDay)
			checkWhole(t, p.store(t))
		})
	}
}

// meet runs into the damage and returns the error.
func (p *plain) meet(t *testing.T, change func(*pipeline.Options)) string {
	t.Helper()
	s, err := local.Open(p.file.Warehouse)
	if err != nil {
		return err.Error()
	}
	o := options(p.file, s, small.at(nextDay), nextDay)
	if change != nil {
		change(&o)
	}
	if _, err = pipeline.Run(t.Context(), o); err == nil {
		t.Fatal("the run succeeds")
	}
	return err.Error()
}

// stop leaves the spool of a run that was stopped, and returns its directory.
func (p *plain) stop(t *testing.T) string {
	t.Helper()
	w := &weather{org: small.at(nextDay), stopStep: "writing tables", seen: map[string]int{}, fine: true}
	o := options(p.file, p.store(t), w.org, nextDay)
	o.Observer = w
	_, err := w.run(t, o)
	var interrupted *pipeline.Interrupted
	if !errors.As(err, &interrupted) {
		t.Fatalf("run that is stopped: %v", err)
	}
	return filepath.Join(p.file.Spool, interrupted.RunID)
}

func (p *plain) path(name string) string { return filepath.Join(p.file.Warehouse, name) }

func (p *plain) manifest() string { return p.path("runs/" + p.before.run + ".json") }

// each calls f with the names under which the last commit has a table's file.
func (p *plain) each(t *testing.T, table string, f func(name string)) {
	t.Helper()
	found := 0
	for _, pattern := range []string{"snapshots/" + table + "/v1/*/*.parquet", ".generations/*/" + table + ".parquet"} {
		names, err := filepath.Glob(p.path(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f(name)
			found++
		}
	}
	if found != 2 {
		t.Fatalf("table %s has %d files, want one in the snapshot and one in the generation", table, found)
	}
}

func reload(t *testing.T, dir string) *config.File {
	t.Helper()
	f, err := config.Load(filepath.Join(dir, configName), nil)
	if err != nil {
		t.Fatal(err)
	}
	unlimited(f)
	return f
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit replaces a text that has to be in a file.
func edit(t *testing.T, name, old, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s holds %.200q, want %q in it", name, data, old)
	}
	write(t, name, []byte(strings.Replace(string(data), old, text, 1)))
}

// shorten cuts bytes off the end of a file.
func shorten(t *testing.T, name string, by int64) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-by); err != nil {
		t.Fatal(err)
	}
}

// flip inverts the bytes in the middle of a file.
func flip(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 4; i < 3*len(data)/4; i++ {
		data[i] = ^data[i]
	}
	write(t, name, data)
}
