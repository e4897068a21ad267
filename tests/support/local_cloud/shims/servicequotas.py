# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service Quotas, of which ministack 1.5.33 knows nothing: the quotas of an account that has asked for more CPUs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ministack.app
from ministack.core import router
from ministack.core.responses import error_response_json, json_response

from ..wire import Response

TARGET = "ServiceQuotasV20190624"
DEFAULTS = {
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0),
    ("ec2", "L-34B43A08"): ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5.0),
    ("ec2", "L-DB2E81BA"): ("Running On-Demand G and VT instances", 0.0),
    ("ec2", "L-3819A6DF"): ("All G and VT Spot Instance Requests", 0.0),
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0),
    ("vpc", "L-F678F1CE"): ("VPCs per Region", 5.0),
    ("vpc", "L-0EA8095F"): ("Inbound or outbound rules per security group", 60.0),
    ("vpc", "L-2AEEBF1A"): ("Rules per network ACL", 20.0),
}
# Accounts of the tests hold several platforms.
GRANTED = {
    ("ec2", "L-1216C47A"): 256.0,
    ("ec2", "L-34B43A08"): 256.0,
    ("ec2", "L-0263D0A3"): 64.0,
    ("vpc", "L-F678F1CE"): 64.0,
}


def install() -> None:
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": [TARGET]}
    ministack.app.SERVICE_HANDLERS["servicequotas"] = _handle


async def _handle(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Mapping[str, Any]
) -> Response:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        return error_response_json("UnknownOperationException", operation, 400)
    request = json.loads(body)
    code = (request["ServiceCode"], request["QuotaCode"])
    if code not in DEFAULTS:
        return error_response_json("NoSuchResourceException", "The request failed because there is no such quota.", 400)
    name, value = DEFAULTS[code]
    if operation == "GetServiceQuota":
        value = GRANTED.get(code, value)
    quota = {"ServiceCode": code[0], "QuotaCode": code[1], "QuotaName": name, "Value": value, "Adjustable": True}
    return json_response({"Quota": quota})
