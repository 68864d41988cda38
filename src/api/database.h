// SQLite behind a few typed calls: statements that are bound, stepped and finished by themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace gptoss::api {

// One statement at a time: the caller's lock.
class Database {
  public:
    // Makes the file, with mode 0600, where it is missing; an empty path is a database in memory. Errors name
    // `setting`.
    Database(const std::filesystem::path& path, std::string setting);

    class Statement {
      public:
        Statement(const Database& database, std::string_view sql);
        Statement& bind(std::string_view text);  // the next parameter
        Statement& bind(std::int64_t number);
        bool step();  // true: a row is there
        std::string text(int column) const;
        std::int64_t number(int column) const;

      private:
        struct Finish {
            void operator()(sqlite3_stmt* statement) const;
        };
        const Database& database_;
        std::unique_ptr<sqlite3_stmt, Finish> statement_;
        int bound_ = 0;
    };

    Statement prepare(std::string_view sql) const { return Statement(*this, sql); }
    void run(const char* sql) const;
    int changed_rows() const;  // by the last statement

    // Everything until commit() happens, or nothing of it.
    class Transaction {
      public:
        explicit Transaction(const Database& database);
        ~Transaction();  // rolls back what was not committed
        void commit();
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;

      private:
        const Database& database_;
        bool open_ = true;
    };

  private:
    [[noreturn]] void fail() const;

    struct Close {
        void operator()(sqlite3* database) const;
    };
    std::string name_, setting_;
    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace gptoss::api
