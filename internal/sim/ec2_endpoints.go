package sim

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Endpoints. Each VPC has one for S3; the first VPC has more where clusters or functions run.
var interfaceServices = []string{"ecr.api", "ecr.dkr", "sts", "logs"}

func (s *site) endpoints() int {
	if s.VPCs > 0 && s.Subnets > 0 && s.Clusters+s.Functions > 0 {
		return s.VPCs + len(interfaceServices)
	}
	return s.VPCs
}

func (s *site) endpointID(e int) string { return "vpce-0" + s.at("endpoint", e).draw().hex(16) }

const openPolicy = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

func (s *site) endpoint(e int) types.VpcEndpoint {
	at := s.at("endpoint", e)
	created := at.s("since").draw().before(s.o.anchor, 900)
	endpoint := types.VpcEndpoint{
		VpcEndpointId: aws.String(s.endpointID(e)), OwnerId: aws.String(s.a.id), State: "available", // in small letters, unlike the SDK's constant
		CreationTimestamp: &created, RequesterManaged: aws.Bool(false), IpAddressType: types.IpAddressTypeIpv4, ServiceRegion: aws.String(s.region),
	}
	if e >= s.VPCs {
		s.interfaceEndpoint(&endpoint, interfaceServices[e-s.VPCs], at.s("interface"))
		return endpoint
	}
	endpoint.VpcId, endpoint.VpcEndpointType = aws.String(s.vpcID(e)), types.VpcEndpointTypeGateway
	endpoint.ServiceName, endpoint.PrivateDnsEnabled = aws.String("com.amazonaws."+s.region+".s3"), aws.Bool(false)
	endpoint.RouteTableIds = []string{s.routeTableID(e + privateTable*s.VPCs)}
	endpoint.Tags = s.tags(at, s.vpcName(e)+"-s3", "network")
	endpoint.PolicyDocument = aws.String(openPolicy)
	if s.a.env == "prod" {
		endpoint.PolicyDocument = aws.String(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"OwnOrganization","Effect":"Allow","Principal":"*",`+
			`"Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceOrgID":%q}}}]}`, s.o.orgID))
	}
	return endpoint
}

// interfaceEndpoint puts an endpoint for a service into private subnets of the first VPC, one to a zone.
func (s *site) interfaceEndpoint(endpoint *types.VpcEndpoint, name string, at seed) {
	d := at.draw()
	endpoint.VpcId, endpoint.VpcEndpointType = aws.String(s.vpcID(0)), types.VpcEndpointTypeInterface
	endpoint.ServiceName, endpoint.PrivateDnsEnabled = aws.String("com.amazonaws."+s.region+"."+name), aws.Bool(true)
	endpoint.PolicyDocument = aws.String(openPolicy)
	endpoint.Tags = s.tags(at, s.vpcName(0)+"-"+name, "network")
	var zones []string
	for slot := range min(s.subnetsIn(0), 12) {
		if j := s.VPCs * slot; s.tier(j) == "private" && !slices.Contains(zones, s.zone(j)) {
			zones = append(zones, s.zone(j))
			endpoint.SubnetIds = append(endpoint.SubnetIds, s.subnetID(j))
			endpoint.NetworkInterfaceIds = append(endpoint.NetworkInterfaceIds, "eni-0"+d.hex(16))
		}
	}
	for _, g := range s.groupIdentifiers([]int{s.groupIn(0, appRole)}) {
		endpoint.Groups = append(endpoint.Groups, types.SecurityGroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
	}
	endpoint.DnsOptions = &types.DnsOptions{DnsRecordIpType: types.DnsRecordIpTypeIpv4}
	endpoint.DnsEntries = []types.DnsEntry{
		{DnsName: aws.String(fmt.Sprintf("%s-%s.%s.%s.vpce.%s", *endpoint.VpcEndpointId, d.lower(8), name, s.region, s.o.suffix())), HostedZoneId: aws.String("Z" + d.upper(13))},
		{DnsName: aws.String(name + "." + s.region + "." + s.o.suffix()), HostedZoneId: aws.String("Z" + d.upper(13))},
	}
}

// Peerings. Workloads are peered in pairs, first VPC to first VPC, where both are at work and their ranges differ. The
// exposed site is also peered with someone outside.

func (s *site) peerings() []types.VpcPeeringConnection {
	i := slices.Index(s.o.workloads, s.a)
	if i < 0 || s.VPCs == 0 {
		return nil
	}
	var list []types.VpcPeeringConnection
	if other := i ^ 1; other < len(s.o.workloads) {
		requester, accepter := s.o.site(s.o.workloads[i&^1], s.region), s.o.site(s.o.workloads[i|1], s.region)
		if requester.VPCs > 0 && accepter.VPCs > 0 && requester.prefix(0) != accepter.prefix(0) {
			list = append(list, s.peering("pcx-0"+requester.seed.s("peering").draw().hex(16), requester.peer(), accepter.peer()))
		}
	}
	if s.exposed() {
		at := s.seed.s("outside peering")
		d := at.draw()
		id, outside := "pcx-0"+d.hex(16), &types.VpcPeeringConnectionVpcInfo{
			OwnerId: aws.String(s.o.vendorAccount()), Region: aws.String(s.region), VpcId: aws.String("vpc-0" + d.hex(16)), CidrBlock: aws.String("172.31.0.0/16"),
			CidrBlockSet: []types.CidrBlock{{CidrBlock: aws.String("172.31.0.0/16")}},
		}
		list = append(list, s.peering(id, outside, s.peer()))
	}
	return list
}

// peer is the first VPC as a peering describes it.
func (s *site) peer() *types.VpcPeeringConnectionVpcInfo {
	vpc := s.vpc(0)
	info := &types.VpcPeeringConnectionVpcInfo{
		OwnerId: vpc.OwnerId, Region: aws.String(s.region), VpcId: vpc.VpcId, CidrBlock: vpc.CidrBlock,
		PeeringOptions: &types.VpcPeeringConnectionOptionsDescription{
			AllowDnsResolutionFromRemoteVpc:            aws.Bool(s.seed.s("peering options").draw().chance(50)),
			AllowEgressFromLocalClassicLinkToRemoteVpc: aws.Bool(false), AllowEgressFromLocalVpcToRemoteClassicLink: aws.Bool(false),
		},
	}
	for _, a := range vpc.CidrBlockAssociationSet {
		info.CidrBlockSet = append(info.CidrBlockSet, types.CidrBlock{CidrBlock: a.CidrBlock})
	}
	for _, a := range vpc.Ipv6CidrBlockAssociationSet {
		info.Ipv6CidrBlockSet = append(info.Ipv6CidrBlockSet, types.Ipv6CidrBlock{Ipv6CidrBlock: a.Ipv6CidrBlock})
	}
	return info
}

func (s *site) peering(id string, requester, accepter *types.VpcPeeringConnectionVpcInfo) types.VpcPeeringConnection {
	return types.VpcPeeringConnection{
		VpcPeeringConnectionId: &id, RequesterVpcInfo: requester, AccepterVpcInfo: accepter,
		Status: &types.VpcPeeringConnectionStateReason{Code: types.VpcPeeringConnectionStateReasonCodeActive, Message: aws.String("Active")},
		Tags:   s.tags(s.seed.s(id), "", "network"), // each side has its own
	}
}

func (s *site) otherSide(p types.VpcPeeringConnection) *types.VpcPeeringConnectionVpcInfo {
	if *p.RequesterVpcInfo.VpcId == s.vpcID(0) {
		return p.AccepterVpcInfo
	}
	return p.RequesterVpcInfo
}

// Flow logs of most VPCs go to the log archive, or to CloudWatch where there is none. Some VPCs have none.

const flowLogFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

func (s *site) flowLogs() []types.FlowLog {
	var list []types.FlowLog
	for v := range s.VPCs {
		d := s.at("flow log", v).draw()
		if !d.chance(80) || v == 0 && s.exposed() {
			continue
		}
		created := d.before(s.o.anchor, 700)
		f := types.FlowLog{
			FlowLogId: aws.String("fl-0" + d.hex(16)), ResourceId: aws.String(s.vpcID(v)), CreationTime: &created, FlowLogStatus: aws.String("ACTIVE"),
			DeliverLogsStatus: aws.String("SUCCESS"), TrafficType: pick(d, []types.TrafficType{types.TrafficTypeAll, types.TrafficTypeAll, types.TrafficTypeReject}),
			LogFormat: aws.String(flowLogFormat), MaxAggregationInterval: aws.Int32(pick(d, []int32{60, 600})), Tags: s.tags(s.at("flow log", v), "", "network"),
		}
		s.deliver(&f, d)
		list = append(list, f)
	}
	return list
}

func (s *site) deliver(f *types.FlowLog, d *draw) {
	if archive := s.o.central(kindLogs); archive != nil && s.o.site(archive, s.o.home()).Buckets > logsBucket {
		f.LogDestinationType = types.LogDestinationTypeS3
		f.LogDestination = aws.String(s.o.bucketARN(s.o.bucketName(archive, logsBucket)) + "/vpc/")
		f.DestinationOptions = &types.DestinationOptionsResponse{
			FileFormat: types.DestinationFileFormatParquet, HiveCompatiblePartitions: aws.Bool(true), PerHourPartition: aws.Bool(false),
		}
		return
	}
	f.LogDestinationType, f.LogGroupName = types.LogDestinationTypeCloudWatchLogs, aws.String("/vpc/"+*f.ResourceId)
	f.LogDestination = aws.String(s.arn("logs", "log-group:/vpc/"+*f.ResourceId))
	f.DeliverLogsPermissionArn = aws.String(s.o.arn("iam", "", s.a.id, "role/flow-logs"))
	if d.chance(20) {
		f.DeliverLogsStatus, f.DeliverLogsErrorMessage = aws.String("FAILED"), aws.String("Access error")
	}
}

// central is the account of a kind; nil where the company is too small for one.
func (o *Organization) central(k kind) *account {
	if i := slices.IndexFunc(o.accounts, func(a *account) bool { return a.kind == k }); i >= 0 {
		return o.accounts[i]
	}
	return nil
}

func describeVpcEndpoints(c *call, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.endpoints(), in.VpcEndpointIds, "InvalidVpcEndpointId.NotFound", s.endpointID, s.endpoint)
	return &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: items, NextToken: next}, err
}

func describeVpcPeeringConnections(c *call, in *ec2.DescribeVpcPeeringConnectionsInput) (*ec2.DescribeVpcPeeringConnectionsOutput, error) {
	items, next, err := pageOf(c, request{in.NextToken, in.MaxResults}, c.site().peerings(), in.VpcPeeringConnectionIds,
		"InvalidVpcPeeringConnectionID.NotFound", func(p types.VpcPeeringConnection) *string { return p.VpcPeeringConnectionId })
	return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: items, NextToken: next}, err
}

func describeFlowLogs(c *call, in *ec2.DescribeFlowLogsInput) (*ec2.DescribeFlowLogsOutput, error) {
	items, next, err := pageOf(c, request{in.NextToken, in.MaxResults}, c.site().flowLogs(), in.FlowLogIds,
		"InvalidFlowLogId.NotFound", func(f types.FlowLog) *string { return f.FlowLogId })
	return &ec2.DescribeFlowLogsOutput{FlowLogs: items, NextToken: next}, err
}
