package sim

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// directory is the IAM of one account.
type directory struct {
	o    *Organization
	a    *account
	now  time.Time
	seed seed
	Sizes
	// attached counts the attachments of each policy by its ARN; it needs a walk over everything.
	attached func() map[string]int32
}

func (o *Organization) directory(a *account) *directory {
	d := &directory{o: o, a: a, now: o.Now(), seed: o.seed.s("iam").s(a.id), Sizes: o.sizes(a, busy)}
	d.attached = sync.OnceValue(d.countAttachments)
	return d
}

func (c *call) directory() *directory { return c.o.directory(c.account) }

func (d *directory) arn(resource string) string { return d.o.arn("iam", "", d.a.id, resource) }

func (d *directory) at(kind string, i int) seed { return d.seed.s(kind).i(i) }

func (d *directory) created(kind string, i int) time.Time {
	at := d.at(kind+" created", i).draw().before(d.o.anchor, 1500)
	if at.Before(d.a.joined) {
		at = d.a.joined.Add(time.Duration(i+1) * time.Hour)
	}
	return at
}

func iamTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

// The two users with forgotten keys, where an account has them.
const (
	staleKeyUser  = 1
	unusedKeyUser = 2
)

func (d *directory) forgotten() bool { return d.o.problem(d.a, 1) }

var serviceUsers = []string{"svc-deploy", "svc-reporting", "svc-backup", "svc-partner-sftp"}

// isService tells users of programs from those of people.
func (d *directory) isService(i int) bool { return i%4 == 3 || (i == 0 && d.a == d.o.base) }

func (d *directory) userName(i int) string {
	switch {
	case i == 0 && d.a == d.o.base:
		return automation
	case d.isService(i):
		return pickOf(serviceUsers, i/4)
	case i == unusedKeyUser && d.forgotten():
		return "contractor-" + d.o.person(1200).login
	}
	return d.o.person(d.seed.s("people").draw().n(700) + i).login
}

func (d *directory) userARN(i int) string { return d.arn("user" + d.userPath(i) + d.userName(i)) }

func (d *directory) userPath(i int) string {
	if d.isService(i) && d.userName(i) != automation {
		return "/services/"
	}
	return "/"
}

func (d *directory) userID(i int) string {
	if d.userName(i) == automation {
		return "AIDA" + d.o.seed.s("automation user").s(d.a.id).draw().upper(17)
	}
	return "AIDA" + d.at("user", i).draw().upper(17)
}

// findUser is the number of a user, or -1.
func (d *directory) findUser(name string) int {
	return indexOf(d.Users, func(i int) bool { return d.userName(i) == name })
}

func indexOf(n int, is func(int) bool) int {
	for i := range n {
		if is(i) {
			return i
		}
	}
	return -1
}

func (d *directory) userTags(i int) []tag {
	s := d.at("user tags", i).draw()
	if s.chance(30) {
		return nil
	}
	return []tag{{"owner", "team-" + d.a.prod.team + "@example.com"}, {"kind", map[bool]string{true: "service", false: "person"}[d.isService(i)]}}
}

func (d *directory) boundary(i int) *types.AttachedPermissionsBoundary {
	if d.isService(i) || d.Policies == 0 || !d.at("boundary", i).draw().chance(30) {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: aws.String(d.policyARN(boundaryPolicy)), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// user is a user as ListUsers has it, which leaves out tags and boundary.
func (d *directory) user(i int) types.User {
	u := types.User{
		Arn: aws.String(d.userARN(i)), UserName: aws.String(d.userName(i)), UserId: aws.String(d.userID(i)), Path: aws.String(d.userPath(i)),
		CreateDate: aws.Time(d.created("user", i)),
	}
	if s := d.at("password", i).draw(); d.hasPassword(i) && s.chance(85) {
		last, _ := cycle(s, d.o.anchor, d.now, time.Duration(1+s.n(60))*24*time.Hour)
		u.PasswordLastUsed = aws.Time(later(last, *u.CreateDate))
	}
	return u
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b.Add(time.Hour)
	}
	return a
}

func (d *directory) hasPassword(i int) bool { return !d.isService(i) }

// fullUser has what GetUser adds.
func (d *directory) fullUser(i int) types.User {
	u := d.user(i)
	u.Tags, u.PermissionsBoundary = tagList(d.userTags(i), iamTag), d.boundary(i)
	return u
}

func (d *directory) userDetail(i int) types.UserDetail {
	u := d.fullUser(i)
	detail := types.UserDetail{
		Arn: u.Arn, UserName: u.UserName, UserId: u.UserId, Path: u.Path, CreateDate: u.CreateDate, Tags: u.Tags,
		PermissionsBoundary: u.PermissionsBoundary, GroupList: []string{}, AttachedManagedPolicies: d.attachedPolicies(d.userPolicies(i)),
	}
	for _, g := range d.groupsOf(i) {
		detail.GroupList = append(detail.GroupList, d.groupName(g))
	}
	for _, p := range d.userInline(i) {
		detail.UserPolicyList = append(detail.UserPolicyList, p.detail())
	}
	return detail
}

func (d *directory) groupsOf(i int) []int {
	if d.Groups == 0 || (i == unusedKeyUser && d.forgotten()) {
		return nil
	}
	if d.isService(i) {
		if d.Groups > automationGroup {
			return []int{automationGroup}
		}
		return nil
	}
	s := d.at("groups of", i).draw()
	first := s.n(d.Groups)
	if second := s.n(d.Groups); second != first && s.chance(35) {
		return []int{first, second}
	}
	return []int{first}
}

// userPolicies are the ARNs of the policies attached to a user directly.
func (d *directory) userPolicies(i int) []string {
	s := d.at("user policies", i).draw()
	switch {
	case d.userName(i) == automation:
		return []string{d.managed("SecurityAudit")}
	case i == 0 && d.wildcard():
		return []string{d.policyARN(wildcardPolicy)}
	case d.isService(i) && d.Policies > 0:
		return []string{d.policyARN(s.n(d.Policies))}
	case s.chance(15):
		return []string{d.managed("ReadOnlyAccess")}
	}
	return nil
}

func (d *directory) userInline(i int) []inline {
	if !d.isService(i) || !d.at("inline", i).draw().chance(50) {
		return nil
	}
	return []inline{{"write-artifacts", allow([]string{"s3:PutObject", "s3:GetObject"}, d.o.arnPrefix()+":s3:::"+d.o.bucketName(d.a, 0)+"/*")}}
}

// Groups.

var groupNames = []string{"Administrators", "Developers", "ReadOnly", "Billing", "Automation", "Support", "DataScience"}

const automationGroup = 4

func (d *directory) groupName(g int) string { return pickOf(groupNames, g) }

func (d *directory) group(g int) types.Group {
	return types.Group{
		Arn: aws.String(d.arn("group/" + d.groupName(g))), GroupName: aws.String(d.groupName(g)), Path: aws.String("/"),
		GroupId: aws.String("AGPA" + d.at("group", g).draw().upper(17)), CreateDate: aws.Time(d.created("group", g)),
	}
}

func (d *directory) groupPolicies(g int) []string {
	names := []string{"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "job-function/Billing", "", "job-function/SupportUser", "AmazonAthenaFullAccess"}
	if name := names[g%len(names)]; name != "" {
		return []string{d.managed(name)}
	}
	if d.Policies > deployPolicy {
		return []string{d.policyARN(deployPolicy)}
	}
	return nil
}

func (d *directory) groupInline(g int) []inline {
	if g%len(groupNames) != 1 {
		return nil
	}
	return []inline{{"assume-deploy", allow([]string{"sts:AssumeRole"}, d.arn("role/"+d.a.prod.name+"-deploy"))}}
}

func (d *directory) groupDetail(g int) types.GroupDetail {
	item := d.group(g)
	detail := types.GroupDetail{
		Arn: item.Arn, GroupName: item.GroupName, GroupId: item.GroupId, Path: item.Path, CreateDate: item.CreateDate,
		AttachedManagedPolicies: d.attachedPolicies(d.groupPolicies(g)),
	}
	for _, p := range d.groupInline(g) {
		detail.GroupPolicyList = append(detail.GroupPolicyList, p.detail())
	}
	return detail
}

func (d *directory) findGroup(name string) int {
	return indexOf(d.Groups, func(g int) bool { return d.groupName(g) == name })
}

// Access keys.

// accessKey is what is decided about a key.
type accessKey struct {
	id      string
	active  bool
	created time.Time
	used    time.Time // zero: never
	service string
}

func (d *directory) keysOf(i int) []accessKey {
	s := d.at("keys", i).draw()
	n := 0
	switch {
	case d.userName(i) == automation:
		return []accessKey{{d.o.accessKeyOf(d.a), true, d.created("user", i).Add(time.Hour), d.now.Truncate(24 * time.Hour), "sts"}}
	case d.forgotten() && i == staleKeyUser:
		used := d.o.anchor.AddDate(-2, -3, 0)
		return []accessKey{{"AKIA" + s.upper(16), true, used.AddDate(-1, 0, 0), used, "s3"}}
	case d.forgotten() && i == unusedKeyUser:
		return []accessKey{{"AKIA" + s.upper(16), true, d.created("user", i).Add(time.Hour), time.Time{}, ""}}
	case d.isService(i):
		n = 1 + s.n(2)
	case s.chance(35):
		n = 1
	}
	var keys []accessKey
	for k := range n {
		key := accessKey{id: "AKIA" + s.upper(16), active: k == 0 || s.chance(50), service: pick(s, []string{"s3", "ec2", "sts", "ecr", "sqs"})}
		key.created = later(s.before(d.o.anchor, 700), d.created("user", i))
		if key.active && s.chance(90) {
			used, _ := cycle(s, d.o.anchor, d.now, time.Duration(1+s.n(30))*24*time.Hour)
			key.used = later(used, key.created)
		}
		keys = append(keys, key)
	}
	return keys
}

// Policies.

// Places of the customer's policies that other things refer to.
const (
	boundaryPolicy = 0
	deployPolicy   = 1
	wildcardPolicy = 2
)

var policyNames = []string{
	"developer-boundary", "deploy", "read-config", "write-logs", "use-keys", "consume-queues", "read-tables", "put-metrics",
	"publish-events", "read-secrets", "pull-images", "run-tasks",
}

// wildcard is the account where a policy allows everything.
func (d *directory) wildcard() bool { return d.o.problem(d.a, 2) && d.Policies > wildcardPolicy }

func (d *directory) policyName(i int) string {
	if i == wildcardPolicy && d.wildcard() {
		return "temporary-migration-access"
	}
	return d.a.prod.name + "-" + pickOf(policyNames, i)
}

func (d *directory) policyARN(i int) string { return d.arn("policy/" + d.policyName(i)) }

func (d *directory) policyDocument(i int) document {
	if i == wildcardPolicy && d.wildcard() {
		return allow([]string{"*"}, "*")
	}
	actions := [][]string{
		{"ec2:*", "s3:*", "lambda:*", "logs:*", "cloudwatch:*", "sqs:*", "sns:*", "dynamodb:*"},
		{"cloudformation:*", "lambda:UpdateFunctionCode", "ecs:UpdateService", "iam:PassRole"},
		{"ssm:GetParameter", "ssm:GetParametersByPath"},
		{"logs:CreateLogStream", "logs:PutLogEvents"},
		{"kms:Decrypt", "kms:GenerateDataKey"},
		{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
		{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"},
		{"cloudwatch:PutMetricData"},
		{"events:PutEvents", "sns:Publish"},
		{"secretsmanager:GetSecretValue"},
		{"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		{"ecs:RunTask", "iam:PassRole"},
	}[i%len(policyNames)]
	resource := "*"
	if d.at("policy resource", i).draw().chance(50) {
		service, _, _ := strings.Cut(actions[0], ":")
		resource = d.o.arn(service, d.o.regions[0], d.a.id, "*")
	}
	return allow(actions, resource)
}

func (d *directory) policyTags(i int) []tag {
	if d.at("policy tags", i).draw().chance(40) {
		return nil
	}
	return []tag{{"owner", "team-" + d.a.prod.team + "@example.com"}, {"managed-by", "terraform"}}
}

func (d *directory) findPolicy(arn string) int {
	return indexOf(d.Policies, func(i int) bool { return d.policyARN(i) == arn })
}

func (d *directory) policyDetail(i int) types.ManagedPolicyDetail {
	s := d.at("policy", i).draw()
	created := d.created("policy", i)
	versions := 1 + s.n(3)
	detail := types.ManagedPolicyDetail{
		Arn: aws.String(d.policyARN(i)), PolicyName: aws.String(d.policyName(i)), PolicyId: aws.String("ANPA" + s.upper(17)), Path: aws.String("/"),
		CreateDate: aws.Time(created), UpdateDate: aws.Time(created.AddDate(0, 0, 10*(versions-1))), IsAttachable: true,
		DefaultVersionId: aws.String("v" + itoa(versions)), AttachmentCount: aws.Int32(d.attached()[d.policyARN(i)]),
		PermissionsBoundaryUsageCount: aws.Int32(0),
	}
	if i == boundaryPolicy {
		detail.PermissionsBoundaryUsageCount = aws.Int32(d.attached()["boundary"])
	}
	for v := versions; v >= 1; v-- {
		detail.PolicyVersionList = append(detail.PolicyVersionList, types.PolicyVersion{
			VersionId: aws.String("v" + itoa(v)), IsDefaultVersion: v == versions, CreateDate: aws.Time(created.AddDate(0, 0, 10*(v-1))),
			Document: aws.String(d.policyDocument(i).encoded()),
		})
	}
	return detail
}

// managed is the ARN of a policy that AWS keeps.
func (d *directory) managed(name string) string {
	return d.o.arnPrefix() + ":iam::aws:policy/" + name
}

// managedInUse are the policies of AWS that the account has attached somewhere, by name.
func (d *directory) managedInUse() []string {
	var list []string
	for arn := range d.attached() {
		if name, ok := strings.CutPrefix(arn, d.managed("")); ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func (d *directory) managedDetail(name string) types.ManagedPolicyDetail {
	path, short := "/", name
	if i := strings.LastIndex(name, "/"); i >= 0 {
		path, short = "/"+name[:i+1], name[i+1:]
	}
	s := d.o.seed.s("aws policy").s(name).draw()
	created := time.Date(2015, time.February, 6, 18, 40, 0, 0, time.UTC).AddDate(0, s.n(60), 0)
	actions := []string{"*"}
	if short != "AdministratorAccess" {
		actions = []string{strings.ToLower(strings.TrimPrefix(short[:min(len(short), 9)], "AWS")) + ":Describe*", "tag:GetResources"}
	}
	return types.ManagedPolicyDetail{
		Arn: aws.String(d.managed(name)), PolicyName: aws.String(short), PolicyId: aws.String("ANPA" + s.upper(17)), Path: aws.String(path),
		CreateDate: aws.Time(created), UpdateDate: aws.Time(created.AddDate(1, 0, 0)), IsAttachable: true, DefaultVersionId: aws.String("v3"),
		AttachmentCount: aws.Int32(d.attached()[d.managed(name)]), PermissionsBoundaryUsageCount: aws.Int32(0),
		PolicyVersionList: []types.PolicyVersion{{
			VersionId: aws.String("v3"), IsDefaultVersion: true, CreateDate: aws.Time(created.AddDate(1, 0, 0)), Document: aws.String(allow(actions, "*").encoded()),
		}},
	}
}

func (d *directory) attachedPolicies(arns []string) []types.AttachedPolicy {
	var list []types.AttachedPolicy
	for _, arn := range arns {
		list = append(list, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(arn[strings.LastIndex(arn, "/")+1:])})
	}
	return list
}

func (d *directory) countAttachments() map[string]int32 {
	count := map[string]int32{}
	add := func(arns []string) {
		for _, arn := range arns {
			count[arn]++
		}
	}
	for i := range d.Users {
		add(d.userPolicies(i))
		if d.boundary(i) != nil {
			count["boundary"]++
		}
	}
	for g := range d.Groups {
		add(d.groupPolicies(g))
	}
	for r := range d.Roles {
		add(d.rolePolicies(r))
	}
	return count
}

// inline is a policy embedded into a user, group or role.
type inline struct {
	name string
	document
}

func (p inline) detail() types.PolicyDetail {
	return types.PolicyDetail{PolicyName: aws.String(p.name), PolicyDocument: aws.String(p.encoded())}
}

// document is a policy document.
type document struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Sid       string         `json:"Sid,omitempty"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal,omitempty"`
	Action    any            `json:"Action"`
	Resource  any            `json:"Resource,omitempty"`
	Condition map[string]any `json:"Condition,omitempty"`
}

func policy(statements ...statement) document { return document{"2012-10-17", statements} }

func allow(actions []string, resource string) document {
	return policy(statement{Effect: "Allow", Action: oneOrMany(actions), Resource: resource})
}

// oneOrMany writes a list of one as a plain string, as most policies do.
func oneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func (p document) json() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("simulated organization: encode policy: " + err.Error()) // strings and maps of strings always encode
	}
	return string(b)
}

// encoded is the document in the URL encoding that IAM answers with.
func (p document) encoded() string {
	return strings.ReplaceAll(url.QueryEscape(p.json()), "+", "%20")
}
