#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make ./configure from configure.ac: needed once after a clone, and after configure.ac or a Makemodule.am
# changed in a way that make does not see by itself. A release tarball needs none of this.
set -eu
cd "$(dirname "$0")/.."
exec autoreconf --force --install --warnings=all "$@"
