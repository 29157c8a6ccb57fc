package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"stocktake/extract"
)

const dataTable = "aws_cloudwatch_metric_data"

// Datum is one data point: a statistic of a metric over a period.
type Datum struct {
	Namespace    string
	MetricName   string
	Dimensions   map[string]string
	DimensionKey string // all dimensions in one text
	Statistic    string
	Timestamp    time.Time // when the period begins
	Period       int32     // seconds
	Value        float64
}

// series is what one query asks for.
type series struct {
	metric    types.Metric
	statistic string
}

// queriesPerCall is the most that one call takes.
const queriesPerCall = 500

// Points may come late: the newest lag counts as not read, and the last few
// periods are read again.
const (
	lag    = 10 * time.Minute
	reread = 3
)

// reader asks for the data of series, a full call at a time and several calls
// at once.
type reader struct {
	unit    *extract.Unit
	pending map[time.Duration][]series // by period
	calls   *errgroup.Group
	ctx     context.Context // of the calls
}

func newReader(ctx context.Context, u *extract.Unit) *reader {
	r := &reader{unit: u, pending: map[time.Duration][]series{}}
	r.calls, r.ctx = errgroup.WithContext(ctx)
	r.calls.SetLimit(4)
	return r
}

// add takes a metric whose data is wanted.
func (r *reader) add(m types.Metric) {
	n := r.unit.Config().Metrics.Namespaces[aws.ToString(m.Namespace)]
	for _, statistic := range n.Metrics[aws.ToString(m.MetricName)] {
		r.pending[n.Period] = append(r.pending[n.Period], series{m, statistic})
		if len(r.pending[n.Period]) == queriesPerCall {
			r.ask(n.Period)
		}
	}
}

func (r *reader) ask(period time.Duration) {
	some := r.pending[period]
	r.pending[period] = nil
	if len(some) > 0 && r.unit.Wants(dataTable) {
		r.calls.Go(func() error { return readSeries(r.ctx, r.unit, period, some) })
	}
}

// end waits for the data. What AWS refuses ends its table, and not that of the
// metrics.
func (r *reader) end(ctx context.Context) error {
	for period := range r.pending {
		r.ask(period)
	}
	err := r.calls.Wait()
	if err == nil {
		r.unit.Reached(dataTable, r.unit.Started().Add(-lag))
		return nil
	}
	return r.unit.FailApart(ctx, dataTable, err)
}

// readSeries reads the points of series of one period.
func readSeries(ctx context.Context, u *extract.Unit, period time.Duration, some []series) error {
	to := u.Started().Truncate(period)
	from := to.Add(-max(u.Config().Metrics.LookBack.Truncate(period), period))
	if since := u.Since(dataTable); !since.IsZero() {
		from = since.Truncate(period).Add(-reread * period)
	}
	in := &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, ScanBy: types.ScanByTimestampAscending}
	for i, s := range some {
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
			Id:         aws.String("m" + strconv.Itoa(i)),
			MetricStat: &types.MetricStat{Metric: &s.metric, Stat: &s.statistic, Period: aws.Int32(int32(period / time.Second))},
		})
	}
	status := map[string]types.MetricDataResult{}
	err := extract.EachPage(ctx, cloudwatch.NewGetMetricDataPaginator(service.Client(u), in), func(o *cloudwatch.GetMetricDataOutput) error {
		var rows []Datum
		for _, r := range o.MetricDataResults {
			i, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(r.Id), "m"))
			if err != nil || i < 0 || i >= len(some) || len(r.Timestamps) != len(r.Values) {
				return fmt.Errorf("read metric data: got result %q with %d times and %d values: expected an ID that was asked for, and as many of both", aws.ToString(r.Id), len(r.Timestamps), len(r.Values))
			}
			status[*r.Id] = r
			rows = append(rows, points(some[i], period, r)...)
		}
		return extract.Emit(u, dataTable, rows)
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(status)) {
		if r := status[id]; r.StatusCode != types.StatusCodeComplete {
			message := "CloudWatch answered " + string(r.StatusCode)
			for _, m := range r.Messages {
				message += ": " + aws.ToString(m.Value)
			}
			return &smithy.GenericAPIError{Code: "Metric" + string(r.StatusCode), Message: message}
		}
	}
	return nil
}

func points(s series, period time.Duration, r types.MetricDataResult) []Datum {
	dimensions, key := dimensionsOf(s.metric)
	rows := make([]Datum, len(r.Timestamps))
	for i := range rows {
		rows[i] = Datum{
			Namespace: aws.ToString(s.metric.Namespace), MetricName: aws.ToString(s.metric.MetricName), Dimensions: dimensions, DimensionKey: key,
			Statistic: s.statistic, Timestamp: r.Timestamps[i], Period: int32(period / time.Second), Value: r.Values[i],
		}
	}
	return rows
}

// dimensionsOf returns the dimensions of a metric, and a text that they alone
// have.
func dimensionsOf(m types.Metric) (map[string]string, string) {
	dimensions := map[string]string{}
	for _, d := range m.Dimensions {
		dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
	}
	var key []string
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		key = append(key, name+"="+strconv.Quote(dimensions[name]))
	}
	return dimensions, strings.Join(key, ",")
}
