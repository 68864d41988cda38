// S5 against s5.js: every vector of tests/provenance/data/marketplace/s5_*.json but directories and files.
#include <algorithm>

#include "base/error.h"
#include "marketplace_vectors.h"
#include "provenance/s5/blake3.h"
#include "provenance/s5/blob_identifier.h"
#include "provenance/s5/encrypted_blob.h"
#include "provenance/s5/identity.h"
#include "provenance/s5/peer_messages.h"
#include "provenance/s5/portal_account.h"
#include "provenance/s5/registry_entry.h"

namespace gptoss::provenance::s5 {
namespace {

using nlohmann::json;

Bytes from_base64(std::string text) {
    while (text.ends_with('=')) text.pop_back();
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    Bytes all;  // in pieces: the reader takes identifiers, not files
    for (std::size_t at = 0; at < text.size(); at += 4096) {
        const auto piece = from_base64url(std::string_view(text).substr(at, 4096));
        if (!piece) throw std::runtime_error("no base64");
        all.insert(all.end(), piece->begin(), piece->end());
    }
    return all;
}

TEST(S5Seeds, PhrasesGiveTheirKeys) {
    const json all = vectors("s5_seed_identity");
    for (const json& v : all["valid"]) {
        const Entropy entropy = entropy_of_phrase(v["phrase"].get<std::string>(), "S5_SEED_PHRASE");
        EXPECT_EQ(hex(entropy), as_text(v["entropy"]));
        EXPECT_EQ(phrase_of_entropy(entropy), as_text(v["phrase"]));
        for (const json& same : v["equivalentInputs"])
            EXPECT_EQ(entropy_of_phrase(same["phrase"].get<std::string>(), "S5_SEED_PHRASE"), entropy)
                << same["name"];
        const json& stages = v["stages"];
        EXPECT_EQ(hex(blake3(entropy)), as_text(v["seedBytes"]));
        const Bytes32 main = derive(blake3(entropy), std::uint64_t{0});
        EXPECT_EQ(hex(main), as_text(stages["main_0"]));
        EXPECT_EQ(hex(derive(main, std::uint64_t{1})), as_text(stages["publicIdentity_1"]));
        EXPECT_EQ(hex(derive(main, std::uint64_t{64})), as_text(stages["privateData_64"]));
        const Identity identity(entropy);
        EXPECT_EQ(hex(identity.seed(SeedPurpose::signing)), as_text(stages["signing_2"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::encryption)), as_text(stages["encryption_3"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::resolver_links)), as_text(stages["resolverLinks_4"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::storage_accounts)), as_text(stages["storageAccounts_65"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::hidden_database)), as_text(stages["hiddenDB_66"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::file_system)), as_text(stages["fileSystem_67"]));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::extensions)), as_text(stages["extensions_127"]));
        if (v.contains("packedIdentityMsgpack")) {
            EXPECT_EQ(hex(identity.packed()), as_text(v["packedIdentityMsgpack"]));
        }
        EXPECT_EQ(hex(KeyPair(identity.seed(SeedPurpose::signing)).public_key()),
                  as_text(v["signingEd25519PublicKey"]));

        const json& files = v["fileSystem"];
        const Bytes32 root = root_write_key(identity);
        EXPECT_EQ(hex(root), as_text(files["rootWriteKey"]));
        EXPECT_EQ(hex(KeyPair(root).public_key()), as_text(files["rootPublicKey"]));
        EXPECT_EQ(hex(root_encryption_key(root)), as_text(files["rootEncryptionKey"]));
        EXPECT_EQ(root_write_uri(root), as_text(files["rootWriteURI"]));
        for (const json& place : files["paths"]) {
            Bytes32 key = root;
            std::string path = place["path"].get<std::string>() + "/";
            for (std::size_t at = 0; at < path.size(); at = path.find('/', at) + 1)
                key = child_write_key(key, std::string_view(path).substr(at, path.find('/', at) - at));
            EXPECT_EQ(hex(key), as_text(place["writeKey"])) << place["path"];
            EXPECT_EQ(hex(KeyPair(key).public_key()), as_text(place["publicKey"]));
        }
        const HiddenEntryKeys hidden = hidden_entry_keys(identity, "accounts.json");
        EXPECT_EQ(hex(hidden.path), as_text(v["hiddenDB_accounts_json"]["pathKey"]));
        EXPECT_EQ(hex(hidden.write), as_text(v["hiddenDB_accounts_json"]["writeKey"]));
        EXPECT_EQ(hex(hidden.encryption), as_text(v["hiddenDB_accounts_json"]["encryptionKey"]));
        EXPECT_EQ(hex(KeyPair(hidden.write).public_key()), as_text(v["hiddenDB_accounts_json"]["publicKey"]));
    }
}

TEST(S5Seeds, WrongPhrasesAreRefusedWithoutTheirWords) {
    const json all = vectors("s5_seed_identity");
    for (const json& v : all["invalid"]) {
        const auto phrase = v["phrase"].get<std::string>();
        try {
            entropy_of_phrase(phrase, "S5_SEED_PHRASE");
            ADD_FAILURE() << v["why"];
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::setting_invalid);
            const std::string said = error.for_people();
            EXPECT_NE(said.find("S5_SEED_PHRASE"), std::string::npos);
            for (std::size_t at = 0; at < phrase.size();) {
                const std::size_t end = std::min(phrase.find(' ', at), phrase.size());
                const std::string word = phrase.substr(at, end - at);
                // "word", "list" and the like are in the sentence by themselves.
                if (word.size() > 4) {
                    EXPECT_EQ(said.find(word), std::string::npos) << said;
                }
                at = end + 1;
            }
        }
    }
}

// Found by the fuzzer: the first byte of a blank of three, and nothing behind it.
TEST(S5Seeds, ACutBlankAtTheEndIsNoBlank) {
    for (const char* phrase : {"queen\xE2", "queen\xE2\x80", "queen\xC2", "\xE3", "\xE2\xE2\xE2"}) {
        const std::string cut = phrase;
        const std::vector<char> exact(cut.begin(), cut.end());  // without the NUL behind
        EXPECT_THROW(entropy_of_phrase({exact.data(), exact.size()}, "S5_SEED_PHRASE"), Error);
    }
}

TEST(S5Identifiers, BlobsHaveTheirNames) {
    const json file = vectors("s5_cids");
    const auto part = [&](const char* name) { return file["contentRule"][name].get<std::uint64_t>(); };
    for (const json& v : file["blobs"]) {
        Bytes content(number(v["size"]));
        for (std::uint64_t i = 0; i < content.size(); ++i)
            content[i] = static_cast<std::uint8_t>(part("a") * i + part("b") + part("c") * (i >> 8));
        const BlobIdentifier id = identify_blob(content);
        EXPECT_EQ(hex(id.hash), as_text(v["blake3"])) << content.size();
        EXPECT_EQ(hex(id.bytes()), as_text(v["cidBytes"]));
        for (const auto& [field, base] : {std::pair{"base32", Base::base32},
                                          {"base58btc", Base::base58btc},
                                          {"base64url", Base::base64url},
                                          {"hex", Base::base16}}) {
            EXPECT_EQ(id.text(base), as_text(v[field]));
            EXPECT_EQ(blob_identifier_from_text(v[field].get<std::string>()), id);
        }
        EXPECT_EQ(portal_download_name(id.hash), as_text(v["portalFallbackCid_base58btc"]));
        EXPECT_EQ((BlobIdentifier{id.hash, 0}.text(Base::base58btc)), as_text(v["cidSize0_base58btc"]));
        EXPECT_EQ(to_multibase(id.hash, Base::base32), as_text(v["rawHashBase32"]));
        // The same hash piece by piece.
        Blake3 hash;
        for (std::size_t at = 0, step = 1; at < content.size(); at += step, step = step % 1500 + 7)
            hash.update(ByteView(content).subspan(at, std::min(step, content.size() - at)));
        EXPECT_EQ(hash.finish(), id.hash);
    }
    for (const json& v : file["large"]) {
        const BlobIdentifier id{bytes32(v["blake3"]), number(v["size"])};
        EXPECT_EQ(hex(id.bytes()), as_text(v["cidBytes"])) << v["size"];
        EXPECT_EQ(id.text(), as_text(v["base32"]));
        EXPECT_EQ(id.text(Base::base58btc), as_text(v["base58btc"]));
        EXPECT_EQ(blob_identifier_from_text(v["base64url"].get<std::string>()), id);
        EXPECT_EQ(blob_identifier_from_text(v["hex"].get<std::string>()), id);
    }
    for (const json& v : file["legacyDecode"]) {
        const auto id = blob_identifier_from_bytes(bytes(v["inputBytes"]));
        ASSERT_TRUE(id);
        EXPECT_EQ(hex(id->hash), as_text(v["decodedHash"]));
        EXPECT_EQ(id->size_bytes, number(v["decodedSize"]));
        EXPECT_EQ(hex(id->bytes()), as_text(v["canonicalBytes"]));
        for (const auto& [base, text] : v["inputTexts"].items())
            EXPECT_EQ(blob_identifier_from_text(text.get<std::string>()), id) << base;
    }
}

TEST(S5Identifiers, OtherTextsAreNone) {
    for (const char* text : {"", "b", "x00", "f5b82", "f5b821e00", "blobb0", "zl0", "u*", "f5b8",
                             "f5b821faf1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"})
        EXPECT_EQ(blob_identifier_from_text(text).has_value(),
                  std::string_view(text).size() > 60)  // the last one: no size byte is a size of 0
            << text;
    EXPECT_FALSE(blob_identifier_from_bytes(Bytes(44, 0x5b)));
}

TEST(S5Registry, EntriesAreSignedAndRead) {
    const json file = vectors("s5_registry");
    for (const json& v : file["entries"]) {
        const KeyPair key(bytes32(v["privateSeed"]));
        EXPECT_EQ(hex(key.typed_public_key()), as_text(v["publicKey"]));
        const RegistryEntry entry = sign_entry(key, bytes(v["data"]), number(v["revision"]));
        EXPECT_EQ(hex(entry.signature), as_text(v["signature"])) << v["revision"];
        EXPECT_EQ(hex(entry.serialized()), as_text(v["serialized"]));
        EXPECT_EQ(read_entry(bytes(v["serialized"])), entry);
        Bytes cut = entry.serialized();
        cut.pop_back();
        EXPECT_FALSE(read_entry(cut));
    }
    for (const json& v : file["invalid"]) EXPECT_FALSE(read_entry(bytes(v["serialized"]))) << v["why"];
}

TEST(S5Encryption, MutableBlobs) {
    const json file = vectors("s5_mutable");
    for (const json& v : file["vectors"]) {
        const Bytes32 key = bytes32(v["key"]);
        Nonce nonce{};
        std::ranges::copy(bytes(v["nonce"]), nonce.begin());
        EXPECT_EQ(v.contains("plaintextBase64"), true) << v.dump().substr(0, 300);
        const Bytes plaintext = from_base64(v["plaintextBase64"]);
        const Bytes blob = encrypt_mutable(plaintext, key, nonce);
        EXPECT_EQ(blob.size(), number(v["blobLength"]));
        EXPECT_EQ(hex(blake3(blob)), as_text(v["blobBlake3"]));
        if (v.contains("blobBase64")) {
            EXPECT_EQ(blob, from_base64(v["blobBase64"]));
        }
        EXPECT_EQ(decrypt_mutable(blob, key), plaintext);
    }
    for (const json& v : file["invalid"]) {
        const json& base = file["vectors"][v["base"].get<std::size_t>()];
        Bytes32 key = bytes32(base["key"]);
        Bytes blob = from_base64(base["blobBase64"]);
        const json& edit = v["edit"];
        if (edit.contains("xorByteAt")) blob[edit["xorByteAt"].get<std::size_t>()] ^= 1;
        if (edit.contains("truncateTo")) blob.resize(edit["truncateTo"].get<std::size_t>());
        if (edit.contains("key")) key = bytes32(edit["key"]);
        EXPECT_FALSE(decrypt_mutable(blob, key)) << v["why"];
    }
    for (const json& v : file["padding"]) {
        EXPECT_EQ(padded_size(number(v["size"])), number(v["padded"]));
        EXPECT_EQ(is_padded_size(number(v["size"])), v["isPadBlock"]);
    }
}

TEST(S5Encryption, FilesInChunks) {
    const json all = vectors("s5_mutable");
    for (const json& v : all["chunkedFileEncryption"]) {
        const Bytes32 key = bytes32(v["key"]);
        const std::uint64_t a = number(v["plaintextRule"]["a"]);
        Bytes plaintext(number(v["plaintextRule"]["n"]));
        for (std::uint64_t i = 0; i < plaintext.size(); ++i)
            plaintext[i] = static_cast<std::uint8_t>(a * i + (i >> 8));
        EXPECT_EQ(hex(blake3(plaintext)), as_text(v["plaintextBlake3"]));
        Bytes blob = encrypt_file(plaintext, key);
        EXPECT_EQ(blob.size(), number(v["ciphertextLength"]));
        EXPECT_EQ(hex(blake3(blob)), as_text(v["ciphertextBlake3"]));
        EXPECT_EQ(decrypt_file(blob, key), plaintext);
        blob.back() ^= 1;
        EXPECT_FALSE(decrypt_file(blob, key));
    }
}

TEST(S5Portals, AccountsProveThemselves) {
    const json all = vectors("s5_account");
    for (const json& v : all["vectors"]) {
        const Identity identity(entropy_of_phrase(v["phrase"].get<std::string>(), "S5_SEED_PHRASE"));
        EXPECT_EQ(hex(identity.seed(SeedPurpose::storage_accounts)), as_text(v["storageAccountsSeed"]));
        const PortalAccount account(identity, bytes32(v["accountSeed"]));
        const AccountRequest request =
            v["type"] == "register" ? AccountRequest::registration : AccountRequest::login;
        const auto host = v["portalHost"].get<std::string>();
        EXPECT_EQ(account.public_key_text(), as_text(v["pubKeyText"]));
        EXPECT_EQ(account.identifier_suffix(), as_text(v["accountIdSuffix"]));
        EXPECT_EQ(hex(account.key().typed_public_key()), as_text(v["publicKey"]));
        const Bytes response = PortalAccount::response(request, bytes32(v["challenge"]), host);
        EXPECT_EQ(hex(response), as_text(v["response"]));
        EXPECT_EQ(hex(account.key().sign(response)), as_text(v["signature"]));
        const json& post = v["requests"][1];
        const auto body = account.request_body(request, v["challengeText"].get<std::string>(), host,
                                               post["body"]["label"].get<std::string>());
        ASSERT_TRUE(body);
        EXPECT_EQ(json::parse(*body), post["body"]);
        EXPECT_FALSE(account.request_body(request, "c2hvcnQ", host));
    }
    EXPECT_EQ(token_of_reply("a=b; Path=/, s5-auth-token=tok_1; HttpOnly", ""), "tok_1");
    EXPECT_EQ(token_of_reply("", R"({"authToken":"tok_2"})"), "tok_2");
    EXPECT_EQ(token_of_reply("", "nonsense"), "");
}

TEST(S5Peers, ShakeHandsAndAsk) {
    const json all = vectors("s5_p2p");
    for (const json& v : all["vectors"]) {
        const KeyPair us(bytes32(v["ourPrivateSeed"]));
        EXPECT_EQ(hex(us.typed_public_key()), as_text(v["ourPublicKey"]));
        const PeerChallenge challenge = make_challenge(ByteView(bytes(v["random64"])).first(31), us);
        EXPECT_EQ(hex(challenge), as_text(v["challengeSent"]));
        EXPECT_EQ(hex(handshake_open(challenge)), as_text(v["handshakeOpenSent"]));
        const auto theirs = read_handshake_open(bytes(v["handshakeOpenReceived"]));
        ASSERT_TRUE(theirs);
        EXPECT_EQ(hex(*theirs), as_text(v["peerChallenge"]));
        EXPECT_EQ(hex(handshake_done(us, *theirs)), as_text(v["handshakeDoneSent"]));
        const Bytes done = bytes(v["handshakeDoneReceived"]);
        const auto peer = read_handshake_done(done, challenge);
        ASSERT_TRUE(peer);
        EXPECT_EQ(*peer, KeyPair(bytes32(v["peerPrivateSeed"])).public_key());
        EXPECT_FALSE(read_handshake_done(done, *theirs));  // an answer to another challenge
        for (std::size_t at = 0; at < done.size(); at += 5) {
            Bytes altered = done;
            altered[at] ^= 1;
            EXPECT_FALSE(read_handshake_done(altered, challenge)) << at;
        }
        std::vector<std::uint8_t> kinds = v["hashQuery"]["types"];
        EXPECT_EQ(hex(ask_for_locations(bytes(v["hashQuery"]["hash"]), kinds)),
                  as_text(v["hashQuery"]["bytes"]));
        EXPECT_EQ(hex(ask_for_entry(bytes(v["registryQuery"]["publicKey"]))),
                  as_text(v["registryQuery"]["bytes"]));
        const json& record = v["storageLocationReceived"];
        const auto location = read_storage_location(bytes(record["bytes"]));
        ASSERT_TRUE(location);
        EXPECT_EQ(location->kind, number(record["type"]));
        EXPECT_EQ(location->expires_s, number(record["expiry"]));
        EXPECT_EQ(json(location->parts), record["parts"]);
        Bytes altered = bytes(record["bytes"]);
        altered[50] ^= 1;
        EXPECT_FALSE(read_storage_location(altered));
    }
}

}  // namespace
}  // namespace gptoss::provenance::s5
