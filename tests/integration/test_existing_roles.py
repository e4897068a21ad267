# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What serious accounts require: roles that the organisation makes, its proxy, its images."""

from __future__ import annotations

import base64
import email
import json

import pytest
import yaml

from tests.support.playbook import PREFIX, REGION, Account

from . import neighbours
from .census import Lister
from .components import eks, network

ACCOUNT = "260000000104"
LIMIT = ("--limit", "encryption,network,eks")
PROXY = "http://proxy.example.com:3128"
FLOW_LOGS = f"{PREFIX}-flow-logs"
NODES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")

pytestmark = [pytest.mark.by_component("eks"), pytest.mark.thorough]


def organisations_role(account: Account, name: str, service: str, *policies: str) -> str:
    """A role that somebody else makes, under a path of his own and without our tags. Returns its ARN."""
    iam = account.client("iam")
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, Path="/organisation/", AssumeRolePolicyDocument=trust)["Role"]
    for policy in policies:
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    return role["Arn"]


def described(account: Account) -> dict[str, object]:
    """All that IAM tells of the organisation's roles."""
    iam, found = account.client("iam"), {}
    for role in account.pages("iam", "list_roles", "Roles"):
        if role["Path"] == "/organisation/":
            name = role["RoleName"]
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
            found[name] = [iam.get_role(RoleName=name)["Role"], attached, inline]
    return found


def own_roles(account: Account) -> set[str]:
    names = {role["RoleName"] for role in account.pages("iam", "list_roles", "Roles")}
    return {name.removeprefix(f"{PREFIX}-") for name in names if name.startswith(f"{PREFIX}-")}


def image(account: Account) -> str:
    """An image of the account's own, as those of Amazon Linux are."""
    ec2 = account.client("ec2")
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}
    made = ec2.register_image(
        Name="nodes", Architecture="x86_64", RootDeviceName="/dev/xvda", BlockDeviceMappings=[volume]
    )
    return made["ImageId"]


def told_nodes(account: Account) -> list[dict]:
    """The parts of the user data of the nodes, by their kinds."""
    (group,) = eks.node_groups(Lister(account), eks.CLUSTER)
    template = group["launchTemplate"]
    (version,) = account.client("ec2").describe_launch_template_versions(
        LaunchTemplateName=template["name"], Versions=[template["version"]]
    )["LaunchTemplateVersions"]
    message = email.message_from_bytes(base64.b64decode(version["LaunchTemplateData"]["UserData"]))
    return {part.get_content_type(): part.get_payload() for part in message.get_payload()}


def test_roles_of_an_organisation_are_used_and_left_alone(new_account):
    account = new_account(ACCOUNT)
    neighbours.make_role(account, neighbours.ADMINISTRATORS, neighbours.OTHER)
    cluster_role = organisations_role(account, "clusters", "eks.amazonaws.com", "AmazonEKSClusterPolicy")
    node_role = organisations_role(account, "nodes", "ec2.amazonaws.com", *NODES)
    delivery_role = organisations_role(account, "delivery", "vpc-flow-logs.amazonaws.com")
    before = described(account)
    own_image = image(account)
    declared = {
        "platform_existing_roles": {"eks-cluster": cluster_role, "eks-nodes": node_role},
        "eks_node_groups": [{"name": "default", "desired_size": 2, "ami_id": own_image}],
        "eks_node_https_proxy": PROXY,
        "eks_node_no_proxy": [".corp.example.com"],
    }

    run = account.run(*LIMIT, variables=declared, note="two roles of the organisation").assert_converged()

    assert own_roles(account) == {"ebs-csi-driver", "flow-logs", "vpc-cni"}, run.explain()
    cluster = eks.cluster(account)
    (group,) = eks.node_groups(Lister(account), eks.CLUSTER)
    assert (cluster["roleArn"], group["nodeRole"], group["amiType"]) == (cluster_role, node_role, "CUSTOM")
    assert node_role in [entry["principalArn"] for entry in eks.access_entries(Lister(account), eks.CLUSTER)]
    # All that an image needs that EKS tells nothing.
    told = told_nodes(account)
    spec = yaml.safe_load(told["application/node.eks.aws"])["spec"]
    assert spec["cluster"] == {
        "name": eks.CLUSTER,
        "apiServerEndpoint": cluster["endpoint"],
        "certificateAuthority": cluster["certificateAuthority"]["data"],
        "cidr": cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
    }
    environment = spec["instance"]["environment"]["default"]
    assert environment["HTTPS_PROXY"] == PROXY
    exempt = environment["NO_PROXY"].split(",")
    wanted = {
        network.vpc(Lister(account))["CidrBlock"],
        cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
        cluster["endpoint"].removeprefix("https://"),
        f"s3.{REGION}.amazonaws.com",
        ".corp.example.com",
    }
    assert wanted <= set(exempt), exempt
    assert "/etc/dnf/dnf.conf" in told["text/x-shellscript"]
    account.run(*LIMIT, variables=declared, note="the same again").assert_nothing_to_do()

    # One that the platform has made goes once another one is used. What that one lacks is told.
    declared["platform_existing_roles"]["flow-logs"] = delivery_role
    run = account.run("--limit", "network", variables=declared, note="a third one").assert_converged()
    assert "logs:PutLogEvents" in " ".join(run.output.split()), run.explain()
    (flow_log,) = account.pages("ec2", "describe_flow_logs", "FlowLogs")
    assert flow_log["DeliverLogsPermissionArn"] == delivery_role
    assert own_roles(account) == {"ebs-csi-driver", "vpc-cni"}

    run = account.run(*LIMIT, note="none of them any more").assert_refused()
    assert not run.calls.writes, run.explain()
    assert "platform_existing_roles.eks-cluster: isn't set, and the cluster has the role" in " ".join(
        run.output.split()
    )

    confirmed = {**declared, "platform_teardown_confirm": PREFIX, "eks_remove_controller_resources": True}
    account.run(*LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="teardown").assert_converged()
    assert own_roles(account) == set()
    assert described(account) == before
