# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2: what ministack 1.5.33 leaves out, and where its answers differ from AWS.

flow_logs
    CreateFlowLogs, DescribeFlowLogs and DeleteFlowLogs drop LogGroupName, MaxAggregationInterval, LogFormat and the
    role; a second flow log to the same destination is made instead of FlowLogAlreadyExists.
vpc_endpoints
    Create-, Describe-, Modify- and DeleteVpcEndpoints drop Groups, PrivateDnsEnabled and PolicyDocument, have no
    states, no filters, and no gateway route. DescribeVpcEndpointServices lacks bedrock-runtime and others.
nat_gateways
    NatGatewayAddresses is always empty, and an Elastic IP can be used twice and released while in use.
    DescribeAddresses ignores filters and associations.
launch_templates
    All operations: most members of LaunchTemplateData are dropped (the KMS key of a volume), other error codes.
security_groups
    UpdateSecurityGroupRuleDescriptionsIngress and -Egress are unknown; DeleteSecurityGroup deletes a group that is
    referenced or in use; CreateVpc makes a default group without its rule for itself.
instances
    RunInstances and DescribeInstances drop volumes, metadata options, monitoring, EBS optimization, protection, user
    data, network interfaces and most filters; a launch takes what doesn't exist, and gives a public address always.
    Start-, Stop- and TerminateInstances have no states in between, and TerminateInstances ignores protection.
    DescribeInstanceAttribute answers with fixed values; ModifyInstanceAttribute, ModifyInstanceMetadataOptions,
    MonitorInstances and UnmonitorInstances are unknown. The root device of Canonical's images is /dev/xvda.
instance_profiles
    RunInstances takes profiles that don't exist; ReplaceIamInstanceProfileAssociation works on a stopped instance and
    keeps the association's id; DisassociateIamInstanceProfile ends an association at once.
volumes
    DescribeVolumes drops KmsKeyId and Throughput; ModifyVolume shrinks a volume, drops Throughput and is done at once;
    DescribeVolumesModifications shows volumes that were never modified.
subnets
    CreateSubnet accepts overlaps and ranges outside the VPC; DeleteSubnet, DeleteVpc, DeleteRouteTable and
    DetachInternetGateway act on what is in use; CreateRoute adds a second route for the same destination;
    DescribeAvailabilityZones has a, b and c in each region, and no filters.
attributes
    ModifyVpcAttribute, DescribeVpcAttribute and ModifySubnetAttribute drop members, and take several where AWS takes
    one; ModifyVpcTenancy is unknown; subnets have no network ACL.
ebs_encryption
    GetEbsEncryptionByDefault, GetEbsDefaultKmsKeyId and what changes them are unknown.
network_acls
    CreateNetworkAclEntry and ReplaceNetworkAclEntry drop ports; rules of the same number, limits, and the rule that
    denies the rest are unknown; DeleteNetworkAcl deletes what is in use.
vpc_networks
    AssociateVpcCidrBlock is unknown; a VPC is described with its first network alone.
network_interfaces
    CreateNetworkInterface drops tags; DescribeNetworkInterfaces ignores filters; DeleteNetworkInterface deletes what is
    in use.
here
    The ClientToken of create calls is ignored.
"""

from __future__ import annotations

from ministack.services import ec2

from ...wire import QueryWire
from ..patching import IdempotencyTokens, QueryShims, on_reset
from . import (
    attributes,
    ebs_encryption,
    flow_logs,
    instance_profiles,
    instances,
    launch_templates,
    nat_gateways,
    network_acls,
    network_interfaces,
    security_groups,
    subnets,
    volumes,
    vpc_endpoints,
    vpc_networks,
)

_TOKEN_OPERATIONS = (
    "CreateFlowLogs",
    "CreateVpcEndpoint",
    "CreateNatGateway",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
    "CreateNetworkAcl",
    "CreateRouteTable",
    "RunInstances",
)
_PARTS = (
    attributes,
    ebs_encryption,
    flow_logs,
    instance_profiles,
    instances,
    launch_templates,
    nat_gateways,
    network_acls,
    network_interfaces,
    security_groups,
    subnets,
    volumes,
    vpc_endpoints,
    vpc_networks,
)


def install() -> None:
    shims = QueryShims(QueryWire("ec2"), ec2._ACTION_MAP)
    for part in _PARTS:
        part.install(shims)
    tokens = IdempotencyTokens("IdempotentParameterMismatch")
    for operation in _TOKEN_OPERATIONS:
        shims.honour_tokens(operation, tokens)
    on_reset(ec2, tokens.clear)
