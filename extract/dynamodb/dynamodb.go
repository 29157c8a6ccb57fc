// Package dynamodb collects tables. Their items are never read.
package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"stocktake/extract"
)

var service = extract.Service[dynamodb.Client, dynamodb.Options]{
	Info: extract.ServiceInfo{Name: "dynamodb", ID: dynamodb.ServiceID},
	New:  dynamodb.NewFromConfig,
}

const gone = "ResourceNotFoundException"

// Table is a types.TableDescription with its backups, expiry and tags.
type Table struct {
	types.TableDescription
	extract.Incomplete
	Tags              []types.Tag
	ContinuousBackups *types.ContinuousBackupsDescription
	TimeToLive        *types.TimeToLiveDescription
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.Tree(service, extract.Level[dynamodb.Client, extract.Root, Table]{
		Table: "aws_dynamodb_tables",
		Rows: extract.Described(
			extract.Pages(service, dynamodb.NewListTablesPaginator, extract.Always(&dynamodb.ListTablesInput{Limit: aws.Int32(100)}),
				func(o *dynamodb.ListTablesOutput) []string { return o.TableNames }),
			extract.DescribeEach((*dynamodb.Client).DescribeTable,
				func(_ *extract.Root, name string) *dynamodb.DescribeTableInput {
					return &dynamodb.DescribeTableInput{TableName: &name}
				},
				func(o *dynamodb.DescribeTableOutput) Table { return Table{TableDescription: *o.Table} }).Gone(gone).
				Else(func(_ *extract.Root, name string) Table {
					return Table{TableDescription: types.TableDescription{TableName: &name}}
				}, "table_name", "arn", "continuous_backups", "time_to_live")),
		Details: details,
	}),
}

var details = []extract.Detail[dynamodb.Client, Table]{
	{Operation: "DescribeContinuousBackups", Columns: []string{"continuous_backups"},
		Read: func(ctx context.Context, c *dynamodb.Client, t *Table) error {
			o, err := c.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: t.TableName})
			if err == nil {
				t.ContinuousBackups = o.ContinuousBackupsDescription
			}
			return err
		}},
	{Operation: "DescribeTimeToLive", Columns: []string{"time_to_live"},
		Read: func(ctx context.Context, c *dynamodb.Client, t *Table) error {
			o, err := c.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: t.TableName})
			if err == nil {
				t.TimeToLive = o.TimeToLiveDescription
			}
			return err
		}},
	{Operation: "ListTagsOfResource", Columns: []string{"tags"},
		Read: func(ctx context.Context, c *dynamodb.Client, t *Table) error {
			if t.TableArn == nil {
				return nil // nor described: the row says already that its tags are unknown
			}
			tags := []types.Tag{}
			in := &dynamodb.ListTagsOfResourceInput{ResourceArn: t.TableArn}
			for {
				o, err := c.ListTagsOfResource(ctx, in)
				if err != nil {
					return err
				}
				tags = append(tags, o.Tags...)
				if o.NextToken == nil {
					t.Tags = tags
					return nil
				}
				in.NextToken = o.NextToken
			}
		}},
}
