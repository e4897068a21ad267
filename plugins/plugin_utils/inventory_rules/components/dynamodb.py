# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the dynamodb component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name

from ..fault import Fault, fault, show
from ..formats import repeated, repeated_names
from ..names import Name, named_entries
from ..ranges import Range

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
NAME = re.compile(r"[A-Za-z0-9_.-]+")
SHORTEST_NAME, LONGEST_NAME = 3, 255
LONGEST_ATTRIBUTE = 255
TYPES = ("S", "N", "B")
MOST_GLOBAL_INDEXES = 20
MOST_LOCAL_INDEXES = 5
MOST_PROJECTED = 100
MOST_KEYS_OF_AN_INDEX = 4

CAPACITIES = ("read_capacity", "write_capacity")
RECOVERY = Range(1, 35, "days", besides=(0,))
TARGET = Range(20, 90, "percent")
CAPACITY = Range(1, of="units")

RANGES = {
    "dynamodb_point_in_time_recovery_days": RECOVERY,
    "dynamodb_tables[].point_in_time_recovery_days": RECOVERY,
    # What Application Auto Scaling takes for a table.
    "dynamodb_capacity_target_percent": TARGET,
}

SAMPLES = {
    "table_arns": "arn:{partition}:dynamodb:{region}:{account_id}:table/" + 64 * "x",
}


def _name_rule(name: str) -> str | None:
    if SHORTEST_NAME <= len(name) <= LONGEST_NAME and NAME.fullmatch(name):
        return None
    return f"is not {SHORTEST_NAME} to {LONGEST_NAME} letters, digits and '_', '-' or '.'"


def _capacity_faults(path: str, capacity: Mapping | None) -> Iterator[Fault]:
    capacity = capacity or {}
    least, most = capacity.get("min"), capacity.get("max")
    for end in ("min", "max"):
        yield from CAPACITY.faults(f"{path}.{end}", capacity.get(end))
    if least is not None and most is not None and least > most:
        yield fault(f"{path}.min", least, f"is more than {path}.max, {most}")


def _attribute_faults(path: str, attributes: Mapping) -> Iterator[Fault]:
    for name, kind in attributes.items():
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_ATTRIBUTE:
            yield fault(path, name, f"is not the name of an attribute: 1 to {LONGEST_ATTRIBUTE} characters, in quotes")
        if kind not in TYPES:
            yield fault(f"{path}.{name}", kind, "is not the type of a key: S (text), N (number) or B (bytes)")


def _keys_of(entry: Mapping) -> Iterator[tuple[str, str]]:
    """The attributes of which the table's and the indexes' keys are made, each with where that stands."""
    for key in ("hash_key", "range_key"):
        if entry.get(key):
            yield key, entry[key]
    for number, index in enumerate(entry.get("global_indexes") or []):
        for key in ("hash_key", "range_key"):
            for attribute in index.get(key) or []:
                yield f"global_indexes[{number}].{key}", attribute
    for number, index in enumerate(entry.get("local_indexes") or []):
        if index.get("range_key"):
            yield f"local_indexes[{number}].range_key", index["range_key"]


def _key_faults(path: str, entry: Mapping) -> Iterator[Fault]:
    attributes, keys = entry.get("attributes") or {}, list(_keys_of(entry))
    if not entry.get("hash_key"):
        yield Fault(f"{path}.hash_key", "must be given: each table has one")
    for place, attribute in keys:
        if attribute not in attributes:
            rule = f"has no type in {path}.attributes: add it there, such as {attribute}: S"
            yield fault(f"{path}.{place}", attribute, rule)
    if entry.get("hash_key") and entry.get("hash_key") == entry.get("range_key"):
        yield fault(f"{path}.range_key", entry["range_key"], "is the hash key, too: a key has two different attributes")
    for attribute in attributes:
        if attribute not in [name for _place, name in keys]:
            rule = "is part of no key: only attributes of keys are declared, items may have any others"
            yield fault(f"{path}.attributes", attribute, rule)
    expires = entry.get("ttl_attribute")
    if expires and attributes.get(expires, "N") != "N":
        yield fault(f"{path}.ttl_attribute", expires, "is not a number, which the time of expiry is")
    if expires and len(expires) > LONGEST_ATTRIBUTE:
        yield fault(f"{path}.ttl_attribute", expires, f"is longer than {LONGEST_ATTRIBUTE} characters")


def _index_faults(path: str, entry: Mapping) -> Iterator[Fault]:
    indexes = {kind: entry.get(kind) or [] for kind in ("global_indexes", "local_indexes")}
    for kind, most in (("global_indexes", MOST_GLOBAL_INDEXES), ("local_indexes", MOST_LOCAL_INDEXES)):
        if len(indexes[kind]) > most:
            yield Fault(
                f"{path}.{kind}", f"{len(indexes[kind])} indexes are more than the {most} that a table may have"
            )
    names = [index["name"] for kind in indexes for index in indexes[kind] if "name" in index]
    for name in repeated(names):
        yield fault(f"{path}.global_indexes[].name", name, "occurs more than once among the indexes of the table")
    if indexes["local_indexes"] and not entry.get("range_key"):
        yield Fault(f"{path}.local_indexes", "needs a table with a range_key")
    projected = 0
    for kind, those in indexes.items():
        for number, index in enumerate(those):
            place = f"{path}.{kind}[{number}]"
            if "name" in index and (rule := _name_rule(index["name"])):
                yield fault(f"{place}.name", index["name"], rule)
            for key in ("hash_key", "range_key") if kind == "global_indexes" else ():
                if len(index.get(key) or []) > MOST_KEYS_OF_AN_INDEX:
                    yield fault(f"{place}.{key}", index[key], f"has more than {MOST_KEYS_OF_AN_INDEX} attributes")
            if kind == "global_indexes" and index.get("hash_key") == []:
                yield Fault(f"{place}.hash_key", "must name an attribute")
            yield from _projection_faults(place, index)
            projected += len(index.get("non_key_attributes") or [])
    if projected > MOST_PROJECTED:
        rule = f"{projected} attributes in the projections of all indexes are more than the {MOST_PROJECTED} of a table"
        yield Fault(path, rule)


def _projection_faults(place: str, index: Mapping) -> Iterator[Fault]:
    projection, named = index.get("projection", "ALL"), index.get("non_key_attributes") or []
    if projection == "INCLUDE" and not named:
        yield Fault(f"{place}.non_key_attributes", "must name attributes, as the projection is INCLUDE")
    if projection != "INCLUDE" and named:
        rule = f"is for the projection INCLUDE only, this one is {projection}"
        yield fault(f"{place}.non_key_attributes", named, rule)
    for name in repeated(named):
        yield fault(f"{place}.non_key_attributes", name, "occurs more than once")


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    variable = "dynamodb_tables"
    entries = values.get(variable) or []
    for kind in CAPACITIES:
        yield from _capacity_faults(f"dynamodb_{kind}", values.get(f"dynamodb_{kind}"))
    yield from repeated_names(variable, entries)
    for number, entry in enumerate(entries):
        path = f"{variable}[{number}]"
        if "name" in entry and not NAME.fullmatch(entry["name"]):
            yield fault(f"{path}.name", entry["name"], "is not letters, digits and '_', '-' or '.'")
        if entry.get("state") == "absent":
            if _protected(entry, values):
                rule = "has state: absent and deletion protection: to remove it with all its items, add"
                yield fault(path, entry.get("name"), f"{rule} deletion_protection: false to this entry")
            continue
        for kind in CAPACITIES:
            yield from _capacity_faults(f"{path}.{kind}", entry.get(kind))
        if "attributes" in entry or "hash_key" in entry:
            yield from _attribute_faults(f"{path}.attributes", entry.get("attributes") or {})
            yield from _key_faults(path, entry)
        yield from _index_faults(path, entry)


def _protected(entry: Mapping, values: Mapping) -> bool:
    own = entry.get("deletion_protection")
    return bool(values.get("dynamodb_deletion_protection") if own is None else own)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    entries = values.get("dynamodb_tables") or []
    yield from named_entries(values.get("platform_prefix"), "dynamodb_tables", entries, "dynamodb_table")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What DynamoDB can't change of a table that exists."""
    found = (platform.get("dynamodb") or {}).get("settings") or {}
    for number, entry in enumerate(values.get("dynamodb_tables") or []):
        if entry.get("state") == "absent" or "name" not in entry or not values.get("platform_prefix"):
            continue
        have = found.get(entry["name"])
        if not have:
            continue
        name = resource_name(entry["name"], values["platform_prefix"], "dynamodb_table")
        for key in ("hash_key", "range_key"):
            declared = entry.get(key) or None
            if declared != have[key]:
                yield _fixed(f"dynamodb_tables[{number}].{key}", declared, name, have[key])
            elif declared:
                kind = (entry.get("attributes") or {}).get(declared)
                if kind and kind != have[f"{key}_type"]:
                    where = f"dynamodb_tables[{number}].attributes.{declared}"
                    yield _fixed(where, kind, name, have[f"{key}_type"])
        declared_indexes = sorted(index["name"] for index in entry.get("local_indexes") or [] if "name" in index)
        if declared_indexes != have["local_indexes"]:
            yield _fixed(f"dynamodb_tables[{number}].local_indexes", declared_indexes, name, have["local_indexes"])


def _fixed(variable: str, declared: t.Any, name: str, have: t.Any) -> Fault:
    return fault(
        variable,
        declared,
        f"is not that of the table {name}, {show(have)}. DynamoDB can't change it, and all items would be lost with the"
        " table: add a table of another name, copy the items, and then remove this one (state: absent)",
    )


def removal_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Tables that are protected by their own entry, beyond the switch for all, and those that no entry is for.

    The latter would be left without the key that encrypts them.
    """
    found = (platform.get("dynamodb") or {}).get("tables") or {}
    left = (platform.get("dynamodb") or {}).get("left_tables") or []
    if left:
        rule = "aren't declared any more and would be left without their key: declare them again, or remove them first"
        yield Fault("dynamodb_tables", f"{', '.join(left)} {rule}")
    for number, entry in enumerate(values.get("dynamodb_tables") or []):
        if entry.get("deletion_protection") and entry.get("name") in found:
            yield fault(
                f"dynamodb_tables[{number}].deletion_protection",
                True,
                f"protects the table {found[entry['name']]}: to remove it with all its items, set it to false",
            )
