// OpenBLAS as Debian ships it: CBLAS by its header, LAPACK by Fortran prototypes (there is no LAPACKE).
#pragma once
#include <cblas.h>

void dsyevd_(const char *job, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
