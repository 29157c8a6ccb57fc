package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// insight is a count of the active findings that an account sees, by one of their attributes.
type insight struct {
	arn, name, attribute string
	of                   func(types.AwsSecurityFinding) string // nil: the account, for which no finding has to be made
}

// insights are those of the caller. The administrator compares accounts, the others look at what they have.
func (c *call) insights() []insight {
	s := c.site()
	list := []insight{
		{name: "Findings by severity", attribute: "SeverityLabel", of: func(f types.AwsSecurityFinding) string { return string(f.Severity.Label) }},
		{name: "Findings by kind of resource", attribute: "ResourceType", of: func(f types.AwsSecurityFinding) string { return aws.ToString(f.Resources[0].Type) }},
	}
	switch {
	case c.account == c.o.security:
		list = []insight{{name: "Findings by account", attribute: "AwsAccountId"}}
	case s.Findings == 0:
		return nil
	}
	for i := range list {
		list[i].arn = c.arn("insight/" + c.account.id + "/custom/" + s.at("insight", i).draw().uuid())
	}
	return list
}

func getInsights(c *call, in *securityhub.GetInsightsInput) (*securityhub.GetInsightsOutput, error) {
	list := slices.DeleteFunc(c.insights(), func(i insight) bool { return len(in.InsightArns) > 0 && !slices.Contains(in.InsightArns, i.arn) })
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, len(list), all(func(i int) types.Insight {
		return types.Insight{
			InsightArn: aws.String(list[i].arn), Name: aws.String(list[i].name), GroupByAttribute: aws.String(list[i].attribute),
			Filters: &types.AwsSecurityFindingFilters{RecordState: []types.StringFilter{
				{Comparison: types.StringFilterComparisonEquals, Value: aws.String(string(types.RecordStateActive))},
			}},
		}
	}))
	return &securityhub.GetInsightsOutput{Insights: items, NextToken: next}, err
}

// mostResults is the number of groups that AWS tells of.
const mostResults = 100

func insightResults(c *call, in *securityhub.GetInsightResultsInput) (*securityhub.GetInsightResultsOutput, error) {
	list := c.insights()
	n := slices.IndexFunc(list, func(i insight) bool { return i.arn == aws.ToString(in.InsightArn) })
	if n < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "Insight %s was not found", aws.ToString(in.InsightArn))
	}
	counts := map[string]int32{}
	for _, s := range c.findingSites() {
		for k := range s.Findings {
			switch {
			case s.findingHead(k).state != types.RecordStateActive:
			case list[n].of == nil:
				counts[s.a.id]++
			default:
				counts[list[n].of(s.finding(k))]++
			}
		}
	}
	values := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	out := &types.InsightResults{InsightArn: in.InsightArn, GroupByAttribute: aws.String(list[n].attribute), ResultValues: []types.InsightResultValue{}}
	for _, v := range values[:min(len(values), mostResults)] {
		out.ResultValues = append(out.ResultValues, types.InsightResultValue{GroupByAttributeValue: aws.String(v), Count: aws.Int32(counts[v])})
	}
	return &securityhub.GetInsightResultsOutput{InsightResults: out}, nil
}
