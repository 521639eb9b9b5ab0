#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the stub is built of: the code that runs at a signal asks nobody for anything, none of it touches
# thread-local storage or a stack protector, all of it fits in 8 KiB. Looks at the objects and the library as
# they were built. TAP.
set -u
objects=handler library=libinquest-stub.so
[ -f "$library" ] || { echo "1..0 # SKIP libinquest-stub.so is not built"; exit 77; }

. "${srcdir:-.}/tests/tap.sh"

at_signal="$objects/so-stub_crash.o $objects/so-stub_die.o $objects/so-stub_launch.o"
own=$(nm --defined-only $objects/so-stub_*.o | awk 'NF == 3 { print $3 }' | sort -u)
undefined() {
	nm -u "$@" | awk 'NF == 2 { print $2 }' | sort -u | while read -r symbol; do
		echo "$own" | grep -qx "$symbol" || echo "$symbol"
	done
}

check "what runs at a signal has no symbol of anybody else" "$(undefined $at_signal)"
check "what runs at load asks for the listed symbols only" "$(undefined $objects/so-stub_*.o | grep -vxE \
	'environ|dlsym|dl_iterate_phdr|pthread_key_create|pthread_setspecific|_GLOBAL_OFFSET_TABLE_')"
check "everything that is asked for is weak" "$(nm -uD "$library" | grep -v ' w ')"
check "nothing is linked" "$(readelf -dW "$library" | grep NEEDED)"
check "no thread-local storage, no stack protector" "$(objdump -d $objects/so-stub_*.o | grep -E '%fs:|%gs:')"
check "no call through a procedure linkage table" "$(objdump -d $at_signal | grep '@plt')"
check "no relocation needs lazy binding" "$(readelf -dW "$library" | grep -q 'NOW' || echo 'not bound at load')"
size=$(objdump -h "$library" | awk '$2 ~ /^\.(text|init|fini|plt)/ { total += strtonum("0x" $3) } END { print total }' 2>/dev/null)
[ -n "$size" ] && [ "$size" -gt 0 ] 2>/dev/null ||
	size=$(size -A "$library" | awk '$1 ~ /^\.(text|init|fini|plt)/ { total += $2 } END { print total }')
check "the code fits in 8 KiB ($size bytes)" "$([ "$size" -le 8192 ] || echo "$size bytes")"
check "only the public functions are exported" "$(nm -D --defined-only "$library" | awk '{ print $3 }' |
	grep -vxE 'inquest_(install|uninstall|dump_now|annotate)|pthread_create|dlclose')"
echo "1..$number"
exit $failed
