/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws progress messages (Docker's jsonmessage).
 */
#include "cli/progress.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/size.h"
#include "cli/output.h"

#define BAR_WIDTH 50

struct screen {
    FILE *out;
    bool terminal;
    int columns;
    struct berth_strv ids; /* a line each, in the order they came */
};

/* "[=====>    ]  1.2MB/3.4MB" of a progressDetail. */
static void add_bar(const struct screen *screen, struct json_object *detail,
                    struct berth_buffer *line)
{
    int64_t current = berth_json_int(detail, "current"), total = berth_json_int(detail, "total");
    char now[BERTH_SIZE_TEXT], whole[BERTH_SIZE_TEXT];
    if (current <= 0 && total <= 0) {
        return;
    }
    berth_size_format(current, 4, now);
    if (total <= 0 || current > total) {
        berth_buffer_format(line, " %8s", now);
        return;
    }
    if (screen->columns > 110) {
        int filled = (int)(current * BAR_WIDTH / total);
        berth_buffer_add(line, " [");
        for (int i = 0; i < BAR_WIDTH; i++) {
            berth_buffer_add(line, i < filled ? "=" : i == filled ? ">" : " ");
        }
        berth_buffer_add(line, "] ");
    }
    berth_buffer_format(line, " %8s/%s", now, berth_size_format(total, 4, whole));
}

/* How many lines above the cursor this ID's line is; a new ID gets a new line. */
static size_t line_of(struct screen *screen, const char *id)
{
    for (size_t i = 0; i < screen->ids.count; i++) {
        if (strcmp(screen->ids.items[i], id) == 0) {
            return screen->ids.count - i;
        }
    }
    berth_strv_add(&screen->ids, id);
    fputc('\n', screen->out);
    return 1;
}

static void show_message(struct screen *screen, struct json_object *message)
{
    AUTO_BUFFER struct berth_buffer line = BERTH_BUFFER_INIT;
    struct json_object *detail = berth_json_member(message, "progressDetail");
    const char *id = berth_json_string(message, "id");
    const char *status = berth_json_string(message, "status");
    const char *stream = berth_json_string(message, "stream");
    bool moving = detail != NULL && json_object_object_length(detail) > 0;
    if (*stream != '\0') {
        fputs(stream, screen->out);
        return;
    }
    if (*status == '\0' || (moving && !screen->terminal)) {
        return;
    }
    berth_buffer_format(&line, "%s%s%s", id, *id != '\0' ? ": " : "", status);
    if (screen->terminal && moving) {
        add_bar(screen, detail, &line);
    }
    if (screen->terminal && *id != '\0') {
        size_t up = line_of(screen, id);
        fprintf(screen->out, "\033[%zuA\033[2K\r%s\r\033[%zuB", up, line.data, up);
    } else {
        fprintf(screen->out, "%s\n", line.data);
        berth_strv_done(&screen->ids); /* what is above stays as it is */
    }
    fflush(screen->out);
}

static int32_t check_error(struct json_object *message, berth_error *err)
{
    const char *sentence = berth_json_string(message, "errorDetail/message");
    if (*sentence == '\0') {
        sentence = berth_json_string(message, "error");
    }
    return *sentence == '\0' ? 0 : berth_error_set(err, BERTH_E_INTERNAL, 0, "%s", sentence);
}

int32_t berth_progress_show_to(struct berth_reply *reply, bool quiet, FILE *out, berth_error *err)
{
    struct winsize size;
    struct screen screen = {.out = out, .terminal = isatty(fileno(out))};
    struct json_object *message = NULL;
    int32_t code = 0;
    screen.columns = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;
    while (code == 0) {
        code = berth_reply_next(reply, &message, err);
        if (code <= 0) {
            break;
        }
        code = check_error(message, err);
        bool aside = *berth_json_string(message, "status") != '\0';
        if (code == 0 && !(quiet && aside)) {
            show_message(&screen, message);
        }
        json_object_put(message);
    }
    berth_strv_done(&screen.ids);
    return code;
}

int32_t berth_progress_show(struct berth_reply *reply, bool quiet, berth_error *err)
{
    return berth_progress_show_to(reply, quiet, stdout, err);
}
