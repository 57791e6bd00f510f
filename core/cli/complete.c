/* SPDX-License-Identifier: Apache-2.0
 *
 * `__complete WORD...`: one candidate a line for the last word, for the shells' completion
 * scripts. It never prints an error: a shell in the middle of a line is no place for it.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "client/context.h"

/* Prints a candidate when it goes on from the word typed so far. */
static void offer(const char *candidate, const char *word)
{
    if (berth_str_starts(candidate, word)) {
        puts(candidate);
    }
}

static void offer_flags(const struct berth_command *command, const char *word)
{
    size_t count = command->flag_count + command->more_flag_count;
    for (size_t i = 0; i < count; i++) {
        const struct berth_flag *flag = i < command->flag_count
                                            ? &command->flags[i]
                                            : &command->more_flags[i - command->flag_count];
        if ((flag->flags & (BERTH_FLAG_HIDDEN | BERTH_FLAG_DEPRECATED)) == 0) {
            AUTO_FREE char *text = berth_format("--%s", flag->name);
            offer(text != NULL ? text : "", word);
        }
    }
    offer("--help", word);
}

static void offer_entries(const struct berth_command *group, const char *word)
{
    for (size_t i = 0; i < group->entry_count; i++) {
        if (group->entries[i].section != BERTH_SECTION_HIDDEN) {
            offer(group->entries[i].name, word);
        }
    }
}

static void offer_names(struct json_object *list, const char *member, const char *word)
{
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        struct json_object *value = berth_json_member(json_object_array_get_idx(list, i), member);
        if (json_object_is_type(value, json_type_string)) {
            offer(json_object_get_string(value), word);
            continue;
        }
        for (size_t j = 0;
             json_object_is_type(value, json_type_array) && j < json_object_array_length(value);
             j++) {
            const char *name = json_object_get_string(json_object_array_get_idx(value, j));
            offer(name != NULL ? name + (*name == '/') : "", word);
        }
    }
}

static void offer_contexts(struct berth_cli *cli, const char *word)
{
    AUTO_STRV struct berth_strv names = {0};
    const struct berth_config *config = berth_cli_config(cli);
    if (config != NULL && berth_context_list(config, &names, NULL) == 0) {
        for (size_t i = 0; i < names.count; i++) {
            offer(names.items[i], word);
        }
    }
}

/* Names of objects that the daemon has. */
static void offer_objects(struct berth_cli *cli, const char *kind, const char *word)
{
    static const struct {
        const char *kind, *target, *list, *member;
    } kinds[] = {
        {"container", "/containers/json?all=1", "", "Names"},
        {"running", "/containers/json", "", "Names"},
        {"image", "/images/json", "", "RepoTags"},
        {"network", "/networks", "", "Name"},
        {"volume", "/volumes", "Volumes", "Name"},
    };
    if (kind != NULL && strcmp(kind, "context") == 0) {
        offer_contexts(cli, word);
        return;
    }
    for (size_t i = 0; kind != NULL && i < ARRAY_SIZE(kinds); i++) {
        struct json_object *answer = NULL;
        struct berth_client *client = NULL;
        if (strcmp(kinds[i].kind, kind) != 0 || (client = berth_cli_client(cli)) == NULL ||
            berth_client_call(client, "GET", kinds[i].target, NULL, &answer, NULL) != 0) {
            continue;
        }
        offer_names(berth_json_member(answer, kinds[i].list), kinds[i].member, word);
        json_object_put(answer);
    }
}

/* Whether a flag word takes the next word as its value. */
static bool takes_value(const struct berth_command *command, const char *word)
{
    size_t count = command->flag_count + command->more_flag_count;
    for (size_t i = 0; word[0] == '-' && strchr(word, '=') == NULL && i < count; i++) {
        const struct berth_flag *flag = i < command->flag_count
                                            ? &command->flags[i]
                                            : &command->more_flags[i - command->flag_count];
        bool same = word[1] == '-' ? strcmp(word + 2, flag->name) == 0
                                   : word[strlen(word) - 1] == flag->shorthand;
        if (same) {
            return flag->type != BERTH_FLAG_BOOL;
        }
    }
    return false;
}

int berth_cli_complete(struct berth_cli *cli)
{
    const struct berth_command *command = &berth_cli_root;
    const char *word = cli->arg_count > 0 ? cli->args[cli->arg_count - 1] : "";
    bool value = false;
    int arguments = 0;
    for (int i = 0; i + 1 < cli->arg_count; i++) {
        if (value) {
            value = false;
            continue;
        }
        if (cli->args[i][0] == '-') {
            value = takes_value(command, cli->args[i]);
            continue;
        }
        const struct berth_command_entry *entry = berth_cli_find(command, cli->args[i]);
        if (entry != NULL) {
            command = entry->command;
        } else {
            arguments++;
        }
    }
    /* errors of the client must not reach the terminal */
    if (freopen("/dev/null", "w", stderr) == NULL || value) {
        return 0;
    }
    if (*word == '-') {
        offer_flags(command, word);
    } else if (command->entry_count > 0) {
        offer_entries(command, word);
    } else if (arguments == 0 || command->max_args == BERTH_ARGS_ANY) {
        bool after_image = arguments > 0 && (command->options & BERTH_COMMAND_STOPS) != 0;
        offer_objects(cli, after_image ? NULL : command->completes, word);
    }
    return 0;
}

const struct berth_command berth_command_complete = {
    .usage = "WORD...",
    .summary = "Print completions for a shell",
    .options = BERTH_COMMAND_RAW | BERTH_COMMAND_HIDDEN,
    .run = berth_cli_complete,
};
