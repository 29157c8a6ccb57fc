package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"stocktake/internal/rowmerge"
)

// EventsOutput is the files that a run adds to an event table, one for each day,
// and what became of each entry's rows.
type EventsOutput struct {
	Files   []EventFile
	Entries []EntryResult
}

// Events writes and verifies the files of a table whose rows are added and never
// replaced. Rows go to the UTC day of their event time, those without one to the
// day of the run. A run that has no rows writes no file, unless empty asks for
// one that holds the columns.
func Events(ctx context.Context, in TableInput, empty bool) (EventsOutput, error) {
	l, err := newLoading(in)
	if err != nil {
		return EventsOutput{}, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	files, err := l.writeDays(ctx, empty)
	if err != nil {
		return EventsOutput{}, fmt.Errorf("load %s: %w", in.Schema.ID(), err)
	}
	return EventsOutput{files, l.results()}, nil
}

func (l *loading) writeDays(ctx context.Context, empty bool) (files []EventFile, err error) {
	at, err := column(l.arrow, l.Schema.EventTime)
	if err != nil {
		return nil, err
	}
	inputs, err := l.freshInputs()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.Staging, 0o700); err != nil {
		return nil, fmt.Errorf("create staging directory: %w", err)
	}
	d := &days{loading: l, time: at, writers: map[string]*parquetWriter{}}
	m := rowmerge.Merge{Schema: l.arrow, Order: l.order, Inputs: inputs, Count: l.count, Write: d.write, Rows: batchRows, Bytes: batchBytes}
	if err := m.Run(ctx); err != nil {
		return nil, errors.Join(err, d.abort())
	}
	if len(d.writers) == 0 && empty {
		if _, err := d.of(l.Now.UTC().Format(time.DateOnly)); err != nil {
			return nil, err
		}
	}
	return d.close()
}

// days splits the rows of an event table by day.
type days struct {
	*loading
	time    int // column
	writers map[string]*parquetWriter
}

func (d *days) target(day string) target {
	return target{d.Schema, d.arrow, d.order, d.Staging, d.Schema.Table + "." + day, d.RunID, d.Version}
}

// of returns the writer of a day.
func (d *days) of(day string) (*parquetWriter, error) {
	if w := d.writers[day]; w != nil {
		return w, nil
	}
	w, err := createParquet(filepath.Join(d.Staging, d.target(day).name+".parquet"), d.Schema, d.RunID, d.Version)
	if err == nil {
		d.writers[day] = w
	}
	return w, err
}

func (d *days) write(rec arrow.RecordBatch) error {
	ranges := map[string][]rowmerge.Range{}
	times := rec.Column(d.time).(*array.Timestamp)
	for row := range int(rec.NumRows()) {
		at := d.Now
		if times.IsValid(row) {
			at = time.UnixMicro(int64(times.Value(row)))
		}
		day := at.UTC().Format(time.DateOnly)
		ranges[day] = append(ranges[day], rowmerge.Range{Start: int32(row), Len: 1})
	}
	if len(ranges) == 1 {
		for day := range ranges {
			return d.add(day, rec)
		}
	}
	g, err := rowmerge.NewGatherer(d.arrow, []arrow.RecordBatch{rec})
	if err != nil {
		return err
	}
	for day, rows := range ranges {
		part, err := g.Gather(rows)
		if err != nil {
			return err
		}
		if err := d.add(day, part); err != nil {
			return err
		}
	}
	return nil
}

func (d *days) add(day string, rec arrow.RecordBatch) error {
	w, err := d.of(day)
	if err != nil {
		return err
	}
	return w.write(rec)
}

func (d *days) abort() error {
	var errs []error
	for _, w := range d.writers {
		errs = append(errs, w.abort())
	}
	return errors.Join(errs...)
}

// close finishes and verifies the files, in the order of the days.
func (d *days) close() (files []EventFile, err error) {
	for day, w := range d.writers {
		file, err := w.close()
		if err != nil {
			return nil, err
		}
		if err := verifyWritten(file, d.target(day)); err != nil {
			return nil, fmt.Errorf("verify %s: %w", file.Path, err)
		}
		files = append(files, EventFile{Schema: d.Schema, Date: day, File: file})
	}
	slices.SortFunc(files, func(a, b EventFile) int { return strings.Compare(a.Date, b.Date) })
	return files, nil
}
