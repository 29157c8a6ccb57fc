package resourceexplorer2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/types"

	"stocktake/extract"
)

// organization is how resources are read through one view of the organization,
// where the source says so.
var organization = &extract.Administrator{
	Principal: "resource-explorer-2.amazonaws.com",
	Option:    "resource_explorer",
	Tables:    []string{resourcesTable},
	Calls:     []extract.Call{{Operation: "ListIndexesForMembers", Table: resourcesTable}},
	View:      organizationView,
}

// membersOfCall is the most accounts that one call is asked about.
const membersOfCall = 10

// organizationView finds an unfiltered view of the organization where the
// administrator's resources are gathered. It contains all of an account where
// the account gathers its resources in the same region.
func organizationView(ctx context.Context, u *extract.Unit, accounts []string) (found extract.OrganizationView, err error) {
	w := &walk{unit: u, views: map[string][]View{}}
	indexes, err := w.listIndexes(ctx)
	if err != nil {
		return found, err
	}
	for _, region := range regionsOf(indexes, types.IndexTypeAggregator) {
		views, err := w.readViews(ctx, region)
		if err != nil {
			return found, err
		}
		views = slices.DeleteFunc(views, func(v View) bool { return !v.ofOrganization() || v.filtered() })
		if len(views) == 0 {
			continue
		}
		slices.SortFunc(views, better)
		members, err := membersIn(ctx, u, region, accounts)
		return extract.OrganizationView{Region: region, Param: aws.ToString(views[0].ViewArn), Accounts: append(members, u.Account)}, err
	}
	return found, nil
}

// membersIn returns those of the accounts whose aggregator is in the region.
func membersIn(ctx context.Context, u *extract.Unit, region string, accounts []string) ([]string, error) {
	client := service.In(u, region)
	var members []string
	for some := range slices.Chunk(accounts, membersOfCall) {
		pager := resourceexplorer2.NewListIndexesForMembersPaginator(client, &resourceexplorer2.ListIndexesForMembersInput{AccountIdList: some, MaxResults: aws.Int32(10)})
		err := extract.EachPage(ctx, pager, func(o *resourceexplorer2.ListIndexesForMembersOutput) error {
			for _, i := range o.Indexes {
				if i.Type == types.IndexTypeAggregator && aws.ToString(i.Region) == region {
					members = append(members, aws.ToString(i.AccountId))
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return members, nil
}
