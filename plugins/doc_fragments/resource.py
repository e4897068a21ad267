# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options that all modules on the collection's base have in common."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - Whether the resource shall exist.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until AWS has finished what was asked, or what was under way already.
      - With V(false) the module returns as soon as AWS has accepted the calls.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
      - The default is the module's own, sized to the service.
    type: int
  owned_by:
    description:
      - Tags that an existing resource must carry before the module changes or deletes it.
      - Without them the module fails and names the resource. It never adopts what belongs to someone else.
      - If not set, every resource of that name counts as ours.
    type: dict
notes:
  - An option that is not set is left alone in AWS.
  - A call whose reply is lost is not repeated blindly. The resource is read first, so nothing is created twice.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: full
"""
