# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collectors as the role makes them, and what a change of one becomes."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.collectors import collectors
from ansible_collections.agent_platform.aws.plugins.plugin_utils import collectors as rules

ROLES = Path(__file__).resolve().parents[3] / "roles"
VARS = yaml.safe_load((ROLES / "telemetry/vars/main.yml").read_text())
COMMON, TABLE = VARS["__telemetry_common"], VARS["__telemetry_table"]
OPTIONS = [VARS["__telemetry_opensearch"], VARS["__telemetry_prometheus"]]
OWN = {"receivers": ["otlp"], "processors": ["memory_limiter"], "exporters": ["otlp_http/own"]}


def made(*changes):
    return {item["name"]: item for item in collectors(TABLE, COMMON, changes)}


def config(collector):
    return collector["spec"]["config"]


def test_each_begins_with_what_is_common():
    found = made()
    assert list(found) == ["logs", "otlp"]
    for collector in found.values():
        spec = collector["spec"]
        assert (spec["mode"], spec["upgradeStrategy"], spec["serviceAccount"]) == (
            "daemonset",
            "none",
            collector["service_account"],
        )
        assert spec["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert spec["podSecurityContext"]["runAsNonRoot"] is True
        assert spec["podSecurityContext"]["runAsUser"] > 0
        # The first of each pipeline refuses what there is no room for.
        for pipeline in config(collector)["service"]["pipelines"].values():
            assert pipeline["processors"][0] == "memory_limiter"
            assert pipeline["processors"][-1] == "batch"


def test_only_the_collector_of_logs_has_a_folder_of_the_node():
    found = made(*OPTIONS)
    volumes = {name: item["spec"].get("volumes", []) for name, item in found.items()}
    assert volumes["otlp"] == []
    assert [volume["hostPath"]["path"] for volume in volumes["logs"] if "hostPath" in volume] == ["/var/log/pods"]
    assert [mount["readOnly"] for mount in found["logs"]["spec"]["volumeMounts"] if mount["name"] == "logs"] == [True]


def test_nothing_asks_the_metadata_of_the_instance():
    """They are out of reach for pods: where a region is asked for it must be told."""
    for collector in made(*OPTIONS).values():
        environment = {item["name"]: item.get("value") for item in collector["spec"]["env"]}
        assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
        parts = {**config(collector)["exporters"], **config(collector)["extensions"]}
        for name, part in parts.items():
            assert not name.startswith(("aws", "sigv4auth")) or part["region"], name
        assert not any("detection" in name for name in config(collector)["processors"])


def test_options_are_added_to_the_pipelines():
    found = made(*OPTIONS)
    logs, otlp = config(found["logs"]), config(found["otlp"])
    assert logs["service"]["pipelines"]["logs"]["exporters"] == ["awscloudwatchlogs", "opensearch"]
    assert logs["service"]["extensions"] == ["health_check", "file_storage", "sigv4auth/opensearch"]
    assert otlp["service"]["pipelines"]["metrics"]["exporters"] == ["awsemf", "prometheus_remote_write"]
    assert otlp["service"]["pipelines"]["traces"]["exporters"] == ["awsxray"]


def test_indexes_have_the_names_that_the_domain_expects():
    exporter = config(made(*OPTIONS)["logs"])["exporters"]["opensearch"]
    patterns = yaml.safe_load((ROLES / "opensearch/vars/main.yml").read_text())["__opensearch_index_patterns"]
    # The exporter writes <index>-<day>.
    assert [f"{exporter['logs_index']}-*"] == patterns
    assert exporter["logs_index_time_format"] == "yyyy.MM.dd"


def test_collectors_write_to_the_log_groups_that_are_made():
    found = made()
    names = [
        config(found["logs"])["exporters"]["awscloudwatchlogs"]["log_group_name"],
        config(found["otlp"])["exporters"]["awsemf"]["log_group_name"],
    ]
    assert names == [f"{{{{ __telemetry_log_prefix }}}}/{log}" for log in ("application", "performance")]
    assert VARS["__telemetry_log_group"]["name"] == "{{ __telemetry_log_prefix }}/{{ item }}"


def test_service_accounts_are_those_that_the_roles_trust():
    defaults = yaml.safe_load((ROLES / "workload_identity/defaults/main.yml").read_text())
    trusted = {
        item["name"]: [(item["namespace"], account) for account in item["service_accounts"]]
        for item in defaults["workload_identity_roles"]
    }
    for collector in made().values():
        assert trusted[collector["role"]] == [(collector["namespace"], collector["service_account"])]


def test_pods_are_known_by_the_labels_that_the_operator_gives_them():
    assert made()["otlp"]["pod_labels"] == {
        "app.kubernetes.io/component": "opentelemetry-collector",
        "app.kubernetes.io/instance": "observability.otlp",
        "app.kubernetes.io/managed-by": "opentelemetry-operator",
    }


def test_the_pods_tell_the_specification():
    def revision(*changes):
        return made(*changes)["otlp"]["spec"]["podAnnotations"][rules.REVISION]

    change = {"otlp": {"spec": {"config": {"exporters": {"awsxray": {"index_all_attributes": True}}}}}}
    assert revision() == revision()
    assert revision() != revision(change)
    assert revision() != revision({"otlp": {"service_account": "other"}})


def test_changes():
    change = {
        "otlp": {
            "spec": {
                "resources": {"limits": {"memory": "1Gi"}},
                "config": {
                    "exporters": {"awsxray": None, "otlp_http/own": {"endpoint": "https://example.org"}},
                    "service": {"pipelines": {"traces": None, "traces/own": OWN}},
                },
            }
        }
    }
    before = copy.deepcopy(TABLE)
    found = made(change)["otlp"]
    assert found["spec"]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
    assert list(config(found)["exporters"]) == ["awsemf", "otlp_http/own"]
    assert list(config(found)["service"]["pipelines"]) == ["metrics", "traces/own"]
    assert before == TABLE
    assert list(made({"otlp": None})) == ["logs"]


def test_what_would_not_start_is_not_made():
    change = {"otlp": {"spec": {"config": {"service": {"pipelines": {"logs": {"exporters": ["awsemf"]}}}}}}}
    with pytest.raises(AnsibleFilterError) as told:
        made(change)
    assert str(told.value) == (
        "telemetry_collectors.otlp.spec.config.service.pipelines.logs names no receiver, so nothing comes in"
    )


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        ("a/b:v1", None),
        ("localhost:5000/a/b:v1", None),
        (f"a/b@sha256:{64 * '0'}", None),
        ("a/b", "has neither a tag nor a digest"),
        ("localhost:5000/a/b", "has neither a tag nor a digest"),
        ("a/b:latest", "is another image each time"),
        ("a/b@sha256:123", "is not the name of an image"),
        ("", "is not the name of an image"),
        ("A/b:v1", "is not the name of an image"),
    ],
)
def test_images(image, rule):
    found = rules.image_rule(image)
    assert found is None if rule is None else rule in found
