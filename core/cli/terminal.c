/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw mode, window size, detach keys.
 */
#include "cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/string.h"

static struct termios saved;
static int saved_fd = -1;

void berth_terminal_restore(void)
{
    if (saved_fd >= 0) {
        tcsetattr(saved_fd, TCSANOW, &saved);
        saved_fd = -1;
    }
}

static void restore_and_die(int number)
{
    berth_terminal_restore(); /* tcsetattr is async-signal-safe */
    signal(number, SIG_DFL);
    raise(number);
}

bool berth_terminal_raw(int fd)
{
    struct termios raw;
    if (tcgetattr(fd, &saved) != 0) {
        return false;
    }
    raw = saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &raw) != 0) {
        return false;
    }
    saved_fd = fd;
    atexit(berth_terminal_restore);
    struct sigaction action = {.sa_handler = restore_and_die};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    return true;
}

bool berth_terminal_size(int fd, int *ret_rows, int *ret_columns)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) {
        return false;
    }
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
    return true;
}

/* "a" or "ctrl-X" with X a letter or one of @ [ \ ] ^ _ */
static int parse_key(const char *word)
{
    if (word[0] != '\0' && word[1] == '\0') {
        return (unsigned char)word[0];
    }
    if (!berth_str_starts(word, "ctrl-") || word[5] == '\0' || word[6] != '\0') {
        return -1;
    }
    char key = word[5];
    if (key >= 'a' && key <= 'z') {
        return key - 'a' + 1;
    }
    if (key == '@') {
        return 0;
    }
    return key >= '[' && key <= '_' ? key - '[' + 27 : -1;
}

int32_t berth_detach_parse(const char *text, struct berth_detach *ret_detach, berth_error *err)
{
    struct berth_detach detach = {.count = 0};
    AUTO_STRV struct berth_strv words = {0};
    if (*text == '\0') {
        text = BERTH_DETACH_KEYS_DEFAULT;
    }
    if (!berth_strv_split(&words, text, ',')) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < words.count; i++) {
        int key = parse_key(words.items[i]);
        if (key < 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "Unknown character: '%s'",
                                   words.items[i]);
        }
        if (detach.count == BERTH_DETACH_KEYS_MAX) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "over %d detach keys",
                                   BERTH_DETACH_KEYS_MAX);
        }
        detach.keys[detach.count++] = (unsigned char)key;
    }
    *ret_detach = detach;
    return 0;
}

bool berth_detach_filter(struct berth_detach *detach, const char *data, size_t length, char *out,
                         size_t *ret_length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)data[i] == detach->keys[detach->matched]) {
            detach->matched++;
            if (detach->matched == detach->count) {
                *ret_length = used;
                return true;
            }
            continue;
        }
        memcpy(out + used, detach->keys, detach->matched);
        used += detach->matched;
        detach->matched = 0;
        if ((unsigned char)data[i] == detach->keys[0]) {
            detach->matched = 1;
            continue;
        }
        out[used++] = data[i];
    }
    *ret_length = used;
    return false;
}
