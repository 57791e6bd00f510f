/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of POST /containers/{id}/exec.
 */
#ifndef BERTH_OCI_EXEC_CONFIG_H
#define BERTH_OCI_EXEC_CONFIG_H

#include "base/json.h"

struct berth_exec_config {
    bool attach_stdin;
    bool attach_stdout;
    bool attach_stderr;
    struct json_object *console_size; /* [height, width] or null */
    char *detach_keys;
    bool tty;
    struct berth_strv env;
    struct berth_strv cmd;
    bool privileged;
    char *user; /* "" : the container's */
    char *working_dir;
    bool detach;
};

extern const struct berth_json_table berth_exec_config_table;

#endif
