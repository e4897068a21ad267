#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_namespace_info
version_added: 0.1.0
short_description: Tell what others have in namespaces
description:
  - Lists the objects of all kinds in each namespace that would be lost with it, other than those of the platform, of
    Kubernetes itself and of controllers, which follow from other objects.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  names:
    description:
      - The namespaces.
    type: list
    elements: str
    required: true
  part_of:
    description:
      - The platform whose objects don't count, as the label C(app.kubernetes.io/part-of) names it.
    type: str
    required: true
extends_documentation_fragment:
  - agent_platform.aws.resource.cluster
notes:
  - Needs to list all kinds in the namespaces.
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Look for what others have put into the namespace of agents
  agent_platform.aws.k8s_namespace_info:
    names: [agents]
    part_of: agent-platform-dev
  register: found

- name: Refuse to lose it
  ansible.builtin.assert:
    that: found.namespaces | selectattr('others') | length == 0
"""

RETURN = r"""
namespaces:
  description: Those of the namespaces that exist.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the namespace.
      type: str
    labels:
      description: Its labels.
      type: dict
    others:
      description: What others have in it, each as its kind and name.
      type: list
      elements: str
      sample: [ConfigMap notes, Deployment support-agent]
"""

import os
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError
from ..module_utils.kubernetes_api import PART_OF_LABEL, REQUESTS_AT_ONCE, ApiError, Kind, connect
from ..module_utils.kubernetes_objects import OF_CONTROLLERS

NAMESPACE = Kind("", "v1", "Namespace", "namespaces", False)
# What Kubernetes puts into each namespace.
OWN = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
# Pods without an owner are somebody's; those with one go with it.
LOST = {("", "Pod")}
# Views of others, which can't be deleted.
VIEWS = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
HELM = {"owner": "helm"}


def kinds(api):
    """The kinds of what is in namespaces, each once, whatever versions of it are served."""
    found = {}
    for kind in api.kinds().values():
        counts = (kind.group, kind.kind) not in OF_CONTROLLERS - LOST and kind.group not in VIEWS
        if counts and kind.namespaced and {"list", "delete"} <= kind.verbs:
            found.setdefault((kind.group, kind.kind), kind)
    return list(found.values())


def is_anothers(kind, item, part_of):
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    return not (
        metadata.get("deletionTimestamp")
        or metadata.get("ownerReferences")
        or labels.get(PART_OF_LABEL) == part_of
        or (kind.kind, metadata["name"]) in OWN
        # What Helm notes of a release is about objects that are listed themselves.
        or (kind.kind == "Secret" and labels.items() >= HELM.items())
    )


def others(api, kind, name, part_of):
    try:
        items = api.list(kind, name)
    except ApiError as error:
        # Some kinds can't be listed in every namespace.
        if error.status in (404, 405):
            return []
        raise
    return [f"{kind.kind} {item['metadata']['name']}" for item in items if is_anothers(kind, item, part_of)]


def look(api, names, part_of):
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as executor:
        found = [item for item in executor.map(lambda name: api.read(NAMESPACE, name), names) if item]
        result = []
        for item in found:
            name = item["metadata"]["name"]
            started = [executor.submit(others, api, kind, name, part_of) for kind in kinds(api)]
            held = sorted(text for future in started for text in future.result())
            result.append({"name": name, "labels": item["metadata"].get("labels") or {}, "others": held})
        return result


def main():
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    kubeconfig = module.params["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG")
    if not kubeconfig:
        module.fail_json(msg="No kubeconfig is set: give kubeconfig, or the environment variable K8S_AUTH_KUBECONFIG")
    try:
        found = look(connect(kubeconfig), module.params["names"], module.params["part_of"])
    except ImportError:
        module.fail_json(msg=missing_required_lib("kubernetes"))
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, namespaces=found)


if __name__ == "__main__":
    main()
