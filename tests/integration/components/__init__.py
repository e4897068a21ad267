# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that the integration tests know of a component stands in its file here; the shared tests go through these.

What lives in the cluster has its file in tests/integration/cluster/components.

A file has tests of what was built, and for the shared tests:

- `SUMMARY`: what the end of a run says of it;
- `check_discovery(lister, facts)`: asserts that discovery tells what was built;
- `census(lister)`: what an account holds of its kinds, see census.py;
- `tagged(lister)`: each thing that may carry tags, with its kind; `LEAST_TAGGED`: how many of ours there are at least;
- `settle(account, prefix, tags)`: makes a neighbour's things beside ours;
- `take_names(account)`: makes things with our names and without our tags, and returns what a refusal must say of them;
- `REPAIRS`: harm that is mended by known tasks and writes and no others, see drift.py;
- `harms(account)`: by name, what removes or changes each kind of thing, which one run mends;
- `lasting(account)`: ids of what such a run keeps and doesn't replace;
- `SECRETS`: how many secrets it has in Secrets Manager at least, if any.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from tests.support.components import IN_AWS

INTERFACE = (
    "SUMMARY",
    "check_discovery",
    "census",
    "tagged",
    "LEAST_TAGGED",
    "settle",
    "take_names",
    "REPAIRS",
    "harms",
    "lasting",
)


def of(component: str) -> ModuleType:
    """What is known of a component."""
    return importlib.import_module(f"{__name__}.{component}")


def every() -> list[ModuleType]:
    """What is known of all components in AWS, in building order."""
    return [of(component) for component in IN_AWS]
