#include "node/loaded_model.h"

#include <spdlog/spdlog.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>

#include "base/error.h"
#include "node/model_placement.h"
#include "node/model_source.h"
#include "node/receipts.h"
#include "node/validation.h"

namespace gptoss::node {

namespace {

// Steps are measured before the first request for so long at most; a GPU needs a second.
constexpr std::int32_t kMeasureSteps_ms = 3000;

// What the engine reads from: in the order in which it must be made, and taken apart backwards.
struct Core {
    explicit Core(const Settings& settings) : source(settings) {}
    ModelSource source;
    std::unique_ptr<engine::Engine> engine;
};

// Touches every page once, so that reading from disk happens here, with progress, and not inside the first
// request.
void read_into_memory(const gguf::File& file, const LoadProgress& progress) {
    constexpr std::size_t kPage_bytes = 4096;
    constexpr std::size_t kPiece_bytes = std::size_t{64} << 20;
    std::int64_t total_bytes = 0;
    for (const gguf::Part& part : file.parts()) total_bytes += static_cast<std::int64_t>(part.size_bytes);
    std::int64_t done_bytes = 0;
    unsigned char seen = 0;
    for (const gguf::Part& part : file.parts()) {
        for (std::size_t begin = 0; begin < part.bytes.size(); begin += kPiece_bytes) {
            const std::size_t end = std::min(begin + kPiece_bytes, part.bytes.size());
            // A hint: the kernel then reads the piece in large steps instead of page by page.
            madvise(const_cast<std::byte*>(part.bytes.data()) + begin, end - begin, MADV_WILLNEED);
            for (std::size_t i = begin; i < end; i += kPage_bytes)
                seen ^= static_cast<unsigned char>(part.bytes[i]);
            done_bytes += static_cast<std::int64_t>(end - begin);
            progress("reading weights", done_bytes, total_bytes);
        }
    }
    // Nothing depends on the bytes; a volatile use keeps the loop.
    [[maybe_unused]] volatile unsigned char keep = seen;
}

std::vector<std::filesystem::path> part_paths(const gguf::File& file) {
    std::vector<std::filesystem::path> paths;
    for (const gguf::Part& part : file.parts()) paths.push_back(part.path);
    return paths;
}

// Hashes the parts while they are loaded: both walk the same cached pages, so the disk is read once. Until
// finish() says otherwise nothing is served.
class Validating {
  public:
    Validating(const Settings& settings, const gguf::File& file) {
        result_ = std::async(std::launch::async, [this, settings, parts = part_paths(file)] {
            return validate_model(settings, parts,
                                  [this](std::uint64_t done_bytes, std::uint64_t total_bytes) {
                                      done_bytes_ = static_cast<std::int64_t>(done_bytes);
                                      total_bytes_ = static_cast<std::int64_t>(total_bytes);
                                      return !stop_;
                                  });
        });
    }
    ~Validating() { stop_ = true; }  // loading failed: the rest need not be hashed

    // Waits for the result. Throws what validate_model throws.
    Validation finish(const LoadProgress& progress) {
        while (result_.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
            if (total_bytes_ > 0) progress("hashing parts", done_bytes_, total_bytes_);
        return result_.get();
    }

    // Throws when it has failed already: then nothing more need be loaded.
    void throw_if_failed() const {
        if (result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) result_.get();
    }

  private:
    std::atomic<bool> stop_ = false;
    std::atomic<std::int64_t> done_bytes_ = 0, total_bytes_ = 0;
    std::shared_future<Validation> result_;  // last: its end is waited for while the others still live
};

// "gpt-oss-20b-mxfp4-00001-of-00003.gguf" -> "gpt-oss-20b-mxfp4"
std::string name_of(const std::filesystem::path& path) {
    std::string name = path.stem().string();
    const std::size_t split = name.rfind("-of-");
    constexpr std::size_t kNumber = sizeof "-00001" - 1;
    if (split != std::string::npos && split >= kNumber) name.erase(split - kNumber);
    return name;
}

// A start that believed a manifest is made good for afterwards. Null where there is nothing to make good for.
std::shared_ptr<const provenance::BackgroundCheck> check_in_background(const Validation& validation,
                                                                       const gguf::File& file) {
    if (!validation.believed || !provenance::needs_background_check(*validation.believed)) return nullptr;
    return std::make_shared<const provenance::BackgroundCheck>(
        part_paths(file), *validation.believed, [](bool trusted, const std::string& line) {
            if (trusted)
                spdlog::info("the weights' parts: {}", line);
            else
                spdlog::error(
                    "the weights' parts changed behind their manifest: {}; nothing is served or signed",
                    line);
        });
}

engine::EngineOptions engine_options_of(const Settings& settings, const model::MemoryPlan& plan,
                                        const model::Hyperparameters& shape) {
    engine::EngineOptions options;
    options.context_length = plan.request.context_length;
    options.max_sequences = plan.request.max_sequences;
    options.max_batch_tokens = plan.request.max_batch_tokens;
    options.full_blocks = plan.full_blocks;
    options.sliding_blocks = plan.sliding_blocks;
    options.sliding_window = shape.sliding_window;
    options.queue_limit = static_cast<std::int32_t>(settings.queue_limit);
    options.prefix_cache = settings.prefix_cache;
    options.vocabulary = shape.vocabulary;
    options.scheduling = settings.scheduling;
    options.measure_steps_ms = kMeasureSteps_ms;
    return options;
}

std::string id_of(const Settings& settings, const ModelSource& source) {
    if (!settings.model_name.empty()) return settings.model_name;
    // Every answer names its model: this one cannot be taken for one that knows something.
    if (source.synthetic()) return settings.synthetic + "-random-weights";
    return name_of(source.path());
}

}  // namespace

std::int32_t first_padding(const Tokenizer& tokenizer) {
    std::int32_t first = tokenizer.vocabulary_size();
    while (first > 0 && tokenizer.is_padding(first - 1)) --first;
    return first == tokenizer.vocabulary_size() ? -1 : first;
}

LoadedModel load_model(const Settings& settings, const std::vector<Device>& devices,
                       const LoadProgress& progress) {
    LoadedModel loaded;
    progress("opening " + (!settings.synthetic.empty()   ? settings.synthetic
                           : settings.model_path.empty() ? "the demo model"
                                                         : settings.model_path),
             0, 0);
    const auto core = std::make_shared<Core>(settings);
    ModelSource& source = core->source;
    loaded.path = source.path();
    const model::Hyperparameters& shape = source.shape();
    auto tokenizer = std::make_shared<Tokenizer>(Tokenizer::from_metadata(source.metadata()));

    if (settings.max_context_length > shape.context_length) {
        throw Error(ErrorCode::setting_invalid,
                    "MAX_CONTEXT_LENGTH is " + std::to_string(settings.max_context_length) +
                        ", but the model knows " + std::to_string(shape.context_length) + " tokens",
                    "Lower it, or leave it out to use all the model knows.");
    }
    std::optional<Validating> validating;
    if (source.file() != nullptr) validating.emplace(settings, *source.file());
    const Placement placement = place_model(settings, devices, source);
    loaded.bus_id = placement.needs.bus_id;
    loaded.ceiling_bytes = placement.ceiling_bytes;
    loaded.free_bytes = placement.needs.free_bytes;
    loaded.plan = placement.plan;
    spdlog::info("memory of {}:\n{}", placement.needs.device,
                 model::to_table(loaded.plan, loaded.free_bytes));
    // A GPU's weights are read as they are sent, and a CPU's beside it as they are packed. For the CPU, pages
    // that would push each other out again are better read when they are needed.
    if (!placement.on_gpu() && source.file() != nullptr && loaded.plan.weight_bytes < loaded.free_bytes)
        read_into_memory(*source.file(), progress);

    const std::string stage = (placement.on_gpu() ? "loading onto " : "preparing ") + placement.needs.device;
    progress(stage, 0, 0);
    backend::BackendOptions backend_options;
    backend_options.plan = loaded.plan;
    backend_options.padding_from = first_padding(*tokenizer);
    backend_options.threads = static_cast<std::int32_t>(settings.threads);
    std::unique_ptr<backend::Backend> backend =
        placement.make(source, backend_options, [&](std::int64_t done_bytes, std::int64_t total_bytes) {
            if (validating) validating->throw_if_failed();
            progress(stage, done_bytes, total_bytes);
        });
    progress("measuring steps", 0, 0);
    core->engine =
        std::make_unique<engine::Engine>(std::move(backend), engine_options_of(settings, loaded.plan, shape));
    spdlog::info("{}: {}", core->engine->backend_info().device, core->engine->backend_info().placement);
    loaded.engine = std::shared_ptr<engine::Engine>(core, core->engine.get());

    const Validation validation = validating ? validating->finish(progress) : Validation{};
    if (source.file() != nullptr)
        source.file()->require_unchanged();  // what was hashed must be what was loaded
    loaded.served.id = id_of(settings, source);
    loaded.served.created_s =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    loaded.served.tokenizer = std::move(tokenizer);
    loaded.served.card["layers"] = shape.layers;
    loaded.served.card["weight_bytes"] = loaded.plan.weight_bytes + loaded.plan.host.weight_bytes;
    loaded.served.card["parts"] = source.file() != nullptr ? source.file()->parts().size() : 0;
    if (source.synthetic()) loaded.served.card["weights"] = "random";
    if (!source.synthetic() && settings.model_path.empty()) loaded.served.card["demo"] = true;
    loaded.served.card["memory"] = {{"weight_bytes", loaded.plan.weight_bytes},
                                    {"full_kv_bytes", loaded.plan.full_kv_bytes},
                                    {"sliding_kv_bytes", loaded.plan.sliding_kv_bytes},
                                    {"workspace_bytes", loaded.plan.workspace_bytes},
                                    {"cache_tokens", loaded.plan.cache_tokens()},
                                    {"runtime_bytes", loaded.plan.runtime_bytes},
                                    {"free_bytes", loaded.free_bytes},
                                    {"host_bytes", loaded.plan.host.total_bytes()}};
    loaded.served.card["provenance"] = {
        {"composite_sha256", validation.composite}, {"model_id", validation.model_id},
        {"hashes_from", validation.hashes_from},    {"registry", validation.registry},
        {"verified", validation.verified},          {"detail", validation.detail},
        {"checked_at", validation.checked_at}};
    if (validation.believed) loaded.served.card["provenance"]["obtained"] = validation.believed->obtained;
    if (source.file() != nullptr)
        loaded.served.weight_check = check_in_background(validation, *source.file());
    const Numerics numerics = numerics_of(core->engine->backend_info());
    loaded.served.card["numerics"] = to_json(numerics, core->engine->backend_info());
    if (settings.receipts_fingerprint && !core->engine->backend_info().reports_hidden)
        throw Error(ErrorCode::setting_invalid,
                    "GPTOSS_RECEIPTS_FINGERPRINT cannot be served: " + core->engine->backend_info().device +
                        " does not tell its hidden states",
                    "Leave it off, or set GPTOSS_DEVICE=cpu.", {{"setting", "GPTOSS_RECEIPTS_FINGERPRINT"}});
    loaded.served.receipts = open_receipts(settings, validation, numerics, loaded.served.weight_check);
    return loaded;
}

}  // namespace gptoss::node
