// Package pipeline is a run from beginning to end: an ordered list of steps
// over the packages that do the work. It knows their order and what one hands
// to the next; it knows no flags, prints nothing, and has no DuckDB.
package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/internal/runid"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store"
	"stocktake/schemas"
)

// Options are what a run is made of.
type Options struct {
	Config     *config.File
	Store      store.Store
	Collectors []*extract.Collector
	Streams    map[string][]string
	Base       extract.Base
	Sources    []string        // narrows the run; empty is all
	Tables     map[string]bool // narrows the run; nil is all
	Resume     bool
	Observer   Observer
	Now        func() time.Time // nil is the machine's clock
	Program    string           // version of the program

	// Views is called after a commit, to refresh what is made from the tables.
	// Doing it again has no effect.
	Views func(context.Context) error
}

// Observer is told how a run gets on.
type Observer interface {
	extract.Observer
	Step(name string)
}

// Result is what a run came to.
type Result struct {
	RunID, Date string
	Exit        int // 0, or 3 when some unit is not complete
	Coverage    iter.Seq[load.CoverageRow]
	Calls       int64
	Throttles   int64
	Bytes       int64 // of the files that were written
	Duration    time.Duration
	Notes       []string // what the user should know, such as a spool that was dropped
}

// Interrupted is the error of a run that was stopped and can go on with Resume.
type Interrupted struct {
	RunID string
	err   error
}

func (e *Interrupted) Error() string {
	return fmt.Sprintf("run %s was stopped; `stocktake run --resume` goes on where it was", e.RunID)
}

func (e *Interrupted) Unwrap() error { return e.err }

// run is the state that steps hand on.
type run struct {
	o       Options
	id      string
	date    string // UTC, of the snapshot
	parent  string // the last commit when the run began
	started time.Time
	staging string
	exit    int
	notes   []string

	home   store.Store   // of the leases
	leases []string      // names of those that are held all along
	held   []store.Lease // these
	commit store.Lease   // Commit, as long as the run is alone

	extract  *extract.Run
	state    *load.State
	last     map[string]load.StateTable // files of the last commit, by table
	previous extract.Previous
	plan     *extract.Plan
	spool    *spool.Spool
	book     *book

	loaded map[string]loaded
	bytes  int64 // of the files that are published
}

// softMemory is from where on the garbage collector works harder, in bytes. What
// a run over hundreds of accounts needs is some two thirds of it; left alone, the
// heap would grow to twice its need before it is looked through.
const softMemory = 330 << 20

// Economize bounds the memory of the process, unless GOMEMLIMIT says otherwise.
func Economize() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
}

// Run collects and publishes. An error means that nothing was published, unless
// it is a *load.UnfinishedError: then the next run finishes what is left.
func Run(ctx context.Context, o Options) (result *Result, err error) {
	p := &run{o: o, loaded: map[string]loaded{}}
	p.started = p.now()
	defer func() { err = errors.Join(err, p.close()) }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"", p.probe},                            // can the warehouse be written at all?
		{"", p.take},                             // what no other run may collect meanwhile; and what the last commit left
		{"", p.open},                             // a spool, new or resumed
		{"finding accounts and regions", p.find}, // the units
		{"collecting", p.collect},                // pages of the SDK, through transform, into the spool
		{"writing tables", p.write},              // one verified Parquet file each
		{"publishing", p.publishAlone},           // the commit, then what makes it visible
	} {
		if step.name != "" {
			o.Observer.Step(step.name)
		}
		if err := step.do(ctx); err != nil {
			if ctx.Err() != nil && p.spool != nil {
				return nil, &Interrupted{p.id, err}
			}
			return nil, err
		}
	}
	return &Result{
		RunID: p.id, Date: p.date, Exit: p.exit, Coverage: p.coverage(), Notes: p.notes,
		Calls: p.extract.Gate().Calls.Load(), Throttles: p.extract.Gate().Throttles.Load(), Bytes: p.bytes, Duration: p.now().Sub(p.started),
	}, nil
}

func (p *run) now() time.Time {
	if p.o.Now != nil {
		return p.o.Now()
	}
	return time.Now()
}

func (p *run) close() error {
	var errs []error
	if p.spool != nil {
		errs = append(errs, p.spool.Close())
	}
	return errors.Join(append(errs, p.give())...)
}

// hooks are what follows a commit, that of an earlier run too.
func (o Options) hooks() load.Hooks {
	return load.Hooks{
		AfterCommit: func(ctx context.Context, _ *load.Manifest) error {
			if o.Views == nil {
				return nil
			}
			return o.Views(ctx)
		},
		Cleanup: func(_ context.Context, run string) error {
			return spool.Remove(filepath.Join(o.Config.Spool, run))
		},
	}
}

func (p *run) probe(ctx context.Context) error { return p.o.Store.Probe(ctx) }

// Complete finishes what a run that was cut off has left, for readers that
// cannot see it before.
func Complete(ctx context.Context, o Options) error {
	lease, err := Lock(ctx, o.Store, store.Commit, o.Program)
	if err != nil {
		return err
	}
	return errors.Join(load.Recover(ctx, o.Store, o.hooks()), lease.Release())
}

func (p *run) readLast(ctx context.Context) (err error) {
	if p.o.Config.WriteOnly() {
		p.state = &load.State{}
		return nil
	}
	p.state, p.previous, err = readLast(ctx, p.o)
	if err != nil {
		return err
	}
	p.parent = p.state.Head.Run
	p.byTable()
	return nil
}

func (p *run) byTable() {
	p.last = map[string]load.StateTable{}
	for _, t := range p.state.Tables {
		p.last[t.Table] = t
	}
}

func readLast(ctx context.Context, o Options) (*load.State, extract.Previous, error) {
	state, err := load.AwaitState(ctx, o.Store)
	if err != nil {
		return nil, extract.Previous{}, err
	}
	var previous extract.Previous
	for _, t := range state.Tables {
		if t.Table == load.CoverageTable {
			err = o.reading(ctx, state.Head.Run, t, "", func(path string) (err error) {
				previous, err = readCoverage(path)
				return err
			})
		}
	}
	return state, previous, err
}

// reading calls f with a path where a file of the last commit can be read on
// this machine. A copy, where one is needed, is made in a new directory in dir.
func (o Options) reading(ctx context.Context, head string, t load.StateTable, dir string, f func(path string) error) (err error) {
	if t.Location.Remote() {
		if dir, err = os.MkdirTemp(dir, "stocktake-"); err != nil {
			return fmt.Errorf("read table %s of the last run: %w", t.Table, err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	path, err := store.Fetch(ctx, o.Store, head, t.Object(), dir)
	if err != nil {
		return fmt.Errorf("read table %s of the last run: %w", t.Table, err)
	}
	return f(path)
}

// Plan does the first steps of a run, up to the units, and returns the rows of
// each table that the last run had. It writes nothing.
func Plan(ctx context.Context, o Options) (*extract.Plan, map[string]int64, error) {
	var previous extract.Previous
	if !o.Config.WriteOnly() {
		var err error
		if _, previous, err = readLast(ctx, o); err != nil {
			return nil, nil, err
		}
	}
	p := &run{o: o, previous: previous, started: time.Now()}
	p.id = runid.New(p.started)
	if err := p.begin(); err != nil {
		return nil, nil, err
	}
	err := p.find(ctx)
	return p.plan, previous.Rows(), err
}

// open resumes the spool of a run that was stopped, or begins a new run and
// drops such spools.
func (p *run) open(ctx context.Context) error {
	dirs, err := p.spools()
	if err != nil {
		return fmt.Errorf("look for spools: %w", err)
	}
	if p.o.Resume {
		return p.resume(ctx, dirs)
	}
	for _, dir := range dirs {
		if err := spool.Remove(dir); err != nil {
			return fmt.Errorf("drop the spool of an earlier run: %w", err)
		}
		p.notes = append(p.notes, fmt.Sprintf("dropped what run %s had collected before it was stopped (--resume would have gone on with it)", filepath.Base(dir)))
	}
	p.id, p.date = runid.New(p.started), p.started.UTC().Format(time.DateOnly)
	p.spool, err = spool.Create(filepath.Join(p.o.Config.Spool, p.id), spool.Meta{
		RunID: p.id, Date: p.date, ConfigHash: p.asked(), Parent: p.parent, Leases: p.leases, Program: p.o.Program, StartedAt: p.started,
	})
	if err != nil {
		return fmt.Errorf("create spool: %w", err)
	}
	return p.begin()
}

// ErrNoResume is the error of a run that is to go on and cannot.
var ErrNoResume = errors.New("resume")

func (p *run) resume(ctx context.Context, dirs []string) error {
	if len(dirs) == 0 {
		return fmt.Errorf("%w: there is no stopped run in %s; run without --resume", ErrNoResume, p.o.Config.Spool)
	}
	dir := dirs[len(dirs)-1]
	s, lost, err := spool.Open(dir)
	if err != nil {
		return fmt.Errorf("%w: %w; run without --resume", ErrNoResume, err)
	}
	p.spool = s
	meta := s.Meta()
	apart := p.state.Apart(ctx, p.o.Store, meta.Parent, p.leases)
	if apart != nil && !errors.Is(apart, store.ErrConflict) {
		return apart
	}
	for _, check := range []struct {
		wrong bool
		why   string
	}{
		{meta.ConfigHash != p.asked(), "the configuration has changed since, or what --source and --collect ask for"},
		{apart != nil, "another run was published since"},
		{p.started.Sub(meta.StartedAt) > load.ResumeWithin, "it is older than a day"},
		{meta.Program != p.o.Program, fmt.Sprintf("it is of stocktake %s and this is %s", meta.Program, p.o.Program)},
	} {
		if check.wrong {
			return fmt.Errorf("%w: run %s cannot go on: %s; run without --resume", ErrNoResume, meta.RunID, check.why)
		}
	}
	p.id, p.date, p.parent = meta.RunID, meta.Date, meta.Parent
	if len(lost) > 0 {
		p.notes = append(p.notes, fmt.Sprintf("%d units are collected again: their files were damaged", len(lost)))
	}
	return p.begin()
}

// asked identifies what the run is to collect: the configuration, and what
// narrows it.
func (p *run) asked() string {
	if len(p.o.Sources) == 0 && p.o.Tables == nil {
		return p.o.Config.Hash()
	}
	sum := sha256.New()
	fmt.Fprintln(sum, p.o.Config.Hash(), slices.Sorted(slices.Values(p.o.Sources)), slices.Sorted(maps.Keys(p.o.Tables)))
	return hex.EncodeToString(sum.Sum(nil))
}

func (p *run) begin() error {
	p.extract = &extract.Run{
		ID: p.id, Config: p.o.Config, Collectors: p.o.Collectors, Streams: p.o.Streams,
		OnlySources: p.o.Sources, OnlyTables: p.o.Tables, Base: p.o.Base, Observer: p.o.Observer, Now: p.o.Now,
	}
	if limit := p.o.Config.MaxDuration; limit > 0 {
		p.extract.Deadline = p.started.Add(limit)
	}
	return p.extract.Prepare()
}

func (p *run) find(ctx context.Context) (err error) {
	p.plan, err = p.extract.Plan(ctx, p.previous)
	return err
}

func (p *run) collect(ctx context.Context) error {
	p.book = newBook(p.extract, p.plan, p.previous)
	if err := p.extract.Extract(ctx, p.plan, p.spool); err != nil {
		return err
	}
	return p.book.read(p.spool)
}

func (p *run) write(ctx context.Context) error {
	p.staging = filepath.Join(p.spool.Dir(), "tables")
	if err := p.writeTables(ctx); err != nil {
		return err
	}
	p.exit = exitOf(p.coverage(), p.o.Config.AcceptBlocked)
	return nil
}

func (p *run) publishAlone(ctx context.Context) error { return p.alone(ctx, p.publish) }

// follow makes the run one that follows the last commit: runs that share no
// lease with it may have been published since it began. One of events alone is
// of the day of the last snapshot, since it makes none.
func (p *run) follow(ctx context.Context) error {
	if p.o.Config.WriteOnly() {
		return nil
	}
	state, err := load.AwaitState(ctx, p.o.Store)
	if err != nil {
		return err
	}
	if err := state.Apart(ctx, p.o.Store, p.parent, p.leases); err != nil {
		return err
	}
	p.state = state
	p.byTable()
	if !slices.Contains(p.leases, store.Snapshots) && state.Manifest != nil {
		p.date = state.Manifest.Date
	}
	return nil
}

// publish makes the run visible, with the tables that stocktake keeps about itself.
func (p *run) publish(ctx context.Context) error {
	if err := p.follow(ctx); err != nil {
		return err
	}
	publication := load.Publication{
		Head: p.state.Head, Leases: append(slices.Clone(p.held), p.commit), Hooks: p.o.hooks(), Now: p.now,
		Manifest: load.Manifest{
			Run: p.id, Leases: p.leases, Date: p.date, StartedAt: p.started.UTC(), Program: p.o.Program, ConfigHash: p.o.Config.Hash(), ExitCode: p.exit, Sources: p.sources(),
		},
	}
	for _, l := range p.loaded {
		publication.Events = append(publication.Events, l.events...)
		if l.schema.EventTime == "" {
			publication.Tables = append(publication.Tables, load.TableFile{Schema: l.schema, File: l.file})
		}
	}
	for name, t := range p.last {
		if _, written := p.loaded[name]; !written && !about(name) {
			publication.Kept = append(publication.Kept, t.ManifestTable)
		}
	}
	tables, history, err := p.writeAbout(ctx)
	if err != nil {
		return err
	}
	publication.Tables = append(publication.Tables, tables...)
	publication.Events = append(publication.Events, history)
	if err := p.compact(ctx, &publication); err != nil {
		return err
	}
	p.bytes = publication.Bytes()
	if p.o.Config.WriteOnly() {
		return p.drop(ctx, publication)
	}
	if _, err := load.Publish(ctx, p.o.Store, publication); err != nil {
		return err
	}
	return p.retain(ctx)
}

// compact adds what closed days of events become, of those tables that no other
// run adds to meanwhile. A day that stays as it is harms nobody.
func (p *run) compact(ctx context.Context, to *load.Publication) error {
	if p.o.Config.WriteOnly() {
		return nil
	}
	for _, name := range append(slices.Clone(p.leases), load.CoverageTable) {
		if name == store.Snapshots {
			continue
		}
		s, err := schemas.Newest(name)
		if err != nil {
			return err
		}
		done, err := load.Compact(ctx, load.CompactInput{
			Store: p.o.Store, Schema: s, Staging: p.staging, RunID: p.id, Version: p.o.Program, Now: p.now(),
			Written: slices.DeleteFunc(slices.Clone(to.Events), func(e load.EventFile) bool { return e.Schema != s }),
		})
		if err != nil {
			return err
		}
		to.Events = append(to.Events, done.Files...)
		to.Replaced = append(to.Replaced, done.Replaced...)
		for _, problem := range done.Problems {
			p.notes = append(p.notes, problem.Error())
		}
	}
	return nil
}

// retain removes old snapshots. The run is published whatever becomes of that,
// and the next one tries again.
func (p *run) retain(ctx context.Context) error {
	keep := p.o.Config.Keep
	if keep == nil || !slices.Contains(p.leases, store.Snapshots) {
		return nil
	}
	removed, err := load.Retain(ctx, p.o.Store, load.Keep(*keep))
	if err != nil {
		return &load.UnfinishedError{Run: p.id, Err: err}
	}
	if n := len(removed.Dates); n > 0 {
		p.notes = append(p.notes, fmt.Sprintf("removed %d files (%d bytes) of snapshots that keep does not name, of %s to %s", removed.Files, removed.Bytes, removed.Dates[0], removed.Dates[n-1]))
	}
	return nil
}

// sources are those of the manifest; one that was not asked keeps its accounts.
func (p *run) sources() []load.ManifestSource {
	var sources []load.ManifestSource
	asked := map[string]bool{}
	for _, s := range p.plan.Sources {
		asked[s.Source.Name] = true
		m := load.ManifestSource{Name: s.Source.Name}
		for _, a := range s.Accounts {
			m.Accounts = append(m.Accounts, a.ID)
		}
		sources = append(sources, m)
	}
	if p.state.Manifest == nil {
		return sources
	}
	for _, s := range p.state.Manifest.Sources {
		if !asked[s.Name] && slices.ContainsFunc(p.o.Config.Sources, func(c config.Source) bool { return c.Name == s.Name }) {
			sources = append(sources, s)
		}
	}
	return sources
}
