/* SPDX-License-Identifier: Apache-2.0
 *
 * The program of a container: arguments, environment, user, capabilities, resource limits.
 */
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "container/spec.h"

static const struct {
    const char *name;
    int resource;
} rlimits[] = {
    {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

int spec_rlimit_resource(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++) {
        if (strcmp(rlimits[i].name, name) == 0) {
            return rlimits[i].resource;
        }
    }
    return -1;
}

/* NAME=VALUE replaces, NAME alone removes, as Docker's ReplaceOrAppendEnvValues. */
static bool apply_variable(struct berth_strv *env, const char *item)
{
    const char *equal = strchr(item, '=');
    AUTO_FREE char *name =
        equal != NULL ? strndup(item, (size_t)(equal - item)) : berth_strdup(item);
    if (name == NULL) {
        return false;
    }
    if (equal != NULL) {
        return berth_strv_env_set(env, name, equal + 1);
    }
    size_t length = strlen(name);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=') {
            berth_strv_remove(env, i);
            break;
        }
    }
    return true;
}

int spec_environment(const struct spec_input *input, struct berth_strv *ret_env, berth_error *err)
{
    AUTO_STRV struct berth_strv env = {0};
    const struct berth_container_config *config = &input->record->config;
    const char *hostname = input->hostname != NULL ? input->hostname : config->hostname;
    bool complete = berth_strv_add(&env, "PATH=" SPEC_PATH_DEFAULT) &&
                    berth_strv_addf(&env, "HOSTNAME=%s", hostname != NULL ? hostname : "");
    if (complete && config->tty) {
        complete = berth_strv_add(&env, "TERM=xterm");
    }
    for (size_t i = 0; complete && i < config->env.count; i++) {
        complete = apply_variable(&env, config->env.items[i]);
    }
    if (complete && berth_strv_env(&env, "HOME") == NULL) {
        complete = berth_strv_addf(&env, "HOME=%s", input->user->home);
    }
    if (!complete) {
        return berth_error_no_memory(err);
    }
    *ret_env = env;
    env = (struct berth_strv){0};
    return 0;
}

bool spec_no_new_privileges(const struct berth_host_config *host, bool by_default)
{
    const struct berth_strv *options = &host->security_opt;
    bool result = by_default;
    for (size_t i = 0; i < options->count; i++) {
        const char *option = options->items[i];
        if (berth_str_starts(option, "no-new-privileges")) {
            bool value = true;
            const char *rest = option + strlen("no-new-privileges");
            result = rest[0] == '\0' || (berth_str_to_bool(rest + 1, &value) && value);
        }
    }
    return result;
}

static void set_capabilities(const struct spec_input *input, struct berth_shim_spec *spec)
{
    spec->cap_bounding = input->capabilities;
    if (input->user->uid == 0) {
        /* others get nothing by execve anyway, so Docker gives them the bounding set alone */
        spec->cap_effective = input->capabilities;
        spec->cap_permitted = input->capabilities;
    }
}

static int add_rlimit(struct spec_builder *builder, const char *name, int64_t soft, int64_t hard,
                      berth_error *err)
{
    struct berth_shim_spec *spec = &builder->spec;
    int resource = spec_rlimit_resource(name);
    uint32_t at = 0;
    if (resource < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid ulimit type: %s", name);
    }
    while (at < spec->rlimit_count && spec->rlimits[at].resource != (uint32_t)resource) {
        at++;
    }
    if (at == spec->rlimit_count) {
        spec->rlimit_count++;
    }
    spec->rlimits[at] = (struct berth_shim_rlimit){
        .resource = (uint32_t)resource, .soft = (uint64_t)soft, .hard = (uint64_t)hard};
    return 0;
}

/* "nofile=1024:2048" */
static int add_default_rlimit(struct spec_builder *builder, const char *text, berth_error *err)
{
    AUTO_FREE char *name = berth_strdup(text);
    char *soft = name != NULL ? strchr(name, '=') : NULL;
    int64_t soft_value = 0, hard_value = 0;
    if (soft == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid default ulimit: %s", text);
    }
    *soft++ = '\0';
    char *hard = strchr(soft, ':');
    if (hard != NULL) {
        *hard++ = '\0';
    }
    if (!berth_str_to_int64(soft, &soft_value) ||
        !berth_str_to_int64(hard != NULL ? hard : soft, &hard_value)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid default ulimit: %s", text);
    }
    return add_rlimit(builder, name, soft_value, hard_value, err);
}

static int set_rlimits(const struct spec_input *input, struct spec_builder *builder,
                       berth_error *err)
{
    const struct berth_json_list *own = &input->record->host_config.ulimits;
    size_t defaults = input->default_ulimits != NULL ? input->default_ulimits->count : 0;
    builder->spec.rlimits =
        spec_alloc(builder, (own->count + defaults + 1) * sizeof(*builder->spec.rlimits));
    if (builder->spec.rlimits == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < defaults; i++) {
        int result = add_default_rlimit(builder, input->default_ulimits->items[i], err);
        if (result != 0) {
            return result;
        }
    }
    for (size_t i = 0; i < own->count; i++) {
        const struct berth_ulimit *limit = own->items[i];
        int result = add_rlimit(builder, limit->name != NULL ? limit->name : "", limit->soft,
                                limit->hard, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static void set_flags(const struct spec_input *input, struct berth_shim_spec *spec)
{
    const struct berth_container_config *config = &input->record->config;
    const struct berth_host_config *host = &input->record->host_config;
    const struct {
        bool on;
        uint32_t flag;
    } flags[] = {
        {config->tty, BERTH_SHIM_PROCESS_TTY},
        {config->open_stdin, BERTH_SHIM_PROCESS_STDIN_OPEN},
        {config->stdin_once, BERTH_SHIM_PROCESS_STDIN_ONCE},
        {spec_no_new_privileges(host, input->no_new_privileges),
         BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES},
        {host->init == 1 || (host->init < 0 && input->init), BERTH_SHIM_PROCESS_INIT},
        {host->oom_score_adj != 0, BERTH_SHIM_PROCESS_SET_OOM_SCORE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        spec->flags |= flags[i].on ? flags[i].flag : 0;
    }
    spec->oom_score_adj = (int32_t)host->oom_score_adj;
}

int spec_build_process(const struct spec_input *input, struct spec_builder *builder,
                       berth_error *err)
{
    AUTO_STRV struct berth_strv env = {0}, argv = {0};
    struct berth_shim_spec *spec = &builder->spec;
    const struct container_record *record = input->record;
    if (!berth_strv_add(&argv, record->path) || !berth_strv_extend(&argv, &record->args)) {
        return berth_error_no_memory(err);
    }
    int result = spec_environment(input, &env, err);
    if (result != 0) {
        return result;
    }
    spec_strings(builder, &argv, &spec->argv);
    spec_strings(builder, &env, &spec->env);
    spec->cwd = spec_copy(
        builder, berth_str_empty(record->config.working_dir) ? "/" : record->config.working_dir);
    spec->uid = input->user->uid;
    spec->gid = input->user->gid;
    spec->group_count = input->user->group_count;
    spec->groups = spec_alloc(builder, (spec->group_count + 1) * sizeof(*spec->groups));
    if (spec->groups != NULL && spec->group_count > 0) {
        memcpy(spec->groups, input->user->groups, spec->group_count * sizeof(*spec->groups));
    }
    set_capabilities(input, spec);
    set_flags(input, spec);
    return set_rlimits(input, builder, err);
}
