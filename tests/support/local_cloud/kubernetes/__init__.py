# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Kubernetes control plane for each cluster of the local AWS.

An emulator that is started with LOCAL_CLOUD_KUBERNETES=1 runs kube-apiserver, etcd, kube-controller-manager and
kube-scheduler for every EKS cluster, and kwok, which plays nodes and pods: nothing is pulled, and no container runs.

programs
    Where the programs come from: what is there already, what the makers release, what Go modules are built to.
plane
    The processes of one cluster, its certificates, and access to it as its administrator.
access
    Who gets in: tokens are looked at as EKS does, access entries and access policies decide.
nodes, addons
    What EKS puts into a cluster: a node group's nodes, an add-on's custom resources.
controllers/
    Stand-ins for controllers that run inside a cluster on AWS, one module each; see there.
"""
