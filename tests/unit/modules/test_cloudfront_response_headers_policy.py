# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Response headers policy of CloudFront: its parts, each declared as a whole."""

from __future__ import annotations

import copy
import re

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.cloudfront_response_headers_policy import (
    ResponseHeadersPolicy,
)
from tests.support.module_runs import OWNER, given
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

NAME, ID = "demo-frontend", "01234567-89ab-cdef-0123-456789abcdef"
MARK = "agent_platform.aws/demo"
CSP = "default-src 'self'"
OPTIONS = {
    "name": NAME,
    "owned_by": OWNER,
    "security_headers": {
        "content_security_policy": {"content_security_policy": CSP},
        "content_type_options": {},
        "frame_options": {"frame_option": "DENY"},
        "referrer_policy": {"referrer_policy": "no-referrer"},
        "strict_transport_security": {"access_control_max_age_sec": 63072000, "include_subdomains": True},
    },
    "cors": {
        "access_control_allow_origins": ["https://www.example.com"],
        "access_control_allow_headers": ["*"],
        "access_control_allow_methods": ["GET", "HEAD"],
    },
    "server_timing": {"enabled": True, "sampling_rate": 5.0},
    "custom_headers": [{"header": "Permissions-Policy", "value": "camera=()"}, {"header": "X-Two", "value": "2"}],
    "remove_headers": ["Server"],
}
SECURITY = {
    "ContentSecurityPolicy": {"ContentSecurityPolicy": CSP, "Override": True},
    "ContentTypeOptions": {"Override": True},
    "FrameOptions": {"FrameOption": "DENY", "Override": True},
    "ReferrerPolicy": {"ReferrerPolicy": "no-referrer", "Override": True},
    "StrictTransportSecurity": {
        "AccessControlMaxAgeSec": 63072000,
        "IncludeSubdomains": True,
        "Preload": False,
        "Override": True,
    },
}
CONFIG = {
    "Name": NAME,
    "Comment": MARK,
    "SecurityHeadersConfig": SECURITY,
    "CorsConfig": {
        "AccessControlAllowOrigins": {"Quantity": 1, "Items": ["https://www.example.com"]},
        "AccessControlAllowHeaders": {"Quantity": 1, "Items": ["*"]},
        "AccessControlAllowMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
        "AccessControlAllowCredentials": False,
        "OriginOverride": True,
    },
    "ServerTimingHeadersConfig": {"Enabled": True, "SamplingRate": 5.0},
    "CustomHeadersConfig": {
        "Quantity": 2,
        "Items": [
            {"Header": "Permissions-Policy", "Value": "camera=()", "Override": True},
            {"Header": "X-Two", "Value": "2", "Override": True},
        ],
    },
    "RemoveHeadersConfig": {"Quantity": 1, "Items": [{"Header": "Server"}]},
}


def run(options, *steps, **kwargs):
    params = given("cloudfront_response_headers_policy", {**OPTIONS, **options})
    return run_resource(ResponseHeadersPolicy, params, *steps, **kwargs)


def refuse(options, *steps):
    params = given("cloudfront_response_headers_policy", {**OPTIONS, **options})
    return refuse_resource(ResponseHeadersPolicy, params, *steps)


def item(config):
    return {"Type": "custom", "ResponseHeadersPolicy": {"Id": ID, "ResponseHeadersPolicyConfig": config}}


def listing(*items, **members):
    answer = {"ResponseHeadersPolicyList": {"Items": list(items), **members}}
    return Step("ListResponseHeadersPolicies", answer, {"Type": "custom"})


def seen(version="v1", config=CONFIG, **members):
    config = {**config, **members}
    answer = {"ResponseHeadersPolicy": {"Id": ID, "ResponseHeadersPolicyConfig": config}, "ETag": version}
    return listing(item({"Name": "other"}), item(config)), Step("GetResponseHeadersPolicy", answer, {"Id": ID})


def updated(config=CONFIG, **members):
    request = {"Id": ID, "IfMatch": "v1", "ResponseHeadersPolicyConfig": {**config, **members}}
    return Step("UpdateResponseHeadersPolicy", {"ETag": "v2"}, request)


def test_made_with_all_of_its_parts():
    result, _aws, _module = run(
        {},
        listing(),
        Step("CreateResponseHeadersPolicy", {"ETag": "v1"}, {"ResponseHeadersPolicyConfig": CONFIG}),
        *seen(),
    )
    assert result["changed"] is True
    shown = result["response_headers_policy"]
    assert (shown["id"], shown["comment"]) == (ID, MARK)
    assert shown["security_headers"]["frame_options"] == {"frame_option": "DENY", "override": True}
    assert shown["remove_headers"] == ["Server"]


def test_second_run_changes_nothing_however_aws_orders_and_completes():
    config = copy.deepcopy(CONFIG)
    config["CorsConfig"]["AccessControlAllowMethods"]["Items"].reverse()
    config["CustomHeadersConfig"]["Items"].reverse()
    config["SecurityHeadersConfig"]["StrictTransportSecurity"].pop("Preload")
    config["CorsConfig"]["AccessControlExposeHeaders"] = {"Quantity": 0}
    result, _aws, _module = run({}, *seen(config=config))
    assert result["changed"] is False


@pytest.mark.parametrize(
    "changed",
    [
        {"SecurityHeadersConfig": {**SECURITY, "XSSProtection": {"Protection": False, "Override": False}}},
        {"SecurityHeadersConfig": {**SECURITY, "ContentTypeOptions": {"Override": False}}},
        {"SecurityHeadersConfig": {key: SECURITY[key] for key in SECURITY if key != "ContentTypeOptions"}},
        {"CustomHeadersConfig": {"Quantity": 0}},
        {"RemoveHeadersConfig": {"Quantity": 2, "Items": [{"Header": "Server"}, {"Header": "Date"}]}},
        {"ServerTimingHeadersConfig": {"Enabled": False}},
        {"Comment": f"Changed ({MARK})"},
    ],
)
def test_what_was_changed_by_hand_is_taken_back(changed):
    result, _aws, _module = run({}, *seen(**changed), updated(), *seen("v2"), *seen("v2"))
    assert result["changed"] is True


def test_parts_are_left_alone_or_taken_away():
    left = dict.fromkeys(("cors", "server_timing", "custom_headers", "remove_headers"))
    result, _aws, _module = run(left, *seen())
    assert result["changed"] is False
    without = {key: value for key, value in CONFIG.items() if key not in ("CorsConfig", "ServerTimingHeadersConfig")}
    empty = {"cors": {}, "server_timing": {"enabled": False}, "custom_headers": [], "remove_headers": []}
    rest = {**without, "CustomHeadersConfig": {"Quantity": 0}, "RemoveHeadersConfig": {"Quantity": 0}}
    run(
        empty,
        *seen(),
        updated({**rest, "ServerTimingHeadersConfig": {"Enabled": False}}),
        *seen("v2", rest),
        *seen("v2", rest),
    )


def test_the_list_is_read_to_its_end():
    first = listing(item({"Name": "other"}), NextMarker="m")
    rest = Step(
        "ListResponseHeadersPolicies",
        {"ResponseHeadersPolicyList": {"Items": [item(CONFIG)]}},
        {"Type": "custom", "Marker": "m"},
    )
    result, _aws, _module = run({}, first, rest, seen()[1])
    assert result["changed"] is False


def test_removed_once_nothing_uses_it():
    distribution = {
        "Id": "EOURS",
        "DomainName": "d.cloudfront.net",
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "DefaultCacheBehavior": {"ResponseHeadersPolicyId": ID},
    }
    users = Step("ListDistributions", {"DistributionList": {"Items": [distribution]}}, {})
    assert "used by distribution EOURS (www.example.com)" in refuse({"state": "absent"}, *seen(), users)
    run(
        {"state": "absent"},
        *seen(),
        Step("ListDistributions", {"DistributionList": {}}, {}),
        Step("DeleteResponseHeadersPolicy", {}, {"Id": ID, "IfMatch": "v1"}),
        listing(),
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"custom_headers": [{"header": "X", "value": "a\nb"}]}, "The header X .* has a line break"),
        (
            {"security_headers": {"content_security_policy": {"content_security_policy": "a\r\nb"}}},
            "Content-Security-Policy .* has a line break",
        ),
        (
            {"security_headers": {"content_security_policy": {"content_security_policy": "x" * 1784}}},
            "has 1784 characters; CloudFront takes 1783",
        ),
        ({"comment": "x" * 120}, "too long: CloudFront takes 128"),
        (
            {"cors": {"access_control_allow_origins": ["*"]}},
            "The cors .* lacks access_control_allow_headers and access_control_allow_methods",
        ),
    ],
)
def test_refused_before_anything_is_read(options, said):
    assert re.search(said, refuse(options))


def test_what_aws_finds_too_long():
    error = api_error("CreateResponseHeadersPolicy", "TooLongCSPInResponseHeadersPolicy")
    assert "name fewer sources" in refuse({}, listing(), Step("CreateResponseHeadersPolicy", error))
