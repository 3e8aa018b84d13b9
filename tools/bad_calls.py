#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints a C table of calls of every function of the public headers, for tests/unit/test_bad_calls.c.

Each is called with the objects of a `struct subjects`, which may all be NULL, and with nothing in every other place:
NULL, 0 and structs of zeros, or a text and a number.  What it returns as a reference is given back."""

import os
import re
import sys

import tree

COMMENT = re.compile(r"/\*.*?\*/", re.S)
PROTOTYPE = re.compile(r"^YODEL_API\b([^;{}()]*?)\b(yodel_\w+)\((.*?)\)\s*YODEL_\w+;", re.M | re.S)
SUBJECTS = {
    "channels", "decision", "document", "event", "loop", "prepared", "redis", "request", "server", "sio", "sio_answers",
    "sio_entry", "sio_event", "sio_server_ack", "sio_server_event", "sio_namespace", "sio_socket", "sse", "stream", "timer", "watch", "ws", "ws_message",
}  # fmt: skip
STRUCTS = {"yodel_str", "yodel_bytes", "yodel_id", "yodel_sio_target"}
TAKEN = {"yodel_document_free"}
NEW_DOCUMENTS = {"yodel_sio_binary", "yodel_sio_socket_handshake"}


def argument(text):
    """The expression for one parameter."""
    subject = re.fullmatch(r"(?:const )?yodel_(\w+) \*(\w+)", text)
    if subject and subject[1] in SUBJECTS and not subject[2].startswith("ret_"):
        return f"s->{subject[1]}"
    words = text.replace("const ", "").split()
    if words[0] in ("yodel_str", "yodel_bytes") and "*" not in text:
        return f"({words[0]}){{(const void *)s->text, s->number}}"
    if words[0] in STRUCTS and "*" not in text:
        return f"({words[0]}){{0}}"
    if re.fullmatch(r"const char \*\w+", text):
        return "s->text"
    return f"({words[0]})s->number" if "*" not in text and "[" not in text and len(words) == 2 else "NULL"


def body(result, name, args):
    """The statements of a call, and the letter of what it returns."""
    call = f"{name}({', '.join(args)})"
    if name in TAKEN or name.endswith("_unref"):
        return "if (!s->live)\n        " + call + ";\n    return 0;", "-"
    if name.endswith("_ref"):
        return f"return {name[:-3]}unref({call}) != NULL;", "p"
    if result.endswith("yodel_decision *"):
        return f"yodel_decision *made = {call};\n\n    yodel_decision_unref(made);\n    return made != NULL;", "p"
    if name in NEW_DOCUMENTS:
        return f"json_t *made = {call};\n\n    json_decref(made);\n    return made != NULL;", "p"
    if result.endswith("*"):
        return f"return {call} != NULL;", "p"
    kind = result.split()[-1] if result.split() else ""
    if kind in ("yodel_str", "yodel_bytes"):
        return f"return {call}.ptr != NULL;", "v"
    if kind == "yodel_id":
        return f"return {call}.value != 0;", "v"
    if kind == "yodel_sio_target":
        return call + ";\n    return 0;", "-"
    if kind == "void":
        return call + ";\n    return 0;", "-"
    return f"return (long){call};", "i" if kind == "int" else "n"


def main():
    """Print it."""
    top = tree.root()
    skipped = sys.argv[2:]  # headers of parts that are not built
    names = [name for name in tree.files(top, ["include/yodel"], [".h"]) if os.path.basename(name) not in skipped]
    for name in names:
        print(f"#include <{name.removeprefix('include/')}>")
    print("\nstruct subjects {\n    int live;\n    const char *text; /* of one byte, or NULL */\n    unsigned number;")
    for subject in sorted(SUBJECTS):
        print(f"    yodel_{subject} *{subject};")
    print("};\n")
    table = []
    for name in names:
        for result, function, params in PROTOTYPE.findall(COMMENT.sub("", tree.read(top, name))):
            result = " ".join(result.replace("YODEL_CHECK_RESULT", "").split())
            params = [" ".join(param.split()) for param in params.split(",")]
            args = [argument(param) for param in params if param not in ("void", "...")]
            text, letter = body(result, function, args)
            print(f"static long call_{function}(const struct subjects *s)\n{{\n    (void)s;\n    {text}\n}}\n")
            table.append(f'    {{"{function}", call_{function}, \'{letter}\'}},')
    print("static const struct bad_call {\n    const char *name;\n    long (*call)(const struct subjects *s);")
    print("    char returns; /* an int, a pointer, a view, a number, nothing */\n} bad_calls[] = {")
    print("\n".join(table) + "\n};")


main()
