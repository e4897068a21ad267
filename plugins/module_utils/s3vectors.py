# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What vector buckets and their indexes have in common: encryption that stays as it is, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .declarations import Addition, Setting, Tagging
from .faults import ResourceError
from .resource import Resource
from .values import same_key

NOT_FOUND = ("NotFoundException",)
KMS = "aws:kms"
ENCRYPTION = (
    Setting("sse_type", "encryptionConfiguration.sseType", absent="AES256"),
    Setting("kms_key_arn", "encryptionConfiguration.kmsKeyArn", absent="", same=same_key),
)


def tags_of(arn: str) -> Addition:
    """The read of the tags. arn: the member of the description that has the ARN."""
    return Addition("ListTagsForResource", "tags", "tags", by={"resourceArn": arn}, missing=NOT_FOUND, empty={})


def tagging_of(arn: str) -> Tagging:
    return Tagging("TagResource", "UntagResource", by={"resourceArn": arn})


class S3VectorsResource(Resource):
    """A vector bucket, or an index in one."""

    service = "s3vectors"
    # S3 Vectors asks for the key in the name of its own service, and KMS knows a changed key policy after a while only.
    passing: Mapping[str, tuple[str, ...]] = {"AccessDeniedException": ("asynchronous indexing",)}
    hints: Mapping[str, Mapping[str, str]] = {
        "AccessDeniedException": {
            "asynchronous indexing": "Let indexing.s3vectors.amazonaws.com call kms:Decrypt in the policy of the key, "
            "and run again."
        }
    }

    def refuse(self, current: dict | None, changes: Mapping[str, Any]) -> None:
        if self.options["kms_key_arn"] and self.options["sse_type"] != KMS:
            raise ResourceError(
                f"{self.title} is given kms_key_arn, and sse_type is {self.options['sse_type'] or 'not set'}; give "
                f"sse_type: {KMS} with it."
            )
        if current is None and self.options["sse_type"] == KMS and not self.options["kms_key_arn"]:
            raise ResourceError(f"{self.title} is to be encrypted with a key of KMS; give kms_key_arn.")
