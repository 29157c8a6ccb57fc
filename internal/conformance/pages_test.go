package conformance

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"stocktake/extract"
	"stocktake/internal/fakeaws"
	"stocktake/internal/outcome"
	"stocktake/schemas"
)

// TestPages reads two pages of everything: no row is missing, none is there
// twice, every field stands in its column, and the declared operations are
// those that were called.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		r := play(t, one(c))
		if r.err != nil {
			t.Fatal(r.err)
		}
		complete(t, r, c)
		wantPages(t, r)
		for _, operation := range operations(c) {
			if name := c.Service.Name + ":" + operation; !r.run.Gate().Seen(name) {
				t.Errorf("operation %s is declared, and was not called", name)
			}
		}
		for _, call := range r.calls() {
			if !slices.Contains(operations(c), call.Operation) {
				t.Errorf("operation %s was called, and is not declared", call.Operation)
			}
		}
	})
}

// wantPages compares the answers that named another page with those that were
// asked for it.
func wantPages(t *testing.T, r *result) {
	t.Helper()
	named, asked := map[string]int{}, map[string]int{}
	for _, call := range r.calls() {
		if call.More {
			named[call.Operation]++
		}
		if call.Page > 0 {
			asked[call.Operation]++
		}
	}
	for operation, n := range named {
		if asked[operation] != n {
			t.Errorf("operation %s: got %d further pages asked for, want the %d that were named", operation, asked[operation], n)
		}
	}
}

// offByEmptyList are operations by whose empty list a service says that it is
// switched off, by collector.
var offByEmptyList = map[string]string{"aws_config_configuration_recorders": "DescribeConfigurationRecorders"}

// offWhenEmpty are the services that have an item wherever they are on.
var offWhenEmpty = []string{"guardduty", "resourceexplorer2"}

// TestEmpty reads lists without items: that is an answer.
func TestEmpty(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		s := one(c)
		s.items = func(*fakeaws.Call) int { return 0 }
		r := play(t, s)
		if r.err != nil {
			t.Fatal(r.err)
		}
		if slices.Contains(offWhenEmpty, c.Service.Name) {
			for _, table := range c.Tables {
				wantOutcome(t, r.table(t, "", table.Name), outcome.NotEnabled, 0)
			}
			return
		}
		if offByEmptyList[c.Name] != "" {
			for _, table := range c.Tables {
				wantOutcome(t, r.table(t, "", table.Name), outcome.NotEnabled, 0)
			}
			return
		}
		complete(t, r, c)
	})
}

// TestEmptyFirstPage reads lists whose first page has no items and a token.
func TestEmptyFirstPage(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		s := one(c)
		s.items = func(call *fakeaws.Call) int {
			if _, paged := reflect.TypeOf(call.Input).Elem().FieldByName("NextToken"); !paged && offByEmptyList[c.Name] != "" {
				return 2
			}
			return 2 * call.Page
		}
		r := play(t, s)
		if r.err != nil {
			t.Fatal(r.err)
		}
		complete(t, r, c)
	})
}

// complete compares all tables with the responses.
func complete(t *testing.T, r *result, c *extract.Collector) {
	t.Helper()
	sent := 0
	for _, table := range c.Tables {
		s, err := schemas.Newest(table.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows := r.rows(t, table.Name)
		got := r.table(t, "", table.Name)
		wantOutcome(t, got, outcome.OK, int64(len(rows)))
		if got.Duplicates != 0 || got.FailedCalls != 0 || got.Retries != 0 || got.Throttles != 0 {
			t.Errorf("table %s: got %d duplicates, %d failed calls, %d retries, %d throttles, want none", table.Name, got.Duplicates, got.FailedCalls, got.Retries, got.Throttles)
		}
		sent += int(got.Calls)
		matchRows(t, c, table, s, rows, r.calls())
	}
	if len(r.calls()) != sent {
		t.Errorf("got %d calls counted, want the %d that arrived", sent, len(r.calls()))
	}
}

// TestCancelled stops a run at its first call, in the middle and at the last
// one: the unit leaves neither a line nor a file.
func TestCancelled(t *testing.T) {
	each(t, func(t *testing.T, c *extract.Collector) {
		n := len(play(t, one(c)).calls())
		for _, at := range slices.Compact([]int{1, n/2 + 1, n}) {
			s := one(c)
			s.cancelAt = at
			r := play(t, s)
			if !errors.Is(r.err, context.Canceled) {
				t.Errorf("cancelled at call %d of %d: got error %v, want %v", at, n, r.err, context.Canceled)
			}
			if len(r.units) > 0 {
				t.Errorf("cancelled at call %d of %d: the journal has %+v", at, n, r.units)
			}
			if files := r.files(t); len(files) > 0 {
				t.Errorf("cancelled at call %d of %d: files are left: %v", at, n, files)
			}
		}
	})
}
