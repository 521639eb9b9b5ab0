/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The facts of a target behind the veil: each passed on, replaced, or kept back. */
#include "config.h"

#include "privacy/veil_private.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	GUARD_REACH = 1 << 20, /* below a stack: an overflowed stack pointer's faults lie there */
};

/* The machine and its kernel: no host's name is among it. */
static enum inq_status veil_system(struct inq_target *target, const struct inq_system **ret, struct inq_error *err)
{
	return inq_target_system(veil_of(target)->inner, ret, err);
}

static const char *bare_text(struct inq_veil *veil, const char *text)
{
	struct inq_buffer bare = {0};
	const char *kept;

	veil_bare_paths(&bare, text, strlen(text));
	kept = veil_keep_string(veil, inq_buffer_text(&bare), bare.size);
	inq_buffer_done(&bare);
	return kept;
}

/* r: program and executable by the file that was run, no argument. R: names without folders. */
static enum inq_status veil_process(struct inq_target *target, const struct inq_process **ret,
				    struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_process *process;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_process(veil->inner, &process, err);
	if (status != INQ_OK)
		return status;
	if (!veil->made_process) {
		veil->process = *process;
		veil->process.executable = veil_module_name(veil, process->executable);
		if (veil_filters(veil)) {
			veil->process.program = veil_thread_name(veil, process->program ? process->program : "");
			veil->process.arguments = veil_program_path(veil);
		} else {
			veil->process.arguments =
				bare_text(veil, process->arguments ? process->arguments : "");
		}
		veil->made_process = true;
	}
	*ret = &veil->process;
	return INQ_OK;
}

/* r: names of threads only from the list; a thread pointer and a start only if they can be one. */
static enum inq_status veil_threads(struct inq_target *target, const struct inq_thread **ret, size_t *ret_count,
				    struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_thread *threads;
	size_t count;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_threads(veil->inner, &threads, &count, err);
	if (status != INQ_OK)
		return status;
	if (!veil->threads) {
		veil->threads = calloc(count + 1, sizeof(*veil->threads));
		if (!veil->threads)
			return inq_fail(err, INQ_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < count; i++) {
			struct inq_thread *shown = &veil->threads[i];
			const char *name = veil_thread_name(veil, threads[i].name);
			size_t length = strnlen(name, sizeof(shown->name) - 1);

			*shown = threads[i];
			memset(shown->name, 0, sizeof(shown->name));
			memcpy(shown->name, name, length);
			if (!veil_filters(veil))
				continue;
			if (!veil_region(veil, shown->tls))
				shown->tls = 0;
			if (!veil_is_code(veil, shown->start_address))
				shown->start_address = 0;
		}
	}
	*ret = veil->threads;
	*ret_count = count;
	return INQ_OK;
}

static enum inq_status shown_context(struct inq_veil *veil, size_t index, const struct inq_context *raw,
				     struct inq_context *ret, struct inq_error *err)
{
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status != INQ_OK)
		return status;
	if (veil_filters(veil))
		veil_scrub_context(raw, index < veil->walked_count ? veil->walked[index].kept_registers : 0, ret);
	else
		*ret = *raw;
	return INQ_OK;
}

static enum inq_status veil_context(struct inq_target *target, size_t index, struct inq_context *ret,
				    struct inq_error *err)
{
	struct inq_context raw = {0};
	enum inq_status status = inq_target_context(veil_of(target)->inner, index, &raw, err);

	return status == INQ_OK ? shown_context(veil_of(target), index, &raw, ret, err) : status;
}

static enum inq_status veil_exception_context(struct inq_target *target, struct inq_context *ret,
					      struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	struct inq_context raw = {0};
	enum inq_status status = inq_target_exception_context(veil->inner, &raw, err);

	if (status == INQ_OK)
		status = inq_veil_prepare(veil, err);
	if (status != INQ_OK)
		return status;
	/* The last that was walked is the exception's. */
	return shown_context(veil, veil->walked_count ? veil->walked_count - 1 : 0, &raw, ret, err);
}

/* --- the exception ------------------------------------------------------------------------------- */

static bool is_below_a_stack(struct inq_veil *veil, uint64_t address)
{
	for (size_t i = 0; i < veil->region_count; i++) {
		const struct inq_region *region = &veil->regions[i];

		if (region->flags & INQ_REGION_STACK && address < region->base &&
		    region->base - address <= GUARD_REACH)
			return true;
	}
	return false;
}

/* A fault address that tells where the program went, not what it held. */
static bool is_no_secret(struct inq_veil *veil, uint64_t address, uint64_t pc)
{
	return address < INQ_VEIL_NEAR_NULL || address > (uint64_t)-INQ_VEIL_NEAR_NULL || address == pc ||
	       veil_region(veil, address) || is_below_a_stack(veil, address);
}

/* Of the kernel's siginfo: which signal, why, who sent it. si_addr stands in `address`; what sigqueue()
 * carries and all else is kept back. */
static void scrub_siginfo(struct inq_exception *exception)
{
	siginfo_t raw, clean;

	_Static_assert(sizeof(raw) == sizeof(exception->siginfo), "siginfo_t is 128 bytes");
	memcpy(&raw, exception->siginfo, sizeof(raw));
	memset(&clean, 0, sizeof(clean));
	clean.si_signo = raw.si_signo;
	clean.si_code = raw.si_code;
	if (raw.si_code <= 0) {
		clean.si_pid = raw.si_pid;
		clean.si_uid = raw.si_uid;
	}
	memcpy(exception->siginfo, &clean, sizeof(clean));
}

static uint64_t exception_pc(struct inq_veil *veil)
{
	struct inq_context context = {0};

	if (inq_target_exception_context(veil->inner, &context, NULL) == INQ_OK)
		return inq_context_pc(&context);
	for (size_t i = 0; i < veil->walked_count; i++) {
		if (veil->walked[i].frame_count)
			return veil->walked[i].frames[0].pc;
	}
	return 0;
}

static void scrub_exception(struct inq_veil *veil)
{
	struct inq_exception *exception = &veil->exception;

	if (exception->has_siginfo)
		scrub_siginfo(exception);
	exception->record = 0;
	exception->parameter_count = 0;
	memset(exception->parameters, 0, sizeof(exception->parameters));
	veil->fault_class = INQ_VALUE_SHOWN;
	if (is_no_secret(veil, exception->address, exception_pc(veil)))
		return;
	veil->fault_class = veil_class_of(veil, exception->address);
	exception->address = INQ_VEIL_WITHHELD;
	veil_note(veil, "the address of the fault is kept back: nothing of the program lies there");
}

static enum inq_status veil_exception(struct inq_target *target, const struct inq_exception **ret,
				      struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_exception *exception;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_exception(veil->inner, &exception, err);
	if (status != INQ_OK)
		return status;
	if (!veil->made_exception) {
		veil->exception = *exception;
		if (veil_filters(veil))
			scrub_exception(veil);
		veil->made_exception = true;
	}
	*ret = &veil->exception;
	return INQ_OK;
}

/* --- modules, mappings, links --------------------------------------------------------------------- */

static enum inq_status show_modules(struct inq_veil *veil, const struct inq_module *modules, size_t count,
				    struct inq_module **made, struct inq_error *err)
{
	if (*made)
		return INQ_OK;
	*made = calloc(count + 1, sizeof(**made));
	if (!*made)
		return inq_fail(err, INQ_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		(*made)[i] = modules[i];
		(*made)[i].path = veil_module_name(veil, modules[i].path);
		(*made)[i].debug_file = veil_module_name(veil, modules[i].debug_file);
	}
	return INQ_OK;
}

static enum inq_status veil_modules(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				    struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_module *modules;
	size_t count;
	enum inq_status status = inq_target_modules(veil->inner, &modules, &count, err);

	if (status == INQ_OK)
		status = show_modules(veil, modules, count, &veil->shown_modules, err);
	if (status != INQ_OK)
		return status;
	*ret = veil->shown_modules;
	*ret_count = count;
	return INQ_OK;
}

static enum inq_status veil_unloaded(struct inq_target *target, const struct inq_module **ret, size_t *ret_count,
				     struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_module *modules;
	size_t count;
	enum inq_status status = inq_target_unloaded(veil->inner, &modules, &count, err);

	if (status == INQ_OK)
		status = show_modules(veil, modules, count, &veil->unloaded, err);
	if (status != INQ_OK)
		return status;
	*ret = veil->unloaded;
	*ret_count = count;
	return INQ_OK;
}

static enum inq_status veil_regions(struct inq_target *target, const struct inq_region **ret, size_t *ret_count,
				    struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_region *regions;
	size_t count;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_regions(veil->inner, &regions, &count, err);
	if (status != INQ_OK)
		return status;
	if (!veil->shown_regions) {
		veil->shown_regions = calloc(count + 1, sizeof(*veil->shown_regions));
		if (!veil->shown_regions)
			return inq_fail(err, INQ_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < count; i++) {
			veil->shown_regions[i] = regions[i];
			veil->shown_regions[i].name = veil_region_name(veil, &regions[i]);
		}
	}
	*ret = veil->shown_regions;
	*ret_count = count;
	return INQ_OK;
}

static void add_range(struct inq_buffer *to, uint64_t base, uint64_t end)
{
	struct inq_range range = {base, end - base};

	if (end > base)
		inq_buffer_append(to, &range, sizeof(range));
}

static void add_without_absent(struct inq_veil *veil, const struct inq_range *range)
{
	uint64_t at = range->base, left = range->size, start = at;

	while (left) {
		bool absent;
		uint64_t alike = veil_alike(veil, at, left, &absent);

		if (absent) {
			add_range(&veil->ranges, start, at);
			start = at + alike;
		}
		at += alike;
		left -= alike;
	}
	add_range(&veil->ranges, start, at);
}

/* What could be read below, without hidden code; most of it reads as zeroes. */
static enum inq_status veil_memory(struct inq_target *target, const struct inq_range **ret, size_t *ret_count,
				   struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status != INQ_OK || !veil_filters(veil))
		return status == INQ_OK ? inq_target_memory(veil->inner, ret, ret_count, err) : status;
	if (!veil->ranges.size) {
		for (size_t i = 0; i < veil->memory_count; i++)
			add_without_absent(veil, &veil->memory[i]);
	}
	if (!inq_buffer_ok(&veil->ranges))
		return inq_fail(err, INQ_NO_MEMORY, "out of memory");
	*ret = (const struct inq_range *)veil->ranges.data;
	*ret_count = veil->ranges.size / sizeof(**ret);
	return INQ_OK;
}

/* The loader's names are the modules', or what a program opened: of those only the modules' stay. */
static const char *link_name(struct inq_veil *veil, const char *name)
{
	if (!name || !name[0] || !veil_filters(veil))
		return name ? veil_module_name(veil, name) : "";
	for (size_t i = 0; i < veil->module_count; i++) {
		const char *path = veil->modules[i].path;

		if (path && strcmp(veil_base_name(path), veil_base_name(name)) == 0)
			return veil_module_name(veil, name);
	}
	return "";
}

static enum inq_status veil_link_map(struct inq_target *target, const struct inq_link_map **ret,
				     struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_link_map *links;
	enum inq_status status = inq_veil_prepare(veil, err);

	if (status == INQ_OK)
		status = inq_target_link_map(veil->inner, &links, err);
	if (status != INQ_OK)
		return status;
	if (!veil->link_array) {
		veil->link_array = calloc(links->count + 1, sizeof(*veil->link_array));
		if (!veil->link_array)
			return inq_fail(err, INQ_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < links->count; i++) {
			veil->link_array[i] = links->links[i];
			veil->link_array[i].name = link_name(veil, links->links[i].name);
		}
		veil->links = *links;
		veil->links.links = veil->link_array;
	}
	*ret = &veil->links;
	return INQ_OK;
}

/* --- descriptors, ids, registers beyond the context ------------------------------------------------ */

/* r: that there is one and of which kind, no name. */
static enum inq_status veil_handles(struct inq_target *target, const struct inq_handle **ret, size_t *ret_count,
				    struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_handle *handles;
	size_t count;
	enum inq_status status = inq_target_handles(veil->inner, &handles, &count, err);

	if (status != INQ_OK)
		return status;
	if (!veil->handles) {
		veil->handles = calloc(count + 1, sizeof(*veil->handles));
		if (!veil->handles)
			return inq_fail(err, INQ_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < count; i++) {
			struct inq_handle *shown = &veil->handles[i];

			*shown = handles[i];
			if (veil_filters(veil)) {
				shown->type = inq_handle_kind_name(shown->kind);
				shown->name = shown->details = "";
				shown->inode = 0;
				continue;
			}
			shown->name = bare_text(veil, handles[i].name);
			shown->details = bare_text(veil, handles[i].details);
		}
	}
	*ret = veil->handles;
	*ret_count = count;
	return INQ_OK;
}

/* Numbers that the kernel gave; control groups and labels can be named after users. */
static enum inq_status veil_token(struct inq_target *target, const struct inq_token **ret, struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_token *token;
	enum inq_status status = inq_target_token(veil->inner, &token, err);

	if (status != INQ_OK)
		return status;
	veil->token = *token;
	if (veil_filters(veil))
		veil->token.cgroup = veil->token.label = "";
	*ret = &veil->token;
	return INQ_OK;
}

static enum inq_status veil_counters(struct inq_target *target, const struct inq_counters **ret,
				     struct inq_error *err)
{
	return inq_target_counters(veil_of(target)->inner, ret, err);
}

/* No unwinder reads them. */
static enum inq_status veil_xstate(struct inq_target *target, size_t index, struct inq_xstate *ret,
				   struct inq_error *err)
{
	if (veil_filters(veil_of(target)))
		return inq_fail(err, INQ_ABSENT, "filtered out");
	return inq_target_xstate(veil_of(target)->inner, index, ret, err);
}

static uint64_t veil_extent(struct inq_target *target, uint64_t address, uint64_t size, bool *ret_zero)
{
	if (!veil_filters(veil_of(target)))
		return inq_target_extent(veil_of(target)->inner, address, size, ret_zero);
	*ret_zero = false; /* which pages were touched is nobody's business */
	return size;
}

/* --- words ------------------------------------------------------------------------------------------ */

/* r: only what the program itself calls safe. */
static enum inq_status veil_annotations(struct inq_target *target, const struct inq_annotation **ret,
					size_t *ret_count, struct inq_error *err)
{
	struct inq_veil *veil = veil_of(target);
	const struct inq_annotation *annotations;
	size_t count;
	enum inq_status status = inq_target_annotations(veil->inner, &annotations, &count, err);

	if (status != INQ_OK)
		return status;
	if (!veil->annotations) {
		veil->annotations = calloc(count + 1, sizeof(*veil->annotations));
		if (!veil->annotations)
			return inq_fail(err, INQ_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < count; i++) {
			struct inq_annotation *shown = &veil->annotations[veil->annotation_count];

			if (veil_filters(veil) && !annotations[i].safe)
				continue;
			*shown = annotations[i];
			if (veil_bares(veil))
				shown->value = bare_text(veil, annotations[i].value);
			veil->annotation_count++;
		}
	}
	*ret = veil->annotations;
	*ret_count = veil->annotation_count;
	return INQ_OK;
}

static const char *without_quotes(struct inq_veil *veil, const char *text)
{
	struct inq_buffer clean = {0};
	const char *first = text, *last = strrchr(text, '\''), *kept;

	/* Not an apostrophe, which stands behind a letter. */
	while (*first && (*first != '\'' || (first > text && isalnum((unsigned char)first[-1]))))
		first++;
	if (!*first)
		return text;
	/* What is quoted may hold quotes: up to the last one. */
	inq_buffer_append(&clean, text, (size_t)(first - text));
	inq_buffer_puts(&clean, "''");
	if (last > first)
		inq_buffer_puts(&clean, last + 1);
	kept = veil_keep_string(veil, inq_buffer_text(&clean), clean.size);
	inq_buffer_done(&clean);
	return kept;
}

const char *inq_veil_words(struct inq_veil *veil, const char *text)
{
	if (veil_filters(veil))
		text = without_quotes(veil, text);
	return veil_bares(veil) ? bare_text(veil, text) : text;
}

/* The target's warnings without what they quote, then the veil's own notes. */
static enum inq_status veil_warning(struct inq_target *target, size_t index, const char **ret)
{
	struct inq_veil *veil = veil_of(target);
	const char *note = (const char *)veil->notes.data;
	const char *text;
	size_t inner = 0;

	if (inq_target_warning(veil->inner, index, &text) == INQ_OK) {
		*ret = inq_veil_words(veil, text);
		return INQ_OK;
	}
	while (inner < index && inq_target_warning(veil->inner, inner, &text) == INQ_OK)
		inner++;
	for (index -= inner; note && note < (const char *)veil->notes.data + veil->notes.size;
	     note += strlen(note) + 1) {
		if (index-- == 0) {
			*ret = note;
			return INQ_OK;
		}
	}
	return INQ_ABSENT;
}

/* The veil is freed by inq_veil_free(): who was shown it owns nothing. */
const struct inq_target_ops veil_ops = {
	.kind = "filtered target",
	.system = veil_system,
	.process = veil_process,
	.threads = veil_threads,
	.context = veil_context,
	.modules = veil_modules,
	.regions = veil_regions,
	.memory = veil_memory,
	.read = veil_read,
	.exception = veil_exception,
	.exception_context = veil_exception_context,
	.text = veil_text,
	.link_map = veil_link_map,
	.handles = veil_handles,
	.token = veil_token,
	.counters = veil_counters,
	.xstate = veil_xstate,
	.extent = veil_extent,
	.unloaded = veil_unloaded,
	.annotations = veil_annotations,
	.warning = veil_warning,
};
