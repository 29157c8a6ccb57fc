package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAccessStacks checks which role of which source the commands write, where
// to, and that external IDs stay out of all that is printed.
func TestAccessStacks(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "stocktake.yaml")
	const id = "example-external-id"
	if err := os.WriteFile(config, []byte(`warehouse: warehouse
sources:
  - name: example
    organization:
      discovery: {role_arn: "arn:aws:iam::111122223333:role/stocktake-discovery", external_id: `+id+`}
      member_role: audit/stocktake
      external_id: `+id+`
      duration: 2h
      accounts: {units: [ou-ab12-11111111]}
    regions: all
    collect: [aws_ec2_volumes]
  - name: undiscovered
    organization: {member_role: "stocktake-{account_id}"}
    regions: [cn-north-1]
    collect: [aws_ec2_volumes]
  - name: china
    role:
      hops:
        - {role_arn: "arn:aws-cn:iam::999900001111:role/gateway", external_id: `+id+`}
        - {role_arn: "arn:aws-cn:iam::111122223333:role/stocktake", external_id: `+id+`}
    regions: [cn-north-1]
    collect: [aws_ec2_volumes]
  - name: partners
    external_id: `+id+`
    roles:
      - role_arn: arn:aws:iam::111122223333:role/stocktake
      - role_arn: arn:aws:iam::444455556666:role/audit
    regions: [eu-west-1]
    collect: [aws_ec2_volumes]
  - name: mine
    keys: {}
    regions: [eu-west-1]
    collect: [aws_ec2_volumes]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		out  []string // words of standard output
		errs []string // words of standard error
	}{
		{"cloudformation --source example", 0, []string{"ec2:DescribeVolumes", "Default: stocktake\n", "Path: /audit/", "MaxSessionDuration: 7200"}, []string{"# In each account:", "--stack-name stocktake-member", "--template-file stocktake-member.yaml", "organization.external_id of source example"}},
		{"cloudformation --source example --collect aws_s3_buckets --json", 0, []string{"s3:ListAllMyBuckets", `"AWSTemplateFormatVersion": "2010-09-09"`}, []string{"--template-file stocktake-member.json"}},
		{"cloudformation --source china", 0, []string{"Default: arn:aws-cn:iam::999900001111:role/gateway"}, []string{"# In account 111122223333:", "--region cn-northwest-1", "role.hops[1].external_id of source china"}},
		{"cloudformation --source partners --principal 999900001111 --tag owner=audit --stack-name reader", 0, []string{`Default: "999900001111"`, "Key: owner"}, []string{"# In account 111122223333:", "# In account 444455556666:", "RoleName=audit", "--stack-name reader"}},
		{"cloudformation --source mine", exitUsage, nil, []string{"assumes no role"}},
		{"cloudformation --source undiscovered", exitUsage, nil, []string{"differs by account"}},
		{"cloudformation", exitUsage, nil, []string{"--source"}},
		{"cloudformation --source example --collect no_such_table", exitUsage, nil, []string{"--collect", "no_such_table"}},
		{"cloudformation --source example --principal nobody", exitUsage, nil, []string{`principal "nobody"`}},
		{"cloudformation --source example --out " + filepath.Join(dir, "no", "folder.yaml"), exitNothing, nil, []string{"--out"}},
		{"stackset --source example", 0, []string{"ec2:DescribeVolumes"}, []string{"activate-organizations-access", "OrganizationalUnitIds=ou-ab12-11111111 ", "cloudformation deploy"}},
		{"stackset --source partners", exitUsage, nil, []string{"is no organization"}},
		{"discovery --source example", 0, []string{"organizations:ListAccounts", "Default: stocktake-discovery"}, []string{"# In account 111122223333:", "organization.discovery.external_id of source example"}},
		{"discovery --source example --with-member", 0, []string{"organizations:ListAccounts", "ec2:DescribeVolumes"}, nil},
		{"discovery --source undiscovered", exitUsage, nil, []string{"no discovery role"}},
		{"discovery --source partners", exitUsage, nil, []string{"no discovery role"}},
		{"terraform --source example", 0, []string{"# main.tf\n", "\n# variables.tf\n", "\n# outputs.tf\n", `"ec2:DescribeVolumes"`}, []string{"terraform -chdir=stocktake-member init"}},
		{"terraform --source example --discovery", 0, []string{`"organizations:ListAccounts"`}, []string{"# In account 111122223333:"}},
		{"terraform --source partners", 0, nil, []string{"workspace select -or-create 444455556666", "-var role_name=audit"}},
		{"terraform --source example --with-member", exitUsage, nil, []string{"--discovery"}},
	} {
		code, out, errs := run(t, append([]string{"access", "-c", config}, strings.Fields(c.args)...)...)
		if code != c.code || (code != 0) != (out == "") {
			t.Errorf("%s: got exit %d, %d bytes, %s, want exit %d", c.args, code, len(out), errs, c.code)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("%s: got no %q in\n%s", c.args, want, out)
			}
		}
		for _, want := range c.errs {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: got no %q in\n%s", c.args, want, errs)
			}
		}
		if strings.Contains(out+errs, id) {
			t.Errorf("%s: got the external ID in\n%s%s", c.args, out, errs)
		}
	}
	if _, out, _ := run(t, "access", "-c", config, "discovery", "--source", "example"); strings.Contains(out, "ec2:DescribeVolumes") {
		t.Errorf("discovery: got an action of members in\n%s", out)
	}

	t.Run("files", func(t *testing.T) {
		file, module := filepath.Join(dir, "member.json"), filepath.Join(dir, "module")
		if code, out, errs := run(t, "access", "-c", config, "stackset", "--source", "example", "--json", "--out", file); code != 0 || out != "" || !strings.Contains(errs, "file://"+file) {
			t.Errorf("stackset: got exit %d, %q, %s, want a file that the commands name", code, out, errs)
		}
		text, err := os.ReadFile(file)
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: got %v, %q, want JSON", file, err, text)
		}
		if code, out, errs := run(t, "access", "-c", config, "terraform", "--source", "example", "--out", module); code != 0 || out != "" {
			t.Errorf("terraform: got exit %d, %q, %s", code, out, errs)
		}
		entries, err := os.ReadDir(module)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if want := []string{"main.tf", "outputs.tf", "variables.tf"}; !slices.Equal(names, want) {
			t.Errorf("module: got %q, want %q", names, want)
		}
	})
}
