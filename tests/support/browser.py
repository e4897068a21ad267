# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Chromium without a window, driven by Playwright, which brings no browser of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
OPTIONS = ["--disable-background-networking", "--disable-component-update", "--disable-gpu", "--no-proxy-server"]


def program() -> str:
    """Chromium, installed where it is missing and that is possible; skipped elsewhere."""
    if not any(map(shutil.which, filter(None, NAMES))) and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        subprocess.run(install, env=environment, capture_output=True, check=False)
    found = next(filter(None, map(shutil.which, filter(None, NAMES))), None)
    if found is None:
        pytest.skip("Chromium is needed: its path in CHROMIUM, or root on Debian to install it")
    return found


@contextmanager
def opened(chromium: str, *options: str) -> Iterator[Browser]:
    """A browser with further options of the command line."""
    with sync_playwright() as playwright:
        # The sandbox doesn't work for root.
        browser = playwright.chromium.launch(
            executable_path=chromium, headless=True, chromium_sandbox=os.geteuid() != 0, args=[*OPTIONS, *options]
        )
        yield browser
        browser.close()
