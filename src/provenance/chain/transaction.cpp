#include "provenance/chain/transaction.h"

#include <algorithm>

#include "provenance/chain/rlp.h"

namespace gptoss::provenance::chain {
namespace {

SignedTransaction finish(Bytes raw) {
    const Word hash = keccak256(std::span<const std::uint8_t>(raw));
    return {std::move(raw), hash};
}

Bytes with_type(const Bytes& payload) {
    Bytes out(1 + payload.size(), 0x02);
    std::copy(payload.begin(), payload.end(), out.begin() + 1);
    return out;
}

SignedTransaction sign_legacy(const Transaction& transaction, const PrivateKey& key) {
    std::vector<Bytes> fields = {rlp::number(Amount{transaction.nonce}),
                                 rlp::number(transaction.gas_price),
                                 rlp::number(Amount{transaction.gas_limit}),
                                 rlp::text(transaction.to),
                                 rlp::number(transaction.value),
                                 rlp::text(transaction.data)};
    std::vector<Bytes> unsigned_fields = fields;  // EIP-155: the chain id stands where the signature will
    unsigned_fields.insert(unsigned_fields.end(), {rlp::number(Amount{transaction.chain_id}),
                                                   rlp::number(Amount{0}), rlp::number(Amount{0})});
    const Signature signature =
        key.sign(keccak256(std::span<const std::uint8_t>(rlp::list(unsigned_fields))));
    fields.push_back(rlp::number(Amount{transaction.chain_id} * 2 + 35 + signature.parity));
    fields.push_back(rlp::number(signature.r));
    fields.push_back(rlp::number(signature.s));
    return finish(rlp::list(fields));
}

}  // namespace

SignedTransaction sign(const Transaction& transaction, const PrivateKey& key) {
    if (transaction.legacy) return sign_legacy(transaction, key);
    std::vector<Bytes> fields = {rlp::number(Amount{transaction.chain_id}),
                                 rlp::number(Amount{transaction.nonce}),
                                 rlp::number(transaction.priority_fee_per_gas),
                                 rlp::number(transaction.fee_per_gas_max),
                                 rlp::number(Amount{transaction.gas_limit}),
                                 rlp::text(transaction.to),
                                 rlp::number(transaction.value),
                                 rlp::text(transaction.data),
                                 rlp::list({})};  // no access list
    const Bytes payload = with_type(rlp::list(fields));
    const Signature signature = key.sign(keccak256(std::span<const std::uint8_t>(payload)));
    fields.push_back(rlp::number(Amount{signature.parity}));
    fields.push_back(rlp::number(signature.r));
    fields.push_back(rlp::number(signature.s));
    return finish(with_type(rlp::list(fields)));
}

}  // namespace gptoss::provenance::chain
