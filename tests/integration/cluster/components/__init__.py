# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that the tests of the layer `cluster` know of a component of it stands in its file here.

A file has tests of what was built, in classes whose names begin with Test, or leaves them to `test_<component>.py`,
and for the shared tests:

- `SUMMARY`: what the end of a run says of it;
- `check_discovery(api, facts)`: asserts that discovery tells what was built;
- `HARMS`: by name, `harm(api)`: what is done with kubectl's rights behind the platform's back, besides what is done to
  every kind of object alike (`harms.py`). A dry run shows them, and one run of the component puts them back, exactly
  that.

`api` is a `tests.integration.cluster.objects.Api`, which reads and changes objects by kind, name and namespace.
Fixtures of `conftest.py`: `cluster_platform`, the platform that was built once, and `kubernetes`, its `Api`.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from tests.support.components import IN_CLUSTER

INTERFACE = ("SUMMARY", "check_discovery", "HARMS")


def of(component: str) -> ModuleType:
    """What is known of a component."""
    return importlib.import_module(f"{__name__}.{component}")


def every() -> list[ModuleType]:
    """What is known of all components in the cluster, in building order."""
    return [of(component) for component in IN_CLUSTER]
