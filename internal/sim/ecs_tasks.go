package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const tasksPerService = 2

// Tasks. Each service of a cluster keeps as many, all of its latest task definition; every few days they are replaced.

func (s *site) deployment(n, i int) string {
	return "ecs-svc/" + s.at("ecs deployment "+ecsServices[i], n).draw().digits(19)
}

// ecsTask is the seed of a task, which changes when the task is replaced, and the moment it was made.
func (s *site) ecsTask(n, t int) (seed, time.Time) {
	at := s.at("ecs task", n).i(t)
	made, cycle := cycle(at.draw(), s.o.anchor, s.now, 6*24*time.Hour)
	return at.i(cycle), made
}

func (s *site) ecsTaskARN(n, t int) string {
	at, _ := s.ecsTask(n, t)
	return s.arn("ecs", "task/"+s.ecsClusterName(n)+"/"+at.draw().hex(32))
}

func listTasks(c *call, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	s, n, err := c.ofECSCluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecsPages, tasksPerService*len(ecsServices), all(func(t int) string { return s.ecsTaskARN(n, t) }))
	return &ecs.ListTasksOutput{TaskArns: items, NextToken: next}, err
}

func describeTasks(c *call, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	s, n, err := c.ofECSCluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) > 100 {
		return nil, c.fault("InvalidParameterException", 400, "Tasks cannot be more than 100.")
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, arn := range in.Tasks {
		t := indexOf(tasksPerService*len(ecsServices), func(t int) bool { return s.ecsTaskARN(n, t) == arn })
		if t < 0 {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		out.Tasks = append(out.Tasks, s.task(n, t))
	}
	return out, nil
}

func (s *site) task(n, t int) types.Task {
	i := t / tasksPerService
	at, made := s.ecsTask(n, t)
	d := at.s("facts").draw()
	definition := s.taskDefinition(i, s.taskRevision(i))
	container := definition.ContainerDefinitions[0]
	network := s.ecsService(n, i).NetworkConfiguration.AwsvpcConfiguration
	place := d.n(len(network.Subnets))
	_, vpc := s.groupFor(nodesRole)
	subnet := vpc + place*s.VPCs
	address, interfaceCard, attachment := s.address(subnet, 100+t), newCard(at), d.uuid()
	started := made.Add(40 * time.Second)
	arn := s.ecsTaskARN(n, t)
	item := types.Task{
		TaskArn: aws.String(arn), TaskDefinitionArn: definition.TaskDefinitionArn, ClusterArn: aws.String(s.ecsClusterARN(n)), Group: aws.String("service:" + ecsServices[i]),
		StartedBy: aws.String(s.deployment(n, i)), LaunchType: types.LaunchTypeFargate, PlatformFamily: aws.String("Linux"), PlatformVersion: aws.String("1.4.0"),
		AvailabilityZone: aws.String(s.zone(subnet)), Cpu: definition.Cpu, Memory: definition.Memory, DesiredStatus: aws.String("RUNNING"), LastStatus: aws.String("RUNNING"),
		HealthStatus: types.HealthStatusHealthy, Connectivity: types.ConnectivityConnected, ConnectivityAt: aws.Time(made.Add(10 * time.Second)), Version: 5,
		CreatedAt: aws.Time(made), PullStartedAt: aws.Time(made.Add(15 * time.Second)), PullStoppedAt: aws.Time(made.Add(35 * time.Second)), StartedAt: aws.Time(started),
		EnableExecuteCommand: s.ecsService(n, i).EnableExecuteCommand, EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 20},
		FargateEphemeralStorage: &types.TaskEphemeralStorage{SizeInGiB: 20},
		Attributes:              []types.Attribute{{Name: aws.String("ecs.cpu-architecture"), Value: aws.String("x86_64")}},
		Overrides:               &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: container.Name}}, InferenceAcceleratorOverrides: []types.InferenceAcceleratorOverride{}},
		Attachments: []types.Attachment{{
			Id: aws.String(attachment), Type: aws.String("ElasticNetworkInterface"), Status: aws.String("ATTACHED"), Details: pairsOf(
				"subnetId", network.Subnets[place], "networkInterfaceId", interfaceCard.id, "macAddress", interfaceCard.mac, "privateDnsName", s.privateDNS(address), "privateIPv4Address", address),
		}},
		Containers: []types.Container{{
			ContainerArn: aws.String(s.arn("ecs", "container/"+s.ecsClusterName(n)+"/"+d.hex(32)+"/"+d.uuid())), TaskArn: aws.String(arn), Name: container.Name, Image: container.Image,
			ImageDigest: s.taskImage(i), RuntimeId: aws.String(d.hex(32) + "-" + d.digits(10)), LastStatus: aws.String("RUNNING"), HealthStatus: types.HealthStatusHealthy,
			Cpu: aws.String("0"), NetworkInterfaces: []types.NetworkInterface{{AttachmentId: aws.String(attachment), PrivateIpv4Address: aws.String(address)}},
		}},
		Tags: ecsTags(s.o.resourceTags(s.a, s.at("ecs service "+ecsServices[i], n), "", "containers")),
	}
	if container.HealthCheck == nil {
		item.HealthStatus, item.Containers[0].HealthStatus = types.HealthStatusUnknown, types.HealthStatusUnknown
	}
	if ecsServices[i] == "worker" { // somebody tries a setting out
		item.Overrides.ContainerOverrides[0].Environment = pairsOf("QUEUE_PASSWORD", s.o.canary(d.n(canaries)), "LOG_LEVEL", "debug")
		item.Overrides.ContainerOverrides[0].Command = []string{"run", "--license", s.o.canary(d.n(canaries))}
	}
	return item
}

// pairsOf makes pairs of names and values that follow each other.
func pairsOf(texts ...string) []types.KeyValuePair {
	var list []types.KeyValuePair
	for pair := range slices.Chunk(texts, 2) {
		list = append(list, types.KeyValuePair{Name: aws.String(pair[0]), Value: aws.String(pair[1])})
	}
	return list
}

// Task definitions. The last few revisions of each service's family are active; earlier ones are deregistered.

const activeRevisions = 3

func (s *site) taskFamily(i int) string { return s.a.prod.name + "-" + ecsServices[i] }

// taskRevision is the latest of a family, which all services use.
func (s *site) taskRevision(i int) int {
	return activeRevisions + s.at("task revision", i).draw().n(90)
}

func (s *site) taskDefinitionARN(i, revision int) string {
	return s.arn("ecs", "task-definition/"+s.taskFamily(i)+":"+itoa(revision))
}

// definitionAt finds an active revision by its number: its service and itself.
func (s *site) definitionAt(k int) (i, revision int) {
	i = k / activeRevisions
	return i, s.taskRevision(i) - activeRevisions + 1 + k%activeRevisions
}

func (s *site) taskDefinitions() int {
	if s.Clusters == 0 {
		return 0
	}
	return activeRevisions * len(ecsServices)
}

func listTaskDefinitions(c *call, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecsPages, s.taskDefinitions(), func(k int) (string, bool) {
		i, revision := s.definitionAt(k)
		return s.taskDefinitionARN(i, revision), in.Status == "" || in.Status == types.TaskDefinitionStatusActive
	})
	return &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: items, NextToken: next}, err
}

func describeTaskDefinition(c *call, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	s := c.site()
	k := indexOf(s.taskDefinitions(), func(k int) bool { return s.taskDefinitionARN(s.definitionAt(k)) == aws.ToString(in.TaskDefinition) })
	if k < 0 {
		return nil, c.fault("ClientException", 400, "Unable to describe task definition.")
	}
	i, revision := s.definitionAt(k)
	definition := s.taskDefinition(i, revision)
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &definition}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = ecsTags(s.o.resourceTags(s.a, s.at("task definition", i), "", "containers"))
	}
	return out, nil
}

// taskImage is the digest of the image that a service runs, where the site has it.
func (s *site) taskImage(i int) *string {
	if s.Repositories == 0 || s.images(i%s.Repositories) == 0 {
		return nil
	}
	return aws.String(s.image(i%s.Repositories, 0).digest)
}

func (s *site) taskDefinition(i, revision int) types.TaskDefinition {
	at := s.at("task definition", i)
	d := at.i(revision).draw()
	image := "public.ecr.aws/docker/library/nginx:1.27"
	if s.taskImage(i) != nil {
		image = *s.repository(i % s.Repositories).RepositoryUri + ":latest"
	}
	vars := s.variables(at.s("variables").draw())
	var environment []types.KeyValuePair
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		environment = append(environment, pairsOf(name, vars[name])...)
	}
	directory := s.o.directory(s.a)
	size := pick(at.draw(), []struct{ cpu, memory string }{{"256", "512"}, {"512", "1024"}, {"1024", "2048"}})
	container := types.ContainerDefinition{
		Name: aws.String(ecsServices[i]), Image: aws.String(image), Essential: aws.Bool(true), Environment: environment, MountPoints: []types.MountPoint{}, VolumesFrom: []types.VolumeFrom{},
		Secrets: []types.Secret{{Name: aws.String("SESSION_KEY"), ValueFrom: aws.String(s.arn("secretsmanager", "secret:"+s.taskFamily(i)+"/session-"+at.draw().alnum(6)))}},
		LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
			"awslogs-group": "/ecs/" + s.taskFamily(i), "awslogs-region": s.region, "awslogs-stream-prefix": ecsServices[i],
		}},
		ReadonlyRootFilesystem: aws.Bool(d.chance(30)), SystemControls: []types.SystemControl{},
	}
	if ecsServices[i] == "worker" {
		container.Command = []string{"run", "--broker", "amqps://worker:" + s.o.canary(d.n(canaries)) + "@queue.internal.example.com"}
	} else {
		container.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(8080), HostPort: aws.Int32(8080), Protocol: types.TransportProtocolTcp}}
		container.HealthCheck = &types.HealthCheck{
			Command: []string{"CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"}, Interval: aws.Int32(30), Timeout: aws.Int32(5), Retries: aws.Int32(3),
		}
	}
	age := time.Duration(s.taskRevision(i)-revision) * 9 * 24 * time.Hour
	item := types.TaskDefinition{
		TaskDefinitionArn: aws.String(s.taskDefinitionARN(i, revision)), Family: aws.String(s.taskFamily(i)), Revision: int32(revision), Status: types.TaskDefinitionStatusActive,
		ContainerDefinitions: []types.ContainerDefinition{container}, Cpu: aws.String(size.cpu), Memory: aws.String(size.memory), NetworkMode: types.NetworkModeAwsvpc,
		Compatibilities: []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate}, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		RequiresAttributes:   []types.Attribute{{Name: aws.String("ecs.capability.task-eni")}, {Name: aws.String("com.amazonaws.ecs.capability.logging-driver.awslogs")}},
		PlacementConstraints: []types.TaskDefinitionPlacementConstraint{}, Volumes: []types.Volume{}, RegisteredAt: aws.Time(at.draw().before(s.o.anchor, 9).Add(-age)),
		RegisteredBy: aws.String(s.assumed(s.a.prod.name+"-deploy", "pipeline")), RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureX8664, OperatingSystemFamily: types.OSFamilyLinux},
	}
	if tasks := directory.Roles - len(standardRoles); tasks > 0 { // a role for each task, as far as there are some
		item.TaskRoleArn = aws.String(directory.roleARN(len(standardRoles) + i%tasks))
		item.ExecutionRoleArn = item.TaskRoleArn
	}
	return item
}
