/* SPDX-License-Identifier: Apache-2.0
 *
 * Help output: usage, the lists of commands, flags wrapped to the terminal's width.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/cli.h"

#define WRAP_SLOP 5 /* a last word may stick out this far */

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

/* How many characters of text go on one line of about `width`; *ret_skip: what to skip then. */
static size_t wrap_line(const char *text, size_t width, size_t *ret_skip)
{
    size_t length = strlen(text);
    *ret_skip = 0;
    if (width + WRAP_SLOP > length) {
        return length;
    }
    size_t cut = 0, newline = 0;
    for (size_t i = 1; i < width; i++) {
        if (text[i] == '\n') {
            newline = cut = i;
        } else if (text[i] == ' ') {
            cut = i;
        }
    }
    cut = newline > 0 ? newline : cut;
    if (cut == 0) {
        return length;
    }
    *ret_skip = 1;
    return cut;
}

/* Prints text wrapped, lines after the first indented. */
static void print_wrapped(FILE *out, const char *text, size_t indent, size_t columns)
{
    size_t width = columns > indent + 24 ? columns - indent - WRAP_SLOP : 24;
    while (true) {
        size_t skip = 0, length = wrap_line(text, width, &skip);
        for (size_t i = 0; i < length; i++) {
            fputc(text[i], out);
            if (text[i] == '\n') {
                fprintf(out, "%*s", (int)indent, "");
            }
        }
        text += length + skip;
        fputc('\n', out);
        if (*text == '\0') {
            return;
        }
        fprintf(out, "%*s", (int)indent, "");
    }
}

static const char *value_word(const struct berth_flag *flag)
{
    static const char *const words[] = {
        [BERTH_FLAG_STRING] = "string", [BERTH_FLAG_INT] = "int",
        [BERTH_FLAG_BYTES] = "bytes",   [BERTH_FLAG_DURATION] = "duration",
        [BERTH_FLAG_LIST] = "list",     [BERTH_FLAG_STRINGS] = "strings",
    };
    if (flag->type == BERTH_FLAG_BOOL) {
        return NULL;
    }
    return flag->value != NULL ? flag->value : words[flag->type];
}

/* "  -a, --all" or "      --format string". */
static int flag_label(const struct berth_flag *flag, char *text, size_t size)
{
    char shorthand[8] = "    ";
    if (flag->shorthand != 0) {
        snprintf(shorthand, sizeof(shorthand), "-%c, ", flag->shorthand);
    }
    const char *word = value_word(flag);
    return snprintf(text, size, "  %s--%s%s%s", shorthand, flag->name, word != NULL ? " " : "",
                    word != NULL ? word : "");
}

static void print_flag(FILE *out, const struct berth_flag *flag, int column, int columns)
{
    char label[128];
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    flag_label(flag, label, sizeof(label));
    berth_buffer_add(&text, flag->help);
    if (flag->initial != NULL) {
        const char *quote = flag->type == BERTH_FLAG_STRING && flag->value == NULL ? "\"" : "";
        berth_buffer_format(&text, " (default %s%s%s)", quote, flag->initial, quote);
    }
    fprintf(out, "%-*s", column, label);
    print_wrapped(out, text.data, (size_t)column, (size_t)columns);
}

static int compare_flags(const void *a, const void *b)
{
    return strcmp((*(const struct berth_flag *const *)a)->name,
                  (*(const struct berth_flag *const *)b)->name);
}

static void print_flags(FILE *out, const struct berth_command *command, const char *title)
{
    static const struct berth_flag help = {
        .name = "help", .type = BERTH_FLAG_BOOL, .help = "Print usage"};
    size_t total = command->flag_count + command->more_flag_count, count = 0;
    AUTO_FREE const struct berth_flag **shown = calloc(total + 1, sizeof(*shown));
    if (shown == NULL) {
        return;
    }
    bool has_h = false;
    for (size_t i = 0; i < total; i++) {
        const struct berth_flag *flag = i < command->flag_count
                                            ? &command->flags[i]
                                            : &command->more_flags[i - command->flag_count];
        if ((flag->flags & (BERTH_FLAG_HIDDEN | BERTH_FLAG_DEPRECATED)) == 0) {
            shown[count++] = flag;
            has_h |= flag->shorthand == 'h';
        }
    }
    if (has_h) {
        shown[count++] = &help; /* -h is taken, so say how help is asked for */
    }
    if (count == 0) {
        return;
    }
    qsort(shown, count, sizeof(*shown), compare_flags);
    int column = 0;
    char label[128];
    for (size_t i = 0; i < count; i++) {
        int length = flag_label(shown[i], label, sizeof(label));
        column = length > column ? length : column;
    }
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < count; i++) {
        print_flag(out, shown[i], column + 3, terminal_width());
    }
}

static void print_section(FILE *out, const struct berth_command *group, int section,
                          const char *title)
{
    bool any = false;
    int width = 11; /* as wide as Docker's */
    for (size_t i = 0; i < group->entry_count; i++) {
        const struct berth_command_entry *entry = &group->entries[i];
        if (entry->section != section) {
            continue;
        }
        if (!any) {
            fprintf(out, "\n%s:\n", title);
            any = true;
        }
        fprintf(out, "  %-*s %s\n", width, entry->name, entry->command->summary);
    }
}

/* "Aliases:": every full name of the command. */
static void print_aliases(FILE *out, const struct berth_cli *cli)
{
    const char *at = cli->command->known_as;
    if (at == NULL) {
        return;
    }
    fputs("\nAliases:\n  ", out);
    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        fprintf(out, "%s %.*s", cli->program, (int)length, at);
        at += length;
        if (*at == ',') {
            fputs(", ", out);
            at += strspn(at, ", ");
        }
    }
    fputc('\n', out);
}

static void print_usage(FILE *out, const struct berth_cli *cli)
{
    const struct berth_command *command = cli->command;
    if (command->entry_count > 0) {
        bool root = command == &berth_cli_root;
        fprintf(out, "Usage:  %s %sCOMMAND\n", cli->path, root ? "[OPTIONS] " : "");
        return;
    }
    const char *usage = command->usage;
    const char *lead = "Usage:  ";
    while (usage != NULL) {
        const char *next = strchr(usage, '\n');
        int length = next != NULL ? (int)(next - usage) : (int)strlen(usage);
        fprintf(out, "%s%s%s%.*s\n", lead, cli->path, length > 0 ? " " : "", length, usage);
        lead = "\t";
        usage = next != NULL ? next + 1 : NULL;
    }
}

void berth_cli_help(const struct berth_cli *cli, FILE *out)
{
    const struct berth_command *command = cli->command;
    print_usage(out, cli);
    fprintf(out, "\n%s\n", command->description != NULL ? command->description : command->summary);
    print_aliases(out, cli);
    print_section(out, command, BERTH_SECTION_COMMON, "Common Commands");
    print_section(out, command, BERTH_SECTION_MANAGEMENT, "Management Commands");
    print_section(out, command, BERTH_SECTION_OTHER, "Commands");
    print_flags(out, command, command == &berth_cli_root ? "Global Options" : "Options");
    if (command->entry_count > 0) {
        fprintf(out, "\nRun '%s COMMAND --help' for more information on a command.\n", cli->path);
    }
}

int berth_cli_usage_error(const struct berth_cli *cli, const char *sentence, const char *see,
                          int code)
{
    const struct berth_command *command = cli->command;
    fprintf(stderr, "%s\n\n", sentence);
    if (command == &berth_cli_root) {
        fprintf(stderr, "Usage:  %s [OPTIONS] COMMAND [ARG...]\n\n", cli->path);
    } else if (command->entry_count > 0) {
        fprintf(stderr, "Usage:  %s\n\n", cli->path);
    } else {
        print_usage(stderr, cli);
        fputc('\n', stderr);
    }
    fprintf(stderr, "%s '%s --help' for more information\n", see, cli->path);
    return code;
}
