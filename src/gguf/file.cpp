#include "gguf/file.h"

#include <unordered_map>

#include "base/error.h"
#include "gguf/mapped_file.h"
#include "gguf/part_reader.h"
#include "gguf/split_name.h"

namespace gptoss::gguf {

struct File::State {
    std::vector<MappedFile> mappings;
    std::vector<Part> parts;
    Metadata metadata;
    std::vector<Tensor> tensors;
    std::unordered_map<std::string_view, std::size_t> by_name;  // keys point into `tensors`
};

namespace {

constexpr std::uint64_t kPartsMax = 1024;

std::string part_label(const std::filesystem::path& path) {
    return path.filename().string();
}

[[noreturn]] void mismatch(const std::filesystem::path& path, const std::string& what) {
    throw Error(
        ErrorCode::part_mismatch, part_label(path) + ": " + what,
        "The parts beside each other do not belong together; download the model again into an empty folder.",
        {{"part", part_label(path)}});
}

// split.* keys of one part against its place. Part numbers count from 0 in the file, from 1 in names.
void check_split_keys(const PartHeader& header, const std::filesystem::path& path, std::uint64_t index,
                      std::uint64_t count, std::uint64_t tensors_in_all) {
    const auto number = header.metadata.find_unsigned_integer("split.no");
    const auto parts = header.metadata.find_unsigned_integer("split.count");
    const auto tensors = header.metadata.find_unsigned_integer("split.tensors.count");
    if (!number || !parts || !tensors)
        mismatch(path, "is not a part of a split model (it lacks the split.* keys)");
    if (*parts != count)
        mismatch(path, "says the model has " + std::to_string(*parts) + " parts, part 1 says " +
                           std::to_string(count));
    if (*number != index)
        mismatch(path,
                 "holds part " + std::to_string(*number + 1) + ", not part " + std::to_string(index + 1));
    if (*tensors != tensors_in_all)
        mismatch(path, "says the model has " + std::to_string(*tensors) + " tensors, part 1 says " +
                           std::to_string(tensors_in_all));
}

std::vector<std::filesystem::path> part_paths(const std::filesystem::path& path) {
    if (const auto split = parse_split_name(path)) {
        std::vector<std::filesystem::path> paths;
        if (split->count > kPartsMax)
            mismatch(path, "names " + std::to_string(split->count) + " parts; at most " +
                               std::to_string(kPartsMax));
        for (std::uint32_t number = 1; number <= split->count; ++number) {
            paths.push_back(split->part(number));
            if (!std::filesystem::exists(paths.back()))
                throw Error(
                    number == split->number ? ErrorCode::file_not_found : ErrorCode::part_missing,
                    part_label(paths.back()) + ": part " + std::to_string(number) + " of " +
                        std::to_string(split->count) + " is not in " +
                        (split->prefix.has_parent_path() ? split->prefix.parent_path().string() : "."),
                    "All parts must lie in one folder under their original names; download the missing one.",
                    {{"part", part_label(paths.back())}, {"path", paths.back().string()}});
        }
        return paths;
    }
    return {path};
}

PartHeader read_header(const MappedFile& mapping, const std::filesystem::path& path, std::size_t index) {
    try {
        PartHeader header = read_part(mapping.bytes(), part_label(path), static_cast<std::uint32_t>(index));
        mapping.require_unchanged();
        return header;
    } catch (const Error&) {
        mapping.require_unchanged();  // a header cut short while it was read is not a damaged file
        throw;
    }
}

}  // namespace

File File::open(const std::filesystem::path& path) {
    auto state = std::make_unique<State>();
    const std::vector<std::filesystem::path> paths = part_paths(path);
    std::uint64_t tensors_in_all = 0;
    for (std::size_t index = 0; index < paths.size(); ++index) {
        const std::filesystem::path& part_path = paths[index];
        state->mappings.emplace_back(part_path);
        const std::span<const std::byte> bytes = state->mappings.back().bytes();
        state->parts.push_back({part_path, bytes.size(), bytes});
        PartHeader header = read_header(state->mappings.back(), part_path, index);
        const auto split_count = header.metadata.find_unsigned_integer("split.count").value_or(1);
        if (index == 0) {
            if (split_count > 1 && paths.size() == 1)
                mismatch(part_path, "is part of a model in " + std::to_string(split_count) +
                                        " parts but has lost its name (PREFIX-00001-of-0000N.gguf)");
            tensors_in_all =
                header.metadata.find_unsigned_integer("split.tensors.count").value_or(header.tensors.size());
        }
        if (paths.size() > 1) check_split_keys(header, part_path, index, paths.size(), tensors_in_all);
        if (index == 0) state->metadata = std::move(header.metadata);
        for (Tensor& tensor : header.tensors) state->tensors.push_back(std::move(tensor));
    }
    if (state->tensors.size() != tensors_in_all)
        mismatch(paths.front(), "says the model has " + std::to_string(tensors_in_all) +
                                    " tensors, the parts hold " + std::to_string(state->tensors.size()));
    for (std::size_t i = 0; i < state->tensors.size(); ++i) {
        const Tensor& tensor = state->tensors[i];
        const auto [earlier, fresh] = state->by_name.emplace(tensor.name, i);
        if (!fresh)
            mismatch(paths[tensor.part], "tensor " + tensor.name + " also stands in part " +
                                             std::to_string(state->tensors[earlier->second].part + 1));
    }
    return File(std::move(state));
}

File::File(std::unique_ptr<State> state) : state_(std::move(state)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

void File::require_unchanged() const {
    for (const MappedFile& mapping : state_->mappings) mapping.require_unchanged();
}

const Metadata& File::metadata() const {
    return state_->metadata;
}
std::span<const Part> File::parts() const {
    return state_->parts;
}
std::span<const Tensor> File::tensors() const {
    return state_->tensors;
}

const Tensor* File::find(std::string_view name) const {
    const auto found = state_->by_name.find(name);
    return found == state_->by_name.end() ? nullptr : &state_->tensors[found->second];
}

}  // namespace gptoss::gguf
