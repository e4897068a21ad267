# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_faults
short_description: What is wrong with the inventory of a platform
version_added: 0.1.0
description:
  - Checks the variables of all components of the run against the argument specs of their roles and against the rules
    between them, and returns all faults at once, each on one line with the variable, its value and the rule.
  - Variables that no role reads are faults, too, with the name that was probably meant.
  - Without O(found) only the inventory is looked at. With it, only what it shows is looked at.
  - Runs on the controller and sends nothing to AWS.
options:
  _terms:
    description:
      - Hosts of the components to check.
      - When empty, all hosts of the play for which the variable C(platform_component_selected) is not false.
    type: list
    elements: str
  found:
    description:
      - Result of M(agent_platform.aws.platform_info), also of one that failed before it knew the account.
      - Another account than the inventory's, changes that AWS would refuse, and names that something else holds are the
        faults. What is none, but what a person should know, is shown as warnings.
    type: dict
  removal:
    description:
      - Whether the components are to be removed. Then what keeps them from it is a fault, such as a switch that
        protects one of them, and what can't be changed is none.
    type: bool
    default: false
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Refuse an inventory with faults
  ansible.builtin.assert:
    that: inventory_faults | length == 0
    fail_msg: "{{ inventory_faults | join('\n') }}"
  vars:
    inventory_faults: "{{ query('agent_platform.aws.inventory_faults') }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: The faults, one line each.
  type: list
  elements: str
"""

import functools
import itertools
import os
import re
import typing as t
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template
from ansible.utils.display import Display

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import (
    change_rules,
    change_warnings,
    component_faults,
    component_names,
    component_needs,
    component_prerequisites,
    component_samples,
    conflict_faults,
    dependent_faults,
    internet_faults,
    protection_faults,
    removal_rules,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.cluster_access import (
    access_faults,
    access_warnings,
    removal_access_faults,
    way_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.fault import (
    Fault,
    did_you_mean,
    fault,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.iam import (
    existing_role_change_faults,
    path_faults,
    reader_faults,
    unknown_role_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.limits import LIMITS, sent_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.names import name_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.platform import (
    account_faults,
    platform_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.prerequisites import missing_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.quotas import (
    quota_faults,
    quota_warnings,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.schema import check
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.sent import Reader, imagined
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.variables import (
    misplaced_variable_faults,
    unknown_variable_faults,
)

try:
    # Where a value was written. ansible-core keeps it in a private place; without it the faults only lack the place.
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

# The role whose argument spec declares the platform_ variables.
SHARED_ROLE = "preflight"
MISSING = object()


def _trusted(value: t.Any) -> t.Any:
    """What a file of this collection holds, with templates that may be filled in."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return {key: _trusted(item) for key, item in value.items()} if isinstance(value, dict) else value


class Made(dict):
    """Makes what is asked for, once for each key."""

    def __init__(self, make: Callable[[str], t.Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: str) -> t.Any:
        self[key] = self._make(key)
        return self[key]


class Role(t.NamedTuple):
    options: dict[str, dict]
    defaults: dict[str, t.Any]


def _origin(thing: t.Any) -> str:
    tag = Origin.get_tag(thing) if Origin else None
    if not tag or not tag.path or tag.path.startswith(roles.ROLES):
        return ""
    path = os.path.relpath(tag.path)
    path = tag.path if path.startswith("..") else path
    return f"{path}:{tag.line_num}" if tag.line_num else path


def _written(variable: str, variables: Mapping[str, t.Any]) -> tuple[t.Any, str]:
    """The value that the fault is in, as it is written, and file and line of it or of the nearest thing around it."""
    place, current = "", variables
    for depth, part in enumerate(re.findall(r"[^.\[\]]+", variable)):
        try:
            key = int(part) if isinstance(current, list) else next(key for key in current if key == part)
            current = current[key]
        except (IndexError, ValueError, TypeError, StopIteration):
            break
        # Null and booleans carry no place, but their keys do. The key of a variable may be another file's that sets it.
        place = _origin(current) or (_origin(key) if depth else "") or place
    return current, place


class Inventory:
    """The variables of the component hosts, as their roles will see them."""

    def __init__(self, loader, templar, variables: Mapping[str, t.Any]) -> None:
        self._loader = loader
        self._templar = templar
        # By host what the inventory and the command line set for it, not evaluated.
        self.variables: dict[str, dict[str, t.Any]] = Made(variables["hostvars"].raw_get)
        # By host the variables that are right, and the faults of the others: those of the platform, and all.
        self.shared_values: dict[str, tuple[dict, list[Fault]]] = Made(self._shared_values)
        self.values: dict[str, tuple[dict, list[Fault]]] = Made(self._values)
        # The first host that was asked for its platform_ variables, and what they are made of, by variable.
        self._model: str | None = None
        self._sources: dict[str, set[str]] = Made(self._made_of)
        # By host these variables, checked one by one.
        self._checked_shared: dict[str, tuple[dict, list[Fault]]] = Made(self._check_shared)
        # Roles that begin with an underscore belong to others.
        found = (role for role in sorted(os.listdir(roles.ROLES)) if not role.startswith("_") and role != SHARED_ROLE)
        self.components = [role for role in found if os.path.isfile(roles.path(role, "meta/argument_specs.yml"))]
        self.hosts = [host for host in variables["groups"]["all"] if host in self.components]
        # Those whose tasks go through the cluster's API.
        self.in_cluster = set(variables["groups"].get("cluster", []))

    @functools.cached_property
    def roles(self) -> dict[str, Role]:
        return {role: self._role(role) for role in self.components}

    @functools.cached_property
    def shared(self) -> dict[str, dict]:
        return roles.options(SHARED_ROLE)

    def _role(self, role: str) -> Role:
        return Role(roles.options(role), _trusted(roles.load(role, "defaults/main.yml")))

    @functools.cached_property
    def known(self) -> set[str]:
        names = set(self.shared)
        for role in self.roles.values():
            names.update(role.options)
        return names

    def selected(self, host: str) -> bool:
        name = "platform_component_selected"
        variables = self.variables[host]
        if name not in variables:
            return True
        return bool(self._templar.copy_with_new_env(available_variables=variables).template(variables[name]))

    def _filled(self, value: t.Any, variables: Mapping[str, t.Any]) -> t.Any:
        return self._templar.copy_with_new_env(available_variables=variables).template(value)

    def _evaluate(self, templar, path: str, raw: t.Any) -> tuple[t.Any, list[Fault]]:
        """The value of a variable without the parts of it that can't be evaluated, and the faults of these."""
        try:
            return templar.template(raw), []
        except AnsibleError as error:
            if isinstance(raw, Mapping):
                parts = {key: self._evaluate(templar, f"{path}.{key}", item) for key, item in raw.items()}
                value: t.Any = {key: part for key, (part, _faults) in parts.items() if part is not MISSING}
            elif isinstance(raw, list):
                parts = {index: self._evaluate(templar, f"{path}[{index}]", item) for index, item in enumerate(raw)}
                value = [part for part, _faults in parts.values()]
                # A list says something else without one of its items.
                value = MISSING if MISSING in value else value
            else:
                return MISSING, [fault(path, raw, f"can't be evaluated: {' '.join(str(error).split())}")]
            return value, [item for _part, faults in parts.values() for item in faults]

    def _evaluated(self, host: str, names: Iterable[str], defaults: Mapping) -> tuple[dict, list[Fault]]:
        variables = {**defaults, **self.variables[host]}
        templar = self._templar.copy_with_new_env(available_variables=variables)
        values, broken = {}, []
        for name in names:
            if name in variables:
                value, faults = self._evaluate(templar, name, variables[name])
                broken += faults
                if value is not MISSING:
                    values[name] = value
        return values, broken

    def _checked(self, role: str, options: Mapping, evaluated: tuple[dict, list[Fault]], defaults: Mapping):
        """The values that are right and the faults, without those that only follow from others."""
        values, broken = evaluated
        unread = {item.variable for item in broken}
        right, wrong = check(role, options, values, defaults)
        # What can't be evaluated is neither missing nor the fault of the variable that uses it.
        wrong = [item for item in wrong if item.variable not in unread]
        faulty = {item.variable for item in wrong}
        broken = [item for item in broken if not any(f"'{name}' is undefined" in item.text for name in faulty)]
        return right, wrong + broken

    def _check_shared(self, host: str) -> tuple[dict, list[Fault]]:
        """The platform_ variables; of those that all hosts have alike, only the first host's are evaluated."""
        self._model = self._model or host
        own = {name: option for name, option in self.shared.items() if not self._as_the_model(host, name)}
        right, faults = self._checked("platform", own, self._evaluated(host, own, {}), {})
        if host == self._model:
            return right, faults
        shared, shared_faults = self._checked_shared[self._model]
        return (
            {**{name: value for name, value in shared.items() if name not in own}, **right},
            [*(item for item in shared_faults if item.root not in own), *faults],
        )

    def _as_the_model(self, host: str, name: str) -> bool:
        sources = self._sources[name]
        # Through these a template reaches variables that it doesn't name.
        return (
            host != self._model
            and not sources & {"hostvars", "vars"}
            and all(self.variables[host].get(source) == self.variables[self._model].get(source) for source in sources)
        )

    def _made_of(self, name: str) -> set[str]:
        """The variable and all that it is made of, by their names in its text, whether there are such or not."""
        variables = self.variables[self._model]
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            if (word := ahead.pop()) not in seen:
                seen.add(word)
                value = variables.get(word)
                ahead += re.findall(r"\w+", str(value)) if isinstance(value, (str, list, dict)) else []
        return seen

    def _shared_values(self, host: str) -> tuple[dict, list[Fault]]:
        """The platform_ variables of the host that are right, and the faults of the others."""
        right, faults = self._checked_shared[host]
        faults = [*faults, *platform_faults(right)]
        faulty = {item.root for item in faults}
        return {name: value for name, value in right.items() if name not in faulty}, faults

    def _values(self, host: str) -> tuple[dict, list[Fault]]:
        """The variables of the host's role that its argument spec finds right, and the faults of the others."""
        role = self.roles[host]
        evaluated = self._evaluated(host, role.options, role.defaults)
        right, faults = self._checked(host, role.options, evaluated, role.defaults)
        return {**self.shared_values[host][0], **right}, faults

    def placed(self, host: str, faults: Iterable[Fault], wrong: Iterable[str] = ()) -> Iterator[Fault]:
        """The faults with their places, but for values that are made from a variable that is wrong itself."""
        for item in faults:
            text, place = _written(item.variable, self.variables[host])
            if not (isinstance(text, str) and "{{" in text and any(re.search(rf"\b{name}\b", text) for name in wrong)):
                yield item._replace(place=place)

    def static_faults(self, hosts: list[str], removal: bool = False) -> Iterator[Fault]:
        components = [host for host in hosts if host in self.components]
        for host in hosts:
            if host not in components:
                yield Fault(host, f"there is no component of this name{did_you_mean(host, self.components)}")
        for host in components:
            faults = self.shared_values[host][1]
            yield from self.placed(host, faults, {item.root for item in faults})
        others = {host: self.values[host][0] for host in self.hosts}
        for host in components:
            values, faults = self.values[host]
            faults = [*faults, *component_faults(host, values, others)]
            yield from self.placed(host, faults, {item.root for item in (*faults, *self.shared_values[host][1])})
        yield from self._internet_faults(components, others)
        # Of all components: a run of one of them must not take what is another's.
        claimed = {host: component_names(host, others[host]) for host in self.hosts}
        for host, other, clash in name_faults(claimed):
            if {host, other} & {*components}:
                yield from self.placed(other, [clash], {item.root for item in self.values[other][1]})
        if components:
            # Of whichever component: a run of one of them knows the roles of all.
            roles_made = {name.name for names in claimed.values() for name in names if name.kind == "iam_role"}
            shared = self.shared_values[components[0]][0]
            yield from self.placed(components[0], unknown_role_faults(shared, roles_made))
        options = {name: role.options for name, role in self.roles.items()}
        names = {host: self.variables[host].keys() for host in self.hosts}
        if inside := self.in_cluster.intersection(components):
            shared = self.shared_values[min(inside)][0]
            way = way_faults(shared.get("platform_cluster_access"), others.get("eks", {}), self.hosts)
            yield from self.placed(min(inside), way)
        for host in components:
            yield from self.placed(host, unknown_variable_faults(names[host], self.components, self.known))
            yield from self.placed(host, misplaced_variable_faults(host, names, options))
        yield from self._prerequisite_faults(hosts, removal)

    def _prerequisite_faults(self, hosts: Collection[str], removal: bool = False) -> Iterator[Fault]:
        """What this machine lacks. Only what is in the cluster takes something to be removed."""
        takers = [host for host in self.hosts if host in hosts and (not removal or host in self.in_cluster)]
        yield from missing_faults({host: component_prerequisites(host, self.values[host][0]) for host in takers})

    def _internet_faults(self, hosts: list[str], others: Mapping[str, Mapping]) -> Iterator[Fault]:
        """Of all components where the network is in the run, which would close the way of those that exist."""
        for host in self.hosts if "network" in hosts else hosts:
            skipped = host in self.in_cluster and self.shared_values[host][0].get("platform_cluster_access") == "none"
            if not skipped:
                yield from self.placed(host, internet_faults(host, others[host], others))

    def _of_what_exists(self, find: Callable, hosts: list[str], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        for host in hosts:
            rules = find(host)
            if rules:
                yield from self.placed(host, rules(self.values[host][0], platform))

    def _of_quotas(self, find: Callable, hosts: list[str], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        needs = {host: component_needs(host, self.values[host][0], platform) for host in hosts}
        for host, item in find(needs, platform):
            yield from self.placed(host, [item])

    def _of_access(self, find: Callable, hosts: list[str], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        """Whether the cluster lets this run in, where it has to do something in there."""
        building = find is not removal_access_faults and "eks" in hosts
        # Where there is no cluster, what it needs first is told by the component.
        exists = (platform.get("eks") or {}).get("exists")
        if self.in_cluster.intersection(hosts) and "eks" in self.hosts and (building or exists):
            yield from self.placed("eks", find(self.values["eks"][0], platform.get("deployer") or {}, building))

    def _size_faults(self, host: str, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        """What is too much for AWS of what the component would send, with all of the platform there."""
        samples = {component: component_samples(component) for component in self.components}
        made = {"component_found": {"platform": imagined(platform, samples)}, "ansible_check_mode": True}
        quotas = ((platform.get("offers") or {}).get(host) or {}).get("quotas") or {}
        reader = Reader(lambda role, name: _trusted(roles.load(role, name)), self._filled, LIMITS)
        sent = reader.role(host, {**self.variables[host], "inventory_hostname": host, **made})
        return sent_faults(sent, self.values[host][0], quotas)

    def change_faults(self, hosts: list[str], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        yield from self._of_what_exists(change_rules, hosts, platform)
        if hosts:
            for rules in (path_faults, reader_faults):
                yield from self.placed(hosts[0], rules(self.shared_values[hosts[0]][0], platform))
            yield from self.placed(hosts[0], existing_role_change_faults(platform))
        yield from self._of_access(access_faults, hosts, platform)
        yield from self._of_quotas(quota_faults, hosts, platform)
        for host in hosts:
            yield from self.placed(host, self._size_faults(host, platform))
        yield from conflict_faults(platform)

    def removal_faults(self, hosts: list[str], found: Mapping[str, t.Any]) -> Iterator[Fault]:
        platform = found["platform"]
        yield from self._of_what_exists(lambda host: functools.partial(protection_faults, host), hosts, platform)
        yield from self._of_what_exists(removal_rules, hosts, platform)
        yield from self._of_access(removal_access_faults, hosts, platform)
        yield from dependent_faults(hosts, {name: told["state"] for name, told in found["summary"].items()})
        yield from conflict_faults(platform, hosts)

    def warnings(self, hosts: list[str], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
        yield from self._of_what_exists(change_warnings, hosts, platform)
        # Of this run nothing depends on it, of the next one it does.
        yield from self._prerequisite_faults([host for host in self.hosts if host not in hosts])
        yield from self._of_access(access_warnings, hosts, platform)
        yield from self._of_quotas(quota_warnings, hosts, platform)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        inventory = Inventory(self._loader, self._templar, variables)
        hosts = list(terms) or [host for host in variables["ansible_play_hosts_all"] if inventory.selected(host)]
        found = self.get_option("found")
        if found is None:
            faults = inventory.static_faults(hosts, self.get_option("removal"))
        else:
            shared = inventory.shared_values[hosts[0]][0]
            faults = inventory.placed(hosts[0], account_faults(found, shared))
            if "platform" in found and self.get_option("removal"):
                faults = itertools.chain(faults, inventory.removal_faults(hosts, found))
            elif "platform" in found:
                faults = itertools.chain(faults, inventory.change_faults(hosts, found["platform"]))
                # However often this is evaluated, Ansible shows the same warning once.
                for warning in inventory.warnings(hosts, found["platform"]):
                    Display().warning(str(warning))
        return list(dict.fromkeys(str(item) for item in faults))
