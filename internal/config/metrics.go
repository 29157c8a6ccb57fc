package config

import (
	_ "embed"
	"regexp"
	"slices"
	"sync"
	"time"
)

// BuiltInMetrics is the text of the list that is used where the configuration
// names no other.
//
//go:embed metrics.yaml
var BuiltInMetrics string

// Namespace says which metrics of a CloudWatch namespace are read.
type Namespace struct {
	Period  time.Duration       // length of a data point
	Of      string              // table that lists what is measured, "" for none
	Metrics map[string][]string // statistics by metric
}

// Statistics is how many series one resource has at most.
func (n Namespace) Statistics() int {
	sum := 0
	for _, statistics := range n.Metrics {
		sum += len(statistics)
	}
	return sum
}

// periods are those that CloudWatch takes for data of any age.
var periods = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

var (
	namespaceName = rule{expect: "a namespace such as AWS/EC2", pattern: regexp.MustCompile(`^[A-Za-z0-9._/#:-]{1,255}$`)}
	metricName    = rule{expect: "the name of a metric", pattern: regexp.MustCompile(`^[ -~]{1,255}$`)}
	statistic     = rule{expect: "a statistic such as Average, Sum, Minimum, Maximum, SampleCount or p99", pattern: regexp.MustCompile(`^(Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,10})?|(tm|wm|tc|ts)\d{1,2})$`)}
	tableName     = rule{expect: "the name of a table", pattern: regexp.MustCompile(`^aws_[a-z0-9_]+$`)}
)

func metricListShape(list *map[string]Namespace) dictionary[Namespace] {
	return dictionary[Namespace]{p: list, keys: namespaceName, item: func(n *Namespace) value {
		return section{shape{
			name: "namespace",
			keys: []entry{
				{key: "period", value: duration(&n.Period, "1m", "1d"), def: "5m", doc: "the length of a data point: 1m, 5m, 15m, 1h, 6h or 1d"},
				{key: "of", value: text(&n.Of, tableName), doc: "the table that lists what the namespace measures, from which plan estimates the price"},
				{key: "metrics", required: true, doc: "the statistics of each metric", value: dictionary[[]string]{p: &n.Metrics, keys: metricName, item: func(s *[]string) value {
					return texts(s, ruled(statistic))
				}}},
			},
			done: func(r *reader, key string) {
				if n.Period != 0 && !slices.Contains(periods, n.Period) {
					r.problem(join(key, "period"), n.Period.String(), "1m, 5m, 15m, 1h, 6h or 1d", "")
				}
			},
		}}
	}}
}

// metricsReader reads a list of metrics into list.
func metricsReader(name, text string, list *map[string]Namespace) *reader {
	r := newReader(name, 0, nil)
	if root := r.parse(text); root != nil {
		metricListShape(list).read(r, root, "")
	}
	return r
}

// builtInMetrics is the list of BuiltInMetrics.
var builtInMetrics = sync.OnceValue(func() (list map[string]Namespace) {
	if err := metricsReader("metrics.yaml", BuiltInMetrics, &list).err(); err != nil {
		panic(err) // a test reads it
	}
	return list
})

// read fills in the namespaces. Problems name the line in the list's own file.
func (m *Metrics) read(r *reader) {
	if m.List == "" {
		m.Namespaces = builtInMetrics()
		return
	}
	text, _, err := readFile(m.List)
	if err != nil {
		r.problem("metrics.list", "a file that cannot be read ("+err.Error()+")", "a list of metrics", "stocktake metrics prints the built-in one")
		return
	}
	r.problems = append(r.problems, metricsReader(m.List, text, &m.Namespaces).problems...)
}
