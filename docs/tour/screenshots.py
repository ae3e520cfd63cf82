"""Pictures of the screens for the README: `python docs/tour/screenshots.py WORKSPACE [OUT]`.

Opens the app on a real workspace at 100 × 30, walks through the screens in both languages and
writes one SVG each. With `--png` and a `chromium` on the path, one PNG each beside it.

Rich writes the length of a text in characters, browsers then squeeze wide characters into half
their width; here it is counted in cells. The remote font that Rich names is taken out.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.cells import cell_len
from textual.pilot import Pilot

from retention_tui.app import RetentionApp
from retention_tui.client import LocalEngineClient
from retention_tui.jobs import JobRunner
from retention_tui.screens.base import DataScreen
from retention_tui.start import utcnow

SIZE = (100, 30)
CHARACTER_WIDTH = 12.2
"""Width of one cell in Rich's SVG export, in SVG units."""
FONTS = "'DejaVu Sans Mono','Noto Sans Mono CJK SC','Noto Sans CJK SC',monospace"
ANSWER_S = 120.0

SCENES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("risk", ("down", "space", "space")),
    ("user", ("enter",)),
    ("compose", ("escape", "i")),
    ("models", ("escape", "4")),
    ("log", ("7",)),
)


def with_true_widths(svg: str) -> str:
    """`svg` with text lengths in cells and without remote fonts."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = svg.replace("Fira Code, monospace", FONTS)

    def measured(match: re.Match[str]) -> str:
        length = cell_len(html.unescape(match.group(3))) * CHARACTER_WIDTH
        return f'{match.group(1)}textLength="{length:.1f}"{match.group(2)}>{match.group(3)}</text>'

    return re.sub(r'(<text [^>]*?)textLength="[^"]*"([^>]*)>([^<]*)</text>', measured, svg)


def png_of(svg: Path) -> Path:
    """The picture of `svg` in the same folder, drawn by Chromium; raises CalledProcessError."""
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text())[0])
    target = svg.with_suffix(".png")
    with tempfile.TemporaryDirectory() as profile:
        page = Path(profile) / "page.html"
        page.write_text(f'<body style="margin:0">{svg.read_text("utf-8")}</body>', "utf-8")
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={round(width)},{round(height)}",
                f"--screenshot={target}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )
    return target


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Pump the app until `holds`, for `ANSWER_S` at most."""
    async with asyncio.timeout(ANSWER_S):
        while not holds():
            await pilot.pause(0.02)


def at_rest(app: RetentionApp) -> bool:
    """The screen in front has its answer and nothing is being asked."""
    screen = app.screen
    busy = any(not worker.is_finished for worker in app.workers)
    return (
        isinstance(screen, DataScreen) and screen.state in ("ready", "empty", "error") and not busy
    )


async def tour(workspace: Path, out: Path, language: str) -> list[Path]:
    """The SVG files of one language."""
    client = LocalEngineClient(workspace, utcnow)
    app = RetentionApp(client, language=language, jobs=JobRunner(workspace, utcnow), clock=utcnow)
    written = []
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: at_rest(app))
        for name, keys in SCENES:
            for key in keys:
                await pilot.press(key)
                await until(pilot, lambda: at_rest(app))
            path = out / f"{name}.{language}.svg"
            path.write_text(with_true_widths(app.export_screenshot(title="Retention")), "utf-8")
            written.append(path)
    client.close()
    return written


def main() -> int:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--png", action="store_true", help="PNG files too; needs chromium")
    options = parser.parse_args()
    if options.png and shutil.which("chromium") is None:
        parser.error("--png needs chromium on the path")
    options.out.mkdir(parents=True, exist_ok=True)
    for language in ("zh", "en"):
        for path in asyncio.run(tour(options.workspace, options.out, language)):
            sys.stdout.write(f"{png_of(path) if options.png else path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
