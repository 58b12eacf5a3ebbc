#!/bin/sh
# Make sure that a Chromium is there for the browser tests: Debian's where there is
# apt, Playwright's own elsewhere. The argument is the Python of the environment.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if command -v apt-get >/dev/null; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq chromium fonts-dejavu-core >/dev/null
else
    "$1" -m playwright install chromium
fi
