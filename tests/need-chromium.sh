#!/bin/sh
# The suite opens the page in a real browser. As root on Debian it is installed; elsewhere we say what to do.
set -eu
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
	exit 0
fi
echo "The test suite needs Chromium. On Debian: sudo apt-get install chromium" >&2
exit 1
