#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_user_files
version_added: 0.1.0
short_description: Keep folders and files of a user as declared, with the user's own rights
description:
  - Makes folders and writes files where a user may change everything, such as in the user's home.
  - Each path is touched with the rights of O(user) and no others. A link that the user puts in the way, at whatever
    moment, leads nowhere that the user couldn't write before. Modules that write as root and then give the file away
    have such a moment.
  - It needs neither C(become_user) nor what that asks of the connection and of the host (ACLs or pipelining).
  - A file is put together beside the one that is there and takes its place as a whole. So a link in its place is
    replaced and not followed.
requirements:
  - PyYAML on the host, which images with cloud-init have
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user:
    description:
      - The user whose rights are used, and to whom all of it belongs. The module must run as root, or as that user.
    type: str
    required: true
  folders:
    description:
      - Folders, in the order in which they are made.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder. Those above it are made, too.
        type: path
        required: true
      mode:
        description: Its permissions, in octal digits.
        type: str
        default: "0700"
  files:
    description:
      - Files, in folders that are there or stand in O(folders).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      content:
        description: All of its content.
        type: str
        required: true
      mode:
        description: Its permissions, in octal digits.
        type: str
        default: "0600"
attributes:
  check_mode:
    description: Says what would be made or written. A user that doesn't exist yet has nothing of it.
    support: full
  diff_mode:
    description: Shows the permissions of folders and the content of files.
    support: full
"""

EXAMPLES = r"""
- name: Write the settings of the user's editor
  agent_platform.aws.host_user_files:
    user: developer
    folders:
      - path: /home/developer/.config
      - path: /home/developer/.config/editor
    files:
      - path: /home/developer/.config/editor/settings.json
        content: "{{ editor_settings | to_nice_json }}\n"
"""

RETURN = r"""
paths:
  description: What was made or written, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [/home/developer/.config/editor/settings.json]
"""

import contextlib
import os
import pwd
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_text

from ..module_utils.documentation import argument_spec


@contextlib.contextmanager
def rights_of(user):
    """Inside, the kernel lets this process do what it lets the user do. It stays root's, out of the user's reach."""
    if os.geteuid() == user.pw_uid:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.initgroups(user.pw_name, user.pw_gid)
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)


def shown(mode):
    return "absent" if mode is None else f"{mode:04o}"


def folder_now(folder):
    """The permissions of a folder, None where there is nothing."""
    try:
        return stat.S_IMODE(os.stat(folder["path"]).st_mode)
    except FileNotFoundError:
        return None


def file_now(file):
    """The permissions and the content of a file. What isn't a file has none."""
    try:
        # A pipe in its place would keep who opens it waiting.
        handle = os.open(file["path"], os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None, None
    with open(handle, "rb") as opened:
        mode = os.fstat(handle).st_mode
        return stat.S_IMODE(mode), opened.read() if stat.S_ISREG(mode) else None


def make(folder):
    os.makedirs(folder["path"], exist_ok=True)
    os.chmod(folder["path"], int(folder["mode"], 8))


def write(file):
    handle, partial = tempfile.mkstemp(dir=os.path.dirname(file["path"]), prefix=".partial-")
    try:
        with open(handle, "wb") as opened:
            opened.write(to_bytes(file["content"]))
            os.fchmod(handle, int(file["mode"], 8))
        os.replace(partial, file["path"])
    except OSError:
        os.remove(partial)
        raise


def main():
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    folders, files, paths, diffs = module.params["folders"], module.params["files"], [], []
    try:
        user = pwd.getpwnam(module.params["user"])
    except KeyError:
        if not module.check_mode:
            module.fail_json(msg=f"There is no user {module.params['user']}; nothing was changed")
        user = None

    def keep(thing, same, before, after, act):
        if same:
            return
        paths.append(thing["path"])
        headers = {"before_header": thing["path"], "after_header": thing["path"]}
        diffs.append({**headers, "before": f"{before}\n", "after": f"{after}\n"})
        if not module.check_mode:
            act(thing)

    path = None
    try:
        with rights_of(user) if user else contextlib.nullcontext():
            for folder in folders:
                path, mode = folder["path"], int(folder["mode"], 8)
                have = folder_now(folder) if user else None
                keep(folder, have == mode, shown(have), shown(mode), make)
            for file in files:
                path, mode = file["path"], int(file["mode"], 8)
                have, content = file_now(file) if user else (None, None)
                same = (have, content) == (mode, to_bytes(file["content"]))
                before = f"{shown(have)}\n{to_text(content or b'', errors='replace')}"
                keep(file, same, before, f"{shown(mode)}\n{file['content']}", write)
    except OSError as error:
        module.fail_json(msg=f"{path} can't be kept as declared with the rights of {module.params['user']}: {error}")
    module.exit_json(changed=bool(paths), paths=paths, diff=diffs)


if __name__ == "__main__":
    main()
