// Products of bfloat16 numbers with sums in Float, on the processor's tiles (AMX):
//
//     C[i, j] = sum over k of A[i, k] B[k, j]        i < 16 or 32, j < 16 or 32
//
// A tile holds 16 rows of 64 bytes: 16 x 32 numbers of A, 16 pairs of rows of B with 16 columns, or 16 x 16 sums. A's
// rows have any constant stride. B is a sequence of steps of 32 rows and 32 columns, 2 KiB each: two tiles of 16
// columns, [16 pairs of rows][16 columns][2]. C has rows of 32 Floats.
#pragma once

// A part of the depth: where it begins, in bytes, in A's rows and in B, and its steps of 32.
typedef struct {
    long a;
    long b;
    long steps;
} processor_depth_run;

#if defined(__linux__) && defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// Asks the system for the tiles. Returns 1 if all threads may use them. Asking again does no harm.
static inline int processor_enable_tiles(void) {
    const long request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

// Prepares the calling thread for products.
static inline void processor_begin_tiles(void) {
    struct {
        unsigned char palette, start_row, reserved[14];
        unsigned short row_bytes[16];
        unsigned char rows[16];
    } __attribute__((aligned(64))) settings = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        settings.row_bytes[i] = 64;
        settings.rows[i] = 16;
    }
    _tile_loadconfig(&settings);
}

// Ends the thread's products, so that the system has no tiles to save.
static inline void processor_end_tiles(void) { _tile_release(); }

// Computes C. Both `two` are constants: whether C has 32 rows, or columns, instead of 16.
__attribute__((always_inline)) static inline void processor_multiply_tiles_of(
    const int two_rows, const int two_columns, const char *a, long stride, const char *b,
    const processor_depth_run *runs, long run_count, float *c, int continues, const char *next, long next_lines
) {
    if (continues) {
        _tile_loadd(0, c, 128);
        if (two_columns) _tile_loadd(1, c + 16, 128);
        if (two_rows) _tile_loadd(2, c + 512, 128);
        if (two_rows && two_columns) _tile_loadd(3, c + 528, 128);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (long run = 0; run < run_count; run++) {
        const char *left = a + runs[run].a, *right = b + runs[run].b;
        for (long step = 0; step < runs[run].steps; step++) {
            _tile_loadd(4, left, stride);
            for (long line = 0; line < next_lines; line++) {
                __builtin_prefetch(next, 0, 2);
                next += 64;
            }
            _tile_loadd(6, right, 64);
            _tile_dpbf16ps(0, 4, 6);
            if (two_columns) {
                _tile_loadd(7, right + 1024, 64);
                _tile_dpbf16ps(1, 4, 7);
            }
            if (two_rows) {
                _tile_loadd(5, left + 16 * stride, stride);
                _tile_dpbf16ps(2, 5, 6);
                if (two_columns) _tile_dpbf16ps(3, 5, 7);
            }
            left += 64;
            right += 2048;
        }
    }
    _tile_stored(0, c, 128);
    if (two_columns) _tile_stored(1, c + 16, 128);
    if (two_rows) _tile_stored(2, c + 512, 128);
    if (two_rows && two_columns) _tile_stored(3, c + 528, 128);
}

// Computes 32 rows of C, or 16 if `rows` is at most 16, and 32 columns, or 16. The sums go on from C if `continues`.
// Meanwhile asks for memory from `next` on, `next_lines` lines of the cache at each step.
static inline void processor_multiply_tiles(
    const void *a, long stride, const void *b, const processor_depth_run *runs, long run_count, float *c, long rows,
    long columns, int continues, const void *next, long next_lines
) {
    if (rows > 16 && columns > 16)
        processor_multiply_tiles_of(1, 1, a, stride, b, runs, run_count, c, continues, next, next_lines);
    else if (rows > 16)
        processor_multiply_tiles_of(1, 0, a, stride, b, runs, run_count, c, continues, next, next_lines);
    else if (columns > 16)
        processor_multiply_tiles_of(0, 1, a, stride, b, runs, run_count, c, continues, next, next_lines);
    else
        processor_multiply_tiles_of(0, 0, a, stride, b, runs, run_count, c, continues, next, next_lines);
}

// Rounds `count` Floats, a multiple of 16, to the nearest bfloat16 numbers.
static inline void processor_round(const float *source, unsigned short *target, long count) {
    long i = 0;
    for (; i + 32 <= count; i += 32) {
        const __m512bh both =
            _mm512_cvtne2ps_pbh(_mm512_loadu_ps(source + i + 16), _mm512_loadu_ps(source + i));
        _mm512_storeu_si512(target + i, (__m512i)both);
    }
    if (i < count)
        _mm256_storeu_si256((__m256i_u *)(target + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(source + i)));
}

// Rounds 16 Floats of two rows and writes them as B has them.
static inline void processor_round_pairs(const float *first, const float *second, unsigned short *target) {
    const __m512i order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0);
    const __m512bh rows = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(second), _mm512_loadu_ps(first));
    _mm512_storeu_si512(target, _mm512_permutexvar_epi16(order, (__m512i)rows));
}

#else

static inline int processor_enable_tiles(void) { return 0; }
static inline void processor_begin_tiles(void) {}
static inline void processor_end_tiles(void) {}
static inline void processor_multiply_tiles(
    const void *a, long stride, const void *b, const processor_depth_run *runs, long run_count, float *c, long rows,
    long columns, int continues, const void *next, long next_lines
) { __builtin_trap(); }
static inline void processor_round(const float *source, unsigned short *target, long count) { __builtin_trap(); }
static inline void processor_round_pairs(const float *first, const float *second, unsigned short *target) {
    __builtin_trap();
}

#endif
