# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the front end: names and their certificate, headers, the web ACL, what is uploaded."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from tests.support.components import ROLES

from .declared import change_fault_lines, fault_lines, values, warning_lines

ACCOUNT = "123456789012"
NAME = "agents.example.com"
ARN = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0123abcd"
CERTIFICATES = [
    {"name": "web", "domain_name": NAME, "alternative_names": ["*.agents.example.com"], "region": "us-east-1"},
    {"name": "api", "domain_name": NAME},
    {"name": "gone", "domain_name": NAME, "region": "us-east-1", "state": "absent"},
]
NAMED = {"frontend_domain_name": NAME, "frontend_certificate": "web"}
DEFAULTS = yaml.safe_load((ROLES / "frontend/defaults/main.yml").read_text())


def lines(region="us-west-2", **given):
    known = {"platform_region": region, "platform_account_id": ACCOUNT, "platform_prefix": "p", **given}
    return fault_lines("frontend", known, certificate={"certificate_certificates": CERTIFICATES})


def test_what_is_right_has_no_fault(tmp_path):
    assert lines(**DEFAULTS) == []
    (tmp_path / "index.html").touch()
    further = ["www.agents.example.com", "*.agents.example.com"]
    assert lines(**NAMED, frontend_alternative_names=further, frontend_source=str(tmp_path)) == []
    assert lines(frontend_domain_name="other.example.com", frontend_certificate=ARN) == []
    assert (
        lines(
            frontend_connect_sources=[
                "https://telemetry.example.com",
                "wss://a.example.com:8443",
                "http://127.0.0.1:4566",
            ],
            frontend_hsts_preload=True,
            frontend_hsts_max_age_seconds=31536000,
            frontend_log_kms_key_arn=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234",
            frontend_rate_limit=10,
            frontend_waf_rule_groups=[{"name": "AWSManagedRulesSQLiRuleSet", "counted": ["SQLi_BODY"]}],
        )
        == []
    )


def test_what_is_uploaded(tmp_path):
    (line,) = lines(frontend_source=str(tmp_path / "missing"))
    assert line == f"frontend_source: '{tmp_path}/missing' is not a folder on this machine"
    (line,) = lines(frontend_source=str(tmp_path))
    assert line == (
        f"frontend_source: '{tmp_path}' has no index.html, which is sent for every page: name the folder that a build"
        " makes"
    )
    file = tmp_path / "index.html"
    file.touch()
    (line,) = lines(frontend_source=str(file))
    assert line.endswith("is not a folder on this machine")


@pytest.mark.parametrize("variable", ["frontend_content_security_policy", "frontend_permissions_policy"])
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("default-src 'self';\nscript-src 'self'", "has a line break or another control character"),
        ("default-src 'self'\r", "has a line break"),
        ("default-src 'self'\t", "has a line break or another control character"),
        ("default-src 'self' grüße.example", "has other characters than those of ASCII"),
        ("default-src 'self' ", "begins or ends with a space"),
    ],
)
def test_headers(variable, text, rule):
    (line,) = lines(**{variable: text})
    assert line.startswith(f"{variable}: ")
    assert rule in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "source", ["*", "telemetry.example.com", "https://a b", "https://a;script-src *", "'unsafe-inline'"]
)
def test_addresses_that_pages_connect_to(source):
    (line,) = lines(frontend_connect_sources=[source])
    assert line.startswith("frontend_connect_sources[0]: ")
    assert line.endswith("is not an address such as https://telemetry.example.com")


def test_addresses_beside_a_policy_of_ones_own():
    twice = ["https://a.example.com"] * 2
    assert lines(frontend_connect_sources=twice) == [
        "frontend_connect_sources: 'https://a.example.com' occurs more than once"
    ]
    (line,) = lines(frontend_connect_sources=twice[:1], frontend_content_security_policy="default-src 'self'")
    assert line.endswith("have no meaning with frontend_content_security_policy: put them into its connect-src")


def test_hsts():
    (line,) = lines(frontend_hsts_preload=True, frontend_hsts_include_subdomains=False)
    assert line == "frontend_hsts_preload: true takes frontend_hsts_include_subdomains"
    (line,) = lines(frontend_hsts_preload=True, frontend_hsts_max_age_seconds=300)
    assert line.endswith("takes a year at least: set frontend_hsts_max_age_seconds to 31536000")
    (line,) = lines(frontend_hsts_max_age_seconds=-1)
    assert line == "frontend_hsts_max_age_seconds: -1 is not from 0 to 2147483647 seconds"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"frontend_domain_name": "Agents.example.com", "frontend_certificate": ARN}, "has capitals"),
        ({"frontend_domain_name": "*.example.com", "frontend_certificate": ARN}, "stands for many names"),
        ({**NAMED, "frontend_alternative_names": [NAME]}, f"'{NAME}' occurs more than once"),
        (
            {"frontend_alternative_names": [NAME], "frontend_certificate": "web"},
            "take a frontend_domain_name",
        ),
        (
            {"frontend_domain_name": NAME, "frontend_certificate": ""},
            "give frontend_certificate the name of an entry of certificate_certificates (web, api, gone), or an ARN",
        ),
        ({"frontend_certificate": "web"}, "has no meaning without frontend_domain_name"),
        (
            {**NAMED, "frontend_certificate": "wbe"},
            "is neither an ARN nor an entry of certificate_certificates; did you",
        ),
        ({**NAMED, "frontend_certificate": "gone"}, "is neither an ARN nor an entry of certificate_certificates"),
        (
            {**NAMED, "frontend_certificate": "api"},
            "is a certificate in us-west-2, and CloudFront takes those of us-east-1 only: set its region",
        ),
        (
            {**NAMED, "frontend_alternative_names": ["other.example.com"]},
            "is not among the names of the certificate web",
        ),
        (
            {**NAMED, "frontend_certificate": ARN.replace("us-east-1", "us-west-2")},
            "is in us-west-2, and CloudFront takes certificates of us-east-1 only",
        ),
        ({**NAMED, "frontend_certificate": "arn:aws:iam::1:x"}, "is not the ARN of a certificate of ACM"),
        (
            {**NAMED, "frontend_certificate": ARN.replace(ACCOUNT, "210987654321")},
            "is a certificate of another account than 123456789012",
        ),
        (
            {**NAMED, "frontend_hosted_zone": "example.com", "frontend_alias_records": False},
            "has no meaning with frontend_alias_records: false",
        ),
    ],
)
def test_names_and_certificate(given, expected):
    (line,) = lines(**given)
    assert expected in line


def test_too_many_names():
    many = [f"n{index}.agents.example.com" for index in range(100)]
    assert lines(**NAMED, frontend_alternative_names=many) == [
        "frontend_alternative_names: 101 names are more than the 100 that CloudFront takes"
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"frontend_rate_limit": 9}, "frontend_rate_limit: 9 is not from 10 to 2000000000 requests"),
        ({"frontend_rate_limit": 2_000_000_001}, "is not from 10 to 2000000000 requests"),
        (
            {"frontend_waf_rule_groups": [{"name": "AWSManagedRulesCommonRuleset"}]},
            "is not a group of rules of AWS WAF that this role knows; did you mean AWSManagedRulesCommonRuleSet?",
        ),
        (
            {"frontend_waf_rule_groups": [{"name": "AWSManagedRulesBotControlRuleSet"}]},
            "takes settings of its own, which this role has none of",
        ),
        (
            {"frontend_waf_rule_groups": [{"name": "AWSManagedRulesSQLiRuleSet"}] * 2},
            "frontend_waf_rule_groups[].name: 'AWSManagedRulesSQLiRuleSet' occurs more than once",
        ),
        (
            {"frontend_waf_rule_groups": [{"name": "AWSManagedRulesSQLiRuleSet", "counted": ["SQLi body"]}]},
            "[0].counted[0]: 'SQLi body' is not the name of a rule",
        ),
        (
            {"frontend_waf_rule_groups": [{"name": "AWSManagedRulesSQLiRuleSet", "counted": ["a", "a"]}]},
            "[0].counted: 'a' occurs more than once",
        ),
        (
            {
                "frontend_waf_rule_groups": [
                    {"name": "AWSManagedRulesSQLiRuleSet", "counted": [f"r{index}" for index in range(101)]}
                ]
            },
            "[0].counted: 101 are too many: AWS WAF takes 100",
        ),
    ],
)
def test_the_web_acl(given, expected):
    (line,) = lines(**given)
    assert expected in line


def test_the_logs_key():
    (line,) = lines(frontend_log_kms_key_arn=f"arn:aws:kms:us-west-2:{ACCOUNT}:key/1234")
    assert line.endswith("is a key in us-west-2, and the logs of CloudFront and its web ACL lie in us-east-1")
    (line,) = lines(frontend_log_kms_key_arn="alias/logs")
    assert line.endswith("is not the ARN of a KMS key")


@pytest.mark.parametrize("seconds", [0, 121])
def test_how_long_the_api_may_take(seconds):
    assert lines(frontend_api_read_seconds=seconds) == [
        f"frontend_api_read_seconds: {seconds} is not from 1 to 120 seconds"
    ]


def test_other_partitions_have_no_such_cloudfront():
    (line,) = lines("cn-north-1")
    assert line.startswith("platform_region: 'cn-north-1' is in the partition aws-cn, where CloudFront lacks")


def test_a_name_that_another_distribution_has():
    found = {"offers": {"frontend": {"aliases": {NAME: "E9"}}}, "frontend": {"distribution_id": "E1"}}
    given = {"frontend_domain_name": NAME}
    assert change_fault_lines("frontend", given, found) == [
        f"frontend_domain_name: '{NAME}' is a name of the distribution E9, and CloudFront gives it to one only: take it"
        " from there"
    ]
    further = {"frontend_alternative_names": [NAME]}
    (line,) = change_fault_lines("frontend", further, {**found, "frontend": {"distribution_id": None}})
    assert line.startswith("frontend_alternative_names[0]: ")
    assert change_fault_lines("frontend", given, {**found, "frontend": {"distribution_id": "E9"}}) == []
    assert change_fault_lines("frontend", given, {"offers": {"frontend": {}}}) == []


def test_warnings():
    assert warning_lines("frontend", DEFAULTS, {}) == []
    (line,) = warning_lines("frontend", {"frontend_content_security_policy": "x" * 1784}, {})
    assert line == (
        "frontend_content_security_policy: has 1,784 characters, of which CloudFront takes 1,783 unless the quota is"
        " raised"
    )
    groups = ["Common", "KnownBadInputs", "SQLi", "Linux", "Windows"]
    many = [{"name": f"AWSManagedRules{name}RuleSet"} for name in groups]
    (line,) = warning_lines("frontend", {"frontend_waf_rule_groups": many}, {})
    assert line.startswith("frontend_waf_rule_groups: take 1502 capacity units")


def test_names_of_things():
    found = list(component_names("frontend", values("frontend", platform_prefix="p", platform_account_id=ACCOUNT)))
    assert {(item.kind, item.name) for item in found} == {
        ("cloudfront_distribution", "p-frontend"),
        ("cloudfront_function", "p-frontend-routing"),
        ("cloudfront_origin_access_control", "p-frontend"),
        ("cloudfront_response_headers_policy", "p-frontend"),
        ("log_delivery", "p-frontend"),
        ("log_group", "/aws/vendedlogs/p/cloudfront"),
        ("log_group", "aws-waf-logs-p-frontend"),
        ("s3_bucket", f"p-frontend-{ACCOUNT}"),
        ("web_acl", "p-frontend"),
    }
