package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	accountapi "github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

// pager is what all paginators of the SDK have in common, options aside.
type pager[P, O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (P, error)
}

// drain walks to the end and returns the items of all pages.
func drain[P, O, T any](ctx context.Context, p pager[P, O], items func(P) []T) ([]T, error) {
	var list []T
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, items(out)...)
	}
	return list, nil
}

// walk reads one list to its end.
type walk struct {
	name, service, operation string
	global                   bool
	in                       string // account: "", "management" or "security"
	size                     func(Sizes) int
	key                      func(item any) string
	run                      func(ctx context.Context, cfg aws.Config) ([]any, error)
}

func anys[T any](list []T, err error) ([]any, error) {
	var all []any
	for _, item := range list {
		all = append(all, item)
	}
	return all, err
}

// field is the key of an item: a string member.
func field(names ...string) func(any) string {
	return func(item any) string {
		key := ""
		for _, name := range names {
			v := reflect.ValueOf(item)
			if v.Kind() == reflect.String {
				return v.String()
			}
			key += aws.ToString(v.FieldByName(name).Interface().(*string)) + "|"
		}
		return key
	}
}

func walks() []walk {
	return []walk{
		{"accounts", "organizations", "ListAccounts", true, "management", nil, field("Id"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, organizations.NewListAccountsPaginator(organizations.NewFromConfig(cfg), &organizations.ListAccountsInput{}),
				func(o *organizations.ListAccountsOutput) []orgAccount { return o.Accounts }))
		}},
		{"regions", "account", "ListRegions", true, "", nil, field("RegionName"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, accountapi.NewListRegionsPaginator(accountapi.NewFromConfig(cfg), &accountapi.ListRegionsInput{}),
				func(o *accountapi.ListRegionsOutput) []accountRegion { return o.Regions }))
		}},
		{"instances", "ec2", "DescribeInstances", false, "", func(s Sizes) int { return s.Instances }, field("InstanceId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeInstancesInput{}), func(o *ec2.DescribeInstancesOutput) (l []ec2Instance) {
				for _, r := range o.Reservations {
					l = append(l, r.Instances...)
				}
				return l
			}))
		}},
		{"volumes", "ec2", "DescribeVolumes", false, "", func(s Sizes) int { return s.Volumes }, field("VolumeId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeVolumesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeVolumesInput{}),
				func(o *ec2.DescribeVolumesOutput) []ec2Volume { return o.Volumes }))
		}},
		{"vpcs", "ec2", "DescribeVpcs", false, "", func(s Sizes) int { return s.VPCs }, field("VpcId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeVpcsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeVpcsInput{}),
				func(o *ec2.DescribeVpcsOutput) []ec2VPC { return o.Vpcs }))
		}},
		{"subnets", "ec2", "DescribeSubnets", false, "", func(s Sizes) int { return s.Subnets }, field("SubnetId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeSubnetsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSubnetsInput{}),
				func(o *ec2.DescribeSubnetsOutput) []ec2Subnet { return o.Subnets }))
		}},
		{"security groups", "ec2", "DescribeSecurityGroups", false, "", func(s Sizes) int { return s.SecurityGroups }, field("GroupId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeSecurityGroupsPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSecurityGroupsInput{}),
				func(o *ec2.DescribeSecurityGroupsOutput) []ec2Group { return o.SecurityGroups }))
		}},
		{"security group rules", "ec2", "DescribeSecurityGroupRules", false, "", func(s Sizes) int { return (s.SecurityGroups-s.VPCs)*4 + s.VPCs*2 }, field("SecurityGroupRuleId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeSecurityGroupRulesInput{}),
				func(o *ec2.DescribeSecurityGroupRulesOutput) []ec2Rule { return o.SecurityGroupRules }))
		}},
		{"network interfaces", "ec2", "DescribeNetworkInterfaces", false, "", func(s Sizes) int { return s.NetworkInterfaces }, field("NetworkInterfaceId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ec2.NewDescribeNetworkInterfacesPaginator(ec2.NewFromConfig(cfg), &ec2.DescribeNetworkInterfacesInput{}),
				func(o *ec2.DescribeNetworkInterfacesOutput) []ec2Interface { return o.NetworkInterfaces }))
		}},
		{"buckets", "s3", "ListBuckets", false, "", func(s Sizes) int { return s.Buckets }, field("Name"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, s3.NewListBucketsPaginator(s3.NewFromConfig(cfg), &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)}),
				func(o *s3.ListBucketsOutput) []s3Bucket { return o.Buckets }))
		}},
		{"users", "iam", "ListUsers", true, "", func(s Sizes) int { return s.Users }, field("Arn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, iam.NewListUsersPaginator(iam.NewFromConfig(cfg), &iam.ListUsersInput{}),
				func(o *iam.ListUsersOutput) []iamtypes.User { return o.Users }))
		}},
		{"roles", "iam", "ListRoles", true, "", func(s Sizes) int { return s.Roles }, field("Arn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, iam.NewListRolesPaginator(iam.NewFromConfig(cfg), &iam.ListRolesInput{}),
				func(o *iam.ListRolesOutput) []iamtypes.Role { return o.Roles }))
		}},
		{"authorization details", "iam", "GetAccountAuthorizationDetails", true, "", func(s Sizes) int { return s.Users + s.Groups + s.Roles + s.Policies }, field("Arn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			in := &iam.GetAccountAuthorizationDetailsInput{Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser, iamtypes.EntityTypeGroup, iamtypes.EntityTypeRole, iamtypes.EntityTypeLocalManagedPolicy}}
			return drain(ctx, iam.NewGetAccountAuthorizationDetailsPaginator(iam.NewFromConfig(cfg), in), func(o *iam.GetAccountAuthorizationDetailsOutput) []any {
				var l []any
				for _, list := range [][]any{must(anys(o.UserDetailList, nil)), must(anys(o.GroupDetailList, nil)), must(anys(o.RoleDetailList, nil)), must(anys(o.Policies, nil))} {
					l = append(l, list...)
				}
				return l
			})
		}},
		{"databases", "rds", "DescribeDBInstances", false, "", func(s Sizes) int { return s.Databases }, field("DBInstanceArn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, rds.NewDescribeDBInstancesPaginator(rds.NewFromConfig(cfg), &rds.DescribeDBInstancesInput{}),
				func(o *rds.DescribeDBInstancesOutput) []rdsInstance { return o.DBInstances }))
		}},
		{"clusters", "eks", "ListClusters", false, "", func(s Sizes) int { return s.Clusters }, field(""), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, eks.NewListClustersPaginator(eks.NewFromConfig(cfg), &eks.ListClustersInput{}),
				func(o *eks.ListClustersOutput) []string { return o.Clusters }))
		}},
		{"repositories", "ecr", "DescribeRepositories", false, "", func(s Sizes) int { return s.Repositories }, field("RepositoryArn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, ecr.NewDescribeRepositoriesPaginator(ecr.NewFromConfig(cfg), &ecr.DescribeRepositoriesInput{}),
				func(o *ecr.DescribeRepositoriesOutput) []ecrtypes.Repository { return o.Repositories }))
		}},
		{"functions", "lambda", "ListFunctions", false, "", func(s Sizes) int { return s.Functions }, field("FunctionArn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, lambda.NewListFunctionsPaginator(lambda.NewFromConfig(cfg), &lambda.ListFunctionsInput{}),
				func(o *lambda.ListFunctionsOutput) []lambdaFunction { return o.Functions }))
		}},
		{"alarms", "cloudwatch", "DescribeAlarms", false, "", func(s Sizes) int { return s.Alarms }, field("AlarmArn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			in := &cloudwatch.DescribeAlarmsInput{AlarmTypes: cwtypes.AlarmType("").Values()}
			return drain(ctx, cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(cfg), in), func(o *cloudwatch.DescribeAlarmsOutput) []any {
				return slices.Concat(must(anys(o.MetricAlarms, nil)), must(anys(o.CompositeAlarms, nil)), must(anys(o.LogAlarms, nil)))
			})
		}},
		{"findings", "securityhub", "GetFindings", false, "", func(s Sizes) int { return s.Findings }, field("Id", "ProductArn"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			return anys(drain(ctx, securityhub.NewGetFindingsPaginator(securityhub.NewFromConfig(cfg), &securityhub.GetFindingsInput{}),
				func(o *securityhub.GetFindingsOutput) []hubFinding { return o.Findings }))
		}},
		{"identity users", "identitystore", "ListUsers", true, "management", func(s Sizes) int { return s.IdentityUsers }, field("UserId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			store, err := storeID(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return anys(drain(ctx, identitystore.NewListUsersPaginator(identitystore.NewFromConfig(cfg), &identitystore.ListUsersInput{IdentityStoreId: &store}),
				func(o *identitystore.ListUsersOutput) []storeUser { return o.Users }))
		}},
		{"identity groups", "identitystore", "ListGroups", true, "security", func(s Sizes) int { return s.IdentityGroups }, field("GroupId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			store, err := storeID(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return anys(drain(ctx, identitystore.NewListGroupsPaginator(identitystore.NewFromConfig(cfg), &identitystore.ListGroupsInput{IdentityStoreId: &store}),
				func(o *identitystore.ListGroupsOutput) []storeGroup { return o.Groups }))
		}},
		{"memberships", "identitystore", "ListGroupMemberships", true, "management", func(s Sizes) int { return s.Memberships }, field("MembershipId"), func(ctx context.Context, cfg aws.Config) ([]any, error) {
			store, err := storeID(ctx, cfg)
			if err != nil {
				return nil, err
			}
			client := identitystore.NewFromConfig(cfg)
			groups, err := drain(ctx, identitystore.NewListGroupsPaginator(client, &identitystore.ListGroupsInput{IdentityStoreId: &store}),
				func(o *identitystore.ListGroupsOutput) []storeGroup { return o.Groups })
			var all []any
			for _, g := range groups {
				members, e := anys(drain(ctx, identitystore.NewListGroupMembershipsPaginator(client, &identitystore.ListGroupMembershipsInput{IdentityStoreId: &store, GroupId: g.GroupId}),
					func(o *identitystore.ListGroupMembershipsOutput) []storeMembership { return o.GroupMemberships }))
				all, err = append(all, members...), errors.Join(err, e)
			}
			return all, err
		}},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func storeID(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := ssoadmin.NewFromConfig(cfg).ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil {
		return "", err
	}
	if len(out.Instances) != 1 {
		return "", fmt.Errorf("got %d identity center instances, want 1", len(out.Instances))
	}
	return *out.Instances[0].IdentityStoreId, nil
}

// account is the account that a walk is for.
func (w walk) account(o *Organization) string {
	switch w.in {
	case "management":
		return o.Management()
	case "security":
		return o.SecurityAccount()
	}
	return firstWorkload(o)
}

func (w walk) read(t *testing.T, o *Organization) []any {
	t.Helper()
	items, err := w.run(t.Context(), in(t, o, w.account(o), "us-east-1"))
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	return items
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %T: %v", v, err)
	}
	return string(b)
}

func TestPaging(t *testing.T) {
	whole := New(Options{})
	small := New(Options{PageSize: 5})
	for _, w := range walks() {
		all, paged := w.read(t, whole), w.read(t, small)
		for _, list := range [][]any{all, paged} { // some answers group the items of a page by kind
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(w.key(a), w.key(b)) })
		}
		sizes := whole.SizesOf(w.account(whole), "us-east-1")
		if w.size != nil && len(all) != w.size(sizes) {
			t.Errorf("%s: got %d items, want %d", w.name, len(all), w.size(sizes))
		}
		if len(all) == 0 {
			t.Errorf("%s: nothing was answered", w.name)
		}
		seen := map[string]bool{}
		for _, item := range all {
			k := w.key(item)
			if k == "" || seen[k] {
				t.Errorf("%s: key %q is empty or occurs twice", w.name, k)
			}
			seen[k] = true
		}
		if text(t, all) != text(t, paged) {
			t.Errorf("%s: pages of 5 give other items than pages of the real size: %d and %d items", w.name, len(paged), len(all))
		}
		if calls := countCalls(small, w.service, w.operation); len(all) > 5 && calls < len(all)/5 {
			t.Errorf("%s: got %d calls for %d items, want pages of 5", w.name, calls, len(all))
		}
	}
}

func countCalls(o *Organization, service, operation string) int {
	n := 0
	for k, calls := range o.Calls() {
		if k.Service == service && k.Operation == operation {
			n += calls
		}
	}
	return n
}

func TestSameSeedSameAnswers(t *testing.T) {
	a, b, other := New(Options{Seed: 7}), New(Options{Seed: 7}), New(Options{Seed: 8})
	for _, w := range walks() {
		if w.name == "regions" { // AWS has the same ones for everybody
			continue
		}
		first, second, third := text(t, w.read(t, a)), text(t, w.read(t, b)), text(t, w.read(t, other))
		if first != second {
			t.Errorf("%s: two organizations of seed 7 differ", w.name)
		}
		if first == third && w.name != "clusters" { // names of clusters come from the products
			t.Errorf("%s: seeds 7 and 8 give the same answer", w.name)
		}
	}
}
