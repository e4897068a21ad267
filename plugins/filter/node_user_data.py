# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: node_user_data
short_description: User data of the nodes of a node group
version_added: 0.1.0
description:
  - Writes what the nodes of a group are told when they start, as their image reads it.
  - Amazon Linux gets a MIME document with a C(NodeConfig) and scripts, Bottlerocket its settings in TOML.
positional: _input, parts, certificates, proxy, cluster
options:
  _input:
    description: The node group, a complete entry of C(eks_node_groups).
    type: dict
    required: true
  parts:
    description: Parts for all groups, as C(eks_node_user_data) has them. What the image doesn't read is left out.
    type: list
    elements: dict
    default: []
  certificates:
    description: Certificates in PEM of authorities that the nodes trust besides those that their image knows.
    type: list
    elements: str
    default: []
  proxy:
    description:
      - The proxies C(http) and C(https), what is reached without them in C(no_proxy), and what follows of the platform,
        C(networks), C(cluster_endpoint), C(services) that the VPC has endpoints of, C(region) and C(dns_suffix).
    type: dict
  cluster:
    description:
      - What a node needs to join, for an image that EKS tells nothing, C(name), C(node_group), C(endpoint),
        C(certificate_authority) and C(service_ipv4_cidr).
    type: dict
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what nodes are told
  ansible.builtin.debug:
    msg: "{{ {'ami_type': 'AL2023_x86_64_STANDARD'} | agent_platform.aws.node_user_data(certificates=[authority]) }}"
"""

RETURN = r"""
_value:
  description: The user data; empty where there is nothing to tell.
  type: str
"""


def node_user_data(group, parts=(), certificates=(), proxy=None, cluster=None):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import node_user_data as utils

    if proxy:
        exempt = utils.no_proxy(
            proxy["no_proxy"],
            proxy["networks"],
            proxy["cluster_endpoint"],
            proxy["services"],
            proxy["region"],
            proxy["dns_suffix"],
        )
        proxy = {"http": proxy["http"], "https": proxy["https"], "no_proxy": exempt}
    return utils.user_data(group, parts, proxy, certificates, cluster)


class FilterModule:
    def filters(self):
        return {"node_user_data": node_user_data}
