// Package account collects what AWS Account Management says of accounts.
package account

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"

	"stocktake/extract"
)

var service = extract.Service[account.Client, account.Options]{
	Info: extract.ServiceInfo{Name: "account", ID: account.ServiceID},
	New:  account.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_account_regions", account.NewListRegionsPaginator,
		&account.ListRegionsInput{MaxResults: aws.Int32(50)},
		func(o *account.ListRegionsOutput) []types.Region { return o.Regions }).In(extract.Global),
}
