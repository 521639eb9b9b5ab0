#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How the programs that run with privilege, and the library that is in everybody's process, were linked; and that
# nothing of ours in them asks for what has no place there. Looks at the programs and objects as they were built. TAP.
set -u
programs="handler/inquest-core handler/inquest-collect" stub=libinquest-stub.so
for program in $programs $stub; do
	[ -f "$program" ] || { echo "1..0 # SKIP $program is not built"; exit 77; }
done
if nm handler/inquest-core 2>/dev/null | grep -q __asan_init; then
	echo "1..0 # SKIP sanitizers cannot be linked statically"
	exit 77
fi

. "${srcdir:-.}/tests/tap.sh"
absent() { # PATTERN, what must be in the input: says so if it is not
	grep -q -- "$1" || echo "no $2"
}

for file in $programs $stub; do
	name=$(basename "$file")
	segments=$(readelf -lW "$file") dynamic=$(readelf -dW "$file")
	check "$name: relocations are read-only after start" "$(echo "$segments" | absent GNU_RELRO GNU_RELRO)"
	check "$name: all is bound at start" "$(echo "$dynamic" | absent BIND_NOW BIND_NOW)"
	check "$name: the stack is not executable" "$(echo "$segments" | grep GNU_STACK | absent ' RW  ' 'GNU_STACK of RW')"
	check "$name: nothing is writable and executable" "$(echo "$segments" | grep -E 'LOAD.* RWE ')"
	check "$name: no relocations in the code" "$(echo "$dynamic" | grep TEXTREL)"
	check "$name: no library is looked for, nowhere" "$(echo "$dynamic" | grep -E 'NEEDED|RPATH|RUNPATH')"
done
for file in $programs; do
	name=$(basename "$file")
	check "$name: at an address of the kernel's choice" "$(readelf -hW "$file" | grep Type: | absent DYN 'position-independent')"
	check "$name: static, no loader runs" "$(readelf -lW "$file" | grep INTERP)"
	check "$name: stacks are guarded" "$(nm "$file" | absent '__stack_chk_fail$' __stack_chk_fail)"
	check "$name: copies are checked" "$(nm "$file" | absent '__memcpy_chk$\|__snprintf_chk$\|__fdelt_chk$' 'fortified function')"
done

# Our own objects in them, not the C library's.
archives=$(ls libinq_*.a .libs/libinq_*.a 2>/dev/null)
objects=
for room in handler spool capture privacy unwind target minidump support; do
	archive=$(echo "$archives" | grep "libinq_$room.a\$" | head -n 1)
	[ -n "$archive" ] && objects="$objects $archive"
done
mains=$(ls handler/inquest_core-core_main.o handler/inquest_collect-collect_main.o 2>/dev/null)
check "all rooms were found" "$(set -- $objects $mains; [ $# -eq 10 ] || echo "only: $*")"
wanted() { # FILES: the names that they ask for
	nm -uA "$@" 2>/dev/null | awk '{ print $NF, $1 }' | sort -u
}
asked=$(wanted $objects $mains)
forbidden() { # PATTERN
	echo "$asked" | grep -E "^($1) " | awk '{ print $1 " by " $2 }'
}
check "no shell and no search for programs" "$(forbidden 'system|popen|exec[lv]p?e?|posix_spawnp?|wordexp|fexecve' |
	grep -v 'execve by .*debug\.o')"
check "no library is loaded at run time" "$(forbidden 'dl(open|sym|mopen|iterate_phdr)')"
check "no names of users, hosts or services are asked for" \
	"$(forbidden 'get(pw|gr|sp)(nam|uid|gid|ent)(_r)?|getaddrinfo|gethostby.*|getserv.*|initgroups|getgrouplist')"
check "no locale, no conversion, no catalogue" "$(forbidden 'setlocale|newlocale|iconv(_open)?|catopen|bindtextdomain|nl_langinfo')"
# It is cleared at the start; what still asks is the debugger's: where to unpack a file, and where files are looked for.
check "nothing is read from the environment" "$(forbidden 'getenv|secure_getenv|putenv|setenv|environ' |
	grep -vE 'support_la-(frames|finder)\.o')"
check "no unbounded copies" "$(forbidden '(v?s|st[rp])(printf|cpy|cat|ncat)|stpcpy|gets|strtok|atoi|atol|atof|scanf')"
check "no temporary names" "$(forbidden 'mktemp|mkstemps?|tmpnam|tempnam|tmpfile|mkdtemp')"
check "control flow is protected in each object" "$(for object in $mains; do
	readelf -nW "$object" | grep -q 'IBT, SHSTK' || echo "$object"
done)"
# The keeper is what stays root: small, and with no allocation of its own.
check "the keeper and what it calls in the spool allocate nothing" "$(echo "$asked" |
	grep -E '(keeper|channel|spool-spool|spool-places|spool-name|spool-walk|spool_la-spool|spool_la-places|spool_la-name|spool_la-walk)\.o' |
	grep -E '^(malloc|calloc|realloc|reallocarray|free|asprintf|strdup) ')"
lines=$(cat "${srcdir:-.}/handler/keeper.c" "${srcdir:-.}/handler/channel.c" "${srcdir:-.}/src/spool/spool.c" \
	"${srcdir:-.}/src/spool/places.c" "${srcdir:-.}/src/spool/walk.c" "${srcdir:-.}/src/spool/name.c" | wc -l)
check "what stays root has at most 1500 lines ($lines)" "$([ "$lines" -le 1500 ] || echo "$lines lines")"
echo "1..$number"
exit $failed
