/* work.h - what the steps of one move share. */
#ifndef YARD_ITEMS_WORK_H
#define YARD_ITEMS_WORK_H
#include <limits.h>

#include "client/agents/common/text.h"
#include "client/agents/items/yard_items.h"

#define ITEMS_DIGEST_SIZE 32

struct items_settings {
    uint32_t batch;   /* items between checkpoints */
    uint32_t pace_ms; /* pause after each batch */
};

struct items_work {
    const struct items_task *task;
    struct items_settings settings;
    struct items_json *json;
    struct items_target *target;
    char *sentence;
    size_t sentence_size;
};

/* Remembers why, for the owner, as one line of clean text; returns 'end'. */
enum items_end items_say (struct items_work *work, enum items_end end, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* ITEMS_STOPPED when told to stop. */
enum items_end items_look (struct items_work *work);

/* Waits so long, or until told to stop. */
enum items_end items_pause (struct items_work *work, uint32_t wait_ms);

/* calloc that never returns NULL. */
void *items_memory (size_t count, size_t size);

/* A digest of many lines that does not depend on their order. */
struct items_sum {
    unsigned char octets[ITEMS_DIGEST_SIZE];
    uint64_t count;
};
void items_digest (const char *line, size_t size, unsigned char ret[ITEMS_DIGEST_SIZE]);
void items_sum_add (struct items_sum *sum, const unsigned char digest[ITEMS_DIGEST_SIZE]);
bool items_sum_is_equal (const struct items_sum *a, const struct items_sum *b);

#endif
