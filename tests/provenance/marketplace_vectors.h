// The golden vectors of the marketplace, tests/provenance/data/marketplace: made with s5.js's and the SDK's own
// code. Each file says in README how. Keys in them are public, for tests alone.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "provenance/marketplace/hexadecimal.h"

namespace gptoss::provenance {

// ordered_json keeps the order of an object's keys.
template <typename Json = nlohmann::json>
Json vectors(const std::string& name) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/tests/provenance/data/marketplace/" + name + ".json");
    return Json::parse(file);
}

inline s5::Bytes bytes(const std::string& hex) {
    const auto read = marketplace::from_hexadecimal(hex);
    if (!read) throw std::runtime_error("no hexadecimal: " + hex);
    return *read;
}
template <typename Json>
s5::Bytes bytes(const Json& hex) {
    return bytes(hex.template get<std::string>());
}
template <typename Json>
s5::Bytes32 bytes32(const Json& hex) {
    const s5::Bytes read = bytes(hex);
    if (read.size() != 32) throw std::runtime_error("not 32 bytes");
    return s5::bytes32_of(read);
}
template <typename Json>
std::string as_text(const Json& value) {
    return value.template get<std::string>();
}
// Written as a text where JavaScript's numbers are too small.
template <typename Json>
std::uint64_t number(const Json& value) {
    return value.is_string() ? std::stoull(value.template get<std::string>())
                             : value.template get<std::uint64_t>();
}

template <typename Container>
std::string hex(const Container& container) {
    return marketplace::to_hexadecimal(container);
}

}  // namespace gptoss::provenance
