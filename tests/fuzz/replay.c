/* SPDX-License-Identifier: Apache-2.0
 *
 * main() of a fuzz target where there is no libFuzzer: runs the target on each file of the corpus,
 * then on copies of them that a generator with a fixed seed damages.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 65536, DAMAGED = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 20260101;

static uint32_t next(void)
{
    /* xorshift64*, Vigna 2016 */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717ULL) >> 32);
}

/* Runs the target on memory of exactly this size, so that a sanitizer sees each byte too far. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t damage(uint8_t *data, size_t size)
{
    static const uint8_t odd[] = "\0\xff{}[]\",:/\\%\n\r\x80\x7f";
    for (uint32_t times = 1 + next() % 4; times > 0 && size > 0; times--) {
        size_t at = next() % size, length = 1 + next() % 16;
        if (length > size - at) {
            length = size - at;
        }
        switch (next() % 5) {
        case 0:
            data[at] ^= (uint8_t)(1u << next() % 8);
            break;
        case 1:
            data[at] = odd[next() % (sizeof odd - 1)];
            break;
        case 2:
            memmove(data + at, data + at + length, size - at - length);
            size -= length;
            break;
        case 3:
            memmove(data + at, data + next() % (size - length + 1), length);
            break;
        default:
            size = at + 1;
            break;
        }
    }
    return size;
}

static int file(const char *path)
{
    static uint8_t data[INPUT_MAX], worse[INPUT_MAX];
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, in);
    fclose(in);
    run(data, size);
    for (int i = 0; i < DAMAGED; i++) {
        memcpy(worse, data, size);
        run(worse, damage(worse, size));
    }
    return 0;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.') {
                count += file(path) == 0;
            }
        }
        if (folder != NULL) {
            closedir(folder);
        }
    }
    run((const uint8_t *)"", 0);
    printf("%d inputs, each as it is and damaged %d times\n", count, DAMAGED);
    return count > 0 ? 0 : 1;
}
