/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver's parameter schema: is it sound, and do the configured values fit it?
 */
#include "plugin/plugin_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/size.h"

static bool key_valid(const char *key)
{
    size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    return key[0] >= 'a' && key[0] <= 'z' && key[length] == '\0' && length <= MAX_NAME;
}

/* Is word one of the words of "a|b|c"? */
static bool enum_has(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && strncmp(at, word, length) == 0 && length > 0) {
            return true;
        }
    }
    return false;
}

static bool type_known(const char *type)
{
    static const char *const types[] = {"str", "int", "bool", "path", "size"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return strncmp(type, "enum:", 5) == 0 && type[5] != '\0' && strstr(type, "||") == NULL;
}

/* Reads text as the type says; number gets int, bool and size. */
static bool value_parse(const char *type, const char *text, int64_t *ret_number)
{
    bool flag;
    if (strcmp(type, "int") == 0) {
        return berth_str_to_int64(text, ret_number);
    }
    if (strcmp(type, "size") == 0) {
        return berth_size_parse(text, ret_number);
    }
    if (strcmp(type, "bool") == 0) {
        if (!berth_str_to_bool(text, &flag)) {
            return false;
        }
        *ret_number = flag;
        return true;
    }
    if (strcmp(type, "path") == 0) {
        return text[0] == '/';
    }
    return strncmp(type, "enum:", 5) != 0 || enum_has(type + 5, text);
}

static int32_t lint_one(const struct loaded_plugin *plugin, uint32_t index, berth_error *err)
{
    const berth_param *param = &plugin->descriptor.params[index];
    int64_t ignored;
    const char *fault = NULL;
    if (param->key == NULL || !key_valid(param->key)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: its parameter %u has the key '%s'; wanted: "
                               "[a-z][a-z0-9.-]*",
                               plugin->file, index, param->key != NULL ? param->key : "(none)");
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(plugin->descriptor.params[i].key, param->key) == 0) {
            fault = "appears twice";
        }
    }
    if (param->type == NULL || !type_known(param->type)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: its parameter '%s' has the type '%s'; "
                               "wanted: str, int, bool, path, size or enum:a|b",
                               plugin->file, param->key,
                               param->type != NULL ? param->type : "(none)");
    }
    if (param->help == NULL || param->help[0] == '\0') {
        fault = "has no help text";
    } else if ((param->flags & BERTH_PARAM_REQUIRED) != 0 && param->def != NULL) {
        fault = "is required and has a default";
    } else if (param->def != NULL && !value_parse(param->type, param->def, &ignored)) {
        fault = "has a default that does not fit its type";
    }
    if (fault != NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: its parameter '%s' %s; wanted: a sound "
                               "schema",
                               plugin->file, param->key, fault);
    }
    return 0;
}

int32_t schema_lint(const struct loaded_plugin *plugin, berth_error *err)
{
    uint32_t count = plugin->descriptor.n_params;
    if (count > MAX_PARAMS || (count > 0 && plugin->descriptor.params == NULL)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "plugin file %s refused: it declares %u parameters%s; wanted: at "
                               "most %d",
                               plugin->file, count,
                               plugin->descriptor.params == NULL ? " without a list" : "",
                               MAX_PARAMS);
    }
    for (uint32_t i = 0; i < count; i++) {
        int32_t result = lint_one(plugin, i, err);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static int32_t parse_one(const struct loaded_plugin *plugin, const berth_param *param,
                         const char *given, struct cfg_value *ret_value, berth_error *err)
{
    const char *text = given != NULL ? given : param->def;
    bool secret = (param->flags & BERTH_PARAM_SECRET) != 0;
    ret_value->key = param->key;
    if (text == NULL && (param->flags & BERTH_PARAM_REQUIRED) != 0) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0, "%s driver %s: parameter '%s' (%s) is missing: %s",
            plugin->kind->word, plugin->name, param->key, param->type, param->help);
    }
    if (text != NULL && !value_parse(param->type, text, &ret_value->number)) {
        return berth_error_set(
            err, BERTH_E_INVALID, 0, "%s driver %s: parameter '%s' is '%s'; wanted: %s",
            plugin->kind->word, plugin->name, param->key, secret ? "(hidden)" : text, param->type);
    }
    ret_value->text = strdup(text != NULL ? text : "");
    return ret_value->text != NULL ? 0 : berth_error_no_memory(err);
}

static const berth_param *find_param(const struct loaded_plugin *plugin, const char *key)
{
    for (uint32_t i = 0; i < plugin->descriptor.n_params; i++) {
        if (strcmp(plugin->descriptor.params[i].key, key) == 0) {
            return &plugin->descriptor.params[i];
        }
    }
    return NULL;
}

static int32_t check_unknown(const struct loaded_plugin *plugin, const struct berth_strmap *params,
                             berth_error *err)
{
    for (size_t i = 0; params != NULL && i < params->count; i++) {
        if (find_param(plugin, params->keys[i]) != NULL) {
            continue;
        }
        AUTO_BUFFER struct berth_buffer known = BERTH_BUFFER_INIT;
        for (uint32_t p = 0; p < plugin->descriptor.n_params; p++) {
            berth_buffer_format(&known, "%s%s", p > 0 ? ", " : "",
                                plugin->descriptor.params[p].key);
        }
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "%s driver %s has no parameter '%s'; it has: %s", plugin->kind->word,
                               plugin->name, params->keys[i],
                               known.length > 0 ? known.data : "none");
    }
    return 0;
}

int32_t schema_parse(const struct loaded_plugin *plugin, const struct berth_strmap *params,
                     struct berth_cfg *ret_cfg, berth_error *err)
{
    uint32_t count = plugin->descriptor.n_params;
    int32_t result = check_unknown(plugin, params, err);
    if (result < 0) {
        return result;
    }
    struct berth_cfg cfg = {.values = calloc(count + 1, sizeof(*cfg.values)), .count = count};
    if (cfg.values == NULL) {
        return berth_error_no_memory(err);
    }
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        const berth_param *param = &plugin->descriptor.params[i];
        const char *given = params != NULL ? berth_strmap_get(params, param->key) : NULL;
        result = parse_one(plugin, param, given, &cfg.values[i], err);
    }
    if (result < 0) {
        cfg_done(&cfg);
        return result;
    }
    *ret_cfg = cfg;
    return 0;
}

void cfg_done(struct berth_cfg *cfg)
{
    for (size_t i = 0; i < cfg->count && cfg->values != NULL; i++) {
        free(cfg->values[i].text);
    }
    free(cfg->values);
    *cfg = (struct berth_cfg){0};
}
