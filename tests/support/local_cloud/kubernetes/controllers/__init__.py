# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for controllers that run in a cluster on AWS: here they are threads of the emulator's process.

Each module of this folder has `def run(plane: Plane, stop: threading.Event) -> None`, which is called in a thread of
its own when a cluster's API is ready, and returns soon after the event is set. One that raises is called again a moment
later; the error is in the log controllers.log of the cluster. Of the Plane (../plane.py) it uses

    plane.client()       a new kubernetes.client.ApiClient, as the cluster's administrator
    plane.kubeconfig     path of a kubeconfig of the administrator, for programs
    plane.boto(service)  a boto3 client against the emulator, in the cluster's account and region
    plane.account_id, plane.region, plane.cluster_name
    plane.folder         for its files; goes with the cluster
    plane.spawn(name, command)  starts a program that ends with the cluster, logging to <folder>/<name>.log
    plane.log(line)      a line of controllers.log
"""
