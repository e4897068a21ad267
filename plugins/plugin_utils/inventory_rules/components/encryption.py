# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the encryption component."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ..fault import Fault, fault
from ..formats import principal_rule
from ..names import Name, fixed_names
from ..ranges import Range

RANGES = {
    "encryption_rotation_period_days": Range(90, 2560, "days"),
    "encryption_deletion_window_days": Range(7, 30, "days"),
}

SAMPLES = {"key_arn": "arn:{partition}:kms:{region}:{account_id}:key/" + 36 * "x"}


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    for index, arn in enumerate(values.get("encryption_key_administrators") or []):
        rule = principal_rule(arn, values.get("platform_region"))
        if rule:
            yield fault(f"encryption_key_administrators[{index}]", arn, rule)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    yield from fixed_names(values.get("platform_prefix"), kms_alias=["key"])
