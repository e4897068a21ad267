# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The EKS shims: without them (LOCAL_CLOUD_SHIMS=0) each of these tests fails."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-west-2:123456789012:key/one"
_numbers = itertools.count()


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return raised.value.response["Error"]["Code"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Cluster:
    """A cluster that becomes ready before a test goes on."""

    def __init__(self, eks: Any, role: Callable[[str], str], subnets: list[str], **parameters: Any) -> None:
        self.eks = eks
        self.name = f"cluster-{next(_numbers)}"
        self.role = role
        self.subnets = subnets
        self.made = eks.create_cluster(
            name=self.name,
            roleArn=role("cluster"),
            resourcesVpcConfig={"subnetIds": subnets, "endpointPrivateAccess": True, "endpointPublicAccess": False},
            **{"version": "1.33", "accessConfig": {"authenticationMode": "API"}, **parameters},
        )["cluster"]
        self.ready()

    def show(self) -> dict[str, Any]:
        return self.eks.describe_cluster(name=self.name)["cluster"]

    def ready(self) -> None:
        until(lambda: self.show()["status"] == "ACTIVE")

    def update(self, **parameters: Any) -> str:
        update = self.eks.update_cluster_config(name=self.name, **parameters)["update"]
        assert update["status"] == "InProgress"
        assert self.show()["status"] == "UPDATING"
        self.ready()
        assert self.eks.describe_update(name=self.name, updateId=update["id"])["update"]["status"] == "Successful"
        assert update["id"] in self.eks.list_updates(name=self.name)["updateIds"]
        return update["type"]

    def add_nodes(self, name: str = "default", **parameters: Any) -> dict[str, Any]:
        arguments = {
            "clusterName": self.name,
            "nodegroupName": name,
            "nodeRole": self.role("nodes"),
            "subnets": self.subnets,
            "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 2},
            **parameters,
        }
        made = self.eks.create_nodegroup(**arguments)["nodegroup"]
        assert made["status"] == "CREATING"
        self.nodes_ready(name)
        return made

    def show_nodes(self, name: str = "default") -> dict[str, Any]:
        return self.eks.describe_nodegroup(clusterName=self.name, nodegroupName=name)["nodegroup"]

    def nodes_ready(self, name: str = "default") -> None:
        until(lambda: self.show_nodes(name)["status"] == "ACTIVE")

    def show_addon(self, name: str) -> dict[str, Any]:
        return self.eks.describe_addon(clusterName=self.name, addonName=name)["addon"]


@pytest.fixture
def cluster(eks: Any, role: Callable[[str], str], subnets: list[str]) -> Cluster:
    return Cluster(eks, role, subnets)


def test_cluster_gives_back_what_it_was_made_with(
    eks: Any, ec2: Any, role: Callable[[str], str], subnets: list[str], vpc: str
) -> None:
    encryption = [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]
    logs = {"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]}
    cluster = Cluster(
        eks,
        role,
        subnets,
        encryptionConfig=encryption,
        logging=logs,
        upgradePolicy={"supportType": "STANDARD"},
        deletionProtection=True,
        tags={"Component": "eks"},
    )
    assert cluster.made["status"] == "CREATING"
    shown = cluster.show()
    assert shown["version"] == "1.33"
    assert shown["encryptionConfig"] == encryption
    assert shown["upgradePolicy"] == {"supportType": "STANDARD"}
    assert shown["deletionProtection"] is True
    assert shown["accessConfig"]["authenticationMode"] == "API"
    assert shown["logging"]["clusterLogging"] == [
        {"types": ["api", "audit"], "enabled": True},
        {"types": ["authenticator", "controllerManager", "scheduler"], "enabled": False},
    ]
    assert shown["resourcesVpcConfig"]["vpcId"] == vpc
    assert shown["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"
    assert shown["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.us-west-2.amazonaws.com/id/")
    assert base64.b64decode(shown["certificateAuthority"]["data"]).startswith(b"-----BEGIN CERTIFICATE-----")
    group_id = shown["resourcesVpcConfig"]["clusterSecurityGroupId"]
    (group,) = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert {"Key": f"kubernetes.io/cluster/{cluster.name}", "Value": "owned"} in group["Tags"]

    with pytest.raises(ClientError, match="deletion protection") as raised:
        eks.delete_cluster(name=cluster.name)
    assert code_of(raised) == "InvalidRequestException"
    assert cluster.update(deletionProtection=False) == "DeletionProtectionUpdate"
    assert eks.delete_cluster(name=cluster.name)["cluster"]["status"] == "DELETING"
    assert cluster.show()["status"] == "DELETING"
    until(lambda: cluster.name not in eks.list_clusters()["clusters"])
    with pytest.raises(ClientError) as raised:
        cluster.show()
    assert code_of(raised) == "ResourceNotFoundException"
    with pytest.raises(ClientError):
        ec2.describe_security_groups(GroupIds=[group_id])


def test_cluster_must_be_possible(eks: Any, role: Callable[[str], str], subnets: list[str]) -> None:
    good = {
        "name": "impossible",
        "roleArn": role("cluster"),
        "version": "1.34",
        "resourcesVpcConfig": {"subnetIds": subnets},
    }
    for change, message in (
        ({"roleArn": "arn:aws:iam::123456789012:role/nobody"}, "could not be assumed"),
        ({"version": "1.19"}, "unsupported Kubernetes version"),
        ({"resourcesVpcConfig": {"subnetIds": subnets[:1]}}, "two different AZs"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}}, "does not exist"),
        ({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/20"}}, "overlaps"),
    ):
        with pytest.raises(ClientError, match=message) as raised:
            eks.create_cluster(**{**good, **change})
        assert code_of(raised) == "InvalidParameterException"


def test_client_token_makes_one_cluster(eks: Any, role: Callable[[str], str], subnets: list[str]) -> None:
    arguments = {"name": "once", "roleArn": role("cluster"), "resourcesVpcConfig": {"subnetIds": subnets}}
    first = eks.create_cluster(**arguments, clientRequestToken="once")["cluster"]
    assert eks.create_cluster(**arguments, clientRequestToken="once")["cluster"]["arn"] == first["arn"]
    with pytest.raises(ClientError) as raised:
        eks.create_cluster(**arguments)
    assert code_of(raised) == "ResourceInUseException"


def auto_mode(on: bool) -> dict[str, Any]:
    return {
        "computeConfig": {"enabled": on},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": on}},
        "storageConfig": {"blockStorage": {"enabled": on}},
    }


def test_each_kind_of_configuration_update(cluster: Cluster) -> None:
    logs = {"clusterLogging": [{"types": ["scheduler"], "enabled": True}]}
    assert cluster.update(logging=logs) == "LoggingUpdate"
    assert cluster.show()["logging"]["clusterLogging"][0] == {"types": ["scheduler"], "enabled": True}
    endpoint = {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}
    assert cluster.update(resourcesVpcConfig=endpoint) == "EndpointAccessUpdate"
    assert cluster.show()["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert cluster.update(upgradePolicy={"supportType": "STANDARD"}) == "UpgradePolicyUpdate"
    assert cluster.show()["upgradePolicy"]["supportType"] == "STANDARD"
    assert cluster.update(controlPlaneScalingConfig={"tier": "tier-xl"}) == "ControlPlaneScalingConfigUpdate"
    assert cluster.show()["controlPlaneScalingConfig"] == {"tier": "tier-xl"}
    assert cluster.update(**auto_mode(True)) == "AutoModeUpdate"
    assert cluster.show()["computeConfig"]["enabled"] is True

    for change, message in (
        ({"logging": logs}, "No changes needed for the logging config provided"),
        ({"resourcesVpcConfig": endpoint}, "already at the desired configuration"),
        ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "Unsupported authentication mode update"),
        ({"logging": logs, "resourcesVpcConfig": endpoint}, "Only one type of update can be allowed"),
        ({"deletionProtection": False}, "No changes needed"),
        ({"controlPlaneScalingConfig": {"tier": "tier-xl"}}, "No changes needed"),
        (auto_mode(True), "No changes needed"),
        ({**auto_mode(True), "storageConfig": {"blockStorage": {"enabled": False}}}, "all be enabled or all disabled"),
    ):
        with pytest.raises(ClientError, match=message) as raised:
            cluster.eks.update_cluster_config(name=cluster.name, **change)
        assert code_of(raised) == "InvalidParameterException"


def test_a_cluster_keeps_its_zones(cluster: Cluster, ec2: Any) -> None:
    vpc_id = cluster.show()["resourcesVpcConfig"]["vpcId"]
    known = ec2.describe_subnets(SubnetIds=cluster.subnets)["Subnets"]
    (zone, *_others) = {f"us-west-2{letter}" for letter in "abcd"} - {subnet["AvailabilityZone"] for subnet in known}
    taken = {subnet["CidrBlock"] for subnet in ec2.describe_subnets()["Subnets"] if subnet["VpcId"] == vpc_id}
    block = next(text for text in (f"{known[0]['CidrBlock'].rsplit('.', 2)[0]}.{n}.0/24" for n in range(200, 250)))
    assert block not in taken
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock=block, AvailabilityZone=zone)["Subnet"]
    with pytest.raises(ClientError, match="not in the set of AZs that was provided") as raised:
        cluster.eks.update_cluster_config(
            name=cluster.name, resourcesVpcConfig={"subnetIds": [*cluster.subnets, subnet["SubnetId"]]}
        )
    assert code_of(raised) == "InvalidParameterException"


def test_second_update_at_once_is_refused(cluster: Cluster) -> None:
    cluster.eks.update_cluster_config(name=cluster.name, deletionProtection=True)
    with pytest.raises(ClientError, match="currently has update in progress") as raised:
        cluster.eks.update_cluster_config(name=cluster.name, upgradePolicy={"supportType": "STANDARD"})
    assert code_of(raised) == "ResourceInUseException"


def test_versions_go_up_by_one(cluster: Cluster) -> None:
    cluster.add_nodes()
    for version in ("1.35", "1.32"):
        with pytest.raises(ClientError, match="Unsupported Kubernetes minor version update"):
            cluster.eks.update_cluster_version(name=cluster.name, version=version)
    cluster.eks.update_cluster_version(name=cluster.name, version="1.34")
    cluster.ready()
    assert cluster.show()["version"] == "1.34"
    with pytest.raises(ClientError, match="must be updated to match"):
        cluster.eks.update_cluster_version(name=cluster.name, version="1.35")
    update = cluster.eks.update_nodegroup_version(clusterName=cluster.name, nodegroupName="default", version="1.34")
    assert cluster.show_nodes()["status"] == "UPDATING"
    cluster.nodes_ready()
    assert cluster.show_nodes()["releaseVersion"].startswith("1.34.")
    found = cluster.eks.describe_update(name=cluster.name, nodegroupName="default", updateId=update["update"]["id"])
    assert found["update"]["status"] == "Successful"


def test_cluster_versions(eks: Any) -> None:
    (default,) = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert default["clusterVersion"] == "1.35"
    found = eks.describe_cluster_versions(clusterVersions=["1.32", "1.36"])["clusterVersions"]
    assert [one["versionStatus"] for one in found] == ["STANDARD_SUPPORT", "EXTENDED_SUPPORT"]


def test_node_group_with_launch_template(cluster: Cluster, ec2: Any) -> None:
    template_id = ec2.create_launch_template(
        LaunchTemplateName=cluster.name, LaunchTemplateData={"Monitoring": {"Enabled": True}}
    )["LaunchTemplate"]["LaunchTemplateId"]
    taint = {"key": "gpu", "value": "true", "effect": "NO_SCHEDULE"}
    cluster.add_nodes(
        launchTemplate={"id": template_id},
        updateConfig={"maxUnavailablePercentage": 50},
        labels={"role": "agents", "old": "yes"},
        taints=[taint],
        amiType="AL2023_x86_64_STANDARD",
        capacityType="SPOT",
    )
    shown = cluster.show_nodes()
    assert shown["launchTemplate"] == {"id": template_id, "name": cluster.name, "version": "1"}
    assert shown["updateConfig"] == {"maxUnavailablePercentage": 50}
    assert shown["releaseVersion"].startswith("1.33.")
    assert "diskSize" not in shown
    assert cluster.eks.list_access_entries(clusterName=cluster.name)["accessEntries"].count(shown["nodeRole"]) == 1

    other = {"key": "dedicated", "value": "agents", "effect": "NO_EXECUTE"}
    cluster.eks.update_nodegroup_config(
        clusterName=cluster.name,
        nodegroupName="default",
        labels={"addOrUpdateLabels": {"role": "gateways"}, "removeLabels": ["old"]},
        taints={"addOrUpdateTaints": [other], "removeTaints": [taint]},
        scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 3},
        updateConfig={"maxUnavailable": 2},
    )
    cluster.nodes_ready()
    shown = cluster.show_nodes()
    assert shown["labels"] == {"role": "gateways"}
    assert shown["taints"] == [other]
    assert shown["scalingConfig"] == {"minSize": 1, "maxSize": 3, "desiredSize": 3}
    assert shown["updateConfig"] == {"maxUnavailable": 2}

    ec2.create_launch_template_version(
        LaunchTemplateId=template_id, LaunchTemplateData={"Monitoring": {"Enabled": False}}
    )
    cluster.eks.update_nodegroup_version(
        clusterName=cluster.name, nodegroupName="default", launchTemplate={"id": template_id, "version": "2"}
    )
    cluster.nodes_ready()
    assert cluster.show_nodes()["launchTemplate"]["version"] == "2"


def test_node_group_must_be_possible(cluster: Cluster) -> None:
    for change, message in (
        ({"scalingConfig": {"minSize": 3, "maxSize": 6, "desiredSize": 2}}, "can't be greater than desired"),
        ({"nodeRole": "arn:aws:iam::123456789012:role/nobody"}, "could not be assumed"),
        ({"version": "1.34"}, "not compatible"),
        ({"subnets": ["subnet-1"]}, "does not exist"),
    ):
        with pytest.raises(ClientError, match=message):
            cluster.add_nodes(**change)


def test_cluster_with_node_groups_stays(cluster: Cluster) -> None:
    cluster.add_nodes()
    with pytest.raises(ClientError, match="nodegroups attached") as raised:
        cluster.eks.delete_cluster(name=cluster.name)
    assert code_of(raised) == "ResourceInUseException"
    cluster.eks.delete_nodegroup(clusterName=cluster.name, nodegroupName="default")
    assert cluster.show_nodes()["status"] == "DELETING"
    until(lambda: not cluster.eks.list_nodegroups(clusterName=cluster.name)["nodegroups"])
    cluster.eks.delete_cluster(name=cluster.name)


def test_addon_versions_follow_the_kubernetes_version(eks: Any) -> None:
    names = {
        "vpc-cni",
        "kube-proxy",
        "coredns",
        "eks-pod-identity-agent",
        "aws-ebs-csi-driver",
        "cert-manager",
        "adot",
        "metrics-server",
    }
    for version in ("1.32", "1.33", "1.34", "1.35", "1.36"):
        addons = eks.describe_addon_versions(kubernetesVersion=version)["addons"]
        assert {addon["addonName"] for addon in addons} == names
        for addon in addons:
            defaults = [
                entry["addonVersion"]
                for entry in addon["addonVersions"]
                for compatibility in entry["compatibilities"]
                if compatibility["defaultVersion"] and compatibility["clusterVersion"] == version
            ]
            assert len(defaults) == 1, (addon["addonName"], version)
    assert eks.describe_addon_versions(addonName="nothing")["addons"] == []
    schema = eks.describe_addon_configuration(addonName="coredns", addonVersion="v1.12.4-eksbuild.1")
    assert "replicaCount" in json.loads(schema["configurationSchema"])["properties"]


def test_addon_gets_the_default_version_and_needs_nodes(cluster: Cluster) -> None:
    made = cluster.eks.create_addon(clusterName=cluster.name, addonName="coredns")["addon"]
    assert (made["status"], made["addonVersion"]) == ("CREATING", "v1.12.1-eksbuild.2")
    assert "serviceAccountRoleArn" not in made
    until(lambda: cluster.show_addon("coredns")["status"] == "DEGRADED")
    assert cluster.show_addon("coredns")["health"]["issues"][0]["code"] == "InsufficientNumberOfReplicas"
    cluster.add_nodes()
    assert cluster.show_addon("coredns")["status"] == "ACTIVE"
    with pytest.raises(ClientError, match="Addon version specified is not supported"):
        cluster.eks.create_addon(clusterName=cluster.name, addonName="vpc-cni", addonVersion="v9.9.9-eksbuild.1")


def test_addon_update_and_deletion(cluster: Cluster, role: Callable[[str], str]) -> None:
    arguments = {"clusterName": cluster.name, "addonName": "vpc-cni"}
    cluster.eks.create_addon(**arguments, addonVersion="v1.19.5-eksbuild.1")
    until(lambda: cluster.show_addon("vpc-cni")["status"] == "ACTIVE")
    values = json.dumps({"enableNetworkPolicy": "true"})
    update = cluster.eks.update_addon(
        **arguments,
        addonVersion="v1.20.4-eksbuild.2",
        configurationValues=values,
        podIdentityAssociations=[{"serviceAccount": "aws-node", "roleArn": role("cni")}],
        resolveConflicts="OVERWRITE",
    )["update"]
    assert cluster.show_addon("vpc-cni")["status"] == "UPDATING"
    until(lambda: cluster.show_addon("vpc-cni")["status"] == "ACTIVE")
    shown = cluster.show_addon("vpc-cni")
    assert (shown["addonVersion"], shown["configurationValues"]) == ("v1.20.4-eksbuild.2", values)
    found = cluster.eks.describe_update(name=cluster.name, addonName="vpc-cni", updateId=update["id"])
    assert found["update"]["type"] == "AddonUpdate"
    (association,) = cluster.eks.list_pod_identity_associations(clusterName=cluster.name)["associations"]
    assert shown["podIdentityAssociations"] == [association["associationArn"]]
    assert association["ownerArn"] == shown["addonArn"]
    cluster.eks.delete_addon(**arguments)
    assert cluster.show_addon("vpc-cni")["status"] == "DELETING"
    until(lambda: not cluster.eks.list_addons(clusterName=cluster.name)["addons"])
    assert not cluster.eks.list_pod_identity_associations(clusterName=cluster.name)["associations"]


def test_access_entries_and_policies(cluster: Cluster, role: Callable[[str], str]) -> None:
    principal = role("operator")
    view, admin = (f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy" for name in ("View", "ClusterAdmin"))
    arguments = {"clusterName": cluster.name, "principalArn": principal}
    made = cluster.eks.create_access_entry(**arguments, kubernetesGroups=["operators"], tags={"Component": "eks"})
    assert made["accessEntry"]["username"] == ("arn:aws:sts::123456789012:assumed-role/operator/{{SessionName}}")
    cluster.eks.associate_access_policy(**arguments, policyArn=admin, accessScope={"type": "cluster"})
    scope = {"type": "namespace", "namespaces": ["agents"]}
    cluster.eks.associate_access_policy(**arguments, policyArn=view, accessScope=scope)
    found = cluster.eks.list_associated_access_policies(**arguments)["associatedAccessPolicies"]
    assert {one["policyArn"]: one["accessScope"]["type"] for one in found} == {admin: "cluster", view: "namespace"}
    cluster.eks.disassociate_access_policy(**arguments, policyArn=view)
    assert len(cluster.eks.list_associated_access_policies(**arguments)["associatedAccessPolicies"]) == 1
    cluster.eks.update_access_entry(**arguments, kubernetesGroups=["viewers"])
    assert cluster.eks.describe_access_entry(**arguments)["accessEntry"]["kubernetesGroups"] == ["viewers"]
    with pytest.raises(ClientError, match="policyArn"):
        cluster.eks.associate_access_policy(**arguments, policyArn=f"{view}Nothing", accessScope={"type": "cluster"})
    with pytest.raises(ClientError, match="invalid principal"):
        cluster.eks.create_access_entry(clusterName=cluster.name, principalArn="arn:aws:iam::123456789012:role/nobody")
    cluster.eks.delete_access_entry(**arguments)
    assert principal not in cluster.eks.list_access_entries(clusterName=cluster.name)["accessEntries"]
    assert {"name": "AmazonEKSViewPolicy", "arn": view} in cluster.eks.list_access_policies()["accessPolicies"]


def test_access_entries_need_the_api_mode(eks: Any, role: Callable[[str], str], subnets: list[str]) -> None:
    cluster = Cluster(eks, role, subnets, accessConfig={"authenticationMode": "CONFIG_MAP"})
    with pytest.raises(ClientError, match="authentication mode") as raised:
        eks.create_access_entry(clusterName=cluster.name, principalArn=role("operator"))
    assert code_of(raised) == "InvalidRequestException"
    assert cluster.update(accessConfig={"authenticationMode": "API"}) == "AccessConfigUpdate"
    eks.create_access_entry(clusterName=cluster.name, principalArn=role("operator"))


def test_tags_show_in_describe_calls(cluster: Cluster, role: Callable[[str], str]) -> None:
    cluster.add_nodes(tags={"one": "1"})
    association = cluster.eks.create_pod_identity_association(
        clusterName=cluster.name, namespace="agents", serviceAccount="agent", roleArn=role("agent")
    )["association"]
    assert "ownerArn" not in association
    for arn, show in (
        (cluster.made["arn"], cluster.show),
        (cluster.show_nodes()["nodegroupArn"], cluster.show_nodes),
        (
            association["associationArn"],
            lambda: cluster.eks.describe_pod_identity_association(
                clusterName=cluster.name, associationId=association["associationId"]
            )["association"],
        ),
    ):
        cluster.eks.tag_resource(resourceArn=arn, tags={"one": "1", "two": "2", "three": "3"})
        assert show()["tags"] == {"one": "1", "two": "2", "three": "3"}
        cluster.eks.untag_resource(resourceArn=arn, tagKeys=["one", "three"])
        assert show()["tags"] == {"two": "2"}
        assert cluster.eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"two": "2"}
