package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

func elasticloadbalancingv2Service() service {
	return service{
		id: "Elastic Load Balancing v2", name: "elasticloadbalancingv2", prefix: "elasticloadbalancing", dialect: queryDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.LoadBalancerNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ListenerNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.TargetGroupNotFoundException{Message: m} },
		),
		operations: []operation{
			op(describeBalancers, "Marker", "PageSize"),
			op(balancerAttributes, "LoadBalancerArn"),
			op(describeListeners, "LoadBalancerArn", "Marker", "PageSize"),
			op(describeTargetGroups, "Marker", "PageSize"),
			op(describeTargetHealth, "TargetGroupArn", "Include"),
			op(balancerTags, "ResourceArns"),
		},
	}
}

var balancerPages = limits{least: 1, most: 400}

// Load balancers. Where there are machines the first one leads the public to those that serve the web; each cluster has
// one of its own, for traffic from inside.

func (s *site) balancers() int { return s.publicBalancers() + s.Clusters }

func (s *site) publicBalancers() int { return min(1, s.Instances) }

// ofCluster is the number of the cluster that a load balancer, or a target group, belongs to; -1 for the public one.
func (s *site) ofCluster(n int) int { return n - s.publicBalancers() }

func (s *site) balancerName(n int) string {
	if k := s.ofCluster(n); k >= 0 {
		return s.clusterName(k) + "-lb"
	}
	return s.a.prod.name + "-" + s.a.env
}

func (s *site) balancerKind(n int) types.LoadBalancerTypeEnum {
	if s.ofCluster(n) >= 0 {
		return types.LoadBalancerTypeEnumNetwork
	}
	return types.LoadBalancerTypeEnumApplication
}

// balancerPath is the part of a load balancer's ARN that its listeners and network interfaces repeat.
func (s *site) balancerPath(n int) string {
	kind := "app/"
	if s.balancerKind(n) == types.LoadBalancerTypeEnumNetwork {
		kind = "net/"
	}
	return kind + s.balancerName(n) + "/" + s.at("balancer id", n).draw().hex(16)
}

func (s *site) balancerARN(n int) string {
	return s.arn("elasticloadbalancing", "loadbalancer/"+s.balancerPath(n))
}

// balancerHost is the name that the load balancer is reached by.
func (s *site) balancerHost(n int) string {
	d := s.at("balancer host", n).draw()
	if s.balancerKind(n) == types.LoadBalancerTypeEnumNetwork {
		return s.balancerName(n) + "-" + d.hex(16) + ".elb." + s.region + "." + s.o.suffix()
	}
	return s.balancerName(n) + "-" + d.digits(10) + "." + s.region + ".elb." + s.o.suffix()
}

// balancerZone is the zone of Route 53 that all names of load balancers of a region are in.
func (s *site) balancerZone() string {
	return "Z" + s.o.seed.s("elb zone").s(s.region).draw().upper(13)
}

// balancerGroup is the security group of a load balancer, and its VPC.
func (s *site) balancerGroup(n int) (group, vpc int) {
	if s.ofCluster(n) >= 0 {
		return s.groupFor(nodesRole)
	}
	return s.groupFor(webRole)
}

// oneToAZone picks subnets of a VPC, those of a tier where it has some, one to a zone.
func (s *site) oneToAZone(vpc int, tier string) []int {
	var subnets []int
	for _, wanted := range []string{tier, ""} {
		for slot := range min(s.subnetsIn(vpc), 12) {
			j := vpc + s.VPCs*slot
			taken := slices.ContainsFunc(subnets, func(k int) bool { return s.zone(k) == s.zone(j) })
			if !taken && (wanted == "" || s.tier(j) == wanted) {
				subnets = append(subnets, j)
			}
		}
		if len(subnets) > 0 {
			break
		}
	}
	return subnets
}

func (s *site) balancer(n int) types.LoadBalancer {
	group, vpc := s.balancerGroup(n)
	item := types.LoadBalancer{
		LoadBalancerArn: aws.String(s.balancerARN(n)), LoadBalancerName: aws.String(s.balancerName(n)), DNSName: aws.String(s.balancerHost(n)),
		CanonicalHostedZoneId: aws.String(s.balancerZone()), CreatedTime: aws.Time(s.at("balancer", n).draw().before(s.o.anchor, 900)),
		Type: s.balancerKind(n), Scheme: types.LoadBalancerSchemeEnumInternetFacing, IpAddressType: types.IpAddressTypeIpv4, VpcId: aws.String(s.vpcID(vpc)),
		State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive}, SecurityGroups: []string{s.groupID(group)},
	}
	tier := "public"
	if s.ofCluster(n) >= 0 {
		item.Scheme, tier = types.LoadBalancerSchemeEnumInternal, "private"
	}
	for _, j := range s.oneToAZone(vpc, tier) {
		item.AvailabilityZones = append(item.AvailabilityZones, types.AvailabilityZone{
			SubnetId: aws.String(s.subnetID(j)), ZoneName: aws.String(s.zone(j)), LoadBalancerAddresses: []types.LoadBalancerAddress{},
		})
	}
	return item
}

func describeBalancers(c *call, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.PageSize}, balancerPages, s.balancers(), all(s.balancer))
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: items, NextMarker: next}, err
}

// ofBalancer finds the load balancer that an operation names.
func (c *call) ofBalancer(arn *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.balancers(), func(n int) bool { return s.balancerARN(n) == aws.ToString(arn) })
	if n < 0 {
		return nil, 0, c.fault("LoadBalancerNotFound", 400, "One or more load balancers not found")
	}
	return s, n, nil
}

func balancerAttributes(c *call, in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	s, n, err := c.ofBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	d := s.at("balancer attributes", n).draw()
	protected := s.a.env == "prod" && d.chance(85)
	settings := []tag{{"deletion_protection.enabled", fmt.Sprint(protected)}, {"load_balancing.cross_zone.enabled", "true"}}
	if bucket := s.o.sizes(s.a, busy).Buckets; bucket > logsBucket && d.chance(70) && !s.exposed() {
		settings = append(settings, tag{"access_logs.s3.enabled", "true"}, tag{"access_logs.s3.bucket", s.o.bucketName(s.a, logsBucket)}, tag{"access_logs.s3.prefix", "elb"})
	} else {
		settings = append(settings, tag{"access_logs.s3.enabled", "false"}, tag{"access_logs.s3.bucket", ""}, tag{"access_logs.s3.prefix", ""})
	}
	if s.balancerKind(n) == types.LoadBalancerTypeEnumApplication {
		settings = append(settings, tag{"idle_timeout.timeout_seconds", "60"}, tag{"routing.http2.enabled", "true"},
			tag{"routing.http.drop_invalid_header_fields.enabled", fmt.Sprint(d.chance(60))}, tag{"routing.http.desync_mitigation_mode", "defensive"})
	}
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: tagList(settings, func(key, value *string) types.LoadBalancerAttribute {
		return types.LoadBalancerAttribute{Key: key, Value: value}
	})}, nil
}

// Listeners. The public listens on 80, most often only to be sent to 443; clusters on 443.

func (s *site) listenerPorts(n int) []int32 {
	if s.ofCluster(n) >= 0 {
		return []int32{443}
	}
	return []int32{443, 80}
}

func (s *site) listenerARN(n, i int) string {
	return s.arn("elasticloadbalancing", "listener/"+s.balancerPath(n)+"/"+s.at("listener", n).i(i).draw().hex(16))
}

func (s *site) listener(n, i int) types.Listener {
	port := s.listenerPorts(n)[i]
	group := aws.String(s.targetGroupARN(n))
	item := types.Listener{
		ListenerArn: aws.String(s.listenerARN(n, i)), LoadBalancerArn: aws.String(s.balancerARN(n)), Port: aws.Int32(port),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group, Order: aws.Int32(1), ForwardConfig: &types.ForwardActionConfig{
			TargetGroups:                []types.TargetGroupTuple{{TargetGroupArn: group, Weight: aws.Int32(1)}},
			TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)},
		}}},
	}
	switch {
	case s.balancerKind(n) == types.LoadBalancerTypeEnumNetwork:
		item.Protocol = types.ProtocolEnumTcp
	case port == 443:
		item.Protocol, item.SslPolicy = types.ProtocolEnumHttps, aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06")
		item.Certificates = []types.Certificate{{CertificateArn: aws.String(s.certificateARN(balancerCertificate))}}
		item.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("off")}
		if s.exposed() || s.at("old tls", n).draw().chance(15) {
			item.SslPolicy = aws.String("ELBSecurityPolicy-2016-08")
		}
	default:
		item.Protocol = types.ProtocolEnumHttp
		if !s.exposed() {
			item.DefaultActions = []types.Action{{Type: types.ActionTypeEnumRedirect, Order: aws.Int32(1), RedirectConfig: &types.RedirectActionConfig{
				StatusCode: types.RedirectActionStatusCodeEnumHttp301, Protocol: aws.String("HTTPS"), Port: aws.String("443"),
				Host: aws.String("#{host}"), Path: aws.String("/#{path}"), Query: aws.String("#{query}"),
			}}}
		}
	}
	return item
}

func describeListeners(c *call, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	s, n, err := c.ofBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	items, next, err := page(c, request{in.Marker, in.PageSize}, balancerPages, len(s.listenerPorts(n)), all(func(i int) types.Listener { return s.listener(n, i) }))
	return &elb.DescribeListenersOutput{Listeners: items, NextMarker: next}, err
}

// Target groups. Group n is what load balancer n leads to. Where there are functions one of them answers for a group
// that no load balancer has; where nobody answers for things, a group is left of a load balancer that was deleted.

func (s *site) functionGroup() int { return s.balancers() }

func (s *site) targetGroups() int {
	n := s.balancers()
	if s.Functions > 0 {
		n++
		if s.unowned() && s.VPCs > 0 {
			n++
		}
	}
	return n
}

func (s *site) targetGroupName(n int) string {
	switch {
	case n > s.functionGroup():
		return s.a.prod.name + "-old"
	case n == s.functionGroup():
		return s.a.prod.name + "-fn"
	case s.ofCluster(n) >= 0:
		return s.clusterName(s.ofCluster(n)) + "-tg"
	}
	return s.a.prod.name + "-web"
}

func (s *site) targetGroupARN(n int) string {
	return s.arn("elasticloadbalancing", "targetgroup/"+s.targetGroupName(n)+"/"+s.at("target group", n).draw().hex(16))
}

func (s *site) targetGroup(n int) types.TargetGroup {
	item := types.TargetGroup{
		TargetGroupArn: aws.String(s.targetGroupARN(n)), TargetGroupName: aws.String(s.targetGroupName(n)), LoadBalancerArns: []string{},
		HealthCheckEnabled: aws.Bool(true), HealthCheckIntervalSeconds: aws.Int32(30), HealthCheckTimeoutSeconds: aws.Int32(5),
		HealthyThresholdCount: aws.Int32(5), UnhealthyThresholdCount: aws.Int32(2),
	}
	if n == s.functionGroup() {
		item.TargetType, item.HealthCheckEnabled = types.TargetTypeEnumLambda, aws.Bool(false)
		item.HealthCheckPath, item.Matcher = aws.String("/"), &types.Matcher{HttpCode: aws.String("200")}
		return item
	}
	_, vpc := s.balancerGroup(n)
	item.VpcId, item.TargetType, item.IpAddressType = aws.String(s.vpcID(vpc)), types.TargetTypeEnumInstance, types.TargetGroupIpAddressTypeEnumIpv4
	item.HealthCheckPort = aws.String("traffic-port")
	if n < s.balancers() {
		item.LoadBalancerArns = []string{s.balancerARN(n)}
	}
	if s.ofCluster(n) >= 0 && n < s.balancers() {
		item.Protocol, item.Port, item.HealthCheckProtocol = types.ProtocolEnumTcp, aws.Int32(nodePort), types.ProtocolEnumTcp
		return item
	}
	item.Protocol, item.Port, item.ProtocolVersion = types.ProtocolEnumHttp, aws.Int32(webPort), aws.String("HTTP1")
	item.HealthCheckProtocol, item.HealthCheckPath, item.Matcher = types.ProtocolEnumHttp, aws.String("/healthz"), &types.Matcher{HttpCode: aws.String("200-299")}
	return item
}

const (
	webPort  = 8080
	nodePort = 31443
)

func describeTargetGroups(c *call, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.PageSize}, balancerPages, s.targetGroups(), all(s.targetGroup))
	return &elb.DescribeTargetGroupsOutput{TargetGroups: items, NextMarker: next}, err
}

// registered bounds the machines that a group's targets are looked for among, as AWS bounds the targets of a group.
const registered = 1000

// serving are the machines of a role that load balancers know.
func (s *site) serving(role string) []machine {
	var list []machine
	for n := range min(s.Instances, registered) {
		if m := s.machine(n); m.role == role {
			list = append(list, m)
		}
	}
	return list
}

func describeTargetHealth(c *call, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	s := c.site()
	n := indexOf(s.targetGroups(), func(n int) bool { return s.targetGroupARN(n) == aws.ToString(in.TargetGroupArn) })
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	switch {
	case n < 0:
		return nil, c.fault("TargetGroupNotFound", 400, "One or more target groups not found")
	case n > s.functionGroup():
	case n == s.functionGroup():
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, types.TargetHealthDescription{
			Target: &types.TargetDescription{Id: aws.String(s.functionARN(0)), AvailabilityZone: aws.String("all")},
			TargetHealth: &types.TargetHealth{
				State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotInUse,
				Description: aws.String("Target group is not configured to receive traffic from the load balancer"),
			},
		})
	default:
		role, port := "web", int32(webPort)
		if s.ofCluster(n) >= 0 {
			role, port = "eks-node", nodePort
		}
		for _, m := range s.serving(role) {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, s.target(m, port))
		}
	}
	return out, nil
}

func (s *site) target(m machine, port int32) types.TargetHealthDescription {
	t := types.TargetHealthDescription{
		Target: &types.TargetDescription{Id: aws.String(m.id), Port: aws.Int32(port)}, HealthCheckPort: aws.String(itoa(int(port))),
		TargetHealth: &types.TargetHealth{State: types.TargetHealthStateEnumHealthy},
		AdministrativeOverride: &types.AdministrativeOverride{
			State: types.TargetAdministrativeOverrideStateEnumNoOverride, Reason: types.TargetAdministrativeOverrideReasonEnumNoOverrideEngaged,
			Description: aws.String("No override is currently active on target"),
		},
	}
	switch {
	case m.stopped:
		t.TargetHealth = &types.TargetHealth{
			State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumInvalidState, Description: aws.String("Target is in the stopped state"),
		}
	case m.seed.s("target health").draw().chance(7):
		t.TargetHealth = &types.TargetHealth{
			State: types.TargetHealthStateEnumUnhealthy, Reason: types.TargetHealthReasonEnumTimeout, Description: aws.String("Request timed out"),
		}
	}
	return t
}

func balancerTags(c *call, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > 20 {
		return nil, c.fault("ValidationError", 400, "Tags of at most 20 resources can be described at once")
	}
	s := c.site()
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		of, component, ok := s.balanced(arn)
		if !ok {
			code := "LoadBalancerNotFound"
			switch {
			case strings.Contains(arn, ":listener/"):
				code = "ListenerNotFound"
			case strings.Contains(arn, ":targetgroup/"):
				code = "TargetGroupNotFound"
			}
			return nil, c.fault(code, 400, "%s cannot be found", arn)
		}
		out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{
			ResourceArn: aws.String(arn),
			Tags:        tagList(s.o.resourceTags(s.a, of, "", component), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
		})
	}
	return out, nil
}

// balanced finds what an ARN names: where its tags are drawn, and what it serves.
func (s *site) balanced(arn string) (of seed, component string, ok bool) {
	for n := range s.targetGroups() {
		if s.targetGroupARN(n) == arn {
			return s.at("target group", n), "targets", true
		}
	}
	for n := range s.balancers() {
		if s.balancerARN(n) == arn {
			return s.at("balancer", n), "load-balancer", true
		}
		for i := range s.listenerPorts(n) {
			if s.listenerARN(n, i) == arn {
				return s.at("listener", n).i(i), "load-balancer", true
			}
		}
	}
	return 0, "", false
}
