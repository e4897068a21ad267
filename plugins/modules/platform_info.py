#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
version_added: 0.1.0
short_description: What of a platform exists in the account
description:
  - Reads what exists of one platform and returns it by component, with the calls side by side.
  - Resources are found by the platform's names and owner tags. Those of other platforms are neither read nor returned.
  - The module calls only operations that describe, get or list. It changes nothing.
options:
  name:
    description:
      - Name of the platform.
    type: str
    required: true
  environment:
    description:
      - Environment of the platform. The names of all resources begin with O(name) and O(environment).
    type: str
    required: true
  owner_tags:
    description:
      - The tags that say that a resource belongs to the platform.
      - By default C(Project) with the value of O(name), C(Environment) with the value of O(environment), and
        C(ManagedBy) with the value V(agent_platform.aws).
    type: dict
    aliases: [owned_by]
  account_id:
    description:
      - The account in which to look. If the credentials belong to another, nothing of it is read, and every component
        looks as if it did not exist.
      - Any account by default.
    type: str
  components:
    description:
      - The components to read. All of them by default.
    type: list
    elements: str
    choices: [encryption, network, eks, workload_identity, bastion_instance]
  require:
    description:
      - Components that must exist. They are read even if O(components) does not name them.
      - If one of them is missing the module fails and says what has to run first. In check mode it does not fail,
        because a dry run on an empty account has nothing to find.
    type: list
    elements: str
    choices: [encryption, network, eks, workload_identity, bastion_instance]
    default: []
  required_by:
    description:
      - The component that needs what O(require) names. It only serves the message.
    type: str
  entries:
    description:
      - Names of what a component makes from a list, for each such component whose list differs from the collection's.
    type: dict
    suboptions:
      eks:
        description:
          - Names of the node groups, whose launch templates are looked for.
          - V(default) if not set.
        type: list
        elements: str
      workload_identity:
        description:
          - Names of the roles of service accounts, without the platform's prefix.
          - The roles that the collection declares if not set.
        type: list
        elements: str
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
notes:
  - Needs the permissions C(sts:GetCallerIdentity); for encryption C(kms:DescribeKey), C(kms:GetKeyRotationStatus),
    C(kms:ListKeys) and C(kms:ListResourceTags); for network C(ec2:Describe*), C(iam:GetRole),
    C(logs:DescribeLogGroups) and C(logs:ListTagsForResource); for eks these of network and C(eks:Describe*),
    C(eks:List*) and C(iam:GetOpenIDConnectProvider); for workload_identity C(iam:GetRole); for bastion_instance
    C(ec2:DescribeInstances), C(iam:GetInstanceProfile), C(iam:GetRole), C(s3:GetBucketTagging),
    C(s3:ListAllMyBuckets) and C(secretsmanager:DescribeSecret).
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode, except that O(require) does not fail there.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Discover the whole platform
  agent_platform.aws.platform_info:
    name: agent-platform
    environment: dev
  register: found

- name: Show the private subnets
  ansible.builtin.debug:
    msg: "{{ found.platform.network.subnet_ids.private }}"

- name: Discover what the cluster builds on
  agent_platform.aws.platform_info:
    name: agent-platform
    environment: dev
    components: [encryption, network]
    require: [encryption, network]
    required_by: eks
  register: foundation
"""

RETURN = r"""
platform:
  description:
    - The facts of each component, and the account in which they were found.
    - Every key is always there. What does not exist is null, an empty list or an empty dict.
    - Components that were not asked for look as if they did not exist.
  returned: always
  type: dict
  contains:
    account_id:
      description: The account that the credentials belong to.
      type: str
      sample: "123456789012"
    arn:
      description: ARN of the identity that the credentials belong to.
      type: str
      sample: arn:aws:iam::123456789012:user/jo
    partition:
      description: The AWS partition.
      type: str
      sample: aws
    region:
      description: The region that was read.
      type: str
      sample: us-west-2
    conflicts:
      description: Names of the platform that something without its owner tags holds. Nothing of that is changed.
      type: list
      elements: dict
      contains:
        component:
          description: The component that would need the name.
          type: str
          sample: eks
        resource:
          description: What holds it.
          type: str
          sample: IAM role agent-platform-dev-eks-nodes
        reason:
          description: Why it is not the platform's.
          type: str
          sample: "exists without the tags of this platform (Project=agent-platform, Environment=dev)"
    encryption:
      description: The KMS key.
      type: dict
      contains:
        exists:
          description: Whether there is a key.
          type: bool
        key_id:
          description: Id of the key, also of one that has no alias yet.
          type: str
        key_arn:
          description: ARN of the key.
          type: str
        alias:
          description: Alias of the key, null while it has none.
          type: str
          sample: alias/agent-platform-dev-key
        state:
          description: State of the key.
          type: str
          sample: Enabled
        rotation_enabled:
          description: Whether AWS renews the key material every year.
          type: bool
    network:
      description: The VPC and what lies in it.
      type: dict
      contains:
        exists:
          description: Whether there is a VPC with private subnets.
          type: bool
        vpc_id:
          description: Id of the VPC.
          type: str
        cidr_block:
          description: The VPC's addresses.
          type: str
          sample: 10.0.0.0/16
        internet_gateway_id:
          description: Id of the internet gateway, also of one that is not attached yet.
          type: str
        availability_zones:
          description: The zones that have subnets.
          type: list
          elements: str
          sample: [us-west-2a, us-west-2b]
        subnets:
          description: The subnets, in the lists C(public) and C(private), each with C(id), C(availability_zone) and
            C(cidr_block), in the order of the zones.
          type: dict
        subnet_ids:
          description: Ids of the subnets, in the lists C(public) and C(private), in the order of the zones.
          type: dict
        nat_gateways:
          description: The NAT gateways, each with C(id), C(availability_zone), C(public_ip) and C(state).
          type: list
          elements: dict
        addresses:
          description: The Elastic IP addresses in the order of their names, each with C(public_ip) and with
            C(association_id), which is null where nothing uses the address.
          type: list
          elements: dict
        route_tables:
          description: Ids of the route tables. C(public) is one, C(private) has one for each zone.
          type: dict
          sample: {"public": "rtb-0a", "private": {"us-west-2a": "rtb-0b", "us-west-2b": "rtb-0c"}}
        security_groups:
          description: Ids of the security groups by what they are for.
          type: dict
          sample: {"nodes": "sg-0a", "cluster": "sg-0b", "aurora": null}
        endpoints:
          description: Ids of the VPC endpoints by service.
          type: dict
          sample: {"s3": "vpce-0a", "ecr.api": "vpce-0b"}
        flow_log_id:
          description: Id of the VPC's flow log.
          type: str
        default_security_group_id:
          description: Id of the VPC's default security group.
          type: str
    eks:
      description: The cluster with its nodes, add-ons and access entries.
      type: dict
      contains:
        exists:
          description: Whether there is a cluster.
          type: bool
        cluster_name:
          description: Name of the cluster.
          type: str
        cluster_arn:
          description: ARN of the cluster.
          type: str
        status:
          description: Status of the cluster.
          type: str
          sample: ACTIVE
        version:
          description: Kubernetes version of the control plane.
          type: str
          sample: "1.34"
        endpoint:
          description: Address of the Kubernetes API.
          type: str
        certificate_authority:
          description: Certificate of the Kubernetes API's authority, in Base64.
          type: str
        oidc_issuer:
          description: Address of the issuer of service account tokens.
          type: str
        oidc_provider_arn:
          description: ARN of the IAM OIDC provider for that issuer.
          type: str
        cluster_security_group_id:
          description: Id of the security group that EKS made for the cluster.
          type: str
        node_groups:
          description: The node groups by name, each with C(arn), C(status), C(version), C(release_version),
            C(ami_type), C(capacity_type), C(instance_types), C(min_size), C(max_size) and C(desired_size).
          type: dict
        addons:
          description: The add-ons by name, each with C(arn), C(version), C(status) and C(service_account_role_arn).
          type: dict
        cluster_role_arn:
          description: ARN of the cluster's role.
          type: str
        node_role_arn:
          description: ARN of the nodes' role.
          type: str
        access_entries:
          description: ARNs of the principals that have an access entry.
          type: list
          elements: str
    workload_identity:
      description: The roles of service accounts.
      type: dict
      contains:
        exists:
          description: Whether there is any of them.
          type: bool
        roles:
          description: ARNs of the roles by the name of their entry, null for those that do not exist.
          type: dict
          sample: {"agent": "arn:aws:iam::123456789012:role/agent-platform-dev-agent", "llm-gateway": null}
    bastion_instance:
      description: The bastion's instance with its role, its bucket and the password of its code-server.
      type: dict
      contains:
        exists:
          description: Whether there is an instance.
          type: bool
        instance_id:
          description: Id of the instance.
          type: str
        state:
          description: State of the instance.
          type: str
          sample: running
        private_ip:
          description: Its address in the VPC.
          type: str
        subnet_id:
          description: Id of the subnet it is in.
          type: str
        image_id:
          description: Id of the image it was launched from.
          type: str
        instance_type:
          description: Its type.
          type: str
          sample: t3.large
        role_arn:
          description: ARN of its role.
          type: str
        instance_profile_arn:
          description: ARN of the instance profile that holds the role.
          type: str
        transfer_bucket:
          description: Name of the bucket through which Session Manager carries Ansible's files.
          type: str
        code_server_secret_arn:
          description: ARN of the secret with the password of code-server.
          type: str
account_id:
  description: The same as RV(platform.account_id).
  returned: always
  type: str
arn:
  description: The same as RV(platform.arn).
  returned: always
  type: str
partition:
  description: The same as RV(platform.partition).
  returned: always
  type: str
region:
  description: The same as RV(platform.region).
  returned: always
  type: str
conflicts:
  description: The same as RV(platform.conflicts).
  returned: always
  type: list
  elements: dict
"""

import contextlib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.config import Config

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.discovery.base import Scope
from ..module_utils.discovery.table import CALLS_AT_ONCE, COMPONENTS, Discovered, discover, identify
from ..module_utils.faults import ResourceError, error_code

# Reads may be repeated freely, unlike writes.
ATTEMPTS = 5


def scope_of(params: Mapping[str, Any], region: str) -> Scope:
    owner_tags = params["owner_tags"] or {
        "Project": params["name"],
        "Environment": params["environment"],
        "ManagedBy": "agent_platform.aws",
    }
    entries = {component: names for component, names in (params["entries"] or {}).items() if names is not None}
    return Scope(f"{params['name']}-{params['environment']}", owner_tags, region, entries)


def missing_message(missing: list[str], required_by: str | None, account_id: str, region: str) -> str:
    """What has to run first, in one line."""
    needed = " and ".join(missing)
    one = len(missing) == 1
    subject = (
        f"{required_by} requires {needed}, which" if required_by else f"{needed} {'is' if one else 'are'} required but"
    )
    verb = "does" if one else "do"
    return (
        f"{subject} {verb} not exist in account {account_id} region {region}:"
        f" run ansible-playbook site.yml --limit {','.join(missing)} first"
    )


def result_of(found: Discovered, region: str) -> dict[str, Any]:
    account = {
        "account_id": found.account_id,
        "arn": found.arn,
        "partition": found.partition,
        "region": region,
        "conflicts": found.conflicts,
    }
    return {"platform": {**found.components, **account}, **account}


def wanted_of(params: Mapping[str, Any]) -> Iterable[str]:
    return {*(COMPONENTS if params["components"] is None else params["components"]), *params["require"]}


def main() -> None:
    names = list(COMPONENTS)
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "environment": {"type": "str", "required": True},
            "owner_tags": {"type": "dict", "aliases": ["owned_by"]},
            "account_id": {"type": "str"},
            "components": {"type": "list", "elements": "str", "choices": names},
            "require": {"type": "list", "elements": "str", "choices": names, "default": []},
            "required_by": {"type": "str"},
            "entries": {
                "type": "dict",
                "options": {
                    "eks": {"type": "list", "elements": "str"},
                    "workload_identity": {"type": "list", "elements": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    region = module.region
    if not region:
        module.fail_json(msg="No region is set. Set platform_region or AWS_REGION.")
    config = Config(
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        max_pool_connections=CALLS_AT_ONCE,
        connect_timeout=10,
    )
    make_client = functools.partial(module.client, config=config)
    account: dict[str, str] = {}
    try:
        caller = identify(make_client)
        account = {"account_id": caller["Account"], "arn": caller["Arn"]}
        in_another = module.params["account_id"] not in (None, caller["Account"])
        wanted = () if in_another else wanted_of(module.params)
        found = discover(make_client, scope_of(module.params, region), wanted, caller)
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details, **account)
    for warning in found.warnings:
        module.warn(warning)
    missing = found.missing(module.params["require"])
    if missing and not module.check_mode:
        module.fail_json(
            msg=missing_message(missing, module.params["required_by"], found.account_id, region),
            missing=missing,
        )
    module.exit_json(changed=False, **result_of(found, region))


if __name__ == "__main__":
    main()
