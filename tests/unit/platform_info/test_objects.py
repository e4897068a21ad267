# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What discovery reads of the cluster: what is the component's, and nothing of a cluster that isn't reached."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Cluster, Reader, Search
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure

from .fake_aws import ACCOUNT, SCOPE, in_cluster, look

THEIRS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "theirs", "namespace": "b", "labels": {"app": "x"}},
}
OBJECTS = [
    in_cluster("gateways", "v1", "ConfigMap", "two", "b"),
    in_cluster("gateways", "v1", "ConfigMap", "one", "b"),
    in_cluster("gateways", "v1", "ConfigMap", "zero", "c"),
    in_cluster("telemetry", "v1", "ConfigMap", "of-telemetry", "b"),
    in_cluster("gateways", "v1", "Namespace", "b"),
    THEIRS,
]


def search(kubernetes=None, component="gateways", cluster=None):
    cluster = cluster or (Cluster(kubernetes.api) if kubernetes else None)
    return Search(COMPONENTS[component], SCOPE, Reader({}, None), ACCOUNT, cluster)


def names(found):
    return [item["metadata"]["name"] for item in found]


def test_what_the_component_has_made_in_the_order_of_names():
    looking = search(ScriptedKubernetes(OBJECTS))
    found = looking.objects("v1", "ConfigMap")
    assert names(found) == ["one", "two", "zero"]
    # As if each had been read by itself.
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "ConfigMap")}
    assert names(looking.objects("v1", "ConfigMap", namespace="c")) == ["zero"]
    assert names(looking.objects("v1", "ConfigMap", name="two")) == ["two"]
    assert names(looking.objects("v1", "Namespace")) == ["b"]
    assert names(looking.objects("v1", "ConfigMap", labels={"app": "x"})) == []


def test_what_others_have_made():
    looking = search(ScriptedKubernetes(OBJECTS))
    assert names(looking.objects("v1", "ConfigMap", namespace="b", labels={"app": "x"}, ours=False)) == ["theirs"]


def test_a_kind_that_the_cluster_does_not_know_is_no_fault():
    looking = search(ScriptedKubernetes(OBJECTS))
    assert looking.objects("opentelemetry.io/v1beta1", "OpenTelemetryCollector") == []
    assert looking.cluster.warnings == []
    assert looking.cluster.reached


def test_a_long_list_is_read_to_its_end():
    pages = [
        {"items": [OBJECTS[0]], "metadata": {"continue": "more"}},
        {"items": [OBJECTS[1]], "metadata": {"continue": ""}},
    ]
    asked = []

    def answers(_method, path, query, _body):
        if not path.endswith("/configmaps"):
            return None
        asked.append(query.get("continue"))
        return pages[len(asked) - 1]

    assert names(search(ScriptedKubernetes(OBJECTS, answers)).objects("v1", "ConfigMap")) == ["one", "two"]
    assert asked == [None, "more"]


def test_without_a_way_to_the_cluster_there_is_nothing_and_no_word():
    looking = search()
    assert looking.objects("v1", "ConfigMap") == []
    assert (looking.cluster.warnings, looking.cluster.reached) == ([], False)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            OSError("Connection refused"),
            r"API doesn't answer \(Connection refused\).*platform_cluster_access",
        ),
        (failure(401, "Unauthorized", "Unauthorized"), "give the run's role an access entry"),
        (failure(403, "Forbidden", 'configmaps is forbidden: User "x"'), "AmazonEKSClusterAdminPolicy"),
        (failure(503, "ServiceUnavailable", "etcd is down"), "Run again"),
    ],
)
def test_a_cluster_out_of_reach_is_told_of_once(fault, said):
    kubernetes = ScriptedKubernetes(OBJECTS, lambda *_request: fault)
    looking = search(kubernetes)
    assert [looking.objects("v1", kind) for kind in ("ConfigMap", "Namespace", "Pod")] == [[], [], []]
    (warning,) = looking.cluster.warnings
    assert warning.startswith("What is in the cluster isn't known. Could not ")
    assert re.search(said, warning)
    # No one waits for more of the same.
    assert len(kubernetes.requests) == 1
    assert not looking.cluster.reached


def test_a_kubeconfig_that_can_not_be_used_is_told_of(tmp_path):
    looking = search(cluster=Cluster.of(str(tmp_path / "none")))
    assert looking.objects("v1", "ConfigMap") == []
    assert f"The kubeconfig {tmp_path / 'none'} can't be used" in looking.cluster.warnings[0]


def test_all_components_share_the_way_and_its_warning():
    def connect():
        raise ResourceError("No way.")

    cluster = Cluster(connect)
    with ThreadPoolExecutor(4) as executor:
        found = list(
            executor.map(lambda name: search(component=name, cluster=cluster).objects("v1", "Pod"), COMPONENTS)
        )
    assert found == [[]] * len(COMPONENTS)
    assert cluster.warnings == ["What is in the cluster isn't known. No way."]


def test_the_warning_is_the_discovery_s():
    found, _aws = look({}, "encryption", objects=[])
    assert found.warnings == []
