# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares what the modules declare with botocore's service models, and their documentation with their options.

Every check gives problems as sentences; no problem, no sentence. What a declaration can't say because a hook builds the
request is checked on a request made from sample values."""

from __future__ import annotations

import ast
import datetime
import functools
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import botocore.session
import yaml
from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from botocore.validate import ParamValidator

from ansible_collections.agent_platform.aws.plugins.module_utils.declarations import (
    By,
    Change,
    Update,
    paths_of,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.values import set_path
from tests.support.scripted_aws import ScriptedAws, ScriptedModule

MODULES = Path(__file__).parents[2] / "plugins" / "modules"
PACKAGE = "ansible_collections.agent_platform.aws.plugins.modules"
# Members by which AWS knows a repeated call as the same one. A create that has one must use it.
TOKENS = (
    "ClientToken",
    "ClientRequestToken",
    "clientToken",
    "clientRequestToken",
    "IdempotencyToken",
    "CallerReference",
)
TAG_MEMBERS = ("tags", "Tags", "TagSpecifications", "TagList")
# Longer lists of AWS, such as those of instance types, grow every month and aren't repeated in options.
LONGEST_CHOICE = 30
TYPES = {
    "str": {"string"},
    "int": {"integer", "long"},
    "float": {"float", "double"},
    "bool": {"boolean"},
    "list": {"list"},
    "dict": {"structure", "map"},
    "json": {"string"},
}


@dataclass(frozen=True)
class Declared:
    """One module: what it passes to run_module, and its documentation with all fragments."""

    name: str
    resource: type[Resource]
    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    documentation: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Exceptions:
    """What is right though a check says otherwise, with the reason."""

    # Choices that leave out values of AWS, as "module.option".
    fewer_choices: Mapping[str, str] = field(default_factory=dict)
    # Error codes that AWS gives and its model doesn't list, as "module.code".
    unlisted_codes: Mapping[str, str] = field(default_factory=dict)
    # Values for the sample requests, where the type of an option doesn't tell what AWS takes, as "module.option".
    samples: Mapping[str, Any] = field(default_factory=dict)


@functools.cache
def service_model(service: str) -> Any:
    return _session().get_service_model(service)


@functools.cache
def _session() -> Any:
    return botocore.session.get_session()


# ---- Reading the modules


def module_names() -> list[str]:
    """The modules on the framework."""
    return sorted(path.stem for path in MODULES.glob("*.py") if "run_module(" in path.read_text())


@functools.cache
def load(name: str) -> Declared:
    """The declaration of a module; who changes a part of it works on a copy."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    resource, options, arguments = _declaration(module)
    path = MODULES / f"{name}.py"
    return Declared(name, resource, options, arguments, documentation(module.DOCUMENTATION), path.read_text())


def _declaration(module: ModuleType) -> tuple[type[Resource], Mapping[str, Any], Mapping[str, Any]]:
    """What main() passes to run_module, and the options that result."""
    seen: dict[str, Any] = {}

    def run_module(
        resource: type[Resource],
        documentation: str,
        refined: Mapping[str, Mapping[str, Any]] | None = None,
        **arguments: Any,
    ) -> None:
        seen.update(resource=resource, options=argument_spec(documentation, refined), arguments=arguments)

    with mock.patch.object(module, "run_module", run_module):
        module.main()
    return seen["resource"], seen["options"], seen["arguments"]


def documentation(text: str) -> dict[str, Any]:
    """The documentation with the options of its fragments, without those of amazon.aws for the connection."""
    documented = yaml.safe_load(text)
    options = documented.setdefault("options", {})
    for fragment in documented.get("extends_documentation_fragment", []):
        if fragment in ("amazon.aws.common.modules", "amazon.aws.region.modules", "amazon.aws.boto3"):
            continue
        for option, texts in _fragment(fragment).get("options", {}).items():
            options[option] = {**texts, **options.get(option, {})}
    return documented


def _fragment(name: str) -> dict[str, Any]:
    namespace, collection, fragment, *variant = name.split(".")
    module = importlib.import_module(f"ansible_collections.{namespace}.{collection}.plugins.doc_fragments.{fragment}")
    return yaml.safe_load(getattr(module.ModuleDocFragment, variant[0].upper() if variant else "DOCUMENTATION"))


# ---- Shapes


def member(shape: Any, path: str) -> Any:
    """The shape at a dotted path, through lists into their elements; None if there is none."""
    for key in path.split(".") if path else []:
        while shape.type_name == "list":
            shape = shape.member
        if shape.type_name == "map":
            shape = shape.value
        elif shape.type_name == "structure" and key in shape.members:
            shape = shape.members[key]
        else:
            return None
    return shape


def sample(shape: Any, depth: int = 10) -> Any:
    """A value of that shape, with all its members."""
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(item, depth - 1) for name, item in shape.members.items()} if depth else {}
    if kind == "list":
        return [sample(shape.member, depth - 1)] * max(1, shape.metadata.get("min", 1)) if depth else []
    if kind == "map":
        return {"key": sample(shape.value, depth - 1)} if depth else {}
    if kind == "timestamp":
        return datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    if kind == "string":
        text = "arn:aws:sample:::sample" if shape.name.endswith("Arn") else "sample"
        return shape.enum[0] if shape.enum else text.ljust(shape.metadata.get("min", 0), "-")
    return {"boolean": True, "blob": b"sample"}.get(kind, max(1, shape.metadata.get("min", 1)))


def sample_option(name: str, option: Mapping[str, Any], samples: Mapping[str, Any]) -> Any:
    """A value that Ansible would take for the option."""
    if name in samples:
        return samples[name]
    kind = option.get("type", "str")
    one = option["choices"][0] if option.get("choices") else None
    if option.get("options"):
        value = {key: sample_option(f"{name}.{key}", item, samples) for key, item in option["options"].items()}
        return [value] if kind == "list" else value
    if kind == "list":
        return [
            sample_option(f"{name}.", {"type": option.get("elements", "str"), "choices": option.get("choices")}, {})
        ]
    if one is not None:
        return one
    return {"str": "sample", "int": 1, "float": 1.0, "bool": True, "dict": {"key": "value"}, "json": "{}"}[kind]


# ---- The checks


class Checker:
    """The problems of one module."""

    def __init__(self, declared: Declared, exceptions: Exceptions | None = None):
        self.declared = declared
        self.name = declared.name
        self.resource = declared.resource
        self.exceptions = exceptions or Exceptions()
        self.model = service_model(self.resource.service)

    def problems(self) -> list[str]:
        checks = (
            self.operations,
            self.constants,
            self.identity,
            self.settings,
            self.tokens,
            self.tags,
            self.states,
            self.codes,
            self.documented,
        )
        found = [problem for check in checks for problem in check()]
        # Requests of a declaration that is wrong already would only repeat it.
        return [f"{self.name}: {problem}" for problem in found or self.requests()]

    # -- What is declared

    def declared_operations(self) -> dict[str, str]:
        """Each operation and what it is declared for."""
        resource = self.resource
        found = dict.fromkeys(resource.extra_operations, "extra_operations")
        found |= {addition.operation: "additions" for addition in resource.additions}
        for name, update in resource.updates.items():
            calls = {update.operation: "", update.clear: ".clear", update.remove: ".remove"}
            found |= {call: f"updates[{name!r}]{part}" for call, part in calls.items() if call}
        if resource.tagging:
            found |= {resource.tagging.tag: "tagging.tag", resource.tagging.untag: "tagging.untag"}
        found |= {resource.delete.operation: "delete", resource.create.operation: "create"}
        found[resource.describe.operation] = "describe"
        return found

    def overrides(self, hook: str) -> bool:
        return getattr(self.resource, hook) is not getattr(Resource, hook)

    def knows(self, operation: str) -> bool:
        return operation in self.model.operation_names

    def input(self, operation: str) -> Any:
        return self.model.operation_model(operation).input_shape if self.knows(operation) else None

    def output(self, operation: str) -> Any:
        return self.model.operation_model(operation).output_shape if self.knows(operation) else None

    def option(self, name: str) -> Mapping[str, Any] | None:
        return self.declared.options.get(name)

    @functools.cached_property
    def description(self) -> list[tuple[str, Any]]:
        """The parts of a description: where each goes, and its shape."""
        parts = [("", self.output(self.resource.describe.operation), self.resource.describe.path)]
        parts += [(item.at, self.output(item.operation), item.path) for item in self.resource.additions]
        found = [(at, member(shape, path)) for at, shape, path in parts if shape is not None]
        return [(at, shape) for at, shape in found if shape is not None]

    def described(self, path: str) -> Any:
        """The shape at a path of the description."""
        for at, shape in self.description:
            if not at:
                found = member(shape, path)
            elif path == at:
                found = shape
            else:
                found = member(shape, path.removeprefix(f"{at}.")) if path.startswith(f"{at}.") else None
            if found is not None:
                return found
        return None

    # -- Calls

    def operations(self) -> Iterator[str]:
        for operation, where in self.declared_operations().items():
            if not self.knows(operation):
                yield f"{where}: {self.resource.service} has no operation {operation}"
        for update, declared in self.resource.updates.items():
            if not any(setting.update == update for setting in self.resource.settings):
                yield f"updates[{update!r}] ({declared.operation}) changes no setting"
        describe = self.resource.describe
        output = self.output(describe.operation)
        if output is not None:
            found = member(output, describe.path)
            if found is None:
                yield f"describe: the answer of {describe.operation} has no {describe.path}"
            elif (found.type_name == "list") is not describe.many:
                yield f"describe: {describe.path} of {describe.operation} is a {found.type_name}, many={describe.many}"
        for name in vars(self.resource):
            # Those of the base are hooks.
            update = name.removeprefix("update_")
            extra = name.startswith("update_") and not hasattr(Resource, name) and update not in self.resource.updates
            if extra and callable(getattr(self.resource, name)):
                yield f"{name} makes no update that is declared"
        for option in self.resource.needed:
            if self.option(option) is None:
                yield f"needed: there is no option {option}"
        protection = self.resource.protection
        if protection and not any(item.option == protection and item.update for item in self.resource.settings):
            yield f"protection: there is no setting {protection} that can be changed"
        for addition in self.resource.additions:
            if addition.option and self.option(addition.option) is None:
                yield f"additions: there is no option {addition.option}"
            output = self.output(addition.operation)
            if output is not None and member(output, addition.path) is None:
                yield f"additions: the answer of {addition.operation} has no {addition.path}"
            # What is gone since it was listed has no members by which further calls could name it.
            alone = addition.missing and not addition.at and addition.empty is None and not addition.by_hand
            if self.resource.describe.many and alone and not addition.itself:
                yield f"additions: what is there where {addition.operation} finds nothing? See Addition.itself, empty."

    def constants(self) -> Iterator[str]:
        """Operations that the module's code names must be declared, and the other way round."""
        named = _names_of_operations(self.declared.source, self.model.operation_names)
        inherited = constants_of(self.resource)
        for operation in sorted(named - set(self.declared_operations())):
            yield f"calls {operation} without declaring it (extra_operations)"
        for operation in self.resource.extra_operations:
            if operation not in named | inherited and self.knows(operation):
                yield f"extra_operations: nothing calls {operation}"

    def identity(self) -> Iterator[str]:
        resource = self.resource
        # Which hook makes the request, and which names it takes, where not all.
        hooks = {
            resource.describe.operation: ("describe_request", resource.describe.names),
            resource.create.operation: ("create_request", resource.create.names),
            resource.delete.operation: ("delete_request", () if resource.delete.by is not None else None),
        }
        yield from self.named_otherwise()
        for name, option in resource.names.items():
            spec = self.option(option)
            if spec is None:
                yield f"names: there is no option {option}"
            elif self.option("aggregate"):
                # run_module() asks for it in each entry.
                if spec.get("required"):
                    yield f"names: option {option} is required, so it can't be left to the entries of aggregate"
            elif not spec.get("required") and spec.get("default") is None:
                yield f"names: option {option} tells which resource is meant, and isn't required"
            for operation, (hook, others) in hooks.items():
                shape = self.input(operation)
                others = others is not None and name not in others
                if shape is not None and not others and not self.overrides(hook) and name not in shape.members:
                    yield f"names: {operation} takes no {name}"
            created = (
                member(self.input(resource.create.operation), name) if self.knows(resource.create.operation) else None
            )
            if spec is not None and created is not None:
                yield from self.choices(option, spec, created)
        if resource.identifier and self.described(resource.identifier) is None:
            yield f"identifier: the description has no {resource.identifier}"
        if resource.made_at and self.described(resource.made_at) is None:
            yield f"made_at: the description has no {resource.made_at}"
        made, output = resource.create.made, self.output(resource.create.operation)
        if made and output is not None and member(output, made) is None:
            yield f"create: the answer of {resource.create.operation} has no {made}"
        if not resource.unique_name and not made:
            operation = resource.create.operation
            yield f"create: two runs at once may both make one, and what {operation} has made isn't declared"
        if made and not resource.identifier:
            yield "create: what this run has made is told from others by its identifier, and there is none"
        if resource.describe.many and not resource.identifier:
            yield "identifier: several can be found, so it is needed to tell them apart"

    def named_otherwise(self) -> Iterator[str]:
        """Calls that name the resource by what the description says of it."""
        resource = self.resource
        calls = [("delete", resource.delete.operation, resource.delete.by)]
        calls += [("additions", item.operation, item.by) for item in resource.additions if not item.by_hand]
        for name, update in resource.updates.items():
            operations = (update.operation, update.clear, update.remove)
            calls += [(f"updates[{name!r}]", operation, update.by) for operation in operations if operation]
        for where, operation, by in calls:
            if by is not None:
                yield from self.takes_by(where, operation, by)

    def takes_by(self, where: str, operation: str, by: By) -> Iterator[str]:
        shape = self.input(operation)
        for name, path in paths_of(by).items():
            many = isinstance(path, list)
            read = path[0] if many else path
            if self.described(read) is None:
                yield f"{where}: the description has no {read}"
            if shape is None:
                continue
            target = shape.members.get(name)
            if target is None:
                yield f"{where}: {operation} takes no {name}"
            elif (target.type_name == "list") is not many:
                yield f"{where}: {name} of {operation} is a {target.type_name}, many={many}"

    # -- Settings

    def settings(self) -> Iterator[str]:
        create = self.input(self.resource.create.operation)
        for setting in self.resource.settings:
            spec = self.option(setting.option)
            where = f"setting {setting.option}"
            if spec is None:
                yield f"{where}: there is no such option"
            created = member(create, setting.member) if create is not None and setting.member else None
            if setting.member and create is not None and created is None:
                yield f"{where}: {self.resource.create.operation} takes no {setting.member}"
            described = self.described(setting.path)
            if described is None and not setting.secret:
                yield f"{where}: the description has no {setting.path}"
            if setting.update is not None:
                yield from self.updated(setting)
            if setting.key and spec is not None and setting.key not in (spec.get("options") or {}):
                yield f"{where}: there is no suboption {setting.key}"
            # What a decoded setting is read from has another shape; create takes the option as it is.
            shape = created if setting.decode else created or described
            if spec is None or shape is None or setting.encode:
                continue
            # What create doesn't take may be put together by complete() of several answers.
            if created is not None or shape.type_name in TYPES.get(spec.get("type", "str"), ()):
                yield from self.fits(setting.option, spec, shape, setting.verbatim)

    def updated(self, setting: Any) -> Iterator[str]:
        update = self.resource.updates.get(setting.update)
        if update is None:
            yield f"setting {setting.option}: there is no updates[{setting.update!r}]"
            return
        shape = self.input(update.operation)
        for path in setting.members:
            if shape is not None and member(shape, path) is None:
                yield f"setting {setting.option}: {update.operation} takes no {path}"
        if update.remove and len([item for item in self.resource.settings if item.update == setting.update]) > 1:
            yield f"setting {setting.option}: {update.remove} takes elements of a single setting"

    def fits(self, path: str, option: Mapping[str, Any], shape: Any, verbatim: bool = False) -> Iterator[str]:
        """An option of that type can be the value of a member of that shape."""
        kind = option.get("type", "str")
        if shape.type_name not in TYPES.get(kind, set()):
            yield f"option {path}: is a {kind}, AWS takes a {shape.type_name}"
            return
        yield from self.choices(path, option, shape.member if kind == "list" else shape)
        inner = shape.member if kind == "list" else shape
        if kind == "list" and not option.get("elements"):
            yield f"option {path}: elements isn't set"
        elif kind == "list" and inner.type_name not in TYPES.get(option["elements"], set()):
            yield f"option {path}: has elements of type {option['elements']}, AWS takes a {inner.type_name}"
        if verbatim or inner.type_name != "structure":
            return
        if not option.get("options"):
            yield f"option {path}: its suboptions aren't given"
        for name, suboption in (option.get("options") or {}).items():
            camel = next(iter(snake_dict_to_camel_dict({name: None}, capitalize_first=self.resource.capital_members)))
            if camel not in inner.members:
                yield f"option {path}.{name}: {inner.name} has no {camel}"
            else:
                yield from self.fits(f"{path}.{name}", suboption, inner.members[camel])

    def choices(self, path: str, option: Mapping[str, Any], shape: Any) -> Iterator[str]:
        enum = getattr(shape, "enum", None)
        if not enum:
            return
        known = {value.casefold() for value in enum}
        choices = {str(value).casefold() for value in option.get("choices") or []}
        if not choices and len(enum) <= LONGEST_CHOICE:
            yield f"option {path}: has no choices, AWS takes {', '.join(enum)}"
        elif choices - known:
            yield f"option {path}: AWS doesn't know {', '.join(sorted(choices - known))}"
        elif choices and choices != known and f"{self.name}.{path}" not in self.exceptions.fewer_choices:
            yield f"option {path}: lacks the choices {', '.join(sorted(known - choices))}"

    # -- Tokens, tags, states, error codes

    def tokens(self) -> Iterator[str]:
        create = self.resource.create
        shape = self.input(create.operation)
        if shape is not None:
            offered = [name for name in TOKENS if name in shape.members]
            if create.token and create.token not in shape.members:
                yield f"create: {create.operation} takes no token {create.token}"
            if offered and not create.token:
                yield f"create: {create.operation} takes the token {offered[0]}, and none is declared"
        for name, update in self.resource.updates.items():
            shape = self.input(update.operation)
            if update.token and shape is not None and update.token not in shape.members:
                yield f"updates[{name!r}]: {update.operation} takes no token {update.token}"
            for kept in update.kept:
                if shape is not None and kept not in shape.members:
                    yield f"updates[{name!r}]: {update.operation} takes no {kept}"
                if self.described(kept) is None:
                    yield f"updates[{name!r}]: the description has no {kept}"

    def tags(self) -> Iterator[str]:
        create, tagging = self.resource.create, self.resource.tagging
        shape = self.input(create.operation)
        if shape is not None and tagging and create.tags and member(shape, create.tags) is None:
            yield f"create: {create.operation} takes no {create.tags}"
        if tagging is None:
            return
        named = self.resource.names if tagging.by is None else paths_of(tagging.by)
        for operation, members in (
            (tagging.tag, {*named, tagging.tags_member}),
            (tagging.untag, {*named, tagging.keys_member} - {None}),
        ):
            yield from self.takes_by("tagging", operation, tagging.by or {})
            shape = self.input(operation)
            if shape is None:
                continue
            for name in sorted(members - set(paths_of(tagging.by or {}))):
                if member(shape, name) is None:
                    yield f"tagging: {operation} takes no {name}"
            for name in sorted(set(shape.required_members) - {name.partition(".")[0] for name in members}):
                yield f"tagging: {operation} needs {name}"
        named = tagging.keys_member and self.knows(tagging.untag)
        keys = member(self.input(tagging.untag), tagging.keys_member) if named else None
        if keys is not None and (keys.member.type_name == "string") is not (tagging.untag_style == "keys"):
            taken = f"{keys.member.name} in {tagging.keys_member}"
            yield f"tagging: {tagging.untag} takes {taken}, not {tagging.untag_style}"
        written = member(self.input(tagging.tag), tagging.tags_member) if self.knows(tagging.tag) else None
        for where, shape in (("the description", self.described(tagging.read)), (tagging.tag, written)):
            if shape is None:
                yield f"tagging: {where} has no tags at {tagging.read}"
            elif (shape.type_name == "map") is not (tagging.style == "map"):
                yield f"tagging: tags of {where} are a {shape.type_name}, style is {tagging.style}"

    def states(self) -> Iterator[str]:
        states = self.resource.states
        if states is None:
            return
        shape = self.described(states.path)
        if shape is None:
            yield f"states: the description has no {states.path}"
            return
        groups = {
            "ready": states.ready,
            "pending": states.pending,
            "deleting": states.deleting,
            "failed": set(states.failed),
            "degraded": set(states.degraded),
            "gone": states.gone,
        }
        for state in sorted({state for group in groups.values() for state in group}):
            members = [name for name, group in groups.items() if state in group]
            if len(members) > 1:
                yield f"states: {state} is in {' and '.join(members)}"
        if states.remade - set(states.failed):
            yield f"states: {', '.join(sorted(states.remade - set(states.failed)))} is made again and isn't failed"
        enum = getattr(shape, "enum", None)
        if enum:
            # The EC2 API gives some states in lower case that its model writes with capitals.
            known = {value.casefold() for value in enum}
            grouped = {state.casefold() for group in groups.values() for state in group}
            if known - grouped:
                yield f"states: {', '.join(sorted(known - grouped))} of {states.path} stand in no group"
            if grouped - known:
                yield f"states: AWS has no {', '.join(sorted(grouped - known))} in {states.path}"

    def codes(self) -> Iterator[str]:
        """Error codes, where the model of the service lists them."""
        resource = self.resource
        for where, operation, codes in (
            ("describe.missing", resource.describe.operation, resource.describe.missing),
            ("create.exists", resource.create.operation, resource.create.exists),
            ("delete.missing", resource.delete.operation, resource.delete.missing),
            *(("additions", addition.operation, addition.missing) for addition in resource.additions),
            *(
                (f"updates[{name!r}].missing", update.remove, update.missing)
                for name, update in resource.updates.items()
                if update.remove
            ),
        ):
            if self.knows(operation):
                yield from self.unknown(where, codes, {operation})
        for where, codes in (("passing", resource.passing), ("absent", resource.absent)):
            operations = self.declared_operations() if where == "passing" else self.model.operation_names
            yield from self.unknown(where, codes, set(operations))

    def unknown(self, where: str, codes: Iterable[str], operations: set[str]) -> Iterator[str]:
        shapes = [
            shape
            for operation in operations
            if self.knows(operation)
            for shape in self.model.operation_model(operation).error_shapes
        ]
        known = {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
        for code in codes if known else []:
            if code not in known and f"{self.name}.{code}" not in self.exceptions.unlisted_codes:
                yield f"{where}: {' and '.join(sorted(operations))} never answers {code}"

    # -- Requests

    def requests(self) -> Iterator[str]:
        """Every request that the module makes of all its options is one that AWS takes."""
        for number, (operation, request) in enumerate(self.sample_requests()):
            yield from self.invalid(operation, request)
            # The first one is that of create; the same operation may also change what exists.
            if number == 0 and self.resource.tagging and self.knows(operation):
                taken = [name for name in TAG_MEMBERS if name in self.input(operation).members]
                if taken and not any(name in request for name in taken):
                    yield f"{operation} takes {taken[0]}, and the request has no tags"

    def sample_requests(self) -> Iterator[tuple[str, dict]]:
        """The requests of all options, made of sample values. Of options that exclude each other the first is given."""
        params = {
            name: sample_option(f"{self.name}.{name}", option, self.exceptions.samples)
            for name, option in self.declared.options.items()
        }
        for group in self.declared.arguments.get("mutually_exclusive", []):
            params |= dict.fromkeys(group[1:])
        params |= {"state": "present", "owned_by": None, "tags": {"key": "value"}}
        resource = self.resource(ScriptedModule(ScriptedAws(), params))  # type: ignore[arg-type]
        create = self.resource.create
        request = resource.create_request()
        if create.token:
            request[create.token] = resource.token
        if create.tags and self.resource.tagging:
            set_path(request, create.tags, resource.encoded_tags(params["tags"]))
        yield create.operation, request
        current: dict[str, Any] = {}
        for at, shape in self.description:
            while shape.type_name == "list":
                shape = shape.member
            if at:
                set_path(current, at, sample(shape))
            else:
                current |= sample(shape)
        yield self.resource.describe.operation, self.describe_request(resource)
        yield self.resource.delete.operation, resource.delete_request(current)
        for addition in self.resource.additions:
            if not addition.by_hand:
                yield addition.operation, resource.target(addition, current)
        for name, update in self.resource.updates.items():
            if not hasattr(resource, f"update_{name}"):
                yield from self.update_requests(resource, name, update, current)

    def update_requests(
        self, resource: Resource, name: str, update: Update, current: dict
    ) -> Iterator[tuple[str, dict]]:
        changes = {
            setting.option: Change(setting, setting.absent, resource.options[setting.option])
            for setting in resource.settings_of(name)
            if resource.options.get(setting.option) is not None
        }
        if update.clear:
            yield update.clear, resource.target(update, current)
        if not update.remove:
            yield update.operation, resource.update_request(name, changes, current)
            return
        sent: list[tuple[str, dict]] = []
        with mock.patch.object(resource, "write", lambda operation, request, *_more: sent.append((operation, request))):
            for change in changes.values():
                resource.change_elements(update, change, current)
                resource.change_elements(update, Change(change.setting, change.desired, []), current)
        yield from sent

    def describe_request(self, resource: Resource) -> dict:
        # Some are described by an ARN that another call has to give first.
        if getattr(resource, "arn", "") is None:
            vars(resource)["arn"] = "arn:aws:iam::123456789012:kind/sample"
        return resource.describe_request()

    def invalid(self, operation: str, request: Mapping[str, Any]) -> Iterator[str]:
        shape = self.input(operation)
        if shape is None:
            return
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            yield f"{operation} refuses a request of sample values: {report.generate_report()}"

    # -- Documentation

    def documented(self) -> Iterator[str]:
        yield from self.differing("", self.declared.options, self.declared.documentation["options"])

    def differing(self, path: str, options: Mapping[str, Any], texts: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted(set(options) - set(texts)):
            yield f"option {path}{name} isn't documented"
        for name in sorted(set(texts) - set(options)):
            yield f"documents {path}{name}, which isn't an option"
        for name in sorted(set(options) & set(texts)):
            option, text = options[name], texts[name]
            for key, default in (("type", "str"), ("elements", None), ("required", False), ("default", None)):
                if option.get(key, default) != text.get(key, default):
                    yield f"option {path}{name}: {key} is {option.get(key)!r}, documented {text.get(key)!r}"
            for key in ("choices", "aliases"):
                if set(option.get(key) or ()) != set(text.get(key) or ()):
                    yield f"option {path}{name}: {key} are {option.get(key)}, documented {text.get(key)}"
            if not text.get("description"):
                yield f"option {path}{name} has no description"
            yield from self.differing(f"{path}{name}.", option.get("options") or {}, text.get("suboptions") or {})


def constants_of(resource: type[Resource]) -> set[str]:
    """The texts that stand in the code of a module and of the bases that are only of some modules."""
    return {text for cls in _own_classes(resource) for text in _texts(_source(cls))}


def _own_classes(resource: type[Resource]) -> list[type]:
    plugins = "ansible_collections.agent_platform.aws.plugins."
    shared = Resource.__mro__
    return [cls for cls in resource.__mro__ if cls.__module__.startswith(plugins) and cls not in shared]


def _names_of_operations(source: str, operations: Iterable[str]) -> set[str]:
    """The operations that a piece of code names in a text of its own."""
    return _texts(source) & set(operations)


def _texts(source: str) -> set[str]:
    """The texts of a piece of code, but for those that say what is left out."""
    tree = ast.parse(source)
    left_out = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "unmanaged"
        for part in ast.walk(node)
    }
    values = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in left_out}
    return {value for value in values if isinstance(value, str)}


def _source(cls: type) -> str:
    return Path(inspect.getfile(cls)).read_text()
