// Package securityhub collects the findings of Security Hub CSPM.
package securityhub

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"stocktake/extract"
)

var service = extract.Service[securityhub.Client, securityhub.Options]{
	Info: extract.ServiceInfo{Name: "securityhub", ID: securityhub.ServiceID},
	New:  securityhub.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{findings}

const findingsTable = "aws_securityhub_findings"

// findings are read through the delegated administrator where there is one,
// and from each account, about itself, where its view does not reach.
var findings = extract.Collector{
	Service:    service.Info,
	Tables:     []extract.Table{extract.TableOf[types.AwsSecurityFinding](findingsTable)},
	Calls:      []extract.Call{{Operation: "GetFindings", Page: 100}},
	NotEnabled: notSubscribed,
	Administrator: &extract.Administrator{
		Principal: "securityhub.amazonaws.com",
		Calls:     []extract.Call{{Operation: "ListMembers"}, {Operation: "ListFindingAggregators"}, {Operation: "GetFindingAggregator"}},
		Covers:    covers,
	},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		filters := &types.AwsSecurityFindingFilters{RecordState: equals(string(types.RecordStateActive))}
		if len(u.Covers) == 0 {
			filters.AwsAccountId = equals(u.Account)
		}
		pager := securityhub.NewGetFindingsPaginator(service.Client(u), &securityhub.GetFindingsInput{Filters: filters, MaxResults: aws.Int32(100)})
		return extract.EachPage(ctx, pager, func(o *securityhub.GetFindingsOutput) error {
			return extract.Emit(u, findingsTable, o.Findings)
		})
	},
}

func equals(value string) []types.StringFilter {
	return []types.StringFilter{{Comparison: types.StringFilterComparisonEquals, Value: &value}}
}

// notSubscribed tells the hub that is off from the refusal that carries the
// same code.
func notSubscribed(code, message string) bool {
	return code == "InvalidAccessException" && strings.Contains(message, "not subscribed to AWS Security Hub")
}

// covers tells which accounts the administrator sees from the unit's region:
// in that region, and in those that an aggregator links to it.
func covers(ctx context.Context, u *extract.Unit, regions []string) ([]extract.Place, error) {
	home, linked, err := aggregation(ctx, u, regions)
	if err != nil {
		return nil, err
	}
	from := []string{u.Region}
	if slices.Contains(regions, home) {
		switch {
		case u.Region == home:
			from = linked
		case slices.Contains(linked, u.Region):
			return nil, nil // the home region has this one's findings
		}
	}
	var places []extract.Place
	for _, region := range from {
		accounts, err := members(ctx, u, region)
		if err != nil && region == u.Region {
			return nil, err
		}
		for _, a := range accounts {
			places = append(places, extract.Place{Account: a, Region: region})
		}
	}
	return places, nil
}

// aggregation returns the region that findings are gathered in and the regions
// they come from, itself included; "" where there is no aggregator.
func aggregation(ctx context.Context, u *extract.Unit, regions []string) (home string, linked []string, err error) {
	client := service.Client(u)
	list, err := client.ListFindingAggregators(ctx, &securityhub.ListFindingAggregatorsInput{})
	if err != nil || len(list.FindingAggregators) == 0 {
		return "", nil, err
	}
	a, err := client.GetFindingAggregator(ctx, &securityhub.GetFindingAggregatorInput{FindingAggregatorArn: list.FindingAggregators[0].FindingAggregatorArn})
	if err != nil {
		return "", nil, err
	}
	home = aws.ToString(a.FindingAggregationRegion)
	for _, region := range regions {
		named := slices.Contains(a.Regions, region)
		mode := aws.ToString(a.RegionLinkingMode)
		if region == home || mode == "ALL_REGIONS" || mode == "SPECIFIED_REGIONS" && named || mode == "ALL_REGIONS_EXCEPT_SPECIFIED" && !named {
			linked = append(linked, region)
		}
	}
	return home, linked, nil
}

// members returns the accounts whose findings the administrator sees in a region.
func members(ctx context.Context, u *extract.Unit, region string) ([]string, error) {
	accounts := []string{u.Account}
	pager := securityhub.NewListMembersPaginator(service.In(u, region), &securityhub.ListMembersInput{OnlyAssociated: aws.Bool(true), MaxResults: aws.Int32(50)})
	err := extract.EachPage(ctx, pager, func(o *securityhub.ListMembersOutput) error {
		for _, m := range o.Members {
			if s := aws.ToString(m.MemberStatus); strings.EqualFold(s, "Enabled") || strings.EqualFold(s, "Associated") {
				accounts = append(accounts, aws.ToString(m.AccountId))
			}
		}
		return nil
	})
	return accounts, err
}
