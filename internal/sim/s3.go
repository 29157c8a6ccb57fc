package sim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

func s3Service() service {
	return service{
		id: "S3", name: "s3", dialect: s3Dialect,
		notEnabled: Fault{"NotSignedUp", "Your account is not signed up for the S3 service.", 403},
		errors: model(
			func(m *string) smithy.APIError { return &types.NotFound{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchBucket{Message: m} },
		),
		operations: []operation{
			op(listBuckets, "MaxBuckets", "ContinuationToken", "BucketRegion", "Prefix").as("s3:ListAllMyBuckets"),
			op(ofBucket[s3.HeadBucketInput](headBucket), bucketInput...).as("s3:ListBucket").withoutBody(),
			op(ofBucket[s3.GetBucketLocationInput](bucketLocation), bucketInput...),
			op(ofBucket[s3.GetBucketEncryptionInput](bucketEncryption), bucketInput...).as("s3:GetEncryptionConfiguration"),
			op(ofBucket[s3.GetBucketVersioningInput](bucketVersioning), bucketInput...),
			op(ofBucket[s3.GetBucketPolicyInput](bucketPolicy), bucketInput...),
			op(ofBucket[s3.GetBucketPolicyStatusInput](bucketPolicyStatus), bucketInput...),
			op(ofBucket[s3.GetPublicAccessBlockInput](publicAccessBlock), bucketInput...).as("s3:GetBucketPublicAccessBlock"),
			op(ofBucket[s3.GetBucketLoggingInput](bucketLogging), bucketInput...),
			op(ofBucket[s3.GetBucketTaggingInput](bucketTagging), bucketInput...),
			op(ofBucket[s3.GetBucketLifecycleConfigurationInput](bucketLifecycle), bucketInput...).as("s3:GetLifecycleConfiguration"),
			op(ofBucket[s3.GetBucketOwnershipControlsInput](bucketOwnership), bucketInput...),
			op(ofBucket[s3.GetBucketAclInput](bucketACL), bucketInput...),
			op(ofBucket[s3.GetBucketReplicationInput](bucketReplication), bucketInput...).as("s3:GetReplicationConfiguration"),
			op(ofBucket[s3.GetObjectLockConfigurationInput](objectLock), bucketInput...).as("s3:GetBucketObjectLockConfiguration"),
			op(ofBucket[s3.GetBucketWebsiteInput](bucketWebsite), bucketInput...),
			op(ofBucket[s3.GetBucketNotificationConfigurationInput](bucketNotifications), bucketInput...).as("s3:GetBucketNotification"),
			op(ofBucket[s3.GetBucketCorsInput](bucketCORS), bucketInput...).as("s3:GetBucketCORS"),
		},
	}
}

var bucketInput = []string{"Bucket", "ExpectedBucketOwner"}

// bucketName is the bucket that the input names, if it names one.
func (c *call) bucketName() string { return c.text("Bucket") }

// ofBucket finds the bucket of the input, and makes sure that its region was asked.
func ofBucket[I, O any](answer func(*call, bucket) (*O, error)) func(*call, *I) (*O, error) {
	return func(c *call, _ *I) (*O, error) {
		name := c.bucketName()
		n := c.o.sizes(c.account, busy).Buckets
		i := indexOf(n, func(i int) bool { return c.o.bucketName(c.account, i) == name })
		if i < 0 {
			return nil, c.fault("NoSuchBucket", 404, "The specified bucket does not exist")
		}
		if owner := c.text("ExpectedBucketOwner"); owner != "" && owner != c.account.id {
			return nil, c.fault("AccessDenied", 403, "Access Denied")
		}
		b := c.o.bucket(c.account, i, n)
		// The location is told everywhere: that is how clients find the region to ask.
		if b.region != c.region && c.operation.name != "GetBucketLocation" {
			return nil, c.fault("PermanentRedirect", 301, "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
		}
		return answer(c, b)
	}
}

var bucketPurposes = []string{
	"artifacts", "access-logs", "uploads", "exports", "backups", "static-site", "reports", "terraform-state", "datalake",
	"media", "config", "scratch",
}

// Places in bucketPurposes.
const (
	logsBucket    = 1
	uploadsBucket = 2
)

// bucket is what is decided about a bucket.
type bucket struct {
	n       int
	name    string
	purpose string
	region  string
	seed    seed
	public  bool
	logs    string // the bucket for access logs in the same region; "": none
	backups string // the bucket that this one is copied to; "": none
}

func (o *Organization) bucketName(a *account, n int) string {
	name := strings.TrimPrefix(a.name, "larkfield-")
	return "larkfield-" + name + "-" + pickOf(bucketPurposes, n)
}

// bucketRegion is one of the regions where the account is at work.
func (o *Organization) bucketRegion(a *account, n int) string {
	var active []string
	for _, r := range o.regions {
		if o.activity(a, r) > empty {
			active = append(active, r)
		}
	}
	if len(active) == 0 {
		return o.regions[0]
	}
	if n%4 == 3 {
		return active[n/4%len(active)]
	}
	return active[0]
}

func (o *Organization) bucket(a *account, n, count int) bucket {
	b := bucket{
		n: n, name: o.bucketName(a, n), purpose: bucketPurposes[n%len(bucketPurposes)], region: o.bucketRegion(a, n),
		seed: o.seed.s("bucket").s(a.id).i(n), public: n == uploadsBucket && o.problem(a, 2),
	}
	if n != logsBucket && count > logsBucket && o.bucketRegion(a, logsBucket) == b.region {
		b.logs = o.bucketName(a, logsBucket)
	}
	if b.purpose == "reports" || b.purpose == "terraform-state" {
		b.backups = o.bucketName(a, slices.Index(bucketPurposes, "backups"))
	}
	return b
}

func (b bucket) has(feature string, percent int) bool {
	return b.seed.s(feature).draw().chance(percent)
}

func (o *Organization) bucketARN(name string) string { return o.arnPrefix() + ":s3:::" + name }

func (o *Organization) canonicalID(a *account) string {
	return o.seed.s("canonical user").s(a.id).draw().hex(64)
}

// listBuckets names regions, and pages, only for callers that ask in pages.
func listBuckets(c *call, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	n := c.o.sizes(c.account, busy).Buckets
	paged := in.MaxBuckets != nil || in.ContinuationToken != nil || in.BucketRegion != nil || in.Prefix != nil
	at := func(i int) (types.Bucket, bool) {
		b := c.o.bucket(c.account, i, n)
		item := types.Bucket{Name: aws.String(b.name), CreationDate: aws.Time(b.seed.draw().before(c.o.anchor, 1800))}
		if paged {
			item.BucketRegion, item.BucketArn = aws.String(b.region), aws.String(c.o.bucketARN(b.name))
		}
		inRegion := in.BucketRegion == nil || *in.BucketRegion == b.region
		return item, inRegion && strings.HasPrefix(b.name, aws.ToString(in.Prefix))
	}
	out := &s3.ListBucketsOutput{Owner: &types.Owner{ID: aws.String(c.o.canonicalID(c.account))}, Prefix: in.Prefix}
	var err error
	if !paged {
		for i := range n {
			item, _ := at(i)
			out.Buckets = append(out.Buckets, item)
		}
		return out, nil
	}
	out.Buckets, out.ContinuationToken, err = page(c, request{in.ContinuationToken, in.MaxBuckets}, limits{least: 1, most: 10000}, n, at)
	return out, err
}
