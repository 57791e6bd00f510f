/* SPDX-License-Identifier: Apache-2.0
 *
 * Parser of templates.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/template_internal.h"
#include "cli/template_lex.h"

struct parser {
    struct lexer lexer;
    bool trim_next;              /* the last action ended in "-}}" */
    int depth;                   /* of blocks and parentheses */
    int ranges;                  /* enclosing range blocks */
    struct berth_strv variables; /* declared so far */
};

/* How a list of nodes ended. */
enum ending { ENDING_TEXT, ENDING_END, ENDING_ELSE, ENDING_ELSE_IF, ENDING_ELSE_WITH };

static int32_t parse_pipeline(struct parser *parser, struct pipeline **ret_pipeline,
                              berth_error *err);
static int32_t parse_list(struct parser *parser, struct node_list *list, enum ending *ret_ending,
                          berth_error *err);

static void free_list(struct node_list *list);

static void free_pipeline(struct pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    for (size_t i = 0; i < pipeline->count; i++) {
        for (size_t j = 0; j < pipeline->commands[i].count; j++) {
            struct operand *operand = &pipeline->commands[i].operands[j];
            free(operand->name);
            berth_strv_done(&operand->fields);
            json_object_put(operand->constant);
            free_pipeline(operand->pipeline);
        }
        free(pipeline->commands[i].operands);
    }
    free(pipeline->commands);
    free(pipeline->variables[0]);
    free(pipeline->variables[1]);
    free(pipeline);
}

static void free_list(struct node_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct node *node = &list->items[i];
        free(node->text);
        free_pipeline(node->pipeline);
        free_list(&node->body);
        free_list(&node->otherwise);
    }
    free(list->items);
    *list = (struct node_list){0};
}

void berth_template_free(struct berth_template *template)
{
    if (template != NULL) {
        free_list(&template->nodes);
        free(template->text);
        free(template);
    }
}

static bool is_sign(const struct token *token, const char *sign)
{
    return token->kind == TOKEN_SIGN && token->length == strlen(sign) &&
           memcmp(token->begin, sign, token->length) == 0;
}

static bool is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->length == strlen(word) &&
           memcmp(token->begin, word, token->length) == 0;
}

static int32_t next(struct parser *parser, berth_error *err)
{
    return berth_template_next(&parser->lexer, err);
}

static struct node *add_node(struct node_list *list, enum node_kind kind)
{
    struct node *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        return NULL;
    }
    list->items = items;
    items[list->count] = (struct node){.kind = kind};
    return &items[list->count++];
}

static int32_t unexpected(struct parser *parser, const char *where, berth_error *err)
{
    const struct token *token = &parser->lexer.token;
    if (token->kind == TOKEN_END) {
        return berth_template_fail(&parser->lexer, err, "missing value for %s", where);
    }
    return berth_template_fail(&parser->lexer, err, "unexpected \"%.*s\" in %s", (int)token->length,
                               token->begin, where);
}

static int32_t number_constant(struct parser *parser, struct operand *operand, berth_error *err)
{
    const struct token *token = &parser->lexer.token;
    AUTO_FREE char *text = strndup(token->begin, token->length);
    char *end = NULL;
    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    long long whole = strtoll(text, &end, 0);
    if (*end == '\0') {
        operand->constant = json_object_new_int64(whole);
        return 0;
    }
    double value = strtod(text, &end);
    if (*end != '\0') {
        return berth_template_fail(&parser->lexer, err, "bad number syntax: \"%s\"", text);
    }
    operand->constant = json_object_new_double(value);
    return 0;
}

static int32_t string_constant(struct parser *parser, struct operand *operand, berth_error *err)
{
    AUTO_FREE char *text = berth_template_string(&parser->lexer.token);
    if (text == NULL) {
        return berth_template_fail(&parser->lexer, err, "invalid syntax in a quoted string");
    }
    operand->constant = *parser->lexer.token.begin == '\'' ? json_object_new_int(text[0])
                                                           : json_object_new_string(text);
    return 0;
}

static int32_t word_operand(struct parser *parser, struct operand *operand, berth_error *err)
{
    const struct token *token = &parser->lexer.token;
    operand->kind = OPERAND_CONSTANT;
    if (is_word(token, "true") || is_word(token, "false")) {
        operand->constant = json_object_new_boolean(token->length == 4);
        return 0;
    }
    if (is_word(token, "nil")) {
        return 0;
    }
    operand->kind = OPERAND_FUNCTION;
    operand->name = strndup(token->begin, token->length);
    if (operand->name == NULL) {
        return berth_error_no_memory(err);
    }
    if (berth_template_function(operand->name) == NULL) {
        return berth_template_fail(&parser->lexer, err, "function \"%s\" not defined",
                                   operand->name);
    }
    return 0;
}

static int32_t variable_operand(struct parser *parser, struct operand *operand, berth_error *err)
{
    const struct token *token = &parser->lexer.token;
    operand->kind = OPERAND_VARIABLE;
    operand->name = strndup(token->begin, token->length);
    if (operand->name == NULL) {
        return berth_error_no_memory(err);
    }
    if (token->length > 1 && !berth_strv_contains(&parser->variables, operand->name)) {
        return berth_template_fail(&parser->lexer, err, "undefined variable \"%s\"", operand->name);
    }
    return 0;
}

static int32_t nested_operand(struct parser *parser, struct operand *operand, berth_error *err)
{
    operand->kind = OPERAND_PIPELINE;
    if (++parser->depth > TEMPLATE_DEPTH_MAX) {
        return berth_template_fail(&parser->lexer, err, "nested too deep");
    }
    int32_t code = next(parser, err);
    if (code == 0) {
        code = parse_pipeline(parser, &operand->pipeline, err);
    }
    if (code == 0 && !is_sign(&parser->lexer.token, ")")) {
        code = berth_template_fail(&parser->lexer, err, "unclosed left paren");
    }
    parser->depth--;
    return code;
}

/* The operand's first token; the parser stands on its last token afterwards. */
static int32_t parse_term(struct parser *parser, struct operand *operand, berth_error *err)
{
    const struct token *token = &parser->lexer.token;
    switch (token->kind) {
    case TOKEN_DOT:
        operand->kind = OPERAND_DOT;
        return 0;
    case TOKEN_FIELD:
        operand->kind = OPERAND_DOT;
        return berth_strv_addf(&operand->fields, "%.*s", (int)token->length - 1, token->begin + 1)
                   ? 0
                   : berth_error_no_memory(err);
    case TOKEN_VARIABLE:
        return variable_operand(parser, operand, err);
    case TOKEN_STRING:
        operand->kind = OPERAND_CONSTANT;
        return string_constant(parser, operand, err);
    case TOKEN_NUMBER:
        operand->kind = OPERAND_CONSTANT;
        return number_constant(parser, operand, err);
    case TOKEN_WORD:
        return word_operand(parser, operand, err);
    case TOKEN_SIGN:
        return is_sign(token, "(") ? nested_operand(parser, operand, err)
                                   : unexpected(parser, "operand", err);
    case TOKEN_END:
    default:
        return unexpected(parser, "command", err);
    }
}

/* A term and the ".Field"s glued to it; the parser stands behind it afterwards. */
static int32_t parse_operand(struct parser *parser, struct operand *operand, berth_error *err)
{
    operand->begin = (size_t)(parser->lexer.token.begin - parser->lexer.text);
    int32_t code = parse_term(parser, operand, err);
    const char *end = parser->lexer.at;
    if (code == 0) {
        code = next(parser, err);
    }
    while (code == 0 && parser->lexer.token.kind == TOKEN_FIELD && parser->lexer.token.glued) {
        const struct token *token = &parser->lexer.token;
        if (!berth_strv_addf(&operand->fields, "%.*s", (int)token->length - 1, token->begin + 1)) {
            return berth_error_no_memory(err);
        }
        end = parser->lexer.at;
        code = next(parser, err);
    }
    operand->length = (size_t)(end - parser->lexer.text) - operand->begin;
    return code;
}

static bool ends_command(const struct token *token)
{
    return token->kind == TOKEN_END || is_sign(token, "|") || is_sign(token, ")");
}

static int32_t parse_command(struct parser *parser, struct command *command, berth_error *err)
{
    while (!ends_command(&parser->lexer.token)) {
        struct operand *operands =
            realloc(command->operands, (command->count + 1) * sizeof(*operands));
        if (operands == NULL) {
            return berth_error_no_memory(err);
        }
        command->operands = operands;
        operands[command->count] = (struct operand){0};
        int32_t code = parse_operand(parser, &operands[command->count++], err);
        if (code != 0) {
            return code;
        }
    }
    if (command->count == 0) {
        return unexpected(parser, "command", err);
    }
    return 0;
}

/* "$x :=", "$x =", "$k, $v :=": looks ahead and steps back when it is none of these. */
static int32_t parse_declaration(struct parser *parser, struct pipeline *pipeline, berth_error *err)
{
    struct lexer saved = parser->lexer;
    struct token names[2];
    int count = 0;
    while (count < 2 && parser->lexer.token.kind == TOKEN_VARIABLE) {
        names[count++] = parser->lexer.token;
        int32_t code = next(parser, err);
        if (code != 0) {
            return code;
        }
        if (count == 1 && is_sign(&parser->lexer.token, ",")) {
            code = next(parser, err);
            if (code != 0) {
                return code;
            }
            continue;
        }
        break;
    }
    pipeline->assign = is_sign(&parser->lexer.token, "=");
    if (count == 0 || (!pipeline->assign && !is_sign(&parser->lexer.token, ":="))) {
        pipeline->assign = false;
        parser->lexer = saved;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        char *name = strndup(names[i].begin, names[i].length);
        pipeline->variables[i] = name;
        pipeline->variable_count = i + 1;
        if (name == NULL || !berth_strv_add(&parser->variables, name)) {
            return berth_error_no_memory(err);
        }
    }
    return next(parser, err);
}

static int32_t parse_pipeline(struct parser *parser, struct pipeline **ret_pipeline,
                              berth_error *err)
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = parse_declaration(parser, pipeline, err);
    while (code == 0) {
        struct command *commands =
            realloc(pipeline->commands, (pipeline->count + 1) * sizeof(*commands));
        if (commands == NULL) {
            code = berth_error_no_memory(err);
            break;
        }
        pipeline->commands = commands;
        commands[pipeline->count] = (struct command){0};
        code = parse_command(parser, &commands[pipeline->count++], err);
        if (code != 0 || !is_sign(&parser->lexer.token, "|")) {
            break;
        }
        code = next(parser, err);
    }
    if (code != 0) {
        free_pipeline(pipeline);
        return code;
    }
    *ret_pipeline = pipeline;
    return 0;
}

/* The parser stands on "}}" or "-}}": moves behind it. */
static int32_t close_action(struct parser *parser, berth_error *err)
{
    if (parser->lexer.token.kind != TOKEN_END) {
        return unexpected(parser, "command", err);
    }
    parser->trim_next = *parser->lexer.at == '-';
    parser->lexer.at += parser->trim_next ? 3 : 2;
    return 0;
}

static int32_t parse_block(struct parser *parser, struct node_list *list, enum node_kind kind,
                           enum ending *ret_ending, berth_error *err);

/* What follows the body of a block: {{else}}, {{else if}} or {{end}}. */
static int32_t parse_else(struct parser *parser, struct node *node, enum ending ending,
                          berth_error *err)
{
    if (ending == ENDING_END) {
        return 0;
    }
    if (ending == ENDING_ELSE) {
        int32_t code = parse_list(parser, &node->otherwise, &ending, err);
        if (code == 0 && ending != ENDING_END) {
            code = berth_template_fail(&parser->lexer, err, "expected end; found {{else}}");
        }
        return code;
    }
    /* "else if" is a block of its own that shares our {{end}} */
    return parse_block(parser, &node->otherwise, ending == ENDING_ELSE_IF ? NODE_IF : NODE_WITH,
                       &ending, err);
}

static const char *block_name(enum node_kind kind)
{
    return kind == NODE_IF ? "if" : kind == NODE_RANGE ? "range" : "with";
}

static int32_t parse_block(struct parser *parser, struct node_list *list, enum node_kind kind,
                           enum ending *ret_ending, berth_error *err)
{
    struct pipeline *pipeline = NULL;
    size_t known = parser->variables.count;
    int32_t code = next(parser, err);
    if (code == 0 && parser->lexer.token.kind == TOKEN_END) {
        code = unexpected(parser, block_name(kind), err);
    }
    if (code == 0) {
        code = parse_pipeline(parser, &pipeline, err);
    }
    if (code != 0) {
        return code;
    }
    struct node *node = add_node(list, kind);
    if (node == NULL) {
        free_pipeline(pipeline);
        return berth_error_no_memory(err);
    }
    node->pipeline = pipeline;
    code = close_action(parser, err);
    enum ending ending = ENDING_TEXT;
    if (code == 0 && ++parser->depth > TEMPLATE_DEPTH_MAX) {
        code = berth_template_fail(&parser->lexer, err, "nested too deep");
    }
    parser->ranges += kind == NODE_RANGE;
    if (code == 0) {
        code = parse_list(parser, &node->body, &ending, err);
    }
    parser->ranges -= kind == NODE_RANGE;
    if (code == 0) {
        code = parse_else(parser, node, ending, err);
    }
    parser->depth--;
    while (parser->variables.count > known) {
        berth_strv_remove(&parser->variables, parser->variables.count - 1);
    }
    *ret_ending = ENDING_END;
    return code;
}

/* {{break}} and {{continue}}. */
static int32_t parse_jump(struct parser *parser, struct node_list *list, enum node_kind kind,
                          berth_error *err)
{
    if (parser->ranges == 0) {
        return berth_template_fail(&parser->lexer, err, "{{%s}} outside {{range}}",
                                   kind == NODE_BREAK ? "break" : "continue");
    }
    int32_t code = next(parser, err);
    if (code == 0) {
        code = close_action(parser, err);
    }
    return code != 0 || add_node(list, kind) != NULL ? code : berth_error_no_memory(err);
}

/* {{end}}, {{else}}, {{else if ...}}; leaves "if" and "with" for parse_block to step over. */
static int32_t parse_ending(struct parser *parser, enum ending *ret_ending, berth_error *err)
{
    bool end = is_word(&parser->lexer.token, "end");
    if (parser->depth == 0) {
        return berth_template_fail(&parser->lexer, err, "unexpected {{%s}}", end ? "end" : "else");
    }
    int32_t code = next(parser, err);
    if (code != 0) {
        return code;
    }
    if (!end && is_word(&parser->lexer.token, "if")) {
        *ret_ending = ENDING_ELSE_IF;
        return 0;
    }
    if (!end && is_word(&parser->lexer.token, "with")) {
        *ret_ending = ENDING_ELSE_WITH;
        return 0;
    }
    *ret_ending = end ? ENDING_END : ENDING_ELSE;
    return close_action(parser, err);
}

/* One action behind its "{{". *ret_ending stays ENDING_TEXT unless it ends the list. */
static int32_t parse_action(struct parser *parser, struct node_list *list, enum ending *ret_ending,
                            berth_error *err)
{
    enum ending ending = ENDING_TEXT;
    int32_t code = next(parser, err);
    if (code != 0) {
        return code;
    }
    const struct token *token = &parser->lexer.token;
    if (is_word(token, "end") || is_word(token, "else")) {
        return parse_ending(parser, ret_ending, err);
    }
    if (is_word(token, "if")) {
        return parse_block(parser, list, NODE_IF, &ending, err);
    }
    if (is_word(token, "range")) {
        return parse_block(parser, list, NODE_RANGE, &ending, err);
    }
    if (is_word(token, "with")) {
        return parse_block(parser, list, NODE_WITH, &ending, err);
    }
    if (is_word(token, "break") || is_word(token, "continue")) {
        return parse_jump(parser, list, is_word(token, "break") ? NODE_BREAK : NODE_CONTINUE, err);
    }
    struct pipeline *pipeline = NULL;
    code = parse_pipeline(parser, &pipeline, err);
    if (code != 0) {
        return code;
    }
    struct node *node = add_node(list, NODE_ACTION);
    if (node == NULL) {
        free_pipeline(pipeline);
        return berth_error_no_memory(err);
    }
    node->pipeline = pipeline;
    return close_action(parser, err);
}

/* Text up to the next "{{"; leaves the parser behind it and its "- ". */
static int32_t parse_text(struct parser *parser, struct node_list *list, bool *ret_action,
                          berth_error *err)
{
    const char *begin = parser->lexer.at;
    const char *brace = strstr(begin, "{{");
    const char *end = brace != NULL ? brace : begin + strlen(begin);
    parser->lexer.at = brace != NULL ? brace + 2 : end;
    *ret_action = brace != NULL;
    if (parser->trim_next) {
        begin += strspn(begin, " \t\r\n");
        begin = begin < end ? begin : end;
    }
    if (brace != NULL && brace[2] == '-' && isspace((unsigned char)brace[3])) {
        parser->lexer.at = brace + 3;
        while (end > begin && isspace((unsigned char)end[-1])) {
            end--;
        }
    }
    if (end > begin) {
        struct node *node = add_node(list, NODE_TEXT);
        if (node == NULL || (node->text = strndup(begin, (size_t)(end - begin))) == NULL) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

/* {{/ * ... * /}}: true when one stood here and was skipped. */
static int32_t skip_comment(struct parser *parser, bool *ret_skipped, berth_error *err)
{
    const char *at = parser->lexer.at + strspn(parser->lexer.at, " \t");
    *ret_skipped = strncmp(at, "/*", 2) == 0;
    if (!*ret_skipped) {
        return 0;
    }
    const char *end = strstr(at + 2, "*/");
    if (end == NULL) {
        return berth_template_fail(&parser->lexer, err, "unclosed comment");
    }
    parser->lexer.at = end + 2;
    int32_t code = next(parser, err);
    return code != 0 ? code : close_action(parser, err);
}

static int32_t parse_list(struct parser *parser, struct node_list *list, enum ending *ret_ending,
                          berth_error *err)
{
    enum ending ending = ENDING_TEXT;
    while (ending == ENDING_TEXT) {
        bool action = false, comment = false;
        int32_t code = parse_text(parser, list, &action, err);
        if (code == 0 && !action) {
            if (parser->depth > 0) {
                return berth_template_fail(&parser->lexer, err, "unexpected EOF");
            }
            break;
        }
        if (code == 0) {
            code = skip_comment(parser, &comment, err);
        }
        if (code == 0 && !comment) {
            code = parse_action(parser, list, &ending, err);
        }
        if (code != 0) {
            return code;
        }
    }
    *ret_ending = ending;
    return 0;
}

int32_t berth_template_parse(const char *text, struct berth_template **ret_template,
                             berth_error *err)
{
    struct berth_template *template = calloc(1, sizeof(*template));
    if (template == NULL || (template->text = strdup(text)) == NULL) {
        free(template);
        return berth_error_no_memory(err);
    }
    struct parser parser = {.lexer = {.text = template->text, .at = template->text}};
    enum ending ending = ENDING_TEXT;
    int32_t code = parse_list(&parser, &template->nodes, &ending, err);
    berth_strv_done(&parser.variables);
    if (code != 0) {
        berth_template_free(template);
        return code;
    }
    *ret_template = template;
    return 0;
}
