# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: eks_token
short_description: A bearer token for the Kubernetes API of an Amazon EKS cluster, without the AWS CLI
version_added: 0.1.0
description:
  - Signs a token with the AWS credentials of the run, for modules that take one, such as those of C(kubernetes.core)
    with C(api_key). Nothing is sent.
  - EKS takes a token for 15 minutes, so a task that may take longer is better off with the kubeconfig of
    M(agent_platform.aws.eks_kubeconfig), which renews it.
  - The token is a secret. Where a task shows its options, C(no_log) keeps it out of sight.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  _terms:
    description: Names of clusters.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
"""

EXAMPLES = r"""
- name: List the namespaces
  kubernetes.core.k8s_info:
    kind: Namespace
    host: "{{ cluster.endpoint }}"
    ca_cert: "{{ cluster.certificate_file }}"
    api_key: "{{ lookup('agent_platform.aws.eks_token', cluster.name, region='us-west-2') }}"
"""

RETURN = r"""
_raw:
  description: The tokens.
  type: list
  elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible_collections.amazon.aws.plugins.plugin_utils.lookup import AWSLookupBase

from ansible_collections.agent_platform.aws.plugins.module_utils import eks_token
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import AWS_ERRORS


class LookupModule(AWSLookupBase):
    def run(self, terms, variables=None, **kwargs):
        super().run(terms, variables, **kwargs)
        try:
            # Each client signs for one cluster.
            return [eks_token.sign(self.client("sts"), name) for name in terms]
        except AWS_ERRORS as error:
            raise AnsibleLookupError(f"No token for EKS cluster {', '.join(terms)}: {error}") from error
