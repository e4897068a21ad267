#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_owned_objects
version_added: 0.1.0
short_description: Compare a component's objects in a Kubernetes cluster with those declared, and remove others
description:
  - With V(present) it says which of the declared objects differ, and which objects of the component aren't declared.
    What an apply would change the API server itself says, by a server-side dry run with strict validation of fields.
    C(kubernetes.core.k8s) then applies those that differ, see RV(apply).
  - It refuses an object that exists and doesn't bear the component's labels. One that was applied by this collection,
    and whose labels someone has taken away or changed, is still ours.
  - What someone has added to a declared object, such as a key of a ConfigMap, is taken back. The module gives the
    ownership of these fields to the field manager C(agent_platform.aws), so that the next apply takes them away. It
    leaves what controllers set (by the names of their programs), what was set by a subresource such as C(status) or
    C(scale), finalizers and owners, a number of replicas that isn't declared, and what C(kubectl rollout restart) has
    set.
  - An object that can't be changed in place is refused, unless it has the annotation C(agent-platform.aws/replace) with
    the value V(true). Then it is deleted, for the next apply to make it anew.
  - With V(absent) it deletes objects, Ingresses first and namespaces last, and waits until they have gone.
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
options:
  state:
    description:
      - V(present) compares O(definitions) with what there is. V(absent) deletes O(objects).
    type: str
    choices: [present, absent]
    default: present
  part_of:
    description:
      - The platform, as the label C(app.kubernetes.io/part-of) of its objects names it.
    type: str
    required: true
  component:
    description:
      - The component, as the label C(agent-platform.aws/component) of its objects names it.
    type: str
    required: true
  definitions:
    description:
      - The declared objects, as manifests. The labels of the component are added to each.
    type: list
    elements: dict
    default: []
  objects:
    description:
      - The objects to delete, as RV(superfluous) names them.
    type: list
    elements: dict
    default: []
    suboptions:
      api_version:
        description: Its API version.
        type: str
        required: true
      kind:
        description: Its kind.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace, if it has one.
        type: str
      uid:
        description: Its UID. Another one of that name is left alone.
        type: str
        required: true
  prune:
    description:
      - Whether to look for objects of the component that aren't declared.
    type: bool
    default: true
  filled_namespaces:
    description:
      - What becomes of a namespace that isn't declared any more, while others are, and has pods or volume claims in it.
      - V(refuse) fails. V(remove) takes it for one of which somebody has seen that nothing in it will be missed.
    type: str
    choices: [refuse, remove]
    default: refuse
  reachable:
    description:
      - Whether there is a cluster. With V(false) the module asks none. In check mode it tells what would be made, and
        where nothing is declared there is nothing to do.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait until deleted objects have gone, in seconds.
    type: int
    default: 600
extends_documentation_fragment:
  - agent_platform.aws.resource.cluster
attributes:
  check_mode:
    description: Says what would be done, and changes nothing.
    support: full
  diff_mode:
    description: Returns how the objects that differ are, and how they are to be. The content of a Secret isn't shown.
    support: full
"""

EXAMPLES = r"""
- name: Look at the objects
  agent_platform.aws.k8s_owned_objects:
    part_of: agent-platform-dev
    component: gateways
    definitions: "{{ manifests }}"
  register: found

- name: Apply those that differ
  kubernetes.core.k8s:
    apply: true
    server_side_apply: {field_manager: agent_platform.aws, force_conflicts: true}
    definition: "{{ found.apply }}"
  when: found.apply | length > 0

- name: Delete those that aren't declared any more
  agent_platform.aws.k8s_owned_objects:
    state: absent
    part_of: agent-platform-dev
    component: gateways
    objects: "{{ found.superfluous }}"
  when: found.superfluous | length > 0
"""

RETURN = r"""
apply:
  description:
    - The declared objects that differ, with their labels, in the order in which to apply them.
    - In check mode those are left out that can't be tried, as their namespace or kind isn't there yet. The module is
      changed then.
  returned: with O(state=present)
  type: list
  elements: dict
superfluous:
  description: Objects of the component that aren't declared, in the order in which to delete them.
  returned: with O(state=present)
  type: list
  elements: dict
  contains:
    api_version:
      description: Its API version.
      type: str
    kind:
      description: Its kind.
      type: str
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace, if it has one.
      type: str
    uid:
      description: Its UID.
      type: str
taken_back:
  description: What others have added to declared objects, by object, and the next apply takes away.
  returned: with O(state=present)
  type: dict
  sample: {ConfigMap llm-gateway in gateways: [data.EXTRA]}
replaced:
  description: Objects that can't be changed in place, and were deleted for the next apply to make them anew.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [Job database in gateways]
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError
from ..module_utils.kubernetes_api import connect
from ..module_utils.kubernetes_objects import Finding, Objects, difference, name_of, reference
from ..module_utils.managed_fields import texts


def shapeless(definitions: list[Any]) -> str | None:
    """What is wrong with definitions that aren't even objects."""
    for item in definitions:
        metadata = item.get("metadata")
        if not (item.get("apiVersion") and item.get("kind") and isinstance(metadata, Mapping) and metadata.get("name")):
            return f"definitions: this is no object with apiVersion, kind and metadata.name: {str(item)[:200]}"
    return None


def unreached(module: AnsibleModule) -> dict[str, Any]:
    """The result where there is no cluster."""
    definitions = module.params["definitions"] if module.params["state"] == "present" else []
    if definitions and not module.check_mode:
        module.fail_json(msg="There is no cluster to apply the objects to: run ansible-playbook site.yml --limit eks")
    return {
        "changed": bool(definitions),
        "diff": [difference({}, item) for item in definitions],
        "apply": [],
        "superfluous": [],
        "taken_back": {},
        "replaced": [],
    }


def look(objects: Objects, params: Mapping[str, Any]) -> dict[str, Any]:
    """Compare, and do what must be done before the objects are applied."""
    found, superfluous = objects.look(params["definitions"])
    references = [reference(item) for item in superfluous] if params["prune"] else []
    if found and params["filled_namespaces"] == "refuse":
        objects.refuse_filled(references)
    differ = [finding for finding in found if finding.differs]
    if not objects.check_mode:
        prepare(objects, differ)
    # What an apply can't be tried of, or wouldn't show.
    unshown = [finding for finding in differ if finding.waits or finding.replace or finding.extra]
    return {
        "changed": any(finding.extra or finding.replace or objects.check_mode for finding in unshown),
        "diff": [difference(finding.now, finding.then) for finding in differ],
        "apply": [finding.definition for finding in differ if not objects.check_mode or finding not in unshown],
        "superfluous": references,
        "taken_back": {name_of(finding.definition): texts(finding.extra) for finding in differ if finding.extra},
        "replaced": [name_of(finding.definition) for finding in differ if finding.replace],
    }


def prepare(objects: Objects, differ: list[Finding]) -> None:
    for finding in differ:
        if finding.replace:
            objects.replace(finding)
        elif finding.extra:
            objects.claim(finding)


def remove(objects: Objects, references: list[Mapping[str, Any]]) -> dict[str, Any]:
    if not objects.check_mode:
        objects.remove(references)
    gone = [
        {
            "apiVersion": wanted["api_version"],
            "kind": wanted["kind"],
            "metadata": {key: wanted[key] for key in ("name", "namespace") if wanted[key]},
        }
        for wanted in references
    ]
    return {"changed": bool(gone), "diff": [difference(item, {}) for item in gone]}


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    params = module.params
    fault = shapeless(params["definitions"])
    if fault:
        module.fail_json(msg=fault)
    if not params["reachable"]:
        module.exit_json(**unreached(module))
    kubeconfig = params["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG")
    if not kubeconfig:
        module.fail_json(msg="No kubeconfig is set: give kubeconfig, or the environment variable K8S_AUTH_KUBECONFIG")
    try:
        api = connect(kubeconfig)
        objects = Objects(api, params["part_of"], params["component"], module.check_mode, params["wait_timeout"])
        absent = params["state"] == "absent"
        result = remove(objects, params["objects"]) if absent else look(objects, params)
    except ImportError:
        module.fail_json(msg=missing_required_lib("kubernetes"))
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
