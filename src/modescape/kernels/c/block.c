/* Convolution, dropout, pooling and ReLU as one: what the paper's networks are made of.
 *
 * Forward: the rows of the convolution that one row of outputs needs stay in the cache and are pooled there, so the
 * convolution's output, the largest tensor of a step, is never written. Backward: pooling sends the gradient of each
 * window to one element, so of the convolution's gradient at most one element in size * size is not 0; both of its
 * products are taken over those alone, a quarter of the work for windows of 2 x 2.
 *
 * Stride 1, one group; an image with its border is copied to a buffer of its own, so that nothing asks where it is.
 */

#include "common.h"

int64_t lanes(void) { return LANES; }

typedef struct {
    int64_t examples, height, width, channels, filters;
    int64_t kernel_height, kernel_width, padding;
    int64_t out_height, out_width, size, relu; /* of the pooling */
} shape_t;

static inline int64_t rows_of(const shape_t *s) { return s->height + 2 * s->padding - s->kernel_height + 1; }
static inline int64_t columns_of(const shape_t *s) { return s->width + 2 * s->padding - s->kernel_width + 1; }
static inline int64_t bordered_row(const shape_t *s) { return (s->width + 2 * s->padding) * s->channels; }
static inline int64_t bordered(const shape_t *s) { return (s->height + 2 * s->padding) * bordered_row(s); }

/* Copy one image into its buffer, whose border stays as it is. */
static void put(const float *restrict image, float *restrict buffer, const shape_t *s) {
    const int64_t row = s->width * s->channels;
    for (int64_t h = 0; h < s->height; h++)
        memcpy(buffer + (h + s->padding) * bordered_row(s) + s->padding * s->channels, image + h * row,
               (size_t)row * sizeof(float));
}

static void get(float *restrict image, const float *restrict buffer, const shape_t *s) {
    const int64_t row = s->width * s->channels;
    for (int64_t h = 0; h < s->height; h++)
        memcpy(image + h * row, buffer + (h + s->padding) * bordered_row(s) + s->padding * s->channels,
               (size_t)row * sizeof(float));
}

/* ---- forward ---- */

/* R x T neighbouring pixels of V vectors of filters: sums in registers, one load of weights for R * T products. */
#define TILE(R, T, V)                                                                                                  \
    static inline void tile_##R##_##T##_##V(const float *restrict x, const float *restrict w, const float *restrict b, \
                                            float *restrict out, int64_t out_row, int64_t filters,                     \
                                            const shape_t *restrict s) {                                               \
        const int64_t row = bordered_row(s), run = s->kernel_width * s->channels, step = s->channels;                  \
        vector sum[R][T][V];                                                                                           \
        for (int v = 0; v < V; v++)                                                                                    \
            for (int r = 0; r < R; r++)                                                                                \
                for (int t = 0; t < T; t++) sum[r][t][v] = *(const vector *)(b + v * LANES);                           \
        for (int64_t kh = 0; kh < s->kernel_height; kh++) {                                                            \
            const float *p = x + kh * row;                                                                             \
            for (int64_t k = 0; k < run; k++, w += filters) {                                                          \
                vector weight[V];                                                                                      \
                for (int v = 0; v < V; v++) weight[v] = *(const vector *)(w + v * LANES);                              \
                for (int r = 0; r < R; r++)                                                                            \
                    for (int t = 0; t < T; t++)                                                                        \
                        for (int v = 0; v < V; v++) sum[r][t][v] += p[r * row + t * step + k] * weight[v];             \
            }                                                                                                          \
        }                                                                                                              \
        for (int r = 0; r < R; r++)                                                                                    \
            for (int t = 0; t < T; t++)                                                                                \
                for (int v = 0; v < V; v++)                                                                            \
                    *(vector *)(out + r * out_row + t * filters + v * LANES) = sum[r][t][v];                           \
    }

#if defined(__AVX512F__)
#define WIDE 4 /* 2 * WIDE * 2 sums, a load and a broadcast fit into the registers: 32 */
TILE(2, 4, 2) TILE(2, 4, 1) TILE(1, 4, 2) TILE(1, 4, 1)
#define tile_2_W_2 tile_2_4_2
#define tile_2_W_1 tile_2_4_1
#define tile_1_W_2 tile_1_4_2
#define tile_1_W_1 tile_1_4_1
#else
#define WIDE 3 /* 16 registers */
TILE(2, 3, 2) TILE(2, 3, 1) TILE(1, 3, 2) TILE(1, 3, 1)
#define tile_2_W_2 tile_2_3_2
#define tile_2_W_1 tile_2_3_1
#define tile_1_W_2 tile_1_3_2
#define tile_1_W_1 tile_1_3_1
#endif
TILE(2, 2, 2) TILE(2, 2, 1) TILE(2, 1, 2) TILE(2, 1, 1)
TILE(1, 2, 2) TILE(1, 2, 1) TILE(1, 1, 2) TILE(1, 1, 1)

/* All pixels of R rows, V vectors of filters. */
#define ROWS(R, V)                                                                                                \
    static inline void rows_##R##_##V(const float *x, const float *w, const float *b, float *out, int64_t filters, \
                                      const shape_t *s) {                                                         \
        const int64_t columns = columns_of(s), out_row = columns * filters, step = s->channels;                    \
        int64_t c = 0;                                                                                            \
        for (; c + WIDE <= columns; c += WIDE)                                                                    \
            tile_##R##_W_##V(x + c * step, w, b, out + c * filters, out_row, filters, s);                         \
        for (; c + 2 <= columns; c += 2)                                                                          \
            tile_##R##_2_##V(x + c * step, w, b, out + c * filters, out_row, filters, s);                         \
        for (; c < columns; c++) tile_##R##_1_##V(x + c * step, w, b, out + c * filters, out_row, filters, s);    \
    }
ROWS(2, 2) ROWS(2, 1) ROWS(1, 2) ROWS(1, 1)

/* `rows` rows of the convolution from row `top` on: out [rows, columns, filters], filters filled up to whole vectors. */
static void convolve(const float *restrict x, const float *restrict w, const float *restrict b, float *restrict out,
                     int64_t top, int64_t rows, int64_t filters, const shape_t *s) {
    const int64_t row = bordered_row(s), out_row = columns_of(s) * filters;
    for (int64_t f = 0; f < filters;) {
        const int two = f + 2 * LANES <= filters;
        for (int64_t r = 0; r < rows;) {
            const int pair = r + 2 <= rows;
            const float *from = x + (top + r) * row;
            float *to = out + r * out_row + f;
            if (pair && two) rows_2_2(from, w + f, b + f, to, filters, s);
            else if (pair) rows_2_1(from, w + f, b + f, to, filters, s);
            else if (two) rows_1_2(from, w + f, b + f, to, filters, s);
            else rows_1_1(from, w + f, b + f, to, filters, s);
            r += pair ? 2 : 1;
        }
        f += two ? 2 * LANES : LANES;
    }
}

/* One pixel of TOGETHER images, V vectors of filters. Small images are mostly border: here its products, which are 0, are
 * left out, and one load of weights serves all images. The sums have the order, and so the bits, of `convolve`. */
#if defined(__AVX512F__)
#define TOGETHER 8
#else
#define TOGETHER 6
#endif
#define FEW_COLUMNS 8 /* of images so narrow several go together; wider ones have less border */
#define PIXELS(V)                                                                                                      \
    static inline void pixels_##V(const float *restrict x, const float *restrict w, const float *restrict b,          \
                                  float *restrict out, int64_t out_image, int64_t kernel_rows, int64_t run,           \
                                  int64_t filters, const shape_t *restrict s) {                                       \
        const int64_t row = bordered_row(s), image = bordered(s);                                                      \
        const int64_t skipped = (s->kernel_width * s->channels - run) * filters;                                       \
        vector sum[TOGETHER][V];                                                                                       \
        for (int e = 0; e < TOGETHER; e++)                                                                             \
            for (int v = 0; v < V; v++) sum[e][v] = *(const vector *)(b + v * LANES);                                  \
        for (int64_t kh = 0; kh < kernel_rows; kh++, w += skipped) {                                                   \
            const float *p = x + kh * row;                                                                             \
            for (int64_t k = 0; k < run; k++, w += filters) {                                                          \
                vector weight[V];                                                                                      \
                for (int v = 0; v < V; v++) weight[v] = *(const vector *)(w + v * LANES);                              \
                for (int e = 0; e < TOGETHER; e++)                                                                     \
                    for (int v = 0; v < V; v++) sum[e][v] += p[e * image + k] * weight[v];                             \
            }                                                                                                          \
        }                                                                                                              \
        for (int e = 0; e < TOGETHER; e++)                                                                             \
            for (int v = 0; v < V; v++) *(vector *)(out + e * out_image + v * LANES) = sum[e][v];                      \
    }
PIXELS(2) PIXELS(1)

/* `convolve` of TOGETHER images, which lie side by side: out [TOGETHER, s->size, columns, filters]. */
static void convolve_together(const float *restrict x, const float *restrict w, const float *restrict b,
                              float *restrict out, int64_t top, int64_t rows, int64_t filters, const shape_t *s) {
    const int64_t columns = columns_of(s), out_image = s->size * columns * filters;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t above = most(s->padding - top - r, 0);
        const int64_t below = least(s->height + s->padding - top - r, s->kernel_height);
        for (int64_t c = 0; c < columns; c++) {
            const int64_t left = most(s->padding - c, 0), right = least(s->width + s->padding - c, s->kernel_width);
            const int64_t run = (right - left) * s->channels;
            const float *from = x + (top + r + above) * bordered_row(s) + (c + left) * s->channels;
            const float *weights = w + (above * s->kernel_width + left) * s->channels * filters;
            float *to = out + (r * columns + c) * filters;
            int64_t f = 0;
            for (; f + 2 * LANES <= filters; f += 2 * LANES)
                pixels_2(from, weights + f, b + f, to + f, out_image, below - above, run, filters, s);
            if (f < filters) pixels_1(from, weights + f, b + f, to + f, out_image, below - above, run, filters, s);
        }
    }
}

/* weight [filters, channels, kernel_height, kernel_width] -> [kernel_height, kernel_width, channels, whole vectors] */
static void pack_forward(const float *restrict weight, float *restrict packed, int64_t filters, const shape_t *s) {
    const int64_t taps = s->kernel_height * s->kernel_width, all = s->channels * taps;
    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < s->channels; c++) {
            const float *restrict from = weight + c * taps + t;
            for (int64_t f = 0; f < s->filters; f++) packed[f] = from[f * all];
            packed += filters;
        }
}

/* relu(max over windows of dropout(convolution of x)).
 *
 * x [examples, height, width, channels] -> y, where [examples, out_height, out_width, filters]; bias may be NULL, and so
 * may where, if nothing is dropped and no gradient will be asked for. Returns 0, or 1 when there was no memory.
 */
int64_t block_forward(const float *restrict x, const float *restrict weight, const float *restrict bias,
                      float *restrict y, uint8_t *restrict where, const shape_t *s, uint64_t key, int64_t call,
                      int64_t drop, float scale) {
    const int64_t filters = vectors(s->filters) * LANES, rows = rows_of(s), columns = columns_of(s);
    const int64_t row = columns * s->filters, out_row = s->out_width * s->filters, out_image = s->size * columns * filters;
    const int64_t many = columns <= FEW_COLUMNS ? TOGETHER : 1, size = s->height * s->width * s->channels;
    float *images = room(many * bordered(s)), *packed = room(s->kernel_height * s->kernel_width * s->channels * filters);
    float *b = room(filters), *scratch = room(many * out_image);
    const mask_t mask = {word(key, (uint64_t)call), drop, scale, malloc((size_t)(s->size * row / 4 + 2) * 8)};
    const int failed = !images || !packed || !b || !scratch || !mask.buffer;
    if (!failed) {
        pack_forward(weight, packed, filters, s);
        if (bias) memcpy(b, bias, (size_t)s->filters * sizeof(float));
    }
    for (int64_t first = 0, count; !failed && first < s->examples; first += count) {
        count = first + many <= s->examples ? many : 1;
        for (int64_t e = 0; e < count; e++) put(x + (first + e) * size, images + e * bordered(s), s);
        for (int64_t out = 0; out < s->out_height; out++) {
            const int64_t top = out * s->size, needed = least(s->size, rows - top);
            if (count > 1) convolve_together(images, packed, b, scratch, top, needed, filters, s);
            else convolve(images, packed, b, scratch, top, needed, filters, s);
            for (int64_t e = 0; e < count; e++) {
                const int64_t at = ((first + e) * s->out_height + out) * out_row;
                const float *sums = scratch + e * out_image;
                if (!where) {
                    pool_rows_alone(sums, columns * filters, filters, needed, s->size, columns, s->filters,
                                    s->out_width, (int)s->relu, y + at);
                    continue;
                }
                pool_rows(sums, columns * filters, filters, levels(&mask, ((first + e) * rows + top) * row, needed * row),
                          &mask, needed, s->size, columns, s->filters, s->out_width, y + at, where + at);
                if (s->relu) relu_row(y + at, where + at, out_row);
            }
        }
    }
    free(images), free(packed), free(b), free(scratch), free(mask.buffer);
    return failed;
}

/* ---- backward ---- */

/* A kernel is kernel_height runs of kernel_width * channels floats that lie side by side in an image too; each is filled
 * up to whole vectors, with 0 in the weights and with whatever comes next in the image, which no result takes up. */

/* A x B vectors of one filter, B side by side in each of A rows: the gradient of its weights, and with INPUT that of the
 * images, over the elements that have a gradient. Weights and sums stay in registers. */
#define SPREAD(NAME, A, B, INPUT)                                                                                     \
    static inline void NAME(const float *restrict x, float *restrict dx, int64_t row, const float *restrict w,        \
                            float *restrict dw, int64_t run, const float *restrict value, const int32_t *restrict at, \
                            int64_t count) {                                                                          \
        vector weight[A][B], sum[A][B];                                                                               \
        for (int a = 0; a < A; a++)                                                                                   \
            for (int b = 0; b < B; b++) {                                                                             \
                weight[a][b] = *(const vector *)(w + a * run + b * LANES);                                            \
                sum[a][b] = *(const vector *)(dw + a * run + b * LANES);                                              \
            }                                                                                                         \
        for (int64_t i = 0; i < count; i++)                                                                           \
            for (int a = 0; a < A; a++)                                                                               \
                for (int b = 0; b < B; b++) {                                                                         \
                    sum[a][b] += value[i] * *(const vector *)(x + at[i] + a * row + b * LANES);                       \
                    if (INPUT) *(vector *)(dx + at[i] + a * row + b * LANES) += value[i] * weight[a][b];              \
                }                                                                                                     \
        for (int a = 0; a < A; a++)                                                                                   \
            for (int b = 0; b < B; b++) *(vector *)(dw + a * run + b * LANES) = sum[a][b];                            \
    }
SPREAD(both_3_1, 3, 1, 1) SPREAD(both_1_1, 1, 1, 1) SPREAD(weights_3_1, 3, 1, 0) SPREAD(weights_1_1, 1, 1, 0)
#if defined(__AVX512F__)
#define MANY 3 /* 2 * 3 * MANY vectors fit into the registers */
SPREAD(both_3_many, 3, 3, 1) SPREAD(both_1_many, 1, 3, 1) SPREAD(weights_3_many, 3, 3, 0) SPREAD(weights_1_many, 1, 3, 0)
#else
#define MANY 2
SPREAD(both_3_many, 3, 2, 1) SPREAD(both_1_many, 1, 2, 1) SPREAD(weights_3_many, 3, 2, 0) SPREAD(weights_1_many, 1, 2, 0)
#endif

/* One filter: all rows of its kernel, each of per_row vectors. */
static void spread(const float *x, float *dx, const float *w, float *dw, int64_t per_row, const float *value,
                   const int32_t *at, int64_t count, const shape_t *s) {
    const int64_t row = bordered_row(s), run = per_row * LANES;
    for (int64_t a = 0; a < s->kernel_height;) {
        const int three = a + 3 <= s->kernel_height;
        for (int64_t b = 0; b < per_row;) {
            const int many = b + MANY <= per_row;
            const int64_t shift = a * row + b * LANES, own = a * run + b * LANES;
            const float *from = x + shift, *weight = w + own;
            float *to = dx ? dx + shift : NULL, *sum = dw + own;
            if (dx && three && many) both_3_many(from, to, row, weight, sum, run, value, at, count);
            else if (dx && three) both_3_1(from, to, row, weight, sum, run, value, at, count);
            else if (dx && many) both_1_many(from, to, row, weight, sum, run, value, at, count);
            else if (dx) both_1_1(from, to, row, weight, sum, run, value, at, count);
            else if (three && many) weights_3_many(from, NULL, row, weight, sum, run, value, at, count);
            else if (three) weights_3_1(from, NULL, row, weight, sum, run, value, at, count);
            else if (many) weights_1_many(from, NULL, row, weight, sum, run, value, at, count);
            else weights_1_1(from, NULL, row, weight, sum, run, value, at, count);
            b += many ? MANY : 1;
        }
        a += three ? 3 : 1;
    }
}

/* weight [filters, channels, kernel_height, kernel_width] <-> [filters, kernel_height, run of whole vectors] */
static void pack_backward(float *restrict weight, float *restrict packed, int to_packed, const shape_t *s) {
    const int64_t taps = s->kernel_height * s->kernel_width, run = vectors(s->kernel_width * s->channels) * LANES;
    for (int64_t f = 0; f < s->filters; f++, weight += s->channels * taps)
        for (int64_t t = 0; t < taps; t++) {
            float *restrict one = weight + t;
            float *restrict other =
                packed + (f * s->kernel_height + t / s->kernel_width) * run + t % s->kernel_width * s->channels;
            if (to_packed)
                for (int64_t c = 0; c < s->channels; c++) other[c] = one[c * taps];
            else
                for (int64_t c = 0; c < s->channels; c++) one[c * taps] = other[c];
        }
}

/* What each place in a window means for its gradient: its factor, and how far it is from the window's corner. */
typedef struct {
    float factor[256];
    int32_t shift[256];
} places_t;

static places_t places_of(float scale, const shape_t *s) {
    places_t places = {{0}, {0}}; /* NOWHERE: no gradient */
    for (int64_t place = 0; place < s->size * s->size; place++) {
        places.factor[place] = scale;
        places.shift[place] = (int32_t)(place / s->size * bordered_row(s) + place % s->size * s->channels);
    }
    return places;
}

/* The gradients of one example's windows by filter: their values and the pixels of the bordered image that each
 * kernel lies on; stride elements from filter to filter. A window without a gradient has the value 0. */
static void collect(const float *restrict gradient, const uint8_t *restrict where, const places_t *restrict places,
                    float *restrict value, int32_t *restrict at, int64_t stride, const shape_t *restrict s) {
    for (int64_t row = 0; row < s->out_height; row++)
        for (int64_t column = 0; column < s->out_width; column++) {
            const int32_t corner = (int32_t)(row * s->size * bordered_row(s) + column * s->size * s->channels);
            float *restrict to = value++;
            int32_t *restrict pixel = at++;
            for (int64_t f = 0; f < s->filters; f++) {
                const int place = *where++;
                to[f * stride] = *gradient++ * places->factor[place];
                pixel[f * stride] = corner + places->shift[place];
            }
        }
}

/* The gradients of block_forward: dweight [filters, channels, kernel_height, kernel_width], dbias [filters], and where
 * dx is not NULL of the images. Sums over examples are taken one after another. Returns 0, or 1 without memory. */
int64_t block_backward(const float *restrict x, const float *restrict weight, const float *restrict gradient,
                       const uint8_t *restrict where, float *restrict dx, float *restrict dweight,
                       float *restrict dbias, const shape_t *s, float scale) {
    const int64_t windows = s->out_height * s->out_width, stride = vectors(windows) * LANES + LANES; /* not a power of 2 */
    const int64_t per_row = vectors(s->kernel_width * s->channels), runs = s->kernel_height * per_row;
    const places_t places = places_of(scale, s);
    const int64_t image_size = s->height * s->width * s->channels;
    float *image = room(bordered(s)), *slope = dx ? room(bordered(s)) : NULL;
    float *packed = room(s->filters * runs * LANES), *sums = room(s->filters * runs * LANES);
    float *value = room(s->filters * stride);
    int32_t *at = calloc((size_t)(s->filters * stride), sizeof *at);
    const int failed = !image || (dx && !slope) || !packed || !sums || !value || !at;
    if (!failed) {
        pack_backward((float *)weight, packed, 1, s);
        memset(dbias, 0, (size_t)s->filters * sizeof(float));
    }
    for (int64_t example = 0; !failed && example < s->examples; example++) {
        put(x + example * image_size, image, s);
        if (dx) memset(slope, 0, (size_t)bordered(s) * sizeof(float));
        collect(gradient + example * windows * s->filters, where + example * windows * s->filters, &places, value, at,
                stride, s);
        for (int64_t f = 0; f < s->filters; f++) {
            vector total = {0};
            for (int64_t i = 0; i < windows; i += LANES) total += *(const vector *)(value + f * stride + i);
            for (int i = 0; i < LANES; i++) dbias[f] += total[i];
            const int64_t own = f * runs * LANES;
            spread(image, slope, packed + own, sums + own, per_row, value + f * stride, at + f * stride, windows, s);
        }
        if (dx) get(dx + example * image_size, slope, s);
    }
    if (!failed) pack_backward(dweight, sums, 0, s);
    free(image), free(slope), free(packed), free(sums), free(value), free(at);
    return failed;
}
