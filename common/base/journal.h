/* journal.h - lines of the log as entries of the systemd journal, each field a field there.
 *
 * The native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram an entry.
 * Sent by hand, since libsystemd's call reports success when there is no journal and the line
 * is gone.
 */
#ifndef YM_BASE_JOURNAL_H
#define YM_BASE_JOURNAL_H
#include <stdbool.h>
#include <stddef.h>

#include "common/base/log.h"

#define YM_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Is 'fd' the stream that $JOURNAL_STREAM ("device:inode") names? Then a journal reads it. */
bool ym_journal_reads (int fd, const char *stream);
/* A socket connected to the journal at 'path', or -errno. The caller owns it. */
int ym_journal_open (const char *path);
/* One entry: 'line' is its message; event, actor and the fields are fields of their own, named
 * YARD_EVENT, YARD_ACTOR, YARD_JOB_ID (of "job") and YARD_<KEY>. Never blocks. False if the
 * journal did not take it: then the line is to go elsewhere. */
bool ym_journal_send (int fd, enum ym_priority priority, const char *event, const char *actor,
                      const char *line, size_t size, const struct ym_log_field *fields,
                      unsigned count);
#endif
