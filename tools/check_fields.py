#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails where a layer reaches into a struct of another one that is not open to it.

What clang makes of each file of src/ says which field of which struct an expression means.  VALUES are structs
that carry data between layers.  Of any other struct only the fields of OPEN may be used, and by the layers named;
everything else goes through a function of the struct's own layer.  Ends with 77 (skipped) without clang."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tree
from check_docs import jansson_flags, make_headers

VALUES = set(
    """yd_adapter_setup yd_buf yd_bus_process yd_group_change yd_op_origin yd_carried yd_carry_lookup yd_carry_options yd_carry_stats
    yd_channels_options yd_connect_options yd_counters yd_credentials yd_delivery yd_eio_handshake yd_eio_home yd_eio_packet yd_forwarded yd_front yd_http_field yd_http_codings yd_http_head
    yd_http_options yd_http_scan yd_ip yd_ip_range yd_json_binary yd_key yd_link_options yd_list yd_loop_set yd_mail yd_map yd_map_node yd_msg yd_kept_entry yd_offset yd_msgpack_blobs yd_msgpack_item yd_native_stats yd_net_date yd_node_info yd_nodes_stats yd_op yd_proxy_head yd_redis_command yd_scope
    yd_scope_size yd_sio_outgoing yd_sio_output
    yd_asgi_setup yodel_redis_reply yd_sio_packed yd_sio_packet yd_sio_placeholder yd_sio_remote_scope yd_sio_remote_words yd_sio_setup yd_sio_state yd_sockets yd_stream_events yd_survey yd_trust yd_twin yd_verdict yd_wire_reader yd_words
    yd_ws_deflate_params yd_ws_piece yd_ws_reader
    yodel_event""".split()
)
OPEN = {  # struct: the layers, the fields
    "yd_json_iter": ("adapter", "ptr"),
    "yd_json_token": ("adapter", "mark text"),
    "yd_timer": ("net eio open adapter channels_redis", "due"),
    "yd_bus": ("groups channels nodes adapter channels_redis history_redis", "loops mem num_loops secret"),
    "yd_layer": ("channels channels_redis nodes sio", "bus by_group has_own_form name ops"),
    "yd_peer": ("channels_redis adapter history_redis", "ops"),
    "yd_part": ("server channels_redis adapter history_redis", "next ops"),
    "yd_part_ops": ("server", "begin end free stop"),
    "yd_channels_far": ("channels_redis", "ops"),
    "yd_redis_watcher": ("channels_redis adapter server history_redis", "on_down on_finish on_up"),
    "yd_redis_reader": ("channels_redis", "block_ms key make on_reply"),
    "yd_redis_sub": ("channels_redis adapter nodes history_redis", "active kind name on_active on_message"),
    "yd_history_read": ("ws history_redis", "back channels done entries fn forgets from gone last limit name name_len options result user"),
    "yd_history_store": ("history_redis", "ops"),
    "yd_history_rule": ("ws", "is_plain namespaces none options pattern"),
    "yd_fence_wait": ("sio", "mail"),
    "yd_member": ("channels ws sse sio", "deliver"),
    "yd_loop": (
        "bus open decision groups channels nodes net http ws sse eio sio adapter server carry channels_redis history_redis redis",
        "closed counters index keeper mem net now on_begin open pool running runs stopping wheel",
    ),
    "yd_loop_runs": ("net", "latest seen times"),
    "yd_listener": ("net server", "backend fd loop user"),
    "yd_watch": ("open", "events fd loop on_events"),
    "yd_stream": ("net ws server carry", "closing ended events fd hung_up loop paused pending pipe"),
    "yd_connect": ("redis carry", "on_done"),
    "yd_conn": ("http ws carry redis", "eof events kept sending stream up want_drain"),
    "yd_net": ("http server carry", "date loop mem on_connection on_empty user"),
    "yd_pipe": ("net carry", "ops stream"),
    "yd_carry": ("server", "far"),
    "yd_finder": ("server", "find"),
    "yd_node_dialer": ("server", "base"),
    "yd_redis_wire": ("server", "wire"),
    "yd_node_finder": ("server", "base nodes"),
    "yd_node_lookup": ("carry", "done"),
    "yd_nodes_watcher": ("carry server", "on_join on_leave on_tag"),
    "yd_eio_far": ("carry", "carry former node"),
    "yd_net_listener": ("server", "base"),
    "yd_http": ("sse eio server", "mem options"),
    "yd_sio_watcher": ("adapter", "changed"),
    "yd_sio_remote_asker": ("adapter", "all_arguments answered asker counted"),
    "yd_ws_service": ("server", "num_open"),
    "yd_sio_order": ("adapter", "ops"),
    "yd_sio_restore": ("adapter", "due early node ns offset owner pages pid"),
}
FILE = re.compile(r"([\w./-]+\.[ch]):\d+:\d+")
NODE = re.compile(r"^([ |`]*)-?(\w+) (0x\w+)")
RECORD = re.compile(r" (?:struct|union)(?: (\w+))? definition")
FIELD = re.compile(r" (\w+) '[^']*'(?::'[^']*')?(?: \w+)*$")
UNNAMED = re.compile(r"\(unnamed [^)]*\)")  # of a type, with where it is defined
MEMBER = re.compile(r"(?:->|\.)(\w+) (0x\w+)")


def accesses(dump):
    """(file, struct, its file, field) of every member expression; clang names a file only where it changes."""
    where, owners, found = "", {}, set()
    records = []  # the structs that the present line is inside of: depth, name, file
    for line in dump.splitlines():
        node = NODE.match(line)
        if not node:
            continue
        where = (FILE.findall(UNNAMED.sub("", line)) or [where])[-1]
        while records and records[-1][0] >= len(node[1]):
            records.pop()
        record = RECORD.search(line)
        if node[2] == "RecordDecl" and record:
            records.append((len(node[1]), record[1] or (records[-1][1] if records else ""), where))
        elif node[2] == "FieldDecl" and records:
            owners[node[3]] = records[-1][1:]
        elif node[2] == "MemberExpr":
            member = MEMBER.search(line)
            if member and member[2] in owners:
                found.add((where, *owners[member[2]], member[1]))
    return found


def layer(path):
    """The layer a file of src/ is in, else nothing."""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else ""


def is_open(name, field, user):
    """Whether the layer `user` may use a field."""
    layers, fields = OPEN.get(name, ("", ""))
    return name in VALUES or (user in layers.split() and field in fields.split())


def check_file(top, path, flags):
    """The number of accesses clang sees in a file and its headers, and those that go through a wall."""
    command = ["clang", *flags, "-fsyntax-only", "-w", "-Xclang", "-ast-dump", "-fno-color-diagnostics", path]
    result = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return 1, {f"{path}: clang cannot read it:\n{result.stderr}"}
    found = accesses(result.stdout)
    return len(found), {
        f"{user}: {layer(user)} may not use {field} of struct {name} ({home})"
        for user, name, home, field in found
        if layer(user) and layer(home) not in ("", layer(user)) and not is_open(name, field, layer(user))
    }


def main():
    """Check every file of src/."""
    if not shutil.which("clang"):
        print("clang is not installed")
        sys.exit(77)
    top = tree.root()
    problems, num = set(), 0
    paths = tree.files(top, ["src"], [".c"])
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        make_headers(top, folder)
        flags = ["-std=c11", "-D_GNU_SOURCE", "-Isrc", "-Iinclude", "-I" + folder, *jansson_flags()]
        for seen, found in pool.map(lambda path: check_file(top, path, flags), paths):
            num += seen
            problems |= found
    if num < len(paths):
        problems.add("no fields found: is the output of clang -ast-dump another one now?")
    tree.finish(sorted(problems), f"fields ok: {len(paths)} files, {num} fields")


if __name__ == "__main__":
    main()
