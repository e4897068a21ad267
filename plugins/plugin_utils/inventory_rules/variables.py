# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Names of variables: those that nobody reads, and those that are set where their reader doesn't look."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from .fault import Fault, did_you_mean, edits

SHARED_PREFIX = "platform_"
# A name without a prefix of ours is only taken for a typing error when it is this near to a known one.
MOST_EDITS = 2


def _prefix(name: str, components: Collection[str]) -> str | None:
    """The longest prefix of the name that belongs to a component or to the platform."""
    prefixes = [f"{component}_" for component in components] + [SHARED_PREFIX]
    return max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)


def unknown_variable_faults(
    names: Collection[str], components: Collection[str], known: Collection[str]
) -> Iterator[Fault]:
    """Variables with a prefix of ours, or nearly so, that no role reads."""
    for name in sorted(set(names) - set(known)):
        prefix = _prefix(name, components)
        if prefix:
            owner = "the platform" if prefix == SHARED_PREFIX else f"the component {prefix.removesuffix('_')}"
            others = [other for other in known if other.startswith(prefix)]
            yield Fault(name, f"{owner} has no such variable{did_you_mean(name, others, prefix)}")
        elif not name.startswith(("ansible_", "_")):
            close = sorted((edits(name, other), other) for other in known if abs(len(other) - len(name)) <= MOST_EDITS)
            if close and close[0][0] <= MOST_EDITS:
                yield Fault(name, f"no component has such a variable; did you mean {close[0][1]}?")


def misplaced_variable_faults(
    host: str, names: Mapping[str, Collection[str]], options: Mapping[str, Collection[str]]
) -> Iterator[Fault]:
    """Variables of another component that are set for this host but not for that one, so that nobody reads them."""
    for component, known in options.items():
        if component == host or component not in names:
            continue
        for name in sorted(set(names[host]) & set(known) - set(names[component])):
            place = f"host_vars/{component}.yml or group_vars/all"
            yield Fault(name, f"is set for the host {host}, but {component} reads it: move it to {place}")
