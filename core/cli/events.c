/* SPDX-License-Identifier: Apache-2.0
 *
 * `events`.
 */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/client.h"
#include "http/url.h"

/* "2026-11-23T23:38:24.638688250Z" in local time, always nine decimals. */
static void print_time(struct json_object *event)
{
    int64_t nano = berth_json_int(event, "timeNano");
    if (nano == 0) {
        nano = berth_json_int(event, "time") * BERTH_NANOSECONDS;
    }
    time_t seconds = (time_t)(nano / BERTH_NANOSECONDS);
    char date[32] = "", zone[16] = "";
    struct tm local;
    if (localtime_r(&seconds, &local) != NULL) {
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
        strftime(zone, sizeof(zone), "%z", &local);
    }
    printf("%s.%09lld", date, (long long)(nano % BERTH_NANOSECONDS));
    if (strcmp(zone, "+0000") == 0) {
        putchar('Z');
    } else {
        printf("%.3s:%s", zone, zone + 3);
    }
}

/* TIME TYPE ACTION ID (name=value, ...) */
static void print_line(struct json_object *event)
{
    AUTO_STRV struct berth_strv pairs = {0};
    struct json_object *attributes = berth_json_member(event, "Actor/Attributes");
    print_time(event);
    printf(" %s %s %s", berth_json_string(event, "Type"), berth_json_string(event, "Action"),
           berth_json_string(event, "Actor/ID"));
    if (json_object_is_type(attributes, json_type_object)) {
        json_object_object_foreach(attributes, key, value)
        {
            berth_strv_addf(&pairs, "%s=%s", key, json_object_get_string(value));
        }
    }
    berth_strv_sort(&pairs);
    AUTO_FREE char *text = berth_strv_join(&pairs, ", ");
    if (pairs.count > 0) {
        printf(" (%s)", text);
    }
    putchar('\n');
}

static int print_event(const char *format, struct json_object *event)
{
    int status = 0;
    if (*format == '\0') {
        print_line(event);
    } else {
        status = berth_output_template(format, NULL, event);
    }
    fflush(stdout);
    return status;
}

static int run_events(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    berth_buffer_add(&target, "/events");
    berth_query_add_time(&target, "since", berth_flags_string(flags, "since"));
    berth_query_add_time(&target, "until", berth_flags_string(flags, "until"));
    if (berth_cli_filters(berth_flags_list(flags, "filter"), &target) != 0 ||
        berth_cli_client(cli) == NULL) {
        return 1;
    }
    struct berth_request request = {.method = "GET", .target = target.data};
    int32_t code = berth_client_open(cli->client, &request, &reply, &err);
    int status = 0;
    struct json_object *event = NULL;
    while (code == 0 && status == 0) {
        code = berth_reply_next(&reply, &event, &err);
        if (code <= 0) {
            break;
        }
        status = print_event(berth_flags_string(flags, "format"), event);
        json_object_put(event);
        code = 0;
    }
    berth_reply_done(&reply);
    return code < 0 ? berth_cli_fail(&err) : status;
}

static const struct berth_flag events_flags[] = {
    BERTH_FLAG_FILTER,
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT),
    BERTH_FLAG_LINE(STRING, "since", 0, "Show all events created since timestamp"),
    BERTH_FLAG_LINE(STRING, "until", 0, "Stream events until this timestamp"),
};

const struct berth_command berth_command_events = {
    .usage = "[OPTIONS]",
    .summary = "Get real time events from the server",
    .known_as = "system events, events",
    BERTH_FLAGS(events_flags),
    .run = run_events,
};
