#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_website_content
version_added: 0.1.0
short_description: Bring the objects of a website's bucket to what a folder holds
description:
  - Uploads what differs from a folder, removes what isn't there any more, and lets CloudFront forget what has changed.
  - Compares by the SHA-256 that S3 keeps of what this module has uploaded, and by the headers, without downloading
    anything. So it doesn't matter by which key the bucket encrypts.
  - Comes in an order in which each page finds what it needs. At first what pages use, then pages, then C(index.html),
    and what is to be removed at the end.
  - Until CloudFront knows what to forget, C(index.html) bears the tag C(invalidation=pending). So a run that was
    interrupted in between is made up for by the next one, which has everything forgotten.
  - Single objects, whose content is given, can be managed besides, or without a folder.
options:
  bucket:
    description:
      - Name of the bucket, which must exist.
    type: str
    required: true
  source:
    description:
      - The folder, with an C(index.html) in it. It is read where the module runs.
      - Files and folders whose names begin with a dot are left out, but for C(.well-known). Links are refused.
    type: path
  exclude:
    description:
      - Patterns of keys that are left alone, in the folder and in the bucket. A C(*) stands for any text.
    type: list
    elements: str
    default: []
  purge:
    description:
      - Whether objects that aren't in O(source) any more are removed.
    type: bool
    default: true
  only_if_empty:
    description:
      - Whether to leave everything alone if the bucket holds anything that O(source) doesn't, or otherwise. So what
        stands for a site until there is one never gets in its way, and is completed where a part is missing.
    type: bool
    default: false
  cache_rules:
    description:
      - How long caches may keep objects. The first rule that is for a key counts.
      - If none is, C(no-cache) is for HTML, C(public, max-age=31536000, immutable) for names with a digest in them,
        such as C(index-BfX3k9aQ.js), and C(public, max-age=0, s-maxage=86400, must-revalidate) for all else, which
        browsers ask for each time, and CloudFront after a day or a change.
    type: list
    elements: dict
    default: []
    suboptions:
      pattern:
        description: Pattern of keys. A C(*) stands for any text.
        type: str
        required: true
      cache_control:
        description: The header.
        type: str
        required: true
  content_types:
    description:
      - Content types by the endings of names, such as C(.glb), before those that the module knows. Texts that it knows
        are UTF-8.
    type: dict
    default: {}
  objects:
    description:
      - Objects whose content is given, or that are to be absent. They win over a file of O(source) of that name.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Key of the object.
        type: str
        required: true
      content:
        description: Its content, a text. Needed for one that shall be present.
        type: str
      content_type:
        description: Its content type. If not set, the one that follows from the name.
        type: str
      cache_control:
        description: How long caches may keep it.
        type: str
        default: no-store
      state:
        description: Whether the object shall exist.
        type: str
        choices: [present, absent]
        default: present
  distribution_id:
    description:
      - ID of the CloudFront distribution that is to forget what was replaced or removed. It takes O(source). Objects
        without a folder have a O(objects[].cache_control) that needs none.
    type: str
  max_paths:
    description:
      - Up to how many paths CloudFront is told one by one. If there are more, it forgets everything, which counts as
        one path. The first thousand of a month are free.
    type: int
    default: 30
  wait:
    description:
      - Whether to wait until all edges have forgotten what was replaced or removed.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for that, in seconds, and for earlier ones if CloudFront has too many in progress.
    type: int
    default: 900
notes:
  - The identity needs C(s3:ListBucket), C(s3:GetObject), C(s3:PutObject), C(s3:DeleteObject), and with
    O(distribution_id) C(s3:GetObjectTagging), C(s3:PutObjectTagging), C(s3:DeleteObjectTagging),
    C(cloudfront:CreateInvalidation) and C(cloudfront:GetInvalidation). Where the bucket encrypts with a KMS key also
    C(kms:GenerateDataKey) and C(kms:Decrypt).
  - An object that others have put there bears no SHA-256. It is uploaded again, even if it is the same.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode.
    support: full
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Publish a site
  agent_platform.aws.s3_website_content:
    bucket: demo-frontend-123456789012-us-west-2
    source: "{{ playbook_dir }}/../site/dist"
    exclude: [config.json]
    distribution_id: E2QWRUHAPOMQZL

- name: Tell the site its settings, which no cache keeps
  agent_platform.aws.s3_website_content:
    bucket: demo-frontend-123456789012-us-west-2
    objects:
      - key: config.json
        content: "{{ {'region': 'us-west-2'} | to_json }}"

- name: Put a page there until there is a site
  agent_platform.aws.s3_website_content:
    bucket: demo-frontend-123456789012-us-west-2
    source: "{{ role_path }}/files/page"
    exclude: [config.json]
    only_if_empty: true
"""

RETURN = r"""
uploaded:
  description: Keys of the objects that were uploaded, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [app.js, index.html]
deleted:
  description: Keys of the objects that were removed, or would be in check mode.
  returned: always
  type: list
  elements: str
unchanged:
  description: How many objects were as they are to be.
  returned: always
  type: int
size:
  description: Bytes of all objects that are to be there.
  returned: always
  type: int
left:
  description: Whether everything was left alone, as O(only_if_empty) says.
  returned: always
  type: bool
invalidation:
  description: What CloudFront was told to forget; none if there was nothing to forget.
  returned: always
  type: dict
  contains:
    id:
      description: ID of the invalidation. None in check mode.
      type: str
      sample: I2J0I21PCUYOIK
    paths:
      description: The paths.
      type: list
      elements: str
      sample: [/app.js, /index.html]
    status:
      description: V(Completed) or V(InProgress), none in check mode.
      type: str
      sample: Completed
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from urllib.parse import urlencode

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.aggregate import SIDE_BY_SIDE, Clients, Part, details_of
from ..module_utils.calls import Calls, Patience, Repeat
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import THROTTLING_CODES, ResourceError, error_code
from ..module_utils.website import INDEX, edge_path, given, items, matches

# What HeadObject and GetObjectTagging say of an object that isn't there.
NO_OBJECT = ("404", "NoSuchKey")
NO_BUCKET = "NoSuchBucket"
# The most that one call deletes.
AT_ONCE = 1000
# On index.html from before the first change until CloudFront knows what to forget.
MARK = {"invalidation": "pending"}
ALL = "/*"
MOST_PATHS = 3000
BUSY = "TooManyInvalidationsInProgress"
# What an object is sent with. What others have added makes it another one.
HEADERS = {"ContentType": "content_type", "CacheControl": "cache_control"}
FOREIGN_HEADERS = ("ContentDisposition", "ContentEncoding", "ContentLanguage", "Expires", "WebsiteRedirectLocation")
# Storage classes from which nothing is sent before it is restored.
ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
# What AWS may say of one object of many, though nothing is wrong with it.
PASSING_FAULTS = {"InternalError", "ServiceUnavailable"}
PERMISSIONS = {
    "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject and s3:ListBucket",
    "ListObjectsV2": "ListBucket",
}


class Edges(Calls):
    """The caches of a distribution."""

    service = "cloudfront"
    passing = {BUSY: ("",)}
    hints = {
        "NoSuchDistribution": {"": "Correct distribution_id, or leave it out."},
        BUSY: {"": "Wait until earlier invalidations are over, or raise wait_timeout, and run again."},
    }

    def __init__(self, module):
        super().__init__(module)
        self.distribution = self.options["distribution_id"]
        self.title = f"distribution {self.distribution!r}"

    def forget(self, paths):
        """Have the paths forgotten. The same request sent again means the same invalidation."""
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": f"content-{uuid.uuid4().hex}"}
        request = {"DistributionId": self.distribution, "InvalidationBatch": batch}
        while True:
            try:
                doing = f"have {len(paths)} paths of {self.title} forgotten"
                return self.write("CreateInvalidation", request, doing)["Invalidation"]
            except Repeat as repeat:
                if error_code(repeat.error) == BUSY:
                    repeat.doing, repeat.patience = BUSY, self.wait_timeout
                self.patience.pause(repeat)

    def wait(self, invalidation):
        request = {"DistributionId": self.distribution, "Id": invalidation["Id"]}

        def look():
            # One that was made a moment ago may not be known everywhere.
            return self.read("GetInvalidation", request, ("NoSuchInvalidation",)) or {"Invalidation": invalidation}

        for answer in self.looks(look, self.wait_timeout, pause=1.0, longest=10.0):
            if answer["Invalidation"]["Status"] == "Completed":
                return answer["Invalidation"]
        raise ResourceError(
            f"Invalidation {invalidation['Id']} of {self.title} is still {answer['Invalidation']['Status']} after "
            f"{self.wait_timeout} s. It goes on by itself, and edges have the new content when it is over."
        )


class Content(Calls):
    """The objects of the bucket, and what they are to be."""

    service = "s3"
    # A bucket that was made a moment ago isn't known everywhere. It is there: it was read.
    passing = {NO_BUCKET: ("",), "OperationAborted": ("",)}
    hints = {
        "AccessDenied": {
            "kms:": "Allow kms:GenerateDataKey and kms:Decrypt on the bucket's key for the identity of this run, and "
            "run again."
        },
        **{
            code: {"": "The file has changed while it was read. End what writes into the folder, and run again."}
            for code in ("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch")
        },
        "403": {"": "Allow s3:GetObject and s3:ListBucket, and of what KMS encrypts kms:Decrypt, and run again."},
        NO_BUCKET: {"": "Make the bucket first, or correct its name."},
    }
    side_by_side = SIDE_BY_SIDE

    def __init__(self, module):
        clients = Clients(module)
        super().__init__(Part(module, clients, {}))
        self.bucket = {"Bucket": self.options["bucket"]}
        self.title = f"bucket {self.options['bucket']!r}"
        self.edges = Edges(Part(module, clients, {})) if self.options["distribution_id"] else None
        self.found = {}  # what is there, as the list or HeadObject tells it, by key
        self.tags = None  # those of index.html, read where there is a distribution
        self.sent = set()  # the keys of what this run has uploaded

    def permission(self, operation, service):
        return super().permission(PERMISSIONS.get(operation, operation), service)

    # ---- What is to be

    def run(self):
        options = self.options
        own = options["content_types"]
        if not 0 <= options["max_paths"] <= MOST_PATHS:
            raise ResourceError(f"max_paths is {options['max_paths']}; CloudFront takes 0 to {MOST_PATHS} at once.")
        wanted, gone = {}, []
        if options["source"]:
            wanted = items(options["source"], options["exclude"], options["cache_rules"], own)
        for one in options["objects"]:
            if one["key"] in gone or (one["key"] in wanted and not wanted[one["key"]].path):
                raise ResourceError(f"The object {one['key']!r} is there more than once.")
            if one["state"] == "present":
                wanted[one["key"]] = given(one, own)
            else:
                wanted.pop(one["key"], None)
                gone.append(one["key"])
        with ThreadPoolExecutor(self.side_by_side) as threads:
            self.map = lambda function, arguments: list(threads.map(function, arguments))
            return self.converge(wanted, gone)

    def converge(self, wanted, gone):
        self.look(wanted, gone)
        extra = [key for key in self.found if key not in wanted]
        if self.options["only_if_empty"] and extra:
            return self.result(wanted, {}, [], [], None, left=True)
        heads = dict(zip(wanted, self.map(self.head, wanted.values()), strict=True))
        differing = [key for key, item in wanted.items() if not self.same(item, heads[key])]
        if self.options["only_if_empty"] and not all(
            head is None or self.same_content(wanted[key], head) for key, head in heads.items()
        ):
            return self.result(wanted, {}, [], [], None, left=True)
        deleted = [key for key in extra if key in gone or (self.options["source"] and self.options["purge"])]
        paths = self.paths(differing, deleted)
        invalidation = {"Id": None, "Status": None} if paths else None
        if self.check_mode:
            self.changed = bool(differing or deleted or paths)
        else:
            self.mark(paths, [*differing, *deleted])
            for some in self.phases([wanted[key] for key in differing]):
                self.map(lambda item: self.upload(item, paths), some)
            self.delete(deleted)
            if paths:
                invalidation = self.edges.forget(paths)
                self.changed = True
                self.unmark()
                if self.options["wait"]:
                    invalidation = self.edges.wait(invalidation)
        forgotten = invalidation and {"id": invalidation["Id"], "paths": paths, "status": invalidation["Status"]}
        return self.result(wanted, heads, differing, deleted, forgotten)

    @staticmethod
    def phases(differing):
        """What pages need, the pages, and the one by which all begins."""
        others = [item for item in differing if item.key != INDEX]
        yield [item for item in others if not item.is_page]
        yield [item for item in others if item.is_page]
        yield [item for item in differing if item.key == INDEX]

    # ---- What there is

    def look(self, wanted, gone):
        """Find what there is: with a folder all, and without one only what is meant."""
        if self.options["source"]:
            # A dry run may come before there is a bucket.
            missing = (NO_BUCKET,) if self.check_mode else ()
            listed = (self.read("ListObjectsV2", self.bucket, missing) or {}).get("Contents", [])
            found = {item["Key"]: item for item in listed}
            named = {*gone, *(key for key, item in wanted.items() if not item.path)}
            exclude = self.options["exclude"]
            self.found = {key: item for key, item in found.items() if key in named or not matches(key, exclude)}
            if self.edges and INDEX in found:
                answer = self.read("GetObjectTagging", {**self.bucket, "Key": INDEX}, NO_OBJECT)
                self.tags = {tag["Key"]: tag["Value"] for tag in (answer or {}).get("TagSet", [])}
        else:
            self.found = {key: head for key in gone if (head := self.described(key))}

    def described(self, key):
        request = {**self.bucket, "Key": key, "ChecksumMode": "ENABLED"}
        return self.read("HeadObject", request, NO_OBJECT, f"look at {key!r} in {self.title}")

    def head(self, item):
        """What S3 tells of the object, None where there is none. What has another size needs no closer look."""
        if self.options["source"]:
            listed = self.found.get(item.key)
            if listed is None or listed["Size"] != item.size:
                return listed
        return self.described(item.key)

    @staticmethod
    def same_content(item, head):
        return head.get("ChecksumSHA256") == item.digest

    def same(self, item, head):
        return (
            head is not None
            and self.same_content(item, head)
            and all(head.get(member) == getattr(item, name) for member, name in HEADERS.items())
            and not any(head.get(member) for member in (*FOREIGN_HEADERS, "Metadata"))
            and head.get("StorageClass") not in ARCHIVES
        )

    # ---- What CloudFront is to forget

    def paths(self, differing, deleted):
        """What edges may hold and isn't so any more."""
        if self.edges is None:
            return []
        replaced = [key for key in differing if key in self.found]
        interrupted = (self.tags or {}).items() >= MARK.items()
        # An earlier run may have begun on an index.html that has gone, and with it what it had to tell.
        headless = self.tags is None and bool(self.found) and bool(differing or deleted)
        if interrupted or headless or len(replaced) + len(deleted) > self.options["max_paths"]:
            return [ALL]
        return sorted(edge_path(key) for key in [*replaced, *deleted])

    def mark(self, paths, changes):
        """Note on index.html that there is something to forget. If it is all that changes, it is sent with the note."""
        marked = (self.tags or {}).items() >= MARK.items()
        if paths and self.tags is not None and not marked and changes != [INDEX]:
            self.tag({**self.tags, **MARK})

    def unmark(self):
        if self.tags is not None or INDEX in self.sent:
            self.tag({key: value for key, value in (self.tags or {}).items() if key not in MARK})

    def tag(self, tags):
        request = {**self.bucket, "Key": INDEX}
        doing = f"tag {INDEX!r} in {self.title}"
        if tags:
            tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.insist("PutObjectTagging", {**request, "Tagging": {"TagSet": tag_set}}, doing)
        else:
            self.insist("DeleteObjectTagging", request, doing, NO_OBJECT)

    # ---- Writing

    def upload(self, item, paths):
        request = {
            **self.bucket,
            "Key": item.key,
            "ContentLength": item.size,
            "ChecksumSHA256": item.digest,
            **{member: getattr(item, name) for member, name in HEADERS.items()},
        }
        if item.key == INDEX and (paths or self.tags):
            request["Tagging"] = urlencode({**(self.tags or {}), **(MARK if paths else {})})
        try:
            self.insist("PutObject", request, f"upload {item.key!r} to {self.title}", body=item)
        except OSError as error:
            raise ResourceError(f"Can't read the file {item.path!r}: {error.strerror}.") from error
        self.sent.add(item.key)

    def delete(self, keys):
        for some in batched(keys, AT_ONCE):
            names = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            self.insist(
                "DeleteObjects", {**self.bucket, "Delete": names}, f"remove {len(some)} objects of {self.title}"
            )

    def insist(self, operation, request, doing, missing=(), body=None):
        """A write that means the same however often it is sent."""
        patience = Patience()
        while True:
            try:
                if body is None:
                    return self.write(operation, request, doing, missing)
                with body.open() as stream:
                    return self.write(operation, {**request, "Body": stream}, doing, missing)
            except Repeat as repeat:
                self.changed = self.changed or repeat.may_be_done
                patience.pause(repeat)

    def refused(self, operation, request, response):
        # DeleteObjects succeeds with a list of what it could not delete.
        refused = response.get("Errors", []) if operation == "DeleteObjects" else []
        if not refused:
            return []
        # What passes by itself is told only where nothing else is.
        told = next((item for item in refused if item["Code"] not in PASSING_FAULTS | THROTTLING_CODES), refused[0])
        text = f"{str(told.get('Message')).rstrip('.')} ({len(refused)} objects, such as {told.get('Key')!r})"
        status = 503 if told["Code"] in PASSING_FAULTS else 400
        return [{"Code": told["Code"], "Message": text, "ResponseMetadata": {"HTTPStatusCode": status}}]

    # ---- What the user sees

    def result(self, wanted, heads, uploaded, deleted, invalidation, left=False):
        result = {
            "changed": self.changed,
            "uploaded": sorted(uploaded),
            "deleted": sorted(deleted),
            "unchanged": len(self.found) if left else len(wanted) - len(uploaded),
            "size": sum(item.size for item in wanted.values()),
            "left": left,
            "invalidation": invalidation,
        }
        before = {key: self.seen(heads[key]) for key in uploaded if heads[key]}
        before |= {key: self.seen(self.found[key]) for key in deleted}
        after = {key: self.shown(wanted[key]) for key in uploaded}
        return self.with_difference(result, lambda: (before, after), f"objects of {self.title}")

    @staticmethod
    def shown(item):
        return {"size": item.size, "sha256": item.digest, **{name: getattr(item, name) for name in HEADERS.values()}}

    @staticmethod
    def seen(head):
        told = {
            "size": head.get("Size", head.get("ContentLength")),
            "sha256": head.get("ChecksumSHA256"),
            **{name: head.get(member) for member, name in HEADERS.items()},
        }
        return {name: value for name, value in told.items() if value is not None}


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(
            DOCUMENTATION,
            {"objects": {"required_if": [("state", "present", ["content"])]}, "objects.key": {"no_log": False}},
        ),
        required_by={"distribution_id": ["source"]},
        supports_check_mode=True,
    )
    try:
        result = Content(module).run()
    except ResourceError as error:
        module.fail_json(msg=str(error), **details_of(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
