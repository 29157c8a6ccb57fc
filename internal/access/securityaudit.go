package access

import (
	"path"
	"slices"
	"strings"
)

// SecurityAudit is the name of AWS's managed policy.
const SecurityAudit = "SecurityAudit"

// securityAudit is what the managed policy SecurityAudit allows, in its version
// 91 of 21 July 2026 (AWS Managed Policy Reference Guide): of its patterns those
// that some collector needs, by service. What a new collector needs counts as
// not allowed until its pattern is added.
var securityAudit = map[string][]string{
	"access-analyzer":      {"ListAnalyzers", "ListFindings"},
	"acm":                  {"Describe*", "List*"},
	"autoscaling":          {"Describe*"},
	"backup":               {"GetBackupVaultAccessPolicy", "ListBackupVaults", "ListTags"},
	"cloudfront":           {"Get*", "List*"},
	"cloudtrail":           {"DescribeTrails", "GetEventSelectors", "GetTrailStatus", "ListTags", "LookupEvents"},
	"cloudwatch":           {"Describe*"},
	"cognito-idp":          {"Describe*", "ListUserPools", "ListUsers"},
	"config":               {"Describe*", "Get*", "List*", "SelectAggregateResourceConfig", "SelectResourceConfig"},
	"connect":              {"ListInstances"},
	"ds":                   {"DescribeDirectories"},
	"dynamodb":             {"DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTables", "ListTagsOfResource"},
	"ec2":                  {"Describe*", "GetEbsDefaultKmsKeyId", "GetEbsEncryptionByDefault", "GetImageBlockPublicAccessState", "GetInstanceMetadataDefaults", "GetSerialConsoleAccessStatus", "GetSnapshotBlockPublicAccessState"},
	"ecr":                  {"DescribeImageScanFindings", "DescribeImages", "DescribeRepositories", "GetLifecyclePolicy", "GetRegistryScanningConfiguration", "GetRepositoryPolicy", "ListTagsForResource"},
	"ecs":                  {"Describe*", "List*"},
	"eks":                  {"DescribeCluster", "DescribeFargateProfile", "DescribeNodeGroup", "ListClusters", "ListFargateProfiles", "ListNodeGroups"},
	"elasticfilesystem":    {"DescribeAccessPoints", "DescribeBackupPolicy", "DescribeFileSystemPolicy", "DescribeFileSystems", "DescribeLifecycleConfiguration", "DescribeMountTargetSecurityGroups", "DescribeMountTargets"},
	"elasticloadbalancing": {"Describe*"},
	"fsx":                  {"Describe*"},
	"guardduty":            {"Get*", "List*"},
	"iam":                  {"GenerateCredentialReport", "Get*", "List*"},
	"identitystore":        {"ListGroupMemberships", "ListGroups", "ListUsers"},
	"inspector2":           {"BatchGetAccountStatus", "ListCoverage", "ListFindings"},
	"kms":                  {"Describe*", "Get*", "List*"},
	"lambda":               {"GetPolicy", "List*"},
	"organizations":        {"Describe*", "List*"},
	"rds":                  {"Describe*"},
	"route53":              {"Get*", "List*"},
	"s3":                   {"GetAccountPublicAccessBlock", "GetBucket*", "GetEncryptionConfiguration", "GetLifecycleConfiguration", "GetReplicationConfiguration", "ListAllMyBuckets"},
	"secretsmanager":       {"GetResourcePolicy", "ListSecrets"},
	"securityhub":          {"Describe*", "Get*", "List*"},
	"sns":                  {"GetTopicAttributes", "ListTagsForResource", "ListTopics"},
	"sqs":                  {"GetQueueAttributes", "ListQueueTags", "ListQueues"},
	"ssm":                  {"Describe*", "ListTagsForResource"},
	"sso":                  {"DescribePermissionSet", "GetInlinePolicyForPermissionSet", "GetPermissionsBoundaryForPermissionSet", "ListAccountAssignments", "ListAccountsForProvisionedPermissionSet", "ListCustomerManagedPolicyReferencesInPermissionSet", "ListInstances", "ListManagedPoliciesInPermissionSet", "ListPermissionSets", "ListTagsForResource"},
	"tag":                  {"GetResources", "GetTagKeys"},
}

// BeyondSecurityAudit returns the needs that the managed policy does not meet.
func BeyondSecurityAudit(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n Need) bool {
		if n.Action == "sts:GetCallerIdentity" {
			return true // no policy is needed for it
		}
		return slices.ContainsFunc(securityAudit[n.Service()], func(pattern string) bool {
			return allows(n.Service()+":"+pattern, n.Action)
		})
	})
}

// allows reports whether a pattern of a policy has the action. IAM does not tell
// upper from lower case.
func allows(pattern, action string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
	return ok && err == nil
}
