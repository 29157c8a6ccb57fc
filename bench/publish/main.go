// Command publish writes a table of about 1 GB and publishes it to an S3 server
// on this machine, three times: from collected rows, then with all of them
// carried over from the file in the bucket, then staged alone. It prints the
// peak memory of each step; the server is a process of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stocktake/internal/outcome"
	"stocktake/internal/rowmerge/rowtest"
	"stocktake/internal/s3test"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/s3"
)

const memoryTarget = 300 << 20

func main() {
	var b bench
	flag.StringVar(&b.dir, "dir", "", "folder to work in")
	flag.Int64Var(&b.bytes, "bytes", 1<<30, "size of the table's file, about")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

type bench struct {
	dir   string
	bytes int64
	store *s3.Store
	sch   *schema.Schema
	worst int64
}

// What a unit has: rows of detail bytes, most of which do not compress.
const (
	unitRows = 2000
	detail   = 2000
	rowBytes = 490 // of the file
)

func (b *bench) run(ctx context.Context) (err error) {
	server, err := s3test.New(s3test.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	bucket, err := server.NewBucket(ctx)
	if err != nil {
		return err
	}
	if b.store, err = s3.New(s3.NewClient(server.Config(), "", "", true), s3.Options{Bucket: bucket, Prefix: "warehouse"}); err != nil {
		return err
	}
	b.sch = rowtest.Wide()
	began := time.Now().UTC()
	collected, err := b.table(ctx, "run-1", began, true)
	if err != nil {
		return err
	}
	if err := b.publish(ctx, "publish", "run-1", began, collected); err != nil {
		return err
	}
	carried, err := b.table(ctx, "run-2", began.AddDate(0, 0, 1), false)
	if err != nil {
		return err
	}
	if err := b.publish(ctx, "publish carried rows", "run-2", began.AddDate(0, 0, 1), carried); err != nil {
		return err
	}
	word := "missed"
	if b.worst <= memoryTarget {
		word = "met"
	}
	fmt.Printf("target %s: at most %d MiB (%d MiB)\n", word, memoryTarget>>20, b.worst>>20)
	return nil
}

// step prints what f took, and the most memory that the process held meanwhile.
func (b *bench) step(name string, f func() error) error {
	// Linux takes the present size for the peak when it is told so.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the peak: %w", err)
	}
	start := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	peak, err := peak()
	if err != nil {
		return err
	}
	b.worst = max(b.worst, peak)
	fmt.Printf("  %s: %.1f s, peak %d MiB\n", name, time.Since(start).Seconds(), peak>>20)
	return nil
}

func peak() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the peak: %w", err)
	}
	return kib << 10, nil
}

// table writes the table's next file, of collected rows or of those that the
// bucket has.
func (b *bench) table(ctx context.Context, run string, now time.Time, collect bool) (load.File, error) {
	dir := filepath.Join(b.dir, run)
	s, err := spool.Create(filepath.Join(dir, "spool"), spool.Meta{RunID: run})
	if err != nil {
		return load.File{}, err
	}
	in := load.TableInput{Schema: b.sch, Spool: s, Now: now, Staging: filepath.Join(dir, "staging"), RunID: run, Version: "bench"}
	units := int(b.bytes / rowBytes / unitRows)
	for n := range units {
		id := spool.UnitID{Source: "bench", Collector: b.sch.Table, Account: fmt.Sprintf("%012d", n/17), Region: fmt.Sprintf("region-%02d", n%17)}
		kind := outcome.Failed
		if collect {
			kind = outcome.OK
			unit, err := b.unit(s, id, n, run, now)
			if err != nil {
				return load.File{}, err
			}
			in.Units = append(in.Units, unit)
		}
		in.Entries = append(in.Entries, load.Entry{
			Source: id.Source, Account: id.Account, Region: id.Region, CollectedAccount: id.Account, CollectedRegion: id.Region,
			Match: spool.Place{Account: id.Account, Region: id.Region}, Outcome: outcome.Outcome{Kind: kind},
		})
	}
	if !collect {
		err := b.step("fetch the last file", func() error {
			state, err := load.ReadState(ctx, b.store)
			if err != nil {
				return err
			}
			path, err := store.Fetch(ctx, b.store, state.Head.Run, state.Tables[0].Object(), dir)
			in.Previous = &load.Previous{Path: path, RunID: state.Head.Run}
			return err
		})
		if err != nil {
			return load.File{}, err
		}
	}
	var out load.TableOutput
	err = b.step("write the table of "+run, func() (err error) {
		out, err = load.Table(ctx, in)
		return err
	})
	fmt.Printf("  %d rows, %d MiB\n", out.File.Rows, out.File.Bytes>>20)
	return out.File, errors.Join(err, s.Close())
}

func (b *bench) unit(s *spool.Spool, id spool.UnitID, n int, run string, now time.Time) (load.Unit, error) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	w := s.Writer(id, b.sch)
	err := w.Append(rowtest.Instances(b.sch.Arrow(), rng, []rowtest.Place{{Account: id.Account, Region: id.Region}}, n*unitRows, unitRows, detail, run, now))
	if err != nil {
		return load.Unit{}, err
	}
	f, err := w.Close()
	if err != nil {
		return load.Unit{}, err
	}
	u := load.Unit{ID: id, Result: spool.TableResult{Table: b.sch.Table, Outcome: outcome.Outcome{Kind: outcome.OK}}}
	u.Result.Keep(f)
	return u, s.Commit(spool.Unit{ID: id, Tables: []spool.TableResult{u.Result}})
}

func (b *bench) publish(ctx context.Context, name, run string, now time.Time, f load.File) error {
	lease, err := b.store.Lock(ctx, store.Commit, store.Holder{Host: "bench", Since: now})
	if err != nil {
		return err
	}
	head, err := b.store.Head(ctx)
	if err != nil {
		return err
	}
	err = b.step(name, func() error {
		_, err := load.Publish(ctx, b.store, load.Publication{
			Manifest: load.Manifest{Run: run, Date: now.Format(time.DateOnly)}, Head: head, Leases: []store.Lease{lease},
			Tables: []load.TableFile{{Schema: b.sch, File: f}},
		})
		return err
	})
	return errors.Join(err, lease.Release())
}
