// Bytes as the marketplace's messages write them: hexadecimal digits, with or without 0x, in either case.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::marketplace {

using s5::Bytes;
using s5::Bytes32;
using s5::ByteView;

std::string to_hexadecimal(ByteView bytes);  // lower case, without 0x
// Nothing for an odd number of digits or anything that is no digit.
std::optional<Bytes> from_hexadecimal(std::string_view text);

}  // namespace gptoss::provenance::marketplace
