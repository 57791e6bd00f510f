/* SPDX-License-Identifier: Apache-2.0
 *
 * What every command of the CLI gets: its arguments, its flags, the client (made on first use) and
 * the few ways to say that something failed.
 */
#ifndef BERTH_CLI_CLI_H
#define BERTH_CLI_CLI_H

#include <stdio.h>

#include "base/buffer.h"
#include "cli/command.h"
#include "cli/flags.h"

struct berth_client;
struct berth_config;
struct berth_endpoint_options;
struct json_object;

struct berth_cli {
    const char *program; /* how we were called: "berth" or "docker" */
    const char *product; /* "Berth" or "Docker" */
    const struct berth_command *command;
    char path[128];            /* "docker container ls" */
    struct berth_flags global; /* flags before the command */
    struct berth_flags flags;  /* flags of the command */
    char **args;
    int arg_count;
    struct berth_config *config; /* use berth_cli_config() */
    struct berth_client *client; /* use berth_cli_client() */
};

/* Runs the program: argv as main() got it. Returns the exit code. */
int berth_cli_main(int argc, char **argv);

/* The API client for the endpoint that flags, environment and context choose; made once, connects
 * on the first request. NULL after printing why; the caller returns 1. */
struct berth_client *berth_cli_client(struct berth_cli *cli);
/* The user's config.json, read once. NULL after printing why. */
struct berth_config *berth_cli_config(struct berth_cli *cli);
/* The global flags that choose the endpoint; borrowed from cli. */
void berth_cli_endpoint_options(struct berth_cli *cli, struct berth_endpoint_options *options);

/* GET target: the JSON answer, the caller's; NULL after printing why. */
struct json_object *berth_cli_get(struct berth_cli *cli, const char *target);
/* One request for each argument, to BEFORE argument AFTER; prints the argument when that worked,
 * the error when not. Returns the exit code. */
int berth_cli_each(struct berth_cli *cli, const char *method, const char *before, const char *after,
                   bool print);
/* Adds the "filters" parameter of --filter values. Returns 0, or 1 after printing why. */
int berth_cli_filters(const struct berth_strv *filters, struct berth_buffer *target);
/* The check of --filter flags. */
int32_t berth_cli_check_filter(const char *value, berth_error *err);

/* Prints err's message to stderr. Returns 1. */
int berth_cli_fail(const berth_error *err);
/* Prints a sentence to stderr. Returns 1. */
int berth_cli_failf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "program: message", an empty line and where help is. Returns code. */
int berth_cli_fail_help(const struct berth_cli *cli, const berth_error *err, int code);
/* A wrong way of calling a command: the sentence, the usage line, where help is. Returns code. */
int berth_cli_usage_error(const struct berth_cli *cli, const char *sentence, const char *see,
                          int code);

/* Prints the help of cli->command under cli->path. */
void berth_cli_help(const struct berth_cli *cli, FILE *out);
/* The completions of the words after `__complete` to stdout. Returns the exit code. */
int berth_cli_complete(struct berth_cli *cli);

/* Finds an entry of a group by name or alias; NULL: none. */
const struct berth_command_entry *berth_cli_find(const struct berth_command *group,
                                                 const char *name);

/* Asks a yes/no question on the terminal. False when the answer isn't yes. */
bool berth_cli_confirm(const char *question);

#endif
