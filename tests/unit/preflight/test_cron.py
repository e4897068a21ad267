# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's cron expressions."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.cron import cron_rule


@pytest.mark.parametrize(
    "fields",
    [
        "0 2 * * ? *",
        "15 0,12 * * ? *",
        "0 8-18 ? * MON-FRI *",
        "0 8-18/2 ? * mon,WED *",
        "0 5 L * ? *",
        "0 5 15W JAN-MAR ? 2026-2030",
        "0 5 1/2 */3 ? *",
        "0 5 ? * 6L *",
        "0 5 ? * TUE#2 *",
    ],
)
def test_what_aws_takes(fields):
    assert cron_rule(f"cron({fields})") is None
    assert cron_rule(None) is None


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("", "six fields"),
        ("0 2 * * ? *", "six fields"),
        ("cron(0 2 * * ? * *)", "six fields"),
        ("cron(60 2 * * ? *)", "has 60 for the minute, which takes 0 to 59"),
        ("cron(0 2 0 * ? *)", "has 0 for the day of the month, which takes 1 to 31"),
        ("cron(0 2 * JANUARY ? *)", "has JANUARY for the month"),
        ("cron(0 2 ? * 8 *)", "has 8 for the day of the week, which takes 1 to 7"),
        ("cron(0 2 ? * FRI-MON *)", "has FRI-MON for the day of the week"),
        ("cron(0 2 * * ? 1969)", "has 1969 for the year, which takes 1970 to 2199"),
        ("cron(0 2/0 * * ? *)", "has 2/0 for the hour"),
        ("cron(0 ? * * ? *)", "has ? for the hour"),
        ("cron(0 2 ? * ? *)", "and not for both"),
        ("cron(0 2 1 * MON *)", "must have ?"),
        ("cron(0,30 2 * * ? *)", "at most once an hour"),
        ("cron(* 2 * * ? *)", "at most once an hour"),
    ],
)
def test_what_aws_refuses(expression, told):
    assert told in cron_rule(expression)
