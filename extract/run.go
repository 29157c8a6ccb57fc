package extract

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
	"stocktake/schemas"
	"stocktake/transform"
)

// Run is one run of the configuration's sources.
type Run struct {
	ID          string
	Config      *config.File
	Collectors  []*Collector
	Streams     map[string][]string
	OnlySources []string        // narrows this run; empty is all
	OnlyTables  map[string]bool // narrows this run; nil is all
	Base        Base
	Observer    Observer
	Now         func() time.Time // nil is the machine's clock
	Deadline    time.Time        // by Now, the end of collecting; zero is none
	Probe       *Probe           // tries what the run would do; nil is a run

	gate     *Gate
	plans    map[string]*transform.Plan
	slowness map[*Collector]float64 // what a row takes
	marks    marks
	spool    *spool.Spool
}

// Observer is told how a run gets on. Its methods are called from many
// goroutines.
type Observer interface {
	Discovering(source string)
	Planned(plan *Plan)
	UnitDone(u spool.Unit)
	AccountDone(source, account string)
}

func (r *Run) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// Prepare binds every table to its item type and opens the gate. It makes no
// call; its errors are defects of the program.
func (r *Run) Prepare() error {
	r.gate = NewGate(r.Collectors, r.Config.Rates, r.Config.Concurrency)
	r.plans = map[string]*transform.Plan{}
	r.slowness = map[*Collector]float64{}
	options := transform.Options{HashPersonal: r.Config.Redact == "personal"}
	for _, c := range r.Collectors {
		r.slowness[c] = r.gate.slowness(c)
		for _, t := range c.Tables {
			s, err := schemas.Newest(t.Name)
			if err != nil {
				return err
			}
			if r.plans[t.Name], err = transform.Compile(s, t.Item, options); err != nil {
				return fmt.Errorf("schemas/%s.json: %w", s.ID(), err)
			}
		}
	}
	return nil
}

// Gate is what the run's calls pass.
func (r *Run) Gate() *Gate { return r.gate }

// Extract collects the units of the plan, which it takes out of the plan, into
// the spool. Units whose outcome
// the spool already holds as final are not repeated. The error is the
// context's, or a fault of this machine; what AWS refuses is an outcome, and so
// is what the deadline leaves no time for.
func (r *Run) Extract(ctx context.Context, plan *Plan, to *spool.Spool) error {
	ctx, end := r.until(ctx)
	defer end()
	r.spool = to
	done := map[spool.UnitID]journaled{}
	for u, err := range to.Units() {
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		entry := journaled{final: !slices.ContainsFunc(u.Tables, func(t spool.TableResult) bool { return !t.Outcome.Kind.Final() })}
		if len(u.Tables) > 0 {
			entry.covers = u.Tables[0].Covers
		}
		done[u.ID] = entry
	}
	accounts := r.byAccount(plan, done)
	r.Observer.Planned(plan)
	plan.Units = nil // so that a unit that is done takes no memory
	workers := make(chan struct{}, r.Config.Concurrency.Units)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Config.Concurrency.Accounts)
	for i, units := range accounts {
		accounts[i] = nil
		g.Go(func() error { return r.account(ctx, units, workers) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return to.Sync()
}

func (r *Run) account(ctx context.Context, units []*Planned, workers chan struct{}) error {
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	begun := 0
	for _, p := range units {
		select {
		case workers <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		begun++
		wg.Add(1)
		go func() {
			defer func() { <-workers; wg.Done() }()
			if err := r.one(ctx, p); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		}()
	}
	wg.Wait()
	r.gate.forget(units[0].Unit.Account)
	for _, p := range units {
		p.Unit.session.forget()
	}
	select {
	case err := <-errs:
		return err
	default:
	}
	if ctx.Err() != nil && !late(ctx) {
		return context.Cause(ctx)
	}
	for _, p := range units[begun:] {
		if err := r.leave(p); err != nil {
			return err
		}
	}
	r.Observer.AccountDone(units[0].Unit.Source, units[0].Unit.Account)
	return nil
}

// one collects a unit and journals it.
func (r *Run) one(ctx context.Context, p *Planned) error {
	tables := map[string]bool{}
	for _, t := range p.Tables {
		tables[t] = true
	}
	entry, err := p.Unit.collect(ctx, tables)
	if err != nil {
		return err
	}
	if p.earlier && cutOff(entry) {
		return nil
	}
	return r.record(entry)
}

// record adds a unit to the journal.
func (r *Run) record(entry spool.Unit) error {
	if err := r.spool.Commit(entry); err != nil {
		return fmt.Errorf("journal unit: %w", err)
	}
	r.Observer.UnitDone(entry)
	return nil
}

// Advise gives an outcome without advice a sentence that says what it means.
func Advise(o outcome.Outcome) string {
	if o.Advice != "" {
		return o.Advice
	}
	switch o.Kind {
	case outcome.NotEnabled:
		return "Nothing to do; enable the service there if you want its data."
	case outcome.RegionDisabled:
		return "Nothing to do; the account does not use the region."
	case outcome.Unavailable:
		return "Nothing to do; the service does not exist in the region."
	}
	return ""
}
