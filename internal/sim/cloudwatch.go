package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
)

func cloudwatchService() service {
	return service{
		id: "CloudWatch", name: "cloudwatch",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServiceFault", "The request could not be processed.", 500}
			d.badToken, d.badInput = "InvalidNextToken", "InvalidParameterValue"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InternalServiceFault{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidNextToken{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterValueException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(describeAlarms, "AlarmTypes", "AlarmNames", "StateValue", "MaxRecords", "NextToken"),
			op(alarmTags, "ResourceARN"),
			op(listMetrics, "Namespace", "MetricName", "RecentlyActive", "NextToken"),
			op(getMetricData, "MetricDataQueries", "StartTime", "EndTime", "ScanBy", "NextToken"),
		},
	}
}

// alarmKind deals out the kinds: mostly metric alarms, now and then one over other alarms, rarely one on logs.
func alarmKind(n int) types.AlarmType {
	switch {
	case n%8 == 7:
		return types.AlarmTypeCompositeAlarm
	case n%16 == 6:
		return types.AlarmTypeLogAlarm
	}
	return types.AlarmTypeMetricAlarm
}

func (s *site) alarmName(n int) string {
	names := []string{"cpu-high", "status-check", "db-storage-low", "function-errors", "instance-network", "error-ratio"}
	name := names[n%len(names)]
	switch alarmKind(n) {
	case types.AlarmTypeCompositeAlarm:
		name = "service-degraded"
	case types.AlarmTypeLogAlarm:
		name = "log-errors"
	}
	return s.a.prod.name + "-" + name + "-" + itoa(n+1)
}

func (s *site) alarmARN(n int) string { return s.arn("cloudwatch", "alarm:"+s.alarmName(n)) }

func (s *site) topicARN(name string) string { return s.arn("sns", name) }

// alarmState is how an alarm stands; it changes every few days.
func (s *site) alarmState(n int) (types.StateValue, string, time.Time) {
	d := s.at("alarm state", n).draw()
	at, turn := cycle(d, s.o.anchor, s.now, time.Duration(12+d.n(240))*time.Hour)
	switch d := s.at("alarm state", n).i(turn).draw(); {
	case d.chance(8):
		return types.StateValueAlarm, "Threshold Crossed: 1 out of the last 1 datapoints was over the threshold", at
	case d.chance(6):
		return types.StateValueInsufficientData, "Insufficient Data: 1 datapoint was unknown", at
	}
	return types.StateValueOk, "Threshold Crossed: no datapoint was over the threshold", at
}

func (s *site) metricAlarm(n int) types.MetricAlarm {
	state, reason, at := s.alarmState(n)
	d := s.at("alarm", n).draw()
	a := types.MetricAlarm{
		AlarmName: aws.String(s.alarmName(n)), AlarmArn: aws.String(s.alarmARN(n)), AlarmDescription: aws.String("owned by team-" + s.a.prod.team),
		ActionsEnabled: aws.Bool(!d.chance(10)), AlarmActions: []string{s.topicARN("alerts-" + s.a.prod.team)}, OKActions: []string{}, InsufficientDataActions: []string{},
		AlarmConfigurationUpdatedTimestamp: aws.Time(d.before(s.o.anchor, 500)), StateValue: state, StateReason: aws.String(reason),
		StateUpdatedTimestamp: aws.Time(at), StateTransitionedTimestamp: aws.Time(at), StateReasonData: aws.String(`{"version":"1.0","queryDate":"` + at.Format(time.RFC3339) + `"}`),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(3), DatapointsToAlarm: aws.Int32(2),
		TreatMissingData: aws.String("missing"), Threshold: aws.Float64(80), Period: aws.Int32(300), Statistic: types.StatisticAverage,
	}
	on := func(namespace, metric, dimension, value string) {
		a.Namespace, a.MetricName = aws.String(namespace), aws.String(metric)
		a.Dimensions = []types.Dimension{{Name: aws.String(dimension), Value: aws.String(value)}}
	}
	switch kind := n % 6; {
	case kind == 2 && s.Databases > 0:
		on("AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", s.databaseName(n%s.Databases))
		a.ComparisonOperator, a.Threshold = types.ComparisonOperatorLessThanThreshold, aws.Float64(10*1024*1024*1024)
	case kind == 3 && s.Functions > 0:
		on("AWS/Lambda", "Errors", "FunctionName", s.functionName(n%s.Functions))
		a.Statistic, a.Threshold = types.StatisticSum, aws.Float64(5)
	case kind == 5:
		a.Period, a.Statistic, a.Threshold = nil, "", aws.Float64(0.05)
		a.Metrics = s.errorRatio()
	case s.Instances > 0:
		metric := []string{"CPUUtilization", "StatusCheckFailed", "CPUUtilization", "CPUUtilization", "NetworkOut"}[kind]
		on("AWS/EC2", metric, "InstanceId", s.instanceID(n%s.Instances))
	default:
		on("Larkfield/Jobs", "FailedJobs", "Service", s.a.prod.name)
	}
	return a
}

// errorRatio is metric math: errors by requests.
func (s *site) errorRatio() []types.MetricDataQuery {
	query := func(id, metric string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{
				Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String(metric),
				Dimensions: []types.Dimension{{Name: aws.String("LoadBalancer"), Value: aws.String("app/" + s.a.prod.name + "-" + s.a.env + "/" + s.seed.s("lb").draw().hex(16))}},
			},
			Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	return []types.MetricDataQuery{
		{Id: aws.String("ratio"), Expression: aws.String("errors / requests"), Label: aws.String("error ratio"), ReturnData: aws.Bool(true)},
		query("errors", "HTTPCode_Target_5XX_Count"), query("requests", "RequestCount"),
	}
}

func (s *site) compositeAlarm(n int) types.CompositeAlarm {
	state, reason, at := s.alarmState(n)
	return types.CompositeAlarm{
		AlarmName: aws.String(s.alarmName(n)), AlarmArn: aws.String(s.alarmARN(n)), ActionsEnabled: aws.Bool(true),
		AlarmActions: []string{s.topicARN("on-call")}, OKActions: []string{s.topicARN("on-call")}, InsufficientDataActions: []string{},
		AlarmRule:  aws.String(`ALARM("` + s.alarmName(n-6) + `") OR ALARM("` + s.alarmName(n-5) + `")`),
		StateValue: state, StateReason: aws.String(reason), StateUpdatedTimestamp: aws.Time(at), StateTransitionedTimestamp: aws.Time(at),
		AlarmConfigurationUpdatedTimestamp: aws.Time(s.at("alarm", n).draw().before(s.o.anchor, 500)),
	}
}

func (s *site) logAlarm(n int) types.LogAlarm {
	state, reason, at := s.alarmState(n)
	return types.LogAlarm{
		AlarmName: aws.String(s.alarmName(n)), AlarmArn: aws.String(s.alarmARN(n)), ActionsEnabled: aws.Bool(true),
		AlarmActions: []string{s.topicARN("alerts-" + s.a.prod.team)}, OKActions: []string{}, InsufficientDataActions: []string{},
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, Threshold: aws.Float64(10), QueryResultsToEvaluate: aws.Int32(3), QueryResultsToAlarm: aws.Int32(2),
		TreatMissingData: aws.String("notBreaching"), StateValue: state, StateReason: aws.String(reason), StateUpdatedTimestamp: aws.Time(at), StateTransitionedTimestamp: aws.Time(at),
		AlarmConfigurationUpdatedTimestamp: aws.Time(s.at("alarm", n).draw().before(s.o.anchor, 500)),
	}
}

// describeAlarms answers metric alarms alone unless other kinds are asked for by name.
func describeAlarms(c *call, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	s := c.site()
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	positions, next, err := page(c, request{in.NextToken, in.MaxRecords}, limits{least: 1, most: 100, standard: 50}, s.Alarms, func(n int) (int, bool) {
		wanted := slices.Contains(kinds, alarmKind(n)) && (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, s.alarmName(n)))
		if wanted && in.StateValue != "" {
			state, _, _ := s.alarmState(n)
			wanted = state == in.StateValue
		}
		return n, wanted
	})
	out := &cloudwatch.DescribeAlarmsOutput{NextToken: next}
	for _, n := range positions {
		switch alarmKind(n) {
		case types.AlarmTypeMetricAlarm:
			out.MetricAlarms = append(out.MetricAlarms, s.metricAlarm(n))
		case types.AlarmTypeCompositeAlarm:
			out.CompositeAlarms = append(out.CompositeAlarms, s.compositeAlarm(n))
		default:
			out.LogAlarms = append(out.LogAlarms, s.logAlarm(n))
		}
	}
	return out, err
}

func alarmTags(c *call, in *cloudwatch.ListTagsForResourceInput) (*cloudwatch.ListTagsForResourceOutput, error) {
	s := c.site()
	n := indexOf(s.Alarms, func(n int) bool { return s.alarmARN(n) == aws.ToString(in.ResourceARN) })
	if n < 0 {
		return nil, c.fault("ResourceNotFoundException", 404, "The alarm %s does not exist", strconv.Quote(aws.ToString(in.ResourceARN)))
	}
	tags := tagList(s.o.resourceTags(s.a, s.at("alarm", n), "", "monitoring"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &cloudwatch.ListTagsForResourceOutput{Tags: tags}, nil
}
