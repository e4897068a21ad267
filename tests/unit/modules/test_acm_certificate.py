# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ACM certificate: requested, validated by records that the module keeps, superseded, removed."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.acm_certificate import Certificate
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

DOMAIN = "api.example.com"
ARN = "arn:aws:acm:us-west-2:123456789012:certificate/1"
OLD = "arn:aws:acm:us-west-2:123456789012:certificate/0"
MADE = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)
BEFORE = MADE - datetime.timedelta(days=100)
NAME = f"_0123456789abcdef0123456789abcdef.{DOMAIN}."
VALUE = "_fedcba9876543210fedcba9876543210.jkddzztszm.acm-validations.aws."
RECORD = {"Name": NAME, "Type": "CNAME", "Value": VALUE}
TAGS = {**OWNER, "Name": "demo-api"}
OPTIONS = {"domain_name": DOMAIN, "owned_by": OWNER, "tags": TAGS}
ZONE = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "1", "Config": {"PrivateZone": False}}
ZONES = Step("ListHostedZones", {"HostedZones": [ZONE], "Marker": "", "IsTruncated": False, "MaxItems": "100"}, {})


def run(options, *steps, **kwargs):
    return run_resource(Certificate, given("acm_certificate", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Certificate, given("acm_certificate", {**OPTIONS, **options}), *steps)


def listing(*found):
    summaries = [{"CertificateArn": arn, "DomainName": DOMAIN, "Type": "AMAZON_ISSUED"} for arn in found]

    def check(request):
        assert {"RSA_2048", "EC_prime256v1", "EC_secp384r1"} <= set(request["Includes"]["keyTypes"])

    return Step("ListCertificates", {"CertificateSummaryList": summaries}, check)


def tagged(arn=ARN, **tags):
    return Step("ListTagsForCertificate", {"Tags": tag_list(**(tags or TAGS))}, {"CertificateArn": arn})


def described(arn=ARN, record=RECORD, **members):
    option = {"DomainName": DOMAIN, "ValidationStatus": "SUCCESS", "ValidationMethod": "DNS"}
    certificate = {
        "CertificateArn": arn,
        "DomainName": DOMAIN,
        "SubjectAlternativeNames": [DOMAIN],
        "DomainValidationOptions": [{**option, "ResourceRecord": record} if record else option],
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA-2048",
        "CreatedAt": MADE,
        "Options": {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"},
        "InUseBy": [],
        **members,
    }
    return Step("DescribeCertificate", {"Certificate": certificate}, {"CertificateArn": arn})


def record(value=VALUE, **members):
    found = (
        []
        if value is None
        else [{"Name": NAME, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": value}], **members}]
    )
    answer = {"ResourceRecordSets": found, "IsTruncated": False, "MaxItems": "1"}
    request = {"HostedZoneId": "Z1", "StartRecordName": NAME, "StartRecordType": "CNAME"}
    return Step("ListResourceRecordSets", answer, request)


def changed(action, ttl=300, answer=None):
    new = {"Name": NAME, "Type": "CNAME", "TTL": ttl, "ResourceRecords": [{"Value": VALUE}]}
    info = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": MADE}}
    request = {
        "HostedZoneId": "Z1",
        "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": new}]},
    }
    return Step("ChangeResourceRecordSets", answer or info, request)


def seen(**members):
    """One look at the certificate that there is, without its records."""
    return [listing(ARN), tagged(), described(**members)]


def request_of(**members):
    def check(request):
        token = request.pop("IdempotencyToken")
        assert len(token) == 32
        expected = {"DomainName": DOMAIN, "ValidationMethod": "DNS", "Tags": tag_list(**TAGS), **members}
        assert {**request, "Tags": sorted(request["Tags"], key=str)} == {
            **expected,
            "Tags": sorted(expected["Tags"], key=str),
        }

    return Step("RequestCertificate", {"CertificateArn": ARN}, check)


def test_a_request_its_record_and_the_wait(clock):
    pending = {"Status": "PENDING_VALIDATION"}
    result, _aws, _module = run(
        {"subject_alternative_names": [f"*.{DOMAIN}"], "key_algorithm": "EC_prime256v1", "export": "ENABLED"},
        listing(),
        ZONES,
        request_of(
            SubjectAlternativeNames=[f"*.{DOMAIN}"], KeyAlgorithm="EC_prime256v1", Options={"Export": "ENABLED"}
        ),
        # It isn't known to all calls at once, nor are its records told.
        listing(),
        listing(ARN),
        Step("ListTagsForCertificate", api_error("ListTagsForCertificate", "ResourceNotFoundException")),
        *(
            step
            for members, more in (
                ({**pending, "record": None}, []),
                ({**pending, "record": None}, []),
                (pending, [record(None)]),
            )
            for step in (
                *seen(
                    SubjectAlternativeNames=[DOMAIN, f"*.{DOMAIN}"],
                    KeyAlgorithm="EC-prime256v1",
                    Options={"Export": "ENABLED"},
                    **members,
                ),
                *more,
            )
        ),
        changed("CREATE"),
        *(
            step
            for status in ("PENDING_VALIDATION", "ISSUED")
            for step in seen(
                SubjectAlternativeNames=[DOMAIN, f"*.{DOMAIN}"],
                KeyAlgorithm="EC-prime256v1",
                Options={"Export": "ENABLED"},
                Status=status,
            )
        ),
    )
    assert result["changed"] is True
    assert result["certificate"]["status"] == "ISSUED"
    assert result["certificate"]["certificate_arn"] == ARN
    assert (result["certificate"]["missing_records"], result["certificate"]["superseded"]) == ([], [])


def test_a_second_run_looks_at_the_record_and_changes_nothing():
    result, _aws, _module = run({}, *seen(), ZONES, record())
    assert result["changed"] is False
    result, _aws, _module = run({"validation_records": False}, *seen())
    assert result["changed"] is False


def test_a_dry_run_predicts_and_looks_for_the_zone():
    result, _aws, _module = run({}, listing(), ZONES, check_mode=True)
    assert result["changed"] is True
    elsewhere = {**ZONE, "Name": "example.org."}
    told = refuse({}, listing(), Step("ListHostedZones", {**ZONES.answer, "HostedZones": [elsewhere]}))
    assert "'api.example.com' is in no public hosted zone of this account, which has example.org (Z1)" in told


@pytest.mark.parametrize(("value", "action"), [(None, "CREATE"), ("_other.jkddzztszm.acm-validations.aws.", "UPSERT")])
def test_a_record_that_is_gone_or_points_elsewhere_is_put_back(value, action):
    dry, _aws, _module = run({}, *seen(), ZONES, record(value), check_mode=True)
    assert dry["changed"] is True
    assert (dry["diff"]["before"]["missing_records"], dry["diff"]["after"]["missing_records"]) == ([NAME], [])
    result, _aws, _module = run({}, *seen(), ZONES, record(value), changed(action), *seen())
    assert result["changed"] is True
    assert result["certificate"]["missing_records"] == []


def test_a_record_of_someone_else_is_refused():
    told = refuse({}, *seen(), ZONES, record("theirs.example.net."))
    assert f"needs CNAME {NAME} {VALUE} in example.com (Z1), and that name has theirs.example.net." in told
    assert "Nothing was changed" in told


def test_the_same_record_of_a_run_beside_is_no_failure():
    taken = api_error(
        "ChangeResourceRecordSets", "InvalidChangeBatch", f"[Tried to create {NAME} but it already exists]"
    )
    result, _aws, _module = run({}, *seen(), ZONES, record(None), changed("CREATE", answer=taken), *seen(), record())
    assert result["certificate"]["missing_records"] == []


def test_another_request_is_under_way_in_the_zone():
    busy = api_error("ChangeResourceRecordSets", "PriorRequestNotComplete", "The request was rejected", 400)
    result, _aws, _module = run(
        {},
        *seen(),
        ZONES,
        record(None),
        changed("CREATE", answer=busy),
        *seen(),
        record(None),
        changed("CREATE"),
        *seen(),
    )
    assert result["changed"] is True


def test_a_lost_reply_makes_no_second():
    tokens = []

    def remember(request):
        tokens.append(request["IdempotencyToken"])

    result, _aws, _module = run(
        {"wait": False, "validation_records": False},
        listing(),
        Step("RequestCertificate", lost_reply(), remember),
        listing(),
        Step("RequestCertificate", {"CertificateArn": ARN}, remember),
        *seen(Status="PENDING_VALIDATION"),
    )
    assert tokens[0] == tokens[1]
    assert result["changed"] is True


def test_those_of_others_are_left_and_one_of_ours_is_requested():
    result, _aws, _module = run(
        {"validation_records": False},
        Step(
            "ListCertificates",
            {
                "CertificateSummaryList": [
                    {"CertificateArn": OLD, "DomainName": DOMAIN, "Type": "AMAZON_ISSUED"},
                    {"CertificateArn": f"{OLD}1", "DomainName": DOMAIN, "Type": "IMPORTED"},
                    {"CertificateArn": f"{OLD}2", "DomainName": "other.example.com", "Type": "AMAZON_ISSUED"},
                ]
            },
        ),
        tagged(OLD, Project="other"),
        request_of(),
        *seen(),
    )
    assert result["certificate"]["superseded"] == []


def test_one_of_ours_that_has_lost_a_tag_of_the_owner_is_refused():
    told = refuse({}, listing(ARN), tagged(ARN, Project="demo", Name="demo-api"), described(), ZONES, record())
    assert f"ACM certificate '{DOMAIN}' exists but isn't ours: it has no ManagedBy" in told


def test_a_lost_name_and_another_tag_are_put_right():
    step = Step("RemoveTagsFromCertificate", {}, {"CertificateArn": ARN, "Tags": [{"Key": "Theirs"}]})
    result, _aws, _module = run(
        {"validation_records": False},
        listing(ARN),
        tagged(ARN, **OWNER, Theirs="1"),
        described(),
        step,
        Step("AddTagsToCertificate", {}, {"CertificateArn": ARN, "Tags": tag_list(Name="demo-api")}),
        *seen(),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"subject_alternative_names": [f"v2.{DOMAIN}"]}, {"SubjectAlternativeNames": [DOMAIN, f"v2.{DOMAIN}"]}),
        ({"key_algorithm": "EC_prime256v1"}, {"KeyAlgorithm": "EC-prime256v1"}),
        ({"export": "ENABLED"}, {"Options": {"Export": "ENABLED"}}),
    ],
)
def test_what_cannot_be_changed_is_requested_anew_and_the_old_one_goes_unless_it_is_used(options, members):
    old = {"arn": OLD, "CreatedAt": BEFORE}
    beside = [listing(OLD, ARN), tagged(OLD)]
    for user in ([], ["arn:aws:cloudfront::123456789012:distribution/E1"]):
        gone = [
            Step("DeleteCertificate", {}, {"CertificateArn": OLD}),
            *seen(**members),
        ]
        result, _aws, _module = run(
            {"validation_records": False, **options},
            listing(OLD),
            tagged(OLD),
            described(**old, InUseBy=user),
            Step("RequestCertificate", {"CertificateArn": ARN}),
            *beside,
            described(**old, InUseBy=user),
            tagged(ARN),
            described(**members),
            *([] if user else gone),
        )
        assert result["changed"] is True
        assert result["certificate"]["certificate_arn"] == ARN
        assert result["certificate"]["superseded"] == ([OLD] if user else [])


def test_an_old_one_stays_until_the_new_one_is_issued_and_when_told_so():
    more = {"SubjectAlternativeNames": [DOMAIN, f"v2.{DOMAIN}"]}
    options = {"subject_alternative_names": [f"v2.{DOMAIN}"], "validation_records": False}
    both = [listing(OLD, ARN), tagged(OLD), described(OLD, CreatedAt=BEFORE), tagged(ARN)]
    result, _aws, _module = run({**options, "wait": False}, *both, described(Status="PENDING_VALIDATION", **more))
    assert (result["changed"], result["certificate"]["superseded"]) == (False, [OLD])
    result, _aws, _module = run({**options, "remove_superseded": False}, *both, described(**more))
    assert (result["changed"], result["certificate"]["superseded"]) == (False, [OLD])
    result, _aws, _module = run(options, *both, described(**more), check_mode=True)
    assert (result["changed"], result["certificate"]["superseded"]) == (True, [])


def test_one_that_is_still_used_though_acm_tells_nothing_stays():
    more = {"SubjectAlternativeNames": [DOMAIN, f"v2.{DOMAIN}"]}
    both = [listing(OLD, ARN), tagged(OLD), described(OLD, CreatedAt=BEFORE), tagged(ARN), described(**more)]
    used = api_error("DeleteCertificate", "ResourceInUseException", f"Certificate {OLD} in account is in use.")
    result, _aws, _module = run(
        {"subject_alternative_names": [f"v2.{DOMAIN}"], "validation_records": False},
        *both,
        Step("DeleteCertificate", used),
        *both,
    )
    assert (result["changed"], result["certificate"]["superseded"]) == (False, [OLD])


def test_without_tags_that_say_whose_they_are_no_other_is_removed():
    other = described(OLD, CreatedAt=BEFORE, SubjectAlternativeNames=[DOMAIN, "old.example.com"])
    result, _aws, _module = run(
        {"owned_by": None, "tags": None, "subject_alternative_names": [], "validation_records": False},
        listing(OLD, ARN),
        tagged(OLD),
        other,
        tagged(ARN),
        described(),
    )
    assert (result["changed"], result["certificate"]["superseded"]) == (False, [])


def test_one_that_is_over_is_replaced():
    result, _aws, _module = run(
        {"validation_records": False},
        listing(OLD),
        tagged(OLD),
        described(OLD, CreatedAt=BEFORE, Status="EXPIRED"),
        request_of(),
        listing(OLD, ARN),
        tagged(OLD),
        described(OLD, CreatedAt=BEFORE, Status="EXPIRED"),
        tagged(ARN),
        described(),
        Step("DeleteCertificate", {}, {"CertificateArn": OLD}),
        *seen(),
    )
    assert result["changed"] is True


def test_a_request_that_has_failed_is_made_again_once_and_its_reason_told():
    failed = {"Status": "FAILED", "FailureReason": "CAA_ERROR", "record": None}
    told = refuse(
        {"validation_records": False},
        *seen(**failed),
        Step("DeleteCertificate", {}, {"CertificateArn": ARN}),
        listing(),
        request_of(),
        *seen(**failed),
    )
    assert "is FAILED. CAA_ERROR: a CAA record of one of the names, or above it, doesn't let Amazon issue" in told


def test_what_a_certificate_waits_for_is_told(clock):
    option = {"DomainName": DOMAIN, "ValidationStatus": "PENDING_VALIDATION", "ResourceRecord": RECORD}
    pending = {"Status": "PENDING_VALIDATION", "DomainValidationOptions": [option]}
    told = refuse(
        {"validation_records": False, "wait_timeout": 5},
        *seen(**pending),
        *(step for _time in range(4) for step in seen(**pending)),
    )
    assert f"is still PENDING_VALIDATION after 5 s; expected: ready. {DOMAIN} waits for CNAME {NAME} {VALUE}" in told
    assert "Have them made where the domain's name servers are" in told
    told = refuse(
        {"wait_timeout": 5},
        *seen(**pending),
        ZONES,
        record(),
        *seen(**pending),
        record(),
        *(step for _time in range(4) for step in seen(**pending)),
    )
    assert "They stand in example.com (Z1): see that the name servers of the domain" in told


def regions(*names):
    return Step("DescribeRegions", {"Regions": [{"RegionName": name} for name in names]})


def elsewhere(*names):
    summaries = [
        {"CertificateArn": f"{ARN}9", "DomainName": name, "SubjectAlternativeNameSummaries": [name]} for name in names
    ]
    return Step("ListCertificates", {"CertificateSummaryList": summaries})


def test_a_removal_takes_the_record_that_nobody_else_needs():
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("DeleteCertificate", {}, {"CertificateArn": ARN}),
        listing(),
        regions("us-east-1", "us-west-2"),
        elsewhere("other.example.com"),
        elsewhere(),
        ZONES,
        record(),
        changed("DELETE", ttl=60),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("looks", "warnings"),
    [
        ([regions("us-east-1"), elsewhere(f"*.{DOMAIN}")], 0),
        ([Step("DescribeRegions", api_error("DescribeRegions", "UnauthorizedOperation", status=403))], 1),
        (
            [regions("eu-west-1"), Step("ListCertificates", api_error("ListCertificates", "AccessDeniedException"))],
            1,
        ),
    ],
)
def test_a_record_that_another_certificate_needs_or_may_need_stays(looks, warnings):
    result, _aws, module = run(
        {"state": "absent"}, *seen(), Step("DeleteCertificate", {}, {"CertificateArn": ARN}), listing(), *looks
    )
    assert result["changed"] is True
    assert len(module.warnings) == warnings


def test_a_lost_reply_to_the_deletion_leaves_no_record():
    run(
        {"state": "absent"},
        *seen(),
        Step("DeleteCertificate", lost_reply()),
        listing(),
        regions("us-west-2"),
        elsewhere(),
        ZONES,
        record(),
        changed("DELETE", ttl=60),
    )


def test_a_removal_waits_until_nothing_uses_it(clock):
    user = ["arn:aws:cloudfront::123456789012:distribution/E1"]
    result, _aws, _module = run(
        {"state": "absent", "validation_records": False},
        *seen(InUseBy=user),
        *seen(InUseBy=user),
        *seen(),
        Step("DeleteCertificate", {}, {"CertificateArn": ARN}),
        listing(),
    )
    assert result["changed"] is True
    told = refuse(
        {"state": "absent", "wait_timeout": 3},
        *seen(InUseBy=user),
        *(step for _time in range(3) for step in seen(InUseBy=user)),
    )
    assert f"expected: unused. It is used by {user[0]}." in told


def test_one_that_waits_for_its_records_goes_at_once(clock):
    run(
        {"state": "absent", "validation_records": False},
        *seen(Status="PENDING_VALIDATION"),
        Step("DeleteCertificate", {}, {"CertificateArn": ARN}),
        listing(),
    )
    assert clock[0] == 0


def test_a_dry_removal_and_one_of_nothing():
    result, _aws, _module = run({"state": "absent"}, *seen(), check_mode=True)
    assert result["changed"] is True
    result, _aws, _module = run({"state": "absent"}, listing())
    assert result["changed"] is False
