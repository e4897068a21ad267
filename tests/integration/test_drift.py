# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was changed or removed behind our back is mended by a run of its component, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, Account, Run

from . import census
from .conftest import Platform

CLUSTER = f"{PREFIX}-eks"


@pytest.fixture(autouse=True)
def _leave_it_converged(platform: Platform) -> Iterator[None]:
    """Every test ends with the account as the first run left it."""
    yield
    assert census.differences(platform.census, census.take(platform.account)) == []


def ours(**more: str) -> list[dict]:
    """EC2's filters for what the platform owns."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in {**OWNER, **more}.items()]


def mend(platform: Platform, component: str) -> Run:
    """Run one component; what it changed must be all there was to change."""
    run = platform.account.run("--limit", component, note=f"mends {component}").assert_converged()
    assert run.total("changed") > 0, run.explain()
    assert {host for host, _task in run.changed} == {component}, run.explain()
    assert census.differences(platform.census, census.take(platform.account)) == [], run.explain()
    return run


def changed_tasks(run: Run) -> set[str]:
    """The names of the tasks that changed something, without their role and file."""
    return {task.split(" : ")[-1].split(" | ")[-1] for _host, task in run.changed}


class TestOneThing:
    """The three that a run must mend exactly: one changed task, one write."""

    def test_a_deleted_addon(self, platform):
        eks = platform.account.client("eks")
        eks.delete_addon(clusterName=CLUSTER, addonName="metrics-server")
        eks.get_waiter("addon_deleted").wait(
            clusterName=CLUSTER, addonName="metrics-server", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        run = mend(platform, "eks")
        assert changed_tasks(run) == {"Install the add-ons"}
        assert run.calls.writes == Calls({("eks", "CreateAddon"): 1})

    def test_a_deleted_route(self, platform):
        ec2 = platform.account.client("ec2")
        (table, *_others) = platform.account.pages(
            "ec2", "describe_route_tables", "RouteTables", Filters=ours(Name=f"{PREFIX}-private-*")
        )
        ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
        run = mend(platform, "network")
        assert changed_tasks(run) == {"Lead each private subnet to its NAT gateway"}
        assert run.calls.writes == Calls({("ec2", "CreateRoute"): 1})

    def test_a_deleted_policy_of_a_workload(self, platform):
        iam = platform.account.client("iam")
        role = f"{PREFIX}-llm-gateway"
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
        dry = platform.account.run("--check", "--limit", "workload_identity", note="shows drift").assert_converged()
        assert changed_tasks(dry) == {"Make the roles"}
        assert not dry.calls.writes
        run = mend(platform, "workload_identity")
        assert changed_tasks(run) == {"Make the roles"}
        assert run.calls.writes == Calls({("iam", "PutRolePolicy"): 1})

    def test_metadata_options_of_the_bastion(self, platform):
        ec2 = platform.account.client("ec2")
        (reservation,) = platform.account.pages(
            "ec2", "describe_instances", "Reservations", Filters=ours(Name=f"{PREFIX}-bastion")
        )
        (instance,) = reservation["Instances"]
        ec2.modify_instance_metadata_options(
            InstanceId=instance["InstanceId"], HttpTokens="optional", HttpPutResponseHopLimit=2
        )
        run = mend(platform, "bastion_instance")
        assert changed_tasks(run) == {"Launch the instance"}
        assert run.calls.writes == Calls({("ec2", "ModifyInstanceMetadataOptions"): 1})
        (now,) = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"]
        assert now["MetadataOptions"]["HttpTokens"] == "required"
        assert now["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def policy(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def stop(account: Account, instance_id: str) -> None:
    ec2 = account.client("ec2")
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def disappear(platform: Platform, things: dict[str, Callable]) -> None:
    for thing, remove in things.items():
        before = census.take(platform.account)
        remove()
        assert census.differences(before, census.take(platform.account)), f"{thing} did not change anything"


class TestSeveralThings:
    """Each kind of thing once removed or changed by hand, and all of a component mended by one run."""

    def test_encryption(self, platform):
        kms = platform.account.client("kms")
        key_id = kms.describe_key(KeyId=f"alias/{PREFIX}-key")["KeyMetadata"]["KeyId"]
        disappear(
            platform,
            {
                "rotation": lambda: kms.disable_key_rotation(KeyId=key_id),
                "alias": lambda: kms.delete_alias(AliasName=f"alias/{PREFIX}-key"),
            },
        )
        mend(platform, "encryption")
        assert kms.describe_key(KeyId=f"alias/{PREFIX}-key")["KeyMetadata"]["KeyId"] == key_id

    def test_network(self, platform):
        account = platform.account
        ec2, logs, iam = account.client("ec2"), account.client("logs"), account.client("iam")

        def first(operation: str, member: str, filter_member: str = "Filters", **tags: str) -> dict:
            return account.pages("ec2", operation, member, **{filter_member: ours(**tags)})[0]

        group = first("describe_security_groups", "SecurityGroups", Name=f"{PREFIX}-aurora")
        default = first("describe_security_groups", "SecurityGroups", Name=f"{PREFIX}-default")
        table = first("describe_route_tables", "RouteTables", Name=f"{PREFIX}-public")
        association = next(item for item in table["Associations"] if item.get("SubnetId"))
        flow_log = first("describe_flow_logs", "FlowLogs", "Filter")
        endpoints = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=ours())
        endpoint = next(item for item in endpoints if item["State"].lower() == "available")
        unused = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        disappear(
            platform,
            {
                "rule": lambda: ec2.revoke_security_group_ingress(
                    GroupId=group["GroupId"], IpPermissions=group["IpPermissions"][:1]
                ),
                "rule too much": lambda: ec2.authorize_security_group_ingress(
                    GroupId=group["GroupId"], IpPermissions=[unused]
                ),
                "rule in the default group": lambda: ec2.authorize_security_group_ingress(
                    GroupId=default["GroupId"], IpPermissions=[unused]
                ),
                "association": lambda: ec2.disassociate_route_table(
                    AssociationId=association["RouteTableAssociationId"]
                ),
                "flow log": lambda: ec2.delete_flow_logs(FlowLogIds=[flow_log["FlowLogId"]]),
                "endpoint": lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]]),
                "retention": lambda: logs.delete_retention_policy(logGroupName=f"/aws/vpc/{PREFIX}/flow-logs"),
                "policy": lambda: iam.delete_role_policy(
                    RoleName=f"{PREFIX}-flow-logs",
                    PolicyName=iam.list_role_policies(RoleName=f"{PREFIX}-flow-logs")["PolicyNames"][0],
                ),
            },
        )
        mend(platform, "network")

    def test_eks(self, platform):
        eks, iam = platform.account.client("eks"), platform.account.client("iam")
        ec2 = platform.account.client("ec2")
        administrators = f"arn:aws:iam::{platform.account.id}:role/platform-administrators"
        cluster_group = f"{PREFIX}-default"
        (template,) = platform.account.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=ours())
        disappear(
            platform,
            {
                "access entry": lambda: eks.delete_access_entry(clusterName=CLUSTER, principalArn=administrators),
                "scaling": lambda: eks.update_nodegroup_config(
                    clusterName=CLUSTER,
                    nodegroupName=cluster_group,
                    scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1},
                ),
                "attachment": lambda: iam.detach_role_policy(
                    RoleName=f"{PREFIX}-eks-nodes", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
                ),
                "role of an add-on": lambda: iam.delete_role_policy(
                    RoleName=f"{PREFIX}-ebs-csi-driver",
                    PolicyName=iam.list_role_policies(RoleName=f"{PREFIX}-ebs-csi-driver")["PolicyNames"][0],
                ),
                "hop limit": lambda: ec2.modify_launch_template(
                    LaunchTemplateId=template["LaunchTemplateId"],
                    DefaultVersion=str(
                        ec2.create_launch_template_version(
                            LaunchTemplateId=template["LaunchTemplateId"],
                            SourceVersion="$Latest",
                            LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}},
                        )["LaunchTemplateVersion"]["VersionNumber"]
                    ),
                ),
            },
        )
        mend(platform, "eks")

    def test_workload_identity(self, platform):
        iam = platform.account.client("iam")

        def delete_role(name: str) -> None:
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
            iam.delete_role(RoleName=name)

        anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        disappear(
            platform,
            {
                "role": lambda: delete_role(f"{PREFIX}-retrieval-gateway"),
                "trust": lambda: iam.update_assume_role_policy(
                    RoleName=f"{PREFIX}-agent", PolicyDocument=policy(anyone)
                ),
                "policy too much": lambda: iam.put_role_policy(
                    RoleName=f"{PREFIX}-agent",
                    PolicyName="by-hand",
                    PolicyDocument=policy(anything),
                ),
            },
        )
        mend(platform, "workload_identity")

    def test_bastion_instance(self, platform):
        account = platform.account
        ec2, iam, s3, eks = (account.client(service) for service in ("ec2", "iam", "s3", "eks"))
        name, role_arn = f"{PREFIX}-bastion", f"arn:aws:iam::{account.id}:role/{PREFIX}-bastion"
        bucket = f"{name}-transfer-{account.id}"
        (reservation,) = account.pages("ec2", "describe_instances", "Reservations", Filters=ours(Name=name))
        instance_id = reservation["Instances"][0]["InstanceId"]
        (other,) = account.pages(
            "ec2", "describe_security_groups", "SecurityGroups", Filters=ours(Name=f"{PREFIX}-nodes")
        )
        disappear(
            platform,
            {
                "monitoring": lambda: ec2.unmonitor_instances(InstanceIds=[instance_id]),
                "security group": lambda: ec2.modify_instance_attribute(
                    InstanceId=instance_id, Groups=[other["GroupId"]]
                ),
                "running": lambda: stop(account, instance_id),
                "permissions": lambda: iam.delete_role_policy(RoleName=name, PolicyName="permissions"),
                "role in the profile": lambda: iam.remove_role_from_instance_profile(
                    InstanceProfileName=name, RoleName=name
                ),
                "public access block": lambda: s3.delete_public_access_block(Bucket=bucket),
                "bucket policy": lambda: s3.delete_bucket_policy(Bucket=bucket),
                "expiry": lambda: s3.delete_bucket_lifecycle(Bucket=bucket),
                "access entry": lambda: eks.delete_access_entry(clusterName=CLUSTER, principalArn=role_arn),
                "password": lambda: account.client("secretsmanager").delete_secret(SecretId=f"{name}-code-server"),
            },
        )
        mend(platform, "bastion_instance")

    def test_a_terminated_bastion_comes_again(self, platform):
        account = platform.account
        filters = ours(Name=f"{PREFIX}-bastion")
        (reservation,) = account.pages("ec2", "describe_instances", "Reservations", Filters=filters)
        (instance,) = reservation["Instances"]
        ec2 = account.client("ec2")
        ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        ec2.get_waiter("instance_terminated").wait(
            InstanceIds=[instance["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        run = mend(platform, "bastion_instance")
        assert run.calls.writes == Calls({("ec2", "RunInstances"): 1})
