// Package sqs collects queues. Messages are never received.
package sqs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"stocktake/extract"
)

var service = extract.Service[sqs.Client, sqs.Options]{
	Info: extract.ServiceInfo{Name: "sqs", ID: sqs.ServiceID},
	New:  sqs.NewFromConfig,
}

// AWS says it in the first way to clients that know of its query protocol, and
// this SDK is one.
var gone = []string{"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}

// Queue is a queue by its URL, with its attributes and tags.
type Queue struct {
	QueueUrl string
	extract.Incomplete
	Tags                                  map[string]string
	QueueArn                              *string
	Policy                                *string
	VisibilityTimeout                     *int64
	MaximumMessageSize                    *int64
	MessageRetentionPeriod                *int64
	DelaySeconds                          *int64
	ReceiveMessageWaitTimeSeconds         *int64
	ApproximateNumberOfMessages           *int64
	ApproximateNumberOfMessagesNotVisible *int64
	ApproximateNumberOfMessagesDelayed    *int64
	CreatedTimestamp                      *time.Time
	LastModifiedTimestamp                 *time.Time
	RedrivePolicy                         *string
	RedriveAllowPolicy                    *string
	FifoQueue                             *bool
	ContentBasedDeduplication             *bool
	DeduplicationScope                    *string
	FifoThroughputLimit                   *string
	KmsMasterKeyId                        *string
	KmsDataKeyReusePeriodSeconds          *int64
	SqsManagedSseEnabled                  *bool
	OtherAttributes                       map[string]string
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[sqs.Client, extract.Root, Queue]{
		Table: "aws_sqs_queues",
		Rows: extract.Described(
			// Without a page size there are no pages, and the list ends after the first 1,000.
			extract.Pages(service, sqs.NewListQueuesPaginator, extract.Always(&sqs.ListQueuesInput{MaxResults: aws.Int32(1000)}),
				func(o *sqs.ListQueuesOutput) []string { return o.QueueUrls }),
			extract.DescribeNamed((*sqs.Client).GetQueueAttributes,
				func(_ *extract.Root, url string) *sqs.GetQueueAttributesInput {
					return &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}}
				}, queue).Gone(gone...).
				Else(func(_ *extract.Root, url string) Queue { return Queue{QueueUrl: url} }, "queue_url", "tags")),
		Details: details,
	}),
}

func queue(url string, o *sqs.GetQueueAttributesOutput) Queue {
	row := Queue{QueueUrl: url}
	row.OtherAttributes = extract.Attributes(&row, o.Attributes)
	return row
}

var details = []extract.Detail[sqs.Client, Queue]{
	{Operation: "ListQueueTags", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *sqs.Client, q *Queue) error {
			o, err := c.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &q.QueueUrl})
			if err == nil {
				q.Tags = o.Tags
			}
			return err
		}},
}
