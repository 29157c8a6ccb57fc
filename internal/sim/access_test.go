package sim

import (
	"context"
	"errors"
	"net"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// calls are single calls, one for each family of services.
var calls = map[string]func(context.Context, aws.Config) error{
	"ec2": func(ctx context.Context, cfg aws.Config) error {
		_, err := ec2.NewFromConfig(cfg).DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
		return err
	},
	"iam": func(ctx context.Context, cfg aws.Config) error {
		_, err := iam.NewFromConfig(cfg).ListUsers(ctx, &iam.ListUsersInput{})
		return err
	},
	"rds": func(ctx context.Context, cfg aws.Config) error {
		_, err := rds.NewFromConfig(cfg).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
		return err
	},
	"ecr": func(ctx context.Context, cfg aws.Config) error {
		_, err := ecr.NewFromConfig(cfg).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
		return err
	},
	"eks": func(ctx context.Context, cfg aws.Config) error {
		_, err := eks.NewFromConfig(cfg).ListClusters(ctx, &eks.ListClustersInput{})
		return err
	},
	"lambda": func(ctx context.Context, cfg aws.Config) error {
		_, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
		return err
	},
	"s3": func(ctx context.Context, cfg aws.Config) error {
		_, err := s3.NewFromConfig(cfg).ListBuckets(ctx, &s3.ListBucketsInput{})
		return err
	},
	"securityhub": func(ctx context.Context, cfg aws.Config) error {
		_, err := securityhub.NewFromConfig(cfg).GetFindings(ctx, &securityhub.GetFindingsInput{})
		return err
	},
	"cloudwatch": func(ctx context.Context, cfg aws.Config) error {
		_, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{})
		return err
	},
	"organizations": func(ctx context.Context, cfg aws.Config) error {
		_, err := organizations.NewFromConfig(cfg).ListAccounts(ctx, &organizations.ListAccountsInput{})
		return err
	},
	"ssoadmin": func(ctx context.Context, cfg aws.Config) error {
		_, err := ssoadmin.NewFromConfig(cfg).ListInstances(ctx, &ssoadmin.ListInstancesInput{})
		return err
	},
	"sts": func(ctx context.Context, cfg aws.Config) error {
		_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	},
}

func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// TestRefusals makes one kind of trouble at a time and calls one service.
func TestRefusals(t *testing.T) {
	deny := func(o *Organization) { o.Deny(Rule{Account: firstWorkload(o)}) }
	scp := func(o *Organization) { o.SCP(Rule{Service: Any}) }
	disable := func(o *Organization) { o.Disable(Rule{}) }
	regionOff := func(o *Organization) { o.DisableRegion(firstWorkload(o), "eu-west-1") }
	expire := func(o *Organization) { o.Advance(2 * time.Hour) }
	fail := func(o *Organization) { o.Fail(Rule{Region: "eu-west-1"}, -1, Fault{}) }
	throttle := func(o *Organization) { o.Throttle(Rule{Operation: Any}, -1) }
	for _, tc := range []struct {
		name, service, account string
		trouble                func(*Organization)
		code                   string
		status                 int
		retried                bool
		message                string // a part of it
	}{
		{"denied", "ec2", "", deny, "UnauthorizedOperation", 403, false, "is not authorized to perform: ec2:DescribeVolumes because no identity-based policy allows the ec2:DescribeVolumes action"},
		{"denied", "iam", "", deny, "AccessDenied", 403, false, "iam:ListUsers"},
		{"denied", "s3", "", deny, "AccessDenied", 403, false, "s3:ListAllMyBuckets on resource"},
		{"denied", "ecr", "", deny, "AccessDeniedException", 400, false, "because no identity-based policy allows the ecr:DescribeRepositories action"},
		{"denied", "eks", "", deny, "AccessDeniedException", 403, false, "eks:ListClusters"},
		{"caller identity needs no permission", "sts", "", deny, "", 0, false, ""},
		{"policy of the organization", "ec2", "", scp, "UnauthorizedOperation", 403, false, "with an explicit deny in a service control policy"},
		{"policy of the organization", "lambda", "", scp, "AccessDeniedException", 403, false, "with an explicit deny in a service control policy"},
		{"management is not bound", "organizations", "management", scp, "", 0, false, ""},
		{"expired", "ec2", "", expire, "RequestExpired", 400, false, ""},
		{"expired", "iam", "", expire, "ExpiredToken", 403, false, ""},
		{"expired", "s3", "", expire, "ExpiredToken", 400, false, ""},
		{"expired", "ecr", "", expire, "ExpiredTokenException", 400, false, ""},
		{"expired", "securityhub", "", expire, "ExpiredTokenException", 403, false, ""},
		{"region off", "ec2", "", regionOff, "AuthFailure", 401, false, ""},
		{"region off", "rds", "", regionOff, "InvalidClientTokenId", 403, false, ""},
		{"region off", "ecr", "", regionOff, "UnrecognizedClientException", 400, false, ""},
		{"region off", "lambda", "", regionOff, "UnrecognizedClientException", 403, false, ""},
		{"region off, global service", "iam", "", regionOff, "", 0, false, ""},
		{"not enabled", "securityhub", "", disable, "InvalidAccessException", 401, false, "is not subscribed to AWS Security Hub"},
		{"not enabled", "organizations", "management", disable, "AWSOrganizationsNotInUseException", 400, false, ""},
		{"not enabled", "ec2", "", disable, "OptInRequired", 403, false, ""},
		{"failing", "ec2", "", fail, "InternalError", 500, true, ""},
		{"failing", "cloudwatch", "", fail, "InternalServiceFault", 500, true, ""},
		{"throttled", "ec2", "", throttle, "RequestLimitExceeded", 503, true, ""},
		{"throttled", "iam", "", throttle, "Throttling", 400, true, ""},
		{"throttled", "rds", "", throttle, "Throttling", 400, true, ""},
		{"throttled", "s3", "", throttle, "SlowDown", 503, true, ""},
		{"throttled", "ecr", "", throttle, "ThrottlingException", 400, true, ""},
		{"throttled", "eks", "", throttle, "ThrottlingException", 429, true, ""},
		{"throttled", "lambda", "", throttle, "TooManyRequestsException", 429, true, ""},
		{"throttled", "securityhub", "", throttle, "TooManyRequestsException", 429, true, ""},
		{"throttled", "organizations", "management", throttle, "TooManyRequestsException", 400, true, ""},
		{"throttled", "cloudwatch", "", throttle, "ThrottlingException", 400, true, ""},
		{"a member asks for the accounts", "organizations", "", func(*Organization) {}, "AccessDeniedException", 400, false, "You don't have permissions to access this resource."},
		{"a member asks for the identity centre", "ssoadmin", "", func(*Organization) {}, "AccessDeniedException", 400, false, ""},
		{"the account left", "organizations", "", func(o *Organization) { o.Leave(firstWorkload(o)) }, "AWSOrganizationsNotInUseException", 400, false, ""},
	} {
		t.Run(tc.name+" "+tc.service, func(t *testing.T) {
			o := New(Options{})
			account := firstWorkload(o)
			if tc.account == "management" {
				account = o.Management()
			}
			cfg := in(t, o, account, "eu-west-1")
			if err := calls["sts"](t.Context(), cfg); err != nil { // starts the session
				t.Fatal(err)
			}
			tc.trouble(o)
			o.Reset()
			err := calls[tc.service](t.Context(), cfg)
			if code(err) != tc.code || (tc.code == "") != (err == nil) {
				t.Fatalf("got error %v, want code %q", err, tc.code)
			}
			if tc.code == "" {
				return
			}
			if status(err) != tc.status {
				t.Errorf("got status %d, want %d: %v", status(err), tc.status, err)
			}
			if !contains(err.Error(), tc.message) {
				t.Errorf("got message %q, want it to contain %q", err, tc.message)
			}
			attempts := 1
			if tc.retried {
				attempts = 3
			}
			if o.CallsTotal() != attempts {
				t.Errorf("got %d attempts, want %d: %v", o.CallsTotal(), attempts, err)
			}
			if got := retry.NewStandard().IsErrorRetryable(err); got != tc.retried {
				t.Errorf("the SDK's retryer says retryable=%t, want %t: %v", got, tc.retried, err)
			}
		})
	}
}

func TestThrottledThenFine(t *testing.T) {
	o := New(Options{})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	o.Throttle(Rule{Service: "ec2", Operation: "DescribeVolumes"}, 2)
	var attempts []int
	o.Hook(func(_ context.Context, c Call) error {
		if c.Operation == "DescribeVolumes" {
			attempts = append(attempts, c.Attempt)
		}
		return nil
	})
	if err := calls["ec2"](t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if len(attempts) != 3 || attempts[2] != 3 {
		t.Errorf("got attempts %v, want 1, 2, 3", attempts)
	}
}

func TestAbsentServiceLooksLikeDNS(t *testing.T) {
	o := New(Options{})
	o.AbsentService("eu-west-1", "lambda")
	err := calls["lambda"](t.Context(), in(t, o, firstWorkload(o), "eu-west-1"))
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound || dns.Name != "lambda.eu-west-1.amazonaws.com" {
		t.Errorf("got %v, want that host lambda.eu-west-1.amazonaws.com is not found", err)
	}
	if n := countCalls(o, "lambda", "ListFunctions"); n != 1 {
		t.Errorf("got %d attempts, want 1", n)
	}
	if err := calls["lambda"](t.Context(), in(t, o, firstWorkload(o), "us-east-1")); err != nil {
		t.Errorf("other region: %v", err)
	}
}

func TestUnknownKeys(t *testing.T) {
	o := New(Options{})
	for _, tc := range []struct {
		name     string
		provider aws.CredentialsProvider
		want     map[string]string
	}{
		{"foreign key", credentials.NewStaticCredentialsProvider("AKIAFOREIGNFOREIGN12", "secret", ""), map[string]string{
			"ec2": "AuthFailure", "iam": "InvalidClientTokenId", "ecr": "UnrecognizedClientException", "sts": "InvalidClientTokenId", "s3": "InvalidAccessKeyId",
		}},
		{"no credentials", aws.AnonymousCredentials{}, map[string]string{"ec2": "AuthFailure", "sts": "InvalidClientTokenId"}},
	} {
		cfg := config(t, o)
		cfg.Credentials = tc.provider
		for service, want := range tc.want {
			if err := calls[service](t.Context(), cfg); code(err) != want {
				t.Errorf("%s, %s: got %v, want code %s", tc.name, service, err, want)
			}
		}
	}
}

func TestAssumeRole(t *testing.T) {
	o := New(Options{Accounts: 12})
	member := firstWorkload(o)
	memberName, memberID := o.MemberRole()
	memberARN := "arn:aws:iam::" + member + ":role/" + memberName
	discovery, discoveryID := o.DiscoveryRole()
	var suspended, pending string
	for _, a := range o.Accounts() {
		switch orgtypes.AccountState(a.State) {
		case orgtypes.AccountStateSuspended:
			suspended = a.ID
		case orgtypes.AccountStatePendingClosure:
			pending = a.ID
		}
	}
	o.PutRole(member, Role{Name: "open", Trusts: []string{o.BaseAccount()}, MaxSession: 4 * time.Hour})
	o.PutRole(member, Role{Name: "narrow", Trusts: []string{memberARN}, ExternalID: "narrow-id"})
	o.PutRole(o.Management(), Role{Name: "no-hops", Trusts: []string{o.BaseAccount()}, Allow: []string{"ec2:Describe*"}})
	revoked := o.nthWorkload(1).id
	o.RevokeRole(revoked)
	base := config(t, o)
	through := func(arn, externalID string) aws.Config {
		cfg := base
		cfg.Credentials = aws.NewCredentialsCache(assume(base, arn, externalID))
		return cfg
	}
	for _, tc := range []struct {
		name     string
		from     aws.Config
		arn, id  string
		session  string
		duration int32
		code     string
	}{
		{"member role", base, memberARN, memberID, "s-1", 3600, ""},
		{"discovery role", base, discovery, discoveryID, "s-1", 900, ""},
		{"wrong external ID", base, memberARN, discoveryID, "s-1", 3600, "AccessDenied"},
		{"no external ID", base, memberARN, "", "s-1", 3600, "AccessDenied"},
		{"external ID that is not asked for", base, "arn:aws:iam::" + member + ":role/open", "anything", "s-1", 3600, ""},
		{"no such role", base, "arn:aws:iam::" + member + ":role/missing", memberID, "s-1", 3600, "AccessDenied"},
		{"no such account", base, "arn:aws:iam::999999999999:role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"other partition", base, "arn:aws-cn:iam::" + member + ":role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"member role in the management account", base, "arn:aws:iam::" + o.Management() + ":role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"suspended account", base, "arn:aws:iam::" + suspended + ":role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"account that is being closed", base, "arn:aws:iam::" + pending + ":role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"revoked", base, "arn:aws:iam::" + revoked + ":role/" + memberName, memberID, "s-1", 3600, "AccessDenied"},
		{"longer than the role allows", base, memberARN, memberID, "s-1", 7200, "ValidationError"},
		{"long session", base, "arn:aws:iam::" + member + ":role/open", "", "s-1", 14400, ""},
		{"too short", base, memberARN, memberID, "s-1", 60, "ValidationError"},
		{"bad session name", base, memberARN, memberID, "two words", 3600, "ValidationError"},
		{"bad external ID", base, memberARN, "spaces are bad", "s-1", 3600, "ValidationError"},
		{"second hop", through(discovery, discoveryID), memberARN, memberID, "s-1", 3600, ""},
		{"second hop, too long", through(discovery, discoveryID), memberARN, memberID, "s-1", 3601, "ValidationError"},
		{"role trusted by ARN", through(memberARN, memberID), "arn:aws:iam::" + member + ":role/narrow", "narrow-id", "s-1", 3600, ""},
		{"not the trusted role", through(discovery, discoveryID), "arn:aws:iam::" + member + ":role/narrow", "narrow-id", "s-1", 3600, "AccessDenied"},
		{"the first role may not assume others", through("arn:aws:iam::"+o.Management()+":role/no-hops", ""), memberARN, memberID, "s-1", 3600, "AccessDenied"},
		{"keys of another account", withKeys(base, o.Keys(o.nthWorkload(2).id)), memberARN, memberID, "s-1", 3600, "AccessDenied"},
	} {
		in := &sts.AssumeRoleInput{RoleArn: aws.String(tc.arn), RoleSessionName: aws.String(tc.session), DurationSeconds: aws.Int32(tc.duration)}
		if tc.id != "" {
			in.ExternalId = aws.String(tc.id)
		}
		out, err := sts.NewFromConfig(tc.from).AssumeRole(t.Context(), in)
		if code(err) != tc.code || (tc.code == "") != (err == nil) {
			t.Errorf("%s: got error %v, want code %q", tc.name, err, tc.code)
			continue
		}
		if err != nil {
			if tc.code == "AccessDenied" && contains(err.Error(), "external") {
				t.Errorf("%s: the refusal tells why: %v", tc.name, err)
			}
			continue
		}
		if left := time.Until(*out.Credentials.Expiration); left > time.Duration(tc.duration)*time.Second || left < time.Duration(tc.duration-60)*time.Second {
			t.Errorf("%s: session lives %s, want %d s", tc.name, left, tc.duration)
		}
	}
}

func withKeys(cfg aws.Config, keys aws.Credentials) aws.Config {
	cfg.Credentials = staticCredentials(keys)
	return cfg
}

func TestSessionsEnd(t *testing.T) {
	o := New(Options{})
	account := firstWorkload(o)
	cfg := in(t, o, account, "us-east-1")
	call := func() string { return code(calls["iam"](t.Context(), cfg)) }
	if got := call(); got != "" {
		t.Fatalf("fresh session: got %s", got)
	}
	o.ExpireSessions(account, 2)
	for i, want := range []string{"", "", "ExpiredToken", "ExpiredToken"} {
		if got := call(); got != want {
			t.Errorf("call %d after ExpireSessions(2): got %q, want %q", i+1, got, want)
		}
	}
	cfg = in(t, o, account, "us-east-1")
	if got := call(); got != "" {
		t.Errorf("next session: got %s", got)
	}
	o.SessionLifetime(10 * time.Minute)
	cfg = in(t, o, account, "us-east-1")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, ""}, {9 * time.Minute, ""}, {time.Minute, "ExpiredToken"}} {
		o.Advance(step.after)
		if got := call(); got != step.want {
			t.Errorf("%s later: got %q, want %q", step.after, got, step.want)
		}
	}
}

func TestSuspendLocksOut(t *testing.T) {
	o := New(Options{})
	account := firstWorkload(o)
	cfg := in(t, o, account, "us-east-1")
	if err := calls["iam"](t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	o.Suspend(account)
	if got := code(calls["iam"](t.Context(), cfg)); got != "InvalidClientTokenId" {
		t.Errorf("session of before: got %q, want InvalidClientTokenId", got)
	}
	if got := code(calls["iam"](t.Context(), in(t, o, account, "us-east-1"))); got != "AccessDenied" {
		t.Errorf("new session: got %q, want AccessDenied", got)
	}
	for _, a := range o.Accounts() {
		if a.ID == account && a.State != "SUSPENDED" {
			t.Errorf("got state %s, want SUSPENDED", a.State)
		}
	}
}

func TestRolePermissions(t *testing.T) {
	o := New(Options{})
	account := firstWorkload(o)
	name, _ := o.MemberRole()
	o.Permit(account, name, "ec2:Describe*", "S3:listall*buckets", "iam:*")
	cfg := in(t, o, account, "us-east-1")
	for service, want := range map[string]string{"ec2": "", "s3": "", "iam": "", "rds": "AccessDenied", "lambda": "AccessDeniedException", "sts": ""} {
		if got := code(calls[service](t.Context(), cfg)); got != want {
			t.Errorf("%s: got %q, want %q", service, got, want)
		}
	}
}

func TestLike(t *testing.T) {
	for _, tc := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "ec2:DescribeVolumes", true}, {"ec2:*", "ec2:DescribeVolumes", true}, {"ec2:Describe*", "ec2:DescribeVolumes", true},
		{"ec2:*Volumes", "ec2:DescribeVolumes", true}, {"ec2:D*V*s", "ec2:DescribeVolumes", true}, {"EC2:describevolumes", "ec2:DescribeVolumes", true},
		{"ec2:Describe", "ec2:DescribeVolumes", false}, {"rds:*", "ec2:DescribeVolumes", false}, {"ec2:*VolumesX", "ec2:DescribeVolumes", false},
		{"ec2:*Volumes*Volumes", "ec2:DescribeVolumes", false},
	} {
		if got := like(tc.pattern, tc.action); got != tc.want {
			t.Errorf("like(%q, %q) = %t, want %t", tc.pattern, tc.action, got, tc.want)
		}
	}
}

func TestHookAnswers(t *testing.T) {
	o := New(Options{})
	account := firstWorkload(o)
	cfg := in(t, o, account, "us-east-1")
	var seen Call
	o.Hook(func(_ context.Context, c Call) error {
		if c.Service != "eks" {
			return nil
		}
		seen = c
		return &Fault{Code: "ServerException", Message: "out of order", Status: 418}
	})
	err := calls["eks"](t.Context(), cfg)
	if code(err) != "ServerException" || status(err) != 418 {
		t.Errorf("got %v, want ServerException with status 418", err)
	}
	want := Call{account, "us-east-1", "eks", "ListClusters", "arn:aws:sts::" + account + ":assumed-role/inventory-read/test-session", []string{"eks:ListClusters"}, 1}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("hook saw %+v, want %+v", seen, want)
	}
	if err := calls["iam"](t.Context(), cfg); err != nil {
		t.Errorf("other services: %v", err)
	}
}

func TestCanceledCall(t *testing.T) {
	o := New(Options{})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	ctx, cancel := context.WithCancel(t.Context())
	o.Hook(func(context.Context, Call) error { cancel(); return ctx.Err() })
	if err := calls["iam"](ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestRatesAndLatencyRunOnTheFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Options{EnforceRates: true, Latency: func(service, _ string) time.Duration {
			if service == "securityhub" {
				return 10 * time.Millisecond
			}
			return 0
		}})
		cfg := in(t, o, o.SecurityAccount(), "us-east-1")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		start := time.Now()
		refused := 0
		for range 10 {
			if err := calls["securityhub"](t.Context(), cfg); code(err) == "TooManyRequestsException" {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != 4 {
			t.Errorf("got %d of 10 calls at once refused, want all above the burst of 6", refused)
		}
		if waited := time.Since(start); waited != 100*time.Millisecond {
			t.Errorf("got latency of %s, want 10 times 10 ms", waited)
		}
		time.Sleep(time.Second)
		if err := calls["securityhub"](t.Context(), cfg); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

func TestUnplayed(t *testing.T) {
	o := New(Options{})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	_, err := ec2.NewFromConfig(cfg).DescribeBundleTasks(t.Context(), &ec2.DescribeBundleTasksInput{})
	if err == nil || !contains(err.Error(), "operation DescribeBundleTasks of ec2 is not played") {
		t.Errorf("unplayed operation: got %v", err)
	}
	_, err = ec2.NewFromConfig(cfg).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{DryRun: aws.Bool(true)})
	if err == nil || !contains(err.Error(), "DescribeVolumes does not play input DryRun") {
		t.Errorf("unplayed input: got %v", err)
	}
	if n := countCalls(o, "ec2", "DescribeVolumes"); n != 1 {
		t.Errorf("got %d attempts, want 1", n)
	}
	cfg.APIOptions = nil
	err = calls["ec2"](t.Context(), withKeys(cfg, o.Credentials()))
	if err == nil || !contains(err.Error(), "reached the wire") {
		t.Errorf("stack without the simulation: got %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	o := New(Options{EnforceRates: true})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for service, call := range calls {
				if err := call(t.Context(), cfg); err != nil && code(err) == "" {
					t.Errorf("%s: %v", service, err)
				}
				switch i {
				case 0:
					o.Throttle(Rule{Service: service}, 1)
				case 1:
					o.Advance(time.Second)
				case 2:
					o.Calls()
				case 3:
					o.Resize(firstWorkload(o), Sizes{Volumes: 40})
				}
			}
		})
	}
	wg.Wait()
	if o.CallsTotal() < 8*len(calls) {
		t.Errorf("got %d calls, want at least %d", o.CallsTotal(), 8*len(calls))
	}
}

func TestAssumeRoleObeysRules(t *testing.T) {
	for name, tc := range map[string]struct {
		trouble func(*Organization)
		code    string
		message string
	}{
		"denied":       {func(o *Organization) { o.Deny(Rule{Account: o.BaseAccount(), Service: "sts"}) }, "AccessDenied", ":role/inventory-read because no identity-based policy allows the sts:AssumeRole action"},
		"SCP":          {func(o *Organization) { o.SCP(Rule{Operation: "AssumeRole"}) }, "AccessDenied", "with an explicit deny in a service control policy"},
		"throttled":    {func(o *Organization) { o.Throttle(Rule{Operation: "AssumeRole"}, -1) }, "Throttling", "Rate exceeded"},
		"failing once": {func(o *Organization) { o.Fail(Rule{Operation: "AssumeRole"}, 1, Fault{}) }, "", ""},
	} {
		o := New(Options{})
		tc.trouble(o)
		err := calls["iam"](t.Context(), in(t, o, firstWorkload(o), "us-east-1"))
		if code(err) != tc.code || err != nil && !contains(err.Error(), tc.message) {
			t.Errorf("%s: got %v, want code %q and %q", name, err, tc.code, tc.message)
		}
	}
}
