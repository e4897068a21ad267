# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: known
short_description: A discovered value, or a visible placeholder in a dry run
version_added: 0.1.0
description:
  - Returns the value when there is one.
  - In check mode a value that only a real run can know becomes the text V((known after apply\)).
  - Outside check mode a missing value is an error that says which component has to run first.
positional: _input, what, check_mode
options:
  _input:
    description: The discovered value; null and empty values count as missing.
    type: raw
    required: true
  what:
    description: What the value is, as C(component.key); the component is named in the error.
    type: str
    required: true
  check_mode:
    description: Whether this is a dry run, normally C(ansible_check_mode).
    type: bool
    default: false
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the VPC
  ansible.builtin.debug:
    msg: "{{ __eks_platform.platform.network.vpc_id | agent_platform.aws.known('network.vpc_id', ansible_check_mode) }}"
"""

RETURN = r"""
_value:
  description: The value itself, or the placeholder.
  type: raw
"""

from ansible.errors import AnsibleFilterError

PLACEHOLDER = "(known after apply)"


def known(value, what, check_mode=False):
    # False and 0 are values; None, "", [] and {} mean that discovery found nothing.
    if value is not None and value not in ("", [], {}):
        return value
    if check_mode:
        return PLACEHOLDER
    component = what.split(".")[0]
    raise AnsibleFilterError(
        f"{what} is not known because the component {component} does not exist yet:"
        f" run ansible-playbook site.yml --limit {component} first"
    )


class FilterModule:
    def filters(self):
        return {"known": known}
