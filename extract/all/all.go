// Package all lists every collector and the streams that group their tables.
// A new service is one line here.
package all

import (
	"slices"

	"stocktake/extract"
	"stocktake/extract/accessanalyzer"
	"stocktake/extract/account"
	"stocktake/extract/acm"
	"stocktake/extract/autoscaling"
	"stocktake/extract/backup"
	"stocktake/extract/cloudfront"
	"stocktake/extract/cloudtrail"
	"stocktake/extract/cloudwatch"
	"stocktake/extract/cognitoidentityprovider"
	"stocktake/extract/configservice"
	"stocktake/extract/connect"
	"stocktake/extract/directoryservice"
	"stocktake/extract/dynamodb"
	"stocktake/extract/ec2"
	"stocktake/extract/ecr"
	"stocktake/extract/ecs"
	"stocktake/extract/efs"
	"stocktake/extract/eks"
	"stocktake/extract/elasticloadbalancing"
	"stocktake/extract/elasticloadbalancingv2"
	"stocktake/extract/fsx"
	"stocktake/extract/guardduty"
	"stocktake/extract/iam"
	"stocktake/extract/identitystore"
	"stocktake/extract/inspector2"
	"stocktake/extract/kms"
	"stocktake/extract/lambda"
	"stocktake/extract/organizations"
	"stocktake/extract/rds"
	"stocktake/extract/resourceexplorer2"
	"stocktake/extract/resourcegroupstaggingapi"
	"stocktake/extract/route53"
	"stocktake/extract/s3"
	"stocktake/extract/s3control"
	"stocktake/extract/secretsmanager"
	"stocktake/extract/securityhub"
	"stocktake/extract/sns"
	"stocktake/extract/sqs"
	"stocktake/extract/ssm"
	"stocktake/extract/ssoadmin"
	"stocktake/extract/sts"
)

// Collectors of all services.
var Collectors = declared(
	sts.Collectors,
	account.Collectors,
	organizations.Collectors,
	ec2.Collectors,
	autoscaling.Collectors,
	elasticloadbalancingv2.Collectors,
	elasticloadbalancing.Collectors,
	route53.Collectors,
	cloudfront.Collectors,
	acm.Collectors,
	s3.Collectors,
	s3control.Collectors,
	efs.Collectors,
	fsx.Collectors,
	iam.Collectors,
	rds.Collectors,
	eks.Collectors,
	ecs.Collectors,
	ecr.Collectors,
	lambda.Collectors,
	securityhub.Collectors,
	inspector2.Collectors,
	guardduty.Collectors,
	accessanalyzer.Collectors,
	identitystore.Collectors,
	ssoadmin.Collectors,
	cognitoidentityprovider.Collectors,
	connect.Collectors,
	directoryservice.Collectors,
	cloudwatch.Collectors,
	resourcegroupstaggingapi.Collectors,
	configservice.Collectors,
	ssm.Collectors,
	kms.Collectors,
	secretsmanager.Collectors,
	sns.Collectors,
	sqs.Collectors,
	dynamodb.Collectors,
	backup.Collectors,
	cloudtrail.Collectors,
	resourceexplorer2.Collectors,
)

// Streams are the names by which users ask for groups of tables; patterns are
// globs over table names.
var Streams = map[string][]string{
	// accounts and findings
	"accounts":           {"aws_sts_caller_identities", "aws_organizations_accounts", "aws_account_regions", "aws_ec2_regions"},
	"organizations":      {"aws_organizations_*"},
	"security_hub":       {"aws_securityhub_*"},
	"inspector":          {"aws_inspector2_*"},
	"inspector_findings": {"aws_inspector2_findings"},
	"guardduty":          {"aws_guardduty_*"},
	"access_analyzer":    {"aws_accessanalyzer_*"},
	// compute, storage, containers
	"compute":      {"aws_ec2_instances", "aws_ec2_images", "aws_ec2_launch_templates", "aws_ec2_key_pairs", "aws_autoscaling_*", "aws_ecs_*", "aws_eks_*", "aws_lambda_*"},
	"ec2":          {"aws_ec2_instances", "aws_ec2_volumes", "aws_ec2_images", "aws_ec2_snapshots", "aws_ec2_key_pairs", "aws_ec2_launch_templates", "aws_ec2_account_settings"},
	"autoscaling":  {"aws_autoscaling_*"},
	"containers":   {"aws_ecr_*", "aws_ecs_*", "aws_eks_*"},
	"ecr":          {"aws_ecr_repositories", "aws_ecr_images"},
	"ecr_findings": {"aws_ecr_image_scan_findings"},
	"ecs":          {"aws_ecs_*"},
	"eks":          {"aws_eks_*"},
	"eks_clusters": {"aws_eks_clusters"},
	"lambda":       {"aws_lambda_*"},
	"storage":      {"aws_s3_*", "aws_ec2_volumes", "aws_ec2_snapshots", "aws_efs_*", "aws_fsx_*", "aws_backup_*"},
	"s3":           {"aws_s3_*"},
	"s3_buckets":   {"aws_s3_buckets"},
	"efs":          {"aws_efs_*"},
	"fsx":          {"aws_fsx_*"},
	"backup":       {"aws_backup_*"},
	"rds":          {"aws_rds_*"},
	"dynamodb":     {"aws_dynamodb_*"},
	"messaging":    {"aws_sns_*", "aws_sqs_*"},
	// network, and its parts
	"network": {
		"aws_ec2_vpcs", "aws_ec2_vpc_cidr_associations", "aws_ec2_subnets", "aws_ec2_security_groups", "aws_ec2_security_group_rules", "aws_ec2_network_interfaces",
		"aws_ec2_route_tables", "aws_ec2_internet_gateways", "aws_ec2_egress_only_internet_gateways", "aws_ec2_nat_gateways", "aws_ec2_addresses", "aws_ec2_network_acls",
		"aws_ec2_vpc_endpoints", "aws_ec2_vpc_peering_connections", "aws_ec2_flow_logs",
		"aws_ec2_transit_gateways", "aws_ec2_transit_gateway_attachments", "aws_ec2_vpn_connections",
		"aws_elbv2_*", "aws_elb_*", "aws_route53_*", "aws_cloudfront_*",
	},
	"network_addresses":         {"aws_ec2_addresses"},
	"network_interfaces":        {"aws_ec2_network_interfaces"},
	"network_internet_gateways": {"aws_ec2_internet_gateways"},
	"network_load_balancers":    {"aws_elb_load_balancers", "aws_elbv2_load_balancers"},
	"network_nat_gateways":      {"aws_ec2_nat_gateways"},
	"network_subnets":           {"aws_ec2_subnets"},
	"network_vpc_cidrs":         {"aws_ec2_vpcs", "aws_ec2_vpc_cidr_associations"},
	"certificates":              {"aws_acm_*"},
	// people and programs
	"devices":         {"aws_ec2_instances", "aws_ec2_addresses", "aws_ec2_network_interfaces", "aws_ec2_regions", "aws_ssm_managed_instances"},
	"users":           {"aws_iam_*", "aws_identitystore_*", "aws_cognito_*", "aws_connect_*", "aws_ds_*"},
	"identity":        {"aws_iam_*"},
	"identity_center": {"aws_identitystore_*", "aws_ssoadmin_*"},
	"cognito":         {"aws_cognito_*"},
	"connect":         {"aws_connect_*"},
	"directories":     {"aws_ds_*"},
	"kms":             {"aws_kms_*"},
	"secrets_manager": {"aws_secretsmanager_*"},
	"systems_manager": {"aws_ssm_*"},
	// what happens, and what there is
	"audit":             {"aws_cloudtrail_trails", "aws_cloudtrail_events", "aws_cloudwatch_alarms", "aws_config_configuration_recorders", "aws_config_rules", "aws_config_rule_compliance"},
	"cloudtrail":        {"aws_cloudtrail_trails", "aws_cloudtrail_events"},
	"config":            {"aws_config_*"},
	"metrics":           {"aws_cloudwatch_metrics", "aws_cloudwatch_metric_data"},
	"resource_explorer": {"aws_resourceexplorer2_*"},
	"tags":              {"aws_tagging_*"},
}

func declared(services ...[]extract.Collector) []*extract.Collector {
	var all []*extract.Collector
	for _, c := range slices.Concat(services...) {
		all = append(all, c.Complete())
	}
	return all
}
