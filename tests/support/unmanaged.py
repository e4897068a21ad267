# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS lets others change of a resource and its module doesn't look at: of botocore's model, of what the modules
declare, and of what the READMEs of roles say.

`PYTHONPATH=collections python -m tests.support.unmanaged` writes the sections of the READMEs anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.declarations import paths_of
from ansible_collections.agent_platform.aws.plugins.module_utils.values import get_path, set_path
from tests.support import components, readmes
from tests.support.declarations import TOKENS, Checker, constants_of, load, module_names
from tests.support.readmes import readme

# Operations that begin so change nothing of a resource, though some of them work with it.
READ = re.compile(
    r"(AdminGet|AdminList|BatchGet|CreateSession|Decrypt|Derive|Describe|Encrypt|Filter|Generate|Get|Head|List|Lookup|"
    r"QueryVectors|ReEncrypt|Search|SelectObject|Sign|Simulate|StartLiveTail|StartQuery|Test|Validate|Verify)"
)
# Members of requests that say how something is asked, not what for.
MANNERS = {*TOKENS, "ChecksumAlgorithm", "ContentMD5", "DryRun", "ExpectedBucketOwner", "MFA", "dryRun"}
# Members that name what is inside of a resource, of a service or of one module: what needs them changes the content and
# not the resource.
CONTENT = {
    "cognito_idp_user_pool": {
        "ClientId",
        "ClientName",
        "Domain",
        "GroupName",
        "Identifier",
        "JobId",
        "JobName",
        "ManagedLoginBrandingId",
        "ProviderName",
        "RegionName",
        "TermsId",
        "Username",
    },
    "ecr": {"imageManifest", "layerDigests", "uploadId"},
    "logs": {"logStreamName"},
    "s3": {"Key", "UploadId"},
    "s3vectors": {"keys", "vectors"},
}
# What stands in the names of the operations that are about a module's resource, where the service names all of its
# resources by the same member.
NOUNS = {
    "cloudfront_distribution": "Distribution",
    "cloudfront_function": "Function",
    "cloudfront_origin_access_control": "OriginAccessControl",
    "cloudfront_response_headers_policy": "ResponseHeadersPolicy",
    "cloudfront_vpc_origin": "VpcOrigin",
}
# How the members end that name one and the same thing.
ENDING = r"(Identifier|Arn|ARN|Name|Id)"
HEADING = "## Not managed"
section = partial(readmes.section, heading=HEADING)
with_section = partial(readmes.with_section, heading=HEADING)
PREFACE = """\
What AWS's API can change of these resources or set at their creation, in brackets members of calls, and no run looks
at: there is AWS's default, or what others have made of it."""


@dataclass(frozen=True)
class Regarded:
    """What is right though it seems to be left out, with the reason."""

    # Operations that change something else, though they take such a member, as "module.Operation".
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    # Members that no request has and that are looked at nevertheless, with all below, as "module.Operation.Member".
    members: Mapping[str, str] = field(default_factory=dict)


def names_the_same(member: str, declared: str) -> bool:
    """Whether a member of a request names what the declared one names: logGroupIdentifier for logGroupName."""
    parts = re.fullmatch(rf"(.+?){ENDING}s?", declared)
    return bool(parts and re.fullmatch(rf"{parts[1]}{ENDING}s?", member, re.IGNORECASE)) or member == declared


def is_text(shape: Any) -> bool:
    return (shape.member if shape.type_name == "list" else shape).type_name == "string"


@cache
def calls_of_all() -> Mapping[str, set[tuple[str, str]]]:
    """Service and operation of all that each module calls."""
    checkers = [Checker(load(name)) for name in module_names()]
    return {
        checker.name: {(checker.resource.service, operation) for operation in checker.declared_operations()}
        for checker in checkers
    }


class Coverage:
    """What AWS can change of the resource of one module, and what the module says of that."""

    def __init__(self, checker: Checker, regarded: Regarded):
        self.checker = checker
        self.resource = checker.resource
        self.regarded = regarded

    def problems(self) -> list[str]:
        said, left = self.resource.unmanaged, dict.fromkeys(self.left())
        found = [f"{name} is neither used nor in unmanaged" for name in left if name not in said]
        stale = "unmanaged has {}, which is used, changes nothing of the resource, or is none of AWS"
        found += [stale.format(name) for name in said if name not in left]
        found += [f"unmanaged gives no reason for {name}" for name, why in said.items() if not why.strip()]
        return [f"{self.checker.name}: {problem}" for problem in found]

    def left(self) -> Iterator[str]:
        """What no module looks at: operations, and members of those that this one uses."""
        service, own = self.resource.service, self.checker.declared_operations()
        elsewhere = [calls for name, calls in calls_of_all().items() if name != self.checker.name]
        for operation in self.writes():
            if operation not in own and not any((service, operation) in calls for calls in elsewhere):
                yield operation
        for operation, taken in self.taken().items():
            yield from untaken(self.checker.input(operation), taken, operation, self.is_regarded)

    def is_regarded(self, path: str) -> bool:
        return f"{self.checker.name}.{path}" in self.regarded.members

    def writes(self) -> Iterator[str]:
        """The operations that change the resource, or what is attached to it."""
        inside = CONTENT.get(self.resource.service, set()) | CONTENT.get(self.checker.name, set())
        for operation in self.checker.model.operation_names:
            shape = self.checker.input(operation)
            if shape is None or READ.match(operation) or f"{self.checker.name}.{operation}" in self.regarded.elsewhere:
                continue
            if NOUNS.get(self.checker.name, "") not in operation:
                continue
            members = [name for name, inner in shape.members.items() if is_text(inner)]
            if not inside & set(shape.required_members) and any(self.takes(members, way) for way in self.ways()):
                yield operation

    @staticmethod
    def takes(members: Iterable[str], way: Iterable[str]) -> bool:
        return all(any(names_the_same(member, name) for member in members) for name in way)

    def ways(self) -> list[Iterable[str]]:
        """The members by which the declared calls name the resource."""
        resource = self.resource
        calls = [resource.delete, *resource.updates.values()]
        ways: list[Iterable[str]] = [paths_of(call.by) for call in calls if call.by is not None]
        ways = ways if resource.delete.by is not None else [*ways, resource.names]
        # What an account has one of needs no name, and nothing else is called without one.
        return ways if resource.names else [way for way in ways if way]

    def taken(self) -> dict[str, list[Any]]:
        """The calls of create and of the updates, each with what they send: samples of requests, names of members."""
        resource = self.resource
        calls = {name: update.operation for name, update in resource.updates.items()}
        calls[None] = resource.create.operation
        found: dict[str, list[Any]] = {operation: [] for operation in calls.values()}
        for operation, request in self.checker.sample_requests():
            if operation in found:
                found[operation].append(request)
        for setting in resource.settings:
            declared = {None: (setting.member,) if setting.member else (), setting.update: setting.members}
            for name, members in declared.items():
                sent = found[calls[name]]
                # Samples are more precise.
                for path in members:
                    if all(get_path(request, path) is None for request in sent):
                        sent.append({})
                        set_path(sent[-1], path, True)
        for name, update in resource.updates.items():
            # What code of its own sends is known by the names that it has.
            if hasattr(resource, f"update_{name}"):
                found[update.operation].append(dict.fromkeys(constants_of(resource), True))
        return found


def untaken(shape: Any, taken: Iterable[Any], above: str, regarded: Callable[[str], bool]) -> Iterator[str]:
    """The paths of the members that none of the requests has."""
    for name, inner in shape.members.items() if shape else ():
        path = f"{above}.{name}"
        values = [request[name] for request in taken if name in request]
        if name in MANNERS or regarded(path):
            continue
        if not values:
            yield path
        parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
        while inner.type_name == "list":
            inner = inner.member
        # Where code of its own makes a member, what it puts into it isn't known.
        if inner.type_name == "structure" and parts and all(isinstance(part, Mapping) for part in parts):
            yield from untaken(inner, parts, path, regarded)


# ---- READMEs


def modules_of(role: str) -> list[str]:
    """The modules that the tasks of a role use, and those of the roles that it includes."""
    return sorted(components.words(role) & set(module_names()))


def table(role: str) -> str:
    """The section of the role's README; nothing where it looks at everything."""
    rows: dict[tuple[str, str], list[str]] = {}
    for module in modules_of(role):
        resource = load(module).resource
        for name, why in resource.unmanaged.items():
            rows.setdefault((resource.kind, why), []).append(name)
    lines = [f"| {kind} | {shown(names)} | {why} |" for (kind, why), names in rows.items()]
    for module in modules_of(role):
        if options := left_open(module, [role, *included_by(role)]):
            named = ", ".join(f"`{option}`" for option in options)
            lines.append(f"| {load(module).resource.kind} | {named} of `{module}` | not declared by this role |")
    if not lines:
        return ""
    return "\n".join([HEADING, "", PREFACE, "", "| of | what | why |", "|---|---|---|", *lines, ""])


def included_by(role: str) -> list[str]:
    """The roles that belong to no component and that this one includes."""
    return sorted(word for word in components.words(role) - {role} - set(components.COMPONENTS) if word in set(roles()))


def left_open(module: str, of_roles: Iterable[str]) -> list[str]:
    """The options for what AWS can change that no task of the roles gives, where it makes such a resource."""
    declared = load(module)
    calls = [given for role in of_roles for given in calls_of(role, module) if given.get("state") != "absent"]
    given = set(defaults_of_all().get(module, {})).union(*calls)
    settings = [setting.option for setting in declared.resource.settings if setting.update]
    free = [option for option in settings if declared.options.get(option, {}).get("default") is None]
    return sorted(set(free) - given - {"state"}) if calls else []


def calls_of(role: str, module: str) -> list[Mapping[str, Any]]:
    """What the tasks of the role give the module, at any depth of blocks."""
    folder = components.ROLES / role
    files = sorted((folder / "tasks").glob("*.yml"))
    tasks = [task for file in files for task in _flat(yaml.safe_load(file.read_text()) or [])]
    name, constants = f"agent_platform.aws.{module}", folder / "vars/main.yml"
    variables = yaml.safe_load(constants.read_text()) if constants.exists() else {}
    return [
        call
        for task in tasks
        if isinstance(task.get(name), Mapping)
        for call in _calls_in(task[name], {**variables, **task.get("vars", {})})
    ]


def _calls_in(given: Mapping[str, Any], variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a task gives its module: once, or for each kind of entry of an aggregate."""
    if "aggregate" not in given:
        return [given]
    return [{**given, **entry} for entry in entries_in(given["aggregate"], variables)]


def entries_in(value: Any, variables: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The dicts that a value consists of, as far as they are written down: in it, or in the variables that it names."""
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from entries_in(item, variables)
    elif isinstance(value, str):
        # The lookup `each` fills in one of them; the others are what it does so for.
        for name in re.findall(r"\bentry='(\w+)'", value) or re.findall(r"\b__\w+", value):
            others = {other: inner for other, inner in variables.items() if other != name}
            yield from entries_in(variables.get(name), others)


def _flat(tasks: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _flat(task.get(part, []))


@cache
def defaults_of_all() -> Mapping[str, Mapping[str, Any]]:
    """What all components give a module, by its name."""
    (task,) = [
        task
        for task in yaml.safe_load((components.ROOT / "playbooks/tasks/component.yml").read_text())
        if "module_defaults" in task
    ]
    defaults = {name: given for name, given in task["module_defaults"].items() if not name.startswith("group/")}
    return {name.rpartition(".")[2]: given for name, given in defaults.items()}


def shown(names: Iterable[str]) -> str:
    """The names, those of one operation with their members in brackets; operations with the same members together."""
    members: dict[str, list[str]] = {}
    for name in names:
        operation, _dot, member = name.partition(".")
        members.setdefault(operation, []).append(member)
    operations: dict[tuple[str, ...], list[str]] = {}
    for operation, inner in members.items():
        operations.setdefault(tuple(sorted(inner)), []).append(operation)
    return ", ".join(
        ", ".join(f"`{name}`" for name in together) + (f" (`{', '.join(braced(inner))}`)" if inner != ("",) else "")
        for inner, together in operations.items()
    )


def braced(members: Iterable[str]) -> list[str]:
    """The members, those of the same part together: "ebs.{a, b}"."""
    parts: dict[str, list[str]] = {}
    for member in members:
        part, _dot, last = member.rpartition(".")
        parts.setdefault(part, []).append(last)
    shown = {part: inner[0] if len(inner) == 1 else f"{{{', '.join(inner)}}}" for part, inner in parts.items()}
    return [f"{part}.{last}" if part else ", ".join(parts[part]) for part, last in shown.items()]


def roles() -> list[str]:
    return sorted(path.parent.name for path in components.ROLES.glob("*/tasks"))


if __name__ == "__main__":
    for one in roles():
        readme(one).write_text(with_section(readme(one).read_text(), table(one)))
