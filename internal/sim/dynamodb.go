package sim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func dynamodbService() service {
	return service{
		id: "DynamoDB", name: "dynamodb",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalServerError", "An error occurred on the server side.", 500}
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InternalServerError{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
		),
		operations: []operation{
			op(listTables, "Limit", "ExclusiveStartTableName"),
			op(describeTable, "TableName"),
			op(continuousBackups, "TableName"),
			op(timeToLive, "TableName"),
			op(tableTags, "ResourceArn", "NextToken"),
		},
	}
}

var tableNames = []string{"sessions", "carts", "idempotency", "feature-flags", "devices", "locks"}

// tables is the number of tables: the first is that which functions are told of.
func (s *site) tables() int { return (s.Functions + 1) / 2 }

func (s *site) tableName(n int) string {
	if n == 0 {
		return s.a.prod.name + "-" + s.a.env
	}
	return s.a.prod.name + "-" + s.a.env + "-" + pickOf(tableNames, n-1)
}

func (s *site) tableARN(n int) string { return s.arn("dynamodb", "table/"+s.tableName(n)) }

func (c *call) findTable(name *string) (*site, int, error) {
	s := c.site()
	n := indexOf(s.tables(), func(n int) bool { return s.tableName(n) == aws.ToString(name) || s.tableARN(n) == aws.ToString(name) })
	if n < 0 {
		return nil, 0, c.fault("ResourceNotFoundException", 400, "Requested resource not found: Table: %s not found", aws.ToString(name))
	}
	return s, n, nil
}

// listTables goes on after the table that the caller names.
func listTables(c *call, in *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	s := c.site()
	first := 0
	if in.ExclusiveStartTableName != nil {
		first = 1 + indexOf(s.tables(), func(n int) bool { return s.tableName(n) == *in.ExclusiveStartTableName })
	}
	items, next, err := page(c, request{nil, in.Limit}, limits{least: 1, most: 100}, s.tables()-first, all(func(i int) string { return s.tableName(first + i) }))
	out := &dynamodb.ListTablesOutput{TableNames: items}
	if next != nil {
		out.LastEvaluatedTableName = &items[len(items)-1]
	}
	return out, err
}

func describeTable(c *call, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	s, n, err := c.findTable(in.TableName)
	if err != nil {
		return nil, err
	}
	d := s.at("table", n).s("facts").draw()
	items := int64(d.n(4_000_000))
	table := &types.TableDescription{
		TableName: aws.String(s.tableName(n)), TableArn: aws.String(s.tableARN(n)), TableId: aws.String(d.uuid()), TableStatus: types.TableStatusActive,
		CreationDateTime: aws.Time(d.before(s.o.anchor, 1000)), ItemCount: aws.Int64(items), TableSizeBytes: aws.Int64(items * 220),
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		BillingModeSummary:        &types.BillingModeSummary{BillingMode: types.BillingModePayPerRequest},
		ProvisionedThroughput:     &types.ProvisionedThroughputDescription{ReadCapacityUnits: aws.Int64(0), WriteCapacityUnits: aws.Int64(0), NumberOfDecreasesToday: aws.Int64(0)},
		DeletionProtectionEnabled: aws.Bool(s.a.env == "prod" && d.chance(70)),
	}
	if d.chance(30) {
		table.BillingModeSummary.BillingMode = types.BillingModeProvisioned
		table.ProvisionedThroughput.ReadCapacityUnits, table.ProvisionedThroughput.WriteCapacityUnits = aws.Int64(int64(5*(1+d.n(20)))), aws.Int64(int64(5*(1+d.n(10))))
	}
	if d.chance(40) {
		table.SSEDescription = &types.SSEDescription{SSEType: types.SSETypeKms, Status: types.SSEStatusEnabled, KMSMasterKeyArn: aws.String(s.keyARN("dynamodb"))}
	}
	if d.chance(30) {
		label := table.CreationDateTime.Format("2006-01-02T15:04:05.000")
		table.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages}
		table.LatestStreamLabel, table.LatestStreamArn = aws.String(label), aws.String(s.tableARN(n)+"/stream/"+label)
	}
	return &dynamodb.DescribeTableOutput{Table: table}, nil
}

func continuousBackups(c *call, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	s, n, err := c.findTable(in.TableName)
	if err != nil {
		return nil, err
	}
	point := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if s.at("table", n).s("recovery").draw().chance(60) {
		latest := s.now.Truncate(5 * time.Minute)
		point.PointInTimeRecoveryStatus, point.RecoveryPeriodInDays = types.PointInTimeRecoveryStatusEnabled, aws.Int32(35)
		point.EarliestRestorableDateTime, point.LatestRestorableDateTime = aws.Time(latest.AddDate(0, 0, -35)), &latest
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: point,
	}}, nil
}

func timeToLive(c *call, in *dynamodb.DescribeTimeToLiveInput) (*dynamodb.DescribeTimeToLiveOutput, error) {
	s, n, err := c.findTable(in.TableName)
	if err != nil {
		return nil, err
	}
	item := &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	if s.at("table", n).s("expiry").draw().chance(45) {
		item.TimeToLiveStatus, item.AttributeName = types.TimeToLiveStatusEnabled, aws.String("expires_at")
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: item}, nil
}

func tableTags(c *call, in *dynamodb.ListTagsOfResourceInput) (*dynamodb.ListTagsOfResourceOutput, error) {
	s, n, err := c.findTable(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	count, at := of(tagList(s.o.resourceTags(s.a, s.at("table", n), "", "database"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }))
	items, next, err := page(c, request{in.NextToken, nil}, limits{most: 10}, count, at)
	return &dynamodb.ListTagsOfResourceOutput{Tags: items, NextToken: next}, err
}
