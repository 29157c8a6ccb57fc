package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/internal/outcome"
)

// api is an error of AWS as the SDK returns it.
func api(service, operation string, status int, code, message string) error {
	return answered(service, operation, status, "4f0c7a3e-0000-4000-8000-1d2e3f405162", &smithy.GenericAPIError{Code: code, Message: message})
}

func answered(service, operation string, status int, request string, err error) error {
	return sent(service, operation, &awshttp.ResponseError{RequestID: request, ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
	}})
}

// sent is an error of an operation without an answer.
func sent(service, operation string, err error) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: err}
}

// dial is an error of the transport, as the SDK wraps it.
func dial(err error) error {
	return &smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: "https://ec2.eu-west-9.amazonaws.com/", Err: err}}
}

// renewing is the failure of a session's renewal on the way to another call.
func renewing(service, operation string, err error) error {
	return sent(service, operation, fmt.Errorf("get identity: get credentials: failed to refresh cached credentials, %w", err))
}

const who = "User: arn:aws:sts::111122223333:assumed-role/reader/s is not authorized to perform: "

var classified = []struct {
	name    string
	err     error
	kind    outcome.Kind
	code    string
	missing string
	message string // the whole of it
	advice  string // part of it; none at all when empty
}{
	{"EC2 with an encoded message",
		api("EC2", "DescribeVolumes", 403, "UnauthorizedOperation", "You are not authorized to perform this operation. "+who+"ec2:DescribeVolumes because no identity-based policy allows the ec2:DescribeVolumes action. Encoded authorization failure message: AbC-dEf_123\nGhI"),
		outcome.Denied, "UnauthorizedOperation", "ec2:DescribeVolumes",
		"You are not authorized to perform this operation. " + who + "ec2:DescribeVolumes because no identity-based policy allows the ec2:DescribeVolumes action.",
		"Allow ec2:DescribeVolumes in the policy"},
	{"EC2 without an action: the declared one",
		api("EC2", "DescribeVolumes", 403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
		outcome.Denied, "UnauthorizedOperation", "ec2:DescribeVolumes", "You are not authorized to perform this operation.", "Allow ec2:DescribeVolumes in the policy"},
	{"IAM, identity-based",
		api("IAM", "ListUsers", 403, "AccessDenied", who+"iam:ListUsers on resource: arn:aws:iam::111122223333:user/ because no identity-based policy allows the iam:ListUsers action"),
		outcome.Denied, "AccessDenied", "iam:ListUsers", who + "iam:ListUsers on resource: arn:aws:iam::111122223333:user/ because no identity-based policy allows the iam:ListUsers action", "Allow iam:ListUsers in the policy"},
	{"an operation with an action of another name",
		api("S3", "ListBuckets", 403, "AccessDenied", "Access Denied"),
		outcome.Denied, "AccessDenied", "s3:ListAllMyBuckets, s3:ListTags", "Access Denied", "Allow s3:ListAllMyBuckets, s3:ListTags in the policy"},
	{"an operation that nobody knows",
		api("Other", "ListThings", 400, "AccessDeniedException", "no"),
		outcome.Denied, "AccessDeniedException", "", "no", ""},
	{"explicit deny in an identity-based policy",
		api("EKS", "ListClusters", 403, "AccessDeniedException", who+"eks:ListClusters on resource: x with an explicit deny in an identity-based policy"),
		outcome.Denied, "AccessDeniedException", "eks:ListClusters", who + "eks:ListClusters on resource: x with an explicit deny in an identity-based policy", "Allow eks:ListClusters"},
	{"explicit deny in an SCP",
		api("EC2", "DescribeVpcs", 403, "UnauthorizedOperation", who+"ec2:DescribeVpcs with an explicit deny in a service control policy"),
		outcome.Blocked, "UnauthorizedOperation", "ec2:DescribeVpcs", who + "ec2:DescribeVpcs with an explicit deny in a service control policy", "A service control policy of the organization forbids ec2:DescribeVpcs"},
	{"explicit deny in an RCP",
		api("S3", "GetBucketPolicy", 403, "AccessDenied", who+"s3:GetBucketPolicy with an explicit deny in a resource control policy"),
		outcome.Blocked, "AccessDenied", "s3:GetBucketPolicy", who + "s3:GetBucketPolicy with an explicit deny in a resource control policy", "A resource control policy of"},
	{"explicit deny in a permissions boundary",
		api("IAM", "ListRoles", 403, "AccessDenied", who+"iam:ListRoles on resource: x with an explicit deny in a permissions boundary"),
		outcome.Blocked, "AccessDenied", "iam:ListRoles", who + "iam:ListRoles on resource: x with an explicit deny in a permissions boundary", "permissions boundary"},
	{"no SCP allows",
		api("RDS", "DescribeDBInstances", 403, "AccessDenied", who+"rds:DescribeDBInstances on resource: x because no service control policy allows the rds:DescribeDBInstances action"),
		outcome.Blocked, "AccessDenied", "rds:DescribeDBInstances", who + "rds:DescribeDBInstances on resource: x because no service control policy allows the rds:DescribeDBInstances action", "service control policy"},
	{"no permissions boundary allows",
		api("RDS", "DescribeDBInstances", 403, "AccessDenied", who+"rds:DescribeDBInstances because no permissions boundary allows the rds:DescribeDBInstances action"),
		outcome.Blocked, "AccessDenied", "rds:DescribeDBInstances", who + "rds:DescribeDBInstances because no permissions boundary allows the rds:DescribeDBInstances action", "permissions boundary"},
	{"403 without a code",
		answered("EC2", "DescribeVolumes", 403, "r", errors.New("no body")),
		outcome.Denied, "http_403", "ec2:DescribeVolumes", "operation error EC2: DescribeVolumes, https response error StatusCode: 403 no body", "Allow ec2:DescribeVolumes"},
	{"a role that cannot be entered, on the way to another call",
		renewing("EC2", "DescribeVolumes", api("STS", "AssumeRole", 403, "AccessDenied", who+"sts:AssumeRole on resource: arn:aws:iam::444455556666:role/reader")),
		outcome.Denied, "AccessDenied", "sts:AssumeRole", who + "sts:AssumeRole on resource: arn:aws:iam::444455556666:role/reader", "does not trust the caller"},
	{"a role that AWS does not explain",
		api("STS", "AssumeRole", 403, "AccessDenied", "Access denied"),
		outcome.Denied, "AccessDenied", "sts:AssumeRole", "Access denied", "does not trust the caller"},
	{"a role that an SCP forbids",
		api("STS", "AssumeRole", 403, "AccessDenied", who+"sts:AssumeRole on resource: r with an explicit deny in a service control policy"),
		outcome.Blocked, "AccessDenied", "sts:AssumeRole", who + "sts:AssumeRole on resource: r with an explicit deny in a service control policy", "A service control policy of the organization forbids sts:AssumeRole"},

	{"expired token", api("EC2", "DescribeVolumes", 400, "ExpiredToken", "The security token included in the request is expired"),
		outcome.CredentialsExpired, "ExpiredToken", "", "The security token included in the request is expired", "Renew the base credentials"},
	{"expired token while renewing", renewing("EC2", "DescribeVolumes", api("STS", "AssumeRole", 403, "ExpiredTokenException", "expired")),
		outcome.CredentialsExpired, "ExpiredTokenException", "", "expired", "Renew the base credentials"},
	{"expired request", api("EC2", "DescribeVolumes", 400, "RequestExpired", "Request has expired."),
		outcome.CredentialsExpired, "RequestExpired", "", "Request has expired.", "Renew the base credentials"},

	{"EC2 throttle", api("EC2", "DescribeVolumes", 503, "RequestLimitExceeded", "Request limit exceeded."),
		outcome.Throttled, "RequestLimitExceeded", "", "Request limit exceeded.", "Lower the rate"},
	{"JSON throttle after all attempts", sent("EKS", "ListClusters", &retry.MaxAttemptsError{Attempt: 3, Err: &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}}),
		outcome.Throttled, "ThrottlingException", "", "Rate exceeded", "Lower the rate"},
	{"S3 throttle", api("S3", "ListBuckets", 503, "SlowDown", "Please reduce your request rate."),
		outcome.Throttled, "SlowDown", "", "Please reduce your request rate.", "Lower the rate"},
	{"429 with a code of its own", api("Other", "ListThings", 429, "Busy", "later"),
		outcome.Throttled, "Busy", "", "later", "Lower the rate"},
	{"429 without a code", answered("Other", "ListThings", 429, "r", errors.New("later")),
		outcome.Throttled, "http_429", "", "operation error Other: ListThings, https response error StatusCode: 429 later", "Lower the rate"},
	{"budget of retries", sent("EC2", "DescribeVpcs", errors.New("failed to get rate limit token, retry quota exceeded, 0 available, 5 requested")),
		outcome.Throttled, "retry_quota", "", "operation error EC2: DescribeVpcs, failed to get rate limit token, retry quota exceeded, 0 available, 5 requested", "Lower the rate"},

	{"name that does not exist", sent("EC2", "DescribeVpcs", dial(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "ec2.eu-west-9.amazonaws.com", IsNotFound: true}})),
		outcome.Unavailable, "no_such_endpoint", "", `operation error EC2: DescribeVpcs, request send failed, Post "https://ec2.eu-west-9.amazonaws.com/": dial tcp: lookup ec2.eu-west-9.amazonaws.com: no such host`, ""},
	{"resolver that does not answer", sent("EC2", "DescribeVpcs", dial(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}})),
		outcome.Failed, "unreachable", "", `operation error EC2: DescribeVpcs, request send failed, Post "https://ec2.eu-west-9.amazonaws.com/": dial tcp: lookup h: server misbehaving`, "Check the network"},
	{"connection that is refused", sent("EC2", "DescribeVpcs", dial(&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: errors.New("connect: connection refused")})),
		outcome.Failed, "unreachable", "", `operation error EC2: DescribeVpcs, request send failed, Post "https://ec2.eu-west-9.amazonaws.com/": dial tcp 192.0.2.1:443: connect: connection refused`, "Check the network"},
	{"connection that is cut", sent("EC2", "DescribeVpcs", dial(cut(50001))),
		outcome.Failed, "unreachable", "", `operation error EC2: DescribeVpcs, request send failed, Post "https://ec2.eu-west-9.amazonaws.com/": read tcp 192.0.2.1:443: connection reset by peer`, "Check the network"},
	{"endpoint that the SDK does not know", sent("EC2", "DescribeVpcs", &smithy.GenericAPIError{Code: "UnknownEndpoint", Message: "no endpoint"}),
		outcome.Unavailable, "no_such_endpoint", "", "no endpoint", ""},
	{"time-out of an attempt", sent("EC2", "DescribeVpcs", &aws.RequestCanceledError{Err: context.DeadlineExceeded}),
		outcome.Failed, "timeout", "", "operation error EC2: DescribeVpcs, request canceled, context deadline exceeded", "retry.timeout"},
	{"time-out of the socket", sent("EC2", "DescribeVpcs", dial(&net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded})),
		outcome.Failed, "timeout", "", `operation error EC2: DescribeVpcs, request send failed, Post "https://ec2.eu-west-9.amazonaws.com/": read tcp: i/o timeout`, "Check the network"},
	{"answer that is not AWS's", answered("EC2", "DescribeVpcs", 200, "r", &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}),
		outcome.Failed, "protocol", "", "operation error EC2: DescribeVpcs, https response error StatusCode: 200 deserialization failed, unexpected EOF", "AWS_ENDPOINT_URL"},
	{"undeclared", sent("EC2", "DeleteVpc", &UndeclaredError{"EC2", "DeleteVpc"}),
		outcome.Failed, "undeclared", "", "operation error EC2: DeleteVpc, refuse EC2 DeleteVpc before it is sent: no collector declares the operation", "defect of stocktake"},
	{"a region that is known to be off", fmt.Errorf("walk: %w", &regionDisabledError{outcome.Outcome{Kind: outcome.RegionDisabled, Message: "off"}}),
		outcome.RegionDisabled, "", "", "off", ""},
	{"another code", api("EKS", "ListClusters", 500, "InternalFailure", ""),
		outcome.Failed, "InternalFailure", "", "InternalFailure", "look the code up"},
}

// cut is a broken connection, from a port of the machine.
func cut(port int) error {
	return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: port}, Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: errors.New("connection reset by peer")}
}

func TestDescribe(t *testing.T) {
	services := map[string]ServiceInfo{
		"EC2": {Name: "ec2", ID: "EC2"}, "IAM": {Name: "iam", ID: "IAM"}, "STS": {Name: "sts", ID: "STS"},
		"S3": {Name: "s3", ID: "S3", Actions: map[string][]string{"ListBuckets": {"s3:ListAllMyBuckets", "s3:ListTags"}}},
	}
	actions := func(service, operation string) []string {
		s, ok := services[service]
		if !ok {
			return nil
		}
		return s.ActionsOf(operation)
	}
	for _, c := range classified {
		got := describe(c.err, actions)
		if got.Kind != c.kind || got.Code != c.code || got.MissingAction != c.missing || got.Message != c.message {
			t.Errorf("%s: %v:\ngot  %s, code %q, missing %q, %q\nwant %s, code %q, missing %q, %q", c.name, c.err,
				got.Kind, got.Code, got.MissingAction, got.Message, c.kind, c.code, c.missing, c.message)
		}
		if (c.advice == "") != (got.Advice == "") || !strings.Contains(got.Advice, c.advice) {
			t.Errorf("%s: %v: got advice %q, want %q in it", c.name, c.err, got.Advice, c.advice)
		}
	}
}

// TestEqualText: failures that are equal but for their call have equal text.
func TestEqualText(t *testing.T) {
	long := strings.Repeat("é", 700)
	for _, c := range []struct {
		name string
		a, b error
		want string
	}{
		{"request ID of the SDK", answered("EC2", "X", 500, "aaaa-1", errors.New("broken")), answered("EC2", "X", 500, "bbbb-2", errors.New("broken")),
			"operation error EC2: X, https response error StatusCode: 500 broken"},
		{"no request ID", answered("EC2", "X", 500, "", errors.New("broken")), answered("EC2", "X", 500, "b", errors.New("broken")),
			"operation error EC2: X, https response error StatusCode: 500 broken"},
		{"request ID in the message", api("EC2", "X", 400, "C", "no such thing, RequestId: aaaa-1"), api("EC2", "X", 400, "C", "no such thing, RequestId: bbbb-2"), "no such thing"},
		{"request ID in brackets", api("EC2", "X", 400, "C", "no such thing (Request ID: aaaa-1)"), api("EC2", "X", 400, "C", "no such thing (Request ID: bbbb-2)"), "no such thing"},
		{"request and host IDs", api("S3", "X", 400, "C", "no. RequestID: a1, HostID: aa/bb+cc=="), api("S3", "X", 400, "C", "no. RequestID: b1, HostID: dd/ee+ff=="), "no."},
		{"encoded message", api("EC2", "X", 403, "UnauthorizedOperation", "No. Encoded authorization failure message: aaa"), api("EC2", "X", 403, "UnauthorizedOperation", "No. Encoded authorization failure message: bbb\nccc"), "No."},
		{"port of the machine", sent("EC2", "X", cut(50001)), sent("EC2", "X", cut(50002)), "operation error EC2: X, read tcp 192.0.2.1:443: connection reset by peer"},
		{"what is too long", api("EC2", "X", 400, "C", long), api("EC2", "X", 400, "C", long), strings.Repeat("é", 300) + "…"},
		{"what is cut within a letter", api("EC2", "X", 400, "C", "a"+long), api("EC2", "X", 400, "C", "a"+long), "a" + strings.Repeat("é", 299) + "…"},
	} {
		a, b := describe(c.a, nil).Message, describe(c.b, nil).Message
		if a != c.want || b != c.want {
			t.Errorf("%s: %v and %v:\ngot  %q\nand  %q\nwant %q", c.name, c.a, c.b, a, b, c.want)
		}
	}
}

// callers answers GetCallerIdentity of the home region.
func callers(status int, body string) aws.Config {
	return aws.Config{
		Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "k"}, nil
		}),
		RetryMaxAttempts: 1,
		HTTPClient: httpFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}),
	}
}

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestClassify: what a region says of credentials counts only where the home
// region accepts them.
func TestClassify(t *testing.T) {
	const works = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/u</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`
	const broken = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`
	noHost := sent("EC2", "DescribeVpcs", dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}))
	refusedToken := api("EC2", "DescribeVpcs", 401, "AuthFailure", "AWS was not able to validate the provided access credentials")
	for _, c := range []struct {
		name   string
		err    error
		region string
		scope  Scope
		home   aws.Config
		kind   outcome.Kind
		code   string
		off    bool // further units need not ask
	}{
		{"region off", refusedToken, "me-south-1", Regional, callers(200, works), outcome.RegionDisabled, "AuthFailure", true},
		{"credentials broken", refusedToken, "me-south-1", Regional, callers(403, broken), outcome.CredentialsExpired, "InvalidClientTokenId", false},
		{"refused in the home region", refusedToken, "us-east-1", Regional, callers(200, works), outcome.Failed, "AuthFailure", false},
		{"answer without an account", refusedToken, "me-south-1", Regional, callers(200, `<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>`), outcome.Failed, "protocol", false},
		{"no endpoint", noHost, "me-south-1", Regional, callers(200, works), outcome.Unavailable, "no_such_endpoint", false},
		{"no endpoint of a global service", noHost, "us-east-1", Global, callers(200, works), outcome.Failed, "unreachable", false},
		{"no organization", api("Organizations", "ListAccounts", 400, "AWSOrganizationsNotInUseException", "not in use"), "us-east-1", Organization, callers(200, works), outcome.NotEnabled, "AWSOrganizationsNotInUseException", false},
		{"the service's own wording", api("EC2", "DescribeVpcs", 400, "NotSubscribed", "off"), "me-south-1", Regional, callers(200, works), outcome.NotEnabled, "NotSubscribed", false},
		{"denied", api("EC2", "DescribeVpcs", 403, "UnauthorizedOperation", "no"), "me-south-1", Regional, callers(200, works), outcome.Denied, "UnauthorizedOperation", false},
	} {
		s := &session{identity: &identity{config: c.home, home: "us-east-1"}, region: c.region}
		u := &Unit{Asked: &Asked{session: s}, Collector: &Collector{
			Service: ServiceInfo{Name: "ec2", ID: "EC2"}, Scope: c.scope,
			NotEnabled: func(code, _ string) bool { return code == "NotSubscribed" },
		}}
		got := u.Classify(t.Context(), c.err)
		if got.Kind != c.kind || got.Code != c.code {
			t.Errorf("%s: %v: got %+v, want %s with code %q", c.name, c.err, got, c.kind, c.code)
		}
		if err := s.usable(); (err != nil) != c.off {
			t.Errorf("%s: session is usable: got %v, want an error: %t", c.name, err, c.off)
		}
		if (got.Kind == outcome.Denied) != (got.MissingAction == "ec2:DescribeVpcs") {
			t.Errorf("%s: got missing action %q", c.name, got.MissingAction)
		}
	}
}
