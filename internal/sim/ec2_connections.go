package sim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// connectionOperations are those of what leads into and out of networks.
func connectionOperations() []operation {
	return []operation{
		op(describeRouteTables, "RouteTableIds", "MaxResults", "NextToken"),
		op(describeInternetGateways, "InternetGatewayIds", "MaxResults", "NextToken"),
		op(describeEgressOnlyInternetGateways, "EgressOnlyInternetGatewayIds", "MaxResults", "NextToken"),
		op(describeNatGateways, "NatGatewayIds", "MaxResults", "NextToken"),
		op(describeAddresses, "AllocationIds"),
		op(describeNetworkAcls, "NetworkAclIds", "MaxResults", "NextToken"),
		op(describeVpcEndpoints, "VpcEndpointIds", "MaxResults", "NextToken"),
		op(describeVpcPeeringConnections, "VpcPeeringConnectionIds", "MaxResults", "NextToken"),
		op(describeFlowLogs, "FlowLogIds", "MaxResults", "NextToken"),
		op(describeTransitGateways, "TransitGatewayIds", "MaxResults", "NextToken"),
		op(describeTransitGatewayAttachments, "TransitGatewayAttachmentIds", "MaxResults", "NextToken"),
		op(describeVpnConnections, "VpnConnectionIds"),
	}
}

// pageOf is pageEC2 for a list that is at hand.
func pageOf[T any](c *call, r request, list []T, ids []string, notFound string, id func(T) *string) ([]T, *string, error) {
	return pageEC2(c, r, len(list), ids, notFound,
		func(i int) string { return aws.ToString(id(list[i])) }, func(i int) T { return list[i] })
}

// whole answers an operation that has no pages.
func whole[T any](c *call, list []T, ids []string, notFound string, id func(T) *string) ([]T, error) {
	if len(ids) == 0 {
		return list, nil
	}
	items, _, err := pageOf(c, request{}, list, ids, notFound, id)
	return items, err
}

func (s *site) tags(at seed, name, component string) []types.Tag {
	return tagList(s.o.resourceTags(s.a, at, name, component), ec2Tag)
}

// Each VPC has an internet gateway. Where nobody answers for things, one more is attached to nothing.

func (s *site) internetGatewayID(g int) string {
	return "igw-0" + s.at("internet gateway", g).draw().hex(16)
}

func (s *site) internetGateways() int {
	if s.VPCs > 0 && s.unowned() {
		return s.VPCs + 1
	}
	return s.VPCs
}

func (s *site) internetGateway(g int) types.InternetGateway {
	gateway := types.InternetGateway{
		InternetGatewayId: aws.String(s.internetGatewayID(g)), OwnerId: aws.String(s.a.id),
		Tags: s.tags(s.at("internet gateway", g), s.vpcName(g), "network"),
	}
	if g < s.VPCs {
		// AWS says "available" here, for which the SDK has no constant.
		gateway.Attachments = []types.InternetGatewayAttachment{{State: "available", VpcId: aws.String(s.vpcID(g))}}
	}
	return gateway
}

// Each VPC with an IPv6 range has an egress-only internet gateway, which its private subnets use.

func (s *site) egressOnlyGatewayID(v int) string {
	return "eigw-0" + s.at("egress-only internet gateway", v).draw().hex(16)
}

func (s *site) withIPv6(v int) bool { return len(s.vpc(v).Ipv6CidrBlockAssociationSet) > 0 }

func (s *site) egressOnlyGateways() []types.EgressOnlyInternetGateway {
	var list []types.EgressOnlyInternetGateway
	for v := range s.VPCs {
		if s.withIPv6(v) {
			list = append(list, types.EgressOnlyInternetGateway{
				EgressOnlyInternetGatewayId: aws.String(s.egressOnlyGatewayID(v)),
				Attachments:                 []types.InternetGatewayAttachment{{State: types.AttachmentStatusAttached, VpcId: aws.String(s.vpcID(v))}},
				Tags:                        s.tags(s.at("egress-only internet gateway", v), s.vpcName(v)+"-ipv6", "network"),
			})
		}
	}
	return list
}

// egressOnlyPages refuse a larger size.
var egressOnlyPages = limits{least: 5, most: 255}

func describeEgressOnlyInternetGateways(c *call, in *ec2.DescribeEgressOnlyInternetGatewaysInput) (*ec2.DescribeEgressOnlyInternetGatewaysOutput, error) {
	list, r := c.site().egressOnlyGateways(), request{in.NextToken, in.MaxResults}
	if len(in.EgressOnlyInternetGatewayIds) == 0 {
		n, at := of(list)
		items, next, err := page(c, r, egressOnlyPages, n, at)
		return &ec2.DescribeEgressOnlyInternetGatewaysOutput{EgressOnlyInternetGateways: items, NextToken: next}, err
	}
	items, next, err := pageOf(c, r, list, in.EgressOnlyInternetGatewayIds, "InvalidEgressOnlyInternetGatewayId.NotFound",
		func(g types.EgressOnlyInternetGateway) *string { return g.EgressOnlyInternetGatewayId })
	return &ec2.DescribeEgressOnlyInternetGatewaysOutput{EgressOnlyInternetGateways: items, NextToken: next}, err
}

// NAT gateways are those of the interfaces that serve them: every sixth of the services' interfaces.

func (s *site) natGateways() int { return (s.NetworkInterfaces - s.Instances + 5) / 6 }

func (s *site) natInterface(n int) types.NetworkInterface {
	return s.interfaceOfService(s.Instances + 6*n)
}

func natGatewayID(i types.NetworkInterface) string {
	return strings.TrimPrefix(aws.ToString(i.Description), "Interface for NAT Gateway ")
}

func (s *site) natGateway(n int) types.NatGateway {
	i := s.natInterface(n)
	return types.NatGateway{
		NatGatewayId: aws.String(natGatewayID(i)), SubnetId: i.SubnetId, VpcId: i.VpcId, State: types.NatGatewayStateAvailable,
		ConnectivityType: types.ConnectivityTypePublic, AvailabilityMode: types.AvailabilityModeZonal, CreateTime: i.Attachment.AttachTime,
		NatGatewayAddresses: []types.NatGatewayAddress{{
			AllocationId: i.Association.AllocationId, AssociationId: i.Association.AssociationId, IsPrimary: aws.Bool(true),
			NetworkInterfaceId: i.NetworkInterfaceId, PrivateIp: i.PrivateIpAddress, PublicIp: i.Association.PublicIp,
			Status: types.NatGatewayAddressStatusSucceeded,
		}},
		Tags: s.tags(s.at("NAT gateway", n), s.a.prod.name+"-nat-"+itoa(n+1), "network"),
	}
}

// natIn is the NAT gateway that the private subnets of a VPC use; "" where there is none.
func (s *site) natIn(v int) string {
	for n := range min(s.natGateways(), 4) {
		if i := s.natInterface(n); aws.ToString(i.VpcId) == s.vpcID(v) {
			return natGatewayID(i)
		}
	}
	return ""
}

// elasticIPs are those of the NAT gateways, and one that nothing uses.
func (s *site) elasticIPs() []types.Address {
	var list []types.Address
	add := func(a types.Address, at seed, name string) {
		a.Domain, a.NetworkBorderGroup, a.PublicIpv4Pool = types.DomainTypeVpc, aws.String(s.region), aws.String("amazon")
		a.Tags = s.tags(at, name, "network")
		list = append(list, a)
	}
	for n := range s.natGateways() {
		i := s.natInterface(n)
		add(types.Address{
			AllocationId: i.Association.AllocationId, AssociationId: i.Association.AssociationId, PublicIp: i.Association.PublicIp,
			NetworkInterfaceId: i.NetworkInterfaceId, NetworkInterfaceOwnerId: i.OwnerId, PrivateIpAddress: i.PrivateIpAddress, SubnetId: i.SubnetId,
		}, s.at("Elastic IP", n), s.a.prod.name+"-nat-"+itoa(n+1))
	}
	if s.VPCs > 0 {
		at := s.seed.s("spare Elastic IP")
		d := at.draw()
		add(types.Address{AllocationId: aws.String("eipalloc-0" + d.hex(16)), PublicIp: aws.String(publicAddress(d))}, at, s.a.prod.name+"-failover")
	}
	return list
}

// Each VPC has its default network ACL, and one that guards the subnets with data.

func (s *site) networkACLID(n int) string { return "acl-0" + s.at("network ACL", n).draw().hex(16) }

func (s *site) networkACL(n int) types.NetworkAcl {
	v, guard := n%s.VPCs, n >= s.VPCs
	acl := types.NetworkAcl{
		NetworkAclId: aws.String(s.networkACLID(n)), OwnerId: aws.String(s.a.id), VpcId: aws.String(s.vpcID(v)), IsDefault: aws.Bool(!guard),
		Entries: s.aclEntries(v, guard),
	}
	if guard {
		acl.Tags = s.tags(s.at("network ACL", n), s.vpcName(v)+"-data", "network")
	}
	for slot := range s.subnetsIn(v) {
		if j := v + s.VPCs*slot; (s.tier(j) == "data") == guard {
			acl.Associations = append(acl.Associations, types.NetworkAclAssociation{
				NetworkAclAssociationId: aws.String("aclassoc-0" + s.at("network ACL association", j).draw().hex(16)),
				NetworkAclId:            acl.NetworkAclId, SubnetId: aws.String(s.subnetID(j)),
			})
		}
	}
	return acl
}

// aclEntries let everything through, or databases' traffic and the answers to it.
func (s *site) aclEntries(v int, guard bool) []types.NetworkAclEntry {
	entry := func(egress bool, number int32, cidr, protocol string, action types.RuleAction, ports *types.PortRange) types.NetworkAclEntry {
		return types.NetworkAclEntry{
			Egress: &egress, RuleNumber: &number, CidrBlock: &cidr, Protocol: &protocol, RuleAction: action, PortRange: ports,
		}
	}
	last := []types.NetworkAclEntry{
		entry(true, 100, anywhere, "-1", types.RuleActionAllow, nil),
		entry(true, 32767, anywhere, "-1", types.RuleActionDeny, nil),
		entry(false, 32767, anywhere, "-1", types.RuleActionDeny, nil),
	}
	if !guard {
		return append(last, entry(false, 100, anywhere, "-1", types.RuleActionAllow, nil))
	}
	ports := func(from, to int32) *types.PortRange { return &types.PortRange{From: &from, To: &to} }
	inside := s.prefix(v) + ".0.0/16"
	return append(last,
		entry(false, 100, inside, "6", types.RuleActionAllow, ports(5432, 5432)),
		entry(false, 110, inside, "6", types.RuleActionAllow, ports(3306, 3306)),
		entry(false, 120, anywhere, "6", types.RuleActionAllow, ports(1024, 65535)))
}

func describeInternetGateways(c *call, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.internetGateways(), in.InternetGatewayIds,
		"InvalidInternetGatewayID.NotFound", s.internetGatewayID, s.internetGateway)
	return &ec2.DescribeInternetGatewaysOutput{InternetGateways: items, NextToken: next}, err
}

func describeNatGateways(c *call, in *ec2.DescribeNatGatewaysInput) (*ec2.DescribeNatGatewaysOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.natGateways(), in.NatGatewayIds, "NatGatewayNotFound",
		func(n int) string { return natGatewayID(s.natInterface(n)) }, s.natGateway)
	return &ec2.DescribeNatGatewaysOutput{NatGateways: items, NextToken: next}, err
}

func describeAddresses(c *call, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	items, err := whole(c, c.site().elasticIPs(), in.AllocationIds, "InvalidAllocationID.NotFound", func(a types.Address) *string { return a.AllocationId })
	return &ec2.DescribeAddressesOutput{Addresses: items}, err
}

func describeNetworkAcls(c *call, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, 2*s.VPCs, in.NetworkAclIds, "InvalidNetworkAclID.NotFound", s.networkACLID, s.networkACL)
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: items, NextToken: next}, err
}
