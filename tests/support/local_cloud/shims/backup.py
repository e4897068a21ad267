# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS Backup: what ministack 1.5.33 does otherwise than AWS, or not at all.

| operation | missing or different |
|---|---|
| DeleteBackupVault | of one in which there are recovery points, too |
| DeleteRecoveryPoint, ListRecoveryPointsByBackupVault | unknown; always empty |
| CreateBackupPlan | of one that says the same as another, too; a repeated request makes another one |
| CreateBackupPlan, UpdateBackupPlan | rules have no id and no defaults; any vault and windows |
| DeleteBackupPlan | of one that has selections, too |
| CreateBackupSelection | a repeated request makes another one; any role |
"""

from __future__ import annotations

import functools
import json
import time
import urllib.parse
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import backup, iam

from ..wire import AWSError, Response
from .patching import IdempotencyTokens, on_reset

Act = Callable[..., Response]
DEFAULTS = {
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 480,
    "CompletionWindowMinutes": 10080,
    "EnableContinuousBackup": False,
}
# The shortest time for the beginning of a backup, and from there to its end, in minutes.
LEAST = 60
TOKEN = "CreatorRequestId"

# The recovery points by the vault's name.
_points = AccountRegionScopedDict()
_tokens = IdempotencyTokens("AlreadyExistsException")


def install() -> None:
    backup.handle_request = functools.partial(_handle, backup.handle_request)
    for name, act in {
        "_create_plan": _create_plan,
        "_update_plan": _update_plan,
        "_delete_plan": _delete_plan,
        "_create_selection": _create_selection,
        "_delete_vault": _delete_vault,
        "_start_job": _start_job,
        "_list_recovery_points_by_vault": _list_points,
    }.items():
        setattr(backup, name, _refusing(functools.partial(act, getattr(backup, name))))
    on_reset(backup, lambda: (_points.clear(), _tokens.clear()))


def _refusing(act: Act) -> Act:
    @functools.wraps(act.func)
    def answer(*request: Any) -> Response:
        try:
            return act(*request)
        except AWSError as refusal:
            return backup._err(refusal.code, refusal.message, refusal.status)

    return answer


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    parts = urllib.parse.unquote(path).strip("/").split("/", 3)
    if method == "DELETE" and len(parts) == 4 and parts[0] == "backup-vaults" and parts[2] == "recovery-points":
        return _delete_point(parts[1], parts[3])
    return await original(method, path, headers, body, query)


# ---- Vaults and what is in them


def _delete_vault(original: Act, name: str) -> Response:
    if name in backup._vaults and backup._vaults[name]["NumberOfRecoveryPoints"]:
        raise AWSError("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
    return original(name)


def _start_job(original: Act, body: dict[str, Any]) -> Response:
    answer = original(body)
    made = json.loads(answer[2])
    if made.get("RecoveryPointArn"):
        point = {
            "RecoveryPointArn": made["RecoveryPointArn"],
            "BackupVaultName": body["BackupVaultName"],
            "ResourceArn": body.get("ResourceArn", ""),
            "IamRoleArn": body.get("IamRoleArn", ""),
            "Status": "COMPLETED",
            "CreationDate": int(time.time()),
        }
        _points[body["BackupVaultName"]] = [*_points.get(body["BackupVaultName"], []), point]
    return answer


def _list_points(original: Act, name: str, query: Mapping[str, Any]) -> Response:
    if name not in backup._vaults:
        return original(name, query)
    return backup._ok({"RecoveryPoints": _points.get(name, [])})


def _delete_point(name: str, arn: str) -> Response:
    kept = [point for point in _points.get(name, []) if point["RecoveryPointArn"] != arn]
    if name not in backup._vaults or len(kept) == len(_points.get(name, [])):
        return backup._err("ResourceNotFoundException", f"Recovery point '{arn}' not found.", 404)
    _points[name] = kept
    backup._vaults[name]["NumberOfRecoveryPoints"] = len(kept)
    return backup._no_content()


# ---- Plans and selections


def _completed(plan: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The plan as AWS tells of it: rules have ids, which stay with their names."""
    ids = {rule["RuleName"]: rule["RuleId"] for rule in (old or {}).get("Rules", [])}
    rules = []
    for rule in plan["Rules"]:
        if rule["TargetBackupVaultName"] not in backup._vaults:
            vault = rule["TargetBackupVaultName"]
            raise AWSError("InvalidParameterValueException", f"Backup vault {vault} does not exist.")
        whole = {**DEFAULTS, "RuleId": ids.get(rule["RuleName"]) or str(uuid.uuid4()), **rule}
        start, end = whole["StartWindowMinutes"], whole["CompletionWindowMinutes"]
        if start < LEAST or end < start + LEAST:
            raise AWSError(
                "InvalidParameterValueException",
                f"Start window {start} or completion window {end} is too short: {LEAST} minutes are the least.",
            )
        rules.append(whole)
    return {**plan, "Rules": rules}


def _said(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan says, without what AWS adds."""
    rules = [{**DEFAULTS, **rule} for rule in plan["Rules"]]
    return {**plan, "Rules": [{key: value for key, value in rule.items() if key != "RuleId"} for rule in rules]}


def _create_plan(original: Act, body: dict[str, Any]) -> Response:
    def act() -> Response:
        if any(_said(found["BackupPlan"]) == _said(body["BackupPlan"]) for found in backup._plans.values()):
            raise AWSError("AlreadyExistsException", "Backup plan with the same plan document already exists")
        return original({**body, "BackupPlan": _completed(body["BackupPlan"])})

    return _tokens.answer("CreateBackupPlan", body.get(TOKEN), body, act)


def _update_plan(original: Act, plan_id: str, body: dict[str, Any]) -> Response:
    found = backup._plans.get(plan_id)
    if found is None:
        return original(plan_id, body)
    return original(plan_id, {**body, "BackupPlan": _completed(body["BackupPlan"], found["BackupPlan"])})


def _delete_plan(original: Act, plan_id: str) -> Response:
    if any(item["BackupPlanId"] == plan_id for item in backup._selections.values()):
        raise AWSError(
            "InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan deletion"
        )
    return original(plan_id)


def _create_selection(original: Act, plan_id: str, body: dict[str, Any]) -> Response:
    def act() -> Response:
        arn = body["BackupSelection"]["IamRoleArn"]
        role = next((found for found in iam._roles.values() if found["Arn"] == arn), None)
        if role is None or "backup.amazonaws.com" not in str(role["AssumeRolePolicyDocument"]):
            raise AWSError("InvalidParameterValueException", f"IAM Role {arn} cannot be assumed by AWS Backup")
        return original(plan_id, body)

    return _tokens.answer(f"CreateBackupSelection {plan_id}", body.get(TOKEN), body, act)
