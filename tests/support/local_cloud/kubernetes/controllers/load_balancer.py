# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The AWS Load Balancer Controller, as far as Ingresses of the class `alb` with pods as targets go.

It works while the controller's Deployment is available, so that what depends on the controller fails without it. As the
real one does (v3.5) it makes one load balancer for all Ingresses of a group, with its names, tags, listeners, rules,
target groups and TargetGroupBindings, tells its address in their status, holds them by its finalizer until what is in
AWS is gone, and sets the readiness gates of pods. What the real one has beside that isn't here: Services, Gateways,
security groups of its own (an Ingress must name some), and the webhooks, by which it puts the gates into new pods.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.exceptions
from kubernetes import client as kubernetes
from kubernetes.client.exceptions import ApiException

NAMESPACE, NAME = "kube-system", "aws-load-balancer-controller"
CONTROLLER = "ingress.k8s.aws/alb"
ANNOTATION = "alb.ingress.kubernetes.io/"
CLUSTER_TAG = "elbv2.k8s.aws/cluster"
BINDING_FINALIZER = "elbv2.k8s.aws/resources"
GATE = "target-health.elbv2.k8s.aws/"
PAUSE = 0.5
# A list is replaced by the one, and met item by item by the other.
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
NOT_FOUND = ("LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound")


def run(plane: Any, stop: threading.Event) -> None:
    """Reconcile again and again what has changed, until the cluster ends."""
    controller = _Controller(plane)
    while not stop.wait(PAUSE):
        try:
            controller.reconcile()
        except Exception as error:
            # As the real one, which tries again: a conflict, something that isn't there yet, a lost connection.
            plane.log(f"load balancer: {type(error).__name__}: {error}")
            controller.forget()


class _Group:
    """The Ingresses that share a load balancer."""

    def __init__(self, name: str, explicit: bool):
        self.name = name
        self.finalizer = f"group.ingress.k8s.aws/{name}" if explicit else "ingress.k8s.aws/resources"
        self.explicit = explicit
        self.members: list[Any] = []
        self.leaving: list[Any] = []

    def value(self, suffix: str, default: str = "") -> str:
        """An annotation, of the first member that has it."""
        return next((found for found in (_annotation(item, suffix) for item in self.members) if found), default)

    def pairs(self, suffix: str) -> dict[str, str]:
        """An annotation of the form key=value,key=value, of all members."""
        found: dict[str, str] = {}
        for member in self.members:
            found |= _pairs(_annotation(member, suffix))
        return found


class _Controller:
    def __init__(self, plane: Any):
        self.plane = plane
        api = plane.client()
        self.core = kubernetes.CoreV1Api(api)
        self.apps = kubernetes.AppsV1Api(api)
        self.networking = kubernetes.NetworkingV1Api(api)
        self.discovery = kubernetes.DiscoveryV1Api(api)
        self.custom = kubernetes.CustomObjectsApi(api)
        self.elb = plane.boto("elbv2")
        self.ec2 = plane.boto("ec2")
        self.seen: Any = None
        self.arguments: dict[str, str] = {}

    def forget(self) -> None:
        """Look at all again at the next turn."""
        self.seen = None

    def reconcile(self) -> None:
        if not self._is_available():
            return
        classes = {
            item.metadata.name
            for item in self.networking.list_ingress_class().items
            if item.spec.controller == CONTROLLER
        }
        ingresses = [
            item
            for item in self.networking.list_ingress_for_all_namespaces().items
            if item.spec.ingress_class_name in classes or _holds(item)
        ]
        slices = self.discovery.list_endpoint_slice_for_all_namespaces().items if ingresses else []
        now = [(item.metadata.uid, item.metadata.resource_version) for item in (*ingresses, *slices)]
        if now == self.seen:
            return
        for group in _groups(ingresses, classes):
            self._reconcile_group(group, slices)
        self.seen = now

    def _is_available(self) -> bool:
        try:
            deployment = self.apps.read_namespaced_deployment(NAME, NAMESPACE)
        except ApiException as error:
            if error.status == 404:
                return False
            raise
        given = deployment.spec.template.spec.containers[0].args or []
        self.arguments = dict(argument.removeprefix("--").split("=", 1) for argument in given if "=" in argument)
        conditions = deployment.status.conditions or []
        # One without any pod is available, too.
        available = any(item.type == "Available" and item.status == "True" for item in conditions)
        return available and bool(deployment.status.available_replicas)

    def _reconcile_group(self, group: _Group, slices: list[Any]) -> None:
        for ingress in group.members:
            self._hold(ingress, group.finalizer)
        if group.members:
            balancer, targets = self._deploy(group)
            for namespace, service, port, target_group in targets:
                self._bind(group, namespace, service, port, target_group, slices)
            self._remove_targets(group, [target_group["TargetGroupArn"] for *_rest, target_group in targets])
            for ingress in group.members:
                self._tell(ingress, balancer["DNSName"])
        else:
            self._remove_balancers(group, None)
            self._remove_targets(group, [])
        for ingress in group.leaving:
            self._let_go(ingress, group.finalizer)

    # What is in AWS.

    def _tags(self, group: _Group, resource: str) -> dict[str, str]:
        own = {CLUSTER_TAG: self.plane.cluster_name, "ingress.k8s.aws/stack": group.name}
        return {
            **group.pairs("tags"),
            **_pairs(self.arguments.get("default-tags", "")),
            **own,
            "ingress.k8s.aws/resource": resource,
        }

    def _deploy(self, group: _Group) -> tuple[dict, list[tuple[str, str, Any, dict]]]:
        balancer = self._balancer(group)
        targets = list(self._target_groups(group))
        arns = {(namespace, service, str(port)): found["TargetGroupArn"] for namespace, service, port, found in targets}
        self._listeners(group, balancer, arns)
        self._firewall(group, balancer)
        return balancer, targets

    def _balancer(self, group: _Group) -> dict:
        scheme = group.value("scheme", "internal")
        digest = _digest(self.plane.cluster_name, group.name, scheme)
        name = group.value("load-balancer-name") or _name(
            *([group.name] if group.explicit else group.name.split("/")), digest=digest
        )
        security_groups = [self._security_group(text) for text in _texts(group.value("security-groups"))]
        found = self._named(name)
        # One of another scheme goes before this one is made.
        self._remove_balancers(group, found)
        if found is None:
            found = self.elb.create_load_balancer(
                Name=name,
                Scheme=scheme,
                Type="application",
                IpAddressType=group.value("ip-address-type", "ipv4"),
                Subnets=self._subnets(group, scheme),
                SecurityGroups=security_groups,
                Tags=_listed(self._tags(group, "LoadBalancer")),
            )["LoadBalancers"][0]
        elif sorted(found.get("SecurityGroups", [])) != sorted(security_groups):
            self.elb.set_security_groups(LoadBalancerArn=found["LoadBalancerArn"], SecurityGroups=security_groups)
        self._tag(found["LoadBalancerArn"], self._tags(group, "LoadBalancer"))
        attributes = group.pairs("load-balancer-attributes")
        if attributes:
            self.elb.modify_load_balancer_attributes(
                LoadBalancerArn=found["LoadBalancerArn"], Attributes=_listed(attributes)
            )
        return found

    def _named(self, name: str) -> dict | None:
        with _unless_gone():
            return self.elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]
        return None

    def _subnets(self, group: _Group, scheme: str) -> list[str]:
        named = _texts(group.value("subnets"))
        if named and named[0].startswith("subnet-"):
            return named
        vpc = {"Name": "vpc-id", "Values": [self.arguments["aws-vpc-id"]]}
        role = "kubernetes.io/role/internal-elb" if scheme == "internal" else "kubernetes.io/role/elb"
        by = {"Name": "tag:Name", "Values": named} if named else {"Name": f"tag:{role}", "Values": ["1", ""]}
        found = self.ec2.describe_subnets(Filters=[vpc, by])["Subnets"]
        # One of each zone.
        zones = {
            item["AvailabilityZone"]: item["SubnetId"] for item in sorted(found, key=lambda item: item["SubnetId"])
        }
        return [zones[zone] for zone in sorted(zones)]

    def _security_group(self, text: str) -> str:
        if text.startswith("sg-"):
            return text
        vpc = {"Name": "vpc-id", "Values": [self.arguments["aws-vpc-id"]]}
        by_name = {"Name": "tag:Name", "Values": [text]}
        return self.ec2.describe_security_groups(Filters=[vpc, by_name])["SecurityGroups"][0]["GroupId"]

    def _target_groups(self, group: _Group) -> Iterator[tuple[str, str, Any, dict]]:
        done = set()
        for ingress, _host, _path, backend in _paths(group):
            namespace, service = ingress.metadata.namespace, backend.service.name
            port = backend.service.port.number or backend.service.port.name
            if (namespace, service, port) in done:
                continue
            done.add((namespace, service, port))
            found = self.core.read_namespaced_service(service, namespace)
            (target_port,) = [item.target_port for item in found.spec.ports if port in (item.port, item.name)]
            # A named port may be another one on each pod; the real controller registers port 1 for the group then.
            number = target_port if isinstance(target_port, int) else 1
            name = _name(
                namespace,
                service,
                digest=_digest(
                    self.plane.cluster_name,
                    group.name,
                    namespace,
                    ingress.metadata.name,
                    found.metadata.uid,
                    str(port),
                    str(number),
                ),
            )
            yield (
                namespace,
                service,
                port,
                self._target_group(
                    group, ingress, name, number, f"{namespace}/{ingress.metadata.name}-{service}:{port}"
                ),
            )

    def _target_group(self, group: _Group, ingress: Any, name: str, port: int, resource: str) -> dict:
        def of(suffix: str, default: str) -> str:
            return _annotation(ingress, suffix) or default

        check = {
            "HealthCheckProtocol": of("healthcheck-protocol", "HTTP"),
            "HealthCheckPort": of("healthcheck-port", "traffic-port"),
            "HealthCheckPath": of("healthcheck-path", "/"),
            "HealthCheckIntervalSeconds": int(of("healthcheck-interval-seconds", "15")),
            "HealthCheckTimeoutSeconds": int(of("healthcheck-timeout-seconds", "5")),
            "HealthyThresholdCount": int(of("healthy-threshold-count", "2")),
            "UnhealthyThresholdCount": int(of("unhealthy-threshold-count", "2")),
            "Matcher": {"HttpCode": of("success-codes", "200")},
        }
        found = self.elb.describe_target_groups()["TargetGroups"]
        known = next((item for item in found if item["TargetGroupName"] == name), None)
        tags = self._tags(group, resource)
        if known is None:
            (known,) = self.elb.create_target_group(
                Name=name,
                Protocol=of("backend-protocol", "HTTP"),
                Port=port,
                VpcId=self.arguments["aws-vpc-id"],
                TargetType="ip",
                IpAddressType="ipv4",
                Tags=_listed(tags),
                **check,
            )["TargetGroups"]
        elif any(known.get(member) != value for member, value in check.items()):
            self.elb.modify_target_group(TargetGroupArn=known["TargetGroupArn"], **check)
        self._tag(known["TargetGroupArn"], tags)
        attributes = _pairs(_annotation(ingress, "target-group-attributes"))
        if attributes:
            self.elb.modify_target_group_attributes(
                TargetGroupArn=known["TargetGroupArn"], Attributes=_listed(attributes)
            )
        return known

    def _listeners(self, group: _Group, balancer: dict, targets: Mapping[tuple[str, str, str], str]) -> None:
        certificates = _texts(group.value("certificate-arn"))
        default = '[{"HTTPS": 443}]' if certificates else '[{"HTTP": 80}]'
        wanted = {
            port: protocol
            for entry in json.loads(group.value("listen-ports", default))
            for protocol, port in entry.items()
        }
        redirect = group.value("ssl-redirect")
        arn = balancer["LoadBalancerArn"]
        found = {item["Port"]: item for item in self.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]}
        for port, listener in found.items():
            if port not in wanted:
                self.elb.delete_listener(ListenerArn=listener["ListenerArn"])
        for port, protocol in wanted.items():
            to_tls = bool(redirect) and protocol == "HTTP" and port != int(redirect)
            listener = {
                "Port": port,
                "Protocol": protocol,
                "DefaultActions": [_redirect(redirect) if to_tls else _NOTHING_THERE],
            }
            if protocol == "HTTPS":
                listener |= {
                    "Certificates": [{"CertificateArn": certificates[0]}],
                    "SslPolicy": group.value("ssl-policy", "ELBSecurityPolicy-2016-08"),
                }
            if port in found:
                made = found[port]
                self.elb.modify_listener(ListenerArn=made["ListenerArn"], **listener)
            else:
                (made,) = self.elb.create_listener(
                    LoadBalancerArn=arn, Tags=_listed(self._tags(group, str(port))), **listener
                )["Listeners"]
            self._rules(group, made["ListenerArn"], port, {} if to_tls else targets)

    def _rules(self, group: _Group, listener: str, port: int, targets: Mapping[tuple[str, str, str], str]) -> None:
        wanted = []
        for _ingress, host, path, backend in _paths(group) if targets else ():
            key = (
                _ingress.metadata.namespace,
                backend.service.name,
                str(backend.service.port.number or backend.service.port.name),
            )
            conditions = [{"Field": "path-pattern", "Values": _patterns(path)}]
            if host:
                conditions.insert(0, {"Field": "host-header", "Values": [host]})
            wanted.append((conditions, [{"Type": "forward", "TargetGroupArn": targets[key]}]))
        found = [rule for rule in self.elb.describe_rules(ListenerArn=listener)["Rules"] if not rule["IsDefault"]]
        has = [
            (_plain(rule["Conditions"]), [action["TargetGroupArn"] for action in rule["Actions"]])
            for rule in sorted(found, key=lambda rule: int(rule["Priority"]))
        ]
        if has == [
            (_plain(conditions), [action["TargetGroupArn"] for action in actions]) for conditions, actions in wanted
        ]:
            return
        for rule in found:
            self.elb.delete_rule(RuleArn=rule["RuleArn"])
        for priority, (conditions, actions) in enumerate(wanted, 1):
            self.elb.create_rule(
                ListenerArn=listener,
                Priority=priority,
                Conditions=conditions,
                Actions=actions,
                Tags=_listed(self._tags(group, f"{port}:{priority}")),
            )

    def _firewall(self, group: _Group, balancer: dict) -> None:
        acl = group.value("wafv2-acl-arn")
        if acl:
            self.plane.boto("wafv2").associate_web_acl(WebACLArn=acl, ResourceArn=balancer["LoadBalancerArn"])

    def _tag(self, arn: str, wanted: Mapping[str, str]) -> None:
        (found,) = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        has = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        if wanted.items() - has.items():
            self.elb.add_tags(ResourceArns=[arn], Tags=_listed(dict(wanted)))
        if has.keys() - wanted.keys():
            self.elb.remove_tags(ResourceArns=[arn], TagKeys=sorted(has.keys() - wanted.keys()))

    def _remove_balancers(self, group: _Group, balancer: dict | None) -> None:
        """Delete those that a group no longer needs, which are known by their tags."""
        kept = balancer and balancer["LoadBalancerArn"]
        for arn in self._of_group(group, "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"):
            if arn != kept:
                self.elb.delete_load_balancer(LoadBalancerArn=arn)

    def _remove_targets(self, group: _Group, targets: list[str]) -> None:
        for arn in self._of_group(group, "describe_target_groups", "TargetGroups", "TargetGroupArn"):
            if arn not in targets:
                self._unbind(arn)
                self.elb.delete_target_group(TargetGroupArn=arn)

    def _of_group(self, group: _Group, operation: str, path: str, member: str) -> list[str]:
        arns = [item[member] for item in getattr(self.elb, operation)()[path]]
        own = {(CLUSTER_TAG, self.plane.cluster_name), ("ingress.k8s.aws/stack", group.name)}
        found = self.elb.describe_tags(ResourceArns=arns)["TagDescriptions"] if arns else []
        return [item["ResourceArn"] for item in found if own <= {(tag["Key"], tag["Value"]) for tag in item["Tags"]}]

    # What is in the cluster.

    def _bind(
        self, group: _Group, namespace: str, service: str, port: Any, target_group: dict, slices: list[Any]
    ) -> None:
        name, arn = target_group["TargetGroupName"], target_group["TargetGroupArn"]
        binding = {
            "apiVersion": "elbv2.k8s.aws/v1beta1",
            "kind": "TargetGroupBinding",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"ingress.k8s.aws/stack": group.name.replace("/", "_")},
                "finalizers": [BINDING_FINALIZER],
            },
            "spec": {
                "targetGroupARN": arn,
                "targetType": "ip",
                "ipAddressType": "ipv4",
                "serviceRef": {"name": service, "port": port},
                "vpcID": self.arguments["aws-vpc-id"],
            },
        }
        with _unless_exists():
            self.custom.create_namespaced_custom_object(
                "elbv2.k8s.aws", "v1beta1", namespace, "targetgroupbindings", binding
            )
        self._register(namespace, service, port, name, arn, slices)

    def _register(self, namespace: str, service: str, port: Any, name: str, arn: str, slices: list[Any]) -> None:
        """Have the pods of the service as targets, and set their readiness gates once they are healthy."""
        spec = self.core.read_namespaced_service(service, namespace).spec
        (port_name,) = [item.name for item in spec.ports if port in (item.port, item.name)]
        wanted, pods = {}, {}
        for item in slices:
            if (
                item.metadata.namespace != namespace
                or (item.metadata.labels or {}).get("kubernetes.io/service-name") != service
            ):
                continue
            numbers = [one.port for one in item.ports or [] if (one.name or None) == (port_name or None)]
            for endpoint in item.endpoints or []:
                # A pod that waits for nothing but its gates is a target, too: they are set by its health.
                if endpoint.target_ref and endpoint.conditions.terminating is not True:
                    for address in endpoint.addresses:
                        pods[address] = endpoint.target_ref.name
                        wanted |= {(address, number): endpoint for number in numbers}
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        has = {(item["Target"]["Id"], item["Target"].get("Port")) for item in found}
        new = [{"Id": address, "Port": number} for address, number in wanted if (address, number) not in has]
        gone = [{"Id": address, "Port": number} for address, number in has if (address, number) not in wanted]
        if new:
            self.elb.register_targets(TargetGroupArn=arn, Targets=new)
        if gone:
            self.elb.deregister_targets(TargetGroupArn=arn, Targets=gone)
        for pod in pods.values():
            self._set_gate(namespace, pod, f"{GATE}{name}")

    def _set_gate(self, namespace: str, name: str, gate: str) -> None:
        with _unless_gone():
            pod = self.core.read_namespaced_pod(name, namespace)
            gates = {item.condition_type for item in pod.spec.readiness_gates or []}
            has = {item.type for item in pod.status.conditions or [] if item.status == "True"}
            if gate in gates - has:
                condition = {"type": gate, "status": "True"}
                self.core.patch_namespaced_pod_status(
                    name, namespace, {"status": {"conditions": [condition]}}, _content_type=STRATEGIC
                )

    def _unbind(self, arn: str) -> None:
        found = self.custom.list_cluster_custom_object("elbv2.k8s.aws", "v1beta1", "targetgroupbindings")["items"]
        for binding in found:
            if binding["spec"]["targetGroupARN"] == arn:
                place = (
                    "elbv2.k8s.aws",
                    "v1beta1",
                    binding["metadata"]["namespace"],
                    "targetgroupbindings",
                    binding["metadata"]["name"],
                )
                with _unless_gone():
                    self.custom.delete_namespaced_custom_object(*place)
                    self.custom.patch_namespaced_custom_object(
                        *place, {"metadata": {"finalizers": None}}, _content_type=MERGE
                    )

    def _hold(self, ingress: Any, finalizer: str) -> None:
        held = ingress.metadata.finalizers or []
        if finalizer not in held:
            self._patch(ingress, {"metadata": {"finalizers": [*held, finalizer]}})

    def _let_go(self, ingress: Any, finalizer: str) -> None:
        rest = [item for item in ingress.metadata.finalizers or [] if item != finalizer]
        with _unless_gone():
            self._patch(ingress, {"metadata": {"finalizers": rest}})

    def _patch(self, ingress: Any, change: dict) -> None:
        self.networking.patch_namespaced_ingress(
            ingress.metadata.name, ingress.metadata.namespace, change, _content_type=MERGE
        )

    def _tell(self, ingress: Any, address: str) -> None:
        told = [item.hostname for item in ingress.status.load_balancer.ingress or []]
        if told != [address]:
            status = {"status": {"loadBalancer": {"ingress": [{"hostname": address}]}}}
            self.networking.patch_namespaced_ingress_status(
                ingress.metadata.name, ingress.metadata.namespace, status, _content_type=MERGE
            )


_NOTHING_THERE = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"},
}


def _redirect(port: str) -> dict:
    return {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": port, "StatusCode": "HTTP_301"}}


def _groups(ingresses: list[Any], classes: set[str]) -> list[_Group]:
    """The groups in the order of their names; the members of one in theirs."""
    found: dict[str, _Group] = {}
    for ingress in sorted(ingresses, key=_order):
        explicit = _annotation(ingress, "group.name")
        name = explicit or f"{ingress.metadata.namespace}/{ingress.metadata.name}"
        group = found.setdefault(name, _Group(name, bool(explicit)))
        leaves = ingress.metadata.deletion_timestamp or ingress.spec.ingress_class_name not in classes
        (group.leaving if leaves else group.members).append(ingress)
    return list(found.values())


def _order(ingress: Any) -> tuple[int, str, str]:
    return int(_annotation(ingress, "group.order") or 0), ingress.metadata.namespace, ingress.metadata.name


def _holds(ingress: Any) -> bool:
    return any("ingress.k8s.aws/" in item for item in ingress.metadata.finalizers or [])


def _paths(group: _Group) -> Iterator[tuple[Any, str | None, Any, Any]]:
    """The paths of all members, longest first within an Ingress of the real one's order: exact ones, then prefixes."""
    for ingress in group.members:
        for rule in ingress.spec.rules or []:
            paths = rule.http.paths if rule.http else []
            for path in sorted(paths, key=lambda item: (item.path_type != "Exact", -len(item.path or ""))):
                yield ingress, rule.host, path, path.backend


def _patterns(path: Any) -> list[str]:
    text = path.path or "/"
    if path.path_type != "Prefix":
        return [text]
    return ["/*"] if text == "/" else [text.rstrip("/"), f"{text.rstrip('/')}/*"]


def _plain(conditions: list[dict]) -> list[tuple[str, list[str]]]:
    return [
        (
            item["Field"],
            sorted(
                item.get("Values") or next((value["Values"] for value in item.values() if isinstance(value, dict)), [])
            ),
        )
        for item in conditions
    ]


def _annotation(ingress: Any, suffix: str) -> str:
    return (ingress.metadata.annotations or {}).get(ANNOTATION + suffix, "")


def _texts(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _pairs(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in _texts(text))


def _listed(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:10]


def _name(*parts: str, digest: str) -> str:
    """k8s-<group>-<hash>, or k8s-<namespace>-<name>-<hash>, with letters and digits only."""
    longest = 17 if len(parts) == 1 else 8
    return "-".join(["k8s", *(re.sub(r"[^A-Za-z0-9]", "", part)[:longest] for part in parts), digest])


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        if error.status != 404:
            raise
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in NOT_FOUND:
            raise


@contextlib.contextmanager
def _unless_exists() -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        if error.status != 409:
            raise
