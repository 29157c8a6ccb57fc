// Package elasticloadbalancing collects classic load balancers, those of the
// generation before application and network load balancers.
package elasticloadbalancing

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"stocktake/extract"
)

var service = extract.Service[elb.Client, elb.Options]{
	Info: extract.ServiceInfo{Name: "elb", ID: elb.ServiceID, IAM: "elasticloadbalancing"},
	New:  elb.NewFromConfig,
}

// gone is the code of a load balancer that was deleted after it was listed.
var gone = []string{"LoadBalancerNotFound"}

// LoadBalancer is a types.LoadBalancerDescription with its tags and attributes.
type LoadBalancer struct {
	types.LoadBalancerDescription
	extract.Incomplete
	Tags       []types.Tag
	Attributes *types.LoadBalancerAttributes
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[elb.Client, extract.Root, LoadBalancer]{
		Table: "aws_elb_load_balancers",
		Rows: extract.Pages(service, elb.NewDescribeLoadBalancersPaginator,
			extract.Always(&elb.DescribeLoadBalancersInput{PageSize: aws.Int32(400)}),
			func(o *elb.DescribeLoadBalancersOutput) []LoadBalancer {
				return extract.Map(o.LoadBalancerDescriptions, func(d types.LoadBalancerDescription) LoadBalancer {
					return LoadBalancer{LoadBalancerDescription: d}
				})
			}),
		Details: details,
	}),
}

var details = []extract.Detail[elb.Client, LoadBalancer]{
	{Operation: "DescribeTags", Columns: []string{"tags"}, Absent: gone, Batch: 20,
		ReadBatch: func(ctx context.Context, c *elb.Client, rows []LoadBalancer) error {
			o, err := c.DescribeTags(ctx, &elb.DescribeTagsInput{
				LoadBalancerNames: extract.Map(rows, func(b LoadBalancer) string { return aws.ToString(b.LoadBalancerName) }),
			})
			if err != nil {
				return err
			}
			found := map[string][]types.Tag{}
			for _, d := range o.TagDescriptions {
				found[aws.ToString(d.LoadBalancerName)] = d.Tags
			}
			for i := range rows {
				rows[i].Tags = found[aws.ToString(rows[i].LoadBalancerName)]
			}
			return nil
		}},
	{Operation: "DescribeLoadBalancerAttributes", Columns: []string{"attributes"}, Absent: gone,
		Read: func(ctx context.Context, c *elb.Client, b *LoadBalancer) error {
			o, err := c.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: b.LoadBalancerName})
			if err == nil {
				b.Attributes = o.LoadBalancerAttributes
			}
			return err
		}},
}
