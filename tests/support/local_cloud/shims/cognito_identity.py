# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito identity pools: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing or different |
|---|---|
| DescribeIdentityPool | doesn't show what TagResource and UntagResource do; has empty members |
| ListTagsForResource | doesn't show the tags that a pool was made with |
| UpdateIdentityPool | keeps what it isn't given; changes the name of the developer provider |
| SetIdentityPoolRoles | takes whatever is given for a role, also one of another account |
| GetId, GetCredentialsForIdentity | look for the pool in one account, since they aren't signed; check no token |
| | let those in who have no token where the pool doesn't |
| GetOpenIdToken | gives a token whether or not the pool allows the classic flow |
| GetCredentialsForIdentity | doesn't ask the role's trust policy, nor the role mappings; sets no principal tags |
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cognito, iam, sts

from ..wire import AWSError, Response
from .patching import answering

SERVICE = "cognito-identity.amazonaws.com"
# What UpdateIdentityPool sets back. The developer provider and the tags stay.
DEFAULTS: dict[str, Any] = {
    "AllowClassicFlow": False,
    "SupportedLoginProviders": {},
    "OpenIdConnectProviderARNs": [],
    "CognitoIdentityProviders": [],
    "SamlProviderARNs": [],
}
# The tags that a user pool's tokens give by default.
DEFAULT_TAGS = {"username": "sub", "client": "aud"}
MATCHES: dict[str, Callable[[str, str], bool]] = {
    "Equals": lambda claim, value: claim == value,
    "NotEqual": lambda claim, value: claim != value,
    "Contains": lambda claim, value: value in claim,
    "StartsWith": lambda claim, value: claim.startswith(value),
}

Request = dict[str, Any]
Pool = dict[str, Any]
Handler = Callable[[Request], Response]


def install() -> None:
    cognito._identity_pool_out = _shown
    for name, handler in {
        "_create_identity_pool": _create,
        "_update_identity_pool": _update,
        "_set_identity_pool_roles": _set_roles,
        "_get_id": _get_id,
        "_get_open_id_token": _get_token,
        "_get_credentials_for_identity": _get_credentials,
    }.items():
        setattr(cognito, name, answering(functools.partial(handler, getattr(cognito, name))))
    cognito._run_identity_handler = functools.partial(_where_the_pool_is, cognito._run_identity_handler)


def _where_the_pool_is(original: Callable[..., Response], handler: Handler, action: str, request: Request) -> Response:
    """Those who ask for an identity sign nothing: the ID says which pool it is."""
    for (account, region, pool_id), pool in cognito._identity_pools.all_items():
        if action in cognito._UNSIGNED_IDENTITY_ACTIONS and (
            request.get("IdentityPoolId") == pool_id or request.get("IdentityId") in pool["_identities"]
        ):
            with request_scope(account, region):
                return original(handler, action, request)
    return original(handler, action, request)


# ---- The pool


def _shown(pool: Pool) -> dict[str, Any]:
    tags = dict(cognito._identity_tags.get(pool["IdentityPoolId"], {}))
    shown = {**pool, "IdentityPoolTags": tags}
    return {
        member: value for member, value in shown.items() if not member.startswith("_") and value not in ("", [], {})
    }


def _create(original: Handler, request: Request) -> Response:
    response = original(request)
    if response[0] < 300:
        cognito._identity_tags[json.loads(response[2])["IdentityPoolId"]] = dict(request.get("IdentityPoolTags", {}))
    return response


def _update(original: Handler, request: Request) -> Response:
    pool = cognito._identity_pools.get(request["IdentityPoolId"])
    if pool and "IdentityPoolTags" in request:
        cognito._identity_tags[request["IdentityPoolId"]] = dict(request["IdentityPoolTags"])
    kept = {"DeveloperProviderName": pool["DeveloperProviderName"]} if pool and pool["DeveloperProviderName"] else {}
    return original({**DEFAULTS, **request, **kept})


def _set_roles(original: Handler, request: Request) -> Response:
    rules = [
        rule
        for mapping in request.get("RoleMappings", {}).values()
        for rule in mapping.get("RulesConfiguration", {}).get("Rules", [])
    ]
    for role in (*request["Roles"].values(), *(rule["RoleARN"] for rule in rules)):
        if not re.fullmatch(rf"arn:aws[\w-]*:iam::{get_account_id()}:role/.+", role):
            raise AWSError("NotAuthorizedException", f"Access to Role '{role}' is forbidden.")
    return original(request)


# ---- Identities


def _pool_of(identity: str | None) -> Pool | None:
    pools = cognito._identity_pools.values()
    return next((pool for pool in pools if identity in pool["_identities"]), None)


def _check_logins(pool: Pool | None, request: Request) -> None:
    if pool and not request.get("Logins") and not pool["AllowUnauthenticatedIdentities"]:
        text = "Unauthenticated access is not supported for this identity pool."
        raise AWSError("NotAuthorizedException", text)
    refused = pool and cognito._identity_logins_error(pool, request.get("IdentityId"), request.get("Logins") or {})
    if refused:
        told = json.loads(refused[2])
        raise AWSError(told["__type"].rpartition("#")[2], told["message"])


def _get_id(original: Handler, request: Request) -> Response:
    _check_logins(cognito._identity_pools.get(request["IdentityPoolId"]), request)
    return original(request)


def _get_token(original: Handler, request: Request) -> Response:
    pool = _pool_of(request["IdentityId"])
    if pool and not pool["AllowClassicFlow"]:
        text = "Basic (classic) flow is not enabled, please use enhanced flow."
        raise AWSError("InvalidParameterException", text)
    return original(request)


def _get_credentials(original: Handler, request: Request) -> Response:
    pool = _pool_of(request["IdentityId"])
    if pool is None:
        raise AWSError("ResourceNotFoundException", f"Identity '{request['IdentityId']}' not found.")
    _check_logins(pool, request)
    logins = request.get("Logins") or {}
    role, tags = _role(pool, request, logins), _session_tags(pool, logins)
    _check_trust(pool, request["IdentityId"], role, logins, bool(tags))
    response = original(request)
    session = sts._sessions[json.loads(response[2])["Credentials"]["AccessKeyId"]]
    name = role.rpartition("/")[2]
    session["Arn"] = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/CognitoIdentityCredentials"
    session["SessionTags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return response


def _role(pool: Pool, request: Request, logins: Mapping[str, str]) -> str:
    """The ARN of the role that whoever signs in so gets."""
    for provider, token in logins.items():
        claims = cognito._token_claims(token)
        mapping = pool.get("_role_mappings", {}).get(f"{provider}:{claims.get('aud')}")
        if not mapping:
            continue
        found = list(dict.fromkeys(_mapped(mapping, claims, request.get("CustomRoleArn"))))
        if len(found) == 1:
            return found[0]
        if mapping["AmbiguousRoleResolution"] == "Deny":
            raise AWSError("NotAuthorizedException", "Access to Role is forbidden.")
    kind = "authenticated" if logins else "unauthenticated"
    if kind not in pool["_roles"]:
        _refuse_configuration()
    return str(pool["_roles"][kind])


def _mapped(mapping: Mapping[str, Any], claims: Mapping[str, Any], wanted: str | None) -> Iterable[str]:
    if mapping["Type"] == "Rules":
        matching = (rule["RoleARN"] for rule in mapping["RulesConfiguration"]["Rules"] if _matches(rule, claims))
        return [role for role in [next(matching, None)] if role]
    roles: list[str] = claims.get("cognito:roles", [])
    if wanted:
        return [role for role in roles if role == wanted]
    return [claims["cognito:preferred_role"]] if "cognito:preferred_role" in claims else roles


def _matches(rule: Mapping[str, str], claims: Mapping[str, Any]) -> bool:
    claim = claims.get(rule["Claim"])
    text = ",".join(claim) if isinstance(claim, list) else str(claim)
    return claim is not None and MATCHES[rule["MatchType"]](text, rule["Value"])


def _session_tags(pool: Pool, logins: Mapping[str, str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for provider, token in logins.items():
        mapped = pool["_principal_tags"].get(provider, {})
        claims = cognito._token_claims(token)
        names = DEFAULT_TAGS if mapped.get("UseDefaults") else mapped.get("PrincipalTags", {})
        tags |= {key: str(claims[claim]) for key, claim in names.items() if claim in claims}
    return tags


def _check_trust(pool: Pool, identity: str, arn: str, logins: Mapping[str, str], tagged: bool) -> None:
    """Whether the role lets the pool act for it, and tag the session, if it does so."""
    role = iam._roles.get(arn.rpartition("/")[2])
    policy = json.loads((role or {}).get("AssumeRolePolicyDocument", "{}"))
    context = EvalContext(
        principal_arn=SERVICE,
        principal_type="WebIdentityUser",
        principal_account=get_account_id(),
        action="sts:AssumeRoleWithWebIdentity",
        resource_arn=arn,
        region=get_region(),
        service_context={
            f"{SERVICE}:aud": pool["IdentityPoolId"],
            f"{SERVICE}:sub": identity,
            f"{SERVICE}:amr": cognito._identity_login_fields(dict(logins))[0],
        },
    )
    actions = ["sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if tagged else [])]
    if not all(evaluate_trust_policy(_about(policy, action), SERVICE, context) for action in actions):
        _refuse_configuration()


def _about(policy: Mapping[str, Any], action: str) -> dict[str, Any]:
    """The statements of the policy on one action, as if they were on the one that the emulator can evaluate."""
    found = []
    for statement in policy.get("Statement", []):
        actions = statement.get("Action", [])
        if action in ([actions] if isinstance(actions, str) else actions):
            found.append({**statement, "Action": "sts:AssumeRoleWithWebIdentity"})
    return {**policy, "Statement": found}


def _refuse_configuration() -> None:
    text = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
    raise AWSError("InvalidIdentityPoolConfigurationException", text)
