package sim

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucketDetails are the calls about one bucket.
func bucketDetails(c *s3.Client, bucket *string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"head": func(ctx context.Context) error {
			_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
			return err
		},
		"encryption": func(ctx context.Context) error {
			_, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: bucket})
			return err
		},
		"versioning": func(ctx context.Context) error {
			_, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: bucket})
			return err
		},
		"policy": func(ctx context.Context) error {
			_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
			return err
		},
		"policy status": func(ctx context.Context) error {
			_, err := c.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: bucket})
			return err
		},
		"public access block": func(ctx context.Context) error {
			_, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket})
			return err
		},
		"logging": func(ctx context.Context) error {
			_, err := c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: bucket})
			return err
		},
		"tagging": func(ctx context.Context) error {
			_, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: bucket})
			return err
		},
		"lifecycle": func(ctx context.Context) error {
			_, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
			return err
		},
		"ownership": func(ctx context.Context) error {
			_, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: bucket})
			return err
		},
		"ACL": func(ctx context.Context) error {
			_, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: bucket})
			return err
		},
		"replication": func(ctx context.Context) error {
			_, err := c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: bucket})
			return err
		},
		"object lock": func(ctx context.Context) error {
			_, err := c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: bucket})
			return err
		},
		"website": func(ctx context.Context) error {
			_, err := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: bucket})
			return err
		},
		"notifications": func(ctx context.Context) error {
			_, err := c.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: bucket})
			return err
		},
		"CORS": func(ctx context.Context) error {
			_, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: bucket})
			return err
		},
	}
}
