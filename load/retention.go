package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/load/store"
)

// Keep says which snapshots of a table stay: those of the newest days, and the
// newest one of each of the last weeks and months. Days, weeks and months
// without a snapshot do not count.
type Keep struct{ Daily, Weekly, Monthly int }

// Removed is what Retain has removed.
type Removed struct {
	Dates []string // of snapshots, in order
	Files int
	Bytes int64
}

// Retain removes the snapshots that keep does not name, but for files of the
// last commit. It may be cut off anywhere and called again. Manifests stay, and
// notes tell VerifyRun which of their files are gone on purpose. The caller
// holds Commit.
func Retain(ctx context.Context, s store.Store, keep Keep) (Removed, error) {
	r, err := retain(ctx, s, keep)
	if err != nil {
		return r, fmt.Errorf("remove old snapshots: %w", err)
	}
	return r, nil
}

func retain(ctx context.Context, s store.Store, keep Keep) (Removed, error) {
	if min(keep.Daily, keep.Weekly, keep.Monthly) < 0 || keep == (Keep{}) {
		return Removed{}, fmt.Errorf("keep %d days, %d weeks and %d months: expected a number of at least one of them", keep.Daily, keep.Weekly, keep.Monthly)
	}
	head, err := s.Head(ctx)
	if err != nil || head.Run == "" {
		return Removed{}, err
	}
	last, err := ReadManifest(ctx, s, head.Run)
	if err != nil {
		return Removed{}, err
	}
	files, err := s.List(ctx, "snapshots/")
	if err != nil {
		return Removed{}, err
	}
	old := keep.old(files, last)
	var done Removed
	for _, date := range slices.Sorted(maps.Keys(old)) {
		if err := removeNoted(ctx, s, date, old[date]); err != nil {
			return done, err
		}
		done.Dates = append(done.Dates, date)
		for _, f := range old[date] {
			done.Files++
			done.Bytes += f.Size
		}
	}
	return done, nil
}

// removeNoted removes files of a date. The note comes first: a file that is gone
// without one counts as lost.
func removeNoted(ctx context.Context, s store.Store, date string, files []store.Info) error {
	if err := noteRemoved(ctx, s, date, files); err != nil {
		return err
	}
	return deleteAll(ctx, s, files)
}

func deleteAll(ctx context.Context, s store.Store, files []store.Info) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, f := range files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.Delete(ctx, f.Name)
		})
	}
	return g.Wait()
}

var snapshotRE = regexp.MustCompile(`^snapshots/([^/]+)/v\d+/snapshot_date=(\d{4}-\d{2}-\d{2})/[^/]+\.parquet$`)

// snapshotOf returns the table and the day of a snapshot's file.
func snapshotOf(name string) (table string, day time.Time, ok bool) {
	m := snapshotRE.FindStringSubmatch(name)
	if m == nil {
		return "", time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, m[2])
	return m[1], day, err == nil
}

// old returns the files to remove, by date. Major versions of a table count
// together: the snapshots of an older one are earlier days of the same table.
func (k Keep) old(files []store.Info, last *Manifest) map[string][]store.Info {
	days := map[string][]time.Time{}
	for _, f := range files {
		if table, day, ok := snapshotOf(f.Name); ok {
			days[table] = append(days[table], day)
		}
	}
	stay := map[string]map[time.Time]bool{}
	for table := range days {
		stay[table] = k.days(days[table])
	}
	named := map[string]bool{}
	for _, t := range last.Tables {
		named[t.Path] = true
	}
	old := map[string][]store.Info{}
	for _, f := range files {
		if table, day, ok := snapshotOf(f.Name); ok && !stay[table][day] && !named[f.Name] {
			date := day.Format(time.DateOnly)
			old[date] = append(old[date], f)
		}
	}
	return old
}

// days returns those of the days that stay.
func (k Keep) days(days []time.Time) map[time.Time]bool {
	stay := map[time.Time]bool{}
	days = slices.SortedFunc(slices.Values(days), func(a, b time.Time) int { return b.Compare(a) })
	for _, rule := range []struct {
		count  int
		period func(time.Time) [2]int
	}{
		{k.Daily, func(t time.Time) [2]int { return [2]int{t.Year(), t.YearDay()} }},
		{k.Weekly, func(t time.Time) [2]int { year, week := t.ISOWeek(); return [2]int{year, week} }},
		{k.Monthly, func(t time.Time) [2]int { return [2]int{t.Year(), int(t.Month())} }},
	} {
		seen := map[[2]int]bool{}
		for _, day := range days {
			if period := rule.period(day); !seen[period] && len(seen) < rule.count {
				seen[period], stay[day] = true, true
			}
		}
	}
	return stay
}

// removedPrefix is the path of the notes of what was removed, one for each date
// of snapshots or events, with the name of a file in each line. A removed file
// never comes back: no run has an earlier date than the last one, and each names
// its files of events after itself.
const removedPrefix = "runs/removed/"

// noteRemoved adds files to the note of a date.
func noteRemoved(ctx context.Context, s store.Store, date string, files []store.Info) error {
	noted, err := removedOn(ctx, s, date)
	if err != nil {
		return err
	}
	before := len(noted)
	for _, f := range files {
		noted[f.Name] = true
	}
	if len(noted) == before {
		return nil
	}
	return s.Put(ctx, removedPrefix+date, []byte(strings.Join(slices.Sorted(maps.Keys(noted)), "\n")+"\n"))
}

// removedOn returns the files of a date that were removed, or are about to be.
func removedOn(ctx context.Context, s store.Store, date string) (map[string]bool, error) {
	names := map[string]bool{}
	text, err := s.Get(ctx, removedPrefix+date)
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		names[strings.TrimSuffix(line, "\n")] = true
	}
	return names, nil
}

// FileRemoved is the status of a snapshot that Retain has removed, and of events
// that Compact has put into another file.
const FileRemoved FileStatus = "removed"

// removed reports whether a file that is not there was removed on purpose.
func removed(ctx context.Context, s store.Store, name string) (bool, error) {
	date := ""
	if m := eventRE.FindStringSubmatch(name); m != nil {
		date = m[1]
	} else if _, day, ok := snapshotOf(name); ok {
		date = day.Format(time.DateOnly)
	} else {
		return false, nil
	}
	names, err := removedOn(ctx, s, date)
	return names[name], err
}
