# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No value of a secret is seen where it doesn't belong: what a run prints at its most talkative, writes and starts."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.components import IN_AWS
from tests.support.leaks import Leaks, ProcessList, secret_parts
from tests.support.playbook import ROOT, Account

from . import components, neighbours

# How many secrets each component has, its own and those that AWS makes for it.
SECRETS = {component: getattr(components.of(component), "SECRETS", 0) for component in IN_AWS}
ACCOUNT = "100000000091"
KEYS_ACCOUNT = "270000000102"
PLAIN = "ansible.builtin.local"
PLANTED = "Tr0ub4dor-and-3-more/words+here"


def values_of(account: Account) -> dict[str, list[str]]:
    """What must stay hidden of all secrets of the account, by their names."""
    manager = account.client("secretsmanager")
    names = [item["Name"] for item in account.pages("secretsmanager", "list_secrets", "SecretList")]
    texts = {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}
    return {name: list(secret_parts(text)) for name, text in texts.items()}


@pytest.fixture
def home() -> Iterator[Path]:
    """What is ~/.ansible for others. Not pytest's own folder: its path is long for a socket."""
    with tempfile.TemporaryDirectory(prefix="secrets-") as name:
        yield Path(name)


@pytest.mark.by_component(*(component for component, number in SECRETS.items() if number))
def test_values_of_secrets_are_seen_nowhere(new_account, home, tmp_path, figures):
    account = new_account(ACCOUNT)
    neighbours.make_role(account, neighbours.ADMINISTRATORS, neighbours.OTHER)
    log, facts = tmp_path / "log", tmp_path / "facts"
    environment = {
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts),
    }
    began = time.time()
    # The second run reads what the first one has made.
    runs, shown = [], b""
    for note in ("all that it says", "all that it says, again"):
        started = account.start("-vvvv", "--diff", environment=environment)
        with ProcessList(f"TEST_RECORDS={started.records}") as processes:
            runs.append((started, started.wait().assert_converged()))
        assert "without the warm process" not in runs[-1][1].output, runs[-1][1].explain()
        figures.append(f"{runs[-1][1].summary}  {note}, with {processes.looks} looks at the processes")
        shown += processes.shown()
    values = values_of(account)
    assert len(values) >= sum(SECRETS[component] for component in account.components), sorted(values)
    assert all(values.values()), f"too short to be looked for: {values.keys()}"
    leaks = Leaks(values)
    found = leaks.of_bytes(shown, "what processes show of themselves")
    for started, run in runs:
        found += leaks.of_bytes(run.output.encode(), "what the run prints")
        found += leaks.of_files(started.records)
    assert log.stat().st_size > len(runs[0][1].output) / 2, "the log is empty"
    found += leaks.of_files(log, home, facts)
    # The emulator's own log, and what tests beside this one write, are no part of the run.
    found += leaks.of_files(ROOT / "build", Path.home() / ".ansible", since=began, without=[ROOT / "build/local_cloud"])
    assert found == []
    figures.append(f"{len(values)} secrets looked for in {leaks.searched / 1e6:.0f} MB")


@pytest.mark.by_component("encryption")
def test_keys_of_the_inventory_are_seen_nowhere(new_account, home, tmp_path):
    """Without the warm process each module is a command of the shell, with the task's environment in it."""
    account = new_account(KEYS_ACCOUNT)
    keys = {"AWS_SECRET_ACCESS_KEY": f"{PLANTED}/secret", "AWS_SESSION_TOKEN": f"{PLANTED}/session"}
    inventory, log = tmp_path / "keys.json", tmp_path / "log"
    environment = {"AWS_ENDPOINT_URL": account.playbook_endpoint, "AWS_ACCESS_KEY_ID": account.id, **keys}
    inventory.write_text(json.dumps({"platform_aws_environment": environment, "ansible_connection": PLAIN}))
    started = account.start(
        *("-vvvv", "--limit", "encryption", "-e", f"@{inventory}"),
        environment={"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_HOME": str(home)},
    )
    with ProcessList(f"TEST_RECORDS={started.records}") as processes:
        run = started.wait().assert_converged()
    assert run.changed, run.explain()
    leaks = Leaks({name: list(secret_parts(value)) for name, value in keys.items()})
    found = leaks.of_bytes(processes.shown(), "what processes show of themselves")
    found += leaks.of_bytes(run.output.encode(), "what the run prints")
    assert found + leaks.of_files(started.records, log, home) == []


# ---- The search itself: what is planted must be found.


@pytest.fixture
def leaks() -> Leaks:
    return Leaks({"planted": list(secret_parts(PLANTED))})


@pytest.mark.parametrize(
    "text",
    [
        "ok: {}",
        '{{"msg": "{}"}}',
        "VHIwdWI0ZG9yLWFuZC0zLW1vcmUvd29yZHMraGVyZQ==",
        "https://demo/?token=Tr0ub4dor-and-3-more%2Fwords%2Bhere",
    ],
)
def test_a_planted_value_is_found_in_a_file(leaks, tmp_path, text):
    before = tmp_path / "before"
    before.mkdir()
    (before / "facts").write_text("nothing")
    assert leaks.of_files(tmp_path) == []
    (before / "facts").write_text(text.format(PLANTED))
    assert leaks.of_files(tmp_path) == [f"planted in {before / 'facts'}"]
    assert leaks.of_files(tmp_path, since=time.time() + 60) == []
    assert leaks.of_files(tmp_path, without=[before]) == []


def test_a_planted_value_is_found_in_a_json_object():
    text = '{"username": "postgres-administrator", "password": "some-\\"quoted\\"-words", "port": 5432}'
    parts = list(secret_parts(text))
    assert parts == [text, 'some-"quoted"-words']
    assert len(list(secret_parts('{"client_secret": "some-words", "token_url": "https://demo/token"}'))) == 2
    assert Leaks({"planted": parts}).of_bytes(b'{"a": "some-\\"quoted\\"-words"}', "here") == ["planted in here"]
    assert Leaks({"planted": parts}).of_bytes(b"postgres-administrator", "here") == []


@pytest.fixture
def process(request) -> Iterator[None]:
    """One that has the planted value in its command or in its environment."""
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    in_command = request.param == "command"
    child = subprocess.Popen(
        [*waits, PLANTED] if in_command else waits,
        env={"TEST_RECORDS": "here", **({} if in_command else {"TOKEN": PLANTED})},
    )
    yield
    child.kill()
    child.wait()


@pytest.mark.parametrize("process", ["command", "environment"], indirect=True)
def test_a_planted_value_is_found_in_a_process(leaks, process):
    deadline = time.monotonic() + 10
    with ProcessList("TEST_RECORDS=here") as processes:
        while not leaks.of_bytes(processes.shown(), "a process") and time.monotonic() < deadline:
            time.sleep(0.1)
    assert leaks.of_bytes(processes.shown(), "a process") == ["planted in a process"]
