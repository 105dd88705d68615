/* requirement.h - what a job needs of an agent, as one value that many jobs share.
 *
 * Its text is canonical: "pool|regions|capabilities", each list sorted, without repetitions and
 * joined by commas, and "|minutes" behind it if the run is limited; so equal needs have equal
 * texts. Its number is the first 8 octets of the
 * BLAKE2b of the text: anyone can compute it, and no table hands it out.
 */
#ifndef YM_WIRE_REQUIREMENT_H
#define YM_WIRE_REQUIREMENT_H
#include "common/wire/wire.h"

enum { YM_REQUIREMENT_TEXT_MAX = 41 + 9 * 41 + 17 * 41 + 2 + 11 };

struct ym_requirement {
    char pool[YM_WORD_MAX + 1];   /* "shared" unless asked otherwise */
    struct ym_words regions;      /* none: any */
    struct ym_words capabilities; /* the job's kind among them */
    uint32_t
        run_minutes; /* an attempt may run so long, rounded up to a power of 2; 0: no limit */
};

/* The minutes of a run limit: rounded up, so that a yard has few different requirements. */
uint32_t ym_requirement_minutes (uint64_t run_limit_ms);

/* Sorts and drops repetitions. */
void ym_words_settle (struct ym_words *w);
bool ym_words_has (const struct ym_words *w, const char *word);
/* False if there is no room. */
bool ym_words_add (struct ym_words *w, struct ym_str word);

/* Settles the lists and writes the text; returns its number, never 0. */
uint64_t ym_requirement_print (struct ym_requirement *r,
                               char ret_text[YM_REQUIREMENT_TEXT_MAX + 1]);
/* False if the text is not one of ours. */
bool ym_requirement_read (struct ym_str text, struct ym_requirement *ret);
#endif
