package faultproxy

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Clients of the SDK read from each refusal the code, and that it is worth
// another attempt.
func TestSDKUnderstandsRefusals(t *testing.T) {
	u := newUpstream(t)
	for _, fault := range []Fault{SlowDown, Internal} {
		p := start(t, Options{Upstream: u.URL, Rates: map[Fault]float64{fault: 1}})
		cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(p.URL()), HTTPClient: newClient(t), RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
			})}
		for name, c := range map[string]struct {
			protocol protocol
			call     func(context.Context) error
		}{
			"s3": {restS3, func(ctx context.Context) error {
				_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
				return err
			}},
			"ec2": {queryEC2, func(ctx context.Context) error {
				_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
				return err
			}},
			"iam": {query, func(ctx context.Context) error {
				_, err := iam.NewFromConfig(cfg).ListUsers(ctx, nil)
				return err
			}},
			"sts": {query, func(ctx context.Context) error {
				_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
				return err
			}},
			"organizations": {targetJSON, func(ctx context.Context) error {
				_, err := organizations.NewFromConfig(cfg).ListAccounts(ctx, nil)
				return err
			}},
			"eks": {restJSON, func(ctx context.Context) error {
				_, err := eks.NewFromConfig(cfg).ListClusters(ctx, nil)
				return err
			}},
		} {
			err := c.call(t.Context())
			want := refusals[c.protocol][fault].code
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != want {
				t.Errorf("%s, %s: got %v, want the code %s", name, fault, err, want)
			}
			if !retry.NewStandard().IsErrorRetryable(err) {
				t.Errorf("%s, %s: %v is not tried again", name, fault, err)
			}
		}
	}
	if whole, cut := u.arrived(); whole+cut != 0 {
		t.Errorf("the server was asked %d times, want never", whole+cut)
	}
}
