// `logits`: the model's raw output for given tokens, to be compared with other implementations.
#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/devices/devices.h"
#include "backend/sequence_runner.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/gpu_layers.h"
#include "gguf/file.h"

namespace gptoss::cli {
namespace {

struct LogitsOptions {
    std::string model, tokens, out, device = "cpu";
    std::int32_t last = 1, threads = 0, batch = 512, gpu_layers = model::PlanRequest{}.gpu_layers;
    bool exact = false;
};

std::vector<TokenId> read_tokens(const std::string& path, std::int32_t vocabulary) {
    std::ifstream file(path);
    if (!file) throw Error(ErrorCode::file_not_found, "cannot open " + path);
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    const std::string hint = "The file must be a JSON array of token ids, for example [1, 2, 3].";
    if (!json.is_array() || json.empty())
        throw Error(ErrorCode::setting_invalid, path + " is not a JSON array of token ids", hint);
    std::vector<TokenId> tokens;
    for (const nlohmann::json& value : json) {
        if (!value.is_number_integer() || value < 0 || value >= vocabulary)
            throw Error(ErrorCode::setting_invalid,
                        path + ": " + value.dump() + " is not a token id below " + std::to_string(vocabulary),
                        hint);
        tokens.push_back(value.get<TokenId>());
    }
    return tokens;
}

// Rows of logits computed in one step: bounds the memory they take with a real vocabulary (0.8 MB a row).
constexpr std::int32_t kRowsAtOnce = 64;

void run(const LogitsOptions& options) {
    require_gpu_for_layers(options.device, options.gpu_layers);
    const gguf::File file = gguf::File::open(options.model);
    const model::Weights weights = model::find_weights(file);
    const model::Hyperparameters& shape = weights.hyperparameters;
    const std::vector<TokenId> tokens = read_tokens(options.tokens, shape.vocabulary);
    const auto count = static_cast<std::int32_t>(tokens.size());
    const std::int32_t last = std::min(options.last, count);

    backend::BackendOptions backend_options;
    backend_options.threads = options.threads;
    backend_options.exact = options.exact;
    model::PlanRequest request;
    request.context_length = count;
    request.max_sequences = std::min(last, kRowsAtOnce);
    request.max_batch_tokens = std::max(options.batch, request.max_sequences);
    request.gpu_layers = options.gpu_layers;
    backend_options.plan = model::plan(shape, request, 0, 0, 0);
    const std::unique_ptr<backend::Backend> backend =
        backend::make_backend(options.device, weights, backend_options);

    std::ofstream out(options.out, std::ios::binary);
    if (!out) throw Error(ErrorCode::file_unreadable, "cannot write " + options.out);
    backend::SequenceRunner runner(*backend, backend_options.plan, shape.sliding_window);
    std::vector<float> row(shape.vocabulary);
    while (runner.position(0) < count) {
        const std::int32_t done = runner.position(0);
        const std::int32_t first_wanted = count - last;
        const bool wanted = done >= first_wanted;
        const std::int32_t step = wanted ? std::min(count - done, request.max_sequences)
                                         : std::min(first_wanted - done, options.batch);
        const backend::SequenceRunner::Feed feed{0, std::span(tokens).subspan(done, step), wanted ? step : 0};
        runner.forward({&feed, 1});
        for (std::int32_t i = 0; i < feed.logits_rows; ++i) {
            backend->read_logits(i, row);
            out.write(reinterpret_cast<const char*>(row.data()),
                      static_cast<std::streamsize>(row.size() * sizeof(float)));
        }
    }
    out.close();
    if (!out) throw Error(ErrorCode::disk_full, "writing " + options.out + " failed");
    file.require_unchanged();  // the exact path reads it to the end
}

}  // namespace

void add_logits(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<LogitsOptions>();
    CLI::App* command = app.add_subcommand("logits", "Write the model's raw output for given tokens");
    command->add_option("--model", options->model, "GGUF file, or any part of a split one")->required();
    command->add_option("--tokens", options->tokens, "JSON array of token ids")->required();
    command->add_option("--out", options->out, "Written as little-endian float32, row by row")->required();
    command->add_option("--last", options->last, "Rows of the last N tokens")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
    add_gpu_layers(*command, options->gpu_layers);
    command->add_option("--threads", options->threads, "CPU threads, 0 = all cores")->capture_default_str();
    command->add_option("--batch", options->batch, "Tokens computed at once")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command->add_flag("--exact", options->exact, "The float32 reference path (CPU)");
    command->callback([options, &exit_code] {
        run(*options);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli
