/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing and applying single instructions, by Docker's Dockerfile reference.
 */
#include "oci/change.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/time.h"

/* Takes one shell word (quotes and backslashes resolved) off *text. NULL: no more, or *ret_failed.
 */
static char *next_word(const char **text, bool *ret_failed)
{
    const char *at = *text + strspn(*text, " \t\r\n");
    struct berth_buffer word = BERTH_BUFFER_INIT;
    char quote = '\0';
    if (*at == '\0') {
        return NULL;
    }
    for (; *at != '\0' && (quote != '\0' || strchr(" \t\r\n", *at) == NULL); at++) {
        if (quote == '\0' && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (quote != '\0' && *at == quote) {
            quote = '\0';
        } else if (*at == '\\' && quote != '\'' && at[1] != '\0') {
            at++;
            berth_buffer_append(&word, at, 1);
        } else {
            berth_buffer_append(&word, at, 1);
        }
    }
    *text = at;
    *ret_failed = *ret_failed || quote != '\0';
    return berth_buffer_take(&word);
}

static int32_t split_words(const char *text, struct berth_strv *ret_words, berth_error *err)
{
    bool failed = false;
    for (char *word; (word = next_word(&text, &failed)) != NULL;) {
        if (!berth_strv_take(ret_words, word)) {
            return berth_error_no_memory(err);
        }
    }
    return failed ? berth_error_set(err, BERTH_E_INVALID, 0, "unterminated quote") : 0;
}

/* A JSON array of strings; false: it is not one. */
static bool parse_array(const char *text, struct berth_strv *ret_items)
{
    struct json_object *json = NULL;
    if (text[0] != '[' || berth_json_parse(text, strlen(text), "change", &json, NULL) < 0) {
        return false;
    }
    bool valid = json_object_is_type(json, json_type_array);
    for (size_t i = 0; valid && i < json_object_array_length(json); i++) {
        struct json_object *item = json_object_array_get_idx(json, i);
        valid = json_object_is_type(item, json_type_string) &&
                berth_strv_add(ret_items, json_object_get_string(item));
    }
    json_object_put(json);
    if (!valid) {
        berth_strv_done(ret_items);
    }
    return valid;
}

/* ["a", "b"] as it is; anything else is a line for the shell. */
static int32_t parse_command(const char *text, struct berth_strv *ret_command,
                             const struct berth_strv *shell, berth_error *err)
{
    struct berth_strv command = {NULL, 0};
    bool array = parse_array(text, &command);
    if (!array && shell->count > 0) {
        array = berth_strv_extend(&command, shell) && berth_strv_add(&command, text);
    } else if (!array) {
        array = berth_strv_add(&command, "/bin/sh") && berth_strv_add(&command, "-c") &&
                berth_strv_add(&command, text);
    }
    if (!array) {
        berth_strv_done(&command);
        return berth_error_no_memory(err);
    }
    berth_strv_done(ret_command);
    *ret_command = command;
    return 0;
}

static int32_t change_cmd(const char *text, struct berth_container_config *config, berth_error *err)
{
    return parse_command(text, &config->cmd, &config->shell, err);
}

static int32_t change_entrypoint(const char *text, struct berth_container_config *config,
                                 berth_error *err)
{
    return parse_command(text, &config->entrypoint, &config->shell, err);
}

/* "k=v k2=v2" or the old "k v v v". */
static int32_t each_pair(const char *text,
                         bool (*set)(struct berth_container_config *config, const char *key,
                                     const char *value),
                         struct berth_container_config *config, berth_error *err)
{
    AUTO_STRV struct berth_strv words = {NULL, 0};
    int32_t code = split_words(text, &words, err);
    if (code < 0) {
        return code;
    }
    if (strchr(words.items[0], '=') == NULL) {
        const char *rest = text + strcspn(text, " \t");
        rest += strspn(rest, " \t");
        if (words.count < 2) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "\"%.100s\" has no value",
                                   words.items[0]);
        }
        return set(config, words.items[0], rest) ? 0 : berth_error_no_memory(err);
    }
    for (size_t i = 0; i < words.count; i++) {
        char *equals = strchr(words.items[i], '=');
        if (equals == NULL || equals == words.items[i]) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "can't find = in \"%.100s\". Must be of the form: name=value",
                                   words.items[i]);
        }
        *equals = '\0';
        if (!set(config, words.items[i], equals + 1)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

static bool set_env(struct berth_container_config *config, const char *key, const char *value)
{
    return berth_strv_env_set(&config->env, key, value);
}

static bool set_label(struct berth_container_config *config, const char *key, const char *value)
{
    return berth_strmap_set(&config->labels, key, value);
}

static int32_t change_env(const char *text, struct berth_container_config *config, berth_error *err)
{
    return each_pair(text, set_env, config, err);
}

static int32_t change_label(const char *text, struct berth_container_config *config,
                            berth_error *err)
{
    return each_pair(text, set_label, config, err);
}

static bool add_once(struct berth_strv *set, const char *item)
{
    return berth_strv_contains(set, item) || berth_strv_add(set, item);
}

static bool port_number(const char *text, int64_t *ret_number)
{
    return berth_str_to_int64(text, ret_number) && *ret_number >= 1 && *ret_number <= 65535;
}

/* "80", "80/udp", "8000-8010/tcp" */
static int32_t expose(const char *word, struct berth_container_config *config, berth_error *err)
{
    AUTO_STRV struct berth_strv parts = {NULL, 0};
    if (!berth_strv_split(&parts, word, '/')) {
        return berth_error_no_memory(err);
    }
    const char *protocol = parts.count == 2 ? parts.items[1] : "tcp";
    char *dash = strchr(parts.items[0], '-');
    int64_t first = 0, last = 0;
    if (dash != NULL) {
        *dash = '\0';
    }
    bool valid = parts.count <= 2 && port_number(parts.items[0], &first) &&
                 port_number(dash != NULL ? dash + 1 : parts.items[0], &last) && first <= last;
    valid = valid && (strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0 ||
                      strcmp(protocol, "sctp") == 0);
    if (!valid) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid containerPort: %.100s", word);
    }
    for (int64_t port = first; port <= last; port++) {
        AUTO_FREE char *text = berth_format("%lld/%s", (long long)port, protocol);
        if (text == NULL || !add_once(&config->exposed_ports, text)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

static int32_t change_expose(const char *text, struct berth_container_config *config,
                             berth_error *err)
{
    AUTO_STRV struct berth_strv words = {NULL, 0};
    int32_t code = split_words(text, &words, err);
    for (size_t i = 0; code == 0 && i < words.count; i++) {
        code = expose(words.items[i], config, err);
    }
    return code;
}

static int32_t change_volume(const char *text, struct berth_container_config *config,
                             berth_error *err)
{
    AUTO_STRV struct berth_strv words = {NULL, 0};
    int32_t code = parse_array(text, &words) ? 0 : split_words(text, &words, err);
    for (size_t i = 0; code == 0 && i < words.count; i++) {
        if (words.items[i][0] == '\0') {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "VOLUME specified can not be an empty string");
        }
        if (!add_once(&config->volumes, words.items[i])) {
            return berth_error_no_memory(err);
        }
    }
    return code;
}

static int32_t set_text(char **slot, const char *text, berth_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(slot, copy);
    return 0;
}

static int32_t change_user(const char *text, struct berth_container_config *config,
                           berth_error *err)
{
    return set_text(&config->user, text, err);
}

static int32_t change_stopsignal(const char *text, struct berth_container_config *config,
                                 berth_error *err)
{
    return set_text(&config->stop_signal, text, err);
}

/* A relative path stands on the earlier one. */
static int32_t change_workdir(const char *text, struct berth_container_config *config,
                              berth_error *err)
{
    if (text[0] == '/') {
        return set_text(&config->working_dir, text, err);
    }
    bool below = !berth_str_empty(config->working_dir) && strcmp(config->working_dir, "/") != 0;
    char *joined = berth_format("%s/%s", below ? config->working_dir : "", text);
    if (joined == NULL) {
        return berth_error_no_memory(err);
    }
    berth_replace(&config->working_dir, joined);
    return 0;
}

static int32_t change_onbuild(const char *text, struct berth_container_config *config,
                              berth_error *err)
{
    return berth_strv_add(&config->on_build, text) ? 0 : berth_error_no_memory(err);
}

/* --interval=30s and its like; false: unknown or malformed. */
static bool health_option(const char *word, struct berth_health_config *health)
{
    const struct {
        const char *name;
        int64_t *slot;
    } durations[] = {
        {"--interval=", &health->interval},
        {"--timeout=", &health->timeout},
        {"--start-period=", &health->start_period},
        {"--start-interval=", &health->start_interval},
    };
    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        if (berth_str_starts(word, durations[i].name)) {
            return berth_duration_parse(word + strlen(durations[i].name), durations[i].slot);
        }
    }
    return berth_str_starts(word, "--retries=") &&
           berth_str_to_int64(word + strlen("--retries="), &health->retries);
}

static int32_t parse_health(const char *text, struct berth_health_config *health, berth_error *err)
{
    while (berth_str_starts(text, "--")) {
        bool failed = false;
        AUTO_FREE char *word = next_word(&text, &failed);
        if (word == NULL || failed || !health_option(word, health)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "unknown flag %.100s",
                                   word != NULL ? word : "");
        }
        text += strspn(text, " \t");
    }
    if (berth_str_equal_fold(text, "NONE")) {
        return berth_strv_add(&health->test, "NONE") ? 0 : berth_error_no_memory(err);
    }
    if (strncasecmp(text, "CMD", 3) != 0 || !isspace((unsigned char)text[3])) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Unknown type \"%.100s\" in HEALTHCHECK "
                               "(try CMD)",
                               text);
    }
    text += 3 + strspn(text + 3, " \t");
    AUTO_STRV struct berth_strv items = {NULL, 0};
    bool array = parse_array(text, &items);
    bool kept =
        berth_strv_add(&health->test, array ? "CMD" : "CMD-SHELL") &&
        (array ? berth_strv_extend(&health->test, &items) : berth_strv_add(&health->test, text));
    return kept ? 0 : berth_error_no_memory(err);
}

static int32_t change_healthcheck(const char *text, struct berth_container_config *config,
                                  berth_error *err)
{
    struct berth_health_config *health = berth_json_new(&berth_health_config_table);
    if (health == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = parse_health(text, health, err);
    if (code < 0) {
        berth_json_free(&berth_health_config_table, health);
        return code;
    }
    berth_json_free(&berth_health_config_table, config->healthcheck);
    config->healthcheck = health;
    return 0;
}

static const struct {
    const char *name;
    int32_t (*apply)(const char *text, struct berth_container_config *config, berth_error *err);
} instructions[] = {
    {"CMD", change_cmd},         {"ENTRYPOINT", change_entrypoint},   {"ENV", change_env},
    {"EXPOSE", change_expose},   {"HEALTHCHECK", change_healthcheck}, {"LABEL", change_label},
    {"ONBUILD", change_onbuild}, {"STOPSIGNAL", change_stopsignal},   {"USER", change_user},
    {"VOLUME", change_volume},   {"WORKDIR", change_workdir},
};

int32_t berth_oci_change_apply(const char *line, struct berth_container_config *config,
                               berth_error *err)
{
    AUTO_FREE char *copy = strdup(line);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    char *name = berth_str_trim(copy);
    char *text = name + strcspn(name, " \t");
    if (*text != '\0') {
        *text++ = '\0';
        text = berth_str_trim(text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        if (!berth_str_equal_fold(name, instructions[i].name)) {
            continue;
        }
        if (*text == '\0') {
            return berth_error_set(err, BERTH_E_INVALID, 0, "%s requires at least one argument",
                                   instructions[i].name);
        }
        int32_t code = instructions[i].apply(text, config, err);
        return code < 0 ? berth_error_wrap(err, "invalid change \"%.100s\"", line) : 0;
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "%.100s is not a valid change command", name);
}
