#include "provenance/s5/directory.h"

#include "provenance/s5/cbor.h"
#include "provenance/s5/name_order.h"

namespace gptoss::provenance::s5 {
namespace {

using Kind = CborItem::Kind;

constexpr std::uint8_t kDirectoryHead[] = {0x5f, 0x5d};
constexpr std::string_view kDirectoryMagic = "S5.pro";
constexpr int kVersionsMax = 16;  // of a file, one inside the other

enum Key : std::uint64_t {
    kLink = 2,
    kHash = 3,
    kSize = 4,
    kMediaType = 6,
    kTime = 7,
    kTimeNanoseconds = 8,
    kLocations = 9,
    kExtra = 22,
    kPrevious = 23
};
constexpr std::uint64_t kUrlLocation = 1;

template <typename Entry>
std::vector<const std::pair<std::string, Entry>*> in_order(const NamedEntries<Entry>& entries) {
    std::vector<const std::pair<std::string, Entry>*> sorted;
    for (const auto& entry : entries.all) sorted.push_back(&entry);
    std::ranges::stable_sort(sorted, [](const auto* left, const auto* right) {
        return name_comes_before(left->first, right->first);
    });
    return sorted;
}

void write_others(CborWriter& out, const OtherFields& others) {
    for (const auto& [key, value] : others) out.unsigned_integer(key), out.encoded(value);
}

void write_times(CborWriter& out, const std::optional<std::uint64_t>& time_s,
                 const std::optional<std::uint64_t>& time_ns) {
    if (time_s) out.unsigned_integer(kTime), out.number(*time_s);
    if (time_ns) out.unsigned_integer(kTimeNanoseconds), out.number(*time_ns);
}

void write(CborWriter& out, const DirectoryLink& link) {
    out.begin_map(1 + link.time_s.has_value() + link.time_ns.has_value() + link.others.size());
    const auto kind = static_cast<std::uint8_t>(link.kind);
    out.unsigned_integer(kLink), out.bytes(joined({{&kind, 1}, link.target}));
    write_times(out, link.time_s, link.time_ns);
    write_others(out, link.others);
}

void write(CborWriter& out, const FileLink& file) {
    out.begin_map(2 + file.media_type.has_value() + file.time_s.has_value() + file.time_ns.has_value() +
                  file.locations.has_value() + file.extra.has_value() + !file.previous.empty() +
                  file.others.size());
    out.unsigned_integer(kHash), out.bytes(file.hash);
    out.unsigned_integer(kSize);
    file.size_has_64_bits ? out.integer_of_64_bits(file.size_bytes) : out.number(file.size_bytes);
    if (file.media_type) out.unsigned_integer(kMediaType), out.text(*file.media_type);
    write_times(out, file.time_s, file.time_ns);
    if (file.locations) {
        out.unsigned_integer(kLocations), out.begin_array(file.locations->size());
        for (const BlobLocation& location : *file.locations) {
            out.begin_array(2), out.unsigned_integer(location.kind);
            location.kind == kUrlLocation ? out.text(text_of(location.value)) : out.bytes(location.value);
        }
    }
    if (file.extra) out.unsigned_integer(kExtra), out.encoded(*file.extra);
    if (!file.previous.empty()) out.unsigned_integer(kPrevious), write(out, file.previous[0]);
    write_others(out, file.others);
}

Bytes copied(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

// False when a number is there and is none.
bool read_number(const CborItem* item, std::optional<std::uint64_t>& out) {
    if (item == nullptr) return true;
    out = item->whole_number();
    return out.has_value();
}

OtherFields others_of(const CborItem& map, std::initializer_list<std::uint64_t> known) {
    OtherFields others;
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2)
        if (map.items[i].is(Kind::unsigned_integer) &&
            std::ranges::find(known, map.items[i].integer) == known.end())
            others.emplace_back(map.items[i].integer, copied(map.items[i + 1].encoded));
    return others;
}

std::optional<DirectoryLink> read_link(const CborItem& map) {
    DirectoryLink link;
    const CborItem* target = map.find(kLink);
    if (target == nullptr || !target->is(Kind::bytes) || target->content.size() != 33) return std::nullopt;
    link.kind = static_cast<DirectoryLink::Kind>(target->content[0]);
    if (link.kind != DirectoryLink::Kind::fixed && link.kind != DirectoryLink::Kind::registry)
        return std::nullopt;
    link.target = bytes32_of(target->content.subspan(1));
    if (!read_number(map.find(kTime), link.time_s) || !read_number(map.find(kTimeNanoseconds), link.time_ns))
        return std::nullopt;
    link.others = others_of(map, {kLink, kTime, kTimeNanoseconds});
    return link;
}

std::optional<std::vector<BlobLocation>> read_locations(const CborItem& array) {
    if (!array.is(Kind::array)) return std::nullopt;
    std::vector<BlobLocation> locations;
    for (const CborItem& pair : array.items) {
        if (!pair.is(Kind::array) || pair.items.size() != 2 || !pair.items[0].is(Kind::unsigned_integer))
            return std::nullopt;
        const std::uint64_t kind = pair.items[0].integer;
        if (!pair.items[1].is(kind == kUrlLocation ? Kind::text : Kind::bytes)) return std::nullopt;
        locations.push_back({kind, copied(pair.items[1].content)});
    }
    return locations;
}

std::optional<FileLink> read_file(const CborItem& map, int version) {
    FileLink file;
    const CborItem* hash = map.find(kHash);
    const CborItem* size = map.find(kSize);
    if (version > kVersionsMax || hash == nullptr || !hash->is(Kind::bytes) || hash->content.size() != 32 ||
        size == nullptr || !size->whole_number())
        return std::nullopt;
    file.hash = bytes32_of(hash->content);
    file.size_bytes = *size->whole_number();
    constexpr std::size_t kEncoded64Bits = 9;
    file.size_has_64_bits = size->is(Kind::unsigned_integer) && size->encoded.size() == kEncoded64Bits;
    if (const CborItem* type = map.find(kMediaType)) {
        if (!type->is(Kind::text)) return std::nullopt;
        file.media_type = text_of(type->content);
    }
    if (!read_number(map.find(kTime), file.time_s) || !read_number(map.find(kTimeNanoseconds), file.time_ns))
        return std::nullopt;
    if (const CborItem* locations = map.find(kLocations)) {
        file.locations = read_locations(*locations);
        if (!file.locations) return std::nullopt;
    }
    if (const CborItem* extra = map.find(kExtra)) file.extra = copied(extra->encoded);
    if (const CborItem* previous = map.find(kPrevious)) {
        auto earlier = read_file(*previous, version + 1);
        if (!earlier) return std::nullopt;
        file.previous.push_back(*std::move(earlier));
    }
    file.others =
        others_of(map, {kHash, kSize, kMediaType, kTime, kTimeNanoseconds, kLocations, kExtra, kPrevious});
    return file;
}

// False for a map of another form or a name that stands twice.
template <typename Entry, typename Read>
bool read_entries(const CborItem& map, NamedEntries<Entry>& out, Read read) {
    if (!map.is(Kind::map)) return false;
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
        if (!map.items[i].is(Kind::text)) return false;
        auto entry = read(map.items[i + 1]);
        if (!entry) return false;
        names.push_back(text_of(map.items[i].content));
        out.all.emplace_back(names.back(), *std::move(entry));
    }
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) == names.end();
}

}  // namespace

Bytes Directory::serialized() const {
    CborWriter out;
    out.encoded(kDirectoryHead);
    out.begin_array(4);
    out.text(kDirectoryMagic);
    out.encoded(header);
    out.begin_map(directories.all.size());
    for (const auto* entry : in_order(directories)) out.text(entry->first), write(out, entry->second);
    out.begin_map(files.all.size());
    for (const auto* entry : in_order(files)) out.text(entry->first), write(out, entry->second);
    return out.take();
}

std::optional<Directory> read_directory(ByteView bytes) {
    if (bytes.size() >= 2 && bytes[0] == kDirectoryHead[0] && bytes[1] == kDirectoryHead[1])
        bytes = bytes.subspan(2);
    const auto item = read_cbor(bytes);
    if (!item || !item->is(Kind::array) || item->items.size() != 4) return std::nullopt;
    const CborItem& magic = item->items[0];
    if (!magic.is(Kind::text) || text_of(magic.content) != kDirectoryMagic || !item->items[1].is(Kind::map))
        return std::nullopt;
    Directory directory;
    directory.header = copied(item->items[1].encoded);
    if (!read_entries(item->items[2], directory.directories, read_link) ||
        !read_entries(item->items[3], directory.files, [](const CborItem& map) { return read_file(map, 1); }))
        return std::nullopt;
    return directory;
}

}  // namespace gptoss::provenance::s5
