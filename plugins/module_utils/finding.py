# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One resource as AWS describes it: looked for, put together of all reads, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .calls import Calls
from .declarations import Addition, Delete, Describe, States, Tagging, Update, named_by
from .faults import ResourceError
from .values import gather, get_path, set_path

# How long a resource that AWS has just accepted may stay invisible to reads (EC2 and IAM are eventually consistent).
VISIBLE_AFTER = 60.0
# How long it is looked for where AWS may have made it: the reply was lost.
LOST_AFTER = 10.0


class Finding(Calls):
    """The looks at one resource. Subclasses declare; see the class attributes."""

    kind: str = ""  # the words for it in messages: "EKS add-on"
    names: Mapping[str, str] = {}  # API member -> option: what identifies it in describe, update and delete
    describe: Describe
    additions: tuple[Addition, ...] = ()
    states: States | None = None
    identifier: str | None = None  # member that tells two resources with the same tags apart: "FlowLogId"
    made_at: str | None = None  # path of the time when it was made, where the API tells it
    made: str | None = None  # the id of what this run has made, where AWS would let another run make the same
    twins: Sequence[dict] = ()  # what the last look found besides the resource, of the same description
    viewed: Collection[str] = ()  # the ids of all that the last look found

    # ---- What a subclass may refine

    def describe_request(self) -> dict:
        return self.named(self.describe.names)

    def normal(self, description: dict) -> dict:
        """A description as the rest reads it. Comes first, before all that follows."""
        return description

    def select(self, found: list[dict]) -> list[dict]:
        """Those of the resources found that are the one meant: of those names, as far as the descriptions have them."""
        names = self.named().items()
        return [item for item in found if all(item.get(member, name) == name for member, name in names)]

    def complete(self, description: dict) -> dict | None:
        """The description with what further reads give that can't be declared (see Addition.by_hand)."""
        return description

    def reasons(self, current: dict) -> str:
        """AWS's own explanation of a failed or degraded state."""
        return ""

    # ---- Words

    @property
    def title(self) -> str:
        """The resource in messages: its kind and its names, the most specific first."""
        names = [str(self.options[option]) for option in reversed(list(self.names.values()))]
        return f"{self.kind} {' of '.join(repr(name) for name in names)}"

    def named(self, names: Mapping[str, str] | None = None) -> dict:
        """The members of a request that name the resource by options."""
        return {member: self.options[option] for member, option in (self.names if names is None else names).items()}

    def target(self, call: Addition | Update | Delete | Tagging, current: Mapping) -> dict:
        """The members of the request that name the resource."""
        return self.named() if call.by is None else named_by(call.by, current)

    def state_of(self, description: Mapping | None) -> str | None:
        return get_path(description, self.states.path) if self.states and description else None

    # ---- Reading

    def find(self) -> dict | None:
        """The resource as AWS describes it now, or None."""
        response = self.read(self.describe.operation, self.describe_request(), self.describe.missing)
        if response is None:
            return None
        if self.describe.many:
            found = [self.normal(item) for item in gather(response, self.describe.path)]
            self.viewed = [get_path(item, self.identifier) for item in found] if self.identifier else ()
            description = self.one_of(self.select(found))
        else:
            description = get_path(without_metadata(response), self.describe.path)
            description = None if description is None else self.normal(description)
        if not description or (self.states and self.state_of(description) in self.states.gone):
            return None
        description = self.with_additions(description)
        return self.complete(description) if description else None

    def one_of(self, found: list[dict]) -> dict | None:
        """Of several that answer the description, the one that every run keeps; the others are its twins."""
        if self.states:
            found = [item for item in found if self.state_of(item) not in self.states.gone]
            alive = [item for item in found if self.state_of(item) not in self.states.deleting]
            found = alive or found
        if len(found) > 1:
            found = sorted(found, key=self.rank)
        self.twins = found[1:]
        return found[0] if found else None

    def rank(self, description: Mapping) -> Any:
        """The one of the least rank is kept: the oldest, then the one of the lowest id."""
        made_at = get_path(description, self.made_at) if self.made_at else None
        return (made_at is None, made_at or "", str(get_path(description, self.identifier)))

    def report_twins(self, kept: dict | None) -> None:
        """Warn of those that are left: which of them can go is for people to say."""
        if self.twins and kept is not None:
            others = ", ".join(str(get_path(item, self.identifier)) for item in self.twins)
            self.module.warn(
                f"There are {len(self.twins) + 1} of {self.title}. {get_path(kept, self.identifier)} is kept as "
                f"declared; check whether {others} can be deleted."
            )

    def with_additions(self, description: dict) -> dict | None:
        """The description with the answers of the further reads that are declared; None where it has gone meanwhile."""
        description = dict(description)
        for addition in self.additions:
            if self.wanted(addition):
                value = self.added(addition, description)
                if value is None and addition.itself:
                    return None
                if value is not None and addition.at:
                    set_path(description, addition.at, value)
                elif value is not None:
                    description |= value
        return description

    def wanted(self, addition: Addition) -> bool:
        if addition.by_hand or addition.option is None:
            return not addition.by_hand
        return self.options["state"] == "present" and self.options[addition.option] is not None

    def added(self, addition: Addition, description: Mapping) -> Any:
        answer = self.read(addition.operation, self.target(addition, description), addition.missing)
        if not answer:
            return addition.empty
        answer = without_metadata(answer)
        value = get_path(answer, addition.path)
        if value is None:
            value = gather(answer, addition.path) or addition.empty
        return addition.take(value) if addition.take and value is not addition.empty else value

    def find_after_write(self, seconds: float = VISIBLE_AFTER) -> dict | None:
        """The resource, given the time that AWS may need to show what it has accepted."""
        current = None
        for current in self.looks(self.find, seconds, pause=0.5, longest=5.0, growth=2):
            if current is not None and (self.made is None or self.made in self.viewed):
                break
        return current

    # ---- Waiting

    def wait_until(self, reached: Callable[[dict | None], bool], goal: str) -> dict | None:
        """Read until the condition holds; an error after the timeout names the state it is stuck in."""
        current = None
        for current in self.looks(self.find, self.wait_timeout, pause=min(1.0, self.poll), longest=self.poll):
            if reached(current):
                return current
        there = self.state_of(current) if self.states else "there"
        raise ResourceError(
            f"{self.title} is still {there if current else 'not visible'} after {self.wait_timeout} s; "
            f"expected: {goal}. {self.reasons(current) if current else ''} "
            "Run again to go on waiting, or raise the timeout.".replace("  ", " ")
        )

    def settle(self, current: dict | None, acted: bool = False) -> dict | None:
        """Wait out what is under way. A failed resource is an error; a degraded one is only after we changed it."""
        if self.states is None or current is None:
            return current
        states = self.states
        if not self.check_mode and self.options["wait"]:
            if self.state_of(current) in states.deleting:
                current = self.wait_until(
                    lambda now: now is None or self.state_of(now) not in states.deleting, "deleted"
                )
            if current is not None and self.state_of(current) in states.pending:
                gone = 0.0 if self.options["state"] == "absent" else VISIBLE_AFTER
                current = self.wait_until(self.no_longer_pending(None if acted else gone), "ready")
        if current is None:
            return None
        state = self.state_of(current)
        if state in states.failed and self.options["state"] == "present":
            raise ResourceError(self.stuck(current, states.failed))
        if state in states.degraded and self.options["state"] == "present":
            if acted:
                raise ResourceError(self.stuck(current, states.degraded))
            self.module.warn(self.stuck(current, states.degraded))
        return current

    def no_longer_pending(self, gone: float | None) -> Callable[[dict | None], bool]:
        """Whether a look shows what isn't pending any more. Some services tell of a deletion as of any change, so that
        may be nothing; gone: for how long there must be none, in seconds, None: never mind how long.
        """
        since: list[float] = []

        def reached(now: dict | None) -> bool:
            if now is not None:
                since.clear()
                return self.state_of(now) not in self.states.pending
            since.append(time.monotonic())
            return gone is not None and since[-1] - since[0] >= gone

        return reached

    def stuck(self, current: dict, helps: Mapping[str, str]) -> str:
        """The state of the resource, AWS's reasons, and what helps."""
        state = self.state_of(current)
        return f"{self.title} is {state}. {self.reasons(current)} {helps[state]}".replace("  ", " ").strip()


def without_metadata(response: dict) -> dict:
    return {key: value for key, value in response.items() if key != "ResponseMetadata"}
