//go:build linux

package soaktest

import (
	"testing"

	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/load/store/local"
)

// TestViewChanges stops a run and resumes it when an administrator's view can
// be told in one of the two and not in the other: what was collected of the
// accounts alone does not stand for what the view covers, nor the reverse.
func TestViewChanges(t *testing.T) {
	t.Parallel()
	unknown := func(org *sim.Organization) {
		org.Deny(sim.Rule{Account: org.SecurityAccount(), Service: "securityhub", Operation: "ListMembers"})
	}
	fine := func(*sim.Organization) {}
	for _, c := range []struct {
		name          string
		first, second func(*sim.Organization)
	}{
		{"told only when the run is resumed", unknown, fine},
		{"told only before the run is stopped", fine, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &round{dir: t.TempDir(), company: company{seed: 7, accounts: 6}, now: monday}
			file := r.company.config(t, r.dir)
			s, err := local.Open(file.Warehouse)
			if err != nil {
				t.Fatal(err)
			}
			for i, with := range []func(*sim.Organization){c.first, c.second} {
				w := &weather{org: r.company.at(r.now), fine: true, seen: map[string]int{}}
				with(w.org)
				if i == 0 {
					w.stopStep = "writing tables"
				}
				o := options(file, s, w.org, r.now)
				o.Resume, o.Observer = i == 1, w
				if _, err := w.run(t, o); err != nil && !w.stopped() || w.stopped() != (i == 0) {
					t.Fatalf("attempt %d, stopped: %t: %v", i, w.stopped(), err)
				}
			}
			for _, problem := range judge(read(t, s), r.undisturbed(t), nil) {
				t.Error(problem)
			}
		})
	}
}

// TestAdministratorWithoutRegions: where the administrator's regions cannot be
// listed, nobody asks it for its view.
func TestAdministratorWithoutRegions(t *testing.T) {
	t.Parallel()
	r := &round{dir: t.TempDir(), company: company{seed: 7, accounts: 6}, now: monday}
	file := r.company.config(t, r.dir)
	s, err := local.Open(file.Warehouse)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		org := r.company.at(r.now)
		if i == 1 {
			org.Deny(sim.Rule{Account: org.SecurityAccount(), Service: "account"})
			org.Deny(sim.Rule{Account: org.SecurityAccount(), Operation: "DescribeRegions"})
		}
		result, err := pipeline.Run(t.Context(), options(file, s, org, r.now))
		if err != nil || result.Exit != 3*i {
			t.Fatalf("run %d: got %+v, %v, want exit %d", i, result, err, 3*i)
		}
		got := read(t, s)
		for _, problem := range judge(got, r.undisturbed(t), r.before) {
			t.Errorf("run %d: %s", i, problem)
		}
		r.before, r.now = got, r.now.Add(day)
	}
}
