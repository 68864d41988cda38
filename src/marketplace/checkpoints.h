// What clients find of their conversations on S5 when their own memory is gone: deltas that go with proofs, and an
// index of them, put into the outbox then. Prompts and answers are sealed there with a key that
// only the host's key gives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/database.h"
#include "api/json_reader.h"
#include "marketplace/ledger.h"
#include "provenance/chain/private_key.h"

namespace gptoss::marketplace {

class Checkpoints {
  public:
    // `unencrypted`: also of sessions whose client gave no key to encrypt to.
    Checkpoints(const std::filesystem::path& path, const provenance::chain::PrivateKey& host_key,
                bool unencrypted);
    ~Checkpoints();

    // A client's session of a job. False when nothing is kept of it.
    bool open(const std::string& job, const std::string& session, const std::string& recovery_key);
    // `partial`: more of the same message follows.
    void add_message(const std::string& job, std::string_view role, std::string_view text, bool partial);

    // The delta that goes with a proof: its identifier on S5, empty when there is nothing new. It leaves the
    // node when the proof has arrived, and is made again when the proof was dropped.
    std::string prepare(const LedgerProof& proof);
    void settle();  // looks what became of the proofs

    // Jobs that the ledger has deleted: their indexes are on S5 alone from then on.
    void forget(const std::vector<std::string>& jobs);

    // The index as clients read it. Nothing for a session without checkpoints.
    std::optional<nlohmann::json> index(const std::string& session);

  private:
    struct Message {
        std::int64_t number = 0;
        std::string role, text;
        std::int64_t time_ms = 0;
        bool partial = false;
    };
    std::vector<Message> unpublished_messages(const std::string& job);
    std::string seal(std::string_view text) const;
    std::string unseal(const std::string& sealed) const;
    void release(const std::string& hash);
    nlohmann::json index_of(const std::string& job, const std::string& session);

    std::mutex mutex_;
    api::Database database_;
    const provenance::chain::PrivateKey& host_key_;
    const bool unencrypted_;
    std::array<std::uint8_t, 32> secret_{};
};

}  // namespace gptoss::marketplace
