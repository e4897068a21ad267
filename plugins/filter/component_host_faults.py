# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: component_host_faults
short_description: Which hosts of the platform aren't components
version_added: 0.1.0
description:
  - The modules of a component run on the controller. If a machine took a component's name, or came into the group
    C(platform), as a dynamic inventory may have it, they would run on that machine, with what it is told.
  - The group and the variables by which the playbooks know what a run is about must be the playbooks' own, too.
positional: _input, hostvars, selected
options:
  _input:
    description: The variable C(groups).
    type: dict
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  selected:
    description: The components that the run is about.
    type: list
    elements: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Refuse a machine among the components
  ansible.builtin.assert:
    that: faults | length == 0
    fail_msg: "{{ faults | first }}"
  vars:
    faults: "{{ groups | agent_platform.aws.component_host_faults(hostvars, ['network']) }}"
"""

RETURN = r"""
_value:
  description: One line for each fault, with the host, what is wrong with it and the remedy.
  type: list
  elements: str
"""

SELECTED = "component_selected"
META = "component_meta"
# Where the modules of a component run: here.
CONNECTIONS = ("agent_platform.aws.warm", "ansible.builtin.local", "local")
# What says that a host is a machine: its address, and what dynamic inventories know of an instance.
MACHINE_VARIABLES = ("ansible_host", "ansible_ssh_host", "ansible_aws_ssm_instance_id", "instance_id")


def why_not(host, variables, components):
    """What speaks against the host's being a component."""
    if host not in components:
        return f"there is no such component, there are {', '.join(components)}"
    for name in MACHINE_VARIABLES:
        if variables.get(name):
            return f"its variable {name} is a machine's: {variables[name]}"
    connection = variables.get("ansible_connection") or "ssh"
    if connection not in CONNECTIONS:
        return f"its connection leads to a machine: {connection}, where a component's is {CONNECTIONS[0]}"
    return None


def component_host_faults(groups, hostvars, selected):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

    faults, components, earlier = [], list(roles.described()), groups.get(SELECTED, ())
    for host in groups.get("platform", ()):
        # Each look at hostvars puts all variables of the host together.
        variables = hostvars[host]
        if why := why_not(host, variables, components):
            faults.append(
                f"The host {host} is in the group platform, but {why}. Only components.yml of the environment names "
                f"components; take what else gives a host this name or group out of the inventory "
                f"(ansible-inventory -i <environment> --host {host})"
            )
        elif META in variables and host not in earlier:
            faults.append(f"The inventory sets {META} of {host}, which the playbooks set themselves; take it out")
    if others := [host for host in earlier if host not in selected]:
        faults.append(
            f"The inventory has a group {SELECTED}, with {', '.join(others)}: the playbooks make that group themselves;"
            " take it out"
        )
    return faults


class FilterModule:
    def filters(self):
        return {"component_host_faults": component_host_faults}
