// Package mototest holds a whole run against what boto3 reads from the same
// server, moto: another client and another implementation of AWS. It knows how
// the names of boto3 and of the schemas correspond, and what moto lacks; it
// must not know how a collector walks.
package mototest

// Unserved are the tables that moto has no answers for, or none that the Go SDK
// understands.
var Unserved = []string{
	"aws_account_regions", "aws_cloudwatch_alarms", "aws_eks_addons",
	"aws_cloudwatch_metrics", "aws_cloudwatch_metric_data",
	"aws_cloudtrail_events",
	"aws_connect_security_profiles", "aws_connect_users", // it knows instances alone
	"aws_config_aggregate_resources", "aws_config_compliance_details", "aws_config_resource_counts", "aws_config_rule_compliance",
	"aws_config_resources", // it knows no queries
	"aws_backup_protected_resources", "aws_ssm_managed_instances",
	"aws_ec2_account_settings", // of its six calls moto serves one
	"aws_fsx_volumes",
	"aws_securityhub_enabled_standards", "aws_securityhub_insight_results", "aws_securityhub_insights", "aws_securityhub_standards_controls", // it knows hubs and findings
	"aws_inspector2_coverage", "aws_guardduty_findings",
	"aws_accessanalyzer_analyzers", "aws_accessanalyzer_findings", // it does not know the service
	"aws_resourceexplorer2_indexes", "aws_resourceexplorer2_resources", "aws_resourceexplorer2_views", // nor this one
}
