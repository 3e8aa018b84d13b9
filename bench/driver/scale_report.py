# SPDX-License-Identifier: MIT
"""Tables of the many connections, and what they come to for a million."""

from .report import markdown_table, number
from .servers import TITLES

MILLION = 1_000_000
KIND_TITLES = {
    "echo": "WebSocket echo",
    "broadcast": "WebSocket broadcast to all",
    "sio-echo": "Socket.IO echo",
    "sio-broadcast": "Socket.IO broadcast to all",
}


def title_of(row):
    loops = "" if row["loops"] == 1 else f", {row['loops']} loops"
    return f"{TITLES.get(row['server'], row['server'])}{loops}"


def cell(row, digits, *keys):
    for key in keys:
        row = row.get(key) if row is not None else None
    return number(row, digits)


def row_cells(row):
    kernel = row["kernel_bytes_both_ends"]
    return [
        title_of(row),
        number(row["connections"]),
        number(row["processes"]),
        number(row["user_bytes"]),
        number(kernel) if row["connections"] >= 10000 else "-",
        number(row["opened_per_second"]),
        number(row["open_cpu_us"], 1),
        cell(row, 2, "some", "cpu_us"),
        cell(row, 2, "all", "cpu_us"),
        cell(row, 0, "all", "per_second"),
        cell(row, 0, "once_ms"),
    ]


HEAD = [
    "server",
    "connections",
    "processes",
    "user bytes each",
    "kernel bytes, both ends",
    "opened/s",
    "CPU to open, us",
    "CPU/message, 100 active, us",
    "CPU/message, all active, us",
    "messages/s, all active",
    "one to all, ms",
]


def scale_tables(scale):
    for kind, title in KIND_TITLES.items():
        rows = [row for row in scale if row["kind"] == kind]
        if rows:
            yield f"### {title}\n\n{markdown_table(HEAD, [row_cells(row) for row in rows])}\n"


def churn_table(churn):
    head = ["server", "kind", "before", "10,000 open", "all gone", "after 10 times", "x before"]
    mib = 1024 * 1024
    rows = [
        [
            TITLES.get(row["server"], row["server"]),
            KIND_TITLES[row["kind"]],
            *(
                f"{row[key] / mib:.1f}"
                for key in (
                    "resident_before",
                    "resident_full",
                    "resident_after_first",
                    "resident_after",
                )
            ),
            f"{row['resident_after'] / row['resident_before']:.2f}",
        ]
        for row in churn
    ]
    return (
        "### Resident memory in MiB, 100,000 connections that come and go, 10,000 at a time\n\n"
        f"{markdown_table(head, rows)}\n"
    )


def find(scale, kind, connections=None, server="yodel"):
    """The row of Yodel on one loop with so many connections, or with the most."""
    rows = [
        row
        for row in scale
        if (row["server"], row["kind"], row["loops"]) == (server, kind, 1)
        and connections in (None, row["connections"])
    ]
    return max(rows, key=lambda row: row["connections"], default=None)


def growth(scale, kind, which):
    """CPU per message at 100,000 connections, that at 1,000 being 1."""
    few, many = find(scale, kind, 1000), find(scale, kind, 100000)
    if few is None or many is None or not few[which]["cpu_us"]:
        return None
    return many[which]["cpu_us"] / few[which]["cpu_us"]


def million_rows(echo, delivery):
    """Linear: so many connections at what each of them took here."""
    gib = 1024**3
    rest = echo.get("rest_cpu")
    storm = echo["open_cpu_us"] * MILLION / 1e6
    yield "user memory, GiB", number(echo["user_bytes"] * MILLION / gib, 2)
    kernel = echo["kernel_bytes_both_ends"] / 2 * MILLION
    yield "kernel memory, half of what both ends took, GiB", number(kernel / gib, 1)
    yield "descriptors", number(MILLION)
    if rest is not None:
        share = rest / echo["connections"] * MILLION
        yield "CPUs for pings and heartbeats at rest", number(share, 2)
    yield "CPU seconds until all have reconnected", number(storm, 0)
    yield "seconds for that with 1, 4, 16 loops", ", ".join(
        number(storm / loops, 0) for loops in (1, 4, 16)
    )
    if delivery is not None:
        all_of_them = delivery["all"]["cpu_us"] * MILLION / 1e6
        yield "CPU seconds for one message to all", number(all_of_them, 1)


def million_table(scale):
    columns = [
        dict(million_rows(echo, find(scale, broadcast)))
        for kind, broadcast in (("echo", "broadcast"), ("sio-echo", "sio-broadcast"))
        if (echo := find(scale, kind)) is not None
    ]
    if len(columns) < 2:
        return ""
    rows = [[name, *(column.get(name, "-") for column in columns)] for name in columns[0]]
    most = find(scale, "echo")["connections"]
    return (
        f"### A million connections, reckoned from {most:,}\n\n"
        f"{markdown_table(['', 'WebSocket', 'Socket.IO'], rows)}\n"
    )


def scale_text(figures):
    """All tables of a measured scale."""
    return "\n".join(
        [
            *scale_tables(figures["scale"]),
            *([churn_table(figures["churn"])] if figures["churn"] else []),
            million_table(figures["scale"]),
        ]
    )
