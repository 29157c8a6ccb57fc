// Package securityhub collects Security Hub CSPM: where it is on, what it
// checks, its findings, and the insights that people have made of them.
package securityhub

import (
	"context"
	"slices"
	"strings"
	"time"

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
var Collectors = []extract.Collector{findings, hubs, insights, standards}

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
		Members:   members,
		Regions:   seen,
	},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		filters := &types.AwsSecurityFindingFilters{RecordState: equals(string(types.RecordStateActive))}
		if len(u.Covers) == 0 {
			filters.AwsAccountId = equals(u.Account)
		}
		client := service.Client(u)
		end := u.Started().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		return extract.InWindows(ctx, func(from time.Time) extract.Pager[securityhub.GetFindingsOutput, securityhub.Options] {
			some := *filters
			if !from.IsZero() {
				some.UpdatedAt = []types.DateFilter{{Start: aws.String(from.UTC().Format(time.RFC3339Nano)), End: &end}}
			}
			return securityhub.NewGetFindingsPaginator(client, &securityhub.GetFindingsInput{
				Filters: &some, MaxResults: aws.Int32(100), SortCriteria: []types.SortCriterion{{Field: aws.String("UpdatedAt"), SortOrder: types.SortOrderAscending}},
			})
		}, func(o *securityhub.GetFindingsOutput) (newest time.Time, err error) {
			for _, f := range o.Findings {
				if at, err := time.Parse(time.RFC3339, aws.ToString(f.UpdatedAt)); err == nil { // else the window goes on
					newest = extract.Later(newest, at)
				}
			}
			return newest, extract.Emit(u, findingsTable, o.Findings)
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

// seen are the regions whose findings the administrator sees from the unit's:
// that region, and those that an aggregator links to it.
func seen(ctx context.Context, u *extract.Unit, regions []string) ([]string, error) {
	home, linked, err := aggregation(ctx, u, regions)
	if err != nil {
		return nil, err
	}
	if slices.Contains(regions, home) {
		switch {
		case u.Region == home:
			return linked, nil
		case slices.Contains(linked, u.Region):
			return nil, nil // the home region has this one's findings
		}
	}
	return []string{u.Region}, nil
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

// members are the accounts whose findings the administrator sees in a region.
func members(ctx context.Context, u *extract.Unit, region string) ([]string, error) {
	var accounts []string
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
