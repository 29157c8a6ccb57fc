package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"
)

// IAM Identity Center: one instance for the organization, in one region.

func ssoadminService() service {
	return service{
		id: "SSO Admin", name: "ssoadmin", prefix: "sso", dialect: jsonDialect,
		errors: model(
			func(m *string) smithy.APIError { return &ssotypes.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &ssotypes.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &ssotypes.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &ssotypes.ValidationException{Message: m} },
			func(m *string) smithy.APIError { return &ssotypes.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(identityAdministered(listInstances), "MaxResults", "NextToken", "RegionScope"),
			op(identityAdministered(listPermissionSets), "InstanceArn", "MaxResults", "NextToken"),
			op(identityAdministered(describePermissionSet), "InstanceArn", "PermissionSetArn"),
			op(identityAdministered(listManagedPolicies), "InstanceArn", "PermissionSetArn", "MaxResults", "NextToken"),
			op(identityAdministered(listCustomerManagedPolicies), "InstanceArn", "PermissionSetArn", "MaxResults", "NextToken"),
			op(identityAdministered(getInlinePolicy), "InstanceArn", "PermissionSetArn"),
			op(identityAdministered(getPermissionsBoundary), "InstanceArn", "PermissionSetArn"),
			op(identityAdministered(listIdentityTags), "InstanceArn", "ResourceArn", "NextToken"),
			op(identityAdministered(listProvisionedAccounts), "InstanceArn", "PermissionSetArn", "MaxResults", "NextToken"),
			op(identityAdministered(listAccountAssignments), "InstanceArn", "PermissionSetArn", "AccountId", "MaxResults", "NextToken"),
		},
	}
}

func identitystoreService() service {
	return service{
		id: "identitystore", name: "identitystore", dialect: jsonDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.ValidationException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(identityAdministered(listIdentityStores), "MaxResults", "NextToken"),
			op(identityAdministered(listUsers), "IdentityStoreId", "MaxResults", "NextToken"),
			op(identityAdministered(listIdentityGroups), "IdentityStoreId", "MaxResults", "NextToken"),
			op(identityAdministered(listMemberships), "IdentityStoreId", "GroupId", "MaxResults", "NextToken"),
		},
	}
}

var identityPages = limits{least: 1, most: 100}

// identityAdministered lets only the management account and the delegated administrator ask.
func identityAdministered[I, O any](answer func(*call, *I) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, in *I) (*O, error) {
		if c.account != c.o.management && c.account != c.o.security {
			return nil, c.denied(c.operation.action, "because the account is neither the management account nor a delegated administrator", false)
		}
		return answer(c, in)
	}
}

func (o *Organization) identityStoreID() string {
	return "d-" + o.seed.s("identity store").draw().hex(10)
}

func (o *Organization) people() Sizes { return o.sizes(o.management, busy) }

func listInstances(c *call, in *ssoadmin.ListInstancesInput) (*ssoadmin.ListInstancesOutput, error) {
	var list []ssotypes.InstanceMetadata
	if c.region == c.o.IdentityRegion() || in.RegionScope == ssotypes.RegionScopeAllRegions {
		id := c.o.identityStoreID()
		list = append(list, ssotypes.InstanceMetadata{
			InstanceArn: aws.String(c.o.instanceARN()), IdentityStoreId: aws.String(id),
			IdentityStoreArn: aws.String(c.o.identityARN("identitystore/" + id)), OwnerAccountId: aws.String(c.o.management.id), Name: aws.String("larkfield"),
			PrimaryRegion: aws.String(c.o.IdentityRegion()), Status: ssotypes.InstanceStatusActive, CreatedDate: aws.Time(c.o.anchor.AddDate(-4, 0, 11)),
		})
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, n, at)
	return &ssoadmin.ListInstancesOutput{Instances: items, NextToken: next}, err
}

func (o *Organization) identityARN(resource string) string {
	return o.arnPrefix() + ":identitystore::" + o.management.id + ":" + resource
}

func listIdentityStores(c *call, in *identitystore.ListIdentityStoresInput) (*identitystore.ListIdentityStoresOutput, error) {
	var list []types.IdentityStore
	if c.region == c.o.IdentityRegion() {
		id := c.o.identityStoreID()
		list = append(list, types.IdentityStore{IdentityStoreId: aws.String(id), IdentityStoreArn: aws.String(c.o.identityARN("identitystore/" + id))})
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, n, at)
	return &identitystore.ListIdentityStoresOutput{IdentityStores: items, NextToken: next}, err
}

// inStore refuses other stores and other regions, which look the same from outside.
func (c *call) inStore(id *string) error {
	if aws.ToString(id) != c.o.identityStoreID() || c.region != c.o.IdentityRegion() {
		return c.fault("ResourceNotFoundException", 400, "IdentityStore not found.")
	}
	return nil
}

func (o *Organization) personID(n int) string {
	return o.seed.s("identity user").i(n).draw().uuid()
}

func (o *Organization) identityUser(n int) types.User {
	p := o.person(n)
	d := o.seed.s("identity user facts").i(n).draw()
	id := o.personID(n)
	since := d.before(o.anchor, 1400)
	u := types.User{
		IdentityStoreId: aws.String(o.identityStoreID()), UserId: aws.String(id), UserArn: aws.String(o.arnPrefix() + ":identitystore:::user/" + id),
		UserName: aws.String(p.email()), DisplayName: aws.String(p.given + " " + p.family),
		Name:       &types.Name{GivenName: aws.String(p.given), FamilyName: aws.String(p.family), Formatted: aws.String(p.given + " " + p.family)},
		Emails:     []types.Email{{Value: aws.String(p.email()), Type: aws.String("work"), Primary: true}},
		UserStatus: types.UserStatusEnabled, CreatedAt: aws.Time(since), UpdatedAt: aws.Time(since.AddDate(0, 0, d.n(60))),
		CreatedBy: aws.String("SCIM"), UpdatedBy: aws.String("SCIM"),
		ExternalIds: []types.ExternalId{{Issuer: aws.String("https://scim.aws.com/external-ids"), Id: aws.String(d.uuid())}},
	}
	if d.chance(80) {
		u.Title, u.Locale, u.Timezone = aws.String(p.title), aws.String("en-GB"), aws.String("Europe/Amsterdam")
	}
	if d.chance(30) {
		u.PhoneNumbers = []types.PhoneNumber{{Value: aws.String("+31 20 555 " + d.digits(4)), Type: aws.String("work"), Primary: true}}
	}
	if d.chance(15) {
		u.Addresses = []types.Address{{Country: aws.String("NL"), Locality: aws.String("Utrecht"), StreetAddress: aws.String("Havenstraat " + itoa(1+d.n(90))), Type: aws.String("work"), Primary: true}}
	}
	if d.chance(5) {
		u.UserStatus = types.UserStatusDisabled
	}
	return u
}

func listUsers(c *call, in *identitystore.ListUsersInput) (*identitystore.ListUsersOutput, error) {
	if err := c.inStore(in.IdentityStoreId); err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, c.o.people().IdentityUsers, all(c.o.identityUser))
	return &identitystore.ListUsersOutput{Users: items, NextToken: next}, err
}

func (o *Organization) groupID(g int) string {
	return o.seed.s("identity group").i(g).draw().uuid()
}

func (o *Organization) identityGroup(g int) types.Group {
	id := o.groupID(g)
	since := o.seed.s("identity group since").i(g).draw().before(o.anchor, 1400)
	name := pickOf([]string{"aws-administrators", "aws-read-only", "aws-billing", "aws-security-auditors", "on-call"}, g)
	note := "access across the company"
	if g >= 5 {
		p := products[(g-5)%len(products)]
		name, note = "team-"+p.name, "members of "+p.team
		if again := (g - 5) / len(products); again > 0 {
			name += "-" + itoa(again+1)
		}
	}
	item := types.Group{
		IdentityStoreId: aws.String(o.identityStoreID()), GroupId: aws.String(id), GroupArn: aws.String(o.arnPrefix() + ":identitystore:::group/" + id),
		DisplayName: aws.String(name), CreatedAt: aws.Time(since), UpdatedAt: aws.Time(since), CreatedBy: aws.String("SCIM"), UpdatedBy: aws.String("SCIM"),
	}
	if g%3 != 2 {
		item.Description = aws.String(note)
	}
	return item
}

func listIdentityGroups(c *call, in *identitystore.ListGroupsInput) (*identitystore.ListGroupsOutput, error) {
	if err := c.inStore(in.IdentityStoreId); err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, c.o.people().IdentityGroups, all(c.o.identityGroup))
	return &identitystore.ListGroupsOutput{Groups: items, NextToken: next}, err
}

// membersOf is how many of the memberships a group has: they are dealt out evenly, and no group has a person twice.
func membersOf(s Sizes, g int) int {
	if s.IdentityGroups == 0 {
		return 0
	}
	n := s.Memberships / s.IdentityGroups
	if g < s.Memberships%s.IdentityGroups {
		n++
	}
	return min(n, s.IdentityUsers)
}

func listMemberships(c *call, in *identitystore.ListGroupMembershipsInput) (*identitystore.ListGroupMembershipsOutput, error) {
	if err := c.inStore(in.IdentityStoreId); err != nil {
		return nil, err
	}
	s := c.o.people()
	g := indexOf(s.IdentityGroups, func(g int) bool { return c.o.groupID(g) == aws.ToString(in.GroupId) })
	if g < 0 {
		return nil, c.fault("ResourceNotFoundException", 400, "GROUP not found.")
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, identityPages, membersOf(s, g), all(func(k int) types.GroupMembership {
		at := c.o.seed.s("membership").i(g).i(k).draw()
		id := at.uuid()
		since := at.before(c.o.anchor, 1000).Truncate(time.Second)
		return types.GroupMembership{
			IdentityStoreId: in.IdentityStoreId, GroupId: in.GroupId, MembershipId: aws.String(id), MembershipArn: aws.String(c.o.arnPrefix() + ":identitystore:::membership/" + id),
			MemberId:  &types.MemberIdMemberUserId{Value: c.o.personID((g*13 + k) % s.IdentityUsers)},
			CreatedAt: aws.Time(since), UpdatedAt: aws.Time(since), CreatedBy: aws.String("SCIM"), UpdatedBy: aws.String("SCIM"),
		}
	}))
	return &identitystore.ListGroupMembershipsOutput{GroupMemberships: items, NextToken: next}, err
}
