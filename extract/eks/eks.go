// Package eks collects Kubernetes clusters, connected ones included, and what
// their nodes and add-ons are.
package eks

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"stocktake/extract"
)

var service = extract.Service[eks.Client, eks.Options]{
	Info: extract.ServiceInfo{Name: "eks", ID: eks.ServiceID},
	New:  eks.NewFromConfig,
}

var page = aws.Int32(100)

const gone = "ResourceNotFoundException"

// Rows whose description may be refused: then they have their names alone.
type (
	// Cluster is a types.Cluster.
	Cluster struct {
		types.Cluster
		extract.Incomplete
	}
	// Nodegroup is a types.Nodegroup.
	Nodegroup struct {
		types.Nodegroup
		extract.Incomplete
	}
	// FargateProfile is a types.FargateProfile.
	FargateProfile struct {
		types.FargateProfile
		extract.Incomplete
	}
	// Addon is a types.Addon.
	Addon struct {
		types.Addon
		extract.Incomplete
	}
)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[eks.Client, extract.Root, Cluster]{
		Table: "aws_eks_clusters",
		Rows: extract.Described(
			extract.Pages(service, eks.NewListClustersPaginator,
				extract.Always(&eks.ListClustersInput{MaxResults: page, Include: []string{"all"}}),
				func(o *eks.ListClustersOutput) []string { return o.Clusters }),
			extract.DescribeEach((*eks.Client).DescribeCluster,
				func(_ *extract.Root, name string) *eks.DescribeClusterInput {
					return &eks.DescribeClusterInput{Name: &name}
				},
				func(o *eks.DescribeClusterOutput) Cluster { return Cluster{Cluster: *o.Cluster} }).Gone(gone).
				Else(func(_ *extract.Root, name string) Cluster { return Cluster{Cluster: types.Cluster{Name: &name}} },
					"name", "arn")),
		Children: []extract.Branch[eks.Client, Cluster]{nodegroups, fargateProfiles, addons},
	}),
}

// managed tells clusters of EKS from connected ones, which are in no VPC and
// whose nodes it does not know.
func managed(c *Cluster) bool { return c.ConnectorConfig == nil || c.ResourcesVpcConfig != nil }

var nodegroups = extract.Level[eks.Client, Cluster, Nodegroup]{
	Table: "aws_eks_nodegroups",
	If:    managed,
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, eks.NewListNodegroupsPaginator,
			func(in *Cluster) *eks.ListNodegroupsInput {
				return &eks.ListNodegroupsInput{ClusterName: in.Name, MaxResults: page}
			},
			func(o *eks.ListNodegroupsOutput) []string { return o.Nodegroups }),
		extract.DescribeEach((*eks.Client).DescribeNodegroup,
			func(in *Cluster, name string) *eks.DescribeNodegroupInput {
				return &eks.DescribeNodegroupInput{ClusterName: in.Name, NodegroupName: &name}
			},
			func(o *eks.DescribeNodegroupOutput) Nodegroup { return Nodegroup{Nodegroup: *o.Nodegroup} }).Gone(gone).
			Else(func(in *Cluster, name string) Nodegroup {
				return Nodegroup{Nodegroup: types.Nodegroup{ClusterName: in.Name, NodegroupName: &name}}
			}, "cluster_name", "nodegroup_name")),
}

var fargateProfiles = extract.Level[eks.Client, Cluster, FargateProfile]{
	Table: "aws_eks_fargate_profiles",
	If:    managed,
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, eks.NewListFargateProfilesPaginator,
			func(in *Cluster) *eks.ListFargateProfilesInput {
				return &eks.ListFargateProfilesInput{ClusterName: in.Name, MaxResults: page}
			},
			func(o *eks.ListFargateProfilesOutput) []string { return o.FargateProfileNames }),
		extract.DescribeEach((*eks.Client).DescribeFargateProfile,
			func(in *Cluster, name string) *eks.DescribeFargateProfileInput {
				return &eks.DescribeFargateProfileInput{ClusterName: in.Name, FargateProfileName: &name}
			},
			func(o *eks.DescribeFargateProfileOutput) FargateProfile {
				return FargateProfile{FargateProfile: *o.FargateProfile}
			}).Gone(gone).
			Else(func(in *Cluster, name string) FargateProfile {
				return FargateProfile{FargateProfile: types.FargateProfile{ClusterName: in.Name, FargateProfileName: &name}}
			}, "cluster_name", "fargate_profile_name")),
}

var addons = extract.Level[eks.Client, Cluster, Addon]{
	Table: "aws_eks_addons",
	If:    managed,
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, eks.NewListAddonsPaginator,
			func(in *Cluster) *eks.ListAddonsInput {
				return &eks.ListAddonsInput{ClusterName: in.Name, MaxResults: page}
			},
			func(o *eks.ListAddonsOutput) []string { return o.Addons }),
		extract.DescribeEach((*eks.Client).DescribeAddon,
			func(in *Cluster, name string) *eks.DescribeAddonInput {
				return &eks.DescribeAddonInput{ClusterName: in.Name, AddonName: &name}
			},
			func(o *eks.DescribeAddonOutput) Addon { return Addon{Addon: *o.Addon} }).Gone(gone).
			Else(func(in *Cluster, name string) Addon {
				return Addon{Addon: types.Addon{ClusterName: in.Name, AddonName: &name}}
			}, "cluster_name", "addon_name")),
}
