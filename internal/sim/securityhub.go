package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
)

func securityhubService() service {
	return service{
		id: "SecurityHub", name: "securityhub",
		dialect: restDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalException", "Internal server error.", 500}
			d.badToken, d.badInput = "InvalidInputException", "InvalidInputException"
		}),
		notEnabled: notSubscribed,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidAccessException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidInputException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(subscribed(getFindings), "Filters", "SortCriteria", "MaxResults", "NextToken"),
			op(subscribed(listMembers), "MaxResults", "NextToken", "OnlyAssociated"),
			op(subscribed(describeHub), "HubArn"),
			op(subscribed(administratorAccount)),
			op(subscribed(listFindingAggregators), "MaxResults", "NextToken"),
			op(subscribed(findingAggregator), "FindingAggregatorArn"),
			op(subscribed(hubTags), "ResourceArn"),
			op(subscribed(getInsights), "InsightArns", "MaxResults", "NextToken"),
			op(subscribed(insightResults), "InsightArn"),
			op(subscribed(describeStandards), "MaxResults", "NextToken"),
			op(subscribed(enabledStandards), "MaxResults", "NextToken"),
			op(subscribed(standardsControls), "StandardsSubscriptionArn", "MaxResults", "NextToken"),
		},
	}
}

var notSubscribed = Fault{"InvalidAccessException", "Account {account} is not subscribed to AWS Security Hub", 401}

func subscribed[I, O any](answer func(*call, *I) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, in *I) (*O, error) {
		if !c.o.guarded(c.account, c.region) {
			f := notSubscribed
			return nil, f.saying(strings.ReplaceAll(f.Message, "{account}", c.account.id))
		}
		return answer(c, in)
	}
}

func describeHub(c *call, in *securityhub.DescribeHubInput) (*securityhub.DescribeHubOutput, error) {
	arn := c.arn("hub/default")
	if in.HubArn != nil && *in.HubArn != arn {
		return nil, c.fault("ResourceNotFoundException", 404, "Hub %s was not found", *in.HubArn)
	}
	return &securityhub.DescribeHubOutput{
		HubArn: aws.String(arn), SubscribedAt: aws.String(hubTime(c.account.joined.AddDate(0, 0, 2))), AutoEnableControls: aws.Bool(true),
		ControlFindingGenerator: types.ControlFindingGeneratorSecurityControl,
	}, nil
}

func hubTags(c *call, in *securityhub.ListTagsForResourceInput) (*securityhub.ListTagsForResourceOutput, error) {
	if arn := aws.ToString(in.ResourceArn); arn != c.arn("hub/default") {
		return nil, c.fault("ResourceNotFoundException", 404, "Resource %s was not found", arn)
	}
	return &securityhub.ListTagsForResourceOutput{Tags: tagMap(c.o.resourceTags(c.account, c.site().at("hub", 0), "", "security"))}, nil
}

func hubTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func administratorAccount(c *call, _ *securityhub.GetAdministratorAccountInput) (*securityhub.GetAdministratorAccountOutput, error) {
	out := &securityhub.GetAdministratorAccountOutput{}
	if c.account != c.o.security && c.o.isMember(c.account) {
		out.Administrator = &types.Invitation{
			AccountId: aws.String(c.o.security.id), InvitationId: aws.String(c.o.seed.s("hub invitation").s(c.account.id).draw().hex(32)),
			InvitedAt: aws.Time(c.account.joined.AddDate(0, 0, 2)), MemberStatus: aws.String("Enabled"),
		}
	}
	return out, nil
}

func listMembers(c *call, in *securityhub.ListMembersInput) (*securityhub.ListMembersOutput, error) {
	var members []*account
	if c.account == c.o.security {
		members = c.o.guardedMembers()
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 50}, len(members), all(func(i int) types.Member {
		a := members[i]
		return types.Member{
			AccountId: aws.String(a.id), AdministratorId: aws.String(c.account.id), MasterId: aws.String(c.account.id), Email: aws.String(a.email),
			InvitedAt: aws.Time(a.joined.AddDate(0, 0, 2)), UpdatedAt: aws.Time(a.joined.AddDate(0, 0, 2)), MemberStatus: aws.String("Enabled"),
		}
	}))
	return &securityhub.ListMembersOutput{Members: items, NextToken: next}, err
}

// aggregator is the ARN of the aggregator that the caller can see.
func (c *call) aggregator() (string, bool) {
	if !c.o.opts.FindingAggregator || c.account != c.o.security {
		return "", false
	}
	home := c.o.regions[0]
	return c.o.arn("securityhub", home, c.account.id, "finding-aggregator/"+c.o.seed.s("aggregator").draw().uuid()), true
}

func listFindingAggregators(c *call, in *securityhub.ListFindingAggregatorsInput) (*securityhub.ListFindingAggregatorsOutput, error) {
	var list []types.FindingAggregator
	if arn, ok := c.aggregator(); ok {
		list = append(list, types.FindingAggregator{FindingAggregatorArn: aws.String(arn)})
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100}, n, at)
	return &securityhub.ListFindingAggregatorsOutput{FindingAggregators: items, NextToken: next}, err
}

func findingAggregator(c *call, in *securityhub.GetFindingAggregatorInput) (*securityhub.GetFindingAggregatorOutput, error) {
	arn, ok := c.aggregator()
	if !ok || arn != aws.ToString(in.FindingAggregatorArn) {
		return nil, c.fault("ResourceNotFoundException", 404, "Finding aggregator %s was not found", aws.ToString(in.FindingAggregatorArn))
	}
	return &securityhub.GetFindingAggregatorOutput{
		FindingAggregatorArn: aws.String(arn), FindingAggregationRegion: aws.String(c.o.regions[0]), RegionLinkingMode: aws.String("SPECIFIED_REGIONS"),
		Regions: slices.Clone(c.o.regions[1:]),
	}, nil
}

// findingSites are the sites whose findings the caller sees, in the order of the answer.
func (c *call) findingSites() []*site {
	if _, ok := c.aggregator(); ok && c.region == c.o.regions[0] {
		return c.guardedSites(c.o.regions...)
	}
	return c.guardedSites(c.region)
}

// findingTest compiles filters into a test of what is decided about a finding before it is put into words.
type findingTest func(s *site, h findingHead) bool

func (c *call) findingTest(f *types.AwsSecurityFindingFilters) (findingTest, error) {
	if f == nil {
		return func(*site, findingHead) bool { return true }, nil
	}
	if err := checkFilters(c, f); err != nil {
		return nil, err
	}
	windows, err := c.windows(f.UpdatedAt)
	if err != nil {
		return nil, err
	}
	return func(s *site, h findingHead) bool {
		return matchText(f.AwsAccountId, s.a.id) && matchText(f.Region, s.region) && matchText(f.RecordState, string(h.state)) &&
			(len(windows) == 0 || slices.ContainsFunc(windows, func(w window) bool { return w.holds(h.updated) }))
	}, nil
}

// checkFilters refuses filters that are not played, and too many values.
func checkFilters(c *call, f *types.AwsSecurityFindingFilters) error {
	played := []string{"AwsAccountId", "RecordState", "UpdatedAt", "Region"}
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).IsZero() {
			continue
		}
		if !slices.Contains(played, field.Name) {
			return fmt.Errorf("simulated organization: GetFindings does not play filter %s", field.Name)
		}
		if v.Field(i).Len() > 20 {
			return c.fault("InvalidInputException", 400, "Filter %s has %d values: at most 20 are allowed", field.Name, v.Field(i).Len())
		}
	}
	return nil
}

// matchText joins positive comparisons by or, and negative ones by and.
func matchText(filters []types.StringFilter, value string) bool {
	positive, matched := false, false
	for _, f := range filters {
		want := aws.ToString(f.Value)
		switch f.Comparison {
		case types.StringFilterComparisonNotEquals:
			if value == want {
				return false
			}
		case types.StringFilterComparisonPrefixNotEquals:
			if strings.HasPrefix(value, want) {
				return false
			}
		case types.StringFilterComparisonPrefix:
			positive, matched = true, matched || strings.HasPrefix(value, want)
		default:
			positive, matched = true, matched || value == want
		}
	}
	return !positive || matched
}

type window struct{ start, end time.Time }

func (w window) holds(t time.Time) bool {
	return (w.start.IsZero() || !t.Before(w.start)) && (w.end.IsZero() || !t.After(w.end))
}

func (c *call) windows(filters []types.DateFilter) ([]window, error) {
	var list []window
	for _, f := range filters {
		var w window
		if r := f.DateRange; r != nil {
			w.start = c.now.AddDate(0, 0, -int(aws.ToInt32(r.Value)))
		}
		for text, to := range map[*string]*time.Time{f.Start: &w.start, f.End: &w.end} {
			if text == nil {
				continue
			}
			t, err := time.Parse(time.RFC3339, *text)
			if err != nil {
				return nil, c.fault("InvalidInputException", 400, "Date filter value %s is not an ISO 8601 time", *text)
			}
			*to = t
		}
		list = append(list, w)
	}
	return list, nil
}

// getFindings makes each finding when its page is asked for.
func getFindings(c *call, in *securityhub.GetFindingsInput) (*securityhub.GetFindingsOutput, error) {
	test, err := c.findingTest(in.Filters)
	if err != nil {
		return nil, err
	}
	findings := spreadOver(c.findingSites(), func(s *site) int { return s.Findings })
	if len(in.SortCriteria) > 0 {
		if by := in.SortCriteria; len(by) > 1 || aws.ToString(by[0].Field) != "UpdatedAt" || by[0].SortOrder != types.SortOrderAscending {
			return nil, fmt.Errorf("simulated organization: GetFindings sorts by UpdatedAt, the oldest first, alone, not by %v", by)
		}
		n, at := inOrder(c, in.Filters, findings.total, func(i int) (time.Time, bool) {
			s, k := findings.at(i)
			h := s.findingHead(k)
			return h.updated, test(s, h)
		}, func(i int) types.AwsSecurityFinding {
			s, k := findings.at(i)
			return s.finding(k)
		})
		items, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, n, at)
		return &securityhub.GetFindingsOutput{Findings: items, NextToken: next}, err
	}
	positions, next, err := page(c, request{in.NextToken, in.MaxResults}, hubPages, findings.total, func(i int) (int, bool) {
		s, k := findings.at(i)
		return i, test(s, s.findingHead(k))
	})
	out := &securityhub.GetFindingsOutput{Findings: []types.AwsSecurityFinding{}, NextToken: next}
	for _, i := range positions {
		s, k := findings.at(i)
		out.Findings = append(out.Findings, s.finding(k))
	}
	return out, err
}
