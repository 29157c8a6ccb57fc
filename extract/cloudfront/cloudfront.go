// Package cloudfront collects the distributions of the content delivery network.
package cloudfront

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"stocktake/extract"
)

var service = extract.Service[cloudfront.Client, cloudfront.Options]{
	Info: extract.ServiceInfo{Name: "cloudfront", ID: cloudfront.ServiceID},
	New:  cloudfront.NewFromConfig,
}

// Distribution is a types.DistributionSummary with its tags, and with what only
// its whole configuration tells.
type Distribution struct {
	types.DistributionSummary
	extract.Incomplete
	Tags              []types.Tag
	DefaultRootObject *string
	Logging           *types.LoggingConfig
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[cloudfront.Client, extract.Root, Distribution]{
		Table: "aws_cloudfront_distributions",
		Rows: extract.Pages(service, cloudfront.NewListDistributionsPaginator,
			extract.Always(&cloudfront.ListDistributionsInput{MaxItems: aws.Int32(100)}),
			func(o *cloudfront.ListDistributionsOutput) []Distribution {
				if o.DistributionList == nil {
					return nil
				}
				return extract.Map(o.DistributionList.Items, func(d types.DistributionSummary) Distribution { return Distribution{DistributionSummary: d} })
			}),
		Details: details,
	}).In(extract.Global),
}

var details = []extract.Detail[cloudfront.Client, Distribution]{
	{Operation: "ListTagsForResource", Columns: []string{"tags"}, Absent: []string{"NoSuchResource"},
		Read: func(ctx context.Context, c *cloudfront.Client, d *Distribution) error {
			o, err := c.ListTagsForResource(ctx, &cloudfront.ListTagsForResourceInput{Resource: d.ARN})
			if err == nil && o.Tags != nil {
				d.Tags = o.Tags.Items
			}
			return err
		}},
	{Operation: "GetDistribution", Columns: []string{"default_root_object", "logging"}, Absent: []string{"NoSuchDistribution"},
		Read: func(ctx context.Context, c *cloudfront.Client, d *Distribution) error {
			o, err := c.GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: d.Id})
			if err == nil && o.Distribution != nil && o.Distribution.DistributionConfig != nil {
				d.DefaultRootObject, d.Logging = o.Distribution.DistributionConfig.DefaultRootObject, o.Distribution.DistributionConfig.Logging
			}
			return err
		}},
}
