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

const accountsTable = "aws_organizations_accounts"

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

var accounts = extract.Collector{
	Service:    service.Info,
	Scope:      extract.Organization,
	AnyAccount: true,
	Tables:     []extract.Table{extract.TableOf[Account](accountsTable)},
	Calls:      append([]extract.Call{{Operation: "ListAccounts", Page: 20}}, extract.Calls(accountsTable, details)...),
	Walk: func(ctx context.Context, u *extract.Unit) error {
		client := service.Client(u)
		pager := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: aws.Int32(20)})
		return extract.EachPage(ctx, pager, func(o *organizations.ListAccountsOutput) error {
			rows := make([]Account, len(o.Accounts))
			for i, a := range o.Accounts {
				rows[i].Account = a
			}
			if err := extract.Enrich(ctx, u, accountsTable, rows, extract.Same[Account](client), details); err != nil {
				return err
			}
			return extract.Emit(u, accountsTable, rows)
		})
	},
}
