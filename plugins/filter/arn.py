# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: arn
short_description: ARN of a resource in the platform's account
version_added: 0.1.0
description:
  - Builds the ARN of a resource from partition, region and account as M(agent_platform.aws.platform_info) has found
    them before the role of a component began, in the variable C(component_found).
  - IAM's ARNs have no region, those of S3 buckets neither region nor account.
positional: _input, service, account
options:
  _input:
    description: The resource, as it stands at the end of the ARN.
    type: str
    required: true
  service:
    description: The service, by its name in ARNs.
    type: str
    required: true
  account:
    description: Another account than the platform's; V(aws) for what AWS provides.
    type: str
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show ARNs of a role, a managed policy and a log group
  ansible.builtin.debug:
    msg:
      - "{{ 'role/example' | agent_platform.aws.arn('iam') }}"
      - "{{ 'policy/AmazonEKSClusterPolicy' | agent_platform.aws.arn('iam', 'aws') }}"
      - "{{ 'log-group:/aws/example' | agent_platform.aws.arn('logs') }}"
"""

RETURN = r"""
_value:
  description: The ARN.
  type: str
  sample: arn:aws:iam::123456789012:role/example
"""

from jinja2 import pass_context

from ansible_collections.agent_platform.aws.plugins.filter.fact import platform_of

WITHOUT_REGION = frozenset({"cloudfront", "iam", "s3"})
WITHOUT_ACCOUNT = frozenset({"s3"})


@pass_context
def arn(context, resource, service, account=None):
    platform = platform_of(context)
    region = "" if service in WITHOUT_REGION else platform["region"]
    owner = "" if service in WITHOUT_ACCOUNT else account or platform["account_id"]
    return f"arn:{platform['partition']}:{service}:{region}:{owner}:{resource}"


class FilterModule:
    def filters(self):
        return {"arn": arn}
