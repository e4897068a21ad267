# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules of AWS Backup have in common."""

from __future__ import annotations

from .declarations import Addition, Tagging
from .resource import Resource

MISSING = ("ResourceNotFoundException",)


class BackupResource(Resource):
    service = "backup"
    capital_members = True
    # AWS Backup says so where the plan itself has gone.
    absent = {"InvalidParameterValueException": ("cannot find backup plan",)}
    passing = {"ServiceUnavailableException": ("",)}
    hints = {
        "LimitExceededException": {"": "Remove what is unused, or ask for more at the Service Quotas console."},
    }


def listed_tags(arn: str) -> Addition:
    """The tags of a vault or a plan, which no other call tells."""
    return Addition("ListTags", "Tags", "Tags", by={"ResourceArn": arn}, missing=MISSING, empty={})


def backup_tagging(arn: str) -> Tagging:
    return Tagging(
        "TagResource",
        "UntagResource",
        by={"ResourceArn": arn},
        read="Tags",
        tags_member="Tags",
        keys_member="TagKeyList",
    )
