# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: security_group_rules
short_description: Rules of all security groups from one table of traffic
version_added: 0.1.0
description:
  - Each entry of the table says who may talk to whom on which ports. It becomes an egress rule of the source's group
    and an ingress rule of the destination's. A group that starts no traffic has no egress rule at all.
  - The same traffic named twice gives one rule.
  - Of the groups C(ingress) alone may be open to the whole internet, be that one network or several that make it up.
positional: _input, groups
options:
  _input:
    description:
      - Traffic as a list of dicts with C(source), C(destination), C(protocol) (V(tcp), V(udp) or V(all)), C(from_port),
        C(to_port) and C(description). A source or destination is the short name of a group, an IPv4 network, or the id
        of a prefix list.
    type: list
    elements: dict
    required: true
  groups:
    description: Ids of the security groups by short name, or what stands for an id in a dry run.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the rules of a web server and its database
  ansible.builtin.debug:
    msg: >-
      {{ [{'source': 'web', 'destination': 'database', 'protocol': 'tcp', 'from_port': 5432, 'description': 'SQL'}]
         | agent_platform.aws.security_group_rules({'web': 'sg-0a', 'database': 'sg-0b'}) }}
"""

RETURN = r"""
_value:
  description:
    - By short name of the group, its rules under C(ingress) and C(egress) as M(agent_platform.aws.ec2_security_group)
      takes them.
  type: dict
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, collapse_addresses

from ansible.errors import AnsibleFilterError

PROTOCOLS = ("tcp", "udp", "all")
HIGHEST_PORT = 65535
WORLD = IPv4Network("0.0.0.0/0")
# The one group that may be open to the whole internet, if someone wants the load balancer to be.
OPEN = "ingress"
PREFIX_LIST = re.compile(r"pl-[0-9a-z]+")
# What EC2 accepts as the description of a rule.
DESCRIPTION = re.compile(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}")


class TrafficError(ValueError):
    """An entry of the table makes no rule."""


def _network(text: str, where: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise TrafficError(
            f"{where}: {text!r} is neither a security group of the platform nor an IPv4 network"
        ) from error


def check(entry: dict, groups) -> dict:
    """Return the entry with defaults applied, or say what is wrong with it."""
    where = f"traffic from {entry.get('source')} to {entry.get('destination')}"
    for end in ("source", "destination"):
        if entry.get(end) not in groups and not PREFIX_LIST.fullmatch(str(entry.get(end))):
            network = _network(str(entry.get(end)), where)
            if end == "source" and network == WORLD and entry.get("destination") != OPEN:
                raise TrafficError(f"{where}: no security group of the platform may be open to the whole internet")
    if entry["source"] not in groups and entry["destination"] not in groups:
        raise TrafficError(f"{where}: neither end is a security group of the platform")

    protocol = entry.get("protocol") or "tcp"
    first, last = entry.get("from_port"), entry.get("to_port")
    if protocol not in PROTOCOLS:
        raise TrafficError(f"{where}: protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    if protocol == "all":
        if first is not None or last is not None:
            raise TrafficError(f"{where}: protocol all takes no ports")
    else:
        last = first if last is None else last
        if first is None:
            raise TrafficError(f"{where}: protocol {protocol} needs from_port")
        if not 0 <= first <= last <= HIGHEST_PORT:
            raise TrafficError(f"{where}: ports {first} to {last} are not a range within 0 to {HIGHEST_PORT}")
    if not DESCRIPTION.fullmatch(entry.get("description") or ""):
        raise TrafficError(
            f"{where}: the description {entry.get('description')!r} is not 1 to 255 of the characters that EC2 accepts:"
            " letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
        )
    return {**entry, "protocol": protocol, "from_port": first, "to_port": last}


def openings(entries: Iterable[dict], groups) -> Iterator[str]:
    """What is wrong with entries that are right one by one, but together open a group to the whole internet."""
    sources: dict[str, list[tuple[IPv4Network, dict]]] = {}
    for entry in entries:
        source, group = entry["source"], entry["destination"]
        if group in groups and group != OPEN and source not in groups and not PREFIX_LIST.fullmatch(source):
            sources.setdefault(group, []).append((IPv4Network(source), entry))
    for group, found in sources.items():
        opened: dict[frozenset[IPv4Network], list[str]] = {}
        for protocol, port in _shared(entry for _network, entry in found):
            networks = frozenset(network for network, entry in found if _lets(entry, protocol, port))
            if list(collapse_addresses(networks)) == [WORLD] and not any(known < networks for known in opened):
                opened.setdefault(networks, []).append(protocol if port is None else f"{protocol} {port}")
        for networks, ways in opened.items():
            parts = sorted(one for one in networks if not any(one != two and one.subnet_of(two) for two in networks))
            yield (
                f"traffic from {', '.join(map(str, parts))} to {group} by {', '.join(ways)}: together these are"
                f" {WORLD}, and no security group of the platform may be open to the whole internet"
            )


def _shared(entries: Iterable[dict]) -> list[tuple[str, int | None]]:
    """Protocols and ports that entries may share. Ranges that overlap share the first port of one of them."""
    return [("all", None), *sorted({(entry["protocol"], entry["from_port"]) for entry in entries} - {("all", None)})]


def _lets(entry: dict, protocol: str, port: int | None) -> bool:
    """Whether traffic of this protocol and port gets through by this entry."""
    if entry["protocol"] == "all":
        return True
    return entry["protocol"] == protocol and entry["from_port"] <= port <= entry["to_port"]


def _rule(entry: dict, peer: str, groups: dict) -> dict:
    rule = {member: entry[member] for member in ("protocol", "from_port", "to_port") if entry[member] is not None}
    if peer in groups:
        target = {"group_id": groups[peer]}
    else:
        target = {"prefix_list_id" if PREFIX_LIST.fullmatch(peer) else "cidr_ip": peer}
    return {**rule, **target, "description": entry["description"]}


def rules(traffic: list[dict], groups: dict) -> dict[str, dict[str, list[dict]]]:
    found: dict[str, dict[str, list[dict]]] = {name: {"ingress": [], "egress": []} for name in groups}
    seen = set()
    entries = [check(given, groups) for given in traffic]
    for opening in openings(entries, groups):
        raise TrafficError(opening)
    for entry in entries:
        source, destination = entry["source"], entry["destination"]
        key = (source, destination, entry["protocol"], entry["from_port"], entry["to_port"])
        if key in seen:
            continue
        seen.add(key)
        if source in groups:
            found[source]["egress"].append(_rule(entry, destination, groups))
        if destination in groups:
            found[destination]["ingress"].append(_rule(entry, source, groups))
    return found


def security_group_rules(traffic, groups):
    try:
        return rules(traffic, groups)
    except TrafficError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"security_group_rules": security_group_rules}
