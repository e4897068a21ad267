# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import multiprocessing
import os
from multiprocessing import util

from ansible.plugins.callback import CallbackBase

from benchmarks.processor_time import HOST, TASK, note_time, time_of_process

DOCUMENTATION = r"""
name: processor_time
type: notification
short_description: Notes the processor time of each task's process, for the benchmark
version_added: 0.1.0
description:
  - See C(benchmarks/processor_time.py).
options: {}
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""


def in_process_of_task(_callback):
    """Right after the fork. What the process has waited for is its own: modules by a plain connection."""
    host = multiprocessing.current_process()._host.get_name()
    os.environ[HOST] = host
    util.Finalize(None, lambda: note_time(TASK, host, time_of_process()), exitpriority=0)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "processor_time"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        util.register_after_fork(self, in_process_of_task)
