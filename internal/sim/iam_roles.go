package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// roleKind says how the nth of the roles that every account has comes about. In names and policies a leading
// "~" stands for the product.
type roleKind struct {
	name     string
	trusts   string // a service, "sso", "base", "management", "pipeline" or "vendor"
	policies []string
	profile  bool // has an instance profile of its name
	purpose  string
}

var standardRoles = []roleKind{
	{name: "OrganizationAccountAccessRole", trusts: "management", policies: []string{"AdministratorAccess"}},
	{name: memberRole, trusts: "base", policies: []string{"SecurityAudit", "job-function/ViewOnlyAccess"}, purpose: "reads the inventory every night"},
	{name: "AWSServiceRoleForSupport", trusts: "support.amazonaws.com", policies: []string{"aws-service-role/AWSSupportServiceRolePolicy"}},
	{name: "AWSServiceRoleForTrustedAdvisor", trusts: "trustedadvisor.amazonaws.com", policies: []string{"aws-service-role/AWSTrustedAdvisorServiceRolePolicy"}},
	{name: "AWSServiceRoleForAmazonEKS", trusts: "eks.amazonaws.com", policies: []string{"aws-service-role/AmazonEKSServiceRolePolicy"}},
	{name: "AWSServiceRoleForSecurityHub", trusts: "securityhub.amazonaws.com", policies: []string{"aws-service-role/AWSSecurityHubServiceRolePolicy"}},
	{name: "AWSServiceRoleForRDS", trusts: "rds.amazonaws.com", policies: []string{"aws-service-role/AmazonRDSServiceRolePolicy"}},
	{name: "AWSReservedSSO_AdministratorAccess_", trusts: "sso", policies: []string{"AdministratorAccess"}},
	{name: "AWSReservedSSO_ReadOnly_", trusts: "sso", policies: []string{"ReadOnlyAccess"}},
	{name: "~bastion", trusts: "ec2.amazonaws.com", policies: []string{"AmazonSSMManagedInstanceCore"}, profile: true, purpose: "jump host"},
	{name: "~web-instance", trusts: "ec2.amazonaws.com", policies: []string{"AmazonSSMManagedInstanceCore"}, profile: true},
	{name: "~app-instance", trusts: "ec2.amazonaws.com", policies: []string{"AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy"}, profile: true},
	{name: "~worker-instance", trusts: "ec2.amazonaws.com", policies: []string{"AmazonSSMManagedInstanceCore"}, profile: true},
	{name: "~eks-cluster", trusts: "eks.amazonaws.com", policies: []string{"AmazonEKSClusterPolicy"}},
	{name: "~eks-node", trusts: "ec2.amazonaws.com", policies: []string{"AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"}, profile: true},
	{name: "~function-basic", trusts: "lambda.amazonaws.com", policies: []string{"service-role/AWSLambdaBasicExecutionRole"}},
	{name: "~function-vpc", trusts: "lambda.amazonaws.com", policies: []string{"service-role/AWSLambdaVPCAccessExecutionRole"}},
	{name: "~deploy", trusts: "pipeline", policies: []string{"PowerUserAccess"}, purpose: "used by the delivery pipeline"},
	{name: "~backup", trusts: "backup.amazonaws.com", policies: []string{"service-role/AWSBackupServiceRolePolicyForBackup"}},
	{name: "flow-logs", trusts: "vpc-flow-logs.amazonaws.com", policies: []string{"CloudWatchLogsFullAccess"}},
	{name: "rds-monitoring-role", trusts: "monitoring.rds.amazonaws.com", policies: []string{"service-role/AmazonRDSEnhancedMonitoringRole"}},
	{name: "vendor-metrics", trusts: "vendor", policies: []string{"CloudWatchReadOnlyAccess"}, purpose: "monitoring vendor"},
}

var taskNames = []string{"api", "scheduler", "importer", "exporter", "mailer", "indexer", "reconciler", "gateway"}

// roleKindOf is the kind of a role by its number; those past the standard ones run the product's tasks.
func (d *directory) roleKindOf(i int) roleKind {
	if i < len(standardRoles) {
		k := standardRoles[i]
		k.policies = slices.Clone(k.policies)
		if i == 1 && d.a == d.o.management {
			k.name = discoveryRole
		}
		if k.name == "~bastion" && d.o.problem(d.a, 0) {
			k.policies = []string{"AdministratorAccess"}
		}
		return k
	}
	return roleKind{name: "~" + pickOf(taskNames, i-len(standardRoles)) + "-task", trusts: "ecs-tasks.amazonaws.com"}
}

func (d *directory) roleName(i int) string {
	k := d.roleKindOf(i)
	if k.trusts == "sso" {
		return k.name + d.at("sso role", i).draw().hex(16)
	}
	if rest, ok := strings.CutPrefix(k.name, "~"); ok {
		return d.a.prod.name + "-" + rest
	}
	return k.name
}

func (d *directory) rolePath(i int) string {
	switch k := d.roleKindOf(i); {
	case k.trusts == "sso":
		return "/aws-reserved/sso.amazonaws.com/"
	case strings.HasPrefix(k.name, "AWSServiceRoleFor"):
		return "/aws-service-role/" + k.trusts + "/"
	}
	return "/"
}

func (d *directory) roleARN(i int) string { return d.arn("role" + d.rolePath(i) + d.roleName(i)) }

// roleARNOf is the ARN of a standard role by its name without the product.
func (d *directory) roleARNOf(name string) string {
	return d.roleARN(slices.IndexFunc(standardRoles, func(k roleKind) bool { return k.name == name }))
}

func (d *directory) rolePolicies(i int) []string {
	k := d.roleKindOf(i)
	var list []string
	for _, p := range k.policies {
		list = append(list, d.managed(p))
	}
	if i >= len(standardRoles) && d.Policies > 0 {
		s := d.at("role policies", i).draw()
		first := s.n(d.Policies)
		list = append(list, d.policyARN(first))
		if second := s.n(d.Policies); second != first {
			list = append(list, d.policyARN(second))
		}
	}
	if k.name == "~backup" && d.wildcard() {
		list = append(list, d.policyARN(wildcardPolicy))
	}
	return list
}

func (d *directory) roleInline(i int) []inline {
	if i < len(standardRoles) || !d.at("role inline", i).draw().chance(40) {
		return nil
	}
	return []inline{{"own-bucket", allow([]string{"s3:GetObject", "s3:ListBucket"}, d.o.arnPrefix()+":s3:::"+d.o.bucketName(d.a, 0)+"*")}}
}

// vendorAccount is nobody's that the company knows.
func (o *Organization) vendorAccount() string { return "9" + o.seed.s("vendor").draw().digits(11) }

// trust is the role's trust policy.
func (d *directory) trust(i int) document {
	k := d.roleKindOf(i)
	s := statement{Effect: "Allow", Action: "sts:AssumeRole"}
	root := func(account string) map[string]any { return map[string]any{"AWS": d.o.arn("iam", "", account, "root")} }
	switch k.trusts {
	case "management":
		s.Principal = root(d.o.management.id)
	case "base":
		s.Principal = root(d.o.base.id)
		s.Condition = map[string]any{"StringEquals": map[string]string{"sts:ExternalId": d.o.externalID(d.roleName(i))}}
	case "sso":
		s.Action = []string{"sts:AssumeRoleWithSAML", "sts:TagSession"}
		s.Principal = map[string]any{"Federated": d.samlARN()}
		s.Condition = map[string]any{"StringEquals": map[string]string{"SAML:aud": "https://signin.aws.amazon.com/saml"}}
	case "pipeline":
		s.Action = "sts:AssumeRoleWithWebIdentity"
		s.Principal = map[string]any{"Federated": d.issuerARN(pipelineIssuer)}
		s.Condition = map[string]any{"StringLike": map[string]string{pipelineIssuer + ":sub": "repo:larkfield/" + d.a.prod.name + ":*"}}
	case "vendor":
		s.Principal = root(d.o.vendorAccount())
		if !d.o.problem(d.a, 0) { // one account forgot the condition
			s.Condition = map[string]any{"StringEquals": map[string]string{"sts:ExternalId": d.seed.s("vendor").draw().hex(24)}}
		}
	default:
		s.Principal = map[string]any{"Service": k.trusts}
	}
	return policy(s)
}

func (d *directory) roleTags(i int) []tag {
	if strings.HasPrefix(d.rolePath(i), "/aws-") || d.at("role tags", i).draw().chance(35) {
		return nil
	}
	return []tag{{"owner", "team-" + d.a.prod.team + "@example.com"}, {"environment", d.a.env}}
}

func (d *directory) lastUsed(i int) *types.RoleLastUsed {
	s := d.at("role used", i).draw()
	if s.chance(30) {
		return &types.RoleLastUsed{}
	}
	at, _ := cycle(s, d.o.anchor, d.now, time.Duration(1+s.n(40))*24*time.Hour)
	return &types.RoleLastUsed{LastUsedDate: aws.Time(later(at, d.created("role", i))), Region: aws.String(pick(s, d.o.regions))}
}

// role is a role as ListRoles has it, which leaves out tags and last use.
func (d *directory) role(i int) types.Role {
	r := types.Role{
		Arn: aws.String(d.roleARN(i)), RoleName: aws.String(d.roleName(i)), RoleId: aws.String(d.o.roleID(d.a, d.roleName(i))), Path: aws.String(d.rolePath(i)),
		CreateDate: aws.Time(d.created("role", i)), AssumeRolePolicyDocument: aws.String(d.trust(i).encoded()), MaxSessionDuration: aws.Int32(3600),
	}
	if purpose := d.roleKindOf(i).purpose; purpose != "" {
		r.Description = aws.String(purpose)
	}
	if d.roleKindOf(i).trusts == "sso" {
		r.MaxSessionDuration = aws.Int32(43200)
	}
	return r
}

func (d *directory) fullRole(i int) types.Role {
	r := d.role(i)
	r.Tags, r.RoleLastUsed = tagList(d.roleTags(i), iamTag), d.lastUsed(i)
	return r
}

func (d *directory) roleDetail(i int) types.RoleDetail {
	r := d.fullRole(i)
	detail := types.RoleDetail{
		Arn: r.Arn, RoleName: r.RoleName, RoleId: r.RoleId, Path: r.Path, CreateDate: r.CreateDate, AssumeRolePolicyDocument: r.AssumeRolePolicyDocument,
		RoleLastUsed: r.RoleLastUsed, Tags: r.Tags, AttachedManagedPolicies: d.attachedPolicies(d.rolePolicies(i)),
	}
	for _, p := range d.roleInline(i) {
		detail.RolePolicyList = append(detail.RolePolicyList, p.detail())
	}
	if d.roleKindOf(i).profile {
		detail.InstanceProfileList = []types.InstanceProfile{{
			Arn: aws.String(d.o.instanceProfileARN(d.a, *r.RoleName)), InstanceProfileId: aws.String(d.o.instanceProfileID(d.a, *r.RoleName)),
			InstanceProfileName: r.RoleName, Path: aws.String("/"), CreateDate: r.CreateDate, Roles: []types.Role{d.role(i)},
		}}
	}
	return detail
}

func (d *directory) findRole(name string) int {
	return indexOf(d.Roles, func(i int) bool { return d.roleName(i) == name })
}

func (o *Organization) instanceProfileARN(a *account, role string) string {
	return o.arn("iam", "", a.id, "instance-profile/"+role)
}

func (o *Organization) instanceProfileID(a *account, role string) string {
	return "AIPA" + o.seed.s("instance profile").s(a.id).s(role).draw().upper(17)
}
