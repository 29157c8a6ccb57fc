package honesttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"stocktake/internal/pipeline"
)

// repeated is a call that a run makes several times with the same input.
type repeated struct {
	call string // service:operation
	most int    // times, in one account and region
	why  string
}

// again are the calls whose answer is not shared.
var again = []repeated{
	{"sts:GetCallerIdentity", 3, "each new session is checked to be in the account that it should be in: that of the base identity, and that of the role; the rows of aws_sts_caller_identities are a unit of their own, which may be resumed, or be the only one that is asked for"},
	{"organizations:ListAccounts", 2, "accounts are found before there are units; their table is a unit of its own"},
	{"ssoadmin:ListInstances", 2, "the region of IAM Identity Center is found before there are units, once for all services; the instances are a table of their own"},
	{"guardduty:ListDetectors", 3, "the members of the administrator are found before there are units; detectors and findings are units of their own, which carry rows, and are resumed, each for itself. In other accounts than the administrator's it is one call"},
}

// TestNoCallTwice: over all tables, no call is made twice that asks the same of
// the same account and region.
func TestNoCallTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), company)
	w.source("acme").Collect = []string{"*", events, metricData}
	stop := listenInputs(w)
	if result := w.run(t); result.Exit != 0 {
		t.Errorf("exit %d, want 0", result.Exit)
	}
	times, operations := map[string]int{}, map[string]string{}
	for _, c := range stop() {
		input, err := json.Marshal(c.input)
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s %s %s:%s %s", c.Account, c.Region, c.Service, c.Operation, input)
		times[key]++
		operations[key] = c.Service + ":" + c.Operation
	}
	total, extra, used := 0, map[string]int{}, map[string]bool{}
	example := map[string]string{}
	for key, n := range times {
		total += n
		if n == 1 {
			continue
		}
		operation := operations[key]
		i := slices.IndexFunc(again, func(r repeated) bool { return r.call == operation && n <= r.most })
		if i >= 0 {
			used[again[i].call] = true
			continue
		}
		extra[operation] += n - 1
		example[operation] = fmt.Sprintf("%d times %.200s", n, key)
	}
	for _, operation := range slices.Sorted(maps.Keys(extra)) {
		t.Errorf("%s: %d calls ask again, such as %s", operation, extra[operation], example[operation])
	}
	for _, a := range again {
		if !used[a.call] {
			t.Errorf("%s is allowed to be asked again, and is not", a.call)
		}
	}
	t.Logf("%d calls", total)
}

// elsewhere says of tables why the plan and the run count otherwise by more than
// a tenth and a call for each unit.
var elsewhere = map[string]string{
	"aws_config_configuration_recorders": "the tags of the rules are counted with it: an operation that two tables use is counted with the first of them, and planned by the rows of that one",
	"aws_ecr_image_scan_findings":        "every image is planned, and only those that have been scanned are asked for",
	"aws_elbv2_load_balancers":           "the tags of target groups and of listeners are counted with it",
	"aws_guardduty_findings":             "the members of the administrator are found while the run is planned",
	"aws_securityhub_findings":           "the members of the administrator are found while the run is planned",
	"aws_ssoadmin_account_assignments":   "every assignment is planned; what is asked for is the pairs of account and permission set that have some",
	"aws_ssoadmin_instances":             "the tags of permission sets are counted with it",
}

// TestPlan: what a plan says that a run costs, once rows are known, is what the
// run after it costs.
func TestPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), company)
	w.source("acme").Collect = []string{"*", events, metricData}
	w.run(t)
	w.advance(day)
	plan, rows, err := pipeline.Plan(t.Context(), w.options(t))
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]int64{}
	for row := range w.run(t).Coverage {
		made[row.TableName] += row.Calls
	}
	var said, sum int64
	for _, e := range plan.Estimates(rows) {
		n := made[e.Table]
		said, sum = said+e.Calls, sum+n
		off := max(e.Calls-n, n-e.Calls)
		why, explained := elsewhere[e.Table]
		if off > 0 {
			t.Logf("%-40s %4d units, %5d rows: %4d calls planned, %4d made; %s", e.Table, e.Units, rows[e.Table], e.Calls, n, why)
		}
		if far := off > n/10+int64(e.Units); far != explained {
			t.Errorf("%s: %d calls planned and %d made; far apart: %t, explained: %t", e.Table, e.Calls, n, far, explained)
		}
	}
	t.Logf("%d calls planned, %d made", said, sum)
	if off := max(said-sum, sum-said); off > sum/10 || sum == 0 {
		t.Errorf("%d calls planned and %d made, want them within a tenth", said, sum)
	}
}
