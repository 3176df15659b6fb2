#!/bin/bash
# Builds the release programs into build/release/bin. Installs what it needs when run as root.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_packages "$build_packages"
mkdir -p "$root/build"
say "building (release)"
configure_and_build release cairn
say "done: build/release/bin/cairn"
