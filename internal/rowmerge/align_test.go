package rowmerge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"stocktake/internal/rowmerge"
	"stocktake/internal/rowmerge/rowtest"
)

var testTime = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func table(columns string) *arrow.Schema {
	return rowtest.Parse(`{"table":"t","version":1,"minor":9,"internal":true,"description":"Rows.","key":["id"],"columns":[{"name":"id","type":"utf8"},` + columns + `]}`).Arrow()
}

func TestAlign(t *testing.T) {
	older := table(`{"name":"s","type":"struct","fields":[{"name":"a","type":"utf8"}]},
		{"name":"l","type":"list<struct>","fields":[{"name":"a","type":"int64"}]},
		{"name":"m","type":"map<utf8,struct>","fields":[{"name":"a","type":"bool"}]},
		{"name":"j","type":"json"}`)
	newer := table(`{"name":"first","type":"list<utf8>"},
		{"name":"s","type":"struct","fields":[{"name":"z","type":"list<json>"},{"name":"a","type":"utf8"},{"name":"b","type":"struct","fields":[{"name":"c","type":"timestamp"}]}]},
		{"name":"l","type":"list<struct>","fields":[{"name":"a","type":"int64"},{"name":"b","type":"json"}]},
		{"name":"m","type":"map<utf8,struct>","fields":[{"name":"b","type":"map<utf8,utf8>"},{"name":"a","type":"bool"}]},
		{"name":"j","type":"json"},{"name":"last","type":"bool"}`)
	a, err := rowmerge.NewAligner(older, newer)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range seeds(20) {
		rec := rowtest.Random(older, seeded(t, seed), 12).NewSlice(2, 11)
		got := a.Align(rec)
		if !got.Schema().Equal(newer) || got.NumRows() != rec.NumRows() {
			t.Fatalf("Align: schema %v with %d rows, want %v with %d", got.Schema(), got.NumRows(), newer, rec.NumRows())
		}
		// The rows say the same once the new columns' nulls are left out, and
		// picking must find all buffers in place.
		g, err := rowmerge.NewGatherer(newer, []arrow.RecordBatch{got})
		if err != nil {
			t.Fatal(err)
		}
		picked, err := g.Gather([]rowmerge.Range{{Len: 4}, {Start: 4, Len: int32(got.NumRows()) - 4}})
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range lines(t, picked) {
			for _, added := range []string{`"first":null,`, `,"last":null`, `"z":null,`, `,"b":{"c":null}`, `,"b":null`, `"b":null,`, `,"z":null`} {
				line = strings.ReplaceAll(line, added, "")
			}
			if want := strings.ReplaceAll(lines(t, rec)[i], `,"b":null`, ""); line != want {
				t.Errorf("seed %d: row %d\ngot  %s\nwant %s", seed, i, line, want)
			}
		}
	}
}

func TestAlignRefuses(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"a column that is gone", `{"name":"old","type":"utf8"}`, `{"name":"new","type":"utf8"}`, "column old: the schema does not have it"},
		{"another type", `{"name":"a","type":"utf8"}`, `{"name":"a","type":"int64"}`, "column a: found utf8, expected int64"},
		{"another element", `{"name":"a","type":"list<int32>"}`, `{"name":"a","type":"list<int64>"}`, "column a[]: found int32, expected int64"},
		{"a field that is gone", `{"name":"a","type":"struct","fields":[{"name":"x","type":"utf8"},{"name":"y","type":"bool"}]}`,
			`{"name":"a","type":"struct","fields":[{"name":"x","type":"utf8"}]}`, "column a.y: the schema does not have it"},
		{"bytes for text", `{"name":"a","type":"binary"}`, `{"name":"a","type":"utf8"}`, "column a: found binary, expected utf8"},
		{"a list for a map", `{"name":"a","type":"list<utf8>"}`, `{"name":"a","type":"map<utf8,utf8>"}`, "column a: found list"},
	} {
		_, err := rowmerge.NewAligner(table(test.from), table(test.to))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: NewAligner: %v, want an error with %q", test.name, err, test.want)
		}
	}
}
