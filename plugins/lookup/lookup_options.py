# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: lookup_options
short_description: Options by which lookups of amazon.aws reach AWS as tasks with an environment do
version_added: 0.1.0
description:
  - Lookups know nothing of a task's environment. This gives them what it says of credentials and of the endpoint as
    their options.
  - They run in Ansible's own processes. So which addresses are reached past proxies, NO_PROXY, can't be an option; it
    is set for the process of the task that asks, which ends with the task.
options:
  _terms:
    description: Environment variables, as a dictionary each.
    type: list
    elements: dict
    required: true
  region:
    description: The region.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Hand a secret to what needs it
  ansible.builtin.set_fact:
    my_secret: "{{ lookup('amazon.aws.secretsmanager_secret', 'demo', **my_options) }}"
  no_log: true
  vars:
    my_options: >-
      {{ lookup('agent_platform.aws.lookup_options', {'AWS_PROFILE': 'demo'}, region='us-west-2') }}
"""

RETURN = r"""
_raw:
  description: Options.
  type: list
  elements: dict
"""

import os

from ansible.plugins.lookup import LookupBase

OPTIONS = {
    "profile": "AWS_PROFILE",
    "endpoint_url": "AWS_ENDPOINT_URL",
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
}
PAST_PROXIES = ("NO_PROXY", "no_proxy")


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        region = {"region": self.get_option("region")}
        for environment in terms:
            os.environ.update({name: str(environment[name]) for name in PAST_PROXIES if environment.get(name)})
        return [
            region | {option: environment[name] for option, name in OPTIONS.items() if environment.get(name)}
            for environment in terms
        ]
