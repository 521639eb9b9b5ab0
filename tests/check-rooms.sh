#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rooms' order: an #include goes only downward (the table in the rows below), each header compiles alone
# and has its SPDX line, and the privileged programs link neither libbfd nor libdwarf. Prints what breaks the
# order; TAP, for automake.
set -u
top=${srcdir:-$(dirname "$0")/..}
cc=${CC:-cc}
number=0 failed=0

report() { # STATUS NAME
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=1
}

# room: the rooms that it may include from (its own is always allowed)
may_use='support:
minidump: support
symbols: support
target: minidump symbols support
unwind: target symbols support
privacy: unwind target symbols support
capture: privacy unwind target minidump symbols support
spool: minidump target support
engine: spool capture privacy unwind target symbols minidump support
debugger: engine spool capture unwind target symbols minidump support
handler: spool capture privacy unwind target symbols minidump support'

wrong=
while IFS=: read -r room allowed; do
	dir=$top/src/$room
	[ "$room" != handler ] || dir=$top/handler
	for included in $(sed -n 's/^#include "\([a-z_]*\)\/.*/\1/p' "$dir"/*.[ch] 2>/dev/null | sort -u); do
		case " $room $allowed " in
		*" $included "*) ;;
		*) wrong="$wrong
# $room includes $included/: $(grep -l "^#include \"$included/" "$dir"/*.[ch] | tr '\n' ' ')" ;;
		esac
	done
done <<EOF
$may_use
EOF
if [ -z "$wrong" ]; then
	report ok "includes go only downward"
else
	report "not ok" "includes go only downward"
	echo "$wrong"
fi

# Debian 12's libdwarf has no pkg-config file; configure looks in the same places.
libdwarf=$(pkg-config --cflags libdwarf 2>/dev/null || echo -I/usr/include/libdwarf -I/usr/include/libdwarf-0)
alone=
for header in "$top"/src/*/*.h "$top"/handler/*.h; do
	[ -f "$header" ] || continue
	# shellcheck disable=SC2086 # flags are several words
	$cc -std=gnu17 -D_GNU_SOURCE ${DWARF_CFLAGS:--I/usr/include/libdwarf} -I"$top/src" -I"$top" -Isrc $libdwarf -fsyntax-only -x c "$header" 2>/dev/null ||
		alone="$alone
# $header"
done
if [ -z "$alone" ]; then report ok "each header compiles alone"; else
	report "not ok" "each header compiles alone"
	echo "$alone"
fi

bare=$(find "$top/src" "$top/handler" "$top/tests" -name '*.[ch]' -exec grep -L 'SPDX-License-Identifier' {} +)
if [ -z "$bare" ]; then report ok "each file states its licence"; else
	report "not ok" "each file states its licence"
	echo "$bare" | sed 's/^/# /'
fi

banned=$(grep -nE '[^a-z_](sprintf|strcpy|strcat|strtok|atoi|system|popen)[[:space:]]*\(' \
	"$top"/src/*/*.c "$top"/handler/*.c 2>/dev/null | grep -v '^[^:]*:[0-9]*:[[:space:]]*\*' || true)
if [ -z "$banned" ]; then report ok "none of the banned calls"; else
	report "not ok" "none of the banned calls"
	echo "$banned" | sed 's/^/# /'
fi

echo "1..$number"
exit $failed
