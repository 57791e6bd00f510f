/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns of text with the rules of Go's text/tabwriter, which all of Docker's tables follow.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

struct cell {
    const char *text;
    size_t length, width; /* bytes, characters */
    size_t column;        /* width of its column; 0: the line's last cell */
};

struct line {
    struct cell *cells;
    size_t count;
};

static size_t count_characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += (text[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool split_line(struct line *line, const char *text, size_t length)
{
    size_t tabs = 0;
    for (size_t i = 0; i < length; i++) {
        tabs += text[i] == '\t';
    }
    line->cells = calloc(tabs + 1, sizeof(*line->cells));
    if (line->cells == NULL) {
        return false;
    }
    const char *end = text + length;
    while (true) {
        const char *tab = memchr(text, '\t', (size_t)(end - text));
        struct cell *cell = &line->cells[line->count++];
        cell->text = text;
        cell->length = (size_t)((tab != NULL ? tab : end) - text);
        cell->width = count_characters(text, cell->length);
        if (tab == NULL) {
            return true;
        }
        text = tab + 1;
    }
}

/* Gives the run of lines that starts at `first` and has this column one width; returns the line
 * after the run. */
static size_t size_run(struct line *lines, size_t count, size_t first, size_t column,
                       size_t minimum, size_t padding)
{
    size_t end = first, width = minimum;
    while (end < count && lines[end].count > column + 1) {
        size_t cell = lines[end].cells[column].width + padding;
        width = cell > width ? cell : width;
        end++;
    }
    for (size_t i = first; i < end; i++) {
        lines[i].cells[column].column = width;
    }
    return end;
}

static void print_line(const struct line *line, FILE *out)
{
    for (size_t i = 0; i < line->count; i++) {
        const struct cell *cell = &line->cells[i];
        fwrite(cell->text, 1, cell->length, out);
        if (cell->column > cell->width) {
            fprintf(out, "%*s", (int)(cell->column - cell->width), "");
        }
    }
    fputc('\n', out);
}

void berth_output_columns(const char *text, size_t minimum, size_t padding, FILE *out)
{
    size_t count = 0, used = 0, widest = 0;
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == '\n';
    }
    struct line *lines = calloc(count + 1, sizeof(*lines));
    bool fine = lines != NULL;
    while (fine && *text != '\0') {
        size_t length = strcspn(text, "\n");
        fine = split_line(&lines[used++], text, length);
        widest = lines[used - 1].count > widest ? lines[used - 1].count : widest;
        text += length;
        text += *text == '\n';
    }
    for (size_t column = 0; column + 1 < widest; column++) {
        for (size_t i = 0; i < used;) {
            size_t end = size_run(lines, used, i, column, minimum, padding);
            i = end > i ? end : i + 1;
        }
    }
    for (size_t i = 0; i < used; i++) {
        print_line(&lines[i], out);
        free(lines[i].cells);
    }
    free(lines);
}
