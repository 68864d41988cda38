#include "provenance/chain/model_pricing.h"

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {

PriceBounds price_bounds(bool native) {
    if (native) return {227'273, 22'727'272'727'273'000};
    return {1, 100'000'000};
}

ModelPricing::ModelPricing(EvmClient& chain, const Address& registry) : chain_(chain), registry_(registry) {
    chain_.require_code(registry_, "CONTRACT_NODE_REGISTRY");
}

Amount ModelPricing::price(const Address& host, const Word& model, const Address& token) {
    const Bytes data = chain_.call(registry_, abi::Call("modelTokenPricing(address,bytes32,address)")
                                                  .address(host)
                                                  .word(model)
                                                  .address(token)
                                                  .data());
    return abi::Reply(data).amount(0, "modelTokenPricing");
}

Bytes ModelPricing::set_price(const Word& model, const Address& token, Amount price) {
    return abi::Call("setModelTokenPricing(bytes32,address,uint256)")
        .word(model)
        .address(token)
        .amount(price)
        .data();
}

}  // namespace gptoss::provenance::chain
