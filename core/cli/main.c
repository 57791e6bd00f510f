/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's entry: finds the command in the tree, parses its flags, checks its arguments,
 * runs it.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/plugins.h"
#include "client/client.h"
#include "client/config.h"

int berth_cli_fail(const berth_error *err)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", err->msg);
    return 1;
}

int berth_cli_failf(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

int berth_cli_fail_help(const struct berth_cli *cli, const berth_error *err, int code)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n\nRun '%s --help' for more information\n", cli->program, err->msg,
            cli->path);
    return code;
}

bool berth_cli_confirm(const char *question)
{
    char answer[64];
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(answer, sizeof(answer), stdin) == NULL) {
        fputc('\n', stdout);
        return false;
    }
    return answer[0] == 'y' || answer[0] == 'Y';
}

static bool has_alias(const char *aliases, const char *name)
{
    size_t length = strlen(name);
    while (aliases != NULL && *aliases != '\0') {
        size_t one = strcspn(aliases, ",");
        if (one == length && strncmp(aliases, name, length) == 0) {
            return true;
        }
        aliases += one;
        aliases += *aliases == ',';
    }
    return false;
}

const struct berth_command_entry *berth_cli_find(const struct berth_command *group,
                                                 const char *name)
{
    for (size_t i = 0; i < group->entry_count; i++) {
        const struct berth_command_entry *entry = &group->entries[i];
        if (strcmp(entry->name, name) == 0 || has_alias(entry->aliases, name)) {
            return entry;
        }
    }
    return NULL;
}

static int version_line(const struct berth_cli *cli)
{
    printf("%s version %s, build %s\n", cli->product, BERTH_VERSION, BERTH_BUILD);
    return 0;
}

static int unknown_command(struct berth_cli *cli, const char *name)
{
    char sentence[256];
    snprintf(sentence, sizeof(sentence), "%s: unknown command: %s %s", cli->program, cli->path,
             name);
    if (cli->command == &berth_cli_root) {
        return berth_cli_failf("%s\n\nRun '%s --help' for more information", sentence, cli->path);
    }
    return berth_cli_usage_error(cli, sentence, "Run", 1);
}

/* The sentence for a wrong number of arguments, in Docker's words. */
static int check_arguments(struct berth_cli *cli)
{
    const struct berth_command *command = cli->command;
    int count = cli->arg_count, min = command->min_args, max = command->max_args;
    char sentence[256];
    const char *see = "Run";
    if (count >= min && (max == BERTH_ARGS_ANY || count <= max)) {
        return 0;
    }
    int length = snprintf(sentence, sizeof(sentence), "%s: '%s' ", cli->program, cli->path);
    char *at = sentence + length;
    size_t size = sizeof(sentence) - (size_t)length;
    if (max == 0) {
        snprintf(at, size, "accepts no arguments");
    } else if (max == BERTH_ARGS_ANY) {
        snprintf(at, size, "requires at least %d argument%s", min, min == 1 ? "" : "s");
        see = "See";
    } else if (min == max) {
        snprintf(at, size, "requires %d argument%s", min, min == 1 ? "" : "s");
    } else if (min == 0) {
        snprintf(at, size, "requires at most %d argument%s", max, max == 1 ? "" : "s");
    } else {
        snprintf(at, size, "requires at least %d and at most %d arguments", min, max);
    }
    return berth_cli_usage_error(cli, sentence, see, 1);
}

static int show_help(struct berth_cli *cli, bool short_flag)
{
    if (short_flag) {
        fputs("Flag shorthand -h has been deprecated, use --help\n", stderr);
    }
    berth_cli_help(cli, stdout);
    return 0;
}

/* Parses the flags of cli->command into `flags`, leaves the arguments in cli. -1: go on. */
static int parse_flags(struct berth_cli *cli, struct berth_flags *flags, bool stop)
{
    struct berth_flags_parse parse = {.stop_at_argument = stop};
    berth_error err = BERTH_ERROR_INIT;
    if (!berth_flags_init(flags, cli->command)) {
        return berth_cli_failf("out of memory");
    }
    if (berth_flags_parse(flags, cli->arg_count, cli->args, &parse, &err) != 0) {
        return berth_cli_usage_error(cli, err.msg, "Run", 125);
    }
    if (parse.ret_help) {
        return show_help(cli, parse.ret_short_help);
    }
    cli->arg_count = parse.ret_args;
    return -1;
}

static int run_command(struct berth_cli *cli)
{
    const struct berth_command *command = cli->command;
    if ((command->options & BERTH_COMMAND_RAW) == 0) {
        int code = parse_flags(cli, &cli->flags, (command->options & BERTH_COMMAND_STOPS) != 0);
        if (code >= 0) {
            return code;
        }
        code = check_arguments(cli);
        if (code != 0) {
            return code;
        }
    }
    return command->run(cli);
}

/* Walks down the tree from cli->command by the words of cli->args and runs what it finds. */
static int dispatch(struct berth_cli *cli)
{
    while (cli->command->entry_count > 0) {
        if (cli->arg_count == 0) {
            berth_cli_help(cli, stderr);
            return 0;
        }
        const char *word = cli->args[0];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            return show_help(cli, word[1] == 'h');
        }
        if (word[0] == '-') {
            return parse_flags(cli, &cli->flags, true);
        }
        const struct berth_command_entry *entry = berth_cli_find(cli->command, word);
        if (entry == NULL) {
            return unknown_command(cli, word);
        }
        size_t length = strlen(cli->path);
        snprintf(cli->path + length, sizeof(cli->path) - length, " %s", word);
        cli->command = entry->command;
        cli->args++;
        cli->arg_count--;
    }
    return run_command(cli);
}

/* `help [COMMAND...]` is `COMMAND --help`. */
static int help_command(struct berth_cli *cli)
{
    while (cli->arg_count > 1 && cli->command->entry_count > 0) {
        const char *word = *++cli->args;
        cli->arg_count--;
        const struct berth_command_entry *entry = berth_cli_find(cli->command, word);
        if (entry == NULL) {
            return berth_cli_failf("unknown help topic: %s", word);
        }
        size_t length = strlen(cli->path);
        snprintf(cli->path + length, sizeof(cli->path) - length, " %s", word);
        cli->command = entry->command;
    }
    return show_help(cli, false);
}

/* Global flags, then the command. */
static int run(struct berth_cli *cli)
{
    int code = parse_flags(cli, &cli->global, true);
    if (code >= 0) {
        return code;
    }
    if (berth_flags_bool(&cli->global, "version")) {
        return version_line(cli);
    }
    enum berth_log_level level;
    const char *level_word = berth_flags_string(&cli->global, "log-level");
    if (!berth_log_level_parse(level_word, &level)) {
        return berth_cli_failf("Unable to parse logging level: %s", level_word);
    }
    if (cli->arg_count == 0) {
        berth_cli_help(cli, stderr);
        return 0;
    }
    if (strcmp(cli->args[0], "help") == 0) {
        return help_command(cli);
    }
    if (berth_cli_find(cli->command, cli->args[0]) == NULL) {
        berth_cli_plugin_exec(cli); /* returns only when there is none */
    }
    return dispatch(cli);
}

int berth_cli_main(int argc, char **argv)
{
    struct berth_cli cli = {.program = "berth", .product = "Berth", .command = &berth_cli_root};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "berth";
    if (strcmp(name, "docker") == 0) {
        cli.program = "docker";
        cli.product = "Docker";
    }
    snprintf(cli.path, sizeof(cli.path), "%s", cli.program);
    cli.args = argv + 1;
    cli.arg_count = argc > 0 ? argc - 1 : 0;
    signal(SIGPIPE, SIG_IGN);
    int code = run(&cli);
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
        fprintf(stderr, "writing to stdout: %s\n", strerror(errno));
        code = code != 0 ? code : 1;
    }
    berth_client_free(cli.client);
    berth_config_free(cli.config);
    berth_flags_done(&cli.flags);
    berth_flags_done(&cli.global);
    return code;
}
