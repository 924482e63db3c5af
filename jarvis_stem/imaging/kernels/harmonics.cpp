#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels.h"

namespace stem {
namespace {

constexpr double TURN = 6.283185307179586;

double angle_at(Index pixel, Index size) {
    return TURN / static_cast<double>(size) *
           (static_cast<double>(pixel) - static_cast<double>(size - 1) / 2);
}

// So many powers, from 0, of the angle that a cycle a window has at each pixel from the first one.
std::vector<float> powers_of_angles(Index size, Index first, Index count) {
    const Index n = size - first;
    std::vector<float> powers(count * n);
    for (Index c = 0; c < n; ++c) {
        double power = 1;
        for (Index k = 0; k < count; ++k) {
            powers[k * n + c] = static_cast<float>(power);
            power *= angle_at(first + c, size);
        }
    }
    return powers;
}

// Add to four lines of a product what four lines have to do with it.
FOR_EACH_PROCESSOR
void multiply_tile(const float* left, Index stride, const float* right, Index columns,
                   float* __restrict product) {
    const float* a = left;
    const float* b = left + stride;
    const float* c = left + 2 * stride;
    const float* d = left + 3 * stride;
    const float a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    const float b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
    const float c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3];
    const float d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
    const float* from0 = right;
    const float* from1 = right + columns;
    const float* from2 = right + 2 * columns;
    const float* from3 = right + 3 * columns;
    float* to0 = product;
    float* to1 = product + columns;
    float* to2 = product + 2 * columns;
    float* to3 = product + 3 * columns;
#pragma omp simd
    for (Index column = 0; column < columns; ++column) {
        const float w = from0[column], x = from1[column], y = from2[column], z = from3[column];
        to0[column] += a0 * w + a1 * x + a2 * y + a3 * z;
        to1[column] += b0 * w + b1 * x + b2 * y + b3 * z;
        to2[column] += c0 * w + c1 * x + c2 * y + c3 * z;
        to3[column] += d0 * w + d1 * x + d2 * y + d3 * z;
    }
}

// Matrix product, of sides padded to the tile; BLAS would bring its own threads.
void multiply(const std::vector<float>& left, Index lines, const float* right, Index rows,
              Index columns, float* product) {
    std::fill_n(product, lines * columns, 0.0f);
    for (Index m = 0; m < lines; m += TILE)
        for (Index n = 0; n < rows; n += TILE)
            multiply_tile(&left[m * rows + n], rows, right + n * columns, columns,
                          product + m * columns);
}

// Sums over a line of its real and imaginary part times a wave, and the powers of its angles.
FOR_EACH_PROCESSOR
std::complex<double> sum_over_line(const float* real, const float* imaginary, const float* cosine,
                                   const float* sine, const float* factor, Index n) {
    float x = 0, y = 0;
#pragma omp simd reduction(+ : x, y)
    for (Index c = 0; c < n; ++c) {
        x += (real[c] * cosine[c] + imaginary[c] * sine[c]) * factor[c];
        y += (imaginary[c] * cosine[c] - real[c] * sine[c]) * factor[c];
    }
    return {x, y};
}

FOR_EACH_PROCESSOR
void multiply_waves(const double* cos_h, const double* sin_h, const double* cos_k,
                    const double* sin_k, double sign_h, double sign_k, Index n,
                    float* __restrict cosines, float* __restrict sines) {
    for (Index c = 0; c < n; ++c) {
        const double left = sign_h * sin_h[c], right = sign_k * sin_k[c];
        cosines[c] = static_cast<float>(cos_h[c] * cos_k[c] - left * right);
        sines[c] = static_cast<float>(left * cos_k[c] + cos_h[c] * right);
    }
}

FOR_EACH_PROCESSOR
std::pair<float, float> weigh(const float* line, const float* window, Index n) {
    float value = 0, weight = 0;
#pragma omp simd reduction(+ : value, weight)
    for (Index i = 0; i < n; ++i) {
        value += line[i] * window[i];
        weight += window[i];
    }
    return {value, weight};
}

FOR_EACH_PROCESSOR
void subtract_under(const float* window, Index n, float mean, float* __restrict image) {
    for (Index i = 0; i < n; ++i) image[i] = (image[i] - mean) * window[i];
}

FOR_EACH_PROCESSOR
void fold_line(const float* after, const float* before, Index n, float share,
               float* __restrict sums, float* __restrict differences) {
    for (Index i = 0; i < n; ++i) {
        sums[i] = (after[i] + before[i]) * share;
        differences[i] = after[i] - before[i];
    }
}

}  // namespace

double apply_window(float* image, const float* window, Index height, Index width) {
    double whole = 0, under = 0;
    for (Index row = 0; row < height; ++row) {
        const auto [value, weight] = weigh(image + row * width, window + row * width, width);
        whole += static_cast<double>(value);
        under += static_cast<double>(weight);
    }
    subtract_under(window, height * width, static_cast<float>(whole / under), image);
    return whole;
}

void fold(const float* windowed, Index height, Index width, float* sums, float* differences) {
    const Index first = height / 2, rows = height - first, used = rows * width;
    for (Index row = 0; row < rows; ++row) {
        const float share = height % 2 && row == 0 ? 0.5f : 1.0f;  // that row has no other
        fold_line(windowed + (first + row) * width, windowed + (rows - 1 - row) * width, width,
                  share, sums + row * width, differences + row * width);
    }
    std::fill(sums + used, sums + folded_rows(height) * width, 0.0f);
    std::fill(differences + used, differences + folded_rows(height) * width, 0.0f);
}

// Powers of the two reciprocal vectors' waves give them, for few pixels' cosines and sines are
// computed as such.
void waves(const std::array<double, 2>& steps, const Orders& orders, Index size, Index first,
           float* cosines, float* sines) {
    const Index n = size - first;
    Index highest = 0;
    for (Index m = 0; m < orders.count; ++m)
        highest = std::max({highest, std::abs(orders(m, 0)), std::abs(orders(m, 1))});
    const Index each = (highest + 1) * n;
    std::vector<double> powers(4 * each);  // cosines and sines, of either vector
    for (Index v = 0; v < 2; ++v) {
        double* cos = &powers[2 * v * each];
        double* sin = cos + each;
        for (Index c = 0; c < n; ++c) {
            const double angle = steps[v] * angle_at(first + c, size);
            const double cosine = std::cos(angle), sine = std::sin(angle);
            cos[c] = 1;
            sin[c] = 0;
            for (Index k = 0; k < highest; ++k) {
                const double before = cos[k * n + c], beside = sin[k * n + c];
                cos[(k + 1) * n + c] = before * cosine - beside * sine;
                sin[(k + 1) * n + c] = before * sine + beside * cosine;
            }
        }
    }
    for (Index m = 0; m < orders.count; ++m) {
        const Index h = orders(m, 0), k = orders(m, 1);
        const double* of_h = &powers[std::abs(h) * n];
        const double* of_k = &powers[2 * each + std::abs(k) * n];
        multiply_waves(of_h, of_h + each, of_k, of_k + each, h < 0 ? -1 : 1, k < 0 ? -1 : 1, n,
                       cosines + m * n, sines + m * n);
    }
}

void sum_over_rows(const std::array<double, 2>& steps, const Orders& orders, const Halves& image,
                   Index count, float* of_sums, float* of_differences) {
    const Index first = image.height / 2, n = image.height - first, m = orders.count;
    const Index rows = folded_rows(image.height), lines = padded(count * m);
    std::vector<float> cosines(m * n), sines(m * n);
    waves(steps, orders, image.height, first, cosines.data(), sines.data());
    const std::vector<float> factors = powers_of_angles(image.height, first, count);
    std::vector<float> meets_sums(lines * rows), meets_differences(lines * rows);
    for (Index k = 0; k < count; ++k) {
        for (Index line = 0; line < m; ++line) {
            const Index to = (k * m + line) * rows;
            float* even = &(k % 2 ? meets_differences : meets_sums)[to];  // as the cosine is
            float* odd = &(k % 2 ? meets_sums : meets_differences)[to];
            for (Index row = 0; row < n; ++row) {
                even[row] = cosines[line * n + row] * factors[k * n + row];
                odd[row] = -sines[line * n + row] * factors[k * n + row];
            }
        }
    }
    multiply(meets_sums, lines, image.sums, rows, image.width, of_sums);
    multiply(meets_differences, lines, image.differences, rows, image.width, of_differences);
}

void moments(const Basis& basis, const Orders& orders, const Halves& image, Index count,
             std::complex<double>* sums) {
    const Index m = orders.count, width = image.width, lines = padded(count * m);
    std::vector<float> of_sums(lines * width), of_differences(lines * width);
    sum_over_rows({basis[0], basis[2]}, orders, image, count, of_sums.data(),
                  of_differences.data());
    std::vector<float> cosines(m * width), sines(m * width);
    waves({basis[1], basis[3]}, orders, width, 0, cosines.data(), sines.data());
    const std::vector<float> factors = powers_of_angles(width, 0, count);
    std::fill_n(sums, m * count * count, 0.0);
    for (Index line = 0; line < m; ++line) {
        for (Index i = 0; i < count; ++i) {
            const float* real = &of_sums[(i * m + line) * width];
            const float* imaginary = &of_differences[(i * m + line) * width];
            if (i % 2) std::swap(real, imaginary);
            for (Index j = 0; j < count - i; ++j)
                sums[(line * count + i) * count + j] =
                    sum_over_line(real, imaginary, &cosines[line * width], &sines[line * width],
                                  &factors[j * width], width);
        }
    }
}

void harmonic_power(const Basis& basis, const Orders& orders, const Halves& image, Power& power) {
    constexpr Index COUNT = 3;
    std::vector<std::complex<double>> sums(orders.count * COUNT * COUNT);
    moments(basis, orders, image, COUNT, sums.data());
    power.value = 0;
    std::fill_n(power.gradient, 4, 0.0);
    std::fill_n(power.curvature, 16, 0.0);
    for (Index m = 0; m < orders.count; ++m) {
        const auto moment = [&](Index i, Index j) { return sums[(m * COUNT + i) * COUNT + j]; };
        const std::complex<double> value = std::conj(moment(0, 0));
        const double of[2] = {static_cast<double>(orders(m, 0)), static_cast<double>(orders(m, 1))};
        power.value += std::norm(value);
        for (Index i = 0; i < 2; ++i) {
            const std::complex<double> first = moment(1 - i, i);
            const double slope = 2 * (value * first).imag();
            for (Index p = 0; p < 2; ++p) power.gradient[2 * p + i] += of[p] * slope;
            for (Index j = 0; j < 2; ++j) {
                const std::complex<double> second = moment(2 - i - j, i + j);
                const double bend =
                    2 * (std::conj(first) * moment(1 - j, j) - value * second).real();
                for (Index p = 0; p < 2; ++p)
                    for (Index q = 0; q < 2; ++q)
                        power.curvature[4 * (2 * p + i) + 2 * q + j] += of[p] * of[q] * bend;
            }
        }
    }
}

}  // namespace stem
