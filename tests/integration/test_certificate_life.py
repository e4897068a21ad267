# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of certificates that change, are used, and go; and records that are ours or others'."""

from __future__ import annotations

import json

import pytest

from tests.support.local_cloud.settings import HOSTED_ZONE
from tests.support.playbook import OWNER, PREFIX, Account

from .census import Lister, tags_of
from .components import certificate

API, LOGIN = certificate.API, certificate.LOGIN
CONFIRMED = {"platform_teardown_confirm": PREFIX}
TARGETS = ("d111111abcdef8.cloudfront.net", "d222222abcdef8.cloudfront.net")
WWW = f"www.{HOSTED_ZONE}"

pytestmark = [pytest.mark.by_component("certificate"), pytest.mark.options]


def entries(**login) -> dict:
    """The inventory with another entry login, and no other."""
    entry = {"name": "login", "domain_name": LOGIN, "region": "us-east-1", **login}
    return {"certificate_certificates": [entry]}


def arns(account: Account) -> list[str]:
    return [
        item["CertificateArn"]
        for item in certificate.certificates(Lister(account))
        if OWNER.items() <= tags_of(item).items()
    ]


def test_other_names_get_another_certificate_and_the_old_one_goes_when_it_is_free(new_account):
    account = new_account("550100000001")
    account.run("--limit", "certificate", variables=entries()).assert_converged()
    (old,) = arns(account)
    # It is used, as by a custom domain of Cognito.
    cognito = account.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="theirs")["UserPool"]["Id"]
    cognito.create_user_pool_domain(Domain=LOGIN, UserPoolId=pool, CustomDomainConfig={"CertificateArn": old})

    more = entries(alternative_names=[f"auth.{HOSTED_ZONE}"])
    run = account.run("--limit", "certificate", variables=more).assert_converged()
    assert run.calls.writes == {("acm", "RequestCertificate"): 1, ("route53", "ChangeResourceRecordSets"): 1}
    (new,) = set(arns(account)) - {old}
    assert old in arns(account)
    assert f"superseded, and removed once nothing uses it: {old}" in run.output
    account.run("--limit", "certificate", variables=more).assert_nothing_to_do()

    cognito.update_user_pool_domain(Domain=LOGIN, UserPoolId=pool, CustomDomainConfig={"CertificateArn": new})
    run = account.run("--limit", "certificate", variables=more).assert_converged()
    assert arns(account) == [new]
    assert run.calls.writes == {("acm", "DeleteCertificate"): 1}

    # Nor can it be taken away while it is used; and a record stays that another certificate of the account needs.
    other = account.client("acm", "eu-west-1").request_certificate(DomainName=LOGIN, ValidationMethod="DNS")
    certificate.issued(account, other["CertificateArn"])
    used = {**more, **CONFIRMED, "certificate_timeout_seconds": 1}
    run = account.run("--limit", "certificate", playbook="playbooks/teardown.yml", variables=used).assert_refused()
    assert "expected: unused. It is used by arn:aws:cloudfront::" in run.failures[0]
    assert arns(account) == [new]
    cognito.delete_user_pool_domain(Domain=LOGIN, UserPoolId=pool)
    account.run(
        "--limit", "certificate", playbook="playbooks/teardown.yml", variables={**more, **CONFIRMED}
    ).assert_converged()
    assert arns(account) == []
    assert [record["Name"] for record in certificate.records(account)] == [
        certificate.record_of(account, LOGIN)["Name"]
    ]


def test_what_stands_in_the_way_is_told(new_account):
    account = new_account("550100000002")
    account.run("--limit", "certificate", variables=entries()).assert_converged()
    record = certificate.record_of(account, LOGIN)
    certificate.change(account, "UPSERT", {**record, "ResourceRecords": [{"Value": "theirs.example.net."}]})
    run = account.run("--limit", "certificate", variables=entries()).assert_refused()
    assert "and that name has theirs.example.net. Nothing was changed. Remove that record" in run.failures[0]
    certificate.change(account, "DELETE", certificate.record_of(account, LOGIN))
    account.run("--limit", "certificate", variables=entries()).assert_converged()

    # Without the records there is nothing but to wait, and to say for what.
    alone = entries(name="alone", domain_name=f"alone.{HOSTED_ZONE}", validation_records=False)
    run = account.run("--limit", "certificate", variables={**alone, "certificate_timeout_seconds": 2}).assert_refused()
    assert f"alone.{HOSTED_ZONE} waits for CNAME _" in run.failures[0]
    assert "Have them made where the domain's name servers are" in run.failures[0]
    assert "certificate: the certificate login of this platform isn't declared any more" in run.output

    # A teardown takes what isn't declared any more, too.
    account.run(
        "--limit", "certificate", playbook="playbooks/teardown.yml", variables={**alone, **CONFIRMED}
    ).assert_converged()
    assert arns(account) == []
    assert certificate.records(account) == []


def test_alias_records(new_account, tmp_path):
    """As a component makes them for a custom domain."""
    account = new_account("550100000003")
    playbook = tmp_path / "records.yml"
    task = {
        "agent_platform.aws.route53_record": {
            "aggregate": [{"name": WWW, "type": kind} for kind in ("A", "AAAA")],
            "alias": {"dns_name": "{{ target | default(omit) }}", "hosted_zone_id": "Z2FDTNDATAQYW2"},
            "owned_by": {**OWNER, "Component": "cognito"},
            "state": "{{ state | default('present') }}",
        }
    }
    play = {
        "hosts": "certificate",
        "gather_facts": False,
        "environment": "{{ platform_task_environment }}",
        "tasks": [{"name": "Make the records", **task}],
    }
    playbook.write_text(json.dumps([play]))

    def run(target=TARGETS[0], *args, **variables):
        return account.run(*args, playbook=str(playbook), variables={"target": target, **variables})

    def aliases() -> dict[str, str]:
        return {
            record["Type"]: record["AliasTarget"]["DNSName"].rstrip(".")
            for record in certificate.records(account)
            if record["Name"] == f"{WWW}."
        }

    dry = run(TARGETS[0], "--check").assert_converged()
    assert not dry.calls.writes
    assert dry.total("changed") == 1
    made = run().assert_converged()
    assert made.calls.writes == {("route53", "ChangeResourceRecordSets"): 2}
    assert made.calls["route53", "GetChange"] >= 2
    assert aliases() == dict.fromkeys(("A", "AAAA"), TARGETS[0])
    run().assert_nothing_to_do()
    run(TARGETS[1]).assert_converged()
    assert aliases() == dict.fromkeys(("A", "AAAA"), TARGETS[1])

    # One of them is someone else's now.
    theirs = {"Name": WWW, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    for record in certificate.records(account):
        if record["Type"] in ("A", "TXT") and "-aaaa." not in record["Name"]:
            certificate.change(account, "DELETE", record)
    certificate.change(account, "CREATE", theirs)
    refused = run(TARGETS[1]).assert_refused()
    assert f"Route 53 record 'A' of '{WWW}' exists in {HOSTED_ZONE}" in refused.failures[0]
    assert not refused.calls.writes
    gone = run(TARGETS[1], state="absent").assert_converged()
    assert gone.calls.writes == {("route53", "ChangeResourceRecordSets"): 1}
    assert [record["Type"] for record in certificate.records(account)] == ["A"]
