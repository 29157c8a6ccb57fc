package honesttest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/load"
	"stocktake/schemas"
)

// effect is what has become of the rows of a place.
type effect string

const (
	replaced effect = "replaced" // those of this run
	carried  effect = "carried"  // those of the first run, counted as carried
	kept     effect = "kept"     // those of the first run, and nobody asked
	none     effect = "none"     // there are none
)

// want is what coverage has to say of some places. The first that matches
// holds; a place that none matches has to be as after the first run.
type want struct {
	source, table, account, region string // patterns; "" is any
	kinds                          []outcome.Kind
	code, missing                  string // missing is contained in missing_action
	columns                        []string
	rows                           effect
	aged                           bool // all rows were too old
}

func (w want) matches(r load.CoverageRow) bool {
	for pattern, value := range map[string]string{"s" + w.source: "s" + r.Source, "t" + w.table: "t" + r.TableName, "a" + w.account: "a" + r.AccountID, "r" + w.region: "r" + r.Region} {
		if ok, err := path.Match(pattern, value); len(pattern) > 1 && (err != nil || !ok) {
			return false
		}
	}
	return true
}

func is(k ...outcome.Kind) []outcome.Kind { return k }

// scenario is a second run with a fault.
type scenario struct {
	name   string
	from   *template // organization if nil
	page   int       // rows in a page at most; 0 is as AWS has it
	fault  func(*world)
	config func(*testing.T, *world)
	run    func(*world, *pipeline.Options)
	exit   int
	want   func(*world) []want
	then   func(*testing.T, *world, *reader, *pipeline.Result)
}

const (
	findings = "aws_securityhub_findings"
	volumes  = "aws_ec2_volumes"
	rds      = "aws_rds_db_instances"
	buckets  = "aws_s3_buckets"
	accounts = "aws_organizations_accounts"
)

var scenarios = []scenario{
	{
		name: "nothing is wrong",
		want: func(*world) []want { return nil },
	},
	{
		name: "list call denied",
		fault: func(w *world) {
			w.org.Deny(sim.Rule{Account: w.members[0], Service: "ec2", Operation: "DescribeVolumes"})
		},
		exit: 3,
		want: func(w *world) []want {
			return []want{{table: volumes, account: w.members[0], kinds: is(outcome.Denied), code: "UnauthorizedOperation", missing: "ec2:DescribeVolumes", rows: carried}}
		},
	},
	{
		name:  "detail call denied",
		fault: func(w *world) { w.org.Deny(sim.Rule{Account: w.members[0], Operation: "GetBucketPolicy"}) },
		exit:  3,
		want: func(w *world) []want {
			return []want{{table: buckets, account: w.members[0], kinds: is(outcome.Partial), code: "AccessDenied", missing: "s3:GetBucketPolicy", columns: []string{"policy"}, rows: replaced}}
		},
		then: func(t *testing.T, w *world, r *reader, _ *pipeline.Result) {
			for sql, want := range map[string]bool{
				"SELECT count(*) FROM aws_s3_buckets WHERE account_id = '%s' AND policy IS NULL AND list_contains(not_collected, 'policy')":                                 true,
				"SELECT count(*) FROM aws_s3_buckets WHERE account_id = '%s' AND (policy IS NOT NULL OR NOT coalesce(list_contains(not_collected, 'policy'), false))":       false,
				"SELECT count(*) FROM aws_s3_buckets WHERE account_id <> '%s' AND policy IS NOT NULL":                                                                       true,
				"SELECT count(*) FROM aws_s3_buckets WHERE account_id <> '%s' AND coalesce(len(not_collected), 0) > 0":                                                      false,
				"SELECT count(*) FROM coverage_gaps WHERE account_id = '%s' AND incomplete_columns = ['policy'] AND missing_action = 's3:GetBucketPolicy' AND advice <> ''": true,
			} {
				sql = fmt.Sprintf(sql, w.members[0])
				if got := r.number(sql); (got > 0) != want {
					t.Errorf("%s: got %d, want more than none: %t", sql, got, want)
				}
			}
		},
	},
	{
		name: "forbidden by a service control policy",
		fault: func(w *world) {
			w.org.SCP(sim.Rule{Account: w.members[1], Service: "rds", Operation: "DescribeDBInstances"})
		},
		exit: 3,
		want: func(w *world) []want {
			return []want{{table: rds, account: w.members[1], kinds: is(outcome.Blocked), code: "AccessDenied", missing: "rds:DescribeDBInstances", rows: carried}}
		},
	},
	{
		name: "forbidden by a service control policy, which is accepted",
		fault: func(w *world) {
			w.org.SCP(sim.Rule{Account: w.members[1], Service: "rds", Operation: "DescribeDBInstances"})
		},
		config: func(_ *testing.T, w *world) { w.file.AcceptBlocked = true },
		exit:   0,
		want: func(w *world) []want {
			return []want{{table: rds, account: w.members[1], kinds: is(outcome.Blocked), code: "AccessDenied", missing: "rds:DescribeDBInstances", rows: carried}}
		},
	},
	{
		name:  "role that cannot be assumed",
		fault: func(w *world) { w.org.RevokeRole(w.members[0]) },
		exit:  3,
		want: func(w *world) []want {
			return append(seenByAdministrator(w.members[0], ""), // whom no role stops
				want{account: w.members[0], kinds: is(outcome.Denied), code: "AccessDenied", missing: "sts:AssumeRole", rows: carried})
		},
	},
	{
		name:  "accounts cannot be listed",
		fault: func(w *world) { w.org.Deny(sim.Rule{Service: "organizations", Operation: "ListAccounts"}) },
		exit:  3,
		want: func(w *world) []want {
			return []want{
				{table: accounts, kinds: is(outcome.Denied), missing: "organizations:ListAccounts", rows: carried},
				{table: "aws_organizations_*", kinds: is(outcome.OK), rows: replaced}, // the management account is known, and so are the administrators
				{table: "aws_identitystore_*", kinds: is(outcome.OK), rows: replaced},
				{table: "aws_ssoadmin_*", kinds: is(outcome.OK), rows: replaced},
				{kinds: is(outcome.Failed), code: "AccessDeniedException", rows: carried},
			}
		},
	},
	{
		name:  "discovery role cannot be assumed",
		fault: func(w *world) { w.org.RevokeRole(w.org.Management()) },
		exit:  3,
		want: func(w *world) []want {
			return []want{{kinds: is(outcome.Failed), code: "AccessDenied", rows: carried}}
		},
	},
	{
		name:  "region of the users cannot be found",
		from:  usersAbroad,
		fault: func(w *world) { w.org.Deny(sim.Rule{Service: "ssoadmin"}) },
		exit:  3,
		want: func(w *world) []want {
			denied := want{region: west, kinds: is(outcome.Denied), code: "AccessDeniedException", missing: "sso:ListInstances", rows: carried}
			users, grants := denied, denied
			users.table, grants.table = "aws_identitystore_*", "aws_ssoadmin_*"
			return []want{users, grants}
		},
	},
	{
		name:  "service not enabled",
		from:  noAdministrator,
		fault: func(w *world) { w.org.Disable(sim.Rule{Account: w.members[0], Service: "securityhub"}) },
		want: func(w *world) []want {
			return []want{{table: "aws_securityhub_*", account: w.members[0], kinds: is(outcome.NotEnabled), code: "InvalidAccessException", rows: none}}
		},
	},
	{
		name:  "region switched off",
		fault: func(w *world) { w.org.DisableRegion(w.members[1], west) },
		want: func(w *world) []want {
			return append(withoutRegion(w),
				want{account: w.members[1], region: west, kinds: is(outcome.OutOfScope), rows: none},
				want{table: "aws_ec2_vpc_peering_connections", region: west, kinds: is(outcome.OK), rows: replaced}) // those with it are gone
		},
	},
	{
		name:   "region switched off that is configured by name",
		fault:  func(w *world) { w.org.DisableRegion(w.members[1], west) },
		config: func(_ *testing.T, w *world) { w.source("acme").Regions = config.Regions{Names: []string{east, west}} },
		want: func(w *world) []want {
			return slices.Concat(withoutRegion(w), seenByAdministrator(w.members[1], west), []want{
				{account: w.members[1], region: west, kinds: is(outcome.RegionDisabled), rows: none},
				{table: "aws_ec2_vpc_peering_connections", region: west, kinds: is(outcome.OK), rows: replaced}, // those with it are gone
			})
		},
	},
	{
		name: "throttled for good",
		fault: func(w *world) {
			w.org.Throttle(sim.Rule{Account: w.members[0], Service: "rds", Operation: "DescribeDBInstances"}, -1)
		},
		exit: 3,
		want: func(w *world) []want {
			return []want{{table: rds, account: w.members[0], kinds: is(outcome.Throttled), code: "Throttling", rows: carried}}
		},
		then: func(t *testing.T, w *world, r *reader, _ *pipeline.Result) {
			sql := "SELECT min(throttles) FROM stocktake_coverage WHERE outcome = 'throttled'"
			if got := r.number(sql); got != int64(w.file.Retry.MaxAttempts) {
				t.Errorf("%s: got %d, want %d", sql, got, w.file.Retry.MaxAttempts)
			}
		},
	},
	{
		name: "token expires between two pages",
		page: 1,
		fault: func(w *world) {
			expireAt(w, sim.Call{Account: w.members[0], Region: east, Service: "ec2", Operation: "DescribeNetworkInterfaces"}, 1)
		},
		exit: 3,
		want: func(w *world) []want {
			return []want{
				{table: "aws_ec2_network_interfaces", account: w.members[0], region: east, kinds: is(outcome.CredentialsExpired), code: "RequestExpired", rows: carried},
				{table: findings, kinds: is(outcome.OK), rows: replaced},
				{table: "aws_ecr_image_scan_findings", account: w.members[0], kinds: is(outcome.OK, outcome.NotEnabled, outcome.CredentialsExpired)}, // Inspector scans where it is on
				{account: w.members[0], kinds: is(outcome.OK, outcome.CredentialsExpired)},                                                           // whatever came first
			}
		},
	},
	{
		name:  "member has left",
		fault: func(w *world) { w.org.Leave(w.members[3]) },
		want: func(w *world) []want {
			return append(aboutOthers(w), want{account: w.members[3], kinds: is(outcome.OutOfScope), rows: none})
		},
		then: func(t *testing.T, w *world, r *reader, _ *pipeline.Result) {
			gone := "SELECT count(*) FROM stocktake_coverage WHERE account_id = '" + w.members[3] + "'"
			if got := r.number(gone + " AND outcome = 'out_of_scope'"); got == 0 {
				t.Errorf("coverage has no out_of_scope row of %s", w.members[3])
			}
			w.now = w.now.Add(day)
			next := w.run(t)
			if got := read(t, w.open(t)).number(gone); got != 0 {
				t.Errorf("a day later: got %d coverage rows of the account that left, want none", got)
			}
			if next.Exit != 0 {
				t.Errorf("a day later: exit %d, want 0", next.Exit)
			}
		},
	},
	{
		name:  "account suspended",
		fault: func(w *world) { w.org.Suspend(w.members[3]) },
		want: func(w *world) []want {
			return append(aboutOthers(w), want{account: w.members[3], kinds: is(outcome.Skipped), code: outcome.AccountSuspended, rows: carried})
		},
	},
	{
		name:   "account suspended for longer than rows are kept",
		fault:  func(w *world) { w.org.Suspend(w.members[3]) },
		config: func(_ *testing.T, w *world) { w.file.Carry.MaxAge = time.Hour },
		want: func(w *world) []want {
			return append(aboutOthers(w), want{account: w.members[3], kinds: is(outcome.Skipped), code: outcome.AccountSuspended, rows: none, aged: true})
		},
	},
	{
		name:   "source taken out",
		from:   twoSources,
		config: func(t *testing.T, w *world) { w.file = w.load(t, w.organizationYAML(w.members[3])) },
		want: func(w *world) []want {
			return []want{{source: "solo", kinds: is(outcome.OutOfScope), rows: none}}
		},
	},
	{
		name:   "region taken out",
		config: func(_ *testing.T, w *world) { w.source("acme").Regions = config.Regions{Names: []string{east}} },
		want: func(w *world) []want {
			return []want{{region: west, kinds: is(outcome.OutOfScope), rows: none}}
		},
	},
	{
		name: "table taken out",
		config: func(_ *testing.T, w *world) {
			w.source("acme").Collect = slices.DeleteFunc(slices.Sorted(maps.Keys(collectorOf)), func(t string) bool { return t == rds || onRequest(t) })
		},
		want: func(w *world) []want {
			return []want{{table: rds, kinds: is(outcome.OutOfScope), rows: none}}
		},
	},
	{
		name:   "source not active",
		from:   twoSources,
		config: func(_ *testing.T, w *world) { w.source("solo").Activate = false },
		want: func(w *world) []want {
			return []want{{source: "solo", kinds: is(outcome.Skipped), code: "not_asked", rows: kept}}
		},
	},
	{
		name: "administrator's view denied",
		fault: func(w *world) {
			w.org.Deny(sim.Rule{Account: w.org.SecurityAccount(), Service: "securityhub", Operation: "GetFindings"})
		},
		exit: 3,
		want: func(w *world) []want {
			return []want{{table: findings, kinds: is(outcome.Denied), code: "AccessDeniedException", missing: "securityhub:GetFindings", rows: carried}}
		},
	},
	{
		name: "rows too old",
		fault: func(w *world) {
			w.org.Deny(sim.Rule{Account: w.members[0], Service: "ec2", Operation: "DescribeVolumes"})
		},
		config: func(_ *testing.T, w *world) { w.file.Carry.MaxAge = time.Hour },
		exit:   3,
		want: func(w *world) []want {
			return []want{{table: volumes, account: w.members[0], kinds: is(outcome.Denied), code: "UnauthorizedOperation", missing: "ec2:DescribeVolumes", rows: none, aged: true}}
		},
	},
	{
		name: "second source claims an account of the first",
		config: func(t *testing.T, w *world) {
			w.file = w.load(t, w.organizationYAML("")+w.soloYAML(w.members[3]))
		},
		want: func(w *world) []want {
			return []want{{source: "solo", kinds: is(outcome.Skipped), code: "other_source", rows: replaced}}
		},
	},
	{
		name: "new first source claims an account of the second",
		config: func(t *testing.T, w *world) {
			w.file = w.load(t, w.soloYAML(w.members[3])+w.organizationYAML(""))
		},
		want: func(w *world) []want {
			wants := []want{{source: "solo", account: w.members[3], kinds: is(outcome.OK), rows: replaced}}
			solo, err := extract.Select(w.collectors, all.Streams, w.source("solo").Collect)
			if err != nil {
				panic(err) // the configuration has been read
			}
			for t := range collectorOf {
				if !solo[t] && !onRequest(t) {
					wants = append(wants, want{source: "acme", table: t, kinds: is(outcome.OK, outcome.NotEnabled)})
				}
			}
			return append(wants, want{source: "acme", account: w.members[3], kinds: is(outcome.Skipped), code: "other_source", rows: replaced})
		},
	},
	{
		name: "run narrowed to a source",
		from: twoSources,
		run:  func(_ *world, o *pipeline.Options) { o.Sources = []string{"solo"} },
		want: func(w *world) []want {
			return []want{{source: "acme", kinds: is(outcome.Skipped), code: "not_asked", rows: kept}}
		},
	},
	{
		name:  "run narrowed to a table, while another is denied",
		fault: func(w *world) { w.org.Deny(sim.Rule{Service: "rds", Operation: "DescribeDBInstances"}) },
		run:   func(_ *world, o *pipeline.Options) { o.Tables = map[string]bool{volumes: true} },
		want: func(w *world) []want {
			return []want{
				{table: volumes, kinds: is(outcome.OK), rows: replaced},
				{kinds: is(outcome.Skipped), code: "not_asked", rows: kept},
			}
		},
		then: func(t *testing.T, w *world, r *reader, result *pipeline.Result) {
			for _, f := range r.state.Tables {
				if ours := f.WrittenBy == result.RunID; ours != (f.Table == volumes || strings.HasPrefix(f.Table, "stocktake_")) {
					t.Errorf("%s: written by %s, which is this run: %t", f.Table, f.WrittenBy, ours)
				}
			}
		},
	},
	{
		name:   "account excluded that the administrator sees",
		config: func(_ *testing.T, w *world) { w.source("acme").Organization.Accounts.Exclude = []string{w.members[3]} },
		want: func(w *world) []want {
			return []want{{account: w.members[3], kinds: is(outcome.OutOfScope), rows: none}}
		},
		then: func(t *testing.T, w *world, r *reader, _ *pipeline.Result) {
			sql := "SELECT sum(discarded_rows)::BIGINT FROM stocktake_units WHERE collector = 'aws_securityhub_findings'"
			var lost int64 // what the first run had of the account
			for place, runs := range organization.rows {
				if place.table == findings && place.Account == w.members[3] {
					lost += total(runs)
				}
			}
			if got := r.number(sql); got != lost || lost == 0 {
				t.Errorf("%s: got %d, want %d, more than none", sql, got, lost)
			}
		},
	},
}

// onRequest reports whether a table is collected only where it is named.
func onRequest(table string) bool { return slices.Contains(collectorOf[table].OnRequest, table) }

// incremental reports whether a table's rows stay as long as AWS tells of no
// change.
func incremental(t *testing.T, table string) bool {
	t.Helper()
	s, err := schemas.Newest(table)
	if err != nil {
		t.Fatal(err)
	}
	return s.Incremental
}

// seenByAdministrator is what an account's administrators tell of it, whatever
// becomes of the account's own calls.
func seenByAdministrator(account, region string) []want {
	var wants []want
	for _, t := range []string{findings, "aws_guardduty_findings", "aws_inspector2_findings", "aws_inspector2_coverage"} {
		wants = append(wants, want{table: t, account: account, region: region, kinds: is(outcome.OK), rows: replaced})
	}
	return wants
}

// aboutOthers is the tables of central accounts whose rows are about the others
// too, and fewer when one is gone.
func aboutOthers(w *world) []want {
	wants := []want{
		{table: accounts, kinds: is(outcome.OK), rows: replaced},
		{table: "aws_ssoadmin_account_assignments", account: w.org.Management(), kinds: is(outcome.OK), rows: replaced},
	}
	for _, t := range []string{"aws_accessanalyzer_findings", "aws_config_aggregate_resources", "aws_securityhub_insight_results"} {
		wants = append(wants, want{table: t, account: w.org.SecurityAccount(), kinds: is(outcome.OK), rows: replaced})
	}
	return wants
}

// withoutRegion is the tables that have fewer rows when an account has turned a
// region off: those that no region answers for alone.
func withoutRegion(w *world) []want {
	wants := aboutOthers(w)
	for _, t := range []string{"aws_ec2_regions", "aws_iam_oidc_providers", "aws_resourceexplorer2_*", "aws_route53_*"} {
		wants = append(wants, want{table: t, account: w.members[1], kinds: is(outcome.OK), rows: replaced})
	}
	return append(wants, want{table: buckets, account: w.members[1], kinds: is(outcome.OK, outcome.Partial), rows: replaced})
}

// expireAt ends an account's sessions once a call was made so many times.
func expireAt(w *world, call sim.Call, after int) {
	var calls counter
	w.org.Hook(func(_ ctx, c sim.Call) error {
		if c.Account == call.Account && c.Region == call.Region && c.Operation == call.Operation && calls.next() == after {
			w.org.ExpireSessions(call.Account, 0)
		}
		return nil
	})
}

func TestSecondRun(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.from == nil {
				s.from = organization
			}
			w := s.from.world(t, s.page)
			if s.fault != nil {
				s.fault(w)
			}
			if s.config != nil {
				s.config(t, w)
			}
			result := w.run(t, func(o *pipeline.Options) {
				if s.run != nil {
					s.run(w, o)
				}
			})
			r := read(t, w.open(t))
			c := &checking{t: t, result: result, first: s.from.first, before: s.from.rows, after: r.stored(), wants: s.want(w)}
			c.check()
			checkCoverageTables(t, r, result, s.from.first)
			if result.Exit != s.exit {
				t.Errorf("exit: got %d, want %d", result.Exit, s.exit)
			}
			if s.then != nil {
				s.then(t, w, r, result)
			}
		})
	}
}

// checking compares a second run with what is wanted, and with the first.
type checking struct {
	t             *testing.T
	result, first *pipeline.Result
	before, after stored
	wants         []want
}

type coverageID struct{ source, table, account, region string }

func idOf(r load.CoverageRow) coverageID {
	return coverageID{r.Source, r.TableName, r.AccountID, r.Region}
}

func (c *checking) check() {
	first := map[coverageID]load.CoverageRow{}
	for r := range c.first.Coverage {
		first[idOf(r)] = r
	}
	hits := make([]int, len(c.wants))
	said := map[coverageID]bool{}
	spoken := map[where]bool{} // as said, for rows that name their own region
	rows := map[where]int64{}  // by coverage
	for r := range c.result.Coverage {
		if said[idOf(r)] {
			c.t.Errorf("%v: two rows of coverage", idOf(r))
		}
		said[idOf(r)], spoken[at(r.TableName, r.AccountID, r.Region)] = true, true
		i := slices.IndexFunc(c.wants, func(w want) bool { return w.matches(r) })
		if i >= 0 {
			hits[i]++
			c.row(r, c.wants[i])
		} else if was, ok := first[idOf(r)]; ok {
			c.asBefore(r, was)
		} else {
			c.t.Errorf("%v: is %s, and the first run did not know it", idOf(r), r.Outcome)
		}
		if r.Outcome != outcome.Skipped || r.ErrorCode == outcome.AccountSuspended {
			rows[at(r.TableName, r.AccountID, r.Region)] += r.Rows
		}
		if r.Outcome.Incomplete(false) && (r.Advice == "" || r.ErrorMessage == "") {
			c.t.Errorf("%v: %s without advice %q or message %q", idOf(r), r.Outcome, r.Advice, r.ErrorMessage)
		}
	}
	for id, r := range first {
		if !spoken[at(id.table, id.account, id.region)] && (r.Rows > 0 || len(c.wants) == 0) {
			c.t.Errorf("%v: the first run said %s with %d rows, this one says nothing", id, r.Outcome, r.Rows)
		}
	}
	for i, n := range hits {
		if n == 0 {
			c.t.Errorf("want %+v: no row of coverage matches", c.wants[i])
		}
	}
	for place, n := range rows {
		if got := total(c.after[place]); n != 0 && got != n {
			c.t.Errorf("%v: coverage counts %d rows, the table has %d", place, n, got)
		}
	}
	for place, runs := range c.after {
		if _, ok := rows[place]; !ok && !maps.Equal(runs, c.before[place]) {
			c.t.Errorf("%v: has rows %v that nothing accounts for, before %v", place, runs, c.before[place])
		}
	}
}

// row checks a place that the scenario names.
func (c *checking) row(r load.CoverageRow, w want) {
	place := at(r.TableName, r.AccountID, r.Region)
	if !slices.Contains(w.kinds, r.Outcome) || w.code != "" && r.ErrorCode != w.code || !strings.Contains(r.MissingAction, w.missing) || w.columns != nil && !slices.Equal(r.IncompleteColumns, w.columns) {
		c.t.Errorf("%v: got %s, code %q, missing %q, columns %q (%s), want %v, %q, %q, %q", idOf(r), r.Outcome, r.ErrorCode, r.MissingAction, r.IncompleteColumns, r.ErrorMessage, w.kinds, w.code, w.missing, w.columns)
		return
	}
	effect := w.rows
	if effect == "" {
		effect = replaced
		if r.Outcome.Rows() == outcome.Carried {
			effect = carried
		}
	}
	c.rows(place, r, effect)
	if was := total(c.before[place]); w.aged && r.AgedOutRows != was || !w.aged && r.AgedOutRows != 0 {
		c.t.Errorf("%v: aged out %d rows, want all %d: %t", idOf(r), r.AgedOutRows, was, w.aged)
	}
}

// rows checks what the table holds of a place.
func (c *checking) rows(place where, r load.CoverageRow, e effect) {
	was, is := c.before[place], c.after[place]
	var problem bool
	wantCarried, from := int64(0), ""
	switch e {
	case replaced:
		for run := range is { // unchanged rows of an incremental table are those of the run that read them
			problem = problem || run != c.result.RunID && (run != c.first.RunID || !incremental(c.t, place.table))
		}
	case carried:
		wantCarried, problem = total(was), !maps.Equal(is, was)
		if wantCarried > 0 {
			from = c.first.RunID
		}
	case kept:
		problem = !maps.Equal(is, was)
		wantCarried, from = r.CarriedRows, r.CarriedFromRun
	case none:
		problem = len(is) > 0 || r.Rows != 0
	}
	if problem || r.CarriedRows != wantCarried || r.CarriedFromRun != from {
		c.t.Errorf("%v is %s: rows by run %v, before %v, coverage counts %d and %d carried from %q; want them %s", idOf(r), r.Outcome, is, was, r.Rows, r.CarriedRows, r.CarriedFromRun, e)
	}
}

// asBefore checks a place that the fault does not touch.
func (c *checking) asBefore(r, was load.CoverageRow) {
	if r.Outcome != was.Outcome || r.ErrorCode != was.ErrorCode || r.Rows != was.Rows || r.DuplicateRows != was.DuplicateRows {
		c.t.Errorf("%v: got %s (%s) with %d rows, %d duplicates; want it untouched: %s with %d, %d", idOf(r), r.Outcome, r.ErrorMessage, r.Rows, r.DuplicateRows, was.Outcome, was.Rows, was.DuplicateRows)
	}
	c.rows(at(r.TableName, r.AccountID, r.Region), r, replaced)
}

// checkCoverageTables compares what readers see of the coverage with what the
// run returned.
func checkCoverageTables(t *testing.T, r *reader, result, first *pipeline.Result) {
	t.Helper()
	var all, gaps, news []string
	for row := range result.Coverage {
		key := fmt.Sprint(row.Source, row.TableName, row.AccountID, row.Region, string(row.Outcome))
		all = append(all, key)
		if row.Outcome != outcome.Skipped {
			news = append(news, key)
		}
		if row.Outcome.Incomplete(false) {
			gaps = append(gaps, key)
		}
	}
	slices.Sort(all)
	slices.Sort(gaps)
	slices.Sort(news)
	columns := "SELECT coalesce(source, ''), table_name, account_id, region, outcome FROM "
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"coverage_gaps", r.gaps(), gaps},
		{"stocktake_coverage of this run", r.keys(columns + "stocktake_coverage WHERE run_id = '" + result.RunID + "'"), news},
		{"history of this run", r.keys(columns + "stocktake_coverage_history WHERE run_id = '" + result.RunID + "'"), all},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: got %d rows, want %d; only one has %v", c.what, len(c.got), len(c.want), difference(c.got, c.want))
		}
	}
	sql := "SELECT count(*) FROM stocktake_coverage WHERE run_id NOT IN ('" + result.RunID + "', '" + first.RunID + "')"
	if got := r.number(sql); got != 0 {
		t.Errorf("%s: got %d, want 0", sql, got)
	}
	if got := r.number("SELECT count(*) FROM (SELECT source, table_name, account_id, region FROM stocktake_coverage GROUP BY ALL HAVING count(*) > 1)"); got != 0 {
		t.Errorf("stocktake_coverage: %d keys have several rows", got)
	}
}

func difference(a, b []string) []string {
	var only []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			only = append(only, "+"+s)
		}
	}
	for _, s := range b {
		if !slices.Contains(a, s) {
			only = append(only, "-"+s)
		}
	}
	return only[:min(len(only), 6)]
}
