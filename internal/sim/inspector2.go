package sim

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/aws/smithy-go"
)

func inspector2Service() service {
	return service{
		id: "Inspector2", name: "inspector2",
		dialect:    restDialect,
		notEnabled: inspectorOff,
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDeniedException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.ValidationException{Message: m} },
		),
		operations: []operation{
			op(inspected(listInspectorFindings), "FilterCriteria", "SortCriteria", "MaxResults", "NextToken"),
			op(inspected(listCoverage), "FilterCriteria", "MaxResults", "NextToken"),
			op(inspected(listInspectorMembers), "OnlyAssociated", "MaxResults", "NextToken"),
			op(accountStatus, "AccountIds"),
		},
	}
}

var inspectorOff = Fault{"AccessDeniedException", "Invoking account is not enabled.", 403}

func inspected[I, O any](answer func(*call, *I) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, in *I) (*O, error) {
		if !c.o.guarded(c.account, c.region) {
			return nil, &inspectorOff
		}
		return answer(c, in)
	}
}

func listInspectorMembers(c *call, in *inspector2.ListMembersInput) (*inspector2.ListMembersOutput, error) {
	var members []*account
	if c.account == c.o.security {
		members = c.o.guardedMembers()
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 50}, len(members), all(func(i int) types.Member {
		return types.Member{
			AccountId: aws.String(members[i].id), DelegatedAdminAccountId: aws.String(c.account.id), RelationshipStatus: types.RelationshipStatusEnabled,
			UpdatedAt: aws.Time(members[i].joined.AddDate(0, 0, 4)),
		}
	}))
	return &inspector2.ListMembersOutput{Members: items, NextToken: next}, err
}

// accountStatus answers for the caller, and the administrator for its members too.
func accountStatus(c *call, in *inspector2.BatchGetAccountStatusInput) (*inspector2.BatchGetAccountStatusOutput, error) {
	ids := in.AccountIds
	if len(ids) == 0 {
		ids = []string{c.account.id}
	}
	if len(ids) > 100 {
		return nil, c.fault("ValidationException", 400, "accountIds has %d members: at most 100 are allowed", len(ids))
	}
	out := &inspector2.BatchGetAccountStatusOutput{Accounts: []types.AccountState{}}
	for _, id := range ids {
		a := c.account
		if id != a.id {
			i := slices.IndexFunc(c.o.guardedMembers(), func(m *account) bool { return m.id == id })
			if c.account != c.o.security || i < 0 {
				out.FailedAccounts = append(out.FailedAccounts, types.FailedAccount{
					AccountId: aws.String(id), ErrorCode: types.ErrorCodeAccessDenied, ErrorMessage: aws.String("Invoking account does not have access to this account"),
				})
				continue
			}
			a = c.o.guardedMembers()[i]
		}
		status := types.StatusDisabled
		if c.o.guarded(a, c.region) {
			status = types.StatusEnabled
		}
		of := func(s types.Status) *types.State { return &types.State{Status: s} }
		out.Accounts = append(out.Accounts, types.AccountState{
			AccountId: aws.String(id), State: of(status),
			ResourceState: &types.ResourceState{
				Ec2: of(status), Ecr: of(status), Lambda: of(status), LambdaCode: of(types.StatusDisabled), CodeRepository: of(types.StatusDisabled),
			},
		})
	}
	return out, nil
}

// listInspectorFindings answers with the weaknesses of machines that Security Hub has too, and with those of images.
func listInspectorFindings(c *call, in *inspector2.ListFindingsInput) (*inspector2.ListFindingsOutput, error) {
	test, err := c.inspectorTest(in.FilterCriteria)
	if err != nil {
		return nil, err
	}
	findings := spreadOver(c.guardedSites(c.region), func(s *site) int { return s.Findings + s.imageFindings() })
	finding := func(i int) (types.Finding, bool) {
		s, k := findings.at(i)
		f, ok := s.inspectorFinding(k)
		return f, ok && test(f)
	}
	n, at := findings.total, finding
	if by := in.SortCriteria; by != nil {
		if by.Field != types.SortFieldLastObservedAt || by.SortOrder != types.SortOrderAsc {
			return nil, fmt.Errorf("simulated organization: ListFindings sorts by LAST_OBSERVED_AT, the oldest first, alone, not by %s %s", by.Field, by.SortOrder)
		}
		n, at = inOrder(c, in.FilterCriteria, findings.total, func(i int) (time.Time, bool) {
			f, ok := finding(i)
			return aws.ToTime(f.LastObservedAt), ok
		}, func(i int) types.Finding { f, _ := finding(i); return f })
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 100}, n, at)
	return &inspector2.ListFindingsOutput{Findings: items, NextToken: next}, err
}

// inspectorTest compiles filters into a test.
func (c *call) inspectorTest(f *types.FilterCriteria) (func(types.Finding) bool, error) {
	if f == nil {
		return func(types.Finding) bool { return true }, nil
	}
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() || v.Field(i).IsZero() {
			continue
		}
		if !slices.Contains([]string{"AwsAccountId", "FindingStatus", "UpdatedAt", "LastObservedAt"}, name) {
			return nil, fmt.Errorf("simulated organization: ListFindings does not play filter %s", name)
		}
		if v.Field(i).Len() > 10 {
			return nil, c.fault("ValidationException", 400, "Filter %s has %d members: at most 10 are allowed", name, v.Field(i).Len())
		}
	}
	within := func(f types.DateFilter, t time.Time) bool {
		return (f.StartInclusive == nil || !t.Before(*f.StartInclusive)) && (f.EndInclusive == nil || !t.After(*f.EndInclusive))
	}
	return func(item types.Finding) bool {
		return holds(f.AwsAccountId, *item.AwsAccountId) && holds(f.FindingStatus, string(item.Status)) &&
			(len(f.UpdatedAt) == 0 || slices.ContainsFunc(f.UpdatedAt, func(d types.DateFilter) bool { return within(d, *item.UpdatedAt) })) &&
			(len(f.LastObservedAt) == 0 || slices.ContainsFunc(f.LastObservedAt, func(d types.DateFilter) bool { return within(d, *item.LastObservedAt) }))
	}, nil
}

// holds joins filters by or.
func holds(filters []types.StringFilter, value string) bool {
	return len(filters) == 0 || slices.ContainsFunc(filters, func(f types.StringFilter) bool {
		return (aws.ToString(f.Value) == value) == (f.Comparison == types.StringComparisonEquals)
	})
}

// imageFindings is the number of weaknesses in images that Inspector scans.
func (s *site) imageFindings() int {
	n := 0
	s.eachScannedImage(func(_, _, found int) bool { n += found; return true })
	return n
}

// eachScannedImage calls use with the place of each image that Inspector scans, and how much it finds, until that is false.
func (s *site) eachScannedImage(use func(r, i, found int) bool) {
	if !s.enhanced() {
		return
	}
	for r := range s.Repositories {
		for i := range s.images(r) {
			if !use(r, i, s.around(s.ImageFindings, s.image(r, i).seed.s("findings"))) {
				return
			}
		}
	}
}

// inspectorFinding is the kth of a site; what other services of Security Hub have found is left out.
func (s *site) inspectorFinding(k int) (types.Finding, bool) {
	if k < s.Findings {
		return s.machineFinding(k)
	}
	k -= s.Findings
	var f types.Finding
	s.eachScannedImage(func(r, i, found int) bool {
		if k >= found {
			k -= found
			return true
		}
		f = s.weakImage(r, i, k)
		return false
	})
	return f, true
}

// weak is a finding of a known weakness, without its times and resource.
func (s *site) weak(v vulnerability, arn string, p types.VulnerablePackage) types.Finding {
	f := types.Finding{
		FindingArn: aws.String(arn), AwsAccountId: aws.String(s.a.id), Type: types.FindingTypePackageVulnerability, Status: types.FindingStatusActive,
		Title: aws.String(v.title()), Description: aws.String(v.description()), Severity: types.Severity(v.severity), InspectorScore: aws.Float64(v.score),
		ExploitAvailable: types.ExploitAvailableNo, FixAvailable: types.FixAvailableNo, Epss: &types.EpssDetails{Score: v.score / 20},
		InspectorScoreDetails: &types.InspectorScoreDetails{AdjustedCvss: &types.CvssScoreDetails{
			Score: aws.Float64(v.score), ScoreSource: aws.String("NVD"), CvssSource: aws.String("NVD"), ScoringVector: aws.String(v.vector()), Version: aws.String("3.1"),
		}},
		Remediation: &types.Remediation{Recommendation: &types.Recommendation{Text: aws.String("None Provided")}},
		PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{
			VulnerabilityId: aws.String(v.id), Source: aws.String("NVD"), SourceUrl: aws.String(v.url()), VendorSeverity: aws.String(v.severity),
			Cvss:          []types.CvssScore{{BaseScore: aws.Float64(v.score), ScoringVector: aws.String(v.vector()), Source: aws.String("NVD"), Version: aws.String("3.1")}},
			ReferenceUrls: []string{v.url()}, RelatedVulnerabilities: []string{}, VulnerablePackages: []types.VulnerablePackage{p},
		},
	}
	if v.exploit {
		f.ExploitAvailable = types.ExploitAvailableYes
	}
	if v.fixed != "" {
		f.FixAvailable = types.FixAvailableYes
		f.PackageVulnerabilityDetails.VulnerablePackages[0].FixedInVersion = aws.String(v.fixed)
	}
	return f
}

func (s *site) machineFinding(k int) (types.Finding, bool) {
	sent := s.finding(k)
	if *sent.ProductName != "Inspector" {
		return types.Finding{}, false
	}
	v := vulnerabilities[indexOf(len(vulnerabilities), func(i int) bool { return vulnerabilities[i].id == *sent.Vulnerabilities[0].Id })]
	f := s.weak(v, *sent.Id, types.VulnerablePackage{
		Name: aws.String(v.name), Version: aws.String(v.version), PackageManager: types.PackageManager(v.manager), Arch: aws.String("X86_64"),
	})
	f.Epss.Score = *sent.Vulnerabilities[0].EpssScore
	head := s.findingHead(k)
	switch {
	case sent.RecordState == "ARCHIVED":
		f.Status = types.FindingStatusClosed
	case sent.Workflow.Status == "SUPPRESSED":
		f.Status = types.FindingStatusSuppressed
	}
	r := sent.Resources[0]
	m := r.Details.AwsEc2Instance
	launched, err := time.Parse(time.RFC3339, *m.LaunchedAt)
	if err != nil {
		panic(err) // hubTime has written it
	}
	updated := later(head.updated, launched) // what it says of a machine is of one that is there
	f.FirstObservedAt, f.LastObservedAt, f.UpdatedAt = aws.Time(head.created), aws.Time(updated), aws.Time(updated)
	f.Resources = []types.Resource{{
		Id: aws.String((*r.Id)[len(s.arn("ec2", "instance/")):]), Type: types.ResourceTypeAwsEc2Instance, Partition: aws.String(s.o.opts.Partition),
		Region: aws.String(s.region), Tags: r.Tags,
		Details: &types.ResourceDetails{AwsEc2Instance: &types.AwsEc2InstanceDetails{
			Type: m.Type, ImageId: m.ImageId, VpcId: m.VpcId, SubnetId: m.SubnetId, IpV4Addresses: m.IpV4Addresses, IpV6Addresses: []string{},
			IamInstanceProfileArn: m.IamInstanceProfileArn, LaunchedAt: aws.Time(launched), Platform: aws.String("AMAZON_LINUX_2023"),
		}},
	}}
	return f, true
}

// weakImage is the finding that ECR shows for the image too.
func (s *site) weakImage(r, i, k int) types.Finding {
	v, at := s.imageFinding(r, i, k)
	im := s.image(r, i)
	shown := s.enhancedFinding(r, im, v, k, at)
	p := shown.PackageVulnerabilityDetails.VulnerablePackages[0]
	f := s.weak(v, *shown.FindingArn, types.VulnerablePackage{
		Name: p.Name, Version: p.Version, PackageManager: types.PackageManager(v.manager), Arch: p.Arch, SourceLayerHash: p.SourceLayerHash,
	})
	f.FirstObservedAt, f.LastObservedAt, f.UpdatedAt = shown.FirstObservedAt, shown.LastObservedAt, shown.UpdatedAt
	d := shown.Resources[0].Details.AwsEcrContainerImage
	f.Resources = []types.Resource{{
		Id: shown.Resources[0].Id, Type: types.ResourceTypeAwsEcrContainerImage, Partition: aws.String(s.o.opts.Partition), Region: aws.String(s.region),
		Tags: map[string]string{},
		Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
			Architecture: d.Architecture, ImageHash: d.ImageHash, ImageTags: d.ImageTags, Platform: d.Platform, PushedAt: d.PushedAt, Registry: d.Registry,
			RepositoryName: d.RepositoryName,
		}},
	}}
	return f
}
