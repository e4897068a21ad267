# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the benchmark makes of its measurements, and which runs it refuses to measure."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmarks.__main__ import (
    CALLS_PLAYBOOK,
    FULL_CREATE,
    NO_CHANGE,
    BenchmarkError,
    Row,
    as_json,
    main,
    missed,
    report,
    table,
    verify,
)
from benchmarks.costs import WHOLE_RUN, Cost
from tests.support.faults import Calls
from tests.support.local_cloud.settings import CHECKOUT
from tests.support.playbook import Run


def row(what: str, **seconds: list[float]) -> Row:
    made = Row(what)
    for column, values in seconds.items():
        made.add(column, *values)
    return made


def test_medians_and_the_ratio_of_pairs() -> None:
    measured = row("no change", local=[10.0, 40.0, 20.0], warm=[9.0, 4.0, 10.0], boto3=[1.0, 2.0])

    # The ratio of the medians would be 0.45.
    assert measured.figures() == {"local": 20.0, "warm": 9.0, "warm/local": 0.5, "boto3": 1.5}


def test_what_was_not_measured_has_no_figure() -> None:
    assert row("create", warm=[5.0]).figures() == {"local": None, "warm": 5.0, "warm/local": None, "boto3": None}


def test_pairs_must_be_complete() -> None:
    with pytest.raises(ValueError, match="shorter"):
        row("no change", local=[1.0, 2.0], warm=[1.0]).ratio()


def test_the_table_is_aligned() -> None:
    rows = [row("full create", warm=[139.0]), row("no change", local=[60.0], warm=[15.0], boto3=[2.345])]

    assert table(rows).splitlines() == [
        "             local    warm  warm/local  boto3",
        "full create         139.00",
        "no change    60.00   15.00        0.25   2.35",
    ]


def test_what_takes_too_long_is_told() -> None:
    """The median counts, of the runs with `warm`."""
    create, no_change = row(FULL_CREATE, warm=[95.0, 60.0, 61.0]), row(NO_CHANGE, local=[90.0] * 3, warm=[20.0] * 3)
    assert missed([create, no_change, row("anything else", warm=[1000.0])]) == []

    slow = row(NO_CHANGE, local=[90.0], warm=[30.5])
    assert missed([create, slow]) == [f"{NO_CHANGE} took 30.50 s, and may take 28"]


def test_the_report_names_the_machine_and_the_calls() -> None:
    rows = [row("no change", local=[2.0], warm=[1.0])]

    components = {"network": Cost(9, 4, 1.25), WHOLE_RUN: Cost(121, 66, 19.5)}

    text = report(rows, runs=7, calls=302, components=components)

    for part in ("cores ", "memory ", "GiB", "Python 3.", "ansible-core 2.", "boto3 1.", "of 7 runs", "302 AWS calls"):
        assert part in text
    assert table(rows) in text
    assert text.splitlines()[-3:] == [
        "           tasks  module calls  processor time",
        "network        9             4            1.25",
        "whole run    121            66           19.50",
    ]
    document = as_json(rows, runs=7, calls=302, components=components)
    assert document["components"]["network"] == {"tasks": 9, "calls": 4, "seconds": 1.25}
    assert document["rows"][0]["seconds"] == {"local": [2.0], "warm": [1.0]}
    assert document["rows"][0]["figures"]["warm/local"] == 0.5
    assert (document["runs"], document["aws_calls"], document["machine"]["memory"][-3:]) == (7, 302, "GiB")


@pytest.fixture
def run() -> Callable[..., Run]:
    def make(returncode: int = 0, output: str = "", ok: int = 20, **counts: int) -> Run:
        recap = {"ok": ok, "changed": 0, "failures": 0, "unreachable": 0, **counts}
        return Run(["ansible-playbook", "x.yml"], returncode, output, 1.0, [], {"network": recap}, Calls())

    return make


def test_accepts_a_run_that_did_what_it_should(run: Callable[..., Run]) -> None:
    verify(run(), changes=False, warm=True)
    verify(run(changed=97), changes=True, warm=True)
    verify(run(output="Modules run without the warm process: ..."), changes=False, warm=False)


@pytest.mark.parametrize(
    ("spoilt", "changes", "reason"),
    [
        ({"returncode": 2}, False, "the run failed"),
        ({"failures": 1}, False, "the run failed"),
        ({"failures": 1, "changed": 1}, True, "the run failed"),
        ({"unreachable": 1}, False, "the run failed"),
        ({"ok": 0}, False, "the run failed"),
        ({"changed": 1}, False, "the run changed something"),
        ({"changed": 0}, True, "the run changed nothing"),
        ({"output": "[WARNING]: Modules run without the warm process: x"}, False, "without the warm process"),
    ],
)
def test_refuses_a_run_that_did_not(run: Callable[..., Run], spoilt: dict, changes: bool, reason: str) -> None:
    output = "\n".join(["much", *["more"] * 100, "the last line"])
    with pytest.raises(BenchmarkError, match=reason) as refused:
        verify(run(**{"output": output, **spoilt}), changes=changes, warm=True)

    assert "ansible-playbook x.yml" in str(refused.value)
    if "output" not in spoilt:
        assert str(refused.value).endswith("the last line")
        assert "much" not in str(refused.value)


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_refuses_to_measure_nothing(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--runs", number])

    assert ended.value.code == 2
    assert "--runs" in capsys.readouterr().err


def test_the_playbook_of_calls_has_as_many_as_the_table_says() -> None:
    (play,) = yaml.safe_load(Path(CHECKOUT, CALLS_PLAYBOOK).read_text(encoding="utf-8"))
    modules = [name for task in play["tasks"] for name in task if "." in name]

    assert len(modules) == len(play["tasks"]) == 20
    assert {name.rpartition(".")[0] for name in modules} == {"amazon.aws", "community.aws"}
    assert [task for task in play["tasks"] if "loop" in task] == []


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_starts_it_with_all_that_it_imports() -> None:
    *_setup, command = subprocess.run(
        ["make", "-n", "benchmark", "ARGS=--help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = subprocess.run(
        command, shell=True, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    assert "--runs" in started.stdout
