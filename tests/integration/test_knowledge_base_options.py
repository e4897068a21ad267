# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A knowledge base whose documents are cut anew, when that is asked for, and what of it can be turned off and on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.components import with_required
from tests.support.faults import Calls
from tests.support.playbook import PREFIX, REGION, Account, Run

from .components import knowledge_base as knowledge

USED = ("knowledge_base",)
pytestmark = [pytest.mark.by_component(*USED), pytest.mark.options]

AGENT = "bedrock-agent"
LARGER = {"knowledge_base_chunking_max_tokens": 500}
OFF = {
    "knowledge_base_guardrail": False,
    "knowledge_base_invocation_logging": False,
    "knowledge_base_application_log": False,
}
HELD = {**LARGER, "knowledge_base_replace_data_source": True}
THEIRS = "theirs-570200000001"
LET_IN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{THEIRS}/*",
        }
    ],
}


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("570200000001")
    made.run("--limit", ",".join(with_required(USED)), note="documents, for the first time").assert_converged()
    made.client("s3").put_object(Bucket=knowledge.bucket_of(made), Key="guide.md", Body=b"How to begin")
    return made


def settle(account: Account, note: str, *arguments: str, **variables: object) -> Run:
    return account.run("--limit", "knowledge_base", *arguments, variables=variables, note=note)


def found(account: Account) -> list[str]:
    place = {"knowledgeBaseId": knowledge.base_of(account)["knowledgeBaseId"]}
    answer = account.client("bedrock-agent-runtime").retrieve(**place, retrievalQuery={"text": "How to begin?"})
    return [item["content"]["text"] for item in answer["retrievalResults"]]


def test_documents_are_taken_in_once_and_cut_anew_when_that_is_asked_for(account):
    dry = settle(account, "would take in a document", "--check").assert_converged()
    assert (dry.total("changed"), dry.calls.writes) == (1, Calls())
    run = settle(account, "takes in a document").assert_converged()
    assert run.calls.writes == Calls({(AGENT, "StartIngestionJob"): 1})
    settle(account, "has taken it in").assert_nothing_to_do()
    assert found(account) == ["How to begin"]

    refused = settle(account, "larger pieces", **LARGER).assert_refused()
    assert "knowledge_base_chunking_max_tokens: 500 is not 300, which the data source has" in refused.explain()
    assert not refused.calls.writes

    before = knowledge.source_of(account)["dataSourceId"]
    run = settle(account, "larger pieces, as asked", **LARGER, knowledge_base_replace_data_source=True)
    assert run.assert_converged().calls.writes == Calls(
        {(AGENT, "DeleteDataSource"): 1, (AGENT, "CreateDataSource"): 1, (AGENT, "StartIngestionJob"): 1}
    )
    source = knowledge.source_of(account)
    assert source["dataSourceId"] != before
    chunking = source["vectorIngestionConfiguration"]["chunkingConfiguration"]
    assert chunking["fixedSizeChunkingConfiguration"]["maxTokens"] == 500
    assert found(account) == ["How to begin"]
    settle(account, "larger pieces are there", **LARGER).assert_nothing_to_do()


def test_guardrail_and_logs_go_and_come(account):
    run = settle(account, "without guardrail and logs", **HELD, **OFF).assert_converged()
    changed = [task.partition(" : ")[2] for _component, task in run.changed]
    assert changed[:2] == ["End the log of what models are asked and answer", "Make the roles by which Bedrock works"]
    lister = knowledge.Lister(account)
    assert [item for item in knowledge.guardrails(lister) if item["name"] == knowledge.GUARDRAIL] == []
    assert knowledge.logging(account) == {}
    assert [item for item in lister.log_deliveries("deliveries") if item["deliverySourceName"] == knowledge.NAME] == []
    assert knowledge.LOGGING_ROLE not in [item["RoleName"] for item in lister.roles()]
    settle(account, "still without them", **HELD, **OFF).assert_nothing_to_do()

    # Someone else logs now, for all of the account.
    s3 = account.client("s3")
    s3.create_bucket(Bucket=THEIRS, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_policy(Bucket=THEIRS, Policy=json.dumps(LET_IN))
    config = {"s3Config": {"bucketName": THEIRS}, "textDataDeliveryEnabled": True}
    account.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    run = settle(account, "with them, but for the log of someone else", **HELD).assert_converged()
    assert f"isn't ours: it goes to {THEIRS}" in " ".join(run.output.split())
    assert knowledge.logging(account)["s3Config"]["bucketName"] == THEIRS
    assert knowledge.guardrail_of(account)["status"] == "READY"


def test_a_removal_takes_all_but_what_is_someone_else_s(account):
    variables = {"platform_teardown_confirm": PREFIX, "knowledge_base_deletion_protection": True}
    teardown = {"playbook": "playbooks/teardown.yml"}
    run = account.run("--limit", "knowledge_base", variables=variables, note="is protected", **teardown)
    assert "protects knowledge_base" in run.assert_refused().explain()
    variables["knowledge_base_deletion_protection"] = False
    # The vectors are gone already, so none can be deleted with the data source.
    knowledge._delete_vectors(account)
    account.run("--limit", "knowledge_base", variables=variables, note="goes", **teardown).assert_converged()
    lister = knowledge.Lister(account)
    assert (knowledge.bases(lister), knowledge.guardrails(lister), knowledge.vector_buckets(lister)) == ([], [], [])
    assert knowledge.bucket_of(account) not in [item["Name"] for item in account.client("s3").list_buckets()["Buckets"]]
    assert knowledge.NAME not in [item["RoleName"] for item in lister.roles()]
    # In an account in which nobody else has set it, too.
    assert knowledge.logging(account).get("s3Config", {}).get("bucketName") in (None, THEIRS)
