# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the encryption component."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

from ...key_policy import ACCOUNT, EVENTS, LOGS, VECTORS, Place, statements
from ..fault import Fault, fault
from ..formats import partition_of, principal_rule
from ..keys import VARIABLE, offered, policy_faults
from ..names import Name, fixed_names
from ..ranges import Range

RANGES = {
    "encryption_rotation_period_days": Range(90, 2560, "days"),
    "encryption_deletion_window_days": Range(7, 30, "days"),
}

# Each its own, as what is the same counts once.
SAMPLES = {
    fact: "arn:{partition}:kms:{region}:{account_id}:key/" + fact.ljust(36, "x")
    for fact in ("key_arn", "logs_key_arn", "secrets_key_arn", "volumes_key_arn")
}

KEY = re.compile(r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):\d{12}:key/[\w-]+")
# What isn't about the key alone.
OF_THE_ACCOUNT = ("encryption_ebs_by_default", "encryption_ebs_default_key")
# What is encrypted with a key for good: the fact that tells with which, and the one that tells with which it shall be.
FOR_GOOD = {
    "aurora": ("kms_key_arn", "own_key_arn"),
    "eks": ("kms_key_arn", "secrets_key_arn"),
    "opensearch": ("kms_key_arn", "own_key_arn"),
    "redis": ("kms_key_id", "own_key_arn"),
}
PER_PURPOSE = "encryption_keys_per_purpose"


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    for index, arn in enumerate(values.get("encryption_key_administrators") or []):
        rule = principal_rule(arn, values.get("platform_region"))
        if rule:
            yield fault(f"encryption_key_administrators[{index}]", arn, rule)
    if values.get("encryption_ebs_default_key"):
        if not values.get("encryption_ebs_by_default"):
            yield fault("encryption_ebs_default_key", True, "takes encryption_ebs_by_default")
        if not values.get(VARIABLE):
            rule = f"takes {VARIABLE}: the platform's own key goes with it, and the account's volumes would have none"
            yield fault("encryption_ebs_default_key", True, rule)
    if values.get(VARIABLE):
        yield from _existing_faults(values, values[VARIABLE])


def _existing_faults(values: Mapping[str, t.Any], arn: str) -> Iterator[Fault]:
    found, region = KEY.fullmatch(arn), values.get("platform_region")
    if not found:
        rule = (
            "is not the ARN of a KMS key, such as arn:aws:kms:us-west-2:123456789012:key/1234abcd-..., as no alias is"
        )
        yield fault(VARIABLE, arn, rule)
    elif region and found["partition"] != partition_of(region):
        yield fault(VARIABLE, arn, f"is of the partition {found['partition']}, {region} is in {partition_of(region)}")
    elif region and found["region"] != region:
        rule = (
            f"is a key of {found['region']}: services take one of {region}, as which a multi-Region key has a replica"
        )
        yield fault(VARIABLE, arn, rule)
    for name, default in roles.load("encryption", "defaults/main.yml").items():
        if name not in (VARIABLE, *OF_THE_ACCOUNT) and values.get(name, default) != default:
            yield fault(name, values[name], f"has no meaning with {VARIABLE}: nothing of that key is changed")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Whether an existing key is fit for the platform, and whether what there is can be encrypted with the key."""
    arn, found = values.get(VARIABLE), platform.get("encryption") or {}
    purpose_keys = (found.get("purpose_keys") or {}).values()
    own = [key_arn for key_arn in (found.get("own_key_arn"), *(key["key_arn"] for key in purpose_keys)) if key_arn]
    if arn and own:
        yield fault(
            VARIABLE,
            arn,
            f"can't replace {own[0]}, with which the platform is encrypted: databases, volumes and the"
            " cluster keep their key. Leave it empty, or remove the platform first, its key last",
        )
        return
    if not arn:
        yield from _purpose_faults(values.get(PER_PURPOSE) or [], found)
    yield from _for_good_faults(arn, platform)
    if not arn:
        return
    key = offered(platform).get("key")
    if not key:
        yield fault(
            VARIABLE,
            arn,
            "can't be seen: there is no such key, or its policy lets nobody of this account in. For a key of another"
            f" account it must say: {json.dumps(statements(Place.of(platform, values), ACCOUNT)[0])}",
        )
        return
    yield from _fitness_faults(arn, key)
    yield from policy_faults(values, platform, ACCOUNT, LOGS)


def _purpose_faults(purposes: list[str], found: Mapping[str, t.Any]) -> Iterator[Fault]:
    made_with = found.get("purposes") or []
    if not found.get("own_key_arn"):
        # What a run has left that made none for the platform, or a removal that isn't over.
        for purpose, key in (found.get("purpose_keys") or {}).items():
            if purpose not in purposes:
                until = f" until {key['deletion_date']}" if key["deletion_date"] else ""
                rule = (
                    f"leaves out {purpose}, for which there is {key['key_id']} ({key['state']}{until}): add it, or have"
                    " the key deleted and wait for that"
                )
                yield fault(PER_PURPOSE, purposes, rule)
    elif set(purposes) != set(made_with):
        yield fault(
            PER_PURPOSE,
            purposes,
            f"can't replace {json.dumps(made_with)}, with which the platform was made: the cluster and volumes keep"
            " their key. Put it back, or remove the platform, its keys last, and wait until KMS has deleted them",
        )


def _for_good_faults(arn: str | None, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    for component, (fact, ours) in FOR_GOOD.items():
        used = (platform.get(component) or {}).get(fact)
        wanted = arn or (platform.get("encryption") or {}).get(ours)
        if used and used.rpartition("/")[2] != (wanted or "").rpartition("/")[2]:
            rule = "isn't the key declared here" if arn else f"isn't a key of the platform's own; give it as {VARIABLE}"
            if not arn and (platform.get("encryption") or {}).get("purposes"):
                rule = "isn't the platform's own for that: bring back the key, and its alias, without which all is lost"
            yield Fault(VARIABLE, f"{component} is encrypted with {used} for good, which {rule}")


def _fitness_faults(arn: str, key: Mapping[str, t.Any]) -> Iterator[Fault]:
    kind = (key.get("KeySpec"), key.get("KeyUsage"))
    if key.get("KeyManager") != "CUSTOMER":
        yield fault(VARIABLE, arn, "is a key that AWS manages, whose policy nobody can change: take one of your own")
    if kind != ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        rule = f"is a key of the kind {kind[0]} for {kind[1]}; services take SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT"
        yield fault(VARIABLE, arn, rule)
    if key.get("KeyState") != "Enabled":
        yield fault(VARIABLE, arn, f"is {key.get('KeyState')}: enable it, or take back its deletion")


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What the policy of another account's key has to say, as KMS tells it nobody else."""
    arn, found, place = values.get(VARIABLE), offered(platform), Place.of(platform, values)
    if arn and found and found["key"].get("AWSAccountId") != place.account_id:
        needed = [item for user in (ACCOUNT, LOGS, EVENTS, VECTORS) for item in statements(place, user)]
        yield fault(
            VARIABLE,
            arn,
            "is a key of another account, whose policy can't be read from here. It must say, the last two only for"
            f" events of databases and for vectors in S3: {json.dumps(needed)}",
        )


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    if not values.get(VARIABLE):
        keys = ["key", *(f"{purpose}-key" for purpose in values.get(PER_PURPOSE) or [])]
        yield from fixed_names(values.get("platform_prefix"), kms_alias=keys)
