package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"stocktake/extract"
	"stocktake/internal/config"
)

func (a *app) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print the built-in list of CloudWatch metrics",
		Long: `Print the list of metrics that the table aws_cloudwatch_metric_data takes. A
copy can be edited and named in the configuration as metrics.list.

AWS bills each metric that is asked for, so the table is collected where it is
named, or the stream metrics is, and not for "*". stocktake plan says what a run
is likely to cost.`,
		Example: "  stocktake metrics > metrics.yaml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.out, config.BuiltInMetrics)
			return err
		},
	}
}

// dollarsPerMetric is what AWS asks for a metric in GetMetricData in us-east-1
// (CloudWatch pricing: $0.01 per 1,000 metrics requested).
const dollarsPerMetric = 0.01 / 1000

// metricPrice is what the metric data of a run costs.
type metricPrice struct {
	Metrics int64   `json:"metrics"` // that are asked for at most: each statistic counts
	Dollars float64 `json:"dollars"`
	// Unknown are namespaces whose resources nobody has counted yet.
	Unknown []string `json:"unknown,omitempty"`
}

// priceOf estimates from the rows of the last run. It is nil where the plan asks
// for no metric data.
func priceOf(file *config.File, plan *extract.Plan, rows map[string]int64) *metricPrice {
	asked := slices.ContainsFunc(plan.Units, func(p *extract.Planned) bool {
		return p.Preset == nil && slices.Contains(p.Tables, "aws_cloudwatch_metric_data")
	})
	if !asked {
		return nil
	}
	var p metricPrice
	for name, n := range file.Metrics.Namespaces {
		if _, known := rows[n.Of]; !known {
			p.Unknown = append(p.Unknown, name)
		}
		p.Metrics += rows[n.Of] * int64(n.Statistics())
	}
	slices.Sort(p.Unknown)
	p.Dollars = float64(p.Metrics) * dollarsPerMetric
	return &p
}

func (p *metricPrice) print(w io.Writer) error {
	if p == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "metric data: about %d metrics, $%.2f a run at the list price of us-east-1\n", p.Metrics, p.Dollars)
	if err == nil && len(p.Unknown) > 0 {
		_, err = fmt.Fprintf(w, "  not counted, since the tables of what they measure are not in the warehouse: %v\n", p.Unknown)
	}
	return err
}
