# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: run_folder
short_description: A folder on the controller that all hosts of a run share and that ends with the run
version_added: 0.1.0
description:
  - Makes a folder with the mode 0700 on the machine of C(ansible-playbook) when it is first asked for, and gives the
    same one to all hosts and tasks of the run.
  - It is removed with all that is in it when C(ansible-playbook) ends, also when that is killed.
  - It is for what only a run needs and nobody else may see, such as a kubeconfig with a token.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
"""

EXAMPLES = r"""
- name: Write a kubeconfig for this run alone
  agent_platform.aws.eks_kubeconfig:
    cluster_name: demo
    path: "{{ lookup('agent_platform.aws.run_folder') }}/kubeconfig"
"""

RETURN = r"""
_raw:
  description: Path of the folder.
  type: list
  elements: str
"""

import ansible.constants as C
from ansible.plugins.lookup import LookupBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_folder import run_folder


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return [run_folder(C.DEFAULT_LOCAL_TMP)]
