/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "spool/config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum inq_status parse(const char *text, struct inq_config *config, struct inq_error *err)
{
	inq_config_defaults(config);
	return inq_config_parse(text, strlen(text), "inquest.conf", config, err);
}

Test(config, takes_every_type_of_value)
{
	struct inq_config config;
	struct inq_error err = {0};

	cr_assert_eq(parse("# comment\n\n dump = mrR # why\nspool=/srv/dumps\nmax-count = 7\r\nmax-bytes=3M\n"
			   "honour-core-limit = yes", &config, &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(config.dump, "mrR");
	cr_assert_str_eq(config.spool, "/srv/dumps");
	cr_assert_eq(config.max_count, 7);
	cr_assert_eq(config.max_bytes, 3u << 20);
	cr_assert(config.honour_core_limit);
	cr_assert_eq(config.worker_uid, 65534, "what is not said keeps its default");
}

Test(config, refuses_each_malformed_line_and_becomes_strict)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{"dmup = mrR", "'dmup' is not a key"},
		{"dump", "no '='"},
		{"dump = m r", "letters wanted"},
		{"dump = m;reboot", "letters wanted"},
		{"dump = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "letters wanted"},
		{"spool = dumps", "absolute path"},
		{"spool = /", "absolute path"},
		{"spool = /a/../b", "absolute path"},
		{"spool = /a/./b", "absolute path"},
		{"spool = /a//b", "absolute path"},
		{"spool = /a/", "absolute path"},
		{"spool = /a\033[2J", "absolute path"},
		{"max-count = -1", "a number from 0"},
		{"max-count = 1K", "a number from 0"},
		{"max-count = ", "a number from 0"},
		{"max-count = 3abc", "a number from 0"},
		{"max-count = 99999999999999999999999", "a number from 0"},
		{"max-bytes = 1KK", "a size"},
		{"max-bytes = K", "a size"},
		{"max-bytes = 99999999999T", "a size"},
		{"max-dump = 1", "a size"},
		{"worker-uid = 0", "a number from 1"},
		{"worker-uid = 4294967295", "a number from 1"},
		{"keep-free-percent = 101", "a number from 0 to 100"},
		{"honour-core-limit = maybe", "yes or no wanted"},
		{"\001\377 = 1", "is not a key"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inq_config config, standard;
		struct inq_error err = {0};
		char text[256];

		inq_config_defaults(&standard);
		memcpy(standard.dump, "mrR", 4);
		snprintf(text, sizeof(text), "\n%s\n", rows[i].line);
		cr_expect_eq(parse(text, &config, &err), INQ_BAD_DATA, "%s", rows[i].line);
		cr_expect(strstr(err.text, "'inquest.conf': line 2: "), "%s", err.text);
		cr_expect(strstr(err.text, rows[i].words), "%s: %s", rows[i].line, err.text);
		cr_expect(!memcmp(&config, &standard, sizeof(config)), "%s moved something", rows[i].line);
	}
}

Test(config, keeps_the_good_lines_beside_a_bad_one)
{
	struct inq_config config;
	struct inq_error err = {0};

	cr_assert_eq(parse("max-count = 3\nnonsense\nmax-count = x\nmax-dump = 2M\n", &config, &err), INQ_BAD_DATA);
	cr_assert(strstr(err.text, "line 2"), "the first bad line is told: %s", err.text);
	cr_assert_eq(config.max_count, 3);
	cr_assert_eq(config.max_dump, 2u << 20);
	cr_assert_str_eq(config.dump, "mrR");
}

Test(config, becomes_strict_without_repeating_or_overflowing_letters)
{
	struct inq_config config;

	parse("dump = mRh\n?\n", &config, NULL);
	cr_assert_str_eq(config.dump, "mRhr");
	parse("dump = mmmmmmmmmmmmmmmmmmmmmmm\n?\n", &config, NULL);
	cr_assert_str_eq(config.dump, "mrR");
}

Test(config, parses_what_it_installs_to_the_defaults)
{
	struct inq_buffer text = {0};
	struct inq_config standard, parsed;
	const struct inq_config_key *keys;
	size_t count;

	inq_config_example(&text);
	cr_assert(inq_buffer_ok(&text));
	cr_assert_eq(parse(inq_buffer_text(&text), &parsed, NULL), INQ_OK);
	inq_config_defaults(&standard);
	cr_assert(!memcmp(&standard, &parsed, sizeof(parsed)));
	keys = inq_config_keys(&count);
	for (size_t i = 0; i < count; i++) {
		char line[512];

		snprintf(line, sizeof(line), "\n#%s = %s\t# default: %s\n", keys[i].name, keys[i].standard,
			 keys[i].standard);
		cr_expect(strstr(inq_buffer_text(&text), line), "no line for %s", keys[i].name);
	}
	inq_buffer_done(&text);
}

Test(config, has_a_valid_default_for_every_key)
{
	const struct inq_config_key *keys;
	struct inq_config config;
	size_t count;

	keys = inq_config_keys(&count);
	for (size_t i = 0; i < count; i++) {
		char line[512];

		snprintf(line, sizeof(line), "%s = %s\n", keys[i].name, keys[i].standard);
		cr_expect_eq(parse(line, &config, NULL), INQ_OK, "%s", line);
	}
}

/* --- files ---------------------------------------------------------------------------------------- */

static char directory[] = "/tmp/inq-config.XXXXXX";
static char path[64];

static void setup(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/inquest.conf", directory);
}

static void teardown(void)
{
	unlink(path);
	rmdir(path);
	rmdir(directory);
}

static void put(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert(!fchmod(fd, mode));
	close(fd);
}

#define NEEDS_ROOT()                                                     \
	do {                                                             \
		if (geteuid())                                           \
			cr_skip_test("needs root: the file must be root's"); \
	} while (0)

Test(config_file, is_missing_and_gives_the_defaults, .init = setup, .fini = teardown)
{
	struct inq_config config, standard;

	inq_config_defaults(&standard);
	cr_assert_eq(inq_config_load(path, &config, NULL), INQ_OK);
	cr_assert(!memcmp(&config, &standard, sizeof(config)));
}

Test(config_file, is_refused_when_it_is_not_roots_alone, .init = setup, .fini = teardown)
{
	static const mode_t modes[] = {0666, 0664, 0646};
	struct inq_config config;
	struct inq_error err = {0};

	NEEDS_ROOT();
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put("max-count = 3\n", modes[i]);
		cr_expect_eq(inq_config_load(path, &config, &err), INQ_DENIED);
		cr_expect(strstr(err.text, "writable by others"), "%s", err.text);
		cr_expect_eq(config.max_count, 100);
		cr_expect_str_eq(config.dump, "mrR");
	}
	put("max-count = 3\n", 0644);
	cr_assert(!chown(path, 1234, 0));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_DENIED);
	cr_assert(strstr(err.text, "belongs to user 1234"), "%s", err.text);
	cr_assert(!chown(path, 0, 0));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_OK);
	cr_assert_eq(config.max_count, 3);
}

Test(config_file, is_refused_when_it_is_no_regular_file, .init = setup, .fini = teardown, .timeout = 5)
{
	struct inq_config config;
	struct inq_error err = {0};

	NEEDS_ROOT();
	cr_assert(!mkfifo(path, 0600));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_UNSUPPORTED, "a FIFO must not block");
	unlink(path);
	cr_assert(!symlink("/dev/zero", path));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_UNSUPPORTED);
	cr_assert(strstr(err.text, "symbolic link"), "%s", err.text);
	unlink(path);
	cr_assert(!mkdir(path, 0700));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_UNSUPPORTED);
}

Test(config_file, is_refused_when_it_is_too_large, .init = setup, .fini = teardown)
{
	struct inq_config config;
	struct inq_error err = {0};

	NEEDS_ROOT();
	put("max-count = 3\n", 0644);
	cr_assert(!truncate(path, INQ_CONFIG_MAX + 1));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_LIMIT);
	cr_assert_str_eq(config.dump, "mrR");
	cr_assert(!truncate(path, 1ll << 30));
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_LIMIT);
}

static char *contents(void)
{
	static char text[INQ_CONFIG_MAX + 1];
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[size < 0 ? 0 : size] = '\0';
	return text;
}

Test(config_file, keeps_every_other_line_when_a_key_is_set, .init = setup, .fini = teardown)
{
	struct inq_error err = {0};

	NEEDS_ROOT();
	put("# mine\nmax-count = 3\n#dump = m\t# default: m\nkeep-free = 2G # note\n", 0644);
	cr_assert_eq(inq_config_set(path, "dump", "mrR", &err), INQ_OK, "%s", err.text);
	cr_assert_str_eq(contents(), "# mine\nmax-count = 3\ndump = mrR\t# default: m\nkeep-free = 2G # note\n");
	cr_assert_eq(inq_config_set(path, "dump", "m", &err), INQ_OK);
	cr_assert_str_eq(contents(), "# mine\nmax-count = 3\ndump = m\t# default: m\nkeep-free = 2G # note\n");
	cr_assert_eq(inq_config_set(path, "hold-deadline", "9", &err), INQ_OK);
	cr_assert(strstr(contents(), "note\nhold-deadline = 9\t# default: 5\n"), "%s", contents());
}

Test(config_file, is_made_with_all_keys_when_one_is_set, .init = setup, .fini = teardown)
{
	struct inq_config config;
	struct inq_error err = {0};

	NEEDS_ROOT();
	cr_assert_eq(inq_config_set(path, "max-count", "9", &err), INQ_OK, "%s", err.text);
	cr_assert_eq(inq_config_load(path, &config, &err), INQ_OK, "%s", err.text);
	cr_assert_eq(config.max_count, 9);
	cr_assert(strstr(contents(), "#keep-free = 1G"));
}

Test(config_file, is_left_alone_when_a_value_is_refused, .init = setup, .fini = teardown)
{
	struct inq_error err = {0};

	NEEDS_ROOT();
	put("max-count = 3\n", 0644);
	cr_assert_eq(inq_config_set(path, "max-count", "-3", &err), INQ_USAGE);
	cr_assert_eq(inq_config_set(path, "max-cuont", "3", &err), INQ_USAGE);
	cr_assert(strstr(err.text, "'max-cuont' is not a key"), "%s", err.text);
	cr_assert_str_eq(contents(), "max-count = 3\n");
}
