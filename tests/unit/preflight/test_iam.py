# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the path and the permissions boundary of all roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.iam import (
    USERS,
    existing_role_change_faults,
    iam_faults,
    path_faults,
    reader_faults,
    unknown_role_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import ROLES
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
        "administrator_role_arn": None,
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


# ---- sessions, and roles that someone else has made

OTHERS = "arn:aws:iam::123456789012:role/teams/nodes"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/1"


@pytest.mark.parametrize(("seconds", "faults"), [(3600, 0), (43200, 0), (3599, 1), (43201, 1)])
def test_sessions(seconds, faults):
    assert len(lines(platform_role_max_session_duration=seconds)) == faults


@pytest.mark.parametrize(
    ("arn", "part"),
    [
        (OTHERS, None),
        ("nodes", "is not the ARN of a role, such as arn:aws:iam::123456789012:role/name"),
        (["x"], "is not the ARN of a role"),
        ("arn:aws:iam::123456789012:policy/nodes", "is not the ARN of a role"),
        (OTHERS.replace("123456789012", "210987654321"), "is a role of another account"),
        (OTHERS.replace("aws", "aws-cn"), "is of another partition than platform_region"),
        (OTHERS.replace("teams", "aws-service-role"), "is a service-linked role"),
    ],
)
def test_roles_of_others(arn, part):
    found = lines(platform_existing_roles={"eks-nodes": arn})
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


def test_the_role_of_the_cluster_is_none_for_nodes():
    (line,) = lines(platform_existing_roles={"eks-nodes": OTHERS, "eks-cluster": OTHERS})
    assert line.endswith("is the role of the cluster, too: EKS takes no role of a cluster for nodes")


def test_roles_of_others_are_in_the_place_of_one_of_ours():
    names = {"agent-platform-dev-eks-nodes", "agent-platform-dev-bastion"}

    def said(existing):
        given = values(SHARED_ROLE, **{**RIGHT, "platform_existing_roles": existing})
        return [str(item) for item in unknown_role_faults(given, names)]

    assert said({"eks-nodes": OTHERS}) == []
    assert said({"eks-node": OTHERS}) == [
        "platform_existing_roles.eks-node: is not the name of a role that the platform makes; did you mean eks-nodes?:"
        " there are bastion, eks-nodes"
    ]


@pytest.mark.parametrize(
    ("thing", "found", "part"),
    [
        ("eks-nodes", {"trusted": ["ec2.amazonaws.com"]}, None),
        ("eks-nodes", {"trusted": ["lambda.amazonaws.com"]}, "can't be assumed by ec2.amazonaws.com: have its trust"),
        ("eks-nodes", {"exists": False}, "isn't there: have it made, or correct its ARN"),
        ("llm-gateway", {"trusted": [PROVIDER]}, None),
        ("llm-gateway", {"trusted": ["ec2.amazonaws.com"]}, f"can't be assumed by {PROVIDER}"),
        ("opensearch-master", {"trusted": []}, None),
    ],
)
def test_roles_of_others_are_there_and_trust_who_uses_them(thing, found, part):
    there = {"arn": OTHERS, "exists": True, "trusted": [], **found}
    given = facts(existing_roles={thing: there}, eks={"oidc_provider_arn": PROVIDER})
    said = [str(item) for item in existing_role_change_faults(given)]
    assert said == [] if part is None else (len(said) == 1 and part in said[0]), said


def test_before_there_is_a_cluster_nobody_vouches_for_service_accounts():
    there = {"arn": OTHERS, "exists": True, "trusted": []}
    given = facts(existing_roles={"llm-gateway": there}, eks={"oidc_provider_arn": None})
    assert list(existing_role_change_faults(given)) == []


def test_whom_roles_are_for_is_known_of_those_that_there_are():
    made = {
        thing
        for path in Path(ROLES).glob("../plugins/plugin_utils/inventory_rules/components/*.py")
        for name in component_names(path.stem, values(path.stem, platform_prefix="p"))
        if name.kind == "iam_role" and not name.variable
        for thing in [name.name.removeprefix("p-")]
    }
    # Backups are made only where they are asked for.
    assert set(USERS) == made | {"bastion-backup"}


def test_a_role_of_others_may_have_any_path():
    found = {"eks": {"node_role_arn": "arn:aws:iam::123456789012:role/x/agent-platform-dev-nodes"}}
    given = {**RIGHT, "platform_existing_roles": {"eks-nodes": found["eks"]["node_role_arn"]}}
    assert list(path_faults(values(SHARED_ROLE, **given), facts(**found))) == []
    assert len(list(path_faults(values(SHARED_ROLE, **RIGHT), facts(**found)))) == 1


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
