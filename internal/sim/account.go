package sim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/smithy-go"
)

func accountService() service {
	return service{
		id: "Account", name: "account", global: true, dialect: restDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.TooManyRequestsException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.ValidationException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listRegions, "AccountId", "MaxResults", "NextToken", "RegionOptStatusContains"),
		},
	}
}

func listRegions(c *call, in *api.ListRegionsInput) (*api.ListRegionsOutput, error) {
	about := c.account
	if id := aws.ToString(in.AccountId); id != "" {
		other, ok := c.o.byID[id]
		switch {
		case c.account != c.o.management && c.account != c.o.security:
			return nil, c.denied(c.operation.action, "because no identity-based policy allows the account:ListRegions action", false)
		case other == c.o.management:
			return nil, c.fault("AccessDeniedException", 403, "User: %s is not authorized to perform: account:ListRegions (the management account asks about itself without an account ID)", c.who.arn)
		case !ok || !c.o.isMember(other):
			return nil, c.fault("AccessDeniedException", 403, "User: %s is not authorized to perform: account:ListRegions (Account %s is not a member of your organization)", c.who.arn, id)
		}
		about = other
	}
	regions := c.o.universe()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 50, standard: 20}, len(regions),
		func(i int) (types.Region, bool) {
			status := types.RegionOptStatus(c.o.regionStatus(about, regions[i]))
			wanted := len(in.RegionOptStatusContains) == 0 || slices.Contains(in.RegionOptStatusContains, status)
			return types.Region{RegionName: aws.String(regions[i]), RegionOptStatus: status}, wanted
		})
	return &api.ListRegionsOutput{Regions: items, NextToken: next}, err
}
