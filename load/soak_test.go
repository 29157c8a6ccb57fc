package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/spool"
)

// peakMemory returns the most memory that the process has had since it was
// last called.
func peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("no peak memory here: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skipf("the peak cannot be reset here: %v", err)
	}
	return kilobytes >> 10
}

// An administrator's view of many wide rows, which arrive unsorted, loads in
// bounded memory: STOCKTAKE_SOAK_ROWS=2000000 go test -run TestSoak -v -timeout 1h
func TestSoak(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("STOCKTAKE_SOAK_ROWS"))
	if err != nil {
		t.Skip("STOCKTAKE_SOAK_ROWS says how many rows to load")
	}
	const limit = 300 // MB
	sch := rowtest.Wide()
	sc := sch.Arrow()
	s := newSpool(t)
	var places []rowtest.Place
	for a := range 100 {
		for _, region := range []string{"us-east-1", "eu-west-1", "eu-central-1"} {
			places = append(places, rowtest.Place{Account: fmt.Sprintf("%012d", a), Region: region})
		}
	}
	check := func(what string) {
		t.Helper()
		if mb := peakMemory(t); mb > limit {
			t.Errorf("%s took %d MB, want at most %d", what, mb, limit)
		} else {
			t.Logf("%s took %d MB", what, mb)
		}
	}
	id := spool.UnitID{Source: "organization", Collector: "c", Account: admin, Region: "us-east-1"}
	rng := rand.New(rand.NewPCG(1, 2))
	w := s.Writer(id, sch)
	for i := 0; i < rows; i += 1000 {
		if err := w.Append(rowtest.Instances(sc, rng, places, i, min(1000, rows-i), 1900, "run-1", testTime)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	check("spooling")
	u := Unit{ID: id, CollectedRegion: id.Region, Result: spool.TableResult{Table: sch.Table, Schema: sch.ID(), Outcome: outcome.Outcome{Kind: outcome.OK}}}
	u.Result.Keep(f)
	t.Logf("%d rows, %d MB in %d runs", f.Rows, f.Bytes>>20, len(f.Runs))
	all := entry("organization", "*", "*", "", admin, outcome.OK)
	all.CollectedRegion = id.Region
	in := TableInput{Schema: sch, Spool: s, Units: []Unit{u}, Entries: []Entry{all}, Now: testTime, Staging: t.TempDir(), RunID: "run-1", Version: "test"}
	runtime.GC()
	debug.FreeOSMemory()
	peakMemory(t)
	out, err := Table(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	check("loading")
	t.Logf("%d rows, %d MB", out.File.Rows, out.File.Bytes>>20)
	in.Units, in.Previous, in.Staging = nil, &Previous{out.File.Path, "run-1"}, t.TempDir()
	in.Entries[0].Outcome.Kind = outcome.Denied
	if out, err = Table(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	check("carrying")
	if out.File.Rows != int64(rows) || out.Entries[0].CarriedRows != int64(rows) {
		t.Errorf("%d rows, %d of them carried, want %d", out.File.Rows, out.Entries[0].CarriedRows, rows)
	}
}
