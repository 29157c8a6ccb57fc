// Package organizations collects an organization: its accounts, its tree, its
// policies, and who administers services for it.
package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"stocktake/extract"
)

var service = extract.Service[organizations.Client, organizations.Options]{
	Info: extract.ServiceInfo{Name: "organizations", ID: organizations.ServiceID},
	New:  organizations.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{organization, accounts, units, policies, administrators}

var page = aws.Int32(20)

var organization = extract.One(service, "aws_organizations_organizations", (*organizations.Client).DescribeOrganization,
	&organizations.DescribeOrganizationInput{},
	func(o *organizations.DescribeOrganizationOutput) []types.Organization {
		return []types.Organization{*o.Organization}
	}).In(extract.Organization).OfAnyAccount()

// Account is a types.Account with what two further calls tell of it.
type Account struct {
	types.Account
	extract.Incomplete
	Tags     []types.Tag
	ParentId *string // the root or unit it stands in
}

var details = []extract.Detail[organizations.Client, Account]{
	{
		Operation: "ListTagsForResource", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *organizations.Client, a *Account) error {
			return tagsOf(ctx, c, a.Id, &a.Tags)
		},
	},
	{
		Operation: "ListParents", Columns: []string{"parent_id"},
		Read: func(ctx context.Context, c *organizations.Client, a *Account) error {
			pager := organizations.NewListParentsPaginator(c, &organizations.ListParentsInput{ChildId: a.Id})
			return extract.EachPage(ctx, pager, func(o *organizations.ListParentsOutput) error {
				for _, p := range o.Parents { // one, and maybe after an empty page
					a.ParentId = p.Id
				}
				return nil
			})
		},
	},
}

func tagsOf(ctx context.Context, c *organizations.Client, id *string, tags *[]types.Tag) error {
	pager := organizations.NewListTagsForResourcePaginator(c, &organizations.ListTagsForResourceInput{ResourceId: id})
	return extract.EachPage(ctx, pager, func(o *organizations.ListTagsForResourceOutput) error {
		*tags = append(*tags, o.Tags...)
		return nil
	})
}

var accounts = extract.Tree(service, extract.Level[organizations.Client, extract.Root, Account]{
	Table: "aws_organizations_accounts",
	Rows: extract.Pages(service, organizations.NewListAccountsPaginator,
		extract.Always(&organizations.ListAccountsInput{MaxResults: page}),
		func(o *organizations.ListAccountsOutput) []Account {
			return extract.Map(o.Accounts, func(a types.Account) Account { return Account{Account: a} })
		}),
	Details: details,
}).In(extract.Organization).OfAnyAccount()
