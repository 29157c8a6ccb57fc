package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stocktake/extract"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/schemas"
)

// leaseOf is the lease of runs that collect a table: event tables have one each.
func leaseOf(table string) (string, error) {
	s, err := schemas.Newest(table)
	if err != nil {
		return "", err
	}
	if s.EventTime != "" {
		return table, nil
	}
	return store.Snapshots, nil
}

// Leases are those that a run with these options holds, in order. Runs without
// one in common may go on at the same time. A run that is not narrowed to some
// tables decides which snapshots stay, whatever it collects.
func Leases(o Options) ([]string, error) {
	asks := extract.Run{Config: o.Config, OnlySources: o.Sources}
	leases := []string{}
	if o.Tables == nil {
		leases = append(leases, store.Snapshots)
	}
	for i := range o.Config.Sources {
		s := &o.Config.Sources[i]
		if !asks.Asks(s) {
			continue
		}
		tables, err := extract.Select(o.Collectors, o.Streams, s.Collect)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		for table := range tables {
			if o.Tables != nil && !o.Tables[table] {
				continue
			}
			lease, err := leaseOf(table)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(leases, lease) {
				leases = append(leases, lease)
			}
		}
	}
	if len(leases) == 0 { // no source is asked
		leases = append(leases, store.Snapshots)
	}
	slices.Sort(leases)
	return leases, nil
}

// holds reports whether the run may write a table.
func (p *run) holds(table string) (bool, error) {
	lease, err := leaseOf(table)
	return slices.Contains(p.leases, lease), err
}

// take keeps other runs from what this one collects. What an earlier run left
// when it was cut off is finished or dropped, and the last commit read.
func (p *run) take(ctx context.Context) (err error) {
	if p.leases, err = Leases(p.o); err != nil {
		return err
	}
	if p.home, err = home(p.o); err != nil {
		return err
	}
	if err := p.first(ctx); err != nil {
		return err
	}
	if err := p.hold(ctx); err != nil {
		return err
	}
	return p.alone(ctx, p.readLast)
}

// hold takes the leases.
func (p *run) hold(ctx context.Context) error {
	for _, name := range p.leases {
		l, err := Lock(ctx, p.home, name, p.o.Program)
		if err != nil {
			return err
		}
		p.held = append(p.held, l)
	}
	return nil
}

// first has the first run of a warehouse hold Snapshots, since it also writes the
// tables that it does not collect, empty.
func (p *run) first(ctx context.Context) error {
	if p.o.Config.WriteOnly() || slices.Contains(p.leases, store.Snapshots) {
		return nil
	}
	head, err := p.o.Store.Head(ctx)
	if err == nil && head.Run == "" {
		p.leases = append(p.leases, store.Snapshots)
		slices.Sort(p.leases)
	}
	return err
}

// give gives back what take took.
func (p *run) give() error {
	var errs []error
	for _, l := range p.held {
		errs = append(errs, l.Release())
	}
	return errors.Join(errs...)
}

// home is where leases are: in the warehouse, or on this machine where the
// warehouse cannot be read.
func home(o Options) (store.Store, error) {
	if o.Config.WriteOnly() {
		return local.Open(filepath.Join(o.Config.Spool, dropDir))
	}
	return o.Store, nil
}

// alone calls f with Commit in hand, once what earlier runs left is finished or
// dropped.
func (p *run) alone(ctx context.Context, f func(context.Context) error) (err error) {
	commit, err := p.awaitCommit(ctx)
	if err != nil {
		return err
	}
	p.commit = commit
	defer func() { err = errors.Join(err, commit.Release()) }()
	if err := p.recover(ctx); err != nil {
		return err
	}
	return f(ctx)
}

func (p *run) recover(ctx context.Context) error {
	if p.o.Config.WriteOnly() {
		return p.recoverDrop(ctx)
	}
	if err := load.Recover(ctx, p.o.Store, p.o.hooks()); err != nil {
		return err
	}
	return load.Sweep(ctx, p.o.Store)
}

// spools are those that ended runs have left which collected some of what this
// one does: as it holds their leases, they do not go on. What cannot be read is
// left to runs of snapshots.
func (p *run) spools() ([]string, error) {
	dirs, err := spool.Find(p.o.Config.Spool)
	if err != nil {
		return nil, err
	}
	var ours []string
	for _, dir := range dirs {
		meta, err := spool.ReadMeta(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run has just removed it
		}
		if err != nil {
			meta.Leases = []string{store.Snapshots}
		}
		if slices.ContainsFunc(meta.Leases, func(l string) bool { return slices.Contains(p.leases, l) }) {
			ours = append(ours, dir)
		}
	}
	return ours, nil
}

// Waits for who publishes.
const (
	publishing = 30 * time.Minute // what it may take
	look       = time.Second
)

// awaitCommit takes Commit, which others hold only as long as they publish.
func (p *run) awaitCommit(ctx context.Context) (store.Lease, error) {
	var locked *store.LockedError
	for began := time.Now(); ; {
		l, err := Lock(ctx, p.home, store.Commit, p.o.Program)
		if !errors.As(err, &locked) || time.Since(began) > publishing {
			return l, err
		}
		p.o.Observer.Step("waiting until another run is published")
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(look):
		}
	}
}

// LockAll takes every lease, for who must know that no run goes on. The caller
// releases them.
func LockAll(ctx context.Context, s store.Store, collectors []*extract.Collector, program string) (release func() error, err error) {
	p := &run{o: Options{Program: program}, home: s, leases: []string{store.Snapshots, store.Commit}}
	for _, c := range collectors {
		for _, t := range c.Tables {
			lease, err := leaseOf(t.Name)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(p.leases, lease) {
				p.leases = append(p.leases, lease)
			}
		}
	}
	if err := p.hold(ctx); err != nil {
		return nil, errors.Join(err, p.give())
	}
	return p.give, nil
}

// Lock takes a lease for this process.
func Lock(ctx context.Context, s store.Store, name, program string) (store.Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find the name of this machine: %w", err)
	}
	return s.Lock(ctx, name, store.Holder{Host: host, PID: os.Getpid(), Program: "stocktake " + program, Since: time.Now()})
}
