/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/proc_facts.h"

#include "target/status_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- numbers in texts -------------------------------------------------------------------------------- */

static uint64_t take_number(const char **at, const char *end, unsigned base)
{
	uint64_t value = 0;

	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	for (; *at < end; (*at)++) {
		char c = **at;
		unsigned digit = c >= '0' && c <= '9'	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 99;

		if (digit >= base)
			break;
		value = value * base + digit;
	}
	return value;
}

/* "key:\tNUMBER": false without such a line. */
static bool value_of(const char *text, size_t size, const char *key, unsigned base, uint64_t *ret)
{
	const char *value, *end;
	size_t length;

	if (!text || !inq_status_value(text, size, key, &value, &length) || !length)
		return false;
	end = value + length;
	*ret = take_number(&value, end, base);
	return true;
}

/* --- threads -------------------------------------------------------------------------------------------- */

/* Fields of stat(5), counted from the state, which is 3. */
enum { STATE = 3, UTIME = 14, STIME = 15, PRIORITY = 18, NICE = 19, STARTTIME = 22, EXIT_CODE = 52 };
enum { STAT_FIELDS = 53 };

/* Behind the name's ')', which may hold anything; false if there is none. */
static bool stat_fields(const char *text, size_t size, const char *fields[STAT_FIELDS], const char **ret_end)
{
	const char *at = text ? memrchr(text, ')', size) : NULL, *end = text + size;

	if (!at)
		return false;
	memset(fields, 0, STAT_FIELDS * sizeof(*fields));
	for (int field = STATE; field < STAT_FIELDS; field++) {
		at = memchr(at, ' ', (size_t)(end - at));
		if (!at)
			break;
		fields[field] = ++at;
	}
	*ret_end = end;
	return fields[STARTTIME] != NULL;
}

static uint64_t ticks_us(const char *field, const char *end)
{
	long per_second = sysconf(_SC_CLK_TCK);

	return take_number(&field, end, 10) * 1000000 / (uint64_t)(per_second > 0 ? per_second : 100);
}

static void thread_stat(const struct inq_proc_file *file, uint64_t boot, struct inq_thread *thread)
{
	const char *fields[STAT_FIELDS], *end;

	if (!stat_fields(file->data, file->size, fields, &end))
		return;
	thread->has_times = true;
	thread->user_us = ticks_us(fields[UTIME], end);
	thread->kernel_us = ticks_us(fields[STIME], end);
	if (boot)
		thread->create_time = boot + ticks_us(fields[STARTTIME], end) / 1000000;
	thread->priority = (uint32_t)take_number(&fields[PRIORITY], end, 10);
	thread->exited = *fields[STATE] == 'Z' || *fields[STATE] == 'X';
	if (fields[EXIT_CODE] && thread->exited) {
		thread->has_exit_status = true;
		thread->exit_status = (uint32_t)take_number(&fields[EXIT_CODE], end, 10);
	}
}

/* "Cpus_allowed:\tffffffff,00000003": groups of 32, the last is processors 0 to 31. */
static uint64_t affinity_of(const struct inq_proc_file *file)
{
	const char *value;
	size_t length;
	uint64_t mask = 0;

	if (!inq_status_value(file->data, file->size, "Cpus_allowed", &value, &length))
		return 0;
	for (const char *at = value, *end = value + length; at < end; at++) {
		if (*at != ',') {
			const char *digit = at;

			mask = mask << 4 | take_number(&digit, at + 1, 16);
		}
	}
	return mask;
}

/* "Cpus_allowed_list:\t0-3,64-127", where the mask of 64 has not room for all; else NULL. */
static const char *processors_of(const struct inq_proc_file *file, size_t *ret_size)
{
	const char *value;
	bool beyond = false;

	if (!inq_status_value(file->data, file->size, "Cpus_allowed_list", &value, ret_size))
		return NULL;
	for (const char *at = value, *end = value + *ret_size; at < end;) {
		if (*at >= '0' && *at <= '9')
			beyond |= take_number(&at, end, 10) >= 64;
		else
			at++;
	}
	return beyond ? value : NULL;
}

void inq_thread_facts(const struct inq_proc_files *files, uint64_t boot, struct inq_thread *threads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct inq_proc_file *stat = inq_proc_files_numbered(files, "task", threads[i].tid, "stat");
		const struct inq_proc_file *status = inq_proc_files_numbered(files, "task", threads[i].tid, "status");

		if (stat)
			thread_stat(stat, boot, &threads[i]);
		if (status) {
			threads[i].affinity = affinity_of(status);
			threads[i].processors = processors_of(status, &threads[i].processors_size);
		}
	}
}

/* --- token -------------------------------------------------------------------------------------------- */

static const char *keep_text(struct inq_buffer *texts, const char *text, size_t size)
{
	size_t at = texts->size;

	while (size && (text[size - 1] == '\n' || text[size - 1] == '\0'))
		size--;
	inq_buffer_append(texts, text, size);
	inq_buffer_append(texts, "", 1);
	return (const char *)(uintptr_t)at;
}

static bool take_ids(const char *text, size_t size, const char *key, uint32_t ids[4])
{
	const char *value, *end;
	size_t length;

	for (int i = 0; i < 4; i++)
		ids[i] = UINT32_MAX;
	if (!text || !inq_status_value(text, size, key, &value, &length))
		return false;
	end = value + length;
	for (int i = 0; i < 4 && value < end; i++)
		ids[i] = (uint32_t)take_number(&value, end, 10);
	return true;
}

static bool take_groups(const char *text, size_t size, struct inq_token_made *ret)
{
	const char *value, *end;
	size_t length;

	if (!text || !inq_status_value(text, size, "Groups", &value, &length) || !length)
		return true;
	ret->groups = calloc(length, sizeof(*ret->groups));
	if (!ret->groups)
		return false;
	for (end = value + length; value < end; value++) {
		if (*value < '0' || *value > '9')
			continue;
		ret->groups[ret->token.group_count++] = (uint32_t)take_number(&value, end, 10);
	}
	ret->token.groups = ret->groups;
	return true;
}

static void take_capabilities(const char *text, size_t size, struct inq_token *token)
{
	uint64_t number;

	token->has_capabilities = value_of(text, size, "CapEff", 16, &token->cap_effective);
	value_of(text, size, "CapInh", 16, &token->cap_inheritable);
	value_of(text, size, "CapPrm", 16, &token->cap_permitted);
	value_of(text, size, "CapBnd", 16, &token->cap_bounding);
	value_of(text, size, "CapAmb", 16, &token->cap_ambient);
	token->no_new_privs = value_of(text, size, "NoNewPrivs", 10, &number) ? (uint32_t)number : UINT32_MAX;
	token->seccomp = value_of(text, size, "Seccomp", 10, &number) ? (uint32_t)number : UINT32_MAX;
	token->seccomp_filters =
		value_of(text, size, "Seccomp_filters", 10, &number) ? (uint32_t)number : UINT32_MAX;
	token->pid = value_of(text, size, "Pid", 10, &number) ? (uint32_t)number : 0;
}

/* "ns/net" leads to "net:[4026531840]". */
static void take_namespaces(const struct inq_proc_files *files, struct inq_token *token)
{
	for (size_t i = inq_proc_files_first(files, "ns/"); i < files->count; i++) {
		const struct inq_proc_file *file = &files->items[i];
		const char *at = memchr(file->data, '[', file->size), *end = file->data + file->size;
		struct inq_token_namespace *to = &token->namespaces[token->namespace_count];

		if (strncmp(file->name, "ns/", 3) != 0 || token->namespace_count == INQ_TOKEN_NAMESPACES)
			break;
		if (!at)
			continue;
		at++;
		snprintf(to->name, sizeof(to->name), "%s", file->name + 3);
		to->inode = take_number(&at, end, 10);
		token->namespace_count++;
	}
}

enum inq_status inq_token_make(const char *status, size_t status_size, const char *cgroup, size_t cgroup_size,
			       const struct inq_proc_files *files, struct inq_token_made *ret, struct inq_error *err)
{
	const struct inq_proc_file *label = inq_proc_files_find(files, "attr/current");
	struct inq_token_made made = {0};

	if (!take_ids(status, status_size, "Uid", made.token.uid))
		return inq_fail(err, INQ_ABSENT, "no ids of the process are known");
	take_ids(status, status_size, "Gid", made.token.gid);
	if (!take_groups(status, status_size, &made))
		return inq_fail(err, INQ_NO_MEMORY, "token: out of memory");
	take_capabilities(status, status_size, &made.token);
	take_namespaces(files, &made.token);
	made.token.cgroup = keep_text(&made.texts, cgroup ? cgroup : "", cgroup ? cgroup_size : 0);
	made.token.label = keep_text(&made.texts, label ? label->data : "", label ? label->size : 0);
	if (!inq_buffer_ok(&made.texts)) {
		inq_token_done(&made);
		return inq_fail(err, INQ_NO_MEMORY, "token: out of memory");
	}
	made.token.cgroup = (const char *)made.texts.data + (uintptr_t)made.token.cgroup;
	made.token.label = (const char *)made.texts.data + (uintptr_t)made.token.label;
	*ret = made;
	return INQ_OK;
}

void inq_token_done(struct inq_token_made *made)
{
	if (!made)
		return;
	free(made->groups);
	inq_buffer_done(&made->texts);
	*made = (struct inq_token_made){0};
}

/* --- counters ------------------------------------------------------------------------------------------- */

struct counter {
	const char *key; /* in kB */
	size_t place;    /* in struct inq_counters */
};

#define PLACE(field) offsetof(struct inq_counters, field)

static const struct counter process_counters[] = {
	{"VmSize", PLACE(virtual_size)},	 {"VmPeak", PLACE(virtual_peak)},
	{"VmRSS", PLACE(resident)},		 {"VmHWM", PLACE(resident_peak)},
	{"RssAnon", PLACE(resident_anonymous)}, {"RssFile", PLACE(resident_file)},
	{"RssShmem", PLACE(resident_shared)},	 {"VmData", PLACE(data)},
	{"VmStk", PLACE(stack)},		 {"VmPTE", PLACE(page_tables)},
	{"VmSwap", PLACE(swapped)},		 {"VmLck", PLACE(locked)},
	{"VmPin", PLACE(pinned)},
};

static const struct counter machine_counters[] = {
	{"MemTotal", PLACE(machine_total)},	    {"MemFree", PLACE(machine_free)},
	{"MemAvailable", PLACE(machine_available)}, {"Cached", PLACE(machine_cached)},
	{"Buffers", PLACE(machine_buffers)},	    {"SwapTotal", PLACE(machine_swap_total)},
	{"SwapFree", PLACE(machine_swap_free)},	    {"Committed_AS", PLACE(machine_committed)},
	{"CommitLimit", PLACE(machine_commit_limit)},
};

static bool take_counters(const char *text, size_t size, const struct counter *counters, size_t count,
			  struct inq_counters *ret)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		if (!value_of(text, size, counters[i].key, 10, &value) || value > UINT64_MAX / 1024)
			continue;
		value *= 1024;
		memcpy((char *)ret + counters[i].place, &value, sizeof(value));
		any = true;
	}
	return any;
}

enum { MINFLT = 10, MAJFLT = 12 }; /* stat(5) */

void inq_counters_make(const char *status, size_t status_size, const char *stat, size_t stat_size,
		       const char *meminfo, size_t meminfo_size, struct inq_counters *ret)
{
	const char *fields[STAT_FIELDS], *end;

	/* Every field is UINT64_MAX until it is known. */
	memset(ret, 0xff, sizeof(*ret));
	ret->has_process = take_counters(status, status_size, process_counters,
					 sizeof(process_counters) / sizeof(process_counters[0]), ret);
	ret->has_machine = take_counters(meminfo, meminfo_size, machine_counters,
					 sizeof(machine_counters) / sizeof(machine_counters[0]), ret);
	if (stat_fields(stat, stat_size, fields, &end)) {
		ret->minor_faults = take_number(&fields[MINFLT], end, 10);
		ret->major_faults = take_number(&fields[MAJFLT], end, 10);
	}
}

/* --- kernel --------------------------------------------------------------------------------------------- */

static void append_section(const struct inq_proc_file *file, struct inq_buffer *ret)
{
	inq_buffer_printf(ret, "[%s]\n", file->name);
	inq_buffer_append(ret, file->data, file->size);
	if (file->size && file->data[file->size - 1] != '\n')
		inq_buffer_append(ret, "\n", 1);
}

void inq_kernel_text(const struct inq_proc_files *files, struct inq_buffer *ret)
{
	const struct inq_proc_file *log = inq_proc_files_find(files, "kmsg");

	for (size_t i = inq_proc_files_first(files, "task/"); i < files->count; i++) {
		if (strncmp(files->items[i].name, "task/", 5) != 0)
			break;
		append_section(&files->items[i], ret);
	}
	if (log)
		append_section(log, ret);
}
