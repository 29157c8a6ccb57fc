package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"stocktake/extract"
)

var egressOnlyInternetGateways = extract.List(service, "aws_ec2_egress_only_internet_gateways", ec2.NewDescribeEgressOnlyInternetGatewaysPaginator,
	&ec2.DescribeEgressOnlyInternetGatewaysInput{MaxResults: aws.Int32(255)},
	func(o *ec2.DescribeEgressOnlyInternetGatewaysOutput) []types.EgressOnlyInternetGateway {
		return o.EgressOnlyInternetGateways
	})
