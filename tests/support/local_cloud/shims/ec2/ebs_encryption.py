# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Encryption of EBS volumes by default, with the key for it, of which ministack knows nothing."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import AccountScopedDict, get_region
from ministack.services import ec2

from ..patching import QueryShims, on_reset

_AWS_KEY = "alias/aws/ebs"
_settings = AccountScopedDict()  # region -> whether it is on, and the key


def install(shims: QueryShims) -> None:
    shims.replace("GetEbsEncryptionByDefault", _state)
    shims.replace("EnableEbsEncryptionByDefault", lambda _request: _set(EbsEncryptionByDefault=True))
    shims.replace("DisableEbsEncryptionByDefault", lambda _request: _set(EbsEncryptionByDefault=False))
    shims.replace("GetEbsDefaultKmsKeyId", _key)
    shims.replace("ModifyEbsDefaultKmsKeyId", lambda request: _set(KmsKeyId=request["KmsKeyId"]))
    shims.replace("ResetEbsDefaultKmsKeyId", lambda _request: _set(KmsKeyId=_AWS_KEY))
    on_reset(ec2, _settings.clear)


def _found() -> dict[str, Any]:
    return {"EbsEncryptionByDefault": False, "KmsKeyId": _AWS_KEY, **_settings.get(get_region(), {})}


def _set(**members: Any) -> dict[str, Any]:
    _settings[get_region()] = {**_found(), **members}
    return members


def _state(_request: dict[str, Any]) -> dict[str, Any]:
    return {"EbsEncryptionByDefault": _found()["EbsEncryptionByDefault"]}


def _key(_request: dict[str, Any]) -> dict[str, Any]:
    return {"KmsKeyId": _found()["KmsKeyId"]}
