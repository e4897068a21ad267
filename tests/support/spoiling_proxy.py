# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""microburst 0.10.0, run with what it lacks: requests to OpenSearch Service are signed for `es`, as those of the older
Elasticsearch API are, and it knows them by that API only; those of all of Bedrock's APIs are signed for `bedrock`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microburst import models
from microburst.cli import main
from microburst.core import pipeline
from microburst.detection import detect
from microburst.detection.operation import resolve_operation

OF_BEDROCK = ("bedrock-agent", "bedrock-runtime", "bedrock-agent-runtime")


def detect_more(
    headers: Mapping[str, str], method: str, path: str, query: Mapping[str, str], body: bytes | None
) -> Any:
    """What a request is, by the API of Bedrock that has its path."""
    context = detect(headers, method, path, query, body)
    if context.service == "bedrock" and context.operation is None:
        for service in OF_BEDROCK:
            if operation := resolve_operation(service, headers, method, path, query, body):
                context.service, context.operation = service, operation
                break
    return context


if __name__ == "__main__":
    models._SCOPE_ALIASES["es"] = "opensearch"
    pipeline.detect = detect_more
    main()
