# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder for what all hosts of a run share, of this user alone, which is gone when ansible-playbook is.

It lies in the one that Ansible makes for a run and removes at its end, which a killed run doesn't come to. So a small
process waits for that end; it is this file run as a script, with the folder to remove and the process to outlive.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import shutil
import subprocess
import sys
import time


def run_folder(parent: str) -> str:
    """The run's folder, which is made when it is first asked for. parent: the one that Ansible has made for the run."""
    folder = os.path.join(parent, "run")
    # Whoever makes it sees to its end.
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, mode=0o700)
        _watch(folder)
    return folder


def _watch(folder: str) -> None:
    controller = multiprocessing.parent_process()
    pid = controller.pid if controller else os.getpid()
    # The number could be another process's by the time that is looked at; what this refers to can't.
    reference = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    try:
        subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(__file__), folder, str(pid), str(reference or "")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[reference] if reference else [],
            # A signal to the terminal's or the task's processes is none to this one.
            start_new_session=True,
        )
    finally:
        if reference:
            os.close(reference)


def _outlive(pid: int, reference: int | None) -> None:
    if reference is not None:
        # Readable when the process has ended, however it did.
        select.select([reference], [], [])
        return
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(0.5)


def main(folder: str, pid: str, reference: str) -> None:
    _outlive(int(pid), int(reference) if reference else None)
    shutil.rmtree(folder, ignore_errors=True)
    # Ansible's own, if nothing else is left in it.
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
