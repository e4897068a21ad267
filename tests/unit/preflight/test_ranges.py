# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Numbers and the ranges that they must lie in."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.ranges import Range, range_faults

GIB = Range(20, 30, "GiB")
OPEN = Range(1)
DAYS = Range(7, 30, "days", besides=(0,))


@pytest.mark.parametrize(
    ("wanted", "value", "rule"),
    [
        (GIB, 20, None),
        (GIB, 30, None),
        (GIB, None, None),
        (GIB, 19, "from 20 to 30 GiB"),
        (GIB, 31, "from 20 to 30 GiB"),
        (OPEN, 1, None),
        (OPEN, 10**9, None),
        (OPEN, 0, "1 or more"),
        (DAYS, 0, None),
        (DAYS, 7, None),
        (DAYS, 1, "0 or from 7 to 30 days"),
    ],
)
def test_ranges(wanted, value, rule):
    found = [str(item) for item in wanted.faults("demo_size", value)]
    assert found == ([f"demo_size: {value} is not {rule}"] if rule else [])


def test_numbers_are_found_in_entries_but_not_in_those_to_be_removed():
    values = {
        "demo_size": 5,
        "demo_groups": [
            {"size": 25, "disks": [{"size": 20}, {"size": 6}]},
            {"size": 7, "state": "absent", "disks": [{"size": 8}]},
            {"size": 9, "state": "present"},
        ],
    }
    paths = ["demo_size", "demo_none", "demo_groups[].size", "demo_groups[].disks[].size", "demo_none[].size"]
    assert [str(item) for item in range_faults(values, dict.fromkeys(paths, GIB))] == [
        "demo_size: 5 is not from 20 to 30 GiB",
        "demo_groups[2].size: 9 is not from 20 to 30 GiB",
        "demo_groups[0].disks[1].size: 6 is not from 20 to 30 GiB",
    ]
