/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "symbols/plt.h"

#include <bfd.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libbfd keeps about 150 bytes for a dynamic symbol and its relocation. */
enum { MAX_DYNAMIC = 512 << 10 }; /* dynamic symbols */

struct inq_plt {
	struct inq_plt_entry *entries; /* by address */
	size_t count;
	char *names;
};

/* --- the file as libbfd sees it ------------------------------------------------------------------- */

static void *stream_open(struct bfd *abfd, void *object)
{
	(void)abfd;
	return object;
}

static file_ptr stream_read(struct bfd *abfd, void *stream, void *to, file_ptr size, file_ptr offset)
{
	struct inq_object *object = stream;
	uint64_t left = (uint64_t)offset < inq_object_size(object) ? inq_object_size(object) - (uint64_t)offset : 0;

	(void)abfd;
	if (size < 0 || offset < 0)
		return -1;
	if ((uint64_t)size > left)
		size = (file_ptr)left;
	return inq_object_read(object, (uint64_t)offset, to, (size_t)size, NULL) == INQ_OK ? size : -1;
}

static int stream_stat(struct bfd *abfd, void *stream, struct stat *ret)
{
	(void)abfd;
	memset(ret, 0, sizeof(*ret));
	ret->st_mode = S_IFREG;
	ret->st_size = (off_t)inq_object_size(stream);
	return 0;
}

static void be_quiet(const char *format, va_list args)
{
	(void)format;
	(void)args;
}

static void be_quiet_about(const char *format, const char *version, const char *file, int line)
{
	(void)format;
	(void)version;
	(void)file;
	(void)line;
}

/* --- entries -------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const struct inq_plt_entry *left = a, *right = b;

	return left->value < right->value ? -1 : left->value > right->value;
}

/* libbfd says "printf@plt", and "printf@GLIBC_2.2.5@plt" or "*ABS*+0x1234@plt" where it knows more. */
static size_t length_of(const char *name)
{
	const char *end = strchr(name, '@');

	return end ? (size_t)(end - name) : strlen(name);
}

static bool copy_entries(struct inq_plt *plt, const asymbol *symbols, long count)
{
	size_t size = 0;
	char *name;

	for (long i = 0; i < count; i++)
		size += length_of(symbols[i].name) + 1;
	plt->entries = calloc((size_t)count, sizeof(*plt->entries));
	plt->names = malloc(size + 1);
	if (!plt->entries || !plt->names)
		return false;
	name = plt->names;
	for (long i = 0; i < count; i++) {
		size_t length = length_of(symbols[i].name);

		memcpy(name, symbols[i].name, length);
		name[length] = '\0';
		plt->entries[plt->count++] = (struct inq_plt_entry){bfd_asymbol_value(&symbols[i]), name};
		name += length + 1;
	}
	qsort(plt->entries, plt->count, sizeof(*plt->entries), by_value);
	return true;
}

static long read_dynamic(bfd *abfd, asymbol ***ret)
{
	long size = bfd_get_dynamic_symtab_upper_bound(abfd), count;

	if (size <= 0 || size / (long)sizeof(asymbol *) > MAX_DYNAMIC)
		return 0;
	*ret = malloc((size_t)size);
	if (!*ret)
		return 0;
	count = bfd_canonicalize_dynamic_symtab(abfd, *ret);
	return count > 0 ? count : 0;
}

static enum inq_status read_stubs(struct inq_plt *plt, bfd *abfd, const char *name, struct inq_error *err)
{
	asymbol **dynamic = NULL, *stubs = NULL;
	long count, stub_count;
	enum inq_status status = INQ_OK;

	if (!bfd_check_format(abfd, bfd_object))
		return inq_fail(err, INQ_BAD_DATA, "'%s': %s", name, bfd_errmsg(bfd_get_error()));
	count = read_dynamic(abfd, &dynamic);
	stub_count = count ? bfd_get_synthetic_symtab(abfd, 0, NULL, count, dynamic, &stubs) : 0;
	if (stub_count <= 0)
		status = inq_fail(err, INQ_ABSENT, "'%s': no stubs", name);
	else if (!copy_entries(plt, stubs, stub_count))
		status = inq_fail(err, INQ_NO_MEMORY, "'%s': stubs", name);
	free(stubs);
	free(dynamic);
	return status;
}

enum inq_status inq_plt_new(struct inq_object *object, struct inq_plt **ret, struct inq_error *err)
{
	const char *name = inq_object_name(object);
	bfd_error_handler_type old_error = bfd_set_error_handler(be_quiet);
	bfd_assert_handler_type old_assert = bfd_set_assert_handler(be_quiet_about);
	struct inq_plt *plt = calloc(1, sizeof(*plt));
	bfd *abfd = plt ? bfd_openr_iovec(name, NULL, stream_open, object, stream_read, NULL, stream_stat) : NULL;
	enum inq_status status;

	if (abfd)
		status = read_stubs(plt, abfd, name, err);
	else
		status = inq_fail(err, INQ_NO_MEMORY, "'%s': stubs", name);
	if (abfd)
		bfd_close(abfd);
	bfd_set_error_handler(old_error);
	bfd_set_assert_handler(old_assert);
	if (status != INQ_OK) {
		inq_plt_free(plt);
		return status;
	}
	*ret = plt;
	return INQ_OK;
}

void inq_plt_free(struct inq_plt *plt)
{
	if (!plt)
		return;
	free(plt->entries);
	free(plt->names);
	free(plt);
}

bool inq_plt_holds(struct inq_object *object, uint64_t vaddr, uint64_t *ret_end)
{
	for (size_t i = 1; i < inq_object_section_count(object); i++) {
		const struct inq_section *section = inq_object_section_at(object, i);

		if ((section->flags & SHF_EXECINSTR) && strncmp(section->name, ".plt", 4) == 0 &&
		    vaddr >= section->address && vaddr - section->address < section->size) {
			*ret_end = section->address + section->size;
			return true;
		}
	}
	return false;
}

const struct inq_plt_entry *inq_plt_at(const struct inq_plt *plt, uint64_t vaddr)
{
	const struct inq_plt_entry *best = NULL;

	for (size_t i = 0; i < plt->count && plt->entries[i].value <= vaddr; i++)
		best = &plt->entries[i];
	/* A stub has 8, 16 or, with two of them, 32 bytes. */
	return best && vaddr - best->value < 16 ? best : NULL;
}

const struct inq_plt_entry *inq_plt_entries(const struct inq_plt *plt, size_t *ret_count)
{
	*ret_count = plt->count;
	return plt->entries;
}
