package sim

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	analyzertypes "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	guarddutytypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	inspectortypes "github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

func hubFindings(t *testing.T, o *Organization, account, region string) []hubFinding {
	t.Helper()
	pager := securityhub.NewGetFindingsPaginator(securityhub.NewFromConfig(in(t, o, account, region)), &securityhub.GetFindingsInput{})
	return must(drain(t.Context(), pager, func(o *securityhub.GetFindingsOutput) []hubFinding { return o.Findings }))
}

// weaknesses are Inspector's findings by ARN; those that occur twice are an error.
func weaknesses(t *testing.T, o *Organization, account, region string, f *inspectortypes.FilterCriteria) map[string]inspectortypes.Finding {
	t.Helper()
	pager := inspector2.NewListFindingsPaginator(inspector2.NewFromConfig(in(t, o, account, region)), &inspector2.ListFindingsInput{FilterCriteria: f})
	by := map[string]inspectortypes.Finding{}
	for _, item := range must(drain(t.Context(), pager, func(o *inspector2.ListFindingsOutput) []inspectortypes.Finding { return o.Findings })) {
		if _, twice := by[*item.FindingArn]; twice {
			t.Errorf("Inspector has finding %s twice", *item.FindingArn)
		}
		by[*item.FindingArn] = item
	}
	return by
}

// TestInspectorAgrees holds Inspector against Security Hub, which has its findings about machines, and ECR, which has
// those about images.
func TestInspectorAgrees(t *testing.T) {
	o := New(Options{PageSize: 7})
	images := 0
	for _, a := range o.Accounts() {
		account, ok := o.byID[a.ID]
		if !ok || !o.guarded(account, "us-east-1") || account.state != "ACTIVE" {
			continue
		}
		found := weaknesses(t, o, a.ID, "us-east-1", &inspectortypes.FilterCriteria{AwsAccountId: []inspectortypes.StringFilter{{Comparison: inspectortypes.StringComparisonEquals, Value: &a.ID}}})
		expected := map[string]bool{}
		for _, f := range hubFindings(t, o, a.ID, "us-east-1") {
			if *f.ProductName == "Inspector" && *f.AwsAccountId == a.ID {
				expected[*f.Id] = true
				if status := found[*f.Id].Status; (f.RecordState == hubtypes.RecordStateArchived) != (status == inspectortypes.FindingStatusClosed) {
					t.Errorf("finding %s: it is %s in Security Hub and %s in Inspector", *f.Id, f.RecordState, status)
				}
			}
		}
		client := ecr.NewFromConfig(in(t, o, a.ID, "us-east-1"))
		s := o.site(account, "us-east-1")
		s.eachScannedImage(func(r, i, _ int) bool {
			pager := ecr.NewDescribeImageScanFindingsPaginator(client, &ecr.DescribeImageScanFindingsInput{
				RepositoryName: aws.String(s.repositoryName(r)), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: aws.String(s.image(r, i).digest)},
			})
			for _, f := range must(drain(t.Context(), pager, func(o *ecr.DescribeImageScanFindingsOutput) []ecrtypes.EnhancedImageScanFinding {
				return o.ImageScanFindings.EnhancedFindings
			})) {
				expected[*f.FindingArn] = true
				images++
			}
			return true
		})
		if got := slices.Collect(maps.Keys(found)); len(got) != len(expected) || slices.ContainsFunc(got, func(arn string) bool { return !expected[arn] }) {
			t.Errorf("account %s: Inspector has %d findings, want the %d that Security Hub and ECR have", a.Name, len(got), len(expected))
		}
	}
	if images == 0 {
		t.Error("no image has a finding: the test shows nothing")
	}
}

func TestInspectorFilters(t *testing.T) {
	o := New(Options{})
	admin, member := o.SecurityAccount(), firstWorkload(o)
	all := weaknesses(t, o, admin, "us-east-1", nil)
	equals := func(value string) []inspectortypes.StringFilter {
		return []inspectortypes.StringFilter{{Comparison: inspectortypes.StringComparisonEquals, Value: &value}}
	}
	since := o.Now().AddDate(0, 0, -3)
	for name, tc := range map[string]struct {
		filter inspectortypes.FilterCriteria
		want   func(inspectortypes.Finding) bool
	}{
		"account": {inspectortypes.FilterCriteria{AwsAccountId: equals(member)}, func(f inspectortypes.Finding) bool { return *f.AwsAccountId == member }},
		"status":  {inspectortypes.FilterCriteria{FindingStatus: equals("CLOSED")}, func(f inspectortypes.Finding) bool { return f.Status == "CLOSED" }},
		"time": {inspectortypes.FilterCriteria{UpdatedAt: []inspectortypes.DateFilter{{StartInclusive: &since}}},
			func(f inspectortypes.Finding) bool { return !f.UpdatedAt.Before(since) }},
	} {
		got, want := weaknesses(t, o, admin, "us-east-1", &tc.filter), maps.Clone(all)
		maps.DeleteFunc(want, func(_ string, f inspectortypes.Finding) bool { return !tc.want(f) })
		if len(got) != len(want) || len(want) == 0 || len(want) == len(all) {
			t.Errorf("%s: got %d findings, want %d of %d", name, len(got), len(want), len(all))
		}
	}
}

// TestGuardDutyDescribesWhatItLists asks for the findings by their IDs, as the administrator and as a member.
func TestGuardDutyDescribesWhatItLists(t *testing.T) {
	o := New(Options{PageSize: 7})
	member := firstWorkload(o)
	read := func(account string, criterion map[string]guarddutytypes.Condition) map[string]guarddutytypes.Finding {
		client := guardduty.NewFromConfig(in(t, o, account, "us-east-1"))
		detector := must(client.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})).DetectorIds[0]
		pager := guardduty.NewListFindingsPaginator(client, &guardduty.ListFindingsInput{DetectorId: &detector, FindingCriteria: &guarddutytypes.FindingCriteria{Criterion: criterion}})
		ids := must(drain(t.Context(), pager, func(o *guardduty.ListFindingsOutput) []string { return o.FindingIds }))
		by := map[string]guarddutytypes.Finding{}
		for some := range slices.Chunk(ids, 50) {
			for _, f := range must(client.GetFindings(t.Context(), &guardduty.GetFindingsInput{DetectorId: &detector, FindingIds: some})).Findings {
				by[*f.Id] = f
			}
		}
		if len(by) != len(ids) || len(ids) == 0 {
			t.Errorf("account %s: got %d findings of %d IDs", account, len(by), len(ids))
		}
		return by
	}
	all, own := read(o.SecurityAccount(), nil), read(member, nil)
	of := read(o.SecurityAccount(), map[string]guarddutytypes.Condition{"accountId": {Equals: []string{member}}})
	if len(all) <= len(own) || len(of) != len(own) {
		t.Errorf("the administrator sees %d findings, %d of them the member's, which has %d", len(all), len(of), len(own))
	}
	archived := read(o.SecurityAccount(), map[string]guarddutytypes.Condition{"service.archived": {Equals: []string{"true"}}})
	if len(archived) == 0 || len(archived) == len(all) {
		t.Errorf("%d of %d findings are archived: expected some", len(archived), len(all))
	}
	for _, f := range hubFindings(t, o, member, "us-east-1") {
		id := (*f.Id)[strings.LastIndexByte(*f.Id, '/')+1:]
		if _, known := own[id]; *f.ProductName == "GuardDuty" && !known {
			t.Errorf("Security Hub has finding %s of GuardDuty, which does not know it", *f.Id)
		}
	}
}

// TestInsightsCount holds the results of insights against the findings.
func TestInsightsCount(t *testing.T) {
	o := New(Options{})
	for _, account := range []string{firstWorkload(o), o.SecurityAccount()} {
		active := int32(0)
		for _, f := range hubFindings(t, o, account, "us-east-1") {
			if f.RecordState == hubtypes.RecordStateActive {
				active++
			}
		}
		client := securityhub.NewFromConfig(in(t, o, account, "us-east-1"))
		insights := must(client.GetInsights(t.Context(), &securityhub.GetInsightsInput{})).Insights
		if len(insights) == 0 {
			t.Errorf("account %s has no insight", account)
		}
		for _, i := range insights {
			sum := int32(0)
			for _, v := range must(client.GetInsightResults(t.Context(), &securityhub.GetInsightResultsInput{InsightArn: i.InsightArn})).InsightResults.ResultValues {
				sum += *v.Count
			}
			if sum != active {
				t.Errorf("account %s: insight %s counts %d findings, want the %d active ones", account, *i.Name, sum, active)
			}
		}
	}
}

// TestAnalyzersOfTheOrganization expects findings about members, and each once.
func TestAnalyzersOfTheOrganization(t *testing.T) {
	o := New(Options{PageSize: 7})
	client := accessanalyzer.NewFromConfig(in(t, o, o.SecurityAccount(), "us-east-1"))
	kinds := map[analyzertypes.FindingType]int{}
	owners, seen := map[string]bool{}, map[string]bool{}
	for _, a := range must(client.ListAnalyzers(t.Context(), &accessanalyzer.ListAnalyzersInput{})).Analyzers {
		pager := accessanalyzer.NewListFindingsV2Paginator(client, &accessanalyzer.ListFindingsV2Input{AnalyzerArn: a.Arn})
		for _, f := range must(drain(t.Context(), pager, func(o *accessanalyzer.ListFindingsV2Output) []analyzertypes.FindingSummaryV2 { return o.Findings })) {
			if seen[*f.Id] {
				t.Errorf("finding %s occurs twice", *f.Id)
			}
			seen[*f.Id], owners[*f.ResourceOwnerAccount] = true, true
			kinds[f.FindingType]++
		}
	}
	for _, kind := range []analyzertypes.FindingType{analyzertypes.FindingTypeExternalAccess, analyzertypes.FindingTypeUnusedIamRole, analyzertypes.FindingTypeUnusedIamUserAccessKey} {
		if kinds[kind] == 0 {
			t.Errorf("no finding is of type %s", kind)
		}
	}
	if len(owners) < 2 {
		t.Errorf("findings are of the accounts %v: expected several", owners)
	}
}
