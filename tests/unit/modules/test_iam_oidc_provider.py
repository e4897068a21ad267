# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OIDC providers: found by issuer; audiences added and removed one by one; thumbprints left alone unless declared."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply

ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/0123ABC"
ARN = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
PRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"
TAGS = {**OWNER, "Name": "demo-eks"}
OPTIONS = {"url": f"https://{ISSUER}", "client_ids": ["sts.amazonaws.com"], "tags": TAGS, "owned_by": OWNER}
PROVIDER = {"OpenIDConnectProviderArn": ARN}


def listing(*arns):
    return Step("ListOpenIDConnectProviders", {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}, {})


def get(tags=None, **members):
    described = {
        "Url": ISSUER,
        "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": [PRINT],
        "Tags": tag_list(**(TAGS if tags is None else tags)),
        "ResponseMetadata": {"HTTPStatusCode": 200},
        **members,
    }
    return Step("GetOpenIDConnectProvider", described, PROVIDER)


def create(answer=None, **members):
    request = {
        "Url": f"https://{ISSUER}",
        "ClientIDList": ["sts.amazonaws.com"],
        "Tags": tag_list(**TAGS),
        **members,
    }
    return Step("CreateOpenIDConnectProvider", answer or PROVIDER, request)


def provider_run(options, *steps, **kwargs):
    return run("iam_oidc_provider", {**OPTIONS, **options}, *steps, **kwargs)


@pytest.mark.parametrize("url", [f"https://{ISSUER}", ISSUER])
def test_create(url):
    others = [f"{ARN}2", "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"]
    result, _aws, _module = provider_run({"url": url}, listing(*others), create(), get())
    assert result["changed"] is True
    provider = result["oidc_provider"]
    assert provider["arn"] == ARN
    assert provider["client_id_list"] == ["sts.amazonaws.com"]
    assert provider["tags"] == TAGS
    assert "response_metadata" not in provider


def test_http_issuer_is_passed_on_as_it_is():
    url = "http://localhost:4566/id/ABC"
    refusal = api_error("CreateOpenIDConnectProvider", "InvalidInput", "it must begin with https://")
    with pytest.raises(ResourceError, match="it must begin with https"):
        provider_run({"url": url}, listing(), create(refusal, Url=url))


def test_second_run_changes_nothing():
    result, aws, _module = provider_run({}, listing(ARN), get())
    assert result["changed"] is False
    assert aws.operations() == ["ListOpenIDConnectProviders", "GetOpenIDConnectProvider"]


def test_lost_reply_of_create():
    result, aws, _module = provider_run({}, listing(), create(lost_reply()), listing(ARN), get())
    assert result["changed"] is True
    assert aws.operations().count("CreateOpenIDConnectProvider") == 1


def test_it_exists_already_after_a_lost_reply():
    exists = api_error("CreateOpenIDConnectProvider", "EntityAlreadyExists")
    result, _aws, _module = provider_run(
        {}, listing(), create(lost_reply()), listing(), create(exists), listing(), listing(ARN), get(), get()
    )
    assert result["changed"] is True


@pytest.mark.parametrize("code", ["OpenIdIdpCommunicationError", "ConcurrentModification", "Throttling"])
def test_create_that_passes_later(code):
    result, _aws, _module = provider_run(
        {}, listing(), create(api_error("CreateOpenIDConnectProvider", code)), listing(), create(), get()
    )
    assert result["changed"] is True


def test_new_provider_that_is_not_seen_at_once():
    missing = Step("GetOpenIDConnectProvider", api_error("GetOpenIDConnectProvider", "NoSuchEntity"), PROVIDER)
    result, _aws, _module = provider_run({}, listing(), create(), missing, listing(ARN), get())
    assert result["oidc_provider"]["arn"] == ARN


def test_audiences():
    result, _aws, _module = provider_run(
        {"client_ids": ["sts.amazonaws.com", "new"]},
        listing(ARN),
        get(ClientIDList=["old", "sts.amazonaws.com"]),
        Step("AddClientIDToOpenIDConnectProvider", {}, {**PROVIDER, "ClientID": "new"}),
        Step("RemoveClientIDFromOpenIDConnectProvider", {}, {**PROVIDER, "ClientID": "old"}),
        get(ClientIDList=["sts.amazonaws.com", "new"]),
        get(ClientIDList=["sts.amazonaws.com", "new"]),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["client_ids"] == ["old", "sts.amazonaws.com"]


def test_audiences_of_others_are_kept_on_demand():
    result, _aws, _module = provider_run(
        {"client_ids": ["new"], "purge_client_ids": False},
        listing(ARN),
        get(),
        Step("AddClientIDToOpenIDConnectProvider", {}, {**PROVIDER, "ClientID": "new"}),
        get(ClientIDList=["sts.amazonaws.com", "new"]),
        get(ClientIDList=["sts.amazonaws.com", "new"]),
    )
    assert result["changed"] is True
    result, _aws, _module = provider_run(
        {"client_ids": ["new"], "purge_client_ids": False}, listing(ARN), get(ClientIDList=["sts.amazonaws.com", "new"])
    )
    assert result["changed"] is False


def test_dry_run_of_audiences_shows_those_that_are_kept():
    result, aws, _module = provider_run(
        {"client_ids": ["new"], "purge_client_ids": False}, listing(ARN), get(), check_mode=True
    )
    assert result["changed"] is True
    assert result["oidc_provider"]["client_id_list"] == ["sts.amazonaws.com", "new"]
    assert aws.operations() == ["ListOpenIDConnectProviders", "GetOpenIDConnectProvider"]


def test_interrupted_audiences_are_completed():
    result, _aws, _module = provider_run(
        {"client_ids": ["a", "b"]},
        listing(ARN),
        get(ClientIDList=["a"]),
        Step("AddClientIDToOpenIDConnectProvider", lost_reply(), {**PROVIDER, "ClientID": "b"}),
        get(ClientIDList=["a", "b"]),
    )
    assert result["changed"] is True


def test_thumbprints():
    new = "a" * 40
    result, _aws, _module = provider_run(
        {"thumbprints": [new]},
        listing(ARN),
        get(),
        Step("UpdateOpenIDConnectProviderThumbprint", {}, {**PROVIDER, "ThumbprintList": [new]}),
        get(ThumbprintList=[new]),
        get(ThumbprintList=[new]),
    )
    assert result["changed"] is True


def test_thumbprints_of_other_case_and_order_are_the_same():
    result, _aws, _module = provider_run(
        {"thumbprints": ["B" * 40, PRINT.upper()]}, listing(ARN), get(ThumbprintList=[PRINT, "b" * 40])
    )
    assert result["changed"] is False


def test_throttled_update_is_repeated():
    new = "a" * 40
    update = {**PROVIDER, "ThumbprintList": [new]}
    result, _aws, _module = provider_run(
        {"thumbprints": [new]},
        listing(ARN),
        get(),
        Step("UpdateOpenIDConnectProviderThumbprint", api_error("x", "Throttling"), update),
        get(),
        Step("UpdateOpenIDConnectProviderThumbprint", {}, update),
        get(ThumbprintList=[new]),
        get(ThumbprintList=[new]),
    )
    assert result["changed"] is True


def test_tags():
    result, _aws, _module = provider_run(
        {},
        listing(ARN),
        get(tags={**OWNER, "Old": "x"}),
        Step("UntagOpenIDConnectProvider", {}, {**PROVIDER, "TagKeys": ["Old"]}),
        Step("TagOpenIDConnectProvider", {}, {**PROVIDER, "Tags": tag_list(Name="demo-eks")}),
        get(),
    )
    assert result["changed"] is True


def test_foreign_provider_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        provider_run({}, listing(ARN), get(tags={}))


@pytest.mark.parametrize("url", ["(known after apply)", ISSUER])
def test_dry_run_of_create(url):
    result, aws, _module = provider_run({"url": url}, listing(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"] == {"client_ids": ["sts.amazonaws.com"], "tags": TAGS}
    assert aws.operations() == ["ListOpenIDConnectProviders"]


ABSENT = {"url": ISSUER, "state": "absent", "owned_by": OWNER}


def test_delete():
    missing = Step("GetOpenIDConnectProvider", api_error("GetOpenIDConnectProvider", "NoSuchEntity"), PROVIDER)
    result, _aws, _module = run(
        "iam_oidc_provider", ABSENT, listing(ARN), get(), Step("DeleteOpenIDConnectProvider", {}, PROVIDER), missing
    )
    assert result["changed"] is True
    assert result["oidc_provider"] == {}


def test_delete_of_what_is_absent():
    result, _aws, _module = run("iam_oidc_provider", ABSENT, listing())
    assert result["changed"] is False


def test_delete_in_a_dry_run():
    result, aws, _module = run("iam_oidc_provider", ABSENT, listing(ARN), get(), check_mode=True)
    assert result["changed"] is True
    assert "DeleteOpenIDConnectProvider" not in aws.operations()
