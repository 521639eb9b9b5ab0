/* SPDX-License-Identifier: GPL-3.0-or-later */
/* .dump .detach */
#include "debugger/broker.h"
#include "debugger/commands.h"
#include "debugger/pack_modules.h"
#include "debugger/show.h"
#include "engine/dump.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- .dump /? ---------------------------------------------------------------------- */

static void show_help(struct out *out)
{
	size_t count;
	const struct inq_switch_row *rows = inq_dump_switches(&count);
	const struct inq_dump_option *letters;

	out_print(out, ".dump [options] FILE\n\n");
	for (size_t i = 0; i < count; i++) {
		char word[64];

		if (!rows[i].help)
			continue;
		snprintf(word, sizeof(word), rows[i].takes == INQ_TAKES_LETTERS ? "%s[%s]" : "%s %s", rows[i].name,
			 rows[i].argument);
		out_print(out, "  %-16s %s\n", word, rows[i].help);
	}
	letters = inq_dump_options_table(&count);
	out_print(out, "\nLetters behind /m, in any order:\n\n");
	for (size_t i = 0; i < count; i++)
		out_print(out, "  %c                %s%s\n", letters[i].letter, letters[i].help,
			  letters[i].built ? "" : " (not in this version)");
	out_print(out, "\n/m alone: modules, threads, their stacks and the code around them.\n");
}

/* --- .dump ------------------------------------------------------------------------- */

static enum inq_status evaluate(void *user, const char **at, uint64_t *ret, struct inq_error *err)
{
	enum { WORD = 512 };
	char word[WORD];
	const char *rest = word;
	size_t size = 0;
	int depth = 0;
	enum inq_status status;

	/* An expression ends at a blank outside parentheses here: " /o" is an option, not a division. */
	for (; (*at)[size] && (depth > 0 || !strchr(" \t", (*at)[size])); size++) {
		if (size + 1 >= sizeof(word))
			return inq_fail(err, INQ_LIMIT, "an expression of more than %d bytes", WORD - 1);
		depth += ((*at)[size] == '(') - ((*at)[size] == ')');
	}
	memcpy(word, *at, size);
	word[size] = '\0';
	status = take_value(user, &rest, ret, err);
	if (status == INQ_OK)
		status = no_more(rest, err);
	if (status == INQ_OK)
		*at += size;
	return status;
}

static uint32_t target_pid(struct debugger *debugger)
{
	const struct inq_process *process;

	return inq_target_process(inq_session_target(debugger->session), &process, NULL) == INQ_OK
		       ? process->pid
		       : 0;
}

static bool is_core(const struct inq_dump_command *command)
{
	return command->switches & (INQ_SWITCH_FULL | INQ_SWITCH_FULL_EXTENDED);
}

static enum place_form form_of(const struct inq_dump_command *command)
{
	return (command->switches & INQ_SWITCH_COMPRESS ? PLACE_COMPRESSED : 0) |
	       (command->switches & (INQ_SWITCH_CABINET | INQ_SWITCH_CABINET_ALL) ? PLACE_CABINET : 0);
}

/* One .dump on its way. */
struct dumping {
	struct inq_dump_command command;
	char path[DUMP_PATH], kernel_path[DUMP_PATH]; /* the latter of /mk "file", "" none */
	struct inq_dump_result result;
	struct pack_count packed; /* of /ba */
};

static void json_result(struct out *out, const struct dumping *dumping)
{
	const struct inq_dump_result *result = &dumping->result;

	json_object_set_new(out->json, "file", json_text(dumping->path));
	json_object_set_new(out->json, "form", json_text(is_core(&dumping->command) ? "core" : "minidump"));
	json_object_set_new(out->json, "size", json_integer((json_int_t)result->file_size));
	json_object_set_new(out->json, "memory", json_integer((json_int_t)result->memory_bytes));
	json_object_set_new(out->json, "missing", json_integer((json_int_t)result->missing_bytes));
	json_object_set_new(out->json, "threads", json_integer((json_int_t)result->threads));
	json_object_set_new(out->json, "incomplete", json_boolean(result->incomplete));
	if (dumping->kernel_path[0])
		json_object_set_new(out->json, "kernel_file", json_text(dumping->kernel_path));
	if (dumping->command.switches & INQ_SWITCH_CABINET_ALL) {
		json_object_set_new(out->json, "images", json_integer((json_int_t)dumping->packed.images));
		json_object_set_new(out->json, "debug_files", json_integer((json_int_t)dumping->packed.debug_files));
		json_object_set_new(out->json, "missing_images", json_integer((json_int_t)dumping->packed.missing));
	}
}

static void show_files(struct out *out, const struct dumping *dumping)
{
	const struct pack_count *packed = &dumping->packed;

	out_print(out, "Creating %s - %s%s\n", dumping->path,
		  is_core(&dumping->command) ? "full user dump (ELF core)" : "mini user dump",
		  form_of(&dumping->command) & PLACE_CABINET ? ", in a CAB" : "");
	if (dumping->kernel_path[0])
		out_print(out, "Creating %s - the kernel's side of its threads\n", dumping->kernel_path);
	if (dumping->command.switches & INQ_SWITCH_CABINET_ALL)
		out_print(out, "%zu images and %zu debug files beside it%s\n", packed->images, packed->debug_files,
			  packed->missing ? "; inquest.txt says which are missing" : "");
}

static void show_result(struct out *out, const struct dumping *dumping)
{
	const struct inq_dump_result *result = &dumping->result;

	if (out->json) {
		json_result(out, dumping);
		return;
	}
	show_files(out, dumping);
	out_print(out, "%llu bytes: %zu thread%s, %llu bytes of memory\n",
		  (unsigned long long)result->file_size, result->threads, result->threads == 1 ? "" : "s",
		  (unsigned long long)result->memory_bytes);
	if (result->missing_bytes)
		out_print(out, "%llu bytes could not be read and are zero\n",
			  (unsigned long long)result->missing_bytes);
	if (result->threads_left_out)
		out_print(out, "%zu threads without registers are not in it\n", result->threads_left_out);
	if (result->lost_threads)
		out_print(out, "The filter changed the frames of %zu threads; the dump's comment names them\n",
			  result->lost_threads);
	if (result->incomplete)
		out_print(out, "Something asked for is missing; the dump's comment says what (vertarget)\n");
	out_print(out, "Dump successfully written\n");
}

static const char *path_of(const struct dumping *dumping, enum place_slot slot)
{
	return slot == PLACE_KERNEL ? dumping->kernel_path : dumping->path;
}

/* The places of all files, before anything is read: a name that is taken is known at once. */
static enum inq_status create(struct debugger *debugger, const struct dumping *dumping, int fds[PLACE_SLOTS],
			      struct inq_error *err)
{
	bool overwrite = dumping->command.switches & INQ_SWITCH_OVERWRITE;
	enum inq_status status = INQ_OK;

	for (int slot = 0; slot < PLACE_SLOTS; slot++)
		fds[slot] = -1;
	for (int slot = 0; status == INQ_OK && slot < PLACE_SLOTS; slot++) {
		if (*path_of(dumping, slot))
			fds[slot] = broker_create(debugger->broker, slot, path_of(dumping, slot), overwrite, &status, err);
	}
	return status;
}

static enum inq_status write_part(struct debugger *debugger, const struct dumping *dumping, enum inq_dump_part part,
				  int fd, struct inq_dump_result *ret, struct inq_error *err)
{
	struct inq_dump_command command = dumping->command;
	enum inq_status status;

	command.letters.part = part;
	status = inq_session_write_dump(debugger->session, &command, debugger->live_remark,
					debugger->live ? debugger->held_since_ns : 0, fd, ret, err);
	return status == INQ_OK ? INQ_OK
				: inq_prepend(err, status, "'%s'",
					      path_of(dumping, part == INQ_DUMP_KERNEL_ALONE ? PLACE_KERNEL : PLACE_DUMP));
}

/* Both files are complete before either has its name; the dump has it last, so that where that is, the other is. */
static enum inq_status publish(struct debugger *debugger, const struct dumping *dumping, struct inq_error *err)
{
	enum place_form form = form_of(&dumping->command);
	enum inq_status status = INQ_OK;

	if (dumping->kernel_path[0])
		status = broker_publish(debugger->broker, PLACE_KERNEL, form & PLACE_COMPRESSED, err);
	return status == INQ_OK ? broker_publish(debugger->broker, PLACE_DUMP, form, err) : status;
}

static enum inq_status write_dump(struct debugger *debugger, struct dumping *dumping, struct inq_error *err)
{
	bool two = dumping->kernel_path[0];
	struct inq_dump_result second;
	int fds[PLACE_SLOTS];
	enum inq_status status = create(debugger, dumping, fds, err);

	if (status == INQ_OK)
		status = write_part(debugger, dumping, two ? INQ_DUMP_BUT_KERNEL : INQ_DUMP_WHOLE, fds[PLACE_DUMP],
				    &dumping->result, err);
	if (status == INQ_OK && two)
		status = write_part(debugger, dumping, INQ_DUMP_KERNEL_ALONE, fds[PLACE_KERNEL], &second, err);
	for (int slot = 0; slot < PLACE_SLOTS; slot++) {
		if (fds[slot] >= 0)
			close(fds[slot]);
	}
	if (status == INQ_OK && dumping->command.switches & INQ_SWITCH_CABINET_ALL)
		status = pack_modules(debugger, dumping->command.letters.letters & INQ_DUMP_R, &dumping->packed, err);
	if (status == INQ_OK)
		status = publish(debugger, dumping, err);
	if (status != INQ_OK)
		broker_discard(debugger->broker);
	return status;
}

static enum inq_status write_all(struct debugger *debugger, const char *arguments, struct inq_error *err)
{
	struct dump_all all;
	enum inq_status status;

	if (debugger->session)
		return inq_fail(err, INQ_USAGE, "/a dumps all processes: start inquest without -z and -p for it");
	if (!debugger->broker)
		return inq_fail(err, INQ_UNSUPPORTED, "no files can be written here");
	status = broker_dump_all(debugger->broker, arguments, &all, err);
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "written", json_integer((json_int_t)all.written));
		json_object_set_new(debugger->out.json, "refused", json_integer((json_int_t)all.refused));
	} else {
		out_print(&debugger->out, "%zu dumps written; %zu processes could not be dumped\n", all.written,
			  all.refused);
	}
	return INQ_OK;
}

/* What the command says, against what there is to be dumped. */
static enum inq_status check(struct debugger *debugger, const struct inq_dump_command *command, struct inq_error *err)
{
	if (form_of(command) & PLACE_CABINET) {
		enum inq_status status = cabinet_writable(err);

		if (status != INQ_OK)
			return status;
	}
	if (!debugger->session && !(command->switches & INQ_SWITCH_ALL))
		return inq_fail(err, INQ_ABSENT, "nothing is open to be dumped; -p PID or -z FILE");
	if (!debugger->broker)
		return inq_fail(err, INQ_UNSUPPORTED, "no files can be written here");
	return INQ_OK;
}

static enum inq_status name_files(struct debugger *debugger, struct dumping *dumping, struct inq_error *err)
{
	uint32_t pid = target_pid(debugger);
	enum inq_status status = inq_dump_command_name(&dumping->command, pid, dumping->path, sizeof(dumping->path), err);

	if (status == INQ_OK && dumping->command.kernel_file[0])
		status = inq_dump_command_kernel_name(&dumping->command, pid, dumping->kernel_path,
						      sizeof(dumping->kernel_path), err);
	return status;
}

enum inq_status command_dump(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	struct dumping dumping = {0};
	struct inq_dump_command *command = &dumping.command;
	enum inq_status status =
		inq_dump_command_parse(call->args, debugger->session ? evaluate : NULL, debugger, command, err);

	if (status != INQ_OK)
		return status;
	if (command->switches & INQ_SWITCH_HELP) {
		show_help(&debugger->out);
		return INQ_OK;
	}
	status = check(debugger, command, err);
	if (status == INQ_OK && command->switches & INQ_SWITCH_ALL)
		return write_all(debugger, call->args, err);
	if (status == INQ_OK)
		status = name_files(debugger, &dumping, err);
	if (status == INQ_OK)
		status = write_dump(debugger, &dumping, err);
	if (status == INQ_OK)
		show_result(&debugger->out, &dumping);
	return status;
}

enum inq_status command_detach(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	enum inq_status status = no_more(call->args, err);

	if (status == INQ_OK && !debugger->live)
		status = inq_fail(err, INQ_ABSENT, "no running process is being looked at");
	if (status == INQ_OK)
		status = broker_detach(debugger->broker, err);
	if (status != INQ_OK)
		return status;
	inq_session_free(debugger->session);
	debugger->session = NULL;
	debugger->live = false;
	if (!debugger->json)
		out_print(&debugger->out, "Detached: the process goes on\n");
	return INQ_OK;
}
