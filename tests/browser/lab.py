"""A real JupyterLab and a real browser for tests: both start fresh, stay on loopback and leave no process behind.

with serve_lab(folder) as lab, start_browser() as browser:
    page = open_notebook(browser, lab, "quickstart.ipynb")
    run_all(page)
    save(page)
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from noren_bento.targets.ports import free_port

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 60.0
STOP_SECONDS = 20.0
Theme = Literal["JupyterLab Light", "JupyterLab Dark"]

needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="no chromium here: install the chromium package of your system"
)


@dataclass(frozen=True, slots=True)
class Lab:
    """A running JupyterLab server."""

    url: str
    token: str
    folder: Path
    """Its root: notebooks are opened by their path below it."""
    pid: int
    log: Path


@contextmanager
def serve_lab(
    folder: Path, *, theme: Theme = "JupyterLab Light", environ: Mapping[str, str] | None = None
) -> Iterator[Lab]:
    """Serve `folder` with a fresh configuration, on a free port; ends the server and its kernels on exit."""
    state = folder / ".lab"
    places = {name: state / name.lower() for name in _PLACES}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    _write_settings(places["JUPYTERLAB_SETTINGS_DIR"], theme)
    port, token, log = free_port(), secrets.token_hex(16), state / "lab.log"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={folder}", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=", "--allow-root",
    ]  # fmt: skip
    variables = {**os.environ, **(environ or {}), **{name: str(place) for name, place in places.items()}}
    with log.open("w") as out:
        server = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=variables,
            start_new_session=True,
        )
    lab = Lab(f"http://127.0.0.1:{port}", token, folder, server.pid, log)
    try:
        _await_server(lab, server)
        yield lab
    finally:
        children = _children(server.pid)
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        _end(children)


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start chromium with a fresh profile; every process of it has ended on exit."""
    before = psutil.Process().children()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        drivers = [process for process in psutil.Process().children() if process not in before]
        try:
            yield browser
        finally:
            processes = drivers + [child for driver in drivers for child in _children(driver.pid)]
            browser.close()
    _end(processes)


def open_notebook(browser: Browser, lab: Lab, path: str, *, width: int = 1100, height: int = 1000) -> Page:
    """Open one notebook alone on a page and wait until its kernel is ready."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{lab.url}/doc/tree/{path}?reset&token={lab.token}")
    page.wait_for_function("() => window.jupyterapp?.restored !== undefined", timeout=1000 * START_SECONDS)
    page.evaluate(
        """async (path) => {
            const app = window.jupyterapp;
            await app.restored;
            const turn = () => new Promise((go) => setTimeout(go, 50));
            while (app.shell.currentWidget?.context?.path !== path) await turn();
            const context = app.shell.currentWidget.context;
            await context.ready;
            await context.sessionContext.ready;
            while (context.sessionContext.session?.kernel?.status !== "idle") await turn();
        }""",
        path,
    )
    return page


def start_all(page: Page) -> None:
    """Run all cells and return at once."""
    page.evaluate("() => { window.ran = window.jupyterapp.commands.execute('notebook:run-all-cells'); }")


def wait_until_run(page: Page, *, seconds: float = 120.0) -> None:
    """Wait until the cells that `start_all` began have run."""
    page.set_default_timeout(1000 * seconds)
    page.wait_for_function("async () => { await window.ran; return true; }", timeout=1000 * seconds)


def run_all(page: Page, *, seconds: float = 120.0) -> None:
    """Run all cells and wait for them."""
    start_all(page)
    wait_until_run(page, seconds=seconds)


def save(page: Page) -> None:
    """Save the notebook to its file."""
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")


def picture(target: Page | Locator, path: Path) -> Path:
    """Take a screenshot and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target.screenshot(path=path)
    return path


_PLACES = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)


def _write_settings(folder: Path, theme: Theme) -> None:
    settings = {
        "notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
        "themes": {"theme": theme},
    }
    place = folder / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True, exist_ok=True)
    for name, values in settings.items():
        (place / f"{name}.jupyterlab-settings").write_text(json.dumps(values))


def _await_server(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    request = urllib.request.Request(f"{lab.url}/api/status", headers={"Authorization": f"token {lab.token}"})
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{lab.log.read_text()[-2000:]}")


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end(processes: Iterable[psutil.Process]) -> None:
    _, left = psutil.wait_procs(list(processes), timeout=STOP_SECONDS)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=STOP_SECONDS)
