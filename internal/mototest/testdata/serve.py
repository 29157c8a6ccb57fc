"""Serves moto on a free port of 127.0.0.1, prints its URL, and ends with its standard input."""

import functools
import logging
import os
import sys
import threading

import boto3
import moto.backup.responses
import moto.connect.models
import moto.core.exceptions
import moto.core.responses
import moto.eks.utils
import moto.iam.access_control
import moto.iam.responses
import moto.organizations.models
import moto.settings
import moto.sqs.models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

moto.eks.utils.Session = functools.cache(boto3.Session)  # moto makes one, of 90 ms, for each cluster
# AWS knows more types of policies than moto, and tells members nothing of the tree.
moto.organizations.models.FakePolicy.supported_policy_type = staticmethod(lambda kind: True)
moto.organizations.models.OrganizationsBackend.list_roots = lambda b: {"Roots": [u.describe() for u in b.ou if u.type == "ROOT"]}
moto.settings.ACM_VALIDATION_WAIT = float("inf")  # or certificates are issued between two readers
# AWS tells in whole seconds when a queue was made.
unix_time = moto.sqs.models.unix_time
moto.sqs.models.unix_time = lambda *at: int(unix_time(*at))
# It looks for the ARN before a slash that boto3 ends the path with, and other clients do not.
list_tags = moto.backup.responses.BackupResponse.list_tags


def backup_tags(response):
    response.path = response.path.rstrip("/") + "/"
    return list_tags(response)


moto.backup.responses.BackupResponse.list_tags = backup_tags
# AWS tells as a number when an instance was made.
instance_summary = moto.connect.models.Instance.to_summary_dict
moto.connect.models.Instance.to_summary_dict = lambda i: instance_summary(i) | {"CreatedTime": int(i.created_time.timestamp())}
# AWS tells tags of instance profiles, and of MFA devices, which have none in moto, by calls of their own.
IAM = moto.iam.responses.IamResponse
IAM.list_instance_profile_tags = lambda r: moto.iam.responses.ActionResult({"Tags": r.backend.get_instance_profile(r._get_param("InstanceProfileName")).tags})
IAM.list_mfa_device_tags = lambda r: moto.iam.responses.ActionResult({"Tags": []})
# It takes the headers of a request without a body for one, and finds the signature wrong.
request_of = moto.iam.access_control.IAMRequestBase._create_aws_request


def signed_request(request):
    if request._method == "GET":
        request._data = {}
    return request_of(request)


moto.iam.access_control.IAMRequestBase._create_aws_request = signed_request
# AWS refuses in the form of the service's protocol, moto in one of its own.
Response = moto.core.responses.BaseResponse
authorize, call_action = Response._authenticate_and_authorize_normal_action, Response.call_action


class Refusal(moto.core.exceptions.ServiceException):
    """A refusal that moto puts into the form of the service it was asked of."""


def authorize_or_refuse(response, resource="*"):
    try:
        authorize(response, resource)
    except moto.core.exceptions.AccessDeniedError as e:
        raise Refusal(e.error_type, e.message) from e


def call_or_refuse(response):
    try:
        return call_action(response)
    except Refusal as e:
        return response.serialized(moto.core.responses.ActionResult(e))


Response._authenticate_and_authorize_normal_action, Response.call_action = authorize_or_refuse, call_or_refuse
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.port}", flush=True)
sys.stdin.read()
os._exit(0)  # requests in flight are of no use to anyone now
