// Package elasticloadbalancingv2 collects application, network and gateway load
// balancers, and what they send traffic to.
package elasticloadbalancingv2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"stocktake/extract"
)

var service = extract.Service[elb.Client, elb.Options]{
	Info: extract.ServiceInfo{Name: "elbv2", ID: elb.ServiceID, IAM: "elasticloadbalancing"},
	New:  elb.NewFromConfig,
}

var page = aws.Int32(400)

// gone are the codes of what was deleted after it was listed.
var gone = []string{"LoadBalancerNotFound", "ListenerNotFound", "TargetGroupNotFound"}

// Rows with what further calls tell of them.
type (
	// LoadBalancer is a types.LoadBalancer with its tags and attributes.
	LoadBalancer struct {
		types.LoadBalancer
		extract.Incomplete
		Tags       []types.Tag
		Attributes []types.LoadBalancerAttribute
	}
	// Listener is a types.Listener with its tags.
	Listener struct {
		types.Listener
		extract.Incomplete
		Tags []types.Tag
	}
	// TargetGroup is a types.TargetGroup with its tags.
	TargetGroup struct {
		types.TargetGroup
		extract.Incomplete
		Tags []types.Tag
	}
	// TargetHealth is a target of a group, and how it does.
	TargetHealth struct {
		TargetGroupArn *string
		types.TargetHealthDescription
	}
)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[elb.Client, extract.Root, LoadBalancer]{
		Table: "aws_elbv2_load_balancers",
		Rows: extract.Pages(service, elb.NewDescribeLoadBalancersPaginator,
			extract.Always(&elb.DescribeLoadBalancersInput{PageSize: page}),
			func(o *elb.DescribeLoadBalancersOutput) []LoadBalancer {
				return extract.Map(o.LoadBalancers, func(b types.LoadBalancer) LoadBalancer { return LoadBalancer{LoadBalancer: b} })
			}),
		Details: []extract.Detail[elb.Client, LoadBalancer]{
			tags(func(b *LoadBalancer) (*string, *[]types.Tag) { return b.LoadBalancerArn, &b.Tags }),
			{Operation: "DescribeLoadBalancerAttributes", Columns: []string{"attributes"}, Absent: gone,
				Read: func(ctx context.Context, c *elb.Client, b *LoadBalancer) error {
					o, err := c.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: b.LoadBalancerArn})
					if err == nil {
						b.Attributes = o.Attributes
					}
					return err
				}},
		},
		Children: []extract.Branch[elb.Client, LoadBalancer]{listeners},
	}),
	extract.Tree(service, extract.Level[elb.Client, extract.Root, TargetGroup]{
		Table: "aws_elbv2_target_groups",
		Rows: extract.Pages(service, elb.NewDescribeTargetGroupsPaginator,
			extract.Always(&elb.DescribeTargetGroupsInput{PageSize: page}),
			func(o *elb.DescribeTargetGroupsOutput) []TargetGroup {
				return extract.Map(o.TargetGroups, func(g types.TargetGroup) TargetGroup { return TargetGroup{TargetGroup: g} })
			}),
		Details: []extract.Detail[elb.Client, TargetGroup]{
			tags(func(g *TargetGroup) (*string, *[]types.Tag) { return g.TargetGroupArn, &g.Tags }),
		},
		Children: []extract.Branch[elb.Client, TargetGroup]{targetHealth},
	}),
}

var listeners = extract.Level[elb.Client, LoadBalancer, Listener]{
	Table: "aws_elbv2_listeners",
	Gone:  gone,
	Rows: extract.Pages(service, elb.NewDescribeListenersPaginator,
		func(b *LoadBalancer) *elb.DescribeListenersInput {
			return &elb.DescribeListenersInput{LoadBalancerArn: b.LoadBalancerArn, PageSize: page}
		},
		func(o *elb.DescribeListenersOutput) []Listener {
			return extract.Map(o.Listeners, func(l types.Listener) Listener { return Listener{Listener: l} })
		}),
	Details: []extract.Detail[elb.Client, Listener]{
		tags(func(l *Listener) (*string, *[]types.Tag) { return l.ListenerArn, &l.Tags }),
	},
}

var targetHealth = extract.Level[elb.Client, TargetGroup, TargetHealth]{
	Table: "aws_elbv2_target_health",
	Gone:  gone,
	Rows: extract.Once(service, (*elb.Client).DescribeTargetHealth,
		func(g *TargetGroup) *elb.DescribeTargetHealthInput {
			return &elb.DescribeTargetHealthInput{
				TargetGroupArn: g.TargetGroupArn, Include: []types.DescribeTargetHealthInputIncludeEnum{types.DescribeTargetHealthInputIncludeEnumAll},
			}
		},
		func(o *elb.DescribeTargetHealthOutput) []TargetHealth {
			return extract.Map(o.TargetHealthDescriptions, func(t types.TargetHealthDescription) TargetHealth {
				return TargetHealth{TargetHealthDescription: t}
			})
		}),
	Own: func(g *TargetGroup, t *TargetHealth) { t.TargetGroupArn = g.TargetGroupArn },
}

// tags reads the tags of rows; of tells a row's ARN and where its tags go.
func tags[Row any](of func(*Row) (*string, *[]types.Tag)) extract.Detail[elb.Client, Row] {
	return extract.Detail[elb.Client, Row]{
		Operation: "DescribeTags", Columns: []string{"tags"}, Absent: gone, Batch: 20,
		ReadBatch: func(ctx context.Context, c *elb.Client, rows []Row) error {
			in := &elb.DescribeTagsInput{}
			for i := range rows {
				arn, _ := of(&rows[i])
				in.ResourceArns = append(in.ResourceArns, aws.ToString(arn))
			}
			o, err := c.DescribeTags(ctx, in)
			if err != nil {
				return err
			}
			found := map[string][]types.Tag{}
			for _, d := range o.TagDescriptions {
				found[aws.ToString(d.ResourceArn)] = d.Tags
			}
			for i := range rows {
				arn, to := of(&rows[i])
				*to = found[aws.ToString(arn)]
			}
			return nil
		},
	}
}
