package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"stocktake/extract"
)

// Administrator is a types.DelegatedAdministrator with the services that it
// administers.
type Administrator struct {
	types.DelegatedAdministrator
	extract.Incomplete
	DelegatedServices []types.DelegatedService
}

var administrators = extract.Tree(service, extract.Level[organizations.Client, extract.Root, Administrator]{
	Table: "aws_organizations_delegated_administrators",
	Rows: extract.Pages(service, organizations.NewListDelegatedAdministratorsPaginator,
		extract.Always(&organizations.ListDelegatedAdministratorsInput{MaxResults: page}),
		func(o *organizations.ListDelegatedAdministratorsOutput) []Administrator {
			return extract.Map(o.DelegatedAdministrators, func(a types.DelegatedAdministrator) Administrator {
				return Administrator{DelegatedAdministrator: a}
			})
		}),
	Details: []extract.Detail[organizations.Client, Administrator]{
		{Operation: "ListDelegatedServicesForAccount", Columns: []string{"delegated_services"}, Absent: []string{"AccountNotRegisteredException"},
			Read: func(ctx context.Context, c *organizations.Client, a *Administrator) error {
				pager := organizations.NewListDelegatedServicesForAccountPaginator(c, &organizations.ListDelegatedServicesForAccountInput{AccountId: a.Id, MaxResults: page})
				return extract.EachPage(ctx, pager, func(o *organizations.ListDelegatedServicesForAccountOutput) error {
					a.DelegatedServices = append(a.DelegatedServices, o.DelegatedServices...)
					return nil
				})
			}},
	},
}).In(extract.Organization).OfAnyAccount()
