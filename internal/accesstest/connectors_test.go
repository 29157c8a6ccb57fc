package accesstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/access"
	"stocktake/internal/config"
	"stocktake/internal/outcome"
)

// connectors are permission sets that products ask for in their own guides,
// with the streams that their users know.
var connectors = []struct {
	name    string
	grants  []string
	collect []string
	source  func(*company, *config.Source)
	denied  []string // tables that are promised there, and not granted
	partial []string // tables of which columns are not granted
}{
	{
		name: "compute, storage, network, identity and audit of one account (Unizo)",
		grants: strings.Fields(`autoscaling:Describe* cloudtrail:DescribeTrails cloudtrail:GetTrailStatus cloudtrail:LookupEvents
			cloudwatch:Describe* cloudwatch:Get* cloudwatch:List* config:Describe* config:Get* config:List* ec2:Describe*
			ecr:DescribeImageScanFindings ecr:DescribeImages ecr:DescribeRepositories ecr:GetLifecyclePolicy ecr:GetRepositoryPolicy
			ecr:ListImages ecr:ListTagsForResource ecs:Describe* ecs:List* eks:Describe* eks:List*
			elasticfilesystem:DescribeAccessPoints elasticfilesystem:DescribeFileSystems elasticfilesystem:DescribeMountTargets
			elasticloadbalancing:Describe* fsx:DescribeBackups fsx:DescribeFileSystems fsx:DescribeVolumes iam:Get* iam:List*
			lambda:Get* lambda:List* resource-explorer-2:GetView resource-explorer-2:ListIndexes resource-explorer-2:ListViews
			resource-explorer-2:Search route53:Get* route53:List* s3:GetBucketLocation s3:GetBucketLogging s3:GetBucketPolicy
			s3:GetBucketVersioning s3:GetEncryptionConfiguration s3:ListAllMyBuckets s3:ListBucket sts:AssumeRole
			sts:GetCallerIdentity tag:GetResources tag:GetTagKeys tag:GetTagValues`),
		collect: []string{"compute", "storage", "network", "containers", "identity", "audit", "tags", "resource_explorer", "config", "metrics"},
		source:  listed,
		denied: []string{
			"aws_backup_protected_resources", "aws_backup_vaults", "aws_cloudfront_distributions", "aws_config_resources", "aws_iam_credential_reports",
			"aws_s3_account_public_access_blocks",
		},
		partial: []string{"aws_cloudtrail_trails", "aws_efs_file_systems", "aws_efs_mount_targets", "aws_s3_buckets"},
	},
	{
		name: "accounts, workloads, network and findings (Zscaler)",
		grants: strings.Fields(`ec2:DescribeAddresses ec2:DescribeInstances ec2:DescribeInternetGateways ec2:DescribeNatGateways
			ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DescribeVpcs ecr:DescribeImageScanFindings ecr:DescribeImages
			ecr:DescribeRepositories ecr:ListImages eks:DescribeCluster eks:ListClusters elasticloadbalancing:DescribeLoadBalancers
			inspector2:ListFindings organizations:ListAccounts rds:DescribeDBInstances s3:ListAllMyBuckets securityhub:GetFindings`),
		collect: []string{
			"aws_organizations_accounts", "aws_ec2_instances", "ecr", "ecr_findings", "eks_clusters", "inspector_findings", "network_addresses", "network_interfaces",
			"network_internet_gateways", "network_load_balancers", "network_nat_gateways", "network_subnets", "network_vpc_cidrs", "rds", "s3_buckets", "security_hub",
		},
		source: named,
		denied: []string{
			"aws_rds_db_cluster_snapshots", "aws_rds_db_clusters", "aws_rds_db_snapshots", "aws_securityhub_enabled_standards", "aws_securityhub_hubs",
			"aws_securityhub_insight_results", "aws_securityhub_insights", "aws_securityhub_standards_controls",
		},
		partial: []string{"aws_ecr_repositories", "aws_elb_load_balancers", "aws_elbv2_load_balancers", "aws_organizations_accounts", "aws_s3_buckets"},
	},
	{
		name: "devices and users (Sevco)",
		grants: strings.Fields(`ec2:DescribeAddresses ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeRegions iam:GetUser
			iam:ListUsers identitystore:ListGroupMemberships identitystore:ListGroups identitystore:ListUsers
			organizations:ListAccounts s3:AbortMultipartUpload s3:PutObject sts:AssumeRole`),
		collect: []string{"devices", "aws_iam_users", "aws_identitystore_*", "aws_organizations_accounts"},
		source: func(c *company, s *config.Source) {
			s.IdentityStore = &config.IdentityStore{ID: c.store, Region: c.org.IdentityRegion()}
		},
		denied:  []string{"aws_ssm_managed_instances"},
		partial: []string{"aws_iam_users", "aws_organizations_accounts"},
	},
	{
		name: "users of applications (Trelica)",
		grants: strings.Fields(`cognito-idp:ListUserPools cognito-idp:ListUsers connect:DescribeUser connect:ListInstances
			connect:ListSecurityProfiles connect:ListUsers ds:DescribeDirectories iam:ListUsers organizations:ListAccounts`),
		collect: []string{"aws_cognito_user_pools", "aws_cognito_users", "aws_connect_*", "directories", "aws_iam_users", "aws_organizations_accounts"},
		source:  named,
		partial: []string{
			"aws_cognito_user_pools", "aws_connect_instances", "aws_connect_security_profiles", "aws_ds_directories", "aws_iam_users", "aws_organizations_accounts",
		},
	},
	{
		name:    "metrics and what they are of (Site24x7, which names no list: its services and their metrics)",
		grants:  strings.Fields(`cloudwatch:GetMetricData cloudwatch:ListMetrics cloudwatch:DescribeAlarms ec2:Describe* rds:Describe* lambda:List* elasticloadbalancing:Describe* ecs:List* ecs:Describe*`),
		collect: []string{"metrics", "aws_cloudwatch_alarms", "aws_ec2_instances", "rds", "lambda", "network_load_balancers", "ecs"},
		source:  listed,
		partial: []string{"aws_lambda_functions"},
	},
}

// named names the regions, for roles that may not list them.
func named(_ *company, s *config.Source) {
	s.Regions = config.Regions{Names: []string{"us-east-1", "eu-west-1"}}
}

// listed enters single accounts, for roles that may not list those of the organization.
func listed(c *company, s *config.Source) {
	s.Organization, s.Roles = nil, []config.Role{{Account: c.workload}, {Account: c.org.Management()}}
}

// TestConnectors: roles that were made for another product serve as far as they
// reach, and what they lack is told.
func TestConnectors(t *testing.T) {
	c := theCompany(t)
	for _, connector := range connectors {
		t.Run(connector.name, func(t *testing.T) {
			t.Parallel()
			source := func() *config.Source {
				s := c.source()
				s.OrganizationViews, s.Organization.Accounts.Units = nil, nil
				s.Collect = connector.collect
				connector.source(c, s)
				return s
			}
			needs := needsOf(t, source())
			before := c.run(t, source(), access.Policy(needs.Discovery), access.Policy(needs.Member), nil)
			l := &lost{actions: map[string]bool{}, tables: map[string]bool{}, hints: map[string]bool{}, columns: map[string]map[string]bool{}}
			for action, of := range byAction(needs) {
				if unasked[action] == "" && !slices.ContainsFunc(connector.grants, func(pattern string) bool { return like(pattern, action) }) && before.asked[action] {
					l.add(of)
				}
			}
			grants := []access.Document{{Statement: []access.Statement{{Effect: "Allow", Action: connector.grants, Resource: []string{"*"}}}}}
			j := c.run(t, source(), grants, grants, nil)
			j.check(t, l, before)
			if got := slices.Sorted(maps.Keys(l.tables)); !slices.Equal(got, connector.denied) {
				t.Errorf("got denied %q, want %q", got, connector.denied)
			}
			var partial []string
			for table := range l.columns {
				if !l.tables[table] {
					partial = append(partial, table)
				}
			}
			if slices.Sort(partial); !slices.Equal(partial, connector.partial) {
				t.Errorf("got partial %q, want %q", partial, connector.partial)
			}
		})
	}
}

// like matches a pattern whose only wildcard is its end.
func like(pattern, action string) bool {
	head, star := strings.CutSuffix(pattern, "*")
	return pattern == action || star && strings.HasPrefix(action, head)
}

// add adds what another action decides.
func (l *lost) add(of *lost) {
	maps.Copy(l.actions, of.actions)
	maps.Copy(l.tables, of.tables)
	maps.Copy(l.hints, of.hints)
	for table, columns := range of.columns {
		if l.columns[table] == nil {
			l.columns[table] = map[string]bool{}
		}
		maps.Copy(l.columns[table], columns)
	}
}

// TestRegions: the regions of an account are found by either of two actions;
// without both its regional tables are denied, and the others are not.
func TestRegions(t *testing.T) {
	t.Parallel()
	c := theCompany(t)
	s := c.source()
	s.Collect = []string{"aws_ec2_vpcs", "aws_iam_users"}
	needs := needsOf(t, s)
	member := without(without(needs.Member, "account:ListRegions"), "ec2:DescribeRegions")
	j := c.run(t, s, access.Policy(needs.Discovery), access.Policy(member), nil)
	if j.err != nil {
		t.Fatal(j.err)
	}
	want := map[string]outcome.Outcome{
		"aws_ec2_vpcs":  {Kind: outcome.Denied, MissingAction: "account:ListRegions or ec2:DescribeRegions"},
		"aws_iam_users": {Kind: outcome.OK},
	}
	for p, result := range j.tables {
		if w := want[p.table]; result.Outcome.Kind != w.Kind || result.Outcome.MissingAction != w.MissingAction {
			t.Errorf("%v: got %+v, want %+v", p, result.Outcome, w)
		}
	}
	if len(j.tables) < 2*len(c.org.Accounts()) {
		t.Errorf("got %d outcomes for %d accounts", len(j.tables), len(c.org.Accounts()))
	}
}

// spared are actions that a run may do without.
var spared = map[string]string{
	"ec2:DescribeRegions":                  "account:ListRegions has told the regions",
	"ecr:GetRegistryScanningConfiguration": "it matters only where Inspector's findings are collected too",
}

// TestStreams: the rights for one stream are enough for it, which those for
// everything do not show.
func TestStreams(t *testing.T) {
	c := theCompany(t)
	for _, stream := range slices.Sorted(maps.Keys(all.Streams)) {
		t.Run(stream, func(t *testing.T) {
			t.Parallel()
			s := c.source()
			s.Collect = []string{stream}
			needs := needsOf(t, s)
			j := c.run(t, s, access.Policy(needs.Discovery), access.Policy(needs.Member), nil)
			if j.err != nil {
				t.Fatal(j.err)
			}
			if len(j.tables) == 0 {
				t.Error("got no outcome")
			}
			for p, result := range j.tables {
				if !complete(result.Outcome.Kind) {
					t.Errorf("%v: got %+v", p, result.Outcome)
				}
			}
			by := byAction(needs)
			for action := range j.asked {
				if by[action] == nil {
					t.Errorf("%s is asked for, and not among the needs", action)
				}
			}
			for action := range by {
				if !j.asked[action] && unasked[action] == "" && spared[action] == "" {
					t.Errorf("%s is a need, and not asked for", action)
				}
			}
		})
	}
}

// TestTrust: the trust policy lets nobody in but whom it names, with the
// external ID.
func TestTrust(t *testing.T) {
	t.Parallel()
	c := theCompany(t)
	base := fmt.Sprintf(runner, c.org.BaseAccount())
	for i, test := range []struct {
		principal, id string
		enters        bool
	}{
		{base, externalID, true},
		{c.org.BaseAccount(), externalID, true},
		{base, "another-external-id", false},
		{"arn:aws:iam::999900001111:user/runner", externalID, false},
		{"999900001111", externalID, false},
	} {
		trust, err := access.Trust(access.TrustOptions{Principals: []string{test.principal}, ExternalIDs: []string{externalID}})
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("trusting-%d", i)
		c.org.PutRole(c.workload, role(t, name, nil, trust))
		_, err = sts.NewFromConfig(c.org.Config(t.Context())).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(fmt.Sprintf("arn:aws:iam::%s:role/%s", c.workload, name)), RoleSessionName: aws.String("test"), ExternalId: &test.id,
		})
		if (err == nil) != test.enters || err != nil && extract.Code(err) != "AccessDenied" {
			t.Errorf("trust %q, external ID %s: got %v, want it to enter %t", test.principal, test.id, err, test.enters)
		}
	}
}
