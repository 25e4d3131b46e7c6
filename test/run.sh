#!/bin/sh
# Runs every test this machine can run; `npm test` is this script.
#
# Unit tests run two files at a time. Tests with real daemons in network namespaces run strictly one file after the
# other, because they measure time; so does the file of the 20,000 simulated lives, which uses every processor. What
# cannot run here is skipped by name with the reason; with CI=true a test skipped for a missing tool is a failure.
# Arguments, if any, are the test files to run instead of all.
#
# Last line: `N passed, N failed, N skipped`.
set -eu
cd "$(dirname "$0")/.."

TEST_PEERS=1 sh test/setup.sh

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH
work=$(mktemp -d)
cleanup() {
  # Laboratories whose test died without tidying up; those of living processes are left alone.
  node dist/test/lab/sweep.js || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# One line a file; of a failure its place and its first lines. The whole account is kept in $work while we run.
show() {
  awk '
    /^# Subtest: / { file = $0; sub(/^# Subtest: /, "", file) }
    /^(not )?ok / { print; fflush(); next }
    /^    not ok / { print "  failed in " file ":" }
    /^ +not ok / { lines = 30 }
    /^ *(not )?ok / && !/not ok/ { lines = 0 }
    lines > 0 { print; fflush(); lines-- }
  '
}

# $1 names the run, $2 is the number of files at a time, $3 the limit of one file in seconds, the rest are files.
run_tap() {
  name=$1 jobs=$2 limit=$3
  shift 3
  [ $# -gt 0 ] || return 0
  printf '\n== %s ==\n' "$name"
  { node_modules/.bin/tap run --no-color --reporter=tap --jobs="$jobs" --timeout="$limit" "$@" ||
    echo "$name" >>"$work/failed"; } | tee "$work/$name.tap" | show
}

if [ $# -gt 0 ]; then
  run_tap chosen 1 900 "$@"
else
  # No file name here has blanks in it; the tidy test would say so.
  # shellcheck disable=SC2046
  run_tap unit 2 240 $(find test -name '*.test.ts' ! -path 'test/lab/*' ! -path 'test/system/*' ! -path test/sim/lives.test.ts | sort)
  run_tap lives 1 900 test/sim/lives.test.ts
  # shellcheck disable=SC2046
  run_tap system 1 240 $(find test/lab test/system -name '*.test.ts' | sort)
fi

# In TAP a file is one entry and its tests stand under it, indented by four blanks.
cat "$work"/*.tap >"$work/all"
passed=$(grep -c '^    ok ' "$work/all") || true
skipped=$(grep -c '^    ok .*# SKIP' "$work/all") || true
failed=$(grep -c '^    not ok ' "$work/all") || true
passed=$((passed - skipped))
if [ -s "$work/failed" ] && [ "$failed" = 0 ]; then failed=1; fi # a file that failed outside of its tests

status=0
if [ "$failed" -gt 0 ]; then
  status=1
  printf '\nfailed:\n'
  sed -n 's/^    not ok [0-9]* - /  /p; s/^not ok [0-9]* - /  in file /p' "$work/all"
fi
if [ "$skipped" -gt 0 ]; then
  printf '\nskipped:\n'
  sed -n 's/^    ok [0-9]* - \(.*\)# SKIP/  \1:/p' "$work/all"
  if [ "${CI:-false}" = true ] && grep -q '^    ok .*# SKIP .*missing tool' "$work/all"; then
    printf '\nCI=true: a test skipped for a missing tool is a failure\n'
    status=1
  fi
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
exit "$status"
