# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the encryption key, and those that hold for every component."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import conflict_faults

from .declared import facts, fault_lines


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"encryption_deletion_window_days": 7}, []),
        ({"encryption_deletion_window_days": 30}, []),
        ({"encryption_deletion_window_days": 5}, ["encryption_deletion_window_days: 5 is not from 7 to 30 days"]),
        ({"encryption_deletion_window_days": 31}, ["encryption_deletion_window_days: 31 is not from 7 to 30 days"]),
        ({"encryption_rotation_period_days": 90}, []),
        ({"encryption_rotation_period_days": 89}, ["encryption_rotation_period_days: 89 is not from 90 to 2560 days"]),
        ({"encryption_key_administrators": ["arn:aws:iam::123456789012:role/admin"]}, []),
        (
            {"encryption_key_administrators": ["admin"]},
            [
                "encryption_key_administrators[0]: 'admin' is not the ARN of an IAM role or user,"
                " such as arn:aws:iam::123456789012:role/name"
            ],
        ),
    ],
)
def test_the_key(given, found):
    assert fault_lines("encryption", given) == found


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (-1, 1), (1, 0), (3600, 0)])
def test_waits_have_an_end_and_a_beginning(seconds, count):
    found = fault_lines("eks", {"eks_cluster_timeout_seconds": seconds, "eks_log_retention_days": 0})
    assert found == count * [f"eks_cluster_timeout_seconds: {seconds} is not 1 or more seconds"]


def test_names_that_others_hold():
    conflict = {
        "component": "eks",
        "resource": "IAM role agent-platform-dev-eks-nodes",
        "reason": "exists and belongs to the component workload_identity of this platform",
        "remedy": "rename what one of the two components makes",
    }
    assert [str(item) for item in conflict_faults(facts(conflicts=[conflict]))] == [
        "eks: IAM role agent-platform-dev-eks-nodes exists and belongs to the component workload_identity of this"
        " platform: it is not changed; rename what one of the two components makes"
    ]
    assert list(conflict_faults(facts(conflicts=[]))) == []
