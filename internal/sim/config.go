package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
)

func configService() service {
	return service{
		id: "Config Service", name: "configservice", prefix: "config",
		dialect: jsonDialect.with(func(d *dialect) {
			d.internal = Fault{"InternalFailure", "The request could not be processed.", 500}
			d.badToken, d.badInput = "InvalidNextTokenException", "InvalidLimitException"
		}),
		errors: model(
			func(m *string) smithy.APIError { return &types.InvalidNextTokenException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidLimitException{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchConfigRuleException{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchConfigurationRecorderException{Message: m} },
			func(m *string) smithy.APIError { return &types.NoSuchConfigurationAggregatorException{Message: m} },
			func(m *string) smithy.APIError { return &types.InvalidExpressionException{Message: m} },
			func(m *string) smithy.APIError { return &types.ResourceNotFoundException{Message: m} },
			func(m *string) smithy.APIError { return &types.NoAvailableConfigurationRecorderException{Message: m} },
		),
		notEnabled: Fault{"NoAvailableConfigurationRecorderException", "There are no configuration recorders available.", 400},
		operations: []operation{
			op(describeRecorders),
			op(describeRecorderStatus, "ConfigurationRecorderNames"),
			op(describeDeliveryChannels),
			op(describeConfigRules, "NextToken"),
			op(describeRuleEvaluations, "ConfigRuleNames", "Limit", "NextToken"),
			op(describeRuleCompliance, "NextToken"),
			op(ruleDetails, "ConfigRuleName", "ComplianceTypes", "Limit", "NextToken"),
			op(resourceCounts, "Limit", "NextToken"),
			op(selectResources, "Expression", "Limit", "NextToken"),
			op(describeAggregators, "NextToken"),
			op(selectAggregateResources, "ConfigurationAggregatorName", "Expression", "Limit", "NextToken"),
			op(configTags, "ResourceArn", "NextToken"),
		},
	}
}

// recorded says whether AWS Config is on: where nobody is at work it was left off, and in the sandboxes it costs too much.
func (s *site) recorded() bool {
	return s.a.kind != kindSandbox && s.o.activity(s.a, s.region) > empty
}

const recorderName = "default"

func (s *site) recorderARN() string {
	return s.arn("config", "configuration-recorder/"+recorderName+"/"+s.seed.s("recorder").draw().lower(16))
}

func (s *site) recorder() types.ConfigurationRecorder {
	return types.ConfigurationRecorder{
		Name: aws.String(recorderName), Arn: aws.String(s.recorderARN()), RecordingScope: types.RecordingScopePaid,
		RoleARN: aws.String(s.o.arn("iam", "", s.a.id, "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")),
		RecordingGroup: &types.RecordingGroup{
			AllSupported: true, IncludeGlobalResourceTypes: s.region == s.o.regions[0], ResourceTypes: []types.ResourceType{},
			ExclusionByResourceTypes: &types.ExclusionByResourceTypes{ResourceTypes: []types.ResourceType{}},
			RecordingStrategy:        &types.RecordingStrategy{UseOnly: types.RecordingStrategyTypeAllSupportedResourceTypes},
		},
		RecordingMode: &types.RecordingMode{RecordingFrequency: types.RecordingFrequencyContinuous, RecordingModeOverrides: []types.RecordingModeOverride{}},
	}
}

func describeRecorders(c *call, _ *configservice.DescribeConfigurationRecordersInput) (*configservice.DescribeConfigurationRecordersOutput, error) {
	out := &configservice.DescribeConfigurationRecordersOutput{ConfigurationRecorders: []types.ConfigurationRecorder{}}
	if s := c.site(); s.recorded() {
		out.ConfigurationRecorders = append(out.ConfigurationRecorders, s.recorder())
	}
	return out, nil
}

func describeRecorderStatus(c *call, in *configservice.DescribeConfigurationRecorderStatusInput) (*configservice.DescribeConfigurationRecorderStatusOutput, error) {
	s := c.site()
	out := &configservice.DescribeConfigurationRecorderStatusOutput{ConfigurationRecordersStatus: []types.ConfigurationRecorderStatus{}}
	for _, name := range in.ConfigurationRecorderNames {
		if name != recorderName || !s.recorded() {
			return nil, c.fault("NoSuchConfigurationRecorderException", 400, "Cannot find configuration recorder with the specified name '%s'.", name)
		}
	}
	if !s.recorded() {
		return out, nil
	}
	d := s.seed.s("recorder status").draw()
	at, _ := cycle(d, s.o.anchor, s.now, 10*time.Minute)
	status := types.ConfigurationRecorderStatus{
		Name: aws.String(recorderName), Arn: aws.String(s.recorderARN()), Recording: true, LastStatus: types.RecorderStatusSuccess,
		LastStartTime: aws.Time(d.before(s.o.anchor, 900)), LastStatusChangeTime: aws.Time(at),
	}
	if s.a.env == "dev" && d.chance(30) { // somebody saves money
		status.Recording, status.LastStopTime = false, aws.Time(d.before(s.o.anchor, 60))
	}
	out.ConfigurationRecordersStatus = append(out.ConfigurationRecordersStatus, status)
	return out, nil
}

func describeDeliveryChannels(c *call, _ *configservice.DescribeDeliveryChannelsInput) (*configservice.DescribeDeliveryChannelsOutput, error) {
	s := c.site()
	out := &configservice.DescribeDeliveryChannelsOutput{DeliveryChannels: []types.DeliveryChannel{}}
	if !s.recorded() {
		return out, nil
	}
	channel := types.DeliveryChannel{
		Name: aws.String(recorderName), S3BucketName: aws.String("larkfield-config-history"), S3KeyPrefix: aws.String(s.a.id),
		ConfigSnapshotDeliveryProperties: &types.ConfigSnapshotDeliveryProperties{DeliveryFrequency: types.MaximumExecutionFrequencyTwentyFourHours},
	}
	out.DeliveryChannels = append(out.DeliveryChannels, channel)
	return out, nil
}

// configRule is a rule of the company.
type configRule struct {
	name       string
	identifier string // of AWS's rule
	kind       string // of the things that it looks at
	parameters string
	percent    int // of those that do not comply
	annotation string
}

// configRules look at what the inventory has.
var configRules = []configRule{
	{"required-tags", "REQUIRED_TAGS", "AWS::EC2::Instance", `{"tag1Key":"owner","tag2Key":"cost-centre","tag3Key":"environment"}`, 0, ""},
	{"encrypted-volumes", "ENCRYPTED_VOLUMES", "AWS::EC2::Volume", "", 0, ""},
	{"rds-storage-encrypted", "RDS_STORAGE_ENCRYPTED", "AWS::RDS::DBInstance", "", 0, ""},
	{"ec2-imdsv2-check", "EC2_IMDSV2_CHECK", "AWS::EC2::Instance", "", 12, "The instance answers requests for metadata without a token."},
	{"lambda-function-settings-check", "LAMBDA_FUNCTION_SETTINGS_CHECK", "AWS::Lambda::Function", `{"runtime":"python3.12,nodejs20.x,java21,provided.al2023"}`, 25, "The runtime is not among those that are allowed."},
	{"vpc-default-security-group-closed", "VPC_DEFAULT_SECURITY_GROUP_CLOSED", "AWS::EC2::SecurityGroup", "", 5, ""},
	{"subnet-auto-assign-public-ip-disabled", "SUBNET_AUTO_ASSIGN_PUBLIC_IP_DISABLED", "AWS::EC2::Subnet", "", 30, ""},
}

// complies holds a thing against a rule. Where another table tells, the rule agrees with it.
func (s *site) complies(r configRule, n int, t thing) bool {
	switch r.identifier {
	case "REQUIRED_TAGS":
		return len(compliance(t.tags).MissingTagKeys) == 0
	case "ENCRYPTED_VOLUMES":
		return s.disk(n).encrypted
	case "RDS_STORAGE_ENCRYPTED":
		return s.database(n).encrypted
	case "SUBNET_AUTO_ASSIGN_PUBLIC_IP_DISABLED":
		return s.tier(n) != "public"
	}
	return !s.seed.s(r.identifier).s(t.id).draw().chance(r.percent)
}

// violations are the things of a site that do not comply with a rule.
func (s *site) violations(r configRule) []thing {
	var list []thing
	for _, k := range s.inventory() {
		if k.name != r.kind {
			continue
		}
		for n := range k.n {
			if t := s.thingOf(k, n); !s.complies(r, n, t) {
				list = append(list, t)
			}
		}
	}
	return list
}

func (s *site) ruleFacts(n int) (id, arn string) {
	id = "config-rule-" + s.at("config rule", n).draw().lower(6)
	return id, s.arn("config", "config-rule/"+id)
}

func (s *site) configRule(n int) types.ConfigRule {
	r := configRules[n]
	id, arn := s.ruleFacts(n)
	rule := types.ConfigRule{
		ConfigRuleName: aws.String(r.name), ConfigRuleId: aws.String(id), ConfigRuleArn: aws.String(arn), ConfigRuleState: types.ConfigRuleStateActive,
		Description:     aws.String("Company baseline: " + strings.ReplaceAll(r.name, "-", " ")),
		Source:          &types.Source{Owner: types.OwnerAws, SourceIdentifier: aws.String(r.identifier)},
		Scope:           &types.Scope{ComplianceResourceTypes: []string{r.kind}},
		EvaluationModes: []types.EvaluationModeConfiguration{{Mode: types.EvaluationModeDetective}},
	}
	if r.parameters != "" {
		rule.InputParameters = aws.String(r.parameters)
	}
	return rule
}

// rulesHere is how many rules a site has.
func (s *site) rulesHere() int {
	if !s.recorded() {
		return 0
	}
	return len(configRules)
}

var rulePages = limits{least: 1, most: 25}

func describeConfigRules(c *call, in *configservice.DescribeConfigRulesInput) (*configservice.DescribeConfigRulesOutput, error) {
	s := c.site()
	items, next, err := page(c, request{token: in.NextToken}, rulePages, s.rulesHere(), all(s.configRule))
	return &configservice.DescribeConfigRulesOutput{ConfigRules: items, NextToken: next}, err
}

// findRule finds the rule of a name.
func (c *call) findRule(s *site, name string) (int, error) {
	n := indexOf(s.rulesHere(), func(n int) bool { return configRules[n].name == name })
	if n < 0 {
		return 0, c.fault("NoSuchConfigRuleException", 400, "The ConfigRule '%s' provided in the request is invalid. Please check the configRule name", name)
	}
	return n, nil
}

// evaluated is when a rule ran last.
func (s *site) evaluated(n int) time.Time {
	at, _ := cycle(s.at("config evaluation", n).draw(), s.o.anchor, s.now, 12*time.Hour)
	return at
}

func describeRuleEvaluations(c *call, in *configservice.DescribeConfigRuleEvaluationStatusInput) (*configservice.DescribeConfigRuleEvaluationStatusOutput, error) {
	s := c.site()
	if len(in.ConfigRuleNames) > 25 {
		return nil, c.fault("ValidationException", 400, "Value at 'configRuleNames' failed to satisfy constraint: Member must have length less than or equal to 25")
	}
	positions := make([]int, s.rulesHere())
	for n := range positions {
		positions[n] = n
	}
	if len(in.ConfigRuleNames) > 0 {
		positions = positions[:0]
		for _, name := range in.ConfigRuleNames {
			n, err := c.findRule(s, name)
			if err != nil {
				return nil, err
			}
			positions = append(positions, n)
		}
	}
	items, next, err := page(c, request{in.NextToken, &in.Limit}, limits{least: 1, most: 50}, len(positions), all(func(i int) types.ConfigRuleEvaluationStatus {
		n := positions[i]
		id, arn := s.ruleFacts(n)
		at := s.evaluated(n)
		return types.ConfigRuleEvaluationStatus{
			ConfigRuleName: aws.String(configRules[n].name), ConfigRuleId: aws.String(id), ConfigRuleArn: aws.String(arn),
			FirstActivatedTime: aws.Time(s.at("config rule", n).draw().before(s.o.anchor, 700)), FirstEvaluationStarted: true,
			LastSuccessfulInvocationTime: aws.Time(at), LastSuccessfulEvaluationTime: aws.Time(at),
		}
	}))
	return &configservice.DescribeConfigRuleEvaluationStatusOutput{ConfigRulesEvaluationStatus: items, NextToken: next}, err
}

// describeRuleCompliance counts violations up to a cap, as AWS does.
func describeRuleCompliance(c *call, in *configservice.DescribeComplianceByConfigRuleInput) (*configservice.DescribeComplianceByConfigRuleOutput, error) {
	const cap = 25
	s := c.site()
	items, next, err := page(c, request{token: in.NextToken}, rulePages, s.rulesHere(), all(func(n int) types.ComplianceByConfigRule {
		r := configRules[n]
		item := types.ComplianceByConfigRule{ConfigRuleName: aws.String(r.name), Compliance: &types.Compliance{ComplianceType: types.ComplianceTypeInsufficientData}}
		if slices.ContainsFunc(s.inventory(), func(k inventoryKind) bool { return k.name == r.kind && k.n > 0 }) {
			item.Compliance.ComplianceType = types.ComplianceTypeCompliant
		}
		if bad := len(s.violations(r)); bad > 0 {
			item.Compliance = &types.Compliance{
				ComplianceType:             types.ComplianceTypeNonCompliant,
				ComplianceContributorCount: &types.ComplianceContributorCount{CappedCount: int32(min(bad, cap)), CapExceeded: bad > cap},
			}
		}
		return item
	}))
	return &configservice.DescribeComplianceByConfigRuleOutput{ComplianceByConfigRules: items, NextToken: next}, err
}

// ruleDetails answers what does not comply, and nothing else: who wants more is told so.
func ruleDetails(c *call, in *configservice.GetComplianceDetailsByConfigRuleInput) (*configservice.GetComplianceDetailsByConfigRuleOutput, error) {
	if !slices.Equal(in.ComplianceTypes, []types.ComplianceType{types.ComplianceTypeNonCompliant}) {
		return nil, fmt.Errorf("simulated organization: GetComplianceDetailsByConfigRule plays NON_COMPLIANT alone, got %v", in.ComplianceTypes)
	}
	s := c.site()
	n, err := c.findRule(s, aws.ToString(in.ConfigRuleName))
	if err != nil {
		return nil, err
	}
	r, at := configRules[n], s.evaluated(n)
	count, thingAt := of(s.violations(r))
	items, next, err := page(c, request{in.NextToken, &in.Limit}, limits{least: 1, most: 100, standard: 10}, count, func(i int) (types.EvaluationResult, bool) {
		t, _ := thingAt(i)
		result := types.EvaluationResult{
			ComplianceType: types.ComplianceTypeNonCompliant, ConfigRuleInvokedTime: aws.Time(at), ResultRecordedTime: aws.Time(at.Add(2 * time.Second)),
			EvaluationResultIdentifier: &types.EvaluationResultIdentifier{
				OrderingTimestamp: aws.Time(at.Add(-time.Minute)),
				EvaluationResultQualifier: &types.EvaluationResultQualifier{
					ConfigRuleName: aws.String(r.name), ResourceType: aws.String(t.kind), ResourceId: aws.String(t.id), EvaluationMode: types.EvaluationModeDetective,
				},
			},
		}
		if r.annotation != "" {
			result.Annotation = aws.String(r.annotation)
		}
		return result, true
	})
	return &configservice.GetComplianceDetailsByConfigRuleOutput{EvaluationResults: items, NextToken: next}, err
}

func resourceCounts(c *call, in *configservice.GetDiscoveredResourceCountsInput) (*configservice.GetDiscoveredResourceCountsOutput, error) {
	s := c.site()
	var kinds []inventoryKind
	if s.recorded() {
		kinds = slices.DeleteFunc(s.inventory(), func(k inventoryKind) bool { return k.n == 0 })
	}
	slices.SortStableFunc(kinds, func(x, y inventoryKind) int { return y.n - x.n })
	items, next, err := page(c, request{in.NextToken, &in.Limit}, limits{least: 1, most: 100}, len(kinds), all(func(i int) types.ResourceCount {
		return types.ResourceCount{ResourceType: types.ResourceType(kinds[i].name), Count: int64(kinds[i].n)}
	}))
	out := &configservice.GetDiscoveredResourceCountsOutput{ResourceCounts: items, NextToken: next}
	for _, k := range kinds {
		out.TotalDiscoveredResources += int64(k.n)
	}
	return out, err
}

// recordedThings is how many things AWS Config knows in a site.
func (s *site) recordedThings() int {
	if !s.recorded() {
		return 0
	}
	return s.things()
}

// selected are the fields that an expression of the simplest form asks for.
func (c *call) selected(expression *string) ([]string, error) {
	list, ok := strings.CutPrefix(aws.ToString(expression), "SELECT ")
	if !ok || strings.ContainsAny(list, "*()'") || strings.Contains(list, "WHERE") {
		return nil, c.fault("InvalidExpressionException", 400, "The simulated organization answers a list of fields alone: %s", aws.ToString(expression))
	}
	return strings.Split(list, ", "), nil
}

// document is what AWS Config tells of a thing: the fields that are asked for.
func (s *site) document(n int, fields []string) string {
	t := s.thing(n)
	all := map[string]any{
		"accountId": s.a.id, "arn": t.arn, "awsRegion": s.region, "configurationItemStatus": "OK", "version": "1.3",
		"configurationItemCaptureTime": s.at("config capture", n).draw().between(t.created, s.now).Format(configTime), "resourceCreationTime": t.created.Format(configTime),
		"resourceId": t.id, "resourceType": t.kind,
	}
	if t.zone != "" {
		all["availabilityZone"] = t.zone
	}
	if t.name != "" {
		all["resourceName"] = t.name
	}
	relationships := []map[string]string{}
	if t.vpc != "" {
		relationships = append(relationships, map[string]string{"resourceType": "AWS::EC2::VPC", "resourceId": t.vpc, "relationshipName": "Is contained in Vpc"})
	}
	tags := []map[string]string{}
	for _, tag := range t.tags {
		tags = append(tags, map[string]string{"key": tag.key, "value": tag.value, "tag": tag.key + "=" + tag.value})
	}
	all["relationships"], all["tags"] = relationships, tags
	wanted := map[string]any{}
	for _, f := range fields {
		if v, ok := all[f]; ok {
			wanted[f] = v
		}
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		panic(err) // text always encodes
	}
	return string(text)
}

const configTime = "2006-01-02T15:04:05.000Z"

func selectResources(c *call, in *configservice.SelectResourceConfigInput) (*configservice.SelectResourceConfigOutput, error) {
	fields, err := c.selected(in.Expression)
	if err != nil {
		return nil, err
	}
	s := c.site()
	items, next, err := page(c, request{in.NextToken, &in.Limit}, limits{least: 1, most: 100, standard: 25}, s.recordedThings(),
		all(func(n int) string { return s.document(n, fields) }))
	return &configservice.SelectResourceConfigOutput{Results: items, NextToken: next, QueryInfo: queryInfo(fields)}, err
}

func queryInfo(fields []string) *types.QueryInfo {
	info := &types.QueryInfo{}
	for _, f := range fields {
		info.SelectFields = append(info.SelectFields, types.FieldInfo{Name: aws.String(f)})
	}
	return info
}

const aggregatorName = "organization"

// aggregates says whether the company's aggregator is there: with the security team, in the first region.
func (s *site) aggregates() bool { return s.a == s.o.security && s.region == s.o.regions[0] }

func (s *site) aggregatorARN() string {
	return s.arn("config", "config-aggregator/config-aggregator-"+s.seed.s("aggregator").draw().lower(8))
}

func (s *site) aggregator(int) types.ConfigurationAggregator {
	d := s.seed.s("aggregator facts").draw()
	made := aws.Time(d.before(s.o.anchor, 700))
	return types.ConfigurationAggregator{
		ConfigurationAggregatorName: aws.String(aggregatorName), ConfigurationAggregatorArn: aws.String(s.aggregatorARN()), CreationTime: made, LastUpdatedTime: made,
		OrganizationAggregationSource: &types.OrganizationAggregationSource{
			AllAwsRegions: true, RoleArn: aws.String(s.o.arn("iam", "", s.a.id, "role/service-role/config-aggregator")),
		},
	}
}

func describeAggregators(c *call, in *configservice.DescribeConfigurationAggregatorsInput) (*configservice.DescribeConfigurationAggregatorsOutput, error) {
	s, n := c.site(), 0
	if s.aggregates() {
		n = 1
	}
	items, next, err := page(c, request{token: in.NextToken}, limits{least: 1, most: 100}, n, all(s.aggregator))
	return &configservice.DescribeConfigurationAggregatorsOutput{ConfigurationAggregators: items, NextToken: next}, err
}

// aggregatedSites are the places that the aggregator gathers from, and the position of the first thing of each.
func (o *Organization) aggregatedSites() (sites []*site, first []int, n int) {
	for _, a := range o.members() {
		if o.stateOf(a) != orgtypes.AccountStateActive {
			continue
		}
		for _, region := range o.regions {
			s := o.site(a, region)
			if k := s.recordedThings(); k > 0 {
				sites, first = append(sites, s), append(first, n)
				n += k
			}
		}
	}
	return sites, first, n
}

func selectAggregateResources(c *call, in *configservice.SelectAggregateResourceConfigInput) (*configservice.SelectAggregateResourceConfigOutput, error) {
	if aws.ToString(in.ConfigurationAggregatorName) != aggregatorName || !c.site().aggregates() {
		return nil, c.fault("NoSuchConfigurationAggregatorException", 400, "The configuration aggregator does not exist. Check the configuration aggregator name and try again.")
	}
	fields, err := c.selected(in.Expression)
	if err != nil {
		return nil, err
	}
	sites, first, n := c.o.aggregatedSites()
	items, next, err := page(c, request{in.NextToken, &in.Limit}, limits{least: 1, most: 100, standard: 25}, n, all(func(i int) string {
		k, exact := slices.BinarySearch(first, i)
		if !exact {
			k--
		}
		return sites[k].document(i-first[k], fields)
	}))
	return &configservice.SelectAggregateResourceConfigOutput{Results: items, NextToken: next, QueryInfo: queryInfo(fields)}, err
}

func configTags(c *call, in *configservice.ListTagsForResourceInput) (*configservice.ListTagsForResourceOutput, error) {
	s, arn := c.site(), aws.ToString(in.ResourceArn)
	known := s.recorded() && arn == s.recorderARN() || s.aggregates() && arn == s.aggregatorARN() ||
		indexOf(s.rulesHere(), func(n int) bool { _, of := s.ruleFacts(n); return of == arn }) >= 0
	if !known {
		return nil, c.fault("ResourceNotFoundException", 400, "The resource %s was not found.", arn)
	}
	tags := tagList(s.o.resourceTags(s.a, s.seed.s(arn), "", "compliance"), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	n, at := of(tags)
	items, next, err := page(c, request{token: in.NextToken}, limits{least: 1, most: 50}, n, at)
	return &configservice.ListTagsForResourceOutput{Tags: items, NextToken: next}, err
}
