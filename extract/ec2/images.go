package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"stocktake/extract"
)

// self limits lists to what the account owns: without it they have what all the
// world shares.
var self = []string{"self"}

// images are what instances are made from, and copies of their disks.
var images = []extract.Collector{
	extract.List(service, "aws_ec2_images", ec2.NewDescribeImagesPaginator,
		&ec2.DescribeImagesInput{MaxResults: page, Owners: self, IncludeDeprecated: aws.Bool(true), IncludeDisabled: aws.Bool(true)},
		func(o *ec2.DescribeImagesOutput) []types.Image { return o.Images }),

	extract.List(service, "aws_ec2_snapshots", ec2.NewDescribeSnapshotsPaginator,
		&ec2.DescribeSnapshotsInput{MaxResults: page, OwnerIds: self},
		func(o *ec2.DescribeSnapshotsOutput) []types.Snapshot { return o.Snapshots }),

	extract.One(service, "aws_ec2_key_pairs", (*ec2.Client).DescribeKeyPairs,
		&ec2.DescribeKeyPairsInput{IncludePublicKey: aws.Bool(true)},
		func(o *ec2.DescribeKeyPairsOutput) []types.KeyPairInfo { return o.KeyPairs }),

	extract.List(service, "aws_ec2_launch_templates", ec2.NewDescribeLaunchTemplatesPaginator,
		&ec2.DescribeLaunchTemplatesInput{MaxResults: aws.Int32(200), IncludeManagedResources: aws.Bool(true)},
		func(o *ec2.DescribeLaunchTemplatesOutput) []types.LaunchTemplate { return o.LaunchTemplates }),
}
