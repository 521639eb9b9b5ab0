#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Everything that proves inquest, in one go, on a fresh Debian 12: about a quarter of an hour on two cores.
#
#   scripts/test.sh [--werror] [--build DIR] [--fuzz-seconds N] [--only STAGE[,STAGE...]]
#
# Stages: deps build unit trials sanitizers fuzz dist. Without root (and sudo) what needs it is skipped and
# says so. The last line is the total. core_pattern and the kernel's other crash settings, and the programs
# installed below /opt for the trials, are put back and removed at the end, also of a run that fails or is
# interrupted.
set -uo pipefail
cd "$(dirname "$0")/.."
source_dir=$PWD

werror=()
build_dir=$source_dir/build-test
fuzz_seconds=15
only=deps,build,unit,trials,sanitizers,fuzz,dist
while [ $# -gt 0 ]; do
	case $1 in
	--werror) werror=(--enable-werror) ;;
	--build) build_dir=$(realpath -m "${2:?--build needs a folder}"); shift ;;
	--fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds needs a number}; shift ;;
	--only) only=${2:?--only needs stages}; shift ;;
	-h | --help) sed -n '3,12s/^# \{0,1\}//p' "scripts/test.sh"; exit 0 ;;
	*) echo "test: '$1' is not an option, see --help" >&2; exit 2 ;;
	esac
	shift
done

jobs=$(nproc)
passed=0 failed=0 skipped=0
started=$SECONDS
logs=$build_dir/logs
mkdir -p "$logs"

# --- what is put back ------------------------------------------------------------------------------

settings=(kernel/core_pattern kernel/core_pipe_limit fs/suid_dumpable kernel/core_uses_pid)
declare -A before
for name in "${settings[@]}"; do
	before[$name]=$(cat "/proc/sys/$name")
done
trial_prefix=

put_back() {
	for name in "${settings[@]}"; do
		[ "$(cat "/proc/sys/$name")" = "${before[$name]}" ] ||
			printf '%s\n' "${before[$name]}" >"/proc/sys/$name"
	done
	case $trial_prefix in
	/opt/inquest-test.*) rm -rf "$trial_prefix" ;;
	esac
}
trap put_back EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- counting ----------------------------------------------------------------------------------------

say() { printf '\n=== %s (%d min %02d s)\n' "$*" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }
good() { passed=$((passed + ${1:-1})); }
bad() { failed=$((failed + 1)); echo "FAIL  $*"; }
skip() { skipped=$((skipped + 1)); echo "skip  $*"; }

total() {
	local words="$passed passed, $failed failed"
	[ $skipped -eq 0 ] || words="$words, $skipped skipped"
	printf '\n%s\n' "$words"
}

# One step that is a test of its own, like "it builds": its output goes to a log that is shown if it fails.
step() {
	local name=$1 log
	log=$logs/${name// /-}.log
	shift
	if "$@" >"$log" 2>&1; then
		good
		echo "ok    $name"
		return 0
	fi
	bad "$name: the end of $log:"
	tail -n 40 "$log"
	return 1
}

# Add up what the test programs below a build folder said: Criterion's programs count their tests, others are
# one test each, as automake saw it.
count_check() {
	local trs log line result before=$passed
	while IFS= read -r trs; do
		log=${trs%.trs}.log
		result=$(sed -n 's/^:test-result: //p' "$trs" | head -n 1)
		line=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -a 'Synthesis: Tested:' | tail -n 1)
		if [ -n "$line" ]; then
			read -r ok wrong crashed < <(sed -E \
				's/.*Passing: *([0-9]+).*Failing: *([0-9]+).*Crashing: *([0-9]+).*/\1 \2 \3/' <<<"$line")
			passed=$((passed + ok))
			failed=$((failed + wrong + crashed))
			[ $((wrong + crashed)) -eq 0 ] && [ "$result" != PASS ] && bad "$log: $result"
		elif [ "$result" = PASS ] || [ "$result" = XFAIL ]; then
			good
		elif [ "$result" = SKIP ]; then
			skip "$(basename "$log" .log): $(tail -n 1 "$log")"
		else
			bad "$log: $result"
		fi
		[ "$result" = PASS ] || [ "$result" = SKIP ] || tail -n 30 "$log"
	done < <(find "$1" -name '*.trs' | sort)
	echo "ok    $((passed - before)) tests of $(find "$1" -name '*.trs' | wc -l) programs"
}

wanted() { [[ ,$only, == *,$1,* ]]; }

# --- stages --------------------------------------------------------------------------------------------

as_root=no
[ "$(id -u)" -eq 0 ] && as_root=yes
prefix=$build_dir/installed
if [ $as_root = yes ]; then
	# Not below the source: a spool below a folder that others may write to is rightly refused, and other
	# users must be able to run what crashes. The same name for the same build folder, since it is
	# compiled in, and a second run rebuilds only what changed.
	trial_prefix=/opt/inquest-test.$(cksum <<<"$build_dir" | cut -d ' ' -f 1)
	rm -rf "$trial_prefix"
	install -d -m 755 "$trial_prefix"
	prefix=$trial_prefix
fi

configure_in() (
	mkdir -p "$1" && cd "$1" && shift && "$source_dir/configure" -q "$@"
)

if wanted deps; then
	say "dependencies"
	if [ $as_root = yes ] || command -v sudo >/dev/null; then
		step "install dependencies" scripts/install-deps.sh --programs --breakpad "$build_dir/breakpad"
	else
		skip "install dependencies: neither root nor sudo"
	fi
fi

if wanted build; then
	say "build"
	if [ -f configure.ac ] && { [ -d .git ] || [ -f .git ] || [ ! -x configure ]; }; then
		step "bootstrap" scripts/bootstrap.sh
	fi
	step "configure" configure_in "$build_dir/plain" "${werror[@]}" --prefix="$prefix" \
		CFLAGS='-O2 -g' &&
		step "make" make -C "$build_dir/plain" -s -j"$jobs" &&
		step "make install" make -C "$build_dir/plain" -s install
	if [ $failed -gt 0 ]; then
		total
		exit 1
	fi
fi

if wanted unit; then
	say "unit tests"
	find "$build_dir/plain" -name '*.trs' -delete
	make -C "$build_dir/plain" -s -k -j"$jobs" check >"$logs/check.log" 2>&1 ||
		{ grep -q '^# TOTAL' "$logs/check.log" || { bad "make check does not build"; tail -n 40 "$logs/check.log"; }; }
	count_check "$build_dir/plain"
fi

run_trials() {
	local totals
	tests/trials/run --build "$build_dir/plain" --prefix "$prefix" \
		--breakpad "$build_dir/breakpad" --jobs "$jobs" "$@" | tee "$logs/trials.log"
	totals=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$logs/trials.log" | tail -n 1)
	if [ -z "$totals" ]; then
		bad "the trials came to no end"
		return
	fi
	read -r ok wrong left < <(sed -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 0\4/' <<<"$totals")
	passed=$((passed + ok))
	failed=$((failed + wrong))
	skipped=$((skipped + 10#$left))
}

if wanted trials; then
	say "trials"
	if [ $as_root = yes ]; then
		hooks=()
		if step "build with test hooks" configure_in "$build_dir/hooks" --enable-test-hooks \
			--prefix="$prefix/hooks" CFLAGS='-O1 -g' &&
			step "install with test hooks" make -C "$build_dir/hooks" -s -j"$jobs" install-handlers; then
			hooks=(--hooks-prefix "$prefix/hooks")
		fi
		make -C "$build_dir/plain" -s -j"$jobs" crashers tests/trials/coretee tests/trials/canaryscan tests/trials/windows-dumps >"$logs/crashers.log" 2>&1 ||
			bad "the programs that crash do not build, see $logs/crashers.log"
		run_trials "${hooks[@]}"
	else
		skip "trials: core_pattern and other users need root"
	fi
fi

if wanted sanitizers; then
	say "unit tests with AddressSanitizer and UndefinedBehaviorSanitizer"
	if step "configure with sanitizers" configure_in "$build_dir/sanitizers" "${werror[@]}" \
		--enable-sanitizers CFLAGS='-O1 -g'; then
		find "$build_dir/sanitizers" -name '*.trs' -delete
		make -C "$build_dir/sanitizers" -s -k -j"$jobs" check >"$logs/check-sanitizers.log" 2>&1 ||
			{ grep -q '^# TOTAL' "$logs/check-sanitizers.log" ||
				{ bad "make check with sanitizers does not build"; tail -n 40 "$logs/check-sanitizers.log"; }; }
		count_check "$build_dir/sanitizers"
		if [ $as_root = yes ] && wanted trials && [ -x "$build_dir/sanitizers/inquest" ]; then
			run_trials --debugger "$build_dir/sanitizers/inquest" --quiet 'input.*'
		fi
	fi
fi

# Each target from its seeds, for a short time; what it finds is left in logs/.
fuzz() {
	local target=$1 name corpus
	name=$(basename "$target")
	corpus=$build_dir/corpus/$name
	mkdir -p "$corpus"
	local seeds=()
	[ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
	step "$name for $fuzz_seconds s" "$target" -max_total_time="$fuzz_seconds" -rss_limit_mb=1024 -timeout=10 \
		-artifact_prefix="$logs/$name-" -print_final_stats=1 "$corpus" "${seeds[@]}"
}

if wanted fuzz; then
	say "fuzzing"
	if ! command -v clang >/dev/null; then
		skip "fuzzing: no clang"
	elif step "configure with fuzzers" configure_in "$build_dir/fuzz" --enable-fuzzers CC=clang CFLAGS='-O1 -g' &&
		step "make fuzzers" make -C "$build_dir/fuzz" -s -j"$jobs" fuzzers; then
		while IFS= read -r target; do
			fuzz "$target"
		done < <(find "$build_dir/fuzz/tests/fuzz" -maxdepth 1 -type f -perm -u+x -name 'fuzz_*' | sort)
	fi
fi

if wanted dist; then
	say "distribution"
	# The tests have run: TESTS= leaves the rest of distcheck, which builds what a tarball holds from a
	# source that cannot be written, installs, uninstalls and looks for what was left behind.
	step "make distcheck" make -C "$build_dir/plain" -s -j"$jobs" distcheck AM_MAKEFLAGS='TESTS='
fi

say "done"
total
[ $failed -eq 0 ]
