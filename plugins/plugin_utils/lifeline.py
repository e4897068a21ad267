# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers, the processes in which Ansible runs tasks, end with ansible-playbook, however that ends.

Each leads a session of its own, so nothing that ends ansible-playbook from outside reaches it: killed, or hung up by
its terminal, it would leave workers behind that go on with their loops, and write.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading

from ansible.errors import AnsibleError

from ansible_collections.agent_platform.aws.plugins.plugin_utils.warm_server import end_with

try:
    from ansible.executor.process.worker import WorkerProcess
except ImportError:
    WorkerProcess = None

# Nobody else sends this one: Ansible has meanings of its own for the usual ones.
CONTROLLER_ENDED = signal.SIGRTMIN + 7 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2


def hold_on() -> None:
    """In a worker: end with the controller, from now on, and at once if it has ended."""
    controller = multiprocessing.parent_process()
    if controller is None:
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(CONTROLLER_ENDED, _end)
    end_with(controller.pid, CONTROLLER_ENDED)


def _end(*_signal) -> None:
    # What it has started is in the group that it leads: a module by `local`, say, which must not go on either.
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@functools.cache
def prepare_workers() -> None:
    """In the controller: all its workers hold on, and one that can't be started ends the run.

    Ansible itself goes on without the task then, as if that had been well, and may come to an end without an error.
    """
    if WorkerProcess is not None:
        WorkerProcess.__init__ = _told(WorkerProcess.__init__)
        WorkerProcess.start = _told(WorkerProcess.start)
        WorkerProcess.run = _held(WorkerProcess.run)


def _told(method):
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except OSError as error:
            raise AnsibleError(
                f"The run was ended, because no process could be had for its next task: {error}. Nothing of that task "
                "has been done. Allow more processes and open files (ulimit -u and -n, the pids limit of a container), "
                "or lower the number of forks, and run again."
            ) from None

    return call


def _held(method):
    @functools.wraps(method)
    def call(self):
        hold_on()
        return method(self)

    return call
