/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/core_facts.h"

#include "support/file.h"

#include <string.h>

enum inq_status inq_core_facts_open(struct inq_note note, struct inq_target **ret, struct inq_error *err)
{
	struct inq_file *file;
	enum inq_status status;

	if (!note.data)
		return inq_fail(err, INQ_ABSENT, "no note of inquest's");
	status = inq_file_open_bytes(note.data, note.size, "inquest's note", &file, err);
	return status == INQ_OK ? inq_target_open_minidump(file, ret, err) : status;
}

static void add(const struct inq_thread *from, struct inq_thread *to)
{
	memcpy(to->name, from->name, sizeof(to->name));
	to->suspend_count = from->suspend_count;
	to->priority_class = from->priority_class;
	to->priority = from->priority;
	to->create_time = from->create_time;
	to->start_address = from->start_address;
	to->affinity = from->affinity;
	to->has_times = from->has_times;
	to->exited = from->exited;
	to->has_exit_status = from->has_exit_status;
	to->exit_status = from->exit_status;
	if (from->has_times) {
		to->user_us = from->user_us;
		to->kernel_us = from->kernel_us;
	}
}

void inq_core_facts_threads(struct inq_target *facts, struct inq_thread *threads, size_t count)
{
	const struct inq_thread *known;
	size_t known_count, at = 0;

	if (!facts || inq_target_threads(facts, &known, &known_count, NULL) != INQ_OK)
		return;
	/* The same order but for the crashed one, which a core has first: hardly ever is there a search. */
	for (size_t i = 0; i < count; i++) {
		for (size_t tried = 0; tried < known_count; tried++, at++) {
			if (known[at % known_count].tid == threads[i].tid) {
				add(&known[at++ % known_count], &threads[i]);
				break;
			}
		}
	}
}
