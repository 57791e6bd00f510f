/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the daemon: connections, versions, errors.
 */
#include "client/client.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "client/client_internal.h"
#include "plugin/plugin.h"

#define ERROR_MAX ((size_t)64 * 1024)

int32_t berth_client_new(struct berth_endpoint *endpoint, const char *product, const char *version,
                         const struct berth_strmap *headers, struct berth_client **ret_client,
                         berth_error *err)
{
    struct berth_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        berth_endpoint_done(endpoint);
        return berth_error_no_memory(err);
    }
    client->endpoint = *endpoint;
    *endpoint = (struct berth_endpoint){0};
    client->version_fixed = client->version_known = !berth_str_empty(version);
    client->version = strdup(client->version_fixed ? version : BERTH_CLIENT_API_VERSION);
    client->product = strdup(product);
    if (client->version == NULL || client->product == NULL ||
        (headers != NULL && !berth_strmap_merge(&client->headers, headers))) {
        berth_client_free(client);
        return berth_error_no_memory(err);
    }
    *ret_client = client;
    return 0;
}

void berth_client_free(struct berth_client *client)
{
    if (client == NULL) {
        return;
    }
    berth_http_client_free(client->idle);
    berth_plugins_free(client->plugins);
    berth_strmap_done(&client->headers);
    berth_endpoint_done(&client->endpoint);
    free(client->product);
    free(client->version);
    free(client);
}

void berth_client_keep(struct berth_client *client, struct berth_http_client *http)
{
    if (client->idle == NULL) {
        client->idle = http;
    } else {
        berth_http_client_free(http);
    }
}

const struct berth_endpoint *berth_client_endpoint(const struct berth_client *client)
{
    return &client->endpoint;
}

const char *berth_client_version(const struct berth_client *client)
{
    return client->version;
}

static int32_t connect_new(struct berth_client *client, struct berth_http_client **ret_http,
                           berth_error *err)
{
    int fd = -1;
    int32_t code = berth_client_connect(client, &fd, err);
    if (code != 0) {
        return code;
    }
    const char *host = strstr(client->endpoint.host, "://") + 3;
    bool named = berth_str_starts(client->endpoint.host, "tcp://");
    AUTO_FREE char *name = berth_format("%.*s", (int)strcspn(host, "/"), host);
    return berth_http_client_new(fd, named && name != NULL ? name : "api.moby.localhost", ret_http,
                                 err);
}

/* The message of an error answer, and the class that its status stands for. */
static int32_t read_error(struct berth_reply *reply, berth_error *err)
{
    static const struct {
        int status;
        int32_t code;
    } classes[] = {
        {400, BERTH_E_INVALID},     {401, BERTH_E_UNAUTHORIZED}, {403, BERTH_E_FORBIDDEN},
        {404, BERTH_E_NOT_FOUND},   {409, BERTH_E_CONFLICT},     {501, BERTH_E_UNSUPPORTED},
        {503, BERTH_E_UNAVAILABLE},
    };
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = berth_http_client_read_all(reply->http, ERROR_MAX, &text, err);
    if (code != 0) {
        return code;
    }
    code = BERTH_E_INTERNAL;
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        code = classes[i].status == reply->head.status ? classes[i].code : code;
    }
    struct json_object *json = NULL, *message = NULL;
    const char *sentence = text.length > 0 ? berth_str_trim(text.data) : "(no message)";
    if (text.length > 0 &&
        berth_json_parse(text.data, strlen(text.data), "error", &json, NULL) == 0 &&
        json_object_is_type(json, json_type_object) &&
        json_object_object_get_ex(json, "message", &message)) {
        sentence = json_object_get_string(message);
    }
    berth_error_set(err, code, 0, "Error response from daemon: %s", sentence);
    json_object_put(json);
    return code;
}

static struct berth_http_call make_call(const struct berth_request *request, const char *target)
{
    return (struct berth_http_call){
        .method = request->method,
        .target = target,
        .headers = request->headers,
        .content_type = request->content_type,
        .body_reader = request->body_reader,
        .body_context = request->body_context,
        .upgrade = request->upgrade,
    };
}

/* Sends on reply->http; the head is not read yet. */
static int32_t send_request(struct berth_client *client, const struct berth_request *request,
                            struct berth_reply *reply, berth_error *err)
{
    AUTO_FREE char *target = request->unversioned
                                 ? strdup(request->target)
                                 : berth_format("/v%s%s", client->version, request->target);
    AUTO_STRMAP struct berth_strmap headers = {0};
    if (target == NULL) {
        return berth_error_no_memory(err);
    }
    struct berth_http_call call = make_call(request, target);
    if (client->headers.count > 0) {
        if (!berth_strmap_merge(&headers, &client->headers) ||
            (request->headers != NULL && !berth_strmap_merge(&headers, request->headers))) {
            return berth_error_no_memory(err);
        }
        call.headers = &headers;
    }
    if (request->body != NULL) {
        size_t length = 0;
        call.body = json_object_to_json_string_length(
            request->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
        call.body_length = length;
    }
    reply->upgrade = request->upgrade;
    reply->head_only = strcmp(request->method, "HEAD") == 0;
    return berth_http_client_begin(reply->http, &call, err);
}

static int32_t receive(struct berth_reply *reply, berth_error *err)
{
    struct berth_http_call call = {.method = reply->head_only ? "HEAD" : "GET",
                                   .upgrade = reply->upgrade};
    berth_http_reply_done(&reply->head);
    return berth_http_client_receive(reply->http, &call, &reply->head, err);
}

int32_t berth_client_begin(struct berth_client *client, const struct berth_request *request,
                           struct berth_reply *ret_reply, berth_error *err)
{
    struct berth_reply reply = {.client = client};
    int32_t code = connect_new(client, &reply.http, err);
    if (code == 0) {
        code = send_request(client, request, &reply, err);
    }
    if (code != 0) {
        berth_reply_done(&reply);
        return code;
    }
    *ret_reply = reply;
    return 0;
}

int32_t berth_client_finish(struct berth_reply *reply, berth_error *err)
{
    int32_t code = receive(reply, err);
    if (code != 0) {
        return code;
    }
    if (reply->head.status >= 400) {
        return read_error(reply, err);
    }
    reply->client->version_known = true;
    return 0;
}

/* "client version 1.51 is too new. Maximum supported API version is 1.41" names the version to go
 * on with. */
static bool fall_back(struct berth_client *client, const berth_error *err)
{
    static const char words[] = "Maximum supported API version is ";
    const char *found = strstr(err->msg, words);
    if (found == NULL || client->version_known) {
        return false;
    }
    found += sizeof(words) - 1;
    char *version = berth_format("%.*s", (int)strspn(found, "0123456789."), found);
    if (version == NULL) {
        return false;
    }
    berth_replace(&client->version, version);
    client->version_known = true;
    return true;
}

/* Sends once on the idle connection, or on a new one. */
static int32_t attempt(struct berth_client *client, const struct berth_request *request,
                       struct berth_reply *reply, bool *ret_stale, berth_error *err)
{
    bool reused = client->idle != NULL;
    int32_t code = 0;
    reply->client = client;
    reply->http = TAKE_PTR(client->idle);
    if (reply->http == NULL) {
        code = connect_new(client, &reply->http, err);
    }
    if (code == 0) {
        code = send_request(client, request, reply, err);
    }
    if (code == 0) {
        code = receive(reply, err);
    }
    /* the daemon may have closed a connection that lay idle: that is no failure yet */
    *ret_stale = code == BERTH_E_UNAVAILABLE && reused && reply->head.status == 0;
    if (code == 0 && reply->head.status >= 400) {
        code = read_error(reply, err);
    }
    if (code != 0) {
        berth_reply_done(reply);
    }
    return code;
}

/* A streamed body cannot be sent twice, so the version is found out first. */
static int32_t ensure_version(struct berth_client *client, berth_error *err)
{
    struct berth_request ping = {.method = "HEAD", .target = "/_ping", .unversioned = true};
    struct berth_reply reply = {0};
    if (client->version_known) {
        return 0;
    }
    int32_t code = berth_client_open(client, &ping, &reply, err);
    if (code != 0) {
        return code;
    }
    const char *version = berth_http_reply_header(&reply.head, "api-version");
    double theirs = version != NULL ? strtod(version + strspn(version, "1."), NULL) : 0;
    double ours = strtod(client->version + 2, NULL);
    if (version != NULL && theirs > 0 && theirs < ours) {
        berth_replace(&client->version, strdup(version));
    }
    client->version_known = true;
    berth_reply_done(&reply);
    return client->version != NULL ? 0 : berth_error_no_memory(err);
}

int32_t berth_client_open(struct berth_client *client, const struct berth_request *request,
                          struct berth_reply *ret_reply, berth_error *err)
{
    berth_error reason = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    bool stale = false;
    int32_t code = request->body_reader != NULL ? ensure_version(client, &reason) : 0;
    if (code == 0) {
        code = attempt(client, request, &reply, &stale, &reason);
    }
    if (code != 0 && ((stale && request->body_reader == NULL) ||
                      (!request->unversioned && fall_back(client, &reason)))) {
        berth_error_clear(&reason);
        code = attempt(client, request, &reply, &stale, &reason);
    }
    if (code != 0) {
        return berth_error_move(err, &reason);
    }
    client->version_known = client->version_known || !request->unversioned;
    *ret_reply = reply;
    return 0;
}

int32_t berth_client_call(struct berth_client *client, const char *method, const char *target,
                          struct json_object *body, struct json_object **ret_json, berth_error *err)
{
    struct berth_request request = {.method = method, .target = target, .body = body};
    struct berth_reply reply = {0};
    struct json_object *json = NULL;
    int32_t code = berth_client_open(client, &request, &reply, err);
    if (code != 0) {
        return code;
    }
    if (reply.head.length != 0) {
        code = berth_reply_json(&reply, &json, err);
    }
    berth_reply_done(&reply);
    if (code != 0) {
        return code;
    }
    if (ret_json != NULL) {
        *ret_json = json;
    } else {
        json_object_put(json);
    }
    return 0;
}
