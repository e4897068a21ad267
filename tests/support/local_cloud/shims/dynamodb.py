# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DynamoDB: what ministack 1.5.33 drops, or does otherwise than AWS.

| what | on AWS, and here |
|---|---|
| tables | CREATING, UPDATING and DELETING for a moment, in which other changes are refused |
| global indexes | CREATING (and being filled), UPDATING and DELETING for a moment; one at a time comes or goes |
| streams | UpdateTable refuses another view of one that is on |
| capacities | UpdateTable takes those of indexes, and needs them all for PROVISIONED; warm throughput is kept |
| CreateTable | takes a policy |
| UpdateContinuousBackups | keeps the days of recovery |
| UpdateContributorInsights | keeps the mode, which the list of a table tells, too |
| UpdateTimeToLive | refuses what is so already, another attribute, a second change within a while (AWS: an hour) |
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import dynamodb

from ..wire import AWSError, Response
from . import timing
from .patching import on_reset

Record = dict[str, Any]
Handler = Callable[[Record], Response]

# What a record is doing until it has settled.
_DOING = "_doing"
LONGEST_RECOVERY = 35
NO_CAPACITY = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
_recovery_days = AccountRegionScopedDict()
_modes = AccountRegionScopedDict()
_ttl_changed_at = AccountRegionScopedDict()


def install() -> None:
    for operation, shim in _SHIMS.items():
        setattr(dynamodb, operation, _shimmed(shim, getattr(dynamodb, operation)))
    dynamodb._table_description = functools.partial(_description, dynamodb._table_description)
    for records in (_recovery_days, _modes, _ttl_changed_at):
        on_reset(dynamodb, records.clear)


def _shimmed(shim: Callable[[Handler, Record], Response], original: Handler) -> Handler:
    def handle(request: Record) -> Response:
        _settle()
        try:
            return shim(original, request)
        except AWSError as refusal:
            return error_response_json(refusal.code, refusal.message, refusal.status)

    return handle


def _settle() -> None:
    """Bring to its end what has lasted long enough."""
    for name, table in list(dynamodb._tables.items()):
        table["GlobalSecondaryIndexes"] = [
            index
            for index in table.get("GlobalSecondaryIndexes") or []
            if not (index.get(_DOING) == "DELETING" and timing.is_due(index))
        ]
        if timing.is_due(table) and table.get(_DOING) == "DELETING":
            _original_delete({"TableName": name})
            for records in (_recovery_days, _ttl_changed_at, dynamodb._ttl_settings, dynamodb._pitr_settings):
                records.pop(name, None)
            for key in [key for key in (*_modes, *dynamodb._contributor_insights) if _is_of(key, name)]:
                _modes.pop(key, None)
                dynamodb._contributor_insights.pop(key, None)
            dynamodb._resource_policies.pop(table["TableArn"], None)
            dynamodb._tags.pop(table["TableArn"], None)


_original_delete = dynamodb._delete_table


def _is_of(key: str, name: str) -> bool:
    return key.partition("/index/")[0] == name


def _begin(record: Record, doing: str) -> None:
    record[_DOING] = doing
    timing.start(record)


def _table(request: Record) -> Record | None:
    return dynamodb._tables.get(dynamodb._normalize_table_name(request.get("TableName")))


def _description(original: Callable[[str], Record], name: str) -> Record:
    table = dynamodb._tables[name]
    found = copy.deepcopy(original(name))
    if timing.is_running(table):
        found["TableStatus"] = table[_DOING]
    indexes = found.get("GlobalSecondaryIndexes") or []
    for index in indexes:
        if timing.is_running(index):
            index["IndexStatus"] = index[_DOING]
            if index[_DOING] == "CREATING" and index.get("_filled"):
                index["Backfilling"] = True
        for member in [member for member in index if member.startswith("_")]:
            del index[member]
    return found


def _refuse_busy(table: Record, name: str) -> None:
    if timing.is_running(table):
        doing = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[table[_DOING]]
        raise AWSError(
            "ResourceInUseException",
            f"Attempt to change a resource which is still in use: Table is being {doing}: {name}",
        )


def _create(original: Handler, request: Record) -> Response:
    response = original(request)
    table = _table(request)
    if response[0] >= 300 or table is None:
        return response
    _begin(table, "CREATING")
    for index in table["GlobalSecondaryIndexes"]:
        _begin(index, "CREATING")
    if "WarmThroughput" in request:
        table["WarmThroughput"] = {**request["WarmThroughput"], "Status": "ACTIVE"}
    if "ResourcePolicy" in request:
        dynamodb._put_resource_policy({"ResourceArn": table["TableArn"], "Policy": request["ResourcePolicy"]})
    return json_response({"TableDescription": dynamodb._table_description(request["TableName"])})


def _delete(original: Handler, request: Record) -> Response:
    table = _table(request)
    if table is None or table.get("DeletionProtectionEnabled"):
        return original(request)
    _refuse_busy(table, request["TableName"])
    _begin(table, "DELETING")
    return json_response({"TableDescription": dynamodb._table_description(table["TableName"])})


def _update(original: Handler, request: Record) -> Response:
    table = _table(request)
    if table is None:
        return original(request)
    name = table["TableName"]
    _refuse_busy(table, name)
    changes = request.get("GlobalSecondaryIndexUpdates") or []
    _refuse_indexes(table, changes)
    _refuse_stream(table, request.get("StreamSpecification"))
    _refuse_mode(table, request, changes)
    going = [change["Delete"]["IndexName"] for change in changes if "Delete" in change]
    if going:
        return _remove_index(table, going[0])
    response = original(request)
    if response[0] >= 300:
        return response
    _begin(table, "UPDATING")
    if "WarmThroughput" in request:
        table["WarmThroughput"] = {**request["WarmThroughput"], "Status": "ACTIVE"}
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    for change in changes:
        (what, members) = next(iter(change.items()))
        index = indexes[members["IndexName"]]
        if what == "Update" and "OnDemandThroughput" in members:
            index["OnDemandThroughput"] = members["OnDemandThroughput"]
        index["_filled"] = what == "Create"
        _begin(index, "CREATING" if what == "Create" else "UPDATING")
    if request.get("BillingMode") == "PAY_PER_REQUEST":
        for index in indexes.values():
            index["ProvisionedThroughput"] = dict(NO_CAPACITY)
    return json_response({"TableDescription": dynamodb._table_description(name)})


def _refuse_indexes(table: Record, changes: list[Record]) -> None:
    coming_or_going = [change for change in changes if "Update" not in change]
    running = [index for index in table.get("GlobalSecondaryIndexes") or [] if timing.is_running(index)]
    if len(coming_or_going) > 1 or (coming_or_going and running):
        raise AWSError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )
    if changes and running:
        raise AWSError(
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Index is being updated.  "
            f"Table: {table['TableName']} Index: {running[0]['IndexName']}",
        )


def _refuse_stream(table: Record, stream: Record | None) -> None:
    on = (table.get("StreamSpecification") or {}).get("StreamEnabled")
    if stream and on and stream.get("StreamEnabled"):
        raise AWSError("ValidationException", f"Table already has an enabled stream: TableName: {table['TableName']}")
    if stream and not on and not stream.get("StreamEnabled"):
        raise AWSError("ValidationException", f"Table already has stream disabled: TableName: {table['TableName']}")


def _refuse_mode(table: Record, request: Record, changes: list[Record]) -> None:
    mode = (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    if request.get("BillingMode") != "PROVISIONED" or mode == "PROVISIONED":
        return
    told = {change["Update"]["IndexName"] for change in changes if "ProvisionedThroughput" in change.get("Update", {})}
    without = [index["IndexName"] for index in table["GlobalSecondaryIndexes"] if index["IndexName"] not in told]
    if "ProvisionedThroughput" not in request or without:
        where = f" for index: {without[0]}" if without else ""
        raise AWSError(
            "ValidationException",
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be "
            f"specified{where} when BillingMode is PROVISIONED",
        )


def _remove_index(table: Record, name: str) -> Response:
    index = next((item for item in table["GlobalSecondaryIndexes"] if item["IndexName"] == name), None)
    if index is None:
        raise AWSError("ResourceNotFoundException", f"Requested resource not found: Index: {name}")
    _begin(table, "UPDATING")
    _begin(index, "DELETING")
    used = {
        key["AttributeName"]
        for holder in (table, *table["GlobalSecondaryIndexes"], *(table.get("LocalSecondaryIndexes") or []))
        if holder is not index
        for key in holder["KeySchema"]
    }
    table["AttributeDefinitions"] = [item for item in table["AttributeDefinitions"] if item["AttributeName"] in used]
    key = dynamodb._ci_key(table["TableName"], name)
    _modes.pop(key, None)
    dynamodb._contributor_insights.pop(key, None)
    return json_response({"TableDescription": dynamodb._table_description(table["TableName"])})


def _update_backups(original: Handler, request: Record) -> Response:
    response = original(request)
    table = _table(request)
    if response[0] < 300 and table is not None:
        recovery = request["PointInTimeRecoverySpecification"]
        _recovery_days[table["TableName"]] = recovery.get("RecoveryPeriodInDays", LONGEST_RECOVERY)
    return response


def _describe_backups(original: Handler, request: Record) -> Response:
    response = original(request)
    table = _table(request)
    if table is None:
        raise AWSError("TableNotFoundException", f"Table not found: {request.get('TableName')}")
    answer = json.loads(response[2])
    recovery = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        recovery["RecoveryPeriodInDays"] = _recovery_days.get(table["TableName"], LONGEST_RECOVERY)
    return json_response(answer)


def _update_insights(original: Handler, request: Record) -> Response:
    response = original(request)
    if response[0] < 300:
        name = dynamodb._normalize_table_name(request["TableName"])
        key = dynamodb._ci_key(name, request.get("IndexName"))
        _modes[key] = request.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")
    return response


def _list_insights(original: Handler, request: Record) -> Response:
    """A table and its indexes, each in the state that it has come to."""
    table = _table(request)
    if table is None:
        return original(request)
    summaries = []
    for index in (None, *(item["IndexName"] for item in table["GlobalSecondaryIndexes"])):
        named = {"TableName": table["TableName"], **({"IndexName": index} if index else {})}
        answer = json.loads(dynamodb._describe_contributor_insights(named)[2])
        status = answer["ContributorInsightsStatus"]
        mode = _modes.get(dynamodb._ci_key(table["TableName"], index))
        told = {"ContributorInsightsMode": mode} if mode and status != "DISABLED" else {}
        summaries.append({**named, "ContributorInsightsStatus": status, **told})
    return json_response({"ContributorInsightsSummaries": summaries})


def _update_ttl(original: Handler, request: Record) -> Response:
    table = _table(request)
    if table is None:
        return original(request)
    name, wanted = table["TableName"], request["TimeToLiveSpecification"]
    now = dynamodb._ttl_settings.get(name, {})
    on = now.get("TimeToLiveStatus") == "ENABLED"
    if timing.now() - _ttl_changed_at.get(name, float("-inf")) < timing.SETTLE_SECONDS:
        raise AWSError("ValidationException", "Time to live has been modified multiple times within a fixed interval")
    if on is bool(wanted["Enabled"]):
        other = on and now["AttributeName"] != wanted["AttributeName"]
        raise AWSError(
            "ValidationException",
            "TimeToLive is active on a different AttributeName: current AttributeName is " + now["AttributeName"]
            if other
            else f"TimeToLive is already {'enabled' if on else 'disabled'}",
        )
    response = original(request)
    if response[0] < 300:
        _ttl_changed_at[name] = timing.now()
        if not wanted["Enabled"]:
            del dynamodb._ttl_settings[name]["AttributeName"]
    return response


def _as_it_is(original: Handler, request: Record) -> Response:
    return original(request)


_SHIMS: dict[str, Callable[[Handler, Record], Response]] = {
    "_create_table": _create,
    "_delete_table": _delete,
    "_describe_table": _as_it_is,
    "_list_tables": _as_it_is,
    "_update_table": _update,
    "_update_continuous_backups": _update_backups,
    "_describe_continuous_backups": _describe_backups,
    "_update_contributor_insights": _update_insights,
    "_list_contributor_insights": _list_insights,
    "_update_ttl": _update_ttl,
}
