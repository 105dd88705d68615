/* yard_sql.h - a database with the yard's schema, and sessions that speak SQL to it.
 *
 * Each test has a database of its own, copied from one that the program's first test made.
 * Answers are compared as text: columns joined by blanks, rows by "; ".
 */
#ifndef YM_TEST_YARD_SQL_H
#define YM_TEST_YARD_SQL_H
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* A session as a role of the yard, or as superuser if NULL. All of a test meet in one database.
 */
PGconn *yard_session (const char *role);
/* Ends one, whatever it was at. */
void yard_close (PGconn *c);
/* Ends all of them; for a suite's .fini. */
void yard_end (void);

#define YARD_FORMAT __attribute__ ((format (printf, 3, 4)))
void yard_is (PGconn *c, const char *expected, const char *format, ...) YARD_FORMAT;
/* The server says no, with this SQLSTATE. */
void yard_says_no (PGconn *c, const char *sqlstate, const char *format, ...) YARD_FORMAT;
void yard_do (PGconn *c, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
/* The answer as text; valid until the next call. */
const char *yard_ask (PGconn *c, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
int64_t yard_number (PGconn *c, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Sends, and waits until the session waits for a lock that another one holds. */
void yard_block (PGconn *c, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
/* What it answers once it got the lock. */
void yard_then_is (PGconn *c, const char *expected);

/* Remembers every row of every table but the owners' numbers, for comparison. */
void yard_mark (PGconn *superuser);
bool yard_is_unchanged (PGconn *superuser);
#endif
