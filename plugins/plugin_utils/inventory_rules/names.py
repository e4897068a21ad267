# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One owner for each name: two things of one name would be made from two sides, in turn, by every run."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name, same_name

from .fault import Fault

# What each kind of name is called, by the names that module_utils/names.py has for them.
TITLES = {
    "appconfig_application": "AppConfig application",
    "appconfig_environment": "AppConfig environment",
    "appconfig_profile": "AppConfig configuration profile",
    "appconfig_strategy": "AppConfig deployment strategy",
    "backup_plan": "backup plan",
    "backup_vault": "backup vault",
    "bedrock_guardrail": "guardrail",
    "bedrock_knowledge_base": "knowledge base",
    "cloudfront_distribution": "CloudFront distribution",
    "cloudfront_function": "CloudFront function",
    "cloudfront_origin_access_control": "CloudFront origin access control",
    "cloudfront_response_headers_policy": "CloudFront response headers policy",
    "cloudfront_vpc_origin": "CloudFront VPC origin",
    "cognito_domain": "user pool domain",
    "cognito_identity_pool": "identity pool",
    "cognito_user_pool": "user pool",
    "dynamodb_table": "DynamoDB table",
    "ecr_repository": "ECR repository",
    "eks_cluster": "EKS cluster",
    "eks_nodegroup": "node group",
    "elasticache_parameter_group": "cache parameter group",
    "elasticache_replication_group": "replication group",
    "elasticache_subnet_group": "cache subnet group",
    "iam_role": "IAM role",
    "instance_profile": "instance profile",
    "kms_alias": "KMS alias",
    "launch_template": "launch template",
    "log_delivery": "log delivery",
    "log_group": "log group",
    "logs_resource_policy": "CloudWatch Logs resource policy",
    "opensearch_domain": "OpenSearch domain",
    "opensearchserverless_collection": "collection of OpenSearch Serverless",
    "rds_cluster": "RDS cluster",
    "rds_event_subscription": "RDS event subscription",
    "rds_instance": "RDS instance",
    "rds_parameter_group": "RDS parameter group",
    "rds_subnet_group": "RDS subnet group",
    "s3_bucket": "S3 bucket",
    "s3vectors_vector_bucket": "S3 vector bucket",
    "secret": "secret",
    "security_group": "security group",
    "sns_topic": "SNS topic",
    "ssm_document": "Session document",
    "web_acl": "web ACL",
}


class Name(t.NamedTuple):
    """A name that a component gives to something of its own, or takes away from it.

    variable: the input that it comes from; empty where it follows from the platform's name alone. removed: whether the
    inventory declares it absent.
    """

    kind: str
    name: str
    variable: str = ""
    removed: bool = False


def fixed_names(prefix: str | None, **things: Collection[str]) -> Iterator[Name]:
    """Names that no input changes but the platform's: by their kind the parts that come after the prefix."""
    for kind, those in things.items():
        for thing in those:
            if prefix:
                yield Name(kind, resource_name(thing, prefix, kind))


def log_bucket(values: Mapping[str, t.Any], thing: str) -> Iterator[Name]:
    """The bucket for the access logs of another one, where the platform makes it."""
    prefix, account = values.get("platform_prefix"), values.get("platform_account_id")
    if prefix and account and values.get("platform_access_logs") and not values.get("platform_access_log_bucket"):
        yield from fixed_names(prefix, s3_bucket=[f"{thing}-logs-{account}"])


def named_entries(
    prefix: str | None, variable: str, entries: Collection[Mapping], kind: str, before: str = "", key: str = ""
) -> Iterator[Name]:
    """Names of what is made of the entries of a list, or of what each has under a key."""
    for index, entry in enumerate(entries or []):
        name = (entry.get(key) or {} if key else entry).get("name")
        if prefix and name:
            path = f"{variable}[{index}].{key + '.' if key else ''}name"
            removed = entry.get("state") == "absent"
            yield Name(kind, resource_name(f"{before}{name}", prefix, kind), path, removed)


def name_faults(names: Mapping[str, Collection[Name]]) -> Iterator[tuple[str, str, Fault]]:
    """What more than one owner claims, with the components of both. names: by component those that it claims."""
    claims: dict[tuple[str, str], list[tuple[str, Name]]] = {}
    for component, own in names.items():
        for item in own:
            claims.setdefault((item.kind, same_name(item.name, item.kind)), []).append((component, item))
    for those in claims.values():
        # The one to be renamed last: a name from an input.
        first, *rest = sorted(those, key=lambda claim: bool(claim[1].variable))
        for other in rest:
            if clash := _clash(first, other):
                yield first[0], other[0], clash


def _clash(first: tuple[str, Name], second: tuple[str, Name]) -> Fault | None:
    (component, one), (other_component, other) = first, second
    # The same name twice in one list is the list's own fault.
    in_one_list = one.variable and one.variable.partition("[")[0] == other.variable.partition("[")[0]
    if (in_one_list and one.name == other.name) or (one.removed and other.removed):
        return None
    makes = "removes" if other.removed else "makes"
    spelling = "" if one.name == other.name else f" as {one.name}, and AWS takes both for the same"
    owner = f"{one.variable} ({component})" if one.variable else component
    return Fault(
        other.variable or other_component,
        f"{makes} the {TITLES[other.kind]} {other.name}, which is that of {owner}{spelling}: each has one owner,"
        " so give this one another name",
    )
