// The limits that documents tell are the program's.
#include "base/limits.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "api/json_reader.h"
#include "node/application/console_files.h"

namespace gptoss {
namespace {

// 65536 -> "65,536", as the table has it.
std::string with_commas(std::uint64_t value) {
    std::string text = std::to_string(value);
    for (std::size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, ",");
    return text;
}

TEST(Limits, StandInTheDocumentOnSecurity) {
    std::ifstream file(GPTOSS_SOURCE_DIR "/docs/security.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const limits::Limit& limit : limits::kAll) {
        const std::string row = "| `" + std::string(limit.name) + "` | " + with_commas(limit.value) + " | ";
        EXPECT_NE(text.find(row), std::string::npos) << row;
    }
}

TEST(Limits, StandInTheDescriptionOfTheInterface) {
    api::Json told = api::Json::object();
    for (const http::StaticFile& file : node::console_files())
        if (file.path == "/openapi.json") told = api::Json::parse(file.bytes)["x-limits"];
    api::Json limits = api::Json::object();
    for (const limits::Limit& limit : limits::kAll) limits[std::string(limit.name)] = limit.value;
    EXPECT_EQ(told, limits);
}

}  // namespace
}  // namespace gptoss
