package sim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
)

func organizationsService() service {
	return service{
		id: "Organizations", name: "organizations", global: true,
		dialect: jsonDialect.with(func(d *dialect) {
			d.throttled = Fault{"TooManyRequestsException", "Another request is in progress. Try again later.", 400}
			d.internal = Fault{"ServiceException", "The request could not be completed because of an internal error.", 500}
			d.badToken, d.badInput = "InvalidInputException", "InvalidInputException"
		}),
		notEnabled: notInUse,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.AWSOrganizationsNotInUseException{Message: m} },
			func(m *string) smithy.APIError { return &types.TooManyRequestsException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServiceException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidInputException{Message: m} },
			func(m *string) smithy.APIError { return &types.ParentNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.PolicyNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ChildNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.TargetNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.AccountNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.AccountNotRegisteredException{Message: m} },
		),
		operations: []operation{
			op(describeOrganization),
			op(administered(listAccounts), "MaxResults", "NextToken"),
			op(administered(describeAccount), "AccountId"),
			op(administered(listOrganizationTags), "ResourceId", "NextToken"),
			op(administered(listOrganizationPolicies), "Filter", "MaxResults", "NextToken"),
			op(administered(describeOrganizationPolicy), "PolicyId"),
			op(administered(listTargetsForPolicy), "PolicyId", "MaxResults", "NextToken"),
			op(administered(listParents), "ChildId", "MaxResults", "NextToken"),
			op(administered(listRoots), "MaxResults", "NextToken"),
			op(administered(listUnits), "ParentId", "MaxResults", "NextToken"),
			op(administered(listAccountsForParent), "ParentId", "MaxResults", "NextToken"),
			op(administered(listDelegatedAdministrators), "ServicePrincipal", "MaxResults", "NextToken"),
			op(administered(listDelegatedServices), "AccountId", "MaxResults", "NextToken"),
		},
	}
}

var notInUse = Fault{"AWSOrganizationsNotInUseException", "Your account is not a member of an organization.", 400}

var organizationsPages = limits{least: 1, most: 20}

// administered lets only the management account and delegated administrators ask.
func administered[I, O any](answer func(*call, *I) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, in *I) (*O, error) {
		if !c.o.isMember(c.account) {
			return nil, &notInUse
		}
		if c.account != c.o.management && c.account != c.o.security {
			return nil, c.fault("AccessDeniedException", 400, "You don't have permissions to access this resource.")
		}
		return answer(c, in)
	}
}

func (o *Organization) orgARN(resource string) string {
	return o.arn("organizations", "", o.management.id, resource)
}

func describeOrganization(c *call, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	if !c.o.isMember(c.account) {
		return nil, &notInUse
	}
	m := c.o.management
	return &organizations.DescribeOrganizationOutput{Organization: &types.Organization{
		Id: aws.String(c.o.orgID), Arn: aws.String(c.o.orgARN("organization/" + c.o.orgID)),
		FeatureSet:       types.OrganizationFeatureSetAll,
		MasterAccountArn: aws.String(c.o.accountARN(m)), MasterAccountEmail: aws.String(m.email), MasterAccountId: aws.String(m.id),
		AvailablePolicyTypes: []types.PolicyTypeSummary{{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled}},
	}}, nil
}

func (o *Organization) accountARN(a *account) string {
	return o.orgARN("account/" + o.orgID + "/" + a.id)
}

func (o *Organization) accountItem(a *account) types.Account {
	item := types.Account{
		Id: aws.String(a.id), Arn: aws.String(o.accountARN(a)), Name: aws.String(a.name), Email: aws.String(a.email),
		JoinedMethod: types.AccountJoinedMethodCreated, JoinedTimestamp: aws.Time(a.joined), State: o.stateOf(a),
		Paths: []string{o.unitPath(a.unit) + a.id + "/"},
	}
	if a.number%5 == 3 {
		item.JoinedMethod = types.AccountJoinedMethodInvited
	}
	// The older field is filled for some accounts only: its retirement was announced.
	if a.number%2 == 0 {
		item.Status = types.AccountStatus(item.State)
	}
	return item
}

func (o *Organization) unitARN(u *unit) string {
	if u.parent == nil {
		return o.orgARN("root/" + o.orgID + "/" + u.id)
	}
	return o.orgARN("ou/" + o.orgID + "/" + u.id)
}

// unitPath is a unit's place in the form of AWS: o-…/r-…/ou-…/.
func (o *Organization) unitPath(u *unit) string {
	if u.parent == nil {
		return o.orgID + "/" + u.id + "/"
	}
	return o.unitPath(u.parent) + u.id + "/"
}

// listAccounts answers one empty page on the way, which AWS allows itself.
func listAccounts(c *call, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	members := c.o.members()
	const gap = "gap:"
	if rest, ok := strings.CutPrefix(aws.ToString(in.NextToken), gap); ok {
		if _, err := c.readToken(&rest, len(members)); err != nil {
			return nil, err
		}
		return &organizations.ListAccountsOutput{NextToken: &rest}, nil
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, len(members),
		all(func(i int) types.Account { return c.o.accountItem(members[i]) }))
	if next != nil && in.NextToken == nil {
		next = aws.String(gap + *next)
	}
	return &organizations.ListAccountsOutput{Accounts: items, NextToken: next}, err
}

func describeAccount(c *call, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	a, ok := c.o.byID[aws.ToString(in.AccountId)]
	if !ok || !c.o.isMember(a) {
		return nil, c.fault("AccountNotFoundException", 400, "You specified an account that doesn't exist.")
	}
	item := c.o.accountItem(a)
	return &organizations.DescribeAccountOutput{Account: &item}, nil
}

func listOrganizationTags(c *call, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	id := aws.ToString(in.ResourceId)
	var tags []tag
	if a, ok := c.o.byID[id]; ok && c.o.isMember(a) {
		tags = a.tags
	} else if p, ok := c.o.orgPolicyByID(id); ok {
		tags = p.tags
	} else if u := c.o.unitByID(id); u == nil {
		return nil, c.fault("TargetNotFoundException", 400, "You specified a target that doesn't exist.")
	} else if u.parent != nil {
		tags = []tag{{"managed-by", "cloud-platform"}}
	}
	n, at := of(tagList(tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }))
	items, next, err := page(c, request{token: in.NextToken}, limits{most: 50}, n, at)
	return &organizations.ListTagsForResourceOutput{Tags: items, NextToken: next}, err
}

func (o *Organization) unitByID(id string) *unit {
	if i := slices.IndexFunc(o.units, func(u *unit) bool { return u.id == id }); i >= 0 {
		return o.units[i]
	}
	return nil
}

func listParents(c *call, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	var parent *unit
	if a, ok := c.o.byID[aws.ToString(in.ChildId)]; ok && c.o.isMember(a) {
		parent = a.unit
	} else if u := c.o.unitByID(aws.ToString(in.ChildId)); u != nil && u.parent != nil {
		parent = u.parent
	} else {
		return nil, c.fault("ChildNotFoundException", 400, "You specified an organizational unit or account that doesn't exist.")
	}
	kind := types.ParentTypeOrganizationalUnit
	if parent.parent == nil {
		kind = types.ParentTypeRoot
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: aws.String(parent.id), Type: kind}}}, nil
}

func listRoots(c *call, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	root := c.o.units[0]
	return &organizations.ListRootsOutput{Roots: []types.Root{{
		Id: aws.String(root.id), Name: aws.String(root.name), Arn: aws.String(c.o.unitARN(root)), PolicyTypes: policyTypesInForce(),
	}}}, nil
}

func listUnits(c *call, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	parent := c.o.unitByID(aws.ToString(in.ParentId))
	if parent == nil {
		return nil, c.fault("ParentNotFoundException", 400, "You specified a parent that doesn't exist.")
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, len(c.o.units),
		func(i int) (types.OrganizationalUnit, bool) {
			u := c.o.units[i]
			return types.OrganizationalUnit{
				Id: aws.String(u.id), Name: aws.String(u.name), Path: aws.String(c.o.unitPath(u)),
				Arn: aws.String(c.o.unitARN(u)),
			}, u.parent == parent
		})
	return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: items, NextToken: next}, err
}

func listAccountsForParent(c *call, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	parent := c.o.unitByID(aws.ToString(in.ParentId))
	if parent == nil {
		return nil, c.fault("ParentNotFoundException", 400, "You specified a parent that doesn't exist.")
	}
	members := c.o.members()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, len(members),
		func(i int) (types.Account, bool) { return c.o.accountItem(members[i]), members[i].unit == parent })
	return &organizations.ListAccountsForParentOutput{Accounts: items, NextToken: next}, err
}

// delegated are the services that the security account administers for the organization.
var delegated = []string{
	"securityhub.amazonaws.com", "guardduty.amazonaws.com", "inspector2.amazonaws.com", "access-analyzer.amazonaws.com",
	"config.amazonaws.com", "sso.amazonaws.com", "account.amazonaws.com",
	"resource-explorer-2.amazonaws.com",
}

func listDelegatedAdministrators(c *call, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	var list []types.DelegatedAdministrator
	wanted := aws.ToString(in.ServicePrincipal)
	if a := c.o.security; a != c.o.management && (wanted == "" || slices.Contains(delegated, wanted)) {
		item := c.o.accountItem(a)
		list = append(list, types.DelegatedAdministrator{
			Id: item.Id, Arn: item.Arn, Name: item.Name, Email: item.Email, JoinedMethod: item.JoinedMethod,
			JoinedTimestamp: item.JoinedTimestamp, State: item.State, Status: item.Status,
			DelegationEnabledDate: aws.Time(a.joined.AddDate(0, 0, 3)),
		})
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, n, at)
	return &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: items, NextToken: next}, err
}

func listDelegatedServices(c *call, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	a, ok := c.o.byID[aws.ToString(in.AccountId)]
	if !ok || !c.o.isMember(a) {
		return nil, c.fault("AccountNotFoundException", 400, "You specified an account that doesn't exist.")
	}
	if a != c.o.security || a == c.o.management {
		return nil, c.fault("AccountNotRegisteredException", 400, "The account is not a delegated administrator of the organization.")
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, len(delegated),
		all(func(i int) types.DelegatedService {
			return types.DelegatedService{ServicePrincipal: aws.String(delegated[i]), DelegationEnabledDate: aws.Time(a.joined.AddDate(0, 0, 3+i))}
		}))
	return &organizations.ListDelegatedServicesForAccountOutput{DelegatedServices: items, NextToken: next}, err
}
