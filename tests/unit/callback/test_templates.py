# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one process of a run has compiled of a template, the later ones don't compile again, and it means the same."""

from __future__ import annotations

import marshal
import multiprocessing
import socket
from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.templates import LONGEST, Memory
from tests.support import noted_runs

# Notes each text that a process of a task hands to Jinja's compiler.
NOTES = """
import json, os
from multiprocessing import util
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: notes\\nshort_description: Notes\\ntype: notification\\ndescription: [Notes.]\\noptions: {}"

def forked(callback):
    parse = AnsibleEnvironment._parse
    def noted(environment, source, *args, **kwargs):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(json.dumps([os.getpid(), source]) + "\\n")
        return parse(environment, source, *args, **kwargs)
    AnsibleEnvironment._parse = noted

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "notification", "notes", True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        util.register_after_fork(self, forked)
"""
FIRST = "{{ 'one' ~ ' ' ~ inventory_hostname }}"
# The same text is one thing where backslashes are escaped, and another one where they aren't.
ESCAPED = r"{{ 'ab' | regex_replace('(a)', '\1\1') }}"
TASKS = [
    {"ansible.builtin.assert": {"that": ["first == 'one host'", "escaped == 'aab'"]}},
    {"ansible.builtin.assert": {"that": ["first == 'one host'", "escaped == 'aab'"]}},
    {
        "ansible.builtin.assert": {"that": ["copied == 'one host' ~ '\\n' ~ shown"]},
        "vars": {"copied": "{{ lookup('ansible.builtin.template', 'page.j2') }}"},
    },
]


def compiled_by_tasks(folder: Path, callbacks: str) -> list[str]:
    (folder / "page.j2").write_text(f"{FIRST}\n{ESCAPED}")
    variables = {"first": FIRST, "escaped": ESCAPED, "shown": "\x01\x01b"}
    notes, _printed = noted_runs.run(folder, NOTES, callbacks, {"hosts": "all", "vars": variables, "tasks": TASKS})
    return [text for _process, text in notes]


def test_a_template_is_compiled_once_in_a_run(tmp_path: Path) -> None:
    compiled = compiled_by_tasks(tmp_path, "agent_platform.aws.preload")

    assert compiled.count(FIRST) == compiled.count(ESCAPED) == 1


def test_without_it_each_process_compiles_it(tmp_path: Path) -> None:
    compiled = compiled_by_tasks(tmp_path, "agent_platform.aws.progress")

    assert compiled.count(FIRST) == compiled.count(ESCAPED) == 2


# ---- The memory


KEY = ("{{ a }}", True, ("{{", "}}", None))


@pytest.fixture
def memory() -> Memory:
    return Memory()


def code_of(text: str):
    return compile(text, "<template>", "eval")


def in_another_process(function, *args) -> None:
    process = multiprocessing.get_context("fork").Process(target=function, args=args)
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_what_another_process_has_made_is_known_after_listening(memory: Memory) -> None:
    in_another_process(memory.code, KEY, lambda: code_of("6 * 7"))
    assert memory.known == {}

    memory.listen()

    assert eval(memory.code(KEY, lambda: pytest.fail("made again"))) == 42


def test_what_this_process_makes_it_tells_nobody(memory: Memory) -> None:
    made = memory.code(KEY, lambda: code_of("1"))

    assert memory.code(KEY, lambda: pytest.fail("made again")) is made
    with pytest.raises(BlockingIOError):
        memory.mailbox.recv(1)


def test_a_full_mailbox_stops_nobody(memory: Memory) -> None:
    code = code_of(repr("x" * 10_000))
    for number in range(100):
        memory.tell((number,), code)

    memory.listen()

    assert 0 < len(memory.known) < 100


def test_what_is_too_long_is_left_out(memory: Memory) -> None:
    memory.sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LONGEST)
    if memory.sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < LONGEST + 10_000:
        pytest.skip("this kernel sends nothing that long")
    memory.tell(("long",), code_of(repr("x" * LONGEST)))
    memory.tell(("short",), code_of("1"))

    memory.listen()

    assert list(memory.known) == [("short",)]


def test_what_is_no_plain_text_is_kept_to_oneself(memory: Memory) -> None:
    memory.tell((object(),), code_of("1"))

    memory.listen()

    assert memory.known == {}
    assert marshal.loads(marshal.dumps(KEY)) == KEY
