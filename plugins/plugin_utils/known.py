# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run knows of the platform, as long as it has changed nothing.

The process of ansible-playbook is told of each result and keeps what platform_info has found. The processes of tasks,
its forks, have that from their birth, so a task that says `fresh: false` asks AWS for the rest only.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

# Results with another of these tell of another platform, or see it through other eyes.
ACCOUNT = ("account_id", "arn", "region")
# Parts of a result by the name of a component.
BY_COMPONENT = ("summary", "amiss", "replaced_roles")

Result = dict[str, Any]
Arguments = Mapping[str, Any]


class Known:
    """By component the last result of platform_info that tells of it."""

    def __init__(self) -> None:
        self.changed = False
        self.results: dict[str, Result] = {}

    def note(self, result: Mapping[str, Any]) -> None:
        """Keep what a look has found. result: as the module returns it."""
        if not self.changed and "scope" in result:
            # What is in the cluster looks different through another kubeconfig, and while it starts.
            found = dict(result)
            self.results.update({name: found for name in found["summary"] if name not in found["in_cluster"]})

    def forget(self) -> None:
        """Something has changed, or may have: what was found before isn't so any more, for the rest of the run."""
        self.changed = True
        self.results.clear()

    def look(self, arguments: Arguments, ask: Callable[[Result], Result]) -> Result:
        """What platform_info returns for the arguments.

        ask: calls the module with the arguments it gets, and returns its result.
        """
        wanted, required = arguments.get("components"), arguments.get("require") or []
        if wanted is None or arguments.get("offers"):
            # All of them, of which not all may have been read, or what is of this moment only.
            return ask({**arguments})
        results = {
            name: result
            for name, result in self.results.items()
            if name in {*wanted, *required}
            and is_of(result, arguments)
            and (name not in required or stands(result, name))
        }
        if not results:
            return ask({**arguments})
        rest = {
            "components": [name for name in wanted if name not in results],
            "require": [name for name in required if name not in results],
        }
        found = ask({**arguments, **rest})
        if found.get("failed") or any(result[key] != found[key] for result in results.values() for key in ACCOUNT):
            return ask({**arguments})
        return with_known(found, results)


def is_of(result: Mapping[str, Any], arguments: Arguments) -> bool:
    """Whether it tells of what the arguments ask for."""
    return all((arguments.get(option) or None) == (value or None) for option, value in result["scope"].items())


def stands(result: Mapping[str, Any], name: str) -> bool:
    """Whether a component may be built on. If not, the module tells of it, once it has looked anew."""
    return bool(result["platform"][name]["exists"]) and name not in result["amiss"]


def with_known(found: Result, results: Mapping[str, Result]) -> Result:
    """What has been found, with what was known before. results: by component."""
    parts = {
        key: {**found[key], **{name: result[key][name] for name, result in results.items() if name in result[key]}}
        for key in BY_COMPONENT
    }
    looks = [found, *results.values()]
    account = {
        "conflicts": [
            *found["conflicts"],
            *(told for name, result in results.items() for told in result["conflicts"] if told["component"] == name),
        ],
        "deployer": next((look["deployer"] for look in looks if look["deployer"]["principal_arn"]), found["deployer"]),
        "existing_roles": {**ChainMap(*(look["existing_roles"] for look in looks))},
        "replaced_roles": parts["replaced_roles"],
    }
    facts = {name: result["platform"][name] for name, result in results.items()}
    return {**found, **parts, **account, "platform": {**found["platform"], **facts, **account}}


# That of this run, and none without the callback `preload`, which tells it of the results.
RUN = Known()
