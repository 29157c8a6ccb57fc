package sim

import (
	"slices"
	"sort"

	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// spread numbers the things of several sites through.
type spread struct {
	sites  []*site
	starts []int
	total  int
}

func spreadOver(sites []*site, count func(*site) int) *spread {
	p := &spread{sites: sites, starts: make([]int, len(sites))}
	for i, s := range sites {
		p.starts[i] = p.total
		p.total += count(s)
	}
	return p
}

// at is the site of a thing, and its number there.
func (p *spread) at(i int) (*site, int) {
	k := sort.SearchInts(p.starts, i+1) - 1
	return p.sites[k], i - p.starts[k]
}

// guarded says whether an account has the services that look for threats on in a region: the sandboxes do not.
func (o *Organization) guarded(a *account, region string) bool {
	return a.kind != kindSandbox && o.regionStatus(a, region).on()
}

// guardedMembers are the accounts that the administrator of such a service sees, besides its own.
func (o *Organization) guardedMembers() []*account {
	return slices.DeleteFunc(o.members(), func(a *account) bool {
		return a == o.security || a.kind == kindSandbox || o.stateOf(a) != orgtypes.AccountStateActive
	})
}

// guardedSites are the sites in some regions that the caller sees: its own, and the administrator those of its members.
func (c *call) guardedSites(regions ...string) []*site {
	accounts := []*account{c.account}
	if c.account == c.o.security {
		accounts = append(accounts, c.o.guardedMembers()...)
	}
	var sites []*site
	for _, a := range accounts {
		for _, region := range regions {
			if s := c.o.site(a, region); s.Findings > 0 && c.o.guarded(a, region) {
				sites = append(sites, s)
			}
		}
	}
	return sites
}
