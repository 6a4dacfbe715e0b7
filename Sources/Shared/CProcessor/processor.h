// The instructions that the compiler was allowed to use (-Xcc -march=native). These are functions instead of macros, so
// that Swift warns of no dead branch; the optimizer removes it.
#pragma once

static inline int processor_has_fma(void) {
#ifdef __FMA__
    return 1;
#else
    return 0;
#endif
}

// Returns 1 if there are 32 registers of 16 Floats.
static inline int processor_has_wide_registers(void) {
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}

// Asks for the cache line at `address`, to be had in the second-level cache soon.
static inline void processor_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }

// 16 Floats anywhere in memory.
typedef float processor_vector __attribute__((vector_size(64), aligned(4)));

// One stage of a transposition: rows i and i + step exchange the blocks beside the diagonal. The two lists choose the
// lanes of both results.
#define PROCESSOR_LANES(...) __VA_ARGS__
#define PROCESSOR_EXCHANGE(rows, step, first, second)                                  \
    for (int i = 0; i < 16; i++) {                                                     \
        if (i & step) continue;                                                        \
        const processor_vector a = rows[i], b = rows[i + step];                        \
        rows[i] = __builtin_shufflevector(a, b, first);                                \
        rows[i + step] = __builtin_shufflevector(a, b, second);                        \
    }

// Sets target[j target_stride + i] to source[i source_stride + j] for i, j < 16.
static inline void processor_transpose_16x16(
    const float *source, long source_stride, float *target, long target_stride
) {
    processor_vector rows[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) rows[i] = *(const processor_vector *)(source + i * source_stride);
#pragma clang loop unroll(full)
    PROCESSOR_EXCHANGE(
        rows, 8, PROCESSOR_LANES(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
        PROCESSOR_LANES(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#pragma clang loop unroll(full)
    PROCESSOR_EXCHANGE(
        rows, 4, PROCESSOR_LANES(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
        PROCESSOR_LANES(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
#pragma clang loop unroll(full)
    PROCESSOR_EXCHANGE(
        rows, 2, PROCESSOR_LANES(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
        PROCESSOR_LANES(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
#pragma clang loop unroll(full)
    PROCESSOR_EXCHANGE(
        rows, 1, PROCESSOR_LANES(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
        PROCESSOR_LANES(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) *(processor_vector *)(target + i * target_stride) = rows[i];
}

// Widens `count` numbers of IEEE's binary16.
static inline void processor_widen_halves(const void *source, float *target, long count) {
    const _Float16 *halves = (const _Float16 *)source;
    for (long i = 0; i < count; i++) target[i] = (float)halves[i];
}

// Widens `count` numbers of bfloat16, the upper halves of Floats.
static inline void processor_widen_upper_halves(const void *source, float *target, long count) {
    const unsigned short *halves = (const unsigned short *)source;
    for (long i = 0; i < count; i++) {
        const unsigned bits = (unsigned)halves[i] << 16;
        __builtin_memcpy(target + i, &bits, 4);
    }
}
