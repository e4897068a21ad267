#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_agent_ingestion_job
version_added: 0.1.0
short_description: Take documents into a knowledge base of Amazon Bedrock
description:
  - Starts a job that takes the documents of a bucket into a knowledge base, and waits for its end. It does so only if a
    document was put into the bucket or removed from it since the last job began that has come to its end, or if there
    was none.
  - A job that is under way is waited for, whoever has started it.
  - In check mode it says whether it would start one.
  - A removed document is seen by its delete marker, so only in a bucket that keeps versions.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  knowledge_base_id:
    description:
      - ID of the knowledge base.
    type: str
    required: true
  data_source_id:
    description:
      - ID of the data source, whose documents lie in a bucket.
    type: str
    required: true
  description:
    description:
      - What the job is for, up to 200 characters.
    type: str
  bucket_name:
    description:
      - Name of the bucket, into which a dry run looks before there is a data source that could tell it.
    type: str
  wait:
    description:
      - Whether to wait for the end of the job, and to fail if the job does.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 3600
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Take in what has changed
  agent_platform.aws.bedrock_agent_ingestion_job:
    knowledge_base_id: ABCDEFGHIJ
    data_source_id: KLMNOPQRST
"""

RETURN = r"""
reason:
  description: Why a job was started, or none.
  returned: always
  type: str
  sample: s3://demo-documents/guide.md has changed since the last job.
ingestion_job:
  description: The last job as Bedrock describes it; empty where there is none.
  returned: always
  type: dict
  contains:
    failure_reasons:
      description: What went wrong, as a whole or with single documents.
      type: list
      elements: str
    ingestion_job_id:
      description: ID of the job.
      type: str
    status:
      description: How it stands, as COMPLETE.
      type: str
    statistics:
      description: How many documents were looked at, taken in, removed, and not taken in.
      type: dict
"""

import time
import uuid

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.transformation import boto3_resource_to_ansible_dict

from ..module_utils.aggregate import details_of
from ..module_utils.bedrock_agent import NOT_FOUND, RUNNING, BedrockAgentCalls
from ..module_utils.calls import READ_ATTEMPTS, Repeat
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import AWS_ERRORS, ResourceError, error_code
from ..module_utils.values import placeholder

# S3 tells times in whole seconds. A job begins in a later one than all changes that it takes in.
SECOND = 1.0
# What went wrong, in a message: so many of AWS's reasons.
MOST_REASONS = 5


class IngestionJob(BedrockAgentCalls):
    """What is to be done about the documents of one data source; each step is decided anew by what there is."""

    # Someone else has started a job since we looked.
    passing = {"ConflictException": ("",)}
    hints = {"AccessDenied": {"": "Allow s3:ListBucketVersions on the bucket for the identity of this run."}}

    def __init__(self, module):
        super().__init__(module)
        self.place = {
            "knowledgeBaseId": self.options["knowledge_base_id"],
            "dataSourceId": self.options["data_source_id"],
        }
        self.title = f"data source {self.place['dataSourceId']} of knowledge base {self.place['knowledgeBaseId']}"
        # The same for all tries: what AWS has started without an answer isn't started again.
        self.token = str(uuid.uuid4())
        self.known = set()  # ids of the jobs that there were before this run has asked for one
        self.own = None  # id of the one of this run
        self.why = "Nothing has changed since the last job."

    def run(self):
        if any(placeholder(value) for value in self.place.values()):
            name = self.options["bucket_name"]
            found = self.reason({"bucketArn": name}, None) if name else "The data source isn't there yet."
            self.why = found or "There are no documents."
            return self.result(None, changed=bool(found))
        source = (self.read("GetDataSource", self.place, NOT_FOUND) or {}).get("dataSource")
        if source is None:
            raise ResourceError(f"There is no {self.title}. Make it first, and run again.")
        bucket = source["dataSourceConfiguration"].get("s3Configuration")
        if bucket is None:
            raise ResourceError(f"The documents of {self.title} don't lie in a bucket, so what has changed isn't seen.")
        while True:
            try:
                return self.step(bucket)
            except Repeat as repeat:
                self.patience.pause(repeat)
                # A reply that was lost may have told of a job.
                if repeat.may_be_done and self.own is None:
                    self.own = next((i for i in map(id_of, self.jobs(self.place)) if i not in self.known), None)

    def step(self, bucket):
        if self.own is not None:
            return self.ended()
        jobs = self.jobs(self.place)
        running = next((job for job in jobs if job["status"] in RUNNING), None)
        if running and self.options["wait"] and not self.check_mode:
            self.wait_for(id_of(running))
            return self.step(bucket)
        # What one has read that is under way isn't known. It began before whatever it doesn't read.
        last = next((job for job in jobs if job["status"] in {"COMPLETE", *RUNNING}), None)
        reason = self.reason(bucket, last)
        self.why = reason or self.why
        if not reason or running or self.check_mode:
            return self.result(last or next(iter(jobs), None), changed=bool(reason) and self.check_mode)
        self.known = {id_of(job) for job in jobs}
        time.sleep(SECOND)
        request = {**self.place, "clientToken": self.token}
        if self.options["description"]:
            request["description"] = self.options["description"]
        answer = self.write("StartIngestionJob", request, f"take in the documents of {self.title}")
        self.own = id_of(answer["ingestionJob"])
        return self.ended()

    # ---- What there is to take in

    def reason(self, bucket, last):
        """Why a job is to be started; none if what is in the bucket was taken in by the last one."""
        name = bucket["bucketArn"].rpartition(":")[2]
        for prefix in bucket.get("inclusionPrefixes") or [""]:
            for change in self.changes(name, prefix):
                if last is None:
                    if change["IsLatest"] and "ETag" in change:
                        return f"s3://{name}/{change['Key']} is there, and no job has come to its end yet."
                elif change["LastModified"] >= last["startedAt"].replace(microsecond=0):
                    done = "has changed" if "ETag" in change else "was removed"
                    return f"s3://{name}/{change['Key']} {done} since the last job."
        return None

    def changes(self, name, prefix):
        """Versions and delete markers, the latter without an ETag; what only stands for a folder is no document."""
        marker = {"Prefix": prefix} if prefix else {}
        client = self.client("s3", READ_ATTEMPTS)
        while True:
            try:
                page = client.list_object_versions(Bucket=name, **marker)
            except AWS_ERRORS as error:
                if error_code(error) == "NoSuchBucket":
                    return
                doing = f"look for changed documents in {name}"
                raise self.failure(error, doing, "ListObjectVersions", "s3") from error
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield from (item for item in found if not item["Key"].endswith("/"))
            if not page.get("IsTruncated"):
                return
            marker["KeyMarker"] = page["NextKeyMarker"]
            marker["VersionIdMarker"] = page["NextVersionIdMarker"]

    def permission(self, operation, service):
        return "s3:ListBucketVersions" if service == "s3" else super().permission(operation, service)

    # ---- The job

    def job(self, number):
        answer = self.read("GetIngestionJob", {**self.place, "ingestionJobId": number}, NOT_FOUND)
        return (answer or {}).get("ingestionJob")

    def wait_for(self, number):
        """The job at its end; None where it has gone."""
        job = None
        for job in self.looks(lambda: self.job(number), self.wait_timeout, pause=1.0, longest=self.poll):
            if job is None or job["status"] not in RUNNING:
                return job
        raise ResourceError(
            f"Job {number} of {self.title} is still {job['status']} after {self.wait_timeout} s. Run again to go on "
            "waiting, or raise the timeout."
        )

    def ended(self):
        """What came of the job of this run."""
        job = self.wait_for(self.own) if self.options["wait"] else self.job(self.own)
        if job is None:
            raise ResourceError(f"Job {self.own} of {self.title} is gone. See that the data source is there.")
        told = reasons_of(job)
        failed = (job.get("statistics") or {}).get("numberOfDocumentsFailed")
        if job["status"] in ("FAILED", "STOPPED"):
            how = "has failed" if job["status"] == "FAILED" else "was stopped"
            raise ResourceError(f"Job {self.own} of {self.title} {how}. {told}Run again to take the documents in.")
        if failed:
            self.module.warn(f"Job {self.own} of {self.title} has not taken in {failed} document(s). {told}".strip())
        return self.result(job, changed=True)

    def result(self, job, changed):
        shown = boto3_resource_to_ansible_dict(job, transform_tags=False, force_tags=False) if job else {}
        return {"changed": changed, "reason": self.why, "ingestion_job": shown}


def id_of(job):
    return job["ingestionJobId"]


def reasons_of(job):
    """What AWS says of what went wrong, as sentences."""
    told = job.get("failureReasons") or []
    more = f"And {len(told) - MOST_REASONS} more. " if len(told) > MOST_REASONS else ""
    return "".join(f"{reason.strip().rstrip('.')}. " for reason in told[:MOST_REASONS]) + more


def main():
    module = AnsibleAWSModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    try:
        result = IngestionJob(module).run()
    except ResourceError as error:
        module.fail_json(msg=str(error), **details_of(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
