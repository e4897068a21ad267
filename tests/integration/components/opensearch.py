# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenSearch domain, its master role, and what lets it write its logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, document, tags_of
from ..drift import Repair
from . import encryption, network

NAME = f"{PREFIX}-search"
SUMMARY = f"{NAME} OpenSearch_3.5 Active"
MASTER_ROLE = f"{PREFIX}-opensearch-master"
LOG_POLICY = f"{PREFIX}-opensearch-logs"
LOGS = {
    "AUDIT_LOGS": "audit",
    "ES_APPLICATION_LOGS": "application",
    "INDEX_SLOW_LOGS": "index-slow",
    "SEARCH_SLOW_LOGS": "search-slow",
}
LOG_GROUPS = [f"/aws/opensearch/{PREFIX}/{log}" for log in LOGS.values()]
# The domain, the role and the log groups.
LEAST_TAGGED = 2 + len(LOGS)
# What can be changed of it by hand, as descriptions have it.
PROPERTIES = (
    "AdvancedOptions",
    "AdvancedSecurityOptions",
    "AutoTuneOptions",
    "ClusterConfig",
    "DomainEndpointOptions",
    "EBSOptions",
    "EncryptionAtRestOptions",
    "EngineVersion",
    "IPAddressType",
    "LogPublishingOptions",
    "NodeToNodeEncryptionOptions",
    "OffPeakWindowOptions",
    "SoftwareUpdateOptions",
    "VPCOptions",
)
MOMENTS = 100


def domain(account: Account, name: str = NAME) -> dict:
    return account.client("opensearch").describe_domain(DomainName=name)["DomainStatus"]


def domains(lister: Lister) -> list[dict]:
    """With their Tags."""
    client = lister.account.client("opensearch")
    found = [domain(lister.account, item["DomainName"]) for item in client.list_domain_names()["DomainNames"]]
    return [{**item, "Tags": client.list_tags(ARN=item["ARN"])["TagList"]} for item in found]


def log_policies(lister: Lister) -> dict[str, dict]:
    found = lister.account.pages("logs", "describe_resource_policies", "resourcePolicies")
    return {policy["policyName"]: document(policy["policyDocument"]) for policy in found}


def census(lister: Lister) -> dict[str, list]:
    return {
        "domains": [
            [
                item["DomainName"],
                item["DomainProcessingStatus"],
                {name: item.get(name) for name in PROPERTIES},
                document(item["AccessPolicies"] or "{}"),
            ]
            for item in domains(lister)
        ],
        "policies for logs": [[name, policy] for name, policy in log_policies(lister).items()],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"OpenSearch domain {item['DomainName']}", item) for item in domains(lister))


def _quiet(account: Account, name: str = NAME) -> None:
    """Wait until nothing is under way."""
    for _moment in range(MOMENTS):
        if domain(account, name)["DomainProcessingStatus"] == "Active":
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} goes on changing")


def _make(account: Account, name: str, tags: dict[str, str]) -> None:
    account.client("opensearch").create_domain(DomainName=name, TagList=neighbours.tag_list(tags))
    _quiet(account, name)


def _policy(sid: str, **members: Any) -> str:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "es.amazonaws.com"},
        "Action": "logs:PutLogEvents",
        "Resource": "*",
        **members,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    _make(account, resource_name("search", prefix, "opensearch_domain"), tags)
    neighbours.make_role(account, f"{prefix}-opensearch-master", tags)
    account.client("logs").put_resource_policy(
        policyName=f"{prefix}-opensearch-logs", policyDocument=_policy("Theirs", Resource=f"arn:aws:logs:::{prefix}")
    )


def take_names(account: Account) -> list[str]:
    _make(account, NAME, {})
    neighbours.make_role(account, MASTER_ROLE, neighbours.OTHER)
    logs = account.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUPS[0])
    logs.put_resource_policy(policyName=LOG_POLICY, policyDocument=_policy("Theirs"))
    return [f"OpenSearch domain {NAME}", MASTER_ROLE, LOG_GROUPS[0], f"resource policy {LOG_POLICY}"]


def _delete(account: Account) -> None:
    client = account.client("opensearch")
    client.delete_domain(DomainName=NAME)
    for _moment in range(MOMENTS):
        if NAME not in [item["DomainName"] for item in client.list_domain_names()["DomainNames"]]:
            return
        try:
            domain(account)
        except client.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.1)
    raise AssertionError(f"{NAME} doesn't go")


def _change(account: Account, **parts: Any) -> None:
    """Somebody who changes the domain in the console, and waits until it is done."""
    account.client("opensearch").update_domain_config(DomainName=NAME, **parts)
    _quiet(account)


def _window(hours: int, minutes: int) -> dict:
    return {"OffPeakWindow": {"WindowStartTime": {"Hours": hours, "Minutes": minutes}}}


REPAIRS = {
    "a deleted domain": Repair(
        _delete, Calls({("opensearch", "CreateDomain"): 1}), frozenset({"Make the domain"}), dry=True
    ),
    # All that differs goes in one change.
    "nodes and windows": Repair(
        lambda account: _change(
            account,
            ClusterConfig={"InstanceCount": 4},
            OffPeakWindowOptions=_window(12, 30),
        ),
        Calls({("opensearch", "UpdateDomainConfig"): 1}),
        frozenset({"Make the domain"}),
        dry=True,
    ),
    "a policy for logs that lets others in": Repair(
        lambda account: account.client("logs").put_resource_policy(
            policyName=LOG_POLICY,
            policyDocument=_policy(_sid(account), Principal={"Service": "delivery.logs.amazonaws.com"}),
        ),
        Calls({("logs", "PutResourcePolicy"): 1}),
        frozenset({"Let OpenSearch Service write to them"}),
        dry=True,
    ),
}


def _sid(account: Account) -> str:
    """The Sid by which our statement is known."""
    (statement,) = log_policies(Lister(account))[LOG_POLICY]["Statement"]
    return statement["Sid"]


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    logs, iam = account.client("logs"), account.client("iam")
    open_ = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "es:*", "Resource": "*"}],
    }
    theirs = network.groups(Lister(account))[f"{PREFIX}-redis"]["GroupId"]
    audit = domain(account)["LogPublishingOptions"]["AUDIT_LOGS"]

    def change(**parts: Any) -> Callable[[], None]:
        return lambda: _change(account, **parts)

    return {
        "nodes": change(ClusterConfig={"InstanceCount": 6}),
        "masters": change(ClusterConfig={"DedicatedMasterEnabled": False}),
        "volumes": change(EBSOptions={"Iops": 4000}),
        "access policy": change(AccessPolicies=json.dumps(open_)),
        "plain connections": change(DomainEndpointOptions={"EnforceHTTPS": False}),
        "old ciphers": change(DomainEndpointOptions={"TLSSecurityPolicy": "Policy-Min-TLS-1-0-2019-07"}),
        "users of its own": change(AdvancedSecurityOptions={"InternalUserDatabaseEnabled": True}),
        "audit log": change(LogPublishingOptions={"AUDIT_LOGS": {**audit, "Enabled": False}}),
        "security group": change(VPCOptions={"SecurityGroupIds": [theirs]}),
        "off-peak window": change(OffPeakWindowOptions=_window(9, 5)),
        "software updates": change(SoftwareUpdateOptions={"AutoSoftwareUpdateEnabled": False}),
        "policy for logs": lambda: logs.delete_resource_policy(policyName=LOG_POLICY),
        "log group": lambda: logs.delete_log_group(logGroupName=LOG_GROUPS[1]),
        "retention": lambda: logs.put_retention_policy(logGroupName=LOG_GROUPS[2], retentionInDays=1),
        "who is the master": lambda: iam.update_assume_role_policy(
            RoleName=MASTER_ROLE, PolicyDocument=neighbours.TRUST
        ),
        "what the master may do": lambda: iam.put_role_policy(
            RoleName=MASTER_ROLE,
            PolicyName="theirs",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "es:*", "Resource": "*"}]}
            ),
        ),
    }  # fmt: skip


def lasting(account: Account) -> list[str]:
    return list(domain(account)["Endpoints"].values())


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    ours = domain(lister.account)
    assert (facts["domain_name"], facts["domain_arn"]) == (NAME, ours["ARN"])
    assert facts["endpoint"] == ours["Endpoints"]["vpc"]
    assert facts["master_role_arn"].endswith(f":role/{MASTER_ROLE}")
    assert facts["other_sign_ins"] == []


class TestDomain:
    def test_nodes_and_network(self, lister):
        ours = domain(lister.account)
        cluster, subnets = ours["ClusterConfig"], network.of_tier(lister, "private")
        assert (cluster["InstanceType"], cluster["InstanceCount"]) == ("t3.small.search", 2)
        assert (cluster["DedicatedMasterType"], cluster["DedicatedMasterCount"]) == ("t3.small.search", 3)
        assert cluster["ZoneAwarenessConfig"] == {"AvailabilityZoneCount": 2}
        assert set(ours["VPCOptions"]["SubnetIds"]) == {subnet["SubnetId"] for subnet in subnets}
        (group,) = ours["VPCOptions"]["SecurityGroupIds"]
        assert group == network.groups(lister)[f"{PREFIX}-opensearch"]["GroupId"]
        volume = {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 10, "Iops": 3000, "Throughput": 125}
        assert ours["EBSOptions"] == volume
        assert ours["EngineVersion"] == "OpenSearch_3.5"

    def test_protection(self, lister):
        ours = domain(lister.account)
        assert ours["EncryptionAtRestOptions"] == {"Enabled": True, "KmsKeyId": encryption.key(lister.account)["Arn"]}
        assert ours["NodeToNodeEncryptionOptions"] == {"Enabled": True}
        assert ours["DomainEndpointOptions"] == {
            "EnforceHTTPS": True,
            "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
        }
        assert ours["AdvancedSecurityOptions"]["Enabled"] is True
        assert ours["AdvancedSecurityOptions"]["InternalUserDatabaseEnabled"] is False
        # AWS tunes no t3.
        assert ours["AutoTuneOptions"]["State"] == "DISABLED"
        assert ours["SoftwareUpdateOptions"]["AutoSoftwareUpdateEnabled"] is True

    def test_who_reaches_it(self, lister):
        account = lister.account.id
        (statement,) = document(domain(lister.account)["AccessPolicies"])["Statement"]
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
        assert statement["Resource"] == f"arn:aws:es:{REGION}:{account}:domain/{NAME}/*"
        assert set(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]) == {
            f"arn:aws:iam::{account}:role/{PREFIX}-{name}" for name in ("opensearch-master", "bastion", "log-collector")
        }
        assert "es:*" not in statement["Action"]

    def test_master_role(self, lister):
        (role,) = [role for role in lister.roles() if role["RoleName"] == MASTER_ROLE]
        (trust,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        bastion = f"arn:aws:iam::{lister.account.id}:role/{PREFIX}-bastion"
        assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": [bastion]}}
        ((statement,),) = [policy["Statement"] for policy in role["Inline"].values()]
        assert statement["Resource"] == f"{domain(lister.account)['ARN']}/*"
        assert tags_of(role).items() >= {**OWNER, "Component": "opensearch"}.items()

    def test_logs(self, lister):
        published = domain(lister.account)["LogPublishingOptions"]
        assert {kind: log["CloudWatchLogsLogGroupArn"].rsplit("/", 1)[1] for kind, log in published.items()} == LOGS
        assert all(log["Enabled"] for log in published.values())
        key = encryption.key(lister.account)["Arn"]
        found = [group for group in lister.log_groups() if group["logGroupName"] in LOG_GROUPS]
        assert [(group["retentionInDays"], group["kmsKeyId"]) for group in found] == [(365, key)] * len(LOGS)

    def test_policy_for_logs(self, lister):
        policies = log_policies(lister)
        (statement,) = policies[LOG_POLICY]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": lister.account.id},
            "ArnEquals": {"aws:SourceArn": domain(lister.account)["ARN"]},
        }
        # Those of others are as they were.
        for prefix in neighbours.PREFIXES:
            ((theirs,),) = [policies[f"{prefix}-opensearch-logs"]["Statement"]]
            assert theirs["Sid"] == "Theirs"
