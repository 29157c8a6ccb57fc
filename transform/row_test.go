package transform_test

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"stocktake/internal/schema"
	"stocktake/transform"
)

// TestAbsent tells what AWS sent as zero from what it did not send.
func TestAbsent(t *testing.T) {
	for _, test := range []struct {
		typ   string
		value any
		want  string
	}{
		{"int32", p(int32(0)), `0`},
		{"int32", (*int32)(nil), `null`},
		{"int64", int64(0), `0`},
		{"float64", (*float64)(nil), `null`},
		{"float64", 0.0, `0`},
		{"bool", p(false), `false`},
		{"binary", []byte{}, `""`},
		{"binary", []byte(nil), `null`},
		{"list<binary>", [][]byte{{1}, {}}, `["AQ==",""]`},
		{"timestamp", []string(nil), ``}, // does not fit; TestCompileErrors has the rest
		{"list<timestamp>", []time.Time{{}, time.Unix(1, 0)}, `[null,"1970-01-01T00:00:01Z"]`},
		{"list<utf8>", []*string{nil, p(""), p("a")}, `[null,"","a"]`},
		{"map<utf8,utf8>", map[string]*string{"a": nil, "b": p("")}, `[{"key":"a","value":null},{"key":"b","value":""}]`},
		{"map<utf8,utf8>", map[Color]Color{"b": "2", "a": ""}, `[{"key":"a","value":""},{"key":"b","value":"2"}]`},
		{"map<utf8,int64>", map[string]int32(nil), `null`},
		{"map<utf8,utf8>", []Tag{}, `[]`},
		{"map<utf8,utf8>", []Tag(nil), `null`},
		{"json", []string(nil), `null`},
		{"json", []string{}, `[]`},
		{"json", map[string]int64(nil), `null`},
		{"json", p("  "), `"  "`},
		{"json", p(`{"a":1} x`), `"{\"a\":1} x"`},
	} {
		item, s := oneField(schema.Column{Type: test.typ}, test.value)
		if test.want == "" {
			if _, err := transform.Compile(s, reflect.TypeOf(item), transform.Options{}); err == nil {
				t.Errorf("%s of %#v: got no error of Compile", test.typ, test.value)
			}
			continue
		}
		if got := appended(t, s, item, transform.Options{})["f"]; got != test.want {
			t.Errorf("%s of %#v: got %s, want %s", test.typ, test.value, got, test.want)
		}
	}
}

type (
	Base   struct{ First, Second *string }
	Middle struct {
		Pad int64
		Base
	}
	Row struct {
		Other *string
		Middle
		Second *string // hides the embedded one
	}
	Pointing struct{ *Base }
)

// TestEmbedded binds fields of embedded structs where they are; behind a
// pointer they cannot be bound.
func TestEmbedded(t *testing.T) {
	s := one(
		schema.Column{Name: "first", Type: "utf8", Source: "First"}, schema.Column{Name: "second", Type: "utf8", Source: "Second"},
		schema.Column{Name: "inner", Type: "utf8", Source: "Base.Second"}, schema.Column{Name: "pad", Type: "int64", Source: "Middle.Pad"})
	s.ARN = "arn:{First}/{Base.Second}"
	row := appended(t, s, Row{p("o"), Middle{7, Base{p("1"), p("2")}}, p("3")}, transform.Options{})
	for column, want := range map[string]string{"first": `"1"`, "second": `"3"`, "inner": `"2"`, "pad": `7`, "arn": `"arn:1/2"`} {
		if row[column] != want {
			t.Errorf("column %s: got %s, want %s", column, row[column], want)
		}
	}
	_, err := transform.Compile(one(schema.Column{Name: "f", Type: "utf8", Source: "First"}), reflect.TypeFor[Pointing](), transform.Options{})
	if err == nil || !strings.Contains(err.Error(), "First") {
		t.Errorf("embedded pointer: got error %v, want one that names the source", err)
	}
}

// TestIncomplete: what one row could not tell is not said of the next.
func TestIncomplete(t *testing.T) {
	type part struct{ At *string }
	type item struct {
		At   *string
		Part *part
	}
	plan, err := transform.Compile(one(
		schema.Column{Name: "at", Type: "timestamp", Source: "At"},
		schema.Column{Name: "part", Type: "struct", Source: "Part", Fields: []schema.Column{{Name: "since", Type: "timestamp", Source: "At"}}},
		schema.Column{Name: "deep", Type: "timestamp", Source: "Part.At"},
	), reflect.TypeFor[item](), transform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Builder()
	defer b.Release()
	for _, test := range []struct {
		item    item
		missing []string
		want    []string
	}{
		{item{p("soon"), nil}, nil, []string{"at"}},
		{item{p("2024-01-02"), nil}, nil, nil},
		{item{p("soon"), &part{p("later")}}, nil, []string{"at", "part", "deep"}},
		{item{p("soon"), &part{p("later")}}, []string{"part", "deep"}, []string{"at"}},
		{item{}, nil, nil},
		{item{p("1700000000"), nil}, []string{"tags"}, []string{"at"}},
		{item{p("2024-02-30"), nil}, nil, []string{"at"}},
	} {
		transform.Append(b, &test.item, &context, test.missing)
		if got := b.Incomplete(); !slices.Equal(got, test.want) {
			t.Errorf("%+v without %q: got incomplete %q, want %q", test.item, test.missing, got, test.want)
		}
	}
}

// TestSecretTags: values of tags whose key speaks of a secret stay out, in
// columns of tags only.
func TestSecretTags(t *testing.T) {
	for key, removed := range map[string]bool{
		"Secret": true, "db-password": true, "PASSWD": true, "ApiKey": true, "github_token": true, "aws:credentials": true,
		"Key": false, "Name": false, "team": false, "api-key-owner": true, "API_KEY": true, "key-owner": false, "pass": false,
	} {
		for _, test := range []struct {
			column string
			value  any
			tags   bool
		}{
			{"launch_tags", map[string]string{key: "v"}, true},
			{"labels", map[string]string{key: "v"}, false},
			{"labels", []Tag{{&key, p("v")}}, true},
			{"labels", []KMSTag{{&key, p("v")}}, true},
		} {
			item, s := oneField(schema.Column{Type: "map<utf8,utf8>"}, test.value)
			s.Columns[0].Name = test.column
			want := `"v"`
			if removed && test.tags {
				want = `null`
			}
			if got := appended(t, s, item, transform.Options{})[test.column]; got != `[{"key":"`+key+`","value":`+want+`}]` {
				t.Errorf("%s of %T: key %q: got %s, want value %s", test.column, test.value, key, got, want)
			}
		}
	}
}

// TestUnions writes unions as the SDK makes them.
func TestUnions(t *testing.T) {
	type item struct{ F types.MemberId }
	for _, test := range []struct {
		value   types.MemberId
		secrets []string
		want    string
	}{
		{&types.MemberIdMemberUserId{Value: "u-1"}, nil, `{"UserId":"u-1"}`},
		{&types.MemberIdMemberUserId{Value: "u-1"}, []string{"UserId"}, `{"UserId":null}`},
		{&types.UnknownUnionMember{Tag: "RobotId", Value: []byte{1}}, nil, `{"Tag":"RobotId","Value":"AQ=="}`},
		{nil, nil, `null`},
	} {
		s := one(schema.Column{Name: "f", Type: "json", Source: "F", Secrets: test.secrets})
		if got := rawJSON(t, s, item{test.value}); got != test.want {
			t.Errorf("%#v without %q: got %s, want %s", test.value, test.secrets, got, test.want)
		}
	}
}

// TestUnknownSecretOfUnion: a path that is wrong within a member, which only a
// row shows, lets nothing of the member out.
func TestUnknownSecretOfUnion(t *testing.T) {
	type item struct{ F Union }
	for _, test := range []struct {
		value   Union
		secrets []string
	}{
		{&UnionMemberMember{Inner{Name: p("s3cret")}}, []string{"Member.Nmae"}},
		{Document{`{"Name":"s3cret"}`}, []string{"Name"}},
	} {
		s := one(schema.Column{Name: "f", Type: "json", Source: "F", Secrets: test.secrets})
		if got := rawJSON(t, s, item{test.value}); strings.Contains(got, "s3cret") {
			t.Errorf("%#v without %q: got %s, want nothing of the member", test.value, test.secrets, got)
		}
	}
}

// volume is a row of usual width: 30 fields, most of them text.
type volume struct {
	VolumeId, Arn, AvailabilityZone, KmsKeyId, OutpostArn, SnapshotId, OwnerId, Description, InstanceId, DnsName *string
	State, VolumeType, Operator, Tenancy, Hypervisor                                                             Color
	Size, Iops, Throughput                                                                                       *int32
	Encrypted, MultiAttach, FastRestored, Monitored                                                              *bool
	CreateTime, AttachTime                                                                                       *time.Time
	Attachments                                                                                                  []Inner
	SecurityGroups                                                                                               []string
	Placement                                                                                                    *Inner
	Options                                                                                                      map[string]string
	Policy                                                                                                       *string
	Tags                                                                                                         []Tag
}

func BenchmarkTransform(b *testing.B) {
	s := &schema.Schema{Table: "aws_test_volumes", Version: 1, Key: []string{"volume_id"}, ARN: "Arn|arn:{partition}:ec2:{region}:{account_id}:volume/{VolumeId}", Tags: "Tags"}
	var err error
	if s.Columns, err = transform.Infer(s, reflect.TypeFor[volume]()); err != nil {
		b.Fatal(err)
	}
	for i := range s.Columns {
		if s.Columns[i].Name == "policy" {
			s.Columns[i].Type = "json"
		}
	}
	plan, err := transform.Compile(s, reflect.TypeFor[volume](), transform.Options{})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	row := volume{
		VolumeId: p("vol-0123456789abcdef0"), AvailabilityZone: p("eu-west-1a"), KmsKeyId: p("arn:aws:kms:eu-west-1:111122223333:key/k"), SnapshotId: p("snap-0123456789abcdef0"), OwnerId: p("111122223333"),
		State: "in-use", VolumeType: "gp3", Size: p(int32(100)), Iops: p(int32(3000)), Throughput: p(int32(125)), Encrypted: p(true), MultiAttach: p(false), CreateTime: &at, AttachTime: &at,
		Attachments: []Inner{{p("i-0123456789abcdef0"), 1, "attached"}}, SecurityGroups: []string{"sg-1", "sg-2"}, Placement: &Inner{p("host"), 2, ""},
		Options: map[string]string{"a": "1", "b": "2"}, Policy: p(`{"Version":"2012-10-17","Statement":[]}`),
		Tags: []Tag{{p("Name"), p("data")}, {p("team"), p("storefront")}, {p("env"), p("prod")}, {p("cost-center"), p("4711")}},
	}
	const batch = 1000
	builder := plan.Builder()
	var before, after runtime.MemStats
	rows := 0
	runtime.ReadMemStats(&before)
	for b.Loop() {
		for range batch {
			transform.Append(builder, &row, &context, nil)
		}
		builder.Batch().Release()
		rows += batch
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rows), "allocs/row")
}
