package access

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stocktake/extract/all"
	"stocktake/internal/config"
)

// everything needs what all tables need, those on request included.
func everything(t *testing.T) Needs {
	t.Helper()
	s := config.Source{
		Organization:      &config.Organization{Accounts: config.AccountFilter{Units: []string{"ou-ab12-11111111"}}},
		Regions:           config.Regions{All: true},
		OrganizationViews: []string{"resource_explorer"},
	}
	for _, c := range all.Collectors {
		for _, table := range c.Tables {
			s.Collect = append(s.Collect, table.Name)
		}
	}
	needs, err := Of(&s)
	if err != nil {
		t.Fatal(err)
	}
	return needs
}

func TestPolicy(t *testing.T) {
	got := Policy([]Need{{Action: "s3:ListAllMyBuckets"}, {Action: "resource-explorer-2:Search"}, {Action: "s3:GetBucketAcl"}, {Action: "s3:GetBucketAcl"}})
	const want = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ResourceExplorer2",
      "Effect": "Allow",
      "Action": [
        "resource-explorer-2:Search"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "S3",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketAcl",
        "s3:ListAllMyBuckets"
      ],
      "Resource": [
        "*"
      ]
    }
  ]
}
`
	if len(got) != 1 || got[0].JSON() != want {
		t.Errorf("got %v, want\n%s", got, want)
	}
	if got := Policy(nil); len(got) != 0 {
		t.Errorf("of no needs: got %v, want no document", got)
	}
}

func TestPolicyIsSplit(t *testing.T) {
	var large []Need // one service that does not fit by itself, between others
	for _, service := range []string{"aa", "mm", "zz"} {
		for i := range 200 {
			if service == "mm" || i < 20 {
				large = append(large, Need{Action: service + ":Describe" + strings.Repeat("X", 20+i%7) + time.Duration(i).String()})
			}
		}
	}
	for name, c := range map[string]struct {
		needs []Need
		whole bool // whether each service stays in one document
	}{"everything": {everything(t).Member, true}, "a large service": {large, false}} {
		got := Policy(c.needs)
		if len(got) < 2 {
			t.Errorf("%s: got %d documents, want several", name, len(got))
		}
		var union []string
		sids := map[string]int{}
		for i, d := range got {
			if d.Size() > MaxPolicySize || len(d.Statement) == 0 {
				t.Errorf("%s: document %d has %d characters and %d statements, want 1 to %d characters and some statement", name, i, d.Size(), len(d.Statement), MaxPolicySize)
			}
			here := map[string]bool{}
			for _, s := range d.Statement {
				if here[s.Sid] || strings.Trim(s.Sid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || s.Sid == "" {
					t.Errorf("%s: document %d has Sid %q, want letters and digits, each once", name, i, s.Sid)
				}
				here[s.Sid] = true
				sids[s.Sid]++
				union = append(union, s.Action...)
			}
			var back Document
			if err := json.Unmarshal([]byte(d.JSON()), &back); err != nil || !reflect.DeepEqual(back, d) {
				t.Errorf("%s: document %d read back: got %v, %v, want the same", name, i, back, err)
			}
		}
		if want := actions(c.needs); !slices.Equal(slices.Sorted(slices.Values(union)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: got %d actions, want exactly the %d that are needed", name, len(union), len(want))
		}
		for s, n := range sids {
			if c.whole && n > 1 {
				t.Errorf("%s: service %s is in %d documents, want 1", name, s, n)
			}
		}
		shuffled := slices.Clone(c.needs)
		slices.Reverse(shuffled)
		if again := Policy(shuffled); !reflect.DeepEqual(again, got) {
			t.Errorf("%s: the needs in another order are split differently", name)
		}
	}
}

// TestBeyondSecurityAudit holds the embedded facts against what is declared: the
// docs have the same list.
func TestBeyondSecurityAudit(t *testing.T) {
	needs := everything(t)
	want := []string{
		"account:ListRegions", "backup:ListProtectedResources", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics",
		"connect:DescribeSecurityProfile", "connect:DescribeUser", "connect:ListSecurityProfilePermissions", "connect:ListSecurityProfiles", "connect:ListTagsForResource", "connect:ListUsers",
		"ds:ListTagsForResource", "eks:DescribeAddon", "eks:ListAddons", "inspector2:ListMembers",
		"resource-explorer-2:GetView", "resource-explorer-2:ListIndexes", "resource-explorer-2:ListIndexesForMembers", "resource-explorer-2:ListViews", "resource-explorer-2:Search",
		"tag:GetTagValues",
	}
	if got := actions(BeyondSecurityAudit(needs.Member)); !slices.Equal(got, want) {
		t.Errorf("member: got %q, want %q", got, want)
	}
	if got := BeyondSecurityAudit(needs.Discovery); len(got) > 0 {
		t.Errorf("discovery: got %v, want nothing", got)
	}
	declared := actions(append(slices.Clone(needs.Member), needs.Discovery...))
	for service, patterns := range securityAudit {
		for _, p := range patterns {
			if !slices.ContainsFunc(declared, func(a string) bool { return allows(service+":"+p, a) }) {
				t.Errorf("securityAudit has %s:%s, which no collector needs any more", service, p)
			}
		}
	}
}

func TestTrust(t *testing.T) {
	const runner = "arn:aws:iam::999900001111:role/path/stocktake-runner"
	for _, c := range []struct {
		name string
		o    TrustOptions
		want string // in the document, or in the error
		bad  bool
	}{
		{"account", TrustOptions{Principals: []string{"999900001111"}}, `"Principal":{"AWS":["999900001111"]},"Action":["sts:AssumeRole"]}`, false},
		{"role and user", TrustOptions{Principals: []string{"arn:aws-cn:iam::999900001111:user/one", runner}}, `["arn:aws-cn:iam::999900001111:user/one","` + runner + `"]`, false},
		{"external IDs", TrustOptions{Principals: []string{runner}, ExternalIDs: []string{"two", "one"}}, `"Condition":{"StringEquals":{"sts:ExternalId":["one","two"]}}`, false},
		{"all conditions", TrustOptions{Principals: []string{runner}, ExternalIDs: []string{"one"}, OrganizationID: "o-a1b2c3d4e5", SourceIPs: []string{"203.0.113.0/24", "2001:db8::1"}},
			`"Condition":{"IpAddress":{"aws:SourceIp":["2001:db8::1","203.0.113.0/24"]},"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"],"sts:ExternalId":["one"]}}`, false},
		{"nobody", TrustOptions{}, "no principal", true},
		{"everybody", TrustOptions{Principals: []string{"*"}}, `principal "*"`, true},
		{"session", TrustOptions{Principals: []string{"arn:aws:sts::999900001111:assumed-role/stocktake-runner/session"}}, "arn:aws:iam::999900001111:role/stocktake-runner", true},
		{"other account ID", TrustOptions{Principals: []string{"99990000111"}}, "12 digits", true},
		{"group", TrustOptions{Principals: []string{"arn:aws:iam::999900001111:group/all"}}, "user or a role", true},
		{"short external ID", TrustOptions{Principals: []string{runner}, ExternalIDs: []string{"x"}}, "external ID 1", true},
		{"external ID with spaces", TrustOptions{Principals: []string{runner}, ExternalIDs: []string{"good", "not good"}}, "external ID 2", true},
		{"long external ID", TrustOptions{Principals: []string{runner}, ExternalIDs: []string{strings.Repeat("x", 1225)}}, "2 to 1224", true},
		{"organization", TrustOptions{Principals: []string{runner}, OrganizationID: "ou-ab12-11111111"}, `organization "ou-ab12-11111111"`, true},
		{"no address", TrustOptions{Principals: []string{runner}, SourceIPs: []string{"example.com"}}, "203.0.113.0/24", true},
		{"range with more bits", TrustOptions{Principals: []string{runner}, SourceIPs: []string{"203.0.113.7/24"}}, "expected 203.0.113.0/24", true},
		{"private address", TrustOptions{Principals: []string{runner}, SourceIPs: []string{"10.0.0.0/8"}}, "not public", true},
	} {
		d, err := Trust(c.o)
		text, _ := json.Marshal(d)
		got := string(text)
		if err != nil {
			got = err.Error()
		}
		if (err != nil) != c.bad || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if strings.Contains(got, "not good") {
			t.Errorf("%s: got %s, want no external ID in it", c.name, got)
		}
	}
}

func TestAssume(t *testing.T) {
	hops := func(arns ...string) (list []config.Hop) {
		for _, a := range arns {
			list = append(list, config.Hop{RoleARN: a})
		}
		return list
	}
	const (
		one      = "arn:aws:iam::111122223333:role/one"
		two      = "arn:aws:iam::444455556666:role/path/two"
		gateway  = "arn:aws:iam::999900001111:role/gateway"
		defaults = "the identity of the SDK's default chain"
	)
	organization := config.Source{Name: "org", HomeRegion: "us-east-1", Organization: &config.Organization{MemberRole: "audit/stocktake-{account_id}", Discovery: &config.Discovery{Hops: hops(one)}}}
	chosen := config.Source{Name: "chosen", HomeRegion: "cn-north-1", Organization: &config.Organization{MemberRole: "stocktake", Accounts: config.AccountFilter{Include: []string{"444455556666", "111122223333"}}}}
	elsewhere := config.Source{Name: "elsewhere", HomeRegion: "us-east-1", Credentials: &config.Keys{AccessKeyID: "AKIAEXAMPLEEXAMPLE00"},
		Organization: &config.Organization{MemberRole: "stocktake", Discovery: &config.Discovery{Credentials: &config.Keys{Profile: "audit"}, Hops: hops(one)}}}
	for _, c := range []struct {
		name string
		file config.File
		only []string
		want []string // holder: roles
	}{
		{"keys", config.File{Sources: []config.Source{{Keys: &config.Keys{}}}}, nil, nil},
		{"organization", config.File{Sources: []config.Source{organization}}, nil, []string{defaults + ": " + one + " arn:aws:iam::*:role/audit/stocktake-*"}},
		{"chosen accounts", config.File{Sources: []config.Source{chosen}}, nil, []string{defaults + ": arn:aws-cn:iam::111122223333:role/stocktake arn:aws-cn:iam::444455556666:role/stocktake"}},
		{"discovery of its own", config.File{Sources: []config.Source{elsewhere}}, nil, []string{
			`the identity of profile "audit": ` + one, "the identity of the access key of source elsewhere: arn:aws:iam::*:role/stocktake"}},
		{"hops", config.File{Sources: []config.Source{{Role: &config.Role{Hops: hops(gateway, one)}}}}, nil, []string{defaults + ": " + gateway, gateway + ": " + one}},
		{"hops into an organization", config.File{Sources: []config.Source{{Role: &config.Role{Hops: hops(gateway, two), WholeOrganization: true}}}}, nil,
			[]string{defaults + ": " + gateway, gateway + ": arn:aws:iam::*:role/path/two"}},
		{"roles that share a hop", config.File{Sources: []config.Source{{Roles: []config.Role{{Hops: hops(gateway, two)}, {Hops: hops(gateway, one)}}}}}, nil,
			[]string{defaults + ": " + gateway, gateway + ": " + one + " " + two}},
		{"output", config.File{Sources: []config.Source{{Keys: &config.Keys{}}}, Output: config.Output{Hops: hops(one)}}, nil, []string{defaults + ": " + one}},
		{"one source", config.File{Sources: []config.Source{organization, chosen}, Output: config.Output{Hops: hops(one)}}, []string{"chosen"},
			[]string{defaults + ": arn:aws-cn:iam::111122223333:role/stocktake arn:aws-cn:iam::444455556666:role/stocktake"}},
	} {
		var got []string
		for _, a := range Assume(&c.file, c.only...) {
			if len(a.Documents) != 1 || len(a.Documents[0].Statement) != 1 {
				t.Fatalf("%s: got %v, want one statement", c.name, a)
			}
			s := a.Documents[0].Statement[0]
			if !slices.Equal(s.Action, []string{"sts:AssumeRole"}) || s.Effect != "Allow" {
				t.Errorf("%s: got %v, want sts:AssumeRole", c.name, s)
			}
			slices.SortFunc(s.Resource, func(x, y string) int {
				return strings.Compare(strings.ReplaceAll(x, "*", "~"), strings.ReplaceAll(y, "*", "~"))
			})
			got = append(got, a.Holder+": "+strings.Join(s.Resource, " "))
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}

	many := config.File{Sources: []config.Source{{}}}
	for i := range 400 {
		many.Sources[0].Roles = append(many.Sources[0].Roles, config.Role{Hops: hops(strings.Replace(one, "111122223333", time.Unix(int64(i), 0).UTC().Format("200601021504"), 1) + time.Duration(i).String())})
	}
	roles := 0
	for _, d := range Assume(&many)[0].Documents {
		roles += len(d.Statement[0].Resource)
		if d.Size() > MaxPolicySize {
			t.Errorf("400 roles: got a document of %d characters, want at most %d", d.Size(), MaxPolicySize)
		}
	}
	if roles != 400 {
		t.Errorf("400 roles: got %d, want each once", roles)
	}
}

func TestOutput(t *testing.T) {
	const (
		full = `{"Sid":"Objects","Effect":"Allow","Action":["s3:AbortMultipartUpload","s3:DeleteObject","s3:GetObject","s3:ListMultipartUploadParts","s3:PutObject"],"Resource":["arn:aws:s3:::example-warehouse/stocktake/*"]},` +
			`{"Sid":"Bucket","Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketMultipartUploads"],"Resource":["arn:aws:s3:::example-warehouse"]}`
		key = "arn:aws:kms:eu-central-1:999900001111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	)
	at := func(warehouse string, o config.Output) *config.File {
		return &config.File{Warehouse: warehouse, Output: o}
	}
	const here = "s3://example-warehouse/stocktake"
	role := []config.Hop{{RoleARN: "arn:aws:iam::999900001111:role/stocktake-warehouse"}}
	for _, c := range []struct {
		name string
		file *config.File
		want string
	}{
		{"full", at(here, config.Output{Mode: "full", Region: "eu-central-1"}), `[` + full + `]`},
		{"whole bucket", at("s3://example-warehouse", config.Output{Mode: "full"}), `"Resource":["arn:aws:s3:::example-warehouse/*"]`},
		{"tags", at(here, config.Output{Tags: map[string]string{"team": "cloud"}}), `"s3:PutObject","s3:PutObjectTagging"]`},
		{"drop", at(here, config.Output{Mode: "drop"}), `[{"Sid":"Objects","Effect":"Allow","Action":["s3:AbortMultipartUpload","s3:PutObject"],"Resource":["arn:aws:s3:::example-warehouse/stocktake/*"]}]`},
		{"partition of the region", at(here, config.Output{Region: "cn-north-1"}), `"arn:aws-cn:s3:::example-warehouse"`},
		{"partition of the role", at(here, config.Output{Hops: []config.Hop{{RoleARN: "arn:aws-us-gov:iam::999900001111:role/w"}}}), `"arn:aws-us-gov:s3:::example-warehouse"`},
		{"key", at(here, config.Output{KMSKey: key}), `[` + full + `,{"Sid":"Key","Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":["` + key + `"]}]`},
		{"key by ID", at(here, config.Output{Region: "eu-central-1", Hops: role, KMSKey: "1234abcd-12ab-34cd-56ef-1234567890ab"}), `"Resource":["` + key + `"]}]`},
		{"alias", at(here, config.Output{Region: "eu-central-1", KMSKey: "alias/w"}), `"Resource":["arn:aws:kms:eu-central-1:*:key/*"],"Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":["alias/w"]}}}]`},
		{"alias of an account", at(here, config.Output{KMSKey: "arn:aws:kms:eu-central-1:999900001111:alias/w"}), `"Resource":["arn:aws:kms:eu-central-1:999900001111:key/*"],"Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":["alias/w"]}}}]`},
	} {
		d, err := Output(c.file)
		text, _ := json.Marshal(d)
		if err != nil || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: got %s, %v, want %s", c.name, text, err, c.want)
		}
	}
	if _, err := Output(at("/var/lib/stocktake", config.Output{})); !errors.Is(err, ErrLocal) {
		t.Errorf("folder: got %v, want %v", err, ErrLocal)
	}
}

func TestDiff(t *testing.T) {
	needs := []Need{{Action: "ec2:DescribeVolumes", Tables: []string{"aws_ec2_volumes"}}, {Action: "s3:ListAllMyBuckets", Tables: []string{"aws_s3_buckets"}}}
	known := append(needs, Need{Action: "eks:DescribeNodegroup", Tables: []string{"aws_eks_nodegroups"}})
	for _, c := range []struct{ name, old, added, removed string }{
		{"the same", Policy(needs)[0].JSON(), "", ""},
		{"patterns, and one in place of lists", `{"Statement": {"Effect": "Allow", "Action": "EC2:Describe*", "Resource": "*"}}
			{"Statement": [{"Effect": "Allow", "Action": ["s3:*"]}]}`, "", ""},
		{"added", `{"Statement": [{"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"]}]}`, "ec2:DescribeVolumes", ""},
		{"removed", `{"documents": [{"Statement": [{"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "ec2:*", "eks:DescribeNodeGroup", "iam:List*"]}]}], "needs": []}`, "", "eks:DescribeNodegroup iam:List*"},
	} {
		allowed, err := Allowed(strings.NewReader(c.old))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		d := Diff(allowed, needs, known)
		if added, removed := strings.Join(actions(d.Added), " "), strings.Join(actions(d.Removed), " "); added != c.added || removed != c.removed {
			t.Errorf("%s: got added %q and removed %q, want %q and %q", c.name, added, removed, c.added, c.removed)
		}
		for _, n := range append(d.Added, d.Removed...) {
			if !strings.Contains(n.Action, "*") && len(n.Tables) == 0 {
				t.Errorf("%s: got no table for %s, want one", c.name, n.Action)
			}
		}
	}
	for _, c := range []struct{ name, old, want string }{
		{"nothing", "", "no policy"},
		{"no JSON", "warehouse: w", "not a policy"},
		{"other JSON", `{"a": 1}`, "expected JSON as"},
		{"a denial", `{"Statement": [{"Effect": "Deny", "Action": ["s3:*"]}]}`, `Effect "Deny"`},
		{"all but", `{"Statement": [{"Effect": "Allow", "NotAction": ["s3:*"]}]}`, "0 actions"},
	} {
		if got, err := Allowed(strings.NewReader(c.old)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", c.name, got, err, c.want)
		}
	}
}
