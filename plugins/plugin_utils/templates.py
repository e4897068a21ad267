# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one process of a run has compiled of a template, later ones have from their birth.

Ansible runs each task for each host in a process of its own, which compiles every Jinja template that it meets, those
of the inventory's variables hundreds of times a run. Here a process hands the code that it has made to
ansible-playbook, of which the next ones are born. All stays in memory, for a template may hold a secret.
"""

from __future__ import annotations

import contextlib
import functools
import marshal
import multiprocessing
import socket
from types import CodeType
from typing import Any

# Parts of Ansible that it doesn't promise to keep: without them each process compiles by itself.
try:
    from ansible._internal._templating._jinja_bits import (
        _TEMPLATE_OVERRIDE_FIELD_NAMES as SYNTAX,
    )
    from ansible._internal._templating._jinja_bits import (
        AnsibleEnvironment,
        _TemplateCompileContext,
    )
    from ansible.executor.process.worker import WorkerProcess
except ImportError:
    AnsibleEnvironment = None

LONGEST = 1 << 18  # bytes of one message; code that is longer isn't shared


class Memory:
    """The code of templates, in the process of ansible-playbook and, as of their birth, in those of its tasks."""

    def __init__(self) -> None:
        self.known: dict[tuple, CodeType] = {}
        # Messages come whole, whoever else sends at the time.
        self.mailbox, self.sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.mailbox.setblocking(False)
        self.sender.setblocking(False)

    def code(self, key: tuple, make: Any) -> CodeType:
        """The code of the template of this key, by make() where nobody has made it yet."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = make()
            if multiprocessing.parent_process() is not None:
                self.tell(key, found)
        return found

    def tell(self, key: tuple, code: CodeType) -> None:
        # Where the mailbox is full, or the template is no plain text, others compile it, too.
        with contextlib.suppress(OSError, ValueError):
            self.sender.send(marshal.dumps((key, code)))

    def listen(self) -> None:
        """Take in what processes have told since the last time."""
        while True:
            try:
                key, code = marshal.loads(self.mailbox.recv(LONGEST))
            except BlockingIOError:
                return
            except (EOFError, TypeError, ValueError):
                continue  # it was longer
            self.known[key] = code


@functools.cache
def share() -> None:
    """In ansible-playbook: from now on its processes share what they compile."""
    if AnsibleEnvironment is None or not hasattr(socket, "SOCK_SEQPACKET"):
        return
    memory = Memory()
    compile_template, start = AnsibleEnvironment.compile, WorkerProcess.start

    @functools.wraps(compile_template)
    def compiled(environment, source, *args, **kwargs):
        def make():
            return compile_template(environment, source, *args, **kwargs)

        # An expression comes as the tree that was made of it.
        if not isinstance(source, str) or args or kwargs:
            return make()
        context = _TemplateCompileContext.current(optional=True)
        syntax = tuple(getattr(environment, name) for name in SYNTAX)
        return memory.code((str.__str__(source), bool(context and context.escape_backslashes), syntax), make)

    @functools.wraps(start)
    def started(worker):
        memory.listen()
        return start(worker)

    AnsibleEnvironment.compile = compiled
    WorkerProcess.start = started
