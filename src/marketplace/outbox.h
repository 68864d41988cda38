// Files on their way to S5, in the ledger's file until they are there: an S5 that is away loses none and holds up
// nobody.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "api/database.h"

namespace gptoss::marketplace {

// What it is called on S5 is known before: `cid` names its bytes.
struct OutboxFile {
    std::int64_t number = 0;
    std::string path, body, cid;
    std::int64_t tries = 0;
};

class Outbox {
  public:
    // The ledger's file. Throws Error(file_unreadable) naming the setting.
    explicit Outbox(const std::filesystem::path& path);

    // For who keeps more in the same file: within its own transaction. `replaces`: what waits for the path is not
    // sent any more.
    static void make_table(const api::Database& database);
    static void put(const api::Database& database, const std::string& path, const std::string& body,
                    bool replaces);

    // What is to be uploaded now, oldest first.
    std::optional<OutboxFile> next(std::int64_t now_s);
    void uploaded(const OutboxFile& file);
    void failed(const OutboxFile& file, std::int64_t now_s);  // again later: after 1, 2, 4 … 300 s
    std::int64_t waiting();

  private:
    std::mutex mutex_;
    api::Database database_;
};

// What S5 will call these bytes.
std::string s5_name_of(std::string_view bytes);

}  // namespace gptoss::marketplace
