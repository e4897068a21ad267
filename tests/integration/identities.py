# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for the roles of all service accounts, whichever component makes them."""

from __future__ import annotations

from tests.support.playbook import PREFIX, Account

from .census import as_list, document, statements_of

# X-Ray has no resources to name for these.
NO_RESOURCE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
# Its policy is the one that AWS publishes for it.
GIVEN_BY_AWS = "aws-load-balancer-controller"


def assert_trusts_one_service_account(account: Account, thing: str, subject: str, issuer: str) -> None:
    """Only this service account of this cluster may assume the role."""
    role = account.client("iam").get_role(RoleName=f"{PREFIX}-{thing}")["Role"]
    (statement,) = document(role["AssumeRolePolicyDocument"])["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{account.id}:oidc-provider/{issuer}"}
    (equal,) = statement["Condition"].values()
    assert list(statement["Condition"]) == ["StringEquals"]
    assert {key: as_list(value) for key, value in equal.items()} == {
        f"{issuer}:sub": [subject],
        f"{issuer}:aud": ["sts.amazonaws.com"],
    }


def assert_bounded(account: Account, thing: str) -> None:
    """The role has no permission for everything."""
    for statement in statements_of(account, f"{PREFIX}-{thing}"):
        actions = as_list(statement["Action"])
        assert "*" not in actions
        assert not [action for action in actions if action.endswith(":*")], statement
        if thing != GIVEN_BY_AWS and "*" in as_list(statement["Resource"]):
            # Only where the action knows no resource, or a condition narrows it.
            assert statement.get("Condition") or all(_is_read(action) or action in NO_RESOURCE for action in actions)


def _is_read(action: str) -> bool:
    return action.split(":")[1].startswith(("Describe", "Get", "List"))
