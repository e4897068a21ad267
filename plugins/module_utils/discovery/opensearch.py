# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's OpenSearch domain, its master role, its logs and the policy for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from .base import Component, Search, listed, tags_of

MASTER_ROLE = "opensearch-master"
LOGS = ("application", "audit", "index-slow", "search-slow")
LOG_POLICY = "opensearch-logs"
# The statement of the policy for the logs that is the platform's: policies have no tags.
LOG_SID = "OpenSearchLogsOf"
# Ways to sign in besides IAM, by where a domain's description has the switch.
SIGN_INS = {
    "Cognito": ("CognitoOptions", "Enabled"),
    "IAM federation": ("AdvancedSecurityOptions", "IAMFederationOptions", "Enabled"),
    "IAM Identity Center": ("IdentityCenterOptions", "EnabledAPIAccess"),
    "JWT": ("AdvancedSecurityOptions", "JWTOptions", "Enabled"),
    "SAML": ("AdvancedSecurityOptions", "SAMLOptions", "Enabled"),
}


def log_sid(prefix: str) -> str:
    """The Sid of the platform's statement: letters and digits only."""
    return LOG_SID + "".join(part.capitalize() for part in prefix.split("-"))


def empty(_search: Search) -> dict[str, Any]:
    return {
        "domain_name": None,
        "domain_arn": None,
        "status": None,
        "engine_version": None,
        "endpoint": None,
        "dashboard_endpoint": None,
        "kms_key_arn": None,
        "vpc_id": None,
        "availability_zones": [],
        "instance_type": None,
        "instance_count": None,
        "volume_size_gib": None,
        "master_role_arn": None,
        "other_sign_ins": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    name = search.scope.name("search", "opensearch_domain")
    described = search.start("opensearch", "describe_domain", DomainName=name)
    roles = search.start_roles([MASTER_ROLE])
    groups = search.start_log_group(f"/aws/opensearch/{search.scope.prefix}/")
    policies = search.start("logs", "describe_resource_policies")
    if domain := (described.result() or {}).get("DomainStatus"):
        tags = tags_of(search.read("opensearch", "list_tags", ARN=domain["ARN"]) or {}, "TagList")
        if search.owns(tags):
            _add_domain(search, facts, domain)
        else:
            search.foreign(f"OpenSearch domain {name}", tags)
    facts["master_role_arn"] = search.roles(roles)[MASTER_ROLE]
    for log in LOGS:
        search.check_log_group(f"/aws/opensearch/{search.scope.prefix}/{log}", groups, written=False)
    _check_policy(search, policies)


def _add_domain(search: Search, facts: dict[str, Any], domain: Mapping[str, Any]) -> None:
    network, cluster = domain.get("VPCOptions") or {}, domain.get("ClusterConfig") or {}
    endpoint = (domain.get("Endpoints") or {}).get("vpc") or domain.get("Endpoint")
    facts.update(
        domain_name=domain["DomainName"],
        domain_arn=domain["ARN"],
        status=domain.get("DomainProcessingStatus") or ("Modifying" if domain.get("Processing") else "Active"),
        engine_version=domain.get("EngineVersion"),
        endpoint=endpoint or None,
        dashboard_endpoint=f"https://{endpoint}/_dashboards" if endpoint else None,
        kms_key_arn=(domain.get("EncryptionAtRestOptions") or {}).get("KmsKeyId"),
        vpc_id=network.get("VPCId"),
        availability_zones=sorted(network.get("AvailabilityZones") or []),
        instance_type=cluster.get("InstanceType"),
        instance_count=cluster.get("InstanceCount"),
        volume_size_gib=(domain.get("EBSOptions") or {}).get("VolumeSize"),
        other_sign_ins=[name for name, path in SIGN_INS.items() if _is_on(domain, path)],
    )
    if facts["other_sign_ins"]:
        search.warnings.append(
            f"opensearch: the domain {domain['DomainName']} can be signed in to by {listed(facts['other_sign_ins'])},"
            " too, which is none of the platform's. Turn it off unless somebody needs it."
        )


def _is_on(domain: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = domain
    for key in path:
        value = (value or {}).get(key)
    return bool(value)


def _check_policy(search: Search, started: Future) -> None:
    """Note a policy of our name without our statement: it has no tags that say whose it is."""
    name = search.scope.name(LOG_POLICY, "logs_resource_policy")
    for policy in (started.result() or {}).get("resourcePolicies", []):
        if policy["policyName"] == name and log_sid(search.scope.prefix) not in _sids(policy["policyDocument"]):
            search.foreign(f"CloudWatch Logs resource policy {name}", {})


def _sids(document: str) -> list[str | None]:
    statements = json.loads(document).get("Statement") or []
    return [item.get("Sid") for item in ([statements] if isinstance(statements, dict) else statements)]


def summary(facts: Mapping[str, Any]) -> list[str]:
    nodes = f"{facts['instance_count']} {facts['instance_type']}"
    return [
        f"{facts['domain_name']} {facts['engine_version']} {facts['status']}",
        f"{nodes} in {listed(facts['availability_zones'])}",
    ]


def offers(search: Search) -> dict[str, Any]:
    """What OpenSearch Service offers, and the names of the account's policies for CloudWatch Logs."""
    name = search.scope.name("search", "opensearch_domain")
    listed_versions = search.start("opensearch", "list_versions")
    compatible = search.start("opensearch", "get_compatible_versions", DomainName=name)
    policies = search.start("logs", "describe_resource_policies").result()
    versions = (listed_versions.result() or {}).get("Versions", [])
    # The newest comes first.
    types = search.read("opensearch", "list_instance_type_details", EngineVersion=versions[0]) if versions else None
    return {
        "versions": versions,
        "upgrades": [
            version
            for item in (compatible.result() or {}).get("CompatibleVersions", [])
            for version in item.get("TargetVersions", [])
        ],
        "instance_types": {
            item["InstanceType"]: sorted(role.lower() for role in item.get("InstanceRole", []))
            for item in (types or {}).get("InstanceTypeDetails", [])
        },
        "log_policies": sorted(policy["policyName"] for policy in (policies or {}).get("resourcePolicies", [])),
    }


COMPONENT = Component(
    name="opensearch",
    services=("iam", "logs", "opensearch"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["domain_name"] is not None,
    summary=summary,
    offers=offers,
)
