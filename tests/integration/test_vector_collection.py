# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A knowledge base whose vectors lie in OpenSearch Serverless: made in spite of faults, mended, and removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.playbook import OWNER, PREFIX, Account

from .components import encryption
from .test_faults import broken, reply_lost, throttled

pytestmark = [pytest.mark.by_component("knowledge_base"), pytest.mark.options]

NAME = f"{PREFIX}-vectors"
INDEX = "documents"
SERVICE = "opensearchserverless"
ACCOUNT, SPOILT = "570300000001", "570300000002"
CONFIRMED = {"platform_teardown_confirm": PREFIX}
FAULTS = {"throttled": throttled, "answered 500": broken, "reply lost": reply_lost}


VARIABLES = {"knowledge_base_vector_store": "opensearch_serverless", "knowledge_base_standby_replicas": False}


@pytest.fixture(scope="module")
def account(new_account: Callable[[str], Account]) -> Account:
    made = new_account(ACCOUNT)
    made.run("--limit", "encryption,network,knowledge_base", variables=VARIABLES).assert_converged()
    return made


def settle(account: Account, note: str, **more: Any) -> Any:
    return account.run("--limit", "knowledge_base", variables={**VARIABLES, **more}, note=note)


def collection(account: Account) -> dict[str, Any]:
    (found,) = account.client(SERVICE).batch_get_collection(names=[NAME])["collectionDetails"]
    return found


def security_policy(account: Account, kind: str) -> dict[str, Any]:
    return account.client(SERVICE).get_security_policy(type=kind, name=NAME)["securityPolicyDetail"]


def access_policy(account: Account) -> dict[str, Any]:
    return account.client(SERVICE).get_access_policy(type="data", name=NAME)["accessPolicyDetail"]


def schema(account: Account) -> dict[str, Any]:
    return account.client(SERVICE).get_index(id=collection(account)["id"], indexName=INDEX)["indexSchema"]


def tags(account: Account) -> dict[str, str]:
    found = account.client(SERVICE).list_tags_for_resource(resourceArn=collection(account)["arn"])["tags"]
    return {tag["key"]: tag["value"] for tag in found}


def knowledge_base(account: Account) -> dict[str, Any]:
    agent = account.client("bedrock-agent")
    (summary,) = agent.list_knowledge_bases()["knowledgeBaseSummaries"]
    return agent.get_knowledge_base(knowledgeBaseId=summary["knowledgeBaseId"])["knowledgeBase"]


def check(account: Account) -> None:
    found = collection(account)
    assert (found["type"], found["status"], found["standbyReplicas"]) == ("VECTORSEARCH", "ACTIVE", "DISABLED")
    assert found["kmsKeyArn"] == encryption.key(account)["Arn"]
    assert OWNER.items() <= tags(account).items()
    (rule,) = security_policy(account, "network")["policy"]
    assert rule["AllowFromPublic"] is True
    base = knowledge_base(account)
    # Bedrock may use the index and change nothing of it; who runs this may make it and reads no document.
    works, makes = access_policy(account)["policy"]
    assert works["Principal"] == [base["roleArn"]]
    permissions = ["aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"]
    assert works["Rules"][0]["Permission"] == permissions
    assert not {"aoss:ReadDocument", "aoss:WriteDocument"} & set(makes["Rules"][0]["Permission"])
    fields = schema(account)["mappings"]["properties"]
    stored = base["storageConfiguration"]["opensearchServerlessConfiguration"]
    assert (stored["collectionArn"], stored["vectorIndexName"]) == (found["arn"], INDEX)
    assert fields[stored["fieldMapping"]["vectorField"]]["dimension"] == 1024
    assert fields[stored["fieldMapping"]["vectorField"]]["method"]["engine"] == "faiss"
    assert {stored["fieldMapping"]["textField"], stored["fieldMapping"]["metadataField"]} < set(fields)


def test_what_it_is_made_of(account: Account) -> None:
    check(account)


def close_network(account: Account) -> None:
    now = security_policy(account, "network")
    policy = [{**now["policy"][0], "AllowFromPublic": False, "SourceServices": ["bedrock.amazonaws.com"]}]
    account.client(SERVICE).update_security_policy(
        type="network", name=NAME, policyVersion=now["policyVersion"], policy=json.dumps(policy), description="theirs"
    )


def let_in(account: Account) -> None:
    now = access_policy(account)
    works, makes = now["policy"]
    works["Principal"].append(f"arn:aws:iam::{account.id}:role/theirs")
    account.client(SERVICE).update_access_policy(
        type="data", name=NAME, policyVersion=now["policyVersion"], policy=json.dumps([works, makes])
    )


def lose_access(account: Account) -> None:
    account.client(SERVICE).delete_access_policy(type="data", name=NAME)


def change_collection(account: Account) -> None:
    found = collection(account)
    account.client(SERVICE).update_collection(id=found["id"], description="theirs")
    account.client(SERVICE).untag_resource(resourceArn=found["arn"], tagKeys=["Name"])


def delete_index(account: Account) -> None:
    account.client(SERVICE).delete_index(id=collection(account)["id"], indexName=INDEX)


def test_what_others_change_is_put_back_at_once(account: Account) -> None:
    for harm in (delete_index, close_network, let_in, change_collection):
        harm(account)
    run = settle(account, "harmed").assert_converged()
    changed = {name.rpartition(" : ")[2] for _host, name in run.changed}
    assert changed == {
        # What Bedrock has taken in it doesn't take in again.
        "Remove the data source whose vectors are gone",
        "opensearch_serverless | Say how the collection is encrypted, and who reaches it",
        "opensearch_serverless | Say who may do what in it",
        "opensearch_serverless | Make the collection",
        "opensearch_serverless | Make the index",
        "Fill it from the bucket",
    }, run.explain()
    check(account)
    settle(account, "harmed, again").assert_nothing_to_do()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dimension": 512}, "knowledge_base_embedding_dimensions: 1024 is not 512, for which the index was made"),
        ({"method": {"name": "hnsw", "engine": "lucene"}}, "vector.method.engine: is 'lucene', declared 'faiss'"),
    ],
)
def test_another_index_in_its_place_is_refused(account: Account, change: dict[str, Any], told: str) -> None:
    client, place = account.client(SERVICE), {"id": collection(account)["id"], "indexName": INDEX}
    fields = schema(account)["mappings"]["properties"]
    other = {**fields, "vector": {**fields["vector"], "dimension": 1024, **change}}
    delete_index(account)
    client.create_index(**place, indexSchema={"settings": {"index.knn": True}, "mappings": {"properties": other}})
    run = settle(account, "another index").assert_refused()
    assert told in " ".join(run.failures), run.explain()


def spoilt(writes: Any) -> Iterator[dict[str, Any]]:
    for (service, operation), count in writes.items():
        for number, effect in enumerate(FAULTS.values()):
            turns = {"sequence": {"fail": 1, "pass": len(FAULTS) - number}}
            yield {"service": service, "operation": operation, "times": count, **effect(service), **turns}


def test_every_write_of_it_fails_at_first_and_nothing_of_it_is_left(new_account: Callable[[str], Account]) -> None:
    account = new_account(SPOILT)
    account.run("--limit", "encryption,network", variables=VARIABLES).assert_converged()
    names = ("CreateSecurityPolicy", "CreateAccessPolicy", "CreateCollection", "CreateIndex")
    counts = dict.fromkeys(names, 1) | {"CreateSecurityPolicy": 2}
    account.proxy.spoil(spoilt({(SERVICE, name): count for name, count in counts.items()}))
    settle(account, "every write of a collection spoilt").assert_converged()
    assert sum(account.proxy.fired()) >= sum(counts.values())
    account.proxy.spoil([])
    check(account)
    lose_access(account)
    assert len(settle(account, "without its access policy").assert_converged().changed) == 1
    check(account)

    more = {**CONFIRMED, **VARIABLES}
    account.run(
        "--limit", "knowledge_base", playbook="playbooks/teardown.yml", variables=more, note="no collection"
    ).assert_converged()
    client = account.client(SERVICE)
    assert client.batch_get_collection(names=[NAME])["collectionDetails"] == []
    stats = client.get_policies_stats()
    assert stats["TotalPolicyCount"] == 0
