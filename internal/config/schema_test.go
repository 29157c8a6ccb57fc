package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatalf("parse schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("stocktake.json", doc); err != nil {
		t.Fatalf("add schema: %v", err)
	}
	s, err := c.Compile("stocktake.json") // checks it against the draft's own schema
	if err != nil {
		t.Fatalf("compile schema: %v", err)
	}
	return s
}

func validate(s *jsonschema.Schema, text []byte) error {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return err
	}
	out, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// A key_ fixture breaks what the schema can say; a cross_ fixture breaks what
// only the decoder can.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	schema := compileSchema(t)
	for pattern, ok := range map[string]bool{"*.ok.yaml": true, "key_*.bad.yaml": false, "cross_*.bad.yaml": true} {
		for _, name := range fixtures(t, pattern) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			err = validate(schema, text)
			if _, isVerdict := errors.AsType[*jsonschema.ValidationError](err); (err == nil) != ok || err != nil && !isVerdict {
				t.Errorf("validate %s: got %v, want ok %v", filepath.Base(name), err, ok)
			}
		}
	}
}

// One key-level mistake at a time: a file with several would hide that the
// schema misses some of them.
func TestSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	schema := compileSchema(t)
	const base = `warehouse: w
spool: s
simulation: {seed: 1, accounts: 2, regions: 3, scale: 1.5, partition: aws, faults: true}
sources:
  - name: one
    contact: c
    console: https://example.com
    activate: true
    credentials: {profile: p}
    role: {role_arn: "arn:aws:iam::111122223333:role/reader", external_id: ab, session_name: ab, duration: 1h, account: "111122223333", whole_organization: false}
    regions: [eu-west-1]
    home_region: eu-west-1
    collect: ["*"]
    identity_store: {id: d-1234567890, region: eu-west-1}
    organization_views: [resource_explorer]
  - name: two
    keys: {access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: "${STOCKTAKE_TEST_SECRET}"}
    regions: all
    collect: ["*"]
  - name: three
    organization: {discovery: {hops: [{role_arn: "arn:aws:iam::111122223333:role/discovery"}]}, member_role: reader, accounts: {include: ["111122223333"], units: [r-ab12]}}
    regions: all
    collect: ["*"]
  - name: four
    roles: [{role_arn: "arn:aws:iam::111122223333:role/reader"}]
    external_id: ab
    regions: all
    collect: ["*"]
rates: {ec2: {per_second: 1, burst: 2}}
retry: {max_attempts: 8}
keep: {daily: 1}
max_duration: 1h
schedule: {time_zone: UTC, listen: ":1", jobs: [{name: j, cron: "0 1 * * *"}]}
alerts:
  email: {host: mail, port: 25, tls: starttls, username: u, password: p, from: a@b, to: [c@d]}
  webhook: {url: "https://example.com", token: t}
  failed_calls: 30
  stale: 36h
`
	// What stands in place of the folder in some cases.
	const bucket = `warehouse: s3://bucket/w
output:
  mode: full
  region: eu-west-1
  endpoint: https://s3.example.com
  path_style: true
  encryption: aws:kms
  kms_key: alias/key
  bucket_key: true
  bucket_owner: "111122223333"
  storage_class: GLACIER_IR
  tags: {team: cloud}
  role_arn: arn:aws:iam::111122223333:role/writer
`
	setEnvironment(t)
	try := func(text string) (decoder, schemaSays error) {
		_, decoder = Load(write(t, text, 0o600), nil)
		return decoder, validate(schema, []byte(text))
	}
	for _, text := range []string{base, strings.Replace(base, "warehouse: w\n", bucket, 1)} {
		if d, s := try(text); d != nil || s != nil {
			t.Fatalf("base: decoder says %v, schema says %v, want neither of\n%s", d, s, text)
		}
	}
	for _, c := range []struct{ old, new string }{
		{"warehouse: w", "warehouse: s3://w"}, {"warehouse: w", "warehouse: ~/w"}, {"warehouse: w", "warehouse: ''"}, {"warehouse: w", "warehouse: 5"},
		{"warehouse: w", `warehouse: "w\x00"`}, {"contact: c", `contact: "c\nd"`}, {`collect: ["*"]`, `collect: ["\t*"]`},
		{"warehouse: w\n", ""}, {"spool: s", "spool: file:///s"}, {"spool: s", "spol: s"},
		{"seed: 1", "seed: 1.5"}, {"seed: 1", "seed: one"}, {"accounts: 2", "accounts: 0"}, {"regions: 3", "regions: 18"}, {"scale: 1.5", "scale: 0"},
		{"scale: 1.5", "scale: 1001"}, {"partition: aws", "partition: azure"}, {"faults: true", "faults: 1"}, {"simulation: {", "simulation: {x: 1, "},
		{"name: one", "name: One"}, {"name: one", "name: 1"}, {"contact: c", "contact: [c]"}, {"https:", "gopher:"}, {"activate: true", "activate: maybe"},
		{"profile: p", "profile: p, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: x"}, {"profile: p", "session_token: x"}, {"profile: p", "account: '111122223333'"},
		{"arn:aws:iam::111122223333:role/reader", "arn:aws:iam::1111:role/reader"}, {"arn:aws:iam", "arn:azure:iam"}, {":role/reader", ":role/rea der"},
		{"external_id: ab", "external_id: a"}, {"external_id: ab", "external_id: a b"}, {"external_id: ab", "external_id: 12"},
		{"session_name: ab", "session_name: a/b"}, {"duration: 1h", "duration: 1 h"}, {"duration: 1h", "duration: 3600"}, {`account: "111122223333"`, "account: 111122223333"},
		{"whole_organization: false", "whole_organization: 'false'"}, {`{role_arn: "arn:aws:iam::111122223333:role/reader", ext`, "{ext"},
		{"regions: [eu-west-1]", "regions: eu-west-1"}, {"regions: [eu-west-1]", "regions: []"}, {"regions: [eu-west-1]", "regions: [eu]"},
		{"regions: [eu-west-1]", "regions: [eu-west-1, eu-west-1]"}, {"    regions: [eu-west-1]\n", ""}, {"home_region: eu-west-1", "home_region: all"},
		{`collect: ["*"]`, "collect: []"}, {`collect: ["*"]`, "collect: '*'"}, {`    collect: ["*"]` + "\n", ""}, {"[resource_explorer]", "[everything]"}, {"d-1234567890", "d-1"}, {"id: d-1234567890, ", ""},
		{"keys: {", "role: {role_arn: 'arn:aws:iam::111122223333:role/reader'}\n    keys: {"}, {"AKIAIOSFODNN7EXAMPLE", "AKIA"}, {"access_key_id: AKIAIOSFODNN7EXAMPLE, ", ""},
		{`, secret_access_key: "${STOCKTAKE_TEST_SECRET}"`, ""}, {"hops: [{", "role_arn: 'arn:aws:iam::111122223333:role/reader', hops: [{"},
		{"discovery: {hops", "discovery: {duration: 1h, hops"}, {`hops: [{role_arn: "arn:aws:iam::111122223333:role/discovery"}]`, "hops: []"},
		{"member_role: reader", "member_role: 'reader-{x}'"}, {"member_role: reader, ", ""}, {"member_role: reader", "member_role: 'arn:aws:iam::111122223333:role/r'"},
		{`include: ["111122223333"]`, "include: [111122223333]"}, {`include: ["111122223333"]`, `include: ["111122223333", "111122223333"]`}, {"r-ab12", "x-ab12"},
		{`    roles: [{role_arn: "arn:aws:iam::111122223333:role/reader"}]`, "    keys: {}"}, {"    roles:", "    #roles:"},
		{"rates: {ec2", "rates: {EC2"}, {"per_second: 1, ", ""}, {"per_second: 1", "per_second: 0"}, {"burst: 2", "burst: 0"}, {"max_attempts: 8", "max_attempts: 0"}, {"retry: {", "retry: {tries: 1, "},
		{"warehouse: w", "warehouse: s3://w/x=y"}, {"warehouse: w", "warehouse: s3://bucket/x?y"}, {"daily: 1", "daily: -1"}, {"daily: 1", "yearly: 1"}, {"max_duration: 1h", "max_duration: 1s x"},
		{"{time_zone: UTC", "{cron: '@daily', time_zone: UTC"}, {`, jobs: [{name: j, cron: "0 1 * * *"}]`, ""}, {"time_zone: UTC", "time_zone: ''"}, {"time_zone: UTC", "timezone: UTC"},
		{`listen: ":1"`, `listen: "1"`}, {`listen: ":1"`, `listen: 1`}, {"name: j, ", ""}, {"name: j", "name: J"}, {`, cron: "0 1 * * *"`, ""}, {`"0 1 * * *"`, `""`}, {"jobs: [{", "jobs: [{when: now, "},
		{"host: mail, ", ""}, {"host: mail", "host: 'mail:25'"}, {"port: 25", "port: 0"}, {"port: 25", "port: 65536"}, {"tls: starttls", "tls: ssl"}, {"username: u, ", ""}, {"password: p, ", ""},
		{"password: p", `password: "p\nq"`}, {"from: a@b, ", ""}, {"from: a@b", "from: a"}, {"to: [c@d]", "to: c@d"}, {"to: [c@d]", "to: [c@d, c@d]"}, {", to: [c@d]", ""},
		{`url: "https://example.com", `, ""}, {`"https://example.com"`, "ftp://example.com"}, {"token: t", "token: t t"}, {"failed_calls: 30", "failed_calls: 0"}, {"failed_calls: 30", "failed_calls: 101"},
		{"stale: 36h", "stale: 36"},
	} {
		refuse(t, try, base, c.old, c.new)
	}
	onS3 := strings.Replace(base, "warehouse: w\n", bucket, 1)
	for _, c := range []struct{ old, new string }{
		{"mode: full", "mode: half"}, {"  region: eu-west-1\n", ""}, {"region: eu-west-1\n  end", "region: EU\n  end"}, {"https://s3.example.com", "s3.example.com"}, {"https://s3.example.com", "https://u:p@s3.example.com"},
		{"https://s3.example.com", "https://s3.example.com/?x"}, {"path_style: true", "path_style: 'true'"}, {"encryption: aws:kms", "encryption: kms"}, {"alias/key", "key"}, {"alias/key", "arn:aws:kms:eu-west-1:1:alias/key"},
		{"bucket_key: true", "bucket_key: 1"}, {`bucket_owner: "111122223333"`, "bucket_owner: me"}, {"GLACIER_IR", "GLACIER"}, {"GLACIER_IR", "DEEP_ARCHIVE"}, {"team: cloud", "'aws:team': cloud"}, {"team: cloud", "aws:team: cloud"}, {"team: cloud", "team: cloud!"},
		{"team: cloud", "a: b, c: d, e: f, g: h, i: j, k: l, m: n, o: p, q: r, s: t, u: v"}, {"team: cloud", "team: 1"}, {"role_arn: arn:aws:iam::111122223333:role/writer", "session_name: abc"},
	} {
		refuse(t, try, onS3, c.old, c.new)
	}
}

// refuse wants both to refuse the text with one place changed.
func refuse(t *testing.T, try func(string) (decoder, schemaSays error), base, old, new string) {
	t.Helper()
	text := strings.Replace(base, old, new, 1)
	if text == base {
		t.Fatalf("%q is not in the base", old)
	}
	if d, s := try(text); d == nil || s == nil {
		t.Errorf("%q in place of %q: decoder says %v, schema says %v, want both to refuse", new, old, d, s)
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	text := string(Schema())
	for _, c := range []struct{ pattern, what string }{
		{`"description": "\."`, "an empty description"},
		{`"default": "?0s?"`, "a default of nothing"},
	} {
		if regexp.MustCompile(c.pattern).MatchString(text) {
			t.Errorf("schema has %s", c.what)
		}
	}
	walk(t, "", fileShape(new(File)))
}

func walk(t *testing.T, path string, s shape) {
	for _, k := range s.keys {
		at := join(path, k.key)
		if len(k.doc) < 5 || strings.HasSuffix(k.doc, ".") || k.doc[0] >= 'A' && k.doc[0] <= 'Z' {
			t.Errorf("key %s: got description %q, want a phrase that starts in lower case and has no full stop", at, k.doc)
		}
		if k.required && k.def != nil {
			t.Errorf("key %s: it is required and has a default", at)
		}
		if inner, ok := k.value.inner(); ok {
			walk(t, at, inner)
		}
	}
}
