package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stocktake/internal/doctor"
)

// TestDoctor: exit code and JSON of the command, on the demo's organization.
func TestDoctor(t *testing.T) {
	for _, c := range []struct {
		name        string
		old, change string // in the demo's configuration
		args        []string
		exit        int
		level       doctor.Level
		what        string
	}{
		{"healthy", "", "", nil, exitComplete, doctor.OK, "25 accounts found; trying 3"},
		{"accounts by ID", "", "", []string{"--accounts", "060066668401"}, exitComplete, doctor.OK, "25 accounts found; trying 1"},
		{"all accounts", "regions: 4", "regions: 4\n  faults: false", []string{"--accounts", "all"}, exitComplete, doctor.OK, "25 accounts found; trying 23"},
		{"one of all operations", "", "", []string{"--accounts", "1", "--deep"}, exitComplete, doctor.OK, "38 services answer"},
		{"faults", "", "", []string{"--accounts", "all", "--deep"}, exitIncomplete, doctor.Fail, "ec2:DescribeVolumes: denied"},
		{"external ID of the members", "4294762d", "5294762d", nil, exitIncomplete, doctor.Fail, "cannot be assumed"},
		{"external ID of the discovery", "5be8f4ab", "6be8f4ab", nil, exitNothing, doctor.Fail, "cannot be assumed"},
		{"warehouse", "warehouse: warehouse", "warehouse: stocktake.yaml/warehouse", nil, exitNothing, doctor.Fail, "stocktake.yaml/warehouse cannot be used"},
		{"number of accounts", "", "", []string{"--accounts", "none"}, exitUsage, "", "expected a number from 1, all, or account IDs"},
		{"source", "", "", []string{"--source", "nobody"}, exitUsage, "", "no source of that name"},
		{"configuration", "collect:", "colect:", nil, exitUsage, "", "colect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := demo(t)
			text, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(config, bytes.Replace(text, []byte(c.old), []byte(c.change), 1), 0o644); err != nil {
				t.Fatal(err)
			}
			code, out, errs := run(t, append([]string{"doctor", "-c", config, "--json"}, c.args...)...)
			if code != c.exit {
				t.Errorf("exit code: got %d, want %d\n%s", code, c.exit, errs)
			}
			left, err := os.ReadDir(filepath.Dir(config))
			if err != nil || len(left) != 1 {
				t.Errorf("afterwards: got %v, %v, want the configuration alone", left, err)
			}
			if c.level == "" {
				if out != "" || !strings.Contains(errs, c.what) {
					t.Errorf("got %q and %q, want %q on standard error alone", out, errs, c.what)
				}
				return
			}
			var r doctor.Report
			decoder := json.NewDecoder(strings.NewReader(out))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&r); err != nil {
				t.Fatalf("read the report: %v\n%s", err, out)
			}
			if r.Exit != c.exit || r.Calls == 0 || !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
				return f.Level == c.level && strings.Contains(f.What, c.what)
			}) {
				t.Errorf("got %+v, want exit code %d and %s with %q among the findings", r, c.exit, c.level, c.what)
			}
			for _, secret := range []string{"4294762d", "5294762d", "5be8f4ab", "6be8f4ab"} {
				if strings.Contains(out+errs, secret) {
					t.Errorf("the external ID %s… is in the output", secret)
				}
			}
			_, printed, _ := run(t, append([]string{"doctor", "-c", config}, c.args...)...)
			if !strings.Contains(printed, c.what) || c.level == doctor.Fail && !strings.Contains(printed, "cure:  ") {
				t.Errorf("as text: got\n%s\nwant %q in it", printed, c.what)
			}
		})
	}
}

// TestSpread: a sample is of the size that is asked for, and always the same.
func TestSpread(t *testing.T) {
	values := []string{"a", "b", "c", "d", "e"}
	for n, want := range map[int]string{1: "a", 2: "ae", 3: "ace", 4: "abce", 5: "abcde", 9: "abcde"} {
		got := strings.Join(spread(values, n), "")
		if got != want {
			t.Errorf("%d of %v: got %s, want %s", n, values, got, want)
		}
	}
}
