package extract

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Administrator tells how a service's delegated administrator is used: in a
// region it sees its own rows, and those of its members there.
type Administrator struct {
	Principal string // service principal, as ListDelegatedAdministrators takes it
	Calls     []Call // that Members, Regions and View make, beside the collector's
	// Members asks the administrator's account for its members in a region. An
	// error means that there is no view.
	Members func(ctx context.Context, u *Unit, region string) ([]string, error)
	// Regions asks which of the given regions are seen from the unit's; none
	// where another one sees it. Nil is that region alone.
	Regions func(ctx context.Context, u *Unit, regions []string) ([]string, error)

	// In place of Members and Regions, for collectors that run once for each
	// account: View finds the one view that the administrator's account has of
	// others. It is used only where a source says so, by the name of Option, and
	// fills Tables; each account is still asked for the collector's others.
	Option string
	Tables []string
	View   func(ctx context.Context, u *Unit, accounts []string) (OrganizationView, error)
}

// OrganizationView is a view of several accounts, by the region that has it.
type OrganizationView struct {
	Region   string // "" where there is no view
	Param    string // for the unit that reads it
	Accounts []string
}

// Covers asks the administrator's account which accounts its view contains from
// the unit's region, in that and others of the given regions. An error means
// that there is no view.
func (a *Administrator) Covers(ctx context.Context, u *Unit, regions []string) ([]Place, error) {
	from := []string{u.Region}
	if a.Regions != nil {
		var err error
		if from, err = a.Regions(ctx, u, regions); err != nil {
			return nil, err
		}
	}
	found := make([][]string, len(from))
	g, ctx := errgroup.WithContext(ctx)
	for i, region := range from {
		g.Go(func() error {
			members, err := a.Members(ctx, u, region)
			switch {
			case err == nil:
				found[i] = append(members, u.Account)
			case region == u.Region:
				return fmt.Errorf("list members in %s: %w", region, err)
			} // else its accounts are asked one by one
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var places []Place
	for i, region := range from {
		for _, account := range found[i] {
			places = append(places, Place{Account: account, Region: region})
		}
	}
	return places, nil
}

// Through returns the collector read through the service's delegated
// administrator as far as its view reaches, and elsewhere from each account
// about itself: the Root says which.
func (c Collector) Through(a *Administrator) Collector {
	c.Administrator = a
	return c
}

// view is what an administrator covers from a region.
type view struct {
	places []Place
	err    error
}

// lookAround asks for the views of all regions at once, where no region's tells
// of others: one after the other they would be what a run waits for first.
func (r *Run) lookAround(ctx context.Context, p *SourcePlan, planned []*Planned) error {
	if len(planned) == 0 || planned[0].Unit.Collector.Administrator.Regions != nil {
		return nil
	}
	views := make([]view, len(planned))
	g, ctx := errgroup.WithContext(ctx)
	for i := range planned {
		u := planned[i].Unit
		key := u.viewKey()
		if _, asked := p.views[key]; asked {
			return nil
		}
		g.Go(func() error {
			views[i].places, views[i].err = u.Collector.Administrator.Covers(withUnit(ctx, u), u, nil)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range planned {
		p.views[planned[i].Unit.viewKey()] = views[i]
	}
	return nil
}

func (u *Unit) viewKey() string { return u.Collector.Administrator.Principal + " " + u.Region }

// view asks once for all collectors that use the administrator.
func (r *Run) view(ctx context.Context, p *SourcePlan, u *Unit, regions []string) ([]Place, error) {
	key := u.viewKey()
	v, asked := p.views[key]
	if !asked {
		v.places, v.err = u.Collector.Administrator.Covers(withUnit(ctx, u), u, regions)
		p.views[key] = v
	}
	return v.places, v.err
}
