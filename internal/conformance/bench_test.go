package conformance

import (
	"reflect"
	"runtime"
	"testing"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/schemas"
	"stocktake/transform"
)

// BenchmarkTransform appends full items of the two widest tables in batches.
func BenchmarkTransform(b *testing.B) {
	for _, name := range []string{"aws_ec2_instances", "aws_securityhub_findings"} {
		b.Run(name, func(b *testing.B) {
			c, table := find(b, name)
			s, err := schemas.Newest(name)
			if err != nil {
				b.Fatal(err)
			}
			plan, err := transform.Compile(s, table.Item, transform.Options{})
			if err != nil {
				b.Fatal(err)
			}
			item, problems := values(c).Item(table.Item, 0)
			if len(problems) > 0 {
				b.Fatal(problems)
			}
			if details := item.FieldByName("Resources"); details.IsValid() {
				onlyDetails(details, "AwsEc2Instance")
			}
			appendRows(b, plan, item.Addr())
		})
	}
}

func find(b *testing.B, name string) (*extract.Collector, extract.Table) {
	b.Helper()
	for _, c := range all.Collectors {
		for _, t := range c.Tables {
			if t.Name == name {
				return c, t
			}
		}
	}
	b.Fatalf("no collector has table %s", name)
	return nil, extract.Table{}
}

// onlyDetails leaves one kind of details in each resource: a finding is of one.
func onlyDetails(resources reflect.Value, kind string) {
	for i := range resources.Len() {
		details := resources.Index(i).FieldByName("Details").Elem()
		for j := range details.NumField() {
			if f := details.Type().Field(j); f.IsExported() && f.Name != kind {
				details.Field(j).SetZero()
			}
		}
	}
}

func appendRows(b *testing.B, plan *transform.Plan, item reflect.Value) {
	b.Helper()
	builder := plan.Builder()
	defer builder.Release()
	context := transform.Context{Partition: "aws", AccountID: "111122223333", Region: home, Source: "main", RunID: "run-1"}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		builder.AppendPointer(item, &context, nil)
		if builder.Len() == 1000 {
			builder.Batch().Release()
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/row")
}
