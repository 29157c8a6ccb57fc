package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/sync/errgroup"

	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/spool"
)

// DiscoveryCall is an operation that finds accounts and regions.
type DiscoveryCall struct {
	Service   ServiceInfo
	Operation string
	Optional  bool   // what it tells can be had otherwise or done without
	Why       string // what it is for, for those who grant it
}

var (
	stsInfo     = ServiceInfo{Name: "sts", ID: sts.ServiceID}
	orgInfo     = ServiceInfo{Name: "organizations", ID: organizations.ServiceID}
	accountInfo = ServiceInfo{Name: "account", ID: account.ServiceID}
	ssoInfo     = ServiceInfo{Name: "ssoadmin", ID: ssoadmin.ServiceID, IAM: "sso"}
	ec2Info     = ServiceInfo{Name: "ec2", ID: ec2.ServiceID}
)

// Discovery lists the operations that find accounts and regions before any
// table is collected.
var Discovery = []DiscoveryCall{
	{stsInfo, "AssumeRole", false, "enter an account"},
	{stsInfo, "GetCallerIdentity", false, "check that the account is the expected one"},
	{orgInfo, "ListAccounts", false, "find the accounts of the organization"},
	{orgInfo, "ListAccountsForParent", true, "find the accounts of the chosen units"},
	{orgInfo, "ListOrganizationalUnitsForParent", true, "find the units below the chosen units"},
	{orgInfo, "ListDelegatedAdministrators", true, "find the account that sees a service's members"},
	{accountInfo, "ListRegions", true, "find the regions that an account uses"},
	{ssoInfo, "ListInstances", true, "find the region and the store of IAM Identity Center"},
	{ec2Info, "DescribeRegions", true, "find the regions that an account uses, where account:ListRegions is not granted"},
}

// Account is an account of a source.
type Account struct {
	ID, Name  string
	Partition string
	Suspended bool
	Regions   []string
	Failed    *outcome.Outcome // why the account cannot be entered
	NoRegions *outcome.Outcome // why its regions are not known
	Probed    Regions          // of a probe

	identity *identity
	asked    map[string]*Asked // by region
}

// SourcePlan is what discovery found for a source.
type SourcePlan struct {
	Source   *config.Source
	Accounts []*Account
	Found    int // accounts, also those that a probe leaves out
	// Discovery says why the accounts could not be listed; Accounts are then
	// those of the last list.
	Discovery *outcome.Outcome

	organization *identity          // where the accounts were listed, or the only account
	delegated    map[string]string  // administrators by service principal
	located      map[string]located // Identity Center by service
	views        map[string]view    // of administrators, by service principal and region
	previous     Previous
}

// Previous is the coverage that the warehouse holds from earlier runs.
type Previous struct{ Coverage []Covered }

// Covered is a place of a table in an earlier run.
type Covered struct {
	Source, Table, Account, Region    string
	CollectedAccount, CollectedRegion string
	Outcome                           outcome.Kind
	Rows                              int64
	Mark                              spool.Mark
}

// accounts are those that a source last had.
func (p Previous) accounts(source string) []string {
	return p.distinct(func(c Covered) (string, bool) {
		return c.Account, c.Source == source && c.Outcome != outcome.OutOfScope
	})
}

// regions are those in which an account was last asked.
func (p Previous) regions(account string) []string {
	return p.distinct(func(c Covered) (string, bool) {
		return c.Region, c.Account == account && c.Region != GlobalRegion
	})
}

func (p Previous) distinct(pick func(Covered) (string, bool)) []string {
	var values []string
	for _, c := range p.Coverage {
		if v, ok := pick(c); ok && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// Rows are the rows of each table that earlier runs found.
func (p Previous) Rows() map[string]int64 {
	rows := map[string]int64{}
	for _, c := range p.Coverage {
		rows[c.Table] += c.Rows
	}
	return rows
}

// classify describes an error outside any unit.
func classify(err error) *outcome.Outcome {
	o := describe(err, func(serviceID, operation string) []string {
		for _, d := range Discovery {
			if d.Service.ID == serviceID {
				return d.Service.ActionsOf(operation)
			}
		}
		return nil
	})
	var wrong *WrongAccountError
	if errors.As(err, &wrong) {
		o.Kind, o.Code, o.Advice = outcome.Failed, "wrong_account", "Correct the role ARN, the profile or the expected account in the configuration."
	}
	return &o
}

// WrongAccountError says that credentials lead to another account than expected.
type WrongAccountError struct{ Got, Want, By string }

func (e *WrongAccountError) Error() string {
	return fmt.Sprintf("%s leads to account %s: expected %s", e.By, e.Got, e.Want)
}

// discover finds the accounts of a source, how to enter each, and its regions.
func (r *Run) discover(ctx context.Context, s *config.Source, previous Previous) (*SourcePlan, error) {
	p := &SourcePlan{Source: s, delegated: map[string]string{}, located: map[string]located{}, views: map[string]view{}, previous: previous}
	var err error
	switch {
	case s.Keys != nil:
		err = r.discoverKeys(ctx, p)
	case s.Role != nil:
		err = r.discoverRole(ctx, p)
	case s.Roles != nil:
		err = r.discoverRoles(ctx, p)
	default:
		err = r.discoverOrganization(ctx, p)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		p.Discovery = classify(err)
		known := previous.accounts(s.Name)
		if len(known) == 0 {
			return p, fmt.Errorf("source %s: find its accounts: %w", s.Name, err)
		}
		failed := *p.Discovery
		failed.Kind = outcome.Failed
		if failed.Code == "" {
			failed.Code = "discovery"
		}
		failed.Message = "the accounts of the source could not be listed: " + failed.Message
		for _, id := range known {
			p.Accounts = append(p.Accounts, &Account{ID: id, Partition: PartitionOf(s.HomeRegion), Failed: &failed})
		}
	}
	return p, r.regions(ctx, p, previous)
}

func discoveryHops(o *config.Organization) []config.Hop {
	if o.Discovery == nil {
		return nil
	}
	return o.Discovery.Hops
}

// enter takes hops from base and returns the identity of the account they lead
// to, checked against the expected one.
func (r *Run) enter(ctx context.Context, s *config.Source, cfg aws.Config, hops []config.Hop, want string) (*identity, error) {
	by := "the base identity"
	for _, h := range hops {
		cfg = r.assume(cfg, s, h)
		by = "the role " + h.RoleARN
		want = accountOf(h.RoleARN)
	}
	out, err := caller(ctx, r.gated(cfg, s.Name))
	if err != nil {
		return nil, err
	}
	if got := aws.ToString(out.Account); want != "" && got != want {
		return nil, &WrongAccountError{got, want, by}
	}
	return r.newIdentity(cfg, aws.ToString(out.Account), partitionOf(aws.ToString(out.Arn)), s.HomeRegion), nil
}

func accountOf(arn string) string   { return strings.Split(arn, ":")[4] }
func partitionOf(arn string) string { return strings.Split(arn, ":")[1] }

// base is the configuration that a source's hops start from.
func (r *Run) base(ctx context.Context, s *config.Source, keys *config.Keys) (aws.Config, error) {
	cfg, err := r.Base(ctx, keys, s.HomeRegion)
	cfg.Retryer = retryer(r.Config.Retry)
	return cfg, err
}

func (r *Run) discoverKeys(ctx context.Context, p *SourcePlan) error {
	cfg, err := r.base(ctx, p.Source, p.Source.Keys)
	if err != nil {
		return err
	}
	id, err := r.enter(ctx, p.Source, cfg, nil, p.Source.Keys.Account)
	if err != nil {
		return err
	}
	p.organization = id
	p.Accounts = []*Account{{ID: id.Account, Partition: id.Partition, identity: id}}
	return nil
}

func (r *Run) discoverRole(ctx context.Context, p *SourcePlan) error {
	role := p.Source.Role
	cfg, err := r.base(ctx, p.Source, p.Source.Credentials)
	if err != nil {
		return err
	}
	id, err := r.enter(ctx, p.Source, cfg, role.Hops, role.Account)
	if err != nil {
		return err
	}
	p.organization = id
	if !role.WholeOrganization {
		p.Accounts = []*Account{{ID: id.Account, Partition: id.Partition, identity: id}}
		return nil
	}
	// The role's namesakes in the members are entered from where it was.
	for _, h := range role.Hops[:len(role.Hops)-1] {
		cfg = r.assume(cfg, p.Source, h)
	}
	return r.members(ctx, p, cfg, role.Members())
}

func (r *Run) discoverRoles(ctx context.Context, p *SourcePlan) error {
	cfg, err := r.base(ctx, p.Source, p.Source.Credentials)
	if err != nil {
		return err
	}
	roles := chosen(r.Probe, p.Source.Roles, func(role config.Role) string { return accountOf(role.Hops[len(role.Hops)-1].RoleARN) })
	p.Found = len(p.Source.Roles)
	p.Accounts = make([]*Account, len(roles))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Config.Concurrency.Accounts)
	for i, role := range roles {
		g.Go(func() error {
			last := role.Hops[len(role.Hops)-1].RoleARN
			a := &Account{ID: accountOf(last), Partition: partitionOf(last)}
			p.Accounts[i] = a
			id, err := r.enter(ctx, p.Source, cfg, role.Hops, "")
			if err != nil {
				a.Failed = classify(err)
			}
			a.identity = id
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, a := range p.Accounts {
		if a.identity != nil {
			p.organization = a.identity
			break
		}
	}
	return nil
}

func (r *Run) discoverOrganization(ctx context.Context, p *SourcePlan) error {
	o := p.Source.Organization
	base, err := r.base(ctx, p.Source, p.Source.Credentials)
	if err != nil {
		return err
	}
	from := base
	if o.Discovery != nil && o.Discovery.Credentials != nil {
		if from, err = r.base(ctx, p.Source, o.Discovery.Credentials); err != nil {
			return err
		}
	}
	p.organization, err = r.enter(ctx, p.Source, from, discoveryHops(o), "")
	if err != nil {
		return err
	}
	return r.members(ctx, p, base, o)
}

// members lists the organization's accounts and enters each by its member role.
func (r *Run) members(ctx context.Context, p *SourcePlan, base aws.Config, o *config.Organization) error {
	listed, err := r.listAccounts(ctx, p.organization, o.Accounts)
	if err != nil {
		return err
	}
	own, err := caller(ctx, r.gated(base, p.Source.Name))
	if err != nil {
		return err
	}
	p.Found = len(listed)
	listed = chosenMembers(r.Probe, listed)
	p.Accounts = listed
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Config.Concurrency.Accounts)
	for _, a := range listed {
		a.Partition = p.organization.Partition
		if a.Suspended {
			continue
		}
		g.Go(func() error {
			externalID, missing := o.ExternalIDOf(a.ID)
			hop := config.Hop{
				RoleARN: o.MemberRoleARN(a.Partition, a.ID), ExternalID: externalID,
				SessionName: o.SessionName, Duration: o.Duration,
			}
			var id *identity
			var err error = noExternalID(p.Source.Name, a.ID)
			if !missing {
				id, err = r.enter(ctx, p.Source, base, []config.Hop{hop}, a.ID)
			}
			switch {
			case err == nil:
				a.identity = id
			case a.ID == p.organization.Account:
				a.identity = p.organization // rarely has the member role: StackSets pass it by
			case a.ID == aws.ToString(own.Account):
				a.identity = r.newIdentity(base, a.ID, p.organization.Partition, p.Source.HomeRegion)
			default:
				a.Failed = classify(err)
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// noExternalID says why an account is not entered although nothing was asked.
// Without an ID a role would be entered whose trust policy lacks the condition,
// which is what an ID for each account is to rule out.
func noExternalID(source, account string) *Incompleteness {
	return &Incompleteness{
		Code:    "no_external_id",
		Message: "the file of external IDs has one for other accounts of the source, and none for account " + account,
		Advice:  "Make one with `stocktake access external-ids --source " + source + " --per account --accounts " + account + "`, and put it into the trust policy of the account's role.",
	}
}

// listAccounts reads the organization's accounts that the filter leaves.
func (r *Run) listAccounts(ctx context.Context, id *identity, filter config.AccountFilter) ([]*Account, error) {
	client := organizations.NewFromConfig(id.config)
	var within map[string]bool
	if len(filter.Units) > 0 {
		within = map[string]bool{}
		for _, unit := range filter.Units {
			if err := accountsBelow(ctx, client, unit, within); err != nil {
				return nil, err
			}
		}
	}
	var accounts []*Account
	pager := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: aws.Int32(20)})
	err := EachPage(ctx, pager, func(out *organizations.ListAccountsOutput) error {
		for _, a := range out.Accounts {
			id := aws.ToString(a.Id)
			switch {
			case len(filter.Include) > 0 && !slices.Contains(filter.Include, id):
			case slices.Contains(filter.Exclude, id):
			case within != nil && !within[id]:
			case closed(a):
			default:
				accounts = append(accounts, &Account{ID: id, Name: aws.ToString(a.Name), Suspended: !active(a)})
			}
		}
		return nil
	})
	slices.SortFunc(accounts, func(a, b *Account) int { return strings.Compare(a.ID, b.ID) })
	return accounts, err
}

// active reads State, and Status where State is absent: AWS announced the end
// of Status for September 2026.
func active(a orgtypes.Account) bool {
	if a.State != "" {
		return a.State == orgtypes.AccountStateActive
	}
	return a.Status == orgtypes.AccountStatusActive
}

// closed accounts hold nothing any more; suspended ones keep their rows a while.
func closed(a orgtypes.Account) bool { return a.State == orgtypes.AccountStateClosed }

func accountsBelow(ctx context.Context, client *organizations.Client, parent string, found map[string]bool) error {
	accounts := organizations.NewListAccountsForParentPaginator(client, &organizations.ListAccountsForParentInput{ParentId: &parent, MaxResults: aws.Int32(20)})
	if err := EachPage(ctx, accounts, func(out *organizations.ListAccountsForParentOutput) error {
		for _, a := range out.Accounts {
			found[aws.ToString(a.Id)] = true
		}
		return nil
	}); err != nil {
		return err
	}
	var units []string
	pager := organizations.NewListOrganizationalUnitsForParentPaginator(client, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent, MaxResults: aws.Int32(20)})
	if err := EachPage(ctx, pager, func(out *organizations.ListOrganizationalUnitsForParentOutput) error {
		for _, u := range out.OrganizationalUnits {
			units = append(units, aws.ToString(u.Id))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, u := range units {
		if err := accountsBelow(ctx, client, u, found); err != nil {
			return err
		}
	}
	return nil
}

// regions settles the regions of every account: as configured, or as the
// account uses them. Where they cannot be found out, the regions of earlier
// runs stand in, so that what the warehouse holds is accounted for.
func (r *Run) regions(ctx context.Context, p *SourcePlan, previous Previous) error {
	if !p.Source.Regions.All {
		for _, a := range p.Accounts {
			a.Regions = p.Source.Regions.Names
		}
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Config.Concurrency.Accounts)
	for _, a := range p.Accounts {
		if a.identity == nil {
			continue
		}
		g.Go(func() error {
			regions, err := usedRegions(gctx, a.identity.config)
			if err != nil {
				a.NoRegions = classify(err)
				a.NoRegions.MissingAction = "account:ListRegions or ec2:DescribeRegions"
			}
			a.Regions = regions
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	union := map[string]bool{}
	for _, a := range p.Accounts {
		for _, region := range a.Regions {
			union[region] = true
		}
	}
	for _, a := range p.Accounts {
		if len(a.Regions) > 0 {
			continue
		}
		a.Regions = previous.regions(a.ID)
		if len(a.Regions) == 0 {
			for region := range union {
				a.Regions = append(a.Regions, region)
			}
		}
		if len(a.Regions) == 0 {
			a.Regions = []string{p.Source.HomeRegion}
		}
		slices.Sort(a.Regions)
	}
	return nil
}

// usedRegions asks for the regions that an account has switched on.
func usedRegions(ctx context.Context, cfg aws.Config) ([]string, error) {
	var regions []string
	pager := account.NewListRegionsPaginator(account.NewFromConfig(cfg), &account.ListRegionsInput{
		MaxResults:              aws.Int32(50),
		RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
	})
	err := EachPage(ctx, pager, func(out *account.ListRegionsOutput) error {
		for _, region := range out.Regions {
			regions = append(regions, aws.ToString(region.RegionName))
		}
		return nil
	})
	if err != nil {
		regions = nil
		out, ec2err := ec2.NewFromConfig(cfg).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		if ec2err != nil {
			return nil, fmt.Errorf("find the regions in use: %w", ec2err)
		}
		for _, region := range out.Regions {
			regions = append(regions, aws.ToString(region.RegionName))
		}
	}
	slices.Sort(regions)
	return regions, nil
}

// delegate returns the account that the organization has made administrator of
// a service, or "".
func (r *Run) delegate(ctx context.Context, p *SourcePlan, principal string) (string, error) {
	if id, ok := p.delegated[principal]; ok {
		return id, nil
	}
	p.delegated[principal] = ""
	pager := organizations.NewListDelegatedAdministratorsPaginator(organizations.NewFromConfig(p.organization.config),
		&organizations.ListDelegatedAdministratorsInput{ServicePrincipal: &principal, MaxResults: aws.Int32(20)})
	err := EachPage(ctx, pager, func(out *organizations.ListDelegatedAdministratorsOutput) error {
		for _, a := range out.DelegatedAdministrators {
			p.delegated[principal] = aws.ToString(a.Id)
		}
		return nil
	})
	return p.delegated[principal], err
}

// findIdentityCenter returns the identity store of the organization and its
// region, or "" where the account sees none. One call finds it in any region
// where AWS allows that, else the regions are asked one by one.
func findIdentityCenter(ctx context.Context, u *Unit, regions []string) (store, region string, err error) {
	ask := func(region string, scope ssotypes.RegionScope) (string, string, error) {
		cfg := u.session.config.Copy()
		cfg.Region = region
		pager := ssoadmin.NewListInstancesPaginator(ssoadmin.NewFromConfig(cfg), &ssoadmin.ListInstancesInput{MaxResults: aws.Int32(100), RegionScope: scope})
		var store, home string
		err := EachPage(ctx, pager, func(out *ssoadmin.ListInstancesOutput) error {
			for _, i := range out.Instances {
				if store == "" || aws.ToString(i.OwnerAccountId) == u.Account {
					store, home = aws.ToString(i.IdentityStoreId), aws.ToString(i.PrimaryRegion)
				}
			}
			return nil
		})
		if home == "" {
			home = region
		}
		return store, home, err
	}
	store, region, err = ask(u.session.region, ssotypes.RegionScopeAllRegions)
	for _, at := range regions {
		if store != "" || at == u.session.region {
			continue
		}
		var failed error
		if store, region, failed = ask(at, ""); failed != nil && err == nil {
			err = failed
		}
	}
	if store == "" {
		return "", "", err // with a refusal anywhere, "none" would be a guess
	}
	return store, region, nil
}
