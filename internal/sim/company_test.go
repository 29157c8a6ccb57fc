package sim

import (
	"encoding/json"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	accountapi "github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// inventory is all of one account and region, by the name of the walk.
type inventory map[string][]any

func collect(t *testing.T, o *Organization, account, region string, names ...string) inventory {
	t.Helper()
	inv := inventory{}
	for _, w := range walks() {
		if w.in != "" || len(names) > 0 && !slices.Contains(names, w.name) {
			continue
		}
		items, err := w.run(t.Context(), in(t, o, account, region))
		if err != nil {
			t.Fatalf("%s of %s in %s: %v", w.name, account, region, err)
		}
		inv[w.name] = items
	}
	return inv
}

func list[T any](inv inventory, name string) []T {
	var l []T
	for _, item := range inv[name] {
		l = append(l, item.(T))
	}
	return l
}

// TestReferencesHold follows what things say of each other, in every account of a larger company.
func TestReferencesHold(t *testing.T) {
	o := New(Options{Accounts: 24, Seed: 3})
	for _, a := range o.Accounts() {
		if a.State != "ACTIVE" || a.ID == o.Management() {
			continue
		}
		for _, region := range o.regions {
			checkReferences(t, a.Name+" in "+region, collect(t, o, a.ID, region))
		}
	}
}

func checkReferences(t *testing.T, where string, inv inventory) {
	t.Helper()
	ids := map[string]bool{}
	vpcOf := map[string]string{}
	know := func(id *string, vpc *string) {
		ids[*id] = true
		if vpc != nil {
			vpcOf[*id] = *vpc
		}
	}
	for _, v := range list[ec2VPC](inv, "vpcs") {
		know(v.VpcId, nil)
	}
	cidr := map[string]string{}
	for _, s := range list[ec2Subnet](inv, "subnets") {
		know(s.SubnetId, s.VpcId)
		cidr[*s.SubnetId] = *s.CidrBlock
	}
	for _, g := range list[ec2Group](inv, "security groups") {
		know(g.GroupId, g.VpcId)
	}
	volumeAt := map[string]string{}
	for _, v := range list[ec2Volume](inv, "volumes") {
		know(v.VolumeId, nil)
		for _, a := range v.Attachments {
			volumeAt[*v.VolumeId] = *a.InstanceId
		}
	}
	interfaceAt := map[string]string{}
	addresses := map[string]bool{}
	for _, n := range list[ec2Interface](inv, "network interfaces") {
		know(n.NetworkInterfaceId, n.VpcId)
		if n.Attachment != nil && n.Attachment.InstanceId != nil {
			interfaceAt[*n.NetworkInterfaceId] = *n.Attachment.InstanceId
		}
		if at := *n.VpcId + *n.PrivateIpAddress; addresses[at] {
			t.Errorf("%s: address %s is used twice", where, *n.PrivateIpAddress)
		} else {
			addresses[at] = true
		}
		if !inside(*n.PrivateIpAddress, cidr[*n.SubnetId]) {
			t.Errorf("%s: interface %s has address %s outside of its subnet %s", where, *n.NetworkInterfaceId, *n.PrivateIpAddress, cidr[*n.SubnetId])
		}
	}
	exists := func(what, id, vpc string) {
		if !ids[id] {
			t.Errorf("%s: %s names %s, which does not exist", where, what, id)
		}
		if vpc != "" && vpcOf[id] != vpc {
			t.Errorf("%s: %s in %s names %s of %s", where, what, vpc, id, vpcOf[id])
		}
	}
	profiles := map[string]bool{}
	roles := map[string]bool{}
	for _, item := range inv["authorization details"] {
		if r, ok := item.(iamtypes.RoleDetail); ok {
			roles[*r.Arn] = true
			for _, p := range r.InstanceProfileList {
				profiles[*p.Arn] = true
			}
		}
	}
	for _, i := range list[ec2Instance](inv, "instances") {
		know(i.InstanceId, nil)
		exists("instance", *i.SubnetId, *i.VpcId)
		for _, g := range i.SecurityGroups {
			exists("instance", *g.GroupId, *i.VpcId)
		}
		for _, d := range i.BlockDeviceMappings {
			exists("instance", *d.Ebs.VolumeId, "")
			if volumeAt[*d.Ebs.VolumeId] != *i.InstanceId {
				t.Errorf("%s: instance %s has volume %s, which is attached to %s", where, *i.InstanceId, *d.Ebs.VolumeId, volumeAt[*d.Ebs.VolumeId])
			}
			delete(volumeAt, *d.Ebs.VolumeId)
		}
		for _, n := range i.NetworkInterfaces {
			exists("instance", *n.NetworkInterfaceId, *i.VpcId)
			if interfaceAt[*n.NetworkInterfaceId] != *i.InstanceId {
				t.Errorf("%s: instance %s has interface %s, which is attached to %s", where, *i.InstanceId, *n.NetworkInterfaceId, interfaceAt[*n.NetworkInterfaceId])
			}
		}
		if i.IamInstanceProfile != nil && !profiles[*i.IamInstanceProfile.Arn] {
			t.Errorf("%s: instance %s has profile %s, which IAM does not know", where, *i.InstanceId, *i.IamInstanceProfile.Arn)
		}
	}
	if len(volumeAt) > 0 {
		t.Errorf("%s: volumes %v are attached to instances that do not list them", where, volumeAt)
	}
	checkServices(t, where, inv, exists, roles)
	checkRules(t, where, inv, exists)
}

func checkServices(t *testing.T, where string, inv inventory, exists func(what, id, vpc string), roles map[string]bool) {
	t.Helper()
	for _, f := range list[lambdaFunction](inv, "functions") {
		if !roles[*f.Role] {
			t.Errorf("%s: function %s has role %s, which IAM does not know", where, *f.FunctionName, *f.Role)
		}
		if f.VpcConfig != nil {
			exists("function", f.VpcConfig.SubnetIds[0], *f.VpcConfig.VpcId)
			exists("function", f.VpcConfig.SecurityGroupIds[0], *f.VpcConfig.VpcId)
		}
	}
	for _, d := range list[rdsInstance](inv, "databases") {
		exists("database", *d.VpcSecurityGroups[0].VpcSecurityGroupId, *d.DBSubnetGroup.VpcId)
		for _, s := range d.DBSubnetGroup.Subnets {
			exists("database", *s.SubnetIdentifier, *d.DBSubnetGroup.VpcId)
		}
		if d.MonitoringRoleArn != nil && !roles[*d.MonitoringRoleArn] {
			t.Errorf("%s: database %s has role %s, which IAM does not know", where, *d.DBInstanceIdentifier, *d.MonitoringRoleArn)
		}
	}
	for _, f := range list[hubFinding](inv, "findings") {
		if vpcs := list[ec2VPC](inv, "vpcs"); len(vpcs) == 0 || *vpcs[0].OwnerId != *f.AwsAccountId {
			continue // the administrator sees those of others
		}
		id := *f.Resources[0].Id
		for _, kind := range []string{":volume/", ":instance/", ":security-group/"} {
			if _, short, ok := strings.Cut(id, kind); ok {
				exists("finding", short, "")
			}
		}
	}
}

// checkRules compares the rules as a list with the rules in their groups.
func checkRules(t *testing.T, where string, inv inventory, exists func(what, id, vpc string)) {
	t.Helper()
	inGroups := 0
	for _, g := range list[ec2Group](inv, "security groups") {
		for _, p := range slices.Concat(g.IpPermissions, g.IpPermissionsEgress) {
			inGroups += len(p.IpRanges) + len(p.Ipv6Ranges) + len(p.UserIdGroupPairs)
		}
	}
	rules := list[ec2Rule](inv, "security group rules")
	if len(rules) != inGroups {
		t.Errorf("%s: got %d rules as a list, %d in the groups", where, len(rules), inGroups)
	}
	for _, r := range rules {
		exists("rule", *r.GroupId, "")
		if r.ReferencedGroupInfo != nil {
			exists("rule", *r.ReferencedGroupInfo.GroupId, "")
		}
	}
}

func inside(address, cidr string) bool {
	_, network, err := net.ParseCIDR(cidr)
	return err == nil && network.Contains(net.ParseIP(address))
}

// TestIdentitiesAgree compares the bulk answer of IAM with the answers about single users and groups.
func TestIdentitiesAgree(t *testing.T) {
	o := New(Options{Accounts: 10, Sizes: Sizes{Users: 30}})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	client := iam.NewFromConfig(cfg)
	inv := collect(t, o, firstWorkload(o), "us-east-1", "authorization details", "users")
	attached := map[string]int32{}
	local := map[string]int32{}
	members := map[string]int{}
	for _, item := range inv["authorization details"] {
		switch d := item.(type) {
		case iamtypes.UserDetail:
			groups, err := client.ListGroupsForUser(t.Context(), &iam.ListGroupsForUserInput{UserName: d.UserName})
			if err != nil || len(groups.Groups) != len(d.GroupList) {
				t.Errorf("user %s: got groups %v and %v: %v", *d.UserName, groups, d.GroupList, err)
			}
			user, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: d.UserName})
			if err != nil || text(t, user.User.Tags) != text(t, d.Tags) || *user.User.Arn != *d.Arn {
				t.Errorf("user %s: GetUser and the bulk answer differ: %v", *d.UserName, err)
			}
			for _, g := range d.GroupList {
				members[g]++
			}
			for _, p := range d.AttachedManagedPolicies {
				attached[*p.PolicyArn]++
			}
		case iamtypes.GroupDetail:
			for _, p := range d.AttachedManagedPolicies {
				attached[*p.PolicyArn]++
			}
			group, err := client.GetGroup(t.Context(), &iam.GetGroupInput{GroupName: d.GroupName})
			if err != nil || len(group.Users) != members[*d.GroupName] {
				t.Errorf("group %s: got %v, want %d members: %v", *d.GroupName, group, members[*d.GroupName], err)
			}
		case iamtypes.RoleDetail:
			checkDocument(t, *d.RoleName, *d.AssumeRolePolicyDocument)
			for _, p := range d.AttachedManagedPolicies {
				attached[*p.PolicyArn]++
			}
		case iamtypes.ManagedPolicyDetail:
			local[*d.Arn] = *d.AttachmentCount
			checkDocument(t, *d.PolicyName, *d.PolicyVersionList[0].Document)
			if !d.PolicyVersionList[0].IsDefaultVersion || *d.PolicyVersionList[0].VersionId != *d.DefaultVersionId {
				t.Errorf("policy %s: the newest version is not the default", *d.PolicyName)
			}
		}
	}
	for arn, n := range local {
		if attached[arn] != n {
			t.Errorf("policy %s: AttachmentCount is %d, got %d attachments", arn, n, attached[arn])
		}
	}
	managed := must(client.GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeAWSManagedPolicy}, MaxItems: aws.Int32(1000),
	}))
	for _, p := range managed.Policies {
		if attached[*p.Arn] != *p.AttachmentCount {
			t.Errorf("policy %s: AttachmentCount is %d, got %d attachments", *p.Arn, *p.AttachmentCount, attached[*p.Arn])
		}
		delete(attached, *p.Arn)
	}
	for arn := range attached {
		if _, ok := local[arn]; !ok {
			t.Errorf("policy %s is attached and not answered", arn)
		}
	}
}

// checkDocument wants a policy document in URL encoding.
func checkDocument(t *testing.T, owner, encoded string) {
	t.Helper()
	plain, err := url.PathUnescape(encoded)
	if err != nil || plain == encoded || !json.Valid([]byte(plain)) || strings.Contains(encoded, "+") {
		t.Errorf("%s: document %q is not URL-encoded JSON: %v", owner, encoded, err)
	}
}

// TestProblems looks for the troubles that every company has, whatever its seed.
func TestProblems(t *testing.T) {
	for _, opts := range []Options{
		{Seed: 1, Accounts: 10, Regions: Regions("aws", 2)},
		{Seed: 2, Accounts: 40, Regions: []string{"eu-central-1", "eu-west-3", "ap-south-1"}},
		{Seed: 3, Accounts: 12, Scale: 0.1},
		{Seed: 4, Accounts: 12, Scale: 3},
		{Seed: 5, Accounts: 10, Partition: "aws-us-gov"},
	} {
		o := New(opts)
		first, second, third := o.nthWorkload(0).id, o.nthWorkload(1).id, o.nthWorkload(2).id
		here, there := o.regions[0], o.regions[1]
		checkExposed(t, o, first, here)
		checkForgottenKeys(t, o, second)

		unowned := 0
		for _, i := range list[ec2Instance](collect(t, o, second, here, "instances"), "instances") {
			if len(i.Tags) == 0 {
				unowned++
			}
		}
		leaky := list[rdsInstance](collect(t, o, second, there, "databases"), "databases")
		cluster := must(eks.NewFromConfig(in(t, o, first, there)).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String(o.site(o.byID[first], there).clusterName(0))})).Cluster.ResourcesVpcConfig
		public := s3.NewFromConfig(in(t, o, third, o.bucketRegion(o.byID[third], uploadsBucket)))
		bucket := aws.String(o.bucketName(o.byID[third], uploadsBucket))
		status := must(public.GetBucketPolicyStatus(t.Context(), &s3.GetBucketPolicyStatusInput{Bucket: bucket}))
		wildcard, vendor := "", ""
		for _, item := range collect(t, o, third, here, "authorization details")["authorization details"] {
			if p, ok := item.(iamtypes.ManagedPolicyDetail); ok && *p.AttachmentCount > 0 && strings.Contains(must(url.PathUnescape(*p.PolicyVersionList[0].Document)), `"Action":"*"`) {
				wildcard = *p.PolicyName
			}
		}
		for _, item := range collect(t, o, first, here, "authorization details")["authorization details"] {
			if r, ok := item.(iamtypes.RoleDetail); ok && strings.Contains(must(url.PathUnescape(*r.AssumeRolePolicyDocument)), ":"+o.vendorAccount()+":root") {
				vendor = *r.RoleName
			}
		}
		for what, ok := range map[string]bool{
			"machines without tags":                         unowned > 0,
			"public, unencrypted database":                  len(leaky) > 0 && *leaky[0].PubliclyAccessible && !*leaky[0].StorageEncrypted,
			"cluster open to all":                           cluster.EndpointPublicAccess && slices.Contains(cluster.PublicAccessCidrs, "0.0.0.0/0"),
			"public bucket":                                 *status.PolicyStatus.IsPublic,
			"policy that allows all":                        wildcard != "",
			"trust in an unknown account":                   vendor != "" && o.byID[o.vendorAccount()] == nil,
			"account ID with a leading zero":                strings.HasPrefix(second, "0"),
			"the base is not an organization administrator": o.BaseAccount() != o.Management() && o.BaseAccount() != o.SecurityAccount(),
		} {
			if !ok {
				t.Errorf("seed %d, %d accounts: missing: %s", opts.Seed, opts.Accounts, what)
			}
		}
	}
}

func checkExposed(t *testing.T, o *Organization, account, region string) {
	t.Helper()
	inv := collect(t, o, account, region, "instances", "volumes", "security groups", "findings", "authorization details")
	i := list[ec2Instance](inv, "instances")[0]
	open := false
	for _, g := range list[ec2Group](inv, "security groups") {
		if *g.GroupId != *i.SecurityGroups[0].GroupId {
			continue
		}
		for _, p := range g.IpPermissions {
			for _, r := range p.IpRanges {
				open = open || *r.CidrIp == "0.0.0.0/0" && aws.ToInt32(p.FromPort) == 22
			}
		}
	}
	critical := 0
	for _, f := range list[hubFinding](inv, "findings") {
		if strings.HasSuffix(*f.Resources[0].Id, *i.InstanceId) && f.Severity.Label == hubtypes.SeverityLabelCritical && f.RecordState == hubtypes.RecordStateActive {
			critical++
		}
	}
	admin := false
	for _, item := range inv["authorization details"] {
		if r, ok := item.(iamtypes.RoleDetail); ok && len(r.InstanceProfileList) > 0 && *r.InstanceProfileList[0].Arn == *i.IamInstanceProfile.Arn {
			admin = strings.HasSuffix(*r.AttachedManagedPolicies[0].PolicyArn, ":policy/AdministratorAccess")
		}
	}
	if i.PublicIpAddress == nil || !open || critical < 2 || !admin {
		t.Errorf("machine %s of seed %d: got address %v, open %t, %d critical findings, administrator %t", *i.InstanceId, o.opts.Seed, i.PublicIpAddress, open, critical, admin)
	}
	plain := 0
	for _, v := range list[ec2Volume](inv, "volumes") {
		if !*v.Encrypted {
			plain++
		}
	}
	if plain == 0 {
		t.Errorf("seed %d: no volume is unencrypted", o.opts.Seed)
	}
}

func checkForgottenKeys(t *testing.T, o *Organization, account string) {
	t.Helper()
	client := iam.NewFromConfig(in(t, o, account, o.regions[0]))
	stale, unused := false, false
	for _, u := range list[iamtypes.User](collect(t, o, account, o.regions[0], "users"), "users") {
		for _, k := range must(client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: u.UserName})).AccessKeyMetadata {
			last := must(client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))
			if *last.UserName != *u.UserName {
				t.Errorf("key %s: got user %s, want %s", *k.AccessKeyId, *last.UserName, *u.UserName)
			}
			groups := must(client.ListGroupsForUser(t.Context(), &iam.ListGroupsForUserInput{UserName: u.UserName})).Groups
			used := last.AccessKeyLastUsed.LastUsedDate
			stale = stale || k.Status == iamtypes.StatusTypeActive && used != nil && o.Now().Sub(*used) > 2*365*24*time.Hour
			unused = unused || k.Status == iamtypes.StatusTypeActive && used == nil && len(groups) == 0
		}
	}
	if !stale || !unused {
		t.Errorf("seed %d: got stale key %t, user without groups and an unused key %t, want both", o.opts.Seed, stale, unused)
	}
}

func TestOrganizationTree(t *testing.T) {
	o := New(Options{Accounts: 45})
	client := organizations.NewFromConfig(in(t, o, o.Management(), "us-east-1"))
	ctx := t.Context()
	empty, pages := 0, 0
	p := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: aws.Int32(20)})
	var all []orgAccount
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		if len(out.Accounts) == 0 && out.NextToken != nil {
			empty++
		}
		all = append(all, out.Accounts...)
	}
	if empty != 1 || pages != 4 || len(all) != 45 {
		t.Errorf("got %d accounts in %d pages, %d of them empty, want 45 in 4 with 1", len(all), pages, empty)
	}
	status := 0
	for i, a := range o.Accounts() {
		if a.ID != *all[i].Id || a.State != string(all[i].State) || all[i].State == "" {
			t.Errorf("account %d: got %s, %s, want %s, %s", i, *all[i].Id, all[i].State, a.ID, a.State)
		}
		if all[i].Status != "" {
			status++
		}
		tags := must(client.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: all[i].Id})).Tags
		if len(tags) != len(a.Tags) {
			t.Errorf("account %s: got %d tags, want %d", a.Name, len(tags), len(a.Tags))
		}
		parent := must(client.ListParents(ctx, &organizations.ListParentsInput{ChildId: all[i].Id})).Parents[0]
		children := must(drain(ctx, organizations.NewListAccountsForParentPaginator(client, &organizations.ListAccountsForParentInput{ParentId: parent.Id}),
			func(o *organizations.ListAccountsForParentOutput) []orgAccount { return o.Accounts }))
		if !slices.ContainsFunc(children, func(c orgAccount) bool { return *c.Id == a.ID }) {
			t.Errorf("account %s is not among the accounts of its parent %s", a.Name, *parent.Id)
		}
		if !strings.Contains(all[i].Paths[0], *parent.Id+"/"+a.ID) {
			t.Errorf("account %s: path %s does not go through its parent %s", a.Name, all[i].Paths[0], *parent.Id)
		}
	}
	if status == 0 || status == len(all) {
		t.Errorf("the older status is filled for %d of %d accounts, want some", status, len(all))
	}
	root := must(client.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0]
	units := must(client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: root.Id})).OrganizationalUnits
	if len(units) != 5 {
		t.Errorf("got %d units below the root, want 5", len(units))
	}
	admins := must(client.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String("securityhub.amazonaws.com")})).DelegatedAdministrators
	if len(admins) != 1 || *admins[0].Id != o.SecurityAccount() {
		t.Errorf("got administrators %v, want %s", admins, o.SecurityAccount())
	}
	if none := must(client.ListDelegatedAdministrators(ctx, &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String("macie.amazonaws.com")})).DelegatedAdministrators; len(none) != 0 {
		t.Errorf("macie: got administrators %v, want none", none)
	}
	if services := must(client.ListDelegatedServicesForAccount(ctx, &organizations.ListDelegatedServicesForAccountInput{AccountId: aws.String(o.SecurityAccount())})).DelegatedServices; len(services) == 0 {
		t.Error("the administrator has no services")
	}
	left := o.nthWorkload(5).id
	o.Leave(left)
	if slices.ContainsFunc(o.Accounts(), func(a Account) bool { return a.ID == left }) {
		t.Errorf("account %s left and is still listed", left)
	}
	if _, err := client.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &left}); code(err) != "AccountNotFoundException" {
		t.Errorf("account that left: got %v, want AccountNotFoundException", err)
	}
	if _, err := organizations.NewFromConfig(in(t, o, o.SecurityAccount(), "us-east-1")).ListAccounts(ctx, &organizations.ListAccountsInput{}); err != nil {
		t.Errorf("the delegated administrator: %v", err)
	}
}

func TestRegionStatus(t *testing.T) {
	o := New(Options{Regions: []string{"eu-west-1", "us-east-1", "eu-south-1"}})
	member := firstWorkload(o)
	o.DisableRegion(member, "us-east-1")
	want := map[string]accounttypes.RegionOptStatus{
		"eu-west-1": accounttypes.RegionOptStatusEnabledByDefault, "us-east-1": accounttypes.RegionOptStatusDisabled,
		"eu-south-1": accounttypes.RegionOptStatusEnabled, "ap-south-1": accounttypes.RegionOptStatusDisabled,
	}
	for _, tc := range []struct {
		asking string
		about  *string
	}{{member, nil}, {o.Management(), &member}} {
		p := accountapi.NewListRegionsPaginator(accountapi.NewFromConfig(in(t, o, tc.asking, "us-east-1")), &accountapi.ListRegionsInput{AccountId: tc.about})
		got := map[string]accounttypes.RegionOptStatus{}
		for _, r := range must(drain(t.Context(), p, func(o *accountapi.ListRegionsOutput) []accountRegion { return o.Regions })) {
			got[*r.RegionName] = r.RegionOptStatus
		}
		for region, status := range want {
			if got[region] != status {
				t.Errorf("%s asks about %v: %s is %s, want %s", tc.asking, tc.about, region, got[region], status)
			}
		}
	}
	_, err := accountapi.NewFromConfig(in(t, o, o.Management(), "us-east-1")).ListRegions(t.Context(), &accountapi.ListRegionsInput{AccountId: aws.String(o.Management())})
	if code(err) != "AccessDeniedException" {
		t.Errorf("management account by its own ID: got %v, want AccessDeniedException", err)
	}
	out := must(ec2.NewFromConfig(in(t, o, member, "eu-west-1")).DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{}))
	var names []string
	for _, r := range out.Regions {
		names = append(names, *r.RegionName+" "+*r.OptInStatus)
	}
	if want := []string{"eu-south-1 opted-in", "eu-west-1 opt-in-not-required"}; !slices.Equal(names, want) {
		t.Errorf("DescribeRegions: got %v, want %v", names, want)
	}
	if all := must(ec2.NewFromConfig(in(t, o, member, "eu-west-1")).DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})).Regions; len(all) < 30 {
		t.Errorf("DescribeRegions with all: got %d, want 30 or more", len(all))
	}
}

func TestBucketDetails(t *testing.T) {
	o := New(Options{Sizes: Sizes{Buckets: 60}})
	account := firstWorkload(o)
	ctx := t.Context()
	home := s3.NewFromConfig(in(t, o, account, "us-east-1"))
	unpaged := must(home.ListBuckets(ctx, &s3.ListBucketsInput{}))
	if len(unpaged.Buckets) != 60 || unpaged.Buckets[0].BucketRegion != nil {
		t.Errorf("without MaxBuckets: got %d buckets, region %v, want 60 without region", len(unpaged.Buckets), unpaged.Buckets[0].BucketRegion)
	}
	buckets := must(home.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)})).Buckets
	absent, present := map[string]int{}, map[string]int{}
	regions := map[string]int{}
	for _, b := range buckets {
		regions[*b.BucketRegion]++
		client := s3.NewFromConfig(in(t, o, account, *b.BucketRegion))
		for detail, call := range bucketDetails(client, b.Name) {
			switch err := call(ctx); {
			case err == nil:
				present[detail]++
			case status(err) == 404:
				absent[code(err)]++
			default:
				t.Errorf("%s of %s: %v", detail, *b.Name, err)
			}
		}
		elsewhere := s3.NewFromConfig(in(t, o, account, "us-west-2"))
		if *b.BucketRegion != "us-west-2" {
			if _, err := elsewhere.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b.Name}); code(err) != "PermanentRedirect" || status(err) != 301 {
				t.Errorf("bucket of %s asked in us-west-2: got %v, want PermanentRedirect with status 301", *b.BucketRegion, err)
			}
			if _, err := elsewhere.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b.Name}); code(err) != "MovedPermanently" {
				t.Errorf("head of a bucket of %s in us-west-2: got %v, want MovedPermanently", *b.BucketRegion, err)
			}
		}
		where := must(elsewhere.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b.Name})).LocationConstraint
		if want := map[string][]string{"us-east-1": {""}, "eu-west-1": {"EU", "eu-west-1"}}[*b.BucketRegion]; want != nil && !slices.Contains(want, string(where)) {
			t.Errorf("location of a bucket of %s: got %q, want one of %q", *b.BucketRegion, where, want)
		}
	}
	if len(regions) < 2 {
		t.Errorf("all buckets are in one region: %v", regions)
	}
	for _, want := range []string{
		"ServerSideEncryptionConfigurationNotFoundError", "NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "NoSuchTagSet", "NoSuchLifecycleConfiguration",
		"OwnershipControlsNotFoundError", "ReplicationConfigurationNotFoundError", "ObjectLockConfigurationNotFoundError", "NoSuchWebsiteConfiguration", "NoSuchCORSConfiguration",
	} {
		if absent[want] == 0 {
			t.Errorf("no bucket answers %s: %v", want, absent)
		}
	}
	for detail := range bucketDetails(home, nil) {
		if present[detail] == 0 {
			t.Errorf("no bucket has %s", detail)
		}
	}
	if _, err := home.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("larkfield-nothing-here")}); code(err) != "NotFound" {
		t.Errorf("head of a missing bucket: got %v, want NotFound", err)
	}
	if _, err := home.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("larkfield-nothing-here")}); code(err) != "NoSuchBucket" {
		t.Errorf("policy of a missing bucket: got %v, want NoSuchBucket", err)
	}
}

func TestScans(t *testing.T) {
	o := New(Options{Accounts: 30})
	never, basic, enhanced := 0, 0, 0
	for _, a := range o.Accounts() {
		for _, region := range o.regions {
			if a.State != "ACTIVE" || o.SizesOf(a.ID, region).Repositories == 0 {
				continue
			}
			client := ecr.NewFromConfig(in(t, o, a.ID, region))
			scanType := must(client.GetRegistryScanningConfiguration(t.Context(), &ecr.GetRegistryScanningConfigurationInput{})).ScanningConfiguration.ScanType
			for _, r := range must(client.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})).Repositories {
				images := must(client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName})).ImageDetails
				out, err := client.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{
					RepositoryName: r.RepositoryName, ImageId: &ecrtypes.ImageIdentifier{ImageDigest: images[0].ImageDigest}, MaxResults: aws.Int32(1000),
				})
				switch {
				case code(err) == "ScanNotFoundException":
					never++
				case err != nil:
					t.Fatal(err)
				case scanType == ecrtypes.ScanTypeEnhanced:
					enhanced += len(out.ImageScanFindings.EnhancedFindings)
				default:
					basic += len(out.ImageScanFindings.Findings)
				}
				if err == nil {
					total := int32(0)
					for _, n := range out.ImageScanFindings.FindingSeverityCounts {
						total += n
					}
					if int(total) != len(out.ImageScanFindings.Findings)+len(out.ImageScanFindings.EnhancedFindings) {
						t.Errorf("image %s: counts say %d findings", *images[0].ImageDigest, total)
					}
				}
			}
		}
	}
	if never == 0 || basic == 0 || enhanced == 0 {
		t.Errorf("got %d repositories never scanned, %d basic and %d enhanced findings, want some of each", never, basic, enhanced)
	}
	client := ecr.NewFromConfig(in(t, o, firstWorkload(o), "us-east-1"))
	_, err := client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("payments/nothing")})
	if code(err) != "RepositoryNotFoundException" {
		t.Errorf("missing repository: got %v", err)
	}
}

func TestFindingFilters(t *testing.T) {
	o := New(Options{FindingAggregator: true})
	admin, member := o.SecurityAccount(), firstWorkload(o)
	get := func(account, region string, f *hubtypes.AwsSecurityFindingFilters, sort ...hubtypes.SortCriterion) []hubFinding {
		p := securityhub.NewGetFindingsPaginator(securityhub.NewFromConfig(in(t, o, account, region)), &securityhub.GetFindingsInput{Filters: f, SortCriteria: sort})
		all, err := drain(t.Context(), p, func(o *securityhub.GetFindingsOutput) []hubFinding { return o.Findings })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	one := func(key string) func(f hubFinding) bool {
		return func(f hubFinding) bool { return *f.AwsAccountId == key || *f.Region == key }
	}
	since := o.Now().AddDate(0, 0, -3)
	home, linked := get(admin, "us-east-1", nil), get(admin, "eu-west-1", nil)
	for _, tc := range []struct {
		name   string
		got    []hubFinding
		all    []hubFinding
		want   func(hubFinding) bool
		strict bool // some of all must be left out
	}{
		{"home region holds the linked ones", home, home, func(hubFinding) bool { return true }, false},
		{"linked region", linked, home, one("eu-west-1"), true},
		{"a member sees its own", get(member, "eu-west-1", nil), linked, one(member), true},
		{"by account", get(admin, "eu-west-1", &hubtypes.AwsSecurityFindingFilters{AwsAccountId: []hubtypes.StringFilter{{Value: &member, Comparison: hubtypes.StringFilterComparisonEquals}}}), linked, one(member), true},
		{"by state", get(admin, "eu-west-1", &hubtypes.AwsSecurityFindingFilters{RecordState: []hubtypes.StringFilter{{Value: aws.String("ACTIVE"), Comparison: hubtypes.StringFilterComparisonEquals}}}), linked,
			func(f hubFinding) bool { return f.RecordState == hubtypes.RecordStateActive }, true},
		{"by time", get(admin, "eu-west-1", &hubtypes.AwsSecurityFindingFilters{UpdatedAt: []hubtypes.DateFilter{{Start: aws.String(since.Format(time.RFC3339)), End: aws.String(o.Now().Format(time.RFC3339))}}}), linked,
			func(f hubFinding) bool { return !must(time.Parse(time.RFC3339, *f.UpdatedAt)).Before(since) }, true},
		{"by days", get(admin, "eu-west-1", &hubtypes.AwsSecurityFindingFilters{UpdatedAt: []hubtypes.DateFilter{{DateRange: &hubtypes.DateRange{Value: aws.Int32(3), Unit: hubtypes.DateRangeUnitDays}}}}), linked,
			func(f hubFinding) bool { return !must(time.Parse(time.RFC3339, *f.UpdatedAt)).Before(since) }, true},
	} {
		n := 0
		for _, f := range tc.all {
			if tc.want(f) {
				n++
			}
		}
		if len(tc.got) != n || slices.ContainsFunc(tc.got, func(f hubFinding) bool { return !tc.want(f) }) {
			t.Errorf("%s: got %d findings, want the %d that match", tc.name, len(tc.got), n)
		}
		if n == 0 || tc.strict && n == len(tc.all) {
			t.Errorf("%s: %d of %d findings match: the case shows nothing", tc.name, n, len(tc.all))
		}
	}
	sorted := get(admin, "eu-west-1", nil, hubtypes.SortCriterion{Field: aws.String("UpdatedAt"), SortOrder: hubtypes.SortOrderAscending})
	if len(sorted) != len(linked) || !slices.IsSortedFunc(sorted, func(a, b hubFinding) int { return strings.Compare(*a.UpdatedAt, *b.UpdatedAt) }) {
		t.Errorf("sorted: got %d findings, want %d in order of UpdatedAt", len(sorted), len(linked))
	}
	client := securityhub.NewFromConfig(in(t, o, admin, "us-east-1"))
	if _, err := client.GetFindings(t.Context(), &securityhub.GetFindingsInput{Filters: &hubtypes.AwsSecurityFindingFilters{Title: []hubtypes.StringFilter{{Value: aws.String("x")}}}}); err == nil || !contains(err.Error(), "does not play filter Title") {
		t.Errorf("filter that is not played: got %v", err)
	}
	aggregators := must(client.ListFindingAggregators(t.Context(), &securityhub.ListFindingAggregatorsInput{})).FindingAggregators
	linkedTo := must(client.GetFindingAggregator(t.Context(), &securityhub.GetFindingAggregatorInput{FindingAggregatorArn: aggregators[0].FindingAggregatorArn}))
	if *linkedTo.FindingAggregationRegion != "us-east-1" || len(linkedTo.Regions) != 3 {
		t.Errorf("aggregator: got %s with %v, want us-east-1 with the 3 others", *linkedTo.FindingAggregationRegion, linkedTo.Regions)
	}
	if none := must(securityhub.NewFromConfig(in(t, New(Options{}), New(Options{}).SecurityAccount(), "us-east-1")).ListFindingAggregators(t.Context(), &securityhub.ListFindingAggregatorsInput{})).FindingAggregators; len(none) != 0 {
		t.Errorf("without the option: got aggregators %v", none)
	}
	members := must(client.ListMembers(t.Context(), &securityhub.ListMembersInput{})).Members
	for _, m := range members {
		out := must(securityhub.NewFromConfig(in(t, o, *m.AccountId, "us-east-1")).GetAdministratorAccount(t.Context(), &securityhub.GetAdministratorAccountInput{}))
		if *out.Administrator.AccountId != admin {
			t.Errorf("administrator of %s: got %s, want %s", *m.AccountId, *out.Administrator.AccountId, admin)
		}
	}
}

func TestSandboxesHaveNoSecurityHub(t *testing.T) {
	o := New(Options{Accounts: 30})
	for _, a := range o.Accounts() {
		if a.OUPath != "/Sandbox" {
			continue
		}
		_, err := securityhub.NewFromConfig(in(t, o, a.ID, "us-east-1")).DescribeHub(t.Context(), &securityhub.DescribeHubInput{})
		if code(err) != "InvalidAccessException" || !contains(err.Error(), "Account "+a.ID+" is not subscribed to AWS Security Hub") {
			t.Errorf("%s: got %v, want InvalidAccessException", a.Name, err)
		}
		return
	}
	t.Error("no account is a sandbox")
}

func TestIdentityCentreRegion(t *testing.T) {
	o := New(Options{Regions: []string{"eu-central-1", "us-east-1"}})
	cfg := in(t, o, o.Management(), "eu-central-1")
	store := must(storeID(t.Context(), cfg))
	if _, err := identitystore.NewFromConfig(cfg).ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: &store}); err != nil {
		t.Error(err)
	}
	elsewhere := in(t, o, o.Management(), "us-east-1")
	if _, err := identitystore.NewFromConfig(elsewhere).ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: &store}); code(err) != "ResourceNotFoundException" {
		t.Errorf("other region: got %v, want ResourceNotFoundException", err)
	}
	if _, err := storeID(t.Context(), elsewhere); err == nil {
		t.Error("other region: an instance was answered")
	}
}

var allowedTag = regexp.MustCompile(`^[\p{L}\p{N}\p{Zs} _.:/=+\-@,;\\"]*$`)

// TestTagsAreOdd wants the ordinary tags, and now and then what real companies write.
func TestTagsAreOdd(t *testing.T) {
	o := New(Options{Accounts: 60})
	untagged, unicode, emptyValue, long, twoCases, owned := 0, 0, 0, 0, 0, 0
	for _, a := range o.accounts {
		for n := range 300 {
			tags := o.resourceTags(a, o.seed.s(a.id).i(n), "thing", "api")
			if len(tags) == 0 {
				untagged++
			}
			keys := map[string]bool{}
			for _, tag := range tags {
				if keys[tag.key] || len(tag.key) > 128 || len([]rune(tag.value)) > 256 || !allowedTag.MatchString(tag.key+tag.value) {
					t.Fatalf("tag %q=%q is not one that AWS takes", tag.key, tag.value)
				}
				keys[tag.key] = true
				if tag.key == "owner" {
					owned++
				}
				if len(tag.value) > len([]rune(tag.value)) {
					unicode++
				}
				if tag.value == "" {
					emptyValue++
				}
				if len(tag.value) == 200 {
					long++
				}
			}
			if keys["owner"] && keys["Owner"] {
				twoCases++
			}
		}
	}
	for what, n := range map[string]int{"untagged": untagged, "unicode": unicode, "empty value": emptyValue, "200 characters": long, "keys that differ by case": twoCases} {
		if n == 0 {
			t.Errorf("no thing of %d has: %s", 60*300, what)
		}
	}
	if owned < 60*300/2 {
		t.Errorf("got %d of %d things with an owner, want most", owned, 60*300)
	}
}

func TestNamesAreUnique(t *testing.T) {
	o := New(Options{Accounts: 1000})
	if n := len(o.Accounts()); n != 1000 {
		t.Fatalf("got %d accounts, want 1000", n)
	}
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[0-9]{12}$`)
	once := func(name string) {
		if seen[name] {
			t.Errorf("%s occurs twice", name)
		}
		seen[name] = true
	}
	for _, a := range o.accounts {
		once(a.id)
		once(a.name)
		if !form.MatchString(a.id) {
			t.Errorf("account ID %s has not 12 digits", a.id)
		}
		for n := range 30 {
			name := o.bucketName(a, n)
			once(name)
			if len(name) > 63 {
				t.Errorf("bucket name %s is too long", name)
			}
		}
	}
	ascii := regexp.MustCompile(`^[a-z]+\.[a-z]+(\.[0-9]+)?$`)
	for n := range 5000 {
		login := o.person(n).login
		once(login)
		if !ascii.MatchString(login) {
			t.Errorf("login %s is not a plain one", login)
		}
	}
}

// TestCanaries finds every secret-looking value of all environments in the list.
func TestCanaries(t *testing.T) {
	o := New(Options{Accounts: 30})
	known := o.Canaries()
	found := map[string]bool{}
	for _, a := range o.Accounts() {
		for _, region := range o.regions {
			if a.State != "ACTIVE" || o.SizesOf(a.ID, region).Functions == 0 {
				continue
			}
			for _, f := range must(lambda.NewFromConfig(in(t, o, a.ID, region)).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})).Functions {
				if f.Environment == nil {
					continue
				}
				for key, value := range f.Environment.Variables {
					i := slices.IndexFunc(known, func(c string) bool { return strings.Contains(value, c) })
					plain := slices.Contains([]string{"LOG_LEVEL", "STAGE", "TABLE_NAME"}, key)
					if plain != (i < 0) {
						t.Errorf("%s=%s: known secret: %t, want %t", key, value, i >= 0, !plain)
					}
					if i >= 0 {
						found[known[i]] = true
					}
				}
			}
		}
	}
	if len(found) < len(known)/2 {
		t.Errorf("got %d of %d secrets in 30 accounts", len(found), len(known))
	}
}

// TestTimePasses wants a little to change from day to day, and most to stay.
func TestTimePasses(t *testing.T) {
	o := New(Options{})
	account := firstWorkload(o)
	names := []string{"instances", "volumes", "subnets", "roles", "findings", "databases", "security group rules"}
	before := collect(t, o, account, "us-east-1", names...)
	o.Advance(5 * 24 * time.Hour)
	after := collect(t, o, account, "us-east-1", names...)
	checkReferences(t, "five days later", collect(t, o, account, "us-east-1"))
	for _, tc := range []struct {
		name    string
		changes bool
	}{{"instances", true}, {"volumes", true}, {"subnets", false}, {"roles", false}, {"findings", true}, {"security group rules", false}} {
		same := 0
		for i := range before[tc.name] {
			if text(t, before[tc.name][i]) == text(t, after[tc.name][i]) {
				same++
			}
		}
		n := len(before[tc.name])
		if len(after[tc.name]) != n || tc.changes == (same == n) || same < n/3 {
			t.Errorf("%s: %d of %d are the same five days later, changes wanted: %t", tc.name, same, n, tc.changes)
		}
	}
	for _, i := range list[ec2Instance](after, "instances") {
		if i.LaunchTime.After(o.Now()) {
			t.Errorf("instance %s is launched at %s, after %s", *i.InstanceId, i.LaunchTime, o.Now())
		}
	}
}

func TestSizes(t *testing.T) {
	o := New(Options{Sizes: Sizes{Functions: 70, Databases: None}})
	account := firstWorkload(o)
	o.Resize(account, Sizes{Instances: 5000, Volumes: 1})
	inv := collect(t, o, account, "us-east-1", "instances", "volumes", "functions", "databases", "network interfaces")
	for name, want := range map[string]int{"instances": 5000, "volumes": 5000, "functions": 70, "databases": 0, "network interfaces": 5000} {
		if len(inv[name]) != want {
			t.Errorf("%s: got %d, want %d", name, len(inv[name]), want)
		}
	}
	if n := countCalls(o, "lambda", "ListFunctions"); n != 2 {
		t.Errorf("70 functions took %d calls, want pages of at most 50", n)
	}
	if n := countCalls(o, "ec2", "DescribeInstances"); n != 5 {
		t.Errorf("5000 instances took %d calls, want pages of 1000", n)
	}
	o.Resize(Any, Sizes{Findings: 2_000_000})
	client := securityhub.NewFromConfig(in(t, o, account, "us-east-1"))
	p := securityhub.NewGetFindingsPaginator(client, &securityhub.GetFindingsInput{MaxResults: aws.Int32(100)})
	for range 3 {
		if out, err := p.NextPage(t.Context()); err != nil || len(out.Findings) != 100 || out.NextToken == nil {
			t.Fatalf("page of two million findings: %v", err)
		}
	}
}

func TestTokensAndPageSizes(t *testing.T) {
	o := New(Options{})
	cfg := in(t, o, firstWorkload(o), "us-east-1")
	foreign := *must(ec2.NewFromConfig(cfg).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)})).NextToken
	for _, tc := range []struct {
		name string
		call func() error
		code string
	}{
		{"token of another operation", func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{NextToken: &foreign})
			return err
		}, "InvalidNextToken"},
		{"made up token", func() error {
			_, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{Marker: aws.String("AAAA")})
			return err
		}, "ValidationError"},
		{"page too small", func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{MaxResults: aws.Int32(1)})
			return err
		}, "InvalidParameterValue"},
		{"large pages of EC2 are cut", func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5000)})
			return err
		}, ""},
		{"page too large", func() error {
			_, err := securityhub.NewFromConfig(cfg).GetFindings(t.Context(), &securityhub.GetFindingsInput{MaxResults: aws.Int32(101)})
			return err
		}, "InvalidInputException"},
		{"page and IDs", func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{MaxResults: aws.Int32(5), VpcIds: []string{"vpc-1"}})
			return err
		}, "InvalidParameterCombination"},
		{"missing ID", func() error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
			return err
		}, "InvalidVpcID.NotFound"},
	} {
		if err := tc.call(); code(err) != tc.code || (tc.code == "") != (err == nil) {
			t.Errorf("%s: got %v, want code %q", tc.name, err, tc.code)
		}
	}
}

func TestDemoFaults(t *testing.T) {
	o := New(Options{Accounts: 14, Faults: true})
	denied, off := o.nthWorkload(3).id, o.nthWorkload(4).id
	for _, tc := range []struct{ service, account, region, code string }{
		{"ec2", denied, "us-east-1", "UnauthorizedOperation"}, {"rds", denied, "us-east-1", "AccessDenied"}, {"securityhub", denied, "us-east-1", ""},
		{"s3", denied, "us-east-1", ""}, {"ec2", off, "eu-central-1", "AuthFailure"}, {"ec2", off, "us-east-1", ""}, {"ec2", denied, "eu-central-1", "UnauthorizedOperation"},
	} {
		if err := calls[tc.service](t.Context(), in(t, o, tc.account, tc.region)); code(err) != tc.code {
			t.Errorf("%s of %s in %s: got %v, want code %q", tc.service, tc.account, tc.region, err, tc.code)
		}
	}
}

func TestPartitions(t *testing.T) {
	for partition, home := range map[string]string{"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1", "aws-iso": "us-iso-east-1", "aws-iso-f": "us-isof-south-1"} {
		o := New(Options{Partition: partition, Accounts: 6})
		cfg := in(t, o, firstWorkload(o), home)
		id := must(ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})).Subnets[0]
		if !strings.HasPrefix(*id.SubnetArn, "arn:"+partition+":ec2:"+home) {
			t.Errorf("%s: got subnet %s", partition, *id.SubnetArn)
		}
		if err := calls["iam"](t.Context(), cfg); err != nil {
			t.Errorf("%s: %v", partition, err)
		}
		if err := calls["organizations"](t.Context(), in(t, o, o.Management(), home)); err != nil {
			t.Errorf("%s: %v", partition, err)
		}
	}
}

func TestSmallCompanies(t *testing.T) {
	for n := 1; n <= 12; n++ {
		o := New(Options{Accounts: n, Regions: Regions("aws", 1)})
		if got := len(o.Accounts()); got != n {
			t.Errorf("got %d accounts, want %d", got, n)
		}
		for _, a := range o.Accounts() {
			if a.State == "ACTIVE" {
				checkReferences(t, a.Name, collect(t, o, a.ID, "us-east-1"))
			}
		}
	}
}

func TestZoneIDs(t *testing.T) {
	for region, want := range map[string]string{"us-east-1": "use1", "eu-central-1": "euc1", "ap-southeast-2": "apse2", "ap-northeast-1": "apne1", "us-gov-west-1": "usgw1", "sa-east-1": "sae1"} {
		if got := zoneIDPrefix(region); got != want {
			t.Errorf("zoneIDPrefix(%s) = %s, want %s", region, got, want)
		}
	}
}

// TestEverySizeAlone replaces one count at a time: nothing else may break by it.
func TestEverySizeAlone(t *testing.T) {
	for i := range reflect.TypeFor[Sizes]().NumField() {
		name := reflect.TypeFor[Sizes]().Field(i).Name
		if name == "Roles" { // the other things name the standard roles, which then are not all there
			continue
		}
		for _, n := range []int{None, 1, 37} {
			var s Sizes
			reflect.ValueOf(&s).Elem().Field(i).SetInt(int64(n))
			o := New(Options{Accounts: 6, Sizes: s})
			inv := collect(t, o, firstWorkload(o), "us-east-1")
			checkReferences(t, name+" "+itoa(n), inv)
			if got := reflect.ValueOf(o.SizesOf(firstWorkload(o), "us-east-1")).Field(i).Int(); n > 0 && int(got) < n {
				t.Errorf("%s %d: got %d", name, n, got)
			}
		}
	}
}
