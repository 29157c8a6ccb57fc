package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// findingHead is what filters look at; the rest of a finding is made only when it is answered.
type findingHead struct {
	seed    seed
	created time.Time
	updated time.Time
	state   types.RecordState
}

func (s *site) findingHead(k int) findingHead {
	h := findingHead{seed: s.at("finding", k), state: types.RecordStateActive}
	d := draw{uint64(h.seed)}
	h.created = d.before(s.o.anchor, 400)
	at, turn := cycle(&d, s.o.anchor, s.now, time.Duration(18+d.n(480))*time.Hour)
	h.updated = at
	if h.updated.Before(h.created) {
		h.updated = h.created
	}
	// Resolved findings come back to life, and are archived again, with one of their updates.
	if k >= len(s.worst()) && mix(uint64(h.seed)+uint64(turn))%100 < 14 {
		h.state = types.RecordStateArchived
	}
	return h
}

// worst lists the findings that every company has on its exposed machine.
func (s *site) worst() []func(*findingBuilder) {
	if !s.exposed() || s.Instances == 0 {
		return nil
	}
	return []func(*findingBuilder){
		func(b *findingBuilder) { b.vulnerability(0, vulnerabilities[logging]) },
		func(b *findingBuilder) { b.vulnerability(0, vulnerabilities[2]) },
		(*findingBuilder).reachable,
		func(b *findingBuilder) { b.openGroup(s.machine(0).groups[0]) },
		func(b *findingBuilder) { b.metadataToken(0) },
	}
}

// findingBuilder puts one finding into words.
type findingBuilder struct {
	s *site
	k int
	findingHead
	d    *draw
	item types.AwsSecurityFinding
}

func (s *site) finding(k int) types.AwsSecurityFinding {
	b := &findingBuilder{s: s, k: k, findingHead: s.findingHead(k)}
	b.d = b.seed.s("facts").draw()
	b.item = types.AwsSecurityFinding{
		AwsAccountId: aws.String(s.a.id), AwsAccountName: aws.String(s.a.name), Region: aws.String(s.region), SchemaVersion: aws.String("2018-10-08"),
		CreatedAt: aws.String(hubTime(b.created)), UpdatedAt: aws.String(hubTime(b.updated)), FirstObservedAt: aws.String(hubTime(b.created)),
		LastObservedAt: aws.String(hubTime(b.updated)), ProcessedAt: aws.String(hubTime(b.updated.Add(40 * time.Second))), CompanyName: aws.String("AWS"),
		RecordState: b.state, Workflow: &types.Workflow{Status: types.WorkflowStatusNew}, WorkflowState: types.WorkflowStateNew,
	}
	if worst := s.worst(); k < len(worst) {
		worst[k](b)
	} else {
		b.draw()
	}
	b.follow()
	return b.item
}

// draw chooses what an ordinary finding is about. What does not exist here gives way to the account itself.
func (b *findingBuilder) draw() {
	s := b.s
	switch kind := b.d.n(13); {
	case kind <= 4 && s.Instances > 0:
		b.vulnerability(b.d.n(s.Instances), pick(b.d, vulnerabilities))
	case kind == 5 && s.Instances > 0:
		b.metadataToken(b.d.n(s.Instances))
	case kind <= 7 && s.Volumes > 0:
		b.unencryptedVolume(b.d.n(s.Volumes))
	case kind == 8 && s.SecurityGroups > 0:
		b.openGroup(b.d.n(s.SecurityGroups))
	case kind == 9 && s.Databases > 0:
		b.publicDatabase(b.d.n(s.Databases))
	case kind == 10 && s.Functions > 0:
		b.function(b.d.n(s.Functions))
	case kind == 11 && s.Clusters > 0:
		b.openCluster(b.d.n(s.Clusters))
	default:
		b.global()
	}
}

// global is about what has no region: buckets and keys, as far as this region is the one to report them.
func (b *findingBuilder) global() {
	s := b.s
	n := s.o.sizes(s.a, busy)
	if n.Buckets > 0 && b.d.chance(60) {
		if k := b.d.n(n.Buckets); s.o.bucketRegion(s.a, k) == s.region {
			b.publicBucket(s.o.bucket(s.a, k, n.Buckets))
			return
		}
	}
	if n.Users > 0 && s.region == s.o.regions[0] {
		dir := s.o.directory(s.a)
		user := b.d.n(n.Users)
		if keys := dir.keysOf(user); len(keys) > 0 {
			b.oldKey(dir, user, keys[0])
			return
		}
	}
	b.control("Config.1", true)
	b.on("AwsAccount", "AWS::::Account:"+s.a.id, nil, nil)
}

// on names the resource.
func (b *findingBuilder) on(kind, id string, details *types.ResourceDetails, tags []tag) {
	r := types.Resource{
		Type: aws.String(kind), Id: aws.String(id), Partition: types.Partition(b.s.o.opts.Partition), Region: aws.String(b.s.region), Details: details,
	}
	if len(tags) > 0 {
		r.Tags = tagMap(tags)
	}
	b.item.Resources = append(b.item.Resources, r)
}

func (b *findingBuilder) severity(label types.SeverityLabel) {
	normalized := map[types.SeverityLabel]int32{
		types.SeverityLabelInformational: 0, types.SeverityLabelLow: 30, types.SeverityLabelMedium: 50, types.SeverityLabelHigh: 70, types.SeverityLabelCritical: 90,
	}[label]
	b.item.Severity = &types.Severity{Label: label, Normalized: aws.Int32(normalized), Original: aws.String(string(label))}
	b.item.FindingProviderFields = &types.FindingProviderFields{
		Severity: &types.FindingProviderSeverity{Label: label, Original: aws.String(string(label))}, Types: b.item.Types,
	}
}

func (b *findingBuilder) product(name, generator, id string) {
	arn := b.s.o.arnPrefix() + ":securityhub:" + b.s.region + "::product/aws/" + strings.ToLower(strings.ReplaceAll(name, " ", ""))
	b.item.ProductArn, b.item.ProductName = aws.String(arn), aws.String(name)
	b.item.GeneratorId, b.item.Id = aws.String(generator), aws.String(id)
	b.item.ProductFields = map[string]string{
		"aws/securityhub/ProductName": name, "aws/securityhub/CompanyName": "AWS", "aws/securityhub/FindingId": arn + "/" + id,
	}
}

// control is the verdict of one of Security Hub's own checks. A check that passed is a finding too.
func (b *findingBuilder) control(id string, passed bool) {
	about := hubControls[indexOf(len(hubControls), func(i int) bool { return hubControls[i].id == id })]
	severity := about.severity
	b.product("Security Hub", "security-control/"+id, b.s.arn("securityhub", "security-control/"+id+"/finding/"+b.d.uuid()))
	b.item.Title, b.item.Description = aws.String(about.title), aws.String(about.description())
	b.item.Types = []string{"Software and Configuration Checks/Industry and Regulatory Standards"}
	b.item.Compliance = &types.Compliance{
		Status: types.ComplianceStatusFailed, SecurityControlId: aws.String(id),
		AssociatedStandards: []types.AssociatedStandard{{StandardsId: aws.String("standards/aws-foundational-security-best-practices/v/1.0.0")}},
		RelatedRequirements: slices.Clone(hubRequirements),
	}
	b.item.Remediation = &types.Remediation{Recommendation: &types.Recommendation{
		Text: aws.String("How to put this right stands in the documentation of the control."), Url: aws.String(about.remediation()),
	}}
	if passed {
		b.item.Compliance.Status = types.ComplianceStatusPassed
		b.item.Workflow.Status, b.item.WorkflowState = types.WorkflowStatusResolved, types.WorkflowStateResolved
		severity = types.SeverityLabelInformational
	}
	b.severity(severity)
}

func (b *findingBuilder) instanceDetails(m machine) *types.ResourceDetails {
	s := b.s
	d := &types.AwsEc2InstanceDetails{
		Type: aws.String(string(m.shape.kind)), ImageId: aws.String(s.imageID(m)), VpcId: aws.String(s.vpcID(m.subnet % s.VPCs)), SubnetId: aws.String(s.subnetID(m.subnet)),
		LaunchedAt: aws.String(hubTime(m.launched)), IpV4Addresses: []string{s.address(m.subnet, m.n)},
	}
	if m.publicIP != "" {
		d.IpV4Addresses = append(d.IpV4Addresses, m.publicIP)
	}
	if m.iamRole != "" {
		d.IamInstanceProfileArn = aws.String(s.o.instanceProfileARN(s.a, m.iamRole))
	}
	return &types.ResourceDetails{AwsEc2Instance: d}
}

func (b *findingBuilder) onMachine(n int) machine {
	m := b.s.machine(n)
	b.on("AwsEc2Instance", b.s.arn("ec2", "instance/"+m.id), b.instanceDetails(m), b.s.machineTags(m))
	return m
}

func (b *findingBuilder) vulnerability(n int, v vulnerability) {
	b.product("Inspector", "AWSInspector", b.s.arn("inspector2", "finding/"+b.d.hex(32)))
	b.item.Title, b.item.Description = aws.String(v.title()), aws.String(v.description())
	b.item.Types = []string{"Software and Configuration Checks/Vulnerabilities/CVE"}
	b.severity(types.SeverityLabel(v.severity))
	b.onMachine(n)
	found := types.Vulnerability{
		Id: aws.String(v.id), ReferenceUrls: []string{v.url()}, FixAvailable: types.VulnerabilityFixAvailableNo, ExploitAvailable: types.VulnerabilityExploitAvailableNo,
		Cvss:               []types.Cvss{{BaseScore: aws.Float64(v.score), BaseVector: aws.String(v.vector()), Version: aws.String("3.1"), Source: aws.String("NVD")}},
		EpssScore:          aws.Float64(float64(b.d.n(1000)) / 1000),
		Vendor:             &types.VulnerabilityVendor{Name: aws.String("NVD"), Url: aws.String(v.url()), VendorSeverity: aws.String(v.severity)},
		VulnerablePackages: []types.SoftwarePackage{{Name: aws.String(v.name), Version: aws.String(v.version), PackageManager: aws.String(v.manager), Architecture: aws.String("X86_64"), Epoch: aws.String("0")}},
	}
	if v.fixed != "" {
		found.FixAvailable = types.VulnerabilityFixAvailableYes
		found.VulnerablePackages[0].FixedInVersion = aws.String(v.fixed)
	}
	if v.exploit {
		found.ExploitAvailable = types.VulnerabilityExploitAvailableYes
	}
	b.item.Vulnerabilities = []types.Vulnerability{found}
}

func (b *findingBuilder) reachable() {
	b.product("GuardDuty", b.s.detectorARN(), b.s.detectorARN()+"/finding/"+b.d.hex(32))
	m := b.onMachine(0)
	b.item.Title = aws.String("SSH logins are being guessed on " + m.id)
	b.item.Description = aws.String(m.id + " answers on port 22 to the internet, and many addresses try passwords on it.")
	b.item.Types = []string{"TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce"}
	b.severity(types.SeverityLabelCritical)
}

func (b *findingBuilder) metadataToken(n int) {
	i := b.s.instance(b.s.machine(n))
	b.control("EC2.8", i.MetadataOptions.HttpTokens == "required")
	b.onMachine(n)
}

func (b *findingBuilder) unencryptedVolume(n int) {
	v := b.s.disk(n)
	b.control("EC2.3", v.encrypted || v.machine < 0)
	b.on("AwsEc2Volume", b.s.arn("ec2", "volume/"+v.id), &types.ResourceDetails{AwsEc2Volume: &types.AwsEc2VolumeDetails{
		VolumeId: aws.String(v.id), Encrypted: aws.Bool(v.encrypted), CreateTime: aws.String(hubTime(v.created)),
	}}, nil)
}

func (b *findingBuilder) openGroup(g int) {
	s := b.s
	open := false
	for _, r := range s.rulesOf(g) {
		open = open || !r.egress && r.cidr == anywhere && r.from != 443 && r.from != 80
	}
	b.control("EC2.19", !open)
	b.on("AwsEc2SecurityGroup", s.arn("ec2", "security-group/"+s.groupID(g)), &types.ResourceDetails{AwsEc2SecurityGroup: &types.AwsEc2SecurityGroupDetails{
		GroupId: aws.String(s.groupID(g)), GroupName: aws.String(s.groupName(g)), OwnerId: aws.String(s.a.id), VpcId: aws.String(s.vpcID(g % s.VPCs)),
	}}, nil)
}

func (b *findingBuilder) publicDatabase(n int) {
	db := b.s.database(n)
	b.control("RDS.2", !db.public)
	b.on("AwsRdsDbInstance", b.s.databaseARN(n), &types.ResourceDetails{AwsRdsDbInstance: &types.AwsRdsDbInstanceDetails{
		DBInstanceIdentifier: aws.String(db.name), Engine: aws.String(db.engine.name), EngineVersion: aws.String(db.engine.version),
		PubliclyAccessible: aws.Bool(db.public), StorageEncrypted: aws.Bool(db.encrypted), InstanceCreateTime: aws.String(hubTime(db.created)),
	}}, nil)
}

// function carries the environment of the function along, secrets included, as Security Hub does.
func (b *findingBuilder) function(n int) {
	s := b.s
	f := s.function(n)
	old := strings.HasPrefix(string(f.Runtime), "python3.9")
	b.control("Lambda.2", !old)
	d := &types.AwsLambdaFunctionDetails{
		FunctionName: f.FunctionName, Runtime: aws.String(string(f.Runtime)), Role: f.Role, Handler: f.Handler, MemorySize: f.MemorySize, Timeout: f.Timeout,
		LastModified: f.LastModified, Version: f.Version, CodeSha256: f.CodeSha256,
	}
	if f.Environment != nil {
		d.Environment = &types.AwsLambdaFunctionEnvironment{Variables: f.Environment.Variables}
	}
	b.on("AwsLambdaFunction", s.functionARN(n), &types.ResourceDetails{AwsLambdaFunction: d}, s.o.resourceTags(s.a, s.at("function", n), "", "function"))
}

func (b *findingBuilder) openCluster(n int) {
	public := b.s.cluster(n).ResourcesVpcConfig.EndpointPublicAccess
	b.control("EKS.1", !public)
	b.on("AwsEksCluster", b.s.clusterARN(n), nil, nil)
}

func (b *findingBuilder) publicBucket(k bucket) {
	b.control("S3.8", !k.public)
	b.on("AwsS3Bucket", b.s.o.bucketARN(k.name), &types.ResourceDetails{AwsS3Bucket: &types.AwsS3BucketDetails{
		Name: aws.String(k.name), OwnerId: aws.String(b.s.o.canonicalID(b.s.a)), OwnerAccountId: aws.String(b.s.a.id),
	}}, b.s.o.bucketTags(b.s.a, k))
}

func (b *findingBuilder) oldKey(dir *directory, user int, key accessKey) {
	b.control("IAM.3", b.s.now.Sub(key.created) < 90*24*time.Hour)
	status := types.AwsIamAccessKeyStatusInactive
	if key.active {
		status = types.AwsIamAccessKeyStatusActive
	}
	b.on("AwsIamAccessKey", "AWS::IAM::AccessKey:"+key.id, &types.ResourceDetails{AwsIamAccessKey: &types.AwsIamAccessKeyDetails{
		AccessKeyId: aws.String(key.id), UserName: aws.String(dir.userName(user)), AccountId: aws.String(b.s.a.id), Status: status, CreatedAt: aws.String(hubTime(key.created)),
	}}, nil)
}

// follow adds what people did about a finding.
func (b *findingBuilder) follow() {
	if b.k < len(b.s.worst()) || b.item.Workflow.Status == types.WorkflowStatusResolved {
		return
	}
	switch p := b.s.o.person(b.d.n(60)); b.d.n(12) {
	case 0:
		b.item.Workflow.Status, b.item.WorkflowState = types.WorkflowStatusSuppressed, types.WorkflowStateDeferred
		b.item.Note = &types.Note{Text: aws.String("Accepted until the move to the new platform."), UpdatedBy: aws.String(p.email()), UpdatedAt: aws.String(hubTime(b.updated))}
	case 1, 2:
		b.item.Workflow.Status, b.item.WorkflowState = types.WorkflowStatusNotified, types.WorkflowStateAssigned
		b.item.UserDefinedFields = map[string]string{"ticket": "SEC-" + itoa(1000+b.d.n(9000))}
	}
}
