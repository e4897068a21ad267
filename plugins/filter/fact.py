# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: fact
short_description: What exists of the platform, or a visible placeholder in a dry run
version_added: 0.1.0
description:
  - Returns a fact that M(agent_platform.aws.platform_info) has found before the role of a component began, from the
    variable C(component_found).
  - In check mode a value that only a real run can know becomes the text V((known after apply\)).
  - Outside check mode a missing value is an error that says which component has to run first.
positional: _input, made
options:
  _input:
    description: Path of the fact, which begins with the component.
    type: str
    required: true
  made:
    description:
      - The value that this run itself has made or looked at, in place of the one that was found before.
      - Of a list each item counts for itself.
    type: raw
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the platform's key, and the VPC that a task before has made
  ansible.builtin.debug:
    msg: >-
      {{ 'encryption.key_arn' | agent_platform.aws.fact }}
      {{ 'network.vpc_id' | agent_platform.aws.fact(made_vpc.vpc.id | default('')) }}
"""

RETURN = r"""
_value:
  description: The value itself, or the placeholder.
  type: raw
"""

from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleFilterError
from jinja2 import pass_context

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER, get_path

# Registered by playbooks/tasks/component.yml.
FOUND = "component_found"


def platform_of(context):
    """The facts by component, and those of the account, from the variables of a template."""
    found = context.get(FOUND)
    if found is None:
        raise AnsibleFilterError(
            f"{FOUND} is not defined: the role of a component is run by the collection's playbooks,"
            " which discover the platform first"
        )
    return found["platform"]


def look_up(facts, path):
    """The value at a dotted path, None if any part of it is missing or the value is empty."""
    value = get_path(facts, path)
    return None if value in ("", [], {}) else value


def _known(value, path, check_mode):
    # False and 0 are values; None, "", [] and {} mean that there is none.
    if value is not None and value not in ("", [], {}):
        return value
    if check_mode:
        return PLACEHOLDER
    component = path.split(".")[0]
    raise AnsibleFilterError(
        f"{path} is not known because the component {component} does not exist yet:"
        f" run ansible-playbook site.yml --limit {component} first"
    )


@pass_context
def fact(context, path, *made):
    value = made[0] if made else look_up(platform_of(context), path)
    check_mode = context.get("ansible_check_mode", False)
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
        # Also what another filter, such as map, is still making.
        value = [_known(item, path, check_mode) for item in value]
    return _known(value, path, check_mode)


class FilterModule:
    def filters(self):
        return {"fact": fact}
