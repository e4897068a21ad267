# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for what all components share, and for the account that the run is in."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.names import LIMITS, resource_name
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.platform import (
    LONGEST_PREFIX,
    account_faults,
    platform_faults,
)

from .declared import SHARED_ROLE, result, values

ACCOUNT = "123456789012"
OWNER_TAGS = {
    "Project": "agent-platform",
    "Environment": "dev",
    "Region": "us-west-2",
    "ManagedBy": "agent_platform.aws",
}
RIGHT = {
    "platform_name": "agent-platform",
    "platform_environment": "dev",
    "platform_prefix": "agent-platform-dev",
    "platform_region": "us-west-2",
    "platform_account_id": ACCOUNT,
    "platform_owner_tags": OWNER_TAGS,
    "platform_tags": {"CostCentre": "12"},
    "platform_aws_environment": {"AWS_PROFILE": "dev", "AWS_MAX_ATTEMPTS": 3},
}


def lines(**change):
    return [str(item) for item in platform_faults(values(SHARED_ROLE, **{**RIGHT, **change}))]


def test_what_is_right_has_no_fault():
    assert lines() == []


def test_missing_values_are_the_schemas_business():
    assert list(platform_faults(values(SHARED_ROLE))) == []


@pytest.mark.parametrize(
    "name",
    ["", "A", "1st", "-a", "a-", "a--b", "a_b", "a.b", "a" * 21, "Agent-Platform", "agent platform"],
)
def test_names_of_platforms(name):
    rule = "is not 1 to 20 lower-case letters, digits and single '-', a letter first and no '-' at the end"
    assert lines(platform_name=name, platform_prefix=f"{name}-dev") == [f"platform_name: {name!r} {rule}"]


@pytest.mark.parametrize("name", ["a", "a1", "a-b-c", "a" * 20])
def test_right_names_of_platforms(name):
    assert lines(platform_name=name, platform_prefix=f"{name}-dev") == []


def test_names_of_environments_are_shorter():
    assert lines(platform_environment="a" * 10, platform_prefix="agent-platform-" + "a" * 10) == []
    assert len(lines(platform_environment="a" * 11, platform_prefix="agent-platform-" + "a" * 11)) == 1


def test_a_prefix_of_ones_own_has_the_limit_of_both():
    assert lines(platform_prefix="p" * LONGEST_PREFIX) == []
    assert len(lines(platform_prefix="p" * (LONGEST_PREFIX + 1))) == 1


@pytest.mark.parametrize("name", ["sg", "sthree", "amzn-s3-demo"])
def test_beginnings_that_aws_keeps_for_itself(name):
    (line,) = lines(platform_name=name, platform_prefix=f"{name}-dev")
    assert line.startswith(f"platform_prefix: '{name}-dev' begins with {name}-, which the names of")
    assert lines(platform_name=f"{name}1", platform_prefix=f"{name}1-dev") == []


def test_all_tags_together_fit_on_a_resource():
    """With the owner tags, those of the components and four of Kubernetes controllers."""
    more = {f"owner{number}": "x" for number in range(5)}
    tags = {f"tag{number}": "x" for number in range(39)}
    assert lines(platform_tags=tags) == []
    assert lines(platform_tags=tags, platform_owner_tags={**OWNER_TAGS, **more}) == [
        "platform_tags: 39 tags are too many: AWS allows 50 on a resource, of which the platform needs 16"
    ]


# Their 28 and 32 characters hold no more than the prefix; a platform has only one of each.
SHORT = {"opensearch_domain", "opensearchserverless_collection"}
# The one thing of these kinds.
ONLY = {
    "backup_plan": "bastion",
    "backup_vault": "bastion",
    "bedrock_guardrail": "guardrail",
    "elasticache_replication_group": "redis",
}


@pytest.mark.parametrize("kind", sorted(LIMITS.keys() - SHORT))
def test_the_longest_prefix_leaves_the_names_of_things_readable(kind):
    """A name that is shortened still shows the prefix and how its thing begins."""
    prefix = "p" * LONGEST_PREFIX
    thing = ONLY.get(kind, "aws-load-balancer-controller")
    assert resource_name(thing, prefix, kind)[len(prefix) + 1 :].startswith(thing[:17])


@pytest.mark.parametrize(
    ("region", "line"),
    [
        ("us-wset-2", "platform_region: 'us-wset-2' is not the name of an AWS region; did you mean us-west-2?"),
        ("eu-centrl-1", "platform_region: 'eu-centrl-1' is not the name of an AWS region; did you mean eu-central-1?"),
        ("us_west_2", "platform_region: 'us_west_2' is not the name of an AWS region, such as us-west-2"),
        ("us-west-2a", "platform_region: 'us-west-2a' is not the name of an AWS region, such as us-west-2"),
        ("", "platform_region: '' is not the name of an AWS region, such as us-west-2"),
    ],
)
def test_regions(region, line):
    assert lines(platform_region=region) == [line]


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "cn-north-1", "ap-southeast-99", "xy-somewhere-1"])
def test_a_region_that_is_merely_unknown_is_no_fault(region):
    assert lines(platform_region=region) == []


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", "12345678901x", "REPLACE-with-the-12-digits"])
def test_account_ids(account):
    assert lines(platform_account_id=account) == [
        f"platform_account_id: {account!r} is not an AWS account id of 12 digits"
    ]


def test_owner_tags_are_complete():
    rule = "is missing: the owner tags tell the platform's resources from others"
    assert lines(platform_owner_tags={"Project": "a", "ManagedBy": ""}) == [
        f"platform_owner_tags.Environment: {rule}",
        f"platform_owner_tags.Region: {rule}",
        f"platform_owner_tags.ManagedBy: {rule}",
    ]


@pytest.mark.parametrize("key", ["Project", "environment", "MANAGEDBY", "Component", "Name", "Tier"])
def test_tags_that_the_platform_sets(key):
    assert len(lines(platform_tags={key: "x"})) == 1


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"AWS_REGION": "eu-west-1"},
            "platform_aws_environment.AWS_REGION: 'eu-west-1' is set by platform_region: change that instead",
        ),
        (
            {"AWS_EC2_METADATA_DISABLED": True},
            "platform_aws_environment.AWS_EC2_METADATA_DISABLED: is not a text: put it in quotes",
        ),
        ({"AWS_PROFILE": None}, "platform_aws_environment.AWS_PROFILE: is not a text: put it in quotes"),
    ],
)
def test_environment_variables(environment, line):
    assert lines(platform_aws_environment=environment) == [line]


CANT = f"platform_account_id: '{ACCOUNT}' can't be compared with the account in use: "


@pytest.mark.parametrize(
    ("caller", "line"),
    [
        ({"account_id": ACCOUNT, "arn": "arn:aws:iam::123456789012:user/jo"}, None),
        (
            {"account_id": "999999999999", "arn": "arn:aws:sts::999999999999:assumed-role/admin/jo"},
            f"platform_account_id: '{ACCOUNT}' is not the account of the credentials in use, which is 999999999999"
            " (arn:aws:sts::999999999999:assumed-role/admin/jo): use credentials of the account, or correct the"
            " inventory",
        ),
        (
            {"msg": "Failed to retrieve caller identity: Unable to locate credentials"},
            CANT + "no AWS credentials were found: log in (aws sso login), or set AWS_PROFILE,"
            " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            {"msg": "x: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"},
            CANT + "the AWS credentials are incomplete: AWS_SECRET_ACCESS_KEY is missing",
        ),
        (
            {"msg": "The config profile (dve) could not be found"},
            CANT + "the AWS profile dve does not exist: correct AWS_PROFILE",
        ),
        (
            {"msg": "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: it is expired"},
            CANT + "the AWS credentials have expired: renew them (aws sso login, or a new session token) and run again",
        ),
        (
            {"msg": "Error when retrieving token from sso: Token has expired and refresh failed"},
            CANT + "the AWS credentials have expired: renew them (aws sso login, or a new session token) and run again",
        ),
        (
            {"msg": "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: invalid"},
            CANT + "AWS does not know the access key: check AWS_PROFILE and AWS_ACCESS_KEY_ID,"
            " the key may be deleted or of another partition",
        ),
        (
            {"msg": "An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: no"},
            CANT + "AWS rejects the signature: check AWS_SECRET_ACCESS_KEY and the clock of this machine",
        ),
        (
            {"msg": 'Could not connect to the endpoint URL: "http://127.0.0.1:4566/"'},
            CANT + "nothing answers at http://127.0.0.1:4566/: check the network, platform_region and AWS_ENDPOINT_URL"
            " (make up starts the embedded AWS)",
        ),
        (
            {"msg": "Failed to import the required Python library (botocore and boto3) on host"},
            CANT + "the Python library botocore and boto3 is missing where ansible-playbook runs",
        ),
        ({"msg": "Something\n  else"}, CANT + "Something else"),
        ({}, CANT + "AWS did not say which account the credentials belong to"),
    ],
)
def test_the_account_in_use(caller, line):
    found = [str(item) for item in account_faults(result(**caller), values(SHARED_ROLE, platform_account_id=ACCOUNT))]
    assert found == ([line] if line else [])


GATEWAY = {"name": "llm-gateway", "namespace": "gateways", "service_accounts": ["llm-gateway"]}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "LLM"}, ".name: 'LLM' is not 1 to 40 lower-case letters, digits and single '-', a letter first"),
        ({"name": "a--b"}, ".name: 'a--b' is not 1 to 40"),
        ({"name": "a" * 41}, "is not 1 to 40"),
        ({"namespace": "Gateways"}, ".namespace: 'Gateways' is not a Kubernetes name"),
        ({"service_accounts": []}, ".service_accounts: [] names no service account"),
        ({"service_accounts": ["*"]}, ".service_accounts: '*' is not a Kubernetes name"),
        ({"service_accounts": ["a", "a"]}, ".service_accounts: 'a' occurs more than once"),
    ],
)
def test_gateways(change, part):
    assert lines(platform_gateways=[GATEWAY]) == []
    (line,) = lines(platform_gateways=[{**GATEWAY, **change}])
    assert line.startswith("platform_gateways[0].")
    assert part in line


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"Action": ["s3:*"]}, "[0].Action: 's3:*' has a wildcard: name each action that the gateway takes"),
        ({"Action": ["s3:Get?bject"]}, "[0].Action: 's3:Get?bject' has a wildcard"),
        ({"Action": ["*"]}, "[0].Action: '*' is not an API action"),
        ({"Resource": ["*"]}, "[0].Resource: '*' stands for all: name what the gateway takes"),
        ({"Resource": ["arn:aws:s3:::*"]}, "[0].Resource: 'arn:aws:s3:::*' stands for all"),
        ({"Sid": "a b"}, "[0].Sid: 'a b' is not letters and digits only"),
    ],
)
def test_what_gateways_may_do(change, part):
    right = {"Sid": "Read", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::demo/*", "<dynamodb.table_arns>"]}
    assert lines(platform_gateways=[{**GATEWAY, "statements": [right]}]) == []
    (line,) = lines(platform_gateways=[{**GATEWAY, "statements": [{**right, **change}]}])
    assert line.startswith(f"platform_gateways[0].statements{part}")


def test_gateways_have_different_names():
    assert lines(platform_gateways=[GATEWAY, GATEWAY]) == [
        "platform_gateways[].name: 'llm-gateway' occurs more than once"
    ]


def subscription(name):
    return {"filter_name": name, "destination_arn": "arn:aws:logs:us-west-2:210987654321:destination:central"}


def test_log_groups_have_two_subscriptions_at_most():
    assert lines(platform_log_subscriptions=[subscription("a"), subscription("b")]) == []
    (line,) = lines(platform_log_subscriptions=[subscription(name) for name in "abc"])
    assert line == "platform_log_subscriptions: 3 are too many: CloudWatch Logs allows 2 of a log group"
    (line,) = lines(platform_log_subscriptions=[subscription("a"), subscription("a")])
    assert line == "platform_log_subscriptions[].filter_name: 'a' occurs more than once"


WORKSPACE = "arn:aws:aps:eu-west-1:123456789012:workspace/ws-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def test_a_workspace_for_metrics():
    assert lines(platform_prometheus_workspace_arn="") == []
    assert lines(platform_prometheus_workspace_arn=WORKSPACE, platform_account_id="123456789012") == []
    (line,) = lines(platform_prometheus_workspace_arn="ws-0f1e2d3c")
    assert line.startswith("platform_prometheus_workspace_arn: 'ws-0f1e2d3c' is not the ARN of a workspace")
    (line,) = lines(platform_prometheus_workspace_arn=WORKSPACE, platform_account_id="210987654321")
    assert "is not of this account, 210987654321: the collector's role reaches no other" in line


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"platform_access_logs": True, "platform_access_log_bucket": "logs-of-all"}, None),
        ({"platform_access_logs": True, "platform_access_log_bucket": ""}, None),
        ({"platform_access_logs": False, "platform_access_log_bucket": "logs"}, "gets nothing as long as"),
        ({"platform_access_logs": True, "platform_access_log_bucket": "arn:aws:s3:::x"}, "is not the name of a bucket"),
        ({"platform_access_logs": True, "platform_access_log_days": 0}, "0 is not from 1 to"),
    ],
)
def test_access_logs(given, rule):
    assert [rule in line for line in lines(**given)] == ([True] if rule else [])
