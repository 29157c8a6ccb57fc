package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// walks are the calls of the collectors, one for each.
var walks = []func(context.Context, aws.Config) error{
	identity, regions, instances, volumes, vpcs, subnets, groups, rules, interfaces, databases, alarms, principals, buckets, repositories, functions,
}

var page = aws.Int32(1000)

func identity(ctx context.Context, cfg aws.Config) error {
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return err
}

func regions(ctx context.Context, cfg aws.Config) error {
	_, err := ec2.NewFromConfig(cfg).DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	return err
}

func instances(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeInstancesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)}), nil)
}

func volumes(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeVolumesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeVolumesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)}), nil)
}

func vpcs(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeVpcsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeVpcsInput{MaxResults: page}), nil)
}

func subnets(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeSubnetsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSubnetsInput{MaxResults: page}), nil)
}

func groups(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeSecurityGroupsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSecurityGroupsInput{MaxResults: page}), nil)
}

func rules(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSecurityGroupRulesInput{MaxResults: page}), nil)
}

func interfaces(ctx context.Context, cfg aws.Config) error {
	return each(ctx, ec2.NewDescribeNetworkInterfacesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeNetworkInterfacesInput{MaxResults: page, IncludeManagedResources: aws.Bool(true)}), nil)
}

func databases(ctx context.Context, cfg aws.Config) error {
	return each(ctx, rds.NewDescribeDBInstancesPaginator(rds.NewFromConfig(cfg), &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(100)}), nil)
}

func alarms(ctx context.Context, cfg aws.Config) error {
	return each(ctx, cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(cfg), &cloudwatch.DescribeAlarmsInput{
		MaxRecords: aws.Int32(100), AlarmTypes: cloudwatchtypes.AlarmType("").Values(),
	}), nil)
}

func principals(ctx context.Context, cfg aws.Config) error {
	client := iam.NewFromConfig(cfg)
	var users []iamtypes.User
	err := each(ctx, iam.NewListUsersPaginator(client, &iam.ListUsersInput{MaxItems: page}), func(o *iam.ListUsersOutput) error {
		users = append(users, o.Users...)
		return nil
	})
	if err != nil {
		return err
	}
	if err := each(ctx, iam.NewListRolesPaginator(client, &iam.ListRolesInput{MaxItems: page}), nil); err != nil {
		return err
	}
	filter := []iamtypes.EntityType{iamtypes.EntityTypeUser, iamtypes.EntityTypeGroup, iamtypes.EntityTypeRole, iamtypes.EntityTypeLocalManagedPolicy}
	if err := each(ctx, iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{MaxItems: page, Filter: filter}), nil); err != nil {
		return err
	}
	return all(users, perService, func(u *iamtypes.User) error {
		keys := iam.NewListAccessKeysPaginator(client, &iam.ListAccessKeysInput{UserName: u.UserName, MaxItems: page})
		return each(ctx, keys, func(o *iam.ListAccessKeysOutput) error {
			for _, k := range o.AccessKeyMetadata {
				if _, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func buckets(ctx context.Context, cfg aws.Config) error {
	c := s3.NewFromConfig(cfg)
	var calls []func() error
	err := each(ctx, s3.NewListBucketsPaginator(c, &s3.ListBucketsInput{MaxBuckets: page}), func(o *s3.ListBucketsOutput) error {
		for _, b := range o.Buckets {
			calls = append(calls, bucketDetails(ctx, c, b)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return all(calls, perS3, func(call *func() error) error { return (*call)() })
}

func bucketDetails(ctx context.Context, c *s3.Client, b s3types.Bucket) []func() error {
	return []func() error{
		func() error { return absent(c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b.Name})) },
		func() error { return absent(c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b.Name})) },
		func() error {
			return absent(c.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: b.Name}))
		},
		func() error {
			return absent(c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b.Name}))
		},
		func() error {
			return absent(c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: b.Name}))
		},
		func() error { return absent(c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b.Name})) },
		func() error { return absent(c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b.Name})) },
		func() error { return absent(c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b.Name})) },
		func() error { return absent(c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b.Name})) },
		func() error {
			return absent(c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b.Name}))
		},
		func() error {
			return absent(c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: b.Name}))
		},
		func() error {
			return absent(c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: b.Name}))
		},
		func() error { return absent(c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b.Name})) },
		func() error {
			return absent(c.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: b.Name}))
		},
		func() error { return absent(c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b.Name})) },
	}
}

func repositories(ctx context.Context, cfg aws.Config) error {
	c := ecr.NewFromConfig(cfg)
	return each(ctx, ecr.NewDescribeRepositoriesPaginator(c, &ecr.DescribeRepositoriesInput{MaxResults: page}), func(o *ecr.DescribeRepositoriesOutput) error {
		return all(o.Repositories, perService, func(r *ecrtypes.Repository) error {
			if err := absent(c.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})); err != nil {
				return err
			}
			if err := absent(c.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId})); err != nil {
				return err
			}
			if err := absent(c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId})); err != nil {
				return err
			}
			images := ecr.NewDescribeImagesPaginator(c, &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName, RegistryId: r.RegistryId, MaxResults: page})
			return each(ctx, images, func(o *ecr.DescribeImagesOutput) error {
				for _, i := range o.ImageDetails {
					found := ecr.NewDescribeImageScanFindingsPaginator(c, &ecr.DescribeImageScanFindingsInput{
						RepositoryName: i.RepositoryName, RegistryId: i.RegistryId, ImageId: &ecrtypes.ImageIdentifier{ImageDigest: i.ImageDigest}, MaxResults: page,
					})
					if err := each(ctx, found, nil); err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
}

func functions(ctx context.Context, cfg aws.Config) error {
	c := lambda.NewFromConfig(cfg)
	return each(ctx, lambda.NewListFunctionsPaginator(c, &lambda.ListFunctionsInput{MaxItems: aws.Int32(50)}), func(o *lambda.ListFunctionsOutput) error {
		return all(o.Functions, perService, func(f *lambdatypes.FunctionConfiguration) error {
			if err := absent(c.ListTags(ctx, &lambda.ListTagsInput{Resource: f.FunctionArn})); err != nil {
				return err
			}
			if err := absent(c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: f.FunctionArn})); err != nil {
				return err
			}
			return each(ctx, lambda.NewListFunctionUrlConfigsPaginator(c, &lambda.ListFunctionUrlConfigsInput{FunctionName: f.FunctionArn, MaxItems: aws.Int32(50)}), nil)
		})
	})
}
