/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's command line, by the table of options: --name value, --name=value, -n value,
 * -nvalue; switches take =false.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "daemon/config_internal.h"

static int32_t bad_value(const struct berth_daemon_option *option, const char *value,
                         const char *wanted, berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "invalid argument \"%s\" for \"--%s\" flag: wanted %s\n"
                           "See 'berthd --help'.",
                           value, option->flag, wanted);
}

int32_t berth_daemon_pool_check(const char *text, berth_error *err)
{
    AUTO_STRV struct berth_strv parts = {0};
    int64_t size = 0;
    if (!berth_strv_split(&parts, text, ',')) {
        return berth_error_no_memory(err);
    }
    const char *base = berth_strv_env(&parts, "base");
    const char *number = berth_strv_env(&parts, "size");
    if (parts.count != 2 || base == NULL || number == NULL || strchr(base, '/') == NULL ||
        !berth_str_to_int64(number, &size) || size < 1 || size > 128) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid default address pool \"%s\": wanted base=CIDR,size=N",
                               text);
    }
    return 0;
}

int32_t berth_daemon_ulimit_check(const char *text, berth_error *err)
{
    const char *equal = strchr(text, '=');
    int64_t soft = 0, hard = 0;
    bool valid = equal != NULL && equal > text;
    if (valid) {
        AUTO_FREE char *first = strdup(equal + 1);
        if (first == NULL) {
            return berth_error_no_memory(err);
        }
        char *second = strchr(first, ':');
        if (second != NULL) {
            *second++ = '\0';
        }
        valid = berth_str_to_int64(first, &soft) &&
                (second == NULL || berth_str_to_int64(second, &hard)) &&
                (second == NULL || hard == -1 || soft <= hard);
    }
    if (!valid) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid ulimit \"%s\": wanted NAME=SOFT[:HARD]", text);
    }
    return 0;
}

static int32_t set_number(const struct berth_daemon_option *option, const char *value, void *slot,
                          berth_error *err)
{
    bool parsed = option->type == BERTH_OPTION_SIZE ? berth_size_parse(value, slot)
                                                    : berth_str_to_int64(value, slot);
    if (!parsed) {
        return bad_value(option, value, option->type == BERTH_OPTION_SIZE ? "a size" : "a number",
                         err);
    }
    return 0;
}

static int32_t set_pair(const struct berth_daemon_option *option, const char *value,
                        struct berth_strmap *map, berth_error *err)
{
    const char *equal = strchr(value, '=');
    if (equal == NULL || equal == value) {
        return bad_value(option, value, "KEY=VALUE", err);
    }
    AUTO_FREE char *key = strndup(value, (size_t)(equal - value));
    return key != NULL && berth_strmap_set(map, key, equal + 1) ? 0 : berth_error_no_memory(err);
}

static int32_t set_value(const struct berth_daemon_option *option, const char *value, void *slot,
                         berth_error *err)
{
    int32_t rc = 0;
    switch (option->type) {
    case BERTH_OPTION_STRING:
        berth_replace(slot, strdup(value));
        return *(char **)slot != NULL ? 0 : berth_error_no_memory(err);
    case BERTH_OPTION_BOOL:
        if (!berth_str_to_bool(value, slot)) {
            return bad_value(option, value, "true or false", err);
        }
        return 0;
    case BERTH_OPTION_INT:
    case BERTH_OPTION_SIZE:
        return set_number(option, value, slot, err);
    case BERTH_OPTION_MAP:
        return set_pair(option, value, slot, err);
    case BERTH_OPTION_POOLS:
        rc = berth_daemon_pool_check(value, err);
        break;
    case BERTH_OPTION_ULIMITS:
        rc = berth_daemon_ulimit_check(value, err);
        break;
    case BERTH_OPTION_LIST:
    case BERTH_OPTION_DOCUMENT:
        break;
    }
    if (rc < 0) {
        return rc;
    }
    return berth_strv_add(slot, value) ? 0 : berth_error_no_memory(err);
}

int32_t berth_daemon_config_flag(struct berth_daemon_config *config, size_t index,
                                 const char *value, berth_error *err)
{
    const struct berth_daemon_option *option = &berth_daemon_options[index];
    void *slot = berth_daemon_option_slot(option, config);
    bool off = false;
    if (slot == NULL) {
        bool negative = option->type == BERTH_OPTION_BOOL && berth_str_to_bool(value, &off) && !off;
        config->from_flag[index] = !negative;
        return 0;
    }
    config->from_flag[index] = 1;
    return set_value(option, value, slot, err);
}

static size_t find_flag(const char *name, size_t length, char letter)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        if (name != NULL ? option->flag != NULL && strlen(option->flag) == length &&
                               memcmp(option->flag, name, length) == 0
                         : option->letter == letter) {
            return i;
        }
    }
    return berth_daemon_option_count;
}

/* argv[*at] is "--name", "--name=value"; a value may be the next argument. */
static int32_t take_long(struct berth_daemon_config *config, int argc, char *const *argv, int *at,
                         berth_error *err)
{
    const char *name = argv[*at] + 2;
    size_t length = strcspn(name, "=");
    size_t index = find_flag(name, length, 0);
    if (index == berth_daemon_option_count) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "unknown flag: --%.*s\nSee 'berthd --help'.", (int)length, name);
    }
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (value == NULL && berth_daemon_options[index].type == BERTH_OPTION_BOOL) {
        value = "true";
    } else if (value == NULL) {
        if (*at + 1 >= argc) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "flag needs an argument: --%s\nSee 'berthd --help'.", name);
        }
        value = argv[++*at];
    }
    return berth_daemon_config_flag(config, index, value, err);
}

/* argv[*at] is "-Dlwarn", "-D -l warn", "-l=warn". */
static int32_t take_short(struct berth_daemon_config *config, int argc, char *const *argv, int *at,
                          berth_error *err)
{
    const char *cluster = argv[*at];
    for (const char *letter = cluster + 1; *letter != '\0'; letter++) {
        size_t index = find_flag(NULL, 0, *letter);
        if (index == berth_daemon_option_count) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unknown shorthand flag: '%c' in %s\nSee 'berthd --help'.",
                                   *letter, cluster);
        }
        bool is_switch = berth_daemon_options[index].type == BERTH_OPTION_BOOL;
        if (is_switch && letter[1] != '=') {
            int32_t rc = berth_daemon_config_flag(config, index, "true", err);
            if (rc < 0) {
                return rc;
            }
            continue;
        }
        const char *value = letter[1] == '=' ? letter + 2 : letter + 1;
        if (*value == '\0' && letter[1] != '=') {
            if (*at + 1 >= argc) {
                return berth_error_set(err, BERTH_E_INVALID, 0,
                                       "flag needs an argument: '%c' in %s\nSee 'berthd --help'.",
                                       *letter, cluster);
            }
            value = argv[++*at];
        }
        return berth_daemon_config_flag(config, index, value, err);
    }
    return 0;
}

int32_t berth_daemon_config_arguments(struct berth_daemon_config *config, int argc,
                                      char *const *argv, berth_error *err)
{
    for (int i = 1; i < argc; i++) {
        int32_t rc = 0;
        if (berth_str_starts(argv[i], "--") && argv[i][2] != '\0') {
            rc = take_long(config, argc, argv, &i, err);
        } else if (argv[i][0] == '-' && argv[i][1] != '\0' && argv[i][1] != '-') {
            rc = take_short(config, argc, argv, &i, err);
        } else {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "\"berthd\" accepts no arguments.\nSee 'berthd --help'.");
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

char *berth_daemon_config_usage(void)
{
    static const char *const words[] = {
        [BERTH_OPTION_STRING] = " string", [BERTH_OPTION_BOOL] = "",
        [BERTH_OPTION_INT] = " int",       [BERTH_OPTION_SIZE] = " bytes",
        [BERTH_OPTION_LIST] = " list",     [BERTH_OPTION_MAP] = " map",
        [BERTH_OPTION_POOLS] = " pool",    [BERTH_OPTION_ULIMITS] = " ulimit",
    };
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    berth_buffer_add(&text, "\nUsage:  berthd [OPTIONS]\n\n"
                            "A container engine that speaks the Docker Engine API.\n\nOptions:\n");
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        char left[64], letter[8] = "    ";
        if (option->flag == NULL || option->help == NULL) {
            continue;
        }
        if (option->letter != 0) {
            snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        }
        snprintf(left, sizeof(left), "%s%s", option->flag, words[option->type]);
        berth_buffer_format(&text, "  %s--%-32s %s\n", letter, left, option->help);
    }
    return berth_buffer_take(&text);
}
