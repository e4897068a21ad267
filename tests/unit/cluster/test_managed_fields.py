# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have set of an object is found and claimed; what is theirs by right is left."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import MANAGER
from ansible_collections.agent_platform.aws.plugins.module_utils.managed_fields import (
    added,
    claimed,
    has,
    is_ours,
    ours,
    owner_of,
    text,
    texts,
    without,
)

MAIN, NEW = 'k:{"name":"main"}', 'k:{"name":"NEW"}'
OURS = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:template": {
            "f:spec": {
                "f:containers": {
                    MAIN: {
                        ".": {},
                        "f:name": {},
                        "f:args": {},
                        "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
                    }
                }
            }
        }
    },
}
CONTAINER = {"name": "main", "args": ["x"], "env": [{"name": "A", "value": "1"}, {"name": "NEW", "value": "2"}]}


def entry(manager, fields, operation="Update", **more):
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def deployment(*others):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "x",
            "labels": {"app": "x", "team": "a"},
            "managedFields": [entry(MANAGER, copy.deepcopy(OURS), "Apply"), *others],
        },
        "spec": {"replicas": 3, "template": {"spec": {"containers": [copy.deepcopy(CONTAINER)]}}},
    }


def of_container(fields):
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {MAIN: fields}}}}}


def found(item):
    return texts(added(item))


def test_nothing_is_added_where_nobody_else_has_been():
    assert added(deployment()) == []


def test_a_label_and_a_variable_of_others():
    edited = {
        "f:metadata": {"f:labels": {"f:team": {}}},
        **of_container({"f:env": {NEW: {".": {}, "f:name": {}, "f:value": {}}}}),
    }
    item = deployment(entry("kubectl-edit", edited))
    assert found(item) == [
        "metadata.labels.team",
        "spec.template.spec.containers[name=main].env[name=NEW]",
    ]
    left = without(item, added(item))
    assert left["metadata"]["labels"] == {"app": "x"}
    assert left["spec"]["template"]["spec"]["containers"] == [{**CONTAINER, "env": [{"name": "A", "value": "1"}]}]


def test_what_both_have_set_is_ours():
    """The same value: an apply sees any other."""
    both = of_container({"f:env": {'k:{"name":"A"}': {"f:value": {}}}})
    assert added(deployment(entry("kubectl-edit", both))) == []


def test_what_we_have_set_as_a_whole_has_no_parts():
    assert added(deployment(entry("kubectl-edit", of_container({"f:args": {"v:1": {}}})))) == []


@pytest.mark.parametrize(
    "other",
    [
        entry("kube-controller-manager", {"f:metadata": {"f:annotations": {"f:x": {}}}}),
        entry("controller", {"f:metadata": {"f:annotations": {"f:x": {}}}}),
        entry("aws-load-balancer-controller", {"f:spec": {"f:x": {}}}),
        entry("opentelemetry-operator", {"f:spec": {"f:x": {}}}),
        entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("kubectl-edit", {"f:spec": {"f:replicas": {}}}),
        entry("Lens", {"f:metadata": {"f:finalizers": {".": {}, 'v:"a/b"': {}}}}),
        entry("k9s", {"f:status": {"f:phase": {}}}),
        entry(
            "kubectl-rollout",
            {
                "f:spec": {
                    "f:template": {
                        "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}
                    }
                }
            },
        ),
        # A webhook has changed what we have applied.
        entry(MANAGER, {"f:spec": {"f:x": {}}}),
    ],
    ids=lambda other: other["manager"],
)
def test_what_is_theirs_by_right(other):
    assert added(deployment(other)) == []


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl-client-side-apply", "Lens", "k9s", "Mozilla", "helm"])
def test_tools_of_people_have_no_right(manager):
    assert found(deployment(entry(manager, {"f:metadata": {"f:labels": {"f:team": {}}}}))) == ["metadata.labels.team"]


def test_a_claim_gives_the_fields_to_us_and_takes_them_from_others():
    fields = {"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:replicas": {}}}
    item = deployment(entry("kubectl-edit", fields), entry("k9s", {"f:metadata": {"f:labels": {"f:team": {}}}}))
    told = claimed(item, added(item))
    assert [found["manager"] for found in told] == [MANAGER, "kubectl-edit"]
    assert has(told[0]["fieldsV1"], ("f:metadata", "f:labels", "f:team"))
    assert has(told[0]["fieldsV1"], ("f:metadata", "f:labels", "f:app"))
    # What is left to the other stays its own.
    assert told[1]["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    # And the object itself is as it was.
    assert has(item["metadata"]["managedFields"][1]["fieldsV1"], ("f:metadata", "f:labels", "f:team"))


def test_a_claim_where_we_have_no_entry():
    item = deployment(entry("kubectl-edit", {"f:metadata": {"f:labels": {"f:team": {}}}}))
    del item["metadata"]["managedFields"][0]
    (own,) = claimed(item, added(item))
    assert is_ours(own)
    assert own["apiVersion"] == "apps/v1"


def test_who_has_set_a_label():
    item = deployment(entry("kubectl-label", {"f:metadata": {"f:labels": {"f:team": {}}}}))
    assert owner_of(item, ("f:metadata", "f:labels", "f:app")) == MANAGER
    assert owner_of(item, ("f:metadata", "f:labels", "f:team")) == "kubectl-label"
    assert owner_of(item, ("f:metadata", "f:labels", "f:other")) is None
    assert ours({"metadata": {}}) == {}


def test_an_element_by_keys_with_a_default():
    """protocol is a key of ports, and TCP where it is left out."""
    item = {"kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 81}]}}
    path = ("f:spec", "f:ports", 'k:{"port":81,"protocol":"TCP"}')
    inner = [(*path, word) for word in (".", "f:port", "f:protocol")]
    assert without(item, inner) == {"kind": "Service", "spec": {"ports": [{"port": 80}]}}


def test_a_finalizer_is_an_element_by_its_value():
    assert without({"x": ["a", "b"]}, [("f:x", 'v:"b"')]) == {"x": ["a"]}


def test_paths_are_written_as_people_do():
    path = ("f:spec", "f:containers", MAIN, "f:env", NEW, "f:value")
    assert text(path) == "spec.containers[name=main].env[name=NEW].value"
    assert text(("f:metadata", "f:finalizers", 'v:"a/b"')) == "metadata.finalizers[a/b]"
