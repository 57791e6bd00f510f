/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading answers: whole, as a stream of JSON documents, as bytes, as a connection.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "client/client.h"
#include "client/client_internal.h"

void berth_reply_done(struct berth_reply *reply)
{
    if (reply->http != NULL && reply->client != NULL && berth_http_client_reusable(reply->http)) {
        berth_client_keep(reply->client, TAKE_PTR(reply->http));
    }
    berth_http_client_free(reply->http);
    berth_http_reply_done(&reply->head);
    berth_buffer_done(&reply->pending);
    if (reply->tokener != NULL) {
        json_tokener_free(reply->tokener);
    }
    *reply = (struct berth_reply){0};
}

int32_t berth_reply_json(struct berth_reply *reply, struct json_object **ret_json, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = berth_http_client_read_all(reply->http, BERTH_CLIENT_REPLY_MAX, &text, err);
    if (code != 0) {
        return code;
    }
    if (text.length == 0 || strspn(text.data, " \r\n\t") == text.length) {
        *ret_json = NULL;
        return 0;
    }
    return berth_json_parse(text.data, text.length, "the daemon's answer", ret_json, err);
}

/* Parses one document out of what was read. 1: got it; 0: more bytes are needed. */
static int32_t parse_pending(struct berth_reply *reply, struct json_object **ret_json,
                             berth_error *err)
{
    struct berth_buffer *pending = &reply->pending;
    if (pending->length == 0) {
        return 0;
    }
    struct json_object *json =
        json_tokener_parse_ex(reply->tokener, pending->data, (int)pending->length);
    enum json_tokener_error state = json_tokener_get_error(reply->tokener);
    if (state == json_tokener_continue) {
        berth_buffer_clear(pending); /* the tokener remembers */
        return 0;
    }
    if (state != json_tokener_success) {
        return berth_error_set(err, BERTH_E_DATA, 0, "the daemon's answer is not JSON: %s",
                               json_tokener_error_desc(state));
    }
    berth_buffer_consume(pending, json_tokener_get_parse_end(reply->tokener));
    json_tokener_reset(reply->tokener);
    *ret_json = json;
    return 1;
}

static bool only_space(const struct berth_buffer *text)
{
    return text->length == 0 || strspn(text->data, " \r\n\t") == text->length;
}

int32_t berth_reply_next(struct berth_reply *reply, struct json_object **ret_json, berth_error *err)
{
    if (reply->tokener == NULL) {
        reply->tokener = json_tokener_new_ex(BERTH_JSON_MAX_DEPTH);
        if (reply->tokener == NULL) {
            return berth_error_no_memory(err);
        }
    }
    while (true) {
        /* white space between documents must not start one, or the end would cut it off */
        if (only_space(&reply->pending)) {
            berth_buffer_clear(&reply->pending);
        }
        int32_t code = parse_pending(reply, ret_json, err);
        if (code != 0) {
            return code;
        }
        char *room = berth_buffer_reserve(&reply->pending, 16384);
        if (room == NULL) {
            return berth_error_no_memory(err);
        }
        ssize_t got = berth_http_client_read(reply->http, room, 16384, err);
        if (got <= 0) {
            return (int32_t)got;
        }
        reply->pending.length += (size_t)got;
        reply->pending.data[reply->pending.length] = '\0';
    }
}

ssize_t berth_reply_read(struct berth_reply *reply, void *buffer, size_t size, berth_error *err)
{
    return berth_http_client_read(reply->http, buffer, size, err);
}

int32_t berth_reply_hijack(struct berth_reply *reply, struct berth_buffer *early, int *ret_fd,
                           berth_error *err)
{
    return berth_http_client_hijack(reply->http, early, ret_fd, err);
}

int berth_reply_fd(const struct berth_reply *reply)
{
    return berth_http_client_fd(reply->http);
}
