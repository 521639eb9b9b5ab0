/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/pack_modules.h"

#include "debugger/broker.h"
#include "support/buffer.h"
#include "support/text.h"

#include <stdio.h>
#include <string.h>

static const char *shown(const char *path, bool bare, char to[DUMP_PATH])
{
	const char *slash = bare ? strrchr(path, '/') : NULL;

	return inq_text_escape_to(to, DUMP_PATH, slash ? slash + 1 : path);
}

/* One file: packed, and a line about it. True if it is in. */
static bool pack_one(struct debugger *debugger, const char *kind, const char *path, const char *why,
		     bool bare)
{
	char line[2 * DUMP_PATH], name[CABINET_NAME] = "", words[DUMP_PATH];
	struct inq_error err = {0};
	bool good = *path && broker_pack(debugger->broker, path, name, &err) == INQ_OK;

	if (good)
		snprintf(line, sizeof(line), "  %-11s %s (of %s)", kind, name,
			 shown(path, bare, words));
	else if (*path)
		snprintf(line, sizeof(line), "  %-11s left out: %s", kind,
			 bare ? inq_status_name(err.status) : err.text);
	else
		snprintf(line, sizeof(line), "  %-11s not found%s%s", kind,
			 *why && !bare ? ": " : "", bare ? "" : why);
	line[DUMP_PATH - 1] = '\0';
	broker_note(debugger->broker, line, NULL);
	return good;
}

static void pack_module(struct debugger *debugger, const struct inq_module *module, bool bare,
			struct pack_count *count)
{
	char line[2 * DUMP_PATH], path[DUMP_PATH], id[2 * INQ_BUILD_ID_MAX + 1] = "";
	struct inq_module_files files;

	inq_session_module_files(debugger->session, module, true, &files);
	for (size_t i = 0; module->debug_kind == INQ_DEBUG_BUILD_ID && i < module->id_size; i++)
		snprintf(id + 2 * i, 3, "%02x", module->id[i]);
	snprintf(line, sizeof(line), "%s\n  %-11s %s", shown(module->path, bare, path), "build-id",
		 *id ? id : "unknown");
	line[DUMP_PATH - 1] = '\0';
	broker_note(debugger->broker, line, NULL);
	if (pack_one(debugger, files.match == INQ_MATCH_BUILD_ID ? "image" : "image (?)",
		     files.image_path, files.why, bare))
		count->images++;
	else
		count->missing++;
	count->debug_files += pack_one(debugger, "debug file", files.debug_path, "", bare);
}

static enum inq_status begin(struct debugger *debugger, struct inq_error *err)
{
	struct inq_target *target = inq_session_target(debugger->session);
	const struct inq_system *system;
	char line[DUMP_PATH];
	enum inq_status status;

	status = broker_note(debugger->broker,
			     "What lies beside the dump, made by inquest " PACKAGE_VERSION ".\n"
			     "Unpacked into one folder: inquest -z DUMP -i FOLDER -y FOLDER\n",
			     err);
	if (status != INQ_OK || inq_target_system(target, &system, NULL) != INQ_OK)
		return status;
	snprintf(line, sizeof(line), "system: %s\nkernel: %s\n",
		 system->distribution ? system->distribution : "",
		 system->version ? system->version : "");
	return broker_note(debugger->broker, line, err);
}

/* What the kernel maps of its own has no file, whatever it is called. */
static bool is_kernels(const struct inq_module *module)
{
	return module->path[0] == '[' || strncmp(module->path, "linux-vdso", 10) == 0 ||
	       strncmp(module->path, "linux-gate", 10) == 0;
}

enum inq_status pack_modules(struct debugger *debugger, bool bare, struct pack_count *ret,
			     struct inq_error *err)
{
	size_t count;
	const struct inq_module *modules = inq_session_modules(debugger->session, &count);
	enum inq_status status = begin(debugger, err);

	*ret = (struct pack_count){0};
	for (size_t i = 0; status == INQ_OK && i < count; i++) {
		if (!modules[i].unloaded && !is_kernels(&modules[i]))
			pack_module(debugger, &modules[i], bare, ret);
	}
	return status;
}
