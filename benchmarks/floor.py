# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The floor for a run: its AWS calls by boto3 alone, in one process, one after the other.

`python -m benchmarks.floor CALLS --endpoint URL --account ID` replays what benchmarks.record_calls has noted. It prints
the number of calls and the seconds they took, without the start of Python and the making of the clients.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.local_cloud.settings import REGION

from . import notes

Call = Mapping[str, Any]


def error_code(problem: Exception) -> str:
    """AWS's code for a refusal; of other errors the name."""
    if isinstance(problem, ClientError):
        return str(problem.response["Error"]["Code"])
    return type(problem).__name__


def where(call: Call) -> tuple[str, str]:
    """The service and the region that a call went to."""
    return call["service"], call.get("region") or REGION


def replay(calls: Sequence[Call], clients: Mapping[tuple[str, str], Any]) -> list[str]:
    """Make the calls. Returns those that ended otherwise than when they were noted, each in a line."""
    differences = []
    for call in calls:
        error = None
        try:
            getattr(clients[where(call)], xform_name(call["operation"]))(**call["params"])
        except Exception as problem:
            error = error_code(problem)
        if error != call["error"]:
            told = f"{call['service']} {call['operation']} {json.dumps(call['params'])}"
            differences.append(f"{told}: {error or 'no error'} instead of {call['error'] or 'no error'}")
    return differences


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--account", required=True)
    options = parser.parse_args(arguments)
    calls = notes.read(options.calls)
    session = boto3.Session(options.account, "a-secret-key-that-nobody-uses", region_name=REGION)
    config = Config(retries={"mode": "standard"}, proxies={})
    clients = {
        (service, region): session.client(service, region, endpoint_url=options.endpoint, config=config)
        for service, region in sorted({where(call) for call in calls})
    }
    began = time.monotonic()
    differences = replay(calls, clients)
    seconds = time.monotonic() - began
    if differences:
        print(f"{len(differences)} of {len(calls)} calls ended otherwise than in the run:", file=sys.stderr)
        print("\n".join(differences[:20]), file=sys.stderr)
        return 1
    print(json.dumps({"calls": len(calls), "seconds": round(seconds, 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
