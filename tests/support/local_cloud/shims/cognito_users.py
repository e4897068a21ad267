# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users and groups of Cognito's user pools: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing or different |
|---|---|
| UpdateGroup | unknown |
| CreateGroup | gives a group a precedence, a role and a description where it has none |
| AdminCreateUser | sends the same password again to whoever has one, for RESEND |
| AdminUpdateUserAttributes | keeps an attribute that is set to an empty text |
| ID tokens | lack the roles of the user's groups |
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cognito

from ..wire import Response
from .patching import adding

Request = dict[str, Any]
Handler = Callable[[Request], Response]


def install() -> None:
    cognito._create_group = functools.partial(_create_group, cognito._create_group)
    cognito._group_out = _group_shown
    cognito._admin_create_user = functools.partial(_create_user, cognito._admin_create_user)
    cognito._admin_update_user_attributes = functools.partial(_attributes, cognito._admin_update_user_attributes)
    cognito._apply_pretoken_trigger = functools.partial(_with_roles, cognito._apply_pretoken_trigger)
    cognito._dispatch_idp = adding(cognito._dispatch_idp, {"UpdateGroup": _update_group})


# ---- Groups


def _create_group(original: Handler, request: Request) -> Response:
    response = original(request)
    if response[0] < 300 and "Precedence" not in request:
        del cognito._user_pools[request["UserPoolId"]]["_groups"][request["GroupName"]]["Precedence"]
        pool = cognito._user_pools[request["UserPoolId"]]
        return json_response({"Group": _group_shown(pool["_groups"][request["GroupName"]])})
    return response


def _group_shown(group: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in group.items() if not member.startswith("_") and value != ""}


def _update_group(request: Request) -> Response:
    """What isn't given stays, so there is no way to take a role from a group."""
    pool, refused = cognito._resolve_pool(request["UserPoolId"])
    if refused:
        return refused
    group = pool["_groups"].get(request["GroupName"])
    if group is None:
        return error_response_json("ResourceNotFoundException", "Group not found.", 400)
    changed = {member: request[member] for member in ("Description", "Precedence", "RoleArn") if member in request}
    group.update(changed, LastModifiedDate=cognito._now_epoch())
    return json_response({"Group": _group_shown(group)})


def _with_roles(original: Callable[..., dict[str, Any]], **token: Any) -> dict[str, Any]:
    pool = cognito._get_pool_unscoped(token["pool_id"])
    if token["token_type"] == "id" and pool and token["groups"]:
        groups = [pool["_groups"][name] for name in token["groups"] if name in pool["_groups"]]
        ranked = sorted((group for group in groups if group.get("RoleArn")), key=_rank)
        if ranked:
            token["claims"]["cognito:roles"] = list(dict.fromkeys(group["RoleArn"] for group in ranked))
            first = {group["RoleArn"] for group in ranked if _rank(group) == _rank(ranked[0])}
            if len(first) == 1:
                token["claims"]["cognito:preferred_role"] = ranked[0]["RoleArn"]
    return original(**token)


def _rank(group: dict[str, Any]) -> tuple[bool, int]:
    return "Precedence" not in group, group.get("Precedence", 0)


# ---- Users


def _create_user(original: Handler, request: Request) -> Response:
    if request.get("MessageAction") == "RESEND":
        pool, refused = cognito._resolve_pool(request["UserPoolId"])
        user, unknown = (None, refused) if refused else cognito._resolve_user(pool, request["Username"])
        if not unknown and user["UserStatus"] != "FORCE_CHANGE_PASSWORD":
            text = f"Resend not possible. {user['UserStatus']} status is not FORCE_CHANGE_PASSWORD"
            return error_response_json("UnsupportedUserStateException", text, 400)
        if not unknown:
            user["_password"] = cognito._generate_temp_password()
    return original(request)


def _attributes(original: Handler, request: Request) -> Response:
    response = original(request)
    if response[0] < 300:
        user, _unknown = cognito._resolve_user(cognito._user_pools[request["UserPoolId"]], request["Username"])
        user["Attributes"] = [attribute for attribute in user["Attributes"] if attribute.get("Value") != ""]
    return response
