# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person at work: logs in through the forwarded port, opens a file, runs a command in the terminal."""

from __future__ import annotations

import os
import shutil
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[4]
SCREENSHOT = ROOT / "build/code-server.png"
# Debian's name, others' names, and the way to name one that is elsewhere.
BROWSERS = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
# The browser talks to code-server only.
OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
NOTES = """\
# Notes

The cluster's API is private: kubectl works from here, not from a laptop.

- `platform` prints how to reach each service
- `kubectl get pods --all-namespaces`
- the password of this editor is in Secrets Manager
"""
SECONDS = 1000


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    browser = next(filter(None, map(shutil.which, filter(None, BROWSERS))), None)
    assert browser, "The test needs a Chromium: apt-get install chromium, or its path in CHROMIUM"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path,
            executable_path=browser,
            headless=True,
            # The sandbox doesn't work for root.
            chromium_sandbox=os.geteuid() != 0,
            args=OPTIONS,
            viewport={"width": 1280, "height": 800},
        )
        context.set_default_timeout(120 * SECONDS)
        page = context.pages[0]
        try:
            yield page
        finally:
            # Of a failure, too.
            SCREENSHOT.parent.mkdir(exist_ok=True)
            page.screenshot(path=SCREENSHOT)
            context.close()


@pytest.fixture
def notes(host: Host, declared: dict[str, t.Any]) -> str:
    """A file in the workspace, and nothing else there."""
    user, workspace = declared["bastion_user"], declared["bastion_workspace"]
    host.check_output(f"rm -f {workspace}/*")
    write = 'printf %s "$1" > "$2"'
    host.check_output("runuser --user %s -- sh -c %s sh %s %s", user, write, NOTES, f"{workspace}/notes.md")
    return "notes.md"


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)


def enter(page: Page, command: str) -> None:
    """In the terminal, which drops what is typed while it starts: until all of it can be read there, and then Enter."""
    terminal = page.locator(".terminal-wrapper.active")

    def is_typed() -> bool:
        terminal.locator(".xterm-helper-textarea").focus()
        page.keyboard.press("Control+U")
        page.keyboard.type(command, delay=10)
        page.wait_for_timeout(SECONDS / 2)
        # White space is drawn as such that doesn't break.
        return f"$ {command}" in terminal.locator(".xterm-rows").inner_text().replace("\xa0", " ")

    wait_until(is_typed)
    page.keyboard.press("Enter")


def test_a_person_works_in_the_editor(
    page: Page, notes: str, host: Host, declared: dict[str, t.Any], code_server: str
) -> None:
    settings = host.file(f"/home/{declared['bastion_user']}/.local/share/code-server/User/settings.json")
    before = settings.content_string
    page.goto(code_server)
    page.get_by_placeholder("PASSWORD").fill(declared["bastion_code_server_password"])
    page.get_by_role("button").or_(page.locator("input[type=submit]")).click()
    page.wait_for_selector(".monaco-workbench .explorer-folders-view")

    # Until the folder is trusted, nothing in it is run.
    page.locator(".part.banner").get_by_text("Manage").click()
    page.locator(".workspace-trust-editor").get_by_text("Trust", exact=True).first.click()
    page.locator(".workspace-trust-editor").get_by_text("You trust this folder").wait_for()
    page.locator(".monaco-modal-editor-block .codicon-close").first.click()

    page.locator(".explorer-folders-view").get_by_text(notes).dblclick()
    page.wait_for_selector(".editor-instance .view-line")
    editor = page.locator(".editor-instance .view-lines")
    editor.get_by_text("kubectl works from here").wait_for()

    page.keyboard.press("Control+Backquote")
    page.wait_for_selector(".terminal-wrapper.active .xterm-screen")
    ran = f"{declared['bastion_workspace']}/ran.txt"
    enter(page, "id -un > ran.txt; pwd >> ran.txt; clear; platform")
    wait_until(lambda: host.run("wc --lines < %s", ran).stdout.strip() == "2")
    assert host.file(ran).content_string.split() == [declared["bastion_user"], declared["bastion_workspace"]]
    host.check_output("rm %s", ran)

    # The editor may bring settings into a new form; then the role would bring them back, for ever.
    assert settings.content_string == before

    # For the screenshot: all is drawn, and nothing is pointed at.
    page.mouse.move(800, 400)
    page.wait_for_timeout(3 * SECONDS)
