package sim

import (
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"
)

func eksService() service {
	return service{
		id: "EKS", name: "eks",
		dialect: restDialect.with(func(d *dialect) {
			d.throttled = Fault{"ThrottlingException", "Rate exceeded", 429}
			d.internal = Fault{"ServerException", "An error occurred on the server.", 500}
			d.badToken, d.badInput = "InvalidParameterException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listClusters, "Include", "MaxResults", "NextToken"),
			op(describeCluster, "Name"),
			op(listNodegroups, "ClusterName", "MaxResults", "NextToken"),
			op(describeNodegroup, "ClusterName", "NodegroupName"),
			op(listFargateProfiles, "ClusterName", "MaxResults", "NextToken"),
			op(describeFargateProfile, "ClusterName", "FargateProfileName"),
			op(listAddons, "ClusterName", "MaxResults", "NextToken"),
			op(describeAddon, "ClusterName", "AddonName"),
		},
	}
}

func (s *site) clusterName(n int) string {
	return s.a.prod.name + "-" + pickOf([]string{"apps", "batch", "tools"}, n)
}

func (s *site) clusterARN(n int) string { return s.arn("eks", "cluster/"+s.clusterName(n)) }

// openCluster tells of the cluster whose endpoint anyone can reach.
func (s *site) openCluster(n int) bool {
	return n == 0 && s.o.problem(s.a, 0) && s.region == s.o.regions[min(1, len(s.o.regions)-1)]
}

func (s *site) cluster(n int) *types.Cluster {
	at := s.at("cluster", n)
	d := at.draw()
	name := s.clusterName(n)
	host := d.upper(32)
	nodes, vpc := s.groupFor(nodesRole)
	item := &types.Cluster{
		Name: aws.String(name), Arn: aws.String(s.clusterARN(n)), CreatedAt: aws.Time(d.before(s.o.anchor, 800)), Status: types.ClusterStatusActive,
		Version: aws.String(pick(d, []string{"1.29", "1.30", "1.31", "1.32"})), PlatformVersion: aws.String("eks." + itoa(5+d.n(20))),
		Endpoint:             aws.String("https://" + host + ".gr7." + s.region + ".eks." + s.o.suffix()),
		CertificateAuthority: &types.Certificate{Data: aws.String(base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\n" + d.alnum(640) + "\n-----END CERTIFICATE-----\n")))},
		Identity:             &types.Identity{Oidc: &types.OIDC{Issuer: aws.String("https://oidc.eks." + s.region + "." + s.o.suffix() + "/id/" + host)}},
		RoleArn:              aws.String(s.o.directory(s.a).roleARNOf("~eks-cluster")),
		ResourcesVpcConfig: &types.VpcConfigResponse{
			VpcId: aws.String(s.vpcID(vpc)), ClusterSecurityGroupId: aws.String(s.groupID(nodes)), SecurityGroupIds: []string{s.groupID(nodes)},
			EndpointPrivateAccess: true, EndpointPublicAccess: d.chance(40), PublicAccessCidrs: []string{office},
		},
		KubernetesNetworkConfig: &types.KubernetesNetworkConfigResponse{IpFamily: types.IpFamilyIpv4, ServiceIpv4Cidr: aws.String("172.20.0.0/16")},
		Logging: &types.Logging{ClusterLogging: []types.LogSetup{
			{Enabled: aws.Bool(true), Types: []types.LogType{types.LogTypeAudit, types.LogTypeAuthenticator}},
			{Enabled: aws.Bool(false), Types: []types.LogType{types.LogTypeApi, types.LogTypeControllerManager, types.LogTypeScheduler}},
		}},
		AccessConfig:  &types.AccessConfigResponse{AuthenticationMode: types.AuthenticationModeApiAndConfigMap},
		UpgradePolicy: &types.UpgradePolicyResponse{SupportType: types.SupportTypeExtended},
		Health:        &types.ClusterHealth{Issues: []types.ClusterIssue{}}, DeletionProtection: aws.Bool(s.a.env == "prod"),
		Tags: tagMap(s.o.resourceTags(s.a, at, "", "kubernetes")),
	}
	for j := vpc; j < s.Subnets && len(item.ResourcesVpcConfig.SubnetIds) < 3; j += s.VPCs {
		item.ResourcesVpcConfig.SubnetIds = append(item.ResourcesVpcConfig.SubnetIds, s.subnetID(j))
	}
	if d.chance(60) {
		item.EncryptionConfig = []types.EncryptionConfig{{Resources: []string{"secrets"}, Provider: &types.Provider{KeyArn: aws.String(s.keyARN("eks"))}}}
	}
	if s.openCluster(n) {
		v := item.ResourcesVpcConfig
		v.EndpointPrivateAccess, v.EndpointPublicAccess, v.PublicAccessCidrs = false, true, []string{anywhere}
	}
	if !item.ResourcesVpcConfig.EndpointPublicAccess {
		item.ResourcesVpcConfig.PublicAccessCidrs = []string{}
	}
	return item
}

func listClusters(c *call, in *eks.ListClustersInput) (*eks.ListClustersOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100}, s.Clusters, all(s.clusterName))
	return &eks.ListClustersOutput{Clusters: items, NextToken: next}, err
}

func describeCluster(c *call, in *eks.DescribeClusterInput) (*eks.DescribeClusterOutput, error) {
	s, n, err := c.clusterOf(in.Name)
	if err != nil {
		return nil, err
	}
	return &eks.DescribeClusterOutput{Cluster: s.cluster(n)}, nil
}

// clusterOf finds the cluster that an operation names.
func (c *call) clusterOf(name *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.Clusters, func(n int) bool { return s.clusterName(n) == aws.ToString(name) })
	if n < 0 {
		return nil, 0, c.fault("ResourceNotFoundException", 404, "No cluster found for name: %s.", aws.ToString(name))
	}
	return s, n, nil
}

// inCluster names things of a cluster, one for each of the names.
func inCluster(c *call, cluster *string, r request, names []string) ([]string, *string, error) {
	if _, _, err := c.clusterOf(cluster); err != nil {
		return nil, nil, err
	}
	return page(c, r, limits{least: 1, most: 100}, len(names), all(func(n int) string { return names[n] }))
}

// named finds one of the names.
func named(c *call, what string, name *string, names []string) (int, error) {
	n := indexOf(len(names), func(n int) bool { return names[n] == aws.ToString(name) })
	if n < 0 {
		return 0, c.fault("ResourceNotFoundException", 404, "No %s found for name: %s.", what, aws.ToString(name))
	}
	return n, nil
}

var (
	nodegroupNames = []string{"system", "general", "spot"}
	profileNames   = []string{"serverless"}
	addonNames     = []string{"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver"}
)

// partOf is the seed and the ARN of a part of a cluster.
func (s *site) partOf(cluster int, kind, name string) (seed, string) {
	at := s.at(kind+"/"+name, cluster)
	return at, s.arn("eks", kind+"/"+s.clusterName(cluster)+"/"+name+"/"+at.draw().uuid())
}

func listNodegroups(c *call, in *eks.ListNodegroupsInput) (*eks.ListNodegroupsOutput, error) {
	items, next, err := inCluster(c, in.ClusterName, request{in.NextToken, in.MaxResults}, nodegroupNames)
	return &eks.ListNodegroupsOutput{Nodegroups: items, NextToken: next}, err
}

func describeNodegroup(c *call, in *eks.DescribeNodegroupInput) (*eks.DescribeNodegroupOutput, error) {
	s, n, err := c.clusterOf(in.ClusterName)
	if err != nil {
		return nil, err
	}
	i, err := named(c, "node group", in.NodegroupName, nodegroupNames)
	if err != nil {
		return nil, err
	}
	at, arn := s.partOf(n, "nodegroup", nodegroupNames[i])
	d, cluster := at.draw(), s.cluster(n)
	size := int32(1 + d.n(6))
	capacity := types.CapacityTypesOnDemand
	if nodegroupNames[i] == "spot" {
		capacity = types.CapacityTypesSpot
	}
	return &eks.DescribeNodegroupOutput{Nodegroup: &types.Nodegroup{
		NodegroupName: in.NodegroupName, NodegroupArn: aws.String(arn), ClusterName: cluster.Name, Version: cluster.Version,
		Status: types.NodegroupStatusActive, CapacityType: capacity, AmiType: types.AMITypesAl2023X8664Standard,
		InstanceTypes: []string{pick(d, []string{"m6i.large", "m6i.xlarge", "c6i.2xlarge"})}, DiskSize: aws.Int32(80),
		CreatedAt: cluster.CreatedAt, ModifiedAt: cluster.CreatedAt, NodeRole: aws.String(s.o.directory(s.a).roleARNOf("~eks-node")),
		ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(1), DesiredSize: aws.Int32(size), MaxSize: aws.Int32(2 * size)},
		UpdateConfig:  &types.NodegroupUpdateConfig{MaxUnavailable: aws.Int32(1)},
		Health:        &types.NodegroupHealth{Issues: []types.Issue{}}, Labels: map[string]string{"pool": nodegroupNames[i]},
		Subnets: cluster.ResourcesVpcConfig.SubnetIds, Tags: tagMap(s.o.resourceTags(s.a, at, "", "kubernetes")),
	}}, nil
}

func listFargateProfiles(c *call, in *eks.ListFargateProfilesInput) (*eks.ListFargateProfilesOutput, error) {
	items, next, err := inCluster(c, in.ClusterName, request{in.NextToken, in.MaxResults}, profileNames)
	return &eks.ListFargateProfilesOutput{FargateProfileNames: items, NextToken: next}, err
}

func describeFargateProfile(c *call, in *eks.DescribeFargateProfileInput) (*eks.DescribeFargateProfileOutput, error) {
	s, n, err := c.clusterOf(in.ClusterName)
	if err != nil {
		return nil, err
	}
	i, err := named(c, "Fargate profile", in.FargateProfileName, profileNames)
	if err != nil {
		return nil, err
	}
	at, arn := s.partOf(n, "fargateprofile", profileNames[i])
	cluster := s.cluster(n)
	return &eks.DescribeFargateProfileOutput{FargateProfile: &types.FargateProfile{
		FargateProfileName: in.FargateProfileName, FargateProfileArn: aws.String(arn), ClusterName: cluster.Name,
		Status: types.FargateProfileStatusActive, CreatedAt: cluster.CreatedAt, PodExecutionRoleArn: cluster.RoleArn,
		Selectors: []types.FargateProfileSelector{{Namespace: aws.String("jobs"), Labels: map[string]string{"compute": "fargate"}}},
		Subnets:   cluster.ResourcesVpcConfig.SubnetIds, Tags: tagMap(s.o.resourceTags(s.a, at, "", "kubernetes")),
	}}, nil
}

func listAddons(c *call, in *eks.ListAddonsInput) (*eks.ListAddonsOutput, error) {
	items, next, err := inCluster(c, in.ClusterName, request{in.NextToken, in.MaxResults}, addonNames)
	return &eks.ListAddonsOutput{Addons: items, NextToken: next}, err
}

func describeAddon(c *call, in *eks.DescribeAddonInput) (*eks.DescribeAddonOutput, error) {
	s, n, err := c.clusterOf(in.ClusterName)
	if err != nil {
		return nil, err
	}
	i, err := named(c, "add-on", in.AddonName, addonNames)
	if err != nil {
		return nil, err
	}
	at, arn := s.partOf(n, "addon", addonNames[i])
	d, cluster := at.draw(), s.cluster(n)
	return &eks.DescribeAddonOutput{Addon: &types.Addon{
		AddonName: in.AddonName, AddonArn: aws.String(arn), ClusterName: cluster.Name, Status: types.AddonStatusActive,
		AddonVersion: aws.String("v1." + itoa(10+d.n(9)) + "." + itoa(d.n(5)) + "-eksbuild." + itoa(1+d.n(3))),
		Owner:        aws.String("aws"), Publisher: aws.String("eks"), CreatedAt: cluster.CreatedAt, ModifiedAt: cluster.CreatedAt,
		Health: &types.AddonHealth{Issues: []types.AddonIssue{}}, Tags: tagMap(s.o.resourceTags(s.a, at, "", "kubernetes")),
	}}, nil
}
