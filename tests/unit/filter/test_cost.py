# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

LOAD_ALL = """
import importlib, pathlib, sys
for file in pathlib.Path("plugins/filter").glob("*.py"):
    importlib.import_module(f"ansible_collections.agent_platform.aws.plugins.filter.{file.stem}")
print(*sys.modules)
"""


def test_what_every_process_loads_is_small():
    """Without the callback preload, Ansible loads all filters in the process of each task: 0.1 s there are 10 s of a
    run of the platform."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD_ALL],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "collections")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert "ansible_collections.agent_platform.aws.plugins.filter.bastion_tools" in loaded
    heavy = ("argon2", "boto3", "botocore", "yaml", "ansible_collections.agent_platform.aws.plugins.plugin_utils")
    assert [name for name in loaded if name in heavy or name.startswith(tuple(f"{one}." for one in heavy))] == []
