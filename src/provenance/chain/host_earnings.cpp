#include "provenance/chain/host_earnings.h"

#include "base/error.h"
#include "provenance/chain/abi.h"

namespace gptoss::provenance::chain {

HostEarnings::HostEarnings(EvmClient& chain, const Address& contract) : chain_(chain), contract_(contract) {
    chain_.require_code(contract_, "CONTRACT_HOST_EARNINGS");
}

Amount HostEarnings::balance(const Address& host, const Address& token) {
    const Bytes data =
        chain_.call(contract_, abi::Call("getBalance(address,address)").address(host).address(token).data());
    return abi::Reply(data).amount(0, "getBalance");
}

Bytes HostEarnings::withdraw_all(const Address& token) {
    return abi::Call("withdrawAll(address)").address(token).data();
}

}  // namespace gptoss::provenance::chain
