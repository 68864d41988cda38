#include "api/text_parts.h"

#include <algorithm>
#include <array>
#include <optional>

namespace gptoss::api {

namespace {

struct Unseen {
    std::string_view type;
    std::string_view what;
};
// By OpenAI's names and Anthropic's.
constexpr std::array kUnseen{
    Unseen{"input_image", "An image"}, Unseen{"image", "An image"},
    Unseen{"image_url", "An image"},   Unseen{"computer_screenshot", "A screenshot"},
    Unseen{"input_file", "A file"},    Unseen{"file", "A file"},
    Unseen{"document", "A document"},  Unseen{"input_audio", "A sound recording"},
    Unseen{"input_video", "A video"},  Unseen{"container_upload", "A file"},
};

constexpr std::array<std::string_view, 6> kTexts{"text",         "input_text",     "output_text",
                                                 "summary_text", "reasoning_text", "thinking"};

const Unseen* find_unseen(std::string_view type) {
    for (const Unseen& unseen : kUnseen) {
        if (unseen.type == type) return &unseen;
    }
    return nullptr;
}

std::string placeholder(const Unseen& unseen, const Fields& part) {
    std::string name;
    for (const char* field : {"filename", "title"}) {
        const Json* value = part.find(field);
        if (name.empty() && value != nullptr && value->is_string())
            name = " (" + value->get<std::string>() + ")";
    }
    return "[" + std::string(unseen.what) + name +
           " was attached here. You read text only and cannot see it; say so if it matters.]";
}

// What a client found, for the model to read: where it is from, and its texts.
std::string search_result_text(const Fields& part, UnseenContent unseen) {
    std::string head = part.find_text("title").value_or("");
    if (const std::string source = part.find_text("source").value_or(""); !source.empty())
        head += (head.empty() ? "" : ", ") + source;
    return "[Search result: " + head + "]\n" +
           read_text_parts(part.find("content"), part.path("content"), unseen);
}

// Nothing for a document whose bytes only other models can read.
std::optional<std::string> document_text(const Fields& part, UnseenContent unseen) {
    const auto source = part.find_object("source");
    const std::string type = source ? source->find_text("type").value_or("") : "";
    if (type == "text") return source->text("data");
    if (type == "content") return read_text_parts(source->find("content"), source->path("content"), unseen);
    return std::nullopt;
}

}  // namespace

std::string read_text_part(const Fields& part, UnseenContent unseen) {
    const std::string type = part.text("type");
    if (type == "refusal") return part.text("refusal");
    // A tool that was found by a search: its name says which.
    if (type == "tool_reference") return "[tool: " + part.text("tool_name") + "]";
    if (type == "search_result") return search_result_text(part, unseen);
    if (type == "document") {
        if (auto text = document_text(part, unseen)) return *std::move(text);
    }
    for (const std::string_view text : kTexts) {
        if (type == text) return part.text(type == "thinking" ? "thinking" : "text");
    }
    const Unseen* known = find_unseen(type);
    if (known == nullptr || unseen == UnseenContent::refuse)
        refuse_field(part.path("type"), "is \"" + type + "\", but gpt-oss reads text only.");
    return placeholder(*known, part);
}

bool is_part_type(std::string_view type) {
    return type == "refusal" || find_unseen(type) != nullptr ||
           std::ranges::find(kTexts, type) != kTexts.end();
}

std::string read_text_parts(const Json* content, const std::string& path, UnseenContent unseen) {
    if (content == nullptr) return {};
    if (content->is_string()) return content->get<std::string>();
    if (!content->is_array()) {
        refuse_field(path,
                     "must be a string or an array of parts, not " + std::string(type_name(*content)) + ".");
    }
    std::string joined;
    for (std::size_t i = 0; i < content->size(); ++i) {
        const Json& entry = (*content)[i];
        const std::string text =
            entry.is_string() ? entry.get<std::string>()
                              : read_text_part(Fields(entry, path + "[" + std::to_string(i) + "]"), unseen);
        // A placeholder stands on a line of its own.
        if (!joined.empty() && !text.empty() && (text.front() == '[' || joined.back() == ']') &&
            !entry.is_string())
            joined += "\n";
        joined += text;
    }
    return joined;
}

}  // namespace gptoss::api
