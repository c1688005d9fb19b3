"""A page of styled lines: wrapped to a width with hanging indents, never cut, never reading markup from values."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

Part = str | tuple[str, str]
NARROWEST = 40


class Page:
    """Collects lines and returns them as one text, with terminal colours or without."""

    def __init__(self, *, color: bool, width: int) -> None:
        self._width = max(width, NARROWEST)
        self._out = StringIO()
        # An empty environment keeps NO_COLOR, COLUMNS and TERM of this process out: the caller has decided.
        self._console = Console(
            file=self._out,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            width=self._width,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )

    def line(self, *parts: Part, indent: int = 0, hang: int = 2) -> None:
        """Write one line; what does not fit goes on below, indented by `hang` more."""
        text = Text.assemble(*parts)
        wrapped = text.wrap(self._console, max(self._width - indent - hang, NARROWEST // 2), overflow="fold")
        for number, piece in enumerate(wrapped):
            piece.rstrip()
            padding = " " * (indent + (hang if number else 0))
            self._console.print(Text.assemble(padding, piece), soft_wrap=True)

    def room(self, indent: int) -> int:
        """Say how many columns an indented line has."""
        return self._width - indent

    def gap(self) -> None:
        """Write an empty line."""
        self._out.write("\n")

    def text(self) -> str:
        """Return everything written."""
        return self._out.getvalue()
