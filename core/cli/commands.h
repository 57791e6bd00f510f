/* SPDX-License-Identifier: Apache-2.0
 *
 * Every command, for the tree (tree.c), and help texts that several share.
 */
#ifndef BERTH_CLI_COMMANDS_H
#define BERTH_CLI_COMMANDS_H

#include "cli/cli.h"

#define BERTH_HELP_FORMAT                        \
    "Format output using a custom template:\n"   \
    "'json':             Print in JSON format\n" \
    "'TEMPLATE':         Print output using the given Go template"
#define BERTH_HELP_FORMAT_TABLE                                                        \
    "Format output using a custom template:\n"                                         \
    "'table':            Print output in table format with column headers (default)\n" \
    "'table TEMPLATE':   Print output in table format using the given Go template\n"   \
    "'json':             Print in JSON format\n"                                       \
    "'TEMPLATE':         Print output using the given Go template"
#define BERTH_HELP_DETACH_KEYS "Override the key sequence for detaching a container"

/* GETs a stream into a file ("": stdout). Returns the exit code. */
int berth_transfer_download(struct berth_cli *cli, const char *target, const char *output);
/* Pulls an image and shows the progress; the client must have been made. */
int32_t berth_image_pull(struct berth_cli *cli, const char *image, const char *platform, bool quiet,
                         bool to_stderr, berth_error *err);

/* Adds what --since and --until say as seconds with a fraction; nothing for "". */
void berth_query_add_time(struct berth_buffer *target, const char *key, const char *text);

/* What `version` and `info` say about us, as members of client. */
void berth_version_client(struct berth_cli *cli, struct json_object *client);
/* Rows of lists, for `system df` too. The caller's. */
struct json_object *berth_ps_row(struct json_object *container, bool trunc);
struct json_object *berth_volume_row(struct json_object *volume);

/* containers */
extern const struct berth_command berth_command_attach;
extern const struct berth_command berth_command_commit;
extern const struct berth_command berth_command_cp;
extern const struct berth_command berth_command_create;
extern const struct berth_command berth_command_diff;
extern const struct berth_command berth_command_exec;
extern const struct berth_command berth_command_export;
extern const struct berth_command berth_command_kill;
extern const struct berth_command berth_command_logs;
extern const struct berth_command berth_command_pause;
extern const struct berth_command berth_command_port;
extern const struct berth_command berth_command_ps;
extern const struct berth_command berth_command_rename;
extern const struct berth_command berth_command_restart;
extern const struct berth_command berth_command_rm;
extern const struct berth_command berth_command_run;
extern const struct berth_command berth_command_start;
extern const struct berth_command berth_command_stats;
extern const struct berth_command berth_command_stop;
extern const struct berth_command berth_command_top;
extern const struct berth_command berth_command_unpause;
extern const struct berth_command berth_command_update;
extern const struct berth_command berth_command_wait;
extern const struct berth_command berth_command_container_inspect;
extern const struct berth_command berth_command_container_prune;

/* images */
extern const struct berth_command berth_command_history;
extern const struct berth_command berth_command_images;
extern const struct berth_command berth_command_import;
extern const struct berth_command berth_command_load;
extern const struct berth_command berth_command_pull;
extern const struct berth_command berth_command_rmi;
extern const struct berth_command berth_command_save;
extern const struct berth_command berth_command_tag;
extern const struct berth_command berth_command_image_inspect;
extern const struct berth_command berth_command_image_prune;

/* networks */
extern const struct berth_command berth_command_network_connect;
extern const struct berth_command berth_command_network_create;
extern const struct berth_command berth_command_network_disconnect;
extern const struct berth_command berth_command_network_inspect;
extern const struct berth_command berth_command_network_ls;
extern const struct berth_command berth_command_network_prune;
extern const struct berth_command berth_command_network_rm;

/* volumes */
extern const struct berth_command berth_command_volume_create;
extern const struct berth_command berth_command_volume_inspect;
extern const struct berth_command berth_command_volume_ls;
extern const struct berth_command berth_command_volume_prune;
extern const struct berth_command berth_command_volume_rm;

/* the rest */
extern const struct berth_command berth_command_complete;
extern const struct berth_command berth_command_context_inspect;
extern const struct berth_command berth_command_context_ls;
extern const struct berth_command berth_command_context_show;
extern const struct berth_command berth_command_context_use;
extern const struct berth_command berth_command_dial_stdio;
extern const struct berth_command berth_command_events;
extern const struct berth_command berth_command_info;
extern const struct berth_command berth_command_inspect;
extern const struct berth_command berth_command_plugin_inspect;
extern const struct berth_command berth_command_plugin_ls;
extern const struct berth_command berth_command_system_df;
extern const struct berth_command berth_command_system_prune;
extern const struct berth_command berth_command_version;

#endif
