# SPDX-License-Identifier: GPL-3.0-or-later
#
# For the check-*.sh: a line of TAP for each thing that is looked at. They end with "1..$number", exit $failed.
number=0 failed=0

check() { # NAME OFFENDERS: ok when there are none
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/# /'
		failed=1
	fi
}
