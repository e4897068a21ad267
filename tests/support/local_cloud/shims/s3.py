# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3: a new bucket blocks all public access, as on AWS since April 2023. ministack 1.5.33 does so only where it checks
credentials."""

from __future__ import annotations

from ministack.services import s3


def install() -> None:
    s3._new_bucket_public_access_block = lambda: {"_public_access_block": s3._NEW_BUCKET_PUBLIC_ACCESS_BLOCK}
