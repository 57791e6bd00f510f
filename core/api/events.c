/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /events: what happened and happens, as a stream of JSON lines.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "event/event.h"

struct actor {
    char *id;
    struct berth_strmap attributes;
};

struct message {
    char *status, *id, *from; /* what clients before 1.22 read; gone in 1.52 */
    char *type, *action;
    struct actor actor;
    char *scope;
    int64_t time, time_nano;
};

#define FIELD(type, member, name, kind, flags) \
    BERTH_JSON_FIELD(struct type, member, name, kind, flags)
#define OLD(member, name) \
    BERTH_JSON_VERSIONED(struct message, member, name, STRING, BERTH_JSON_OMIT_EMPTY, 0, 151)

static const struct berth_json_field actor_fields[] = {
    FIELD(actor, id, "ID", STRING, 0),
    FIELD(actor, attributes, "Attributes", STRMAP, 0),
};
static const struct berth_json_table actor_table =
    BERTH_JSON_TABLE("Actor", struct actor, actor_fields);

static const struct berth_json_field message_fields[] = {
    OLD(status, "status"),
    OLD(id, "id"),
    OLD(from, "from"),
    FIELD(message, type, "Type", STRING, 0),
    FIELD(message, action, "Action", STRING, 0),
    BERTH_JSON_NESTED(struct message, actor, "Actor", OBJECT, 0, actor_table),
    FIELD(message, scope, "scope", STRING, BERTH_JSON_OMIT_EMPTY),
    FIELD(message, time, "time", INT64, BERTH_JSON_OMIT_EMPTY),
    FIELD(message, time_nano, "timeNano", INT64, BERTH_JSON_OMIT_EMPTY),
};
static const struct berth_json_table message_table =
    BERTH_JSON_TABLE("event", struct message, message_fields);

static int32_t send_event(struct berth_http_request *request, const struct berth_event *event,
                          berth_error *err)
{
    char scope[] = "local";
    struct message message = {
        .type = event->type,
        .action = event->action,
        .actor = {.id = event->id, .attributes = event->attributes},
        .scope = scope,
        .time = event->time / BERTH_NANOSECONDS,
        .time_nano = event->time,
    };
    if (strcmp(event->type, "container") == 0 || strcmp(event->type, "image") == 0) {
        const char *from = berth_strmap_get(&event->attributes, "image");
        message.status = event->action;
        message.id = event->id;
        message.from = strcmp(event->type, "container") == 0 ? (char *)(uintptr_t)from : NULL;
    }
    return berth_api_stream_json(
        request, berth_json_write(&message_table, &message, berth_http_request_tag(request)), err);
}

/* "container=web" is met by the id, a prefix of it, or the name. */
static bool actor_matches(const struct berth_event *event, const char *type, const char *value)
{
    if (strcmp(event->type, type) != 0) {
        return false;
    }
    const char *name = berth_strmap_get(&event->attributes, "name");
    return strncmp(event->id, value, strlen(value)) == 0 || berth_str_equal(name, value);
}

static bool image_matches(const struct berth_event *event, const char *value)
{
    const char *name =
        berth_strmap_get(&event->attributes, strcmp(event->type, "image") == 0 ? "name" : "image");
    if (strcmp(event->type, "image") == 0 && strcmp(event->id, value) == 0) {
        return true;
    }
    size_t length = strlen(value);
    /* a name without a tag stands for all its tags */
    return name != NULL && strncmp(name, value, length) == 0 &&
           (name[length] == '\0' || name[length] == ':');
}

static bool label_matches(const struct berth_event *event, const char *value)
{
    const char *equal = strchr(value, '=');
    AUTO_FREE char *key = equal != NULL ? strndup(value, (size_t)(equal - value)) : strdup(value);
    const char *found = key != NULL ? berth_strmap_get(&event->attributes, key) : NULL;
    return found != NULL && (equal == NULL || strcmp(found, equal + 1) == 0);
}

static bool action_matches(const struct berth_event *event, const char *value)
{
    size_t length = strlen(value);
    /* "exec_create" stands for "exec_create: sh -c ..." */
    return strncmp(event->action, value, length) == 0 &&
           (event->action[length] == '\0' || event->action[length] == ':');
}

static bool one_matches(const struct berth_event *event, const char *key, const char *value)
{
    if (strcmp(key, "type") == 0) {
        return strcmp(event->type, value) == 0;
    }
    if (strcmp(key, "event") == 0) {
        return action_matches(event, value);
    }
    if (strcmp(key, "scope") == 0) {
        return strcmp(value, "local") == 0;
    }
    if (strcmp(key, "label") == 0) {
        return label_matches(event, value);
    }
    if (strcmp(key, "image") == 0) {
        return image_matches(event, value);
    }
    return actor_matches(event, key, value);
}

/* Values of one key are alternatives, keys must all be met; labels must all be met. */
static bool event_matches(const struct berth_event *event, const struct berth_strv *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        const char *equal = strchr(filters->items[i], '=');
        size_t length = (size_t)(equal - filters->items[i]) + 1;
        AUTO_FREE char *key = strndup(filters->items[i], length - 1);
        bool met = key == NULL;
        bool all = key != NULL && strcmp(key, "label") == 0;
        for (size_t j = 0; !met && j < filters->count; j++) {
            bool same = strncmp(filters->items[j], filters->items[i], length) == 0;
            met = same && (!all || j == i) && one_matches(event, key, filters->items[j] + length);
        }
        if (!met) {
            return false;
        }
    }
    return true;
}

static int32_t check_filters(const struct berth_strv *filters, berth_error *err)
{
    static const char *const keys[] = {"config", "container", "daemon", "event",  "image",
                                       "label",  "network",   "node",   "plugin", "scope",
                                       "secret", "service",   "type",   "volume", "builder"};
    for (size_t i = 0; i < filters->count; i++) {
        size_t length = strcspn(filters->items[i], "=");
        bool known = false;
        for (size_t k = 0; k < ARRAY_SIZE(keys) && !known; k++) {
            known = strlen(keys[k]) == length && memcmp(keys[k], filters->items[i], length) == 0;
        }
        if (!known) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'", (int)length,
                                   filters->items[i]);
        }
    }
    return 0;
}

struct stream {
    struct berth_http_request *request;
    struct berth_event_subscription *subscription;
    int64_t until;
    struct berth_strv filters;
};

/* Sends what is there. 1: all sent for now; 0: `until` is reached. */
static int32_t send_ready(struct stream *stream, berth_error *err)
{
    for (;;) {
        struct berth_event *event = NULL;
        int32_t rc = berth_event_next(stream->subscription, 0, &event, err);
        if (rc == BERTH_E_TIMEOUT) {
            return 1;
        }
        if (rc < 0) {
            return rc;
        }
        bool late = stream->until != 0 && event->time > stream->until;
        if (!late && event_matches(event, &stream->filters)) {
            rc = send_event(stream->request, event, err);
        }
        berth_event_unref(event);
        if (rc < 0 || late) {
            return rc;
        }
    }
}

static int32_t follow(struct stream *stream, berth_error *err)
{
    struct pollfd pollers[] = {
        {.fd = berth_event_poll_fd(stream->subscription), .events = POLLIN},
        {.fd = berth_http_request_fd(stream->request)},
    };
    for (;;) {
        int32_t rc = send_ready(stream, err);
        if (rc <= 0) {
            return rc;
        }
        int64_t left = -1;
        if (stream->until != 0) {
            left = (stream->until - berth_time_now()) / 1000000 + 1;
            if (left <= 0) {
                return 0;
            }
        }
        int ready = poll(pollers, ARRAY_SIZE(pollers), left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready < 0 && errno != EINTR) {
            return berth_error_errno(err, errno, "waiting for events");
        }
        if (pollers[1].revents != 0) {
            return 0;
        }
    }
}

int32_t berth_api_events(struct berth_http_request *request, berth_error *err)
{
    struct stream stream = {.request = request};
    int64_t since = 0;
    int32_t rc = berth_api_query_time(request, "since", &since, err);
    if (rc == 0) {
        rc = berth_api_query_time(request, "until", &stream.until, err);
    }
    if (rc == 0 && since != 0 && stream.until != 0 && stream.until < since) {
        rc = berth_error_set(err, BERTH_E_INVALID, 0, "`since` time cannot be after `until` time");
    }
    if (rc == 0) {
        rc = berth_api_filters(request, &stream.filters, err);
    }
    if (rc == 0) {
        rc = check_filters(&stream.filters, err);
    }
    if (rc == 0) {
        rc = berth_event_subscribe(berth_engine_events(berth_api_engine(request)), since,
                                   &stream.subscription, err);
    }
    if (rc == 0) {
        rc = berth_http_stream_start(request, 200, JSON_TYPE, err);
    }
    if (rc == 0) {
        rc = follow(&stream, err);
    }
    berth_event_unsubscribe(stream.subscription);
    berth_strv_done(&stream.filters);
    return rc;
}
