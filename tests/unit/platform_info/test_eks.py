# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster with its nodes, add-ons and access entries."""

from __future__ import annotations

import datetime

import pytest

from tests.support.scripted_aws import api_error

from . import test_network as network
from .fake_aws import (
    ACCOUNT,
    IMAGES,
    PREFIX,
    REGION,
    SOMEONE_ELSES_ROLES,
    log_groups,
    look,
    marks,
    role,
    tag_list,
    taken,
)

OWNER = marks("eks")

EKS = f"arn:aws:eks:{REGION}:{ACCOUNT}"
IAM = f"arn:aws:iam::{ACCOUNT}"
LOG_GROUP = f"/aws/eks/{PREFIX}-eks/cluster"


def cluster(tags=OWNER, **members):
    return {
        "cluster": {
            "name": f"{PREFIX}-eks",
            "arn": f"{EKS}:cluster/{PREFIX}-eks",
            "roleArn": f"{IAM}:role/{PREFIX}-eks-cluster",
            "status": "ACTIVE",
            "version": "1.34",
            "endpoint": "https://eks.example",
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16"},
            "certificateAuthority": {"data": "Q0E="},
            "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:key"}}],
            "identity": {"oidc": {"issuer": "https://oidc.example/id/1"}},
            "resourcesVpcConfig": {
                "clusterSecurityGroupId": "sg-eks",
                "vpcId": "vpc-1",
                "subnetIds": ["subnet-d", "subnet-c"],
            },
            "tags": dict(tags),
            **members,
        }
    }


def addon(request):
    name = request["addonName"]
    members = {"serviceAccountRoleArn": f"{IAM}:role/{PREFIX}-{name}"} if name == "ebs-csi" else {}
    named = {"addonName": name, "addonVersion": "v1", "status": "ACTIVE", "addonArn": "arn:addon", "tags": OWNER}
    return {"addon": {**named, **members}}


def entry(request, tags=OWNER):
    arn = request["principalArn"]
    kind = {"type": "EC2_LINUX", "tags": {}} if arn == f"{IAM}:role/{PREFIX}-eks-nodes" else {"type": "STANDARD"}
    return {"accessEntry": {"principalArn": arn, "tags": dict(tags), **kind}}


BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/k8s-web/1"
PROVIDER = f"{IAM}:oidc-provider/oidc.example/id/1"
LEFT = f"{IAM}:oidc-provider/oidc.eks.{REGION}.amazonaws.com/id/LEFT"
OF_OTHERS = f"{IAM}:oidc-provider/oidc.eks.{REGION}.amazonaws.com/id/OTHER"
OURS = tag_list(**OWNER)


def providers(tags):
    """The answers of IAM, given its OIDC providers with their tags."""
    return {
        "ListOpenIDConnectProviders": {"OpenIDConnectProviderList": [{"Arn": arn} for arn in tags]},
        "GetOpenIDConnectProvider": lambda request: {"Tags": tags[request["OpenIDConnectProviderArn"]]},
    }


MISSING = {
    "GetServiceQuota": "NoSuchResourceException",
    "DescribeCluster": "ResourceNotFoundException",
    "GetOpenIDConnectProvider": "NoSuchEntity",
}
ANSWERS = {
    "GetServiceQuota": {"Quota": {"Value": 64.0}},
    "DescribeCluster": cluster(),
    "ListNodegroups": {"nodegroups": [f"{PREFIX}-default"]},
    "DescribeNodegroup": {
        "nodegroup": {
            "nodegroupName": f"{PREFIX}-default",
            "nodegroupArn": "arn:nodegroup",
            "status": "ACTIVE",
            "version": "1.34",
            "instanceTypes": ["t3.medium"],
            "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 3},
            "subnets": ["subnet-d"],
            "nodeRole": f"{IAM}:role/{PREFIX}-eks-nodes",
            "tags": OWNER,
        }
    },
    "ListAddons": {"addons": ["vpc-cni", "ebs-csi"]},
    "DescribeAddon": addon,
    "ListAccessEntries": {
        "accessEntries": [f"{IAM}:role/b", f"{IAM}:role/{PREFIX}-eks-nodes", f"{IAM}:role/a", f"{IAM}:user/someone"]
    },
    "ListAssociatedAccessPolicies": {"associatedAccessPolicies": []},
    "DescribeAccessEntry": entry,
    "ListPodIdentityAssociations": {"associations": [{"associationId": "a-1"}]},
    "DescribePodIdentityAssociation": {
        "association": {"namespace": "agents", "serviceAccount": "agent", "tags": OWNER},
    },
    "ListFargateProfiles": {"fargateProfileNames": ["jobs"]},
    "GetRole": role,
    **providers({PROVIDER: OURS, LEFT: OURS}),
    "DescribeSubnets": network.ANSWERS["DescribeSubnets"],
    "elbv2.DescribeLoadBalancers": {"LoadBalancers": [{"LoadBalancerArn": BALANCER, "LoadBalancerName": "k8s-web"}]},
    "elbv2.DescribeTags": {
        "TagDescriptions": [{"ResourceArn": BALANCER, "Tags": tag_list(**{"elbv2.k8s.aws/cluster": f"{PREFIX}-eks"})}]
    },
    "DescribeImages": {
        "Images": [
            {
                "ImageId": IMAGES[0],
                "State": "available",
                "Architecture": "arm64",
                "OwnerId": ACCOUNT,
                "RootDeviceName": "/dev/xvda",
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}},
                    {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
                ],
            }
        ]
    },
    "DescribeClusterVersions": {
        "clusterVersions": [
            {
                "clusterVersion": "1.34",
                # As Seattle has it.
                "endOfStandardSupportDate": datetime.datetime.fromisoformat("2026-12-01T16:00:00-08:00"),
                "endOfExtendedSupportDate": datetime.datetime.fromisoformat("2027-12-01T16:00:00-08:00"),
            },
            {"clusterVersion": "1.99"},
        ]
    },
    "DescribeLaunchTemplates": {
        "LaunchTemplates": [{"LaunchTemplateName": f"{PREFIX}-eks-default", "Tags": OURS}],
    },
}


NOTHING_FOREIGN = {**providers({PROVIDER: OURS}), "ListFargateProfiles": {}}


def test_facts():
    found, aws = look({**ANSWERS, **NOTHING_FOREIGN}, "eks")
    facts = found.components["eks"]
    assert facts["exists"]
    assert facts["cluster_name"] == f"{PREFIX}-eks"
    assert facts["status"] == "ACTIVE"
    assert facts["oidc_provider_arn"] == f"{IAM}:oidc-provider/oidc.example/id/1"
    assert aws.requests("GetOpenIDConnectProvider") == [{"OpenIDConnectProviderArn": PROVIDER}]
    assert facts["cluster_security_group_id"] == "sg-eks"
    assert facts["certificate_authority"] == "Q0E="
    assert facts["node_groups"][f"{PREFIX}-default"]["status"] == "ACTIVE"
    assert facts["node_groups"][f"{PREFIX}-default"]["desired_size"] == 3
    assert list(facts["addons"]) == ["ebs-csi", "vpc-cni"]
    assert facts["addons"]["vpc-cni"]["service_account_role_arn"] is None
    assert facts["addons"]["ebs-csi"]["service_account_role_arn"] == f"{IAM}:role/{PREFIX}-ebs-csi"
    assert facts["role_arn"] == facts["cluster_role_arn"] == f"{IAM}:role/{PREFIX}-eks-cluster"
    assert facts["node_groups"][f"{PREFIX}-default"]["node_role_arn"] == f"{IAM}:role/{PREFIX}-eks-nodes"
    assert facts["node_role_arn"] == f"{IAM}:role/{PREFIX}-eks-nodes"
    assert facts["administrator_role_arn"] == f"{IAM}:role/{PREFIX}-eks-admin"
    assert facts["access_entries"] == [
        *(f"{IAM}:role/{name}" for name in ("a", f"{PREFIX}-eks-nodes", "b")),
        f"{IAM}:user/someone",
    ]
    assert (facts["vpc_id"], facts["kms_key_arn"]) == ("vpc-1", "arn:key")
    assert facts["service_ipv4_cidr"] == "172.20.0.0/16"
    # In the order of their names, whatever that of the subnets.
    assert facts["availability_zones"] == [f"{REGION}a", f"{REGION}b"]
    assert facts["node_groups"][f"{PREFIX}-default"]["availability_zones"] == [f"{REGION}b"]
    assert facts["launch_templates"] == [f"{PREFIX}-eks-default"]
    assert facts["controller_resources"] == ["load balancer loadbalancer/app/k8s-web/1"]
    assert facts["left_oidc_providers"] == facts["foreign_nodes"] == []
    assert (found.conflicts, found.warnings) == ([], [])


# ---- what lies in the cluster


def warned(answers):
    return look({**ANSWERS, **NOTHING_FOREIGN, **answers}, "eks")[0].warnings


@pytest.mark.parametrize(
    ("answers", "thing"),
    [
        ({"DescribeAccessEntry": lambda request: entry(request, tags={})}, f"access entry of {IAM}:role/a"),
        ({"DescribeAddon": {"addon": {"addonName": "x", "status": "ACTIVE", "tags": {}}}}, "add-on ebs-csi"),
        (
            {"DescribeNodegroup": {"nodegroup": {**ANSWERS["DescribeNodegroup"]["nodegroup"], "tags": {}}}},
            f"node group {PREFIX}-default",
        ),
        (
            {
                "DescribePodIdentityAssociation": {
                    "association": {"namespace": "agents", "serviceAccount": "agent", "tags": {}}
                },
            },
            "pod identity association of agents/agent",
        ),
        ({"ListFargateProfiles": {"fargateProfileNames": ["jobs"]}}, "Fargate profile jobs"),
        (
            {"ListIdentityProviderConfigs": {"identityProviderConfigs": [{"type": "oidc", "name": "people"}]}},
            "identity provider people",
        ),
    ],
)
def test_what_others_have_made_in_the_cluster_is_reported(answers, thing):
    first = warned(answers)[0]
    assert first.startswith(f"eks: {thing} of cluster {PREFIX}-eks does not carry the platform's tags")


@pytest.mark.parametrize(
    "answers",
    [
        # EKS lets itself in.
        {
            "ListAccessEntries": {"accessEntries": [f"{IAM}:role/aws-service-role/eks.amazonaws.com/AWSServiceRole"]},
            "DescribeAccessEntry": lambda request: entry(request, tags={}),
        },
        # The add-on's own, which it brings along.
        {"ListPodIdentityAssociations": {"associations": [{"associationId": "a-1", "ownerArn": "arn:addon"}]}},
        # Other components of ours.
        {"DescribeAccessEntry": lambda request: entry(request, tags=marks("bastion_instance"))},
    ],
)
def test_what_is_nobody_elses(answers):
    assert warned(answers) == []


@pytest.mark.parametrize("lost", OWNER)
def test_a_provider_of_our_issuer_that_has_lost_a_tag_is_ours(lost):
    left = {key: value for key, value in OWNER.items() if key != lost}
    found, _aws = look({**ANSWERS, **providers({PROVIDER: tag_list(**left)})}, "eks")
    assert found.components["eks"]["oidc_provider_arn"] == PROVIDER
    assert found.conflicts == []


def test_what_has_lost_a_tag_is_ours():
    lost = {key: value for key, value in OWNER.items() if key != "Project"}
    found = warned({"DescribeAccessEntry": lambda request: entry(request, tags=lost)})
    assert found[0].startswith(
        f"eks: access entry of {IAM}:role/a of cluster {PREFIX}-eks has lost tags of the platform"
    )
    assert found[0].endswith("A run puts them back.")


def test_nodes_of_others():
    group = {**ANSWERS["DescribeNodegroup"]["nodegroup"], "tags": {}}
    found, _aws = look({**ANSWERS, "DescribeNodegroup": {"nodegroup": group}}, "eks")
    assert found.components["eks"]["foreign_nodes"] == [f"node group {PREFIX}-default", "Fargate profile jobs"]


def test_subnets_that_are_gone_have_no_zone():
    found, _aws = look({**ANSWERS, "DescribeSubnets": {"Subnets": []}}, "eks")
    assert found.components["eks"]["availability_zones"] == []


# ---- what it leaves behind


def test_the_provider_of_a_cluster_that_is_gone():
    found, _aws = look(providers({LEFT: OURS, OF_OTHERS: tag_list(Project="other")}), "eks")
    assert found.components["eks"]["left_oidc_providers"] == [LEFT]
    (warning,) = found.warnings
    assert LEFT in warning
    assert "left of a cluster that is gone. The next run of eks removes it." in warning
    assert found.summary["eks"]["state"] == "partial"


def test_the_provider_of_a_cluster_that_is_not_ours_by_its_tags_is_not_left():
    """One that has lost a tag: it is refused, and what belongs to it stays."""
    found, _aws = look({**ANSWERS, **providers({PROVIDER: OURS}), "DescribeCluster": cluster(tags={})}, "eks")
    facts = found.components["eks"]
    assert (facts["oidc_provider_arn"], facts["left_oidc_providers"]) == (None, [])


def test_the_provider_of_an_earlier_cluster():
    found, _aws = look(ANSWERS, "eks")
    facts = found.components["eks"]
    assert (facts["oidc_provider_arn"], facts["left_oidc_providers"]) == (PROVIDER, [LEFT])


def test_a_provider_of_another_component_or_region_is_not_left_by_ours():
    answers = providers({LEFT: tag_list(**marks("other")), LEFT.replace(REGION, "eu-west-1"): OURS})
    assert look(answers, "eks")[0].components["eks"]["left_oidc_providers"] == []


def test_what_controllers_of_a_cluster_that_is_gone_have_left():
    claim = {f"kubernetes.io/cluster/{PREFIX}-eks": "owned", "kubernetes.io/created-for/pvc/name": "data"}
    volumes = [
        {"VolumeId": "vol-1", "Tags": tag_list(**claim)},
        {"VolumeId": "vol-2", "Tags": tag_list(**{"kubernetes.io/cluster/other": "owned"})},
    ]
    found, _aws = look({"DescribeVolumes": {"Volumes": volumes}}, "eks")
    assert found.components["eks"]["controller_resources"] == ["volume vol-1 (data)"]
    assert found.summary["eks"]["state"] == "partial"


def test_launch_templates_of_this_component_only():
    names = {"left": OWNER, "others": marks("other"), "foreign": {}}
    templates = [{"LaunchTemplateName": name, "Tags": tag_list(**tags)} for name, tags in names.items()]
    found, _aws = look({"DescribeLaunchTemplates": {"LaunchTemplates": templates}}, "eks", entries={})
    assert found.components["eks"]["launch_templates"] == ["left"]


def test_a_cluster_under_way_has_no_address_yet():
    answers = {"DescribeCluster": cluster(status="CREATING", endpoint="", certificateAuthority={}, identity={})}
    found, aws = look(answers, "eks")
    facts = found.components["eks"]
    assert (facts["status"], facts["endpoint"], facts["certificate_authority"]) == ("CREATING", None, None)
    assert facts["oidc_issuer"] is None
    assert "GetOpenIDConnectProvider" not in aws.operations()


def session_of(name):
    return {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/run-1", "UserId": "AROA:run-1"}


def policies(name="AmazonEKSClusterAdminPolicy", scope="cluster"):
    arn = f"arn:aws:eks::aws:cluster-access-policy/{name}"
    return {"associatedAccessPolicies": [{"policyArn": arn, "accessScope": {"type": scope}}]}


@pytest.mark.parametrize(
    ("entries", "answers", "rights"),
    [
        ([f"{IAM}:user/someone"], policies(), "administrator"),
        ([f"{IAM}:user/someone"], policies("AmazonEKSAdminPolicy"), "some"),
        ([f"{IAM}:user/someone"], policies(scope="namespace"), "some"),
        ([f"{IAM}:role/someone"], policies(), "none"),
        ([f"{IAM}:user/someone"], api_error("ListAssociatedAccessPolicies", "AccessDeniedException"), None),
    ],
)
def test_what_the_cluster_lets_the_caller_do(entries, answers, rights):
    given = {**ANSWERS, "ListAccessEntries": {"accessEntries": entries}, "ListAssociatedAccessPolicies": answers}
    found, _aws = look(given, "eks")
    assert found.deployer == {"principal_arn": f"{IAM}:user/someone", "rights": rights}


def test_the_caller_may_be_in_groups_of_kubernetes():
    entry = {"accessEntry": {"principalArn": f"{IAM}:user/someone", "tags": OWNER, "kubernetesGroups": ["deployers"]}}
    assert look({**ANSWERS, "DescribeAccessEntry": entry}, "eks")[0].deployer["rights"] == "groups"


def test_a_session_is_its_role_with_its_path():
    """The path stands in no ARN of a session, and EKS takes no entry without it."""
    arn = f"{IAM}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Deployers_1"
    name = arn.rpartition("/")[2]

    def get_role(request):
        return {"Role": {"Arn": arn}} if request["RoleName"] == name else role(request)

    given = {**ANSWERS, "GetCallerIdentity": session_of(name), "ListAccessEntries": {"accessEntries": [arn]}}
    given["ListAssociatedAccessPolicies"] = policies()
    found, aws = look({**given, "GetRole": get_role}, "eks")
    assert found.deployer == {"principal_arn": arn, "rights": "administrator"}
    assert {"clusterName": f"{PREFIX}-eks", "principalArn": arn} in aws.requests("ListAssociatedAccessPolicies")


def test_without_the_permission_the_entry_is_found_by_the_name():
    arn = f"{IAM}:role/teams/deployers"

    def get_role(request):
        return api_error("GetRole", "AccessDenied") if request["RoleName"] == "deployers" else role(request)

    given = {**ANSWERS, "GetCallerIdentity": session_of("deployers"), "ListAccessEntries": {"accessEntries": [arn]}}
    found, _aws = look({**given, "GetRole": get_role, "ListAssociatedAccessPolicies": policies()}, "eks")
    assert found.deployer == {"principal_arn": f"{IAM}:role/deployers", "rights": "administrator"}


def test_before_there_is_a_cluster_the_caller_is_known():
    assert look({}, "eks")[0].deployer == {"principal_arn": f"{IAM}:user/someone", "rights": "none"}
    assert look({}, "network")[0].deployer == {"principal_arn": None, "rights": None}


def test_a_cluster_without_access_entries_is_not_asked_for_them():
    answers = {**ANSWERS, "DescribeCluster": cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})}
    found, aws = look(answers, "eks")
    assert found.components["eks"]["access_entries"] == []
    assert "ListAccessEntries" not in aws.operations()


def test_an_addon_deleted_in_between_is_left_out():
    gone = api_error("DescribeAddon", "ResourceNotFoundException", status=404)
    found, _aws = look({**ANSWERS, "DescribeAddon": gone}, "eks")
    assert found.components["eks"]["addons"] == {}


def test_other_partitions():
    arn = f"arn:aws-cn:eks:cn-north-1:{ACCOUNT}:cluster/{PREFIX}-eks"
    caller = {"Account": ACCOUNT, "Arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/a/b", "UserId": "AID"}
    provider = PROVIDER.replace("arn:aws:", "arn:aws-cn:")
    mine = providers({provider: OURS})
    answers = {**ANSWERS, **mine, "DescribeCluster": cluster(arn=arn), "GetCallerIdentity": caller}
    found, _aws = look(answers, "eks")
    assert found.partition == "aws-cn"
    assert found.components["eks"]["oidc_provider_arn"] == provider


def test_a_cluster_of_someone_else_is_not_looked_into():
    _found, aws = look({"DescribeCluster": cluster(tags={})}, "eks")
    assert not {"ListNodegroups", "ListAddons", "ListAccessEntries"} & set(aws.operations())


def test_without_names_of_node_groups_no_launch_templates_are_looked_for_by_name():
    _found, aws = look({}, "eks", entries={})
    (request,) = aws.requests("DescribeLaunchTemplates")
    assert {item["Name"] for item in request["Filters"]} == {f"tag:{key}" for key in OWNER}


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        ({"DescribeCluster": cluster(tags={"Project": "other"})}, f"EKS cluster {PREFIX}-eks"),
        (
            {
                "DescribeLaunchTemplates": {
                    "LaunchTemplates": [{"LaunchTemplateName": f"{PREFIX}-eks-default", "Tags": []}]
                }
            },
            f"launch template {PREFIX}-eks-default",
        ),
        (
            {"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {"Project": "other"}}},
            f"log group {LOG_GROUP}",
        ),
        (providers({PROVIDER: []}) | {"DescribeCluster": cluster()}, f"IAM OIDC provider {PROVIDER}"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken(answers, "eks") == [resource]


def test_roles_that_someone_else_has():
    assert sorted(taken(SOMEONE_ELSES_ROLES, "eks")) == [
        f"IAM role {PREFIX}-{name}" for name in ("ebs-csi-driver", "eks-admin", "eks-cluster", "eks-nodes", "vpc-cni")
    ]


def test_its_log_group():
    assert taken({"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": OWNER}}, "eks") == []


@pytest.mark.parametrize("there", [ANSWERS, {}])
def test_a_log_group_that_eks_made_again(there):
    """It does so also while a cluster is deleted, and after that."""
    answers = {**there, "DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {}}}
    assert taken(answers, "eks") == []


# ---- what AWS offers


def test_the_days_on_which_support_ends():
    found, _aws = look(ANSWERS, "eks", offers=True)
    ends = {"end_of_standard_support": "2026-12-02", "end_of_extended_support": "2027-12-02"}
    assert found.offers["eks"]["versions"] == {"1.34": ends}
    assert found.summary["eks"]["lines"][-1] == (
        "support of Kubernetes 1.34: standard until 2026-12-02, extended until 2027-12-02"
    )


def test_a_version_of_which_eks_tells_nothing():
    found, _aws = look({**ANSWERS, "DescribeCluster": cluster(version="1.99")}, "eks", offers=True)
    assert "support" not in "".join(found.summary["eks"]["lines"])


IMAGE = {"state": "available", "architecture": "arm64", "root_device_name": "/dev/xvda", "root_volume_size_gib": 8}


def test_images_of_node_groups():
    found, aws = look(ANSWERS, "eks", offers=True)
    assert found.offers["eks"]["images"] == {IMAGES[0]: {**IMAGE, "owner": ACCOUNT}}
    # Asked by their ids EC2 tells of none where one isn't there.
    assert ("DescribeImages", {"Filters": [{"Name": "image-id", "Values": IMAGES[:1]}]}) in aws.calls


def test_without_images_ec2_is_not_asked():
    found, aws = look(ANSWERS, "eks", offers=True, images=[])
    assert found.offers["eks"]["images"] == {}
    assert "DescribeImages" not in aws.operations()


def test_images_that_are_not_told():
    found, _aws = look(
        {**ANSWERS, "DescribeImages": api_error("DescribeImages", "UnauthorizedOperation", "no", 403)},
        "eks",
        offers=True,
    )
    assert found.offers["eks"]["images"] is None
    assert any("ec2:DescribeImages" in warning for warning in found.warnings)
