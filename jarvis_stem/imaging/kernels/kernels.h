// Compiled parts of the renderer and of the measurement, on plain arrays in C order.
//
// Sizes are checked where Python calls (module.cpp), not here. Nothing in it is parallel, nothing
// is kept between calls: threads call with images of their own.
#pragma once

#include <array>
#include <complex>
#include <cstdint>

// Loops over pixels are compiled for processors with AVX2 and FMA too; which is taken is decided
// when the package is loaded. Elsewhere the compiler's own target is all there is.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v3", "default")))
#else  // which knows the name of no such level
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#endif
#else
#define FOR_EACH_PROCESSOR
#endif

namespace stem {

using Index = std::int64_t;

// Two vectors a and b of a plane lattice, or of its reciprocal: ax, ay, bx, by.
using Basis = std::array<double, 4>;

// drawing.cpp ------------------------------------------------------------------------------------

struct Crystal {
    Basis cell;            // Å
    const double* sites;   // [n_sites, 2], Å about the image's centre
    const Index* numbers;  // [n_sites], atomic numbers, ascending
    Index n_sites;
    std::array<double, 2> end;  // half the steps from a supercell's first cell to its last one
    bool bounded;               // whether the crystal ends there
};

struct Probe {
    const float* values;  // [rows, columns], zero in the rows and columns around it
    Index rows, columns;  // columns: 1 more than a multiple of BLOCK, at least
};

constexpr Index BLOCK = 24;  // columns that are added at once

// Draw the atoms of a crystal on an image [size, size] of a pixel size, and so far beyond it, Å.
void draw(const Crystal& crystal, const Probe& probe, Index size, double pixel_size, double edge,
          float* image);

// contrast.cpp -----------------------------------------------------------------------------------

constexpr int PASSES = 3;  // of moving means, which come close to a Gaussian

// Even the contrast of a picture [rows, columns], by means of so many pixels each way.
void even(const float* values, Index rows, Index columns, Index near, Index wide, float* evened);

// Numbers as grey values; a share of the pixels becomes black and white at either end.
void stretch(const float* values, Index rows, Index columns, double left_out, std::uint8_t* grey);

// harmonics.cpp ----------------------------------------------------------------------------------

constexpr Index TILE = 4;  // lines that are multiplied at once: as many as there are registers for

inline Index padded(Index lines) { return (lines + TILE - 1) / TILE * TILE; }

// Half of an image's rows, those on the middle row's far side, padded.
inline Index folded_rows(Index height) { return padded(height - height / 2); }

// A windowed image folded at its middle row. Rows as far above the centre as below share harmonics'
// cosines, and their sines but for the sign: sums and differences are half the work.
struct Halves {
    const float* sums;         // of its lower rows and their mirror images, [folded_rows, width]
    const float* differences;  // of the same
    Index height, width;       // of the image
};

struct Orders {
    const Index* values;  // [count, 2]: (h, k)
    Index count;
    Index operator()(Index m, Index axis) const { return values[2 * m + axis]; }
};

// Take an image's mean under a window from it, multiply it by the window; returns its sum under it.
double apply_window(float* image, const float* window, Index height, Index width);

void fold(const float* windowed, Index height, Index width, float* sums, float* differences);

// Cosines and sines [orders.count, size - first] of harmonics along one axis, whose reciprocal
// vectors have so many cycles a window; phases are 0 at the centre of all the size.
void waves(const std::array<double, 2>& steps, const Orders& orders, Index size, Index first,
           float* cosines, float* sines);

// Sums over an image's rows times harmonics' waves and powers of the rows' angles, [count *
// orders.count, width], padded: the real part and the imaginary one of even powers, the imaginary
// part and the real one of odd powers.
void sum_over_rows(const std::array<double, 2>& steps, const Orders& orders, const Halves& image,
                   Index count, float* of_sums, float* of_differences);

// Sums of an image times harmonics' waves and powers of the positions' angles, [orders.count,
// count, count]: powers along rows and along columns, less than count in all.
void moments(const Basis& basis, const Orders& orders, const Halves& image, Index count,
             std::complex<double>* sums);

struct Power {
    double value;
    double* gradient;   // [4], by the basis' numbers
    double* curvature;  // [4, 4]
};

// Power of an image at harmonics, and its derivatives by the basis' numbers.
void harmonic_power(const Basis& basis, const Orders& orders, const Halves& image, Power& power);

// peaks.cpp --------------------------------------------------------------------------------------

constexpr Index MOST_PEAKS = 64;

struct Spectrum {
    const std::complex<float>* values;  // [rows, columns]: of columns the first ones alone
    Index rows, columns;
    Index reach;  // rows each way that matter
    const bool*
        usable;  // [2 * reach + 1 - 2 * PEAK_REACH, columns - PEAK_REACH]: where peaks may be
};

constexpr Index PEAK_REACH = 2;  // bins, each way, among which a peak is the highest

struct PeakTable {
    double* places;   // [MOST_PEAKS, 2], bins
    double* heights;  // [MOST_PEAKS], amplitudes by the strongest peak's
    double* weights;  // [MOST_PEAKS], logarithms of the amplitudes by the faintest that counts
};

// Write down a spectrum's strongest peaks, strongest first; returns how many there are. Rounding of
// the image has added at least so much power.
Index find_strongest(const Spectrum& spectrum, float rounding, const PeakTable& found);

// measurement.cpp --------------------------------------------------------------------------------

// Of one image, from its strongest.
struct Peaks {
    const double* places;        // [count, 2], cycles a window
    const double* heights;       // [count]
    const double* weights;       // [count]
    Index count;                 // MOST_PEAKS at most
    std::array<double, 2> size;  // of the image, pixels
};

// The two shortest vectors of a lattice (Lagrange and Gauss); rounding does not choose between
// equals.
Basis reduced(const Basis& basis);

// The reciprocal basis that best explains peaks, zeros where none does; no vector shall be shorter
// than so many cycles a window.
Basis explaining(const Peaks& peaks, double closest);

// Share of the peaks that a reciprocal basis explains, by weight, less what chance would give.
double quality(const Basis& basis, const Peaks& peaks);

// Basis vectors of a reciprocal basis in cycles a window, reduced, in units of the pixel size.
Basis vectors_of(const Basis& reciprocal, const std::array<double, 2>& size, double pixel_size);

// Distance of each place [count, 2] from the nearest harmonic, cycles a window, and its orders.
void nearest_harmonics(const Basis& basis, const double* places, Index count, double* misses,
                       double* orders);

}  // namespace stem
