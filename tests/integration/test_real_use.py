# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the platform is there for, done as its workloads do it: with their roles, where AWS enforces their policies."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.components import with_required
from tests.support.faults import free_port
from tests.support.local_cloud import processes
from tests.support.local_cloud.account import furnish
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import PREFIX, REGION, DirectAccount

from .components import configuration, dynamodb, eks, knowledge_base, workload_identity
from .components import feature_flags as flags

USED = ("dynamodb", "feature_flags", "knowledge_base", "workload_identity", "configuration")
pytestmark = pytest.mark.by_component(*USED)

ACCOUNT = "210000000001"
# What stands for the tables and how an item of each is found by its index.
PLAN = {"entity_id": {"S": "key-1"}, "entity_type": {"S": "API_KEY"}, "tenant_id": {"S": "tenant-1"}}
USE = {
    "tenant_id": {"S": "tenant-1"},
    "usage_id": {"S": "use-1"},
    "timestamp": {"N": "1764374400"},
    "ttl": {"N": "1772150400"},
}
CASES = [
    pytest.param(dynamodb.PLANS, PLAN, ("entity_id", "entity_type"), "tenant_index", ("tenant_id",), id="plans"),
    pytest.param(
        dynamodb.LOGS, USE, ("tenant_id", "usage_id"), "tenant_timestamp_index", ("tenant_id", "timestamp"), id="logs"
    ),
]
# What only a lookup or a vault may give, below what the gateway of models reads.
CONFIDENTIAL = {"name": "dynamodb/app-key", "value": "{{ 'enohpolyx' | reverse }}", "confidential": True}
# Where the settings of each gateway are, and one of them.
SETTINGS = {"llm-gateway": "dynamodb", "memory-gateway": "platform", "retrieval-gateway": "platform"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, figures: list[str]) -> Iterator[DirectAccount]:
    """A platform in an AWS that enforces policies. The account's own number as access key is its root user's."""
    emulator = dataclasses.replace(EMULATORS[0], environment={**EMULATORS[0].environment, "AUTH": "true"})
    instance = Instance(emulator, free_port(), tmp_path_factory.mktemp("enforcing"))
    processes.start(instance, timeout=60)
    furnish(instance.endpoint, ACCOUNT)
    made = DirectAccount(ACCOUNT, instance.endpoint, tmp_path_factory.mktemp("runs"), figures, with_required(USED))
    variables = {"configuration_parameters": [CONFIDENTIAL]}
    made.run(note="where policies are enforced", variables=variables).assert_converged()
    yield made
    made.close()
    processes.stop(instance)


def part_of_token(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def credentials(account: DirectAccount, role: str, subject: str) -> dict[str, str]:
    """What a pod gets for the token of its service account."""
    token = {"iss": f"https://{eks.issuer(account)}", "aud": "sts.amazonaws.com", "sub": subject}
    sts = boto3.client(
        "sts", region_name=REGION, endpoint_url=account.endpoint, config=Config(signature_version=UNSIGNED)
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{account.id}:role/{PREFIX}-{role}",
        RoleSessionName="pod",
        WebIdentityToken=".".join((part_of_token({"alg": "none"}), part_of_token(token), "")),
    )["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


@pytest.fixture(scope="module")
def as_workload(account: DirectAccount) -> Callable[[str, str], Any]:
    """Makes a client of a service with the role of a workload."""

    def make(role: str, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1})
        session = boto3.Session(**credentials(account, role, workload_identity.WORKLOADS[role]), region_name=REGION)
        return session.client(service, endpoint_url=account.endpoint, config=config)

    return make


def denied(call: Callable[..., Any], **request: Any) -> None:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    assert refusal.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), refusal.value


def query(table: str, index: str, keys: tuple[str, ...], item: dict) -> dict:
    """The request that finds the item by the keys of an index."""
    return {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": " AND ".join(f"#{number} = :{number}" for number, _key in enumerate(keys)),
        "ExpressionAttributeNames": {f"#{number}": key for number, key in enumerate(keys)},
        "ExpressionAttributeValues": {f":{number}": item[key] for number, key in enumerate(keys)},
    }


@pytest.mark.parametrize(("table", "item", "key", "index", "keys"), CASES)
def test_the_gateway_of_models_keeps_use(as_workload, table, item, key, index, keys):
    """An item is written, and read by its key and through the index; then changed and removed."""
    gateway = as_workload("llm-gateway", "dynamodb")
    whole_key = {name: item[name] for name in key}
    gateway.put_item(TableName=table, Item=item)
    assert gateway.get_item(TableName=table, Key=whole_key)["Item"] == item
    assert gateway.query(**query(table, index, keys, item))["Items"] == [item]
    assert gateway.scan(TableName=table, IndexName=index)["Items"] == [item]
    gateway.update_item(
        TableName=table,
        Key=whole_key,
        UpdateExpression="SET tokens = :tokens",
        ExpressionAttributeValues={":tokens": {"N": "7"}},
    )
    assert gateway.query(**query(table, index, keys, item))["Items"] == [{**item, "tokens": {"N": "7"}}]
    gateway.delete_item(TableName=table, Key=whole_key)
    assert gateway.query(**query(table, index, keys, item))["Items"] == []


@pytest.mark.parametrize("role", sorted({*workload_identity.WORKLOADS} - {"llm-gateway"}))
@pytest.mark.parametrize(("table", "item", "key", "index", "keys"), CASES)
def test_no_other_workload_does(as_workload, role, table, item, key, index, keys):
    other = as_workload(role, "dynamodb")
    denied(other.put_item, TableName=table, Item=item)
    denied(other.get_item, TableName=table, Key={name: item[name] for name in key})
    denied(other.query, **query(table, index, keys, item))


def test_the_gateway_keeps_use_and_nothing_else(as_workload, account):
    gateway = as_workload("llm-gateway", "dynamodb")
    denied(gateway.delete_table, TableName=dynamodb.LOGS)
    denied(gateway.update_table, TableName=dynamodb.LOGS, DeletionProtectionEnabled=False)
    dynamodb.settle(account, "theirs", {})
    denied(gateway.put_item, TableName="theirs-usage-plans", Item={"id": {"S": "1"}})


def test_the_role_is_for_its_service_account_only(account):
    for subject in ("system:serviceaccount:agents:agent", "system:serviceaccount:default:llm-gateway"):
        denied(credentials, account=account, role="llm-gateway", subject=subject)


def by_path(client: Any, part: str) -> dict[str, str]:
    """The parameters of a part of the tree, by their keys."""
    pages = client.get_paginator("get_parameters_by_path").paginate(
        Path=f"{configuration.PATH}/{part}".rstrip("/"), Recursive=True, WithDecryption=True
    )
    return {item["Name"].rpartition("/")[2]: item["Value"] for item in pages.build_full_result()["Parameters"]}


def test_the_gateway_of_models_reads_its_settings(as_workload):
    """All of a component in one call, or one by one, also what is encrypted."""
    gateway = as_workload("llm-gateway", "ssm")
    assert by_path(gateway, "dynamodb") == {
        "DYNAMODB_USAGE_LOGS_TABLE": dynamodb.LOGS,
        "DYNAMODB_USAGE_PLANS_TABLE": dynamodb.PLANS,
        "app-key": "xylophone",
    }
    names = [f"{configuration.PATH}/{name}" for name in ("platform/REGION", "dynamodb/DYNAMODB_USAGE_LOGS_TABLE")]
    found = gateway.get_parameters(Names=names)["Parameters"]
    assert {item["Value"] for item in found} == {REGION, dynamodb.LOGS}


@pytest.mark.parametrize("role", SETTINGS)
def test_each_gateway_reads_its_part_only(as_workload, role):
    gateway = as_workload(role, "ssm")
    assert by_path(gateway, SETTINGS[role])
    assert by_path(gateway, "platform")["REGION"] == REGION
    for part in ("encryption", "workload_identity", ""):
        denied(by_path, client=gateway, part=part)
    denied(gateway.get_parameters, Names=[configuration.REGION_KEY, configuration.KEY_ID])
    denied(gateway.put_parameter, Name=configuration.REGION_KEY, Value="x", Type="String", Overwrite=True)


def test_agents_read_where_the_gateways_are_and_nothing_else(as_workload):
    agent = as_workload("agent", "ssm")
    # Without a cluster there is nothing to tell yet.
    assert not by_path(agent, "gateways")
    denied(by_path, client=agent, part="platform")
    denied(agent.get_parameter, Name=configuration.REGION_KEY)


def test_external_secrets_reads_the_whole_tree(as_workload):
    client = as_workload("external-secrets", "ssm")
    assert {"REGION", "KMS_KEY_ID", "app-key"} <= {*by_path(client, "")}
    denied(client.get_parameters_by_path, Path=f"{configuration.PATH}-other/platform")


def test_the_key_decrypts_through_parameter_store_only(account, as_workload):
    key = f"alias/{PREFIX}-key"
    context = {"PARAMETER_ARN": f"arn:aws:ssm:{REGION}:{account.id}:parameter{configuration.PATH}/dynamodb/app-key"}
    sealed = account.client("kms").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    gateway = as_workload("llm-gateway", "kms")
    denied(gateway.decrypt, CiphertextBlob=sealed, EncryptionContext=context)


def test_what_is_encrypted_takes_the_key_besides(account, as_workload):
    iam, role = account.client("iam"), f"{PREFIX}-agent"
    arn = f"arn:aws:ssm:{REGION}:{account.id}:parameter{configuration.PATH}"
    statement = {"Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": [arn, f"{arn}/*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="by-hand", PolicyDocument=policy)
    agent = as_workload("agent", "ssm")
    assert by_path(agent, "encryption")
    denied(by_path, client=agent, part="dynamodb")
    iam.delete_role_policy(RoleName=role, PolicyName="by-hand")


@pytest.mark.parametrize("role", SETTINGS)
def test_each_gateway_reads_the_flags(account, as_workload, role):
    data = as_workload(role, "appconfigdata")
    assert flags.read(account, flags.place_of(account), data)["long-term-memory"] == {"enabled": True}


def test_nobody_else_reads_the_flags_and_gateways_no_others(account, as_workload):
    flags.settle(account, "theirs", {})
    place, theirs = flags.place_of(account), flags.place_of(account, "theirs-feature-flags")
    gateway = as_workload("llm-gateway", "appconfigdata")
    denied(flags.read, account=account, place=theirs, data=gateway)
    denied(flags.read, account=account, place=place, data=as_workload("agent", "appconfigdata"))


def test_gateways_switch_no_flags(account, as_workload):
    place = flags.place_of(account)
    gateway = as_workload("llm-gateway", "appconfig")
    denied(
        gateway.start_deployment,
        **place,
        ConfigurationVersion="1",
        DeploymentStrategyId="AppConfig.AllAtOnce",
    )
    del place["EnvironmentId"]
    denied(gateway.create_hosted_configuration_version, **place, Content=b"{}", ContentType="application/json")


# ---- Documents

DOCUMENT = b"The workshop in Basel closes at six, on Fridays at four."
QUESTION = {"text": "When does the workshop close on Fridays?"}


@pytest.fixture(scope="module")
def library(account: DirectAccount) -> dict[str, str]:
    """The knowledge base, in which a document is that somebody has put into the bucket, and a run has taken in."""
    bucket = knowledge_base.bucket_of(account)
    account.client("s3").put_object(Bucket=bucket, Key="hours.txt", Body=DOCUMENT)
    run = account.run("--limit", "knowledge_base", note="a document is taken in").assert_converged()
    assert [task.rpartition(" : ")[2] for _host, task in run.changed] == ["Take in the documents that have changed"]
    return {"knowledgeBaseId": knowledge_base.base_of(account)["knowledgeBaseId"]}


def test_the_gateway_of_documents_finds_what_was_put_into_the_bucket(account, as_workload, library):
    gateway = as_workload("retrieval-gateway", "bedrock-agent-runtime")
    (found,) = gateway.retrieve(**library, retrievalQuery=QUESTION)["retrievalResults"]
    assert found["content"]["text"] == DOCUMENT.decode()
    assert found["location"]["s3Location"]["uri"] == f"s3://{knowledge_base.bucket_of(account)}/hours.txt"


@pytest.mark.parametrize("role", sorted({*workload_identity.WORKLOADS} - {"retrieval-gateway"}))
def test_no_other_workload_finds_it(as_workload, library, role):
    denied(as_workload(role, "bedrock-agent-runtime").retrieve, **library, retrievalQuery=QUESTION)


def test_the_gateway_finds_documents_and_changes_none(account, as_workload, library):
    gateway = as_workload("retrieval-gateway", "bedrock-agent")
    assert gateway.get_knowledge_base(**library)["knowledgeBase"]["status"] == "ACTIVE"
    denied(gateway.delete_knowledge_base, **library)
    source = {**library, "dataSourceId": knowledge_base.source_of(account)["dataSourceId"]}
    denied(gateway.start_ingestion_job, **source)
    denied(gateway.delete_data_source, **source)
    objects = as_workload("retrieval-gateway", "s3")
    document = {"Bucket": knowledge_base.bucket_of(account), "Key": "hours.txt"}
    denied(objects.put_object, **document, Body=b"It never closes.")
    # What it may find, it finds through the knowledge base alone.
    denied(objects.get_object, **document)


def test_a_document_that_was_removed_is_found_no_more(account, as_workload, library):
    account.client("s3").delete_object(Bucket=knowledge_base.bucket_of(account), Key="hours.txt")
    account.run("--limit", "knowledge_base", note="a document is forgotten").assert_converged()
    gateway = as_workload("retrieval-gateway", "bedrock-agent-runtime")
    assert gateway.retrieve(**library, retrievalQuery=QUESTION)["retrievalResults"] == []


@pytest.mark.parametrize("role", ["llm-gateway", "retrieval-gateway"])
def test_gateways_ask_the_guardrail_and_change_nothing_of_it(account, as_workload, role):
    found = knowledge_base.guardrail_of(account)
    versions = account.client("bedrock").list_guardrails(guardrailIdentifier=found["guardrailId"])["guardrails"]
    newest = max((item["version"] for item in versions if item["version"] != "DRAFT"), key=int)
    question = {
        "guardrailIdentifier": found["guardrailId"],
        "guardrailVersion": newest,
        "source": "INPUT",
        "content": [{"text": QUESTION}],
    }
    assert as_workload(role, "bedrock-runtime").apply_guardrail(**question)["action"] == "NONE"
    denied(as_workload("agent", "bedrock-runtime").apply_guardrail, **question)
    bedrock = as_workload(role, "bedrock")
    denied(bedrock.delete_guardrail, guardrailIdentifier=found["guardrailId"])
    denied(bedrock.create_guardrail_version, guardrailIdentifier=found["guardrailId"])
