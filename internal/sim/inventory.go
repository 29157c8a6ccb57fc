package sim

import (
	"fmt"
	"time"
)

// thing is a resource as services see it that know those of others: by kind, ID and tags.
type thing struct {
	kind    string // as AWS Config and CloudFormation name it
	id      string
	name    string
	arn     string
	zone    string // of one that is in a zone
	vpc     string // of one that is in a network
	tags    []tag
	created time.Time
}

// inventory lists kinds of things of a site, and how many there are of each.
func (s *site) inventory() []inventoryKind {
	return []inventoryKind{
		{"AWS::EC2::VPC", s.VPCs, s.vpcThing}, {"AWS::EC2::Subnet", s.Subnets, s.subnetThing},
		{"AWS::EC2::SecurityGroup", s.SecurityGroups, s.groupThing}, {"AWS::EC2::Instance", s.Instances, s.machineThing},
		{"AWS::EC2::Volume", s.Volumes, s.volumeThing}, {"AWS::Lambda::Function", s.Functions, s.functionThing},
		{"AWS::RDS::DBInstance", s.Databases, s.databaseThing},
	}
}

type inventoryKind struct {
	name string
	n    int
	at   func(n int) thing
}

// things is how many there are of all kinds.
func (s *site) things() (n int) {
	for _, k := range s.inventory() {
		n += k.n
	}
	return n
}

func (s *site) thing(n int) thing {
	for _, k := range s.inventory() {
		if n < k.n {
			return s.thingOf(k, n)
		}
		n -= k.n
	}
	panic("a thing beyond the last")
}

func (s *site) thingOf(k inventoryKind, n int) thing {
	t := k.at(n)
	t.kind = k.name
	if t.created.IsZero() {
		t.created = s.seed.s(t.id).draw().before(s.o.anchor, 900)
	}
	return t
}

func (s *site) vpcThing(v int) thing {
	id := s.vpcID(v)
	return thing{id: id, arn: s.arn("ec2", "vpc/"+id), tags: s.o.resourceTags(s.a, s.at("vpc", v), s.vpcName(v), "network")}
}

func (s *site) subnetThing(j int) thing {
	id, zone := s.subnetID(j), s.zone(j)
	name := fmt.Sprintf("%s-%s-%s", s.vpcName(j%s.VPCs), s.tier(j), zone[len(s.region):])
	return thing{
		id: id, arn: s.arn("ec2", "subnet/"+id), zone: zone, vpc: s.vpcID(j % s.VPCs),
		tags: s.o.resourceTags(s.a, s.at("subnet", j), name, "network"),
	}
}

func (s *site) groupThing(g int) thing {
	id := s.groupID(g)
	t := thing{id: id, name: s.groupName(g), arn: s.arn("ec2", "security-group/"+id), vpc: s.vpcID(g % s.VPCs)}
	if g >= s.VPCs {
		t.tags = s.o.resourceTags(s.a, s.at("security group", g), s.groupName(g), s.groupRole(g))
	}
	return t
}

func (s *site) machineThing(n int) thing {
	m := s.machine(n)
	return thing{
		id: m.id, arn: s.arn("ec2", "instance/"+m.id), zone: s.zone(m.subnet), vpc: s.vpcID(m.subnet % s.VPCs),
		tags: s.machineTags(m), created: m.launched,
	}
}

func (s *site) volumeThing(n int) thing {
	d := s.disk(n)
	return thing{
		id: d.id, arn: s.arn("ec2", "volume/"+d.id), created: d.created,
		tags: s.o.resourceTags(s.a, d.seed, s.a.prod.name+"-volume-"+itoa(n+1), "storage"),
	}
}

func (s *site) functionThing(n int) thing {
	name := s.functionName(n)
	return thing{id: name, name: name, arn: s.functionARN(n), tags: s.o.resourceTags(s.a, s.at("function", n), "", "function")}
}

func (s *site) databaseThing(n int) thing {
	b := s.database(n)
	return thing{
		id: *s.dbInstance(n).DbiResourceId, name: b.name, arn: s.databaseARN(n), created: b.created,
		tags: s.o.resourceTags(s.a, b.seed, "", "database"),
	}
}
