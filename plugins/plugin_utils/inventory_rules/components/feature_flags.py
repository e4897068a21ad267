# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the feature_flags component.

What the document of the flags may hold:
https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.feature_flags import THING
from ansible_collections.agent_platform.aws.plugins.module_utils.feature_flags import merged

from ..fault import Fault, fault
from ..formats import repeated_names
from ..names import Name, fixed_names
from ..ranges import Range

VARIABLE = "feature_flags_declared"
KEY = re.compile(r"[a-z][A-Za-z0-9_-]{0,63}")
KEY_RULE = "is not a lower-case letter and up to 63 letters, digits, - and _"
# What says in the values of a flag whether it is on.
RESERVED = "enabled"
LONGEST_NAME = 64
LONGEST_TEXT = 1024
MOST_ATTRIBUTES = 25
MOST_CHOICES = 100
MOST_MONITORS = 5
MOST_VALIDATORS = 2
LONGEST_VALIDATOR = 32_768
# Of the document, in KB, unless the account's quota is higher.
LARGEST_DOCUMENT = 2048
# Which constraints go with which type.
CONSTRAINTS = {
    "string": frozenset({"pattern", "enum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset[str](),
    "array": frozenset({"elements"}),
}
# What may be said of an attribute, and of the elements of an array.
OF_ELEMENTS = ("pattern", "enum", "minimum", "maximum")
OF_ATTRIBUTES = (*OF_ELEMENTS, "elements")
STRATEGY = re.compile(r"[a-z0-9]{4,7}|AppConfig\.[A-Za-z0-9]{9,40}")
ALARM = re.compile(r"arn:aws[a-z-]*:cloudwatch:([a-z0-9-]+):\d{12}:alarm:.+")
ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:.+")

RANGES = {
    "feature_flags_growth_factor": Range(1, 100, "percent"),
    "feature_flags_deployment_minutes": Range(0, 1440, "minutes"),
    "feature_flags_bake_minutes": Range(0, 1440, "minutes"),
}


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    flags = values.get(VARIABLE) or []
    yield from repeated_names(VARIABLE, flags, "key")
    for index, flag in enumerate(flags):
        yield from _flag_faults(f"{VARIABLE}[{index}]", flag)
    size = len(json.dumps(merged(None, [flag for flag in flags if "key" in flag])).encode()) / 1024
    if size > LARGEST_DOCUMENT:
        yield Fault(VARIABLE, f"are together {size:,.0f} KB, AppConfig takes {LARGEST_DOCUMENT:,} KB")
    strategy = values.get("feature_flags_strategy_id")
    if strategy and not STRATEGY.fullmatch(strategy):
        yield fault(
            "feature_flags_strategy_id",
            strategy,
            "is not the id of a deployment strategy: 4 to 7 lower-case letters and digits, or one of AWS such as"
            " AppConfig.Canary10Percent20Minutes",
        )
    yield from _monitor_faults(values)
    yield from _validator_faults(values.get("feature_flags_validators") or [])


def _flag_faults(path: str, flag: Mapping[str, t.Any]) -> Iterator[Fault]:
    if "key" in flag and not KEY.fullmatch(flag["key"]):
        yield fault(f"{path}.key", flag["key"], KEY_RULE)
    name = flag.get("name")
    if name is not None and (not 1 <= len(name) <= LONGEST_NAME or "\n" in name):
        yield fault(f"{path}.name", name, f"is not one line of 1 to {LONGEST_NAME} characters")
    yield from _text_faults(f"{path}.description", flag.get("description"))
    attributes = flag.get("attributes") or []
    if len(attributes) > MOST_ATTRIBUTES:
        yield Fault(f"{path}.attributes", f"{len(attributes)} are too many: AppConfig allows {MOST_ATTRIBUTES}")
    yield from repeated_names(f"{path}.attributes", attributes, "key")
    for index, attribute in enumerate(attributes):
        yield from _attribute_faults(f"{path}.attributes[{index}]", attribute)


def _attribute_faults(path: str, attribute: Mapping[str, t.Any]) -> Iterator[Fault]:
    key, kind, value = attribute.get("key"), attribute.get("type"), attribute.get("value")
    if key is not None and not KEY.fullmatch(key):
        yield fault(f"{path}.key", key, KEY_RULE)
    elif key == RESERVED:
        yield fault(f"{path}.key", key, "says whether the flag is on, so no attribute can be called that")
    yield from _text_faults(f"{path}.description", attribute.get("description"))
    if kind is None:
        return
    found = [*_constraint_faults(path, kind, attribute, OF_ATTRIBUTES)]
    elements = attribute.get("elements")
    if elements and elements.get("type") and not found:
        found = [*_constraint_faults(f"{path}.elements", elements["type"], elements, OF_ELEMENTS)]
    yield from found
    if value is None:
        if attribute.get("required"):
            yield Fault(f"{path}.value", "is missing: the attribute is required")
    elif not found:
        yield from _value_faults(f"{path}.value", kind, attribute, value)


def _constraint_faults(path: str, kind: str, given: Mapping[str, t.Any], names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        if given.get(name) is not None and name not in CONSTRAINTS[kind]:
            yield fault(f"{path}.{name}", given[name], f"has no meaning with type {kind}")
    pattern, choices = given.get("pattern"), given.get("enum")
    if pattern is not None and choices is not None:
        yield Fault(f"{path}.enum", "stands beside a pattern, and AppConfig takes one of the two")
    yield from _text_faults(f"{path}.pattern", pattern)
    if choices is not None and not 1 <= len(choices) <= MOST_CHOICES:
        yield Fault(f"{path}.enum", f"has {len(choices)} strings, which is not from 1 to {MOST_CHOICES}")
    for index, choice in enumerate(choices or []):
        if not isinstance(choice, str):
            yield fault(f"{path}.enum[{index}]", choice, "is not a text: put it in quotes")
        yield from _text_faults(f"{path}.enum[{index}]", choice)
    low, high = given.get("minimum"), given.get("maximum")
    if low is not None and high is not None and low > high:
        yield fault(f"{path}.minimum", low, f"is more than the maximum, {high}")


def _value_faults(path: str, kind: str, given: Mapping[str, t.Any], value: t.Any) -> Iterator[Fault]:
    """What is wrong with a value, given its type and its constraints."""
    if kind == "array":
        if not isinstance(value, list):
            yield fault(path, value, "is not a list")
            return
        elements = given.get("elements") or {}
        kinds = {elements.get("type") or ("number" if _is_number(item) else "string") for item in value}
        if len(kinds) > 1:
            yield fault(path, value, "has texts and numbers, and AppConfig takes one of the two")
            return
        for index, item in enumerate(value):
            yield from _value_faults(f"{path}[{index}]", *kinds, elements, item)
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield fault(path, value, "is not true or false")
    elif kind == "number":
        low, high = given.get("minimum"), given.get("maximum")
        if not _is_number(value):
            yield fault(path, value, "is not a number")
        elif (low is not None and value < low) or (high is not None and value > high):
            limits = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
            yield fault(path, value, f"is not {' and '.join(limits)}")
    elif not isinstance(value, str):
        yield fault(path, value, "is not a text: put it in quotes")
    else:
        yield from _text_faults(path, value)
        if given.get("enum") is not None and value not in given["enum"]:
            yield fault(path, value, f"is not one of {', '.join(map(str, given['enum']))}")


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text_faults(path: str, text: t.Any) -> Iterator[Fault]:
    if isinstance(text, str) and len(text) > LONGEST_TEXT:
        yield Fault(path, f"has {len(text):,} characters, AppConfig takes {LONGEST_TEXT:,}")


def _monitor_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = "feature_flags_monitors"
    monitors, region = values.get(variable) or [], values.get("platform_region")
    if len(monitors) > MOST_MONITORS:
        yield Fault(variable, f"{len(monitors)} are too many: AppConfig allows {MOST_MONITORS}")
    yield from repeated_names(variable, monitors, "alarm_arn")
    for index, monitor in enumerate(monitors):
        alarm, role = monitor.get("alarm_arn"), monitor.get("alarm_role_arn")
        match = ALARM.fullmatch(alarm) if alarm is not None else None
        if alarm is not None and not match:
            yield fault(f"{variable}[{index}].alarm_arn", alarm, "is not the ARN of a CloudWatch alarm")
        elif match and region and match[1] != region:
            rule = f"is in {match[1]}, and AppConfig looks at alarms of its own region, {region}"
            yield fault(f"{variable}[{index}].alarm_arn", alarm, rule)
        if role is not None and not ROLE.fullmatch(role):
            yield fault(f"{variable}[{index}].alarm_role_arn", role, "is not the ARN of an IAM role")


def _validator_faults(validators: list[Mapping]) -> Iterator[Fault]:
    variable = "feature_flags_validators"
    if len(validators) > MOST_VALIDATORS:
        yield Fault(variable, f"{len(validators)} are too many: AppConfig allows {MOST_VALIDATORS}")
    for index, validator in enumerate(validators):
        kind, content, path = validator.get("type"), validator.get("content"), f"{variable}[{index}].content"
        if kind is None or content is None:
            continue
        if kind == "LAMBDA" and not FUNCTION.fullmatch(content):
            yield fault(path, content, "is not the ARN of a Lambda function")
        if kind == "JSON_SCHEMA":
            if len(content) > LONGEST_VALIDATOR:
                yield Fault(path, f"has {len(content):,} characters, AppConfig takes {LONGEST_VALIDATOR:,}")
            try:
                json.loads(content)
            except ValueError as error:
                yield fault(path, content, f"is not JSON: {error}")


def removal_faults(_values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """AppConfig deletes no application in which there is anything."""
    others = (platform.get("feature_flags") or {}).get("others_within")
    if others:
        yield Fault(
            "feature_flags",
            f"can't be removed, because its application has what others have made: {', '.join(others)}. Remove that"
            " first",
        )


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    kinds = ("appconfig_application", "appconfig_environment", "appconfig_profile", "appconfig_strategy")
    yield from fixed_names(values.get("platform_prefix"), **dict.fromkeys(kinds, (THING,)))
