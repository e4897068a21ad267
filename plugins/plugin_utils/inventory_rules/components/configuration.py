# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for what the component configuration publishes."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from ansible_collections.agent_platform.aws.plugins.plugin_utils.gateways import addresses, complete

from ..confidential import looks_like, plain_in
from ..fault import Fault, fault

# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
LONGEST_NAME = 1011
MOST_LEVELS = 15
RESERVED = ("aws", "ssm")
# The most bytes of a value, by tier.
STANDARD = "Standard"
LONGEST_VALUE = {STANDARD: 4096}
LONGEST = 8192


def keys(gateways: Sequence[Mapping[str, t.Any]] = ()) -> list[str]:
    """The names, below the path, of what is published of components."""
    table = roles.load("configuration", "vars/main.yml")["__configuration_table"]
    fixed = [f"{component}/{about['key']}" for component, rows in table.items() for about in rows]
    return [*fixed, *(f"gateways/{key}" for key in addresses(complete(gateways), None))]


def path_of(values: Mapping[str, t.Any]) -> str | None:
    name, environment = values.get("platform_name"), values.get("platform_environment")
    return f"/{name}/{environment}" if name and environment else None


def _name_faults(variable: str, name: str, path: str) -> Iterator[Fault]:
    full = f"{path}/{name}"
    if not NAME.fullmatch(name):
        rule = "is not a name below the platform's path: letters, digits and '_.-' between single '/', none at the ends"
        yield fault(variable, name, rule)
    elif full.count("/") > MOST_LEVELS:
        yield fault(variable, name, f"has with {path} {full.count('/')} levels, Parameter Store takes {MOST_LEVELS}")
    elif len(full) > LONGEST_NAME:
        yield fault(variable, name, f"has with {path} {len(full)} characters, Parameter Store takes {LONGEST_NAME}")


def _value_faults(variable: str, entry: Mapping[str, t.Any], tier: str | None) -> Iterator[Fault]:
    """What is wrong with a value, which none of the faults shows."""
    name, value = str(entry.get("name", "")), entry.get("value")
    if value is None:
        return
    longest = LONGEST_VALUE.get(tier or STANDARD, LONGEST)
    size = len(value.encode())
    if not value:
        yield Fault(variable, "is empty, which Parameter Store doesn't take: leave the parameter out")
    elif size > longest:
        more = "; advanced parameters take 8 KB (tier: Advanced)" if longest < LONGEST and size <= LONGEST else ""
        yield Fault(variable, f"has {size} bytes, a parameter of tier {tier or STANDARD} takes {longest}{more}")
    elif "{{" in value:
        yield Fault(variable, "has {{ in it, which Parameter Store takes for a reference and refuses")
    if entry.get("confidential"):
        if place := plain_in(value):
            helps = "encrypt it (ansible-vault encrypt_string), or get it with a lookup"
            yield Fault(variable, f"is confidential and stands in plain text {place}: {helps}")
    elif what := looks_like(name.rpartition("/")[2], value):
        yield Fault(variable, f"looks like {what}: set confidential: true and take the value from a vault or a lookup")


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    platform_name = values.get("platform_name") or ""
    path = path_of(values) or ""
    if platform_name.lower().startswith(RESERVED):
        rule = f"begins the path of all parameters, and Parameter Store keeps names that begin with {RESERVED[0]} or"
        yield fault("platform_name", platform_name, f"{rule} {RESERVED[1]} to itself")
    published, seen = keys(values.get("platform_gateways") or []), set()
    for index, entry in enumerate(values.get("configuration_parameters") or []):
        variable, name = f"configuration_parameters[{index}]", entry.get("name")
        if name is not None:
            yield from _name_faults(f"{variable}.name", name, path)
            if name in published:
                rule = "is published of the component already: give yours another name"
                yield fault(f"{variable}.name", name, rule)
            elif name in seen:
                yield fault(f"{variable}.name", name, "is there more than once")
            seen.add(name)
        tier = entry.get("tier") or values.get("configuration_tier")
        yield from _value_faults(f"{variable}.value", entry, tier)
    user = values.get("configuration_database_user")
    allowed = (others.get("workload_identity") or {}).get("workload_identity_memory_database_user")
    if user and allowed and user != allowed:
        rule = "is not the user that the memory gateway may connect as, workload_identity_memory_database_user:"
        yield fault("configuration_database_user", user, f"{rule} {allowed}")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Names of ours that something else has."""
    found = platform.get("configuration") or {}
    path, taken = path_of(values), set(found.get("other_parameters") or [])
    own = {
        f"{path}/{entry['name']}": f"configuration_parameters[{index}].name"
        for index, entry in enumerate(values.get("configuration_parameters") or [])
        if entry.get("name") is not None
    }
    for name in sorted(taken & {*own, *(f"{path}/{key}" for key in keys())}):
        yield Fault(
            own.get(name, "configuration"),
            f"parameter {name} exists without the tags of this platform: it is not changed; remove it, or give it these"
            " tags yourself",
        )
