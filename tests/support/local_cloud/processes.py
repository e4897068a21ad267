# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starting and ending emulator processes so that none is left behind, and nobody else's is touched."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from ..bound import bound
from .settings import CHECKOUT, Instance

_STOP_SECONDS = 5.0
_LOG_LINES = 15


class ProcessError(Exception):
    """What went wrong, for the user; the first line says it all."""


@contextlib.contextmanager
def exclusive(base: Path) -> Iterator[None]:
    """One `up` or `down` at a time in this checkout."""
    base.mkdir(parents=True, exist_ok=True)
    folder = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def start(instance: Instance, timeout: float, lasting: bool = False) -> float:
    """Start the emulator with empty state and wait until it answers. Returns the seconds that took.

    lasting: whether it outlives the thread that starts it.
    """
    stop(instance)
    _check_port_free(instance)
    for folder in (instance.state, instance.state / "tmp"):
        folder.mkdir(parents=True)
    began = time.monotonic()
    with instance.log.open("wb") as log:
        process = subprocess.Popen(
            _command(instance) if lasting else bound(_command(instance)),
            cwd=CHECKOUT,
            env=_environment(instance),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    instance.pid_file.write_text(f"{process.pid}\n", encoding="utf-8")
    while not healthy(instance):
        if process.poll() is not None:
            reason = f"ended with status {process.returncode} while starting"
        elif time.monotonic() - began > timeout:
            reason = f"didn't answer on {instance.endpoint} within {timeout:.0f} s (LOCAL_CLOUD_START_TIMEOUT)"
        else:
            time.sleep(0.1)
            continue
        tail = "\n".join(instance.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
        stop(instance)
        raise ProcessError(f"{instance.emulator.name} {reason}. The end of {instance.log}:\n{tail}")
    return time.monotonic() - began


def stop(instance: Instance) -> bool:
    """End our emulator on this port, if there is one, and remove its files but for the log."""
    found = running_pids(instance)
    for pid in found:
        _end(pid)
    instance.pid_file.unlink(missing_ok=True)
    shutil.rmtree(instance.state, ignore_errors=True)
    return bool(found)


def running_pids(instance: Instance) -> list[int]:
    """Our processes for this port: the one of the pid file, and one whose pid file got lost but that holds the port."""
    candidates = []
    with contextlib.suppress(OSError, ValueError):
        candidates.append(int(instance.pid_file.read_text(encoding="utf-8")))
    holder = port_holder(instance.port)
    if holder is not None:
        candidates.append(holder)
    # A pid is used again by the system: only the command tells whether the process is ours.
    return [pid for pid in dict.fromkeys(candidates) if is_ours(instance, command_of(pid))]


def is_ours(instance: Instance, command: list[str]) -> bool:
    return command[1:] == _command(instance)[1:]


def healthy(instance: Instance) -> bool:
    # A proxy set for the web has no business between two processes of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{instance.endpoint}{instance.emulator.health_path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def command_of(pid: int) -> list[str]:
    """The arguments with which a process was started; empty when it doesn't exist or can't be read."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        if state and state[0] == "Z":
            return []
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        return [part.decode(errors="replace") for part in raw.split(b"\0")[:-1]]
    if Path("/proc/self").exists():
        return []
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.split()


def port_holder(port: int) -> int | None:
    """The process that listens on this TCP port, where /proc tells."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(descriptor) in inodes:
                return int(descriptor.parts[2])
    return None


def _command(instance: Instance) -> list[str]:
    # The folder and the port are there to be recognised again (is_ours).
    return [
        sys.executable,
        "-m",
        instance.emulator.module,
        "--state",
        str(instance.state),
        "--port",
        str(instance.port),
    ]


def _environment(instance: Instance) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        # The emulator mustn't call itself, nor run without a bytecode cache (three times slower).
        if not name.startswith("AWS_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **inherited,
        **instance.emulator.environment,
        "GATEWAY_PORT": str(instance.port),
        "STATE_DIR": str(instance.state / "state"),
        "S3_DATA_DIR": str(instance.state / "s3"),
        "TMPDIR": str(instance.state / "tmp"),
    }


def _check_port_free(instance: Instance) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", instance.port))
        except OSError as error:
            variable = instance.emulator.endpoint_variable
            holder = port_holder(instance.port)
            command = " ".join(command_of(holder))[:120] if holder else ""
            who = f"process {holder} ({command})" if holder else "another process"
            why = f"is taken by {who}" if holder or instance.port >= 1024 else f"can't be opened ({error.strerror})"
            raise ProcessError(
                f"Port {instance.port} {why}. End it, or choose another port: "
                f"{variable}=http://127.0.0.1:{instance.port + 1}"
            ) from None


def _end(pid: int) -> None:
    """End the process and its children, which are in its own process group."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal_number)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not command_of(pid):
                break
            time.sleep(0.05)
        else:
            continue
        # What it started itself goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        return
    raise ProcessError(f"Process {pid} could not be ended.")
