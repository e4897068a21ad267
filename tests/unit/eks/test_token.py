# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens for the Kubernetes API: what is signed in them, how long they are kept, and by whom they may be read."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import eks_token

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
NOW = 1_795_000_000.0


def client(region="us-west-2", **more):
    return boto3.client("sts", region_name=region, **{name.lower(): value for name, value in KEYS.items()}, **more)


def address(token):
    assert token.startswith("k8s-aws-v1.")
    encoded = token.removeprefix("k8s-aws-v1.")
    assert not set(encoded) & set("=+/")
    return urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())


def program(*words, environment=KEYS, start=("-I", "-S")):
    command = [sys.executable, *start, eks_token.__file__, *words]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True)


def test_it_is_an_address_of_sts_that_is_signed_for_one_cluster():
    url = address(eks_token.sign(client(), "demo"))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", "sts.us-west-2.amazonaws.com", "/")
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Credential"][0].split("/")[2:] == ["us-west-2", "sts", "aws4_request"]


def test_another_cluster_has_another_signature():
    signatures = {parse_qs(address(eks_token.sign(client(), name)).query)["X-Amz-Signature"][0] for name in ("a", "b")}
    assert len(signatures) == 2


@pytest.mark.parametrize(
    ("region", "host"),
    [("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"), ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com")],
)
def test_other_partitions_have_their_own_sts(region, host):
    done = program("--cluster=demo", f"--region={region}")
    assert address(json.loads(done.stdout)["status"]["token"]).netloc == host


def test_the_endpoint_may_be_another():
    done = program(
        "--cluster=demo", "--region=us-west-2", environment={**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    )
    assert address(json.loads(done.stdout)["status"]["token"]).netloc == "127.0.0.1:4566"


# ---- The cache


def kept(path, mark="mine", left=eks_token.TOKEN_LASTS):
    answer = eks_token.credential("k8s-aws-v1.kept", NOW - eks_token.TOKEN_LASTS + left)
    eks_token.keep(str(path), mark, answer)
    return answer


def test_a_token_is_kept_as_long_as_it_has_time_left(tmp_path):
    path = tmp_path / "token"
    answer = kept(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert eks_token.cached(str(path), "mine", NOW) == answer
    assert eks_token.cached(str(path), "another", NOW) is None
    kept(path, left=eks_token.LEAST_LEFT + 2)
    assert eks_token.cached(str(path), "mine", NOW) is not None
    kept(path, left=eks_token.LEAST_LEFT - 2)
    assert eks_token.cached(str(path), "mine", NOW) is None


def test_it_is_renewed_before_a_client_takes_it_for_expired():
    """kubernetes.config takes one for expired five minutes before its end, and EKS takes it for fifteen minutes."""
    from kubernetes.config import kube_config

    assert kube_config.EXPIRY_SKEW_PREVENTION_DELAY.total_seconds() < eks_token.LEAST_LEFT < eks_token.TOKEN_LASTS < 900


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_says_nothing(tmp_path, mode):
    path = tmp_path / "token"
    kept(path)
    path.chmod(mode)
    assert eks_token.cached(str(path), "mine", NOW) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"mark": "mine"}', '{"mark": "mine", "credential": {"status": null}}']
)
def test_a_file_with_something_else_says_nothing(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    assert eks_token.cached(str(path), "mine", NOW) is None
    assert eks_token.cached(str(tmp_path / "none"), "mine", NOW) is None


def test_the_program_signs_once_and_again_when_the_token_is_old(tmp_path):
    cache = tmp_path / "token"
    words = ("--cluster=demo", "--region=us-west-2", f"--cache={cache}")
    first = json.loads(program(*words).stdout)
    assert json.loads(program(*words).stdout) == first
    old = json.loads(cache.read_text())
    old["credential"]["status"] = {
        "token": "k8s-aws-v1.old",
        "expirationTimestamp": time.strftime(eks_token.TIME, time.gmtime(time.time() + eks_token.LEAST_LEFT - 5)),
    }
    cache.write_text(json.dumps(old))
    again = json.loads(program(*words).stdout)["status"]
    assert again["token"] not in ("k8s-aws-v1.old", None)
    assert again["expirationTimestamp"] >= first["status"]["expirationTimestamp"]
    assert os.listdir(tmp_path) == ["token"]


@pytest.mark.parametrize(
    "other",
    [{"AWS_ACCESS_KEY_ID": "AKIDOTHER"}, {"AWS_SESSION_TOKEN": "s"}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}],
)
def test_others_credentials_have_another_token(tmp_path, other):
    words = ("--cluster=demo", "--region=us-west-2", f"--cache={tmp_path / 'token'}")
    tokens = {
        json.loads(program(*words, environment=given).stdout)["status"]["token"] for given in (KEYS, {**KEYS, **other})
    }
    assert len(tokens) == 2


def test_with_a_token_in_the_cache_nothing_but_the_standard_library_is_loaded(tmp_path):
    words = ("--cluster=demo", "--region=us-west-2", f"--cache={tmp_path / 'token'}")
    program(*words)
    done = program(*words, start=("-I", "-S", "-X", "importtime"))
    assert json.loads(done.stdout)["kind"] == "ExecCredential"
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & {"json", "hashlib"} == {"json", "hashlib"}
    assert not loaded & {"botocore", "boto3", "site", "urllib3", "ansible", "yaml"}


# ---- What goes wrong


def test_without_credentials_it_says_so_in_one_line(tmp_path):
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    done = program("--cluster=demo", "--region=us-west-2", environment=nowhere)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "No token for EKS cluster demo: Unable to locate credentials. Check the AWS credentials and the region.\n"
    )


@pytest.mark.parametrize("words", [(), ("demo",), ("--cluster",), ("--cluster=demo", "--colour=red")])
def test_other_arguments_are_refused(words):
    done = program(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: eks_token.py --cluster=NAME")
