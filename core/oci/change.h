/* SPDX-License-Identifier: Apache-2.0
 *
 * Single Dockerfile instructions applied to an image's settings: `commit --change`,
 * `import --change`.
 */
#ifndef BERTH_OCI_CHANGE_H
#define BERTH_OCI_CHANGE_H

#include "oci/container_config.h"

/* Applies one line ("CMD [\"sh\"]", "ENV A=b", "LABEL k=v" ...) to config. Allowed: CMD,
 * ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR.
 * BERTH_E_INVALID with a sentence that names the line. */
int32_t berth_oci_change_apply(const char *line, struct berth_container_config *config,
                               berth_error *err);

#endif
