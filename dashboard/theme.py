"""The one theme, dark and light: every colour and font of the pages, the charts and the map.

`stylesheet` turns it into CSS variables, which the style sheet and the map's scripts
read; nothing else names a colour. Text on its background keeps a contrast of at least
4.5 (WCAG 2.2 AA) in both: ``muted`` on ``panel`` is 6.2 in the dark, 6.4 in the light.
What looks like a table of colours here answers with those of the face that the request
being answered wants, so that figures follow it by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dashboard.appearance import FACES, requested_face, requested_scale

FONT: Final = "'Inter', 'Noto Sans', 'Segoe UI', 'Helvetica Neue', Arial, system-ui, sans-serif"
MONO: Final = "'JetBrains Mono', 'Noto Sans Mono', 'DejaVu Sans Mono', Consolas, monospace"

_DARK: Final[dict[str, str]] = {
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
    "fair": "#b7e05a",
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

_DARK_STATES: Final[dict[str, str]] = {
    "ok": "#2fd6c3",
    "info": "#5aa9ff",
    "minor": "#ffd23f",
    "major": "#ff8a3d",
    "critical": "#ff4d6a",
    "silent": "#93a0b8",
    "unknown": "#566580",
}

_DARK_DOMAINS: Final[dict[str, str]] = {
    "traffic": "#f2b25c",
    "drainage": "#58a6ff",
    "environment": "#63d297",
    "energy": "#c792ff",
    "platform": "#93a0b8",
}

AQI_COLOURS: Final[dict[str, tuple[str, str]]] = {
    "good": ("#00e400", "#06210a"),
    "moderate": ("#ffff00", "#242400"),
    "poor": ("#ff7e00", "#241200"),
    "bad": ("#ff0000", "#000000"),
    "very_bad": ("#8f3f97", "#ffffff"),
    "hazardous": ("#7e0023", "#ffffff"),
}
"""VN_AQI's official colours (Decision 1459/QĐ-TCMT) by category, and the text on them."""


_LIGHT: Final[dict[str, str]] = {
    "ground": "#eef2f8",
    "panel": "#ffffff",
    "panel-2": "#f6f8fc",
    "raised": "#e6ecf5",
    "line": "#d7dfeb",
    "line-strong": "#a9b7cc",
    "text": "#101a2c",
    "soft": "#33425c",
    "muted": "#4f5e78",
    "accent": "#00766a",
    "accent-dim": "#b5e5de",
    "focus": "#0b62c4",
    "fair": "#4f7a00",
    "map-land": "#e7edf4",
    "map-land-2": "#f3f6fa",
    "map-border": "#a9b7cc",
    "map-water": "#a7cdf0",
    "map-water-edge": "#86b6e2",
    "map-water-text": "#2a6cab",
    "map-road": "#ccd5e2",
    "map-road-major": "#b3bfd1",
    "map-metro": "#6a48d7",
    "map-text": "#5a6a85",
    "map-halo": "#f3f6fa",
}

_LIGHT_STATES: Final[dict[str, str]] = {
    "ok": "#007a6d",
    "info": "#1462c4",
    "minor": "#7d5c00",
    "major": "#b04300",
    "critical": "#c20d36",
    "silent": "#525f76",
    "unknown": "#66738a",
}

_LIGHT_DOMAINS: Final[dict[str, str]] = {
    "traffic": "#9a5b00",
    "drainage": "#1462c4",
    "environment": "#1a7a45",
    "energy": "#7f3fc0",
    "platform": "#4a5568",
}


class _Faces(Mapping[str, str]):
    """A table of colours that answers with the face wanted now."""

    def __init__(self, **faces: Mapping[str, str]) -> None:
        self._faces = faces

    def __getitem__(self, name: str) -> str:
        return self._faces[requested_face()][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._faces[FACES[0]])

    def __len__(self) -> int:
        return len(self._faces[FACES[0]])


COLOURS: Final[Mapping[str, str]] = _Faces(dark=_DARK, light=_LIGHT)
STATE_COLOURS: Final[Mapping[str, str]] = _Faces(dark=_DARK_STATES, light=_LIGHT_STATES)
"""What a device's state looks like. Every state has a shape of its own as well."""
DOMAIN_COLOURS: Final[Mapping[str, str]] = _Faces(dark=_DARK_DOMAINS, light=_LIGHT_DOMAINS)

SERIES_COLOURS: Final = (
    "#1f9e92", "#d9822b", "#5a8fe0", "#b4699f", "#7f9a2f", "#c9594f", "#8a76d6", "#8c7a5b",
)  # fmt: skip
"""Lines of a chart with several streams: seen on both grounds, and told apart by the colour-blind."""


def px(size: float) -> float:
    """A size in pixels, as the reader's screen wants it: on very large ones everything grows together."""
    return round(size * requested_scale(), 1)


def stylesheet() -> str:
    """Both faces as CSS custom properties; ``data-mantine-color-scheme`` of the page picks one."""
    dark = _variables("dark", _DARK, _DARK_STATES, _DARK_DOMAINS)
    light = _variables("light", _LIGHT, _LIGHT_STATES, _LIGHT_DOMAINS)
    return f":root {{{dark}}}\n:root[data-mantine-color-scheme=light] {{{light}}}\n"


def _variables(
    face: str, colours: Mapping[str, str], states: Mapping[str, str], domains: Mapping[str, str]
) -> str:
    rows = [f"color-scheme: {face};"]
    rows += [f"--{name}: {value};" for name, value in colours.items()]
    rows += [f"--state-{name}: {value};" for name, value in states.items()]
    rows += [f"--domain-{name}: {value};" for name, value in domains.items()]
    rows += [
        f"--aqi-{name}: {ground}; --aqi-{name}-ink: {ink};" for name, (ground, ink) in AQI_COLOURS.items()
    ]
    rows += [f"--font: {FONT};", f"--mono: {MONO};"]
    return "\n  " + "\n  ".join(rows) + "\n"


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
                _DARK["text"], _DARK["soft"], _DARK["muted"], _DARK["line-strong"],
                _DARK["line"], _DARK["raised"], _DARK["panel-2"], _DARK["panel"],
                _DARK["ground"], _DARK["ground"],
            ],
        },
    }  # fmt: skip
