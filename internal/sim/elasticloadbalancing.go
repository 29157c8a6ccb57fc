package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/smithy-go"
)

func elasticloadbalancingService() service {
	return service{
		id: "Elastic Load Balancing", name: "elasticloadbalancing", dialect: queryDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessPointNotFoundException{Message: m} },
		),
		operations: []operation{
			op(describeClassicBalancers, "Marker", "PageSize"),
			op(classicTags, "LoadBalancerNames"),
			op(classicAttributes, "LoadBalancerName"),
		},
	}
}

// classicBalancers is how many load balancers of the old kind nobody has replaced yet: one, before the internal
// applications of some sites.
func (s *site) classicBalancers() int {
	if s.Instances > 0 && (s.unowned() || s.seed.s("classic balancer").draw().chance(30)) {
		return 1
	}
	return 0
}

func (s *site) classicName() string { return s.a.prod.name + "-classic" }

func (s *site) classicBalancer(int) types.LoadBalancerDescription {
	d := s.seed.s("classic balancer facts").draw()
	group, vpc := s.groupFor(appRole)
	item := types.LoadBalancerDescription{
		LoadBalancerName: aws.String(s.classicName()), Scheme: aws.String("internal"), VPCId: aws.String(s.vpcID(vpc)),
		DNSName:                   aws.String("internal-" + s.classicName() + "-" + d.digits(10) + "." + s.region + ".elb." + s.o.suffix()),
		CanonicalHostedZoneNameID: aws.String(s.balancerZone()), CreatedTime: aws.Time(d.before(s.o.anchor.AddDate(-4, 0, 0), 900)),
		SecurityGroups: []string{s.groupID(group)}, SourceSecurityGroup: &types.SourceSecurityGroup{GroupName: aws.String(s.groupName(group)), OwnerAlias: aws.String(s.a.id)},
		HealthCheck: &types.HealthCheck{
			Target: aws.String("HTTP:8080/healthz"), Interval: aws.Int32(30), Timeout: aws.Int32(5), HealthyThreshold: aws.Int32(10), UnhealthyThreshold: aws.Int32(2),
		},
		ListenerDescriptions: []types.ListenerDescription{{PolicyNames: []string{}, Listener: &types.Listener{
			Protocol: aws.String("HTTP"), LoadBalancerPort: 80, InstanceProtocol: aws.String("HTTP"), InstancePort: aws.Int32(webPort),
		}}},
		BackendServerDescriptions: []types.BackendServerDescription{}, Instances: []types.Instance{},
		Policies: &types.Policies{
			AppCookieStickinessPolicies: []types.AppCookieStickinessPolicy{}, LBCookieStickinessPolicies: []types.LBCookieStickinessPolicy{}, OtherPolicies: []string{},
		},
	}
	for _, j := range s.oneToAZone(vpc, "private") {
		item.Subnets = append(item.Subnets, s.subnetID(j))
		item.AvailabilityZones = append(item.AvailabilityZones, s.zone(j))
	}
	for _, m := range s.serving("app") {
		item.Instances = append(item.Instances, types.Instance{InstanceId: aws.String(m.id)})
	}
	return item
}

func describeClassicBalancers(c *call, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.Marker, in.PageSize}, balancerPages, s.classicBalancers(), all(s.classicBalancer))
	return &elb.DescribeLoadBalancersOutput{LoadBalancerDescriptions: items, NextMarker: next}, err
}

// ofClassic makes sure that there is a load balancer of a name.
func (c *call) ofClassic(name string) (*site, error) {
	s := c.site()
	if s.classicBalancers() == 0 || name != s.classicName() {
		return nil, c.fault("LoadBalancerNotFound", 400, "There is no ACTIVE Load Balancer named '%s'", name)
	}
	return s, nil
}

func classicTags(c *call, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	out := &elb.DescribeTagsOutput{}
	for _, name := range in.LoadBalancerNames {
		s, err := c.ofClassic(name)
		if err != nil {
			return nil, err
		}
		out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{
			LoadBalancerName: aws.String(name),
			Tags: tagList(s.o.resourceTags(s.a, s.seed.s("classic balancer"), "", "load-balancer"),
				func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
		})
	}
	return out, nil
}

func classicAttributes(c *call, in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	s, err := c.ofClassic(aws.ToString(in.LoadBalancerName))
	if err != nil {
		return nil, err
	}
	return &elb.DescribeLoadBalancerAttributesOutput{LoadBalancerAttributes: &types.LoadBalancerAttributes{
		AccessLog:              &types.AccessLog{Enabled: false},
		ConnectionDraining:     &types.ConnectionDraining{Enabled: s.seed.s("classic draining").draw().chance(60), Timeout: aws.Int32(300)},
		ConnectionSettings:     &types.ConnectionSettings{IdleTimeout: aws.Int32(60)},
		CrossZoneLoadBalancing: &types.CrossZoneLoadBalancing{Enabled: true},
		AdditionalAttributes: []types.AdditionalAttribute{
			{Key: aws.String("elb.http.desyncmitigationmode"), Value: aws.String("defensive")},
		},
	}}, nil
}
