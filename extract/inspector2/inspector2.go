// Package inspector2 collects what Amazon Inspector scans, what it finds there,
// and for which accounts it is on. The code around a finding is never asked for.
package inspector2

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"stocktake/extract"
)

var service = extract.Service[inspector2.Client, inspector2.Options]{
	Info: extract.ServiceInfo{Name: "inspector2", ID: inspector2.ServiceID},
	New:  inspector2.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	findings.Through(administrator),
	tree(extract.Level[inspector2.Client, extract.Root, types.CoveredResource]{
		Table: "aws_inspector2_coverage",
		Rows: extract.Pages(service, inspector2.NewListCoveragePaginator, coverage,
			func(o *inspector2.ListCoverageOutput) []types.CoveredResource { return o.CoveredResources }),
	}).Through(administrator),
	tree(extract.Level[inspector2.Client, extract.Root, types.AccountState]{
		Table: "aws_inspector2_account_statuses",
		Rows: extract.Once(service, (*inspector2.Client).BatchGetAccountStatus,
			func(r *extract.Root) *inspector2.BatchGetAccountStatusInput {
				return &inspector2.BatchGetAccountStatusInput{AccountIds: []string{r.Account}}
			}, states),
	}),
}

const findingsTable = "aws_inspector2_findings"

var findings = extract.Collector{
	Service:    service.Info,
	Tables:     []extract.Table{extract.TableOf[types.Finding](findingsTable)},
	Calls:      []extract.Call{{Operation: "ListFindings", Page: 100}},
	NotEnabled: notEnabled,
	Walk: func(ctx context.Context, u *extract.Unit) error {
		filter := &types.FilterCriteria{}
		for _, status := range types.FindingStatus("").Values() { // closed ones too, as long as Inspector keeps them
			filter.FindingStatus = append(filter.FindingStatus, equals(string(status)))
		}
		if len(u.Covers) == 0 {
			filter.AwsAccountId = []types.StringFilter{equals(u.Account)}
		}
		if since := u.Since(findingsTable); !since.IsZero() {
			filter.UpdatedAt = []types.DateFilter{{StartInclusive: aws.Time(since.Add(-extract.Overlap))}}
		}
		if err := pull(ctx, u, filter); err != nil {
			return err
		}
		u.Reached(findingsTable, u.Started())
		return nil
	},
}

// pull reads the findings that a filter selects, the longest unseen first:
// Inspector does not sort by the time of the update.
func pull(ctx context.Context, u *extract.Unit, filter *types.FilterCriteria) error {
	client := service.Client(u)
	return extract.InWindows(ctx, func(from time.Time) extract.Pager[inspector2.ListFindingsOutput, inspector2.Options] {
		some := *filter
		if !from.IsZero() {
			some.LastObservedAt = []types.DateFilter{{StartInclusive: &from}}
		}
		return inspector2.NewListFindingsPaginator(client, &inspector2.ListFindingsInput{
			FilterCriteria: &some, MaxResults: aws.Int32(100), SortCriteria: &types.SortCriteria{Field: types.SortFieldLastObservedAt, SortOrder: types.SortOrderAsc},
		})
	}, func(o *inspector2.ListFindingsOutput) (newest time.Time, err error) {
		for _, f := range o.Findings {
			newest = extract.Later(newest, aws.ToTime(f.LastObservedAt))
		}
		return newest, extract.Emit(u, findingsTable, o.Findings)
	})
}

func equals(value string) types.StringFilter {
	return types.StringFilter{Comparison: types.StringComparisonEquals, Value: &value}
}

func coverage(r *extract.Root) *inspector2.ListCoverageInput {
	in := &inspector2.ListCoverageInput{MaxResults: aws.Int32(200)}
	if r.Alone {
		in.FilterCriteria = &types.CoverageFilterCriteria{
			AccountId: []types.CoverageStringFilter{{Comparison: types.CoverageStringComparisonEquals, Value: &r.Account}},
		}
	}
	return in
}

// states are those of accounts that Inspector has no trouble with, and of the
// others, of which it says what that is.
func states(o *inspector2.BatchGetAccountStatusOutput) []types.AccountState {
	rows := o.Accounts
	for _, f := range o.FailedAccounts {
		if slices.ContainsFunc(o.Accounts, func(s types.AccountState) bool { return aws.ToString(s.AccountId) == aws.ToString(f.AccountId) }) {
			continue
		}
		row := types.AccountState{AccountId: f.AccountId, State: &types.State{ErrorCode: f.ErrorCode, ErrorMessage: f.ErrorMessage, Status: f.Status}}
		if s := f.ResourceStatus; s != nil {
			row.ResourceState = &types.ResourceState{
				Ec2: state(s.Ec2), Ecr: state(s.Ecr), Lambda: state(s.Lambda), LambdaCode: state(s.LambdaCode), CodeRepository: state(s.CodeRepository),
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func state(s types.Status) *types.State { return &types.State{Status: s} }

// notEnabled tells Inspector that is off from the refusal that carries the same
// code.
func notEnabled(code, message string) bool {
	return code == "AccessDeniedException" && strings.Contains(message, "account is not enabled")
}

// tree is an extract.Tree that knows how Inspector that is off words it.
func tree[R any](root extract.Level[inspector2.Client, extract.Root, R]) extract.Collector {
	c := extract.Tree(service, root)
	c.NotEnabled = notEnabled
	return c
}

// administrator sees its members region by region.
var administrator = &extract.Administrator{
	Principal: "inspector2.amazonaws.com",
	Calls:     []extract.Call{{Operation: "ListMembers"}},
	Members: func(ctx context.Context, u *extract.Unit, region string) ([]string, error) {
		var accounts []string
		pager := inspector2.NewListMembersPaginator(service.In(u, region), &inspector2.ListMembersInput{OnlyAssociated: aws.Bool(true), MaxResults: aws.Int32(50)})
		err := extract.EachPage(ctx, pager, func(o *inspector2.ListMembersOutput) error {
			for _, m := range o.Members {
				if m.RelationshipStatus == types.RelationshipStatusEnabled {
					accounts = append(accounts, aws.ToString(m.AccountId))
				}
			}
			return nil
		})
		return accounts, err
	},
}
