# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import AGGREGATE, RESOURCE, TAGS


class ModuleDocFragment:
    """Options of the modules on the base: those of all, those for tags, and the one for several resources in a call."""

    # Annotated, as yamllint of ansible-test takes plain assignments for texts.
    DOCUMENTATION: str = RESOURCE
    TAGS: str = TAGS
    AGGREGATE: str = AGGREGATE
