/* memory.c: takes memory away from a program that preloads this. jansson parses a text that
 * contains certain bytes without any memory. The file that FAIRGATE_MEMORY names holds these bytes;
 * it is mapped, so that a test can choose the text while the program runs. After them it counts the
 * affected texts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct scarce {
    uint32_t len; /* 0: memory is not limited */
    char bytes[124];
    _Atomic uint64_t refused;
};

static struct scarce *scarce;
static json_malloc_t allocate;
static _Thread_local bool none_left;

__attribute__((constructor)) static void map_scarce(void)
{
    const char *path = getenv("FAIRGATE_MEMORY");
    int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(*scarce), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    scarce = mapped != MAP_FAILED ? mapped : NULL;
    close(file);
}

static void *allocate_if_any(size_t size)
{
    return none_left ? NULL : allocate(size);
}

void json_set_alloc_funcs(json_malloc_t by, json_free_t release)
{
    void (*set)(json_malloc_t, json_free_t);
    *(void **)&set = dlsym(RTLD_NEXT, "json_set_alloc_funcs");
    allocate = by;
    set(allocate_if_any, release);
}

/* common/base/json_in.c parses plain texts itself, member by member. While some text lacks memory,
 * this fails each member, so json_in.c leaves the whole text to json_loadb(). */
int json_object_setn_new_nocheck(json_t *object, const char *key, size_t len, json_t *value)
{
    if (scarce != NULL && *(volatile uint32_t *)&scarce->len > 0) {
        json_decref(value);
        return -1;
    }
    int (*set)(json_t *, const char *, size_t, json_t *);
    *(void **)&set = dlsym(RTLD_NEXT, "json_object_setn_new_nocheck");
    return set(object, key, len, value);
}

json_t *json_loadb(const char *text, size_t len, size_t flags, json_error_t *why)
{
    json_t *(*load)(const char *, size_t, size_t, json_error_t *);
    *(void **)&load = dlsym(RTLD_NEXT, "json_loadb");
    uint32_t bytes = scarce != NULL ? *(volatile uint32_t *)&scarce->len : 0;
    none_left = bytes > 0 && memmem(text, len, scarce->bytes, bytes) != NULL;
    if (none_left)
        atomic_fetch_add(&scarce->refused, 1);
    json_t *doc = load(text, len, flags, why);
    none_left = false;
    return doc;
}
