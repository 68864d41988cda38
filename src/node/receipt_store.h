// Receipts in a SQLite file: a write-ahead log, so that a node killed at any moment leaves a whole file, and
// at most so many rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::node {

class ReceiptStore {
  public:
    // Throws Error(file_unreadable) with SQLite's words when the file cannot be opened or is none of ours.
    ReceiptStore(const std::filesystem::path& path, std::int64_t kept);
    ~ReceiptStore();

    void put(const std::string& id, const std::string& json);  // and drops the oldest beyond `kept`
    // Does not wait for put(), nor for another program that writes.
    std::optional<std::string> find(std::string_view id);
    std::vector<std::string> latest(int count);  // newest first

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::node
