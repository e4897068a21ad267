# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import (
    AGGREGATE,
    CLUSTER,
    DOMAIN,
    RESOURCE,
    TAGS,
)


class ModuleDocFragment:
    """Options of the modules on the base: those of all, those for tags, the one for several resources in a
    call, and those of objects in an OpenSearch domain. And those of the modules that talk to a Kubernetes cluster."""

    # Annotated, as yamllint of ansible-test takes plain assignments for texts.
    DOCUMENTATION: str = RESOURCE
    TAGS: str = TAGS
    AGGREGATE: str = AGGREGATE
    DOMAIN: str = DOMAIN
    CLUSTER: str = CLUSTER
