/* requirements.h - the different requirements that jobs brought of late: which of them the
 * table has, and whose they are, so that one tenant cannot use up what is for all.
 *
 * A requirement counts with the tenant that brought it first, from the moment a turn plans to
 * store it, until all are forgotten. */
#ifndef YM_INTAKE_REQUIREMENTS_H
#define YM_INTAKE_REQUIREMENTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUIREMENTS_MAX = 4096, REQUIREMENTS_OF_ONE_TENANT = 256 };

struct requirements;

struct requirements *requirements_new (void);
void requirements_free (struct requirements *r);

/* False, and nothing counted, if it would be one too many. */
bool requirements_count (struct requirements *r, uint64_t number, int32_t tenant);
/* Whether the table has it for sure. */
bool requirements_has (const struct requirements *r, uint64_t number);
/* The table has it now. One that was forgotten meanwhile stays so. */
void requirements_stored (struct requirements *r, uint64_t number);
void requirements_forget (struct requirements *r);
#endif
