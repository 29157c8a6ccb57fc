package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func headBucket(c *call, b bucket) (*s3.HeadBucketOutput, error) {
	return &s3.HeadBucketOutput{
		BucketRegion: aws.String(b.region), BucketArn: aws.String(c.o.bucketARN(b.name)), AccessPointAlias: aws.Bool(false),
	}, nil
}

func bucketLocation(c *call, b bucket) (*s3.GetBucketLocationOutput, error) {
	location := types.BucketLocationConstraint(b.region)
	switch {
	case b.region == "us-east-1":
		location = ""
	case b.region == "eu-west-1" && b.has("old location", 50): // made before the region had its present name
		location = types.BucketLocationConstraintEu
	}
	return &s3.GetBucketLocationOutput{LocationConstraint: location}, nil
}

func bucketEncryption(c *call, b bucket) (*s3.GetBucketEncryptionOutput, error) {
	if b.has("no encryption", 6) {
		return nil, c.fault("ServerSideEncryptionConfigurationNotFoundError", 404, "The server side encryption configuration was not found")
	}
	rule := types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
		BucketKeyEnabled:                   aws.Bool(false),
	}
	if b.has("kms", 40) {
		rule.BucketKeyEnabled = aws.Bool(true)
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(c.o.site(c.account, b.region).keyARN("s3")),
		}
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}}}, nil
}

func bucketVersioning(c *call, b bucket) (*s3.GetBucketVersioningOutput, error) {
	out := &s3.GetBucketVersioningOutput{}
	switch d := b.seed.s("versioning").draw(); {
	case b.purpose == "backups" || b.purpose == "terraform-state" || b.backups != "" || d.chance(45):
		out.Status, out.MFADelete = types.BucketVersioningStatusEnabled, types.MFADeleteStatusDisabled
	case d.chance(15):
		out.Status = types.BucketVersioningStatusSuspended
	}
	return out, nil
}

// document is the bucket's policy.
func (b bucket) document(o *Organization) (document, bool) {
	arn := o.bucketARN(b.name)
	both := []string{arn, arn + "/*"}
	if b.public {
		return policy(statement{Sid: "PublicRead", Effect: "Allow", Principal: map[string]any{"AWS": "*"}, Action: "s3:GetObject", Resource: arn + "/*"}), true
	}
	if !b.has("policy", 60) {
		return document{}, false
	}
	statements := []statement{{
		Sid: "OnlyTLS", Effect: "Deny", Principal: map[string]any{"AWS": "*"}, Action: "s3:*", Resource: both,
		Condition: map[string]any{"Bool": map[string]string{"aws:SecureTransport": "false"}},
	}}
	if b.purpose == "access-logs" {
		statements = append(statements, statement{
			Sid: "LogDelivery", Effect: "Allow", Principal: map[string]any{"Service": "logging.s3.amazonaws.com"}, Action: "s3:PutObject", Resource: arn + "/*",
		})
	}
	return policy(statements...), true
}

func noPolicy(c *call) error {
	return c.fault("NoSuchBucketPolicy", 404, "The bucket policy does not exist")
}

func bucketPolicy(c *call, b bucket) (*s3.GetBucketPolicyOutput, error) {
	p, ok := b.document(c.o)
	if !ok {
		return nil, noPolicy(c)
	}
	return &s3.GetBucketPolicyOutput{Policy: aws.String(p.json())}, nil
}

func bucketPolicyStatus(c *call, b bucket) (*s3.GetBucketPolicyStatusOutput, error) {
	if _, ok := b.document(c.o); !ok {
		return nil, noPolicy(c)
	}
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &types.PolicyStatus{IsPublic: aws.Bool(b.public)}}, nil
}

func publicAccessBlock(c *call, b bucket) (*s3.GetPublicAccessBlockOutput, error) {
	if b.public || b.has("no public access block", 8) {
		return nil, c.fault("NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found")
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true),
		BlockPublicPolicy: aws.Bool(!b.has("policy allowed", 10)), RestrictPublicBuckets: aws.Bool(true),
	}}, nil
}

func bucketLogging(c *call, b bucket) (*s3.GetBucketLoggingOutput, error) {
	if b.logs == "" || !b.has("logging", 60) {
		return &s3.GetBucketLoggingOutput{}, nil
	}
	return &s3.GetBucketLoggingOutput{LoggingEnabled: &types.LoggingEnabled{TargetBucket: aws.String(b.logs), TargetPrefix: aws.String(b.name + "/")}}, nil
}

func (o *Organization) bucketTags(a *account, b bucket) []tag {
	return o.resourceTags(a, b.seed, "", b.purpose)
}

func bucketTagging(c *call, b bucket) (*s3.GetBucketTaggingOutput, error) {
	tags := c.o.bucketTags(c.account, b)
	if len(tags) == 0 {
		return nil, c.fault("NoSuchTagSet", 404, "The TagSet does not exist")
	}
	return &s3.GetBucketTaggingOutput{TagSet: tagList(tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })}, nil
}

func bucketLifecycle(c *call, b bucket) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	if !b.has("lifecycle", 55) {
		return nil, c.fault("NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist")
	}
	rule := types.LifecycleRule{
		ID: aws.String("tidy-up"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)},
	}
	if b.purpose == "access-logs" || b.purpose == "scratch" {
		rule.Expiration = &types.LifecycleExpiration{Days: aws.Int32(90)}
	} else {
		rule.Transitions = []types.Transition{{Days: aws.Int32(60), StorageClass: types.TransitionStorageClassStandardIa}}
		rule.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(180)}
	}
	return &s3.GetBucketLifecycleConfigurationOutput{
		Rules: []types.LifecycleRule{rule}, TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k,
	}, nil
}

func bucketOwnership(c *call, b bucket) (*s3.GetBucketOwnershipControlsOutput, error) {
	if b.has("no ownership controls", 12) {
		return nil, c.fault("OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found")
	}
	owner := types.ObjectOwnershipBucketOwnerEnforced
	if b.public {
		owner = types.ObjectOwnershipObjectWriter
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: owner}}}}, nil
}

func bucketACL(c *call, b bucket) (*s3.GetBucketAclOutput, error) {
	id := aws.String(c.o.canonicalID(c.account))
	grants := []types.Grant{{Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: id}, Permission: types.PermissionFullControl}}
	if b.public {
		grants = append(grants, types.Grant{
			Grantee:    &types.Grantee{Type: types.TypeGroup, URI: aws.String("http://acs.amazonaws.com/groups/global/AllUsers")},
			Permission: types.PermissionRead,
		})
	}
	return &s3.GetBucketAclOutput{Owner: &types.Owner{ID: id}, Grants: grants}, nil
}

func bucketReplication(c *call, b bucket) (*s3.GetBucketReplicationOutput, error) {
	if b.backups == "" {
		return nil, c.fault("ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found")
	}
	return &s3.GetBucketReplicationOutput{ReplicationConfiguration: &types.ReplicationConfiguration{
		Role: aws.String(c.o.directory(c.account).roleARNOf("~backup")),
		Rules: []types.ReplicationRule{{
			ID: aws.String("second-copy"), Priority: aws.Int32(1), Status: types.ReplicationRuleStatusEnabled,
			Filter:                  &types.ReplicationRuleFilter{Prefix: aws.String("")},
			Destination:             &types.Destination{Bucket: aws.String(c.o.bucketARN(b.backups))},
			DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: types.DeleteMarkerReplicationStatusDisabled},
		}},
	}}, nil
}

func objectLock(c *call, b bucket) (*s3.GetObjectLockConfigurationOutput, error) {
	if b.purpose != "backups" {
		return nil, c.fault("ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket")
	}
	return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled,
		Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(35)}},
	}}, nil
}

func bucketWebsite(c *call, b bucket) (*s3.GetBucketWebsiteOutput, error) {
	if b.purpose != "static-site" {
		return nil, c.fault("NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration")
	}
	return &s3.GetBucketWebsiteOutput{
		IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("404.html")},
	}, nil
}

func bucketNotifications(c *call, b bucket) (*s3.GetBucketNotificationConfigurationOutput, error) {
	out := &s3.GetBucketNotificationConfigurationOutput{}
	if s := c.o.site(c.account, b.region); b.purpose == "uploads" && s.Functions > 0 {
		out.LambdaFunctionConfigurations = []types.LambdaFunctionConfiguration{{
			Id: aws.String("new-upload"), LambdaFunctionArn: aws.String(s.functionARN(0)), Events: []types.Event{types.EventS3ObjectCreated},
		}}
	}
	return out, nil
}

func bucketCORS(c *call, b bucket) (*s3.GetBucketCorsOutput, error) {
	if b.purpose != "uploads" && b.purpose != "media" {
		return nil, c.fault("NoSuchCORSConfiguration", 404, "The CORS configuration does not exist")
	}
	return &s3.GetBucketCorsOutput{CORSRules: []types.CORSRule{{
		AllowedMethods: []string{"GET", "PUT"}, AllowedOrigins: []string{"https://" + c.account.prod.name + ".example.com"},
		AllowedHeaders: []string{"*"}, MaxAgeSeconds: aws.Int32(3000),
	}}}, nil
}
