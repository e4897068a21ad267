# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls of AWS: reads that may be repeated, writes that are sent once, and what their failures mean for the user."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .faults import AWS_ERRORS, Outcome, ResourceError, describe_failure, error_code, error_text, outcome, permission_of

try:
    from botocore import xform_name
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    pass

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

Seen = TypeVar("Seen")

# How often a read is sent at most: with the SDK's pauses for a good minute.
READ_ATTEMPTS = 8
# For how many seconds a write is tried again: after throttling and lost replies, and after a refusal that passes by
# itself. What IAM has just made is mostly known everywhere within two minutes; three have been seen.
BUSY_FOR = 120.0
PASSING_FOR = 180.0
LONGEST_PAUSE = 20.0


class Repeat(Exception):
    """A write did not end in success; read the resource again and decide anew. patience: for how long, in seconds.

    doing: which write it was.
    """

    def __init__(self, error: Exception, message: str, may_be_done: bool, doing: str, patience: float = BUSY_FOR):
        super().__init__(message)
        self.error = error
        self.may_be_done = may_be_done
        self.doing = doing
        self.patience = patience


class Patience:
    """How long each write of a module call has been failing."""

    def __init__(self) -> None:
        self.failures: dict[str, tuple[float, int]] = {}  # since when, and how often, by what was being done

    def over(self, doing: str) -> None:
        """It was done."""
        self.failures.pop(doing, None)

    def pause(self, repeat: Repeat) -> None:
        """Wait before the next try; ResourceError when it has been tried for long enough."""
        now = time.monotonic()
        since, often = self.failures.get(repeat.doing, (now, 0))
        self.failures[repeat.doing] = since, often + 1
        pause = random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 2.0**often)
        if now - since + pause > repeat.patience:
            text = f"{repeat} Given up after {now - since:.0f} s and {often + 1} attempts."
            raise ResourceError(text, repeat.error) from repeat
        time.sleep(pause)


def says(error: Exception, texts: Mapping[str, Iterable[str]]) -> bool:
    """Whether the error has one of the codes and a part of its text, in capitals or not: AWS writes them both ways."""
    said = error_text(error).lower()
    return any(part.lower() in said for part in texts.get(error_code(error), ()))


class Calls:
    """The calls of one module call. Subclasses declare the service, and what its refusals mean.

    What a subclass says of a code in passing and hints comes on top of what its base says of it.
    """

    service: str = ""
    region: str | None = None  # where the calls go to, if not to the module's region
    title: str  # the resource in messages
    # Refusals that pass by themselves: error code -> parts of the message. For what AWS has just made and not yet seen.
    passing: Mapping[str, tuple[str, ...]] = {}
    # Refusals that say, besides the codes that are declared with a call, that what it is about doesn't exist.
    absent: Mapping[str, tuple[str, ...]] = {}
    # What helps against a refusal: error code -> part of the message ("" for any) -> sentence; the first part counts.
    hints: Mapping[str, Mapping[str, str]] = {}
    timeout: int = 600  # seconds, where the user gives no wait_timeout
    poll: float = 15.0  # longest pause between two looks while waiting, seconds

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        own, base = vars(cls), super(cls, cls)
        passing, hints = own.get("passing", {}), own.get("hints", {})
        cls.passing = {**base.passing, **{code: base.passing.get(code, ()) + passing[code] for code in passing}}
        cls.hints = {
            **base.hints,
            **{code: {**hints[code], **base.hints.get(code, {}), **hints[code]} for code in hints},
        }

    def __init__(self, module: AnsibleAWSModule):
        self.module = module
        self.check_mode: bool = module.check_mode
        self.options: dict[str, Any] = dict(module.params)
        self.changed = False
        self.patience = Patience()
        self._clients: dict[tuple[str, int], Any] = {}

    # ---- Clients

    @property
    def reader(self) -> Any:
        """The client for reads, which the SDK may repeat."""
        return self.client(self.service, READ_ATTEMPTS)

    @property
    def writer(self) -> Any:
        """The client for writes: sent once; what follows a failure is decided by who sends them."""
        return self.client(self.service, 1)

    def client(self, service: str, attempts: int) -> Any:
        if (service, attempts) not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
            elsewhere = {"region": self.region} if self.region else {}
            self._clients[service, attempts] = self.module.client(service, config=config, **elsewhere)
        return self._clients[service, attempts]

    # ---- Reads and writes

    def read(
        self,
        operation: str,
        request: Mapping,
        missing: Iterable[str] = (),
        doing: str | None = None,
        service: str | None = None,
    ) -> dict | None:
        """The whole response of a read call, all pages; None if AWS says that the thing doesn't exist."""
        client, method = self.client(service or self.service, READ_ATTEMPTS), xform_name(operation)
        try:
            if client.can_paginate(method):
                return client.get_paginator(method).paginate(**request).build_full_result()
            return getattr(client, method)(**request)
        except AWS_ERRORS as error:
            if self.is_absent(error, missing):
                return None
            raise self.failure(error, doing or f"read {self.title}", operation, service) from error

    def write(self, operation: str, request: Mapping, doing: str, missing: Iterable[str] = ()) -> dict:
        """Send a write once. Raises Repeat where the resource must be read before it is known how to go on."""
        try:
            response = self.send(operation, request)
        except AWS_ERRORS as error:
            if self.is_absent(error, missing):
                return {}
            known = outcome(error)
            refused = known is Outcome.REFUSED
            failure = self.failure(error, doing, operation)
            if refused and not says(error, self.passing):
                raise failure from error
            patience = PASSING_FOR if refused else BUSY_FOR
            raise Repeat(error, str(failure), known is Outcome.UNKNOWN, doing, patience) from error
        self.patience.over(doing)
        self.changed = True
        return response

    def is_absent(self, error: Exception, missing: Iterable[str]) -> bool:
        """Whether AWS says that the thing doesn't exist, where that is an answer."""
        return bool(missing) and (error_code(error) in missing or says(error, self.absent))

    def send(self, operation: str, request: Mapping) -> dict:
        """The write call itself. ClientError also for a failure that comes as a success."""
        response = getattr(self.writer, xform_name(operation))(**request)
        refused = self.refused(operation, request, response)
        if refused:
            metadata = {"HTTPStatusCode": 400, **refused[0].get("ResponseMetadata", {})}
            raise ClientError({"Error": refused[0], "ResponseMetadata": metadata}, operation)
        return response

    def refused(self, operation: str, request: Mapping, response: Mapping) -> list[dict]:
        """The errors, each with Code and Message, inside of an answer of success."""
        return []

    def failure(self, error: Exception, doing: str, operation: str, service: str | None = None) -> ResourceError:
        service = service or self.service
        told = self.hints.get(error_code(error), {}).items()
        said = error_text(error).lower()
        hint = next((sentence for part, sentence in told if part.lower() in said), "")
        return ResourceError(
            describe_failure(error, doing, service, operation, self.permission(operation, service), hint), error
        )

    def permission(self, operation: str, service: str) -> str:
        """The permission of IAM that the call needs."""
        return permission_of(service, operation)

    # ---- What the user sees

    def with_difference(self, result: dict, sides: Callable[[], tuple[Any, Any]], title: str = "") -> dict:
        """The result with what was and what is, where that is asked for or something has changed: a run that isn't
        asked for differences ends with a list of its changes, which is made of them.
        """
        if self.module._diff or result["changed"]:
            (before, after), title = sides(), title or self.title
            result["diff"] = {"before": before, "after": after, "before_header": title, "after_header": title}
        return result

    # ---- Time

    @property
    def wait_timeout(self) -> int:
        return self.options.get("wait_timeout") or self.timeout

    @staticmethod
    def looks(
        look: Callable[[], Seen], timeout: float, pause: float, longest: float, growth: float = 1.5
    ) -> Iterator[Seen]:
        """What a function gives, again and again with pauses between (all in seconds), until the time is over."""
        deadline = time.monotonic() + timeout
        while True:
            yield look()
            if time.monotonic() + pause > deadline:
                return
            time.sleep(pause)
            pause = min(pause * growth, longest)
