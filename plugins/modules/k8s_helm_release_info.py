#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_helm_release_info
version_added: 0.1.0
short_description: Tell whether Helm releases are as wanted, and what of their objects has been changed
description:
  - Reads what Helm has noted of each release in the cluster, without the program C(helm) and without the chart, and
    compares it with the wanted chart, version and values.
  - Compares each object of the release with the manifest that Helm has applied. What someone has changed or deleted
    since is returned as definitions that put it back; Helm itself doesn't see it. Of custom resource definitions it is
    looked at whether they are there.
  - A release that another run is working on is waited for. One whose run was killed stays pending for ever, and Helm
    refuses to touch it; such a revision is told by the name of its Secret, whose removal lets Helm go on.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  releases:
    description:
      - The releases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the release.
        type: str
        required: true
      namespace:
        description:
          - Its namespace.
        type: str
        required: true
      chart:
        description:
          - Name of its chart, as the chart says it.
        type: str
        required: true
      version:
        description:
          - Version of its chart.
        type: str
        required: true
      values:
        description:
          - Its values.
        type: dict
        default: {}
      labels:
        description:
          - Labels that something of it bears if it is ours, see RV(releases[].ours).
        type: dict
        default: {}
  abandoned_after:
    description:
      - Seconds after the beginning of an operation of Helm when it counts as killed. Without C(--wait) one takes a few.
    type: int
    default: 120
  with_crds:
    description:
      - Whether to return the definitions of the folder C(crds) of each chart, too, which Helm never upgrades.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource.cluster
notes:
  - Needs to list secrets in the namespaces of the releases, and to get and patch what the releases consist of, if only
    with C(dryRun=All).
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Look at the controller's release
  agent_platform.aws.k8s_helm_release_info:
    releases:
      - name: aws-load-balancer-controller
        namespace: kube-system
        chart: aws-load-balancer-controller
        version: 3.5.0
        values: {clusterName: demo}
  register: found

- name: Put back what was changed by hand
  kubernetes.core.k8s:
    apply: true
    server_side_apply: {field_manager: helm, force_conflicts: true}
    definition: "{{ found.releases | map(attribute='drifted') | flatten }}"
"""

RETURN = r"""
releases:
  description: The releases, in the order in which they were given.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    namespace:
      description: Its namespace.
      type: str
    exists:
      description: Whether there is one.
      type: bool
    ours:
      description: Whether something of it bears the O(releases[].labels).
      type: bool
    version:
      description: Version of its chart, null if there is none.
      type: str
    status:
      description: Its status, as Helm names it, null if there is none.
      type: str
    differences:
      description: In what it isn't as wanted, so that Helm must install or upgrade it. Empty where it is.
      type: list
      elements: str
    abandoned:
      description: Name of the Secret of a revision that a killed run has left pending, null if there is none.
      type: str
    drifted:
      description: Definitions of those of its objects that were changed or deleted.
      type: list
      elements: dict
    crds:
      description: Definitions of its chart's folder C(crds), with O(with_crds).
      type: list
      elements: dict
    ready:
      description: Whether all its Deployments have rolled out.
      type: bool
"""

import datetime
import os
import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils import helm_releases
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError
from ..module_utils.kubernetes_api import APPLY, REQUESTS_AT_ONCE, ApiError, Kind, connect, title

SECRET = Kind("", "v1", "Secret", "secrets", True)
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False)
PAUSE = 2.0


class Release:
    """One release, as it is and as it should be."""

    def __init__(self, api, executor, entry, abandoned_after):
        self.api = api
        self.executor = executor
        self.entry = entry
        self.name, self.namespace = entry["name"], entry["namespace"]
        self.abandoned_after = abandoned_after

    def look(self, with_crds):
        secret, revision = self.settled()
        found = {
            "name": self.name,
            "namespace": self.namespace,
            "exists": revision is not None,
            "ours": False,
            "version": None,
            "status": None,
            "differences": ["missing"],
            "abandoned": None,
            "drifted": [],
            "crds": [],
            "ready": False,
        }
        if revision is None:
            return found
        found["version"] = revision["chart"]["metadata"].get("version")
        found["status"] = revision["info"]["status"]
        found["differences"] = helm_releases.differences(
            revision, *(self.entry[name] for name in ("chart", "version", "values"))
        )
        found["ours"] = helm_releases.bears(revision, self.entry["labels"])
        if found["status"] in helm_releases.PENDING:
            found["abandoned"] = secret["metadata"]["name"]
            return found
        definitions = helm_releases.crds(revision)
        if with_crds:
            found["crds"] = [item for text in definitions for item in helm_releases.objects(text)]
        found["drifted"], deployments = self.compare(revision, definitions)
        found["ready"] = all(map(helm_releases.is_rolled_out, deployments))
        return found

    def settled(self):
        """The last revision and its Secret, as soon as nobody works on it any more."""
        while True:
            labels = f"owner=helm,name={self.name}"
            secret = helm_releases.latest(self.api.list(SECRET, self.namespace, labels))
            if secret is None:
                return None, None
            revision = helm_releases.decoded(secret)
            if revision["info"]["status"] not in helm_releases.PENDING or self.age(revision) > self.abandoned_after:
                return secret, revision
            time.sleep(PAUSE)

    def age(self, revision):
        begun = datetime.datetime.fromisoformat(revision["info"]["last_deployed"])
        return (datetime.datetime.now(datetime.UTC) - begun).total_seconds()

    def compare(self, revision, definitions):
        """What isn't as Helm has left it, and the release's Deployments."""
        parts = list(helm_releases.documents(revision["manifest"]))
        definitions = [*definitions, *(part for part in parts if helm_releases.is_crd(part))]
        missing = self.executor.map(self.missing_crd, definitions)
        wanted = [item for part in parts if not helm_releases.is_crd(part) for item in helm_releases.objects(part)]
        drifted, deployments = [], []
        for item, live, changed in self.executor.map(self.look_at, wanted):
            if changed:
                drifted.append(item)
            if item["kind"] == "Deployment":
                deployments.append(live or item)
        return [item for found in missing for item in found] + drifted, deployments

    def missing_crd(self, text):
        if self.api.read(CRD, helm_releases.crd_name(text)) is not None:
            return []
        return list(helm_releases.objects(text))

    def look_at(self, item):
        kind = self.api.kind(item["apiVersion"], item["kind"])
        if kind is None:
            return item, None, True
        item = helm_releases.definition(item, self.name, self.namespace, kind.namespaced)
        name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
        live = self.api.read(kind, name, namespace)
        if live is None:
            return item, None, True
        if helm_releases.covers(live, item):
            return item, live, False
        return item, live, not helm_releases.same(self.applied(kind, item), live)

    def applied(self, kind, item):
        """What would become of an object if it were applied again: the API server knows how it writes things."""
        name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
        try:
            return self.api.request(
                "PATCH",
                kind.path(namespace, name),
                f"compare {title(kind.kind, name, namespace)}",
                {"dryRun": "All", "fieldManager": "helm", "force": "true"},
                body=item,
                content_type=APPLY,
            )
        except ApiError as error:
            # What can't be changed any more, for one: applying it tells.
            if error.status in (409, 422):
                return item
            raise


def look(module, api):
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as executor:
        releases = [
            Release(api, executor, entry, module.params["abandoned_after"]) for entry in module.params["releases"]
        ]
        return [release.look(module.params["with_crds"]) for release in releases]


def main():
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    kubeconfig = module.params["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG")
    if not kubeconfig:
        module.fail_json(msg="No kubeconfig is set: give kubeconfig, or the environment variable K8S_AUTH_KUBECONFIG")
    try:
        module.exit_json(changed=False, releases=look(module, connect(kubeconfig)))
    except ImportError:
        module.fail_json(msg=missing_required_lib("kubernetes"))
    except ResourceError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
