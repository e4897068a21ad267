# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control plane behind each cluster, in an emulator that was started with LOCAL_CLOUD_KUBERNETES=1.

ministack runs k3s in a container, or nothing. Here a cluster is CREATING until its API is ready, and DescribeCluster
tells the API's address and certificate authority from then on.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

from ...wire import Response
from ..ec2.launch_templates import find_template, find_version

if TYPE_CHECKING:
    from ...kubernetes.plane import Plane

ENABLED = os.environ.get("LOCAL_CLOUD_KUBERNETES") == "1"

_Key = tuple[str, str, str]
_planes: dict[_Key, Plane] = {}
# Of clusters that are being deleted.
_ending: dict[_Key, Plane] = {}
_keys: dict[_Key, str] = {}
# What is being done about an add-on, by its ARN, and the add-ons of which it has failed.
_work: dict[str, threading.Thread] = {}
_failed: set[str] = set()
# ministack sends what comes to this path to its EKS, past the account that a caller's key tells.
_ROUTE = re.compile(r"/_ministack/eks-auth/(\d{12})/([a-z0-9-]+)/([A-Za-z0-9_-]+)/(authentication|authorization)/(.+)")
_logger = logging.getLogger(__name__)


def _key(cluster: Mapping[str, Any]) -> _Key:
    account, region = cluster["arn"].split(":")[4], cluster["arn"].split(":")[3]
    return account, region, cluster["name"]


def folder() -> Path:
    """Where the planes' files are; the emulator's launcher removes it with all else."""
    return Path(os.environ["STATE_DIR"]).parent / "kubernetes"


def plane_of(cluster: Mapping[str, Any]) -> Plane | None:
    return _planes.get(_key(cluster)) if ENABLED else None


def start(cluster: dict[str, Any], pod_range: str) -> None:
    """Start the control plane of a new cluster, in the background."""
    if not ENABLED:
        return
    from ...kubernetes import access, plane, programs

    account, region, name = key = _key(cluster)
    chosen = programs.nearest(cluster["version"])
    gateway = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
    _keys[key] = secrets.token_urlsafe(24)
    route = f"{gateway}/_ministack/eks-auth/{account}/{region}/{name}"
    host_name = f"{uuid.uuid4().hex.upper()}.gr7.{region}.eks.amazonaws.com"
    _planes[key] = started = plane.Plane(
        account_id=account,
        region=region,
        cluster_name=name,
        version=cluster["version"],
        programs=chosen,
        folder=folder() / f"{account}-{region}-{name}",
        aws_endpoint=gateway,
        webhooks=plane.Webhooks(
            f"{route}/authentication/{_keys[key]}", f"{route}/authorization/{_keys[key]}", access.GROUP_PREFIX
        ),
        issuer=cluster["identity"]["oidc"]["issuer"],
        service_range=cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
        host_name=host_name,
        pod_range=pod_range,
    )
    # Neither is known before there is an API.
    cluster["endpoint"] = None
    cluster["certificateAuthority"] = {}

    def complete(ready: Plane) -> None:
        _furnish(ready)
        cluster["endpoint"] = ready.endpoint
        cluster["certificateAuthority"] = {"data": ready.certificate_authority}

    started.start(complete)


def _furnish(plane: Plane) -> None:
    """What each cluster has from the start."""
    from ...kubernetes import access

    for definition in access.roles():
        plural = f"{definition['kind'].lower()}s"
        plane.apply(f"/apis/rbac.authorization.k8s.io/v1/{plural}", definition)
    plane.apply(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "gp2"},
            "provisioner": "kubernetes.io/aws-ebs",
            "parameters": {"type": "gp2", "fsType": "ext4"},
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )


def _ready_plane(cluster: Mapping[str, Any]) -> Plane | None:
    """The control plane, once its API answers."""
    plane = plane_of(cluster)
    while plane is not None and not plane.failure:
        if plane.ready.wait(1):
            return plane
    return None


def is_busy(record: Mapping[str, Any]) -> bool:
    """Whether what a cluster's or an add-on's status tells of is still going on."""
    if "addonArn" in record:
        work = _work.get(record["addonArn"])
        return work is not None and work.is_alive()
    if "certificateAuthority" not in record:
        return False
    key, plane = _key(record), plane_of(record)
    if key in _ending and _ending[key].has_ended:
        del _ending[key]
    return key in _ending or (plane is not None and not plane.ready.is_set() and not plane.failure)


def has_failed(record: Mapping[str, Any]) -> bool:
    if "addonArn" in record:
        return record["addonArn"] in _failed
    plane = plane_of(record) if "certificateAuthority" in record else None
    return plane is not None and bool(plane.failure)


def restart(cluster: Mapping[str, Any]) -> None:
    """Go on with the cluster's new version."""
    plane = plane_of(cluster)
    if plane is not None:
        from ...kubernetes import programs

        plane.restart(cluster["version"], programs.nearest(cluster["version"]))


def stop(cluster: Mapping[str, Any]) -> None:
    """Begin to end a control plane; the cluster is DELETING until that's done."""
    key = _key(cluster)
    _keys.pop(key, None)
    plane = _planes.pop(key, None)
    if plane is not None:
        _ending[key] = plane
        threading.Thread(target=plane.stop, daemon=True).start()


def clear() -> None:
    """The emulator forgets everything."""
    ended = [*_planes.values(), *_ending.values()]
    _planes.clear()
    _ending.clear()
    _keys.clear()
    _work.clear()
    _failed.clear()
    threads = [threading.Thread(target=plane.stop) for plane in ended]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if ENABLED:
        shutil.rmtree(folder(), ignore_errors=True)
        folder().mkdir(parents=True)


# -- nodes and add-ons --------------------------------------------------------


def follow_group(cluster: Mapping[str, Any], group: Mapping[str, Any]) -> None:
    """The cluster's nodes are those of this node group from now on."""
    plane = _ready_plane(cluster)
    if plane is None:
        return
    from ...kubernetes import nodes

    places = [
        nodes.Place(subnet_id, ec2._subnets[subnet_id]["AvailabilityZone"], ec2._subnets[subnet_id]["CidrBlock"])
        for subnet_id in group["subnets"]
    ]
    nodes.follow(plane, group, places, _instance_type(group))


def _instance_type(group: Mapping[str, Any]) -> str:
    if group.get("instanceTypes"):
        return str(group["instanceTypes"][0])
    shown = group["launchTemplate"]
    version = find_version(find_template(shown["id"], None), shown["version"])
    return str(version["LaunchTemplateData"]["InstanceType"])


def remove_group(cluster: Mapping[str, Any], name: str) -> None:
    plane = _ready_plane(cluster)
    if plane is not None:
        from ...kubernetes import nodes

        nodes.remove(plane, name)


def install_addon(cluster: Mapping[str, Any], addon: Mapping[str, Any]) -> None:
    """Begin to put an add-on's custom resources into the cluster."""
    if plane_of(cluster) is not None:
        from ...kubernetes import addons

        _begin(addons.install, cluster, addon)


def remove_addon(cluster: Mapping[str, Any], addon: Mapping[str, Any]) -> None:
    if plane_of(cluster) is not None:
        from ...kubernetes import addons

        _begin(addons.remove, cluster, addon)


def _begin(act: Callable[[Plane, str], None], cluster: Mapping[str, Any], addon: Mapping[str, Any]) -> None:
    arn = addon["addonArn"]
    before = _work.get(arn)

    def run() -> None:
        if before is not None:
            before.join()
        plane = _ready_plane(cluster)
        try:
            if plane is not None:
                act(plane, addon["addonName"])
        except Exception:
            _failed.add(arn)
            _logger.exception("%s of the add-on %s has failed", act.__name__, addon["addonName"])

    _failed.discard(arn)
    _work[arn] = threading.Thread(target=run, daemon=True)
    _work[arn].start()


# -- webhooks -----------------------------------------------------------------


def review(method: str, path: str, body: bytes) -> Response | None:
    """The answer to an API server that asks about a token or a user; None for every other request."""
    match = _ROUTE.fullmatch(path) if ENABLED and method == "POST" else None
    if match is None:
        return None
    from ...kubernetes import access

    account, region, name, kind, secret = match.groups()
    if not secrets.compare_digest(secret, _keys.get((account, region, name), secrets.token_urlsafe(8))):
        return 403, {"Content-Type": "text/plain"}, b"not an API server of this emulator"
    port = os.environ["GATEWAY_PORT"]
    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
    question = json.loads(body)
    if kind == "authentication":
        answer = access.review_token(question, name, region, account, hosts)
        if not answer["status"]["authenticated"]:
            _logger.info("a token for %s is refused: %s", name, answer["status"]["error"])
    else:
        answer = access.review_access(question)
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
