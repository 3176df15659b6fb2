#!/usr/bin/env python3
"""Proves on small fixtures that each rule can fail, and that a tidy tree passes."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import cpp_source  # noqa: E402
import tidy  # noqa: E402

LAYERS = """set(CAIRN_LAYER_wire "")
set(CAIRN_LAYER_base "")
set(CAIRN_LAYER_runtime base)
set(CAIRN_LAYER_engine base runtime)
set(CAIRN_LAYER_object_store base runtime)
set(CAIRN_LAYER_s3 base runtime object_store)
set(CAIRN_LAYER_vfs base runtime engine)
set(CAIRN_LAYER_fuse base vfs)
"""

TIDY = {
    "cmake/CairnLayers.cmake": LAYERS,
    "fsd/base/README.md": "# base\n",
    "fsd/base/a.h": "#pragma once\n\nint one();\n",
    "fsd/base/a.cc": '#include "fsd/base/a.h"\n\nint one() { return 1; }\n',
}


def function_of(lines: int, name: str = "long_one") -> str:
    return f"void {name}() {{\n" + "  one();\n" * (lines - 2) + "}\n"


class TidyTest(unittest.TestCase):
    def offences(self, files: dict[str, str], ratchet: dict | None = None) -> list[str]:
        """The rules that the tree breaks."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**TIDY, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            if ratchet is not None:
                path = root / "tests/tidy/ratchet.json"
                path.parent.mkdir(parents=True)
                path.write_text(json.dumps(ratchet))
                (path.parent / "README.md").write_text("# tidy\n")
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                status = tidy.main(["--root", folder])
            lines = [line for line in said.getvalue().splitlines() if ": [" in line]
            self.assertEqual(status, 1 if lines else 0)
            return [line.split("[")[1].split("]")[0] for line in lines]

    def test_a_tidy_tree_passes(self):
        self.assertEqual(self.offences({}), [])

    def test_layers(self):
        readme = {"fsd/engine/README.md": "", "fsd/vfs/README.md": "", "fsd/zoo/README.md": ""}
        up = {"fsd/base/b.cc": '#include "fsd/engine/x.h"\n', **readme}
        self.assertEqual(self.offences(up), ["layers"])
        allowed = {"fsd/engine/x.cc": '#include "fsd/base/a.h"\n', **readme}
        self.assertEqual(self.offences(allowed), [])
        seam = {"fsd/vfs/x.cc": '#include "fsd/engine/volume.h"\n', **readme}
        self.assertEqual(self.offences(seam), [])
        inside = {"fsd/vfs/x.cc": '#include "fsd/engine/log.h"\n', **readme}
        self.assertEqual(self.offences(inside), ["layers"])
        unknown = {"fsd/zoo/x.cc": "\n", **readme}
        self.assertEqual(self.offences(unknown), ["layers"])
        protocol = {"protocol/wire/x.cc": '#include "fsd/base/a.h"\n'}
        self.assertEqual(self.offences(protocol), ["layers"])

    def test_frontends_and_s3_are_layers_of_their_own(self):
        readme = {"fsd/frontends/README.md": "", "fsd/frontends/fuse/README.md": ""}
        fuse = {"fsd/frontends/fuse/x.cc": '#include "fsd/engine/volume.h"\n', **readme}
        self.assertEqual(self.offences(fuse), ["layers"])
        readme = {"fsd/object_store/README.md": "", "fsd/object_store/s3/README.md": ""}
        store = {"fsd/object_store/x.cc": '#include "fsd/object_store/s3/x.h"\n', **readme}
        self.assertEqual(self.offences(store), ["layers"])

    def test_include_paths(self):
        self.assertEqual(self.offences({"fsd/base/b.cc": '#include "a.h"\n'}), ["include-path"])

    def test_third_party(self):
        for name in (
            "curl/curl.h",
            "lmdb.h",
            "fuse3/fuse.h",
            "toml++/toml.h",
            "pugixml.hpp",
            "boost/asio.hpp",
            "zstd.h",
            "openssl/evp.h",
            "CLI/CLI.hpp",
        ):
            with self.subTest(name):
                found = self.offences({"fsd/base/b.cc": f"#include <{name}>\n"})
                self.assertEqual(found, ["third-party"])
        main = {"fsd/main.cc": "#include <CLI/CLI.hpp>\n#include <boost/asio.hpp>\n"}
        self.assertEqual(self.offences(main), [])

    def test_beast_is_seen_in_two_files(self):
        readme = {"fsd/frontends/README.md": "", "fsd/frontends/web/README.md": ""}
        layers = {"cmake/CairnLayers.cmake": LAYERS + "set(CAIRN_LAYER_web base)\n", **readme}
        include = "#include <boost/beast/http.hpp>\n"
        for name in ("http_connection.cc", "web_socket.cc"):
            self.assertEqual(self.offences({f"fsd/frontends/web/{name}": include, **layers}), [])
        other = {"fsd/frontends/web/site.cc": include, **layers}
        self.assertEqual(self.offences(other), ["third-party"])

    def test_file_size_is_a_ratchet(self):
        self.assertEqual(self.offences({"fsd/base/b.cc": "\n" * 600}), [])
        long = {"fsd/base/b.cc": "\n" * 601}
        self.assertEqual(self.offences(long), ["file-size"])
        self.assertEqual(self.offences(long, {"files": {"fsd/base/b.cc": 601}}), [])
        self.assertEqual(self.offences(long, {"files": {"fsd/base/b.cc": 700}}), ["file-size"])
        longer = {"fsd/base/b.cc": "\n" * 602}
        self.assertEqual(self.offences(longer, {"files": {"fsd/base/b.cc": 601}}), ["file-size"])

    def test_function_size_is_a_ratchet(self):
        self.assertEqual(self.offences({"fsd/base/b.cc": function_of(70)}), [])
        long = {"fsd/base/b.cc": function_of(71)}
        self.assertEqual(self.offences(long), ["function-size"])
        known = {"functions": {"fsd/base/b.cc:long_one": 71}}
        self.assertEqual(self.offences(long, known), [])
        longer = {"fsd/base/b.cc": function_of(72)}
        self.assertEqual(self.offences(longer, known), ["function-size"])

    def test_tighten_lowers_and_never_raises(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tests/tidy/ratchet.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"files": {"a.cc": 900, "b.cc": 650, "c.cc": 700}}))
            for name, lines in (("a.cc", 800), ("b.cc", 660), ("c.cc", 10)):
                (Path(folder) / name).write_text("\n" * lines)
            with contextlib.redirect_stdout(io.StringIO()):
                tidy.main(["--root", folder, "--tighten"])
            self.assertEqual(json.loads(path.read_text())["files"], {"a.cc": 800, "b.cc": 650})

    def test_columns(self):
        wide = "// " + "x" * 97 + "\n"
        self.assertEqual(self.offences({"fsd/base/b.cc": wide}), [])
        self.assertEqual(self.offences({"fsd/base/b.cc": wide.replace("\n", "x\n")}), ["columns"])

    def test_pragma_once(self):
        self.assertEqual(self.offences({"fsd/base/b.h": "int x;\n"}), ["pragma-once"])

    def test_readmes(self):
        self.assertEqual(self.offences({"fsd/runtime/x.cc": "\n"}), ["readme"])
        self.assertEqual(self.offences({"tests/zoo/x.cc": "\n"}), ["readme"])

    def test_bans(self):
        for line in (
            "std::thread t;",
            "std::jthread t;",
            "std::async(f);",
            "std::this_thread::sleep_for(x);",
            "::usleep(1);",
            "sleep(1);",
            "auto t = std::chrono::steady_clock::now();",
            "auto t = std::chrono::system_clock::now();",
            "auto t = time(nullptr);",
            "std::random_device d;",
            "int x = rand();",
            "getrandom(a, b, 0);",
        ):
            with self.subTest(line):
                self.assertEqual(self.offences({"fsd/base/b.cc": line + "\n"}), ["ban"])

    def test_bans_have_their_limits(self):
        readme = {"fsd/runtime/README.md": ""}
        self.assertEqual(self.offences({"fsd/runtime/b.cc": "std::thread t;\n", **readme}), [])
        for line in (
            "// std::thread t;",
            'auto x = "std::thread";',
            "auto id = std::thread::id();",
            "x.time();",
            "access_time(nullptr);",
            "std::thread t;  // tidy-allow(thread): the kernel's reader must block",
        ):
            with self.subTest(line):
                self.assertEqual(self.offences({"fsd/base/b.cc": line + "\n"}), [])
        reasonless = {"fsd/base/b.cc": "std::thread t;  // tidy-allow(thread):\n"}
        self.assertEqual(self.offences(reasonless), ["ban"])

    def test_broken_pipes(self):
        readme = {"scripts/README.md": ""}
        for line, rules in (
            ("find . | head -5", ["head"]),
            ("find . | sed -n 1,5p", []),
            ("head -5 names", []),
            ("yes | head -1  # tidy-allow(head): that is what is tried", []),
        ):
            with self.subTest(line):
                self.assertEqual(self.offences({"scripts/b.sh": line + "\n", **readme}), rules)

    def test_words(self):
        for word, rule in (
            ("TO" + "DO", "open-end"),
            ("FIX" + "ME", "open-end"),
            ("/wo" + "rk/main", "machine"),
            ("/ro" + "ot/x", "machine"),
            ("the system pro" + "mpt", "workshop"),
        ):
            with self.subTest(word):
                self.assertEqual(self.offences({"fsd/base/b.cc": f"// {word}\n"}), [rule])
        self.assertEqual(self.offences({"fsd/base/b.cc": "// a 9P session\n"}), [])


class FunctionsTest(unittest.TestCase):
    def found(self, text: str) -> list[tuple[str, int]]:
        return [(f.name, f.length) for f in cpp_source.functions(text)]

    def test_plain_and_nested_braces(self):
        text = "int f(int a) {\n  if (a) {\n    g();\n  }\n  return 0;\n}\n"
        self.assertEqual(self.found(text), [("f", 6)])

    def test_members_of_classes_and_namespaces(self):
        text = "namespace a {\nclass B {\n  int c() const { return 1; }\n};\nint B::d() {\n}\n}\n"
        self.assertEqual(self.found(text), [("c", 1), ("B::d", 2)])

    def test_constructors_with_lists(self):
        text = "A::A(int b)\n    : b_{b}, c_(b) {\n  d();\n}\n"
        self.assertEqual(self.found(text), [("A::A", 4)])

    def test_tables_and_lambdas_hide_nothing(self):
        text = 'const C table[] = {{"a", [](int x) {\n  y();\n}}};\nvoid f() {\n}\n'
        self.assertIn(("f", 2), self.found(text))

    def test_literals_and_comments_do_not_count(self):
        text = "void f() {\n  g(\"{\", '{');  // {\n  /* { */\n}\nvoid h() {\n}\n"
        self.assertEqual(self.found(text), [("f", 4), ("h", 2)])

    def test_raw_literals_are_data(self):
        text = 'void f() {\n  g(R"x({\n{\n)x");\n}\nvoid h() {\n}\n'
        self.assertEqual(self.found(text), [("f", 3), ("h", 2)])
        self.assertEqual([f.line for f in cpp_source.functions(text)], [1, 6])

    def test_test_macros_have_their_name(self):
        self.assertEqual(self.found("TEST_F(A, B) {\n}\n"), [("A.B", 2)])

    def test_digit_separators_are_no_literals(self):
        self.assertEqual(self.found("void f() {\n  g(1'000'000);\n}\n"), [("f", 3)])

    def test_default_arguments_with_braces(self):
        self.assertEqual(self.found("void f(O o = {}, int b = 1) {\n  g();\n}\n"), [("f", 3)])


if __name__ == "__main__":
    unittest.main(verbosity=1)
