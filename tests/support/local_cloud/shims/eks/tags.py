# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags that describe calls show at once, and pod identity associations as AWS shows them.

ministack keeps the tags of TagResource beside the resource, where no describe call looks, and takes the first key only
from UntagResource.
"""

from __future__ import annotations

from typing import Any

from ministack.services import eks

from .records import Call, Handler, cluster_of, in_use, not_found, status_of

_STORES = (
    ("_clusters", "arn"),
    ("_nodegroups", "nodegroupArn"),
    ("_addons", "addonArn"),
    ("_access_entries", "accessEntryArn"),
    ("_pod_identity_associations", "associationArn"),
)


def _resource(arn: str) -> dict[str, Any]:
    for store, member in _STORES:
        for record in getattr(eks, store).values():
            if record[member] == arn:
                return record
    raise not_found(f"The specified resource could not be found : {arn}")


def _set(record: dict[str, Any], arn: str, tags: dict[str, str]) -> dict[str, Any]:
    record["tags"] = tags
    eks._tags[arn] = dict(tags)
    return {}


def _tag(call: Call) -> dict[str, Any]:
    arn = call.request["resourceArn"]
    record = _resource(arn)
    return _set(record, arn, {**record["tags"], **call.request["tags"]})


def _untag(call: Call) -> dict[str, Any]:
    arn = call.request["resourceArn"]
    record = _resource(arn)
    removed = call.request["tagKeys"]
    return _set(record, arn, {key: value for key, value in record["tags"].items() if key not in removed})


def _list(call: Call) -> dict[str, Any]:
    return {"tags": _resource(call.request["resourceArn"])["tags"]}


def _create_association(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call.request["clusterName"])
    if status_of(cluster) == "CREATING":
        raise in_use(f"Cluster {cluster['name']} is being created")
    return _without_empty_owner(call.forwarded())


def _forward_association(call: Call) -> dict[str, Any]:
    return _without_empty_owner(call.forwarded())


def _without_empty_owner(answer: dict[str, Any]) -> dict[str, Any]:
    """Only an association that an add-on made has an owner."""
    for association in [answer.get("association", {}), *answer.get("associations", [])]:
        if not association.get("ownerArn"):
            association.pop("ownerArn", None)
    return answer


HANDLERS: dict[str, Handler] = {
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": _list,
    "CreatePodIdentityAssociation": _create_association,
    "DescribePodIdentityAssociation": _forward_association,
    "UpdatePodIdentityAssociation": _forward_association,
    "DeletePodIdentityAssociation": _forward_association,
    "ListPodIdentityAssociations": _forward_association,
}
