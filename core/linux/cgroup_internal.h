/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to core/linux: what the cgroup files share.
 */
#ifndef BERTH_LINUX_CGROUP_INTERNAL_H
#define BERTH_LINUX_CGROUP_INTERNAL_H

#include "linux/cgroup.h"

/* Reads a small file of a cgroup directory into text (NUL-terminated). Length, or -1 with errno. */
ssize_t cgroup_read(const char *dir, const char *file, char *text, size_t size);
/* Writes a value. 0 or -1 with errno. */
int cgroup_write(const char *dir, const char *file, const char *value);
/* The plan's directory that has this controller ("memory"; v2: always the one); NULL: none. */
const struct berth_linux_cgroup_dir *cgroup_find(const struct berth_linux_cgroup_plan *plan,
                                                 const char *controller);
/* Index of the same, or -1. */
int cgroup_index(const struct berth_linux_cgroup_plan *plan, const char *controller);
/* Whether a comma list has an item. */
bool cgroup_lists(const char *list, const char *item);
/* The number in a file that holds just one; "max" is UINT64_MAX. False: not there. */
bool cgroup_number(const char *dir, const char *file, uint64_t *ret_value);

#endif
