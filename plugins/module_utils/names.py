# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Names of the platform's resources and the length that each AWS service allows them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

# Longest name that the service accepts. kms_alias is counted without its "alias/", log_group and paths as a whole.
LIMITS = {
    "appconfig_application": 64,
    "appconfig_environment": 64,
    "appconfig_profile": 128,
    "appconfig_strategy": 64,
    "backup_plan": 50,
    "backup_vault": 50,
    "bedrock_guardrail": 50,
    "bedrock_knowledge_base": 100,
    "cloudfront_distribution": 128,
    "cloudfront_function": 64,
    "cloudfront_origin_access_control": 64,
    "cloudfront_response_headers_policy": 128,
    "cloudfront_vpc_origin": 64,
    "cognito_client": 128,
    "cognito_domain": 63,
    "cognito_identity_pool": 128,
    "cognito_resource_server": 256,
    "cognito_user_pool": 128,
    "dynamodb_table": 255,
    "ec2_tag_name": 255,
    "ecr_repository": 256,
    "eks_cluster": 100,
    "eks_nodegroup": 63,
    "elasticache_parameter_group": 255,
    "elasticache_replication_group": 40,
    "elasticache_subnet_group": 255,
    "iam_policy": 128,
    "iam_role": 64,
    "kms_alias": 250,
    "launch_template": 128,
    "log_delivery": 60,
    "log_group": 512,
    "logs_resource_policy": 255,
    "opensearch_domain": 28,
    "opensearchserverless_collection": 32,
    "rds_cluster": 63,
    "rds_event_subscription": 255,
    "rds_instance": 63,
    "rds_parameter_group": 255,
    "rds_subnet_group": 255,
    "s3_bucket": 63,
    "s3vectors_index": 63,
    "s3vectors_vector_bucket": 63,
    "secret": 512,
    "security_group": 255,
    "sns_topic": 256,
    "ssm_document": 128,
    "web_acl": 128,
}

# Kinds of which AWS doesn't distinguish names by case.
CASELESS = frozenset({"iam_policy", "iam_role", "instance_profile"})

# Kinds whose names are paths, with the prefix as their first part.
PATHS = frozenset({"ecr_repository"})

HASH_LENGTH = 6

# The platform's security groups, by the part of their names that says whose they are.
SECURITY_GROUPS = ("nodes", "cluster", "aurora", "redis", "opensearch", "bastion", "endpoints", "ingress")


def shorten(name: str, limit: int) -> str:
    """Return name if it fits, else its beginning and a hash of the whole, the same at every call."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:HASH_LENGTH]
    return name[: limit - HASH_LENGTH - 1].rstrip("-_./") + "-" + digest


def same_name(name: str, kind: str) -> str:
    """Return what is equal for names that the service takes for the same."""
    return name.lower() if kind in CASELESS else name


def resource_name(thing: str, prefix: str, kind: str) -> str:
    """Return the name of a platform's thing, such as agent-platform-dev-flow-logs, within the limit of its kind."""
    if kind not in LIMITS:
        raise ValueError(f"no limit is known for names of kind {kind!r}; known kinds: {', '.join(sorted(LIMITS))}")
    if not thing or not prefix:
        raise ValueError(f"a {kind} name needs a thing and a prefix, got thing={thing!r} prefix={prefix!r}")
    name = f"{prefix}{'/' if kind in PATHS else '-'}{thing}"
    if kind == "security_group" and name.startswith("sg-"):
        raise ValueError(f"the name of a security group can't begin with sg-, got {name!r}; rename the platform")
    return shorten(name, LIMITS[kind])


def existing_roles(existing: Mapping[str, str], prefix: str) -> dict[str, str]:
    """ARNs of roles that someone else has made, by the names of those in whose place they are."""
    return {resource_name(thing, prefix, "iam_role"): arn for thing, arn in existing.items()}
