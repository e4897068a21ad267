# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: bastion_tools
short_description: The tools of a bastion, ready to be installed on one architecture
version_added: 0.1.0
description:
  - Completes each entry from a table of known tools, and fills in the version and the architecture.
  - An entry with another version than the table's doesn't inherit the table's checksums.
  - Give it entries in which P(agent_platform.aws.bastion_faults#filter) finds no fault.
positional: _input, known, machine, root
options:
  _input:
    description: The entries, each with a C(name) and what differs from the table.
    type: list
    elements: dict
    required: true
  known:
    description: The table, complete entries by name.
    type: dict
    required: true
  machine:
    description: The architecture as the kernel names it, normally C(ansible_facts['architecture']).
    type: str
    required: true
  root:
    description: The folder on the host that has a folder for each tool, with one for each version.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show where uv comes from
  ansible.builtin.debug:
    msg: "{{ ([{'name': 'uv'}] | agent_platform.aws.bastion_tools(table, 'aarch64', '/opt/platform'))[0]['url'] }}"
  vars:
    table:
      uv:
        name: uv
        version: "0.9.0"
        source: archive
        url: "https://example.com/uv/{version}/uv-{arch}-unknown-linux-gnu.tar.gz"
        arch_names: {amd64: x86_64, arm64: aarch64}
        checksums: {arm64: "sha256:7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730"}
        executables: {uv: "uv-{arch}-unknown-linux-gnu/uv"}
        check: uv --version
  # https://example.com/uv/0.9.0/uv-aarch64-unknown-linux-gnu.tar.gz
"""

RETURN = r"""
_value:
  description:
    - For each entry what M(agent_platform.aws.host_tools#module) takes as an entry of its C(tools).
  type: list
  elements: dict
"""


def bastion_tools(wanted, known, machine, root):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import bastion

    return bastion.ready_tools(wanted, known, machine, root)


class FilterModule:
    def filters(self):
        return {"bastion_tools": bastion_tools}
