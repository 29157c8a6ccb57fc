package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"stocktake/extract"
)

// connections are what leads into and out of networks.
var connections = []extract.Collector{
	extract.List(service, "aws_ec2_route_tables", ec2.NewDescribeRouteTablesPaginator,
		&ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100)}, // the largest that this one gives
		func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables }),

	extract.List(service, "aws_ec2_internet_gateways", ec2.NewDescribeInternetGatewaysPaginator,
		&ec2.DescribeInternetGatewaysInput{MaxResults: page},
		func(o *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return o.InternetGateways }),

	extract.List(service, "aws_ec2_nat_gateways", ec2.NewDescribeNatGatewaysPaginator,
		&ec2.DescribeNatGatewaysInput{MaxResults: page},
		func(o *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return o.NatGateways }),

	extract.One(service, "aws_ec2_addresses", (*ec2.Client).DescribeAddresses,
		&ec2.DescribeAddressesInput{},
		func(o *ec2.DescribeAddressesOutput) []types.Address { return o.Addresses }),

	extract.List(service, "aws_ec2_network_acls", ec2.NewDescribeNetworkAclsPaginator,
		&ec2.DescribeNetworkAclsInput{MaxResults: page},
		func(o *ec2.DescribeNetworkAclsOutput) []types.NetworkAcl { return o.NetworkAcls }),

	extract.List(service, "aws_ec2_vpc_endpoints", ec2.NewDescribeVpcEndpointsPaginator,
		&ec2.DescribeVpcEndpointsInput{MaxResults: page},
		func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints }),

	extract.List(service, "aws_ec2_vpc_peering_connections", ec2.NewDescribeVpcPeeringConnectionsPaginator,
		&ec2.DescribeVpcPeeringConnectionsInput{MaxResults: page},
		func(o *ec2.DescribeVpcPeeringConnectionsOutput) []types.VpcPeeringConnection {
			return o.VpcPeeringConnections
		}),

	extract.List(service, "aws_ec2_flow_logs", ec2.NewDescribeFlowLogsPaginator,
		&ec2.DescribeFlowLogsInput{MaxResults: page},
		func(o *ec2.DescribeFlowLogsOutput) []types.FlowLog { return o.FlowLogs }),

	extract.List(service, "aws_ec2_transit_gateways", ec2.NewDescribeTransitGatewaysPaginator,
		&ec2.DescribeTransitGatewaysInput{MaxResults: page},
		func(o *ec2.DescribeTransitGatewaysOutput) []types.TransitGateway { return o.TransitGateways }),

	extract.List(service, "aws_ec2_transit_gateway_attachments", ec2.NewDescribeTransitGatewayAttachmentsPaginator,
		&ec2.DescribeTransitGatewayAttachmentsInput{MaxResults: page},
		func(o *ec2.DescribeTransitGatewayAttachmentsOutput) []types.TransitGatewayAttachment {
			return o.TransitGatewayAttachments
		}),

	extract.One(service, "aws_ec2_vpn_connections", (*ec2.Client).DescribeVpnConnections,
		&ec2.DescribeVpnConnectionsInput{},
		func(o *ec2.DescribeVpnConnectionsOutput) []types.VpnConnection { return o.VpnConnections }),
}
