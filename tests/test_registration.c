/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "handler/minimal.h"
#include "handler/registration.h"
#include "minidump/format.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(pattern, tells_who_handles_crashes)
{
	static const struct {
		const char *pattern;
		enum inq_pattern_owner owner;
		const char *program;
	} rows[] = {
		{"", INQ_PATTERN_NOBODY, ""},
		{"core", INQ_PATTERN_FILE, ""},
		{"/var/cores/%e.%p", INQ_PATTERN_FILE, ""},
		{"inquest-core", INQ_PATTERN_FILE, ""},
		{"|/usr/libexec/inquest/inquest-core P=%P", INQ_PATTERN_INQUEST, "/usr/libexec/inquest/inquest-core"},
		{"|/opt/x/inquest-core", INQ_PATTERN_INQUEST, "/opt/x/inquest-core"},
		{"|/opt/inquest-core/other %P", INQ_PATTERN_OTHER, "/opt/inquest-core/other"},
		{"|/usr/lib/systemd/systemd-coredump %P %u", INQ_PATTERN_SYSTEMD, "/usr/lib/systemd/systemd-coredump"},
		{"|/usr/share/apport/apport -p%p", INQ_PATTERN_APPORT, "/usr/share/apport/apport"},
		{"|/usr/libexec/abrt-hook-ccpp %s", INQ_PATTERN_ABRT, "/usr/libexec/abrt-hook-ccpp"},
		{"|/bin/false", INQ_PATTERN_OTHER, "/bin/false"},
		{"|", INQ_PATTERN_OTHER, ""},
		{"@/run/coredump.socket", INQ_PATTERN_SOCKET, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char program[INQ_CORE_PATTERN_MAX + 1];

		inq_pattern_program(rows[i].pattern, program);
		cr_expect_eq(inq_pattern_owner(rows[i].pattern), rows[i].owner, "%s", rows[i].pattern);
		cr_expect_str_eq(program, rows[i].program);
		cr_expect(*inq_pattern_owner_name(rows[i].owner));
	}
}

static char directory[] = "/var/lib/inq-register-test.XXXXXX";
static char helper[80];

static void setup(void)
{
	FILE *file;

	if (geteuid())
		return;
	cr_assert(mkdtemp(directory) && !chmod(directory, 0755));
	snprintf(helper, sizeof(helper), "%s/inquest-core", directory);
	file = fopen(helper, "w");
	cr_assert(file && !fclose(file) && !chmod(helper, 0755));
}

static void teardown(void)
{
	unlink(helper);
	rmdir(directory);
}

Test(helper, is_run_only_if_root_alone_can_change_it, .init = setup, .fini = teardown)
{
	struct inq_error err = {0};
	char link[100];

	if (geteuid())
		cr_skip_test("needs root: the program must be root's");
	cr_expect_eq(inq_helper_check(helper, &err), INQ_OK, "%s", err.text);
	cr_assert(!chmod(helper, 0775));
	cr_expect_eq(inq_helper_check(helper, &err), INQ_DENIED);
	cr_expect(strstr(err.text, "can change it"), "%s", err.text);
	cr_assert(!chmod(helper, 0644));
	cr_expect_eq(inq_helper_check(helper, &err), INQ_DENIED);
	cr_expect(strstr(err.text, "not executable"), "%s", err.text);
	cr_assert(!chmod(helper, 0755) && !chown(helper, 1234, 0));
	cr_expect_eq(inq_helper_check(helper, &err), INQ_DENIED);
	cr_assert(!chown(helper, 0, 0) && !chmod(directory, 01777));
	cr_expect_eq(inq_helper_check(helper, &err), INQ_DENIED, "whoever may write the directory may replace it");
	cr_assert(!chmod(directory, 0755));
	snprintf(link, sizeof(link), "%s/link", directory);
	cr_assert(!symlink(helper, link));
	cr_expect_eq(inq_helper_check(link, &err), INQ_UNSUPPORTED);
	cr_assert(!unlink(link));
	cr_expect_eq(inq_helper_check(link, &err), INQ_ABSENT);
	cr_expect_eq(inq_helper_check("inquest-core", &err), INQ_UNSUPPORTED);
}

Test(minimal, has_what_the_kernel_said_and_why_there_is_no_more)
{
	const struct inq_core_args args = {.pid = 4711, .tid = 4712, .signal = 11, .time = 1795264543};
	struct inq_minimal minimal;
	uint32_t signature;

	cr_assert_eq(inq_minimal_make(&args, "the worker was killed by signal 9", &minimal, NULL), INQ_OK);
	cr_assert_geq(minimal.size, 1024);
	cr_assert_leq(minimal.size, INQ_MINIMAL_MAX);
	memcpy(&signature, minimal.bytes, sizeof(signature));
	cr_expect_eq(signature, 0x504d444d, "MDMP");
	cr_expect(memmem(minimal.bytes, minimal.size, "a minimal dump: the worker was killed by signal 9", 49));
}

Test(minimal, cuts_a_reason_that_is_too_long)
{
	const struct inq_core_args args = {.pid = 1};
	struct inq_minimal minimal;
	char why[5000];

	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	cr_assert_eq(inq_minimal_make(&args, why, &minimal, NULL), INQ_OK);
	cr_assert_leq(minimal.size, INQ_MINIMAL_MAX);
}
