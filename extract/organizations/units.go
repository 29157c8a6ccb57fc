package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"stocktake/extract"
)

// Unit is a types.OrganizationalUnit with its place in the tree, or the root
// that the tree grows from.
type Unit struct {
	types.OrganizationalUnit
	extract.Incomplete
	Type        types.ParentType
	ParentId    *string                   // NULL of a root
	PolicyTypes []types.PolicyTypeSummary // of a root
	Tags        []types.Tag
}

var units = extract.Tree(service, extract.Level[organizations.Client, extract.Root, Unit]{
	Table: "aws_organizations_organizational_units",
	Rows: extract.Nested(
		extract.Pages(service, organizations.NewListRootsPaginator, extract.Always(&organizations.ListRootsInput{MaxResults: page}),
			func(o *organizations.ListRootsOutput) []Unit { return extract.Map(o.Roots, rootUnit) }),
		extract.Pages(service, organizations.NewListOrganizationalUnitsForParentPaginator,
			func(u *Unit) *organizations.ListOrganizationalUnitsForParentInput {
				return &organizations.ListOrganizationalUnitsForParentInput{ParentId: u.Id, MaxResults: page}
			},
			func(o *organizations.ListOrganizationalUnitsForParentOutput) []Unit {
				return extract.Map(o.OrganizationalUnits, func(u types.OrganizationalUnit) Unit {
					return Unit{OrganizationalUnit: u, Type: types.ParentTypeOrganizationalUnit}
				})
			}).
			Own(func(parent, u *Unit) { u.ParentId = parent.Id }).
			Gone("ParentNotFoundException")),
	Details: []extract.Detail[organizations.Client, Unit]{
		{Operation: "ListTagsForResource", Columns: []string{"tags"},
			Read: func(ctx context.Context, c *organizations.Client, u *Unit) error {
				return tagsOf(ctx, c, u.Id, &u.Tags)
			}},
	},
}).In(extract.Organization)

func rootUnit(r types.Root) Unit {
	return Unit{
		OrganizationalUnit: types.OrganizationalUnit{Id: r.Id, Arn: r.Arn, Name: r.Name},
		Type:               types.ParentTypeRoot, PolicyTypes: r.PolicyTypes,
	}
}
