package extract

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
)

// Probe makes a run try its calls in place of making them all: some accounts, one
// region of each, and of a walk the first page of its first call. Its rows are of
// no use; its outcomes are those that a run would have.
type Probe struct {
	// Choose picks the accounts to enter, of all that a source has.
	Choose func(accounts []string) []string
	// Deep tries every operation of every collector, as far as there is something
	// to ask about, in place of one collector of each service.
	Deep bool
}

// probedItems is how many of the things that a walk finds are tried to reach an
// operation: the first may have nothing below it.
const probedItems = 3

// Regions are those of an account before a probe has picked one.
type Regions struct {
	All      []string
	Unusable map[string]outcome.Outcome // of those that the configuration names
}

// probing returns the unit that calls are for, where they are to be tried alone.
func probing(ctx context.Context) *Unit {
	if u, ok := ctx.Value(unitKey{}).(*Unit); ok && u.run.Probe != nil {
		return u
	}
	return nil
}

// chosen leaves the items whose accounts a probe enters.
func chosen[T any](p *Probe, items []T, account func(T) string) []T {
	if p == nil {
		return items
	}
	var ids []string
	for _, item := range items {
		ids = append(ids, account(item))
	}
	ids = p.Choose(ids)
	return slices.DeleteFunc(slices.Clone(items), func(item T) bool { return !slices.Contains(ids, account(item)) })
}

// chosenMembers is chosen without the accounts that nobody can enter.
func chosenMembers(p *Probe, listed []*Account) []*Account {
	if p != nil {
		listed = slices.DeleteFunc(listed, func(a *Account) bool { return a.Suspended })
	}
	return chosen(p, listed, func(a *Account) string { return a.ID })
}

// few is how many of n items a probe goes into.
func (u *Unit) few(n int) int {
	if !u.run.Probe.Deep {
		return 0
	}
	return min(n, probedItems)
}

// tryFew calls f for items one by one until nothing is left to try.
func tryFew[T any](ctx context.Context, u *Unit, items []T, f func(context.Context, *T) error) error {
	for i := range u.few(len(items)) {
		if u.triedAll() {
			return nil
		}
		if err := f(ctx, &items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (u *Unit) tried(operation string) bool {
	u.counts.mu.Lock()
	defer u.counts.mu.Unlock()
	return u.counts.by[operation].calls > 0
}

// triedAll reports whether every operation was sent that a walk always sends.
func (u *Unit) triedAll() bool {
	return !slices.ContainsFunc(u.Collector.Calls, func(c Call) bool {
		return c.Instead == "" && !c.Hint && !u.tried(c.Operation)
	})
}

// probed leaves the collectors that a probe tries, of those with chosen tables:
// all, or of each service the one that is the least to ask.
func (p *Probe) probed(collectors []*Collector, tables map[string]bool) []*Collector {
	if p == nil || p.Deep {
		return collectors
	}
	least := map[string]*Collector{}
	for _, c := range collectors {
		if !slices.ContainsFunc(c.Tables, func(t Table) bool { return tables[t.Name] }) {
			continue
		}
		if have := least[c.Service.ID]; have == nil || cmp.Or(cmp.Compare(c.needed(), have.needed()), cmp.Compare(len(c.Calls), len(have.Calls))) < 0 {
			least[c.Service.ID] = c
		}
	}
	return slices.DeleteFunc(slices.Clone(collectors), func(c *Collector) bool { return least[c.Service.ID] != c })
}

// needed counts the calls that a walk makes whatever it finds.
func (c *Collector) needed() int {
	n := 0
	for _, call := range c.Calls {
		if call.Per == "" && call.Instead == "" {
			n++
		}
	}
	return n
}

// narrow leaves each account one region, where it can be used: the home region if
// it is one of them. Regions that the configuration names are tried first.
func (r *Run) narrow(ctx context.Context, p *SourcePlan) error {
	for _, a := range p.Accounts {
		a.Probed = Regions{All: a.Regions, Unusable: map[string]outcome.Outcome{}}
		if a.identity != nil && !p.Source.Regions.All {
			r.tryRegions(ctx, a)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		region := a.Regions[0]
		if i := slices.IndexFunc(a.Regions, a.Probed.usable); i >= 0 {
			region = a.Regions[i]
		}
		if home := p.Source.HomeRegion; slices.Contains(a.Regions, home) && a.Probed.usable(home) {
			region = home
		}
		a.Regions = []string{region}
	}
	return nil
}

func (r Regions) usable(region string) bool {
	_, off := r.Unusable[region]
	return !off
}

func (r *Run) tryRegions(ctx context.Context, a *Account) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, region := range a.Regions {
		wg.Go(func() {
			cfg := a.identity.config.Copy()
			cfg.Region = region
			_, err := caller(ctx, cfg)
			if err == nil {
				return
			}
			o := describe(err, nil)
			if slices.Contains(regionCodes, o.Code) {
				o = outcome.Outcome{Kind: outcome.RegionDisabled, Code: o.Code, Message: o.Message}
			}
			mu.Lock()
			defer mu.Unlock()
			a.Probed.Unusable[region] = o
		})
	}
	wg.Wait()
}

// Step is an identity on the way to a source's accounts, and what came of asking it
// who it is.
type Step struct {
	Role   string         // its ARN; "" is the base identity
	Caller string         // ARN of who answers, of the base identity or of the session
	Skew   *time.Duration // how far AWS's clock is ahead; nil where the answer does not tell
	Err    error
}

// Steps enters the identities that a source starts from, one after the other, up to
// the first that cannot be.
func (r *Run) Steps(ctx context.Context, s *config.Source) []Step {
	ways := []way{{keys: s.Credentials}}
	switch {
	case s.Keys != nil:
		ways = []way{{keys: s.Keys, want: s.Keys.Account}}
	case s.Role != nil:
		ways[0].hops = s.Role.Hops
	case s.Organization != nil && s.Organization.Discovery != nil:
		d := s.Organization.Discovery
		if d.Credentials == nil {
			ways[0].hops = d.Hops
		} else {
			ways = append(ways, way{keys: d.Credentials, hops: d.Hops})
		}
	}
	var steps []Step
	for _, w := range ways {
		steps = append(steps, r.take(ctx, s, w)...)
	}
	return steps
}

// way is how a source gets somewhere.
type way struct {
	keys *config.Keys
	hops []config.Hop
	want string // account of keys
}

func (r *Run) take(ctx context.Context, s *config.Source, w way) []Step {
	cfg, err := r.base(ctx, s, w.keys)
	if err != nil {
		return []Step{{Err: err}}
	}
	steps := []Step{r.ask(ctx, s, cfg, Step{}, w.want)}
	for _, hop := range w.hops {
		if steps[len(steps)-1].Err != nil {
			break
		}
		cfg = r.assume(cfg, s, hop)
		steps = append(steps, r.ask(ctx, s, cfg, Step{Role: hop.RoleARN}, accountOf(hop.RoleARN)))
	}
	return steps
}

func (r *Run) ask(ctx context.Context, s *config.Source, cfg aws.Config, step Step, want string) Step {
	out, err := caller(ctx, r.gated(cfg, s.Name))
	if err != nil {
		step.Err = err
		return step
	}
	step.Caller = aws.ToString(out.Arn)
	if skew, ok := awsmiddleware.GetAttemptSkew(out.ResultMetadata); ok {
		step.Skew = &skew
	}
	if got := aws.ToString(out.Account); want != "" && got != want {
		by := "the base identity"
		if step.Role != "" {
			by = "the role " + step.Role
		}
		step.Err = fmt.Errorf("check who answers: %w", &WrongAccountError{got, want, by})
	}
	return step
}

// Explain describes an error of finding accounts or of entering them.
func Explain(err error) outcome.Outcome { return *classify(err) }
