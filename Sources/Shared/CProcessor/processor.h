// The instructions that the compiler was allowed to use (-Xcc -march=native). These are functions instead of macros, so
// that Swift warns of no dead branch; the optimiser removes it.
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
