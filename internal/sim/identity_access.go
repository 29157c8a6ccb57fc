package sim

import (
	"path"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// permissionSet is a permission set of the company. Those that are provisioned are the roles of IAM Identity Center
// that every account has.
type permissionSet struct {
	name, description, duration, relay string
	managed                            []string
	local                              []types.CustomerManagedPolicyReference
	inline                             string
	boundary                           *types.PermissionsBoundary
	tags                               []tag
	granted                            func(o *Organization, a *account) []grantee // nil: to nobody
}

// grantee is a group or a person of the identity store, by number.
type grantee struct {
	kind types.PrincipalType
	n    int
}

// Groups whose access is not a product's own, by their numbers in the identity store.
const (
	administrators = iota
	readers
	_ // billing
	auditors
	onCall
	firstTeam
)

func (o *Organization) permissionSets() []permissionSet {
	tags := []tag{{"owner", "team-security-operations@example.com"}, {"cost-centre", "8100"}}
	return []permissionSet{
		{name: "AdministratorAccess", description: "for changes that nothing else can make", duration: "PT1H", managed: []string{"AdministratorAccess"}, tags: tags,
			granted: func(o *Organization, a *account) []grantee {
				list := []grantee{{types.PrincipalTypeGroup, administrators}}
				if a.kind == kindWorkload && a.env == "prod" {
					list = append(list, grantee{types.PrincipalTypeGroup, onCall})
				}
				if o.problem(a, 0) { // somebody was let in past the groups
					list = append(list, grantee{types.PrincipalTypeUser, 3})
				}
				return list
			}},
		{name: "ReadOnly", duration: "PT8H", managed: []string{"ReadOnlyAccess"}, tags: tags, granted: (*Organization).readers,
			inline: policy(statement{Sid: "NoData", Effect: "Deny", Action: []string{"s3:GetObject", "dynamodb:GetItem"}, Resource: "*"}).json()},
		{name: "Billing", description: "not in use yet", duration: "PT4H", relay: "https://console.aws.amazon.com/billing/", managed: []string{"job-function/Billing"}},
		{name: "Developer", duration: "PT8H", managed: []string{"PowerUserAccess"}, tags: tags,
			local:    []types.CustomerManagedPolicyReference{{Name: aws.String("developer-secrets"), Path: aws.String("/")}},
			boundary: &types.PermissionsBoundary{CustomerManagedPolicyReference: &types.CustomerManagedPolicyReference{Name: aws.String("developer-boundary"), Path: aws.String("/")}}},
	}
}

// readers are the groups that look at all accounts, and the teams of an account's product.
func (o *Organization) readers(a *account) []grantee {
	list := []grantee{{types.PrincipalTypeGroup, readers}, {types.PrincipalTypeGroup, auditors}}
	for g := firstTeam; g < o.people().IdentityGroups; g++ {
		if products[(g-firstTeam)%len(products)].name == a.prod.name {
			list = append(list, grantee{types.PrincipalTypeGroup, g})
		}
	}
	return list
}

// granteesOf are those whom a permission set lets into an account.
func (o *Organization) granteesOf(set permissionSet, a *account) []grantee {
	if set.granted == nil || o.stateOf(a) != orgtypes.AccountStateActive || !o.isMember(a) {
		return nil
	}
	people := o.people()
	return slices.DeleteFunc(set.granted(o, a), func(p grantee) bool {
		if p.kind == types.PrincipalTypeUser {
			return p.n >= people.IdentityUsers
		}
		return p.n >= people.IdentityGroups
	})
}

func (o *Organization) granteeID(p grantee) string {
	if p.kind == types.PrincipalTypeUser {
		return o.personID(p.n)
	}
	return o.groupID(p.n)
}

func (o *Organization) instanceID() string {
	return "ssoins-" + o.seed.s("sso instance").draw().hex(16)
}

func (o *Organization) instanceARN() string {
	return o.arnPrefix() + ":sso:::instance/" + o.instanceID()
}

func (o *Organization) permissionSetARN(set permissionSet) string {
	return o.arnPrefix() + ":sso:::permissionSet/" + o.instanceID() + "/ps-" + o.seed.s("permission set").s(set.name).draw().hex(16)
}

// inInstance refuses other instances and other regions.
func (c *call) inInstance(arn *string) error {
	if aws.ToString(arn) != c.o.instanceARN() || c.region != c.o.IdentityRegion() {
		return c.fault("ResourceNotFoundException", 400, "Could not find Instance")
	}
	return nil
}

// ofPermissionSet finds the permission set that an operation names.
func (c *call) ofPermissionSet(instance, arn *string) (permissionSet, error) {
	if err := c.inInstance(instance); err != nil {
		return permissionSet{}, err
	}
	list := c.o.permissionSets()
	i := slices.IndexFunc(list, func(s permissionSet) bool { return c.o.permissionSetARN(s) == aws.ToString(arn) })
	if i < 0 {
		return permissionSet{}, c.fault("ResourceNotFoundException", 400, "Could not find PermissionSet")
	}
	return list[i], nil
}

func listPermissionSets(c *call, in *ssoadmin.ListPermissionSetsInput) (*ssoadmin.ListPermissionSetsOutput, error) {
	if err := c.inInstance(in.InstanceArn); err != nil {
		return nil, err
	}
	list := c.o.permissionSets()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, len(list), all(func(i int) string { return c.o.permissionSetARN(list[i]) }))
	return &ssoadmin.ListPermissionSetsOutput{PermissionSets: items, NextToken: next}, err
}

func describePermissionSet(c *call, in *ssoadmin.DescribePermissionSetInput) (*ssoadmin.DescribePermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	item := &types.PermissionSet{
		PermissionSetArn: in.PermissionSetArn, Name: aws.String(set.name), SessionDuration: aws.String(set.duration),
		CreatedDate: aws.Time(c.o.seed.s("permission set since").s(set.name).draw().before(c.o.anchor, 1200)),
	}
	if set.description != "" {
		item.Description = aws.String(set.description)
	}
	if set.relay != "" {
		item.RelayState = aws.String(set.relay)
	}
	return &ssoadmin.DescribePermissionSetOutput{PermissionSet: item}, nil
}

func listManagedPolicies(c *call, in *ssoadmin.ListManagedPoliciesInPermissionSetInput) (*ssoadmin.ListManagedPoliciesInPermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, len(set.managed), all(func(i int) types.AttachedManagedPolicy {
		arn := c.o.arnPrefix() + ":iam::aws:policy/" + set.managed[i]
		return types.AttachedManagedPolicy{Arn: aws.String(arn), Name: aws.String(path.Base(set.managed[i]))}
	}))
	return &ssoadmin.ListManagedPoliciesInPermissionSetOutput{AttachedManagedPolicies: items, NextToken: next}, err
}

func listCustomerManagedPolicies(c *call, in *ssoadmin.ListCustomerManagedPolicyReferencesInPermissionSetInput) (*ssoadmin.ListCustomerManagedPolicyReferencesInPermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	n, at := of(set.local)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, n, at)
	return &ssoadmin.ListCustomerManagedPolicyReferencesInPermissionSetOutput{CustomerManagedPolicyReferences: items, NextToken: next}, err
}

// getInlinePolicy answers an empty text where there is none, as AWS does.
func getInlinePolicy(c *call, in *ssoadmin.GetInlinePolicyForPermissionSetInput) (*ssoadmin.GetInlinePolicyForPermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	return &ssoadmin.GetInlinePolicyForPermissionSetOutput{InlinePolicy: aws.String(set.inline)}, nil
}

func getPermissionsBoundary(c *call, in *ssoadmin.GetPermissionsBoundaryForPermissionSetInput) (*ssoadmin.GetPermissionsBoundaryForPermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	if set.boundary == nil {
		return nil, c.fault("ResourceNotFoundException", 400, "Could not find PermissionsBoundary for the permission set")
	}
	return &ssoadmin.GetPermissionsBoundaryForPermissionSetOutput{PermissionsBoundary: set.boundary}, nil
}

func listIdentityTags(c *call, in *ssoadmin.ListTagsForResourceInput) (*ssoadmin.ListTagsForResourceOutput, error) {
	tags := []tag{{"owner", "team-identity@example.com"}}
	if aws.ToString(in.ResourceArn) != aws.ToString(in.InstanceArn) {
		set, err := c.ofPermissionSet(in.InstanceArn, in.ResourceArn)
		if err != nil {
			return nil, err
		}
		tags = set.tags
	} else if err := c.inInstance(in.InstanceArn); err != nil {
		return nil, err
	}
	n, at := of(tagList(tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }))
	items, next, err := page(c, request{token: in.NextToken}, limits{most: 75}, n, at)
	return &ssoadmin.ListTagsForResourceOutput{Tags: items, NextToken: next}, err
}

func listProvisionedAccounts(c *call, in *ssoadmin.ListAccountsForProvisionedPermissionSetInput) (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	accounts := c.o.accounts
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, len(accounts), func(i int) (string, bool) {
		return accounts[i].id, len(c.o.granteesOf(set, accounts[i])) > 0
	})
	return &ssoadmin.ListAccountsForProvisionedPermissionSetOutput{AccountIds: items, NextToken: next}, err
}

func listAccountAssignments(c *call, in *ssoadmin.ListAccountAssignmentsInput) (*ssoadmin.ListAccountAssignmentsOutput, error) {
	set, err := c.ofPermissionSet(in.InstanceArn, in.PermissionSetArn)
	if err != nil {
		return nil, err
	}
	a, ok := c.o.byID[aws.ToString(in.AccountId)]
	if !ok {
		return nil, c.fault("ResourceNotFoundException", 400, "Could not find the account")
	}
	grantees := c.o.granteesOf(set, a)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, len(grantees), all(func(i int) types.AccountAssignment {
		return types.AccountAssignment{
			AccountId: in.AccountId, PermissionSetArn: in.PermissionSetArn,
			PrincipalId: aws.String(c.o.granteeID(grantees[i])), PrincipalType: grantees[i].kind,
		}
	}))
	return &ssoadmin.ListAccountAssignmentsOutput{AccountAssignments: items, NextToken: next}, err
}
