# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Helm has noted of a release, and what has been changed since, against a scripted Kubernetes API."""

from __future__ import annotations

import base64
import copy
import datetime
import gzip
import json
from unittest import mock

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.modules import k8s_helm_release_info
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure

LABELS = {"app.kubernetes.io/part-of": "demo"}
VALUES = {"clusterName": "demo", "replicaCount": 2}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "controller", "namespace": "kube-system", "labels": LABELS},
    "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"cpu": "0.5"}}}]}},
    },
}
# Charts leave out the namespace of what lies in the release's.
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "controller", "labels": LABELS}}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "bindings.elbv2.k8s.aws"},
    "spec": {"group": "elbv2.k8s.aws"},
}
NOTES = {"meta.helm.sh/release-name": "lbc", "meta.helm.sh/release-namespace": "kube-system"}


def live(item, **spec):
    """An object as it is in the cluster."""
    item = copy.deepcopy(item)
    metadata = item["metadata"]
    if item["kind"] != "CustomResourceDefinition":
        metadata["namespace"] = "kube-system"
        metadata["labels"] = {**metadata["labels"], "app.kubernetes.io/managed-by": "Helm"}
        metadata["annotations"] = dict(NOTES)
    metadata |= {"resourceVersion": "7", "generation": 1, "uid": "x"}
    if spec:
        item["spec"] |= spec
    if item["kind"] == "Deployment":
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), item["spec"]["replicas"])
        item["status"] = {"observedGeneration": 1, **numbers}
    return item


def secret(version=1, status="deployed", chart_version="3.5.0", values=VALUES, begun=None, manifest=None):
    """A revision as Helm writes it."""
    begun = begun or datetime.datetime.now(datetime.UTC)
    release = {
        "name": "lbc",
        "version": version,
        "config": values,
        "info": {"status": status, "last_deployed": begun.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")},
        "chart": {
            "metadata": {"name": "controller", "version": chart_version},
            "files": [
                {"name": "crds/crds.yaml", "data": base64.b64encode(f"---\n{yaml.dump(CRD)}".encode()).decode()},
                {"name": "README.md", "data": ""},
            ],
        },
        "manifest": "---\n# Source: a\n" + "---\n".join(map(yaml.dump, manifest or [DEPLOYMENT, ACCOUNT])),
    }
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"sh.helm.release.v1.lbc.v{version}",
            "namespace": "kube-system",
            "labels": {"owner": "helm", "name": "lbc", "version": str(version), "status": status},
        },
        "data": {"release": packed},
    }


ALL_WELL = [live(DEPLOYMENT), live(ACCOUNT), live(CRD)]
KINDS = [
    (item["apiVersion"], item["kind"]) for item in (DEPLOYMENT, ACCOUNT, CRD, {"apiVersion": "v1", "kind": "Secret"})
]


def run(objects, answers=None, expect=0, **params):
    kubernetes = ScriptedKubernetes(objects, answers, KINDS)
    wanted = {"name": "lbc", "namespace": "kube-system", "chart": "controller", "version": "3.5.0", "values": VALUES}
    wanted |= {"labels": LABELS} | params.pop("wanted", {})
    told = {}
    module = k8s_helm_release_info.AnsibleModule
    with (
        patch_module_args({"releases": [wanted], "kubeconfig": "/x", **params}),
        mock.patch.object(k8s_helm_release_info, "connect", return_value=kubernetes.api()),
        mock.patch.object(module, "exit_json", lambda _self, **result: told.update(result)),
        mock.patch.object(module, "fail_json", lambda _self, **result: told.update(result, failed=True)),
    ):
        k8s_helm_release_info.main()
    assert bool(told.get("failed")) == bool(expect), told
    return told, kubernetes


def release_of(objects, answers=None, **params):
    told, kubernetes = run(objects, answers, **params)
    (release,) = told["releases"]
    return release, kubernetes


def test_one_that_is_as_wanted():
    release, kubernetes = release_of([secret(), *ALL_WELL])
    assert release == {
        "name": "lbc",
        "namespace": "kube-system",
        "exists": True,
        "ours": True,
        "version": "3.5.0",
        "status": "deployed",
        "differences": [],
        "abandoned": None,
        "drifted": [],
        "crds": [],
        "ready": True,
    }
    # Nothing is asked but what is read.
    assert kubernetes.asked("PATCH") == []


def test_one_that_is_missing():
    release, _kubernetes = release_of([])
    assert (release["exists"], release["status"], release["differences"]) == (False, None, ["missing"])


@pytest.mark.parametrize(
    ("revision", "wanted", "differences"),
    [
        ({}, {"version": "3.6.0"}, ["version 3.5.0"]),
        ({"chart_version": "3.4.0"}, {}, ["version 3.4.0"]),
        ({}, {"chart": "other"}, ["chart controller"]),
        ({"values": {"clusterName": "demo", "replicaCount": 3}}, {}, ["values"]),
        ({"status": "failed"}, {}, ["status failed"]),
    ],
)
def test_what_helm_must_touch(revision, wanted, differences):
    release, _kubernetes = release_of([secret(**revision), *ALL_WELL], wanted=wanted)
    assert release["differences"] == differences


def test_the_last_revision_counts():
    release, _kubernetes = release_of([secret(9), secret(10, chart_version="3.6.0"), *ALL_WELL])
    assert release["version"] == "3.6.0"


def test_one_of_someone_else_is_told():
    elses = {"labels": {"app.kubernetes.io/part-of": "else"}}
    assert not release_of([secret(), *ALL_WELL], wanted=elses)[0]["ours"]
    assert release_of([secret(), *ALL_WELL], wanted={"labels": {}})[0]["ours"]


def answering(changed):
    """What the API server makes of an apply: what was sent, with what it fills in."""

    def answer(method, _path, query, body):
        if method != "PATCH":
            return None
        assert query == {"dryRun": "All", "fieldManager": "helm", "force": "true"}
        return changed(copy.deepcopy(body))

    return answer


def test_what_someone_has_changed():
    edited = live(DEPLOYMENT, replicas=5)
    answers = answering(
        lambda body: {**live(DEPLOYMENT), "spec": {**edited["spec"], "replicas": body["spec"]["replicas"]}}
    )
    release, _kubernetes = release_of([secret(), edited, *ALL_WELL[1:]], answers)
    (drifted,) = release["drifted"]
    assert drifted["kind"] == "Deployment"
    assert drifted["spec"]["replicas"] == 2
    # With what Helm knows its own by.
    assert drifted["metadata"]["annotations"] == NOTES
    assert drifted["metadata"]["labels"] == {**LABELS, "app.kubernetes.io/managed-by": "Helm"}


def test_what_the_server_writes_otherwise_is_no_change():
    written = live(DEPLOYMENT)
    written["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "500m"
    release, kubernetes = release_of(
        [secret(), written, *ALL_WELL[1:]], answering(lambda _body: copy.deepcopy(written))
    )
    assert release["drifted"] == []
    assert len(kubernetes.asked("PATCH")) == 1


def test_what_cannot_be_changed_any_more_is_told():
    edited = live(DEPLOYMENT, replicas=5)
    release, _kubernetes = release_of(
        [secret(), edited, *ALL_WELL[1:]], answering(lambda _body: failure(422, "Invalid", "field is immutable"))
    )
    assert [item["kind"] for item in release["drifted"]] == ["Deployment"]


def test_what_someone_has_deleted():
    release, _kubernetes = release_of([secret(), ALL_WELL[0]])
    assert [item["kind"] for item in release["drifted"]] == ["CustomResourceDefinition", "ServiceAccount"]
    assert release["drifted"][1]["metadata"]["namespace"] == "kube-system"


def test_pods_that_are_not_up():
    behind = live(DEPLOYMENT)
    behind["status"]["availableReplicas"] = 1
    assert not release_of([secret(), behind, *ALL_WELL[1:]])[0]["ready"]


def test_definitions_of_the_chart():
    release, _kubernetes = release_of([secret(), *ALL_WELL], with_crds=True)
    assert release["crds"] == [CRD]


def test_a_list_in_a_manifest_is_its_items():
    listed = {"apiVersion": "v1", "kind": "List", "items": [DEPLOYMENT, ACCOUNT]}
    release, _kubernetes = release_of([secret(manifest=[listed]), *ALL_WELL])
    assert (release["drifted"], release["ready"]) == ([], True)


def test_another_run_is_waited_for(monkeypatch):
    objects = [secret(1, "pending-install"), *ALL_WELL]
    done = secret(1)
    kubernetes = {}

    def sleep(_seconds):
        kubernetes["now"].objects[0] = done

    original = ScriptedKubernetes.__init__

    def init(self, *arguments):
        original(self, *arguments)
        kubernetes["now"] = self

    monkeypatch.setattr(ScriptedKubernetes, "__init__", init)
    monkeypatch.setattr(k8s_helm_release_info.time, "sleep", sleep)
    release, _kubernetes = release_of(objects)
    assert (release["status"], release["abandoned"]) == ("deployed", None)


def test_one_that_a_killed_run_has_left():
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=3)
    release, _kubernetes = release_of([secret(1), secret(2, "pending-upgrade", begun=begun), *ALL_WELL])
    assert release["abandoned"] == "sh.helm.release.v1.lbc.v2"
    assert release["differences"] == ["status pending-upgrade"]


def test_without_a_kubeconfig(monkeypatch):
    monkeypatch.delenv("K8S_AUTH_KUBECONFIG", raising=False)
    told, _kubernetes = run([], expect=1, kubeconfig=None)
    assert "No kubeconfig is set" in told["msg"]
