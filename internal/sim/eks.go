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
	s := c.site()
	n := indexOf(s.Clusters, func(n int) bool { return s.clusterName(n) == aws.ToString(in.Name) })
	if n < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "No cluster found for name: %s.", aws.ToString(in.Name))
	}
	return &eks.DescribeClusterOutput{Cluster: s.cluster(n)}, nil
}
