// Package eks collects Kubernetes clusters, connected ones included.
package eks

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"stocktake/extract"
)

var service = extract.Service[eks.Client, eks.Options]{
	Info: extract.ServiceInfo{Name: "eks", ID: eks.ServiceID},
	New:  eks.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{clusters}

const clustersTable = "aws_eks_clusters"

// Cluster is a types.Cluster, or only its name where DescribeCluster is refused.
type Cluster struct {
	types.Cluster
	extract.Incomplete
}

var clusters = extract.Collector{
	Service: service.Info,
	Tables:  []extract.Table{extract.TableOf[Cluster](clustersTable)},
	Calls: []extract.Call{
		{Operation: "ListClusters", Page: 100},
		{Operation: "DescribeCluster", Per: clustersTable, Columns: extract.AllBut(clustersTable, "name", "arn")},
	},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		client := service.Client(u)
		pager := eks.NewListClustersPaginator(client, &eks.ListClustersInput{MaxResults: aws.Int32(100), Include: []string{"all"}})
		return extract.EachPage(ctx, pager, func(o *eks.ListClustersOutput) error {
			rows, err := extract.Describe(ctx, u, clustersTable, o.Clusters, []string{"ResourceNotFoundException"},
				func(ctx context.Context, name string) (Cluster, error) {
					d, err := client.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
					if err != nil {
						return Cluster{}, err
					}
					return Cluster{Cluster: *d.Cluster}, nil
				},
				func(name string) Cluster {
					c := Cluster{Cluster: types.Cluster{Name: &name}}
					c.Miss(extract.AllBut(clustersTable, "name", "arn")...)
					return c
				})
			if err != nil {
				return err
			}
			return extract.Emit(u, clustersTable, rows)
		})
	},
}
