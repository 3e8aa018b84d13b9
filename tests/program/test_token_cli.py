#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`yodel token` and `yodel hash-password` as a shell sees them: what they print and exit with."""

import json
import os
import pty
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)


def run(*args, text=""):
    """(status, standard output, standard error)."""
    done = subprocess.run(
        [PROGRAM, *args], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


class Case(unittest.TestCase):
    """A folder of files for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def ok(self, *args, text=""):
        """What is printed by a command that succeeds, without words."""
        status, out, err = run(*args, text=text)
        self.assertEqual((status, err), (0, ""))
        return out.strip()

    def refused(self, status, word, *args, text=""):
        """A command that fails, says why on the standard error, and prints nothing."""
        got, out, err = run(*args, text=text)
        self.assertEqual((got, out), (status, ""))
        self.assertIn(word, err)

    def key(self, name="key", alg="HS256"):
        """A key file."""
        self.ok("token", "key", "--alg", alg, "--out", self.path(name))
        return self.path(name)


class Keys(Case):
    """token key"""

    def test_files(self):
        for alg in ("HS512", "ES384", "EdDSA"):
            path = self.key(alg, alg)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertEqual(os.path.exists(path + ".pub"), alg != "HS512")
            with open(path, encoding="ascii") as stream:
                text = stream.read()
            self.refused(1, "exists", "token", "key", "--alg", alg, "--out", path)
            with open(path, encoding="ascii") as stream:
                self.assertEqual(stream.read(), text)

    def test_a_public_file_that_is_there(self):
        with open(self.path("key.pub"), "w", encoding="ascii"):
            pass
        self.refused(1, "exists", "token", "key", "--alg", "ES256", "--out", self.path("key"))
        self.assertFalse(os.path.exists(self.path("key")))

    def test_printed(self):
        self.assertEqual(len(self.ok("token", "key")), 43)
        made = json.loads(self.ok("token", "key", "--alg", "EdDSA", "-o", "json"))
        self.assertEqual(made["alg"], "EdDSA")
        self.assertIn("BEGIN PUBLIC KEY", made["public_key"])
        self.assertNotIn("public_key", json.loads(self.ok("token", "key", "-o", "json")))

    def test_usage(self):
        self.refused(64, "openssl", "token", "key", "--alg", "RS256")
        self.refused(64, "algorithm", "token", "key", "--alg", "none")
        self.refused(64, "too much", "token", "key", "x")
        self.refused(64, "-o wants text or json", "token", "key", "-o", "xml")
        self.refused(64, "sign", "token")
        self.refused(64, "sign", "token", "make")
        for command in ("sign", "check", "key"):
            self.assertIn("Usage", self.ok("token", command, "--help"))
        self.assertIn("token sign", self.ok("token", "--help"))


class Tokens(Case):
    """token sign and check"""

    def check(self, token, *args):
        """(status, object)"""
        status, out, _ = run("token", "check", "-o", "json", *args, token)
        return status, json.loads(out)

    def test_all_options(self):
        key = self.key(alg="ES256")
        token = self.ok(
            *("token", "sign", "--key-file", key, "--user", "ann", "--ttl", "10m", "--kid", "k"),
            *("--issuer", "iss", "--audience", "aud", "--namespace", "/", "--join", "lobby"),
            *("--can", "join=chat:*", "--can", "join=u:{user}", "--can", "emit=typing"),
            *("--info", '{"a":1}', "--meta", "[]", "--claim", 'role="x"'),
        )
        status, got = self.check(token, "--key-file", key + ".pub", "--audience", "aud")
        claims = got["claims"]
        self.assertEqual((status, got["valid"], got["user"], got["alg"]), (0, True, "ann", "ES256"))
        self.assertEqual(claims["exp"], claims["iat"] + 600)
        self.assertEqual((claims["iss"], claims["role"]), ("iss", "x"))
        self.assertEqual(claims["yodel"]["can"]["join"], ["chat:*", "u:{user}"])
        self.assertEqual(claims["yodel"]["namespaces"], ["/"])

    def test_words(self):
        key = self.key()
        token = self.ok("token", "sign", "--key-file", key, "--user", "ann")
        text = self.ok("token", "check", "--key-file", key, text=token + "\n")
        self.assertIn("user       ann", text)
        self.assertNotIn("FAILED", text)
        status, out, _ = run("token", "check", "--key-file", key, "--issuer", "x", token)
        self.assertEqual(status, 65)
        self.assertRegex(out, "time +ok")
        self.assertRegex(out, "issuer +FAILED")
        self.assertRegex(out, "grants +not checked")
        self.assertIn("iss_missing", out)

    def test_refusals(self):
        key, other = self.key(), self.key("other")
        token = self.ok("token", "sign", "--key-file", key, "--user", "ann")
        nobody = self.ok("token", "sign", "--key-file", key, "--ttl", "none")
        late = ("--at", "4000000000")
        for code, text, args in (
            ("signature_wrong", token, ("--key-file", other)),
            ("expired", token, ("--key-file", key, *late)),
            ("exp_missing", nobody, ("--key-file", key)),
            ("user_missing", nobody, ("--key-file", key, "--no-exp")),
            ("ok", nobody, ("--key-file", key, "--no-exp", "--anonymous", *late)),
            ("user_missing", token, ("--key-file", key, "--user-claim", "email")),
            ("alg_not_allowed", token, ("--key-file", self.key("pair", "EdDSA") + ".pub")),
            ("parts", "x", ("--key-file", key)),
        ):
            status, got = self.check(text, *args)
            self.assertEqual((status, got.get("code", "ok")), (65 * (code != "ok"), code))
        status, out, _ = run("token", "check", "--key-file", key, "-o", "json", text="x" * 20000)
        self.assertEqual((status, json.loads(out)["code"]), (65, "too_large"))

    def test_keys_that_cannot_be_used(self):
        key, pair = self.key(), self.key("pair", "EdDSA")
        sign = ("token", "sign", "--key-file")
        with open(self.path("short"), "w", encoding="ascii", opener=private) as stream:
            stream.write("short\n")
        self.refused(65, "5 bytes", *sign, self.path("short"))
        self.refused(65, "cannot sign", *sign, pair + ".pub")
        self.refused(65, "HS512", *sign, key, "--alg", "HS512")
        self.refused(65, "a secret", *sign, key, "--alg", "EdDSA")
        self.refused(1, "No such file", *sign, self.path("none"))
        os.chmod(key, 0o644)
        self.refused(1, "chmod 600", *sign, key)
        os.chmod(pair, 0o604)
        self.refused(1, "chmod 600", *sign, pair)
        self.refused(1, "No such file", "token", "check", "--jwks-file", self.path("none"), "x")
        self.refused(65, "JSON", "token", "check", "--jwks-file", self.path("short"), "x")

    def test_usage(self):
        sign = ("token", "sign", "--key-file", self.key())
        self.refused(64, "--key-file", "token", "sign")
        self.refused(64, "--ttl", *sign, "--ttl", "10")
        self.refused(64, "--ttl", *sign, "--ttl", "-1s")
        self.refused(64, "--ttl", *sign, "--ttl", "99999999999d")
        self.refused(64, "--can", *sign, "--can", "leave=x")
        self.refused(64, "--claim", *sign, "--claim", "=1")
        self.refused(64, "algorithm", *sign, "--alg", "none")
        self.refused(64, "unrecognized", *sign, "--bogus")
        self.refused(64, "too much", *sign, "x")
        self.refused(65, "info", *sign, "--info", "{")
        self.refused(65, "can.join", *sign, "--can", "join={room}")
        self.refused(65, "yodel.join", *sign, "--join", "a*")
        self.refused(65, "16 KiB", *sign, "--claim", 'x="' + "x" * 20000 + '"')
        check = ("token", "check")
        self.refused(64, "--key-file", *check, "x")
        for wrong in ("x", "", " 12", "+12", "-0", "12 ", "9" * 30):
            self.refused(64, "--at", *check, "--at", wrong)
        self.refused(64, "--leeway", *check, "--leeway", "30")
        self.refused(64, "too much", *check, "x", "y")


class Passwords(Case):
    """hash-password"""

    def test_hash(self):
        first = self.ok("hash-password", "--cost", "4", text="secret\n")
        self.assertRegex(first, r"^\$2b\$04\$[./A-Za-z0-9]{53}$")
        self.assertNotEqual(first, self.ok("hash-password", "--cost", "4", text="secret\n"))
        made = json.loads(self.ok("hash-password", "--cost", "4", "-o", "json", text="secret"))
        self.assertEqual(len(made["hash"]), 60)

    def test_refusals(self):
        self.ok("hash-password", "--cost", "4", text="p" * 72)
        self.refused(65, "72", "hash-password", text="p" * 73)
        self.refused(65, "empty", "hash-password", text="\n")
        self.refused(65, "NUL", "hash-password", text="a\0b")
        self.refused(65, "large", "hash-password", text="p" * 5000)
        self.refused(64, "argument", "hash-password", "secret")
        for wrong in ("3", "17", "x", "", " 12", "+12", " +12", "12 ", "0xc", "9" * 30):
            self.refused(64, "--cost", "hash-password", "--cost", wrong, text="secret")

    def test_terminal(self):
        for second, status in (("secret", 0), ("other", 65)):
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                [PROGRAM, "hash-password", "--cost", "4"],
                stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            os.close(theirs)
            for prompt, line in ((b"Password: ", "secret"), (b"Once more: ", second)):
                seen = b""
                while not seen.endswith(prompt):
                    seen += process.stderr.read(1)
                os.write(ours, line.encode() + b"\n")
            out, _ = process.communicate(timeout=60)
            os.close(ours)
            self.assertEqual((process.returncode, out[:7]), (status, b"" if status else b"$2b$04$"))


def private(path, flags):
    """Opens as its owner's alone."""
    return os.open(path, flags, 0o600)


unittest.main()
