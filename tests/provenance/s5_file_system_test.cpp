// The files of an identity, as s5.js writes them: its own transcript replayed, and what it does not show.
#include <deque>
#include <map>

#include "base/error.h"
#include "marketplace_vectors.h"
#include "provenance/s5/file_system.h"
#include "provenance/s5/seed_phrase.h"

namespace gptoss::provenance::s5 {
namespace {

using nlohmann::json;

// A network in memory that remembers what was done to it.
class MemoryNetwork final : public Network {
  public:
    void upload(ByteView blob) override {
        const BlobIdentifier id = identify_blob(blob);
        blobs[id.hash] = {blob.begin(), blob.end()};
        events.push_back({{"op", "uploadBlob"}, {"length", blob.size()}, {"cid", id.text()}});
    }
    std::optional<Bytes> download(const Bytes32& hash) override {
        const auto found = blobs.find(hash);
        return found == blobs.end() ? std::nullopt : std::optional(found->second);
    }
    std::optional<RegistryEntry> find_entry(const Bytes32& public_key) override {
        const auto found = entries.find(public_key);
        return found == entries.end() ? std::nullopt : std::optional(found->second);
    }
    bool set_entry(const RegistryEntry& entry) override {
        if (before_set) std::exchange(before_set, nullptr)();
        RegistryEntry& there = entries[entry.public_key];
        if (entry.revision <= there.revision && !there.data.empty()) return false;
        there = entry;
        EXPECT_TRUE(read_entry(entry.serialized()));
        events.push_back({{"op", "registrySet"},
                          {"publicKey", "ed" + hex(entry.public_key)},
                          {"revision", entry.revision},
                          {"serialized", hex(entry.serialized())}});
        return true;
    }

    std::map<Bytes32, Bytes> blobs;
    std::map<Bytes32, RegistryEntry> entries;
    std::vector<json> events;
    std::function<void()> before_set;  // once
};

Bytes from_base64_of(const json& text) {
    std::string digits = text;
    while (digits.ends_with('=')) digits.pop_back();
    for (char& c : digits) c = c == '+' ? '-' : c == '/' ? '_' : c;
    Bytes all;
    for (std::size_t at = 0; at < digits.size(); at += 4096) {
        const auto piece = from_base64url(std::string_view(digits).substr(at, 4096));
        all.insert(all.end(), piece.value().begin(), piece.value().end());
    }
    return all;
}

class S5Files : public ::testing::Test {
  protected:
    S5Files()
        : identity_(entropy_of_phrase("queen liquid dynamic rebuild dictate sacred adopt topic kitchen cave "
                                      "image shrug believe inmate bike",
                                      "S5_SEED_PHRASE")),
          files_(identity_, network_) {
        files_.initialise();
    }
    static Bytes text(std::string_view content) {
        const ByteView bytes = bytes_of(content);
        return {bytes.begin(), bytes.end()};
    }

    Identity identity_;
    MemoryNetwork network_;
    FileSystem files_;
};

TEST(S5Transcript, TheSameBlobsAndEntriesAsS5js) {
    const json transcript = vectors("s5_fs_transcript");
    const Identity identity(entropy_of_phrase(transcript["phrase"].get<std::string>(), "S5_SEED_PHRASE"));
    // The nonces that s5.js drew are in the encrypted blobs.
    std::deque<Nonce> nonces;
    for (const json& step : transcript["steps"])
        for (const json& event : step["events"]) {
            const Bytes blob = event.contains("bytesBase64") ? from_base64_of(event["bytesBase64"]) : Bytes{};
            if (blob.size() < 26 || blob[0] != 0x8d || blob[1] != 0x01) continue;
            std::copy(blob.begin() + 2, blob.begin() + 26, nonces.emplace_back().begin());
        }
    std::uint64_t now_s = 0;
    MemoryNetwork network;
    FileSystem files(identity, network,
                     {[&] { return now_s; },
                      [&] {
                          const Nonce nonce = nonces.at(0);
                          nonces.pop_front();
                          return nonce;
                      }});
    std::map<std::string, int> times;  // a path that is written again has the next of its contents
    for (const json& step : transcript["steps"]) {
        const auto name = step["step"].get<std::string>();
        SCOPED_TRACE(name);
        now_s = step["unixSeconds"];
        network.events.clear();
        const std::string path = name.substr(name.rfind(' ') + 1);
        if (name.starts_with("ensure")) {
            files.initialise();
        } else if (name.starts_with("put")) {
            const json& contents = transcript["contents"][path];
            const json& content =
                contents.is_array() ? contents[static_cast<std::size_t>(times[path]++)] : contents;
            files.put(path, bytes(content),
                      path.ends_with(".json") ? "application/json" : "application/octet-stream");
        } else {
            ASSERT_TRUE(name.starts_with("delete"));
            EXPECT_TRUE(files.remove(path));
        }
        ASSERT_EQ(network.events.size(), step["events"].size());
        for (std::size_t i = 0; i < network.events.size(); ++i)
            for (const auto& [field, value] : network.events[i].items())
                EXPECT_EQ(value, step["events"][i][field]) << "event " << i << ' ' << field;
    }
}

TEST_F(S5Files, AreReadBackAndReplacedAndRemoved) {
    const std::string path = "home/checkpoints/0xab/1/index.json";
    EXPECT_FALSE(files_.get(path));
    EXPECT_FALSE(files_.remove(path));
    files_.put(path, text("one"), "application/json");
    files_.put("home/checkpoints/0xab/1/delta_0.json", text("delta"), "application/json");
    EXPECT_EQ(files_.get(path), text("one"));
    EXPECT_EQ(files_.find(path)->media_type, "application/json");
    files_.put(path, text("two"), "application/json");
    EXPECT_EQ(files_.get(path), text("two"));
    EXPECT_TRUE(files_.remove(path));
    EXPECT_FALSE(files_.get(path));
    EXPECT_EQ(files_.get("home/checkpoints/0xab/1/delta_0.json"), text("delta"));
    FileSystem again(identity_, network_);  // another start of the same node
    again.initialise();
    EXPECT_EQ(again.get("home/checkpoints/0xab/1/delta_0.json"), text("delta"));
}

TEST_F(S5Files, OtherPathsAreRefused) {
    for (const char* path : {"", "/", "home", "home/", "other/x", "../home/x"})
        EXPECT_THROW(files_.put(path, text("x"), "text/plain"), Error) << path;
}

TEST_F(S5Files, AnotherWriterLosesNothing) {
    files_.put("home/a/one", text("1"), "text/plain");
    FileSystem other(identity_, network_);
    network_.before_set = [&] { other.put("home/a/two", text("2"), "text/plain"); };
    files_.put("home/a/three", text("3"), "text/plain");
    for (const auto& [path, content] :
         {std::pair{"home/a/one", "1"}, {"home/a/two", "2"}, {"home/a/three", "3"}})
        EXPECT_EQ(files_.get(path), text(content)) << path;
}

TEST_F(S5Files, AlteredBytesAreNoticed) {
    files_.put("home/a/one", text("1"), "text/plain");
    const Bytes32 hash = files_.find("home/a/one")->hash;
    network_.blobs[hash] = text("2");
    EXPECT_THROW(files_.get("home/a/one"), Error);
    network_.blobs.erase(hash);
    EXPECT_FALSE(files_.get("home/a/one"));
    // A directory's bytes too, and those that nobody has any more.
    for (auto& [name, blob] : network_.blobs) blob.back() ^= 1;
    EXPECT_THROW(files_.find("home/a/one"), Error);
    network_.blobs.clear();
    EXPECT_THROW(files_.put("home/a/two", text("2"), "text/plain"), Error);
}

}  // namespace
}  // namespace gptoss::provenance::s5
