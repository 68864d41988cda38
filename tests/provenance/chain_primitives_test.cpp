// Published vectors: EIP-55, EIP-155, the RLP page of the Ethereum wiki, the Solidity ABI specification.
#include <gtest/gtest.h>

#include "base/error.h"
#include "provenance/chain/abi.h"
#include "provenance/chain/private_key.h"
#include "provenance/chain/rlp.h"
#include "provenance/chain/transaction.h"

namespace gptoss::provenance::chain {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
    return to_hex_prefixed(bytes);
}
Bytes ascii(std::string_view text) {
    return Bytes(text.begin(), text.end());
}

TEST(Keccak, KnownDigests) {
    EXPECT_EQ(hex(keccak256("")), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(hex(keccak256("abc")), "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    EXPECT_EQ(hex(keccak256("ggml-org/gpt-oss-120b-GGUF/gpt-oss-120b-mxfp4-00001-of-00003.gguf")),
              "0x14a27756f6b24902cb060fc650b37abffc3319db5e966c9b0c6ecbe737e4183d");  // the 120b's model id
}

TEST(Hex, StrictlyBothWays) {
    for (const char* text :
         {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
          "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
        const auto address = address_from_hex(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(to_checksum_text(*address), text);
    }
    EXPECT_FALSE(address_from_hex("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"));  // wrong checksum
    EXPECT_TRUE(address_from_hex("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));   // no checksum
    for (const char* text :
         {"", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
          "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg"})
        EXPECT_FALSE(address_from_hex(text)) << text;
    EXPECT_EQ(to_quantity(0), "0x0");
    EXPECT_EQ(to_quantity(1024), "0x400");
    EXPECT_EQ(amount_from_quantity("0x400"), Amount{1024});
    for (const char* text : {"", "0x", "400", "0xg", "0x123456789012345678901234567890123"})
        EXPECT_FALSE(amount_from_quantity(text).has_value()) << text;
    EXPECT_EQ(to_decimal(Amount{1'000'000'000} * 1'000'000'000 * 1'000), "1000000000000000000000");
}

TEST(Rlp, KnownEncodings) {
    EXPECT_EQ(hex(rlp::text(ascii("dog"))), "0x83646f67");
    EXPECT_EQ(hex(rlp::list(std::vector<Bytes>{rlp::text(ascii("cat")), rlp::text(ascii("dog"))})),
              "0xc88363617483646f67");
    EXPECT_EQ(hex(rlp::text({})), "0x80");
    EXPECT_EQ(hex(rlp::number(Amount{0})), "0x80");
    EXPECT_EQ(hex(rlp::number(Amount{15})), "0x0f");
    EXPECT_EQ(hex(rlp::number(Amount{1024})), "0x820400");
    EXPECT_EQ(hex(rlp::list({})), "0xc0");
    const std::string long_text = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
    EXPECT_EQ(hex(rlp::text(ascii(long_text))).substr(0, 6), "0xb838");
    EXPECT_EQ(hex(rlp::text(Bytes(1024, 1))).substr(0, 8), "0xb90400");
    EXPECT_EQ(hex(rlp::list(std::vector<Bytes>{rlp::text(Bytes(60, 1))})).substr(0, 8), "0xf83eb8");
}

TEST(Abi, TheSpecificationsExamples) {  // Solidity ABI specification, "Examples"
    EXPECT_EQ(hex(abi::Call("baz(uint32,bool)").amount(69).amount(1).data()),
              "0xcdcd77c0000000000000000000000000000000000000000000000000000000000000004500000000000000000000"
              "000000000000000000"
              "00000000000000000000000001");
    const std::vector<Word> numbers = {word_from_amount(1), word_from_amount(2), word_from_amount(3)};
    EXPECT_EQ(hex(abi::Call("sam(bytes,bool,uint256[])").text("dave").amount(1).words(numbers).data()),
              "0xa5643bf2"
              "0000000000000000000000000000000000000000000000000000000000000060"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "00000000000000000000000000000000000000000000000000000000000000a0"
              "0000000000000000000000000000000000000000000000000000000000000004"
              "6461766500000000000000000000000000000000000000000000000000000000"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "0000000000000000000000000000000000000000000000000000000000000001"
              "0000000000000000000000000000000000000000000000000000000000000002"
              "0000000000000000000000000000000000000000000000000000000000000003");
}

TEST(Abi, SelectorsOfTheRegistry) {
    const auto selector = [](const char* signature) {
        return hex(abi::Call(signature).data()).substr(0, 10);
    };
    EXPECT_EQ(selector("addTrustedModel(string,string,bytes32)"), "0xda9969f4");
    EXPECT_EQ(selector("isModelApproved(bytes32)"), "0x4b9f24d8");
    EXPECT_EQ(selector("getModel(bytes32)"), "0x21e7c498");
    EXPECT_EQ(selector("getModelHash(bytes32)"), "0xe3d2552c");
    EXPECT_EQ(selector("updateSupportedModels(bytes32[])"), "0x62983584");
}

TEST(Abi, RepliesAreReadStrictly) {
    const Bytes call =
        abi::Call("f(string,bytes32,bool)").text("hello").word(keccak256("x")).amount(1).data();
    const Bytes reply(call.begin() + 4, call.end());
    const abi::Reply good(reply);
    EXPECT_EQ(good.text(0, "text"), "hello");
    EXPECT_EQ(good.word(1, "hash"), keccak256("x"));
    EXPECT_TRUE(good.boolean(2, "flag"));
    EXPECT_THROW(good.word(99, "beyond"), Error);
    EXPECT_THROW(good.boolean(1, "flag"), Error);
    EXPECT_THROW(good.address(1, "address"), Error);
    // Every cut and every changed byte gives a value or an Error, never a read outside.
    for (std::size_t length = 0; length < reply.size(); ++length) {
        const Bytes cut(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
        try {
            abi::Reply(cut).text(0, "text");
        } catch (const Error&) {
        }
    }
    for (std::size_t i = 0; i < reply.size(); ++i) {
        Bytes bad = reply;
        bad[i] = 0xFF;
        try {
            EXPECT_LE(abi::Reply(bad).text(0, "text").size(), bad.size());
        } catch (const Error&) {
        }
    }
}

TEST(Abi, RevertReasons) {
    const Bytes error = abi::Call("Error(string)").text("Model already exists").data();
    EXPECT_EQ(abi::revert_reason(error), "Model already exists");
    EXPECT_EQ(abi::revert_reason(abi::Call("Panic(uint256)").amount(0x11).data()), "panic code 0x11");
    EXPECT_EQ(abi::revert_reason(Bytes{1, 2, 3, 4}), "custom error 0x01020304");
    EXPECT_EQ(abi::revert_reason({}), "");
}

TEST(Transaction, TheExampleOfEip155) {
    const PrivateKey key("4646464646464646464646464646464646464646464646464646464646464646", "TEST_KEY");
    EXPECT_EQ(to_checksum_text(key.address()), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
    Transaction transaction;
    transaction.chain_id = 1;
    transaction.nonce = 9;
    transaction.legacy = true;
    transaction.gas_price = 20'000'000'000;
    transaction.gas_limit = 21000;
    transaction.to = *address_from_hex("0x3535353535353535353535353535353535353535");
    transaction.value = 1'000'000'000'000'000'000;
    EXPECT_EQ(hex(sign(transaction, key).raw),
              "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028"
              "ef61340bd939bc2195fe53"
              "7567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297f"
              "b1966a3b6d83");
}

TEST(PrivateKey, SignaturesNameTheirMaker) {
    const PrivateKey key("0x4646464646464646464646464646464646464646464646464646464646464646\n", "TEST_KEY");
    const Signature signature = key.sign(keccak256("message"));
    EXPECT_EQ(recover(keccak256("message"), signature), key.address());
    EXPECT_NE(recover(keccak256("another"), signature), key.address());
    Signature broken = signature;
    broken.r.fill(0);
    EXPECT_FALSE(recover(keccak256("message"), broken).has_value());
}

TEST(PrivateKey, ABadKeyIsRefusedWithoutBeingShown) {
    for (const std::string text :
         {"", "1234", "0x", "secretsecretsecretsecretsecretsecretsecretsecretsecretsecretsecr",
          "0000000000000000000000000000000000000000000000000000000000000000"}) {
        try {
            PrivateKey(text, "OWNER_PRIVATE_KEY");
            FAIL();
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("OWNER_PRIVATE_KEY"), std::string::npos);
            if (text.size() > 4) {
                EXPECT_EQ(error.for_people().find(text.substr(0, 8)), std::string::npos);
            }
        }
    }
}

}  // namespace
}  // namespace gptoss::provenance::chain
