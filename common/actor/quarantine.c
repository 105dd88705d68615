/* quarantine.c - keeps count of what the door's messages did to processes, and refuses those
 * that ended too many. Whoever sent one is told; an operator finds it among the problems. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/actor/yard.h"
#include "common/base/log.h"
#include "common/base/own.h"
#include "common/base/panic.h"

_Static_assert(sizeof (struct ym_poison) <= YM_MEMORY_SIZE, "the memory is too small");

static struct ym_poison *map (int fd)
{
    struct stat s;
    void *at;

    if (fstat (fd, &s) < 0 || s.st_size != YM_MEMORY_SIZE)
        return NULL;
    at = mmap (NULL, YM_MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void ym_quarantine_open (struct ym_yard *yard, int fd)
{
    unsigned suspects;

    yard->poison = map (fd);
    (void)close (fd);
    if (!yard->poison) {
        ym_log_plain (YM_LOG_WARNING, "poison_unknown");
        return;
    }
    suspects = ym_poison_begin (yard->poison);
    if (suspects > 0)
        ym_log (YM_LOG_WARNING, "poison_suspected", ym_log_number ("requests", suspects));
}

/* The problem, once. */

struct poisoned {
    char detail[200];
};

static const struct ym_statement raise_problem = {
    "problem_poison", "SELECT ix FROM ym.problem_raise ($1::int8, ARRAY[$2::int2], "
                      "ARRAY[0::int8], ARRAY[0::int8],"
                      " ARRAY[$3::text])"};

static void plan_poison (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me;
    for (size_t i = 0; i < count; i++) {
        (void)ym_turn_call (t, &raise_problem);
        ym_param_int8 (t->batch, t->now_ms);
        ym_param_int2 (t->batch, YM_POISON);
        ym_param_text (t->batch, ym_str (((const struct poisoned *)items[i]->body)->detail));
    }
}

static void done_poison (void *me, struct ym_turn *t, struct ym_item **items, size_t count)
{
    (void)me, (void)t, (void)items, (void)count;
}

const struct ym_work ym_poison_work = {
    .name = "poison", .most = 8, .plan = plan_poison, .done = done_poison};

static void report (struct ym_yard *yard, const struct ym_item *item)
{
    struct poisoned *p = ym_new (sizeof *p);
    char digest[2 * YM_DIGEST_OCTETS + 1];

    ym_text_hex (digest, item->digest.at, sizeof item->digest.at);
    (void)ym_text_format (p->detail, sizeof p->detail, "%s of %s ended %s %d times: %s",
                          item->letter.message->name, item->key.name, yard->actor->name,
                          YM_POISON_DEATHS, digest);
    ym_log (YM_LOG_ERROR, "quarantined", ym_log_text ("message", item->letter.message->name),
            ym_log_text ("from", item->key.name), ym_log_text ("digest", digest));
    ym_put (yard, &ym_poison_work, p);
}

/* The header is left out of the digest: a repetition has another ask number. */
bool ym_quarantine_takes (struct ym_yard *yard, struct ym_item *item)
{
    const struct ym_letter *l = &item->letter;

    if (!yard->poison || !item->from.at_door || l->size < YM_HEADER_SIZE)
        return false;
    item->digest =
        ym_poison_digest (l->message->number, item->key.key,
                          (const char *)l->frame + YM_HEADER_SIZE, l->size - YM_HEADER_SIZE);
    item->deaths = ym_poison_deaths (yard->poison, &item->digest);
    if (item->deaths < YM_POISON_DEATHS)
        return false;
    if (ym_poison_tell_once (yard->poison, &item->digest))
        report (yard, item);
    ym_refuse (yard, item, YM_REFUSAL_QUARANTINED);
    ym_item_free (item);
    return true;
}

void ym_quarantine_begins (struct ym_yard *yard, unsigned lane, const struct ym_item *item)
{
    if (yard->poison && item->has_letter && item->from.at_door)
        ym_poison_takes_off (yard->poison, lane, &item->digest);
}

void ym_quarantine_ends (struct ym_yard *yard, unsigned lane)
{
    if (yard->poison)
        ym_poison_lands (yard->poison, lane);
}
