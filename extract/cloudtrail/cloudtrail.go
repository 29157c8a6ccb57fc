// Package cloudtrail collects trails, which say where an account's events are
// recorded, and the events themselves.
package cloudtrail

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"stocktake/extract"
)

var service = extract.Service[cloudtrail.Client, cloudtrail.Options]{
	Info: extract.ServiceInfo{Name: "cloudtrail", ID: cloudtrail.ServiceID},
	New:  cloudtrail.NewFromConfig,
}

// Trail is a types.Trail with its state, what it records, and its tags.
type Trail struct {
	types.Trail
	extract.Incomplete
	Tags                   []types.Tag
	Status                 *cloudtrail.GetTrailStatusOutput
	EventSelectors         []types.EventSelector
	AdvancedEventSelectors []types.AdvancedEventSelector
}

// Collectors of this service. Shadows are left out: each trail is told of once,
// in its home region, and that of an organization by the account that owns it.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[cloudtrail.Client, extract.Root, Trail]{
		Table: "aws_cloudtrail_trails",
		Rows: extract.Once(service, (*cloudtrail.Client).DescribeTrails,
			extract.Always(&cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(false)}),
			func(o *cloudtrail.DescribeTrailsOutput) []Trail {
				return extract.Map(o.TrailList, func(t types.Trail) Trail { return Trail{Trail: t} })
			}),
		Details: details,
	}),
	events,
}

var details = []extract.Detail[cloudtrail.Client, Trail]{
	{Operation: "GetTrailStatus", Columns: []string{"status"},
		Read: func(ctx context.Context, c *cloudtrail.Client, t *Trail) error {
			o, err := c.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
			if err == nil {
				t.Status = o
			}
			return err
		}},
	{Operation: "GetEventSelectors", Columns: []string{"event_selectors", "advanced_event_selectors"},
		Read: func(ctx context.Context, c *cloudtrail.Client, t *Trail) error {
			o, err := c.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
			if err == nil {
				t.EventSelectors, t.AdvancedEventSelectors = o.EventSelectors, o.AdvancedEventSelectors
			}
			return err
		}},
	{Operation: "ListTags", Columns: []string{"tags"}, Absent: []string{"ResourceNotFoundException", "TrailNotFoundException"}, Batch: 20,
		ReadBatch: func(ctx context.Context, c *cloudtrail.Client, rows []Trail) error {
			found := map[string][]types.Tag{}
			pager := cloudtrail.NewListTagsPaginator(c, &cloudtrail.ListTagsInput{
				ResourceIdList: extract.Map(rows, func(t Trail) string { return aws.ToString(t.TrailARN) }),
			})
			err := extract.EachPage(ctx, pager, func(o *cloudtrail.ListTagsOutput) error {
				for _, r := range o.ResourceTagList {
					arn := aws.ToString(r.ResourceId)
					found[arn] = append(found[arn], r.TagsList...)
				}
				return nil
			})
			if err != nil {
				return err
			}
			for i := range rows {
				rows[i].Tags = append([]types.Tag{}, found[aws.ToString(rows[i].TrailARN)]...)
			}
			return nil
		}},
}
