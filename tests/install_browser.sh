#!/bin/sh
# Make sure that what the browser tests need is there: a Chromium, Debian's where there is
# apt, Playwright's own elsewhere; coturn, the relay of the live view's tests; and nginx,
# the proxy of others. Tests are skipped where their program cannot be had. The argument is
# the Python of the environment.
set -eu
missing="chromium fonts-dejavu-core"
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && missing=""
done
browser=$missing
command -v turnserver >/dev/null || missing="$missing coturn"
# Debian keeps it where only administrators look.
[ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || missing="$missing nginx"
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $missing >/dev/null
    # Debian starts nginx with the machine; the tests start their own.
    case $missing in *nginx*)
        ! command -v systemctl >/dev/null || $sudo systemctl disable -q --now nginx 2>/dev/null || true ;;
    esac
elif [ -n "$browser" ]; then
    "$1" -m playwright install chromium
fi
