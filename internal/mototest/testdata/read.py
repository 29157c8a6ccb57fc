"""Reads a moto server with boto3 as anyone would, and writes what it answers.

Each table becomes a file of one object to a line: the account and region
asked, the item as boto3 gives it, and the answers of further calls about it.
Arguments: URL, file that fill.py printed, folder to write to, regions.
"""

import base64
import csv
import datetime
import io
import json
import pathlib
import sys

from botocore.exceptions import ClientError

from account import Account

FACTS, TO, REGIONS = json.loads(pathlib.Path(sys.argv[2]).read_text()), pathlib.Path(sys.argv[3]), sys.argv[4:]
HOME = REGIONS[0]


def pages(client, operation, key, **arguments):
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def answer(call, *absent, **arguments):
    """The answer of a detail call; nothing where AWS says by its code that there is nothing."""
    try:
        out = call(**arguments)
    except ClientError as e:
        if e.response["Error"]["Code"] in absent:
            return {}
        raise
    return {k: v for k, v in out.items() if k != "ResponseMetadata"}


def sts(account):
    yield "aws_sts_caller_identities", answer(account.client("sts").get_caller_identity), {}


def organizations(account):
    c = account.client("organizations")

    def tags(id):
        return {"ListTagsForResource": {"Tags": list(pages(c, "list_tags_for_resource", "Tags", ResourceId=id))}}

    def below(parent):
        for u in pages(c, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent):
            yield "aws_organizations_organizational_units", u | {"Type": "ORGANIZATIONAL_UNIT", "ParentId": parent}, tags(u["Id"])
            yield from below(u["Id"])

    for o in answer(c.describe_organization, "AWSOrganizationsNotInUseException").values():
        yield "aws_organizations_organizations", o, {}
    for r in pages(c, "list_roots", "Roots"):
        yield "aws_organizations_organizational_units", r | {"Type": "ROOT"}, tags(r["Id"])
        yield from below(r["Id"])
    for kind in c.meta.service_model.shape_for("PolicyType").enum:
        for p in pages(c, "list_policies", "Policies", Filter=kind):
            yield "aws_organizations_policies", p, ({} if p["AwsManaged"] else tags(p["Id"])) | {
                "DescribePolicy": answer(c.describe_policy, PolicyId=p["Id"])["Policy"],
                "ListTargetsForPolicy": {"Targets": list(pages(c, "list_targets_for_policy", "Targets", PolicyId=p["Id"]))},
            }
    for a in pages(c, "list_delegated_administrators", "DelegatedAdministrators"):
        yield "aws_organizations_delegated_administrators", a, {
            "ListDelegatedServicesForAccount": {"DelegatedServices": list(pages(c, "list_delegated_services_for_account", "DelegatedServices", AccountId=a["Id"]))},
        }
    for a in pages(c, "list_accounts", "Accounts"):
        yield "aws_organizations_accounts", a, {
            **tags(a["Id"]),
            "ListParents": answer(c.list_parents, ChildId=a["Id"])["Parents"][0],
        }


def regions(account):
    for r in account.client("ec2", HOME).describe_regions(AllRegions=True)["Regions"]:
        yield "aws_ec2_regions", r, {}


def ec2(account, region):
    c = account.client("ec2", region)
    for reservation in pages(c, "describe_instances", "Reservations"):
        for i in reservation.pop("Instances"):
            yield "aws_ec2_instances", reservation | i, {}
    for table, operation, key in (
        ("aws_ec2_volumes", "describe_volumes", "Volumes"),
        ("aws_ec2_vpcs", "describe_vpcs", "Vpcs"),
        ("aws_ec2_subnets", "describe_subnets", "Subnets"),
        ("aws_ec2_security_groups", "describe_security_groups", "SecurityGroups"),
        ("aws_ec2_security_group_rules", "describe_security_group_rules", "SecurityGroupRules"),
        ("aws_ec2_network_interfaces", "describe_network_interfaces", "NetworkInterfaces"),
        ("aws_ec2_route_tables", "describe_route_tables", "RouteTables"),
        ("aws_ec2_internet_gateways", "describe_internet_gateways", "InternetGateways"),
        ("aws_ec2_egress_only_internet_gateways", "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways"),
        ("aws_ec2_nat_gateways", "describe_nat_gateways", "NatGateways"),
        ("aws_ec2_network_acls", "describe_network_acls", "NetworkAcls"),
        ("aws_ec2_vpc_endpoints", "describe_vpc_endpoints", "VpcEndpoints"),
        ("aws_ec2_vpc_peering_connections", "describe_vpc_peering_connections", "VpcPeeringConnections"),
        ("aws_ec2_flow_logs", "describe_flow_logs", "FlowLogs"),
        ("aws_ec2_transit_gateways", "describe_transit_gateways", "TransitGateways"),
        ("aws_ec2_transit_gateway_attachments", "describe_transit_gateway_attachments", "TransitGatewayAttachments"),
    ):
        for item in pages(c, operation, key):
            yield table, item, {}
    for a in c.describe_addresses()["Addresses"]:
        yield "aws_ec2_addresses", a, {}
    for v in c.describe_vpn_connections()["VpnConnections"]:
        yield "aws_ec2_vpn_connections", v, {}
    for i in pages(c, "describe_images", "Images", Owners=["self"]):
        yield "aws_ec2_images", i, {}
    for s in pages(c, "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        yield "aws_ec2_snapshots", s, {}
    for k in c.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]:
        yield "aws_ec2_key_pairs", k, {}
    for l in pages(c, "describe_launch_templates", "LaunchTemplates"):
        yield "aws_ec2_launch_templates", l, {}
    for vpc in pages(c, "describe_vpcs", "Vpcs"):
        of = {k: vpc[k] for k in ("VpcId", "OwnerId", "Tags") if k in vpc}
        for a in vpc.get("CidrBlockAssociationSet", []):
            of |= {"Family": "IPv4", "Primary": a["CidrBlock"] == vpc["CidrBlock"]}
            yield "aws_ec2_vpc_cidr_associations", of | a.pop("CidrBlockState") | a, {}
        for a in vpc.get("Ipv6CidrBlockAssociationSet", []):
            a |= {"CidrBlock": a.pop("Ipv6CidrBlock"), "Family": "IPv6"}
            del of["Primary"]
            yield "aws_ec2_vpc_cidr_associations", of | a.pop("Ipv6CidrBlockState") | a, {}


def s3(account):
    c = account.client("s3", HOME)
    for b in c.list_buckets()["Buckets"]:
        region = c.get_bucket_location(Bucket=b["Name"])["LocationConstraint"] or "us-east-1"
        at, of = account.client("s3", region), {"Bucket": b["Name"]}
        yield "aws_s3_buckets", b, {
            "GetBucketLocation": {"LocationConstraint": region},
            "GetBucketTagging": answer(at.get_bucket_tagging, "NoSuchTagSet", **of),
            "GetBucketPolicy": answer(at.get_bucket_policy, "NoSuchBucketPolicy", **of),
            "GetBucketPolicyStatus": answer(at.get_bucket_policy_status, "NoSuchBucketPolicy", **of),
            "GetPublicAccessBlock": answer(at.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", **of),
            "GetBucketOwnershipControls": answer(at.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", **of),
            "GetBucketAcl": answer(at.get_bucket_acl, **of),
            "GetBucketEncryption": answer(at.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", **of),
            "GetBucketVersioning": answer(at.get_bucket_versioning, **of),
            "GetBucketLogging": answer(at.get_bucket_logging, **of),
            "GetBucketLifecycleConfiguration": answer(at.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", **of),
            "GetBucketReplication": answer(at.get_bucket_replication, "ReplicationConfigurationNotFoundError", **of),
            "GetObjectLockConfiguration": answer(at.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", **of),
            "GetBucketWebsite": answer(at.get_bucket_website, "NoSuchWebsiteConfiguration", **of),
            "GetBucketNotificationConfiguration": answer(at.get_bucket_notification_configuration, **of),
            "GetBucketCors": answer(at.get_bucket_cors, "NoSuchCORSConfiguration", **of),
        }


def s3control(account):
    c = account.client("s3control", HOME)
    found = answer(c.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", AccountId=account.id)
    nothing = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    yield "aws_s3_account_public_access_blocks", found.get("PublicAccessBlockConfiguration", nothing), {}


def autoscaling(account, region):
    c = account.client("autoscaling", region)
    for g in pages(c, "describe_auto_scaling_groups", "AutoScalingGroups"):
        yield "aws_autoscaling_groups", g | {"PropagatedTags": [t["Key"] for t in g["Tags"] if t["PropagateAtLaunch"]]}, {}
    for l in pages(c, "describe_launch_configurations", "LaunchConfigurations"):
        yield "aws_autoscaling_launch_configurations", l, {}


def efs(account, region):
    c = account.client("efs", region)
    for f in pages(c, "describe_file_systems", "FileSystems"):
        of = {"FileSystemId": f["FileSystemId"]}
        yield "aws_efs_file_systems", f, {
            "DescribeFileSystemPolicy": answer(c.describe_file_system_policy, "PolicyNotFound", **of),
            "DescribeBackupPolicy": answer(c.describe_backup_policy, "PolicyNotFound", **of),
            "DescribeLifecycleConfiguration": answer(c.describe_lifecycle_configuration, **of),
        }
        for m in pages(c, "describe_mount_targets", "MountTargets", **of):
            yield "aws_efs_mount_targets", m, {"DescribeMountTargetSecurityGroups": answer(c.describe_mount_target_security_groups, MountTargetId=m["MountTargetId"])}
    for a in pages(c, "describe_access_points", "AccessPoints"):
        yield "aws_efs_access_points", a, {}


def fsx(account, region):
    c = account.client("fsx", region)
    for f in pages(c, "describe_file_systems", "FileSystems"):
        yield "aws_fsx_file_systems", f, {}
    for b in pages(c, "describe_backups", "Backups"):
        yield "aws_fsx_backups", b, {}


def iam(account):
    c = account.client("iam")
    details = {"UserDetailList": {}, "GroupDetailList": {}, "RoleDetailList": {}, "Policies": {}}
    for page in c.get_paginator("get_account_authorization_details").paginate(
        Filter=["User", "Group", "Role", "LocalManagedPolicy"]
    ):
        for key, found in details.items():
            found.update((item["Arn"], item) for item in page[key])
    for u in pages(c, "list_users", "Users"):
        yield "aws_iam_users", u, {"GetAccountAuthorizationDetails": details["UserDetailList"].pop(u["Arn"])}
        for k in pages(c, "list_access_keys", "AccessKeyMetadata", UserName=u["UserName"]):
            yield "aws_iam_access_keys", k, {"GetAccessKeyLastUsed": answer(c.get_access_key_last_used, AccessKeyId=k["AccessKeyId"])}
        for d in pages(c, "list_mfa_devices", "MFADevices", UserName=u["UserName"]):
            yield "aws_iam_mfa_devices", d | {"Arn": d["SerialNumber"], "UserArn": u["Arn"]}, {}
    assert not details["UserDetailList"], "the details name users that the list does not have"
    for r in pages(c, "list_roles", "Roles"):
        yield "aws_iam_roles", details["RoleDetailList"].pop(r["Arn"]), {"ListRoles": r}
    assert not details["RoleDetailList"], "the details name roles that the list does not have"
    for table, key in (("aws_iam_groups", "GroupDetailList"), ("aws_iam_policies", "Policies")):
        for item in details[key].values():
            yield table, item, {}
    for d in pages(c, "list_virtual_mfa_devices", "VirtualMFADevices", AssignmentStatus="Unassigned"):
        yield "aws_iam_mfa_devices", {"SerialNumber": d["SerialNumber"], "Arn": d["SerialNumber"]}, {}
    yield "aws_iam_account_summaries", {"SummaryMap": c.get_account_summary()["SummaryMap"]}, {"ListAccountAliases": answer(c.list_account_aliases)}
    policy = answer(c.get_account_password_policy, "NoSuchEntity")
    yield "aws_iam_password_policies", policy | {"IsDefault": not policy}, {}
    for p in pages(c, "list_instance_profiles", "InstanceProfiles"):
        yield "aws_iam_instance_profiles", p, {"ListInstanceProfileTags": answer(c.list_instance_profile_tags, InstanceProfileName=p["InstanceProfileName"])}
    for p in c.list_saml_providers()["SAMLProviderList"]:
        yield "aws_iam_saml_providers", p, {"GetSAMLProvider": answer(c.get_saml_provider, SAMLProviderArn=p["Arn"])}
    for p in c.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        yield "aws_iam_oidc_providers", p, {"GetOpenIDConnectProvider": answer(c.get_open_id_connect_provider, OpenIDConnectProviderArn=p["Arn"])}
    c.generate_credential_report()
    report = c.get_credential_report()
    for line in csv.DictReader(io.StringIO(report["Content"].decode())):
        told = {k.replace("_", ""): v for k, v in line.items() if v not in ("N/A", "no_information", "not_supported")}
        flags = {k: v == "true" for k, v in told.items() if v in ("true", "false")}
        yield "aws_iam_credential_reports", told | flags | {"ReportGeneratedTime": report["GeneratedTime"]}, {}


def rds(account, region):
    c = account.client("rds", region)
    for table, operation, key in (
        ("aws_rds_db_instances", "describe_db_instances", "DBInstances"),
        ("aws_rds_db_clusters", "describe_db_clusters", "DBClusters"),
        ("aws_rds_db_snapshots", "describe_db_snapshots", "DBSnapshots"),
        ("aws_rds_db_cluster_snapshots", "describe_db_cluster_snapshots", "DBClusterSnapshots"),
    ):
        for item in pages(c, operation, key):
            yield table, item, {}


def eks(account, region):
    c = account.client("eks", region)
    for name in pages(c, "list_clusters", "clusters"):
        yield "aws_eks_clusters", c.describe_cluster(name=name)["cluster"], {}
        for n in pages(c, "list_nodegroups", "nodegroups", clusterName=name):
            yield "aws_eks_nodegroups", c.describe_nodegroup(clusterName=name, nodegroupName=n)["nodegroup"], {}
        for n in pages(c, "list_fargate_profiles", "fargateProfileNames", clusterName=name):
            yield "aws_eks_fargate_profiles", c.describe_fargate_profile(clusterName=name, fargateProfileName=n)["fargateProfile"], {}


def ecs(account, region):
    c = account.client("ecs", region)
    for arn in pages(c, "list_clusters", "clusterArns"):
        include = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]
        yield "aws_ecs_clusters", c.describe_clusters(clusters=[arn], include=include)["clusters"][0], {}
        for service in pages(c, "list_services", "serviceArns", cluster=arn):
            yield "aws_ecs_services", c.describe_services(cluster=arn, services=[service], include=["TAGS"])["services"][0], {}
        for instance in pages(c, "list_container_instances", "containerInstanceArns", cluster=arn):
            include = ["TAGS", "CONTAINER_INSTANCE_HEALTH"]
            item = c.describe_container_instances(cluster=arn, containerInstances=[instance], include=include)["containerInstances"][0]
            yield "aws_ecs_container_instances", item | {"clusterArn": arn}, {}
        for task in pages(c, "list_tasks", "taskArns", cluster=arn):
            yield "aws_ecs_tasks", c.describe_tasks(cluster=arn, tasks=[task], include=["TAGS"])["tasks"][0], {}
    for arn in pages(c, "list_task_definitions", "taskDefinitionArns"):
        described = answer(c.describe_task_definition, taskDefinition=arn, include=["TAGS"])
        yield "aws_ecs_task_definitions", described.pop("taskDefinition"), {"DescribeTaskDefinition": described}


def ecr(account, region):
    c = account.client("ecr", region)
    for r in pages(c, "describe_repositories", "repositories"):
        of = {"repositoryName": r["repositoryName"]}
        yield "aws_ecr_repositories", r, {
            "ListTagsForResource": answer(c.list_tags_for_resource, resourceArn=r["repositoryArn"]),
            "GetRepositoryPolicy": answer(c.get_repository_policy, "RepositoryPolicyNotFoundException", **of),
            "GetLifecyclePolicy": answer(c.get_lifecycle_policy, "LifecyclePolicyNotFoundException", **of),
        }
        for image in pages(c, "describe_images", "imageDetails", **of):
            yield "aws_ecr_images", image, {}
            digest = image["imageDigest"]
            found = answer(c.describe_image_scan_findings, "ScanNotFoundException", imageId={"imageDigest": digest}, **of).get("imageScanFindings", {})
            # Counts by severity are of the image and not of a finding.
            common = of | {"imageDigest": digest} | {k: found[k] for k in ("imageScanCompletedAt", "vulnerabilitySourceUpdatedAt") if k in found}
            for f in found.get("findings", []):
                of_package = [a["value"] for key in ("package_name", "package_version") for a in f["attributes"] if a["key"] == key]
                named = {"ScanType": "BASIC", "FindingId": " ".join([f["name"], *of_package])}
                yield "aws_ecr_image_scan_findings", common | f | named, {}
            for f in found.get("enhancedFindings", []):
                of_package = f["packageVulnerabilityDetails"]
                named = {"ScanType": "ENHANCED", "FindingId": f["findingArn"], "Name": of_package["vulnerabilityId"], "Uri": of_package["sourceUrl"]}
                yield "aws_ecr_image_scan_findings", common | f | named, {}


def awslambda(account, region):
    c = account.client("lambda", region)
    for f in pages(c, "list_functions", "Functions"):
        yield "aws_lambda_functions", f, {
            "ListTags": answer(c.list_tags, Resource=f["FunctionArn"]),
            "GetPolicy": answer(c.get_policy, "ResourceNotFoundException", FunctionName=f["FunctionName"]),
        }


def elbv2(account, region):
    c = account.client("elbv2", region)

    def tags(arn):
        return {"DescribeTags": {"Tags": c.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]}}

    for b in pages(c, "describe_load_balancers", "LoadBalancers"):
        of = {"LoadBalancerArn": b["LoadBalancerArn"]}
        yield "aws_elbv2_load_balancers", b, tags(b["LoadBalancerArn"]) | {"DescribeLoadBalancerAttributes": answer(c.describe_load_balancer_attributes, **of)}
        for l in pages(c, "describe_listeners", "Listeners", **of):
            yield "aws_elbv2_listeners", l, tags(l["ListenerArn"])
    for g in pages(c, "describe_target_groups", "TargetGroups"):
        of = {"TargetGroupArn": g["TargetGroupArn"]}
        yield "aws_elbv2_target_groups", g, tags(g["TargetGroupArn"])
        for t in c.describe_target_health(Include=["All"], **of)["TargetHealthDescriptions"]:
            yield "aws_elbv2_target_health", of | t, {}


def elb(account, region):
    c = account.client("elb", region)
    for b in pages(c, "describe_load_balancers", "LoadBalancerDescriptions"):
        name = b["LoadBalancerName"]
        yield "aws_elb_load_balancers", b, {
            "DescribeTags": {"Tags": c.describe_tags(LoadBalancerNames=[name])["TagDescriptions"][0]["Tags"]},
            "DescribeLoadBalancerAttributes": answer(c.describe_load_balancer_attributes, LoadBalancerName=name),
        }


def route53(account):
    c = account.client("route53")
    logged = {q["HostedZoneId"]: q for q in pages(c, "list_query_logging_configs", "QueryLoggingConfigs")}
    for z in pages(c, "list_hosted_zones", "HostedZones"):
        z["Id"] = z["Id"].removeprefix("/hostedzone/")
        of = {"HostedZoneId": z["Id"]}
        about = {
            "ListTagsForResources": {"Tags": c.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[z["Id"]])["ResourceTagSets"][0]["Tags"]},
            "GetHostedZone": answer(c.get_hosted_zone, Id=z["Id"]),
        }
        if not z["Config"]["PrivateZone"]:
            about["GetDNSSEC"] = answer(c.get_dnssec, **of)
        if z["Id"] in logged:
            about["ListQueryLoggingConfigs"] = {"QueryLoggingConfig": logged[z["Id"]]}
        yield "aws_route53_hosted_zones", z, about
        for r in pages(c, "list_resource_record_sets", "ResourceRecordSets", **of):
            yield "aws_route53_record_sets", of | r, {}


def cloudfront(account):
    c = account.client("cloudfront")
    for page in c.get_paginator("list_distributions").paginate():
        for d in page["DistributionList"].get("Items", []):
            whole = c.get_distribution(Id=d["Id"])["Distribution"]["DistributionConfig"]
            yield "aws_cloudfront_distributions", d, {
                "ListTagsForResource": {"Tags": c.list_tags_for_resource(Resource=d["ARN"])["Tags"]["Items"]},
                "GetDistribution": {k: whole[k] for k in ("DefaultRootObject", "Logging") if k in whole},
            }


def acm(account, region):
    c = account.client("acm", region)
    for s in pages(c, "list_certificates", "CertificateSummaryList"):
        of = {"CertificateArn": s["CertificateArn"]}
        yield "aws_acm_certificates", c.describe_certificate(**of)["Certificate"], {"ListTagsForCertificate": answer(c.list_tags_for_certificate, **of)}


def tagging(account, region):
    c = account.client("resourcegroupstaggingapi", region)
    for r in pages(c, "get_resources", "ResourceTagMappingList"):
        yield "aws_tagging_resources", r, {}
    for k in dict.fromkeys(pages(c, "get_tag_keys", "TagKeys")):  # moto repeats them
        yield "aws_tagging_tag_keys", {"TagKey": k}, {}
        if k == "api-secret":
            continue  # its values must not be stored
        for v in dict.fromkeys(v or "" for v in pages(c, "get_tag_values", "TagValues", Key=k)):  # and has null for empty ones
            yield "aws_tagging_tag_values", {"TagKey": k, "TagValue": v}, {}


def config(account, region):
    c = account.client("config", region)
    recorders = c.describe_configuration_recorders()["ConfigurationRecorders"]
    for r in recorders:
        yield "aws_config_configuration_recorders", r, {
            "DescribeConfigurationRecorderStatus": c.describe_configuration_recorder_status(ConfigurationRecorderNames=[r["name"]])["ConfigurationRecordersStatus"][0],
            "DescribeDeliveryChannels": c.describe_delivery_channels()["DeliveryChannels"][0],
        }
    for r in pages(c, "describe_config_rules", "ConfigRules"):
        yield "aws_config_rules", r, {"ListTagsForResource": answer(c.list_tags_for_resource, ResourceArn=r["ConfigRuleArn"])}
    for a in pages(c, "describe_configuration_aggregators", "ConfigurationAggregators"):
        yield "aws_config_aggregators", a, {"ListTagsForResource": answer(c.list_tags_for_resource, ResourceArn=a["ConfigurationAggregatorArn"])}


def securityhub(account, region):
    c = account.client("securityhub", region)
    for f in pages(c, "get_findings", "Findings"):
        yield "aws_securityhub_findings", f, {}
    if hub := answer(c.describe_hub, "InvalidAccessException"):
        yield "aws_securityhub_hubs", hub, {"GetAdministratorAccount": answer(c.get_administrator_account)}


def inspector2(account, region):
    c = account.client("inspector2", region)
    for f in pages(c, "list_findings", "findings"):
        yield "aws_inspector2_findings", f, {}
    for a in c.batch_get_account_status(accountIds=[account.id])["accounts"]:
        yield "aws_inspector2_account_statuses", a, {}


def guardduty(account, region):
    c = account.client("guardduty", region)
    for detector in pages(c, "list_detectors", "DetectorIds"):
        yield "aws_guardduty_detectors", {"DetectorId": detector} | answer(c.get_detector, DetectorId=detector), {}


def identitystore(account):
    store = account.client("sso-admin", HOME).list_instances()["Instances"][0]["IdentityStoreId"]
    c, of = account.client("identitystore", HOME), {"IdentityStoreId": store}
    for u in pages(c, "list_users", "Users", **of):
        yield "aws_identitystore_users", u, {}
    for g in pages(c, "list_groups", "Groups", **of):
        yield "aws_identitystore_groups", g, {}
        for m in pages(c, "list_group_memberships", "GroupMemberships", GroupId=g["GroupId"], **of):
            yield "aws_identitystore_group_memberships", m | m["MemberId"], {}


def ssoadmin(account):
    c = account.client("sso-admin", HOME)
    for i in pages(c, "list_instances", "Instances"):
        yield "aws_ssoadmin_instances", i, {}
        instance = {"InstanceArn": i["InstanceArn"]}
        for arn in pages(c, "list_permission_sets", "PermissionSets", **instance):
            of = instance | {"PermissionSetArn": arn}
            yield "aws_ssoadmin_permission_sets", c.describe_permission_set(**of)["PermissionSet"] | instance, {
                "ListManagedPoliciesInPermissionSet": {"Policies": list(pages(c, "list_managed_policies_in_permission_set", "AttachedManagedPolicies", **of))},
                "ListCustomerManagedPolicyReferencesInPermissionSet": {
                    "Policies": list(pages(c, "list_customer_managed_policy_references_in_permission_set", "CustomerManagedPolicyReferences", **of)),
                },
                # An empty text is no policy.
                "GetInlinePolicyForPermissionSet": {k: v for k, v in answer(c.get_inline_policy_for_permission_set, **of).items() if v},
            }
            for id in pages(c, "list_accounts_for_provisioned_permission_set", "AccountIds", **of):
                for a in pages(c, "list_account_assignments", "AccountAssignments", AccountId=id, **of):
                    yield "aws_ssoadmin_account_assignments", a | instance, {}


def cognito(account, region):
    c = account.client("cognito-idp", region)
    for p in pages(c, "list_user_pools", "UserPools", MaxResults=60):
        yield "aws_cognito_user_pools", p, {"DescribeUserPool": c.describe_user_pool(UserPoolId=p["Id"])["UserPool"]}
        for u in pages(c, "list_users", "Users", UserPoolId=p["Id"]):
            named = {a["Name"]: a["Value"] for a in u.pop("Attributes")}
            custom = {k: v for k, v in named.items() if k.startswith("custom:")}
            parts = {"Sub": named.pop("sub"), "CustomAttributes": custom, "StandardAttributes": {k: v for k, v in named.items() if k not in custom}}
            yield "aws_cognito_users", u | parts | {"UserPoolId": p["Id"]}, {}


def connect(account, region):
    c = account.client("connect", region)
    for i in pages(c, "list_instances", "InstanceSummaryList"):
        yield "aws_connect_instances", i, {"ListTagsForResource": {"Tags": c.list_tags_for_resource(resourceArn=i["Arn"])["tags"]}}


def directories(account, region):
    c = account.client("ds", region)
    for d in pages(c, "describe_directories", "DirectoryDescriptions"):
        yield "aws_ds_directories", d, {"ListTagsForResource": {"Tags": list(pages(c, "list_tags_for_resource", "Tags", ResourceId=d["DirectoryId"]))}}


def kms(account, region):
    c = account.client("kms", region)
    aliases = list(pages(c, "list_aliases", "Aliases"))
    for id in [k["KeyId"] for k in pages(c, "list_keys", "Keys")]:
        key = c.describe_key(KeyId=id)["KeyMetadata"]
        details = {
            "ListAliases": {"Aliases": [a for a in aliases if a["TargetKeyId"] == id]},
            "ListResourceTags": {"Tags": [{"Key": t["TagKey"], "Value": t["TagValue"]} for t in pages(c, "list_resource_tags", "Tags", KeyId=id)]},
        }
        if key["KeyManager"] == "CUSTOMER" and key["KeySpec"] == "SYMMETRIC_DEFAULT":
            details["GetKeyRotationStatus"] = answer(c.get_key_rotation_status, KeyId=id)
        yield "aws_kms_keys", key, details


def secretsmanager(account, region):
    c = account.client("secretsmanager", region)
    for s in pages(c, "list_secrets", "SecretList", IncludePlannedDeletion=True):
        yield "aws_secretsmanager_secrets", s, {"GetResourcePolicy": answer(c.get_resource_policy, "InvalidRequestException", "ResourceNotFoundException", SecretId=s["ARN"])}


def typed(attributes, numbers, flags, times=()):
    """Attributes as what they are: SNS and SQS send all of them as text."""
    def read(name, text):
        if name in times:
            return datetime.datetime.fromtimestamp(int(text), datetime.timezone.utc)
        return int(text) if name in numbers else text.lower() == "true" if name in flags else text

    return {name: read(name, text) for name, text in attributes.items()} | {"OtherAttributes": {}}


def sns(account, region):
    c = account.client("sns", region)
    for arn in [t["TopicArn"] for t in pages(c, "list_topics", "Topics")]:
        attributes = typed(
            # An empty text is no policy.
            {k: v for k, v in c.get_topic_attributes(TopicArn=arn)["Attributes"].items() if v or not k.endswith("Policy")},
            ("SubscriptionsConfirmed", "SubscriptionsDeleted", "SubscriptionsPending"), ("ContentBasedDeduplication", "FifoTopic"),
        )
        yield "aws_sns_topics", attributes, {"ListTagsForResource": answer(c.list_tags_for_resource, ResourceArn=arn)}


def sqs(account, region):
    c = account.client("sqs", region)
    for url in pages(c, "list_queues", "QueueUrls", PaginationConfig={"PageSize": 1000}):
        attributes = typed(
            c.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"],
            (
                "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible", "DelaySeconds", "KmsDataKeyReusePeriodSeconds",
                "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout",
            ),
            ("ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled"), ("CreatedTimestamp", "LastModifiedTimestamp"),
        )
        yield "aws_sqs_queues", attributes | {"QueueUrl": url}, {"ListQueueTags": answer(c.list_queue_tags, QueueUrl=url)}


def dynamodb(account, region):
    c = account.client("dynamodb", region)
    for name in pages(c, "list_tables", "TableNames"):
        table = c.describe_table(TableName=name)["Table"]
        yield "aws_dynamodb_tables", table, {
            "DescribeContinuousBackups": answer(c.describe_continuous_backups, TableName=name),
            "DescribeTimeToLive": answer(c.describe_time_to_live, TableName=name),
            "ListTagsOfResource": {"Tags": list(pages(c, "list_tags_of_resource", "Tags", ResourceArn=table["TableArn"]))},
        }


def backup(account, region):
    c = account.client("backup", region)
    for v in pages(c, "list_backup_vaults", "BackupVaultList"):
        yield "aws_backup_vaults", v, {"ListTags": answer(c.list_tags, ResourceArn=v["BackupVaultArn"])}


def cloudtrail(account, region):
    c = account.client("cloudtrail", region)
    for t in c.describe_trails(includeShadowTrails=False)["trailList"]:
        arn = t["TrailARN"]
        yield "aws_cloudtrail_trails", t, {
            "GetTrailStatus": answer(c.get_trail_status, Name=arn),
            "GetEventSelectors": answer(c.get_event_selectors, TrailName=arn),
            "ListTags": {"Tags": c.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"]},
        }


def plain(v):
    if isinstance(v, datetime.datetime):
        return v.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    raise TypeError(f"{type(v)} has no form in JSON")


files = {}


def write(account, region, rows):
    for table, item, details in rows:
        if table not in files:
            files[table] = (TO / f"{table}.jsonl").open("w")
        json.dump({"account": account.id, "region": region, "item": item, "details": details}, files[table], default=plain)
        files[table].write("\n")


for id in FACTS["accounts"].values():
    keys = FACTS["keys"]
    account = Account(id, (keys["access_key_id"], keys["secret_access_key"]))
    for service in (sts, organizations, regions, s3, s3control, iam, route53, cloudfront):
        write(account, "global", service(account))
    write(account, HOME, identitystore(account))
    write(account, HOME, ssoadmin(account))
    for region in REGIONS:
        for service in (ec2, autoscaling, efs, fsx, rds, eks, ecs, ecr, awslambda, securityhub, inspector2, guardduty, cognito, connect, directories, acm, elbv2, elb, config, tagging,
                        kms, secretsmanager, sns, sqs, dynamodb, backup, cloudtrail):
            write(account, region, service(account, region))
for f in files.values():
    f.close()
