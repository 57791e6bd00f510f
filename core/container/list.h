/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: filters and snapshots.
 */
#ifndef BERTH_CONTAINER_LIST_H
#define BERTH_CONTAINER_LIST_H

#include "container/internal.h"

/* Does it pass "key=value" filters (keys combine, values of a key are alternatives, labels all)?
 * Under container->lock. 1, 0, or INVALID. */
int container_matches(struct container *container, const struct berth_strv *filters,
                      berth_error *err);
/* INVALID for a key that no list knows, or a malformed value. */
int container_filters_check(const struct berth_strv *filters, berth_error *err);
/* Copies filters with the containers named by before and since replaced by their times, so that
 * matching needs no other container. NOT_FOUND. */
int container_filters_resolve(struct berth_container_manager *manager,
                              const struct berth_strv *filters, struct berth_strv *ret_filters,
                              berth_error *err);
/* True when a filter speaks of containers that do not run. */
bool container_filters_want_all(const struct berth_strv *filters);

/* Copies mount records as the API shows them. */
int container_mount_points(const struct container_record *record, struct berth_json_list *ret,
                           berth_error *err);
/* The command as `ps` shows it; the caller's to free. */
char *container_command_text(const struct container_record *record);

/* A berth_image_users_fn; data is the container manager. */
bool container_uses_image(void *data, const char *image_id, bool running,
                          char ret_container_id[65]);

#endif
