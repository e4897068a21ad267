# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor


def test_it_passes_by_sleeping_only(clock):
    time.sleep(600)
    assert clock == [600]
    assert time.monotonic() == 600


def test_other_threads_have_the_real_one(clock):
    def nap() -> float:
        begun = time.monotonic()
        time.sleep(0.05)
        return time.monotonic() - begun

    with ThreadPoolExecutor(1) as other:
        assert 0.05 <= other.submit(nap).result() < 30
    assert clock == [0]
