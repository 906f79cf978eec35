#!/usr/bin/env bash
# Installs the system libraries that Qt and OpenGL need, on Debian and Ubuntu, where they are missing.
# Elsewhere, or without the right to install, it says what is missing and goes on.
set -euo pipefail

needed="libegl1 libgl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1
  libxcb-shape0 libxkbcommon-x11-0"
# a screen that exists in memory only, and a hand to drive it, for the tests
[ "${1:-}" = "tests" ] && needed="$needed xvfb xauth xdotool x11-utils"

command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in $needed; do
  # Ubuntu 24.04 renamed some of them (t64)
  dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null | grep -q "install ok installed" ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then run=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then run="sudo"
else
  echo "These system packages are missing; ask an administrator to run:" >&2
  echo "  apt-get install --no-install-recommends$missing" >&2
  exit 0
fi
echo "Installing system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -q
# shellcheck disable=SC2086  # a list of packages
$run apt-get install -y -q --no-install-recommends $missing
