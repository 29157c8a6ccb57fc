// Package ssoadmin collects IAM Identity Center: its instances, the permission
// sets, and who has them in which account.
package ssoadmin

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"stocktake/extract"
)

var service = extract.Service[ssoadmin.Client, ssoadmin.Options]{
	Info: extract.ServiceInfo{Name: "ssoadmin", ID: ssoadmin.ServiceID, IAM: "sso"},
	New:  ssoadmin.NewFromConfig,
}

var page = aws.Int32(100)

const gone = "ResourceNotFoundException"

// Instance is a types.InstanceMetadata with its tags.
type Instance struct {
	types.InstanceMetadata
	extract.Incomplete
	Tags []types.Tag

	organization bool // gives access to accounts, as the organization's instance alone does
}

// PermissionSet is a types.PermissionSet with its policies and tags.
type PermissionSet struct {
	types.PermissionSet
	extract.Incomplete
	InstanceArn             *string
	ManagedPolicies         []types.AttachedManagedPolicy
	CustomerManagedPolicies []types.CustomerManagedPolicyReference
	InlinePolicy            *string
	PermissionsBoundary     *types.PermissionsBoundary
	Tags                    []types.Tag
}

// Assignment is a types.AccountAssignment with its instance.
type Assignment struct {
	types.AccountAssignment
	InstanceArn *string
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[ssoadmin.Client, extract.Root, Instance]{
		Table: "aws_ssoadmin_instances",
		Rows: extract.Pages(service, ssoadmin.NewListInstancesPaginator, extract.Always(&ssoadmin.ListInstancesInput{MaxResults: page}),
			func(o *ssoadmin.ListInstancesOutput) []Instance {
				return extract.Map(o.Instances, func(i types.InstanceMetadata) Instance { return Instance{InstanceMetadata: i} })
			}),
		Own: func(found *extract.Root, i *Instance) {
			i.organization = aws.ToString(i.IdentityStoreId) == found.Param
		},
		Details: []extract.Detail[ssoadmin.Client, Instance]{
			{Operation: "ListTagsForResource", Columns: []string{"tags"},
				Read: func(ctx context.Context, c *ssoadmin.Client, i *Instance) error {
					return tagsOf(ctx, c, i.InstanceArn, i.InstanceArn, &i.Tags)
				}},
		},
		Children: []extract.Branch[ssoadmin.Client, Instance]{permissionSets},
	}).In(extract.IdentityCenter).OfAnyAccount(),
}

var permissionSets = extract.Level[ssoadmin.Client, Instance, PermissionSet]{
	Table: "aws_ssoadmin_permission_sets",
	If:    func(i *Instance) bool { return i.organization },
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, ssoadmin.NewListPermissionSetsPaginator,
			func(i *Instance) *ssoadmin.ListPermissionSetsInput {
				return &ssoadmin.ListPermissionSetsInput{InstanceArn: i.InstanceArn, MaxResults: page}
			},
			func(o *ssoadmin.ListPermissionSetsOutput) []string { return o.PermissionSets }),
		extract.DescribeEach((*ssoadmin.Client).DescribePermissionSet,
			func(i *Instance, arn string) *ssoadmin.DescribePermissionSetInput {
				return &ssoadmin.DescribePermissionSetInput{InstanceArn: i.InstanceArn, PermissionSetArn: &arn}
			},
			func(o *ssoadmin.DescribePermissionSetOutput) PermissionSet {
				return PermissionSet{PermissionSet: *o.PermissionSet}
			}).Gone(gone).
			Else(func(_ *Instance, arn string) PermissionSet {
				return PermissionSet{PermissionSet: types.PermissionSet{PermissionSetArn: &arn}}
			}, "arn", "instance_arn", "managed_policies", "customer_managed_policies", "inline_policy", "permissions_boundary", "tags")),
	Own:      func(i *Instance, s *PermissionSet) { s.InstanceArn = i.InstanceArn },
	Details:  details,
	Children: []extract.Branch[ssoadmin.Client, PermissionSet]{assignments},
}

var details = []extract.Detail[ssoadmin.Client, PermissionSet]{
	{Operation: "ListManagedPoliciesInPermissionSet", Columns: []string{"managed_policies"},
		Read: func(ctx context.Context, c *ssoadmin.Client, s *PermissionSet) error {
			s.ManagedPolicies = []types.AttachedManagedPolicy{}
			pager := ssoadmin.NewListManagedPoliciesInPermissionSetPaginator(c, &ssoadmin.ListManagedPoliciesInPermissionSetInput{
				InstanceArn: s.InstanceArn, PermissionSetArn: s.PermissionSetArn, MaxResults: page,
			})
			return extract.EachPage(ctx, pager, func(o *ssoadmin.ListManagedPoliciesInPermissionSetOutput) error {
				s.ManagedPolicies = append(s.ManagedPolicies, o.AttachedManagedPolicies...)
				return nil
			})
		}},
	{Operation: "ListCustomerManagedPolicyReferencesInPermissionSet", Columns: []string{"customer_managed_policies"},
		Read: func(ctx context.Context, c *ssoadmin.Client, s *PermissionSet) error {
			s.CustomerManagedPolicies = []types.CustomerManagedPolicyReference{}
			pager := ssoadmin.NewListCustomerManagedPolicyReferencesInPermissionSetPaginator(c, &ssoadmin.ListCustomerManagedPolicyReferencesInPermissionSetInput{
				InstanceArn: s.InstanceArn, PermissionSetArn: s.PermissionSetArn, MaxResults: page,
			})
			return extract.EachPage(ctx, pager, func(o *ssoadmin.ListCustomerManagedPolicyReferencesInPermissionSetOutput) error {
				s.CustomerManagedPolicies = append(s.CustomerManagedPolicies, o.CustomerManagedPolicyReferences...)
				return nil
			})
		}},
	{Operation: "GetInlinePolicyForPermissionSet", Columns: []string{"inline_policy"},
		Read: func(ctx context.Context, c *ssoadmin.Client, s *PermissionSet) error {
			o, err := c.GetInlinePolicyForPermissionSet(ctx, &ssoadmin.GetInlinePolicyForPermissionSetInput{InstanceArn: s.InstanceArn, PermissionSetArn: s.PermissionSetArn})
			if err == nil {
				s.InlinePolicy = o.InlinePolicy
			}
			return err
		}},
	{Operation: "GetPermissionsBoundaryForPermissionSet", Columns: []string{"permissions_boundary"}, Absent: []string{gone},
		Read: func(ctx context.Context, c *ssoadmin.Client, s *PermissionSet) error {
			o, err := c.GetPermissionsBoundaryForPermissionSet(ctx, &ssoadmin.GetPermissionsBoundaryForPermissionSetInput{InstanceArn: s.InstanceArn, PermissionSetArn: s.PermissionSetArn})
			if err == nil {
				s.PermissionsBoundary = o.PermissionsBoundary
			}
			return err
		}},
	{Operation: "ListTagsForResource", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *ssoadmin.Client, s *PermissionSet) error {
			return tagsOf(ctx, c, s.InstanceArn, s.PermissionSetArn, &s.Tags)
		}},
}

func tagsOf(ctx context.Context, c *ssoadmin.Client, instance, resource *string, tags *[]types.Tag) error {
	pager := ssoadmin.NewListTagsForResourcePaginator(c, &ssoadmin.ListTagsForResourceInput{InstanceArn: instance, ResourceArn: resource})
	return extract.EachPage(ctx, pager, func(o *ssoadmin.ListTagsForResourceOutput) error {
		*tags = append(*tags, o.Tags...)
		return nil
	})
}

// provision is an account that has a permission set.
type provision struct{ account, instance, permissionSet *string }

// assignments are reached from the permission sets, which are fewer than the
// accounts, and lead to those accounts alone that have any.
var assignments = extract.Level[ssoadmin.Client, PermissionSet, Assignment]{
	Table: "aws_ssoadmin_account_assignments",
	Gone:  []string{gone},
	Rows: extract.Within(
		extract.Pages(service, ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator,
			func(s *PermissionSet) *ssoadmin.ListAccountsForProvisionedPermissionSetInput {
				return &ssoadmin.ListAccountsForProvisionedPermissionSetInput{InstanceArn: s.InstanceArn, PermissionSetArn: s.PermissionSetArn, MaxResults: page}
			},
			func(o *ssoadmin.ListAccountsForProvisionedPermissionSetOutput) []provision {
				return extract.Map(o.AccountIds, func(id string) provision { return provision{account: &id} })
			}).
			Own(func(s *PermissionSet, p *provision) { p.instance, p.permissionSet = s.InstanceArn, s.PermissionSetArn }),
		extract.Pages(service, ssoadmin.NewListAccountAssignmentsPaginator,
			func(p *provision) *ssoadmin.ListAccountAssignmentsInput {
				return &ssoadmin.ListAccountAssignmentsInput{AccountId: p.account, InstanceArn: p.instance, PermissionSetArn: p.permissionSet, MaxResults: page}
			},
			func(o *ssoadmin.ListAccountAssignmentsOutput) []Assignment {
				return extract.Map(o.AccountAssignments, func(a types.AccountAssignment) Assignment { return Assignment{AccountAssignment: a} })
			}).Gone(gone)),
	Own: func(s *PermissionSet, a *Assignment) { a.InstanceArn = s.InstanceArn },
}
