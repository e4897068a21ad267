# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The AWS that tests, `make up` and `make demo` use: an emulator on this machine, completed by shims.

`python -m tests.support.local_cloud up | down | status` from the checkout.
"""
