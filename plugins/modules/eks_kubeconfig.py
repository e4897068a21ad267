#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_kubeconfig
version_added: 0.1.0
short_description: Write a kubeconfig for an Amazon EKS cluster, which needs no AWS CLI
description:
  - Writes a kubeconfig with the address and the certificate authority that EKS tells of the cluster. It is for
    C(kubectl), C(helm), the modules of C(kubernetes.core) and everything else that reads one.
  - There is no secret in it. A small program, which the module puts beside it as O(path) with C(.token.py) at its end,
    signs a token with the AWS credentials of whoever uses it, and a new one before that has run out.
  - Nothing is merged. A file that is no kubeconfig, that names another cluster, or more than this one, is refused.
  - With O(required_access) it asks the API whether that lets the caller in. An access entry that was just made is
    waited for.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  cluster_name:
    description:
      - Name of the cluster.
    type: str
    required: true
  account_id:
    description:
      - The account that the cluster must be in. One of another account is refused. Any account by default.
    type: str
  owned_by:
    description:
      - Tags that the cluster must carry. Without them it is someone else's and is refused.
    type: dict
  path:
    description:
      - The file. Its folder is made if it isn't there, for its owner only. The file has the mode 0600.
    type: path
    required: true
  state:
    description:
      - V(absent) removes the file and what lies beside it. The cluster need not exist then.
    type: str
    choices: [present, absent]
    default: present
  must_exist:
    description:
      - Whether it is an error that there is no cluster of this name. Otherwise the module returns RV(exists=false), and
        writes nothing.
    type: bool
    default: true
  context:
    description:
      - Name of the context. That of the cluster by default.
    type: str
  server:
    description:
      - Address to connect to in place of the cluster's own, such as V(https://127.0.0.1:8443), where a tunnel begins.
        The certificate is checked against the cluster's own name nevertheless, or O(tls_server_name).
    type: str
  tls_server_name:
    description:
      - Name that the certificate must have. By default that of the cluster's own address, where O(server) is another.
    type: str
  python:
    description:
      - The Python that runs the program. It needs C(botocore). By default that of the module.
    type: path
  cache:
    description:
      - A file in which the program keeps the token, with the mode 0600, so that not each command signs one.
      - Without it nothing is kept.
    type: path
  environment:
    description:
      - Environment variables of the program besides those of the command that runs it, such as C(AWS_CONFIG_FILE).
      - O(profile), O(endpoint_url) and O(region) are set by themselves where they are given. Keys and tokens are
        refused.
    type: dict
    default: {}
  required_access:
    description:
      - What the caller must be let in for. V(none) doesn't ask the API, V(user) is content with being let in,
        V(administrator) asks for the right to everything, which the access policy C(AmazonEKSClusterAdminPolicy) gives.
    type: str
    choices: [none, user, administrator]
    default: none
  tolerated:
    description:
      - What is a warning only, with RV(reachable=false), and no error. V(refused) is that the API doesn't let the
        caller in, V(unreachable) that nothing answers.
      - A certificate that isn't the cluster's is an error in any case.
    type: list
    elements: str
    choices: [refused, unreachable]
    default: []
  wait_timeout:
    description:
      - How long to wait, in seconds, until the API lets in whom the cluster has an access entry for. That takes EKS up
        to a minute or so.
    type: int
    default: 180
notes:
  - Needs the permission C(eks:DescribeCluster). Where the API refuses the caller C(eks:DescribeAccessEntry) and
    C(iam:GetRole) serve to tell why.
  - Who uses the file needs no permission, but an access entry of the cluster.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Write a kubeconfig of my own
  agent_platform.aws.eks_kubeconfig:
    cluster_name: agent-platform-dev-eks
    region: us-west-2
    path: ~/.kube/agent-platform-dev

- name: Write one for this play, through a tunnel, and make sure that it lets in
  agent_platform.aws.eks_kubeconfig:
    cluster_name: agent-platform-dev-eks
    path: "{{ folder }}/kubeconfig"
    cache: "{{ folder }}/token"
    server: https://127.0.0.1:8443
    required_access: administrator
  register: access

- name: List the namespaces
  kubernetes.core.k8s_info:
    kind: Namespace
  environment:
    K8S_AUTH_KUBECONFIG: "{{ access.kubeconfig }}"
"""

RETURN = r"""
exists:
  description: Whether there is a cluster of this name.
  returned: always
  type: bool
reachable:
  description: Whether the API has let the caller in. With O(required_access=none) the same as RV(exists).
  returned: always
  type: bool
kubeconfig:
  description: Path of the file.
  returned: always
  type: str
context:
  description: Name of the context.
  returned: always
  type: str
cluster_name:
  description: Name of the cluster.
  returned: always
  type: str
cluster_arn:
  description: ARN of the cluster.
  returned: when it exists
  type: str
endpoint:
  description: Address of the API, as EKS tells it.
  returned: when it exists
  type: str
server:
  description: Address that is connected to.
  returned: when it exists
  type: str
"""

import os
import re
import sys
import time
from urllib.parse import urlsplit

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils import eks_token, kubeconfig
from ..module_utils.admission import Api, NotReady, Unreachable, WrongCertificate
from ..module_utils.calls import Calls
from ..module_utils.documentation import argument_spec
from ..module_utils.eks import NOT_FOUND
from ..module_utils.faults import AWS_ERRORS, ResourceError, error_code
from ..module_utils.principals import ADMINISTRATOR, entry_lines, principal_of

# Nothing answers at once where a tunnel or an address is new. That long, in seconds, it is tried again.
UNREACHABLE_FOR = 15.0
PAUSE = 3.0
# States in which the API answers. An update goes on beside it.
ANSWERING = ("ACTIVE", "UPDATING")
SECRET = re.compile(r"SECRET|TOKEN|ACCESS_KEY|PASSWORD", re.IGNORECASE)


class Kubeconfig(Calls):
    """The file of one cluster, and whether its API lets the caller in."""

    service = "eks"

    def __init__(self, module):
        super().__init__(module)
        self.name = self.options["cluster_name"]
        self.title = f"EKS cluster {self.name!r}"
        self.context = self.options["context"] or self.name
        self.path = os.path.realpath(self.options["path"])

    def run(self):
        told = [name for name in self.options["environment"] if SECRET.search(name)]
        if told:
            raise ResourceError(f"environment names {', '.join(told)}, and credentials don't belong into a kubeconfig.")
        if self.options["state"] == "absent":
            return {**self.common(), **self.remove(), "exists": False, "reachable": False}
        cluster = self.cluster()
        if cluster is None:
            return {**self.common(), "changed": False, "exists": False, "reachable": False}
        self.check(cluster)
        before = self.found(lambda named: named == cluster["arn"])
        server, name = self.address(cluster)
        document = kubeconfig.document(
            cluster["arn"], server, cluster["certificateAuthority"]["data"], name, self.context, self.program()
        )
        written = self.write(before, document)
        reachable = self.admitted(cluster, server, name)
        return {
            **self.common(),
            **written,
            "exists": True,
            "reachable": reachable,
            "cluster_arn": cluster["arn"],
            "endpoint": cluster["endpoint"],
            "server": server,
        }

    def common(self):
        return {"cluster_name": self.name, "context": self.context, "kubeconfig": self.options["path"]}

    # ---- The cluster

    def cluster(self):
        answer = self.read("DescribeCluster", {"name": self.name}, NOT_FOUND)
        cluster = answer["cluster"] if answer else None
        gone = cluster is None or (cluster["status"] == "DELETING" and not self.options["must_exist"])
        if cluster is None and self.options["must_exist"]:
            raise ResourceError(
                f"{self.title} doesn't exist in region {self.module.region}. Check cluster_name, region and"
                " credentials."
            )
        return None if gone else cluster

    def check(self, cluster):
        """That it is the one that is meant, and that it can answer."""
        account, tags = self.options["account_id"], cluster.get("tags") or {}
        if account and cluster["arn"].split(":")[4] != account:
            raise ResourceError(
                f"{self.title} is {cluster['arn']}, and not of account {account}. Use credentials of that account, or"
                " correct the inventory."
            )
        lacking = {key: value for key, value in (self.options["owned_by"] or {}).items() if tags.get(key) != str(value)}
        if lacking:
            words = ", ".join(f"{key}={value}" for key, value in lacking.items())
            raise ResourceError(f"{self.title} belongs to someone else: it lacks the tags {words}.")
        if cluster["status"] not in ANSWERING or not (cluster.get("endpoint") and cluster.get("certificateAuthority")):
            raise ResourceError(
                f"{self.title} is {cluster['status']}, and its API doesn't answer then. Run again when it is ACTIVE."
            )

    def address(self, cluster):
        """Where to connect to, and the name to check the certificate against, if it isn't that of the address."""
        server = self.options["server"] or cluster["endpoint"]
        parts = urlsplit(server)
        if parts.scheme != "https" or not parts.hostname:
            raise ResourceError(f"server {server!r} is no address of an API, such as https://127.0.0.1:8443.")
        own = urlsplit(cluster["endpoint"]).hostname
        name = self.options["tls_server_name"] or (own if parts.hostname != own else None)
        return server, name

    # ---- The file

    @property
    def environment(self):
        """What the program's environment has besides."""
        chosen = {
            "AWS_PROFILE": self.options.get("profile"),
            "AWS_ENDPOINT_URL": self.options.get("endpoint_url"),
            **self.options["environment"],
        }
        return {name: str(value) for name, value in sorted(chosen.items()) if value}

    def program(self):
        """How the token comes about: the kubeconfig's `exec`."""
        words = {"cluster": self.name, "region": self.module.region, "cache": self.options["cache"]}
        return {
            "apiVersion": eks_token.API_VERSION,
            "command": self.options["python"] or sys.executable,
            "args": ["-I", "-S", self.script, *(f"--{key}={value}" for key, value in words.items() if value)],
            "env": [{"name": name, "value": value} for name, value in self.environment.items()],
            "interactiveMode": "Never",
            "provideClusterInfo": False,
            "installHint": "The program that signs tokens is written by the Ansible module "
            "agent_platform.aws.eks_kubeconfig, and needs a Python with botocore.",
        }

    @property
    def script(self):
        return f"{self.path}.token.py"

    def found(self, is_ours):
        """What the file says now, which must be of this cluster alone."""
        before = kubeconfig.read(self.path)
        if before is not None:
            kubeconfig.refuse_foreign(self.path, before, is_ours)
        return before

    def write(self, before, document):
        wanted = {self.script: kubeconfig.source_of(eks_token), self.path: kubeconfig.text_of(document)}
        changed = [path for path in wanted if kubeconfig.private_text(path) != wanted[path]]
        if not self.check_mode:
            kubeconfig.make_folder(os.path.dirname(self.path))
            for path in changed:
                kubeconfig.put(path, wanted[path])
        shown = [kubeconfig.shown(text, document) for text in (before, document)]
        return {"changed": bool(changed), "diff": self.diff(*shown)}

    def remove(self):
        account = self.options["account_id"] or r"\d{12}"
        ours = re.compile(rf"arn:[^:]+:eks:{self.module.region}:{account}:cluster/{re.escape(self.name)}")
        before = self.found(ours.fullmatch)
        files = [path for path in (self.path, self.script, self.options["cache"]) if path and os.path.lexists(path)]
        if not self.check_mode:
            for path in files:
                os.unlink(path)
        return {"changed": bool(files), "diff": self.diff(kubeconfig.shown(before, None), "")}

    def diff(self, before, after):
        return {"before": before, "after": after, "before_header": self.path, "after_header": self.path}

    # ---- The API

    def admitted(self, cluster, server, name):
        """Whether the API lets the caller in, as what is required; waited for. ResourceError where that is an error."""
        required = self.options["required_access"]
        if required == "none":
            return True
        token, looked, started = self.token(), False, time.monotonic()
        while True:
            passed, patience = time.monotonic() - started, self.options["wait_timeout"]
            try:
                let_in, as_administrator = Api(server, cluster["certificateAuthority"]["data"], name).admits(token)
                if let_in and (as_administrator or required == "user"):
                    return True
                kind, fault = "refused", self.refusal(server, let_in, passed)
                # Who has no entry isn't let in however long one waits.
                known = None if looked else self.why_refused(let_in)
                looked = True
                if known:
                    fault, patience = known, 0
            except WrongCertificate as error:
                raise ResourceError(
                    f"{server} presents a certificate that isn't {self.title}'s: {error}. Something else answers there,"
                    " such as a proxy or another cluster: look what that is, and never switch the check off."
                ) from error
            except NotReady as error:
                kind, fault = "unreachable", f"The Kubernetes API of {self.title} at {server} isn't ready: {error}."
            except Unreachable as error:
                kind, patience = "unreachable", min(patience, UNREACHABLE_FOR)
                fault = f"Nothing answers at {server} for {self.title}: {error}. {self.how_to_reach(cluster)}"
            if passed + PAUSE > patience:
                if kind not in self.options["tolerated"]:
                    raise ResourceError(fault)
                self.module.warn(fault)
                return False
            time.sleep(PAUSE)

    def token(self):
        """A token for the questions, which the program then has, too."""
        # The program has the credentials of its environment, and not those that the module was given as options.
        key = self.options.get("access_key")
        others = key and key != os.environ.get("AWS_ACCESS_KEY_ID")
        cache = None if self.check_mode or others else self.options["cache"]
        environment = {**os.environ, **self.environment}
        try:
            answer = eks_token.fresh(
                lambda: self.module.client("sts"), self.name, self.module.region, cache, environment
            )
            return answer["status"]["token"]
        except (OSError, *AWS_ERRORS) as error:
            raise ResourceError(f"Could not sign a token for {self.title}: {to_text(error)}.") from error

    def caller(self):
        """The principal that an entry must be for, as far as it can be told."""
        arn = self.read("GetCallerIdentity", {}, doing="read whose credentials these are", service="sts")["Arn"]

        def role(name):
            try:
                return self.read("GetRole", {"RoleName": name}, ("NoSuchEntity",), service="iam")
            except ResourceError:
                return None

        return principal_of(arn, role)

    def why_refused(self, let_in):
        """What is wrong for certain, or None where it may pass or can't be told."""
        try:
            principal = self.caller()
            request = {"clusterName": self.name, "principalArn": principal}
            entry = self.read("DescribeAccessEntry", request, NOT_FOUND)
        except ResourceError:
            return None
        if entry is None and not let_in:
            return (
                f"The Kubernetes API of {self.title} refuses {principal}, which has no access entry; nobody gets in by"
                f" having made the cluster. Add {entry_lines(principal)} to eks_access_entries, or set"
                " eks_deployer_access to true, and run ansible-playbook site.yml --limit eks."
            )
        return None

    def refusal(self, server, let_in, passed):
        if let_in:
            return (
                f"The Kubernetes API of {self.title} lets this caller in, but not as an administrator, after"
                f" {passed:.0f} s. Give its access entry the policy {ADMINISTRATOR} for the whole cluster"
                " (eks_access_entries)."
            )
        return (
            f"The Kubernetes API of {self.title} at {server} refuses the token of this caller (HTTP 401) after"
            f" {passed:.0f} s. Check that the credentials are of the principal of an access entry (eks_access_entries),"
            " and the clock; an entry of a principal that was made anew must be, too."
        )

    def how_to_reach(self, cluster):
        network = cluster.get("resourcesVpcConfig") or {}
        if self.options["server"]:
            return "Check that what forwards to the cluster runs."
        if network.get("endpointPublicAccess"):
            cidrs = ", ".join(network.get("publicAccessCidrs") or [])
            return f"Its address is open to {cidrs or 'no network'} and its VPC: check that this machine is in there."
        return "Its address is private: use a VPN, a machine in its VPC, or a tunnel (platform_cluster_access: tunnel)."


def main():
    module = AnsibleAWSModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    try:
        result = Kubeconfig(module).run()
    except (ResourceError, OSError) as error:
        cause = getattr(error, "cause", None)
        module.fail_json(msg=to_text(error), **({"error_code": error_code(cause)} if cause else {}))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
