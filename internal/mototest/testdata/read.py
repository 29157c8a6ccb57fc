"""Reads a moto server with boto3 as anyone would, and writes what it answers.

Each table becomes a file of one object to a line: the account and region
asked, the item as boto3 gives it, and the answers of further calls about it.
Arguments: URL, file that fill.py printed, folder to write to, regions.
"""

import base64
import datetime
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
    for a in pages(c, "list_accounts", "Accounts"):
        yield "aws_organizations_accounts", a, {
            "ListTagsForResource": {"Tags": list(pages(c, "list_tags_for_resource", "Tags", ResourceId=a["Id"]))},
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
    assert not details["UserDetailList"], "the details name users that the list does not have"
    for r in pages(c, "list_roles", "Roles"):
        yield "aws_iam_roles", details["RoleDetailList"].pop(r["Arn"]), {"ListRoles": r}
    assert not details["RoleDetailList"], "the details name roles that the list does not have"
    for table, key in (("aws_iam_groups", "GroupDetailList"), ("aws_iam_policies", "Policies")):
        for item in details[key].values():
            yield table, item, {}


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


def securityhub(account, region):
    for f in pages(account.client("securityhub", region), "get_findings", "Findings"):
        yield "aws_securityhub_findings", f, {}


def identitystore(account):
    store = account.client("sso-admin", HOME).list_instances()["Instances"][0]["IdentityStoreId"]
    c, of = account.client("identitystore", HOME), {"IdentityStoreId": store}
    for u in pages(c, "list_users", "Users", **of):
        yield "aws_identitystore_users", u, {}
    for g in pages(c, "list_groups", "Groups", **of):
        yield "aws_identitystore_groups", g, {}
        for m in pages(c, "list_group_memberships", "GroupMemberships", GroupId=g["GroupId"], **of):
            yield "aws_identitystore_group_memberships", m | m["MemberId"], {}


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
    for service in (sts, organizations, regions, s3, iam):
        write(account, "global", service(account))
    write(account, HOME, identitystore(account))
    for region in REGIONS:
        for service in (ec2, rds, eks, ecs, ecr, awslambda, securityhub):
            write(account, region, service(account, region))
for f in files.values():
    f.close()
