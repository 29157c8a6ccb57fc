// Package sts collects who stocktake is in each account.
package sts

import (
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/extract"
)

var service = extract.Service[sts.Client, sts.Options]{
	Info: extract.ServiceInfo{Name: "sts", ID: sts.ServiceID},
	New:  sts.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.One(service, "aws_sts_caller_identities", (*sts.Client).GetCallerIdentity,
		&sts.GetCallerIdentityInput{},
		func(o *sts.GetCallerIdentityOutput) []sts.GetCallerIdentityOutput {
			return []sts.GetCallerIdentityOutput{*o}
		}).In(extract.Global),
}
