#include "provenance/s5/cbor.h"

#include <cbor.h>

#include <cmath>

#include "base/check.h"

namespace gptoss::provenance::s5 {
namespace {

using Kind = CborItem::Kind;

// What libcbor's decoder says of one item: its head, and the content of a string.
struct Head {
    CborItem item;
    std::uint64_t members = 0;  // of an array, pairs of a map
    bool supported = false;

    void is(Kind kind) {
        item.kind = kind;
        supported = true;
    }
    void integer(Kind kind, std::uint64_t value) {
        is(kind);
        item.integer = value;
    }
};

Head& head_of(void* context) {
    return *static_cast<Head*>(context);
}
template <typename Number>
void on_unsigned(void* context, Number value) {
    head_of(context).integer(Kind::unsigned_integer, value);
}
template <typename Number>
void on_negative(void* context, Number value) {
    head_of(context).integer(Kind::negative_integer, value);
}
template <typename Number>
void on_real(void* context, Number value) {
    head_of(context).is(Kind::real);
    head_of(context).item.real = static_cast<double>(value);
}
void on_bytes(void* context, cbor_data data, std::size_t length) {
    head_of(context).is(Kind::bytes);
    head_of(context).item.content = {data, length};
}
void on_text(void* context, cbor_data data, std::size_t length) {
    head_of(context).is(Kind::text);
    head_of(context).item.content = {data, length};
}
void on_array(void* context, std::size_t length) {
    head_of(context).is(Kind::array);
    head_of(context).members = length;
}
void on_map(void* context, std::size_t length) {
    head_of(context).is(Kind::map);
    head_of(context).members = length;
}
void on_boolean(void* context, bool value) {
    head_of(context).is(Kind::boolean);
    head_of(context).item.truth = value;
}
void on_null(void* context) {
    head_of(context).is(Kind::null);
}

cbor_callbacks callbacks() {
    cbor_callbacks all = cbor_empty_callbacks;  // of what is not supported: nothing is called
    all.uint8 = on_unsigned<std::uint8_t>, all.uint16 = on_unsigned<std::uint16_t>;
    all.uint32 = on_unsigned<std::uint32_t>, all.uint64 = on_unsigned<std::uint64_t>;
    all.negint8 = on_negative<std::uint8_t>, all.negint16 = on_negative<std::uint16_t>;
    all.negint32 = on_negative<std::uint32_t>, all.negint64 = on_negative<std::uint64_t>;
    all.float2 = on_real<float>, all.float4 = on_real<float>, all.float8 = on_real<double>;
    all.byte_string = on_bytes, all.string = on_text;
    all.array_start = on_array, all.map_start = on_map;
    all.boolean = on_boolean, all.null = on_null, all.undefined = on_null;
    return all;
}

constexpr int kLevelsMax = 32;

// The item at the front of `rest`, which moves behind it.
std::optional<CborItem> read_item(ByteView& rest, int level) {
    static const cbor_callbacks kCallbacks = callbacks();
    const ByteView begin = rest;
    Head head;
    const auto [read, status, required] = cbor_stream_decode(rest.data(), rest.size(), &kCallbacks, &head);
    if (level > kLevelsMax || status != CBOR_DECODER_FINISHED || !head.supported) return std::nullopt;
    rest = rest.subspan(read);
    if (head.members > rest.size()) return std::nullopt;  // a member takes a byte at least
    const std::uint64_t members = head.item.is(Kind::map) ? 2 * head.members : head.members;
    for (std::uint64_t i = 0; i < members; ++i) {
        auto member = read_item(rest, level + 1);
        if (!member) return std::nullopt;
        head.item.items.push_back(*std::move(member));
    }
    head.item.encoded = begin.first(begin.size() - rest.size());
    return std::move(head.item);
}

}  // namespace

const CborItem* CborItem::find(std::uint64_t key) const {
    if (!is(Kind::map)) return nullptr;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
        if (items[i].is(Kind::unsigned_integer) && items[i].integer == key) return &items[i + 1];
    return nullptr;
}

std::optional<std::uint64_t> CborItem::whole_number() const {
    if (is(Kind::unsigned_integer)) return integer;
    constexpr double kBeyond = 18446744073709551616.0;  // 2^64
    if (is(Kind::real) && real >= 0 && real < kBeyond && real == std::floor(real))
        return static_cast<std::uint64_t>(real);
    return std::nullopt;
}

std::optional<CborItem> read_cbor(ByteView bytes) {
    if (bytes.empty()) return std::nullopt;
    auto item = read_item(bytes, 0);
    return bytes.empty() ? item : std::nullopt;
}

template <typename Encode>
void CborWriter::head(Encode encode) {
    std::uint8_t buffer[9];
    const std::size_t written = encode(buffer, sizeof buffer);
    check(written > 0, "a CBOR head has nine bytes at most");
    out_.insert(out_.end(), buffer, buffer + written);
}

void CborWriter::unsigned_integer(std::uint64_t value) {
    head([&](std::uint8_t* to, std::size_t size) { return cbor_encode_uint(value, to, size); });
}
void CborWriter::integer_of_64_bits(std::uint64_t value) {
    head([&](std::uint8_t* to, std::size_t size) { return cbor_encode_uint64(value, to, size); });
}
void CborWriter::real(double value) {
    head([&](std::uint8_t* to, std::size_t size) { return cbor_encode_double(value, to, size); });
}
void CborWriter::number(std::uint64_t value) {
    if (value <= UINT32_MAX)
        unsigned_integer(value);
    else
        real(static_cast<double>(value));
}
void CborWriter::bytes(ByteView value) {
    head([&](std::uint8_t* to, std::size_t size) {
        return cbor_encode_bytestring_start(value.size(), to, size);
    });
    encoded(value);
}
void CborWriter::text(std::string_view value) {
    head(
        [&](std::uint8_t* to, std::size_t size) { return cbor_encode_string_start(value.size(), to, size); });
    encoded(bytes_of(value));
}
void CborWriter::begin_array(std::uint64_t items) {
    head([&](std::uint8_t* to, std::size_t size) { return cbor_encode_array_start(items, to, size); });
}
void CborWriter::begin_map(std::uint64_t pairs) {
    head([&](std::uint8_t* to, std::size_t size) { return cbor_encode_map_start(pairs, to, size); });
}
void CborWriter::encoded(ByteView item) {
    out_.insert(out_.end(), item.begin(), item.end());
}

}  // namespace gptoss::provenance::s5
