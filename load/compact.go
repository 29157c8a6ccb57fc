package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stocktake/internal/rowmerge"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load/store"
)

const (
	// closedAfter is how long after its end a day is taken for closed: late
	// events and what runs ask for again come before. Where more comes later,
	// the day is compacted again.
	closedAfter = 4 * 24 * time.Hour
	// compactedOnce is how many days of a table a run compacts at most.
	compactedOnce = 3
)

// CompactInput is an event table, or the coverage, of which closed days are
// compacted.
type CompactInput struct {
	Store   store.Store
	Schema  *schema.Schema
	Staging string
	RunID   string
	Version string
	Now     time.Time
	Written []EventFile // files of the run itself; their days stay as they are
}

// Compacted is what becomes of the days of an event table.
type Compacted struct {
	Files    []EventFile // one for each day
	Replaced []string    // names of the files that they stand in for
	Problems []error     // of days that stay as they are
}

// Compact merges the files of closed days into one file for each day, in which
// each event is there once, as it was last read. The files are for the run's
// publication. The caller holds Commit.
func Compact(ctx context.Context, in CompactInput) (out Compacted, err error) {
	c := &compacting{CompactInput: in, manifests: map[string]*Manifest{}}
	if c.order, err = eventOrder(in.Schema); err != nil {
		return out, fmt.Errorf("compact %s: %w", in.Schema.ID(), err)
	}
	files, err := in.Store.List(ctx, eventPrefix(in.Schema.Table, in.Schema.Version))
	if err != nil {
		return out, fmt.Errorf("compact %s: %w", in.Schema.ID(), err)
	}
	for _, day := range c.closed(files) {
		file, err := c.compact(ctx, day)
		if ctx.Err() != nil {
			return out, fmt.Errorf("compact %s: %w", in.Schema.ID(), context.Cause(ctx))
		}
		if err != nil {
			out.Problems = append(out.Problems, fmt.Errorf("events of %s on %s stay in %d files: %w", in.Schema.Table, day.date, len(day.names), err))
			continue
		}
		out.Files = append(out.Files, EventFile{Schema: in.Schema, Date: day.date, File: file})
		out.Replaced = append(out.Replaced, day.names...)
	}
	return out, nil
}

// eventOrder is that of the rows of a file of events. Runs of coverage tell of
// the same places, each for itself.
func eventOrder(s *schema.Schema) (*rowmerge.Order, error) {
	columns := spool.SortColumns(s)
	if s.EventTime == "" {
		columns = append(slices.Clone(columns), "run_id")
	}
	return rowmerge.NewOrder(s.Arrow(), columns)
}

type compacting struct {
	CompactInput
	order     *rowmerge.Order
	manifests map[string]*Manifest // of runs that wrote the files
}

// eventDay is the files of a day, that of the latest run first.
type eventDay struct {
	date  string
	names []string
}

var eventRE = regexp.MustCompile(`^events/[^/]+/v\d+/event_date=(\d{4}-\d{2}-\d{2})/([^/]+)\.parquet$`)

// closed returns the days to compact, the earliest first.
func (c *compacting) closed(files []store.Info) []eventDay {
	days := map[string][]string{}
	for _, f := range files {
		if m := eventRE.FindStringSubmatch(f.Name); m != nil {
			days[m[1]] = append(days[m[1]], f.Name)
		}
	}
	for _, f := range c.Written {
		delete(days, f.Date)
	}
	last := c.Now.UTC().Add(-closedAfter).Format(time.DateOnly)
	var closed []eventDay
	for date, names := range days {
		if date < last && len(names) > 1 {
			slices.Sort(names)
			slices.Reverse(names)
			closed = append(closed, eventDay{date, names})
		}
	}
	slices.SortFunc(closed, func(a, b eventDay) int { return strings.Compare(a.date, b.date) })
	return closed[:min(len(closed), compactedOnce)]
}

func (c *compacting) compact(ctx context.Context, day eventDay) (f File, err error) {
	dir := filepath.Join(c.Staging, "compacted")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var inputs []rowmerge.Input
	for _, name := range day.names {
		at, err := c.fetch(ctx, name, dir)
		if err != nil {
			return File{}, err
		}
		inputs = append(inputs, rowmerge.Input{Name: name, Open: func(ctx context.Context) (rowmerge.Stream, error) {
			f, err := openStored(at, c.Schema.Arrow())
			if err != nil {
				return nil, err
			}
			return f.all(ctx, c.order, nil), nil
		}})
	}
	return writeMerged(ctx, target{c.Schema, c.Schema.Arrow(), c.order, c.Staging, c.Schema.Table + "." + day.date + ".compacted", c.RunID, c.Version}, inputs, func(int, int, int) {})
}

// fetch returns where a file can be read, once it is found to be as the manifest
// of its run says.
func (c *compacting) fetch(ctx context.Context, name, dir string) (string, error) {
	run := strings.TrimSuffix(path.Base(name), ".parquet")
	m := c.manifests[run]
	if m == nil {
		var err error
		if m, err = ReadManifest(ctx, c.Store, run); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		c.manifests[run] = m
	}
	i := slices.IndexFunc(m.Events, func(t ManifestTable) bool { return t.Path == name })
	if i < 0 {
		return "", fmt.Errorf("%s: its run's manifest does not name it", name)
	}
	at, err := fetchVerified(ctx, c.Store, m, m.Events[i], dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return at, nil
}
