#include "engine/prefix_cache.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::engine {

using model::kBlockTokens;

namespace {

// Copying a block to save fewer tokens than this is not worth the copy's launches.
constexpr std::int32_t kFewestCopiedTokens = 4;
// Siblings looked at for a common beginning, newest first: a bound, since a popular node may have thousands.
constexpr std::size_t kSiblingsTried = 16;

}  // namespace

std::uint64_t chain_hash(std::uint64_t before, std::span<const TokenId> block) {
    std::uint64_t hash = before ^ 0x9E3779B97F4A7C15ULL;
    for (TokenId token : block) {
        hash = (hash ^ static_cast<std::uint32_t>(token)) * 0xD1B54A32D192ED03ULL;
        hash ^= hash >> 29;
    }
    return hash;
}

PrefixCache::PrefixCache(BlockPool& full, BlockPool& sliding, std::int32_t window)
    : full_(full), sliding_(sliding), window_(window), nodes_(full.total()) {
    index_.reserve(full.total());
}

PrefixCache::Match PrefixCache::find(std::span<const TokenId> tokens,
                                     std::span<const std::uint64_t> hashes) const {
    Match match;
    BlockId last = kNoBlock;
    const std::size_t whole = std::min(hashes.size(), tokens.size() / kBlockTokens);
    while (match.path.size() < whole) {
        const std::size_t block = match.path.size();
        const auto found = index_.find(hashes[block]);
        if (found == index_.end()) break;
        const Node& node = nodes_[found->second];
        if (node.parent != last ||
            !std::ranges::equal(node.text(), tokens.subspan(block * kBlockTokens, kBlockTokens)))
            break;
        last = found->second;
        match.path.push_back(last);
    }
    match.known_blocks = static_cast<std::int32_t>(match.path.size());
    if (!can_branch_after(match.path)) {
        while (!can_branch_after(match.path)) match.path.pop_back();
        return match;
    }

    const std::span<const TokenId> rest = tokens.subspan(match.path.size() * kBlockTokens);
    const std::vector<BlockId>& siblings = children_of(last);
    const std::size_t tried = std::min(siblings.size(), kSiblingsTried);
    for (BlockId child : std::span(siblings).last(tried)) {
        const std::span<const TokenId> text = nodes_[child].text();
        if (nodes_[child].sliding == kNoBlock) continue;
        const auto agreed = std::ranges::mismatch(text, rest).in1 - text.begin();
        if (agreed >= kFewestCopiedTokens && agreed > match.copied_tokens) {
            match.copied = child;
            match.copied_tokens = static_cast<std::int32_t>(agreed);
        }
    }
    return match;
}

// The first row after the path sees window - 1 positions before it.
bool PrefixCache::can_branch_after(std::span<const BlockId> path) const {
    const auto position = static_cast<std::int32_t>(path.size()) * kBlockTokens;
    const std::int32_t first = std::max(0, position - window_ + 1) / kBlockTokens;
    return std::ranges::all_of(path.subspan(std::min<std::size_t>(first, path.size())),
                               [&](BlockId node) { return nodes_[node].sliding != kNoBlock; });
}

void PrefixCache::enter(BlockId node) {
    ++nodes_[node].users;
    full_.retain(node);
    set_unused(node, false);
}

void PrefixCache::leave(BlockId node) {
    check(nodes_[node].present && nodes_[node].users > 0, "a node is left as often as it is entered");
    full_.release(node);
    if (--nodes_[node].users == 0) set_unused(node, true);
}

BlockId PrefixCache::borrow_sliding(BlockId node) {
    sliding_.retain(nodes_[node].sliding);
    refresh_idle(node);
    return nodes_[node].sliding;
}

void PrefixCache::return_sliding(BlockId node) {
    sliding_.release(nodes_[node].sliding);
    refresh_idle(node);
}

BlockId PrefixCache::add(BlockId parent, std::uint64_t hash, std::span<const TokenId> tokens, BlockId full,
                         BlockId sliding) {
    check(tokens.size() == kBlockTokens, "only whole blocks are found by their hash");
    const auto [place, is_new] = index_.try_emplace(hash, full);
    if (is_new) {
        Node& node = insert(parent, tokens, full, sliding);
        node.hash = hash;
        node.users = 1;
        return full;
    }
    const BlockId known = place->second;
    Node& node = nodes_[known];
    if (node.parent != parent || !std::ranges::equal(node.text(), tokens)) return kNoBlock;
    if (node.sliding == kNoBlock && sliding != kNoBlock) {
        node.sliding = sliding;
        sliding_.retain(sliding);
        refresh_idle(known);
    }
    enter(known);
    full_.release(full);
    return known;
}

void PrefixCache::keep_tail(BlockId parent, std::span<const TokenId> tokens, BlockId full, BlockId sliding) {
    check(!tokens.empty() && tokens.size() < kBlockTokens, "a tail is a part of a block");
    const std::vector<BlockId>& siblings = children_of(parent);
    const std::size_t tried = std::min(siblings.size(), kSiblingsTried);
    for (BlockId child : std::span(siblings).last(tried)) {
        const std::span<const TokenId> text = nodes_[child].text();
        if (std::ranges::mismatch(text, tokens).in2 != tokens.end()) continue;
        full_.release(full);  // known already, and perhaps more of it
        sliding_.release(sliding);
        return;
    }
    insert(parent, tokens, full, sliding);
    nodes_[full].branch_point = true;
    full_.release(full);  // insert() took holds of its own
    sliding_.release(sliding);
    set_unused(full, true);
}

PrefixCache::Node& PrefixCache::insert(BlockId parent, std::span<const TokenId> tokens, BlockId full,
                                       BlockId sliding) {
    Node& node = nodes_[full];
    check(!node.present, "a block has one place in the tree");
    check(parent == kNoBlock || nodes_[parent].users > 0, "a block is added below one in use");
    node = Node{};
    node.present = true;
    node.parent = parent;
    node.token_count = static_cast<std::int32_t>(tokens.size());
    std::ranges::copy(tokens, node.tokens.begin());
    node.sliding = sliding;
    full_.retain(full);
    if (sliding != kNoBlock) sliding_.retain(sliding);
    children_of(parent).push_back(full);
    return node;
}

void PrefixCache::mark_branch_point(BlockId node) {
    if (nodes_[node].branch_point) return;
    const bool was_idle = nodes_[node].is_idle;
    set_idle(node, false);
    nodes_[node].branch_point = true;
    set_idle(node, was_idle);
}

bool PrefixCache::evict_full() {
    if (unused_.empty()) return false;
    remove(unused_.back());
    return true;
}

bool PrefixCache::evict_sliding() {
    if (idle_inner_.empty() && idle_branch_.empty()) return false;
    const BlockId block = idle_inner_.empty() ? idle_branch_.back() : idle_inner_.back();
    Node& node = nodes_[block];
    if (node.token_count < kBlockTokens && node.users == 0) {
        remove(block);  // a tail can only be copied whole
        return true;
    }
    set_idle(block, false);
    sliding_.release(node.sliding);
    node.sliding = kNoBlock;
    return true;
}

void PrefixCache::remove(BlockId block) {
    Node& node = nodes_[block];
    check(node.users == 0, "a block in use stays in the cache");
    // Whoever stands on a child stands on its parent, and leaves it later: the oldest unused node is a leaf.
    check(node.children.empty(), "leaves go first");
    set_unused(block, false);
    set_idle(block, false);
    if (node.sliding != kNoBlock) sliding_.release(node.sliding);
    if (node.token_count == kBlockTokens) index_.erase(node.hash);
    std::erase(children_of(node.parent), block);
    node = Node{};
    full_.release(block);
    check(full_.holders(block) == 0, "an unused block is held by the cache alone");
}

std::vector<BlockId>& PrefixCache::children_of(BlockId node) {
    return node == kNoBlock ? roots_ : nodes_[node].children;
}

const std::vector<BlockId>& PrefixCache::children_of(BlockId node) const {
    return node == kNoBlock ? roots_ : nodes_[node].children;
}

void PrefixCache::set_unused(BlockId block, bool unused) {
    Node& node = nodes_[block];
    if (node.is_unused == unused) return;
    node.is_unused = unused;
    if (unused)
        node.place_unused = unused_.insert(unused_.begin(), block);
    else
        unused_.erase(node.place_unused);
    refresh_idle(block);
}

void PrefixCache::set_idle(BlockId block, bool idle) {
    Node& node = nodes_[block];
    if (node.is_idle == idle) return;
    node.is_idle = idle;
    Order& order = node.branch_point ? idle_branch_ : idle_inner_;
    if (idle)
        node.place_idle = order.insert(order.begin(), block);
    else
        order.erase(node.place_idle);
}

void PrefixCache::refresh_idle(BlockId block) {
    const BlockId sliding = nodes_[block].sliding;
    set_idle(block, sliding != kNoBlock && sliding_.holders(sliding) == 1);
}

void PrefixCache::count_holds(std::vector<std::int32_t>& full, std::vector<std::int32_t>& sliding) const {
    for (BlockId block = 0; block < static_cast<BlockId>(nodes_.size()); ++block) {
        if (!nodes_[block].present) continue;
        ++full[block];
        if (nodes_[block].sliding != kNoBlock) ++sliding[nodes_[block].sliding];
    }
}

}  // namespace gptoss::engine
