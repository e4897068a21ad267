# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: components
short_description: What the components of the platform say about themselves
version_added: 0.1.0
description:
  - Reads C(meta/component.yml) of each role that has one, and for a component that makes things from lists the names
    in these lists, as the inventory has them or else as the role's defaults do.
  - Runs on the controller and sends nothing to AWS.
options:
  _terms:
    description: None.
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what eks needs, and the names of its node groups
  ansible.builtin.debug:
    msg: "{{ components['requires']['eks'] }} {{ components['entries']['eks'] }}"
  vars:
    components: "{{ lookup('agent_platform.aws.components') }}"
"""

RETURN = r"""
_raw:
  description:
    - One dict, in whose parts the components are in the order in which they are built.
    - C(endpoints) are the services of AWS, each once, that what components of the inventory have in the VPC calls.
      C(service_linked_roles) are the services, each once, whose roles components of the inventory need.
    - C(requires), C(required_by) and C(reads) are lists of components, by component; of those that one reads only what
      there is.
      C(entries) are lists of names, by the components that make things from a list, as the option of
      M(agent_platform.aws.platform_info) takes them; of a component that tells its lists apart they are a dict of such
      lists, without the empty ones.
  type: list
  elements: dict
"""

import functools

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles


def _items(hostvars, component, variable):
    """A list as the inventory has it, or else by default. One that is wrong is preflight's to report.

    Where the default is a text, it is the name of one thing, an empty one of none.
    """
    default = roles.load(component, "defaults/main.yml").get(variable, [])
    try:
        declared = hostvars[component].get(variable) if component in hostvars else None
    except AnsibleError:
        declared = None
    found = declared if isinstance(declared, type(default)) else default
    return [{"name": found}] * bool(found) if isinstance(found, str) else found


def _value(hostvars, component, variable):
    """A variable as the inventory has it, or else by default. One that is wrong is preflight's to report."""
    try:
        declared = hostvars[component].get(variable)
    except AnsibleError:
        declared = None
    return roles.load(component, "defaults/main.yml").get(variable) if declared is None else declared


def _names(hostvars, component, variables, of_texts=False):
    """The names in these lists, each once; of_texts: the texts in them."""
    items = [item for variable in variables for item in _items(hostvars, component, variable)]
    named = [item["name"] for item in items if isinstance(item, dict) and "name" in item]
    texts = [item for item in items if of_texts and isinstance(item, str)]
    return list(dict.fromkeys(str(name) for name in (*named, *texts)))


def _entries(hostvars, component, about):
    """The names in all of the component's lists; or, where it tells its lists apart, the texts of each."""
    if not isinstance(about, dict):
        return _names(hostvars, component, about)
    found = {name: _names(hostvars, component, [variable], of_texts=True) for name, variable in about.items()}
    return {name: names for name, names in found.items() if names}


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        described = roles.described()
        entries = {
            component: _entries(variables["hostvars"], component, about["entries"])
            for component, about in described.items()
            if "entries" in about
        }
        return [
            {
                "requires": {component: about["requires"] for component, about in described.items()},
                "required_by": {
                    component: [other for other, about in described.items() if component in about["requires"]]
                    for component in described
                },
                "reads": {
                    component: [other for other in about.get("reads", []) if other in described]
                    for component, about in described.items()
                },
                "entries": entries,
                "endpoints": roles.endpoints(
                    (component for component in described if component in variables["hostvars"]),
                    functools.partial(_value, variables["hostvars"]),
                ),
                "service_linked_roles": sorted(
                    {
                        service
                        for component, about in described.items()
                        if component in variables["hostvars"]
                        for service in about.get("service_linked_roles", [])
                    }
                ),
            }
        ]
