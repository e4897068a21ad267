# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a run would send to AWS: what stands in a role's tasks, filled in as far as it is known before the run."""

from __future__ import annotations

import functools
import re
import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping

from ansible.errors import AnsibleError
from ansible.template import trust_as_template

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

IMPORTS_OF_TASKS = ("import_tasks", "include_tasks")
IMPORTS_OF_ROLES = ("import_role", "include_role")
# Options that name a resource.
NAMES = ("name", "alias")
# How the entries of a module's aggregate are filled in: with which items, and of which variable.
EACH = re.compile(r"query\(\s*'agent_platform\.aws\.each',(.*?),\s*entry='(\w+)'\s*\)", re.DOTALL)
# What exists. It is no template, and large.
FOUND = "component_found"
# A fact that isn't known yet, and of which a component doesn't say how it looks.
UNKNOWN = "x" * 64

Variables = Mapping[str, t.Any]


class Sent(t.NamedTuple):
    """The value of a module's option, what the resource is called, and where the value comes from.

    inputs: variables of the component that it is made of. item: what the task goes through when it sends it.
    """

    module: str
    option: str
    value: t.Any
    name: Callable[[], str]
    inputs: list[str]
    item: t.Any


class Reader:
    """Reads the tasks of roles. What no input of theirs changes is left out: it is as it was tested.

    load: reads a file of a role, with the templates in it. evaluate: fills in a value's templates from variables.
    options: by module those whose values are of interest.
    """

    def __init__(
        self,
        load: Callable[[str, str], t.Any],
        evaluate: Callable[[t.Any, Variables], t.Any],
        options: Mapping[str, Collection[str]],
    ) -> None:
        self._load = load
        self._evaluate = evaluate
        self._options = options
        # By its id a value, which is kept for that, and what it looks like.
        self._looks: dict[int, tuple[t.Any, str]] = {}

    def role(self, role: str, variables: Variables, file: str = "main.yml") -> Iterator[Sent]:
        """What a role sends. variables: the host's, which come before the role's defaults."""
        defaults = self._load(role, "defaults/main.yml") or {}
        own = self._load(role, "vars/main.yml") or {}
        yield from self._tasks(role, file, {**defaults, **own, **variables}, roles.options(role))

    def _tasks(self, role: str, file: str, variables: Variables, inputs: Collection[str]) -> Iterator[Sent]:
        for task in self._load(role, f"tasks/{file}") or []:
            yield from self._task(role, task, variables, inputs)

    def _task(self, role: str, task: Mapping, variables: Variables, inputs: Collection[str]) -> Iterator[Sent]:
        variables = {**variables, **task.get("vars", {})}
        for inner in task.get("block", []):
            yield from self._task(role, inner, variables, inputs)
        for key, arguments in task.items():
            action = key.rpartition(".")[2]
            if action in IMPORTS_OF_TASKS:
                yield from self._tasks(role, arguments, variables, inputs)
            elif action in IMPORTS_OF_ROLES and "tasks_from" not in arguments:
                other = arguments["name"].rpartition(".")[2]
                for sent in self.role(other, variables):
                    # The other role's inputs are made of this one's.
                    if made_of := self._inputs(sent.inputs, variables, inputs):
                        yield sent._replace(inputs=made_of)
            elif action in self._options and key != action:
                yield from self._module(action, task, arguments, variables, inputs)

    def _module(
        self, module: str, task: Mapping, arguments: Mapping, variables: Variables, inputs: Collection[str]
    ) -> Iterator[Sent]:
        if "aggregate" in arguments:
            common = {option: value for option, value in arguments.items() if option != "aggregate"}
            for loop, entry in self._entries(arguments["aggregate"], variables):
                yield from self._module(module, {**task, **loop}, {**common, **entry}, variables, inputs)
            return
        of_interest = {
            option: made_of
            for option in self._options[module]
            if option in arguments
            and (made_of := self._inputs([arguments[option], task.get("loop")], variables, inputs))
        }
        settled = {**variables, **self._settled([arguments[option] for option in of_interest], variables)}
        for item in self._items(task, settled) if of_interest else []:
            scope = {**settled, "item": item}
            if self._value(arguments.get("state"), scope) == "absent":
                continue
            for option, made_of in of_interest.items():
                if (value := self._value(arguments[option], scope)) is not None:
                    yield Sent(module, option, value, functools.partial(self._name, arguments, scope), made_of, item)

    @classmethod
    def _entries(cls, raw: t.Any, variables: Variables) -> Iterator[tuple[dict[str, str], Mapping]]:
        """An aggregate, taken for looped tasks: the loop, and the arguments that each item of it has besides."""
        if isinstance(raw, list):
            yield from (({}, entry) for entry in raw)
        elif (name := str(raw).strip(" {}")) in variables:
            yield from cls._entries(variables[name], variables)
        else:
            for items, entry in EACH.findall(str(raw)):
                yield {"loop": trust_as_template(f"{{{{ {items} }}}}")}, variables[entry]

    def _name(self, arguments: Mapping, scope: Variables) -> str:
        return str(next((self._value(arguments[option], scope) for option in NAMES if option in arguments), ""))

    def _settled(self, raw: t.Any, variables: Variables) -> dict[str, t.Any]:
        """The variables of a value that need no item, filled in once for all items."""
        words = {word for word in re.findall(r"\w+", str(raw)) if word in variables}
        names = {word for word in words if "{{" in self._text(word, variables)}
        values = {name: self._value(variables[name], variables) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def _items(self, task: Mapping, variables: Variables) -> list:
        if "loop" not in task:
            return [None]
        return self._value(task["loop"], variables) or []

    def _value(self, raw: t.Any, variables: Variables) -> t.Any:
        """The value, or None where it depends on what a task before has found out."""
        try:
            return self._evaluate(raw, variables)
        except AnsibleError:
            return None

    def _text(self, name: str, variables: Variables) -> str:
        """What a variable looks like, with the templates in it."""
        value = variables[name]
        if isinstance(value, str):
            return value
        if name == FOUND:
            return ""
        if id(value) not in self._looks:
            self._looks[id(value)] = value, str(value)
        return self._looks[id(value)][1]

    def _inputs(self, raw: t.Any, variables: Variables, inputs: Collection[str]) -> list[str]:
        """Those of the inputs that a value is made of, through any variables in between."""
        seen: set[str] = set()
        ahead = [str(raw)]
        while ahead:
            for word in re.findall(r"\w+", ahead.pop()):
                if word in variables and word not in seen:
                    seen.add(word)
                    if word not in inputs:
                        ahead.append(self._text(word, variables))
        return [name for name in inputs if name in seen]


def imagined(platform: Mapping[str, t.Any], samples: Mapping[str, Mapping[str, str]]) -> dict[str, t.Any]:
    """The platform as it will be when all of it is there; what isn't known yet looks as long as it will be.

    samples: by component how its facts will look.
    """
    account = {key: value for key, value in platform.items() if isinstance(value, str)}

    def filled(value: t.Any, sample: str) -> t.Any:
        if isinstance(value, Mapping):
            return {key: filled(item, UNKNOWN) for key, item in value.items()}
        return sample if value is None else value

    return {
        name: {
            fact: filled(value, samples.get(name, {}).get(fact, UNKNOWN).format(**account))
            for fact, value in facts.items()
        }
        if isinstance(facts, Mapping)
        else facts
        for name, facts in platform.items()
    }


def path_of(values: Mapping[str, t.Any], inputs: Collection[str], item: t.Any) -> str | None:
    """Where among the inputs an entry of this name stands, such as eks_addons[1].irsa."""
    name = item.get("name") if isinstance(item, Mapping) else None

    def find(value: t.Any, path: str) -> str | None:
        if isinstance(value, Mapping):
            if value.get("name") == name:
                return path
            parts = [(f"{path}.{key}", part) for key, part in value.items()]
        elif isinstance(value, list):
            parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
        else:
            return None
        return next((found for inner, part in parts if (found := find(part, inner))), None)

    return next((found for key in inputs if (found := find(values.get(key), key))), None) if name else None
