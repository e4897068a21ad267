# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base of the collection's modules: one AWS resource, declared, and brought to the declared state.

A module is a subclass of Resource that declares how the resource is found, which options are which API members,
which call changes them, its tags and its states. The base reads the resource, decides, acts, waits and reads again,
and does so until nothing is left to do: a write is sent once, and after a failure that may have been a success the
resource is read before anything is repeated. So a lost reply creates nothing twice. Of several that runs at once have
made each run keeps the same one, and removes what it has made itself if that is another.

What can be declared is in declarations.py, the calls are in calls.py, finding and waiting in finding.py.
"""

from __future__ import annotations

import contextlib
import copy
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)
from ansible_collections.amazon.aws.plugins.module_utils.transformation import boto3_resource_to_ansible_dict

from .aggregate import Aggregate, details_of
from .calls import Repeat
from .declarations import Change, Create, Delete, Setting, Tagging, Update, texts
from .documentation import argument_spec
from .faults import BLOCKED_CODES, ResourceError, error_code
from .finding import LOST_AFTER, VISIBLE_AFTER, Finding
from .values import camel, camel_name, gather, get_path, listed, placeholder, set_path, snake, snake_name, without_unset

# Seconds after which what another run has made at the same moment is seen, too.
TWINS_AFTER = 2.0


class Resource(Finding):
    """One AWS resource of a module call. Subclasses declare; see the class attributes, also of Finding and Calls.

    A method update_<name>(changes, current) makes the update of that name in place of the call that updates declares.
    """

    result: str = ""  # the key of the resource in the module's result
    create: Create
    delete: Delete
    settings: tuple[Setting, ...] = ()
    updates: Mapping[str, Update] = {}
    protection: str | None = None  # option of the setting that guards it against its removal
    needed: tuple[str, ...] = ()  # options without which it can't be created
    renewal: str = ""  # what helps, besides, where a setting can't be changed in place
    tagging: Tagging | None = None
    steady: int = 0  # how many looks in a row must show a change, where reads right after a write show the old, too
    placed: bool = False  # where it lies says that it is meant: the only gateway of our VPC, an add-on of our cluster
    unique_name: bool = True  # AWS refuses a second one with the same names
    capital_members: bool = False  # members are written LikeThis (EC2, IAM), not likeThis
    free_form: tuple[str, ...] = ()  # members of the description whose keys are the user's own
    together: type[Aggregate] = Aggregate  # how several of one module call are brought to their states
    extra_operations: tuple[str, ...] = ()  # further operations that the subclass calls, for the model test
    # What AWS can change of it and no run looks at: operation, or Operation.Member of one that is called -> why.
    unmanaged: Mapping[str, str] = {}

    def __init__(self, module: AnsibleAWSModule):
        super().__init__(module)
        self.token = uuid.uuid4().hex
        self.accepted = False  # AWS has accepted a create in this run
        self.left: dict | None = None  # what was to be removed, as it was seen last
        for setting in self.settings:
            value = self.options.get(setting.option)
            if setting.given and value is not None:
                try:
                    self.options[setting.option] = setting.given(value)
                except ValueError as error:
                    raise ResourceError(f"The {setting.option} of {self.title} {error}.") from error
        self.prepare()

    # ---- What a subclass may refine

    def prepare(self) -> None:
        """Complete the options, which are this call's own, and set what is remembered during the run."""

    def create_request(self) -> dict:
        """The request of the create call, without token and tags."""
        taken = self.names if self.create.names is None else self.create.names
        request = {member: name for member, name in self.named().items() if member in taken}
        for setting in self.settings:
            value = self.options.get(setting.option)
            # What means none is left out: it isn't a value that AWS would take.
            if setting.member and value is not None and not (value in ("", [], {}) and value == setting.absent):
                set_path(request, setting.member, self.encoded(setting))
        return request

    def update_request(self, name: str, changes: Mapping[str, Change], current: dict) -> dict:
        """The request of one update call. changes: those of this call, by option."""
        update = self.updates[name]
        request = self.target(update, current)
        for setting in self.settings_of(name):
            change = changes.get(setting.option)
            desired = change.desired if change else without_unset(self.options.get(setting.option))
            if setting.members and desired is not None and (update.whole or change):
                if setting.partial:
                    desired = {**(self.decoded(setting, current) or {}), **desired}
                set_path(request, setting.members[0], self.encode(setting, desired))
        kept = {member: request.pop(member, current.get(member)) for member in update.kept}
        return request | {member: value for member, value in kept.items() if value}

    def delete_request(self, current: dict) -> dict:
        return self.target(self.delete, current)

    def update_order(self, current: dict, changes: Mapping[str, Change]) -> Iterable[str]:
        """The names of the update calls in the order in which AWS takes them. What changes nothing is left out."""
        return self.updates

    def before_update(self, name: str, current: dict) -> None:
        """What comes before an update call."""

    def updated(self, name: str, response: dict) -> None:
        """After an update call was accepted."""

    def created(self, response: dict) -> None:
        """After the create call was accepted."""

    def deleted(self, response: dict) -> None:
        """After the delete call was accepted."""

    def revived(self, current: dict) -> dict | None:
        """One whose creation has failed, brought to life without making it again; None if it can't be."""
        return None

    def in_the_way(self, current: dict) -> list[str]:
        """What keeps it from being deleted, each by its id and whose it is."""
        return []

    def before_delete(self, current: dict) -> None:
        """What must go before the resource can."""
        if self.is_protected(current):
            # One that is made anew may be declared as protected.
            setting = next(item for item in self.settings if item.option == self.protection)
            self.apply_update(setting.update, {self.protection: Change(setting, True, False)}, current)

    def refuse(self, current: dict | None, changes: Mapping[str, Change]) -> None:
        """Raise ResourceError for a change that AWS or good sense forbids, before anything is written."""

    def refuse_removal(self, current: dict) -> None:
        """Raise ResourceError for a removal that isn't meant, before anything is written."""
        if self.is_protected(current) and self.options[self.protection] is not False:
            raise ResourceError(
                f"{self.title} is protected against deletion. "
                f"If it shall really go, give {self.protection}: false together with state: absent."
            )

    # ---- Requests and values

    def settings_of(self, update: str) -> list[Setting]:
        return [setting for setting in self.settings if setting.update == update]

    def encoded(self, setting: Setting) -> Any:
        return self.encode(setting, without_unset(self.options[setting.option]))

    def encode(self, setting: Setting, value: Any) -> Any:
        if setting.encode:
            return setting.encode(value)
        return value if setting.verbatim else camel(value, self.capital_members)

    def decoded(self, setting: Setting, description: Mapping) -> Any:
        """The setting's value in a description, in the module's own terms."""
        value = get_path(description, setting.path)
        if value is None:
            return setting.absent
        if setting.decode:
            return setting.decode(value)
        return value if setting.verbatim else snake(value)

    def changes(self, current: Mapping) -> dict[str, Change]:
        """What differs between the description and the options that the user has set."""
        found = {}
        for setting in self.settings:
            desired = without_unset(self.options.get(setting.option))
            if desired is None:
                continue
            change = Change(setting, self.decoded(setting, current), desired)
            if self.options.get(f"purge_{setting.option}") is False:
                change = Change(setting, change.current, [*change.removed, *desired])
            if not setting.satisfied(change.current, change.desired):
                found[setting.option] = change
        return found

    @staticmethod
    def changed_by(update: str, changes: Mapping[str, Change]) -> dict[str, Change]:
        """Those of the changes that an update call makes."""
        return {option: change for option, change in changes.items() if change.setting.update == update}

    def is_protected(self, current: Mapping) -> bool:
        return any(self.decoded(item, current) for item in self.settings if item.option == self.protection)

    # ---- Tags

    def tags_of(self, description: Mapping) -> dict[str, str]:
        tags = get_path(description, self.tagging.read) or {}
        return dict(tags) if isinstance(tags, Mapping) else boto3_tag_list_to_ansible_dict(tags)

    def tag_changes(self, current: Mapping) -> tuple[dict[str, str], list[str]]:
        """Tags to set and tag keys to remove."""
        if self.tagging is None or self.options.get("tags") is None:
            return {}, []
        wanted = {key: str(value) for key, value in self.options["tags"].items()}
        return compare_aws_tags(self.tags_of(current), wanted, self.options["purge_tags"])

    def encoded_tags(self, tags: Mapping[str, Any]) -> Any:
        texts = {key: str(value) for key, value in tags.items()}
        return texts if self.tagging.style == "map" else ansible_dict_to_boto3_tag_list(texts)

    def marks(self) -> dict[str, str]:
        """The tags by which this module call tells its resource from others: the owner's and the Name."""
        marks = {key: str(value) for key, value in (self.options.get("owned_by") or {}).items()}
        if "Name" in (self.options.get("tags") or {}):
            marks["Name"] = str(self.options["tags"]["Name"])
        return marks

    def marked(self, found: Iterable[dict], marks: Mapping[str, str]) -> list[dict]:
        return [item for item in found if marks.items() <= self.tags_of(item).items()]

    def ours_first(self, found: list[dict]) -> list[dict]:
        """Those that bear the owner's tags, and of these the one of the same Name, as far as there are any."""
        owner = {key: str(value) for key, value in (self.options.get("owned_by") or {}).items()}
        for marks in (owner, self.marks()):
            found = self.marked(found, marks) or found
        return found

    # ---- Deciding and acting

    def run(self) -> dict:
        """Bring the resource to the declared state. Returns the module's result."""
        before = self.find()
        try:
            after = self.converge(before)
        except ResourceError as error:
            raise self.with_what_is_in_the_way(error) from error.cause
        self.report_twins(after)
        result = {"changed": self.changed, self.result: self.shown(after)}
        return self.with_difference(result, lambda: (self.view(before), self.view(after)))

    def with_what_is_in_the_way(self, error: ResourceError) -> ResourceError:
        """The refusal of a deletion, with what something else has to do with it."""
        found: list[str] = []
        if error_code(error.cause) in BLOCKED_CODES and self.left is not None:
            # It is the refusal that must be told, whatever comes of this look.
            with contextlib.suppress(ResourceError):
                found = self.in_the_way(self.left)
        return ResourceError(f"{error} In the way: {', '.join(found)}.", error.cause) if found else error

    def converge(self, current: dict | None) -> dict | None:
        while True:
            try:
                if self.options["state"] == "present":
                    return self.make_present(current)
                self.make_all_absent(current)
                return None
            except Repeat as repeat:
                # Each write has its own: what takes many isn't given up sooner than what takes a single one.
                self.patience.pause(repeat)
                # A second create is safe where AWS knows it as the first one, by the name or by the token.
                repeatable = self.unique_name or self.create.token
                hidden = repeat.may_be_done and current is None and not repeatable
                if self.accepted:
                    current = self.find_after_write()
                else:
                    current = self.find_after_write(LOST_AFTER) if hidden else self.find()
                # The lost reply may have told of a success.
                self.changed = self.changed or repeat.may_be_done

    def make_present(self, current: dict | None) -> dict | None:
        self.give_way(current)
        self.check_owner(current)
        self.refuse_twice()
        current = self.settle(self.without_stillborn(current))
        if self.check_mode and self.states and self.state_of(current) in self.states.deleting:
            current = None
        if current is None:
            if self.accepted:
                self.seen(current)
            self.refuse_incomplete()
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
        for name in self.update_order(current, changes):
            # Looked at anew: an update may have settled what others were for, or made one necessary.
            mine = self.changed_by(name, self.changes(current))
            if mine:
                self.apply_update(name, mine, current)
                current = self.until_shown(name, self.seen(self.settle(self.find_after_write(), acted=True)))
        # Looked at anew: an update may have put another resource in its place.
        self.change_tags(current, *self.tag_changes(current))
        return self.find()

    def without_stillborn(self, current: dict | None) -> dict | None:
        """The resource, or None in place of one whose creation has failed: it is removed to be made again."""
        # What this run has made and what failed nevertheless would fail again.
        if self.accepted or self.states is None or self.state_of(current) not in self.states.remade:
            return current
        told = f"{self.title} is {self.state_of(current)} and has never run. {self.reasons(current)}".strip()
        if self.check_mode:
            self.module.warn(f"{told} It is made again.")
            return None
        revived = self.revived(current)
        if revived is not None:
            self.module.warn(f"{told} It was brought up by an update.")
            return revived
        # Nothing is removed that can't be made again.
        self.refuse_incomplete()
        self.refuse(None, {})
        self.module.warn(f"{told} It is deleted and made again.")
        self.remove(current)
        self.wait_until_gone(current, deleting=False)
        return None

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
            if error_code(error.cause) in self.create.exists and self.find_after_write(LOST_AFTER) is not None:
                raise Repeat(error.cause, str(error), False, doing) from error
            raise
        self.accepted = True
        self.created(response)
        if self.create.made and self.marks():
            self.made = next(iter(gather(response, self.create.made)), None)
            time.sleep(TWINS_AFTER)
        current = self.seen(self.find_after_write())
        self.give_way(current)
        self.twins = ()  # each goes by its own run; if it doesn't, the next run tells
        return self.settle(current, acted=True)

    def until_shown(self, update: str, current: dict) -> dict:
        """Look again until the reads show what was changed, as often in a row as the service takes to be steady."""
        shown = 0
        for look in self.looks(self.find, VISIBLE_AFTER, pause=1.0, longest=5.0) if self.steady else ():
            shown = 0 if look is None or self.changed_by(update, self.changes(look)) else shown + 1
            current = look or current
            if shown == self.steady:
                break
        return current

    def give_way(self, current: dict | None) -> None:
        """Remove what this run has made if another run has made the one that both keep (see Finding.rank)."""
        if self.made and current is not None and get_path(current, self.identifier) != self.made:
            self.withdraw(self.made)
            self.twins = [twin for twin in self.twins if get_path(twin, self.identifier) != self.made]
            self.made = None

    def withdraw(self, made: str) -> None:
        """Remove what this run has made a moment ago; made is its id."""
        doing = f"remove {made}, which another run has made as well, for {self.title}"
        self.write(self.delete.operation, self.delete_request({self.identifier: made}), doing, self.delete.missing)

    def seen(self, current: dict | None) -> dict:
        """What AWS has accepted, as a read shows it; an error where none does, or someone has removed it meanwhile."""
        if current is None:
            raise ResourceError(f"AWS accepted {self.title} but doesn't show it. Run again in a minute.")
        return current

    def apply_update(self, name: str, changes: Mapping[str, Change], current: dict) -> None:
        special = getattr(self, f"update_{name}", None)
        update = self.updates[name]
        first = self.settings_of(name)[0]
        self.before_update(name, current)
        if special:
            special(changes, current)
        elif update.remove:
            self.change_elements(update, changes[first.option], current)
        elif update.clear and self.options.get(first.option) is not None and not self.options[first.option]:
            self.updated(name, self.write(update.clear, self.target(update, current), f"update {self.title}"))
        else:
            request = self.update_request(name, changes, current)
            if update.token:
                request[update.token] = uuid.uuid4().hex
            self.updated(name, self.write(update.operation, request, f"update {self.title}"))

    def change_elements(self, update: Update, change: Change, current: dict) -> None:
        """Give what is missing, then take what is too much: so what works goes on working."""
        setting, target = change.setting, self.target(update, current)
        for element in change.added:
            encoded = self.encode(setting, element)
            members = encoded if setting.key else {setting.members[0]: encoded}
            doing = f"add {setting.name_of(element)} to {self.title}"
            self.write(update.operation, {**target, **members}, doing)
        member = camel_name(setting.key, self.capital_members) if setting.key else setting.members[0]
        for element in change.removed:
            name = setting.name_of(element)
            self.write(update.remove, {**target, member: name}, f"take {name} from {self.title}", update.missing)

    def make_all_absent(self, current: dict | None) -> None:
        """Remove the resource, and whatever else bears all its marks."""
        removed: set[Any] = set()
        while current is not None:
            twins = self.marked(self.twins, self.marks()) if self.tagging and self.marks() else []
            self.make_absent(current)
            if self.check_mode or not twins:
                return
            removed.add(get_path(current, self.identifier))
            current = self.find()
            if current is not None and get_path(current, self.identifier) in removed:
                return  # not waited for

    def make_absent(self, current: dict) -> None:
        self.check_owner(current)
        deleting = bool(self.states and self.state_of(current) in self.states.deleting)
        if not deleting:
            self.refuse_removal(current)
        if self.check_mode:
            self.changed = not deleting
            return
        if not deleting:
            if self.states and self.state_of(current) in self.states.pending:
                current = self.settle(current)
                if current is None:
                    return
            self.remove(current)
        if self.options["wait"]:
            self.wait_until_gone(current, deleting)

    def remove(self, current: dict) -> None:
        self.left = current
        self.before_delete(current)
        request = self.delete_request(current)
        self.deleted(self.write(self.delete.operation, request, f"delete {self.title}", self.delete.missing))

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
            state = self.state_of(now)
            deleting = deleting or bool(self.states and state in self.states.deleting)
            return deleting and state in helps

        left = self.wait_until(over, "deleted")
        if left is not None and (not mine or get_path(left, self.identifier) == mine):
            raise ResourceError(f"The deletion was given up. {self.stuck(left, helps)}")

    def change_tags(self, current: dict, set_tags: dict[str, str], unset_tags: list[str]) -> None:
        tagging = self.tagging
        if not (set_tags or unset_tags):
            return
        target = self.target(tagging, current)
        if tagging.keys_member is None:
            # Those of AWS itself (aws:...) must be sent, too.
            set_tags = {**self.tags_of(current), **set_tags}
            set_tags = {key: value for key, value in set_tags.items() if key not in unset_tags}
            if not set_tags:
                self.write(tagging.untag, target, f"remove tags of {self.title}")
        elif unset_tags:
            keys = unset_tags if tagging.untag_style == "keys" else [{"Key": key} for key in unset_tags]
            untag = dict(target)
            set_path(untag, tagging.keys_member, keys)
            self.write(tagging.untag, untag, f"remove tags of {self.title}")
        if set_tags:
            set_path(target, tagging.tags_member, self.encoded_tags(set_tags))
            self.write(tagging.tag, target, f"tag {self.title}")

    # ---- Refusals

    def check_owner(self, current: dict | None) -> None:
        """Refuse to touch a resource that lacks the tags which say that it is ours."""
        owner = self.options.get("owned_by")
        if current is None or not owner or self.tagging is None:
            return
        tags = self.tags_of(current)
        foreign = {key: tags.get(key) for key, value in owner.items() if tags.get(key) != str(value)}
        # A tag that was lost is put back with the others. One with another value says that it is someone else's.
        if foreign and not (self.keeps_marks(current) and self.in_our_place(current)):
            expected = ", ".join(f"{key}={owner[key]}" for key in foreign)
            actual = ", ".join(f"{key}={value}" if value is not None else f"no {key}" for key, value in foreign.items())
            raise ResourceError(
                f"{self.title} exists but isn't ours: it has {actual}, expected {expected}. "
                "Nothing was changed. Rename one of the two, or give it these tags if it is to be taken over."
            )

    def in_our_place(self, current: Mapping) -> bool:
        """Whether something else than its tags says that it is the one that is meant."""
        return self.placed

    def keeps_marks(self, description: Mapping) -> bool:
        """Whether it bears our Name, or all of the owner's tags but one, and none of these with another value."""
        tags, owner = self.tags_of(description), self.options.get("owned_by") or {}
        named = "Name" in tags and tags["Name"] == self.marks().get("Name")
        lost = [key for key in owner if key not in tags]
        kept = named or len(lost) <= min(1, len(owner) - 1)
        return kept and all(tags.get(key, str(value)) == str(value) for key, value in owner.items())

    def missing(self, options: Iterable[str]) -> list[str]:
        """Those of the options that aren't given."""
        return [option for option in options if self.options.get(option) in (None, [], "")]

    def refuse_incomplete(self) -> None:
        missing = self.missing(self.needed)
        if missing:
            raise ResourceError(f"{self.title} doesn't exist; to create it {listed(missing)} must be given.")

    def refuse_twice(self) -> None:
        for setting in self.settings:
            names = [element[setting.key] for element in self.options.get(setting.option) or []] if setting.key else []
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ResourceError(
                    f"The {setting.option} of {self.title} have the {setting.key} {', '.join(twice)} more than once."
                )

    def refuse_immutable(self, changes: Mapping[str, Change]) -> None:
        # A dry run can't compare with what isn't known yet.
        fixed = {
            option: change
            for option, change in changes.items()
            if change.setting.update is None and not placeholder(change.desired)
        }
        self.refuse_fixed(fixed)

    def refuse_fixed(self, fixed: Mapping[str, Change]) -> None:
        """Refuse what AWS can't change in place, if there is any."""
        if fixed:
            helps = (
                f"Go back to the present value, or remove the resource (state: absent) and run again. {self.renewal}"
            )
            raise ResourceError(f"{self.title} can't be changed in place ({texts(fixed)}). {helps}".strip())

    # ---- What the user sees

    def predicted(self, current: dict | None) -> dict:
        """The description as it would be after a run that isn't a dry one."""
        future = copy.deepcopy(current) if current else dict(self.named())
        for change in self.changes(future).values():
            setting = change.setting
            value = self.encode(setting, change.desired)
            have = get_path(future, setting.path)
            mixed = isinstance(have, dict) and isinstance(value, dict) and not setting.verbatim
            set_path(future, setting.path, {**have, **value} if mixed else value)
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
                result.pop(snake_name(setting.path.split(".", 1)[0]), None)
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


def run_module(
    resource: type[Resource],
    documentation: str,
    refined: Mapping[str, Mapping[str, Any]] | None = None,
    **conditions: Any,
) -> None:
    """The main function of every module on this base.

    documentation: the module's own, of which its options are made. refined: see argument_spec(). conditions: as for
    AnsibleModule (required_if and the like). Where the module takes several resources (aggregate), its documentation
    calls no option required; those that name the resource are asked for here.
    """
    spec = argument_spec(documentation, refined)
    if "aggregate" in spec:
        module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
        run = resource.together(resource, module, spec, conditions).run
    else:
        module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True, **conditions)

        def run() -> dict:
            return resource(module).run()

    try:
        result = run()
    except ResourceError as error:
        module.fail_json(msg=str(error), **details_of(error))
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
