/* store.h - the one question a queue asks its tables: who waits? */
#ifndef YM_QUEUE_STORE_H
#define YM_QUEUE_STORE_H
#include "actors/queue/waiting.h"
#include "common/actor/actor.h"

enum { STORE_PAGE = 20000 };

/* Calls for one page of a tier's waiting jobs after a job; reads what came. */
unsigned store_call_load (struct ym_turn *t, unsigned tier, int64_t after);
size_t store_loaded_count (const struct ym_turn *t, unsigned call);
struct waiting_job store_loaded (const struct ym_turn *t, unsigned call, size_t row);
#endif
