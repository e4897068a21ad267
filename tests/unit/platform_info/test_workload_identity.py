# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles of service accounts."""

from __future__ import annotations

from .fake_aws import ACCOUNT, PREFIX, SOMEONE_ELSES_ROLES, look, role, taken

IAM = f"arn:aws:iam::{ACCOUNT}"
ANSWERS = {"GetRole": role}


def test_roles():
    found, _aws = look({"GetRole": role}, "workload_identity")
    roles = found.components["workload_identity"]["roles"]
    assert roles["llm-gateway"] == f"{IAM}:role/{PREFIX}-llm-gateway"
    assert len(roles) == 7


def test_roles_of_a_table_of_ones_own():
    long_name = "x" * 70
    entries = {"workload_identity": ["mine", long_name]}
    found, aws = look({"GetRole": role}, "workload_identity", entries=entries)
    assert list(found.components["workload_identity"]["roles"]) == ["mine", long_name]
    assert all(len(request["RoleName"]) <= 64 for request in aws.requests("GetRole"))


def test_roles_that_someone_else_has():
    assert {
        resource.removeprefix(f"IAM role {PREFIX}-") for resource in taken(SOMEONE_ELSES_ROLES, "workload_identity")
    } == {
        "agent",
        "aws-load-balancer-controller",
        "external-secrets",
        "llm-gateway",
        "memory-gateway",
        "otel-collector",
        "retrieval-gateway",
    }
    found, _aws = look(SOMEONE_ELSES_ROLES, "workload_identity")
    assert not any(found.components["workload_identity"]["roles"].values())
