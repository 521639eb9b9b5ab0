/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "privacy/veil_private.h"

#include "symbols/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum inq_status inq_veil_new(struct inq_target *target, const struct inq_veil_policy *policy,
			     struct inq_veil **ret, struct inq_error *err)
{
	struct inq_veil_policy stated = policy ? *policy : (struct inq_veil_policy){0};
	struct inq_veil *veil = calloc(1, sizeof(*veil));

	if (!veil)
		return inq_fail(err, INQ_NO_MEMORY, "veil: out of memory");
	/* Anything but a filter that is known to be off counts as on: damaged policies are strict
	 * ones. */
	if (stated.stack != INQ_VEIL_STACK_WHOLE)
		stated.stack = INQ_VEIL_STACK_FRAMES_ONLY;
	if (stated.names != INQ_VEIL_NAMES_FULL)
		stated.names = INQ_VEIL_NAMES_BARE;
	veil->policy = stated;
	veil->inner = target;
	veil->shown = (struct inq_target){.ops = &veil_ops, .name = target->name};
	*ret = veil;
	return INQ_OK;
}

static void free_images(struct inq_veil *veil)
{
	for (size_t i = 0; veil->slots && i < veil->module_count; i++) {
		if (veil->slots[i].owned)
			inq_image_free(veil->slots[i].image);
	}
	free(veil->slots);
}

void inq_veil_free(struct inq_veil *veil)
{
	char **strings;

	if (!veil)
		return;
	inq_unwinder_free(veil->unwinder);
	free_images(veil);
	for (size_t i = 0; veil->walked && i < veil->walked_count; i++)
		free(veil->walked[i].frames);
	strings = (char **)veil->strings.data;
	for (size_t i = 0; i < veil->strings.size / sizeof(*strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < INQ_TEXT_COUNT; i++)
		inq_buffer_done(&veil->texts[i]);
	inq_buffer_done(&veil->strings);
	inq_buffer_done(&veil->words);
	inq_buffer_done(&veil->stacks);
	inq_buffer_done(&veil->ranges);
	inq_buffer_done(&veil->notes);
	free(veil->walked);
	free(veil->classes);
	free(veil->threads);
	free(veil->shown_modules);
	free(veil->unloaded);
	free(veil->shown_regions);
	free(veil->handles);
	free(veil->annotations);
	free(veil->link_array);
	free(veil);
}

struct inq_target *inq_veil_target(struct inq_veil *veil)
{
	/* Nothing to hide: the target itself. */
	return veil_filters(veil) || veil_bares(veil) ? &veil->shown : veil->inner;
}

const struct inq_veil_policy *inq_veil_policy(const struct inq_veil *veil)
{
	return &veil->policy;
}

void inq_veil_set_images(struct inq_veil *veil, const struct inq_veil_images *images)
{
	veil->images = *images;
}

void veil_note(struct inq_veil *veil, const char *format, ...)
{
	char text[256];
	va_list args;

	if (++veil->note_count > NOTES_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	inq_buffer_append(&veil->notes, text, strlen(text) + 1);
}

enum inq_status inq_veil_prepare(struct inq_veil *veil, struct inq_error *err)
{
	if (veil->prepared)
		return veil->prepared_status == INQ_OK
			       ? INQ_OK
			       : inq_fail(err, veil->prepared_status, "veil: out of memory");
	veil->prepared = true;
	inq_target_modules(veil->inner, &veil->modules, &veil->module_count, NULL);
	inq_target_regions(veil->inner, &veil->regions, &veil->region_count, NULL);
	inq_target_memory(veil->inner, &veil->memory, &veil->memory_count, NULL);
	if (veil_filters(veil))
		veil->prepared_status = veil_walk_all(veil, err);
	if (veil_filters(veil) && veil->prepared_status == INQ_OK)
		veil->prepared_status = veil_walk_again(veil, err);
	return veil->prepared_status;
}

void inq_veil_stacks(struct inq_veil *veil, const struct inq_range **ret, size_t *ret_count)
{
	*ret = (const struct inq_range *)veil->stacks.data;
	*ret_count = veil->stacks.size / sizeof(**ret);
}

enum inq_status inq_veil_classes(struct inq_veil *veil, const struct inq_veil_classes **ret,
				 size_t *ret_count, uint8_t *ret_fault, struct inq_error *err)
{
	const struct inq_exception *exception; /* asked for its fault's class */
	enum inq_status status;

	if (!veil_filters(veil))
		return inq_fail(err, INQ_ABSENT, "nothing is filtered");
	status = inq_veil_prepare(veil, err);
	if (status != INQ_OK)
		return status;
	if (inq_target_exception(&veil->shown, &exception, NULL) != INQ_OK)
		veil->fault_class = INQ_VALUE_UNKNOWN;
	*ret = veil->classes;
	*ret_count = veil->walked_count;
	*ret_fault = veil->fault_class;
	return INQ_OK;
}
