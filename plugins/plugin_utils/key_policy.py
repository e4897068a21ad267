# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the policies of the platform's keys say, and whether another key's policy says enough.

One table for both: the role `encryption` writes it into the policies of its own keys, preflight looks for it in that of
an existing one.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

# Actions by name, none with a wildcard: what KMS adds later is not allowed by itself.
ADMINISTER = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
GRANT = ("kms:CreateGrant", "kms:RetireGrant")

AUTO_SCALING_ROLE = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
LOG_ARN = "kms:EncryptionContext:aws:logs:arn"
FOR_AWS = "kms:GrantIsForAWSResource"

# Who needs a statement.
ACCOUNT, LOGS, EVENTS, VECTORS, VOLUMES = "account", "logs", "events", "vectors", "volumes"
SERVED = (LOGS, EVENTS, VECTORS, VOLUMES)
# Whom the key of a purpose serves, in place of the platform's.
SERVED_FOR = {"logs": (LOGS,), "secrets": (), "volumes": (VOLUMES,)}

Statement = dict[str, t.Any]


class Place(t.NamedTuple):
    """Where the platform is, and how its names begin."""

    partition: str
    dns_suffix: str
    region: str
    account_id: str
    prefix: str

    @classmethod
    def of(cls, platform: Mapping[str, t.Any], values: Mapping[str, t.Any]) -> Place:
        """By what platform_info returns, and by the variables that all components share."""
        told = {name: platform.get(name) or "" for name in ("partition", "dns_suffix", "account_id")}
        return cls(**told, region=values.get("platform_region") or "", prefix=values.get("platform_prefix") or "")

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account_id}:{resource}"


def statements(place: Place, of: str) -> list[Statement]:
    """What lets those in who need the key for something."""
    return {
        ACCOUNT: _account,
        LOGS: _logs,
        EVENTS: _events,
        VECTORS: _vectors,
        VOLUMES: _volumes,
    }[of](place)


def _statement(sid: str, principal: Statement, actions: Iterable[str], **condition: t.Any) -> Statement:
    allowed = list(actions)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": allowed if len(allowed) > 1 else allowed[0],
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
    }


def _account(place: Place) -> list[Statement]:
    # Gives nobody anything by itself: it lets IAM policies of this account allow these actions on the key, as with
    # every other AWS resource. Without it a role that needs the key would have to be named here, and the key would be
    # lost with the last administrator named. AWS's own default statement says kms:*; here it is the list of what a
    # symmetric key knows.
    everything = sorted({*ADMINISTER, *USE, *GRANT})
    return [_statement("LetIamPoliciesOfThisAccountAllow", {"AWS": place.arn("iam", "root", "")}, everything)]


def _logs(place: Place) -> list[Statement]:
    # CloudWatch Logs uses the key itself, not in the name of a caller: only for log groups of this platform.
    groups = [place.arn("logs", f"log-group:/aws/*/{place.prefix}{end}*") for end in ("/", "-")]
    service = {"Service": f"logs.{place.region}.{place.dns_suffix}"}
    return [_statement("LogGroupsOfThisPlatform", service, USE, ArnLike={LOG_ARN: groups})]


def _events(place: Place) -> list[Statement]:
    # RDS publishes events to an encrypted topic; SNS asks for the key in its name.
    ours = {"aws:SourceAccount": place.account_id}
    service = {"Service": "events.rds.amazonaws.com"}
    return [_statement("EventsOfDatabases", service, ("kms:Decrypt", "kms:GenerateDataKey"), StringEquals=ours)]


def _vectors(place: Place) -> list[Statement]:
    # S3 Vectors keeps its indexes in order in its own name. Without this it refuses to make one.
    return [
        _statement(
            "IndexesOfVectors",
            {"Service": "indexing.s3vectors.amazonaws.com"},
            ("kms:Decrypt",),
            StringEquals={"aws:SourceAccount": place.account_id},
            ArnLike={"aws:SourceArn": place.arn("s3vectors", f"bucket/{place.prefix}-*")},
        )
    ]


def _volumes(place: Place) -> list[Statement]:
    # Encrypted volumes of the cluster's nodes are made by Auto Scaling in the name of its own role.
    role = {"AWS": place.arn("iam", AUTO_SCALING_ROLE, "")}
    return [
        _statement("VolumesOfNodes", role, USE),
        _statement("AttachVolumesOfNodes", role, ("kms:CreateGrant",), Bool={FOR_AWS: "true"}),
    ]


def policy(
    place: Place, name: str, administrators: Iterable[str], purpose: str | None = None, purposes: Iterable[str] = ()
) -> dict[str, t.Any]:
    """The policy of a key of ours: the platform's, beside which there are keys of purposes, or that of a purpose."""
    named = list(administrators)
    looked_after = [_statement("KeyAdministrators", {"AWS": named}, ADMINISTER)] if named else []
    elsewhere = {user for other in purposes for user in SERVED_FOR[other]}
    users = SERVED_FOR[purpose] if purpose else [user for user in SERVED if user not in elsewhere]
    served = [item for user in users for item in statements(place, user)]
    return {"Version": "2012-10-17", "Id": name, "Statement": [*_account(place), *looked_after, *served]}


# ---- Whether another policy says enough

# What is compared of a request; other conditions are taken as fulfilled, since only the request itself tells.
MATCHES: dict[str, t.Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringLike": fnmatchcase,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": lambda given, wanted: given.lower() == str(wanted).lower(),
}


def _items(value: t.Any) -> list:
    """A list, for which a policy may have its one item."""
    return value if isinstance(value, list) else [] if value is None else [value]


def missing(document: str, needed: Iterable[Statement]) -> Iterator[Statement]:
    """Those of the statements that a policy doesn't make up for."""
    given = [dict(item) for item in _items(json.loads(document).get("Statement"))]
    for statement in needed:
        principal, context = _principal(statement), _context(statement)
        actions = USE if statement["Sid"] == "LetIamPoliciesOfThisAccountAllow" else _items(statement["Action"])
        if not all(_allows(given, principal, action, context) for action in actions):
            yield statement


def _principal(statement: Statement) -> tuple[str, str]:
    ((kind, name),) = statement["Principal"].items()
    return kind, name


def _context(statement: Statement) -> dict[str, str]:
    """A request as it will come, by the conditions of the statement that is there for it."""
    conditions = statement.get("Condition", {})
    first = {key: _items(values)[0] for those in conditions.values() for key, values in those.items()}
    return {key: str(value).replace("*", "x") for key, value in first.items()}


def _allows(given: Iterable[Statement], principal: tuple[str, str], action: str, context: Mapping[str, str]) -> bool:
    fitting = [item for item in given if _is_of(item, principal) and _covers(item, action)]
    refused = any(item["Effect"] == "Deny" and not item.get("Condition") for item in fitting)
    return not refused and any(item["Effect"] == "Allow" and _fulfilled(item, context) for item in fitting)


def _is_of(statement: Statement, principal: tuple[str, str]) -> bool:
    kind, name = principal
    named = statement.get("Principal")
    if not isinstance(named, Mapping):
        return named == "*"
    account = name.split(":")[4] if name.count(":") >= 5 else None
    # The root of an account may be written as the account alone.
    same = {name, "*", *([account] if account and name.endswith(":root") else [])}
    return any(item in same for item in _items(named.get(kind)))


def _covers(statement: Statement, action: str) -> bool:
    allowed = _items(statement.get("Action"))
    if not allowed:
        return not any(fnmatchcase(action.lower(), item.lower()) for item in _items(statement.get("NotAction")))
    return any(fnmatchcase(action.lower(), item.lower()) for item in allowed)


def _fulfilled(statement: Statement, context: Mapping[str, str]) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    for operator, conditions in (statement.get("Condition") or {}).items():
        matches = MATCHES.get(operator.removesuffix("IfExists"))
        for key, wanted in conditions.items():
            given = known.get(key.lower())
            if matches and given is not None and not any(matches(given, item) for item in _items(wanted)):
                return False
    return True


def granted(grants: Iterable[Mapping[str, t.Any]], principal: str) -> bool:
    """Whether grants let a role do with the key what attaching encrypted volumes takes."""
    operations = {item.removeprefix("kms:") for item in (*USE, "kms:CreateGrant")}
    has = {name for grant in grants if grant.get("GranteePrincipal") == principal for name in grant["Operations"]}
    return operations <= has
