package mototest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/internal/spool"
	"stocktake/load"
	"stocktake/load/store/local"
)

var regions = []string{"us-east-1", "eu-central-1"}

// served are the tables to compare.
func served() []string {
	var tables []string
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			if !slices.Contains(Unserved, t.Name) {
				tables = append(tables, t.Name)
			}
		}
	}
	return tables
}

// offByEmptyList are the codes of services of which an empty list, or a hub that
// is not there, says that they are switched off, by table.
var offByEmptyList = map[string]string{
	"aws_config_configuration_recorders": "NoAvailableConfigurationRecorderException",
	"aws_config_rules":                   "NoAvailableConfigurationRecorderException",
	"aws_guardduty_detectors":            "",
	"aws_securityhub_hubs":               "InvalidAccessException",
}

// lacking are columns whose calls moto does not implement.
var lacking = map[string][]string{
	"aws_backup_vaults":            {"policy"},
	"aws_config_rules":             {"evaluation_status"},
	"aws_lambda_functions":         {"url_configs"},
	"aws_securityhub_hubs":         {"tags"},
	"aws_ssoadmin_instances":       {"tags"},
	"aws_ssoadmin_permission_sets": {"permissions_boundary", "tags"},
}

// repeated are tables whose rows moto lists once for each resource that has them.
var repeated = []string{"aws_tagging_tag_keys", "aws_tagging_tag_values"}

// paged are tables of which account bulk has more rows, or reservations of
// rows, than a page of moto holds.
var paged = []string{"aws_autoscaling_groups", "aws_ec2_instances", "aws_rds_db_instances", "aws_securityhub_findings"}

// sourceCase is a source of one kind, and the accounts that it leads to.
type sourceCase struct {
	name         string
	yaml         string // {name} stands for what fill.py tells of it
	accounts     []string
	organization string // account that organization-wide tables are asked of
	all          bool   // every table is read, and not only one of each service
}

// tables are those that the source reads: how an account is entered makes no
// difference to the values of the others.
func (c sourceCase) tables() []string {
	if c.all {
		return served()
	}
	tables := []string{"aws_ec2_vpcs"}
	seen := map[string]bool{"ec2": true}
	for _, collector := range all.Collectors {
		for _, t := range collector.Tables {
			if service := collector.Service.Name; !seen[service] && slices.Contains(served(), t.Name) {
				seen[service] = true
				tables = append(tables, t.Name)
			}
		}
	}
	return tables
}

var sourceCases = []sourceCase{
	{
		name: "organization",
		yaml: `
    organization:
      discovery: {role_arn: "arn:aws:iam::{management}:role/stocktake-discovery", external_id: "ex+ternal/1", session_name: moto}
      member_role: stocktake
      external_id: "ex+ternal/2"
      session_name: moto
      accounts: {units: ["{unit}"]}`,
		accounts: []string{"zero", "shop", "bulk", "idle"}, organization: "management", all: true,
	},
	{
		name: "role",
		yaml: `
    role:
      hops:
        - {role_arn: "arn:aws:iam::{management}:role/stocktake-hop", external_id: "ex+ternal/3"}
        - {role_arn: "arn:aws:iam::{shop}:role/stocktake", session_name: moto}`,
		accounts: []string{"shop"}, organization: "shop",
	},
	{
		name: "roles",
		yaml: `
    external_id: "ex+ternal/4"
    roles:
      - {role_arn: "arn:aws:iam::{zero}:role/stocktake", session_name: moto}
      - {role_arn: "arn:aws:iam::{outside}:role/stocktake", session_name: moto}`,
		accounts: []string{"zero", "outside"}, organization: "zero",
	},
	{
		name: "keys",
		yaml: `
    keys: {access_key_id: "{access_key_id}", secret_access_key: "{secret_access_key}", account: "{management}"}`,
		accounts: []string{"management"}, organization: "management",
	},
}

func TestAgainstMoto(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server and reads it many times")
	}
	isolate(t)
	moto := start(t)
	if id := moto.facts.Accounts["zero"]; !strings.HasPrefix(id, "0") {
		t.Fatalf("account zero is %s: expected an ID that begins with 0", id)
	}
	answers := moto.read(t)
	for _, c := range sourceCases {
		t.Run(c.name, func(t *testing.T) { c.compare(t, moto, answers) })
	}
	t.Run("rights", moto.compareRights)
}

// read returns what boto3 reads, by table.
func (s *server) read(t *testing.T) map[string][]answer {
	t.Helper()
	dir := t.TempDir()
	s.script(t, "read.py", append([]string{s.url, s.factsFile, dir}, regions...)...)
	answers := map[string][]answer{}
	for _, table := range served() {
		answers[table] = lines[answer](t, filepath.Join(dir, table+".jsonl"))
		if len(answers[table]) == 0 {
			t.Errorf("%s: boto3 reads no rows: there is nothing to compare", table)
		}
	}
	text := joined(t, dir)
	for name, secret := range secrets(t) {
		// AWS never answers with a password or with user data.
		if returned := name != "password" && name != "user_data"; returned && !strings.Contains(text, secret) {
			t.Errorf("boto3 does not read the secret %q: there is nothing to remove", name)
		}
	}
	return answers
}

// compare runs the source into a warehouse of its own.
func (c sourceCase) compare(t *testing.T, moto *server, answers map[string][]answer) {
	dir := t.TempDir()
	file := c.load(t, dir, moto)
	store, err := local.Open(file.Warehouse)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", moto.url)
	began := time.Now()
	result, err := pipeline.Run(t.Context(), pipeline.Options{
		Config: file, Store: store, Collectors: all.Collectors, Streams: all.Streams, Base: extract.AWS(file), Observer: quiet{}, Program: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	c.outcomes(t, moto, result)
	rows := c.open(t, moto, store)
	for _, table := range c.tables() {
		t.Run(table, func(t *testing.T) {
			want := c.expected(t, moto, table, answers[table])
			compareTable(t, table, run{source: c.name, id: result.RunID, began: began.Truncate(time.Microsecond), ended: time.Now()}, want, rows[table])
		})
	}
	without(t, "the warehouse", store.Root(), secrets(t), map[string]string{"access key": moto.facts.Keys.SecretAccessKey})
}

// load writes the configuration and reads it as the program does.
func (c sourceCase) load(t *testing.T, dir string, moto *server) *config.File {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "warehouse: warehouse\nretry: {max_attempts: 2, max_backoff: 10ms}\nrates:\n")
	for _, operation := range slices.Sorted(maps.Keys(operations())) {
		fmt.Fprintf(&text, "  %s: {per_second: 10000, burst: 10000}\n", operation)
	}
	fmt.Fprintf(&text, "sources:\n  - name: %s\n    regions: [%s]\n    collect: [%s]%s\n", c.name, strings.Join(regions, ", "), strings.Join(c.tables(), ", "), c.yaml)
	replace := []string{"{unit}", moto.facts.Unit, "{access_key_id}", moto.facts.Keys.AccessKeyID, "{secret_access_key}", moto.facts.Keys.SecretAccessKey}
	for name, id := range moto.facts.Accounts {
		replace = append(replace, "{"+name+"}", id)
	}
	name := filepath.Join(dir, "stocktake.yaml")
	if err := os.WriteFile(name, []byte(strings.NewReplacer(replace...).Replace(text.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// operations are all that are called, as rates name them: each of its own, since
// some keep a slower rate than that of their service.
func operations() map[string]bool {
	names := map[string]bool{}
	for _, c := range all.Collectors {
		for _, call := range c.AllCalls() {
			names[c.Service.Name+":"+call.Operation] = true
		}
	}
	for _, d := range extract.Discovery {
		names[d.Service.Name+":"+d.Operation] = true
	}
	return names
}

// outcomes expects every table to be complete, but for what moto lacks.
func (c sourceCase) outcomes(t *testing.T, moto *server, result *pipeline.Result) {
	t.Helper()
	covered := map[string]bool{}
	for row := range result.Coverage {
		covered[row.TableName+" "+row.AccountID] = true
		kind, code := outcome.OK, ""
		if lacks := lacking[row.TableName]; len(lacks) > 0 && row.Rows > 0 {
			kind, code = outcome.Partial, "protocol"
		}
		if off, may := offByEmptyList[row.TableName]; may && row.Rows == 0 {
			kind, code = outcome.NotEnabled, off
		}
		if row.Outcome != kind || row.ErrorCode != code {
			t.Errorf("coverage of %s in %s %s: %s %s %s: expected %s %s", row.TableName, row.AccountID, row.Region, row.Outcome, row.ErrorCode, row.ErrorMessage, kind, code)
		}
		if row.AccountID == moto.facts.Accounts["bulk"] && row.Region == regions[0] && slices.Contains(paged, row.TableName) && row.Calls < 2 {
			t.Errorf("%s in account bulk took %d call: expected pages", row.TableName, row.Calls)
		}
		if row.DuplicateRows != 0 && !slices.Contains(repeated, row.TableName) {
			t.Errorf("coverage of %s in %s %s: %d duplicate rows: expected none", row.TableName, row.AccountID, row.Region, row.DuplicateRows)
		}
	}
	for _, account := range c.accounts {
		if id := moto.facts.Accounts[account]; !covered["aws_ec2_vpcs "+id] {
			t.Errorf("account %s (%s) is not in the coverage", account, id)
		}
	}
}

// open reads the warehouse with pyarrow and Polars, and returns pyarrow's rows.
func (c sourceCase) open(t *testing.T, moto *server, store *local.Store) map[string][]map[string]any {
	t.Helper()
	state, err := load.ReadState(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(store.Root(), "current", "*.parquet"))
	if err != nil || len(files) != len(state.Tables) {
		t.Fatalf("current/ has %d files (%v): expected one for each of the %d tables of the manifest", len(files), err, len(state.Tables))
	}
	dir := t.TempDir()
	var found map[string]struct {
		PyArrow, Polars int64
		Accounts        []string
	}
	decode(t, "parquet.py", moto.script(t, "parquet.py", append([]string{dir}, files...)...), &found)
	rows := map[string][]map[string]any{}
	for _, table := range state.Tables {
		f := found[table.Table]
		if f.PyArrow != table.Rows || f.Polars != table.Rows {
			t.Errorf("%s: the manifest says %d rows, pyarrow reads %d, Polars %d", table.Table, table.Rows, f.PyArrow, f.Polars)
		}
		if zero := moto.facts.Accounts["zero"]; slices.Contains(c.accounts, "zero") && table.Table == "aws_ec2_vpcs" && !slices.Contains(f.Accounts, zero) {
			t.Errorf("%s: Polars reads the accounts %q: expected %s among them", table.Table, f.Accounts, zero)
		}
		rows[table.Table] = lines[map[string]any](t, filepath.Join(dir, table.Table+".jsonl"))
	}
	without(t, "a table", dir, secrets(t))
	return rows
}

// expected are the answers about what the source leads to.
func (c sourceCase) expected(t *testing.T, moto *server, table string, answers []answer) []answer {
	t.Helper()
	i := slices.IndexFunc(all.Collectors, func(collector *extract.Collector) bool {
		return slices.ContainsFunc(collector.Tables, func(t extract.Table) bool { return t.Name == table })
	})
	asked := c.accounts
	if scope := all.Collectors[i].Scope; scope == extract.Organization || scope == extract.IdentityCenter {
		asked = []string{c.organization}
	}
	var ids []string
	for _, name := range asked {
		ids = append(ids, moto.facts.Accounts[name])
	}
	return slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return !slices.Contains(ids, a.Account) })
}

// secrets are the values that must not be stored, by name.
func secrets(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var named map[string]string
	decode(t, "secrets.json", text, &named)
	return named
}

// without checks that no file below a folder holds a secret.
func without(t *testing.T, what, dir string, named ...map[string]string) {
	t.Helper()
	text := joined(t, dir)
	for _, secrets := range named {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the secret %q is in %s", name, what)
			}
		}
	}
}

// joined returns the contents of all files below a folder.
func joined(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		text.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// lines reads a file of one JSON value to a line.
func lines[T any](t *testing.T, name string) []T {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := json.NewDecoder(file)
	d.UseNumber()
	var all []T
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, v)
	}
	return all
}

func decode(t *testing.T, what string, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, text)
	}
}

// quiet is an observer that has no use for what it is told.
type quiet struct{}

func (quiet) Step(string)                {}
func (quiet) Discovering(string)         {}
func (quiet) Planned(*extract.Plan)      {}
func (quiet) UnitDone(spool.Unit)        {}
func (quiet) AccountDone(string, string) {}
