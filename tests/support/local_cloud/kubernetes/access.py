# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who gets into a cluster, and what they may do there: tokens, access entries, access policies.

A token is a presigned request of sts:GetCallerIdentity in which the cluster's name is a signed header. Whoever it
proves to be needs an access entry of the cluster; its groups have the rights that RBAC gives them. Access policies are
kept apart from RBAC on AWS, by an authorizer of EKS's own. Here a policy for the whole cluster is a group with a
ClusterRoleBinding that the plane makes, and one for namespaces is looked at here, when RBAC allows nothing.
"""

from __future__ import annotations

import base64
import datetime
import fnmatch
import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator, sigv4
from ministack.core.responses import _account_from_sts_session
from ministack.services import eks

from ..settings import SECRET_ACCESS_KEYS

PREFIX = "k8s-aws-v1."
# "The token has a time to live of 15 minutes", whatever the URL says itself.
VALID_SECONDS = 15 * 60
_CLOCKS_DIFFER_SECONDS = 5 * 60
# sha256 of nothing: botocore signs the body of a presigned GET of STS so.
_EMPTY = hashlib.sha256(b"").hexdigest()

GROUP_PREFIX = "eks:access-policy:"
_ROLE_PREFIX = "eks:"


class Refused(Exception):
    """Why a token isn't taken. AWS says nothing but 401; here it's for the log."""


@dataclass(frozen=True)
class Caller:
    """Who has signed a token."""

    arn: str
    account_id: str
    user_id: str
    access_key_id: str


def caller_of(token: str, cluster: str, hosts: tuple[str, ...]) -> Caller:
    """Who has signed this token for this cluster. hosts: where STS answers besides AWS's own names for it."""
    if not token.startswith(PREFIX):
        raise Refused("it isn't a token of EKS")
    encoded = token.removeprefix(PREFIX)
    try:
        url = urllib.parse.urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
        query = {name.lower(): value for name, value in urllib.parse.parse_qsl(url.query, strict_parsing=True)}
    except ValueError:
        raise Refused("it can't be decoded") from None
    _check_address(url, hosts)
    if (query.get("action"), query.get("version")) != ("GetCallerIdentity", "2011-06-15"):
        raise Refused("it's another call than GetCallerIdentity")
    signed_headers = query.get("x-amz-signedheaders", "").split(";")
    if not {"host", "x-k8s-aws-id"} <= set(signed_headers):
        raise Refused("no cluster is signed in it")
    _check_age(query.get("x-amz-date", ""))
    key_id, _, scope = query.get("x-amz-credential", "").partition("/")
    day, signed_region, service, end = [*scope.split("/"), "", "", "", ""][:4]
    if (day, service, end) != (query["x-amz-date"][:8], "sts", "aws4_request"):
        raise Refused("its credential is for something else")
    request = sigv4.build_canonical_request(
        "GET",
        url.path or "/",
        {"host": url.netloc, "x-k8s-aws-id": cluster},
        urllib.parse.parse_qs(url.query, keep_blank_values=True),
        ";".join(signed_headers),
        payload_hash=_EMPTY,
    )
    text = sigv4.build_string_to_sign(query["x-amz-date"], day, signed_region, service, request)
    for secret, caller in _credentials(key_id, query.get("x-amz-security-token")):
        wanted = sigv4.calculate_signature(secret, day, signed_region, service, text)
        if hmac.compare_digest(wanted, query.get("x-amz-signature", "")):
            return caller
    raise Refused(f"it isn't signed for the cluster {cluster}, or not by who it says")


def _check_address(url: urllib.parse.SplitResult, hosts: tuple[str, ...]) -> None:
    # Of whichever region: aws-iam-authenticator, which EKS is built on, takes all of the partition.
    aws = url.scheme == "https" and re.fullmatch(r"sts(\.[a-z0-9-]+)?\.amazonaws\.com", url.netloc)
    if not (aws or url.netloc in hosts) or url.path not in ("", "/"):
        raise Refused(f"{url.scheme}://{url.netloc} isn't STS")


def _check_age(signed_at: str) -> None:
    try:
        moment = datetime.datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise Refused("it has no date") from None
    age = (datetime.datetime.now(datetime.UTC) - moment).total_seconds()
    if not -_CLOCKS_DIFFER_SECONDS <= age <= VALID_SECONDS:
        raise Refused("it has expired" if age > 0 else "it's from the future")


def _credentials(key_id: str, session_token: str | None) -> list[tuple[str, Caller]]:
    """The secret keys that this key may have, each with its owner."""
    if key_id.isdigit():
        # The account's own key, whose secret nobody has chosen.
        owner = Caller(f"arn:aws:iam::{key_id}:root", key_id, key_id, key_id)
        return [(secret, owner) for secret in SECRET_ACCESS_KEYS]
    try:
        account = iam_evaluator.find_iam_access_key_account(key_id) or _account_from_sts_session(key_id)
    except iam_evaluator.AmbiguousAccessKeyError:
        account = None
    found = iam_evaluator.resolve_credential(key_id, account, session_token) if account else None
    if not isinstance(found, iam_evaluator.ResolvedCredential):
        raise Refused(f"nobody has the key {key_id} any more")
    return [(found.secret_access_key, Caller(found.principal_arn, account, found.principal_id, key_id))]


# -- access entries -----------------------------------------------------------


def user_of(caller: Caller, cluster: str, region: str) -> dict[str, Any]:
    """The user of Kubernetes that the cluster's access entries make of a caller."""
    account = caller.account_id
    # An entry is of a role, whoever has taken it on; its path isn't in the session's ARN.
    principal = eks._role_arn_from_assumed_role(caller.arn) or caller.arn
    entry = eks._access_entries.get_scoped(account, region, eks._ae_key(cluster, principal))
    if entry is None:
        raise Refused(f"{principal} has no access entry of {cluster}")
    session = caller.arn.rsplit("/", 1)[-1]
    name = entry["username"].replace("{{SessionName}}", session.replace("@", "-"))
    name = name.replace("{{SessionNameRaw}}", session).replace("{{AccountID}}", account)
    policies = [
        group
        for _principal, policy, association in eks._access_policy_associations(cluster, account, region)
        if _principal == principal
        for group in _policy_groups(policy.rsplit("/", 1)[-1], association.get("accessScope", {}))
    ]
    return {
        "username": name,
        "uid": f"aws-iam-authenticator:{account}:{caller.user_id}",
        "groups": sorted({*entry.get("kubernetesGroups", []), *policies}),
        "extra": {
            "arn": [caller.arn],
            "canonicalArn": [principal],
            "principalId": [caller.user_id],
            "sessionName": [session if principal != caller.arn else ""],
            "accessKeyId": [caller.access_key_id],
        },
    }


def _policy_groups(policy: str, scope: Mapping[str, Any]) -> list[str]:
    if scope.get("type") == "namespace":
        return [f"{GROUP_PREFIX}{policy}:{namespace}" for namespace in scope.get("namespaces", [])]
    return [f"{GROUP_PREFIX}{policy}"]


# -- access policies ----------------------------------------------------------


def roles() -> list[dict[str, Any]]:
    """The objects that give a policy for the whole cluster its rights."""
    objects: list[dict[str, Any]] = []
    for policy, rules in _rules().items():
        name = f"{_ROLE_PREFIX}{policy}"
        version = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        objects.append({**version, "kind": "ClusterRole", "rules": rules})
        group = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": f"{GROUP_PREFIX}{policy}"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        objects.append({**version, "kind": "ClusterRoleBinding", "subjects": [group], "roleRef": reference})
    return objects


def _rules() -> dict[str, list[dict[str, Any]]]:
    """The rules of each policy, as AWS publishes them."""
    read = ["get", "list", "watch"]
    return {
        **eks._ACCESS_POLICY_RULES,
        "AmazonEKSSecretReaderPolicy": [{"apiGroups": [""], "resources": ["secrets"], "verbs": read}],
    }


def allows(groups: list[str], attributes: Mapping[str, Any]) -> str:
    """The policy for this namespace that allows a request, if any. attributes: of a SubjectAccessReview."""
    for group in groups:
        policy, _, pattern = group.removeprefix(GROUP_PREFIX).partition(":")
        if not group.startswith(GROUP_PREFIX) or not pattern or not attributes.get("namespace"):
            continue
        if fnmatch.fnmatchcase(attributes["namespace"], pattern) and any(
            _matches(rule, attributes) for rule in _rules().get(policy, [])
        ):
            return policy
    return ""


def _matches(rule: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    resource = "/".join(filter(None, (attributes.get("resource", ""), attributes.get("subresource", ""))))
    wanted = {"apiGroups": attributes.get("group", ""), "resources": resource, "verbs": attributes.get("verb", "")}
    return all({value, "*"} & set(rule.get(member, [])) for member, value in wanted.items())


# -- the webhooks' answers ----------------------------------------------------


def review_token(review: Mapping[str, Any], cluster: str, region: str, account: str, hosts: tuple[str, ...]) -> Any:
    """The answer to a TokenReview."""
    try:
        caller = caller_of(review.get("spec", {}).get("token", ""), cluster, hosts)
        if caller.account_id != account:
            raise Refused(f"{caller.arn} is of another account")
        status = {"authenticated": True, "user": user_of(caller, cluster, region)}
    except Refused as refusal:
        status = {"authenticated": False, "error": str(refusal)}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}


def review_access(review: Mapping[str, Any]) -> Any:
    """The answer to a SubjectAccessReview."""
    spec = review.get("spec", {})
    policy = allows(spec.get("groups", []), spec.get("resourceAttributes") or {})
    status = {"allowed": bool(policy), **({"reason": f"EKS access policy: {policy}"} if policy else {})}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "status": status}
