package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/smithy-go"
)

func guarddutyService() service {
	return service{
		id: "GuardDuty", name: "guardduty",
		dialect: restDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServerErrorException", "The request failed because of an internal error.", 500}
			d.badToken, d.badInput = "BadRequestException", "BadRequestException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.BadRequestException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerErrorException{Message: m} },
		),
		operations: []operation{
			op(listDetectors, "MaxResults", "NextToken"),
			op(detected(detector), "DetectorId"),
			op(detected(listThreats), "DetectorId", "FindingCriteria", "SortCriteria", "MaxResults", "NextToken"),
			op(detected(getThreats), "DetectorId", "FindingIds"),
			op(detected(listGuardDutyMembers), "DetectorId", "OnlyAssociated", "MaxResults", "NextToken"),
		},
	}
}

var guarddutyPages = limits{least: 1, most: 50}

// detectorID is that of the site's one detector.
func (s *site) detectorID() string { return s.seed.s("detector").draw().hex(32) }

func (s *site) detectorARN() string { return s.arn("guardduty", "detector/"+s.detectorID()) }

// detected refuses detectors that are not the caller's.
func detected[I, O any](answer func(*call, *I) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, in *I) (*O, error) {
		if !c.o.guarded(c.account, c.region) || c.text("DetectorId") != c.site().detectorID() {
			return nil, c.fault("BadRequestException", 400, "The request is rejected because the input detectorId is not owned by the current account.")
		}
		return answer(c, in)
	}
}

func listDetectors(c *call, in *guardduty.ListDetectorsInput) (*guardduty.ListDetectorsOutput, error) {
	ids := []string{}
	if c.o.guarded(c.account, c.region) {
		ids = append(ids, c.site().detectorID())
	}
	n, at := of(ids)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, guarddutyPages, n, at)
	return &guardduty.ListDetectorsOutput{DetectorIds: items, NextToken: next}, err
}

func detector(c *call, _ *guardduty.GetDetectorInput) (*guardduty.GetDetectorOutput, error) {
	since := c.account.joined.AddDate(0, 0, 3)
	out := &guardduty.GetDetectorOutput{
		ServiceRole: aws.String(c.o.arn("iam", "", c.account.id, "role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty")),
		Status:      types.DetectorStatusEnabled, CreatedAt: aws.String(hubTime(since)), UpdatedAt: aws.String(hubTime(since.AddDate(0, 1, 0))),
		FindingPublishingFrequency: types.FindingPublishingFrequencyFifteenMinutes,
		Tags:                       tagMap(c.o.resourceTags(c.account, c.site().at("detector", 0), "", "security")),
		DataSources: &types.DataSourceConfigurationsResult{
			CloudTrail: &types.CloudTrailConfigurationResult{Status: types.DataSourceStatusEnabled}, DNSLogs: &types.DNSLogsConfigurationResult{Status: types.DataSourceStatusEnabled},
			FlowLogs: &types.FlowLogsConfigurationResult{Status: types.DataSourceStatusEnabled}, S3Logs: &types.S3LogsConfigurationResult{Status: types.DataSourceStatusEnabled},
		},
	}
	for _, name := range types.DetectorFeatureResult("").Values() {
		status := types.FeatureStatusEnabled
		if strings.Contains(string(name), "RUNTIME") {
			status = types.FeatureStatusDisabled
		}
		out.Features = append(out.Features, types.DetectorFeatureConfigurationResult{Name: name, Status: status, UpdatedAt: aws.Time(since)})
	}
	return out, nil
}

func listGuardDutyMembers(c *call, in *guardduty.ListMembersInput) (*guardduty.ListMembersOutput, error) {
	var members []*account
	if c.account == c.o.security {
		members = c.o.guardedMembers()
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, guarddutyPages, len(members), all(func(i int) types.Member {
		a := members[i]
		at := hubTime(a.joined.AddDate(0, 0, 3))
		return types.Member{
			AccountId: aws.String(a.id), AdministratorId: aws.String(c.account.id), MasterId: aws.String(c.account.id), Email: aws.String(a.email),
			DetectorId: aws.String(c.o.site(a, c.region).detectorID()), RelationshipStatus: aws.String("Enabled"), InvitedAt: aws.String(at), UpdatedAt: aws.String(at),
		}
	}))
	return &guardduty.ListMembersOutput{Members: items, NextToken: next}, err
}

// threatTest compiles criteria into a test of a finding.
func threatTest(f *types.FindingCriteria) (func(types.Finding) bool, error) {
	tests := []func(types.Finding) bool{}
	if f == nil {
		f = &types.FindingCriteria{}
	}
	for name, is := range f.Criterion {
		switch {
		case name == "accountId" && len(is.Equals) > 0:
			tests = append(tests, func(f types.Finding) bool { return slices.Contains(is.Equals, *f.AccountId) })
		case name == "service.archived" && len(is.Equals) > 0:
			tests = append(tests, func(f types.Finding) bool { return slices.Contains(is.Equals, fmt.Sprint(*f.Service.Archived)) })
		case name == "updatedAt" && is.GreaterThanOrEqual != nil:
			tests = append(tests, func(f types.Finding) bool {
				at, err := hubMoment(*f.UpdatedAt)
				return err == nil && at.UnixMilli() >= *is.GreaterThanOrEqual
			})
		default:
			return nil, fmt.Errorf("simulated organization: ListFindings does not play criterion %s", name)
		}
	}
	return func(f types.Finding) bool {
		return !slices.ContainsFunc(tests, func(test func(types.Finding) bool) bool { return !test(f) })
	}, nil
}

func (c *call) threats() *spread { return spreadOver(c.guardedSites(c.region), (*site).threats) }

func listThreats(c *call, in *guardduty.ListFindingsInput) (*guardduty.ListFindingsOutput, error) {
	test, err := threatTest(in.FindingCriteria)
	if err != nil {
		return nil, err
	}
	found := c.threats()
	finding := func(i int) (types.Finding, bool) {
		s, k := found.at(i)
		f := s.threat(k)
		return f, test(f)
	}
	n, at := found.total, finding
	if by := in.SortCriteria; by != nil {
		if aws.ToString(by.AttributeName) != "updatedAt" || by.OrderBy != types.OrderByAsc {
			return nil, fmt.Errorf("simulated organization: ListFindings sorts by updatedAt, the oldest first, alone, not by %s %s", aws.ToString(by.AttributeName), by.OrderBy)
		}
		n, at = inOrder(c, in.FindingCriteria, found.total, func(i int) (time.Time, bool) {
			f, ok := finding(i)
			at, err := hubMoment(*f.UpdatedAt)
			if err != nil {
				panic(err) // it is the simulation's own
			}
			return at, ok
		}, func(i int) types.Finding { f, _ := finding(i); return f })
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, guarddutyPages, n, func(i int) (string, bool) {
		f, ok := at(i)
		return aws.ToString(f.Id), ok
	})
	return &guardduty.ListFindingsOutput{FindingIds: items, NextToken: next}, err
}

func getThreats(c *call, in *guardduty.GetFindingsInput) (*guardduty.GetFindingsOutput, error) {
	if n := len(in.FindingIds); n == 0 || n > 50 {
		return nil, c.fault("BadRequestException", 400, "The request is rejected because it has %d findingIds: 1 to 50 are expected.", n)
	}
	out := &guardduty.GetFindingsOutput{Findings: []types.Finding{}}
	found := c.threats()
	for i := range found.total {
		if s, k := found.at(i); slices.Contains(in.FindingIds, s.threatID(k)) {
			out.Findings = append(out.Findings, s.threat(k))
		}
	}
	return out, nil
}
