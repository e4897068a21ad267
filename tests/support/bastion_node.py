# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An instance that discovery takes for the platform's bastion, made in a moment and without its component."""

from __future__ import annotations

import json
from typing import Any, Protocol

from .playbook import OWNER, PREFIX

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NAME = f"{PREFIX}-bastion"


class HasClients(Protocol):
    def client(self, service: str) -> Any: ...


def launch_bastion(account: HasClients) -> str:
    """Its id. It runs, with the component's instance profile and tags."""
    iam, ec2 = account.client("iam"), account.client("ec2")
    tags = [{"Key": key, "Value": value} for key, value in {**OWNER, "Component": "bastion_instance"}.items()]
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Tags=tags)
    iam.create_instance_profile(InstanceProfileName=NAME, Tags=tags)
    iam.add_role_to_instance_profile(InstanceProfileName=NAME, RoleName=NAME)
    launched: str = ec2.run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": NAME},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [*tags, {"Key": "Name", "Value": NAME}]}],
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[launched], WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
    return launched
