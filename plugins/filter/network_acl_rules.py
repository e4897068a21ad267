# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: network_acl_rules
short_description: Rules of the subnets' network ACLs from the table of traffic
version_added: 0.1.0
description:
  - A network ACL knows networks and no groups, and no connections. So within the VPC all is allowed, where security
    groups decide, and beyond it what the table has with networks and prefix lists, and the answers to that.
  - A list of prefixes stands for the whole internet here, because an ACL takes none.
positional: _input, vpc_cidr, public_clients
options:
  _input:
    description: Traffic as M(agent_platform.aws.security_group_rules#filter) takes it.
    type: list
    elements: dict
    required: true
  vpc_cidr:
    description: IPv4 network of the VPC.
    type: str
    required: true
  public_clients:
    description: Whether clients from outside of the VPC come to the public subnets, as to a load balancer there.
    type: bool
    default: false
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the rules of subnets whose machines call services by HTTPS
  ansible.builtin.debug:
    msg: >-
      {{ [{'source': 'nodes', 'destination': '0.0.0.0/0', 'from_port': 443}]
         | agent_platform.aws.network_acl_rules('10.0.0.0/16') }}
"""

RETURN = r"""
_value:
  description:
    - By tier, V(public) and V(private), the rules under C(ingress) and C(egress) as
      M(agent_platform.aws.ec2_network_acl) takes them.
  type: dict
"""

from ipaddress import IPv4Network

from ansible_collections.agent_platform.aws.plugins.filter.security_group_rules import HIGHEST_PORT, PREFIX_LIST

ANYWHERE = "0.0.0.0/0"
# Where answers arrive: NAT gateways and load balancers take all of these, machines some.
ANSWERS = (1024, HIGHEST_PORT)
# Rule numbers leave room for those that someone tries out for a while.
STEP = 10


def _network(end):
    """The network that an end of the traffic is; none, if it is a security group, which is in the VPC."""
    if PREFIX_LIST.fullmatch(end):
        return IPv4Network(ANYWHERE)
    try:
        return IPv4Network(end)
    except ValueError:
        return None


def _outside(traffic, vpc):
    """What the table has with networks beyond the VPC: for each direction the network, protocol and ports."""
    found = {"ingress": [], "egress": []}
    for entry in traffic:
        protocol = entry.get("protocol") or "tcp"
        first, last = entry.get("from_port"), entry.get("to_port")
        ports = (None, None) if protocol == "all" else (first, first if last is None else last)
        for direction, end in (("ingress", entry["source"]), ("egress", entry["destination"])):
            network = _network(end)
            if network is not None and not network.subnet_of(vpc):
                found[direction].append((network, protocol, ports))
    return found


def _answers(rules):
    return [(network, protocol, (None, None) if protocol == "all" else ANSWERS) for network, protocol, _ports in rules]


def _covers(wide, narrow):
    """Whether one rule allows already what another one allows."""
    (more, its_protocol, its_ports), (network, protocol, ports) = wide, narrow
    if not network.subnet_of(more):
        return False
    if its_protocol == "all":
        return True
    return protocol == its_protocol and its_ports[0] <= ports[0] and ports[1] <= its_ports[1]


def _numbered(rules):
    unique = list(dict.fromkeys(rules))
    needed = [rule for rule in unique if not any(_covers(other, rule) for other in unique if other != rule)]
    return [
        {
            "rule_number": STEP * number,
            "protocol": protocol,
            **({} if first is None else {"from_port": first, "to_port": last}),
            "cidr_block": str(network),
        }
        for number, (network, protocol, (first, last)) in enumerate(needed, 1)
    ]


def network_acl_rules(traffic, vpc_cidr, public_clients=False):
    vpc = IPv4Network(vpc_cidr)
    inside = (vpc, "all", (None, None))
    outside = _outside(traffic, vpc)
    # What machines send out goes through a NAT gateway in a public subnet.
    coming = {"private": outside["ingress"], "public": outside["ingress"] if public_clients else []}
    return {
        tier: {
            "ingress": _numbered([inside, *clients, *_answers(outside["egress"])]),
            "egress": _numbered([inside, *outside["egress"], *_answers(clients)]),
        }
        for tier, clients in coming.items()
    }


class FilterModule:
    def filters(self):
        return {"network_acl_rules": network_acl_rules}
