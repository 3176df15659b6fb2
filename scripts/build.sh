#!/bin/bash
# Builds the release programs into build/release/bin, the page into web/dist, and the guest's image
# into build/guest. Installs what it needs when run as root.
#
# usage: scripts/build.sh [--programs]     --programs: nothing but the programs
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
programs_only=no
case "$*" in
  '') ;;
  --programs) programs_only=yes ;;
  *) die "usage: scripts/build.sh [--programs]" ;;
esac
need_packages "$build_packages"
mkdir -p "$root/build"
say "building (release)"
configure_and_build release cairn cairn-vm
[ "$programs_only" = yes ] || build_page_and_guest
say "done: build/release/bin/cairn and cairn-vm"
