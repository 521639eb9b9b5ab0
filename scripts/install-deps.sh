#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install what inquest is built and judged with, on Debian 12 and its relatives.
#
#   scripts/install-deps.sh                  what the build, the unit tests and the judges need
#   scripts/install-deps.sh --build [PACKAGE...]   only what `./configure && make && make install` needs,
#                                            and the packages that are named
#   scripts/install-deps.sh --programs       also the servers and runtimes that the trials let crash; none is
#                                            started (300 MB, of which Go and Java are most)
#   scripts/install-deps.sh --breakpad DIR   also Breakpad's stackwalkers, unpacked below DIR (from npm)
#
# As root it calls apt-get, as anyone else `sudo apt-get`. Where everything is there already it asks dpkg
# once, changes nothing and takes a fraction of a second.
set -euo pipefail

# What ./configure looks for, and autotools to make it.
build_packages=(
	autoconf automake libtool pkg-config gcc libc6-dev make
	binutils-dev libiberty-dev   # libbfd, libopcodes: names, disassembly
	libdwarf-dev libelf-dev      # lines, inline frames, CFI
	libzstd-dev zlib1g-dev       # compressed dumps, compressed sections
	liblzma-dev                  # names out of .gnu_debugdata (may be missing)
	libseccomp-dev libcap-dev    # confinement
	libedit-dev                  # line editing
	libjansson-dev               # --json
	libgcab-dev                  # .dump /b (may be missing)
)

# What the tests need: the unit test framework, fuzzers, and readers of dumps that nobody here wrote.
judge_packages=(
	libcriterion-dev g++ clang libclang-rt-dev llvm   # llvm: llvm-symbolizer, for sanitizers' reports
	gdb lldb-19 elfutils binutils libc6-dbg           # the judges; libc's debug file, for its CFI and lines
	python3 nodejs                                    # programs that crash, written by strangers
	cabextract iproute2 lsof                          # judges of packages, sockets, descriptors
	strace zstd xz-utils util-linux procps libcap2-bin passwd
	lsof iproute2                                     # what they say of descriptors and sockets
)

# PROGRAM:PACKAGE, asked for by the program's name, since they come from many places. Without one its trial is skipped.
strangers=(
	java:default-jre-headless go:golang-go nginx:nginx-light redis-server:redis-server postgres:postgresql
)

breakpad_version=0.26.0   # of the npm package "minidump", whose tarball ships Linux binaries

die() { echo "install-deps: $*" >&2; exit 1; }

want_judges=yes
want_programs=no
breakpad_dir=
more_packages=()
while [ $# -gt 0 ]; do
	case $1 in
	--build) want_judges=no ;;
	--programs) want_programs=yes ;;
	--breakpad) [ $# -ge 2 ] || die "--breakpad needs a folder"; breakpad_dir=$2; shift ;;
	-h | --help) sed -n '4,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
	-*) die "'$1' is not an option, see --help" ;;
	*) more_packages+=("$1") ;;
	esac
	shift
done

packages=("${build_packages[@]}" "${more_packages[@]}")
if [ $want_judges = yes ]; then
	packages+=("${judge_packages[@]}")
	# A node that did not come from Debian brings its own npm, and Debian's would not install beside it.
	command -v npm >/dev/null || packages+=(npm)
fi

if [ $want_programs = yes ]; then
	for row in "${strangers[@]}"; do
		PATH=$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin) command -v "${row%%:*}" >/dev/null ||
			packages+=("${row#*:}")
	done
fi

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
	die "no apt-get here; the packages, by Debian's names: ${packages[*]}"

missing=()
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
for package in "${packages[@]}"; do
	grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done

# pkgconf took over the name pkg-config; either will do.
for i in "${!missing[@]}"; do
	[ "${missing[i]}" = pkg-config ] && command -v pkg-config >/dev/null && unset 'missing[i]'
done

if [ ${#missing[@]} -gt 0 ]; then
	as_root=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "not root and no sudo; ask for these packages: ${missing[*]}"
		as_root=(sudo)
	fi
	echo "install-deps: installing ${missing[*]}"
	"${as_root[@]}" apt-get update -q
	# Servers are installed for the trials' sake, not to serve: invoke-rc.d(8) asks this file.
	policy=/usr/sbin/policy-rc.d
	if [ $want_programs = yes ] && [ ! -e $policy ]; then
		trap '"${as_root[@]}" rm -f $policy' EXIT
		printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin $policy
	fi
	# env: sudo does not pass the variable on by itself.
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

if [ -n "$breakpad_dir" ] && [ ! -x "$breakpad_dir/node_modules/minidump/bin/linux-x64/minidump_stackwalk" ]; then
	echo "install-deps: fetching Breakpad's stackwalkers (npm minidump@$breakpad_version)"
	mkdir -p "$breakpad_dir"
	# One judge among several: without the network the others still judge, and its trials say why they skip.
	if npm install --loglevel=error --no-audit --no-fund --ignore-scripts --fetch-retries=2 \
		--fetch-timeout=20000 --prefix "$breakpad_dir" "minidump@$breakpad_version"; then
		chmod +x "$breakpad_dir"/node_modules/minidump/bin/linux-x64/*
	else
		echo "install-deps: npm could not fetch Breakpad's stackwalkers; their trials will be skipped" >&2
	fi
fi
