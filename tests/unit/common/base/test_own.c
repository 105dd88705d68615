/* test_own.c - promise 1 of common/base: memory is there, and its owner gives it back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/own.h"

Test (own, new_is_zeroed)
{
    static const char zeros[64];
    _free_ char *one = ym_new (64);
    _free_ char *many = ym_new_array (8, 8);
    _free_ char *none = ym_new (0);
    _free_ char *copy = ym_copy_text ("text");

    cr_expect_arr_eq (one, zeros, 64);
    cr_expect_arr_eq (many, zeros, 64);
    cr_expect_not_null (none);
    cr_expect_str_eq (copy, "text");
}

Test (own, grows)
{
    _free_ int *numbers = ym_grow_array (NULL, 2, sizeof *numbers);

    numbers[1] = 5;
    numbers = ym_grow_array (numbers, 1000, sizeof *numbers);
    cr_expect_eq (numbers[1], 5);
    numbers = ym_grow_array (numbers, 0, sizeof *numbers);
    cr_expect_not_null (numbers);
}

Test (own, overflow_is_a_panic, .signal = SIGABRT)
{
    (void)ym_new_array (SIZE_MAX / 2, 3);
}

Test (own, growing_overflow_is_a_panic, .signal = SIGABRT)
{
    (void)ym_grow_array (NULL, SIZE_MAX, 2);
}

static int open_and_leave (FILE **ret_file)
{
    _close_ int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    _close_ int none = -1;
    _fclose_ FILE *file = fopen ("/dev/null", "r");

    *ret_file = file;
    errno = ENOENT;
    return none < 0 ? fd : -1;
}

Test (own, leaving_closes_and_keeps_errno)
{
    FILE *file;
    int fd = open_and_leave (&file);

    cr_expect_eq (errno, ENOENT);
    cr_expect_geq (fd, 0);
    cr_expect_not_null (file);
    cr_expect_eq (fcntl (fd, F_GETFD), -1);
}

Test (arena, gives_aligned_pieces_that_do_not_overlap)
{
    struct ym_arena *arena = ym_arena_new (256);
    uint8_t *pieces[100];
    size_t sum = 0;

    for (size_t i = 0; i < 100; i++) {
        pieces[i] = ym_arena_take (arena, i * 7);
        cr_assert_eq ((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset (pieces[i], (int)i, i * 7);
        sum += i * 7;
    }
    for (size_t i = 0; i < 100; i++)
        for (size_t k = 0; k < i * 7; k++)
            cr_assert_eq (pieces[i][k], i);
    cr_expect_eq (ym_arena_used (arena), sum);
    ym_arena_free (arena);
}

Test (arena, reset_keeps_the_first_block)
{
    struct ym_arena *arena = ym_arena_new (128);
    void *first = ym_arena_take (arena, 16);

    memset (ym_arena_take (arena, 100000), 1, 100000);
    (void)ym_arena_take (arena, 100);
    ym_arena_reset (arena);
    cr_expect_eq (ym_arena_used (arena), 0);
    cr_expect_eq (ym_arena_take (arena, 128), first);
    ym_arena_free (arena);
    ym_arena_free (NULL);
}

Test (arena, serves_from_an_empty_block)
{
    struct ym_arena *arena = ym_arena_new (0);

    memset (ym_arena_take (arena, 1), 1, 1);
    memset (ym_arena_take (arena, 40), 1, 40);
    ym_arena_reset (arena);
    memset (ym_arena_take (arena, 40), 1, 40);
    ym_arena_free (arena);
}

Test (arena, absurd_size_is_a_panic, .signal = SIGABRT)
{
    (void)ym_arena_take (ym_arena_new (64), SIZE_MAX - 3);
}
