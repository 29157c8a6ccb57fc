// Package rds collects database instances, those of Neptune and DocumentDB included.
package rds

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"stocktake/extract"
)

var service = extract.Service[rds.Client, rds.Options]{
	Info: extract.ServiceInfo{Name: "rds", ID: rds.ServiceID},
	New:  rds.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_rds_db_instances", rds.NewDescribeDBInstancesPaginator,
		&rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(100)},
		func(o *rds.DescribeDBInstancesOutput) []types.DBInstance { return o.DBInstances }),
}
