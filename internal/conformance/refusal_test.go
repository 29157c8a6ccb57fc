package conformance

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/fakeaws"
	"stocktake/internal/outcome"
	"stocktake/internal/schema"
	"stocktake/internal/spool"
	"stocktake/schemas"
)

var (
	denied    = fakeaws.Fault{Code: "AccessDenied", Message: "Access Denied", Status: 403}
	throttled = fakeaws.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}
	expired   = fakeaws.Fault{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}
)

// notEnabled is how services say that they are switched off, for collectors
// that have a rule of their own for it.
var notEnabled = map[string]fakeaws.Fault{
	"inspector2":  {Code: "AccessDeniedException", Message: "Invoking account is not enabled.", Status: 403},
	"config":      {Code: "NoAvailableConfigurationRecorderException", Message: "There are no configuration recorders available."},
	"securityhub": {Code: "InvalidAccessException", Message: "Account 123456789012 is not subscribed to AWS Security Hub", Status: 401},
}

// gone is how services say that what is asked about was deleted, by service or
// operation.
var gone = map[string]string{
	"cloudwatch:GetMetricData":              "", // what was deleted has no points
	"accessanalyzer":                        "ResourceNotFoundException",
	"guardduty":                             "", // a bad request, as anything may be; findings that are gone are left out
	"acm":                                   "ResourceNotFoundException",
	"cloudfront:GetDistribution":            "NoSuchDistribution",
	"cloudfront:ListTagsForResource":        "NoSuchResource",
	"ec2":                                   "", // the account's own settings
	"ecr":                                   "RepositoryNotFoundException",
	"ecr:DescribeImageScanFindings":         "ImageNotFoundException",
	"ecs":                                   "ClusterNotFoundException",
	"ecs:DescribeClusters":                  "", // it leaves out what is gone
	"ecs:DescribeTaskDefinition":            "ClientException",
	"efs":                                   "FileSystemNotFound",
	"efs:DescribeMountTargetSecurityGroups": "MountTargetNotFound",
	"eks":                                   "ResourceNotFoundException",
	"elb":                                   "LoadBalancerNotFound",
	"elbv2":                                 "LoadBalancerNotFound",
	"elbv2:DescribeTargetHealth":            "TargetGroupNotFound",
	"iam":                                   "NoSuchEntity",
	"identitystore":                         "ResourceNotFoundException",
	"lambda":                                "ResourceNotFoundException",
	"organizations:ListParents":             "ChildNotFoundException",
	"organizations:ListPolicies":            "UnsupportedAPIEndpointException", // for a type of them
	"organizations:DescribePolicy":          "PolicyNotFoundException",
	"organizations:ListTargetsForPolicy":    "PolicyNotFoundException",
	"organizations:ListOrganizationalUnitsForParent": "ParentNotFoundException",
	"organizations:ListDelegatedServicesForAccount":  "AccountNotRegisteredException",
	"ssoadmin":                            "ResourceNotFoundException",
	"organizations:ListTagsForResource":   "TargetNotFoundException",
	"route53":                             "NoSuchHostedZone",
	"route53:ListQueryLoggingConfigs":     "", // it is asked about no zone
	"s3":                                  "NoSuchBucket",
	"securityhub":                         "ResourceNotFoundException",
	"securityhub:GetAdministratorAccount": "", // asks about no thing
	"securityhub:ListTagsForResource":     "", // a hub is there while Security Hub is on
	"tagging":                             "", // a key that is gone has no values
	"backup":                              "ResourceNotFoundException",
	"cloudtrail":                          "TrailNotFoundException",
	"config":                              "", // a recorder is not asked about
	"config:DescribeConfigurationRecorderStatus": "NoSuchConfigurationRecorderException",
	"config:DescribeConfigRuleEvaluationStatus":  "", // one rule that is gone refuses all that are asked about
	"config:GetComplianceDetailsByConfigRule":    "NoSuchConfigRuleException",
	"config:ListTagsForResource":                 "ResourceNotFoundException",
	"config:SelectAggregateResourceConfig":       "NoSuchConfigurationAggregatorException",
	"dynamodb":                                   "ResourceNotFoundException",
	"cognito":                                    "ResourceNotFoundException",
	"connect":                                    "ResourceNotFoundException",
	"ds":                                         "EntityDoesNotExistException",
	"kms":                                        "NotFoundException",
	"secretsmanager":                             "ResourceNotFoundException",
	"sns":                                        "NotFound",
	"sqs":                                        "AWS.SimpleQueueService.NonExistentQueue",
	"ssm":                                        "InvalidResourceId",
	"ssm:DescribeInstancePatchStates":            "", // it leaves out what is gone
	"resourceexplorer2":                          "ResourceNotFoundException",
}

// TestDenied refuses each operation, always and at its second call only. Tables
// that need it keep no row; of tables that take a detail from it the rows stay,
// and say what they lack; others do not notice.
func TestDenied(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		base := play(t, one(c))
		for _, operation := range operations(c) {
			for name, refuse := range map[string]fakeaws.Hook{"always": fakeaws.Always(denied), "second": fakeaws.Nth(2, denied)} {
				t.Run(operation+"/"+name, func(t *testing.T) {
					r := play(t, one(c, fakeaws.On(operation, refuse)))
					if r.err != nil {
						t.Fatal(r.err)
					}
					n := refused(r)
					if n == 0 {
						return // it is called once
					}
					for _, table := range c.Tables {
						r.wantDenied(t, base, c, operation, table)
						n -= r.table(t, "", table.Name).FailedCalls
					}
					if n != 0 {
						t.Errorf("got %d failed calls more than counted", n)
					}
				})
			}
		}
	})
}

// refused counts the attempts that a hook answered.
func refused(r *result) (n int64) {
	for _, c := range r.calls() {
		if c.Err != nil {
			n++
		}
	}
	return n
}

func (r *result) wantDenied(t *testing.T, base *result, c *extract.Collector, operation string, table extract.Table) {
	t.Helper()
	got, before := r.table(t, "", table.Name), base.table(t, "", table.Name)
	columns := details(c, operation)[table.Name]
	switch {
	case columns != nil && got.Outcome.Kind == outcome.OK && refused(r) == 1 && r.partial():
		// It was about rows of another table that takes details from it.
		wantOutcome(t, got, outcome.OK, before.Rows)
	case needs(c, operation)[table.Name] && standIn(c, operation) != "" && !r.answered(operation):
		wantOutcome(t, got, outcome.OK, before.Rows)
		if !r.answered(standIn(c, operation)) {
			t.Errorf("table %s: operation %s was refused, and %s was not called", table.Name, operation, standIn(c, operation))
		}
	case needs(c, operation)[table.Name]:
		wantOutcome(t, got, outcome.Denied, 0)
		wantRefusal(t, got, denied.Code, c.Service.ActionsOf(operation))
	case columns != nil:
		wantOutcome(t, got, outcome.Partial, before.Rows)
		wantRefusal(t, got, denied.Code, c.Service.ActionsOf(operation))
		r.wantIncomplete(t, base, table, columns)
	default:
		wantOutcome(t, got, outcome.OK, before.Rows)
	}
}

// partial reports whether some table lacks details.
func (r *result) partial() bool {
	return slices.ContainsFunc(r.units[0].Tables, func(t spool.TableResult) bool { return t.Outcome.Kind == outcome.Partial })
}

// answered reports whether a call of the operation was not refused.
func (r *result) answered(operation string) bool {
	return slices.ContainsFunc(r.calls(), func(c *fakeaws.Call) bool { return c.Operation == operation && c.Err == nil })
}

// wantRefusal compares what the outcome says to do about it.
func wantRefusal(t *testing.T, got spool.TableResult, code string, actions []string) {
	t.Helper()
	o := got.Outcome
	if action := strings.Join(actions, ", "); o.Code != code || o.MissingAction != action || !strings.Contains(o.Advice, action) {
		t.Errorf("table %s: got code %q, missing action %q, advice %q; want %q, %q, and an advice that names it", got.Table, o.Code, o.MissingAction, o.Advice, code, action)
	}
}

// wantIncomplete compares the rows of a table with those of a complete walk:
// columns are NULL where the row names them and nowhere else, and nothing else
// has changed.
func (r *result) wantIncomplete(t *testing.T, base *result, table extract.Table, columns []string) {
	t.Helper()
	slices.Sort(columns)
	if got := r.table(t, "", table.Name).Outcome.Columns; !slices.Equal(got, columns) {
		t.Errorf("table %s: incomplete columns: got %q, want %q", table.Name, got, columns)
	}
	s, err := schemas.Newest(table.Name)
	if err != nil {
		t.Fatal(err)
	}
	before, lacking := byKey(s, base.rows(t, table.Name)), 0
	for key, after := range byKey(s, r.rows(t, table.Name)) {
		if before[key] == nil {
			t.Errorf("table %s: row %s is new", table.Name, key)
			continue
		}
		named := texts(after["not_collected"])
		if len(named) > 0 {
			lacking++
		}
		for _, c := range s.AllColumns() {
			got, was := after[c.Name], before[key][c.Name]
			switch {
			case slices.Contains(named, c.Name):
				if got != nil {
					t.Errorf("table %s: column %s is named as not collected, and holds %v", table.Name, c.Name, got)
				}
			case c.Source != "" && c.Name != "arn" && !reflect.DeepEqual(got, was):
				t.Errorf("table %s: column %s is not named as not collected %q, and went from %v to %v", table.Name, c.Name, named, was, got)
			}
		}
	}
	if lacking == 0 {
		t.Errorf("table %s: no row names %q as not collected", table.Name, columns)
	}
}

// byKey finds rows by the key that they have within their unit.
func byKey(s *schema.Schema, rows []row) map[string]row {
	by := map[string]row{}
	for _, r := range rows {
		var key []any
		for _, k := range s.Key {
			if k != "region" {
				key = append(key, r[k])
			}
		}
		by[fmt.Sprint(key...)] = r
	}
	return by
}

func texts(list any) []string {
	var out []string
	if list != nil {
		for _, e := range list.([]any) {
			out = append(out, e.(string))
		}
	}
	return out
}

// TestThrottledTwice refuses the first two attempts of every operation: all is
// read in the end, and what it took is counted.
func TestThrottledTwice(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		base := play(t, one(c))
		r := play(t, one(c, fakeaws.First(2, throttled)))
		if r.err != nil {
			t.Fatal(r.err)
		}
		var calls, failed, retries, throttles int64
		for _, table := range c.Tables {
			got := r.table(t, "", table.Name)
			wantOutcome(t, got, outcome.OK, base.table(t, "", table.Name).Rows)
			calls, failed, retries, throttles = calls+got.Calls, failed+got.FailedCalls, retries+got.Retries, throttles+got.Throttles
		}
		again := int64(2 * len(operations(c)))
		got, want := [4]int64{calls, failed, retries, throttles}, [4]int64{int64(len(base.calls())) + again, again, again, again}
		if got != want {
			t.Errorf("calls, failed, retries and throttles: got %v, want %v", got, want)
		}
	})
}

// TestThrottledForGood refuses all attempts of each operation for their rate.
func TestThrottledForGood(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		base := play(t, one(c))
		for _, operation := range operations(c) {
			t.Run(operation, func(t *testing.T) {
				r := play(t, one(c, fakeaws.On(operation, fakeaws.Always(throttled))))
				if r.err != nil {
					t.Fatal(r.err)
				}
				for _, table := range c.Tables {
					got := r.table(t, "", table.Name)
					if !touches(c, operation)[table.Name] {
						wantOutcome(t, got, outcome.OK, base.table(t, "", table.Name).Rows)
						continue
					}
					wantOutcome(t, got, outcome.Throttled, 0)
					if got.Outcome.Code != throttled.Code || got.Outcome.Advice == "" {
						t.Errorf("table %s: got %+v, want code %s and an advice", table.Name, got.Outcome, throttled.Code)
					}
				}
			})
		}
	})
}

// TestNotEnabled meets services that are switched off: there is nothing to
// read, and that is final.
func TestNotEnabled(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		off, known := notEnabled[c.Service.Name]
		switch {
		case c.NotEnabled == nil && c.Scope == extract.Organization:
			off = fakeaws.Fault{Code: "AWSOrganizationsNotInUseException", Message: "Your account is not a member of an organization."}
		case c.NotEnabled == nil:
			return
		case !known:
			t.Fatalf("the collector has a rule for a service that is off; say in notEnabled how %s words it", c.Service.Name)
		}
		r := play(t, one(c, fakeaws.Always(off)))
		for _, table := range c.Tables {
			got := r.table(t, "", table.Name)
			wantOutcome(t, got, outcome.NotEnabled, 0)
			if !got.Outcome.Kind.Final() || extract.Advise(got.Outcome) == "" {
				t.Errorf("table %s: got %+v, want a final outcome with an advice", table.Name, got.Outcome)
			}
		}
		other := off
		other.Message = "something else"
		if c.NotEnabled != nil {
			r := play(t, one(c, fakeaws.Always(other)))
			if got := r.table(t, "", c.Tables[0].Name); got.Outcome.Kind.Final() {
				t.Errorf("code %s with another message: got %+v, want no final outcome", off.Code, got.Outcome)
			}
		}
	})
}

// TestRegionOff meets a region that the account does not use. The first unit
// finds that out, the second one makes no call.
func TestRegionOff(t *testing.T) {
	for _, code := range []string{"AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"} {
		t.Run(code, func(t *testing.T) {
			each(t, func(t *testing.T, c *extract.Collector) {
				fault := fakeaws.Fault{Code: code, Message: "not here", Status: 401}
				if c.Scope != extract.Regional {
					wantNotFinal(t, c, fault)
					return
				}
				second := secondCollector(c)
				s := scene{collectors: []*extract.Collector{c, second}, regions: []string{home, other}, hooks: []fakeaws.Hook{fakeaws.InRegion(other, fakeaws.Always(fault))}}
				r := play(t, s)
				for _, table := range c.Tables {
					wantOutcome(t, r.table(t, other, table.Name), outcome.RegionDisabled, 0)
					if got := r.table(t, home, table.Name); got.Outcome.Kind != outcome.OK || got.Rows == 0 {
						t.Errorf("table %s at home: got %+v with %d rows, want ok", table.Name, got.Outcome, got.Rows)
					}
				}
				skipped := r.table(t, other, second.Tables[0].Name)
				wantOutcome(t, skipped, outcome.RegionDisabled, 0)
				asked := 0
				for _, call := range r.calls() {
					if call.Region == other {
						asked++
					}
				}
				if asked != 1 || skipped.Calls != 0 {
					t.Errorf("got %d calls to the region, %d of them by the second unit, want 1 and 0", asked, skipped.Calls)
				}
			})
		})
	}
}

// secondCollector is any other one that works by regions.
func secondCollector(c *extract.Collector) *extract.Collector {
	i := slices.IndexFunc(all.Collectors, func(o *extract.Collector) bool { return o.Scope == extract.Regional && o.Name != c.Name })
	return all.Collectors[i]
}

// wantNotFinal: what is asked at home cannot be in a region that is off, so
// its rows must not be dropped.
func wantNotFinal(t *testing.T, c *extract.Collector, fault fakeaws.Fault) {
	t.Helper()
	for _, refuse := range []fakeaws.Hook{fakeaws.Nth(1, fault), fakeaws.NoSuchHost} {
		r := play(t, one(c, fakeaws.On(c.Calls[0].Operation, refuse)))
		if got := r.table(t, "", c.Tables[0].Name); got.Outcome.Kind.Final() || got.Rows != 0 {
			t.Errorf("table %s in the home region: got %+v, want an outcome that carries the last rows", got.Table, got.Outcome)
		}
	}
}

// TestUnavailable meets a region without the service.
func TestUnavailable(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		if c.Scope != extract.Regional {
			return
		}
		s := scene{collectors: []*extract.Collector{c}, regions: []string{other}, hooks: []fakeaws.Hook{fakeaws.InRegion(other, fakeaws.NoSuchHost)}}
		r := play(t, s)
		for _, table := range c.Tables {
			wantOutcome(t, r.table(t, other, table.Name), outcome.Unavailable, 0)
		}
		s.hooks = []fakeaws.Hook{fakeaws.NoSuchHost}
		r = play(t, s)
		for _, table := range c.Tables {
			got := r.table(t, other, table.Name)
			wantOutcome(t, got, outcome.Failed, 0)
			if got.Outcome.Code != "unreachable" {
				t.Errorf("table %s, when no name resolves: got %+v, want code unreachable", table.Name, got.Outcome)
			}
		}
	})
}

// TestExpired ends the session at the first call, in the middle and at the last
// one: a table is whole, or it has no row.
func TestExpired(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		base := play(t, one(c))
		n := len(base.calls())
		for _, at := range slices.Compact([]int{1, n/2 + 1, n}) {
			r := play(t, one(c, fakeaws.From(at, expired)))
			if r.err != nil {
				t.Fatal(r.err)
			}
			ended := 0
			for _, table := range c.Tables {
				got := r.table(t, "", table.Name)
				if got.Outcome.Kind == outcome.OK {
					wantOutcome(t, got, outcome.OK, base.table(t, "", table.Name).Rows)
					continue
				}
				wantOutcome(t, got, outcome.CredentialsExpired, 0)
				ended++
			}
			if ended == 0 {
				t.Errorf("session ended at call %d of %d: no table says so", at, n)
			}
		}
	})
}

// TestGone deletes one of the things that calls are made about after it was
// listed: that fails no table, and touches no other thing's rows.
func TestGone(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		base := play(t, one(c))
		for _, call := range c.Calls {
			if call.Per == "" {
				continue
			}
			code, known := gone[c.Service.Name+":"+call.Operation]
			if !known {
				code, known = gone[c.Service.Name]
			}
			if !known {
				t.Errorf("say in gone by which code %s tells that what %s asks about was deleted", c.Service.Name, call.Operation)
				continue
			}
			if code == "" {
				continue
			}
			t.Run(call.Operation, func(t *testing.T) {
				r := play(t, one(c, fakeaws.On(call.Operation, fakeaws.Nth(2, fakeaws.Fault{Code: code, Message: "gone", Status: 404}))))
				for _, table := range c.Tables {
					got, before := r.table(t, "", table.Name), base.table(t, "", table.Name)
					if kind := got.Outcome.Kind; kind != outcome.OK && kind != outcome.Partial {
						t.Errorf("table %s: got outcome %+v, want ok or partial", table.Name, got.Outcome)
					}
					if got.Outcome.Kind == outcome.OK && got.FailedCalls != 0 {
						t.Errorf("table %s: got %d failed calls: the answer was one", table.Name, got.FailedCalls)
					}
					r.wantRowsOf(t, base, table, before.Rows-got.Rows)
				}
			})
		}
	})
}

// wantRowsOf compares rows with those of a complete walk, of which some are gone.
func (r *result) wantRowsOf(t *testing.T, base *result, table extract.Table, missing int64) {
	t.Helper()
	s, err := schemas.Newest(table.Name)
	if err != nil {
		t.Fatal(err)
	}
	before := byKey(s, base.rows(t, table.Name))
	changed := 0
	for key, a := range byKey(s, r.rows(t, table.Name)) {
		b, ok := before[key]
		if !ok {
			t.Errorf("table %s: row %s is new", table.Name, key)
			continue
		}
		if !reflect.DeepEqual(withoutTimes(a), withoutTimes(b)) {
			changed++
		}
	}
	if changed > 1 || changed > 0 && missing > 0 {
		t.Errorf("table %s: got %d rows changed and %d gone, want those of one thing", table.Name, changed, missing)
	}
}

func withoutTimes(r row) row {
	out := maps.Clone(r)
	delete(out, "extracted_at")
	return out
}

// TestUndeclared takes an operation out of the declaration: it is refused
// before it is sent, and the table says that it is incomplete.
func TestUndeclared(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		for _, operation := range operations(c) {
			if slices.ContainsFunc(extract.Discovery, func(d extract.DiscoveryCall) bool {
				return d.Service.ID == c.Service.ID && d.Operation == operation
			}) {
				continue // discovery declares it
			}
			short := *c
			short.Administrator = nil
			short.Calls = slices.DeleteFunc(slices.Clone(c.Calls), func(call extract.Call) bool { return call.Operation == operation })
			if len(short.Calls) == 0 {
				short.Calls = []extract.Call{{Operation: "Nothing"}}
			}
			r := play(t, one(&short))
			for _, call := range r.calls() {
				if call.Operation == operation {
					t.Errorf("operation %s is not declared, and was sent", operation)
				}
			}
			for _, table := range c.Tables {
				want := outcome.OK
				switch {
				case needs(c, operation)[table.Name]:
					want = outcome.Failed
				case details(c, operation)[table.Name] != nil:
					want = outcome.Partial
				}
				got := r.table(t, "", table.Name).Outcome
				if got.Kind != want || want != outcome.OK && got.Code != "undeclared" {
					t.Errorf("table %s without operation %s: got %+v, want %s with code undeclared", table.Name, operation, got, want)
				}
			}
		}
	})
}

// TestAdministrator asks a delegated administrator what it sees: with the
// declared calls and no others.
func TestAdministrator(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		if c.Administrator == nil || c.Administrator.View != nil {
			return // the one view of a service is tested with it
		}
		r := play(t, one(c))
		before := len(r.fake.Calls())
		places, err := c.Administrator.Covers(t.Context(), r.plan.Units[0].Unit, []string{home, other})
		if err != nil || !slices.Contains(places, extract.Place{Account: fakeaws.Account, Region: home}) {
			t.Errorf("Covers: got %v and error %v, want its own place among them", places, err)
		}
		var called, declared []string
		for _, call := range r.fake.Calls()[before:] {
			called = append(called, call.Operation)
		}
		for _, call := range c.Administrator.Calls {
			declared = append(declared, call.Operation)
		}
		slices.Sort(called)
		slices.Sort(declared)
		if called = slices.Compact(called); !slices.Equal(called, declared) {
			t.Errorf("Covers called %s, want %s", strings.Join(called, " "), strings.Join(declared, " "))
		}
	})
}
