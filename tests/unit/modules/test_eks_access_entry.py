# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access entries with the access policies that are associated with them."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.eks_access_entry import default_username
from tests.support.module_runs import OWNER, run
from tests.support.scripted_aws import Step, api_error, endless, lost_reply

PRINCIPAL = "arn:aws:iam::123456789012:role/developers"
ARN = "arn:aws:eks:us-west-2:123456789012:access-entry/demo/x"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
ENTRY = {"clusterName": "demo", "principalArn": PRINCIPAL}
NAMESPACES = {"type": "namespace", "namespaces": ["agents", "tools"]}
OPTIONS = {
    "cluster_name": "demo",
    "principal_arn": PRINCIPAL,
    "kubernetes_groups": ["developers", "viewers"],
    "access_policies": [{"policy_arn": VIEW, "access_scope": NAMESPACES}],
    "tags": OWNER,
    "owned_by": OWNER,
}


def missing():
    return [
        Step("DescribeAccessEntry", api_error("DescribeAccessEntry", "ResourceNotFoundException", status=404), ENTRY)
    ]


def view(namespaces=("tools", "agents")):
    return {"policyArn": VIEW, "accessScope": {"type": "namespace", "namespaces": list(namespaces)}}


def admin():
    return {"policyArn": ADMIN, "accessScope": {"type": "cluster", "namespaces": []}}


def entry(*policies, **members):
    """The calls that read the entry."""
    described = {
        **ENTRY,
        "accessEntryArn": ARN,
        "kubernetesGroups": ["viewers", "developers"],
        "username": "arn:aws:sts::123456789012:assumed-role/developers/{{SessionName}}",
        "type": "STANDARD",
        "tags": OWNER,
        **members,
    }
    return [
        Step("DescribeAccessEntry", {"accessEntry": described}, ENTRY),
        Step("ListAssociatedAccessPolicies", {"associatedAccessPolicies": list(policies)}, ENTRY),
    ]


def create(answer=None, **members):
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {**ENTRY, "kubernetesGroups": ["developers", "viewers"], "tags": OWNER, **members}

    return Step("CreateAccessEntry", answer or {"accessEntry": {}}, check)


def associate(policy, scope, answer=None):
    return Step("AssociateAccessPolicy", answer or {}, {**ENTRY, "policyArn": policy, "accessScope": scope})


def disassociate(policy, answer=None):
    return Step("DisassociateAccessPolicy", answer or {}, {**ENTRY, "policyArn": policy})


def entry_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("eks_access_entry", {**OPTIONS, **options}, *flat, **kwargs)


def test_create_with_policies():
    result, _aws, _module = entry_run(
        {}, missing(), create(), entry(), associate(VIEW, NAMESPACES), entry(view()), entry(view())
    )
    assert result["changed"] is True
    assert result["access_entry"]["access_entry_arn"] == ARN
    assert result["access_entry"]["access_policies"][0]["policy_arn"] == VIEW
    assert result["diff"]["before"] == {}


def test_create_with_type_and_name():
    result, _aws, _module = entry_run(
        {"type": "STANDARD", "username": "dev", "access_policies": None},
        missing(),
        create(type="STANDARD", username="dev"),
        entry(username="dev"),
    )
    assert result["changed"] is True


def test_second_run_changes_nothing():
    result, aws, _module = entry_run({}, entry(view()))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeAccessEntry", "ListAssociatedAccessPolicies"]


def test_principal_that_eks_does_not_know_yet():
    unknown = "The specified principalArn is invalid: invalid principal."
    result, _aws, _module = entry_run(
        {"access_policies": None},
        missing(),
        create(api_error("CreateAccessEntry", "InvalidParameterException", unknown)),
        missing(),
        create(),
        entry(),
    )
    assert result["changed"] is True


def test_entry_that_its_own_policies_do_not_see_yet():
    unknown = "The specified principalArn could not be found. You can view your available access entries with ..."
    error = api_error("AssociateAccessPolicy", "ResourceNotFoundException", unknown, 404)
    result, aws, _module = entry_run(
        {},
        *(missing(), create(), entry()),
        associate(VIEW, NAMESPACES, error),
        entry(),
        associate(VIEW, NAMESPACES),
        *(entry(view()), entry(view())),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateAccessEntry") == 1


@pytest.mark.parametrize("lost", ["Project", "ManagedBy"])
def test_a_lost_owner_tag_is_put_back(lost):
    left = {key: value for key, value in OWNER.items() if key != lost}
    result, _aws, _module = entry_run(
        {},
        entry(view(), tags=left),
        Step("DescribeCluster", {"cluster": {"name": "demo", "tags": OWNER}}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {lost: OWNER[lost]}}),
        entry(view()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("tags", [{}, {"Project": "other", "ManagedBy": OWNER["ManagedBy"]}])
def test_an_entry_of_someone_else_is_not_touched(tags):
    with pytest.raises(ResourceError, match="isn't ours"):
        entry_run({}, entry(view(), tags=tags))


def test_principal_that_stays_unknown_is_an_error():
    error = api_error(
        "CreateAccessEntry", "InvalidParameterException", "The specified principalArn is invalid: invalid principal."
    )
    with pytest.raises(ResourceError, match=r"invalid principal\. Given up after 1\d\d s"):
        entry_run({}, *endless(*missing(), create(error)))


def test_missing_cluster_is_an_error():
    error = api_error("CreateAccessEntry", "ResourceNotFoundException", "No cluster found for name: demo.", 404)
    with pytest.raises(ResourceError, match="No cluster found for name: demo"):
        entry_run({}, missing(), create(error))


def test_lost_reply_of_create():
    result, aws, _module = entry_run({}, missing(), create(lost_reply()), entry(view()))
    assert result["changed"] is True
    assert aws.operations().count("CreateAccessEntry") == 1


def test_it_came_into_being_meanwhile():
    exists = api_error("CreateAccessEntry", "ResourceInUseException", "already in use", 409)
    result, _aws, _module = entry_run({}, missing(), create(exists), entry(view()), entry(view()))
    assert result["changed"] is False


def test_type_is_immutable():
    with pytest.raises(ResourceError, match="type: is 'EC2_LINUX', declared 'STANDARD'"):
        entry_run({"type": "STANDARD"}, entry(view(), type="EC2_LINUX"))


def test_groups_and_name_are_updated_together():
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {**ENTRY, "kubernetesGroups": ["developers", "viewers"], "username": "dev"}

    result, _aws, _module = entry_run(
        {"username": "dev"},
        entry(view()),
        Step("UpdateAccessEntry", {"accessEntry": {}}, check),
        entry(view(), username="dev"),
        entry(view(), username="dev"),
    )
    assert result["changed"] is True


def test_groups_are_emptied():
    result, _aws, _module = entry_run(
        {"kubernetes_groups": []},
        entry(view()),
        Step("UpdateAccessEntry", {}),
        entry(view(), kubernetesGroups=[]),
        entry(view(), kubernetesGroups=[]),
    )
    assert result["changed"] is True


def test_throttled_update_is_repeated():
    result, _aws, _module = entry_run(
        {"kubernetes_groups": ["a"]},
        entry(view()),
        Step("UpdateAccessEntry", api_error("UpdateAccessEntry", "ThrottlingException")),
        entry(view()),
        Step("UpdateAccessEntry", {}),
        entry(view(), kubernetesGroups=["a"]),
        entry(view(), kubernetesGroups=["a"]),
    )
    assert result["changed"] is True


def test_update_that_meets_another_one_is_repeated():
    busy = api_error("UpdateAccessEntry", "InvalidRequestException", "another update is in progress")
    result, _aws, _module = entry_run(
        {"kubernetes_groups": ["a"]},
        entry(view()),
        Step("UpdateAccessEntry", busy),
        entry(view()),
        Step("UpdateAccessEntry", {}),
        entry(view(), kubernetesGroups=["a"]),
        entry(view(), kubernetesGroups=["a"]),
    )
    assert result["changed"] is True


# ---- Policies


def test_policies_are_added_changed_and_taken_away():
    cluster = {"type": "cluster"}
    result, _aws, _module = entry_run(
        {"access_policies": [{"policy_arn": ADMIN, "access_scope": cluster}]},
        entry(view()),
        associate(ADMIN, cluster),
        disassociate(VIEW),
        entry(admin()),
        entry(admin()),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["access_policies"][0]["policy_arn"] == VIEW
    assert result["diff"]["after"]["access_policies"][0]["policy_arn"] == ADMIN


def test_changed_scope():
    result, _aws, _module = entry_run(
        {},
        entry(view(["agents"])),
        associate(VIEW, NAMESPACES),
        entry(view()),
        entry(view()),
    )
    assert result["changed"] is True


def test_all_policies_are_taken_away():
    result, _aws, _module = entry_run({"access_policies": []}, entry(view()), disassociate(VIEW), entry(), entry())
    assert result["changed"] is True


def test_policies_that_are_not_declared_are_left_alone():
    result, _aws, _module = entry_run({"access_policies": None}, entry(admin()))
    assert result["changed"] is False


def test_policies_of_others_are_kept_on_demand():
    result, _aws, _module = entry_run(
        {"purge_access_policies": False},
        entry(admin()),
        associate(VIEW, NAMESPACES),
        entry(admin(), view()),
        entry(admin(), view()),
    )
    assert result["changed"] is True
    result, _aws, _module = entry_run({"purge_access_policies": False}, entry(admin(), view()))
    assert result["changed"] is False


def test_lost_reply_of_a_policy():
    result, _aws, _module = entry_run({}, entry(), associate(VIEW, NAMESPACES, lost_reply()), entry(view()))
    assert result["changed"] is True


def test_policy_that_is_gone_already():
    gone = api_error("DisassociateAccessPolicy", "ResourceNotFoundException", status=404)
    result, _aws, _module = entry_run(
        {"access_policies": []}, entry(view()), disassociate(VIEW, gone), entry(), entry()
    )
    assert result["access_entry"]["access_policies"] == []


def test_policy_named_twice_is_refused():
    twice = [{"policy_arn": VIEW, "access_scope": {"type": "cluster"}}] * 2
    with pytest.raises(ResourceError, match="more than once"):
        entry_run({"access_policies": twice}, missing())


# ---- Tags, owner, dry run, deletion


def test_tags():
    result, _aws, _module = entry_run(
        {"tags": {**OWNER, "New": 1}},
        entry(view(), tags={**OWNER, "Old": "x"}),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["Old"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"New": "1"}}),
        entry(view(), tags={**OWNER, "New": "1"}),
    )
    assert result["changed"] is True


def test_foreign_entry_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        entry_run({}, entry(view(), tags={}))


def test_dry_run_of_create():
    result, aws, _module = entry_run({}, missing(), check_mode=True)
    assert result["changed"] is True
    assert result["access_entry"]["access_policies"] == [{"policy_arn": VIEW, "access_scope": NAMESPACES}]
    assert aws.operations() == ["DescribeAccessEntry"]


def test_dry_run_of_policies_shows_those_that_are_kept():
    result, _aws, _module = entry_run({"purge_access_policies": False}, entry(admin()), check_mode=True)
    arns = [policy["policy_arn"] for policy in result["diff"]["after"]["access_policies"]]
    assert arns == [ADMIN, VIEW]


ABSENT = {"kubernetes_groups": None, "access_policies": None, "tags": None, "state": "absent"}


def test_delete():
    result, _aws, _module = entry_run(ABSENT, entry(view()), Step("DeleteAccessEntry", {}, ENTRY), missing())
    assert result["changed"] is True


def test_delete_in_a_dry_run():
    result, aws, _module = entry_run(ABSENT, entry(view()), check_mode=True)
    assert result["changed"] is True
    assert "DeleteAccessEntry" not in aws.operations()


def test_delete_of_what_is_absent():
    result, _aws, _module = entry_run(ABSENT, missing())
    assert result["changed"] is False


def test_delete_while_it_vanishes():
    gone = Step("ListAssociatedAccessPolicies", api_error("x", "ResourceNotFoundException", status=404))
    missed = api_error("DeleteAccessEntry", "ResourceNotFoundException", status=404)
    result, _aws, _module = entry_run(ABSENT, entry()[0], gone, Step("DeleteAccessEntry", missed), missing())
    assert result["access_entry"] == {}


@pytest.mark.parametrize(
    ("principal", "username"),
    [
        (PRINCIPAL, "arn:aws:sts::123456789012:assumed-role/developers/{{SessionName}}"),
        (
            "arn:aws-cn:iam::123456789012:role/teams/developers",
            "arn:aws-cn:sts::123456789012:assumed-role/developers/{{SessionName}}",
        ),
        ("arn:aws:iam::123456789012:user/jo", "arn:aws:iam::123456789012:user/jo"),
    ],
)
def test_the_user_name_that_eks_makes(principal, username):
    assert default_username(principal) == username


def test_an_empty_user_name_is_the_one_that_eks_makes():
    assert entry_run({"username": ""}, entry(view()))[0]["changed"] is False


def test_the_user_name_of_someone_else_goes():
    default = default_username(PRINCIPAL)

    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {**ENTRY, "kubernetesGroups": ["developers", "viewers"], "username": default}

    other = "arn:aws:iam::123456789012:user/admin"
    result, _aws, _module = entry_run(
        {"username": ""},
        entry(view(), username=other),
        Step("UpdateAccessEntry", {}, check),
        entry(view()),
        entry(view()),
    )
    assert result["changed"] is True
