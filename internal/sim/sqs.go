package sim

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

func sqsService() service {
	return service{
		id: "SQS", name: "sqs",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalFailure", "The request processing has failed because of an unknown error.", 500}
			d.badToken, d.badInput = "InvalidParameterValue", "InvalidParameterValue"
		}),
		errors: model(
			func(m *string) smithy.APIError {
				return &types.QueueDoesNotExist{Message: m, ErrorCodeOverride: aws.String(noQueue)}
			},
		),
		operations: []operation{
			op(listQueues, "MaxResults", "NextToken"),
			op(queueAttributes, "QueueUrl", "AttributeNames"),
			op(queueTags, "QueueUrl"),
		},
	}
}

const noQueue = "AWS.SimpleQueueService.NonExistentQueue"

// queues are those that functions read from, and those for what they fail at.
func (s *site) queues() []string {
	var names []string
	for n := range s.Functions {
		name := s.functionName(n)
		switch s.at("queue", n).draw().n(4) {
		case 0, 1:
			names = append(names, name+"-jobs")
		case 2:
			names = append(names, name+"-jobs.fifo")
		}
		if s.function(n).DeadLetterConfig != nil {
			names = append(names, name+"-failed")
		}
	}
	return names
}

func (s *site) queueURL(name string) string {
	return "https://sqs." + s.region + "." + s.o.suffix() + "/" + s.a.id + "/" + name
}

func fifo(name string) bool { return strings.HasSuffix(name, ".fifo") }

func (c *call) findQueue(url *string) (*site, string, error) {
	s := c.site()
	for _, name := range s.queues() {
		if s.queueURL(name) == aws.ToString(url) {
			return s, name, nil
		}
	}
	return nil, "", c.fault(noQueue, 400, "The specified queue does not exist.")
}

// listQueues pages only for callers that name a size, as AWS does.
func listQueues(c *call, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	s := c.site()
	names := s.queues()
	if in.MaxResults == nil {
		names = names[:min(len(names), 1000)]
	}
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, limits{least: 1, most: 1000}, len(names), all(func(i int) string { return s.queueURL(names[i]) }))
	return &sqs.ListQueuesOutput{QueueUrls: items, NextToken: next}, err
}

func queueAttributes(c *call, in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	s, name, err := c.findQueue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	d := s.seed.s("queue facts").s(name).draw()
	created := d.before(s.o.anchor, 900)
	changed := later(created, d.before(s.o.anchor, 500))
	attributes := map[string]string{
		"QueueArn": s.arn("sqs", name), "VisibilityTimeout": itoa(pick(d, []int{30, 60, 900})), "MaximumMessageSize": "262144",
		"MessageRetentionPeriod": itoa(pick(d, []int{345600, 1209600})), "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": itoa(pick(d, []int{0, 20})),
		"ApproximateNumberOfMessages": itoa(max(0, d.n(60)-45)), "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		"CreatedTimestamp": strconv.FormatInt(created.Unix(), 10), "LastModifiedTimestamp": strconv.FormatInt(changed.Unix(), 10),
		"SqsManagedSseEnabled": "true",
	}
	if d.chance(40) {
		attributes["KmsMasterKeyId"], attributes["KmsDataKeyReusePeriodSeconds"], attributes["SqsManagedSseEnabled"] = s.keyARN("sqs"), "300", "false"
	}
	if d.chance(40) {
		p := policy(statement{
			Sid: "Topics", Effect: "Allow", Principal: map[string]any{"Service": "sns.amazonaws.com"}, Action: "sqs:SendMessage", Resource: s.arn("sqs", name),
			Condition: map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": s.a.id}},
		})
		attributes["Policy"] = p.json()
	}
	if fifo(name) {
		attributes["FifoQueue"], attributes["ContentBasedDeduplication"] = "true", "true"
		attributes["DeduplicationScope"], attributes["FifoThroughputLimit"] = "queue", "perQueue"
	}
	if dead := strings.TrimSuffix(name, "-jobs") + "-failed"; dead != name+"-failed" && s.hasQueue(dead) {
		attributes["RedrivePolicy"] = `{"deadLetterTargetArn":"` + s.arn("sqs", dead) + `","maxReceiveCount":5}`
	}
	if strings.HasSuffix(name, "-failed") {
		attributes["RedriveAllowPolicy"] = `{"redrivePermission":"allowAll"}`
	}
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, nil
}

func (s *site) hasQueue(name string) bool {
	names := s.queues()
	return indexOf(len(names), func(i int) bool { return names[i] == name }) >= 0
}

func queueTags(c *call, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	s, name, err := c.findQueue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqs.ListQueueTagsOutput{Tags: tagMap(s.o.resourceTags(s.a, s.seed.s("queue").s(name), "", "messaging"))}, nil
}
