package configservice

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/smithy-go"

	"stocktake/extract"
)

// expression selects what resources of all types have, and nothing of what one
// type alone has: environments, user data and passwords stand there.
var expression = aws.String("SELECT accountId, arn, availabilityZone, awsRegion, configurationItemCaptureTime, configurationItemStatus, " +
	"relationships, resourceCreationTime, resourceId, resourceName, resourceType, tags, version")

// Resource is what an answer to the expression tells of a resource.
type Resource struct {
	AccountId                    *string
	Arn                          *string
	AvailabilityZone             *string
	AwsRegion                    *string
	ConfigurationItemCaptureTime *string
	ConfigurationItemStatus      *string
	Relationships                []Relationship
	ResourceCreationTime         *string
	ResourceId                   *string
	ResourceName                 *string
	ResourceType                 *string
	Tags                         []types.Tag
	Version                      *string
}

// Relationship is another resource that a resource is in, on, or with.
type Relationship struct {
	ResourceId   *string
	ResourceName *string
	ResourceType *string
}

// AggregateResource is a Resource that an aggregator knows.
type AggregateResource struct {
	ConfigurationAggregatorName *string
	Resource
}

// Pages of the two queries, their documents decoded. They are called as the
// SDK's are, since the operations are named after them.
type (
	// SelectResourceConfigOutput is a page of resources.
	SelectResourceConfigOutput struct{ Resources []Resource }
	// SelectAggregateResourceConfigOutput is a page of an aggregator's.
	SelectAggregateResourceConfigOutput struct{ Resources []AggregateResource }
)

// query decodes the pages of a pager of the SDK.
type query[Out, Page any] struct {
	extract.Pager[Out, configservice.Options]
	decode func(*Out) (*Page, error)
}

// NextPage returns the next page.
func (q query[Out, Page]) NextPage(ctx context.Context, options ...func(*configservice.Options)) (*Page, error) {
	out, err := q.Pager.NextPage(ctx, options...)
	if err != nil {
		return nil, err
	}
	return q.decode(out)
}

// decoded makes rows of documents. What it cannot read fails the query: a
// document without its key is of no use.
func decoded[R any](documents []string) ([]R, error) {
	rows := make([]R, len(documents))
	for i, document := range documents {
		if err := json.Unmarshal([]byte(document), &rows[i]); err != nil {
			return nil, &smithy.DeserializationError{Err: fmt.Errorf("decode resource %d of the page: %w", i, err)}
		}
	}
	return rows, nil
}

type resourceQuery = query[configservice.SelectResourceConfigOutput, SelectResourceConfigOutput]

func newResourceQuery(
	c configservice.SelectResourceConfigAPIClient, in *configservice.SelectResourceConfigInput, options ...func(*configservice.SelectResourceConfigPaginatorOptions),
) resourceQuery {
	return resourceQuery{configservice.NewSelectResourceConfigPaginator(c, in, options...),
		func(o *configservice.SelectResourceConfigOutput) (*SelectResourceConfigOutput, error) {
			rows, err := decoded[Resource](o.Results)
			return &SelectResourceConfigOutput{rows}, err
		}}
}

type aggregateQuery = query[configservice.SelectAggregateResourceConfigOutput, SelectAggregateResourceConfigOutput]

func newAggregateQuery(
	c configservice.SelectAggregateResourceConfigAPIClient, in *configservice.SelectAggregateResourceConfigInput,
	options ...func(*configservice.SelectAggregateResourceConfigPaginatorOptions),
) aggregateQuery {
	return aggregateQuery{configservice.NewSelectAggregateResourceConfigPaginator(c, in, options...),
		func(o *configservice.SelectAggregateResourceConfigOutput) (*SelectAggregateResourceConfigOutput, error) {
			rows, err := decoded[AggregateResource](o.Results)
			return &SelectAggregateResourceConfigOutput{rows}, err
		}}
}

var resources = extract.Level[configservice.Client, Recorder, Resource]{
	Table: "aws_config_resources",
	If:    first,
	Rows: extract.Pages(service, newResourceQuery,
		func(*Recorder) *configservice.SelectResourceConfigInput {
			return &configservice.SelectResourceConfigInput{Expression: expression, Limit: 100}
		},
		func(o *SelectResourceConfigOutput) []Resource { return o.Resources }),
}

// Aggregator is a types.ConfigurationAggregator with its tags.
type Aggregator struct {
	types.ConfigurationAggregator
	extract.Incomplete
	Tags []types.Tag
}

// aggregated needs no recorder where the aggregator is. Its rows stand with the
// account and region of the aggregator, whose call it is that fails; those of
// the resource are columns.
var aggregated = extract.Tree(service, extract.Level[configservice.Client, extract.Root, Aggregator]{
	Table: "aws_config_aggregators",
	Rows: extract.Pages(service, configservice.NewDescribeConfigurationAggregatorsPaginator,
		extract.Always(&configservice.DescribeConfigurationAggregatorsInput{}),
		func(o *configservice.DescribeConfigurationAggregatorsOutput) []Aggregator {
			return extract.Map(o.ConfigurationAggregators, func(a types.ConfigurationAggregator) Aggregator {
				return Aggregator{ConfigurationAggregator: a}
			})
		}),
	Details: []extract.Detail[configservice.Client, Aggregator]{
		tags(func(a *Aggregator) *string { return a.ConfigurationAggregatorArn }, func(a *Aggregator) *[]types.Tag { return &a.Tags }),
	},
	Children: []extract.Branch[configservice.Client, Aggregator]{aggregateResources},
})

var aggregateResources = extract.Level[configservice.Client, Aggregator, AggregateResource]{
	Table: "aws_config_aggregate_resources",
	Gone:  []string{"NoSuchConfigurationAggregatorException"},
	Rows: extract.Pages(service, newAggregateQuery,
		func(a *Aggregator) *configservice.SelectAggregateResourceConfigInput {
			return &configservice.SelectAggregateResourceConfigInput{ConfigurationAggregatorName: a.ConfigurationAggregatorName, Expression: expression, Limit: 100}
		},
		func(o *SelectAggregateResourceConfigOutput) []AggregateResource { return o.Resources }),
	Own: func(a *Aggregator, r *AggregateResource) {
		r.ConfigurationAggregatorName = a.ConfigurationAggregatorName
	},
}
