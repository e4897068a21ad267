# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What docs/security.md says of all roles holds in their files, and the exceptions are those that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.filter.collectors import collectors
from tests.layout.platform_stub import ROOT
from tests.layout.role_files import FILES, ROLES, key_fact, mappings, read, role_of
from tests.support import variables
from tests.support.declarations import load as load_module
from tests.support.declarations import module_names

TEXT, REASONS = (ROOT / "docs/security.md").read_text().split("## What Prowler says")
# The table's first column has names of Prowler's.
REASONS = re.sub(r"^\| `[^|]*\|", "|", REASONS, flags=re.MULTILINE)
PAGE = " ".join(f"{TEXT} {REASONS}".split())
DEFENDED, UNDEFENDED = " ".join(TEXT.split()).split("## What is not defended")
VARIABLES = {name: option for role in variables.roles() for name, option in variables.spec(role).items()}
DEFAULTS = {name: value for role in variables.roles() for name, value in variables.defaults(role).items()}


def load(role: str, file: str = "vars/main.yml") -> dict[str, Any]:
    return read(ROOT / "roles" / role / file)


# ---- The page itself


def test_variables_that_are_named_are_there():
    prefixes = (*(f"{role}_" for role in variables.roles()), "platform_")
    named = {name for name in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", PAGE) if name.startswith(prefixes)} - {*ROLES}
    assert len(named) > 30
    assert named - VARIABLES.keys() == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bastion_auditd_enabled", True),
        ("bastion_instance_backup", False),
        ("bastion_instance_cluster_groups", ["platform-operators"]),
        ("bastion_instance_cluster_policies", []),
        ("bastion_instance_log_shipping", False),
        ("bastion_instance_session_preferences", "none"),
        ("bastion_metadata_restricted", True),
        ("bastion_sshd_enabled", False),
        ("bastion_unattended_upgrades_reboot_time", ""),
        ("bastion_user_groups", []),
        ("cognito_machine_access_token_minutes", 60),
        ("cognito_mfa", "optional"),
        ("cognito_self_sign_up", False),
        ("cognito_threat_protection_mode", "none"),
        ("cognito_web_access_token_minutes", 60),
        ("cognito_web_id_token_minutes", 60),
        ("cognito_web_refresh_token_hours", 30 * 24),
        ("eks_access_entries", []),
        ("eks_administrator_mfa", True),
        ("eks_administrator_session_seconds", 3600),
        ("eks_administrator_source_identity", False),
        ("eks_authentication_mode", "API"),
        ("eks_deployer_access", False),
        ("eks_endpoint_private_access", True),
        ("eks_endpoint_public_access", False),
        ("eks_node_session_manager", False),
        ("frontend_content_security_policy", ""),
        ("frontend_log_kms_key_arn", ""),
        ("frontend_rate_limit", 2000),
        ("frontend_rate_limit_window_seconds", 5 * 60),
        ("gateways_certificate", ""),
        ("gateways_scheme", "internal"),
        ("knowledge_base_collection_access", "public"),
        ("knowledge_base_invocation_logging", True),
        ("network_acls_enabled", False),
        ("network_ingress_cidrs", []),
        ("network_ingress_from_cloudfront", True),
        ("platform_access_logs", False),
        ("platform_permissions_boundary", ""),
        ("platform_secret_readers", []),
        ("registry_tag_mutability", "IMMUTABLE"),
    ],
)
def test_what_is_said_of_a_default_is_the_default(name: str, value: Any):
    assert DEFAULTS[name] == value


def test_what_holds_data_is_protected_by_default():
    protected = {name: DEFAULTS[name] for name in VARIABLES if name.endswith(("_protection", "deletion_protection"))}
    assert {name.removesuffix("_deletion_protection") for name in protected} >= {
        *("aurora", "cognito", "dynamodb", "eks", "frontend", "knowledge_base", "opensearch", "redis"),
        "bastion_instance_termination_protection",
    }
    assert set(protected.values()) == {True}
    for environment in sorted((ROOT / "inventories").glob("*/host_vars")):
        declared = {key: value for file in environment.glob("*.yml") for key, value in (read(file) or {}).items()}
        off = {name for name in protected if declared.get(name) is False}
        assert (off != set()) == (f"`{environment.parent.name}`" in PAGE), environment.parent.name


# ---- Who is trusted

# EC2 hands a role to instances of the account, and tells nothing by which a policy could know them.
INSTANCES = {("bastion_instance", "ec2.amazonaws.com"), ("eks", "ec2.amazonaws.com")}
SOURCES = {"aws:SourceAccount", "aws:SourceArn"}
TRUSTS = [
    (role_of(path), one) for path in FILES for one in mappings(read(path)) if isinstance(one.get("Principal"), dict)
]


def condition_keys(statement: Mapping[str, Any]) -> set[str]:
    conditions = statement.get("Condition") or {}
    return {key for those in conditions.values() for key in those} if isinstance(conditions, dict) else set()


def test_a_policy_that_trusts_a_service_says_for_whom_it_acts():
    services = [(role, one["Principal"]["Service"], one) for role, one in TRUSTS if "Service" in one["Principal"]]
    assert len(services) > 10
    without = {(role, service) for role, service, one in services if not condition_keys(one) & SOURCES}
    assert without == INSTANCES


def test_a_policy_that_trusts_tokens_asks_for_whom_they_are():
    (pool,) = [one for _role, one in TRUSTS if "Federated" in one["Principal"]]
    assert condition_keys(pool) == {"cognito-identity.amazonaws.com:aud", "cognito-identity.amazonaws.com:amr"}


def test_nobody_is_trusted_but_by_name():
    every = [(role_of(path), one) for path in FILES for one in mappings(read(path)) if one.get("Principal") == "*"]
    assert {one["Sid"] for _role, one in every} == {"DenyUnencryptedConnections"}
    assert {one["Effect"] for _role, one in every} == {"Deny"}
    # The account, where principals come later: who of it is meant is a condition.
    accounts = [one for _role, one in TRUSTS if "account" in str(one["Principal"].get("AWS"))]
    assert accounts
    assert all(condition_keys(one) == {"aws:PrincipalArn"} for one in accounts)


# ---- What is stored

# What has another key than the platform's, as the page says it.
OTHER_KEYS = {
    ("bucket_logs", "s3_bucket"): "buckets of access logs",
    ("cognito", "cognito_idp_user_pool"): "the user pool and its logs",
    ("cognito", "logs_log_group"): "the user pool and its logs",
    ("frontend", "logs_log_group"): "logs of CloudFront and its web ACL (`frontend_log_kms_key_arn`)",
    ("frontend", "s3_bucket"): "the front end's bucket",
}
# An index has the key of its bucket.
WITHOUT = {("knowledge_base", "s3vectors_index")}
KEY = re.compile(r"kms_key\w*|encryption|encryption_key_arn|key_id|key_configuration|\w+_kms_key_id")


def key_options() -> dict[str, set[str]]:
    """The options of modules by which something gets its key."""
    found = {name: {option for option in load_module(name).options if KEY.fullmatch(option)} for name in module_names()}
    return {name: options for name, options in found.items() if options and name != "kms_key"}


def test_everything_has_the_platforms_key_but_what_the_page_names():
    options, seen, others = key_options(), 0, set()
    for path in (path for path in FILES if path.parent.name == "tasks" and not path.stem.startswith("absent")):
        for task in mappings(read(path)):
            for name in options.keys() & {str(key).removeprefix("agent_platform.aws.") for key in task}:
                arguments = task.get(f"agent_platform.aws.{name}")
                if not isinstance(arguments, dict) or arguments.get("state") == "absent":
                    continue
                seen += 1
                given = [arguments[option] for option in options[name] if option in arguments]
                keys = [one.get("kms_key_id") if isinstance(one, dict) else one for one in given]
                if not keys or not all(key_fact(role_of(path), key) for key in keys):
                    others.add((role_of(path), name))
    assert seen > 20
    assert others == OTHER_KEYS.keys() | WITHOUT
    assert [phrase for phrase in OTHER_KEYS.values() if phrase not in UNDEFENDED] == []


def test_volumes_have_the_platforms_key():
    volumes = [
        (role_of(path), one)
        for path in FILES
        for one in mappings(read(path))
        if "volume_type" in one and "encrypted" in one
    ]
    assert len(volumes) == 2
    assert all(one["encrypted"] is True and key_fact(role, one["kms_key_id"]) for role, one in volumes)


def test_data_stores_take_tls_alone():
    def settings(role: str, module: str) -> dict[str, Any]:
        (found,) = [task for task in load(role, "tasks/main.yml") if f"agent_platform.aws.{module}" in task]
        return found[f"agent_platform.aws.{module}"]

    assert DEFAULTS["aurora_cluster_parameters"]["rds.force_ssl"] == "1"
    assert settings("redis", "elasticache_replication_group")["transit_encryption_mode"] == "required"
    domain = settings("opensearch", "opensearch_domain")
    assert (domain["enforce_https"], domain["anonymous_auth"], domain["internal_user_database"]) == (True, False, False)


# ---- What runs in the cluster

RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def pods() -> dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The security contexts of each kind of pod that the roles declare, of the pod and of its container."""
    gateways, database = load("gateways"), load("gateways", "vars/database.yml")["__gateways_database_pod"]
    controller, telemetry = load("cluster_services")["__cluster_services_controller_values"], load("telemetry")
    (container,) = database["containers"]
    changes = [telemetry["__telemetry_opensearch"], telemetry["__telemetry_prometheus"]]
    made = collectors(telemetry["__telemetry_table"], telemetry["__telemetry_common"], changes)
    return {
        "gateways": (
            gateways["__gateways_deployment_spec"]["template"]["spec"]["securityContext"],
            gateways["__gateways_container_base"]["securityContext"],
        ),
        "database": (database["securityContext"], container["securityContext"]),
        "controller": (controller["podSecurityContext"], controller["securityContext"]),
        **{item["name"]: (item["spec"]["podSecurityContext"], item["spec"]["securityContext"]) for item in made},
    }


@pytest.mark.parametrize("name", pods())
def test_no_container_of_the_platforms_is_root_or_writes_to_its_image(name: str):
    pod, container = pods()[name]
    assert RESTRICTED.items() <= container.items()
    assert (pod | container)["runAsNonRoot"] is True
    assert (pod | container).get("runAsUser", 1) != 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    # Root's group reads the logs of a node.
    assert (pod.get("runAsGroup") == 0) == (name == "logs")


def test_these_are_all_containers_that_roles_declare():
    """What has an image and isn't among those above is a chart that says itself how it runs."""
    found = [
        (role_of(path), name)
        for path in FILES
        if path.parent.name == "vars" and path.stem != "presets"
        for name, value in read(path).items()
        for one in mappings(value)
        if "image" in one
    ]
    assert set(found) == {
        ("cluster_services", "__cluster_services_controller_values"),
        ("cluster_services", "__cluster_services_operator_values"),
        ("gateways", "__gateways_container_base"),
        ("gateways", "__gateways_database_pod"),
        ("telemetry", "__telemetry_common"),
        ("telemetry", "__telemetry_opensearch"),
    }
    assert "run as they say themselves, but for the load balancer controller" in UNDEFENDED


def test_one_namespace_alone_admits_more_than_restricted_pods():
    assert VARIABLES["cluster_services_namespaces"]["options"]["pod_security"]["default"] == "restricted"
    declared = [
        *DEFAULTS["cluster_services_namespaces"],
        load("cluster_services")["__cluster_services_operator_namespace"],
    ]
    other = {item["name"] for item in declared if item.get("pod_security", "restricted") != "restricted"}
    assert other == {"observability-nodes"}
    assert "platform but `observability-nodes`" in DEFENDED


def test_agents_reach_dns_gateways_and_collectors_alone():
    (agents,) = [item for item in DEFAULTS["cluster_services_namespaces"] if item["name"] == "agents"]
    assert set(agents["traffic"]) == {"dns", "gateways", "telemetry"}


def test_gateways_have_no_token_for_the_api():
    gateways, database = load("gateways"), load("gateways", "vars/database.yml")["__gateways_database_pod"]
    pod = gateways["__gateways_deployment_spec"]["template"]["spec"]
    for one in (gateways["__gateways_service_account"], pod, database):
        assert one["automountServiceAccountToken"] is False
    (rule,) = load("telemetry")["__telemetry_reader"]["rules"]
    assert (rule["resources"], set(rule["verbs"])) == (["pods"], {"get", "list", "watch"})
