package sim

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
)

// guessing is the place among the worst findings of the one that GuardDuty sends to Security Hub.
const guessing = 2

// threats is the number of a site's findings: one for ten of Security Hub.
func (s *site) threats() int { return (s.Findings + 9) / 10 }

func (s *site) threatID(k int) string {
	if k == 0 && len(s.worst()) > guessing {
		id := *s.finding(guessing).Id
		return id[strings.LastIndexByte(id, '/')+1:]
	}
	return s.at("threat", k).draw().hex(32)
}

func hubMoment(text string) (time.Time, error) { return time.Parse(time.RFC3339, text) }

// threat is one finding: the guessed logins on the exposed machine, and otherwise what happens everywhere.
func (s *site) threat(k int) types.Finding {
	id := s.threatID(k)
	d := s.at("threat", k).s("facts").draw()
	created := d.before(s.o.anchor, 90)
	updated, turn := cycle(d, s.o.anchor, s.now, time.Duration(12+d.n(300))*time.Hour)
	updated = later(updated, created)
	f := types.Finding{
		Id: aws.String(id), Arn: aws.String(s.detectorARN() + "/finding/" + id), AccountId: aws.String(s.a.id), Region: aws.String(s.region),
		Partition: aws.String(s.o.opts.Partition), SchemaVersion: aws.String("2.0"), CreatedAt: aws.String(hubTime(created)), UpdatedAt: aws.String(hubTime(updated)),
		Service: &types.Service{
			ServiceName: aws.String("guardduty"), DetectorId: aws.String(s.detectorID()), EventFirstSeen: aws.String(hubTime(created)), EventLastSeen: aws.String(hubTime(updated)),
			Count: aws.Int32(int32(1 + d.n(40))), ResourceRole: aws.String("TARGET"),
			Archived: aws.Bool(k > 0 && mix(uint64(s.at("threat", k))+uint64(turn))%100 < 20),
		},
	}
	users := s.o.sizes(s.a, busy).Users
	switch {
	case k == 0 && len(s.worst()) > guessing:
		s.guessedLogins(&f, 0, 8, d)
	case d.chance(40) && users > 0:
		s.strangeCalls(&f, d.n(users), d)
	case s.Instances > 0:
		s.guessedLogins(&f, d.n(s.Instances), 2, d)
	default:
		s.strangeRoot(&f, d)
	}
	return f
}

// remote is somebody on the internet.
func remote(d *draw) *types.RemoteIpDetails {
	return &types.RemoteIpDetails{
		IpAddressV4: aws.String("203.0.113." + itoa(1+d.n(254))), Country: &types.Country{CountryName: aws.String(pick(d, []string{"Brazil", "Netherlands", "Singapore", "United States"}))},
		Organization: &types.Organization{Asn: aws.String(itoa(64496 + d.n(16))), AsnOrg: aws.String("Example Hosting"), Isp: aws.String("Example Hosting"), Org: aws.String("Example Hosting")},
	}
}

func (s *site) guessedLogins(f *types.Finding, n int, severity float64, d *draw) {
	m := s.machine(n)
	f.Type, f.Severity = aws.String("UnauthorizedAccess:EC2/SSHBruteForce"), aws.Float64(severity)
	f.Title = aws.String("SSH logins are being guessed on " + m.id)
	f.Description = aws.String(remoteText(d) + " tries passwords on port 22 of " + m.id + ".")
	network := types.NetworkInterface{
		NetworkInterfaceId: aws.String(s.machineInterface(m).id), PrivateIpAddress: aws.String(s.address(m.subnet, m.n)), SubnetId: aws.String(s.subnetID(m.subnet)),
		VpcId: aws.String(s.vpcID(m.subnet % s.VPCs)), Ipv6Addresses: []string{},
	}
	for _, g := range m.groups {
		network.SecurityGroups = append(network.SecurityGroups, types.SecurityGroup{GroupId: aws.String(s.groupID(g)), GroupName: aws.String(s.groupName(g))})
	}
	if m.publicIP != "" {
		network.PublicIp = aws.String(m.publicIP)
	}
	f.Resource = &types.Resource{ResourceType: aws.String("Instance"), InstanceDetails: &types.InstanceDetails{
		InstanceId: aws.String(m.id), InstanceType: aws.String(string(m.shape.kind)), InstanceState: aws.String("running"), ImageId: aws.String(s.imageID(m)),
		LaunchTime: aws.String(hubTime(m.launched)), AvailabilityZone: aws.String(s.zone(m.subnet)), NetworkInterfaces: []types.NetworkInterface{network},
		Tags: tagList(s.machineTags(m), func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }),
	}}
	f.Service.Action = &types.Action{ActionType: aws.String("NETWORK_CONNECTION"), NetworkConnectionAction: &types.NetworkConnectionAction{
		Blocked: aws.Bool(false), ConnectionDirection: aws.String("INBOUND"), Protocol: aws.String("TCP"), RemoteIpDetails: remote(d),
		LocalPortDetails:  &types.LocalPortDetails{Port: aws.Int32(22), PortName: aws.String("SSH")},
		RemotePortDetails: &types.RemotePortDetails{Port: aws.Int32(int32(1024 + d.n(60000))), PortName: aws.String("Unknown")},
	}}
}

func remoteText(d *draw) string { return pick(d, []string{"One address", "A handful of addresses"}) }

func (s *site) strangeCalls(f *types.Finding, user int, d *draw) {
	dir := s.o.directory(s.a)
	name, id := dir.userName(user), "AKIA"+d.upper(16)
	if keys := dir.keysOf(user); len(keys) > 0 {
		id = keys[0].id
	}
	f.Type, f.Severity = aws.String("Recon:IAMUser/MaliciousIPCaller.Custom"), aws.Float64(5)
	f.Title, f.Description = aws.String("User "+name+" has called from an address of a threat list"), aws.String("The call lists what there is in the account.")
	f.Resource = &types.Resource{ResourceType: aws.String("AccessKey"), AccessKeyDetails: &types.AccessKeyDetails{
		AccessKeyId: aws.String(id), PrincipalId: aws.String(dir.userID(user)), UserName: aws.String(name), UserType: aws.String("IAMUser"),
	}}
	s.called(f, "DescribeInstances", "ec2.amazonaws.com", d)
}

func (s *site) strangeRoot(f *types.Finding, d *draw) {
	f.Type, f.Severity = aws.String("Policy:IAMUser/RootCredentialUsage"), aws.Float64(2)
	f.Title, f.Description = aws.String("The root user has called GetAccountSummary"), aws.String("Its credentials are for emergencies.")
	f.Resource = &types.Resource{ResourceType: aws.String("AccessKey"), AccessKeyDetails: &types.AccessKeyDetails{
		AccessKeyId: aws.String("ASIA" + d.upper(16)), PrincipalId: aws.String(s.a.id), UserName: aws.String("Root"), UserType: aws.String("Root"),
	}}
	s.called(f, "GetAccountSummary", "iam.amazonaws.com", d)
}

func (s *site) called(f *types.Finding, api, service string, d *draw) {
	f.Service.Action = &types.Action{ActionType: aws.String("AWS_API_CALL"), AwsApiCallAction: &types.AwsApiCallAction{
		Api: aws.String(api), ServiceName: aws.String(service), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(d), UserAgent: aws.String("aws-cli/2.17.0"),
	}}
}
