#!/bin/sh
# Makes a Debian machine that has only Node and a clone of this project ready to build, test and demonstrate it.
#
#   1. Debian packages, when a tool is missing and we are root; otherwise one sentence saying what to install.
#   2. npm packages, when node_modules is missing or older than package-lock.json.
#   3. The build, when a source is newer than the last one.
#
# Silent when there is nothing to do. TEST_PEERS=1 also installs what mixed clusters and comparisons need: Debian's own
# heartbeat, its resource agents, keepalived, a STOMP client. Those are optional: without them their tests are skipped by
# name. TEST_BROKERS=1 installs the brokers that benchmarks compare with, and the load that they run under.
# SETUP_TOOLS=0 leaves out step 1, for a build alone.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) ||
  fail 'Node is not installed; install Node 20 or newer (https://nodejs.org/) and try again'
[ "$node_major" -ge 20 ] ||
  fail "this is Node $(node -v); install Node 20 or newer (https://nodejs.org/) and try again"

# --- Debian packages --------------------------------------------------------------------------------------------------

# Each line: a package, and a command or file it brings.
required='iproute2 ip
util-linux nsenter
mount losetup
procps ps
psmisc fuser
iputils-arping arping
iputils-ping ping
e2fsprogs mkfs.ext4'
peers='heartbeat /usr/lib/heartbeat/heartbeat
resource-agents /usr/lib/ocf/resource.d/heartbeat/IPaddr2
net-tools ifconfig
nftables nft
tcpdump tcpdump
kmod modprobe
python3-stomp /usr/lib/python3/dist-packages/stomp/__init__.py
curl curl
openssl openssl
etcd-server etcd
keepalived keepalived
fence-agents fence_dummy
cluster-glue /usr/sbin/stonith'
brokers='activemq activemq
rabbitmq-server /usr/sbin/rabbitmq-server
stress-ng stress-ng'

# Administrators' tools live in sbin, which an ordinary user's PATH may lack.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

present() {
  case $1 in
    /usr/lib/heartbeat/heartbeat) [ -x /usr/lib/heartbeat/heartbeat ] || [ -x /usr/sbin/heartbeat ] || [ -x /usr/libexec/heartbeat/heartbeat ] ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing_of() {
  printf '%s\n' "$1" | while read -r package tool; do
    present "$tool" || printf '%s ' "$package"
  done
}

# Nothing we install for tests may start serving on this machine: policy-rc.d tells Debian's scripts to leave it off.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  made_policy=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made_policy=yes
  fi
  report=$(mktemp)
  status=0
  # The words of $* are package names and meant to be split.
  { DEBIAN_FRONTEND=noninteractive apt-get update &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$report" 2>&1 || status=$?
  [ "$made_policy" = no ] || rm -f "$policy"
  [ "$status" = 0 ] || tail -n 5 "$report" >&2
  rm -f "$report"
  return "$status"
}

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

lacking=
[ "${SETUP_TOOLS:-1}" = 0 ] || lacking=$(missing_of "$required")
if [ -n "$lacking" ]; then
  if can_install; then
    say "installing Debian packages: $lacking"
    # shellcheck disable=SC2086 # one word per package
    install_packages $lacking || fail "these packages could not be installed; install them by hand: $lacking"
  else
    fail "some system tools are missing; as root run: apt-get install $lacking"
  fi
fi

if [ "${TEST_PEERS:-0}" = 1 ]; then
  lacking=$(missing_of "$peers")
  if [ -n "$lacking" ] && can_install; then
    say "installing Debian packages to test against: $lacking"
    # shellcheck disable=SC2086 # one word per package
    install_packages $lacking || say "these could not be installed, so their tests will be skipped: $lacking"
  fi
fi

# Only used by npm run bench, so only fetched for that.
if [ "${TEST_BROKERS:-0}" = 1 ]; then
  lacking=$(missing_of "$brokers")
  if [ -n "$lacking" ] && can_install; then
    say "installing Debian packages to measure against: $lacking"
    # shellcheck disable=SC2086 # one word per package
    install_packages $lacking || say "these could not be installed, so they are left out of the table: $lacking"
  fi
fi

# --- npm packages -----------------------------------------------------------------------------------------------------

# npm writes node_modules/.package-lock.json last, so its age is the age of the whole installation.
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
  say 'installing npm packages (a minute, once)'
  npm ci --include=dev --no-audit --no-fund --loglevel=error >&2 ||
    fail 'npm ci failed; see above, then run it again by hand'
fi

# --- build ------------------------------------------------------------------------------------------------------------

stamp=dist/.built
if [ ! -e "$stamp" ] || [ -n "$(find src test tsconfig.json package.json -newer "$stamp" ! -type d | head -n 1)" ]; then
  say 'building'
  # The time before the build counts: a file saved while tsc runs must be built again.
  mkdir -p dist
  touch dist/.building
  node node_modules/typescript/bin/tsc || fail 'the build failed; see above'
  mv dist/.building "$stamp"
fi
