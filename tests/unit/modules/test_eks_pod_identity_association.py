# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pod Identity associations: found by cluster, namespace and service account; those of add-ons are left to them."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run
from tests.support.scripted_aws import Step, api_error, lost_reply, sides

ROLE = "arn:aws:iam::123456789012:role/demo-agent"
ARN = "arn:aws:eks:us-west-2:123456789012:podidentityassociation/demo/a-1"
ADDON = "arn:aws:eks:us-west-2:123456789012:addon/demo/adot/x"
NAMES = {"clusterName": "demo", "namespace": "agents", "serviceAccount": "agent"}
ID = {"clusterName": "demo", "associationId": "a-1"}
OPTIONS = {
    "cluster_name": "demo",
    "namespace": "agents",
    "service_account": "agent",
    "role_arn": ROLE,
    "tags": OWNER,
    "owned_by": OWNER,
}


def listing(*associations):
    return Step("ListPodIdentityAssociations", {"associations": list(associations)}, NAMES)


def association(**members):
    """The calls that read the association."""
    summary = {**NAMES, "associationId": "a-1", "associationArn": ARN}
    described = {**summary, "roleArn": ROLE, "tags": OWNER, "disableSessionTags": False, **members}
    return [listing(summary), Step("DescribePodIdentityAssociation", {"association": described}, ID)]


def create(answer=None, **members):
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {**NAMES, "roleArn": ROLE, "tags": OWNER, **members}

    return Step("CreatePodIdentityAssociation", answer or {"association": {}}, check)


def update(answer=None, **members):
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {**ID, **members}

    return Step("UpdatePodIdentityAssociation", answer or {"association": {}}, check)


def association_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("eks_pod_identity_association", {**OPTIONS, **options}, *flat, **kwargs)


def test_create():
    result, _aws, _module = association_run({}, listing(), create(), association())
    assert result["changed"] is True
    assert result["association"]["association_id"] == "a-1"
    assert result["association"]["tags"] == OWNER


def test_create_with_all_options():
    target = "arn:aws:iam::210987654321:role/data"
    options = {"target_role_arn": target, "disable_session_tags": True}
    members = {"targetRoleArn": target, "disableSessionTags": True}
    result, _aws, _module = association_run(options, listing(), create(**members), association(**members))
    assert result["association"]["target_role_arn"] == target


def test_second_run_changes_nothing():
    result, aws, _module = association_run({}, association())
    assert result["changed"] is False
    assert aws.operations() == ["ListPodIdentityAssociations", "DescribePodIdentityAssociation"]


def test_role_is_needed_to_create():
    with pytest.raises(ResourceError, match="to create it role_arn must be given"):
        association_run({"role_arn": None}, listing())


@pytest.mark.parametrize(
    "error",
    [
        api_error("x", "InvalidParameterException", "Role provided in the request does not exist."),
        api_error("x", "ThrottlingException"),
    ],
)
def test_create_that_passes_later(error):
    result, _aws, _module = association_run({}, listing(), create(error), listing(), create(), association())
    assert result["changed"] is True


def test_lost_reply_of_create():
    result, aws, _module = association_run({}, listing(), create(lost_reply()), association())
    assert result["changed"] is True
    assert aws.operations().count("CreatePodIdentityAssociation") == 1


def test_it_came_into_being_meanwhile():
    exists = api_error("x", "ResourceInUseException", "Association already exists: a-1", 409)
    result, _aws, _module = association_run({}, listing(), create(exists), association(), association())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"role_arn": f"{ROLE}-2"}, {"roleArn": f"{ROLE}-2"}),
        ({"target_role_arn": f"{ROLE}-3"}, {"targetRoleArn": f"{ROLE}-3"}),
        ({"disable_session_tags": True}, {"disableSessionTags": True}),
    ],
)
def test_update(options, members):
    result, _aws, _module = association_run(
        options, association(), update(**members), association(**members), association(**members)
    )
    assert result["changed"] is True
    option = next(iter(options))
    assert result["diff"]["after"][option] == options[option]


def test_throttled_update_is_repeated():
    error = api_error("x", "ThrottlingException")
    members = {"roleArn": f"{ROLE}-2"}
    result, _aws, _module = association_run(
        {"role_arn": f"{ROLE}-2"},
        association(),
        update(error, **members),
        association(),
        update(**members),
        association(**members),
        association(**members),
    )
    assert result["changed"] is True


def test_tags():
    result, _aws, _module = association_run(
        {"tags": {**OWNER, "New": "1"}},
        association(tags={**OWNER, "Old": "x"}),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["Old"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"New": "1"}}),
        association(tags={**OWNER, "New": "1"}),
    )
    assert result["changed"] is True


def test_foreign_association_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        association_run({}, association(tags={}))


def test_association_of_an_addon_is_not_changed():
    with pytest.raises(ResourceError, match=r"belongs to arn:.*addon/demo/adot/x\. Change it there"):
        association_run({"role_arn": f"{ROLE}-2"}, association(ownerArn=ADDON))


def test_association_of_an_addon_that_is_as_declared_is_fine():
    result, _aws, _module = association_run({}, association(ownerArn=ADDON))
    assert result["changed"] is False


def test_dry_run_of_create_without_a_cluster():
    error = api_error("x", "ResourceNotFoundException", "No cluster found for name: demo.", 404)
    result, aws, _module = association_run({}, Step("ListPodIdentityAssociations", error), check_mode=True)
    assert result["changed"] is True
    assert result["association"]["role_arn"] == ROLE
    assert aws.operations() == ["ListPodIdentityAssociations"]


def test_dry_run_of_update():
    result, aws, _module = association_run({"role_arn": f"{ROLE}-2"}, association(), check_mode=True)
    assert sides(result) == {
        "before": {"role_arn": ROLE, "tags": OWNER},
        "after": {"role_arn": f"{ROLE}-2", "tags": OWNER},
    }
    assert "UpdatePodIdentityAssociation" not in aws.operations()


ABSENT = {"role_arn": None, "tags": None, "state": "absent"}


def test_delete():
    delete = Step("DeletePodIdentityAssociation", {}, ID)
    result, _aws, _module = association_run(ABSENT, association(), delete, listing())
    assert result["changed"] is True
    assert result["association"] == {}


def test_delete_of_what_is_gone_already():
    delete = Step("DeletePodIdentityAssociation", api_error("x", "ResourceNotFoundException", status=404), ID)
    result, _aws, _module = association_run(ABSENT, association(), delete, listing())
    assert result["association"] == {}


def test_delete_while_it_vanishes():
    gone = Step("DescribePodIdentityAssociation", api_error("x", "ResourceNotFoundException", status=404), ID)
    result, _aws, _module = association_run(ABSENT, association()[0], gone)
    assert result["changed"] is False


def test_delete_with_its_cluster_gone():
    error = api_error("x", "ResourceNotFoundException", status=404)
    result, _aws, _module = association_run(ABSENT, Step("ListPodIdentityAssociations", error))
    assert result["changed"] is False


@pytest.mark.parametrize("check_mode", [True, False])
def test_association_of_an_addon_is_not_deleted(check_mode):
    with pytest.raises(ResourceError, match="belongs to"):
        association_run(ABSENT, association(ownerArn=ADDON), check_mode=check_mode)


def test_delete_in_a_dry_run():
    result, aws, _module = association_run(ABSENT, association(), check_mode=True)
    assert result["changed"] is True
    assert "DeletePodIdentityAssociation" not in aws.operations()


NARROW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


@pytest.mark.parametrize(("declared", "found"), [(NARROW, NARROW), ({}, None)])
def test_a_policy_that_is_as_declared(declared, found):
    members = {"policy": json.dumps(found, indent=1)} if found else {}
    assert association_run({"policy": declared}, association(**members))[0]["changed"] is False


@pytest.mark.parametrize(
    ("declared", "found", "sent"), [(NARROW, None, json.dumps(NARROW)), ({}, NARROW, "")], ids=["given", "taken"]
)
def test_a_policy_is_given_and_taken(declared, found, sent):
    members = {"policy": json.dumps(found)} if found else {}
    after = {"policy": json.dumps(declared)} if declared else {}
    result, _aws, _module = association_run(
        {"policy": declared},
        association(**members),
        update(policy=sent),
        association(**after),
        association(**after),
    )
    assert result["changed"] is True
