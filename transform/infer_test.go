package transform_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"stocktake/internal/schema"
	"stocktake/transform"
)

func TestSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"Name": "name", "VpcId": "vpc_id", "DBInstanceArn": "db_instance_arn", "IPv6": "ipv6", "IPv6CidrBlock": "ipv6_cidr_block",
		"SSEType": "sse_type", "KMSKeyARNs": "kms_key_arns", "EbsOptimized": "ebs_optimized", "Ipv4Prefixes": "ipv4_prefixes",
		"OKActions": "ok_actions", "VPCs": "vpcs", "AccountIDs": "account_ids", "A": "a", "ABTest": "ab_test", "PrivateDnsName": "private_dns_name",
		"EC2InstanceId": "ec2_instance_id", "OAuthScopes": "oauth_scopes", "CoIpPool": "coip_pool", "MetricsV2": "metrics_v2", "": "",
	} {
		if got := transform.SnakeCase(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// text writes columns in one line each, indented by depth.
func text(columns []schema.Column) string {
	var b strings.Builder
	var write func(columns []schema.Column, indent string)
	write = func(columns []schema.Column, indent string) {
		for _, c := range columns {
			fmt.Fprintf(&b, "%s%s %s %s %s\n", indent, c.Name, c.Type, c.Source, c.Redact)
			write(c.Fields, indent+".")
		}
	}
	write(columns, "")
	return b.String()
}

// wide has n fields of text.
func wide(n int) reflect.Type {
	var fields []reflect.StructField
	for i := range n {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[*string]()})
	}
	return reflect.StructOf(fields)
}

func field(name string, t reflect.Type) reflect.StructField {
	return reflect.StructField{Name: name, Type: t}
}

func TestInfer(t *testing.T) {
	type embedded struct{ FromInside *string }
	type item struct {
		embedded
		Id             *string
		Arn            *string
		OwnerAccount   *string
		When           *time.Time
		Data           []byte
		Flag           *bool
		Small          *int32
		Big            int64
		Share          *float32
		State          Color
		Names          []string
		Labels         map[string]string
		Parts          []Inner
		ByName         map[string]Inner
		Choice         Union
		Root           *Tree
		Nothing        *struct{}
		Tags           []Tag
		OtherTags      []Tag
		Region         *string
		UserData       *string
		PasswordPolicy *Inner
		NotCollected   []string
		hidden         *string
	}
	_ = item{hidden: nil}
	want := strings.TrimLeft(`
from_inside utf8 FromInside 
id utf8 Id 
when timestamp When 
data binary Data 
flag bool Flag 
small int32 Small 
big int64 Big 
share float64 Share 
state utf8 State 
names list<utf8> Names 
labels map<utf8,utf8> Labels 
parts list<struct> Parts 
.name utf8 Name 
.size int32 Size 
.kind utf8 Kind 
by_name map<utf8,struct> ByName 
.name utf8 Name 
.size int32 Size 
.kind utf8 Kind 
choice json Choice 
root struct Root 
.name utf8 Name 
.children list<json> Children 
nothing json Nothing 
other_tags map<utf8,utf8> OtherTags 
item_region utf8 Region 
user_data utf8 UserData secret
password_policy struct PasswordPolicy secret
.name utf8 Name 
.size int32 Size 
.kind utf8 Kind 
`, "\n")
	s := &schema.Schema{Table: "aws_test_things", ARN: "Arn", Tags: "Tags", Owner: &schema.Owner{AccountID: "OwnerAccount"}}
	columns, err := transform.Infer(s, reflect.TypeFor[item]())
	if err != nil {
		t.Fatal(err)
	}
	if got := text(columns); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, err := transform.Infer(s, reflect.TypeFor[string]()); err == nil {
		t.Error("an item of text: got no error")
	}
}

// TestInferWide makes one JSON column of what would be more than 200.
func TestInferWide(t *testing.T) {
	type attribute struct {
		Key, Value *string
		Propagate  *bool
	}
	for _, test := range []struct {
		name string
		t    reflect.Type
		want string
	}{
		{"200 leaves", wide(200), "struct"},
		{"201 leaves", wide(201), "json"},
		{"list of 201", reflect.SliceOf(wide(201)), "json"},
		{"struct around 201", reflect.StructOf([]reflect.StructField{field("A", wide(201)), field("B", wide(3))}), "struct"},
		{"struct around 150 and 51", reflect.StructOf([]reflect.StructField{field("A", wide(150)), field("B", wide(51))}), "json"},
	} {
		item := reflect.StructOf([]reflect.StructField{field("F", test.t)})
		columns, err := transform.Infer(&schema.Schema{}, item)
		if err != nil || len(columns) != 1 || columns[0].Type != test.want {
			t.Errorf("%s: got %v and error %v, want one column of %s", test.name, columns, err, test.want)
		}
	}
	type tagged struct{ Tags []attribute }
	columns, err := transform.Infer(&schema.Schema{Tags: "Tags"}, reflect.TypeFor[tagged]())
	want := "item_tags list<struct> Tags \n.key utf8 Key \n.value utf8 Value \n.propagate bool Propagate \n"
	if err != nil || text(columns) != want {
		t.Errorf("tags that say more: got %q and error %v, want %q", text(columns), err, want)
	}
}

// TestInferCompiles binds what is proposed to the type that it is proposed for.
func TestInferCompiles(t *testing.T) {
	type item struct {
		Id     *string
		Parts  []Inner
		Choice Union
		Root   *Tree
		Labels map[string]string
	}
	s := one()
	var err error
	if s.Columns, err = transform.Infer(s, reflect.TypeFor[item]()); err != nil {
		t.Fatal(err)
	}
	if _, err := transform.Compile(s, reflect.TypeFor[item](), transform.Options{}); err != nil {
		t.Errorf("compile what was inferred: %v", err)
	}
}
