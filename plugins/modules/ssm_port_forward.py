#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssm_port_forward
version_added: 0.1.0
short_description: Keep a tunnel open through Session Manager for as long as a run lasts
description:
  - Opens a port of this machine behind which a port of a managed node answers, or of a host that the node reaches, such
    as the API of a private cluster or domain. It takes boto3 and the Session Manager plugin, and no AWS CLI.
  - A process of its own keeps the tunnel. It ends with the run, however that ends, and takes the plugin, the port and
    the session with it.
  - The tunnel is looked at by real connections. A session that has ended (after twenty idle minutes by default, after a
    maximum duration, with a restart of the agent) or that lets nothing through is replaced by a new one behind the same
    port. What connects meanwhile waits for it; connections that went through the old one are closed.
  - Calls of one run for the same node, host and port share one tunnel.
  - It runs on the machine of C(ansible-playbook), where its process watches the run.
options:
  state:
    description:
      - Whether there is to be a tunnel.
    type: str
    choices: [started, stopped]
    default: started
  target:
    description:
      - Id of the managed node, such as of an EC2 instance.
    type: str
    required: true
  remote_host:
    description:
      - Host name or address that the node is to connect to. The name is resolved where the node is.
      - If not set, it is the node itself.
    type: str
  remote_port:
    description:
      - Port of O(remote_host), or of the node.
    type: int
    required: true
  local_port:
    description:
      - Port of C(127.0.0.1) to listen on. It stays the same when the session is replaced.
      - If not set, it is a free one.
    type: int
  health_check:
    description:
      - How the tunnel is looked at. V(tcp) takes a connection that stays open for a second for a good one, V(tls) one
        on which TLS can be spoken.
      - Nobody's certificate is judged here. That is up to who connects, who must ask for the name of O(remote_host).
    type: str
    choices: [tcp, tls]
    default: tcp
  plugin_path:
    description:
      - The Session Manager plugin, by its path, or by a name that is looked for in E(PATH).
    type: str
    default: session-manager-plugin
  owner_pid:
    description:
      - The process with which the tunnel ends.
      - If not set, it is C(ansible-playbook).
    type: int
  folder:
    description:
      - A folder of this user alone, in which the calls of one run find their tunnels. It is made if it isn't there.
      - If not set, it is the run's own, as P(agent_platform.aws.run_folder#lookup) gives it.
    type: path
  wait_timeout:
    description:
      - How long to wait for the first session, in seconds. A node that has just started is not connected at once.
    type: int
    default: 90
notes:
  - In check mode nothing is started or ended. A dry run that has to look through the tunnel sets C(check_mode=false)
    for this task.
  - The identity of the run needs C(ssm:StartSession) on the node and on the document
    C(AWS-StartPortForwardingSessionToRemoteHost), or C(AWS-StartPortForwardingSession) without O(remote_host), and
    C(ssmmessages:OpenDataChannel), C(ssm:ResumeSession) and C(ssm:TerminateSession) on its own sessions.
  - Any user of this machine can connect to the port. What protects the remote host is its own authentication.
  - The session's token reaches the plugin by its environment, which needs version 1.2.536.0 of it or a later one. An
    older one is refused, since it would show the token in the process list.
requirements:
  - python >= 3.12
  - session-manager-plugin >= 1.2.536.0
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: none
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Open the way to the API of a private cluster
  agent_platform.aws.ssm_port_forward:
    target: i-0123456789abcdef0
    remote_host: 0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com
    remote_port: 443
    health_check: tls
  register: tunnel

- name: Ask it, by the name in its certificate
  ansible.builtin.command:
    argv:
      - kubectl
      - "--server=https://127.0.0.1:{{ tunnel.local_port }}"
      - "--tls-server-name={{ tunnel.remote_host }}"
      - get
      - nodes
  changed_when: false

- name: Close it before the run ends
  agent_platform.aws.ssm_port_forward:
    target: i-0123456789abcdef0
    remote_host: 0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com
    remote_port: 443
    state: stopped
"""

RETURN = r"""
local_port:
  description: Port of C(127.0.0.1). None where there is no tunnel.
  returned: always
  type: int
  sample: 40123
remote_host:
  description: What answers behind it.
  returned: always
  type: str
  sample: 0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com
pid:
  description: Process that keeps the tunnel. None where there is no tunnel.
  returned: always
  type: int
  sample: 4711
session_id:
  description: Id of the session. None where there is no tunnel.
  returned: always
  type: str
  sample: deployer-0a1b2c3d4e5f67890
restarts:
  description: How often the session was replaced so far.
  returned: always
  type: int
  sample: 0
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils import session_manager
from ..module_utils.calls import Calls
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import CREDENTIAL_CODES, DENIED_CODES, ResourceError, error_code
from ..module_utils.session_manager import Settings, TunnelError

INSTALL = (
    "Install the Session Manager plugin 1.2.536.0 or later "
    "(https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html), "
    "or say with plugin_path where it is."
)
# How long a tunnel that is there may take to show that it works.
LOOK_SECONDS = 60.0
GONE_SECONDS = 5.0


class PortForward(Calls):
    """A tunnel of a run, which is found by what it leads to."""

    service = "ssm"

    def __init__(self, module):
        super().__init__(module)
        options = self.options
        self.remote = f"{options['remote_host'] or options['target']}:{options['remote_port']}"
        self.title = f"the tunnel to {self.remote}"
        self.region_name, self.endpoint_url, self.given = get_aws_connection_info(module)
        self.folder = options["folder"]
        told = [options["owner_pid"], self.region_name, self.endpoint_url, options["target"], self.remote]
        self.key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]
        self.socket = os.path.join(self.folder, self.key)

    def run(self):
        started = self.options["state"] == "started"
        self.make_folder()
        with self.locked():
            there = session_manager.ask(self.socket, "status", LOOK_SECONDS if started else 0.0)
            if not started:
                return self.stop(there)
            if there is not None and there.get("local_port"):
                return self.found(there)
            if self.check_mode:
                return self.result({}, changed=True)
            return self.result(self.start(), changed=True)

    # ---- where it is found

    def make_folder(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        found = os.stat(self.folder)
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ResourceError(
                f"The folder {self.folder} isn't this user's alone, so others could answer for {self.title}: "
                "name another one, or chmod 700."
            )

    @contextlib.contextmanager
    def locked(self):
        """No other call of the run opens or ends the same tunnel meanwhile."""
        with open(os.open(f"{self.socket}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # ---- one that is there

    def found(self, there):
        asked, title = self.options["local_port"], f"{self.title[0].upper()}{self.title[1:]}"
        if there["failure"]:
            raise self.explained(TunnelError(**there["failure"]), f"{title} has broken")
        if asked and asked != there["local_port"]:
            raise ResourceError(
                f"{title} is open at 127.0.0.1:{there['local_port']} already, and not at {asked}: leave out "
                "local_port, or stop it first (state: stopped)."
            )
        return self.result(there, changed=False)

    def stop(self, there):
        if there is None:
            return self.result({}, changed=False)
        if not self.check_mode:
            session_manager.ask(self.socket, "stop", session_manager.STOP_SECONDS)
            deadline = time.monotonic() + GONE_SECONDS
            while os.path.exists(self.socket) and time.monotonic() < deadline:
                time.sleep(0.05)
        return self.result({}, changed=True)

    # ---- a new one

    def start(self):
        options = self.options
        settings = Settings(
            owner=options["owner_pid"],
            socket=self.socket,
            target=options["target"],
            remote_host=options["remote_host"] or "",
            remote_port=options["remote_port"],
            local_port=options["local_port"] or 0,
            probe=options["health_check"],
            plugin=self.plugin(),
            timeout=self.wait_timeout,
            region=self.region_name,
            endpoint_url=self.endpoint_url,
            verify=self.given.get("verify"),
            credentials={
                name: self.given[name]
                for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "profile_name")
                if self.given.get(name)
            },
        )
        try:
            return session_manager.open_tunnel(settings, self.folder)
        except TunnelError as error:
            raise self.explained(error, f"Could not open {self.title}", settings.document) from error

    def plugin(self):
        named = self.options["plugin_path"]
        plugin = shutil.which(named)
        if plugin is None:
            where = "isn't a program" if os.path.sep in named else "isn't in PATH"
            raise ResourceError(f"Could not open {self.title}: {named} {where}. {INSTALL}")
        try:
            version = session_manager.plugin_version(plugin)
        except TunnelError as error:
            raise ResourceError(f"Could not open {self.title}: {error}. {INSTALL}") from error
        if version <= session_manager.LAST_WITHOUT_VARIABLE:
            told = ".".join(map(str, version))
            raise ResourceError(
                f"Could not open {self.title}: {plugin} is version {told}, which takes the session's token from its "
                f"command line, where every user of this machine can read it. {INSTALL}"
            )
        return os.path.abspath(plugin)

    # ---- why there is none

    def explained(self, error, what, document=None):
        options, said = self.options, error.text.rstrip(".")
        helps = ""
        if error.step == "port":
            return ResourceError(
                f"{what}: 127.0.0.1:{options['local_port']} can't be listened on ({said}). Choose another local_port, "
                "or leave it out for a free one."
            )
        if error.step == "remote":
            helps = (
                f"See that {options['target']} resolves the name, that its security group lets it go there and the one "
                "there lets it in."
            )
        elif error.step == "plugin":
            # Where AWS refuses its connection, the plugin says nothing, and waits.
            helps = (
                f"See that it reaches wss://ssmmessages.{self.region_name}.amazonaws.com, also through a proxy, that "
                "the identity of this run is allowed ssmmessages:OpenDataChannel on its own sessions, and what the "
                "plugin's own log says."
            )
        elif error.code == "TargetNotConnected":
            helps = self.why_not_connected()
        elif error.code in DENIED_CODES:
            helps = self.what_to_allow(document or "")
        elif error.code in CREDENTIAL_CODES or error.code == "NoCredentialsError":
            helps = "Renew the AWS credentials, check the clock, and run again."
        elif error.code in ("InvalidDocument", "InvalidDocumentContent"):
            helps = (
                f"The region offers no document {document}: the agent and Session Manager may not be available there."
            )
        code = f"{error.code}: " if error.code else ""
        text = f"{what}: {code}{said}. {helps}".strip()
        return ResourceError(" ".join(text.split()), error)

    def what_to_allow(self, document):
        target, (partition, account) = self.options["target"], self.whose()
        here = f"arn:{partition}:{{}}:{self.region_name}:{account}:{{}}/{target}"
        node = here.format("ssm", "managed-instance") if target.startswith("mi-") else here.format("ec2", "instance")
        return (
            f"Allow ssm:StartSession on {node} and on arn:{partition}:ssm:{self.region_name}::document/{document} for "
            "the identity of this run, and ssmmessages:OpenDataChannel, ssm:ResumeSession and ssm:TerminateSession on "
            "its own sessions."
        )

    def whose(self):
        """Partition and account."""
        with contextlib.suppress(ResourceError):
            arn = self.read("GetCallerIdentity", {}, service="sts")["Arn"]
            _arn, partition, _sts, _region, account, *_name = arn.split(":")
            return partition, account
        return "aws", "<account>"

    def why_not_connected(self):
        """What Systems Manager and EC2 know of a node that isn't connected, as far as the run may ask."""
        target = self.options["target"]
        with contextlib.suppress(ResourceError):
            request = {"Filters": [{"Key": "InstanceIds", "Values": [target]}]}
            nodes = self.read("DescribeInstanceInformation", request)["InstanceInformationList"]
            if nodes and nodes[0]["PingStatus"] == "Online":
                return (
                    f"{target} is a managed node whose agent is online, but not for sessions: its role needs "
                    "ssmmessages:CreateControlChannel and the like, its network the endpoint ssmmessages."
                )
            state = self.state_of_instance()
            if state not in ("running", None):
                return f"The instance is {state}: start it, and run again."
            if nodes:
                return (
                    f"Its agent is offline ({nodes[0]['PingStatus']}, last heard of at "
                    f"{nodes[0].get('LastPingDateTime')}): restart it, or the instance (aws ec2 reboot-instances "
                    f"--instance-ids {target})."
                )
            return (
                "It runs, but is no managed node: its agent hasn't registered. See that the agent is installed, that "
                "the role of its profile may call ssm:UpdateInstanceInformation, and that it reaches the endpoints "
                "ssm and ssmmessages; a new one may take half an hour."
            )
        return "See that the instance runs and that its SSM agent is online."

    def state_of_instance(self):
        target = self.options["target"]
        if not re.match(r"i-[0-9a-f]+$", target):
            return None
        try:
            found = self.read(
                "DescribeInstances",
                {"InstanceIds": [target]},
                ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"),
                service="ec2",
            )
        except ResourceError:
            return None
        states = [
            item["State"]["Name"] for group in (found or {}).get("Reservations", []) for item in group["Instances"]
        ]
        return states[0] if states else "not there"

    # ----

    def result(self, there, changed):
        return {
            "changed": changed,
            "local_port": there.get("local_port"),
            "remote_host": self.options["remote_host"] or self.options["target"],
            "pid": there.get("pid"),
            "session_id": there.get("session_id"),
            "restarts": there.get("restarts", 0),
        }


def main():
    module = AnsibleAWSModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    for name in ("remote_port", "local_port"):
        if module.params[name] is not None and not 1 <= module.params[name] <= 65535:
            module.fail_json(msg=f"{name} is {module.params[name]}: a port is a number from 1 to 65535.")
    for name in ("owner_pid", "folder"):
        if not module.params[name]:
            module.fail_json(msg=f"{name} is needed where the module is run otherwise than by its own action plugin.")
    if not get_aws_connection_info(module)[0]:
        module.fail_json(msg="Set region, platform_region or AWS_REGION.")
    try:
        result = PortForward(module).run()
    except ResourceError as error:
        code = getattr(error.cause, "code", "") or error_code(error.cause or error)
        module.fail_json(msg=str(error), **({"error_code": code} if code else {}))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
