# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A front end with names of its own, through their lives."""

from __future__ import annotations

import pytest

from tests.support.local_cloud.settings import HOSTED_ZONE
from tests.support.playbook import Account

from .components import certificate, frontend

pytestmark = pytest.mark.options

CHOSEN = ("encryption", "certificate", "frontend")
NAME, FURTHER = f"pages.{HOSTED_ZONE}", f"www.pages.{HOSTED_ZONE}"
CERTIFICATES = [
    {"name": "pages", "domain_name": NAME, "alternative_names": [FURTHER], "region": "us-east-1"},
]
NAMED = {
    "certificate_certificates": CERTIFICATES,
    "frontend_domain_name": NAME,
    "frontend_certificate": "pages",
    "frontend_alternative_names": [FURTHER],
}


def run(account: Account, *more: str, chosen=CHOSEN, **variables):
    return account.run("--limit", ",".join(chosen), *more, variables=variables)


def alias_records(account: Account) -> dict[tuple[str, str], str]:
    """Name and type of each alias, and where it leads to."""
    return {
        (item["Name"].rstrip("."), item["Type"]): item["AliasTarget"]["DNSName"].rstrip(".")
        for item in certificate.records(account)
        if "AliasTarget" in item
    }


@pytest.fixture(scope="module")
def account(new_account) -> Account:
    """With its names."""
    made = new_account("100000000161")
    run(made, **NAMED).assert_converged()
    return made


@pytest.mark.by_component("frontend")
class TestNames:
    def test_as_declared(self, account):
        found = frontend.distribution(account)
        config, domain = found["Config"], found["DomainName"]
        assert sorted(config["Aliases"]["Items"]) == [NAME, FURTHER]
        viewer = config["ViewerCertificate"]
        assert viewer["ACMCertificateArn"] == certificate.ours(account, NAME)["CertificateArn"]
        assert (viewer["MinimumProtocolVersion"], viewer["SSLSupportMethod"]) == ("TLSv1.2_2025", "sni-only")
        assert alias_records(account) == {(name, kind): domain for name in (NAME, FURTHER) for kind in ("A", "AAAA")}

    def test_again_there_is_nothing_to_do(self, account):
        run(account, **NAMED).assert_nothing_to_do()

    def test_a_name_that_goes_takes_its_records_along(self, account):
        fewer = {**NAMED, "frontend_alternative_names": []}
        run(account, chosen=["frontend"], **fewer).assert_converged()
        assert frontend.distribution(account)["Config"]["Aliases"]["Items"] == [NAME]
        assert {name for name, _kind in alias_records(account)} == {NAME}
        run(account, chosen=["frontend"], **NAMED).assert_converged()
        assert {name for name, _kind in alias_records(account)} == {NAME, FURTHER}

    def test_a_name_that_another_distribution_has(self, account):
        other = f"other.{HOSTED_ZONE}"
        cloudfront = account.client("cloudfront")
        acm = account.client("acm", "us-east-1")
        theirs = acm.request_certificate(DomainName=other, ValidationMethod="DNS")["CertificateArn"]
        certificate.change(account, "UPSERT", certificate.validation_record(account, theirs))
        certificate.issued(account, theirs)
        config = {
            **frontend.distribution(account)["Config"],
            "CallerReference": "theirs",
            "Comment": "theirs",
            "Aliases": {"Quantity": 1, "Items": [other]},
            "ViewerCertificate": {
                "ACMCertificateArn": theirs,
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": "TLSv1.2_2021",
            },
        }
        made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
        refused = run(
            account, chosen=["frontend"], **{**NAMED, "frontend_domain_name": other, "frontend_certificate": theirs}
        ).assert_refused()
        assert f"is a name of the distribution {made}" in refused.output
        assert not refused.calls.writes
