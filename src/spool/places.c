/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <config.h>

#include "spool/spool.h"
#include "spool/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ALONE = INQ_SPOOL_PLACES, PATIENCE_MS = 1000 };

static bool lock(int fd, int place)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};

	/* Of the open file, not of the process: it lasts as long as the descriptor. */
	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

enum inq_status inq_spool_enter(const struct inq_spool_file *file, int *ret_fd, struct inq_error *err)
{
	int fd = openat(file->directory, INQ_SPOOL_PLACES_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			0600);

	if (fd < 0)
		return inq_fail_os(err, "spool: places");
	for (int place = 0; place < INQ_SPOOL_PLACES; place++) {
		if (lock(fd, place)) {
			*ret_fd = fd;
			return INQ_OK;
		}
	}
	close(fd);
	return inq_fail(err, INQ_LIMIT, "spool: %d dumps of this user are being written already", INQ_SPOOL_PLACES);
}

void inq_spool_alone(int place)
{
	for (int waited = 0; waited < PATIENCE_MS && !lock(place, ALONE); waited++)
		usleep(1000);
}
