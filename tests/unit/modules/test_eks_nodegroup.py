"""EKS node group: what goes into which of the two update calls, and what can't be changed."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.eks_nodegroup import EksNodegroup
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource, with_token

ARN = "arn:aws:eks:us-west-2:123456789012:nodegroup/demo/default/1"
ROLE = "arn:aws:iam::123456789012:role/nodes"
OWNER = {"ManagedBy": "agent_platform.aws"}
NAMES = {"clusterName": "demo", "nodegroupName": "default"}

OPTIONS = [
    "node_role_arn",
    "subnet_ids",
    "instance_types",
    "capacity_type",
    "ami_type",
    "disk_size",
    "version",
    "release_version",
    "launch_template",
    "scaling_config",
    "update_config",
    "node_repair",
    "labels",
    "taints",
]
UNSET = {**dict.fromkeys(OPTIONS), "name": "default", "cluster_name": "demo", "force": False}
TAINT = {"key": "dedicated", "value": "agents", "effect": "NO_SCHEDULE"}
PARAMS = {
    **UNSET,
    "node_role_arn": ROLE,
    "subnet_ids": ["subnet-a", "subnet-b"],
    "instance_types": ["t3.medium"],
    "capacity_type": "ON_DEMAND",
    "ami_type": "AL2023_x86_64_STANDARD",
    "version": "1.34",
    "launch_template": {"id": "lt-1", "name": None, "version": "1"},
    "scaling_config": {"min_size": 2, "max_size": 6, "desired_size": None},
    "update_config": {"max_unavailable": 1, "max_unavailable_percentage": None, "update_strategy": None},
    "labels": {"workload": "general"},
    "taints": [TAINT],
    "tags": {"A": "1", **OWNER},
    "owned_by": OWNER,
}


def nodegroup(status="ACTIVE", **members):
    found = {
        **NAMES,
        "nodegroupArn": ARN,
        "status": status,
        "version": "1.34",
        "releaseVersion": "1.34.1-20260301",
        "capacityType": "ON_DEMAND",
        "amiType": "AL2023_x86_64_STANDARD",
        "instanceTypes": ["t3.medium"],
        "subnets": ["subnet-b", "subnet-a"],
        "nodeRole": ROLE,
        "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 3},
        "updateConfig": {"maxUnavailable": 1},
        "launchTemplate": {"id": "lt-1", "name": "demo-eks-default", "version": "1"},
        "labels": {"workload": "general"},
        "taints": [TAINT],
        "tags": {"A": "1", **OWNER},
        **members,
    }
    return {"nodegroup": {key: value for key, value in found.items() if value is not None}}


def missing():
    return api_error("DescribeNodegroup", "ResourceNotFoundException", "No node group found for name: default.", 404)


def cluster(version="1.34", status="ACTIVE"):
    return Step(
        "DescribeCluster", {"cluster": {"name": "demo", "version": version, "status": status}}, {"name": "demo"}
    )


def update(status="InProgress", **members):
    return {"update": {"id": "u-1", "status": status, "type": "ConfigUpdate", **members}}


def followed(operation, request):
    """An update call, and its update to the end."""
    return [
        Step(operation, update(), with_token({**NAMES, **request})),
        Step("DescribeUpdate", update(), {"name": "demo", "nodegroupName": "default", "updateId": "u-1"}),
        Step("DescribeUpdate", update("Successful")),
    ]


def run(params, *steps, **kwargs):
    return run_resource(EksNodegroup, {**PARAMS, **params}, *steps, **kwargs)


def refused(params, *steps, check_mode=False):
    return refuse_resource(EksNodegroup, {**PARAMS, **params}, *steps, check_mode=check_mode)


def changed_by(params, operation, request, before=None):
    """One change, made by one update call."""
    result, _aws, _module = run(
        params,
        Step("DescribeNodegroup", nodegroup(**(before or {}))),
        *followed(operation, request),
        Step("DescribeNodegroup", nodegroup("UPDATING", **(before or {}))),
        Step("DescribeNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True


# ---- create


CREATED = {
    **NAMES,
    "nodeRole": ROLE,
    "subnets": ["subnet-a", "subnet-b"],
    "instanceTypes": ["t3.medium"],
    "capacityType": "ON_DEMAND",
    "amiType": "AL2023_x86_64_STANDARD",
    "version": "1.34",
    "launchTemplate": {"id": "lt-1", "version": "1"},
    "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 2},
    "updateConfig": {"maxUnavailable": 1},
    "labels": {"workload": "general"},
    "taints": [TAINT],
    "tags": {"A": "1", **OWNER},
}


def test_create_sends_everything_and_waits():
    result, _aws, _module = run(
        {},
        Step("DescribeNodegroup", missing(), NAMES),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING"), with_token(CREATED)),
        Step("DescribeNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True
    assert result["nodegroup"]["launch_template"]["version"] == "1"
    assert result["nodegroup"]["labels"] == {"workload": "general"}
    assert result["nodegroup"]["tags"] == {"A": "1", **OWNER}


def test_labels_keep_their_spelling():
    labels = {"node.kubernetes.io/exampleKind": "gpuNode"}
    result, _aws, _module = run({"labels": labels}, Step("DescribeNodegroup", nodegroup(labels=labels)))
    assert result["changed"] is False
    assert result["nodegroup"]["labels"] == labels
    assert result["diff"]["after"]["labels"] == labels


def test_check_mode_predicts_the_creation_without_a_cluster():
    result, _aws, _module = run(
        {
            "node_role_arn": PLACEHOLDER,
            "subnet_ids": [PLACEHOLDER],
            "version": PLACEHOLDER,
            "launch_template": {"id": PLACEHOLDER, "version": PLACEHOLDER},
        },
        Step("DescribeNodegroup", missing()),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["nodegroup"]["launch_template"] == {"id": PLACEHOLDER, "version": PLACEHOLDER}
    assert result["diff"]["after"]["labels"] == {"workload": "general"}


def test_without_the_cluster_the_message_says_what_to_run():
    absent = api_error("DescribeCluster", "ResourceNotFoundException", "No cluster found for name: demo.", 404)
    message = refused({}, Step("DescribeNodegroup", missing()), Step("DescribeCluster", absent))
    assert "EKS cluster 'demo' doesn't exist in region us-west-2" in message
    assert "agent_platform.aws.eks_cluster" in message


def test_a_cluster_that_is_being_made_is_waited_for():
    result, _aws, _module = run(
        {},
        Step("DescribeNodegroup", missing()),
        cluster(status="CREATING"),
        cluster(status="UPDATING"),
        cluster(),
        Step("CreateNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True


def test_a_cluster_that_is_never_ready():
    message = refused(
        {"wait_timeout": 20},
        Step("DescribeNodegroup", missing()),
        cluster(status="CREATING"),
        cluster(status="CREATING"),
    )
    assert "'demo' is still CREATING after 20 s" in message


def test_a_failed_cluster_is_named():
    message = refused({}, Step("DescribeNodegroup", missing()), cluster(status="FAILED"))
    assert "EKS cluster 'demo' is FAILED" in message


def test_lost_reply_of_create_makes_no_second_node_group():
    result, aws, _module = run(
        {},
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", lost_reply()),
        Step("DescribeNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateNodegroup") == 1


def test_a_launch_template_that_is_too_young_is_tried_again():
    text = "The specified launch template, with template ID lt-1, does not exist."
    result, _aws, _module = run(
        {},
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", api_error("CreateNodegroup", "InvalidRequestException", text)),
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True


def test_failed_creation_gives_reasons_and_remedy():
    issue = {"code": "NodeCreationFailure", "message": "Instances failed to join", "resourceIds": ["i-1", "i-2"]}
    message = refused(
        {},
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup("CREATE_FAILED", health={"issues": [issue]})),
    )
    assert "EKS node group 'default' of 'demo' is CREATE_FAILED." in message
    assert "NodeCreationFailure: Instances failed to join (i-1, i-2). Check the node role" in message
    assert "run again, which makes it again" in message


def test_one_whose_creation_has_failed_is_deleted_and_made_again():
    issue = {"code": "NodeCreationFailure", "message": "Instances failed to join", "resourceIds": ["i-1"]}
    result, _aws, module = run(
        {},
        Step("DescribeNodegroup", nodegroup("CREATE_FAILED", health={"issues": [issue]})),
        cluster(),
        Step("DeleteNodegroup", {}, NAMES),
        Step("DescribeNodegroup", nodegroup("DELETING")),
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING"), with_token(CREATED)),
        Step("DescribeNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True
    (warning,) = module.warnings
    assert "is CREATE_FAILED and has never run. NodeCreationFailure: Instances failed to join (i-1)." in warning
    assert "It is deleted and made again." in warning


def test_one_that_fails_again_is_made_again_once_only():
    message = refused(
        {},
        Step("DescribeNodegroup", nodegroup("CREATE_FAILED")),
        cluster(),
        Step("DeleteNodegroup", {}),
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup("CREATE_FAILED")),
    )
    assert "is CREATE_FAILED" in message


def test_what_could_not_be_made_again_stays():
    message = refused({"node_role_arn": None}, Step("DescribeNodegroup", nodegroup("CREATE_FAILED")), check_mode=False)
    assert "node_role_arn must be given" in message


def test_a_dry_run_says_that_it_would_be_made_again():
    result, _aws, module = run({}, Step("DescribeNodegroup", nodegroup("CREATE_FAILED")), check_mode=True)
    assert result["changed"] is True
    assert "It is made again." in module.warnings[0]


@pytest.mark.parametrize("state", ["DEGRADED", "DELETE_FAILED"])
def test_what_has_run_before_is_never_made_again(state):
    assert state not in EksNodegroup.states.remade


def test_degraded_creation_is_an_error():
    issue = {"code": "AsgInstanceLaunchFailures", "message": "No capacity", "resourceIds": []}
    message = refused(
        {},
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING")),
        Step("DescribeNodegroup", nodegroup("DEGRADED", health={"issues": [issue]})),
    )
    assert "is DEGRADED. AsgInstanceLaunchFailures: No capacity." in message


def test_creation_that_takes_too_long():
    message = refused(
        {"wait_timeout": 3},
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup("CREATING")),
        *[Step("DescribeNodegroup", nodegroup("CREATING")) for _ in range(4)],
    )
    assert "is still CREATING after 3 s" in message


# ---- no change


@pytest.mark.parametrize(
    ("params", "members"),
    [
        ({}, {}),
        ({"scaling_config": {"min_size": 2, "max_size": 6, "desired_size": None}}, {}),
        ({"taints": []}, {"taints": None}),
        (
            {"taints": [{"key": "a", "value": "", "effect": "NO_EXECUTE"}]},
            {"taints": [{"key": "a", "effect": "NO_EXECUTE"}]},
        ),
        ({"labels": {}}, {"labels": None}),
        ({"labels": {"spot": True, "size": 3}}, {"labels": {"spot": "true", "size": "3"}}),
        ({"launch_template": {"id": None, "name": "demo-eks-default", "version": None}}, {}),
        ({"launch_template": None, "version": None, "labels": None, "taints": None}, {}),
        ({"node_repair": False}, {}),
    ],
)
def test_no_difference(params, members):
    result, _aws, _module = run(params, Step("DescribeNodegroup", nodegroup(**members)))
    assert result["changed"] is False


def test_degraded_without_a_change_is_a_warning():
    health = {"issues": [{"code": "NodeCreationFailure", "message": "x", "resourceIds": []}]}
    result, _aws, module = run({}, Step("DescribeNodegroup", nodegroup("DEGRADED", health=health)))
    assert result["changed"] is False
    assert "is DEGRADED. NodeCreationFailure: x." in module.warnings[0]


# ---- updates of the configuration


def test_labels_are_set_changed_and_removed():
    changed_by(
        {"labels": {"workload": "agents", "tier": "gold", "same": "1"}},
        "UpdateNodegroupConfig",
        {
            "labels": {
                "addOrUpdateLabels": {"workload": "agents", "tier": "gold"},
                "removeLabels": ["old", "older"],
            }
        },
        {"labels": {"workload": "general", "older": "x", "old": "x", "same": "1"}},
    )


def test_all_labels_are_removed():
    changed_by({"labels": {}}, "UpdateNodegroupConfig", {"labels": {"removeLabels": ["workload"]}})


def test_taints_are_set_changed_and_removed():
    have = [
        TAINT,
        {"key": "old", "value": "x", "effect": "NO_EXECUTE"},
        {"key": "moved", "effect": "NO_EXECUTE"},
        {"key": "same", "effect": "NO_EXECUTE"},
    ]
    want = [
        {**TAINT, "value": "others"},
        {"key": "moved", "value": "", "effect": "NO_SCHEDULE"},
        {"key": "same", "value": "", "effect": "NO_EXECUTE"},
    ]
    changed_by(
        {"taints": want},
        "UpdateNodegroupConfig",
        {
            "taints": {
                "addOrUpdateTaints": [{**TAINT, "value": "others"}, {"key": "moved", "effect": "NO_SCHEDULE"}],
                "removeTaints": [
                    {"key": "old", "value": "x", "effect": "NO_EXECUTE"},
                    {"key": "moved", "effect": "NO_EXECUTE"},
                ],
            }
        },
        {"taints": have},
    )


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        # The number of nodes that an autoscaler has chosen stays, as far as the limits allow it.
        ({"min_size": 1, "max_size": 8}, {"minSize": 1, "maxSize": 8, "desiredSize": 3}),
        ({"min_size": 4, "max_size": 8}, {"minSize": 4, "maxSize": 8, "desiredSize": 4}),
        ({"min_size": 1, "max_size": 2}, {"minSize": 1, "maxSize": 2, "desiredSize": 2}),
        ({"max_size": 10}, {"minSize": 2, "maxSize": 10, "desiredSize": 3}),
        ({"desired_size": 5}, {"minSize": 2, "maxSize": 6, "desiredSize": 5}),
    ],
)
def test_sizes(declared, sent):
    sizes = {"min_size": None, "max_size": None, "desired_size": None, **declared}
    changed_by({"scaling_config": sizes}, "UpdateNodegroupConfig", {"scalingConfig": sent})


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ({"max_unavailable": 2}, {"maxUnavailable": 2}),
        ({"max_unavailable_percentage": 33}, {"maxUnavailablePercentage": 33}),
        ({"update_strategy": "MINIMAL"}, {"maxUnavailable": 1, "updateStrategy": "MINIMAL"}),
    ],
)
def test_update_config(declared, sent):
    wanted = {"max_unavailable": None, "max_unavailable_percentage": None, "update_strategy": None, **declared}
    changed_by({"update_config": wanted}, "UpdateNodegroupConfig", {"updateConfig": sent})
    result, _aws, _module = run({"update_config": wanted}, Step("DescribeNodegroup", nodegroup()), check_mode=True)
    assert result["nodegroup"]["update_config"] == camel_dict_to_snake_dict(sent)


def test_node_repair():
    changed_by({"node_repair": True}, "UpdateNodegroupConfig", {"nodeRepairConfig": {"enabled": True}})


# ---- updates of the version


def test_a_new_launch_template_version_keeps_the_kubernetes_version():
    """EKS would take the nodes to the control plane's version if none were sent."""
    changed_by(
        {"version": None, "launch_template": {"id": "lt-1", "name": None, "version": "2"}},
        "UpdateNodegroupVersion",
        {"version": "1.34", "launchTemplate": {"id": "lt-1", "version": "2"}},
    )


def test_a_template_that_is_declared_by_name_is_sent_by_name():
    changed_by(
        {"launch_template": {"id": None, "name": "demo-eks-default", "version": "2"}, "force": True},
        "UpdateNodegroupVersion",
        {"version": "1.34", "launchTemplate": {"name": "demo-eks-default", "version": "2"}, "force": True},
    )


def test_an_image_of_ones_own_has_no_version():
    changed_by(
        {"version": None, "ami_type": None, "launch_template": {"id": "lt-1", "name": None, "version": "2"}},
        "UpdateNodegroupVersion",
        {"launchTemplate": {"id": "lt-1", "version": "2"}},
        {"amiType": "CUSTOM"},
    )


def test_a_release_is_sent_with_every_version_update():
    changed_by(
        {
            "release_version": "1.34.1-20260301",
            "launch_template": {"id": "lt-1", "name": None, "version": "2"},
        },
        "UpdateNodegroupVersion",
        {
            "version": "1.34",
            "releaseVersion": "1.34.1-20260301",
            "launchTemplate": {"id": "lt-1", "version": "2"},
        },
    )


def test_upgrade_follows_the_control_plane_and_keeps_the_template():
    result, _aws, _module = run(
        {"launch_template": None},
        Step("DescribeNodegroup", nodegroup(version="1.33")),
        cluster(),
        *followed("UpdateNodegroupVersion", {"version": "1.34", "launchTemplate": {"id": "lt-1", "version": "1"}}),
        Step("DescribeNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True


def test_upgrade_without_a_template():
    result, _aws, _module = run(
        {"launch_template": None, "disk_size": 20},
        Step("DescribeNodegroup", nodegroup(version="1.33", launchTemplate=None, diskSize=20)),
        cluster(),
        *followed("UpdateNodegroupVersion", {"version": "1.34"}),
        Step("DescribeNodegroup", nodegroup(launchTemplate=None, diskSize=20)),
        Step("DescribeNodegroup", nodegroup(launchTemplate=None, diskSize=20)),
    )
    assert result["changed"] is True


def test_the_update_configuration_comes_before_the_replacement_of_nodes():
    before = {"version": "1.33", "updateConfig": {"maxUnavailablePercentage": 50}}
    _result, aws, _module = run(
        {},
        Step("DescribeNodegroup", nodegroup(**before)),
        cluster(),
        *followed("UpdateNodegroupConfig", {"updateConfig": {"maxUnavailable": 1}}),
        Step("DescribeNodegroup", nodegroup(version="1.33")),
        *followed("UpdateNodegroupVersion", {"version": "1.34", "launchTemplate": {"id": "lt-1", "version": "1"}}),
        Step("DescribeNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert "UpdateNodegroupVersion" in aws.operations()


def test_check_mode_shows_a_change_without_making_it():
    result, _aws, _module = run(
        {"labels": {"tier": "gold"}, "scaling_config": {"min_size": 4, "max_size": 6, "desired_size": None}},
        Step("DescribeNodegroup", nodegroup(version="1.33")),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["nodegroup"]["labels"] == {"tier": "gold"}
    assert result["nodegroup"]["scaling_config"] == {"min_size": 4, "max_size": 6, "desired_size": 4}
    assert result["diff"]["before"]["version"] == "1.33"
    assert result["diff"]["after"]["version"] == "1.34"


# ---- faults while updating


@pytest.mark.parametrize(
    "fault",
    [
        api_error("UpdateNodegroupConfig", "ThrottlingException", "Rate exceeded"),
        api_error(
            "UpdateNodegroupConfig",
            "ResourceInUseException",
            "Nodegroup cannot be updated as it is currently not in Active State",
            409,
        ),
        lost_reply(),
    ],
)
def test_a_faulty_update_call_is_decided_anew(fault):
    result, _aws, _module = run(
        {"node_repair": True},
        Step("DescribeNodegroup", nodegroup()),
        Step("UpdateNodegroupConfig", fault),
        Step("DescribeNodegroup", nodegroup()),
        *followed("UpdateNodegroupConfig", {"nodeRepairConfig": {"enabled": True}}),
        Step("DescribeNodegroup", nodegroup(nodeRepairConfig={"enabled": True})),
        Step("DescribeNodegroup", nodegroup(nodeRepairConfig={"enabled": True})),
    )
    assert result["changed"] is True


def test_pods_that_do_not_leave_are_named():
    errors = [
        {"errorCode": "PodEvictionFailure", "errorMessage": "Reached max retries", "resourceIds": ["ip-10-0-0-1"]}
    ]
    message = refused(
        {"launch_template": {"id": "lt-1", "name": None, "version": "2"}},
        Step("DescribeNodegroup", nodegroup()),
        Step("UpdateNodegroupVersion", update()),
        Step("DescribeUpdate", update("Failed", type="VersionUpdate", errors=errors)),
    )
    assert "PodEvictionFailure: Reached max retries (ip-10-0-0-1)." in message
    assert "set force to true" in message


def test_the_refusal_of_a_version_by_eks_has_a_remedy():
    text = "Nodegroup Kubernetes version should be equal to Cluster kubernetes version 1.33"
    message = refused(
        {"launch_template": {"id": "lt-1", "name": None, "version": "2"}},
        Step("DescribeNodegroup", nodegroup()),
        Step("UpdateNodegroupVersion", api_error("UpdateNodegroupVersion", "InvalidParameterException", text)),
    )
    assert text in message
    assert "Upgrade the control plane first" in message


def test_tags_are_set_and_removed():
    result, _aws, _module = run(
        {"tags": {"B": "2", **OWNER}},
        Step("DescribeNodegroup", nodegroup()),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["A"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"B": "2"}}),
        Step("DescribeNodegroup", nodegroup(tags={"B": "2", **OWNER})),
    )
    assert result["changed"] is True


# ---- refusals


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({"instance_types": ["m6i.large"]}, ["instance_types: is ['t3.medium'], declared ['m6i.large']"]),
        ({"ami_type": "AL2023_ARM_64_STANDARD"}, ["ami_type"]),
        ({"capacity_type": "SPOT"}, ["capacity_type: is 'ON_DEMAND', declared 'SPOT'"]),
        ({"subnet_ids": ["subnet-c"]}, ["subnet_ids"]),
        ({"node_role_arn": f"{ROLE}-2"}, ["node_role_arn"]),
        ({"disk_size": 50, "launch_template": None}, ["disk_size: is None, declared 50"]),
        ({"launch_template": {"id": "lt-2", "name": None, "version": "1"}}, ["is lt-1, declared lt-2"]),
        ({"launch_template": {"id": None, "name": "other", "version": "1"}}, ["is demo-eks-default, declared other"]),
    ],
)
def test_what_cannot_be_changed_names_the_way_out(params, parts):
    message = refused(params, Step("DescribeNodegroup", nodegroup()))
    for part in [*parts, "declare a node group under another name"]:
        assert part in message


def test_a_node_group_without_a_template_does_not_get_one():
    message = refused({}, Step("DescribeNodegroup", nodegroup(launchTemplate=None)))
    assert "is none, declared lt-1" in message


@pytest.mark.parametrize(
    ("params", "part"),
    [
        (
            {"scaling_config": {"min_size": 2, "max_size": 6, "desired_size": 7}},
            "desired_size 7 is outside of min_size 2",
        ),
        (
            {"scaling_config": {"min_size": 2, "max_size": 6, "desired_size": 1}},
            "desired_size 1 is outside of min_size 2",
        ),
        (
            {"scaling_config": {"min_size": 7, "max_size": 6, "desired_size": None}},
            "min_size 7 is more than max_size 6",
        ),
        (
            {"scaling_config": {"min_size": None, "max_size": None, "desired_size": 9}},
            "outside of min_size 2 and max_size 6",
        ),
        ({"scaling_config": {"min_size": -1, "max_size": 6, "desired_size": None}}, "can't be negative"),
        ({"scaling_config": {"min_size": 0, "max_size": 0, "desired_size": None}}, "at least 1"),
        ({"launch_template": {"id": "lt-1", "name": None, "version": "$Latest"}}, "must be a number, not $Latest"),
        ({"version": "1.33"}, "never takes nodes back to an older version"),
        ({"version": "1.3"}, "in quotes"),
        ({"tags": None, "owned_by": {"Project": "demo"}}, "isn't ours"),
    ],
)
def test_what_is_refused_before_any_write(params, part):
    assert part in refused(params, Step("DescribeNodegroup", nodegroup()))


def test_a_version_ahead_of_the_control_plane():
    message = refused({"version": "1.35"}, Step("DescribeNodegroup", nodegroup()), cluster())
    assert "can't run Kubernetes 1.35, because the control plane runs 1.34" in message
    assert "agent_platform.aws.eks_cluster" in message


def test_a_dry_run_lets_the_control_plane_be_upgraded_first():
    result, _aws, _module = run({"version": "1.35"}, Step("DescribeNodegroup", nodegroup()), check_mode=True)
    assert result["changed"] is True


def test_a_new_node_group_has_the_version_of_the_control_plane():
    message = refused({}, Step("DescribeNodegroup", missing()), cluster("1.33"))
    assert "can't run Kubernetes 1.34, because the control plane runs 1.33" in message


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"node_role_arn": None}, "node_role_arn must be given"),
        ({"scaling_config": {"min_size": None, "max_size": 3, "desired_size": None}}, "needs min_size and max_size"),
        ({"disk_size": 20}, "disk_size and launch_template exclude each other"),
    ],
)
def test_what_creation_needs(params, part):
    assert part in refused(params, Step("DescribeNodegroup", missing()))


# ---- delete


def test_delete_waits_until_it_is_gone():
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeNodegroup", nodegroup()),
        Step("DeleteNodegroup", {}, NAMES),
        Step("DescribeNodegroup", nodegroup("DELETING")),
        Step("DescribeNodegroup", missing()),
    )
    assert result["changed"] is True
    assert result["nodegroup"] == {}


def test_delete_of_what_is_absent_needs_no_cluster():
    result, _aws, _module = run({**UNSET, "tags": None, "state": "absent"}, Step("DescribeNodegroup", missing()))
    assert result["changed"] is False


@pytest.mark.parametrize("state", ["CREATE_FAILED", "DELETE_FAILED", "DEGRADED"])
def test_a_failed_node_group_can_be_deleted(state):
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeNodegroup", nodegroup(state)),
        Step("DeleteNodegroup", {}),
        Step("DescribeNodegroup", nodegroup(state)),
        Step("DescribeNodegroup", missing()),
    )
    assert result["changed"] is True


def test_a_deletion_that_eks_gives_up_ends_at_once():
    issue = {"code": "Ec2SecurityGroupDeletionFailure", "message": "has a dependent object", "resourceIds": ["sg-1"]}
    message = refused(
        {"state": "absent"},
        Step("DescribeNodegroup", nodegroup()),
        Step("DeleteNodegroup", {}),
        Step("DescribeNodegroup", nodegroup("DELETING")),
        Step("DescribeNodegroup", nodegroup("DELETE_FAILED", health={"issues": [issue]})),
    )
    assert "The deletion was given up." in message
    assert "has a dependent object (sg-1)" in message
    assert "remove it again" in message


def test_delete_in_check_mode():
    result, _aws, _module = run({"state": "absent"}, Step("DescribeNodegroup", nodegroup()), check_mode=True)
    assert result["changed"] is True


def test_one_that_is_being_deleted_is_made_again():
    result, _aws, _module = run(
        {},
        Step("DescribeNodegroup", nodegroup("DELETING")),
        Step("DescribeNodegroup", nodegroup("DELETING")),
        Step("DescribeNodegroup", missing()),
        cluster(),
        Step("CreateNodegroup", nodegroup()),
        Step("DescribeNodegroup", nodegroup()),
    )
    assert result["changed"] is True
