"""EKS add-on: which version is meant, settings as data, and what an update call must carry along."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.eks_addon import EksAddon, values_from_api, version_key
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource, with_token

ARN = "arn:aws:eks:us-west-2:123456789012:addon/demo/vpc-cni/1"
ROLE = "arn:aws:iam::123456789012:role/cni"
OWNER = {"ManagedBy": "agent_platform.aws"}
NAMES = {"clusterName": "demo", "addonName": "vpc-cni"}
ASSOCIATION = "arn:aws:eks:us-west-2:123456789012:podidentityassociation/demo/a-1"

UNSET = {
    "name": "vpc-cni",
    "cluster_name": "demo",
    "version": None,
    "service_account_role_arn": None,
    "configuration_values": None,
    "resolve_conflicts": None,
    "pod_identity_associations": None,
    "preserve": False,
}
PARAMS = {
    **UNSET,
    "version": "v1.21.1-eksbuild.1",
    "service_account_role_arn": ROLE,
    "configuration_values": {"env": {"WARM": "1"}, "replicas": 2},
    "resolve_conflicts": "PRESERVE",
    "tags": {"A": "1", **OWNER},
    "owned_by": OWNER,
}
VALUES = '{"env": {"WARM": "1"}, "replicas": 2}'


def addon(status="ACTIVE", **members):
    found = {
        **NAMES,
        "addonArn": ARN,
        "status": status,
        "addonVersion": "v1.21.1-eksbuild.1",
        "serviceAccountRoleArn": ROLE,
        "configurationValues": VALUES,
        "tags": {"A": "1", **OWNER},
        **members,
    }
    return {"addon": {key: value for key, value in found.items() if value is not None}}


def missing():
    return api_error("DescribeAddon", "ResourceNotFoundException", "No addon: vpc-cni found in cluster: demo", 404)


def no_cluster():
    error = api_error("DescribeCluster", "ResourceNotFoundException", "No cluster found for name: demo.", 404)
    return Step("DescribeCluster", error)


def cluster(version="1.34", status="ACTIVE"):
    return Step(
        "DescribeCluster", {"cluster": {"name": "demo", "version": version, "status": status}}, {"name": "demo"}
    )


def versions(*names, default=None, kubernetes="1.34"):
    """What EKS offers; one that fits another Kubernetes version only is always among it."""
    other = {
        "addonVersion": "v9.9.9-eksbuild.9",
        "compatibilities": [{"clusterVersion": "1.99", "defaultVersion": True}],
    }
    offered = [
        {
            "addonVersion": name,
            "compatibilities": [
                {"clusterVersion": kubernetes, "platformVersions": ["*"], "defaultVersion": name == default}
            ],
        }
        for name in names
    ]
    return Step(
        "DescribeAddonVersions",
        {"addons": [{"addonName": "vpc-cni", "addonVersions": [other, *offered]}]},
        {"addonName": "vpc-cni", "kubernetesVersion": kubernetes},
    )


def update(status="InProgress", **members):
    return {"update": {"id": "u-1", "status": status, "type": "AddonUpdate", **members}}


def followed(request):
    """The update call, and its update to the end."""
    return [
        Step("UpdateAddon", update(), with_token({**NAMES, **request})),
        Step("DescribeUpdate", update(), {"name": "demo", "addonName": "vpc-cni", "updateId": "u-1"}),
        Step("DescribeUpdate", update("Successful")),
    ]


def run(params, *steps, **kwargs):
    return run_resource(EksAddon, {**PARAMS, **params}, *steps, **kwargs)


def refused(params, *steps, check_mode=False):
    return refuse_resource(EksAddon, {**PARAMS, **params}, *steps, check_mode=check_mode)


OFFERED = versions("v1.20.0-eksbuild.2", "v1.21.1-eksbuild.1", "v1.20.10-eksbuild.1", default="v1.20.10-eksbuild.1")


# ---- create


def test_create_sends_everything_and_waits():
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing(), NAMES),
        cluster(),
        OFFERED,
        Step(
            "CreateAddon",
            addon("CREATING"),
            with_token(
                {
                    **NAMES,
                    "addonVersion": "v1.21.1-eksbuild.1",
                    "serviceAccountRoleArn": ROLE,
                    "configurationValues": VALUES,
                    # There is nothing to preserve yet.
                    "resolveConflicts": "NONE",
                    "tags": {"A": "1", **OWNER},
                }
            ),
        ),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert result["addon"]["addon_version"] == "v1.21.1-eksbuild.1"
    assert result["addon"]["configuration_values"] == PARAMS["configuration_values"]
    assert result["addon"]["tags"] == {"A": "1", **OWNER}


def test_create_with_the_least():
    run(
        {**UNSET, "tags": None, "service_account_role_arn": "", "pod_identity_associations": []},
        Step("DescribeAddon", missing()),
        cluster(),
        Step("CreateAddon", addon(), with_token(NAMES)),
        Step("DescribeAddon", addon(serviceAccountRoleArn=None)),
    )


def test_create_with_pod_identity():
    wanted = [{"service_account": "aws-node", "role_arn": ROLE}]
    result, _aws, _module = run(
        {**UNSET, "tags": None, "pod_identity_associations": wanted},
        Step("DescribeAddon", missing()),
        cluster(),
        Step(
            "CreateAddon",
            addon(),
            with_token({**NAMES, "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": ROLE}]}),
        ),
        Step("DescribeAddon", addon(podIdentityAssociations=[ASSOCIATION])),
        association(),
    )
    assert result["addon"]["pod_identity_associations"][0]["association_id"] == "a-1"


def association(role=ROLE, account="aws-node", number=1):
    return Step(
        "DescribePodIdentityAssociation",
        {
            "association": {
                "clusterName": "demo",
                "namespace": "kube-system",
                "serviceAccount": account,
                "roleArn": role,
                "associationId": f"a-{number}",
                "associationArn": ASSOCIATION,
            }
        },
        {"clusterName": "demo", "associationId": f"a-{number}"},
    )


def test_check_mode_without_a_cluster_predicts_the_creation():
    result, _aws, _module = run(
        {"version": "default", "service_account_role_arn": PLACEHOLDER},
        Step("DescribeAddon", missing()),
        no_cluster(),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["addon"]["addon_version"] == PLACEHOLDER
    assert result["addon"]["configuration_values"] == PARAMS["configuration_values"]


def test_check_mode_with_a_cluster_knows_the_version():
    result, _aws, _module = run(
        {"version": "default"}, Step("DescribeAddon", missing()), cluster(), OFFERED, check_mode=True
    )
    assert result["diff"]["after"]["version"] == "v1.20.10-eksbuild.1"


@pytest.mark.parametrize("version", [None, "default", "v1.21.1-eksbuild.1"])
def test_without_the_cluster_the_message_says_what_to_run(version):
    message = refused({"version": version}, Step("DescribeAddon", missing()), no_cluster())
    assert "EKS cluster 'demo' doesn't exist in region us-west-2" in message
    assert "agent_platform.aws.eks_cluster" in message


def test_lost_reply_of_create_makes_no_second_add_on():
    result, aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", lost_reply()),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateAddon") == 1


def test_a_role_that_is_too_young_is_tried_again():
    error = api_error("CreateAddon", "InvalidParameterException", f"Role {ROLE} does not exist")
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", error),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def degraded(status="DEGRADED"):
    issue = {"code": "InsufficientNumberOfReplicas", "message": "The add-on has 0 of 2 replicas", "resourceIds": []}
    return addon(status, health={"issues": [issue]})


def test_an_add_on_may_be_degraded_while_nodes_come_up():
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", degraded()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def test_after_a_lost_reply_too_it_may_be_degraded_for_a_while():
    result, _aws, module = run(
        {},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", lost_reply()),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", degraded()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert module.warnings == []


def test_one_that_stays_degraded_gives_the_reasons():
    message = refused(
        {"wait_timeout": 3},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATING")),
        *[Step("DescribeAddon", degraded()) for _ in range(3)],
    )
    assert "is still DEGRADED after 3 s; expected: ACTIVE" in message
    assert "InsufficientNumberOfReplicas: The add-on has 0 of 2 replicas. Check that there are enough nodes" in message


def test_without_wait_nobody_looks_at_the_health():
    result, _aws, module = run(
        {"wait": False},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", degraded()),
    )
    assert result["changed"] is True
    assert "is DEGRADED" in module.warnings[0]


def test_failed_creation_gives_reasons_and_remedy():
    issue = {"code": "ConfigurationConflict", "message": "conflicts with kubectl", "resourceIds": []}
    message = refused(
        {},
        Step("DescribeAddon", missing()),
        cluster(),
        OFFERED,
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATE_FAILED", health={"issues": [issue]})),
    )
    assert "is CREATE_FAILED. ConfigurationConflict: conflicts with kubectl. Set resolve_conflicts to" in message
    assert "run again, which makes it again" in message


AS_DECLARED = {
    **NAMES,
    "addonVersion": "v1.21.1-eksbuild.1",
    "serviceAccountRoleArn": ROLE,
    "configurationValues": VALUES,
    "resolveConflicts": "PRESERVE",
}
CONFLICT = {"code": "ConfigurationConflict", "message": "conflicts with kubectl", "resourceIds": []}


def test_one_whose_creation_has_failed_is_brought_up_by_an_update():
    result, _aws, module = run(
        {"pod_identity_associations": []},
        Step("DescribeAddon", addon("CREATE_FAILED", health={"issues": [CONFLICT]})),
        Step("UpdateAddon", update(), with_token(AS_DECLARED)),
        Step("DescribeUpdate", update("Successful")),
        Step("DescribeAddon", addon("UPDATING")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    (warning,) = module.warnings
    assert "is CREATE_FAILED and has never run. ConfigurationConflict: conflicts with kubectl." in warning
    assert "It was brought up by an update." in warning


@pytest.mark.parametrize(
    "tried",
    [
        # EKS takes the update, and it comes to nothing.
        [
            Step("UpdateAddon", update()),
            Step("DescribeUpdate", update("Failed", errors=[{"errorCode": "Unknown", "errorMessage": "no"}])),
            Step("DescribeAddon", addon("UPDATE_FAILED")),
        ],
        # EKS takes none.
        [
            Step("UpdateAddon", api_error("UpdateAddon", "InvalidRequestException", "Addon is in a failed state")),
            Step("DescribeAddon", addon("CREATE_FAILED")),
        ],
        # One that looks as if it would pass.
        [
            Step(
                "UpdateAddon",
                api_error("UpdateAddon", "ResourceInUseException", "is currently in CREATE_FAILED state", 409),
            ),
            Step("DescribeAddon", addon("CREATE_FAILED")),
        ],
    ],
)
def test_one_that_no_update_brings_up_is_deleted_and_made_again(tried):
    result, _aws, module = run(
        {"version": None},
        Step("DescribeAddon", addon("CREATE_FAILED")),
        *tried,
        cluster(),
        Step("DeleteAddon", {}, NAMES),
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert "It is deleted and made again." in module.warnings[-1]


def test_a_throttled_update_of_it_is_sent_again():
    result, aws, _module = run(
        {},
        Step("DescribeAddon", addon("CREATE_FAILED")),
        Step("UpdateAddon", api_error("UpdateAddon", "ThrottlingException", "Rate exceeded", 429)),
        Step("DescribeAddon", addon("CREATE_FAILED")),
        Step("UpdateAddon", update(), with_token(AS_DECLARED)),
        Step("DescribeUpdate", update("Successful")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert "DeleteAddon" not in aws.operations()


def test_an_add_on_that_could_not_be_deleted_is_an_error():
    assert "is DELETE_FAILED" in refused({}, Step("DescribeAddon", addon("DELETE_FAILED")))


@pytest.mark.parametrize("state", ["DEGRADED", "UPDATE_FAILED", "DELETE_FAILED"])
def test_what_has_run_before_is_never_made_again(state):
    assert state not in EksAddon.states.remade


# ---- no change


@pytest.mark.parametrize(
    ("params", "members"),
    [
        ({}, {}),
        ({}, {"configurationValues": '{"replicas":2,"env":{"WARM":"1"}}'}),
        ({}, {"configurationValues": "replicas: 2\nenv:\n  WARM: '1'\n"}),
        ({"configuration_values": {}}, {"configurationValues": None}),
        ({"service_account_role_arn": ""}, {"serviceAccountRoleArn": None}),
        ({"service_account_role_arn": None, "configuration_values": None, "version": None}, {}),
        ({"resolve_conflicts": "OVERWRITE"}, {}),
        ({"pod_identity_associations": []}, {}),
    ],
)
def test_no_difference(params, members):
    result, _aws, _module = run(params, Step("DescribeAddon", addon(**members)))
    assert result["changed"] is False


def test_pod_identity_associations_are_compared_by_service_account_and_role():
    result, _aws, _module = run(
        {
            "pod_identity_associations": [
                {"service_account": "b", "role_arn": ROLE},
                {"service_account": "a", "role_arn": ROLE},
            ]
        },
        Step("DescribeAddon", addon(podIdentityAssociations=[f"{ASSOCIATION[:-1]}1", f"{ASSOCIATION[:-1]}2"])),
        association(account="a"),
        association(account="b", number=2),
    )
    assert result["changed"] is False


def test_degraded_without_a_change_is_a_warning():
    result, _aws, module = run({}, Step("DescribeAddon", degraded()))
    assert result["changed"] is False
    assert "InsufficientNumberOfReplicas" in module.warnings[0]


# ---- versions


@pytest.mark.parametrize(
    ("declared", "running", "meant"),
    [
        ("default", "v1.20.0-eksbuild.2", "v1.20.10-eksbuild.1"),
        ("latest", "v1.20.0-eksbuild.2", "v1.21.1-eksbuild.1"),
        ("latest", "v1.20.10-eksbuild.1", "v1.21.1-eksbuild.1"),
        # Only a version that is written out takes an add-on back.
        ("v1.20.0-eksbuild.2", "v1.21.1-eksbuild.1", "v1.20.0-eksbuild.2"),
    ],
)
def test_the_version_that_is_meant(declared, running, meant):
    result, _aws, _module = run(
        {**UNSET, "version": declared},
        Step("DescribeAddon", addon(addonVersion=running)),
        cluster(),
        OFFERED,
        *followed({"addonVersion": meant, "serviceAccountRoleArn": ROLE, "configurationValues": VALUES}),
        Step("DescribeAddon", addon("UPDATING", addonVersion=running)),
        Step("DescribeAddon", addon(addonVersion=meant)),
        Step("DescribeAddon", addon(addonVersion=meant)),
    )
    assert result["changed"] is True
    assert result["diff"]["after"]["version"] == meant


@pytest.mark.parametrize(
    ("declared", "running"),
    [
        ("default", "v1.20.10-eksbuild.1"),
        ("latest", "v1.21.1-eksbuild.1"),
        # Newer than what EKS recommends, and newer than all that it still offers.
        ("default", "v1.21.1-eksbuild.1"),
        ("latest", "v1.22.0-eksbuild.1"),
    ],
)
def test_no_implicit_way_back(declared, running):
    result, _aws, _module = run(
        {"version": declared}, Step("DescribeAddon", addon(addonVersion=running)), cluster(), OFFERED
    )
    assert result["changed"] is False
    assert result["addon"]["addon_version"] == running


def test_after_an_upgrade_of_the_cluster_the_default_moves():
    result, _aws, _module = run(
        {"version": "default"},
        Step("DescribeAddon", addon()),
        cluster("1.35"),
        versions("v1.22.0-eksbuild.1", default="v1.22.0-eksbuild.1", kubernetes="1.35"),
        Step("UpdateAddon", update()),
        Step("DescribeUpdate", update("Successful")),
        Step("DescribeAddon", addon(addonVersion="v1.22.0-eksbuild.1")),
        Step("DescribeAddon", addon(addonVersion="v1.22.0-eksbuild.1")),
    )
    assert result["changed"] is True


def test_an_unknown_version_lists_the_others():
    message = refused({"version": "v1.19.0-eksbuild.1"}, Step("DescribeAddon", addon()), cluster(), OFFERED)
    assert "has no version v1.19.0-eksbuild.1 for Kubernetes 1.34" in message
    assert "v1.21.1-eksbuild.1, v1.20.10-eksbuild.1 (default), v1.20.0-eksbuild.2." in message
    assert "v9.9.9" not in message


def test_in_check_mode_an_unknown_version_is_a_warning():
    result, _aws, module = run(
        {"version": "v1.22.0-eksbuild.1"}, Step("DescribeAddon", addon()), cluster(), OFFERED, check_mode=True
    )
    assert result["changed"] is True
    assert "has no version v1.22.0-eksbuild.1" in module.warnings[0]


@pytest.mark.parametrize(
    "answer",
    [{"addons": []}, api_error("DescribeAddonVersions", "ResourceNotFoundException", "no such addon", 404)],
)
def test_an_unknown_add_on(answer):
    message = refused(
        {"version": "default"}, Step("DescribeAddon", missing()), cluster(), Step("DescribeAddonVersions", answer)
    )
    assert "EKS offers no add-on 'vpc-cni' for Kubernetes 1.34" in message


def test_one_that_is_being_deleted_does_not_count_as_running():
    result, _aws, _module = run(
        {"version": "default"},
        Step("DescribeAddon", addon("DELETING")),
        cluster(),
        OFFERED,
        Step("DescribeAddon", missing()),
        Step(
            "CreateAddon",
            addon(),
            lambda request: request["addonVersion"] == "v1.20.10-eksbuild.1" or pytest.fail(str(request)),
        ),
        Step("DescribeAddon", addon(addonVersion="v1.20.10-eksbuild.1")),
    )
    assert result["changed"] is True


def test_versions_in_their_order():
    names = ["v1.9.3-eksbuild.10", "v1.9.3-eksbuild.9", "v1.10.1-eksbuild.1", "v0.141.0-eksbuild.1"]
    assert sorted(names, key=version_key) == [
        "v0.141.0-eksbuild.1",
        "v1.9.3-eksbuild.9",
        "v1.9.3-eksbuild.10",
        "v1.10.1-eksbuild.1",
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [('{"a": 1}', {"a": 1}), ("a: 1\nb: [x]\n", {"a": 1, "b": ["x"]}), ("a: [", "a: ["), ("", None)],
)
def test_settings_as_eks_keeps_them(text, values):
    assert values_from_api(text) == values


# ---- updates


@pytest.mark.parametrize(
    ("params", "request_", "before"),
    [
        (
            {"configuration_values": {"replicas": 3}},
            {"serviceAccountRoleArn": ROLE, "configurationValues": '{"replicas": 3}', "resolveConflicts": "PRESERVE"},
            {},
        ),
        # A key that isn't declared any more goes.
        (
            {"configuration_values": {"env": {"WARM": "1"}}, "resolve_conflicts": "OVERWRITE"},
            {
                "serviceAccountRoleArn": ROLE,
                "configurationValues": '{"env": {"WARM": "1"}}',
                "resolveConflicts": "OVERWRITE",
            },
            {},
        ),
        (
            {"configuration_values": {}, "resolve_conflicts": None},
            {"serviceAccountRoleArn": ROLE, "configurationValues": "{}"},
            {},
        ),
        # What is not declared is carried along as it is.
        (
            {**UNSET, "service_account_role_arn": f"{ROLE}-2"},
            {"serviceAccountRoleArn": f"{ROLE}-2", "configurationValues": VALUES},
            {},
        ),
        # Without a role in the request EKS takes the role away.
        ({**UNSET, "service_account_role_arn": ""}, {"configurationValues": VALUES}, {}),
        (
            {**UNSET, "pod_identity_associations": [{"service_account": "aws-node", "role_arn": ROLE}]},
            {
                "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": ROLE}],
                "configurationValues": VALUES,
            },
            {"serviceAccountRoleArn": None},
        ),
    ],
)
def test_an_update_carries_along_what_eks_would_drop(params, request_, before):
    result, _aws, _module = run(
        params,
        Step("DescribeAddon", addon(**before)),
        *followed(request_),
        Step("DescribeAddon", addon()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def test_pod_identity_associations_are_changed_and_removed():
    result, _aws, _module = run(
        {**UNSET, "pod_identity_associations": []},
        Step("DescribeAddon", addon(podIdentityAssociations=[ASSOCIATION])),
        association(),
        *followed({"serviceAccountRoleArn": ROLE, "configurationValues": VALUES, "podIdentityAssociations": []}),
        Step("DescribeAddon", addon()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def test_an_association_that_goes_while_we_look():
    error = api_error("DescribePodIdentityAssociation", "ResourceNotFoundException", "gone", 404)
    result, _aws, _module = run(
        {"pod_identity_associations": []},
        Step("DescribeAddon", addon(podIdentityAssociations=[ASSOCIATION])),
        Step("DescribePodIdentityAssociation", error),
    )
    assert result["changed"] is False


@pytest.mark.parametrize(
    "fault",
    [
        api_error("UpdateAddon", "ThrottlingException", "Rate exceeded"),
        api_error("UpdateAddon", "ResourceInUseException", "Addon vpc-cni currently has update 1 in progress", 409),
        lost_reply(),
    ],
)
def test_a_faulty_update_call_is_decided_anew(fault):
    result, _aws, _module = run(
        {"service_account_role_arn": f"{ROLE}-2"},
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", fault),
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", update()),
        Step("DescribeUpdate", update("Successful")),
        Step("DescribeAddon", addon(serviceAccountRoleArn=f"{ROLE}-2")),
        Step("DescribeAddon", addon(serviceAccountRoleArn=f"{ROLE}-2")),
    )
    assert result["changed"] is True


def test_a_failed_update_says_why():
    errors = [{"errorCode": "ConfigurationConflict", "errorMessage": "Conflicts found", "resourceIds": ["aws-node"]}]
    message = refused(
        {"service_account_role_arn": f"{ROLE}-2"},
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", update()),
        Step("DescribeUpdate", update("Failed", errors=errors)),
    )
    assert "The AddonUpdate of EKS add-on 'vpc-cni' of 'demo' failed." in message
    assert "ConfigurationConflict: Conflicts found (aws-node). Set resolve_conflicts" in message


def test_an_add_on_whose_last_update_failed_can_be_changed():
    result, _aws, module = run(
        {"service_account_role_arn": f"{ROLE}-2"},
        Step("DescribeAddon", addon("UPDATE_FAILED")),
        Step("UpdateAddon", update()),
        Step("DescribeUpdate", update("Successful")),
        Step("DescribeAddon", addon(serviceAccountRoleArn=f"{ROLE}-2")),
        Step("DescribeAddon", addon(serviceAccountRoleArn=f"{ROLE}-2")),
    )
    assert result["changed"] is True
    assert "is UPDATE_FAILED" in module.warnings[0]


def test_check_mode_shows_a_change_without_making_it():
    result, _aws, _module = run(
        {"configuration_values": {"replicas": 3}}, Step("DescribeAddon", addon()), check_mode=True
    )
    assert result["changed"] is True
    assert result["addon"]["configuration_values"] == {"replicas": 3}
    assert result["diff"]["before"]["configuration_values"] == json.loads(VALUES)
    assert result["diff"]["after"]["configuration_values"] == {"replicas": 3}


def test_tags_are_set_and_removed():
    result, _aws, _module = run(
        {"tags": {"B": "2", **OWNER}},
        Step("DescribeAddon", addon()),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["A"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"B": "2"}}),
        Step("DescribeAddon", addon(tags={"B": "2", **OWNER})),
    )
    assert result["changed"] is True


def test_someone_elses_add_on_is_not_touched():
    message = refused({"version": None, "tags": {}}, Step("DescribeAddon", addon(tags={})))
    assert "isn't ours" in message


# ---- delete


@pytest.mark.parametrize(("preserve", "request_"), [(False, NAMES), (True, {**NAMES, "preserve": True})])
def test_delete_waits_until_it_is_gone(preserve, request_):
    result, _aws, _module = run(
        {**UNSET, "state": "absent", "preserve": preserve},
        Step("DescribeAddon", addon()),
        Step("DeleteAddon", addon("DELETING"), request_),
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", missing()),
    )
    assert result["changed"] is True
    assert result["addon"] == {}


def test_delete_of_what_is_absent_needs_no_cluster_and_no_version():
    result, _aws, _module = run({"state": "absent", "version": "default"}, Step("DescribeAddon", missing()))
    assert result["changed"] is False


def test_a_failed_add_on_can_be_deleted():
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeAddon", addon("CREATE_FAILED")),
        Step("DeleteAddon", {}),
        Step("DescribeAddon", missing()),
    )
    assert result["changed"] is True


def test_a_deletion_that_eks_gives_up_ends_at_once():
    message = refused(
        {"state": "absent"},
        Step("DescribeAddon", addon()),
        Step("DeleteAddon", {}),
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", addon("DELETE_FAILED")),
    )
    assert "The deletion was given up." in message
    assert "preserve: true" in message


def test_delete_in_check_mode():
    result, _aws, _module = run({"state": "absent"}, Step("DescribeAddon", addon()), check_mode=True)
    assert result["changed"] is True


# ---- lost tags


OURS = {"Project": "demo", "Component": "eks", "ManagedBy": "agent_platform.aws"}
BUT_ONE = {key: value for key, value in OURS.items() if key != "Component"}


def of_cluster(**tags):
    answer = {"cluster": {"name": "demo", "version": "1.34", "status": "ACTIVE", "tags": tags}}
    return Step("DescribeCluster", answer, {"name": "demo"})


@pytest.mark.parametrize("lost", OURS)
def test_a_lost_tag_in_a_cluster_of_ours_is_put_back(lost):
    left = {key: value for key, value in OURS.items() if key != lost}
    result, _aws, _module = run(
        {"owned_by": OURS, "tags": OURS},
        Step("DescribeAddon", addon(tags=left)),
        # Of another component of ours.
        of_cluster(**{**OURS, "Component": "other"}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {lost: OURS[lost]}}),
        Step("DescribeAddon", addon(tags=OURS)),
    )
    assert result["changed"] is True


def test_one_that_has_lost_a_tag_can_be_removed():
    left = {key: value for key, value in OURS.items() if key != "Project"}
    result, _aws, _module = run(
        {"owned_by": OURS, "tags": OURS, "state": "absent"},
        Step("DescribeAddon", addon(tags=left)),
        of_cluster(**OURS),
        Step("DeleteAddon", {}),
        Step("DescribeAddon", missing()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("tags", "looked"),
    [
        # Nothing of it is ours.
        ({}, []),
        ({"Project": "other"}, []),
        # It says whose it is.
        ({**OURS, "Component": "bastion_instance"}, []),
        # One tag is no proof.
        ({"ManagedBy": "agent_platform.aws"}, []),
        # Not in a cluster of ours.
        (BUT_ONE, [of_cluster(Project="other", ManagedBy="agent_platform.aws")]),
        (BUT_ONE, [no_cluster()]),
    ],
)
def test_what_is_not_ours_stays(tags, looked):
    message = refused({"owned_by": OURS, "tags": OURS}, Step("DescribeAddon", addon(tags=tags)), *looked)
    assert "isn't ours" in message
