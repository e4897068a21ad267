# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: transient_failure
short_description: Whether a task failed for a reason that may pass by itself
version_added: 0.1.0
description:
  - True when the registered result of a task on a module for AWS or Kubernetes failed by throttling, an error of the
    service (5xx) or a connection that was lost or not made. Of C(kubernetes.core.k8s) also when someone else has
    written the object at that moment, or an admission webhook isn't reached.
  - False when the task succeeded, and when AWS refused the call, for instance for missing rights, expired
    credentials, a quota or invalid values. Repeating those gives the same answer.
  - For a loop it is true when some items failed, and all of those for such a reason.
options:
  _input:
    description: A result that a task has registered.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Create the VPC, which the SDK must not repeat when a reply is lost
  amazon.aws.ec2_vpc_net:
    name: example
    cidr_block: 10.0.0.0/16
    aws_config:
      retries:
        total_max_attempts: 1
  register: vpc
  until: vpc is not agent_platform.aws.transient_failure
  retries: 4
  delay: 2
"""

RETURN = r"""
_value:
  description: Whether to try again.
  type: bool
"""

import re
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import THROTTLING_CODES
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import passes

# Words of botocore's exceptions for a connection that failed or broke, as modules put them into their messages.
LOST_CONNECTION = re.compile(
    "|".join(
        (
            r"Could not connect to the endpoint URL",
            r"Connection was closed before we received a valid response",
            r"(?:Connect|Read) timeout on endpoint URL",
            r"An HTTP Client raised an unhandled exception",
            r"An error occurred while reading from response stream",
            r"Connection (?:aborted|refused|reset by peer)",
            r"Remote end closed connection without response",
            # urllib3, as the library kubernetes has it
            r"Max retries exceeded with url",
            r"Read timed out",
            r"Unable to parse response",
            r"\d+ read, but total bytes expected is \d+",
        )
    ),
    re.IGNORECASE,
)
# botocore.exceptions.ClientError: An error occurred (Throttling) when calling the CreateVpc operation (reached max ...
CLIENT_ERROR = re.compile(r"An error occurred \(([\w.]+)\) when calling the \w+ operation")
# Codes that AWS answers with status 500 or 503, for modules that hand on the message without the status.
SERVER_ERROR_CODES = frozenset(
    {
        "500",
        "502",
        "503",
        "504",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "KMSInternalException",
        "ServerException",
        "ServiceFailure",
        "ServiceFailureException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
# What the API server of Kubernetes answers, as kubernetes.core hands it on, or as the exception of its library.
KUBERNETES_STATUS = re.compile(
    r'"kind":\s*"Status".*"code":\s*(\d{3})|^\((\d{3})\)\s+Reason:', re.DOTALL | re.MULTILINE
)
# Somebody has written the same object at that moment.
KUBERNETES_CONFLICT = "the object has been modified"


def kubernetes_passes(text):
    """Whether an answer of Kubernetes says that it may pass, or None if there is no such answer in the text."""
    told = KUBERNETES_STATUS.search(text)
    if not told:
        return None
    status, said = int(told.group(1) or told.group(2)), text.replace('\\"', '"')
    return passes(status, "Conflict" if KUBERNETES_CONFLICT in said else "", said)


def transient_failure(result):
    """Whether a registered result failed by throttling, a server error or a lost connection."""
    if not isinstance(result, Mapping):
        raise AnsibleFilterError(
            f"agent_platform.aws.transient_failure needs a registered result, got {type(result).__name__}"
        )
    if "results" in result:
        failed = [item for item in result["results"] if item.get("failed")]
        return bool(failed) and all(transient_failure(item) for item in failed)
    if not result.get("failed"):
        return False

    text = f"{result.get('msg') or ''}\n{result.get('exception') or ''}"
    code = (result.get("error") or {}).get("code", "") if isinstance(result.get("error"), Mapping) else ""
    if not code:
        named = CLIENT_ERROR.search(text)
        code = named.group(1) if named else ""
    status = (result.get("response_metadata") or {}).get("http_status_code") or 0

    if code in THROTTLING_CODES or code in SERVER_ERROR_CODES or status == 429 or status >= 500:
        return True
    # An answer of AWS with another code is a decision, whatever its text quotes.
    if code:
        return False
    of_kubernetes = kubernetes_passes(text)
    return bool(LOST_CONNECTION.search(text)) if of_kubernetes is None else of_kubernetes


class TestModule:
    def tests(self):
        return {"transient_failure": transient_failure}
