#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"

namespace stem {
namespace {

constexpr double NEAR = 0.4;    // cycles a window: how far a peak may be from a harmonic
constexpr double EXACT = 0.15;  // the same, where it shall prove a finer lattice
constexpr Index SEEDS = 4,
                PARTNERS = 12;  // peaks, of the strongest, that the first basis is two of
constexpr double STRONG = 0.3;  // of the strongest peak's amplitude, for a peak of the first basis
constexpr double FLATTEST = 0.15;             // sine of the angle between these two
constexpr int DIVISIONS = 6;                  // how many times finer a lattice may be made at once
constexpr double FAINTER[] = {0.1, 0.03, 0};  // of the strongest peak: finer lattices are made for
constexpr double ENOUGH = 0.7;  // of the unexplained peaks have to fit a finer lattice
constexpr double PRICE = 2.5;   // of a lattice e times finer, in weights of peaks
constexpr int FOLDS = 1;        // whole cycles a pixel, each way, that harmonics are folded back by
constexpr double FOLDED = 3;    // times the strength that bilinear drawing gives such one at most
constexpr double EQUAL = 5e-8;  // of a length, of which rounding moves it by a fifth
constexpr double PI = 3.141592653589793;

using Numbers = std::array<double, MOST_PEAKS>;
using Pairs = std::array<double, 2 * MOST_PEAKS>;

double area_of(const Basis& basis) { return std::abs(basis[0] * basis[3] - basis[1] * basis[2]); }

Basis inverse_of(const Basis& basis) {
    const auto [a, b, c, d] = basis;
    const double det = a * d - b * c;
    return {d / det, -b / det, -c / det, a / det};
}

// Probability that a peak anywhere is as near to a harmonic.
double chance(double area, double tolerance) {
    return std::min(PI * tolerance * tolerance / area, 1.0);
}

// The basis of the smallest cell that two of the strongest peaks make, zeros if none do.
Basis start(const Peaks& peaks, double closest) {
    Basis basis{};
    double smallest = std::numeric_limits<double>::infinity();
    for (Index i = 0; i < std::min(SEEDS, peaks.count); ++i) {
        for (Index j = i + 1; j < std::min(PARTNERS, peaks.count); ++j) {
            const double* a = peaks.places + 2 * i;
            const double* b = peaks.places + 2 * j;
            const Basis pair{a[0], a[1], b[0], b[1]};
            const double most =
                std::sqrt((a[0] * a[0] + a[1] * a[1]) * (b[0] * b[0] + b[1] * b[1]));
            double area = area_of(pair);
            if (!(area > FLATTEST * most && area > closest * closest)) continue;
            area += peaks.heights[j] < STRONG ? 1e6 : 0;
            if (area < smallest) {
                smallest = area;
                basis = pair;
            }
        }
    }
    return smallest < std::numeric_limits<double>::infinity() ? reduced(basis) : basis;
}

// Least squares over the peaks that are harmonics, weighted by their amplitudes.
Basis fit(const Basis& basis, const Peaks& peaks) {
    Numbers misses;
    Pairs orders;
    nearest_harmonics(basis, peaks.places, peaks.count, misses.data(), orders.data());
    Basis normal{}, right{};
    for (Index n = 0; n < peaks.count; ++n) {
        if (!(misses[n] <= NEAR)) continue;
        for (Index i = 0; i < 2; ++i) {
            const double left = orders[2 * n + i] * peaks.heights[n] * peaks.heights[n];
            for (Index j = 0; j < 2; ++j) {
                normal[2 * i + j] += left * orders[2 * n + j];
                right[2 * i + j] += left * peaks.places[2 * n + j];
            }
        }
    }
    if (area_of(normal) <= 1e-6) return basis;
    const Basis inverse = inverse_of(normal);
    Basis fitted;
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 2; ++j)
            fitted[2 * i + j] = inverse[2 * i] * right[j] + inverse[2 * i + 1] * right[2 + j];
    return fitted;
}

// Whether each peak may be a harmonic from beyond the sampling frequency.
//
// Drawing an atom on four pixels bilinearly multiplies its transform by sinc^2 of either frequency
// and adds copies of that shifted by whole cycles a pixel; at frequency q the copy from q + m is
// (q / (q + m))^2 of a harmonic that were there itself.
std::array<bool, MOST_PEAKS> folded(const Basis& basis, const Peaks& peaks) {
    std::array<bool, MOST_PEAKS> may_be{};
    Pairs origins, orders;
    Numbers misses, copies;
    for (int i = -FOLDS; i <= FOLDS; ++i) {
        for (int j = -FOLDS; j <= FOLDS; ++j) {
            if (i == 0 && j == 0) continue;
            const double folds[2] = {static_cast<double>(i), static_cast<double>(j)};
            for (Index n = 0; n < peaks.count; ++n) {
                copies[n] = 1;
                for (Index axis = 0; axis < 2; ++axis) {
                    const double place = peaks.places[2 * n + axis];
                    const double origin = place + folds[axis] * peaks.size[axis];
                    origins[2 * n + axis] = origin;
                    if (folds[axis] != 0) copies[n] *= (place / origin) * (place / origin);
                }
            }
            nearest_harmonics(basis, origins.data(), peaks.count, misses.data(), orders.data());
            for (Index n = 0; n < peaks.count; ++n)
                may_be[n] |= misses[n] <= NEAR && peaks.heights[n] < FOLDED * copies[n];
        }
    }
    return may_be;
}

// Weights of the peaks that are neither harmonics nor where weak ones are folded back to.
Numbers unexplained(const Basis& basis, const Peaks& peaks) {
    Numbers misses, weights{};
    Pairs orders;
    nearest_harmonics(basis, peaks.places, peaks.count, misses.data(), orders.data());
    const auto may_be_folded = folded(basis, peaks);
    for (Index n = 0; n < peaks.count; ++n)
        if (misses[n] > NEAR && !may_be_folded[n]) weights[n] = peaks.weights[n];
    return weights;
}

// Of lattices up to some times finer the one that best explains what is not, from a height.
Basis divide(const Basis& basis, const Peaks& peaks, double height, double closest) {
    Numbers weights = unexplained(basis, peaks), misses;
    Pairs orders;
    double total = 0;
    for (Index n = 0; n < peaks.count; ++n) {
        weights[n] = peaks.heights[n] >= height ? weights[n] : 0;
        total += weights[n];
    }
    Basis best = basis;
    double most = 0;
    for (int i = 1; i <= DIVISIONS; ++i) {
        for (int j = 1; j <= DIVISIONS / i; ++j) {
            for (int k = 0; k < j; ++k) {  // Hermite's normal form of every lattice so much coarser
                const double x = basis[0] / i, y = basis[1] / i;
                const Basis finer{x, y, (basis[2] - k * x) / j, (basis[3] - k * y) / j};
                nearest_harmonics(finer, peaks.places, peaks.count, misses.data(), orders.data());
                double explained = 0;
                for (Index n = 0; n < peaks.count; ++n)
                    explained += misses[n] <= EXACT ? weights[n] : 0;
                const double area = area_of(finer);
                const double gain =
                    explained - total * chance(area, EXACT) - PRICE * std::log(i * j);
                if (explained >= ENOUGH * total && area > closest * closest && gain > most &&
                    i * j > 1) {
                    best = finer;
                    most = gain;
                }
            }
        }
    }
    return reduced(best);
}

struct Vector {
    double x, y;
};

Vector operator-(const Vector& one, const Vector& other) {
    return {one.x - other.x, one.y - other.y};
}

Vector operator+(const Vector& one, const Vector& other) {
    return {one.x + other.x, one.y + other.y};
}

Vector operator*(double times, const Vector& one) { return {times * one.x, times * one.y}; }

double dot(const Vector& one, const Vector& other) { return one.x * other.x + one.y * other.y; }

double length(const Vector& one) { return std::sqrt(dot(one, one)); }

bool is_shorter(const Vector& one, const Vector& other) {
    return dot(one, one) < dot(other, other);
}

// Of a vector and its opposite the one to x > 0; along y, that to y > 0.
Vector rightward(const Vector& one) {
    const bool is_upright = std::abs(one.x) <= EQUAL * length(one);
    return (is_upright ? one.y : one.x) < 0 ? -1.0 * one : one;
}

// Whether one of two equally long vectors is taken before the other: the one nearer to x, or above.
bool comes_before(const Vector& one, const Vector& other) {
    const bool are_mirrored = std::abs(one.x - other.x) <= EQUAL * length(one);
    return are_mirrored ? one.y > other.y : one.x > other.x;
}

// Have of vectors those that are as long as the shortest, and of them the first, in front.
Vector take_first_of_shortest(Vector* vectors, Index n) {
    const double most = (1 + EQUAL) * length(*std::min_element(vectors, vectors + n, is_shorter));
    Index first = 0;
    for (Index i = 1; i < n; ++i) {
        if (!(length(vectors[i]) <= most)) continue;
        if (length(vectors[first]) > most || comes_before(vectors[i], vectors[first])) first = i;
    }
    std::swap(vectors[0], vectors[first]);
    return vectors[0];
}

}  // namespace

Basis reduced(const Basis& basis) {
    Vector a{basis[0], basis[1]}, b{basis[2], basis[3]};
    while (true) {
        if (is_shorter(b, a)) std::swap(a, b);
        const Vector shorter = b - std::nearbyint(dot(a, b) / dot(a, a)) * a;
        if (!is_shorter(shorter, b)) break;  // rounding must not keep it going round
        b = shorter;
    }
    std::array<Vector, 4> shortest{rightward(a), rightward(b), rightward(b - a), rightward(a + b)};
    a = take_first_of_shortest(shortest.data(), 4);
    b = take_first_of_shortest(shortest.data() + 1, 3);
    if (dot(a, b) < -EQUAL * length(a) * length(b)) b = -1.0 * b;
    return {a.x, a.y, b.x, b.y};
}

Basis explaining(const Peaks& peaks, double closest) {
    Basis basis = start(peaks, closest);
    if (!(area_of(basis) > 0)) return basis;
    for (const double height : FAINTER) basis = divide(fit(basis, peaks), peaks, height, closest);
    return fit(basis, peaks);
}

double quality(const Basis& basis, const Peaks& peaks) {
    const Numbers missed = unexplained(basis, peaks);
    double of_missed = 0, of_all = 0;
    for (Index n = 0; n < peaks.count; ++n) {
        of_missed += missed[n];
        of_all += peaks.weights[n];
    }
    return std::clamp(1 - of_missed / std::max(of_all, 1e-30) - chance(area_of(basis), NEAR), 0.0,
                      1.0);
}

Basis vectors_of(const Basis& reciprocal, const std::array<double, 2>& size, double pixel_size) {
    const Basis inverse = inverse_of({reciprocal[0] / size[0], reciprocal[1] / size[1],
                                      reciprocal[2] / size[0], reciprocal[3] / size[1]});
    return reduced({inverse[0] * pixel_size, inverse[2] * pixel_size, inverse[1] * pixel_size,
                    inverse[3] * pixel_size});
}

FOR_EACH_PROCESSOR
void nearest_harmonics(const Basis& basis, const double* places, Index count,
                       double* __restrict misses, double* __restrict orders) {
    const double det = basis[0] * basis[3] - basis[1] * basis[2];
    const double to_h[2] = {basis[3] / det, -basis[2] / det};
    const double to_k[2] = {-basis[1] / det, basis[0] / det};
    for (Index n = 0; n < count; ++n) {
        const double x = places[2 * n], y = places[2 * n + 1];
        const double h = x * to_h[0] + y * to_h[1], k = x * to_k[0] + y * to_k[1];
        const double near_h = std::nearbyint(h), near_k = std::nearbyint(k);
        orders[2 * n] = near_h;
        orders[2 * n + 1] = near_k;
        const double left = h - near_h, beside = k - near_k;
        const double off_x = left * basis[0] + beside * basis[2];
        const double off_y = left * basis[1] + beside * basis[3];
        misses[n] = std::sqrt(off_x * off_x + off_y * off_y);
    }
}

}  // namespace stem
