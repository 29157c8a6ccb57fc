package pipeline

import (
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go"

	"stocktake/extract"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// coverageRecord is what planning needs of a row of stocktake_coverage.
type coverageRecord struct {
	Source             string `parquet:"source,optional"`
	TableName          string `parquet:"table_name,optional"`
	AccountID          string `parquet:"account_id,optional"`
	Region             string `parquet:"region,optional"`
	CollectedAccountID string `parquet:"collected_account_id,optional"`
	Outcome            string `parquet:"outcome,optional"`
	Rows               int64  `parquet:"rows,optional"`

	// Files of before these columns do not have them.
	ReadUntil  *int64 `parquet:"read_until,optional"` // microseconds
	FullPullAt *int64 `parquet:"full_pull_at,optional"`
}

// instant is a time of a record; NULL is the zero time.
func instant(micro *int64) time.Time {
	if micro == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micro).UTC()
}

// readCoverage reads the coverage that the last commit left.
func readCoverage(path string) (extract.Previous, error) {
	records, err := parquet.ReadFile[coverageRecord](path)
	if err != nil {
		return extract.Previous{}, fmt.Errorf("read the coverage of the last run: %s: %w; `stocktake verify` lists what is damaged", path, err)
	}
	p := extract.Previous{Coverage: make([]extract.Covered, len(records))}
	for i, r := range records {
		kind, err := outcome.Parse(r.Outcome)
		if err != nil {
			return extract.Previous{}, fmt.Errorf("read the coverage of the last run: row %d: %w", i, err)
		}
		p.Coverage[i] = extract.Covered{
			Source: r.Source, Table: r.TableName, Account: r.AccountID, Region: r.Region,
			CollectedAccount: r.CollectedAccountID, CollectedRegion: r.Region, Outcome: kind, Rows: r.Rows,
			Mark: spool.Mark{Until: instant(r.ReadUntil), Full: instant(r.FullPullAt)},
		}
	}
	return p, nil
}
