"""Fills a moto server with an organization, and prints what a configuration needs to know of it.

Everything that AWS lets people write is as odd as AWS allows; lists that moto
pages are longer than a page. Values in secrets.json must never be stored.
"""

import hashlib
import io
import json
import pathlib
import urllib.request
import zipfile

from account import MANAGEMENT, URL, Account

SECRETS = json.loads((pathlib.Path(__file__).parent / "secrets.json").read_text())
HOME, SECOND, THIRD = "us-east-1", "eu-central-1", "ap-southeast-2"
OUTSIDE = "000000000042"  # of no organization

TAGS = {
    "Name": "größer 東京 🚀",
    "empty": "",
    "long": "x" * 128 + "ÿ" * 128,
    "Case": "upper",
    "case": "lower",
    "CASE": "all",
    "path/to:key+of=x@y.z -_": " spaces = around ",
    "quotes": "it's \"quoted\" \\ and <tagged> & %41 {json} [1]",
    "api-secret": SECRETS["tag"],
}
# IAM takes keys that differ by case for duplicates.
IAM_TAGS = {k: v for k, v in TAGS.items() if k.lower() != "case"}


def pairs(tags=TAGS, key="Key", value="Value"):
    return [{key: k, value: v} for k, v in tags.items()]


def policy(sid, action="s3:GetObject", resource="*", principal=None):
    statement = {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
    if principal:
        statement["Principal"] = principal
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, ensure_ascii=False)


def trust(principal):
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": principal,
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "ex+ternal/é %20"}},
        }],
    })


def organization():
    """Makes more accounts than ListAccounts pages hold; one begins with zero."""
    o = Account(MANAGEMENT).client("organizations")
    o.create_organization(FeatureSet="ALL")
    root = o.list_roots()["Roots"][0]["Id"]
    workloads = o.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
    production = o.create_organizational_unit(ParentId=workloads, Name="Prodüktion")["OrganizationalUnit"]["Id"]
    ids = []
    while len(ids) < 24 or not any(i.startswith("0") for i in ids):
        n = len(ids)
        made = o.create_account(AccountName=f"Konto «{n}» ☂", Email=f"aws+{n}@example.com", Tags=pairs() if n % 2 else [])
        ids.append(made["CreateAccountStatus"]["AccountId"])
    zero = next(i for i in ids if i.startswith("0"))
    others = [i for i in ids if i != zero]
    accounts = {"management": MANAGEMENT, "outside": OUTSIDE, "zero": zero, "shop": others[0], "bulk": others[1], "idle": others[2]}
    for name, unit in {"zero": production, "shop": production, "bulk": workloads, "idle": workloads}.items():
        o.move_account(AccountId=accounts[name], SourceParentId=root, DestinationParentId=unit)
    o.close_account(AccountId=others[3])
    return accounts, workloads


def iam(account, users):
    c = account.client("iam")
    for name in ("stocktake", "stocktake-discovery", "stocktake-hop"):
        c.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}))
    if not users:
        return {}
    managed = c.create_policy(
        PolicyName="managed+policy=@x", Path="/a/b/", Description="line\none & <two>",
        PolicyDocument=policy("Über", resource="arn:aws:s3:::b/${aws:username}/%20*"), Tags=pairs(IAM_TAGS),
    )["Policy"]["Arn"]
    c.create_policy_version(PolicyArn=managed, PolicyDocument=policy("Second"), SetAsDefault=True)
    c.create_policy(PolicyName="untagged", PolicyDocument=policy("One", action=["a:*", "b:C"]))
    c.create_group(GroupName="admins", Path="/grp/")
    c.put_group_policy(GroupName="admins", PolicyName="in+line", PolicyDocument=policy("Grüße"))
    c.attach_group_policy(GroupName="admins", PolicyArn=managed)
    c.create_group(GroupName="nobody")
    for i in range(users):
        c.create_user(UserName=f"user.{i}+x@example.com", Path="/people/" if i % 2 else "/", Tags=pairs(IAM_TAGS) if i % 3 else [])
    first = "user.0+x@example.com"
    c.add_user_to_group(GroupName="admins", UserName=first)
    c.put_user_policy(UserName=first, PolicyName="own+policy", PolicyDocument=policy("Inline%41"))
    c.attach_user_policy(UserName=first, PolicyArn=managed)
    c.create_login_profile(UserName=first, Password=SECRETS["password"])
    c.create_user(UserName="bounded", PermissionsBoundary=managed)
    c.create_role(
        RoleName="worker+role", Path="/service/", Description="Rôle ✓", MaxSessionDuration=7200, PermissionsBoundary=managed,
        AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}), Tags=pairs(IAM_TAGS),
    )
    c.put_role_policy(RoleName="worker+role", PolicyName="in=line", PolicyDocument=policy("Rôle"))
    c.attach_role_policy(RoleName="worker+role", PolicyArn=managed)
    c.create_instance_profile(InstanceProfileName="worker", Path="/profile/", Tags=pairs(IAM_TAGS))
    c.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker+role")
    c.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    used, unused = (c.create_access_key(UserName=first)["AccessKey"] for _ in range(2))
    c.update_access_key(UserName=first, AccessKeyId=unused["AccessKeyId"], Status="Inactive")
    return {"access_key_id": used["AccessKeyId"], "secret_access_key": used["SecretAccessKey"]}


def ec2(account, region, reservations):
    c = account.client("ec2", region)
    vpc = c.create_vpc(CidrBlock="10.7.0.0/16", AmazonProvidedIpv6CidrBlock=True, TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs()}])["Vpc"]["VpcId"]
    c.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.8.0.0/16")
    c.create_vpc(CidrBlock="192.168.0.0/24", InstanceTenancy="dedicated")
    subnet = c.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24", AvailabilityZone=region + "b", TagSpecifications=[{"ResourceType": "subnet", "Tags": pairs()}])["Subnet"]["SubnetId"]
    c.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    group = c.create_security_group(
        GroupName="web «tier»", Description="odd: ' \" \\ < > &", VpcId=vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": pairs()}]
    )["GroupId"]
    prefixes = c.create_managed_prefix_list(PrefixListName="p", MaxEntries=3, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8", "Description": "ten"}])["PrefixList"]["PrefixListId"]
    c.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "wörld"}, {"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "v6"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "Description": "self"}]},
        {"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535, "PrefixListIds": [{"PrefixListId": prefixes, "Description": "list"}]},
    ])
    volume = c.create_volume(AvailabilityZone=region + "b", Size=7, VolumeType="io1", Iops=300, Encrypted=True, TagSpecifications=[{"ResourceType": "volume", "Tags": pairs()}])["VolumeId"]
    c.create_volume(AvailabilityZone=region + "a", Size=1, VolumeType="gp3", Throughput=250)
    eni = c.create_network_interface(
        SubnetId=subnet, Description="Karte ✓", Groups=[group], PrivateIpAddress="10.7.1.77", TagSpecifications=[{"ResourceType": "network-interface", "Tags": pairs()}]
    )["NetworkInterface"]["NetworkInterfaceId"]
    image = "ami-12c6146b"  # one that moto has in every region
    placed = c.run_instances(
        ImageId=image, MinCount=2, MaxCount=2, InstanceType="m5.large", KeyName="schlüssel", SubnetId=subnet, SecurityGroupIds=[group],
        Placement={"AvailabilityZone": region + "b"}, UserData=SECRETS["user_data"], Monitoring={"Enabled": True}, EbsOptimized=True,
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"},
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "DeleteOnTermination": False}}],
        IamInstanceProfile={"Name": "worker"} if account.id == MANAGEMENT else {},
        TagSpecifications=[{"ResourceType": "instance", "Tags": pairs()}],
    )["Instances"]
    c.attach_volume(VolumeId=volume, InstanceId=placed[0]["InstanceId"], Device="/dev/xvdz")
    c.attach_network_interface(NetworkInterfaceId=eni, InstanceId=placed[0]["InstanceId"], DeviceIndex=1)
    address = c.allocate_address(Domain="vpc")["AllocationId"]
    c.associate_address(AllocationId=address, InstanceId=placed[1]["InstanceId"])
    c.stop_instances(InstanceIds=[placed[1]["InstanceId"]])
    c.create_image(InstanceId=placed[1]["InstanceId"], Name="bild «1»", Description="größer", TagSpecifications=[{"ResourceType": "image", "Tags": pairs()}])
    c.create_snapshot(VolumeId=volume, Description="Sicherung ✓", TagSpecifications=[{"ResourceType": "snapshot", "Tags": pairs()}])
    c.create_key_pair(KeyName="schlüssel", KeyType="ed25519", TagSpecifications=[{"ResourceType": "key-pair", "Tags": pairs()}])
    c.create_key_pair(KeyName="plain")
    c.create_launch_template(
        LaunchTemplateName="vorlage-1", LaunchTemplateData={"ImageId": image},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": pairs()}],
    )
    c.create_launch_template_version(LaunchTemplateName="vorlage-1", LaunchTemplateData={"InstanceType": "m5.large"})
    connections(c, region, vpc, subnet, group)
    gone = c.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    c.terminate_instances(InstanceIds=[gone])
    for _ in range(reservations):
        c.run_instances(ImageId=image, MinCount=1, MaxCount=1)


def connections(c, region, vpc, subnet, group):
    def tagged(kind):
        return [{"ResourceType": kind, "Tags": pairs()}]

    internet = c.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
    c.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    c.create_internet_gateway()
    address = c.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    c.allocate_address(Domain="vpc")
    nat = c.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway"))["NatGateway"]["NatGatewayId"]
    c.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
    other = c.create_vpc(CidrBlock="172.16.0.0/16")["Vpc"]["VpcId"]
    peering = c.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other, TagSpecifications=tagged("vpc-peering-connection"))["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    c.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    c.create_vpc_peering_connection(VpcId=other, PeerVpcId=vpc)
    table = c.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"]
    c.associate_route_table(RouteTableId=table, SubnetId=subnet)
    transit = c.create_transit_gateway(
        Description="Drehscheibe ü", Options={"AmazonSideAsn": 64513, "AutoAcceptSharedAttachments": "enable"}, TagSpecifications=tagged("transit-gateway")
    )["TransitGateway"]["TransitGatewayId"]
    c.create_transit_gateway_vpc_attachment(TransitGatewayId=transit, VpcId=vpc, SubnetIds=[subnet])
    for destination, target in {
        "0.0.0.0/0": {"GatewayId": internet}, "172.20.0.0/16": {"NatGatewayId": nat}, "172.16.0.0/16": {"VpcPeeringConnectionId": peering},
        "10.0.0.0/8": {"TransitGatewayId": transit},
    }.items():
        c.create_route(RouteTableId=table, DestinationCidrBlock=destination, **target)
    acl = c.create_network_acl(VpcId=vpc, TagSpecifications=tagged("network-acl"))["NetworkAcl"]["NetworkAclId"]
    c.create_network_acl_entry(NetworkAclId=acl, RuleNumber=7, Protocol="6", RuleAction="deny", Egress=False, CidrBlock="10.9.0.0/16", PortRange={"From": 22, "To": 23})
    c.create_network_acl_entry(NetworkAclId=acl, RuleNumber=8, Protocol="1", RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": -1, "Code": -1})
    c.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3", VpcEndpointType="Gateway", RouteTableIds=[table],
        PolicyDocument=policy("Öffnung", principal="*"), TagSpecifications=tagged("vpc-endpoint"),
    )
    c.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.sts", VpcEndpointType="Interface", SubnetIds=[subnet], SecurityGroupIds=[group], PrivateDnsEnabled=True)
    c.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="REJECT", LogGroupName="flüsse", DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow+logs",
        MaxAggregationInterval=60, TagSpecifications=tagged("vpc-flow-log"),
    )
    customer = c.create_customer_gateway(Type="ipsec.1", PublicIp="198.51.100.7", BgpAsn=65010)["CustomerGateway"]["CustomerGatewayId"]
    own = c.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    c.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer, VpnGatewayId=own, TagSpecifications=tagged("vpn-connection"))
    c.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer, TransitGatewayId=transit)


def s3(account):
    c, prefix = account.client("s3"), f"b-{account.id}"
    c.create_bucket(Bucket=f"{prefix}-bare")
    for region in (SECOND, THIRD):
        account.client("s3", region).create_bucket(Bucket=f"{prefix}-{region}", CreateBucketConfiguration={"LocationConstraint": region})
    account.client("s3", SECOND).put_bucket_versioning(Bucket=f"{prefix}-{SECOND}", VersioningConfiguration={"Status": "Suspended"})
    b = f"{prefix}-full"
    c.create_bucket(Bucket=b, ObjectLockEnabledForBucket=True, ObjectOwnership="BucketOwnerPreferred")
    c.put_bucket_tagging(Bucket=b, Tagging={"TagSet": pairs()})
    c.put_bucket_policy(Bucket=b, Policy=policy("Öffentlich", resource=f"arn:aws:s3:::{b}/*", principal="*"))
    c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"})
    c.put_bucket_encryption(Bucket=b, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/ä"}, "BucketKeyEnabled": True},
    ]})
    log = f"{prefix}-bare"
    c.put_bucket_acl(Bucket=log, ACL="log-delivery-write")
    grantee = {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", "Type": "CanonicalUser"}
    c.put_bucket_logging(Bucket=b, BucketLoggingStatus={"LoggingEnabled": {
        "TargetBucket": log, "TargetPrefix": "pre fix/ü/", "TargetGrants": [{"Grantee": grantee, "Permission": "READ"}],
    }})
    c.put_bucket_lifecycle_configuration(Bucket=b, LifecycleConfiguration={"Rules": [
        {"ID": "äge & out", "Status": "Enabled", "Filter": {"And": {"Prefix": "a/", "Tags": pairs({"k": "v", "K": ""})}}, "Expiration": {"Days": 30},
         "Transitions": [{"Days": 10, "StorageClass": "GLACIER"}], "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
         "NoncurrentVersionTransitions": [{"NoncurrentDays": 3, "StorageClass": "STANDARD_IA"}], "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
        {"ID": "dated", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": "2030-01-01T00:00:00Z"}},
        {"ID": "tagged", "Status": "Enabled", "Filter": {"Tag": {"Key": "only", "Value": "ö"}}, "Expiration": {"Days": 1}},
    ]})
    c.put_bucket_cors(Bucket=b, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example.com", "*"], "AllowedHeaders": ["x-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 0},
        {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]},
    ]})
    c.put_bucket_website(Bucket=b, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "fehler ü.html"},
        "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}],
    })
    c.put_bucket_ownership_controls(Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    c.put_public_access_block(Bucket=b, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True,
    })
    c.put_object_lock_configuration(Bucket=b, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 5}},
    })
    c.put_bucket_notification_configuration(Bucket=b, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{
            "Id": "n-1", "LambdaFunctionArn": f"arn:aws:lambda:{HOME}:{account.id}:function:plain", "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/ü"}, {"Name": "suffix", "Value": ".csv"}]}},
        }],
        "EventBridgeConfiguration": {},
    })
    versioned = f"{prefix}-{SECOND}"
    account.client("s3", SECOND).put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    c.put_bucket_replication(Bucket=b, ReplicationConfiguration={
        "Role": f"arn:aws:iam::{account.id}:role/worker",
        "Rules": [{
            "ID": "all", "Status": "Enabled", "Priority": 0, "Filter": {"Prefix": "r/"}, "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{versioned}", "StorageClass": "STANDARD"},
        }],
    })


def rds(account, region, instances):
    c = account.client("rds", region)
    subnets = account.client("ec2", region).describe_subnets()["Subnets"]
    c.create_db_subnet_group(DBSubnetGroupName="netz", DBSubnetGroupDescription="Netz ü", SubnetIds=[s["SubnetId"] for s in subnets[:2]])
    c.create_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.m5.large", Engine="postgres", AllocatedStorage=20, MaxAllocatedStorage=100, DBName="shop",
        MasterUsername="root_ü", MasterUserPassword=SECRETS["password"], StorageType="io1", Iops=1000, StorageEncrypted=True, MultiAZ=True,
        DBSubnetGroupName="netz", PubliclyAccessible=True, BackupRetentionPeriod=0, EnableIAMDatabaseAuthentication=True, DeletionProtection=True,
        EnableCloudwatchLogsExports=["postgresql", "upgrade"], CopyTagsToSnapshot=True, Tags=pairs(),
    )
    c.create_db_instance_read_replica(DBInstanceIdentifier="replica", SourceDBInstanceIdentifier="main", DBInstanceClass="db.t3.micro")
    c.create_db_cluster(
        DBClusterIdentifier="aurora", Engine="aurora-mysql", MasterUsername="root", MasterUserPassword=SECRETS["password"], DatabaseName="shop", Port=3307,
        StorageEncrypted=True, DeletionProtection=True, EnableCloudwatchLogsExports=["audit", "error"], ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4}, Tags=pairs(),
    )
    c.create_db_instance(DBInstanceIdentifier="aurora-1", DBClusterIdentifier="aurora", DBInstanceClass="db.r5.large", Engine="aurora-mysql")
    c.create_db_snapshot(DBSnapshotIdentifier="before-upgrade", DBInstanceIdentifier="main", Tags=pairs())
    c.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="before-upgrade", DBClusterIdentifier="aurora", Tags=pairs())
    c.modify_db_instance(DBInstanceIdentifier="main", MasterUserPassword=SECRETS["password"], AllocatedStorage=40)
    for i in range(instances):
        c.create_db_instance(DBInstanceIdentifier=f"db-{i}", DBInstanceClass="db.t3.micro", Engine="mysql", AllocatedStorage=5, MasterUsername="u", MasterUserPassword=SECRETS["password"])


def eks(account, region, clusters):
    c = account.client("eks", region)
    role = f"arn:aws:iam::{account.id}:role/eks"
    c.create_cluster(
        name="full", roleArn=role, version="1.31", tags=TAGS,
        resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"], "endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]},
        logging={"clusterLogging": [{"types": ["api", "audit"], "enabled": True}, {"types": ["scheduler"], "enabled": False}]},
        encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": f"arn:aws:kms:{region}:{account.id}:key/k"}}],
        kubernetesNetworkConfig={"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"},
        remoteNetworkConfig={"remoteNodeNetworks": [{"cidrs": ["10.9.0.0/16"]}], "remotePodNetworks": [{"cidrs": ["10.10.0.0/16", "10.11.0.0/16"]}]},
    )
    c.create_nodegroup(
        clusterName="full", nodegroupName="spot", subnets=["subnet-1", "subnet-2"], nodeRole=role, capacityType="SPOT", diskSize=77, amiType="AL2_x86_64",
        instanceTypes=["m5.large", "m5a.large"], scalingConfig={"minSize": 1, "maxSize": 9, "desiredSize": 3}, labels={"pool": "spöt"}, tags=TAGS,
        taints=[{"key": "spot", "value": "true", "effect": "NO_SCHEDULE"}], remoteAccess={"ec2SshKey": "ops", "sourceSecurityGroups": ["sg-1"]},
    )
    c.create_nodegroup(clusterName="full", nodegroupName="plain", subnets=["subnet-1"], nodeRole=role)
    c.create_fargate_profile(
        clusterName="full", fargateProfileName="jobs", podExecutionRoleArn=role, subnets=["subnet-1"], tags=TAGS,
        selectors=[{"namespace": "jobs", "labels": {"compute": "fargate"}}, {"namespace": "batch"}],
    )
    for i in range(clusters):
        c.create_cluster(name=f"cluster-{i}", roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]})


def ecs(account, region):
    c = account.client("ecs", region)
    tags = [{"key": k, "value": v} for k, v in TAGS.items()]
    c.create_cluster(clusterName="empty")
    cluster = c.create_cluster(
        clusterName="full", tags=tags, settings=[{"name": "containerInsights", "value": "enabled"}], capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 3, "base": 1}],
    )["cluster"]["clusterArn"]
    task = c.register_task_definition(family="web", containerDefinitions=[{"name": "web", "image": "web:1", "memory": 128}])["taskDefinition"]["taskDefinitionArn"]
    for i in range(12):  # more than DescribeServices takes
        c.create_service(
            cluster=cluster, serviceName=f"service-{i}", taskDefinition=task, desiredCount=i, tags=tags, launchType="EC2", propagateTags="SERVICE",
            deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50}, enableECSManagedTags=True,
        )
    image = account.client("ec2", region).describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    instance = account.client("ec2", region).run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    document = {"instanceId": instance, "region": region, "accountId": account.id, "architecture": "x86_64"}
    c.register_container_instance(cluster=cluster, instanceIdentityDocument=json.dumps(document))


def awslambda(account, region, functions):
    c = account.client("lambda", region)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("main.py", "def handler(event, context): return event")
    common = {"Role": f"arn:aws:iam::{account.id}:role/service/worker+role", "Code": {"ZipFile": code.getvalue()}, "Handler": "main.handler", "Runtime": "python3.13"}
    c.create_function(
        FunctionName="full", Description="Fünktion «✓»", Timeout=77, MemorySize=512, Tags=TAGS, Architectures=["arm64"],
        Environment={"Variables": {"DB_PASSWORD": SECRETS["environment"], "LOG_LEVEL": SECRETS["environment"]}},
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{region}:{account.id}:q"},
        TracingConfig={"Mode": "Active"}, EphemeralStorage={"Size": 1024}, KMSKeyArn=f"arn:aws:kms:{region}:{account.id}:key/k",
        FileSystemConfigs=[{"Arn": f"arn:aws:elasticfilesystem:{region}:{account.id}:access-point/fsap-12345678901234567", "LocalMountPath": "/mnt/a"}], **common,
    )
    c.add_permission(FunctionName="full", StatementId="s3-may", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceAccount=MANAGEMENT)
    for i in range(functions):
        c.create_function(FunctionName=f"plain-{i}", **common)


def ecr(account, region):
    c = account.client("ecr", region)
    c.create_repository(repositoryName="team/app", tags=pairs(), imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True},
                        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": f"arn:aws:kms:{region}:{account.id}:key/k"})
    c.set_repository_policy(repositoryName="team/app", policyText=policy("Ziehen", action="ecr:BatchGetImage", principal="*"))
    c.put_lifecycle_policy(repositoryName="team/app", lifecyclePolicyText=json.dumps({"rules": [{
        "rulePriority": 1, "description": "älter", "action": {"type": "expire"},
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
    }]}))
    c.create_repository(repositoryName="bare")
    c.put_image(repositoryName="bare", **image(9))  # neither tagged nor scanned
    results = []
    for i, tags in enumerate((["v1", "latest"], ["v2"])):
        for tag in tags:
            c.put_image(repositoryName="team/app", imageTag=tag, **image(i))
        digest = image(i)["imageDigest"]
        c.start_image_scan(repositoryName="team/app", imageId={"imageDigest": digest})
        results.append({"registryId": account.id, "repositoryName": "team/app", "imageId": {"imageDigest": digest}, "imageScanStatus": {"status": "COMPLETE"},
                        "imageScanFindings": basic(i) if i == 0 else enhanced(account, region, digest)})
    body = json.dumps({"account_id": account.id, "region": region, "results": results}).encode()
    urllib.request.urlopen(urllib.request.Request(URL + "/moto-api/static/ecr/scan-finding-results", body, {"Content-Type": "application/json"})).read()


def image(i):
    kind, layer = "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": kind, "size": 11 + i, "digest": "sha256:" + f"{i}" * 64},
        "layers": [{"mediaType": layer, "size": 1000 + i, "digest": "sha256:" + "b" * 64}],
    })
    return {"imageManifest": manifest, "imageDigest": "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()}


def basic(i):
    def finding(package):
        return {"name": "CVE-2026-0001", "description": "Überlauf & mehr", "uri": "https://example.com/?a=1&b=2", "severity": "HIGH",
                "attributes": [{"key": "package_name", "value": package}, {"key": "package_version", "value": "1:2.3~ü"}, {"key": "CVSS3_SCORE", "value": "9.80"}]}
    return {"imageScanCompletedAt": 1785500000 + i, "vulnerabilitySourceUpdatedAt": 1785400000, "findings": [finding("glibc"), finding("musl")],
            "findingSeverityCounts": {"HIGH": 2}}


def enhanced(account, region, digest):
    return {"imageScanCompletedAt": 1785500000.25, "enhancedFindings": [{
        "awsAccountId": account.id, "description": "Enhanced ✓", "findingArn": f"arn:aws:inspector2:{region}:{account.id}:finding/0123",
        "firstObservedAt": 1785000000, "lastObservedAt": 1785000001.123, "updatedAt": 1785000002, "score": 7.5, "severity": "MEDIUM", "status": "ACTIVE",
        "title": "CVE-2026-0002 – x", "type": "PACKAGE_VULNERABILITY", "fixAvailable": "YES", "exploitAvailable": "NO",
        "scoreDetails": {"cvss": {"score": 7.5, "scoreSource": "NVD", "version": "3.1", "scoringVector": "CVSS:3.1/AV:N", "adjustments": [{"metric": "AV", "reason": "not reachable"}]}},
        "remediation": {"recommendation": {"text": "None Provided", "url": "https://example.com"}},
        "packageVulnerabilityDetails": {
            "cvss": [{"baseScore": 7.5, "scoringVector": "CVSS:3.1", "source": "NVD", "version": "3.1"}], "referenceUrls": ["https://a", "https://b"],
            "relatedVulnerabilities": [], "source": "NVD", "sourceUrl": "https://nvd.example.com/CVE-2026-0002", "vendorSeverity": "MEDIUM", "vulnerabilityId": "CVE-2026-0002",
            "vendorCreatedAt": 1784000000, "vendorUpdatedAt": 1784000001,
            "vulnerablePackages": [{"arch": "X86_64", "epoch": 0, "filePath": "/ü", "name": "openssl", "packageManager": "OS", "release": "1", "sourceLayerHash": "sha256:1", "version": "3.0", "fixedInVersion": "3.1"}],
        },
        "resources": [{"id": f"arn:aws:ecr:{region}:{account.id}:repository/team/app/{digest}", "type": "AWS_ECR_CONTAINER_IMAGE", "tags": {"k": "v", "K": ""}, "details": {"awsEcrContainerImage": {
            "architecture": "amd64", "author": "ä", "imageHash": digest, "imageTags": ["v2"], "platform": "ALPINE", "pushedAt": 1784900000, "registry": account.id, "repositoryName": "team/app"}}}],
    }]}


def securityhub(account, region, findings):
    c = account.client("securityhub", region)
    c.enable_security_hub()
    product = f"arn:aws:securityhub:{region}:{account.id}:product/{account.id}/default"

    def finding(i, **more):
        return {
            "SchemaVersion": "2018-10-08", "Id": f"finding/{i:04}", "ProductArn": product, "GeneratorId": "scan ü", "AwsAccountId": account.id, "Region": region,
            "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"], "CreatedAt": "2026-11-01T01:02:03.456Z", "UpdatedAt": "2026-11-02T01:02:03Z",
            "Severity": {"Label": "HIGH", "Normalized": 70}, "Title": f"Fund «{i}»", "Description": "line\ntwo",
            "Resources": [{"Type": "Other", "Id": f"r-{i}"}], "RecordState": "ACTIVE", **more,
        }
    full = finding(
        9999, FirstObservedAt="2026-10-01T00:00:00.000Z", Confidence=0, Criticality=99, SourceUrl="https://example.com/?q=ü",
        Remediation={"Recommendation": {"Text": "tu's", "Url": "https://x"}}, ProductFields={"aws/k": "v", "AWS/K": "V", "empty": ""}, UserDefinedFields={"ü": "ö"},
        Compliance={"Status": "FAILED", "RelatedRequirements": ["PCI DSS 1.1"], "SecurityControlId": "S3.1"}, WorkflowState="NEW", Workflow={"Status": "NOTIFIED"},
        Note={"Text": "notiz", "UpdatedBy": "me", "UpdatedAt": "2026-11-02T01:02:03.999Z"},
        Network={"Direction": "IN", "Protocol": "tcp", "SourceIpV4": "1.2.3.4", "SourcePort": 0, "DestinationPort": 65535, "OpenPortRange": {"Begin": 1, "End": 2}},
        Vulnerabilities=[{"Id": "CVE-1", "Cvss": [{"Version": "3.1", "BaseScore": 9.8}], "VulnerablePackages": [{"Name": "p", "Version": "1"}]}],
        Resources=[
            {"Type": "AwsLambdaFunction", "Id": "arn:aws:lambda:x", "Partition": "aws", "Region": region, "Tags": TAGS,
             "Details": {"AwsLambdaFunction": {"FunctionName": "f", "Timeout": 3, "Environment": {"Variables": {"K": SECRETS["finding"]}}}}},
            {"Type": "AwsEc2Instance", "Id": "i-1", "Details": {"AwsEc2Instance": {"Type": "m5.large", "LaunchedAt": "2026-01-01T00:00:00Z", "IpV4Addresses": ["10.0.0.1"]}}},
            {"Type": "Other", "Id": "o", "Details": {"Other": {"key": SECRETS["finding"]}}},
        ],
    )
    sent = [full, *(finding(i) for i in range(findings))]
    for start in range(0, len(sent), 100):
        failed = c.batch_import_findings(Findings=sent[start:start + 100])["FailedCount"]
        assert failed == 0, f"{failed} findings were not taken"


def identitystore(users):
    account = Account(MANAGEMENT)
    store = account.client("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]
    c = account.client("identitystore")
    everyone = c.create_group(IdentityStoreId=store, DisplayName="Älle", Description="line\ntwo")["GroupId"]
    for i in range(3):
        c.create_group(IdentityStoreId=store, DisplayName=f"group {i}")
    for i in range(users):
        more = {} if i else {
            "NickName": "Niçk", "ProfileUrl": "https://example.com/ü", "UserType": "staff", "Title": "Dr.", "PreferredLanguage": "de", "Locale": "de-AT", "Timezone": "Europe/Vienna",
            "Addresses": [{"StreetAddress": "Straße 1", "Locality": "Wien", "Region": "W", "PostalCode": "01010", "Country": "AT", "Formatted": "f\ng", "Type": "work", "Primary": True}],
            "PhoneNumbers": [{"Value": "+43 1 234", "Type": "work", "Primary": False}],
        }
        name = {"Formatted": f"Zoë {i}", "GivenName": "Zoë", "FamilyName": f"O'Neil-{i}", "MiddleName": "ß", "HonorificPrefix": "Frau", "HonorificSuffix": "Jr."}
        user = c.create_user(IdentityStoreId=store, UserName=f"zoë.{i}", DisplayName=f"Zoë {i}", Name=name, Emails=[{"Value": f"zoe{i}@example.com", "Type": "work", "Primary": True}], **more)["UserId"]
        c.create_group_membership(IdentityStoreId=store, GroupId=everyone, MemberId={"UserId": user})


accounts, unit = organization()
keys = {}
for name, id in accounts.items():
    account, big = Account(id), name == "bulk"
    made = iam(account, 0 if name == "idle" else 12)
    if name == "management":
        keys = made
    if name == "idle":
        continue
    s3(account)
    for region in (HOME,) if name in ("bulk", "outside") else (HOME, SECOND):
        ec2(account, region, 1000 if big else 0)
        rds(account, region, 101 if big else 0)
        eks(account, region, 100 if big else 0)
        ecs(account, region)
        awslambda(account, region, 51 if big else 1)
        ecr(account, region)
        securityhub(account, region, 150 if big else 1)
identitystore(101)
print(json.dumps({"accounts": accounts, "unit": unit, "keys": keys}))
