// Package organizations collects the accounts of an organization.
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
var Collectors = []extract.Collector{accounts}

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
			pager := organizations.NewListTagsForResourcePaginator(c, &organizations.ListTagsForResourceInput{ResourceId: a.Id})
			return extract.EachPage(ctx, pager, func(o *organizations.ListTagsForResourceOutput) error {
				a.Tags = append(a.Tags, o.Tags...)
				return nil
			})
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

var accounts = extract.Tree(service, extract.Level[organizations.Client, extract.Root, Account]{
	Table: "aws_organizations_accounts",
	Rows: extract.Pages(service, organizations.NewListAccountsPaginator,
		extract.Always(&organizations.ListAccountsInput{MaxResults: aws.Int32(20)}),
		func(o *organizations.ListAccountsOutput) []Account {
			return extract.Map(o.Accounts, func(a types.Account) Account { return Account{Account: a} })
		}),
	Details: details,
}).In(extract.Organization).OfAnyAccount()
