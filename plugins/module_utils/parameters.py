# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How Parameter Store is asked for many parameters at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import batched
from typing import Any

# The most that one page holds.
PAGE = 50
# The most that calls which take names take.
AT_ONCE = 10
# Tags that one request filters by, besides the path.
TAGS_AT_ONCE = 4


def below(path: str) -> dict[str, Any]:
    """The request of DescribeParameters for all parameters below a path."""
    return {"ParameterFilters": [{"Key": "Path", "Option": "Recursive", "Values": [path]}], "MaxResults": PAGE}


def with_tags(path: str, tags: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The requests for those of them that bear the tags: all of them do that are in each of the answers."""
    for some in batched(sorted(tags.items()), TAGS_AT_ONCE):
        request = below(path)
        request["ParameterFilters"] += [{"Key": f"tag:{key}", "Values": [str(value)]} for key, value in some]
        yield request
