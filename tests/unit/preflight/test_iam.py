# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the path and the permissions boundary of all roles."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.iam import (
    iam_faults,
    path_faults,
    reader_faults,
)
from tests.unit.platform_info.fake_aws import everything

from .declared import SHARED_ROLE, facts, facts_of, values

RIGHT = {
    "platform_prefix": "agent-platform-dev",
    "platform_account_id": "123456789012",
    "platform_region": "us-west-2",
    "platform_iam_path": "/",
    "platform_permissions_boundary": "",
}


def lines(**change):
    return [str(item) for item in iam_faults(values(SHARED_ROLE, **{**RIGHT, **change}))]


@pytest.mark.parametrize("path", ["/", "/teams/", "/teams/agents/", "/a+=,.@_-1/", f"/{'a' * 510}/"])
def test_right_paths(path):
    assert lines(platform_iam_path=path) == []


@pytest.mark.parametrize("path", ["", "teams/", "/teams", "//", "/a b/", "/*/", "/ä/", f"/{'a' * 511}/"])
def test_wrong_paths(path):
    (line,) = lines(platform_iam_path=path)
    assert "is not the path of a role" in line


@pytest.mark.parametrize("path", ["/aws-reserved/x/", "/aws-service-role/"])
def test_paths_of_aws(path):
    (line,) = lines(platform_iam_path=path)
    assert line.endswith("is a path that AWS keeps for roles of its own")


@pytest.mark.parametrize(
    ("boundary", "change"),
    [
        ("arn:aws:iam::123456789012:policy/boundary", {}),
        ("arn:aws:iam::123456789012:policy/teams/agents/boundary", {}),
        ("arn:aws:iam::aws:policy/PowerUserAccess", {}),
        ("arn:aws-cn:iam::aws:policy/PowerUserAccess", {"platform_region": "cn-north-1"}),
        ("arn:aws-us-gov:iam::aws:policy/PowerUserAccess", {"platform_region": "us-gov-west-1"}),
        # A region that nobody has heard of says nothing of its partition.
        ("arn:aws:iam::aws:policy/PowerUserAccess", {"platform_region": "moon-base-1"}),
    ],
)
def test_right_boundaries(boundary, change):
    assert lines(platform_permissions_boundary=boundary, **change) == []


@pytest.mark.parametrize(
    ("boundary", "wrong"),
    [
        ("boundary", "is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/name"),
        ("arn:aws:iam::123456789012:role/boundary", "is not the ARN of a managed policy"),
        ("arn:aws:iam::210987654321:policy/b", "is a policy of another account; a boundary is one of AWS or of 1234"),
        (
            "arn:aws-cn:iam::123456789012:policy/b",
            "is of another partition than platform_region, whose ARNs begin arn:",
        ),
    ],
)
def test_wrong_boundaries(boundary, wrong):
    (line,) = lines(platform_permissions_boundary=boundary)
    assert line.startswith(f"platform_permissions_boundary: '{boundary}' ")
    assert wrong in line


def test_missing_values_are_the_schemas_business():
    assert list(iam_faults(values(SHARED_ROLE))) == []
    assert list(path_faults(values(SHARED_ROLE), facts())) == []


def moved(path, **facts):
    return [str(item) for item in path_faults(values(SHARED_ROLE, **{**RIGHT, "platform_iam_path": path}), facts)]


ROLE = "arn:aws:iam::123456789012:role"
FACTS = {
    "eks": {
        "cluster_role_arn": f"{ROLE}/agent-platform-dev-eks-cluster",
        "node_role_arn": None,
        "addons": {"vpc-cni": {"service_account_role_arn": f"{ROLE}/agent-platform-dev-vpc-cni"}},
        # Others' roles have paths of their own.
        "access_entries": [f"{ROLE}/people/agent-platform-dev-admins"],
    },
    "bastion_instance": {
        "role_arn": f"{ROLE}/agent-platform-dev-bastion",
        "instance_profile_arn": "arn:aws:iam::123456789012:instance-profile/agent-platform-dev-bastion",
    },
    "workload_identity": {"roles": {"agent": f"{ROLE}/agent-platform-dev-agent", "gone": None}},
    "other": {"role_arn": f"{ROLE}/people/someone"},
}


def test_what_exists_under_the_path_is_right():
    assert moved("/", **FACTS) == []
    assert moved("/teams/", eks={"node_role_arn": f"{ROLE}/teams/agent-platform-dev-eks-nodes"}) == []


def test_a_path_of_roles_that_exist_can_not_change():
    (line,) = moved("/teams/", **FACTS)
    assert line == (
        "platform_iam_path: '/teams/' is not the path of agent-platform-dev-agent, agent-platform-dev-bastion,"
        " agent-platform-dev-eks-cluster, agent-platform-dev-vpc-cni, which is /: IAM can't move a role. Go back to /,"
        " or tear the platform down and build it anew"
    )


def test_facts_of_discovery_name_the_roles():
    (line,) = moved("/teams/", **facts_of(everything()))
    for thing in ("eks-cluster", "eks-nodes", "bastion", "agent"):
        assert f"agent-platform-dev-{thing}" in line


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/operators",
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Operators_*",
        "arn:aws:iam::210987654321:user/jo",
        "arn:aws:iam::123456789012:root",
    ],
)
def test_right_readers_of_secrets(arn):
    assert lines(platform_secret_readers=[arn]) == []


@pytest.mark.parametrize(
    ("arn", "rule"),
    [
        ("operators", "is not the ARN of an IAM role or user"),
        ("*", "is not the ARN of an IAM role or user"),
        ("arn:aws:iam::*:role/operators", "is not the ARN of an IAM role or user"),
        ("arn:aws:sts::123456789012:assumed-role/operators/jo", "is not the ARN of an IAM role or user"),
        ("arn:aws-cn:iam::123456789012:role/operators", "is of another partition than platform_region"),
    ],
)
def test_wrong_readers_of_secrets(arn, rule):
    (line,) = lines(platform_secret_readers=[arn])
    assert line.startswith("platform_secret_readers[0]: ")
    assert rule in line


@pytest.mark.parametrize(
    ("readers", "caller", "missing"),
    [
        ([], "arn:aws:iam::123456789012:user/jo", None),
        (["arn:aws:iam::123456789012:user/*"], "arn:aws:iam::123456789012:user/jo", None),
        (["arn:aws:iam::123456789012:user/mo"], "arn:aws:iam::123456789012:user/jo", "user/jo"),
        (["arn:aws:iam::123456789012:role/teams/ci"], "arn:aws:sts::123456789012:assumed-role/ci/run", None),
        (["arn:aws:iam::123456789012:role/teams/*"], "arn:aws:sts::123456789012:assumed-role/ci/run", None),
        (["arn:aws:iam::123456789012:role/ci2"], "arn:aws:sts::123456789012:assumed-role/ci/run", "the role ci, with"),
        (["arn:aws:iam::210987654321:role/ci"], "arn:aws:sts::123456789012:assumed-role/ci/run", "the role ci, with"),
        # One of the platform's own roles, which all may read as far as IAM lets them.
        (["arn:aws:iam::123456789012:user/mo"], "arn:aws:sts::123456789012:assumed-role/agent-platform-dev-x/i", None),
    ],
)
def test_who_runs_it_is_among_the_readers(readers, caller, missing):
    given = values(SHARED_ROLE, **{**RIGHT, "platform_secret_readers": readers})
    found = [str(item) for item in reader_faults(given, facts(arn=caller))]
    assert [missing in line for line in found] == ([True] if missing else [])
