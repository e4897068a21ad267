# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs that take documents into a knowledge base of Bedrock."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.bedrock_agent_ingestion_job import IngestionJob
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

IT = {"knowledgeBaseId": "ABCDEFGHIJ", "dataSourceId": "KLMNOPQRST"}
PARAMS = {
    "knowledge_base_id": "ABCDEFGHIJ",
    "data_source_id": "KLMNOPQRST",
    "description": None,
    "bucket_name": None,
    "wait_timeout": 60,
}
BEFORE = datetime.datetime(2026, 11, 1, 11, 59, 59, tzinfo=datetime.UTC)
THEN = datetime.datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=datetime.UTC)
# S3 tells whole seconds: what was put in at the second in which the job began may have come after it.
THE_SAME = THEN.replace(microsecond=0)
OLD, NEW = "JOBOLD0000", "JOBNEW0000"


def source(**members):
    where = {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::demo-documents", **members}}
    return Step("GetDataSource", {"dataSource": {**IT, "dataSourceConfiguration": where}}, IT)


def job(status="COMPLETE", number=OLD, at=THEN, **members):
    return {**IT, "ingestionJobId": number, "status": status, "startedAt": at, "updatedAt": at, **members}


def jobs(*found):
    return Step("ListIngestionJobs", {"ingestionJobSummaries": list(found)}, IT)


def got(status, number=NEW, **members):
    return Step("GetIngestionJob", {"ingestionJob": job(status, number, **members)}, {**IT, "ingestionJobId": number})


def document(key="guide.md", at=BEFORE, latest=True):
    return {"Key": key, "LastModified": at, "IsLatest": latest, "ETag": '"1"', "VersionId": "1"}


def marker(key="guide.md", at=BEFORE, latest=True):
    return {"Key": key, "LastModified": at, "IsLatest": latest, "VersionId": "2"}


def bucket(*documents, markers=(), prefix=None, page=None, more=False):
    answer = {"Versions": list(documents), "DeleteMarkers": list(markers), "IsTruncated": more}
    if more:
        answer |= {"NextKeyMarker": "k", "NextVersionIdMarker": "v"}
    request = {"Bucket": "demo-documents", **({"Prefix": prefix} if prefix else {}), **(page or {})}
    return Step("ListObjectVersions", answer, request)


def started(answer=None, **members):
    def check(request):
        assert len(request.pop("clientToken")) >= 33
        assert request == {**IT, **members}

    return Step("StartIngestionJob", answer or {"ingestionJob": job("STARTING", NEW)}, check)


def run(params, *steps, **kwargs):
    return run_resource(IngestionJob, {**PARAMS, **params}, *steps, **kwargs)


def test_the_first_one():
    result, _aws, module = run(
        {"description": "by a run"},
        source(),
        jobs(),
        bucket(document()),
        started(description="by a run"),
        got("IN_PROGRESS"),
        got("COMPLETE", statistics={"numberOfNewDocumentsIndexed": 1, "numberOfDocumentsFailed": 0}),
    )
    assert result["changed"] is True
    assert result["reason"] == "s3://demo-documents/guide.md is there, and no job has come to its end yet."
    assert result["ingestion_job"]["status"] == "COMPLETE"
    assert result["ingestion_job"]["statistics"]["number_of_new_documents_indexed"] == 1
    assert module.warnings == []


@pytest.mark.parametrize(
    "contents",
    [
        bucket(),
        # Neither what was there and is gone, nor what only stands for a folder.
        bucket(document(latest=False), document("guides/"), markers=[marker()]),
    ],
)
def test_an_empty_bucket_takes_no_job(contents):
    result, _aws, _module = run({}, source(), jobs(), contents)
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (bucket(document(at=THE_SAME)), "s3://demo-documents/guide.md has changed since the last job."),
        (
            bucket(document(latest=False), markers=[marker(at=THE_SAME)]),
            "s3://demo-documents/guide.md was removed since the last job.",
        ),
    ],
)
def test_what_has_changed_since_the_last_one_began(contents, reason):
    result, _aws, _module = run({}, source(), jobs(job()), contents, started(), got("COMPLETE"))
    assert result["changed"] is True
    assert result["reason"] == reason


def test_nothing_has_changed_since():
    result, _aws, _module = run(
        {}, source(), jobs(job()), bucket(document(), document("old.md", latest=False), markers=[marker("old.md")])
    )
    assert result["changed"] is False
    assert result["reason"] == "Nothing has changed since the last job."
    assert result["ingestion_job"]["ingestion_job_id"] == OLD


def test_all_pages_are_looked_at_until_something_is_found():
    pages = [
        bucket(document(), more=True),
        bucket(document("z.md", at=THEN), page={"KeyMarker": "k", "VersionIdMarker": "v"}, more=True),
    ]
    result, _aws, _module = run({}, source(), jobs(job()), *pages, started(), got("COMPLETE"))
    assert result["reason"] == "s3://demo-documents/z.md has changed since the last job."


def test_only_what_the_data_source_takes_in_counts():
    result, _aws, _module = run({}, source(inclusionPrefixes=["guides/"]), jobs(job()), bucket(prefix="guides/"))
    assert result["changed"] is False


def test_a_job_begins_in_a_later_second_than_the_last_change(clock):
    def later(request):
        assert clock[0] >= 1.0

    run(
        {},
        source(),
        jobs(),
        bucket(document()),
        Step("StartIngestionJob", {"ingestionJob": job("STARTING", NEW)}, later),
        got("COMPLETE"),
    )


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_one_that_has_not_come_to_its_end_doesn_t_count(status):
    result, _aws, _module = run(
        {},
        source(),
        jobs(job(status, "JOBBAD0000", THEN), job(at=BEFORE)),
        bucket(document()),
        started(),
        got("COMPLETE"),
    )
    assert result["changed"] is True


def test_one_that_is_under_way_is_waited_for():
    result, _aws, _module = run(
        {},
        source(),
        jobs(job("IN_PROGRESS")),
        got("IN_PROGRESS", OLD),
        got("COMPLETE", OLD),
        jobs(job()),
        bucket(document()),
    )
    assert result["changed"] is False


def test_someone_else_was_first():
    busy = api_error("StartIngestionJob", "ConflictException", "Another job is under way", 409)
    result, _aws, _module = run(
        {},
        source(),
        jobs(),
        bucket(document()),
        started(busy),
        jobs(job("IN_PROGRESS")),
        got("COMPLETE", OLD),
        jobs(job()),
        bucket(document()),
    )
    assert result["changed"] is False


def test_a_lost_reply_starts_nothing_twice():
    result, aws, _module = run(
        {},
        source(),
        jobs(job(at=BEFORE)),
        bucket(document()),
        started(lost_reply()),
        jobs(job("STARTING", NEW), job()),
        got("COMPLETE"),
    )
    assert result["changed"] is True
    assert aws.operations().count("StartIngestionJob") == 1


def test_a_start_that_was_throttled_is_tried_again():
    busy = api_error("StartIngestionJob", "ThrottlingException", "slow down", 429)
    result, _aws, _module = run(
        {}, source(), jobs(), bucket(document()), started(busy), jobs(), bucket(document()), started(), got("COMPLETE")
    )
    assert result["changed"] is True


def test_documents_that_are_not_taken_in_are_told():
    reasons = [f"document {number} is too large." for number in range(7)]
    _result, _aws, module = run(
        {},
        source(),
        jobs(),
        bucket(document()),
        started(),
        got("COMPLETE", statistics={"numberOfDocumentsFailed": 7}, failureReasons=reasons),
    )
    (told,) = module.warnings
    assert "has not taken in 7 document(s). document 0 is too large." in told
    assert "document 4 is too large. And 2 more." in told


@pytest.mark.parametrize(("status", "words"), [("FAILED", "has failed"), ("STOPPED", "was stopped")])
def test_a_job_that_fails(status, words):
    text = refuse_resource(
        IngestionJob,
        PARAMS,
        source(),
        jobs(),
        bucket(document()),
        started(),
        got(status, failureReasons=["The role may not read the bucket"]),
    )
    assert f"Job {NEW} of data source KLMNOPQRST of knowledge base ABCDEFGHIJ {words}." in text
    assert "The role may not read the bucket." in text


def test_a_job_that_takes_too_long():
    text = refuse_resource(
        IngestionJob,
        PARAMS,
        source(),
        jobs(),
        bucket(document()),
        started(),
        *endless(got("IN_PROGRESS")),
    )
    assert "is still IN_PROGRESS after 60 s. Run again to go on waiting" in text


def test_without_waiting():
    result, _aws, _module = run({"wait": False}, source(), jobs(), bucket(document()), started(), got("STARTING"))
    assert (result["changed"], result["ingestion_job"]["status"]) == (True, "STARTING")
    result, _aws, _module = run({"wait": False}, source(), jobs(job("IN_PROGRESS")), bucket(document(at=THEN)))
    assert result["changed"] is False


@pytest.mark.parametrize(("contents", "changed"), [(bucket(document(at=THEN)), True), (bucket(document()), False)])
def test_a_dry_run_says_whether_there_would_be_one(contents, changed):
    result, aws, _module = run({}, source(), jobs(job()), contents, check_mode=True)
    assert result["changed"] is changed
    assert "StartIngestionJob" not in aws.operations()


def test_in_a_dry_run_the_data_source_may_not_be_known_yet():
    result, _aws, _module = run({"data_source_id": "(known after apply)"}, check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize(("contents", "changed"), [(bucket(document()), True), (bucket(), False)])
def test_then_it_looks_into_the_bucket(contents, changed):
    params = {"data_source_id": "(known after apply)", "bucket_name": "demo-documents"}
    result, _aws, _module = run(params, contents, check_mode=True)
    assert result["changed"] is changed


def test_without_a_data_source():
    gone = api_error("GetDataSource", "ResourceNotFoundException", status=404)
    text = refuse_resource(IngestionJob, PARAMS, Step("GetDataSource", gone))
    assert "There is no data source KLMNOPQRST of knowledge base ABCDEFGHIJ. Make it first" in text


def test_documents_elsewhere():
    where = {"dataSource": {**IT, "dataSourceConfiguration": {"type": "WEB"}}}
    text = refuse_resource(IngestionJob, PARAMS, Step("GetDataSource", where))
    assert "don't lie in a bucket" in text


def test_who_may_not_look_into_the_bucket_is_told_what_it_takes():
    denied = api_error("ListObjectVersions", "AccessDenied", "no", 403)
    text = refuse_resource(IngestionJob, PARAMS, source(), jobs(), Step("ListObjectVersions", denied))
    assert "Allow s3:ListBucketVersions on the bucket" in text
