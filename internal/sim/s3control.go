package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
	"github.com/aws/smithy-go"
)

func s3controlService() service {
	return service{
		id: "S3 Control", name: "s3control", prefix: "s3", dialect: s3Dialect,
		notEnabled: Fault{"NotSignedUp", "Your account is not signed up for the S3 service.", 403},
		errors: model(
			func(m *string) smithy.APIError { return &types.NoSuchPublicAccessBlockConfiguration{Message: m} },
		),
		operations: []operation{op(accountPublicAccessBlock, "AccountId").as("s3:GetAccountPublicAccessBlock")},
	}
}

// accountPublicAccessBlock is set nowhere that a bucket is public, and by hand elsewhere: forgotten in some accounts.
func accountPublicAccessBlock(c *call, in *s3control.GetPublicAccessBlockInput) (*s3control.GetPublicAccessBlockOutput, error) {
	if aws.ToString(in.AccountId) != c.account.id {
		return nil, c.fault("AccessDenied", 403, "Access Denied")
	}
	d := c.o.seed.s("account public access").s(c.account.id).draw()
	if c.o.problem(c.account, 2) || d.chance(25) {
		return nil, c.fault("NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found")
	}
	policies := !d.chance(20)
	return &s3control.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(policies), RestrictPublicBuckets: aws.Bool(policies),
	}}, nil
}
