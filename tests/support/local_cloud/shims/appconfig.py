# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AppConfig: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing |
|---|---|
| CreateApplication, CreateEnvironment, CreateConfigurationProfile | a name that is taken is refused |
| CreateConfigurationProfile, UpdateConfigurationProfile | the KMS key |
| all lists | pages; a summary of profiles; deployments and versions with the last one first |
| CreateHostedConfigurationVersion | the description, LatestVersionNumber, the times that AWS writes into flags |
| DeleteApplication, DeleteConfigurationProfile | refused as long as something lies in them |
| DeleteEnvironment | refused during a deployment |
| UntagResource | all keys but the first |
| GetLatestConfiguration | flags without their times, and those that are off without their attributes |
| StartConfigurationSession, GetLatestConfiguration | policies aren't asked for them |

A minute of a strategy takes a few hundredths of a second, so that a run goes through the states of a deployment.
"""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import appconfig

from ..wire import AWSError, Response
from . import timing

TIMES = ("_createdAt", "_updatedAt")
MOST_ON_A_PAGE = 50
LISTS = re.compile(
    r"/applications|/deploymentstrategies|/applications/[^/]+/(environments|configurationprofiles)"
    r"|/applications/[^/]+/environments/[^/]+/deployments"
    r"|/applications/[^/]+/configurationprofiles/[^/]+/hostedconfigurationversions"
)
READS = {"/configurationsessions": "StartConfigurationSession", "/configuration": "GetLatestConfiguration"}
SUMMARY = ("ApplicationId", "Id", "Name", "LocationUri", "Type")


def install() -> None:
    appconfig._DEPLOYMENT_MINUTE_SECONDS = timing.SETTLE_SECONDS / 10
    appconfig.handle_request = functools.partial(_handle, appconfig.handle_request)
    appconfig._create_application = functools.partial(_create_application, appconfig._create_application)
    appconfig._create_environment = functools.partial(_create_environment, appconfig._create_environment)
    appconfig._create_configuration_profile = functools.partial(
        _create_profile, appconfig._create_configuration_profile
    )
    appconfig._update_configuration_profile = functools.partial(
        _update_profile, appconfig._update_configuration_profile
    )
    appconfig._delete_application = functools.partial(_delete_application, appconfig._delete_application)
    appconfig._delete_environment = functools.partial(_delete_environment, appconfig._delete_environment)
    appconfig._delete_configuration_profile = functools.partial(
        _delete_profile, appconfig._delete_configuration_profile
    )
    appconfig._list_deployments = functools.partial(_list_deployments, appconfig._list_deployments)
    appconfig._retrieval_time_content = functools.partial(_retrieved, appconfig._retrieval_time_content)
    iam_actions.extract_iam_action = functools.partial(_action, iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = functools.partial(_resource_arn, iam_actions.extract_resource_arn)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    try:
        if method == "DELETE" and path.startswith("/tags/"):
            keys = query.get("tagKeys", [])
            keys = keys if isinstance(keys, list) else [keys]
            return appconfig._untag_resource(urllib.parse.unquote(path.removeprefix("/tags/")), keys)
        if method == "POST" and path.endswith("/hostedconfigurationversions"):
            return await _create_version(original, method, path, headers, body, query)
        if method == "GET" and LISTS.fullmatch(path):
            everything = await original(method, path, headers, body, {**query, "max_results": ["1000000"]})
            return _page(path, everything, query) if everything[0] < 300 else everything
    except AWSError as refusal:
        return appconfig._error(refusal.status, refusal.code, refusal.message)
    return await original(method, path, headers, body, query)


def _page(path: str, response: Response, query: Mapping[str, Any]) -> Response:
    asked = {name: value[0] if isinstance(value, list) else value for name, value in query.items()}
    items = json.loads(response[2])["Items"]
    if path.endswith("/hostedconfigurationversions"):
        items.sort(key=lambda version: -version["VersionNumber"])
    if path.endswith("/configurationprofiles"):
        items = [{member: item[member] for member in SUMMARY} for item in items]
    begin, most = int(asked.get("next_token", 0)), int(asked.get("max_results", MOST_ON_A_PAGE))
    rest = {"NextToken": str(begin + most)} if begin + most < len(items) else {}
    return appconfig._json(200, {"Items": items[begin : begin + most], **rest})


def _refuse(text: str, code: str = "BadRequestException", status: int = 400) -> Response:
    return appconfig._error(status, code, text)


def _taken(records: Mapping[str, dict[str, Any]], name: str | None, **place: str) -> str | None:
    """The id of the one that has this name in this place."""
    wanted = {"Name": name, **place}.items()
    return next((record["Id"] for record in records.values() if wanted <= record.items()), None)


def _create_application(original: Callable[..., Response], body: dict[str, Any]) -> Response:
    other = _taken(appconfig._applications, body.get("Name"))
    if other:
        return _refuse(f"Application with name {body['Name']} already exists with id {other} in account {_account()}")
    return original(body)


def _create_environment(original: Callable[..., Response], app_id: str, body: dict[str, Any]) -> Response:
    other = _taken(appconfig._environments, body.get("Name"), ApplicationId=app_id)
    if other:
        return _refuse(
            f"Environment with name {body['Name']} already exists with id {other} in application {app_id} and account"
            f" {_account()}"
        )
    return original(app_id, body)


def _create_profile(original: Callable[..., Response], app_id: str, body: dict[str, Any]) -> Response:
    other = _taken(appconfig._config_profiles, body.get("Name"), ApplicationId=app_id)
    if other:
        return _refuse(
            f"ConfigurationProfile with name {body['Name']} already exists with id {other} in application {app_id}"
            f" account {_account()}"
        )
    response = original(app_id, body)
    return _with_key(app_id, json.loads(response[2])["Id"], body, response) if response[0] < 300 else response


def _update_profile(original: Callable[..., Response], app_id: str, profile_id: str, body: dict[str, Any]) -> Response:
    response = original(app_id, profile_id, body)
    return _with_key(app_id, profile_id, body, response) if response[0] < 300 else response


def _with_key(app_id: str, profile_id: str, body: dict[str, Any], response: Response) -> Response:
    """The profile with the key that it is given; an empty text takes it away."""
    profile = appconfig._config_profiles[f"{app_id}/{profile_id}"]
    key = body.get("KmsKeyIdentifier")
    if key is not None:
        for member in ("KmsKeyIdentifier", "KmsKeyArn"):
            profile.pop(member, None)
    if key:
        begins = f"arn:aws:kms:{get_region()}:{_account()}:"
        arn = key if key.startswith("arn:") else begins + (key if key.startswith("alias/") else f"key/{key}")
        profile.update(KmsKeyIdentifier=key, KmsKeyArn=arn)
    return appconfig._json(response[0], profile)


def _delete_application(original: Callable[..., Response], app_id: str) -> Response:
    for kind, records in (
        ("environments", appconfig._environments),
        ("configuration profiles", appconfig._config_profiles),
    ):
        if any(record["ApplicationId"] == app_id for record in records.values()):
            return _refuse(f"Cannot delete application {app_id}, because there are still {kind} existing under it.")
    return original(app_id)


def _delete_environment(original: Callable[..., Response], app_id: str, env_id: str) -> Response:
    deployments = appconfig._refresh_environment(app_id, env_id)
    if any(deployment["State"] in appconfig._IN_PROGRESS_STATES for deployment in deployments):
        text = f"Cannot delete environment {env_id} because a deployment is in progress."
        return _refuse(text, "ConflictException", 409)
    return original(app_id, env_id)


def _delete_profile(original: Callable[..., Response], app_id: str, profile_id: str) -> Response:
    if any(key.startswith(f"{app_id}/{profile_id}/") for key in appconfig._hosted_versions):
        return _refuse(
            f"Cannot delete configuration profile {profile_id} because there are still hosted configuration versions"
            " existing under it."
        )
    return original(app_id, profile_id)


def _list_deployments(original: Callable[..., Response], app_id: str, env_id: str, query: dict[str, Any]) -> Response:
    """The last one first, each with its profile."""
    response = original(app_id, env_id, query)
    if response[0] >= 300:
        return response
    items = json.loads(response[2])["Items"]
    for item in items:
        record = appconfig._deployments[f"{app_id}/{env_id}/{item['DeploymentNumber']}"]
        item.update(ConfigurationProfileId=record["ConfigurationProfileId"], Type="USER")
    return appconfig._json(200, {"Items": sorted(items, key=lambda item: -item["DeploymentNumber"])})


async def _create_version(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    _empty, _applications, app_id, _profiles, profile_id, _versions = path.split("/")
    latest = appconfig._latest_hosted_version_number(app_id, profile_id)
    expected = headers.get("latest-version-number")
    if expected is not None and int(expected) != latest:
        text = f"Expected latest version {expected} does not match actual latest version {latest}"
        return _refuse(text, "ConflictException", 409)
    profile = appconfig._config_profiles.get(f"{app_id}/{profile_id}") or {}
    if profile.get("Type") == "AWS.AppConfig.FeatureFlags":
        before = appconfig._hosted_versions.get(f"{app_id}/{profile_id}/{latest}", {}).get("Content")
        body = json.dumps(_timed(json.loads(body), json.loads(before or b"{}"))).encode()
    response = await original(method, path, headers, body, query)
    if response[0] < 300:
        made = appconfig._hosted_versions[f"{app_id}/{profile_id}/{response[1]['Version-Number']}"]
        made["Description"] = headers.get("description", "")
    return response


def _timed(document: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the times at which each flag, and the values of each, were made and changed last."""
    now = appconfig._now_iso()
    for part in ("flags", "values"):
        for key, entry in document.get(part, {}).items():
            last = before.get(part, {}).get(key, {})
            entry["_createdAt"] = last.get("_createdAt", now)
            entry["_updatedAt"] = last["_updatedAt"] if last and _untimed(last) == _untimed(entry) else now
    return document


def _untimed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in TIMES}


def _retrieved(original: Callable[..., bytes], app_id: str, profile_id: str, content: bytes) -> bytes:
    found = original(app_id, profile_id, content)
    if found is content:
        return content
    values = {key: _untimed(entry) for key, entry in json.loads(found).items()}
    return json.dumps(
        {key: entry if entry.get("enabled") else {"enabled": False} for key, entry in values.items()}
    ).encode()


def _action(original: Callable[..., Any], service: str, method: str, path: str, *request: Any) -> Any:
    """Clients sign for appconfig, whose own operations don't have these paths."""
    read = READS.get(path) if service == "appconfig" else None
    return f"appconfig:{read}" if read else original(service, method, path, *request)


def _resource_arn(original: Callable[..., str], service: str, method: str, path: str, *request: Any) -> str:
    """The configuration that a client asks for, by the ids that it names, or by its token."""
    if service != "appconfig" or path not in READS:
        return original(service, method, path, *request)
    _headers, body, query, region, account = request
    if READS[path] == "StartConfigurationSession":
        asked = json.loads(body or b"{}")
    else:
        token = query.get("configuration_token", "")
        asked = appconfig._sessions.get(token[0] if isinstance(token, list) else token) or {}
    ids = [asked.get(f"{kind}Identifier", "") for kind in ("Application", "Environment", "ConfigurationProfile")]
    return "arn:aws:appconfig:{}:{}:application/{}/environment/{}/configuration/{}".format(region, account, *ids)


def _account() -> str:
    return str(get_account_id())
