"""The one theme: every colour and font of the pages, the charts and the map.

`stylesheet` turns it into CSS variables, which the style sheet and the map's scripts
read; nothing else names a colour. Text on its background keeps a contrast of at least
4.5 (WCAG 2.2 AA): ``muted`` on ``panel`` is 6.2.
"""

from __future__ import annotations

from typing import Any, Final

FONT: Final = "'Inter', 'Noto Sans', 'Segoe UI', 'Helvetica Neue', Arial, system-ui, sans-serif"
MONO: Final = "'JetBrains Mono', 'Noto Sans Mono', 'DejaVu Sans Mono', Consolas, monospace"

COLOURS: Final[dict[str, str]] = {
    "ground": "#060b16",
    "panel": "#0b1424",
    "panel-2": "#101c31",
    "raised": "#16243d",
    "line": "#1d2c47",
    "line-strong": "#2c4064",
    "text": "#e6eefb",
    "soft": "#b7c6de",
    "muted": "#8fa3c4",
    "accent": "#2fd6c3",
    "accent-dim": "#15695f",
    "focus": "#7cc4ff",
    "map-land": "#0a1322",
    "map-land-2": "#0d182b",
    "map-border": "#2a3d60",
    "map-water": "#143a5e",
    "map-water-edge": "#1d5484",
    "map-water-text": "#5f9fd6",
    "map-road": "#2a3a57",
    "map-road-major": "#3b4f74",
    "map-metro": "#8b6cf0",
    "map-text": "#7d90b3",
    "map-halo": "#060b16",
}

STATE_COLOURS: Final[dict[str, str]] = {
    "ok": "#2fd6c3",
    "info": "#5aa9ff",
    "minor": "#ffd23f",
    "major": "#ff8a3d",
    "critical": "#ff4d6a",
    "silent": "#93a0b8",
    "unknown": "#566580",
}
"""What a device's state looks like. Every state has a shape of its own as well."""

DOMAIN_COLOURS: Final[dict[str, str]] = {
    "traffic": "#f2b25c",
    "drainage": "#58a6ff",
    "environment": "#63d297",
    "energy": "#c792ff",
}


def stylesheet() -> str:
    """The theme as CSS custom properties."""
    rows = [f"--{name}: {value};" for name, value in COLOURS.items()]
    rows += [f"--state-{name}: {value};" for name, value in STATE_COLOURS.items()]
    rows += [f"--domain-{name}: {value};" for name, value in DOMAIN_COLOURS.items()]
    rows += [f"--font: {FONT};", f"--mono: {MONO};"]
    return ":root {\n  color-scheme: dark;\n  " + "\n  ".join(rows) + "\n}\n"


def mantine_theme() -> Any:
    """The same theme for dash-mantine-components."""
    return {
        "primaryColor": "teal",
        "fontFamily": FONT,
        "fontFamilyMonospace": MONO,
        "headings": {"fontFamily": FONT},
        "defaultRadius": "md",
        "colors": {
            # Mantine's dark shades run from text (0) to the deepest background (9).
            "dark": [
                COLOURS["text"], COLOURS["soft"], COLOURS["muted"], COLOURS["line-strong"],
                COLOURS["line"], COLOURS["raised"], COLOURS["panel-2"], COLOURS["panel"],
                COLOURS["ground"], COLOURS["ground"],
            ],
        },
    }  # fmt: skip
