# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service Quotas: what an account may have, and the codes of what there isn't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.agent_platform.aws.plugins.module_utils.quotas import QUOTAS


def test_the_quotas_of_the_platform_are_there(client: Callable[[str], Any]) -> None:
    quotas = client("service-quotas")
    # IAM tells its own in a summary of the account.
    for quota in (quota for quota in QUOTAS.values() if not quota.summary):
        code = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        default = quotas.get_aws_default_service_quota(**code)["Quota"]
        assert default["QuotaName"] == quota.title
        assert quotas.get_service_quota(**code)["Quota"]["Value"] >= default["Value"]


def test_there_is_no_other(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError) as refusal:
        client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")
    assert refusal.value.response["Error"]["Code"] == "NoSuchResourceException"
