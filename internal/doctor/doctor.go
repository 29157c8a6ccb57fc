// Package doctor tries in seconds what a run would do, before any collection, and
// says of each thing that fails what is the cause and what the cure. It knows
// which things to try and what AWS's refusals mean to who configures access; the
// calls are those of package extract, and nothing that they return is kept.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/runid"
	"stocktake/internal/spool"
	"stocktake/load/store"
)

// Level says what a finding means for a run.
type Level string

const (
	OK   Level = "ok"
	Warn Level = "warn" // a run would be complete all the same
	Fail Level = "fail" // a run would record it as not complete, or not come to an end
)

// Finding is what came of trying one thing.
type Finding struct {
	Level   Level  `json:"level"`
	Source  string `json:"source,omitempty"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Service string `json:"service,omitempty"`
	What    string `json:"what"`
	Cause   string `json:"cause,omitempty"`
	Cure    string `json:"cure,omitempty"`
}

// Report is all that was found.
type Report struct {
	Exit     int       `json:"exit_code"`
	Calls    int64     `json:"calls"`
	Seconds  float64   `json:"seconds"`
	Findings []Finding `json:"findings"`
}

// Options are what is examined.
type Options struct {
	Config     *config.File
	Collectors []*extract.Collector
	Streams    map[string][]string
	Base       extract.Base
	Sources    []string // narrows; empty is all
	Choose     func(accounts []string) []string
	Deep       bool
	Observer   extract.Observer
	Step       func(name string)

	Store  func(context.Context) (store.Store, error)
	DuckDB func(context.Context) error // starts the engine that reads the warehouse
	HTTPFS func() (string, error)      // finds DuckDB's extension for S3
}

type examination struct {
	Options
	findings []Finding
	calls    int64
	reached  bool // an account has answered, be it that a service is off
	unsafe   bool // what a run writes cannot be written
}

// Run examines what the options name. The error is the context's, or a fault of
// this machine that has no finding of its own.
func Run(ctx context.Context, o Options) (*Report, error) {
	began := time.Now()
	e := &examination{Options: o}
	e.Step("warehouse")
	e.warehouse(ctx)
	e.machine(ctx)
	skewed := false
	for i := range o.Config.Sources {
		s := &o.Config.Sources[i]
		if !s.Activate || len(o.Sources) > 0 && !slices.Contains(o.Sources, s.Name) {
			continue
		}
		e.Step("source " + s.Name)
		if err := e.source(ctx, s, &skewed); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r := &Report{Calls: e.calls, Seconds: time.Since(began).Round(10 * time.Millisecond).Seconds(), Findings: e.findings}
	switch {
	case e.unsafe || !e.reached:
		r.Exit = 1
	case slices.ContainsFunc(e.findings, func(f Finding) bool { return f.Level == Fail }):
		r.Exit = 3
	}
	return r, nil
}

func (e *examination) add(f Finding) { e.findings = append(e.findings, f) }

// source examines the ways into a source, its accounts and what they answer.
func (e *examination) source(ctx context.Context, s *config.Source, skewed *bool) (err error) {
	file := *e.Config
	file.Retry.MaxAttempts = min(file.Retry.MaxAttempts, 3) // who waits at a terminal wants the answer
	run := &extract.Run{
		ID: runid.New(time.Now()), Config: &file, Collectors: e.Collectors, Streams: e.Streams, OnlySources: []string{s.Name},
		Base: e.Base, Observer: e.Observer, Probe: &extract.Probe{Choose: e.Choose, Deep: e.Deep},
	}
	if err := run.Prepare(); err != nil {
		return err
	}
	defer func() { e.calls += run.Gate().Calls.Load() }()
	way := e.steps(s, run.Steps(ctx, s), skewed)
	if !way.open {
		return nil
	}
	plan, err := run.Plan(ctx, extract.Previous{})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		e.add(way.discovery(s, err))
		return nil
	}
	e.accounts(s, plan.Sources[0], way)
	return e.services(ctx, s, run, plan)
}

// access is what is known of who enters a source's accounts.
type access struct {
	open   bool
	caller string // ARN of the base identity
	lister string // ARN of who lists the accounts
}

func (e *examination) steps(s *config.Source, steps []extract.Step, skewed *bool) access {
	way := access{open: true}
	for _, step := range steps {
		f := Finding{Level: OK, Source: s.Name, Service: "sts", What: "the base identity is " + step.Caller}
		if step.Role != "" {
			f.Account = accountOf(step.Role)
			f.What = "entered as " + step.Caller
		}
		switch {
		case step.Err != nil && step.Role == "":
			f.What = "the base identity does not answer"
			f.fail(baseCause(step.Err, profileOf(s)))
		case step.Err != nil:
			f.What = "role " + step.Role + " cannot be assumed"
			f.fail(roleCause(extract.Explain(step.Err), role{arn: step.Role, caller: way.lister}))
		case step.Role == "" && way.caller == "":
			way.caller = step.Caller
		}
		way.lister = step.Caller
		way.open = way.open && step.Err == nil
		e.add(f)
		e.clock(step.Skew, skewed)
	}
	return way
}

// tolerated is how wrong a clock may go: AWS refuses requests from five minutes on.
const tolerated = time.Minute

func (e *examination) clock(skew *time.Duration, told *bool) {
	if skew == nil || *told {
		return
	}
	*told = true
	by := skew.Abs().Round(10 * time.Second)
	if by <= tolerated {
		e.add(Finding{Level: OK, What: fmt.Sprintf("the clock of this machine is within %s of AWS's", tolerated)})
		return
	}
	side := "behind"
	if *skew < 0 {
		side = "ahead of"
	}
	e.add(Finding{
		Level: Warn, What: fmt.Sprintf("the clock of this machine is %s %s AWS's", by, side),
		Cause: "The clock is not kept by NTP, or the machine was suspended. AWS refuses requests that are signed more than five minutes off; the SDK corrects for that as far as it can, and the times of runs are wrong.",
		Cure:  "Have the machine keep its time by NTP (timedatectl set-ntp true).",
	})
}

// accounts says which accounts were entered, and which of their regions can be used.
func (e *examination) accounts(s *config.Source, p *extract.SourcePlan, way access) {
	found := max(p.Found, len(p.Accounts))
	if found == 0 || len(p.Accounts) == 0 {
		e.add(Finding{
			Level: Fail, Source: s.Name, What: fmt.Sprintf("none of %d accounts is to be tried", found),
			Cause: "The filter of the source, or --accounts, leaves none that is active.", Cure: "Correct accounts of the source (include, exclude, units), or give --accounts accounts that the source has.",
		})
		return
	}
	if s.Organization != nil || s.Role != nil && s.Role.WholeOrganization {
		e.add(Finding{Level: OK, Source: s.Name, Service: "organizations", What: fmt.Sprintf("%d accounts found; trying %d", found, len(p.Accounts))})
	}
	entered, refused := 0, 0
	for _, a := range p.Accounts {
		switch own := a.ID == accountOf(way.caller) || a.ID == accountOf(way.lister); {
		case a.Failed != nil:
			refused++
		case !own: // those need no member role
			entered++
		}
	}
	for _, a := range p.Accounts {
		f := Finding{Level: OK, Source: s.Name, Account: a.ID, What: "the account that answers is the expected one"}
		switch {
		case a.Failed != nil:
			arn := memberRole(s, a)
			f.What = "role " + arn + " cannot be assumed"
			if a.Failed.Code == "wrong_account" {
				f.What = "another account answers"
			}
			f.fail(roleCause(*a.Failed, role{arn: arn, caller: way.caller, others: entered, refused: refused, sameName: s.Roles == nil}))
			e.add(f)
			continue
		}
		e.add(f)
		e.regions(s, a)
	}
}

func (e *examination) regions(s *config.Source, a *extract.Account) {
	f := Finding{Level: OK, Source: s.Name, Account: a.ID}
	if a.NoRegions != nil {
		f.What = "the regions that the account uses cannot be found"
		f.fail(cause(*a.NoRegions), "Allow account:ListRegions or ec2:DescribeRegions to the role there, or list the regions of the source by name.")
		e.add(f)
		return
	}
	for _, region := range slices.Sorted(maps.Keys(a.Probed.Unusable)) {
		o := a.Probed.Unusable[region]
		off := f
		off.Region, off.What = region, "the region cannot be used"
		if o.Kind == outcome.RegionDisabled {
			off.Level, off.Cause, off.Cure = Warn, "The account has not opted in to the region ("+o.Code+"): a run records region_disabled there, which is no fault.",
				"Enable it (aws account enable-region --region-name "+region+"), or leave it out of regions of the source."
		} else {
			off.fail(cause(o), cure(o, s.Name))
		}
		e.add(off)
	}
	usable := len(a.Probed.All) - len(a.Probed.Unusable)
	if usable > 0 {
		f.What = fmt.Sprintf("%d of %d regions can be used", usable, len(a.Probed.All))
		e.add(f)
	}
}

// services makes the calls of the plan, and says which services answer.
func (e *examination) services(ctx context.Context, s *config.Source, run *extract.Run, plan *extract.Plan) (err error) {
	dir, err := os.MkdirTemp("", "stocktake-doctor-")
	if err != nil {
		return fmt.Errorf("make a folder for what is tried: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rows, err := spool.Create(filepath.Join(dir, run.ID), spool.Meta{RunID: run.ID, Date: time.Now().UTC().Format(time.DateOnly), StartedAt: time.Now()})
	if err != nil {
		return fmt.Errorf("make a folder for what is tried: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	service := map[string]string{}
	for _, c := range e.Collectors {
		service[c.Name] = c.Service.Name
	}
	found := map[Finding]bool{}
	for _, p := range plan.Units { // what is known without asking, of accounts that can be asked
		if p.Preset != nil && p.Preset.Kind == outcome.NotEnabled {
			e.unit(s, found, p.Unit.Account, p.Unit.Region, p.Unit.Collector.Service.Name, p.Tables[0], *p.Preset)
		}
	}
	if err := run.Extract(ctx, plan, rows); err != nil {
		return err
	}
	answered := map[[2]string][]string{} // services by account and region
	for u, err := range rows.Units() {
		if err != nil {
			return fmt.Errorf("read what came of the calls: %w", err)
		}
		name, good := service[u.ID.Collector], true
		for _, t := range u.Tables {
			good = e.unit(s, found, u.ID.Account, u.ID.Region, name, t.Table, t.Outcome) && good
		}
		if good {
			at := [2]string{u.ID.Account, u.CollectedRegion}
			answered[at] = append(answered[at], name)
		}
	}
	for at, names := range answered {
		slices.Sort(names)
		names = slices.Compact(names)
		found[Finding{Level: OK, Source: s.Name, Account: at[0], Region: at[1], What: fmt.Sprintf("%d services answer: %s", len(names), strings.Join(names, ", "))}] = true
	}
	e.findings = append(e.findings, slices.SortedFunc(maps.Keys(found), func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), strings.Compare(a.Service, b.Service),
			strings.Compare(a.What, b.What), strings.Compare(a.Cause, b.Cause))
	})...)
	return nil
}

// unit notes what came of a table, and reports whether it was read. Tables that
// fail for the same call are one finding.
func (e *examination) unit(s *config.Source, found map[Finding]bool, account, region, service, table string, o outcome.Outcome) bool {
	f := Finding{Source: s.Name, Account: account, Region: region, Service: service, Cause: cause(o), Cure: cure(o, service)}
	what := table
	if o.MissingAction != "" {
		what = o.MissingAction
	}
	e.reached = e.reached || !o.Kind.Incomplete(e.Config.AcceptBlocked)
	switch {
	case o.Kind.Incomplete(e.Config.AcceptBlocked):
		f.Level, f.What = Fail, what+": "+string(o.Kind)
		if o.Kind == outcome.Partial {
			f.What += ", without " + strings.Join(o.Columns, ", ")
		}
	case o.Kind == outcome.NotEnabled:
		f.Level, f.What = Warn, "not switched on there"
	case o.Kind == outcome.Blocked, o.Kind == outcome.RegionDisabled, o.Kind == outcome.Unavailable:
		f.Level, f.What = Warn, what+": "+string(o.Kind)
	default:
		return true
	}
	found[f] = true
	return false
}

func (f *Finding) fail(cause, cure string) { f.Level, f.Cause, f.Cure = Fail, cause, cure }

// memberRole is the ARN of the role that enters an account, "" where none does.
func memberRole(s *config.Source, a *extract.Account) string {
	switch {
	case s.Organization != nil:
		return s.Organization.MemberRoleARN(a.Partition, a.ID)
	case s.Role != nil:
		last := s.Role.Hops[len(s.Role.Hops)-1].RoleARN
		return strings.Replace(last, ":"+accountOf(last)+":", ":"+a.ID+":", 1)
	}
	for _, r := range s.Roles {
		if last := r.Hops[len(r.Hops)-1].RoleARN; accountOf(last) == a.ID {
			return last
		}
	}
	return ""
}

// accountOf is the account of an ARN, "" where it has none.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// profileOf is the profile that the base identity comes from.
func profileOf(s *config.Source) string {
	keys := s.Credentials
	if s.Keys != nil {
		keys = s.Keys
	}
	if keys != nil && keys.Profile != "" {
		return keys.Profile
	}
	return cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
}
