#!/usr/bin/env python3
"""mount.cairn with a cairn, a mount and an umount of our own, which note how they were called."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HELPER = Path(__file__).resolve().parents[2] / "systemd/mount.cairn"
URL = "s3://bucket/prefix"

NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$(basename "$0")" in
  cairn) [ "$1" = status ] && exit "${NO_DAEMON:-0}" || exit "${CAIRN_STATUS:-0}" ;;
  findmnt) printf '%s\\n' "$FINDMNT" ;;
  mount) exit "${MOUNT_STATUS:-0}" ;;
esac
"""


class MountHelperTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.mountpoint = self.root / "mnt"
        self.mountpoint.mkdir()
        self.programs = self.root / "bin"
        self.programs.mkdir()
        for name in ("cairn", "findmnt", "mount", "umount"):
            path = self.programs / name
            path.write_text(NOTE)
            path.chmod(0o755)

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        calls = self.root / "calls"
        calls.unlink(missing_ok=True)
        self.answer = subprocess.run(
            ["sh", str(HELPER), *arguments],
            env={
                "PATH": f"{self.programs}:{os.defpath}",
                "CALLS": str(calls),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        lines = calls.read_text().splitlines() if calls.exists() else []
        self.calls = [line for line in lines if not line.startswith(("findmnt ", "cairn status "))]
        return self.answer

    def serve(self, *rest: str) -> str:
        return " ".join(["cairn serve --background --mount", str(self.mountpoint), *rest])

    def name(self) -> tuple[str, str]:
        return "--name", str(self.mountpoint).strip("/").replace("/", "-")

    def refused(self, *arguments: str) -> str:
        self.assertEqual(self.call(*arguments).returncode, 1, self.answer.stderr)
        self.assertEqual(self.calls, [])
        self.assertTrue(self.answer.stderr.startswith("mount.cairn: "), self.answer.stderr)
        return self.answer.stderr

    def test_a_url_and_a_configuration(self):
        answer = self.call(
            URL, str(self.mountpoint), "-o", "rw,_netdev,config=/etc/cairn/x.toml"
        )
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(
            self.calls, [self.serve("--storage", URL, "-c /etc/cairn/x.toml", *self.name())]
        )

    def test_the_configuration_names_the_storage(self):
        for source in ("cairn", "none"):
            self.call(source, str(self.mountpoint), "-o", "config=/etc/cairn/x.toml")
            self.assertEqual(self.calls, [self.serve("-c /etc/cairn/x.toml", *self.name())])

    def test_a_given_name_goes_with_a_configuration(self):
        self.call("cairn", str(self.mountpoint), "-o", "config=/etc/cairn/x.toml,name=n")
        self.assertEqual(self.calls, [self.serve("-c /etc/cairn/x.toml --name n")])

    def test_the_name_comes_from_the_directory(self):
        self.call(URL, str(self.mountpoint))
        self.assertEqual(self.calls, [self.serve("--storage", URL, *self.name())])

    def test_every_option_of_ours(self):
        options = "name=n,cache_dir=/c,snapshot=s,ninep=127.0.0.1:1,ninep=127.0.0.1:2"
        options += ",web=[::1]:3,ro"
        self.call(URL, str(self.mountpoint), "-o", options)
        expected = self.serve(
            "--storage",
            URL,
            "--cache-dir /c --snapshot s --ninep 127.0.0.1:1 --ninep 127.0.0.1:2",
            "--web [::1]:3 --read-only --name n",
        )
        self.assertEqual(self.calls, [expected])

    def test_options_of_mount_and_systemd_are_left_to_them(self):
        options = "rw,defaults,nofail,noauto,_netdev,user,x-systemd.automount,comment=a,name=n"
        self.call(URL, str(self.mountpoint), "-o", options)
        self.assertEqual(self.calls, [self.serve("--storage", URL, "--name n")])

    def test_flags_of_the_mount_are_set_afterwards(self):
        answer = self.call(URL, str(self.mountpoint), "-o", "nosuid,nodev,name=n")
        self.assertEqual(answer.returncode, 0)
        remount = f"mount -i -o remount,bind,nosuid,nodev {self.mountpoint}"
        self.assertEqual(self.calls[1:], [remount])

    def test_no_mount_is_better_than_one_without_its_flags(self):
        answer = self.call(URL, str(self.mountpoint), "-o", "nosuid,name=n", MOUNT_STATUS="32")
        self.assertEqual(answer.returncode, 32)
        self.assertEqual(self.calls[-1], f"umount -i {self.mountpoint}")

    def test_what_is_mounted_already_is_left_as_it_is(self):
        there = f"fuse.cairn cairn:{URL}"
        for source, found, stays in (
            (URL, there, True),
            ("cairn", there, True),
            (URL, there + "/other", False),
            ("cairn", "ext4 /dev/sda1", False),
            (URL, "", False),
        ):
            with self.subTest(source=source, found=found):
                options = "config=/etc/cairn/x.toml"
                answer = self.call(source, str(self.mountpoint), "-o", options, FINDMNT=found)
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertEqual(self.calls == [], stays, self.calls)
        self.call(URL, str(self.mountpoint), FINDMNT=there, NO_DAEMON="1")
        self.assertEqual(len(self.calls), 1, "a dead one is mounted anew")

    def test_a_daemon_that_does_not_start_is_a_failed_mount(self):
        for status in ("1", "3"):
            answer = self.call(URL, str(self.mountpoint), CAIRN_STATUS=status)
            self.assertEqual(answer.returncode, 32)
            self.assertIn("failed", answer.stderr)

    def test_no_program_is_a_system_error(self):
        # The helper's own tools and no others: this machine may have a cairn in /usr/bin.
        tools = self.root / "tools"
        tools.mkdir()
        for tool in ("sh", "sed"):
            (tools / tool).symlink_to(shutil.which(tool))
        answer = self.call(URL, str(self.mountpoint), PATH=str(tools))
        self.assertEqual(answer.returncode, 2, answer.stderr)
        self.assertIn("there is no program cairn", answer.stderr)

    def test_wrong_calls_start_nothing(self):
        here = str(self.mountpoint)
        self.assertIn("usage", self.refused(URL))
        self.assertIn("usage", self.refused())
        self.assertIn("bucket is no storage URL", self.refused("bucket", here))
        self.assertIn("remount is not offered", self.refused(URL, here, "-o", "remount,ro"))
        self.assertIn("unknown option: colour=red", self.refused(URL, here, "-o", "colour=red"))
        self.assertIn("suid is not offered", self.refused(URL, here, "-o", "suid"))
        self.assertIn("absolute", self.refused(URL, here, "-o", "config=x.toml"))
        self.assertIn("give config=", self.refused("cairn", here))
        self.assertIn("not a directory", self.refused(URL, here + "/missing"))

    def test_sloppy_ignores_what_it_does_not_know(self):
        answer = self.call(URL, str(self.mountpoint), "-s", "-o", "colour=red,name=n")
        self.assertEqual(answer.returncode, 0)
        self.assertEqual(self.calls, [self.serve("--storage", URL, "--name n")])

    def test_fake_and_verbose(self):
        answer = self.call(URL, str(self.mountpoint), "-f", "-v", "-n", "-o", "name=n")
        self.assertEqual(answer.returncode, 0)
        self.assertEqual(self.calls, [])
        self.assertIn("cairn serve --background", answer.stdout)

    def test_spaces_and_stars_stay_what_they_are(self):
        odd = self.root / "a  * b"
        odd.mkdir()
        self.call(URL, str(odd), "-o", "name=n,cache_dir=/var/my cache")
        expected = f"cairn serve --background --mount {odd} --storage {URL}"
        self.assertEqual(self.calls, [expected + " --cache-dir /var/my cache --name n"])


if __name__ == "__main__":
    unittest.main()
