/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this file a whole shared object for this machine that exports the entry point? Read from the
 * file alone, so that a text file, a truncated copy, another machine's library or just any library
 * is refused with a sentence before the dynamic linker runs any of its code. Format: elf(5).
 */
#include "plugin/plugin_internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OUR_MACHINE EM_386
#elif defined(__arm__)
#define OUR_MACHINE EM_ARM
#elif defined(__riscv)
#define OUR_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OUR_MACHINE EM_PPC64
#elif defined(__s390x__)
#define OUR_MACHINE EM_S390
#else
#define OUR_MACHINE EM_NONE
#endif
_Static_assert(OUR_MACHINE != EM_NONE, "add this machine's EM_ number above");

#define OUR_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OUR_DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct image {
    const char *file;
    const unsigned char *data;
    size_t size;
};

static int32_t refuse(const struct image *image, berth_error *err, const char *found,
                      const char *wanted)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "plugin file %s refused: found %s; wanted: %s",
                           image->file, found, wanted);
}

static int32_t truncated(const struct image *image, berth_error *err)
{
    char found[64];
    snprintf(found, sizeof(found), "a truncated file (%zu bytes)", image->size);
    return refuse(image, err, found, "a whole shared object");
}

/* Does [offset, offset + length) lie inside the file? */
static bool inside(const struct image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->size && length <= image->size - offset;
}

static int32_t check_header(const struct image *image, berth_error *err)
{
    char found[96];
    const ElfW(Ehdr) *header = (const void *)image->data;
    if (image->size < SELFMAG || memcmp(image->data, ELFMAG, SELFMAG) != 0) {
        return refuse(image, err, "a file that is not ELF", "a shared object");
    }
    if (image->size < sizeof(*header)) {
        return truncated(image, err);
    }
    if (header->e_ident[EI_CLASS] != OUR_CLASS || header->e_ident[EI_DATA] != OUR_DATA ||
        header->e_machine != OUR_MACHINE) {
        snprintf(found, sizeof(found), "a %d-bit object for machine %u",
                 header->e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, (unsigned)header->e_machine);
        char wanted[96];
        snprintf(wanted, sizeof(wanted), "a %zu-bit object for machine %u (this one)",
                 sizeof(void *) * 8, (unsigned)OUR_MACHINE);
        return refuse(image, err, found, wanted);
    }
    if (header->e_type != ET_DYN) {
        snprintf(found, sizeof(found), "an ELF file of type %u", (unsigned)header->e_type);
        return refuse(image, err, found, "a shared object (type 3)");
    }
    return 0;
}

/* Everything that the dynamic linker will map must be there, or touching it is a SIGBUS. */
static int32_t check_segments(const struct image *image, berth_error *err)
{
    const ElfW(Ehdr) *header = (const void *)image->data;
    bool dynamic = false;
    if (header->e_phentsize != sizeof(ElfW(Phdr)) ||
        !inside(image, header->e_phoff, (uint64_t)header->e_phnum * sizeof(ElfW(Phdr)))) {
        return truncated(image, err);
    }
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        memcpy(&segment, image->data + header->e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type == PT_INTERP) {
            return refuse(image, err, "a program", "a shared object");
        }
        if (segment.p_filesz > 0 && !inside(image, segment.p_offset, segment.p_filesz)) {
            return truncated(image, err);
        }
        dynamic = dynamic || segment.p_type == PT_DYNAMIC;
    }
    if (!dynamic) {
        return refuse(image, err, "an object without a dynamic section", "a shared object");
    }
    if (header->e_shnum != 0 &&
        !inside(image, header->e_shoff, (uint64_t)header->e_shnum * sizeof(ElfW(Shdr)))) {
        return truncated(image, err);
    }
    return 0;
}

/* Is the name among the defined symbols of this symbol table section? */
static bool table_exports(const struct image *image, const ElfW(Shdr) * symbols,
                          const ElfW(Shdr) * strings, const char *name)
{
    size_t length = strlen(name) + 1;
    if (symbols->sh_entsize != sizeof(ElfW(Sym)) ||
        !inside(image, symbols->sh_offset, symbols->sh_size) ||
        !inside(image, strings->sh_offset, strings->sh_size)) {
        return false;
    }
    for (uint64_t at = 0; at + sizeof(ElfW(Sym)) <= symbols->sh_size; at += sizeof(ElfW(Sym))) {
        ElfW(Sym) symbol;
        memcpy(&symbol, image->data + symbols->sh_offset + at, sizeof(symbol));
        if (symbol.st_shndx != SHN_UNDEF && symbol.st_name < strings->sh_size &&
            length <= strings->sh_size - symbol.st_name &&
            memcmp(image->data + strings->sh_offset + symbol.st_name, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static int32_t check_exports(const struct image *image, const char *name, berth_error *err)
{
    const ElfW(Ehdr) *header = (const void *)image->data;
    if (header->e_shnum == 0) {
        return 0; /* stripped of its section table: dlsym will tell */
    }
    for (unsigned i = 0; i < header->e_shnum; i++) {
        ElfW(Shdr) symbols, strings;
        memcpy(&symbols, image->data + header->e_shoff + i * sizeof(symbols), sizeof(symbols));
        if (symbols.sh_type != SHT_DYNSYM || symbols.sh_link >= header->e_shnum) {
            continue;
        }
        memcpy(&strings, image->data + header->e_shoff + symbols.sh_link * sizeof(strings),
               sizeof(strings));
        if (table_exports(image, &symbols, &strings, name)) {
            return 0;
        }
    }
    char wanted[96];
    snprintf(wanted, sizeof(wanted), "a driver that exports %s", name);
    return refuse(image, err, "a library that is not a Berth driver", wanted);
}

int32_t plugin_elf_check(const char *file, const char *symbol, berth_error *err)
{
    struct image image = {.file = file};
    struct stat status;
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return berth_error_errno(err, errno, "plugin file %s: cannot be opened", file);
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        return refuse(&image, err, S_ISREG(status.st_mode) ? "an empty file" : "not a file",
                      "a shared object");
    }
    image.size = (size_t)status.st_size;
    void *map = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return berth_error_errno(err, errno, "plugin file %s: cannot be read", file);
    }
    image.data = map;
    int32_t result = check_header(&image, err);
    if (result == 0) {
        result = check_segments(&image, err);
    }
    if (result == 0) {
        result = check_exports(&image, symbol, err);
    }
    munmap(map, image.size);
    return result;
}
