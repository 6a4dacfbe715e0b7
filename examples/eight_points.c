/* A sampler in plain C that has no gradients: points of the plane gather around eight places on a circle (docs/STREAM.md,
 * "Foreign samplers"). ld3-fit learns its times by differences.
 *
 *     cc -O2 -o eight_points examples/eight_points.c -lm
 *     export LD3_MODEL='exec:./eight_points'
 *     ld3-noise --seeds 0-19 | ld3-teacher --schedule uniform --nfe 64 > pairs.ld3
 *     ld3-fit --nfe 4 < pairs.ld3 > four.safetensors
 *
 * The flow is x = (1 - t) data + t noise. It answers `step` alone: the state is the noise to begin with and the sample in
 * the end. A step is the explicit midpoint rule, two evaluations of the exact velocity.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 8
#define VARIANCE 0.01 /* of the data around a place, in each coordinate */

static void fail(const char *what) {
    fprintf(stderr, "eight_points: %s\n", what);
    exit(1);
}

/* Reads exactly `count` bytes. At the end of the input it returns 0 if that may be and none has come. */
static int take(void *bytes, size_t count, int may_end) {
    size_t got = fread(bytes, 1, count, stdin);
    if (got == 0 && may_end && feof(stdin)) return 0;
    if (got < count) fail("a frame ends early");
    return 1;
}

/* Writes a frame: the header, filled up with spaces to a multiple of 8 bytes, and the data. */
static void give(const char *header, const void *data, size_t count) {
    uint64_t length = strlen(header), padded = (length + 7) / 8 * 8;
    fwrite(&padded, 8, 1, stdout);
    fwrite(header, 1, length, stdout);
    for (uint64_t i = length; i < padded; i++) fputc(' ', stdout);
    if (count > 0) fwrite(data, 1, count, stdout);
    if (fflush(stdout)) fail("its output cannot be written");
}

/* Returns where the data of a tensor begin. `size` is set to their length. The names are known, so no JSON reader is needed:
 * what follows a name is its own object. */
static const char *tensor(const char *header, const char *data, const char *name, size_t *size) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":{", name);
    const char *object = strstr(header, key);
    const char *offsets = object ? strstr(object, "\"data_offsets\":[") : NULL;
    unsigned long long begin, end;
    if (!offsets || sscanf(offsets, "\"data_offsets\":[%llu,%llu]", &begin, &end) != 2) fail("a tensor is missing");
    *size = end - begin;
    return data + begin;
}

/* dx/dt = (x - D(x; t)) / t, where D is the mean of the data that lead to x. */
static void velocity(const double x[2], double t, double v[2]) {
    double spread = (1 - t) * (1 - t) * VARIANCE + t * t, largest = -INFINITY, total = 0, mean[2] = {0, 0};
    double log_share[PLACES], near[PLACES][2];
    for (int k = 0; k < PLACES; k++) {
        double angle = 2 * M_PI * k / PLACES, place[2] = {cos(angle), sin(angle)}, distance = 0;
        for (int i = 0; i < 2; i++) {
            double apart = x[i] - (1 - t) * place[i];
            near[k][i] = place[i] + (1 - t) * VARIANCE / spread * apart;
            distance += apart * apart;
        }
        log_share[k] = -distance / spread / 2;
        if (log_share[k] > largest) largest = log_share[k];
    }
    for (int k = 0; k < PLACES; k++) {
        double share = exp(log_share[k] - largest);
        total += share;
        for (int i = 0; i < 2; i++) mean[i] += share * near[k][i];
    }
    for (int i = 0; i < 2; i++) v[i] = (x[i] - mean[i] / total) / t;
}

int main(void) {
    give("{\"__metadata__\":{\"ld3.format\":\"1\",\"ld3.kind\":\"model\",\"ld3.answers\":\"[\\\"step\\\"]\","
         "\"ld3.shape\":\"[2]\",\"ld3.interval\":\"[1,0]\",\"ld3.evaluations\":\"2\",\"ld3.pullback\":\"false\"}}",
         NULL, 0);
    uint64_t length;
    while (take(&length, 8, 1)) {
        if (length > (16u << 20)) fail("a header of such a length is not possible");
        char *header = calloc(length + 1, 1);
        if (!header) fail("no memory");
        take(header, length, 0);
        /* The data are as long as the largest offset says. */
        unsigned long long begin, end, bytes = 0;
        for (const char *at = header; (at = strstr(at, "\"data_offsets\":[")); at++)
            if (sscanf(at, "\"data_offsets\":[%llu,%llu]", &begin, &end) == 2 && end > bytes) bytes = end;
        char *data = malloc(bytes + 1);
        if (!data) fail("no memory");
        if (bytes > 0) take(data, bytes, 0);

        size_t state_bytes, time_bytes;
        const char *state = tensor(header, data, "state", &state_bytes);
        const char *t = tensor(header, data, "t", &time_bytes), *t_next = tensor(header, data, "t_next", &time_bytes);
        size_t batch = time_bytes / sizeof(double);
        float *next = malloc(state_bytes + 1);
        if (!next || state_bytes != batch * 2 * sizeof(float)) fail("the state is not F32 [B, 2]");
        memcpy(next, state, state_bytes);
        for (size_t b = 0; b < batch; b++) {
            double from, to, x[2] = {next[2 * b], next[2 * b + 1]}, v[2], middle[2];
            memcpy(&from, t + 8 * b, 8);
            memcpy(&to, t_next + 8 * b, 8);
            velocity(x, from, v);
            for (int i = 0; i < 2; i++) middle[i] = x[i] + (to - from) / 2 * v[i];
            velocity(middle, (from + to) / 2, v);
            for (int i = 0; i < 2; i++) next[2 * b + i] = (float)(x[i] + (to - from) * v[i]);
        }
        char answer[256];
        snprintf(answer, sizeof answer,
                 "{\"__metadata__\":{\"ld3.format\":\"1\",\"ld3.kind\":\"stepped\"},"
                 "\"state\":{\"dtype\":\"F32\",\"shape\":[%zu,2],\"data_offsets\":[0,%zu]}}",
                 batch, state_bytes);
        give(answer, next, state_bytes);
        free(next);
        free(data);
        free(header);
    }
    return 0;
}
