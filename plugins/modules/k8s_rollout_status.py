#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: k8s_rollout_status
version_added: 0.1.0
short_description: Wait until workloads have rolled out, and tell why one has not
description:
  - Waits until all pods of each workload are of its newest revision and available, and no other is left. A Job is
    waited for until it has ended well, an Ingress until it has a load balancer. All are waited for side by side, with
    one deadline.
  - If one has not rolled out by then, or can't any more, the module fails. In the second case it looks at the others
    for ten seconds more, and tells of those that have failed as well. Its message names the workload, what its pods
    say, what helps, what still serves, and has the last events and log lines.
  - It only reads. In check mode it looks once and does not fail.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  workloads:
    description:
      - The workloads to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description:
          - What it is.
        type: str
        choices: [Deployment, DaemonSet, StatefulSet, Job, Ingress]
        default: Deployment
      namespace:
        description:
          - Its namespace.
        type: str
        required: true
      name:
        description:
          - Its name.
        type: str
        required: true
      minimum:
        description:
          - How many pods must be available, where something else than the workload says how many there are, such as a
            HorizontalPodAutoscaler.
        type: int
        default: 0
      pod_annotations:
        description:
          - Annotations that its pods' template must have, where a controller makes the workload of something else. As
            long as it hasn't, it is what was before, and is waited for, as it is if there is none yet.
        type: dict
        default: {}
  timeout:
    description:
      - How long to wait for all of them, in seconds.
    type: int
    default: 600
  events:
    description:
      - How many events of a workload are in the message.
    type: int
    default: 8
  log_lines:
    description:
      - How many of the last lines of each container's log are in the message. With V(0) no log is read.
    type: int
    default: 10
extends_documentation_fragment:
  - agent_platform.aws.resource.cluster
notes:
  - Needs to get the workloads, to list replicasets, pods and events in their namespaces, and to get logs of pods.
attributes:
  check_mode:
    description: Looks once, and does not fail where something has not rolled out.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Wait for the gateways
  agent_platform.aws.k8s_rollout_status:
    workloads:
      - {namespace: gateways, name: llm-gateway}
      - {namespace: gateways, name: memory-gateway}
    timeout: 300

- name: Wait for the collector on every node
  agent_platform.aws.k8s_rollout_status:
    workloads:
      - {kind: DaemonSet, namespace: observability-nodes, name: logs-collector}
"""

RETURN = r"""
workloads:
  description: The workloads, in the order in which they were given.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: What it is.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    exists:
      description: Whether there is one.
      type: bool
    rolled_out:
      description: Whether all its pods are of the newest revision and available.
      type: bool
    pods:
      description: >-
        How many pods are C(desired), C(current), C(updated) to the newest revision, C(ready) and C(available). Empty
        where there is no such workload.
      type: dict
failures:
  description: Of each workload that has not rolled out why not.
  returned: on failure
  type: list
  elements: dict
  contains:
    kind:
      description: What it is.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    reason:
      description: What its pods say, or itself.
      type: str
    remedy:
      description: What helps.
      type: str
    serving:
      description: How many pods of the revisions before are available.
      type: int
    template_before:
      description: >-
        The pod template of the newest revision before that still serves, as it can be applied again. None where there
        is none, or what has failed is no Deployment.
      type: dict
    events:
      description: The last events of the workload and its pods, each a line.
      type: list
      elements: str
    logs:
      description: The last lines of the log, by the pod and its container.
      type: dict
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils import rollouts
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError
from ..module_utils.kubernetes_api import LOST, ApiError, Unreachable, connect

PAUSE = 0.5
LONGEST_PAUSE = 3.0
AT_ONCE = 8
# Seconds for which the others are still looked at when one can't any more: what was applied together with it, and fails
# as it does, comes to its end a moment later, and is told with it.
SETTLING = 10.0
# Seconds for which one request is repeated; what fails then is looked at anew until the deadline.
PATIENCE = 10.0
# What is late, and what can't be any more.
WORDS = {"Job": ("did not end", "did not end well"), "Ingress": ("got no load balancer", "gets no load balancer")}


class Rollout:
    """One workload that is waited for."""

    def __init__(self, api, entry):
        self.api = api
        self.kind, self.namespace, self.name = (entry[key] for key in ("kind", "namespace", "name"))
        self.minimum, self.annotations = entry["minimum"], entry["pod_annotations"]
        self.title = f"{self.kind} {self.namespace}/{self.name}"
        self.workload = None
        self.former = False  # whether there is one that its controller hasn't made anew yet
        self.done = False
        self.given_up = None  # why no waiting helps
        self.late = None  # whether it was late already when we came: it may still catch up
        self.error = None  # what a look ended with that may go well the next time
        self.owner, self.before, self.failing, self.serving = {}, {}, [], 0

    def look(self):
        self.error = None
        try:
            self._look()
        except Unreachable as error:
            self.error = error
        except ApiError as error:
            if not error.passes:
                raise
            self.error = error

    def _look(self):
        found = self.api.read(rollouts.KINDS[self.kind], self.name, self.namespace)
        self.former = found is not None and not rollouts.has_annotations(found, self.annotations)
        self.workload = None if self.former else found
        self.done = self.workload is not None and rollouts.is_done(self.kind, self.workload, self.minimum)
        if self.done or self.workload is None or not rollouts.is_seen(self.workload):
            return
        refusal = rollouts.refusal(self.workload) or ""
        late = refusal.startswith(rollouts.LATE)
        self.late = late if self.late is None else self.late and late
        reasons = [refusal] if late and not self.late else []
        self.find_pods()
        reasons += [reason for reason in (refusal, *self.reasons().values()) if rollouts.is_hopeless(reason)]
        self.given_up = reasons[0] if reasons else None

    @property
    def is_missing(self):
        """Whether no waiting helps, as nothing will make it."""
        return self.workload is None and not self.error and not self.annotations

    def absence(self, limit):
        """Why there is nothing to look at."""
        if self.error or not self.annotations:
            return str(self.error or f"There is no {self.title}. It has to be applied first.")
        state = "is still what it was" if self.former else "isn't there"
        return (
            f"{self.title} {state} after {limit} s: what makes it hasn't taken the last change over."
            " Look whether its controller runs, and at its log."
        )

    def find_pods(self):
        """What its pods are, as far as it has any."""
        if self.kind == "Ingress":
            self.owner = self.workload
            return
        labels = rollouts.selector_of(self.workload)
        sets = self.api.list(rollouts.REPLICA_SETS, self.namespace, labels) if self.kind == "Deployment" else []
        own = rollouts.by_revision(self.workload, sets)
        self.owner = own[0] if own else ({} if self.kind == "Deployment" else self.workload)
        # Of several failed ones in a row none is what served.
        self.before = next((found for found in own[1:] if rollouts.available(found)), {})
        self.failing = rollouts.failing_pods(self.owner, self.api.list(rollouts.PODS, self.namespace, labels))
        self.serving = sum(map(rollouts.available, own[1:]))

    def reasons(self, events=None):
        """By pod why it isn't ready. events: what has happened to each."""
        return {
            (name := pod["metadata"]["name"]): rollouts.pod_reason(pod, (events or {}).get(name, ()))
            for pod in self.failing
        }

    def told(self):
        return {"kind": self.kind, "namespace": self.namespace, "name": self.name}

    def state(self):
        pods = rollouts.counts(self.kind, self.workload) if self.workload else {}
        return {**self.told(), "exists": self.workload is not None, "rolled_out": self.done, "pods": pods}

    def failure(self, most_events, log_lines):
        """Why it hasn't rolled out, with what a person would look at first."""
        self.find_pods()
        happened = {pod["metadata"]["name"]: self.events_of(pod) for pod in self.failing}
        reasons = self.reasons(happened)
        events = rollouts.in_order(
            [
                *self.events_of(self.workload),
                *(self.events_of(self.owner) if self.owner is not self.workload else []),
                *(event for found in happened.values() for event in found),
            ]
        )
        # The first pod stands for all that say the same.
        said = [f"pod {name}: {reason}" for name, reason in reasons.items()]
        said += [rollouts.refusal(self.workload) or rollouts.progress(self.kind, self.workload, events)]
        reason = said[0]
        return {
            **self.told(),
            "reason": reason,
            "remedy": rollouts.remedy(" ".join([reason, *map(rollouts.event_line, events)])),
            "serving": self.serving,
            "template_before": rollouts.template_of(self.before) if self.before else None,
            "events": [rollouts.event_line(event) for event in events][-most_events:] if most_events else [],
            "logs": self.logs(log_lines) if log_lines else {},
        }

    def events_of(self, thing):
        uid = (thing.get("metadata") or {}).get("uid")
        if not uid:
            return []
        return rollouts.in_order(self.api.list(rollouts.EVENTS, self.namespace, fields=f"involvedObject.uid={uid}"))

    def logs(self, lines):
        found = {}
        for pod in self.failing:
            name = pod["metadata"]["name"]
            for container, previous in rollouts.started_containers(pod):
                query = {"container": container, "tailLines": lines, **({"previous": "true"} if previous else {})}
                path = f"{rollouts.PODS.path(self.namespace, name)}/log?{urlencode(query)}"
                try:
                    answer = self.api.send("GET", path, accept="*/*")
                except LOST:
                    # Its node may be gone. What there is of reasons is told nevertheless.
                    continue
                if answer.status < 400 and (text := answer.body.decode(errors="replace").rstrip()):
                    found[f"{name}/{container}"] = text.splitlines()[-lines:]
        return found


class Rollouts:
    """Some workloads that are waited for side by side."""

    def __init__(self, module, api):
        self.module, self.options = module, module.params
        self.all = [Rollout(api, entry) for entry in self.options["workloads"]]

    def run(self):
        started = time.monotonic()
        pause = PAUSE
        since = None  # when the first was seen to have ended badly
        with ThreadPoolExecutor(AT_ONCE) as looks:
            while True:
                list(looks.map(Rollout.look, [one for one in self.all if not one.done]))
                open_ = [one for one in self.all if not one.done]
                waited = time.monotonic() - started
                if not open_ or self.module.check_mode:
                    return {"changed": False, "workloads": [one.state() for one in self.all]}
                late = waited >= self.options["timeout"]
                ended = [one for one in open_ if one.given_up or one.is_missing]
                since = (waited if since is None else since) if ended else None
                if late or len(ended) == len(open_) or (ended and waited - since >= SETTLING):
                    self.fail(open_, self.options["timeout"] if late else None, looks)
                time.sleep(min(pause, max(self.options["timeout"] - waited, 0.05)))
                pause = min(pause * 1.5, LONGEST_PAUSE)

    def fail(self, open_, limit, looks):
        missing = [one for one in open_ if one.workload is None and (limit is not None or one.is_missing)]
        lines = [one.absence(limit) for one in missing]
        # Beside one that can't any more those that are still on their way are no failures.
        failed = [one for one in open_ if one.workload is not None and (limit is not None or one.given_up)]
        failures = list(looks.map(self.failure_of, failed))
        for one, failure in zip(failed, failures, strict=True):
            lines.append(first_line(one, failure, limit))
        for failure in failures:
            lines += [f"  event: {line}" for line in failure["events"]]
            lines += [f"  log of {name}: {line}" for name, log in failure["logs"].items() for line in log]
        self.module.fail_json(msg="\n".join(lines), failures=failures, workloads=[one.state() for one in self.all])

    def failure_of(self, one):
        try:
            return one.failure(self.options["events"], self.options["log_lines"])
        except ResourceError as error:
            # The way to the API has broken.
            empty = {"remedy": "", "serving": 0, "template_before": None, "events": [], "logs": {}}
            return {**one.told(), "reason": one.given_up or str(error), **empty}


def first_line(one, failure, limit):
    """All that a person must know, in one line."""
    if limit is None and (one.given_up or "").startswith(rollouts.LATE):
        # Kubernetes itself has waited that long.
        limit = one.workload["spec"].get("progressDeadlineSeconds", 600)
    late, never = WORDS.get(one.kind, ("did not roll out", "can't roll out"))
    when = f"{late} within {limit} s" if limit is not None else never
    serving = failure["serving"]
    parts = [
        f"{one.title} {when}: {failure['reason'].rstrip('.')}.",
        failure["remedy"],
        f"Of the revision before {serving} pod{'s serve' if serving != 1 else ' serves'} on." if serving else "",
    ]
    return " ".join(part for part in parts if part)


def main():
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    kubeconfig = module.params["kubeconfig"] or os.environ.get("K8S_AUTH_KUBECONFIG")
    if not kubeconfig:
        module.fail_json(msg="No kubeconfig is set: give kubeconfig, or the environment variable K8S_AUTH_KUBECONFIG")
    try:
        result = Rollouts(module, connect(kubeconfig, PATIENCE)).run()
    except ImportError:
        module.fail_json(msg=missing_required_lib("kubernetes"))
    except ResourceError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
