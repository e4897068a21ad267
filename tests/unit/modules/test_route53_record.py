# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Route 53 record: with values or an alias, and the TXT record that says whose it is."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.route53_record import Record, mark_name, mark_value
from tests.support.module_runs import OWNER, given
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "www.example.com"
MARK_NAME = f"_agent-platform-a.{NAME}"
MARK = '"ManagedBy=agent_platform.aws,Project=demo"'
TARGET = {"dns_name": "d1.cloudfront.net", "hosted_zone_id": "Z2FDTNDATAQYW2"}
ALIAS = {"DNSName": "d1.cloudfront.net", "HostedZoneId": "Z2FDTNDATAQYW2", "EvaluateTargetHealth": False}
OPTIONS = {"name": NAME, "type": "A", "owned_by": OWNER}
AT = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)


def run(options, *steps, **kwargs):
    return run_resource(Record, given("route53_record", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Record, given("route53_record", {**OPTIONS, **options}), *steps)


def zone(zone_id, name, private=False):
    return {"Id": f"/hostedzone/{zone_id}", "Name": name, "CallerReference": "1", "Config": {"PrivateZone": private}}


def zones(*found):
    listed = found or (zone("Z0", "com."), zone("Z1", "example.com."), zone("Z2", "www.example.com.", True))
    return Step("ListHostedZones", {"HostedZones": list(listed), "Marker": "", "IsTruncated": False, "MaxItems": "9"})


def look(name, kind, *found, zone_id="Z1"):
    answer = {"ResourceRecordSets": list(found), "IsTruncated": False, "MaxItems": "1"}
    request = {"HostedZoneId": zone_id, "StartRecordName": name, "StartRecordType": kind}
    return Step("ListResourceRecordSets", answer, request)


def values(*given, name=f"{NAME}.", kind="A", ttl=300, **more):
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in given], **more}


def alias(**members):
    return {"Name": f"{NAME}.", "Type": "A", "AliasTarget": {**ALIAS, "DNSName": "d1.cloudfront.net.", **members}}


MARKED = values(MARK, name=f"{MARK_NAME}.", kind="TXT")
OURS = look(MARK_NAME, "TXT", MARKED)
# The first record from there on is another one.
UNMARKED = look(MARK_NAME, "TXT", values('"x"', name="zzz.example.com.", kind="TXT"))


def seen(*found, mark=OURS):
    return [mark, look(NAME, "A", *found)]


def sent(*changes, answer=None):
    listed = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    request = {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": listed}}
    info = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": AT}}
    return Step("ChangeResourceRecordSets", answer or info, request)


def told(status="INSYNC"):
    return Step("GetChange", {"ChangeInfo": {"Id": "/change/C1", "Status": status, "SubmittedAt": AT}}, {"Id": "C1"})


NEW_ALIAS = {"Name": NAME, "Type": "A", "AliasTarget": ALIAS}
NEW_MARK = values(MARK, name=MARK_NAME, kind="TXT")


def test_an_alias_and_its_mark_are_made_at_once_and_waited_for(clock):
    result, _aws, _module = run(
        {"alias": TARGET},
        zones(),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK)),
        told("PENDING"),
        told(),
        *seen(alias()),
    )
    assert result["changed"] is True
    assert result["record"]["alias_target"]["dns_name"] == "d1.cloudfront.net."
    assert result["record"]["hosted_zone_id"] == "Z1"


def test_a_second_run_changes_nothing_in_whichever_case_and_order():
    assert run({"alias": TARGET}, zones(), *seen(alias()))[0]["changed"] is False
    assert run({"alias": TARGET}, zones(), *seen(alias(DNSName="D1.CloudFront.net.")))[0]["changed"] is False
    given_values = ["192.0.2.1", "192.0.2.2"]
    found = values(*reversed(given_values))
    assert run({"values": given_values, "ttl": 300}, zones(), *seen(found))[0]["changed"] is False


def test_a_dry_run_predicts():
    result, _aws, _module = run({"alias": TARGET}, zones(), *seen(mark=UNMARKED), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["alias"] == {**TARGET, "evaluate_target_health": False}
    result, _aws, _module = run({"alias": TARGET}, zones(), *seen(alias(DNSName="d2.x.")), check_mode=True)
    assert result["diff"]["before"]["alias"]["dns_name"] == "d2.x."


@pytest.mark.parametrize(
    ("options", "found", "new"),
    [
        ({"alias": TARGET}, alias(DNSName="d2.cloudfront.net."), NEW_ALIAS),
        ({"alias": TARGET}, values("192.0.2.1"), NEW_ALIAS),
        ({"values": ["192.0.2.1"]}, alias(), values("192.0.2.1", name=NAME)),
        ({"values": ["192.0.2.1"]}, values("192.0.2.2", ttl=60), values("192.0.2.1", name=NAME, ttl=60)),
        ({"ttl": 60}, values("192.0.2.2"), values("192.0.2.2", name=NAME, ttl=60)),
    ],
)
def test_what_differs_is_put_right_and_the_rest_kept(options, found, new):
    after = {**new, "Name": f"{NAME}."}
    result, _aws, _module = run(
        options, zones(), *seen(found), sent(("UPSERT", new)), told(), *seen(after), *seen(after)
    )
    assert result["changed"] is True


def test_one_without_our_mark_is_refused():
    text = refuse({"alias": TARGET}, zones(), *seen(values("192.0.2.1"), mark=UNMARKED))
    assert f"Route 53 record 'A' of '{NAME}' exists in example.com (Z1) but isn't ours" in text
    assert f"there is no TXT record {MARK_NAME} that says so, expected {MARK}" in text
    theirs = look(MARK_NAME, "TXT", values('"Project=other"', name=f"{MARK_NAME}.", kind="TXT"))
    for found in ([values("192.0.2.1")], []):
        text = refuse({"alias": TARGET}, zones(), *seen(*found, mark=theirs))
        assert f'the record {MARK_NAME} says that it belongs to "Project=other"' in text


def test_one_that_is_as_declared_is_left_whoever_made_it():
    result, _aws, _module = run({"alias": TARGET}, zones(), *seen(alias(), mark=UNMARKED))
    assert result["changed"] is False


def test_without_an_owner_there_is_no_mark_and_every_record_is_ours():
    result, _aws, _module = run(
        {"alias": TARGET, "owned_by": None, "wait": False},
        zones(),
        look(NAME, "A", values("192.0.2.1")),
        sent(("UPSERT", NEW_ALIAS)),
        look(NAME, "A", alias()),
        look(NAME, "A", alias()),
    )
    assert result["changed"] is True


def test_one_with_a_routing_policy_is_refused():
    weighted = values("192.0.2.1", SetIdentifier="one", Weight=1)
    text = refuse({"alias": TARGET}, zones(), *seen(weighted))
    assert "has a routing policy (one), which this module doesn't manage" in text


def test_a_run_that_lost_the_race_looks_again():
    taken = api_error("ChangeResourceRecordSets", "InvalidChangeBatch", "[Tried to create it but it already exists]")
    result, _aws, _module = run(
        {"alias": TARGET},
        zones(),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK), answer=taken),
        *seen(alias()),
    )
    assert result["changed"] is False


@pytest.mark.parametrize(
    "failure",
    [
        lost_reply(),
        api_error("ChangeResourceRecordSets", "PriorRequestNotComplete", "The request was rejected", 400),
        api_error("ChangeResourceRecordSets", "Throttling", "Rate exceeded", 400),
    ],
)
def test_a_failure_that_passes_is_tried_again(failure):
    result, _aws, _module = run(
        {"alias": TARGET},
        zones(),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK), answer=failure),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK)),
        told(),
        *seen(alias()),
    )
    assert result["changed"] is True


def test_a_name_that_is_taken_by_a_cname():
    text = (
        "[RRSet of type A with DNS name www.example.com. is not permitted as it conflicts with other records with the"
    )
    refused = api_error("ChangeResourceRecordSets", "InvalidChangeBatch", text)
    said = refuse(
        {"alias": TARGET},
        zones(),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK), answer=refused),
    )
    assert "Something else has this name, such as a CNAME: remove that, and run again." in said


def test_a_change_that_takes_too_long(clock):
    said = refuse(
        {"alias": TARGET, "wait_timeout": 3},
        zones(),
        *seen(mark=UNMARKED),
        sent(("CREATE", NEW_ALIAS), ("UPSERT", NEW_MARK)),
        *[told("PENDING")] * 3,
    )
    assert "isn't told by all name servers of Route 53 after 3 s" in said


def test_a_removal_takes_the_mark_along():
    found = alias()
    result, _aws, _module = run(
        {"state": "absent"},
        zones(),
        *seen(found),
        sent(("DELETE", found), ("DELETE", MARKED)),
        told(),
        *seen(mark=UNMARKED),
    )
    assert result["changed"] is True


def test_a_mark_that_is_left_alone_goes_too():
    result, _aws, _module = run({"state": "absent"}, zones(), *seen(), sent(("DELETE", MARKED)), told())
    assert result["changed"] is True
    assert run({"state": "absent"}, zones(), *seen(), check_mode=True)[0]["changed"] is True
    assert run({"state": "absent"}, zones(), *seen(mark=UNMARKED))[0]["changed"] is False


def test_what_is_not_ours_is_not_removed():
    result, _aws, module = run({"state": "absent"}, zones(), *seen(alias(), mark=UNMARKED))
    assert result["changed"] is False
    assert "isn't ours and is left" in module.warnings[0]


def test_zones_by_name_by_id_and_none():
    for wanted in ("com", "Z0", "/hostedzone/Z0"):
        steps = [look(MARK_NAME, "TXT", zone_id="Z0"), look(NAME, "A", zone_id="Z0")]
        run({"alias": TARGET, "hosted_zone": wanted}, zones(), *steps, check_mode=True)
    assert "'Z2' is a private hosted zone" in refuse({"alias": TARGET, "hosted_zone": "Z2"}, zones())
    said = refuse({"alias": TARGET}, zones(zone("Z1", "example.org.")))
    assert f"'{NAME}' is in no public hosted zone of this account, which has example.org (Z1)" in said


def test_a_record_is_gone_with_its_zone():
    result, _aws, _module = run({"state": "absent"}, zones(zone("Z1", "example.org.")))
    assert result["changed"] is False
    denied = Step("ListHostedZones", api_error("ListHostedZones", "AccessDenied", status=403))
    assert "Allow route53:ListHostedZones" in refuse({"state": "absent"}, denied)


def test_a_record_without_anything_in_it():
    assert "to create it values or an alias must be given" in refuse({}, zones(), *seen(mark=UNMARKED))
    assert "has a ttl and is an alias" in refuse({"alias": TARGET, "ttl": 60})


def test_marks():
    assert mark_name("*.example.com", "AAAA") == "_agent-platform-aaaa._any.example.com"
    assert mark_value({"b": 'x"ä', "a": "y, z"}) == '"a=y%2C z,b=x%22%C3%A4"'
    long = mark_value({"a": "x" * 300})
    assert [len(part) for part in long.strip('"').split('" "')] == [255, 47]


def test_names_as_route_53_writes_them():
    """A wildcard comes back as an escape."""
    found = {**values("192.0.2.1"), "Name": "\\052.example.com."}
    result, _aws, _module = run(
        {"name": "*.example.com", "values": ["192.0.2.1"], "owned_by": None}, zones(), look("*.example.com", "A", found)
    )
    assert result["changed"] is False
