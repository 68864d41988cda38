// What `verify-host` asks of a running node and makes of its receipts. The model is not needed here, replaying is
// verify_host_command.cpp's.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "acceptance/client.h"
#include "provenance/chain/reply_receipt.h"

namespace gptoss::cli {

// One question, and what came back.
struct HostReply {
    nlohmann::json request;
    std::string question;
    std::string id, text;    // of the reply; text: reasoning and content
    nlohmann::json receipt;  // as the node gave it
    provenance::chain::SignedReceipt signed_receipt;
    std::string fault;  // why this one does not hold; empty = nothing found so far
    bool replayed = false;
};

// Questions with numbers and words drawn at random, so that no host has the answers ready; every fourth one is
// held to a JSON schema. `prompts` takes the place of the questions when it is not empty.
std::vector<HostReply> draw_questions(std::int32_t count, std::int32_t max_tokens,
                                      const std::vector<std::string>& prompts, std::mt19937_64& random);

// Asks all of them, some at a time, and fetches the receipts. `signer`: who must have signed; empty = one and the
// same for all. Faults are left in the replies. Throws Error(setting_invalid) when `signer` is no address.
void ask_host(const acceptance::Client& host, const std::string& signer, std::vector<HostReply>& replies);

// Asks a second node the same: prompt and reply must have the same hashes there.
void compare_with(const acceptance::Client& second, std::vector<HostReply>& replies);

// What `held` replies without a fault say: the share of other replies that would have been noticed with the
// probability `confidence`. 1 when none was looked at.
double largest_unnoticed_share(std::size_t held, double confidence);

}  // namespace gptoss::cli
