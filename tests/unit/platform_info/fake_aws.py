# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An AWS for tests of discovery: the calls come side by side, in any order, so it answers by operation."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from botocore.validate import ParamValidator

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Cluster, Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS, discover, identify
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import marks as marks_of
from tests.support.components import entries as declared_entries
from tests.support.components import shared
from tests.support.scripted_aws import ScriptedClient, _check_response, api_error
from tests.support.scripted_kubernetes import ScriptedKubernetes

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "agent-platform-dev"
ACCOUNT = "123456789012"
REGION = "us-west-2"
OWNER = {"Project": "agent-platform", "Environment": "dev", "Region": REGION, "ManagedBy": "agent_platform.aws"}
# Whose roles are whose; those of workload_identity have names of the user's.
ROLES = {
    "authenticated": "cognito",
    "aurora-monitoring": "aurora",
    "flow-logs": "network",
    **dict.fromkeys(("eks-cluster", "eks-nodes", "eks-admin", "ebs-csi-driver", "vpc-cni"), "eks"),
    **dict.fromkeys(("bastion", "bastion-backup"), "bastion_instance"),
    "opensearch-master": "opensearch",
    **dict.fromkeys(("knowledge-base", "model-invocation-logs"), "knowledge_base"),
}


def read(*path: str) -> Any:
    """A YAML file of the repository."""
    return yaml.safe_load(ROOT.joinpath(*path).read_text())


def tag_list(**tags: str) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def marks(component: str) -> dict[str, str]:
    """The tags of what a component of ours owns."""
    return {**OWNER, "Component": component}


def owned(component: str, name: str | None = None, **tags: str) -> list[dict]:
    """The same and others of a resource, as EC2 and IAM write them."""
    named = {"Name": f"{PREFIX}-{name}"} if name else {}
    return tag_list(**{**marks(component), **named, **tags})


class InRegions(dict):
    """Answers by region, for what is read from several."""

    def in_region(self, region: str) -> Any:
        return self.get(region, {})


class FakeAws:
    """Answers an operation with what the test put there: a response, an exception, or a function of the request.

    Where two services have an operation of the same name, it is put there with its service: elbv2.DescribeTags.

    What the test doesn't mention is empty or missing. Requests and responses are checked against botocore's models.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None):
        caller = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/someone", "UserId": "AID"}
        self.answers = {"GetCallerIdentity": caller, **(answers or {})}
        self.calls: list[tuple[str, dict]] = []
        self.regions: list[str] = []  # where each went to
        self.lock = threading.Lock()
        self.clients: list[str] = []

    def client(self, service: str, region: str = REGION) -> FakeClient:
        self.clients.append(service if region == REGION else f"{service}@{region}")
        return FakeClient(self, service, region)

    def answer(self, client: ScriptedClient, operation: str, request: dict) -> Any:
        model = client.model.operation_model(operation)
        if model.input_shape:  # a few operations take nothing
            report = ParamValidator().validate(request, model.input_shape)
            assert not report.has_errors(), f"{operation}({request}): {report.generate_report()}"
        with self.lock:
            self.calls.append((operation, request))
            self.regions.append(client.region)
        answer = self.answers.get(f"{client.meta.service_model.service_name}.{operation}", self.answers.get(operation))
        # Not by its class: the tests are loaded under two names.
        if hasattr(answer, "in_region"):
            answer = answer.in_region(client.region)
        if callable(answer):
            answer = answer(request)
        if answer is None:
            if operation in missing():
                raise api_error(operation, missing()[operation], status=404)
            answer = {}
        if isinstance(answer, Exception):
            raise answer
        _check_response(operation, answer, model.output_shape)
        return answer

    def operations(self) -> list[str]:
        return [operation for operation, _request in self.calls]

    def requests(self, operation: str) -> list[dict]:
        return [request for name, request in self.calls if name == operation]


class FakeClient(ScriptedClient):
    """A scripted client that also tells of itself, as discovery's error messages need it."""

    def __init__(self, aws: FakeAws, service: str, region: str):
        super().__init__(aws, service)
        self.meta = self.real.meta
        self.region = region


ENTRIES = declared_entries()
PATH = "/agent-platform/dev"
MODELS = [model["id"] for model in shared()["platform_models"]]
IMAGES = [
    "ami-0123456789abcdef0",
    "/aws/service/canonical/ubuntu/server/24.04/stable/20251212/amd64/hvm/ebs-gp3/ami-id",
]
SCOPE = Scope(PREFIX, OWNER, REGION, ENTRIES, PATH, MODELS)


def look(
    answers: Mapping[str, Any],
    *components: str,
    entries: Mapping[str, list[str]] = ENTRIES,
    offers: bool = False,
    objects: Iterable[Mapping[str, Any]] | None = None,
    models: list[str] = MODELS,
    images: list[str] = IMAGES,
    existing_roles: Mapping[str, str] | None = None,
):
    """What discovery finds of the components, of all if none is named, and the AWS that it has asked.

    objects: what is in the cluster; without them there is no way to it.
    """
    aws = FakeAws(answers)
    scope = Scope(PREFIX, OWNER, REGION, entries, PATH, models, images, existing_roles or {})
    cluster = None if objects is None else Cluster(ScriptedKubernetes(objects).api)
    return discover(aws.client, scope, components or COMPONENTS, identify(aws.client), offers, cluster), aws


def in_cluster(
    component: str, api_version: str, kind: str, name: str, namespace: str | None = None, **more: Any
) -> dict:
    """An object in the cluster that a component of ours has made."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": marks_of(PREFIX, component)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def taken(answers: Mapping[str, Any], component: str) -> list[str]:
    """The names of the component that something without our tags holds."""
    conflicts = look(answers, component)[0].conflicts
    assert all("without the tags of this platform (Project=agent-platform" in item["reason"] for item in conflicts)
    assert {item["component"] for item in conflicts} <= {component}
    return [item["resource"] for item in conflicts]


def role(request: Mapping[str, str], tags: list[dict] | None = None) -> dict:
    """Every role of ours exists."""
    name = request["RoleName"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    component = ROLES.get(name.removeprefix(f"{PREFIX}-"), "workload_identity")
    return {"Role": {"RoleName": name, "Arn": arn, "Tags": owned(component) if tags is None else tags}}


# Whose buckets are whose.
BUCKETS = {"bastion-transfer": "bastion_instance", "documents": "knowledge_base", "frontend": "frontend"}
# All of them exist.
ALL_BUCKETS = {"Buckets": [{"Name": "other"}, *({"Name": f"{PREFIX}-{thing}-{ACCOUNT}"} for thing in BUCKETS)]}


def bucket_tags(request: Mapping[str, str]) -> dict:
    """Every bucket of ours has our tags."""
    thing = request["Bucket"].removeprefix(f"{PREFIX}-").removesuffix(f"-{ACCOUNT}")
    return {"TagSet": owned(BUCKETS[thing])}


SOMEONE_ELSES_ROLES = {"GetRole": functools.partial(role, tags=tag_list(Project="other"))}


def log_groups(request: Mapping[str, str]) -> dict:
    """Every log group of ours exists, and one that only begins as it does."""
    name = request["logGroupNamePrefix"]
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    return {
        "logGroups": [
            {"logGroupName": f"{name}-other", "arn": f"{arn}-other:*"},
            {"logGroupName": name, "arn": f"{arn}:*"},
        ]
    }


def case_of(component: str) -> Any:
    """The tests of a component's discovery.

    EMPTY_IF_ALL_IS_WELL: facts that tell of what shouldn't be there.
    EMPTY_OFFERS: offers that are about what there isn't by default.
    ANSWERS: what AWS answers where everything of it exists. OBJECTS: what it has in the cluster then.
    MISSING: error codes of the operations that say so of what doesn't exist; others answer with nothing in it.
    """
    return importlib.import_module(f"tests.unit.platform_info.test_{component}")


@functools.cache
def missing() -> dict[str, str]:
    codes = {"GetRole": "NoSuchEntity"}
    for component in COMPONENTS:
        codes.update(getattr(case_of(component), "MISSING", {}))
    return codes


def objects_of(*components: str) -> list[dict]:
    """What the components have in the cluster where everything of them exists."""
    return [item for component in components for item in getattr(case_of(component), "OBJECTS", ())]


def everything() -> dict[str, Any]:
    """The same, for all components at once."""
    return {operation: answer for component in COMPONENTS for operation, answer in case_of(component).ANSWERS.items()}
