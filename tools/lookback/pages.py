"""The pages: one HTML file each, with all that it needs inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def savings_page(answer: dict[str, Any]) -> str:
    return _page("savings.html", answer)


def advice_page(answer: dict[str, Any]) -> str:
    return _page("advice.html", answer)


def _page(name: str, answer: dict[str, Any]) -> str:
    # No text of the answer can end the script that it stands in.
    data = (
        json.dumps(answer).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )
    parts = {
        "STYLE": (_HERE / "page.css").read_text(encoding="utf-8"),
        "PLOT_STYLE": (_HERE / "vendor" / "uPlot.min.css").read_text(encoding="utf-8"),
        "PLOT": (_HERE / "vendor" / "uPlot.iife.min.js").read_text(encoding="utf-8"),
        "SCRIPT": (_HERE / "page.js").read_text(encoding="utf-8"),
        "DATA": data,
    }
    page = (_HERE / name).read_text(encoding="utf-8")
    for part, text in parts.items():
        page = page.replace(f"@@{part}@@", text)
    return page
