package accesstest

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/access"
	"stocktake/internal/outcome"
)

// unasked are actions that no call takes in the simulated organization, so that
// it cannot be seen what is lost without them.
var unasked = map[string]string{
	"sts:GetCallerIdentity":          "AWS answers it whatever the policies say",
	"s3:GetBucketLocation":           "the list of buckets names their regions",
	"ecs:DescribeContainerInstances": "the company's containers run on Fargate",
}

// rowless are tables that the simulated organization has no rows of.
var rowless = map[string]string{
	"aws_ecs_container_instances": "its containers run on Fargate",
}

// fatal are actions without which the accounts of a source cannot be found; with
// nothing from earlier runs to go on with, that is an error.
var fatal = map[string]bool{
	"organizations:ListAccounts":                     true,
	"organizations:ListAccountsForParent":            true,
	"organizations:ListOrganizationalUnitsForParent": true,
}

// more are tables that have more rows without a hint.
var more = map[string]string{
	"aws_ecr_image_scan_findings": "images that Inspector scans are asked for their findings too",
}

var (
	wholeOnce sync.Once
	whole     *journal
)

// complete returns what a run with all rights leaves behind; it is made once.
func (c *company) complete(t *testing.T) *journal {
	t.Helper()
	wholeOnce.Do(func() {
		s := c.source()
		needs := needsOf(t, s)
		whole = c.run(t, s, access.Policy(needs.Discovery), access.Policy(needs.Member), nil)
	})
	if whole == nil {
		t.Fatal("the run with all rights failed")
	}
	return whole
}

// TestComplete: with the rights that are asked for a run is complete, and it
// asks for nothing else.
func TestComplete(t *testing.T) {
	c := theCompany(t)
	j := c.complete(t)
	if j.err != nil {
		t.Fatal(j.err)
	}
	seen := map[string]bool{}
	for p, result := range j.tables {
		seen[p.table] = seen[p.table] || result.Rows > 0
		if !complete(result.Outcome.Kind) {
			t.Errorf("%v: got %+v", p, result.Outcome)
		}
	}
	for _, c := range all.Collectors {
		for _, table := range c.Tables {
			if why, listed := rowless[table.Name]; seen[table.Name] == listed {
				t.Errorf("table %s: got rows %t, and the list says %q", table.Name, seen[table.Name], why)
			}
		}
	}
	needs := byAction(needsOf(t, c.source()))
	for action := range j.asked {
		if needs[action] == nil {
			t.Errorf("%s is asked for, and not among the needs", action)
		}
	}
	for action := range needs {
		if why, listed := unasked[action]; j.asked[action] == listed {
			t.Errorf("%s: got asked %t, and the list says %q", action, j.asked[action], why)
		}
	}
	for action := range unasked {
		if needs[action] == nil {
			t.Errorf("%s is listed as not asked, and no need", action)
		}
	}
}

// lost is what actions decide, in any of the roles.
type lost struct {
	actions       map[string]bool
	discovers     bool // accounts, regions or stores
	tables, hints map[string]bool
	columns       map[string]map[string]bool
}

func byAction(n access.Needs) map[string]*lost {
	by := map[string]*lost{}
	for _, need := range append(slices.Clone(n.Discovery), n.Member...) {
		l := by[need.Action]
		if l == nil {
			l = &lost{actions: map[string]bool{need.Action: true}, tables: map[string]bool{}, hints: map[string]bool{}, columns: map[string]map[string]bool{}}
			by[need.Action] = l
		}
		l.discovers = l.discovers || need.Why != ""
		for _, t := range need.Tables {
			l.tables[t] = true
		}
		for _, t := range need.Hints {
			l.hints[t] = true
		}
		for t, columns := range need.Columns {
			if l.columns[t] == nil {
				l.columns[t] = map[string]bool{}
			}
			for _, c := range columns {
				l.columns[t][c] = true
			}
		}
	}
	return by
}

// TestWithout takes one action at a time away: what its need names is lost, and
// nothing else.
func TestWithout(t *testing.T) {
	c := theCompany(t)
	before := c.complete(t)
	needs := needsOf(t, c.source())
	by := byAction(needs)
	for action := range fatal {
		if by[action] == nil {
			t.Errorf("%s: listed as fatal, and no need", action)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(by)) {
		if unasked[action] != "" {
			continue
		}
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			l := by[action]
			j := c.run(t, c.source(), access.Policy(without(needs.Discovery, action)), access.Policy(without(needs.Member, action)), l.around())
			switch {
			case !j.asked[action]:
				t.Fatal("it is not asked for: the test shows nothing")
			case fatal[action]:
				if j.err == nil || !strings.Contains(j.err.Error(), action) {
					t.Errorf("got error %v, want one that names the action", j.err)
				}
			default:
				j.check(t, l, before)
			}
		})
	}
}

// around are the tables that an action decides, and all others of their
// collectors; nil is all tables, where it finds accounts, regions or stores.
func (l *lost) around() map[string]bool {
	if l.discovers {
		return nil
	}
	only := map[string]bool{}
	for _, c := range all.Collectors {
		touched := slices.ContainsFunc(c.Tables, func(t extract.Table) bool {
			return l.tables[t.Name] || l.hints[t.Name] || l.columns[t.Name] != nil
		})
		for _, t := range c.Tables {
			if touched {
				only[t.Name] = true
			}
		}
	}
	return only
}

// check compares a run without some actions with one that had all.
func (j *journal) check(t *testing.T, l *lost, before *journal) {
	t.Helper()
	if j.err != nil {
		t.Fatal(j.err)
	}
	denied := map[string]bool{}
	empty := map[string]map[string]bool{}
	rows, were := map[string]int64{}, map[string]int64{}
	for p, result := range before.tables {
		were[p.table] += result.Rows
	}
	for p, result := range j.tables {
		rows[p.table] += result.Rows
		o, was := result.Outcome, before.tables[p]
		switch {
		case o.Kind == outcome.Denied && l.tables[p.table]:
			denied[p.table] = true
		case o.Kind == outcome.Partial && l.columns[p.table] != nil:
			if empty[p.table] == nil {
				empty[p.table] = map[string]bool{}
			}
			for _, column := range o.Columns {
				empty[p.table][column] = true
			}
			if got := slices.Sorted(maps.Keys(j.missing(t, result))); !slices.Equal(got, o.Columns) {
				t.Errorf("%v: rows lack %q, and the outcome says %q", p, got, o.Columns)
			}
		case !complete(o.Kind):
			t.Errorf("%v: got %+v, want it complete", p, o)
			continue
		case l.tables[p.table] && was.Rows > 0 && !l.hints[p.table]:
			t.Errorf("%v: got %s with %d rows, want it denied", p, o.Kind, result.Rows)
		case o.Kind != was.Outcome.Kind && !viewed[p.table] && !l.hints[p.table]:
			t.Errorf("%v: got %s, want %s", p, o.Kind, was.Outcome.Kind)
		}
		if !complete(o.Kind) && !l.actions[o.MissingAction] {
			t.Errorf("%v: got missing action %q, want one of %q", p, o.MissingAction, slices.Sorted(maps.Keys(l.actions)))
		}
	}
	if !maps.Equal(denied, l.tables) {
		t.Errorf("got denied %q, want %q", slices.Sorted(maps.Keys(denied)), slices.Sorted(maps.Keys(l.tables)))
	}
	for table, n := range rows {
		switch want := l.columns[table]; {
		case l.tables[table]:
			continue
		case n < were[table], n > were[table] && (!l.hints[table] || more[table] == ""):
			t.Errorf("table %s: got %d rows, want the %d of before", table, n, were[table])
		case !maps.Equal(empty[table], want):
			t.Errorf("table %s: got no columns %q, want %q", table, slices.Sorted(maps.Keys(empty[table])), slices.Sorted(maps.Keys(want)))
		}
	}
}

// viewed are tables that are read through an administrator: who is asked for a
// row depends on what the view shows.
var viewed = func() map[string]bool {
	tables := map[string]bool{}
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			tables[t.Name] = c.Administrator != nil
		}
	}
	return tables
}()
