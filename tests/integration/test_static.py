# SPDX-License-Identifier: MIT
"""Static files: types, ETag, ranges, HEAD, and nothing from outside the directory."""

import os
import shutil
import tempfile

from harness import ROOT, Demo, Stream, connect, equal, eventually, http, request_bytes, run

FOLDER = tempfile.mkdtemp(prefix="yodel-static-")
SECRET = "outside the directory"
CONTENT = bytes(range(256)) * 8

TYPES = {
    "page.html": "text/html", "style.css": "text/css", "app.js": "text/javascript",
    "module.mjs": "text/javascript", "data.json": "application/json", "icon.svg": "image/svg+xml",
    "photo.png": "image/png", "photo.jpg": "image/jpeg", "font.woff2": "font/woff2",
    "notes.txt": "text/plain", "code.wasm": "application/wasm",
    "thing.unknown": "application/octet-stream", "no_extension": "application/octet-stream",
}


def write(name, content):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def make_demo():
    for name in TYPES:
        write(f"public/{name}", b"content of " + name.encode())
    write("public/index.html", "<p>главная</p>".encode())
    write("public/sub/index.html", b"<p>sub</p>")
    write("public/sub/two words.txt", b"two words")
    write("public/sub/имя.txt", "кириллица".encode())
    write("public/sub/100%.txt", b"percent")
    write("public/bytes.bin", CONTENT)
    write("public/empty.txt", b"")
    write("public/none/file.txt", b"a directory without an index")
    write("public/.hidden", b"hidden")
    write("secret.txt", SECRET.encode())
    write("public-too/file.txt", SECRET.encode())
    os.symlink("../secret.txt", os.path.join(FOLDER, "public/link.txt"))
    os.symlink("..", os.path.join(FOLDER, "public/up"))
    os.symlink("notes.txt", os.path.join(FOLDER, "public/inside.txt"))
    os.mkfifo(os.path.join(FOLDER, "public/pipe"))
    return Demo(public=os.path.join(FOLDER, "public"))


def test_index(demo):
    answer = demo.get("/")
    equal(answer.status, 200)
    equal(answer.body.decode(), "<p>главная</p>")
    assert answer.headers["content-type"].startswith("text/html"), answer.headers
    equal(demo.get("/sub/").body, b"<p>sub</p>")


def test_directory_without_a_slash(demo):
    answer = demo.get("/sub")
    assert answer.status in (301, 302, 307, 308, 404), answer
    if answer.status != 404:
        assert answer.headers["location"].endswith("/sub/"), answer.headers


def test_directory_without_an_index(demo):
    equal(demo.get("/none/").status, 404)


def test_types(demo):
    for name, expected in TYPES.items():
        answer = demo.get("/" + name)
        equal(answer.status, 200, name)
        equal(answer.body, b"content of " + name.encode())
        equal(answer.headers["content-type"].split(";")[0], expected, name)
    assert "utf-8" in demo.get("/notes.txt").headers["content-type"].lower()


def test_empty_file(demo):
    answer = demo.get("/empty.txt")
    equal((answer.status, answer.body, answer.headers["content-length"]), (200, b"", "0"))


def test_names_are_decoded_once(demo):
    equal(demo.get("/sub/two%20words.txt").body, b"two words")
    equal(demo.get("/sub/%D0%B8%D0%BC%D1%8F.txt").body.decode(), "кириллица")
    equal(demo.get("/sub/100%25.txt").body, b"percent")
    equal(demo.get("/%6eotes.txt").body, b"content of notes.txt")
    equal(demo.get("/sub/100%2525.txt").status, 404)


def test_query_is_no_part_of_the_name(demo):
    equal(demo.get("/notes.txt?v=1").body, b"content of notes.txt")


def test_missing(demo):
    for path in ("/nothing.html", "/sub/nothing", "/notes.txt/", "/notes.txt/x"):
        equal(demo.get(path).status, 404, path)


def test_head(demo):
    whole = demo.get("/bytes.bin")
    head = http(demo.port, "HEAD", "/bytes.bin")
    equal(head.status, 200)
    for name in ("content-length", "content-type", "etag"):
        equal(head.headers[name], whole.headers[name], name)
    with Stream(connect(demo.port)) as stream:
        stream.send(request_bytes("HEAD", "/bytes.bin") + request_bytes("GET", "/notes.txt"))
        equal(stream.response(to_head=True).status, 200)
        equal(stream.response().body, b"content of notes.txt")


def test_other_methods(demo):
    answer = http(demo.port, "POST", "/notes.txt", [], b"x")
    equal(answer.status, 405)
    assert "GET" in answer.headers["allow"] and "HEAD" in answer.headers["allow"], answer.headers


def test_etag(demo):
    first = demo.get("/notes.txt")
    tag = first.headers["etag"]
    assert tag.endswith('"'), tag
    for value in (tag, f'"other", {tag}', f"W/{tag}" if tag[0] == '"' else tag, "*"):
        answer = demo.get("/notes.txt", headers=[("If-None-Match", value)])
        equal((answer.status, answer.body), (304, b""), value)
        equal(answer.headers["etag"], tag)
    equal(demo.get("/notes.txt", headers=[("If-None-Match", '"other"')]).status, 200)
    with Stream(connect(demo.port)) as stream:
        stream.send(request_bytes("GET", "/notes.txt", [("If-None-Match", tag)]) * 2)
        equal([stream.response().status for _ in range(2)], [304, 304])


def test_etag_changes_with_the_file(demo):
    write("public/changing.txt", b"one")
    tag = demo.get("/changing.txt").headers["etag"]
    write("public/changing.txt", b"three")
    answer = demo.get("/changing.txt", headers=[("If-None-Match", tag)])
    equal((answer.status, answer.body), (200, b"three"))


def test_ranges(demo):
    size = len(CONTENT)
    for value, first, last in (
        ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-", 100, size - 1),
        ("bytes=-50", size - 50, size - 1), (f"bytes=0-{size * 2}", 0, size - 1),
        (f"bytes=-{size * 2}", 0, size - 1), (f"bytes={size - 1}-", size - 1, size - 1),
    ):
        answer = demo.get("/bytes.bin", headers=[("Range", value)])
        equal(answer.status, 206, value)
        equal(answer.headers["content-range"], f"bytes {first}-{last}/{size}", value)
        equal(answer.body, CONTENT[first : last + 1], value)


def test_ranges_outside(demo):
    size = len(CONTENT)
    for value in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        answer = demo.get("/bytes.bin", headers=[("Range", value)])
        equal(answer.status, 416, value)
        equal(answer.headers["content-range"], f"bytes */{size}", value)


def test_ranges_that_are_none(demo):
    for value in ("bytes=5-2", "bytes=", "bytes=a-b", "items=0-1", "bytes=--5", "bytes=1-2-3"):
        answer = demo.get("/bytes.bin", headers=[("Range", value)])
        assert answer.status in (200, 416), (value, answer.status)
        if answer.status == 200:
            equal(answer.body, CONTENT, value)


def test_range_of_another_version(demo):
    tag = demo.get("/bytes.bin").headers["etag"]
    headers = [("Range", "bytes=0-9"), ("If-Range", tag)]
    if tag[0] == '"':
        equal(demo.get("/bytes.bin", headers=headers).status, 206)
    headers = [("Range", "bytes=0-9"), ("If-Range", '"older"')]
    equal(demo.get("/bytes.bin", headers=headers).status, 200)


TRAVERSALS = (
    "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt",
    "/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "/./../secret.txt", "//../secret.txt",
    "/..%5csecret.txt", "/..\\secret.txt", "/%252e%252e/secret.txt", "/..%00/secret.txt",
    "/../public-too/file.txt", "/link.txt", "/up/secret.txt", "/..;/secret.txt", "/....//secret.txt",
    "/%c0%ae%c0%ae/secret.txt", "/notes.txt%00.html", "/sub/..%2f..%2fsecret.txt", "//etc/passwd",
    "/%2fetc/passwd", "/sub//../../secret.txt", "/.%2e/secret.txt", "/proc/self/environ",
)


def test_traversal(demo):
    for method in ("GET", "HEAD"):
        for target in TRAVERSALS:
            with Stream(connect(demo.port)) as stream:
                stream.send(request_bytes(method, target, [("Connection", "close")]))
                answer = stream.response(to_head=method == "HEAD")
            assert answer.status in (400, 404), (method, target, answer.status)
            assert SECRET.encode() not in answer.body, target


def test_link_inside_the_directory(demo):
    answer = demo.get("/inside.txt")
    assert answer.status in (200, 404), answer
    if answer.status == 200:
        equal(answer.body, b"content of notes.txt")


def test_a_pipe_is_no_file(demo):
    equal(demo.get("/pipe").status, 404)


def test_unreadable(demo):
    if os.getuid() == 0:
        return
    write("public/locked.txt", b"x")
    os.chmod(os.path.join(FOLDER, "public/locked.txt"), 0)
    assert demo.get("/locked.txt").status in (403, 404)


def test_routes_win(demo):
    write("public/health", b"a file")
    equal(demo.get("/health").json(), {"status": "ok"})


def test_large_file(demo):
    content = os.urandom(9 << 20)
    write("public/large.bin", content)
    assert demo.get("/large.bin").body == content, "other octets came"
    part = demo.get("/large.bin", headers=[("Range", "bytes=8000000-8999999")])
    assert part.body == content[8000000:9000000], "another part came"


def test_client_gone_in_the_middle(demo):
    content = bytes(30 << 20)
    write("public/huge.bin", content)
    before = demo.descriptors()
    for _ in range(20):
        stream = Stream(connect(demo.port))
        stream.send(request_bytes("GET", "/huge.bin"))
        stream.exactly(1000)
        stream.abort()
    equal(demo.get("/health").status, 200)
    eventually(lambda: demo.descriptors() <= before + 2, "all descriptors are back")


def test_page_of_the_demo():
    with Demo() as demo:
        page = demo.get("/")
        equal(page.body, (ROOT / "demo/public/index.html").read_bytes())
        for name in sorted(os.listdir(ROOT / "demo/public")):
            answer = demo.get("/" + name)
            equal((answer.status, answer.body), (200, (ROOT / "demo/public" / name).read_bytes()))


if __name__ == "__main__":
    try:
        run(globals(), make_demo)
    finally:
        shutil.rmtree(FOLDER)
