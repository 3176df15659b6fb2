#!/bin/bash
# Builds the page into web/dist, where a daemon of this checkout finds it. Nothing is done if it is
# there already, made of the same sources. Needs Node 18 or later with npm.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v npm >/dev/null || need_packages "nodejs npm"
cd "$root/web"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || die "the page needs Node 18 or later to be built, this is $(node --version)"

inputs=$(find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | sort -z |
  xargs -0 sha256sum | sha256sum | cut -c-64)
if [ "$(cat dist/.inputs 2>/dev/null)" = "$inputs" ]; then
  echo "the page is built: web/dist"
  exit 0
fi

packages=$(sha256sum <package-lock.json | cut -c-64)
if [ "$(cat node_modules/.of-lock 2>/dev/null)" != "$packages" ]; then
  say "fetching the page's packages"
  npm ci --no-audit --no-fund
  echo "$packages" >node_modules/.of-lock
fi
say "building the page"
npm run --silent build
echo "$inputs" >dist/.inputs
echo "done: web/dist ($(du -sh --exclude='*.gz' --exclude='*.br' dist | cut -f1))"
