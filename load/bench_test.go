package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/spool"
)

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
func peak() string {
	b, _ := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(b)) {
		if strings.HasPrefix(l, "VmHWM") {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func TestScratch(t *testing.T) {
	n, detail := 200_000, 1900
	if os.Getenv("N") != "" {
		fmt.Sscan(os.Getenv("N"), &n)
	}
	sch := rowtest.Wide()
	sc := sch.Arrow()
	dir := t.TempDir()
	s, err := spool.Create(filepath.Join(dir, "spool"), spool.Meta{RunID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	var places []rowtest.Place
	for a := range 100 {
		for _, r := range []string{"us-east-1", "eu-west-1", "eu-central-1"} {
			places = append(places, rowtest.Place{Account: fmt.Sprintf("1111111%05d", a), Region: r})
		}
	}
	id := spool.UnitID{Source: "organization", Collector: "c", Account: "111111100000", Region: "us-east-1"}
	rng := rand.New(rand.NewPCG(1, 2))
	w := s.Writer(id, sch)
	gen := time.Duration(0)
	c0 := cpuTime()
	at := time.Unix(1.7e9, 0)
	for i := 0; i < n; i += 1000 {
		g := cpuTime()
		rec := rowtest.Instances(sc, rng, places, i, 1000, detail, "run-1", at)
		gen += cpuTime() - g
		if err := w.Append(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("spool: cpu %v (without %v of making rows) %d bytes %d runs peak %s", cpuTime()-c0-gen, gen, f.Bytes, len(f.Runs), peak())
	runtime.GC()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	res := spool.TableResult{Table: sch.Table, Schema: sch.ID(), Outcome: outcome.Outcome{Kind: outcome.OK}}
	res.Keep(f)
	entry := Entry{Source: "organization", Account: "*", Region: "*", Match: spool.Place{Account: "*", Region: "*"}, CollectedAccount: id.Account, CollectedRegion: id.Region, Outcome: outcome.Outcome{Kind: outcome.OK}}
	in := TableInput{Schema: sch, Spool: s, Units: []Unit{{ID: id, Result: res}}, Entries: []Entry{entry}, Now: at, Staging: filepath.Join(dir, "staging"), RunID: "r", Version: "0"}
	c0 = cpuTime()
	out, err := Table(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("load: cpu %v %+v peak %s", cpuTime()-c0, out.File, peak())
	c0 = cpuTime()
	if err := verifyWritten(out.File, target{schema: sch, arrow: sc}); err != nil {
		t.Fatal(err)
	}
	t.Logf("verify alone: cpu %v peak %s", cpuTime()-c0, peak())
	in.Units, in.Previous, in.Staging = nil, &Previous{out.File.Path, "r"}, filepath.Join(dir, "staging2")
	c0 = cpuTime()
	out, err = Table(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("all replaced: cpu %v %+v", cpuTime()-c0, out.File.Rows)
	in.Entries[0].Outcome.Kind = outcome.Denied
	c0 = cpuTime()
	out, err = Table(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("carried: cpu %v %+v %+v peak %s", cpuTime()-c0, out.File, out.Entries, peak())
}
