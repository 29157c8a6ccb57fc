package sim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

func ecrService() service {
	return service{
		id: "ECR", name: "ecr",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"ServerException", "The request failed on the server side.", 500}
			d.badToken, d.badInput = "InvalidParameterException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.ServerException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.RepositoryNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.RepositoryPolicyNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.LifecyclePolicyNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ImageNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.ScanNotFoundException{Message: m} },
		),
		operations: []operation{
			op(describeRepositories, "RegistryId", "RepositoryNames", "MaxResults", "NextToken"),
			op(repositoryTags, "ResourceArn"),
			op(repositoryPolicy, "RegistryId", "RepositoryName"),
			op(lifecyclePolicy, "RegistryId", "RepositoryName"),
			op(describeImages, "RegistryId", "RepositoryName", "ImageIds", "MaxResults", "NextToken"),
			op(describeImageScanFindings, "RegistryId", "RepositoryName", "ImageId", "MaxResults", "NextToken"),
			op(registryScanning),
		},
	}
}

var ecrPages = limits{least: 1, most: 1000, standard: 100}

var componentNames = []string{"api", "web", "worker", "migrations", "sidecar", "cron", "proxy", "tools"}

func (s *site) repositoryName(r int) string {
	return s.a.prod.name + "/" + pickOf(componentNames, r)
}

func (s *site) repositoryARN(r int) string {
	return s.arn("ecr", "repository/"+s.repositoryName(r))
}

// enhanced says whether the region's registry is scanned by Inspector.
func (s *site) enhanced() bool {
	return s.o.guarded(s.a, s.region) && s.seed.s("enhanced scanning").draw().chance(50)
}

func (s *site) scanned(r int) bool {
	return s.enhanced() || !s.at("never scanned", r).draw().chance(25)
}

func (s *site) repository(r int) types.Repository {
	d := s.at("repository", r).draw()
	item := types.Repository{
		RepositoryName: aws.String(s.repositoryName(r)), RepositoryArn: aws.String(s.repositoryARN(r)), RegistryId: aws.String(s.a.id),
		RepositoryUri: aws.String(s.a.id + ".dkr.ecr." + s.region + "." + s.o.suffix() + "/" + s.repositoryName(r)), CreatedAt: aws.Time(d.before(s.o.anchor, 1000)),
		ImageTagMutability:         pick(d, []types.ImageTagMutability{types.ImageTagMutabilityMutable, types.ImageTagMutabilityImmutable}),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: s.scanned(r)},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
	}
	if d.chance(40) {
		item.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms, KmsKey: aws.String(s.keyARN("ecr"))}
	}
	return item
}

// ofRegistry checks that the registry asked is the account's own.
func ofRegistry(c *call, id *string) (*site, error) {
	if id != nil && *id != c.account.id {
		return nil, c.denied(c.operation.action, "because no resource-based policy allows the "+c.operation.action+" action", false)
	}
	return c.site(), nil
}

func (c *call) findRepository(registry, name *string) (*site, int, error) {
	s, err := ofRegistry(c, registry)
	if err != nil {
		return nil, 0, err
	}
	r := indexOf(s.Repositories, func(r int) bool { return s.repositoryName(r) == aws.ToString(name) })
	if r < 0 {
		return nil, 0, c.fault("RepositoryNotFoundException", 400, "The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), s.a.id)
	}
	return s, r, nil
}

func describeRepositories(c *call, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	s, err := ofRegistry(c, in.RegistryId)
	if err != nil {
		return nil, err
	}
	for _, name := range in.RepositoryNames {
		if _, _, err := c.findRepository(in.RegistryId, &name); err != nil {
			return nil, err
		}
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecrPages, s.Repositories, func(r int) (types.Repository, bool) {
		return s.repository(r), len(in.RepositoryNames) == 0 || slices.Contains(in.RepositoryNames, s.repositoryName(r))
	})
	return &ecr.DescribeRepositoriesOutput{Repositories: items, NextToken: next}, err
}

func repositoryTags(c *call, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	s := c.site()
	r := indexOf(s.Repositories, func(r int) bool { return s.repositoryARN(r) == aws.ToString(in.ResourceArn) })
	if r < 0 {
		return nil, c.fault("RepositoryNotFoundException", 400, "The repository %s does not exist", aws.ToString(in.ResourceArn))
	}
	tags := tagList(s.o.resourceTags(s.a, s.at("repository", r), "", pickOf(componentNames, r)), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &ecr.ListTagsForResourceOutput{Tags: tags}, nil
}

func repositoryPolicy(c *call, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	s, r, err := c.findRepository(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if !s.at("repository policy", r).draw().chance(50) {
		return nil, c.fault("RepositoryPolicyNotFoundException", 400, "Repository policy does not exist for the repository with name '%s'", *in.RepositoryName)
	}
	p := policy(statement{
		Sid: "PullWithinOrganization", Effect: "Allow", Principal: map[string]any{"AWS": "*"},
		Action:    []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		Condition: map[string]any{"StringEquals": map[string]string{"aws:PrincipalOrgID": s.o.orgID}},
	})
	return &ecr.GetRepositoryPolicyOutput{PolicyText: aws.String(p.json()), RegistryId: aws.String(s.a.id), RepositoryName: in.RepositoryName}, nil
}

func lifecyclePolicy(c *call, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	s, r, err := c.findRepository(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	d := s.at("lifecycle policy", r).draw()
	if !d.chance(60) {
		return nil, c.fault("LifecyclePolicyNotFoundException", 400, "Lifecycle policy does not exist for the repository with name '%s'", *in.RepositoryName)
	}
	text := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":` +
		itoa(7*(1+d.n(4))) + `},"action":{"type":"expire"}}]}`
	return &ecr.GetLifecyclePolicyOutput{
		LifecyclePolicyText: aws.String(text), RegistryId: aws.String(s.a.id), RepositoryName: in.RepositoryName, LastEvaluatedAt: aws.Time(s.now.Truncate(24 * time.Hour)),
	}, nil
}

// image is what is decided about an image.
type image struct {
	seed   seed
	digest string
	tags   []string
	pushed time.Time
}

// images is how many images a repository has: about the average.
func (s *site) images(r int) int { return s.around(s.Images, s.at("images", r)) }

func (s *site) around(mean int, at seed) int {
	if mean <= 1 {
		return mean
	}
	return mean/2 + at.draw().n(mean+1)
}

func (s *site) image(r, i int) image {
	im := image{seed: s.at("image", r).i(i)}
	d := im.seed.draw()
	im.digest = "sha256:" + d.hex(64)
	im.pushed = s.o.anchor.AddDate(0, 0, -9*i).Add(-time.Duration(d.n(9*86400)) * time.Second)
	switch {
	case i == 0:
		im.tags = []string{"latest", "v1." + itoa(40) + ".0"}
	case !d.chance(25):
		im.tags = []string{"v1." + itoa(max(0, 40-i)) + "." + itoa(i)}
	}
	return im
}

func (s *site) imageDetail(r, i int) types.ImageDetail {
	im := s.image(r, i)
	d := im.seed.s("facts").draw()
	item := types.ImageDetail{
		ImageDigest: aws.String(im.digest), ImageTags: im.tags, ImagePushedAt: aws.Time(im.pushed), RegistryId: aws.String(s.a.id),
		RepositoryName: aws.String(s.repositoryName(r)), ImageSizeInBytes: aws.Int64(int64(8_000_000 + d.n(600_000_000))), ImageStatus: types.ImageStatusActive,
		ImageManifestMediaType: aws.String("application/vnd.oci.image.manifest.v1+json"), ArtifactMediaType: aws.String("application/vnd.oci.image.config.v1+json"),
	}
	if len(im.tags) > 0 {
		last, _ := cycle(d, s.o.anchor, s.now, time.Duration(1+d.n(60))*24*time.Hour)
		item.LastRecordedPullTime = aws.Time(later(last, im.pushed).Truncate(24 * time.Hour))
	}
	if s.scanned(r) && !s.enhanced() {
		item.ImageScanStatus = &types.ImageScanStatus{Status: types.ScanStatusComplete, Description: aws.String("The scan was completed successfully.")}
		if item.ImageScanFindingsSummary = s.scanSummary(r, i); s.unsupported(im) {
			item.ImageScanStatus, item.ImageScanFindingsSummary = unsupportedImage(), nil
		}
	}
	return item
}

// findImage looks an image up by digest or tag.
func (c *call) findImage(s *site, r int, id types.ImageIdentifier) (int, error) {
	i := indexOf(s.images(r), func(i int) bool {
		im := s.image(r, i)
		return (id.ImageDigest == nil || *id.ImageDigest == im.digest) && (id.ImageTag == nil || slices.Contains(im.tags, *id.ImageTag)) && (id.ImageDigest != nil || id.ImageTag != nil)
	})
	if i < 0 {
		return 0, c.fault("ImageNotFoundException", 400, "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s'",
			aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag), s.repositoryName(r))
	}
	return i, nil
}

func describeImages(c *call, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	s, r, err := c.findRepository(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if len(in.ImageIds) > 0 {
		if in.MaxResults != nil || len(in.ImageIds) > 100 {
			return nil, c.fault("InvalidParameterException", 400, "imageIds takes at most 100 values and excludes maxResults")
		}
		out := &ecr.DescribeImagesOutput{}
		for _, id := range in.ImageIds {
			i, err := c.findImage(s, r, id)
			if err != nil {
				return nil, err
			}
			out.ImageDetails = append(out.ImageDetails, s.imageDetail(r, i))
		}
		return out, nil
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, ecrPages, s.images(r), all(func(i int) types.ImageDetail { return s.imageDetail(r, i) }))
	return &ecr.DescribeImagesOutput{ImageDetails: items, NextToken: next}, err
}

func registryScanning(c *call, _ *ecr.GetRegistryScanningConfigurationInput) (*ecr.GetRegistryScanningConfigurationOutput, error) {
	s := c.site()
	conf := &types.RegistryScanningConfiguration{ScanType: types.ScanTypeBasic, Rules: []types.RegistryScanningRule{}}
	if s.enhanced() {
		conf.ScanType = types.ScanTypeEnhanced
		conf.Rules = []types.RegistryScanningRule{{
			ScanFrequency:     types.ScanFrequencyContinuousScan,
			RepositoryFilters: []types.ScanningRepositoryFilter{{Filter: aws.String("*"), FilterType: types.ScanningRepositoryFilterTypeWildcard}},
		}}
	}
	return &ecr.GetRegistryScanningConfigurationOutput{RegistryId: aws.String(s.a.id), ScanningConfiguration: conf}, nil
}
