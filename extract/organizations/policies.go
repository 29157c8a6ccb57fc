package organizations

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"stocktake/extract"
)

// Policy is what a types.PolicySummary says, with the policy itself and what it
// is attached to.
type Policy struct {
	extract.Incomplete
	Arn         *string
	AwsManaged  bool
	Description *string
	Id          *string
	Name        *string
	Type        types.PolicyType
	Content     *string
	Targets     []types.PolicyTargetSummary
	Tags        []types.Tag
}

// policies are listed type by type, whether or not the type is in force.
var policies = extract.Tree(service, extract.Level[organizations.Client, extract.Root, Policy]{
	Table: "aws_organizations_policies",
	Rows: extract.Within(
		extract.Given[organizations.Client, extract.Root](types.PolicyType("").Values()...),
		extract.Pages(service, organizations.NewListPoliciesPaginator,
			func(t *types.PolicyType) *organizations.ListPoliciesInput {
				return &organizations.ListPoliciesInput{Filter: *t, MaxResults: page}
			},
			func(o *organizations.ListPoliciesOutput) []Policy {
				return extract.Map(o.Policies, func(p types.PolicySummary) Policy { return extract.Copy(Policy{}, p) })
			}).Unless(noSuchType)),
	Details: []extract.Detail[organizations.Client, Policy]{
		{Operation: "DescribePolicy", Columns: []string{"content"},
			Read: func(ctx context.Context, c *organizations.Client, p *Policy) error {
				o, err := c.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: p.Id})
				if err == nil {
					p.Content = o.Policy.Content
				}
				return err
			}},
		{Operation: "ListTargetsForPolicy", Columns: []string{"targets"},
			Read: func(ctx context.Context, c *organizations.Client, p *Policy) error {
				p.Targets = []types.PolicyTargetSummary{}
				pager := organizations.NewListTargetsForPolicyPaginator(c, &organizations.ListTargetsForPolicyInput{PolicyId: p.Id, MaxResults: page})
				return extract.EachPage(ctx, pager, func(o *organizations.ListTargetsForPolicyOutput) error {
					p.Targets = append(p.Targets, o.Targets...)
					return nil
				})
			}},
		{Operation: "ListTagsForResource", Columns: []string{"tags"},
			Read: func(ctx context.Context, c *organizations.Client, p *Policy) error {
				if p.AwsManaged {
					return nil // nobody can tag them
				}
				return tagsOf(ctx, c, p.Id, &p.Tags)
			}},
	},
}).In(extract.Organization)

// noSuchType tells types of policies that the partition does not have: each
// knows others than the SDK does.
func noSuchType(err error) bool {
	var invalid *types.InvalidInputException
	if errors.As(err, &invalid) {
		return invalid.Reason == types.InvalidInputExceptionReasonInvalidEnumPolicyType || invalid.Reason == types.InvalidInputExceptionReasonInvalidEnum
	}
	return extract.Code(err) == "UnsupportedAPIEndpointException"
}
