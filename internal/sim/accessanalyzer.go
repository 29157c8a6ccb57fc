package sim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/smithy-go"
)

func accessanalyzerService() service {
	return service{
		id: "AccessAnalyzer", name: "accessanalyzer", prefix: "access-analyzer",
		dialect: restDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ThrottlingException{Message: m} },
			func(m *string) smithy.APIError { return &types.ValidationException{Message: m} },
		),
		operations: []operation{
			op(listAnalyzers, "MaxResults", "NextToken"),
			op(listAccess, "AnalyzerArn", "MaxResults", "NextToken").as("access-analyzer:ListFindings"),
		},
	}
}

var analyzerPages = limits{least: 1, most: 100}

// unusedAge is the number of days after which the company takes access for unused.
const unusedAge = 90

// analyzers are those of the caller. The security account looks at the whole organization, the others at themselves.
func (c *call) analyzers() []types.AnalyzerSummary {
	s := c.site()
	if s.Findings == 0 || !c.o.guarded(s.a, s.region) {
		return nil
	}
	analyzer := func(name string, kind types.Type) types.AnalyzerSummary {
		d := s.seed.s("analyzer").s(name).draw()
		last, _ := cycle(d, s.o.anchor, s.now, time.Duration(2+d.n(22))*time.Hour)
		return types.AnalyzerSummary{
			Arn: aws.String(c.arn("analyzer/" + name)), Name: aws.String(name), Type: kind, Status: types.AnalyzerStatusActive,
			CreatedAt: aws.Time(s.a.joined.AddDate(0, 0, 5)), LastResourceAnalyzedAt: aws.Time(last), Tags: tagMap(s.o.resourceTags(s.a, s.seed.s("analyzer").s(name), "", "security")),
		}
	}
	if s.a != s.o.security {
		return []types.AnalyzerSummary{analyzer("account-external-access", types.TypeAccount)}
	}
	list := []types.AnalyzerSummary{analyzer("organization-external-access", types.TypeOrganization)}
	if s.region == s.o.regions[0] {
		unused := analyzer("organization-unused-access", types.TypeOrganizationUnusedAccess)
		unused.Configuration = &types.AnalyzerConfigurationMemberUnusedAccess{Value: types.UnusedAccessConfiguration{UnusedAccessAge: aws.Int32(unusedAge)}}
		list = append(list, unused)
	}
	return list
}

func listAnalyzers(c *call, in *accessanalyzer.ListAnalyzersInput) (*accessanalyzer.ListAnalyzersOutput, error) {
	list := c.analyzers()
	for i, a := range list {
		if found := c.access(a); len(found) > 0 {
			list[i].LastResourceAnalyzed = found[0].Resource
		}
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, analyzerPages, n, at)
	return &accessanalyzer.ListAnalyzersOutput{Analyzers: items, NextToken: next}, err
}

func listAccess(c *call, in *accessanalyzer.ListFindingsV2Input) (*accessanalyzer.ListFindingsV2Output, error) {
	list := c.analyzers()
	i := slices.IndexFunc(list, func(a types.AnalyzerSummary) bool { return *a.Arn == aws.ToString(in.AnalyzerArn) })
	if i < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "Analyzer %s was not found", aws.ToString(in.AnalyzerArn))
	}
	n, at := of(c.access(list[i]))
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, analyzerPages, n, at)
	return &accessanalyzer.ListFindingsV2Output{Findings: items, NextToken: next}, err
}

// access is what an analyzer finds.
func (c *call) access(by types.AnalyzerSummary) []types.FindingSummaryV2 {
	found := []types.FindingSummaryV2{}
	for _, s := range c.guardedSites(c.region) {
		add := func(what types.FindingType, kind types.ResourceType, arn string) {
			d := s.o.seed.s("access").s(*by.Arn).s(string(what)).s(arn).draw()
			f := types.FindingSummaryV2{
				Id: aws.String(d.uuid()), FindingType: what, ResourceType: kind, Resource: aws.String(arn), ResourceOwnerAccount: aws.String(s.a.id),
				Status: types.FindingStatusActive, CreatedAt: aws.Time(d.before(s.o.anchor, 200)), AnalyzedAt: by.LastResourceAnalyzedAt,
			}
			f.UpdatedAt = f.CreatedAt
			if d.chance(15) {
				f.Status, f.UpdatedAt = types.FindingStatusArchived, aws.Time(f.CreatedAt.AddDate(0, 0, 1))
			}
			found = append(found, f)
		}
		if by.Type == types.TypeOrganizationUnusedAccess {
			s.o.directory(s.a).unused(add)
		} else {
			s.open(add)
		}
	}
	return found
}

// open tells of what the internet can reach by its policy.
func (s *site) open(add func(types.FindingType, types.ResourceType, string)) {
	buckets := s.o.sizes(s.a, busy).Buckets
	for k := range buckets {
		if b := s.o.bucket(s.a, k, buckets); b.region == s.region && b.public {
			add(types.FindingTypeExternalAccess, types.ResourceTypeAwsS3Bucket, s.o.bucketARN(b.name))
		}
	}
	for n := range s.Functions {
		if exists, open := s.functionURL(n); exists && open {
			add(types.FindingTypeExternalAccess, types.ResourceTypeAwsLambdaFunction, s.functionARN(n))
		}
	}
}

// unused tells of roles and keys that nobody has used for long.
func (d *directory) unused(add func(types.FindingType, types.ResourceType, string)) {
	since := d.now.AddDate(0, 0, -unusedAge)
	for i := range d.Roles {
		if used := d.lastUsed(i); used == nil || used.LastUsedDate == nil || used.LastUsedDate.Before(since) {
			add(types.FindingTypeUnusedIamRole, types.ResourceTypeAwsIamRole, d.roleARN(i))
		}
	}
	for i := range d.Users {
		if slices.ContainsFunc(d.keysOf(i), func(k accessKey) bool { return k.active && k.used.Before(since) }) {
			add(types.FindingTypeUnusedIamUserAccessKey, types.ResourceTypeAwsIamUser, d.userARN(i))
		}
	}
}
