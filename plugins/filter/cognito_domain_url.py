# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cognito_domain_url
short_description: Where people sign in to the platform
version_added: 0.1.0
description:
  - The address of the domain of the platform's user pool, as the component C(cognito) makes it, also before it does.
positional: _input, account_id, region, domain_prefix, custom_domain
options:
  _input:
    description: Prefix of the platform's names.
    type: str
    required: true
  account_id:
    description: The platform's account.
    type: str
    required: true
  region:
    description: The platform's region.
    type: str
    required: true
  domain_prefix:
    description: The prefix of the domain, C(cognito_domain_prefix). Empty for the one that the component chooses.
    type: str
    default: ""
  custom_domain:
    description: A domain of one's own, C(cognito_custom_domain).
    type: str
    default: ""
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show where people sign in
  ansible.builtin.debug:
    msg: "{{ platform_prefix | agent_platform.aws.cognito_domain_url(platform_account_id, platform_region) }}"
"""

RETURN = r"""
_value:
  description: The address.
  type: str
  sample: https://agent-platform-dev-1a2b3c4d.auth.us-west-2.amazoncognito.com
"""


def cognito_domain_url(prefix, account_id, region, domain_prefix="", custom_domain=""):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.module_utils.discovery import cognito

    return cognito.domain_url(region, domain_prefix or cognito.domain_prefix(prefix, account_id, region), custom_domain)


class FilterModule:
    def filters(self):
        return {"cognito_domain_url": cognito_domain_url}
