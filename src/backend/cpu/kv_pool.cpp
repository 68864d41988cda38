#include "backend/cpu/kv_pool.h"

#include <cstring>

#include "base/check.h"

namespace gptoss::backend::cpu {

KvPool::KvPool(std::int32_t blocks, std::int32_t layers, std::int32_t kv_heads, std::int32_t head_bytes)
    : blocks_(blocks),
      layers_(layers),
      kv_heads_(kv_heads),
      head_bytes_(static_cast<std::size_t>(head_bytes)),
      memory_(std::size_t{2} * static_cast<std::size_t>(blocks) * layers * kv_heads * head_bytes) {}

std::byte* KvPool::keys(BlockId block, std::int32_t layer, std::int32_t head) const {
    check(block >= 0 && block < blocks_, "a KV block outside its pool");
    const std::size_t index = (static_cast<std::size_t>(block) * layers_ + layer) * 2 * kv_heads_ + head;
    return memory_.data() + index * head_bytes_;
}

std::byte* KvPool::values(BlockId block, std::int32_t layer, std::int32_t head) const {
    return keys(block, layer, head) + static_cast<std::size_t>(kv_heads_) * head_bytes_;
}

void KvPool::copy(BlockId from, BlockId to) {
    if (layers_ == 0) return;  // one layer alone is of one kind
    std::memcpy(keys(to, 0, 0), keys(from, 0, 0), std::size_t{2} * layers_ * kv_heads_ * head_bytes_);
}

}  // namespace gptoss::backend::cpu
