#!/bin/sh
# Checks formatting, and on request runs clang-tidy.
#
#   scripts/lint.sh                    formatting of the files changed since HEAD, and new ones
#   scripts/lint.sh --all              formatting of all files
#   scripts/lint.sh --tidy FILE.cc...  clang-tidy on these; BUILD names the build directory
#                                      (default build/dev) that has compile_commands.json
#   scripts/lint.sh --fix              formats what the first form would complain of
set -eu
cd "$(dirname "$0")/.."
format=${CLANG_FORMAT:-clang-format-19}
tidy=${CLANG_TIDY:-clang-tidy-19}
build=${BUILD:-build/dev}

sources() { grep -E '^(fsd|protocol|tests|vmrunner)/.*\.(cc|h)$' || true; }
existing() { while read -r file; do [ ! -f "$file" ] || echo "$file"; done; }
changed() {
  { git diff --name-only HEAD; git ls-files -o --exclude-standard; } | sort -u | sources | existing
}

case "${1:-}" in
  --tidy)
    shift
    [ $# -gt 0 ] || { echo "lint: which files?" >&2; exit 2; }
    [ -f "$build/compile_commands.json" ] ||
      { echo "lint: no $build: configure first" >&2; exit 2; }
    # The commands are g++'s: clang does not know some of its warnings.
    exec "$tidy" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option \
      --extra-arg=-Wno-ignored-gch "$@"
    ;;
  --all) files=$(git ls-files -co --exclude-standard | sources | existing) ;;
  --fix) files=$(changed) ;;
  "") files=$(changed) ;;
  *) echo "lint: see the head of $0" >&2; exit 2 ;;
esac
[ -n "$files" ] || { echo "lint: no files"; exit 0; }
if [ "${1:-}" = --fix ]; then
  echo "$files" | xargs "$format" -i
else
  echo "$files" | xargs "$format" --dry-run -Werror
fi
echo "lint: $(echo "$files" | wc -l) files formatted as .clang-format says"
