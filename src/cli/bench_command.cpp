// `bench`: how fast this machine reads prompts and generates, beside what its memory allows.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "backend/devices/devices.h"
#include "backend/sequence_runner.h"
#include "base/error.h"
#include "cli/bench_operations.h"
#include "cli/bench_steps.h"
#include "cli/commands.h"
#include "cli/gpu_layers.h"
#include "cli/progress_line.h"
#include "cli/stopwatch.h"
#include "gguf/file.h"
#include "model/synthetic.h"

namespace gptoss::cli {
namespace {

struct BenchOptions {
    std::string model, synthetic, write, device = "cpu";
    std::int32_t prompt = 512, generate = 64, depth = 0, concurrency = 1, batch = 0, context = 0, threads = 0,
                 layers = 0, gpu_layers = model::PlanRequest{}.gpu_layers;
    std::uint32_t parts = 1;
    bool json = false, exact = false, steps = false, operations = false;
};

// A model from a file or from thin air. Random weights for a GPU are made there, and there are none here; for
// layers on both sides they are made here.
struct Subject {
    std::string name;
    model::Hyperparameters shape;
    std::optional<gguf::File> file;
    std::optional<model::SyntheticModel> synthetic;
    std::optional<model::Weights> found;
    const model::Weights* weights() const {
        return found ? &*found : synthetic ? &synthetic->weights() : nullptr;
    }
};

Subject subject_of(const BenchOptions& options) {
    Subject subject;
    if (!options.model.empty()) {
        subject.name = options.model;
        subject.file = gguf::File::open(options.model);
        subject.found = model::find_weights(*subject.file);
        subject.shape = subject.found->hyperparameters;
        return subject;
    }
    subject.name = options.synthetic + ", random weights";
    subject.shape = options.synthetic == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
    if (options.layers > 0) subject.shape.layers = options.layers;
    const bool split = options.gpu_layers < subject.shape.layers;
    if (options.device == "cpu" || split || !options.write.empty()) {
        ProgressLine progress;
        progress.show("making random weights, a minute or so ...");
        subject.synthetic.emplace(subject.shape);
    }
    return subject;
}

// Bytes of weights that a step reads: always, and of all experts together.
struct WeightReads {
    double always = 0, experts = 0;
};

WeightReads reads_of(const model::Weights& weights) {
    const auto bytes = [](const model::Matrix& matrix) {
        return static_cast<double>(matrix.tensor->data.size());
    };
    WeightReads reads{bytes(weights.lm_head), 0};
    for (const model::LayerWeights& layer : weights.layers) {
        for (const model::Matrix* matrix :
             {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.router})
            reads.always += bytes(*matrix);
        for (const model::Matrix* matrix : {&layer.gate, &layer.up, &layer.down})
            reads.experts += bytes(*matrix);
    }
    return reads;
}

// The same for ggml-org's types: dense part Q8_0 (34 bytes for 32 values), experts MXFP4 (17), router F32.
WeightReads reads_of(const model::Hyperparameters& shape) {
    const double hidden = shape.hidden, q8_0 = 34.0 / 32, mxfp4 = 17.0 / 32;
    const double attention = hidden * (2.0 * shape.query_width() + 2.0 * shape.kv_width());
    return {q8_0 * hidden * shape.vocabulary + shape.layers * (q8_0 * attention + 4 * hidden * shape.experts),
            shape.layers * mxfp4 * shape.experts * 3 * hidden * shape.intermediate_size};
}

// What one step of generation must read: the dense weights once, the experts its tokens chose, and the keys
// and values its sequences see. With several sequences the number of different experts is the expectation for
// even routing.
double bytes_per_step(const Subject& subject, const BenchOptions& options) {
    const model::Hyperparameters& shape = subject.shape;
    const WeightReads reads = subject.weights() != nullptr ? reads_of(*subject.weights()) : reads_of(shape);
    const double share_of_experts =
        1.0 -
        std::pow(1.0 - static_cast<double>(shape.experts_per_token) / shape.experts, options.concurrency);
    const double visible = options.depth + options.generate / 2.0;
    const double token_bytes = 2.0 * shape.kv_width() * model::kv_element_bytes(model::KvType::bf16);
    double total = reads.always + reads.experts * share_of_experts;
    for (std::int32_t i = 0; i < shape.layers; ++i)
        total += options.concurrency * token_bytes *
                 (shape.slides(i) ? std::min<double>(visible, shape.sliding_window) : visible);
    return total;
}

// Bytes a second at which a step could be read. With layers on both sides it waits for one memory after the
// other.
double bandwidth_of(const Subject& subject, const BenchOptions& options, double step_bytes) {
    const double device = backend::read_bandwidth(options.device, options.threads) * 1e9;
    const std::int32_t layers = subject.shape.layers;
    if (options.device == "cpu" || options.gpu_layers >= layers) return device;
    const double head = static_cast<double>(subject.weights()->lm_head.tensor->data.size());
    const double on_host = (step_bytes - head) * (layers - options.gpu_layers) / layers;
    const double host = backend::read_bandwidth("cpu", options.threads) * 1e9;
    return step_bytes / (on_host / host + (step_bytes - on_host) / device);
}

struct Result {
    std::string device;
    double bandwidth = 0, load_seconds = 0, prompt_seconds = 0, generation_seconds = 0, step_bytes = 0;
    std::int64_t weight_bytes = 0, planned_bytes = 0, taken_bytes = 0;
};

std::vector<TokenId> random_tokens(std::int32_t count, std::int32_t vocabulary) {
    std::mt19937 random(1);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % vocabulary);
    return tokens;
}

// One generated token for each sequence, the most probable one. Returns before it is computed when the
// backend does.
backend::StepHandle generate_step(backend::Backend& backend, backend::SequenceRunner& runner,
                                  std::int32_t sequences, std::uint64_t step) {
    static constexpr TokenId kLast = backend::kTokenFromLastSample;
    std::vector<backend::SequenceRunner::Feed> feeds;
    std::vector<backend::SampleRow> rows(sequences);
    for (std::int32_t slot = 0; slot < sequences; ++slot) {
        feeds.push_back({slot, std::span(&kLast, 1), 1});
        rows[slot].logits_index = rows[slot].slot = slot;
        rows[slot].step = step;
        rows[slot].parameters.temperature = 0;
    }
    runner.forward(feeds);
    return backend.sample(rows);
}

// As the engine does it: while a step is computed, the next one is submitted.
void generate(backend::Backend& backend, backend::SequenceRunner& runner, std::int32_t sequences,
              std::int32_t steps) {
    std::optional<backend::StepHandle> ahead;
    for (std::int32_t step = 0; step < steps; ++step) {
        const backend::StepHandle handle =
            generate_step(backend, runner, sequences, static_cast<std::uint64_t>(step));
        if (ahead) backend.wait(*ahead);
        ahead = handle;
    }
    if (ahead) backend.wait(*ahead);
}

Result measure(const Subject& subject, const BenchOptions& options) {
    const model::Hyperparameters& shape = subject.shape;
    const model::Weights* weights = subject.weights();
    backend::BackendOptions backend_options;
    backend_options.threads = options.threads;
    backend_options.exact = options.exact;
    model::PlanRequest request;
    request.context_length =
        std::max(options.context, options.depth + options.prompt + options.generate + model::kBlockTokens);
    request.cache_tokens = std::int64_t{request.context_length} * options.concurrency;
    request.max_sequences = options.concurrency;
    request.max_batch_tokens = std::max(options.batch > 0         ? options.batch
                                        : options.device == "cpu" ? 512
                                                                  : 2048,
                                        options.concurrency);
    request.gpu_layers = options.gpu_layers;
    const backend::DeviceNeeds needs = weights != nullptr
                                           ? backend::device_needs(options.device, *weights, request)
                                           : backend::device_needs(options.device, shape, request);
    backend_options.plan = model::plan(shape, request, needs.weight_bytes, needs.workspace_bytes,
                                       needs.runtime_bytes, needs.host);
    model::require_fit(backend_options.plan, shape, needs.free_bytes, needs.device);

    ProgressLine progress;
    Result result;
    progress.show("measuring how fast the memory reads ...");
    result.step_bytes = bytes_per_step(subject, options);
    // Before the model takes its place, on a GPU nearly all of the memory, and after it has left it: the
    // mean, because a machine shared with others is not the same after a minute.
    const double bandwidth_before = bandwidth_of(subject, options, result.step_bytes);
    progress.show(weights != nullptr ? "loading the model ..." : "making random weights on the device ...");
    const Stopwatch load;
    std::unique_ptr<backend::Backend> backend;
    if (weights != nullptr)
        backend = backend::make_backend(options.device, *weights, backend_options);
    else
        backend = backend::make_synthetic_backend(options.device, shape, backend_options);
    result.load_seconds = load.seconds();
    result.device = backend->info().device;
    result.weight_bytes = needs.weight_bytes + needs.host.weight_bytes;
    result.planned_bytes = backend_options.plan.total_bytes();

    backend::SequenceRunner runner(*backend, backend_options.plan, shape.sliding_window);
    const std::vector<TokenId> tokens = random_tokens(std::max(options.prompt, 8), shape.vocabulary);
    const auto start_at_depth = [&] {
        for (std::int32_t slot = 0; slot < options.concurrency; ++slot) {
            runner.clear(slot);
            runner.pretend(slot, options.depth);
        }
    };
    // Waits for what was submitted: a handle with no rows marks the end of a forward().
    const auto finish = [&] { backend->wait(backend->sample({})); };

    start_at_depth();
    progress.show("reading a prompt of " + std::to_string(options.prompt) + " tokens ...");
    runner.prefill(0, std::span(tokens).first(8));  // warms caches and threads
    finish();
    start_at_depth();
    if (options.prompt > 0) {
        const Stopwatch prompt;
        for (std::int32_t slot = 0; slot < options.concurrency; ++slot)
            runner.prefill(slot, std::span(tokens).first(options.prompt));
        finish();
        result.prompt_seconds = prompt.seconds();
    }
    start_at_depth();
    progress.show("generating " + std::to_string(options.generate) + " tokens ...");
    generate(*backend, runner, options.concurrency, 2);
    const Stopwatch generation;
    generate(*backend, runner, options.concurrency, options.generate);
    result.generation_seconds = generation.seconds();
    // After the first steps: kernels and graphs are loaded when they are first used.
    result.taken_bytes = needs.free_bytes - backend::device_needs(options.device, shape, request).free_bytes +
                         needs.context_bytes;
    backend.reset();
    result.bandwidth = (bandwidth_before + bandwidth_of(subject, options, result.step_bytes)) / 2;
    return result;
}

void print(const std::string& name, const BenchOptions& options, const Result& result) {
    const auto speed = [](double count, double seconds) { return count > 0 ? count / seconds : 0.0; };
    const double prompt_speed = speed(options.prompt * options.concurrency, result.prompt_seconds);
    const double steps = speed(options.generate, result.generation_seconds);
    const double read = steps * result.step_bytes;
    if (options.json) {
        const nlohmann::ordered_json json = {{"model", name},
                                             {"device", result.device},
                                             {"prompt_tokens", options.prompt},
                                             {"generated_tokens", options.generate},
                                             {"depth", options.depth},
                                             {"concurrency", options.concurrency},
                                             {"load_seconds", result.load_seconds},
                                             {"weight_bytes", result.weight_bytes},
                                             {"planned_bytes", result.planned_bytes},
                                             {"taken_bytes", result.taken_bytes},
                                             {"prompt_tokens_per_second", prompt_speed},
                                             {"generated_tokens_per_second", steps * options.concurrency},
                                             {"bytes_per_step", result.step_bytes},
                                             {"read_gb_per_second", read / 1e9},
                                             {"bandwidth_gb_per_second", result.bandwidth / 1e9},
                                             {"share_of_bandwidth", read / result.bandwidth}};
        std::printf("%s\n", json.dump(2).c_str());
        return;
    }
    std::printf("%s on %s, loaded in %.2f s", name.c_str(), result.device.c_str(), result.load_seconds);
    // Weights that lie in device memory were moved there, or made there; the CPU computes with the file's
    // own.
    const auto gigabytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1e9; };
    if (result.weight_bytes > 0)
        std::printf(", %.2f GB of weights at %.1f GB/s\n  memory %.2f GB planned, %.2f GB taken",
                    gigabytes(result.weight_bytes), gigabytes(result.weight_bytes) / result.load_seconds,
                    gigabytes(result.planned_bytes), gigabytes(result.taken_bytes));
    std::printf("\n");
    std::printf("  memory bandwidth, measured     %10.1f GB/s\n", result.bandwidth / 1e9);
    if (options.prompt > 0)
        std::printf("  prompt     %6d tokens x %-3d %10.1f tok/s\n", options.prompt, options.concurrency,
                    prompt_speed);
    if (options.generate > 0)
        std::printf(
            "  generation %6d tokens x %-3d %10.1f tok/s   %.2f GB a step, %.1f GB/s, %.0f %% of the "
            "bandwidth\n",
            options.generate, options.concurrency, steps * options.concurrency, result.step_bytes / 1e9,
            read / 1e9, 100 * read / result.bandwidth);
}

int run_steps(const Subject& subject, const BenchOptions& options) {
    const std::int32_t usual_rows = options.device == "cpu" ? 256 : 2048;
    const model::PlanRequest request =
        plan_request_of_steps(options.concurrency, options.batch > 0 ? options.batch : usual_rows);
    const model::Weights* weights = subject.weights();
    const backend::DeviceNeeds needs = weights != nullptr
                                           ? backend::device_needs(options.device, *weights, request)
                                           : backend::device_needs(options.device, subject.shape, request);
    backend::BackendOptions backend_options;
    backend_options.threads = options.threads;
    backend_options.plan = model::plan(subject.shape, request, needs.weight_bytes, needs.workspace_bytes,
                                       needs.runtime_bytes, needs.host);
    model::require_fit(backend_options.plan, subject.shape, needs.free_bytes, needs.device);
    const double bandwidth =
        options.operations ? backend::read_bandwidth(options.device, options.threads) * 1e9 : 0;
    const std::unique_ptr<backend::Backend> backend =
        weights != nullptr ? backend::make_backend(options.device, *weights, backend_options)
                           : backend::make_synthetic_backend(options.device, subject.shape, backend_options);
    if (!options.json) std::printf("%s on %s\n", subject.name.c_str(), backend->info().device.c_str());
    const model::MemoryPlan& plan = backend_options.plan;
    const nlohmann::ordered_json steps =
        options.operations ? measure_operations(*backend, plan, subject.shape, bandwidth, !options.json)
                           : measure_step_table(*backend, plan, subject.shape, !options.json);
    if (steps.empty())
        throw Error(ErrorCode::setting_invalid, "operations are timed on a GPU: --device cuda");
    if (options.json) std::printf("%s\n", steps.dump(1).c_str());
    return 0;
}

int run(const BenchOptions& options) {
    require_gpu_for_layers(options.device, options.gpu_layers);
    if (options.model.empty() == options.synthetic.empty())
        throw Error(ErrorCode::setting_invalid, "bench needs either --model FILE or --synthetic SHAPE");
    const Subject subject = subject_of(options);
    if (!options.write.empty()) {
        if (subject.weights() == nullptr || !options.model.empty())
            throw Error(ErrorCode::setting_invalid, "--write needs --synthetic SHAPE");
        const std::uint64_t written =
            model::write_synthetic(options.write, *subject.weights(), options.parts);
        std::printf("wrote %s, %.2f GB\n", options.write.c_str(), static_cast<double>(written) / 1e9);
        return 0;
    }
    if (options.steps || options.operations) return run_steps(subject, options);
    print(subject.name, options, measure(subject, options));
    return 0;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<BenchOptions>();
    CLI::App* command = app.add_subcommand("bench", "Measure prompt processing and generation speed");
    command->add_option("--model", options->model, "GGUF file, or any part of a split one");
    command->add_option("--synthetic", options->synthetic, "Random weights of this shape, no file")
        ->check(CLI::IsMember({"gpt-oss-120b", "gpt-oss-20b"}));
    command->add_option("--layers", options->layers, "Synthetic: this many layers only, for a quick look")
        ->check(CLI::NonNegativeNumber);
    command->add_option("-p,--prompt", options->prompt, "Tokens of the prompt, 0 = skip")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command->add_option("-n,--generate", options->generate, "Tokens generated")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command->add_option("--depth", options->depth, "Tokens already in the context")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command->add_option("--concurrency", options->concurrency, "Sequences at a time")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command
        ->add_option("--batch", options->batch,
                     "Prompt tokens computed at once, 0 = 512 on a CPU, 2048 on a GPU")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command
        ->add_option("--context", options->context, "Claim memory for this context, 0 = for what is measured")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
    add_gpu_layers(*command, options->gpu_layers);
    command->add_option("--threads", options->threads, "CPU threads, 0 = all cores")->capture_default_str();
    command->add_option("--write", options->write, "Write the synthetic model to this GGUF file and stop");
    command->add_option("--parts", options->parts, "With --write: so many parts, named after that file")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    command->add_flag("--steps", options->steps,
                      "What steps take by their rows, up to --concurrency that generate and --batch in all");
    command->add_flag("--operations", options->operations,
                      "What each operation of a step takes (GPU), beside what the bandwidth allows");
    command->add_flag("--exact", options->exact, "The float32 reference path (CPU)");
    command->add_flag("--json", options->json, "Machine-readable output");
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*options);
    });
#if defined(GPTOSS_HAS_SERVER)
    add_bench_serve(*command, exit_code);
#endif
}

}  // namespace gptoss::cli
