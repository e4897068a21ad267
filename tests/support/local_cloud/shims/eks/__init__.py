# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EKS: what ministack 1.5.33 leaves out, and where its answers differ from AWS.

clusters
    UpdateClusterConfig, UpdateClusterVersion and DescribeClusterVersions have no route. CreateCluster takes roles and
    subnets that don't exist, and drops access configuration, upgrade policy and deletion protection; the certificate,
    the VPC and the cluster's security group are made up, and the issuer is http. DeleteCluster deletes a protected
    cluster, and one with node groups, and leaves its add-ons behind.
updates
    DescribeUpdate and ListUpdates have no route.
nodegroups
    UpdateNodegroupConfig and UpdateNodegroupVersion have no route. CreateNodegroup drops launchTemplate, updateConfig
    and releaseVersion, and makes no access entry for the nodes.
addons
    DescribeAddonVersions and DescribeAddonConfiguration have no route. CreateAddon leaves the version empty when none
    is given, and takes any; the pod identity associations of an add-on come back as they were sent. On AWS, and here,
    an add-on that runs as a Deployment is DEGRADED until the cluster has a node group.
access
    ListAccessPolicies and ListFargateProfiles (there are none) have no route. Access entries get no user name, and
    take principals and policies that don't exist, whatever the cluster's authentication mode.
tags
    Describe calls keep the old tags after TagResource; UntagResource removes the first key only; pod identity
    associations can't be tagged.
planes
    A cluster's API is a container's, or there is none; here it is a real one in an emulator that was started so, with
    nodes for its node groups and the custom resources of its add-ons.
records
    Everything is ACTIVE or gone at once: here CREATING, UPDATING and DELETING last a moment.
here
    The clientRequestToken is ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ministack.services import eks

from ...wire import AWSError, Response, RestJsonWire
from ..patching import IdempotencyTokens, on_reset
from . import access, addons, clusters, nodegroups, planes, records, tags, updates

_WIRE = RestJsonWire("eks")
_TOKENS = IdempotencyTokens("InvalidParameterException")
_HANDLERS: dict[str, records.Handler] = {
    **clusters.HANDLERS,
    **nodegroups.HANDLERS,
    **addons.HANDLERS,
    **access.HANDLERS,
    **tags.HANDLERS,
    **updates.HANDLERS,
}


def install() -> None:
    clusters.patch_identity()
    eks._handle_request_sync = functools.partial(_handle, eks._handle_request_sync)
    on_reset(eks, records.clear)
    on_reset(eks, _TOKENS.clear)
    on_reset(eks, planes.clear)
    planes.clear()


def _handle(
    original: Any, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Response:
    reviewed = planes.review(method, path, body)
    if reviewed is not None:
        return reviewed
    match = _WIRE.match(method, path)
    handler = _HANDLERS.get(match[0].name) if match else None
    if match is None or handler is None:
        return original(method, path, headers, body, query)
    operation, labels = match
    # EKS calls are served by several threads, and one call changes several records.
    with _TOKENS.lock:
        try:
            request = _WIRE.parse(operation, labels, query, body)
            token = request.pop("clientRequestToken", None)
            call = records.Call(request, lambda: original(method, path, headers, body, query))
            return _TOKENS.answer(operation.name, token, request, lambda: _WIRE.respond(operation, handler(call)))
        except AWSError as refusal:
            return _WIRE.error(refusal)
