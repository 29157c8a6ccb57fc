package sim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	configtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// TestOthersKnowTheSame holds what AWS Config and the tagging API say of volumes against the volumes, an aggregator
// against the regions that it gathers, and counts against lists.
func TestOthersKnowTheSame(t *testing.T) {
	o := New(Options{Accounts: 12, Seed: 3})
	recorded, off, unencrypted := map[string]bool{}, 0, 0
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" {
			continue
		}
		for _, region := range o.regions {
			cfg := in(t, o, a.ID, region)
			volumes := map[string]ec2types.Volume{}
			for _, v := range must(drain(t.Context(), ec2.NewDescribeVolumesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeVolumesInput{}),
				func(o *ec2.DescribeVolumesOutput) []ec2types.Volume { return o.Volumes })) {
				volumes[*v.VolumeId] = v
			}
			tagsAgree(t, cfg, volumes)
			c := configservice.NewFromConfig(cfg)
			here := resourcesOf(t, must(drain(t.Context(), configservice.NewSelectResourceConfigPaginator(c,
				&configservice.SelectResourceConfigInput{Expression: aws.String("SELECT accountId, awsRegion, resourceId, resourceType"), Limit: 7}),
				func(o *configservice.SelectResourceConfigOutput) []string { return o.Results })))
			recorders := must(c.DescribeConfigurationRecorders(t.Context(), &configservice.DescribeConfigurationRecordersInput{}))
			if len(recorders.ConfigurationRecorders) == 0 {
				off++
				if len(here) > 0 {
					t.Errorf("%s %s: got %d resources without a recorder", a.ID, region, len(here))
				}
				continue
			}
			counts := must(c.GetDiscoveredResourceCounts(t.Context(), &configservice.GetDiscoveredResourceCountsInput{}))
			if int(counts.TotalDiscoveredResources) != len(here) {
				t.Errorf("%s %s: got %d resources counted and %d listed", a.ID, region, counts.TotalDiscoveredResources, len(here))
			}
			for id := range volumes {
				if !here[a.ID+" "+region+" AWS::EC2::Volume "+id] {
					t.Errorf("%s %s: AWS Config does not know volume %s", a.ID, region, id)
				}
			}
			maps.Copy(recorded, here)
			unencrypted += violationsAgree(t, c, volumes)
		}
	}
	aggregated := resourcesOf(t, must(drain(t.Context(), configservice.NewSelectAggregateResourceConfigPaginator(configservice.NewFromConfig(in(t, o, o.security.id, o.regions[0])),
		&configservice.SelectAggregateResourceConfigInput{ConfigurationAggregatorName: aws.String(aggregatorName), Expression: aws.String("SELECT accountId, awsRegion, resourceId, resourceType")}),
		func(o *configservice.SelectAggregateResourceConfigOutput) []string { return o.Results })))
	if !maps.Equal(aggregated, recorded) {
		t.Errorf("the aggregator knows %d resources, the regions %d", len(aggregated), len(recorded))
	}
	if off == 0 || unencrypted == 0 || len(recorded) == 0 {
		t.Errorf("got %d regions without a recorder, %d volumes in the clear, %d resources, want some of each", off, unencrypted, len(recorded))
	}
}

func resourcesOf(t *testing.T, documents []string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, d := range documents {
		var r struct{ AccountID, AwsRegion, ResourceID, ResourceType string }
		if err := json.Unmarshal([]byte(d), &r); err != nil {
			t.Fatal(err)
		}
		known[strings.Join([]string{r.AccountID, r.AwsRegion, r.ResourceType, r.ResourceID}, " ")] = true
	}
	if len(known) != len(documents) {
		t.Errorf("got %d documents of %d resources", len(documents), len(known))
	}
	return known
}

// tagsAgree compares tags with those that volumes have, and the lists of keys and values with tags.
func tagsAgree(t *testing.T, cfg aws.Config, volumes map[string]ec2types.Volume) {
	t.Helper()
	c := resourcegroupstaggingapi.NewFromConfig(cfg)
	want := map[string]map[string]bool{}
	for _, r := range must(drain(t.Context(), resourcegroupstaggingapi.NewGetResourcesPaginator(c, &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(9)}),
		func(o *resourcegroupstaggingapi.GetResourcesOutput) []taggingtypes.ResourceTagMapping {
			return o.ResourceTagMappingList
		})) {
		tags := map[string]string{}
		for _, tag := range r.Tags {
			tags[*tag.Key] = *tag.Value
			if want[*tag.Key] == nil {
				want[*tag.Key] = map[string]bool{}
			}
			want[*tag.Key][*tag.Value] = true
		}
		if _, id, ok := strings.Cut(*r.ResourceARN, ":volume/"); ok {
			own := map[string]string{}
			for _, tag := range volumes[id].Tags {
				own[*tag.Key] = *tag.Value
			}
			if !maps.Equal(own, tags) {
				t.Errorf("volume %s: got tags %v, want its own %v", id, tags, own)
			}
		}
	}
	keys := must(drain(t.Context(), resourcegroupstaggingapi.NewGetTagKeysPaginator(c, &resourcegroupstaggingapi.GetTagKeysInput{}),
		func(o *resourcegroupstaggingapi.GetTagKeysOutput) []string { return o.TagKeys }))
	if !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
		t.Errorf("got tag keys %q, want %q", keys, slices.Sorted(maps.Keys(want)))
	}
	for _, key := range keys {
		values := must(drain(t.Context(), resourcegroupstaggingapi.NewGetTagValuesPaginator(c, &resourcegroupstaggingapi.GetTagValuesInput{Key: &key}),
			func(o *resourcegroupstaggingapi.GetTagValuesOutput) []string { return o.TagValues }))
		if !slices.Equal(values, slices.Sorted(maps.Keys(want[key]))) {
			t.Errorf("values of tag %s: got %q, want %q", key, values, slices.Sorted(maps.Keys(want[key])))
		}
	}
}

// violationsAgree compares what does not comply with a rule with volumes, and with its count.
func violationsAgree(t *testing.T, c *configservice.Client, volumes map[string]ec2types.Volume) int {
	t.Helper()
	const rule = "encrypted-volumes"
	found := must(drain(t.Context(), configservice.NewGetComplianceDetailsByConfigRulePaginator(c, &configservice.GetComplianceDetailsByConfigRuleInput{
		ConfigRuleName: aws.String(rule), ComplianceTypes: []configtypes.ComplianceType{configtypes.ComplianceTypeNonCompliant}, Limit: 2,
	}), func(o *configservice.GetComplianceDetailsByConfigRuleOutput) []configtypes.EvaluationResult {
		return o.EvaluationResults
	}))
	got := map[string]bool{}
	for _, r := range found {
		got[*r.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId] = true
	}
	want := map[string]bool{}
	for id, v := range volumes {
		if !*v.Encrypted {
			want[id] = true
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("volumes in the clear: got %v, want %v", got, want)
	}
	for _, r := range must(c.DescribeComplianceByConfigRule(t.Context(), &configservice.DescribeComplianceByConfigRuleInput{})).ComplianceByConfigRules {
		count := int32(0)
		if r.Compliance.ComplianceContributorCount != nil {
			count = r.Compliance.ComplianceContributorCount.CappedCount
		}
		if *r.ConfigRuleName == rule && int(count) != min(len(want), 25) {
			t.Errorf("got %d volumes counted that do not comply, want %d", count, len(want))
		}
	}
	return len(want)
}
