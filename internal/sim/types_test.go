package sim

import (
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// Item types by names that tell their services apart.
type (
	orgAccount      = orgtypes.Account
	accountRegion   = accounttypes.Region
	ec2Instance     = ec2types.Instance
	ec2Volume       = ec2types.Volume
	ec2VPC          = ec2types.Vpc
	ec2Subnet       = ec2types.Subnet
	ec2Group        = ec2types.SecurityGroup
	ec2Rule         = ec2types.SecurityGroupRule
	ec2Interface    = ec2types.NetworkInterface
	s3Bucket        = s3types.Bucket
	rdsInstance     = rdstypes.DBInstance
	lambdaFunction  = lambdatypes.FunctionConfiguration
	hubFinding      = hubtypes.AwsSecurityFinding
	storeUser       = idtypes.User
	storeGroup      = idtypes.Group
	storeMembership = idtypes.GroupMembership
)
