# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have in namespaces, against a scripted Kubernetes API."""

from __future__ import annotations

from unittest import mock

from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.modules import k8s_namespace_info
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure


def item(kind, name, namespace="agents", api_version="v1", labels=None, **metadata):
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **place, "labels": labels or {}, **metadata},
    }


NAMESPACE = item("Namespace", "agents", None, labels={"team": "x"})
ALWAYS_THERE = [item("ServiceAccount", "default"), item("ConfigMap", "kube-root-ca.crt"), item("Event", "e")]
OURS = [
    item("ResourceQuota", "platform", labels={"app.kubernetes.io/part-of": "demo"}),
    item("Secret", "sh.helm.release.v1.x.v1", labels={"owner": "helm"}),
]


def others(*objects, names=("agents",), answers=None):
    kubernetes = ScriptedKubernetes([NAMESPACE, *ALWAYS_THERE, *OURS, *objects], answers)
    told = {}
    with (
        patch_module_args({"names": list(names), "part_of": "demo", "kubeconfig": "/x"}),
        mock.patch.object(k8s_namespace_info, "connect", return_value=kubernetes.api()),
        mock.patch.object(k8s_namespace_info.AnsibleModule, "exit_json", lambda _self, **result: told.update(result)),
    ):
        k8s_namespace_info.main()
    return told["namespaces"]


def test_what_is_everywhere_or_ours_does_not_count():
    assert others() == [{"name": "agents", "labels": {"team": "x"}, "others": []}]


def test_what_others_would_miss():
    (found,) = others(
        item("ConfigMap", "notes"),
        item("Deployment", "support", api_version="apps/v1"),
        item("Pod", "by-hand"),
        item("Pod", "of-a-set", ownerReferences=[{"uid": "x"}]),
        item("Secret", "going", deletionTimestamp="2026-11-29T00:00:00Z"),
        item("ConfigMap", "elsewhere", "other"),
    )
    assert found["others"] == ["ConfigMap notes", "Deployment support", "Pod by-hand"]


def test_a_namespace_that_is_gone():
    assert others(names=["none"]) == []


def test_a_kind_that_cannot_be_listed_there():
    def answer(_method, path, _query, _body):
        return failure(405, "MethodNotAllowed", "no") if path.endswith("/widgets") else None

    assert others(item("Widget", "w", api_version="x/v1"), answers=answer)[0]["others"] == []
