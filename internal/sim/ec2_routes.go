package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Route tables. Each VPC has three: its main one, which the subnets with data use without saying so, and one each for
// the public and the private subnets.
const (
	mainTable = iota
	publicTable
	privateTable
	routeTables
)

// routeTablePages are smaller than those of other lists, and a larger size is refused.
var routeTablePages = limits{least: 5, most: 100}

func (s *site) routeTableID(t int) string { return "rtb-0" + s.at("route table", t).draw().hex(16) }

func (s *site) routeTable(t int) types.RouteTable {
	v, kind := t%s.VPCs, t/s.VPCs
	table := types.RouteTable{
		RouteTableId: aws.String(s.routeTableID(t)), OwnerId: aws.String(s.a.id), VpcId: aws.String(s.vpcID(v)),
		Associations: s.routeAssociations(t), Routes: s.routes(v, kind),
		Tags: s.tags(s.at("route table", t), s.vpcName(v)+[]string{"", "-public", "-private"}[kind], "network"),
	}
	if kind == privateTable && s.partnerVPN(v) {
		table.PropagatingVgws = []types.PropagatingVgw{{GatewayId: aws.String(s.vpnGatewayID())}}
	}
	return table
}

func (s *site) routeAssociations(t int) []types.RouteTableAssociation {
	v, kind := t%s.VPCs, t/s.VPCs
	association := func(at seed, subnet *string) types.RouteTableAssociation {
		return types.RouteTableAssociation{
			RouteTableAssociationId: aws.String("rtbassoc-0" + at.draw().hex(16)), RouteTableId: aws.String(s.routeTableID(t)),
			Main: aws.Bool(subnet == nil), SubnetId: subnet,
			AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated},
		}
	}
	if kind == mainTable {
		return []types.RouteTableAssociation{association(s.at("main association", v), nil)}
	}
	var list []types.RouteTableAssociation
	for slot := range s.subnetsIn(v) {
		if j := v + s.VPCs*slot; s.tier(j) == []string{publicTable: "public", privateTable: "private"}[kind] {
			list = append(list, association(s.at("route table association", j), aws.String(s.subnetID(j))))
		}
	}
	return list
}

func (s *site) routes(v, kind int) []types.Route {
	vpc := s.vpc(v)
	var list []types.Route
	add := func(r types.Route, origin types.RouteOrigin) {
		r.Origin, r.State = origin, types.RouteStateActive
		list = append(list, r)
	}
	for _, a := range vpc.CidrBlockAssociationSet {
		add(types.Route{DestinationCidrBlock: a.CidrBlock, GatewayId: aws.String("local")}, types.RouteOriginCreateRouteTable)
	}
	for _, a := range vpc.Ipv6CidrBlockAssociationSet {
		add(types.Route{DestinationIpv6CidrBlock: a.Ipv6CidrBlock, GatewayId: aws.String("local")}, types.RouteOriginCreateRouteTable)
	}
	if kind == publicTable || kind == mainTable && s.defaultVPC(v) {
		add(types.Route{DestinationCidrBlock: aws.String(anywhere), GatewayId: aws.String(s.internetGatewayID(v))}, types.RouteOriginCreateRoute)
		return list
	}
	if gateway, _ := s.transitGateway(); gateway != nil && s.attached(v) {
		add(types.Route{DestinationCidrBlock: aws.String("10.0.0.0/8"), TransitGatewayId: gateway.TransitGatewayId}, types.RouteOriginCreateRoute)
	}
	if kind == privateTable {
		for _, r := range s.privateRoutes(v) {
			add(r, types.RouteOriginCreateRoute)
		}
		list = append(list, s.otherRoutes(v)...)
	}
	return list
}

// privateRoutes lead from private subnets to the internet, to S3 and to peers.
func (s *site) privateRoutes(v int) []types.Route {
	list := []types.Route{{DestinationPrefixListId: aws.String(s.prefixListID("s3")), GatewayId: aws.String(s.endpointID(v))}}
	if nat := s.natIn(v); nat != "" {
		list = append(list, types.Route{DestinationCidrBlock: aws.String(anywhere), NatGatewayId: aws.String(nat)})
	}
	if s.withIPv6(v) {
		list = append(list, types.Route{DestinationIpv6CidrBlock: aws.String("::/0"), EgressOnlyInternetGatewayId: aws.String(s.egressOnlyGatewayID(v))})
	}
	if v > 0 {
		return list
	}
	for _, p := range s.peerings() {
		list = append(list, types.Route{DestinationCidrBlock: s.otherSide(p).CidrBlock, VpcPeeringConnectionId: p.VpcPeeringConnectionId})
	}
	return list
}

// otherRoutes are learned from a VPN, or left over.
func (s *site) otherRoutes(v int) []types.Route {
	var list []types.Route
	if s.partnerVPN(v) {
		list = append(list, types.Route{
			DestinationCidrBlock: aws.String(carrierNetwork), GatewayId: aws.String(s.vpnGatewayID()),
			Origin: types.RouteOriginEnableVgwRoutePropagation, State: types.RouteStateActive,
		})
	}
	if v == 0 && s.unowned() {
		list = append(list, types.Route{
			DestinationCidrBlock: aws.String("172.20.0.0/16"), VpcPeeringConnectionId: aws.String("pcx-0" + s.seed.s("deleted peering").draw().hex(16)),
			Origin: types.RouteOriginCreateRoute, State: types.RouteStateBlackhole,
		})
	}
	return list
}

// prefixListID is the region's list of the addresses of a service.
func (s *site) prefixListID(service string) string {
	return "pl-" + s.o.seed.s("prefix list").s(s.region).s(service).draw().hex(8)
}

func describeRouteTables(c *call, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	s, r := c.site(), request{in.NextToken, in.MaxResults}
	n := routeTables * s.VPCs
	if len(in.RouteTableIds) == 0 {
		items, next, err := page(c, r, routeTablePages, n, all(s.routeTable))
		return &ec2.DescribeRouteTablesOutput{RouteTables: items, NextToken: next}, err
	}
	items, next, err := pageEC2(c, r, n, in.RouteTableIds, "InvalidRouteTableID.NotFound", s.routeTableID, s.routeTable)
	return &ec2.DescribeRouteTablesOutput{RouteTables: items, NextToken: next}, err
}
