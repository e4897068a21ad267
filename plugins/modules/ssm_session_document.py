#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssm_session_document
version_added: 0.1.0
short_description: Manage a Session document of Systems Manager
description:
  - Creates, changes, tags and deletes a document of the type Session, which says how sessions of Session Manager that
    are started with it are recorded, encrypted and ended, and as which user of the machine they run.
  - A document is never changed in place. What is declared is a new version of it, unless the latest one says the same,
    and becomes the default version, by which sessions are started.
  - The document C(SSM-SessionManagerRunShell) has the preferences of all sessions of the account in the region that
    name no other document. The console makes it without tags, so with O(owned_by) one that others have made is refused.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one in a region. 3 to 128 letters, digits, hyphens, underscores and dots.
    type: str
    required: true
  content:
    description:
      - What it says, by the schema 1.0 of Session documents. It is compared as data, so order and white space don't
        count. It is needed to create the document.
    type: json
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Record the terminals of operators
  agent_platform.aws.ssm_session_document:
    name: demo-session
    content:
      schemaVersion: "1.0"
      description: Terminals of operators
      sessionType: Standard_Stream
      inputs:
        cloudWatchLogGroupName: /aws/ec2/demo-bastion/sessions
        cloudWatchEncryptionEnabled: true
        cloudWatchStreamingEnabled: true
        s3EncryptionEnabled: true
        kmsKeyId: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
        runAsEnabled: true
        runAsDefaultUser: developer
        idleSessionTimeout: "20"
        maxSessionDuration: "480"
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Remove it with all of its versions
  agent_platform.aws.ssm_session_document:
    name: demo-session
    state: absent
"""

RETURN = r"""
document:
  description: The document as Systems Manager describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    content:
      description: What its default version says.
      type: dict
    default_version:
      description: The version by which sessions are started. Not known in check mode before it exists.
      type: str
      sample: "1"
    latest_version:
      description: The version that was made last.
      type: str
      sample: "1"
    name:
      description: Its name.
      type: str
    tags:
      description: Its tags.
      type: dict
"""

import json

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update, tag_list
from ..module_utils.policies import to_document
from ..module_utils.resource import Resource, run_module

MISSING = ("InvalidDocument",)
TYPE = "ResourceType"
CONTENT = "Content"


class SessionDocument(Resource):
    service = "ssm"
    kind = "Session document"
    result = "document"
    needed = ("content",)
    names = {"Name": "name"}
    capital_members = True
    free_form = (CONTENT,)
    describe = Describe("DescribeDocument", "Document", missing=MISSING)
    additions = (
        # Of the default version, by which sessions are started.
        Addition("GetDocument", CONTENT, CONTENT, missing=MISSING, itself=True),
        Addition("ListTagsForResource", "TagList", "Tags", by_hand=True),
        # Said by complete() and not by AWS: it is a document.
        Addition("ListTagsForResource", "", TYPE, by_hand=True),
    )
    create = Create("CreateDocument", exists=("DocumentAlreadyExists",), tags="Tags")
    delete = Delete("DeleteDocument", missing=MISSING)
    settings = (
        Setting(
            "content",
            CONTENT,
            update="version",
            given=to_document,
            encode=json.dumps,
            decode=to_document,
            verbatim=True,
            # Whole: what isn't declared of it has gone.
            same=lambda current, desired: current == desired,
        ),
    )
    updates = {"version": Update("UpdateDocument")}
    extra_operations = ("UpdateDocumentDefaultVersion",)
    unmanaged = {
        "UpdateDocumentMetadata": "of documents that Change Manager reviews",
        "ModifyDocumentPermission": "with whom others share it: they learn its preferences, and start no session by it",
        **dict.fromkeys(
            (
                f"{operation}.{member}"
                for operation in ("CreateDocument", "UpdateDocument")
                for member in ("Attachments", "DisplayName", "TargetType", "VersionName")
            ),
            "Session documents need none",
        ),
        "CreateDocument.Requires": "of documents of other types",
    }
    tagging = tag_list("AddTagsToResource", "RemoveTagsFromResource", by={TYPE: TYPE, "ResourceId": "Name"})
    states = States(
        "Status",
        ready=frozenset({"Active"}),
        pending=frozenset({"Creating", "Updating"}),
        deleting=frozenset({"Deleting"}),
        failed={"Failed": "Correct its content, or remove it (state: absent) and run again."},
    )
    hints = {
        "DocumentVersionLimitExceeded": {
            "": "A document has 1000 versions at most. Remove those that nobody needs any more: "
            "aws ssm delete-document --name <name> --document-version <number>"
        },
        "InvalidDocumentContent": {
            "": "Its schema: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html"
        },
    }
    # A version that was made a moment ago.
    passing = {"TooManyUpdates": ("",), "InvalidDocumentVersion": ("",)}
    timeout = 120
    poll = 2.0

    def complete(self, description):
        tagged = {TYPE: "Document", "ResourceId": description["Name"]}
        answer = self.read("ListTagsForResource", tagged, ("InvalidResourceId",)) or {}
        return {**description, TYPE: "Document", "Tags": answer.get("TagList", [])}

    def reasons(self, current):
        return current.get("StatusInformation") or ""

    def create_request(self):
        return {**super().create_request(), "DocumentType": "Session", "DocumentFormat": "JSON"}

    def update_version(self, _changes, current):
        """Make what is declared the default version: the latest if it says so already, else a new one."""
        latest, doing = current["LatestVersion"], f"update {self.title}"
        if not self.says_so(latest, current):
            request = {
                **self.named(),
                CONTENT: json.dumps(self.options["content"]),
                "DocumentFormat": "JSON",
                "DocumentVersion": "$LATEST",
            }
            latest = self.write("UpdateDocument", request, doing)["DocumentDescription"]["DocumentVersion"]
        request = {**self.named(), "DocumentVersion": latest}
        self.write("UpdateDocumentDefaultVersion", request, f"set the default version of {self.title}", MISSING)

    def says_so(self, version, current):
        """Whether a version that isn't the default one says what is declared: a run was ended before it became that."""
        if version == current["DefaultVersion"]:
            return False
        answer = self.read("GetDocument", {**self.named(), "DocumentVersion": version}, MISSING)
        return bool(answer) and to_document(answer[CONTENT]) == self.options["content"]

    def shown(self, description):
        shown = super().shown(description)
        shown.pop("resource_type", None)
        return {**shown, "content": to_document(description[CONTENT])} if shown else shown


def main():
    run_module(SessionDocument, DOCUMENTATION)


if __name__ == "__main__":
    main()
