"""Fills a moto server with an organization, and prints what a configuration needs to know of it.

Everything that AWS lets people write is as odd as AWS allows; lists that moto
pages are longer than a page. Values in secrets.json must never be stored.
"""

import datetime
import base64
import hashlib
import io
import json
import pathlib
import urllib.request
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
    o.tag_resource(ResourceId=production, Tags=pairs())
    for i in range(21):  # more than a page
        o.create_organizational_unit(ParentId=production, Name=f"Team {i}")
    for kind in ("SERVICE_CONTROL_POLICY", "TAG_POLICY"):
        o.enable_policy_type(RootId=root, PolicyType=kind)
        for i in range(21):
            content = policy(f"Über {i}", action="ec2:*") if kind.startswith("S") else json.dumps({"tags": {"ü": {"tag_key": {"@@assign": "Ü"}}}})
            made = o.create_policy(Content=content, Description="line\ntwo «ö»", Name=f"{kind} «{i}»", Type=kind, Tags=pairs() if i % 2 else [])
            if i < 3:
                for target in (production, accounts["shop"]):
                    o.attach_policy(PolicyId=made["Policy"]["PolicySummary"]["Id"], TargetId=target)
    for service in ("guardduty.amazonaws.com", "config-multiaccountsetup.amazonaws.com"):
        o.register_delegated_administrator(AccountId=accounts["idle"], ServicePrincipal=service)
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
    device = c.create_virtual_mfa_device(VirtualMFADeviceName="worn+by=first", Path="/mfa/")["VirtualMFADevice"]["SerialNumber"]
    c.enable_mfa_device(UserName=first, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321")
    c.create_virtual_mfa_device(VirtualMFADeviceName="nobodys")
    c.create_account_alias(AccountAlias=f"acme-{account.id}")
    if account.id != MANAGEMENT:
        c.update_account_password_policy(MinimumPasswordLength=17, RequireSymbols=True, AllowUsersToChangePassword=True, MaxPasswordAge=33, PasswordReusePrevention=3, HardExpiry=True)
    c.create_saml_provider(Name="idp=1", SAMLMetadataDocument="<EntityDescriptor/>" + " " * 1000)
    c.create_open_id_connect_provider(Url="https://oidc.example.com/id/A1", ThumbprintList=["a1" * 20], ClientIDList=["sts.amazonaws.com", "app"], Tags=pairs(IAM_TAGS))
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


def autoscaling(account, region, groups):
    c, compute = account.client("autoscaling", region), account.client("ec2", region)
    subnet = next(s for s in compute.describe_subnets()["Subnets"] if s["CidrBlock"] == "10.7.1.0/24")["SubnetId"]
    group = next(g for g in compute.describe_security_groups()["SecurityGroups"] if g["GroupName"].startswith("web"))["GroupId"]
    c.create_launch_configuration(
        LaunchConfigurationName="alt «1»", ImageId="ami-12c6146b", InstanceType="m4.large", KeyName="plain", SecurityGroups=[group], SpotPrice="0.07",
        UserData=base64.b64decode(SECRETS["launch_script"]).decode(), IamInstanceProfile="worker", EbsOptimized=True, AssociatePublicIpAddress=True,
        InstanceMonitoring={"Enabled": True}, MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"},
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "DeleteOnTermination": False, "Encrypted": True}}],
    )
    tags = [t | {"ResourceId": "full «ü»", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": i % 2 == 0} for i, t in enumerate(pairs())]
    c.create_auto_scaling_group(
        AutoScalingGroupName="full «ü»", LaunchConfigurationName="alt «1»", MinSize=1, DesiredCapacity=2, MaxSize=3, VPCZoneIdentifier=subnet, DefaultCooldown=61,
        HealthCheckType="EC2", HealthCheckGracePeriod=77, TerminationPolicies=["OldestInstance", "Default"], NewInstancesProtectedFromScaleIn=True, CapacityRebalance=True, Tags=tags,
    )
    c.suspend_processes(AutoScalingGroupName="full «ü»", ScalingProcesses=["Launch", "Terminate"])
    c.enable_metrics_collection(AutoScalingGroupName="full «ü»", Granularity="1Minute", Metrics=["GroupMinSize"])
    template = {"LaunchTemplateName": "vorlage-1", "Version": "1"}
    c.create_auto_scaling_group(
        AutoScalingGroupName="mixed", MinSize=0, DesiredCapacity=0, MaxSize=3, VPCZoneIdentifier=subnet, MixedInstancesPolicy={
            "LaunchTemplate": {"LaunchTemplateSpecification": template, "Overrides": [{"InstanceType": "m5.large", "WeightedCapacity": "2"}]},
            "InstancesDistribution": {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 50, "SpotAllocationStrategy": "capacity-optimized"},
        },
    )
    for i in range(groups):
        c.create_auto_scaling_group(AutoScalingGroupName=f"empty-{i}", LaunchConfigurationName="alt «1»", MinSize=0, MaxSize=0, VPCZoneIdentifier=subnet)
        if i > 0:
            c.create_launch_configuration(LaunchConfigurationName=f"plain-{i}", ImageId="ami-12c6146b", InstanceType="m4.large")


def connections(c, region, vpc, subnet, group):
    def tagged(kind):
        return [{"ResourceType": kind, "Tags": pairs()}]

    internet = c.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
    c.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    c.create_internet_gateway()
    c.create_egress_only_internet_gateway(VpcId=vpc, TagSpecifications=tagged("egress-only-internet-gateway"))
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


def s3control(account):
    account.client("s3control").put_public_access_block(AccountId=account.id, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False,
    })


def efs(account, region, systems):
    c, compute = account.client("efs", region), account.client("ec2", region)
    subnet = next(s for s in compute.describe_subnets()["Subnets"] if s["CidrBlock"] == "10.7.1.0/24")["SubnetId"]
    group = next(g for g in compute.describe_security_groups()["SecurityGroups"] if g["GroupName"].startswith("web"))["GroupId"]
    full = c.create_file_system(
        CreationToken="tökën", PerformanceMode="maxIO", Encrypted=True, KmsKeyId=f"arn:aws:kms:{region}:{account.id}:key/k", ThroughputMode="provisioned",
        ProvisionedThroughputInMibps=7.5, Backup=True, Tags=pairs(),
    )["FileSystemId"]
    c.put_file_system_policy(FileSystemId=full, Policy=policy("Datei", action="elasticfilesystem:ClientMount", principal="*"))
    c.put_lifecycle_configuration(FileSystemId=full, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}])
    c.create_mount_target(FileSystemId=full, SubnetId=subnet, IpAddress="10.7.1.99", SecurityGroups=[group])
    c.create_access_point(
        ClientToken="tökën", FileSystemId=full, Tags=pairs(), PosixUser={"Uid": 0, "Gid": 4294967295, "SecondaryGids": [7, 8]},
        RootDirectory={"Path": "/größe", "CreationInfo": {"OwnerUid": 1, "OwnerGid": 2, "Permissions": "0750"}},
    )
    c.create_access_point(ClientToken="plain", FileSystemId=full)
    for i in range(systems):
        c.create_file_system(CreationToken=f"plain-{i}", **({"AvailabilityZoneName": region + "a"} if i == 0 else {}))


def fsx(account, region):
    c, key = account.client("fsx", region), f"arn:aws:kms:{region}:{account.id}:key/k"
    subnets = [s["SubnetId"] for s in account.client("ec2", region).describe_subnets()["Subnets"]]
    windows = c.create_file_system(
        FileSystemType="WINDOWS", StorageCapacity=300, StorageType="SSD", SubnetIds=[subnets[0]], KmsKeyId=key, Tags=pairs(), WindowsConfiguration={
            "ThroughputCapacity": 32, "DeploymentType": "SINGLE_AZ_2", "AutomaticBackupRetentionDays": 0, "CopyTagsToBackups": True, "PreferredSubnetId": subnets[0],
            "SelfManagedActiveDirectoryConfiguration": {
                "DomainName": "corp.example.com", "OrganizationalUnitDistinguishedName": "OU=Größe", "UserName": SECRETS["password"], "DnsIps": ["10.0.0.2"],
                "DomainJoinServiceAccountSecret": f"arn:aws:secretsmanager:{region}:{account.id}:secret:{SECRETS['environment']}",
            },
        },
    )["FileSystem"]["FileSystemId"]
    c.create_file_system(FileSystemType="ONTAP", StorageCapacity=1024, SubnetIds=subnets[:2], OntapConfiguration={
        "DeploymentType": "MULTI_AZ_1", "FsxAdminPassword": SECRETS["password"], "ThroughputCapacity": 128, "RouteTableIds": ["rtb-12345678"], "DiskIopsConfiguration": {"Mode": "AUTOMATIC"},
    })
    c.create_file_system(FileSystemType="LUSTRE", StorageCapacity=1200, SubnetIds=[subnets[0]], LustreConfiguration={"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125})
    c.create_backup(FileSystemId=windows, Tags=pairs())
    c.create_backup(FileSystemId=windows)


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
    variables = [{"name": "DB_PASSWORD", "value": SECRETS["environment"]}, {"name": "Größe", "value": SECRETS["environment"]}]
    full = c.register_task_definition(
        family="voll", networkMode="bridge", cpu="256", memory="512", requiresCompatibilities=["EC2"], taskRoleArn=f"arn:aws:iam::{account.id}:role/task",
        executionRoleArn=f"arn:aws:iam::{account.id}:role/execution", tags=tags, volumes=[{
            "name": "nfs", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}},
        }], containerDefinitions=[{
            "name": "haupt", "image": "haupt:1", "memory": 128, "essential": True, "environment": variables, "command": ["run", SECRETS["environment"]], "entryPoint": ["sh", SECRETS["environment"]],
            "environmentFiles": [{"type": "s3", "value": f"arn:aws:s3:::b/{SECRETS['environment']}.env"}], "dockerLabels": {"label": SECRETS["environment"]},
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:x:1:secret:s"}], "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
            "healthCheck": {"command": ["CMD", SECRETS["environment"]], "interval": 30, "timeout": 5, "retries": 3},
            "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": SECRETS["environment"]}, "secretOptions": [{"name": "o", "valueFrom": "arn:aws:ssm:x"}]},
        }],
    )["taskDefinition"]["taskDefinitionArn"]
    for _ in range(3):
        c.run_task(
            cluster=cluster, taskDefinition=full, launchType="FARGATE", count=10, startedBy="jemand ü", platformVersion="1.4.0", tags=tags,
            overrides={"cpu": "512", "containerOverrides": [{"name": "haupt", "command": [SECRETS["environment"]], "environment": variables}]},
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


def elbv2(account, region):
    c, network = account.client("elbv2", region), account.client("ec2", region)
    vpc = network.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.7.0.0/16"]}])["Vpcs"][0]["VpcId"]
    subnets = [s["SubnetId"] for s in network.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][:2]]
    group = network.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]["GroupId"]
    placed = [i["InstanceId"] for r in network.describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] == "running"]

    def made(name, **more):
        return c.create_load_balancer(Name=name, Subnets=subnets, **more)["LoadBalancers"][0]["LoadBalancerArn"]

    full = made("full", SecurityGroups=[group], Scheme="internal", Tags=pairs())
    c.modify_load_balancer_attributes(LoadBalancerArn=full, Attributes=[
        {"Key": "deletion_protection.enabled", "Value": "true"}, {"Key": "access_logs.s3.prefix", "Value": "für/elb"},
    ])
    made("network", Type="network")
    for i in range(21):  # more than DescribeTags takes
        made(f"plain-{i}")
    web = c.create_target_group(
        Name="web", Protocol="HTTP", Port=8080, VpcId=vpc, HealthCheckPath="/größe?a=1&b=2", HealthCheckIntervalSeconds=7, HealthCheckTimeoutSeconds=3,
        HealthyThresholdCount=2, UnhealthyThresholdCount=3, Matcher={"HttpCode": "200-299,301"}, TargetType="instance", Tags=pairs(),
    )["TargetGroups"][0]["TargetGroupArn"]
    c.register_targets(TargetGroupArn=web, Targets=[{"Id": placed[0], "Port": 81}])
    addresses = c.create_target_group(Name="addresses", Protocol="TCP", Port=53, VpcId=vpc, TargetType="ip")["TargetGroups"][0]["TargetGroupArn"]
    c.register_targets(TargetGroupArn=addresses, Targets=[{"Id": "192.0.2.1", "Port": 53, "AvailabilityZone": "all"}])
    certificate = account.client("acm", region).list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
    c.create_listener(
        LoadBalancerArn=full, Protocol="HTTPS", Port=443, SslPolicy="ELBSecurityPolicy-2016-08", Certificates=[{"CertificateArn": certificate}], Tags=pairs(),
        DefaultActions=[
            {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
                "Issuer": "https://id.example.com/é", "AuthorizationEndpoint": "https://id.example.com/a", "TokenEndpoint": "https://id.example.com/t",
                "UserInfoEndpoint": "https://id.example.com/u", "ClientId": "client", "ClientSecret": SECRETS["oidc"],
            }},
            {"Type": "forward", "Order": 2, "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": web, "Weight": 3}, {"TargetGroupArn": addresses, "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
            }},
        ],
    )
    c.create_listener(LoadBalancerArn=full, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301", "Path": "/#{path}", "Query": "a=ü"}},
    ])
    c.create_listener(LoadBalancerArn=full, Protocol="HTTP", Port=81, DefaultActions=[
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nicht da: ü & <b>"}},
    ])


def elb(account, region):
    c = account.client("elb", region)
    plain = {"Protocol": "tcp", "LoadBalancerPort": 25, "InstanceProtocol": "tcp", "InstancePort": 25}
    c.create_load_balancer(LoadBalancerName="bare", Listeners=[plain], AvailabilityZones=[region + "a"])
    c.create_load_balancer(LoadBalancerName="full", Listeners=[plain, plain | {"LoadBalancerPort": 26}], AvailabilityZones=[region + "a", region + "b"], Tags=pairs())
    c.configure_health_check(LoadBalancerName="full", HealthCheck={"Target": "HTTP:80/ü", "Interval": 9, "Timeout": 4, "UnhealthyThreshold": 2, "HealthyThreshold": 3})
    c.create_lb_cookie_stickiness_policy(LoadBalancerName="full", PolicyName="sticky", CookieExpirationPeriod=60)
    c.create_app_cookie_stickiness_policy(LoadBalancerName="full", PolicyName="own", CookieName="größe")
    c.modify_load_balancer_attributes(LoadBalancerName="full", LoadBalancerAttributes={
        "CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionDraining": {"Enabled": True, "Timeout": 60}, "ConnectionSettings": {"IdleTimeout": 30},
        "AccessLog": {"Enabled": True, "S3BucketName": f"b-{account.id}-bare", "EmitInterval": 5, "S3BucketPrefix": "log/ü"},
        "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "strictest"}],  # else moto has it once for each of the others
    })
    placed = [i["InstanceId"] for r in account.client("ec2", region).describe_instances()["Reservations"] for i in r["Instances"]][:2]
    c.register_instances_with_load_balancer(LoadBalancerName="full", Instances=[{"InstanceId": i} for i in placed])


def route53(account, records):
    c = account.client("route53")
    public = c.create_hosted_zone(Name="größe.example.com".encode("idna").decode(), CallerReference="öffentlich", HostedZoneConfig={"Comment": "Zone «1» & <2>"})["HostedZone"]
    vpc = account.client("ec2", HOME).describe_vpcs()["Vpcs"][0]["VpcId"]
    c.create_hosted_zone(Name="intern.example.", CallerReference="2", VPC={"VPCRegion": HOME, "VPCId": vpc}, HostedZoneConfig={"PrivateZone": True, "Comment": ""})
    for i in range(9):  # more than ListTagsForResources takes, with those above
        c.create_hosted_zone(Name=f"zone-{i}.example.net", CallerReference=f"n-{i}")
    own, name = public["Id"].removeprefix("/hostedzone/"), public["Name"]
    c.change_tags_for_resource(ResourceType="hostedzone", ResourceId=own, AddTags=pairs())
    account.client("logs", HOME).create_log_group(logGroupName="/aws/route53/a")
    c.create_query_logging_config(HostedZoneId=own, CloudWatchLogsLogGroupArn=f"arn:aws:logs:{HOME}:{account.id}:log-group:/aws/route53/a:*")
    sets = [
        {"Name": name, "Type": "TXT", "TTL": 1, "ResourceRecords": [{"Value": '"v=spf1 -all"'}, {"Value": '"quote \\" and \\195\\188"'}]},
        {"Name": "*." + name, "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": "www." + name}]},
        {"Name": "alias." + name, "Type": "A", "AliasTarget": {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d111.cloudfront.net.", "EvaluateTargetHealth": True}},
        {"Name": "geo." + name, "Type": "A", "TTL": 5, "SetIdentifier": "dé", "GeoLocation": {"CountryCode": "DE"}, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        {"Name": "region." + name, "Type": "A", "TTL": 5, "SetIdentifier": "r", "Region": SECOND, "ResourceRecords": [{"Value": "192.0.2.2"}]},
        *({"Name": "weight." + name, "Type": "A", "TTL": 0, "SetIdentifier": f"w{i}", "Weight": i, "ResourceRecords": [{"Value": f"192.0.2.{i}"}]} for i in range(2)),
        *({"Name": f"r{i}." + name, "Type": "AAAA", "TTL": 60, "ResourceRecords": [{"Value": f"2001:db8::{i:x}"}]} for i in range(records)),
    ]
    c.change_resource_record_sets(HostedZoneId=own, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": s} for s in sets]})


def cloudfront(account):
    c = account.client("cloudfront")

    def configuration(reference, **more):
        return {
            "CallerReference": reference, "Comment": "Größe & mehr", "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{
                "Id": "first", "DomainName": f"b-{account.id}-bare.s3.amazonaws.com", "OriginPath": "/ü", "S3OriginConfig": {"OriginAccessIdentity": ""},
                "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Verify", "HeaderValue": SECRETS["header"]}]},
            }]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "first", "ViewerProtocolPolicy": "redirect-to-https", "MinTTL": 7, "Compress": True,
                "ForwardedValues": {"QueryString": True, "Cookies": {"Forward": "whitelist", "WhitelistedNames": {"Quantity": 1, "Items": ["a"]}}, "Headers": {"Quantity": 1, "Items": ["Host"]}},
            },
        } | more

    c.create_distribution_with_tags(DistributionConfigWithTags={"Tags": {"Items": pairs()}, "DistributionConfig": configuration(
        "1", Aliases={"Quantity": 2, "Items": ["a.example.com", "b.example.com"]}, DefaultRootObject="index ü.html", PriceClass="PriceClass_100", HttpVersion="http3", IsIPV6Enabled=True,
        Logging={"Enabled": True, "IncludeCookies": True, "Bucket": f"b-{account.id}-bare.s3.amazonaws.com", "Prefix": "p/ü"},
        ViewerCertificate={"CloudFrontDefaultCertificate": False, "ACMCertificateArn": f"arn:aws:acm:{HOME}:{account.id}:certificate/1", "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"},
    )})
    c.create_distribution(DistributionConfig=configuration("2", Enabled=False))


def acm(account, region):
    c = account.client("acm", region)
    c.request_certificate(
        DomainName="*.example.com", SubjectAlternativeNames=["example.com", "www.example.org"], ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1", Tags=pairs(),
        Options={"CertificateTransparencyLoggingPreference": "DISABLED"},
    )
    c.request_certificate(DomainName="mail.example.com", ValidationMethod="EMAIL")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Größe & Söhne"), x509.NameAttribute(x509.NameOID.COMMON_NAME, "partners.example.com")])
    begin = datetime.datetime(2025, 1, 2)
    signed = x509.CertificateBuilder(name, name, key.public_key(), 77, begin, begin + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())
    c.import_certificate(
        Certificate=signed.public_bytes(serialization.Encoding.PEM),
        PrivateKey=key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def config(account, region):
    c = account.client("config", region)
    c.put_configuration_recorder(ConfigurationRecorder={
        "name": "rekorder ü", "roleARN": f"arn:aws:iam::{account.id}:role/config",
        "recordingGroup": {"allSupported": False, "includeGlobalResourceTypes": False, "resourceTypes": ["AWS::EC2::Volume", "AWS::EC2::VPC"]},
    })
    c.put_delivery_channel(DeliveryChannel={
        "name": "kanal", "s3BucketName": f"b-{account.id}-bare", "s3KeyPrefix": "pre fix", "configSnapshotDeliveryProperties": {"deliveryFrequency": "Three_Hours"},
    })
    c.start_configuration_recorder(ConfigurationRecorderName="rekorder ü")
    for i in range(30):  # more than a page
        more = {"InputParameters": json.dumps({"kmsId": f"ü+{i}"}), "Description": "größer & mehr"} if i % 2 else {"Scope": {"TagKey": "k", "TagValue": "ö"}}
        c.put_config_rule(
            ConfigRule={"ConfigRuleName": f"volumes-{i}", "Source": {"Owner": "AWS", "SourceIdentifier": "ENCRYPTED_VOLUMES"}, **more},
            Tags=pairs() if i == 1 else [],
        )
    c.put_configuration_aggregator(
        ConfigurationAggregatorName="some", AccountAggregationSources=[{"AccountIds": [MANAGEMENT, OUTSIDE], "AwsRegions": [HOME, SECOND]}], Tags=pairs(),
    )
    c.put_configuration_aggregator(
        ConfigurationAggregatorName="every", OrganizationAggregationSource={"RoleArn": f"arn:aws:iam::{account.id}:role/aggregate", "AllAwsRegions": True},
    )


def inspector2(account, region):
    """Enables Inspector and queues its findings, once for each of the two that will ask."""
    c = account.client("inspector2", region)
    c.enable(accountIds=[account.id], resourceTypes=["EC2", "LAMBDA"])

    def finding(i, **more):
        return {
            "awsAccountId": account.id, "findingArn": f"arn:aws:inspector2:{region}:{account.id}:finding/{i:032}", "description": "Überlauf & mehr\nzwei",
            "firstObservedAt": 1785000000, "lastObservedAt": 1785000001.123, "updatedAt": 1785000002, "severity": "HIGH", "status": "ACTIVE", "title": f"Fund «{i}»",
            "remediation": {"recommendation": {"text": "tu's", "url": "https://example.com/?a=1&b=ü"}}, **more,
        }
    package = finding(
        1, type="PACKAGE_VULNERABILITY", epss={"score": 0.125}, exploitAvailable="YES", fixAvailable="PARTIAL", inspectorScore=7.5,
        exploitabilityDetails={"lastKnownExploitAt": 1784000000},
        inspectorScoreDetails={"adjustedCvss": {"score": 7.5, "scoreSource": "NVD", "cvssSource": "NVD", "scoringVector": "CVSS:3.1/AV:N", "version": "3.1",
                                                "adjustments": [{"metric": "AV", "reason": "not reachable"}]}},
        packageVulnerabilityDetails={
            "cvss": [{"baseScore": 0, "scoringVector": "CVSS:3.1", "source": "NVD", "version": "3.1"}], "referenceUrls": ["https://a", "https://b"], "relatedVulnerabilities": [],
            "source": "NVD", "sourceUrl": "https://nvd.example.com", "vendorCreatedAt": 1784000000, "vendorSeverity": "MEDIUM", "vendorUpdatedAt": 1784000001, "vulnerabilityId": "CVE-2026-0002",
            "vulnerablePackages": [{"arch": "X86_64", "epoch": 1, "filePath": "/ü", "fixedInVersion": "3.1", "name": "openssl", "packageManager": "OS", "release": "1", "version": "3.0"}],
        },
        resources=[
            {"id": "i-1", "type": "AWS_EC2_INSTANCE", "partition": "aws", "region": region, "tags": TAGS, "details": {"awsEc2Instance": {
                "ipV4Addresses": ["10.0.0.1"], "ipV6Addresses": [], "keyName": "schlüssel", "launchedAt": 1784900000, "platform": "AMAZON_LINUX_2", "type": "m5.large"}}},
            {"id": "arn:image", "type": "AWS_ECR_CONTAINER_IMAGE", "details": {"awsEcrContainerImage": {
                "author": "ä", "imageHash": "sha256:1", "imageTags": ["v2"], "inUseCount": 0, "registry": account.id, "repositoryName": "team/app"}}},
        ])
    network = finding(
        2, type="NETWORK_REACHABILITY", status="SUPPRESSED", resources=[{"id": "i-2", "type": "AWS_EC2_INSTANCE"}],
        networkReachabilityDetails={"networkPath": {"steps": [{"componentId": "igw-1", "componentType": "AWS::EC2::InternetGateway"}]}, "openPortRange": {"begin": 0, "end": 65535}, "protocol": "TCP"})
    code = finding(
        3, type="CODE_VULNERABILITY", status="CLOSED", resources=[{"id": "arn:function", "type": "AWS_LAMBDA_FUNCTION", "details": {"awsLambdaFunction": {
            "codeSha256": "x", "executionRoleArn": "arn:role", "functionName": "f", "runtime": "PYTHON_3_9", "version": "$LATEST", "packageType": "ZIP", "layers": ["l"],
            "vpcConfig": {"securityGroupIds": ["sg-1"], "subnetIds": ["subnet-1"], "vpcId": "vpc-1"}}}}],
        codeVulnerabilityDetails={"cwes": ["CWE-1"], "detectorId": "d", "detectorName": "n", "detectorTags": ["t"], "ruleId": "r", "referenceUrls": ["https://a"],
                                  "filePath": {"startLine": 1, "endLine": 2, "fileName": SECRETS["finding"], "filePath": SECRETS["finding"] + "/a.py"}})
    body = json.dumps({"account_id": account.id, "region": region, "results": [[package, network, code]] * 2}).encode()
    urllib.request.urlopen(urllib.request.Request(URL + "/moto-api/static/inspector2/findings-results", body, {"Content-Type": "application/json"})).read()


def guardduty(account, region):
    account.client("guardduty", region).create_detector(
        Enable=True, FindingPublishingFrequency="ONE_HOUR", Tags=TAGS, DataSources={"S3Logs": {"Enable": True}, "Kubernetes": {"AuditLogs": {"Enable": True}}},
        Features=[{"Name": "RDS_LOGIN_EVENTS", "Status": "ENABLED"}],
    )


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


def ssoadmin():
    c = Account(MANAGEMENT).client("sso-admin")
    instance = {"InstanceArn": c.list_instances()["Instances"][0]["InstanceArn"]}
    c.update_instance(Name="Tür", **instance)
    for i in range(3):
        more = {"Description": "line\ntwo «ö»", "RelayState": "https://example.com/?q=ü"} if i == 0 else {}
        of = instance | {"PermissionSetArn": c.create_permission_set(Name=f"set-{i}", SessionDuration="PT4H", **more, **instance)["PermissionSet"]["PermissionSetArn"]}
        if i > 1:
            continue
        c.put_inline_policy_to_permission_set(InlinePolicy=policy("Größe"), **of)
        for name in ("AdministratorAccess", "ReadOnlyAccess"):
            c.attach_managed_policy_to_permission_set(ManagedPolicyArn=f"arn:aws:iam::aws:policy/{name}", **of)
        c.attach_customer_managed_policy_reference_to_permission_set(CustomerManagedPolicyReference={"Name": "own+policy", "Path": "/a/b/"}, **of)
        for n in range(101 if i == 0 else 1):
            c.create_account_assignment(
                TargetId=MANAGEMENT, TargetType="AWS_ACCOUNT", PrincipalType="GROUP" if n % 2 else "USER", PrincipalId=f"00000000-0000-4000-8000-{n:012}", **of
            )
        c.provision_permission_set(TargetType="ALL_PROVISIONED_ACCOUNTS", **of)


def cognito(account, region, users):
    c = account.client("cognito-idp", region)
    function = f"arn:aws:lambda:{region}:{account.id}:function:full"
    pool = c.create_user_pool(
        PoolName="Käufer +1", MfaConfiguration="OPTIONAL", DeletionProtection="ACTIVE", UserPoolTags=TAGS, AutoVerifiedAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False}, LambdaConfig={"PreSignUp": function, "CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": function}, "KMSKeyID": f"arn:aws:kms:{region}:{account.id}:key/k"},
        Policies={"PasswordPolicy": {"MinimumLength": 11, "RequireLowercase": True, "RequireUppercase": False, "RequireNumbers": True, "RequireSymbols": False, "TemporaryPasswordValidityDays": 3}},
        Schema=[
            {"Name": "email", "AttributeDataType": "String", "Required": True, "Mutable": True, "StringAttributeConstraints": {"MinLength": "3", "MaxLength": "99"}},
            {"Name": "plan", "AttributeDataType": "String", "Mutable": True},
        ],
        AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]}, UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"},
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True, "InviteMessageTemplate": {"EmailSubject": "Grüße", "EmailMessage": "{username} {####}"}},
        EmailConfiguration={"EmailSendingAccount": "DEVELOPER", "SourceArn": f"arn:aws:ses:{region}:{account.id}:identity/x", "ReplyToEmailAddress": "shop@example.com"},
        SmsConfiguration={"SnsCallerArn": f"arn:aws:iam::{account.id}:role/sms", "ExternalId": "sms"},
        VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Code «{####}»"},
    )["UserPool"]["Id"]
    c.create_user_pool(PoolName="leer")
    for i in range(users):
        attributes = {"email": f"kaeufer{i}@example.com", "email_verified": "true", "name": f"Käufer Ö'{i}"} if i % 2 else {"phone_number": "+4312345"}
        attributes["custom:plan"] = SECRETS["attribute"]
        c.admin_create_user(UserPoolId=pool, Username=f"käufer-{i}", UserAttributes=pairs(attributes, "Name"))
    c.admin_disable_user(UserPoolId=pool, Username="käufer-0")


def connect(account, region, instances):
    c = account.client("connect", region)
    for i in range(instances):
        c.create_instance(IdentityManagementType="SAML", InboundCallsEnabled=i % 2 == 0, OutboundCallsEnabled=True, InstanceAlias=f"hotline-{account.id}-{region}-{i}", Tags=TAGS)


def directories(account, region):
    e, c = account.client("ec2", region), account.client("ds", region)
    vpc = e.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnets = [e.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{i}.0/24", AvailabilityZone=region + zone)["Subnet"]["SubnetId"] for i, zone in enumerate("ab")]
    place = {"VpcId": vpc, "SubnetIds": subnets}
    simple = c.create_directory(
        Name="corp.example.com", ShortName="CORP", Password=SECRETS["password"], Description="people: 1/2", Size="Small", VpcSettings=place, Tags=pairs({"k": "ü", "K": ""}),
    )["DirectoryId"]
    c.enable_radius(DirectoryId=simple, RadiusSettings={
        "RadiusServers": ["10.77.0.9", "10.77.1.9"], "RadiusPort": 1812, "RadiusTimeout": 7, "RadiusRetries": 3, "SharedSecret": SECRETS["radius"],
        "AuthenticationProtocol": "MS-CHAPv2", "DisplayLabel": "second", "UseSameUsername": True,
    })
    c.create_microsoft_ad(Name="ad.example.com", Password=SECRETS["password"], VpcSettings=dict(place), Edition="Standard")
    c.connect_directory(
        Name="on.example.com", Password=SECRETS["password"], Size="Large", ConnectSettings={**place, "CustomerDnsIps": ["10.1.1.1"], "CustomerUserName": "connector"},
    )


def kms(account, region):
    c = account.client("kms", region)
    key = c.create_key(Description="Schlüssel «1»", MultiRegion=True, Tags=pairs(key="TagKey", value="TagValue"))["KeyMetadata"]["KeyId"]
    c.enable_key_rotation(KeyId=key)
    for name in ("alias/team/app_1", "alias/a-b"):
        c.create_alias(AliasName=name, TargetKeyId=key)
    c.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    c.schedule_key_deletion(KeyId=c.create_key()["KeyMetadata"]["KeyId"], PendingWindowInDays=7)


def secretsmanager(account, region, secrets):
    c = account.client("secretsmanager", region)
    c.create_secret(Name="team/app+x=@y", Description="Geheim «ü»", SecretString=SECRETS["password"], KmsKeyId="alias/ä", Tags=pairs())
    c.put_resource_policy(SecretId="team/app+x=@y", ResourcePolicy=policy("Größe", action="secretsmanager:DescribeSecret", principal="*"))
    c.create_secret(Name="doomed", SecretString=SECRETS["password"])
    c.delete_secret(SecretId="doomed", RecoveryWindowInDays=8)
    for i in range(secrets):
        c.create_secret(Name=f"secret-{i}", SecretString=SECRETS["password"])


def sns(account, region, topics):
    c = account.client("sns", region)
    topic = c.create_topic(Name="alerts_1", Tags=pairs(), Attributes={"DisplayName": "Größe «1»", "KmsMasterKeyId": "alias/ä"})["TopicArn"]
    c.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy("Über", action="SNS:Publish", resource=topic, principal="*"))
    c.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}))
    c.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{region}:{account.id}:jobs")
    c.create_topic(Name="orders.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})
    for i in range(topics):
        c.create_topic(Name=f"topic-{i}")


def sqs(account, region):
    c = account.client("sqs", region)
    c.create_queue(QueueName="jobs-failed")
    dead = f"arn:aws:sqs:{region}:{account.id}:jobs-failed"
    c.create_queue(QueueName="jobs", tags=TAGS, Attributes={
        "VisibilityTimeout": "77", "DelaySeconds": "5", "MessageRetentionPeriod": "86400", "ReceiveMessageWaitTimeSeconds": "20", "MaximumMessageSize": "2048",
        "Policy": policy("Größe", action="sqs:SendMessage", principal="*"), "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3}),
        "KmsMasterKeyId": "alias/ä", "KmsDataKeyReusePeriodSeconds": "600",
    })
    c.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})


def dynamodb(account, region):
    c = account.client("dynamodb", region)

    def keys(*names):
        return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]

    c.create_table(
        TableName="full", Tags=pairs(), KeySchema=keys("id", "größe"), AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("id", "größe", "other")],
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 2}, DeletionProtectionEnabled=True,
        GlobalSecondaryIndexes=[{"IndexName": "by-other", "KeySchema": keys("other"), "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
                                 "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}],
        LocalSecondaryIndexes=[{"IndexName": "local", "KeySchema": keys("id", "other"), "Projection": {"ProjectionType": "ALL"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": f"arn:aws:kms:{region}:{account.id}:key/k"},
    )
    c.update_continuous_backups(TableName="full", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    c.update_time_to_live(TableName="full", TimeToLiveSpecification={"Enabled": True, "AttributeName": "bis"})
    c.create_table(TableName="plain", KeySchema=keys("id"), AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}], BillingMode="PAY_PER_REQUEST")


def backup(account, region):
    c = account.client("backup", region)
    c.create_backup_vault(BackupVaultName="tresor-1", BackupVaultTags=TAGS, EncryptionKeyArn=f"arn:aws:kms:{region}:{account.id}:key/k", CreatorRequestId="ü")
    c.put_backup_vault_lock_configuration(BackupVaultName="tresor-1", MinRetentionDays=7, MaxRetentionDays=70, ChangeableForDays=5)
    c.create_backup_vault(BackupVaultName="plain")


def cloudtrail(account, region):
    c = account.client("cloudtrail", region)
    name, bucket = f"spur-{region}", f"b-{account.id}-bare"
    c.create_trail(
        Name=name, S3BucketName=bucket, S3KeyPrefix="pre fix/ü", SnsTopicName="alerts_1", IsMultiRegionTrail=True, IncludeGlobalServiceEvents=True, EnableLogFileValidation=True,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{region}:{account.id}:log-group:spur:*", CloudWatchLogsRoleArn=f"arn:aws:iam::{account.id}:role/trail",
        KmsKeyId=f"arn:aws:kms:{region}:{account.id}:key/k", TagsList=pairs({k: v for k, v in TAGS.items() if v}),
    )
    c.start_logging(Name=name)
    c.put_event_selectors(TrailName=name, EventSelectors=[{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "ExcludeManagementEventSources": ["kms.amazonaws.com"],
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/ü"]}],
    }])
    c.create_trail(Name=f"single-{region}", S3BucketName=bucket)
    c.put_event_selectors(TrailName=f"single-{region}", AdvancedEventSelectors=[{"Name": "größer", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}])


# moto has tasks stop by being looked at.
transition = json.dumps({"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1000000}}).encode()
urllib.request.urlopen(urllib.request.Request(URL + "/moto-api/state-manager/set-transition", transition, {"Content-Type": "application/json"})).read()
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
    s3control(account)
    cloudfront(account)
    for region in (HOME,) if name in ("bulk", "outside") else (HOME, SECOND):
        ec2(account, region, 1000 if big else 0)
        autoscaling(account, region, 100 if big else 2)
        efs(account, region, 100 if big else 2)
        fsx(account, region)
        rds(account, region, 101 if big else 0)
        eks(account, region, 100 if big else 0)
        ecs(account, region)
        awslambda(account, region, 51 if big else 1)
        ecr(account, region)
        acm(account, region)
        elbv2(account, region)
        elb(account, region)
        config(account, region)
        securityhub(account, region, 150 if big else 1)
        inspector2(account, region)
        guardduty(account, region)
        kms(account, region)
        secretsmanager(account, region, 101 if big else 0)
        sns(account, region, 101 if big else 0)
        sqs(account, region)
        dynamodb(account, region)
        backup(account, region)
        cloudtrail(account, region)
        cognito(account, region, 70 if big else 2)
        connect(account, region, 11 if big else 1)
        directories(account, region)
    route53(account, 301 if big else 1)
identitystore(101)
ssoadmin()
print(json.dumps({"accounts": accounts, "unit": unit, "keys": keys}))
