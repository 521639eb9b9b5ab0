/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* !address: the address space, one place of it, or what it is used for */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <string.h>

/* What a region is used for, by the first flag that it has; the last row takes the rest. */
static const struct usage {
	uint32_t flag;
	const char *name;
} usages[] = {
	{INQ_REGION_FREE, "Free"},
	{INQ_REGION_STACK, "Stack"},
	{INQ_REGION_HEAP, "Heap"},
	{INQ_REGION_IMAGE, "Image"},
	{INQ_REGION_GUARD, "Guard"},
	{INQ_REGION_RESERVED, "Reserved"},
	{INQ_REGION_SHARED, "Shared"},
	{INQ_REGION_ANONYMOUS, "Anonymous"},
	{0, "Other"},
};
enum { USAGES = sizeof(usages) / sizeof(usages[0]) };

static size_t usage_of(struct debugger *debugger, const struct inq_region *region)
{
	size_t i = 0, count;
	const struct inq_module *modules = inq_session_modules(debugger->session, &count);
	uint32_t flags = region->flags;

	/* Not every dump marks what belongs to a module; the list of modules knows. */
	if (inq_module_at(modules, count, region->base) && !(flags & INQ_REGION_FREE))
		flags |= INQ_REGION_IMAGE;
	while (usages[i].flag && !(flags & usages[i].flag))
		i++;
	return i;
}

static void protection_text(const struct inq_region *region, char to[5])
{
	to[0] = region->protection & INQ_PROT_READ ? 'r' : '-';
	to[1] = region->protection & INQ_PROT_WRITE ? 'w' : '-';
	to[2] = region->protection & INQ_PROT_EXEC ? 'x' : '-';
	to[3] = region->flags & INQ_REGION_SHARED ? 's' : 'p';
	to[4] = '\0';
}

static const char *size_text(char to[32], uint64_t bytes)
{
	static const char *const units[] = {"B ", "kB", "MB", "GB", "TB"};
	unsigned unit = 0;
	uint64_t tenths = bytes * 10;

	if (bytes > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10240 && unit < 4) {
		tenths /= 1024;
		unit++;
	}
	snprintf(to, 32, "%llu.%llu %s", (unsigned long long)tenths / 10,
		 (unsigned long long)tenths % 10, units[unit]);
	return to;
}

/* Bytes of the region that the dump itself holds. */
static uint64_t bytes_in_dump(struct debugger *debugger, const struct inq_region *region)
{
	const struct inq_range *ranges;
	uint64_t total = 0, end = region->base + region->size;
	size_t count;

	if (inq_target_memory(inq_session_target(debugger->session), &ranges, &count, NULL) !=
	    INQ_OK)
		return 0;
	for (size_t i = 0; i < count && ranges[i].base < end; i++) {
		uint64_t low = ranges[i].base > region->base ? ranges[i].base : region->base;
		uint64_t high = ranges[i].base + ranges[i].size;

		high = high < end ? high : end;
		if (low < high)
			total += high - low;
	}
	return total;
}

static json_t *json_region(struct debugger *debugger, const struct inq_region *region)
{
	json_t *object = json_object();
	char protection[5];

	protection_text(region, protection);
	json_object_set_new(object, "start", json_address(region->base));
	json_object_set_new(object, "end", json_address(region->base + region->size));
	json_object_set_new(object, "protection", json_text(protection));
	json_object_set_new(object, "usage", json_text(usages[usage_of(debugger, region)].name));
	json_object_set_new(object, "file_offset", json_address(region->file_offset));
	json_object_set_new(object, "in_dump",
			    json_integer((json_int_t)bytes_in_dump(debugger, region)));
	json_object_set_new(object, "name", json_text(region->name));
	return object;
}

static void show_row(struct debugger *debugger, const struct inq_region *region)
{
	char protection[5], size[32];

	protection_text(region, protection);
	out_print(&debugger->out, "%s %s %10s  %s  %-9s %s\n", ADDRESS(debugger, region->base),
		  ADDRESS(debugger, region->base + region->size), size_text(size, region->size),
		  protection, usages[usage_of(debugger, region)].name, region->name);
}

static void show_summary(struct debugger *debugger, const struct inq_region *regions, size_t count)
{
	uint64_t bytes[USAGES] = {0};
	size_t numbers[USAGES] = {0};
	struct out *out = &debugger->out;
	char size[32];

	for (size_t i = 0; i < count; i++) {
		bytes[usage_of(debugger, &regions[i])] += regions[i].size;
		numbers[usage_of(debugger, &regions[i])]++;
	}
	out_print(out, "\n--- Usage Summary ---- RgnCount ---- Total Size\n");
	for (size_t i = 0; i < USAGES; i++) {
		if (numbers[i])
			out_print(out, "%-20s %10zu %15s\n", usages[i].name, numbers[i],
				  size_text(size, bytes[i]));
	}
}

static void show_one(struct debugger *debugger, const struct inq_region *region, uint64_t address)
{
	struct out *out = &debugger->out;
	char protection[5], size[32];
	struct inq_place place;

	protection_text(region, protection);
	out_print(out, "Usage:            %s\n", usages[usage_of(debugger, region)].name);
	out_print(out, "Base Address:     %s\n", ADDRESS(debugger, region->base));
	out_print(out, "End Address:      %s\n", ADDRESS(debugger, region->base + region->size));
	out_print(out, "Region Size:      %s (%s)\n", ADDRESS(debugger, region->size),
		  size_text(size, region->size));
	out_print(out, "Protect:          %s\n", protection);
	out_print(out, "In the dump:      %s\n", size_text(size, bytes_in_dump(debugger, region)));
	if (*region->name) {
		out_print(out, "Mapped file name: %s\n", region->name);
		out_print(out, "File offset:      0x%llx\n",
			  (unsigned long long)region->file_offset);
	}
	inq_session_place(debugger->session, address, &place);
	if (place.module) {
		out_print(out, "Module:           ");
		show_place(out, &place, address);
		out_print(out, "\n");
	}
}

static enum inq_status show_address(struct debugger *debugger, const char *at,
				    struct inq_error *err)
{
	const struct inq_region *regions, *region;
	uint64_t address;
	size_t count;
	enum inq_status status = take_value(debugger, &at, &address, err);

	if (status == INQ_OK)
		status = no_more(at, err);
	if (status != INQ_OK)
		return status;
	regions = inq_session_regions(debugger->session, &count);
	region = inq_region_at(regions, count, address);
	if (!region)
		return inq_fail(err, INQ_ABSENT, "0x%llx: not mapped, as far as the dump tells",
				(unsigned long long)address);
	if (debugger->out.json)
		json_object_set_new(debugger->out.json, "region", json_region(debugger, region));
	else
		show_one(debugger, region, address);
	return INQ_OK;
}

enum inq_status command_address(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	bool only_summary = strcmp(call->args, "-summary") == 0;
	const struct inq_region *regions;
	size_t count;
	enum inq_status status;

	if (*call->args && !only_summary)
		return show_address(debugger, call->args, err);
	status = inq_target_regions(inq_session_target(debugger->session), &regions, &count, err);
	if (status == INQ_ABSENT)
		return inq_fail(err, INQ_ABSENT,
				"the dump does not say how the address space was used");
	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		out_json_list(&debugger->out, "regions");
		for (size_t i = 0; i < count && !out_stop(&debugger->out); i++)
			out_json_add(&debugger->out, "regions", json_region(debugger, &regions[i]));
		return INQ_OK;
	}
	for (size_t i = 0; !only_summary && i < count && !out_stop(&debugger->out); i++)
		show_row(debugger, &regions[i]);
	show_summary(debugger, regions, count);
	return INQ_OK;
}
