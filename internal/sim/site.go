package sim

import (
	"math"
	"slices"
	"time"
)

// None is a count of zero in Sizes, where the zero value means the usual count.
const None = -1

// Sizes are counts of things. In Options and Resize they replace the usual counts: exactly in the busy regions of
// an account, a quarter of it in its quiet ones, nothing in the empty ones.
type Sizes struct {
	// per account and busy region
	VPCs, Subnets, SecurityGroups, Instances, Volumes, NetworkInterfaces int
	Functions, Databases, Clusters, Repositories, Alarms, Findings       int
	Images                                                               int // per repository, on average
	ImageFindings                                                        int // per image, on average

	// per account
	Buckets, Users, Groups, Roles, Policies int

	// in the whole organization
	IdentityUsers, IdentityGroups, Memberships int
}

var usual = Sizes{
	VPCs: 2, Subnets: 8, SecurityGroups: 12, Instances: 20, Volumes: 30, NetworkInterfaces: 30,
	Functions: 6, Databases: 3, Clusters: 1, Repositories: 4, Alarms: 15, Findings: 110,
	Images: 8, ImageFindings: 6,
	Buckets: 12, Users: 8, Groups: 5, Roles: 25, Policies: 12,
	IdentityUsers: 120, IdentityGroups: 25, Memberships: 300,
}

// least is what remains at the smallest scale, so that the company keeps its problems.
var least = Sizes{
	VPCs: 1, Subnets: 4, SecurityGroups: 6, Instances: 3, Volumes: 4, NetworkInterfaces: 3,
	Functions: 1, Databases: 1, Clusters: 1, Repositories: 1, Alarms: 2, Findings: 8,
	Images:  1,
	Buckets: 3, Users: 4, Groups: 3, Roles: len(standardRoles), Policies: 3,
	IdentityUsers: 10, IdentityGroups: 4, Memberships: 12,
}

// network is what remains of it in other accounts and quiet regions.
var network = Sizes{
	VPCs: 1, Subnets: 1, SecurityGroups: 1, Images: 1,
	Buckets: 1, Users: 1, Groups: 1, Roles: len(standardRoles), Policies: 1,
	IdentityUsers: 10, IdentityGroups: 4, Memberships: 12,
}

func (s *Sizes) regional() []*int {
	return []*int{
		&s.VPCs, &s.Subnets, &s.SecurityGroups, &s.Instances, &s.Volumes, &s.NetworkInterfaces,
		&s.Functions, &s.Databases, &s.Clusters, &s.Repositories, &s.Alarms, &s.Findings,
	}
}

func (s *Sizes) perRepository() []*int { return []*int{&s.Images, &s.ImageFindings} }

func (s *Sizes) perAccount() []*int {
	return []*int{&s.Buckets, &s.Users, &s.Groups, &s.Roles, &s.Policies}
}

func (s *Sizes) people() []*int {
	return []*int{&s.IdentityUsers, &s.IdentityGroups, &s.Memberships}
}

// site is one account in one region.
type site struct {
	o      *Organization
	a      *account
	region string
	now    time.Time
	seed   seed
	Sizes  // as they are here
}

const (
	empty = 0.0
	quiet = 0.25
	busy  = 1.0
)

// activity says how much an account does in a region.
func (o *Organization) activity(a *account, region string) float64 {
	i := slices.Index(o.regions, region)
	if i < 0 || !o.regionStatus(a, region).on() {
		return empty
	}
	second := min(1, len(o.regions)-1)
	switch a.kind {
	case kindManagement, kindLogs:
		return when(i == 0, quiet)
	case kindSecurity, kindShared:
		return when(i == 0, busy)
	case kindNetwork:
		return when(i <= 1, busy)
	case kindSandbox:
		return when(i == a.number%(second+1), quiet)
	}
	if slices.ContainsFunc([]int{0, 1, 2}, func(n int) bool { return o.problem(a, n) }) {
		return max(when(i <= 1, busy), when(i == 2, quiet))
	}
	home := o.seed.s("home").s(a.id).draw().n(min(3, len(o.regions)))
	switch {
	case i == home:
		return busy
	case i == (home+1)%len(o.regions), o.seed.s("activity").s(a.id).s(region).draw().chance(20):
		return quiet
	}
	return empty
}

func when(yes bool, value float64) float64 {
	if yes {
		return value
	}
	return empty
}

// weight is the size of an account against a production workload.
func (a *account) weight() float64 {
	switch a.kind {
	case kindManagement, kindLogs:
		return 0.2
	case kindSecurity, kindNetwork:
		return 0.5
	case kindSandbox:
		return 0.3
	}
	switch a.env {
	case "staging":
		return 0.6
	case "dev":
		return 0.5
	}
	return 1
}

func (o *Organization) site(a *account, region string) *site {
	s := &site{o: o, a: a, region: region, now: o.Now(), seed: o.seed.s("site").s(a.id).s(region)}
	s.Sizes = o.sizes(a, o.activity(a, region))
	return s
}

func (c *call) site() *site { return c.o.site(c.account, c.region) }

// SizesOf tells how much there is in an account and region.
func (o *Organization) SizesOf(account, region string) Sizes {
	a, ok := o.byID[account]
	if !ok {
		return Sizes{}
	}
	return o.sizes(a, o.activity(a, region))
}

// sizesKey is what the counts of a place depend on.
type sizesKey struct {
	account  string
	activity float64
}

// sizes resolves the counts: those of the account, else those for all, else the usual ones by scale and weight.
func (o *Organization) sizes(a *account, activity float64) Sizes {
	key := sizesKey{a.id, activity}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.state.resolved[key]
	if !ok {
		s = o.resolveSizes(a, activity, [...]Sizes{o.state.sizes[a.id], o.state.sizes[Any], o.opts.Sizes})
		o.state.resolved[key] = s
	}
	return s
}

func (o *Organization) resolveSizes(a *account, activity float64, overrides [3]Sizes) Sizes {
	s := usual
	groups := []struct {
		of       func(*Sizes) []*int
		scale    float64
		activity float64
	}{
		{(*Sizes).regional, o.opts.Scale * a.weight(), activity},
		{(*Sizes).perAccount, o.opts.Scale * a.weight(), busy},
		{(*Sizes).perRepository, 1, busy},
		{(*Sizes).people, o.opts.Scale, busy},
	}
	for _, g := range groups {
		floors, networks := g.of(&least), g.of(&network)
		said := [...][]*int{g.of(&overrides[0]), g.of(&overrides[1]), g.of(&overrides[2])}
		for i, n := range g.of(&s) {
			floor := *floors[i]
			if g.activity < busy || a.kind != kindWorkload {
				floor = min(floor, *networks[i])
			}
			*n = resolve(*n, floor, g.scale, g.activity, func(k int) int { return *said[k][i] })
		}
	}
	return s.consistent()
}

// resolve takes the first of three overrides that says something, else the usual count.
func resolve(usual, least int, scale, activity float64, override func(int) int) int {
	if activity == empty {
		return 0
	}
	for k := range 3 {
		switch n := override(k); {
		case n < 0:
			return 0
		case n > 0:
			return int(math.Ceil(float64(n) * activity))
		}
	}
	return max(least, int(math.Round(float64(usual)*scale*activity)))
}

// consistent keeps what needs something else from existing without it.
func (s Sizes) consistent() Sizes {
	if s.VPCs == 0 {
		s.Subnets, s.SecurityGroups = 0, 0
	}
	s.VPCs = max(s.VPCs, (s.Subnets+4095)/4096) // addresses in a network are finite
	s.SecurityGroups = max(s.SecurityGroups, s.VPCs)
	if s.Subnets == 0 {
		s.Instances, s.NetworkInterfaces, s.Databases, s.Clusters = 0, 0, 0, 0
	}
	s.Volumes = max(s.Volumes, s.Instances)
	s.NetworkInterfaces = max(s.NetworkInterfaces, s.Instances)
	return s
}

func (s *site) at(kind string, i int) seed { return s.seed.s(kind).i(i) }

func (s *site) arn(service, resource string) string {
	return s.o.arn(service, s.region, s.a.id, resource)
}
