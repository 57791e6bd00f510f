/* SPDX-License-Identifier: Apache-2.0
 *
 * Docker's seccomp profile JSON (moby profiles/seccomp, the OCI runtime spec's linux.seccomp with
 * conditions) to a struct seccomp_profile.
 */
#include "linux/seccomp_internal.h"

#include "base/json.h"
#include "linux/capabilities.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

/* ---- the JSON ------------------------------------------------------------------------------- */

struct json_argument {
    int64_t index;
    uint64_t value, value_two;
    char *operation;
};
struct json_filter {
    struct berth_strv caps, arches;
    char *min_kernel;
};
struct json_rule {
    char *name;
    struct berth_strv names;
    char *action;
    int64_t errno_ret;
    struct berth_json_list args;
    struct json_filter includes, excludes;
};
struct json_map {
    char *architecture;
    struct berth_strv sub;
};
struct json_profile {
    char *default_action;
    int64_t default_errno;
    struct berth_strv architectures;
    struct berth_json_list map, rules;
    /* what the rules point to */
    struct seccomp_rule *built;
    struct seccomp_argument *arguments;
    struct berth_strv texts;
};

static const struct berth_json_field argument_fields[] = {
    BERTH_JSON_FIELD(struct json_argument, index, "index", INT64, 0),
    BERTH_JSON_FIELD(struct json_argument, value, "value", UINT64, 0),
    BERTH_JSON_FIELD(struct json_argument, value_two, "valueTwo", UINT64, 0),
    BERTH_JSON_FIELD(struct json_argument, operation, "op", STRING, 0),
};
static const struct berth_json_table argument_table =
    BERTH_JSON_TABLE("args", struct json_argument, argument_fields);

static const struct berth_json_field filter_fields[] = {
    BERTH_JSON_FIELD(struct json_filter, caps, "caps", STRV, 0),
    BERTH_JSON_FIELD(struct json_filter, arches, "arches", STRV, 0),
    BERTH_JSON_FIELD(struct json_filter, min_kernel, "minKernel", STRING, 0),
};
static const struct berth_json_table filter_table =
    BERTH_JSON_TABLE("filter", struct json_filter, filter_fields);

static const struct berth_json_field rule_fields[] = {
    BERTH_JSON_FIELD(struct json_rule, name, "name", STRING, 0),
    BERTH_JSON_FIELD(struct json_rule, names, "names", STRV, 0),
    BERTH_JSON_FIELD(struct json_rule, action, "action", STRING, 0),
    BERTH_JSON_FIELD(struct json_rule, errno_ret, "errnoRet", OPTIONAL_INT64, 0),
    BERTH_JSON_NESTED(struct json_rule, args, "args", LIST, 0, argument_table),
    BERTH_JSON_NESTED(struct json_rule, includes, "includes", OBJECT, 0, filter_table),
    BERTH_JSON_NESTED(struct json_rule, excludes, "excludes", OBJECT, 0, filter_table),
};
static const struct berth_json_table rule_table =
    BERTH_JSON_TABLE("syscalls", struct json_rule, rule_fields);

static const struct berth_json_field map_fields[] = {
    BERTH_JSON_FIELD(struct json_map, architecture, "architecture", STRING, 0),
    BERTH_JSON_FIELD(struct json_map, sub, "subArchitectures", STRV, 0),
};
static const struct berth_json_table map_table =
    BERTH_JSON_TABLE("archMap", struct json_map, map_fields);

static const struct berth_json_field profile_fields[] = {
    BERTH_JSON_FIELD(struct json_profile, default_action, "defaultAction", STRING, 0),
    BERTH_JSON_FIELD(struct json_profile, default_errno, "defaultErrnoRet", OPTIONAL_INT64, 0),
    BERTH_JSON_FIELD(struct json_profile, architectures, "architectures", STRV, 0),
    BERTH_JSON_NESTED(struct json_profile, map, "archMap", LIST, 0, map_table),
    BERTH_JSON_NESTED(struct json_profile, rules, "syscalls", LIST, 0, rule_table),
};
static const struct berth_json_table profile_table =
    BERTH_JSON_TABLE("seccomp profile", struct json_profile, profile_fields);

/* ---- its words ------------------------------------------------------------------------------ */

static int parse_action(const char *name, int64_t number, uint32_t *ret, berth_error *err)
{
    static const struct {
        const char *name;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(EPERM)},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(EPERM)},
    };

    for (size_t i = 0; name != NULL && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(name, actions[i].name) == 0) {
            uint32_t action = actions[i].action;
            if (number != BERTH_JSON_UNSET && (action & 0xffff) != 0) {
                action = (action & 0xffff0000u) | ((uint32_t)number & 0xffff);
            }
            *ret = action;
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "decoding seccomp profile failed: unknown action \"%s\"",
                           name == NULL ? "" : name);
}

static int parse_operation(const char *name, uint32_t *ret, berth_error *err)
{
    static const struct {
        const char *name;
        uint32_t operation;
    } operations[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };

    for (size_t i = 0; name != NULL && i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(name, operations[i].name) == 0) {
            *ret = operations[i].operation;
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "decoding seccomp profile failed: unknown operator \"%s\"",
                           name == NULL ? "" : name);
}

/* A condition on a capability that nobody knows is never met. */
static uint64_t parse_caps(const struct berth_strv *names, int *ret_unknown)
{
    uint64_t set = 0;

    *ret_unknown = 0;
    for (size_t i = 0; i < names->count; i++) {
        int number = berth_linux_capability_parse(names->items[i]);
        if (number < 0) {
            *ret_unknown = 1;
        } else {
            set |= 1ull << number;
        }
    }
    return set;
}

/* Joins a list into one text that lives as long as the profile; NULL for an empty list. */
static int join(struct json_profile *p, const struct berth_strv *list, const char **ret,
                berth_error *err)
{
    *ret = NULL;
    if (list->count == 0) {
        return 0;
    }
    char *text = berth_strv_join(list, " ");
    if (text == NULL || !berth_strv_take(&p->texts, text)) {
        return berth_error_no_memory(err);
    }
    *ret = text;
    return 0;
}

static int build_arguments(const struct json_rule *from, struct seccomp_argument *arguments,
                           struct seccomp_rule *rule, berth_error *err)
{
    for (size_t i = 0; i < from->args.count; i++) {
        const struct json_argument *a = from->args.items[i];
        arguments[i].index = (uint32_t)a->index;
        arguments[i].value = a->value;
        arguments[i].value_two = a->value_two;
        if (a->index < 0 || a->index > 5) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "decoding seccomp profile failed: argument index %lld is not "
                                   "between 0 and 5",
                                   (long long)a->index);
        }
        int result = parse_operation(a->operation, &arguments[i].operation, err);
        if (result != 0) {
            return result;
        }
    }
    rule->arguments = arguments;
    rule->argument_count = from->args.count;
    return 0;
}

static int build_rule(struct json_profile *p, struct json_rule *from, struct seccomp_rule *rule,
                      berth_error *err)
{
    int unknown, ignored;

    if (!berth_str_empty(from->name) && from->names.count > 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "both 'name' and 'names' are specified in the seccomp profile, use "
                               "either 'name' or 'names'");
    }
    if (!berth_str_empty(from->name) && !berth_strv_add(&from->names, from->name)) {
        return berth_error_no_memory(err);
    }
    rule->caps = parse_caps(&from->includes.caps, &unknown);
    rule->not_caps = parse_caps(&from->excludes.caps, &ignored);
    rule->min_kernel = from->includes.min_kernel;
    rule->below_kernel = from->excludes.min_kernel;
    int result = parse_action(from->action, from->errno_ret, &rule->action, err);
    if (result == 0) {
        result = join(p, &from->includes.arches, &rule->arches, err);
    }
    if (result == 0) {
        result = join(p, &from->excludes.arches, &rule->not_arches, err);
    }
    if (result == 0 && !unknown) {
        result = join(p, &from->names, &rule->names, err);
    }
    return result;
}

static int build_rules(struct json_profile *p, struct seccomp_profile *profile, berth_error *err)
{
    size_t arguments = 0, used = 0;
    int result = 0;

    for (size_t i = 0; i < p->rules.count; i++) {
        arguments += ((struct json_rule *)p->rules.items[i])->args.count;
    }
    p->built = calloc(p->rules.count + 1, sizeof(*p->built));
    p->arguments = calloc(arguments + 1, sizeof(*p->arguments));
    if (p->built == NULL || p->arguments == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; result == 0 && i < p->rules.count; i++) {
        struct json_rule *from = p->rules.items[i];
        result = build_arguments(from, p->arguments + used, &p->built[i], err);
        used += from->args.count;
        if (result == 0) {
            result = build_rule(p, from, &p->built[i], err);
        }
    }
    profile->rules = p->built;
    profile->rule_count = p->rules.count;
    return result;
}

static const char *native_name(void)
{
    switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
        return "SCMP_ARCH_X86_64";
    case SCMP_ARCH_AARCH64:
        return "SCMP_ARCH_AARCH64";
    case SCMP_ARCH_ARM:
        return "SCMP_ARCH_ARM";
    case SCMP_ARCH_X86:
        return "SCMP_ARCH_X86";
    case SCMP_ARCH_PPC64LE:
        return "SCMP_ARCH_PPC64LE";
    case SCMP_ARCH_S390X:
        return "SCMP_ARCH_S390X";
    case SCMP_ARCH_RISCV64:
        return "SCMP_ARCH_RISCV64";
    default:
        return "";
    }
}

static int build_architectures(struct json_profile *p, struct seccomp_profile *profile,
                               berth_error *err)
{
    if (p->architectures.count > 0 && p->map.count > 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "both 'architectures' and 'archMap' are specified in the seccomp "
                               "profile, use either 'architectures' or 'archMap'");
    }
    for (size_t i = 0; i < p->map.count; i++) {
        const struct json_map *m = p->map.items[i];
        if (berth_str_equal(m->architecture, native_name()) &&
            (!berth_strv_add(&p->architectures, m->architecture) ||
             !berth_strv_extend(&p->architectures, &m->sub))) {
            return berth_error_no_memory(err);
        }
    }
    return join(p, &p->architectures, &profile->architectures, err);
}

int seccomp_profile_parse(const char *text, struct seccomp_profile *ret, berth_error *err)
{
    struct seccomp_profile profile = {0};
    struct json_profile *p = berth_json_new(&profile_table);

    if (p == NULL) {
        return berth_error_no_memory(err);
    }
    profile.memory = p;
    int result = berth_json_read_text(&profile_table, text, strlen(text), p, err);
    if (result != 0) {
        berth_error_wrap(err, "decoding seccomp profile failed");
    } else {
        result = parse_action(p->default_action, p->default_errno, &profile.default_action, err);
    }
    if (result == 0) {
        result = build_architectures(p, &profile, err);
    }
    if (result == 0) {
        result = build_rules(p, &profile, err);
    }
    if (result != 0) {
        seccomp_profile_done(&profile);
        return result;
    }
    *ret = profile;
    return 0;
}

void seccomp_profile_done(struct seccomp_profile *profile)
{
    struct json_profile *p = profile->memory;

    if (p != NULL) {
        free(p->built);
        free(p->arguments);
        berth_strv_done(&p->texts);
        berth_json_free(&profile_table, p);
        profile->memory = NULL;
    }
}
