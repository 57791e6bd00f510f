/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside core/container: the steps of a create, pure ones first (the unit tests use them).
 */
#ifndef BERTH_CONTAINER_CREATE_H
#define BERTH_CONTAINER_CREATE_H

#include "container/internal.h"
#include "oci/container_config.h"
#include "oci/host_config.h"

/* Fills what `config` leaves open from the image's settings (NULL: none), by Docker's rules. */
int container_config_merge(struct berth_container_config *config,
                           const struct berth_container_config *image, berth_error *err);
/* Path and arguments of the program: entrypoint then command. INVALID "no command specified". */
int container_command(const struct berth_container_config *config, char **ret_path,
                      struct berth_strv *ret_args, berth_error *err);

/* Checks the settings alone: INVALID with Docker's sentences. */
int container_config_check(const struct berth_container_config *config, berth_error *err);
int container_host_config_check(const struct berth_host_config *host, berth_error *err);
/* Warnings that a create answers with, for settings this host cannot honour. */
int container_host_config_warnings(const struct berth_host_config *host,
                                   struct berth_strv *ret_warnings, berth_error *err);
/* "/a//b/../c" to "/a/c", the caller's to free; NULL: out of memory. */
char *container_path_clean(const char *path);
/* Docker's ParseSecurityOpt: which of the known ones, or INVALID "invalid --security-opt 1: ...".
 */
int container_security_opt_check(const char *option, berth_error *err);

/* Reads "/src:/dst:ro,z" or "/dst" or "name:/dst" into a mount. INVALID "invalid volume
 * specification: 'x'". */
int container_bind_parse(const char *spec, struct mount_record *mount, berth_error *err);
/* Resolves all sources of mounts (volumes-from, binds, mounts, image volumes, tmpfs) into
 * container->record.mounts, creating volumes and missing bind sources. */
int container_mounts_resolve(struct container *container, berth_error *err);
/* Marks or unmarks the volumes of a container as used; unuse may remove the anonymous ones. */
int container_mounts_use(struct container *container, berth_error *err);
void container_mounts_unuse(struct container *container, bool remove_anonymous);
/* Copies the image's content into fresh volumes. */
int container_mounts_copy_up(struct container *container, berth_error *err);

#endif
