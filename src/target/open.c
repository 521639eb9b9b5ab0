/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which kind of target a file is, by its first bytes. */
#include "target/target.h"

#include "minidump/reader.h"
#include "support/file.h"

#include <string.h>

/* Files that people try to open, by their first bytes. */
static const struct {
	const char *magic;
	size_t size;
	const char *what;
} strangers[] = {
	{"PAGEDU64", 8, "a kernel dump of 64-bit Windows"},
	{"PAGEDUMP", 8, "a kernel dump of 32-bit Windows"},
	{"USERDU64", 8, "a user dump of 64-bit Windows in its old form"},
	{"USERDUMP", 8, "a user dump of 32-bit Windows in its old form"},
	{"KDUMP   ", 8, "a kernel dump (makedumpfile)"},
	{"DISKDUMP", 8, "a kernel dump (diskdump)"},
	{"!<arch>\n", 8, "an archive of object files"},
	{"MSCF", 4, "a cabinet file; take the dump out of it first"},
	{"PK\003\004", 4, "a zip file; take the dump out of it first"},
	{"\037\213", 2, "compressed with gzip; decompress it first"},
	{"\3757zXZ", 6, "compressed with xz; decompress it first"},
	{"\004\"M\030", 4, "compressed with lz4; decompress it first"},
	{"BZh", 3, "compressed with bzip2; decompress it first"},
	{"\317\372\355\376", 4, "a 64-bit Mach-O file"},
	{"\316\372\355\376", 4, "a 32-bit Mach-O file"},
	{"MZ", 2, "a Windows program"},
	{"#!", 2, "a script"},
};

static const char *stranger(const unsigned char *head, size_t size)
{
	size_t printable = 0;

	if (size == 0)
		return "an empty file";
	for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++)
		if (size >= strangers[i].size &&
		    !memcmp(head, strangers[i].magic, strangers[i].size))
			return strangers[i].what;
	for (size_t i = 0; i < size; i++)
		printable +=
			(head[i] >= 0x20 && head[i] < 0x7f) || (head[i] >= '\t' && head[i] <= '\r');
	return printable == size ? "a text file" : "a file of an unknown kind";
}

enum inq_status inq_target_open(struct inq_file *file, struct inq_target **ret,
				struct inq_error *err)
{
	unsigned char head[32] = {0};
	size_t done = 0;
	enum inq_status status = inq_file_read(file, 0, head, sizeof(head), &done, err);

	if (status == INQ_OK && done >= 4 && !memcmp(head, "\177ELF", 4))
		return inq_target_open_core(file, ret, err);
	if (status == INQ_OK && inq_dump_is_minidump(head, done))
		return inq_target_open_minidump(file, ret, err);
	if (status == INQ_OK)
		status = inq_fail(err, INQ_UNSUPPORTED,
				  "'%s': neither a minidump nor an ELF core, but %s",
				  inq_file_name(file), stranger(head, done));
	inq_file_close(file);
	return status;
}

enum inq_status inq_target_open_file(const char *path, struct inq_target **ret,
				     struct inq_error *err)
{
	struct inq_file *file;
	enum inq_status status = inq_file_open(path, &file, err);

	return status == INQ_OK ? inq_target_open(file, ret, err) : status;
}
