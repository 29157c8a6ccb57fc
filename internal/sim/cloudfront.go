package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"
)

func cloudfrontService() service {
	return service{
		id: "CloudFront", name: "cloudfront", global: true,
		dialect: restDialect.with(func(d *dialect) {
			d.invalidKey.Code, d.expired.Code, d.denied.Code = "InvalidClientTokenId", "ExpiredToken", "AccessDenied"
			d.throttled = Fault{"Throttling", "Rate exceeded", 400}
			d.badToken, d.badInput = "InvalidArgument", "InvalidArgument"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AccessDenied{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidArgument{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchDistribution{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchResource{Message: m} },
		),
		operations: []operation{
			op(listDistributions, "Marker", "MaxItems"),
			op(getDistribution, "Id"),
			op(distributionTags, "Resource"),
		},
	}
}

// staticBucket is the place in bucketPurposes of the pages that a distribution shows.
const staticBucket = 5

// Distributions, by what stands behind them.
const (
	pagesDistribution = iota // a bucket
	shopDistribution         // the public load balancer
)

// distributions tells which distributions an account has.
func (o *Organization) distributions(a *account) []int {
	var list []int
	if o.sizes(a, busy).Buckets > staticBucket {
		list = append(list, pagesDistribution)
	}
	if o.front(a) != nil {
		list = append(list, shopDistribution)
	}
	return list
}

// front is the first site with a public load balancer; nil where the account has none.
func (o *Organization) front(a *account) *site {
	for _, region := range o.regions {
		if s := o.site(a, region); s.publicBalancers() > 0 {
			return s
		}
	}
	return nil
}

func (o *Organization) distributionID(a *account, n int) string {
	return "E" + o.seed.s("distribution").s(a.id).i(n).draw().upper(13)
}

func (o *Organization) distributionARN(a *account, n int) string {
	return o.arn("cloudfront", "", a.id, "distribution/"+o.distributionID(a, n))
}

func (o *Organization) distributionHost(a *account, n int) string {
	return "d" + o.seed.s("distribution host").s(a.id).i(n).draw().lower(13) + ".cloudfront.net"
}

// distributionAlias is the name of the company's that leads to a distribution.
func (a *account) distributionAlias(n int) string {
	if n == shopDistribution {
		return "www." + a.webName()
	}
	return "static." + a.webName()
}

// origin is what stands behind a distribution. The load balancer knows it by the value of a header, which is a secret.
func (o *Organization) origin(a *account, n int) types.Origin {
	item := types.Origin{
		ConnectionAttempts: aws.Int32(3), ConnectionTimeout: aws.Int32(10), OriginPath: aws.String(""), OriginShield: &types.OriginShield{Enabled: aws.Bool(false)},
		CustomHeaders: &types.CustomHeaders{Quantity: aws.Int32(0)}, OriginAccessControlId: aws.String(""),
	}
	d := o.seed.s("origin").s(a.id).i(n).draw()
	if n == pagesDistribution {
		item.Id = aws.String("pages")
		item.DomainName = aws.String(o.bucketName(a, staticBucket) + ".s3." + o.bucketRegion(a, staticBucket) + "." + o.suffix())
		item.OriginAccessControlId, item.S3OriginConfig = aws.String("E"+d.upper(13)), &types.S3OriginConfig{OriginAccessIdentity: aws.String("")}
		return item
	}
	item.Id, item.DomainName = aws.String("load-balancer"), aws.String(o.front(a).balancerHost(0))
	item.CustomHeaders = &types.CustomHeaders{Quantity: aws.Int32(1), Items: []types.OriginCustomHeader{
		{HeaderName: aws.String("X-Origin-Verify"), HeaderValue: aws.String(d.alnum(32))},
	}}
	item.CustomOriginConfig = &types.CustomOriginConfig{
		HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: types.OriginProtocolPolicyHttpsOnly, OriginReadTimeout: aws.Int32(30),
		OriginKeepaliveTimeout: aws.Int32(5), OriginSslProtocols: &types.OriginSslProtocols{Quantity: aws.Int32(1), Items: []types.SslProtocol{types.SslProtocolTLSv12}},
	}
	if o.problem(a, 0) {
		item.CustomOriginConfig.OriginProtocolPolicy = types.OriginProtocolPolicyHttpOnly
	}
	return item
}

func (o *Organization) distribution(a *account, n int) types.DistributionSummary {
	d := o.seed.s("distribution facts").s(a.id).i(n).draw()
	origin := o.origin(a, n)
	item := types.DistributionSummary{
		ARN: aws.String(o.distributionARN(a, n)), Id: aws.String(o.distributionID(a, n)), DomainName: aws.String(o.distributionHost(a, n)),
		Status: aws.String("Deployed"), Enabled: aws.Bool(true), Staging: aws.Bool(false), Comment: aws.String(a.prod.name + " " + *origin.Id), ETag: aws.String("E" + d.upper(13)),
		LastModifiedTime: aws.Time(d.before(o.anchor, 400)), HttpVersion: types.HttpVersionHttp2, IsIPV6Enabled: aws.Bool(true), PriceClass: types.PriceClassPriceClass100,
		Aliases: &types.Aliases{Quantity: aws.Int32(1), Items: []string{a.distributionAlias(n)}},
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{origin}}, OriginGroups: &types.OriginGroups{Quantity: aws.Int32(0)},
		CacheBehaviors: &types.CacheBehaviors{Quantity: aws.Int32(0)}, CustomErrorResponses: &types.CustomErrorResponses{Quantity: aws.Int32(0)},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: origin.Id, ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps, Compress: aws.Bool(true), SmoothStreaming: aws.Bool(false),
			AllowedMethods: &types.AllowedMethods{Quantity: aws.Int32(2), Items: []types.Method{types.MethodHead, types.MethodGet}},
			CachePolicyId:  aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"), FieldLevelEncryptionId: aws.String(""),
			TrustedKeyGroups: &types.TrustedKeyGroups{Enabled: aws.Bool(false), Quantity: aws.Int32(0)},
			TrustedSigners:   &types.TrustedSigners{Enabled: aws.Bool(false), Quantity: aws.Int32(0)},
		},
		Restrictions: &types.Restrictions{GeoRestriction: &types.GeoRestriction{Quantity: aws.Int32(0), RestrictionType: types.GeoRestrictionTypeNone}},
		ViewerCertificate: &types.ViewerCertificate{
			ACMCertificateArn: aws.String(o.site(a, o.home()).certificateARN(edgeCertificate)), CloudFrontDefaultCertificate: aws.Bool(false),
			MinimumProtocolVersion: types.MinimumProtocolVersionTLSv122021, SSLSupportMethod: types.SSLSupportMethodSniOnly,
		},
		WebACLId: aws.String(""),
	}
	if n == shopDistribution && d.chance(60) {
		item.WebACLId = aws.String(o.arn("wafv2", o.home(), a.id, "global/webacl/"+a.prod.name+"/"+d.uuid()))
	}
	if o.problem(a, 0) {
		item.ViewerCertificate.MinimumProtocolVersion = types.MinimumProtocolVersionTLSv12016
		item.DefaultCacheBehavior.ViewerProtocolPolicy = types.ViewerProtocolPolicyAllowAll
	}
	return item
}

func listDistributions(c *call, in *cloudfront.ListDistributionsInput) (*cloudfront.ListDistributionsOutput, error) {
	list := c.o.distributions(c.account)
	items, next, err := page(c, request{in.Marker, in.MaxItems}, limits{least: 1, most: 100}, len(list), all(func(i int) types.DistributionSummary {
		return c.o.distribution(c.account, list[i])
	}))
	if err != nil {
		return nil, err
	}
	return &cloudfront.ListDistributionsOutput{DistributionList: &types.DistributionList{
		Items: items, Quantity: aws.Int32(int32(len(items))), IsTruncated: aws.Bool(next != nil), NextMarker: next, Marker: aws.String(aws.ToString(in.Marker)), MaxItems: in.MaxItems,
	}}, nil
}

func getDistribution(c *call, in *cloudfront.GetDistributionInput) (*cloudfront.GetDistributionOutput, error) {
	for _, n := range c.o.distributions(c.account) {
		if c.o.distributionID(c.account, n) != aws.ToString(in.Id) {
			continue
		}
		d := c.o.distribution(c.account, n)
		config := &types.DistributionConfig{
			CallerReference: aws.String("terraform-" + *d.Id), Comment: d.Comment, Enabled: d.Enabled, Aliases: d.Aliases, Origins: d.Origins, DefaultCacheBehavior: d.DefaultCacheBehavior,
			CacheBehaviors: d.CacheBehaviors, ViewerCertificate: d.ViewerCertificate, WebACLId: d.WebACLId, PriceClass: d.PriceClass, HttpVersion: d.HttpVersion,
			Logging: &types.LoggingConfig{Enabled: aws.Bool(false), IncludeCookies: aws.Bool(false), Bucket: aws.String(""), Prefix: aws.String("")},
		}
		if n == pagesDistribution {
			config.DefaultRootObject = aws.String("index.html")
		}
		if !c.o.problem(c.account, 0) && c.o.sizes(c.account, busy).Buckets > logsBucket {
			config.Logging = &types.LoggingConfig{
				Enabled: aws.Bool(true), IncludeCookies: aws.Bool(false), Prefix: aws.String("cdn/"),
				Bucket: aws.String(c.o.bucketName(c.account, logsBucket) + ".s3." + c.o.suffix()),
			}
		}
		return &cloudfront.GetDistributionOutput{ETag: d.ETag, Distribution: &types.Distribution{
			ARN: d.ARN, Id: d.Id, DomainName: d.DomainName, Status: d.Status, LastModifiedTime: d.LastModifiedTime, InProgressInvalidationBatches: aws.Int32(0), DistributionConfig: config,
		}}, nil
	}
	return nil, c.fault("NoSuchDistribution", 404, "The specified distribution does not exist.")
}

func distributionTags(c *call, in *cloudfront.ListTagsForResourceInput) (*cloudfront.ListTagsForResourceOutput, error) {
	for _, n := range c.o.distributions(c.account) {
		if c.o.distributionARN(c.account, n) == aws.ToString(in.Resource) {
			tags := c.o.resourceTags(c.account, c.o.seed.s("distribution").s(c.account.id).i(n), "", "web")
			return &cloudfront.ListTagsForResourceOutput{Tags: &types.Tags{
				Items: tagList(tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
			}}, nil
		}
	}
	return nil, c.fault("NoSuchResource", 404, "The specified resource does not exist.")
}
