# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run has changed, or would change, of the results of its tasks: a few lines instead of all diffs."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import title as title_of_object

ADD, CHANGE, REMOVE, REPLACE = "add", "change", "remove", "replace"
SIGNS = {ADD: "+", CHANGE: "~", REMOVE: "-", REPLACE: "±"}
# Numbers of each, in a dry run and in another.
WORDS = {
    ADD: ("to add", "added"),
    CHANGE: ("to change", "changed"),
    REMOVE: ("to remove", "removed"),
    REPLACE: ("to replace", "replaced"),
}
# What of a value, and of how many settings of a resource, is shown.
MOST_CHARACTERS = 80
MOST_SETTINGS = 20
# The module that says what of a list of Kubernetes objects differs, and the one that then applies them.
OBJECTS, APPLIED = "agent_platform.aws.k8s_owned_objects", "kubernetes.core.k8s"


class Different(t.NamedTuple):
    """A setting, by its path within the resource, before and after; None where it isn't there."""

    setting: str
    old: t.Any
    new: t.Any

    def __str__(self) -> str:
        old, new = self.old, self.new
        if isinstance(old, list) and isinstance(new, list):
            # Of lists what isn't in the other; where that is only the order, all.
            left, right = [item for item in old if item not in new], [item for item in new if item not in old]
            old, new = (left, right) if left or right else (old, new)
        return f"{self.setting}: {_text(old)} → {_text(new)}"


@dataclass
class Change:
    """One resource of a component that was added, changed, removed or replaced."""

    component: str
    action: str
    resource: str
    settings: dict[str, Different] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        head = f"{SIGNS[self.action]} {self.resource}"
        if not self.settings:
            yield head
        for number, setting in enumerate(self.settings.values()):
            if number == MOST_SETTINGS:
                yield f"{head}  and {len(self.settings) - number} settings more"
                break
            yield f"{head}  {setting}"

    def as_dict(self) -> dict[str, t.Any]:
        settings = [setting._asdict() for setting in self.settings.values()]
        return {"component": self.component, "action": self.action, "resource": self.resource, "settings": settings}

    def followed_by(self, other: Change) -> Change | None:
        """Both as one, or None where they come to nothing."""
        if self.action == ADD:
            return None if other.action == REMOVE else self
        if self.action == REMOVE:
            return Change(self.component, REPLACE, self.resource) if other.action == ADD else self
        if other.action != CHANGE:
            return other
        settings = {**self.settings, **other.settings}
        for name in self.settings.keys() & other.settings.keys():
            settings[name] = settings[name]._replace(old=self.settings[name].old)
        return Change(self.component, self.action, self.resource, settings)


class Changes:
    """Gathers what the results of a run's tasks tell."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Change] = {}
        # By component and object what is to become of it, told before it is applied; None once it stands in the list.
        self._announced: dict[tuple[str, str], Change | None] = {}

    def note(
        self,
        component: str,
        action: str,
        task: str,
        result: Mapping[str, t.Any],
        loop: bool = False,
        absent: bool = False,
    ) -> None:
        """A task's result. action: the module. loop: it has a result for each item. absent: the task removes things."""
        results = [item for item in result.get("results") or () if isinstance(item, Mapping)] if loop else []
        for one in results or [result]:
            changed = bool(one.get("changed"))
            if action == OBJECTS:
                self._note_objects(component, changed, one)
            elif changed and action == APPLIED:
                for change in _of_objects(component, task, one):
                    self._applied(change)
            elif changed:
                item = one.get("_ansible_item_label", one.get("item") if loop else None)
                title = f"{task}: {_text(item)}" if item is not None else task
                untold = REMOVE if absent else CHANGE
                told = [*_of_differences(component, one.get("diff"), title, untold)]
                for change in told or [Change(component, untold, title)]:
                    self._add(change)

    def all(self) -> list[Change]:
        """In the order in which they came, by component."""
        components = dict.fromkeys(change.component for change in self._found.values())
        return [change for name in components for change in self._found.values() if change.component == name]

    def _note_objects(self, component: str, changed: bool, result: Mapping[str, t.Any]) -> None:
        for change in _of_differences(component, result.get("diff"), "", CHANGE):
            key = (component, change.resource)
            if changed:
                self._announced[key] = None
                self._add(change)
            else:
                self._announced[key] = change

    def _applied(self, change: Change) -> None:
        key = (change.component, change.resource)
        announced = self._announced.get(key, change)
        self._announced[key] = None
        if announced is not None:
            self._add(announced)

    def _add(self, change: Change) -> None:
        key = (change.component, change.resource)
        earlier = self._found.pop(key, None)
        whole = earlier.followed_by(change) if earlier else change
        if whole is not None:
            self._found[key] = whole


def report(changes: list[Change], dry: bool) -> list[tuple[str, str]]:
    """The lines for people, each with the action that it tells of; the last one, the sum, with none."""
    width = max((len(change.component) for change in changes), default=0)
    lines = [
        (f"{change.component.ljust(width)}  {line}", change.action) for change in changes for line in change.lines()
    ]
    numbers = {action: sum(change.action == action for change in changes) for action in WORDS}
    told = [f"{numbers[action]} {words[0 if dry else 1]}" for action, words in WORDS.items() if numbers[action]]
    return [*lines, (", ".join(told) if told else "nothing to change" if dry else "nothing changed", "")]


def _of_objects(component: str, task: str, result: Mapping[str, t.Any]) -> Iterator[Change]:
    """What kubernetes.core.k8s says of one object, or of each of a list."""
    told = result.get("result") or {}
    for one in told.get("results") or [result]:
        if one.get("changed"):
            method, item = one.get("method"), one.get("result") or {}
            metadata = item.get("metadata") or {}
            name, namespace = metadata.get("name"), metadata.get("namespace")
            # Of a deletion the answer is a Status.
            title = title_of_object(item["kind"], name, namespace) if name and "kind" in item else task
            added = ADD if _is_new(metadata) else CHANGE
            yield Change(component, {"create": ADD, "delete": REMOVE}.get(method, added), title)


def _is_new(metadata: Mapping[str, t.Any]) -> bool:
    """Whether an object that has been applied was made by that: nothing of it is younger than itself."""
    created = metadata.get("creationTimestamp")
    return created is not None and {manager.get("time") for manager in metadata.get("managedFields") or ()} == {created}


def _of_differences(component: str, diff: t.Any, title: str, untold: str) -> Iterator[Change]:
    """untold: what has been done where neither side says anything, as when nothing is declared of what is removed."""
    found = diff if isinstance(diff, list) else [diff] if diff else []
    # --diff shows what has not changed, too. Where all sides are alike, what has changed is hidden.
    differing = [one for one in found if one.get("before") != one.get("after")]
    for one in differing or found:
        resource = str(one.get("before_header") or one.get("after_header") or title)
        before, after = one.get("before"), one.get("after")
        if before and after:
            settings = {different.setting: different for different in _differences("", before, after)}
            yield Change(component, CHANGE, resource, settings)
        else:
            yield Change(component, ADD if after else REMOVE if before else untold, resource)


def _differences(path: str, old: t.Any, new: t.Any) -> Iterator[Different]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
    elif old != new and path:
        yield Different(path, old, new)


def _text(value: t.Any) -> str:
    if value is None:
        return "(not set)"
    if not isinstance(value, str) or not value:
        value = json.dumps(value, ensure_ascii=False, default=str)
    value = " ".join(value.split())
    return value if len(value) <= MOST_CHARACTERS else value[: MOST_CHARACTERS - 1] + "…"
