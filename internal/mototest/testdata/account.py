"""Clients of the accounts that a moto server holds."""

import functools
import re
import sys

import boto3

URL = sys.argv[1]
MANAGEMENT = "123456789012"
ROLE, SESSION = "stocktake", "moto"

shared = boto3.Session()  # loads each service's model once


def without_account(request, **_):
    """Takes the account out of a host name: a numeric address has none below it."""
    request.url = re.sub(r"//\d{12}\.", "//", request.url)


class Account:
    """An account as its role sees it, or as the owner of the given keys. moto tells accounts apart by access key."""

    def __init__(self, id, keys=("base", "base")):
        self.id = id
        self.keys = dict(zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), keys))
        if id != MANAGEMENT:
            sts = Account(MANAGEMENT).client("sts")
            made = sts.assume_role(RoleArn=f"arn:aws:iam::{id}:role/{ROLE}", RoleSessionName=SESSION)["Credentials"]
            self.keys = {
                "aws_access_key_id": made["AccessKeyId"],
                "aws_secret_access_key": made["SecretAccessKey"],
                "aws_session_token": made["SessionToken"],
            }

    @functools.cache
    def client(self, service, region="us-east-1"):
        client = shared.client(service, region_name=region, endpoint_url=URL, **self.keys)
        client.meta.events.register("before-send.s3-control", without_account)
        return client
