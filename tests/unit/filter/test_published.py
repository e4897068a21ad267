# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is published of the facts, and that the role's table asks only for facts that discovery tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.filter.published import found, published
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS
from tests.unit.platform_info.fake_aws import everything, look

ROLE = Path(__file__).parents[3] / "roles/configuration"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
TABLE = VARIABLES["__configuration_table"]
KNOWN = VARIABLES["__configuration_known"]
# Facts of the account, as platform_info returns them beside the components.
ACCOUNT = ("account_id", "region")
FACTS = look(everything())[0].components


def of(facts, **table):
    return published(facts, table)


def test_a_key_has_its_fact_as_a_text():
    facts = {"redis": {"exists": True, "port": 6379, "tls": True, "nodes": ["b", "a"], "groups": {"g": {}}}}
    rows = [{"key": key.upper(), "fact": f"redis.{key}"} for key in ("port", "tls", "nodes", "groups")]
    values = {item["name"]: item["value"] for item in of(facts, redis=rows)["parameters"]}
    assert values == {"redis/PORT": "6379", "redis/TLS": "true", "redis/NODES": "a,b", "redis/GROUPS": "g"}


def test_an_item_of_a_list_is_there_or_not():
    rows = [{"key": name, "fact": f"cognito.groups.{name}"} for name in ("admin", "user")]
    told = of({"cognito": {"exists": True, "groups": ["admin"]}}, cognito=rows)
    assert [(item["name"], item["value"]) for item in told["parameters"]] == [("cognito/admin", "admin")]
    assert told["absent"] == ["cognito (user)"]


@pytest.mark.parametrize(
    "facts",
    [{}, {"aurora": {"exists": False, "port": 5432}}, {"aurora": {"exists": True, "port": None}}],
)
def test_a_key_is_absent_with_its_component_or_its_fact(facts):
    assert of(facts, aurora=[{"key": "PG_PORT", "fact": "aurora.port"}])["parameters"] == []


def test_what_another_fact_tells_goes_with_the_component_it_belongs_to():
    rows = [{"key": "GROUP", "fact": "network.security_groups.aurora"}]
    facts = {"network": {"exists": True, "security_groups": {"aurora": "sg-1"}}, "aurora": {"exists": False}}
    assert of(facts, aurora=rows)["absent"] == ["aurora"]
    facts["aurora"]["exists"] = True
    assert [item["value"] for item in of(facts, aurora=rows)["parameters"]] == ["sg-1"]


def test_what_belongs_to_no_component_is_always_there():
    rows = [{"key": "REGION", "fact": "region", "confidential": True}]
    assert of({"region": "us-west-2"}, platform=rows)["parameters"] == [
        {"name": "platform/REGION", "secure_value": "us-west-2", "description": "region"}
    ]


class TestTable:
    ROWS = [(component, about) for component, rows in TABLE.items() for about in rows]

    def test_each_key_once(self):
        keys = [about["key"] for _component, about in self.ROWS]
        assert len(keys) == len({*keys})
        assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", key) for key in keys)
        assert all(rows == sorted(rows, key=lambda about: about["key"]) for rows in TABLE.values())

    @pytest.mark.parametrize(("component", "about"), ROWS, ids=str)
    def test_each_fact_is_one(self, component, about):
        assert component == "platform" or component in (*COMPONENTS, "cognito", "knowledge_base")
        root = about["fact"].partition(".")[0]
        if root in KNOWN or root in ACCOUNT:
            return
        if root not in COMPONENTS:
            pytest.skip(f"{root} isn't built yet")
        # What lists hold is up to the inventory.
        *above, last = about["fact"].split(".")
        within = found(FACTS, ".".join(above))
        assert isinstance(within, list) or last in within, f"discovery tells no {about['fact']}"

    def test_what_tells_of_secrets_is_confidential(self):
        told = {about["key"] for _component, about in self.ROWS if about.get("confidential")}
        assert {about["key"] for _component, about in self.ROWS if "SECRET_ARN" in about["key"]} <= told
        # Where it lies, and never what it is.
        assert all(about["fact"].endswith("_arn") for _component, about in self.ROWS if "secret_" in about["fact"])

    def test_all_components_that_it_asks_are_read(self):
        reads = yaml.safe_load((ROLE / "meta/component.yml").read_text())["reads"]
        asked = {about["fact"].partition(".")[0] for _component, about in self.ROWS} | {*TABLE}
        assert asked - {*KNOWN, *ACCOUNT, "platform"} <= {*reads}
