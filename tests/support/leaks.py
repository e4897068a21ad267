# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks for values that must not be seen: in files, in texts, and in what processes show of themselves."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

# Members of a JSON object that hold what is secret; the others name a user, a host or an address.
SECRET_MEMBER = re.compile(r"pass|secret|token(?!_url)|credential|private", re.IGNORECASE)
# A shorter one is found anywhere.
SHORTEST = 8


def secret_parts(text: str) -> Iterator[str]:
    """What of the value of a secret must stay hidden: all of it, and of a JSON object the members that are secret."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    members = value if isinstance(value, Mapping) else {}
    parts = [item for name, item in members.items() if SECRET_MEMBER.search(name)]
    yield from (part for part in (text, *parts) if isinstance(part, str) and len(part) >= SHORTEST)


def forms_of(value: str) -> set[bytes]:
    """The value as it is, and as it would be in JSON, in an address and in Base64."""
    plain = value.encode()
    forms = {plain, json.dumps(value)[1:-1].encode(), quote(value, safe="").encode(), base64.b64encode(plain)}
    return forms | {json.dumps(json.dumps(value))[3:-3].encode()}


class Leaks:
    """Where values are seen. values: by a name that may be told."""

    def __init__(self, values: Mapping[str, Iterable[str]]):
        self.forms = {name: {form for value in parts for form in forms_of(value)} for name, parts in values.items()}
        self.searched = 0  # bytes

    def of_bytes(self, content: bytes, where: str) -> list[str]:
        self.searched += len(content)
        return [f"{name} in {where}" for name, forms in self.forms.items() if any(form in content for form in forms)]

    def of_files(self, *places: Path, since: float = 0.0, without: Iterable[Path] = ()) -> list[str]:
        """places: files, and folders with all below. since: only files that were changed later."""
        left_out = [path.resolve() for path in without]
        found = []
        for file in (file for place in places for file in ([place] if place.is_file() else place.rglob("*"))):
            # Others may remove what is theirs meanwhile.
            with contextlib.suppress(OSError):
                path = file.resolve()
                outside = any(path == other or other in path.parents for other in left_out)
                if path.is_file() and not outside and path.stat().st_mtime >= since:
                    found += self.of_bytes(path.read_bytes(), str(file))
                    found += self.of_bytes(str(file).encode(), f"the name of {file}")
        return found


class ProcessList:
    """What all processes of the machine show to every user, and those of a run in their environment, again and again.

    mark: stands in the environment of all processes of the run.
    """

    PAUSE = 0.05

    def __init__(self, mark: str):
        self.mark = mark.encode()
        self.seen: set[bytes] = set()
        self.looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.look()
            if self._ended.wait(self.PAUSE):
                return

    def look(self) -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                # One that has ended, or someone else's.
                with contextlib.suppress(OSError):
                    self.seen.add((entry / "cmdline").read_bytes())
                    environment = (entry / "environ").read_bytes()
                    if self.mark in environment:
                        self.seen.add(environment)
        self.looks += 1

    def shown(self) -> bytes:
        return b"\n".join(self.seen)
