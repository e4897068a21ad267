# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look-up of EKS records, and their passage through CREATING, UPDATING and DELETING."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id
from ministack.services import eks, iam

from ...wire import AWSError, Response
from .. import timing
from . import planes

# What has been deleted but is still shown as DELETING: kind and key -> record.
departing = AccountRegionScopedDict()
# Updates by cluster, node group, add-on and id.
updates = AccountRegionScopedDict()


@dataclass
class Call:
    """One call: its parameters, and the emulator's own answer to it."""

    request: dict[str, Any]
    forward: Callable[[], Response]

    def forwarded(self) -> dict[str, Any]:
        """Let the emulator act; its refusal is raised."""
        status, headers, body = self.forward()
        content = json.loads(body)
        if status >= 300:
            raise AWSError(headers.get("x-amzn-errortype", content.get("__type", "")), content["message"], status)
        return content


Handler = Callable[[Call], dict[str, Any]]


def clear() -> None:
    departing.clear()
    updates.clear()


def not_found(message: str) -> AWSError:
    return AWSError("ResourceNotFoundException", message, 404)


def invalid(message: str) -> AWSError:
    return AWSError("InvalidParameterException", message)


def in_use(message: str) -> AWSError:
    return AWSError("ResourceInUseException", message, 409)


def cluster_of(name: str) -> dict[str, Any]:
    record = eks._clusters.get(name) or departing_record("cluster", name)
    if record is None:
        raise not_found(f"No cluster found for name: {name}.")
    return record


def active_cluster(name: str) -> dict[str, Any]:
    """The cluster, refused unless it can be worked on now."""
    record = cluster_of(name)
    status = status_of(record)
    if status == "UPDATING":
        raise in_use(f"Cannot perform the operation because cluster {name} currently has an update in progress")
    if status != "ACTIVE":
        raise AWSError("InvalidRequestException", f"Cluster '{name}' is not in ACTIVE status")
    return record


def begin(record: dict[str, Any], status: str) -> None:
    """Show this status for a moment before the record's own."""
    record["_transition"] = status
    timing.start(record)


def status_of(record: dict[str, Any]) -> str:
    if timing.is_running(record) or planes.is_busy(record):
        return record["_transition"]
    if planes.has_failed(record):
        return "FAILED" if "certificateAuthority" in record else "CREATE_FAILED"
    return record["status"]


def shown(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "status": status_of(record)}


def depart(kind: str, key: str, record: dict[str, Any]) -> None:
    begin(record, "DELETING")
    departing[f"{kind}\x00{key}"] = record


def departing_record(kind: str, key: str) -> dict[str, Any] | None:
    full = f"{kind}\x00{key}"
    record = departing.get(full)
    if record is not None and timing.is_due(record) and not planes.is_busy(record):
        departing.pop(full, None)
        return None
    return record


def departing_keys(kind: str) -> list[str]:
    prefix = f"{kind}\x00"
    keys = [key.removeprefix(prefix) for key in list(departing.keys()) if key.startswith(prefix)]
    return [key for key in keys if departing_record(kind, key) is not None]


def check_role(arn: str) -> None:
    """A role must exist before EKS can take it."""
    account, _, name = arn.partition(":role/")
    known = account == f"arn:aws:iam::{get_account_id()}" and name.rsplit("/", 1)[-1] in iam._roles
    if not known:
        raise invalid(
            f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
        )
