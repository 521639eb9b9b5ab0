/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <ctype.h>
#include <string.h>

/*
 * Every command of the debugger, in the order in which .help shows them.
 *
 * names    blanks between; the first is the one that people know
 * syntax   of the arguments
 * summary  one line, no full stop
 * help     further lines for ".help NAME" and the man page, or ""
 * needs    whether a dump must be open
 * run      does it
 */
// clang-format off
const struct command commands[] = {
	{"!analyze", "[-v]",
	 "say why it died, and where",
	 "The cause in words, the line to blame, and a bucket: the same name for the same crash of other\n"
	 "processes. -v adds the exception, the instruction, registers and stack. The exception's thread and\n"
	 "registers become the current ones, as .ecxr does.",
	 NEEDS_SESSION, command_analyze},
	{".ecxr", "",
	 "go to the exception's thread and registers, and show them",
	 "From here on r, k and expressions look at the moment of the crash. ~Ns or .cxr\n"
	 "goes back to a thread's own registers.",
	 NEEDS_SESSION, command_ecxr},
	{".exr", "-1 | ADDR",
	 "show the exception: signal, code, address",
	 "-1 is the dump's own; ADDR is a siginfo_t in the dump's memory.",
	 NEEDS_SESSION, command_exr},
	{".lastevent", "",
	 "show what happened last",
	 "",
	 NEEDS_SESSION, command_lastevent},
	{".cxr", "[ADDR]",
	 "take the registers of a ucontext_t in memory; alone: back to the thread's",
	 "",
	 NEEDS_SESSION, command_cxr},
	{"r rX rY rZ", "[REGISTER ...]",
	 "show registers, all or some; 'r $t0 = EXPR' sets a user register",
	 "REGISTER is a name (rax, eax, al, xmm0, $ip, $csp, $retreg, $ra, $t0) with or\n"
	 "without '@', or a group: f floating point, X vectors, d debug registers; of the thread Y (ymm0 to ymm15) and\n"
	 "Z (zmm0 to zmm31, masks k0 to k7), or one of those.\n"
	 "Registers are those of the current frame.",
	 NEEDS_SESSION, command_r},
	{"k kb kn kv kp", "[N]",
	 "show the stack, at most N frames (0x100)",
	 "kb adds words of the caller's stack, kp the parameters' types, kv also how\n"
	 "each frame was found. Functions inlined by the compiler have lines of their\n"
	 "own, marked (Inline Function). Frames found without call frame information say\n"
	 "so: (fp) by the frame pointer, (scan) by a word on the stack that looks like a\n"
	 "return address.",
	 NEEDS_SESSION, command_k},
	{"~", "[* | . | # | N] [s | [e] COMMAND]",
	 "list threads, choose one, or run a command for some",
	 "~ lists all, ~Ns makes N the current one, ~*k shows every stack, ~N r the\n"
	 "registers of N. '.' is the current thread, '#' the one that crashed. N is\n"
	 "decimal, as in the list.",
	 NEEDS_SESSION, command_threads},
	{".frame", "[/r] [N]",
	 "show or choose the current frame, with /r its registers",
	 "",
	 NEEDS_SESSION, command_frame},
	{"lm lmv lmm lmvm lma", "[v] [m PATTERN] [a ADDR]",
	 "list modules",
	 "v shows details and looks for image and debug file, m chooses by name (with *\n"
	 "and ?), a by address.",
	 NEEDS_SESSION, command_lm},
	{"x", "[MODULE!]PATTERN",
	 "list symbols that match a pattern",
	 "",
	 NEEDS_SESSION, command_x},
	{"ln", "[ADDR]",
	 "show the symbol and line nearest to an address",
	 "",
	 NEEDS_SESSION, command_ln},
	{"u ub uf", "[ADDR] [LN | END]",
	 "disassemble; ub what leads to the address, uf the whole function",
	 "Alone, u goes on where it stopped.",
	 NEEDS_SESSION, command_u},
	{"d db dw dd dq dp dc da du dds dqs dps", "[ADDR] [LN | END]",
	 "show memory",
	 "b w d q bytes, words, double and quad words, p pointers, c double words and\n"
	 "characters, a text, u UTF-16 text, ds qs ps pointers with the symbols that\n"
	 "they point at. d repeats the last style. Alone it goes on where it stopped. LN\n"
	 "is a count of units; END is the last address. What a small dump lacks is read\n"
	 "from the image file where the program could not have changed it, and said so;\n"
	 "?? is nowhere.",
	 NEEDS_SESSION, command_d},
	{"?", "EXPR",
	 "evaluate an expression",
	 "Numbers are hexadecimal; 0n10, 0t17, 0y101 are decimal, octal, binary; ` may\n"
	 "part digits. rip, @rip registers; module!symbol+0x10; poi by wo dwo qwo hi\n"
	 "low; + - * / % mod << >> >>> = == != < > <= >= and & xor ^ or | not; $ip $csp\n"
	 "$ra $exentry $retreg $tid $tpid $teb $t0.",
	 NEEDS_SESSION, command_evaluate},
	{".formats", "EXPR",
	 "show a number in all forms",
	 "",
	 NEEDS_SESSION, command_formats},
	{"!address !vprot", "[-summary | ADDR]",
	 "show the address space, or what lies at an address",
	 "",
	 NEEDS_SESSION, command_address},
	{"!handle", "[-a | HANDLE] [FLAGS [TYPE]]", "show file descriptors: all, or one with all that is known",
	 "Numbers are hexadecimal; FLAGS other than 0 shows details of all. TYPE chooses (File, Socket, Pipe, ...).",
	 NEEDS_SESSION, command_handle},
	{"!runaway", "[FLAGS]", "show the CPU time of threads, most first: 1 user, 2 kernel, 3 both", "",
	 NEEDS_SESSION, command_runaway},
	{".ttime", "", "show when the current thread began, and its CPU time", "", NEEDS_SESSION, command_ttime},
	{"!peb", "", "show the process's arguments, auxiliary vector, loader's list and environment", "",
	 NEEDS_SESSION, command_peb},
	{"!teb", "", "show the current thread's control block and stack", "", NEEDS_SESSION, command_teb},
	{"!token", "", "show whom the process is to the kernel: ids, capabilities, namespaces", "", NEEDS_SESSION,
	 command_token},
	{"!vm", "", "show memory counters of the process and of the machine", "", NEEDS_SESSION, command_vm},
	{"!kernel", "[TID | log]", "show the kernel's side of the threads, or the end of the kernel's log",
	 "Kernel stack, wait channel, system call and its arguments, scheduler, cgroup, as far as they\n"
	 "could be read (the letter k). TID is hexadecimal, as in the list of threads.",
	 NEEDS_SESSION, command_kernel},
	{".dumpdebug", "", "show the streams of a minidump, what each holds, and what was left out", "",
	 NEEDS_SESSION, command_dumpdebug},
	{".jdinfo", "ADDR", "show a JIT_DEBUG_INFO in memory, and go to its context", "", NEEDS_SESSION,
	 command_jdinfo},
	{".dump", "[OPTIONS] FILE", "write a dump of what is open: smaller, or in the other form",
	 "Letters behind /m say what a minidump holds; /f writes an ELF core. A running process goes on\n"
	 "running; a dump gives a smaller one, a core a minidump. .dump /? lists the options.",
	 NEEDS_NOTHING, command_dump},
	{".detach", "", "let the process go on as it was, and stay", "", NEEDS_NOTHING, command_detach},
	{"vertarget", "",
	 "show the machine, the system and the process",
	 "",
	 NEEDS_SESSION, command_vertarget},
	{"|", "",
	 "show the process",
	 "",
	 NEEDS_SESSION, command_process},
	{"!annotations", "",
	 "show what the program itself wished to say",
	 "Kept by inquest_annotate() (inquest-stub), or by Crashpad's simple annotations.",
	 NEEDS_SESSION, command_annotations},
	{".opendump", "FILE | last | PREFIX",
	 "open another dump in place of this one",
	 "",
	 NEEDS_NOTHING, command_opendump},
	{".sympath", "[[+] PATH]",
	 "show, set or (+) extend where debug files are looked for",
	 "",
	 NEEDS_NOTHING, command_sympath},
	{".reload", "[/f]",
	 "forget images and symbols; /f looks for all of them at once",
	 "",
	 NEEDS_SESSION, command_reload},
	{".lines", "[-e | -d]",
	 "show source lines in stacks, or not",
	 "",
	 NEEDS_NOTHING, command_lines},
	{".echo", "TEXT",
	 "show the text",
	 "Quotes around it let it hold a ';', and are not shown.",
	 NEEDS_NOTHING, command_echo},
	{".time", "",
	 "show when the process started and died",
	 "",
	 NEEDS_SESSION, command_time},
	{".help", "[COMMAND]",
	 "list commands, or tell more of one",
	 "",
	 NEEDS_NOTHING, command_help},
	{"q qq qd", "",
	 "quit",
	 "",
	 NEEDS_NOTHING, command_quit},
};
// clang-format on
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

/* --- finding ---------------------------------------------------------------------- */

/* Is the word one of the names? */
static bool has_name(const char *names, const char *word, size_t length)
{
	for (const char *at = names; *at;) {
		size_t name = strcspn(at, " ");

		if (name == length && strncmp(at, word, length) == 0)
			return true;
		at += name + (at[name] == ' ');
	}
	return false;
}

static const struct command *find_word(const char *word, size_t length)
{
	for (size_t i = 0; i < command_count; i++) {
		if (has_name(commands[i].names, word, length))
			return &commands[i];
	}
	return NULL;
}

/* The first word; signs are words by themselves ("~*k", "?rip", "|"), and digits, '@' and '$' end a
 * word of letters, as people type "k5" and "r@rip". */
static size_t word_length(const char *line)
{
	size_t length = strcspn(line, " \t");
	size_t letters = 0;

	if (*line && strchr("~?|", *line))
		return 1;
	if (find_word(line, length))
		return length;
	while (letters < length &&
	       (isalpha((unsigned char)line[letters]) || (!letters && strchr(".!", *line))))
		letters++;
	return letters && letters < length && find_word(line, letters) ? letters : length;
}

const struct command *command_find(const char *line, char name[COMMAND_NAME], const char **ret_args)
{
	const char *start = skip_spaces(line);
	size_t length = word_length(start);
	size_t kept = length < COMMAND_NAME ? length : COMMAND_NAME - 1;

	memcpy(name, start, kept);
	name[kept] = '\0';
	*ret_args = skip_spaces(start + length);
	return find_word(start, length);
}

/* --- running ---------------------------------------------------------------------- */

static enum inq_status run_row(struct debugger *debugger, const char *text,
			       const struct command **ret_command, char name[COMMAND_NAME],
			       struct inq_error *err)
{
	struct invocation call = {.name = name, .thread = INQ_NO_THREAD};
	const struct command *command = command_find(text, name, &call.args);

	*ret_command = command;
	if (!command)
		return inq_fail(err, INQ_USAGE, "'%s' is not a command; .help lists them", text);
	if (command->needs == NEEDS_SESSION && !debugger->session)
		return inq_fail(err, INQ_ABSENT, "no dump is open; .opendump FILE opens one");
	return command->run(debugger, &call, err);
}

static void show_failure(struct debugger *debugger, const struct command *command, const char *name,
			 const struct inq_error *err)
{
	struct out *out = &debugger->errors;

	out_flush(&debugger->out);
	if (command)
		out_print(out, "%s: ", name);
	out_print(out, "%s\n", err->text);
	if (command && err->status == INQ_USAGE)
		out_print(out, "usage: %s %s\n", name, command->syntax);
	out_flush(out);
}

/* The command's object: what it is, what the command put there or, of commands without an object of
 * their own, their text; and what went wrong. */
static void end_json(struct debugger *debugger, enum inq_status status, const struct inq_error *err)
{
	struct out *out = &debugger->out;
	json_t *object = out->json;

	struct inq_error lost = {0};

	if (!inq_buffer_ok(&out->list) || !inq_buffer_ok(&out->text)) {
		status = inq_fail(&lost, INQ_NO_MEMORY,
				  "no memory for the answer; ask for less of it");
		err = &lost;
		out->list_name = NULL;
		inq_buffer_done(&out->text);
	}
	if (out->text.size)
		json_object_set_new(object, "output",
				    json_stringn((const char *)out->text.data, out->text.size));
	out->text.size = 0;
	if (status != INQ_OK) {
		json_object_set_new(object, "status", json_text(inq_status_name(status)));
		json_object_set_new(object, "error", json_text(err->text));
	}
	out->json = NULL;
	out_json_line(out, object);
}

static enum inq_status run_one(struct debugger *debugger, const char *text)
{
	const struct command *command;
	char name[COMMAND_NAME];
	struct inq_error err = {0};
	enum inq_status status;

	if (debugger->json) {
		debugger->out.json = json_object();
		json_object_set_new(debugger->out.json, "command", json_text(text));
	}
	status = run_row(debugger, text, &command, name, &err);
	err.status = status;
	if (debugger->json)
		end_json(debugger, status, &err);
	else if (status != INQ_OK)
		show_failure(debugger, command, name, &err);
	out_flush(&debugger->out);
	return status;
}

/* How far the command goes: to a ';' outside quotes. */
static size_t command_length(const char *line)
{
	bool quoted = false;
	size_t i;

	for (i = 0; line[i] && (quoted || line[i] != ';'); i++)
		quoted ^= line[i] == '"';
	return i;
}

enum inq_status debugger_run(struct debugger *debugger, const char *line)
{
	enum inq_status worst = INQ_OK;

	while (*(line = skip_spaces(line)) && !debugger->quit) {
		struct inq_buffer text = {0};
		size_t length = command_length(line);
		enum inq_status status;

		/* Comments: '*' to the end of the line, '$$' to the next ';'. */
		if (*line == '*')
			break;
		for (inq_buffer_append(&text, line, length);
		     text.size && isspace((unsigned char)text.data[text.size - 1]); text.size--)
			;
		inq_buffer_append(&text, "", 1);
		status = !inq_buffer_ok(&text) ? INQ_NO_MEMORY
			 : text.size == 1 || strncmp(line, "$$", 2) == 0
				 ? INQ_OK
				 : run_one(debugger, (const char *)text.data);
		inq_buffer_done(&text);
		if (status != INQ_OK)
			worst = status;
		if (out_stop(&debugger->out))
			break;
		line += length + (line[length] == ';');
	}
	return worst;
}
