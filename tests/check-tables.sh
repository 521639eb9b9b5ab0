#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/SECURITY.md and tests/ROBUSTNESS.md name tests; each of them must exist, and each row stand there once. TAP.
set -u
source=${srcdir:-.}
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3, which lists the trials"; exit 77; }
trials=$("$source/tests/trials/run" --list) || { echo "1..0 # SKIP the trials cannot be listed here"; exit 77; }
units=$(sed -nE 's/^(Test|ParameterizedTest)\((\w+), (\w+).*/\2.\3/p' "$source"/tests/test_*.c)
set -f   # names may end in *

. "${srcdir:-.}/tests/tap.sh"

exists() {
	case $1 in
	tests/*) [ -x "$source/$1" ] ;;
	fuzz_*) [ -f "$source/tests/fuzz/$1.c" ] ;;
	*'*') printf '%s\n' "$trials" | grep -qF -- "${1%\*}" ;;
	*) printf '%s\n%s\n' "$trials" "$units" | grep -qxF -- "$1" ;;
	esac
}

table() { # FILE LETTER: rows `| LETTER1 | `name` ... | words |`
	rows=$(grep -E "^\| $2[0-9]+ \|" "$source/tests/$1" | cut -d '|' -f 2 | tr -d " $2")
	names=$(grep -E "^\| $2[0-9]+ \|" "$source/tests/$1" | cut -d '|' -f 3 | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
	check "$1 names tests" "$([ -n "$names" ] || echo none)"
	check "the tests of $1 exist" "$(for name in $names; do exists "$name" || echo "$name"; done)"
	check "the rows of $1 are in order, each once" \
		"$([ "$rows" = "$(echo "$rows" | sort -nu)" ] || echo "$rows" | sort -n | uniq -d)"
}

table SECURITY.md R
table ROBUSTNESS.md B
# Whatever has a row's number in its name has a place in that row.
check "each trial of the stub's robustness is in its row" "$(printf '%s\n' "$trials" |
	sed -nE 's/^(stub\.robust\.(B[0-9,B]+)\..*)$/\2 \1/p' | while read -r row name; do
		grep -E "^\| ${row%%,*} \|" "$source/tests/ROBUSTNESS.md" | grep -qF -- "\`$name\`" || echo "$name"
	done)"
echo "1..$number"
exit $failed
