package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// canary marks what no message may show.
const canary = "CANARY"

func setEnvironment(t testing.TB) {
	for name, value := range map[string]string{
		"STOCKTAKE_TEST_KEY":       "AKIAIOSFODNN7EXAMPLE",
		"STOCKTAKE_TEST_SECRET":    canary + "-from-the-environment",
		"STOCKTAKE_TEST_ROOT":      "root",
		"STOCKTAKE_TEST_NUMBER":    "12",
		"STOCKTAKE_TEST_FALSE":     "false",
		"STOCKTAKE_TEST_PLAIN_URL": "http://hooks.example.com/" + canary,
		"STOCKTAKE_TEST_URL":       "https://hooks.example.com/" + canary,
	} {
		t.Setenv(name, value)
	}
}

func checkCollect(pattern string) error {
	for _, name := range []string{"compute", "aws_ec2_instances", "aws_iam_users", "aws_s3_buckets"} {
		if ok, err := path.Match(pattern, name); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("no stream or table is named %s", pattern)
}

func fixtures(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/" + pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("glob %s: got %d files, error %v", pattern, len(names), err)
	}
	return names
}

// write puts a configuration in a folder of its own.
func write(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stocktake.yaml")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return name
}

func TestFixturesThatLoad(t *testing.T) {
	setEnvironment(t)
	for _, name := range fixtures(t, "*.ok.yaml") {
		if _, err := Load(name, checkCollect); err != nil {
			t.Errorf("load %s: got\n%v\nwant no error", name, err)
		}
	}
}

func TestFixturesThatDoNot(t *testing.T) {
	setEnvironment(t)
	for _, name := range fixtures(t, "*.bad.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := Load(name, checkCollect)
			var problems *Errors
			if f != nil || !errors.As(err, &problems) {
				t.Fatalf("got %v and error %v, want nil and *Errors", f, err)
			}
			for _, p := range problems.Problems {
				if p.File != name || p.Line < 1 || p.Column < 1 || p.Found == "" || p.Expected == "" {
					t.Errorf("got %+v, want a file, a place, and what was found and expected", p)
				}
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("got a message that shows a secret:\n%v", err)
			}
			golden := strings.TrimSuffix(name, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func load(t *testing.T, name string) *File {
	t.Helper()
	f, err := Load(name, checkCollect)
	if err != nil {
		t.Fatalf("load %s: %v", name, err)
	}
	return f
}

func TestValues(t *testing.T) {
	setEnvironment(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	defaults := File{
		Concurrency: Concurrency{Accounts: 16, Units: 384, PerService: 4, S3: 32},
		Retry:       Retry{MaxAttempts: 8, MaxBackoff: 30 * time.Second, Timeout: time.Minute},
		Carry:       Carry{MaxAge: 14 * 24 * time.Hour},
		FullPull:    7 * 24 * time.Hour, CloudTrail: CloudTrail{LookBack: 24 * time.Hour}, Metrics: Metrics{Namespaces: builtInMetrics(), LookBack: 3 * time.Hour},
		Alerts: Alerts{FailedCalls: 0.3, Stale: 36 * time.Hour},
		Dir:    filepath.Join(here, "testdata"),
	}
	minimal := defaults
	minimal.Path, minimal.Warehouse, minimal.Spool = "testdata/minimal.ok.yaml", filepath.Join(here, "warehouse"), filepath.Join(here, "warehouse/.spool")
	minimal.Sources = []Source{{Name: "own", Activate: true, Keys: &Keys{}, Regions: Regions{All: true}, HomeRegion: "us-east-1", Collect: []string{"*"}}}

	gov := defaults
	gov.Path, gov.Warehouse, gov.Spool = "testdata/roles.ok.yaml", filepath.Join(here, "testdata/w"), filepath.Join(here, "testdata/w/.spool")
	hop := func(account, role string, id Secret) Hop {
		return Hop{RoleARN: roleARN("aws-us-gov", account, role), ExternalID: id, Duration: time.Hour}
	}
	gov.Sources = []Source{
		{
			Name: "hub", Activate: true, Credentials: &Keys{Profile: "audit"}, ExternalID: "common-to-all",
			Roles: []Role{
				{Account: "111122223333", Hops: []Hop{hop("111122223333", "reader", "its-own")}},
				{Account: "444455556666", Hops: []Hop{hop("444455556666", "reader", "common-to-all")}},
				{Account: "777788889999", Hops: []Hop{hop("444455556666", "gateway", "gateway"), hop("777788889999", "reader", "common-to-all")}},
			},
			Regions: Regions{All: true}, HomeRegion: "us-gov-west-1", Collect: []string{"compute"},
		},
		{
			Name: "findings", Activate: true,
			Role:    &Role{Account: "777788889999", WholeOrganization: true, Hops: []Hop{hop("777788889999", "security", "")}},
			Regions: Regions{Names: []string{"us-gov-east-1"}}, HomeRegion: "us-gov-west-1", Collect: []string{"compute"},
		},
	}

	china := defaults
	china.Path, china.Warehouse, china.Spool = "testdata/china.ok.yaml", filepath.Join(here, "testdata/root/warehouse-root"), filepath.Join(here, "testdata/root/warehouse-root/.spool")
	china.Sources = []Source{{
		Name: "cn", Activate: true, Keys: &Keys{Account: "123456789012", Profile: "root"},
		Regions: Regions{Names: []string{"cn-north-1"}}, HomeRegion: "cn-northwest-1", Collect: []string{"*"},
	}}

	simulated := defaults
	simulated.Path, simulated.Warehouse, simulated.Spool = "testdata/member_arn.ok.yaml", filepath.Join(here, "testdata/w"), filepath.Join(here, "testdata/w/.spool")
	simulated.Simulation = &Simulation{Seed: 1, Accounts: 12, Regions: 4, Scale: 1, Partition: "aws-eusc"}
	simulated.Sources = []Source{
		{
			Name: "eu", Activate: true, Regions: Regions{All: true}, HomeRegion: "eusc-de-east-1", Collect: []string{"*"},
			Organization: &Organization{MemberRole: "arn:aws-eusc:iam::{account_id}:role/reader", Duration: time.Hour},
		},
		{
			Name: "eu-2", Activate: true, Regions: Regions{All: true}, HomeRegion: "eusc-de-east-1", Collect: []string{"*"},
			Organization: &Organization{
				Discovery:  &Discovery{Hops: []Hop{{RoleARN: roleARN("aws-eusc", "111122223333", "discovery"), ExternalID: "0b1e", Duration: time.Hour}}},
				MemberRole: "audit/reader", Duration: time.Hour,
			},
		},
	}

	full := File{
		Path: "testdata/full.ok.yaml", Dir: defaults.Dir, Warehouse: "/srv/stocktake/warehouse", Spool: filepath.Join(here, "testdata/spool"),
		Simulation: &Simulation{Seed: -7, Accounts: 200, Regions: 17, Scale: 0.5, Partition: "aws"},
		Sources: []Source{{
			Name: "acme", Contact: "Cloud team <cloud@example.com>", Console: "https://acme.awsapps.com/start",
			Credentials: &Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: canary + "-from-the-environment", SessionToken: canary + "-from-the-environment"},
			Organization: &Organization{
				Discovery: &Discovery{Credentials: &Keys{Profile: "payer"}, Hops: []Hop{
					{RoleARN: roleARN("aws", "111122223333", "entry"), ExternalID: "discovery/1", Duration: 12 * time.Hour},
					{RoleARN: roleARN("aws", "444455556666", "teams/audit/discovery"), SessionName: "stocktake@discovery", Duration: 30 * time.Minute},
				}},
				MemberRole: "arn:{partition}:iam::{account_id}:role/audit/reader-{account_id}",
				ExternalID: "member=1", SessionName: "stocktake", Duration: 15 * time.Minute,
				Accounts: AccountFilter{
					Include: []string{"111122223333", "000000000001"}, Exclude: []string{"444455556666"}, Units: []string{"r-ab12", "ou-ab12-11112222"},
				},
			},
			Regions: Regions{Names: []string{"eu-central-1", "us-east-1"}}, HomeRegion: "us-west-2",
			Collect: []string{"compute", "aws_iam_users", "aws_s3_*"}, IdentityStore: &IdentityStore{ID: "d-1234567890", Region: "eu-west-1"},
			OrganizationViews: []string{"resource_explorer"},
		}},
		Concurrency: Concurrency{Accounts: 1, Units: 2, PerService: 3, S3: 5},
		Rates:       map[string]Rate{"ec2": {PerSecond: 12.5, Burst: 40}, "ec2:DescribeInstances": {PerSecond: 3, Burst: 1}},
		Retry:       Retry{MaxAttempts: 3, MaxBackoff: 90 * time.Second, Timeout: 10 * time.Second},
		Carry:       Carry{MaxAge: 48 * time.Hour}, AcceptBlocked: true, Redact: "personal",
		FullPull: 24 * time.Hour, CloudTrail: CloudTrail{LookBack: 2 * time.Hour, ReadOnly: true}, ECR: ECR{Newest: 50}, Metrics: Metrics{
			List: filepath.Join(here, "testdata/metrics.yaml"), LookBack: time.Hour,
			Namespaces: map[string]Namespace{
				"AWS/SQS":        {Period: 5 * time.Minute, Of: "aws_sqs_queues", Metrics: map[string][]string{"NumberOfMessagesSent": {"Sum", "p99.9"}}},
				"Larkfield/Jobs": {Period: time.Hour, Metrics: map[string][]string{"FailedJobs": {"Maximum"}}},
			},
		},
		HTTPFS: filepath.Join(here, "testdata/lib/httpfs.duckdb_extension"), Keep: &Keep{Daily: 31, Weekly: 13, Monthly: 24}, MaxDuration: 5*time.Hour + 30*time.Minute,
		Schedule: &Schedule{TimeZone: "Europe/Berlin", Jitter: 10 * time.Minute, Listen: "127.0.0.1:9108", Jobs: []Job{
			{Name: "nightly", Cron: "30 2 * * *", TimeZone: "Europe/Berlin", Jitter: 10 * time.Minute},
			{Name: "hourly", Cron: "@hourly", TimeZone: "America/New_York", Sources: []string{"acme"}, Collect: []string{"compute", "aws_iam_users"}},
		}},
		Alerts: Alerts{
			Email: &Email{
				Host: "smtp.example.com", Port: 2465, TLS: "tls", Username: "stocktake", Password: canary + "-from-the-environment",
				From: "stocktake@example.com", To: []string{"cloud@example.com", "on-call@example.com"},
			},
			Webhook:     &Webhook{URL: "https://hooks.example.com/" + canary, Token: canary + "-from-the-environment"},
			FailedCalls: 0.125, Stale: 48 * time.Hour,
		},
	}

	bucket := defaults
	bucket.Path, bucket.Warehouse, bucket.Spool = "testdata/s3.ok.yaml", "s3://example-warehouse/teams/cloud", filepath.Join(here, "testdata/.stocktake/spool")
	bucket.Sources = minimal.Sources
	bucket.Output = Output{
		Mode: "full", Region: "eu-central-1", Endpoint: "https://bucket.vpce-1a2b3c4d.s3.eu-central-1.vpce.amazonaws.com", PathStyle: true,
		Encryption: "aws:kms", KMSKey: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", BucketKey: true,
		BucketOwner: "111122223333", StorageClass: "INTELLIGENT_TIERING", Tags: map[string]string{"team": "cloud", "cost center": "Größe 42"},
		Credentials: &Keys{Profile: "warehouse"},
		Hops:        []Hop{{RoleARN: roleARN("aws", "111122223333", "warehouse-writer"), ExternalID: "w1", SessionName: "stocktake", Duration: time.Hour}},
	}

	plain := defaults
	plain.Path, plain.Warehouse, plain.Spool = "testdata/nights.ok.yaml", "s3://example-warehouse", filepath.Join(here, "testdata/spool")
	plain.Sources = minimal.Sources
	plain.Output = Output{Mode: "full"}
	plain.Schedule = &Schedule{TimeZone: "UTC", Jitter: 5 * time.Minute, CatchUp: 12 * time.Hour, Jobs: []Job{
		{Name: "nightly", Cron: "0 3 * * MON-FRI", TimeZone: "UTC", Jitter: 5 * time.Minute},
	}}
	plain.Alerts.Email = &Email{Host: "::1", Port: 587, TLS: "starttls", From: "stocktake@example.com", To: []string{"cloud@example.com"}}
	for _, want := range []File{minimal, gov, china, simulated, full, bucket, plain} {
		t.Run(want.Path, func(t *testing.T) {
			if got := load(t, want.Path); !reflect.DeepEqual(got, &want) {
				t.Errorf("got\n%s\nwant\n%s", dump(got), dump(&want))
			}
		})
	}
}

// dump follows pointers, which %+v does not.
func dump(v any) string {
	var b strings.Builder
	var walk func(reflect.Value, string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), path)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		default:
			if !v.IsZero() {
				fmt.Fprintf(&b, "%s = %q\n", path, fmt.Sprint(v))
			}
		}
	}
	walk(reflect.ValueOf(v), "")
	return b.String()
}

func TestSourcePartition(t *testing.T) {
	setEnvironment(t)
	for name, want := range map[string]string{"minimal": "aws", "roles": "aws-us-gov", "china": "aws-cn", "member_arn": "aws-eusc"} {
		for _, s := range load(t, "testdata/"+name+".ok.yaml").Sources {
			if got := s.Partition(); got != want {
				t.Errorf("partition of %s in %s: got %q, want %q", s.Name, name, got, want)
			}
		}
	}
	for _, p := range partitions {
		if got := partitionOf(p.home); got != p.name {
			t.Errorf("partition of %s: got %q, want %q", p.home, got, p.name)
		}
	}
}

func TestMemberRoleARN(t *testing.T) {
	for _, c := range []struct{ role, partition, want string }{
		{"reader", "aws", "arn:aws:iam::111122223333:role/reader"},
		{"audit/reader", "aws-cn", "arn:aws-cn:iam::111122223333:role/audit/reader"},
		{"/audit/reader", "aws-cn", "arn:aws-cn:iam::111122223333:role/audit/reader"},
		{"reader-{account_id}", "aws", "arn:aws:iam::111122223333:role/reader-111122223333"},
		{"arn:{partition}:iam::{account_id}:role/r-{partition}", "aws-iso", "arn:aws-iso:iam::111122223333:role/r-aws-iso"},
		{"arn:aws-us-gov:iam::{account_id}:role/r", "aws-us-gov", "arn:aws-us-gov:iam::111122223333:role/r"},
	} {
		if got := (Organization{MemberRole: c.role}).MemberRoleARN(c.partition, "111122223333"); got != c.want {
			t.Errorf("role %q in %s: got %q, want %q", c.role, c.partition, got, c.want)
		}
	}
}

const keysSource = `sources: [{name: own, keys: {%s}, regions: all, collect: ["*"]}]`

func TestLiteralSecretsNeedAPrivateFile(t *testing.T) {
	setEnvironment(t)
	const inline = "access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: " + canary
	for _, c := range []struct {
		keys string
		mode os.FileMode
		ok   bool
	}{
		{inline, 0o600, true},
		{inline, 0o400, true},
		{inline, 0o644, false},
		{inline, 0o640, false},
		{inline, 0o602, false},
		{`access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: "${STOCKTAKE_TEST_SECRET}"`, 0o644, true},
		{`access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: "x${STOCKTAKE_TEST_SECRET}"`, 0o644, false},
		{`access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: "${STOCKTAKE_TEST_SECRET}", session_token: ` + canary, 0o644, false},
	} {
		name := write(t, "warehouse: w\n"+fmt.Sprintf(keysSource, c.keys), c.mode)
		_, err := Load(name, nil)
		if (err == nil) != c.ok {
			t.Errorf("%s with mode %o: got error %v, want ok %v", c.keys, c.mode, err, c.ok)
		}
		if err == nil {
			continue
		}
		for _, want := range []string{"chmod 600", "${NAME}"} {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
				t.Errorf("%s with mode %o: got %v, want %q in it and no secret", c.keys, c.mode, err, want)
			}
		}
	}
}

func TestLoadReportsFilesItCannotRead(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v, want fs.ErrNotExist", err)
	}
	if _, err := Load(t.TempDir(), nil); err == nil {
		t.Error("a folder: got no error")
	}
	big := write(t, strings.Repeat("# filler\n", maxBytes/8), 0o644)
	if _, err := Load(big, nil); err == nil || !strings.Contains(err.Error(), "expected a YAML file") {
		t.Errorf("a large file: got %v, want one that says so", err)
	}
}

func TestOddFiles(t *testing.T) {
	body := "warehouse: w\n" + fmt.Sprintf(keysSource, "")
	for _, c := range []struct{ name, text, problem string }{
		{"byte order mark", "\ufeff" + body, ""},
		{"carriage returns", strings.ReplaceAll(body, "\n", "\r\n"), ""},
		{"document end", body + "\n...\n", ""},
		{"not UTF-8", body + " # \xff", "bytes that are not UTF-8"},
		{"deep flow lists", "warehouse: " + strings.Repeat("[", 200_000), "more than 32 levels"},
		{"deep lists", strings.Repeat("- ", 200_000), "more than 32 levels"},
		{"deep keys", strings.Repeat("? ", 200_000), "more than 32 levels"},
		{"a second document without ---", body + "\n...\nwarehouse: v\n", "more than one document"},
		{"an empty second document", body + "\n---\n", "more than one document"},
		{"only a document mark", "---\n", "an empty file"},
		{"a control character", strings.Replace(body, "own", "o\x00wn", 1), "sources[0].name: found"},
		{"a long value", strings.Replace(body, "own", strings.Repeat("n", 100), 1), "n…\", expected a name"},
		{"a directive", "%YAML 1.2\n---\n" + body, "more than one document"},
	} {
		_, err := Load(write(t, c.text, 0o644), nil)
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.problem)
		}
	}
}

func TestManySources(t *testing.T) {
	var b strings.Builder
	b.WriteString("warehouse: w\nsources:\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "  - name: s%d\n    role:\n      role_arn: arn:aws:iam::%012d:role/reader\n      external_id: id-%d\n    regions: all\n    collect: [\"*\"]\n", i, i, i)
	}
	if f := load(t, write(t, b.String(), 0o644)); len(f.Sources) != 5000 {
		t.Errorf("got %d sources, want 5000", len(f.Sources))
	}
}

func TestHash(t *testing.T) {
	setEnvironment(t)
	const org = `warehouse: /w
sources: [{name: own, organization: {member_role: reader%s}, regions: all, collect: ["*"]}]
%s`
	base := fmt.Sprintf(org, ", external_id: first", "")
	hash := func(text string) string { return load(t, write(t, text, 0o600)).Hash() }
	want := hash(base)
	if len(want) != 64 {
		t.Errorf("got %q, want 64 hexadecimal digits", want)
	}
	for _, c := range []struct {
		name, text string
		same       bool
	}{
		{"the same in another folder", base, true},
		{"a comment", base + "# note\n", true},
		{"a default written out", base + "concurrency: {accounts: 16}\nspool: /w/.spool\n", true},
		{"another secret", fmt.Sprintf(org, ", external_id: second", ""), true},
		{"no secret", fmt.Sprintf(org, "", ""), false},
		{"another speed", base + "concurrency: {accounts: 17}\nrates: {ec2: {per_second: 1}}\nretry: {max_attempts: 3}\n", true},
		{"another time", base + "max_duration: 1h\nschedule: {cron: '@daily'}\n", true},
		{"what is not the run's", base + "keep: {daily: 1}\nhttpfs: /h\nspool: /s\nalerts: {stale: 2d}\n", true},
		{"another age of carried rows", base + "carry: {max_age: 1d}\n", false},
		{"another folder", strings.Replace(base, "/w", "/v", 1), false},
		{"a bucket", strings.Replace(base, "/w", "s3://bucket/w", 1), false},
		{"another account", fmt.Sprintf(org, `, external_id: first, accounts: {exclude: ["111122223333"]}`, ""), false},
	} {
		if got := hash(c.text); (got == want) != c.same {
			t.Errorf("%s: got %s, want equal to %s: %v", c.name, got, want, c.same)
		}
	}
}

func TestHashOnS3(t *testing.T) {
	const base = `warehouse: s3://bucket/w
sources: [{name: own, keys: {}, regions: all, collect: ["*"]}]
output: {endpoint: "https://s3.example.com", region: eu-west-1%s}
`
	hash := func(text string) string { return load(t, write(t, text, 0o600)).Hash() }
	want := hash(fmt.Sprintf(base, ""))
	for _, c := range []struct {
		name, text string
		same       bool
	}{
		{"the same in another folder", fmt.Sprintf(base, ""), true},
		{"a slash at the end", strings.Replace(fmt.Sprintf(base, ""), "/w", "/w/", 1), true},
		{"how it is written", fmt.Sprintf(base, `, path_style: true, encryption: AES256, storage_class: STANDARD_IA, tags: {a: b}, bucket_owner: "111122223333"`), true},
		{"who writes", fmt.Sprintf(base, `, credentials: {profile: p}, role_arn: "arn:aws:iam::111122223333:role/writer"`), true},
		{"another prefix", strings.Replace(fmt.Sprintf(base, ""), "/w", "/v", 1), false},
		{"another server", strings.Replace(fmt.Sprintf(base, ""), "s3.example", "s4.example", 1), false},
		{"another region", strings.Replace(fmt.Sprintf(base, ""), "eu-west-1", "eu-west-2", 1), false},
	} {
		if got := hash(c.text); (got == want) != c.same {
			t.Errorf("%s: got %s, want equal to %s: %v", c.name, got, want, c.same)
		}
	}
}

func TestWarehouse(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"w", "w"}, {"/w/../v", "/v"}, {"s3", "s3"}, {"./s3:/w", "s3:/w"},
		{"s3://abc", "s3://abc"}, {"s3://abc/", "s3://abc"}, {"s3://a.b-c.1/x_Y/z.0/", "s3://a.b-c.1/x_Y/z.0"},
		{"s3://ab", ""}, {"s3://Bucket/x", ""}, {"s3://bucket-/x", ""}, {"s3://a..b/x", ""}, {"s3://10.0.0.1/x", ""}, {"s3://" + strings.Repeat("b", 64), ""},
		{"s3://bucket//x", ""}, {"s3://bucket/x//", ""}, {"s3://bucket/./x", ""}, {"s3://bucket/.x", ""}, {"s3://bucket/x..y", "s3://bucket/x..y"}, {"s3://bucket/x/..", ""}, {"s3://bucket/x?region=eu-west-1", ""},
		{"s3://bucket/x#y", ""}, {"s3://bucket/account_id=1", ""}, {"s3://bucket/*", ""}, {"s3://bucket/a b", ""}, {"s3:///x", ""}, {"S3://bucket/x", ""},
		{"s3a://bucket/x", ""}, {"https://bucket.s3.amazonaws.com/x", ""}, {"arn:aws:s3:::bucket", "arn:aws:s3:::bucket"}, {"~/w", ""},
	} {
		name := write(t, fmt.Sprintf("warehouse: %q\n", c.given)+fmt.Sprintf(keysSource, ""), 0o600)
		f, err := Load(name, nil)
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "expected the path of a local folder, or s3://BUCKET/PREFIX") {
				t.Errorf("warehouse %q: got %v and error %v, want an error that says what was expected", c.given, f, err)
			}
			continue
		}
		want, spool := c.want, filepath.Join(filepath.Dir(name), ".stocktake/spool")
		if !strings.HasPrefix(want, "s3://") {
			if !filepath.IsAbs(want) {
				want = filepath.Join(filepath.Dir(name), want)
			}
			spool = filepath.Join(want, ".spool")
		}
		if err != nil || f.Warehouse != want || f.Spool != spool || f.OnS3() != strings.HasPrefix(want, "s3://") {
			t.Errorf("warehouse %q: got %v and error %v, want %s with its spool in %s", c.given, f, err, want, spool)
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, flag, env string
		present         bool
		want            string
	}{
		{"flag first", "a.yaml", "b.yaml", true, "a.yaml"},
		{"then environment", "", "b.yaml", true, "b.yaml"},
		{"then working directory", "", "", true, "stocktake.yaml"},
		{"nothing", "", "", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("STOCKTAKE_CONFIG", c.env)
			if c.present {
				if err := os.WriteFile("stocktake.yaml", nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Find(c.flag)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("flag %q, environment %q, file %v: got %q and error %v, want %q", c.flag, c.env, c.present, got, err, c.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"role_arn", "external_id", "regions", "hops"}
	for name, want := range map[string]string{
		"regoins": "regions", "arn": "role_arn", "external-id": "external_id", "hop": "hops", "Regions": "regions", "something": "", "x": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest to %q of %v: got %q, want %q", name, known, got, want)
		}
	}
}
