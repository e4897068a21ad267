# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The knowledge base with its documents and vectors, the guardrail, and the log of what models are asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, as_list, document, statements_of, tags_of
from ..drift import Repair, together
from . import bastion_instance, encryption

NAME = f"{PREFIX}-knowledge-base"
GUARDRAIL = f"{PREFIX}-guardrail"
VECTORS = f"{PREFIX}-vectors"
LOGGING_ROLE = f"{PREFIX}-model-invocation-logs"
INVOCATION_LOG = f"/aws/bedrock/{PREFIX}/model-invocations"
APPLICATION_LOG = f"/aws/vendedlogs/{PREFIX}/knowledge-base"
SUMMARY = "ACTIVE, vectors in s3_vectors"
# The knowledge base, two roles, two log groups, the bucket, the vector bucket and its index, the guardrail.
LEAST_TAGGED = 9
TITAN = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
# What two accounts have otherwise, or what a moment says.
OWN = frozenset({"createdAt", "creationTime", "updatedAt", "version", "guardrailId"})
PARTS = ("Policy", "PublicAccess", "Encryption", "Lifecycle", "Others")
MOMENTS = 100


def bucket_of(account: Account, prefix: str = PREFIX) -> str:
    """Names of buckets are unique in all of AWS."""
    return f"{prefix}-documents-{account.id}"


# What an account holds


def bases(lister: Lister) -> list[dict]:
    """With their tags."""
    agent = lister.account.client("bedrock-agent")
    found = [
        agent.get_knowledge_base(knowledgeBaseId=item["knowledgeBaseId"])["knowledgeBase"]
        for item in lister.account.pages("bedrock-agent", "list_knowledge_bases", "knowledgeBaseSummaries")
    ]
    return [
        {**item, "tags": agent.list_tags_for_resource(resourceArn=item["knowledgeBaseArn"])["tags"]} for item in found
    ]


def sources(lister: Lister, base: dict) -> list[dict]:
    agent, place = lister.account.client("bedrock-agent"), {"knowledgeBaseId": base["knowledgeBaseId"]}
    found = lister.account.pages("bedrock-agent", "list_data_sources", "dataSourceSummaries", **place)
    return [agent.get_data_source(**place, dataSourceId=item["dataSourceId"])["dataSource"] for item in found]


def guardrails(lister: Lister) -> list[dict]:
    """The drafts, with their tags."""
    bedrock = lister.account.client("bedrock")
    found = [
        bedrock.get_guardrail(guardrailIdentifier=item["id"])
        for item in lister.account.pages("bedrock", "list_guardrails", "guardrails")
    ]
    return [
        {
            **{member: value for member, value in item.items() if member != "ResponseMetadata"},
            "tags": bedrock.list_tags_for_resource(resourceARN=item["guardrailArn"])["tags"],
        }
        for item in found
    ]


def vector_buckets(lister: Lister) -> list[dict]:
    """With their tags, and their indexes, which have tags, too."""
    vectors = lister.account.client("s3vectors")
    found = []
    for item in lister.account.pages("s3vectors", "list_vector_buckets", "vectorBuckets"):
        place = {"vectorBucketName": item["vectorBucketName"]}
        told = vectors.get_vector_bucket(**place)["vectorBucket"]
        indexes = [
            vectors.get_index(**place, indexName=index["indexName"])["index"]
            for index in lister.account.pages("s3vectors", "list_indexes", "indexes", **place)
        ]
        try:
            policy = document(vectors.get_vector_bucket_policy(**place)["policy"])
        except vectors.exceptions.NotFoundException:
            policy = None
        found.append(
            {
                **told,
                "policy": policy,
                "tags": vectors.list_tags_for_resource(resourceArn=told["vectorBucketArn"])["tags"],
                "indexes": [
                    {**index, "tags": vectors.list_tags_for_resource(resourceArn=index["indexArn"])["tags"]}
                    for index in indexes
                ],
            }
        )
    return found


def logging(account: Account) -> dict:
    return account.client("bedrock").get_model_invocation_logging_configuration().get("loggingConfig") or {}


def base_of(account: Account, name: str = NAME) -> dict:
    (found,) = [item for item in bases(Lister(account)) if item["name"] == name]
    return found


def source_of(account: Account) -> dict:
    (found,) = sources(Lister(account), base_of(account))
    return found


def guardrail_of(account: Account, name: str = GUARDRAIL) -> dict:
    (found,) = [item for item in guardrails(Lister(account)) if item["name"] == name]
    return found


def plain(item: dict, *but: str) -> dict:
    return {member: value for member, value in item.items() if member not in OWN and member not in but}


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    told: dict[str, list] = {"knowledge bases": [], "data sources": []}
    for base in bases(lister):
        lister.named("knowledge base", base["knowledgeBaseId"], base["name"])
        told["knowledge bases"].append([plain(base, "knowledgeBaseId", "knowledgeBaseArn", "tags"), tags_of(base)])
        for source in sources(lister, base):
            lister.named("data source", source["dataSourceId"], source["name"])
            told["data sources"].append([base["name"], plain(source, "knowledgeBaseId", "dataSourceId")])
    for item in guardrails(lister):
        lister.named("guardrail", item["guardrailArn"].rpartition("/")[2], item["name"])
    told["guardrails"] = [[plain(item, "guardrailArn", "tags"), tags_of(item)] for item in guardrails(lister)]
    told["vector buckets"] = [
        [
            plain(item, "tags", "indexes"),
            tags_of(item),
            [[plain(index, "tags"), tags_of(index)] for index in item["indexes"]],
        ]
        for item in vector_buckets(lister)
    ]
    told["model invocation logging"] = [[logging(lister.account)]]
    told["buckets for documents"] = [
        [item["Name"], *(item[part] for part in PARTS), bastion_instance.versions(lister, item["Name"])]
        for item in bastion_instance.buckets(lister)
        if "-documents-" in item["Name"]
    ]
    return told


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"knowledge base {item['name']}", item) for item in bases(lister))
    yield from ((f"guardrail {item['name']}", item) for item in guardrails(lister))
    for item in vector_buckets(lister):
        yield f"vector bucket {item['vectorBucketName']}", item
        yield from ((f"vector index of {item['vectorBucketName']}", index) for index in item["indexes"])


def _settled(account: Account, place: dict[str, str]) -> None:
    """Wait until nothing is under way, or it is gone."""
    agent = account.client("bedrock-agent")
    for _moment in range(MOMENTS):
        try:
            if "dataSourceId" in place:
                status = agent.get_data_source(**place)["dataSource"]["status"]
            else:
                status = agent.get_knowledge_base(**place)["knowledgeBase"]["status"]
        except agent.exceptions.ResourceNotFoundException:
            return
        if status in ("ACTIVE", "AVAILABLE"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{place} doesn't settle")


def _make_base(account: Account, name: str, role: str, tags: dict[str, str]) -> dict:
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    tag_list = neighbours.tag_list(tags)
    arn = account.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust, Tags=tag_list)["Role"]["Arn"]
    made = account.client("bedrock-agent").create_knowledge_base(
        name=name,
        roleArn=arn,
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN},
        },
        storageConfiguration={
            "type": "RDS",
            "rdsConfiguration": {
                "resourceArn": f"arn:aws:rds:{REGION}:{account.id}:cluster:theirs",
                "credentialsSecretArn": f"arn:aws:secretsmanager:{REGION}:{account.id}:secret:theirs-AbCdEf",
                "databaseName": "theirs",
                "tableName": "theirs",
                "fieldMapping": {
                    "primaryKeyField": "id",
                    "vectorField": "embedding",
                    "textField": "chunks",
                    "metadataField": "metadata",
                },
            },
        },
        tags=tags,
    )["knowledgeBase"]
    _settled(account, {"knowledgeBaseId": made["knowledgeBaseId"]})
    return dict(made)


def _make_guardrail(account: Account, name: str, tags: dict[str, str]) -> None:
    account.client("bedrock").create_guardrail(
        name=name,
        blockedInputMessaging="theirs",
        blockedOutputsMessaging="theirs",
        wordPolicyConfig={"wordsConfig": [{"text": "theirs"}]},
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    _make_base(account, f"{prefix}-knowledge-base", f"{prefix}-knowledge-base", tags)
    _make_guardrail(account, f"{prefix}-guardrail", tags)
    account.client("s3vectors").create_vector_bucket(vectorBucketName=f"{prefix}-vectors", tags=tags)
    s3, bucket = account.client("s3"), bucket_of(account, prefix)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": neighbours.tag_list(tags)})


def take_names(account: Account) -> list[str]:
    _make_base(account, NAME, NAME, {})
    _make_guardrail(account, GUARDRAIL, {})
    account.client("s3vectors").create_vector_bucket(vectorBucketName=VECTORS)
    account.client("s3").create_bucket(
        Bucket=bucket_of(account), CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    account.client("logs").create_log_group(logGroupName=INVOCATION_LOG)
    return [
        f"knowledge base {NAME}",
        f"guardrail {GUARDRAIL}",
        f"S3 vector bucket {VECTORS}",
        bucket_of(account),
        f"IAM role {NAME}",
        INVOCATION_LOG,
    ]


def _change_base(account: Account, **change: Any) -> None:
    base = base_of(account)
    members = (
        "knowledgeBaseId",
        "name",
        "description",
        "roleArn",
        "knowledgeBaseConfiguration",
        "storageConfiguration",
    )
    account.client("bedrock-agent").update_knowledge_base(**{member: base[member] for member in members} | change)
    _settled(account, {"knowledgeBaseId": base["knowledgeBaseId"]})


def _change_source(account: Account, **change: Any) -> None:
    source = source_of(account)
    members = (
        "knowledgeBaseId",
        "dataSourceId",
        "name",
        "description",
        "dataSourceConfiguration",
        "dataDeletionPolicy",
        "serverSideEncryptionConfiguration",
        "vectorIngestionConfiguration",
    )
    request = {member: source[member] for member in members} | change
    account.client("bedrock-agent").update_data_source(
        **{member: value for member, value in request.items() if value is not None}
    )
    _settled(account, {member: source[member] for member in ("knowledgeBaseId", "dataSourceId")})


def _change_guardrail(account: Account, **change: Any) -> None:
    account.client("bedrock").update_guardrail(
        **{
            "guardrailIdentifier": guardrail_of(account)["guardrailId"],
            "name": GUARDRAIL,
            "blockedInputMessaging": "theirs",
            "blockedOutputsMessaging": "theirs",
            "contentPolicyConfig": {
                "filtersConfig": [{"type": "HATE", "inputStrength": "LOW", "outputStrength": "LOW"}]
            },
            **change,
        }
    )


def _delete_base(account: Account) -> None:
    place = {"knowledgeBaseId": base_of(account)["knowledgeBaseId"]}
    account.client("bedrock-agent").delete_knowledge_base(**place)
    _settled(account, place)


def _delete_source(account: Account) -> None:
    source = source_of(account)
    place = {member: source[member] for member in ("knowledgeBaseId", "dataSourceId")}
    account.client("bedrock-agent").delete_data_source(**place)
    _settled(account, place)


def _delete_vectors(account: Account) -> None:
    vectors = account.client("s3vectors")
    vectors.delete_index(vectorBucketName=VECTORS, indexName="documents")
    vectors.delete_vector_bucket(vectorBucketName=VECTORS)


def _delete_guardrail(account: Account) -> None:
    account.client("bedrock").delete_guardrail(guardrailIdentifier=guardrail_of(account)["guardrailId"])


AGENT = "bedrock-agent"
REPAIRS = {
    **together(
        another_description=Repair(
            lambda account: _change_base(account, description="theirs"),
            Calls({(AGENT, "UpdateKnowledgeBase"): 1}),
            frozenset({"Make the knowledge base"}),
            dry=True,
        ),
        vectors_that_stay=Repair(
            lambda account: _change_source(account, dataDeletionPolicy="RETAIN"),
            Calls({(AGENT, "UpdateDataSource"): 1}),
            frozenset({"Fill it from the bucket"}),
            dry=True,
        ),
        # The newest version holds what the draft is put back to.
        a_weaker_guardrail=Repair(
            _change_guardrail,
            Calls({("bedrock", "UpdateGuardrail"): 1}),
            frozenset({"Filter what models are asked and answer"}),
            dry=True,
        ),
        no_log_of_what_models_are_asked=Repair(
            lambda account: account.client("bedrock").delete_model_invocation_logging_configuration(),
            Calls({("bedrock", "PutModelInvocationLoggingConfiguration"): 1}),
            frozenset({"Log what models are asked and answer"}),
            dry=True,
        ),
    ),
    "a deleted data source": Repair(
        _delete_source, Calls({(AGENT, "CreateDataSource"): 1}), frozenset({"Fill it from the bucket"}), dry=True
    ),
    # What Bedrock has taken in it doesn't take in again, so the data source is made anew.
    "deleted vectors": Repair(
        _delete_vectors,
        Calls(
            {
                (AGENT, "UpdateDataSource"): 1,
                (AGENT, "DeleteDataSource"): 1,
                ("s3vectors", "CreateVectorBucket"): 1,
                ("s3vectors", "CreateIndex"): 1,
                (AGENT, "CreateDataSource"): 1,
            }
        ),
        frozenset(
            {
                "Remove the data source whose vectors are gone",
                "Make the vector bucket",
                "Make the index",
                "Fill it from the bucket",
            }
        ),
    ),
    # Its log is told by its ARN, which is another one now.
    "a deleted knowledge base": Repair(
        _delete_base,
        Calls(
            {
                (AGENT, "CreateKnowledgeBase"): 1,
                (AGENT, "CreateDataSource"): 1,
                ("logs", "DeleteDelivery"): 1,
                ("logs", "DeleteDeliverySource"): 1,
                ("logs", "PutDeliverySource"): 1,
                ("logs", "CreateDelivery"): 1,
            }
        ),
        frozenset({"Make the knowledge base", "Fill it from the bucket", "Log how documents fare"}),
        told=("workload_identity",),
    ),
    "a deleted guardrail": Repair(
        _delete_guardrail,
        Calls({("bedrock", "CreateGuardrail"): 1, ("bedrock", "CreateGuardrailVersion"): 1}),
        frozenset({"Filter what models are asked and answer"}),
        dry=True,
        told=("workload_identity",),
    ),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    bedrock, iam, logs, s3 = (account.client(service) for service in ("bedrock", "iam", "logs", "s3"))
    agent, vectors = account.client(AGENT), account.client("s3vectors")
    bucket, base, guardrail = bucket_of(account), base_of(account), guardrail_of(account)
    where = source_of(account)["dataSourceConfiguration"]
    others = {**where["s3Configuration"], "inclusionPrefixes": ["theirs/"]}
    theirs = {"kmsKeyArn": encryption.key(account)["Arn"].rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"}
    config = logging(account)
    anybody = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                    "Action": "s3vectors:*",
                    "Resource": "*",
                }
            ],
        }
    )
    (vector_bucket,) = [item for item in vector_buckets(Lister(account)) if item["vectorBucketName"] == VECTORS]
    (index,) = vector_bucket["indexes"]
    deliveries = [item for item in Lister(account).log_deliveries("deliveries") if item["deliverySourceName"] == NAME]

    def put_logging(**change: Any) -> Callable[[], Any]:
        return lambda: bedrock.put_model_invocation_logging_configuration(loggingConfig={**config, **change})

    def untag(client: Any, arn: str, member: str = "resourceArn") -> Callable[[], Any]:
        return lambda: client.untag_resource(**{member: arn}, tagKeys=["Name"])

    return {
        "role of the knowledge base": lambda: _change_base(
            account, roleArn=f"arn:aws:iam::{account.id}:role/{LOGGING_ROLE}"
        ),
        "description of the data source": lambda: _change_source(account, description="theirs"),
        "which documents are taken in": lambda: _change_source(
            account, dataSourceConfiguration={**where, "s3Configuration": others}
        ),
        "key of the data source": lambda: _change_source(account, serverSideEncryptionConfiguration=theirs),
        "no key of the data source": lambda: _change_source(account, serverSideEncryptionConfiguration=None),
        "topics of the guardrail": lambda: _change_guardrail(
            account,
            topicPolicyConfig={"topicsConfig": [{"name": "theirs", "definition": "theirs", "type": "DENY"}]},
        ),
        "words of the guardrail": lambda: _change_guardrail(
            account, wordPolicyConfig={"wordsConfig": [{"text": "theirs"}]}
        ),
        "what the guardrail masks": lambda: _change_guardrail(
            account,
            sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
        ),
        "grounding of the guardrail": lambda: _change_guardrail(
            account, contextualGroundingPolicyConfig={"filtersConfig": [{"type": "GROUNDING", "threshold": 0.5}]}
        ),
        "description of the guardrail": lambda: _change_guardrail(account, description="theirs"),
        "texts that aren't logged": put_logging(textDataDeliveryEnabled=False),
        "images that are logged": put_logging(imageDataDeliveryEnabled=True),
        "policy of the vector bucket": lambda: vectors.put_vector_bucket_policy(
            vectorBucketName=VECTORS, policy=anybody
        ),
        "tag of the knowledge base": untag(agent, base["knowledgeBaseArn"]),
        "tag of the guardrail": untag(bedrock, guardrail["guardrailArn"], "resourceARN"),
        "tag of the vector bucket": untag(vectors, vector_bucket["vectorBucketArn"]),
        "tag of the index": untag(vectors, index["indexArn"]),
        "permissions": lambda: iam.delete_role_policy(RoleName=NAME, PolicyName="permissions"),
        "trust": lambda: iam.update_assume_role_policy(RoleName=LOGGING_ROLE, PolicyDocument=neighbours.TRUST),
        "delivery of its log": lambda: logs.delete_delivery(id=deliveries[0]["id"]),
        "retention of its log": lambda: logs.delete_retention_policy(logGroupName=APPLICATION_LOG),
        "key of the log": lambda: logs.disassociate_kms_key(logGroupName=INVOCATION_LOG),
        "public access block": lambda: s3.delete_public_access_block(Bucket=bucket),
        "bucket policy": lambda: s3.delete_bucket_policy(Bucket=bucket),
        "expiry": lambda: s3.delete_bucket_lifecycle(Bucket=bucket),
        "versions": lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
        "encryption": lambda: s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        ),
    }


def lasting(account: Account) -> list[str]:
    return [
        base_of(account)["knowledgeBaseId"],
        source_of(account)["dataSourceId"],
        guardrail_of(account)["guardrailId"],
    ]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    account = lister.account
    base, source, guardrail = base_of(account), source_of(account), guardrail_of(account)
    assert (facts["knowledge_base_id"], facts["knowledge_base_arn"]) == (
        base["knowledgeBaseId"],
        base["knowledgeBaseArn"],
    )
    assert (facts["status"], facts["vector_store"]) == ("ACTIVE", "s3_vectors")
    assert (facts["embedding_model_arn"], facts["embedding_dimensions"]) == (TITAN, 1024)
    assert facts["data_source_id"] == source["dataSourceId"]
    assert facts["chunking"] == source["vectorIngestionConfiguration"]["chunkingConfiguration"]
    assert facts["documents_bucket"] == bucket_of(account)
    assert (facts["vector_bucket"], facts["index_dimension"], facts["index_distance_metric"]) == (
        VECTORS,
        1024,
        "cosine",
    )
    assert (facts["collection_arn"], facts["database_secret_arn"]) == (None, None)
    assert (facts["guardrail_id"], facts["guardrail_arn"]) == (guardrail["guardrailId"], guardrail["guardrailArn"])
    assert int(facts["guardrail_version"]) >= 1
    assert facts["role_arn"].endswith(f"/{NAME}")
    assert facts["logging_role_arn"].endswith(f"/{LOGGING_ROLE}")
    assert facts["invocation_log_group"] == INVOCATION_LOG


@pytest.fixture(scope="module")
def base(platform) -> dict:
    return base_of(platform.account)


class TestKnowledgeBase:
    def test_what_it_is_made_of(self, lister, base):
        account = lister.account
        assert base["status"] == "ACTIVE"
        vector = base["knowledgeBaseConfiguration"]["vectorKnowledgeBaseConfiguration"]
        assert vector["embeddingModelArn"] == TITAN
        assert vector["embeddingModelConfiguration"]["bedrockEmbeddingModelConfiguration"]["dimensions"] == 1024
        (bucket,) = [item for item in vector_buckets(lister) if item["vectorBucketName"] == VECTORS]
        (index,) = bucket["indexes"]
        assert base["storageConfiguration"]["s3VectorsConfiguration"]["indexArn"] == index["indexArn"]
        assert (index["dimension"], index["distanceMetric"]) == (1024, "cosine")
        kept = index["metadataConfiguration"]["nonFilterableMetadataKeys"]
        assert sorted(kept) == ["AMAZON_BEDROCK_METADATA", "AMAZON_BEDROCK_TEXT"]
        assert bucket["encryptionConfiguration"]["kmsKeyArn"] == encryption.key(account)["Arn"]
        assert OWNER.items() <= tags_of(base).items()

    def test_what_it_is_filled_from(self, lister):
        account = lister.account
        source = source_of(account)
        where = source["dataSourceConfiguration"]["s3Configuration"]
        assert where["bucketArn"] == f"arn:aws:s3:::{bucket_of(account)}"
        assert where["bucketOwnerAccountId"] == account.id
        assert "inclusionPrefixes" not in where
        assert source["dataDeletionPolicy"] == "DELETE"
        assert source["vectorIngestionConfiguration"]["chunkingConfiguration"] == {
            "chunkingStrategy": "FIXED_SIZE",
            "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20},
        }

    def test_the_bucket(self, lister):
        s3, bucket = lister.account.client("s3"), bucket_of(lister.account)
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": encryption.key(lister.account)["Arn"],
        }
        (statement,) = document(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90

    def test_only_this_account_s_bedrock_assumes_its_roles(self, lister):
        account = lister.account
        for name, arn in ((NAME, "knowledge-base/*"), (LOGGING_ROLE, "*")):
            role = account.client("iam").get_role(RoleName=name)["Role"]
            (trust,) = document(role["AssumeRolePolicyDocument"])["Statement"]
            assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
            assert trust["Condition"] == {
                "StringEquals": {"aws:SourceAccount": account.id},
                "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{account.id}:{arn}"},
            }

    def test_they_may_do_what_it_takes_and_no_more(self, lister):
        account = lister.account
        allowed = {item["Sid"]: item for item in statements_of(account, NAME)}
        assert set(allowed) == {"MakeVectors", "ListDocuments", "ReadDocuments", "UseTheKey", "UseTheIndex"}
        assert as_list(allowed["MakeVectors"]["Resource"]) == [TITAN]
        assert as_list(allowed["UseTheKey"]["Resource"]) == [encryption.key(account)["Arn"]]
        for statement in [*allowed.values(), *statements_of(account, LOGGING_ROLE)]:
            assert not [action for action in as_list(statement["Action"]) if "*" in action], statement
            assert "*" not in as_list(statement["Resource"])

    def test_the_guardrail_has_a_version_to_go_by(self, lister):
        bedrock, guardrail = lister.account.client("bedrock"), guardrail_of(lister.account)
        versions = lister.account.pages(
            "bedrock", "list_guardrails", "guardrails", guardrailIdentifier=guardrail["guardrailId"]
        )
        newest = max((item["version"] for item in versions if item["version"] != "DRAFT"), key=int)
        told = bedrock.get_guardrail(guardrailIdentifier=guardrail["guardrailId"], guardrailVersion=newest)
        assert told["contentPolicy"] == guardrail["contentPolicy"]
        strengths = {item["type"]: item["inputStrength"] for item in told["contentPolicy"]["filters"]}
        kinds = ("HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK", "SEXUAL", "VIOLENCE")
        assert strengths == dict.fromkeys(kinds, "HIGH")
        assert guardrail["kmsKeyArn"] == encryption.key(lister.account)["Arn"]

    def test_what_is_logged(self, lister, base):
        config = logging(lister.account)
        assert config["cloudWatchConfig"]["logGroupName"] == INVOCATION_LOG
        assert config["cloudWatchConfig"]["roleArn"].endswith(f"/{LOGGING_ROLE}")
        assert (config["textDataDeliveryEnabled"], config["imageDataDeliveryEnabled"]) == (True, False)
        groups = {item["logGroupName"]: item for item in lister.log_groups()}
        for name in (INVOCATION_LOG, APPLICATION_LOG):
            assert groups[name]["retentionInDays"] == 90
            assert groups[name]["kmsKeyId"] == encryption.key(lister.account)["Arn"]
        (source,) = [item for item in lister.log_deliveries("delivery_sources") if item["name"] == NAME]
        assert (source["resourceArns"], source["logType"]) == ([base["knowledgeBaseArn"]], "APPLICATION_LOGS")
