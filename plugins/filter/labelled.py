# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: labelled
short_description: Kubernetes objects with labels added
version_added: 0.1.0
description:
  - Adds labels to the metadata of each object, and to nothing in it. Other labels are kept.
positional: _input, labels
options:
  _input:
    description: The objects, as manifests.
    type: list
    elements: dict
    required: true
  labels:
    description: The labels. They win over an object's own.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show a namespace with its labels
  ansible.builtin.debug:
    msg: "{{ [namespace] | agent_platform.aws.labelled({'app.kubernetes.io/part-of': 'agent-platform-dev'}) }}"
  vars:
    namespace: {apiVersion: v1, kind: Namespace, metadata: {name: agents}}
"""

RETURN = r"""
_value:
  description: The objects, in the same order.
  type: list
  elements: dict
"""

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError


def labelled(definitions, labels):
    result = []
    for definition in definitions:
        metadata = definition.get("metadata") if isinstance(definition, Mapping) else None
        if not isinstance(metadata, Mapping):
            raise AnsibleFilterError(f"agent_platform.aws.labelled takes objects, not {definition!r:.100}")
        own = metadata.get("labels") or {}
        result.append({**definition, "metadata": {**metadata, "labels": {**own, **labels}}})
    return result


class FilterModule:
    def filters(self):
        return {"labelled": labelled}
