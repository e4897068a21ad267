# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notes the processor time of each process of a run: a line of JSON for each, in the file that VARIABLE names.

The processes of Ansible's tasks note theirs by the callback processor_time, which also tells them their host. The warm
process preloads this module, so it notes its own, and each of its forks that of one module.
"""

from __future__ import annotations

import atexit
import os
import resource
import time
from typing import NoReturn

from .notes import note

VARIABLE = "BENCHMARK_PROCESSOR_TIME"
HOST = "BENCHMARK_HOST"
TASK, MODULE, WARM_PROCESS = "task", "module", "warm process"


def note_time(kind: str, host: str | None, seconds: float) -> None:
    if path := os.environ.get(VARIABLE):
        note(path, {"kind": kind, "host": host, "seconds": seconds})


def time_of_process() -> float:
    """The seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def note_at_end(preloaded_by: int) -> None:
    """In the warm process and in its forks."""
    if os.getpid() == preloaded_by:
        note_time(WARM_PROCESS, None, time.process_time())
    else:
        note_time(MODULE, os.environ.get(HOST), time_of_process())


def preload() -> None:
    process, leave = os.getpid(), os._exit

    def noted_exit(code: int) -> NoReturn:
        if os.getpid() == process:
            note_at_end(process)
        leave(code)

    # Forks end as Python ends; the warm process leaves, as taking apart what is loaded takes time.
    atexit.register(note_at_end, process)
    os._exit = noted_exit
