// What the compiler was allowed to use (-Xcc -march=native). Functions, not macros, so that Swift sees no dead branch;
// the optimiser does.
#pragma once

static inline int processor_has_fma(void) {
#ifdef __FMA__
    return 1;
#else
    return 0;
#endif
}

// Whether there are 32 registers of 16 Floats.
static inline int processor_has_wide_registers(void) {
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}
