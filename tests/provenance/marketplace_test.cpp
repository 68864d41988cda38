// Sessions and checkpoints against the SDK: every vector of tests/provenance/data/marketplace/sdk_*.json.
#include <algorithm>

#include "marketplace_vectors.h"
#include "provenance/marketplace/checkpoint.h"
#include "provenance/marketplace/host_proof.h"
#include "provenance/marketplace/key_agreement.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/marketplace/session_init.h"
#include "provenance/sha256.h"

namespace gptoss::provenance::marketplace {
namespace {

using nlohmann::json;

chain::PrivateKey key_of(const json& text) {
    return {text.get<std::string>(), "a test's key"};
}
s5::Nonce nonce_of(const json& text) {
    s5::Nonce nonce{};
    std::ranges::copy(bytes(text), nonce.begin());
    return nonce;
}
std::string sha256_of(const std::string& text) {
    return to_hex(sha256(std::as_bytes(std::span(text))));
}
std::string code_of(const auto& outcome) {
    const auto* refusal = std::get_if<Refusal>(&outcome);
    return refusal ? refusal->code : "taken";
}
bool same_address(const chain::Address& address, const json& text) {
    return chain::address_from_hex(text.get<std::string>()) == address;
}

TEST(SessionInits, OfTheSdkAreOpened) {
    const json all = vectors("sdk_session_init");
    for (const json& v : all["vectors"]) {
        const chain::PrivateKey host = key_of(v["hostPrivateKey"]);
        EXPECT_EQ(hex(host.public_key()), as_text(v["hostPublicKey"]));
        EXPECT_TRUE(same_address(host.address(), v["hostAddress"]));
        json message = v["message"];
        const Bytes ephemeral = bytes(message["payload"]["ephPubHex"]);
        EXPECT_EQ(hex(host.shared_x(ephemeral).value()), as_text(v["sharedX"]));
        EXPECT_EQ(hex(session_setup_key(host, ephemeral).value()), as_text(v["hkdfKey"]));
        const json& expected = v["expected"];
        const auto check = [&](const json& sent) {
            const auto opened = open_session_init(sent, host);
            ASSERT_EQ(code_of(opened), "taken") << std::get<Refusal>(opened).message;
            const auto& init = std::get<SessionInit>(opened);
            EXPECT_EQ(hex(init.session_key), as_text(expected["sessionKey"]));
            EXPECT_EQ(init.job_id, as_text(expected["jobId"]));
            EXPECT_EQ(init.model_name, as_text(expected["modelName"]));
            EXPECT_EQ(init.price_per_token, expected["pricePerToken"]);
            EXPECT_EQ(init.recovery_public_key.has_value(), !expected["recoveryPublicKey"].is_null());
            if (init.recovery_public_key) {
                EXPECT_EQ(*init.recovery_public_key, as_text(expected["recoveryPublicKey"]));
            }
            EXPECT_EQ(init.vector_database.value_or(json()), expected["vectorDatabase"]);
        };
        const auto signers = [&](const json& sent) {
            return std::get<SessionInit>(open_session_init(sent, host)).possible_signers;
        };
        const auto client = *chain::address_from_hex(v["clientAddress"].get<std::string>());
        check(message);
        EXPECT_NE(std::ranges::count(signers(message), client), 0);
        EXPECT_EQ(signers(message).size(), 2U);
        EXPECT_TRUE(same_address(signers(message)[1], v["addressNodeRecoversFromSdkSignature"]));
        // The other form of the signature, with both forms of v; upper case and 0x everywhere.
        for (const char* form : {"signatureHexV01", "signatureHexV2728"}) {
            json older = message;
            older["payload"]["signatureHex"] = v["nodeSignature"][form];
            check(older);
            EXPECT_NE(std::ranges::count(signers(older), client), 0);
        }
        for (auto& [name, field] : message["payload"].items()) {
            if (!name.ends_with("Hex")) continue;
            std::string upper = field;
            std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
            field = "0x" + upper;
        }
        check(message);
        EXPECT_NE(std::ranges::count(signers(message), client), 0);
        message["payload"]["ephPubHex"] = v["ephPubUncompressedHex"];
        check(message);
        EXPECT_NE(std::ranges::count(signers(message), client), 0);
    }
}

TEST(SessionInits, OthersAreRefusedWithTheirCode) {
    const json all = vectors("sdk_session_init");
    for (const json& v : all["invalid"]) {
        json message{{"type", "encrypted_session_init"}, {"session_id", "1"}};
        if (v.contains("payload")) message["payload"] = v["payload"];
        EXPECT_EQ(code_of(open_session_init(message, key_of(v["hostPrivateKey"]))),
                  as_text(v["expectedCode"]))
            << v["why"];
    }
    const chain::PrivateKey host = key_of(all["vectors"][0]["hostPrivateKey"]);
    EXPECT_EQ(code_of(open_session_init(json::array(), host)), "MISSING_PAYLOAD");
    EXPECT_EQ(code_of(open_session_init(json{{"payload", "text"}}, host)), "INVALID_PAYLOAD");
    EXPECT_EQ(code_of(open_session_init(json{{"payload", {{"ephPubHex", 5}}}}, host)), "INVALID_PAYLOAD");
}

TEST(Messages, AreOpenedAndSealed) {
    const json all = vectors("sdk_messages");
    const Bytes32 key = bytes32(all["sessionKey"]);
    for (const json& v : all["clientToHost"]) {
        const auto opened = open_message(v["payload"], key);
        ASSERT_EQ(code_of(opened), "taken") << v["index"];
        const auto& message = std::get<OpenedMessage>(opened);
        EXPECT_EQ(hex(s5::bytes_of(message.plaintext)), as_text(v["plaintextHex"]));
        EXPECT_EQ(message.associated_data, as_text(v["aadText"]));
        EXPECT_EQ(hex(message.nonce), as_text(v["payload"]["nonceHex"]));
    }
    for (const json& v : all["hostToClient"])
        EXPECT_EQ(json(seal_chunk(key, nonce_of(v["payload"]["nonceHex"]), v["plaintext"].get<std::string>(),
                                  v["payload"]["index"])),
                  v["payload"]);
    for (const json& v : all["finalMessages"])
        EXPECT_EQ(json(seal_end(key, nonce_of(v["payload"]["nonceHex"]), v["plaintext"].get<std::string>())),
                  v["payload"]);
    for (const json& v : all["invalid"])
        EXPECT_EQ(code_of(open_message(v.value("payload", json()), bytes32(v["sessionKey"]))),
                  as_text(v["expectedCode"]))
            << v["why"];
}

CheckpointDelta delta_of(const json& input) {
    CheckpointDelta delta;
    delta.session_id = input["sessionId"];
    delta.index = input["checkpointIndex"];
    delta.proof_hash = input["proofHash"];
    delta.start_token = input["startToken"];
    delta.end_token = input["endToken"];
    for (const json& message : input["messages"]) {
        delta.messages.push_back({message["role"], message["content"], message["timestamp"], std::nullopt});
        if (message.contains("metadata")) delta.messages.back().metadata = message["metadata"];
    }
    return delta;
}

TEST(Checkpoints, DeltasAreTheSdks) {
    const json all = vectors("sdk_checkpoints");
    const chain::PrivateKey host = key_of(all["hostPrivateKey"]);
    EXPECT_TRUE(same_address(host.address(), all["hostAddress"]));
    for (const json& v : all["deltas"]) {
        const CheckpointDelta delta = delta_of(v["input"]);
        const json made = signed_delta(delta, host);
        EXPECT_EQ(made["messages"].dump(), as_text(v["messagesJson"]));
        EXPECT_EQ(hex(chain::personal_digest(made["messages"].dump())), as_text(v["messagesEip191Digest"]));
        EXPECT_EQ(made["hostSignature"], v["hostSignature"]);
        EXPECT_EQ(made.dump(), as_text(v["deltaCompactJson"]));
        EXPECT_EQ(sha256_of(made.dump(2)), as_text(v["deltaFileSha256"]));
        if (v.contains("deltaFilePretty")) {
            EXPECT_EQ(made.dump(2), as_text(v["deltaFilePretty"]));
        }
        EXPECT_EQ(delta_path(host.address(), delta.session_id, delta.index), as_text(v["s5Path"]));
        EXPECT_EQ(personal_signer(made["messages"].dump(), made["hostSignature"].get<std::string>()),
                  host.address());
    }
}

TEST(Checkpoints, EncryptedDeltasAreTheSdks) {
    const json all = vectors("sdk_checkpoints");
    const chain::PrivateKey host = key_of(all["hostPrivateKey"]);
    for (const json& v : all["encryptedDeltas"]) {
        const json& expected = v["encryptedDelta"];
        const chain::PrivateKey ephemeral = key_of(v["ephemeralPrivateKey"]),
                                user = key_of(v["userPrivateKey"]);
        EXPECT_EQ(hex(ephemeral.shared_x(user.public_key()).value()), as_text(v["sharedX"]));
        EXPECT_EQ(hex(checkpoint_key(ephemeral, user.public_key()).value()), as_text(v["hkdfKey"]));
        const CheckpointDelta delta = delta_of(json::parse(v["plaintextJson"].get<std::string>()));
        const auto made = encrypted_delta(delta, host, expected["userRecoveryPubKey"], ephemeral,
                                          nonce_of(expected["nonce"]));
        ASSERT_TRUE(made);
        EXPECT_EQ(json(*made), expected);
        EXPECT_EQ(sha256_of(made->dump(2)), as_text(v["fileSha256"]));
        EXPECT_EQ(decrypt_delta(expected, user), v["plaintextJson"].get<std::string>());
        EXPECT_FALSE(decrypt_delta(expected, host));
        EXPECT_EQ(personal_signer(v["ciphertextKeccak256"].get<std::string>(),
                                  expected["hostSignature"].get<std::string>()),
                  host.address());
    }
    EXPECT_FALSE(encrypted_delta({}, host, "0x02", host, {}));
}

TEST(Checkpoints, IndexesAreTheSdks) {
    const json all = vectors("sdk_checkpoints");
    const chain::PrivateKey host = key_of(all["hostPrivateKey"]);
    for (const json& v : all["indexes"]) {
        std::vector<CheckpointEntry> entries;
        for (const json& entry : v["index"]["checkpoints"])
            entries.push_back({entry["index"], entry["proofHash"], entry["deltaCid"], entry["tokenRange"][0],
                               entry["tokenRange"][1], entry["timestamp"], entry.value("encrypted", false)});
        const auto session = v["index"]["sessionId"].get<std::string>();
        const json made = signed_index(session, entries, host);
        EXPECT_EQ(made["checkpoints"].dump(), as_text(v["checkpointsJson"]));
        EXPECT_EQ(made, v["index"]);
        EXPECT_EQ(sha256_of(made.dump(2)), as_text(v["fileSha256"]));
        if (v.contains("filePretty")) {
            EXPECT_EQ(made.dump(2), as_text(v["filePretty"]));
        }
        EXPECT_EQ(index_path(host.address(), session), as_text(v["s5Path"]));
    }
}

TEST(PersonalSignatures, AreEthers) {
    const json all = vectors("sdk_checkpoints");
    for (const json& v : all["eip191"]) {
        const chain::PrivateKey key = key_of(v["privateKey"]);
        const auto message = v["message"].get<std::string>();
        EXPECT_EQ(message.size(), v["messageUtf8Length"]);
        EXPECT_EQ(hex(chain::personal_digest(message)), as_text(v["digest"]));
        EXPECT_EQ(personal_signature(message, key), as_text(v["signature"]));
        EXPECT_EQ(personal_signer(message, v["signature"].get<std::string>()), key.address());
        EXPECT_TRUE(same_address(key.address(), v["address"]));
    }
    EXPECT_FALSE(personal_signer("x", "0x00"));
}

TEST(HostProofs, AnswerChallengesAndRegister) {
    const json all = vectors("sdk_host_auth");
    for (const json& v : all["hostChallenge"]) {
        const chain::PrivateKey host = key_of(v["hostPrivateKey"]);
        const auto answer = answer_challenge(v["request"]["body"]["challenge"].get<std::string>(), host);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->signature, as_text(v["response"]["signature"]));
        EXPECT_EQ(answer->recovery_id, v["response"]["recid"]);
        chain::Signature signature;
        const Bytes compact = bytes(answer->signature);
        std::copy(compact.begin(), compact.begin() + 32, signature.r.begin());
        std::copy(compact.begin() + 32, compact.end(), signature.s.begin());
        signature.parity = static_cast<std::uint8_t>(answer->recovery_id);
        const chain::Word digest = *chain::word_from_hex("0x" + v["challengeSha256"].get<std::string>());
        EXPECT_EQ(hex(chain::recover_public_key(digest, signature).value()),
                  as_text(v["recoveredPublicKey"]));
        EXPECT_EQ(hex(host.public_key()), as_text(v["recoveredPublicKey"]));
    }
    const chain::PrivateKey host = key_of(all["hostChallenge"][0]["hostPrivateKey"]);
    for (const char* wrong : {"", "00", "zz", "0x"}) EXPECT_FALSE(answer_challenge(wrong, host));
    for (const json& v : all["sessionAuth"]) {
        const json& request = v["request"];
        const auto client = *chain::address_from_hex(request["clientAddress"].get<std::string>());
        const auto signer = session_authoriser(request["sessionId"].get<std::string>(), client,
                                               request["signature"].get<std::string>());
        ASSERT_TRUE(signer);
        EXPECT_TRUE(same_address(*signer, v["backendAddress"]));
    }
    for (const json& v : all["registerHost"]) {
        const chain::PrivateKey key = key_of(v["hostPrivateKey"]);
        EXPECT_EQ(portal_registration_message(key.address()), as_text(v["message"]));
        EXPECT_EQ(personal_signature(portal_registration_message(key.address()), key),
                  as_text(v["signature"]));
    }
}

// RFC 5869, appendix A.1 to A.3, cut to 32 bytes.
TEST(KeyAgreement, HkdfIsTheRfcs) {
    const Bytes secret(22, 0x0b);
    const Bytes salt = bytes(std::string("000102030405060708090a0b0c"));
    const Bytes info = bytes(std::string("f0f1f2f3f4f5f6f7f8f9"));
    EXPECT_EQ(hex(hkdf_sha256(secret, s5::text_of(info), salt)),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    EXPECT_EQ(hex(hkdf_sha256(secret, "")),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

}  // namespace
}  // namespace gptoss::provenance::marketplace
