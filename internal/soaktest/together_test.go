//go:build linux

package soaktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store"
)

const (
	instances = "aws_ec2_instances"
	trail     = "aws_cloudtrail_events"
)

// TestTogether has runs of snapshots and runs of events go on at the same time,
// with whatever line there is to the warehouse. All are committed one after the
// other, and each table is as its own last run has left it.
func TestTogether(t *testing.T) {
	for _, d := range destinations {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := company{seed: 11, accounts: 4}
			file := c.config(t, dir)
			file.Sources[0].Collect = []string{instances, trail}
			writer, reader := d.make(t, dir, 11)
			w := &together{company: c, file: file, open: writer, far: d.far}
			w.one(t, 0, instances, trail)
			var wg sync.WaitGroup
			for table, runs := range map[string]int{instances: 3, trail: 6} {
				wg.Go(func() {
					for n := range runs {
						w.one(t, n+1, table)
					}
				})
			}
			wg.Wait()
			if t.Failed() {
				return
			}
			w.check(t, reader(t))
		})
	}
}

type together struct {
	company company
	file    *config.File
	open    func(*testing.T) store.Store
	far     bool
}

// when is the time of a job's run.
func when(n int) time.Time { return monday.Add(time.Duration(n) * 10 * time.Minute) }

// one runs until it is committed.
func (w *together) one(t *testing.T, n int, tables ...string) {
	const tries = 30
	var err error
	for range tries {
		o := options(w.file, w.open(t), w.company.at(when(n)), when(n))
		o.Collectors, o.Tables = []*extract.Collector{collectorOf[instances], collectorOf[trail]}, map[string]bool{}
		for _, table := range tables {
			o.Tables[table] = true
		}
		var result *pipeline.Result
		result, err = pipeline.Run(context.WithoutCancel(t.Context()), o)
		switch {
		case errors.As(err, new(*load.UnfinishedError)) && w.far:
			return
		case err == nil && result.Exit != 0:
			t.Errorf("run %d of %v: exit %d", n, tables, result.Exit)
			return
		case err == nil:
			return
		case !w.far:
			t.Errorf("run %d of %v: %v", n, tables, err)
			return
		}
		<-time.After(200 * time.Millisecond) // a lease that could not be given back expires
	}
	t.Errorf("run %d of %v: not committed after %d tries: %v", n, tables, tries, err)
}

func (w *together) check(t *testing.T, s store.Store) {
	ctx := t.Context()
	lease, err := pipeline.Lock(ctx, s, store.Commit, "test")
	for locked := (*store.LockedError)(nil); errors.As(err, &locked) && w.far; lease, err = pipeline.Lock(ctx, s, store.Commit, "test") {
		<-time.After(200 * time.Millisecond)
	}
	if err == nil {
		err = errors.Join(load.Recover(ctx, s, load.Hooks{}), load.Sweep(ctx, s), lease.Release())
	}
	if err != nil {
		t.Fatal(err)
	}
	state, err := load.ReadState(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	last, runs := map[string]string{}, 0 // run of each table, by its lease
	for m := state.Manifest; ; runs++ {
		for _, lease := range m.Leases {
			if last[lease] == "" {
				last[lease] = m.Run
			}
		}
		if report, err := load.VerifyRun(ctx, s, m.Run); err != nil || report.Bad() > 0 {
			t.Errorf("verify run %s: %+v, %v", m.Run, report, err)
		}
		if m.Parent == "" {
			break
		}
		if m, err = load.ReadManifest(ctx, s, m.Parent); err != nil {
			t.Fatal(err)
		}
	}
	if runs < 9 {
		t.Errorf("%d runs are committed after the first, want 9", runs)
	}
	db := open(t, s, state, t.TempDir())
	defer db.Close()
	for table, want := range map[string][2]any{instances: {last[store.Snapshots], nil}, trail: {last[trail], when(6)}} {
		sql := fmt.Sprintf("SELECT DISTINCT run_id, CASE WHEN table_name = '%s' THEN read_until END FROM stocktake_coverage WHERE table_name = '%s' AND outcome <> 'skipped'", trail, table)
		_, rows := ask(t, db, sql)
		if len(rows) != 1 || rows[0][0] != want[0] || text(rows[0][1]) != text(want[1]) {
			t.Errorf("%s: coverage is of %v, want %v", table, rows, want)
		}
		_, rows = ask(t, db, "SELECT DISTINCT run_id FROM stocktake_units WHERE collector = '"+collectorOf[table].Name+"'")
		if len(rows) != 1 || rows[0][0] != want[0] {
			t.Errorf("%s: units are of %v, want %v", table, rows, want[0])
		}
	}
	if _, rows := ask(t, db, "SELECT DISTINCT run_id FROM "+instances); len(rows) != 1 || rows[0][0] != last[store.Snapshots] {
		t.Errorf("%s is of %v, want %s", instances, rows, last[store.Snapshots])
	}
}
