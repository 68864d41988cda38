// One run of the checks against one server: what was asked for, what was seen, what was found.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/client.h"
#include "acceptance/report.h"

namespace gptoss::acceptance {

struct Options {
    ClientOptions client;
    std::string model;  // empty = the first of /v1/models
    std::int64_t context_length =
        0;  // the server must offer at least this, and take a prompt that fills it; 0 = not asked
    std::int64_t context_tokens = 0;  // size of the prompt with a fact to find; 0 = 4,000 or what fits
    double tokens_per_second_min = 5;
    double planned_tokens_per_second = 0;  // printed beside what was measured; 0 = not known
    double first_token_ms_max = 30'000;
    int concurrency = 4;
    std::int64_t vram_ceiling_mib = 0;  // 0 = the node's own
    bool require_verified = false;
    bool require_gpu = false;
    std::vector<std::string> only;  // names of checks; empty = all
};

struct Finding {
    Verdict verdict = Verdict::passed;
    std::string detail;
};
inline Finding pass(std::string detail) {
    return {Verdict::passed, std::move(detail)};
}
inline Finding fail(std::string detail) {
    return {Verdict::failed, std::move(detail)};
}
inline Finding skip(std::string reason) {
    return {Verdict::skipped, std::move(reason)};
}

class Session {
  public:
    explicit Session(Options asked_for) : options(std::move(asked_for)), client(options.client) {}

    // Runs one check, unless `only` leaves it out, and notes what it found and how long it took.
    void run(const std::string& name, const std::function<Finding()>& check);

    // A chat request to the model under test; temperature 0, so that a run says the same as the one before.
    Json request(const std::string& question, int max_tokens) const;

    // Asked once, however many checks look at it; every answer is kept for the checks of all text.
    const Answer& ask(const std::string& question);
    const Answer& stream(const std::string& question);

    // Keeps an answer for the checks of all text.
    void keep(const Answer& answer) { answers.push_back(answer); }

    // GET /v1/status as it is now; nothing when the server has no such thing.
    std::optional<Json> status() const;

    const Options options;
    const Client client;
    std::string model;                // known after "model loaded"
    std::int64_t context_length = 0;  // as the server reports it; 0 = it does not
    std::vector<Answer> answers;
    Report report;

  private:
    struct Asked {
        std::string question;
        bool streamed;
        Answer answer;
    };
    const Answer& remember(const std::string& question, bool streamed);
    std::vector<std::unique_ptr<Asked>> asked_;
};

// A number with one decimal; MiB and GB as people read them.
std::string decimal(double value);

// Memory in use against the ceiling that was given, else the node's own. 0 bytes = the server does not report it.
Finding judge_vram(const Session& session, double used_bytes);

// The groups, in the order they run. The first is false when there is nobody to ask anything further.
bool check_node(Session& session);
void check_answers(Session& session);
void check_streams(Session& session);
void check_load(Session& session);
void check_context(Session& session);
void check_errors(Session& session);
void check_all_text(Session& session);

// All of them.
Report run_checks(const Options& options);

}  // namespace gptoss::acceptance
