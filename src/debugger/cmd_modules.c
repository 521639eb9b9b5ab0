/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* lm, .reload, .sympath */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* What of all modules is shown, and how much of each. */
struct choice {
	bool verbose;
	char pattern[256]; /* "" all */
	bool by_address;
	uint64_t address;
};

static const char *level_name(const struct inq_module_files *files)
{
	static const char *const names[] = {
		[INQ_SYMBOLS_NONE] = "no symbols",
		[INQ_SYMBOLS_EXPORTS] = "export symbols",
		[INQ_SYMBOLS_TABLE] = "symbol table",
		[INQ_SYMBOLS_DWARF] = "DWARF symbols",
	};

	return files->tried ? names[files->level] : "deferred";
}

static const char *match_name(enum inq_match match)
{
	static const char *const names[] = {"none", "by its path only, unverified",
					    "build-id matches"};

	return names[match];
}

static void id_text(const struct inq_module *module, char to[2 * INQ_BUILD_ID_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < module->id_size && i < INQ_BUILD_ID_MAX; i++) {
		to[at++] = digits[module->id[i] >> 4];
		to[at++] = digits[module->id[i] & 15];
	}
	to[at] = '\0';
}

static bool is_chosen(struct debugger *debugger, const struct choice *choice,
		      const struct inq_module *module)
{
	if (choice->by_address)
		return choice->address >= module->base &&
		       choice->address - module->base < module->size;
	return !choice->pattern[0] ||
	       fnmatch(choice->pattern, inq_session_module_name(debugger->session, module),
		       FNM_CASEFOLD) == 0;
}

static void show_details(struct debugger *debugger, const struct inq_module *module,
			 const struct inq_module_files *files)
{
	char id[2 * INQ_BUILD_ID_MAX + 1];
	struct out *out = &debugger->out;

	id_text(module, id);
	out_print(out, "    Loaded image name: %s%s\n", module->path,
		  module->deleted ? " (deleted)" : "");
	out_print(out, "    Build ID:          %s\n", *id ? id : "unknown");
	out_print(out, "    Image size:        %08llx\n", (unsigned long long)module->size);
	if (*files->image_path)
		out_print(out, "    Image file:        %s (%s)\n", files->image_path,
			  match_name(files->match));
	else
		out_print(out, "    Image file:        none%s%s\n", *files->why ? ": " : "",
			  files->why);
	if (*files->debug_path)
		out_print(out, "    Debug file:        %s\n", files->debug_path);
	if (module->timestamp)
		out_print(out, "    Timestamp:         %08x\n", module->timestamp);
	if (module->checksum)
		out_print(out, "    CheckSum:          %08x\n", module->checksum);
}

static void show_module(struct debugger *debugger, const struct choice *choice,
			const struct inq_module *module)
{
	struct inq_module_files files;
	struct out *out = &debugger->out;

	inq_session_module_files(debugger->session, module, choice->verbose, &files);
	out_print(out, "%s %s   %-24s (%s)", ADDRESS(debugger, module->base),
		  ADDRESS(debugger, module->base + module->size),
		  inq_session_module_name(debugger->session, module), level_name(&files));
	if (*files.image_path && !choice->verbose)
		out_print(out, "   %s", *files.debug_path ? files.debug_path : files.image_path);
	out_print(out, "%s\n", module->unloaded ? "  unloaded" : "");
	if (choice->verbose)
		show_details(debugger, module, &files);
}

static json_t *json_module(struct debugger *debugger, const struct choice *choice,
			   const struct inq_module *module)
{
	char id[2 * INQ_BUILD_ID_MAX + 1];
	struct inq_module_files files;
	json_t *object = json_object();

	inq_session_module_files(debugger->session, module, choice->verbose, &files);
	id_text(module, id);
	json_object_set_new(object, "start", json_address(module->base));
	json_object_set_new(object, "end", json_address(module->base + module->size));
	json_object_set_new(object, "name",
			    json_text(inq_session_module_name(debugger->session, module)));
	json_object_set_new(object, "path", json_text(module->path));
	json_object_set_new(object, "build_id", *id ? json_text(id) : json_null());
	json_object_set_new(object, "main", json_boolean(module->main));
	json_object_set_new(object, "deleted", json_boolean(module->deleted));
	json_object_set_new(object, "unloaded", json_boolean(module->unloaded));
	json_object_set_new(object, "symbols", json_text(level_name(&files)));
	json_object_set_new(object, "image_file",
			    *files.image_path ? json_text(files.image_path) : json_null());
	json_object_set_new(object, "debug_file",
			    *files.debug_path ? json_text(files.debug_path) : json_null());
	return object;
}

/* Letters glued to lm ("lmvm PATTERN") or standing by themselves ("lm v m PATTERN"). */
static enum inq_status take_letters(struct debugger *debugger, const char *letters,
				    struct choice *choice, const char **at, struct inq_error *err)
{
	for (; *letters; letters++) {
		if (*letters == 'v') {
			choice->verbose = true;
		} else if (*letters == 'm') {
			if (!take_word(at, choice->pattern, sizeof(choice->pattern)))
				return inq_fail(err, INQ_USAGE, "m: a pattern is missing");
		} else if (*letters == 'a') {
			enum inq_status status;

			if (!**at)
				return inq_fail(err, INQ_USAGE, "a: an address is missing");
			status = take_value(debugger, at, &choice->address, err);
			if (status != INQ_OK)
				return status;
			choice->by_address = true;
		} else if (!strchr("ku1", *letters)) {
			return inq_fail(err, INQ_USAGE, "'%c': not an option of lm", *letters);
		}
	}
	return INQ_OK;
}

static enum inq_status take_choice(struct debugger *debugger, const struct invocation *call,
				   struct choice *choice, struct inq_error *err)
{
	const char *at = call->args;
	enum inq_status status = take_letters(debugger, call->name + 2, choice, &at, err);

	while (status == INQ_OK && *at) {
		char word[16];

		if (!take_word(&at, word, sizeof(word)))
			return inq_fail(err, INQ_USAGE, "'%s': not understood", at);
		status = take_letters(debugger, word, choice, &at, err);
	}
	return status;
}

static json_t *json_unloaded(const struct inq_module *module, const char *name)
{
	char id[2 * INQ_BUILD_ID_MAX + 1];
	json_t *object = json_object();

	id_text(module, id);
	json_object_set_new(object, "start", json_address(module->base));
	json_object_set_new(object, "end", json_address(module->base + module->size));
	json_object_set_new(object, "name", json_text(name));
	json_object_set_new(object, "path", json_text(module->path));
	json_object_set_new(object, "build_id", *id ? json_text(id) : json_null());
	json_object_set_new(object, "unloaded", json_true());
	return object;
}

/* What was dlclose'd, as far as the stub kept it, and Windows' dumps say; behind the others. */
static void show_unloaded(struct debugger *debugger, const struct choice *choice)
{
	const struct inq_module *modules;
	struct out *out = &debugger->out;
	size_t count, shown = 0;

	if (inq_target_unloaded(inq_session_target(debugger->session), &modules, &count, NULL) != INQ_OK)
		return;
	for (size_t i = 0; i < count && !out_stop(out); i++) {
		const char *slash = strrchr(modules[i].path, '/'), *name = slash ? slash + 1 : modules[i].path;
		char id[2 * INQ_BUILD_ID_MAX + 1];

		if (choice->by_address ? choice->address < modules[i].base ||
						 choice->address - modules[i].base >= modules[i].size
				       : choice->pattern[0] && fnmatch(choice->pattern, name, FNM_CASEFOLD) != 0)
			continue;
		if (out->json) {
			out_json_add(out, "modules", json_unloaded(&modules[i], name));
			continue;
		}
		if (!shown++)
			out_print(out, "\nUnloaded modules:\n");
		out_print(out, "%s %s   %s\n", ADDRESS(debugger, modules[i].base),
			  ADDRESS(debugger, modules[i].base + modules[i].size), name);
		id_text(&modules[i], id);
		if (choice->verbose && *id)
			out_print(out, "    Build ID:          %s\n", id);
	}
}

enum inq_status command_lm(struct debugger *debugger, const struct invocation *call,
			   struct inq_error *err)
{
	bool json = debugger->out.json != NULL;
	struct choice choice = {0};
	size_t count, shown = 0;
	const struct inq_module *modules = inq_session_modules(debugger->session, &count);
	enum inq_status status = take_choice(debugger, call, &choice, err);

	if (status != INQ_OK)
		return status;
	if (json)
		out_json_list(&debugger->out, "modules");
	else
		out_print(&debugger->out, "%-*s %-*s   module name\n",
			  inq_session_pointer_size(debugger->session) == 4 ? 8 : 17, "start",
			  inq_session_pointer_size(debugger->session) == 4 ? 8 : 17, "end");
	for (size_t i = 0; i < count && !out_stop(&debugger->out); i++) {
		if (modules[i].unloaded || !is_chosen(debugger, &choice, &modules[i]))
			continue;
		shown++;
		if (json)
			out_json_add(&debugger->out, "modules",
				     json_module(debugger, &choice, &modules[i]));
		else
			show_module(debugger, &choice, &modules[i]);
	}
	show_unloaded(debugger, &choice);
	if (!shown && choice.by_address)
		return inq_fail(err, INQ_ABSENT, "0x%llx is in no module",
				(unsigned long long)choice.address);
	if (!shown && choice.pattern[0])
		return inq_fail(err, INQ_ABSENT, "no module is called '%s'", choice.pattern);
	return INQ_OK;
}

enum inq_status command_reload(struct debugger *debugger, const struct invocation *call,
			       struct inq_error *err)
{
	const char *at = call->args;

	/* /f: now, not when needed. */
	if (strncmp(at, "/f", 2) == 0)
		at += 2;
	if (no_more(at, err) != INQ_OK)
		return INQ_USAGE;
	inq_session_reload(debugger->session);
	if (at != call->args) {
		struct inq_module_files files;
		size_t count;
		const struct inq_module *modules = inq_session_modules(debugger->session, &count);

		for (size_t i = 0; i < count && !out_stop(&debugger->out); i++)
			inq_session_module_files(debugger->session, &modules[i], true, &files);
	}
	return INQ_OK;
}

static enum inq_status set_path(struct debugger *debugger, const char *text, bool append,
				struct inq_error *err)
{
	char *path = NULL;
	int length;

	if (append && debugger->symbol_path && *debugger->symbol_path)
		length = asprintf(&path, "%s:%s", debugger->symbol_path, text);
	else
		length = asprintf(&path, "%s", text);
	if (length < 0)
		return inq_fail(err, INQ_NO_MEMORY, "no memory");
	free(debugger->symbol_path);
	debugger->symbol_path = path;
	debugger->options.symbol_path = path;
	if (!debugger->session)
		return INQ_OK;
	return inq_session_set_paths(debugger->session, path, NULL, err);
}

enum inq_status command_sympath(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	const char *at = call->args;
	bool append = *at == '+';
	enum inq_status status = INQ_OK;

	if (append)
		at = skip_spaces(at + 1);
	if (*at)
		status = set_path(debugger, at, append, err);
	else if (append)
		return inq_fail(err, INQ_USAGE, "+: a folder is missing");
	if (status != INQ_OK)
		return status;
	out_print(&debugger->out, "Symbol search path is: %s\n",
		  debugger->symbol_path && *debugger->symbol_path ? debugger->symbol_path
								  : "(the system's places)");
	return INQ_OK;
}
