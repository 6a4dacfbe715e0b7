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
