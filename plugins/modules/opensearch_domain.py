#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearch_domain
version_added: 0.1.0
short_description: Manage an Amazon OpenSearch Service domain
description:
  - Creates, changes, upgrades and deletes a domain of OpenSearch Service.
  - It replaces M(community.aws.opensearch), which in release 11.2.0 knows neither gp3 throughput nor off-peak windows,
    software updates, standby or dual-stack, compares access policies as texts, and takes a change for done that
    AWS has refused after its validation.
  - All that differs goes to AWS in one change, because AWS may replace all nodes for each (blue/green), which takes
    from minutes to hours. A change, an upgrade or an update of AWS's own that is under way is waited for first.
  - AWS validates a change after it has accepted it. One that fails is an error with the reasons that AWS gives.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the domain, unique in the account and region. 3 to 28 lower-case letters, digits and hyphens, a letter
        first.
    type: str
    required: true
  engine_version:
    description:
      - Version of the engine, such as V(OpenSearch_3.5). A new domain gets the newest one if not set.
      - An upgrade goes to one of the versions that AWS calls compatible, after AWS has checked that nothing is in its
        way. It is never taken back.
    type: str
  instance_type:
    description:
      - Type of the data nodes, such as V(r7g.large.search). Needed to create a domain.
    type: str
  instance_count:
    description:
      - Number of data nodes. Needed to create a domain.
    type: int
  dedicated_master_enabled:
    description:
      - Whether the cluster is led by nodes that hold no data.
    type: bool
  dedicated_master_type:
    description:
      - Type of these nodes.
    type: str
  dedicated_master_count:
    description:
      - Number of these nodes.
    type: int
    choices: [3, 5]
  zone_awareness_enabled:
    description:
      - Whether nodes and replicas are spread over several availability zones.
    type: bool
  availability_zone_count:
    description:
      - Over how many.
    type: int
    choices: [2, 3]
  multi_az_with_standby:
    description:
      - Whether the nodes of one of three zones stand by for those of another.
    type: bool
  warm_enabled:
    description:
      - Whether there are UltraWarm nodes, for indexes that are only read.
    type: bool
  warm_type:
    description:
      - Type of these nodes.
    type: str
    choices: [ultrawarm1.medium.search, ultrawarm1.large.search, ultrawarm1.xlarge.search]
  warm_count:
    description:
      - Number of these nodes.
    type: int
  cold_storage:
    description:
      - Whether warm indexes can be detached into cold storage.
    type: bool
  ebs_enabled:
    description:
      - Whether data nodes have EBS volumes. Types with disks of their own have none.
    type: bool
  volume_type:
    description:
      - Type of the volumes.
    type: str
    choices: [standard, gp2, io1, gp3]
  volume_size:
    description:
      - Size of the volume of one data node, in GiB. The module refuses to make it smaller.
    type: int
  iops:
    description:
      - Operations a second of a volume, for gp3 and io1.
    type: int
  throughput:
    description:
      - Throughput of a volume in MiB/s, for gp3.
    type: int
  access_policies:
    description:
      - Who may reach the domain. What AWS writes in another way and means the same is no difference.
      - AWS refuses a principal that doesn't exist.
    type: json
  ip_address_type:
    description:
      - Addresses of the endpoint. AWS doesn't go back from V(dualstack).
    type: str
    choices: [ipv4, dualstack]
  subnet_ids:
    description:
      - Subnets of the domain, one in each of its zones. A domain that was made without stays reachable from the
        internet, and one that was made with stays in its VPC.
    type: list
    elements: str
  security_group_ids:
    description:
      - Security groups of the domain's network interfaces.
    type: list
    elements: str
  encryption_key_arn:
    description:
      - ARN of the KMS key that encrypts the data of the domain. It can't be changed later, and encryption can't be
        turned off.
    type: str
  node_to_node_encryption:
    description:
      - Whether nodes talk to each other through TLS. It can't be turned off later.
    type: bool
  enforce_https:
    description:
      - Whether the endpoint takes HTTPS only.
    type: bool
  tls_security_policy:
    description:
      - Which versions of TLS and which ciphers the endpoint takes.
    type: str
    choices:
      - Policy-Min-TLS-1-0-2019-07
      - Policy-Min-TLS-1-2-2019-07
      - Policy-Min-TLS-1-2-PFS-2023-10
      - Policy-Min-TLS-1-2-RFC9151-FIPS-2024-08
  fine_grained_access:
    description:
      - Whether roles of the engine's own decide on indexes, documents and fields. It can't be turned off later.
      - It needs O(master_user_arn), encryption at rest and between nodes, and HTTPS.
    type: bool
  internal_user_database:
    description:
      - Whether the domain has users and passwords of its own besides IAM.
    type: bool
  master_user_arn:
    description:
      - ARN of the IAM role or user that may do everything in the domain. It is sent when the domain is created or
        fine-grained access is turned on.
      - AWS doesn't tell it, so what someone else has made of it isn't seen.
    type: str
  anonymous_auth:
    description:
      - Whether everybody whom the access policy lets in may do everything, for the 30 days after fine-grained access
        was turned on for a domain that existed.
    type: bool
  log_groups:
    description:
      - ARNs of the log groups that the domain writes to, by the kind of log (C(INDEX_SLOW_LOGS), C(SEARCH_SLOW_LOGS),
        C(ES_APPLICATION_LOGS), C(AUDIT_LOGS)). Logs that aren't named are turned off.
      - A resource policy must let OpenSearch Service write there, see M(agent_platform.aws.logs_resource_policy).
    type: dict
  advanced_options:
    description:
      - Options of the engine, such as C(indices.query.bool.max_clause_count). Options that aren't named stay as they
        are. Their values are texts.
    type: dict
  auto_tune:
    description:
      - Whether AWS tunes the memory of the nodes by what it sees. Not for types of the families t2 and t3.
    type: bool
  auto_tune_off_peak:
    description:
      - Whether Auto-Tune waits with what replaces nodes for the off-peak window.
    type: bool
  off_peak_window_start:
    description:
      - When the ten hours of the day begin in which AWS may replace nodes of itself, as V(HH:MM) in UTC.
    type: str
  auto_software_update:
    description:
      - Whether AWS installs updates of its service software by itself, in the off-peak window.
    type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a domain of three nodes in three zones
  agent_platform.aws.opensearch_domain:
    name: demo-search
    engine_version: OpenSearch_3.5
    instance_type: r7g.large.search
    instance_count: 3
    zone_awareness_enabled: true
    availability_zone_count: 3
    ebs_enabled: true
    volume_type: gp3
    volume_size: 100
    subnet_ids: [subnet-1, subnet-2, subnet-3]
    security_group_ids: [sg-1]
    encryption_key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    node_to_node_encryption: true
    enforce_https: true
    tls_security_policy: Policy-Min-TLS-1-2-PFS-2023-10
    fine_grained_access: true
    master_user_arn: arn:aws:iam::123456789012:role/demo-search-admin
    tags:
      Project: demo

- name: Upgrade it, and wait for up to three hours
  agent_platform.aws.opensearch_domain:
    name: demo-search
    engine_version: OpenSearch_3.7
    wait_timeout: 10800

- name: Delete it with all its data
  agent_platform.aws.opensearch_domain:
    name: demo-search
    state: absent
"""

RETURN = r"""
domain:
  description: The domain as OpenSearch Service describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the domain.
      type: str
      sample: "arn:aws:es:us-west-2:123456789012:domain/demo-search"
    domain_name:
      description: Name of the domain.
      type: str
    domain_processing_status:
      description: State of the domain.
      type: str
      sample: Active
    endpoints:
      description: Host names of a domain in a VPC, by their kind.
      type: dict
      sample:
        vpc: vpc-demo-search-0123456789.us-west-2.es.amazonaws.com
    engine_version:
      description: Version of the engine.
      type: str
    cluster_config:
      description: Nodes and zones.
      type: dict
    tags:
      description: Tags of the domain.
      type: dict
"""

import re

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import gather, get_path, listed, placeholder, same_key, set_path, version_numbers

MISSING = ("ResourceNotFoundException",)

# Options that mean nothing where the switch is off.
SWITCHED_BY = {
    "dedicated_master_type": "dedicated_master_enabled",
    "dedicated_master_count": "dedicated_master_enabled",
    "availability_zone_count": "zone_awareness_enabled",
    "warm_type": "warm_enabled",
    "warm_count": "warm_enabled",
    "volume_type": "ebs_enabled",
    "volume_size": "ebs_enabled",
    "iops": "ebs_enabled",
    "throughput": "ebs_enabled",
}
ON = frozenset({"ENABLED", "ENABLE_IN_PROGRESS"})
# Ends of a change that leave the domain as it was.
NOT_MADE = frozenset({"ValidationFailed", "PendingUserInput", "Cancelled"})


def config(option, member, **how):
    """A setting that UpdateDomainConfig changes, whose members have the same names in all calls."""
    return Setting(option, member, update="config", **how)


def texts_of(options):
    """The values as AWS has them: a switch of YAML is a text there."""
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in options.items()}


def groups_of(log_groups):
    return {kind: arn.removesuffix(":*") for kind, arn in log_groups.items() if arn}


def logs_to_api(log_groups):
    return {kind: {"CloudWatchLogsLogGroupArn": arn, "Enabled": True} for kind, arn in log_groups.items()}


def logs_from_api(options):
    return groups_of(
        {kind: log.get("CloudWatchLogsLogGroupArn") for kind, log in options.items() if log.get("Enabled", True)}
    )


def time_to_api(text):
    hours, minutes = text.split(":")
    return {"Hours": int(hours), "Minutes": int(minutes)}


def time_given(text):
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"is {text!r}, not a time of day such as '22:00'")
    return text


def comparable(version):
    """What of a version can be compared; Elasticsearch is older than any OpenSearch."""
    engine, _underline, numbers = version.partition("_")
    return engine == "OpenSearch", *version_numbers(numbers)


class Domain(Resource):
    service = "opensearch"
    kind = "OpenSearch domain"
    result = "domain"
    capital_members = True
    names = {"DomainName": "name"}
    needed = ("instance_type", "instance_count")
    describe = Describe("DescribeDomain", "DomainStatus", missing=MISSING)
    create = Create("CreateDomain", exists=("ResourceAlreadyExistsException",), tags="TagList")
    delete = Delete("DeleteDomain", missing=MISSING)
    settings = (
        config("instance_type", "ClusterConfig.InstanceType"),
        config("instance_count", "ClusterConfig.InstanceCount"),
        config("dedicated_master_enabled", "ClusterConfig.DedicatedMasterEnabled", absent=False),
        config("dedicated_master_type", "ClusterConfig.DedicatedMasterType"),
        config("dedicated_master_count", "ClusterConfig.DedicatedMasterCount"),
        config("zone_awareness_enabled", "ClusterConfig.ZoneAwarenessEnabled", absent=False),
        config("availability_zone_count", "ClusterConfig.ZoneAwarenessConfig.AvailabilityZoneCount", absent=2),
        config("multi_az_with_standby", "ClusterConfig.MultiAZWithStandbyEnabled", absent=False),
        config("warm_enabled", "ClusterConfig.WarmEnabled", absent=False),
        config("warm_type", "ClusterConfig.WarmType"),
        config("warm_count", "ClusterConfig.WarmCount"),
        config("cold_storage", "ClusterConfig.ColdStorageOptions.Enabled", absent=False),
        config("ebs_enabled", "EBSOptions.EBSEnabled", absent=False),
        config("volume_type", "EBSOptions.VolumeType"),
        config("volume_size", "EBSOptions.VolumeSize"),
        config("iops", "EBSOptions.Iops"),
        config("throughput", "EBSOptions.Throughput"),
        policy("access_policies", "AccessPolicies", update="config"),
        config("ip_address_type", "IPAddressType", absent="ipv4"),
        config("subnet_ids", "VPCOptions.SubnetIds", unordered=True),
        config("security_group_ids", "VPCOptions.SecurityGroupIds", unordered=True),
        config(
            "encryption_key_arn",
            "EncryptionAtRestOptions.KmsKeyId",
            same=lambda current, desired: bool(current) and same_key(current, desired),
        ),
        config("node_to_node_encryption", "NodeToNodeEncryptionOptions.Enabled", absent=False),
        config("enforce_https", "DomainEndpointOptions.EnforceHTTPS", absent=False),
        config("tls_security_policy", "DomainEndpointOptions.TLSSecurityPolicy"),
        config("fine_grained_access", "AdvancedSecurityOptions.Enabled", absent=False),
        config("internal_user_database", "AdvancedSecurityOptions.InternalUserDatabaseEnabled", absent=False),
        Setting(
            "anonymous_auth",
            None,
            read="AdvancedSecurityOptions.AnonymousAuthEnabled",
            update="config",
            update_members=("AdvancedSecurityOptions.AnonymousAuthEnabled",),
            absent=False,
        ),
        config(
            "log_groups",
            "LogPublishingOptions",
            absent={},
            given=groups_of,
            encode=logs_to_api,
            decode=logs_from_api,
            same=lambda current, desired: current == desired,
        ),
        config("advanced_options", "AdvancedOptions", absent={}, given=texts_of, verbatim=True, partial=True),
        config(
            "auto_tune",
            "AutoTuneOptions.DesiredState",
            read="AutoTuneOptions.State",
            absent=False,
            encode=lambda on: "ENABLED" if on else "DISABLED",
            decode=lambda state: state in ON,
        ),
        config("auto_tune_off_peak", "AutoTuneOptions.UseOffPeakWindow", absent=False),
        config(
            "off_peak_window_start",
            "OffPeakWindowOptions.OffPeakWindow.WindowStartTime",
            given=time_given,
            encode=time_to_api,
            decode=lambda time: f"{time['Hours']:02}:{time['Minutes']:02}",
        ),
        config("auto_software_update", "SoftwareUpdateOptions.AutoSoftwareUpdateEnabled", absent=False),
        Setting("engine_version", "EngineVersion", update="version", update_members=("TargetVersion",)),
    )
    # The upgrade last, of a domain that is otherwise as declared.
    updates = {"config": Update("UpdateDomainConfig"), "version": Update("UpgradeDomain")}
    tagging = Tagging(
        "AddTags",
        "RemoveTags",
        by="ARN",
        read="Tags",
        style="list",
        tags_member="TagList",
        keys_member="TagKeys",
    )
    additions = (Addition("ListTags", "TagList", "Tags", by="ARN", missing=MISSING, empty=[]),)
    states = States(
        "DomainProcessingStatus",
        ready=frozenset({"Active"}),
        pending=frozenset({"Creating", "Modifying", "UpgradingEngineVersion", "UpdatingServiceSoftware"}),
        deleting=frozenset({"Deleting"}),
        failed={
            "Isolated": "AWS cuts off a domain whose required update of the service software is overdue, and deletes "
            "it later on: start the update (aws opensearch start-service-software-update), and run again."
        },
    )
    free_form = ("AdvancedOptions", "Endpoints", "LogPublishingOptions")
    timeout = 2700
    extra_operations = (
        "DescribeDomainChangeProgress",
        "GetCompatibleVersions",
        "GetUpgradeHistory",
        "GetUpgradeStatus",
    )
    passing = {
        # An access policy that names a role of a moment ago.
        "InvalidTypeException": ("Error setting policy",),
        # The service-linked role, the master role or the policy for the log groups was made a moment ago; the last
        # domain of that name isn't gone yet; AWS has begun something of itself.
        "ValidationException": (
            "enable a service-linked role",
            "Domain is still being deleted",
            "must be allowed to use the passed role",
            "The passed role has not propagated yet",
            "The passed role must authorize",
            "Authentication error",
            "must be authorised to describe",
            "A change/update is in progress",
            "The Resource Access Policy specified for the CloudWatch Logs log group",
        ),
    }
    hints = {
        "ValidationException": {
            "Resource Access Policy": "The policy must let es.amazonaws.com create streams and put events in the group "
            "(agent_platform.aws.logs_resource_policy).",
            "enable a service-linked role": "Make it (agent_platform.aws.iam_service_linked_role, "
            "opensearchservice.amazonaws.com), and run again.",
        }
    }
    unmanaged = {
        **dict.fromkeys(
            (
                f"{operation}.{member}"
                for operation in ("CreateDomain", "UpdateDomainConfig")
                for member in (
                    "AIMLOptions",
                    "DeploymentStrategyOptions",
                    "EngineMode",
                    "SoftwareUpdateOptions.UseLatestServiceSoftwareForBlueGreen",
                    "UseCase",
                    "VPCOptions.EgressEnabled",
                )
            ),
            "AWS's defaults",
        ),
        **dict.fromkeys(
            (
                f"{operation}.{member}"
                for operation in ("CreateDomain", "UpdateDomainConfig")
                for member in (
                    "AdvancedSecurityOptions.IAMFederationOptions",
                    "AdvancedSecurityOptions.JWTOptions",
                    "AdvancedSecurityOptions.SAMLOptions",
                    "CognitoOptions",
                    "IdentityCenterOptions",
                )
            ),
            "people and programs come through IAM; another way in is reported",
        ),
        **dict.fromkeys(
            (
                f"{operation}.AdvancedSecurityOptions.MasterUserOptions.{member}"
                for operation in ("CreateDomain", "UpdateDomainConfig")
                for member in ("MasterUserName", "MasterUserPassword")
            ),
            "the master user is an IAM role or user",
        ),
        **dict.fromkeys(
            (
                f"{operation}.DomainEndpointOptions.{member}"
                for operation in ("CreateDomain", "UpdateDomainConfig")
                for member in ("CustomEndpoint", "CustomEndpointCertificateArn", "CustomEndpointEnabled")
            ),
            "the endpoint has the name that AWS gives it",
        ),
        **dict.fromkeys(
            (f"{operation}.ClusterConfig.NodeOptions" for operation in ("CreateDomain", "UpdateDomainConfig")),
            "no coordinator nodes",
        ),
        **dict.fromkeys(
            (f"{operation}.SnapshotOptions" for operation in ("CreateDomain", "UpdateDomainConfig")),
            "snapshots are made each hour; the time of day is of Elasticsearch before 5.3",
        ),
        **dict.fromkeys(
            (f"{operation}.AutomatedSnapshotPauseOptions" for operation in ("CreateDomain", "UpdateDomainConfig")),
            "a pause ends by itself after three days",
        ),
        **dict.fromkeys(
            (
                f"{operation}.AutoTuneOptions.MaintenanceSchedules"
                for operation in ("CreateDomain", "UpdateDomainConfig")
            ),
            "an older form of the off-peak window",
        ),
        "CreateDomain.AdvancedSecurityOptions.AnonymousAuthEnabled": "of domains that exist",
        **dict.fromkeys(
            (f"{operation}.OffPeakWindowOptions.Enabled" for operation in ("CreateDomain", "UpdateDomainConfig")),
            "on since February 2023, and can't be turned off",
        ),
        "UpdateDomainConfig.AutoTuneOptions.RollbackOnDisable": "what Auto-Tune has changed stays without it",
        "UpdateDomainConfig.AcceptedWarnings": "a warning stops the change, and is told",
        "UpdateDomainConfig.DryRunMode": "AWS validates each change before it makes it",
        **dict.fromkeys(
            (
                "CancelDomainConfigChange",
                "CancelServiceSoftwareUpdate",
                "RollbackServiceSoftwareUpdate",
                "StartDomainMaintenance",
                "StartServiceSoftwareUpdate",
                "UpdateScheduledAction",
            ),
            "they are done once; AWS installs updates in the off-peak window",
        ),
        **dict.fromkeys(
            ("AuthorizeVpcEndpointAccess", "CreateVpcEndpoint", "RevokeVpcEndpointAccess"),
            "the access policy decides on who gets in that way, too",
        ),
        **dict.fromkeys(
            (
                "AddDataSource",
                "AssociatePackage",
                "AssociatePackages",
                "DeleteDataSource",
                "DissociatePackage",
                "DissociatePackages",
                "UpdateDataSource",
            ),
            "packages and sources of data are left alone",
        ),
        **dict.fromkeys(("CreateIndex", "DeleteIndex", "UpdateIndex"), "what is in the domain is left alone"),
    }

    def prepare(self):
        self.change = None  # the change of the configuration that AWS has accepted in this run
        self.target_version = None  # the version to which AWS has begun to upgrade
        for option, switch in SWITCHED_BY.items():
            if self.options[switch] is False:
                self.options[option] = None

    def normal(self, description):
        """DomainProcessingStatus also where only the older flags tell that something is under way."""
        status = description.get("DomainProcessingStatus") or "Active"
        if description.get("Deleted"):
            status = "Deleting"
        elif status == "Active" and (description.get("Processing") or description.get("UpgradeProcessing")):
            status = "Modifying"
        elif status == "Active" and not (description.get("Endpoint") or description.get("Endpoints")):
            status = "Creating"
        return {**description, "DomainProcessingStatus": status}

    # ---- Requests

    def create_request(self):
        return self.completed(super().create_request(), new=True)

    def update_request(self, name, changes, current):
        if name != "config":
            return super().update_request(name, changes, current)
        # A part of the configuration goes as a whole, as far as it is declared.
        request, parts = self.named(), {change.setting.members[0].partition(".")[0] for change in changes.values()}
        for setting in self.settings_of(name):
            if setting.members[0].partition(".")[0] in parts and self.options.get(setting.option) is not None:
                set_path(request, setting.members[0], self.encoded(setting))
        if "AdvancedOptions" in request:
            request["AdvancedOptions"] = {**(current.get("AdvancedOptions") or {}), **request["AdvancedOptions"]}
        if "LogPublishingOptions" in parts:
            request["LogPublishingOptions"] = {
                **self.turned_off(current.get("LogPublishingOptions") or {}),
                **request["LogPublishingOptions"],
            }
        return self.completed(request, new="fine_grained_access" in changes)

    @staticmethod
    def turned_off(logs):
        """Logs that are on, as the request has them that turns them off."""
        return {kind: {**log, "Enabled": False} for kind, log in logs.items() if log.get("Enabled", True)}

    def completed(self, request, new):
        """The request with what goes along with its members. new: whether the master user is to be set."""
        if "EncryptionAtRestOptions" in request:
            request["EncryptionAtRestOptions"]["Enabled"] = True
        if new and self.options["master_user_arn"] and "AdvancedSecurityOptions" in request:
            request["AdvancedSecurityOptions"]["MasterUserOptions"] = {"MasterUserARN": self.options["master_user_arn"]}
        return request

    # ---- A change, followed to its end

    def updated(self, name, response):
        if name == "config":
            self.change = get_path(response, "DomainConfig.ChangeProgressDetails.ChangeId")

    def settle(self, current, acted=False):
        current = super().settle(current, acted)
        if current is not None and self.state_of(current) in self.states.ready:
            self.check_change(current)
            self.check_upgrade(current)
        return current

    def check_change(self, current):
        last = current.get("ChangeProgressDetails") or {}
        status = last.get("ConfigChangeStatus")
        if self.change and last.get("ChangeId") == self.change and status in NOT_MADE:
            raise ResourceError(
                f"AWS has not made the change of {self.title} ({status}). {self.why_not_made(last)} "
                "The domain goes on as it was. Mend the cause, and run again."
            )

    def why_not_made(self, change):
        progress = self.read("DescribeDomainChangeProgress", {**self.named(), "ChangeId": self.change}, MISSING) or {}
        failures = gather(progress, "ChangeProgressStatus.ValidationFailures")
        told = [f"{failure.get('Code')}: {failure.get('Message')}" for failure in gather(failures, "")]
        return "; ".join(told) or change.get("Message") or "AWS gives no reason."

    def update_version(self, changes, current):
        wanted = changes["engine_version"].desired
        request = {**self.named(), "TargetVersion": wanted}
        self.write("UpgradeDomain", {**request, "PerformCheckOnly": True}, f"check the upgrade of {self.title}")
        self.settle(self.find_after_write())
        for status in self.looks(self.upgrade_status, self.wait_timeout, pause=1.0, longest=self.poll):
            if status.get("StepStatus") != "IN_PROGRESS":
                break
        if status.get("StepStatus") in ("FAILED", "IN_PROGRESS"):
            raise ResourceError(
                f"{self.title} can't be upgraded to {wanted}: AWS's check is {status['StepStatus']}. "
                f"{self.upgrade_issues()} Mend that, and run again."
            )
        self.write("UpgradeDomain", {**request, "PerformCheckOnly": False}, f"upgrade {self.title} to {wanted}")
        self.target_version = wanted

    def upgrade_status(self):
        return self.read("GetUpgradeStatus", self.named(), MISSING) or {}

    def upgrade_issues(self):
        """What AWS's history says of the last upgrade or check."""
        history = self.read("GetUpgradeHistory", self.named(), MISSING) or {}
        issues = [
            issue for last in (history.get("UpgradeHistories") or [])[:1] for issue in gather(last, "StepsList.Issues")
        ]
        return "; ".join(gather(issues, "")) or "AWS gives no reason (aws opensearch get-upgrade-history)."

    def check_upgrade(self, current):
        if self.target_version and current.get("EngineVersion") != self.target_version:
            raise ResourceError(
                f"AWS has not upgraded {self.title} to {self.target_version}: it runs {current.get('EngineVersion')}. "
                f"{self.upgrade_issues()} Mend that, and run again."
            )

    # ---- Refusals

    def refuse(self, current, changes):
        if current is None:
            if self.options["fine_grained_access"] and not self.options["master_user_arn"]:
                raise ResourceError(f"{self.title} would have no master user: give master_user_arn.")
            return
        self.refuse_off(changes)
        if get_path(current, "VPCOptions.VPCId") is None and "subnet_ids" in changes:
            raise ResourceError(
                f"{self.title} was made outside of a VPC, and AWS can't move it into one. Take its data (a snapshot), "
                "remove it (state: absent), and run again."
            )
        if "volume_size" in changes and changes["volume_size"].desired < (changes["volume_size"].current or 0):
            raise ResourceError(
                f"{self.title} has volumes of {changes['volume_size'].current} GiB, declared are "
                f"{changes['volume_size'].desired}: its data may not fit into less. Declare what is there, or build a "
                "new domain and reindex."
            )
        if "engine_version" in changes:
            self.refuse_version(changes["engine_version"])

    def refuse_off(self, changes):
        """What AWS can turn on and not off, or set and not change."""
        for option in ("node_to_node_encryption", "fine_grained_access"):
            if option in changes and not changes[option].desired:
                raise ResourceError(f"{self.title} has {option} on, which can't be turned off. Declare it true.")
        key = changes.get("encryption_key_arn")
        if key and key.current and not placeholder(key.desired):
            raise ResourceError(
                f"{self.title} is encrypted with {key.current}; AWS can't change that to {key.desired or 'none'}. "
                "Declare the present key, or build a new domain and reindex."
            )
        if "ip_address_type" in changes and changes["ip_address_type"].current == "dualstack":
            raise ResourceError(f"{self.title} is dualstack; AWS doesn't go back to ipv4. Declare dualstack.")

    def refuse_version(self, change):
        if placeholder(change.desired):
            return
        if comparable(change.desired) < comparable(change.current):
            raise ResourceError(
                f"{self.title} runs {change.current}, declared is {change.desired}: an upgrade isn't taken back. "
                f"Declare {change.current}."
            )
        answer = self.read("GetCompatibleVersions", self.named(), doing=f"read the upgrades of {self.title}")
        offered = gather(answer, "CompatibleVersions.TargetVersions")
        versions = [version for item in offered for version in (item if isinstance(item, list) else [item])]
        if change.desired not in versions:
            ways = f"to {listed(versions)} only" if versions else "to none"
            raise ResourceError(
                f"{self.title} runs {change.current}, declared is {change.desired}: AWS upgrades from there {ways}. "
                "Declare one of them, run, and go on from there."
            )


def main():
    run_module(Domain, DOCUMENTATION, {"encryption_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
