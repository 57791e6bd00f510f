/* SPDX-License-Identifier: Apache-2.0
 *
 * Flag parsing with pflag's rules and sentences.
 */
#include "cli/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/time.h"
#include "cli/csv.h"

bool berth_flags_init(struct berth_flags *flags, const struct berth_command *command)
{
    flags->count = command->flag_count + command->more_flag_count;
    flags->values = calloc(flags->count + 1, sizeof(*flags->values));
    if (flags->values == NULL) {
        flags->count = 0;
        return false;
    }
    for (size_t i = 0; i < flags->count; i++) {
        flags->values[i].flag = i < command->flag_count
                                    ? &command->flags[i]
                                    : &command->more_flags[i - command->flag_count];
    }
    return true;
}

void berth_flags_done(struct berth_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        berth_strv_done(&flags->values[i].list);
    }
    free(flags->values);
    *flags = (struct berth_flags){0};
}

static struct berth_flag_value *find_long(const struct berth_flags *flags, const char *name,
                                          size_t length)
{
    for (size_t i = 0; i < flags->count; i++) {
        const char *candidate = flags->values[i].flag->name;
        if (strncmp(candidate, name, length) == 0 && candidate[length] == '\0') {
            return &flags->values[i];
        }
    }
    return NULL;
}

static struct berth_flag_value *find_short(const struct berth_flags *flags, char name)
{
    for (size_t i = 0; i < flags->count; i++) {
        if (flags->values[i].flag->shorthand == name) {
            return &flags->values[i];
        }
    }
    return NULL;
}

static int32_t check_number(const struct berth_flag *flag, const char *text, berth_error *err)
{
    int64_t value = 0;
    bool sign = *text == '-' || *text == '+';
    if (!berth_str_to_int64(text, &value) || (sign && (flag->flags & BERTH_FLAG_UNSIGNED) != 0)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "strconv.Parse%s: parsing \"%s\": invalid syntax",
                               (flag->flags & BERTH_FLAG_UNSIGNED) != 0 ? "Uint" : "Int", text);
    }
    return 0;
}

/* The checks that come with a type; the sentences are Go's. */
static int32_t check_type(const struct berth_flag *flag, const char *text, berth_error *err)
{
    int64_t amount = 0;
    bool yes = false;
    switch (flag->type) {
    case BERTH_FLAG_BOOL:
        if (!berth_str_to_bool(text, &yes)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "strconv.ParseBool: parsing \"%s\": invalid syntax", text);
        }
        return 0;
    case BERTH_FLAG_INT:
        return check_number(flag, text, err);
    case BERTH_FLAG_BYTES:
        if ((strcmp(text, "-1") != 0 || (flag->flags & BERTH_FLAG_UNLIMITED) == 0) &&
            !berth_size_parse(text, &amount)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid size: '%s'", text);
        }
        return 0;
    case BERTH_FLAG_DURATION:
        if (!berth_duration_parse(text, &amount)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "time: invalid duration \"%s\"", text);
        }
        return 0;
    default:
        return 0;
    }
}

static int32_t set_value(const struct berth_flags *flags, struct berth_flag_value *value,
                         const char *text, berth_error *err)
{
    if (value->flag->alias_of != NULL) {
        value = find_long(flags, value->flag->alias_of, strlen(value->flag->alias_of));
    }
    const struct berth_flag *flag = value->flag;
    berth_error reason = BERTH_ERROR_INIT;
    int32_t code = check_type(flag, text, &reason);
    if (code == 0 && flag->check != NULL) {
        code = flag->check(text, &reason);
    }
    if (code != 0) {
        char shorthand[8] = "";
        if (flag->shorthand != 0) {
            snprintf(shorthand, sizeof(shorthand), "-%c, ", flag->shorthand);
        }
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid argument \"%.150s\" for \"%s--%s\" flag: %.300s", text,
                               shorthand, flag->name, reason.msg);
    }
    if (flag->flags & BERTH_FLAG_DEPRECATED) {
        fprintf(stderr, "Flag --%s has been deprecated, %s\n", flag->name, flag->help);
    }
    value->changed = true;
    value->text = text;
    bool fine = true;
    if (flag->type == BERTH_FLAG_LIST) {
        fine = berth_strv_add(&value->list, text);
    } else if (flag->type == BERTH_FLAG_STRINGS && *text != '\0') {
        fine = berth_csv_split(text, &value->list);
    }
    return fine ? 0 : berth_error_no_memory(err);
}

/* One "--name[=value]"; *index is moved over a value in the next word. */
static int32_t parse_long(struct berth_flags *flags, int argc, char **argv, int *index,
                          struct berth_flags_parse *parse, berth_error *err)
{
    const char *name = argv[*index] + 2;
    const char *equal = strchrnul(name, '=');
    size_t length = (size_t)(equal - name);
    if (length == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad flag syntax: %s", argv[*index]);
    }
    struct berth_flag_value *value = find_long(flags, name, length);
    if (value == NULL) {
        if (length == 4 && strncmp(name, "help", 4) == 0) {
            parse->ret_help = true;
            return 0;
        }
        return berth_error_set(err, BERTH_E_INVALID, 0, "unknown flag: --%.*s", (int)length, name);
    }
    if (*equal == '=') {
        return set_value(flags, value, equal + 1, err);
    }
    if (value->flag->type == BERTH_FLAG_BOOL) {
        return set_value(flags, value, "true", err);
    }
    if (*index + 1 >= argc) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "flag needs an argument: --%s", name);
    }
    return set_value(flags, value, argv[++*index], err);
}

/* One "-abc", "-nVALUE", "-n=VALUE" or "-n VALUE". */
static int32_t parse_short(struct berth_flags *flags, int argc, char **argv, int *index,
                           struct berth_flags_parse *parse, berth_error *err)
{
    const char *word = argv[*index] + 1;
    for (const char *at = word; *at != '\0'; at++) {
        struct berth_flag_value *value = find_short(flags, *at);
        if (value == NULL && *at == 'h') {
            parse->ret_help = parse->ret_short_help = true;
            return 0;
        }
        if (value == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "unknown shorthand flag: '%c' in -%s",
                                   *at, at);
        }
        if (at[1] == '=') {
            return set_value(flags, value, at + 2, err);
        }
        if (value->flag->type != BERTH_FLAG_BOOL) {
            if (at[1] != '\0') {
                return set_value(flags, value, at + 1, err);
            }
            if (*index + 1 >= argc) {
                return berth_error_set(err, BERTH_E_INVALID, 0,
                                       "flag needs an argument: '%c' in -%s", *at, at);
            }
            return set_value(flags, value, argv[++*index], err);
        }
        int32_t code = set_value(flags, value, "true", err);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

int32_t berth_flags_parse(struct berth_flags *flags, int argc, char **argv,
                          struct berth_flags_parse *parse, berth_error *err)
{
    int args = 0, i = 0;
    for (; i < argc && !parse->ret_help; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0') {
            if (parse->stop_at_argument) {
                break;
            }
            argv[args++] = argv[i];
            continue;
        }
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        int32_t code = word[1] == '-' ? parse_long(flags, argc, argv, &i, parse, err)
                                      : parse_short(flags, argc, argv, &i, parse, err);
        if (code != 0) {
            return code;
        }
    }
    while (i < argc) {
        argv[args++] = argv[i++];
    }
    parse->ret_args = args;
    return 0;
}

bool berth_flags_has(const struct berth_flags *flags, const char *name)
{
    return find_long(flags, name, strlen(name)) != NULL;
}

static const struct berth_flag_value *get(const struct berth_flags *flags, const char *name)
{
    const struct berth_flag_value *value = find_long(flags, name, strlen(name));
    if (value == NULL) {
        fprintf(stderr, "bug: this command has no flag --%s\n", name);
        abort();
    }
    return value;
}

bool berth_flags_changed(const struct berth_flags *flags, const char *name)
{
    return get(flags, name)->changed;
}

const char *berth_flags_string(const struct berth_flags *flags, const char *name)
{
    const struct berth_flag_value *value = get(flags, name);
    const char *text = value->changed ? value->text : value->flag->initial;
    return text != NULL ? text : "";
}

bool berth_flags_bool(const struct berth_flags *flags, const char *name)
{
    bool yes = false;
    return berth_str_to_bool(berth_flags_string(flags, name), &yes) && yes;
}

int64_t berth_flags_int(const struct berth_flags *flags, const char *name)
{
    int64_t value = 0;
    return berth_str_to_int64(berth_flags_string(flags, name), &value) ? value : 0;
}

int64_t berth_flags_amount(const struct berth_flags *flags, const char *name)
{
    const char *text = berth_flags_string(flags, name);
    int64_t amount = 0;
    if (get(flags, name)->flag->type == BERTH_FLAG_DURATION) {
        return berth_duration_parse(text, &amount) ? amount : 0;
    }
    if (strcmp(text, "-1") == 0) {
        return -1;
    }
    return berth_size_parse(text, &amount) ? amount : 0;
}

const struct berth_strv *berth_flags_list(const struct berth_flags *flags, const char *name)
{
    return &get(flags, name)->list;
}
