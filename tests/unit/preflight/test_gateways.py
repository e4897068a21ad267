# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the gateways, and for what the load balancer before them can't be."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils import gateways as table
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from tests.support.components import shared

from .declared import change_fault_lines, fault_lines, warning_lines

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
GATEWAY = {"name": "llm-gateway", "namespace": "gateways", "service_accounts": ["llm-gateway"], "image": {"tag": "1.0"}}
OTHER = {**GATEWAY, "name": "memory-gateway", "service_accounts": ["memory-gateway"]}
ARN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo-AbCdEf"
ACL = "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/demo/01234567-89ab-cdef-0123-456789abcdef"
SETTINGS = {
    "platform_region": "us-west-2",
    "gateways_minimum_replicas": 2,
    "gateways_health_check_interval_seconds": 15,
    "gateways_deregistration_delay_seconds": 30,
    "gateways_drain_seconds": 45,
    "gateways_scheme": "internal",
}
SERVICES = {
    "cluster_services_namespaces": [{"name": "gateways"}, {"name": "agents"}],
    "cluster_services_priority_classes": [{"name": "platform-gateways"}],
}
ADDONS = {"eks_addons": [{"name": "coredns"}, {"name": "metrics-server"}]}
CERTIFICATES = {
    "certificate_certificates": [
        {"name": "api", "domain_name": "api.example.com"},
        {"name": "login", "domain_name": "login.example.com", "region": "us-east-1"},
        {"name": "old", "domain_name": "old.example.com", "state": "absent"},
    ]
}


def lines(*gateways, others=None, **given):
    values = {**SETTINGS, "platform_gateways": list(gateways or [GATEWAY]), **given}
    return fault_lines("gateways", values, **(others or {"cluster_services": SERVICES, "eks": ADDONS}))


def line(change, **given):
    """The one fault of a gateway that is otherwise right."""
    (found,) = lines({**GATEWAY, **change}, **given)
    return found


def test_what_is_right_has_no_fault():
    assert lines() == []
    images = {name: {"tag": "1.4.2"} for name in ("llm-gateway", "memory-gateway", "retrieval-gateway")}
    assert lines(*shared()["platform_gateways"], gateways_images=images) == []
    full = {
        **GATEWAY,
        "image": {"repository": "ghcr.io/example/my.gateway_1", "digest": DIGEST},
        "port": 4000,
        "configuration": ["REDIS_HOST", "PG_USER", "FRONTEND_URL", "MEMORY_GATEWAY_SERVICE_URL"],
        "secrets": {"API_KEY_ARN": ARN},
        "environment": {"LOG_LEVEL": "info", "WORKERS": 4},
        "files": {"config.yaml": "a: 1"},
        "ingress_path": "/api/llm-gateway",
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "replicas": 3,
        "autoscaling": {"max_replicas": 3, "cpu_percent": 0, "memory_percent": 80},
    }
    assert (
        lines(
            full,
            {**OTHER, "ingress_path": "/api/llm-gateway-2"},
            others={"cluster_services": SERVICES, "eks": ADDONS, "certificate": CERTIFICATES},
            gateways_scheme="internet-facing",
            gateways_certificate="api",
            gateways_web_acl_arn=ACL,
            gateways_priority_class="platform-gateways",
            gateways_client_namespaces=["agents"],
            gateways_ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            gateways_load_balancer_attributes={"idle_timeout.timeout_seconds": "300"},
        )
        == []
    )


def test_one_that_is_absent_has_no_faults():
    assert lines({**GATEWAY, "image": {"tag": "latest"}, "state": "absent", "port": 1}) == []


# ---- Images


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ({"tag": "latest"}, ".image.tag: 'latest' is another image tomorrow: name a digest, or the tag of a version"),
        ({"tag": "main-latest"}, ".image.tag: 'main-latest' is another image tomorrow"),
        ({}, ".image: names neither a digest nor a tag: say which version runs, in gateways_images.llm-gateway"),
        ({"repository": "ghcr.io/a/b"}, ".image: names neither a digest nor a tag"),
        ({"tag": "-1"}, ".image.tag: '-1' is not a tag"),
        ({"tag": "a" * 129}, "is not a tag"),
        ({"digest": "sha256:123"}, ".image.digest: 'sha256:123' is not a digest: sha256: and 64 digits from 0 to f"),
        ({"repository": "ghcr.io/a/b:1", "tag": "1"}, ".image.repository: 'ghcr.io/a/b:1' is not a repository"),
        ({"repository": "GHCR.io/A", "tag": "1"}, ".image.repository: 'GHCR.io/A' is not a repository"),
    ],
)
def test_images(image, text):
    assert line({"image": image}).startswith(f"platform_gateways[0]{text}") or text in line({"image": image})


def test_images_of_the_environment_count_first():
    bare = {key: value for key, value in GATEWAY.items() if key != "image"}
    assert lines(bare, gateways_images={"llm-gateway": {"tag": "1.0"}}) == []
    assert lines({**GATEWAY, "image": {"tag": "1", "digest": "x"}}, gateways_images={"llm-gateway": {"tag": "2"}}) == []
    (found,) = lines(gateways_images={"llm-gateway": {"tag": "latest"}})
    assert found.startswith("gateways_images.llm-gateway.tag: 'latest' is another image tomorrow")
    assert lines(gateways_images={"llm-gatway": {"tag": "1"}}) == [
        "gateways_images.llm-gatway: there is no gateway of that name in platform_gateways; did you mean llm-gateway?"
    ]
    found = lines(gateways_images={"llm-gateway": {"tag": 1.0, "version": "2"}})
    assert found[:2] == [
        "gateways_images.llm-gateway.tag: 1.0 is not a text: put it in quotes, as a number it loses zeros",
        "gateways_images.llm-gateway.version: there is no such key; known: repository, tag, digest",
    ]
    assert lines(gateways_images={"llm-gateway": "1.0"}) == [
        "gateways_images.llm-gateway: '1.0' is not a mapping with tag or digest"
    ]


@pytest.mark.parametrize(
    ("mutability", "exclusions", "right"),
    [
        ("IMMUTABLE", [], True),
        ("MUTABLE", [], False),
        ("IMMUTABLE_WITH_EXCLUSION", ["branch-*"], True),
        ("IMMUTABLE_WITH_EXCLUSION", ["1.*"], False),
        ("MUTABLE_WITH_EXCLUSION", ["1.*"], True),
        ("MUTABLE_WITH_EXCLUSION", ["v*"], False),
    ],
)
def test_a_tag_that_the_registry_lets_move(mutability, exclusions, right):
    registry = {"registry_tag_mutability": mutability, "registry_tag_exclusions": exclusions}
    found = lines(others={"registry": registry})
    assert found == [] if right else "may become another image, as registry_tag_" in found[0]
    assert lines({**GATEWAY, "image": {"digest": DIGEST}}, others={"registry": registry}) == []
    elsewhere = {**GATEWAY, "image": {"repository": "ghcr.io/a/b", "tag": "1"}}
    assert lines(elsewhere, others={"registry": registry}) == []


# ---- What a gateway is told


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"configuration": ["REDIS_HOSTS"]},
            ".configuration[0]: 'REDIS_HOSTS' is no key of the component configuration; did you mean REDIS_HOST?",
        ),
        ({"configuration": ["GATEWAYS_URL"]}, ".configuration[0]: 'GATEWAYS_URL' is no key of the component"),
        ({"configuration": ["LLM_GATEWAY_ENDPOINT"]}, ".configuration[0]: 'LLM_GATEWAY_ENDPOINT' is no key"),
        (
            {"configuration": ["BASTION_INSTANCE_ID"]},
            ".configuration[0]: 'BASTION_INSTANCE_ID' tells of bastion_instance, which gateways doesn't read, so it"
            " would never be told: write its value into environment instead",
        ),
        ({"configuration": ["REGION", "REGION"]}, ".configuration: 'REGION' occurs more than once"),
        ({"secrets": {"A": "hunter2"}}, ".secrets.A: is not the ARN of a secret of Secrets Manager"),
        ({"secrets": {"A": ARN.replace("west", "east")}}, "is a secret of another region than us-west-2"),
        ({"environment": {"1A": "x"}}, ": '1A' is not the name of an environment variable"),
        ({"environment": {"A": ["x"]}}, ".environment.A: ['x'] is not a text"),
        ({"environment": {"DB_PASSWORD": "x"}}, ".environment.DB_PASSWORD: looks like a secret, by its name, which"),
        ({"environment": {"URL": "postgres://u:p4ss@db/x"}}, ".environment.URL: looks like an address with a password"),
        ({"configuration": ["REGION"], "environment": {"REGION": "x"}}, ": 'REGION' is told twice: of configuration"),
        ({"files": {"a/b": "x"}}, ".files: 'a/b' is not the name of a file"),
        ({"files": {"a": "x" * 1_000_001}}, ".files: have 1000001 bytes, and a ConfigMap holds 1000000"),
    ],
)
def test_what_it_is_told(change, text):
    found = line(change)
    assert found.startswith("platform_gateways[0]")
    assert text in found
    assert "hunter2" not in found
    assert "p4ss" not in found


def test_variables_of_all_gateways():
    (found,) = lines(GATEWAY, OTHER, gateways_environment={"API_TOKEN": "x"})
    assert found.startswith("gateways_environment.API_TOKEN: looks like a secret, by its name")


# ---- Sizes and places


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"port": 80}, ".port: 80 is not from 1024 to 65535 as the port of what is not root"),
        ({"port": 70000}, ".port: 70000 is not from 1024 to 65535"),
        ({"user_id": 0}, ".user_id: 0 is not from 1 to"),
        ({"replicas": 1}, ".replicas: 1 is below gateways_minimum_replicas, 2: with fewer none would serve while"),
        ({"autoscaling": {"max_replicas": 1}}, ".autoscaling.max_replicas: 1 is below replicas, 2"),
        ({"autoscaling": {"max_replicas": 4, "cpu_percent": 0}}, ".autoscaling: has no target: set cpu_percent or"),
        (
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            ".resources.requests.cpu: '2' is above platform_gateways[0].resources.limits.cpu 1",
        ),
        ({"resources": {"requests": {"memory": "1GB"}}}, ".resources.requests.memory: '1GB' is not a quantity"),
        ({"resources": {"requests": {"memory": "1Gi"}}}, ".resources.requests.memory: '1Gi' is above"),
        ({"namespace": "gateway"}, ".namespace: 'gateway' is not among cluster_services_namespaces; did you mean gat"),
        ({"preset": "litelm"}, ".preset: 'litelm' is no preset; there are"),
        ({"probes": {"path": "health"}}, ".probes.path: 'health' is not a path, such as /health"),
        ({"probes": {"failure_threshold": 1}}, ".probes.failure_threshold: 1 is not from 2 to 10 looks"),
        (
            {"ingress_path": "/a", "probes": {"timeout_seconds": 15}},
            ".probes.timeout_seconds: 15 is not below gateways_health_check_interval_seconds, 15",
        ),
    ],
)
def test_sizes_and_places(change, text):
    assert line(change).startswith(f"platform_gateways[0]{text}")


def test_one_pod_is_enough_where_that_is_declared():
    assert lines({**GATEWAY, "replicas": 1}, gateways_minimum_replicas=1) == []


def test_autoscaling_needs_to_know_the_load():
    scaled = {**GATEWAY, "autoscaling": {"max_replicas": 4}}
    assert lines(scaled) == []
    (found,) = lines(scaled, others={"eks": {"eks_addons": [{"name": "metrics-server", "state": "absent"}]}})
    assert found.endswith("max_replicas: 4 needs the load of the pods: add metrics-server to eks_addons")


# ---- Paths and accounts


@pytest.mark.parametrize("path", ["api", "/", "/api/", "/api//x", "/api/*", "/a?b", f"/{'a' * 128}"])
def test_paths(path):
    assert line({"ingress_path": path}).startswith(f"platform_gateways[0].ingress_path: '{path[:90]}")


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("/api/x", "/api/x", "'/api/x' is that of llm-gateway, too: give this one another"),
        ("/api", "/api/x", "'/api/x' and /api of llm-gateway begin alike, so one would get what is the other's"),
        ("/api/x", "/api", "'/api' and /api/x of llm-gateway begin alike"),
    ],
)
def test_two_gateways_with_one_path(first, second, text):
    (found,) = lines({**GATEWAY, "ingress_path": first}, {**OTHER, "ingress_path": second})
    assert found.startswith(f"platform_gateways[1].ingress_path: {text}")


def test_a_service_account_has_one_role():
    (found,) = lines(GATEWAY, {**OTHER, "service_accounts": ["llm-gateway"]})
    assert found == (
        "platform_gateways[1].service_accounts: 'llm-gateway' is one of llm-gateway, too:"
        " a service account has one role"
    )


# ---- The load balancer


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"gateways_drain_seconds": 30}, ["gateways_drain_seconds: 30 is not longer than gateways_deregistration_del"]),
        (
            {"gateways_scheme": "internet-facing"},
            [
                "gateways_scheme: 'internet-facing' takes a certificate: set gateways_certificate",
                "gateways_scheme: 'internet-facing' takes a web ACL: set gateways_web_acl_arn",
            ],
        ),
        (
            {"gateways_scheme": "internet-facing", "gateways_certificate": "api"},
            ["gateways_scheme: 'internet-facing' takes a web ACL"],
        ),
        (
            {"gateways_certificate": "ap"},
            ["gateways_certificate: 'ap' is not among certificate_certificates; did you mean api?"],
        ),
        ({"gateways_certificate": "old"}, ["gateways_certificate: 'old' is not among certificate_certificates"]),
        ({"gateways_certificate": "login"}, ["gateways_certificate: 'login' is a certificate of us-east-1: a load"]),
        ({"gateways_web_acl_arn": "x"}, ["gateways_web_acl_arn: 'x' is not the ARN of a regional web ACL"]),
        (
            {"gateways_web_acl_arn": ACL.replace("us-west-2", "us-east-1")},
            [f"gateways_web_acl_arn: '{ACL.replace('us-west-2', 'us-east-1')}' is a web ACL of another region"],
        ),
        ({"gateways_ssl_policy": "TLS1.3"}, ["gateways_ssl_policy: 'TLS1.3' is not a security policy, such as"]),
        (
            {"gateways_load_balancer_attributes": {"deletion_protection.enabled": "true"}},
            ["gateways_load_balancer_attributes.deletion_protection.enabled: 'true' keeps the controller, and so a te"],
        ),
        (
            {"gateways_load_balancer_attributes": {"idle_timeout.timeout_seconds": 60, "A b": "c"}},
            [
                "gateways_load_balancer_attributes.idle_timeout.timeout_seconds: 60 is not a text without ',' and '='",
                "gateways_load_balancer_attributes.A b: is not the name of an attribute",
            ],
        ),
        ({"gateways_client_namespaces": ["A"]}, ["gateways_client_namespaces[0]: 'A' is not a Kubernetes name"]),
        ({"gateways_priority_class": "x"}, ["gateways_priority_class: 'x' is not among cluster_services_priority_cl"]),
        ({"gateways_health_check_interval_seconds": 4}, ["gateways_health_check_interval_seconds: 4 is not from 5 to"]),
        ({"gateways_minimum_replicas": 0}, ["gateways_minimum_replicas: 0 is not 1 or more"]),
    ],
)
def test_settings(given, texts):
    found = lines(others={"certificate": CERTIFICATES, "cluster_services": SERVICES}, **given)
    assert len(found) == len(texts)
    for one, text in zip(found, texts, strict=True):
        assert one.startswith(text)


# ---- What exists


def pushed(*images):
    return {"registry": {"images": {"llm-gateway": list(images)} if images else {}}}


def test_a_version_that_nobody_has_pushed():
    given = {"platform_gateways": [GATEWAY]}
    assert change_fault_lines("gateways", given, pushed("0.9")) == [
        "platform_gateways[0].image: '1.0' is not in the repository of llm-gateway: push it first, or name one that is"
        " there"
    ]
    assert change_fault_lines("gateways", given, pushed("0.9", "1.0")) == []
    given = {"platform_gateways": [GATEWAY], "gateways_images": {"llm-gateway": {"digest": DIGEST}}}
    (one,) = change_fault_lines("gateways", given, pushed("1.0"))
    assert one.startswith("gateways_images.llm-gateway: 'sha256:0123")
    # Before anything has been pushed it waits for its image.
    assert change_fault_lines("gateways", {"platform_gateways": [GATEWAY]}, pushed()) == []
    # Not all of them are known.
    many = pushed(*map(str, range(1000)))
    assert change_fault_lines("gateways", {"platform_gateways": [GATEWAY]}, many) == []
    elsewhere = {**GATEWAY, "image": {"repository": "ghcr.io/a/b", "tag": "1"}}
    assert change_fault_lines("gateways", {"platform_gateways": [elsewhere]}, pushed("0.9")) == []


def found(**more):
    return {"gateways": more}


def test_another_load_balancer_is_told_of():
    given = {"gateways_scheme": "internet-facing"}
    assert warning_lines("gateways", given, found(load_balancer_scheme="internet-facing")) == []
    assert warning_lines("gateways", given, found(load_balancer_scheme=None)) == []
    (one,) = warning_lines("gateways", given, found(load_balancer_scheme="internal"))
    assert one.startswith("gateways_scheme: 'internet-facing' and the load balancer is internal: the controller makes")
    assert "/api/*" not in one
    now = {"load_balancer_scheme": "internal", "load_balancer_arn": "arn"}
    for led_to in ("arn", "other"):
        edge = {"vpc_origin": {"load_balancer_arn": led_to}}
        (one,) = warning_lines("gateways", given, {**found(**now), **edge})
        assert one.endswith("; /api/* of the front end goes with it") is (led_to == "arn")


# ---- The table


def test_an_entry_is_completed_at_any_depth():
    known = {"demo": {"port": 4000, "resources": {"limits": {"memory": "1Gi"}}, "image": {"repository": "a/b"}}}
    (entry,) = table.complete(
        [{"name": "x", "preset": "demo", "resources": {"limits": {"cpu": "2"}}}], {"x": {"tag": "1"}}, known
    )
    assert entry["port"] == 4000
    assert entry["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    }
    assert entry["image"] == {"repository": "a/b", "tag": "1", "digest": ""}
    assert entry["probes"]["path"] == "/health"
    assert (entry["replicas"], entry["autoscaling"]["max_replicas"]) == (2, 0)


def test_a_preset_counts_before_the_defaults_that_preflight_has_filled_in():
    bare = {"name": "x", "namespace": "gateways", "service_accounts": ["x"], "preset": "litellm"}
    entry = {**bare, "resources": {"limits": {"cpu": "2"}}, "image": {"repository": "mirror.example/litellm"}}
    (complete,) = table.complete([entry])
    assert table.complete(roles.filled([entry], roles.options("preflight")["platform_gateways"])) == [complete]
    assert (complete["port"], complete["resources"]["limits"]) == (4000, {"cpu": "2", "memory": "1Gi"})
    # From a mirror comes the same image.
    assert complete["image"]["repository"] == "mirror.example/litellm"
    assert complete["image"]["digest"].startswith("sha256:")


def test_a_version_of_the_environment_replaces_the_digest_of_the_table():
    (entry,) = table.complete(
        [{**GATEWAY, "image": {"repository": "a/b", "digest": DIGEST}}], {"llm-gateway": {"tag": "2"}}
    )
    assert table.reference(entry["image"], "own") == "a/b:2"
    assert table.reference({"digest": DIGEST, "tag": "1"}, "own") == f"own@{DIGEST}"


def test_a_mirror_has_the_same_version():
    given = {**GATEWAY, "image": {"repository": "a/b", "tag": "1", "digest": DIGEST}}
    (entry,) = table.complete([given], {"llm-gateway": {"repository": "mirror.example/b"}})
    assert table.reference(entry["image"], "own") == f"mirror.example/b@{DIGEST}"


def test_keys_of_gateways():
    gone = {**OTHER, "state": "absent"}
    assert table.addresses([{**GATEWAY, "ingress_path": "/api/x"}, gone], "https://a") == {
        "LLM_GATEWAY_ENDPOINT": "https://a/api/x",
        "LLM_GATEWAY_SERVICE_URL": "http://llm-gateway.gateways.svc.cluster.local:80",
    }
    assert table.addresses([{**GATEWAY, "ingress_path": ""}], None) == {
        "LLM_GATEWAY_SERVICE_URL": "http://llm-gateway.gateways.svc.cluster.local:80"
    }


def test_stores_follow_from_the_keys():
    assert table.stores_of({"configuration": ["REDIS_PORT", "PG_USER", "REGION", "NONE"]}) == ["aurora", "redis"]
    assert set(table.STORES) <= {component for component, _fact in table.settings_table().values()}
