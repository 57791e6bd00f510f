/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole trees: deleting, counting, copying. Trees come from containers and images, so they are
 * hostile: nothing here follows a symbolic link, and depth is bounded. 0 or -errno; any thread.
 */
#ifndef STORAGE_TREE_H
#define STORAGE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <berth/host.h>

#define TREE_MAX_DEPTH 400

/* Deletes everything in the folder, however deep. *stop becoming true ends it with -ECANCELED. */
int tree_empty(int folder_fd, const bool *stop);

/* Disk space and inodes of a tree, hard links counted once, added to what is there. */
int tree_usage(int folder_fd, uint64_t *bytes, uint64_t *inodes);

/* Copies the content and the attributes of one folder into another (empty) one: reflinks where
 * the file system can, else copies that keep holes; hard links, owners, modes, times, extended
 * attributes, devices, fifos and sockets. host and op: for cancelling (-ECANCELED). */
int tree_copy(int from_fd, int to_fd, const berth_host *host, berth_op *op);

/* Copies owner, mode, times and extended attributes from one open folder to another. */
int tree_copy_attributes(int from_fd, int to_fd);

#endif
