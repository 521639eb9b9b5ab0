/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands over a target made of constants: what they show, what they refuse, and that nothing
 * hostile gets out. */
#include "capture/dump_command.h"
#include "debugger/command.h"
#include "debugger/show.h"
#include "showcase_target.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct debugger debugger;

static void open_target(struct inq_target *target)
{
	memset(&debugger, 0, sizeof(debugger));
	out_init(&debugger.out, -1);
	out_init(&debugger.errors, -1);
	debugger.lines = true;
	cr_assert_eq(inq_session_new(target, NULL, &debugger.session, NULL), INQ_OK);
}

static void setup(void)
{
	open_target(showcase_target_new());
}

static void teardown(void)
{
	inq_session_free(debugger.session);
	out_done(&debugger.out);
	out_done(&debugger.errors);
}

TestSuite(debugger, .init = setup, .fini = teardown);

static const char *shown(void)
{
	return inq_buffer_text(&debugger.out.text);
}

static const char *run(const char *line, enum inq_status expected)
{
	enum inq_status status;

	debugger.out.text.size = debugger.errors.text.size = 0;
	status = debugger_run(&debugger, line);
	inq_buffer_append(&debugger.out.text, "", 1);
	inq_buffer_append(&debugger.errors.text, "", 1);
	cr_expect_eq(status, expected, "'%s': %s, not %s: %s", line, inq_status_name(status),
		     inq_status_name(expected), inq_buffer_text(&debugger.errors.text));
	return shown();
}

static void shows(const char *line, const char *golden)
{
	const char *text = run(line, INQ_OK);

	cr_expect_str_eq(text, golden, "'%s' shows:\n%s\nnot:\n%s", line, text, golden);
}

static void has(const char *line, const char *part)
{
	const char *text = run(line, INQ_OK);

	cr_expect(strstr(text, part), "'%s' shows:\n%s\nwithout: %s", line, text, part);
}

static void refuses(const char *line, enum inq_status status, const char *words)
{
	run(line, status);
	cr_expect(strstr(inq_buffer_text(&debugger.errors.text), words),
		  "'%s' says '%s', without '%s'", line, inq_buffer_text(&debugger.errors.text),
		  words);
	cr_expect_eq(debugger.out.text.size, 1u, "'%s' was refused and showed '%s'", line, shown());
}

/* --- layouts ---------------------------------------------------------------------- */

Test(debugger, shows_registers_in_WinDbgs_order)
{
	const char *text = run("r", INQ_OK);

	cr_expect(strncmp(text,
			  "rax=1111222233334444 rbx=0000000000000001 rcx=0000000000000000\n"
			  "rdx=0000000000000000 rsi=0000000000000000 rdi=0000000000000000\n"
			  "rip=0000000000401016 rsp=00007ffd00001000 rbp=0000000000000000\n"
			  " r8=0000000000000000  r9=0000000000000000 r10=0000000000000000\n"
			  "r11=0000000000000000 r12=0000000000000000 r13=0000000000000000\n"
			  "r14=0000000000000000 r15=0000000000000000\n"
			  "iopl=0         nv up ei pl zr na pe nc\n"
			  "cs=0033  ss=002b  ds=0000  es=0000  fs=0000  gs=0000             "
			  "efl=00010246\n"
			  "app+0x1016:\n",
			  9 * 40) == 0,
		  "%s", text);
}

Test(debugger, shows_single_registers_and_their_parts)
{
	shows("r rax", "rax=1111222233334444\n");
	shows("r @rax", "rax=1111222233334444\n");
	shows("r@eax", "eax=33334444\n");
	shows("r al,ax", "al=44\nax=4444\n");
	shows("r $t0 = 10+5; r $t0", "$t0=0000000000000015\n");
	refuses("r nosuch", INQ_USAGE, "'nosuch' is not a register of x86-64");
	refuses("r rax = 5", INQ_UNSUPPORTED, "cannot be changed");
}

Test(debugger, dumps_bytes_with_the_dash_and_the_characters)
{
	shows("db 7ffd00001030 L20", "00007ffd`00001030  30 31 32 33 34 35 36 37-38 39 3a 3b 3c 3d "
				     "3e 3f  0123456789:;<=>?\n"
				     "00007ffd`00001040  40 41 42 43 44 45 46 47-48 49 4a 4b 4c 4d "
				     "4e 4f  @ABCDEFGHIJKLMNO\n");
	shows("db 7ffd000010fe L4",
	      "00007ffd`000010fe  fe ff ?? ??                                      ..??\n");
}

Test(debugger, dumps_words_of_every_size)
{
	shows("dw 7ffd00001000 L2", "00007ffd`00001000  0100 0302                              \n");
	shows("dd 7ffd00001000 L4", "00007ffd`00001000  03020100 07060504 0b0a0908 0f0e0d0c\n");
	shows("dq 7ffd00001000 L2", "00007ffd`00001000  07060504`03020100 0f0e0d0c`0b0a0908\n");
	shows("da 7ffd00001041 L3", "00007ffd`00001041  \"ABC\"\n");
	shows("dps 7ffd000010f8 L2", "00007ffd`000010f8  fffefdfc`fbfaf9f8\n"
				     "00007ffd`00001100  ????????`????????\n");
}

Test(debugger, dumps_ranges_and_goes_on)
{
	shows("db rsp rsp+3",
	      "00007ffd`00001000  00 01 02 03                                      ....\n");
	has("d", "00007ffd`00001004  04 05");
	has("dd rsp L1; d", "00007ffd`00001004  07060504");
	refuses("db rsp rsp-1", INQ_USAGE, "the end lies before the start");
	refuses("db rsp L0", INQ_USAGE, "units");
	refuses("db rsp L20000000", INQ_USAGE, "units");
	refuses("db rsp L10 x", INQ_USAGE, "usage: db [ADDR] [LN | END]");
}

Test(debugger, evaluates)
{
	shows("? 10", "Evaluate expression: 16 = 00000000`00000010\n");
	shows("?rip+1", "Evaluate expression: 4198423 = 00000000`00401017\n");
	shows("? poi(rsp)", "Evaluate expression: 506097522914230528 = 07060504`03020100\n");
	refuses("?", INQ_USAGE, "an expression is missing");
	refuses("? 1+", INQ_USAGE, "usage: ? EXPR");
	refuses("? poi(0)", INQ_FAULT, "0x0: not in the dump");
	has(".formats 41", "  Chars:   .......A\n");
}

Test(debugger, says_what_died)
{
	shows(".lastevent", "Last event: (1a2b.1a2c): Signal SIGSEGV (SEGV_MAPERR: address not "
			    "mapped to object) at "
			    "0x10\n  dump time: 2026-11-21 12:35:43 UTC\n");
	has(".exr -1", "   ExceptionCode: 0000000b (SIGSEGV: segmentation fault)\n");
	refuses(".exr", INQ_USAGE, "usage: .exr -1 | ADDR");
	refuses(".exr rsp", INQ_BAD_DATA, "not a siginfo_t");
	refuses(".cxr rsp", INQ_BAD_DATA, "not a ucontext_t");
	refuses(".ecxr 1", INQ_USAGE, "'1': not understood");
}

Test(debugger, lists_and_chooses_threads)
{
	const char *text = run("~", INQ_OK);

	cr_expect(strstr(text, "   0  Id: 1a2b.1a2b (6699) \"main\"\n"), "%s", text);
	cr_expect(strstr(text, ".  1  Id: 1a2b.1a2c (6700)"), "%s", text);
	has("~0s; ~", ".  0  Id");
	has("~#", "#  1  Id: 1a2b.1a2c");
	has("~0 r rbx", "rbx=0000000000000000\n");
	has("~1 e r rbx", "rbx=0000000000000001\n");
	refuses("~7s", INQ_USAGE, "there is no such thread; the dump has 2");
	refuses("~x", INQ_USAGE, "'x': not a thread");
	refuses("~*bogus", INQ_USAGE, "not a command for threads");
}

Test(debugger, shows_stacks_without_any_image)
{
	const char *text = run("k", INQ_OK);

	cr_expect(strstr(text, " # Child-SP          RetAddr               Call Site\n"
			       "00 00007ffd`00001000 "),
		  "%s", text);
	cr_expect(strstr(text, "     app+0x1016"), "%s", text);
	has("k5", "Call Site");
	has("~*k", "app+0x1016");
	refuses("k 0", INQ_USAGE, "0 frames");
	refuses("k zz", INQ_ABSENT, "'zz'");
	refuses(".frame 99", INQ_USAGE, "there is no frame 99");
}

Test(debugger, lists_modules)
{
	has("lm", "00000000`00400000 00000000`00402000   app                      (");
	has("lm m ap*", "app");
	has("lmvm app", "Build ID:          deadbeef\n");
	has("lm a 401000", "app");
	refuses("lm q", INQ_USAGE, "'q': not an option of lm");
	refuses("lm m", INQ_USAGE, "a pattern is missing");
	run("lm m zz*", INQ_ABSENT);
	run("x app!*", INQ_ABSENT);
	refuses("x", INQ_USAGE, "which symbols?");
	refuses("x nobody!main", INQ_ABSENT, "no module is called 'nobody'");
	refuses("ln 1", INQ_ABSENT, "0x1 is in no module");
}

Test(debugger, describes_the_address_space)
{
	has("!address rsp", "Usage:            Stack\n");
	has("!address", "r-xp  Image     /nowhere/app\n");
	has("!address -summary", "Stack                         1        132.0 kB\n");
	refuses("!address 1", INQ_ABSENT, "0x1: not mapped");
	has("vertarget", "Linux 6.1.0 x64 MP (2 procs)");
	has("|", "id: 1a2b (6699)");
}

Test(debugger, refuses_code_that_is_not_there)
{
	run("u 401000", INQ_FAULT);
	refuses("u rsp L0", INQ_USAGE, "instructions");
	has("u rsp+50 L1", "00007ffd`00001050 50              push    rax\n");
	refuses("uf rsp", INQ_ABSENT, "no function");
}

Test(debugger, takes_lines_apart)
{
	shows(".echo a; .echo b", "a\nb\n");
	shows(".echo \"a;b\"", "a;b\n");
	shows("* .echo no", "");
	shows("$$ .echo no; .echo yes", "yes\n");
	shows(" ; ;", "");
	refuses("bogus 1", INQ_USAGE, "'bogus 1' is not a command");
	run("q; .echo not any more", INQ_OK);
	cr_expect_str_eq(shown(), "");
	cr_expect(debugger.quit);
}

Test(debugger, needs_a_dump_for_most_commands)
{
	inq_session_free(debugger.session);
	debugger.session = NULL;
	for (size_t i = 0; i < command_count; i++) {
		char line[64];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(commands[i].names, " "),
			 commands[i].names);
		if (commands[i].needs == NEEDS_SESSION)
			refuses(line, INQ_ABSENT, "no dump is open");
	}
}

Test(debugger, lives_with_a_dump_that_has_nothing)
{
	teardown();
	open_target(showcase_target_empty());
	refuses(".ecxr", INQ_ABSENT, "no exception");
	refuses("r", INQ_ABSENT, "no threads");
	refuses("k", INQ_ABSENT, "no threads");
	refuses("u", INQ_FAULT, "no threads");
	refuses("!address", INQ_ABSENT, "does not say");
	refuses(".lastevent", INQ_ABSENT, "neither");
	show_opening(&debugger, "x.dmp");
}

/* --- the table -------------------------------------------------------------------- */

Test(debugger, refuses_what_no_command_takes)
{
	/* Each row refuses a word that nothing understands, with its syntax or the word, and never
	 * dies of it. */
	static const char *const anything[] = {".echo", ".sympath", ".opendump", ".dump", "lm", "x", "q"};

	for (size_t i = 0; i < command_count; i++) {
		char line[64];
		bool skip = false;

		for (size_t j = 0; j < sizeof(anything) / sizeof(anything[0]); j++)
			skip |= strncmp(commands[i].names, anything[j], strlen(anything[j])) == 0;
		snprintf(line, sizeof(line), "%.*s ((", (int)strcspn(commands[i].names, " "),
			 commands[i].names);
		if (!skip)
			refuses(line, INQ_USAGE, "((");
	}
}

Test(debugger, has_help_for_every_name)
{
	const char *all = strdup(run(".help", INQ_OK));

	for (size_t i = 0; i < command_count; i++) {
		cr_expect(strstr(all, commands[i].summary), "%s", commands[i].names);
		cr_expect(islower((unsigned char)commands[i].summary[0]), "%s",
			  commands[i].summary);
		for (const char *at = commands[i].names; *at;) {
			size_t length = strcspn(at, " ");
			char line[64], name[COMMAND_NAME];
			const char *args;

			snprintf(line, sizeof(line), ".help %.*s", (int)length, at);
			has(line, commands[i].summary);
			cr_expect_eq(command_find(line + 6, name, &args), &commands[i], "%s", line);
			at += length + (at[length] == ' ');
		}
	}
	refuses(".help bogus", INQ_USAGE, "no such command");
	free((void *)(uintptr_t)all);
}

/* .dump /? is made of the tables that the parser reads; the manual is held against the same ones. */
Test(debugger, shows_every_option_and_letter_of_dump)
{
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);
	const struct inq_dump_option *letters;
	char line[256];

	for (size_t i = 0; i < count; i++) {
		if (!rows[i].help)
			continue;
		has(".dump /?", rows[i].help);
		snprintf(line, sizeof(line), rows[i].takes == INQ_TAKES_LETTERS ? "  %s[%s]" : *rows[i].argument ? "  %s %s" : "  %s%s ",
			 rows[i].name, rows[i].argument);
		has(".dump /?", line);
	}
	letters = inq_dump_options_table(&count);
	for (size_t i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "  %c                %s\n", letters[i].letter, letters[i].help);
		has(".dump /?", line);
	}
}

Test(debugger, shows_no_stream_that_is_not_there)
{
	refuses("!token", INQ_ABSENT, "no token is known (the letters h and p bring it into a dump)");
	refuses("!vm", INQ_ABSENT, "no counters are known (the letter F brings them into a dump)");
	refuses("!kernel", INQ_ABSENT, "the kernel's side is not known (the letter k brings it into a dump)");
	refuses("!kernel zz", INQ_ABSENT, "'zz': no such register, symbol or module");
	refuses("!kernel 100000000", INQ_USAGE, "0x100000000 is no thread id");
	refuses("r ymm3", INQ_ABSENT, "no extended registers of this thread are known (the letter y brings them into a dump)");
	refuses("rZ", INQ_ABSENT, "no extended registers");
	refuses("r ymm32", INQ_USAGE, "'ymm32' is not a register");
}

Test(debugger, is_documented_in_the_man_page)
{
	const char *folder = getenv("srcdir");
	char path[4096], *page = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/src/debugger/inquest.1", folder ? folder : ".");
	file = fopen(path, "r");
	cr_assert(file, "%s", path);
	cr_assert(getdelim(&page, &size, '\0', file) > 0);
	fclose(file);
	for (size_t i = 0; i < command_count; i++) {
		/* A line of its own: ".B NAMES" as the table has them, and the summary below it. */
		char wanted[256];
		const char *from = commands[i].names;
		size_t at = (size_t)snprintf(wanted, sizeof(wanted), ".B \\&");

		for (; *from && at < sizeof(wanted) - 2; from++) {
			if (*from == '~')
				at += (size_t)snprintf(wanted + at, sizeof(wanted) - at, "\\(ti");
			else
				wanted[at++] = *from;
		}
		wanted[at++] = '\n';
		wanted[at] = '\0';
		cr_expect(strstr(page, wanted), "inquest(1) lacks %s", wanted);
		cr_expect(strstr(page, commands[i].summary), "inquest(1) lacks '%s'",
			  commands[i].summary);
	}
	free(page);
}

/* --- hostile text ----------------------------------------------------------------- */

static void is_harmless(const char *what)
{
	const uint8_t *bytes = debugger.out.text.data;

	for (size_t i = 0; i + 1 < debugger.out.text.size; i++) {
		cr_assert(bytes[i] >= 0x20 || bytes[i] == '\n', "'%s' let \\x%02x out: %s", what,
			  bytes[i], shown() + (i > 30 ? i - 30 : 0));
		cr_assert_neq(bytes[i], 0x7f);
		cr_assert(!(bytes[i] == 0x9b && (i == 0 || bytes[i - 1] < 0x80)),
			  "'%s' let 0x9b out", what);
	}
	cr_assert_not(strstr(shown(), HOSTILE_RLO), "'%s' let U+202E out", what);
	cr_assert_not(strstr(shown(), "\n0:000> forged"), "'%s' let a forged prompt out", what);
}

Test(debugger, lets_nothing_hostile_reach_the_terminal)
{
	static const char *const lines[] = {
		"~",  "lm",	    "lmv",   "!address", "!address rsp", "vertarget", "|", "~*k",
		"kv", ".lastevent", ".ecxr", ".exr -1",	 "ln 500010",	 "? rip",     "r"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		debugger.out.text.size = 0;
		debugger_run(&debugger, lines[i]);
		inq_buffer_append(&debugger.out.text, "", 1);
		is_harmless(lines[i]);
	}
	debugger.out.text.size = 0;
	show_opening(&debugger, "a" HOSTILE_TITLE ".dmp");
	inq_buffer_append(&debugger.out.text, "", 1);
	is_harmless("opening");
	cr_expect(strstr(shown(), "a\\x1b]0;owned\\x07.dmp: fake, 2 threads, 2 modules\n"), "%s",
		  shown());
	cr_expect(strstr(shown(), "app\\x1b]0;owned\\x07 (pid 6699, user 1000) died of SIGSEGV"),
		  "%s", shown());
}

Test(debugger, escapes_in_JSON_too)
{
	json_t *object, *threads;

	debugger.json = true;
	object = json_loads(run("~", INQ_OK), 0, NULL);
	cr_assert(object, "%s", shown());
	threads = json_object_get(object, "threads");
	cr_assert_eq(json_array_size(threads), 2u);
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(threads, 1), "name")),
			 "w\\x9b2J");
	json_decref(object);
	is_harmless("~ as JSON");
}

Test(debugger, answers_every_command_with_one_JSON_object)
{
	static const char *const lines[] = {
		"k",	     "~*k",	 "r",	      ".ecxr",	 ".lastevent", "lm",	   "? 10",
		"vertarget", "!address", "ln 401000", ".echo x", ".exr -1",    "db rsp L1"};

	debugger.json = true;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *object = json_loads(run(lines[i], INQ_OK), 0, NULL);

		cr_assert(json_is_object(object), "'%s': %s", lines[i], shown());
		cr_expect_str_eq(json_string_value(json_object_get(object, "command")), lines[i]);
		cr_expect(json_object_size(object) >= 2, "'%s': %s", lines[i], shown());
		json_decref(object);
	}
}

Test(debugger, says_failures_in_the_JSON_object)
{
	json_t *object;

	debugger.json = true;
	object = json_loads(run("r nosuch", INQ_USAGE), 0, NULL);
	cr_assert(object);
	cr_expect_str_eq(json_string_value(json_object_get(object, "error")),
			 "'nosuch' is not a register of x86-64");
	json_decref(object);
}

/* --- the output layer ------------------------------------------------------------- */

static const char *printed(struct out *out)
{
	inq_buffer_append(&out->text, "", 1);
	return inq_buffer_text(&out->text);
}

Test(output, formats_as_printf_does)
{
	struct out out;

	out_init(&out, -1);
	out_print(&out, "%d|%5d|%-5d|%05d|%x|%#x|%llx|%zu|%c|%%|%s|%-6s|%6s|%.2s|%*s|%02x|%lu|%.*s",
		  -1, 42, 42, 42, 255u, 255u, 0x123456789abcdefull, (size_t)7, 'c', "text", "ab",
		  "ab", "abc", 4, "r", 7u, 9ul, 1, "xyz");
	cr_expect_str_eq(printed(&out),
			 "-1|   42|42   |00042|ff|0xff|123456789abcdef|7|c|%|text|ab    |    "
			 "ab|ab|   r|07|9|x");
	out_done(&out);
}

Test(output, escapes_strings_and_characters_and_pads_what_is_shown)
{
	struct out out;

	out_init(&out, -1);
	out_print(&out, "%s|%c|%8s|\n", "a\nb\033[2J", '\033', "\x9b");
	cr_expect_str_eq(printed(&out), "a\\x0ab\\x1b[2J|\\x1b|    \\x9b|\n");
	out_done(&out);
}
