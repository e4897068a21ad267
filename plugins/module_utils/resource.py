# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base of the collection's modules: one AWS resource, declared, and brought to the declared state.

A module is a subclass of Resource that declares how the resource is found, which options are which API members,
which call changes them, its tags and its states. The base reads the resource, decides, acts, waits and reads again,
and does so until nothing is left to do: a write is sent once, and after a failure that may have been a success the
resource is read before anything is repeated. So a lost reply creates nothing twice.
"""

from __future__ import annotations

import copy
import functools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict, snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)
from ansible_collections.amazon.aws.plugins.module_utils.transformation import boto3_resource_to_ansible_dict

from .faults import AWS_ERRORS, Outcome, ResourceError, describe_failure, error_code, error_text, outcome

try:
    from botocore import xform_name
    from botocore.config import Config
except ImportError:  # AnsibleAWSModule reports the missing library
    pass

COMMON_OPTIONS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int"},
    "owned_by": {"type": "dict"},
}
TAG_OPTIONS = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}

# A write is tried again after throttling and lost replies, and a read after a create until the resource is seen.
WRITE_ATTEMPTS = 8
READ_ATTEMPTS = 8
LONGEST_PAUSE = 20.0
# How long a resource that AWS has just accepted may stay invisible to reads (EC2 and IAM are eventually consistent).
VISIBLE_AFTER = 10.0


class Repeat(Exception):
    """A write did not end in success; read the resource again and decide anew. doing: which write it was."""

    def __init__(self, error: Exception, message: str, may_be_done: bool, doing: str):
        super().__init__(message)
        self.error = error
        self.may_be_done = may_be_done
        self.doing = doing


@dataclass(frozen=True)
class Setting:
    """One module option and the API member that holds its value.

    option: the module's option; None as its value means: leave alone.
    member: path of the member in the create request (dots between levels), None if create doesn't take it.
    read: path in the description, where it differs from member.
    update: name of the entry in Resource.updates that changes it; None means it can't be changed.
    unordered: the value is a list whose order has no meaning.
    absent: the value that a description without the member stands for.
    update_members: the members of the update call, where its request doesn't take the value as member.
    same: tells whether two values mean the same, where plain comparison doesn't (policies).
    verbatim: the keys of the value are the user's own (labels), not member names.
    encode, decode: option value to API value and back, where that is more than a change of case.
    secret: the value must not be shown.
    """

    option: str
    member: str | None
    read: str | None = None
    update: str | None = None
    update_members: tuple[str, ...] = ()
    same: Callable[[Any, Any], bool] | None = None
    unordered: bool = False
    absent: Any = None
    verbatim: bool = False
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    secret: bool = False

    @property
    def path(self) -> str:
        return self.read or self.member or self.option

    def satisfied(self, current: Any, desired: Any) -> bool:
        if self.same:
            return self.same(current, desired)
        return is_satisfied(current, desired, self.unordered)


@dataclass(frozen=True)
class Describe:
    """The call that reads the resource: operation, where in the response it is, error codes that mean absent.

    many: it is among several. The path to them may lead through lists, whose elements are taken together.
    """

    operation: str
    path: str
    missing: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True)
class Addition:
    """A further read call whose answer complete() puts into the description, for the model test.

    path: what is taken of the response. at: where it goes in the description, empty for the top.
    """

    operation: str
    path: str
    at: str = ""


@dataclass(frozen=True)
class Create:
    """The call that makes the resource.

    token: the member that takes a client token. exists: error codes that mean it is there already.
    tags: the member that takes the tags (see Tagging), None where create takes none.
    """

    operation: str
    token: str | None = None
    exists: tuple[str, ...] = ()
    tags: str | None = "tags"


@dataclass(frozen=True)
class Update:
    """A call that changes settings. whole: the call replaces, so every declared setting of it is sent, not only
    those that differ. token: the member that takes a client token."""

    operation: str
    whole: bool = False
    token: str | None = None


@dataclass(frozen=True)
class Delete:
    operation: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tagging:
    """How tags are read and changed.

    read: path of the tags in the description. arn: path of what the calls name the resource by.
    style: "map" ({key: value}) or "list" ([{Key, Value}]).
    tags_member: path of the member that takes the tags. keys_member: the one that takes what to remove; None where the
    calls know no single tags: tag replaces them all, untag removes them all.
    """

    tag: str
    untag: str
    arn: str
    read: str = "tags"
    style: str = "map"
    resource_member: str = "resourceArn"
    tags_member: str = "tags"
    keys_member: str | None = "tagKeys"
    many: bool = False
    untag_style: str = "keys"


@dataclass(frozen=True)
class States:
    """The life of a resource that isn't ready at once.

    Every value the API may give stands in one of the groups. failed and degraded map a state to the remedy: a failed
    resource can't be used or changed, a degraded one can be changed, and may be mended by that.
    """

    path: str
    ready: frozenset[str]
    pending: frozenset[str] = frozenset()
    deleting: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """The difference in one setting, both sides in the module's own terms."""

    setting: Setting
    current: Any
    desired: Any


def get_path(tree: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path of nested dicts, or the default."""
    for key in path.split("."):
        if not isinstance(tree, Mapping) or key not in tree:
            return default
        tree = tree[key]
    return tree


def gather(tree: Any, path: str) -> list:
    """All that stands at a dotted path, which may lead through lists, as one list."""
    if isinstance(tree, list):
        return [item for one in tree for item in gather(one, path)]
    key, _, rest = path.partition(".")
    if not key:
        return [tree]
    return gather(tree[key], rest) if isinstance(tree, Mapping) and tree.get(key) is not None else []


def set_path(tree: dict, path: str, value: Any) -> None:
    """Put a value at a dotted path of nested dicts, making the levels between."""
    *parents, last = path.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = value


def without_unset(value: Any) -> Any:
    """The value without the None that Ansible puts for suboptions the user left out."""
    if isinstance(value, Mapping):
        return {key: without_unset(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_unset(item) for item in value]
    return value


def is_satisfied(current: Any, desired: Any, unordered: bool = False) -> bool:
    """Whether what AWS holds is what was declared. Keys of a dict that weren't declared don't count; a list must
    match as a whole."""
    if isinstance(desired, Mapping):
        return isinstance(current, Mapping) and all(
            is_satisfied(current.get(key), value, unordered) for key, value in desired.items()
        )
    if isinstance(desired, list):
        if not isinstance(current, list):
            return not desired and not current
        if len(current) != len(desired):
            return False
        if not unordered:
            return all(is_satisfied(have, want) for have, want in zip(current, desired, strict=True))
        rest = list(current)
        for want in desired:
            match = next((have for have in rest if is_satisfied(have, want, unordered)), None)
            if match is None:
                return False
            rest.remove(match)
        return True
    if current is None and desired == "":
        return True
    return current == desired


class Resource:
    """One AWS resource of a module call. Subclasses declare; see the class attributes."""

    service: str = ""
    kind: str = ""  # the words for it in messages: "EKS add-on"
    result: str = ""  # the key of the resource in the module's result
    names: Mapping[str, str] = {}  # API member -> option: what identifies it in describe, update and delete
    describe: Describe
    create: Create
    delete: Delete
    settings: tuple[Setting, ...] = ()
    updates: Mapping[str, Update] = {}
    tagging: Tagging | None = None
    states: States | None = None
    identifier: str | None = None  # member that tells two resources with the same tags apart: "FlowLogId"
    unique_name: bool = True  # AWS refuses a second one with the same names
    capital_members: bool = False  # members are written LikeThis (EC2, IAM), not likeThis
    free_form: tuple[str, ...] = ()  # members of the description whose keys are the user's own
    # Refusals that pass by themselves: error code -> parts of the message. For what AWS has just made and not yet seen.
    passing: Mapping[str, tuple[str, ...]] = {}
    timeout: int = 600  # seconds, where the user gives no wait_timeout
    poll: float = 15.0  # longest pause between two looks while waiting, seconds
    extra_operations: tuple[str, ...] = ()  # further operations that the subclass calls, for the model test
    additions: tuple[Addition, ...] = ()  # further reads that complete() makes, for the model test

    def __init__(self, module: AnsibleAWSModule):
        self.module = module
        self.options = module.params
        self.check_mode = module.check_mode
        self.token = uuid.uuid4().hex
        self.changed = False
        self.accepted = False  # AWS has accepted a create in this run

    # ---- What a subclass may refine

    def describe_request(self) -> dict:
        return self.named()

    def create_request(self) -> dict:
        """The request of the create call, without token and tags."""
        request = self.named()
        for setting in self.settings:
            if setting.member and self.options.get(setting.option) is not None:
                set_path(request, setting.member, self.encoded(setting))
        return request

    def update_request(self, name: str, changes: Mapping[str, Change], current: dict) -> dict:
        """The request of one update call. changes: those of this call, by option."""
        request = self.named()
        update = self.updates[name]
        for setting in self.settings:
            if setting.update != name or self.options.get(setting.option) is None:
                continue
            if update.whole or setting.option in changes:
                member = setting.update_members[0] if setting.update_members else setting.member or setting.option
                set_path(request, member, self.encoded(setting))
        return request

    def delete_request(self, current: dict) -> dict:
        return self.named()

    def tag_request(self, current: dict) -> Any:
        """What the tagging calls name the resource by."""
        return get_path(current, self.tagging.arn)

    def complete(self, description: dict) -> dict:
        """The description with what other read calls add to it."""
        return description

    def select(self, found: list[dict]) -> list[dict]:
        """Those of the resources found that are the one meant."""
        return found

    def apply_update(self, name: str, changes: Mapping[str, Change], current: dict) -> None:
        update = self.updates[name]
        request = self.update_request(name, changes, current)
        if update.token:
            request[update.token] = uuid.uuid4().hex
        self.updated(name, self.write(update.operation, request, f"update {self.title}"))

    def updated(self, name: str, response: dict) -> None:
        """After an update call was accepted."""

    def created(self, response: dict) -> None:
        """After the create call was accepted."""

    def deleted(self, response: dict) -> None:
        """After the delete call was accepted."""

    def before_delete(self, current: dict) -> None:
        """What must go before the resource can."""

    def refuse(self, current: dict | None, changes: Mapping[str, Change]) -> None:
        """Raise ResourceError for a change that AWS or good sense forbids, before anything is written."""

    def reasons(self, current: dict) -> str:
        """AWS's own explanation of a failed or degraded state."""
        return ""

    # ---- Words and values

    @property
    def title(self) -> str:
        """The resource in messages: its kind and its names, the most specific first."""
        names = [str(self.options[option]) for option in reversed(list(self.names.values()))]
        return f"{self.kind} {' of '.join(repr(name) for name in names)}"

    def named(self) -> dict:
        return {member: self.options[option] for member, option in self.names.items()}

    def encoded(self, setting: Setting) -> Any:
        return self.encode(setting, without_unset(self.options[setting.option]))

    def encode(self, setting: Setting, value: Any) -> Any:
        if setting.encode:
            return setting.encode(value)
        if setting.verbatim:
            return value
        return self._members(value)

    def _members(self, value: Any) -> Any:
        if isinstance(value, dict):
            return snake_dict_to_camel_dict(value, capitalize_first=self.capital_members)
        if isinstance(value, list):
            return [self._members(item) for item in value]
        return value

    def decoded(self, setting: Setting, description: Mapping) -> Any:
        """The setting's value in a description, in the module's own terms."""
        value = get_path(description, setting.path)
        if value is None:
            return setting.absent
        if setting.decode:
            return setting.decode(value)
        return value if setting.verbatim else _snake(value)

    def changes(self, current: Mapping) -> dict[str, Change]:
        """What differs between the description and the options that the user has set."""
        found = {}
        for setting in self.settings:
            desired = without_unset(self.options.get(setting.option))
            if desired is None:
                continue
            have = self.decoded(setting, current)
            if not setting.satisfied(have, desired):
                found[setting.option] = Change(setting, have, desired)
        return found

    def tags_of(self, description: Mapping) -> dict[str, str]:
        tags = get_path(description, self.tagging.read) or {}
        return dict(tags) if isinstance(tags, Mapping) else boto3_tag_list_to_ansible_dict(tags)

    def tag_changes(self, current: Mapping) -> tuple[dict[str, str], list[str]]:
        """Tags to set and tag keys to remove."""
        if self.tagging is None or self.options.get("tags") is None:
            return {}, []
        wanted = {key: str(value) for key, value in self.options["tags"].items()}
        return compare_aws_tags(self.tags_of(current), wanted, self.options["purge_tags"])

    # ---- Calls

    @functools.cached_property
    def reader(self) -> Any:
        """The client for reads, which the SDK may repeat."""
        return self.client(self.service, attempts=8)

    @functools.cached_property
    def writer(self) -> Any:
        """The client for writes: sent once; what follows a failure is decided by converge()."""
        return self.client(self.service, attempts=1)

    def client(self, service: str, attempts: int) -> Any:
        return self.module.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": attempts}))

    def read(
        self, operation: str, request: Mapping, missing: Iterable[str] = (), doing: str | None = None
    ) -> dict | None:
        """The whole response of a read call, all pages; None if AWS says that the thing doesn't exist."""
        method = xform_name(operation)
        try:
            if self.reader.can_paginate(method):
                return self.reader.get_paginator(method).paginate(**request).build_full_result()
            return getattr(self.reader, method)(**request)
        except AWS_ERRORS as error:
            if error_code(error) in missing:
                return None
            raise self.failure(error, doing or f"read {self.title}", operation) from error

    def write(self, operation: str, request: Mapping, doing: str, missing: Iterable[str] = ()) -> dict:
        """Send a write once. Raises Repeat where the resource must be read before it is known how to go on."""
        try:
            response = self.send(operation, request)
        except AWS_ERRORS as error:
            code = error_code(error)
            if code in missing:
                return {}
            known = outcome(error)
            passing = any(part in error_text(error) for part in self.passing.get(code, ()))
            if known is Outcome.REFUSED and not passing:
                raise self.failure(error, doing, operation) from error
            message = str(self.failure(error, doing, operation))
            raise Repeat(error, message, known is Outcome.UNKNOWN, doing) from error
        self.changed = True
        return response

    def send(self, operation: str, request: Mapping) -> dict:
        """The write call itself. A subclass raises ClientError here for failures that come as a success."""
        return getattr(self.writer, xform_name(operation))(**request)

    def failure(self, error: Exception, doing: str, operation: str) -> ResourceError:
        return ResourceError(describe_failure(error, doing, self.service, operation), error)

    # ---- Reading

    def find(self) -> dict | None:
        """The resource as AWS describes it now, or None."""
        response = self.read(self.describe.operation, self.describe_request(), self.describe.missing)
        if response is None:
            return None
        if self.describe.many:
            found = self.one_of(self.select(gather(response, self.describe.path)))
        else:
            found = get_path(response, self.describe.path) if self.describe.path else response
        if not found or (self.states and get_path(found, self.states.path) in self.states.gone):
            return None
        return self.complete(found)

    def one_of(self, found: list[dict]) -> dict | None:
        """Of several that answer the description, always the same one; the others are reported, never touched."""
        if self.states:
            found = [item for item in found if get_path(item, self.states.path) not in self.states.gone]
            alive = [item for item in found if get_path(item, self.states.path) not in self.states.deleting]
            found = alive or found
        if len(found) > 1:
            found = sorted(found, key=lambda item: str(get_path(item, self.identifier)))
            others = ", ".join(str(get_path(item, self.identifier)) for item in found[1:])
            self.module.warn(
                f"There are {len(found)} of {self.title}. {get_path(found[0], self.identifier)} is kept as declared; "
                f"check whether {others} can be deleted."
            )
        return found[0] if found else None

    def find_after_write(self) -> dict | None:
        """The resource, given the time that AWS may need to show what it has accepted."""
        deadline = time.monotonic() + VISIBLE_AFTER
        pause = 0.5
        while True:
            current = self.find()
            if current is not None or time.monotonic() + pause > deadline:
                return current
            time.sleep(pause)
            pause *= 2

    # ---- Waiting

    @property
    def wait_timeout(self) -> int:
        return self.options.get("wait_timeout") or self.timeout

    def wait_until(self, reached: Callable[[dict | None], bool], goal: str) -> dict | None:
        """Read until the condition holds; an error after the timeout names the state it is stuck in."""
        deadline = time.monotonic() + self.wait_timeout
        pause = min(1.0, self.poll)
        while True:
            current = self.find()
            if reached(current):
                return current
            if time.monotonic() + pause > deadline:
                there = get_path(current, self.states.path) if self.states else "there"
                state = there if current else "not visible"
                raise ResourceError(
                    f"{self.title} is still {state} after {self.wait_timeout} s; expected: {goal}. "
                    f"{self.reasons(current) if current else ''} "
                    "Run again to go on waiting, or raise the timeout.".replace("  ", " ")
                )
            time.sleep(pause)
            pause = min(pause * 1.5, self.poll)

    def settle(self, current: dict | None, acted: bool = False) -> dict | None:
        """Wait out what is under way. A failed resource is an error; a degraded one is only after we changed it."""
        if self.states is None or current is None:
            return current
        states = self.states
        if not self.check_mode and self.options["wait"]:
            if get_path(current, states.path) in states.deleting:
                current = self.wait_until(
                    lambda now: now is None or get_path(now, states.path) not in states.deleting, "deleted"
                )
            if current is not None and get_path(current, states.path) in states.pending:
                current = self.wait_until(
                    lambda now: now is not None and get_path(now, states.path) not in states.pending, "ready"
                )
        if current is None:
            return None
        state = get_path(current, states.path)
        if state in states.failed and self.options["state"] == "present":
            raise ResourceError(self._stuck(current, state, states.failed[state]))
        if state in states.degraded and self.options["state"] == "present":
            if acted:
                raise ResourceError(self._stuck(current, state, states.degraded[state]))
            self.module.warn(self._stuck(current, state, states.degraded[state]))
        return current

    def _stuck(self, current: dict, state: str, what_helps: str) -> str:
        return f"{self.title} is {state}. {self.reasons(current)} {what_helps}".replace("  ", " ").strip()

    # ---- Deciding and acting

    def run(self) -> dict:
        """Bring the resource to the declared state. Returns the module's result."""
        before = self.find()
        after = self.converge(before)
        result = {"changed": self.changed, self.result: self.shown(after)}
        if self.module._diff:
            result["diff"] = {"before": self.view(before), "after": self.view(after)}
        return result

    def converge(self, current: dict | None) -> dict | None:
        # Each write has its own: a resource that takes many isn't given up sooner than one that takes a single one.
        attempts: Counter[str] = Counter()
        while True:
            try:
                if self.options["state"] == "present":
                    return self.make_present(current)
                self.make_absent(current)
                return None
            except Repeat as repeat:
                attempts[repeat.doing] += 1
                attempt = attempts[repeat.doing]
                if attempt == WRITE_ATTEMPTS:
                    raise ResourceError(f"{repeat} Given up after {attempt} attempts.", repeat.error) from repeat
                time.sleep(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 0.5 * 2**attempt))
                # A second create is safe where AWS knows it as the first one, by the name or by the token.
                repeatable = self.unique_name or self.create.token
                hidden = repeat.may_be_done and current is None and not repeatable
                current = self.find_after_write() if hidden or self.accepted else self.find()
                # The lost reply may have told of a success.
                self.changed = self.changed or repeat.may_be_done

    def make_present(self, current: dict | None) -> dict | None:
        self.check_owner(current)
        current = self.settle(current)
        if self.check_mode and current and self.states and get_path(current, self.states.path) in self.states.deleting:
            current = None
        if current is None:
            if self.accepted:
                self.seen(current)
            self.refuse(None, {})
            if self.check_mode:
                self.changed = True
                return self.predicted(None)
            current = self.make()
        changes = self.changes(current)
        self.refuse_immutable(changes)
        self.refuse(current, changes)
        set_tags, unset_tags = self.tag_changes(current)
        if not changes and not set_tags and not unset_tags:
            return current
        if self.check_mode:
            self.changed = True
            return self.predicted(current)
        for name in self.updates:
            # Looked at anew: an update may have settled what others were for, or made one necessary.
            changes = self.changes(current)
            mine = {option: change for option, change in changes.items() if change.setting.update == name}
            if mine:
                self.apply_update(name, mine, current)
                current = self.seen(self.settle(self.find_after_write(), acted=True))
        # Looked at anew: an update may have put another resource in its place.
        self.change_tags(current, *self.tag_changes(current))
        return self.find()

    def make(self) -> dict:
        request = self.create_request()
        if self.create.token:
            request[self.create.token] = self.token
        if self.create.tags and self.options.get("tags"):
            set_path(request, self.create.tags, self.encoded_tags(self.options["tags"]))
        doing = f"create {self.title}"
        try:
            response = self.write(self.create.operation, request, doing)
        except ResourceError as error:
            # It came into being since we looked: a lost reply, or someone else. The next look tells.
            if error_code(error.cause) in self.create.exists and self.find_after_write() is not None:
                raise Repeat(error.cause, str(error), False, doing) from error
            raise
        self.accepted = True
        self.created(response)
        return self.settle(self.seen(self.find_after_write()), acted=True)

    def seen(self, current: dict | None) -> dict:
        """What AWS has accepted, as a read shows it; an error where none does, or someone has removed it meanwhile."""
        if current is None:
            raise ResourceError(f"AWS accepted {self.title} but doesn't show it. Run again in a minute.")
        return current

    def make_absent(self, current: dict | None) -> None:
        if current is None:
            return
        self.check_owner(current)
        deleting = self.states and get_path(current, self.states.path) in self.states.deleting
        if self.check_mode:
            self.changed = not deleting
            return
        if not deleting:
            if self.states and get_path(current, self.states.path) in self.states.pending:
                current = self.settle(current)
                if current is None:
                    return
            self.before_delete(current)
            request = self.delete_request(current)
            self.deleted(self.write(self.delete.operation, request, f"delete {self.title}", self.delete.missing))
        if self.options["wait"]:
            self.wait_until_gone(current, bool(deleting))

    def wait_until_gone(self, current: dict, deleting: bool) -> None:
        """Wait for the end of a deletion; an error if AWS gives it up and the resource is left."""
        # Where there are several of one description, the next one comes into view.
        mine = get_path(current, self.identifier) if self.identifier else None
        helps = {**self.states.degraded, **self.states.failed} if self.states else {}

        def over(now: dict | None) -> bool:
            nonlocal deleting
            if now is None or (mine and get_path(now, self.identifier) != mine):
                return True
            # The state from before the deletion may be seen for a moment still; a failed one after DELETING is final.
            state = get_path(now, self.states.path) if self.states else None
            deleting = deleting or bool(self.states and state in self.states.deleting)
            return deleting and state in helps

        left = self.wait_until(over, "deleted")
        if left is None or (mine and get_path(left, self.identifier) != mine):
            return
        state = get_path(left, self.states.path)
        raise ResourceError(f"The deletion was given up. {self._stuck(left, state, helps[state])}")

    def check_owner(self, current: dict | None) -> None:
        """Refuse to touch a resource that lacks the tags which say that it is ours."""
        owner = self.options.get("owned_by")
        if current is None or not owner or self.tagging is None:
            return
        tags = self.tags_of(current)
        foreign = {key: tags.get(key) for key, value in owner.items() if tags.get(key) != str(value)}
        if foreign:
            expected = ", ".join(f"{key}={owner[key]}" for key in foreign)
            actual = ", ".join(f"{key}={value}" if value is not None else f"no {key}" for key, value in foreign.items())
            raise ResourceError(
                f"{self.title} exists but isn't ours: it has {actual}, expected {expected}. "
                "Nothing was changed. Rename one of the two, or give it these tags if it is to be taken over."
            )

    def refuse_immutable(self, changes: Mapping[str, Change]) -> None:
        fixed = {option: change for option, change in changes.items() if change.setting.update is None}
        if fixed:
            listed = "; ".join(
                f"{option}: is {_shown(change, change.current)}, declared {_shown(change, change.desired)}"
                for option, change in fixed.items()
            )
            raise ResourceError(
                f"{self.title} can't be changed in place ({listed}). "
                "Go back to the present value, or remove the resource (state: absent) and run again."
            )

    def encoded_tags(self, tags: Mapping[str, Any]) -> Any:
        texts = {key: str(value) for key, value in tags.items()}
        return texts if self.tagging.style == "map" else ansible_dict_to_boto3_tag_list(texts)

    def change_tags(self, current: dict, set_tags: dict[str, str], unset_tags: list[str]) -> None:
        tagging = self.tagging
        if not (set_tags or unset_tags):
            return
        resource = self.tag_request(current)
        target = {tagging.resource_member: [resource] if tagging.many else resource}
        if tagging.keys_member is None:
            # Those of AWS itself (aws:...) must be sent, too.
            set_tags = {**self.tags_of(current), **set_tags}
            set_tags = {key: value for key, value in set_tags.items() if key not in unset_tags}
            if not set_tags:
                self.write(tagging.untag, target, f"remove tags of {self.title}")
        elif unset_tags:
            keys = unset_tags if tagging.untag_style == "keys" else [{"Key": key} for key in unset_tags]
            self.write(tagging.untag, {**target, tagging.keys_member: keys}, f"remove tags of {self.title}")
        if set_tags:
            set_path(target, tagging.tags_member, self.encoded_tags(set_tags))
            self.write(tagging.tag, target, f"tag {self.title}")

    # ---- What the user sees

    def predicted(self, current: dict | None) -> dict:
        """The description as it would be after a run that isn't a dry one."""
        future = copy.deepcopy(current) if current else dict(self.named())
        for change in self.changes(future).values():
            setting = change.setting
            value = self.encode(setting, change.desired)
            have = get_path(future, setting.path)
            merged = {**have, **value} if isinstance(have, dict) and isinstance(value, dict) else value
            set_path(future, setting.path, merged)
        if self.tagging and self.options.get("tags") is not None:
            set_tags, unset_tags = self.tag_changes(future)
            tags = {key: value for key, value in self.tags_of(future).items() if key not in unset_tags}
            set_path(future, self.tagging.read, self.encoded_tags({**tags, **set_tags}))
        return future

    def shown(self, description: dict | None) -> dict:
        """The resource in the module's result: snake_case, tags as a dict, secrets left out."""
        if not description:
            return {}
        ignored = list(self.free_form)
        tags = self.tags_of(description) if self.tagging else None
        result = boto3_resource_to_ansible_dict(
            description, transform_tags=False, force_tags=False, ignore_list=ignored
        )
        for setting in self.settings:
            if setting.secret:
                result.pop(_snake_key(setting.path.split(".", 1)[0]), None)
        if tags is not None:
            result.pop("tag_list", None)
            result["tags"] = tags
        return result

    def view(self, description: dict | None) -> dict:
        """The settings that the user has declared, as the description holds them: one side of the diff."""
        if not description:
            return {}
        view = {}
        for setting in self.settings:
            if self.options.get(setting.option) is not None:
                value = self.decoded(setting, description)
                view[setting.option] = "(not shown)" if setting.secret and value is not None else value
        if self.tagging and self.options.get("tags") is not None:
            view["tags"] = self.tags_of(description)
        return view


def _snake(value: Any) -> Any:
    if isinstance(value, Mapping):
        return camel_dict_to_snake_dict(dict(value))
    if isinstance(value, list):
        return [_snake(item) for item in value]
    return value


def _snake_key(member: str) -> str:
    return next(iter(camel_dict_to_snake_dict({member: None})))


def _shown(change: Change, value: Any) -> str:
    return "(not shown)" if change.setting.secret else repr(value)


def run_module(resource: type[Resource], argument_spec: Mapping[str, Any], **kwargs: Any) -> None:
    """The main function of every module on this base. kwargs: as for AnsibleModule (required_if and the like)."""
    options = {**COMMON_OPTIONS, **(TAG_OPTIONS if resource.tagging else {}), **argument_spec}
    module = AnsibleAWSModule(argument_spec=options, supports_check_mode=True, **kwargs)
    try:
        result = resource(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)
