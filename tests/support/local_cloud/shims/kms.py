# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""KMS: what ministack 1.5.33 leaves out.

| operation | missing |
|---|---|
| CreateKey, DescribeKey, ReplicateKey | the account of the key, AWSAccountId |
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import kms


def install() -> None:
    kms._key_metadata = functools.partial(_with_account, kms._key_metadata)


def _with_account(original: Callable[..., dict[str, Any]], key: Mapping[str, Any]) -> dict[str, Any]:
    metadata = original(key)
    return {"AWSAccountId": metadata["Arn"].split(":")[4], **metadata}
