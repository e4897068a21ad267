# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Helm notes of a release in the cluster, and whether the release's objects still are as it has left them.

Helm keeps each revision of a release in a Secret: the chart, the values, and the manifest that was applied.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

try:
    import yaml
except ImportError:  # the library kubernetes needs it, and the modules report that
    yaml = None

PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")
DEPLOYED = "deployed"
# What Helm puts on each object beyond the manifest that it notes, and by which it knows its own.
MANAGED_BY = {"app.kubernetes.io/managed-by": "Helm"}
RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
CRD = re.compile(r"^kind:\s*['\"]?CustomResourceDefinition['\"]?\s*$", re.MULTILINE)
CRD_NAME = re.compile(r"^  name:\s*['\"]?([a-z0-9.-]+)['\"]?\s*$", re.MULTILINE)
# What differs between two looks at the same object.
FLEETING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def decoded(secret: Mapping[str, Any]) -> dict[str, Any]:
    """A revision, as Helm has written it into its Secret."""
    return json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))


def latest(secrets: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The Secret of the last revision."""
    return max(secrets, key=lambda secret: int(secret["metadata"]["labels"]["version"]), default=None)


def differences(release: Mapping[str, Any], chart: str, version: str, values: Mapping[str, Any]) -> list[str]:
    """In what a release is another one than is wanted."""
    metadata = (release.get("chart") or {}).get("metadata") or {}
    found = []
    if (release.get("info") or {}).get("status") != DEPLOYED:
        found.append(f"status {release['info']['status']}")
    if metadata.get("name") != chart:
        found.append(f"chart {metadata.get('name')}")
    if metadata.get("version") != version:
        found.append(f"version {metadata.get('version')}")
    if (release.get("config") or {}) != json.loads(json.dumps(values)):
        found.append("values")
    return found


def documents(text: str) -> Iterator[str]:
    """The documents of a manifest that aren't empty."""
    for part in re.split(r"^---.*$", text, flags=re.MULTILINE):
        if re.search(r"^\s*[^#\s]", part, re.MULTILINE):
            yield part


def is_crd(document: str) -> bool:
    return bool(CRD.search(document))


def crd_name(document: str) -> str:
    """Its name, without reading all of it: definitions are as long as all else together."""
    found = CRD_NAME.search(document)
    return found[1] if found else ""


def crds(release: Mapping[str, Any]) -> list[str]:
    """The definitions that the chart brings: in its folder crds, which Helm installs once and never upgrades."""
    files = (release.get("chart") or {}).get("files") or []
    texts = [
        base64.b64decode(file.get("data") or "").decode()
        for file in files
        if file["name"].startswith("crds/") and file["name"].endswith((".yaml", ".yml"))
    ]
    return [document for text in texts for document in documents(text) if is_crd(document)]


def objects(document: str) -> Iterator[dict[str, Any]]:
    """The objects of a document: one, or the items of a list."""
    found = yaml.load(document, Loader=getattr(yaml, "CSafeLoader", None) or yaml.SafeLoader)
    if not isinstance(found, dict):
        return
    yield from found["items"] if str(found.get("kind")).endswith("List") and "items" in found else [found]


def bears(release: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether some object of a release has the labels."""
    parts = (part for part in documents(release["manifest"]) if not is_crd(part))
    found = ((item["metadata"].get("labels") or {}).items() for part in parts for item in objects(part))
    return not labels or any(labels.items() <= own for own in found)


def definition(item: Mapping[str, Any], release: str, namespace: str, namespaced: bool) -> dict[str, Any]:
    """An object of a manifest with what Helm adds."""
    metadata = dict(item["metadata"])
    if namespaced:
        metadata.setdefault("namespace", namespace)
    metadata["labels"] = {**(metadata.get("labels") or {}), **MANAGED_BY}
    notes = {RELEASE_NAME: release, RELEASE_NAMESPACE: namespace}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **notes}
    return {**item, "metadata": metadata}


def covers(live: Any, wanted: Any) -> bool:
    """Whether all that is wanted is so. What the API server writes otherwise, such as 1000m for 1, isn't known here."""
    if isinstance(wanted, Mapping):
        return isinstance(live or {}, Mapping) and all(covers((live or {}).get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        live = live or []
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(covers(one, other) for one, other in zip(live, wanted, strict=True))
        )
    if wanted in (None, "", 0, False):
        return live in (None, wanted)
    return type(live) is type(wanted) and live == wanted


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two looks at an object show the same."""
    return _lasting(one) == _lasting(other)


def _lasting(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item.items() if key != "status"}
    return {**kept, "metadata": {key: value for key, value in item["metadata"].items() if key not in FLEETING}}


def is_rolled_out(deployment: Mapping[str, Any]) -> bool:
    """Whether all pods of a Deployment are of its last form, and available."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    numbers = [status.get(name) or 0 for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return seen and numbers == [wanted] * 3
