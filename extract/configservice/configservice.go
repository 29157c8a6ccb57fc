// Package configservice collects what AWS Config records of resources, and what
// its rules find in them. The configuration of resources, in which secrets
// stand, is never asked for.
package configservice

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/smithy-go"

	"stocktake/extract"
)

var service = extract.Service[configservice.Client, configservice.Options]{
	Info: extract.ServiceInfo{Name: "config", ID: configservice.ServiceID},
	New:  configservice.NewFromConfig,
}

// Collectors of this service.
var Collectors = []extract.Collector{recorded(), aggregated}

// recorded is all that a region has only where a recorder is.
func recorded() extract.Collector {
	c := extract.Tree(service, extract.Level[configservice.Client, extract.Root, Recorder]{
		Table: "aws_config_configuration_recorders",
		Rows: extract.Once(service, recorders, extract.Always(&configservice.DescribeConfigurationRecordersInput{}),
			func(o *configservice.DescribeConfigurationRecordersOutput) []Recorder {
				rows := extract.Map(o.ConfigurationRecorders, func(r types.ConfigurationRecorder) Recorder {
					return Recorder{ConfigurationRecorder: r}
				})
				rows[0].first = true
				return rows
			}),
		Details:  recorderDetails,
		Children: []extract.Branch[configservice.Client, Recorder]{rules, compliance, counts, resources},
	})
	c.NotEnabled = off
	return c
}

const noRecorder = "NoAvailableConfigurationRecorderException"

// recorders makes an error of the empty list, by which AWS says that Config is
// off. The list has one recorder at most: that of the account, and none of
// those that other services keep for themselves.
func recorders(
	c *configservice.Client, ctx context.Context, in *configservice.DescribeConfigurationRecordersInput, options ...func(*configservice.Options),
) (*configservice.DescribeConfigurationRecordersOutput, error) {
	o, err := c.DescribeConfigurationRecorders(ctx, in, options...)
	if err == nil && len(o.ConfigurationRecorders) == 0 {
		return nil, &smithy.GenericAPIError{Code: noRecorder, Message: "There is no configuration recorder."}
	}
	return o, err
}

func off(code, message string) bool {
	return code == noRecorder && strings.Contains(message, "no configuration recorder")
}

// Recorder is a types.ConfigurationRecorder, what it is doing, and where it
// delivers to.
type Recorder struct {
	types.ConfigurationRecorder
	extract.Incomplete
	Tags            []types.Tag
	Status          *types.ConfigurationRecorderStatus
	DeliveryChannel *types.DeliveryChannel

	first bool // what is below recorders is the region's, and read once
}

func first(r *Recorder) bool { return r.first }

var recorderDetails = []extract.Detail[configservice.Client, Recorder]{
	{Operation: "DescribeConfigurationRecorderStatus", Columns: []string{"status"}, Absent: []string{"NoSuchConfigurationRecorderException"},
		Read: func(ctx context.Context, c *configservice.Client, r *Recorder) error {
			o, err := c.DescribeConfigurationRecorderStatus(ctx, &configservice.DescribeConfigurationRecorderStatusInput{ConfigurationRecorderNames: []string{*r.Name}})
			if err == nil && len(o.ConfigurationRecordersStatus) > 0 {
				r.Status = &o.ConfigurationRecordersStatus[0]
			}
			return err
		}},
	{Operation: "DescribeDeliveryChannels", Columns: []string{"delivery_channel"},
		Read: func(ctx context.Context, c *configservice.Client, r *Recorder) error {
			o, err := c.DescribeDeliveryChannels(ctx, &configservice.DescribeDeliveryChannelsInput{})
			if err == nil && len(o.DeliveryChannels) > 0 {
				r.DeliveryChannel = &o.DeliveryChannels[0] // a region has one at most
			}
			return err
		}},
	tags(func(r *Recorder) *string { return r.Arn }, func(r *Recorder) *[]types.Tag { return &r.Tags }),
}

// tags is the detail of rows that have tags.
func tags[R any](arn func(*R) *string, to func(*R) *[]types.Tag) extract.Detail[configservice.Client, R] {
	return extract.Detail[configservice.Client, R]{
		Operation: "ListTagsForResource", Columns: []string{"tags"}, Absent: []string{"ResourceNotFoundException"},
		Read: func(ctx context.Context, c *configservice.Client, r *R) error {
			list := []types.Tag{}
			if arn(r) == nil {
				*to(r) = list // what has no ARN cannot be tagged
				return nil
			}
			pager := configservice.NewListTagsForResourcePaginator(c, &configservice.ListTagsForResourceInput{ResourceArn: arn(r)})
			err := extract.EachPage(ctx, pager, func(o *configservice.ListTagsForResourceOutput) error {
				list = append(list, o.Tags...)
				return nil
			})
			if err == nil {
				*to(r) = list
			}
			return err
		},
	}
}

// Rule is a types.ConfigRule with how its evaluations went.
type Rule struct {
	types.ConfigRule
	extract.Incomplete
	Tags             []types.Tag
	EvaluationStatus *types.ConfigRuleEvaluationStatus
}

var rules = extract.Level[configservice.Client, Recorder, Rule]{
	Table: "aws_config_rules",
	If:    first,
	Rows: extract.Pages(service, configservice.NewDescribeConfigRulesPaginator,
		func(*Recorder) *configservice.DescribeConfigRulesInput {
			return &configservice.DescribeConfigRulesInput{}
		},
		func(o *configservice.DescribeConfigRulesOutput) []Rule {
			return extract.Map(o.ConfigRules, func(r types.ConfigRule) Rule { return Rule{ConfigRule: r} })
		}),
	Details: []extract.Detail[configservice.Client, Rule]{
		{Operation: "DescribeConfigRuleEvaluationStatus", Columns: []string{"evaluation_status"}, Batch: 25, ReadBatch: evaluations},
		tags(func(r *Rule) *string { return r.ConfigRuleArn }, func(r *Rule) *[]types.Tag { return &r.Tags }),
	},
	Children: []extract.Branch[configservice.Client, Rule]{violations},
}

// noRule is the code of a rule that was deleted after it was listed.
const noRule = "NoSuchConfigRuleException"

func evaluations(ctx context.Context, c *configservice.Client, rules []Rule) error {
	byName := map[string]*Rule{}
	in := &configservice.DescribeConfigRuleEvaluationStatusInput{Limit: 50}
	for i := range rules {
		in.ConfigRuleNames = append(in.ConfigRuleNames, *rules[i].ConfigRuleName)
		byName[*rules[i].ConfigRuleName] = &rules[i]
	}
	return extract.EachPage(ctx, configservice.NewDescribeConfigRuleEvaluationStatusPaginator(c, in),
		func(o *configservice.DescribeConfigRuleEvaluationStatusOutput) error {
			for _, s := range o.ConfigRulesEvaluationStatus {
				if r := byName[*s.ConfigRuleName]; r != nil {
					r.EvaluationStatus = &s
				}
			}
			return nil
		})
}

// violations are the resources that do not comply: those that do are no news,
// and many times as many.
var violations = extract.Level[configservice.Client, Rule, types.EvaluationResult]{
	Table: "aws_config_compliance_details",
	Gone:  []string{noRule},
	Rows: extract.Pages(service, configservice.NewGetComplianceDetailsByConfigRulePaginator,
		func(r *Rule) *configservice.GetComplianceDetailsByConfigRuleInput {
			return &configservice.GetComplianceDetailsByConfigRuleInput{
				ConfigRuleName: r.ConfigRuleName, ComplianceTypes: []types.ComplianceType{types.ComplianceTypeNonCompliant}, Limit: 100,
			}
		},
		func(o *configservice.GetComplianceDetailsByConfigRuleOutput) []types.EvaluationResult {
			return o.EvaluationResults
		}),
}

var compliance = extract.Level[configservice.Client, Recorder, types.ComplianceByConfigRule]{
	Table: "aws_config_rule_compliance",
	If:    first,
	Rows: extract.Pages(service, configservice.NewDescribeComplianceByConfigRulePaginator,
		func(*Recorder) *configservice.DescribeComplianceByConfigRuleInput {
			return &configservice.DescribeComplianceByConfigRuleInput{}
		},
		func(o *configservice.DescribeComplianceByConfigRuleOutput) []types.ComplianceByConfigRule {
			return o.ComplianceByConfigRules
		}),
}

var counts = extract.Level[configservice.Client, Recorder, types.ResourceCount]{
	Table: "aws_config_resource_counts",
	If:    first,
	Rows: extract.Pages(service, configservice.NewGetDiscoveredResourceCountsPaginator,
		func(*Recorder) *configservice.GetDiscoveredResourceCountsInput {
			return &configservice.GetDiscoveredResourceCountsInput{Limit: 100}
		},
		func(o *configservice.GetDiscoveredResourceCountsOutput) []types.ResourceCount {
			return o.ResourceCounts
		}),
}
