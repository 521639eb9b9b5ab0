#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/SECURITY.md names tests; each of them must exist. TAP.
set -u
source=${srcdir:-.} table=${srcdir:-.}/tests/SECURITY.md
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3, which lists the trials"; exit 77; }
trials=$("$source/tests/trials/run" --list) || { echo "1..0 # SKIP the trials cannot be listed here"; exit 77; }
units=$(sed -nE 's/^(Test|ParameterizedTest)\((\w+), (\w+).*/\2.\3/p' "$source"/tests/test_*.c)

exists() {
	case $1 in
	tests/*) [ -x "$source/$1" ] ;;
	fuzz_*) [ -f "$source/tests/fuzz/$1.c" ] ;;
	*) printf '%s\n%s\n' "$trials" "$units" | grep -qxF -- "$1" ;;
	esac
}

names=$(awk -F '|' '/^\| R[0-9]+ \|/ { print $3 }' "$table" | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
[ -n "$names" ] || { echo "not ok 1 - the table names no test"; echo 1..1; exit 1; }
number=0 failed=0
for name in $names; do
	number=$((number + 1))
	if exists "$name"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name is no test"
		failed=1
	fi
done
# Each requirement's row is there once, in order.
rows=$(awk -F '|' '/^\| R[0-9]+ \|/ { print $2 }' "$table" | tr -d ' R')
number=$((number + 1))
if [ "$rows" = "$(echo "$rows" | sort -nu)" ]; then
	echo "ok $number - the rows are in order, each once"
else
	echo "not ok $number - the rows are not in order, or come twice"
	failed=1
fi
echo "1..$number"
exit $failed
