package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/doctor"
	"stocktake/internal/sim"
	"stocktake/internal/spool"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/memory"
)

const (
	east = "us-east-1"
	west = "eu-west-1"
)

// world is a simulated organization, and who examines the way into it.
type world struct {
	dir     string
	org     *sim.Organization
	file    *config.File
	members []string // ordinary accounts
	change  func(*aws.Config)
	failing error // of the base configuration
	options doctor.Options
}

func newWorld(t *testing.T, sources func(*world) string) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), change: func(*aws.Config) {}}
	w.org = sim.New(sim.Options{Seed: 7, Accounts: 12, Regions: []string{east, west}, Scale: 0.05})
	for _, a := range w.org.Accounts() {
		if !slices.Contains([]string{w.org.Management(), w.org.SecurityAccount(), w.org.BaseAccount()}, a.ID) {
			w.members = append(w.members, a.ID)
		}
	}
	name := filepath.Join(w.dir, "stocktake.yaml")
	text := "warehouse: not/yet/there\nretry: {max_attempts: 3, max_backoff: 1ms}\nsources:\n" + sources(w)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.file, err = config.Load(name, nil); err != nil {
		t.Fatal(err)
	}
	w.file.Rates = map[string]config.Rate{}
	for _, c := range all.Collectors {
		for _, call := range c.AllCalls() {
			w.file.Rates[c.Service.Name+":"+call.Operation] = config.Rate{PerSecond: 1e6, Burst: 1e6}
		}
	}
	for _, d := range extract.Discovery {
		w.file.Rates[d.Service.Name+":"+d.Operation] = config.Rate{PerSecond: 1e6, Burst: 1e6}
	}
	w.options = doctor.Options{
		Config: w.file, Collectors: all.Collectors, Streams: all.Streams,
		Base: func(ctx context.Context, _ *config.Keys, region string) (aws.Config, error) {
			cfg := w.org.Config(ctx)
			cfg.Region = region
			w.change(&cfg)
			return cfg, w.failing
		},
		Choose:   func(ids []string) []string { return ids },
		Observer: silent{}, Step: func(string) {},
		Store:  func(context.Context) (store.Store, error) { return local.Open(w.file.Warehouse) },
		DuckDB: func(context.Context) error { return nil },
		HTTPFS: func() (string, error) { return "", errors.New("no extension here") },
	}
	return w
}

type silent struct{}

func (silent) Discovering(string)         {}
func (silent) Planned(*extract.Plan)      {}
func (silent) UnitDone(spool.Unit)        {}
func (silent) AccountDone(string, string) {}

func (w *world) examine(t *testing.T) *doctor.Report {
	t.Helper()
	r, err := doctor.Run(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(w.dir)
	if err != nil || len(left) != 1 {
		t.Errorf("examined: got %v, %v, want the configuration alone", left, err)
	}
	return r
}

// organization is a source of all accounts; with more keys of a source.
func organization(regions, more string) func(*world) string {
	return func(w *world) string {
		arn, discoveryID := w.org.DiscoveryRole()
		name, memberID := w.org.MemberRole()
		return fmt.Sprintf(`  - name: acme
    organization:
      discovery: {role_arn: %q, external_id: %q}
      member_role: %s
      external_id: %q
    regions: %s
    home_region: us-east-1
    collect: [ec2, aws_sqs_queues, rds, security_hub, organizations]
%s`, arn, discoveryID, name, memberID, regions, more)
	}
}

var (
	everywhere = organization("all", "")
	named      = organization("[us-east-1, eu-west-1]", "")
)

// collecting is everywhere with other tables.
func collecting(pattern string) func(*world) string {
	return func(w *world) string {
		return strings.Replace(everywhere(w), "[ec2, aws_sqs_queues, rds, security_hub, organizations]", fmt.Sprintf("[%q]", pattern), 1)
	}
}

// refuse answers an operation with a fault, whoever asks.
func refuse(w *world, account, operation, code, message string) {
	w.org.Hook(func(_ context.Context, c sim.Call) error {
		if c.Operation == operation && (account == "" || c.Account == account) {
			return &sim.Fault{Code: code, Message: message, Status: 403}
		}
		return nil
	})
}

// dated gives answers the time of a server whose clock is ahead.
func dated(ahead time.Duration) func(*aws.Config) {
	return func(cfg *aws.Config) {
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
			timing, err := s.Deserialize.Remove("RecordResponseTiming") // the simulation answers before it is reached
			if err != nil {
				return err
			}
			dated := middleware.DeserializeMiddlewareFunc("dated", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleDeserialize(ctx, in)
				if r, ok := out.RawResponse.(*smithyhttp.Response); ok {
					r.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
				}
				return out, meta, err
			})
			return errors.Join(s.Deserialize.Add(dated, middleware.Before), s.Deserialize.Add(timing, middleware.Before))
		})
	}
}

// withoutIndexes empties the list of Resource Explorer's indexes.
func withoutIndexes(cfg *aws.Config) {
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("without indexes", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleDeserialize(ctx, in)
			if _, ok := out.Result.(*resourceexplorer2.ListIndexesOutput); ok {
				out.Result = &resourceexplorer2.ListIndexesOutput{}
			}
			return out, meta, err
		}), middleware.Before)
	})
}

// failing credentials are those of a profile that does not get any.
func failing(err error) func(*aws.Config) {
	return func(cfg *aws.Config) {
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, err })
	}
}

var faults = []struct {
	name        string
	sources     func(*world) string // everywhere if nil
	fault       func(*world)
	exit        int
	level       doctor.Level
	subject     func(*world) string // account, "" is any
	what        string
	cause, cure string
}{
	{
		name:  "action that no identity policy allows",
		fault: func(w *world) { w.org.Deny(sim.Rule{Account: w.members[0], Service: "sqs"}) },
		exit:  3, level: doctor.Fail, subject: first, what: "sqs:ListQueues: denied",
		cause: "No identity-based policy allows sqs:ListQueues", cure: "Allow sqs:ListQueues in the policy of the role",
	},
	{
		name:  "service control policy",
		fault: func(w *world) { w.org.SCP(sim.Rule{Account: w.members[0], Service: "sqs"}) },
		exit:  3, level: doctor.Fail, subject: first, what: "sqs:ListQueues: blocked",
		cause: "A service control policy denies sqs:ListQueues explicitly", cure: "set accept_blocked: true",
	},
	{
		name: "service control policy that is accepted",
		fault: func(w *world) {
			w.file.AcceptBlocked = true
			w.org.SCP(sim.Rule{Account: w.members[0], Service: "sqs"})
		},
		exit: 0, level: doctor.Warn, subject: first, what: "sqs:ListQueues: blocked", cause: "A service control policy", cure: "accept_blocked",
	},
	{
		name: "permissions boundary",
		fault: func(w *world) {
			refuse(w, w.members[0], "ListQueues", "AccessDenied", "User: x is not authorized to perform: sqs:ListQueues because no permissions boundary allows the sqs:ListQueues action")
		},
		exit: 3, level: doctor.Fail, subject: first, what: "sqs:ListQueues: blocked", cause: "No permissions boundary allows sqs:ListQueues", cure: "Add sqs:ListQueues to the permissions boundary",
	},
	{
		name: "session policy",
		fault: func(w *world) {
			refuse(w, w.members[0], "ListQueues", "AccessDenied", "User: x is not authorized to perform: sqs:ListQueues because no session policy allows the sqs:ListQueues action")
		},
		exit: 3, level: doctor.Fail, subject: first, what: "sqs:ListQueues: denied", cause: "No session policy allows", cure: "without a session policy",
	},
	{
		name: "explicit deny in a policy of the role",
		fault: func(w *world) {
			refuse(w, w.members[0], "ListQueues", "AccessDenied", "User: x is not authorized to perform: sqs:ListQueues with an explicit deny in an identity-based policy")
		},
		exit: 3, level: doctor.Fail, subject: first, what: "sqs:ListQueues: denied", cause: "An identity-based policy denies", cure: "Remove the statement that denies",
	},
	{
		name:  "role that one account lacks",
		fault: func(w *world) { w.org.RevokeRole(w.members[0]) },
		exit:  3, level: doctor.Fail, subject: first, what: "cannot be assumed",
		cause: "Roles of this name can be assumed in other accounts", cure: "Roll the role out to account",
	},
	{
		name: "external ID that one account has otherwise",
		fault: func(w *world) {
			name, _ := w.org.MemberRole()
			w.org.PutRole(w.members[0], sim.Role{Name: name, Trusts: []string{w.org.BaseAccount()}, ExternalID: "another-id"})
		},
		exit: 3, level: doctor.Fail, subject: first, what: "cannot be assumed", cause: "it asks for another external ID", cure: "compare its trust policy",
	},
	{
		name:  "external ID that is wrong everywhere",
		fault: func(w *world) { w.file.Sources[0].Organization.ExternalID = "another-id" },
		exit:  3, level: doctor.Fail, subject: first, what: "cannot be assumed", cause: "the cause is likely one for all", cure: "compare external_id with sts:ExternalId",
	},
	{
		name:  "discovery role that does not trust",
		fault: func(w *world) { w.org.RevokeRole(w.org.Management()) },
		exit:  1, level: doctor.Fail, subject: management, what: "cannot be assumed",
		cause: "Most likely first: the trust policy of the role does not name arn:aws:iam::", cure: "external_id as sts:ExternalId",
	},
	{
		name:  "caller who may not assume roles",
		fault: func(w *world) { w.org.Deny(sim.Rule{Service: "sts", Operation: "AssumeRole"}) },
		exit:  1, level: doctor.Fail, subject: management, what: "cannot be assumed", cause: "allows sts:AssumeRole on the role", cure: "sts:AssumeRole on arn:aws:iam::",
	},
	{
		name: "role with shorter sessions",
		fault: func(w *world) {
			w.file.Sources[0].Organization.Duration = 2 * time.Hour
		},
		exit: 3, level: doctor.Fail, subject: first, what: "cannot be assumed", cause: "shorter sessions than duration asks for", cure: "Lower duration",
	},
	{
		name:  "base credentials that have expired",
		fault: func(w *world) { refuse(w, "", "GetCallerIdentity", "ExpiredToken", "The security token is expired") },
		exit:  1, level: doctor.Fail, what: "base identity does not answer", cause: "The base credentials have expired", cure: "Renew them",
	},
	{
		name:  "SSO session that is over",
		fault: func(w *world) { w.change = failing(&ssocreds.InvalidTokenError{}) },
		exit:  1, level: doctor.Fail, what: "base identity does not answer", cause: "The SSO session", cure: "aws sso login --profile",
	},
	{
		name: "SSO token that cannot be renewed",
		fault: func(w *world) {
			w.change = failing(errors.New("refresh cached SSO token failed, cached SSO token is expired"))
		},
		exit: 1, level: doctor.Fail, what: "base identity does not answer", cause: "The SSO session", cure: "aws sso login --profile",
	},
	{
		name:  "no credentials",
		fault: func(w *world) { w.change = failing(errors.New("no EC2 IMDS role found")) },
		exit:  1, level: doctor.Fail, what: "base identity does not answer", cause: "No credentials were found", cure: "AWS_PROFILE",
	},
	{
		name:  "no such profile",
		fault: func(w *world) { w.failing = awsconfig.SharedConfigProfileNotExistError{Profile: "example"} },
		exit:  1, level: doctor.Fail, what: "base identity does not answer", cause: "There is no such profile", cure: "aws configure --profile",
	},
	{
		name: "access key that is not known",
		fault: func(w *world) {
			w.change = func(cfg *aws.Config) {
				cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "example"}, nil
				})
			}
		},
		exit: 1, level: doctor.Fail, what: "base identity does not answer", cause: "AWS does not know the access key", cure: "Check the access key in IAM",
	},
	{
		name: "keys of another account",
		sources: func(*world) string {
			return "  - {name: acme, keys: {account: \"444455556666\"}, regions: all, home_region: us-east-1, collect: [aws_sqs_queues]}\n"
		},
		exit: 1, level: doctor.Fail, what: "base identity does not answer", cause: "expected 444455556666", cure: "expected account in the configuration",
	},
	{
		name:  "list of accounts that is denied",
		fault: func(w *world) { w.org.Deny(sim.Rule{Service: "organizations", Operation: "ListAccounts"}) },
		exit:  1, level: doctor.Fail, subject: management, what: "cannot be listed", cause: "No identity-based policy allows organizations:ListAccounts", cure: "Allow organizations:ListAccounts to arn:aws:sts::",
	},
	{
		name: "account that Organizations does not tell",
		fault: func(w *world) {
			refuse(w, "", "ListAccounts", "AccessDeniedException", "You don't have permissions to access this resource.")
		},
		exit: 1, level: doctor.Fail, subject: management, what: "cannot be listed", cause: "neither the management account nor one to which", cure: "delegate Organizations",
	},
	{
		name: "account without an organization",
		fault: func(w *world) {
			refuse(w, "", "ListAccounts", "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
		},
		exit: 1, level: doctor.Fail, subject: management, what: "cannot be listed", cause: "is not in an organization", cure: "kind role, roles or keys",
	},
	{
		name: "regions that cannot be found",
		fault: func(w *world) {
			w.org.Deny(sim.Rule{Account: w.members[0], Operation: "ListRegions"})
			w.org.Deny(sim.Rule{Account: w.members[0], Operation: "DescribeRegions"})
		},
		exit: 3, level: doctor.Fail, subject: first, what: "regions that the account uses cannot be found", cause: "No identity-based policy allows account:ListRegions", cure: "Allow account:ListRegions or ec2:DescribeRegions",
	},
	{
		name: "region that is not opted in to", sources: named,
		fault: func(w *world) { w.org.DisableRegion(w.members[0], west) },
		exit:  0, level: doctor.Warn, subject: first, what: "the region cannot be used", cause: "has not opted in", cure: "enable-region --region-name eu-west-1",
	},
	{
		name:  "service that is not enabled",
		fault: func(w *world) { w.org.Disable(sim.Rule{Service: "securityhub"}) },
		exit:  0, level: doctor.Warn, subject: first, what: "not switched on there", cause: "InvalidAccessException", cure: "Enable the service there",
	},
	{
		name: "Resource Explorer that is not set up", sources: collecting("aws_resourceexplorer2_*"),
		fault: func(w *world) { w.change = withoutIndexes },
		exit:  0, level: doctor.Warn, what: "not switched on there", cause: "Resource Explorer has no index in the account", cure: "update-index-type --type AGGREGATOR",
	},
	{
		name:  "calls that are throttled",
		fault: func(w *world) { w.org.Throttle(sim.Rule{Account: w.members[0], Service: "sqs"}, -1) },
		exit:  3, level: doctor.Fail, subject: first, what: "aws_sqs_queues: throttled", cause: "for their rate", cure: "Lower the rate",
	},
	{
		name: "session that ends",
		fault: func(w *world) {
			refuse(w, w.members[0], "ListQueues", "ExpiredToken", "The security token included in the request is expired")
		},
		exit: 3, level: doctor.Fail, subject: first, what: "aws_sqs_queues: credentials_expired", cause: "The credentials have ended", cure: "Renew the base credentials",
	},
	{
		name:  "no account is left",
		fault: func(w *world) { w.options.Choose = func([]string) []string { return nil } },
		exit:  3, level: doctor.Fail, what: "none of 12 accounts", cause: "leaves none", cure: "--accounts",
	},
	{
		name:  "clock that is behind",
		fault: func(w *world) { w.change = dated(10 * time.Minute) },
		exit:  0, level: doctor.Warn, what: "the clock of this machine is 10m0s behind AWS's", cause: "NTP", cure: "NTP",
	},
	{
		name:  "clock that is right",
		fault: func(w *world) { w.change = dated(2 * time.Second) },
		exit:  0, level: doctor.OK, what: "the clock of this machine is within 1m0s of AWS's",
	},
	{
		name: "warehouse that cannot be written",
		fault: func(w *world) {
			w.options.Store = func(context.Context) (store.Store, error) { return nil, errors.New("the bucket is gone") }
		},
		exit: 1, level: doctor.Fail, what: "cannot be used", cause: "the bucket is gone", cure: "Make the folder writable",
	},
	{
		name: "DuckDB that does not start",
		fault: func(w *world) {
			w.options.DuckDB = func(context.Context) error { return errors.New("out of memory") }
		},
		exit: 3, level: doctor.Fail, what: "DuckDB does not start", cause: "out of memory", cure: "memory",
	},
	{
		name: "no httpfs for a warehouse in a bucket",
		fault: func(w *world) {
			w.file.Warehouse = "s3://example/stocktake"
			w.options.Store = func(context.Context) (store.Store, error) { return memory.New(), nil }
		},
		exit: 0, level: doctor.Warn, what: "httpfs extension is not there", cause: "no extension here", cure: "--httpfs",
	},
}

func first(w *world) string      { return w.members[0] }
func management(w *world) string { return w.org.Management() }

// TestFaults: each fault is told from the others, by level, cause and cure.
func TestFaults(t *testing.T) {
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sources := c.sources
			if sources == nil {
				sources = everywhere
			}
			w := newWorld(t, sources)
			if c.fault != nil {
				c.fault(w)
			}
			r := w.examine(t)
			if r.Exit != c.exit {
				t.Errorf("exit code: got %d, want %d", r.Exit, c.exit)
			}
			subject := ""
			if c.subject != nil {
				subject = c.subject(w)
			}
			if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
				return f.Level == c.level && (subject == "" || f.Account == subject) &&
					strings.Contains(f.What, c.what) && strings.Contains(f.Cause, c.cause) && strings.Contains(f.Cure, c.cure)
			}) {
				t.Errorf("want %s of %q with %q, %q and %q among", c.level, subject, c.what, c.cause, c.cure)
				for _, f := range r.Findings {
					if f.Level != doctor.OK {
						t.Errorf("%+v", f)
					}
				}
			}
			for _, f := range r.Findings {
				if (f.Level != doctor.OK) != (f.Cause != "" && f.Cure != "") {
					t.Errorf("%+v: want a cause and a cure unless all is well", f)
				}
			}
		})
	}
}

// TestHealthy: nothing fails where nothing is wrong, with few calls, and with --deep
// every operation is called that a run calls.
func TestHealthy(t *testing.T) {
	for _, deep := range []bool{false, true} {
		t.Run(fmt.Sprintf("deep %t", deep), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, everywhere)
			w.options.Deep = deep
			r := w.examine(t)
			for _, f := range r.Findings {
				if f.Level != doctor.OK {
					t.Errorf("got %+v, want all ok", f)
				}
			}
			if r.Exit != 0 {
				t.Errorf("exit code: got %d, want 0", r.Exit)
			}
			if most := int64(15 * len(w.org.Accounts())); !deep && r.Calls > most {
				t.Errorf("got %d calls, want at most %d", r.Calls, most)
			}
			t.Logf("%d calls, %d findings", r.Calls, len(r.Findings))
		})
	}
}

// operations are those that the company was asked, by service.
func operations(o *sim.Organization) map[string]bool {
	seen := map[string]bool{}
	for k := range o.Calls() {
		seen[k.Service+":"+k.Operation] = true
	}
	return seen
}

// TestDeep: of all tables, --deep calls each operation that a run over the same
// accounts calls, in one region, with a small part of the calls.
func TestDeep(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a whole company")
	}
	probed, read := newWorld(t, collecting("*")), newWorld(t, collecting("*"))
	probed.options.Deep = true
	r := probed.examine(t)
	if r.Exit != 0 {
		t.Errorf("exit code: got %d, want 0", r.Exit)
	}
	whole := &extract.Run{
		ID: "20260101T000000Z-000000", Config: read.file, Collectors: all.Collectors, Streams: all.Streams, Base: read.options.Base, Observer: silent{},
	}
	if err := whole.Prepare(); err != nil {
		t.Fatal(err)
	}
	plan, err := whole.Plan(t.Context(), extract.Previous{})
	if err != nil {
		t.Fatal(err)
	}
	plan.Units = slices.DeleteFunc(plan.Units, func(p *extract.Planned) bool { return p.Unit.AskedRegion() != east })
	rows, err := spool.Create(filepath.Join(t.TempDir(), "rows"), spool.Meta{RunID: whole.ID, Date: "2026-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if err := whole.Extract(t.Context(), plan, rows); err != nil {
		t.Fatal(err)
	}
	want, got := operations(read.org), operations(probed.org)
	for operation := range want {
		if !got[operation] && !slices.Contains(untried, operation) {
			t.Errorf("%s: a run calls it, and --deep does not", operation)
		}
	}
	for _, operation := range untried {
		if got[operation] || !want[operation] {
			t.Errorf("%s is left out, and is called or not there", operation)
		}
	}
	if total := whole.Gate().Calls.Load(); r.Calls > total*2/3 {
		t.Errorf("got %d calls, want at most two thirds of the %d of a run", r.Calls, total)
	}
	t.Logf("%d operations of %d, %d calls of %d", len(got), len(want), r.Calls, whole.Gate().Calls.Load())
}

// untried are operations below things that are not among the first few.
var untried = []string{}
