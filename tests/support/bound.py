# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command that ends with the thread that has started it, however that ends: a killed test leaves none behind.

Linux does so, elsewhere the command goes on. As `python bound.py <parent's pid> <signal> <command> ...` it needs no
packages.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def bound(command: list[str], ending: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command, bound to whoever starts it. The process is the command's own a moment later.

    ending: the signal that ends it.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(ending)), *command]


if __name__ == "__main__":
    parent, ending, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)
        if os.getppid() != parent:
            sys.exit("bound: who has started it is gone")
    os.execvp(command[0], command)
