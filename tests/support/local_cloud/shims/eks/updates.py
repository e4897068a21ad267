# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Updates of clusters, node groups and add-ons, as DescribeUpdate and ListUpdates show them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from ...wire import now
from .. import timing
from .records import Call, Handler, cluster_of, not_found, updates


def record_update(
    kind: str, params: dict[str, Any], cluster: str, nodegroup: str = "", addon: str = ""
) -> dict[str, Any]:
    update = {
        "id": str(uuid.uuid4()),
        "type": kind,
        "createdAt": now(),
        "params": [
            {"type": name, "value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in params.items()
            if value is not None
        ],
        "errors": [],
    }
    timing.start(update)
    updates[_key(cluster, nodegroup, addon, update["id"])] = update
    return _shown(update)


def _key(cluster: str, nodegroup: str, addon: str, update_id: str) -> str:
    return "\x00".join((cluster, nodegroup, addon, update_id))


def _shown(update: dict[str, Any]) -> dict[str, Any]:
    return {**update, "status": "InProgress" if timing.is_running(update) else "Successful"}


def _describe(call: Call) -> dict[str, Any]:
    request = call.request
    cluster_of(request["name"])
    key = _key(request["name"], request.get("nodegroupName", ""), request.get("addonName", ""), request["updateId"])
    if key not in updates:
        raise not_found(f"No update found for ID: {request['updateId']}")
    return {"update": _shown(updates[key])}


def _list(call: Call) -> dict[str, Any]:
    request = call.request
    cluster_of(request["name"])
    prefix = _key(request["name"], request.get("nodegroupName", ""), request.get("addonName", ""), "")
    return {"updateIds": [key.removeprefix(prefix) for key in updates if key.startswith(prefix)]}


HANDLERS: dict[str, Handler] = {"DescribeUpdate": _describe, "ListUpdates": _list}
