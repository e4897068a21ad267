# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notes every AWS call of the modules: preloaded by the process of the warm connection, inherited by its forks.

A line of JSON for each call, in the form that benchmarks.floor replays, goes to the file that BENCHMARK_CALLS names;
without that variable nothing is noted.
"""

from __future__ import annotations

import copy
import functools
import os
from typing import Any

from botocore.client import BaseClient

from .floor import error_code
from .notes import note

VARIABLE = "BENCHMARK_CALLS"

_make_api_call = BaseClient._make_api_call


@functools.wraps(_make_api_call)
def noted_api_call(self: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
    path = os.environ.get(VARIABLE)
    if not path:
        return _make_api_call(self, operation_name, api_params)
    # As the caller gave them: botocore adds to them on the way.
    params = copy.deepcopy(api_params)
    error = None
    try:
        return _make_api_call(self, operation_name, api_params)
    except Exception as problem:
        error = error_code(problem)
        raise
    finally:
        where = {"service": self.meta.service_model.service_name, "region": self.meta.region_name}
        note(path, {**where, "operation": operation_name, "params": params, "error": error})


BaseClient._make_api_call = noted_api_call
