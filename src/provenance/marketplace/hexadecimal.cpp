#include "provenance/marketplace/hexadecimal.h"

#include "provenance/chain/bytes.h"
#include "provenance/sha256.h"

namespace gptoss::provenance::marketplace {

std::string to_hexadecimal(ByteView bytes) {
    return to_hex(bytes);
}

std::optional<Bytes> from_hexadecimal(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    return chain::bytes_from_hex("0x" + std::string(text));
}

}  // namespace gptoss::provenance::marketplace
