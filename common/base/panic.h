/* panic.h - a broken promise of our own stops the process. */
#ifndef YM_BASE_PANIC_H
#define YM_BASE_PANIC_H

/* Logs what was expected and aborts; the supervisor starts the process again. Never call it
 * because of what somebody sent. */
_Noreturn void ym_panic_at (const char *file, int line, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#define ym_panic(...) ym_panic_at (__FILE__, __LINE__, __VA_ARGS__)
#define ym_assert(what)                                                                        \
    do {                                                                                       \
        if (!(what))                                                                           \
            ym_panic ("expected %s", #what);                                                   \
    } while (0)
#endif
