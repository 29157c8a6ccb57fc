package sim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"
)

func taggingService() service {
	return service{
		id: "Resource Groups Tagging API", name: "resourcegroupstaggingapi", prefix: "tag",
		dialect: jsonDialect.with(func(d *dialect) {
			d.throttled = Fault{"ThrottledException", "Rate exceeded", 400}
			d.internal = Fault{"InternalServiceException", "The request could not be processed.", 500}
			d.badToken, d.badInput = "PaginationTokenExpiredException", "InvalidParameterException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.ThrottledException{Message: m} },
			func(m *string) smithy.APIError { return &types.InternalServiceException{Message: m} },
			func(m *string) smithy.APIError { return &types.PaginationTokenExpiredException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidParameterException{Message: m} },
		),
		operations: []operation{
			op(taggedResources, "ResourcesPerPage", "IncludeComplianceDetails", "PaginationToken"),
			op(tagKeys, "PaginationToken"),
			op(tagValues, "Key", "PaginationToken"),
		},
	}
}

// required are the keys that the company's tag policy demands.
var required = []string{"cost-centre", "environment", "owner"}

// compliance holds tags against the company's policy.
func compliance(tags []tag) *types.ComplianceDetails {
	d := &types.ComplianceDetails{KeysWithNoncompliantValues: []string{}, MissingTagKeys: []string{}, NoncompliantKeys: []string{}}
	for _, key := range required {
		if !slices.ContainsFunc(tags, func(t tag) bool { return t.key == key }) {
			d.MissingTagKeys = append(d.MissingTagKeys, key)
		}
	}
	if slices.ContainsFunc(tags, func(t tag) bool { return t.key == "Owner" }) {
		d.NoncompliantKeys = append(d.NoncompliantKeys, "Owner")
	}
	d.ComplianceStatus = aws.Bool(len(d.MissingTagKeys)+len(d.NoncompliantKeys) == 0)
	return d
}

// taggedResources leaves out what never had a tag.
func taggedResources(c *call, in *resourcegroupstaggingapi.GetResourcesInput) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	s := c.site()
	items, next, err := page(c, request{in.PaginationToken, in.ResourcesPerPage}, limits{least: 1, most: 100, standard: 50}, s.things(), func(n int) (types.ResourceTagMapping, bool) {
		t := s.thing(n)
		item := types.ResourceTagMapping{
			ResourceARN: aws.String(t.arn),
			Tags:        tagList(t.tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
		}
		if aws.ToBool(in.IncludeComplianceDetails) {
			item.ComplianceDetails = compliance(t.tags)
		}
		return item, len(t.tags) > 0
	})
	return &resourcegroupstaggingapi.GetResourcesOutput{ResourceTagMappingList: items, PaginationToken: ended(next)}, err
}

// ended is the token of an answer: this service says with an empty one that there is no more.
func ended(token *string) *string {
	if token == nil {
		return aws.String("")
	}
	return token
}

// tagTexts are the different texts that part takes of the tags of a site, in order.
func (s *site) tagTexts(part func(tag) (string, bool)) []string {
	var texts []string
	for n := range s.things() {
		for _, t := range s.thing(n).tags {
			if text, ok := part(t); ok {
				texts = append(texts, text)
			}
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

var tagPages = limits{least: 1, most: 100}

func tagKeys(c *call, in *resourcegroupstaggingapi.GetTagKeysInput) (*resourcegroupstaggingapi.GetTagKeysOutput, error) {
	n, at := of(c.site().tagTexts(func(t tag) (string, bool) { return t.key, true }))
	keys, next, err := page(c, request{token: in.PaginationToken}, tagPages, n, at)
	return &resourcegroupstaggingapi.GetTagKeysOutput{TagKeys: keys, PaginationToken: ended(next)}, err
}

func tagValues(c *call, in *resourcegroupstaggingapi.GetTagValuesInput) (*resourcegroupstaggingapi.GetTagValuesOutput, error) {
	n, at := of(c.site().tagTexts(func(t tag) (string, bool) { return t.value, t.key == aws.ToString(in.Key) }))
	values, next, err := page(c, request{token: in.PaginationToken}, tagPages, n, at)
	return &resourcegroupstaggingapi.GetTagValuesOutput{TagValues: values, PaginationToken: ended(next)}, err
}
