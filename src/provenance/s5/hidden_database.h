// What an identity keeps for itself on S5, under names that only its owner can derive: small files, encrypted, each
// with a registry entry of its own. s5.js keeps an identity's accounts at portals here ("accounts.json").
#pragma once

#include <optional>
#include <string_view>

#include "provenance/s5/file_system.h"
#include "provenance/s5/identity.h"

namespace gptoss::provenance::s5 {

struct HiddenEntry {
    std::optional<Bytes> data;  // nothing when nobody has the bytes any more
    std::uint64_t revision = 0;
};

// Nothing when it was never written. Throws Error(file_corrupt) for bytes that are not of our key, and what the
// network throws.
std::optional<HiddenEntry> read_hidden(const Identity& identity, Network& network, std::string_view path);

// False when another writer has that revision already.
bool write_hidden(const Identity& identity, Network& network, std::string_view path, ByteView data,
                  std::uint64_t revision);

}  // namespace gptoss::provenance::s5
