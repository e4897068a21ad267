# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the playbooks as users do, against an account of the emulator, and tells what each task did and called."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .bound import bound
from .components import IN_AWS
from .faults import Calls, Proxy
from .local_cloud.processes import command_of

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-west-2"
PREFIX = "agent-platform-local"
OWNER = {"Project": "agent-platform", "Environment": "local", "Region": REGION, "ManagedBy": "agent_platform.aws"}
# The connection of every run that doesn't choose its own. If this isn't set, it's the one of the inventory.
CONNECTION = os.environ.get("TEST_CONNECTION", "")
# A run that takes this long has hung.
LONGEST_RUN = 1800
# What AnsibleModule says for a module that has no check mode.
NO_CHECK_MODE = "does not support check mode"
# Those of ansible.cfg, and one of the tests' own.
CALLBACKS = (*(f"agent_platform.aws.{name}" for name in ("preload", "progress", "changes")), "records")
# Makes pauses a tenth as long: the emulator is ready at once, and what a test has spoilt recovers with the next call.
HASTE = {"PYTHONPATH": str(Path(__file__).with_name("haste"))}


def connection_options() -> list[str]:
    """Options for ansible-playbook that let its modules take the connection of TEST_CONNECTION."""
    return ["-e", f"ansible_connection={CONNECTION}"] if CONNECTION else []


@dataclass
class Run:
    """A playbook run that has ended."""

    command: list[str]
    returncode: int
    output: str
    seconds: float
    records: list[dict] = field(repr=False)
    recap: dict[str, dict[str, int]]
    calls: Calls

    def total(self, count: str) -> int:
        """Sum of a count of the recap (ok, changed, failures, unreachable, skipped, rescued) over the hosts."""
        return sum(counts[count] for counts in self.recap.values())

    @property
    def changed(self) -> list[tuple[str, str]]:
        """Host and name of each task that changed something."""
        return [(record["host"], record["task"]) for record in self.records if record["status"] == "changed"]

    @property
    def failures(self) -> list[str]:
        """Each failed task in a line."""
        lines = []
        for record in self.records:
            if record["status"] in ("failed", "unreachable"):
                item = next((item for item in record["items"] if item.get("failed")), {})
                text = item.get("msg") or record.get("msg")
                lines.append(f"{record['host']}: {record['task']}: {item.get('item', '')} {text}")
        return lines

    @property
    def skipped_for_check_mode(self) -> list[str]:
        """Tasks that a dry run left out: a module without check mode, a command, or a condition that says so."""
        lines = []
        for record in self.records:
            for result in (record, *record["items"]):
                if not (result.get("skipped") or (result is record and record["status"] == "skipped")):
                    continue
                said = f"{result.get('msg', '')} {result.get('skip_reason', '')}"
                condition = str(result.get("false_condition", ""))
                if NO_CHECK_MODE in said or "not in check mode" in said or "check_mode" in condition:
                    lines.append(f"{record['host']}: {record['task']} ({record['action']}): {said} {condition}".strip())
        return lines

    @cached_property
    def summary(self) -> str:
        return (
            f"{self.seconds:6.1f} s  rc={self.returncode} changed={self.total('changed')}"
            f" failed={self.total('failures')}  {self.calls.total()} calls, {self.calls.writes.total()} writes"
        )

    def explain(self) -> str:
        """What a failed assertion should show."""
        shown = "\n".join(self.output.splitlines()[-60:])
        return (
            f"{' '.join(self.command)}\n{self.summary}\nfailures: {json.dumps(self.failures, indent=1)}\n"
            f"changed: {self.changed}\nwrites: {self.calls.writes}\n--- end of the output\n{shown}"
        )

    def assert_converged(self) -> Run:
        assert self.returncode == 0, self.explain()
        assert self.total("failures") == self.total("unreachable") == 0, self.explain()
        return self.assert_no_traceback()

    def assert_nothing_to_do(self) -> Run:
        """The second run's rule: nothing changed, and no write was even tried."""
        self.assert_converged()
        assert self.total("changed") == 0, self.explain()
        assert not self.calls.writes, self.explain()
        return self

    def assert_refused(self) -> Run:
        """It ended with a failure that was told, not with a crash."""
        assert self.returncode != 0, self.explain()
        assert self.failures, self.explain()
        return self.assert_no_traceback()

    def assert_no_traceback(self) -> Run:
        assert "Traceback" not in self.output, self.explain()
        return self


class DirectAccount:
    """One AWS account of the emulator: accounts share nothing, so each scenario has one of its own.

    Its playbooks reach the emulator directly, as users' do; their calls are not noted. components: what it is about,
    which is what its runs build unless they have a --limit of their own. hasty: whether their pauses are short.
    """

    def __init__(
        self,
        account_id: str,
        endpoint: str,
        folder: Path,
        notes: list[str],
        components: tuple[str, ...] = IN_AWS,
        hasty: bool = False,
    ):
        self.id = account_id
        self.components = components
        self.hasty = hasty
        self.endpoint = endpoint
        self.folder = folder
        self.notes = notes
        self._clients: dict[tuple[str, str], Any] = {}
        self._started: list[Started] = []
        self._closed = False

    @property
    def playbook_endpoint(self) -> str:
        """Where playbooks find AWS."""
        return self.endpoint

    def restart_count(self) -> None:
        """Forget the calls of earlier runs."""

    def calls(self) -> Calls:
        return Calls()

    def client(self, service: str, region: str = REGION) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.id,
                aws_secret_access_key="not-a-secret-the-embedded-emulator-takes-any-value",
                config=Config(retries={"mode": "standard", "max_attempts": 3}),
            )
        return self._clients[service, region]

    def pages(self, service: str, operation: str, member: str, region: str = REGION, **params: Any) -> list:
        """All items of a list or describe call."""
        client = self.client(service, region)
        if client.can_paginate(operation):
            return client.get_paginator(operation).paginate(**params).build_full_result().get(member, [])
        return getattr(client, operation)(**params).get(member, [])

    def command(self, *args: str, playbook: str = "site.yml", variables: Mapping[str, Any] | None = None) -> list[str]:
        # Whatever `make up` has started on this machine.
        extra = json.dumps({"platform_account_id": self.id, "platform_cluster_access": "none", **(variables or {})})
        tool = str(Path(sys.executable).with_name("ansible-playbook"))
        partial = playbook == "site.yml" and self.components != IN_AWS
        limit = ("--limit", ",".join(self.components)) if partial else ()
        return [tool, playbook, "-i", "inventories/local", *connection_options(), "-e", extra, *limit, *args]

    def environment(self, records: Path) -> dict[str, str]:
        """The user's environment without what would change the run: AWS and Ansible settings of their own."""
        own = ("AWS_", "ANSIBLE_", "AGENT_PLATFORM_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(own)}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # a cache makes every module start three times faster
        return {
            **kept,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.playbook_endpoint,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback")),
            "ANSIBLE_CALLBACKS_ENABLED": ",".join(CALLBACKS),
            "ANSIBLE_NOCOLOR": "1",
            "TEST_RECORDS": str(records),
            **(HASTE if self.hasty else {}),
        }

    def start(self, *args: str, environment: Mapping[str, str] | None = None, **kwargs: Any) -> Started:
        if self._closed:
            raise RuntimeError(f"account {self.id} is closed: the tests are ending")
        self.restart_count()
        self._started.append(Started(self, self.command(*args, **kwargs), environment or {}))
        return self._started[-1]

    def run(self, *args: str, note: str = "", **kwargs: Any) -> Run:
        """Run a playbook to its end; by default all that the account is about."""
        run = self.start(*args, **kwargs).wait()
        self.notes.append(f"{run.summary}  {note or ' '.join(args) or 'all'}")
        return run

    def close(self) -> None:
        """Leave no process behind, even if the tests end early."""
        self._closed = True
        for run in self._started:
            if run.process.poll() is None:
                run.kill()


class Account(DirectAccount):
    """An account whose playbooks reach the emulator through a microburst of its own, which notes and spoils calls.

    Its boto3 clients reach the emulator directly, so that what a test asks is neither noted nor spoilt.
    """

    def __init__(self, account_id: str, endpoint: str, folder: Path, *more: Any, **options: Any):
        super().__init__(account_id, endpoint, folder, *more, **options)
        self.proxy = Proxy(endpoint, folder / f"microburst-{account_id}.log")

    @property
    def playbook_endpoint(self) -> str:
        return self.proxy.url

    def restart_count(self) -> None:
        self.proxy.restart_count()

    def calls(self) -> Calls:
        return self.proxy.calls()

    def close(self) -> None:
        super().close()
        self.proxy.stop()


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, directly or not, and that are still running."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for child, parent in (map(int, line.split()) for line in listing.splitlines()):
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, []))
    for child in found:  # grows on the way
        found += children.get(child, [])
    return found


def of_run(mark: str) -> list[int]:
    """The processes that have this in their environment, as all that a run has started does, itself included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


class Started:
    """A playbook run under way."""

    def __init__(self, account: DirectAccount, command: list[str], environment: Mapping[str, str]):
        self.account = account
        self.command = command
        handle, name = tempfile.mkstemp(dir=account.folder, prefix=f"run-{account.id}-", suffix=".jsonl")
        os.close(handle)
        self.records = Path(name)
        self.output = self.records.with_suffix(".log")
        self.began = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                bound(command),
                cwd=ROOT,
                env={**account.environment(self.records), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the run and all processes that it started, at once and without a chance to clean up."""
        # Ansible's workers have sessions of their own. Where they don't end by themselves it takes more than the group.
        for pid in (self.process.pid, *descendants(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def outlived(self, seconds: float = 2.0) -> list[str]:
        """The processes of the run that are left so long after its end, each with its command."""
        deadline, last = time.monotonic() + seconds, False
        # The last look begins after that time: on a busy machine a look takes some, too.
        while (left := of_run(f"TEST_RECORDS={self.records}")) and not last:
            last = time.monotonic() >= deadline
            time.sleep(0.05)
        return [" ".join([str(pid), *command_of(pid)]) for pid in left]

    def wait(self) -> Run:
        try:
            self.process.wait(LONGEST_RUN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hung for {LONGEST_RUN} s: {' '.join(self.command)}, see {self.output}") from None
        seconds = time.monotonic() - self.began
        records = [json.loads(line) for line in self.records.read_text().splitlines()]
        recap = next((record["recap"] for record in reversed(records) if "recap" in record), {})
        return Run(
            command=self.command,
            returncode=self.process.returncode,
            output=self.output.read_text(errors="replace"),
            seconds=seconds,
            records=[record for record in records if "recap" not in record],
            recap=recap,
            calls=self.account.calls(),
        )
