// Directories as s5.js writes them: tests/provenance/data/marketplace/s5_dirv1.json.
#include "marketplace_vectors.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/cbor.h"
#include "provenance/s5/directory.h"

namespace gptoss::provenance::s5 {
namespace {

using nlohmann::json;

// The vectors' "extra": what is written as JSON of bytes, numbers, texts and so on.
void write_json(CborWriter& out, const nlohmann::ordered_json& value) {
    if (value.is_string() && value.get<std::string>().starts_with("hex:")) {
        out.bytes(bytes(value.get<std::string>().substr(4)));
    } else if (value.is_string()) {
        out.text(value.get<std::string>());
    } else if (value.is_boolean()) {
        constexpr std::uint8_t kFalse[] = {0xf4}, kTrue[] = {0xf5};
        out.encoded(value.get<bool>() ? kTrue : kFalse);
    } else if (value.is_number_unsigned()) {
        out.number(value.get<std::uint64_t>());
    } else if (value.is_object()) {
        out.begin_map(value.size());
        for (const auto& [key, member] : value.items()) out.text(key), write_json(out, member);
    } else {
        throw std::runtime_error("an extra field of an unexpected kind: " + value.dump());
    }
}

std::optional<std::uint64_t> optional_number(const nlohmann::ordered_json& v, const char* name) {
    return v.contains(name) ? std::optional(number(v[name])) : std::nullopt;
}

FileLink file_link(const nlohmann::ordered_json& v) {
    FileLink file;
    file.hash = bytes32(v["hash"]);
    file.size_bytes = number(v["size"]);
    file.size_has_64_bits = v.value("sizeAsBigInt", false);
    if (v.contains("media_type")) file.media_type = v["media_type"];
    file.time_s = optional_number(v, "timestamp");
    file.time_ns = optional_number(v, "timestamp_subsec_nanos");
    if (v.contains("locations")) {
        file.locations.emplace();
        for (const auto& location : v["locations"]) {
            const std::map<std::string, std::uint64_t> kinds{{"identity", 0},
                                                             {"http", 1},
                                                             {"multihash_sha1", 0x11},
                                                             {"multihash_sha2_256", 0x12},
                                                             {"multihash_blake3", 0x1e},
                                                             {"multihash_md5", 0xd5}};
            const std::uint64_t kind = kinds.at(location["type"]);
            const auto& value = kind == 0 ? location["data"] : kind == 1 ? location["url"] : location["hash"];
            const auto text = value.get<std::string>();
            const ByteView url = bytes_of(text);
            file.locations->push_back({kind, kind == 1 ? Bytes(url.begin(), url.end()) : bytes(value)});
        }
    }
    if (v.contains("extra") || v.contains("hash_type")) {
        CborWriter out;
        write_json(out, v.contains("extra") ? v["extra"] : v["hash_type"]);
        file.extra = out.take();
    }
    if (v.contains("prev")) file.previous.push_back(file_link(v["prev"]));
    return file;
}

TEST(S5Directories, AsS5jsWritesThem) {
    const auto cases = vectors<nlohmann::ordered_json>("s5_dirv1");
    for (const auto& v : cases["dirs"]) {
        SCOPED_TRACE(v["name"].get<std::string>());
        const Bytes expected = bytes(v["bytes"]);
        EXPECT_EQ(hex(blake3(expected)), as_text(v["blake3"]));
        EXPECT_EQ(identify_blob(expected).text(), as_text(v["cid"]));
        const auto read = read_directory(expected);
        ASSERT_TRUE(read);
        EXPECT_EQ(hex(read->serialized()), as_text(v["bytes"]));
        std::vector<std::string> names;
        for (const auto& [name, file] : read->files.all) names.push_back(name);
        EXPECT_EQ(names, v["outputOrderFiles"].get<std::vector<std::string>>());
        const auto& input = v["input"];
        EXPECT_EQ(read->is_sharded(), !input["header"].empty());
        if (read->is_sharded()) continue;  // for readers alone

        Directory made;
        for (const auto& file : input["files"])
            made.files.set(file["name"].get<std::string>(), file_link(file));
        for (const auto& link : input["dirs"]) {
            DirectoryLink directory;
            directory.kind = link["linkType"] == "fixed_hash_blake3" ? DirectoryLink::Kind::fixed
                                                                     : DirectoryLink::Kind::registry;
            directory.target = bytes32(link["key"]);
            directory.time_s = optional_number(link, "ts_seconds");
            directory.time_ns = optional_number(link, "ts_nanos");
            made.directories.set(link["name"].get<std::string>(), directory);
        }
        EXPECT_EQ(hex(made.serialized()), as_text(v["bytes"]));
    }
}

TEST(S5Directories, DamageIsNoDirectory) {
    const json file = vectors("s5_dirv1");
    for (const json& v : file["dirs"]) {
        const Bytes good = bytes(v["bytes"]);
        if (good.size() > 3000) continue;
        for (std::size_t length = 0; length < good.size(); ++length)
            EXPECT_FALSE(read_directory(ByteView(good).first(length))) << v["name"] << " cut to " << length;
        Bytes longer = good;
        longer.push_back(0);
        EXPECT_FALSE(read_directory(longer));
    }
    Bytes deep(100'000, 0x81);  // arrays in arrays
    EXPECT_FALSE(read_directory(deep));
    const Bytes huge{0x5f, 0x5d, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    EXPECT_FALSE(read_directory(huge));
}

}  // namespace
}  // namespace gptoss::provenance::s5
