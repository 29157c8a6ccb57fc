// Package s3 collects buckets. Objects are never listed or read.
package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"stocktake/extract"
)

var service = extract.Service[s3.Client, s3.Options]{
	Info: extract.ServiceInfo{Name: "s3", ID: s3.ServiceID, Actions: map[string][]string{
		"ListBuckets":                        {"s3:ListAllMyBuckets"},
		"GetBucketEncryption":                {"s3:GetEncryptionConfiguration"},
		"GetBucketLifecycleConfiguration":    {"s3:GetLifecycleConfiguration"},
		"GetPublicAccessBlock":               {"s3:GetBucketPublicAccessBlock"},
		"GetBucketReplication":               {"s3:GetReplicationConfiguration"},
		"GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
		"GetBucketCors":                      {"s3:GetBucketCORS"},
		"GetObjectLockConfiguration":         {"s3:GetBucketObjectLockConfiguration"},
	}},
	New: s3.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{buckets}

const bucketsTable = "aws_s3_buckets"

// Bucket is a types.Bucket with its settings, each from a call of its own.
type Bucket struct {
	types.Bucket
	extract.Incomplete
	Tags                 []types.Tag
	Policy               *string
	PolicyStatus         *types.PolicyStatus
	PublicAccessBlock    *types.PublicAccessBlockConfiguration
	OwnershipControls    *types.OwnershipControls
	AclOwner             *types.Owner
	AclGrants            []types.Grant
	Encryption           *types.ServerSideEncryptionConfiguration
	VersioningStatus     types.BucketVersioningStatus
	MfaDelete            types.MFADeleteStatus
	Logging              *types.LoggingEnabled
	LifecycleRules       []types.LifecycleRule
	LifecycleMinimumSize types.TransitionDefaultMinimumObjectSize
	Replication          *types.ReplicationConfiguration
	ObjectLock           *types.ObjectLockConfiguration
	Website              *Website
	Notification         *Notification
	CorsRules            []types.CORSRule
}

// Website is a bucket's website configuration.
type Website struct {
	ErrorDocument         *types.ErrorDocument
	IndexDocument         *types.IndexDocument
	RedirectAllRequestsTo *types.RedirectAllRequestsTo
	RoutingRules          []types.RoutingRule
}

// Notification is a bucket's notification configuration.
type Notification struct {
	EventBridgeConfiguration     *types.EventBridgeConfiguration
	LambdaFunctionConfigurations []types.LambdaFunctionConfiguration
	QueueConfigurations          []types.QueueConfiguration
	TopicConfigurations          []types.TopicConfiguration
}

type detail = extract.Detail[s3.Client, Bucket]

// details are the settings of a bucket. The absent codes are S3's ways to say
// that a setting was never made.
var details = []detail{
	{Operation: "GetBucketTagging", Columns: []string{"tags"}, Absent: []string{"NoSuchTagSet"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b.Name})
			if err == nil {
				b.Tags = o.TagSet
			}
			return err
		}},
	{Operation: "GetBucketPolicy", Columns: []string{"policy"}, Absent: []string{"NoSuchBucketPolicy"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b.Name})
			if err == nil {
				b.Policy = o.Policy
			}
			return err
		}},
	{Operation: "GetBucketPolicyStatus", Columns: []string{"policy_status"}, Absent: []string{"NoSuchBucketPolicy"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: b.Name})
			if err == nil {
				b.PolicyStatus = o.PolicyStatus
			}
			return err
		}},
	{Operation: "GetPublicAccessBlock", Columns: []string{"public_access_block"}, Absent: []string{"NoSuchPublicAccessBlockConfiguration"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b.Name})
			if err == nil {
				b.PublicAccessBlock = o.PublicAccessBlockConfiguration
			}
			return err
		}},
	{Operation: "GetBucketOwnershipControls", Columns: []string{"ownership_controls"}, Absent: []string{"OwnershipControlsNotFoundError"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: b.Name})
			if err == nil {
				b.OwnershipControls = o.OwnershipControls
			}
			return err
		}},
	{Operation: "GetBucketAcl", Columns: []string{"acl_owner", "acl_grants"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b.Name})
			if err == nil {
				b.AclOwner, b.AclGrants = o.Owner, o.Grants
			}
			return err
		}},
	{Operation: "GetBucketEncryption", Columns: []string{"encryption"}, Absent: []string{"ServerSideEncryptionConfigurationNotFoundError"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b.Name})
			if err == nil {
				b.Encryption = o.ServerSideEncryptionConfiguration
			}
			return err
		}},
	{Operation: "GetBucketVersioning", Columns: []string{"versioning_status", "mfa_delete"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b.Name})
			if err == nil {
				b.VersioningStatus, b.MfaDelete = o.Status, o.MFADelete
			}
			return err
		}},
	{Operation: "GetBucketLogging", Columns: []string{"logging"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b.Name})
			if err == nil {
				b.Logging = o.LoggingEnabled
			}
			return err
		}},
	{Operation: "GetBucketLifecycleConfiguration", Columns: []string{"lifecycle_rules", "lifecycle_minimum_size"}, Absent: []string{"NoSuchLifecycleConfiguration"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b.Name})
			if err == nil {
				b.LifecycleRules, b.LifecycleMinimumSize = o.Rules, o.TransitionDefaultMinimumObjectSize
			}
			return err
		}},
	{Operation: "GetBucketReplication", Columns: []string{"replication"}, Absent: []string{"ReplicationConfigurationNotFoundError"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: b.Name})
			if err == nil {
				b.Replication = o.ReplicationConfiguration
			}
			return err
		}},
	{Operation: "GetObjectLockConfiguration", Columns: []string{"object_lock"}, Absent: []string{"ObjectLockConfigurationNotFoundError"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: b.Name})
			if err == nil {
				b.ObjectLock = o.ObjectLockConfiguration
			}
			return err
		}},
	{Operation: "GetBucketWebsite", Columns: []string{"website"}, Absent: []string{"NoSuchWebsiteConfiguration"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b.Name})
			if err == nil {
				b.Website = &Website{o.ErrorDocument, o.IndexDocument, o.RedirectAllRequestsTo, o.RoutingRules}
			}
			return err
		}},
	{Operation: "GetBucketNotificationConfiguration", Columns: []string{"notification"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: b.Name})
			if err != nil {
				return err
			}
			// S3 answers with an empty configuration where there is none.
			if o.EventBridgeConfiguration != nil || o.LambdaFunctionConfigurations != nil || o.QueueConfigurations != nil || o.TopicConfigurations != nil {
				b.Notification = &Notification{o.EventBridgeConfiguration, o.LambdaFunctionConfigurations, o.QueueConfigurations, o.TopicConfigurations}
			}
			return nil
		}},
	{Operation: "GetBucketCors", Columns: []string{"cors_rules"}, Absent: []string{"NoSuchCORSConfiguration"},
		Read: func(ctx context.Context, c *s3.Client, b *Bucket) error {
			o, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b.Name})
			if err == nil {
				b.CorsRules = o.CORSRules
			}
			return err
		}},
}

// buckets are listed once for the account; each is then asked about in its own
// region.
var buckets = extract.Collector{
	Service:   service.Info,
	Scope:     extract.Global,
	AnyRegion: true,
	Tables:    []extract.Table{extract.TableOf[Bucket](bucketsTable)},
	Calls: append([]extract.Call{
		{Operation: "ListBuckets", Page: 1000},
		{Operation: "GetBucketLocation", Columns: []string{"region"}},
	}, extract.Calls(bucketsTable, details)...),
	Walk: func(ctx context.Context, u *extract.Unit) error {
		pager := s3.NewListBucketsPaginator(service.Client(u), &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)})
		return extract.EachPage(ctx, pager, func(o *s3.ListBucketsOutput) error {
			rows := make([]Bucket, len(o.Buckets))
			for i, b := range o.Buckets {
				rows[i].Bucket = b
			}
			if err := extract.Parallel(ctx, rows, func(ctx context.Context, b *Bucket) error { return locate(ctx, u, b) }); err != nil {
				return err
			}
			inRegion := func(b *Bucket) *s3.Client {
				if b.BucketRegion == nil {
					return service.Client(u) // S3 answers for some buckets of other regions
				}
				return service.In(u, *b.BucketRegion)
			}
			if err := extract.Enrich(ctx, u, bucketsTable, rows, inRegion, details); err != nil {
				return err
			}
			return extract.Emit(u, bucketsTable, rows)
		})
	},
}

// locate finds the region of a bucket where ListBuckets did not tell it.
func locate(ctx context.Context, u *extract.Unit, b *Bucket) error {
	if b.BucketRegion != nil {
		return nil
	}
	o, err := service.Client(u).GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b.Name})
	if err != nil {
		b.Miss("region")
		return u.Refused(ctx, bucketsTable, err)
	}
	region := string(o.LocationConstraint)
	switch region {
	case "":
		region = "us-east-1"
	case "EU":
		region = "eu-west-1"
	}
	b.BucketRegion = &region
	return nil
}
