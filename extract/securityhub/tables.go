package securityhub

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"stocktake/extract"
)

var page = aws.Int32(100)

// gone is the code of an insight or a subscription that was deleted after it was
// listed.
const gone = "ResourceNotFoundException"

// Hub is a DescribeHubOutput with the hub's tags and administrator.
type Hub struct {
	securityhub.DescribeHubOutput
	extract.Incomplete
	Tags          map[string]string
	Administrator *types.Invitation
}

// InsightResult is a types.InsightResultValue of an insight.
type InsightResult struct {
	InsightArn       *string
	GroupByAttribute *string
	types.InsightResultValue
}

// EnabledStandard is a types.StandardsSubscription with the name of the standard.
type EnabledStandard struct {
	types.StandardsSubscription
	extract.Incomplete
	StandardsName        *string
	StandardsDescription *string
}

// StandardsControl is a types.StandardsControl of an enabled standard.
type StandardsControl struct {
	StandardsSubscriptionArn *string
	types.StandardsControl
}

var hubs = tree(extract.Level[securityhub.Client, extract.Root, Hub]{
	Table: "aws_securityhub_hubs",
	Rows: extract.Once(service, (*securityhub.Client).DescribeHub, extract.Always(&securityhub.DescribeHubInput{}),
		func(o *securityhub.DescribeHubOutput) []Hub { return []Hub{{DescribeHubOutput: *o}} }),
	Details: []extract.Detail[securityhub.Client, Hub]{
		{Operation: "ListTagsForResource", Columns: []string{"tags"},
			Read: func(ctx context.Context, c *securityhub.Client, h *Hub) error {
				o, err := c.ListTagsForResource(ctx, &securityhub.ListTagsForResourceInput{ResourceArn: h.HubArn})
				if err == nil {
					h.Tags = o.Tags
				}
				return err
			}},
		{Operation: "GetAdministratorAccount", Columns: []string{"administrator"},
			Read: func(ctx context.Context, c *securityhub.Client, h *Hub) error {
				o, err := c.GetAdministratorAccount(ctx, &securityhub.GetAdministratorAccountInput{})
				if err == nil {
					h.Administrator = o.Administrator
				}
				return err
			}},
	},
})

var insights = tree(extract.Level[securityhub.Client, extract.Root, types.Insight]{
	Table: "aws_securityhub_insights",
	Rows: extract.Pages(service, securityhub.NewGetInsightsPaginator, extract.Always(&securityhub.GetInsightsInput{MaxResults: page}),
		func(o *securityhub.GetInsightsOutput) []types.Insight { return o.Insights }),
	Children: []extract.Branch[securityhub.Client, types.Insight]{
		extract.Level[securityhub.Client, types.Insight, InsightResult]{
			Table: "aws_securityhub_insight_results",
			Gone:  []string{gone},
			Rows: extract.Once(service, (*securityhub.Client).GetInsightResults,
				func(i *types.Insight) *securityhub.GetInsightResultsInput {
					return &securityhub.GetInsightResultsInput{InsightArn: i.InsightArn}
				},
				func(o *securityhub.GetInsightResultsOutput) []InsightResult {
					return extract.Map(o.InsightResults.ResultValues, func(v types.InsightResultValue) InsightResult {
						return InsightResult{GroupByAttribute: o.InsightResults.GroupByAttribute, InsightResultValue: v}
					})
				}),
			Own: func(i *types.Insight, r *InsightResult) { r.InsightArn = i.InsightArn },
		},
	},
})

var standards = tree(extract.Level[securityhub.Client, extract.Root, EnabledStandard]{
	Table: "aws_securityhub_enabled_standards",
	Rows: extract.Pages(service, securityhub.NewGetEnabledStandardsPaginator, extract.Always(&securityhub.GetEnabledStandardsInput{MaxResults: page}),
		func(o *securityhub.GetEnabledStandardsOutput) []EnabledStandard {
			return extract.Map(o.StandardsSubscriptions, func(s types.StandardsSubscription) EnabledStandard {
				return EnabledStandard{StandardsSubscription: s}
			})
		}),
	Asides: []extract.Aside[securityhub.Client, extract.Root, EnabledStandard]{
		{Operation: "DescribeStandards", Columns: []string{"standards_name", "standards_description"}, Read: names},
	},
	Children: []extract.Branch[securityhub.Client, EnabledStandard]{
		extract.Level[securityhub.Client, EnabledStandard, StandardsControl]{
			Table: "aws_securityhub_standards_controls",
			If: func(s *EnabledStandard) bool {
				return s.StandardsControlsUpdatable != types.StandardsControlsUpdatableNotReadyForUpdates // it has none to tell of
			},
			Gone: []string{gone},
			Rows: extract.Pages(service, securityhub.NewDescribeStandardsControlsPaginator,
				func(s *EnabledStandard) *securityhub.DescribeStandardsControlsInput {
					return &securityhub.DescribeStandardsControlsInput{StandardsSubscriptionArn: s.StandardsSubscriptionArn, MaxResults: page}
				},
				func(o *securityhub.DescribeStandardsControlsOutput) []StandardsControl {
					return extract.Map(o.Controls, func(c types.StandardsControl) StandardsControl { return StandardsControl{StandardsControl: c} })
				}),
			Own: func(s *EnabledStandard, c *StandardsControl) { c.StandardsSubscriptionArn = s.StandardsSubscriptionArn },
		},
	},
})

// names reads the list of all standards, which is the only place of their names.
func names(ctx context.Context, c *securityhub.Client, _ *extract.Root) (func(*EnabledStandard), error) {
	known := map[string]types.Standard{}
	err := extract.EachPage(ctx, securityhub.NewDescribeStandardsPaginator(c, &securityhub.DescribeStandardsInput{MaxResults: page}),
		func(o *securityhub.DescribeStandardsOutput) error {
			for _, s := range o.Standards {
				known[aws.ToString(s.StandardsArn)] = s
			}
			return nil
		})
	return func(e *EnabledStandard) {
		s := known[aws.ToString(e.StandardsArn)]
		e.StandardsName, e.StandardsDescription = s.Name, s.Description
	}, err
}

// tree is an extract.Tree that knows how a hub that is off words it.
func tree[R any](root extract.Level[securityhub.Client, extract.Root, R]) extract.Collector {
	c := extract.Tree(service, root)
	c.NotEnabled = notSubscribed
	return c
}
