package sim

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// connectionsOf are the things of one account and region, by ID.
type connectionsOf struct {
	known    map[string]bool // of anything that others name
	tables   []types.RouteTable
	nats     []types.NatGateway
	eips     []types.Address
	acls     []types.NetworkAcl
	gateways []types.InternetGateway
	outward  []types.EgressOnlyInternetGateway
	points   []types.VpcEndpoint
	peers    []types.VpcPeeringConnection
	logs     []types.FlowLog
	transit  []types.TransitGateway
	attached []types.TransitGatewayAttachment
	vpns     []types.VpnConnection
}

func readConnections(t *testing.T, o *Organization, account, region string) *connectionsOf {
	t.Helper()
	ctx, client := t.Context(), ec2.NewFromConfig(in(t, o, account, region))
	c := &connectionsOf{known: map[string]bool{"local": true}}
	for _, v := range must(drain(ctx, ec2.NewDescribeVpcsPaginator(client, nil), func(o *ec2.DescribeVpcsOutput) []types.Vpc { return o.Vpcs })) {
		c.known[*v.VpcId] = true
	}
	for _, s := range must(drain(ctx, ec2.NewDescribeSubnetsPaginator(client, nil), func(o *ec2.DescribeSubnetsOutput) []types.Subnet { return o.Subnets })) {
		c.known[*s.SubnetId] = true
	}
	for _, i := range must(drain(ctx, ec2.NewDescribeNetworkInterfacesPaginator(client, nil), func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces })) {
		c.known[*i.NetworkInterfaceId] = true
	}
	c.tables = must(drain(ctx, ec2.NewDescribeRouteTablesPaginator(client, nil), func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables }))
	c.gateways = must(drain(ctx, ec2.NewDescribeInternetGatewaysPaginator(client, nil), func(o *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return o.InternetGateways }))
	c.outward = must(drain(ctx, ec2.NewDescribeEgressOnlyInternetGatewaysPaginator(client, nil), func(o *ec2.DescribeEgressOnlyInternetGatewaysOutput) []types.EgressOnlyInternetGateway {
		return o.EgressOnlyInternetGateways
	}))
	c.nats = must(drain(ctx, ec2.NewDescribeNatGatewaysPaginator(client, nil), func(o *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return o.NatGateways }))
	c.acls = must(drain(ctx, ec2.NewDescribeNetworkAclsPaginator(client, nil), func(o *ec2.DescribeNetworkAclsOutput) []types.NetworkAcl { return o.NetworkAcls }))
	c.points = must(drain(ctx, ec2.NewDescribeVpcEndpointsPaginator(client, nil), func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints }))
	c.peers = must(drain(ctx, ec2.NewDescribeVpcPeeringConnectionsPaginator(client, nil), func(o *ec2.DescribeVpcPeeringConnectionsOutput) []types.VpcPeeringConnection {
		return o.VpcPeeringConnections
	}))
	c.logs = must(drain(ctx, ec2.NewDescribeFlowLogsPaginator(client, nil), func(o *ec2.DescribeFlowLogsOutput) []types.FlowLog { return o.FlowLogs }))
	c.transit = must(drain(ctx, ec2.NewDescribeTransitGatewaysPaginator(client, nil), func(o *ec2.DescribeTransitGatewaysOutput) []types.TransitGateway { return o.TransitGateways }))
	c.attached = must(drain(ctx, ec2.NewDescribeTransitGatewayAttachmentsPaginator(client, nil), func(o *ec2.DescribeTransitGatewayAttachmentsOutput) []types.TransitGatewayAttachment {
		return o.TransitGatewayAttachments
	}))
	c.eips = must(client.DescribeAddresses(ctx, nil)).Addresses
	c.vpns = must(client.DescribeVpnConnections(ctx, nil)).VpnConnections
	c.learn()
	return c
}

func (c *connectionsOf) learn() {
	know := func(id *string) { c.known[aws.ToString(id)] = true }
	for _, x := range c.tables {
		know(x.RouteTableId)
	}
	for _, x := range c.gateways {
		know(x.InternetGatewayId)
	}
	for _, x := range c.outward {
		know(x.EgressOnlyInternetGatewayId)
	}
	for _, x := range c.nats {
		know(x.NatGatewayId)
	}
	for _, x := range c.eips {
		know(x.AllocationId)
	}
	for _, x := range c.points {
		know(x.VpcEndpointId)
	}
	for _, x := range c.peers {
		know(x.VpcPeeringConnectionId)
	}
	for _, x := range c.transit {
		know(x.TransitGatewayId)
	}
	for _, x := range c.vpns {
		know(x.VpnConnectionId)
		know(x.VpnGatewayId)
	}
}

// named are the IDs that the things name, by the thing.
func (c *connectionsOf) named() map[string][]*string {
	named := map[string][]*string{}
	for _, x := range c.tables {
		ids := []*string{x.VpcId}
		for _, a := range x.Associations {
			ids = append(ids, a.SubnetId)
		}
		for _, r := range x.Routes {
			if r.State == types.RouteStateActive {
				ids = append(ids, r.GatewayId, r.EgressOnlyInternetGatewayId, r.NatGatewayId, r.TransitGatewayId, r.VpcPeeringConnectionId)
			}
		}
		named[*x.RouteTableId] = ids
	}
	for _, x := range c.gateways {
		for _, a := range x.Attachments {
			named[*x.InternetGatewayId] = append(named[*x.InternetGatewayId], a.VpcId)
		}
	}
	for _, x := range c.outward {
		named[*x.EgressOnlyInternetGatewayId] = []*string{x.Attachments[0].VpcId}
	}
	for _, x := range c.nats {
		a := x.NatGatewayAddresses[0]
		named[*x.NatGatewayId] = []*string{x.VpcId, x.SubnetId, a.AllocationId, a.NetworkInterfaceId}
	}
	for _, x := range c.eips {
		named[*x.AllocationId] = []*string{x.SubnetId, x.NetworkInterfaceId}
	}
	for _, x := range c.acls {
		named[*x.NetworkAclId] = []*string{x.VpcId}
		for _, a := range x.Associations {
			named[*x.NetworkAclId] = append(named[*x.NetworkAclId], a.SubnetId)
		}
	}
	for _, x := range c.points {
		named[*x.VpcEndpointId] = append(aws.StringSlice(slices.Concat(x.SubnetIds, x.RouteTableIds)), x.VpcId)
	}
	for _, x := range c.logs {
		named[*x.FlowLogId] = []*string{x.ResourceId}
	}
	for _, x := range c.vpns {
		named[*x.VpnConnectionId] = []*string{x.TransitGatewayId}
	}
	return named
}

// TestConnectionsFit reads all regions of all accounts: what is named is there, and each subnet has one network ACL.
func TestConnectionsFit(t *testing.T) {
	o := New(Options{Accounts: 20})
	seen := map[string]bool{}
	for _, a := range o.accounts {
		if a.state != "ACTIVE" {
			continue
		}
		for _, region := range o.regions[:2] {
			if !o.regionStatus(a, region).on() {
				continue
			}
			c := readConnections(t, o, a.id, region)
			for thing, ids := range c.named() {
				kind, _, _ := strings.Cut(thing, "-")
				seen[kind] = true
				for _, id := range ids {
					if id != nil && !c.known[*id] {
						t.Errorf("%s %s: %s names %s, which is not there", a.name, region, thing, *id)
					}
				}
			}
			c.guards(t, a.name+" "+region)
		}
	}
	for _, kind := range []string{"rtb", "igw", "eigw", "nat", "eipalloc", "acl", "vpce", "fl", "vpn"} {
		if !seen[kind] {
			t.Errorf("no account has anything of the kind %s", kind)
		}
	}
}

func (c *connectionsOf) guards(t *testing.T, where string) {
	t.Helper()
	acls := map[string]int{}
	for _, acl := range c.acls {
		for _, a := range acl.Associations {
			acls[*a.SubnetId]++
		}
	}
	for id := range maps.Keys(c.known) {
		if strings.HasPrefix(id, "subnet-") && acls[id] != 1 {
			t.Errorf("%s: subnet %s has %d network ACLs, want 1", where, id, acls[id])
		}
	}
}

// TestConnectionsAcrossAccounts reads what two accounts see of the same thing.
func TestConnectionsAcrossAccounts(t *testing.T) {
	o := New(Options{Accounts: 20})
	region, hub := o.regions[0], o.central(kindNetwork)
	all := map[string]types.TransitGatewayAttachment{}
	for _, a := range readConnections(t, o, hub.id, region).attached {
		all[*a.TransitGatewayAttachmentId] = a
	}
	sides := map[string][]string{}
	attached := 0
	for _, a := range o.workloads {
		c := readConnections(t, o, a.id, region)
		for _, p := range c.peers {
			sides[*p.VpcPeeringConnectionId] = append(sides[*p.VpcPeeringConnectionId], *p.RequesterVpcInfo.VpcId+" "+*p.AccepterVpcInfo.VpcId)
		}
		for _, own := range c.attached {
			attached++
			if got := all[*own.TransitGatewayAttachmentId]; aws.ToString(got.ResourceId) != *own.ResourceId || aws.ToString(got.TransitGatewayId) != *own.TransitGatewayId {
				t.Errorf("%s: attachment %s of %s is %+v for the transit gateway's owner", a.name, *own.TransitGatewayAttachmentId, *own.ResourceId, got)
			}
		}
	}
	if attached == 0 {
		t.Error("no workload is attached to the transit gateway")
	}
	pairs := 0
	for id, seen := range sides {
		if len(seen) == 2 && seen[0] == seen[1] {
			pairs++
		} else if len(seen) != 1 { // one is with someone outside
			t.Errorf("peering %s: got the sides %q, want two that agree", id, seen)
		}
	}
	if pairs == 0 || len(sides)-pairs > 1 {
		t.Errorf("got %d peerings that two accounts see and %d others, want some and at most one", pairs, len(sides)-pairs)
	}
}

// TestRouteTablePages asks for more than this list gives.
func TestRouteTablePages(t *testing.T) {
	o := New(Options{Sizes: Sizes{VPCs: 70}})
	client := ec2.NewFromConfig(in(t, o, firstWorkload(o), "us-east-1"))
	if _, err := client.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(1000)}); code(err) != "InvalidParameterValue" {
		t.Errorf("1000 to a page: got %v, want InvalidParameterValue", err)
	}
	tables, err := drain(t.Context(), ec2.NewDescribeRouteTablesPaginator(client, &ec2.DescribeRouteTablesInput{MaxResults: aws.Int32(100)}),
		func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables })
	if err != nil || len(tables) != 210 {
		t.Errorf("got %d route tables, %v, want 210", len(tables), err)
	}
	if calls := countCalls(o, "ec2", "DescribeRouteTables"); calls != 4 {
		t.Errorf("got %d calls, want the refused one and 3 pages", calls)
	}
}
