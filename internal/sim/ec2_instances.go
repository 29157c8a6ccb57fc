package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// shape is an instance type with what follows from it.
type shape struct {
	kind  types.InstanceType
	cores int32
}

func (s shape) arm() bool { return strings.Contains(strings.Split(string(s.kind), ".")[0], "g") }

var shapes = []shape{
	{types.InstanceTypeT3Micro, 1}, {types.InstanceTypeT3Medium, 1}, {types.InstanceTypeM5Large, 1}, {types.InstanceTypeM6iXlarge, 2},
	{types.InstanceTypeM7gLarge, 2}, {types.InstanceTypeC6i2xlarge, 4}, {types.InstanceTypeC7gXlarge, 4}, {types.InstanceTypeR6i2xlarge, 4},
	{types.InstanceTypeR5Large, 1}, {types.InstanceTypeM52xlarge, 4},
}

// machineKind is what a machine does, the IAM role that it runs with, and where it stands.
type machineKind struct {
	name, role string
	group      int // place in groupRoles
	public     bool
}

var machineKinds = []machineKind{
	{"bastion", "bastion", bastionRole, true}, {"web", "web-instance", webRole, true}, {"app", "app-instance", appRole, false},
	{"app", "app-instance", appRole, false}, {"worker", "worker-instance", appRole, false}, {"eks-node", "eks-node", nodesRole, false},
	{"batch", "worker-instance", batchRole, false}, {"web", "web-instance", webRole, true}, {"eks-node", "eks-node", nodesRole, false},
	{"ci-runner", "", batchRole, false},
}

// machine is what is decided about an instance, before it is put into words by one API or another.
type machine struct {
	n        int
	seed     seed // changes when an autoscaling group replaces the machine
	id       string
	role     string
	iamRole  string
	name     string
	shape    shape
	subnet   int
	groups   []int
	launched time.Time
	stopped  bool
	spot     bool
	publicIP string
	untagged bool
}

func (s *site) machine(n int) machine {
	kind := machineKinds[n%len(machineKinds)]
	m := machine{n: n, seed: s.at("instance", n), role: kind.name}
	d := m.seed.draw()
	m.launched = d.before(s.o.anchor, 900)
	switch m.role {
	case "web", "worker", "eks-node": // replaced every few weeks
		at, cycle := cycle(d, s.o.anchor, s.now, time.Duration(5+d.n(40))*24*time.Hour)
		m.launched, m.seed = at, m.seed.i(cycle)
		d = m.seed.draw()
	}
	m.id = "i-0" + d.hex(16)
	m.name = s.a.prod.name + "-" + m.role + "-" + itoa(n+1)
	if kind.role != "" {
		m.iamRole = s.a.prod.name + "-" + kind.role
	}
	m.shape = pick(d, shapes)
	s.placeMachine(&m, kind, d)
	m.stopped = m.role != "eks-node" && d.chance(8) && !(n == 0 && s.exposed())
	m.spot = m.role == "ci-runner" || m.role == "batch" && d.chance(50)
	if s.tier(m.subnet) == "public" && kind.public && !m.stopped {
		m.publicIP = publicAddress(d)
	}
	m.untagged = s.unowned() && n%3 == 1
	return m
}

// placeMachine puts a machine into the network of its group, on the public side or not.
func (s *site) placeMachine(m *machine, kind machineKind, d *draw) {
	group, vpc := s.groupFor(kind.group)
	m.groups = []int{group}
	slots := s.subnetsIn(vpc)
	slot := d.n(slots)
	for range min(slots, 4) {
		m.subnet = vpc + s.VPCs*slot
		if (s.tier(m.subnet) == "public") == kind.public {
			break
		}
		slot = (slot + 1) % slots
	}
	second := s.groupIn(vpc, d.n(20))
	if role := s.groupRole(second); second != group && role != "web" && role != "bastion" && d.chance(35) {
		m.groups = append(m.groups, second)
	}
}

// unowned is the site where a set of machines has no tags at all.
func (s *site) unowned() bool { return s.o.problem(s.a, 1) && s.region == s.o.regions[0] }

// publicAddress is from the network that is reserved for benchmarks, so that it is nobody's.
func publicAddress(d *draw) string {
	return "198." + itoa(18+d.n(2)) + "." + itoa(d.n(256)) + "." + itoa(1+d.n(254))
}

func (s *site) instanceID(n int) string { return s.machine(n).id }

func (m machine) windows() bool { return m.role == "batch" && m.n%20 == 6 }

func (m machine) arch() types.ArchitectureValues {
	if m.shape.arm() {
		return types.ArchitectureValuesArm64
	}
	return types.ArchitectureValuesX8664
}

// imageID is one of the images that the platform team bakes for a region.
func (s *site) imageID(m machine) string {
	kind := string(m.arch())
	switch {
	case m.windows():
		kind = "windows"
	case m.role == "eks-node":
		kind += "-eks"
	}
	return s.bakedID(kind, m.n%2)
}

func (s *site) privateDNS(address string) string {
	domain := s.region + ".compute.internal"
	if s.region == "us-east-1" {
		domain = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(address, ".", "-") + "." + domain
}

func (s *site) publicDNS(address string) string {
	domain := s.region + ".compute." + s.o.suffix()
	if s.region == "us-east-1" {
		domain = "compute-1.amazonaws.com"
	}
	return "ec2-" + strings.ReplaceAll(address, ".", "-") + "." + domain
}

func (s *site) machineTags(m machine) []tag {
	if m.untagged {
		return nil
	}
	tags := s.o.resourceTags(s.a, m.seed, m.name, m.role)
	if m.role == "eks-node" && s.Clusters > 0 {
		name := s.clusterName(0)
		tags = append(tags, tag{"kubernetes.io/cluster/" + name, "owned"}, tag{"eks:cluster-name", name})
	}
	if m.role == "web" || m.role == "worker" {
		tags = append(tags, tag{"aws:autoscaling:groupName", s.a.prod.name + "-" + m.role})
	}
	return tags
}

func (s *site) instance(m machine) types.Instance {
	d := m.seed.s("facts").draw()
	i := types.Instance{
		InstanceId: aws.String(m.id), InstanceType: m.shape.kind, ImageId: aws.String(s.imageID(m)), AmiLaunchIndex: aws.Int32(0),
		Architecture: m.arch(), LaunchTime: aws.Time(m.launched), ClientToken: aws.String(d.uuid()),
		CpuOptions:   &types.CpuOptions{CoreCount: aws.Int32(m.shape.cores), ThreadsPerCore: aws.Int32(2)},
		EbsOptimized: aws.Bool(m.shape.cores > 1), EnaSupport: aws.Bool(true), Hypervisor: types.HypervisorTypeXen,
		EnclaveOptions: &types.EnclaveOptions{Enabled: aws.Bool(false)}, HibernationOptions: &types.HibernationOptions{Configured: aws.Bool(false)},
		MaintenanceOptions: &types.InstanceMaintenanceOptions{AutoRecovery: types.InstanceAutoRecoveryStateDefault},
		MetadataOptions: &types.InstanceMetadataOptionsResponse{
			HttpEndpoint: types.InstanceMetadataEndpointStateEnabled, HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(2),
			HttpProtocolIpv6: types.InstanceMetadataProtocolStateDisabled, InstanceMetadataTags: types.InstanceMetadataTagsStateDisabled,
			State: types.InstanceMetadataOptionsStateApplied,
		},
		Monitoring: &types.Monitoring{State: types.MonitoringStateDisabled},
		Placement: &types.Placement{
			AvailabilityZone: aws.String(s.zone(m.subnet)), AvailabilityZoneId: aws.String(s.zoneID(m.subnet)),
			GroupName: aws.String(""), Tenancy: types.TenancyDefault,
		},
		PlatformDetails: aws.String("Linux/UNIX"), UsageOperation: aws.String("RunInstances"), UsageOperationUpdateTime: aws.Time(m.launched),
		PrivateDnsNameOptions: &types.PrivateDnsNameOptionsResponse{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false), EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
		RootDeviceName: aws.String("/dev/xvda"), RootDeviceType: types.DeviceTypeEbs, SourceDestCheck: aws.Bool(true),
		VirtualizationType: types.VirtualizationTypeHvm, CurrentInstanceBootMode: types.InstanceBootModeValuesUefi,
		State: &types.InstanceState{Code: aws.Int32(16), Name: types.InstanceStateNameRunning}, StateTransitionReason: aws.String(""),
		Tags: tagList(s.machineTags(m), ec2Tag),
	}
	s.putOnNetwork(&i, m)
	s.putOnDisks(&i, m)
	s.vary(&i, m, d)
	return i
}

// vary adds what only some machines have.
func (s *site) vary(i *types.Instance, m machine, d *draw) {
	if m.iamRole != "" {
		i.IamInstanceProfile = &types.IamInstanceProfile{Arn: aws.String(s.o.instanceProfileARN(s.a, m.iamRole)), Id: aws.String(s.o.instanceProfileID(s.a, m.iamRole))}
	}
	if d.chance(30) || (m.n == 0 && s.exposed()) { // older machines still answer metadata requests without a token
		i.MetadataOptions.HttpTokens = types.HttpTokensStateOptional
	}
	if m.role == "bastion" || d.chance(15) {
		i.KeyName = aws.String(pick(d, keyNames))
	}
	if s.a.env == "prod" && d.chance(40) {
		i.Monitoring.State = types.MonitoringStateEnabled
	}
	if m.windows() {
		i.Platform, i.PlatformDetails, i.UsageOperation = types.PlatformValuesWindows, aws.String("Windows"), aws.String("RunInstances:0002")
	}
	if m.spot {
		i.InstanceLifecycle, i.SpotInstanceRequestId = types.InstanceLifecycleTypeSpot, aws.String("sir-"+d.lower(8))
	}
	if m.stopped {
		at := d.before(s.o.anchor, 90)
		if at.Before(m.launched) {
			at = m.launched.Add(time.Hour)
		}
		i.State = &types.InstanceState{Code: aws.Int32(80), Name: types.InstanceStateNameStopped}
		i.StateReason = &types.StateReason{Code: aws.String("Client.UserInitiatedShutdown"), Message: aws.String("Client.UserInitiatedShutdown: User initiated shutdown")}
		i.StateTransitionReason = aws.String("User initiated (" + at.Format("2006-01-02 15:04:05 MST") + ")")
	}
}

func (s *site) putOnNetwork(i *types.Instance, m machine) {
	address := s.address(m.subnet, m.n)
	i.SubnetId, i.VpcId = aws.String(s.subnetID(m.subnet)), aws.String(s.vpcID(m.subnet%s.VPCs))
	i.PrivateIpAddress, i.PrivateDnsName, i.PublicDnsName = aws.String(address), aws.String(s.privateDNS(address)), aws.String("")
	i.SecurityGroups = s.groupIdentifiers(m.groups)
	var association *types.InstanceNetworkInterfaceAssociation
	if m.publicIP != "" {
		i.PublicIpAddress, i.PublicDnsName = aws.String(m.publicIP), aws.String(s.publicDNS(m.publicIP))
		association = &types.InstanceNetworkInterfaceAssociation{
			IpOwnerId: aws.String("amazon"), PublicIp: i.PublicIpAddress, PublicDnsName: i.PublicDnsName,
		}
	}
	eni := s.machineInterface(m)
	i.NetworkInterfaces = []types.InstanceNetworkInterface{{
		NetworkInterfaceId: aws.String(eni.id), InterfaceType: aws.String("interface"), Description: aws.String(""), OwnerId: aws.String(s.a.id),
		MacAddress: aws.String(eni.mac), PrivateIpAddress: i.PrivateIpAddress, PrivateDnsName: i.PrivateDnsName, SourceDestCheck: aws.Bool(true),
		Status: types.NetworkInterfaceStatusInUse, SubnetId: i.SubnetId, VpcId: i.VpcId, Groups: i.SecurityGroups, Association: association,
		Attachment: &types.InstanceNetworkInterfaceAttachment{
			AttachmentId: aws.String(eni.attachment), AttachTime: aws.Time(m.launched), DeleteOnTermination: aws.Bool(true),
			DeviceIndex: aws.Int32(0), NetworkCardIndex: aws.Int32(0), Status: types.AttachmentStatusAttached,
		},
		PrivateIpAddresses: []types.InstancePrivateIpAddress{{
			Primary: aws.Bool(true), PrivateIpAddress: i.PrivateIpAddress, PrivateDnsName: i.PrivateDnsName, Association: association,
		}},
	}}
}

func (s *site) putOnDisks(i *types.Instance, m machine) {
	for _, v := range s.disksOf(m) {
		i.BlockDeviceMappings = append(i.BlockDeviceMappings, types.InstanceBlockDeviceMapping{
			DeviceName: aws.String(v.device), Ebs: &types.EbsInstanceBlockDevice{
				VolumeId: aws.String(v.id), AttachTime: aws.Time(m.launched), DeleteOnTermination: aws.Bool(v.root), Status: types.AttachmentStatusAttached,
			},
		})
	}
}

// reservation groups machines that were launched together: up to three neighbours.
func (s *site) reservation(n int) int {
	if first := n - n%3; s.at("reservation", first).draw().chance(40) {
		return first
	}
	return n
}

func describeInstances(c *call, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	s := c.site()
	type placed struct {
		types.Instance
		reservation int
	}
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.Instances, in.InstanceIds, "InvalidInstanceID.NotFound", s.instanceID,
		func(n int) placed { return placed{s.instance(s.machine(n)), s.reservation(n)} })
	out := &ec2.DescribeInstancesOutput{NextToken: next}
	for _, item := range items {
		id := "r-0" + s.at("reservation ID", item.reservation).draw().hex(16)
		last := len(out.Reservations) - 1
		if last < 0 || *out.Reservations[last].ReservationId != id {
			out.Reservations = append(out.Reservations, types.Reservation{ReservationId: aws.String(id), OwnerId: aws.String(s.a.id)})
			last++
			if role := machineKinds[item.reservation%len(machineKinds)].name; slices.Contains([]string{"web", "worker"}, role) {
				out.Reservations[last].RequesterId = aws.String("940372691376")
			}
		}
		out.Reservations[last].Instances = append(out.Reservations[last].Instances, item.Instance)
	}
	return out, err
}
