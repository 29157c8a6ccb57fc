package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// One account: thirty tables in seventeen regions, all the way from rows to a
// published warehouse.
func BenchmarkAccount(b *testing.B) {
	const tables, regions, each = 30, 17, 21
	var schemas []*schema.Schema
	rows := map[string]arrow.RecordBatch{}
	rng := rand.New(rand.NewPCG(1, 2))
	for t := range tables {
		sch := *rowtest.Wide()
		sch.Table = fmt.Sprint("test_table_", t)
		schemas = append(schemas, &sch)
		for r := range regions {
			place := rowtest.Place{Account: "000000000001", Region: fmt.Sprint("region-", r)}
			rows[sch.Table+place.Region] = rowtest.Instances(sch.Arrow(), rng, []rowtest.Place{place}, (t*regions+r)*each, each, 300, "run-1", testTime)
		}
	}
	rowtest.Measure(b, tables*regions*each, func() {
		dir := b.TempDir()
		s, err := spool.Create(filepath.Join(dir, "spool"), spool.Meta{RunID: "run-1"})
		if err != nil {
			b.Fatal(err)
		}
		p := Publication{Manifest: Manifest{Run: "run-1", Date: "2026-11-22"}, Leases: []store.Lease{held{}}}
		for _, sch := range schemas {
			in := TableInput{Schema: sch, Spool: s, Now: testTime, RunID: "run-1", Version: "test", Staging: filepath.Join(dir, "staging")}
			for r := range regions {
				id := spool.UnitID{Source: "one", Collector: sch.Table, Account: "000000000001", Region: fmt.Sprint("region-", r)}
				w := s.Writer(id, sch)
				if err := w.Append(rows[sch.Table+id.Region]); err != nil {
					b.Fatal(err)
				}
				f, err := w.Close()
				if err != nil {
					b.Fatal(err)
				}
				u := Unit{ID: id, Result: spool.TableResult{Table: sch.Table, Outcome: outcome.Outcome{Kind: outcome.OK}}}
				u.Result.Keep(f)
				if err := s.Commit(spool.Unit{ID: id, Tables: []spool.TableResult{u.Result}}); err != nil {
					b.Fatal(err)
				}
				in.Units = append(in.Units, u)
				in.Entries = append(in.Entries, entry("one", id.Account, id.Region, "", id.Account, outcome.OK))
			}
			out, err := Table(context.Background(), in)
			if err != nil {
				b.Fatal(err)
			}
			p.Tables = append(p.Tables, TableFile{sch, out.File})
		}
		w, err := local.Open(filepath.Join(dir, "warehouse"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Publish(context.Background(), w, p); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	})
}
