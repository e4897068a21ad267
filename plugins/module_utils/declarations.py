# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module declares of its resource: settings, calls, tags and states. They hold no behaviour of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .values import get_path, is_satisfied

# How a call names the resource, where it doesn't take Resource.names: members whose values are taken from the
# description. "GroupId"; several; or the path in the description where it isn't the member's name, in a list where the
# member takes one: {"VpcEndpointIds": ["VpcEndpointId"]}.
By = "str | tuple[str, ...] | Mapping[str, str | list[str]]"


def paths_of(by: By) -> dict[str, str | list[str]]:
    """The members that name the resource, each with the path in the description."""
    if isinstance(by, Mapping):
        return dict(by)
    return {member: member for member in ((by,) if isinstance(by, str) else by)}


def named_by(by: By, description: Mapping) -> dict:
    """The members of a request that name the resource of that description."""
    return {
        member: [get_path(description, path[0])] if isinstance(path, list) else get_path(description, path)
        for member, path in paths_of(by).items()
    }


@dataclass(frozen=True)
class Setting:
    """One module option and the API member that holds its value.

    option: the module's option; None as its value means: leave alone.
    member: path of the member in the create request (dots between levels), None if create doesn't take it.
    read: path in the description, where it differs from member.
    update: name of the entry in Resource.updates that changes it; None means it can't be changed.
    unordered: the value is a list whose order has no meaning.
    partial: the value is a dict that the update call takes as a whole; what of it isn't declared stays as it is.
    key: the value is a list of dicts, and no two have the same value of this suboption.
    absent: the value that a description without the member stands for.
    update_members: the members of the update call, where its request doesn't take the value as member; none of them
        where the call itself says it all.
    same: tells whether two values mean the same, where plain comparison doesn't (policies).
    verbatim: the keys of the value are the user's own (labels), not member names; what isn't declared goes.
    given: the value as it is compared and sent, of the value as the user gives it; ValueError says what is wrong.
    encode, decode: option value to API value and back, where that is more than a change of case.
    secret: the value must not be shown.

    An option purge_<option> that is false keeps the elements of the list that aren't declared.
    """

    option: str
    member: str | None
    read: str | None = None
    update: str | None = None
    update_members: tuple[str, ...] | None = None
    same: Callable[[Any, Any], bool] | None = None
    unordered: bool = False
    partial: bool = False
    key: str | None = None
    absent: Any = None
    verbatim: bool = False
    given: Callable[[Any], Any] | None = None
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    secret: bool = False

    @property
    def path(self) -> str:
        return self.read or self.member or self.option

    @property
    def members(self) -> tuple[str, ...]:
        """The members of the update call that take the value."""
        return (self.member or self.option,) if self.update_members is None else self.update_members

    def satisfied(self, current: Any, desired: Any) -> bool:
        if self.same:
            return self.same(current, desired)
        return is_satisfied(current, desired, self.unordered)

    def name_of(self, element: Any) -> Any:
        """What tells an element of the list from the others."""
        return element[self.key] if self.key else element


@dataclass(frozen=True)
class Describe:
    """The call that reads the resource: operation, where in the response it is, error codes that mean absent.

    many: it is among several. The path to them may lead through lists, whose elements are taken together.
    names: members of the request and the options whose values they take, where they aren't Resource.names.
    """

    operation: str
    path: str
    missing: tuple[str, ...] = ()
    many: bool = False
    names: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Addition:
    """A further read call whose answer goes into the description.

    path: what is taken of the response, empty for all of it. It may lead through lists, whose elements are taken
        together. at: where it goes in the description, empty for the top.
    by: how the call names the resource, where it doesn't take Resource.names.
    missing: error codes that mean that there is nothing to add.
    itself: the call describes the resource, of which a list tells too little: it is gone where this is missing.
    empty: what goes there if so; nothing at all where it is None.
    take: what is made of what stands at the path.
    option: it is read only where this option is declared, for a resource that shall be present.
    by_hand: complete() makes the call, which takes more than this can say; it stands here for the model test.
    """

    operation: str
    path: str
    at: str = ""
    by: By | None = None
    missing: tuple[str, ...] = ()
    itself: bool = False
    empty: Any = None
    take: Callable[[Any], Any] | None = None
    option: str | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Create:
    """The call that makes the resource.

    token: the member that takes a client token. exists: error codes that mean it is there already.
    tags: the member that takes the tags (see Tagging), None where create takes none.
    names: those of Resource.names that it takes, where it doesn't take them all.
    made: the path of the new id in the answer, of what has no unique name: two runs at once may both make it.
    """

    operation: str
    token: str | None = None
    exists: tuple[str, ...] = ()
    tags: str | None = "tags"
    names: tuple[str, ...] | None = None
    made: str | None = None


@dataclass(frozen=True)
class Update:
    """A call that changes settings.

    whole: the call replaces, so every declared setting of it is sent, not only those that differ.
    kept: members that the call sets back where it isn't given them: what is there goes along, but what is declared
        empty is left out.
    token: the member that takes a client token.
    by: how the call names the resource, where it doesn't take Resource.names.
    clear: the operation that is called instead where its first setting is declared empty or false.
    remove: the operation that takes one element of its only setting, a list, where the update gives one.
    missing: error codes of remove that mean that the element is gone already.
    """

    operation: str
    whole: bool = False
    kept: tuple[str, ...] = ()
    token: str | None = None
    by: By | None = None
    clear: str | None = None
    remove: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delete:
    """The call that removes the resource. by: how it names it, where it doesn't take Resource.names.

    missing: error codes that mean it is gone already.
    """

    operation: str
    missing: tuple[str, ...] = ()
    by: By | None = None


@dataclass(frozen=True)
class Tagging:
    """How tags are read and changed.

    read: path of the tags in the description.
    by: how the calls name the resource, where they don't take Resource.names.
    style: "map" ({key: value}) or "list" ([{Key, Value}]).
    tags_member, keys_member: paths of the members that take the tags, and what to remove; keys_member is None where the
    calls know no single tags: tag replaces them all, untag removes them all.
    """

    tag: str
    untag: str
    by: By | None = None
    read: str = "tags"
    style: str = "map"
    tags_member: str = "tags"
    keys_member: str | None = "tagKeys"
    untag_style: str = "keys"


def tag_list(tag: str, untag: str, by: By | None = None) -> Tagging:
    """Tags as most services have them: a list under Tags, of which the keys are removed by TagKeys."""
    return Tagging(tag, untag, by, read="Tags", style="list", tags_member="Tags", keys_member="TagKeys")


@dataclass(frozen=True)
class States:
    """The life of a resource that isn't ready at once.

    Every value the API may give stands in one of the groups. failed and degraded map a state to the remedy: a failed
    resource can't be used or changed, a degraded one can be changed, and may be mended by that.
    remade: those of the failed states that only one has which has never come to be. It is removed and made again, once
        in a run. What has run before is never in them.
    """

    path: str
    ready: frozenset[str]
    pending: frozenset[str] = frozenset()
    deleting: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    remade: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """The difference in one setting, both sides in the module's own terms."""

    setting: Setting
    current: Any
    desired: Any

    @property
    def added(self) -> list:
        """The elements of a list that are to be there and aren't, or not as declared."""
        have = {self.setting.name_of(element): element for element in self.current or []}
        return [
            element
            for element in self.desired
            if not is_satisfied(have.get(self.setting.name_of(element)), element, self.setting.unordered)
        ]

    @property
    def removed(self) -> list:
        """The elements of a list that are there and aren't declared."""
        wanted = [self.setting.name_of(element) for element in self.desired]
        return [element for element in self.current or [] if self.setting.name_of(element) not in wanted]


def texts(changes: Mapping[str, Change]) -> str:
    """Differences with both values, for an error."""
    return "; ".join(
        f"{option}: is {_shown(change, change.current)}, declared {_shown(change, change.desired)}"
        for option, change in changes.items()
    )


def _shown(change: Change, value: Any) -> str:
    return "(not shown)" if change.setting.secret else repr(value)
