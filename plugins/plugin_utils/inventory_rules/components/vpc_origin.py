# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the vpc_origin component."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.vpc_origin import THING

from ..names import Name, fixed_names

SAMPLES = {
    "vpc_origin_id": "vo_" + 22 * "x",
    "vpc_origin_arn": "arn:{partition}:cloudfront::{account_id}:vpcorigin/vo_" + 22 * "x",
}


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    yield from fixed_names(values.get("platform_prefix"), cloudfront_vpc_origin=[THING])
