package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/parquet-go/parquet-go"

	"stocktake/extract"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/load"
)

// before is a row of the coverage as it was before tables were read by time.
type before struct {
	RunID              string `parquet:"run_id,optional"`
	Source             string `parquet:"source,optional"`
	TableName          string `parquet:"table_name,optional"`
	AccountID          string `parquet:"account_id,optional"`
	Region             string `parquet:"region,optional"`
	CollectedAccountID string `parquet:"collected_account_id,optional"`
	Outcome            string `parquet:"outcome,optional"`
	Rows               int64  `parquet:"rows,optional"`
}

func TestReadCoverage(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 123000, time.UTC)
	old := filepath.Join(t.TempDir(), "old.parquet")
	now := filepath.Join(t.TempDir(), "now.parquet")
	var olds []before
	var news []coverageRecord
	var wantOld, wantNew []extract.Covered
	for i := range 3000 {
		account, region, mark := fmt.Sprintf("%012d", i%7), fmt.Sprint("region-", i%3), spool.Mark{}
		olds = append(olds, before{"run-1", "one", "t", account, region, "admin", "ok", int64(i)})
		c := coverageRecord{Source: "one", TableName: "t", AccountID: account, Region: region, CollectedAccountID: "admin", Outcome: "ok", Rows: int64(i)}
		if i%2 == 0 { // a value of one row must not show in the next
			mark = spool.Mark{Until: at.Add(time.Duration(i) * time.Second), Full: at}
			c.ReadUntil, c.FullPullAt = aws.Int64(mark.Until.UnixMicro()), aws.Int64(mark.Full.UnixMicro())
		}
		news = append(news, c)
		want := extract.Covered{Source: "one", Table: "t", Account: account, Region: region, CollectedAccount: "admin", CollectedRegion: region, Outcome: outcome.OK, Rows: int64(i)}
		wantOld = append(wantOld, want)
		want.Mark = mark
		wantNew = append(wantNew, want)
	}
	if err := parquet.WriteFile(old, olds); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(now, news); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]extract.Covered{old: wantOld, now: wantNew} {
		got, err := readCoverage(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if i >= len(got.Coverage) || !reflect.DeepEqual(got.Coverage[i], want[i]) {
				t.Fatalf("%s: row %d: got %+v, want %+v", filepath.Base(path), i, got.Coverage[min(i, len(got.Coverage)-1)], want[i])
			}
		}
	}
	strange := filepath.Join(t.TempDir(), "strange.parquet")
	if err := parquet.WriteFile(strange, []before{{Outcome: "fine"}}); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.parquet")
	text, err := os.ReadFile(now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{strange: `row 0: outcome "fine"`, cut: "stocktake verify", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if _, err := readCoverage(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want the path and %q", filepath.Base(path), err, want)
		}
	}
}

// TestPlaces: entries come out of the packed form as they went in.
func TestPlaces(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 5000, time.UTC)
	p := newPlaces()
	full := entryOf("one", "1", "r")
	full.Match = spool.Place{Account: "*", Region: "*"}
	full.Outcome = outcome.Outcome{Kind: outcome.Partial, Code: "c", Message: "m", MissingAction: "a:B", Advice: "Do.", Columns: []string{"x", "y"}}
	full.Calls, full.FailedCalls, full.Retries, full.Throttles = 1, 2, 3, 4
	full.StartedAt, full.EndedAt, full.Incremental = at, at.Add(time.Second), true
	full.Mark = spool.Mark{Until: at, Full: at.Add(-time.Hour)}
	regions := entryOf("one", "2", "global")
	regions.Match.Region = "*"
	plain := entryOf("two", "2", "r")
	p.add("t", 3, full)
	p.add("t", 1, regions)
	p.add("t", 2, plain)
	p.sort()
	got := p.entries("t")
	for i, want := range []any{regions, plain, full} {
		if !reflect.DeepEqual(any(got[i]), want) {
			t.Errorf("entry %d: got %+v, want %+v", i, got[i], want)
		}
	}
}

func entryOf(source, account, region string) load.Entry {
	return load.Entry{
		Source: source, Account: account, Region: region, Match: spool.Place{Account: account, Region: region},
		CollectedAccount: "admin", CollectedRegion: region, Outcome: outcome.Outcome{Kind: outcome.OK},
	}
}
