# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: task_environment
short_description: Environment variables for tasks that talk to AWS, without keys in them
version_added: 0.1.0
description:
  - Gives environment variables back as they are, unless a secret key is among them. What a task's environment holds is
    seen in the list of processes and at C(-vvv) where the connection is V(ansible.builtin.local).
  - Keys of AWS go to a file of the run's folder with the mode 0600 instead, as a profile, and the variables name that
    file and that profile. It is removed when C(ansible-playbook) ends, also when that is killed.
  - The profile has the name of the one that the variables name, so what AWS_CONFIG_FILE says of it holds on.
options:
  _terms:
    description: Environment variables, as a dictionary each.
    type: list
    elements: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: See whose keys these are
  amazon.aws.aws_caller_info:
  environment: "{{ lookup('agent_platform.aws.task_environment', my_environment) }}"
"""

RETURN = r"""
_raw:
  description: The variables, of which none is a key.
  type: list
  elements: dict
"""

import ansible.constants as C
from ansible.plugins.lookup import LookupBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils.credentials import SECRET_KEY, in_file
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_folder import run_folder


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return [
            in_file(environment, run_folder(C.DEFAULT_LOCAL_TMP)) if environment.get(SECRET_KEY) else environment
            for environment in terms
        ]
