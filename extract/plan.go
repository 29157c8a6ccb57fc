package extract

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
)

// Planned is a unit of the run, or the reason why it cannot be collected.
type Planned struct {
	Unit   *Unit
	Tables []string         // of the collector, those that are collected
	Preset *outcome.Outcome // set where nothing is asked
	Done   bool             // by the run that this one resumes

	left    *Left // nil is nothing, as nearly always: a plan has hundreds of thousands of units
	share   share
	earlier bool // the run that this one resumes has an outcome, if not a final one
}

// Left is what a unit leaves of its collector's tables.
type Left struct {
	Skipped []string // configured too, but not asked for in this run
	Taken   []Taken  // what another source collects
}

// Left is what the unit leaves of the tables that are configured.
func (p *Planned) Left() Left {
	if p.left == nil {
		return Left{}
	}
	return *p.left
}

// leave returns what the unit leaves, to be added to.
func (p *Planned) leave() *Left {
	if p.left == nil {
		p.left = &Left{}
	}
	return p.left
}

// share is the part of a collector's tables that is a unit's to collect, where
// an administrator's view has some of them.
type share byte

const (
	allTables share = iota
	viewTables
	otherTables
)

// asks reports whether a table of the collector is the unit's to collect.
func (p *Planned) asks(table string) bool {
	return p.share == allTables || slices.Contains(p.Unit.Collector.Administrator.Tables, table) == (p.share == viewTables)
}

// Taken is a place of a table that an earlier source collects.
type Taken struct {
	Table string
	Place Place
	By    string
}

// Outcome of what another source collects.
func (t Taken) Outcome() outcome.Outcome {
	return outcome.Outcome{Kind: outcome.Skipped, Code: "other_source", Message: "collected by source " + t.By}
}

// IsTaken reports whether another source collects a place of a table.
func (p *Planned) IsTaken(table string, place Place) bool {
	return slices.ContainsFunc(p.Left().Taken, func(t Taken) bool { return t.Table == table && t.Place == place })
}

// Plan is what a run will do.
type Plan struct {
	Sources []*SourcePlan
	Units   []*Planned
}

// Select returns the names of the tables that patterns stand for: streams,
// table names and globs over table names ("*" is everything but what is
// collected on request alone).
func Select(collectors []*Collector, streams map[string][]string, patterns []string) (map[string]bool, error) {
	selected := map[string]bool{}
	for _, pattern := range patterns {
		globs, isStream := streams[pattern]
		if !isStream {
			globs = []string{pattern}
		}
		found := false
		for _, glob := range globs {
			for _, c := range collectors {
				for _, t := range c.Tables {
					ok, err := path.Match(glob, t.Name)
					if err != nil {
						return nil, fmt.Errorf("%q is not a valid pattern: %w", pattern, err)
					}
					if ok && (glob == t.Name || !slices.Contains(c.OnRequest, t.Name)) {
						selected[t.Name], found = true, true
					}
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is neither a stream, nor a table, nor a pattern that some table matches; `stocktake tables` lists them", pattern)
		}
	}
	return selected, nil
}

// Plan discovers accounts and regions and lists the units of the run. A source
// whose accounts cannot be found and never were is an error. Sources that are
// not asked, or not active, keep the places that they had. When the deadline
// passes, there is nothing left that the run could do, so that is an error too.
func (r *Run) Plan(ctx context.Context, previous Previous) (*Plan, error) {
	ctx, end := r.until(ctx)
	defer end()
	plan, err := r.plan(ctx, previous)
	if late(ctx) {
		return nil, fmt.Errorf("%w, and accounts and regions are not found yet: raise it, or see whether calls are throttled or the network is slow", ErrDeadline)
	}
	return plan, err
}

func (r *Run) plan(ctx context.Context, previous Previous) (*Plan, error) {
	r.marks = previous.marks()
	plan := &Plan{}
	claimed := map[claim]string{}
	for i := range r.Config.Sources {
		s := &r.Config.Sources[i]
		if !r.Asks(s) {
			r.keepClaims(s.Name, previous, claimed)
			continue
		}
		r.Observer.Discovering(s.Name)
		p, err := r.discover(ctx, s, previous)
		if err != nil {
			return nil, err
		}
		plan.Sources = append(plan.Sources, p)
		if r.Probe != nil {
			if err := r.narrow(ctx, p); err != nil {
				return nil, err
			}
		}
		units, err := r.units(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, u := range units {
			r.claim(u, claimed)
			plan.Units = append(plan.Units, u)
		}
	}
	return plan, nil
}

// Asks reports whether the run asks the source: it is active, and the run was
// not narrowed to others.
func (r *Run) Asks(s *config.Source) bool {
	return s.Activate && (len(r.OnlySources) == 0 || slices.Contains(r.OnlySources, s.Name))
}

// claim is what only one source may collect.
type claim struct {
	table string
	Place
}

// claim gives each table and place of a unit to the first source that names
// them.
func (r *Run) claim(p *Planned, claimed map[claim]string) {
	places := p.Unit.Covers
	if len(places) == 0 {
		places = []Place{{Account: p.Unit.Account, Region: p.Unit.Region}}
	}
	if r.OnlyTables == nil && r.unclaimed(p, places, claimed) {
		return // as nearly always: the list of tables stays that of all units
	}
	var asked []string
	for _, t := range p.Tables {
		left := len(places)
		for _, place := range places {
			key := claim{t, place}
			if owner, taken := claimed[key]; taken && owner != p.Unit.Source {
				p.leave().Taken = append(p.leave().Taken, Taken{t, place, owner})
				left--
				continue
			}
			claimed[key] = p.Unit.Source
		}
		switch {
		case left == 0:
		case r.OnlyTables != nil && !r.OnlyTables[t]:
			p.leave().Skipped = append(p.leave().Skipped, t)
		default:
			asked = append(asked, t)
		}
	}
	if p.Tables = asked; len(asked) == 0 {
		p.Preset = &NotAsked
		p.Tables, p.leave().Skipped = p.Left().Skipped, nil
	}
}

// unclaimed reports whether no other source has a place of the unit, and claims
// them all then.
func (r *Run) unclaimed(p *Planned, places []Place, claimed map[claim]string) bool {
	for _, t := range p.Tables {
		for _, place := range places {
			if owner, taken := claimed[claim{t, place}]; taken && owner != p.Unit.Source {
				return false
			}
		}
	}
	for _, t := range p.Tables {
		for _, place := range places {
			claimed[claim{t, place}] = p.Unit.Source
		}
	}
	return true
}

// NotAsked is the outcome of what a run was narrowed to leave out.
var NotAsked = outcome.Outcome{Kind: outcome.Skipped, Code: "not_asked", Message: "not asked for in this run"}

// keepClaims keeps the places of a source that is not asked from other sources.
func (r *Run) keepClaims(source string, previous Previous, claimed map[claim]string) {
	for _, c := range previous.Coverage {
		if c.Source == source && c.Outcome != outcome.Skipped && c.Outcome != outcome.OutOfScope {
			claimed[claim{c.Table, Place{Account: c.Account, Region: c.Region}}] = source
		}
	}
}

// units lists the units of a source.
func (r *Run) units(ctx context.Context, p *SourcePlan) ([]*Planned, error) {
	tables, err := Select(r.Collectors, r.Streams, p.Source.Collect)
	if err != nil {
		return nil, fmt.Errorf("source %s: collect: %w", p.Source.Name, err)
	}
	var units []*Planned
	for _, c := range r.Probe.probed(r.Collectors, tables) {
		var chosen []string
		for _, t := range c.Tables {
			if tables[t.Name] {
				chosen = append(chosen, t.Name)
			}
		}
		if len(chosen) == 0 {
			continue
		}
		of, err := r.unitsOf(ctx, p, c)
		if err != nil {
			return nil, err
		}
		for _, u := range of {
			u.Tables = chosen // shared: there are hundreds of thousands of units
			if u.share != allTables {
				u.Tables = slices.DeleteFunc(slices.Clone(chosen), func(t string) bool { return !u.asks(t) })
			}
			if len(u.Tables) > 0 {
				units = append(units, u)
			}
		}
	}
	return units, nil
}

func (r *Run) unitsOf(ctx context.Context, p *SourcePlan, c *Collector) ([]*Planned, error) {
	switch c.Scope {
	case Global:
		return r.globalUnits(ctx, p, c)
	case Organization:
		return []*Planned{r.organizationUnit(p, c, GlobalRegion)}, nil
	case IdentityCenter:
		return r.identityCenterUnit(ctx, p, c)
	}
	covered := map[Place]bool{}
	var units []*Planned
	if c.Administrator != nil && p.organization != nil {
		views, err := r.administratorUnits(ctx, p, c, covered)
		if err != nil {
			return nil, err
		}
		units = views
	}
	for _, a := range p.Accounts {
		for _, region := range a.Regions {
			if !covered[Place{Account: a.ID, Region: region}] {
				units = append(units, r.unit(p, c, a, region))
			}
		}
	}
	return units, nil
}

// globalUnits plans a collector in each account, but for the tables that an
// organization's view has of it.
func (r *Run) globalUnits(ctx context.Context, p *SourcePlan, c *Collector) ([]*Planned, error) {
	var units []*Planned
	seen := map[string]bool{}
	if a := c.Administrator; a != nil && a.View != nil && slices.Contains(p.Source.OrganizationViews, a.Option) {
		planned, err := r.organizationView(ctx, p, c)
		if err != nil {
			return nil, err
		}
		if planned != nil {
			units = append(units, planned)
			for _, place := range planned.Unit.Covers {
				seen[place.Account] = true
			}
		}
	}
	for _, a := range p.Accounts {
		u := r.unit(p, c, a, GlobalRegion)
		if seen[a.ID] {
			u.share = otherTables
		}
		units = append(units, u)
	}
	return units, nil
}

// organizationView plans the view that the service's delegated administrator,
// or else the organization's account, has of the source's accounts; nil where it
// has none.
func (r *Run) organizationView(ctx context.Context, p *SourcePlan, c *Collector) (*Planned, error) {
	if p.organization == nil {
		return nil, nil
	}
	id, err := r.delegate(ctx, p, c.Administrator.Principal)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || id == "" {
		id = p.organization.Account
	}
	var admin *Account
	var accounts []string
	for _, a := range p.Accounts {
		if a.ID == id && a.identity != nil && !a.Suspended {
			admin = a
		}
		if !a.Suspended {
			accounts = append(accounts, a.ID)
		}
	}
	if admin == nil {
		return nil, nil // it cannot be entered
	}
	asked := r.unit(p, c, admin, GlobalRegion)
	view, err := c.Administrator.View(withUnit(ctx, asked.Unit), asked.Unit, accounts)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || view.Region == "" {
		return nil, nil // the accounts' own units record what they may see
	}
	planned := r.unit(p, c, admin, view.Region)
	planned.share, planned.Unit.Param = viewTables, view.Param
	for _, account := range accounts {
		if slices.Contains(view.Accounts, account) {
			planned.Unit.Covers = append(planned.Unit.Covers, Place{Account: account, Region: GlobalRegion})
		}
	}
	if len(planned.Unit.Covers) == 0 {
		return nil, nil
	}
	return planned, nil
}

// unit plans a collector in an account and region.
func (r *Run) unit(p *SourcePlan, c *Collector, a *Account, region string) *Planned {
	asked := a.asked[region]
	if asked == nil {
		asked = &Asked{Source: p.Source.Name, Account: a.ID, Region: region, Partition: a.Partition, run: r}
		if a.asked == nil {
			a.asked = map[string]*Asked{}
		}
		a.asked[region] = asked
	}
	planned := &Planned{Unit: &Unit{Asked: asked, Collector: c}}
	switch {
	case a.Suspended:
		planned.Preset = &outcome.Outcome{Kind: outcome.Skipped, Code: outcome.AccountSuspended, Message: "the account is suspended; its rows stay up to the age limit"}
	case a.Failed != nil:
		planned.Preset = a.Failed
	case a.NoRegions != nil && region != GlobalRegion:
		planned.Preset = a.NoRegions
	case asked.session == nil:
		asked.session = a.identity.in(region)
	}
	return planned
}

// organizationUnit plans a collector where the accounts were discovered.
func (r *Run) organizationUnit(p *SourcePlan, c *Collector, region string) *Planned {
	if p.organization == nil {
		a := &Account{Partition: PartitionOf(p.Source.HomeRegion), Failed: p.Discovery}
		if len(p.Accounts) > 0 {
			a.ID = p.Accounts[0].ID
			a.Failed = p.Accounts[0].Failed
		}
		if last, ok := p.last(c); ok {
			a.ID, region = last.Account, last.Region
		}
		return r.unit(p, c, a, region)
	}
	return r.unit(p, c, &Account{ID: p.organization.Account, Partition: p.organization.Partition, identity: p.organization}, region)
}

// last returns a place where an earlier run asked for the collector's tables:
// where it cannot be found out now, the rows that the warehouse holds are of it.
func (p *SourcePlan) last(c *Collector) (Covered, bool) {
	i := slices.IndexFunc(p.previous.Coverage, func(v Covered) bool {
		return v.Source == p.Source.Name && v.Outcome != outcome.OutOfScope &&
			slices.ContainsFunc(c.Tables, func(t Table) bool { return t.Name == v.Table })
	})
	if i < 0 {
		return Covered{}, false
	}
	return p.previous.Coverage[i], true
}

// identityCenterUnit plans a collector in the one region of IAM Identity
// Center, which is found from the account of the organization.
func (r *Run) identityCenterUnit(ctx context.Context, p *SourcePlan, c *Collector) ([]*Planned, error) {
	if store := p.Source.IdentityStore; store != nil {
		planned := r.organizationUnit(p, c, store.Region)
		planned.Unit.Param = store.ID
		return []*Planned{planned}, nil
	}
	planned := r.organizationUnit(p, c, p.Source.HomeRegion)
	if planned.Preset != nil {
		return []*Planned{planned}, nil
	}
	found, ok := p.located[c.Service.ID]
	if !ok {
		regions := p.Source.Regions.Names
		if p.Source.Regions.All && len(p.Accounts) > 0 {
			regions = p.Accounts[0].Regions
		}
		store, region, err := findIdentityCenter(withUnit(ctx, planned.Unit), planned.Unit, regions)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		found = located{store: store, region: region}
		switch {
		case err != nil:
			o := planned.Unit.Classify(ctx, err)
			found.preset = &o
		case store == "":
			found.preset = &outcome.Outcome{Kind: outcome.NotEnabled, Message: "IAM Identity Center has no instance that the account can see"}
		}
		p.located[c.Service.ID] = found
	}
	region := found.region
	if last, ok := p.last(c); ok && region == "" {
		region = last.Region
	}
	if region != "" {
		planned = r.organizationUnit(p, c, region)
	}
	planned.Unit.Param, planned.Preset = found.store, found.preset
	return []*Planned{planned}, nil
}

type located struct {
	store, region string
	preset        *outcome.Outcome
}

// administratorUnits plans the views of a service's delegated administrator,
// and marks the places that they contain. Where there is no administrator, or
// its view cannot be told, the accounts are asked one by one.
func (r *Run) administratorUnits(ctx context.Context, p *SourcePlan, c *Collector, covered map[Place]bool) ([]*Planned, error) {
	id, err := r.delegate(ctx, p, c.Administrator.Principal)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil || id == "" {
		return nil, nil // the accounts' own units record what they may see
	}
	i := slices.IndexFunc(p.Accounts, func(a *Account) bool { return a.ID == id && a.identity != nil && a.NoRegions == nil })
	if i < 0 {
		return nil, nil // nor where it cannot be entered, or its regions cannot be listed
	}
	admin := p.Accounts[i]
	scope := map[Place]bool{}
	for _, a := range p.Accounts {
		for _, region := range a.Regions {
			scope[Place{Account: a.ID, Region: region}] = !a.Suspended
		}
	}
	around := make([]*Planned, len(admin.Regions))
	for i, region := range admin.Regions {
		around[i] = r.unit(p, c, admin, region)
	}
	if err := r.lookAround(ctx, p, around); err != nil {
		return nil, context.Cause(ctx)
	}
	var units []*Planned
	for i, region := range admin.Regions {
		if covered[Place{Account: id, Region: region}] {
			continue // an aggregating region has it already
		}
		planned := around[i]
		places, err := r.view(ctx, p, planned.Unit, admin.Regions)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			continue // not enabled or not allowed there: asked one by one
		}
		for _, place := range places {
			if scope[place] && !covered[place] {
				covered[place] = true
				planned.Unit.Covers = append(planned.Unit.Covers, place)
			}
		}
		if len(planned.Unit.Covers) > 0 {
			units = append(units, planned)
		}
	}
	return units, nil
}

// Estimate is the number of calls that a table is likely to cost, with the
// rows that earlier runs found.
type Estimate struct {
	Table   string `json:"table"`
	Units   int    `json:"units"`
	Calls   int64  `json:"calls"`
	Unknown bool   `json:"unknown,omitempty"` // details depend on rows that no run has counted yet
}

// Estimates returns what each table of the plan is likely to cost: a page for
// each unit, and with the rows of earlier runs further pages and details.
func (p *Plan) Estimates(rows map[string]int64) []Estimate {
	by := map[string]*Estimate{}
	counted := map[*Collector]bool{}
	for _, planned := range p.Units {
		if planned.Preset != nil {
			continue
		}
		c := planned.Unit.Collector
		for _, t := range planned.Tables {
			if by[t] == nil {
				by[t] = &Estimate{Table: t}
			}
			by[t].Units++
		}
		for _, call := range c.Calls {
			e := by[c.TableOf(call)]
			if e == nil || call.Instead != "" || c.decides(call.Operation) != e.Table {
				continue
			}
			if call.Per == "" {
				e.Calls++
			}
			if !counted[c] {
				e.add(call, rows)
			}
		}
		counted[c] = true
	}
	var out []Estimate
	for _, e := range by {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Estimate) int { return strings.Compare(a.Table, b.Table) })
	return out
}

// add counts the calls that depend on rows.
func (e *Estimate) add(call Call, rows map[string]int64) {
	if call.Per != "" {
		n, known := rows[call.Per]
		batch := int64(max(call.Batch, 1))
		e.Calls += (n + batch - 1) / batch
		e.Unknown = e.Unknown || !known
	} else if call.Page > 0 {
		e.Calls += rows[e.Table] / int64(call.Page)
	}
}

// Size is the number of accounts and units that are still to be asked.
func (p *Plan) Size() (accounts, units int) {
	asked := map[string]bool{}
	for _, planned := range p.Units {
		if planned.Preset == nil && !planned.Done {
			asked[planned.Unit.Source+" "+planned.Unit.Account] = true
			units++
		}
	}
	return len(asked), units
}
