/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Packets of one fixed size between our own processes, with at most one descriptor in each (AF_UNIX,
 * SOCK_SEQPACKET, SCM_RIGHTS). A packet of another size, or a closed end, is the end of the conversation.
 */
#ifndef INQ_HANDLER_CHANNEL_H
#define INQ_HANDLER_CHANNEL_H

#include <stddef.h>

/* @fd  to be passed along, -1 none. 0, or -1. */
int inq_channel_send(int channel, const void *packet, size_t size, int fd);

/* @ret_fd  gets the descriptor that came along or -1; NULL: one that comes is closed. 0, or -1. */
int inq_channel_receive(int channel, void *packet, size_t size, int *ret_fd);

#endif
