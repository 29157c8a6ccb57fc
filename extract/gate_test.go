package extract

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/internal/config"
)

func TestLimit(t *testing.T) {
	configured := map[string]config.Rate{
		"ec2": {PerSecond: 7, Burst: 8}, "ec2:DescribeVpcs": {PerSecond: 1, Burst: 2}, "securityhub": {PerSecond: 4, Burst: 5}, "cloudwatch": {PerSecond: 4, Burst: 5}, "eks": {PerSecond: 6, Burst: 6},
	}
	for _, c := range []struct {
		rates              map[string]config.Rate
		service, operation string
		want               config.Rate
		key                string // calls of equal keys share a rate
	}{
		{nil, "ec2", "DescribeVpcs", defaultRates["ec2"], "ec2:DescribeVpcs"},
		{nil, "ec2", "DescribeVolumes", defaultRates["ec2"], "ec2:DescribeVolumes"},
		{nil, "ec2", "DescribeRegions", defaultRates["ec2:DescribeRegions"], "ec2:DescribeRegions"},
		{nil, "iam", "ListUsers", defaultRates["iam"], "iam"},
		{nil, "iam", "ListRoles", defaultRates["iam"], "iam"},
		{nil, "securityhub", "GetFindings", defaultRates["securityhub:GetFindings"], "securityhub:GetFindings"},
		{nil, "securityhub", "DescribeHub", defaultRates["securityhub"], "securityhub"},
		{nil, "eks", "ListClusters", defaultRates[""], "eks"},
		{nil, "cloudwatch", "ListMetrics", defaultRates["cloudwatch:ListMetrics"], "cloudwatch:ListMetrics"},
		{nil, "cloudwatch", "ListTagsForResource", defaultRates[""], "cloudwatch"},
		{nil, "connect", "ListUsers", defaultRates["connect"], "connect:ListUsers"},
		{configured, "ec2", "DescribeVpcs", config.Rate{PerSecond: 1, Burst: 2}, "ec2:DescribeVpcs"},
		{configured, "ec2", "DescribeVolumes", config.Rate{PerSecond: 7, Burst: 8}, "ec2:DescribeVolumes"},
		{configured, "ec2", "DescribeRegions", config.Rate{PerSecond: 7, Burst: 8}, "ec2:DescribeRegions"},
		{configured, "securityhub", "DescribeHub", config.Rate{PerSecond: 4, Burst: 5}, "securityhub"},
		{configured, "securityhub", "GetFindings", defaultRates["securityhub:GetFindings"], "securityhub:GetFindings"}, // stays slower
		{configured, "cloudwatch", "ListMetrics", config.Rate{PerSecond: 4, Burst: 5}, "cloudwatch"},
		{configured, "eks", "ListClusters", config.Rate{PerSecond: 6, Burst: 6}, "eks"},
		{configured, "iam", "ListUsers", defaultRates["iam"], "iam"},
	} {
		g := NewGate(nil, c.rates, config.Concurrency{})
		got, key := g.limit(c.service, c.operation)
		if got != c.want || key != c.key {
			t.Errorf("%s %s with rates %v: got %v by %q, want %v by %q", c.service, c.operation, c.rates, got, key, c.want, c.key)
		}
		if l := g.limiter("a|r", c.service, c.operation); float64(l.Limit()) != c.want.PerSecond || l.Burst() != c.want.Burst {
			t.Errorf("%s %s with rates %v: got a limiter of %v and %d, want %v", c.service, c.operation, c.rates, l.Limit(), l.Burst(), c.want)
		}
	}
}

// TestSharedLimits: calls share a limiter by place and key, until the account is done.
func TestSharedLimits(t *testing.T) {
	g := NewGate(nil, nil, config.Concurrency{PerService: 3, S3: 9})
	users := g.limiter("1|r", "iam", "ListUsers")
	for _, c := range []struct {
		place, service, operation string
		same                      bool
	}{
		{"1|r", "iam", "ListUsers", true}, {"1|r", "iam", "ListRoles", true}, {"1|q", "iam", "ListUsers", false}, {"2|r", "iam", "ListUsers", false}, {"1|r", "eks", "ListClusters", false},
	} {
		if got := g.limiter(c.place, c.service, c.operation) == users; got != c.same {
			t.Errorf("%+v: shares the limiter of iam ListUsers in 1|r: got %t, want %t", c, got, c.same)
		}
	}
	other := g.limiter("12|r", "iam", "ListUsers")
	slot := g.slot("1|r", "iam")
	if s3 := g.slot("1", "s3"); cap(slot) != 3 || cap(s3) != 9 || g.slot("1|r", "iam") != slot {
		t.Errorf("slots: got %d of iam and %d of s3, want 3 and 9, shared", cap(slot), cap(s3))
	}
	g.forget("1")
	if g.limiter("1|r", "iam", "ListUsers") == users || g.slot("1|r", "iam") == slot {
		t.Error("after forget: got the limiter or the slots of account 1, want new ones")
	}
	if g.limiter("12|r", "iam", "ListUsers") != other {
		t.Error("after forget of account 1: got a new limiter of account 12, want the one it had")
	}
}

// TestUndeclared sends declared operations, and nothing of any other.
func TestUndeclared(t *testing.T) {
	declared := &Collector{Service: stsInfo, Tables: []Table{{Name: "aws_x"}}, Calls: []Call{{Operation: "GetAccessKeyInfo"}}}
	key := "AKIDEXAMPLE"
	for _, c := range []struct {
		operation  string
		collectors []*Collector
		call       func(context.Context, *sts.Client) error
		sent       bool
	}{
		{"GetSessionToken", []*Collector{declared}, func(ctx context.Context, s *sts.Client) error {
			_, err := s.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
			return err
		}, false},
		{"GetAccessKeyInfo", nil, func(ctx context.Context, s *sts.Client) error {
			_, err := s.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &key})
			return err
		}, false},
		{"GetAccessKeyInfo", []*Collector{declared}, func(ctx context.Context, s *sts.Client) error {
			_, err := s.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &key})
			return err
		}, true},
		{"GetCallerIdentity", nil, func(ctx context.Context, s *sts.Client) error { // of discovery
			_, err := s.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		}, true},
	} {
		g := NewGate(c.collectors, nil, config.Concurrency{PerService: 1, S3: 1})
		cfg := callers(400, "")
		stop := errors.New("stopped before the wire")
		requests := 0
		cfg.HTTPClient = httpFunc(func(r *http.Request) (*http.Response, error) {
			requests++
			if !c.sent {
				t.Errorf("%s: got a request to %s, want none", c.operation, r.URL)
			}
			return nil, stop
		})
		cfg.APIOptions = g.options("111122223333")
		err := c.call(t.Context(), sts.NewFromConfig(cfg))
		var undeclared *UndeclaredError
		switch {
		case c.sent && (!errors.Is(err, stop) || requests != 1 || g.Calls.Load() != 1):
			t.Errorf("%s: got error %v after %d requests, %d counted, want one that reaches the wire", c.operation, err, requests, g.Calls.Load())
		case !c.sent && (!errors.As(err, &undeclared) || *undeclared != UndeclaredError{"STS", c.operation} || g.Calls.Load() != 0):
			t.Errorf("%s: got error %v and %d calls counted, want it refused", c.operation, err, g.Calls.Load())
		}
		if got := g.Seen("sts:" + c.operation); got != c.sent {
			t.Errorf("%s: Seen: got %t, want %t", c.operation, got, c.sent)
		}
	}
}
