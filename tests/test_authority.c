/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/authority.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>

static const struct inq_authority_facts GOOD = {
	.arguments = true, .identity = true, .still = true, .dumpable = 1, .uid = 1000, .gid = 1000,
	.threads = true, .ids_equal = true, .auxv = true, .secure = false, .same_userns = true,
};

Test(authority, gives_the_dump_to_the_user_when_every_fact_says_so)
{
	struct inq_authority decided = inq_authority_decide(&GOOD);

	cr_assert_not(decided.root_only);
	cr_assert_str_eq(decided.reason, "its user");
}

Test(authority, gives_the_dump_to_root_when_nothing_is_known)
{
	const struct inq_authority_facts nothing = {0};

	cr_assert(inq_authority_decide(&nothing).root_only);
}

/* All 2^8 combinations of the yes-or-no facts with all modes: only one of them is the user's. */
Test(authority, lets_every_single_fact_speak_for_root)
{
	unsigned users = 0;

	for (unsigned bits = 0; bits < 1024; bits++) {
		const struct inq_authority_facts facts = {
			.arguments = bits & 1, .identity = bits & 2, .still = bits & 4, .threads = bits & 8,
			.ids_equal = bits & 16, .auxv = bits & 32, .secure = !(bits & 64), .same_userns = bits & 128,
			.dumpable = bits >> 8, .uid = 1000, .gid = 1000,
		};
		struct inq_authority decided = inq_authority_decide(&facts);

		cr_expect(decided.reason && *decided.reason);
		users += !decided.root_only;
		cr_expect_eq(decided.root_only, bits != (255 | 1 << 8), "%#x", bits);
	}
	cr_assert_eq(users, 1);
}

static bool ids(const char *text, uint32_t uids[4], uint32_t gids[4])
{
	return inq_authority_status_ids(text, strlen(text), uids, gids);
}

Test(status, tells_four_ids_of_each_kind)
{
	uint32_t uids[4], gids[4];

	cr_assert(ids("Name:\ta\nUid:\t1\t2\t3\t4294967295\nGid:\t5\t6\t7\t8\nGroups:\t9\n", uids, gids));
	cr_expect_eq(uids[0], 1);
	cr_expect_eq(uids[3], UINT32_MAX);
	cr_expect_eq(gids[0], 5);
	cr_expect_eq(gids[3], 8);
}

Test(status, is_not_fooled_by_a_name_that_looks_like_a_line)
{
	uint32_t uids[4], gids[4];

	cr_assert(ids("Name:\tx\nUid:\t0\t0\t0\t0\nUmask:\t0022\nUid:\t1000\t1000\t1000\t1000\nGid:\t7\t7\t7\t7\n",
		      uids, gids));
	cr_expect_eq(uids[0], 1000);
	cr_expect_eq(uids[3], 1000);
}

Test(status, is_refused_when_a_line_is_missing_or_malformed)
{
	static const char *const rows[] = {
		"", "Uid:\t1\t1\t1\t1\n", "Gid:\t1\t1\t1\t1\n", "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1",
		"Uid:\t1\t1\t1\nGid:\t1\t1\t1\t1\n", "Uid:\t1\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n",
		"Uid:\t1\t1\t1\t-1\nGid:\t1\t1\t1\t1\n", "Uid:\t1\t1\t1\t4294967296\nGid:\t1\t1\t1\t1\n",
		"Uid: 1 1 1 1\nGid:\t1\t1\t1\t1\n", "xUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n",
		"Uid:\t1\t1\t1\t\nGid:\t1\t1\t1\t1\n", "Uid:\t1\t1\t1\t1\nGid:",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t uids[4] = {77}, gids[4] = {78};

		cr_expect_not(ids(rows[i], uids, gids), "%s", rows[i]);
		cr_expect(uids[0] == 77 && gids[0] == 78, "%s moved an output", rows[i]);
	}
}

Test(auxv, tells_whether_the_start_was_privileged)
{
	const uint64_t secure[] = {AT_PAGESZ, 4096, AT_SECURE, 1, AT_NULL, 0};
	const uint64_t plain[] = {AT_SECURE, 0, AT_NULL, 0};
	const uint64_t after_end[] = {AT_PAGESZ, 4096, AT_NULL, 0, AT_SECURE, 0};
	bool is = false;

	cr_expect(inq_authority_auxv_secure(secure, sizeof(secure), &is));
	cr_expect(is);
	cr_expect(inq_authority_auxv_secure(plain, sizeof(plain), &is));
	cr_expect_not(is);
	is = true;
	cr_expect_not(inq_authority_auxv_secure(after_end, sizeof(after_end), &is));
	cr_expect_not(inq_authority_auxv_secure(secure, 24, &is), "half a pair is none");
	cr_expect_not(inq_authority_auxv_secure(NULL, 0, &is));
	cr_expect(is, "outputs stay where they were");
}
