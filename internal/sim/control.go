package sim

import (
	"context"
	"maps"
	"time"

	"golang.org/x/time/rate"
)

// Any matches everything in a Rule.
const Any = "*"

// Rule selects calls by the account that asks (for AssumeRole: the caller's, not the role's), the region, the
// service (its SDK module: "ssoadmin") and the operation. Empty or Any matches all.
type Rule struct{ Account, Region, Service, Operation string }

func (r Rule) matches(c *call) bool {
	return covers(r.Account, c.account.id) && covers(r.Region, c.region) &&
		covers(r.Service, c.service.name) && covers(r.Operation, c.name)
}

func covers(pattern, value string) bool { return pattern == "" || pattern == Any || pattern == value }

// Call describes one attempt. Account and CallerARN are empty where the signing key is not known.
type Call struct {
	Account, Region, Service, Operation string
	CallerARN                           string
	Actions                             []string // IAM actions that it takes
	Attempt                             int
}

// Key is what calls are counted by.
type Key struct{ Account, Region, Service, Operation string }

type ruleKind int

const (
	ruleDeny ruleKind = iota
	ruleSCP
	ruleThrottle
	ruleFail
	ruleDisable
)

type rule struct {
	Rule
	kind  ruleKind
	left  int // < 0: for ever
	fault Fault
}

type place struct{ region, service string }

type roleKey struct{ account, name string }

// state is all that can change.
type state struct {
	advanced time.Duration
	lifetime time.Duration // 0: as asked
	rules    []*rule
	hooks    []func(context.Context, Call) error
	keys     map[string]*account // access keys of users
	sessions map[string]*session // by access key
	issued   int
	roles    map[roleKey]Role
	absent   map[place]bool
	off      map[place]bool // region, and account in place of service
	left     map[string]bool
	closed   map[string]bool
	sizes    map[string]Sizes
	resolved map[sizesKey]Sizes // what follows from sizes
	calls    map[Key]int
	total    int
	requests uint64
	buckets  map[Key]*rate.Limiter
	orders   map[string][]int32 // of what is asked for in order of time
}

func newState(o *Organization) state {
	s := state{
		keys: map[string]*account{}, sessions: map[string]*session{}, roles: map[roleKey]Role{},
		absent: map[place]bool{}, off: map[place]bool{}, left: map[string]bool{}, closed: map[string]bool{},
		sizes: map[string]Sizes{}, resolved: map[sizesKey]Sizes{}, calls: map[Key]int{}, buckets: map[Key]*rate.Limiter{}, orders: map[string][]int32{},
	}
	trusted := []string{o.base.id, o.management.id}
	for _, a := range o.accounts {
		s.keys[o.accessKeyOf(a)] = a
		if a != o.management {
			s.roles[roleKey{a.id, memberRole}] = Role{Name: memberRole, Trusts: trusted, ExternalID: o.externalID(memberRole)}
		}
	}
	s.roles[roleKey{o.management.id, discoveryRole}] = Role{
		Name: discoveryRole, Trusts: trusted, ExternalID: o.externalID(discoveryRole),
	}
	return s
}

func (o *Organization) add(r *rule) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.rules = append(o.state.rules, r)
}

// Deny takes the calls out of what the caller's identity policies allow.
func (o *Organization) Deny(r Rule) { o.add(&rule{Rule: r, kind: ruleDeny, left: -1}) }

// SCP denies the calls by a service control policy. The management account is not bound by it.
func (o *Organization) SCP(r Rule) { o.add(&rule{Rule: r, kind: ruleSCP, left: -1}) }

// Throttle refuses the next calls as too fast, for ever if times is negative.
func (o *Organization) Throttle(r Rule, times int) {
	o.add(&rule{Rule: r, kind: ruleThrottle, left: times})
}

// Fail breaks the next calls, for ever if times is negative. The zero Fault is the service's own internal error.
func (o *Organization) Fail(r Rule, times int, f Fault) {
	o.add(&rule{Rule: r, kind: ruleFail, left: times, fault: f})
}

// Disable turns a service off: it answers as one that the account has not enabled.
func (o *Organization) Disable(r Rule) { o.add(&rule{Rule: r, kind: ruleDisable, left: -1}) }

// Hook is called before every answer. What it returns is answered.
func (o *Organization) Hook(f func(context.Context, Call) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.hooks = append(o.state.hooks, f)
}

// take uses up one matching rule of a kind.
func (o *Organization) take(kind ruleKind, c *call) *rule {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.state.rules {
		if r.kind == kind && r.left != 0 && r.matches(c) {
			if r.left > 0 {
				r.left--
			}
			return r
		}
	}
	return nil
}

// DisableRegion turns a region off in one account.
func (o *Organization) DisableRegion(account, region string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.off[place{region, account}] = true
}

// AbsentService takes the service's endpoint out of a region: its host name is not found.
func (o *Organization) AbsentService(region, service string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.absent[place{region, service}] = true
}

// PutRole adds a role to an account or replaces the one of that name.
func (o *Organization) PutRole(account string, r Role) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.roles[roleKey{account, r.Name}] = r
}

// Permit sets the IAM actions that a role allows, as patterns. Sessions of the role feel it at once.
func (o *Organization) Permit(account, role string, actions ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := roleKey{account, role}
	r := o.state.roles[k]
	r.Name, r.Allow = role, append([]string{}, actions...)
	o.state.roles[k] = r
}

// RevokeRole makes the roles of an account impossible to assume from now on. Sessions live on.
func (o *Organization) RevokeRole(account string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, r := range o.state.roles {
		if k.account == account {
			r.Trusts = nil
			o.state.roles[k] = r
		}
	}
}

func (o *Organization) role(a *account, name string) (Role, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, ok := o.state.roles[roleKey{a.id, name}]
	return r, ok
}

// ExpireSessions ends the present sessions of an account after n more calls. Later sessions are fine.
func (o *Organization) ExpireSessions(account string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := n
	for _, s := range o.state.sessions {
		if s.account.id == account {
			s.countdown = &left
		}
	}
}

// SessionLifetime caps the lifetime of sessions from now on; 0 lifts the cap.
func (o *Organization) SessionLifetime(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.lifetime = d
}

// Leave takes an account out of the organization. Its roles stay as they are.
func (o *Organization) Leave(account string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.left[account] = true
}

// Suspend closes an account: it is still listed, and nobody gets in.
func (o *Organization) Suspend(account string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.closed[account] = true
}

// Resize replaces counts of one account, or of all with Any.
func (o *Organization) Resize(account string, s Sizes) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.sizes[account] = s
	clear(o.state.resolved)
}

// count records an attempt and returns what to call before the answer.
func (o *Organization) count(c *call) func(context.Context, Call) error {
	k := Key{Region: c.region, Service: c.service.name, Operation: c.name}
	if c.account != nil {
		k.Account = c.account.id
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.calls[k]++
	o.state.total++
	hooks := o.state.hooks
	if len(hooks) == 0 {
		return nil
	}
	return func(ctx context.Context, call Call) error {
		for _, hook := range hooks {
			if err := hook(ctx, call); err != nil {
				return err
			}
		}
		return nil
	}
}

// Calls are the attempts so far.
func (o *Organization) Calls() map[Key]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.state.calls)
}

// CallsTotal is the number of attempts so far.
func (o *Organization) CallsTotal() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.total
}

// Forget drops what is counted of an account, and how fast it has called.
func (o *Organization) Forget(account string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.state.calls, func(k Key, _ int) bool { return k.Account == account })
	maps.DeleteFunc(o.state.buckets, func(k Key, _ *rate.Limiter) bool { return k.Account == account })
}

// Reset sets the counters to zero. Controls stay.
func (o *Organization) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.calls, o.state.total = map[Key]int{}, 0
}

func (o *Organization) nextRequestID() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.requests++
	d := o.seed.s("request").i(int(o.state.requests)).draw()
	return d.uuid()
}
