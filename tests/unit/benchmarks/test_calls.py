# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the recorder notes of the calls of modules, and that the floor makes the same calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from benchmarks import floor, notes
from tests.support.local_cloud.settings import CHECKOUT

# What a module's process does: load the recorder, then call AWS, here a stub of it.
MODULE = """
import sys
import benchmarks.record_calls
import boto3
from botocore.stub import Stubber

ec2 = boto3.client("ec2", "us-west-2", aws_access_key_id="1", aws_secret_access_key="x")
with Stubber(ec2) as stub:
    stub.add_response("describe_vpcs", {"Vpcs": []})
    stub.add_client_error("describe_subnets", "InvalidSubnetID.NotFound")
    ec2.describe_vpcs(VpcIds=[sys.argv[1]])
    try:
        ec2.describe_subnets(SubnetIds=["subnet-1"])
    except ec2.exceptions.ClientError as error:
        print(error.response["Error"]["Code"])
"""


def run_modules(*names: str, **variables: str) -> list[str]:
    """Side by side, as in a run."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), **variables}
    started = [
        subprocess.Popen([sys.executable, "-c", MODULE, name], env=environment, stdout=subprocess.PIPE, text=True)
        for name in names
    ]
    return [process.communicate(timeout=60)[0].strip() for process in started]


def test_calls_are_noted_with_their_errors_and_come_back_as_without_it(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"

    answers = run_modules("vpc-1", "vpc-2", BENCHMARK_CALLS=str(file))

    assert answers == ["InvalidSubnetID.NotFound"] * 2
    calls = notes.read(file)
    assert len(calls) == 4
    for name in ("vpc-1", "vpc-2"):
        params = {"VpcIds": [name]}
        assert {**EC2, "operation": "DescribeVpcs", "params": params, "error": None} in calls
    refused = {**EC2, "operation": "DescribeSubnets", "params": {"SubnetIds": ["subnet-1"]}}
    assert calls.count({**refused, "error": "InvalidSubnetID.NotFound"}) == 2


def test_without_a_file_nothing_is_noted() -> None:
    assert run_modules("vpc-1", BENCHMARK_CALLS="") == ["InvalidSubnetID.NotFound"]


EC2 = {"service": "ec2", "region": "us-west-2"}
VPCS = {**EC2, "operation": "DescribeVpcs", "params": {"VpcIds": ["vpc-1"]}, "error": None}
ROLE = {"service": "iam", "operation": "GetRole", "params": {"RoleName": "a"}, "error": "NoSuchEntity"}


@pytest.fixture
def stubs() -> dict[str, Stubber]:
    stubs = {
        service: Stubber(boto3.client(service, "us-west-2", aws_access_key_id="1", aws_secret_access_key="x"))
        for service in ("ec2", "iam")
    }
    for stub in stubs.values():
        stub.activate()
    return stubs


def replay(calls: list[dict[str, Any]], stubs: dict[str, Stubber]) -> list[str]:
    return floor.replay(calls, {(service, "us-west-2"): stub.client for service, stub in stubs.items()})


def test_the_floor_makes_the_calls_that_were_noted(stubs: dict[str, Stubber]) -> None:
    stubs["ec2"].add_response("describe_vpcs", {"Vpcs": []}, {"VpcIds": ["vpc-1"]})
    stubs["iam"].add_client_error("get_role", "NoSuchEntity", expected_params={"RoleName": "a"})

    assert replay([VPCS, ROLE], stubs) == []
    for stub in stubs.values():
        stub.assert_no_pending_responses()


def test_the_floor_tells_what_ended_otherwise(stubs: dict[str, Stubber]) -> None:
    stubs["ec2"].add_client_error("describe_vpcs", "InvalidVpcID.NotFound")
    stubs["ec2"].add_response("describe_vpcs", {"Vpcs": []})
    stubs["iam"].add_client_error("get_role", "AccessDenied")

    first, last = replay([VPCS, VPCS, ROLE], stubs)

    assert first.endswith('{"VpcIds": ["vpc-1"]}: InvalidVpcID.NotFound instead of no error')
    assert last.startswith("iam GetRole")
    assert last.endswith("AccessDenied instead of NoSuchEntity")


@pytest.mark.parametrize("expected", ["ParamValidationError", None])
def test_the_script_prints_calls_and_seconds_or_ends_with_the_differences(
    expected: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # botocore refuses this call itself, so nothing is sent; the record has that error or hasn't.
    call = {"service": "sts", "operation": "GetCallerIdentity", "params": {"Unknown": 1}, "error": expected}
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(call) + "\n")

    status = floor.main([str(file), "--endpoint", "http://127.0.0.1:1", "--account", "123456789012"])

    printed = capsys.readouterr()
    if expected:
        assert status == 0
        assert json.loads(printed.out) == {"calls": 1, "seconds": pytest.approx(0, abs=10)}
    else:
        assert status == 1
        assert "1 of 1 calls ended otherwise" in printed.err
        assert "ParamValidationError instead of no error" in printed.err
