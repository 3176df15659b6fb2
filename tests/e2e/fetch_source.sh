#!/bin/bash
# fetch_source.sh PACKAGE DIR: Debian's source package, from the mirror that apt already uses, with
# apt directories of its own. Nothing of the system's is changed.
set -euo pipefail
package=$1 directory=$(realpath "$2")
apt=$directory/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
# Any Debian archive that apt knows, but the security one.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' |
  sort -u | awk 'NR == 1')
[ -n "$mirror" ] || { echo "apt knows no Debian mirror: run apt-get update once" >&2; exit 1; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" \
  >"$apt/sources.list"
options=(-q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
cd "$directory"
apt-get "${options[@]}" update >"$apt/log" 2>&1
apt-get "${options[@]}" source --download-only "$package" >>"$apt/log" 2>&1
