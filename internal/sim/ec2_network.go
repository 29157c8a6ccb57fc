package sim

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Networks. VPC v has the subnets and groups whose numbers leave the rest v when divided by the number of VPCs.

func (s *site) vpcID(v int) string { return "vpc-0" + s.at("vpc", v).draw().hex(16) }

// prefix is the first two octets of a VPC's network.
func (s *site) prefix(v int) string {
	return fmt.Sprintf("10.%d", (s.seed.s("network").draw().n(250)+v)%256)
}

func (s *site) vpcName(v int) string {
	return s.a.prod.name + "-" + s.a.env + pickOf([]string{"", "-data", "-edge", "-legacy"}, v)
}

// pickOf is the ith of a list, with a number once the list is used up.
func pickOf(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return list[i%len(list)] + "-" + itoa(i/len(list)+1)
}

func (s *site) defaultVPC(v int) bool { return v == 0 && (s.a.env == "dev" || s.a.env == "sandbox") }

func (s *site) vpc(v int) types.Vpc {
	d := s.at("vpc facts", v).draw()
	cidr := s.prefix(v) + ".0.0/16"
	vpc := types.Vpc{
		VpcId: aws.String(s.vpcID(v)), OwnerId: aws.String(s.a.id), CidrBlock: aws.String(cidr), State: types.VpcStateAvailable,
		DhcpOptionsId: aws.String("dopt-0" + d.hex(16)), InstanceTenancy: types.TenancyDefault, IsDefault: aws.Bool(s.defaultVPC(v)),
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{vpcCIDR(d, cidr)},
		Tags:                    tagList(s.o.resourceTags(s.a, s.at("vpc", v), s.vpcName(v), "network"), ec2Tag),
	}
	if d.chance(40) {
		vpc.CidrBlockAssociationSet = append(vpc.CidrBlockAssociationSet, vpcCIDR(d, fmt.Sprintf("100.64.%d.0/20", d.n(16)*16)))
	}
	if d.chance(30) {
		vpc.Ipv6CidrBlockAssociationSet = []types.VpcIpv6CidrBlockAssociation{{
			AssociationId: aws.String("vpc-cidr-assoc-0" + d.hex(16)), Ipv6CidrBlock: aws.String(s.ipv6Prefix(v) + "00::/56"),
			Ipv6Pool: aws.String("Amazon"), NetworkBorderGroup: aws.String(s.region),
			Ipv6CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
		}}
	}
	return vpc
}

func (s *site) ipv6Prefix(v int) string {
	d := s.at("ipv6", v).draw()
	return "2001:db8:" + d.hex(4) + ":" + d.hex(2)
}

func vpcCIDR(d *draw, cidr string) types.VpcCidrBlockAssociation {
	return types.VpcCidrBlockAssociation{
		AssociationId: aws.String("vpc-cidr-assoc-0" + d.hex(16)), CidrBlock: aws.String(cidr),
		CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
}

func (s *site) subnetID(j int) string { return "subnet-0" + s.at("subnet", j).draw().hex(16) }

// subnetsIn is how many subnets a VPC has.
func (s *site) subnetsIn(v int) int { return (s.Subnets - v + s.VPCs - 1) / s.VPCs }

// slot is a subnet's place in its VPC.
func (s *site) slot(j int) int { return j / s.VPCs }

func (s *site) zone(j int) string { return s.region + string(rune('a'+s.slot(j)%3)) }

func (s *site) zoneID(j int) string {
	return fmt.Sprintf("%s-az%d", zoneIDPrefix(s.region), s.slot(j)%3+1)
}

func (s *site) tier(j int) string {
	return []string{"public", "private", "private", "data"}[s.slot(j)%4]
}

// subnetBits is the prefix length that lets all subnets of a VPC fit.
func (s *site) subnetBits() int {
	switch slots := (s.Subnets + s.VPCs - 1) / s.VPCs; {
	case slots <= 16:
		return 20
	case slots <= 256:
		return 24
	}
	return 28
}

// address is the nth usable host of a subnet.
func (s *site) address(j, n int) string {
	bits := s.subnetBits()
	hosts := 1<<(32-bits) - 5
	host := s.slot(j)<<(32-bits) + 4 + n%hosts
	return fmt.Sprintf("%s.%d.%d", s.prefix(j%s.VPCs), host>>8&255, host&255)
}

func (s *site) subnet(j int) types.Subnet {
	d := s.at("subnet facts", j).draw()
	bits := s.subnetBits()
	first := s.slot(j) << (32 - bits)
	public := s.tier(j) == "public"
	return types.Subnet{
		SubnetId: aws.String(s.subnetID(j)), SubnetArn: aws.String(s.arn("ec2", "subnet/"+s.subnetID(j))),
		VpcId: aws.String(s.vpcID(j % s.VPCs)), OwnerId: aws.String(s.a.id), State: types.SubnetStateAvailable,
		AvailabilityZone: aws.String(s.zone(j)), AvailabilityZoneId: aws.String(s.zoneID(j)),
		CidrBlock:               aws.String(fmt.Sprintf("%s.%d.%d/%d", s.prefix(j%s.VPCs), first>>8&255, first&255, bits)),
		AvailableIpAddressCount: aws.Int32(int32(1<<(32-bits) - 5 - d.n(9))),
		MapPublicIpOnLaunch:     aws.Bool(public), DefaultForAz: aws.Bool(s.defaultVPC(j % s.VPCs)),
		AssignIpv6AddressOnCreation: aws.Bool(false), MapCustomerOwnedIpOnLaunch: aws.Bool(false),
		EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false),
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false), EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
		Tags: tagList(s.o.resourceTags(s.a, s.at("subnet", j),
			fmt.Sprintf("%s-%s-%s", s.vpcName(j%s.VPCs), s.tier(j), s.zone(j)[len(s.region):]), "network"), ec2Tag),
	}
}

func describeVpcs(c *call, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.VPCs, in.VpcIds, "InvalidVpcID.NotFound", s.vpcID, s.vpc)
	return &ec2.DescribeVpcsOutput{Vpcs: items, NextToken: next}, err
}

func describeSubnets(c *call, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.Subnets, in.SubnetIds, "InvalidSubnetID.NotFound", s.subnetID, s.subnet)
	return &ec2.DescribeSubnetsOutput{Subnets: items, NextToken: next}, err
}
