package mototest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/access"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
	"stocktake/internal/pipeline"
	"stocktake/load"
	"stocktake/load/store/local"
)

// misnamed are actions for which moto asks by another name than AWS, which it
// makes of the operation, of a list of its own for S3, and of the service that
// the request is signed for.
var misnamed = map[string]struct{ asks, why string }{
	"tag:GetResources":                    {"tagging:GetResources", "requests are signed for tagging, and the actions begin with tag"},
	"tag:GetTagKeys":                      {"tagging:GetTagKeys", "the same"},
	"tag:GetTagValues":                    {"tagging:GetTagValues", "the same"},
	"s3:GetAccountPublicAccessBlock":      {"s3:GetPublicAccessBlock", "that is the operation; there is no such action"},
	"s3:GetBucketPublicAccessBlock":       {"s3:ListBucket", "its list of S3's parameters has a slip in publicAccessBlock, and what it does not list is a list of objects"},
	"s3:GetEncryptionConfiguration":       {"s3:ListBucket", "its list lacks the parameter encryption"},
	"s3:GetBucketOwnershipControls":       {"s3:ListBucket", "its list lacks the parameter ownershipControls"},
	"s3:GetReplicationConfiguration":      {"s3:ListBucket", "its list lacks the parameter replication"},
	"s3:GetBucketObjectLockConfiguration": {"s3:ListBucket", "its list lacks the parameter object-lock"},
}

// unasked are actions, and tables for which moto never asks for them.
var unasked = map[[2]string]string{
	{"sts:GetCallerIdentity", "aws_sts_caller_identities"}:               "it is granted to all, in AWS too",
	{"ds:DescribeDirectories", "aws_connect_instances"}:                  "AWS asks for it with connect:ListInstances, moto for one action of each operation",
	{"config:ListTagsForResource", "aws_config_configuration_recorders"}: "moto's recorders have no ARN to ask for tags with",
}

// grant is an action as moto asks for it, and what is lost without it.
type grant struct {
	asks    string
	actions []string // that the policies have for it
	finds   bool     // accounts, or the instance of Identity Center: the run may fail without it
	touched []string // tables
	places  []string // tables that are denied, and columns, such as aws_s3_buckets.policy, that stay empty
}

// grants are the needs by what moto asks for.
func grants(n access.Needs) []*grant {
	by := map[string]*grant{}
	for _, need := range slices.Concat(n.Discovery, n.Member) {
		asks := need.Action
		if m, ok := misnamed[asks]; ok {
			asks = m.asks
		}
		g := by[asks]
		if g == nil {
			g = &grant{asks: asks}
			by[asks] = g
		}
		if !slices.Contains(g.actions, need.Action) {
			g.actions = append(g.actions, need.Action)
		}
		g.finds = g.finds || need.Why != ""
		g.touched = slices.Concat(g.touched, need.Tables, need.Hints, slices.Collect(maps.Keys(need.Columns)))
		for _, table := range need.Tables {
			if unasked[[2]string{need.Action, table}] == "" {
				g.places = append(g.places, table)
			}
		}
		for table, columns := range need.Columns {
			for _, c := range columns {
				if unasked[[2]string{need.Action, table}] == "" {
					g.places = append(g.places, table+"."+c)
				}
			}
		}
	}
	var list []*grant
	for _, asks := range slices.Sorted(maps.Keys(by)) {
		list = append(list, by[asks])
	}
	return list
}

// rounds are grants that can be missing at once, as no two touch the same table.
func rounds(list []*grant) [][]*grant {
	var rounds [][]*grant
	for _, g := range list {
		i := slices.IndexFunc(rounds, func(round []*grant) bool {
			return !g.finds && !slices.ContainsFunc(round, func(other *grant) bool {
				return other.finds || slices.ContainsFunc(g.touched, func(t string) bool { return slices.Contains(other.touched, t) })
			})
		})
		if i < 0 {
			i, rounds = len(rounds), append(rounds, nil)
		}
		rounds[i] = append(rounds[i], g)
	}
	return rounds
}

// enforce has moto check signatures and policies until the end of the test.
func (s *server) enforce(t *testing.T) {
	t.Helper()
	after := func(requests string) {
		answer, err := http.Post(s.url+"/moto-api/reset-auth", "text/plain", strings.NewReader(requests))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("check requests after %s: %s", requests, answer.Status)
		}
	}
	after("0")
	t.Cleanup(func() { after("inf") })
}

// iam returns a client of an account, for which moto must not enforce.
func (s *server) iam(account string) *iam.Client {
	cfg := aws.Config{Region: regions[0], BaseEndpoint: &s.url, Credentials: credentials.NewStaticCredentialsProvider("base", "base", "")}
	if account != s.facts.Accounts["management"] {
		cfg.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::"+account+":role/stocktake")
	}
	return iam.NewFromConfig(cfg)
}

// rights are a user and roles in moto that have what package access makes of a
// source, and a configuration that enters by them.
type rights struct {
	moto          *server
	account, name string // of the member and its role; the user is called like it
	user          string // ARN
	file          *config.File
	needs         access.Needs
}

const rightID = "ex+ternal/right"

// rights makes the user.
func (s *server) rights(t *testing.T, name string) *rights {
	t.Helper()
	r := &rights{moto: s, account: s.facts.Accounts["shop"], name: name}
	management := s.facts.Accounts["management"]
	client := s.iam(management)
	made, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	r.user = *made.User.Arn
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	c := sourceCase{name: "rights", all: true, yaml: fmt.Sprintf(`
    credentials: {access_key_id: %q, secret_access_key: %q}
    organization:
      discovery: {role_arn: "arn:aws:iam::%s:role/%s-discovery", external_id: %q}
      member_role: %[4]s
      external_id: %[5]q
      accounts: {include: [%[6]q], units: ["{unit}"]}`,
		*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, management, name, rightID, r.account)}
	r.file = c.load(t, t.TempDir(), s)
	r.file.Sources[0].Regions = config.Regions{Names: regions[:1]}
	if r.needs, err = access.Of(&r.file.Sources[0]); err != nil {
		t.Fatal(err)
	}
	return r
}

// assume allows the user the roles of a configuration.
func (r *rights) assume(t *testing.T, file *config.File) {
	t.Helper()
	for _, a := range access.Assume(file) {
		for i, d := range a.Documents {
			in := &iam.PutUserPolicyInput{UserName: &r.name, PolicyName: aws.String(fmt.Sprint("assume-", i)), PolicyDocument: aws.String(d.JSON())}
			if _, err := r.moto.iam(r.moto.facts.Accounts["management"]).PutUserPolicy(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// role makes a role that trusts a user, and that has the documents as managed policies.
func (r *rights) role(t *testing.T, account, name, trusts string, documents []access.Document) {
	t.Helper()
	trust, err := access.Trust(access.TrustOptions{Principals: []string{trusts}, ExternalIDs: []string{rightID}})
	if err != nil {
		t.Fatal(err)
	}
	client := r.moto.iam(account)
	if _, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust.JSON())}); err != nil {
		t.Fatal(err)
	}
	for i, d := range documents {
		made, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprint(name, "-", i)), PolicyDocument: aws.String(d.JSON())})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: made.Policy.Arn}); err != nil {
			t.Fatal(err)
		}
	}
}

// grant makes both roles, and lets the user assume them.
func (r *rights) grant(t *testing.T, discovery, member []access.Need) {
	t.Helper()
	r.assume(t, r.file)
	r.role(t, r.moto.facts.Accounts["management"], r.name+"-discovery", r.user, access.Policy(discovery))
	r.role(t, r.account, r.name, r.user, access.Policy(member))
}

// run reads some tables, or all, while moto enforces.
func (r *rights) run(t *testing.T, tables ...string) ([]load.CoverageRow, error) {
	t.Helper()
	if len(tables) > 0 {
		r.file.Sources[0].Collect = slices.Compact(slices.Sorted(slices.Values(tables)))
	}
	store, err := local.Open(r.file.Warehouse)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", r.moto.url)
	r.moto.enforce(t)
	result, err := pipeline.Run(t.Context(), pipeline.Options{
		Config: r.file, Store: store, Collectors: all.Collectors, Streams: all.Streams, Base: extract.AWS(r.file), Observer: quiet{}, Program: "test",
	})
	if err != nil {
		return nil, err
	}
	return slices.Collect(result.Coverage), nil
}

// lost holds the coverage of a run to what it lacked.
func lost(t *testing.T, rows []load.CoverageRow, lacked []*grant) {
	t.Helper()
	want, got, actions := map[string]bool{}, map[string]bool{}, map[string]bool{"": true}
	for _, g := range lacked {
		for _, action := range append(g.actions, g.asks) { // a refusal of S3 names none, and we name AWS's
			actions[action] = true
		}
		for _, place := range g.places {
			want[place] = true
		}
	}
	for _, row := range rows {
		switch row.Outcome {
		case outcome.OK:
		case outcome.Denied:
			got[row.TableName] = true
		case outcome.Partial:
			for _, c := range row.IncompleteColumns {
				if place := row.TableName + "." + c; want[place] || !slices.Contains(lacking[row.TableName], c) {
					got[place] = true
				}
			}
		default:
			t.Errorf("%s in %s %s: %s %s %s", row.TableName, row.AccountID, row.Region, row.Outcome, row.ErrorCode, row.ErrorMessage)
		}
		if !actions[row.MissingAction] {
			t.Errorf("%s in %s %s: %s for want of %s, which was not taken away", row.TableName, row.AccountID, row.Region, row.Outcome, row.MissingAction)
		}
	}
	maps.DeleteFunc(want, func(place string, _ bool) bool {
		there := !got[place]
		delete(got, place)
		return !there
	})
	if len(want)+len(got) > 0 {
		t.Errorf("not lost: %q; lost in their place: %q", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}
}

// compareRights has moto check signatures, policies and trust.
func (s *server) compareRights(t *testing.T) {
	var list, wrong []*grant
	t.Run("as generated", func(t *testing.T) {
		r := s.rights(t, "generated")
		list = grants(r.needs)
		for _, g := range list {
			if !slices.Equal(g.actions, []string{g.asks}) {
				wrong = append(wrong, g)
			}
		}
		checkLists(t, r.needs)
		r.grant(t, r.needs.Discovery, r.needs.Member)
		rows, err := r.run(t)
		if err != nil {
			t.Fatal(err)
		}
		lost(t, rows, wrong)
	})
	t.Run("as moto asks", func(t *testing.T) { s.without(t, "asked", nil, wrong) })
	for i, round := range rounds(list) {
		t.Run("without "+round[0].asks, func(t *testing.T) { s.without(t, fmt.Sprint("without-", i), round, round) })
	}
	t.Run("assume", s.compareTrust)
}

// checkLists holds the lists of what moto does otherwise to what is needed.
func checkLists(t *testing.T, n access.Needs) {
	t.Helper()
	needed := map[string][]string{}
	for _, need := range slices.Concat(n.Discovery, n.Member) {
		needed[need.Action] = slices.Concat(needed[need.Action], need.Tables, slices.Collect(maps.Keys(need.Columns)))
	}
	for action := range misnamed {
		if needed[action] == nil {
			t.Errorf("%s is listed as misnamed, and no need", action)
		}
	}
	for u := range unasked {
		if !slices.Contains(needed[u[0]], u[1]) {
			t.Errorf("%s is listed as not asked for, and no need of %s", u[0], u[1])
		}
	}
}

// without reads the tables that some grants touch, with roles that lack others.
func (s *server) without(t *testing.T, name string, lacked, touching []*grant) {
	r := s.rights(t, name)
	granted := func(needs []access.Need) []access.Need {
		var list []access.Need
		for _, need := range needs {
			if m, ok := misnamed[need.Action]; ok {
				need.Action = m.asks
			}
			if !slices.ContainsFunc(lacked, func(g *grant) bool { return g.asks == need.Action }) {
				list = append(list, need)
			}
		}
		return list
	}
	r.grant(t, granted(r.needs.Discovery), granted(r.needs.Member))
	var tables []string
	for _, g := range touching {
		tables = append(tables, g.touched...)
	}
	rows, err := r.run(t, append(tables, "aws_sts_caller_identities")...)
	switch {
	case err == nil:
		lost(t, rows, lacked)
	case len(lacked) == 0 || !lacked[0].finds || !strings.Contains(err.Error(), lacked[0].asks):
		t.Error(err)
	}
}

// compareTrust enters by roles and policies that differ from what is generated
// in one thing. Where moto lets in whom AWS would not, the case says so.
func (s *server) compareTrust(t *testing.T) {
	management, shop := s.facts.Accounts["management"], s.facts.Accounts["shop"]
	other := "arn:aws:iam::" + management + ":user/other"
	for i, c := range []struct {
		name      string
		file      func(*config.Organization) // what the policy of the user is made from
		discovery string                     // principal that its role trusts
		member    string
		asks      func(*config.Organization) // what the run asks with
		refused   string                     // account whose role is refused
	}{
		{name: "all as generated"},
		{name: "no policy for the discovery role", file: func(o *config.Organization) { o.Discovery = nil }, refused: management},
		{name: "no policy for the member role", file: func(o *config.Organization) { o.MemberRole = "another" }, refused: shop},
		{name: "the discovery role trusts another", discovery: other, refused: management},
		{name: "another external ID", asks: func(o *config.Organization) { o.Discovery.Hops[0].ExternalID = "another" }, refused: management},
		{name: "moto passes a missing external ID", asks: func(o *config.Organization) { o.Discovery.Hops[0].ExternalID = "" }},
		{name: "moto sees no trust policy of another account", member: other},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.rights(t, fmt.Sprint("trust-", i))
			source := &r.file.Sources[0]
			real := *source.Organization
			if c.file != nil {
				o := real
				c.file(&o)
				source.Organization = &o
			}
			r.assume(t, r.file)
			o := real
			source.Organization = &o
			if c.asks != nil {
				c.asks(&o)
			}
			r.role(t, management, r.name+"-discovery", cmp.Or(c.discovery, r.user), access.Policy(r.needs.Discovery))
			r.role(t, shop, r.name, cmp.Or(c.member, r.user), access.Policy(r.needs.Member))
			rows, err := r.run(t, "aws_sts_caller_identities")
			refused := ""
			if err != nil && strings.Contains(err.Error(), "AssumeRole") {
				refused, err = management, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if row.MissingAction == "sts:AssumeRole" {
					refused = row.AccountID
				}
			}
			if refused != c.refused {
				t.Errorf("refused by account %q: expected %q; %+v", refused, c.refused, rows)
			}
		})
	}
}
