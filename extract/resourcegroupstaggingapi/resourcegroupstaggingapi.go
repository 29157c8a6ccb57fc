// Package resourcegroupstaggingapi collects the tags of resources of all
// services, and which keys and values are in use.
package resourcegroupstaggingapi

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"stocktake/extract"
	"stocktake/transform"
)

var service = extract.Service[resourcegroupstaggingapi.Client, resourcegroupstaggingapi.Options]{
	Info: extract.ServiceInfo{Name: "tagging", ID: resourcegroupstaggingapi.ServiceID, IAM: "tag"},
	New:  resourcegroupstaggingapi.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_tagging_resources", resourcegroupstaggingapi.NewGetResourcesPaginator,
		&resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(100), IncludeComplianceDetails: aws.Bool(true)},
		func(o *resourcegroupstaggingapi.GetResourcesOutput) []types.ResourceTagMapping {
			return o.ResourceTagMappingList
		}),
	extract.Tree(service, extract.Level[resourcegroupstaggingapi.Client, extract.Root, TagKey]{
		Table: "aws_tagging_tag_keys",
		Rows: extract.Pages(service, resourcegroupstaggingapi.NewGetTagKeysPaginator,
			extract.Always(&resourcegroupstaggingapi.GetTagKeysInput{}),
			func(o *resourcegroupstaggingapi.GetTagKeysOutput) []TagKey {
				return extract.Map(o.TagKeys, func(key string) TagKey { return TagKey{TagKey: &key} })
			}),
		Children: []extract.Branch[resourcegroupstaggingapi.Client, TagKey]{values},
	}),
}

// TagKey is a key that some tag in the region has.
type TagKey struct {
	TagKey *string
}

// TagValue is a value that some tag of a key has.
type TagValue struct {
	TagKey   *string
	TagValue *string
}

var values = extract.Level[resourcegroupstaggingapi.Client, TagKey, TagValue]{
	Table: "aws_tagging_tag_values",
	If:    func(k *TagKey) bool { return !transform.SecretTag(*k.TagKey) },
	Rows: extract.Pages(service, resourcegroupstaggingapi.NewGetTagValuesPaginator,
		func(k *TagKey) *resourcegroupstaggingapi.GetTagValuesInput {
			return &resourcegroupstaggingapi.GetTagValuesInput{Key: k.TagKey}
		},
		func(o *resourcegroupstaggingapi.GetTagValuesOutput) []TagValue {
			return extract.Map(o.TagValues, func(value string) TagValue { return TagValue{TagValue: &value} })
		}),
	Own: func(k *TagKey, v *TagValue) { v.TagKey = k.TagKey },
}
