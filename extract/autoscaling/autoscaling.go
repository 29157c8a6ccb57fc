// Package autoscaling collects groups of instances and what they are launched from.
package autoscaling

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"stocktake/extract"
)

var service = extract.Service[autoscaling.Client, autoscaling.Options]{
	Info: extract.ServiceInfo{Name: "autoscaling", ID: autoscaling.ServiceID},
	New:  autoscaling.NewFromConfig,
}

var page = aws.Int32(100)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_autoscaling_groups", autoscaling.NewDescribeAutoScalingGroupsPaginator,
		&autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: page},
		func(o *autoscaling.DescribeAutoScalingGroupsOutput) []Group {
			return extract.Map(o.AutoScalingGroups, group)
		}),

	extract.List(service, "aws_autoscaling_launch_configurations", autoscaling.NewDescribeLaunchConfigurationsPaginator,
		&autoscaling.DescribeLaunchConfigurationsInput{MaxRecords: page},
		func(o *autoscaling.DescribeLaunchConfigurationsOutput) []types.LaunchConfiguration {
			return o.LaunchConfigurations
		}),
}

// Group is a types.AutoScalingGroup with the keys of the tags that its new
// instances get.
type Group struct {
	types.AutoScalingGroup
	PropagatedTags []string
}

func group(g types.AutoScalingGroup) Group {
	row := Group{AutoScalingGroup: g, PropagatedTags: []string{}}
	for _, t := range g.Tags {
		if aws.ToBool(t.PropagateAtLaunch) {
			row.PropagatedTags = append(row.PropagatedTags, aws.ToString(t.Key))
		}
	}
	return row
}
