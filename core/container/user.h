/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a container's program runs as: "user[:group]" by name or number, looked up in the
 * container's own /etc/passwd and /etc/group.
 */
#ifndef BERTH_CONTAINER_USER_H
#define BERTH_CONTAINER_USER_H

#include <stdint.h>

#include "base/error.h"
#include "base/string.h"

#define BERTH_CONTAINER_GROUPS_MAX 256 /* supplementary groups taken from the file */

struct berth_container_user {
    uint32_t uid, gid;
    uint32_t *groups; /* owned */
    uint32_t group_count;
    char *home; /* owned; never NULL after a lookup */
};

/* Looks spec (NULL or "": root) up in the tree under root_fd; the files may be missing. extra:
 * --group-add, names or numbers. INVALID with runc's sentence: "unable to find user X: no matching
 * entries in passwd file". Reads two small files. */
int berth_container_user_lookup(int root_fd, const char *spec, const struct berth_strv *extra,
                                struct berth_container_user *ret_user, berth_error *err);
/* The same on texts of the two files (NULL: missing). */
int berth_container_user_parse(const char *passwd, const char *group, const char *spec,
                               const struct berth_strv *extra,
                               struct berth_container_user *ret_user, berth_error *err);
void berth_container_user_done(struct berth_container_user *user);

#endif
