# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole life of a platform under the policies that the playbook operator_policy writes, where AWS enforces them."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import operator_policy
from tests.support.components import IN_AWS, with_required
from tests.support.faults import free_port
from tests.support.local_cloud import processes
from tests.support.local_cloud.account import furnish
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import PREFIX, DirectAccount

ACCOUNT = "270000000101"
NAME = "operator"
# By name, by tags and by both; the whole platform takes minutes.
FEW = ("network", "dynamodb", "registry")
AWS_CONFIG = str(operator_policy.ROOT / "inventories/local/aws.cfg")
# What is off by default, and takes permissions of its own.
OPTIONS = {"network_acls_enabled": True, "encryption_ebs_by_default": True}
CONFIRMED = {"platform_teardown_confirm": PREFIX}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, figures: list[str]) -> Iterator[DirectAccount]:
    """An AWS that enforces policies. The account's own number as access key is its root user's."""
    emulator = dataclasses.replace(EMULATORS[0], environment={**EMULATORS[0].environment, "AUTH": "true"})
    instance = Instance(emulator, free_port(), tmp_path_factory.mktemp("enforcing"))
    processes.start(instance, timeout=60)
    furnish(instance.endpoint, ACCOUNT)
    made = DirectAccount(ACCOUNT, instance.endpoint, tmp_path_factory.mktemp("runs"), figures, IN_AWS, hasty=True)
    yield made
    made.close()
    processes.stop(instance)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> operator_policy.Documents:
    return operator_policy.written(tmp_path_factory.mktemp("policies"), platform_account_id=ACCOUNT, **OPTIONS)


@pytest.fixture(scope="module")
def operator(account: DirectAccount, documents: operator_policy.Documents) -> dict[str, Any]:
    """Variables by which a run has the keys of a user with these policies, and nothing else."""
    iam = account.client("iam")
    iam.create_user(UserName=NAME)
    for name, document in documents.items():
        policy = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]
        iam.attach_user_policy(UserName=NAME, PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName=NAME)["AccessKey"]
    return {
        **OPTIONS,
        "platform_aws_environment": {
            "AWS_ENDPOINT_URL": account.endpoint,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_CONFIG_FILE": AWS_CONFIG,
            "AWS_SHARED_CREDENTIALS_FILE": AWS_CONFIG,
        },
    }


def change_policy(account: DirectAccount, name: str, document: dict[str, Any]) -> None:
    iam, arn = account.client("iam"), f"arn:aws:iam::{account.id}:policy/{name}"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)


def test_with_an_action_less_the_error_says_what_to_do(account, documents, operator):
    """The first in this account, so the key isn't there yet."""
    name = f"{PREFIX}-operator-foundation"
    less = copy.deepcopy(documents[name])
    less["Statement"] = [statement for statement in less["Statement"] if statement["Sid"] != "MakeKey"]
    change_policy(account, name, less)
    run = account.run("--limit", "encryption", variables=operator, note="without an action").assert_refused()
    failure = next(failure for failure in run.failures if "CreateKey" in failure)
    for part in (f"alias/{PREFIX}-key", "CreateKey", "Allow kms:CreateKey for the identity", "operator_policy"):
        assert part in failure, failure
    change_policy(account, name, documents[name])


@pytest.mark.parametrize(
    "components",
    [
        pytest.param(with_required(FEW), id="few", marks=pytest.mark.options),
        pytest.param(IN_AWS, id="all", marks=pytest.mark.thorough),
    ],
)
def test_they_suffice_for_the_whole_life_of_a_platform(account, operator, components):
    """Made, found as declared, looked at in a dry run, shown and removed."""
    limit = ("--limit", ",".join(components))
    account.run(*limit, variables=operator, note="made by the operator").assert_converged()
    again = account.run(*limit, variables=operator, note="again by the operator").assert_converged()
    assert again.changed == []
    dry = account.run(*limit, "--check", variables=operator, note="dry, by the operator").assert_converged()
    assert dry.changed == []
    shown = account.run(*limit, playbook="playbooks/status.yml", variables=operator, note="shown to the operator")
    shown.assert_converged()
    removal = {**operator, **CONFIRMED}
    account.run(*limit, playbook="playbooks/teardown.yml", variables=removal, note="removed").assert_converged()
