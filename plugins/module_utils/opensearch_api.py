# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects in an OpenSearch domain, which its own HTTP API has and no API of AWS, on the base of the modules.

A client with three operations, Get, Put and Delete, stands in for a client of boto3. It signs requests, and its
failures are exceptions of botocore, so all that the base makes of failures holds here, too. An object is a subclass of
DomainObject that says by which path it is found and which option is which member.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info

from .calls import LONGEST_PAUSE
from .declarations import Change, Create, Delete, Describe, Update
from .faults import AWS_ERRORS, DENIED_CODES, Outcome, ResourceError, describe_failure, error_code, error_text, outcome
from .resource import Resource, run_module

try:
    import boto3
    import urllib3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import (
        ClientError,
        ConnectionClosedError,
        ConnectTimeoutError,
        EndpointConnectionError,
        HTTPClientError,
        NoCredentialsError,
        NoRegionError,
        ReadTimeoutError,
        SSLError,
    )
    from botocore.httpsession import where
    from urllib3 import exceptions as http_errors
except ImportError:  # AnsibleAWSModule reports the missing library
    pass

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

SERVICE = "es"
SESSION = "agent-platform"
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
# What can't be connected to once won't be a moment later, unless the domain changes its nodes just then.
CONNECT_ATTEMPTS = 2
# How long a role that can't be assumed is asked for. A changed trust policy counts within seconds as a rule; a lack of
# permission looks the same and doesn't pass, so it isn't waited for as long as IAM may take.
TRUST_SECONDS, TRUST_PAUSE = 60.0, 5.0
VERBS = {"Get": "GET", "Put": "PUT", "Delete": "DELETE"}
LONGEST_REASON = 500
# From here on a refused signature is told with the request that it was made of, which has the session's token in it.
SIGNED = re.compile(r"\s*The Canonical String for this request", re.DOTALL)


# ---- Values


def same(current: Any, desired: Any, unordered: bool = False) -> bool:
    """Whether two values mean the same to the domain: what is left out is as good as nothing, and 1 is "1".

    unordered: lists have no order, at any depth.
    """
    if isinstance(current, Mapping) and isinstance(desired, Mapping):
        keys = current.keys() | desired.keys()
        return all(same(current.get(key), desired.get(key), unordered) for key in keys)
    if isinstance(current, list) and isinstance(desired, list):
        if len(current) != len(desired):
            return False
        if not unordered:
            return all(same(have, want) for have, want in zip(current, desired, strict=True))
        rest = list(desired)
        for have in current:
            match = next((index for index, want in enumerate(rest) if same(have, want, unordered)), None)
            if match is None:
                return False
            del rest[match]
        return True
    if _is_nothing(current) or _is_nothing(desired):
        return _is_nothing(current) and _is_nothing(desired)
    return _text(current) == _text(desired)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_nothing(item) for item in value.values())
    return value is None or value in ("", [])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- Requests


class Domain:
    """Where a domain answers, and as whom it is asked."""

    def __init__(self, module: AnsibleAWSModule, options: Mapping[str, Any]):
        endpoint = options["endpoint"]
        self.url = (endpoint if "://" in endpoint else f"https://{endpoint}").rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ResourceError(f"The endpoint {endpoint!r} is no host name and no URL, such as https://host:443.")
        self.host = parts.netloc
        self.place = f"{parts.scheme}://{options['connect_to'] or parts.netloc}"
        self.module = module
        self.role = options["assume_role_arn"]
        self.signer: Any = None
        checks: dict[str, Any] = {}
        if parts.scheme == "https":
            checks = {"cert_reqs": "CERT_REQUIRED", "ca_certs": module.params.get("aws_ca_bundle") or where()}
            if module.params.get("validate_certs") is False:
                urllib3.disable_warnings()
                checks = {"cert_reqs": "CERT_NONE", "assert_hostname": False}
            if options["connect_to"]:
                checks = {"server_hostname": parts.hostname, "assert_hostname": parts.hostname, **checks}
        self.pool = urllib3.PoolManager(**checks)

    def sign(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """The headers of a request, which say by whom it is and that nothing of it was changed."""
        if self.signer is None:
            self.signer = SigV4Auth(self.credentials(), SERVICE, self.region())
        headers = {"Content-Type": "application/json"} if body else {}
        request = AWSRequest(method, url, headers=headers, data=body)
        self.signer.add_auth(request)
        return {**dict(request.headers.items()), "Host": self.host}

    def region(self) -> str:
        region = get_aws_connection_info(self.module)[0]
        if not region:
            raise NoRegionError
        return region

    def credentials(self) -> Any:
        """Those of the module, or of the role that it acts as."""
        how = get_aws_connection_info(self.module)[2]
        keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        if self.role:
            answer = self.assumed()
            given = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
            credentials = boto3.session.Session(**dict(zip(keys, given, strict=True))).get_credentials()
        else:
            given = {key: how.get(key) for key in keys}
            credentials = boto3.session.Session(profile_name=how.get("profile_name"), **given).get_credentials()
        if credentials is None:
            raise NoCredentialsError
        frozen = credentials.get_frozen_credentials()
        self.module.no_log_values.update({frozen.secret_key, frozen.token} - {None, ""})
        return frozen

    def assumed(self) -> Mapping[str, str]:
        """The credentials of the role, whose trust policy this run may have changed a moment ago."""
        sts, session = self.module.client("sts"), f"{SESSION}-{int(time.time())}"
        deadline = time.monotonic() + (0.0 if self.module.check_mode else TRUST_SECONDS)
        while True:
            try:
                return sts.assume_role(RoleArn=self.role, RoleSessionName=session)["Credentials"]
            except ClientError as error:
                if error_code(error) not in DENIED_CODES or time.monotonic() + TRUST_PAUSE > deadline:
                    raise
            time.sleep(TRUST_PAUSE)

    def send(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """The status of the answer, and what is in it."""
        headers = self.sign(method, self.url + path, body)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            answer = self.pool.request(
                method,
                self.place + path,
                body=body or None,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        # Some versions take the first for a kind of the second.
        except http_errors.NewConnectionError as error:
            raise EndpointConnectionError(endpoint_url=self.place, error=error) from error
        except http_errors.ConnectTimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.place, error=error) from error
        except http_errors.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self.place, error=error) from error
        except http_errors.SSLError as error:
            raise SSLError(endpoint_url=self.place, error=error) from error
        except http_errors.ProtocolError as error:
            raise ConnectionClosedError(endpoint_url=self.place, error=error) from error
        except http_errors.HTTPError as error:
            raise HTTPClientError(error=error) from error
        try:
            return answer.status, json.loads(answer.data) if answer.data else {}
        except ValueError:
            return answer.status, answer.data.decode(errors="replace")


def refusal(status: int, answer: Any, operation: str) -> ClientError:
    """The exception of an error answer: the plugins of a domain, and AWS in front of it, write it in four ways."""
    code, reason = str(status), answer
    if isinstance(answer, Mapping):
        error = answer.get("error") or {}
        if isinstance(error, Mapping) and error:
            code, reason = error.get("type") or code, error.get("reason")
            cause = (error.get("caused_by") or {}).get("reason")
            reason = f"{reason} ({cause})" if cause else reason
        else:
            reason = error or answer.get("message") or answer.get("Message") or answer.get("reason") or answer
            code = answer.get("status") if isinstance(answer.get("status"), str) else code
    text = " ".join(SIGNED.split(str(reason))[0].split())
    text = text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
    return ClientError(
        {"Error": {"Code": code, "Message": f"{text} (HTTP {status})"}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )


class DomainClient:
    """Looks like a client of boto3 to the base. attempts: how often a call is sent at most."""

    def __init__(self, domain: Domain, path: str, query: Mapping[str, str], attempts: int):
        self.domain = domain
        self.path = path
        self.query = query
        self.attempts = attempts

    def can_paginate(self, _method: str) -> bool:
        return False

    def get(self, name: str) -> dict:
        return self._call("Get", name, self.query, None)

    def put(self, name: str, query: Mapping[str, Any] | None = None, **body: Any) -> dict:
        return self._call("Put", name, query or {}, body)

    def delete(self, name: str) -> dict:
        return self._call("Delete", name, {}, None)

    def _call(self, operation: str, name: str, query: Mapping[str, Any], body: Any) -> dict:
        path = f"{self.path}/{quote(name, safe='')}" + (f"?{urlencode(query)}" if query else "")
        data = b"" if body is None else json.dumps(body).encode()
        for attempt in range(1, self.attempts + 1):
            try:
                status, answer = self.domain.send(VERBS[operation], path, data)
                if status < 300:
                    return answer
                raise refusal(status, answer, operation)
            except AWS_ERRORS as error:
                most = CONNECT_ATTEMPTS if is_unreachable(error) else self.attempts
                if outcome(error) is Outcome.REFUSED or attempt >= min(most, self.attempts):
                    raise
            time.sleep(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 2.0 ** (attempt - 1)))
        raise AssertionError("unreachable")


def is_unreachable(error: Exception | None) -> bool:
    return isinstance(error, (ConnectTimeoutError, EndpointConnectionError))


def status_of(error: Exception) -> int | None:
    return error.response["ResponseMetadata"].get("HTTPStatusCode") if isinstance(error, ClientError) else None


# ---- Objects


class DomainObject(Resource):
    """An object in a domain. Subclasses say where it is found, and which of the options are which of its members.

    path: of its kind, without the name. query: what the read call is asked with.
    """

    service = SERVICE
    names: ClassVar = {"name": "name"}
    path: str
    query: Mapping[str, str] = {}
    describe = Describe("Get", "", missing=("404",))
    create = Create("Put", tags=None, exists=("version_conflict_engine_exception",))
    delete = Delete("Delete", missing=("404",))
    # Someone else has changed it since we looked.
    passing: ClassVar = {"version_conflict_engine_exception": ("",), "CONFLICT": ("",)}

    def prepare(self) -> None:
        self.domain = Domain(self.module, self.options)
        # What isn't said with a change is gone, so what is there and isn't declared goes along.
        self.updates = {"put": Update("Put", whole=True, kept=tuple(item.member for item in self.settings))}

    def client(self, service: str, attempts: int) -> Any:
        return DomainClient(self.domain, self.path, self.query, attempts)

    def taken(self, answer: Mapping) -> dict | None:
        """The object in the answer of the read call."""
        raise NotImplementedError

    def find(self) -> dict | None:
        answer = self.read("Get", self.describe_request(), self.describe.missing)
        return None if answer is None else self.taken(answer)

    def is_absent(self, error: Exception, missing: Any) -> bool:
        return bool(missing) and status_of(error) == 404

    def run(self) -> dict:
        try:
            return {**super().run(), "reached": True}
        except ResourceError as error:
            if not (self.options["skip_unreachable"] and is_unreachable(error.cause) and not self.changed):
                raise
            self.module.warn(f"{self.title} is left as it is. {error}")
            reason = f"The domain can't be reached at {self.domain.place}."
            return {"changed": False, "skipped": True, "skip_reason": reason, "reached": False, self.result: {}}

    # ---- Refusals

    def refuse(self, current: dict | None, changes: Mapping[str, Change]) -> None:
        if changes:
            self.refuse_reserved(current)

    def refuse_removal(self, current: dict) -> None:
        self.refuse_reserved(current)
        super().refuse_removal(current)

    def refuse_reserved(self, current: dict | None) -> None:
        if current and (current.get("reserved") or current.get("static")):
            raise ResourceError(f"{self.title} is OpenSearch's own and can't be changed. Give yours another name.")

    def failure(self, error: Exception, doing: str, operation: str, service: str | None = None) -> ResourceError:
        verb = VERBS[operation]
        call = f"{verb} {self.path}/{self.options['name']} at {self.domain.host}"
        return ResourceError(
            describe_failure(error, doing, SERVICE, call, f"es:ESHttp{verb.capitalize()}", self.hint(error, operation)),
            error,
        )

    def hint(self, error: Exception, operation: str) -> str:
        """What helps against a failure."""
        who = self.domain.role or "the identity of this run"
        if is_unreachable(error):
            return (
                "A domain in a VPC answers only there: run from inside, such as from the bastion, or through a tunnel "
                "(connect_to), and see that its security group lets you in."
            )
        if error_code(error) in ("AccessDenied", "AccessDeniedException") and self.domain.role:
            return f"Let the identity of this run assume {who}: by its own policy and the role's trust policy."
        status, said = status_of(error), error_text(error)
        if status == 403 and "is not authorized to perform" in said:
            return f"Allow es:ESHttp* on the domain for {who}, in its IAM policy or in the domain's access policy."
        if status == 403 and "signature" in said.lower():
            return "Check the credentials, the clock and the region, and that endpoint is the name that was asked for."
        if status in (401, 403):
            return (
                f"{who[0].upper()}{who[1:]} has no role in the domain that may do so: give assume_role_arn, the "
                "domain's master role, or map it to one such as all_access."
            )
        if status == 404 and operation == "Put":
            return "Make that first, and run again."
        if status in (400, 405) and ("no handler found" in said or "is not allowed" in said.lower()):
            return "The domain doesn't offer this API; see its engine version."
        return ""


def run_api_module(resource: type[DomainObject], documentation: str) -> None:
    """The main function of the modules of this kind."""
    run_module(resource, documentation)
