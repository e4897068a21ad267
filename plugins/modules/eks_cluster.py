#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_cluster
version_added: 0.1.0
short_description: Manage an Amazon EKS cluster
description:
  - Creates, changes, upgrades and deletes the control plane of an EKS cluster.
  - It replaces M(community.aws.eks_cluster), which in release 11.2.0 has no options for endpoint access, logging,
    encryption, access configuration, upgrade policy and deletion protection, and refuses a new version, new subnets and
    new security groups.
  - Before a cluster is deleted its logs are turned off. EKS goes on delivering them otherwise, and makes the log group
    again, without key, retention and tags, when it has been removed.
  - EKS takes one kind of change at a time. The module makes one call for each kind that differs and follows it to its
    end before the next one, the upgrade of the version last. An update that is under way already is waited for.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the cluster, unique in the account and region.
    type: str
    required: true
  role_arn:
    description:
      - ARN of the IAM role that the control plane acts with.
      - Needed to create the cluster. It can't be changed later.
      - A role that was made a moment ago may not be usable yet; the module then tries again for about a minute.
    type: str
  version:
    description:
      - Kubernetes minor version, in quotes. V("1.30") without them is the number 1.3.
      - If not set, a new cluster gets the default version of EKS.
      - The module upgrades by one minor version at a time. It refuses to skip one, and it never goes back.
    type: str
  subnet_ids:
    description:
      - Subnets for the network interfaces of the control plane, in at least two availability zones.
      - Needed to create the cluster.
    type: list
    elements: str
  security_group_ids:
    description:
      - Security groups of these network interfaces, besides the one that EKS makes for the cluster.
    type: list
    elements: str
  endpoint_private_access:
    description:
      - Whether the Kubernetes API is reachable from inside the VPC.
      - EKS creates clusters without if not set.
    type: bool
  endpoint_public_access:
    description:
      - Whether the Kubernetes API is reachable from the internet, as far as O(public_access_cidrs) allows.
      - EKS creates clusters with it if not set.
    type: bool
  public_access_cidrs:
    description:
      - Networks that may reach the public endpoint. EKS allows V(0.0.0.0/0) if not set.
      - It has no effect, and isn't compared, while the public endpoint is off.
    type: list
    elements: str
  logging:
    description:
      - Control plane logs that go to CloudWatch Logs, to the group C(/aws/eks/<name>/cluster). Those not listed are
        turned off.
    type: list
    elements: str
    choices: [api, audit, authenticator, controllerManager, scheduler]
  encryption_key_arn:
    description:
      - ARN of the symmetric KMS key that encrypts Kubernetes secrets.
      - A cluster without a key can get one. After that EKS allows neither another key nor none.
      - An empty text stands for a cluster without a key of yours.
    type: str
  authentication_mode:
    description:
      - Where EKS looks for who may use the Kubernetes API. V(API) means access entries, V(CONFIG_MAP) the config map
        C(aws-auth).
      - It can only go from V(CONFIG_MAP) to V(API_AND_CONFIG_MAP) and from there to V(API).
    type: str
    choices: [API, API_AND_CONFIG_MAP, CONFIG_MAP]
  bootstrap_cluster_creator_admin_permissions:
    description:
      - Whether who creates the cluster becomes its administrator. EKS does so if not set.
      - Used at creation only, and not compared later.
    type: bool
  bootstrap_self_managed_addons:
    description:
      - Whether EKS installs C(vpc-cni), C(coredns) and C(kube-proxy) without managing them.
      - With V(false) the cluster has no network until M(agent_platform.aws.eks_addon) has added them as managed
        add-ons.
      - Used at creation only, and not compared later.
    type: bool
    default: false
  support_type:
    description:
      - What happens when the standard support of the version ends. V(STANDARD) means that AWS upgrades the cluster,
        V(EXTENDED) that it goes on at a higher price.
      - EKS creates clusters with V(EXTENDED) if not set.
    type: str
    choices: [STANDARD, EXTENDED]
  deletion_protection:
    description:
      - Whether EKS refuses to delete the cluster.
      - With O(state=absent) a protected cluster is deleted only if this option is V(false); the module then turns the
        protection off first.
    type: bool
  zonal_shift:
    description:
      - Whether Amazon Application Recovery Controller may move traffic away from an impaired availability zone.
    type: bool
  auto_mode:
    description:
      - Whether EKS Auto Mode is on, by which EKS makes nodes, load balancers and volumes by itself.
      - When it is turned on here it has no node pools; those of EKS take a role for the nodes.
    type: bool
  control_plane_tier:
    description:
      - Capacity that the control plane always has. EKS gives V(standard), which grows with the load, if not set.
    type: str
    choices: [standard, tier-xl, tier-2xl, tier-4xl, tier-8xl]
  service_ipv4_cidr:
    description:
      - Addresses of Kubernetes services, between V(/24) and V(/12) in a private range that doesn't overlap the VPC.
      - EKS chooses one if not set. It can't be changed later.
    type: str
  ip_family:
    description:
      - Address family of pods and services. It can't be changed later.
    type: str
    choices: [ipv4, ipv6]
  force:
    description:
      - Upgrade although EKS has found something that the new version will break.
    type: bool
    default: false
notes:
  - O(wait_timeout) is 1200 seconds by default and counts for each step, such as the creation or one update.
  - Without O(wait) the module still waits between the updates of one call, because EKS takes them only one by one.
seealso:
  - module: agent_platform.aws.eks_nodegroup
  - module: agent_platform.aws.eks_addon
  - module: agent_platform.aws.eks_access_entry
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Create a private cluster
  agent_platform.aws.eks_cluster:
    name: demo
    version: "1.34"
    role_arn: arn:aws:iam::123456789012:role/demo-cluster
    subnet_ids:
      - subnet-0a1b2c3d4e5f60001
      - subnet-0a1b2c3d4e5f60002
    endpoint_private_access: true
    endpoint_public_access: false
    logging: [api, audit, authenticator, controllerManager, scheduler]
    encryption_key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    authentication_mode: API
    bootstrap_cluster_creator_admin_permissions: false
    support_type: STANDARD
    deletion_protection: true
    tags:
      Project: demo

- name: Upgrade it by one minor version
  agent_platform.aws.eks_cluster:
    name: demo
    version: "1.35"

- name: Open the public endpoint to one network
  agent_platform.aws.eks_cluster:
    name: demo
    endpoint_public_access: true
    public_access_cidrs:
      - 203.0.113.0/24

- name: Delete the cluster although it is protected
  agent_platform.aws.eks_cluster:
    name: demo
    deletion_protection: false
    state: absent
"""

RETURN = r"""
cluster:
  description: The cluster as EKS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    access_config:
      description: How access to the Kubernetes API is decided.
      type: dict
      contains:
        authentication_mode:
          description: Authentication mode.
          type: str
          sample: API
    arn:
      description: ARN of the cluster.
      type: str
      sample: arn:aws:eks:us-west-2:123456789012:cluster/demo
    certificate_authority:
      description: What a client needs to trust the endpoint.
      type: dict
      contains:
        data:
          description: Certificate of the cluster's authority, in base64.
          type: str
    created_at:
      description: When the cluster was created.
      type: str
    deletion_protection:
      description: Whether EKS refuses to delete it.
      type: bool
    encryption_config:
      description: Keys that encrypt secrets.
      type: list
      elements: dict
      sample:
        - resources: [secrets]
          provider:
            key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    endpoint:
      description: Address of the Kubernetes API.
      type: str
      sample: https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com
    health:
      description: Issues that EKS has found.
      type: dict
    identity:
      description: The cluster as an identity provider.
      type: dict
      contains:
        oidc:
          description: The OpenID Connect provider for the roles of service accounts.
          type: dict
          contains:
            issuer:
              description: URL of the issuer.
              type: str
              sample: https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF
    kubernetes_network_config:
      description: Addresses of services.
      type: dict
      sample:
        ip_family: ipv4
        service_ipv4_cidr: 172.20.0.0/16
    logging:
      description: Which control plane logs are on and off.
      type: dict
    name:
      description: Name of the cluster.
      type: str
    platform_version:
      description: Version of the EKS platform under it.
      type: str
      sample: eks.9
    resources_vpc_config:
      description: Network of the control plane.
      type: dict
      contains:
        cluster_security_group_id:
          description: Security group that EKS has made for the control plane and managed nodes.
          type: str
          sample: sg-0a1b2c3d4e5f60001
        endpoint_private_access:
          description: Whether the private endpoint is on.
          type: bool
        endpoint_public_access:
          description: Whether the public endpoint is on.
          type: bool
        public_access_cidrs:
          description: Networks that may reach the public endpoint.
          type: list
          elements: str
        security_group_ids:
          description: Further security groups.
          type: list
          elements: str
        subnet_ids:
          description: Subnets of the control plane.
          type: list
          elements: str
        vpc_id:
          description: VPC of the cluster.
          type: str
    role_arn:
      description: Role of the control plane.
      type: str
    status:
      description: State of the cluster.
      type: str
      sample: ACTIVE
    tags:
      description: Tags of the cluster.
      type: dict
    upgrade_policy:
      description: What happens at the end of standard support.
      type: dict
      sample:
        support_type: STANDARD
    version:
      description: Kubernetes minor version.
      type: str
      sample: "1.34"
"""

from ..module_utils.declarations import Change, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.eks import NOT_FOUND, TOKEN, EksResource, minor_version
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, placeholder, set_path

LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
# Each mode leads to the next one only.
AUTHENTICATION_MODES = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]

# All on or all off.
AUTO_MODE = (
    "computeConfig.enabled",
    "kubernetesNetworkConfig.elasticLoadBalancing.enabled",
    "storageConfig.blockStorage.enabled",
)

# An upgrade of the control plane comes after that of the nodes.
NODES_FIRST = {"must be updated to match cluster version": "Do that first (agent_platform.aws.eks_nodegroup)."}


def logging_to_api(enabled):
    setups = [(enabled, True), ([name for name in LOG_TYPES if name not in enabled], False)]
    return {"clusterLogging": [{"types": list(types), "enabled": on} for types, on in setups if types]}


def logging_from_api(value):
    setups = value.get("clusterLogging") or []
    return sorted(name for setup in setups if setup.get("enabled") for name in setup.get("types") or [])


def key_to_api(arn):
    return [{"resources": ["secrets"], "provider": {"keyArn": arn}}]


def key_from_api(configs):
    return next((get_path(config, "provider.keyArn") for config in configs), None)


def config_update(whole=False):
    return Update("UpdateClusterConfig", whole=whole, token=TOKEN)


class EksCluster(EksResource):
    kind = "EKS cluster"
    result = "cluster"
    names = {"name": "name"}
    update_names = {"name": "name"}
    needed = ("role_arn", "subnet_ids")
    protection = "deletion_protection"
    describe = Describe("DescribeCluster", "cluster", missing=NOT_FOUND)
    create = Create("CreateCluster", token=TOKEN, exists=("ResourceInUseException",))
    delete = Delete("DeleteCluster", missing=NOT_FOUND)
    settings = (
        Setting("role_arn", "roleArn"),
        Setting("service_ipv4_cidr", "kubernetesNetworkConfig.serviceIpv4Cidr"),
        Setting("ip_family", "kubernetesNetworkConfig.ipFamily"),
        Setting("deletion_protection", "deletionProtection", update="deletion_protection", absent=False),
        Setting("support_type", "upgradePolicy.supportType", update="upgrade_policy"),
        Setting("authentication_mode", "accessConfig.authenticationMode", update="access"),
        Setting(
            "encryption_key_arn",
            "encryptionConfig",
            update="encryption",
            absent="",
            encode=key_to_api,
            decode=key_from_api,
        ),
        Setting(
            "logging",
            "logging",
            update="logging",
            unordered=True,
            absent=[],
            encode=logging_to_api,
            decode=logging_from_api,
        ),
        Setting("subnet_ids", "resourcesVpcConfig.subnetIds", update="vpc", unordered=True),
        Setting("security_group_ids", "resourcesVpcConfig.securityGroupIds", update="vpc", unordered=True),
        Setting("endpoint_private_access", "resourcesVpcConfig.endpointPrivateAccess", update="endpoint_access"),
        Setting("endpoint_public_access", "resourcesVpcConfig.endpointPublicAccess", update="endpoint_access"),
        Setting(
            "public_access_cidrs", "resourcesVpcConfig.publicAccessCidrs", update="endpoint_access", unordered=True
        ),
        Setting("zonal_shift", "zonalShiftConfig.enabled", update="zonal_shift", absent=False),
        Setting(
            "auto_mode", None, read="computeConfig.enabled", update="auto_mode", update_members=AUTO_MODE, absent=False
        ),
        Setting("control_plane_tier", "controlPlaneScalingConfig.tier", update="control_plane_tier", absent="standard"),
        Setting("version", "version", update="version"),
    )
    # In this order: quick and protecting ones first; the upgrade last, on a cluster that is otherwise as declared.
    updates = {
        "deletion_protection": config_update(),
        "upgrade_policy": config_update(),
        "access": config_update(),
        "encryption": Update("AssociateEncryptionConfig", token=TOKEN, by={"clusterName": "name"}),
        "logging": config_update(),
        "vpc": config_update(whole=True),
        "endpoint_access": config_update(whole=True),
        "zonal_shift": config_update(),
        "auto_mode": config_update(),
        "control_plane_tier": config_update(),
        "version": Update("UpdateClusterVersion", token=TOKEN),
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "arn"})
    states = States(
        "status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING", "PENDING"}),
        deleting=frozenset({"DELETING"}),
        failed={"FAILED": "Mend the cause, remove the cluster (state: absent) and run again."},
    )
    timeout = 1200
    extra_operations = ("DescribeUpdate",)
    passing = {
        # The role and its policies were made a moment ago, and not all of AWS has seen them yet.
        "InvalidParameterException": (
            "does not exist",
            "Role with arn",
            "Error in role params",
            "Role could not be assumed",
            "could not be assumed because",
            "doesn't have the Amazon EKS Managed Policies",
            "IAM role's policy must include",
        ),
    }
    unmanaged = {
        **dict.fromkeys(
            ("AssociateIdentityProviderConfig", "DisassociateIdentityProviderConfig"),
            "people come through IAM; one that is there is reported",
        ),
        **dict.fromkeys(
            ("CreateFargateProfile", "DeleteFargateProfile"),
            "none; one that is there is reported, and blocks the removal",
        ),
        **dict.fromkeys(
            (
                "ActivateCertificateAuthority",
                "CreateCapability",
                "CreateCertificateAuthority",
                "DeleteCapability",
                "DeleteCertificateAuthority",
                "UpdateCapability",
            ),
            "left alone",
        ),
        **dict.fromkeys(("CancelUpdate", "StartInsightsRefresh"), "they change nothing that lasts"),
        **dict.fromkeys(
            (
                "CreateCluster.computeConfig.nodePools",
                "CreateCluster.computeConfig.nodeRoleArn",
                "UpdateClusterConfig.computeConfig.nodePools",
                "UpdateClusterConfig.computeConfig.nodeRoleArn",
            ),
            "of EKS Auto Mode, which is off",
        ),
        **dict.fromkeys(
            (
                "UpdateClusterConfig.kubernetesNetworkConfig.ipFamily",
                "UpdateClusterConfig.kubernetesNetworkConfig.serviceIpv4Cidr",
            ),
            "EKS changes neither of a cluster that exists",
        ),
        **dict.fromkeys(
            ("CreateCluster.remoteNetworkConfig", "UpdateClusterConfig.remoteNetworkConfig"), "no hybrid nodes"
        ),
        "CreateCluster.outpostConfig": "not on Outposts",
        **dict.fromkeys(
            (
                f"{operation}.{member}"
                for operation in ("CreateCluster", "UpdateClusterConfig")
                for member in (
                    "kubeApiServerConfig",
                    "kubeControllerManagerConfig",
                    "kubeSchedulerConfig",
                    "resourcesVpcConfig.controlPlaneEgressMode",
                )
            ),
            "AWS's defaults for the control plane",
        ),
        "UpdateClusterVersion.rollbackConfig": "AWS's default for upgrades",
    }
    hints = {
        "InvalidParameterException": NODES_FIRST,
        "InvalidRequestException": NODES_FIRST,
        "ResourceInUseException": {
            "attached": "Remove its node groups (agent_platform.aws.eks_nodegroup) and Fargate profiles, and run again."
        },
        "InvalidStateException": {
            "": "The upgrade insights say what blocks it (aws eks list-insights). Mend that, or set force to true."
        },
    }

    def before_delete(self, current):
        super().before_delete(current)
        logging = next(setting for setting in self.settings if setting.option == "logging")
        enabled = self.decoded(logging, current)
        # EKS delivers what it still has after the end, and makes the log group again for that.
        if enabled and self.state_of(current) in self.states.ready:
            try:
                self.apply_update("logging", {"logging": Change(logging, enabled, [])}, current)
                self.finish_update()
            except ResourceError as error:
                # No reason to keep it, such as when its role is gone.
                self.module.warn(f"The logs of {self.title} stay on, so EKS may make their group again. {error}")

    def create_request(self):
        request = super().create_request()
        if self.options["endpoint_public_access"] is False:
            request["resourcesVpcConfig"].pop("publicAccessCidrs", None)
        request["bootstrapSelfManagedAddons"] = self.options["bootstrap_self_managed_addons"]
        for member in AUTO_MODE if self.options["auto_mode"] is not None else ():
            set_path(request, member, self.options["auto_mode"])
        creator = self.options["bootstrap_cluster_creator_admin_permissions"]
        if creator is not None:
            request.setdefault("accessConfig", {})["bootstrapClusterCreatorAdminPermissions"] = creator
        return request

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if name == "endpoint_access" and not self.is_public(current):
            request["resourcesVpcConfig"].pop("publicAccessCidrs", None)
        elif name == "version" and self.options["force"]:
            request["force"] = True
        elif name == "auto_mode":
            for member in AUTO_MODE:
                set_path(request, member, self.options["auto_mode"])
        return request

    def is_public(self, current):
        """Whether the public endpoint is on when all is as declared."""
        declared = self.options["endpoint_public_access"]
        return get_path(current, "resourcesVpcConfig.endpointPublicAccess", True) if declared is None else declared

    def changes(self, current):
        found = super().changes(current)
        if not self.is_public(current):
            found.pop("public_access_cidrs", None)
        return found

    def refuse(self, current, changes):
        version = self.options["version"]
        if version is not None and not placeholder(version):
            minor_version(version, "version")
        if self.options["public_access_cidrs"] == [] and self.is_public(current or {}):
            raise ResourceError(
                f"public_access_cidrs of {self.title} is empty while the public endpoint is on. Name the networks that "
                "may reach it, or set endpoint_public_access to false."
            )
        if current is None:
            self.refuse_new()
            return
        if "version" in changes:
            self.refuse_version(changes["version"])
        if "authentication_mode" in changes:
            self.refuse_mode(changes["authentication_mode"])
        if "encryption_key_arn" in changes:
            self.refuse_key(changes["encryption_key_arn"])

    def refuse_new(self):
        creator = self.options["bootstrap_cluster_creator_admin_permissions"]
        if self.options["authentication_mode"] == "CONFIG_MAP" and creator is False:
            raise ResourceError(
                f"{self.title} would be out of reach for everybody: with authentication_mode CONFIG_MAP, "
                "bootstrap_cluster_creator_admin_permissions must be true."
            )

    def refuse_key(self, change):
        if change.current and not placeholder(change.desired):
            raise ResourceError(
                f"{self.title} is encrypted with {change.current}; EKS can't change that to "
                f"{change.desired or 'none'}. Declare the present key, or build a new cluster."
            )

    def refuse_version(self, change):
        if placeholder(change.desired) or not change.current:
            return
        present, wanted = minor_version(change.current, "version"), minor_version(change.desired, "version")
        if wanted < present:
            raise ResourceError(
                f"{self.title} runs Kubernetes {change.current}, declared is {change.desired}: an upgrade isn't taken "
                f'back. Declare version "{change.current}".'
            )
        if wanted[0] != present[0] or wanted[1] > present[1] + 1:
            following = f"{present[0]}.{present[1] + 1}"
            raise ResourceError(
                f"{self.title} runs Kubernetes {change.current}, declared is {change.desired}: EKS upgrades one minor "
                f'version at a time. Declare "{following}", run, upgrade node groups and add-ons, and go on from there.'
            )

    def refuse_mode(self, change):
        present = AUTHENTICATION_MODES.index(change.current) if change.current in AUTHENTICATION_MODES else 0
        wanted = AUTHENTICATION_MODES.index(change.desired)
        if wanted < present:
            raise ResourceError(
                f"{self.title} has authentication_mode {change.current}; EKS doesn't go back to {change.desired}. "
                f"Declare {change.current}."
            )
        if wanted > present + 1:
            raise ResourceError(
                f"{self.title} has authentication_mode {change.current}; EKS goes to {change.desired} only by way of "
                "API_AND_CONFIG_MAP. Declare that first, give everybody in the config map aws-auth an access entry, "
                "and go on then."
            )


def main():
    run_module(EksCluster, DOCUMENTATION, {"encryption_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
