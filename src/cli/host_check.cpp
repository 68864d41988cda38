#include "cli/host_check.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <thread>
#include <utility>

#include "base/error.h"
#include "node/receipt_replay.h"

namespace gptoss::cli {
namespace {

using Json = nlohmann::json;
namespace chain = provenance::chain;

constexpr std::size_t kAtOnce = 4;  // a reply must be the same beside others

std::string drawn_question(std::mt19937_64& random) {
    static const char* const kWords[] = {"rain",         "bread", "a lamp",    "the sea",  "trains",
                                         "an old clock", "foxes", "mountains", "a letter", "winter"};
    const auto number = [&](std::uint64_t limit) { return std::to_string(random() % limit); };
    const std::string word = kWords[random() % std::size(kWords)];
    switch (random() % 5) {
        case 0:
            return "What is " + number(1000) + " + " + number(1000) + "?";
        case 1:
            return "Write a short poem about " + word + " and the number " + number(1000) + ".";
        case 2:
            return "Count from " + number(20) + " to " + number(60) + ".";
        case 3:
            return "Tell me something about " + word + ", case " + number(100000) + ".";
        default:
            return "Repeat after me: " + word + " " + number(100000) + " " + word;
    }
}

Json answer_schema() {
    return {{"type", "json_schema"},
            {"json_schema",
             {{"name", "answer"},
              {"strict", true},
              {"schema",
               {{"type", "object"},
                {"properties", {{"answer", {{"type", "string"}}}}},
                {"required", {"answer"}},
                {"additionalProperties", false}}}}}};
}

template <class Work>
void for_each_at_once(std::vector<HostReply>& replies, Work work) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kAtOnce, replies.size()); ++i)
        threads.emplace_back([&] {
            for (std::size_t at = next++; at < replies.size(); at = next++) {
                try {
                    work(replies[at]);
                } catch (const std::exception& error) {
                    replies[at].fault = error.what();
                }
            }
        });
}

Json receipt_of(const acceptance::Client& host, const std::string& id) {
    const acceptance::PlainReply reply = host.get("/v1/receipts/" + id);
    if (reply.status != 200)
        throw Error(ErrorCode::not_found,
                    "there is no receipt: " +
                        (reply.problem.empty() ? "HTTP " + std::to_string(reply.status) : reply.problem),
                    "The host must serve with GPTOSS_RECEIPTS=tokens.");
    return reply.json;
}

std::string ask(const acceptance::Client& host, HostReply& reply) {
    const acceptance::Answer answer = host.chat(reply.request);
    if (!answer.problem.empty()) throw Error(ErrorCode::request_invalid, answer.problem);
    reply.text = answer.content;
    const Json body = Json::parse(answer.body, nullptr, false);
    return acceptance::text_at(body, "id");
}

// The receipt must be of what was asked.
std::string mismatch(const HostReply& reply) {
    const chain::ReplyReceipt& fields = reply.signed_receipt.receipt;
    if (fields.id != reply.id) return "the receipt is of another reply";
    if (fields.seed != reply.request["seed"].get<std::uint64_t>()) return "another seed was used";
    if (!fields.sampling.starts_with("temperature=1 top_p=1 top_k=0 min_p=0 "))
        return "other sampling settings were used";
    const auto most = reply.request["max_tokens"].get<std::uint32_t>();
    if (fields.version > 1 && fields.max_tokens > most) return "another limit was used";
    return {};
}

}  // namespace

std::vector<HostReply> draw_questions(std::int32_t count, std::int32_t max_tokens,
                                      const std::vector<std::string>& prompts, std::mt19937_64& random) {
    std::vector<HostReply> replies(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < replies.size(); ++i) {
        HostReply& reply = replies[i];
        reply.question = prompts.empty() ? drawn_question(random) : prompts[random() % prompts.size()];
        reply.request = {{"messages", {{{"role", "user"}, {"content", reply.question}}}},
                         {"max_tokens", max_tokens},
                         {"temperature", 1},
                         {"seed", random() >> 11}};  // JavaScript's exact numbers
        if (i % 4 == 3) reply.request["response_format"] = answer_schema();
    }
    return replies;
}

void ask_host(const acceptance::Client& host, const std::string& signer, std::vector<HostReply>& replies) {
    if (!signer.empty() && !chain::address_from_hex(signer))
        throw Error(ErrorCode::setting_invalid, "--signer is not an address");
    for_each_at_once(replies, [&](HostReply& reply) {
        reply.id = ask(host, reply);
        reply.receipt = receipt_of(host, reply.id);
        reply.signed_receipt = chain::receipt_from_json(reply.receipt);
        const node::ReceiptVerdict verdict =
            node::check_signature(reply.signed_receipt, reply.receipt, signer);
        reply.fault = verdict.holds ? mismatch(reply) : verdict.why;
    });
    for (HostReply& reply : replies)
        if (reply.fault.empty() && reply.signed_receipt.signer != replies.front().signed_receipt.signer)
            reply.fault = "another key signed than the first reply's";
}

void compare_with(const acceptance::Client& second, std::vector<HostReply>& replies) {
    for_each_at_once(replies, [&](HostReply& reply) {
        if (!reply.fault.empty()) return;
        HostReply other;
        other.request = reply.request;
        const chain::ReplyReceipt there =
            chain::receipt_from_json(receipt_of(second, ask(second, other))).receipt;
        const chain::ReplyReceipt& here = reply.signed_receipt.receipt;
        if (there.prompt_hash != here.prompt_hash)
            reply.fault = "the second node read another prompt: other dates, or another template";
        else if (there.output_hash != here.output_hash)
            reply.fault = there.numerics == here.numerics
                              ? "the second node says something else"
                              : "the second node says something else, by other numerics: rounding may differ";
        reply.replayed = true;
    });
}

double largest_unnoticed_share(std::size_t held, double confidence) {
    return held == 0 ? 1 : 1 - std::pow(1 - confidence, 1.0 / static_cast<double>(held));
}

}  // namespace gptoss::cli
