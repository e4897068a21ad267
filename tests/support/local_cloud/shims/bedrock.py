# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bedrock: what ministack 1.5.33 leaves out, and where its answers differ from AWS.

| operation | gap |
|---|---|
| CreateGuardrail, GetGuardrail, UpdateGuardrail | policies are described in the words of requests; no reasoning policy, no profile; an update keeps what isn't sent; a client token means nothing; a guardrail without a policy is taken |
| CreateGuardrailVersion | the version has the guardrail's description; there may be more than 20; numbers are used again |
| DeleteGuardrail | with a version all of the guardrail goes |
| ListGuardrails | tells no versions |
| all of guardrails | no states: here CREATING, UPDATING, VERSIONING and DELETING last a moment, in which other changes are refused; ids have a dash |
| ApplyGuardrail | where policies are enforced: is asked of all guardrails at once |
| PutModelInvocationLoggingConfiguration | takes log groups and buckets that don't exist, and roles that Bedrock can't assume or that may not write |
| ListFoundationModels, GetFoundationModelAvailability | newer models are missing, which are called through profiles only; nothing is agreed to: here it is, as in an account that has been in use |
| ListInferenceProfiles, GetInferenceProfile | profiles of all geographies in each region, none that is global |
"""  # noqa: E501

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock, bedrock_runtime, cloudwatch_logs, iam, s3

from ..wire import AWSError, Response, RestJsonWire, now
from . import timing
from .patching import IdempotencyTokens, on_reset

_WIRE = RestJsonWire("bedrock")
_TOKENS = IdempotencyTokens("ConflictException")
MOST_VERSIONS = 20
DRAFT = "DRAFT"
POLICIES = (
    "topicPolicy",
    "contentPolicy",
    "wordPolicy",
    "sensitiveInformationPolicy",
    "contextualGroundingPolicy",
    "automatedReasoningPolicy",
)
MESSAGES = ("blockedInputMessaging", "blockedOutputsMessaging")
MODELS = (
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "Claude Sonnet 4.5", "Anthropic", ["TEXT", "IMAGE"], ["TEXT"], True),
    ("anthropic.claude-haiku-4-5-20251001-v1:0", "Claude Haiku 4.5", "Anthropic", ["TEXT", "IMAGE"], ["TEXT"], True),
    ("cohere.embed-v4:0", "Embed v4", "Cohere", ["TEXT", "IMAGE"], ["EMBEDDING"], False),
    (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "Nova Multimodal Embe",
        "Amazon",
        ["TEXT", "IMAGE"],
        ["EMBEDDING"],
        False,
    ),
)
# The beginnings of regions' names and the geographies of the profiles that can be called there.
GEOGRAPHIES = {"us-": ("us",), "eu-": ("eu",), "ap-": ("apac",), "ca-": ("us",)}


def install() -> None:
    bedrock.handle_request = functools.partial(_handle, bedrock.handle_request)
    bedrock_runtime._resolve_guardrail = _evaluated
    bedrock._model_summary = functools.partial(_summary_of_model, bedrock._model_summary)
    known = {entry[0] for entry in bedrock._CATALOG}
    bedrock._CATALOG.extend(entry for entry in MODELS if entry[0] not in known)
    iam_actions.extract_resource_arn = functools.partial(_resource_arn, iam_actions.extract_resource_arn)
    on_reset(bedrock, _TOKENS.clear)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    match = _WIRE.match(method, path)
    if match is None:
        return await original(method, path, headers, body, query)
    operation, labels = match
    try:
        request = _WIRE.parse(operation, labels, query, body)
        if operation.name in _ANSWERS:
            act = functools.partial(_answer, operation, request)
            return _TOKENS.answer(operation.name, request.get("clientRequestToken"), request, act)
        if operation.name == "PutModelInvocationLoggingConfiguration":
            _check_destinations(request["loggingConfig"])
        bedrock._INFERENCE_PROFILE_PREFIXES = _geographies(get_region())
        return await original(method, path, headers, body, query)
    except AWSError as refusal:
        return _WIRE.error(refusal)


def _answer(operation: Any, request: dict[str, Any]) -> Response:
    return _WIRE.respond(operation, _ANSWERS[operation.name](request))


def _geographies(region: str) -> tuple[str, ...]:
    return (*next((areas for begins, areas in GEOGRAPHIES.items() if region.startswith(begins)), ()), "global")


# ---- Models


def _summary_of_model(original: Callable[..., dict[str, Any]], own: str, *about: Any) -> dict[str, Any]:
    summary = original(own, *about)
    if any(own == entry[0] for entry in MODELS) and about[1] == "Anthropic":
        summary["InferenceTypesSupported"] = ["INFERENCE_PROFILE"]
    return summary


def _availability(request: dict[str, Any]) -> dict[str, Any]:
    if bedrock._find_model(request["modelId"]) is None:
        raise AWSError("ResourceNotFoundException", f"Could not find model {request['modelId']}.", 404)
    return {
        "modelId": request["modelId"],
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


# ---- Guardrails


def _invalid(message: str) -> AWSError:
    return AWSError("ValidationException", message)


def _guardrail(identifier: str) -> dict[str, Any]:
    """The draft, which holds its versions, too."""
    for record in list(bedrock._guardrails.values()):
        if identifier in (record["guardrailId"], record["guardrailArn"]):
            if record["status"] == "DELETING" and not timing.is_running(record):
                del bedrock._guardrails[record["guardrailId"]]
                bedrock._tags.pop(record["guardrailArn"], None)
                break
            return record
    raise AWSError("ResourceNotFoundException", f"Guardrail {identifier} doesn't exist.", 404)


def _settled(record: dict[str, Any]) -> str:
    """The status of a draft or a version as it is now."""
    if record["status"] != "DELETING" and not timing.is_running(record):
        record["status"] = "READY"
    return record["status"]


def _begin(record: dict[str, Any], status: str) -> None:
    record["status"] = status
    timing.start(record)


def _idle(identifier: str) -> dict[str, Any]:
    record = _guardrail(identifier)
    status = _settled(record)
    if status != "READY":
        raise AWSError("ConflictException", f"Guardrail {identifier} is {status}. Try again when it is READY.", 409)
    return record


def _without_config(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy in the words of descriptions: topics for topicsConfig."""
    return {name.removesuffix("Config"): value for name, value in policy.items()}


def _content(request: dict[str, Any]) -> dict[str, Any]:
    """What a request makes of a guardrail: what it doesn't name is gone."""
    policies = {name: request.get(f"{name}Config") for name in POLICIES}
    if not any(policies.values()):
        raise _invalid("At least one guardrail policy must be specified.")
    content = {name: _without_config(policy) for name, policy in policies.items() if policy}
    if not all(any(content[name].values()) for name in content):
        raise _invalid("A policy must have at least one entry.")
    content.update({name: request[name] for name in ("name", *MESSAGES)})
    if request.get("description"):
        content["description"] = request["description"]
    if "crossRegionConfig" in request:
        profile = request["crossRegionConfig"]["guardrailProfileIdentifier"].rpartition("/")[2]
        content["crossRegionDetails"] = {
            "guardrailProfileId": profile,
            "guardrailProfileArn": bedrock._arn("guardrail-profile", profile),
        }
    tiers = [(content.get(name, {}).get("tier") or {}).get("tierName") for name in POLICIES]
    if "STANDARD" in tiers and "crossRegionDetails" not in content:
        raise _invalid("The Standard tier requires cross-Region inference.")
    key = request.get("kmsKeyId")
    if key:
        begins = f"arn:aws:kms:{get_region()}:{get_account_id()}:key/"
        content["kmsKeyArn"] = key if key.startswith("arn:") else begins + key
    return content


def _create(request: dict[str, Any]) -> dict[str, Any]:
    content = _content(request)
    if any(record["name"] == request["name"] for record in bedrock._guardrails.values()):
        raise AWSError("ConflictException", f"Another guardrail already has the name {request['name']}.", 409)
    own = secrets.token_hex(6)
    arn = bedrock._arn("guardrail", own)
    record = {
        "guardrailId": own,
        "guardrailArn": arn,
        # By these the emulator's own functions find it.
        "GuardrailId": own,
        "GuardrailArn": arn,
        "createdAt": now(),
        "updatedAt": now(),
        "versions": {},
        "last": 0,
        "content": content,
        "name": request["name"],
    }
    _begin(record, "CREATING")
    bedrock._guardrails[own] = record
    bedrock._tags[arn] = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
    return {**_identity(record), "version": DRAFT, "createdAt": record["createdAt"]}


def _identity(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"guardrailId": record["guardrailId"], "guardrailArn": record["guardrailArn"]}


def _version(record: dict[str, Any], number: str) -> dict[str, Any]:
    if number not in record["versions"]:
        raise AWSError("ResourceNotFoundException", f"Guardrail {record['guardrailId']} has no version {number}.", 404)
    return record["versions"][number]


def _get(request: dict[str, Any]) -> dict[str, Any]:
    record = _guardrail(request["guardrailIdentifier"])
    number = request.get("guardrailVersion", DRAFT)
    one = record if number == DRAFT else _version(record, number)
    times = {name: one[name] for name in ("createdAt", "updatedAt")}
    return {**one["content"], **_identity(record), **times, "version": number, "status": _settled(one)}


def _summary(record: dict[str, Any], number: str, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": record["guardrailId"],
        "arn": record["guardrailArn"],
        "status": _settled(one),
        "name": record["name"],
        "description": one["content"].get("description"),
        "version": number,
        "createdAt": one["createdAt"],
        "updatedAt": one["updatedAt"],
        "crossRegionDetails": one["content"].get("crossRegionDetails"),
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    if "guardrailIdentifier" in request:
        record = _guardrail(request["guardrailIdentifier"])
        found = [(record, DRAFT, record), *((record, number, one) for number, one in record["versions"].items())]
    else:
        found = []
        for own in list(bedrock._guardrails):
            try:
                record = _guardrail(own)
            except AWSError:
                continue
            found.append((record, DRAFT, record))
    begin, most = int(request.get("nextToken", 0)), request.get("maxResults", 100)
    rest = {"nextToken": str(begin + most)} if begin + most < len(found) else {}
    return {"guardrails": [_summary(*item) for item in found[begin : begin + most]], **rest}


def _update(request: dict[str, Any]) -> dict[str, Any]:
    record = _idle(request["guardrailIdentifier"])
    content = _content(request)
    others = [item for item in bedrock._guardrails.values() if item is not record]
    if any(other["name"] == request["name"] for other in others):
        raise AWSError("ConflictException", f"Another guardrail already has the name {request['name']}.", 409)
    record.update(content=content, name=request["name"], updatedAt=now())
    _begin(record, "UPDATING")
    return {**_identity(record), "version": DRAFT, "updatedAt": record["updatedAt"]}


def _publish(request: dict[str, Any]) -> dict[str, Any]:
    record = _idle(request["guardrailIdentifier"])
    if len(record["versions"]) >= MOST_VERSIONS:
        raise AWSError("ServiceQuotaExceededException", "Too many versions for the guardrail.", 400)
    record["last"] += 1
    number = str(record["last"])
    content = {name: value for name, value in record["content"].items() if name != "description"}
    if request.get("description"):
        content["description"] = request["description"]
    record["versions"][number] = {"content": content, "createdAt": now(), "updatedAt": now()}
    _begin(record["versions"][number], "CREATING")
    _begin(record, "VERSIONING")
    return {"guardrailId": record["guardrailId"], "version": number}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    record = _guardrail(request["guardrailIdentifier"])
    if "guardrailVersion" in request:
        _version(record, request["guardrailVersion"])
        del record["versions"][request["guardrailVersion"]]
    else:
        _begin(_idle(request["guardrailIdentifier"]), "DELETING")
    return {}


def _evaluated(identifier: str, version: str | None) -> dict[str, Any] | None:
    """What the emulator evaluates, in its own words; nothing where there is no such version."""
    try:
        record = _guardrail(identifier)
        one = record if version in (None, "", DRAFT) else _version(record, str(version))
    except AWSError:
        return None
    told = {f"{name[0].upper()}{name[1:]}": value for name, value in one["content"].items()}
    policies = {
        f"{name[0].upper()}{name[1:]}": {f"{part}Config": value for part, value in one["content"][name].items()}
        for name in POLICIES
        if name in one["content"]
    }
    return {**told, **policies, **{name: record[name] for name in ("GuardrailId", "GuardrailArn")}}


def _resource_arn(original: Callable[..., str], service: str, method: str, path: str, *request: Any) -> str:
    """The guardrail that a call evaluates."""
    parts = path.split("/")
    if service != "bedrock-runtime" or parts[1:2] != ["guardrail"]:
        return original(service, method, path, *request)
    return bedrock._arn("guardrail", parts[2])


# ---- The logging of invocations


def _check_destinations(config: dict[str, Any]) -> None:
    group = config.get("cloudWatchConfig")
    if group:
        role = next((item for item in iam._roles.values() if item["Arn"] == group["roleArn"]), None)
        trust = json.dumps(role["AssumeRolePolicyDocument"]) if role else ""
        if group["logGroupName"] not in cloudwatch_logs._log_groups or "bedrock.amazonaws.com" not in trust:
            raise _invalid(
                f"Failed to validate permissions for log group: {group['logGroupName']}, with role:"
                f" {group['roleArn']}. Verify the IAM role permissions are correct."
            )
    for bucket in (config.get("s3Config"), (group or {}).get("largeDataDeliveryS3Config")):
        if bucket and bucket["bucketName"] not in s3._buckets:
            raise _invalid(
                f"Failed to validate permissions for bucket: {bucket['bucketName']}. Verify the bucket policy."
            )


_ANSWERS = {
    "CreateGuardrail": _create,
    "CreateGuardrailVersion": _publish,
    "DeleteGuardrail": _delete,
    "GetFoundationModelAvailability": _availability,
    "GetGuardrail": _get,
    "ListGuardrails": _list,
    "UpdateGuardrail": _update,
}
