/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON table of an exec request.
 */
#include "oci/exec_config.h"

#define F BERTH_JSON_FIELD
#define E struct berth_exec_config

static const struct berth_json_field exec_fields[] = {
    F(E, user, "User", STRING, 0),
    F(E, privileged, "Privileged", BOOL, 0),
    F(E, tty, "Tty", BOOL, 0),
    F(E, console_size, "ConsoleSize", RAW, BERTH_JSON_OMIT_EMPTY),
    F(E, attach_stdin, "AttachStdin", BOOL, 0),
    F(E, attach_stderr, "AttachStderr", BOOL, 0),
    F(E, attach_stdout, "AttachStdout", BOOL, 0),
    F(E, detach, "Detach", BOOL, 0),
    F(E, detach_keys, "DetachKeys", STRING, 0),
    F(E, env, "Env", STRV, BERTH_JSON_NULL_EMPTY),
    F(E, working_dir, "WorkingDir", STRING, 0),
    F(E, cmd, "Cmd", STRV, 0),
};

const struct berth_json_table berth_exec_config_table =
    BERTH_JSON_TABLE("ExecCreateRequest", struct berth_exec_config, exec_fields);
