package honesttest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/sim"
	"stocktake/load"
)

type ctx = context.Context

// counter counts from many goroutines, from 0.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int { return int(c.n.Add(1)) - 1 }

// TestFirstRunDenied: with nothing to carry there are no rows, and coverage
// says why.
func TestFirstRunDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), company)
	w.org.Deny(sim.Rule{Account: w.members[0], Service: "ec2", Operation: "DescribeVolumes"})
	result := w.run(t)
	r := read(t, w.open(t))
	found := 0
	for c := range result.Coverage {
		if c.TableName != volumes || c.AccountID != w.members[0] {
			if c.Outcome.Incomplete(false) {
				t.Errorf("%v: got %s (%s), want it complete", idOf(c), c.Outcome, c.ErrorMessage)
			}
			continue
		}
		found++
		if c.Outcome != outcome.Denied || c.Rows != 0 || c.CarriedRows != 0 || c.CarriedFromRun != "" || c.MissingAction != "ec2:DescribeVolumes" || c.Advice == "" {
			t.Errorf("got %+v, want denied without rows", c)
		}
	}
	if found != 2 || result.Exit != 3 {
		t.Errorf("got %d rows of coverage and exit %d, want 2 and 3", found, result.Exit)
	}
	if got := r.number("SELECT count(*) FROM aws_ec2_volumes WHERE account_id = '" + w.members[0] + "'"); got != 0 {
		t.Errorf("got %d volumes, want none", got)
	}
	checkCoverageTables(t, r, result, result)
}

// TestFirstDiscoveryFails: without any earlier list there is nothing to say, so
// nothing is published.
func TestFirstDiscoveryFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*world){
		"accounts cannot be listed":        func(w *world) { w.org.Deny(sim.Rule{Operation: "ListAccounts"}) },
		"discovery role cannot be assumed": func(w *world) { w.org.RevokeRole(w.org.Management()) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir(), company)
			fault(w)
			result, err := pipeline.Run(t.Context(), w.options(t))
			if err == nil || !strings.Contains(err.Error(), "source acme") {
				t.Errorf("got %+v, %v, want an error that names the source", result, err)
			}
			state, err := load.ReadState(t.Context(), w.open(t))
			if err != nil || state.Manifest != nil {
				t.Errorf("got state %+v, %v, want none", state, err)
			}
			for _, name := range []string{"current", "snapshots", "runs/HEAD"} {
				if _, err := os.Lstat(filepath.Join(w.warehouse(), name)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s: got %v, want that it does not exist", name, err)
				}
			}
		})
	}
}
