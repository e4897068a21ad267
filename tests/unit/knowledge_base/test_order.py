# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log of what models are asked, and the role by which Bedrock writes it."""

from __future__ import annotations

import yaml

from tests.support.playbook import ROOT

TASKS = yaml.safe_load((ROOT / "roles/knowledge_base/tasks/main.yml").read_text())
LOGGING = "agent_platform.aws.bedrock_model_invocation_logging"


def test_the_role_comes_before_the_log_and_goes_after_it():
    (roles,) = [index for index, task in enumerate(TASKS) if "agent_platform.aws.iam_role" in task]
    logs = {task["when"]: (index, task[LOGGING].get("state")) for index, task in enumerate(TASKS) if LOGGING in task}
    (ends, absent), (begins, present) = (
        logs[f"{negated}knowledge_base_invocation_logging"] for negated in ("not ", "")
    )
    assert ends < roles < begins
    assert (absent, present) == ("absent", None)
