package sim

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"
)

func autoscalingService() service {
	return service{
		id: "Auto Scaling", name: "autoscaling",
		dialect: queryDialect.with(func(d *dialect) { d.badToken = "InvalidNextToken" }),
		errors: model(
			func(m *string) smithy.APIError { return &types.InvalidNextToken{Message: m} },
		),
		operations: []operation{
			op(describeAutoScalingGroups, "AutoScalingGroupNames", "MaxRecords", "NextToken"),
			op(describeLaunchConfigurations, "LaunchConfigurationNames", "MaxRecords", "NextToken"),
		},
	}
}

var autoscalingPages = limits{least: 1, most: 100, standard: 50}

// scaled are the machines that groups keep; the groups are called like the launch templates of the same places.
var scaled = []string{"web", "worker"}

// scalingGroups are those of the machines, and the one that an old launch configuration still has.
func (s *site) scalingGroups() []types.AutoScalingGroup {
	var list []types.AutoScalingGroup
	for i, role := range scaled {
		var members []machine
		for n := range s.Instances {
			if machineKinds[n%len(machineKinds)].name == role {
				members = append(members, s.machine(n))
			}
		}
		if len(members) > 0 {
			list = append(list, s.scalingGroup(i, members))
		}
	}
	for _, old := range s.launchConfigurations() {
		g := s.emptyGroup(strings.TrimSuffix(*old.LaunchConfigurationName, "-2019"), 0)
		g.LaunchConfigurationName = old.LaunchConfigurationName
		g.SuspendedProcesses = []types.SuspendedProcess{{ProcessName: aws.String("Launch"), SuspensionReason: aws.String("User suspended at 2023-02-01T09:12:44Z")}}
		list = append(list, g)
	}
	return list
}

func (s *site) emptyGroup(name string, size int32) types.AutoScalingGroup {
	at := s.seed.s("scaling group").s(name)
	d := at.draw()
	return types.AutoScalingGroup{
		AutoScalingGroupName: aws.String(name), AutoScalingGroupARN: aws.String(s.arn("autoscaling", "autoScalingGroup:"+d.uuid()+":autoScalingGroupName/"+name)),
		CreatedTime: aws.Time(d.before(s.o.anchor, 1500)), DefaultCooldown: aws.Int32(300), HealthCheckType: aws.String("EC2"), HealthCheckGracePeriod: aws.Int32(300),
		DesiredCapacity: aws.Int32(size), MinSize: aws.Int32(size / 2), MaxSize: aws.Int32(2 * size), NewInstancesProtectedFromScaleIn: aws.Bool(false),
		TerminationPolicies: []string{"Default"}, CapacityRebalance: aws.Bool(false), AvailabilityZones: []string{s.zone(0)}, VPCZoneIdentifier: aws.String(s.subnetID(0)),
		Instances: []types.Instance{}, LoadBalancerNames: []string{}, TargetGroupARNs: []string{}, EnabledMetrics: []types.EnabledMetric{}, SuspendedProcesses: []types.SuspendedProcess{},
		Tags: tagList(s.o.resourceTags(s.a, at, name, strings.TrimPrefix(name, s.a.prod.name+"-")), func(key, value *string) types.TagDescription {
			return types.TagDescription{
				Key: key, Value: value, PropagateAtLaunch: aws.Bool(*key != "Name"), ResourceId: aws.String(name), ResourceType: aws.String("auto-scaling-group"),
			}
		}),
	}
}

func (s *site) scalingGroup(i int, members []machine) types.AutoScalingGroup {
	g := s.emptyGroup(s.a.prod.name+"-"+scaled[i], int32(len(members)))
	template := s.launchTemplate(slices.Index(templateNames, scaled[i]))
	g.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateId: template.LaunchTemplateId, LaunchTemplateName: template.LaunchTemplateName, Version: aws.String("$Default")}
	if scaled[i] == "web" {
		g.HealthCheckType = aws.String("ELB")
	}
	var zones, subnets []string
	for _, m := range members {
		member := types.Instance{
			InstanceId: aws.String(m.id), InstanceType: aws.String(string(m.shape.kind)), AvailabilityZone: aws.String(s.zone(m.subnet)), AvailabilityZoneId: aws.String(s.zoneID(m.subnet)),
			HealthStatus: aws.String("Healthy"), LifecycleState: types.LifecycleStateInService, ProtectedFromScaleIn: aws.Bool(false),
			LaunchTemplate: &types.LaunchTemplateSpecification{
				LaunchTemplateId: template.LaunchTemplateId, LaunchTemplateName: template.LaunchTemplateName, Version: aws.String(itoa(int(*template.DefaultVersionNumber))),
			},
		}
		if m.stopped {
			member.LifecycleState = types.LifecycleStateStandby
		}
		g.Instances = append(g.Instances, member)
		zones, subnets = append(zones, s.zone(m.subnet)), append(subnets, s.subnetID(m.subnet))
		if m.launched.Before(*g.CreatedTime) {
			g.CreatedTime = aws.Time(m.launched.Add(-time.Minute))
		}
	}
	slices.Sort(zones)
	slices.Sort(subnets)
	g.AvailabilityZones, g.VPCZoneIdentifier = slices.Compact(zones), aws.String(strings.Join(slices.Compact(subnets), ","))
	return g
}

// launchConfigurations are what is left of the time before templates: nobody dares to delete it, and its user data
// holds a secret.
func (s *site) launchConfigurations() []types.LaunchConfiguration {
	at := s.seed.s("launch configuration")
	d := at.draw()
	if s.Instances == 0 || !d.chance(50) {
		return nil
	}
	group, _ := s.groupFor(batchRole)
	name := s.a.prod.name + "-batch-2019"
	script := "#!/bin/sh\nexport QUEUE_TOKEN=" + s.o.canary(d.n(canaries)) + "\n/opt/batch/run\n"
	return []types.LaunchConfiguration{{
		LaunchConfigurationName: aws.String(name), LaunchConfigurationARN: aws.String(s.arn("autoscaling", "launchConfiguration:"+d.uuid()+":launchConfigurationName/"+name)),
		CreatedTime: aws.Time(d.before(s.o.anchor.AddDate(-4, 0, 0), 900)), ImageId: aws.String(s.bakedID("x86_64", 0)), InstanceType: aws.String("m4.large"),
		IamInstanceProfile: aws.String(s.o.instanceProfileARN(s.a, s.a.prod.name+"-worker-instance")), KeyName: aws.String(keyNames[0]),
		SecurityGroups: []string{s.groupID(group)}, EbsOptimized: aws.Bool(false), InstanceMonitoring: &types.InstanceMonitoring{Enabled: aws.Bool(true)},
		UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(script))), KernelId: aws.String(""), RamdiskId: aws.String(""), ClassicLinkVPCSecurityGroups: []string{},
		BlockDeviceMappings: []types.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/xvda"), Ebs: &types.Ebs{VolumeSize: aws.Int32(50), VolumeType: aws.String("gp2"), DeleteOnTermination: aws.Bool(true), Encrypted: aws.Bool(false)},
		}},
	}}
}

// byName keeps the things of the names; all of them where there is no name.
func byName[T any](list []T, names []string, name func(T) *string) []T {
	if len(names) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(item T) bool { return !slices.Contains(names, *name(item)) })
}

func describeAutoScalingGroups(c *call, in *autoscaling.DescribeAutoScalingGroupsInput) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	list := byName(c.site().scalingGroups(), in.AutoScalingGroupNames, func(g types.AutoScalingGroup) *string { return g.AutoScalingGroupName })
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxRecords}, autoscalingPages, n, at)
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: items, NextToken: next}, err
}

func describeLaunchConfigurations(c *call, in *autoscaling.DescribeLaunchConfigurationsInput) (*autoscaling.DescribeLaunchConfigurationsOutput, error) {
	list := byName(c.site().launchConfigurations(), in.LaunchConfigurationNames, func(l types.LaunchConfiguration) *string { return l.LaunchConfigurationName })
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxRecords}, autoscalingPages, n, at)
	return &autoscaling.DescribeLaunchConfigurationsOutput{LaunchConfigurations: items, NextToken: next}, err
}
