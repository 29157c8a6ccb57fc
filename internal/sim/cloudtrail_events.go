package sim

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// eventSlot is how often a call may be made, and recorded.
const eventSlot = 5 * time.Minute

// eventsOf are the calls that people and programs make: name, service, whether
// it only reads, and what it is about.
var eventsOf = []struct {
	name, service string
	read          bool
	kind          string
}{
	{"DescribeInstances", "ec2", true, ""},
	{"CreateTags", "ec2", false, "AWS::EC2::Instance"},
	{"AuthorizeSecurityGroupIngress", "ec2", false, "AWS::EC2::SecurityGroup"},
	{"GetCallerIdentity", "sts", true, ""},
	{"StopInstances", "ec2", false, "AWS::EC2::Instance"},
	{"UpdateFunctionCode20150331v2", "lambda", false, "AWS::Lambda::Function"},
	{"AssumeRole", "sts", true, "AWS::IAM::Role"},
	{"StartInstances", "ec2", false, "AWS::EC2::Instance"},
}

// lookupEvents answers the newest first, of the last 90 days.
func lookupEvents(c *call, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	s := c.site()
	from, to := s.now.Add(-90*24*time.Hour), s.now
	if in.StartTime != nil && in.StartTime.After(from) {
		from = *in.StartTime
	}
	if in.EndTime != nil && in.EndTime.Before(to) {
		to = *in.EndTime
	}
	if to.Before(from) {
		return nil, c.fault("InvalidTimeRangeException", 400, "The start time must be before the end time.")
	}
	last := int(to.Sub(s.o.anchor) / eventSlot)
	n := last - int(from.Sub(s.o.anchor)/eventSlot) + 1
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 50}, n, func(i int) (types.Event, bool) {
		e, ok := s.event(last - i)
		for _, a := range in.LookupAttributes {
			ok = ok && a.AttributeKey == types.LookupAttributeKeyReadOnly && aws.ToString(a.AttributeValue) == aws.ToString(e.ReadOnly)
		}
		return e, ok && !e.EventTime.Before(from) && !e.EventTime.After(to)
	})
	return &cloudtrail.LookupEventsOutput{Events: items, NextToken: next}, err
}

// event is what happened in a slot, if anything did.
func (s *site) event(slot int) (types.Event, bool) {
	d := s.at("event", slot).draw()
	if s.Instances+s.Functions == 0 || d.n(288) >= 4+s.Instances {
		return types.Event{}, false
	}
	kind := eventsOf[d.n(len(eventsOf))]
	people := s.o.directory(s.a)
	user := d.n(max(people.Users, 1))
	at := s.o.anchor.Add(time.Duration(slot)*eventSlot + time.Duration(d.n(300))*time.Second)
	key := "ASIA" + d.upper(16)
	e := types.Event{
		EventId: aws.String(d.uuid()), EventName: aws.String(kind.name), EventSource: aws.String(kind.service + ".amazonaws.com"), EventTime: aws.Time(at),
		ReadOnly: aws.String(map[bool]string{true: "true", false: "false"}[kind.read]), Username: aws.String(people.userName(user)), AccessKeyId: aws.String(key),
		Resources: []types.Resource{},
	}
	about := ""
	switch kind.kind {
	case "AWS::EC2::Instance":
		if s.Instances > 0 {
			about = s.instanceID(d.n(s.Instances))
		}
	case "AWS::EC2::SecurityGroup":
		if s.SecurityGroups > 0 {
			about = s.groupID(d.n(s.SecurityGroups))
		}
	case "AWS::Lambda::Function":
		if s.Functions > 0 {
			about = s.functionName(d.n(s.Functions))
		}
	case "AWS::IAM::Role":
		about = people.roleARNOf("~deploy")
	}
	if about != "" {
		e.Resources = append(e.Resources, types.Resource{ResourceName: aws.String(about), ResourceType: aws.String(kind.kind)})
	}
	record := map[string]any{
		"eventVersion": "1.11", "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": kind.read,
		"eventID": *e.EventId, "eventName": kind.name, "eventSource": *e.EventSource, "eventTime": at.Format(time.RFC3339), "awsRegion": s.region,
		"sourceIPAddress": "198.51.100." + itoa(1+d.n(250)), "userAgent": "aws-cli/2.31.0", "requestID": d.uuid(), "recipientAccountId": s.a.id,
		"requestParameters": map[string]any{"resource": about, "clientToken": d.uuid()}, "responseElements": nil,
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": people.userID(user), "arn": people.userARN(user), "accountId": s.a.id, "accessKeyId": key, "userName": people.userName(user),
			"sessionContext": map[string]any{"attributes": map[string]any{"mfaAuthenticated": "true", "creationDate": at.Add(-time.Hour).Format(time.RFC3339)}},
		},
	}
	if d.chance(5) {
		record["errorCode"], record["errorMessage"] = "Client.UnauthorizedOperation", "You are not authorized to perform this operation."
	}
	text, err := json.Marshal(record)
	if err != nil {
		panic(err) // strings, bools and maps only
	}
	e.CloudTrailEvent = aws.String(string(text))
	return e, true
}
