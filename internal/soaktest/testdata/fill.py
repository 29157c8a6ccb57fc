"""Fills a moto server, whose URL is the argument, with a small organization, and prints its accounts."""

import functools
import io
import json
import sys
import urllib.request
import zipfile

import boto3

URL, MANAGEMENT = sys.argv[1], "123456789012"
REGIONS = "us-east-1", "eu-central-1"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
TAGS = [{"Key": "Name", "Value": "größer"}, {"Key": "empty", "Value": ""}]
shared = boto3.Session()


def clients(account):
    """Returns how to make clients of an account. moto tells accounts apart by access key."""
    keys = {"aws_access_key_id": "base", "aws_secret_access_key": "base"}
    if account != MANAGEMENT:
        sts = shared.client("sts", region_name=REGIONS[0], endpoint_url=URL, **keys)
        made = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/stocktake", RoleSessionName="fill")["Credentials"]
        keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"], "aws_session_token": made["SessionToken"]}
    return functools.partial(shared.client, endpoint_url=URL, **keys)


def fill_global(client, account):
    iam = client("iam", region_name=REGIONS[0])
    for name in ("stocktake", "stocktake-discovery"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    policy = iam.create_policy(PolicyName="read", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_group(GroupName="admins")
    for i in range(3):
        iam.create_user(UserName=f"user-{i}", Tags=TAGS)
        iam.add_user_to_group(GroupName="admins", UserName=f"user-{i}")
        iam.attach_user_policy(UserName=f"user-{i}", PolicyArn=policy)
        iam.create_access_key(UserName=f"user-{i}")
    s3 = client("s3", region_name=REGIONS[0])
    for i in range(3):
        bucket = f"bucket-{account}-{i}"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def fill_region(client, account, region):
    ec2 = client("ec2", region_name=region)
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
    ec2.create_volume(AvailabilityZone=region + "a", Size=7, TagSpecifications=[{"ResourceType": "volume", "Tags": TAGS}])
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=3, MaxCount=3, SubnetId=subnet)
    rds = client("rds", region_name=region)
    for i in range(2):
        rds.create_db_instance(DBInstanceIdentifier=f"db-{i}", DBInstanceClass="db.t3.micro", Engine="mysql", AllocatedStorage=5, MasterUsername="u", MasterUserPassword="password-1")
    eks = client("eks", region_name=region)
    for i in range(2):
        eks.create_cluster(name=f"cluster-{i}", roleArn=f"arn:aws:iam::{account}:role/eks", resourcesVpcConfig={"subnetIds": [subnet]})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("main.py", "")
    functions = client("lambda", region_name=region)
    for i in range(2):
        functions.create_function(FunctionName=f"f-{i}", Role=f"arn:aws:iam::{account}:role/stocktake", Code={"ZipFile": code.getvalue()}, Handler="main.h", Runtime="python3.13")
    ecr = client("ecr", region_name=region)
    for i in range(3):
        ecr.create_repository(repositoryName=f"team/app-{i}", tags=TAGS)


# The server draws the same IDs each time, so that a seed of the test repeats what it did.
urllib.request.urlopen(urllib.request.Request(URL + "/moto-api/seed?a=1", method="POST")).read()
organizations = clients(MANAGEMENT)("organizations", region_name=REGIONS[0])
organizations.create_organization(FeatureSet="ALL")
made = [organizations.create_account(AccountName=f"member {i}", Email=f"aws+{i}@example.com")["CreateAccountStatus"]["AccountId"] for i in range(3)]
for account in (MANAGEMENT, *made):
    client = clients(account)
    fill_global(client, account)
    for region in REGIONS:
        fill_region(client, account, region)
print(json.dumps({"management": MANAGEMENT, "members": made}))
