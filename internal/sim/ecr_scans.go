package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// imageFinding is one weakness in an image: which, and where in the pool it was drawn from.
func (s *site) imageFinding(r, i, k int) (vulnerability, seed) {
	at := s.at("image finding", r).i(i)
	first := at.draw().n(len(vulnerabilities))
	return vulnerabilities[(first+k*7)%len(vulnerabilities)], at.i(k)
}

// packageVersion tells the same weakness in several builds of a package apart once the pool is used up.
func packageVersion(v vulnerability, k int) string {
	if again := k / len(vulnerabilities); again > 0 {
		return v.version + "-r" + itoa(again)
	}
	return v.version
}

func basicFinding(v vulnerability, k int) types.ImageScanFinding {
	attribute := func(key, value string) types.Attribute {
		return types.Attribute{Key: aws.String(key), Value: aws.String(value)}
	}
	return types.ImageScanFinding{
		Name: aws.String(v.id), Description: aws.String(v.description()), Severity: types.FindingSeverity(v.severity), Uri: aws.String(v.url()),
		Attributes: []types.Attribute{attribute("package_name", v.name), attribute("package_version", packageVersion(v, k)), attribute("CVSS3_VECTOR", v.vector())},
	}
}

func (s *site) enhancedFinding(r int, im image, v vulnerability, k int, at seed) types.EnhancedImageScanFinding {
	d := at.draw()
	updated, _ := cycle(d, s.o.anchor, s.now, time.Duration(1+d.n(20))*24*time.Hour)
	updated = later(updated, im.pushed)
	yesNo := map[bool]string{true: "YES", false: "NO"}
	f := types.EnhancedImageScanFinding{
		FindingArn: aws.String(s.arn("inspector2", "finding/"+d.hex(32))), AwsAccountId: aws.String(s.a.id), Type: aws.String("PACKAGE_VULNERABILITY"),
		Title: aws.String(v.title()), Description: aws.String(v.description()), Severity: aws.String(v.severity), Status: aws.String("ACTIVE"), Score: v.score,
		FirstObservedAt: aws.Time(im.pushed.Add(time.Minute)), LastObservedAt: aws.Time(updated), UpdatedAt: aws.Time(updated),
		ExploitAvailable: aws.String(yesNo[v.exploit]), FixAvailable: aws.String(yesNo[v.fixed != ""]),
		ScoreDetails: &types.ScoreDetails{Cvss: &types.CvssScoreDetails{Score: v.score, ScoreSource: aws.String("NVD"), ScoringVector: aws.String(v.vector()), Version: aws.String("3.1")}},
		Remediation:  &types.Remediation{Recommendation: &types.Recommendation{Text: aws.String("None Provided")}},
		PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{
			VulnerabilityId: aws.String(v.id), Source: aws.String("NVD"), SourceUrl: aws.String(v.url()), VendorSeverity: aws.String(v.severity),
			Cvss:               []types.CvssScore{{BaseScore: v.score, ScoringVector: aws.String(v.vector()), Source: aws.String("NVD"), Version: aws.String("3.1")}},
			ReferenceUrls:      []string{v.url()},
			VulnerablePackages: []types.VulnerablePackage{{Name: aws.String(v.name), Version: aws.String(packageVersion(v, k)), PackageManager: aws.String(v.manager), Arch: aws.String("X86_64"), Epoch: aws.Int32(0), SourceLayerHash: aws.String("sha256:" + d.hex(64))}},
		},
		Resources: []types.Resource{{
			Id: aws.String(s.repositoryARN(r) + "/" + im.digest), Type: aws.String("AWS_ECR_CONTAINER_IMAGE"),
			Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
				Architecture: aws.String("amd64"), ImageHash: aws.String(im.digest), ImageTags: im.tags, Platform: aws.String("DEBIAN_12"),
				PushedAt: aws.Time(im.pushed), Registry: aws.String(s.a.id), RepositoryName: aws.String(s.repositoryName(r)),
			}},
		}},
	}
	if v.fixed != "" {
		f.PackageVulnerabilityDetails.VulnerablePackages[0].FixedInVersion = aws.String(v.fixed)
	}
	return f
}

// unsupported says whether basic scans cannot read an image.
func (s *site) unsupported(im image) bool {
	return !s.enhanced() && im.seed.s("unsupported").draw().chance(8)
}

func unsupportedImage() *types.ImageScanStatus {
	return &types.ImageScanStatus{
		Status: types.ScanStatusUnsupportedImage, Description: aws.String("UnsupportedImageError: The operating system and/or package manager are not supported."),
	}
}

// scanSummary is what a scan says as a whole.
func (s *site) scanSummary(r, i int) *types.ImageScanFindingsSummary {
	im := s.image(r, i)
	counts := map[string]int32{}
	for k := range s.around(s.ImageFindings, im.seed.s("findings")) {
		v, _ := s.imageFinding(r, i, k)
		counts[v.severity]++
	}
	return &types.ImageScanFindingsSummary{
		FindingSeverityCounts: counts, ImageScanCompletedAt: aws.Time(im.pushed.Add(time.Minute)), VulnerabilitySourceUpdatedAt: aws.Time(im.pushed.Truncate(24 * time.Hour)),
	}
}

func describeImageScanFindings(c *call, in *ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	s, r, err := c.findRepository(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	i, err := c.findImage(s, r, *in.ImageId)
	if err != nil {
		return nil, err
	}
	im := s.image(r, i)
	if !s.scanned(r) {
		return nil, c.fault("ScanNotFoundException", 400, "Image scan does not exist for the image with imageId {imageDigest:'%s'} in the repository with name '%s'", im.digest, *in.RepositoryName)
	}
	if s.unsupported(im) {
		return &ecr.DescribeImageScanFindingsOutput{
			ImageId: &types.ImageIdentifier{ImageDigest: aws.String(im.digest), ImageTag: in.ImageId.ImageTag}, RegistryId: aws.String(s.a.id),
			RepositoryName: in.RepositoryName, ImageScanFindings: &types.ImageScanFindings{}, ImageScanStatus: unsupportedImage(),
		}, nil
	}
	n := s.around(s.ImageFindings, im.seed.s("findings"))
	positions, next, err := page(c, request{in.NextToken, in.MaxResults}, ecrPages, n, all(func(k int) int { return k }))
	if err != nil {
		return nil, err
	}
	summary := s.scanSummary(r, i)
	found := &types.ImageScanFindings{
		FindingSeverityCounts: summary.FindingSeverityCounts, ImageScanCompletedAt: summary.ImageScanCompletedAt,
		VulnerabilitySourceUpdatedAt: summary.VulnerabilitySourceUpdatedAt,
	}
	status := &types.ImageScanStatus{Status: types.ScanStatusComplete, Description: aws.String("The scan was completed successfully.")}
	if s.enhanced() {
		status = &types.ImageScanStatus{Status: types.ScanStatusActive, Description: aws.String("Continuous scan is selected for image.")}
	}
	for _, k := range positions {
		v, at := s.imageFinding(r, i, k)
		if s.enhanced() {
			found.EnhancedFindings = append(found.EnhancedFindings, s.enhancedFinding(r, im, v, k, at))
		} else {
			found.Findings = append(found.Findings, basicFinding(v, k))
		}
	}
	return &ecr.DescribeImageScanFindingsOutput{
		ImageId: &types.ImageIdentifier{ImageDigest: aws.String(im.digest), ImageTag: in.ImageId.ImageTag}, RegistryId: aws.String(s.a.id),
		RepositoryName: in.RepositoryName, ImageScanFindings: found, ImageScanStatus: status, NextToken: next,
	}, nil
}
