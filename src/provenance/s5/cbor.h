// CBOR (RFC 8949) through libcbor's coder of single items, as much of it as S5's directories use: definite
// lengths, integers, byte strings, texts, arrays, maps, true, false, null, floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

struct CborItem {
    enum class Kind { unsigned_integer, negative_integer, real, bytes, text, array, map, boolean, null };
    Kind kind = Kind::null;
    std::uint64_t integer = 0;    // unsigned; of a negative one, -1 - value
    double real = 0;              // of real
    bool truth = false;           // of boolean
    ByteView content;             // of bytes and text: views into what was read
    std::vector<CborItem> items;  // of an array; of a map key, value, key, value, …
    ByteView encoded;             // the whole item as it was read

    bool is(Kind wanted) const { return kind == wanted; }
    // The value of a map's integer key; null when it has none.
    const CborItem* find(std::uint64_t key) const;
    // A whole number from 0 on, written as an integer or, as JavaScript's large numbers are, as a double.
    std::optional<std::uint64_t> whole_number() const;
};

// One item and nothing behind it. Nothing for bytes that are none, for what is not listed above, and beyond 32
// levels. `bytes` must outlive the result. Costs time and memory in proportion to the bytes.
std::optional<CborItem> read_cbor(ByteView bytes);

// Appends item after item; the caller sees to the counts.
class CborWriter {
  public:
    void unsigned_integer(std::uint64_t value);  // in as few bytes as it needs
    void integer_of_64_bits(std::uint64_t value);
    void real(double value);
    // As JavaScript's numbers are written: a double from 2^32 on.
    void number(std::uint64_t value);
    void bytes(ByteView value);
    void text(std::string_view value);
    void begin_array(std::uint64_t items);
    void begin_map(std::uint64_t pairs);
    void encoded(ByteView item);  // already CBOR

    Bytes take() { return std::move(out_); }

  private:
    template <typename Encode>
    void head(Encode encode);

    Bytes out_;
};

}  // namespace gptoss::provenance::s5
