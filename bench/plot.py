#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws the curves and writes the tables of a folder again from its figures.json.

    bench/plot.py docs/performance
"""

import sys
from pathlib import Path

from driver.figures import charts, load_figures, share_rows
from driver.report import markdown_table
from driver.scale_report import scale_text
from driver.svg import draw

SHARES_HEAD = [
    "scenario",
    "server",
    "server CPU, us/message",
    "x Yodel",
    "of it in user space, us",
    "messages/s",
    "p50, us",
    "p99, us",
    "p99.9, us",
]


def tables(figures):
    rows = list(share_rows(figures))
    parts = ["# Measured figures", "Written by `bench/plot.py` from `figures.json`. The runs:"]
    parts.append("\n".join(f"- {run}" for run in figures["runs"]) or "none yet.")
    if figures["scale"]:
        parts.append(f"## Many connections\n\n{scale_text(figures)}")
    if rows:
        parts.append(f"## Scenarios\n\n{markdown_table(SHARES_HEAD, rows)}\n")
    return "\n\n".join(parts)


def plot(folder):
    folder.mkdir(parents=True, exist_ok=True)
    figures = load_figures(folder)
    for name, chart in charts(figures):
        (folder / f"{name}.svg").write_text(draw(chart), encoding="utf-8")
    text = tables(figures).rstrip() + "\n"
    (folder / "figures.md").write_text(text, encoding="utf-8")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    plot(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
