/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "capture/run.h"
#include "privacy/veil.h"
#include "support/file.h"

#include <fcntl.h>

static enum inq_status read_back(struct inq_run *run, int fd, struct inq_error *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct inq_target *written;
	struct inq_file *file;
	enum inq_status status;
	size_t bad;

	if (own < 0)
		return inq_fail_os(err, "dump: read back");
	status = inq_file_open_fd(own, "dump", &file, err);
	if (status == INQ_OK)
		status = inq_target_open_minidump(file, &written, err);
	if (status != INQ_OK)
		return status;
	status = inq_veil_verify(run->veil, written, &bad, err);
	inq_target_free(written);
	return status;
}

/* The file could not be looked at, which is not the same as a file that is wrong. */
static bool is_unreadable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY;
}

enum inq_status inq_run_prove(struct inq_run *run, int fd, struct inq_error *err)
{
	bool strict = run->hooks->strict;
	enum inq_status status;

	if (inq_veil_policy(run->veil)->stack == INQ_VEIL_STACK_WHOLE)
		return INQ_OK;
	if (fd < 0) {
		status = inq_veil_verify(run->veil, NULL, &run->lost_threads, err);
		if (status == INQ_OK && strict && run->lost_threads)
			return inq_fail(err, INQ_BAD_DATA,
					"the filter changed the frames of %zu threads",
					run->lost_threads);
		return status;
	}
	if (is_unreadable(fd)) {
		if (!strict)
			return INQ_OK;
		return inq_fail(err, INQ_BAD_DATA,
				"the dump cannot be read back to prove what was filtered");
	}
	status = read_back(run, fd, err);
	run->proven = status == INQ_OK;
	return status == INQ_OK ? status
				: inq_prepend(err, INQ_BAD_DATA, "what was written is not proven");
}
