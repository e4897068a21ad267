# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows for LiteLLM, the database and the load balancer, as the role fills it in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load, path
from tests.support.components import shared
from tests.support.playbook import ROOT

PASSWORD = r"a:b\c'd\":e"
GATEWAY = {
    "name": "llm-gateway",
    "namespace": "gateways",
    "service_accounts": ["llm-gateway"],
    "ingress_path": "/api/llm-gateway",
    "preset": "litellm",
}
AURORA = {
    "exists": True,
    "writer_endpoint": "writer.example.com",
    "port": 5432,
    "database": "postgres",
    "master_username": "postgres",
    "cluster_resource_id": "cluster-1",
}
KNOWLEDGE = {"guardrail_id": "abcdefghijkl", "guardrail_version": "3"}
REDIS = {"exists": True, "primary_endpoint": "cache.example.com", "port": 6379, "secret_name": "demo-dev/redis"}


# In a process of its own, as filters and lookups of collections are found only where Ansible has taken over imports.
FILLER = """
import json, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1]])
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

def templates(value):
    if isinstance(value, dict):
        return {key: templates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [templates(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value

for line in sys.stdin:
    name, role, given = json.loads(line)
    known = {**templates(role), **given}
    print(json.dumps(Templar(DataLoader(), variables=known).template(known[name])), flush=True)
"""
filler: subprocess.Popen[str]


@pytest.fixture(scope="module", autouse=True)
def process() -> Iterator[None]:
    global filler
    command = [sys.executable, "-c", FILLER, str(ROOT / "collections")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as filler:
        yield
        filler.stdin.close()


def filled(name: str, **given: Any) -> Any:
    """A variable of the role."""
    found = {
        "aurora": AURORA,
        "knowledge_base": KNOWLEDGE,
        "network": {"cidr_block": "10.0.0.0/16", "cidr_blocks": ["10.0.0.0/16"]},
        "redis": REDIS,
        **given.pop("found", {}),
    }
    role = {
        **load("gateways", "defaults/main.yml"),
        **load("gateways", "vars/presets.yml"),
        **load("gateways", "vars/database.yml"),
        **load("gateways", "vars/main.yml"),
    }
    known = {
        "platform_prefix": "demo-dev",
        "platform_region": "us-west-2",
        "platform_gateways": [GATEWAY],
        "platform_models": shared()["platform_models"],
        "inventory_hostname": "gateways",
        "role_path": path("gateways", "tasks").removesuffix("/tasks"),
        "component_found": {"platform": found},
        "__gateways_database_login": {"password": PASSWORD},
        "__gateways_database_made": {
            "result": {"results": [{"result": {"kind": "Job", "metadata": {"uid": "u-1"}}}]},
        },
        **given,
    }
    filler.stdin.write(json.dumps([name, role, known]) + "\n")
    filler.stdin.flush()
    line = filler.stdout.readline()
    assert line, f"{name} can't be filled in"
    return json.loads(line)


class TestLiteLLM:
    def test_its_configuration_has_every_model_and_names_its_secrets(self):
        preset = filled("__gateways_presets")["litellm"]
        config = yaml.safe_load(preset["files"]["litellm.yaml"])
        models = {model["model_name"]: model["litellm_params"]["model"] for model in config["model_list"]}
        assert models["nova-lite"] == "bedrock/converse/us.amazon.nova-lite-v1:0"
        assert models["titan-embed-text-v2"] == "bedrock/amazon.titan-embed-text-v2:0"
        assert set(models) == {model["name"] for model in shared()["platform_models"]}
        assert {model["model_info"]["mode"] for model in config["model_list"]} == {"chat", "embedding"}
        hosted = config["general_settings"]["key_management_settings"]["hosted_keys"]
        assert hosted == ["demo-dev-llm-gateway-master-key", "demo-dev-llm-gateway-salt-key", "demo-dev/redis"]
        told = re.findall(r"os\.environ/(\S+)", preset["files"]["litellm.yaml"])
        assert sorted(told) == sorted(hosted)
        # Those are the ones that are made.
        assert [secret["name"] for secret in filled("__gateways_secrets")] == hosted[:2]
        assert preset["environment"]["SERVER_ROOT_PATH"] == "/api/llm-gateway"

    def test_every_call_goes_through_the_guardrail(self):
        (guardrail,) = filled("__gateways_litellm_config")["guardrails"]
        told = guardrail["litellm_params"]
        assert (told["guardrailIdentifier"], told["guardrailVersion"]) == ("abcdefghijkl", "3")
        assert (told["guardrail"], told["mode"], told["default_on"]) == ("bedrock", ["pre_call", "post_call"], True)

    def test_limits_of_a_model(self):
        limited = [{**shared()["platform_models"][0], "rpm": 10, "tpm": 1000, "max_parallel_requests": 2}]
        (model,) = filled("__gateways_litellm_config", platform_models=limited)["model_list"]
        limits = {key: model["litellm_params"].get(key) for key in ("rpm", "tpm", "max_parallel_requests")}
        assert limits == {"rpm": 10, "tpm": 1000, "max_parallel_requests": 2}

    def test_without_a_cache_a_database_and_a_guardrail_it_is_told_of_none(self):
        names = {"aurora": AURORA, "knowledge_base": KNOWLEDGE, "redis": REDIS}
        nothing = {component: dict.fromkeys(facts) for component, facts in names.items()}
        preset = filled("__gateways_presets", found=nothing)["litellm"]
        assert preset["environment"]["IAM_TOKEN_DB_AUTH"] == "False"
        assert preset["environment"]["DATABASE_HOST"] == ""
        config = yaml.safe_load(preset["files"]["litellm.yaml"])
        assert config["router_settings"] == {}
        assert config["guardrails"] == []
        assert len(config["general_settings"]["key_management_settings"]["hosted_keys"]) == 2

    def test_without_the_preset_there_are_no_secrets(self):
        plain = {key: value for key, value in GATEWAY.items() if key != "preset"}
        for gateways in ([plain], [{**plain, "preset": ""}], []):
            assert filled("__gateways_secrets", platform_gateways=gateways) == []


class TestLoadBalancer:
    ARN = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/k8s-platform/1"
    HTTP = {
        "load_balancer_arn": ARN,
        "load_balancer_scheme": "internal",
        "load_balancer_state": "active",
        "url": "http://internal-k8s-platform.example.com",
    }
    HTTPS = {**HTTP, "url": "https://internal-k8s-platform.example.com"}
    NONE = dict.fromkeys(HTTP)
    PUBLIC = {"gateways_scheme": "internet-facing", "gateways_certificate": "api"}

    @pytest.mark.parametrize(
        ("facts", "given", "as_declared"),
        [
            (HTTP, {}, True),
            (NONE, {}, False),
            ({**HTTP, "load_balancer_state": "provisioning"}, {}, False),
            # A certificate that comes, is there, and has gone.
            (HTTP, {"gateways_certificate": "api"}, False),
            (HTTPS, {"gateways_certificate": "api"}, True),
            (HTTPS, {}, False),
            # Another scheme is another load balancer.
            (HTTPS, PUBLIC, False),
            ({**HTTPS, "load_balancer_scheme": "internet-facing"}, PUBLIC, True),
        ],
    )
    def test_what_is_waited_for(self, facts: dict[str, Any], given: dict[str, Any], as_declared: bool):
        given = {**given, "found": {"gateways": facts}}
        seen, wanted = (filled(f"__gateways_balancer_{name}", **given) for name in ("seen", "wanted"))
        assert (seen == wanted) is as_declared

    def test_the_last_look_counts(self):
        found = {"gateways": self.HTTP}
        for look, seen in (
            ({"platform": {"gateways": self.HTTPS}}, "internal, https, active"),
            ({"failed": True, "msg": "AWS doesn't answer"}, "not there"),
        ):
            assert filled("__gateways_balancer_seen", found=found, __gateways_balancer=look) == seen

    @pytest.mark.parametrize(
        ("facts", "led_to", "given", "goes"),
        [
            (HTTP, ARN, {}, False),
            (HTTP, ARN, {"gateways_certificate": "api"}, False),
            (HTTP, ARN, PUBLIC, True),
            (HTTP, ARN, {"__gateways_published": []}, True),
            # CloudFront doesn't lead to it.
            (HTTP, None, PUBLIC, False),
            (HTTP, f"{ARN}-other", {"__gateways_published": []}, False),
            (NONE, None, {"__gateways_published": []}, False),
        ],
    )
    def test_when_cloudfront_is_taken_off(
        self, facts: dict[str, Any], led_to: str | None, given: dict[str, Any], goes: bool
    ):
        found = {"gateways": facts, "vpc_origin": {"load_balancer_arn": led_to}}
        given = {"__gateways_published": [GATEWAY], **given}
        assert filled("__gateways_balancer_goes", found=found, **given) is goes


class TestDatabase:
    def test_what_is_declared_is_what_the_files_read(self):
        assert filled("__gateways_database_declared") == {
            "mark": "agent_platform.aws demo-dev",
            "users": ["memory_gateway", "bastion", "litellm"],
            "databases": [
                {
                    "name": "postgres",
                    "owner": None,
                    "extensions": ["pg_stat_statements", "vector"],
                    "schemas": [{"name": "memory", "owner": "memory_gateway", "access": {"bastion": "SELECT"}}],
                },
                {"name": "litellm", "owner": "litellm", "extensions": [], "schemas": []},
            ],
        }
        assert json.loads(filled("__gateways_database_files")["declared.json"]) == filled(
            "__gateways_database_declared"
        )
        without = filled("__gateways_database_declared", platform_gateways=[])
        assert "litellm" not in json.dumps(without)

    def test_the_password_is_written_as_libpq_reads_it(self):
        secret = filled("__gateways_database_secret")
        host, port, database, user, password = re.split(r"(?<!\\):", secret["stringData"]["pgpass"], maxsplit=4)
        assert (host, port, database, user) == ("*", "*", "*", "*")
        assert re.sub(r"\\(.)", r"\1", password) == PASSWORD
        # It goes with the Job.
        (owner,) = secret["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", filled("__gateways_database_name"), "u-1")
        assert PASSWORD not in json.dumps(filled("__gateways_database_definitions"))

    @pytest.mark.parametrize(
        "given",
        [
            {"gateways_database_extensions": []},
            {"platform_gateways": []},
            {"gateways_database_ca": "another"},
            {"gateways_database_image": "mirror.example/postgres:17"},
            {"found": {"aurora": {**AURORA, "cluster_resource_id": "cluster-2"}}},
            {"found": {"aurora": {**AURORA, "writer_endpoint": "other.example.com"}}},
        ],
    )
    def test_another_content_is_another_job(self, given: dict[str, Any]):
        name = filled("__gateways_database_name")
        assert re.fullmatch(r"database-[0-9a-f]{10}", name)
        assert name == filled("__gateways_database_name")
        assert filled("__gateways_database_name", **given) != name

    def test_there_is_none_without_a_database_or_where_it_is_off(self):
        kinds = [item["kind"] for item in filled("__gateways_database_definitions")]
        assert kinds == ["ConfigMap", "NetworkPolicy", "Job"]
        for given in ({"found": {"aurora": {**AURORA, "exists": False}}}, {"gateways_database_bootstrap": False}):
            assert filled("__gateways_database_definitions", **given) == []

    def test_every_place_that_the_script_reads_is_mounted(self):
        (job,) = [item for item in filled("__gateways_database_definitions") if item["kind"] == "Job"]
        (container,) = job["spec"]["template"]["spec"]["containers"]
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        script = filled("__gateways_database_files")["prepare_database.sh"]
        assert mounts == {"/etc/database", "/run/secrets/database", "/tmp"}
        assert all(place in script for place in mounts)
        assert container["args"] == ["postgres", "litellm"]
        assert {"PGSSLMODE": "verify-full"}.items() <= {
            item["name"]: item["value"] for item in container["env"]
        }.items()
