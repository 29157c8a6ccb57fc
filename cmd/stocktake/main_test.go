package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stocktake/internal/catalog"
	"stocktake/queries"
)

// run executes a command line as a shell would.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(context.Background(), args, &o, &e)
	return code, o.String(), e.String()
}

// demo runs the demo's configuration into a warehouse of the test.
func demo(t *testing.T) (config string) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config = filepath.Join(dir, "stocktake.yaml")
	text = bytes.Replace(text, []byte("../demo-warehouse"), []byte("warehouse"), 1)
	// What a quota of AWS makes a run wait for is no part of this test.
	text = append(text, []byte("rates:\n  iam: {per_second: 500, burst: 500}\n  organizations: {per_second: 500, burst: 500}\n  lambda: {per_second: 500, burst: 500}\n  ecr: {per_second: 500, burst: 500}\n")...)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return config
}

// TestDemo is the tour of the README: a run, its questions, and the commands
// around them.
func TestDemo(t *testing.T) {
	config := demo(t)
	if code, _, errs := run(t, "query", "-c", config, "SELECT 1"); code != exitNothing || !strings.Contains(errs, "stocktake run") {
		t.Errorf("query of an empty warehouse: got exit %d, %q, want %d and advice to run", code, errs, exitNothing)
	}
	code, out, errs := run(t, "run", "-c", config)
	if code != exitIncomplete {
		t.Fatalf("run: got exit %d, want %d (one account is partly denied)\n%s%s", code, exitIncomplete, out, errs)
	}
	for _, want := range []string{"aws_ec2_volumes denied in 4 regions of account 848531643389: needs ec2:DescribeVolumes", "without it policy stay NULL"} {
		if !strings.Contains(out, want) {
			t.Errorf("summary: got\n%s\nwant a line with %q", out, want)
		}
	}
	if !strings.Contains(errs, "0 accounts left") {
		t.Errorf("progress in a pipe: got\n%s\nwant a line for each account", errs)
	}

	t.Run("questions", func(t *testing.T) {
		want := map[string]string{
			"accounts": "storefront-prod", "network": "198.1", "findings": "CRITICAL", "identity": "jonas.abara", "coverage": "ec2:DescribeVolumes",
			"agents": "storefront-ci-runner-20", "signins": "farah.fontaine", "certificates": "app.storefront-prod.example.com", "keys": "alias/delivery-tracking-ebs", "paths": "catalogue-prod",
		}
		for _, name := range queries.Names() {
			code, out, errs := run(t, "query", "-c", config, name, "--format", "json")
			var rows []map[string]any
			if err := json.Unmarshal([]byte(out), &rows); code != 0 || err != nil || len(rows) == 0 || !strings.Contains(out, want[name]) || want[name] == "" {
				t.Errorf("query %s: got exit %d, %d rows, %v, %s, want rows with %q", name, code, len(rows), err, errs, want[name])
			}
		}
	})
	t.Run("gaps", func(t *testing.T) {
		for _, c := range []struct {
			sql  string
			warn string
		}{
			{"SELECT count(*) FROM aws_ec2_volumes", "aws_ec2_volumes is denied"},
			{"WITH v AS (SELECT * FROM aws_ec2_volumes WHERE false) SELECT * FROM v", "aws_ec2_volumes is denied"},
			{"SELECT count(*) FROM aws_s3_buckets", "aws_s3_buckets is partial"},
			{"SELECT count(*) FROM aws_ec2_instances", ""},
			{"SELECT * FROM coverage_gaps", ""},
		} {
			code, _, errs := run(t, "query", "-c", config, c.sql)
			if code != 0 || (c.warn == "") != (errs == "") || !strings.Contains(errs, c.warn) {
				t.Errorf("query %s: got exit %d, warnings %q, want %q", c.sql, code, errs, c.warn)
			}
		}
	})
	t.Run("commands", func(t *testing.T) {
		for _, c := range []struct {
			args []string
			code int
			out  string // regular expression over both outputs
		}{
			{[]string{"runs"}, 0, `incomplete`},
			{[]string{"runs", "no-such-run"}, exitUsage, "`stocktake runs` lists them"},
			{[]string{"verify"}, 0, `0 missing or damaged`},
			{[]string{"verify", "no-such-run"}, exitUsage, "lists them"},
			{[]string{"views"}, 0, `stocktake\.duckdb`},
			{[]string{"sources"}, 0, `acme\s+organization\s+true`},
			{[]string{"sources", "--json"}, 0, `"kind": "organization"`},
			{[]string{"plan"}, 0, `25 accounts, \d+ units, about \d+ calls`},
			{[]string{"plan", "--json", "--collect", "rds"}, 0, `"table": "aws_rds_db_instances"`},
			{[]string{"tables"}, 0, `aws_ec2_volumes\s+ec2(, \w+)*\s+regional\s+EBS volumes`},
			{[]string{"tables", "aws_ec2_volumes"}, 0, `ec2:DescribeVolumes \(needed\)`},
			{[]string{"tables", "aws_cloudwatch_metric_data"}, 0, `(?s)added by the day of timestamp.*on request.*a call for 500 rows of aws_cloudwatch_metrics`},
			{[]string{"tables", "aws_inspector2_findings"}, 0, `read by what has changed`},
			{[]string{"tables", "no_such_table"}, exitUsage, `lists them`},
			{[]string{"config", "check"}, 0, `1 sources`},
			{[]string{"config", "schema"}, 0, `json-schema.org`},
			{[]string{"init"}, 0, `member_role`},
			{[]string{"query", "SELECT * FROM aws_ec2_instance"}, exitUsage, `aws_ec2_instances`},
			{[]string{"query", "no-such-question"}, exitUsage, `expected one of accounts`},
			{[]string{"query", "DROP VIEW aws_ec2_volumes"}, exitUsage, ``},
			{[]string{"query", "identity", "--param", "days=99999"}, 0, `\(0 rows\)`},
			{[]string{"query", "identity", "--format", "xml"}, exitUsage, `expected table, csv, json or parquet`},
			{[]string{"run", "--source", "nobody"}, exitUsage, `no source of that name`},
			{[]string{"run", "--collect", "nothing"}, exitUsage, `neither a stream`},
			{[]string{"run", "--resume"}, exitNothing, `no stopped run`},
			{[]string{"run", "extra"}, exitUsage, `--help`},
			{[]string{"run", "--no-such-flag"}, exitUsage, `no-such-flag`},
		} {
			code, out, errs := run(t, append(c.args, "-c", config)...)
			if both := out + errs; code != c.code || !regexp.MustCompile(c.out).MatchString(both) {
				t.Errorf("%v: got exit %d and\n%.2000s\nwant exit %d and %s", c.args, code, both, c.code, c.out)
			}
		}
	})
	t.Run("views", func(t *testing.T) {
		_, listed, _ := run(t, "tables")
		for _, v := range catalog.Views {
			if code, _, errs := run(t, "query", "-c", config, "SELECT * FROM "+v.Name+" LIMIT 1"); code != 0 || !regexp.MustCompile(`(?m)^`+v.Name+`\s+-\s+view`).MatchString(listed) {
				t.Errorf("view %s: got exit %d, %s, and the list\n%s\nwant it to be there and listed", v.Name, code, errs, listed)
			}
		}
	})
	t.Run("narrowed run", func(t *testing.T) {
		_, before, _ := run(t, "query", "-c", config, "--format", "json", "SELECT count(*) AS n FROM aws_iam_users")
		code, out, errs := run(t, "run", "-c", config, "--collect", "eks", "--json")
		var r report
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitComplete || !r.Complete || r.Calls == 0 {
			t.Errorf("run --collect eks --json: got exit %d, %v, %s%s, want a complete report", code, err, out, errs)
		}
		_, after, _ := run(t, "query", "-c", config, "--format", "json", "SELECT count(*) AS n FROM aws_iam_users")
		if before != after {
			t.Errorf("users after a run of eks alone: got %s, want %s", after, before)
		}
	})
	t.Run("parquet out", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.parquet")
		code, _, errs := run(t, "query", "-c", config, "accounts", "--format", "parquet", "--output", path)
		text, err := os.ReadFile(path)
		if code != 0 || err != nil || !bytes.HasPrefix(text, []byte("PAR1")) {
			t.Errorf("query --format parquet: got exit %d, %v, %s, want a Parquet file", code, err, errs)
		}
	})
}

// TestQueryFiles checks the headers of the questions.
func TestQueryFiles(t *testing.T) {
	names := queries.Names()
	for _, want := range []string{"accounts", "agents", "certificates", "coverage", "findings", "identity", "keys", "network", "paths", "signins"} {
		if !slices.Contains(names, want) {
			t.Errorf("queries: got %v, want %s among them", names, want)
		}
	}
	for _, name := range names {
		q, err := ask(name, nil)
		if err != nil || q.title == "" {
			t.Errorf("queries/%s.sql: got title %q, %v, want a title", name, q.title, err)
		}
	}
}
