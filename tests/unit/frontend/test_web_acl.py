# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the front end's web ACL blocks by default, and what it only counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "frontend"


def load(file: str) -> Any:
    return yaml.safe_load((ROLE / file).read_text())


DEFAULTS, CONSTANTS = load("defaults/main.yml"), load("vars/main.yml")
GROUPS = {group["name"]: group.get("counted", []) for group in DEFAULTS["frontend_waf_rule_groups"]}


def test_only_rules_for_what_people_write_to_models_count():
    assert list(GROUPS) == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    counted = [rule for rules in GROUPS.values() for rule in rules]
    assert counted == GROUPS["AWSManagedRulesCommonRuleSet"]
    assert [rule for rule in counted if not rule.endswith("_BODY")] == []


def test_an_address_that_asks_too_often_is_blocked():
    rate = CONSTANTS["__frontend_waf_rate"]
    assert rate["action"] == {"block": {}}
    assert rate["statement"]["rate_based_statement"] == {
        "limit": "{{ frontend_rate_limit }}",
        "evaluation_window_sec": "{{ frontend_rate_limit_window_seconds }}",
        "aggregate_key_type": "IP",
    }
    # Before the groups, which begin at ten.
    assert rate["priority"] < 10
    assert " ".join(CONSTANTS["__frontend_waf_rules"].split()).startswith("{{ [__frontend_waf_rate] + ")


def test_a_group_does_what_it_says_but_for_what_is_counted():
    group = CONSTANTS["__frontend_waf_group"]
    # No action of its own over that of the group's rules: the module then asks for none.
    assert group.keys() == {"name", "priority", "statement"}
    statement = group["statement"]["managed_rule_group_statement"]
    assert statement.keys() == {"vendor_name", "name", "rule_action_overrides"}
    assert "item['counted']" in statement["rule_action_overrides"]
    assert CONSTANTS["__frontend_waf_counted"] == {"name": "{{ item }}", "action_to_use": {"count": {}}}


def test_every_request_passes_it():
    made = load("tasks/distribution.yml")
    (distribution,) = [task for task in made if "agent_platform.aws.cloudfront_distribution" in task]
    assert "frontend.web_acl_arn" in distribution["agent_platform.aws.cloudfront_distribution"]["web_acl_id"]
