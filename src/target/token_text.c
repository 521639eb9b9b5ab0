/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "target/token_text.h"

#include "minidump/inquest.h"

#include <stdlib.h>
#include <string.h>

static void write_ids(struct inq_buffer *to, const char *key, const uint32_t ids[4])
{
	inq_buffer_printf(to, "%s:\t%u\t%u\t%u\t%u\n", key, ids[0], ids[1], ids[2], ids[3]);
}

static void write_number(struct inq_buffer *to, const char *key, uint32_t value)
{
	if (value != UINT32_MAX)
		inq_buffer_printf(to, "%s:\t%u\n", key, value);
}

/* "key:\tLINE" for each line of a text. */
static void write_lines(struct inq_buffer *to, const char *key, const char *text)
{
	while (*text) {
		size_t size = strcspn(text, "\n");

		inq_buffer_printf(to, "%s:\t%.*s\n", key, (int)size, text);
		text += size + (text[size] == '\n');
	}
}

void inq_token_write(const struct inq_token *token, struct inq_buffer *ret)
{
	const struct {
		const char *key;
		uint64_t value;
	} capabilities[] = {
		{"CapInh", token->cap_inheritable}, {"CapPrm", token->cap_permitted},
		{"CapEff", token->cap_effective},   {"CapBnd", token->cap_bounding},
		{"CapAmb", token->cap_ambient},
	};

	inq_buffer_printf(ret, MD_INQUEST_TOKEN_HEAD "Pid:\t%u\n", token->pid);
	write_ids(ret, "Uid", token->uid);
	write_ids(ret, "Gid", token->gid);
	inq_buffer_printf(ret, "Groups:\t");
	for (size_t i = 0; i < token->group_count; i++)
		inq_buffer_printf(ret, "%u ", token->groups[i]);
	inq_buffer_printf(ret, "\n");
	for (size_t i = 0; token->has_capabilities && i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		inq_buffer_printf(ret, "%s:\t%016llx\n", capabilities[i].key,
				  (unsigned long long)capabilities[i].value);
	write_number(ret, "NoNewPrivs", token->no_new_privs);
	write_number(ret, "Seccomp", token->seccomp);
	write_number(ret, "Seccomp_filters", token->seccomp_filters);
	for (size_t i = 0; i < token->namespace_count; i++)
		inq_buffer_printf(ret, "Namespace:\t%s %llu\n", token->namespaces[i].name,
				  (unsigned long long)token->namespaces[i].inode);
	write_lines(ret, "Label", token->label);
	write_lines(ret, "Cgroup", token->cgroup);
}

/* The value of a line if it begins with "key:\t". */
static bool line_is(const char *line, size_t size, const char *key, const char **ret, size_t *ret_size)
{
	size_t length = strlen(key);

	if (size < length + 2 || memcmp(line, key, length) || line[length] != ':' || line[length + 1] != '\t')
		return false;
	*ret = line + length + 2;
	*ret_size = size - length - 2;
	return true;
}

static void take_namespace(const char *text, size_t size, struct inq_token *token)
{
	struct inq_token_namespace *to = &token->namespaces[token->namespace_count];
	const char *blank = memchr(text, ' ', size);
	char digits[24] = "";

	if (!blank || token->namespace_count == INQ_TOKEN_NAMESPACES ||
	    (size_t)(blank - text) >= sizeof(to->name) || text + size - blank > 22)
		return;
	memcpy(to->name, text, (size_t)(blank - text));
	memcpy(digits, blank + 1, (size_t)(text + size - blank - 1));
	to->inode = strtoull(digits, NULL, 10);
	token->namespace_count++;
}

/* What status does not have: namespaces, label and cgroup. The texts are made by the token's own maker. */
enum inq_status inq_token_parse(const char *text, size_t size, struct inq_token_made *ret, struct inq_error *err)
{
	const size_t head = sizeof(MD_INQUEST_TOKEN_HEAD) - 1;
	const struct inq_proc_file *none = NULL;
	struct inq_proc_file label = {.name = "attr/current"};
	struct inq_proc_files files = {none, 0};
	struct inq_buffer cgroup = {0};
	struct inq_token namespaces = {0};
	enum inq_status status;

	if (size < head || memcmp(text, MD_INQUEST_TOKEN_HEAD, head) != 0)
		return inq_fail(err, INQ_UNSUPPORTED, "a token that is not Linux'");
	for (const char *at = text, *end = text + size; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line = newline ? (size_t)(newline - at) : (size_t)(end - at), length;
		const char *value;

		if (line_is(at, line, "Namespace", &value, &length))
			take_namespace(value, length, &namespaces);
		else if (line_is(at, line, "Label", &value, &length) && !label.data)
			label = (struct inq_proc_file){.name = "attr/current", .data = value, .size = length};
		else if (line_is(at, line, "Cgroup", &value, &length)) {
			inq_buffer_append(&cgroup, value, length);
			inq_buffer_append(&cgroup, "\n", 1);
		}
		at = newline ? newline + 1 : end;
	}
	if (label.data)
		files = (struct inq_proc_files){&label, 1};
	status = inq_token_make(text, size, (const char *)cgroup.data, cgroup.size, &files, ret, err);
	inq_buffer_done(&cgroup);
	if (status != INQ_OK)
		return status;
	memcpy(ret->token.namespaces, namespaces.namespaces, sizeof(namespaces.namespaces));
	ret->token.namespace_count = namespaces.namespace_count;
	return INQ_OK;
}
