# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A component's objects in the cluster: what differs, what is refused, what is taken back, what goes."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import kubernetes_objects as core
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import MANAGER, marks
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_objects import Objects
from ansible_collections.agent_platform.aws.plugins.modules import k8s_owned_objects as module
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure, plural

PLATFORM, COMPONENT = "agent-platform-dev", "gateways"
MARKS = marks(PLATFORM, COMPONENT)
KINDS = [
    ("v1", "Namespace"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("networking.k8s.io/v1", "Ingress"),
]
WANTED = {
    "part_of": PLATFORM,
    "component": COMPONENT,
    "prune": True,
    "filled_namespaces": "refuse",
    "wait_timeout": 1,
}


def declared(kind="ConfigMap", name="a", namespace="n", **more):
    api_version = next(version for version, known in KINDS if known == kind)
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def there(item, labels=MARKS, manager=MANAGER, **metadata):
    """The object as the API server has it after our apply."""
    fields = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in labels}}}
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    found = copy.deepcopy(item)
    found["metadata"] |= {"labels": dict(labels), "uid": f"uid-{item['metadata']['name']}", "resourceVersion": "1"}
    found["metadata"] |= {"managedFields": [entry] if manager else [], **metadata}
    return found


class Cluster(ScriptedKubernetes):
    """Applies what it is sent over what is there, as a dry run does. refusals: by kind, what it answers instead."""

    def __init__(self, *objects, refusals=None):
        super().__init__(objects, self.answer, KINDS)
        self.refusals = dict(refusals or {})
        self.deleted = []
        self.patched = []

    def named(self, path):
        return next(
            (
                item
                for item in self.objects
                if path.endswith(f"/{plural(item['kind'])}/{item['metadata']['name']}")
                and item["metadata"].get("namespace", "n") in (path.split("/namespaces/")[-1].split("/")[0], "n")
            ),
            None,
        )

    def answer(self, method, path, query, body):
        if method == "DELETE":
            found = self.named(path)
            if found is None:
                return failure(404, "NotFound", "not found")
            self.deleted.append((found["kind"], found["metadata"]["name"], body["preconditions"]["uid"]))
            self.objects.remove(found)
            return {}
        if method != "PATCH":
            return None
        if isinstance(body, list):
            self.patched.append((path, body))
            return {}
        assert query == {
            "fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict", "dryRun": "All",
        }  # fmt: skip
        if body["kind"] in self.refusals:
            return self.refusals[body["kind"]]
        found = copy.deepcopy(self.named(path) or {})
        labels = {**(found.get("metadata") or {}).get("labels", {}), **body["metadata"]["labels"]}
        result = {**found, **body, "metadata": {**found.get("metadata", {}), **body["metadata"], "labels": labels}}
        # The labels are ours then, and no one else's.
        fields = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in body["metadata"]["labels"]}}}
        result["metadata"]["managedFields"] = [{"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}]
        return result


def look(cluster, *definitions, check_mode=False, **more):
    objects = Objects(cluster.api(patience=0.5), PLATFORM, COMPONENT, check_mode, wait_timeout=0.0)
    return module.look(objects, {**WANTED, "definitions": list(definitions), **more})


def names(items):
    return [item["metadata"]["name"] for item in items]


class TestCompared:
    def test_what_is_missing_is_to_be_applied_with_its_labels(self):
        result = look(Cluster(), declared(data={"A": "1"}))
        assert result["changed"] is False
        (item,) = result["apply"]
        assert item["metadata"]["labels"] == MARKS
        assert result["diff"][0]["before"] == {}
        assert result["diff"][0]["after"]["data"] == {"A": "1"}

    def test_what_is_as_declared_is_not_touched(self):
        cluster = Cluster(there(declared(data={"A": "1"})))
        assert look(cluster, declared(data={"A": "1"})) == {
            "changed": False, "diff": [], "apply": [], "superfluous": [], "taken_back": {}, "replaced": [],
        }  # fmt: skip
        assert cluster.patched == cluster.deleted == []

    def test_what_differs_is_shown_and_nothing_else_of_it(self):
        cluster = Cluster(there(declared(data={"A": "2"}, immutable=False)))
        result = look(cluster, declared(data={"A": "1"}))
        assert len(result["apply"]) == 1
        (shown,) = result["diff"]
        assert (shown["before"], shown["after"]) == ({"data": {"A": "2"}}, {"data": {"A": "1"}})
        assert shown["before_header"] == "ConfigMap a in n"

    def test_the_content_of_a_secret_is_not_shown(self):
        cluster = Cluster(there(declared("Secret", data={"A": "b2xk"})))
        shown = json.dumps(look(cluster, declared("Secret", data={"A": "bmV3"}))["diff"])
        assert "b2xk" not in shown
        assert "bmV3" not in shown
        assert "not shown" in shown

    def test_they_are_applied_in_an_order_that_works(self):
        definitions = [declared("Ingress"), declared("Deployment"), declared(), declared("Namespace", "n", None)]
        result = look(Cluster(), *definitions)
        assert [item["kind"] for item in result["apply"]] == ["Namespace", "ConfigMap", "Deployment", "Ingress"]


class TestNotYetThere:
    def test_a_dry_run_tells_of_what_has_no_namespace_yet(self):
        cluster = Cluster()
        result = look(cluster, declared("Namespace", "n", None), declared(), check_mode=True)
        assert result["changed"] is True
        assert [item["kind"] for item in result["apply"]] == ["Namespace"]
        assert {shown["after_header"] for shown in result["diff"]} == {"Namespace n", "ConfigMap a in n"}
        # Nothing can be tried in it.
        assert not [path for _method, path in cluster.asked("PATCH") if "configmaps" in path]

    def test_a_dry_run_tells_of_a_kind_that_is_not_served_yet(self):
        item = {"apiVersion": "opentelemetry.io/v1beta1", "kind": "Collector", "metadata": {"name": "x"}}
        result = look(Cluster(), item, check_mode=True)
        assert (result["changed"], result["apply"]) == (True, [])

    def test_otherwise_it_is_an_error(self):
        item = {"apiVersion": "opentelemetry.io/v1beta1", "kind": "Collector", "metadata": {"name": "x"}}
        with pytest.raises(ResourceError, match=r"Collector x: the cluster doesn't serve Collector of"):
            look(Cluster(), item)

    def test_a_namespace_that_nobody_makes(self):
        missing = failure(404, "NotFound", 'namespaces "n" not found')
        with pytest.raises(ResourceError, match="ConfigMap a in n: there is no namespace n"):
            look(Cluster(refusals={"ConfigMap": missing}), declared())

    def test_without_a_cluster(self):
        class Module:
            params = {"definitions": [declared()], "state": "present"}
            check_mode = True

            def fail_json(self, msg):
                raise ResourceError(msg)

        assert module.unreached(Module())["changed"] is True
        Module.check_mode = False
        with pytest.raises(ResourceError, match="There is no cluster"):
            module.unreached(Module())
        Module.params = {"definitions": [], "state": "present"}
        assert module.unreached(Module())["changed"] is False


class TestRefused:
    @pytest.mark.parametrize(
        ("labels", "manager", "said"),
        [
            ({}, None, "isn't this platform's: it lacks app.kubernetes.io/managed-by=agent_platform.aws"),
            ({"app": "x"}, "helm", "isn't this platform's"),
            (marks("agent-platform-prod", COMPONENT), MANAGER, "belongs to the platform agent-platform-prod"),
            (marks(PLATFORM, "telemetry"), MANAGER, "belongs to the component telemetry of this platform"),
        ],
    )
    def test_what_is_not_ours(self, labels, manager, said):
        cluster = Cluster(there(declared(), labels, manager))
        with pytest.raises(ResourceError, match=f"ConfigMap a in n exists and {said}.*It is not changed"):
            look(cluster, declared())
        assert cluster.asked("PATCH") == []

    def test_ours_without_a_label_is_still_ours(self):
        """Someone has taken one away and changed another; who did it owns that one."""
        labels = dict(MARKS)
        labels.pop("app.kubernetes.io/managed-by")
        found = there(declared(), labels)
        found["metadata"]["labels"]["app.kubernetes.io/part-of"] = "other"
        del found["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:labels"]["f:app.kubernetes.io/part-of"]
        found["metadata"]["managedFields"].append(
            {
                "manager": "kubectl-label",
                "operation": "Update",
                "fieldsV1": {"f:metadata": {"f:labels": {"f:app.kubernetes.io/part-of": {}}}},
            }
        )
        (item,) = look(Cluster(found), declared(), check_mode=True)["apply"]
        assert item["metadata"]["labels"] == MARKS

    def test_all_that_is_refused_is_told_at_once(self):
        refusals = {
            kind: failure(400, "BadRequest", f"no such field in {kind}") for kind in ("ConfigMap", "Deployment")
        }
        with pytest.raises(ResourceError, match=r"no such field in ConfigMap.*no such field in Deployment"):
            look(Cluster(refusals=refusals), declared(), declared("Deployment"))

    def test_what_is_no_object(self):
        assert "this is no object" in module.shapeless([{"kind": "ConfigMap"}])
        assert module.shapeless([declared()]) is None


class TestUnchangeable:
    IMMUTABLE = failure(422, "Invalid", 'Deployment.apps "a" is invalid: spec.selector: field is immutable')

    def test_it_is_refused_with_what_helps(self):
        cluster = Cluster(there(declared("Deployment")), refusals={"Deployment": self.IMMUTABLE})
        with pytest.raises(ResourceError, match=r"can't be changed in place.*kubectl delete deployment a -n n"):
            look(cluster, declared("Deployment", spec={}))
        assert cluster.deleted == []

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_it_is_made_anew_where_that_is_declared(self, check_mode):
        cluster = Cluster(there(declared("Deployment")), refusals={"Deployment": self.IMMUTABLE})
        item = declared("Deployment", spec={})
        item["metadata"]["annotations"] = {core.REPLACE: "true"}
        result = look(cluster, item, check_mode=check_mode)
        assert (result["changed"], result["replaced"]) == (True, ["Deployment a in n"])
        assert cluster.deleted == ([] if check_mode else [("Deployment", "a", "uid-a")])
        assert names(result["apply"]) == ([] if check_mode else ["a"])

    def test_another_refusal_is_told_as_it_is(self):
        invalid = failure(422, "Invalid", "spec.replicas: must be greater than or equal to 0")
        cluster = Cluster(there(declared("Deployment")), refusals={"Deployment": invalid})
        with pytest.raises(ResourceError, match=r"Could not apply Deployment a in n: spec\.replicas: must"):
            look(cluster, declared("Deployment"))


class TestTakenBack:
    @pytest.fixture
    def edited(self):
        found = there(declared(data={"A": "1", "EXTRA": "2"}))
        found["metadata"]["managedFields"].append(
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {"f:EXTRA": {}}}}
        )
        return found

    @pytest.fixture
    def cluster(self, edited, monkeypatch):
        """Its dry run leaves what others have set."""
        cluster = Cluster(edited)
        monkeypatch.setattr(cluster, "answers", self.leaving(cluster, edited))
        return cluster

    @staticmethod
    def leaving(cluster, edited):
        def answer(method, path, query, body):
            told = cluster.answer(method, path, query, body)
            return {**edited} if method == "PATCH" and isinstance(body, dict) else told

        return answer

    def test_a_dry_run_shows_it(self, cluster):
        result = look(cluster, declared(data={"A": "1"}), check_mode=True)
        assert result["changed"] is True
        assert result["taken_back"] == {"ConfigMap a in n": ["data.EXTRA"]}
        assert (result["diff"][0]["before"], result["diff"][0]["after"]) == ({"data": {"EXTRA": "2"}}, {"data": {}})
        assert result["apply"] == cluster.patched == []

    def test_it_is_claimed_for_the_apply_that_follows(self, cluster):
        result = look(cluster, declared(data={"A": "1"}))
        assert (result["changed"], names(result["apply"])) == (True, ["a"])
        ((path, patch),) = cluster.patched
        assert path == "/api/v1/namespaces/n/configmaps/a"
        told = {step["path"]: step["value"] for step in patch}
        # Another writer at that moment makes the server refuse it.
        assert told["/metadata/resourceVersion"] == "1"
        (own,) = told["/metadata/managedFields"]
        assert own["manager"] == MANAGER
        assert own["fieldsV1"]["f:data"] == {"f:EXTRA": {}}

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_what_is_in_the_way_of_an_apply_goes_first(self, edited, check_mode):
        """As a port that someone has given the number of, under the name that ours has."""
        invalid = failure(422, "Invalid", 'Service "a" is invalid: spec.ports[1].name: Duplicate value: "http"')
        cluster = Cluster(edited, refusals={"ConfigMap": invalid})
        result = look(cluster, declared(data={"A": "2"}), check_mode=check_mode)
        assert result["changed"] is True
        assert result["taken_back"] == {"ConfigMap a in n": ["data.EXTRA"]}
        assert result["diff"][0]["after"] == {"data": {"A": "2"}}
        assert names(result["apply"]) == ([] if check_mode else ["a"])
        assert len(cluster.patched) == (0 if check_mode else 1)

    def test_a_conflict_is_looked_at_anew(self, cluster, monkeypatch):
        answer, refused = cluster.answers, []

        def once(method, path, query, body):
            if method == "PATCH" and isinstance(body, list) and not refused:
                refused.append(path)
                return failure(409, "Conflict", "the object has been modified")
            return answer(method, path, query, body)

        monkeypatch.setattr(cluster, "answers", once)
        look(cluster, declared(data={"A": "1"}))
        assert len(refused) == len(cluster.patched) == 1


class TestSuperfluous:
    def test_what_is_not_declared_any_more(self):
        old = [there(declared(name="old")), there(declared("Ingress", "old"))]
        others = [
            there(declared(name="theirs"), {"app": "x"}),
            there(declared(name="of-telemetry"), marks(PLATFORM, "telemetry")),
            there(declared("EndpointSlice", "mirrors-labels")),
            there(declared("Deployment", "of-a-collector"), ownerReferences=[{"name": "x"}]),
        ]
        result = look(Cluster(*old, *others), declared())
        assert [(item["kind"], item["name"]) for item in result["superfluous"]] == [
            ("Ingress", "old"),
            ("ConfigMap", "old"),
        ]
        assert result["superfluous"][1] == {
            "api_version": "v1", "kind": "ConfigMap", "namespace": "n", "name": "old", "uid": "uid-old",
        }  # fmt: skip
        assert look(Cluster(*old), declared(), prune=False)["superfluous"] == []

    def test_a_namespace_with_something_in_it_is_refused(self):
        cluster = Cluster(there(declared("Namespace", "agents", None)), there(declared("Pod", "p", "agents"), {}))
        with pytest.raises(ResourceError, match=r"Namespace agents isn't declared any more and still has Pod p\."):
            look(cluster, declared("Namespace", "n", None))
        # Unless somebody has looked, or all of it goes.
        looked = look(cluster, declared("Namespace", "n", None), filled_namespaces="remove")
        assert [item["name"] for item in looked["superfluous"]] == ["agents"]
        assert look(cluster)["superfluous"][0]["name"] == "agents"

    def test_a_kind_that_may_not_be_listed_has_nothing_of_ours(self):
        cluster = Cluster()
        answer = cluster.answers
        cluster.answers = lambda method, path, query, body: (
            failure(403, "Forbidden", "no") if path.endswith("/ingresses") else answer(method, path, query, body)
        )
        assert look(cluster, declared())["superfluous"] == []


class TestRemoved:
    def remove(self, cluster, *items, check_mode=False):
        objects = Objects(cluster.api(), PLATFORM, COMPONENT, check_mode, wait_timeout=0.0)
        return module.remove(objects, [core.reference(item) for item in items])

    def test_ingresses_first_and_namespaces_last(self):
        items = [there(declared("Namespace", "x", None)), there(declared()), there(declared("Ingress", "i"))]
        cluster = Cluster(*items)
        assert self.remove(cluster, *items)["changed"] is True
        assert [kind for kind, _name, _uid in cluster.deleted] == ["Ingress", "ConfigMap", "Namespace"]

    def test_a_dry_run_shows_them(self):
        item = there(declared())
        cluster = Cluster(item)
        result = self.remove(cluster, item, check_mode=True)
        assert (result["changed"], cluster.deleted) == (True, [])
        assert result["diff"][0]["before_header"] == "ConfigMap a in n"

    def test_what_has_gone_is_no_fault(self):
        assert self.remove(Cluster(), there(declared()))["changed"] is True

    def test_another_one_of_the_name_is_left(self):
        cluster = Cluster(there(declared()))
        cluster.answers = lambda method, *_rest: (
            failure(409, "Conflict", "Precondition failed: UID in precondition: 1") if method == "DELETE" else None
        )
        other = there(declared())
        other["metadata"]["uid"] = "another"
        assert self.remove(cluster, other)["changed"] is True

    def test_what_holds_it_is_told(self):
        condition = {
            "type": "NamespaceContentRemaining",
            "status": "True",
            "message": "Some resources are remaining: ingresses.networking.k8s.io has 1 resource instances",
        }
        item = there(declared("Namespace", "x", None))
        item["status"] = {"conditions": [condition, {"type": "NamespaceDeletionContentFailure", "status": "False"}]}
        held = there(declared("Ingress", "i"), finalizers=["group.ingress.k8s.aws/platform"])
        for stuck, said in ((item, "ingresses.networking.k8s.io has 1"), (held, "group.ingress.k8s.aws/platform")):
            cluster = Cluster(stuck)
            cluster.answers = lambda method, *_rest: {} if method == "DELETE" else None
            with pytest.raises(
                ResourceError, match=f"is still being deleted after 0 s: .*{said}.*Remove what holds it"
            ):
                self.remove(cluster, stuck)
