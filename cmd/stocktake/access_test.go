package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stocktake/internal/access"
)

const accessConfig = `warehouse: s3://example-warehouse/stocktake
output:
  region: eu-central-1
  mode: drop
  credentials: {profile: audit}
sources:
  - name: example
    organization:
      discovery:
        role_arn: arn:aws:iam::111122223333:role/stocktake-discovery
        external_id: example-of-discovery
      member_role: audit/stocktake
      external_id: example-of-members
      duration: 2h
    regions: all
    collect: [aws_ec2_volumes, aws_inspector2_findings]
  - name: chained
    role:
      hops:
        - role_arn: arn:aws:iam::999900001111:role/gateway
          external_id: example-of-gateway
        - role_arn: arn:aws:iam::111122223333:role/stocktake
          external_id: example-of-role
    regions: [eu-west-1]
    collect: [aws_s3_buckets]
  - name: mine
    keys: {}
    regions: [eu-west-1]
    collect: ["*"]
  - name: partners
    roles:
      - role_arn: arn:aws:iam::111122223333:role/stocktake
        external_id: example-of-one
      - role_arn: arn:aws:iam::444455556666:role/stocktake
        external_id: example-of-two
    regions: [eu-west-1]
    collect: [ec2]
`

// documents reads what stands one after the other in out.
func documents(t *testing.T, out string) []access.Document {
	t.Helper()
	var list []access.Document
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var one access.Document
		if err := d.Decode(&one); err != nil {
			t.Fatalf("got %v in\n%s\nwant policies", err, out)
		}
		list = append(list, one)
	}
	return list
}

func TestAccess(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("stocktake.yaml", []byte(accessConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("local.yaml", []byte("warehouse: here\nsources: [{name: mine, keys: {}, regions: [eu-west-1], collect: [ec2]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("alone.json", []byte(`{"Statement": [{"Effect": "Allow", "Action": ["s3:*", "iam:CreateUser"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		out  string // regular expressions
		errs string
	}{
		{"policy --source example", 0, `(?s)account:ListRegions.*ec2:DescribeVolumes.*inspector2:ListMembers`,
			`create-policy --policy-name stocktake-member-1 --policy-document file://stocktake-member-1.json(.|\n)*--role-name stocktake `},
		{"policy --source example --role discovery", 0, `organizations:ListAccounts`, `--role-name stocktake-discovery `},
		{"policy --source chained", 0, `(?s)^.*s3:ListAllMyBuckets`, `--role-name stocktake `},
		{"policy --source example --collect rds", 0, `rds:DescribeDBInstances`, ``},
		{"policy --collect aws_ec2_volumes -c nowhere.yaml", exitUsage, `^$`, `nowhere.yaml`},
		{"policy --source example --based-on SecurityAudit", 0, `(?s)inspector2:ListMembers`, `attach-role-policy --role-name stocktake --policy-arn arn:aws:iam::aws:policy/SecurityAudit`},
		{"policy --source chained --based-on SecurityAudit", 0, `^$`, `No policy is needed beside`},
		{"policy --source chained --based-on SecurityAudit --json", 0, `"documents": \[\],\s+"needs": \[\]`, `^$`},
		{"policy --source example --json", 0, `(?s)"role": "member".*"action": "ec2:DescribeVolumes",\s+"tables": \[\s+"aws_ec2_volumes"`, `^$`},
		{"policy", exitUsage, `^$`, `several sources: choose one with --source: example, chained, mine, partners`},
		{"policy --source nobody", exitUsage, `^$`, `expected one of example`},
		{"policy --source mine --role discovery", exitUsage, `^$`, `mine is no organization`},
		{"policy --source mine --role other", exitUsage, `^$`, `expected member or discovery`},
		{"policy --source mine --based-on ReadOnlyAccess", exitUsage, `^$`, `expected SecurityAudit`},
		{"policy --collect nothing", exitUsage, `^$`, `"nothing" is neither`},
		{"policy extra", exitUsage, `^$`, `--help`},
		{"trust --source example --principal 999900001111", 0, `"example-of-members"`, `create-role --role-name stocktake --assume-role-policy-document file://stocktake-trust.json --path /audit/ --max-session-duration 7200\n$`},
		{"trust --source example --role discovery --principal 999900001111", 0, `"example-of-discovery"`, `create-role --role-name stocktake-discovery --assume-role-policy-document file://stocktake-discovery-trust.json\n$`},
		{"trust --source chained --principal arn:aws:iam::999900001111:role/gateway", 0, `"example-of-role"`, `--role-name stocktake `},
		{"trust --source partners --principal 999900001111 --external-id example-of-one", 0, `"sts:ExternalId": \[\s+"example-of-one"\s+\]`, ``},
		{"trust --source partners --principal 999900001111", exitUsage, `^$`, `different external IDs`},
		{"trust --source mine --principal 999900001111", exitUsage, `^$`, `assume no role`},
		{"trust --principal arn:aws:sts::999900001111:assumed-role/runner/me", exitUsage, `^$`, `give the role, arn:aws:iam::999900001111:role/runner`},
		{"trust --role both --principal 999900001111", exitUsage, `^$`, `expected member or discovery`},
		{"assume --source chained", 0, `(?s)role/gateway.*role/stocktake`, `(?s)default chain.*For arn:aws:iam::999900001111:role/gateway:.*--role-name gateway `},
		{"assume --json", 0, `"holder": "the identity of the SDK's default chain"`, `^$`},
		{"assume --source mine", 0, `^$`, `No role is assumed`},
		{"assume --source nobody", exitUsage, `^$`, `no source of that name`},
		{"output", 0, `(?s)"s3:AbortMultipartUpload",\s+"s3:PutObject"\s+\].*example-warehouse/stocktake/\*`, `attach-role-policy --role-name stocktake-runner`},
		{"output -c local.yaml", exitUsage, `^$`, `local.yaml: the warehouse is a folder: no rights`},
		{"diff alone.json --source chained", exitIncomplete, `^- iam:CreateUser +-\n$`, `^$`},
		{"diff alone.json --source example --json", exitIncomplete, `(?s)"added": .*ec2:DescribeVolumes.*"removed": .*s3:\*`, `^$`},
		{"diff stocktake.yaml --source example", exitUsage, `^$`, `stocktake.yaml: not a policy`},
		{"diff . --source example", exitUsage, `^$`, `stocktake access policy --out`},
		{"diff none.json --source example", exitUsage, `^$`, `none.json`},
		{"diff --source example", exitUsage, `^$`, `--help`},
	} {
		code, out, errs := run(t, append([]string{"access"}, strings.Fields(c.args)...)...)
		if code != c.code || !regexp.MustCompile(c.out).MatchString(out) || !regexp.MustCompile(c.errs).MatchString(errs) {
			t.Errorf("access %s: got exit %d and\n%s\n%s\nwant exit %d, %s and %s", c.args, code, out, errs, c.code, c.out, c.errs)
		}
		if code == 0 && !strings.Contains(c.args, "--json") {
			documents(t, out)
		}
	}
}

// TestAccessTrust: the trust policy has the external ID of the role that is asked
// for, wherever it stands, and while it is rotated the next one, too.
func TestAccessTrust(t *testing.T) {
	t.Chdir(t.TempDir())
	ids := func(word string) string {
		return strings.ReplaceAll(`sources:
  each: {discovery: WORD-discovery, "111122223333": WORD-1111, "*": WORD-others}
  all: {"*": WORD-all}
  list: {"111122223333": WORD-first, "444455556666": WORD-second}
  whole: {"111122223333": WORD-of-one}
`, "WORD", word)
	}
	for name, text := range map[string]string{"ids.yaml": ids("old"), "next.yaml": ids("new"), "stocktake.yaml": `warehouse: w
external_ids: ids.yaml
sources:
  - {name: each, organization: {discovery: {role_arn: "arn:aws-cn:iam::111122223333:role/finder"}, member_role: a/reader}, regions: all, collect: [ec2]}
  - {name: all, organization: {member_role: reader}, regions: all, collect: [ec2]}
  - {name: list, roles: [{role_arn: "arn:aws:iam::111122223333:role/first"}, {role_arn: "arn:aws:iam::444455556666:role/second"}], regions: all, collect: [ec2]}
  - {name: whole, role: {role_arn: "arn:aws:iam::111122223333:role/reader", whole_organization: true}, regions: all, collect: [ec2]}
  - {name: written, organization: {member_role: reader, external_id: written-here}, regions: all, collect: [ec2]}
`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		ids  string // that the policy has, or what the error says
		errs string // of the commands
	}{
		{"--source all", "old-all", "create-role --role-name reader --assume"},
		{"--source all --next next.yaml", "new-all old-all", "update-assume-role-policy --role-name reader --policy-document file://reader-trust.json"},
		{"--source all --next ids.yaml", "old-all", "update-assume-role-policy"},
		{"--source each", "", "choose one with --account"},
		{"--source each --account 111122223333 --next next.yaml", "new-1111 old-1111", "aws iam update-assume-role-policy --region cn-northwest-1 --role-name reader "},
		{"--source each --account *", "old-others", "aws iam create-role --region cn-northwest-1 --role-name reader "},
		{"--source each --role discovery --next next.yaml", "new-discovery old-discovery", "--role-name finder "},
		{"--source list", "", "choose one with --account"},
		{"--source list --account 444455556666 --next next.yaml", "new-second old-second", "--role-name second "},
		{"--source list --account 999900001111", "", "has no role there"},
		{"--source whole", "", "choose one with --account"},
		{"--source whole --account 111122223333", "old-of-one", "--role-name reader "},
		{"--source whole --account 444455556666", "", "has no external ID for it"},
		{"--source written --account 111122223333", "written-here", "--role-name reader "},
		{"--source all --next none.yaml", "", "none.yaml"},
		{"--account 111122223333", "", "without --source"},
	} {
		code, out, errs := run(t, append([]string{"access", "trust", "--principal", "999900001111"}, strings.Fields(c.args)...)...)
		want := exitComplete
		if c.ids == "" {
			want = exitUsage
		}
		if code != want || !strings.Contains(errs, c.errs) {
			t.Errorf("trust %s: got exit %d, %s, want exit %d and %q", c.args, code, errs, want, c.errs)
			continue
		}
		var got []string
		for _, d := range documents(t, out) {
			got = d.Statement[0].Condition["StringEquals"]["sts:ExternalId"]
		}
		if strings.Join(got, " ") != c.ids {
			t.Errorf("trust %s: got external IDs %q, want %q", c.args, got, c.ids)
		}
		if strings.Contains(errs, "old-") || strings.Contains(errs, "new-") || strings.Contains(errs, "written-here") {
			t.Errorf("trust %s: got an external ID on standard error:\n%s", c.args, errs)
		}
	}
	for args, want := range map[string]string{
		"policy --source each":                          "create-policy --region cn-northwest-1 --policy-name stocktake-member-1(.|\n)*attach-role-policy --region cn-northwest-1 --role-name reader ",
		"policy --source each --based-on SecurityAudit": "attach-role-policy --region cn-northwest-1 --role-name reader --policy-arn arn:aws-cn:iam::aws:policy/SecurityAudit\n",
		"assume --source each":                          "create-policy --region cn-northwest-1 (.|\n)*attach-role-policy --region cn-northwest-1 --role-name stocktake-runner ",
		"policy --source all":                           "iam create-policy --policy-name",
		"assume --source all":                           "iam attach-role-policy --role-name",
	} {
		if code, _, errs := run(t, append([]string{"access"}, strings.Fields(args)...)...); code != 0 || !regexp.MustCompile(want).MatchString(errs) {
			t.Errorf("%s: got exit %d, %s, want %s", args, code, errs, want)
		}
	}
}

// TestAccessPolicyFiles keeps policies as a user does: in files, compared with
// what is needed when the configuration changes.
func TestAccessPolicyFiles(t *testing.T) {
	t.Chdir(t.TempDir()) // where no configuration is
	const all = "*,aws_cloudtrail_events"
	code, out, errs := run(t, "access", "policy", "--collect", all)
	printed := documents(t, out)
	if code != 0 || len(printed) < 2 || !strings.Contains(errs, "--out") {
		t.Fatalf("policy of everything: got exit %d, %d documents and %s, want several and the advice to use --out", code, len(printed), errs)
	}
	if code, _, errs := run(t, "access", "policy", "--collect", all, "--out", "policies"); code != 0 {
		t.Fatalf("policy --out: got exit %d, %s", code, errs)
	}
	for i, d := range printed {
		path := filepath.Join("policies", []string{"stocktake-member-1.json", "stocktake-member-2.json", "stocktake-member-3.json"}[i])
		if text, err := os.ReadFile(path); err != nil || string(text) != d.JSON() {
			t.Errorf("%s: got %v and\n%.200s\nwant the document that is printed without --out", path, err, text)
		}
	}
	if _, again, _ := run(t, "access", "policy", "--collect", all); again != out {
		t.Errorf("policy once more: got other output, want the same")
	}
	if code, out, errs := run(t, "access", "diff", "policies", "--collect", all); code != 0 || out != "" {
		t.Errorf("diff of what was printed: got exit %d, %s%s, want 0 and nothing", code, out, errs)
	}
	if err := os.WriteFile("printed.json", []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = run(t, "access", "diff", "printed.json", "--collect", "*")
	if want := "- cloudtrail:LookupEvents  aws_cloudtrail_events\n"; code != exitIncomplete || out != want {
		t.Errorf("diff after events were left out: got exit %d, %q, want %d, %q", code, out, exitIncomplete, want)
	}
	// A smaller policy leaves no part of the larger one.
	if code, _, errs := run(t, "access", "policy", "--collect", "aws_ec2_volumes", "--out", "policies"); code != 0 || !strings.Contains(errs, "Removed "+filepath.Join("policies", "stocktake-member-2.json")) {
		t.Errorf("smaller policy: got exit %d, %s, want a note that the second file is removed", code, errs)
	}
	if code, out, _ := run(t, "access", "diff", "policies", "--collect", "aws_ec2_volumes,aws_s3_buckets"); code != exitIncomplete || !regexp.MustCompile(`(?m)^\+ s3:GetBucketAcl +aws_s3_buckets \(acl`).MatchString(out) || strings.Contains(out, "- ") {
		t.Errorf("diff after buckets were added: got exit %d,\n%s\nwant %d and added actions of buckets alone", code, out, exitIncomplete)
	}
}

func TestAccessCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stocktake.yaml", []byte(accessConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"policy --source":   "(?m)^example$",
		"policy --collect":  "(?m)^network$(.|\n)*^aws_ec2_volumes\t",
		"policy --role":     "(?m)^discovery$",
		"policy --based-on": "(?m)^SecurityAudit$",
		"assume --source":   "(?m)^chained$",
	} {
		if code, out, _ := run(t, append(append([]string{"__complete", "access"}, strings.Fields(args)...), "")...); code != 0 || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("complete %s: got exit %d,\n%.500s\nwant %s", args, code, out, want)
		}
	}
}
