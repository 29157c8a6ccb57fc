// Package cloudwatch collects alarms and metrics.
package cloudwatch

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"stocktake/extract"
)

var service = extract.Service[cloudwatch.Client, cloudwatch.Options]{
	Info: extract.ServiceInfo{Name: "cloudwatch", ID: cloudwatch.ServiceID},
	New:  cloudwatch.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{alarms, metrics}

// Alarm is an alarm of any type: the fields of types.MetricAlarm, and those
// that only composite and log alarms have.
type Alarm struct {
	AlarmType types.AlarmType
	types.MetricAlarm
	// composite
	ActionsSuppressedBy              types.ActionsSuppressedBy
	ActionsSuppressedReason          *string
	ActionsSuppressor                *string
	ActionsSuppressorExtensionPeriod *int32
	ActionsSuppressorWaitPeriod      *int32
	AlarmRule                        *string
	// log
	ActionLogLineCount          *int32
	ActionLogLineRoleArn        *string
	QueryResultsToAlarm         *int32
	QueryResultsToEvaluate      *int32
	ScheduledQueryConfiguration *types.ScheduledQueryConfiguration
}

// alarms puts the three lists of one call into one table. Tags, which cost a
// call for each alarm, are left out.
var alarms = extract.List(service, "aws_cloudwatch_alarms", cloudwatch.NewDescribeAlarmsPaginator,
	&cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(100), AlarmTypes: types.AlarmType("").Values()},
	func(o *cloudwatch.DescribeAlarmsOutput) []Alarm {
		var rows []Alarm
		for _, a := range o.MetricAlarms {
			rows = append(rows, Alarm{AlarmType: types.AlarmTypeMetricAlarm, MetricAlarm: a})
		}
		for _, a := range o.CompositeAlarms {
			rows = append(rows, extract.Copy(Alarm{AlarmType: types.AlarmTypeCompositeAlarm}, a))
		}
		for _, a := range o.LogAlarms {
			rows = append(rows, extract.Copy(Alarm{AlarmType: types.AlarmTypeLogAlarm}, a))
		}
		return rows
	})
