#!/bin/sh
# Finds a Chromium for browser tests and screenshots: named by CHROMIUM, on the path, or,
# as root on a Debian-like system, from its packages. Never fails: without a browser
# those tests say that they were skipped.
set -eu

[ -n "${CHROMIUM:-}" ] && exit 0
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo 'Installing Chromium for the browser tests'
    export DEBIAN_FRONTEND=noninteractive
    packages='chromium fonts-noto-core'
    # shellcheck disable=SC2086 # two packages
    apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1 && exit 0
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >/dev/null && exit 0
fi
echo 'No Chromium here: tests in a browser will be skipped. Install it, or set CHROMIUM to its path.'
