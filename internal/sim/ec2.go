package sim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func ec2Service() service {
	return service{
		id: "EC2", name: "ec2", dialect: ec2Dialect,
		notEnabled: Fault{"OptInRequired", "You are not subscribed to this service.", 403},
		operations: slices.Concat(connectionOperations(), imageOperations(), settingsOperations(), []operation{
			op(describeRegions, "AllRegions", "RegionNames"),
			op(describeInstances, "InstanceIds", "IncludeManagedResources", "MaxResults", "NextToken"),
			op(describeVolumes, "VolumeIds", "IncludeManagedResources", "MaxResults", "NextToken"),
			op(describeVpcs, "VpcIds", "MaxResults", "NextToken"),
			op(describeSubnets, "SubnetIds", "MaxResults", "NextToken"),
			op(describeSecurityGroups, "GroupIds", "MaxResults", "NextToken"),
			op(describeSecurityGroupRules, "SecurityGroupRuleIds", "MaxResults", "NextToken"),
			op(describeNetworkInterfaces, "NetworkInterfaceIds", "IncludeManagedResources", "MaxResults", "NextToken"),
		}),
	}
}

var ec2Pages = limits{least: 5, most: 1000, clamp: true}

func ec2Tag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

// pageEC2 pages over the things of a site, or over those that were asked for by ID. notFound is the code for an ID
// that nothing has.
func pageEC2[T any](c *call, r request, n int, ids []string, notFound string, id func(int) string, item func(int) T) ([]T, *string, error) {
	if len(ids) == 0 {
		return page(c, r, ec2Pages, n, all(item))
	}
	if r.size != nil {
		return nil, nil, c.fault("InvalidParameterCombination", 400, "The page size cannot be combined with IDs")
	}
	var items []T
	found := map[string]bool{}
	for i := range n {
		if name := id(i); slices.Contains(ids, name) {
			found[name] = true
			items = append(items, item(i))
		}
	}
	for _, name := range ids {
		if !found[name] {
			return nil, nil, c.fault(notFound, 400, "The ID '%s' does not exist", name)
		}
	}
	return items, nil, nil
}

func describeRegions(c *call, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	var list []types.Region
	known := c.o.universe()
	for _, name := range in.RegionNames {
		if !slices.Contains(known, name) {
			return nil, c.fault("InvalidParameterValue", 400, "Invalid region: %s", name)
		}
	}
	slices.Sort(known)
	for _, name := range known {
		status := c.o.regionStatus(c.account, name)
		word := map[regionStatus]string{"ENABLED": "opted-in", "ENABLED_BY_DEFAULT": "opt-in-not-required", "DISABLED": "not-opted-in"}[status]
		wanted := status.on() || aws.ToBool(in.AllRegions)
		if len(in.RegionNames) > 0 {
			wanted = wanted && slices.Contains(in.RegionNames, name)
		}
		if wanted {
			list = append(list, types.Region{
				RegionName: aws.String(name), Endpoint: aws.String("ec2." + name + "." + c.o.suffix()), OptInStatus: aws.String(word),
			})
		}
	}
	return &ec2.DescribeRegionsOutput{Regions: list}, nil
}
