# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long sleeps are short in a Python that is told to hasten."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.components import TESTS

CODE = "import sys, time; begun = time.monotonic(); time.sleep(float(sys.argv[1])); print(time.monotonic() - begun)"


@pytest.mark.parametrize(("seconds", "least", "most"), [(5, 0.5, 4), (0.1, 0.1, 4)])
def test_long_sleeps_take_a_tenth(seconds, least, most):
    environment = {**os.environ, "PYTHONPATH": str(TESTS / "support/haste")}
    command = [sys.executable, "-c", CODE, str(seconds)]
    slept = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert least <= float(slept) < most
