/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names. R: no folders, wherever a file is named. r: only names that programs are built with, no
 * name that a user or a running program chose: modules' names stay, those of mapped documents,
 * shared memory, named anonymous memory and threads do not.
 */
#include "config.h"

#include "privacy/veil_private.h"

#include <stdlib.h>
#include <string.h>

enum { COMM = 15 }; /* bytes of a thread's or program's short name */

/* What the kernel itself calls mappings. */
static const char *const kernel_names[] = {
	"[stack]", "[heap]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]",
};

/* Names that libraries give to threads of their own, as they begin; a digit may follow. */
static const char *const thread_names[] = {
	"dconf worker", "gdbus", "gmain", "pool-", "ThreadPoolForeg", "libuv-worker", "node",
	"GC Thread", "G1 ", "VM Thread", "C1 CompilerThre", "C2 CompilerThre", "Signal Dispatch",
	"Reference Handl", "Finalizer", "QXcbEventQueue", "QDBusConnection", "QThread",
	"iou-wrk-", "tokio-runtime-w", "rayon-worker",
};

const char *veil_keep_string(struct inq_veil *veil, const char *text, size_t size)
{
	char *copy = strndup(text, size);
	size_t before = veil->strings.size;

	if (!copy)
		return "";
	inq_buffer_append(&veil->strings, &copy, sizeof(copy));
	if (veil->strings.size != before)
		return copy;
	free(copy);
	return "";
}

const char *veil_base_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *backslash = strrchr(path, '\\');

	/* A backslash parts Windows' names; on Linux it can be part of one, so only where no slash is. */
	if (slash)
		return slash + 1;
	return backslash ? backslash + 1 : path;
}

static bool is_name_character(char c)
{
	/* What parts a path from what is around it, in lists, options and quotes. */
	return c && !strchr(":;,= \t\n\"'`()<>|&@", c);
}

void veil_bare_paths(struct inq_buffer *to, const char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t start = at, name = at;

		while (at < size && is_name_character(text[at])) {
			at++;
			if (text[at - 1] == '/' || text[at - 1] == '\\')
				name = at;
		}
		/* "/home/anna/" names a folder and nothing in it: nothing is left. */
		inq_buffer_append(to, text + (name > start ? name : start), at - name);
		if (at < size)
			inq_buffer_append(to, &text[at++], 1);
	}
}

/* Memory that has a name as a file has: anonymous, but the program named it. */
static bool is_made_up(const char *path)
{
	return !strncmp(path, "/memfd:", 7) || !strncmp(path, "/SYSV", 5) || !strncmp(path, "/dev/", 5) ||
	       !strncmp(path, "anon_inode:", 11) || !strncmp(path, "[anon", 5);
}

const char *veil_module_name(struct inq_veil *veil, const char *path)
{
	if (!path)
		return "";
	if (veil_filters(veil) && is_made_up(path))
		return strncmp(path, "/memfd:", 7) ? "" : "memfd";
	return veil_bares(veil) ? veil_base_name(path) : path;
}

static bool is_kernel_name(const char *name)
{
	for (size_t i = 0; i < sizeof(kernel_names) / sizeof(kernel_names[0]); i++) {
		if (strcmp(name, kernel_names[i]) == 0)
			return true;
	}
	return false;
}

/* A mapping that a module's name may stand at: it lies in the module, or belongs to its file. */
static bool is_of_a_module(struct inq_veil *veil, const struct inq_region *region)
{
	const struct inq_module *module =
		inq_module_at(veil->modules, veil->module_count, region->base);

	return module && module->path && strcmp(module->path, region->name) == 0;
}

const char *veil_region_name(struct inq_veil *veil, const struct inq_region *region)
{
	if (!region->name || !region->name[0] || is_kernel_name(region->name))
		return region->name;
	if (!veil_filters(veil))
		return region->name[0] == '/' ? veil_base_name(region->name) : region->name;
	return is_of_a_module(veil, region) ? veil_module_name(veil, region->name) : "";
}

static const struct inq_module *main_module(struct inq_veil *veil)
{
	for (size_t i = 0; i < veil->module_count; i++) {
		if (veil->modules[i].main)
			return &veil->modules[i];
	}
	return NULL;
}

/* What was run, by the kernel's or the loader's word and never by argv[0], which programs write
 * into. */
const char *veil_program_path(struct inq_veil *veil)
{
	const struct inq_process *process;
	const struct inq_module *module = main_module(veil);

	if (module && module->path && module->path[0])
		return veil_module_name(veil, module->path);
	if (inq_target_process(veil->inner, &process, NULL) == INQ_OK && process->executable)
		return veil_module_name(veil, process->executable);
	return "";
}

const char *veil_thread_name(struct inq_veil *veil, const char *name)
{
	const char *program = veil_base_name(veil_program_path(veil));
	size_t size = strlen(program) < COMM ? strlen(program) : COMM;

	if (!veil_filters(veil))
		return name;
	if (size && strlen(name) == size && !memcmp(name, program, size))
		return name;
	for (size_t i = 0; i < sizeof(thread_names) / sizeof(thread_names[0]); i++) {
		const char *allowed = thread_names[i];
		size_t length = strlen(allowed);

		/* Only the known part: what follows may be anything. */
		if (strncmp(name, allowed, length) == 0)
			return allowed;
	}
	return "";
}
