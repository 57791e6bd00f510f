/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs templates.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/template_internal.h"

#define VARIABLES_MAX 64

struct variable {
    const char *name;
    struct value value;
};

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

struct run {
    const struct berth_template *template;
    const struct berth_template_source *source;
    struct berth_buffer *out;
    struct json_object *root;
    struct variable variables[VARIABLES_MAX];
    int variable_count;
};

static int32_t eval_pipeline(struct run *run, const struct pipeline *pipeline, struct value dot,
                             struct value *ret, berth_error *err);
static int32_t exec_list(struct run *run, const struct node_list *list, struct value dot,
                         enum flow *ret_flow, berth_error *err);

static struct value share(struct value value)
{
    return (struct value){json_object_get(value.json), value.nil_text};
}

static void drop(struct value *value)
{
    json_object_put(value->json);
    *value = (struct value){0};
}

/* "template: :LINE:COLUMN: executing "" at <OPERAND>: sentence" */
static int32_t fail_at(const struct run *run, const struct operand *operand, const char *sentence,
                       berth_error *err)
{
    int line = 1;
    size_t column = 0;
    for (size_t i = 0; i < operand->begin; i++) {
        bool feed = run->template->text[i] == '\n';
        line += feed;
        column = feed ? 0 : column + 1;
    }
    int length = operand->length > 60 ? 60 : (int)operand->length;
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "template: :%d:%zu: executing \"\" at <%.*s>: %.300s", line, column,
                           length, run->template->text + operand->begin, sentence);
}

static const char *type_word(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return "bool";
    case json_type_int:
        return "int";
    case json_type_double:
        return "float64";
    case json_type_string:
        return "string";
    case json_type_array:
        return "[]interface {}";
    case json_type_object:
        return "map[string]interface {}";
    case json_type_null:
    default:
        return "nil";
    }
}

/* A member that is not there: nothing for maps and members that may be left out, else an error. */
static int32_t absent_member(const struct run *run, const struct operand *operand,
                             const char *parent, const char *name, struct value *ret,
                             berth_error *err)
{
    char sentence[200];
    const char *nil_text = berth_template_absent(name);
    if (parent != NULL && berth_template_is_map(parent)) {
        nil_text = "<no value>";
    }
    if (nil_text == NULL && run->source->type != NULL) {
        snprintf(sentence, sizeof(sentence), "can't evaluate field %s in type %s", name,
                 run->source->type);
        return fail_at(run, operand, sentence, err);
    }
    if (nil_text == NULL) {
        snprintf(sentence, sizeof(sentence), "map has no entry for key \"%s\"", name);
        return fail_at(run, operand, sentence, err);
    }
    *ret = (struct value){NULL, nil_text};
    return 0;
}

/* A member by its name; else by its name in another case, since Go's fields (ID, APIVersion) are
 * spelled differently from their JSON (Id, ApiVersion). */
static bool find_member(struct json_object *object, const char *name,
                        struct json_object **ret_value)
{
    if (json_object_object_get_ex(object, name, ret_value)) {
        return true;
    }
    json_object_object_foreach(object, key, value)
    {
        if (strcasecmp(key, name) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* One ".Name" of a chain; takes `from` over. */
static int32_t member(struct run *run, const struct operand *operand, size_t index,
                      struct value *from, berth_error *err)
{
    const char *name = operand->fields.items[index];
    const char *parent = index > 0 ? operand->fields.items[index - 1] : NULL;
    struct json_object *found = NULL;
    struct value result = {0};
    int32_t code = 0;
    char sentence[200];
    if (json_object_is_type(from->json, json_type_object)) {
        if (find_member(from->json, name, &found)) {
            const char *nil_text = berth_template_absent(name);
            result = (struct value){json_object_get(found), nil_text != NULL ? nil_text : "[]"};
        } else if (run->source->method == NULL ||
                   !run->source->method(from->json, name, NULL, &result.json)) {
            code = absent_member(run, operand, parent, name, &result, err);
        }
    } else if (from->json == NULL) {
        snprintf(sentence, sizeof(sentence), "nil pointer evaluating interface {}.%s", name);
        code = fail_at(run, operand, sentence, err);
    } else {
        snprintf(sentence, sizeof(sentence), "can't evaluate field %s in type %s", name,
                 type_word(from->json));
        code = fail_at(run, operand, sentence, err);
    }
    drop(from);
    *from = result;
    return code;
}

static struct value *find_variable(struct run *run, const char *name)
{
    for (int i = run->variable_count - 1; i >= 0; i--) {
        if (strcmp(run->variables[i].name, name) == 0) {
            return &run->variables[i].value;
        }
    }
    return NULL;
}

static int32_t declare(struct run *run, const char *name, struct value value, berth_error *err)
{
    if (run->variable_count == VARIABLES_MAX) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "template: over %d variables",
                               VARIABLES_MAX);
    }
    run->variables[run->variable_count++] = (struct variable){name, share(value)};
    return 0;
}

/* Variables declared inside a block end with it. */
static void forget_variables(struct run *run, int count)
{
    while (run->variable_count > count) {
        drop(&run->variables[--run->variable_count].value);
    }
}

static int32_t eval_operand(struct run *run, const struct operand *operand, struct value dot,
                            struct value *ret, berth_error *err)
{
    struct value value = {0};
    const struct value *variable = NULL;
    int32_t code = 0;
    switch (operand->kind) {
    case OPERAND_DOT:
        value = share(dot);
        break;
    case OPERAND_VARIABLE:
        if (operand->name[1] == '\0') {
            value = (struct value){json_object_get(run->root), "<no value>"};
        } else {
            variable = find_variable(run, operand->name);
            value = variable != NULL ? share(*variable) : (struct value){0};
        }
        break;
    case OPERAND_CONSTANT:
        value = (struct value){json_object_get(operand->constant), "<nil>"};
        break;
    case OPERAND_PIPELINE:
        code = eval_pipeline(run, operand->pipeline, dot, &value, err);
        break;
    case OPERAND_FUNCTION:
    default:
        return fail_at(run, operand, "a function needs its arguments in parentheses here", err);
    }
    for (size_t i = 0; code == 0 && i < operand->fields.count; i++) {
        code = member(run, operand, i, &value, err);
    }
    if (code != 0) {
        drop(&value);
        return code;
    }
    *ret = value;
    return 0;
}

/* A function without arguments may stand as an operand ("println | len" does not, "print" may). */
static int32_t eval_argument(struct run *run, const struct operand *operand, struct value dot,
                             struct value *ret, berth_error *err)
{
    if (operand->kind != OPERAND_FUNCTION) {
        return eval_operand(run, operand, dot, ret, err);
    }
    berth_error reason = BERTH_ERROR_INIT;
    if (berth_template_function(operand->name)(NULL, 0, ret, &reason) != 0) {
        return fail_at(run, operand, reason.msg, err);
    }
    return 0;
}

/* "and" and "or" evaluate only as many operands as they need. */
static int32_t eval_short_circuit(struct run *run, const struct command *command, struct value dot,
                                  const struct value *final, struct value *ret, berth_error *err)
{
    bool wanted = strcmp(command->operands[0].name, "or") == 0;
    struct value value = {0};
    for (size_t i = 1; i < command->count; i++) {
        drop(&value);
        int32_t code = eval_argument(run, &command->operands[i], dot, &value, err);
        if (code != 0) {
            return code;
        }
        if (berth_template_truth(value.json) == wanted) {
            *ret = value;
            return 0;
        }
    }
    if (final != NULL) {
        drop(&value);
        value = share(*final);
    }
    *ret = value;
    return 0;
}

static int32_t call_function(struct run *run, const struct command *command, struct value dot,
                             const struct value *final, struct value *ret, berth_error *err)
{
    const struct operand *name = &command->operands[0];
    if (strcmp(name->name, "and") == 0 || strcmp(name->name, "or") == 0) {
        return eval_short_circuit(run, command, dot, final, ret, err);
    }
    size_t count = 0;
    struct value *args = calloc(command->count + 1, sizeof(*args));
    if (args == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = 0;
    for (size_t i = 1; code == 0 && i < command->count; i++) {
        code = eval_argument(run, &command->operands[i], dot, &args[count], err);
        count += code == 0;
    }
    if (code == 0 && final != NULL) {
        args[count++] = share(*final);
    }
    if (code == 0) {
        berth_error reason = BERTH_ERROR_INIT;
        if (berth_template_function(name->name)(args, count, ret, &reason) != 0) {
            char sentence[400];
            snprintf(sentence, sizeof(sentence), "error calling %s: %.300s", name->name,
                     reason.msg);
            struct operand whole = *name;
            const struct operand *last = &command->operands[command->count - 1];
            whole.length = last->begin + last->length - whole.begin;
            code = fail_at(run, &whole, sentence, err);
        }
    }
    while (count > 0) {
        drop(&args[--count]);
    }
    free(args);
    return code;
}

/* {{.Label "x"}}: a member that takes an argument. */
static int32_t call_method(struct run *run, const struct command *command, struct value dot,
                           const struct value *final, struct value *ret, berth_error *err)
{
    const struct operand *head = &command->operands[0];
    struct value argument = {0};
    int32_t code = 0;
    if (command->count > 1) {
        code = eval_argument(run, &command->operands[1], dot, &argument, err);
    } else {
        argument = share(*final);
    }
    if (code != 0) {
        return code;
    }
    bool found = head->fields.count == 1 && run->source->method != NULL &&
                 run->source->method(dot.json, head->fields.items[0], argument.json, &ret->json);
    drop(&argument);
    ret->nil_text = "";
    return found ? 0 : fail_at(run, head, "can't give argument to non-function", err);
}

static int32_t eval_command(struct run *run, const struct command *command, struct value dot,
                            const struct value *final, struct value *ret, berth_error *err)
{
    const struct operand *head = &command->operands[0];
    bool has_arguments = command->count > 1 || final != NULL;
    if (head->kind == OPERAND_FUNCTION) {
        return call_function(run, command, dot, final, ret, err);
    }
    if (!has_arguments) {
        return eval_operand(run, head, dot, ret, err);
    }
    if (head->kind == OPERAND_DOT && head->fields.count > 0) {
        return call_method(run, command, dot, final, ret, err);
    }
    return fail_at(run, head, "can't give argument to non-function", err);
}

static int32_t eval_value(struct run *run, const struct pipeline *pipeline, struct value dot,
                          struct value *ret, berth_error *err)
{
    struct value value = {0};
    for (size_t i = 0; i < pipeline->count; i++) {
        struct value result = {0};
        int32_t code =
            eval_command(run, &pipeline->commands[i], dot, i > 0 ? &value : NULL, &result, err);
        drop(&value);
        if (code != 0) {
            return code;
        }
        value = result;
    }
    *ret = value;
    return 0;
}

static int32_t eval_pipeline(struct run *run, const struct pipeline *pipeline, struct value dot,
                             struct value *ret, berth_error *err)
{
    struct value value = {0};
    int32_t code = eval_value(run, pipeline, dot, &value, err);
    if (code == 0 && pipeline->variable_count > 0) {
        const char *name = pipeline->variables[0];
        struct value *variable = pipeline->assign ? find_variable(run, name) : NULL;
        if (variable != NULL) {
            drop(variable);
            *variable = share(value);
        } else {
            code = declare(run, name, value, err);
        }
    }
    if (code != 0) {
        drop(&value);
        return code;
    }
    *ret = value;
    return 0;
}

/* One turn of a range; key and item are borrowed. */
static int32_t exec_turn(struct run *run, const struct node *node, struct json_object *key,
                         struct json_object *item, enum flow *ret_flow, berth_error *err)
{
    const struct pipeline *pipeline = node->pipeline;
    struct value values[2] = {{key, "<nil>"}, {item, "<no value>"}};
    int known = run->variable_count, count = pipeline->variable_count;
    int32_t code = 0;
    for (int i = 0; code == 0 && i < count; i++) {
        code = declare(run, pipeline->variables[i], values[count == 1 ? 1 : i], err);
    }
    if (code == 0) {
        code = exec_list(run, &node->body, values[1], ret_flow, err);
    }
    forget_variables(run, known);
    return code;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Go ranges over maps in the order of their keys. */
static int32_t range_object(struct run *run, const struct node *node, struct json_object *object,
                            berth_error *err)
{
    size_t count = 0, total = (size_t)json_object_object_length(object);
    const char **keys = calloc(total + 1, sizeof(*keys));
    if (keys == NULL) {
        return berth_error_no_memory(err);
    }
    json_object_object_foreach(object, key, unused)
    {
        (void)unused;
        keys[count++] = key;
    }
    qsort(keys, count, sizeof(*keys), compare_keys);
    int32_t code = 0;
    enum flow flow = FLOW_NEXT;
    for (size_t i = 0; code == 0 && flow != FLOW_BREAK && i < count; i++) {
        struct json_object *name = json_object_new_string(keys[i]);
        code = exec_turn(run, node, name, json_object_object_get(object, keys[i]), &flow, err);
        json_object_put(name);
    }
    free(keys);
    return code;
}

static int32_t range_array(struct run *run, const struct node *node, struct json_object *array,
                           berth_error *err)
{
    size_t count = json_object_array_length(array);
    int32_t code = 0;
    enum flow flow = FLOW_NEXT;
    for (size_t i = 0; code == 0 && flow != FLOW_BREAK && i < count; i++) {
        struct json_object *index = json_object_new_int64((int64_t)i);
        code = exec_turn(run, node, index, json_object_array_get_idx(array, i), &flow, err);
        json_object_put(index);
    }
    return code;
}

static int32_t exec_range(struct run *run, const struct node *node, struct value dot,
                          enum flow *ret_flow, berth_error *err)
{
    struct value value = {0};
    int32_t code = eval_value(run, node->pipeline, dot, &value, err);
    if (code != 0) {
        return code;
    }
    if (!berth_template_truth(value.json)) {
        code = exec_list(run, &node->otherwise, dot, ret_flow, err);
    } else if (json_object_is_type(value.json, json_type_object)) {
        code = range_object(run, node, value.json, err);
    } else if (json_object_is_type(value.json, json_type_array)) {
        code = range_array(run, node, value.json, err);
    } else {
        char sentence[100];
        snprintf(sentence, sizeof(sentence), "range can't iterate over %.60s",
                 json_object_get_string(value.json));
        code = fail_at(run, &node->pipeline->commands[0].operands[0], sentence, err);
    }
    drop(&value);
    return code;
}

static int32_t exec_condition(struct run *run, const struct node *node, struct value dot,
                              enum flow *ret_flow, berth_error *err)
{
    struct value value = {0};
    int known = run->variable_count;
    int32_t code = eval_pipeline(run, node->pipeline, dot, &value, err);
    if (code == 0) {
        bool yes = berth_template_truth(value.json);
        struct value inner = node->kind == NODE_WITH && yes ? value : dot;
        code = exec_list(run, yes ? &node->body : &node->otherwise, inner, ret_flow, err);
    }
    drop(&value);
    forget_variables(run, known);
    return code;
}

static int32_t exec_action(struct run *run, const struct node *node, struct value dot,
                           berth_error *err)
{
    struct value value = {0};
    int32_t code = eval_pipeline(run, node->pipeline, dot, &value, err);
    if (code == 0 && node->pipeline->variable_count == 0) {
        berth_template_print_value(&value, run->out);
    }
    drop(&value);
    return code;
}

static int32_t exec_list(struct run *run, const struct node_list *list, struct value dot,
                         enum flow *ret_flow, berth_error *err)
{
    int32_t code = 0;
    *ret_flow = FLOW_NEXT;
    for (size_t i = 0; code == 0 && *ret_flow == FLOW_NEXT && i < list->count; i++) {
        const struct node *node = &list->items[i];
        switch (node->kind) {
        case NODE_TEXT:
            berth_buffer_add(run->out, node->text);
            break;
        case NODE_ACTION:
            code = exec_action(run, node, dot, err);
            break;
        case NODE_IF:
        case NODE_WITH:
            code = exec_condition(run, node, dot, ret_flow, err);
            break;
        case NODE_RANGE:
            code = exec_range(run, node, dot, ret_flow, err);
            break;
        case NODE_BREAK:
            *ret_flow = FLOW_BREAK;
            break;
        case NODE_CONTINUE:
        default:
            *ret_flow = FLOW_CONTINUE;
            break;
        }
    }
    return code;
}

int32_t berth_template_execute(const struct berth_template *template,
                               const struct berth_template_source *source, struct json_object *data,
                               struct berth_buffer *out, berth_error *err)
{
    struct run run = {.template = template, .source = source, .out = out, .root = data};
    enum flow flow = FLOW_NEXT;
    int32_t code = exec_list(&run, &template->nodes, (struct value){data, "<nil>"}, &flow, err);
    forget_variables(&run, 0);
    return code;
}
