# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What an existing KMS key must be for the platform, and whom its policy must let in for each component.

What AWS says of such a key is in offers["encryption"], which is there where encryption is part of the run.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator, Mapping

from ..key_policy import AUTO_SCALING_ROLE, USE, VOLUMES, Place, granted, missing, statements
from .fault import Fault

VARIABLE = "encryption_key_arn"
# KMS refuses a principal that there isn't, and a run makes the role only once the key is right.
ROLE_COMES = " (the role comes with aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com)"


def offered(platform: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    """What is known of the existing key; empty where there is none, or it wasn't looked at."""
    found = (platform.get("offers") or {}).get("encryption") or {}
    return found if found.get("key") else {}


def policy_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any], *users: str) -> Iterator[Fault]:
    """What an existing key's policy doesn't say that someone needs, see key_policy.py.

    The policy of another account's key is not to be read from this one; warnings tell what it has to say.
    """
    found, place = offered(platform), Place.of(platform, values)
    if not found.get("policy"):
        return
    for user in users:
        if user == VOLUMES and _has_grant(found, place):
            continue
        for statement in missing(found["policy"], statements(place, user)):
            comes = ROLE_COMES if user == VOLUMES else ""
            yield Fault(VARIABLE, f"the policy of {found['key']['Arn']} lacks: {json.dumps(statement)}{comes}")


def grant_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """The role of Auto Scaling takes a grant for the key of another account, whatever its policy says."""
    found, place = offered(platform), Place.of(platform, values)
    if not found or found.get("grants") is None or found["key"]["AWSAccountId"] == place.account_id:
        return
    if not _has_grant(found, place):
        operations = " ".join(item.removeprefix("kms:") for item in (*USE, "kms:CreateGrant"))
        role = place.arn("iam", AUTO_SCALING_ROLE, "")
        yield Fault(
            VARIABLE,
            "Auto Scaling, which makes the volumes of nodes, has no grant for the key of another account:"
            f" aws kms create-grant --region {place.region} --key-id {found['key']['Arn']} --grantee-principal {role}"
            f" --operations {operations}{ROLE_COMES}",
        )


def _has_grant(found: Mapping[str, t.Any], place: Place) -> bool:
    return granted(found.get("grants") or [], place.arn("iam", AUTO_SCALING_ROLE, ""))
