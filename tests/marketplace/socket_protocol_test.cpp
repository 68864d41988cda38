// What is said over GET /v1/ws, without a socket: the real API and engine, with a script for a model.
#include "marketplace/socket_protocol.h"

#include <gtest/gtest.h>

#include <thread>

#include "api/api_fixture.h"
#include "provenance/marketplace/key_agreement.h"
#include "provenance/marketplace/sealed_payload.h"
#include "provenance/s5/sealing.h"

namespace gptoss::marketplace {
namespace {

using namespace std::chrono_literals;
using api::Json;
namespace s5 = provenance::s5;
namespace protocol = provenance::marketplace;

std::shared_ptr<const chain::PrivateKey> key_of(char digit) {
    return std::make_shared<const chain::PrivateKey>(std::string(64, digit), "a test's key");
}

struct Conversation {
    explicit Conversation(MarketOptions options = {}, test::ApiOptions api_options = {})
        : api(std::move(api_options)) {
        market = std::make_shared<Market>(
            options, host, std::make_shared<Ledger>("", BilledTokens::completion), Market::Parts());
        api.say(
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello "
            "there.<|return|>");
        connect();
    }
    void connect(const std::string& caller = "client") {
        socket.reset();
        socket = std::make_unique<SocketProtocol>(
            market, [this] { return std::shared_ptr<api::Service>(std::shared_ptr<void>(), &api.service()); },
            api::Caller{caller, [] {}});
    }

    // As an older client signs it: over SHA-256 of the ciphertext nobody checks here, since no job pays.
    Json init(const std::string& session = "500") const {
        const auto key = protocol::session_setup_key(*ephemeral, host->public_key());
        const Json plaintext{{"sessionKey", protocol::to_hexadecimal(session_key)},
                             {"jobId", "1"},
                             {"modelName", "gpt-oss"},
                             {"pricePerToken", 0}};
        const s5::Nonce nonce = s5::random_nonce();
        const auto ciphertext = s5::seal(*key, nonce, s5::bytes_of(plaintext.dump()));
        const auto signature = chain::signature_bytes(client->sign(chain::keccak256("anything")));
        return {{"type", "encrypted_session_init"},
                {"session_id", session},
                {"id", 1},
                {"payload",
                 {{"ephPubHex", protocol::to_hexadecimal(ephemeral->public_key())},
                  {"ciphertextHex", protocol::to_hexadecimal(ciphertext)},
                  {"nonceHex", protocol::to_hexadecimal(nonce)},
                  {"signatureHex", protocol::to_hexadecimal(signature)},
                  {"aadHex", ""}}}};
    }
    Json message(const std::string& text, int count, const std::string& session = "500") const {
        const std::string data = "message_" + std::to_string(count);
        const s5::Nonce nonce = s5::random_nonce();
        const auto ciphertext = s5::seal(session_key, nonce, s5::bytes_of(text), s5::bytes_of(data));
        return {{"type", "encrypted_message"},
                {"session_id", session},
                {"payload",
                 {{"ciphertextHex", protocol::to_hexadecimal(ciphertext)},
                  {"nonceHex", protocol::to_hexadecimal(nonce)},
                  {"aadHex", protocol::to_hexadecimal(s5::bytes_of(data))}}}};
    }
    std::vector<Json> take() {
        std::vector<Json> frames;
        for (const std::string& frame : socket->take()) frames.push_back(Json::parse(frame));
        return frames;
    }
    std::vector<Json> say(const Json& message) {
        socket->receive(message.dump());
        return take();
    }
    std::string code(const Json& message) {
        const auto frames = say(message);
        return frames.empty() ? "" : frames.back().value("code", frames.back().value("type", ""));
    }
    // Until the terminal frame of the one answer.
    std::vector<Json> finish() {
        std::vector<Json> all;
        for (int i = 0; i < 3000; ++i) {
            for (Json& frame : take()) all.push_back(std::move(frame));
            if (!all.empty() && (all.back()["type"] == "stream_end" || all.back()["type"] == "error"))
                return all;
            std::this_thread::sleep_for(1ms);
        }
        return all;
    }
    std::string open(const Json& frame) const {
        const auto read = protocol::open_message(nlohmann::json(frame["payload"]), session_key);
        return std::get<protocol::OpenedMessage>(read).plaintext;
    }

    test::Api api;
    std::shared_ptr<const chain::PrivateKey> host = key_of('1'), client = key_of('2'),
                                             ephemeral = key_of('3');
    s5::Bytes32 session_key{4, 5, 6};
    std::shared_ptr<Market> market;
    std::unique_ptr<SocketProtocol> socket;
};

MarketOptions plain() {
    MarketOptions options;
    options.plaintext_sessions = true;
    return options;
}

TEST(SocketProtocol, AnswersAnEncryptedMessage) {
    Conversation talk;
    const auto ack = talk.say(talk.init());
    ASSERT_EQ(ack.size(), 1U);
    EXPECT_EQ(ack[0]["type"], "session_init_ack");
    EXPECT_EQ(ack[0]["id"], 1);
    talk.socket->receive(talk.message(R"({"prompt":"hi","max_tokens":50})", 0).dump());
    const auto frames = talk.finish();
    std::string text;
    int terminal = 0;
    std::uint64_t index = 0;
    for (const Json& frame : frames) {
        terminal += frame["type"] == "stream_end" || frame["type"] == "error";
        if (frame["type"] != "encrypted_chunk") continue;
        EXPECT_EQ(frame["payload"]["index"], index++);
        text += talk.open(frame);
    }
    EXPECT_EQ(text, "Hello there.");
    EXPECT_EQ(terminal, 1);
    ASSERT_GE(frames.size(), 3U);
    EXPECT_EQ(talk.open(frames[frames.size() - 2]), "stop");
    EXPECT_EQ(frames.back()["reason"], "complete");
    EXPECT_EQ(frames.back()["tokens_used"], frames.back()["usage"]["completion_tokens"]);
    EXPECT_FALSE(talk.socket->is_generating());
}

TEST(SocketProtocol, ChargesAnAnswerOnceItIsOver) {
    Conversation talk;
    talk.say(talk.init());
    std::vector<api::ResponseStream::TokenUsage> charged;
    const auto charge = [&](const api::ResponseStream::TokenUsage& spent) { charged.push_back(spent); };
    talk.socket->receive("no JSON", charge);
    talk.take();
    EXPECT_TRUE(charged.empty());
    talk.socket->receive(talk.message(R"({"prompt":"hi","max_tokens":50})", 0).dump(), charge);
    EXPECT_TRUE(charged.empty()) << "it has only begun";
    const auto frames = talk.finish();
    ASSERT_EQ(charged.size(), 1U);
    EXPECT_EQ(charged[0].completion_tokens, frames.back()["usage"]["completion_tokens"]);
    EXPECT_GT(charged[0].prompt_tokens, 0);
    talk.socket->receive(talk.message(R"({"prompt":"hi","max_tokens":50})", 1).dump(), charge);
    talk.socket.reset();  // its client is gone in the middle
    EXPECT_EQ(charged.size(), 2U);
}

TEST(SocketProtocol, TakesAMessageOnceAndInOrder) {
    Conversation talk;
    talk.say(talk.init());
    const Json first = talk.message(R"({"prompt":"hi"})", 3);
    talk.socket->receive(first.dump());
    talk.finish();
    EXPECT_EQ(talk.code(first), "MESSAGE_REORDERED");  // its number has come
    EXPECT_EQ(talk.code(talk.message(R"({"prompt":"hi"})", 2)), "MESSAGE_REORDERED");
    talk.say(talk.init());  // a fresh setup counts anew, and nonces are remembered
    EXPECT_EQ(talk.code(first), "MESSAGE_REPLAYED");
}

// What is sealed was read by nobody on its way.
TEST(SocketProtocol, BoundsWhatIsSealedAsWhatIsNot) {
    Conversation talk;
    talk.say(talk.init());
    const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
    EXPECT_EQ(talk.code(talk.message(R"({"prompt":"hi","x":)" + deep + "}", 0)), "INVALID_REQUEST");
    std::string keys = R"({"prompt":"hi")";
    for (int i = 0; i < 30'000; ++i) keys += ",\"k" + std::to_string(i) + "\":1";
    EXPECT_EQ(talk.code(talk.message(keys + "}", 1)), "INVALID_REQUEST");
    talk.socket->receive(talk.message("{is no JSON, but a prompt", 2).dump());
    EXPECT_EQ(talk.finish().back()["reason"], "complete");
}

TEST(SocketProtocol, OpensTheSameSetupAgainForItsOwnSessionAlone) {
    Conversation talk;
    const Json init = talk.init();
    EXPECT_EQ(talk.code(init), "session_init_ack");
    EXPECT_EQ(talk.code(init), "session_init_ack");
    Json other = init;
    other["session_id"] = "501";
    EXPECT_EQ(talk.code(other), "session_init_ack");  // unpaid: a session of its own
    talk.connect();
    EXPECT_EQ(talk.code(talk.init()), "session_init_ack");  // reconnected with a fresh one
    EXPECT_EQ(talk.code(init), "MESSAGE_REPLAYED");         // the old one is old
}

TEST(SocketProtocol, GoesOnOnAnotherConnection) {
    Conversation talk;
    talk.say(talk.init());
    talk.connect();
    talk.socket->receive(talk.message("just a prompt", 0).dump());
    EXPECT_EQ(talk.finish().back()["type"], "stream_end");
    EXPECT_NE(talk.api.last_prompt().find("just a prompt"), std::string::npos);
}

TEST(SocketProtocol, RefusesInPlainWhereItIsNotAllowed) {
    Conversation talk;
    EXPECT_EQ(talk.code({{"type", "session_init"}, {"session_id", "1"}}), "ENCRYPTION_REQUIRED");
    EXPECT_EQ(talk.code({{"type", "prompt"}, {"prompt", "hi"}}), "ENCRYPTION_REQUIRED");
}

TEST(SocketProtocol, SpeaksPlainlyWhereItIsAllowed) {
    Conversation talk(plain());
    EXPECT_EQ(talk.code({{"type", "session_init"}, {"sessionId", "1"}, {"jobId", 5}}), "session_init_ack");
    talk.socket->receive(
        Json{{"type", "inference"}, {"session_id", "1"}, {"id", "x"}, {"request", {{"prompt", "hi"}}}}
            .dump());
    const auto frames = talk.finish();
    std::string text;
    for (const Json& frame : frames) {
        EXPECT_EQ(frame["id"], "x");
        if (frame["type"] == "stream_chunk") text += frame["content"].get<std::string>();
    }
    EXPECT_EQ(text, "Hello there.");
    talk.connect("another");
    EXPECT_EQ(talk.code({{"type", "prompt"}, {"session_id", "1"}, {"prompt", "hi"}}), "ENCRYPTION_REQUIRED");
}

TEST(SocketProtocol, CancelsWithinAStep) {
    test::ApiOptions slow;
    slow.backend.step_ms = 5;
    Conversation talk(plain(), slow);
    talk.api.say("<|channel|>final<|message|>" + std::string(3000, 'x'));
    talk.socket->receive(R"({"type":"prompt","session_id":"1","prompt":"hi"})");
    while (talk.take().empty()) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(talk.code({{"type", "prompt"}, {"session_id", "1"}, {"prompt", "hi"}}), "REQUEST_IN_PROGRESS");
    const std::string cancel = R"({"type":"stream_cancel","session_id":"1","reason":"user"})";
    EXPECT_TRUE(SocketProtocol::is_quick(cancel));
    talk.socket->receive(cancel);
    const auto frames = talk.finish();
    EXPECT_EQ(frames.back()["reason"], "cancelled");
    EXPECT_LT(frames.back()["tokens_used"], 500);
}

TEST(SocketProtocol, AnswersWhatItCannotReadWithACode) {
    Conversation talk(plain());
    talk.say(talk.init());
    Json broken = talk.message("hi", 0);
    broken["payload"]["ciphertextHex"] = "00";
    EXPECT_EQ(talk.code(broken), "DECRYPTION_FAILED");
    broken["payload"]["nonceHex"] = "00";
    EXPECT_EQ(talk.code(broken), "INVALID_NONCE_SIZE");
    broken["payload"].erase("nonceHex");
    EXPECT_EQ(talk.code(broken), "MISSING_PAYLOAD_FIELDS");
    broken.erase("payload");
    EXPECT_EQ(talk.code(broken), "MISSING_PAYLOAD");
    broken["session_id"] = "9";
    EXPECT_EQ(talk.code(broken), "SESSION_KEY_NOT_FOUND");
    broken.erase("session_id");
    EXPECT_EQ(talk.code(broken), "MISSING_SESSION_ID");
    EXPECT_EQ(talk.code({{"type", "prompt"}, {"prompt", ""}}), "INVALID_REQUEST");
    EXPECT_EQ(talk.code({{"type", "prompt"}, {"prompt", "hi"}, {"max_tokens", "many"}}), "INVALID_REQUEST");
    EXPECT_EQ(talk.code({{"type", "dance"}}), "UNKNOWN_MESSAGE_TYPE");
    talk.socket->receive("no JSON");
    EXPECT_EQ(talk.take().back()["code"], "INVALID_REQUEST");
    EXPECT_EQ(talk.code({{"type", "ping"}}), "pong");
}

}  // namespace
}  // namespace gptoss::marketplace
