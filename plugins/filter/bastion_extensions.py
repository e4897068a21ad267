# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: bastion_extensions
short_description: The extensions of a bastion's editor, ready to be downloaded for one architecture
version_added: 0.1.0
description:
  - Fills in where each extension comes from, and chooses its checksum.
  - Give it entries in which P(agent_platform.aws.bastion_faults#filter) finds no fault.
positional: _input, machine
options:
  _input:
    description: The entries, each with C(name), C(version), C(checksums) and, if it isn't Open VSX, C(url).
    type: list
    elements: dict
    required: true
  machine:
    description: The architecture as the kernel names it, normally C(ansible_facts['architecture']).
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show where an extension comes from
  ansible.builtin.debug:
    msg: "{{ (extensions | agent_platform.aws.bastion_extensions('aarch64'))[0]['url'] }}"
  vars:
    extensions:
      - name: redhat.ansible
        version: "2.1.0"
        checksums: {any: "sha256:7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730"}
  # https://open-vsx.org/api/redhat/ansible/2.1.0/file/redhat.ansible-2.1.0.vsix
"""

RETURN = r"""
_value:
  description: For each entry its C(id), which is name@version, its C(name), C(url) and C(checksum).
  type: list
  elements: dict
"""


def bastion_extensions(wanted, machine):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import bastion

    return bastion.ready_extensions(wanted, machine)


class FilterModule:
    def filters(self):
        return {"bastion_extensions": bastion_extensions}
