// Package rowtest makes rows for the tests and benchmarks of the packages that
// sort, spool and load them: wide rows that look like an inventory, and random
// ones that use every type a table can have.
package rowtest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"stocktake/internal/schema"
)

// Parse returns a schema, and panics where the test wrote a bad one.
func Parse(text string) *schema.Schema {
	s, err := schema.Parse("test.json", []byte(text))
	if err != nil {
		panic(err)
	}
	return s
}

// Every is a table with every type that a schema can name, keyed by name.
func Every() *schema.Schema {
	return Parse(`{"table":"test_every","version":1,"minor":0,"description":"Rows of every type.","key":["name","number"],"columns":[
		{"name":"name","type":"utf8","source":"A"},
		{"name":"number","type":"int64","source":"A"},
		{"name":"flag","type":"bool","source":"A"},
		{"name":"small","type":"int32","source":"A"},
		{"name":"ratio","type":"float64","source":"A"},
		{"name":"created_at","type":"timestamp","source":"A"},
		{"name":"blob","type":"binary","source":"A"},
		{"name":"policy","type":"json","source":"A"},
		{"name":"names","type":"list<utf8>","source":"A"},
		{"name":"sizes","type":"map<utf8,int64>","source":"A"},
		{"name":"state","type":"struct","source":"A","fields":[
			{"name":"code","type":"int32","source":"A"},{"name":"name","type":"utf8","source":"A"},{"name":"at","type":"list<timestamp>","source":"A"}]},
		{"name":"parts","type":"list<struct>","source":"A","fields":[
			{"name":"id","type":"utf8","source":"A"},{"name":"open","type":"bool","source":"A"},
			{"name":"inner","type":"struct","source":"A","fields":[{"name":"doc","type":"json","source":"A"},{"name":"flags","type":"list<bool>","source":"A"}]}]},
		{"name":"groups","type":"map<utf8,struct>","source":"A","fields":[{"name":"count","type":"int64","source":"A"}]},
		{"name":"deep","type":"list<list<utf8>>","source":"A"}]}`)
}

// Random returns n rows of any schema, with nulls, empty values and lists of
// every length, and with keys that often collide.
func Random(sc *arrow.Schema, rng *rand.Rand, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	for range n {
		for _, f := range b.Fields() {
			appendRandom(f, rng)
		}
	}
	return b.NewRecordBatch()
}

func appendRandom(b array.Builder, rng *rand.Rand) {
	if rng.IntN(5) == 0 {
		b.AppendNull()
		return
	}
	var doc strings.Builder
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(word(rng))
	case *array.BinaryBuilder:
		b.Append([]byte(word(rng)))
	case *array.BooleanBuilder:
		b.Append(rng.IntN(2) == 0)
	case *array.Int32Builder:
		b.Append(int32(rng.IntN(7)) - 3)
	case *array.Int64Builder:
		b.Append(int64(rng.IntN(7)) - 3)
	case *array.Float64Builder:
		b.Append(rng.Float64())
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(rng.Int64N(1e15)))
	case *array.ExtensionBuilder:
		fmt.Fprintf(&doc, `{"n":%d,"w":%q}`, rng.IntN(5), word(rng))
		b.StorageBuilder().(*array.StringBuilder).Append(doc.String())
	case *array.MapBuilder:
		b.Append(true)
		for i := range rng.IntN(4) {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint("k", i))
			appendRandom(b.ItemBuilder(), rng)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range rng.IntN(4) {
			appendRandom(b.ValueBuilder(), rng)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(b.FieldBuilder(i), rng)
		}
	default:
		panic(fmt.Sprintf("no random values for %T", b))
	}
}

func word(rng *rand.Rand) string {
	return [...]string{"", "a", "b", "ab", "abc", "ba", "zürich", "東京", "a long word that is longer than eight bytes"}[rng.IntN(9)]
}

// Wide is a table that looks like an inventory of instances: identifiers,
// enumerations, times, tags, and lists of structures.
func Wide() *schema.Schema {
	var columns []string
	add := func(typ, names, fields string) {
		for name := range strings.FieldsSeq(names) {
			columns = append(columns, fmt.Sprintf(`{"name":%q,"type":%q,"source":"A"%s}`, name, typ, fields))
		}
	}
	add("utf8", "instance_id image_id instance_type state vpc_id subnet_id availability_zone private_ip_address public_ip_address private_dns_name public_dns_name architecture hypervisor key_name platform_details root_device_name root_device_type virtualization_type reservation_id owner_id usage_operation boot_mode", "")
	add("bool", "ebs_optimized ena_support source_dest_check", "")
	add("int32", "ami_launch_index core_count threads_per_core", "")
	add("timestamp", "launch_time usage_operation_update_time", "")
	add("list<struct>", "security_groups", `,"fields":[{"name":"group_id","type":"utf8","source":"A"},{"name":"group_name","type":"utf8","source":"A"}]`)
	add("list<struct>", "block_device_mappings", `,"fields":[{"name":"device_name","type":"utf8","source":"A"},{"name":"volume_id","type":"utf8","source":"A"},{"name":"attach_time","type":"timestamp","source":"A"},{"name":"delete_on_termination","type":"bool","source":"A"}]`)
	add("struct", "metadata_options", `,"fields":[{"name":"http_tokens","type":"utf8","source":"A"},{"name":"http_put_response_hop_limit","type":"int32","source":"A"},{"name":"http_endpoint","type":"utf8","source":"A"}]`)
	add("json", "detail", "")
	return Parse(`{"table":"test_instances","version":1,"minor":0,"description":"Instances.","key":["arn"],"arn":"A","tags":"A","columns":[` + strings.Join(columns, ",") + `]}`)
}

// Place is an account and a region.
type Place struct{ Account, Region string }

// Instances returns n rows of Wide in the given places, unsorted, that begin at
// number first and carry about detail bytes of JSON each.
func Instances(sc *arrow.Schema, rng *rand.Rand, places []Place, first, n, detail int, run string, at time.Time) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	b.Reserve(n)
	for i := range n {
		appendInstance(b, rng, places[rng.IntN(len(places))], first+i, detail, run, at)
	}
	return b.NewRecordBatch()
}

var (
	types  = []string{"m6i.large", "m6i.xlarge", "c7g.large", "t3.micro", "t3.medium", "r6g.2xlarge", "m5.large"}
	teams  = []string{"payments", "search", "data-platform", "identity", "web"}
	states = []string{"running", "running", "running", "stopped"}
)

func appendInstance(b *array.RecordBuilder, rng *rand.Rand, p Place, number, detail int, run string, at time.Time) {
	hex := func(n int) string { return fmt.Sprintf("%017x", rng.Uint64())[:n] }
	id := fmt.Sprintf("i-%017x", uint64(number)*0x9e3779b97f4a7c15)
	ip := fmt.Sprintf("10.%d.%d.%d", rng.IntN(16), rng.IntN(256), rng.IntN(256))
	team := teams[rng.IntN(len(teams))]
	launched := at.Add(-time.Duration(rng.IntN(900*86400)) * time.Second)
	vpc := rng.IntN(3)
	text := map[string]string{
		"partition": "aws", "account_id": p.Account, "region": p.Region, "arn": "arn:aws:ec2:" + p.Region + ":" + p.Account + ":instance/" + id,
		"instance_id": id, "image_id": fmt.Sprintf("ami-%017x", rng.IntN(30)*77777), "instance_type": types[rng.IntN(len(types))],
		"state": states[rng.IntN(len(states))], "vpc_id": fmt.Sprintf("vpc-%s%d", p.Account, vpc), "subnet_id": fmt.Sprintf("subnet-%s%d", p.Account, rng.IntN(8)),
		"availability_zone": p.Region + string(rune('a'+rng.IntN(3))), "private_ip_address": ip, "private_dns_name": "ip-" + strings.ReplaceAll(ip, ".", "-") + "." + p.Region + ".compute.internal",
		"architecture": "x86_64", "hypervisor": "xen", "key_name": "ops-" + team, "platform_details": "Linux/UNIX", "root_device_name": "/dev/xvda", "root_device_type": "ebs",
		"virtualization_type": "hvm", "reservation_id": "r-" + hex(17), "owner_id": p.Account, "usage_operation": "RunInstances", "boot_mode": "uefi-preferred",
		"source": "organization", "collected_account_id": p.Account, "collected_region": p.Region, "run_id": run,
	}
	for i, f := range b.Fields() {
		switch name := b.Schema().Field(i).Name; name {
		case "tags":
			m := f.(*array.MapBuilder)
			m.Append(true)
			for _, kv := range [][2]string{{"Name", team + "-" + fmt.Sprint(number%500)}, {"owner", team + "@example.com"}, {"environment", []string{"prod", "staging", "dev"}[rng.IntN(3)]}, {"cost-centre", fmt.Sprint(4000 + rng.IntN(40))}, {"service", team + "-api"}} {
				m.KeyBuilder().(*array.StringBuilder).Append(kv[0])
				m.ItemBuilder().(*array.StringBuilder).Append(kv[1])
			}
		case "extracted_at":
			f.(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
		case "launch_time", "usage_operation_update_time":
			f.(*array.TimestampBuilder).Append(arrow.Timestamp(launched.UnixMicro()))
		case "security_groups":
			l := f.(*array.ListBuilder)
			l.Append(true)
			for range 1 + rng.IntN(3) {
				v := l.ValueBuilder().(*array.StructBuilder)
				v.Append(true)
				g := rng.IntN(12)
				v.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("sg-%s%02d", p.Account, g))
				v.FieldBuilder(1).(*array.StringBuilder).Append(fmt.Sprintf("%s-%d", team, g))
			}
		case "block_device_mappings":
			l := f.(*array.ListBuilder)
			l.Append(true)
			for d := range 1 + rng.IntN(2) {
				v := l.ValueBuilder().(*array.StructBuilder)
				v.Append(true)
				v.FieldBuilder(0).(*array.StringBuilder).Append("/dev/xvd" + string(rune('a'+d)))
				v.FieldBuilder(1).(*array.StringBuilder).Append("vol-" + hex(17))
				v.FieldBuilder(2).(*array.TimestampBuilder).Append(arrow.Timestamp(launched.Add(time.Second).UnixMicro()))
				v.FieldBuilder(3).(*array.BooleanBuilder).Append(true)
			}
		case "metadata_options":
			v := f.(*array.StructBuilder)
			v.Append(true)
			v.FieldBuilder(0).(*array.StringBuilder).Append([]string{"required", "optional"}[rng.IntN(2)])
			v.FieldBuilder(1).(*array.Int32Builder).Append(int32(1 + rng.IntN(2)))
			v.FieldBuilder(2).(*array.StringBuilder).Append("enabled")
		case "detail":
			if detail == 0 {
				f.AppendNull()
				break
			}
			var doc strings.Builder
			doc.WriteString(`{"events":[`)
			for doc.Len() < detail {
				fmt.Fprintf(&doc, `{"at":%d,"actor":"%s","request":"%s","status":"ok"},`, rng.Uint32(), team, hex(12))
			}
			doc.WriteString(`{}]}`)
			f.(*array.ExtensionBuilder).StorageBuilder().(*array.StringBuilder).Append(doc.String())
		default:
			switch f := f.(type) {
			case *array.StringBuilder:
				if v, ok := text[name]; ok {
					f.Append(v)
				} else {
					f.AppendNull()
				}
			case *array.BooleanBuilder:
				f.Append(rng.IntN(3) > 0)
			case *array.Int32Builder:
				f.Append(int32(rng.IntN(4)))
			default:
				f.AppendNull()
			}
		}
	}
}

// Measure runs f, which handles rows, as a benchmark.
func Measure(b *testing.B, rows int, f func()) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		f()
	}
	runtime.ReadMemStats(&after)
	total := float64(rows) * float64(b.N)
	b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/total, "allocs/row")
}
