# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names that preflight watches over are those that a run gives."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.names import TITLES
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load
from tests.support.components import shared
from tests.support.playbook import PREFIX, REGION

from . import components, edge
from .census import tags_of
from .components import aurora, bastion_instance, cognito, frontend, opensearch, redis
from .components import feature_flags as flags
from .components import knowledge_base as knowledge


def named(lister) -> dict[str, list[tuple[str, dict]]]:
    """By kind what has names of their own, with their tags."""
    account = lister.account
    iam, eks, s3, kms = (account.client(name) for name in ("iam", "eks", "s3", "kms"))
    serverless = account.client("opensearchserverless")
    clusters = [
        eks.describe_cluster(name=name)["cluster"] for name in account.pages("eks", "list_clusters", "clusters")
    ]
    groups = [
        eks.describe_nodegroup(clusterName=cluster["name"], nodegroupName=name)["nodegroup"]
        for cluster in clusters
        for name in account.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster["name"])
    ]
    profiles = account.pages("iam", "list_instance_profiles", "InstanceProfiles")
    buckets = s3.list_buckets()["Buckets"]
    aliases = [alias for alias in account.pages("kms", "list_aliases", "Aliases") if alias.get("TargetKeyId")]
    user_pools = cognito.user_pools(lister)
    repositories = components.of("registry").repositories(lister)
    applications = flags.applications(account)
    return {
        "appconfig_application": [(item["Name"], tags_of(item)) for item in applications],
        "appconfig_environment": [
            (item["Name"], tags_of(item)) for one in applications for item in flags.environments(account, one)
        ],
        "appconfig_profile": [
            (item["Name"], tags_of(item)) for one in applications for item in flags.profiles(account, one)
        ],
        "appconfig_strategy": [(item["Name"], tags_of(item)) for item in flags.strategies(account)],
        # Made only where that is asked for: test_bastion_backup.py.
        "backup_plan": [(item["BackupPlanName"], tags_of(item)) for item in bastion_instance.plans(lister)],
        "backup_vault": [(item["BackupVaultName"], tags_of(item)) for item in bastion_instance.vaults(lister)],
        "bedrock_guardrail": [(item["name"], tags_of(item)) for item in knowledge.guardrails(lister)],
        "bedrock_knowledge_base": [(item["name"], tags_of(item)) for item in knowledge.bases(lister)],
        "cloudfront_distribution": [(item["Comment"], tags_of(item)) for item in frontend.distributions(lister)],
        "cloudfront_function": [(item["Name"], tags_of(item)) for item in frontend.functions(lister)],
        # They have no tags.
        "cloudfront_origin_access_control": [
            (item["Name"], {"Component": "frontend"}) for item in frontend.controls(account)
        ],
        "cloudfront_response_headers_policy": [
            (item["ResponseHeadersPolicyConfig"]["Name"], {"Component": "frontend"})
            for item in frontend.policies(account)
        ],
        "cloudfront_vpc_origin": [(item["Name"], tags_of(item)) for item in edge.vpc_origins(lister)],
        # It has the tags of its user pool.
        "cognito_domain": [(item["Domain"], tags_of(item)) for item in user_pools if "Domain" in item],
        "cognito_identity_pool": [(item["IdentityPoolName"], tags_of(item)) for item in cognito.identity_pools(lister)],
        "cognito_user_pool": [(item["Name"], tags_of(item)) for item in user_pools],
        "dynamodb_table": [(item["TableName"], tags_of(item)) for item in components.of("dynamodb").tables(lister)],
        "ecr_repository": [(item["repositoryName"], tags_of(item)) for item in repositories],
        "eks_cluster": [(item["name"], tags_of(item)) for item in clusters],
        "eks_nodegroup": [(item["nodegroupName"], tags_of(item)) for item in groups],
        "elasticache_parameter_group": [
            (item["CacheParameterGroupName"], tags_of(item)) for item in redis.parameter_groups(lister)
        ],
        "elasticache_replication_group": [
            (item["ReplicationGroupId"], tags_of(item)) for item in redis.replication_groups(lister)
        ],
        "elasticache_subnet_group": [
            (item["CacheSubnetGroupName"], tags_of(item)) for item in redis.subnet_groups(lister)
        ],
        "iam_role": [(item["RoleName"], tags_of(item)) for item in lister.roles()],
        "instance_profile": [
            (name, tags_of(iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]))
            for name in (item["InstanceProfileName"] for item in profiles)
        ],
        "kms_alias": [
            (alias["AliasName"].removeprefix("alias/"), tags_of(kms.list_resource_tags(KeyId=alias["TargetKeyId"])))
            for alias in aliases
            if not alias["AliasName"].startswith("alias/aws/")
        ],
        "launch_template": [
            (item["LaunchTemplateName"], tags_of(item))
            for item in lister.ec2("describe_launch_templates", "LaunchTemplates")
        ],
        "log_delivery": [(item["name"], tags_of(item)) for item in lister.log_deliveries("delivery_sources")],
        "log_group": [(item["logGroupName"], tags_of(item)) for item in lister.log_groups()],
        # They have no tags.
        "logs_resource_policy": [(name, {"Component": "opensearch"}) for name in opensearch.log_policies(lister)],
        "opensearch_domain": [(item["DomainName"], tags_of(item)) for item in opensearch.domains(lister)],
        "opensearchserverless_collection": [
            (item["name"], tags_of(serverless.list_tags_for_resource(resourceArn=item["arn"])))
            for item in account.pages("opensearchserverless", "list_collections", "collectionSummaries")
        ],
        "rds_cluster": [(item["DBClusterIdentifier"], tags_of(item)) for item in aurora.clusters(lister)],
        "rds_event_subscription": [(item["Name"], tags_of(item)) for item in aurora.listed(lister, "subscription")],
        "rds_instance": [(item["DBInstanceIdentifier"], tags_of(item)) for item in aurora.instances(lister)],
        "rds_parameter_group": [(item["Name"], tags_of(item)) for item in aurora.listed(lister, "cluster parameters")],
        "rds_subnet_group": [(item["Name"], tags_of(item)) for item in aurora.listed(lister, "subnet group")],
        "s3_bucket": [(item["Name"], tags_of(s3.get_bucket_tagging(Bucket=item["Name"]))) for item in buckets],
        "s3vectors_vector_bucket": [
            (item["vectorBucketName"], tags_of(item)) for item in knowledge.vector_buckets(lister)
        ],
        "secret": [
            (item["Name"], tags_of(item)) for item in account.pages("secretsmanager", "list_secrets", "SecretList")
        ],
        "security_group": [
            (item["GroupName"], tags_of(item)) for item in lister.ec2("describe_security_groups", "SecurityGroups")
        ],
        "sns_topic": [(item["TopicArn"].rpartition(":")[2], tags_of(item)) for item in aurora.topics(lister)],
        "ssm_document": [
            (item["Name"], tags_of(item))
            for item in account.pages(
                "ssm", "list_documents", "DocumentIdentifiers", Filters=[{"Key": "Owner", "Values": ["Self"]}]
            )
        ],
        "web_acl": [(item["Name"], tags_of(item)) for item in frontend.web_acls(lister)],
    }


@pytest.mark.by_component
def test_each_component_has_the_names_that_it_claims(platform, lister):
    made = defaultdict(set)
    found = named(lister)
    assert set(found) == set(TITLES)
    for kind, things in found.items():
        for name, tags in things:
            # AWS names the default group of a VPC itself.
            if re.search(rf"(^|[/-]){PREFIX}", name) and "Component" in tags:
                made[tags["Component"]].add((kind, name))
    for component in platform.components:
        values = load(component, "defaults/main.yml") | {
            "platform_prefix": PREFIX,
            "platform_account_id": platform.account.id,
            "platform_region": REGION,
            "platform_gateways": shared()["platform_gateways"],
        }
        claimed = {(item.kind, item.name) for item in component_names(component, values)}
        assert claimed == made[component], component
