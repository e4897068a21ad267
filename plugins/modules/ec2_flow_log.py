#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_flow_log
version_added: 0.1.0
short_description: Manage a flow log of a VPC, a subnet or a network interface
description:
  - Creates, replaces, tags and deletes one flow log.
  - A resource can have several flow logs. The one that is meant bears the tags in O(owned_by) and the C(Name) in
    O(tags). If none does, it is the one that delivers to the declared destination, and if that has lost one of the tags
    in O(owned_by), they are put back. All others are left alone.
  - AWS can't change a flow log. When a setting differs, the module makes a new one and then deletes the old one.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  resource_id:
    description:
      - ID of the VPC, subnet or network interface whose traffic is recorded.
        It is needed, here or in each entry of O(aggregate).
    type: str
  flow_log_id:
    description:
      - ID of the flow log, where it is known.
    type: str
  resource_type:
    description:
      - What O(resource_id) is.
    type: str
    choices: [VPC, Subnet, NetworkInterface]
    default: VPC
  traffic_type:
    description:
      - Which traffic is recorded. AWS needs it to make a flow log.
    type: str
    choices: [ACCEPT, REJECT, ALL]
  log_destination_type:
    description:
      - What kind of destination the records go to. AWS takes V(cloud-watch-logs) if it isn't set.
    type: str
    choices: [cloud-watch-logs, s3, kinesis-data-firehose]
  log_group_name:
    description:
      - Name of the CloudWatch log group that receives the records.
    type: str
  log_destination:
    description:
      - ARN of the destination. That of a log group may end in C(:*) or not.
      - For a bucket it may end in a folder, C(arn:aws:s3:::bucket/folder/).
    type: str
  delivery_role_arn:
    description:
      - ARN of the role that writes into the log group. It must trust the service C(vpc-flow-logs.amazonaws.com).
      - A role that was made a moment ago is waited for.
    type: str
  cross_account_role_arn:
    description:
      - ARN of the role that delivers to a Firehose stream of another account.
    type: str
  max_aggregation_interval:
    description:
      - Over how many seconds packets are summed up in one record. AWS takes V(600) if it isn't set.
    type: int
    choices: [60, 600]
  log_format:
    description:
      - Fields of a record, in order. AWS takes its default format if it isn't set.
    type: str
  destination_options:
    description:
      - How files are laid out in a bucket.
    type: dict
    suboptions:
      file_format:
        description: Format of the files.
        type: str
        choices: [plain-text, parquet]
      hive_compatible_partitions:
        description: Whether the folders are named as Hive reads them.
        type: bool
      per_hour_partition:
        description: Whether every hour has its own folder.
        type: bool
  replace:
    description:
      - Whether a flow log whose settings differ is replaced. The records written so far stay where they are.
      - The old one is deleted when the new one exists. One that an interrupted run left over is deleted by the next.
      - With V(false) the module fails and names what differs.
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Record all traffic of the VPC in a log group
  agent_platform.aws.ec2_flow_log:
    resource_id: vpc-0123456789abcdef0
    traffic_type: ALL
    log_destination_type: cloud-watch-logs
    log_group_name: /aws/vpc/demo/flow-logs
    delivery_role_arn: arn:aws:iam::123456789012:role/demo-flow-logs
    max_aggregation_interval: 60
    tags:
      Name: demo-flow-log

- name: Record what a subnet refuses in a bucket, as Parquet files by the hour
  agent_platform.aws.ec2_flow_log:
    resource_id: subnet-0123456789abcdef0
    resource_type: Subnet
    traffic_type: REJECT
    log_destination_type: s3
    log_destination: arn:aws:s3:::demo-traffic/refused/
    destination_options:
      file_format: parquet
      per_hour_partition: true

- name: Delete the flow log of that name
  agent_platform.aws.ec2_flow_log:
    resource_id: vpc-0123456789abcdef0
    tags:
      Name: demo-flow-log
    state: absent
"""

RETURN = r"""
flow_log:
  description: The flow log as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    flow_log_id:
      description: ID of the flow log. A replacement has a new one.
      type: str
      sample: fl-0123456789abcdef0
    flow_log_status:
      description: Status of the flow log.
      type: str
      sample: ACTIVE
    deliver_logs_status:
      description: Whether the last delivery worked. Absent before the first one.
      type: str
      sample: SUCCESS
    deliver_logs_error_message:
      description: Why the last delivery failed.
      type: str
    deliver_logs_permission_arn:
      description: ARN of the role that writes into the log group.
      type: str
    log_destination_type:
      description: Kind of the destination.
      type: str
      sample: cloud-watch-logs
    log_group_name:
      description: Name of the log group, for that kind of destination.
      type: str
      sample: /aws/vpc/demo/flow-logs
    log_destination:
      description: ARN of the destination.
      type: str
    log_format:
      description: Fields of a record.
      type: str
    max_aggregation_interval:
      description: Seconds that one record sums up.
      type: int
      sample: 600
    resource_id:
      description: ID of the resource whose traffic is recorded.
      type: str
      sample: vpc-0123456789abcdef0
    traffic_type:
      description: Which traffic is recorded.
      type: str
      sample: ALL
    tags:
      description: Tags of the flow log.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update, texts
from ..module_utils.ec2 import Ec2Resource, ec2_tagging
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import run_module

# AWS gives the same refusal under either code, as an error or as an item of a successful answer.
ROLE_NOT_YET_USABLE = ("Unable to assume given IAM role",)


def place_of(destination: str) -> str:
    """A destination without the ends that mean nothing: the streams of a log group, the '/' after a folder."""
    return destination.removesuffix(":*").removesuffix("/")


def log_group_of(destination: str) -> str:
    """The name of a log group, from its ARN with or without the end that stands for its streams."""
    return destination.rpartition(":log-group:")[2].removesuffix(":*")


class FlowLog(Ec2Resource):
    kind = "flow log"
    result = "flow_log"
    names = {"ResourceId": "resource_id"}
    identifier = "FlowLogId"
    known_by = "flow_log_id"
    placed = True
    tagged_as = "vpc-flow-log"
    describe = Describe("DescribeFlowLogs", "FlowLogs", many=True)
    made_at = "CreationTime"
    create = Create(
        "CreateFlowLogs", token="ClientToken", exists=("FlowLogAlreadyExists",), tags=None, made="FlowLogIds"
    )
    delete = Delete("DeleteFlowLogs", missing=("InvalidFlowLogId.NotFound",), by={"FlowLogIds": ["FlowLogId"]})
    settings = (
        Setting("traffic_type", "TrafficType", update="replacement"),
        Setting("log_destination_type", "LogDestinationType", update="replacement"),
        Setting("log_group_name", "LogGroupName", update="replacement"),
        Setting(
            "log_destination",
            "LogDestination",
            update="replacement",
            same=lambda have, want: have is not None and place_of(have) == place_of(want),
        ),
        Setting("delivery_role_arn", "DeliverLogsPermissionArn", update="replacement"),
        Setting("cross_account_role_arn", "DeliverCrossAccountRole", update="replacement"),
        Setting("max_aggregation_interval", "MaxAggregationInterval", update="replacement"),
        Setting("log_format", "LogFormat", update="replacement"),
        Setting("destination_options", "DestinationOptions", update="replacement"),
    )
    updates = {"replacement": Update("CreateFlowLogs")}
    tagging = ec2_tagging("FlowLogId")
    states = States(
        "DeliverLogsStatus",
        ready=frozenset({"SUCCESS"}),
        degraded={
            "FAILED": "Check that the destination exists and that the role or its policy lets flow logs write to it."
        },
    )
    unmanaged = {"CreateFlowLogs.TagFieldSpecifications": "fields of tags in the records aren't offered"}
    passing = dict.fromkeys(("InvalidParameter", "400"), ROLE_NOT_YET_USABLE)
    timeout = 120
    poll = 5.0

    def prepare(self):
        self.superseded = []
        self.destination = self.options["log_destination"] or self.options["log_group_name"]
        meant = self.marks() or self.known_id
        if not self.destination and (self.options["state"] == "present" or not meant):
            raise ResourceError(
                f"It isn't clear which flow log of {self.options['resource_id']!r} is meant: "
                "set log_group_name or log_destination, or for state=absent owned_by or a Name in tags."
            )

    def describe_request(self):
        return {"Filter": self.filters({"resource-id": self.options["resource_id"]})}

    def choose(self, found):
        marks = self.marks()
        ours = self.marked(found, marks) if marks else []
        candidates = ours or [item for item in found if self.delivers_as_declared(item)]
        fitting = [item for item in candidates if not self.changes(item)]
        # Others that bear our marks are what a replacement leaves behind when it is interrupted.
        self.superseded = [item for item in ours if item not in fitting] if fitting else []
        return fitting or candidates

    def normal(self, description):
        """AWS names a log group by its name, by its ARN or by both."""
        destination = description.get("LogDestination")
        if description.get("LogDestinationType") == "cloud-watch-logs" and destination:
            return {"LogGroupName": log_group_of(destination), **description}
        return description

    def delivers_as_declared(self, description):
        if description.get("LogGroupName"):
            return bool(self.destination) and description["LogGroupName"] == log_group_of(self.destination)
        return place_of(description.get("LogDestination") or "") == place_of(self.destination or "")

    def changes(self, current):
        changes = super().changes(current)
        # The ARN was declared, and AWS shows the name alone.
        if not current.get("LogDestination") and current.get("LogGroupName") and self.delivers_as_declared(current):
            changes.pop("log_destination", None)
        return changes

    def create_request(self):
        request = super().create_request()
        request["ResourceIds"] = [request.pop("ResourceId")]
        request["ResourceType"] = self.options["resource_type"]
        return request

    def refuse(self, current, changes):
        if changes and not self.options["replace"]:
            raise ResourceError(
                f"{self.title} can't be changed in place ({texts(changes)}). "
                "Go back to the present value, or set replace: true for a new one in its place."
            )

    def make_present(self, current):
        after = super().make_present(current)
        for old in self.superseded:
            self.changed = True
            if not self.check_mode:
                self.remove(old)
        return after

    def update_replacement(self, _changes, current):
        """Make the new one beside the old one, which make_present removes."""
        request = self.replacement_request(current)
        doing = f"replace {self.title}"
        try:
            response = self.write(self.create.operation, request, doing)
        except ResourceError as error:
            if error_code(error.cause) not in self.create.exists:
                raise
            # AWS takes the two for the same one, so the old one must go first.
            self.remove(current)
            # With the same token AWS would repeat its refusal.
            request[self.create.token] = f"{self.token}-successor"
            response = self.write(self.create.operation, request, doing)
        made = set(response["FlowLogIds"])
        self.wait_until(lambda now: now is not None and now["FlowLogId"] in made, "visible")

    def replacement_request(self, current):
        """What is declared; and of the old one what isn't: its other settings and its tags."""
        request = self.create_request()
        kept = ["TrafficType", "MaxAggregationInterval", "LogFormat"]
        if self.options["log_destination_type"] in (None, current.get("LogDestinationType")):
            kept += ["LogDestinationType", "DeliverLogsPermissionArn", "DeliverCrossAccountRole", "DestinationOptions"]
        for member in kept:
            if current.get(member) is not None:
                request.setdefault(member, current[member])
        purge = self.options["tags"] is not None and self.options["purge_tags"]
        old = {} if purge else {key: tag for key, tag in self.tags_of(current).items() if not key.startswith("aws:")}
        request |= self.tag_specifications({**old, **(self.options["tags"] or {})})
        # The same for every attempt of this run; another one than that of a create from nothing.
        request[self.create.token] = f"{self.token}-replacement"
        return request

    def remove(self, flow_log):
        doing = f"delete {flow_log['FlowLogId']}, the predecessor of {self.title}"
        self.write(self.delete.operation, self.delete_request(flow_log), doing, self.delete.missing)

    def reasons(self, current):
        return current.get("DeliverLogsErrorMessage", "")


def main():
    run_module(FlowLog, DOCUMENTATION, mutually_exclusive=[("log_group_name", "log_destination")])


if __name__ == "__main__":
    main()
