/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "handler/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the macros of cmsg(3) want it. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int inq_channel_send(int channel, const void *packet, size_t size, int fd)
{
	union control control = {0};
	struct iovec part = {(void *)packet, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	return sendmsg(channel, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static int passed_descriptor(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

int inq_channel_receive(int channel, void *packet, size_t size, int *ret_fd)
{
	union control control = {0};
	struct iovec part = {packet, size};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t done;
	int fd;

	do
		done = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
	while (done < 0 && errno == EINTR);
	fd = done >= 0 ? passed_descriptor(&message) : -1;
	if (fd >= 0 && (!ret_fd || done != (ssize_t)size)) {
		close(fd);
		fd = -1;
	}
	if (ret_fd)
		*ret_fd = fd;
	return done == (ssize_t)size && !(message.msg_flags & MSG_TRUNC) ? 0 : -1;
}
