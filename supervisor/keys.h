/* keys.h - the secret keys that the supervisor hands to its actors.
 *
 * The keys of the bus are made anew at each start of the daemon and exist nowhere else. All of
 * it lies in guarded memory that is not swapped or dumped, and is wiped at the end.
 */
#ifndef YM_SUPERVISOR_KEYS_H
#define YM_SUPERVISOR_KEYS_H
#include "common/handover/handover.h"
#include "supervisor/z85.h"

struct keys {
    char door_secret[Z85_TEXT_SIZE + 1];
    char secret[YM_ACTORS][Z85_TEXT_SIZE + 1];
    char public[YM_ACTORS][Z85_TEXT_SIZE + 1];
};

/* With a bus pair for each actor; the door's secret is left for the caller to fill in. */
struct keys *keys_new (void);
void keys_free (struct keys *keys);
#endif
