// Package rds collects databases and their snapshots, those of Neptune and
// DocumentDB included.
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

// page is the largest that RDS gives.
var page = aws.Int32(100)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_rds_db_instances", rds.NewDescribeDBInstancesPaginator,
		&rds.DescribeDBInstancesInput{MaxRecords: page},
		func(o *rds.DescribeDBInstancesOutput) []types.DBInstance { return o.DBInstances }),

	extract.List(service, "aws_rds_db_clusters", rds.NewDescribeDBClustersPaginator,
		&rds.DescribeDBClustersInput{MaxRecords: page},
		func(o *rds.DescribeDBClustersOutput) []types.DBCluster { return o.DBClusters }),

	extract.List(service, "aws_rds_db_snapshots", rds.NewDescribeDBSnapshotsPaginator,
		&rds.DescribeDBSnapshotsInput{MaxRecords: page},
		func(o *rds.DescribeDBSnapshotsOutput) []types.DBSnapshot { return o.DBSnapshots }),

	extract.List(service, "aws_rds_db_cluster_snapshots", rds.NewDescribeDBClusterSnapshotsPaginator,
		&rds.DescribeDBClusterSnapshotsInput{MaxRecords: page},
		func(o *rds.DescribeDBClusterSnapshotsOutput) []types.DBClusterSnapshot { return o.DBClusterSnapshots }),
}
