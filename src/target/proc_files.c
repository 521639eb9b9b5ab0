/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/proc_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "fd/9" before "fd/10", as strverscmp(3) would without its fractions. */
static int compare_names(const char *a, const char *b)
{
	while (*a && *b) {
		if (is_digit(*a) && is_digit(*b)) {
			size_t left = strspn(a, "0123456789"), right = strspn(b, "0123456789");
			int order = left == right ? strncmp(a, b, left) : left < right ? -1 : 1;

			if (order)
				return order;
			a += left;
			b += right;
			continue;
		}
		if (*a != *b)
			break;
		a++;
		b++;
	}
	return (unsigned char)*a < (unsigned char)*b ? -1 : (unsigned char)*a > (unsigned char)*b;
}

static int by_name(const void *a, const void *b)
{
	return compare_names(((const struct inq_proc_file *)a)->name,
			     ((const struct inq_proc_file *)b)->name);
}

void inq_proc_files_sort(struct inq_proc_file *items, size_t count)
{
	if (count)
		qsort(items, count, sizeof(*items), by_name);
}

/* Index of the first one that is not before the name. */
static size_t lower(const struct inq_proc_files *files, const char *name)
{
	size_t low = 0, high = files->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(files->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct inq_proc_file *inq_proc_files_find(const struct inq_proc_files *files,
						const char *name)
{
	size_t at = lower(files, name);

	return at < files->count && strcmp(files->items[at].name, name) == 0 ? &files->items[at]
									     : NULL;
}

const struct inq_proc_file *inq_proc_files_numbered(const struct inq_proc_files *files,
						    const char *directory, uint64_t number,
						    const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%llu%s%s", directory, (unsigned long long)number,
		 name ? "/" : "", name ? name : "");
	return inq_proc_files_find(files, path);
}

size_t inq_proc_files_first(const struct inq_proc_files *files, const char *prefix)
{
	size_t at = lower(files, prefix);

	return at < files->count && strncmp(files->items[at].name, prefix, strlen(prefix)) == 0
		       ? at
		       : files->count;
}
