package sim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// config is a base configuration whose retries do not wait.
func config(t *testing.T, o *Organization) aws.Config {
	t.Helper()
	cfg := o.Config(t.Context())
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(r *retry.StandardOptions) {
			r.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	return cfg
}

// in is a configuration for a member account, through its role.
func in(t *testing.T, o *Organization, account, region string) aws.Config {
	t.Helper()
	cfg := config(t, o)
	role, externalID := o.MemberRole()
	arn := o.roleARN(o.byID[account], role)
	if account == o.Management() {
		arn, externalID = o.DiscoveryRole()
	}
	cfg.Credentials = aws.NewCredentialsCache(assume(cfg, arn, externalID))
	cfg.Region = region
	return cfg
}

func assume(cfg aws.Config, arn, externalID string) aws.CredentialsProvider {
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), arn, func(p *stscreds.AssumeRoleOptions) {
		p.RoleSessionName = "test-session"
		if externalID != "" {
			p.ExternalID = aws.String(externalID)
		}
	})
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// firstWorkload is the busiest account.
func firstWorkload(o *Organization) string { return o.nthWorkload(0).id }

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestCallerIdentity(t *testing.T) {
	o := New(Options{})
	for _, tc := range []struct{ name, account, arn string }{
		{"base", o.BaseAccount(), "arn:aws:iam::" + o.BaseAccount() + ":user/svc-inventory"},
		{"member", firstWorkload(o), "arn:aws:sts::" + firstWorkload(o) + ":assumed-role/inventory-read/test-session"},
		{"management", o.Management(), "arn:aws:sts::" + o.Management() + ":assumed-role/inventory-discovery/test-session"},
	} {
		cfg := in(t, o, tc.account, "us-east-1")
		if tc.name == "base" {
			cfg = config(t, o)
		}
		got, err := sts.NewFromConfig(cfg).GetCallerIdentity(context.Background(), nil)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if *got.Account != tc.account || *got.Arn != tc.arn {
			t.Errorf("%s: got account %s, ARN %s, want %s, %s", tc.name, *got.Account, *got.Arn, tc.account, tc.arn)
		}
	}
}
