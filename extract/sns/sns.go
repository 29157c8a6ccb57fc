// Package sns collects topics.
package sns

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"stocktake/extract"
)

var service = extract.Service[sns.Client, sns.Options]{
	Info: extract.ServiceInfo{Name: "sns", ID: sns.ServiceID},
	New:  sns.NewFromConfig,
}

const gone = "NotFound"

// Topic is a types.Topic with its attributes and tags.
type Topic struct {
	types.Topic
	extract.Incomplete
	Tags                                 []types.Tag
	Owner                                *string
	DisplayName                          *string
	Policy                               *string
	DeliveryPolicy                       *string
	EffectiveDeliveryPolicy              *string
	SubscriptionsConfirmed               *int64
	SubscriptionsPending                 *int64
	SubscriptionsDeleted                 *int64
	KmsMasterKeyId                       *string
	SignatureVersion                     *string
	TracingConfig                        *string
	MaximumMessageSize                   *int64
	FifoTopic                            *bool
	FifoThroughputScope                  *string
	ContentBasedDeduplication            *bool
	ArchivePolicy                        *string
	BeginningArchiveTime                 *string
	HTTPSuccessFeedbackRoleArn           *string
	HTTPSuccessFeedbackSampleRate        *int64
	HTTPFailureFeedbackRoleArn           *string
	FirehoseSuccessFeedbackRoleArn       *string
	FirehoseSuccessFeedbackSampleRate    *int64
	FirehoseFailureFeedbackRoleArn       *string
	LambdaSuccessFeedbackRoleArn         *string
	LambdaSuccessFeedbackSampleRate      *int64
	LambdaFailureFeedbackRoleArn         *string
	ApplicationSuccessFeedbackRoleArn    *string
	ApplicationSuccessFeedbackSampleRate *int64
	ApplicationFailureFeedbackRoleArn    *string
	SQSSuccessFeedbackRoleArn            *string
	SQSSuccessFeedbackSampleRate         *int64
	SQSFailureFeedbackRoleArn            *string
	OtherAttributes                      map[string]string
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[sns.Client, extract.Root, Topic]{
		Table: "aws_sns_topics",
		Rows: extract.Described(
			extract.Pages(service, sns.NewListTopicsPaginator, extract.Always(&sns.ListTopicsInput{}),
				func(o *sns.ListTopicsOutput) []types.Topic { return o.Topics }),
			extract.DescribeNamed((*sns.Client).GetTopicAttributes,
				func(_ *extract.Root, t types.Topic) *sns.GetTopicAttributesInput {
					return &sns.GetTopicAttributesInput{TopicArn: t.TopicArn}
				}, topic).Gone(gone).
				Else(func(_ *extract.Root, t types.Topic) Topic { return Topic{Topic: t} }, "arn", "tags")),
		Details: details,
	}),
}

func topic(t types.Topic, o *sns.GetTopicAttributesOutput) Topic {
	row := Topic{Topic: t}
	row.OtherAttributes = extract.Attributes(&row, o.Attributes)
	return row
}

var details = []extract.Detail[sns.Client, Topic]{
	{Operation: "ListTagsForResource", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *sns.Client, t *Topic) error {
			o, err := c.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: t.TopicArn})
			if err == nil {
				t.Tags = o.Tags
			}
			return err
		}},
}
