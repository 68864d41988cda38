// Many users at once through the real engine and backend, with random weights: tokens a second of all of
// them, and how much longer the running ones wait for a token while a long prompt comes in.
//
//   engine_load_bench --device cuda --shape gpt-oss-120b --streams 64 --prompt 1024 --generate 1024
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backend/devices/devices.h"
#include "engine/engine.h"
#include "model/synthetic.h"

namespace {

using namespace gptoss;
using Clock = std::chrono::steady_clock;

struct LoadOptions {
    std::string device = "cpu", shape = "gpt-oss-20b";
    std::int32_t streams = 64, prompt = 1024, generate = 1024, long_prompt = 8192, batch = 2048, layers = 0;
    double temperature = 1.0;
};

double milliseconds(Clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

// Remembers when each token came. Read by others only after `finished`.
class TimedSink final : public engine::GenerationSink {
  public:
    explicit TimedSink(std::int32_t tokens) { times.reserve(static_cast<std::size_t>(tokens)); }
    void on_token(const backend::SampledToken&) override {
        times.push_back(Clock::now());
        if (times.size() == 1) first_token.set_value();
    }
    void on_finish(engine::FinishReason reason, const engine::Usage&, const std::string& error) override {
        if (times.empty()) first_token.set_value();
        failure = reason == engine::FinishReason::length ? "" : "ended early: " + error;
        finished.set_value();
    }
    std::vector<Clock::time_point> times;
    std::string failure;
    std::promise<void> first_token, finished;
};

struct Stream {
    std::shared_ptr<TimedSink> sink;
    Clock::time_point submitted;
    engine::RequestId id = 0;
};

Stream start(engine::Engine& engine, std::int32_t prompt, std::int32_t generate, double temperature,
             unsigned seed, std::int32_t vocabulary) {
    std::mt19937 random(seed);
    engine::GenerationRequest request;
    for (std::int32_t i = 0; i < prompt; ++i)
        request.prompt.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocabulary)));
    request.max_tokens = generate;
    request.sampling.temperature = static_cast<float>(temperature);
    request.sampling.seed = seed;
    Stream stream{std::make_shared<TimedSink>(generate), Clock::now(), 0};
    stream.id = engine.submit(std::move(request), stream.sink);
    return stream;
}

std::vector<Stream> start_all(engine::Engine& engine, const LoadOptions& options, std::int32_t generate,
                              std::int32_t vocabulary, unsigned first_seed) {
    std::vector<Stream> streams;
    for (std::int32_t i = 0; i < options.streams; ++i)
        streams.push_back(start(engine, options.prompt, generate, options.temperature,
                                first_seed + static_cast<unsigned>(i), vocabulary));
    return streams;
}

void finish_all(std::vector<Stream>& streams) {
    for (Stream& stream : streams) {
        stream.sink->finished.get_future().wait();
        if (!stream.sink->failure.empty()) throw std::runtime_error("a stream " + stream.sink->failure);
    }
}

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + place, values.end());
    return values[static_cast<std::size_t>(place)];
}

// Times between two tokens of the same stream that both came within [from, to].
std::vector<double> gaps_ms(const std::vector<Stream>& streams, Clock::time_point from,
                            Clock::time_point to) {
    std::vector<double> gaps;
    for (const Stream& stream : streams)
        for (std::size_t i = 1; i < stream.sink->times.size(); ++i)
            if (stream.sink->times[i - 1] >= from && stream.sink->times[i] <= to)
                gaps.push_back(milliseconds(stream.sink->times[i] - stream.sink->times[i - 1]));
    return gaps;
}

double mean(const std::vector<double>& values) {
    return values.empty()
               ? 0
               : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void measure_crowd(engine::Engine& engine, const LoadOptions& options, std::int32_t vocabulary) {
    std::vector<Stream> streams = start_all(engine, options, options.generate, vocabulary, 1000);
    finish_all(streams);
    Clock::time_point begin = streams[0].submitted, end = begin, all_run = begin,
                      first_ends = Clock::time_point::max();
    std::vector<double> first_ms;
    for (const Stream& stream : streams) {
        end = std::max(end, stream.sink->times.back());
        all_run = std::max(all_run, stream.sink->times.front());
        first_ends = std::min(first_ends, stream.sink->times.back());
        first_ms.push_back(milliseconds(stream.sink->times.front() - stream.submitted));
    }
    const double tokens = static_cast<double>(options.streams) * options.generate;
    const std::vector<double> gaps = gaps_ms(streams, all_run, first_ends);
    std::printf("%d streams, %d tokens in, %d out, temperature %.1f\n", options.streams, options.prompt,
                options.generate, options.temperature);
    std::printf("  whole run          %8.1f s, %.0f tok/s generated, prompts included\n",
                milliseconds(end - begin) / 1000, tokens / milliseconds(end - begin) * 1000);
    std::printf("  while all generate %8.0f tok/s in all; between tokens %.1f ms (median), %.1f ms (99 %%)\n",
                options.streams * 1000.0 / mean(gaps), percentile(gaps, 0.5), percentile(gaps, 0.99));
    std::printf("  first token        %8.0f ms (median), %.0f ms (last)\n", percentile(first_ms, 0.5),
                percentile(first_ms, 1.0));
}

void measure_intrusion(engine::Engine& engine, const LoadOptions& options, std::int32_t vocabulary) {
    std::vector<Stream> streams = start_all(engine, options, options.generate, vocabulary, 5000);
    for (Stream& stream : streams) stream.sink->first_token.get_future().wait();
    const Clock::time_point calm_from = Clock::now();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    Stream guest = start(engine, options.long_prompt, 8, options.temperature, 9999, vocabulary);
    guest.sink->finished.get_future().wait();
    for (const Stream& stream : streams) engine.cancel(stream.id);  // enough was seen
    for (Stream& stream : streams) stream.sink->finished.get_future().wait();
    const std::vector<double> calm = gaps_ms(streams, calm_from, guest.submitted);
    const std::vector<double> disturbed = gaps_ms(streams, guest.submitted, guest.sink->times.front());
    if (calm.empty() || disturbed.empty())
        throw std::runtime_error("the streams ended before the long prompt was in: --generate more");
    std::printf("a prompt of %d tokens enters while %d generate: its first token after %.0f ms\n",
                options.long_prompt, options.streams,
                milliseconds(guest.sink->times.front() - guest.submitted));
    std::printf("  between tokens, before %7.1f ms (mean), %.1f ms (99 %%)\n", mean(calm),
                percentile(calm, 0.99));
    std::printf("  between tokens, while  %7.1f ms (mean), %.1f ms (99 %%): %.2f and %.2f times as long\n",
                mean(disturbed), percentile(disturbed, 0.99), mean(disturbed) / mean(calm),
                percentile(disturbed, 0.99) / percentile(calm, 0.99));
}

int run(const LoadOptions& options) {
    model::Hyperparameters shape =
        options.shape == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
    if (options.layers > 0) shape.layers = options.layers;
    std::optional<model::SyntheticModel> synthetic;
    if (options.device == "cpu") synthetic.emplace(shape);

    model::PlanRequest request;
    request.max_sequences = options.streams + 1;
    request.context_length =
        std::max(options.prompt + options.generate, options.long_prompt + 8) + 2 * model::kBlockTokens;
    request.cache_tokens =
        std::int64_t{options.streams} * (options.prompt + options.generate + model::kBlockTokens) +
        options.long_prompt + 2 * model::kBlockTokens;
    request.max_batch_tokens = std::max(options.batch, request.max_sequences);
    const backend::DeviceNeeds needs =
        synthetic ? backend::device_needs(options.device, synthetic->weights(), request)
                  : backend::device_needs(options.device, shape, request);
    backend::BackendOptions backend_options;
    backend_options.plan =
        model::plan(shape, request, needs.weight_bytes, needs.workspace_bytes, needs.runtime_bytes);
    model::require_fit(backend_options.plan, shape, needs.free_bytes, needs.device);
    auto backend = synthetic ? backend::make_backend(options.device, synthetic->weights(), backend_options)
                             : backend::make_synthetic_backend(options.device, shape, backend_options);
    std::printf("%s, random weights, on %s\n", options.shape.c_str(), backend->info().device.c_str());

    engine::Engine engine(std::move(backend), {.context_length = request.context_length,
                                               .max_sequences = request.max_sequences,
                                               .max_batch_tokens = request.max_batch_tokens,
                                               .full_blocks = backend_options.plan.full_blocks,
                                               .sliding_blocks = backend_options.plan.sliding_blocks,
                                               .sliding_window = shape.sliding_window,
                                               .prefix_cache = false,
                                               .vocabulary = shape.vocabulary,
                                               .measure_steps_ms = 3000});
    LoadOptions warm = options;  // kernels and graphs are loaded when they are first used
    std::vector<Stream> streams = start_all(engine, warm, 16, shape.vocabulary, 1);
    finish_all(streams);
    measure_crowd(engine, options, shape.vocabulary);
    if (options.long_prompt > 0) measure_intrusion(engine, options, shape.vocabulary);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    LoadOptions options;
    CLI::App app("Many users at once through the engine, with random weights");
    app.add_option("--device", options.device, "cpu or cuda")->capture_default_str();
    app.add_option("--shape", options.shape, "gpt-oss-20b or gpt-oss-120b")->capture_default_str();
    app.add_option("--streams", options.streams)->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--prompt", options.prompt, "tokens of each")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--generate", options.generate, "tokens of each")
        ->capture_default_str()
        ->check(CLI::Range(2, 131072));
    app.add_option("--long-prompt", options.long_prompt, "tokens of the one that enters later, 0 = none")
        ->capture_default_str();
    app.add_option("--batch", options.batch, "rows of a step")->capture_default_str();
    app.add_option("--layers", options.layers, "this many only, for a quick look")->capture_default_str();
    app.add_option("--temperature", options.temperature, "0 = the most probable token")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);  // minutes may pass between two figures
    try {
        return run(options);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "%s\n", problem.what());
        return 1;
    }
}
