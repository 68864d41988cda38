// What may stand between <|start|> and <|message|>, as a graph of bytes and markers. Any tokens whose bytes
// spell an allowed header are allowed, so the model may cut its words as it likes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/token_mask.h"
#include "grammar/vocabulary_trie.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::harmony {

using grammar::TokenMask;
using grammar::VocabularyTrie;

// Which messages may come.
struct HeaderChoice {
    bool analysis = true;
    bool preamble = false;
    bool final = true;
    bool final_is_json = false;  // the final channel may name its content type
    struct Callable {
        std::string name;           // without "functions."
        bool names_content = true;  // the header may say that the arguments are JSON
    };
    std::vector<Callable> callable;  // what may be called
};

enum class MessageKind { analysis, preamble, final, call };

class HeaderGraph {
  public:
    using Node = std::uint32_t;
    static constexpr Node kNowhere = 0;

    HeaderGraph(const Tokenizer& tokenizer, std::shared_ptr<const VocabularyTrie> trie,
                const HeaderChoice& choice);

    Node before_role() const { return before_role_; }  // after <|start|>
    Node after_role() const { return after_role_; }    // after <|start|>assistant: where a generation begins

    struct Place {
        Node node = kNowhere;
        std::int32_t function = -1;  // index into `callable`, once its name has been spelled
    };

    // kNowhere when `token` cannot follow.
    Place next(Place place, TokenId token) const;

    // Set when `place` is just behind <|message|>.
    bool is_end(Node node) const { return nodes_[node].is_end; }
    MessageKind kind(Node node) const { return nodes_[node].kind; }

    // What it may come to take, its masks included.
    std::size_t most_bytes() const;

    // The tokens that may follow; made when first asked for, then kept for a while.
    std::shared_ptr<const TokenMask> mask(Node node) const;

  private:
    enum Marker : std::uint16_t { kChannel = 256, kConstrain, kMessage };
    struct Edge {
        std::uint16_t symbol;  // a byte or a Marker
        Node to;
    };
    struct NodeData {
        std::vector<Edge> edges;
        std::int32_t function = -1;
        bool is_end = false;
        MessageKind kind{};
    };

    Node add_node();
    Node follow(Node node, std::uint16_t symbol) const;
    Node extend(Node node, std::uint16_t symbol);  // the node behind `symbol`, made if there is none
    Node spell(Node node, std::string_view bytes);
    void add_message_end(Node node, MessageKind kind);
    void add_content_type(Node node, MessageKind kind);  // [" "] <|constrain|> "json", or " json"
    void add_call_in_role(Node node, const HeaderChoice::Callable& callable, std::int32_t function);
    void add_call_in_channel(Node node, const HeaderChoice::Callable& callable, std::int32_t function);

    const Tokenizer& tokenizer_;
    std::shared_ptr<const VocabularyTrie> trie_;
    std::vector<NodeData> nodes_;
    Node before_role_ = kNowhere;
    Node after_role_ = kNowhere;
    mutable std::mutex mutex_;
    mutable std::map<Node, std::shared_ptr<const TokenMask>> masks_;
};

}  // namespace gptoss::harmony
