# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster: its control plane, nodes, add-ons, OIDC provider and who may use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, tags_of
from ..drift import QUICKLY, Repair, ours
from ..identities import assert_bounded, assert_trusts_one_service_account
from . import encryption, network

CLUSTER = f"{PREFIX}-eks"
SUMMARY = CLUSTER
LEAST_TAGGED = 15
NODE_ROLE = f"{PREFIX}-eks-nodes"
NODE_GROUP = f"{PREFIX}-default"
LAUNCH_TEMPLATE = f"{PREFIX}-eks-default"
LOG_GROUP = f"/aws/eks/{CLUSTER}/cluster"
ADDONS = {
    "adot",
    "aws-ebs-csi-driver",
    "cert-manager",
    "coredns",
    "eks-pod-identity-agent",
    "kube-proxy",
    "metrics-server",
    "vpc-cni",
}
# Service accounts of add-ons by the role that they assume.
IDENTITIES = {
    "ebs-csi-driver": "system:serviceaccount:kube-system:ebs-csi-controller-sa",
    "vpc-cni": "system:serviceaccount:kube-system:aws-node",
}


# What can be changed of them by hand, as descriptions have it. The version of a launch template is none: others follow.
CLUSTER_PROPERTIES = (
    "accessConfig",
    "computeConfig",
    "controlPlaneScalingConfig",
    "deletionProtection",
    "logging",
    "storageConfig",
    "upgradePolicy",
    "zonalShiftConfig",
)
NODE_GROUP_PROPERTIES = ("labels", "nodeRepairConfig", "scalingConfig", "taints", "updateConfig")
ADDON_PROPERTIES = ("addonVersion", "configurationValues", "serviceAccountRoleArn")

# What an account holds


def clusters(lister: Lister) -> list[dict]:
    eks = lister.account.client("eks")
    return [
        {
            **eks.describe_cluster(name=name)["cluster"],
            "NodeGroups": lister.account.pages("eks", "list_nodegroups", "nodegroups", clusterName=name),
            "AccessEntries": lister.account.pages("eks", "list_access_entries", "accessEntries", clusterName=name),
        }
        for name in lister.account.pages("eks", "list_clusters", "clusters")
    ]


def node_groups(lister: Lister, cluster: str) -> list[dict]:
    eks = lister.account.client("eks")
    return [
        eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        for name in lister.account.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster)
    ]


def addons(lister: Lister, cluster: str) -> list[dict]:
    eks = lister.account.client("eks")
    return [
        eks.describe_addon(clusterName=cluster, addonName=name)["addon"]
        for name in lister.account.pages("eks", "list_addons", "addons", clusterName=cluster)
    ]


def access_entries(lister: Lister, cluster: str) -> list[dict]:
    eks = lister.account.client("eks")
    return [
        eks.describe_access_entry(clusterName=cluster, principalArn=arn)["accessEntry"]
        for arn in lister.account.pages("eks", "list_access_entries", "accessEntries", clusterName=cluster)
    ]


def access_policies(lister: Lister, cluster: str, principal_arn: str) -> list[dict]:
    return lister.account.pages(
        "eks",
        "list_associated_access_policies",
        "associatedAccessPolicies",
        clusterName=cluster,
        principalArn=principal_arn,
    )


def oidc_providers(lister: Lister) -> list[dict]:
    iam = lister.account.client("iam")
    arns = [item["Arn"] for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    found = [{"Arn": arn, **iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)} for arn in arns]
    return [{key: value for key, value in item.items() if key != "ResponseMetadata"} for item in found]


def cluster(account: Account) -> dict:
    """The platform's cluster."""
    return account.client("eks").describe_cluster(name=CLUSTER)["cluster"]


def issuer(account: Account) -> str:
    """The address of the cluster's OIDC provider, as trust policies write it."""
    return cluster(account)["identity"]["oidc"]["issuer"].removeprefix("https://")


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    kinds = ("clusters", "node groups", "add-ons", "access entries", "tags in clusters")
    found: dict[str, list] = {kind: [] for kind in kinds}
    for item in clusters(lister):
        name = item["name"]
        if address := item.get("identity", {}).get("oidc", {}).get("issuer", ""):
            lister.named("issuer", address.split("://")[-1], name)
        found["clusters"].append([name, item["status"], item["version"], _of(item, CLUSTER_PROPERTIES)])
        found["tags in clusters"].append([name, item["tags"]])
        for group in node_groups(lister, name):
            found["node groups"].append([group["nodegroupName"], group["status"], _of(group, NODE_GROUP_PROPERTIES)])
            found["tags in clusters"].append([group["nodegroupName"], group["tags"]])
        for addon in addons(lister, name):
            found["add-ons"].append([addon["addonName"], addon["status"], _of(addon, ADDON_PROPERTIES)])
            found["tags in clusters"].append([addon["addonName"], addon["tags"]])
        for entry in access_entries(lister, name):
            policies = access_policies(lister, name, entry["principalArn"])
            granted = sorted(json.dumps([policy["policyArn"], policy["accessScope"]]) for policy in policies)
            about = [entry.get("type"), entry.get("username"), entry.get("kubernetesGroups"), granted]
            found["access entries"].append([entry["principalArn"], *about])
            found["tags in clusters"].append([entry["principalArn"], entry["tags"]])
    return {
        **found,
        "OIDC providers": [[item["Arn"], sorted(item["ClientIDList"])] for item in oidc_providers(lister)],
        "launch templates": [
            # Versions are not counted: a template may have been completed in steps.
            [item["LaunchTemplateName"], _template(lister, item["LaunchTemplateName"], "$Default")]
            for item in lister.ec2("describe_launch_templates", "LaunchTemplates")
        ],
    }


def _of(item: dict, properties: tuple[str, ...]) -> dict:
    return {name: item[name] for name in properties if item.get(name) not in (None, [], {})}


def _template(lister: Lister, name: str, version: str) -> dict:
    (found,) = lister.ec2(
        "describe_launch_template_versions", "LaunchTemplateVersions", LaunchTemplateName=name, Versions=[version]
    )
    return found["LaunchTemplateData"]


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from (("launch template", item) for item in lister.ec2("describe_launch_templates", "LaunchTemplates"))
    yield from (("OIDC provider", item) for item in oidc_providers(lister))
    for item in clusters(lister):
        yield f"cluster {item['name']}", item
        yield from (("node group", group) for group in node_groups(lister, item["name"]))
        yield from ((f"add-on {addon['addonName']}", addon) for addon in addons(lister, item["name"]))
        # EKS itself makes an entry for the nodes, and one for whoever has made a cluster.
        if not neighbours.is_neighbour(item["tags"]):
            for entry in access_entries(lister, item["name"]):
                if entry["type"] != "EC2_LINUX":
                    yield f"access entry {entry['principalArn']}", entry


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    eks, name = account.client("eks"), f"{prefix}-eks"
    role = neighbours.make_role(account, f"{prefix}-eks-nodes", tags)
    account.client("ec2").create_launch_template(
        LaunchTemplateName=f"{prefix}-eks-default",
        LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}},
        TagSpecifications=neighbours.specification("launch-template", tags, Name=f"{prefix}-eks-default"),
    )
    _make_cluster(account, name, role, network.subnets_of(account, prefix), tags)
    account.client("iam").create_open_id_connect_provider(
        Url=f"https://oidc.eks.{REGION}.amazonaws.com/id/{prefix}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
        Tags=neighbours.tag_list(tags),
    )
    eks.create_access_entry(clusterName=name, principalArn=role, tags=tags)
    eks.create_addon(clusterName=name, addonName="vpc-cni", tags=tags)
    eks.get_waiter("addon_active").wait(clusterName=name, addonName="vpc-cni", WaiterConfig=QUICKLY)


def _make_cluster(account: Account, name: str, role: str, subnet_ids: list[str], tags: dict[str, str]) -> None:
    eks = account.client("eks")
    eks.create_cluster(
        name=name,
        roleArn=role,
        resourcesVpcConfig={"subnetIds": subnet_ids},
        accessConfig={"authenticationMode": "API"},
        tags=tags,
    )
    eks.get_waiter("cluster_active").wait(name=name, WaiterConfig=QUICKLY)


def take_names(account: Account) -> list[str]:
    role = neighbours.make_role(account, NODE_ROLE, neighbours.OTHER)
    # One without any tags would be that which EKS makes for this name.
    account.client("logs").create_log_group(logGroupName=LOG_GROUP, tags=neighbours.OTHER)
    account.client("ec2").create_launch_template(
        LaunchTemplateName=LAUNCH_TEMPLATE, LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}}
    )
    # Those of the default VPC.
    subnet_ids = [subnet["SubnetId"] for subnet in account.pages("ec2", "describe_subnets", "Subnets")]
    _make_cluster(account, CLUSTER, role, subnet_ids[:2], {})
    return [NODE_ROLE, LOG_GROUP, LAUNCH_TEMPLATE, f"EKS cluster {CLUSTER}"]


def _delete_an_addon(account: Account) -> None:
    eks = account.client("eks")
    eks.delete_addon(clusterName=CLUSTER, addonName="metrics-server")
    eks.get_waiter("addon_deleted").wait(clusterName=CLUSTER, addonName="metrics-server", WaiterConfig=QUICKLY)


def _leave_a_provider(account: Account) -> None:
    """As of a cluster of ours that was removed by hand."""
    account.client("iam").create_open_id_connect_provider(
        Url=f"https://oidc.eks.{REGION}.amazonaws.com/id/LEFT",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
        Tags=neighbours.tag_list(OWNER, Component="eks"),
    )


def _shut_the_nodes_out(account: Account) -> None:
    arn = f"arn:aws:iam::{account.id}:role/{NODE_ROLE}"
    account.client("eks").delete_access_entry(clusterName=CLUSTER, principalArn=arn)


REPAIRS = {
    "a deleted add-on": Repair(
        _delete_an_addon, Calls({("eks", "CreateAddon"): 1}), frozenset({"Install the add-ons"})
    ),
    "the provider of an earlier cluster": Repair(
        _leave_a_provider,
        Calls({("iam", "DeleteOpenIDConnectProvider"): 1}),
        frozenset({"Remove the OIDC providers of clusters that are gone"}),
        dry=True,
    ),
    "the nodes' access entry": Repair(
        _shut_the_nodes_out,
        Calls({("eks", "CreateAccessEntry"): 1}),
        frozenset({"See to it that nodes may join"}),
        dry=True,
    ),
}


class _Hand:
    """Somebody who changes things in the console, and waits until each is done."""

    def __init__(self, account: Account):
        self.eks = account.client("eks")
        self.cluster = cluster(account)

    def configure(self, **change: Any) -> None:
        self.eks.update_cluster_config(name=CLUSTER, **change)
        self.eks.get_waiter("cluster_active").wait(name=CLUSTER, WaiterConfig=QUICKLY)

    def nodes(self, **change: Any) -> None:
        self.eks.update_nodegroup_config(clusterName=CLUSTER, nodegroupName=NODE_GROUP, **change)
        waiter = self.eks.get_waiter("nodegroup_active")
        waiter.wait(clusterName=CLUSTER, nodegroupName=NODE_GROUP, WaiterConfig=QUICKLY)

    def addon(self, name: str, **change: Any) -> None:
        self.eks.update_addon(clusterName=CLUSTER, addonName=name, **change)
        self.eks.get_waiter("addon_active").wait(clusterName=CLUSTER, addonName=name, WaiterConfig=QUICKLY)

    def untag(self, arn: str, key: str) -> None:
        self.eks.untag_resource(resourceArn=arn, tagKeys=[key])


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    eks, iam, ec2 = account.client("eks"), account.client("iam"), account.client("ec2")
    administrators = f"arn:aws:iam::{account.id}:role/{neighbours.ADMINISTRATORS}"
    addon_role = f"{PREFIX}-ebs-csi-driver"
    entry = {"clusterName": CLUSTER, "principalArn": administrators}
    scope = {"type": "namespace", "namespaces": ["default"]}
    view = {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": scope}
    hand = _Hand(account)
    (template,) = account.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=ours(Component="eks"))
    (group,) = node_groups(Lister(account), CLUSTER)
    arns = {
        "node group": group["nodegroupArn"],
        "add-on": eks.describe_addon(clusterName=CLUSTER, addonName="coredns")["addon"]["addonArn"],
        "access entry": eks.describe_access_entry(**entry)["accessEntry"]["accessEntryArn"],
    }
    (provider,) = [
        item["Arn"]
        for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        if item["Arn"].endswith(issuer(account))
    ]

    def new_default(**data: Any) -> None:
        made = ec2.create_launch_template_version(
            LaunchTemplateId=template["LaunchTemplateId"], SourceVersion="$Latest", LaunchTemplateData=data
        )
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        ec2.modify_launch_template(LaunchTemplateId=template["LaunchTemplateId"], DefaultVersion=number)

    return {
        "logging": lambda: hand.configure(
            logging={"clusterLogging": [{"types": ["audit", "authenticator"], "enabled": False}]}
        ),
        "upgrade policy": lambda: hand.configure(upgradePolicy={"supportType": "EXTENDED"}),
        "deletion protection": lambda: hand.configure(deletionProtection=True),
        "zonal shift": lambda: hand.configure(zonalShiftConfig={"enabled": True}),
        "tier": lambda: hand.configure(controlPlaneScalingConfig={"tier": "tier-xl"}),
        "auto mode": lambda: hand.configure(
            computeConfig={"enabled": True},
            kubernetesNetworkConfig={"elasticLoadBalancing": {"enabled": True}},
            storageConfig={"blockStorage": {"enabled": True}},
        ),
        "scaling": lambda: hand.nodes(scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1}),
        "labels and taints": lambda: hand.nodes(
            labels={"addOrUpdateLabels": {"somebodys": "label"}},
            taints={"addOrUpdateTaints": [{"key": "somebodys", "effect": "NO_SCHEDULE"}]},
        ),
        "updates of nodes": lambda: hand.nodes(updateConfig={"maxUnavailable": 5}),
        "node repair": lambda: hand.nodes(nodeRepairConfig={"enabled": True}),
        "settings of an add-on": lambda: hand.addon("vpc-cni", configurationValues="{}"),
        "rights of an add-on": lambda: hand.addon("aws-ebs-csi-driver", resolveConflicts="PRESERVE"),
        "policies and user name of an entry": lambda: (
            eks.associate_access_policy(**entry, **view),
            eks.update_access_entry(**entry, username="somebody", kubernetesGroups=["somebodys"]),
        ),
        "rights of who runs it": lambda: eks.disassociate_access_policy(
            clusterName=CLUSTER,
            principalArn=f"arn:aws:iam::{account.id}:root",
            policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        ),
        "audience": lambda: iam.add_client_id_to_open_id_connect_provider(
            OpenIDConnectProviderArn=provider, ClientID="somebodys"
        ),
        "attachment": lambda: iam.detach_role_policy(
            RoleName=NODE_ROLE, PolicyArn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodeMinimalPolicy"
        ),
        # As platforms had it before there was a smaller one.
        "broader attachment": lambda: iam.attach_role_policy(
            RoleName=NODE_ROLE, PolicyArn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
        ),
        "role of an add-on": lambda: iam.delete_role_policy(
            RoleName=addon_role, PolicyName=iam.list_role_policies(RoleName=addon_role)["PolicyNames"][0]
        ),
        "hop limit": lambda: new_default(MetadataOptions={"HttpTokens": "optional"}),
        "script of nodes": lambda: new_default(UserData="IyEvYmluL3NoCg=="),
        **{f"a lost tag of the {kind}": _loss(hand, arn) for kind, arn in arns.items()},
    }


def _loss(hand: _Hand, arn: str) -> Callable[[], None]:
    return lambda: hand.untag(arn, "Project")


def lasting(account: Account) -> list[str]:
    (template,) = account.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=ours(Component="eks"))
    return [issuer(account), template["LaunchTemplateId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert facts["oidc_issuer"] == cluster(lister.account)["identity"]["oidc"]["issuer"]
    assert facts["oidc_provider_arn"]
    assert set(facts["addons"]) == ADDONS
    assert list(facts["node_groups"]) == [NODE_GROUP]


class TestEks:
    def test_control_plane(self, lister):
        ours, key_arn = cluster(lister.account), encryption.key(lister.account)["Arn"]
        config = ours["resourcesVpcConfig"]
        assert ours["status"] == "ACTIVE"
        assert (config["endpointPrivateAccess"], config["endpointPublicAccess"]) == (True, False)
        assert set(config["subnetIds"]) == {subnet["SubnetId"] for subnet in network.of_tier(lister, "private")}
        assert config["securityGroupIds"] == [network.groups(lister)[f"{PREFIX}-cluster"]["GroupId"]]
        (logging,) = [entry for entry in ours["logging"]["clusterLogging"] if entry["enabled"]]
        assert set(logging["types"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
        (encrypted,) = ours["encryptionConfig"]
        assert encrypted == {"resources": ["secrets"], "provider": {"keyArn": key_arn}}
        assert ours["accessConfig"]["authenticationMode"] == "API"
        (group,) = [group for group in lister.log_groups() if group["logGroupName"] == LOG_GROUP]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (365, key_arn)

    def test_nodes(self, lister):
        (group,) = node_groups(lister, CLUSTER)
        assert group["nodegroupName"] == NODE_GROUP
        assert group["status"] == "ACTIVE"
        assert group["instanceTypes"] == ["t3.medium"]
        assert group["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 6}
        assert group["updateConfig"] == {"maxUnavailable": 1}
        assert group["version"] == cluster(lister.account)["version"]
        assert set(group["subnets"]) == {subnet["SubnetId"] for subnet in network.of_tier(lister, "private")}
        data = _template(lister, group["launchTemplate"]["name"], group["launchTemplate"]["version"])
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        # Not in the group that EKS makes for the cluster, which lets everything out.
        assert data["SecurityGroupIds"] == [network.groups(lister)[f"{PREFIX}-nodes"]["GroupId"]]
        (mapping,) = data["BlockDeviceMappings"]
        assert mapping["Ebs"]["Encrypted"] is True
        key_arn = encryption.key(lister.account)["Arn"]
        assert (mapping["Ebs"]["VolumeType"], mapping["Ebs"]["KmsKeyId"]) == ("gp3", key_arn)
        iam = lister.account.client("iam")
        attached = iam.list_attached_role_policies(RoleName=NODE_ROLE)["AttachedPolicies"]
        assert {item["PolicyName"] for item in attached} == {
            "AmazonEC2ContainerRegistryPullOnly",
            "AmazonEKSWorkerNodeMinimalPolicy",
        }
        assert iam.list_role_policies(RoleName=NODE_ROLE)["PolicyNames"] == ["join"]

    def test_addons_with_their_roles(self, lister):
        found = {addon["addonName"]: addon for addon in addons(lister, CLUSTER)}
        assert set(found) == ADDONS
        assert {addon["status"] for addon in found.values()} == {"ACTIVE"}
        assert all(addon["addonVersion"].startswith("v") for addon in found.values())
        roles = {
            name: addon["serviceAccountRoleArn"] for name, addon in found.items() if addon.get("serviceAccountRoleArn")
        }
        prefix = f"arn:aws:iam::{lister.account.id}:role/{PREFIX}"
        assert roles == {"aws-ebs-csi-driver": f"{prefix}-ebs-csi-driver", "vpc-cni": f"{prefix}-vpc-cni"}

    @pytest.mark.parametrize(("thing", "subject"), IDENTITIES.items())
    def test_role_of_an_addon(self, lister, thing, subject):
        assert_trusts_one_service_account(lister.account, thing, subject, issuer(lister.account))
        assert_bounded(lister.account, thing)

    def test_oidc_provider(self, lister):
        address = issuer(lister.account)
        (provider,) = [item for item in oidc_providers(lister) if item["Arn"].endswith(f":oidc-provider/{address}")]
        assert provider["ClientIDList"] == ["sts.amazonaws.com"]

    def test_access_entries(self, lister):
        # What other components have entered is theirs to tell.
        entries = {
            entry["principalArn"].split("/")[-1]: entry
            for entry in access_entries(lister, CLUSTER)
            if tags_of(entry).get("Component", "eks") == "eks"
        }
        # Whoever runs it is here the account itself. EKS lets the nodes in.
        deployer = f"arn:aws:iam::{lister.account.id}:root"
        assert set(entries) == {neighbours.ADMINISTRATORS, NODE_ROLE, deployer}
        assert entries[NODE_ROLE]["type"] == "EC2_LINUX"
        for name in (neighbours.ADMINISTRATORS, deployer):
            (policy,) = access_policies(lister, CLUSTER, entries[name]["principalArn"])
            assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
            assert policy["accessScope"]["type"] == "cluster"

    def test_a_removal_is_refused_while_its_controllers_have_something_in_aws(self, platform):
        """Before anything is removed; AWS would keep the load balancer, and the VPC because of it."""
        account = platform.account
        elb, ec2 = account.client("elbv2"), account.client("ec2")
        subnets = cluster(account)["resourcesVpcConfig"]["subnetIds"]
        marks = [{"Key": "elbv2.k8s.aws/cluster", "Value": CLUSTER}]
        arn = elb.create_load_balancer(Name="k8s-web", Subnets=subnets, Tags=marks)["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        claim = neighbours.tag_list({f"kubernetes.io/cluster/{CLUSTER}": "owned"}, Name="data")
        volume = ec2.create_volume(
            AvailabilityZone=f"{REGION}a",
            Size=1,
            TagSpecifications=[{"ResourceType": "volume", "Tags": claim}],
        )["VolumeId"]
        try:
            run = account.run(
                "--limit",
                "eks",
                playbook="playbooks/teardown.yml",
                variables={"platform_teardown_confirm": PREFIX},
                note="controllers have made something",
            ).assert_refused()
        finally:
            elb.delete_load_balancer(LoadBalancerArn=arn)
            ec2.delete_volume(VolumeId=volume)
        assert not run.calls.writes, run.explain()
        assert "k8s-web" in run.failures[0]
        assert f"volume {volume} (data)" in run.failures[0]
