# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of permissions: least privilege, and within IAM's limits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.filter.iam_permissions import iam_permissions, placeholders

ROLES = Path(__file__).resolve().parents[3] / "roles"
# Characters of all inline policies of one role; IAM doesn't count white space.
LARGEST_INLINE = 10240
LONGEST_PREFIX = "a-platform-name-of20-production"


def load(role: str, file: str) -> dict:
    return yaml.safe_load((ROLES / role / file).read_text())


PROMETHEUS = load("workload_identity", "vars/main.yml")["__workload_identity_prometheus_statements"]
PRESETS = load("workload_identity", "vars/main.yml")["__workload_identity_preset_statements"]
TABLE = {
    **load("workload_identity", "vars/main.yml")["__workload_identity_statements"],
    **load("eks", "vars/main.yml")["__eks_irsa_statements"],
    **PRESETS,
}
DECLARED = [
    *yaml.safe_load((ROLES.parent / "group_vars/all/common.yml").read_text())["platform_gateways"],
    *load("workload_identity", "defaults/main.yml")["workload_identity_roles"],
]
CASES = [
    pytest.param(name, item, id=f"{name}-{item['Sid']}")
    for table in (TABLE, PROMETHEUS)
    for name, statements in table.items()
    for item in statements
]
FACTS = {
    "partition": "aws",
    "dns_suffix": "amazonaws.com",
    "region": "ap-southeast-2",
    "account_id": "123456789012",
    "prefix": LONGEST_PREFIX,
    "eks": {"cluster_name": f"{LONGEST_PREFIX}-eks"},
    "network": {"vpc_id": "vpc-0123456789abcdef0", "vpc_owner_id": "123456789012"},
    "encryption": {
        "key_arn": "arn:aws:kms:ap-southeast-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "secrets_key_arn": "arn:aws:kms:ap-southeast-2:123456789012:key/5678abcd-12ab-34cd-56ef-1234567890ab",
        "volumes_key_arn": "arn:aws:kms:ap-southeast-2:123456789012:key/9012abcd-12ab-34cd-56ef-1234567890ab",
    },
    "bedrock": {
        "foundation_models": [f"vendor.model-{number}-v1:0" for number in range(8)],
        "inference_profiles": [f"apac.vendor.model-{number}-20260101-v1:0" for number in range(8)],
        "profile_models": [f"vendor.model-{number}-20260101-v1:0" for number in range(8)],
    },
    "cloudwatch": {"namespaces": ["One", "Two"]},
    "aurora": {"cluster_resource_id": "cluster-ABCDEFGHIJKL", "memory_user": "memory_gateway"},
    "dynamodb": {
        "table_arns": [f"arn:aws:dynamodb:ap-southeast-2:123456789012:table/{LONGEST_PREFIX}-usage-plans"] * 2
    },
    "feature_flags": {"application_id": "abc1234", "environment_id": "def5678", "profile_id": "ghi9012"},
    "redis": {"secret_name": f"{LONGEST_PREFIX}/redis"},
    "litellm": {
        "database_user": "litellm",
        "secret_names": [f"{LONGEST_PREFIX}-llm-gateway-{key}" for key in ("master-key", "salt-key")],
    },
    "opensearch": {"domain_arn": "arn:aws:es:ap-southeast-2:123456789012:domain/logs"},
    "configuration": {
        **load("workload_identity", "vars/main.yml")["__workload_identity_known"]["configuration"],
        "path": "/a-platform-name-of20/production",
    },
    "knowledge_base": {
        "guardrail_arn": "arn:aws:bedrock:ap-southeast-2:123456789012:guardrail/abcdefghijkl",
        "knowledge_base_arn": "arn:aws:bedrock:ap-southeast-2:123456789012:knowledge-base/ABCDEFGHIJ",
    },
}


@pytest.mark.parametrize(("role", "item"), CASES)
def test_every_action_is_written_out(role, item):
    assert item["Action"], role
    for action in item["Action"]:
        assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action)
    assert item["Action"] == sorted(item["Action"]), "in order of name, so that one is found"


@pytest.mark.parametrize(("role", "item"), CASES)
def test_a_statement_for_all_resources_says_so(role, item):
    assert (item["Resource"] == ["*"]) == item["Sid"].endswith("Everywhere")
    if item["Sid"].endswith("Everywhere"):
        return
    for resource in item["Resource"]:
        assert resource.startswith(("arn:<partition>:", "<")), f"{role}: {resource} isn't an ARN"
        # What belongs to an account names it, and a region where there is one: nothing reaches into others.
        parts = resource.split(":")
        if resource.startswith("arn:") and "foundation-model/" not in resource:
            # A VPC may be another account's that shares it.
            of_vpc = parts[5].startswith("vpc/")
            assert parts[4] == ("<network.vpc_owner_id>" if of_vpc else "<account_id>"), resource
            assert parts[3] in ("<region>", ""), resource


@pytest.mark.parametrize("role", TABLE)
def test_a_role_fits_into_iam(role):
    (filled,) = iam_permissions([{"name": role}], TABLE, FACTS)
    assert filled["waiting"] == []
    document = json.dumps({"Version": "2012-10-17", "Statement": filled["statements"]}, separators=(",", ":"))
    assert len(document) <= LARGEST_INLINE
    assert "<" not in document, "a placeholder is left over"


def test_on_an_account_without_data_stores_only_their_statements_wait():
    facts = {
        key: value for key, value in FACTS.items() if key not in ("dynamodb", "redis", "opensearch", "knowledge_base")
    }
    facts["aurora"] = {"memory_user": "memory_gateway"}
    roles = iam_permissions([{"name": name} for name in TABLE], TABLE, facts)
    assert {(role["name"], item["sid"]) for role in roles for item in role["waiting"]} == {
        ("log-collector", "IndexLogs"),
        ("llm-gateway", "ApplyGuardrail"),
        ("llm-gateway", "KeepUsage"),
        ("llm-gateway", "ReadCacheSecret"),
        ("litellm", "ApplyGuardrail"),
        ("litellm", "ConnectToDatabase"),
        ("litellm", "ReadCacheSecret"),
        ("memory-gateway", "ConnectToDatabase"),
        ("retrieval-gateway", "ApplyGuardrail"),
        ("retrieval-gateway", "SearchKnowledgeBase"),
    }


def test_what_writes_to_prometheus_reaches_one_workspace():
    arn = "arn:aws:aps:us-west-2:123456789012:workspace/ws-1"
    (role,) = iam_permissions([{"name": "otel-collector"}], PROMETHEUS, {**FACTS, "prometheus": {"workspace_arn": arn}})
    assert [(item["Action"], item["Resource"]) for item in role["statements"]] == [(["aps:RemoteWrite"], [arn])]


def test_collectors_write_to_their_own_log_groups_and_make_none():
    found = {
        role["name"]: {
            resource.rsplit("/", 1)[1]
            for item in role["statements"]
            for resource in item["Resource"]
            if ":log-group:" in resource
        }
        for role in iam_permissions([{"name": "log-collector"}, {"name": "otel-collector"}], TABLE, FACTS)
    }
    assert found == {"log-collector": {"application:*"}, "otel-collector": {"performance:*"}}
    actions = {action for table in TABLE.values() for item in table for action in item["Action"]}
    assert "logs:CreateLogGroup" not in actions


@pytest.mark.parametrize("gateway", ["llm-gateway", "litellm"])
def test_models_are_invoked_only_if_listed(gateway):
    (role,) = iam_permissions([{"name": gateway}], TABLE, FACTS)
    invoking = [item for item in role["statements"] if "bedrock:InvokeModel" in item["Action"]]
    resources = [resource for item in invoking for resource in item["Resource"]]
    assert len(resources) == 24
    assert not [resource for resource in resources if resource.endswith("*")]
    # In other regions only through a profile that is listed.
    for item in invoking:
        if any(":bedrock:*:" in resource for resource in item["Resource"]):
            assert len(item["Condition"]["ArnEquals"]["bedrock:InferenceProfileArn"]) == 8


def test_nobody_gets_the_database_masters_secret_or_pass_role():
    actions = {action for table in TABLE.values() for item in table for action in item["Action"]}
    assert not actions & {"iam:PassRole", "iam:CreateRole", "sts:AssumeRole", "kms:CreateKey"}
    secrets = [
        resource
        for table in TABLE.values()
        for item in table
        if "secretsmanager:GetSecretValue" in item["Action"]
        for resource in item["Resource"]
    ]
    assert set(secrets) == {
        "arn:<partition>:secretsmanager:<region>:<account_id>:secret:<prefix>/*",
        "arn:<partition>:secretsmanager:<region>:<account_id>:secret:<redis.secret_name>-??????",
        "arn:<partition>:secretsmanager:<region>:<account_id>:secret:<litellm.secret_names>-??????",
    }


def test_the_program_of_a_preset_reaches_its_own_secrets_and_database_and_nothing_more():
    (role,) = iam_permissions([{"name": "litellm"}], TABLE, FACTS)
    found = {item["Sid"]: item["Resource"] for item in role["statements"]}
    # What the platform's own gateway has beside these is not its business.
    assert not {"KeepUsage", "ReadSettings", "ReadFlags"} & set(found)
    place = "ap-southeast-2:123456789012"
    names = [f"{LONGEST_PREFIX}-llm-gateway-{key}" for key in ("master-key", "salt-key")]
    assert found["ReadOwnSecrets"] == [f"arn:aws:secretsmanager:{place}:secret:{name}-??????" for name in names]
    assert found["ConnectToDatabase"] == [f"arn:aws:rds-db:{place}:dbuser:cluster-ABCDEFGHIJKL/litellm"]
    # No secret of it is below the path of which the cluster may read all.
    assert all(not name.startswith(f"{LONGEST_PREFIX}/") for name in names)


def test_the_presets_are_those_of_the_gateways_and_have_their_names():
    assert set(PRESETS) == set(load("gateways", "vars/presets.yml")["__gateways_presets"])
    known = load("workload_identity", "vars/main.yml")["__workload_identity_known"]["litellm"]
    assert known["database_user"] == load("gateways", "vars/presets.yml")["__gateways_litellm_database"]


def test_roles_and_statements_name_the_same():
    names = {role["name"] for role in DECLARED}
    table = load("workload_identity", "vars/main.yml")["__workload_identity_statements"]
    assert names == set(table)


@pytest.mark.parametrize(
    ("component", "own", "further"),
    [
        ("workload_identity", {"bedrock", "cloudwatch", "configuration", "litellm", "prometheus"}, set()),
        ("bastion_instance", {"bedrock"}, {"dynamodb", "feature_flags", "frontend", "knowledge_base"}),
    ],
)
def test_what_statements_name_is_discovered(component, own, further):
    """own: what isn't a component but comes from the role's own variables. further: for statements of the user's."""
    lists = load(component, "vars/main.yml")
    statements = [lists[name] for name in lists if re.fullmatch(rf"__{component}_(\w+_)?statements", name)]
    named = {path.split(".")[0] for path in placeholders(statements) if "." in path}
    about = load(component, "meta/component.yml")
    assert named - own <= {*about["requires"], *about["reads"]}
    assert set(about["reads"]) - named - {component} == further


def test_service_accounts_act_as_one_role_each():
    accounts = [(role["namespace"], account) for role in DECLARED for account in role["service_accounts"]]
    assert len(accounts) == len(set(accounts))
    assert all(namespace != "default" for namespace, _account in accounts)


@pytest.mark.parametrize("gateway", ["llm-gateway", "memory-gateway", "retrieval-gateway"])
def test_a_gateway_reads_its_part_of_the_settings_and_decrypts_no_other(gateway):
    (filled,) = iam_permissions([{"name": gateway}], TABLE, FACTS)
    found = {item["Sid"]: item for item in filled["statements"]}
    tree = "arn:aws:ssm:ap-southeast-2:123456789012:parameter/a-platform-name-of20/production"
    resources = found["ReadSettings"]["Resource"]
    parts = FACTS["configuration"][f"of_{gateway.replace('-', '_')}"]
    # The path itself, which GetParametersByPath is asked for, and what is below it; of all others a single key at most.
    assert {f"{tree}/{part}{below}" for part in parts for below in ("", "/*")} <= set(resources)
    others = [resource for resource in resources if resource.removeprefix(f"{tree}/").split("/")[0] not in parts]
    assert all(not resource.endswith("*") and resource.count("/") == 4 for resource in others)
    condition = found["DecryptSettings"]["Condition"]
    assert condition["StringEquals"] == {"kms:ViaService": "ssm.ap-southeast-2.amazonaws.com"}
    assert condition["StringLike"] == {"kms:EncryptionContext:PARAMETER_ARN": [f"{tree}/{part}/*" for part in parts]}
    # What is published of these components is all that there can be.
    published = load("configuration", "vars/main.yml")["__configuration_table"]
    assert set(parts) <= set(published)
