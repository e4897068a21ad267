# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway is told of the platform."""

from __future__ import annotations

import yaml

from ansible_collections.agent_platform.aws.plugins.filter.gateway_addresses import gateway_addresses
from ansible_collections.agent_platform.aws.plugins.filter.gateway_settings import gateway_settings
from ansible_collections.agent_platform.aws.plugins.filter.gateway_table import gateway_table
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import path
from tests.support.components import shared

FACTS = {
    "region": "us-west-2",
    "redis": {"exists": True, "primary_endpoint": "redis.example", "port": 6379},
    "aurora": {"exists": False, "port": 5432, "database": "postgres"},
    "opensearch": {"exists": True, "endpoint": "search.example"},
}
GATEWAY = {"name": "llm-gateway", "namespace": "gateways", "ingress_path": "/api/llm"}


def test_keys_are_filled_in_by_the_table_of_the_component_configuration():
    told = gateway_settings(
        {
            **GATEWAY,
            "configuration": ["REGION", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD_SECRET_ARN", "PG_DATABASE"],
        },
        FACTS,
        [GATEWAY],
    )
    assert told == {
        "data": {"REGION": "us-west-2", "REDIS_HOST": "redis.example", "REDIS_PORT": "6379"},
        # Aurora doesn't exist, whatever a fact of it says.
        "absent": ["REDIS_PASSWORD_SECRET_ARN", "PG_DATABASE"],
        "ports": [5432, 6379],
    }


def test_what_is_said_itself_counts_before_what_all_are_told():
    told = gateway_settings(
        {**GATEWAY, "secrets": {"KEY_ARN": "arn"}, "environment": {"LOG_LEVEL": "debug", "WORKERS": 4, "ON": True}},
        FACTS,
        [GATEWAY],
        {"LOG_LEVEL": "info", "HOME": "/tmp"},
    )
    assert told["data"] == {"LOG_LEVEL": "debug", "HOME": "/tmp", "KEY_ARN": "arn", "WORKERS": "4", "ON": "true"}
    assert (told["absent"], told["ports"]) == ([], [])


def test_where_another_gateway_is_and_the_search_engine():
    given = {**GATEWAY, "configuration": ["LLM_GATEWAY_SERVICE_URL", "OPENSEARCH_ENDPOINT"]}
    told = gateway_settings(given, FACTS, [GATEWAY])
    assert told["data"]["LLM_GATEWAY_SERVICE_URL"] == "http://llm-gateway.gateways.svc.cluster.local:80"
    assert told["ports"] == [443]


def test_addresses():
    assert gateway_addresses([GATEWAY], "http://balancer") == {
        "LLM_GATEWAY_ENDPOINT": "http://balancer/api/llm",
        "LLM_GATEWAY_SERVICE_URL": "http://llm-gateway.gateways.svc.cluster.local:80",
    }
    assert gateway_addresses([GATEWAY])["LLM_GATEWAY_ENDPOINT"] == ""


def test_the_table_is_complete():
    entries = gateway_table(shared()["platform_gateways"], {"llm-gateway": {"tag": "1"}})
    assert [entry["port"] for entry in entries] == [8080, 8080, 8080]
    assert entries[0]["image"] == {"repository": "", "tag": "1", "digest": ""}
    assert entries[1]["image"] == {"repository": "", "tag": "", "digest": ""}


def test_what_runs_is_what_the_presets_say():
    """What is filled in by other roles stands in the file without anything to fill in."""
    with open(path("gateways", "vars/presets.yml"), encoding="utf-8") as file:
        found = yaml.safe_load(file)["__gateways_presets"]
    assert all(isinstance(preset.get("port", 0), int) for preset in found.values())
