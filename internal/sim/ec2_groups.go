package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The first group of each VPC is its default group. The others have four rules each.
const (
	defaultRules = 2
	otherRules   = 4
)

var groupRoles = []string{
	"web", "app", "database", "bastion", "eks-nodes", "functions", "cache", "internal-lb", "batch", "partner-access",
}

// Places in groupRoles.
const (
	webRole = iota
	appRole
	databaseRole
	bastionRole
	nodesRole
	functionsRole
	_
	_
	batchRole
)

// groupFor is the group for a role, and its VPC: the default group of the first VPC where the site has none.
func (s *site) groupFor(role int) (group, vpc int) {
	if g := s.VPCs + role; g < s.SecurityGroups && s.subnetsIn(g%s.VPCs) > 0 {
		return g, g % s.VPCs
	}
	return 0, 0
}

func (s *site) groupID(g int) string { return "sg-0" + s.at("security group", g).draw().hex(16) }

func (s *site) groupRole(g int) string {
	if g < s.VPCs {
		return "default"
	}
	return groupRoles[(g-s.VPCs)%len(groupRoles)]
}

func (s *site) groupName(g int) string {
	if g < s.VPCs {
		return "default"
	}
	return s.a.prod.name + "-" + pickOf(groupRoles, g-s.VPCs)
}

func (s *site) groupIdentifiers(groups []int) []types.GroupIdentifier {
	var list []types.GroupIdentifier
	for _, g := range groups {
		list = append(list, types.GroupIdentifier{GroupId: aws.String(s.groupID(g)), GroupName: aws.String(s.groupName(g))})
	}
	return list
}

// groupIn picks a group of a VPC by a number, the default group where there is no other.
func (s *site) groupIn(v, n int) int {
	others := (s.SecurityGroups - 1 - v) / s.VPCs
	if others < 1 {
		return v
	}
	return v + s.VPCs*(1+n%others)
}

// groupRule is one rule. Exactly one of cidr, cidr6 and peer is set; peer counts groups from 1.
type groupRule struct {
	egress      bool
	protocol    string
	from, to    int32
	cidr, cidr6 string
	peer        int
	note        string
}

// office is the company's own network, as the documentation prefix that cannot belong to anyone.
const office = "198.51.100.0/24"

const (
	anywhere  = "0.0.0.0/0"
	anywhere6 = "::/0"
)

// rulesOf lists the rules of a group.
func (s *site) rulesOf(g int) []groupRule {
	out := groupRule{egress: true, protocol: "-1", from: -1, to: -1, cidr: anywhere}
	if g < s.VPCs {
		return []groupRule{out, {protocol: "-1", from: -1, to: -1, peer: g + 1}}
	}
	peer := s.groupIn(g%s.VPCs, (g-s.VPCs)/s.VPCs+1) + 1
	tcp := func(port int32, r groupRule) groupRule {
		r.protocol, r.from, r.to = "tcp", port, port
		return r
	}
	inside := s.prefix(g%s.VPCs) + ".0.0/16"
	rules := []groupRule{out}
	switch s.groupRole(g) {
	case "web":
		rules = append(rules, tcp(443, groupRule{cidr: anywhere}), tcp(443, groupRule{cidr6: anywhere6}), tcp(80, groupRule{cidr: anywhere, note: "redirect to https"}))
	case "database":
		rules = append(rules, tcp(5432, groupRule{peer: peer}), tcp(3306, groupRule{peer: peer}), tcp(5432, groupRule{cidr: inside, note: "reporting"}))
	case "bastion":
		rules = append(rules, tcp(22, groupRule{cidr: s.sshSource(), note: "ssh"}), tcp(22, groupRule{cidr: inside}), groupRule{protocol: "icmp", from: 8, to: -1, cidr: inside})
	case "eks-nodes":
		rules = append(rules, groupRule{protocol: "-1", from: -1, to: -1, peer: g + 1}, tcp(10250, groupRule{peer: peer}), groupRule{protocol: "tcp", from: 1025, to: 65535, cidr: inside})
	case "partner-access":
		rules = append(rules, tcp(8443, groupRule{cidr: "203.0.113.64/28", note: "parcel carrier"}), tcp(8443, groupRule{cidr: "203.0.113.128/28", note: "card processor"}), groupRule{protocol: "udp", from: 1194, to: 1194, cidr: office})
	default:
		rules = append(rules, tcp(8080, groupRule{peer: peer}), tcp(8443, groupRule{peer: peer}), tcp(9090, groupRule{cidr: inside, note: "metrics"}))
	}
	return rules
}

// sshSource is who may reach the bastion: anyone at all where the company slipped.
func (s *site) sshSource() string {
	if s.exposed() {
		return anywhere
	}
	return office
}

// exposed is the site with the machine that stands open to the internet.
func (s *site) exposed() bool {
	if !s.o.problem(s.a, 0) || s.region != s.o.regions[0] || s.VPCs == 0 {
		return false
	}
	group, _ := s.groupFor(bastionRole)
	return group != 0
}

func (s *site) group(g int) types.SecurityGroup {
	group := types.SecurityGroup{
		GroupId: aws.String(s.groupID(g)), GroupName: aws.String(s.groupName(g)), OwnerId: aws.String(s.a.id),
		SecurityGroupArn: aws.String(s.arn("ec2", "security-group/"+s.groupID(g))), VpcId: aws.String(s.vpcID(g % s.VPCs)),
		Description: aws.String(s.groupRole(g) + " of " + s.a.prod.name),
		Tags:        tagList(s.o.resourceTags(s.a, s.at("security group", g), s.groupName(g), s.groupRole(g)), ec2Tag),
	}
	if g < s.VPCs {
		group.Description = aws.String("default VPC security group")
		group.Tags = nil
	}
	for _, r := range s.rulesOf(g) {
		list := &group.IpPermissions
		if r.egress {
			list = &group.IpPermissionsEgress
		}
		*list = append(*list, s.permission(r))
	}
	return group
}

func (s *site) permission(r groupRule) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(r.protocol)}
	if r.protocol != "-1" {
		p.FromPort, p.ToPort = aws.Int32(r.from), aws.Int32(r.to)
	}
	var note *string
	if r.note != "" {
		note = &r.note
	}
	switch {
	case r.peer > 0:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(s.groupID(r.peer - 1)), UserId: aws.String(s.a.id), Description: note}}
	case r.cidr6 != "":
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: aws.String(r.cidr6), Description: note}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: aws.String(r.cidr), Description: note}}
	}
	return p
}

// rules is the number of rules of all groups.
func (s *site) rules() int {
	return min(s.VPCs, s.SecurityGroups)*defaultRules + max(0, s.SecurityGroups-s.VPCs)*otherRules
}

// ruleAt finds a rule by its number: its group and its place there.
func (s *site) ruleAt(n int) (group, k int) {
	if n < s.VPCs*defaultRules {
		return n / defaultRules, n % defaultRules
	}
	n -= s.VPCs * defaultRules
	return s.VPCs + n/otherRules, n % otherRules
}

func (s *site) ruleID(n int) string { return "sgr-0" + s.at("rule", n).draw().hex(16) }

func (s *site) rule(n int) types.SecurityGroupRule {
	g, k := s.ruleAt(n)
	r := s.rulesOf(g)[k]
	rule := types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(s.ruleID(n)), SecurityGroupRuleArn: aws.String(s.arn("ec2", "security-group-rule/"+s.ruleID(n))),
		GroupId: aws.String(s.groupID(g)), GroupOwnerId: aws.String(s.a.id), IsEgress: aws.Bool(r.egress),
		IpProtocol: aws.String(r.protocol), FromPort: aws.Int32(r.from), ToPort: aws.Int32(r.to), Tags: []types.Tag{},
	}
	if r.note != "" {
		rule.Description = aws.String(r.note)
	}
	switch {
	case r.peer > 0:
		rule.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: aws.String(s.groupID(r.peer - 1)), UserId: aws.String(s.a.id)}
	case r.cidr6 != "":
		rule.CidrIpv6 = aws.String(r.cidr6)
	default:
		rule.CidrIpv4 = aws.String(r.cidr)
	}
	return rule
}

func describeSecurityGroups(c *call, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.SecurityGroups, in.GroupIds, "InvalidGroup.NotFound", s.groupID, s.group)
	return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: items, NextToken: next}, err
}

func describeSecurityGroupRules(c *call, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	s := c.site()
	items, next, err := pageEC2(c, request{in.NextToken, in.MaxResults}, s.rules(), in.SecurityGroupRuleIds, "InvalidSecurityGroupRuleId.NotFound", s.ruleID, s.rule)
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: items, NextToken: next}, err
}
