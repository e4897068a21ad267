# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures whole runs and single module calls, with the connections `local` and `warm`, and prints one table.

`make benchmark ARGS="[--runs N] [--json FILE]"` from the checkout. It starts an emulator of its own and ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.faults import free_port, is_write
from tests.support.local_cloud import account, processes
from tests.support.local_cloud.settings import CHECKOUT, EMULATORS, Instance
from tests.support.playbook import DirectAccount, Run

from . import costs, notes
from .processor_time import TASK, VARIABLE, WARM_PROCESS

CONNECTIONS = {"local": "ansible.builtin.local", "warm": "agent_platform.aws.warm"}
CALLS_PLAYBOOK = "benchmarks/calls.yml"
RECORDER = "benchmarks.record_calls"
PRELOADED = "benchmarks.preload_processor_time"
# Seconds that the warm process has to end after its run.
LONGEST_END = 30
CALLBACKS = CHECKOUT / "benchmarks/callback"
# What the connection says when a module has to do without its process.
NOT_WARM = "without the warm process"
OUTPUT_LINES = 60
FULL_CREATE = "site.yml, full create"
NO_CHANGE = "site.yml, no change; boto3: the script with the same calls"
# Seconds that these may take with `warm` on 2 cores that nothing else uses.
TARGETS = {FULL_CREATE: 120.0, NO_CHANGE: 28.0}


class BenchmarkError(Exception):
    """A run whose time would tell nothing, for the user."""


@dataclass
class Row:
    """A line of the table: what was measured, and the seconds of each measurement by column."""

    what: str
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, column: str, *seconds: float) -> None:
        self.seconds.setdefault(column, []).extend(seconds)

    def median(self, column: str) -> float | None:
        return median(self.seconds[column]) if self.seconds.get(column) else None

    def ratio(self) -> float | None:
        """The median of the ratios of neighbours: what slows the machine for a while slows both of a pair."""
        if not (self.seconds.get("local") and self.seconds.get("warm")):
            return None
        return median(warm / local for local, warm in zip(self.seconds["local"], self.seconds["warm"], strict=True))

    def figures(self) -> dict[str, float | None]:
        figures = {column: self.median(column) for column in ("local", "warm")}
        return {**figures, "warm/local": self.ratio(), "boto3": self.median("boto3")}


def table(rows: list[Row]) -> str:
    """What was not measured stays empty."""
    lines = [["", *rows[0].figures()]]
    for row in rows:
        lines.append([row.what, *("" if figure is None else f"{figure:.2f}" for figure in row.figures().values())])
    return aligned(lines)


def aligned(lines: list[list[str]]) -> str:
    """Columns, the first one of words, the others of figures."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]).rstrip() for cells in lines
    )


def missed(rows: list[Row]) -> list[str]:
    """What took longer than it may, each in a line."""
    measured = {row.what: row.median("warm") for row in rows if row.what in TARGETS}
    return [
        f"{what} took {seconds:.2f} s, and may take {TARGETS[what]:.0f}"
        for what, seconds in measured.items()
        if seconds is not None and seconds >= TARGETS[what]
    ]


def machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "Python": platform.python_version(),
        **{package: version(package) for package in ("ansible-core", "boto3")},
    }


def verify(run: Run, *, changes: bool, warm: bool) -> None:
    """Refuse a run that isn't what it was measured as."""
    counts = {name: run.total(name) for name in ("ok", "changed", "failures", "unreachable")}
    problem = ""
    if run.returncode or counts["failures"] or counts["unreachable"] or not counts["ok"]:
        problem = "the run failed"
    elif changes != bool(counts["changed"]):
        problem = "the run changed nothing" if changes else f"the run changed something: {run.changed}"
    elif warm and NOT_WARM in run.output:
        problem = "modules ran without the warm process"
    if problem:
        end = "\n".join(run.output.splitlines()[-OUTPUT_LINES:])
        raise BenchmarkError(
            f"{problem} (status {run.returncode}, {counts}): {' '.join(run.command)}\n--- end of its output\n{end}"
        )


def processor_time_of_children() -> float:
    """Seconds, of those that have ended and been waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    """An emulator and the accounts in it."""

    def __init__(self, endpoint: str, folder: Path):
        self.endpoint = endpoint
        self.folder = folder
        self.accounts: list[DirectAccount] = []
        self._preloaded: list[str] = []

    def new_account(self, account_id: str) -> DirectAccount:
        account.furnish(self.endpoint, account_id)
        self.accounts.append(DirectAccount(account_id, self.endpoint, self.folder, []))
        return self.accounts[-1]

    def close(self) -> None:
        for used in self.accounts:
            used.close()

    def play(
        self,
        where: DirectAccount,
        *args: str,
        column: str = "warm",
        changes: bool = False,
        playbook: str = "site.yml",
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Run a playbook that must succeed, and that must change something or nothing."""
        started = where.start(
            *args,
            playbook=playbook,
            variables={"ansible_connection": CONNECTIONS[column]},
            # In our folder, so that nothing is left behind when the run is ended early.
            environment={"ANSIBLE_LOCAL_TEMP": str(self.folder / "t"), **(environment or {})},
        )
        try:
            run = started.wait()
        except AssertionError as hung:
            end = "\n".join(started.output.read_text(errors="replace").splitlines()[-OUTPUT_LINES:])
            raise BenchmarkError(f"{hung}\n--- end of its output\n{end}") from None
        verify(run, changes=changes, warm=column == "warm")
        words = [Path(playbook).name, *args, "with changes," if changes else "no change,", column]
        say(f"{run.seconds:7.2f} s  {' '.join(words)}")
        return run

    def preloaded(self, *names: str) -> dict[str, str]:
        """The environment by which the warm process loads modules of the benchmark's, too."""
        if not self._preloaded:
            listing = subprocess.run(
                [str(Path(sys.executable).with_name("ansible-doc")), "-t", "connection", "--json", CONNECTIONS["warm"]],
                cwd=CHECKOUT, capture_output=True, text=True, check=True,
                env=self.accounts[0].environment(Path(os.devnull)),
            )  # fmt: skip
            self._preloaded = json.loads(listing.stdout)[CONNECTIONS["warm"]]["doc"]["options"]["warm_modules"][
                "default"
            ]
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])),
            "AGENT_PLATFORM_WARM_MODULES": ",".join([*self._preloaded, *names]),
        }

    def costs(self, where: DirectAccount, column: str) -> tuple[Run, dict[str, costs.Cost]]:
        """A run without changes, and what it costs."""
        file = self.folder / "processor_time.jsonl"
        file.write_text("")
        usual = where.environment(Path(os.devnull))
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join([usual["ANSIBLE_CALLBACK_PLUGINS"], str(CALLBACKS)]),
            "ANSIBLE_CALLBACKS_ENABLED": f"{usual['ANSIBLE_CALLBACKS_ENABLED']},processor_time",
            VARIABLE: str(file),
        }
        before = processor_time_of_children()
        run = self.play(where, column=column, environment={**self.preloaded(PRELOADED), **environment})
        seconds = processor_time_of_children() - before
        # The warm process, which nobody waits for, ends after the run; its forks are no children of anybody else.
        deadline = time.monotonic() + LONGEST_END
        noted = notes.read(file)
        while column == "warm" and WARM_PROCESS not in [note["kind"] for note in noted]:
            if time.monotonic() > deadline:
                raise BenchmarkError("the warm process did not note its processor time")
            time.sleep(0.1)
            noted = notes.read(file)
        seconds += sum(note["seconds"] for note in noted if note["kind"] != TASK)
        return run, costs.costs(run.records, noted, seconds)

    def record(self, where: DirectAccount) -> Path:
        """Note the AWS calls of a run without changes."""
        file = self.folder / "calls.jsonl"
        environment = {**self.preloaded(RECORDER), "BENCHMARK_CALLS": str(file)}
        self.play(where, environment=environment)
        calls = notes.read(file) if file.exists() else []
        writes = [call["operation"] for call in calls if is_write((call["service"], call["operation"]))]
        if writes or not calls:
            raise BenchmarkError(f"a run without changes made {len(calls)} calls, with these writes: {writes}")
        return file

    def floor(self, where: DirectAccount, calls: Path) -> tuple[float, float]:
        """Seconds of the whole script, and of the calls in it."""
        command = [sys.executable, "-m", "benchmarks.floor", str(calls)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--endpoint", self.endpoint, "--account", where.id],
            cwd=CHECKOUT, env=where.environment(Path(os.devnull)), capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        if done.returncode:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        say(f"{seconds:7.2f} s  the same AWS calls by boto3")
        return seconds, json.loads(done.stdout)["seconds"]


def measure(bench: Bench, runs: int) -> tuple[list[Row], int, dict[str, costs.Cost]]:
    """All rows, and of a run without changes the number of AWS calls and what it costs with `warm`."""
    twenty = bench.new_account("200000000000")
    bench.play(twenty, playbook=CALLS_PLAYBOOK, changes=True)

    create = Row(FULL_CREATE)
    platforms = [bench.new_account(f"{100_000_000_000 + number}") for number in range(runs)]
    for empty in platforms:
        create.add("warm", bench.play(empty, changes=True).seconds)

    built = platforms[0]
    calls = bench.record(built)
    number_of_calls = len(notes.read(calls))
    no_change = Row(NO_CHANGE)
    processor = Row("its processor time, all processes")
    calls_alone = Row(f"its {number_of_calls} AWS calls, one after the other")
    by_component = []
    for _ in range(runs):
        for column in CONNECTIONS:
            run, found = bench.costs(built, column)
            no_change.add(column, run.seconds)
            processor.add(column, found[costs.WHOLE_RUN].seconds)
            if column == "warm":
                by_component.append(found)
        script, alone = bench.floor(built, calls)
        no_change.add("boto3", script)
        calls_alone.add("boto3", alone)

    network = Row("site.yml --limit network, no change")
    for _ in range(runs):
        for column in CONNECTIONS:
            network.add(column, bench.play(built, "--limit", "network", column=column).seconds)

    playbook = Row("20 module calls, no change")
    one_call = Row("one of these calls")
    for _ in range(runs):
        for column in CONNECTIONS:
            run = bench.play(twenty, playbook=CALLS_PLAYBOOK, column=column)
            playbook.add(column, run.seconds)
            one_call.add(column, *(record["seconds"] for record in run.records))
    rows = [create, no_change, processor, calls_alone, network, playbook, one_call]
    return rows, number_of_calls, costs.medians(by_component)


def report(rows: list[Row], runs: int, calls: int, components: dict[str, costs.Cost]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    measured = "1 run" if runs == 1 else f"{runs} runs"
    return (
        f"{facts}\nSeconds, medians of {measured}; warm/local is the median of the ratios of neighbours.\n"
        f"A run of site.yml without changes makes {calls} AWS calls.\n\n{table(rows)}\n\n"
        "With warm, by component; the whole run has the controller and the warm process, too.\n\n"
        f"{aligned(costs.cells(components))}"
    )


def as_json(rows: list[Row], runs: int, calls: int, components: dict[str, costs.Cost]) -> dict[str, Any]:
    lines = [{"what": row.what, "figures": row.figures(), "seconds": row.seconds} for row in rows]
    found = {name: asdict(cost) for name, cost in components.items()}
    return {"machine": machine(), "runs": runs, "aws_calls": calls, "rows": lines, "components": found}


@contextlib.contextmanager
def local_cloud() -> Iterator[Bench]:
    """An empty emulator on a free port; however this ends, it and the playbooks under way end, too."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as name:
        instance = Instance(EMULATORS[0], free_port(), Path(name))
        bench = Bench(instance.endpoint, Path(name))
        try:
            processes.start(instance, timeout=60)
            yield bench
        finally:
            # A second Ctrl+C must not cut this short.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            bench.close()
            processes.stop(instance)


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=positive, default=3, metavar="N", help="measurements of each kind (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there, too")
    options = parser.parse_args(arguments)
    # Ended from outside as by Ctrl+C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The user's own profile and endpoints are none of the emulator's.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # Nor does a proxy for the web stand between.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        with local_cloud() as bench:
            rows, calls, components = measure(bench, options.runs)
    except KeyboardInterrupt:
        say("benchmark: interrupted; the emulator and the playbook were ended")
        return 130
    except (BenchmarkError, processes.ProcessError) as problem:
        say(f"benchmark: {problem}")
        return 1
    print(report(rows, options.runs, calls, components))
    if options.json:
        options.json.write_text(
            json.dumps(as_json(rows, options.runs, calls, components), indent=2) + "\n", encoding="utf-8"
        )
    for line in missed(rows):
        say(f"benchmark: missed: {line}")
    return 1 if missed(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
