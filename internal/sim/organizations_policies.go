package sim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// orgPolicy is a policy of the organization.
type orgPolicy struct {
	id, name, description string
	kind                  types.PolicyType
	content               string
	tags                  []tag
	everywhere            bool     // AWS's own, which everything starts out with
	on                    []string // names of units
}

var policyTypes = []types.PolicyType{types.PolicyTypeServiceControlPolicy, types.PolicyTypeResourceControlPolicy, types.PolicyTypeTagPolicy}

// policyTypesInForce are those that the root has.
func policyTypesInForce() []types.PolicyTypeSummary {
	var list []types.PolicyTypeSummary
	for _, t := range policyTypes {
		list = append(list, types.PolicyTypeSummary{Type: t, Status: types.PolicyTypeStatusEnabled})
	}
	return list
}

func (o *Organization) orgPolicies() []orgPolicy {
	tags := []tag{{"owner", "team-cloud-platform@example.com"}, {"managed-by", "terraform"}}
	deny := func(sid string, actions []string, condition map[string]any) string {
		return policy(statement{Sid: sid, Effect: "Deny", Action: oneOrMany(actions), Resource: "*", Condition: condition}).json()
	}
	list := []orgPolicy{
		{id: "p-FullAWSAccess", name: "FullAWSAccess", description: "Allows access to every operation", kind: types.PolicyTypeServiceControlPolicy,
			content: allow([]string{"*"}, "*").json(), everywhere: true},
		{id: "p-RCPFullAWSAccess", name: "RCPFullAWSAccess", description: "Allows access to every resource", kind: types.PolicyTypeResourceControlPolicy,
			content: policy(statement{Effect: "Allow", Principal: map[string]any{"AWS": "*"}, Action: "*", Resource: "*"}).json(), everywhere: true},
		{name: "protect-audit", description: "nobody switches the trails and detectors off", kind: types.PolicyTypeServiceControlPolicy, on: []string{"Root"}, tags: tags,
			content: deny("KeepAudit", []string{"cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "guardduty:DeleteDetector", "securityhub:DisableSecurityHub"}, nil)},
		{name: "allowed-regions", description: "work stays in the company's regions", kind: types.PolicyTypeServiceControlPolicy, on: []string{"Workloads", "Sandbox"}, tags: tags,
			content: deny("Elsewhere", []string{"ec2:RunInstances", "rds:CreateDBInstance", "eks:CreateCluster"},
				map[string]any{"StringNotEquals": map[string]any{"aws:RequestedRegion": o.regions}})},
		{name: "sandbox-limits", kind: types.PolicyTypeServiceControlPolicy, on: []string{"Sandbox"}, tags: tags,
			content: deny("NoLargeThings", []string{"ec2:CreateTransitGateway", "directconnect:*", "savingsplans:*"}, nil)},
		{name: "closed-accounts", description: "nothing works in accounts that wait for their end", kind: types.PolicyTypeServiceControlPolicy, on: []string{"Suspended"},
			content: deny("Everything", []string{"*"}, nil)},
		{name: "old-region-list", description: "replaced by allowed-regions", kind: types.PolicyTypeServiceControlPolicy,
			content: deny("Elsewhere", []string{"ec2:*"}, map[string]any{"StringNotEquals": map[string]any{"aws:RequestedRegion": o.regions[:1]}})},
		{name: "company-identities", description: "buckets answer the company alone", kind: types.PolicyTypeResourceControlPolicy, on: []string{"Workloads"}, tags: tags,
			content: policy(statement{Sid: "Strangers", Effect: "Deny", Principal: map[string]any{"AWS": "*"}, Action: "s3:*", Resource: "*",
				Condition: map[string]any{"StringNotEqualsIfExists": map[string]any{"aws:PrincipalOrgID": o.orgID}}}).json()},
		{name: "company-tags", kind: types.PolicyTypeTagPolicy, on: []string{"Root"}, tags: tags,
			content: `{"tags":{"environment":{"tag_key":{"@@assign":"environment"},"tag_value":{"@@assign":["prod","staging","dev","sandbox"]}}}}`},
	}
	for i := range list {
		if p := &list[i]; p.id == "" {
			p.id = "p-" + o.seed.s("organization policy").s(p.name).draw().lower(8)
		}
	}
	return list
}

func (o *Organization) orgPolicyARN(p orgPolicy) string {
	resource := strings.ToLower(string(p.kind)) + "/" + p.id
	if p.everywhere {
		return o.arn("organizations", "", "aws", "policy/"+resource)
	}
	return o.orgARN("policy/" + o.orgID + "/" + resource)
}

func (o *Organization) orgPolicySummary(p orgPolicy) types.PolicySummary {
	return types.PolicySummary{
		Id: aws.String(p.id), Arn: aws.String(o.orgPolicyARN(p)), Name: aws.String(p.name), Description: aws.String(p.description),
		Type: p.kind, AwsManaged: p.everywhere,
	}
}

// orgPolicyTargets are what a policy is attached to.
func (o *Organization) orgPolicyTargets(p orgPolicy) []types.PolicyTargetSummary {
	var list []types.PolicyTargetSummary
	for _, u := range o.units {
		kind, arn := types.TargetTypeOrganizationalUnit, o.unitARN(u)
		if u.parent == nil {
			kind = types.TargetTypeRoot
		}
		if p.everywhere || slices.Contains(p.on, u.name) {
			list = append(list, types.PolicyTargetSummary{TargetId: aws.String(u.id), Arn: aws.String(arn), Name: aws.String(u.name), Type: kind})
		}
	}
	if p.everywhere {
		for _, a := range o.members() {
			list = append(list, types.PolicyTargetSummary{TargetId: aws.String(a.id), Arn: aws.String(o.accountARN(a)), Name: aws.String(a.name), Type: types.TargetTypeAccount})
		}
	}
	return list
}

func (o *Organization) orgPolicyByID(id string) (orgPolicy, bool) {
	list := o.orgPolicies()
	i := slices.IndexFunc(list, func(p orgPolicy) bool { return p.id == id })
	if i < 0 {
		return orgPolicy{}, false
	}
	return list[i], true
}

func listOrganizationPolicies(c *call, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	var list []types.PolicySummary
	for _, p := range c.o.orgPolicies() {
		if p.kind == in.Filter {
			list = append(list, c.o.orgPolicySummary(p))
		}
	}
	n, at := of(list)
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, n, at)
	return &organizations.ListPoliciesOutput{Policies: items, NextToken: next}, err
}

func (c *call) noSuchOrganizationPolicy() error {
	return c.fault("PolicyNotFoundException", 400, "You specified a policy that doesn't exist.")
}

func describeOrganizationPolicy(c *call, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	p, ok := c.o.orgPolicyByID(aws.ToString(in.PolicyId))
	if !ok {
		return nil, c.noSuchOrganizationPolicy()
	}
	summary := c.o.orgPolicySummary(p)
	return &organizations.DescribePolicyOutput{Policy: &types.Policy{PolicySummary: &summary, Content: aws.String(p.content)}}, nil
}

func listTargetsForPolicy(c *call, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	p, ok := c.o.orgPolicyByID(aws.ToString(in.PolicyId))
	if !ok {
		return nil, c.noSuchOrganizationPolicy()
	}
	n, at := of(c.o.orgPolicyTargets(p))
	items, next, err := page(c, request{in.NextToken, in.MaxResults}, organizationsPages, n, at)
	return &organizations.ListTargetsForPolicyOutput{Targets: items, NextToken: next}, err
}
