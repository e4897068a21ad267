# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ACM: what ministack 1.5.33 does otherwise than AWS.

| operation | gap |
|---|---|
| RequestCertificate | issues at once, whatever is in DNS: here a certificate waits until its records stand in Route 53; ignores IdempotencyToken, KeyAlgorithm and Options; takes a first name of more than 64 characters, and more than 10 names |
| DescribeCertificate | records are there at once and are called otherwise; a certificate has no key but RSA_2048, isn't in use, and has dates before it is issued |
| ListCertificates | knows no filter for keys and leaves out the names, the type and the use |
| DeleteCertificate | removes one that a domain of Cognito or a distribution uses |
"""  # noqa: E501

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, json_response, now_iso
from ministack.services import acm, cognito, route53

from ..wire import AWSError, Response
from . import cloudfront, timing
from .patching import IdempotencyTokens, on_reset

LONGEST_FIRST = 64
MOST_NAMES = 10
LISTED_KEYS = ["RSA_1024", "RSA_2048"]
# In whose account CloudFront runs what Cognito has of it.
COGNITOS_ACCOUNT = "000000000000"

_tokens = IdempotencyTokens("InvalidParameterException")


def install() -> None:
    acm.handle_request = functools.partial(_handle, acm.handle_request)
    on_reset(acm, _tokens.clear)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
    handler = _HANDLERS.get(operation)
    for certificate in list(acm._certificates.values()):
        _validate(certificate)
    try:
        if handler:
            return handler(request)
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    return await original(method, path, headers, body, query)


def _request(request: dict[str, Any]) -> Response:
    token = request.pop("IdempotencyToken", None)
    return _tokens.answer("RequestCertificate", token, request, lambda: _requested(request))


def _requested(request: dict[str, Any]) -> Response:
    names = list(dict.fromkeys([request["DomainName"], *request.get("SubjectAlternativeNames", [])]))
    if len(names[0]) > LONGEST_FIRST:
        text = f"The first domain name can be no longer than {LONGEST_FIRST} characters."
        raise AWSError("InvalidDomainValidationOptionsException", text)
    if len(names) > MOST_NAMES:
        raise AWSError("LimitExceededException", "The number of domain names in the request is above your quota.")
    response = acm._request_certificate(request)
    if response[0] >= 300:
        return response
    certificate = acm._certificates[json.loads(response[2])["CertificateArn"]]
    certificate |= {
        "Status": "PENDING_VALIDATION",
        "SubjectAlternativeNames": names,
        "KeyAlgorithm": request.get("KeyAlgorithm", "RSA_2048"),
        "Options": {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"}
        | request.get("Options", {}),
        "DomainValidationOptions": [_validation(name) for name in names],
    }
    for member in ("IssuedAt", "NotBefore", "NotAfter"):
        certificate.pop(member)
    timing.start(certificate)
    return response


def _validation(name: str) -> dict[str, Any]:
    """The same record for a name in all certificates of the account, in all regions."""
    base = name.removeprefix("*.").lower()
    digest = hashlib.md5(f"{get_account_id()}/{base}".encode(), usedforsecurity=False).hexdigest()
    target = hashlib.md5(digest.encode(), usedforsecurity=False).hexdigest()
    return {
        "DomainName": name,
        "ValidationDomain": name,
        "ValidationStatus": "PENDING_VALIDATION",
        "ValidationMethod": "DNS",
        "ResourceRecord": {
            "Name": f"_{digest}.{base}.",
            "Type": "CNAME",
            "Value": f"_{target}.jkddzztszm.acm-validations.aws.",
        },
    }


def _validate(certificate: dict[str, Any]) -> None:
    """Issue a certificate of which all records stand in public zones, a moment after they do."""
    if certificate["Status"] != "PENDING_VALIDATION" or timing.is_running(certificate):
        return
    timing.finish(certificate)
    for option in certificate["DomainValidationOptions"]:
        if option["ValidationStatus"] != "SUCCESS" and _stands(option["ResourceRecord"]):
            option["ValidationStatus"] = "SUCCESS"
            timing.start(certificate)
    if timing.is_running(certificate):
        return
    if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
        now = now_iso()
        certificate |= {"Status": "ISSUED", "IssuedAt": now, "NotBefore": now}
        certificate["NotAfter"] = acm._future_iso(198 * 24 * 3600)


def _stands(record: Mapping[str, str]) -> bool:
    return any(
        there["Name"].lower() == record["Name"]
        and there["Type"] == "CNAME"
        and there.get("ResourceRecords") == [record["Value"]]
        for zone in route53._zones.values()
        if not zone.get("private")
        for there in route53._records.get(zone["id"], [])
    )


def _distribution(pool_id: str) -> str:
    """The id of the distribution before a user pool's custom domain, the same at every look."""
    return "E" + hashlib.md5(pool_id.encode(), usedforsecurity=False).hexdigest()[:13].upper()


def _users(certificate: Mapping[str, Any]) -> list[str]:
    """What uses it: distributions, and those that stand before custom domains of Cognito."""
    return [
        f"arn:aws:cloudfront::{COGNITOS_ACCOUNT}:distribution/{_distribution(key[2])}"
        for key, pool in list(cognito._user_pools._data.items())
        if key[0] == get_account_id()
        and pool.get("_custom_domain_config", {}).get("CertificateArn") == certificate["CertificateArn"]
    ] + [*certificate.get("InUseBy", []), *cloudfront.users_of_certificate(certificate["CertificateArn"])]


def _shown(certificate: dict[str, Any]) -> dict[str, Any]:
    shown = {
        **acm._cert_shape(certificate),
        "KeyAlgorithm": certificate.get("KeyAlgorithm", "RSA_2048").replace("_", "-"),
        "InUseBy": _users(certificate),
        "RenewalEligibility": "ELIGIBLE" if _users(certificate) else "INELIGIBLE",
    }
    shown.pop("Tags", None)
    if "IssuedAt" not in certificate:
        for member in ("IssuedAt", "NotBefore", "NotAfter"):
            shown.pop(member)
    if certificate["Status"] == "PENDING_VALIDATION" and timing.is_running(certificate):
        # Some seconds after the request ACM doesn't tell the records yet.
        shown["DomainValidationOptions"] = [
            option if option["ValidationStatus"] == "SUCCESS" else {**option, "ResourceRecord": None}
            for option in shown["DomainValidationOptions"]
        ]
    if "RenewalSummary" in certificate:
        shown["RenewalSummary"] = certificate["RenewalSummary"]
    return shown


def _describe(request: dict[str, Any]) -> Response:
    return json_response({"Certificate": _shown(_certificate(request))})


def _certificate(request: Mapping[str, Any]) -> dict[str, Any]:
    arn = request["CertificateArn"]
    certificate = acm._get_local_certificate(arn)
    if certificate is None:
        text = f"Could not find certificate {arn}."
        raise AWSError("ResourceNotFoundException", text)
    return certificate


def _list(request: dict[str, Any]) -> Response:
    keys = (request.get("Includes") or {}).get("keyTypes") or LISTED_KEYS
    statuses = request.get("CertificateStatuses")
    return json_response(
        {
            "CertificateSummaryList": [
                {
                    "CertificateArn": item["CertificateArn"],
                    "DomainName": item["DomainName"],
                    "SubjectAlternativeNameSummaries": item["SubjectAlternativeNames"],
                    "HasAdditionalSubjectAlternativeNames": False,
                    "Status": item["Status"],
                    "Type": item["Type"],
                    "KeyAlgorithm": item.get("KeyAlgorithm", "RSA_2048"),
                    "InUse": bool(_users(item)),
                }
                for item in acm._certificates.values()
                if item.get("KeyAlgorithm", "RSA_2048") in keys and (not statuses or item["Status"] in statuses)
            ]
        }
    )


def _delete(request: dict[str, Any]) -> Response:
    certificate = _certificate(request)
    if _users(certificate):
        text = f"Certificate {certificate['CertificateArn']} in account {get_account_id()} is in use."
        raise AWSError("ResourceInUseException", text)
    return acm._delete_certificate(request)


_HANDLERS: dict[str, Callable[[dict[str, Any]], Response]] = {
    "DeleteCertificate": _delete,
    "DescribeCertificate": _describe,
    "ListCertificates": _list,
    "RequestCertificate": _request,
}
