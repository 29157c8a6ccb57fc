package sim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/efs"
)

// TestGroupsAndTasksHold follows what groups, tasks and mount targets say of instances, task definitions and subnets.
func TestGroupsAndTasksHold(t *testing.T) {
	o := New(Options{Accounts: 8, Seed: 3})
	instances, tasks, targets := 0, 0, 0
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		for _, region := range o.regions {
			cfg := in(t, o, a.ID, region)
			instances += groupsHold(t, cfg)
			tasks += tasksHold(t, cfg)
			targets += targetsHold(t, cfg)
		}
	}
	if instances == 0 || tasks == 0 || targets == 0 {
		t.Errorf("got %d instances in groups, %d tasks, %d mount targets, want some of each", instances, tasks, targets)
	}
}

func groupsHold(t *testing.T, cfg aws.Config) (members int) {
	groups := map[string]string{} // by instance, as its tag says
	compute := ec2.NewFromConfig(cfg)
	for _, r := range must(drain(t.Context(), ec2.NewDescribeInstancesPaginator(compute, &ec2.DescribeInstancesInput{}),
		func(o *ec2.DescribeInstancesOutput) []ec2types.Reservation { return o.Reservations })) {
		for _, i := range r.Instances {
			groups[*i.InstanceId] = ""
			for _, tag := range i.Tags {
				if *tag.Key == "aws:autoscaling:groupName" {
					groups[*i.InstanceId] = *tag.Value
				}
			}
		}
	}
	for _, g := range must(drain(t.Context(), autoscaling.NewDescribeAutoScalingGroupsPaginator(autoscaling.NewFromConfig(cfg), &autoscaling.DescribeAutoScalingGroupsInput{}),
		func(o *autoscaling.DescribeAutoScalingGroupsOutput) []autoscalingtypes.AutoScalingGroup {
			return o.AutoScalingGroups
		})) {
		for _, i := range g.Instances {
			members++
			if tagged, there := groups[*i.InstanceId]; !there || tagged != "" && tagged != *g.AutoScalingGroupName {
				t.Errorf("group %s has instance %s, which is there: %v, and says group %q", *g.AutoScalingGroupName, *i.InstanceId, there, tagged)
			}
			delete(groups, *i.InstanceId)
		}
	}
	for id, group := range groups {
		if group != "" {
			t.Errorf("instance %s says group %s, which does not have it", id, group)
		}
	}
	return members
}

func tasksHold(t *testing.T, cfg aws.Config) (found int) {
	c := ecs.NewFromConfig(cfg)
	known := map[string]bool{}
	for _, arn := range must(drain(t.Context(), ecs.NewListTaskDefinitionsPaginator(c, &ecs.ListTaskDefinitionsInput{}),
		func(o *ecs.ListTaskDefinitionsOutput) []string { return o.TaskDefinitionArns })) {
		known[arn] = *must(c.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})).TaskDefinition.TaskDefinitionArn == arn
	}
	for _, cluster := range must(c.ListClusters(t.Context(), &ecs.ListClustersInput{})).ClusterArns {
		arns := must(c.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster})).TaskArns
		services := map[string]int32{}
		for _, task := range must(c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: arns})).Tasks {
			found++
			services[*task.Group]++
			if !known[*task.TaskDefinitionArn] {
				t.Errorf("task %s has definition %s, which is not listed", *task.TaskArn, *task.TaskDefinitionArn)
			}
		}
		for _, arn := range must(c.ListServices(t.Context(), &ecs.ListServicesInput{Cluster: &cluster})).ServiceArns {
			s := must(c.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{arn}})).Services[0]
			if services["service:"+*s.ServiceName] != s.RunningCount || !known[*s.TaskDefinition] {
				t.Errorf("service %s: got %d tasks, want %d, of definition %s, which is listed: %v", arn, services["service:"+*s.ServiceName], s.RunningCount, *s.TaskDefinition, known[*s.TaskDefinition])
			}
		}
	}
	return found
}

func targetsHold(t *testing.T, cfg aws.Config) (found int) {
	subnets := map[string]string{} // VPC by subnet
	for _, s := range must(ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})).Subnets {
		subnets[*s.SubnetId] = *s.VpcId
	}
	c := efs.NewFromConfig(cfg)
	for _, f := range must(c.DescribeFileSystems(t.Context(), &efs.DescribeFileSystemsInput{})).FileSystems {
		targets := must(c.DescribeMountTargets(t.Context(), &efs.DescribeMountTargetsInput{FileSystemId: f.FileSystemId})).MountTargets
		if int(f.NumberOfMountTargets) != len(targets) {
			t.Errorf("file system %s: got %d mount targets, want %d", *f.FileSystemId, len(targets), f.NumberOfMountTargets)
		}
		for _, m := range targets {
			found++
			groups := must(c.DescribeMountTargetSecurityGroups(t.Context(), &efs.DescribeMountTargetSecurityGroupsInput{MountTargetId: m.MountTargetId})).SecurityGroups
			if subnets[*m.SubnetId] != *m.VpcId || len(groups) == 0 {
				t.Errorf("mount target %s: subnet %s is in VPC %q, want %s; groups %q", *m.MountTargetId, *m.SubnetId, subnets[*m.SubnetId], *m.VpcId, groups)
			}
		}
	}
	return found
}
