/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of templates: Go's own and Docker's.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/template_internal.h"

static int32_t wrong(berth_error *err, const char *sentence)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s", sentence);
}

static int32_t need(size_t have, size_t want, berth_error *err)
{
    if (have == want) {
        return 0;
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "wrong number of args: want %zu got %zu", want,
                           have);
}

static int32_t give_text(struct berth_buffer *text, struct value *ret, berth_error *err)
{
    if (berth_buffer_failed(text)) {
        return berth_error_no_memory(err);
    }
    ret->json = json_object_new_string_len(text->data != NULL ? text->data : "", (int)text->length);
    return 0;
}

static int32_t give_bool(bool yes, struct value *ret)
{
    ret->json = json_object_new_boolean(yes);
    return 0;
}

static const char *text_of(const struct value *value)
{
    return json_object_is_type(value->json, json_type_string) ? json_object_get_string(value->json)
                                                              : NULL;
}

/* Never called: the executor evaluates "and" and "or" itself. */
static int32_t short_circuit(const struct value *args, size_t count, struct value *ret,
                             berth_error *err)
{
    (void)args;
    (void)ret;
    return need(count, 1, err);
}

static int32_t function_not(const struct value *args, size_t count, struct value *ret,
                            berth_error *err)
{
    int32_t code = need(count, 1, err);
    return code != 0 ? code : give_bool(!berth_template_truth(args[0].json), ret);
}

static int32_t function_len(const struct value *args, size_t count, struct value *ret,
                            berth_error *err)
{
    int32_t code = need(count, 1, err);
    if (code != 0) {
        return code;
    }
    struct json_object *value = args[0].json;
    int64_t length = 0;
    if (json_object_is_type(value, json_type_array)) {
        length = (int64_t)json_object_array_length(value);
    } else if (json_object_is_type(value, json_type_object)) {
        length = json_object_object_length(value);
    } else if (json_object_is_type(value, json_type_string)) {
        length = json_object_get_string_len(value);
    } else if (value != NULL) {
        return wrong(err, "len of type that has no length");
    }
    ret->json = json_object_new_int64(length);
    return 0;
}

/* One step of index. *from is replaced by what is in it (both borrowed). */
static int32_t index_step(struct value *from, const struct value *key, berth_error *err)
{
    struct json_object *value = from->json, *found = NULL;
    const char *name = text_of(key);
    *from = (struct value){NULL, ""};
    if (value == NULL && name == NULL) {
        return wrong(err, "index of untyped nil");
    }
    if (value == NULL) {
        return 0; /* a nil map has no keys */
    }
    if (json_object_is_type(value, json_type_object)) {
        if (name == NULL) {
            return wrong(err, "value has type int; should be string");
        }
        from->json = json_object_object_get_ex(value, name, &found) ? found : NULL;
        from->nil_text = json_object_is_type(found, json_type_null) && found == NULL ? "" : NULL;
        return 0;
    }
    if (!json_object_is_type(value, json_type_array)) {
        return wrong(err, "can't index item of this type");
    }
    if (!json_object_is_type(key->json, json_type_int)) {
        return wrong(err, "cannot index slice/array with type string");
    }
    int64_t index = json_object_get_int64(key->json);
    if (index < 0 || index >= (int64_t)json_object_array_length(value)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "index out of range: %lld",
                               (long long)index);
    }
    from->json = json_object_array_get_idx(value, (size_t)index);
    return 0;
}

static int32_t function_index(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    if (count == 0) {
        return need(count, 1, err);
    }
    struct value value = args[0];
    for (size_t i = 1; i < count; i++) {
        int32_t code = index_step(&value, &args[i], err);
        if (code != 0) {
            return code;
        }
    }
    *ret = (struct value){json_object_get(value.json), value.nil_text};
    return 0;
}

static int32_t function_slice(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    if (count == 0 || count > 3) {
        return need(count, 3, err);
    }
    const char *text = text_of(&args[0]);
    bool array = json_object_is_type(args[0].json, json_type_array);
    if (text == NULL && !array) {
        return wrong(err, "slice of this type is not possible");
    }
    int64_t length =
        text != NULL ? (int64_t)strlen(text) : (int64_t)json_object_array_length(args[0].json);
    int64_t begin = count > 1 ? json_object_get_int64(args[1].json) : 0;
    int64_t end = count > 2 ? json_object_get_int64(args[2].json) : length;
    if (begin < 0 || end > length || begin > end) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "index out of range: %lld",
                               (long long)(begin > length || begin < 0 ? begin : end));
    }
    if (text != NULL) {
        ret->json = json_object_new_string_len(text + begin, (int)(end - begin));
        return 0;
    }
    ret->json = json_object_new_array();
    for (int64_t i = begin; i < end; i++) {
        struct json_object *item = json_object_array_get_idx(args[0].json, (size_t)i);
        json_object_array_add(ret->json, json_object_get(item));
    }
    return 0;
}

/* Go's Sprint puts a space between operands when neither is a string. */
static int32_t function_print(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        bool plain = text_of(&args[i]) == NULL && i > 0 && text_of(&args[i - 1]) == NULL;
        berth_buffer_add(&text, plain ? " " : "");
        berth_template_print_value(&args[i], &text);
    }
    return give_text(&text, ret, err);
}

static int32_t function_println(const struct value *args, size_t count, struct value *ret,
                                berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        berth_buffer_add(&text, i > 0 ? " " : "");
        berth_template_print_value(&args[i], &text);
    }
    berth_buffer_add(&text, "\n");
    return give_text(&text, ret, err);
}

static int32_t function_printf(const struct value *args, size_t count, struct value *ret,
                               berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = berth_template_printf(args, count, &text, err);
    return code != 0 ? code : give_text(&text, ret, err);
}

/* Replaces characters by the texts of a table; the joined values are the input. */
static int32_t escape(const struct value *args, size_t count, const char *characters,
                      const char *const *texts, struct value *ret, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT, text = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        berth_template_print_value(&args[i], &plain);
    }
    for (size_t i = 0; i < plain.length; i++) {
        const char *found = strchr(characters, plain.data[i]);
        if (found != NULL && *found != '\0') {
            berth_buffer_add(&text, texts[found - characters]);
        } else {
            berth_buffer_append(&text, &plain.data[i], 1);
        }
    }
    return give_text(&text, ret, err);
}

static int32_t function_html(const struct value *args, size_t count, struct value *ret,
                             berth_error *err)
{
    static const char *const texts[] = {"&#34;", "&#39;", "&amp;", "&lt;", "&gt;"};
    return escape(args, count, "\"'&<>", texts, ret, err);
}

static int32_t function_urlquery(const struct value *args, size_t count, struct value *ret,
                                 berth_error *err)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT, text = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        berth_template_print_value(&args[i], &plain);
    }
    for (size_t i = 0; i < plain.length; i++) {
        unsigned char c = (unsigned char)plain.data[i];
        if (isalnum(c) || strchr("-_.~", c) != NULL) {
            berth_buffer_append(&text, &c, 1);
        } else {
            berth_buffer_format(&text, c == ' ' ? "+" : "%%%02X", c);
        }
    }
    return give_text(&text, ret, err);
}

/* -1, 0, 1; false: the two cannot be compared. */
static bool compare(const struct value *a, const struct value *b, int *ret_order)
{
    enum json_type first = json_object_get_type(a->json), second = json_object_get_type(b->json);
    bool numbers = (first == json_type_int || first == json_type_double) &&
                   (second == json_type_int || second == json_type_double);
    if (numbers && first == json_type_int && second == json_type_int) {
        int64_t x = json_object_get_int64(a->json), y = json_object_get_int64(b->json);
        *ret_order = (x > y) - (x < y);
    } else if (numbers) {
        double x = json_object_get_double(a->json), y = json_object_get_double(b->json);
        *ret_order = (x > y) - (x < y);
    } else if (first == json_type_null || second == json_type_null) {
        *ret_order = first != second;
    } else if (first != second) {
        return false;
    } else if (first == json_type_boolean) {
        *ret_order = json_object_get_boolean(a->json) - json_object_get_boolean(b->json);
    } else if (first == json_type_string) {
        *ret_order = strcmp(json_object_get_string(a->json), json_object_get_string(b->json));
    } else {
        *ret_order = !json_object_equal(a->json, b->json);
    }
    return true;
}

/* eq takes more than one candidate. */
static int32_t function_eq(const struct value *args, size_t count, struct value *ret,
                           berth_error *err)
{
    bool yes = false;
    if (count < 2) {
        return wrong(err, "missing argument for comparison");
    }
    for (size_t i = 1; i < count && !yes; i++) {
        int order = 0;
        if (!compare(&args[0], &args[i], &order)) {
            return wrong(err, "incompatible types for comparison");
        }
        yes = order == 0;
    }
    return give_bool(yes, ret);
}

static int32_t order_of(const struct value *args, size_t count, int *ret_order, berth_error *err)
{
    int32_t code = need(count, 2, err);
    if (code != 0) {
        return code;
    }
    return compare(&args[0], &args[1], ret_order) ? 0
                                                  : wrong(err, "incompatible types for comparison");
}

#define COMPARISON(name, test)                                                     \
    static int32_t name(const struct value *args, size_t count, struct value *ret, \
                        berth_error *err)                                          \
    {                                                                              \
        int order = 0;                                                             \
        int32_t code = order_of(args, count, &order, err);                         \
        return code != 0 ? code : give_bool(order test 0, ret);                    \
    }

COMPARISON(function_ne, !=)
COMPARISON(function_lt, <)
COMPARISON(function_le, <=)
COMPARISON(function_gt, >)
COMPARISON(function_ge, >=)

static int32_t function_json(const struct value *args, size_t count, struct value *ret,
                             berth_error *err)
{
    int32_t code = need(count, 1, err);
    if (code == 0) {
        const char *text = json_object_to_json_string_ext(
            args[0].json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        ret->json = json_object_new_string(text);
    }
    return code;
}

static int32_t function_join(const struct value *args, size_t count, struct value *ret,
                             berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = need(count, 2, err);
    if (code != 0) {
        return code;
    }
    /* both orders are met: {{join .List ","}} and {{.List | join ","}} does not exist in Docker */
    const char *separator = text_of(&args[1]);
    if (separator == NULL ||
        (args[0].json != NULL && !json_object_is_type(args[0].json, json_type_array))) {
        return wrong(err, "wrong type for value; expected []string");
    }
    size_t total = args[0].json != NULL ? json_object_array_length(args[0].json) : 0;
    for (size_t i = 0; i < total; i++) {
        berth_buffer_add(&text, i > 0 ? separator : "");
        berth_template_print(json_object_array_get_idx(args[0].json, i), &text);
    }
    return give_text(&text, ret, err);
}

static int32_t function_split(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    int32_t code = need(count, 2, err);
    if (code != 0) {
        return code;
    }
    const char *text = text_of(&args[0]), *separator = text_of(&args[1]);
    if (text == NULL || separator == NULL) {
        return wrong(err, "wrong type for value; expected string");
    }
    size_t width = strlen(separator);
    ret->json = json_object_new_array();
    while (true) {
        const char *end = width > 0 ? strstr(text, separator) : (*text != '\0' ? text + 1 : NULL);
        if (width == 0 && (end == NULL || *end == '\0')) {
            end = NULL;
        }
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        json_object_array_add(ret->json, json_object_new_string_len(text, (int)length));
        if (end == NULL) {
            return 0;
        }
        text = end + width;
    }
}

/* ASCII letters only: names, states and tags are ASCII. */
static int32_t change_case(const struct value *args, size_t count, int mode, struct value *ret,
                           berth_error *err)
{
    int32_t code = need(count, 1, err);
    if (code != 0) {
        return code;
    }
    if (text_of(&args[0]) == NULL) {
        return wrong(err, "wrong type for value; expected string");
    }
    AUTO_FREE char *text = strdup(text_of(&args[0]));
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    bool begins = true;
    for (char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (mode == 'l') {
            *at = (char)tolower(c);
        } else if (mode == 'u' || begins) {
            *at = (char)toupper(c);
        }
        begins = !isalnum(c) && c != '_' && c != '\'' && c < 0x80;
    }
    ret->json = json_object_new_string(text);
    return 0;
}

static int32_t function_title(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    return change_case(args, count, 't', ret, err);
}

static int32_t function_lower(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    return change_case(args, count, 'l', ret, err);
}

static int32_t function_upper(const struct value *args, size_t count, struct value *ret,
                              berth_error *err)
{
    return change_case(args, count, 'u', ret, err);
}

/* pad TEXT BEFORE AFTER */
static int32_t function_pad(const struct value *args, size_t count, struct value *ret,
                            berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = need(count, 3, err);
    if (code != 0) {
        return code;
    }
    int before = json_object_get_int(args[1].json), after = json_object_get_int(args[2].json);
    if (text_of(&args[0]) == NULL || before < 0 || after < 0 || before > 10000 || after > 10000) {
        return wrong(err, "wrong type for value; expected string and two widths");
    }
    if (*text_of(&args[0]) != '\0') {
        berth_buffer_format(&text, "%*s%s%*s", before, "", text_of(&args[0]), after, "");
    }
    return give_text(&text, ret, err);
}

/* truncate TEXT LENGTH */
static int32_t function_truncate(const struct value *args, size_t count, struct value *ret,
                                 berth_error *err)
{
    int32_t code = need(count, 2, err);
    if (code != 0) {
        return code;
    }
    const char *text = text_of(&args[0]);
    int64_t length = json_object_get_int64(args[1].json);
    if (text == NULL || length < 0) {
        return wrong(err, "wrong type for value; expected string and a length");
    }
    size_t whole = strlen(text);
    ret->json =
        json_object_new_string_len(text, (int)((size_t)length < whole ? (size_t)length : whole));
    return 0;
}

template_function berth_template_function(const char *name)
{
    static const struct {
        const char *name;
        template_function function;
    } functions[] = {
        {"and", short_circuit},
        {"eq", function_eq},
        {"ge", function_ge},
        {"gt", function_gt},
        {"html", function_html},
        {"index", function_index},
        {"join", function_join},
        {"json", function_json},
        {"le", function_le},
        {"len", function_len},
        {"lower", function_lower},
        {"lt", function_lt},
        {"ne", function_ne},
        {"not", function_not},
        {"or", short_circuit},
        {"pad", function_pad},
        {"print", function_print},
        {"printf", function_printf},
        {"println", function_println},
        {"slice", function_slice},
        {"split", function_split},
        {"title", function_title},
        {"truncate", function_truncate},
        {"upper", function_upper},
        {"urlquery", function_urlquery},
    };
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return functions[i].function;
        }
    }
    return NULL;
}
