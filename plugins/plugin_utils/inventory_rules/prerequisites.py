# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a component takes of the machine that ansible-playbook runs on, and how to install it."""

from __future__ import annotations

import importlib.util
import shutil
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from .fault import Fault

PIP = "pip install {} for the Python that ansible-playbook has"
# Library -> its package.
LIBRARIES = {"argon2": "argon2-cffi", "kubernetes": "kubernetes"}
# Program -> where it comes from.
PROGRAMS = {
    "helm": "https://helm.sh/docs/intro/install",
    "session-manager-plugin": (
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
    ),
}


class Prerequisite(t.NamedTuple):
    """A library or a program by its name; path: of a program that is named by the inventory."""

    name: str
    path: str = ""

    @property
    def is_there(self) -> bool:
        if self.name in LIBRARIES:
            return importlib.util.find_spec(self.name) is not None
        return shutil.which(self.path or self.name) is not None

    def __str__(self) -> str:
        """What is to be done where it isn't there."""
        if self.name in LIBRARIES:
            package = LIBRARIES[self.name]
            return f"the library {package}, which isn't there: {PIP.format(package)}"
        where = f"at {self.path}" if self.path else "on the PATH"
        return f"the program {self.name}, which isn't {where}: {PROGRAMS[self.name]}"


def in_cluster(values: Mapping[str, t.Any]) -> Iterator[Prerequisite]:
    """What each component whose objects are in the cluster takes."""
    if values.get("platform_cluster_access") != "none":
        yield Prerequisite("kubernetes")
    if values.get("platform_cluster_access") == "tunnel":
        yield Prerequisite("session-manager-plugin")


def missing_faults(wanted: Mapping[str, Iterable[Prerequisite]]) -> Iterator[Fault]:
    """What isn't there, each thing once. wanted: by component."""
    takers: dict[Prerequisite, list[str]] = {}
    for component, needed in wanted.items():
        for one in needed:
            takers.setdefault(one, []).append(component)
    for one, components in takers.items():
        if not one.is_there:
            yield Fault(", ".join(components), f"needs {one}")
