#include "harmony/header_graph.h"

#include "harmony/message.h"

namespace gptoss::harmony {
namespace {
constexpr std::size_t kMostHeaderMasks = 128;  // of 25 kB each with the whole vocabulary
}

HeaderGraph::HeaderGraph(const Tokenizer& tokenizer, std::shared_ptr<const VocabularyTrie> trie,
                         const HeaderChoice& choice)
    : tokenizer_(tokenizer), trie_(std::move(trie)) {
    add_node();  // kNowhere
    before_role_ = add_node();
    after_role_ = spell(before_role_, "assistant");
    const Node channel = extend(after_role_, kChannel);
    if (choice.analysis) add_message_end(spell(channel, "analysis"), MessageKind::analysis);
    if (choice.final) {
        const Node named = spell(channel, "final");
        add_message_end(named, MessageKind::final);
        if (choice.final_is_json) add_content_type(named, MessageKind::final);
    }
    if (choice.preamble) add_message_end(spell(channel, "commentary"), MessageKind::preamble);
    for (std::size_t i = 0; i < choice.callable.size(); ++i) {
        const auto function = static_cast<std::int32_t>(i);
        add_call_in_role(after_role_, choice.callable[i], function);
        add_call_in_channel(channel, choice.callable[i], function);
    }
}

HeaderGraph::Node HeaderGraph::add_node() {
    nodes_.emplace_back();
    return static_cast<Node>(nodes_.size() - 1);
}

HeaderGraph::Node HeaderGraph::follow(Node node, std::uint16_t symbol) const {
    for (const Edge& edge : nodes_[node].edges)
        if (edge.symbol == symbol) return edge.to;
    return kNowhere;
}

HeaderGraph::Node HeaderGraph::extend(Node node, std::uint16_t symbol) {
    if (const Node known = follow(node, symbol); known != kNowhere) return known;
    const Node added = add_node();
    nodes_[node].edges.push_back({symbol, added});
    return added;
}

HeaderGraph::Node HeaderGraph::spell(Node node, std::string_view bytes) {
    for (const char byte : bytes) node = extend(node, static_cast<std::uint8_t>(byte));
    return node;
}

void HeaderGraph::add_message_end(Node node, MessageKind kind) {
    const Node end = extend(node, kMessage);
    nodes_[end].is_end = true;
    nodes_[end].kind = kind;
}

void HeaderGraph::add_content_type(Node node, MessageKind kind) {
    const Node blank = spell(node, " ");
    add_message_end(spell(blank, "json"), kind);
    add_message_end(spell(extend(node, kConstrain), "json"), kind);
    add_message_end(spell(extend(blank, kConstrain), "json"), kind);
}

void HeaderGraph::add_call_in_role(Node node, const HeaderChoice::Callable& callable, std::int32_t function) {
    const Node named = spell(node, " to=" + recipient_of(callable.name));
    nodes_[named].function = function;
    const Node channel = spell(extend(named, kChannel), "commentary");
    add_message_end(channel, MessageKind::call);
    if (callable.names_content) add_content_type(channel, MessageKind::call);
}

void HeaderGraph::add_call_in_channel(Node node, const HeaderChoice::Callable& callable,
                                      std::int32_t function) {
    const Node named = spell(node, "commentary to=" + recipient_of(callable.name));
    nodes_[named].function = function;
    add_message_end(named, MessageKind::call);
    if (callable.names_content) add_content_type(named, MessageKind::call);
}

HeaderGraph::Place HeaderGraph::next(Place place, TokenId token) const {
    const SpecialTokens& special = tokenizer_.special();
    const auto pass = [&](std::uint16_t symbol) {
        place.node = follow(place.node, symbol);
        if (nodes_[place.node].function >= 0) place.function = nodes_[place.node].function;
    };
    if (token == special.channel) {
        pass(kChannel);
    } else if (token == special.constrain) {
        pass(kConstrain);
    } else if (token == special.message) {
        pass(kMessage);
    } else if (tokenizer_.is_special(token)) {
        place.node = kNowhere;
    } else {
        for (const char byte : tokenizer_.bytes(token)) pass(static_cast<std::uint8_t>(byte));
    }
    return place;
}

std::size_t HeaderGraph::most_bytes() const {
    constexpr std::size_t kEdgeBytes = 2 * sizeof(Edge);  // vectors grow by doubling
    const auto mask_bytes = static_cast<std::size_t>(tokenizer_.vocabulary_size()) / 8;
    return nodes_.size() * (sizeof(NodeData) + kEdgeBytes) + kMostHeaderMasks * mask_bytes;
}

std::shared_ptr<const TokenMask> HeaderGraph::mask(Node node) const {
    const std::lock_guard lock(mutex_);
    if (const auto known = masks_.find(node); known != masks_.end()) return known->second;
    auto made = std::make_shared<TokenMask>(tokenizer_.vocabulary_size());
    trie_->walk(
        node, [this](Node at, std::uint8_t byte) { return follow(at, byte); },
        [](Node at) { return at != kNowhere; },
        [&](const VocabularyTrie::Node& node_of_token, Node) { made->allow(node_of_token.token); });
    const SpecialTokens& special = tokenizer_.special();
    if (follow(node, kChannel) != kNowhere) made->allow(special.channel);
    if (follow(node, kConstrain) != kNowhere) made->allow(special.constrain);
    if (follow(node, kMessage) != kNowhere) made->allow(special.message);
    if (masks_.size() >= kMostHeaderMasks)
        masks_.clear();  // a model that spells names letter by letter; start anew
    masks_[node] = made;
    return made;
}

}  // namespace gptoss::harmony
