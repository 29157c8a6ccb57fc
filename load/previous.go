package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge"
	"stocktake/internal/spool"
)

// previous reads the rows that stay out of the table's last file. A first pass
// over the columns that decide finds them, so that the rest of a row is only
// read where rows stay: in most runs nowhere.
type previous struct {
	*loading
	*storedFile
	staying []stay
	dropped map[droppedPlace]int64
}

// stay is consecutive rows that stay.
type stay struct {
	from, to int64 // row numbers in the file
	entry    int
	first    spool.Place
}

// droppedPlace is a place of a source that is no longer configured.
type droppedPlace struct {
	source string
	spool.Place
}

func openPrevious(ctx context.Context, l *loading) (*previous, error) {
	f, err := openStored(l.Previous.Path, l.arrow)
	if err != nil {
		return nil, err
	}
	p := &previous{loading: l, storedFile: f, dropped: map[droppedPlace]int64{}}
	if err := p.decide(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return p, nil
}

// decide reads whom each row is about and what becomes of it.
func (p *previous) decide(ctx context.Context) error {
	read := "extracted_at"
	// A file of before the table became incremental has no last_confirmed_at.
	if p.Schema.Incremental && p.file.MetaData().Schema.ColumnIndexByName("last_confirmed_at") >= 0 {
		read = "last_confirmed_at"
	}
	names := []string{"account_id", "region", "source", read}
	var columns []int
	for _, name := range names {
		i := p.file.MetaData().Schema.ColumnIndexByName(name)
		if i < 0 {
			return fmt.Errorf("%s: found no column %s", p.path, name)
		}
		columns = append(columns, i)
	}
	if p.file.NumRows() == 0 {
		return nil
	}
	batches, err := p.read(ctx, columns, nil, 1<<14)
	if err != nil {
		return err
	}
	at := int64(0)
	var last decision
	for rec, err := range batches {
		if err != nil {
			return err
		}
		if err := p.decideBatch(rec, read, at, &last); err != nil {
			return err
		}
		at += rec.NumRows()
	}
	return nil
}

// decision is what becomes of the rows of one place and source.
type decision struct {
	source string
	place  spool.Place
	entry  int
	found  bool
	made   bool
}

func (p *previous) decideBatch(rec arrow.RecordBatch, read string, at int64, last *decision) error {
	var columns [3]*array.String
	for i, name := range []string{"account_id", "region", "source"} {
		c, ok := rec.Column(rec.Schema().FieldIndices(name)[0]).(*array.String)
		if !ok {
			return fmt.Errorf("%s: column %s is not text", p.path, name)
		}
		columns[i] = c
	}
	times, ok := rec.Column(rec.Schema().FieldIndices(read)[0]).(*array.Timestamp)
	if !ok {
		return fmt.Errorf("%s: column %s is not a timestamp", p.path, read)
	}
	text := func(c *array.String, row int) string {
		if c.IsValid(row) {
			return c.Value(row)
		}
		return ""
	}
	for row := range int(rec.NumRows()) {
		place := spool.Place{Account: text(columns[0], row), Region: text(columns[1], row)}
		if source := text(columns[2], row); !last.made || last.source != source || last.place != place {
			*last = decision{source: strings.Clone(source), place: clonePlace(place), made: true}
			last.entry, last.found = p.index.stored(source, place)
		}
		p.apply(last, at+int64(row), times, row)
	}
	return nil
}

func clonePlace(p spool.Place) spool.Place {
	return spool.Place{Account: strings.Clone(p.Account), Region: strings.Clone(p.Region)}
}

func (p *previous) apply(d *decision, number int64, times *array.Timestamp, row int) {
	if !d.found {
		p.dropped[droppedPlace{d.source, d.place}]++
		return
	}
	switch e := p.Entries[d.entry]; e.Outcome.Rows() {
	case outcome.Replaced:
		if !e.Incremental {
			return
		}
	case outcome.Carried:
		if p.MaxAge > 0 && (times.IsNull(row) || p.Now.Sub(time.UnixMicro(int64(times.Value(row)))) > p.MaxAge) {
			p.counts[d.entry].AgedOut++
			return
		}
	}
	if n := len(p.staying); n > 0 && p.staying[n-1].to == number && p.staying[n-1].entry == d.entry {
		p.staying[n-1].to++
		return
	}
	p.staying = append(p.staying, stay{number, number + 1, d.entry, d.place})
}

// outOfScope returns an entry for each place whose rows no entry spoke for.
func (p *previous) outOfScope() []EntryResult {
	places := slices.SortedFunc(maps.Keys(p.dropped), func(a, b droppedPlace) int {
		return slices.Compare([]string{a.source, a.Account, a.Region}, []string{b.source, b.Account, b.Region})
	})
	var out []EntryResult
	for _, d := range places {
		out = append(out, EntryResult{Entry: Entry{
			Source: d.source, Account: d.Account, Region: d.Region, Match: d.Place,
			Outcome: outcome.Outcome{Kind: outcome.OutOfScope, Message: fmt.Sprintf("%d rows dropped: the configuration no longer includes them", p.dropped[d])},
		}})
	}
	return out
}

// input is the rows that stay, as one of the merge's inputs.
func (p *previous) input() rowmerge.Input {
	in := rowmerge.Input{Name: "rows of run " + p.Previous.RunID, Open: p.open}
	if len(p.staying) > 0 {
		in.After = []string{p.staying[0].first.Account, p.staying[0].first.Region}
	}
	return in
}

// open reads the row groups that have rows which stay.
func (p *previous) open(ctx context.Context) (rowmerge.Stream, error) {
	if len(p.staying) == 0 {
		return &stayStream{previous: p}, nil
	}
	var groups []int
	var starts []int64
	at, left := int64(0), p.staying
	for g := range p.file.NumRowGroups() {
		end := at + p.file.MetaData().RowGroup(g).NumRows()
		for len(left) > 0 && left[0].to <= at {
			left = left[1:]
		}
		if len(left) > 0 && left[0].from < end {
			groups, starts = append(groups, g), append(starts, at)
		}
		at = end
	}
	s := &stayStream{previous: p, left: p.staying}
	s.next, s.stop = iter.Pull2(p.rowsOf(ctx, groups, starts))
	return s, nil
}

// stayStream gives the rows that stay, in segments of one entry each.
type stayStream struct {
	*previous
	next   func() (numbered, error, bool)
	stop   func()
	left   []stay
	batch  *rowmerge.Batch
	first  int64 // row number of the batch's first row
	sorted sorted
	newest map[int]arrow.Timestamp
}

func (s *stayStream) Close() error {
	if s.stop != nil {
		s.stop()
	}
	return nil
}

func (s *stayStream) Next(ctx context.Context) (rowmerge.Segment, error) {
	for len(s.left) > 0 {
		if s.batch == nil || s.left[0].from >= s.first+s.batch.Record.NumRows() {
			n, err, ok := s.next()
			if err != nil {
				return rowmerge.Segment{}, err
			}
			if !ok {
				return rowmerge.Segment{}, fmt.Errorf("%s: ends before row %d", s.path, s.left[0].from)
			}
			rec, err := s.confirm(n)
			if err != nil {
				return rowmerge.Segment{}, err
			}
			s.batch, s.first = rowmerge.NewBatch(s.order, rec), n.first
			continue
		}
		from, end := s.left[0].from, min(s.left[0].to, s.first+s.batch.Record.NumRows())
		origin := fromBefore
		if s.Entries[s.left[0].entry].Incremental {
			origin = fromConfirmed
		}
		seg := rowmerge.Segment{Batch: s.batch, From: int(from - s.first), To: int(end - s.first), Tag: tagOf(s.left[0].entry, origin), Rank: rankCarried}
		if s.left[0].from = end; end == s.left[0].to {
			s.left = s.left[1:]
		}
		if err := s.sorted.check(s.path, seg, s.first); err != nil {
			return rowmerge.Segment{}, err
		}
		return seg, s.noteRun(seg)
	}
	return rowmerge.Segment{}, io.EOF
}

// confirm sets last_confirmed_at of the rows that this run has read not to have
// changed. Where the file has none it is when they were read.
func (s *stayStream) confirm(n numbered) (arrow.RecordBatch, error) {
	if !s.Schema.Incremental {
		return n.rec, nil
	}
	at, err := column(s.arrow, "last_confirmed_at")
	if err != nil {
		return nil, err
	}
	extracted, err := column(s.arrow, "extracted_at")
	if err != nil {
		return nil, err
	}
	times := slices.Clone(n.rec.Column(at).(*array.Timestamp).Values())
	valid := make([]bool, len(times))
	for row := range valid {
		valid[row] = n.rec.Column(at).IsValid(row)
		if read := n.rec.Column(extracted).(*array.Timestamp); !valid[row] && read.IsValid(row) {
			times[row], valid[row] = read.Value(row), true
		}
	}
	for _, stay := range s.left {
		e := s.Entries[stay.entry]
		if stay.from >= n.first+n.rec.NumRows() {
			break
		}
		for row := max(stay.from, n.first); e.Incremental && row < min(stay.to, n.first+n.rec.NumRows()); row++ {
			times[row-n.first], valid[row-n.first] = arrow.Timestamp(e.StartedAt.UnixMicro()), true
		}
	}
	b := array.NewTimestampBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	defer b.Release()
	b.AppendValues(times, valid)
	columns := slices.Clone(n.rec.Columns())
	columns[at] = b.NewArray()
	return array.NewRecordBatch(n.rec.Schema(), columns, n.rec.NumRows()), nil
}

// noteRun notes which run the newest rows are of.
func (s *stayStream) noteRun(seg rowmerge.Segment) error {
	runs, err := column(s.arrow, "run_id")
	if err != nil {
		return err
	}
	times, err := column(s.arrow, "extracted_at")
	if err != nil {
		return err
	}
	if s.newest == nil {
		s.newest = map[int]arrow.Timestamp{}
	}
	at := seg.Batch.Record.Column(times).(*array.Timestamp)
	entry := seg.Tag / origins
	newest, seen := s.newest[entry]
	for row := seg.From; row < seg.To; row++ {
		if v := at.Value(row); at.IsValid(row) && (!seen || v > newest) {
			newest, seen = v, true
			s.counts[entry].CarriedFromRun = strings.Clone(textAt(seg.Batch.Record, runs, row))
		}
	}
	if seen {
		s.newest[entry] = newest
	}
	return nil
}
