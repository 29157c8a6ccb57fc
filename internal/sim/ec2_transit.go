package sim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// Transit gateways. The network account has one in each region where it is at work, and shares it with everyone. First
// VPCs are attached to it, but for default ones.

// transitGateway is the gateway of the region and the site that owns it; nil where there is none.
func (s *site) transitGateway() (*types.TransitGateway, *site) {
	hub := s.o.central(kindNetwork)
	if hub == nil || s.VPCs == 0 {
		return nil, nil
	}
	owner := s.o.site(hub, s.region)
	if owner.VPCs == 0 {
		return nil, nil
	}
	at := owner.seed.s("transit gateway")
	d := at.draw()
	id, table := "tgw-0"+d.hex(16), "tgw-rtb-0"+d.hex(16)
	created := d.before(s.o.anchor, 1200)
	gateway := &types.TransitGateway{
		TransitGatewayId: &id, TransitGatewayArn: aws.String(owner.arn("ec2", "transit-gateway/"+id)), OwnerId: aws.String(hub.id), CreationTime: &created,
		Description: aws.String("hub of " + s.region), State: types.TransitGatewayStateAvailable,
		Options: &types.TransitGatewayOptions{
			AmazonSideAsn: aws.Int64(64512 + int64(d.n(900))), AutoAcceptSharedAttachments: types.AutoAcceptSharedAttachmentsValueEnable,
			AssociationDefaultRouteTableId: &table, DefaultRouteTableAssociation: types.DefaultRouteTableAssociationValueEnable,
			PropagationDefaultRouteTableId: &table, DefaultRouteTablePropagation: types.DefaultRouteTablePropagationValueEnable,
			DnsSupport: types.DnsSupportValueEnable, MulticastSupport: types.MulticastSupportValueDisable, VpnEcmpSupport: types.VpnEcmpSupportValueEnable,
			SecurityGroupReferencingSupport: types.SecurityGroupReferencingSupportValueDisable,
		},
	}
	if s.a == hub { // tags are not shared
		gateway.Tags = owner.tags(at, "hub-"+s.region, "network")
	}
	return gateway, owner
}

func (s *site) transitGateways() []types.TransitGateway {
	if gateway, _ := s.transitGateway(); gateway != nil {
		return []types.TransitGateway{*gateway}
	}
	return nil
}

func (s *site) attached(v int) bool { return v == 0 && s.VPCs > 0 && !s.defaultVPC(0) }

// attachments are all of them for the gateway's owner, and their own for the others.
func (s *site) attachments() []types.TransitGatewayAttachment {
	gateway, owner := s.transitGateway()
	if gateway == nil {
		return nil
	}
	var list []types.TransitGatewayAttachment
	add := func(of *site, at seed, kind types.TransitGatewayAttachmentResourceType, resource string) {
		d := at.draw()
		created := d.before(s.o.anchor, 900)
		a := types.TransitGatewayAttachment{
			TransitGatewayAttachmentId: aws.String("tgw-attach-0" + d.hex(16)), TransitGatewayId: gateway.TransitGatewayId, TransitGatewayOwnerId: gateway.OwnerId,
			ResourceId: &resource, ResourceOwnerId: aws.String(of.a.id), ResourceType: kind, CreationTime: &created, State: types.TransitGatewayAttachmentStateAvailable,
			Association: &types.TransitGatewayAttachmentAssociation{
				State: types.TransitGatewayAssociationStateAssociated, TransitGatewayRouteTableId: gateway.Options.AssociationDefaultRouteTableId,
			},
		}
		if of.a == s.a {
			a.Tags = s.tags(at, of.a.prod.name+"-"+string(kind), "network")
		}
		list = append(list, a)
	}
	sites := []*site{s}
	if s.a == owner.a {
		sites = nil
		for _, a := range s.o.accounts {
			if a.state == orgtypes.AccountStateActive {
				sites = append(sites, s.o.site(a, s.region))
			}
		}
	}
	for _, of := range sites {
		if of.attached(0) {
			add(of, of.seed.s("attachment"), types.TransitGatewayAttachmentResourceTypeVpc, of.vpcID(0))
		}
	}
	for _, vpn := range s.vpns() {
		if vpn.TransitGatewayId != nil {
			add(s, s.seed.s(*vpn.VpnConnectionId), types.TransitGatewayAttachmentResourceTypeVpn, *vpn.VpnConnectionId)
		}
	}
	return list
}

// VPN connections lead from the transit gateways to two offices, and from the accounts that deal with parcels to the
// carrier's network.

const carrierNetwork = "192.168.32.0/20"

// partnerVPN says whether a VPC is connected with the carrier.
func (s *site) partnerVPN(v int) bool {
	return v == 0 && s.VPCs > 0 && s.a.kind == kindWorkload && s.a.prod.team == "logistics" && s.a.env == "prod"
}

func (s *site) vpnGatewayID() string { return "vgw-0" + s.seed.s("VPN gateway").draw().hex(16) }

func (s *site) vpns() []types.VpnConnection {
	if gateway, owner := s.transitGateway(); gateway != nil && owner.a == s.a {
		return []types.VpnConnection{s.vpn(0, "office-north", gateway.TransitGatewayId), s.vpn(1, "office-south", gateway.TransitGatewayId)}
	}
	if s.partnerVPN(0) {
		return []types.VpnConnection{s.vpn(0, "carrier", nil)}
	}
	return nil
}

// vpn leads to a transit gateway, or where that is nil to the VPC's own gateway.
func (s *site) vpn(n int, name string, transit *string) types.VpnConnection {
	at := s.at("VPN connection", n)
	d := at.draw()
	vpn := types.VpnConnection{
		VpnConnectionId: aws.String("vpn-0" + d.hex(16)), CustomerGatewayId: aws.String("cgw-0" + d.hex(16)), Category: aws.String("VPN"),
		State: types.VpnStateAvailable, Type: types.GatewayTypeIpsec1, TransitGatewayId: transit,
		GatewayAssociationState: types.GatewayAssociationStateAssociated, Tags: s.tags(at, s.a.prod.name+"-"+name, "network"),
		Options: &types.VpnConnectionOptions{
			EnableAcceleration: aws.Bool(false), StaticRoutesOnly: aws.Bool(transit == nil), TunnelInsideIpVersion: types.TunnelInsideIpVersionIpv4,
			LocalIpv4NetworkCidr: aws.String(anywhere), RemoteIpv4NetworkCidr: aws.String(anywhere), OutsideIpAddressType: aws.String("PublicIpv4"),
		},
	}
	if transit == nil {
		vpn.VpnGatewayId = aws.String(s.vpnGatewayID())
		vpn.Routes = []types.VpnStaticRoute{{DestinationCidrBlock: aws.String(carrierNetwork), State: types.VpnStateAvailable}}
	}
	var configured strings.Builder
	for tunnel := range 2 {
		s.tunnel(&vpn, &configured, d, tunnel)
	}
	vpn.CustomerGatewayConfiguration = aws.String(fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><vpn_connection id=%q><customer_gateway_id>%s</customer_gateway_id>%s</vpn_connection>`,
		*vpn.VpnConnectionId, *vpn.CustomerGatewayId, &configured))
	return vpn
}

// tunnel adds one of the two tunnels: the second one is the reserve, and often down.
func (s *site) tunnel(vpn *types.VpnConnection, configured *strings.Builder, d *draw, n int) {
	outside, key := publicAddress(d), d.alnum(32)
	fmt.Fprintf(configured, "<ipsec_tunnel><vpn_gateway><tunnel_outside_address><ip_address>%s</ip_address></tunnel_outside_address></vpn_gateway><ike><pre_shared_key>%s</pre_shared_key></ike></ipsec_tunnel>", outside, key)
	vpn.Options.TunnelOptions = append(vpn.Options.TunnelOptions, types.TunnelOption{
		OutsideIpAddress: &outside, PreSharedKey: &key, TunnelInsideCidr: aws.String(fmt.Sprintf("169.254.%d.%d/30", 10+d.n(200), d.n(64)*4)),
		IkeVersions:                []types.IKEVersionsListValue{{Value: aws.String("ikev2")}},
		Phase1EncryptionAlgorithms: []types.Phase1EncryptionAlgorithmsListValue{{Value: aws.String("AES256")}},
		Phase1DHGroupNumbers:       []types.Phase1DHGroupNumbersListValue{{Value: aws.Int32(14)}},
		DpdTimeoutAction:           aws.String("clear"), DpdTimeoutSeconds: aws.Int32(30), StartupAction: aws.String("add"),
		EnableTunnelLifecycleControl: aws.Bool(false),
		LogOptions:                   &types.VpnTunnelLogOptions{CloudWatchLogOptions: &types.CloudWatchLogOptions{LogEnabled: aws.Bool(false)}},
	})
	changed := d.before(s.o.anchor, 30)
	state := types.VgwTelemetry{OutsideIpAddress: &outside, LastStatusChange: &changed, Status: types.TelemetryStatusUp, StatusMessage: aws.String(""), AcceptedRouteCount: aws.Int32(3)}
	if n == 1 && d.chance(60) {
		state.Status, state.StatusMessage, state.AcceptedRouteCount = types.TelemetryStatusDown, aws.String("IPSEC IS DOWN"), aws.Int32(0)
	}
	vpn.VgwTelemetry = append(vpn.VgwTelemetry, state)
}

func describeTransitGateways(c *call, in *ec2.DescribeTransitGatewaysInput) (*ec2.DescribeTransitGatewaysOutput, error) {
	items, next, err := pageOf(c, request{in.NextToken, in.MaxResults}, c.site().transitGateways(), in.TransitGatewayIds,
		"InvalidTransitGatewayID.NotFound", func(g types.TransitGateway) *string { return g.TransitGatewayId })
	return &ec2.DescribeTransitGatewaysOutput{TransitGateways: items, NextToken: next}, err
}

func describeTransitGatewayAttachments(c *call, in *ec2.DescribeTransitGatewayAttachmentsInput) (*ec2.DescribeTransitGatewayAttachmentsOutput, error) {
	items, next, err := pageOf(c, request{in.NextToken, in.MaxResults}, c.site().attachments(), in.TransitGatewayAttachmentIds,
		"InvalidTransitGatewayAttachmentID.NotFound", func(a types.TransitGatewayAttachment) *string { return a.TransitGatewayAttachmentId })
	return &ec2.DescribeTransitGatewayAttachmentsOutput{TransitGatewayAttachments: items, NextToken: next}, err
}

func describeVpnConnections(c *call, in *ec2.DescribeVpnConnectionsInput) (*ec2.DescribeVpnConnectionsOutput, error) {
	items, err := whole(c, c.site().vpns(), in.VpnConnectionIds, "InvalidVpnConnectionID.NotFound", func(v types.VpnConnection) *string { return v.VpnConnectionId })
	return &ec2.DescribeVpnConnectionsOutput{VpnConnections: items}, err
}
