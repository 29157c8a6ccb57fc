package sim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
)

func snsService() service {
	return service{
		id: "SNS", name: "sns",
		dialect: queryDialect.with(func(d *dialect) {
			d.denied.Code = "AuthorizationError"
			d.internal = Fault{"InternalError", "An internal error has occurred.", 500}
			d.badToken, d.badInput = "InvalidParameter", "InvalidParameter"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.AuthorizationErrorException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalErrorException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
			func(m *string) smithy.APIError { return &types.NotFoundException{Message: m} },
		),
		operations: []operation{
			op(listTopics, "NextToken"),
			op(topicAttributes, "TopicArn"),
			op(topicTags, "ResourceArn"),
		},
	}
}

var topicNames = []string{"events", "order-updates.fifo", "exports", "audit", "price-changes", "deliveries"}

// topics are that for alarms, and those that functions publish to.
func (s *site) topics() []string {
	var names []string
	if s.Alarms > 0 {
		names = append(names, "alerts-"+s.a.prod.team)
	}
	if indexOf(s.Alarms, func(n int) bool { return alarmKind(n) == cwtypes.AlarmTypeCompositeAlarm }) >= 0 {
		names = append(names, "on-call")
	}
	for n := range s.Functions / 2 {
		name := topicNames[n%len(topicNames)]
		if round := n / len(topicNames); round > 0 {
			name = "r" + itoa(round+1) + "-" + name
		}
		names = append(names, s.a.prod.name+"-"+name)
	}
	return names
}

func (c *call) findTopic(arn *string) (*site, string, error) {
	s := c.site()
	for _, name := range s.topics() {
		if s.topicARN(name) == aws.ToString(arn) {
			return s, name, nil
		}
	}
	return nil, "", c.fault("NotFound", 404, "Topic does not exist")
}

func listTopics(c *call, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	s := c.site()
	names := s.topics()
	items, next, err := page(c, request{in.NextToken, nil}, limits{most: 100}, len(names), all(func(i int) types.Topic {
		return types.Topic{TopicArn: aws.String(s.topicARN(names[i]))}
	}))
	return &sns.ListTopicsOutput{Topics: items, NextToken: next}, err
}

const topicDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false}}`

func topicAttributes(c *call, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	s, name, err := c.findTopic(in.TopicArn)
	if err != nil {
		return nil, err
	}
	d := s.seed.s("topic").s(name).draw()
	publish := statement{
		Sid: "Own", Effect: "Allow", Principal: map[string]any{"AWS": "*"}, Action: []string{"SNS:Publish", "SNS:Subscribe"}, Resource: *in.TopicArn,
		Condition: map[string]any{"StringEquals": map[string]string{"AWS:SourceOwner": s.a.id}},
	}
	if d.chance(5) {
		publish.Sid, publish.Condition = "Everybody", nil
	}
	attributes := map[string]string{
		"TopicArn": *in.TopicArn, "Owner": s.a.id, "DisplayName": "", "Policy": policy(publish).json(), "EffectiveDeliveryPolicy": topicDelivery,
		"SubscriptionsConfirmed": itoa(d.n(6)), "SubscriptionsPending": itoa(d.n(2)), "SubscriptionsDeleted": itoa(d.n(3)),
	}
	if d.chance(50) {
		attributes["KmsMasterKeyId"] = s.keyARN("sns")
	}
	if d.chance(30) {
		attributes["TracingConfig"] = "Active"
	}
	if fifo(name) {
		attributes["FifoTopic"], attributes["ContentBasedDeduplication"], attributes["FifoThroughputScope"] = "true", "false", "Topic"
	}
	return &sns.GetTopicAttributesOutput{Attributes: attributes}, nil
}

func topicTags(c *call, in *sns.ListTagsForResourceInput) (*sns.ListTagsForResourceOutput, error) {
	s, name, err := c.findTopic(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := tagList(s.o.resourceTags(s.a, s.seed.s("topic").s(name), "", "messaging"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	return &sns.ListTagsForResourceOutput{Tags: tags}, nil
}
