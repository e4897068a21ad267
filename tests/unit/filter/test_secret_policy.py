# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may read a secret, by its policy."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from ansible_collections.agent_platform.aws.plugins.filter.secret_policy import secret_policy

PLATFORM = {"partition": "aws", "account_id": "123456789012"}
OPERATORS = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Operators_*"


def statement(path="/teams/agents/"):
    (found,) = secret_policy([OPERATORS], PLATFORM, path, "demo-dev")["Statement"]
    return found


def test_without_readers_iam_policies_alone_decide():
    assert secret_policy([], PLATFORM, "/", "demo-dev") == {}


def test_nothing_but_reading_is_denied_so_nobody_is_locked_out_of_the_policy():
    assert (statement()["Effect"], statement()["Action"]) == ("Deny", "secretsmanager:GetSecretValue")


@pytest.mark.parametrize(
    ("principal", "reads"),
    [
        # As a session of EKS Pod Identity or of a service account: by the ARN of its role, with its path.
        ("arn:aws:iam::123456789012:role/teams/agents/demo-dev-llm-gateway", True),
        ("arn:aws:iam::123456789012:role/demo-dev-llm-gateway", False),
        ("arn:aws:iam::123456789012:role/teams/agents/demo-prod-llm-gateway", False),
        ("arn:aws:iam::210987654321:role/teams/agents/demo-dev-llm-gateway", False),
        (OPERATORS.replace("*", "eu-west-1", 1).replace("*", "0a1b"), True),
        ("arn:aws:iam::123456789012:role/AWSReservedSSO_Operators_0a1b", False),
        ("arn:aws:iam::123456789012:root", False),
    ],
)
def test_others_than_those_named_do_not_read(principal, reads):
    condition = statement()["Condition"]
    assert any(fnmatchcase(principal, item) for item in condition["ArnNotLike"]["aws:PrincipalArn"]) is reads
    assert condition["Bool"] == {"aws:PrincipalIsAWSService": "false"}
