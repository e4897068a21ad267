# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the bastion powers off, with stand-ins for the programs that its script asks."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import jinja2
import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "roles/bastion/templates/idle-shutdown.sh.j2"
IDLE = {"loginctl": "true", "pgrep": "exit 1", "ss": "true", "awk": "exit 1"}
MINUTES = 30


class Host:
    def __init__(self, folder: Path):
        self.bin, self.calls, self.last_used = folder / "bin", folder / "calls", folder / "run/last-used"
        self.bin.mkdir()
        text = jinja2.Template(TEMPLATE.read_text()).render(
            bastion_idle_shutdown_minutes=MINUTES, bastion_code_server_port=8080
        )
        self.script = folder / "script"
        self.script.write_text(text.replace("/run/platform-idle/last-used", str(self.last_used)))
        for name in ("systemctl", "logger"):
            self.program(name, f'echo {name} "$1" >>{self.calls}')

    def program(self, name, body):
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def used(self, minutes_ago):
        self.last_used.parent.mkdir(exist_ok=True)
        self.last_used.touch()
        os.utime(self.last_used, (time.time() - 60 * minutes_ago,) * 2)

    def check(self, **answers):
        """One run of the timer; returns whether it powers off."""
        for name, body in (IDLE | answers).items():
            self.program(name, body)
        path = f"{self.bin}:/usr/bin:/bin"
        subprocess.run(["sh", self.script], env={"PATH": path}, check=True, timeout=30, capture_output=True)
        return self.calls.exists() and "systemctl poweroff" in self.calls.read_text()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_the_time_begins_with_the_first_check_after_the_boot(host):
    assert not host.check()
    assert time.time() - host.last_used.stat().st_mtime < 60


def test_it_powers_off_after_the_time(host):
    host.used(MINUTES - 1)
    assert not host.check()

    host.used(MINUTES)
    assert host.check()


@pytest.mark.parametrize(
    "use",
    [
        {"loginctl": "echo 1 1000 developer seat0 tty1"},
        {"pgrep": "echo 4711"},
        {"ss": "echo ESTAB 0 0 127.0.0.1:8080 127.0.0.1:40000"},
        {"awk": "exit 0"},
        # What can't be found out.
        {"loginctl": "exit 1"},
        {"pgrep": "exit 3"},
        {"ss": "exit 255"},
    ],
    ids=lambda use: "-".join(f"{name}: {body}" for name, body in use.items()),
)
def test_a_host_in_use_goes_on_and_its_time_begins_anew(host, use):
    host.used(MINUTES + 10)

    assert not host.check(**use)
    assert time.time() - host.last_used.stat().st_mtime < 60


@pytest.mark.parametrize(("load", "works"), [("0.10 0.25 0.90", False), ("0.10 0.26 0.10", True)])
def test_load_counts_over_five_minutes(host, load, works, tmp_path):
    (tmp_path / "loadavg").write_text(f"{load} 1/100 4711\n")
    host.script.write_text(host.script.read_text().replace("/proc/loadavg", str(tmp_path / "loadavg")))
    host.used(MINUTES)

    assert host.check(awk='exec /usr/bin/awk "$@"') is not works


@pytest.mark.parametrize("worker", ["ssm-session-worker", "ssm-document-worker"])
def test_what_systems_manager_runs_counts(host, worker):
    host.used(MINUTES)

    assert not host.check(pgrep=f'echo "/usr/bin/{worker} i-1" | grep --quiet --extended-regexp "$2"')


def test_an_installation_holds_the_host_up(host):
    """As root systemctl looks at nobody's locks by itself; the refusal is no fault of the unit."""
    host.used(MINUTES)
    host.program("systemctl", f'echo systemctl "$@" >>{host.calls}; exit 1')

    assert host.check()
    assert host.calls.read_text().splitlines()[1:] == [
        "systemctl poweroff --check-inhibitors=yes", "logger --tag"
    ]  # fmt: skip
