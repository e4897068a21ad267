# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""microburst between a playbook and the emulator: it notes every call and spoils those that a test chooses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .bound import bound

# A call is a read when its operation begins so; all others count as writes.
READS = ("Describe", "Get", "List", "Head", "AdminGet", "AdminList", "BatchGet", "CheckCapacity")
START_SECONDS = 60
# microburst answers nothing while it reads the model of a service, which takes long where all processors are busy.
ANSWER_SECONDS = 120
# Does nothing but put the call into the log. The last rule of every set: the first that matches is the one that acts.
LOG_RULE = {"service": "*", "latency": 0.01}
_COUNT = re.compile(r'^microburst_faults_total\{service="([^"]*)",operation="([^"]*)",action="([^"]*)"\} (\d+)', re.M)

Call = tuple[str, str]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_write(call: Call) -> bool:
    return not call[1].startswith(READS)


class Calls(Counter):
    """How often each (service, operation) was called."""

    @property
    def writes(self) -> Calls:
        return Calls({call: count for call, count in self.items() if is_write(call)})

    def __str__(self) -> str:
        return ", ".join(f"{service}:{operation} {count}x" for (service, operation), count in sorted(self.items()))


class Proxy:
    """One microburst process. Counters are read as differences, since they only ever grow."""

    def __init__(self, upstream: str, log: Path):
        self.port = free_port()
        # By a name of one part, without dots: for any other microburst asks which service the host is, and to know it
        # reads the models of all there are: 10 seconds without an answer, and 400 MB.
        self.url = f"http://localhost:{self.port}"
        program = Path(__file__).with_name("spoiling_proxy.py")
        # Isolated: the modules beside it are none of its.
        command = [sys.executable, "-I", str(program), "--upstream", upstream, "--port", str(self.port)]
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            bound(command), stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ}
        )
        self._base: Counter = Counter()
        self._wait()
        self.spoil([])

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"microburst ended at once, see {self._log.name}")
            try:
                self._control("GET", "health")
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(f"microburst did not answer on {self.url} within {START_SECONDS} s, see {self._log.name}")

    def _control(self, method: str, path: str, body: Any = None) -> bytes:
        request = urllib.request.Request(
            f"{self.url}/_microburst/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return response.read()

    def spoil(self, rules: Iterable[dict]) -> None:
        """Replace all rules; without any, calls are only noted."""
        self._control("POST", "rules", [*rules, LOG_RULE])

    def fired(self) -> list[int]:
        """How often each of these rules has spoilt a call, in their order."""
        return [rule["fired_count"] for rule in json.loads(self._control("GET", "rules"))][:-1]

    def _counts(self) -> Counter:
        text = self._control("GET", "metrics").decode()
        return Counter({match[:3]: int(match[3]) for match in (found.groups() for found in _COUNT.finditer(text))})

    def restart_count(self) -> None:
        self._base = self._counts()

    def calls(self) -> Calls:
        """The calls since the count was last restarted, spoilt ones included."""
        calls = Calls()
        for (service, operation, _action), count in (self._counts() - self._base).items():
            calls[service, operation] += count
        return calls

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
        self._log.close()
