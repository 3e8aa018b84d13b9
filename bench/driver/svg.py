# SPDX-License-Identifier: MIT
"""Line charts as SVG, with nothing but the standard library."""

import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 48, 56
COLOURS = ("#0b6e99", "#d1495b", "#5b8c2a", "#8d6cab", "#c77f1a", "#444444")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:15px}"
    ".axis{stroke:#555}.grid{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.axis{stroke:#999}}"
)


@dataclass
class Chart:
    title: str
    x_title: str
    y_title: str
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    log_x: bool = True
    log_y: bool = False
    dashed: tuple[str, ...] = ()  # names of series that go with the one before them

    def add(self, name, points):
        """Points in any order; a series without points is left out."""
        if points:
            self.series[name] = sorted(points)


def short(value):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def round_steps(top):
    """About five round numbers from 0 to top or a little more."""
    power = 10 ** math.floor(math.log10(top / 5)) if top > 0 else 1
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * 5 >= top)
    return [step * i for i in range(math.ceil(top / step) + 1)]


def log_ticks(low, high):
    """Powers of ten around the values; within two of them also 2 and 5 times these."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [10.0**i * factor for i in range(first, last) for factor in factors] + [10.0**last]
    start = max(i for i, tick in enumerate(ticks) if tick <= low)
    end = min(i for i, tick in enumerate(ticks) if tick >= high)
    return ticks[start : max(end, start + 1) + 1]


class Axis:
    """From values to places on the page."""

    def __init__(self, ticks, log, start, end):
        self.ticks, self.log, self.start, self.end = ticks, log, start, end

    def at(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def axes(chart):
    xs = [x for points in chart.series.values() for x, _ in points]
    ys = [y for points in chart.series.values() for _, y in points]
    x_ticks = log_ticks(min(xs), max(xs)) if chart.log_x else sorted({0, *xs, 100})
    y_ticks = log_ticks(min(ys), max(ys)) if chart.log_y else round_steps(max(ys))
    return (
        Axis(x_ticks, chart.log_x, LEFT, WIDTH - RIGHT),
        Axis(y_ticks, chart.log_y, HEIGHT - BOTTOM, TOP),
    )


def text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def frame(chart, x_axis, y_axis):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    yield text(LEFT, 26, chart.title, "start", ' class="title"')
    for tick in y_axis.ticks:
        yield line(LEFT, y_axis.at(tick), right, y_axis.at(tick), "grid")
        yield text(LEFT - 8, y_axis.at(tick) + 4, short(tick), "end")
    for tick in x_axis.ticks:
        yield line(x_axis.at(tick), bottom, x_axis.at(tick), bottom + 5, "axis")
        yield text(x_axis.at(tick), bottom + 20, short(tick))
    yield line(LEFT, bottom, right, bottom, "axis")
    yield line(LEFT, TOP, LEFT, bottom, "axis")
    yield text((LEFT + right) / 2, HEIGHT - 12, chart.x_title)
    middle = (TOP + bottom) / 2
    yield text(16, middle, chart.y_title, extra=f' transform="rotate(-90 16 {middle:.1f})"')


def curve(name, points, colour, dashed, x_axis, y_axis, label_y):
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    left = WIDTH - RIGHT + 14
    yield (
        f'<line x1="{left}" y1="{label_y - 4}" x2="{left + 18}" y2="{label_y - 4}" '
        f'stroke="{colour}" stroke-width="2"{dash}/>'
    )
    yield text(left + 24, label_y, name, "start")


def document(chart, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(chart.title)}">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def draw(chart):
    """The chart as a document, be it one that says that nothing was measured."""
    if not chart.series:
        parts = [text(LEFT, 26, chart.title, "start", ' class="title"')]
        return document(chart, [*parts, text(WIDTH / 2, HEIGHT / 2, "not measured yet")])
    x_axis, y_axis = axes(chart)
    parts = [*frame(chart, x_axis, y_axis)]
    colour = -1
    for i, (name, points) in enumerate(chart.series.items()):
        dashed = name in chart.dashed
        colour += not dashed or colour < 0
        parts += curve(
            name, points, COLOURS[colour % len(COLOURS)], dashed, x_axis, y_axis, TOP + 12 + 20 * i
        )
    return document(chart, parts)
