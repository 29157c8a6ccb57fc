"""Serves moto on a free port of 127.0.0.1, prints its URL, and ends with its standard input."""

import functools
import logging
import os
import sys
import threading

import boto3
import moto.eks.utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

moto.eks.utils.Session = functools.cache(boto3.Session)  # moto makes one, of 90 ms, for each cluster
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.port}", flush=True)
sys.stdin.read()
os._exit(0)  # requests in flight are of no use to anyone now
