#!/usr/bin/env python3
"""The unit's promises: no mount namespace, no restart when fenced; and it is a valid unit."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

FILES = Path(__file__).resolve().parents[2] / "systemd"

# Each of these makes a mount namespace, or implies an option that does (systemd.exec(5)).
MOUNT_NAMESPACE = {
    "BindPaths",
    "BindReadOnlyPaths",
    "DynamicUser",
    "ExecPaths",
    "InaccessiblePaths",
    "LoadCredential",
    "MountAPIVFS",
    "MountFlags",
    "MountImages",
    "NoExecPaths",
    "PrivateDevices",
    "PrivateIPC",
    "PrivateMounts",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RootDirectory",
    "RootImage",
    "TemporaryFileSystem",
}


def settings() -> dict[str, str]:
    lines = (FILES / "cairn@.service").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return dict(pairs)


class UnitFilesTest(unittest.TestCase):
    def test_no_option_makes_a_mount_namespace(self):
        self.assertEqual(MOUNT_NAMESPACE & settings().keys(), set())

    def test_a_fenced_daemon_is_not_restarted(self):
        self.assertEqual(settings()["Restart"], "on-failure")
        self.assertEqual(settings()["RestartPreventExitStatus"], "3")

    def test_it_is_ready_when_it_says_so(self):
        self.assertEqual(settings()["Type"], "notify")
        self.assertNotIn("--background", settings()["ExecStart"])

    def test_mounting_is_still_allowed(self):
        self.assertIn("CAP_SYS_ADMIN", settings()["CapabilityBoundingSet"].split())
        self.assertEqual(settings()["NoNewPrivileges"], "yes")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_accepts_the_unit(self):
        with tempfile.TemporaryDirectory() as folder:
            # The program need not be installed for the unit to be right.
            text = (FILES / "cairn@.service").read_text().replace("/usr/bin/cairn", "/bin/true")
            unit = Path(folder) / "cairn@data.service"
            unit.write_text(text)
            answer = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", str(unit)],
                capture_output=True,
                text=True,
                check=False,
            )
            ours = [line for line in answer.stderr.splitlines() if "cairn" in line]
            self.assertEqual(ours, [])


if __name__ == "__main__":
    unittest.main()
