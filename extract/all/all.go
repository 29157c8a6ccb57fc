// Package all lists every collector and the streams that group their tables.
// A new service is one line here.
package all

import (
	"slices"

	"stocktake/extract"
	"stocktake/extract/cloudwatch"
	"stocktake/extract/ec2"
	"stocktake/extract/ecr"
	"stocktake/extract/ecs"
	"stocktake/extract/eks"
	"stocktake/extract/iam"
	"stocktake/extract/identitystore"
	"stocktake/extract/lambda"
	"stocktake/extract/organizations"
	"stocktake/extract/rds"
	"stocktake/extract/s3"
	"stocktake/extract/securityhub"
	"stocktake/extract/sts"
)

// Collectors of all services.
var Collectors = declared(
	sts.Collectors,
	organizations.Collectors,
	ec2.Collectors,
	s3.Collectors,
	iam.Collectors,
	rds.Collectors,
	eks.Collectors,
	ecs.Collectors,
	ecr.Collectors,
	lambda.Collectors,
	securityhub.Collectors,
	identitystore.Collectors,
	cloudwatch.Collectors,
)

// Streams are the names by which users ask for groups of tables; patterns are
// globs over table names.
var Streams = map[string][]string{
	"accounts":     {"aws_sts_caller_identities", "aws_organizations_accounts", "aws_ec2_regions"},
	"ec2":          {"aws_ec2_instances", "aws_ec2_volumes", "aws_ec2_images", "aws_ec2_snapshots", "aws_ec2_key_pairs", "aws_ec2_launch_templates"},
	"ecr":          {"aws_ecr_repositories", "aws_ecr_images"},
	"ecr_findings": {"aws_ecr_image_scan_findings"},
	"ecs":          {"aws_ecs_*"},
	"eks":          {"aws_eks_*"},
	"network": {
		"aws_ec2_vpcs", "aws_ec2_vpc_cidr_associations", "aws_ec2_subnets", "aws_ec2_security_groups", "aws_ec2_security_group_rules", "aws_ec2_network_interfaces",
		"aws_ec2_route_tables", "aws_ec2_internet_gateways", "aws_ec2_nat_gateways", "aws_ec2_addresses", "aws_ec2_network_acls",
		"aws_ec2_vpc_endpoints", "aws_ec2_vpc_peering_connections", "aws_ec2_flow_logs",
		"aws_ec2_transit_gateways", "aws_ec2_transit_gateway_attachments", "aws_ec2_vpn_connections",
	},
	"rds":          {"aws_rds_*"},
	"s3":           {"aws_s3_*"},
	"security_hub": {"aws_securityhub_*"},
	"users":        {"aws_iam_*", "aws_identitystore_*"},
}

func declared(services ...[]extract.Collector) []*extract.Collector {
	var all []*extract.Collector
	for _, c := range slices.Concat(services...) {
		all = append(all, c.Complete())
	}
	return all
}
