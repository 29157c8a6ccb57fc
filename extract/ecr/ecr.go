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
var Collectors = []extract.Collector{repositories}

const (
	repositoriesTable = "aws_ecr_repositories"
	imagesTable       = "aws_ecr_images"
	findingsTable     = "aws_ecr_image_scan_findings"
)

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

// repositories leads from repositories to images to findings.
var repositories = extract.Collector{
	Service: service.Info,
	Tables: []extract.Table{
		extract.TableOf[Repository](repositoriesTable),
		extract.TableOf[types.ImageDetail](imagesTable).Under(repositoriesTable),
		extract.TableOf[ScanFinding](findingsTable).Under(imagesTable),
	},
	Calls: append([]extract.Call{
		{Operation: "DescribeRepositories", Table: repositoriesTable, Page: 1000},
		{Operation: "DescribeImages", Table: imagesTable, Per: repositoriesTable},
		{Operation: "DescribeImageScanFindings", Table: findingsTable, Per: imagesTable},
	}, extract.Calls(repositoriesTable, details)...),
	Walk: func(ctx context.Context, u *extract.Unit) error {
		client := service.Client(u)
		pager := ecr.NewDescribeRepositoriesPaginator(client, &ecr.DescribeRepositoriesInput{MaxResults: page})
		return extract.EachPage(ctx, pager, func(o *ecr.DescribeRepositoriesOutput) error {
			rows := make([]Repository, len(o.Repositories))
			for i, r := range o.Repositories {
				rows[i].Repository = r
			}
			if err := extract.Enrich(ctx, u, repositoriesTable, rows, extract.Same[Repository](client), details); err != nil {
				return err
			}
			if err := extract.Emit(u, repositoriesTable, rows); err != nil {
				return err
			}
			return extract.Parallel(ctx, rows, func(ctx context.Context, r *Repository) error { return images(ctx, u, client, r) })
		})
	},
}

// gone are the codes of repositories and images deleted after the list.
var gone = []string{"RepositoryNotFoundException", "ImageNotFoundException"}

func images(ctx context.Context, u *extract.Unit, client *ecr.Client, r *Repository) error {
	if !u.Wants(imagesTable) && !u.Wants(findingsTable) {
		return nil
	}
	pager := ecr.NewDescribeImagesPaginator(client, &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, MaxResults: page})
	err := extract.EachPage(ctx, pager, func(o *ecr.DescribeImagesOutput) error {
		if err := extract.Emit(u, imagesTable, o.ImageDetails); err != nil {
			return err
		}
		if !u.Wants(findingsTable) {
			return nil
		}
		err := extract.Parallel(ctx, o.ImageDetails, func(ctx context.Context, i *types.ImageDetail) error { return findings(ctx, u, client, i) })
		if err != nil {
			u.Fail(ctx, findingsTable, err)
		}
		return nil
	})
	if err != nil && !u.Expect(err, gone) {
		u.Fail(ctx, imagesTable, err)
	}
	return nil
}

func findings(ctx context.Context, u *extract.Unit, client *ecr.Client, i *types.ImageDetail) error {
	pager := ecr.NewDescribeImageScanFindingsPaginator(client, &ecr.DescribeImageScanFindingsInput{
		RepositoryName: i.RepositoryName, RegistryId: i.RegistryId, ImageId: &types.ImageIdentifier{ImageDigest: i.ImageDigest}, MaxResults: page,
	})
	err := extract.EachPage(ctx, pager, func(o *ecr.DescribeImageScanFindingsOutput) error {
		return extract.Emit(u, findingsTable, scanFindings(i, o.ImageScanFindings))
	})
	if u.Expect(err, append([]string{"ScanNotFoundException"}, gone...)) {
		return nil
	}
	return err
}

func scanFindings(i *types.ImageDetail, found *types.ImageScanFindings) []ScanFinding {
	if found == nil {
		return nil
	}
	row := ScanFinding{
		RepositoryName: i.RepositoryName, ImageDigest: i.ImageDigest,
		ImageScanCompletedAt: found.ImageScanCompletedAt, VulnerabilitySourceUpdatedAt: found.VulnerabilitySourceUpdatedAt,
	}
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
