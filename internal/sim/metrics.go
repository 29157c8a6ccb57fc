package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// metered are the metrics that every thing of a kind has, under one dimension.
type metered struct {
	namespace, dimension string
	metrics              []string
	n                    int
	value                func(n int) string
	idle                 func(n int) bool // whether it sends no data at the moment; nil: it always does
}

func (s *site) metered() []metered {
	jobs := 0
	if s.o.activity(s.a, s.region) > empty {
		jobs = 1
	}
	return []metered{
		{"AWS/EC2", "InstanceId", []string{"CPUUtilization", "NetworkIn", "NetworkOut", "StatusCheckFailed"}, s.Instances, s.instanceID, func(n int) bool { return s.machine(n).stopped }},
		{"AWS/EBS", "VolumeId", []string{"VolumeReadOps", "VolumeWriteOps"}, s.Volumes, s.volumeID, func(n int) bool {
			m := s.disk(n).machine
			return m < 0 || s.machine(m).stopped
		}},
		{"AWS/RDS", "DBInstanceIdentifier", []string{"CPUUtilization", "DatabaseConnections", "FreeStorageSpace"}, s.Databases, s.databaseName, nil},
		{"AWS/Lambda", "FunctionName", []string{"Duration", "Errors", "Invocations"}, s.Functions, s.functionName, nil},
		{"Larkfield/Jobs", "Service", []string{"FailedJobs"}, jobs, func(int) string { return s.a.prod.name }, nil},
	}
}

// metrics is how many metrics a site has, idle ones included.
func (s *site) metrics() (n int) {
	for _, k := range s.metered() {
		n += k.n * len(k.metrics)
	}
	return n
}

func (s *site) metric(n int) (m types.Metric, active bool) {
	for _, k := range s.metered() {
		if n >= k.n*len(k.metrics) {
			n -= k.n * len(k.metrics)
			continue
		}
		i := n / len(k.metrics)
		m = types.Metric{
			Namespace: aws.String(k.namespace), MetricName: aws.String(k.metrics[n%len(k.metrics)]),
			Dimensions: []types.Dimension{{Name: aws.String(k.dimension), Value: aws.String(k.value(i))}},
		}
		return m, k.idle == nil || !k.idle(i)
	}
	panic("a metric beyond the last")
}

func listMetrics(c *call, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	s := c.site()
	items, next, err := page(c, request{token: in.NextToken}, limits{least: 1, most: 500}, s.metrics(), func(n int) (types.Metric, bool) {
		m, active := s.metric(n)
		wanted := (active || in.RecentlyActive == "") && (in.Namespace == nil || *in.Namespace == *m.Namespace) && (in.MetricName == nil || *in.MetricName == *m.MetricName)
		return m, wanted
	})
	return &cloudwatch.ListMetricsOutput{Metrics: items, NextToken: next}, err
}

// getMetricData answers a point for each period, whose values depend on the
// series and the time alone.
func getMetricData(c *call, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	if len(in.MetricDataQueries) > 500 {
		return nil, c.fault("InvalidParameterValue", 400, "The collection MetricDataQueries must not have a size greater than 500.")
	}
	if in.StartTime == nil || in.EndTime == nil || !in.StartTime.Before(*in.EndTime) {
		return nil, c.fault("InvalidParameterValue", 400, "The parameter StartTime must be less than the parameter EndTime.")
	}
	s := c.site()
	items, next, err := page(c, request{token: in.NextToken}, limits{least: 1, most: 500}, len(in.MetricDataQueries), func(i int) (types.MetricDataResult, bool) {
		q := in.MetricDataQueries[i]
		r := types.MetricDataResult{Id: q.Id, Label: q.MetricStat.Metric.MetricName, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
		period := time.Duration(aws.ToInt32(q.MetricStat.Period)) * time.Second
		series := s.seed.s("series").s(aws.ToString(q.MetricStat.Metric.Namespace)).s(*q.MetricStat.Metric.MetricName).s(aws.ToString(q.MetricStat.Stat))
		for _, d := range q.MetricStat.Metric.Dimensions {
			series = series.s(aws.ToString(d.Name)).s(aws.ToString(d.Value))
		}
		for at := in.StartTime.Truncate(period); at.Before(*in.EndTime) && at.Before(s.now); at = at.Add(period) {
			r.Timestamps = append(r.Timestamps, at)
			r.Values = append(r.Values, float64(series.i(int(at.Unix()/60)).draw().n(10_000))/100)
		}
		return r, true
	})
	return &cloudwatch.GetMetricDataOutput{MetricDataResults: items, NextToken: next}, err
}
