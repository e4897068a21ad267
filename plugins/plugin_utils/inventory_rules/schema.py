# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rules that a role's meta/argument_specs.yml states: types, choices, required and unknown keys.

Ansible's own validation converts what it can ("false" to false, a text to a list of one), but the role then works with
the unconverted value, so types are taken at their word here.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .fault import HIDDEN, Fault, did_you_mean, fault

TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "dict": (Mapping,),
    "float": (int, float),
    "int": (int,),
    "list": (list, tuple),
    "path": (str,),
    "str": (str,),
}
TYPE_NAMES = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "a text",
    "str": "a text",
}
EMPTY = "is empty: give it a value or remove the line to get the default"
BOOLEAN_WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})


def _as_json(variable: str, value: str) -> str:
    # -e name=value always makes a text.
    return "" if "." in variable or "[" in variable else f", with -e as JSON: -e '{{\"{variable}\": {value}}}'"


def _type_rule(variable: str, value: t.Any, wanted: str) -> str | None:
    """Why the value isn't of the type, with the remedy for what YAML and the command line make of a value."""
    if wanted not in TYPES:
        return None
    if isinstance(value, TYPES[wanted]) and (wanted == "bool" or not isinstance(value, bool)):
        return None
    rule = f"is not {TYPE_NAMES[wanted]}"
    if wanted == "bool" and isinstance(value, str) and value.lower() in BOOLEAN_WORDS:
        word = "true" if value.lower() in ("true", "yes", "on") else "false"
        return f"is a text, not true or false: write {word} without quotes{_as_json(variable, word)}"
    if wanted == "int" and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return f"is a text, not a whole number: write it without quotes{_as_json(variable, value)}"
    if wanted in ("str", "path") and isinstance(value, bool):
        return f"{rule}: put it in quotes, YAML reads yes, no, on and off as true or false"
    if wanted in ("str", "path") and isinstance(value, (int, float)):
        return f"{rule}: put it in quotes, as a number it loses zeros (1.30 is 1.3)"
    return rule


def _choice_rule(value: t.Any, choices: list) -> str | None:
    if value in choices and not any(isinstance(value, bool) != isinstance(choice, bool) for choice in choices):
        return None
    guess = did_you_mean(str(value), [str(choice) for choice in choices]) if isinstance(value, str) else ""
    return f"is not one of {', '.join(str(choice) for choice in choices)}{guess}"


class _Checker:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def value(self, variable: str, value: t.Any, spec: Mapping) -> tuple[bool, t.Any]:
        """Check one value. Returns whether rules of code can work with it, and the value with its defaults."""
        shown = HIDDEN if spec.get("no_log") else value
        wanted = spec.get("type", "str")
        rule = _type_rule(variable, value, wanted)
        if rule is None and spec.get("choices") and wanted != "list":
            rule = _choice_rule(value, spec["choices"])
        if rule:
            self.faults.append(fault(variable, shown, rule))
            return False, None
        if wanted == "dict" and spec.get("options"):
            return True, self.mapping(variable, value, spec["options"])
        if wanted == "list":
            element = {
                "type": spec.get("elements", "raw"),
                "options": spec.get("options"),
                "choices": spec.get("choices"),
            }
            checked = [self.value(f"{variable}[{index}]", item, element) for index, item in enumerate(value)]
            return all(usable for usable, _item in checked), [item for _usable, item in checked]
        return True, value

    def mapping(self, variable: str, value: Mapping, options: Mapping) -> dict:
        """Check the keys of a mapping and return those that are right, with the defaults of those left out."""
        for key in value:
            if key not in options:
                guess = did_you_mean(str(key), options)
                self.faults.append(
                    Fault(f"{variable}.{key}", f"there is no such key{guess or '; known: ' + ', '.join(options)}")
                )
        right = {}
        for key, spec in options.items():
            if value.get(key) is None:
                if spec.get("required"):
                    self.faults.append(Fault(f"{variable}.{key}", "is required and missing"))
                elif spec.get("default") is not None:
                    right[key] = spec["default"]
                    if key in value:
                        self.faults.append(fault(f"{variable}.{key}", None, EMPTY))
                continue
            usable, item = self.value(f"{variable}.{key}", value[key], spec)
            if usable:
                right[key] = item
        return right


def check(role: str, options: Mapping, values: Mapping, defaults: Mapping | None = None) -> tuple[dict, list[Fault]]:
    """Check the variables of a role against the options of its argument spec.

    The answer is the variables that the rules of code can work with, nested defaults filled in, and the faults found.
    """
    checker = _Checker()
    right = {}
    for name, spec in options.items():
        value = values.get(name)
        if value is None:
            if spec.get("required"):
                checker.faults.append(Fault(name, "is required and missing"))
            elif name in values and (defaults or {}).get(name) is not None:
                checker.faults.append(fault(name, value, EMPTY))
            continue
        usable, item = checker.value(name, value, spec)
        if usable:
            right[name] = item
    if not checker.faults:
        # What is left are rules between options, such as mutually_exclusive.
        given = {name: value for name, value in values.items() if name in options and value is not None}
        checker.faults += [
            Fault(role, message) for message in ArgumentSpecValidator(options).validate(given).error_messages
        ]
    return right, checker.faults
