// Package lambda collects functions. Their code is never asked for.
package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"stocktake/extract"
)

var service = extract.Service[lambda.Client, lambda.Options]{
	Info: extract.ServiceInfo{Name: "lambda", ID: lambda.ServiceID},
	New:  lambda.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[lambda.Client, extract.Root, Function]{
		Table: "aws_lambda_functions",
		Rows: extract.Pages(service, lambda.NewListFunctionsPaginator,
			extract.Always(&lambda.ListFunctionsInput{MaxItems: aws.Int32(50)}),
			func(o *lambda.ListFunctionsOutput) []Function {
				return extract.Map(o.Functions, func(f types.FunctionConfiguration) Function { return Function{FunctionConfiguration: f} })
			}),
		Details: details,
	}),
}

// Function is a types.FunctionConfiguration with its tags, policy and URLs.
type Function struct {
	types.FunctionConfiguration
	extract.Incomplete
	Tags       map[string]string
	Policy     *string
	UrlConfigs []types.FunctionUrlConfig
}

var details = []extract.Detail[lambda.Client, Function]{
	{Operation: "ListTags", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *lambda.Client, f *Function) error {
			o, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: f.FunctionArn})
			if err == nil {
				f.Tags = o.Tags
			}
			return err
		}},
	{Operation: "GetPolicy", Columns: []string{"policy"}, Absent: []string{"ResourceNotFoundException"},
		Read: func(ctx context.Context, c *lambda.Client, f *Function) error {
			o, err := c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: f.FunctionArn})
			if err == nil {
				f.Policy = o.Policy
			}
			return err
		}},
	{Operation: "ListFunctionUrlConfigs", Columns: []string{"url_configs"}, Absent: []string{"ResourceNotFoundException"},
		Read: func(ctx context.Context, c *lambda.Client, f *Function) error {
			f.UrlConfigs = []types.FunctionUrlConfig{}
			pager := lambda.NewListFunctionUrlConfigsPaginator(c, &lambda.ListFunctionUrlConfigsInput{FunctionName: f.FunctionArn, MaxItems: aws.Int32(50)})
			return extract.EachPage(ctx, pager, func(o *lambda.ListFunctionUrlConfigsOutput) error {
				f.UrlConfigs = append(f.UrlConfigs, o.FunctionUrlConfigs...)
				return nil
			})
		}},
}
