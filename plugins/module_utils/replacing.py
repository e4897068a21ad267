# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resources that are deleted and made anew, where that is asked for, when they differ in what AWS can't change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .declarations import Change, texts
from .resource import Resource
from .values import placeholder


class Replacing(Resource):
    """A resource with the option replace. Its result says whether it was replaced.

    Where there is another base, that stands first: what it declares counts.
    """

    renewal = "Or give replace: true to have it deleted, with all that is in it, and made anew."

    def prepare(self) -> None:
        super().prepare()
        self.replaced = False

    def run(self) -> dict:
        return {**super().run(), "replaced": self.replaced}

    def fixed(self, current: Mapping[str, Any]) -> dict[str, Change]:
        """The differences that AWS can't make good in place."""
        return {
            option: change
            for option, change in self.changes(current).items()
            if change.setting.update is None and not placeholder(change.desired)
        }

    def make_present(self, current: dict | None) -> dict | None:
        self.check_owner(current)
        fixed = self.fixed(current) if current is not None and self.options["replace"] else {}
        if not fixed:
            return super().make_present(current)
        # Nothing is deleted that can't be made again.
        self.refuse_incomplete()
        self.refuse(None, {})
        self.replaced = True
        if self.check_mode:
            self.changed = True
            return self.predicted(None)
        self.module.warn(f"{self.title} is made anew, without what was in it ({texts(fixed)}).")
        self.remove(current)
        self.wait_until_gone(current, deleting=False)
        return super().make_present(None)
