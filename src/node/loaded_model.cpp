#include "node/loaded_model.h"

#include <spdlog/spdlog.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>

#include "base/error.h"
#include "gguf/file.h"
#include "model/weights.h"
#include "node/demo_model.h"
#include "node/memory_ceiling.h"
#include "node/receipts.h"
#include "node/validation.h"

namespace gptoss::node {

namespace {

constexpr std::int32_t kCpuSequences = 16;
constexpr std::int32_t kGpuSequences = 64;

// What the engine reads from: in the order in which it must be made, and taken apart backwards.
struct Core {
    explicit Core(const std::filesystem::path& path)
        : file(gguf::File::open(path)), weights(model::find_weights(file)) {}
    gguf::File file;
    model::Weights weights;
    std::unique_ptr<engine::Engine> engine;
};

std::int64_t tensor_bytes(const gguf::File& file) {
    std::int64_t bytes = 0;
    for (const gguf::Tensor& tensor : file.tensors()) bytes += static_cast<std::int64_t>(tensor.data.size());
    return bytes;
}

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

model::KvType kv_type(const std::string& name) {
    if (name == "f16") return model::KvType::f16;
    return name == "f8" || name == "q8_0" ? model::KvType::f8 : model::KvType::bf16;
}

struct Choice {
    const Device* device = nullptr;
    backend::DeviceNeeds needs;
};

bool is_gpu(const Device& device) {
    return device.name != "cpu";
}

// Who asks for a GPU gets one or an error, never the CPU; who asks for nothing gets the best there is, and is
// told.
Choice choose_device(const Settings& settings, const std::vector<Device>& devices,
                     const model::Weights& weights, const model::PlanRequest& request) {
    const bool gpu_wanted = settings.gpu_layers > 0 || settings.device == "cuda";
    const bool gpu_allowed = settings.gpu_layers != 0 && settings.device != "cpu";
    for (const Device& device : devices) {
        if (is_gpu(device) ? !gpu_allowed : gpu_wanted) continue;
        try {
            return {&device, device.needs(weights, request)};
        } catch (const Error& error) {
            // A build with CUDA on a machine without a GPU is a full node, but it says what it does.
            if (gpu_wanted || !is_gpu(device)) throw;
            spdlog::warn("{} cannot be used, the CPU computes: {}", device.name, error.what());
        }
    }
    const std::string asked = settings.gpu_layers > 0 ? "GPU_LAYERS=" + std::to_string(settings.gpu_layers)
                                                      : "GPTOSS_DEVICE=" + settings.device;
    throw Error(ErrorCode::setting_invalid,
                asked + " asks for a GPU, but this build computes on the CPU alone",
                "Set GPU_LAYERS=0 to compute on the CPU, or build with the CMake preset cuda.");
}

// A ceiling leaves room for what else lives on the card.
std::int64_t below_ceiling(std::int64_t ceiling_bytes, const backend::DeviceNeeds& needs) {
    if (ceiling_bytes == 0) return needs.free_bytes;
    const std::int64_t used_bytes = needs.total_bytes - needs.free_bytes;
    return std::max<std::int64_t>(0, std::min(needs.free_bytes, ceiling_bytes - used_bytes));
}

model::MemoryPlan plan_of(const model::Hyperparameters& shape, const model::PlanRequest& request,
                          const backend::DeviceNeeds& needs) {
    return model::plan(shape, request, needs.weight_bytes, needs.workspace_bytes, needs.runtime_bytes,
                       needs.host);
}

// Most layers of which the GPU, with the rest on the CPU, has room for; 0 = none, or it has room for all.
std::int32_t gpu_layers_that_fit(const Device& device, const model::Weights& weights,
                                 model::PlanRequest request, std::int64_t free_bytes) {
    const model::Hyperparameters& shape = weights.hyperparameters;
    const auto plan_with = [&](std::int32_t layers) {
        request.gpu_layers = layers;
        return plan_of(shape, request, device.needs(weights, request));
    };
    std::int32_t fit = 0, too_many = model::device_layers(shape, request).first == 0 ? shape.layers
                                                                                     : request.gpu_layers;
    while (too_many - fit > 1) {
        const std::int32_t middle = fit + (too_many - fit) / 2;
        (plan_with(middle).total_bytes() <= free_bytes ? fit : too_many) = middle;
    }
    return fit > 0 && plan_with(fit).fits(free_bytes) ? fit : 0;
}

model::MemoryPlan make_plan(const Settings& settings, const model::Weights& weights,
                            model::PlanRequest request, const Choice& choice) {
    const model::Hyperparameters& shape = weights.hyperparameters;
    const backend::DeviceNeeds& needs = choice.needs;
    const auto plan_for = [&] { return plan_of(shape, request, needs); };
    if (settings.max_context_length == 0) {
        const std::int32_t largest =
            model::largest_context_that_fits(shape, request, needs.weight_bytes, needs.workspace_bytes,
                                             needs.runtime_bytes, needs.free_bytes, needs.host);
        if (largest > 0) request.context_length = std::min(request.context_length, largest);
    }
    if (settings.cache_tokens == 0) {
        // Half of what is free stays free: other programs live here too.
        const std::int64_t one = request.context_length;
        for (std::int64_t contexts = request.max_sequences; contexts > 1; contexts /= 2) {
            request.cache_tokens = contexts * one;
            const model::MemoryPlan candidate = plan_for();
            if (request.cache_tokens <= std::numeric_limits<std::int32_t>::max() &&
                candidate.total_bytes() <= needs.free_bytes / 2 &&
                candidate.host.total_bytes() <= needs.host.free_bytes / 2) {
                break;
            }
            request.cache_tokens = 0;
        }
    }
    const model::MemoryPlan plan = plan_for();
    const bool more_on_cpu = is_gpu(*choice.device) && plan.total_bytes() > needs.free_bytes;
    model::require_fit(
        plan, shape, needs.free_bytes, needs.device,
        more_on_cpu ? gpu_layers_that_fit(*choice.device, weights, request, needs.free_bytes) : 0);
    return plan;
}

std::int32_t first_padding(const Tokenizer& tokenizer) {
    std::int32_t first = tokenizer.vocabulary_size();
    while (first > 0 && tokenizer.is_padding(first - 1)) --first;
    return first == tokenizer.vocabulary_size() ? -1 : first;
}

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

}  // namespace

LoadedModel load_model(const Settings& settings, const std::vector<Device>& devices,
                       const LoadProgress& progress) {
    LoadedModel loaded;
    loaded.path =
        settings.model_path.empty() ? find_demo_model() : std::filesystem::path(settings.model_path);
    progress("opening " + loaded.path.filename().string(), 0, 0);
    const auto core = std::make_shared<Core>(loaded.path);
    const model::Hyperparameters& shape = core->weights.hyperparameters;
    auto tokenizer = std::make_shared<Tokenizer>(Tokenizer::from_metadata(core->file.metadata()));

    if (settings.max_context_length > shape.context_length) {
        throw Error(ErrorCode::setting_invalid,
                    "MAX_CONTEXT_LENGTH is " + std::to_string(settings.max_context_length) +
                        ", but the model knows " + std::to_string(shape.context_length) + " tokens",
                    "Lower it, or leave it out to use all the model knows.");
    }
    model::PlanRequest request;
    request.context_length = settings.max_context_length > 0
                                 ? static_cast<std::int32_t>(settings.max_context_length)
                                 : shape.context_length;
    request.cache_tokens = settings.cache_tokens;
    request.max_batch_tokens = static_cast<std::int32_t>(settings.batch_tokens);
    request.kv_type = kv_type(settings.kv_cache_type);
    if (settings.gpu_layers > 0) request.gpu_layers = static_cast<std::int32_t>(settings.gpu_layers);
    // Asked for with as many sequences as a GPU would have; on the CPU fewer, and asked again.
    const auto sequences = [&](std::int32_t usual) {
        return settings.max_sequences > 0 ? static_cast<std::int32_t>(settings.max_sequences) : usual;
    };

    Validating validating(settings, core->file);
    // Layers on the CPU set the pace of all: as many as a CPU alone would have.
    const bool split = model::device_layers(shape, request).first > 0;
    request.max_sequences = sequences(split ? kCpuSequences : kGpuSequences);
    Choice choice = choose_device(settings, devices, core->weights, request);
    const bool on_gpu = is_gpu(*choice.device);
    if (!on_gpu) {
        request.max_sequences = sequences(kCpuSequences);
        choice.needs = choice.device->needs(core->weights, request);
    }
    loaded.bus_id = choice.needs.bus_id;
    loaded.ceiling_bytes = on_gpu ? memory_ceiling_bytes(settings, choice.needs.total_bytes) : 0;
    choice.needs.free_bytes = below_ceiling(loaded.ceiling_bytes, choice.needs);
    loaded.free_bytes = choice.needs.free_bytes;
    if (choice.needs.weight_bytes == 0) choice.needs.weight_bytes = tensor_bytes(core->file);
    loaded.plan = make_plan(settings, core->weights, request, choice);
    spdlog::info("memory of {}:\n{}", choice.needs.device, model::to_table(loaded.plan, loaded.free_bytes));
    // A GPU's weights are read as they are sent, and a CPU's beside it as they are packed. For the CPU, pages
    // that would push each other out again are better read when they are needed.
    if (!on_gpu && loaded.plan.weight_bytes < choice.needs.free_bytes) read_into_memory(core->file, progress);

    const std::string stage = (on_gpu ? "loading onto " : "preparing ") + choice.needs.device;
    progress(stage, 0, 0);
    backend::BackendOptions backend_options;
    backend_options.plan = loaded.plan;
    backend_options.padding_from = first_padding(*tokenizer);
    backend_options.threads = static_cast<std::int32_t>(settings.threads);
    engine::EngineOptions engine_options;
    engine_options.context_length = loaded.plan.request.context_length;
    engine_options.max_sequences = loaded.plan.request.max_sequences;
    engine_options.max_batch_tokens = loaded.plan.request.max_batch_tokens;
    engine_options.full_blocks = loaded.plan.full_blocks;
    engine_options.sliding_blocks = loaded.plan.sliding_blocks;
    engine_options.sliding_window = shape.sliding_window;
    engine_options.queue_limit = static_cast<std::int32_t>(settings.queue_limit);
    engine_options.prefix_cache = settings.prefix_cache;
    engine_options.vocabulary = shape.vocabulary;
    core->engine = std::make_unique<engine::Engine>(
        choice.device->make(core->weights, backend_options,
                            [&](std::int64_t done_bytes, std::int64_t total_bytes) {
                                validating.throw_if_failed();
                                progress(stage, done_bytes, total_bytes);
                            }),
        engine_options);
    spdlog::info("{}: {}", core->engine->backend_info().device, core->engine->backend_info().placement);
    loaded.engine = std::shared_ptr<engine::Engine>(core, core->engine.get());

    const Validation validation = validating.finish(progress);
    core->file.require_unchanged();  // what was hashed must be what was loaded
    loaded.served.id = settings.model_name.empty() ? name_of(loaded.path) : settings.model_name;
    loaded.served.created_s =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    loaded.served.tokenizer = std::move(tokenizer);
    loaded.served.card["layers"] = shape.layers;
    loaded.served.card["weight_bytes"] = loaded.plan.weight_bytes + loaded.plan.host.weight_bytes;
    loaded.served.card["parts"] = core->file.parts().size();
    loaded.served.card["memory"] = {
        {"weight_bytes", loaded.plan.weight_bytes},         {"full_kv_bytes", loaded.plan.full_kv_bytes},
        {"sliding_kv_bytes", loaded.plan.sliding_kv_bytes}, {"workspace_bytes", loaded.plan.workspace_bytes},
        {"runtime_bytes", loaded.plan.runtime_bytes},       {"free_bytes", loaded.free_bytes},
        {"host_bytes", loaded.plan.host.total_bytes()}};
    loaded.served.card["provenance"] = {
        {"composite_sha256", validation.composite}, {"model_id", validation.model_id},
        {"hashes_from", validation.hashes_from},    {"registry", validation.registry},
        {"verified", validation.verified},          {"detail", validation.detail}};
    loaded.served.weight_check = check_in_background(validation, core->file);
    loaded.served.receipts = open_receipts(settings, validation, loaded.served.weight_check);
    return loaded;
}

}  // namespace gptoss::node
