package pipeline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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

// readCoverage reads the coverage that the last commit left. A large
// organization has half a million rows, of few texts: each is kept once.
func readCoverage(path string) (p extract.Previous, err error) {
	fail := func(err error) (extract.Previous, error) {
		return extract.Previous{}, fmt.Errorf("read the coverage of the last run: %s: %w; `stocktake verify` lists what is damaged", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fail(err)
	}
	r := parquet.NewGenericReader[coverageRecord](file)
	defer func() { err = errors.Join(err, r.Close()) }()
	p.Coverage = make([]extract.Covered, 0, r.NumRows())
	known := map[string]string{}
	once := func(text string) string {
		if _, ok := known[text]; !ok {
			text = strings.Clone(text)
			known[text] = text
		}
		return known[text]
	}
	for batch := make([]coverageRecord, 1024); ; {
		clear(batch)
		n, err := r.Read(batch)
		for _, c := range batch[:n] {
			kind, err := outcome.Parse(c.Outcome)
			if err != nil {
				return fail(fmt.Errorf("row %d: %w", len(p.Coverage), err))
			}
			p.Coverage = append(p.Coverage, extract.Covered{
				Source: once(c.Source), Table: once(c.TableName), Account: once(c.AccountID), Region: once(c.Region),
				CollectedAccount: once(c.CollectedAccountID), CollectedRegion: once(c.Region), Outcome: kind, Rows: c.Rows,
				Mark: spool.Mark{Until: instant(aws.ToInt64(c.ReadUntil)), Full: instant(aws.ToInt64(c.FullPullAt))},
			})
		}
		switch {
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return fail(err)
		}
	}
}
