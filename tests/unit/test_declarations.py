# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules declare is what AWS's model knows and what their documentation says; and a typo doesn't get past."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.declarations import (
    Addition,
    Create,
    Delete,
    Describe,
    Setting,
    States,
    Tagging,
    Update,
)
from tests.support.declarations import Checker, Exceptions, load, module_names
from tests.support.unmanaged import Coverage, Regarded, readme, roles, section, table, with_section

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:sample"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/sample"
BEHAVIOR = {
    "allowed_methods": ["GET", "HEAD"],
    "cache_policy": "CachingOptimized",
    "cached_methods": ["GET", "HEAD"],
    "compress": True,
    "function_associations": [{"event_type": "viewer-request", "function_arn": "sample"}],
    "lambda_function_associations": [
        {"event_type": "origin-request", "include_body": True, "lambda_function_arn": "sample"}
    ],
    "origin_request_policy": "AllViewer",
    "response_headers_policy": "SimpleCORS",
    "target_origin_id": "sample",
    "trusted_key_groups": ["sample"],
    "viewer_protocol_policy": "https-only",
}
ORIGIN = {
    "connection_attempts": 3,
    "connection_timeout": 10,
    "custom_headers": [{"header_name": "sample", "header_value": "sample"}],
    "domain_name": "sample",
    "id": "sample",
    "origin_access_control_id": "sample",
    "origin_path": "/sample",
    "origin_shield_region": "us-west-2",
}
ENDPOINT = {
    "http_port": 80,
    "https_port": 443,
    "origin_protocol_policy": "https-only",
    "origin_ssl_protocols": ["TLSv1.2"],
}
TIMEOUTS = {"origin_keepalive_timeout": 5, "origin_read_timeout": 30}

IMMUNE = {"immunity_time_property": {"immunity_time": 300}}
WEB_ACL = {
    "association_config": {"request_body": {"CLOUDFRONT": {"default_size_inspection_limit": "KB_16"}}},
    "captcha_config": IMMUNE,
    "challenge_config": IMMUNE,
    "custom_response_bodies": {"sample": {"content_type": "TEXT_PLAIN", "content": "sample"}},
    "data_protection_config": {"data_protections": [{"action": "HASH", "field": {"field_type": "BODY"}}]},
    "default_action": {"allow": {}},
    "log_destination_arn": "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-sample",
    "logging_filter": {"default_behavior": "KEEP", "filters": []},
    "redacted_fields": [{"method": {}}],
    "rules": [
        {
            "name": "sample",
            "priority": 1,
            "statement": {"geo_match_statement": {"country_codes": ["AQ"]}},
            "action": {"block": {}},
            "rule_labels": [{"name": "sample"}],
            "captcha_config": IMMUNE,
            "challenge_config": IMMUNE,
        },
        {
            "name": "managed",
            "priority": 2,
            "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": "sample"}},
        },
    ],
}

EXCEPTIONS = Exceptions(
    fewer_choices={
        "cognito_idp_user_pool.allowed_first_auth_factors": "SOFTWARE_TOKEN is in the API and not taken yet",
        "bedrock_agent_knowledge_base.storage_configuration.type": "the others are stores of others, or for other uses",
        "acm_certificate.key_algorithm": "the others are for imported certificates",
        "cloudfront_distribution.price_class": "None is for distributions that tenants share",
        "ec2_vpc_endpoint.type": "endpoints of load balancers, resources and service networks have other options",
    },
    samples={
        "bedrock_guardrail.guardrail_profile": "us.guardrail.v1:0",
        "cognito_idp_user_pool.account_takeover_risk_configuration.notify_configuration.source_arn": FUNCTION,
        "cognito_idp_user_pool.email_configuration.source_arn": FUNCTION,
        "cognito_idp_user_pool.key_configuration.kms_key_arn": FUNCTION,
        **{
            f"cognito_idp_user_pool.lambda_config.{name}": FUNCTION
            for name in (
                "create_auth_challenge",
                "custom_email_sender.lambda_arn",
                "custom_message",
                "custom_sms_sender.lambda_arn",
                "define_auth_challenge",
                "inbound_federation.lambda_arn",
                "kms_key_id",
                "post_authentication",
                "post_confirmation",
                "pre_authentication",
                "pre_sign_up",
                "pre_token_generation_config.lambda_arn",
                "user_migration",
                "verify_auth_challenge_response",
            )
        },
        "cognito_idp_user_pool.log_configurations.cloud_watch_logs_configuration.log_group_arn": FUNCTION,
        "cognito_idp_user_pool.log_configurations.firehose_configuration.stream_arn": FUNCTION,
        "cognito_idp_user_pool.mfa_configuration": "ON",
        "cognito_idp_user_pool.password_policy.minimum_length": 8,
        "cognito_idp_user_pool_client.auth_session_validity": 3,
        "cognito_idp_user_pool_domain.certificate_arn": CERTIFICATE,
        "cloudfront_distribution.cache_behaviors": [BEHAVIOR | {"path_pattern": "/sample/*"}],
        "cloudfront_distribution.default_cache_behavior": BEHAVIOR,
        "cloudfront_distribution.origins": [
            ORIGIN,
            ORIGIN | {"vpc_origin_config": {"vpc_origin_id": "sample", **TIMEOUTS}},
            ORIGIN | {"custom_origin_config": {**ENDPOINT, **TIMEOUTS}},
        ],
        "cloudfront_function.test_events": None,
        "cognito_identity_pool.open_id_connect_provider_arns": ["arn:aws:iam::123456789012:oidc-provider/sample"],
        "cognito_identity_pool.saml_provider_arns": ["arn:aws:iam::123456789012:saml-provider/sample"],
        "cognito_identity_pool.role_mappings": [
            {"identity_provider": "sample", "type": "Token", "ambiguous_role_resolution": "Deny"}
        ],
        "cognito_identity_pool.roles": {"authenticated": "arn:aws:iam::123456789012:role/sample"},
        "cognito_idp_group.role_arn": "arn:aws:iam::123456789012:role/sample",
        "appconfig_environment.monitors": [
            {
                "alarm_arn": "arn:aws:cloudwatch:us-west-2:123456789012:alarm:sample",
                "alarm_role_arn": "arn:aws:iam::123456789012:role/sample",
            }
        ],
        "bedrock_agent_data_source.chunking_configuration": {
            "chunking_strategy": "HIERARCHICAL",
            "fixed_size_chunking_configuration": {"max_tokens": 300, "overlap_percentage": 20},
            "hierarchical_chunking_configuration": {
                "level_configurations": [{"max_tokens": 1500}, {"max_tokens": 300}],
                "overlap_tokens": 60,
            },
            "semantic_chunking_configuration": {
                "max_tokens": 300,
                "buffer_size": 0,
                "breakpoint_percentile_threshold": 95,
            },
        },
        "bedrock_agent_data_source.bucket_owner_account_id": "123456789012",
        "bedrock_agent_knowledge_base.embedding_model_arn": "arn:aws:bedrock:us-west-2::foundation-model/sample",
        "dynamodb_table.kinesis_destinations": ["arn:aws:kinesis:us-west-2:123456789012:stream/sample"],
        "ecr_repository.lifecycle_policy": {"rules": [{"rulePriority": number} for number in range(9)]},
        "iam_oidc_provider.thumbprints": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
        "iam_role.inline_policies": {"sample": {}},
        "iam_role.managed_policies": ["arn:aws:iam::aws:policy/sample"],
        "iam_role.max_session_duration": 3600,
        "iam_role.permissions_boundary": "arn:aws:iam::aws:policy/sample",
        "kms_key.rotation_period_days": 90,
        "logs_resource_policy.policy": '{"Statement": [{"Sid": "sample"}]}',
        "rds_cluster.restore_cluster": "",
        "rds_cluster.restore_snapshot": "",
        "opensearch_domain.engine_version": "OpenSearch_3.5",
        "opensearch_domain.log_groups": {"AUDIT_LOGS": "arn:aws:logs:us-west-2:123456789012:log-group:/sample"},
        "opensearch_domain.master_user_arn": "arn:aws:iam::123456789012:role/sample",
        "opensearch_domain.off_peak_window_start": "22:00",
        **{f"wafv2_web_acl.{name}": value for name, value in WEB_ACL.items()},
    },
    # S3 documents its error codes outside of the model; an answer to HEAD has no code but its status.
    unlisted_codes={
        "opensearchserverless_index.AccessDeniedException": "a data access policy that doesn't count yet",
        "rds_cluster.InvalidParameterValue": "a role that RDS can't assume yet",
        "rds_instance.InvalidParameterValue": "a role that RDS can't assume yet",
        "s3_bucket.404": "HeadBucket on a bucket that doesn't exist",
        "s3_bucket.InvalidTargetBucketForLogging": "a bucket for logs that isn't there yet, or takes none",
        "s3_bucket.MalformedPolicy": "a principal that doesn't exist yet",
        "s3_bucket.OperationAborted": "another operation on the bucket is under way",
    },
)

REGARDED = Regarded(
    elsewhere={
        "cloudfront_distribution.AssociateDistributionTenantWebACL": "a tenant of a distribution",
        "cloudfront_distribution.CreateInvalidationForDistributionTenant": "a tenant of a distribution",
        "cloudfront_distribution.DeleteDistributionTenant": "a tenant of a distribution",
        "cloudfront_distribution.DeleteStreamingDistribution": "a distribution of another kind",
        "cloudfront_distribution.DisassociateDistributionTenantWebACL": "a tenant of a distribution",
        "cloudfront_distribution.UpdateDistributionTenant": "a tenant of a distribution",
        "cloudfront_distribution.UpdateStreamingDistribution": "a distribution of another kind",
        "cloudfront_function.CreateConnectionFunction": "a function of another kind",
        "cognito_idp_user_pool_client.AdminInitiateAuth": "a session of a user",
        "cognito_idp_user_pool_client.AdminRespondToAuthChallenge": "a session of a user",
        "ec2_security_group.CreatePlacementGroup": "a placement group",
        "ec2_security_group.DeletePlacementGroup": "a placement group",
        "ec2_security_group.ModifyAvailabilityZoneGroup": "a group of zones",
        "ec2_security_group.ModifyInstancePlacement": "a placement group",
        "ec2_security_group.ModifySnapshotAttribute": "a group of accounts",
        "eks_cluster.CreateEksAnywhereSubscription": "a subscription",
        "eks_cluster.DeregisterCluster": "a cluster elsewhere that was connected",
        "eks_cluster.RegisterCluster": "a cluster elsewhere that is connected",
        "logs_log_group.PutDeliverySource": "logs of another resource",
        **{
            f"opensearchserverless_collection.{operation}{kind}": what
            for kind, what in (
                ("CollectionGroup", "a group of collections"),
                ("SecurityConfig", "a way for people to sign in"),
                ("VpcEndpoint", "an endpoint"),
            )
            for operation in ("Delete", "Update")
        },
        **{
            f"opensearchserverless_{kind}_policy.{operation}": what
            for kind in ("access", "security")
            for operation, what in {
                "CreateLifecyclePolicy": "a policy for how long data is kept",
                "CreateSecurityConfig": "a way for people to sign in",
                "DeleteLifecyclePolicy": "a policy for how long data is kept",
                "UpdateLifecyclePolicy": "a policy for how long data is kept",
            }.items()
        },
        "rds_cluster_parameter_group.RestoreDBClusterFromS3": "a database",
        "rds_instance_parameter_group.CreateDBInstanceReadReplica": "a database",
        "rds_instance_parameter_group.RestoreDBInstanceFromDBSnapshot": "a database",
        "rds_instance_parameter_group.RestoreDBInstanceFromS3": "a database",
        "rds_instance_parameter_group.RestoreDBInstanceToPointInTime": "a database",
        "rds_subnet_group.CreateDBInstanceReadReplica": "a database",
        "rds_subnet_group.RestoreDBClusterFromS3": "a database",
        "rds_subnet_group.RestoreDBInstanceFromDBSnapshot": "a database",
        "rds_subnet_group.RestoreDBInstanceFromS3": "a database",
        "rds_subnet_group.RestoreDBInstanceToPointInTime": "a database",
        "logs_resource_policy.DeleteAccountPolicy": "a policy for what log groups do with events",
        "logs_resource_policy.PutAccountPolicy": "a policy for what log groups do with events",
        "s3vectors_vector_bucket.UpdateIndexMode": "an index",
        **{
            f"{module}.{operation}": what
            for module in ("ssm_parameters", "ssm_session_document")
            for operation, what in {
                "CreateAssociation": "an association",
                "CreateMaintenanceWindow": "a maintenance window",
                "CreatePatchBaseline": "a patch baseline",
                "DeleteAssociation": "an association",
                "RegisterTargetWithMaintenanceWindow": "a maintenance window",
                "RegisterTaskWithMaintenanceWindow": "a maintenance window",
                "UpdateAssociation": "an association",
                "UpdateAssociationStatus": "an association",
                "UpdateMaintenanceWindow": "a maintenance window",
                "UpdateMaintenanceWindowTarget": "a maintenance window",
                "UpdateMaintenanceWindowTask": "a maintenance window",
                "UpdatePatchBaseline": "a patch baseline",
            }.items()
        },
        "ssm_parameters.ModifyDocumentPermission": "a document",
        "ssm_parameters.UpdateDocumentMetadata": "a document",
        "ssm_session_document.LabelParameterVersion": "a parameter",
        "ssm_session_document.UnlabelParameterVersion": "a parameter",
        **{
            f"wafv2_web_acl.{verb}{thing}": "something that rules may name"
            for thing in ("IPSet", "RegexPatternSet", "RuleGroup")
            for verb in ("Create", "Delete", "Update")
        },
        "wafv2_web_acl.CreateAPIKey": "a key for applications that solve puzzles",
        "wafv2_web_acl.DeleteAPIKey": "a key for applications that solve puzzles",
        "wafv2_web_acl.DeletePermissionPolicy": "a rule group that is shared",
        "wafv2_web_acl.PutPermissionPolicy": "a rule group that is shared",
    },
    members={
        **{
            f"cloudfront_distribution.{call}.DistributionConfig.ViewerCertificate.CloudFrontDefaultCertificate": (
                "it stands for no certificate"
            )
            for call in ("CreateDistributionWithTags.DistributionConfigWithTags", "UpdateDistribution")
        },
        "dynamodb_table.CreateTable.GlobalSecondaryIndexes.OnDemandThroughput": "for tables that are paid by request",
        "s3_bucket.PutBucketLifecycleConfiguration.LifecycleConfiguration.Rules": "a rule that has more is replaced",
        **{
            f"wafv2_web_acl.{operation}.{member}": "compared as a whole"
            for operation in ("CreateWebACL", "UpdateWebACL")
            for member in ("DataProtectionConfig", "DefaultAction", "Rules")
        },
    },
)


@pytest.mark.parametrize("name", module_names())
def test_declaration_fits_the_api_and_the_documentation(name):
    assert Checker(load(name), EXCEPTIONS).problems() == []


@pytest.mark.parametrize("name", module_names())
def test_what_aws_can_change_is_looked_at_or_named_as_unmanaged(name):
    assert unmanaged_problems(name) == []


def unmanaged_problems(name, regarded=REGARDED, **attributes):
    declared = load(name)
    resource = type("Changed", (declared.resource,), {"__module__": declared.resource.__module__, **attributes})
    return Coverage(Checker(dataclasses.replace(declared, resource=resource), EXCEPTIONS), regarded).problems()


@pytest.mark.parametrize("role", roles())
def test_readme_says_what_is_not_managed(role):
    assert section(readme(role).read_text()) == table(role), (
        "PYTHONPATH=collections python -m tests.support.unmanaged writes it"
    )


def test_every_exception_is_needed():
    for name in (*EXCEPTIONS.fewer_choices, *EXCEPTIONS.unlisted_codes):
        module, _, rest = name.partition(".")
        without = dataclasses.replace(
            EXCEPTIONS,
            fewer_choices={key: why for key, why in EXCEPTIONS.fewer_choices.items() if key != name},
            unlisted_codes={key: why for key, why in EXCEPTIONS.unlisted_codes.items() if key != name},
        )
        assert any(rest in problem for problem in Checker(load(module), without).problems()), f"{name} is no exception"
    for kind in ("elsewhere", "members"):
        for name in getattr(REGARDED, kind):
            module, _, rest = name.partition(".")
            others = {key: why for key, why in getattr(REGARDED, kind).items() if key != name}
            problems = unmanaged_problems(module, dataclasses.replace(REGARDED, **{kind: others}))
            assert any(rest in problem for problem in problems), f"{name} is no exception"


# ---- The check itself: each wrong declaration must be found.


def problems_of(name, options=None, documentation=None, **attributes):
    """The problems of a module whose declaration is changed."""
    declared = load(name)
    wrong = type("Wrong", (declared.resource,), attributes)
    declared = dataclasses.replace(
        declared,
        resource=wrong,
        options=options or declared.options,
        documentation=documentation or declared.documentation,
    )
    return "\n".join(Checker(declared, EXCEPTIONS).problems())


def settings_of(name, **changed):
    """The settings of a module with other values for those of one option: option={"member": ...}."""
    return tuple(
        dataclasses.replace(setting, **changed.get(setting.option, {})) for setting in load(name).resource.settings
    )


def updates_of(name, **changed):
    """The updates of a module, those of that name with other values."""
    declared = load(name).resource.updates
    return {key: dataclasses.replace(update, **changed.get(key, {})) for key, update in declared.items()}


def additions_of(name, **changed):
    return tuple(dataclasses.replace(addition, **changed) for addition in load(name).resource.additions)


ENTRY = "eks_access_entry"
LOG = "ec2_flow_log"
ROUTES = "ec2_route_table"
GROUP = "logs_log_group"
ROLE = "iam_role"
ENDPOINT = "ec2_vpc_endpoint"
PROVIDER = "iam_oidc_provider"
TAGGING = load(ENTRY).resource.tagging
EC2_TAGGING = load(LOG).resource.tagging
BUCKET = "s3_bucket"
S3_TAGGING = load(BUCKET).resource.tagging
OTHER_MEMBER = dataclasses.replace(TAGGING, by={"arn": "accessEntryArn"})
LIST_OF_ONE = dataclasses.replace(TAGGING, by={"resourceArn": ["accessEntryArn"]})
STATES = load(ENDPOINT).resource.states


@pytest.mark.parametrize(
    ("name", "attributes", "found"),
    [
        (ENTRY, {"describe": Describe("DescribeAcessEntry", "accessEntry")}, "no operation DescribeAcessEntry"),
        (ENTRY, {"describe": Describe("DescribeAccessEntry", "entry")}, "answer of DescribeAccessEntry has no entry"),
        (LOG, {"describe": Describe("DescribeFlowLogs", "FlowLogs")}, "FlowLogs of DescribeFlowLogs is a list"),
        (ENTRY, {"create": Create("CreateEntry", token="clientRequestToken")}, "no operation CreateEntry"),
        (ENTRY, {"delete": Delete("DeleteEntry")}, "no operation DeleteEntry"),
        (
            ENTRY,
            {"updates": {**load(ENTRY).resource.updates, "entry": Update("UpdateEntry")}},
            "no operation UpdateEntry",
        ),
        (
            ENTRY,
            {"updates": {**load(ENTRY).resource.updates, "more": Update("UpdateAccessEntry")}},
            "changes no setting",
        ),
        (ROUTES, {"extra_operations": ("DeleteRoutes",)}, "no operation DeleteRoutes"),
        (ROUTES, {"extra_operations": ()}, "calls DeleteRoute without declaring it"),
        (
            ROUTES,
            {"extra_operations": (*load(ROUTES).resource.extra_operations, "CreateVpc")},
            "nothing calls CreateVpc",
        ),
        (
            ENTRY,
            {"additions": (Addition("ListAccessPolicies", "policies"),)},
            "answer of ListAccessPolicies has no policies",
        ),
        (ENTRY, {"additions": ()}, "description has no accessPolicies"),
        (
            "bedrock_agent_knowledge_base",
            {"additions": additions_of("bedrock_agent_knowledge_base", itself=False)},
            "what is there where GetKnowledgeBase finds nothing?",
        ),
        (ENTRY, {"names": {"clusterName": "cluster_name", "principal": "principal_arn"}}, "takes no principal"),
        (ENTRY, {"names": {"clusterName": "cluster", "principalArn": "principal_arn"}}, "no option cluster"),
        (LOG, {"identifier": "FlowLogID"}, "description has no FlowLogID"),
        (LOG, {"identifier": None}, "it is needed to tell them apart"),
        (LOG, {"identifier": None}, "what this run has made is told from others by its identifier"),
        (LOG, {"create": Create("CreateFlowLogs")}, "what CreateFlowLogs has made isn't declared"),
        (LOG, {"made_at": "MadeAt"}, "made_at: the description has no MadeAt"),
        (LOG, {"create": Create("CreateFlowLogs", made="FlowLogID")}, "CreateFlowLogs has no FlowLogID"),
        (
            ENTRY,
            {"settings": settings_of(ENTRY, username={"member": "userName"})},
            "CreateAccessEntry takes no userName",
        ),
        (
            ENTRY,
            {"settings": settings_of(ENTRY, username={"option": "user_name"})},
            "user_name: there is no such option",
        ),
        (ENTRY, {"settings": settings_of(ENTRY, username={"read": "user"})}, "description has no user"),
        (ENTRY, {"settings": settings_of(ENTRY, username={"update": "name"})}, "there is no updates['name']"),
        (ENTRY, {"settings": settings_of(ENTRY, type={"update": "entry"})}, "UpdateAccessEntry takes no type"),
        (
            ENDPOINT,
            {"settings": settings_of(ENDPOINT, subnet_ids={"update_members": ("AddSubnets", "RemoveSubnetIds")})},
            "ModifyVpcEndpoint takes no AddSubnets",
        ),
        (
            ENTRY,
            {"settings": settings_of(ENTRY, username={"member": "kubernetesGroups"})},
            "is a str, AWS takes a list",
        ),
        (
            ENDPOINT,
            {"settings": settings_of(ENDPOINT, security_group_ids={"member": "VpcEndpointType"})},
            "security_group_ids: is a list, AWS takes a string",
        ),
        (LOG, {"settings": settings_of(LOG, log_format={"member": "TrafficType"})}, "log_format: has no choices"),
        (LOG, {"settings": settings_of(LOG, traffic_type={"member": "LogDestinationType"})}, "doesn't know accept"),
        (ENTRY, {"create": Create("CreateAccessEntry")}, "takes the token clientRequestToken, and none is declared"),
        (ENTRY, {"create": Create("CreateAccessEntry", token="ClientToken")}, "takes no token ClientToken"),
        (
            ENTRY,
            {
                "updates": {
                    "entry": Update("UpdateAccessEntry", token="token"),
                    "policies": Update("AssociateAccessPolicy"),
                }
            },
            "UpdateAccessEntry takes no token token",
        ),
        (ENTRY, {"create": Create("CreateAccessEntry", token="clientRequestToken", tags="Tags")}, "takes no Tags"),
        (ENTRY, {"create": Create("CreateAccessEntry", token="clientRequestToken", tags=None)}, "request has no tags"),
        (
            LOG,
            {"tagged_as": "", "create_request": lambda self: {"ResourceIds": ["vpc-1"]}},
            "Missing required parameter",
        ),
        (ENTRY, {"tagging": dataclasses.replace(TAGGING, tag="TagResources")}, "no operation TagResources"),
        (ENTRY, {"tagging": OTHER_MEMBER}, "TagResource takes no arn"),
        (
            ENTRY,
            {"tagging": OTHER_MEMBER},
            "TagResource needs resourceArn",
        ),
        (ENTRY, {"tagging": dataclasses.replace(TAGGING, keys_member="keys")}, "UntagResource takes no keys"),
        (ENTRY, {"tagging": dataclasses.replace(TAGGING, style="list")}, "are a map, style is list"),
        (ENTRY, {"tagging": dataclasses.replace(TAGGING, read="labels")}, "has no tags at labels"),
        (ENTRY, {"tagging": dataclasses.replace(TAGGING, by={"resourceArn": "arn"})}, "description has no arn"),
        (
            ENTRY,
            {"tagging": LIST_OF_ONE},
            "is a string, many=True",
        ),
        (LOG, {"tagging": dataclasses.replace(EC2_TAGGING, by={"Resources": "FlowLogId"})}, "is a list, many=False"),
        (LOG, {"tagging": dataclasses.replace(EC2_TAGGING, untag_style="keys")}, "takes Tag in Tags, not keys"),
        (BUCKET, {"tagging": dataclasses.replace(S3_TAGGING, tags_member="Tagging.Tags")}, "takes no Tagging.Tags"),
        (BUCKET, {"tagging": dataclasses.replace(S3_TAGGING, tags_member="TagSet")}, "PutBucketTagging needs Tagging"),
        (ENDPOINT, {"states": dataclasses.replace(STATES, pending=frozenset())}, "pending of State stand in no group"),
        (
            ENDPOINT,
            {"states": dataclasses.replace(STATES, remade=frozenset({"x"}))},
            "x is made again and",
        ),
        (ENDPOINT, {"states": dataclasses.replace(STATES, ready=frozenset({"avail"}))}, "AWS has no avail in State"),
        (
            ENDPOINT,
            {"states": dataclasses.replace(STATES, ready=frozenset({"pending"}))},
            "pending is in ready and pending",
        ),
        (ENDPOINT, {"states": States("Status", ready=frozenset({"a"}))}, "description has no Status"),
        (
            ENTRY,
            {"delete": Delete("DeleteAccessEntry", missing=("NotFound",))},
            "DeleteAccessEntry never answers NotFound",
        ),
        (ENTRY, {"passing": {"ThrottledOften": ("",)}}, "never answers ThrottledOften"),
        (PROVIDER, {"create_request": lambda self: {"URL": "u"}}, "Unknown parameter in input"),
        (PROVIDER, {"delete_request": lambda self, current: {}}, "DeleteOpenIDConnectProvider refuses a request"),
        (PROVIDER, {"delete": Delete("DeleteOpenIDConnectProvider", by="Arn")}, "Provider takes no Arn"),
        (LOG, {"delete": Delete("DeleteFlowLogs")}, "names: DeleteFlowLogs takes no ResourceId"),
        (LOG, {"delete": Delete("DeleteFlowLogs", by={"FlowLogIds": "FlowLogId"})}, "DeleteFlowLogs is a list, many=F"),
        (LOG, {"delete": Delete("DeleteFlowLogs", by={"FlowLogIds": ["Id"]})}, "delete: the description has no Id"),
        (GROUP, {"updates": updates_of(GROUP, key={"clear": "DropKmsKey"})}, "['key'].clear: logs has no operation D"),
        (
            GROUP,
            {
                "updates": updates_of(GROUP, key={"clear": "CreateExportTask"}),
                "extra_operations": ("DisassociateKmsKey",),
            },
            "CreateExportTask refuses a request",
        ),
        (
            ROLE,
            {"updates": updates_of(ROLE, managed={"remove": "DropPolicy"})},
            "['managed'].remove: iam has no operation",
        ),
        (
            ROLE,
            {
                "updates": updates_of(ROLE, managed={"remove": "DeleteRole"}),
                "extra_operations": (*load(ROLE).resource.extra_operations, "DetachRolePolicy"),
            },
            "DeleteRole refuses a request",
        ),
        (ROLE, {"updates": updates_of(ROLE, managed={"missing": ("No",)})}, "DetachRolePolicy never answers No"),
        (ROLE, {"updates": updates_of(ROLE, role={"remove": "TagRole"})}, "TagRole takes elements of a single setting"),
        (ROLE, {"updates": updates_of(ROLE, managed={"by": "Name"})}, "AttachRolePolicy takes no Name"),
        (
            GROUP,
            {"additions": additions_of(GROUP, by={"resourceArn": "myArn"})},
            "additions: the description has no my",
        ),
        (GROUP, {"additions": additions_of(GROUP, by={"arns": ["arn"]})}, "ListTagsForResource takes no arns"),
        (GROUP, {"additions": additions_of(GROUP, by=None)}, "ListTagsForResource refuses a request"),
        (GROUP, {"additions": additions_of(GROUP, missing=("No",))}, "ListTagsForResource never answers No"),
        (GROUP, {"additions": additions_of(GROUP, option="label")}, "additions: there is no option label"),
        (
            GROUP,
            {"describe": Describe("DescribeLogGroups", "logGroups", many=True, names={"a": "name"})},
            "Unknown par",
        ),
        (ENTRY, {"settings": settings_of(ENTRY, access_policies={"key": "arn"})}, "there is no suboption arn"),
        (
            ROUTES,
            {"create": dataclasses.replace(load(ROUTES).resource.create, names=None)},
            "CreateRouteTable refuses a request",
        ),
        (GROUP, {"needed": ("label",)}, "needed: there is no option label"),
        (GROUP, {"protection": "log_group_class"}, "no setting log_group_class that can be changed"),
        (ROLE, {"updates": updates_of(ROLE, role={"kept": ("Path",)})}, "UpdateRole takes no Path"),
        (ROLE, {"updates": updates_of(ROLE, trust={"kept": ("PolicyDocument",)})}, "description has no PolicyDocument"),
        (GROUP, {"update_label": lambda self, changes, current: None}, "update_label makes no update"),
    ],
)
def test_wrong_declaration_is_found(name, attributes, found):
    assert found in problems_of(name, **attributes)


UNMANAGED = load(GROUP).resource.unmanaged


@pytest.mark.parametrize(
    ("name", "attributes", "found"),
    [
        (GROUP, {"unmanaged": {}}, "PutQueryDefinition is neither used nor in unmanaged"),
        (GROUP, {"unmanaged": {}}, "AssociateKmsKey.resourceIdentifier is neither used nor in unmanaged"),
        (GROUP, {"unmanaged": {**UNMANAGED, "PutQueryDefinition": " "}}, "no reason for PutQueryDefinition"),
        (GROUP, {"unmanaged": {**UNMANAGED, "PutMagic": "why"}}, "unmanaged has PutMagic"),
        (GROUP, {"unmanaged": {**UNMANAGED, "CreateLogStream": "why"}}, "unmanaged has CreateLogStream"),
        (GROUP, {"unmanaged": {**UNMANAGED, "DescribeLogGroups": "why"}}, "unmanaged has DescribeLogGroups"),
        (GROUP, {"unmanaged": {**UNMANAGED, "PutRetentionPolicy": "why"}}, "unmanaged has PutRetentionPolicy"),
        (GROUP, {"unmanaged": {**UNMANAGED, "AssociateKmsKey.kmsKeyId": "why"}}, "unmanaged has AssociateKmsKey.kmsK"),
        # Each part that the module no longer uses is missed.
        (GROUP, {"updates": {}, "settings": ()}, "CreateLogGroup.kmsKeyId is neither"),
        (GROUP, {"updates": {}, "settings": ()}, "PutRetentionPolicy is neither"),
        (ENDPOINT, {"unmanaged": {}}, "CreateVpcEndpoint.DnsOptions.PrivateDnsPreference is neither"),
        (
            ROLE,
            {
                "updates": {key: update for key, update in updates_of(ROLE).items() if key != "managed"},
                "settings": tuple(item for item in settings_of(ROLE) if item.option != "managed_policies"),
            },
            "AttachRolePolicy is neither",
        ),
    ],
)
def test_what_is_left_out_or_said_wrongly_is_found(name, attributes, found):
    problems = unmanaged_problems(name, **attributes)
    assert any(found in problem for problem in problems), problems


def test_section_of_a_readme_is_found_and_put_in_its_place():
    text = "# role\n\n## Not managed\n\nold\n\n## Good to know\n\nmore\n"
    assert section(text) == "## Not managed\n\nold\n"
    assert section("# role\n") == ""
    assert "old" not in with_section(text, "## Not managed\n\nnew\n")
    assert with_section(text, "## Not managed\n\nnew\n").endswith("new\n\n## Good to know\n\nmore\n")
    assert with_section("# role\n", "## Not managed\n\nnew\n") == "# role\n\n## Not managed\n\nnew\n"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda options: options.pop("log_format"), "log_format: there is no such option"),
        (lambda options: options["traffic_type"].update(choices=["ALL", "NONE"]), "AWS doesn't know none"),
        (lambda options: options["traffic_type"].update(choices=["ALL"]), "lacks the choices accept, reject"),
        (lambda options: options["traffic_type"].update(type="int"), "is a int, AWS takes a string"),
        (lambda options: options["traffic_type"].update(default="ALL"), "default is 'ALL', documented None"),
        (lambda options: options["replace"].update(required=True), "required is True, documented None"),
        (lambda options: options["replace"].update(aliases=["renew"]), "aliases are ['renew'], documented None"),
        (lambda options: options.update(extra={"type": "str"}), "option extra isn't documented"),
        (
            lambda options: options["destination_options"]["options"].update(format={"type": "str"}),
            "DestinationOptionsRequest has no Format",
        ),
        (
            lambda options: options["destination_options"]["options"].pop("file_format"),
            "documents destination_options.file_format, which isn't an option",
        ),
        (lambda options: options["destination_options"].pop("options"), "its suboptions aren't given"),
    ],
)
def test_wrong_option_is_found(change, found):
    options = copy.deepcopy(dict(load(LOG).options))
    change(options)
    assert found in problems_of(LOG, options=options)


def test_a_name_that_entries_of_an_aggregate_cannot_give_is_found():
    options = copy.deepcopy(load("logs_log_group").options)
    options["name"]["required"] = True
    assert "can't be left to the entries of aggregate" in problems_of("logs_log_group", options=options)
    del options["aggregate"]
    assert "names:" not in problems_of("logs_log_group", options=options)
    del options["name"]["required"]
    assert "tells which resource is meant, and isn't required" in problems_of("logs_log_group", options=options)


def test_undocumented_list_elements_are_found():
    options = copy.deepcopy(dict(load(ENTRY).options))
    del options["kubernetes_groups"]["elements"]
    assert "option kubernetes_groups: elements isn't set" in problems_of(ENTRY, options=options)


def test_missing_text_is_found():
    documentation = copy.deepcopy(dict(load(LOG).documentation))
    del documentation["options"]["log_format"]["description"]
    assert "option log_format has no description" in problems_of(LOG, documentation=documentation)


def test_setting_and_tagging_have_no_fields_that_the_check_ignores():
    """A new field of the declaration needs a check, or a place in this list of those that name nothing of the API."""
    fields = {
        cls: {field.name for field in dataclasses.fields(cls)}
        for cls in (Setting, Tagging, Create, Update, Describe, Delete, Addition)
    }
    words = {"unordered", "partial", "absent", "verbatim", "given", "encode", "decode", "secret", "same"}
    assert fields[Setting] - words == {"option", "member", "read", "update", "update_members", "key"}
    assert fields[Create] == {"operation", "token", "exists", "tags", "names", "made"}
    assert fields[Update] - {"whole"} == {"operation", "kept", "token", "by", "clear", "remove", "missing"}
    assert fields[Describe] == {"operation", "path", "missing", "many", "names"}
    assert fields[Delete] == {"operation", "missing", "by"}
    words = {"empty", "take", "by_hand"}
    assert fields[Addition] - words == {"operation", "path", "at", "by", "missing", "itself", "option"}
    assert fields[Tagging] == {
        "tag",
        "untag",
        "by",
        "read",
        "style",
        "tags_member",
        "keys_member",
        "untag_style",
    }
