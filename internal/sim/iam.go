package sim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

func iamService() service {
	return service{
		id: "IAM", name: "iam", global: true, dialect: queryDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.NoSuchEntityException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidInputException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServiceFailureException{Message: m} },
		),
		operations: []operation{
			op(accountAuthorizationDetails, "Filter", "Marker", "MaxItems"),
			op(listIAMUsers, "Marker", "MaxItems", "PathPrefix"),
			op(getUser, "UserName"),
			op(listGroupsForUser, "UserName", "Marker", "MaxItems"),
			op(listAttachedUserPolicies, "UserName", "Marker", "MaxItems"),
			op(listUserPolicies, "UserName", "Marker", "MaxItems"),
			op(getLoginProfile, "UserName"),
			op(listAccessKeys, "UserName", "Marker", "MaxItems"),
			op(accessKeyLastUsed, "AccessKeyId"),
			op(listGroups, "Marker", "MaxItems"),
			op(getGroup, "GroupName", "Marker", "MaxItems"),
			op(listAttachedGroupPolicies, "GroupName", "Marker", "MaxItems"),
			op(listGroupPolicies, "GroupName", "Marker", "MaxItems"),
			op(listRoles, "Marker", "MaxItems", "PathPrefix"),
			op(getRole, "RoleName"),
			op(listAttachedRolePolicies, "RoleName", "Marker", "MaxItems"),
			op(listRolePolicies, "RoleName", "Marker", "MaxItems"),
			op(listPolicies, "Scope", "OnlyAttached", "Marker", "MaxItems"),
			op(getPolicyVersion, "PolicyArn", "VersionId"),
			op(listPolicyTags, "PolicyArn", "Marker", "MaxItems"),
			op(listMFADevices, "UserName", "Marker", "MaxItems"),
			op(listVirtualMFADevices, "AssignmentStatus", "Marker", "MaxItems"),
			op(listMFADeviceTags, "SerialNumber", "Marker", "MaxItems"),
			op(generateCredentialReport),
			op(getCredentialReport),
			op(getAccountSummary),
			op(listAccountAliases, "Marker", "MaxItems"),
			op(accountPasswordPolicy),
			op(listInstanceProfiles, "Marker", "MaxItems"),
			op(listInstanceProfileTags, "InstanceProfileName", "Marker", "MaxItems"),
			op(listSAMLProviders),
			op(getSAMLProvider, "SAMLProviderArn"),
			op(listOIDCProviders),
			op(getOIDCProvider, "OpenIDConnectProviderArn"),
		},
	}
}

var iamPages = limits{least: 1, most: 1000, standard: 100}

// marked pages as IAM does: with a marker, and a flag that there is more.
func marked[T any](c *call, marker *string, size *int32, n int, at func(i int) (T, bool)) ([]T, *string, bool, error) {
	items, next, err := page(c, request{marker, size}, iamPages, n, at)
	return items, next, next != nil, err
}

func (c *call) noSuch(kind, name string) error {
	return c.fault("NoSuchEntity", 404, "The %s with name %s cannot be found.", kind, name)
}

// find looks a name up, or says that there is no such thing.
func (c *call) find(kind, name string, in func(string) int) (int, error) {
	i := in(name)
	if i < 0 {
		return 0, c.noSuch(kind, name)
	}
	return i, nil
}

// accountAuthorizationDetails walks users, groups, roles and policies as one list.
func accountAuthorizationDetails(c *call, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	d := c.directory()
	out := &iam.GetAccountAuthorizationDetailsOutput{}
	var inUse []string
	wanted := func(t types.EntityType, n int) int {
		if len(in.Filter) == 0 || slices.Contains(in.Filter, t) {
			return n
		}
		return 0
	}
	if wanted(types.EntityTypeAWSManagedPolicy, 1) == 1 {
		inUse = d.managedInUse()
	}
	parts := []struct {
		n   int
		add func(i int)
	}{
		{wanted(types.EntityTypeUser, d.Users), func(i int) { out.UserDetailList = append(out.UserDetailList, d.userDetail(i)) }},
		{wanted(types.EntityTypeGroup, d.Groups), func(i int) { out.GroupDetailList = append(out.GroupDetailList, d.groupDetail(i)) }},
		{wanted(types.EntityTypeRole, d.Roles), func(i int) { out.RoleDetailList = append(out.RoleDetailList, d.roleDetail(i)) }},
		{wanted(types.EntityTypeLocalManagedPolicy, d.Policies), func(i int) { out.Policies = append(out.Policies, d.policyDetail(i)) }},
		{len(inUse), func(i int) { out.Policies = append(out.Policies, d.managedDetail(inUse[i])) }},
	}
	total := 0
	for _, p := range parts {
		total += p.n
	}
	positions, next, more, err := marked(c, in.Marker, in.MaxItems, total, all(func(i int) int { return i }))
	if err != nil {
		return nil, err
	}
	for _, i := range positions {
		for _, p := range parts {
			if i < p.n {
				p.add(i)
				break
			}
			i -= p.n
		}
	}
	out.Marker, out.IsTruncated = next, more
	return out, nil
}

func listIAMUsers(c *call, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	d := c.directory()
	items, next, more, err := marked(c, in.Marker, in.MaxItems, d.Users, func(i int) (types.User, bool) {
		return d.user(i), strings.HasPrefix(d.userPath(i), aws.ToString(in.PathPrefix))
	})
	return &iam.ListUsersOutput{Users: items, Marker: next, IsTruncated: more}, err
}

func getUser(c *call, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	user := d.fullUser(i)
	return &iam.GetUserOutput{User: &user}, nil
}

func listGroupsForUser(c *call, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	groups := d.groupsOf(i)
	items, next, more, err := marked(c, in.Marker, in.MaxItems, len(groups), all(func(k int) types.Group { return d.group(groups[k]) }))
	return &iam.ListGroupsForUserOutput{Groups: items, Marker: next, IsTruncated: more}, err
}

func listAttachedUserPolicies(c *call, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	n, at := of(d.attachedPolicies(d.userPolicies(i)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: items, Marker: next, IsTruncated: more}, err
}

func names(list []inline) []string {
	var n []string
	for _, p := range list {
		n = append(n, p.name)
	}
	return n
}

func listUserPolicies(c *call, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	n, at := of(names(d.userInline(i)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListUserPoliciesOutput{PolicyNames: items, Marker: next, IsTruncated: more}, err
}

func getLoginProfile(c *call, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	if !d.hasPassword(i) {
		return nil, c.fault("NoSuchEntity", 404, "Login Profile for User %s cannot be found.", *in.UserName)
	}
	return &iam.GetLoginProfileOutput{LoginProfile: &types.LoginProfile{
		UserName: in.UserName, CreateDate: aws.Time(d.created("user", i)), PasswordResetRequired: false,
	}}, nil
}

func listAccessKeys(c *call, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	d := c.directory()
	i, err := c.find("user", aws.ToString(in.UserName), d.findUser)
	if err != nil {
		return nil, err
	}
	keys := d.keysOf(i)
	items, next, more, err := marked(c, in.Marker, in.MaxItems, len(keys), all(func(k int) types.AccessKeyMetadata {
		status := types.StatusTypeInactive
		if keys[k].active {
			status = types.StatusTypeActive
		}
		return types.AccessKeyMetadata{AccessKeyId: aws.String(keys[k].id), UserName: in.UserName, Status: status, CreateDate: aws.Time(keys[k].created)}
	}))
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: items, Marker: next, IsTruncated: more}, err
}

func accessKeyLastUsed(c *call, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	d := c.directory()
	for i := range d.Users {
		for _, key := range d.keysOf(i) {
			if key.id != aws.ToString(in.AccessKeyId) {
				continue
			}
			last := &types.AccessKeyLastUsed{Region: aws.String("N/A"), ServiceName: aws.String("N/A")}
			if !key.used.IsZero() {
				last = &types.AccessKeyLastUsed{Region: aws.String(c.o.regions[0]), ServiceName: aws.String(key.service), LastUsedDate: aws.Time(key.used)}
			}
			return &iam.GetAccessKeyLastUsedOutput{UserName: aws.String(d.userName(i)), AccessKeyLastUsed: last}, nil
		}
	}
	return nil, c.noSuch("access key", aws.ToString(in.AccessKeyId))
}

func listGroups(c *call, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	d := c.directory()
	items, next, more, err := marked(c, in.Marker, in.MaxItems, d.Groups, all(d.group))
	return &iam.ListGroupsOutput{Groups: items, Marker: next, IsTruncated: more}, err
}

func getGroup(c *call, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	d := c.directory()
	g, err := c.find("group", aws.ToString(in.GroupName), d.findGroup)
	if err != nil {
		return nil, err
	}
	group := d.group(g)
	items, next, more, err := marked(c, in.Marker, in.MaxItems, d.Users, func(i int) (types.User, bool) {
		return d.user(i), slices.Contains(d.groupsOf(i), g)
	})
	return &iam.GetGroupOutput{Group: &group, Users: items, Marker: next, IsTruncated: more}, err
}

func listAttachedGroupPolicies(c *call, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	d := c.directory()
	g, err := c.find("group", aws.ToString(in.GroupName), d.findGroup)
	if err != nil {
		return nil, err
	}
	n, at := of(d.attachedPolicies(d.groupPolicies(g)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: items, Marker: next, IsTruncated: more}, err
}

func listGroupPolicies(c *call, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	d := c.directory()
	g, err := c.find("group", aws.ToString(in.GroupName), d.findGroup)
	if err != nil {
		return nil, err
	}
	n, at := of(names(d.groupInline(g)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListGroupPoliciesOutput{PolicyNames: items, Marker: next, IsTruncated: more}, err
}

func listRoles(c *call, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	d := c.directory()
	items, next, more, err := marked(c, in.Marker, in.MaxItems, d.Roles, func(i int) (types.Role, bool) {
		return d.role(i), strings.HasPrefix(d.rolePath(i), aws.ToString(in.PathPrefix))
	})
	return &iam.ListRolesOutput{Roles: items, Marker: next, IsTruncated: more}, err
}

func getRole(c *call, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	d := c.directory()
	i, err := c.find("role", aws.ToString(in.RoleName), d.findRole)
	if err != nil {
		return nil, err
	}
	role := d.fullRole(i)
	return &iam.GetRoleOutput{Role: &role}, nil
}

func listAttachedRolePolicies(c *call, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	d := c.directory()
	i, err := c.find("role", aws.ToString(in.RoleName), d.findRole)
	if err != nil {
		return nil, err
	}
	n, at := of(d.attachedPolicies(d.rolePolicies(i)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: items, Marker: next, IsTruncated: more}, err
}

func listRolePolicies(c *call, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	d := c.directory()
	i, err := c.find("role", aws.ToString(in.RoleName), d.findRole)
	if err != nil {
		return nil, err
	}
	n, at := of(names(d.roleInline(i)))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListRolePoliciesOutput{PolicyNames: items, Marker: next, IsTruncated: more}, err
}

// listPolicies knows of AWS's own policies only those in use.
func listPolicies(c *call, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	d := c.directory()
	var inUse []string
	local := d.Policies
	switch in.Scope {
	case types.PolicyScopeTypeAws:
		local, inUse = 0, d.managedInUse()
	case types.PolicyScopeTypeAll, "":
		inUse = d.managedInUse()
	}
	items, next, more, err := marked(c, in.Marker, in.MaxItems, local+len(inUse), func(i int) (types.Policy, bool) {
		var p types.ManagedPolicyDetail
		if i < local {
			p = d.policyDetail(i)
		} else {
			p = d.managedDetail(inUse[i-local])
		}
		return types.Policy{
			Arn: p.Arn, PolicyName: p.PolicyName, PolicyId: p.PolicyId, Path: p.Path, CreateDate: p.CreateDate, UpdateDate: p.UpdateDate,
			IsAttachable: p.IsAttachable, DefaultVersionId: p.DefaultVersionId, AttachmentCount: p.AttachmentCount,
			PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount,
		}, !in.OnlyAttached || aws.ToInt32(p.AttachmentCount) > 0
	})
	return &iam.ListPoliciesOutput{Policies: items, Marker: next, IsTruncated: more}, err
}

func getPolicyVersion(c *call, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	d := c.directory()
	arn := aws.ToString(in.PolicyArn)
	var detail types.ManagedPolicyDetail
	if name, ok := strings.CutPrefix(arn, d.managed("")); ok && slices.Contains(d.managedInUse(), name) {
		detail = d.managedDetail(name)
	} else if i := d.findPolicy(arn); i >= 0 {
		detail = d.policyDetail(i)
	}
	for _, v := range detail.PolicyVersionList {
		if *v.VersionId == aws.ToString(in.VersionId) {
			return &iam.GetPolicyVersionOutput{PolicyVersion: &v}, nil
		}
	}
	return nil, c.fault("NoSuchEntity", 404, "Policy %s version %s does not exist or is not attachable.", arn, aws.ToString(in.VersionId))
}

func listPolicyTags(c *call, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	d := c.directory()
	i := d.findPolicy(aws.ToString(in.PolicyArn))
	if i < 0 {
		return nil, c.fault("NoSuchEntity", 404, "Policy %s does not exist or is not attachable.", aws.ToString(in.PolicyArn))
	}
	n, at := of(tagList(d.policyTags(i), iamTag))
	items, next, more, err := marked(c, in.Marker, in.MaxItems, n, at)
	return &iam.ListPolicyTagsOutput{Tags: items, Marker: next, IsTruncated: more}, err
}
