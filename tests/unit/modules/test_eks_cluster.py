"""EKS cluster: one update call for each kind of change, followed by its id; what EKS or good sense forbids."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.eks_cluster import EksCluster
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource, with_token

ARN = "arn:aws:eks:us-west-2:123456789012:cluster/demo"
ROLE = "arn:aws:iam::123456789012:role/demo"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
OWNER = {"ManagedBy": "agent_platform.aws"}
LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ALL_LOGS = {"clusterLogging": [{"types": LOGS, "enabled": True}]}

OPTIONS = [
    "name",
    "role_arn",
    "version",
    "subnet_ids",
    "security_group_ids",
    "endpoint_private_access",
    "endpoint_public_access",
    "public_access_cidrs",
    "logging",
    "encryption_key_arn",
    "authentication_mode",
    "bootstrap_cluster_creator_admin_permissions",
    "support_type",
    "deletion_protection",
    "zonal_shift",
    "auto_mode",
    "control_plane_tier",
    "service_ipv4_cidr",
    "ip_family",
]
UNSET = {**dict.fromkeys(OPTIONS), "name": "demo", "force": False, "bootstrap_self_managed_addons": False}
PARAMS = {
    **UNSET,
    "role_arn": ROLE,
    "version": "1.34",
    "subnet_ids": ["subnet-a", "subnet-b"],
    "security_group_ids": ["sg-1"],
    "endpoint_private_access": True,
    "endpoint_public_access": False,
    "public_access_cidrs": [],
    "logging": LOGS,
    "encryption_key_arn": KEY,
    "authentication_mode": "API",
    "bootstrap_cluster_creator_admin_permissions": False,
    "support_type": "STANDARD",
    "deletion_protection": True,
    "tags": {"A": "1", **OWNER},
    "owned_by": OWNER,
}


NO_LOGS = {
    "clusterLogging": [{"types": ["api", "audit", "authenticator", "controllerManager", "scheduler"], "enabled": False}]
}


def cluster(status="ACTIVE", vpc=None, **members):
    network = {
        "subnetIds": ["subnet-b", "subnet-a"],
        "securityGroupIds": ["sg-1"],
        "clusterSecurityGroupId": "sg-9",
        "vpcId": "vpc-1",
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
        "publicAccessCidrs": ["0.0.0.0/0"],
        **(vpc or {}),
    }
    found = {
        "name": "demo",
        "arn": ARN,
        "status": status,
        "version": "1.34",
        "roleArn": ROLE,
        "endpoint": "https://demo.example",
        "resourcesVpcConfig": network,
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "logging": ALL_LOGS,
        "identity": {"oidc": {"issuer": "https://oidc.example/id/1"}},
        "certificateAuthority": {"data": "Y2E="},
        "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": KEY}}],
        "accessConfig": {"authenticationMode": "API"},
        "upgradePolicy": {"supportType": "STANDARD"},
        "deletionProtection": True,
        "tags": {"A": "1", **OWNER},
        **members,
    }
    return {"cluster": {key: value for key, value in found.items() if value is not None}}


def missing():
    return api_error("DescribeCluster", "ResourceNotFoundException", "No cluster found for name: demo.", 404)


def busy(operation):
    message = "Cannot LoggingUpdate because cluster demo currently has update 1 in progress"
    return api_error(operation, "ResourceInUseException", message, 409)


def update(status="InProgress", **members):
    return {"update": {"id": "u-1", "status": status, "type": "ConfigUpdate", **members}}


def followed(operation, request):
    """An update call, and its update to the end."""
    return [
        Step(operation, update(), with_token(request)),
        Step("DescribeUpdate", update(), {"name": "demo", "updateId": "u-1"}),
        Step("DescribeUpdate", update("Successful")),
    ]


def run(params, *steps, **kwargs):
    return run_resource(EksCluster, {**PARAMS, **params}, *steps, **kwargs)


def refused(params, *steps, check_mode=False):
    return refuse_resource(EksCluster, {**PARAMS, **params}, *steps, check_mode=check_mode)


# ---- create


CREATED = {
    "name": "demo",
    "version": "1.34",
    "roleArn": ROLE,
    "resourcesVpcConfig": {
        "subnetIds": ["subnet-a", "subnet-b"],
        "securityGroupIds": ["sg-1"],
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
    },
    "logging": ALL_LOGS,
    "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": KEY}}],
    "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
    "upgradePolicy": {"supportType": "STANDARD"},
    "deletionProtection": True,
    "bootstrapSelfManagedAddons": False,
    "tags": {"A": "1", **OWNER},
}


def test_create_sends_everything_and_waits():
    result, _aws, _module = run(
        {},
        Step("DescribeCluster", missing(), {"name": "demo"}),
        Step("CreateCluster", cluster("CREATING"), with_token(CREATED)),
        Step("DescribeCluster", cluster("CREATING")),
        Step("DescribeCluster", cluster("CREATING")),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True
    found = result["cluster"]
    assert found["identity"]["oidc"]["issuer"] == "https://oidc.example/id/1"
    assert found["endpoint"] == "https://demo.example"
    assert found["certificate_authority"]["data"] == "Y2E="
    assert found["resources_vpc_config"]["cluster_security_group_id"] == "sg-9"
    assert found["tags"] == {"A": "1", **OWNER}
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["logging"] == LOGS


def test_create_with_the_least():
    params = {**UNSET, "tags": None, "role_arn": ROLE, "subnet_ids": ["subnet-a"], "encryption_key_arn": ""}
    run(
        params,
        Step("DescribeCluster", missing()),
        Step(
            "CreateCluster",
            cluster(),
            with_token(
                {
                    "name": "demo",
                    "roleArn": ROLE,
                    "resourcesVpcConfig": {"subnetIds": ["subnet-a"]},
                    "bootstrapSelfManagedAddons": False,
                }
            ),
        ),
        Step("DescribeCluster", cluster(vpc={"subnetIds": ["subnet-a"]}, encryptionConfig=None)),
    )


def test_create_without_auto_mode_and_with_a_tier():
    def check(request):
        assert request["computeConfig"] == {"enabled": False}
        assert request["storageConfig"] == {"blockStorage": {"enabled": False}}
        assert request["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": False}
        assert request["controlPlaneScalingConfig"] == {"tier": "tier-xl"}

    made = cluster(controlPlaneScalingConfig={"tier": "tier-xl"})
    result, _aws, _module = run(
        {"auto_mode": False, "control_plane_tier": "tier-xl"},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", made, check),
        Step("DescribeCluster", made),
    )
    assert result["changed"] is True


def test_check_mode_predicts_the_creation_without_a_write():
    result, _aws, _module = run(
        {"role_arn": PLACEHOLDER, "subnet_ids": [PLACEHOLDER], "encryption_key_arn": PLACEHOLDER},
        Step("DescribeCluster", missing()),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["cluster"]["role_arn"] == PLACEHOLDER
    assert result["diff"]["after"]["encryption_key_arn"] == PLACEHOLDER
    assert result["diff"]["after"]["tags"] == {"A": "1", **OWNER}


def test_what_creation_needs_is_named():
    message = refused({"role_arn": None, "subnet_ids": []}, Step("DescribeCluster", missing()))
    assert "role_arn and subnet_ids must be given" in message


def test_lost_reply_of_create_makes_no_second_cluster():
    result, aws, _module = run(
        {},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", lost_reply()),
        Step("DescribeCluster", cluster("CREATING")),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateCluster") == 1


def test_create_that_was_already_done_is_taken_over():
    result, _aws, _module = run(
        {},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", lost_reply()),
        Step("DescribeCluster", missing()),
        Step("CreateCluster", api_error("CreateCluster", "ResourceInUseException", "Cluster already exists", 409)),
        Step("DescribeCluster", cluster()),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    "message",
    [
        f"roleArn, {ROLE}, does not exist",
        f"Role with arn: {ROLE}, could not be assumed because it does not exist or the trusted entity is not correct",
        "The provided role doesn't have the Amazon EKS Managed Policies associated with it.",
    ],
)
def test_a_role_that_is_too_young_is_tried_again(message):
    result, _aws, _module = run(
        {},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", api_error("CreateCluster", "InvalidParameterException", message)),
        Step("DescribeCluster", missing()),
        Step("CreateCluster", cluster()),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True


def test_a_wrong_parameter_is_refused_at_once():
    error = api_error("CreateCluster", "InvalidParameterException", "Subnets specified must be in at least two AZs")
    message = refused({}, Step("DescribeCluster", missing()), Step("CreateCluster", error))
    assert "Could not create EKS cluster 'demo' (CreateCluster)" in message
    assert "two AZs" in message


def test_failed_creation_gives_reasons_and_remedy():
    health = {"issues": [{"code": "Ec2SubnetNotFound", "message": "Gone.", "resourceIds": ["subnet-a"]}]}
    message = refused(
        {},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", cluster("CREATING")),
        Step("DescribeCluster", cluster("CREATING")),
        Step("DescribeCluster", cluster("FAILED", health=health)),
    )
    assert "is FAILED. Ec2SubnetNotFound: Gone (subnet-a). Mend the cause, remove the cluster" in message


def test_creation_that_takes_too_long(clock):
    def slow(now=clock):
        return Step("DescribeCluster", cluster("CREATING"))

    message = refused(
        {"wait_timeout": 3},
        Step("DescribeCluster", missing()),
        Step("CreateCluster", cluster("CREATING")),
        *[slow() for _ in range(4)],
    )
    assert "is still CREATING after 3 s" in message
    assert "Run again to go on waiting" in message


# ---- no change


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, Step("DescribeCluster", cluster()))
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]


@pytest.mark.parametrize(
    ("params", "members"),
    [
        # The ranges mean nothing while the endpoint is off.
        ({"public_access_cidrs": ["203.0.113.0/24"]}, {}),
        ({"endpoint_public_access": None, "public_access_cidrs": ["203.0.113.0/24"]}, {}),
        # What an answer leaves out has a meaning.
        ({"deletion_protection": False}, {"deletionProtection": None}),
        ({"zonal_shift": False}, {}),
        ({"encryption_key_arn": ""}, {"encryptionConfig": []}),
        ({"logging": []}, {"logging": {"clusterLogging": [{"types": LOGS, "enabled": False}]}}),
        ({"logging": []}, {"logging": None}),
        (
            {"logging": ["scheduler", "api"]},
            {"logging": {"clusterLogging": [{"types": ["api", "scheduler"], "enabled": True}]}},
        ),
        # Decided at creation.
        ({"bootstrap_cluster_creator_admin_permissions": True}, {}),
        ({"bootstrap_self_managed_addons": True}, {}),
    ],
)
def test_no_difference(params, members):
    result, _aws, _module = run(params, Step("DescribeCluster", cluster(**members)))
    assert result["changed"] is False


def test_an_update_under_way_is_waited_for():
    result, _aws, _module = run(
        {}, Step("DescribeCluster", cluster("UPDATING", version="1.33")), Step("DescribeCluster", cluster())
    )
    assert result["changed"] is False


# ---- updates


@pytest.mark.parametrize(
    ("params", "operation", "request_", "before"),
    [
        ({"deletion_protection": False}, "UpdateClusterConfig", {"deletionProtection": False}, {}),
        (
            {"support_type": "EXTENDED"},
            "UpdateClusterConfig",
            {"upgradePolicy": {"supportType": "EXTENDED"}},
            {},
        ),
        (
            {},
            "UpdateClusterConfig",
            {"accessConfig": {"authenticationMode": "API"}},
            {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}},
        ),
        (
            {"logging": ["audit"]},
            "UpdateClusterConfig",
            {
                "logging": {
                    "clusterLogging": [
                        {"types": ["audit"], "enabled": True},
                        {"types": ["api", "authenticator", "controllerManager", "scheduler"], "enabled": False},
                    ]
                }
            },
            {},
        ),
        (
            {"logging": []},
            "UpdateClusterConfig",
            {"logging": {"clusterLogging": [{"types": LOGS, "enabled": False}]}},
            {},
        ),
        (
            {"subnet_ids": ["subnet-a", "subnet-c"]},
            "UpdateClusterConfig",
            {"resourcesVpcConfig": {"subnetIds": ["subnet-a", "subnet-c"], "securityGroupIds": ["sg-1"]}},
            {},
        ),
        (
            {"endpoint_public_access": True, "public_access_cidrs": ["203.0.113.0/24"]},
            "UpdateClusterConfig",
            {
                "resourcesVpcConfig": {
                    "endpointPrivateAccess": True,
                    "endpointPublicAccess": True,
                    "publicAccessCidrs": ["203.0.113.0/24"],
                }
            },
            {},
        ),
        (
            {},
            "UpdateClusterConfig",
            {"resourcesVpcConfig": {"endpointPrivateAccess": True, "endpointPublicAccess": False}},
            {"vpc": {"endpointPublicAccess": True}},
        ),
        ({"zonal_shift": True}, "UpdateClusterConfig", {"zonalShiftConfig": {"enabled": True}}, {}),
        (
            {"auto_mode": False},
            "UpdateClusterConfig",
            {
                "computeConfig": {"enabled": False},
                "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": False}},
                "storageConfig": {"blockStorage": {"enabled": False}},
            },
            {"computeConfig": {"enabled": True, "nodePools": ["system"]}},
        ),
        (
            {"control_plane_tier": "standard"},
            "UpdateClusterConfig",
            {"controlPlaneScalingConfig": {"tier": "standard"}},
            {"controlPlaneScalingConfig": {"tier": "tier-xl"}},
        ),
        ({}, "UpdateClusterVersion", {"version": "1.34"}, {"version": "1.33"}),
        ({"force": True}, "UpdateClusterVersion", {"version": "1.34", "force": True}, {"version": "1.33"}),
    ],
)
def test_each_change_is_a_call_of_its_own_and_followed(params, operation, request_, before):
    result, _aws, _module = run(
        params,
        Step("DescribeCluster", cluster(**before)),
        *followed(operation, {"name": "demo", **request_}),
        Step("DescribeCluster", cluster("UPDATING", **before)),
        Step("DescribeCluster", cluster()),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True


def test_a_cluster_without_a_key_gets_one():
    request = {"clusterName": "demo", "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]}
    result, _aws, _module = run(
        {},
        Step("DescribeCluster", cluster(encryptionConfig=None)),
        *followed("AssociateEncryptionConfig", request),
        Step("DescribeCluster", cluster()),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True
    assert "encryption_key_arn" in result["diff"]["after"]


def test_several_changes_come_one_by_one_and_the_version_last():
    before = {"version": "1.33", "deletionProtection": False, "logging": None}
    result, _aws, _module = run(
        {},
        Step("DescribeCluster", cluster(**before)),
        *followed("UpdateClusterConfig", {"name": "demo", "deletionProtection": True}),
        Step("DescribeCluster", cluster(version="1.33", logging=None)),
        *followed("UpdateClusterConfig", {"name": "demo", "logging": ALL_LOGS}),
        Step("DescribeCluster", cluster(version="1.33")),
        *followed("UpdateClusterVersion", {"name": "demo", "version": "1.34"}),
        Step("DescribeCluster", cluster()),
        Step("DescribeCluster", cluster()),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["version"] == "1.33"


def test_without_wait_only_the_last_update_is_left_to_itself():
    before = {"version": "1.33", "deletionProtection": False}
    result, _aws, _module = run(
        {"wait": False},
        Step("DescribeCluster", cluster(**before)),
        Step("UpdateClusterConfig", update()),
        Step("DescribeCluster", cluster("UPDATING", version="1.33")),
        Step("DescribeUpdate", update("Successful")),
        Step("UpdateClusterVersion", update()),
        Step("DescribeCluster", cluster("UPDATING", version="1.33")),
        Step("DescribeCluster", cluster("UPDATING", version="1.33")),
    )
    assert result["changed"] is True


def test_another_update_gets_in_between():
    result, _aws, _module = run(
        {"zonal_shift": True},
        Step("DescribeCluster", cluster()),
        Step("UpdateClusterConfig", busy("UpdateClusterConfig")),
        Step("DescribeCluster", cluster("UPDATING")),
        Step("DescribeCluster", cluster()),
        *followed("UpdateClusterConfig", {"name": "demo", "zonalShiftConfig": {"enabled": True}}),
        Step("DescribeCluster", cluster(zonalShiftConfig={"enabled": True})),
        Step("DescribeCluster", cluster(zonalShiftConfig={"enabled": True})),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    "fault",
    [
        api_error("UpdateClusterConfig", "ThrottlingException", "Rate exceeded"),
        api_error("UpdateClusterConfig", "ServerException", "broken", 500),
        lost_reply(),
    ],
)
def test_a_faulty_update_call_is_decided_anew(fault):
    result, _aws, _module = run(
        {"zonal_shift": True},
        Step("DescribeCluster", cluster()),
        Step("UpdateClusterConfig", fault),
        Step("DescribeCluster", cluster()),
        *followed("UpdateClusterConfig", {"name": "demo", "zonalShiftConfig": {"enabled": True}}),
        Step("DescribeCluster", cluster(zonalShiftConfig={"enabled": True})),
        Step("DescribeCluster", cluster(zonalShiftConfig={"enabled": True})),
    )
    assert result["changed"] is True


def test_an_update_whose_reply_was_lost_is_seen_by_its_effect():
    result, aws, _module = run(
        {"zonal_shift": True},
        Step("DescribeCluster", cluster()),
        Step("UpdateClusterConfig", lost_reply()),
        Step("DescribeCluster", cluster("UPDATING")),
        Step("DescribeCluster", cluster(zonalShiftConfig={"enabled": True})),
    )
    assert result["changed"] is True
    assert aws.operations().count("UpdateClusterConfig") == 1


def test_an_update_that_was_done_already_is_no_error():
    message = "Cluster is already at the desired configuration with endpointPrivateAccess: true"
    open_endpoint = {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}
    result, _aws, _module = run(
        {"endpoint_public_access": True, "public_access_cidrs": ["203.0.113.0/24"]},
        Step("DescribeCluster", cluster()),
        Step("UpdateClusterConfig", lost_reply()),
        Step("DescribeCluster", cluster()),
        Step("UpdateClusterConfig", api_error("UpdateClusterConfig", "InvalidParameterException", message)),
        Step("DescribeCluster", cluster(vpc=open_endpoint)),
    )
    assert result["changed"] is True


def test_a_failed_update_says_why():
    errors = [{"errorCode": "IpNotAvailable", "errorMessage": "No address left.", "resourceIds": ["subnet-a"]}]
    message = refused(
        {},
        Step("DescribeCluster", cluster(version="1.33")),
        Step("UpdateClusterVersion", update()),
        Step("DescribeUpdate", update("Failed", type="VersionUpdate", errors=errors)),
    )
    assert "The VersionUpdate of EKS cluster 'demo' failed." in message
    assert "IpNotAvailable: No address left (subnet-a). Free addresses in the subnets." in message


def test_a_cancelled_update_says_so():
    message = refused(
        {},
        Step("DescribeCluster", cluster(version="1.33")),
        Step("UpdateClusterVersion", update()),
        Step("DescribeUpdate", update("Cancelled", cancellation={"reason": "somebody asked for it"})),
    )
    assert "was cancelled. somebody asked for it" in message


def test_an_update_that_takes_too_long():
    message = refused(
        {"wait_timeout": 2},
        Step("DescribeCluster", cluster(version="1.33")),
        Step("UpdateClusterVersion", update()),
        Step("DescribeUpdate", api_error("DescribeUpdate", "ResourceNotFoundException", "No update found", 404)),
        Step("DescribeUpdate", update("InProgress")),
    )
    assert "is still InProgress after 2 s" in message


def test_upgrade_blocked_by_insights_has_a_remedy():
    error = api_error("UpdateClusterVersion", "InvalidStateException", "Upgrade readiness issues detected.")
    message = refused({}, Step("DescribeCluster", cluster(version="1.33")), Step("UpdateClusterVersion", error))
    assert "Upgrade readiness issues detected" in message
    assert "list-insights" in message
    assert "force" in message


def test_node_groups_that_lag_behind_have_a_remedy():
    text = "Nodegroups demo-default must be updated to match cluster version 1.33 before updating cluster version"
    error = api_error("UpdateClusterVersion", "InvalidParameterException", text)
    message = refused({}, Step("DescribeCluster", cluster(version="1.33")), Step("UpdateClusterVersion", error))
    assert f"{text}. Do that first (agent_platform.aws.eks_nodegroup)." in message


def test_check_mode_shows_a_change_without_making_it():
    result, _aws, _module = run(
        {"logging": ["api"], "tags": {"B": "2"}}, Step("DescribeCluster", cluster(version="1.33")), check_mode=True
    )
    assert result["changed"] is True
    assert result["cluster"]["version"] == "1.34"
    assert result["diff"]["before"]["logging"] == LOGS
    assert result["diff"]["after"]["logging"] == ["api"]
    assert result["diff"]["after"]["tags"] == {"B": "2"}


def test_tags_are_set_and_removed():
    result, _aws, _module = run(
        {"tags": {"B": "2", **OWNER}},
        Step("DescribeCluster", cluster()),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["A"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"B": "2"}}),
        Step("DescribeCluster", cluster(tags={"B": "2", **OWNER})),
    )
    assert result["changed"] is True


# ---- refusals


@pytest.mark.parametrize(
    ("params", "members", "parts"),
    [
        ({"version": "1.36"}, {}, ["runs Kubernetes 1.34", "declared is 1.36", 'Declare "1.35"']),
        ({"version": "2.10"}, {}, ["one minor version at a time"]),
        ({"version": "1.33"}, {}, ["declared is 1.33", "isn't taken back", 'Declare version "1.34"']),
        ({"version": "1.3"}, {}, ["'1.3'", "in quotes"]),
        ({"version": "latest"}, {}, ["'latest'", "in quotes"]),
        ({"authentication_mode": "CONFIG_MAP"}, {}, ["has authentication_mode API", "doesn't go back to CONFIG_MAP"]),
        (
            {},
            {"accessConfig": {"authenticationMode": "CONFIG_MAP"}},
            ["has authentication_mode CONFIG_MAP", "by way of API_AND_CONFIG_MAP"],
        ),
        ({"encryption_key_arn": f"{KEY}2"}, {}, [f"is encrypted with {KEY};", f"{KEY}2"]),
        ({"encryption_key_arn": ""}, {}, [f"is encrypted with {KEY};", "to none"]),
        ({"role_arn": f"{ROLE}-2"}, {}, ["can't be changed in place", "role_arn", f"{ROLE}-2"]),
        ({"service_ipv4_cidr": "10.100.0.0/16"}, {}, ["can't be changed in place", "172.20.0.0/16", "10.100.0.0/16"]),
        ({"endpoint_public_access": True}, {}, ["public_access_cidrs", "is empty"]),
        ({}, {"tags": {"ManagedBy": "someone"}}, ["isn't ours", "ManagedBy=someone"]),
    ],
)
def test_what_is_refused_before_any_write(params, members, parts):
    message = refused(params, Step("DescribeCluster", cluster(**members)))
    assert "demo" in message or "version" in message
    for part in parts:
        assert part in message


def test_refused_in_check_mode_too():
    assert "one minor version at a time" in refused(
        {"version": "1.36"}, Step("DescribeCluster", cluster()), check_mode=True
    )


def test_unknown_values_are_no_reason_to_refuse_in_check_mode():
    result, _aws, _module = run(
        {"role_arn": PLACEHOLDER, "encryption_key_arn": PLACEHOLDER},
        Step("DescribeCluster", cluster()),
        check_mode=True,
    )
    assert result["changed"] is True


def test_nobody_could_reach_the_cluster():
    message = refused({"authentication_mode": "CONFIG_MAP"}, Step("DescribeCluster", missing()))
    assert "bootstrap_cluster_creator_admin_permissions must be true" in message


# ---- delete


# Neither protected nor logging.
SILENT = {"deletionProtection": False, "logging": None}


def gone(params, *steps, **kwargs):
    return run({"state": "absent", **params}, *steps, **kwargs)


def test_delete_waits_until_it_is_gone():
    result, _aws, _module = gone(
        {},
        Step("DescribeCluster", cluster(**SILENT)),
        Step("DeleteCluster", {}, {"name": "demo"}),
        Step("DescribeCluster", cluster("DELETING")),
        Step("DescribeCluster", missing()),
    )
    assert result["changed"] is True
    assert result["cluster"] == {}


@pytest.mark.parametrize(
    ("code", "text", "gone"),
    [
        ("ResourceNotFoundException", "No cluster found for name: demo.", True),
        ("ClientException", "No cluster found for name: demo.", True),
        ("ClientException", "Something else is wrong.", False),
    ],
)
def test_how_eks_says_that_there_is_none(code, text, gone):
    error = Step("DescribeCluster", api_error("DescribeCluster", code, text))
    if gone:
        assert run({"state": "absent"}, error)[0]["changed"] is False
    else:
        assert "Something else is wrong" in refused({"state": "absent"}, error)


def test_delete_of_what_is_absent():
    result, _aws, _module = gone({}, Step("DescribeCluster", missing()))
    assert result["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_protected_cluster_stays(check_mode):
    message = refused({"state": "absent"}, Step("DescribeCluster", cluster()), check_mode=check_mode)
    assert "protected against deletion" in message
    assert "deletion_protection: false" in message


def test_a_protected_cluster_goes_when_both_are_asked_for():
    result, _aws, _module = gone(
        {"deletion_protection": False},
        Step("DescribeCluster", cluster()),
        *followed("UpdateClusterConfig", {"name": "demo", "deletionProtection": False}),
        *followed("UpdateClusterConfig", {"name": "demo", "logging": NO_LOGS}),
        Step("DeleteCluster", {}),
        Step("DescribeCluster", missing()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("wait", [True, False])
def test_its_logs_are_turned_off_first(wait):
    """EKS would deliver what is left, and make the log group again that is removed after it."""
    ends = [Step("DescribeCluster", missing())] if wait else []
    result, _aws, _module = gone(
        {"wait": wait},
        Step("DescribeCluster", cluster(deletionProtection=False)),
        *followed("UpdateClusterConfig", {"name": "demo", "logging": NO_LOGS}),
        Step("DeleteCluster", {}),
        *ends,
    )
    assert result["changed"] is True


def test_logs_that_cannot_be_turned_off_do_not_keep_it():
    refusal = api_error("UpdateClusterConfig", "InvalidRequestException", "the role is gone")
    result, _aws, module = gone(
        {},
        Step("DescribeCluster", cluster(deletionProtection=False)),
        Step("UpdateClusterConfig", refusal),
        Step("DeleteCluster", {}),
        Step("DescribeCluster", missing()),
    )
    assert result["changed"] is True
    assert "may make their group again" in module.warnings[0]


def test_a_cluster_that_never_came_to_be_has_no_logs_to_turn_off():
    result, _aws, _module = gone(
        {},
        Step("DescribeCluster", cluster("FAILED", deletionProtection=False)),
        Step("DeleteCluster", {}),
        Step("DescribeCluster", missing()),
    )
    assert result["changed"] is True


def test_delete_with_node_groups_has_a_remedy():
    error = api_error("DeleteCluster", "ResourceInUseException", "Cluster has nodegroups attached", 409)
    message = refused({"state": "absent"}, Step("DescribeCluster", cluster(**SILENT)), Step("DeleteCluster", error))
    assert "nodegroups attached" in message
    assert "Remove its node groups" in message


def test_delete_waits_for_an_update_under_way():
    result, _aws, _module = gone(
        {},
        Step("DescribeCluster", cluster(**SILENT)),
        Step("DeleteCluster", busy("DeleteCluster")),
        Step("DescribeCluster", cluster("UPDATING", **SILENT)),
        Step("DescribeCluster", cluster(**SILENT)),
        Step("DeleteCluster", {}),
        Step("DescribeCluster", missing()),
    )
    assert result["changed"] is True


def test_delete_in_check_mode():
    result, _aws, _module = gone({}, Step("DescribeCluster", cluster(**SILENT)), check_mode=True)
    assert result["changed"] is True


def test_someone_elses_cluster_is_not_deleted():
    found = cluster(deletionProtection=False, tags={})
    assert "isn't ours" in refused({"state": "absent"}, Step("DescribeCluster", found))
