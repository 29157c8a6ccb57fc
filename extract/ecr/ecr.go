// Package ecr collects repositories, their images, and what scans found in them.
package ecr

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"stocktake/extract"
)

var service = extract.Service[ecr.Client, ecr.Options]{
	Info: extract.ServiceInfo{Name: "ecr", ID: ecr.ServiceID},
	New:  ecr.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{registry()}

// repositories is the tree of all tables; s tells which images are asked for
// their scans.
func repositories(s *scans) extract.Level[ecr.Client, extract.Root, Repository] {
	return extract.Level[ecr.Client, extract.Root, Repository]{
		Table: "aws_ecr_repositories",
		Rows: extract.Pages(service, ecr.NewDescribeRepositoriesPaginator,
			extract.Always(&ecr.DescribeRepositoriesInput{MaxResults: page}),
			func(o *ecr.DescribeRepositoriesOutput) []Repository {
				return extract.Map(o.Repositories, func(r types.Repository) Repository { return Repository{Repository: r} })
			}),
		Details:  details,
		Children: []extract.Branch[ecr.Client, Repository]{images(s)},
	}
}

func images(s *scans) extract.Level[ecr.Client, Repository, types.ImageDetail] {
	return extract.Level[ecr.Client, Repository, types.ImageDetail]{
		Table: "aws_ecr_images",
		Gone:  gone,
		Rows: extract.Pages(service, ecr.NewDescribeImagesPaginator,
			func(r *Repository) *ecr.DescribeImagesInput {
				return &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, MaxResults: page}
			},
			func(o *ecr.DescribeImagesOutput) []types.ImageDetail { return o.ImageDetails }),
		Children: []extract.Branch[ecr.Client, types.ImageDetail]{findings},
		Choose:   s.of,
	}
}

var findings = extract.Level[ecr.Client, types.ImageDetail, ScanFinding]{
	Table: findingsTable,
	Gone:  append([]string{"ScanNotFoundException"}, gone...),
	Rows: extract.Pages(service, ecr.NewDescribeImageScanFindingsPaginator,
		func(i *types.ImageDetail) *ecr.DescribeImageScanFindingsInput {
			return &ecr.DescribeImageScanFindingsInput{
				RepositoryName: i.RepositoryName, RegistryId: i.RegistryId, ImageId: &types.ImageIdentifier{ImageDigest: i.ImageDigest}, MaxResults: page,
			}
		},
		func(o *ecr.DescribeImageScanFindingsOutput) []ScanFinding { return scanFindings(o.ImageScanFindings) }),
	Own: func(i *types.ImageDetail, f *ScanFinding) {
		f.RepositoryName, f.ImageDigest = i.RepositoryName, i.ImageDigest
	},
}

// gone are the codes of repositories and images deleted after the list.
var gone = []string{"RepositoryNotFoundException", "ImageNotFoundException"}

var page = aws.Int32(1000)

// Repository is a types.Repository with its policies and tags.
type Repository struct {
	types.Repository
	extract.Incomplete
	Tags            []types.Tag
	Policy          *string
	LifecyclePolicy *string
}

// ScanFinding is a finding of either kind of scan. Basic scans fill Name, Uri,
// Attributes and the common fields; enhanced scans the rest.
type ScanFinding struct {
	RepositoryName *string
	ImageDigest    *string
	FindingId      string // ARN, or name, package and version of a basic finding
	ScanType       string // BASIC or ENHANCED
	Name           *string
	Uri            *string
	Attributes     []types.Attribute
	types.EnhancedImageScanFinding
	Score                        *float64 // over the embedded one, which is 0 where there is none
	ImageScanCompletedAt         *time.Time
	VulnerabilitySourceUpdatedAt *time.Time
}

var details = []extract.Detail[ecr.Client, Repository]{
	{Operation: "ListTagsForResource", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *ecr.Client, r *Repository) error {
			o, err := c.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})
			if err == nil {
				r.Tags = o.Tags
			}
			return err
		}},
	{Operation: "GetRepositoryPolicy", Columns: []string{"policy"}, Absent: []string{"RepositoryPolicyNotFoundException"},
		Read: func(ctx context.Context, c *ecr.Client, r *Repository) error {
			o, err := c.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId})
			if err == nil {
				r.Policy = o.PolicyText
			}
			return err
		}},
	{Operation: "GetLifecyclePolicy", Columns: []string{"lifecycle_policy"}, Absent: []string{"LifecyclePolicyNotFoundException"},
		Read: func(ctx context.Context, c *ecr.Client, r *Repository) error {
			o, err := c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId})
			if err == nil {
				r.LifecyclePolicy = o.LifecyclePolicyText
			}
			return err
		}},
}

func scanFindings(found *types.ImageScanFindings) []ScanFinding {
	if found == nil {
		return nil
	}
	row := ScanFinding{ImageScanCompletedAt: found.ImageScanCompletedAt, VulnerabilitySourceUpdatedAt: found.VulnerabilitySourceUpdatedAt}
	var rows []ScanFinding
	for _, f := range found.Findings {
		b := row
		b.ScanType, b.FindingId = "BASIC", basicID(f)
		b.Name, b.Uri, b.Attributes, b.Description = f.Name, f.Uri, f.Attributes, f.Description
		if f.Severity != "" {
			b.Severity = aws.String(string(f.Severity))
		}
		rows = append(rows, b)
	}
	for _, f := range found.EnhancedFindings {
		e := row
		e.ScanType, e.FindingId, e.EnhancedImageScanFinding = "ENHANCED", aws.ToString(f.FindingArn), f
		e.Score = &f.Score
		if f.PackageVulnerabilityDetails != nil {
			e.Name, e.Uri = f.PackageVulnerabilityDetails.VulnerabilityId, f.PackageVulnerabilityDetails.SourceUrl
		}
		rows = append(rows, e)
	}
	return rows
}

// basicID names a basic finding: one weakness may be in several packages.
func basicID(f types.ImageScanFinding) string {
	parts := []string{aws.ToString(f.Name), "", ""}
	for _, a := range f.Attributes {
		switch aws.ToString(a.Key) {
		case "package_name":
			parts[1] = aws.ToString(a.Value)
		case "package_version":
			parts[2] = aws.ToString(a.Value)
		}
	}
	return strings.Join(parts, " ")
}
