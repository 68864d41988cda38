// The grids that the IQ1, IQ2 and IQ3 types choose their values from: part of the file format, see
// codebooks.cpp for the source and its licence. Every grid point is eight (IQ1, IQ2) or four (IQ3) small
// magnitudes, packed as digits, the first element lowest.
#pragma once

#include <array>
#include <cstdint>

namespace gptoss::gguf {

// Eight digits of two bits. IQ1: the digit less one. IQ2: kIq2Magnitudes[digit].
extern const std::array<std::uint16_t, 2048> kIq1Grid;
extern const std::array<std::uint16_t, 256> kIq2XxsGrid;
extern const std::array<std::uint16_t, 512> kIq2XsGrid;
extern const std::array<std::uint16_t, 1024> kIq2SGrid;
inline constexpr std::array<float, 3> kIq2Magnitudes{8, 25, 43};

// Four digits of three bits.
extern const std::array<std::uint16_t, 256> kIq3XxsGrid;
extern const std::array<std::uint16_t, 512> kIq3SGrid;
inline constexpr std::array<float, 8> kIq3XxsMagnitudes{4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::array<float, 8> kIq3SMagnitudes{1, 3, 5, 7, 9, 11, 13, 15};

}  // namespace gptoss::gguf
