#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From a fresh clone to a crash that is explained, in one command.
#
#   scripts/demo.sh [--prefix DIR]     build, install, register, let two programs crash, show what inquest says
#   scripts/demo.sh --undo [--prefix DIR]   unregister and uninstall; the kernel's settings are as before
#
# Needs root, or sudo. Installs build dependencies with apt-get (they stay), inquest below /usr/local, and
# registers it as the handler of all crashes on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=/usr/local
undo=no
while [ $# -gt 0 ]; do
	case $1 in
	--prefix) prefix=$(realpath -m "${2:?--prefix needs a folder}"); shift ;;
	--undo) undo=yes ;;
	-h | --help) sed -n '3,11s/^# \{0,1\}//p' scripts/demo.sh; exit 0 ;;
	*) echo "demo: '$1' is not an option, see --help" >&2; exit 2 ;;
	esac
	shift
done

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "demo: this needs root, and there is no sudo" >&2; exit 1; }
	as_root=(sudo)
fi

bold='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' plain=$'\033[0m'; }
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$@"; }
shopt -s extglob
build=build-demo${prefix//\//-}

if [ $undo = yes ]; then
	register=$prefix/sbin/inquest-register
	if [ -x "$register" ]; then
		show "${as_root[@]}" "$register" disable
	fi
	if [ -f "$build/Makefile" ]; then
		"${as_root[@]}" make -C "$build" -s uninstall >"$build/install.log" 2>&1
	fi
	say "undone; dumps and settings that were made stay in $prefix/var/lib/inquest and $prefix/etc"
	exit 0
fi

say "dependencies"
scripts/install-deps.sh --build python3 procps

say "build and install below $prefix"
[ -x configure ] || scripts/bootstrap.sh >/dev/null 2>&1 || { echo "demo: scripts/bootstrap.sh failed" >&2; exit 1; }
mkdir -p "$build"
(cd "$build" && ../configure -q --prefix="$prefix" CFLAGS='-O2 -g')
make -C "$build" -s -j"$(nproc)"
"${as_root[@]}" make -C "$build" -s install >"$build/install.log" 2>&1 ||
	{ echo "demo: make install failed, see $build/install.log" >&2; exit 1; }

# From here to the end of registration an interruption or a failure leaves things as they were before.
register=$prefix/sbin/inquest-register
inquest=$prefix/bin/inquest
unregister() { "${as_root[@]}" "$register" disable || true; }
trap unregister ERR INT TERM HUP
say "register as the handler of crashes"
show "${as_root[@]}" "$register" enable
trap - ERR INT TERM HUP
show "$register" status

say "two programs that nobody here wrote crash"
ulimit -c unlimited 2>/dev/null || ulimit -c hard || true
newest() { "${as_root[@]}" find "$prefix/var/lib/inquest/dumps" -name '*.dmp' | wc -l; }
wait_for() {
	local tries=100
	while [ "$(newest)" -lt "$1" ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; done
	[ "$(newest)" -ge "$1" ] || { echo "demo: no dump appeared" >&2; exit 1; }
}
have=$(newest)
sleep 60 &
sleeper=$!
sleep 0.2
echo "\$ kill -SEGV $sleeper    # a sleep"
kill -SEGV $sleeper
wait $sleeper 2>/dev/null || true
wait_for $((have + 1))
echo "\$ python3 -c 'import ctypes; ctypes.string_at(0)'"
python3 -c 'import ctypes; ctypes.string_at(0)' || true
wait_for $((have + 2))

say "what is there"
show "${as_root[@]}" "$inquest" list

say "the newest of them; at a terminal, without -c, it would ask for commands"
show "${as_root[@]}" "$inquest" -z last -c '!analyze; k; q'

say "from now on every crash on this machine is kept; to undo:"
echo "  scripts/demo.sh --undo$([ "$prefix" = /usr/local ] || echo " --prefix $prefix")"
