package cloudwatch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"stocktake/extract"
)

const metricsTable = "aws_cloudwatch_metrics"

// Metric is a metric with its dimensions by name.
type Metric struct {
	Namespace    *string
	MetricName   *string
	Dimensions   map[string]string
	DimensionKey string // all dimensions in one text
}

// metrics are those that are in use: AWS lists others for two weeks after their
// last data point. The same list says whose data points there are.
var metrics = extract.Collector{
	Service: service.Info,
	Tables:  []extract.Table{extract.TableOf[Metric](metricsTable), extract.TableOf[Datum](dataTable).Under(metricsTable)},
	Calls: []extract.Call{
		{Operation: "ListMetrics", Table: metricsTable, Page: 500},
		{Operation: "GetMetricData", Table: dataTable, Per: metricsTable, Batch: queriesPerCall},
	},
	OnRequest: []string{dataTable},
	Walk: func(ctx context.Context, u *extract.Unit) error {
		r := newReader(ctx, u)
		err := r.list(ctx)
		if err := r.end(ctx); err != nil {
			return err
		}
		return err
	},
}

// rarely is from which period on metrics need not have a point in the last three
// hours to be in use.
const rarely = 3 * time.Hour

// list reads the metrics: all of them in one go where their table is collected,
// else those of the namespaces whose data is.
func (r *reader) list(ctx context.Context) error {
	namespaces := r.unit.Config().Metrics.Namespaces
	all := r.unit.Wants(metricsTable)
	if all {
		if err := r.pages(ctx, &cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		in := &cloudwatch.ListMetricsInput{Namespace: aws.String(name), RecentlyActive: types.RecentlyActivePt3h}
		if namespaces[name].Period >= rarely {
			in.RecentlyActive = ""
		} else if all {
			continue
		}
		if !r.unit.Wants(dataTable) {
			break
		}
		if err := r.pages(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) pages(ctx context.Context, in *cloudwatch.ListMetricsInput) error {
	return extract.EachPage(ctx, cloudwatch.NewListMetricsPaginator(service.Client(r.unit), in), func(o *cloudwatch.ListMetricsOutput) error {
		if in.RecentlyActive != "" && in.Namespace == nil {
			rows := extract.Map(o.Metrics, func(m types.Metric) Metric {
				dimensions, key := dimensionsOf(m)
				return Metric{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: dimensions, DimensionKey: key}
			})
			if err := extract.Emit(r.unit, metricsTable, rows); err != nil {
				return err
			}
		}
		for _, m := range o.Metrics {
			period := r.unit.Config().Metrics.Namespaces[aws.ToString(m.Namespace)].Period
			if (period >= rarely) == (in.RecentlyActive == "") {
				r.add(m)
			}
		}
		return nil
	})
}
