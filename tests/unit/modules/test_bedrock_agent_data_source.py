# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data source of a knowledge base of Bedrock."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.bedrock_agent_data_source import DataSource
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

BASE, ID, NAME = "ABCDEFGHIJ", "KLMNOPQRST", "documents"
PLACE = {"knowledgeBaseId": BASE}
IT = {**PLACE, "dataSourceId": ID}
BUCKET = "arn:aws:s3:::demo-documents"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FIXED = {
    "chunking_strategy": "FIXED_SIZE",
    "fixed_size_chunking_configuration": {"max_tokens": 300, "overlap_percentage": 20},
    "hierarchical_chunking_configuration": None,
    "semantic_chunking_configuration": None,
}
HIERARCHICAL = {
    "chunking_strategy": "HIERARCHICAL",
    "hierarchical_chunking_configuration": {
        "level_configurations": [{"max_tokens": 1500}, {"max_tokens": 300}],
        "overlap_tokens": 60,
    },
}
CHUNKING = {
    "chunkingConfiguration": {
        "chunkingStrategy": "FIXED_SIZE",
        "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20},
    }
}
PARAMS = {
    "knowledge_base_id": BASE,
    "name": NAME,
    "description": None,
    "bucket_arn": BUCKET,
    "bucket_owner_account_id": "123456789012",
    "inclusion_prefixes": [],
    "data_deletion_policy": "DELETE",
    "kms_key_arn": KEY,
    "chunking_configuration": FIXED,
    "replace": False,
}
WHERE = {"type": "S3", "s3Configuration": {"bucketArn": BUCKET, "bucketOwnerAccountId": "123456789012"}}
SOURCE = {
    **IT,
    "name": NAME,
    "dataSourceConfiguration": WHERE,
    "dataDeletionPolicy": "DELETE",
    "serverSideEncryptionConfiguration": {"kmsKeyArn": KEY},
    "vectorIngestionConfiguration": CHUNKING,
}
WHOLE = {member: value for member, value in SOURCE.items() if member != "dataSourceId"}
NONE = Step("ListDataSources", {"dataSourceSummaries": []}, PLACE)
NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


def seen(status="AVAILABLE", **members):
    return [
        Step("ListDataSources", {"dataSourceSummaries": [{**IT, "name": NAME, "status": status}]}, PLACE),
        Step("GetDataSource", {"dataSource": {**SOURCE, "status": status, **members}}, IT),
    ]


def created(answer=None, **members):
    def check(request):
        assert len(request.pop("clientToken")) >= 33
        assert request == {**WHOLE, **members}

    return Step("CreateDataSource", answer or {"dataSource": SOURCE}, check)


def updated(**members):
    return Step("UpdateDataSource", {}, {**SOURCE, **members})


def jobs(*states):
    found = [
        {**IT, "ingestionJobId": f"JOB{number:07}", "status": state, "startedAt": NOW, "updatedAt": NOW}
        for number, state in enumerate(states)
    ]
    return Step("ListIngestionJobs", {"ingestionJobSummaries": found}, IT)


DELETED = Step("DeleteDataSource", {}, IT)


def run(params, *steps, **kwargs):
    return run_resource(DataSource, {**PARAMS, **params}, *steps, **kwargs)


def test_create_and_wait():
    result, _aws, _module = run({}, NONE, created(), *seen("CREATING"), *seen())
    assert result["changed"] is True
    assert result["data_source"]["data_source_id"] == ID
    assert result["replaced"] is False


def test_nothing_to_do():
    result, _aws, _module = run({"description": ""}, *seen())
    assert result["changed"] is False


def test_a_lost_reply_makes_nothing_twice():
    result, aws, _module = run({}, NONE, created(lost_reply()), *seen())
    assert result["changed"] is True
    assert aws.operations().count("CreateDataSource") == 1


def test_a_role_that_isn_t_known_yet():
    said = "Bedrock Knowledge Base cannot assume role."
    run({}, NONE, created(api_error("CreateDataSource", "ValidationException", said)), NONE, created(), *seen())


def test_in_a_dry_run_the_knowledge_base_may_not_be_known_yet():
    result, _aws, _module = run({"knowledge_base_id": "(known after apply)"}, check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("params", "before", "sent"),
    [
        ({"description": "New"}, {}, {"description": "New"}),
        ({"data_deletion_policy": "RETAIN"}, {}, {"dataDeletionPolicy": "RETAIN"}),
        (
            {"inclusion_prefixes": ["guides/"]},
            {},
            {
                "dataSourceConfiguration": {
                    **WHERE,
                    "s3Configuration": {**WHERE["s3Configuration"], "inclusionPrefixes": ["guides/"]},
                }
            },
        ),
        # An empty list isn't taken: it is left out.
        (
            {},
            {
                "dataSourceConfiguration": {
                    **WHERE,
                    "s3Configuration": {**WHERE["s3Configuration"], "inclusionPrefixes": ["guides/"]},
                }
            },
            {},
        ),
        ({}, {"serverSideEncryptionConfiguration": {"kmsKeyArn": KEY.replace("1234abcd", "00000000")}}, {}),
    ],
)
def test_an_update_says_all_again(params, before, sent):
    result, _aws, _module = run(
        params, *seen(**before), updated(**sent), *seen("UPDATING", **sent), *seen(**sent), *seen(**sent)
    )
    assert result["changed"] is True


def test_how_documents_are_cut_can_t_be_changed():
    text = refuse_resource(DataSource, {**PARAMS, "chunking_configuration": HIERARCHICAL}, *seen())
    assert "data source 'documents' of 'ABCDEFGHIJ' can't be changed in place (chunking_configuration: is" in text
    assert "Or give replace: true to have it deleted and made anew" in text


def test_it_is_replaced_when_asked():
    cut = {
        "chunkingConfiguration": {
            "chunkingStrategy": "HIERARCHICAL",
            "hierarchicalChunkingConfiguration": {
                "levelConfigurations": [{"maxTokens": 1500}, {"maxTokens": 300}],
                "overlapTokens": 60,
            },
        }
    }
    result, _aws, module = run(
        {"chunking_configuration": HIERARCHICAL, "replace": True, "data_deletion_policy": "RETAIN"},
        *seen(dataDeletionPolicy="RETAIN"),
        jobs("COMPLETE"),
        # What stays of the old one would be found beside the new one's.
        updated(),
        *seen("UPDATING"),
        *seen(),
        DELETED,
        *seen("DELETING"),
        NONE,
        created(vectorIngestionConfiguration=cut, dataDeletionPolicy="RETAIN"),
        *seen(vectorIngestionConfiguration=cut, dataDeletionPolicy="RETAIN"),
    )
    assert (result["changed"], result["replaced"]) == (True, True)
    assert "is made anew" in module.warnings[0]


def test_nothing_is_replaced_in_a_dry_run():
    result, aws, _module = run({"chunking_configuration": HIERARCHICAL, "replace": True}, *seen(), check_mode=True)
    assert (result["changed"], result["replaced"]) == (True, True)
    assert aws.operations() == ["ListDataSources", "GetDataSource"]


def test_what_differs_otherwise_replaces_nothing():
    result, _aws, _module = run({"replace": True}, *seen())
    assert (result["changed"], result["replaced"]) == (False, False)


def test_one_of_another_kind():
    text = refuse_resource(
        DataSource,
        {**PARAMS, "bucket_owner_account_id": None, "bucket_arn": BUCKET},
        *seen(dataSourceConfiguration={"type": "WEB"}),
    )
    assert "takes documents of the kind WEB, and not of a bucket" in text


def test_delete_and_wait():
    result, _aws, _module = run(
        {"state": "absent"}, *seen(), jobs("COMPLETE", "FAILED"), DELETED, *seen("DELETING"), NONE
    )
    assert result["changed"] is True


def test_vectors_are_retained_when_that_is_asked_with_the_deletion():
    run(
        {"state": "absent", "data_deletion_policy": "RETAIN"},
        *seen("DELETE_UNSUCCESSFUL"),
        jobs(),
        updated(dataDeletionPolicy="RETAIN"),
        *seen("UPDATING", dataDeletionPolicy="RETAIN"),
        *seen(dataDeletionPolicy="RETAIN"),
        DELETED,
        NONE,
    )


def test_a_job_that_is_under_way_is_stopped_first():
    _result, aws, _module = run(
        {"state": "absent"},
        *seen(),
        jobs("IN_PROGRESS", "COMPLETE"),
        Step("StopIngestionJob", {}, {**IT, "ingestionJobId": "JOB0000000"}),
        jobs("STOPPING", "COMPLETE"),
        jobs("STOPPED", "COMPLETE"),
        DELETED,
        NONE,
    )
    assert aws.operations().count("StopIngestionJob") == 1


def test_a_job_that_doesn_t_end():
    text = refuse_resource(
        DataSource, {**PARAMS, "state": "absent", "wait_timeout": 1}, *seen(), *endless(jobs("STOPPING"))
    )
    assert "Job JOB0000000 of data source 'documents' of 'ABCDEFGHIJ' is still STOPPING after 1 s" in text


def test_a_deletion_that_aws_gives_up():
    text = refuse_resource(
        DataSource,
        {**PARAMS, "state": "absent"},
        *seen(),
        jobs(),
        DELETED,
        *seen("DELETING"),
        *seen("DELETE_UNSUCCESSFUL", failureReasons=["Unable to delete data from vector store."]),
    )
    assert "The deletion was given up." in text
    assert "Unable to delete data from vector store." in text
    assert "data_deletion_policy: RETAIN" in text


def test_of_a_knowledge_base_that_is_gone_nothing_is_left():
    gone = api_error("ListDataSources", "ResourceNotFoundException", status=404)
    result, _aws, _module = run({"state": "absent"}, Step("ListDataSources", gone))
    assert result["changed"] is False
