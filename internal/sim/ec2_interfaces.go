package sim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Interfaces. The first ones are those of the instances of the same number; the rest belong to services.

// card is what is decided about a network interface.
type card struct{ id, mac, attachment string }

func newCard(s seed) card {
	d := s.s("interface").draw()
	h := d.hex(10)
	mac := "06"
	for i := 0; i < len(h); i += 2 {
		mac += ":" + h[i:i+2]
	}
	return card{id: "eni-0" + d.hex(16), mac: mac, attachment: "eni-attach-0" + d.hex(16)}
}

func (s *site) machineInterface(m machine) card { return newCard(m.seed) }

func (s *site) interfaceID(n int) string {
	if n < s.Instances {
		return s.machineInterface(s.machine(n)).id
	}
	return newCard(s.at("service interface", n)).id
}

func (s *site) networkInterface(n int) types.NetworkInterface {
	if n < s.Instances {
		return s.interfaceOfMachine(s.machine(n))
	}
	return s.interfaceOfService(n)
}

// plainInterface is what all interfaces have.
func (s *site) plainInterface(c card, subnet, host int, groups []int) types.NetworkInterface {
	address := s.address(subnet, host)
	dns := s.privateDNS(address)
	return types.NetworkInterface{
		NetworkInterfaceId: aws.String(c.id), MacAddress: aws.String(c.mac), OwnerId: aws.String(s.a.id),
		AvailabilityZone: aws.String(s.zone(subnet)), AvailabilityZoneId: aws.String(s.zoneID(subnet)),
		SubnetId: aws.String(s.subnetID(subnet)), VpcId: aws.String(s.vpcID(subnet % s.VPCs)),
		PrivateIpAddress: aws.String(address), PrivateDnsName: aws.String(dns), Groups: s.groupIdentifiers(groups),
		PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{{Primary: aws.Bool(true), PrivateIpAddress: aws.String(address), PrivateDnsName: aws.String(dns)}},
		InterfaceType:      types.NetworkInterfaceTypeInterface, Status: types.NetworkInterfaceStatusInUse,
		Description: aws.String(""), RequesterManaged: aws.Bool(false), SourceDestCheck: aws.Bool(true),
	}
}

func (s *site) interfaceOfMachine(m machine) types.NetworkInterface {
	c := s.machineInterface(m)
	i := s.plainInterface(c, m.subnet, m.n, m.groups)
	i.Attachment = &types.NetworkInterfaceAttachment{
		AttachmentId: aws.String(c.attachment), AttachTime: aws.Time(m.launched), DeleteOnTermination: aws.Bool(true), DeviceIndex: aws.Int32(0),
		InstanceId: aws.String(m.id), InstanceOwnerId: aws.String(s.a.id), NetworkCardIndex: aws.Int32(0), Status: types.AttachmentStatusAttached,
	}
	if m.publicIP != "" {
		s.associate(&i, m.publicIP, "amazon")
	}
	return i
}

func (s *site) associate(i *types.NetworkInterface, ip, owner string) {
	i.Association = &types.NetworkInterfaceAssociation{IpOwnerId: aws.String(owner), PublicIp: aws.String(ip), PublicDnsName: aws.String(s.publicDNS(ip))}
	i.PublicDnsName = i.Association.PublicDnsName
	i.PrivateIpAddresses[0].Association = i.Association
}

// interfaceOfService draws one of the interfaces that AWS places into a network on behalf of its services.
func (s *site) interfaceOfService(n int) types.NetworkInterface {
	at := s.at("service interface", n)
	d := at.draw()
	subnet := d.n(s.Subnets)
	c := newCard(at)
	i := s.plainInterface(c, subnet, n, []int{s.groupIn(subnet%s.VPCs, d.n(20))})
	created := at.s("since").draw().before(s.o.anchor, 600)
	managed := func(requester, owner, note string) {
		i.RequesterId, i.RequesterManaged, i.Description = aws.String(requester), aws.Bool(true), aws.String(note)
		i.Attachment = &types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(c.attachment), AttachTime: aws.Time(created), DeleteOnTermination: aws.Bool(false), DeviceIndex: aws.Int32(1),
			InstanceOwnerId: aws.String(owner), Status: types.AttachmentStatusAttached,
		}
	}
	x := n - s.Instances
	switch {
	case x%6 == 0:
		i.InterfaceType, i.SourceDestCheck = types.NetworkInterfaceTypeNatGateway, aws.Bool(false)
		managed(s.a.id, "amazon-aws", "Interface for NAT Gateway nat-0"+d.hex(16))
		i.Groups = nil
		s.associate(&i, publicAddress(d), s.a.id)
		i.Association.AllocationId, i.Association.AssociationId = aws.String("eipalloc-0"+d.hex(16)), aws.String("eipassoc-0"+d.hex(16))
	case x%6 == 1 && s.Functions > 0:
		i.InterfaceType = types.NetworkInterfaceTypeLambda
		managed(strings.ToUpper("AROA"+d.upper(17))+":"+s.a.id, "amazon-aws", "AWS Lambda VPC ENI-"+s.functionName(d.n(s.Functions))+"-"+d.uuid())
	case x%6 == 2 && s.Databases > 0:
		managed("amazon-rds", "amazon-rds", "RDSNetworkInterface")
	case x%6 == 3 && s.publicBalancers() > 0:
		managed("amazon-elb", "amazon-elb", "ELB "+s.balancerPath(0))
		if s.tier(subnet) == "public" {
			s.associate(&i, publicAddress(d), "amazon-elb")
		}
	case x%6 == 4 && s.Clusters > 0:
		managed(s.a.id, "amazon-eks", "Amazon EKS "+s.clusterName(0))
	default:
		i.Status, i.Description = types.NetworkInterfaceStatusAvailable, aws.String("failover address of "+s.a.prod.name)
		i.TagSet = tagList(s.o.resourceTags(s.a, at, "", "network"), ec2Tag)
	}
	return i
}

func describeNetworkInterfaces(c *call, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.NetworkInterfaces, in.NetworkInterfaceIds,
		"InvalidNetworkInterfaceID.NotFound", s.interfaceID, s.networkInterface)
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: items, NextToken: next}, err
}
