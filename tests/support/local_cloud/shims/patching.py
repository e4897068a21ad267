# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How shims hook into ministack: its dispatch tables, its account and region, its reset."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region

from ..wire import AWSError, QueryWire, Response

Action = Callable[[Mapping[str, Any]], Response]
Handler = Callable[[dict[str, Any]], dict[str, Any] | None]


def on_reset(module: ModuleType, clear: Callable[[], object]) -> None:
    """Empty a shim's own state whenever the emulator empties that service's."""
    original = module.reset

    @functools.wraps(original)
    def reset() -> None:
        original()
        clear()

    module.reset = reset


def answering(action: Callable[..., Response]) -> Callable[..., Response]:
    """The action of a JSON service with its refusals as answers."""

    @functools.wraps(action)
    def answer(*request: Any) -> Response:
        try:
            return action(*request)
        except AWSError as refusal:
            return error_response_json(refusal.code, refusal.message, refusal.status)

    return answer


def adding(
    original: Callable[[str, dict[str, Any]], Awaitable[Response]],
    added: Mapping[str, Callable[[dict[str, Any]], Response]],
) -> Callable[[str, dict[str, Any]], Awaitable[Response]]:
    """A dispatcher of a JSON service that knows these actions, too."""

    async def dispatch(action: str, request: dict[str, Any]) -> Response:
        if action in added:
            return answering(added[action])(request)
        return await original(action, request)

    return dispatch


class IdempotencyTokens:
    """Client tokens as AWS honours them: a repeated call gets the first answer, and nothing is made twice.

    ministack ignores the tokens, so a call that botocore repeats after a lost reply would make a second resource.
    """

    def __init__(self, mismatch_code: str) -> None:
        self._mismatch_code = mismatch_code
        self._answers: dict[tuple[str, ...], tuple[str, Response]] = {}
        self.lock = threading.RLock()

    def clear(self) -> None:
        self._answers.clear()

    def answer(
        self, operation: str, token: str | None, request: Mapping[str, Any], act: Callable[[], Response]
    ) -> Response:
        if not token:
            return act()
        key = (get_account_id(), get_region(), operation, token)
        fingerprint = json.dumps(request, sort_keys=True, default=str)
        with self.lock:
            if key in self._answers:
                first, response = self._answers[key]
                if first != fingerprint:
                    raise AWSError(
                        self._mismatch_code,
                        f"The client token '{token}' was already used in a {operation} call with other parameters.",
                    )
                return response
            response = act()
            if response[0] < 300:
                self._answers[key] = (fingerprint, response)
            return response


class QueryShims:
    """Replacements, guards and tokens for one service of the query kind (EC2, IAM)."""

    def __init__(self, wire: QueryWire, actions: dict[str, Action]) -> None:
        self._wire = wire
        self._actions = actions

    def replace(self, operation: str, handler: Handler, unless: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Answer this operation by the handler instead of the emulator, but for what unless picks out."""
        original = self._actions.get(operation)

        def action(params: Mapping[str, Any]) -> Response:
            try:
                request = self._wire.parse(operation, params)
                if original and unless and unless(request):
                    return original(params)
                return self._wire.respond(operation, handler(request))
            except AWSError as refusal:
                return self._wire.error(refusal)

        self._actions[operation] = action

    def guard(self, operation: str, check: Callable[[dict[str, Any]], None]) -> None:
        """Let the emulator act only when the check, which raises AWSError, passes."""
        original = self._actions[operation]

        def action(params: Mapping[str, Any]) -> Response:
            try:
                check(self._wire.parse(operation, params))
            except AWSError as refusal:
                return self._wire.error(refusal)
            return original(params)

        self._actions[operation] = action

    def after(self, operation: str, complete: Callable[[dict[str, Any], Response], None]) -> None:
        """Complete the emulator's records once it has acted."""
        original = self._actions[operation]

        def action(params: Mapping[str, Any]) -> Response:
            response = original(params)
            if response[0] < 300:
                complete(self._wire.parse(operation, params), response)
            return response

        self._actions[operation] = action

    def honour_tokens(self, operation: str, tokens: IdempotencyTokens, member: str = "ClientToken") -> None:
        original = self._actions[operation]

        def action(params: Mapping[str, Any]) -> Response:
            request = self._wire.parse(operation, params)
            token = request.pop(member, None)
            try:
                return tokens.answer(operation, token, request, lambda: original(params))
            except AWSError as refusal:
                return self._wire.error(refusal)

        self._actions[operation] = action
