// Package ec2 collects instances, their storage and their networks.
package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"stocktake/extract"
)

var service = extract.Service[ec2.Client, ec2.Options]{
	Info: extract.ServiceInfo{Name: "ec2", ID: ec2.ServiceID},
	New:  ec2.NewFromConfig,
}

// page is the largest that EC2 gives.
var page = aws.Int32(1000)

// Collectors of this service.
var Collectors = slices.Concat(compute, connections, images, settings, []extract.Collector{egressOnlyInternetGateways})

var compute = []extract.Collector{
	extract.One(service, "aws_ec2_regions", (*ec2.Client).DescribeRegions,
		&ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)},
		func(o *ec2.DescribeRegionsOutput) []types.Region { return o.Regions }).In(extract.Global),

	extract.List(service, "aws_ec2_instances", ec2.NewDescribeInstancesPaginator,
		&ec2.DescribeInstancesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)}, instances),

	extract.List(service, "aws_ec2_volumes", ec2.NewDescribeVolumesPaginator,
		&ec2.DescribeVolumesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)},
		func(o *ec2.DescribeVolumesOutput) []types.Volume { return o.Volumes }),

	vpcs,

	extract.List(service, "aws_ec2_subnets", ec2.NewDescribeSubnetsPaginator,
		&ec2.DescribeSubnetsInput{MaxResults: page},
		func(o *ec2.DescribeSubnetsOutput) []types.Subnet { return o.Subnets }),

	extract.List(service, "aws_ec2_security_groups", ec2.NewDescribeSecurityGroupsPaginator,
		&ec2.DescribeSecurityGroupsInput{MaxResults: page},
		func(o *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return o.SecurityGroups }),

	extract.List(service, "aws_ec2_security_group_rules", ec2.NewDescribeSecurityGroupRulesPaginator,
		&ec2.DescribeSecurityGroupRulesInput{MaxResults: page},
		func(o *ec2.DescribeSecurityGroupRulesOutput) []types.SecurityGroupRule { return o.SecurityGroupRules }),

	extract.List(service, "aws_ec2_network_interfaces", ec2.NewDescribeNetworkInterfacesPaginator,
		&ec2.DescribeNetworkInterfacesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)},
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces }),
}

// Instance is a types.Instance with what only its reservation says.
type Instance struct {
	types.Instance
	OwnerId       *string
	RequesterId   *string
	ReservationId *string
}

func instances(o *ec2.DescribeInstancesOutput) []Instance {
	var rows []Instance
	for _, r := range o.Reservations {
		for _, i := range r.Instances {
			rows = append(rows, Instance{Instance: i, OwnerId: r.OwnerId, RequesterId: r.RequesterId, ReservationId: r.ReservationId})
		}
	}
	return rows
}

// VPCCIDRAssociation is an IPv4 or IPv6 range of a VPC.
type VPCCIDRAssociation struct {
	VpcId                *string
	OwnerId              *string
	AssociationId        *string
	Family               string // IPv4 or IPv6
	CidrBlock            *string
	State                types.VpcCidrBlockStateCode
	StatusMessage        *string
	Primary              *bool // whether it is the range the VPC was made with
	IpSource             types.IpSource
	Ipv6AddressAttribute types.Ipv6AddressAttribute
	Ipv6Pool             *string
	NetworkBorderGroup   *string
	Tags                 []types.Tag // the VPC's
}

// vpcs fills two tables from one call.
var vpcs = extract.Collector{
	Service: service.Info,
	Tables:  []extract.Table{extract.TableOf[types.Vpc]("aws_ec2_vpcs"), extract.TableOf[VPCCIDRAssociation]("aws_ec2_vpc_cidr_associations").Under("aws_ec2_vpcs")},
	Calls:   []extract.Call{{Operation: "DescribeVpcs", Page: 1000}, {Operation: "DescribeVpcs", Table: "aws_ec2_vpc_cidr_associations"}},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		pager := ec2.NewDescribeVpcsPaginator(service.Client(u), &ec2.DescribeVpcsInput{MaxResults: page})
		return extract.EachPage(ctx, pager, func(o *ec2.DescribeVpcsOutput) error {
			if err := extract.Emit(u, "aws_ec2_vpcs", o.Vpcs); err != nil {
				return err
			}
			return extract.Emit(u, "aws_ec2_vpc_cidr_associations", associations(o.Vpcs))
		})
	},
}

func associations(vpcs []types.Vpc) []VPCCIDRAssociation {
	var rows []VPCCIDRAssociation
	for _, v := range vpcs {
		for _, a := range v.CidrBlockAssociationSet {
			row := VPCCIDRAssociation{
				VpcId: v.VpcId, OwnerId: v.OwnerId, Tags: v.Tags, AssociationId: a.AssociationId, Family: "IPv4",
				CidrBlock: a.CidrBlock, Primary: aws.Bool(aws.ToString(a.CidrBlock) == aws.ToString(v.CidrBlock)),
			}
			if a.CidrBlockState != nil {
				row.State, row.StatusMessage = a.CidrBlockState.State, a.CidrBlockState.StatusMessage
			}
			rows = append(rows, row)
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			row := VPCCIDRAssociation{
				VpcId: v.VpcId, OwnerId: v.OwnerId, Tags: v.Tags, AssociationId: a.AssociationId, Family: "IPv6",
				CidrBlock: a.Ipv6CidrBlock, IpSource: a.IpSource, Ipv6AddressAttribute: a.Ipv6AddressAttribute,
				Ipv6Pool: a.Ipv6Pool, NetworkBorderGroup: a.NetworkBorderGroup,
			}
			if a.Ipv6CidrBlockState != nil {
				row.State, row.StatusMessage = a.Ipv6CidrBlockState.State, a.Ipv6CidrBlockState.StatusMessage
			}
			rows = append(rows, row)
		}
	}
	return rows
}
