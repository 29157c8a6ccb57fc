package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

func ecsService() service {
	return service{
		id: "ECS", name: "ecs",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"ServerException", "Service Unavailable. Please try again later.", 500}
			d.badToken, d.badInput = "InvalidParameterException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.ServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.ClusterNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ClientException{Message: m} },
		),
		operations: []operation{
			op(listECSClusters, "MaxResults", "NextToken"),
			op(describeECSClusters, "Clusters", "Include"),
			op(listServices, "Cluster", "MaxResults", "NextToken"),
			op(describeServices, "Cluster", "Services", "Include"),
			op(listContainerInstances, "Cluster", "MaxResults", "NextToken"),
			op(describeContainerInstances, "Cluster", "ContainerInstances", "Include"),
			op(listTasks, "Cluster", "MaxResults", "NextToken"),
			op(describeTasks, "Cluster", "Tasks", "Include"),
			op(listTaskDefinitions, "Status", "MaxResults", "NextToken"),
			op(describeTaskDefinition, "TaskDefinition", "Include"),
		},
	}
}

var ecsPages = limits{least: 1, most: 100}

// The services of a cluster are those that every product has, on Fargate: no
// instance is registered with it.
var ecsServices = []string{"api", "worker", "web"}

func (s *site) ecsClusterName(n int) string { return s.a.prod.name + "-services-" + itoa(n+1) }

func (s *site) ecsClusterARN(n int) string { return s.arn("ecs", "cluster/"+s.ecsClusterName(n)) }

func (s *site) ecsServiceARN(n, i int) string {
	return s.arn("ecs", "service/"+s.ecsClusterName(n)+"/"+ecsServices[i])
}

func listECSClusters(c *call, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecsPages, s.Clusters, all(s.ecsClusterARN))
	return &ecs.ListClustersOutput{ClusterArns: items, NextToken: next}, err
}

func describeECSClusters(c *call, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	s := c.site()
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	for _, arn := range in.Clusters {
		n := indexOf(s.Clusters, func(n int) bool { return s.ecsClusterARN(n) == arn })
		if n < 0 {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		out.Clusters = append(out.Clusters, types.Cluster{
			ClusterArn: aws.String(arn), ClusterName: aws.String(s.ecsClusterName(n)), Status: aws.String("ACTIVE"),
			ActiveServicesCount: int32(len(ecsServices)), RunningTasksCount: int32(tasksPerService * len(ecsServices)),
			CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}, DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{},
			Settings: []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: aws.String(pickOf([]string{"enabled", "disabled"}, n))}},
			Tags:     ecsTags(s.o.resourceTags(s.a, s.at("ecs cluster", n), "", "containers")),
		})
	}
	return out, nil
}

// ofECSCluster finds the cluster that an operation names.
func (c *call) ofECSCluster(arn *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.Clusters, func(n int) bool { return s.ecsClusterARN(n) == aws.ToString(arn) })
	if n < 0 {
		return nil, 0, c.fault("ClusterNotFoundException", 400, "Cluster not found.")
	}
	return s, n, nil
}

func listServices(c *call, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	s, n, err := c.ofECSCluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecsPages, len(ecsServices), all(func(i int) string { return s.ecsServiceARN(n, i) }))
	return &ecs.ListServicesOutput{ServiceArns: items, NextToken: next}, err
}

func describeServices(c *call, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	s, n, err := c.ofECSCluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Services) > 10 {
		return nil, c.fault("InvalidParameterException", 400, "You can describe up to 10 services in a single operation.")
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, arn := range in.Services {
		i := indexOf(len(ecsServices), func(i int) bool { return s.ecsServiceARN(n, i) == arn })
		if i < 0 {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		out.Services = append(out.Services, s.ecsService(n, i))
	}
	return out, nil
}

func (s *site) ecsService(n, i int) types.Service {
	at := s.at("ecs service "+ecsServices[i], n)
	d := at.draw()
	group, vpc := s.groupFor(nodesRole)
	network := &types.AwsVpcConfiguration{SecurityGroups: []string{s.groupID(group)}, AssignPublicIp: types.AssignPublicIpDisabled}
	for j := vpc; j < s.Subnets && len(network.Subnets) < 3; j += s.VPCs {
		network.Subnets = append(network.Subnets, s.subnetID(j))
	}
	task := s.taskDefinitionARN(i, s.taskRevision(i))
	created := aws.Time(d.before(s.o.anchor, 600))
	configuration := &types.NetworkConfiguration{AwsvpcConfiguration: network}
	return types.Service{
		ServiceArn: aws.String(s.ecsServiceARN(n, i)), ServiceName: aws.String(ecsServices[i]), ClusterArn: aws.String(s.ecsClusterARN(n)),
		Status: aws.String("ACTIVE"), DesiredCount: tasksPerService, RunningCount: tasksPerService, LaunchType: types.LaunchTypeFargate, PlatformVersion: aws.String("LATEST"),
		PlatformFamily: aws.String("Linux"), TaskDefinition: aws.String(task), SchedulingStrategy: types.SchedulingStrategyReplica,
		CreatedAt: created, CreatedBy: aws.String(s.o.directory(s.a).roleARNOf("~deploy")), NetworkConfiguration: configuration,
		DeploymentConfiguration: &types.DeploymentConfiguration{MaximumPercent: aws.Int32(200), MinimumHealthyPercent: aws.Int32(100)},
		DeploymentController:    &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		Deployments: []types.Deployment{{
			Id: aws.String(s.deployment(n, i)), Status: aws.String("PRIMARY"), TaskDefinition: aws.String(task), DesiredCount: tasksPerService, RunningCount: tasksPerService,
			CreatedAt: created, UpdatedAt: created, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: configuration,
			RolloutState: types.DeploymentRolloutStateCompleted, RolloutStateReason: aws.String("ECS deployment completed."),
		}},
		LoadBalancers: []types.LoadBalancer{}, ServiceRegistries: []types.ServiceRegistry{}, Events: []types.ServiceEvent{},
		EnableECSManagedTags: true, EnableExecuteCommand: d.chance(20), PropagateTags: types.PropagateTagsService,
		Tags: ecsTags(s.o.resourceTags(s.a, at, "", "containers")),
	}
}

func listContainerInstances(c *call, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	if _, _, err := c.ofECSCluster(in.Cluster); err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecsPages, 0, all(func(int) string { return "" }))
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: items, NextToken: next}, err
}

func describeContainerInstances(c *call, in *ecs.DescribeContainerInstancesInput) (*ecs.DescribeContainerInstancesOutput, error) {
	if _, _, err := c.ofECSCluster(in.Cluster); err != nil {
		return nil, err
	}
	out := &ecs.DescribeContainerInstancesOutput{ContainerInstances: []types.ContainerInstance{}}
	for _, arn := range in.ContainerInstances {
		out.Failures = append(out.Failures, missing(arn))
	}
	return out, nil
}

func missing(arn string) types.Failure {
	return types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")}
}

func ecsTags(tags []tag) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}
