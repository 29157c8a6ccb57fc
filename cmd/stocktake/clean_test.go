package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// cutOff leaves what a run leaves that ended while it staged its files.
func cutOff(t *testing.T, s store.Store) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := "20261120T030000Z-00000a"
	if err := s.Put(t.Context(), "runs/pending/"+run, []byte("\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stage(t.Context(), run, "snapshots/a/v1/snapshot_date=2026-11-20/a.parquet", store.File{Path: name, Size: 4}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "snapshots/a/v1/snapshot_date=2026-11-19/a.parquet", []byte("unknown")); err != nil {
		t.Fatal(err)
	}
}

func TestClean(t *testing.T) {
	file := demo(t)
	warehouse := filepath.Join(filepath.Dir(file), "warehouse")
	if code, out, errs := run(t, "clean", "-c", file); code != 0 || out != "nothing is left over\n" {
		t.Errorf("clean before the first run: got exit %d, %q, %q, want that nothing is left", code, out, errs)
	}
	if _, err := os.Stat(warehouse); !os.IsNotExist(err) {
		t.Errorf("clean has made the warehouse: %v", err)
	}
	s, err := local.Open(warehouse)
	if err != nil {
		t.Fatal(err)
	}
	cutOff(t, s)

	list := func(args ...string) []leftover {
		t.Helper()
		code, out, errs := run(t, append([]string{"clean", "-c", file, "--json"}, args...)...)
		var c cleaned
		if err := json.Unmarshal([]byte(out), &c); code != 0 || err != nil || c.Applied != slices.Contains(args, "--apply") {
			t.Fatalf("clean --json %v: got exit %d, %v, %s%s", args, code, err, out, errs)
		}
		return c.Leftovers
	}
	left := list()
	if len(left) != 3 || left[0].Kind != load.LeftoverStaged || left[0].Bytes != 4 || left[0].Since == nil || left[1].Kind != load.LeftoverNote || left[2].Kind != load.LeftoverSnapshot || !left[2].Keep {
		t.Errorf("clean --json: got %+v, want a staged file, a note and a snapshot that is kept", left)
	}
	code, out, errs := run(t, "clean", "-c", file)
	for _, want := range []string{
		`(?m)^staged\s+snapshots/a/v1/snapshot_date=2026-11-20/a.parquet\s+4\s+\S+\s+-\s+no commit`,
		`(?m)^note\s+runs/pending/20261120T030000Z-00000a\s+1\s+\d+h\d+m0s\s+-\s`,
		`(?m)^snapshot\s+snapshots/a/v1/snapshot_date=2026-11-19/a.parquet\s+7\s+\S+\s+yes\s+no manifest names it$`,
		"(?m)^2 leftovers to remove, 5 bytes; `stocktake clean --apply` does$",
	} {
		if !regexp.MustCompile(want).MatchString(out) || code != 0 {
			t.Errorf("clean: got exit %d and\n%s%swant %s", code, out, errs, want)
		}
	}

	// Another process holds the warehouse.
	lease, err := pipeline.Lock(t.Context(), s, store.Snapshots, "other")
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, "clean", "-c", file); code != 0 || errs != "" || !strings.Contains(out, "2 leftovers") {
		t.Errorf("clean while a run goes on: got exit %d, %q, %q, want the list alone", code, out, errs)
	}
	if code, out, errs := run(t, "clean", "-c", file, "--apply"); code != exitLocked || !strings.Contains(errs, "locked by") {
		t.Errorf("clean --apply while a run goes on: got exit %d, %q, %q, want %d", code, out, errs, exitLocked)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 3 {
		t.Errorf("a list, a refusal and a list: got %+v, want all of it still there", got)
	}

	if got := list("--apply"); len(got) != 3 {
		t.Errorf("clean --apply --json: got %+v, want what was removed, and what is kept", got)
	}
	if got := list(); len(got) != 1 || !got[0].Keep {
		t.Errorf("after clean --apply: got %+v, want the snapshot alone", got)
	}
	if code, out, errs := run(t, "clean", "-c", file, "--apply"); code != 0 || !strings.HasSuffix(out, "removed 0 leftovers, 0 bytes\n") {
		t.Errorf("clean --apply again: got exit %d, %q, %q, want nothing removed", code, out, errs)
	}
	if code, out, errs := run(t, "clean", "-c", file); code != 0 || !strings.HasSuffix(out, "nothing to remove\n") {
		t.Errorf("clean after it: got exit %d, %q, %q, want nothing to remove", code, out, errs)
	}
}

func TestCleanOfADrop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stocktake.yaml")
	text := `warehouse: s3://example-warehouse/drop
output: {mode: drop, region: us-east-1}
sources:
  - name: one
    keys: {}
    regions: [us-east-1]
    home_region: us-east-1
    collect: ["*"]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, "clean", "-c", file); code != exitUsage || !strings.Contains(errs, "output.mode drop") {
		t.Errorf("clean of a drop: got exit %d, %q, %q, want %d", code, out, errs, exitUsage)
	}
}
