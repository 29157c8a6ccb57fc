package config

import (
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"ok", "AWS/SQS:\n  metrics: {NumberOfMessagesSent: [Sum]}", ""},
		{"own namespace", "My Team:\n  metrics: {x: [Sum]}", `list.yaml:1:1: My Team: found the key "My Team", expected a namespace such as AWS/EC2`},
		{"no metrics", "AWS/SQS: {period: 1h}", "list.yaml:1:1: AWS/SQS.metrics: found no such key"},
		{"period", "AWS/SQS:\n  period: 7m\n  metrics: {x: [Sum]}", "list.yaml:2:11: AWS/SQS.period: found 7m0s, expected 1m, 5m, 15m, 1h, 6h or 1d"},
		{"statistic", "AWS/SQS:\n  metrics:\n    x: [Sum, Mean]", `list.yaml:3:14: AWS/SQS.metrics.x[1]: found "Mean", expected a statistic such as`},
		{"twice", "AWS/SQS:\n  metrics:\n    x: [Sum, Sum]", "list.yaml:3:14: AWS/SQS.metrics.x[1]: found"},
		{"table", "AWS/SQS:\n  of: queues\n  metrics: {x: [Sum]}", `list.yaml:2:7: AWS/SQS.of: found "queues", expected the name of a table`},
		{"a list", "- AWS/SQS", "list.yaml:1:1: found a list, expected a mapping"},
		{"nothing", "", "list.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list map[string]Namespace
			err := metricsReader("list.yaml", c.text, &list).err()
			switch {
			case c.want == "" && (err != nil || len(list) == 0):
				t.Errorf("got %v, %v", list, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want it to contain %q", err, c.want)
			}
		})
	}
}
