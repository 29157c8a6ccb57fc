// Package ecs collects container clusters and what runs in them.
package ecs

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"stocktake/extract"
)

var service = extract.Service[ecs.Client, ecs.Options]{
	Info: extract.ServiceInfo{Name: "ecs", ID: ecs.ServiceID},
	New:  ecs.NewFromConfig,
}

var page = aws.Int32(100)

// gone is the code of a cluster that was deleted after it was listed. Single
// services and instances that were are left out of the answers.
const gone = "ClusterNotFoundException"

// Rows that have nothing but their ARN where the call that describes them is
// refused.
type (
	// Cluster is a types.Cluster.
	Cluster struct {
		types.Cluster
		extract.Incomplete
	}
	// Service is a types.Service.
	Service struct {
		types.Service
		extract.Incomplete
	}
	// ContainerInstance is a types.ContainerInstance.
	ContainerInstance struct {
		types.ContainerInstance
		extract.Incomplete
		ClusterArn *string
	}
)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[ecs.Client, extract.Root, Cluster]{
		Table: "aws_ecs_clusters",
		Rows: extract.Described(
			extract.Pages(service, ecs.NewListClustersPaginator, extract.Always(&ecs.ListClustersInput{MaxResults: page}),
				func(o *ecs.ListClustersOutput) []string { return o.ClusterArns }),
			extract.DescribeBatch(100, (*ecs.Client).DescribeClusters,
				func(_ *extract.Root, arns []string) *ecs.DescribeClustersInput {
					return &ecs.DescribeClustersInput{Clusters: arns, Include: types.ClusterField("").Values()}
				},
				func(o *ecs.DescribeClustersOutput) ([]Cluster, error) {
					return extract.Map(o.Clusters, func(c types.Cluster) Cluster { return Cluster{Cluster: c} }), failed(o.Failures)
				}).
				Else(func(_ *extract.Root, arn string) Cluster { return Cluster{Cluster: types.Cluster{ClusterArn: &arn}} },
					"arn")),
		Children: []extract.Branch[ecs.Client, Cluster]{services, tasks, containerInstances},
	}),
	taskDefinitions,
}

var services = extract.Level[ecs.Client, Cluster, Service]{
	Table: "aws_ecs_services",
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, ecs.NewListServicesPaginator,
			func(in *Cluster) *ecs.ListServicesInput {
				return &ecs.ListServicesInput{Cluster: in.ClusterArn, MaxResults: page}
			},
			func(o *ecs.ListServicesOutput) []string { return o.ServiceArns }),
		extract.DescribeBatch(10, (*ecs.Client).DescribeServices,
			func(in *Cluster, arns []string) *ecs.DescribeServicesInput {
				return &ecs.DescribeServicesInput{Cluster: in.ClusterArn, Services: arns, Include: types.ServiceField("").Values()}
			},
			func(o *ecs.DescribeServicesOutput) ([]Service, error) {
				return extract.Map(o.Services, func(s types.Service) Service { return Service{Service: s} }), failed(o.Failures)
			}).Gone(gone).
			Else(func(in *Cluster, arn string) Service {
				return Service{Service: types.Service{ServiceArn: &arn, ClusterArn: in.ClusterArn}}
			}, "cluster_arn", "arn")),
}

var containerInstances = extract.Level[ecs.Client, Cluster, ContainerInstance]{
	Table: "aws_ecs_container_instances",
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, ecs.NewListContainerInstancesPaginator,
			func(in *Cluster) *ecs.ListContainerInstancesInput {
				return &ecs.ListContainerInstancesInput{Cluster: in.ClusterArn, MaxResults: page}
			},
			func(o *ecs.ListContainerInstancesOutput) []string { return o.ContainerInstanceArns }),
		extract.DescribeBatch(100, (*ecs.Client).DescribeContainerInstances,
			func(in *Cluster, arns []string) *ecs.DescribeContainerInstancesInput {
				return &ecs.DescribeContainerInstancesInput{Cluster: in.ClusterArn, ContainerInstances: arns, Include: types.ContainerInstanceField("").Values()}
			},
			func(o *ecs.DescribeContainerInstancesOutput) ([]ContainerInstance, error) {
				return extract.Map(o.ContainerInstances, func(c types.ContainerInstance) ContainerInstance {
					return ContainerInstance{ContainerInstance: c}
				}), failed(o.Failures)
			}).Gone(gone).
			Else(func(in *Cluster, arn string) ContainerInstance {
				return ContainerInstance{ContainerInstance: types.ContainerInstance{ContainerInstanceArn: &arn}}
			}, "cluster_arn", "arn")),
	Own: func(in *Cluster, row *ContainerInstance) { row.ClusterArn = in.ClusterArn },
}

// failed returns an error for a thing that could not be described though it is
// there: such failures stand in an answer that is fine otherwise.
func failed(failures []types.Failure) error {
	for _, f := range failures {
		if reason := aws.ToString(f.Reason); reason != "MISSING" {
			return &smithy.GenericAPIError{Code: reason, Message: aws.ToString(f.Detail)}
		}
	}
	return nil
}
